//! Tables: delimited text with a header line, one member or club per row.

mod assignment;
mod columns;
mod countries;
pub(crate) mod delimiter;
mod evidence;
mod findings;
mod header;
mod identity_numbers;
mod lines;
mod name_lists;
mod notation;
mod plan;
mod request;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::NaiveDate;
use csv::StringRecord;

use crate::decoding::DecodingNotes;
use crate::failure::{OpenError, ReadError};
use crate::format::Entity;
use crate::import::{Detected, Item, MappedColumn, Options, TextStream, decoding_issue};
use crate::issue::Issue;
use crate::quote_watch::{QuoteWatch, StrayQuotes};
use crate::record::RecordKind;
use crate::record_limit::RecordLimit;
use crate::rows::{Cleaner, FieldSpec, Judge, Values, Written, fields, trimmed};
use crate::{MAX_COLUMNS, MAX_RECORD_BYTES};

use lines::Lines;

pub(crate) use findings::unmapped_issue;
pub use request::MappingFault;

/// Decoded text taken at a time, in bytes.
const BUFFER: usize = 64 * 1024;

/// A table being read.
pub(crate) struct CsvImport {
    lines: Lines,
    notes: Arc<DecodingNotes>,
    header: Vec<String>,
    /// The columns that fill a field, by their place in a row, and how their values are written.
    columns: Vec<(usize, &'static FieldSpec, Written)>,
    today: NaiveDate,
    judge: Judge,
    rows: u64,
    opening_issues: Vec<Issue>,
    stray_quotes: StrayQuotes,
    ended: bool,
}

impl CsvImport {
    /// Reads the header and decides where each column goes; completes `detected`.
    pub(crate) fn open(
        stream: TextStream,
        notes: Arc<DecodingNotes>,
        head: &str,
        options: &Options,
        detected: &mut Detected,
    ) -> Result<Self, OpenError> {
        if options.entity == Some(Entity::Ledger) {
            return Err(OpenError::Mismatch {
                declared: Entity::Ledger.to_string(),
                found: "a CSV table".into(),
                why: "a ledger is read from SIE files; tables hold members or clubs".into(),
            });
        }
        let announced = delimiter::announced(head);
        let delimiter = announced.unwrap_or_else(|| delimiter::detect(head));
        let record_start = Arc::new(AtomicU64::new(0));
        let stray_quotes = StrayQuotes::default();
        let mut limited = RecordLimit::new(stream, record_start.clone());
        limited.watched_by(QuoteWatch::new(delimiter, stray_quotes.clone()));
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(BUFFER)
            .from_reader(limited);
        let mut line = StringRecord::new();
        if announced.is_some() {
            read_line(&mut reader, &record_start, &mut line)?;
        }
        if !read_line(&mut reader, &record_start, &mut line)? {
            return Err(OpenError::Empty);
        }
        if line.len() > MAX_COLUMNS {
            return Err(OpenError::TooManyColumns { columns: line.len() });
        }
        let table = header::Table::new(&line, sample(head, delimiter, announced.is_some()), options);
        detected.delimiter = Some(char::from(delimiter));
        detected.header = table.is_named().then(|| table.columns.clone());
        detected.heading = Some(table.heading.clone());
        detected.mapping = table.columns.iter().map(|name| MappedColumn::left_out(name, "not mapped")).collect();
        let plan = plan::plan(&table, options)?;
        detected.entity = plan.entity;
        detected.mapping.clone_from(&plan.mapping);
        plan.require(&table)?;
        let row = line.position().map_or(1, csv::Position::line);
        let mut opening_issues: Vec<Issue> = findings::heading_issue(&table.heading, row).into_iter().collect();
        opening_issues.extend(unmapped_issue(&plan.mapping, row));
        opening_issues.extend(findings::guess_issues(&plan.mapping, row));
        let columns: Vec<_> = plan
            .columns
            .iter()
            .zip(&plan.mapping)
            .enumerate()
            .filter_map(|(place, (spec, mapped))| {
                Some((place, (*spec)?, notation::written(mapped.notation, delimiter)))
            })
            .collect();
        let judged = columns
            .iter()
            .map(|(place, spec, _)| spec.judged(table.columns.get(*place).map_or(spec.name, |name| name)))
            .collect();
        // Without a header, the line that was read is a row.
        let first = (!table.is_named()).then_some(line);
        Ok(Self {
            lines: Lines::start(reader, record_start, first).map_err(OpenError::Io)?,
            notes,
            judge: Judge::new(RecordKind::of_rows(plan.entity), judged, fields::key_of(plan.entity)),
            header: table.columns,
            columns,
            today: options.today,
            rows: 0,
            opening_issues,
            stray_quotes,
            ended: false,
        })
    }

