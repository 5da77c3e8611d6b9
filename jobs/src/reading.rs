//! Reading an import's file: a blocking parser on its own thread, batches of rows on ours.

use std::io::Read;
use std::sync::Arc;

use tokio::sync::mpsc;
use workbench_engine::import::ImportState;
use workbench_engine::store::{Import, NewIssue, PinnedProfile, SavedMapping, StoredRecord};
use workbench_importer::{
    ConfirmedMapping, Detected, Earlier, Format, Issue, Item, OpenError, Options, Previewed, Profile, ReadError,
    Record, Reference, Severity, Signers, UnpackLimits,
};

use crate::Context;
use crate::attempt::Failure;
use crate::original::Original;

/// Rows, records or issues in a batch at most: one transaction each.
const BATCH: usize = 2048;

/// A batch is given out once its records are longer than this, in bytes.
const BATCH_BYTES: usize = 1024 * 1024;

/// Confirmed mappings that are tried on a table, the latest.
const REMEMBERED: i64 = 100;

/// What comes from the parser.
pub enum Part {
    /// First of all: what the file is.
    Detected(Box<Detected>),
    /// Rows, in file order.
    Rows(Rows),
    /// Findings about the whole file.
    File(Vec<NewIssue>),
    /// Last of all: the file was read whole. Parts that stop coming without this are not the whole file.
    End,
}

/// A batch of rows.
#[derive(Default)]
pub struct Rows {
    /// Rows read.
    pub read: i64,
    /// Of these, with warnings only.
    pub warned: i64,
    /// Of these, with an error.
    pub rejected: i64,
    /// The records that they give.
    pub records: Vec<StoredRecord>,
    /// The findings about them.
    pub issues: Vec<NewIssue>,
    /// The records of other kinds that they refer to.
    pub references: Vec<Referral>,
    /// Bytes of the file read so far.
    pub bytes: u64,
    /// Bytes of the records.
    size: usize,
}

impl Rows {
    fn add(&mut self, records: Vec<Record>, issues: Vec<Issue>, rejected: bool) {
        self.read += 1;
        self.rejected += i64::from(rejected);
        self.warned += i64::from(!rejected && !issues.is_empty());
        self.size += records.iter().map(|record| record.key.len() + record.fields.as_str().len()).sum::<usize>();
        self.records.extend(records.into_iter().map(stored));
        self.issues.extend(issues.into_iter().map(issue));
    }

    fn refer(&mut self, row: u64, record: Option<&Record>, references: Vec<Reference>, unremarked: bool) {
        let Some(row_key) = record.filter(|_| !references.is_empty()).map(Record::row_key) else { return };
        let line = i64::try_from(row).unwrap_or(i64::MAX);
        self.references.extend(references.into_iter().map(|to| Referral { line, row_key, unremarked, to }));
    }

    fn is_full(&self) -> bool {
        let read = usize::try_from(self.read).unwrap_or(BATCH);
        self.records.len().max(self.issues.len()).max(self.references.len()).max(read) >= BATCH
            || self.size >= BATCH_BYTES
    }
}

/// A row's reference to a record of another kind.
pub struct Referral {
    /// Where the row is.
    pub line: i64,
    /// What tells the row in another file; see [`Issue::row_key`].
    pub row_key: i64,
    /// Nothing else was found about the row.
    pub unremarked: bool,
    /// The record and the column that refers to it.
    pub to: Reference,
}

/// The parts of a file, as they come from the parser.
pub struct Parts(mpsc::Receiver<Result<Part, Failure>>);

impl Parts {
    /// The next part; [`Part::End`] is the last.
    pub async fn next(&mut self) -> Result<Part, Failure> {
        let gone = || Failure::Retryable("the file's reader ended before the file did".to_owned());
        self.0.recv().await.ok_or_else(gone)?
    }
}

/// Parses an import's file. The parser stops by itself when the parts are dropped.
pub async fn read(context: &Context, import: &Import) -> Result<Parts, Failure> {
    let file = context.objects.open(&import.object_key).await.map_err(|error| Failure::Retryable(error.to_string()))?;
    let earlier = Earlier { previewed: previewed(import)?, confirmed: confirmed(context, import).await? };
    let options = options(import, &context.settings.signers, earlier)?;
    let (sender, receiver) = mpsc::channel(2);
    let unpack = context.settings.unpack;
    let (size, sha256) = (u64::try_from(import.size).unwrap_or_default(), import.sha256.clone());
    tokio::task::spawn_blocking(move || {
        let mut original = Original::new(file);
        let ended = match parse(Box::new(original.clone()), &options, unpack, &sender) {
            Ok(true) => original.is_whole(size, &sha256).map_err(|error| Failure::Retryable(error.to_string())),
            Ok(false) => return,
            Err(failure) => Err(failure),
        };
        // Nobody is left to hear of it where the receiver is gone.
        let _ = sender.blocking_send(match ended {
            Ok(true) => Ok(Part::End),
            Ok(false) => Err(changed()),
            Err(failure) => Err(failure),
        });
    });
    Ok(Parts(receiver))
}

