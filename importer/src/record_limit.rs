//! Stops a reader of records that would otherwise collect an endless one in memory, and gives it one kind of line end.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::MAX_RECORD_BYTES;
use crate::failure::ReadError;

/// A reader that fails once the record being read exceeds [`MAX_RECORD_BYTES`].
///
/// The table reader asks for more only when it has used up what it was given, so at that moment everything delivered
/// since the record's start belongs to this record.
pub(crate) struct RecordLimit<R> {
    inner: R,
    delivered: u64,
    /// Where the record being read starts, in bytes of decoded text; set by the consumer before each record.
    record_start: Arc<AtomicU64>,
    /// CR LF and CR are given as LF: the table reader counts lines by LF alone.
    one_line_end: bool,
    /// The last byte taken was a CR: a following LF belongs to it.
    after_cr: bool,
}

impl<R> RecordLimit<R> {
    /// For tables: every line ends with LF, however the source ends it.
    pub(crate) fn new(inner: R, record_start: Arc<AtomicU64>) -> Self {
        Self { inner, delivered: 0, record_start, one_line_end: true, after_cr: false }
    }

    /// For text whose line ends somebody else looks after.
    pub(crate) fn with_line_ends(inner: R, record_start: Arc<AtomicU64>) -> Self {
        Self { one_line_end: false, ..Self::new(inner, record_start) }
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
        if self.delivered.saturating_sub(self.record_start.load(Ordering::Relaxed)) > MAX_RECORD_BYTES as u64 {
            // The consumer knows the line.
            return Err(io::Error::other(ReadError::LineTooLong { row: 0 }));
        }
        loop {
            let read = self.inner.read(buffer)?;
            let kept = self.rewrite(buffer.get_mut(..read).unwrap_or_default());
            // Nothing is left of a piece that was the second half of a line end; only the end of the source is nothing.
            if kept > 0 || read == 0 {
                self.delivered += kept as u64;
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
