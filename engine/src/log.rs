//! The event log: who did what when, each entry chained to its predecessor by SHA-256.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Who acts. Every write has one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// A person or token by name, or `workbench` where the daemon acts by itself.
    pub id: String,
    /// Whom the actor acts for, where it is somebody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acting_as: Option<String>,
}

impl Actor {
    /// The daemon itself.
    #[must_use]
    pub fn workbench() -> Self {
        Self::named("workbench")
    }

    /// A person or token.
    #[must_use]
    pub fn named(id: &str) -> Self {
        Self { id: id.to_owned(), acting_as: None }
    }
}

/// Something to be logged; its place, time and actor are added when the transaction commits.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEntry {
    /// Wire name of what happened, for example `step_completed`.
    pub kind: String,
    /// The tenant concerned.
    pub tenant_id: Option<String>,
    /// The checklist concerned.
    pub checklist_id: Option<String>,
    /// The rest.
    pub payload: Value,
}

impl NewEntry {
    /// An entry about a tenant.
    #[must_use]
    pub fn of_tenant(kind: &str, tenant_id: &str, payload: Value) -> Self {
        Self { kind: kind.to_owned(), tenant_id: Some(tenant_id.to_owned()), checklist_id: None, payload }
    }
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// From 1, without a gap.
    pub seq: i64,
    /// When, to the microsecond.
    pub at: DateTime<Utc>,
    /// Who.
    pub actor: String,
    /// For whom, if for somebody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acting_as: Option<String>,
    /// What.
    pub kind: String,
    /// Which tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// Which checklist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checklist_id: Option<String>,
    /// The rest.
    pub payload: Value,
    /// Hash of the entry before, empty for the first.
    pub prev_hash: String,
    /// Hash of this entry.
    pub hash: String,
}

/// The fields that a hash covers. The payload is hashed as the text that is stored, so that no re-formatting of
/// JSON can change a verdict.
pub(crate) struct Sealed<'a> {
    pub prev_hash: &'a str,
    pub seq: i64,
    pub at_micros: i64,
    pub actor: &'a str,
    pub acting_as: Option<&'a str>,
    pub kind: &'a str,
    pub tenant_id: Option<&'a str>,
    pub checklist_id: Option<&'a str>,
    pub payload: &'a str,
}

impl Sealed<'_> {
    /// SHA-256 in hex over every field, each led by its length, so that no two entries share their bytes.
    pub(crate) fn hash(&self) -> String {
        let mut digest = Sha256::new();
        let (seq, at) = (self.seq.to_string(), self.at_micros.to_string());
        let fields = [
            Some(self.prev_hash),
            Some(seq.as_str()),
            Some(at.as_str()),
            Some(self.actor),
            self.acting_as,
            Some(self.kind),
            self.tenant_id,
            self.checklist_id,
            Some(self.payload),
        ];
        for field in fields {
            match field {
                // Absence has a length that no text has.
                None => digest.update(u64::MAX.to_be_bytes()),
                Some(text) => {
                    digest.update((text.len() as u64).to_be_bytes());
                    digest.update(text.as_bytes());
                }
            }
        }
        hex(&digest.finalize())
    }
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed<'a>(actor: &'a str, acting_as: Option<&'a str>) -> Sealed<'a> {
        Sealed {
            prev_hash: "",
            seq: 1,
            at_micros: 0,
            actor,
            acting_as,
            kind: "k",
            tenant_id: None,
            checklist_id: None,
            payload: "null",
        }
    }

    #[test]
    fn moving_text_between_fields_changes_the_hash() {
        assert_ne!(sealed("ab", Some("c")).hash(), sealed("a", Some("bc")).hash());
        assert_ne!(sealed("a", None).hash(), sealed("a", Some("")).hash());
    }
}
