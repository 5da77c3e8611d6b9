//! What a checklist is at a moment: the fold of its events.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::event::{Event, OpenedStep};
use super::waiver::Waiver;

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    /// Nobody has started it.
    Pending,
    /// Somebody or something is at work.
    InProgress,
    /// It waits for what its blocking reason names.
    Blocked,
    /// Completed.
    Done,
    /// Left out, with a reason.
    Skipped,
}

impl StepStatus {
    /// `done` and `skipped` are closed: they satisfy what needs them.
    #[must_use]
    pub fn is_closed(self) -> bool {
        matches!(self, Self::Done | Self::Skipped)
    }

    /// The wire name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InProgress => "in_progress",
            Self::Blocked => "blocked",
            Self::Done => "done",
            Self::Skipped => "skipped",
        }
    }
}

impl fmt::Display for StepStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for StepStatus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Pending, Self::InProgress, Self::Blocked, Self::Done, Self::Skipped]
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| format!("`{text}` is no step status"))
    }
}

/// One step of a running checklist.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Id from the definition.
    pub id: String,
    /// Where it stands.
    pub status: StepStatus,
    /// Who is responsible.
    pub assignee: Option<String>,
    /// Why it is blocked; present exactly when `status` is `blocked`.
    pub blocking_reason: Option<String>,
    /// When it should be done.
    pub due_at: Option<DateTime<Utc>>,
    /// When it first left `pending`; kept through blocking and reopening.
    pub started_at: Option<DateTime<Utc>>,
    /// When it was done or skipped; absent while it is open.
    pub completed_at: Option<DateTime<Utc>>,
    /// When it was last reopened. Evidence from before that does not close it again.
    pub reopened_at: Option<DateTime<Utc>>,
    /// When its job was last asked for.
    pub requested_at: Option<DateTime<Utc>>,
    /// How often its job was asked for.
    pub attempts: u32,
    /// Raised by every event that touches the step.
    pub revision: i64,
}

impl Step {
    /// A step that nobody has started.
    fn pending(opened: &OpenedStep) -> Self {
        Self {
            id: opened.id.clone(),
            status: StepStatus::Pending,
            assignee: opened.assignee.clone(),
            blocking_reason: None,
            due_at: opened.due_at,
            started_at: None,
            completed_at: None,
            reopened_at: None,
            requested_at: None,
            attempts: 0,
            revision: 1,
        }
    }
}

/// One onboarding of one tenant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checklist {
    /// `onb_` and a ULID.
    pub id: String,
    /// The tenant's slug.
    pub tenant_id: String,
    /// 1 for a tenant's first checklist, 2 for the next.
    pub ordinal: i64,
    /// Name of the definition it runs on.
    pub workflow: String,
    /// The definition's version, for ever.
    pub version: u32,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// The intended go-live.
    pub target_go_live: DateTime<Utc>,
    /// When the last step was closed; cleared when one is reopened.
    pub completed_at: Option<DateTime<Utc>>,
    /// When it was complete for the first time; never cleared.
    pub first_completed_at: Option<DateTime<Utc>>,
    /// Raised by every event.
    pub revision: i64,
    /// In reading order.
    pub steps: Vec<Step>,
    /// Every waiver that was ever proposed, oldest first.
    pub waivers: Vec<Waiver>,
}

impl Checklist {
    /// The state after the event that opens a checklist; `None` for any other event.
    #[must_use]
    pub fn opened(id: &str, tenant_id: &str, at: DateTime<Utc>, event: &Event) -> Option<Self> {
        let Event::ChecklistOpened { ordinal, workflow, version, target_go_live, steps } = event else {
            return None;
        };
        Some(Self {
            id: id.to_owned(),
            tenant_id: tenant_id.to_owned(),
            ordinal: *ordinal,
            workflow: workflow.clone(),
            version: *version,
            opened_at: at,
            target_go_live: *target_go_live,
            completed_at: None,
            first_completed_at: None,
            revision: 1,
            steps: steps.iter().map(Step::pending).collect(),
            waivers: Vec::new(),
        })
    }

