//! The shape of a declaration's YAML. The doc comments here are what editors show, by way of the JSON Schema.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::status::ProbeStatus;

/// What is tried on a tenant's platform, and what it means if it does not work. Has either `steps` or a `command`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Declaration {
    /// What workflows and requests ask for it by, for example `sample_login`.
    pub(super) name: String,
    /// What people see.
    pub(super) title: String,
    /// How long the probe may take, all its attempts together, for example `500ms`, `15s` or `1m`.
    #[serde(default = "default_timeout")]
    pub(super) timeout: String,
    /// Tries before a failure counts.
    #[serde(default = "default_attempts")]
    #[schemars(range(min = 1, max = 10))]
    pub(super) attempts: u32,
    /// What is said when it works.
    pub(super) pass_message: Option<String>,
    /// Requests, one after the other; the first that fails ends the attempt.
    #[serde(default)]
    pub(super) steps: Vec<Step>,
    /// Requests that are made at the end of every attempt, whatever became of it.
    #[serde(default)]
    pub(super) cleanup: Vec<Step>,
    /// A program that keeps to the convention of monitoring plugins, by its whole path, and its arguments.
    #[serde(default)]
    pub(super) command: Vec<String>,
    /// Variables of the command's environment.
    #[serde(default)]
    pub(super) environment: BTreeMap<String, String>,
    /// Names of variables that the command has from the environment of the daemon or worker.
    #[serde(default)]
    pub(super) inherit: Vec<String>,
    /// What to do when the command is not content.
    pub(super) hint: Option<String>,
}

/// One request, and what is made of its answer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    /// What people see.
    pub(super) name: String,
    /// What is sent.
    pub(super) request: Request,
    /// Variables for later steps, each with the JSON path (RFC 9535) of its value in the answer.
    #[serde(default)]
    pub(super) extract: BTreeMap<String, String>,
    /// What must hold for the answer.
    pub(super) assert: Vec<Assertion>,
    /// When the answer came too late.
    #[serde(default)]
    pub(super) slow: Slow,
}

/// What is sent.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    /// `GET`, `HEAD`, `POST`, `PUT`, `PATCH`, `DELETE` or `OPTIONS`.
    pub(super) method: String,
    /// Appended to the address of the tenant's platform.
    pub(super) path: String,
    /// The body; texts in it may have variables.
    pub(super) json: Option<Value>,
    /// How many redirects are followed, 0 to 5.
    #[serde(default)]
    #[schemars(range(max = 5))]
    pub(super) redirects: u32,
    /// Headers besides those of the connection.
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
}

/// Something that must hold for an answer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Assertion {
    /// CEL over `status`, `body`, `headers`, `latency_ms` and `vars`.
    pub(super) that: String,
    /// What it means that it does not hold.
    #[serde(default)]
    pub(super) severity: Severity,
    /// What is said then.
    pub(super) message: String,
    /// What to do then.
    #[serde(default)]
    pub(super) hint: String,
}

/// What it means that an assertion does not hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Severity {
    /// The platform works, but something should be looked at.
    Warn,
    /// The platform does not work.
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

/// When an answer came too late.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Slow {
    /// Longer than this is a warning, for example `2s`.
    pub(super) warn: Option<String>,
    /// Longer than this is a failure.
    pub(super) fail: Option<String>,
}

fn default_timeout() -> String {
    "15s".to_owned()
}

fn default_attempts() -> u32 {
    1
}
