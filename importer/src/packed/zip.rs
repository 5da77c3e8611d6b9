//! A ZIP archive of one file, read from front to back.
//!
//! The directory at the end of an archive and the headers in front of its content say the same things twice, and
//! archives made to deceive say different things. Read in a stream, an archive is sound only as a whole: one header,
//! its content, a directory of one entry that says the same, and nothing else.

use std::io::{self, BufRead, Read, Take};

use flate2::Crc;
use flate2::bufread::DeflateDecoder;

use super::failure;
use super::fault::PackedFault;
use crate::failure::{OpenError, ReadError};

const LOCAL: [u8; 4] = *b"PK\x03\x04";
const DIRECTORY: [u8; 4] = *b"PK\x01\x02";
const END: [u8; 4] = *b"PK\x05\x06";
const END_64: [u8; 4] = *b"PK\x06\x06";

const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;
const SIZES_FOLLOW: u16 = 1 << 3;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
/// The method under which encrypted content hides its own.
const AES: u16 = 99;

/// What header and directory both say of an entry.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    method: u16,
    crc: u32,
    packed: u32,
    unpacked: u32,
    name: Vec<u8>,
}

/// The one file of an archive.
pub(super) struct OnlyFile<R> {
    entry: Entry,
    data: Data<R>,
    crc: Crc,
}

enum Data<R> {
    Stored(Take<R>),
    Deflated(DeflateDecoder<Take<R>>),
    Ended,
}

impl<R: BufRead> OnlyFile<R> {
    /// Reads the header of the first entry.
    pub(super) fn open(mut source: R) -> Result<Self, OpenError> {
        let (flags, entry) = local_header(&mut source).map_err(opening)?;
        if let Some(what) = document(&entry.name) {
            return Err(OpenError::Binary { what: format!("it looks like {what}") });
        }
        let unsupported = |what| OpenError::from(PackedFault::Unsupported { what });
        if flags & ENCRYPTED != 0 || entry.method == AES {
            return Err(PackedFault::Encrypted.into());
        }
        if flags & SIZES_FOLLOW != 0 {
            return Err(unsupported("it was written in a stream, with its sizes behind its content"));
        }
        if entry.packed == u32::MAX || entry.unpacked == u32::MAX {
            return Err(unsupported("its sizes are those of ZIP64"));
        }
        if entry.name.ends_with(b"/") {
            return Err(PackedFault::SeveralFiles.into());
        }
        let packed = source.take(entry.packed.into());
        let data = match entry.method {
            STORED if entry.packed != entry.unpacked => {
                return Err(damaged("content that is not packed has two sizes").into());
            }
            STORED => Data::Stored(packed),
            DEFLATED => Data::Deflated(DeflateDecoder::new(packed)),
            _ => return Err(unsupported("its method is not “deflate”")),
        };
        Ok(Self { entry, data, crc: Crc::new() })
    }

    /// The name of the entry. Old programs write other encodings than UTF-8 and do not say which.
    pub(super) fn name(&self) -> String {
        String::from_utf8_lossy(&self.entry.name).into_owned()
    }

    /// The content has ended: looks whether it is what was announced, and whether the archive ends with it.
    fn finish(&mut self) -> io::Result<()> {
        let (mut packed, given) = match std::mem::replace(&mut self.data, Data::Ended) {
            Data::Stored(packed) => (packed, u64::from(self.entry.unpacked)),
            Data::Deflated(decoder) => {
                let given = decoder.total_out();
                (decoder.into_inner(), given)
            }
            Data::Ended => return Ok(()),
        };
        if packed.limit() > 0 {
            let cut = packed.fill_buf()?.is_empty();
            return Err(refused(if cut { PackedFault::Truncated } else { damaged("its packed size is wrong") }));
        }
        if given != u64::from(self.entry.unpacked) {
            return Err(refused(damaged("its unpacked size is wrong")));
        }
        if self.crc.sum() != self.entry.crc {
            return Err(refused(damaged("its checksum (CRC-32) is wrong")));
        }
        self.read_directory(&mut packed.into_inner())
    }

