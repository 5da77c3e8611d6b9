//! The shape of a declaration's YAML, before anything in it has been checked.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::status::ProbeStatus;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Declaration {
    pub(super) name: String,
    pub(super) title: String,
    #[serde(default = "default_timeout")]
    pub(super) timeout: String,
    #[serde(default = "default_attempts")]
    pub(super) attempts: u32,
    pub(super) pass_message: Option<String>,
    pub(super) steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    pub(super) name: String,
    pub(super) request: Request,
    #[serde(default)]
    pub(super) extract: BTreeMap<String, String>,
    pub(super) assert: Vec<Assertion>,
    #[serde(default)]
    pub(super) slow: Slow,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) json: Option<Value>,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Assertion {
    pub(super) that: String,
    #[serde(default)]
    pub(super) severity: Severity,
    pub(super) message: String,
    #[serde(default)]
    pub(super) hint: String,
}

/// What it means that an assertion does not hold.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Severity {
    Warn,
    #[default]
    Fail,
}

impl From<Severity> for ProbeStatus {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Warn => Self::Warn,
            Severity::Fail => Self::Fail,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Slow {
    pub(super) warn: Option<String>,
    pub(super) fail: Option<String>,
}

fn default_timeout() -> String {
    "15s".to_owned()
}

fn default_attempts() -> u32 {
    1
}
