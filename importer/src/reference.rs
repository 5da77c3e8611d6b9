//! What a row says about a record of another kind, for whoever knows the records.

use crate::RecordKind;

/// A value that a profile declares to be the key of another record. Whether there is such a record is for the caller to
/// find out: this crate knows the file only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The kind of the record referred to.
    pub kind: RecordKind,
    /// Its natural key.
    pub key: String,
    /// The column that refers to it, as the file names it.
    pub column: String,
}
