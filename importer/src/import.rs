//! Opening a file: a look at its head decides format, encoding and layout; the rest is read as a stream of items.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::content::{recognise, refuse_binary};
use crate::csv_import::CsvImport;
use crate::decoding::{CountingReader, DecodingNotes, DecodingReader, decode_head};
use crate::encoding::{self, Encoding};
use crate::failure::{OpenError, ReadError};
use crate::fipjp::{FipjpImport, Signers};
use crate::format::{Entity, Format};
use crate::issue::{Issue, RowIdentity, shorten, tell_row};
use crate::packed::{self, PackedFault, Packing, UnpackLimits};
use crate::profile::{EncodingName, Profile};
use crate::profiled::ProfiledImport;
use crate::record::Record;
use crate::reference::Reference;
use crate::sie::{SieElements, SieLines};

/// Bytes looked at before the first row: 64 KiB.
pub(crate) const HEAD_BYTES: usize = 64 * 1024;

/// The decoded text of a file, from behind its byte order mark.
pub(crate) type TextStream = DecodingReader<Box<dyn Read + Send>>;

/// What the sender says about a file, and what reading needs to know about the day.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The declared format; `None` detects it.
    pub format: Option<Format>,
    /// The declared content; `None` guesses: SIE holds a ledger, a table is judged by its header.
    pub entity: Option<Entity>,
    /// The name the file was sent under; only its extension is used, to tell SIE 4E from 4I. The name inside of a packed
    /// file counts for more.
    pub file_name: Option<String>,
    /// Source column header to field name, over detection. `#3` is the third column of any table, `column 3` of one that
    /// calls no column so. An empty field name leaves the column out.
    pub mapping: BTreeMap<String, String>,
    /// Whether the first line of a table names its columns; `None` finds out. A profile says so itself.
    pub header: Option<bool>,
    /// The profile to read by. Without one, JSON and XML are read by the shipped profile of their format, tables by
    /// their header, and SIE by its own rules.
    pub profile: Option<Arc<Profile>>,
    /// Whose signatures on federation submissions are known.
    pub signers: Arc<Signers>,
    /// What is known from earlier tables of the sender.
    pub earlier: Earlier,
    /// The current day where the file belongs: a birth date after it is an error.
    pub today: NaiveDate,
}

#[cfg(test)]
impl Options {
    /// Nothing is said but a mapping.
    pub(crate) fn of_test(mapping: &[(&str, &str)]) -> Self {
        Self {
            format: None,
            entity: None,
            file_name: None,
            mapping: mapping.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect(),
            header: None,
            profile: None,
            signers: Arc::default(),
            earlier: Earlier::default(),
            today: NaiveDate::from_ymd_opt(2026, 11, 25).expect("a date"),
        }
    }
}

/// What is known from earlier about how a sender's tables are mapped.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Earlier {
    /// What this file's preview showed: the table is read by it and by nothing else, whatever was learnt since.
    pub previewed: Option<Previewed>,
    /// Mappings confirmed for other tables, the latest first.
    pub confirmed: Vec<ConfirmedMapping>,
}

/// How a table was read for a preview.
#[derive(Debug, Clone, PartialEq)]
pub struct Previewed {
    /// Whether the first line was its header.
    pub named: bool,
    /// Where its columns went.
    pub mapping: Vec<MappedColumn>,
}

/// How a table was mapped that somebody confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfirmedMapping {
    /// What its rows were.
    pub entity: Entity,
    /// Its columns, each with the field that it fills; none where it was left out.
    pub columns: Vec<(String, Option<String>)>,
    /// Where that was, in words that follow "mapped".
    pub origin: String,
}

impl ConfirmedMapping {
    /// Whether a table has the same columns, in whatever order.
    pub(crate) fn is_of(&self, columns: &[String]) -> bool {
        let mut own: Vec<&str> = self.columns.iter().map(|(name, _)| name.as_str()).collect();
        let mut others: Vec<&str> = columns.iter().map(String::as_str).collect();
        own.sort_unstable();
        others.sort_unstable();
        own == others
    }
}