    fn read_directory(&self, source: &mut R) -> io::Result<()> {
        match signature(source)? {
            DIRECTORY => {}
            LOCAL => return Err(refused(PackedFault::SeveralFiles)),
            _ => return Err(refused(damaged("no directory follows its content"))),
        }
        let [_, _, _, method, _, _] = numbers(source)?;
        let (crc, packed, unpacked) = (long(source)?, long(source)?, long(source)?);
        let [name, extra, comment, disk, _] = numbers(source)?;
        let (_, offset) = (long(source)?, long(source)?);
        let name = bytes(source, name)?;
        skip(source, u64::from(extra) + u64::from(comment))?;
        if (Entry { method, crc, packed, unpacked, name }) != self.entry || disk != 0 || offset != 0 {
            return Err(refused(damaged("its directory and its content say different things")));
        }
        match signature(source)? {
            END => {}
            DIRECTORY => return Err(refused(PackedFault::SeveralFiles)),
            END_64 => return Err(refused(PackedFault::Unsupported { what: "its directory is that of ZIP64" })),
            _ => return Err(refused(damaged("its directory does not end"))),
        }
        let [disk, first_disk, here, all] = numbers(source)?;
        let (_, _) = (long(source)?, long(source)?);
        let [comment] = numbers(source)?;
        if (disk, first_disk, here, all) != (0, 0, 1, 1) {
            return Err(refused(damaged("its directory counts other files than it holds")));
        }
        skip(source, comment.into())?;
        if source.fill_buf()?.is_empty() { Ok(()) } else { Err(refused(damaged("something follows its end"))) }
    }
}

impl<R: BufRead> Read for OnlyFile<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.data {
            Data::Stored(content) => content.read(buffer)?,
            Data::Deflated(content) => {
                let read = match content.read(buffer) {
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && content.get_ref().limit() == 0 => {
                        return Err(refused(damaged("its packed size is wrong")));
                    }
                    other => other?,
                };
                if content.total_out() > u64::from(self.entry.unpacked) {
                    return Err(refused(damaged("its unpacked size is wrong")));
                }
                read
            }
            Data::Ended => return Ok(0),
        };
        self.crc.update(buffer.get(..read).unwrap_or_default());
        if read == 0 && !buffer.is_empty() {
            self.finish()?;
        }
        Ok(read)
    }
}

/// Documents that are ZIP archives, told by the name of their first entry.
fn document(name: &[u8]) -> Option<&'static str> {
    match name {
        b"mimetype" => Some("an OpenDocument file or an e-book (ods, odt, epub)"),
        b"[Content_Types].xml" | b"_rels/.rels" => Some("an Office document (xlsx, docx)"),
        name if [b"xl/".as_slice(), b"docProps/", b"_rels/"].iter().any(|folder| name.starts_with(folder)) => {
            Some("an Office document (xlsx, docx)")
        }
        name if name.starts_with(b"META-INF/") => Some("a Java archive"),
        _ => None,
    }
}

/// The flags of an entry, and the entry.
fn local_header(source: &mut impl Read) -> io::Result<(u16, Entry)> {
    // The caller has seen the signature.
    signature(source)?;
    let [_, flags, method, _, _] = numbers(source)?;
    let (crc, packed, unpacked) = (long(source)?, long(source)?, long(source)?);
    let [name, extra] = numbers(source)?;
    let name = bytes(source, name)?;
    skip(source, extra.into())?;
    Ok((flags, Entry { method, crc, packed, unpacked, name }))
}

fn signature(source: &mut impl Read) -> io::Result<[u8; 4]> {
    let mut bytes = [0; 4];
    source.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Numbers of two bytes.
fn numbers<const N: usize>(source: &mut impl Read) -> io::Result<[u16; N]> {
    let mut numbers = [0; N];
    for number in &mut numbers {
        let mut bytes = [0; 2];
        source.read_exact(&mut bytes)?;
        *number = u16::from_le_bytes(bytes);
    }
    Ok(numbers)
}

/// A number of four bytes.
fn long(source: &mut impl Read) -> io::Result<u32> {
    signature(source).map(u32::from_le_bytes)
}

fn bytes(source: &mut impl Read, length: u16) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length.into()];
    source.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn skip(source: &mut impl Read, length: u64) -> io::Result<()> {
    let skipped = io::copy(&mut source.by_ref().take(length), &mut io::sink())?;
    if skipped == length { Ok(()) } else { Err(refused(PackedFault::Truncated)) }
}

fn damaged(why: &str) -> PackedFault {
    PackedFault::Damaged { why: why.to_owned() }
}

fn refused(fault: PackedFault) -> io::Error {
    io::Error::other(ReadError::Packed(fault))
}

fn opening(error: io::Error) -> OpenError {
    OpenError::from_io(failure(error))
}
