//! Why a packed file is not read.

/// What is wrong with a packed file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PackedFault {
    /// A ZIP archive with more than one file.
    #[error("the ZIP archive holds more than one file")]
    SeveralFiles,
    /// A ZIP archive without a file.
    #[error("the ZIP archive holds no file")]
    Empty,
    /// The content asks for a password.
    #[error("the ZIP archive is encrypted")]
    Encrypted,
    /// A packed file in a packed file.
    #[error("the packed file holds a packed file ({kind})")]
    Nested {
        /// `gzip` or `zip`.
        kind: &'static str,
    },
    /// A sound ZIP archive of a kind that is not read.
    #[error("the ZIP archive is of a kind that is not read: {what}")]
    Unsupported {
        /// What is special about it.
        what: &'static str,
    },
    /// What is packed contradicts what is said about it, or itself.
    #[error("the packed file is damaged: {why}")]
    Damaged {
        /// The contradiction.
        why: String,
    },
    /// The packed file ends too early.
    #[error("the packed file ends before its content does")]
    Truncated,
    /// More content than [`crate::UnpackLimits::bytes`].
    #[error("the packed file holds more than {limit} bytes")]
    TooLarge {
        /// Bytes allowed.
        limit: u64,
    },
    /// More content than [`crate::UnpackLimits::ratio`] allows.
    #[error("the packed file holds more than {ratio} bytes for each of its own")]
    Bomb {
        /// Bytes allowed for each packed byte.
        ratio: u64,
    },
}

impl PackedFault {
    pub(super) fn damaged(why: impl Into<String>) -> Self {
        Self::Damaged { why: why.into() }
    }

    /// Stable name of the fault, in `snake_case`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::SeveralFiles => "archive_several_files",
            Self::Empty => "archive_empty",
            Self::Encrypted => "archive_encrypted",
            Self::Nested { .. } => "archive_nested",
            Self::Unsupported { .. } => "archive_unsupported",
            Self::Damaged { .. } => "archive_damaged",
            Self::Truncated => "archive_truncated",
            Self::TooLarge { .. } => "unpacked_too_large",
            Self::Bomb { .. } => "archive_bomb",
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::SeveralFiles => "Unpack it and send each file by itself.",
            Self::Empty => "Pack the file again, or send it as it is.",
            Self::Encrypted => "Pack the file without a password; the way here is protected by other means.",
            Self::Nested { .. } => "Unpack the outer file and send what is in it.",
            Self::Unsupported { .. } => "Pack the file with gzip, or send it as it is.",
            Self::Damaged { .. } => "Pack the file again and send it again.",
            Self::Truncated => "The file was cut while it was written or sent; pack and send it again.",
            Self::TooLarge { .. } => "Split the file, or let the operator raise `--unpacked-limit`.",
            Self::Bomb { .. } => {
                "Hardly any real file packs like this. Send it as it is, or let the operator raise `--unpack-ratio`."
            }
        }
    }
}
