//! The directory at the end of a ZIP archive, held against what was found in front of it.

use std::io::{self, BufRead};

use super::entry::Entry;
use super::fields::{Counted, DIRECTORY, ENCRYPTED, Wide, bytes, long, numbers, signature, skip, wide};
use crate::packed::fault::PackedFault;
use crate::packed::refused;

const END: [u8; 4] = *b"PK\x05\x06";
const END_64: [u8; 4] = *b"PK\x06\x06";
const LOCATOR_64: [u8; 4] = *b"PK\x06\x07";
/// Bytes of the end's ZIP64 form behind its length, without what programs may add.
const END_64_BYTES: u64 = 44;

/// How many entries the directory has, and where it is.
struct Extent {
    entries: u64,
    bytes: u64,
    offset: u64,
}

/// Reads the directory and the end, from behind the directory's first signature, which is `next`.
pub(super) fn read<R: BufRead>(source: &mut Counted<R>, mut next: [u8; 4], entries: &[Entry]) -> io::Result<()> {
    let offset = before_signature(source);
    if next != DIRECTORY {
        return Err(damaged("no directory follows its content"));
    }
    for entry in entries {
        if next != DIRECTORY {
            return Err(damaged("its directory lists less than it holds"));
        }
        if listed(source)?.as_ref() != Some(entry) {
            return Err(damaged("its directory and its content say different things"));
        }
        next = signature(source)?;
    }
    if next == DIRECTORY {
        return Err(refused(PackedFault::SeveralFiles));
    }
    let extent = Extent { entries: entries.len() as u64, bytes: before_signature(source) - offset, offset };
    let is_64 = next == END_64;
    if is_64 {
        read_end_64(source, &extent)?;
        next = signature(source)?;
    }
    if next != END {
        return Err(damaged("its directory does not end"));
    }
    read_end(source, &extent, is_64)?;
    if source.fill_buf()?.is_empty() { Ok(()) } else { Err(damaged("something follows its end")) }
}

/// An entry as the directory lists it; none if it contradicts what has been read by being encrypted or elsewhere.
fn listed(source: &mut Counted<impl BufRead>) -> io::Result<Option<Entry>> {
    let [_, _, flags, method, _, _] = numbers(source)?;
    let (crc, packed, unpacked) = (long(source)?, long(source)?, long(source)?);
    let [name, extra, comment, disk, _] = numbers(source)?;
    let (_, offset) = (long(source)?, long(source)?);
    let name = bytes(source, name)?;
    let extra = bytes(source, extra)?;
    skip(source, comment.into())?;
    let mut wide = Wide::among(&extra)?;
    let unpacked = wide.or_narrow(unpacked)?;
    let packed = wide.or_narrow(packed)?;
    let offset = wide.or_narrow(offset)?;
    let first_disk = disk == 0 || disk == u16::MAX;
    let entry = Entry { method, crc, packed, unpacked, name, offset };
    Ok((first_disk && flags & ENCRYPTED == 0).then_some(entry))
}

fn read_end_64(source: &mut Counted<impl BufRead>, extent: &Extent) -> io::Result<()> {
    let at = before_signature(source);
    let length = wide(source)?;
    let [_, _] = numbers(source)?;
    let disks = (long(source)?, long(source)?);
    let (here, all, bytes, offset) = (wide(source)?, wide(source)?, wide(source)?, wide(source)?);
    let said = (disks, here, all, bytes, offset);
    let Some(added) = length.checked_sub(END_64_BYTES) else { return Err(damaged("its ZIP64 end is too short")) };
    if said != ((0, 0), extent.entries, extent.entries, extent.bytes, extent.offset) {
        return Err(miscounted());
    }
    skip(source, added)?;
    if signature(source)? != LOCATOR_64 {
        return Err(damaged("its directory does not end"));
    }
    let (disk, end, disks) = (long(source)?, wide(source)?, long(source)?);
    // Some programs count the disks from zero.
    if disk != 0 || end != at || disks > 1 { Err(miscounted()) } else { Ok(()) }
}

/// The end that every archive has. With a ZIP64 end in front of it, “all ones” say that the number is there.
fn read_end(source: &mut Counted<impl BufRead>, extent: &Extent, is_64: bool) -> io::Result<()> {
    let [disk, first_disk, here, all] = numbers(source)?;
    let (bytes, offset) = (long(source)?, long(source)?);
    let [comment] = numbers(source)?;
    let short = |said: u16, found: u64| u64::from(said) == found || is_64 && said == u16::MAX;
    let long = |said: u32, found: u64| u64::from(said) == found || is_64 && said == u32::MAX;
    let disks = short(disk, 0) && short(first_disk, 0);
    let counts = short(here, extent.entries) && short(all, extent.entries);
    if !disks || !counts || !long(bytes, extent.bytes) || !long(offset, extent.offset) {
        return Err(miscounted());
    }
    skip(source, comment.into())
}

/// Where the signature stands that was read last.
fn before_signature(source: &Counted<impl BufRead>) -> u64 {
    source.at() - DIRECTORY.len() as u64
}

fn miscounted() -> io::Error {
    damaged("its end does not tell where its directory is, or what it counts")
}

fn damaged(why: &str) -> io::Error {
    refused(PackedFault::damaged(why))
}
