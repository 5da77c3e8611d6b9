//! Takes the text of a table apart into pieces of whole lines: without looking into them as long as there is no
//! quotation mark, by the table reader from the first one on.

use std::io::{self, Chain, Cursor, Read};
use std::sync::Arc;

use csv::StringRecord;

use super::lines::{CutLines, Piece};
use super::{read_line, table_reader};
use crate::MAX_RECORD_BYTES;
use crate::failure::ReadError;
use crate::record_limit::{RecordLimit, RecordPlace};

/// Text taken for a piece, in bytes; a long line makes it longer. What becomes of a piece is kept in memory until its
/// turn, and of hostile text that can be a hundred times as much.
const PIECE_BYTES: usize = 32 * 1024;

/// The table reader over what has not been taken yet.
type Rest<R> = Box<csv::Reader<Chain<Cursor<Vec<u8>>, Input<R>>>>;

/// The source, and a failure of it that is to be said once what was read before it has been used.
struct Input<R> {
    inner: RecordLimit<R>,
    failure: Option<io::Error>,
}

impl<R: Read> Read for Input<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.failure.take().map_or_else(|| self.inner.read(buffer), Err)
    }
}

/// Where the lines come from.
enum Source<R> {
    /// No quotation mark has come yet; `carried` is the start of a line.
    Plain { input: Input<R>, carried: Vec<u8> },
    /// The table reader, which counts lines from where it began.
    Quoted { reader: Rest<R>, lines_before: u64 },
    /// The end, or an error that ends it.
    Ended(Option<ReadError>),
}

/// A table behind its header.
pub(super) struct Pieces<R> {
    source: Source<R>,
    place: Arc<RecordPlace>,
    delimiter: u8,
    /// Number of the next line.
    line: u64,
}

impl<R: Read> Pieces<R> {
    /// The lines of `input` from the one of this number on.
    pub(super) fn from(line: u64, input: RecordLimit<R>, place: Arc<RecordPlace>, delimiter: u8) -> Self {
        let input = Input { inner: input, failure: None };
        Self { source: Source::Plain { input, carried: Vec::new() }, place, delimiter, line }
    }

    /// The next piece; `None` at the end. An error comes after the lines before it.
    pub(super) fn next_piece(&mut self) -> Result<Option<Piece>, ReadError> {
        match std::mem::replace(&mut self.source, Source::Ended(None)) {
            Source::Plain { input, carried } => self.plain(input, carried).map(Some),
            Source::Quoted { reader, lines_before } => {
                let (lines, source) = cut(reader, lines_before, &self.place);
                self.source = source;
                Ok(Some(Piece::Cut(lines)))
            }
            Source::Ended(None) => Ok(None),
            Source::Ended(Some(error)) => Err(error),
        }
    }

    fn plain(&mut self, mut input: Input<R>, carried: Vec<u8>) -> Result<Piece, ReadError> {
        let mut text = carried;
        loop {
            // The length of a line is looked at below; what is read ahead belongs to others.
            input.inner.count_from(0);
            let known = text.len();
            let read = input.by_ref().take(PIECE_BYTES as u64).read_to_end(&mut text);
            let fresh = text.get(known..).unwrap_or_default();
            let quote = memchr::memchr(b'"', fresh).map(|at| known + at);
            let sound = text.get(..quote.unwrap_or(text.len())).unwrap_or_default();
            let whole = memchr::memrchr(b'\n', sound).map_or(0, |at| at + 1);
            match read {
                read if quote.is_some() => {
                    let rest = text.split_off(whole);
                    let piece = self.piece(text)?;
                    input.failure = read.err();
                    self.source = self.quoted(rest, input);
                    return Ok(piece);
                }
                Err(error) => {
                    text.truncate(whole);
                    self.source = Source::Ended(Some(ReadError::from_io(error)));
                }
                Ok(read) if read < PIECE_BYTES => {
                    if whole < text.len() {
                        text.push(b'\n');
                    }
                }
                Ok(_) if whole == 0 && text.len() > MAX_RECORD_BYTES => {
                    return Err(ReadError::LineTooLong { row: self.line });
                }
                Ok(_) if whole == 0 => continue,
                Ok(_) => self.source = Source::Plain { input, carried: text.split_off(whole) },
            }
            return self.piece(text);
        }
    }

    /// A piece of whole lines.
    fn piece(&mut self, text: Vec<u8>) -> Result<Piece, ReadError> {
        let line = self.line;
        // Only the first line can be long: what follows it came in one piece.
        if text.len() > MAX_RECORD_BYTES && memchr::memchr(b'\n', &text).is_none_or(|end| end > MAX_RECORD_BYTES) {
            self.source = Source::Ended(None);
            return Err(ReadError::LineTooLong { row: line });
        }
        self.line += memchr::memchr_iter(b'\n', &text).count() as u64;
        Ok(Piece::Plain { text, line, delimiter: self.delimiter })
    }

    /// The table reader over what has not been taken yet.
    fn quoted(&self, rest: Vec<u8>, mut input: Input<R>) -> Source<R> {
        self.place.restart();
        input.inner.count_from(rest.len() as u64);
        let reader = table_reader(self.delimiter, PIECE_BYTES, Cursor::new(rest).chain(input));
        Source::Quoted { reader: Box::new(reader), lines_before: self.line - 1 }
    }
}