/// What a file turned out to be, as far as its first 64 KiB tell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Detected {
    /// The format it is read as.
    pub format: Format,
    /// What it is taken to hold.
    pub entity: Entity,
    /// Name of the character encoding.
    pub encoding: String,
    /// The evidence for the encoding.
    pub encoding_reason: String,
    /// The column delimiter of a table.
    pub delimiter: Option<char>,
    /// The header of a table, as written; `None` where its first line holds values.
    pub header: Option<Vec<String>>,
    /// Whether the first line of a table is its header, and how that is known; `None` where nobody has to ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heading: Option<Heading>,
    /// Where each column of a table goes, in file order.
    pub mapping: Vec<MappedColumn>,
    /// Further findings by name, such as `sie_type`, `program`, `company` or `fiscal_year`; of a packed file `packed`
    /// (`gzip` or `zip`) and `packed_name`, the name that it has inside.
    pub details: BTreeMap<String, String>,
}

impl Detected {
    /// Whether the header or a column is a guess: a person should look before the file is stored.
    #[must_use]
    pub fn is_guessed(&self) -> bool {
        self.heading.as_ref().is_some_and(|heading| heading.guessed)
            || self.mapping.iter().any(MappedColumn::is_guessed)
    }
}

/// Whether the first line of a table names its columns, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heading {
    /// Whether it does; else it is a row.
    pub named: bool,
    /// Whether that was found out; else somebody said so.
    pub inferred: bool,
    /// Whether the evidence is weak: a person should look before the file is stored.
    pub guessed: bool,
    /// Why, in words.
    pub reason: String,
}

/// Where a column of a table goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MappedColumn {
    /// The column's header, as written.
    pub column: String,
    /// The field it fills; `None` when it is left out.
    pub field: Option<String>,
    /// 1.0 for a mapping asked for or confirmed earlier, or an exact name; 0.95 for a column confirmed in another table; 0.9
    /// for a known other name. What is guessed has less: 0.7 to 0.85 for a misspelt name or a confirmed place, at most 0.7
    /// for what the values say. 0.0 for a column left out.
    pub confidence: f64,
    /// Why, in words.
    #[serde(default)]
    pub reason: String,
    /// How its values are written, where they show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notation: Option<Notation>,
    /// Other fields that the column may fill, the likeliest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<Alternative>,
}

/// How dates or numbers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notation {
    /// Of dates with separators, the day comes first.
    DayFirst,
    /// Of dates with separators, the month comes first.
    MonthFirst,
    /// A point stands before decimals; commas may stand between thousands.
    DecimalPoint,
    /// A comma stands before decimals; points may stand between thousands.
    DecimalComma,
}

/// A field that a column may fill, and does not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alternative {
    /// The field.
    pub field: String,
    /// As in [`MappedColumn::confidence`].
    pub confidence: f64,
}

impl MappedColumn {
    /// A column that goes nowhere.
    pub(crate) fn left_out(column: &str, reason: &str) -> Self {
        let (column, reason) = (column.to_owned(), reason.to_owned());
        Self { column, field: None, confidence: 0.0, reason, notation: None, alternatives: Vec::new() }
    }

    /// A column whose field a format or profile says.
    pub(crate) fn declared(column: &str, field: &str, reason: &str) -> Self {
        Self { field: Some(field.to_owned()), confidence: 1.0, ..Self::left_out(column, reason) }
    }

    /// Whether it fills a field without a name that says so: a person should look before the file is stored.
    #[must_use]
    pub fn is_guessed(&self) -> bool {
        self.field.is_some() && self.confidence < 0.9
    }
}

