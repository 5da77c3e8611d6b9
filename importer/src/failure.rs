//! Why a file cannot be opened, or cannot be read to its end. Both kinds speak to the person who sent the file.

use std::io;

use crate::format::{Entity, Format};

/// Why a file is refused before its first row.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file could not be read.
    #[error("the file could not be read: {0}")]
    Io(#[source] io::Error),
    /// The file holds nothing but white space.
    #[error("the file is empty")]
    Empty,
    /// The format is known by name and not read by this release.
    #[error("{format} files are recognised but this release does not read them yet")]
    Unsupported {
        /// The format declared or found.
        format: Format,
    },
    /// The declaration contradicts the content.
    #[error("declared as {declared}, but the content is {found}: {why}")]
    Mismatch {
        /// What the request said.
        declared: String,
        /// What the content is.
        found: String,
        /// The evidence.
        why: String,
    },
    /// The first line holds data, not column names.
    #[error("the first line does not name columns: {first_line}")]
    NoHeader {
        /// The start of the first line.
        first_line: String,
    },
    /// The header lacks columns without which no row can be stored.
    #[error("the header lacks columns for {entity}: {}; it has {}", .missing.join(", "), .found.join(", "))]
    MissingColumns {
        /// What the file was read as.
        entity: Entity,
        /// The fields without a column.
        missing: Vec<String>,
        /// The first columns of the header, as written.
        found: Vec<String>,
    },
    /// The header has more columns than [`crate::MAX_COLUMNS`].
    #[error("the header has {columns} columns; at most {} are read", crate::MAX_COLUMNS)]
    TooManyColumns {
        /// Columns found.
        columns: usize,
    },
    /// The requested column mapping does not fit the file or the entity.
    #[error("the column mapping does not fit: {why}")]
    Mapping {
        /// What is wrong with it.
        why: String,
    },
    /// The content is not text.
    #[error("this is not a text file: {what}")]
    Binary {
        /// What it looks like.
        what: String,
    },
    /// The header could not be read.
    #[error("the header cannot be read: {0}")]
    Read(#[from] ReadError),
}

impl OpenError {
    /// Stable name of the kind of failure, in `snake_case`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io(_) => "io",
            Self::Empty => "file_empty",
            Self::Unsupported { .. } => "format_unsupported",
            Self::Mismatch { .. } => "format_mismatch",
            Self::NoHeader { .. } => "header_missing",
            Self::MissingColumns { .. } => "columns_missing",
            Self::TooManyColumns { .. } => "too_many_columns",
            Self::Mapping { .. } => "mapping_invalid",
            Self::Binary { .. } => "file_binary",
            Self::Read(error) => error.code(),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Io(_) => "Send the file again; if it happens twice, ask the operator to look at the storage.".into(),
            Self::Empty => "Check that the export wrote something, then send the file again.".into(),
            Self::Unsupported { .. } => "Export the data as CSV, or as SIE type 1 to 4 for a ledger.".into(),
            Self::Mismatch { .. } => {
                "Leave the format and the entity to detection, or choose the ones that fit.".into()
            }
            Self::NoHeader { .. } => {
                "Add a first line with column names, such as licence_number;given_name;family_name.".into()
            }
            Self::MissingColumns { missing, .. } => {
                format!("Add the columns, or map existing columns to: {}.", missing.join(", "))
            }
            Self::TooManyColumns { .. } => "Export only the columns that are to be imported.".into(),
            Self::Mapping { .. } => "Map columns of this file, spelled as in its header, to known fields.".into(),
            Self::Binary { .. } => {
                "Export as text: “Save as CSV UTF-8” in a spreadsheet program, and unpack archives before sending."
                    .into()
            }
            Self::Read(error) => error.hint(),
        }
    }
}

/// Why reading stops before the end of the file. Rows given before remain valid; the import as a whole fails.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The storage failed.
    #[error("reading the file failed: {0}")]
    Io(#[source] io::Error),
    /// A line or record exceeds [`crate::MAX_RECORD_BYTES`].
    #[error("the record that starts on line {row} is longer than 1 MiB")]
    LineTooLong {
        /// Line where the record starts, from 1.
        row: u64,
    },
    /// The file ends inside a character.
    #[error("the file ends in the middle of a character, at byte {offset}")]
    Truncated {
        /// Bytes read up to the incomplete character.
        offset: u64,
    },
    /// Bytes that are no text in the encoding.
    #[error("byte {offset} is not valid {encoding}")]
    Malformed {
        /// Where, in bytes from the start of the file.
        offset: u64,
        /// The encoding the file was read as.
        encoding: &'static str,
    },
    /// The chart of accounts exceeds what is held in memory.
    #[error("line {row}: the chart of accounts has more than {limit}")]
    ChartTooLarge {
        /// Line of the account that is too many, from 1.
        row: u64,
        /// The limit, with its unit.
        limit: &'static str,
    },
}

impl ReadError {
    /// Stable name of the kind of failure, in `snake_case`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Io(_) => "io",
            Self::LineTooLong { .. } => "line_too_long",
            Self::Truncated { .. } => "file_truncated",
            Self::Malformed { .. } => "text_malformed",
            Self::ChartTooLarge { .. } => "chart_too_large",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Io(_) => "Send the file again; if it happens twice, ask the operator to look at the storage.",
            Self::LineTooLong { .. } => "Look for a quotation mark that is opened on this line and never closed.",
            Self::Truncated { .. } => "The file was cut while it was written or sent; export and send it again.",
            Self::Malformed { .. } => "Export the file again, as UTF-8.",
            Self::ChartTooLarge { .. } => "Check that the export holds one company only.",
        }
        .into()
    }

    /// Takes a failure back out of an I/O error, where a reader in between only speaks I/O errors.
    pub(crate) fn from_io(error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(inner) => inner,
            Err(error) => Self::Io(error),
        }
    }
}
