//! The last bytes of an archive: the SHA-256 of all bytes before them, as one more member.

use std::io::{self, Read, Write};

use sha2::{Digest, Sha256};
use workbench_engine::log::hex;

/// Header, content, and the two empty blocks that end a tar file.
pub(super) const SEAL: u64 = 2048;

/// The end of an archive whose bytes so far have this hash. It says nothing else, so that it can be compared as a whole.
pub(super) fn seal(hash: &Sha256) -> io::Result<Vec<u8>> {
    let text = format!("{}\n", hex(&hash.clone().finalize()));
    let mut builder = tar::Builder::new(Vec::new());
    builder.append(&header("archive.sha256", text.len() as u64, 0)?, text.as_bytes())?;
    builder.into_inner()
}

/// The header of a member; `time` is in seconds since the epoch.
pub(super) fn header(name: &str, size: u64, time: u64) -> io::Result<tar::Header> {
    let mut header = tar::Header::new_gnu();
    header.set_path(name)?;
    header.set_size(size);
    header.set_mode(0o600);
    header.set_mtime(time);
    header.set_cksum();
    Ok(header)
}

/// Hashes and counts what passes through.
pub(super) struct Hashed<T> {
    pub inner: T,
    pub hash: Sha256,
    pub bytes: u64,
}

impl<T> Hashed<T> {
    pub fn new(inner: T) -> Self {
        Self { inner, hash: Sha256::new(), bytes: 0 }
    }

    fn note(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    /// The hash so far, hex.
    pub fn hex(&self) -> String {
        hex(&self.hash.clone().finalize())
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.note(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(buffer)?;
        self.note(buffer.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
