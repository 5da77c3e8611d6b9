//! Loading: from text to a definition, or to every fault of the text.

use serde_saphyr::{MessageFormatter, UserMessageFormatter};
use sha2::{Digest, Sha256};

use super::check::check;
use super::fault::Fault;
use super::model::Definition;
use super::tree::{self, Place};

/// What definitions may refer to besides themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Names of the probes that can be run; nothing is checked against an empty list.
    pub probes: Vec<String>,
    /// Capabilities that an approval may ask for; nothing is checked against an empty list.
    pub approvals: Vec<String>,
}

/// A sound definition and where it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The definition.
    pub definition: Definition,
    /// Its text.
    pub source: String,
    /// SHA-256 of the text, hex: two texts with the same are the same version.
    pub content_hash: String,
}

/// Loads a definition. `file` names it in messages.
///
/// # Errors
/// Every fault that can be told at once, in order of place.
pub fn load(file: &str, text: &str, known: &Known) -> Result<Loaded, Vec<Fault>> {
    let fault = |at: Place, code: &'static str, cause: String, suggestion: String| Fault {
        file: file.to_owned(),
        line: at.line,
        column: at.column,
        excerpt: line_of(text, at.line),
        code,
        cause,
        suggestion,
    };
    let unreadable = |error: &serde_saphyr::Error, code: &'static str| {
        let location = error.location();
        let from_one = |number: Option<u64>| number.and_then(|number| u32::try_from(number).ok()).unwrap_or(1).max(1);
        let at = Place {
            line: from_one(location.map(|location| location.line())),
            column: from_one(location.map(|location| location.column())),
        };
        // The place is told beside the message, so the message must not repeat it.
        let cause = UserMessageFormatter.format_message(error.without_snippet());
        let cause = cause.lines().next().unwrap_or("the text cannot be read").to_owned();
        fault(at, code, cause, "See the language reference, or compare with a shipped workflow.".to_owned())
    };
    let root = tree::read(text).map_err(|error| vec![unreadable(&error, "yaml")])?;
    let mut found = check(&root, known);
    if !found.is_empty() {
        found.sort_by_key(|found| (found.at.line, found.at.column));
        return Err(found.into_iter().map(|one| fault(one.at, one.code, one.cause, one.suggestion)).collect());
    }
    let definition: Definition =
        serde_saphyr::from_str(text).map_err(|error| vec![unreadable(&error, "invalid_value")])?;
    let content_hash = crate::log::hex(&Sha256::digest(text.as_bytes()));
    Ok(Loaded { definition, source: text.to_owned(), content_hash })
}

/// Reads a definition that was sound when it was stored. It is not examined again: rules that have become stricter
/// since must not stop checklists that run on it.
///
/// # Errors
/// What cannot be read, where the text or the types have changed since.
pub fn read_stored(text: &str) -> Result<Definition, String> {
    serde_saphyr::from_str(text).map_err(|error: serde_saphyr::Error| error.without_snippet().to_string())
}

fn line_of(text: &str, line: u32) -> String {
    let index = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
    text.lines().nth(index).unwrap_or_default().to_owned()
}
