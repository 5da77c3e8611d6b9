//! Remembers which keys a file has used, in bounded memory: 64-bit hashes, not the keys.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Keys remembered at most. A set of this size takes under 20 MiB, and half as much again while it grows; beyond it,
/// new keys are no longer compared.
const MAX_KEYS: usize = 1_800_000;

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
    seen: HashSet<u64>,
    /// Occurrences of the keys seen more than once: few in any real file, so that most keys cost eight bytes.
    repeated: HashMap<u64, u32>,
    limit: usize,
    overflowed: bool,
}

impl Default for KeyMemory {
    fn default() -> Self {
        Self { seen: HashSet::new(), repeated: HashMap::new(), limit: MAX_KEYS, overflowed: false }
    }
}

impl KeyMemory {
    /// Notes a key and returns how often it has been seen now, this time included. Always 1 for new keys past the
    /// limit. Two different keys share a hash with a chance below one in ten million for a full table.
    pub(crate) fn note(&mut self, key: impl Hash) -> u32 {
        let hash = key_hash(key);
        if !self.seen.contains(&hash) {
            if self.seen.len() < self.limit {
                self.seen.insert(hash);
            } else {
                self.overflowed = true;
            }
            return 1;
        }
        if self.repeated.len() >= MAX_REPEATED && !self.repeated.contains_key(&hash) {
            self.overflowed = true;
            return 2;
        }
        let count = self.repeated.entry(hash).or_insert(1);
        *count = count.saturating_add(1);
        *count
    }

    /// Whether some keys could not be remembered.
    pub(crate) const fn overflowed(&self) -> bool {
        self.overflowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_occurrences_and_says_when_it_forgets() {
        let mut memory = KeyMemory { limit: 2, ..KeyMemory::default() };
        assert_eq!((memory.note("a"), memory.note("b"), memory.note("a")), (1, 1, 2));
        assert!(!memory.overflowed());
        assert_eq!((memory.note("c"), memory.note("c"), memory.note("b")), (1, 1, 2));
        assert!(memory.overflowed());
    }
}
