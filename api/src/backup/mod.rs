//! Backups: one file with every row of the store and the uploads that it needs, for either database.
//!
//! An archive is a plain tar file. Its members, in order: `workbench-backup.json`, which says what it is; the rows of each
//! table as JSON, a line each, in packed pieces of about a megabyte; the uploads as they were sent; the manifest, with the
//! SHA-256 of everything before it; and last one with the SHA-256 of the whole file up to there. So it is written and read in
//! one go, in bounded memory, and no byte of it can change unnoticed.

mod error;
mod manifest;
mod reader;
mod restoring;
mod seal;
mod taking;
#[cfg(test)]
mod tests;
mod writer;

pub use error::BackupError;
pub use manifest::{FORMAT, Manifest, MissingUpload, Part, Table, Uploads};
pub use reader::verify;
pub use restoring::{Restored, restore};
pub use taking::{Target, take};