    /// The step of this id.
    #[must_use]
    pub fn step(&self, id: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.id == id)
    }

    /// The first open step in reading order.
    #[must_use]
    pub fn current_step(&self) -> Option<&Step> {
        self.steps.iter().find(|step| !step.status.is_closed())
    }

    /// When the checklist last changed in a way that it remembers.
    #[must_use]
    pub fn last_change(&self) -> DateTime<Utc> {
        let of_step = |step: &Step| step.started_at.max(step.completed_at).max(step.reopened_at).max(step.requested_at);
        let of_waivers = self.waivers.iter().map(Waiver::last_change);
        self.steps.iter().filter_map(of_step).chain(self.completed_at).chain(of_waivers).fold(self.opened_at, Ord::max)
    }

    /// Takes an event that [`super::decide`] answered, at the time of its decision. Total: an event about a step
    /// that does not exist changes nothing, so that replaying a log never panics.
    pub fn apply(&mut self, at: DateTime<Utc>, event: &Event) {
        self.revision += 1;
        match event {
            Event::ChecklistOpened { .. } => {}
            Event::ChecklistCompleted => {
                self.completed_at = Some(at);
                self.first_completed_at.get_or_insert(at);
            }
            Event::ChecklistReopened => self.completed_at = None,
            Event::ChecklistMigrated { version, steps, again, .. } => {
                self.version = *version;
                let kept = |new: &OpenedStep| self.step(&new.id).cloned();
                self.steps = steps.iter().map(|new| kept(new).unwrap_or_else(|| Step::pending(new))).collect();
                for step in self.steps.iter_mut().filter(|step| again.contains(&step.id)) {
                    step.requested_at = None;
                }
            }
            Event::StepAssigned { step, assignee } => {
                self.change(step, |step| step.assignee.clone_from(assignee));
            }
            Event::StepStarted { step } => self.change(step, |step| {
                step.status = StepStatus::InProgress;
                step.started_at.get_or_insert(at);
            }),
            Event::StepBlocked { step, reason } => self.change(step, |step| {
                step.status = StepStatus::Blocked;
                step.blocking_reason = Some(reason.clone());
            }),
            Event::StepUnblocked { step } => self.change(step, |step| {
                step.status = if step.started_at.is_some() { StepStatus::InProgress } else { StepStatus::Pending };
                step.blocking_reason = None;
            }),
            Event::StepDueChanged { step, due_at } => self.change(step, |step| step.due_at = *due_at),
            Event::StepNoted { step, .. } => self.change(step, |_| ()),
            Event::StepCompleted { step, .. } => self.change(step, |step| {
                step.status = StepStatus::Done;
                step.completed_at = Some(at);
                step.blocking_reason = None;
            }),
            Event::StepSkipped { step, .. } => self.change(step, |step| {
                step.status = StepStatus::Skipped;
                step.completed_at = Some(at);
                step.blocking_reason = None;
            }),
            Event::StepReopened { step, .. } | Event::GateClosed { step, .. } => self.change(step, |step| {
                step.status = StepStatus::InProgress;
                step.started_at.get_or_insert(at);
                step.completed_at = None;
                step.reopened_at = Some(at);
            }),
            Event::WaiverProposed { step, waiver, probes, reason, check_id, proposed_by, expires_at } => {
                self.waivers.push(Waiver {
                    id: waiver.clone(),
                    step: step.clone(),
                    probes: probes.clone(),
                    reason: reason.clone(),
                    check_id: check_id.clone(),
                    proposed_by: proposed_by.clone(),
                    proposed_at: at,
                    expires_at: *expires_at,
                    granted_by: None,
                    granted_at: None,
                    withdrawn_by: None,
                    withdrawn_at: None,
                    withdrawal_reason: None,
                    expired_at: None,
                });
                self.change(step, |_| ());
            }
            Event::WaiverGranted { step, waiver, granted_by } => self.change_waiver(step, waiver, |waiver| {
                waiver.granted_by = Some(granted_by.clone());
                waiver.granted_at = Some(at);
            }),
            Event::WaiverWithdrawn { step, waiver, withdrawn_by, reason } => {
                self.change_waiver(step, waiver, |waiver| {
                    waiver.withdrawn_by = Some(withdrawn_by.clone());
                    waiver.withdrawn_at = Some(at);
                    waiver.withdrawal_reason = Some(reason.clone());
                });
            }
            Event::WaiverExpired { step, waiver } => {
                self.change_waiver(step, waiver, |waiver| waiver.expired_at = Some(at));
            }
            Event::JobRequested(request) => self.change(&request.step, |step| {
                step.attempts += 1;
                step.requested_at = Some(at);
            }),
        }
    }

    /// Changes a waiver, and with it the revision of its step: whoever says go has seen the waivers as they are.
    fn change_waiver(&mut self, step: &str, id: &str, change: impl FnOnce(&mut Waiver)) {
        if let Some(waiver) = self.waivers.iter_mut().find(|waiver| waiver.id == id) {
            change(waiver);
        }
        self.change(step, |_| ());
    }

    fn change(&mut self, id: &str, change: impl FnOnce(&mut Step)) {
        if let Some(step) = self.steps.iter_mut().find(|step| step.id == id) {
            change(step);
            step.revision += 1;
        }
    }
}
