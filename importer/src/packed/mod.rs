//! Packed files: gzip, or a ZIP archive of exactly one file, unpacked while they are read.
//!
//! A small file can unpack to more than any disk holds, so what comes out is counted against two bounds. Nothing is
//! kept but the windows of the decompressor, and nothing counts as read before the checksum at the end has been seen.

mod fault;
mod zip;

use std::io::{self, BufReader, Chain, Cursor, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use flate2::bufread::MultiGzDecoder;

pub use fault::PackedFault;

use crate::failure::{OpenError, ReadError};
use crate::issue::shorten;
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
    /// Unpacked bytes for each packed byte, beyond the first 16 MiB.
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
    /// The name that it has inside, shortened for display; gzip files may have none.
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
        let decoder = MultiGzDecoder::new(source);
        let name = decoder.header().and_then(flate2::GzHeader::filename);
        // The name of a gzip file is Latin-1, whose bytes are the first characters of Unicode.
        let name = name.map(|name| name.iter().map(|byte| char::from(*byte)).collect::<String>());
        (Content::Gzip(Box::new(decoder)), name)
    } else {
        let file = OnlyFile::open(source)?;
        let name = file.name();
        (Content::Zip(Box::new(file)), Some(name))
    };
    let unpacked = Unpacked { content, limits, taken: taken.clone(), given: 0 };
    let rest = Unpacking(Arc::new(Mutex::new(unpacked)));
    let name = name.as_deref().map(shorten).filter(|name| !name.is_empty());
    Ok((Box::new(rest.clone()), Some(Packing { kind, name, rest })))
}

/// The failure that an error of a reader stands for: one of the storage, or one of the packed content.
fn failure(error: io::Error) -> io::Error {
    let known = error.get_ref().and_then(|inner| inner.downcast_ref::<ReadError>()).is_some();
    if known || error.kind() == io::ErrorKind::Interrupted {
        return error;
    }
    let fault = match error.kind() {
        io::ErrorKind::UnexpectedEof => PackedFault::Truncated,
        _ => PackedFault::Damaged { why: error.to_string() },
    };
    io::Error::other(ReadError::Packed(fault))
}

type Source = BufReader<Chain<Cursor<Vec<u8>>, Marked>>;

/// Marks the errors of the storage, so that they are not taken for faults of what is packed.
struct Marked(Box<dyn Read + Send>);

impl Read for Marked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => error,
            _ => io::Error::other(ReadError::Io(error)),
        })
    }
}

enum Content {
    Gzip(Box<MultiGzDecoder<Source>>),
    Zip(Box<OnlyFile<Source>>),
}

/// The content of a packed file, counted against the limits.
struct Unpacked {
    content: Content,
    limits: UnpackLimits,
    taken: Arc<AtomicU64>,
    given: u64,
}

impl Read for Unpacked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.content {
            Content::Gzip(decoder) => decoder.read(buffer),
            Content::Zip(file) => file.read(buffer),
        };
        let read = read.map_err(failure)?;
        self.given += read as u64;
        let UnpackLimits { bytes, ratio } = self.limits;
        let fault = if self.given > bytes {
            PackedFault::TooLarge { limit: bytes }
        } else if self.given > FREE_BYTES && self.given / ratio.max(1) > self.taken.load(Ordering::Relaxed) {
            PackedFault::Bomb { ratio }
        } else {
            return Ok(read);
        };
        Err(io::Error::other(ReadError::Packed(fault)))
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
