//! Delimited text by profile: with a header whose names the profile knows, or with columns by number.

use std::sync::Arc;

use csv::StringRecord;

use super::{RawRow, RowSource};
use crate::MAX_COLUMNS;
use crate::csv_import::delimiter::{self, Delimiting};
use crate::csv_import::{read_line, shape_issue, table_reader, unmapped_issue};
use crate::failure::{OpenError, ReadError};
use crate::import::{Detected, MappedColumn, TextStream};
use crate::issue::Issue;
use crate::profile::{Profile, Source};
use crate::quote_watch::{QuoteWatch, StrayQuotes};
use crate::record_limit::{RecordLimit, RecordPlace};
use crate::rows::fields;

/// Text taken at a time, in bytes.
const READ_BYTES: usize = 64 * 1024;

/// Rows of delimited text.
pub(super) struct Delimited {
    reader: csv::Reader<RecordLimit<TextStream>>,
    place: Arc<RecordPlace>,
    line: StringRecord,
    /// Where each column of the profile is; `None` where the file does not have it.
    positions: Vec<Option<usize>>,
    delimiter: u8,
    /// Names of the columns; none without a header.
    header: Vec<String>,
    stray_quotes: StrayQuotes,
    /// Lines passed over before the reader began to count.
    skipped: u64,
}

impl Delimited {
    pub(super) fn open(
        stream: TextStream,
        head: &str,
        profile: &Profile,
        detected: &mut Detected,
        opening_issues: &mut Vec<Issue>,
    ) -> Result<Self, OpenError> {
        let Delimiting { delimiter: found, is_announced, issue } = delimiter::decide(head);
        let is_announced = is_announced && profile.skip_lines() == 0;
        let skipped = u64::from(profile.skip_lines()) + u64::from(is_announced);
        let place = Arc::new(RecordPlace::default());
        let mut stream = RecordLimit::new(stream, place.clone());
        for _ in 0..skipped {
            stream.skip_line()?;
        }
        let delimiter = profile.delimiter().unwrap_or(found);
        // Where the profile says the delimiter, the line decides nothing.
        opening_issues.extend(issue.filter(|_| is_announced && profile.delimiter().is_none()));
        detected.delimiter = Some(char::from(delimiter));
        let stray_quotes = StrayQuotes::default();
        stream.watched_by(QuoteWatch::new(delimiter, stray_quotes.clone()));
        let mut table = Self {
            reader: table_reader(delimiter, READ_BYTES, stream),
            place,
            line: StringRecord::new(),
            positions: Vec::new(),
            delimiter,
            header: Vec::new(),
            stray_quotes,
            skipped,
        };
        if profile.has_header() {
            let header = table.header()?;
            table.positions = find(&header, profile, detected)?;
            table.header.clone_from(&header);
            opening_issues.extend(unmapped_issue(&detected.mapping, skipped + 1));
            detected.header = Some(header);
        } else {
            table.positions = profile
                .columns()
                .iter()
                .map(|column| match column.source {
                    Source::Position(position) => Some(position),
                    _ => None,
                })
                .collect();
        }
        Ok(table)
    }

    fn header(&mut self) -> Result<Vec<String>, OpenError> {
        read_line(&mut self.reader, &self.place, &mut self.line)?.ok_or(OpenError::Empty)?;
        if self.line.len() > MAX_COLUMNS {
            return Err(OpenError::TooManyColumns { columns: self.line.len() });
        }
        Ok(self.line.iter().map(|cell| cell.trim().to_owned()).collect())
    }
}

/// Where the columns of the profile are in the header; rewrites the mapping by the file's own names.
fn find(header: &[String], profile: &Profile, detected: &mut Detected) -> Result<Vec<Option<usize>>, OpenError> {
    let folded: Vec<String> = header.iter().map(|name| fields::fold(name)).collect();
    let mut mapping: Vec<MappedColumn> =
        header.iter().map(|name| MappedColumn::left_out(name, "the profile does not name it")).collect();
    let mut positions = Vec::new();
    let mut missing = Vec::new();
    for column in profile.columns() {
        let names = match &column.source {
            Source::Headers(names) => names.as_slice(),
            _ => &[],
        };
        let position = names.iter().find_map(|name| folded.iter().position(|folded| folded == name));
        if let Some(mapped) = position.and_then(|position| mapping.get_mut(position)) {
            *mapped = MappedColumn::declared(&mapped.column, &column.field, "the profile says so");
        } else if column.required {
            missing.push(column.field.clone());
        }
        positions.push(position);
    }
    detected.mapping = mapping;
    if missing.is_empty() {
        return Ok(positions);
    }
    Err(OpenError::MissingColumns { entity: profile.entity(), missing, columns: header.len(), header_below: None })
}

impl RowSource for Delimited {
    fn next_row(&mut self) -> Result<Option<RawRow>, ReadError> {
        let moved = |error| match error {
            ReadError::LineTooLong { row } => ReadError::LineTooLong { row: row + self.skipped },
            other => other,
        };
        let Some(line) = read_line(&mut self.reader, &self.place, &mut self.line).map_err(moved)? else {
            return Ok(None);
        };
        let row = self.skipped + line;
        let issues = self.stray_quotes.issues(line, row, &self.header);
        // Without a header, further columns may follow those that the profile knows.
        let needed = self.positions.iter().flatten().max().map_or(0, |last| last + 1);
        let expected = if self.header.is_empty() { needed.max(self.line.len()) } else { self.header.len() };
        let blank = self.line.iter().all(|cell| cell.trim().is_empty());
        if let Some(issue) =
            shape_issue(self.line.len(), self.line.iter(), expected, self.delimiter, row).filter(|_| !blank)
        {
            let mut refused = RawRow::refused(row, issue);
            let code = refused.issues.first().map_or("", |issue| issue.code);
            refused.issues.extend(issues.into_iter().filter(|other| other.code != code));
            return Ok(Some(refused));
        }
        let cells = self
            .positions
            .iter()
            .map(|position| position.and_then(|position| self.line.get(position)).map(str::to_owned))
            .collect();
        Ok(Some(RawRow { row, cells, issues }))
    }
}