/// Cuts lines by the table reader; returns how it goes on.
fn cut<R: Read>(mut reader: Rest<R>, lines_before: u64, place: &RecordPlace) -> (CutLines, Source<R>) {
    let mut lines = CutLines::default();
    let mut record = StringRecord::new();
    while lines.size() < PIECE_BYTES {
        match read_line(&mut reader, place, &mut record) {
            Ok(Some(line)) => lines.push(lines_before + line, &record),
            Ok(None) => return (lines, Source::Ended(None)),
            Err(ReadError::LineTooLong { row }) => {
                return (lines, Source::Ended(Some(ReadError::LineTooLong { row: lines_before + row })));
            }
            Err(error) => return (lines, Source::Ended(Some(error))),
        }
    }
    (lines, Source::Quoted { reader, lines_before })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Gives a few bytes at a time.
    struct Drip<'a>(&'a [u8], usize);

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let piece = self.1.min(buffer.len());
            self.0.read(buffer.get_mut(..piece).unwrap_or_default())
        }
    }

    type Lines = Vec<(u64, usize, Vec<String>)>;

    /// The lines of a table whose first line is number 1, and how it ends.
    fn lines_of(text: &str, at_once: usize) -> (Lines, Result<(), ReadError>) {
        let start = Arc::new(RecordPlace::default());
        let input = RecordLimit::new(Drip(text.as_bytes(), at_once), start.clone());
        let mut pieces = Pieces::from(1, input, start, b',');
        let mut lines = Vec::new();
        loop {
            match pieces.next_piece() {
                Ok(Some(piece)) => piece
                    .each_line(|line| {
                        lines.push((
                            line.number,
                            line.count,
                            line.values.iter().map(|&value| value.to_owned()).collect(),
                        ));
                    })
                    .expect("the text is UTF-8"),
                Ok(None) => return (lines, Ok(())),
                Err(error) => return (lines, Err(error)),
            }
        }
    }

    proptest! {
        #[test]
        fn lines_are_those_of_the_table_reader(
            rows in prop::collection::vec("([ab,é\"]{0,6}(a|,))?", 0..30), end in "\n|\r\n|\r", last in "\n?", at_once in 1_usize..40,
        ) {
            let text = format!("{}{last}", rows.join(&end));
            let unified = text.replace("\r\n", "\n").replace('\r', "\n");
            let expected: Vec<_> = table_reader(b',', 1024, unified.as_bytes())
                .records()
                .map(|record| record.expect("a text is read"))
                .map(|record| {
                    // The table reader counts empty lines before a record to it.
                    let place = record.position().expect("it was read");
                    let byte = usize::try_from(place.byte()).expect("a short text");
                    let empty = unified[byte..].bytes().take_while(|byte| *byte == b'\n').count() as u64;
                    let line = place.line() + empty;
                    (line, record.len(), record.iter().map(str::to_owned).collect::<Vec<_>>())
                })
                .collect();
            let (lines, ended) = lines_of(&text, at_once);
            prop_assert!(ended.is_ok());
            prop_assert_eq!(lines, expected);
        }
    }

    #[test]
    fn empty_lines_are_counted_and_give_nothing() {
        let (lines, ended) = lines_of("\n\na,b\n\n\nc,d", 3);
        ended.expect("a sound table");
        assert_eq!(lines.iter().map(|(number, ..)| *number).collect::<Vec<_>>(), [3, 6]);
    }

    #[test]
    fn long_tables_come_in_several_pieces() {
        let quoted = 39_000;
        let rows: String =
            (0..40_000).map(|row| if row == quoted { "\"q\",1\n".into() } else { format!("{row},å\n") }).collect();
        let (lines, ended) = lines_of(&rows, 10_000);
        ended.expect("a sound table");
        assert_eq!(lines.len(), 40_000);
        for (row, (number, count, values)) in lines.iter().enumerate() {
            assert_eq!((*number, *count), (row as u64 + 1, 2));
            let first = if row == quoted { "q".to_owned() } else { row.to_string() };
            assert_eq!(values.first(), Some(&first));
        }
    }

    #[test]
    fn only_a_line_over_the_limit_is_too_long() {
        let (fits, too_long) = ("x".repeat(MAX_RECORD_BYTES), "x".repeat(MAX_RECORD_BYTES + 1));
        for before in ["", "a,b\n", &"a,b\n".repeat(10_000), "\"a\",b\n"] {
            let number = before.lines().count();
            for after in ["", "\n", "\nc,d\n", &format!("\n{}", "c,d\n".repeat(10_000))] {
                for at_once in [1000, 32 * 1024, 2 * MAX_RECORD_BYTES] {
                    let (lines, ended) = lines_of(&format!("{before}{fits}{after}"), at_once);
                    ended.expect("no line is too long");
                    assert_eq!(lines.len(), number + 1 + after.trim().lines().count());
                    let (lines, ended) = lines_of(&format!("{before}{too_long}{after}"), at_once);
                    let Err(ReadError::LineTooLong { row }) = ended else { panic!("a line is too long: {ended:?}") };
                    assert_eq!((lines.len(), row), (number, number as u64 + 1));
                }
            }
        }
    }

    #[test]
    fn what_stands_before_a_failure_is_given() {
        struct Failing<'a>(&'a [u8]);
        impl Read for Failing<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                match self.0.read(buffer)? {
                    0 => Err(std::io::Error::other("the storage is gone")),
                    read => Ok(read),
                }
            }
        }
        for text in ["a,b\nc,d\ne", "\"a\",b\nc,d\ne"] {
            let start = Arc::new(RecordPlace::default());
            let input = RecordLimit::new(Failing(text.as_bytes()), start.clone());
            let mut pieces = Pieces::from(1, input, start, b',');
            let mut count = 0;
            let error = loop {
                match pieces.next_piece() {
                    Ok(piece) => piece.expect("no end").each_line(|_| count += 1).expect("the text is UTF-8"),
                    Err(error) => break error,
                }
            };
            assert_eq!((count, error.code()), (2, "io"));
        }
    }
}
