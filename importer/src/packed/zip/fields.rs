//! What the records of a ZIP archive are made of: signatures, numbers, names and extra fields.

use std::io::{self, BufRead, Read};

use crate::packed::fault::PackedFault;
use crate::packed::refused;

pub(super) const LOCAL: [u8; 4] = *b"PK\x03\x04";
pub(super) const DIRECTORY: [u8; 4] = *b"PK\x01\x02";

/// Set in the flags of an entry whose content or names are encrypted, one way or another.
pub(super) const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;

/// The id of the extra field that holds what does not fit into 32 bits.
const ZIP64: u16 = 1;

/// A reader that knows how far it has come.
pub(super) struct Counted<R> {
    inner: R,
    at: u64,
}

impl<R> Counted<R> {
    pub(super) const fn new(inner: R) -> Self {
        Self { inner, at: 0 }
    }

    /// Bytes taken so far.
    pub(super) const fn at(&self) -> u64 {
        self.at
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.inner.consume(amount);
        self.at += amount as u64;
    }
}

/// The numbers of an extra field for ZIP64, in their order. Only what a record gives as “all ones” is among them.
pub(super) struct Wide<'a>(&'a [u8]);

impl<'a> Wide<'a> {
    /// Finds the field. What follows a field whose length is wrong is left alone: some programs pad with zeros.
    pub(super) fn among(mut extra: &'a [u8]) -> io::Result<Self> {
        let mut found = None;
        while let Some(([a, b, c, d], rest)) = extra.split_first_chunk() {
            let Some((field, rest)) = rest.split_at_checked(u16::from_le_bytes([*c, *d]).into()) else { break };
            if u16::from_le_bytes([*a, *b]) == ZIP64 && found.replace(field).is_some() {
                return Err(refused(PackedFault::damaged("its ZIP64 sizes are there twice")));
            }
            extra = rest;
        }
        Ok(Self(found.unwrap_or_default()))
    }

    /// Bytes not yet taken.
    pub(super) const fn left(&self) -> usize {
        self.0.len()
    }

    /// The next number.
    pub(super) fn next(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*number))
    }

    /// The number that a record says in 32 bits, or the next one if it says there that it does not fit.
    pub(super) fn or_narrow(&mut self, narrow: u32) -> io::Result<u64> {
        match narrow {
            u32::MAX => self.next().ok_or_else(|| refused(PackedFault::damaged("its ZIP64 sizes are missing"))),
            narrow => Ok(narrow.into()),
        }
    }
}

fn array<const N: usize>(source: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    source.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// The four bytes that tell what follows.
pub(super) fn signature(source: &mut impl Read) -> io::Result<[u8; 4]> {
    array(source)
}

/// Numbers of two bytes.
pub(super) fn numbers<const N: usize>(source: &mut impl Read) -> io::Result<[u16; N]> {
    let mut numbers = [0; N];
    for number in &mut numbers {
        *number = u16::from_le_bytes(array(source)?);
    }
    Ok(numbers)
}

/// A number of four bytes.
pub(super) fn long(source: &mut impl Read) -> io::Result<u32> {
    array(source).map(u32::from_le_bytes)
}

/// A number of eight bytes.
pub(super) fn wide(source: &mut impl Read) -> io::Result<u64> {
    array(source).map(u64::from_le_bytes)
}

pub(super) fn bytes(source: &mut impl Read, length: u16) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length.into()];
    source.read_exact(&mut bytes)?;
    Ok(bytes)
}

pub(super) fn skip(source: &mut impl Read, length: u64) -> io::Result<()> {
    let skipped = io::copy(&mut source.by_ref().take(length), &mut io::sink())?;
    if skipped == length { Ok(()) } else { Err(refused(PackedFault::Truncated)) }
}