/// What the iterator gives.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// One unit of reading: a CSV line, an XML element, a JSON object, a SIE record, element or voucher. SIE records that only identify the file and
    /// give nothing to store or to remark on are no item; an account is an item of its own, given once its attributes
    /// are known.
    Row {
        /// Line where the unit starts, or number of the record (see [`Record::row`]), counted from 1.
        row: u64,
        /// What to store; empty when rejected.
        records: Vec<Record>,
        /// The records of other kinds that it refers to, where a profile says so; empty when rejected.
        references: Vec<Reference>,
        /// What was found.
        issues: Vec<Issue>,
        /// Whether an error keeps the unit from being stored.
        rejected: bool,
    },
    /// Findings about the file as a whole: its header first, its balance checks last.
    File {
        /// What was found; never empty.
        issues: Vec<Issue>,
    },
}

impl Item {
    /// A row, rejected when one of its issues is an error.
    pub(crate) fn row(row: u64, records: Vec<Record>, mut issues: Vec<Issue>) -> Self {
        // Most rows have none, and are many.
        if let (false, Some(record)) = (issues.is_empty(), records.first()) {
            tell_row(&mut issues, RowIdentity::Key(&record.key));
        }
        let rejected = issues.iter().any(|issue| issue.severity == crate::Severity::Error);
        Self::Row {
            row,
            records: if rejected { Vec::new() } else { records },
            references: Vec::new(),
            issues,
            rejected,
        }
    }

    /// Adds what else was found about a row; what has been said is not said again.
    pub(crate) fn add(&mut self, found: Vec<Issue>) {
        let Self::Row { records, references, issues, rejected, .. } = self else { return };
        let mut found = found;
        match (records.first(), issues.first()) {
            (Some(record), _) => tell_row(&mut found, RowIdentity::Key(&record.key)),
            (None, known) => found.iter_mut().for_each(|issue| issue.row_key = known.and_then(|known| known.row_key)),
        }
        for issue in found {
            if issue.severity == crate::Severity::Error {
                *rejected = true;
                records.clear();
                references.clear();
                if issues.iter().any(|known| known.code == issue.code) {
                    continue;
                }
            }
            issues.push(issue);
        }
    }
}

enum Layout {
    Csv(Box<CsvImport>),
    Fipjp(Box<FipjpImport>),
    Profiled(Box<ProfiledImport>),
    SieElements(Box<SieElements>),
    SieLines(Box<SieLines>),
}

/// A file being read: an iterator of [`Item`]s that ends after the first [`ReadError`].
pub struct Import {
    detected: Detected,
    bytes_read: Arc<AtomicU64>,
    layout: Layout,
    packing: Option<Packing>,
    ended: bool,
}

impl std::fmt::Debug for Import {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Import").field("detected", &self.detected).field("ended", &self.ended).finish_non_exhaustive()
    }
}

impl Import {
    /// What the file turned out to be.
    #[must_use]
    pub const fn detected(&self) -> &Detected {
        &self.detected
    }

    /// Bytes taken from the reader so far, packed as they are: at least the head, and a little ahead of the items. For
    /// progress display.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Relaxed)
    }
}

impl Iterator for Import {
    type Item = Result<Item, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = match &mut self.layout {
            Layout::Csv(import) => import.next_item(),
            Layout::Fipjp(import) => import.next_item(),
            Layout::Profiled(import) => import.next_item(),
            Layout::SieElements(import) => import.next_item(),
            Layout::SieLines(import) => import.next_item(),
        };
        self.ended = !matches!(next, Some(Ok(_)));
        match (next, &mut self.packing) {
            // A reader may stop where its format ends; the checksum comes after that.
            (None, Some(packing)) => packing.finish().err().map(Err),
            (next, _) => next,
        }
    }
}

/// Opens a file: unpacks it if it is packed, looks at its head, decides how to read it, and refuses what cannot be
/// read. A packed file may hold as much as [`UnpackLimits`] allow by default.
///
/// # Errors
/// [`OpenError`] when the file is empty, binary, of no known layout, or contradicts the options.
pub fn open(reader: Box<dyn Read + Send>, options: &Options) -> Result<Import, OpenError> {
    open_within(reader, options, UnpackLimits::default())
}

