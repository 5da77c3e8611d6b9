//! The bytes of an upload, with proof that they are the ones that were uploaded.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};
use workbench_engine::log::hex;

/// A reader that counts and hashes what goes through it. Clones read from the same place.
pub struct Original<R>(Arc<Mutex<Passing<R>>>);

struct Passing<R> {
    inner: R,
    size: u64,
    digest: Sha256,
}

impl<R> Clone for Original<R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<R: Read> Original<R> {
    pub fn new(inner: R) -> Self {
        Self(Arc::new(Mutex::new(Passing { inner, size: 0, digest: Sha256::new() })))
    }

    /// Reads what nobody has read yet. Whether all of it together has this size and this SHA-256 (hex).
    pub fn is_whole(&mut self, size: u64, sha256: &str) -> io::Result<bool> {
        io::copy(self, &mut io::sink())?;
        let passed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(passed.size == size && hex(&passed.digest.clone().finalize()) == sha256)
    }
}

impl<R: Read> Read for Original<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut passing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let read = passing.inner.read(buffer)?;
        passing.size += read as u64;
        passing.digest.update(&buffer[..read]);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_cut_or_changed_is_noticed() {
        let sha256 = hex(&Sha256::digest(b"abcdef"));
        let whole = |bytes: &'static [u8]| {
            let mut original = Original::new(bytes);
            let mut first = [0; 2];
            original.clone().read_exact(&mut first).expect("two bytes");
            original.is_whole(6, &sha256).expect("memory can be read")
        };
        assert!(whole(b"abcdef"));
        assert!(!whole(b"abcde"));
        assert!(!whole(b"abcdeg"));
    }
}
