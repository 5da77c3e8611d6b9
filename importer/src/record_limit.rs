//! Stops a table reader that would otherwise collect an endless record in memory.

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
}

impl<R> RecordLimit<R> {
    pub(crate) fn new(inner: R, record_start: Arc<AtomicU64>) -> Self {
        Self { inner, delivered: 0, record_start }
    }
}

impl<R: Read> Read for RecordLimit<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.delivered.saturating_sub(self.record_start.load(Ordering::Relaxed)) > MAX_RECORD_BYTES as u64 {
            // The consumer knows the line.
            return Err(io::Error::other(ReadError::LineTooLong { row: 0 }));
        }
        let read = self.inner.read(buffer)?;
        self.delivered += read as u64;
        Ok(read)
    }
}
