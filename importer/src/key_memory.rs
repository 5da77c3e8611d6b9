//! Remembers which keys a file has used, in bounded memory: 64-bit hashes, not the keys, and past a million of them in
//! a temporary file.

use std::collections::HashMap;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::FileExt;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

/// Hashes held in memory before they go to the file; a table of this size takes 10 MiB.
const MEMORY_KEYS: usize = 900_000;

/// Bits of the filter that keeps most questions from the file: 8 MiB. At ten million keys it lets one question in
/// twenty through.
const FILTER_BITS: u64 = 1 << 26;

/// Hashes in a block of the file, which is read whole: one page.
const BLOCK: usize = 512;

/// Hashes a key the same way on every run.
pub(crate) fn key_hash(key: impl Hash) -> u64 {
    // `DefaultHasher::new` has fixed keys, unlike the hasher of a `HashMap`.
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

/// Repeated keys counted at most.
const MAX_REPEATED: usize = 100_000;

/// How often each key of a file was seen.
#[derive(Debug)]
pub(crate) struct KeyMemory {
    recent: HashTable<u64>,
    older: Option<Spill>,
    /// Occurrences of the keys seen more than once: few in any real file, so that most keys cost eight bytes.
    repeated: HashMap<u64, u32>,
    limit: usize,
    overflowed: bool,
}

impl Default for KeyMemory {
    fn default() -> Self {
        Self { recent: HashTable::new(), older: None, repeated: HashMap::new(), limit: MEMORY_KEYS, overflowed: false }
    }
}

impl KeyMemory {
    /// Notes a key and returns how often it has been seen now, this time included. Two different keys of a million
    /// share a hash with a chance of one in thirty million; of ten million, one in three hundred thousand.
    pub(crate) fn note(&mut self, key: impl Hash) -> u32 {
        self.note_hash(key_hash(key))
    }

    /// As [`Self::note`], of a key that has been hashed by [`key_hash`].
    pub(crate) fn note_hash(&mut self, hash: u64) -> u32 {
        if self.recent.len() >= self.limit {
            self.spill();
        }
        let is_older = self.is_older(hash);
        match self.recent.entry(hash, |known| *known == hash, |known| *known) {
            Entry::Vacant(place) if !is_older => {
                place.insert(hash);
                return 1;
            }
            _ => {}
        }
        if self.repeated.len() >= MAX_REPEATED && !self.repeated.contains_key(&hash) {
            self.overflowed = true;
            return 2;
        }
        let count = self.repeated.entry(hash).or_insert(1);
        *count = count.saturating_add(1);
        *count
    }

    fn is_older(&mut self, hash: u64) -> bool {
        let Some(older) = &self.older else { return false };
        older.contains(hash).unwrap_or_else(|_| {
            self.overflowed = true;
            false
        })
    }

    fn spill(&mut self) {
        let older = self.older.take();
        match Spill::merge(older, self.recent.drain().collect()) {
            Ok(merged) => self.older = Some(merged),
            // Without room for the file, what was in it is forgotten.
            Err(_) => self.overflowed = true,
        }
    }

    /// Whether some keys could not be remembered, or not be counted exactly.
    pub(crate) const fn overflowed(&self) -> bool {
        self.overflowed
    }
}

/// Hashes in ascending order in a temporary file that has no name, so that nothing is left of it after a crash.
#[derive(Debug)]
struct Spill {
    file: File,
    /// The first hash of every block.
    firsts: Vec<u64>,
    filter: Vec<u64>,
}

impl Spill {
    /// Writes the hashes of a spill and new ones into one.
    fn merge(older: Option<Self>, mut new: Vec<u64>) -> io::Result<Self> {
        new.sort_unstable();
        let words = usize::try_from(FILTER_BITS / 64).unwrap_or(usize::MAX);
        let (source, filter) = match older {
            Some(Self { file, filter, .. }) => (Some(file), filter),
            None => (None, vec![0; words]),
        };
        let mut merged = Self { file: tempfile::tempfile()?, firsts: Vec::new(), filter };
        for hash in &new {
            for (word, bit) in places(*hash) {
                if let Some(word) = merged.filter.get_mut(word) {
                    *word |= bit;
                }
            }
        }
        let mut out = BufWriter::with_capacity(64 * 1024, merged.file.try_clone()?);
        let mut written = 0_usize;
        let mut put = |hash: u64| {
            if written.is_multiple_of(BLOCK) {
                merged.firsts.push(hash);
            }
            written += 1;
            out.write_all(&hash.to_be_bytes())
        };
        let mut new = new.into_iter().peekable();
        if let Some(mut source) = source {
            io::Seek::rewind(&mut source)?;
            let mut reader = BufReader::with_capacity(64 * 1024, source);
            let mut bytes = [0; 8];
            while fill(&mut reader, &mut bytes)? {
                let old = u64::from_be_bytes(bytes);
                while let Some(hash) = new.next_if(|hash| *hash < old) {
                    put(hash)?;
                }
                put(old)?;
            }
        }
        for hash in new {
            put(hash)?;
        }
        out.flush()?;
        drop(out);
        Ok(merged)
    }

    fn contains(&self, hash: u64) -> io::Result<bool> {
        let may_be = |(word, bit): (usize, u64)| self.filter.get(word).is_some_and(|word| word & bit != 0);
        if !places(hash).into_iter().all(may_be) {
            return Ok(false);
        }
        let Some(block) = self.firsts.partition_point(|first| *first <= hash).checked_sub(1) else {
            return Ok(false);
        };
        let mut bytes = [0; BLOCK * 8];
        let read = read_block(&self.file, &mut bytes, block)?;
        let hashes = bytes.get(..read).unwrap_or_default().chunks_exact(8);
        Ok(hashes.map(|bytes| bytes.try_into().map_or(0, u64::from_be_bytes)).any(|known| known == hash))
    }
}

/// The filter's words and bits for a hash: three, from different parts of it.
fn places(hash: u64) -> [(usize, u64); 3] {
    [0, 21, 42].map(|turn| {
        let place = hash.rotate_right(turn) % FILTER_BITS;
        (usize::try_from(place / 64).unwrap_or_default(), 1 << (place % 64))
    })
}

/// Reads one hash; `false` at the end.
fn fill(reader: &mut impl Read, bytes: &mut [u8; 8]) -> io::Result<bool> {
    match reader.read_exact(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// Reads a block, which may be shorter at the end of the file, and returns how many bytes it has.
fn read_block(file: &File, bytes: &mut [u8], block: usize) -> io::Result<usize> {
    let start = block as u64 * (BLOCK * 8) as u64;
    let mut read = 0;
    loop {
        match file.read_at(bytes.get_mut(read..).unwrap_or_default(), start + read as u64) {
            Ok(0) => return Ok(read),
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn occurrences_are_counted() {
        let mut memory = KeyMemory::default();
        assert_eq!((memory.note("a"), memory.note("b"), memory.note("a"), memory.note("a")), (1, 1, 2, 3));
        assert!(!memory.overflowed());
    }

    proptest! {
        #[test]
        fn keys_in_the_file_are_known_like_those_in_memory(
            keys in prop::collection::vec(0_u32..3000, 0..6000), limit in 1_usize..700,
        ) {
            let mut memory = KeyMemory { limit, ..KeyMemory::default() };
            let mut counted: HashMap<u32, u32> = HashMap::new();
            for key in keys {
                let count = counted.entry(key).or_default();
                *count += 1;
                prop_assert_eq!(memory.note(key), *count);
            }
            prop_assert!(!memory.overflowed());
        }
    }
}
