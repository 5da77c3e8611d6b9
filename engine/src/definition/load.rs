//! Loading.
use super::{Definition, Fault};
use sha2::{Digest, Sha256};
/// Known.
#[derive(Debug, Clone, Default)]
pub struct Known { /// probes
 pub probes: Vec<String> }
/// Loaded.
#[derive(Debug, Clone)]
pub struct Loaded { /// d
 pub definition: Definition, /// s
 pub source: String, /// h
 pub content_hash: String }
/// Loads.
pub fn load(file: &str, text: &str, _known: &Known) -> Result<Loaded, Vec<Fault>> {
    match serde_saphyr::from_str::<Definition>(text) {
        Ok(definition) => Ok(Loaded { definition, source: text.to_owned(), content_hash: crate::log::hex(&Sha256::digest(text.as_bytes())) }),
        Err(e) => Err(vec![Fault { file: file.to_owned(), line: 1, column: 1, excerpt: String::new(), code: "yaml", cause: e.to_string(), suggestion: String::new() }]),
    }
}
