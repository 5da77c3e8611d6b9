//! Why a file cannot be opened, or cannot be read to its end. Both kinds speak to the person who sent the file.

use std::io;

use crate::format::{Entity, Format};
use crate::import::Detected;
use crate::packed::PackedFault;

/// Why a file is refused before its first row.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file could not be read.
    #[error("the file could not be read: {0}")]
    Io(#[source] io::Error),
    /// The file holds nothing but white space.
    #[error("the file is empty")]
    Empty,
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
    /// The first line holds data, not column names, and the values do not tell enough. Values are personal data, and
    /// this text goes to logs: it names none.
    #[error("the first line does not name its {}, and what they hold does not tell where they go", counted(*.columns))]
    NoHeader {
        /// Columns that the first line has.
        columns: usize,
        /// A line further down that looks like the header, from 1.
        header_below: Option<u64>,
    },
    /// The header lacks columns without which no row can be stored.
    #[error("the header lacks columns for {entity}: {}; it has {}", .missing.join(", "), counted(*.columns))]
    MissingColumns {
        /// What the file was read as.
        entity: Entity,
        /// The fields without a column.
        missing: Vec<String>,
        /// Columns that the header has. Their names are not told: what is taken for a header may be a row.
        columns: usize,
        /// A line further down that looks more like the header, from 1.
        header_below: Option<u64>,
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
    /// A table whose columns could be read, and not be mapped: with another mapping it can be.
    #[error("{cause}")]
    Unmapped {
        /// Why not.
        cause: Box<OpenError>,
        /// What was found out about the table, its columns among it.
        detected: Box<Detected>,
    },
    /// The content is not text.
    #[error("this is not a text file: {what}")]
    Binary {
        /// What it looks like.
        what: String,
    },
    /// The file does not have its records where the profile says.
    #[error("there are no records at {path}: {why}")]
    RecordsMissing {
        /// The path in the profile, as far as it could be followed.
        path: String,
        /// What is there instead.
        why: String,
    },
    /// The file declares a character encoding that is not read here.
    #[error("the file declares the encoding {declared}, which is not read")]
    UnknownEncoding {
        /// The declaration.
        declared: String,
    },
    /// The format can be read by a profile only, and none was named.
    #[error("{format} files are read by a profile, and none was named")]
    ProfileMissing {
        /// The format declared.
        format: Format,
    },
    /// A federation submission that cannot be taken as it is.
    #[error("the submission cannot be taken: {why}")]
    Submission {
        /// Stable name of what is wrong, in `snake_case`.
        code: &'static str,
        /// What is wrong.
        why: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// The file is packed in a way that is not read.
    #[error(transparent)]
    Packed(#[from] PackedFault),
    /// The start of the file could not be read.
    #[error("the start of the file cannot be read: {0}")]
    Read(#[from] ReadError),
}

fn counted(columns: usize) -> String {
    if columns == 1 { "1 column".to_owned() } else { format!("{columns} columns") }
}

impl OpenError {
    /// Adds what was found out about the table, where another mapping may help.
    pub(crate) fn of_table(self, detected: Detected) -> Self {
        match self {
            cause @ (Self::NoHeader { .. } | Self::MissingColumns { .. } | Self::Mapping { .. }) => {
                Self::Unmapped { cause: Box::new(cause), detected: Box::new(detected) }
            }
            other => other,
        }
    }

    /// Stable name of the kind of failure, in `snake_case`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io(_) => "io",
            Self::Empty => "file_empty",
            Self::Mismatch { .. } => "format_mismatch",
            Self::NoHeader { .. } => "header_missing",
            Self::MissingColumns { .. } => "columns_missing",
            Self::TooManyColumns { .. } => "too_many_columns",
            Self::Mapping { .. } => "mapping_invalid",
            Self::Unmapped { cause, .. } => cause.code(),
            Self::Binary { .. } => "file_binary",
            Self::RecordsMissing { .. } => "records_missing",
            Self::UnknownEncoding { .. } => "encoding_unknown",
            Self::ProfileMissing { .. } => "profile_missing",
            Self::Submission { code, .. } => code,
            Self::Packed(fault) => fault.code(),
            Self::Read(error) => error.code(),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Io(_) => "Send the file again; if it happens twice, ask the operator to look at the storage.".into(),
            Self::Empty => "Check that the export wrote something, then send the file again.".into(),
            Self::Mismatch { .. } => {
                "Leave the format and the entity to detection, or choose the ones that fit.".into()
            }
            Self::NoHeader { header_below: Some(line), .. } | Self::MissingColumns { header_below: Some(line), .. } => {
                format!("Line {line} looks like the header: remove the lines above it and send the file again.")
            }
            Self::NoHeader { .. } => {
                "Add a first line with column names, such as licence_number;given_name;family_name, or map the columns by \
                 their places: #1, #2 and so on."
                    .into()
            }
            Self::MissingColumns { missing, .. } => {
                format!("Add the columns, or map existing columns to: {}.", missing.join(", "))
            }
            Self::TooManyColumns { .. } => "Export only the columns that are to be imported.".into(),
            Self::Unmapped { cause, .. } => cause.hint(),
            Self::Mapping { .. } => "Map columns of this file, by their names or by their places (#1, #2 and so on), to known fields.".into(),
            Self::Binary { .. } => {
                "Export as text: “Save as CSV UTF-8” in a spreadsheet program. Of packed files, gzip and ZIP are read."
                    .into()
            }
            Self::RecordsMissing { .. } => {
                "Correct `record_path` in the profile, or choose a profile that fits this file.".into()
            }
            Self::UnknownEncoding { .. } => "Export the file again, as UTF-8.".into(),
            Self::ProfileMissing { .. } => "Name the profile that describes the layout in the field `profile`.".into(),
            Self::Submission { hint, .. } => (*hint).into(),
            Self::Packed(fault) => fault.hint().into(),
            Self::Read(error) => error.hint(),
        }
    }

    /// Takes a failure out of the error of a reader.
    pub(crate) fn from_io(error: io::Error) -> Self {
        match ReadError::from_io(error) {
            ReadError::Io(error) => Self::Io(error),
            ReadError::Packed(fault) => Self::Packed(fault),
            other => Self::Read(other),
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
    /// The file ends before what it holds is complete.
    #[error("the file ends on line {line}, before {missing}")]
    Unfinished {
        /// The last line, from 1.
        line: u64,
        /// What should have come.
        missing: &'static str,
    },
    /// The file breaks the rules of its format, so that what follows cannot be made out.
    #[error("line {line}, byte {offset} of the text: this is no sound {format}: {why}")]
    Damaged {
        /// JSON or XML.
        format: Format,
        /// Line, from 1.
        line: u64,
        /// Bytes of decoded text before the place.
        offset: u64,
        /// What is wrong there.
        why: String,
    },
    /// Objects, lists or elements are nested deeper than any real file needs.
    #[error("line {line}: the content is nested too deeply")]
    TooDeep {
        /// Line, from 1.
        line: u64,
    },
    /// Something follows the end of the content.
    #[error("line {line}: there is more behind the end of the content")]
    Trailing {
        /// Line, from 1.
        line: u64,
    },
    /// The file has a document type declaration.
    #[error("line {line}: the file has a document type declaration (DOCTYPE), which is not read")]
    Doctype {
        /// Line, from 1.
        line: u64,
    },
    /// The file is packed, and what it is packed in breaks off or breaks a rule.
    #[error(transparent)]
    Packed(PackedFault),
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
            Self::Truncated { .. } | Self::Unfinished { .. } => "file_truncated",
            Self::Malformed { .. } => "text_malformed",
            Self::Damaged { format: Format::Xml, .. } => "xml_malformed",
            Self::Damaged { .. } => "json_malformed",
            Self::TooDeep { .. } => "nesting_too_deep",
            Self::Trailing { .. } => "trailing_content",
            Self::Doctype { .. } => "doctype_refused",
            Self::ChartTooLarge { .. } => "chart_too_large",
            Self::Packed(fault) => fault.code(),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Io(_) => "Send the file again; if it happens twice, ask the operator to look at the storage.",
            Self::LineTooLong { .. } => "Look for a quotation mark that is opened on this line and never closed.",
            Self::Truncated { .. } | Self::Unfinished { .. } => {
                "The file was cut while it was written or sent; export and send it again."
            }
            Self::Malformed { .. } => "Export the file again, as UTF-8.",
            Self::Damaged { .. } => "Look at the place; correct the program that writes the file, then export again.",
            Self::TooDeep { .. } => "Real data is never nested like this; check where the file comes from.",
            Self::Trailing { .. } => "Two files may have been joined; send each by itself.",
            Self::Doctype { .. } => {
                "Export without DOCTYPE. Such a declaration can make a reader fetch other files or run out of memory."
            }
            Self::ChartTooLarge { .. } => "Check that the export holds one company only.",
            Self::Packed(fault) => fault.hint(),
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