/// As [`open`], with other limits for packed files.
///
/// # Errors
/// As [`open`].
pub fn open_within(reader: Box<dyn Read + Send>, options: &Options, limits: UnpackLimits) -> Result<Import, OpenError> {
    let bytes_read = Arc::new(AtomicU64::new(0));
    let counting = CountingReader::new(reader, bytes_read.clone());
    let (reader, packing) = packed::unpack(counting, &bytes_read, limits)?;
    let unpacked = packing.as_ref().map(|packing| Options {
        file_name: packing.name.clone().or_else(|| without_packed_extension(options.file_name.as_deref())),
        ..options.clone()
    });
    let mut import = open_unpacked(reader, unpacked.as_ref().unwrap_or(options), packing.is_some())?;
    import.bytes_read = bytes_read;
    if let Some(packing) = packing {
        let details = &mut import.detected.details;
        details.insert("packed".into(), packing.kind.into());
        details.extend(packing.name.as_deref().map(|name| ("packed_name".into(), shorten(name))));
        import.packing = Some(packing);
    }
    Ok(import)
}

/// `ledger.si` of `ledger.si.gz`.
fn without_packed_extension(name: Option<&str>) -> Option<String> {
    let (name, extension) = name?.rsplit_once('.')?;
    ["gz", "zip"].iter().any(|packed| extension.eq_ignore_ascii_case(packed)).then(|| name.to_owned())
}

fn open_unpacked(mut reader: Box<dyn Read + Send>, options: &Options, was_packed: bool) -> Result<Import, OpenError> {
    let mut head = Vec::new();
    // `take` by reference retries interrupted reads and stops at the end or at the limit.
    reader.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head).map_err(OpenError::from_io)?;
    if let Some(kind) = packed::kind(&head).filter(|_| was_packed) {
        return Err(PackedFault::Nested { kind }.into());
    }

    let mark = encoding::by_mark(&head);
    let body = head.get(mark.as_ref().map_or(0, |mark| mark.mark_bytes)..).unwrap_or_default();
    let declared = options.profile.as_ref().map_or(EncodingName::Auto, |profile| profile.encoding());
    let utf16 = mark.as_ref().is_some_and(|mark| matches!(mark.encoding, Encoding::Utf16Le | Encoding::Utf16Be))
        || matches!(declared, EncodingName::Utf16Le | EncodingName::Utf16Be);
    refuse_binary(&head, utf16)?;
    if head.len() < HEAD_BYTES && body.iter().all(|byte| byte.is_ascii_whitespace() || matches!(byte, 0 | 0x1a)) {
        return Err(OpenError::Empty);
    }
    // The marks of every format are ASCII, so any one-byte reading of the head shows them.
    let table_decision = encoding::of_table(&head);
    let table_head = decode_head(&head, &table_decision, Encoding::Windows1252);
    let (found, why) = recognise(&table_head);
    let markup = table_head.trim_start().starts_with('<');
    let format = agreed_format(options, found, &why)?;
    let profile = options.profile.clone().or_else(|| Profile::usual(format));

    let notes = Arc::new(DecodingNotes::default());
    let (decision, fallback) = match format {
        Format::Sie if !markup => (encoding::of_sie(&head), Encoding::Cp437),
        _ if declared != EncodingName::Auto => (encoding::of_profile(declared, &head), Encoding::Windows1252),
        Format::Xml | Format::Sie => (encoding::of_xml(&head, &table_head)?, Encoding::Windows1252),
        Format::Json | Format::Fipjp => (encoding::of_json(&head), Encoding::Windows1252),
        Format::Csv | Format::FixedWidth => (table_decision, Encoding::Windows1252),
    };
    let text_head = decode_head(&head, &decision, fallback);
    head.drain(..decision.mark_bytes);
    let source: Box<dyn Read + Send> = Box::new(Cursor::new(head).chain(reader));
    let stream = DecodingReader::new(source, &decision, fallback, notes.clone());

    let mut detected = Detected {
        format,
        entity: Entity::Ledger,
        encoding: decision.encoding.to_string(),
        encoding_reason: decision.reason,
        delimiter: None,
        header: None,
        heading: None,
        mapping: Vec::new(),
        details: BTreeMap::new(),
    };
    let layout = match (profile, format) {
        (Some(profile), _) => Layout::Profiled(Box::new(ProfiledImport::open(
            stream,
            notes,
            &text_head,
            profile,
            options,
            &mut detected,
        )?)),
        (None, Format::Fipjp) => Layout::Fipjp(Box::new(FipjpImport::open(stream, &notes, options, &mut detected)?)),
        (None, Format::Sie) => {
            refuse_entity(options.entity, Entity::Ledger, "a SIE file", "SIE files hold a ledger")?;
            if markup {
                Layout::SieElements(Box::new(SieElements::open(stream, notes, &text_head, &mut detected)?))
            } else {
                Layout::SieLines(Box::new(SieLines::open(stream, notes, &text_head, options, &mut detected)))
            }
        }
        (None, _) => match CsvImport::open(stream, notes, &text_head, options, &mut detected) {
            Ok(import) => Layout::Csv(Box::new(import)),
            Err(error) => return Err(error.of_table(detected)),
        },
    };
    Ok(Import { detected, bytes_read: Arc::default(), layout, packing: None, ended: false })
}

