//! Cuts the text of a table into batches of lines: quickly as long as there is no quotation mark, by the table reader
//! from the first one on.

use std::io::{self, Chain, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use csv::StringRecord;

use super::lines::Batch;
use super::read_line;
use crate::MAX_RECORD_BYTES;
use crate::failure::ReadError;
use crate::record_limit::RecordLimit;

/// Text taken for a batch, in bytes; a long line makes it longer.
const BATCH_BYTES: usize = 64 * 1024;

/// Lines that the table reader cuts for a batch.
const BATCH_LINES: usize = 512;

/// The table reader over what has not been cut yet.
type Rest<R> = Box<csv::Reader<Chain<Cursor<Vec<u8>>, RecordLimit<R>>>>;

/// Where the lines come from.
enum Source<R> {
    /// No quotation mark has come yet.
    Plain { input: RecordLimit<R>, carried: Vec<u8> },
    /// The table reader, which counts lines from where it began.
    Quoted { reader: Rest<R>, lines_before: u64 },
    /// The end, or an error that ends it.
    Ended(Option<ReadError>),
}

/// A table behind its header.
pub(super) struct Cutter<R> {
    source: Source<R>,
    record_start: Arc<AtomicU64>,
    delimiter: u8,
    /// Number of the next line.
    line: u64,
}

impl<R: Read> Cutter<R> {
    /// Goes on where the table reader is, which read the header.
    pub(super) fn behind(reader: csv::Reader<RecordLimit<R>>, record_start: Arc<AtomicU64>, delimiter: u8) -> Self {
        let (line, used) = (reader.position().line(), reader.position().byte());
        let mut input = reader.into_inner();
        let carried = input.take_back(used);
        record_start.store(0, Ordering::Relaxed);
        let mut cutter = Self { source: Source::Ended(None), record_start, delimiter, line };
        cutter.source = match delimiter {
            // A delimiter that the quick way would take for a quotation mark.
            b'"' => cutter.quoted(carried, input),
            _ => Source::Plain { input, carried },
        };
        cutter
    }

    /// Fills a batch; `false` at the end. An error comes after the lines before it.
    pub(super) fn fill(&mut self, batch: &mut Batch) -> Result<bool, ReadError> {
        match std::mem::replace(&mut self.source, Source::Ended(None)) {
            Source::Plain { input, carried } => self.fill_plain(input, &carried, batch)?,
            Source::Quoted { reader, lines_before } => {
                batch.emptied();
                self.source = fill_quoted(reader, lines_before, &self.record_start, batch);
            }
            Source::Ended(None) => return Ok(false),
            Source::Ended(Some(error)) => return Err(error),
        }
        Ok(true)
    }

    fn fill_plain(&mut self, mut input: RecordLimit<R>, carried: &[u8], batch: &mut Batch) -> Result<(), ReadError> {
        let mut bytes = batch.emptied();
        bytes.extend_from_slice(carried);
        loop {
            // All of it belongs to one line, as far as it has been looked through.
            input.count_from(bytes.len());
            let looked_through = if bytes.len() == carried.len() { 0 } else { bytes.len() };
            let read = input.by_ref().take(BATCH_BYTES as u64).read_to_end(&mut bytes);
            let fresh = bytes.get(looked_through..).unwrap_or_default();
            let quote = memchr::memchr(b'"', fresh).map(|at| looked_through + at);
            let sound = bytes.get(..quote.unwrap_or(bytes.len())).unwrap_or_default();
            let whole = memchr::memrchr(b'\n', sound).map(|at| at + 1);
            match read {
                Err(error) => {
                    bytes.truncate(whole.unwrap_or_default());
                    self.cut(bytes, batch)?;
                    self.source = Source::Ended(Some(self.placed(ReadError::from_io(error))));
                }
                Ok(_) if quote.is_some() => {
                    let rest = bytes.split_off(whole.unwrap_or_default());
                    self.cut(bytes, batch)?;
                    self.source = self.quoted(rest, input);
                }
                Ok(read) if read < BATCH_BYTES => {
                    if whole != Some(bytes.len()) && !bytes.is_empty() {
                        bytes.push(b'\n');
                    }
                    self.cut(bytes, batch)?;
                }
                Ok(_) => {
                    let Some(whole) = whole else { continue };
                    let carried = bytes.split_off(whole);
                    self.cut(bytes, batch)?;
                    self.source = Source::Plain { input, carried };
                }
            }
            return Ok(());
        }
    }

    /// Cuts whole lines into the batch.
    fn cut(&mut self, bytes: Vec<u8>, batch: &mut Batch) -> Result<(), ReadError> {
        // Only the first line can be long: what follows it came in one piece.
        let is_long = |bytes: &[u8]| memchr::memchr(b'\n', bytes).is_none_or(|end| end > MAX_RECORD_BYTES);
        if bytes.len() > MAX_RECORD_BYTES && is_long(&bytes) {
            return Err(ReadError::LineTooLong { row: self.line });
        }
        let text = String::from_utf8(bytes).map_err(|error| ReadError::Io(io::Error::other(error)))?;
        batch.cut(text, self.delimiter, &mut self.line);
        Ok(())
    }

    /// The table reader over what has not been cut yet.
    fn quoted(&self, rest: Vec<u8>, mut input: RecordLimit<R>) -> Source<R> {
        input.count_from(rest.len());
        let reader = csv::ReaderBuilder::new()
            .delimiter(self.delimiter)
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(BATCH_BYTES)
            .from_reader(Cursor::new(rest).chain(input));
        Source::Quoted { reader: Box::new(reader), lines_before: self.line - 1 }
    }

    /// An error with the line where it came.
    fn placed(&self, error: ReadError) -> ReadError {
        match error {
            ReadError::LineTooLong { .. } => ReadError::LineTooLong { row: self.line },
            other => other,
        }
    }
}

/// Fills a batch by the table reader; returns how it goes on.
fn fill_quoted<R: Read>(
    mut reader: Rest<R>,
    lines_before: u64,
    record_start: &AtomicU64,
    batch: &mut Batch,
) -> Source<R> {
    let mut record = StringRecord::new();
    while batch.len() < BATCH_LINES && batch.size() < BATCH_BYTES {
        match read_line(&mut reader, record_start, &mut record) {
            Ok(true) => batch.push(lines_before + record.position().map_or(1, csv::Position::line), &record),
            Ok(false) => return Source::Ended(None),
            Err(ReadError::LineTooLong { row }) => {
                return Source::Ended(Some(ReadError::LineTooLong { row: lines_before + row }));
            }
            Err(error) => return Source::Ended(Some(error)),
        }
    }
    Source::Quoted { reader, lines_before }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Gives a few bytes at a time.
    struct Drip<'a>(&'a [u8], usize);

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let piece = self.1.min(buffer.len());
            self.0.read(buffer.get_mut(..piece).unwrap_or_default())
        }
    }

    fn lines_of(text: &str, piece: usize) -> Vec<(u64, usize, Vec<String>)> {
        let start = Arc::new(AtomicU64::new(0));
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(RecordLimit::returnable(Drip(text.as_bytes(), piece), start.clone()));
        let mut header = StringRecord::new();
        read_line(&mut reader, &start, &mut header).expect("a text is read");
        let mut cutter = Cutter::behind(reader, start, b',');
        let (mut batch, mut lines) = (Batch::default(), Vec::new());
        while cutter.fill(&mut batch).expect("a text is read") {
            lines.extend(
                (0..batch.len())
                    .filter_map(|index| batch.line(index))
                    .map(|line| (line.number, line.count(), line.values().map(str::to_owned).collect())),
            );
        }
        lines
    }

    proptest! {
        #[test]
        fn lines_are_those_of_the_table_reader(
            rows in prop::collection::vec("[ab,é\"]{0,6}(a|,)", 0..30), end in "\n|\r\n|\r", last in "\n?", piece in 1_usize..40,
        ) {
            let text = format!("h,i{end}{}{last}", rows.join(&end));
            let unified = text.replace("\r\n", "\n").replace('\r', "\n");
            let mut reader =
                csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(unified.as_bytes());
            let expected: Vec<_> = reader
                .records()
                .map(|record| record.expect("a text is read"))
                .skip(1)
                .map(|record| {
                    let line = record.position().map_or(0, csv::Position::line);
                    (line, record.len(), record.iter().map(str::to_owned).collect::<Vec<_>>())
                })
                .collect();
            prop_assert_eq!(lines_of(&text, piece), expected);
        }
    }

    #[test]
    fn empty_lines_are_counted_and_give_nothing() {
        assert_eq!(lines_of("h\n\n\na,b\n\n", 3), [(4, 2, vec!["a".to_owned(), "b".to_owned()])]);
    }

    #[test]
    fn long_tables_are_cut_in_several_batches() {
        let rows: String =
            (0..40_000).map(|row| if row == 39_000 { "\"q\",1\n".into() } else { format!("{row},å\n") }).collect();
        let lines = lines_of(&format!("h,i\n{rows}"), 10_000);
        assert_eq!(lines.len(), 40_000);
        for (row, (number, count, values)) in lines.iter().enumerate() {
            assert_eq!((*number, *count), (row as u64 + 2, 2));
            let first = if row == 39_000 { "q".to_owned() } else { row.to_string() };
            assert_eq!(values.first(), Some(&first));
        }
    }
}
