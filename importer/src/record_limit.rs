//! Stops a reader of records that would otherwise collect an endless one in memory, and gives it one kind of line end.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::MAX_RECORD_BYTES;
use crate::failure::ReadError;
use crate::quote_watch::QuoteWatch;

/// What reader and consumer tell each other about the record being read.
#[derive(Debug, Default)]
pub(crate) struct RecordPlace {
    /// Where it starts, in bytes of decoded text; set by the consumer before each record.
    start: AtomicU64,
    /// The consumer has been told that the text has ended.
    has_ended: AtomicBool,
}

impl RecordPlace {
    /// The next record starts here.
    pub(crate) fn starts_at(&self, byte: u64) {
        self.start.store(byte, Ordering::Relaxed);
    }

    /// Another consumer goes on, who counts from its own start.
    pub(crate) fn restart(&self) {
        self.starts_at(0);
        self.has_ended.store(false, Ordering::Relaxed);
    }

    /// Whether it was the end of the text that ended the record just read, and no line end.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Relaxed)
    }
}

/// A reader that fails once the record being read exceeds [`MAX_RECORD_BYTES`].
///
/// The table reader asks for more only when it has used up what it was given, so at that moment everything delivered
/// since the record's start belongs to this record.
pub(crate) struct RecordLimit<R> {
    inner: R,
    delivered: u64,
    place: Arc<RecordPlace>,
    /// CR LF and CR are given as LF: the table reader counts lines by LF alone.
    one_line_end: bool,
    /// The last byte taken was a CR: a following LF belongs to it.
    after_cr: bool,
    /// Looks at what is delivered.
    watch: Option<QuoteWatch>,
}

impl<R> RecordLimit<R> {
    /// For tables: a line that the source ends somehow ends with LF.
    pub(crate) fn new(inner: R, place: Arc<RecordPlace>) -> Self {
        Self { inner, delivered: 0, place, one_line_end: true, after_cr: false, watch: None }
    }

    /// For text whose line ends somebody else looks after.
    pub(crate) fn with_line_ends(inner: R, place: Arc<RecordPlace>) -> Self {
        Self { one_line_end: false, ..Self::new(inner, place) }
    }

    /// Lets somebody look at what is delivered from now on.
    pub(crate) fn watched_by(&mut self, watch: QuoteWatch) {
        self.watch = Some(watch);
    }

    /// Counts anew, as if only the last `pending` bytes had been delivered.
    pub(crate) const fn count_from(&mut self, pending: u64) {
        self.delivered = pending;
    }

    /// Rewrites the line ends of what was read; returns how much is left of it.
    fn rewrite(&mut self, read: &mut [u8]) -> usize {
        if !self.one_line_end || (!self.after_cr && !read.contains(&b'\r')) {
            return read.len();
        }
        let mut kept = 0;
        for at in 0..read.len() {
            let byte = read.get(at).copied().unwrap_or_default();
            let belongs_to_cr = std::mem::replace(&mut self.after_cr, byte == b'\r') && byte == b'\n';
            if belongs_to_cr {
                continue;
            }
            if let Some(slot) = read.get_mut(kept) {
                *slot = if byte == b'\r' { b'\n' } else { byte };
                kept += 1;
            }
        }
        kept
    }
}

impl<R: Read> RecordLimit<R> {
    /// Passes over one line, which counts for nothing that follows. The source has a buffer of its own, so that single
    /// bytes cost little.
    pub(crate) fn skip_line(&mut self) -> Result<(), ReadError> {
        let before = self.delivered;
        let mut byte = [0_u8];
        let mut length = 0_usize;
        loop {
            let read = self.read(&mut byte).map_err(ReadError::from_io)?;
            if read == 0 || byte == *b"\n" {
                self.delivered = before;
                return Ok(());
            }
            length += 1;
            if length > MAX_RECORD_BYTES {
                return Err(ReadError::LineTooLong { row: 1 });
            }
        }
    }
}

impl<R: Read> Read for RecordLimit<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.delivered.saturating_sub(self.place.start.load(Ordering::Relaxed)) > MAX_RECORD_BYTES as u64 {
            // The consumer knows the line.
            return Err(io::Error::other(ReadError::LineTooLong { row: 0 }));
        }
        loop {
            let read = self.inner.read(buffer)?;
            let kept = self.rewrite(buffer.get_mut(..read).unwrap_or_default());
            // Nothing is left of a piece that was the second half of a line end; only the end of the source is nothing.
            if kept > 0 || read == 0 {
                self.delivered += kept as u64;
                let has_ended = kept == 0 && !buffer.is_empty();
                if has_ended {
                    self.place.has_ended.store(true, Ordering::Relaxed);
                }
                if let Some(watch) = &mut self.watch {
                    watch.look(buffer.get(..kept).unwrap_or_default());
                    if has_ended {
                        watch.end();
                    }
                }
                return Ok(kept);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn line_ends_become_lf_whatever_the_pieces(text in "[ab\r\n]{0,40}", piece in 1_usize..5) {
            let mut reader = RecordLimit::new(text.as_bytes(), Arc::default());
            let (mut given, mut buffer) = (Vec::new(), vec![0; piece]);
            while let Ok(read @ 1..) = reader.read(&mut buffer) {
                given.extend_from_slice(buffer.get(..read).unwrap_or_default());
            }
            prop_assert_eq!(String::from_utf8_lossy(&given), text.replace("\r\n", "\n").replace('\r', "\n"));
        }
    }
}
