//! The lines of a piece of a table, one after the other.

use csv::StringRecord;

use crate::MAX_COLUMNS;
use crate::failure::ReadError;
use crate::rows::{is_plain, is_plain_but};

/// Whole lines of a table.
pub(super) enum Piece {
    /// Text without a quotation mark; every line ends with LF.
    Plain {
        text: Vec<u8>,
        /// Number of the first line.
        line: u64,
        delimiter: u8,
    },
    /// What the table reader has cut.
    Cut(CutLines),
}

/// Lines as the table reader gives them, one behind the other in one text.
#[derive(Debug, Default)]
pub(super) struct CutLines {
    text: String,
    /// Where each value ends in the text.
    ends: Vec<usize>,
    lines: Vec<CutLine>,
}

/// A line among others.
#[derive(Debug, Clone, Copy)]
struct CutLine {
    number: u64,
    count: usize,
    /// Where its last value stands among the ends: the place behind it.
    values: usize,
    is_plain: bool,
}

/// The values of one line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'v, 't> {
    /// Line of the file where it starts, from 1.
    pub(super) number: u64,
    /// Its values; of a hostile line, not many more than a table may have columns.
    pub(super) values: &'v [&'t str],
    /// How many values it has in the file.
    pub(super) count: usize,
    /// Whether no character of it needs a closer look; see [`is_plain`].
    pub(super) is_plain: bool,
}

impl Piece {
    /// Shows every line that is not empty.
    ///
    /// # Errors
    /// [`ReadError::Io`] where the text is no UTF-8, which decoding does not let through.
    pub(super) fn each_line<'t>(&'t self, visit: impl FnMut(Line<'_, 't>)) -> Result<(), ReadError> {
        match self {
            Self::Plain { text, line, delimiter } => {
                let text =
                    simdutf8::basic::from_utf8(text).map_err(|error| ReadError::Io(std::io::Error::other(error)))?;
                each_plain(text, *line, *delimiter, visit);
            }
            Self::Cut(lines) => lines.each(visit),
        }
        Ok(())
    }
}

fn each_plain<'t>(text: &'t str, first: u64, delimiter: u8, mut visit: impl FnMut(Line<'_, 't>)) {
    let mut values: Vec<&str> = Vec::new();
    let (mut number, mut count, mut line_start, mut start) = (first, 0, 0, 0);
    for at in memchr::memchr2_iter(delimiter, b'\n', text.as_bytes()) {
        // A line of delimiters alone would otherwise take many times its own size.
        if values.len() <= MAX_COLUMNS {
            values.push(text.get(start..at).unwrap_or_default());
        }
        count += 1;
        start = at + 1;
        if text.as_bytes().get(at) == Some(&b'\n') {
            if at > line_start {
                let is_plain = is_plain_but(text.get(line_start..at).unwrap_or_default(), delimiter);
                visit(Line { number, values: &values, count, is_plain });
            }
            values.clear();
            (number, count, line_start) = (number + 1, 0, start);
        }
    }
}

impl CutLines {
    /// A single line, which starts at this one of the file.
    pub(super) fn of(number: u64, record: &StringRecord) -> Self {
        let mut lines = Self::default();
        lines.push(number, record);
        lines
    }

    /// Adds a line, which starts at this one of the file.
    pub(super) fn push(&mut self, number: u64, record: &StringRecord) {
        for value in record.iter().take(MAX_COLUMNS + 1) {
            self.text.push_str(value);
            self.ends.push(self.text.len());
        }
        self.lines.push(CutLine {
            number,
            count: record.len(),
            values: self.ends.len(),
            is_plain: is_plain(record.as_slice()),
        });
    }

    /// Bytes that it takes, about.
    pub(super) const fn size(&self) -> usize {
        self.text.len() + self.ends.len() * size_of::<usize>() + self.lines.len() * size_of::<CutLine>()
    }

    fn each<'t>(&'t self, mut visit: impl FnMut(Line<'_, 't>)) {
        let mut values = Vec::new();
        let (mut first, mut start) = (0, 0);
        for line in &self.lines {
            values.clear();
            for end in self.ends.get(first..line.values).unwrap_or_default() {
                values.push(self.text.get(start..*end).unwrap_or_default());
                start = *end;
            }
            first = line.values;
            visit(Line { number: line.number, values: &values, count: line.count, is_plain: line.is_plain });
        }
    }
}
