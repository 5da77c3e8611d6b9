//! Cuts a table into lines on a thread of its own, ahead of those who clean and judge them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use csv::StringRecord;

use super::read_line;
use crate::MAX_COLUMNS;
use crate::failure::ReadError;
use crate::import::TextStream;
use crate::record_limit::RecordLimit;
use crate::rows::is_plain;

/// Lines in a batch at most.
const BATCH_LINES: usize = 512;

/// A batch is given out once its text is longer than this, in bytes; its last line may make it longer.
const BATCH_BYTES: usize = 256 * 1024;

/// Batches that wait for the consumer.
const AHEAD: usize = 2;

/// The rows of a table as lines.
pub(super) struct Lines {
    batches: Receiver<Result<Batch, ReadError>>,
    /// Gives the room of used batches back to the reader.
    used: Sender<Batch>,
    batch: Batch,
    next: usize,
    ended: bool,
}

/// Some lines, one behind the other in one text.
#[derive(Debug, Default)]
struct Batch {
    text: String,
    /// Where each value ends in the text.
    ends: Vec<usize>,
    lines: Vec<LineEnd>,
    is_last: bool,
}

/// Where a line ends in a batch.
#[derive(Debug, Clone, Copy, Default)]
struct LineEnd {
    number: u64,
    /// Values that it has in the file: of a hostile line, more than are kept.
    count: usize,
    values: usize,
    text: usize,
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
            None => Some(&self.start),
            Some(before) => self.ends.get(before),
        };
        let range = start.zip(self.ends.get(column)).map(|(start, end)| *start..*end);
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
    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.lines.clear();
        self.is_last = false;
    }

    fn push(&mut self, record: &StringRecord) {
        // A line of commas alone would otherwise take many times its own size.
        for value in record.iter().take(MAX_COLUMNS + 1) {
            self.text.push_str(value);
            self.ends.push(self.text.len());
        }
        self.lines.push(LineEnd {
            number: record.position().map_or(0, csv::Position::line),
            count: record.len(),
            values: self.ends.len(),
            text: self.text.len(),
            is_plain: is_plain(record.as_slice()),
        });
    }

    fn is_full(&self) -> bool {
        self.lines.len() >= BATCH_LINES || self.text.len() >= BATCH_BYTES
    }

    fn line(&self, index: usize) -> Option<Line<'_>> {
        let end = self.lines.get(index)?;
        let before = index.checked_sub(1).and_then(|before| self.lines.get(before)).copied().unwrap_or_default();
        Some(Line {
            number: end.number,
            text: &self.text,
            start: before.text,
            ends: self.ends.get(before.values..end.values)?,
            count: end.count,
            is_plain: end.is_plain,
        })
    }
}

impl Lines {
    /// Goes on reading where the reader is; `first` is a line that was read already and is no header.
    pub(super) fn start(
        mut reader: csv::Reader<RecordLimit<TextStream>>,
        record_start: Arc<AtomicU64>,
        first: Option<StringRecord>,
    ) -> io::Result<Self> {
        let (sender, batches) = sync_channel(AHEAD);
        let (used, back) = channel();
        thread::Builder::new()
            .name("table lines".into())
            .spawn(move || cut(&mut reader, &record_start, first, &sender, &back))?;
        Ok(Self { batches, used, batch: Batch::default(), next: 0, ended: false })
    }

    /// Goes to the next line; `false` at the end of the file.
    pub(super) fn advance(&mut self) -> Result<bool, ReadError> {
        loop {
            if self.next < self.batch.lines.len() {
                self.next += 1;
                return Ok(true);
            }
            if self.batch.is_last || self.ended {
                return Ok(false);
            }
            let gone = || ReadError::Io(io::Error::other("the reader of the table ended before the table did"));
            let batch = self.batches.recv().map_err(|_| gone()).flatten().inspect_err(|_| self.ended = true)?;
            // Nobody takes it back once the reader has ended.
            let _ = self.used.send(std::mem::replace(&mut self.batch, batch));
            self.next = 0;
        }
    }

    /// The line that [`Self::advance`] went to.
    pub(super) fn current(&self) -> Option<Line<'_>> {
        self.batch.line(self.next.checked_sub(1)?)
    }
}

/// Reads to the end of the file, to an error, or until nobody wants more.
fn cut(
    reader: &mut csv::Reader<RecordLimit<TextStream>>,
    record_start: &AtomicU64,
    first: Option<StringRecord>,
    sender: &SyncSender<Result<Batch, ReadError>>,
    back: &Receiver<Batch>,
) {
    let mut record = StringRecord::new();
    let mut batch = Batch::default();
    if let Some(first) = first {
        batch.push(&first);
    }
    loop {
        match read_line(reader, record_start, &mut record) {
            Ok(true) => batch.push(&record),
            Ok(false) => batch.is_last = true,
            Err(error) => {
                // The lines before it are sound.
                if sender.send(Ok(batch)).is_ok() {
                    let _ = sender.send(Err(error));
                }
                return;
            }
        }
        if batch.is_last {
            let _ = sender.send(Ok(batch));
            return;
        }
        if batch.is_full() {
            let mut next = back.try_recv().unwrap_or_default();
            next.clear();
            if sender.send(Ok(std::mem::replace(&mut batch, next))).is_err() {
                return;
            }
        }
    }
}
