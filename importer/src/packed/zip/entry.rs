//! An entry of a ZIP archive: its header, its content, and what was found of it.

use std::io::{self, BufRead, Read, Take};

use flate2::Crc;
use flate2::bufread::DeflateDecoder;

use super::descriptor;
use super::fields::{Counted, ENCRYPTED, Wide, bytes, long, numbers, signature};
use crate::packed::fault::PackedFault;
use crate::packed::refused;

const SIZES_FOLLOW: u16 = 1 << 3;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
/// The method under which encrypted content hides its own.
const AES: u16 = 99;

/// What header, content and directory must agree on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) method: u16,
    pub(super) crc: u32,
    pub(super) packed: u64,
    pub(super) unpacked: u64,
    pub(super) name: Vec<u8>,
    /// Where its header starts, in bytes from the start of the archive.
    pub(super) offset: u64,
}

/// What is said in front of the content. What was not known when it was written is none.
pub(super) struct Header {
    flags: u16,
    method: u16,
    crc: Option<u32>,
    packed: Option<u64>,
    unpacked: Option<u64>,
    pub(super) name: Vec<u8>,
    offset: u64,
}

impl Header {
    /// Reads a header from behind its signature; `offset` is where that stood.
    pub(super) fn read(source: &mut impl Read, offset: u64) -> io::Result<Self> {
        let [_, flags, method, _, _] = numbers(source)?;
        let (crc, packed, unpacked) = (long(source)?, long(source)?, long(source)?);
        let [name, extra] = numbers(source)?;
        let name = bytes(source, name)?;
        let extra = bytes(source, extra)?;
        let mut wide = Wide::among(&extra)?;
        // A header is to have both sizes there even if only one of them needs it.
        let both = wide.left() >= 16;
        let mut size = |narrow| match narrow {
            u32::MAX => wide.next(),
            narrow => {
                let _unused = both.then(|| wide.next());
                Some(narrow.into())
            }
        };
        let (unpacked, packed) = (size(unpacked), size(packed));
        let header = Self { flags, method, crc: Some(crc), packed, unpacked, name, offset };
        if !header.is_streamed() {
            if packed.is_none() || unpacked.is_none() {
                return Err(refused(PackedFault::damaged("its ZIP64 sizes are missing")));
            }
            return Ok(header);
        }
        // Zero means that it was not known; some programs know the one or the other.
        Ok(Self {
            crc: header.crc.filter(|crc| *crc != 0),
            packed: packed.filter(|size| *size != 0),
            unpacked: unpacked.filter(|size| *size != 0),
            ..header
        })
    }

    const fn is_streamed(&self) -> bool {
        self.flags & SIZES_FOLLOW != 0
    }

    /// How many bytes stored content has, as far as that is known.
    fn stored_size(&self) -> Option<u64> {
        let folder = self.name.ends_with(b"/").then_some(0);
        self.packed.or(self.unpacked).or(folder)
    }
}

/// The content of an entry, unpacked while it is read.
pub(super) struct Body<R> {
    header: Header,
    data: Data<R>,
    /// Where the content starts, in bytes from the start of the archive.
    start: u64,
    crc: Crc,
    given: u64,
}

enum Data<R> {
    Stored(Take<Counted<R>>),
    Deflated(DeflateDecoder<Take<Counted<R>>>),
}

impl<R: BufRead> Body<R> {
    /// `source` stands behind the header.
    pub(super) fn open(header: Header, source: Counted<R>) -> Result<Self, PackedFault> {
        if header.flags & ENCRYPTED != 0 || header.method == AES {
            return Err(PackedFault::Encrypted);
        }
        let start = source.at();
        let data = match header.method {
            STORED => {
                let what = "its content is stored, and how much there is of it is said behind it";
                let size = header.stored_size().ok_or(PackedFault::Unsupported { what })?;
                if header.unpacked.is_some_and(|unpacked| unpacked != size) {
                    return Err(PackedFault::damaged("content that is not packed has two sizes"));
                }
                Data::Stored(source.take(size))
            }
            // Deflated content says itself where it ends; a size in front of it is compared when it has.
            DEFLATED if header.is_streamed() => Data::Deflated(DeflateDecoder::new(source.take(u64::MAX))),
            DEFLATED => Data::Deflated(DeflateDecoder::new(source.take(header.packed.unwrap_or_default()))),
            _ => return Err(PackedFault::Unsupported { what: "its method is not “deflate”" }),
        };
        Ok(Self { header, data, start, crc: Crc::new(), given: 0 })
    }

    /// Compares what was read with what was said of it in front and behind. Gives what was found, the signature of what
    /// follows, and the source, which stands behind that signature.
    pub(super) fn finish(self) -> io::Result<(Entry, [u8; 4], Counted<R>)> {
        let streamed = self.header.is_streamed();
        let (mut packed, announced) = match self.data {
            Data::Stored(packed) => (packed, true),
            Data::Deflated(decoder) => (decoder.into_inner(), !streamed),
        };
        if announced && packed.limit() > 0 {
            let cut = packed.fill_buf()?.is_empty();
            return Err(refused(if cut { PackedFault::Truncated } else { wrong("packed size") }));
        }
        let mut source = packed.into_inner();
        let Header { method, name, offset, .. } = self.header;
        let packed = source.at() - self.start;
        let found = Entry { method, crc: self.crc.sum(), packed, unpacked: self.given, name, offset };
        found.compare(self.header.crc, self.header.packed, self.header.unpacked).map_err(refused)?;
        let next = if streamed { descriptor::read(&mut source, &found)? } else { signature(&mut source)? };
        Ok((found, next, source))
    }
}

impl<R: BufRead> Read for Body<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.data {
            Data::Stored(content) => content.read(buffer)?,
            Data::Deflated(content) => match content.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && content.get_ref().limit() == 0 => {
                    return Err(refused(wrong("packed size")));
                }
                other => other?,
            },
        };
        self.given += read as u64;
        if self.header.unpacked.is_some_and(|unpacked| self.given > unpacked) {
            return Err(refused(wrong("unpacked size")));
        }
        self.crc.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

impl Entry {
    /// Looks whether what is said of the content is what was found.
    pub(super) fn compare(
        &self,
        crc: Option<u32>,
        packed: Option<u64>,
        unpacked: Option<u64>,
    ) -> Result<(), PackedFault> {
        if packed.is_some_and(|packed| packed != self.packed) {
            Err(wrong("packed size"))
        } else if unpacked.is_some_and(|unpacked| unpacked != self.unpacked) {
            Err(wrong("unpacked size"))
        } else if crc.is_some_and(|crc| crc != self.crc) {
            Err(wrong("checksum (CRC-32)"))
        } else {
            Ok(())
        }
    }
}

fn wrong(what: &str) -> PackedFault {
    PackedFault::damaged(format!("its {what} is wrong"))
}
