//! Where a learner stands, folded from what happened.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::content::{Checkpoint, Course};
use crate::log::hex;

/// Longest part of a sandbox tenant's slug that is taken from the learner's name.
const NAME_IN_SLUG: usize = 32;

/// A task that counts as done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tick {
    /// Since when.
    pub at: DateTime<Utc>,
    /// Whether the log shows it; otherwise it is the learner's word.
    pub verified: bool,
}

/// A mentor's signature below a checkpoint. None is ever removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignOff {
    /// Id of the checkpoint.
    pub checkpoint: String,
    /// Who signed.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
    /// What was good, what to practise.
    pub remark: String,
    /// Who took it back.
    #[serde(default)]
    pub revoked_by: Option<String>,
    /// When it was taken back.
    #[serde(default)]
    pub revoked_at: Option<DateTime<Utc>>,
    /// Why it was taken back.
    #[serde(default)]
    pub revocation_reason: Option<String>,
}

/// A scenario that was drawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScenarioRun {
    /// Id of the scenario.
    pub scenario: String,
    /// Who drew it.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
    /// Events up to this one do not count.
    pub after: i64,
    /// The sandbox in which it is played.
    pub sandbox: u32,
    /// When its end state was there.
    pub solved_at: Option<DateTime<Utc>>,
}

/// What a mentor decided about somebody's autonomy, whatever the course says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutonomyDecision {
    /// What was decided.
    pub autonomous: bool,
    /// By whom.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
    /// Why.
    pub reason: String,
}

/// Somebody who takes the course.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learner {
    /// The name in the audit.
    pub name: String,
    /// Who accompanies them, where that was said.
    pub mentor: Option<String>,
    /// Day 1.
    pub started_at: DateTime<Utc>,
    /// Number of the present sandbox, from 1.
    pub sandbox: u32,
    /// What is done, by task.
    pub ticks: BTreeMap<String, Tick>,
    /// Every signature, oldest first.
    pub sign_offs: Vec<SignOff>,
    /// Every scenario that was drawn, oldest first.
    pub scenarios: Vec<ScenarioRun>,
    /// The latest decision of a mentor, if there was one.
    pub decision: Option<AutonomyDecision>,
}

/// A fact about a learner. Its time and actor stand beside it in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "payload", rename_all = "snake_case")]
pub enum CourseEvent {
    /// Somebody began.
    CourseStarted {
        /// Who accompanies them.
        mentor: Option<String>,
    },
    /// The log shows that a task was done.
    CourseTaskVerified {
        /// Id of the task.
        task: String,
    },
    /// The learner says that a task was done.
    CourseTaskDeclared {
        /// Id of the task.
        task: String,
    },
    /// The learner no longer says so.
    CourseTaskWithdrawn {
        /// Id of the task.
        task: String,
    },
    /// The learner begins with a new sandbox.
    CourseSandboxRenewed {
        /// Its number.
        sandbox: u32,
    },
    /// A scenario was drawn.
    CourseScenarioDrawn {
        /// Id of the scenario.
        scenario: String,
        /// The last event before it.
        after: i64,
    },
    /// The scenario's end state is there.
    CourseScenarioSolved {
        /// Id of the scenario.
        scenario: String,
    },
    /// A mentor signed.
    CourseCheckpointSigned {
        /// Id of the checkpoint.
        checkpoint: String,
        /// What was said.
        remark: String,
    },
    /// A mentor took a signature back.
    CourseCheckpointRevoked {
        /// Id of the checkpoint.
        checkpoint: String,
        /// Why.
        reason: String,
    },
    /// A mentor decided about autonomy.
    CourseAutonomyDecided {
        /// What was decided.
        autonomous: bool,
        /// Why.
        reason: String,
    },
}

impl CourseEvent {
    /// The wire name under which it is logged.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::CourseStarted { .. } => "course_started",
            Self::CourseTaskVerified { .. } => "course_task_verified",
            Self::CourseTaskDeclared { .. } => "course_task_declared",
            Self::CourseTaskWithdrawn { .. } => "course_task_withdrawn",
            Self::CourseSandboxRenewed { .. } => "course_sandbox_renewed",
            Self::CourseScenarioDrawn { .. } => "course_scenario_drawn",
            Self::CourseScenarioSolved { .. } => "course_scenario_solved",
            Self::CourseCheckpointSigned { .. } => "course_checkpoint_signed",
            Self::CourseCheckpointRevoked { .. } => "course_checkpoint_revoked",
            Self::CourseAutonomyDecided { .. } => "course_autonomy_decided",
        }
    }
}

impl Learner {
    /// Somebody who begins.
    #[must_use]
    pub fn new(name: &str, mentor: Option<String>, at: DateTime<Utc>) -> Self {
        Self {
            name: name.to_owned(),
            mentor,
            started_at: at,
            sandbox: 1,
            ticks: BTreeMap::new(),
            sign_offs: Vec::new(),
            scenarios: Vec::new(),
            decision: None,
        }
    }

