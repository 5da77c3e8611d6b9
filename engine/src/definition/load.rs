//! Loading: from text to a definition, or to every fault of the text.

use sha2::{Digest, Sha256};
use workbench_positions::{Document, Fault};

use super::check::check;
use super::model::Definition;

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
    let document = Document::new(file, text, "a shipped workflow");
    document.sound(check(&document.tree()?, known))?;
    let definition: Definition = document.typed()?;
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
