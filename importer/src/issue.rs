//! What reading found wrong or changed, in words for the person who has to correct the file.

use serde::Serialize;
use sha2::{Digest, Sha256};

/// Longest offending value shown, in characters.
const SHOWN_CHARACTERS: usize = 80;

/// How much an issue matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The row is not stored.
    Error,
    /// The row is stored; a person should look.
    Warning,
}

/// One finding about a file, a row or a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Issue {
    /// Whether the row is refused or only remarked on.
    pub severity: Severity,
    /// Stable name of the kind of finding, in `snake_case`; documented in `docs/formats`.
    pub code: &'static str,
    /// Line in the file, or number of the record (see [`crate::Record::row`]), counted from 1; 0 when the finding
    /// concerns the file as a whole.
    pub row: u64,
    /// The column or record field concerned, as the file names it.
    pub column: Option<String>,
    /// The offending value, shortened to 80 characters.
    pub value: Option<String>,
    /// What was found.
    pub message: String,
    /// What to do about it.
    pub hint: String,
    /// A hash by which the row is told in another file, wherever it stands there: of its natural key, or of its other
    /// values where the key is not complete. `None` where the finding concerns no row, or one without separate values.
    #[serde(skip)]
    pub row_key: Option<i64>,
}

/// By what a row is told from others, in whatever file and order.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RowIdentity<'a> {
    /// Its natural key.
    Key(&'a str),
    /// All that it says, where it has no key.
    Content(&'a str),
}

impl RowIdentity<'_> {
    pub(crate) fn hash(self) -> i64 {
        let (kind, text) = match self {
            Self::Key(text) => ("key", text),
            Self::Content(text) => ("content", text),
        };
        let digest = Sha256::new().chain_update(kind).chain_update([0]).chain_update(text).finalize();
        digest.first_chunk().copied().map(i64::from_be_bytes).unwrap_or_default()
    }
}

/// Says of findings which row they are about, unless that has been said.
#[cold]
pub(crate) fn tell_row(issues: &mut [Issue], identity: RowIdentity<'_>) {
    if issues.is_empty() {
        return;
    }
    let hash = identity.hash();
    for issue in issues {
        issue.row_key.get_or_insert(hash);
    }
}

impl Issue {
    /// A finding that refuses its row.
    pub(crate) fn error(code: &'static str, row: u64, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            row,
            column: None,
            value: None,
            message: message.into(),
            hint: hint.into(),
            row_key: None,
        }
    }

    /// A finding that leaves its row usable.
    pub(crate) fn warning(code: &'static str, row: u64, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, row, message, hint) }
    }

    /// Names the column or record field concerned.
    pub(crate) fn column(mut self, column: &str) -> Self {
        self.column = Some(shorten(column));
        self
    }

    /// Shows the offending value, shortened.
    pub(crate) fn value(mut self, value: &str) -> Self {
        self.value = Some(shorten(value));
        self
    }
}

/// Cuts a text for display, so that a hostile value cannot bloat an issue list. Control characters are shown by their
/// pictures: a person can see them, no terminal obeys them, and every database can store them (Postgres has no NUL).
pub(crate) fn shorten(text: &str) -> String {
    let shown = text.chars().map(visible);
    match text.char_indices().nth(SHOWN_CHARACTERS) {
        None => shown.collect(),
        Some(_) => shown.take(SHOWN_CHARACTERS - 1).chain(['…']).collect(),
    }
}

/// The picture of a control character, such as `␀` for NUL; any other character as it is.
fn visible(c: char) -> char {
    match c {
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)).unwrap_or(char::REPLACEMENT_CHARACTER),
        '\u{7f}' => '␡',
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_shown_by_their_pictures() {
        assert_eq!(shorten("a\0b\tc\u{1b}[0m\u{7f}\u{85}"), "a␀b␉c␛[0m␡\u{fffd}");
    }

    #[test]
    fn long_values_are_cut_at_eighty_characters() {
        assert_eq!(shorten("å"), "å");
        assert_eq!(shorten(&"å".repeat(80)).chars().count(), 80);
        let cut = shorten(&"å".repeat(500));
        assert_eq!(cut.chars().count(), 80);
        assert!(cut.ends_with('…'));
    }
}
