//! What can go wrong with a backup, in words for operators.

use std::io;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use workbench_engine::store::{RestoreError, StoreError};
use workbench_jobs::ObjectError;

/// Why a backup could not be taken, checked or restored.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum BackupError {
    /// The database did not do its part.
    #[error(transparent)]
    #[diagnostic(code(backup::store))]
    Store(#[from] StoreError),
    /// The store cannot take the backup.
    #[error(transparent)]
    #[diagnostic(code(backup::not_restored), help("Nothing was changed: the store is as it was before."))]
    NotRestored(RestoreError),
    /// The store that is to be filled has something in it.
    #[error("the store is not empty: there are rows in `{table}`")]
    #[diagnostic(
        code(backup::store_not_empty),
        help(
            "A backup is restored into a new store only: give another `--data-dir`, or a `--database-url` of a new database."
        )
    )]
    NotEmpty {
        /// The first table with rows.
        table: &'static str,
    },
    /// The uploads could not be read or written.
    #[error(transparent)]
    #[diagnostic(code(backup::uploads))]
    Objects(#[from] ObjectError),
    /// The uploads are not where they were looked for.
    #[error("the store needs {count} uploads, and there is no folder `{}`", .folder.display())]
    #[diagnostic(
        code(backup::no_uploads),
        help("Give the `--data-dir` or the `--uploads` of the daemon, or leave them out with `--without-uploads`.")
    )]
    NoUploads {
        /// Uploads that are needed.
        count: usize,
        /// Where they were looked for.
        folder: PathBuf,
    },
    /// A file cannot be read or written.
    #[error("`{}` cannot be {verb}: {error}", .path.display())]
    #[diagnostic(code(backup::file))]
    File {
        /// The file.
        path: PathBuf,
        /// `read` or `written`.
        verb: &'static str,
        /// What the system said.
        error: io::Error,
    },
    /// There is no space left for the archive.
    #[error("there is no space left for `{}`", .path.display())]
    #[diagnostic(
        code(backup::disk_full),
        help("Make space, or name a file on another disk; nothing of the backup was kept.")
    )]
    DiskFull {
        /// The file.
        path: PathBuf,
    },
    /// There is a file of that name.
    #[error("`{}` exists already", .path.display())]
    #[diagnostic(code(backup::exists), help("Name another file, or replace it with `--force`."))]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// An archive is read twice, which only files can be.
    #[error("`{}` is no file", .path.display())]
    #[diagnostic(code(backup::no_file), help("Store the backup in a file first: it is checked before it is restored."))]
    NoFile {
        /// What was named.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("`{}` is no backup of workbench", .path.display())]
    #[diagnostic(
        code(backup::no_backup),
        help("`workbench backup FILE` makes one. If this was one, its beginning is damaged.")
    )]
    NoBackup {
        /// The file.
        path: PathBuf,
    },
    /// The archive is not what was written.
    #[error("the backup is damaged: {what}")]
    #[diagnostic(code(backup::damaged), help("Nothing was changed. Copy the file again, or use an older backup."))]
    Damaged {
        /// What does not hold.
        what: String,
    },
    /// A later version has written the archive.
    #[error(
        "the backup has format {format} and was taken by workbench {product}; this version reads up to format {known}"
    )]
    #[diagnostic(code(backup::newer_format), help("Restore it with that version."))]
    NewerFormat {
        /// Its format.
        format: u32,
        /// The version that wrote it.
        product: String,
        /// The newest format that is known.
        known: u32,
    },
    /// The archive's schema is one that this version does not know.
    #[error(
        "the backup has schema {schema} and was taken by workbench {product}; this version knows schemas up to {known}"
    )]
    #[diagnostic(code(backup::newer_schema), help("Restore it with that version or a later one."))]
    NewerSchema {
        /// Its schema.
        schema: i64,
        /// The version that wrote it.
        product: String,
        /// The newest schema that is known.
        known: i64,
    },
    /// The store was made for another schema.
    #[error("the backup has schema {schema}, and the store has been brought to schema {store} already")]
    #[diagnostic(
        code(backup::other_schema),
        help("Restore it into a database without tables; it is brought up to date afterwards.")
    )]
    OtherSchema {
        /// The archive's schema.
        schema: i64,
        /// The store's.
        store: i64,
    },
    /// The person at the terminal changed their mind.
    #[error("interrupted; nothing was kept")]
    #[diagnostic(code(backup::interrupted))]
    Interrupted,
}

impl From<RestoreError> for BackupError {
    fn from(error: RestoreError) -> Self {
        match error {
            RestoreError::NotEmpty { table } => Self::NotEmpty { table },
            error => Self::NotRestored(error),
        }
    }
}

impl BackupError {
    pub(super) fn read(path: &Path, error: io::Error) -> Self {
        Self::File { path: path.to_owned(), verb: "read", error }
    }

    pub(super) fn written(path: &Path, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path: path.to_owned() },
            io::ErrorKind::AlreadyExists => Self::Exists { path: path.to_owned() },
            _ => Self::File { path: path.to_owned(), verb: "written", error },
        }
    }

    pub(super) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged { what: what.into() }
    }
}
