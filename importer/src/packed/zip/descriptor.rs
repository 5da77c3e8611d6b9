//! What a program that packs in a stream says behind the content, as it could not know it before.
//!
//! Nothing tells in which of four shapes it is said: with a signature or without, sizes in 32 bits or in 64. The content
//! has been measured by then, so it is the shape that says what was found, with the next record right behind it.

use std::io::{self, Read};

use super::entry::Entry;
use super::fields::{DIRECTORY, LOCAL};
use crate::packed::fault::PackedFault;
use crate::packed::refused;

const SIGNATURE: [u8; 4] = *b"PK\x07\x08";
/// Bytes of the signature of what follows.
const NEXT: usize = 4;

#[derive(Clone, Copy)]
struct Shape {
    signed: bool,
    wide: bool,
}

/// From the shortest to the longest, so that nothing is taken that belongs to what follows.
const SHAPES: [Shape; 4] = [
    Shape { signed: false, wide: false },
    Shape { signed: true, wide: false },
    Shape { signed: false, wide: true },
    Shape { signed: true, wide: true },
];

impl Shape {
    const fn length(self) -> usize {
        let signature = if self.signed { SIGNATURE.len() } else { 0 };
        let sizes = if self.wide { 16 } else { 8 };
        signature + 4 + sizes
    }

    /// Checksum, packed and unpacked size as they are said in this shape, if `bytes` can be of it: the signature is
    /// there, and a record follows.
    fn said(self, bytes: &[u8]) -> Option<(u32, u64, u64)> {
        let (said, next) = bytes.split_at_checked(self.length())?;
        if !next.starts_with(&DIRECTORY) && !next.starts_with(&LOCAL) {
            return None;
        }
        let said = if self.signed { said.strip_prefix(&SIGNATURE)? } else { said };
        let (crc, sizes) = said.split_first_chunk()?;
        let (packed, unpacked) = sizes.split_at_checked(sizes.len() / 2)?;
        let size = |bytes: &[u8]| bytes.iter().rev().fold(0, |size, byte| size << 8 | u64::from(*byte));
        Some((u32::from_le_bytes(*crc), size(packed), size(unpacked)))
    }
}

/// Reads what is said behind the content of an entry, and the signature of what follows, which is given.
pub(super) fn read(source: &mut impl Read, found: &Entry) -> io::Result<[u8; 4]> {
    let mut bytes = Vec::new();
    for shape in SHAPES {
        let missing = shape.length() + NEXT - bytes.len();
        if source.take(missing as u64).read_to_end(&mut bytes)? < missing {
            return Err(refused(PackedFault::Truncated));
        }
        if shape.said(&bytes) == Some((found.crc, found.packed, found.unpacked)) {
            return Ok(bytes.last_chunk().copied().unwrap_or_default());
        }
    }
    // A signature is surer than none.
    let said =
        SHAPES.iter().rev().filter(|shape| shape.signed).chain(SHAPES.iter().rev().filter(|shape| !shape.signed));
    let fault = said
        .copied()
        .find_map(|shape| shape.said(&bytes))
        .and_then(|(crc, packed, unpacked)| found.compare(Some(crc), Some(packed), Some(unpacked)).err());
    Err(refused(fault.unwrap_or_else(|| PackedFault::damaged("its sizes and a directory do not follow its content"))))
}
