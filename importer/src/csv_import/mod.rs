//! Tables: delimited text with a header line, one member or club per row.

mod ahead;
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
mod pieces;
mod plan;
mod request;
mod title_lines;
mod working;

use std::io::Read;
use std::sync::Arc;
use std::vec;

use csv::StringRecord;

use crate::decoding::DecodingNotes;
use crate::failure::{OpenError, ReadError};
use crate::format::Entity;
use crate::import::{Detected, HEAD_BYTES, Item, MappedColumn, Options, TextStream, decoding_issue};
use crate::issue::Issue;
use crate::quote_watch::{self, QuoteWatch, StrayQuotes};
use crate::record::RecordKind;
use crate::record_limit::{RecordLimit, RecordPlace};
use crate::rows::{Judge, Weighed, WeighedRows, fields};
use crate::{MAX_COLUMNS, MAX_RECORD_BYTES};

use ahead::Ahead;
use delimiter::Delimiting;
use lines::{CutLines, Piece};
use pieces::Pieces;
use working::RowWork;

pub(crate) use findings::unmapped_issue;
pub use request::MappingFault;

/// A table being read.
pub(crate) struct CsvImport {
    ahead: Ahead<Piece, Result<WeighedRows, ReadError>>,
    /// The rows of a piece that have not been given yet, and their text.
    weighed: vec::IntoIter<Weighed>,
    text: String,
    notes: Arc<DecodingNotes>,
    /// Names of the columns.
    header: Vec<String>,
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
        let Delimiting { delimiter, is_announced, issue: contradicted } = delimiter::decide(head);
        let place = Arc::new(RecordPlace::default());
        let stray_quotes = StrayQuotes::default();
        let mut limited = RecordLimit::new(stream, place.clone());
        limited.watched_by(QuoteWatch::new(delimiter, stray_quotes.clone()));
        // Byte by byte, so that whoever goes on finds everything behind the header.
        let mut reader = table_reader(delimiter, 1, limited);
        let mut line = StringRecord::new();
        if is_announced {
            read_line(&mut reader, &place, &mut line)?;
        }
        let row = read_line(&mut reader, &place, &mut line)?.ok_or(OpenError::Empty)?;
        if line.len() > MAX_COLUMNS {
            return Err(OpenError::TooManyColumns { columns: line.len() });
        }
        let table = header::Table::new(&line, sample(head, delimiter, is_announced), options);
        detected.delimiter = Some(char::from(delimiter));
        detected.header = table.is_named().then(|| table.columns.clone());
        detected.heading = Some(table.heading.clone());
        detected.mapping = table.columns.iter().map(|name| MappedColumn::left_out(name, "not mapped")).collect();
        let plan = plan::plan(&table, options)?;
        detected.entity = plan.entity;
        detected.mapping.clone_from(&plan.mapping);
        plan.require(&table, || title_lines::header_below(head, delimiter, is_announced))?;
        let mut opening_issues: Vec<Issue> = contradicted.into_iter().collect();
        opening_issues.extend(findings::heading_issue(&table.heading, row));
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
        let judge = Judge::new(RecordKind::of_rows(plan.entity), judged, fields::key_of(plan.entity));
        let (header, is_named) = (table.columns.clone(), table.is_named());
        let work = RowWork::new(table.columns, delimiter, columns, options.today, judge.rules());
        // Without a header, the line that was read is a row.
        let mut first = (!is_named).then(|| Piece::Cut(CutLines::of(row, &line)));
        let next_line = reader.position().line();
        let mut pieces = Pieces::from(next_line, reader.into_inner(), place, delimiter);
        let ahead = Ahead::start(
            move || first.take().map_or_else(|| pieces.next_piece(), |first| Ok(Some(first))),
            move |piece| work.rows(&piece),
        );
        Ok(Self {
            ahead: ahead.map_err(OpenError::Io)?,
            weighed: Vec::new().into_iter(),
            text: String::new(),
            notes,
            header,
            judge,
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
        loop {
            if let Some(weighed) = self.weighed.next() {
                self.rows += 1;
                let mut item = self.judge.admit(weighed, &self.text);
                if let Item::Row { row, .. } = item {
                    item.add(self.stray_quotes.issues(row, row, &self.header));
                }
                return Some(Ok(item));
            }
            if self.ended {
                return None;
            }
            match self.ahead.next_worked().and_then(Option::transpose) {
                Err(error) => return Some(Err(error)),
                Ok(Some(WeighedRows { text, mut rows })) => {
                    self.judge.count(&mut rows);
                    (self.text, self.weighed) = (text, rows.into_iter());
                }
                Ok(None) => {
                    self.ended = true;
                    let issues = self.closing_issues();
                    return (!issues.is_empty()).then_some(Ok(Item::File { issues }));
                }
            }
        }
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

/// The first rows of a table, as far as the head of the file holds them.
fn sample(head: &str, delimiter: u8, announced: bool) -> Vec<StringRecord> {
    let mut reader = table_reader(delimiter, head.len(), head.as_bytes());
    // And the header.
    let records = reader.records().map_while(Result::ok).skip(usize::from(announced));
    let mut rows: Vec<StringRecord> = records.take(SAMPLE_ROWS + 2).collect();
    // The last row of a full head may be cut, in the middle of a value. In UTF-16 a full head is half as much text.
    if rows.len() > SAMPLE_ROWS + 1 || head.len() >= HEAD_BYTES / 2 {
        rows.pop();
    }
    rows
}

/// What is wrong with a row that does not have as many values as there are columns, or has whole rows inside a value.
pub(crate) fn shape_issue<'a>(
    count: usize,
    values: impl Iterator<Item = &'a str> + Clone,
    columns: usize,
    delimiter: u8,
    row: u64,
) -> Option<Issue> {
    let further_lines = || values.clone().map(|cell| cell.matches('\n').count()).sum::<usize>();
    let issue = if count == columns {
        // Two quotation marks too many may take in hundreds of rows, and the last of them closes what the first opened.
        let rows = values.clone().map(|cell| rows_inside(cell, columns, delimiter)).sum::<usize>();
        // One delimiter in a line is nothing special in prose.
        let prose = usize::from(columns == 2);
        if rows <= prose {
            return None;
        }
        swallowing(row, further_lines())
    } else {
        let lines = further_lines();
        if count < columns && lines > 0 { swallowing(row, lines) } else { ragged(row, count, columns) }
    };
    let start = values.take(20).collect::<Vec<_>>().join(" | ");
    Some(issue.value(&start))
}

/// Lines of a value that have as many delimiters as a row.
fn rows_inside(value: &str, columns: usize, delimiter: u8) -> usize {
    let delimiters = |line: &&str| line.bytes().filter(|byte| *byte == delimiter).count();
    value.split('\n').skip(1).filter(|line| columns > 1 && delimiters(line) + 1 == columns).count()
}

fn swallowing(row: u64, further_lines: usize) -> Issue {
    let lines = if further_lines == 1 { "line".to_owned() } else { format!("{further_lines} lines") };
    quote_watch::unclosed(row, &format!("the {lines} after it"))
}

fn ragged(row: u64, count: usize, columns: usize) -> Issue {
    Issue::error(
        "row_ragged",
        row,
        format!("the row has {count} values where the table has {columns} columns"),
        "Look for a missing or extra delimiter, or a quotation mark that does not belong.",
    )
}

/// A reader of records with as many values as they have, the first one included. It takes `ahead` bytes at a time.
pub(crate) fn table_reader<R: Read>(delimiter: u8, ahead: usize, text: R) -> csv::Reader<R> {
    csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .buffer_capacity(ahead)
        .from_reader(text)
}

/// Reads a record and returns the line where it starts, from 1; `None` at the end of the file.
pub(crate) fn read_line<R: Read>(
    reader: &mut csv::Reader<R>,
    place: &RecordPlace,
    line: &mut StringRecord,
) -> Result<Option<u64>, ReadError> {
    let position = reader.position();
    let row = position.line();
    place.starts_at(position.byte());
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
    // Counted back from its end: the table reader counts empty lines before a record to it.
    let inside = memchr::memchr_iter(b'\n', line.as_slice().as_bytes()).count() as u64;
    let behind = u64::from(!place.has_ended());
    Ok(more.then(|| reader.position().line() - inside - behind))
}
