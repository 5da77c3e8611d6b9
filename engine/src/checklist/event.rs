//! What can happen to a checklist.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::checklist::Reason;
use crate::job::JobKind;

/// A fact about a checklist. Its time and actor stand beside it in the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "payload", rename_all = "snake_case")]
pub enum Event {
    /// The onboarding began.
    ChecklistOpened {
        /// 1 for a tenant's first checklist.
        ordinal: i64,
        /// Name of the definition.
        workflow: String,
        /// Version of the definition.
        version: u32,
        /// Intended go-live.
        target_go_live: DateTime<Utc>,
        /// In reading order.
        steps: Vec<OpenedStep>,
    },
    /// Somebody became responsible, or nobody is any more.
    StepAssigned {
        /// Step id.
        step: String,
        /// The person, or none.
        assignee: Option<String>,
    },
    /// The step left `pending`.
    StepStarted {
        /// Step id.
        step: String,
    },
    /// The step waits for something.
    StepBlocked {
        /// Step id.
        step: String,
        /// For what.
        reason: String,
    },
    /// The step no longer waits.
    StepUnblocked {
        /// Step id.
        step: String,
    },
    /// The due date moved.
    StepDueChanged {
        /// Step id.
        step: String,
        /// The new date, or none.
        due_at: Option<DateTime<Utc>>,
    },
    /// Somebody wrote a note.
    StepNoted {
        /// Step id.
        step: String,
        /// The text.
        note: String,
    },
    /// The step is done.
    StepCompleted {
        /// Step id.
        step: String,
        /// For gates and jobs: what the completion rests on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        evidence: Option<Value>,
    },
    /// The step was left out.
    StepSkipped {
        /// Step id.
        step: String,
        /// Why.
        reason: String,
    },
    /// A closed step was taken up again.
    StepReopened {
        /// Step id.
        step: String,
        /// Why.
        reason: String,
    },
    /// A passed gate closed again, because what it rested on no longer holds.
    GateClosed {
        /// Step id.
        step: String,
        /// What no longer holds.
        reasons: Vec<Reason>,
    },
    /// Somebody asked to overlook a warning at a gate.
    WaiverProposed {
        /// Step id of the gate.
        step: String,
        /// Id of the waiver.
        waiver: String,
        /// The probes whose warnings it shall cover.
        probes: Vec<String>,
        /// Why.
        reason: String,
        /// The health check that warned.
        check_id: String,
        /// Who asked.
        proposed_by: String,
        /// When it ends.
        expires_at: DateTime<Utc>,
    },
    /// A second person agreed: the waiver is in force.
    WaiverGranted {
        /// Step id of the gate.
        step: String,
        /// Id of the waiver.
        waiver: String,
        /// Who agreed.
        granted_by: String,
    },
    /// The waiver was taken back.
    WaiverWithdrawn {
        /// Step id of the gate.
        step: String,
        /// Id of the waiver.
        waiver: String,
        /// Who took it back.
        withdrawn_by: String,
        /// Why.
        reason: String,
    },
    /// The waiver's time is over.
    WaiverExpired {
        /// Step id of the gate.
        step: String,
        /// Id of the waiver.
        waiver: String,
    },
    /// The checklist was moved to another version of its workflow. Steps of the same id stay as they are.
    ChecklistMigrated {
        /// The version that it was on.
        from: u32,
        /// The version that it is on.
        version: u32,
        /// Why.
        reason: String,
        /// Steps whose job or timer is asked for anew, since it is another one now.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        again: Vec<String>,
        /// In the new reading order; assignee and due date count for those that are new.
        steps: Vec<OpenedStep>,
    },
    /// A step calls for a job; the job is written in the same transaction.
    JobRequested(JobRequest),
    /// Every step is closed.
    ChecklistCompleted,
    /// A step of a completed checklist was reopened.
    ChecklistReopened,
}

/// A step as the checklist opens with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenedStep {
    /// Step id.
    pub id: String,
    /// Default assignee from the definition.
    pub assignee: Option<String>,
    /// Due date from the definition.
    pub due_at: Option<DateTime<Utc>>,
}

/// A job that a step calls for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobRequest {
    /// Step id.
    pub step: String,
    /// What the job does.
    pub job: JobKind,
    /// Not before.
    pub run_at: DateTime<Utc>,
}

impl Event {
    /// The wire name under which the event is logged.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::ChecklistOpened { .. } => "checklist_opened",
            Self::StepAssigned { .. } => "step_assigned",
            Self::StepStarted { .. } => "step_started",
            Self::StepBlocked { .. } => "step_blocked",
            Self::StepUnblocked { .. } => "step_unblocked",
            Self::StepDueChanged { .. } => "step_due_changed",
            Self::StepNoted { .. } => "step_noted",
            Self::StepCompleted { .. } => "step_completed",
            Self::StepSkipped { .. } => "step_skipped",
            Self::StepReopened { .. } => "step_reopened",
            Self::GateClosed { .. } => "gate_closed",
            Self::WaiverProposed { .. } => "waiver_proposed",
            Self::WaiverGranted { .. } => "waiver_granted",
            Self::WaiverWithdrawn { .. } => "waiver_withdrawn",
            Self::WaiverExpired { .. } => "waiver_expired",
            Self::ChecklistMigrated { .. } => "checklist_migrated",
            Self::JobRequested(_) => "job_requested",
            Self::ChecklistCompleted => "checklist_completed",
            Self::ChecklistReopened => "checklist_reopened",
        }
    }

    /// The event's payload for the log; `null` for events that say all with their kind.
    #[must_use]
    pub fn payload(&self) -> Value {
        match serde_json::to_value(self) {
            Ok(Value::Object(mut whole)) => whole.remove("payload").unwrap_or(Value::Null),
            _ => Value::Null,
        }
    }

    /// Reads an event back from the log; `None` where the kind is not one of a checklist.
    #[must_use]
    pub fn from_log(kind: &str, payload: &Value) -> Option<Self> {
        let mut whole = serde_json::Map::new();
        whole.insert("kind".to_owned(), Value::String(kind.to_owned()));
        if !payload.is_null() {
            whole.insert("payload".to_owned(), payload.clone());
        }
        serde_json::from_value(Value::Object(whole)).ok()
    }
}
