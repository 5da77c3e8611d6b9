//! What a probe reports: its verdict in words, and the steps that led to it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::status::ProbeStatus;

/// What one run of one probe came to. Holds no secrets: it is stored, shown and sent on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeResult {
    /// Name of the probe.
    pub probe: String,
    /// The verdict.
    pub status: ProbeStatus,
    /// What came of it, in one line.
    pub message: String,
    /// What to do about it; empty where there is nothing to do.
    pub hint: String,
    /// When the run began.
    pub started_at: DateTime<Utc>,
    /// How long all attempts took together.
    pub duration_ms: u64,
    /// How many attempts it took.
    pub attempts: u32,
    /// The steps of the last attempt, in order, up to the one that decided it.
    pub steps: Vec<StepTrace>,
}

impl ProbeResult {
    /// The result of a probe that could not run.
    pub(crate) fn broken(probe: &str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::without_steps(probe, ProbeStatus::Error, message, hint)
    }

    /// A result of which no more is known than its verdict.
    pub(crate) fn without_steps(
        probe: &str,
        status: ProbeStatus,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            probe: probe.to_owned(),
            status,
            message: message.into(),
            hint: hint.into(),
            started_at: Utc::now(),
            duration_ms: 0,
            attempts: 0,
            steps: Vec::new(),
        }
    }
}

/// One request of a probe: what was asked, what was expected and what came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepTrace {
    /// Name of the step.
    pub name: String,
    /// Method and path as declared, for example `GET /login`; variables are left unfilled.
    pub request: String,
    /// What had to hold.
    pub expected: String,
    /// What came, shortened and with secrets masked.
    pub observed: String,
    /// What the step came to.
    pub status: ProbeStatus,
    /// How long it took until the answer had been read.
    pub duration_ms: u64,
}

/// Whole milliseconds of a duration.
pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
