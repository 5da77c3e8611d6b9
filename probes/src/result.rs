//! What a probe reports: its verdict in words, and the steps that led to it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::status::ProbeStatus;

/// What one run of one probe came to. Holds no secrets: it is stored, shown and sent on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// How long all attempts took together, in milliseconds.
    pub duration_ms: u64,
    /// How many attempts it took; 0 where the probe did not count or could not begin.
    pub attempts: u32,
    /// The steps of the last attempt, in order, up to the one that decided it, and its clean-up.
    pub steps: Vec<StepTrace>,
    /// What was measured on the way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measures: Vec<Measure>,
    /// The attempts before the last, in order. None of them was the verdict, but each says something of the platform.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<EarlierAttempt>,
}

impl ProbeResult {
    /// A result of which no more is known than its verdict. When the run began and how long it took is added by
    /// [`crate::HealthProbes::run`], as long as `attempts` stays 0.
    #[must_use]
    pub fn new(probe: &str, status: ProbeStatus, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            probe: probe.to_owned(),
            status,
            message: message.into(),
            hint: hint.into(),
            started_at: Utc::now(),
            duration_ms: 0,
            attempts: 0,
            steps: Vec::new(),
            measures: Vec::new(),
            earlier: Vec::new(),
        }
    }
}

/// An attempt that failed and was followed by another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierAttempt {
    /// What it came to.
    pub status: ProbeStatus,
    /// What came of it, in one line.
    pub message: String,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Its steps, as in [`ProbeResult::steps`].
    pub steps: Vec<StepTrace>,
}

/// A number that a probe measured, as monitoring plugins report them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// What was measured.
    pub label: String,
    /// The number; absent where the probe could not tell.
    pub value: Option<f64>,
    /// Its unit as the probe wrote it, for example `s`, `%`, `B`, or `c` for a counter; empty for plain numbers.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
    /// The range outside of which the probe warns, in the notation of monitoring plugins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warn: Option<String>,
    /// The range outside of which the probe fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crit: Option<String>,
    /// The smallest number there can be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The largest number there can be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
}

/// One request of a probe, or its command: what was tried, what was expected and what came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepTrace {
    /// Name of the step.
    pub name: String,
    /// Method and path, or command, as declared, for example `GET /login`; variables are left unfilled.
    pub request: String,
    /// What had to hold.
    pub expected: String,
    /// What came, shortened and with secrets masked.
    pub observed: String,
    /// What the step came to.
    pub status: ProbeStatus,
    /// How long it took until the answer had been read, in milliseconds.
    pub duration_ms: u64,
}

/// Whole milliseconds of a duration.
pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_of_an_earlier_version_is_read() {
        let stored = r#"{"probe":"sample_login","status":"pass","message":"the probe account logged in","hint":"",
            "started_at":"2026-01-02T03:04:05Z","duration_ms":12,"attempts":1,"steps":[]}"#;
        let result: ProbeResult = serde_json::from_str(stored).expect("what is new is optional");
        assert_eq!((result.measures, result.earlier), (Vec::new(), Vec::new()));
    }
}
