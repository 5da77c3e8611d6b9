//! Why a command was not carried out.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::facts::HealthFact;

/// A command that changed nothing, and why.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The checklist has no such step.
    #[error("there is no step `{step}`")]
    UnknownStep {
        /// What was asked for.
        step: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The step has no such waiver.
    #[error("there is no waiver `{waiver}` at this step")]
    UnknownWaiver {
        /// What was asked for.
        waiver: String,
    },
    /// The caller has not seen the latest state.
    #[error("the step is at revision {actual}, which is not the one that the change was made for")]
    StaleRevision {
        /// What the caller saw.
        expected: Vec<i64>,
        /// What is stored.
        actual: i64,
    },
    /// The command contradicts itself, whatever the state.
    #[error("{}", first_message(.0))]
    Contradiction(Vec<Reason>),
    /// The command does not fit the state.
    #[error("{}", first_message(.0))]
    Conflict(Vec<Reason>),
    /// The actor lacks a capability.
    #[error("this needs the capability `{capability}`")]
    Forbidden {
        /// The capability.
        capability: String,
    },
}

fn first_message(reasons: &[Reason]) -> &str {
    reasons.first().map_or("refused", |reason| &reason.message)
}

/// One reason of a refusal, for people (`message`) and for machines (the rest).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Reason {
    /// Stable code, for example `needs_open`.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// The step that stands in the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// The condition that does not hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// The probe that stands in the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<String>,
    /// The status of that step or probe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The waiver that the reason is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiver: Option<String>,
    /// When the evidence was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked_at: Option<DateTime<Utc>>,
    /// How old the evidence is, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_seconds: Option<i64>,
}

impl Reason {
    /// A reason with a code and a sentence.
    #[must_use]
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), ..Self::default() }
    }

    /// Says when the evidence was taken and how old it is.
    #[must_use]
    pub(super) fn of_check(mut self, health: &HealthFact, now: DateTime<Utc>) -> Self {
        self.checked_at = Some(health.checked_at);
        self.age_seconds = Some((now - health.checked_at).num_seconds());
        self
    }

    /// Names the step that stands in the way.
    #[must_use]
    pub fn of_step(mut self, id: &str, status: super::StepStatus) -> Self {
        self.step = Some(id.to_owned());
        self.status = Some(status.as_str().to_owned());
        self
    }
}
