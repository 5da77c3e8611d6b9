//! What an archive says about itself.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use workbench_engine::store::ChainHead;

/// The format that is written, and the newest that is read.
pub const FORMAT: u32 = 1;
/// The first member.
pub(super) const OPENING: &str = "workbench-backup.json";
/// The member behind all parts.
pub(super) const MANIFEST: &str = "manifest.json";
/// The folder of rows: `tables/TABLE/NUMBER.ndjson.gz`.
pub(super) const TABLES: &str = "tables/";
/// The folder of uploads: `uploads/` and the place in the object store.
pub(super) const UPLOADS: &str = "uploads/";
/// A manifest that is larger is none; that is enough for more than a million parts.
pub(super) const MANIFEST_LIMIT: u64 = 256 * 1024 * 1024;
/// Rows are packed as soon as they have so many bytes.
pub(super) const PIECE: usize = 1024 * 1024;
/// No part of a table unpacks to more: a piece and its last row.
pub(super) const PIECE_LIMIT: u64 = 128 * 1024 * 1024;

/// Says what the file is, before anything else of it is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Opening {
    /// As in the manifest.
    pub format: u32,
    /// As in the manifest.
    pub product: String,
}

/// What is in an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// How the archive is laid out: [`FORMAT`].
    pub format: u32,
    /// The version of workbench that wrote it.
    pub product: String,
    /// The version of the database's schema.
    pub schema: i64,
    /// The kind of database it was taken from: `sqlite` or `postgres`.
    pub store: String,
    /// The moment that it shows.
    pub taken_at: DateTime<Utc>,
    /// Where the chain of events ended then.
    pub head: ChainHead,
    /// The tables, each behind those that it refers to.
    pub tables: Vec<Table>,
    /// The uploads that the rows refer to.
    pub uploads: Uploads,
    /// The members between the opening and the manifest, in order.
    pub parts: Vec<Part>,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its columns.
    pub columns: Vec<String>,
    /// How many rows there are.
    pub rows: i64,
}

/// The uploaded files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uploads {
    /// Whether they are in the archive; a bucket may be backed up by itself.
    pub included: bool,
    /// How many are.
    pub files: u64,
    /// How many bytes they have.
    pub bytes: u64,
    /// Those that could not be read, or were not what had been uploaded.
    pub missing: Vec<MissingUpload>,
}

/// An upload that is not in the archive although it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingUpload {
    /// Its place in the object store.
    pub key: String,
    /// Why it is not there.
    pub why: String,
}

/// A member of the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// Bytes, as they stand in the archive.
    pub size: u64,
    /// Their SHA-256, hex.
    pub sha256: String,
}

impl Manifest {
    /// Rows of all tables.
    #[must_use]
    pub fn rows(&self) -> i64 {
        self.tables.iter().map(|table| table.rows).sum()
    }
}