fn options(import: &Import, signers: &Arc<Signers>, earlier: Earlier) -> Result<Options, Failure> {
    let unknown = |error: String| Failure::Permanent {
        code: "unknown_format".to_owned(),
        message: error,
        hint: "Upload the file again with another `format` or `entity`.".to_owned(),
    };
    let format = import.format.as_deref().filter(|format| *format != "auto");
    Ok(Options {
        format: format.map(|format| format.parse().map_err(|error| unknown(format!("{error}")))).transpose()?,
        entity: import
            .entity
            .as_deref()
            .map(|entity| entity.parse().map_err(|error| unknown(format!("{error}"))))
            .transpose()?,
        file_name: import.file_name.clone(),
        mapping: import.mapping.columns.clone(),
        header: import.mapping.header,
        signers: signers.clone(),
        earlier,
        profile: import.profile.as_ref().map(profile).transpose()?,
        // The day of the upload, so that reading again gives the same findings.
        today: import.created_at.date_naive(),
    })
}

/// How the tenant's tables were mapped before.
async fn confirmed(context: &Context, import: &Import) -> Result<Vec<ConfirmedMapping>, Failure> {
    let saved = context.store.mappings(&import.tenant_id, REMEMBERED).await?;
    let known = |saved: SavedMapping| {
        Some(ConfirmedMapping {
            entity: saved.entity.parse().ok()?,
            columns: saved.columns.into_iter().map(|column| (column.column, column.field)).collect(),
            origin: format!("as confirmed in {} on {}", saved.import_id, saved.confirmed_at.date_naive()),
        })
    };
    Ok(saved.into_iter().filter_map(known).collect())
}

/// The mapping that a person saw and confirmed, where the file is read to be stored: of a table, by whatever means it was
/// found then.
fn previewed(import: &Import) -> Result<Option<Previewed>, Failure> {
    let stores = import.state == ImportState::Loading && import.profile.is_none();
    let Some(detected) = import.detected.as_ref().filter(|_| stores) else { return Ok(None) };
    let detected: Detected = serde_json::from_value(detected.clone()).map_err(|error| Failure::Permanent {
        code: "preview_damaged".to_owned(),
        message: format!("what the preview found cannot be read any more: {error}"),
        hint: "Upload the file again.".to_owned(),
    })?;
    let named = detected.header.is_some();
    Ok((detected.format == Format::Csv).then_some(Previewed { named, mapping: detected.mapping }))
}

/// The profile as it was pinned with the upload.
fn profile(pinned: &PinnedProfile) -> Result<Arc<Profile>, Failure> {
    Profile::load(&pinned.name, &pinned.source).map(Arc::new).map_err(|faults| Failure::Permanent {
        code: "profile_unsound".to_owned(),
        message: faults.first().map_or_else(|| "the profile has faults".to_owned(), ToString::to_string),
        hint: "Correct the profile, then upload the file again.".to_owned(),
    })
}

/// Whether the file was read to its end: a closed channel means that the attempt has ended, and reading stops.
fn parse(
    reader: Box<dyn Read + Send>,
    options: &Options,
    unpack: UnpackLimits,
    sender: &mpsc::Sender<Result<Part, Failure>>,
) -> Result<bool, Failure> {
    let send = |part: Part| sender.blocking_send(Ok(part)).is_ok();
    let opened = workbench_importer::open_within(reader, options, unpack);
    if let Err(OpenError::Unmapped { detected, .. }) = &opened
        && !send(Part::Detected(detected.clone()))
    {
        return Ok(false);
    }
    let mut import = opened.map_err(|error| unopened(&error))?;
    if !send(Part::Detected(Box::new(import.detected().clone()))) {
        return Ok(false);
    }
    let mut rows = Rows::default();
    while let Some(item) = import.next() {
        match item.map_err(|error| unreadable(&error))? {
            Item::Row { row, records, references, issues, rejected } => {
                rows.refer(row, records.first(), references, issues.is_empty());
                rows.add(records, issues, rejected);
                if rows.is_full() {
                    rows.bytes = import.bytes_read();
                    if !send(Part::Rows(std::mem::take(&mut rows))) {
                        return Ok(false);
                    }
                }
            }
            Item::File { issues } => {
                if !send(Part::File(issues.into_iter().map(issue).collect())) {
                    return Ok(false);
                }
            }
        }
    }
    if rows.read > 0 {
        rows.bytes = import.bytes_read();
        return Ok(send(Part::Rows(rows)));
    }
    Ok(true)
}

/// What is stored is not what was uploaded: reading it again gives nothing else.
fn changed() -> Failure {
    Failure::Permanent {
        code: "file_changed".to_owned(),
        message: "the stored file is not the one that was uploaded: its size or its SHA-256 differs".to_owned(),
        hint: "Upload the file again; whoever runs the daemon should look at the folder of uploads.".to_owned(),
    }
}

fn stored(record: Record) -> StoredRecord {
    StoredRecord { kind: record.kind.as_str().to_owned(), natural_key: record.key, fields: record.fields.into_string() }
}

fn issue(issue: Issue) -> NewIssue {
    NewIssue {
        severity: match issue.severity {
            Severity::Error => "error".to_owned(),
            Severity::Warning => "warning".to_owned(),
        },
        code: issue.code.to_owned(),
        line: i64::try_from(issue.row).unwrap_or(i64::MAX),
        column: issue.column,
        value: issue.value,
        message: issue.message,
        hint: issue.hint,
        row_key: issue.row_key,
    }
}

fn unopened(error: &OpenError) -> Failure {
    match error {
        OpenError::Io(_) => Failure::Retryable(error.to_string()),
        _ => Failure::Permanent { code: error.code().to_owned(), message: error.to_string(), hint: error.hint() },
    }
}

fn unreadable(error: &ReadError) -> Failure {
    match error {
        ReadError::Io(_) => Failure::Retryable(error.to_string()),
        _ => Failure::Permanent { code: error.code().to_owned(), message: error.to_string(), hint: error.hint() },
    }
}