    /// The next row, or the findings about the whole table.
    pub(crate) fn next_item(&mut self) -> Option<Result<Item, ReadError>> {
        if !self.opening_issues.is_empty() {
            return Some(Ok(Item::File { issues: std::mem::take(&mut self.opening_issues) }));
        }
        if self.ended {
            return None;
        }
        match self.lines.advance() {
            Err(error) => Some(Err(error)),
            Ok(true) => {
                self.rows += 1;
                let mut item = self.row();
                if let Item::Row { row, issues, .. } = &mut item {
                    issues.extend(self.stray_quotes.issues(*row, *row, &self.header));
                }
                Some(Ok(item))
            }
            Ok(false) => {
                self.ended = true;
                let issues = self.closing_issues();
                (!issues.is_empty()).then_some(Ok(Item::File { issues }))
            }
        }
    }

    fn row(&mut self) -> Item {
        let Some(line) = self.lines.current() else { return Item::row(0, Vec::new(), Vec::new()) };
        let row = line.number;
        if line.values().all(|cell| trimmed(cell).is_empty()) {
            let issue = Issue::warning("row_blank", row, "the row has no values", "Nothing to do: the row is skipped.");
            return Item::row(row, Vec::new(), vec![issue]);
        }
        if let Some(issue) = shape_issue(line.count(), line.values(), self.header.len(), row) {
            return Item::row(row, Vec::new(), vec![issue]);
        }
        let mut cleaner = Cleaner::of_row(row, self.today, line.is_plain);
        let mut values = Vec::with_capacity(self.columns.len());
        for (place, spec, written) in &self.columns {
            let cell = line.get(*place);
            let column = self.header.get(*place).map_or(spec.name, String::as_str);
            values.push(cleaner.clean_written(column, spec.kind, *written, cell));
        }
        self.judge.judge(row, &Values { cells: &values, are_plain: line.is_plain }, cleaner.into_issues())
    }

    fn closing_issues(&self) -> Vec<Issue> {
        let mut issues = Vec::new();
        if self.rows == 0 {
            issues.push(Issue::warning(
                "no_rows",
                0,
                "the table has a header and no rows",
                "Check that the export was not filtered.",
            ));
        }
        issues.extend(self.judge.closing_issue());
        issues.extend(decoding_issue(&self.notes, "UTF-8", "Windows-1252"));
        issues
    }
}

/// Rows looked at to judge columns by their values.
const SAMPLE_ROWS: usize = 200;

/// The first rows of a table, as far as the head of the file holds them; the last may be cut.
fn sample(head: &str, delimiter: u8, announced: bool) -> Vec<StringRecord> {
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(head.as_bytes());
    // And the header.
    reader.records().map_while(Result::ok).skip(usize::from(announced)).take(SAMPLE_ROWS + 1).collect()
}

/// What is wrong with a row that does not have as many values as there are columns.
pub(crate) fn shape_issue<'a>(
    count: usize,
    values: impl Iterator<Item = &'a str> + Clone,
    columns: usize,
    row: u64,
) -> Option<Issue> {
    if count == columns {
        return None;
    }
    let start = values.clone().take(20).collect::<Vec<_>>().join(" | ");
    let further_lines = values.map(|cell| cell.matches('\n').count()).sum::<usize>();
    let issue = if count < columns && further_lines > 0 {
        Issue::error(
            "quote_unclosed",
            row,
            format!("a quotation mark is not closed: the row swallows the {further_lines} lines after it"),
            "Close the quotation mark; inside a quoted value, write it twice.",
        )
    } else {
        Issue::error(
            "row_ragged",
            row,
            format!("the row has {count} values where the header has {columns} columns"),
            "Look for a missing or extra delimiter, or a quotation mark that does not belong.",
        )
    };
    Some(issue.value(&start))
}

/// Reads a record; `false` at the end of the file.
pub(crate) fn read_line(
    reader: &mut csv::Reader<RecordLimit<TextStream>>,
    record_start: &AtomicU64,
    line: &mut StringRecord,
) -> Result<bool, ReadError> {
    let position = reader.position();
    let row = position.line();
    record_start.store(position.byte(), Ordering::Relaxed);
    let more = reader.read_record(line).map_err(|error| match error.into_kind() {
        csv::ErrorKind::Io(error) => match ReadError::from_io(error) {
            ReadError::LineTooLong { .. } => ReadError::LineTooLong { row },
            other => other,
        },
        // Decoding gives valid UTF-8, rows may be ragged and nothing seeks: no other kind can occur here.
        _ => ReadError::Io(std::io::Error::other("the table reader failed")),
    })?;
    if line.as_slice().len() > MAX_RECORD_BYTES {
        return Err(ReadError::LineTooLong { row });
    }
    Ok(more)
}