    /// Takes in what happened.
    pub fn apply(&mut self, event: &CourseEvent, by: &str, at: DateTime<Utc>) {
        match event {
            CourseEvent::CourseStarted { .. } => {}
            CourseEvent::CourseTaskVerified { task } => {
                self.ticks.insert(task.clone(), Tick { at, verified: true });
            }
            CourseEvent::CourseTaskDeclared { task } => {
                self.ticks.entry(task.clone()).or_insert(Tick { at, verified: false });
            }
            CourseEvent::CourseTaskWithdrawn { task } => {
                self.ticks.remove(task);
            }
            CourseEvent::CourseSandboxRenewed { sandbox } => self.sandbox = *sandbox,
            CourseEvent::CourseScenarioDrawn { scenario, after } => self.scenarios.push(ScenarioRun {
                scenario: scenario.clone(),
                by: by.to_owned(),
                at,
                after: *after,
                sandbox: self.sandbox,
                solved_at: None,
            }),
            CourseEvent::CourseScenarioSolved { .. } => {
                if let Some(run) = self.scenarios.last_mut() {
                    run.solved_at = Some(at);
                }
            }
            CourseEvent::CourseCheckpointSigned { checkpoint, remark } => self.sign_offs.push(SignOff {
                checkpoint: checkpoint.clone(),
                by: by.to_owned(),
                at,
                remark: remark.clone(),
                revoked_by: None,
                revoked_at: None,
                revocation_reason: None,
            }),
            CourseEvent::CourseCheckpointRevoked { checkpoint, reason } => {
                let signed = self.sign_offs.iter_mut().rev();
                if let Some(sign_off) = signed.into_iter().find(|one| one.checkpoint == *checkpoint) {
                    sign_off.revoked_by = Some(by.to_owned());
                    sign_off.revoked_at = Some(at);
                    sign_off.revocation_reason = Some(reason.clone());
                }
            }
            CourseEvent::CourseAutonomyDecided { autonomous, reason } => {
                self.decision =
                    Some(AutonomyDecision { autonomous: *autonomous, by: by.to_owned(), at, reason: reason.clone() });
            }
        }
    }

    /// The signature below a checkpoint that is in force.
    #[must_use]
    pub fn signed(&self, checkpoint: &str) -> Option<&SignOff> {
        self.sign_offs.iter().rev().find(|one| one.checkpoint == checkpoint && one.revoked_at.is_none())
    }

    /// Whether a task's tick counts for a checkpoint: the log shows it, or it leaves no trace and the learner says so.
    #[must_use]
    pub fn counts(&self, task: &super::Task) -> bool {
        self.ticks.get(&task.id).is_some_and(|tick| tick.verified || task.proof.is_empty())
    }

    /// What stands between the learner and a signature below this checkpoint, in words.
    #[must_use]
    pub fn in_the_way(&self, course: &Course, checkpoint: &Checkpoint) -> Vec<String> {
        let mut reasons = Vec::new();
        for task in course.tasks_of(checkpoint).filter(|task| !self.counts(task)) {
            reasons.push(match self.ticks.get(&task.id) {
                Some(_) => format!("the task “{}” is self-declared; the log does not show it", task.title.en),
                None => format!("the task “{}” is not done", task.title.en),
            });
        }
        for before in course.checkpoints.iter().filter(|before| before.number < checkpoint.number) {
            if self.signed(&before.id).is_none() {
                reasons.push(format!("“{}” is not signed", before.title.en));
            }
        }
        if course.is_last(checkpoint) && !course.scenarios.is_empty() {
            match self.scenarios.last() {
                None => reasons.push("no scenario was drawn".to_owned()),
                Some(run) if run.solved_at.is_none() => reasons.push("the scenario is not solved".to_owned()),
                Some(_) => {}
            }
        }
        reasons
    }

    /// Whether the learner needs no course any more: by a mentor's decision, else by having done and been signed all of it.
    #[must_use]
    pub fn is_autonomous(&self, course: &Course) -> bool {
        match &self.decision {
            Some(decision) => decision.autonomous,
            None => {
                !course.checkpoints.is_empty()
                    && course.tasks.iter().all(|task| self.counts(task))
                    && course.checkpoints.iter().all(|checkpoint| self.signed(&checkpoint.id).is_some())
            }
        }
    }

    /// The day of the course, from 1; more than [`Course::DAYS`] for whoever takes longer.
    #[must_use]
    pub fn day(&self, now: DateTime<Utc>) -> i64 {
        (now.date_naive() - self.started_at.date_naive()).num_days().max(0) + 1
    }

    /// The slug of a sandbox tenant of theirs. Two names never share one: what a slug cannot hold of a name, a part of its
    /// hash stands for.
    #[must_use]
    pub fn sandbox_tenant(&self, sandbox: u32) -> String {
        let kept: String = self
            .name
            .chars()
            .take(NAME_IN_SLUG)
            .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' })
            .collect();
        if kept == self.name {
            return format!("course-{kept}-{sandbox}");
        }
        let hash = hex(&Sha256::digest(self.name.as_bytes()));
        format!("course-{}-{}-{sandbox}", kept.trim_matches('-'), &hash[..8])
    }
}
