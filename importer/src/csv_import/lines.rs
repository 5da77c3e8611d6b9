//! The lines of a table, cut on a thread of its own ahead of those who clean and judge them.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::thread;

use csv::StringRecord;

use super::cutting::Cutter;
use crate::MAX_COLUMNS;
use crate::failure::ReadError;
use crate::import::TextStream;
use crate::rows::{is_plain, is_plain_but};

/// Batches that wait for the consumer.
const AHEAD: usize = 6;

/// The rows of a table as lines.
pub(super) struct Lines {
    /// Ends with `None` or an error; a sender that is gone without either has failed.
    batches: Receiver<Result<Option<Batch>, ReadError>>,
    /// Gives the room of used batches back to the reader.
    used: Sender<Batch>,
    batch: Batch,
    next: usize,
    ended: bool,
}

/// Some lines, one behind the other in one text. One byte stands behind every value, whatever it is.
#[derive(Debug, Default)]
pub(super) struct Batch {
    text: String,
    /// Where each value ends in the text.
    ends: Vec<usize>,
    lines: Vec<Place>,
}

/// Where a line is in a batch.
#[derive(Debug, Clone, Copy)]
struct Place {
    number: u64,
    /// Values that it has in the file: of a hostile line, more than are kept.
    count: usize,
    /// Where it starts in the text.
    start: usize,
    /// Where its first value and the one behind its last are among the ends.
    values: (usize, usize),
    is_plain: bool,
}

/// The values of one line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    /// Line of the file where it starts, from 1.
    pub(super) number: u64,
    text: &'a str,
    start: usize,
    ends: &'a [usize],
    count: usize,
    /// Whether no character of it needs a closer look; see [`is_plain`].
    pub(super) is_plain: bool,
}

impl<'a> Line<'a> {
    /// The value of a column; empty where the line has none.
    pub(super) fn get(&self, column: usize) -> &'a str {
        let start = match column.checked_sub(1) {
            None => Some(self.start),
            Some(before) => self.ends.get(before).map(|end| end + 1),
        };
        let range = start.zip(self.ends.get(column)).map(|(start, end)| start..*end);
        range.and_then(|range| self.text.get(range)).unwrap_or_default()
    }

    /// How many values it has.
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// Its values; not more than a table may have columns.
    pub(super) fn values(self) -> impl Iterator<Item = &'a str> + Clone {
        (0..self.ends.len()).map(move |column| self.get(column))
    }
}

impl Batch {
    /// Takes the room of the text, to be filled with whole lines for [`Self::cut`].
    pub(super) fn emptied(&mut self) -> Vec<u8> {
        self.ends.clear();
        self.lines.clear();
        let mut room = std::mem::take(&mut self.text).into_bytes();
        room.clear();
        room
    }

    /// Cuts whole lines without a quotation mark, in which a delimiter is always one and a line end, too. `number` is
    /// that of the first and becomes that of the one behind the last.
    pub(super) fn cut(&mut self, text: String, delimiter: u8, number: &mut u64) {
        let (mut start, mut count, mut first) = (0, 0, 0);
        for end in memchr::memchr2_iter(delimiter, b'\n', text.as_bytes()) {
            count += 1;
            // A line of delimiters alone would otherwise take many times its own size.
            if count <= MAX_COLUMNS + 1 {
                self.ends.push(end);
            }
            if text.as_bytes().get(end) != Some(&b'\n') {
                continue;
            }
            if end == start {
                // An empty line is none, as the table reader has it.
                self.ends.truncate(first);
            } else {
                let is_plain = text.get(start..end).is_some_and(|line| is_plain_but(line, delimiter));
                let values = (first, self.ends.len());
                self.lines.push(Place { number: *number, count, start, values, is_plain });
            }
            *number += 1;
            (start, count, first) = (end + 1, 0, self.ends.len());
        }
        self.text = text;
    }

    /// Adds a line that the table reader has cut.
    pub(super) fn push(&mut self, number: u64, record: &StringRecord) {
        let (start, first) = (self.text.len(), self.ends.len());
        for value in record.iter().take(MAX_COLUMNS + 1) {
            self.text.push_str(value);
            self.ends.push(self.text.len());
            self.text.push('\n');
        }
        let values = (first, self.ends.len());
        let is_plain = is_plain(record.as_slice());
        self.lines.push(Place { number, count: record.len(), start, values, is_plain });
    }

    /// Bytes of its text.
    pub(super) const fn size(&self) -> usize {
        self.text.len()
    }

    /// How many lines it has.
    pub(super) const fn len(&self) -> usize {
        self.lines.len()
    }

    /// A line, counted from 0.
    pub(super) fn line(&self, index: usize) -> Option<Line<'_>> {
        let place = self.lines.get(index)?;
        let (first, behind) = place.values;
        Some(Line {
            number: place.number,
            text: &self.text,
            start: place.start,
            ends: self.ends.get(first..behind)?,
            count: place.count,
            is_plain: place.is_plain,
        })
    }
}

impl Lines {
    /// Goes on where the cutter is; `first` is a line that was read already and is no header.
    pub(super) fn start(mut cutter: Cutter<TextStream>, first: Option<StringRecord>) -> io::Result<Self> {
        let (sender, batches) = sync_channel(AHEAD);
        let (used, back) = channel::<Batch>();
        let mut batch = Batch::default();
        if let Some(first) = first {
            batch.push(first.position().map_or(1, csv::Position::line), &first);
        }
        thread::Builder::new().name("table lines".into()).spawn(move || {
            loop {
                let mut next = back.try_recv().unwrap_or_default();
                let cut = cutter.fill(&mut next).map(|more| more.then_some(next));
                let is_last = !matches!(cut, Ok(Some(_)));
                // Nobody wants more once the consumer has gone.
                if sender.send(cut).is_err() || is_last {
                    return;
                }
            }
        })?;
        Ok(Self { batches, used, batch, next: 0, ended: false })
    }

    /// Goes to the next line; `false` at the end of the file.
    pub(super) fn advance(&mut self) -> Result<bool, ReadError> {
        while self.next == self.batch.len() {
            if self.ended {
                return Ok(false);
            }
            let gone = || ReadError::Io(io::Error::other("the reader of the table ended before the table did"));
            let cut = self.batches.recv().map_err(|_| gone()).flatten();
            let Some(batch) = cut.inspect_err(|_| self.ended = true)? else {
                self.ended = true;
                return Ok(false);
            };
            // Nobody takes it back once the cutter has ended.
            let _ = self.used.send(std::mem::replace(&mut self.batch, batch));
            self.next = 0;
        }
        self.next += 1;
        Ok(true)
    }

    /// The line that [`Self::advance`] went to.
    pub(super) fn current(&self) -> Option<Line<'_>> {
        self.batch.line(self.next.checked_sub(1)?)
    }
}
