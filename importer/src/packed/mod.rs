//! Packed files: gzip, or a ZIP archive of exactly one file, unpacked while they are read.
//!
//! A small file can unpack to more than any disk holds, so what comes out is counted against two bounds. Nothing is
//! kept but the windows of the decompressor, and nothing counts as read before the checksum at the end has been seen.

mod fault;
mod gzip;
mod zip;

use std::io::{self, BufReader, Chain, Cursor, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

pub use fault::PackedFault;

use crate::failure::{OpenError, ReadError};
use gzip::Members;
use zip::OnlyFile;

/// Bytes taken from the packed file at a time.
const CHUNK: usize = 32 * 1024;
/// Unpacked bytes before their ratio to the packed ones is looked at: 16 MiB. Small files may be very regular.
const FREE_BYTES: u64 = 16 * 1024 * 1024;
const GZIP: &[u8] = b"\x1f\x8b";
const ZIP: &[u8] = b"PK\x03\x04";
const EMPTY_ZIP: &[u8] = b"PK\x05\x06";

/// How much a packed file may unpack to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnpackLimits {
    /// Unpacked bytes in all.
    pub bytes: u64,
    /// Unpacked bytes for each packed byte, once more than 16 MiB have been unpacked.
    pub ratio: u64,
}

impl Default for UnpackLimits {
    /// 4 GiB, and 100 for one. Text packs to a tenth; a thousandth is what a file of nothing but zeros packs to.
    fn default() -> Self {
        Self { bytes: 4 * 1024 * 1024 * 1024, ratio: 100 }
    }
}

/// How a file was packed.
pub(crate) struct Packing {
    /// `gzip` or `zip`.
    pub(crate) kind: &'static str,
    /// The name that it has inside, as long as it is; gzip files and what was packed from a pipe have none.
    pub(crate) name: Option<String>,
    rest: Unpacking,
}

impl Packing {
    /// Reads what nobody has read, so that the checksum and whatever follows the content are looked at.
    pub(crate) fn finish(&mut self) -> Result<(), ReadError> {
        io::copy(&mut self.rest, &mut io::sink()).map(drop).map_err(ReadError::from_io)
    }
}

/// What the bytes at the start of a file are packed as, if they are.
pub(crate) fn kind(head: &[u8]) -> Option<&'static str> {
    if head.starts_with(GZIP) {
        Some("gzip")
    } else if head.starts_with(ZIP) || head.starts_with(EMPTY_ZIP) {
        Some("zip")
    } else {
        None
    }
}

/// Unpacks a packed file and hands any other through. `taken` counts the bytes that were read of `packed`.
pub(crate) fn unpack(
    mut packed: impl Read + Send + 'static,
    taken: &Arc<AtomicU64>,
    limits: UnpackLimits,
) -> Result<(Box<dyn Read + Send>, Option<Packing>), OpenError> {
    let mut head = Vec::new();
    packed.by_ref().take(ZIP.len() as u64).read_to_end(&mut head).map_err(OpenError::Io)?;
    let Some(kind) = kind(&head) else { return Ok((Box::new(Cursor::new(head).chain(packed)), None)) };
    if head.starts_with(EMPTY_ZIP) {
        return Err(PackedFault::Empty.into());
    }
    let source: Source = BufReader::with_capacity(CHUNK, Cursor::new(head).chain(Marked(Box::new(packed))));
    let (content, name) = if kind == "gzip" {
        let members = Members::open(source);
        let name = members.name();
        (Content::Gzip(Box::new(members)), name)
    } else {
        let file = OnlyFile::open(source)?;
        let name = file.name();
        (Content::Zip(Box::new(file)), name)
    };
    let unpacked = Unpacked { content, limits, taken: taken.clone(), given: 0, broken: None };
    let rest = Unpacking(Arc::new(Mutex::new(unpacked)));
    let name = name.filter(|name| !name.is_empty());
    Ok((Box::new(rest.clone()), Some(Packing { kind, name, rest })))
}

/// The failure that an error of a reader stands for: one of the storage, or one of the packed content.
fn failure(error: io::Error) -> io::Error {
    if error.get_ref().and_then(|inner| inner.downcast_ref::<ReadError>()).is_some() {
        return error;
    }
    refused(match error.kind() {
        io::ErrorKind::UnexpectedEof => PackedFault::Truncated,
        _ => PackedFault::damaged(error.to_string()),
    })
}

fn refused(fault: PackedFault) -> io::Error {
    io::Error::other(ReadError::Packed(fault))
}

type Source = BufReader<Chain<Cursor<Vec<u8>>, Marked>>;

/// Marks the errors of the storage, so that they are not taken for faults of what is packed. Interrupted reads are
/// repeated here: further up they would interrupt a check half-way, and what is read again is then past it.
struct Marked(Box<dyn Read + Send>);

impl Read for Marked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read.map_err(|error| io::Error::other(ReadError::Io(error))),
            }
        }
    }
}

enum Content {
    Gzip(Box<Members>),
    Zip(Box<OnlyFile<Source>>),
}

/// The content of a packed file, counted against the limits.
struct Unpacked {
    content: Content,
    limits: UnpackLimits,
    taken: Arc<AtomicU64>,
    given: u64,
    /// Why reading ended early. Decompressors say that once, and then that the content has ended.
    broken: Option<PackedFault>,
}

impl Unpacked {
    fn read_counted(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.content {
            Content::Gzip(members) => members.read(buffer),
            Content::Zip(file) => file.read(buffer),
        };
        let read = read.map_err(failure)?;
        self.given += read as u64;
        let UnpackLimits { bytes, ratio } = self.limits;
        let packed = self.taken.load(Ordering::Relaxed);
        if self.given > bytes {
            Err(refused(PackedFault::TooLarge { limit: bytes }))
        } else if self.given > FREE_BYTES && self.given > packed.saturating_mul(ratio.max(1)) {
            Err(refused(PackedFault::Bomb { ratio }))
        } else {
            Ok(read)
        }
    }
}

impl Read for Unpacked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(fault) = &self.broken {
            return Err(refused(fault.clone()));
        }
        let read = self.read_counted(buffer);
        if let Err(error) = &read {
            // What the storage did not give is missing.
            self.broken = Some(match error.get_ref().and_then(|inner| inner.downcast_ref()) {
                Some(ReadError::Packed(fault)) => fault.clone(),
                _ => PackedFault::Truncated,
            });
        }
        read
    }
}

/// The content for two: the format's reader, and whoever reads what that leaves.
#[derive(Clone)]
struct Unpacking(Arc<Mutex<Unpacked>>);

impl Read for Unpacking {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn what_has_failed_does_not_end_well_when_it_is_read_again() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(b"a;b\n1;2\n").expect("memory can be written");
        let sound = encoder.finish().expect("memory can be written");
        let mut wrong_sum = sound.clone();
        let at = wrong_sum.len() - 8;
        wrong_sum[at] ^= 1;
        for (packed, code) in [
            (wrong_sum, "archive_damaged"),
            (sound.get(..at).expect("shorter").to_vec(), "archive_truncated"),
            ([sound.as_slice(), b"\n"].concat(), "archive_damaged"),
        ] {
            let opened = unpack(Cursor::new(packed), &Arc::default(), UnpackLimits::default());
            let (mut reader, packing) = opened.expect("a sound head");
            let first = io::copy(&mut reader, &mut io::sink()).expect_err("a failure");
            assert_eq!(ReadError::from_io(first).code(), code);
            let again = packing.expect("it is packed").finish().expect_err("the failure again");
            assert_eq!(again.code(), code);
        }
    }
}