/// The format to read, from what was declared and what was found.
fn agreed_format(options: &Options, found: Format, why: &str) -> Result<Format, OpenError> {
    let mismatch = |declared: String, found: String| OpenError::Mismatch { declared, found, why: why.to_owned() };
    let declared = match (&options.profile, options.format) {
        (Some(profile), Some(format)) if profile.format() != format => {
            return Err(OpenError::Mismatch {
                declared: format.to_string(),
                found: profile.format().to_string(),
                why: format!("that is what the profile {} reads", profile.name()),
            });
        }
        (Some(profile), _) => Some(profile.format()),
        (None, declared) => declared,
    };
    match declared {
        // A long submission may say late what it is. Never the other way round: read as any JSON, a submission would be
        // taken without a look at its signature.
        Some(Format::Fipjp) if found == Format::Json => Ok(Format::Fipjp),
        Some(Format::FixedWidth) if options.profile.is_none() => {
            Err(OpenError::ProfileMissing { format: Format::FixedWidth })
        }
        // The root element decides, and is looked at when the file is opened.
        Some(Format::Sie) if found == Format::Xml => Ok(Format::Sie),
        // Lines of fixed width have no marks of their own, and may begin with any.
        Some(Format::FixedWidth) => Ok(Format::FixedWidth),
        // A table that a profile describes may look odd in any way.
        Some(Format::Csv)
            if options.profile.is_some() && !matches!(found, Format::Xml | Format::Json | Format::Fipjp) =>
        {
            Ok(Format::Csv)
        }
        Some(format) if format != found => Err(mismatch(format.to_string(), found.to_string())),
        Some(format) => Ok(format),
        None => Ok(found),
    }
}

pub(crate) fn refuse_entity(declared: Option<Entity>, held: Entity, found: &str, why: &str) -> Result<(), OpenError> {
    match declared {
        Some(entity) if entity != held => {
            Err(OpenError::Mismatch { declared: entity.to_string(), found: found.to_owned(), why: why.to_owned() })
        }
        _ => Ok(()),
    }
}

/// Findings of decoding, once the file has ended.
pub(crate) fn decoding_issue(notes: &DecodingNotes, declared: &str, fallback: &str) -> Option<Issue> {
    let bytes = notes.foreign_bytes.load(Ordering::Relaxed);
    let first = notes.first_foreign.load(Ordering::Relaxed);
    (bytes > 0).then(|| {
        Issue::warning(
            "encoding_mixed",
            0,
            format!("{bytes} bytes are not valid {declared} and were read as {fallback}; the first is byte {first}"),
            "Check the names with letters outside A to Z; better, export the file again as UTF-8.",
        )
    })
}
