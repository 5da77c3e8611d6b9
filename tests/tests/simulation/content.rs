//! What uploaded files hold: made from a number, so that every reading gives the same.

use workbench_engine::store::StoredRecord;

/// Kind of the records.
pub const KIND: &str = "member";
/// Different keys in all files together.
pub const KEYS: u64 = 8;
/// Rows in a chunk.
pub const CHUNK: usize = 3;

/// The records of a file, a row each. Files share keys, some rows repeat a key, and some say what others say.
pub fn rows(number: u64) -> Vec<StoredRecord> {
    (0..2 + number % 9)
        .map(|row| StoredRecord {
            kind: KIND.to_owned(),
            natural_key: key((number * 5 + row * 3) % KEYS),
            fields: format!("{{\"value\":{}}}", (number + row) % 5),
        })
        .collect()
}

/// A record's key.
pub fn key(number: u64) -> String {
    format!("m{number}")
}

/// Where a file of this number is kept.
pub fn object_key(number: u64) -> String {
    format!("file/{number}")
}

/// The number of the file that is kept there.
pub fn number(object_key: &str) -> u64 {
    object_key.rsplit('/').next().and_then(|number| number.parse().ok()).unwrap_or_default()
}
