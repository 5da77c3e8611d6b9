//! Tables: delimited text with a header line, one member or club per row.

mod assignment;
mod countries;
pub(crate) mod delimiter;
mod evidence;
mod header;
mod name_lists;
mod request;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::NaiveDate;
use csv::StringRecord;
use serde_json::{Map, Value};

use crate::decoding::DecodingNotes;
use crate::failure::{OpenError, ReadError};
use crate::format::Entity;
use crate::import::{Detected, Item, MappedColumn, Options, TextStream, decoding_issue};
use crate::issue::Issue;
use crate::record::RecordKind;
use crate::record_limit::RecordLimit;
use crate::rows::{Cleaner, FieldSpec, Judge, Need, fields};
use crate::{MAX_COLUMNS, MAX_RECORD_BYTES};

pub(crate) use header::unmapped_issue;
pub use request::MappingFault;

/// A table being read.
pub(crate) struct CsvImport {
    reader: csv::Reader<RecordLimit<TextStream>>,
    record_start: Arc<AtomicU64>,
    line: StringRecord,
    notes: Arc<DecodingNotes>,
    header: Vec<String>,
    /// The field that each column fills.
    columns: Vec<Option<&'static FieldSpec>>,
    fields: &'static [FieldSpec],
    /// Names of the fields that together are the natural key.
    key: &'static [&'static str],
    today: NaiveDate,
    judge: Judge,
    rows: u64,
    /// The line that was read to find a header is a row.
    first_is_row: bool,
    opening_issues: Vec<Issue>,
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
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .flexible(true)
            .from_reader(RecordLimit::new(stream, record_start.clone()));
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
        detected.header = table.named.then(|| table.columns.clone());
        detected.mapping = table.columns.iter().map(|name| MappedColumn::left_out(name, "not mapped")).collect();
        let plan = header::plan(&table, options)?;
        detected.entity = plan.entity;
        detected.mapping.clone_from(&plan.mapping);
        plan.require(&table, &line)?;
        let row = line.position().map_or(1, csv::Position::line);
        let mut opening_issues: Vec<Issue> = header::unmapped_issue(&plan.mapping, row).into_iter().collect();
        opening_issues.extend(header::guess_issues(&plan.mapping, row));
        Ok(Self {
            reader,
            record_start,
            line,
            notes,
            first_is_row: !table.named,
            header: table.columns,
            columns: plan.columns,
            fields: fields::of(plan.entity),
            key: fields::key_of(plan.entity),
            today: options.today,
            judge: Judge::new(RecordKind::of_rows(plan.entity)),
            rows: 0,
            opening_issues,
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
        let read = if std::mem::take(&mut self.first_is_row) {
            Ok(true)
        } else {
            read_line(&mut self.reader, &self.record_start, &mut self.line)
        };
        match read {
            Err(error) => Some(Err(error)),
            Ok(true) => {
                self.rows += 1;
                Some(Ok(self.row()))
            }
            Ok(false) => {
                self.ended = true;
                let issues = self.closing_issues();
                (!issues.is_empty()).then_some(Ok(Item::File { issues }))
            }
        }
    }

    fn row(&mut self) -> Item {
        let row = self.line.position().map_or(0, csv::Position::line);
        if self.line.iter().all(|cell| cell.trim().trim_end_matches('\u{1a}').is_empty()) {
            let issue = Issue::warning("row_blank", row, "the row has no values", "Nothing to do: the row is skipped.");
            return Item::row(row, Vec::new(), vec![issue]);
        }
        if let Some(issue) = shape_issue(&self.line, self.header.len(), row) {
            return Item::row(row, Vec::new(), vec![issue]);
        }
        let mut cleaner = Cleaner::new(row, self.today);
        let mut values = Map::new();
        for ((cell, column), spec) in self.line.iter().zip(&self.header).zip(&self.columns) {
            let Some(spec) = spec else { continue };
            if let Some(value) = cleaner.clean(column, spec.kind, cell) {
                values.insert(spec.name.to_owned(), Value::String(value));
            }
        }
        let need =
            |spec: &'static FieldSpec| Need { field: spec.name, column: column_of(&self.columns, &self.header, spec) };
        let required = self.fields.iter().filter(|spec| spec.required).map(need);
        let of_field = |name: &&str| self.fields.iter().find(|spec| spec.name == *name);
        let key: Vec<Need<'_>> = self.key.iter().filter_map(of_field).map(need).collect();
        self.judge.judge(row, values, cleaner.into_issues(), required, std::iter::empty(), &key)
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
pub(crate) fn shape_issue(line: &StringRecord, columns: usize, row: u64) -> Option<Issue> {
    if line.len() == columns {
        return None;
    }
    let start = line.iter().take(20).collect::<Vec<_>>().join(" | ");
    let further_lines = line.iter().map(|cell| cell.matches('\n').count()).sum::<usize>();
    let issue = if line.len() < columns && further_lines > 0 {
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
            format!("the row has {} values where the header has {columns} columns", line.len()),
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

/// The header of the column that fills a field.
fn column_of<'a>(columns: &[Option<&'static FieldSpec>], header: &'a [String], spec: &'static FieldSpec) -> &'a str {
    columns
        .iter()
        .position(|column| column.is_some_and(|column| column.name == spec.name))
        .and_then(|position| header.get(position))
        .map_or(spec.name, String::as_str)
}
