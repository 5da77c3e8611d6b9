//! The life of a durable job: pure transitions over one row.
//!
//! SQL holds the row, a queue carries its id, and every change of state is decided here. `attempt` is raised by
//! each claim and is the fence: whoever reports with an older attempt has lost the job, whatever it still
//! believes.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::definition::{Retry, StepJobName};

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// Reads an uploaded file and stores its preview.
    ImportPreview,
    /// Loads a confirmed import.
    ImportLoad,
    /// Undoes a completed import.
    ImportRollback,
    /// Runs the tenant's probes.
    HealthCheck,
    /// Completes a timer step.
    Timer,
    /// Runs a program that a step names.
    Command,
    /// Finds out through which channels a notification goes.
    Announce,
    /// Takes a notification through one channel.
    Deliver,
}

impl JobKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::ImportPreview,
        Self::ImportLoad,
        Self::ImportRollback,
        Self::HealthCheck,
        Self::Timer,
        Self::Command,
        Self::Announce,
        Self::Deliver,
    ];

    /// The job that a step of this kind calls for.
    #[must_use]
    pub fn of_step(name: StepJobName) -> Self {
        match name {
            StepJobName::Import => Self::ImportPreview,
            StepJobName::HealthCheck => Self::HealthCheck,
            StepJobName::Command => Self::Command,
        }
    }

    /// The wire name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ImportPreview => "import_preview",
            Self::ImportLoad => "import_load",
            Self::ImportRollback => "import_rollback",
            Self::HealthCheck => "health_check",
            Self::Timer => "timer",
            Self::Command => "command",
            Self::Announce => "announce",
            Self::Deliver => "deliver",
        }
    }
}

impl fmt::Display for JobKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for JobKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| format!("`{text}` is no job kind"))
    }
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Waiting for its first attempt.
    Queued,
    /// Claimed under a lease.
    Running,
    /// Finished well.
    Succeeded,
    /// Waiting for its next attempt.
    Retrying,
    /// Out of attempts, or failed for good: the dead letter.
    Failed,
    /// Stopped by a person.
    Cancelled,
}

impl JobState {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Queued, Self::Running, Self::Succeeded, Self::Retrying, Self::Failed, Self::Cancelled];

    /// The wire name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Retrying => "retrying",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// `succeeded`, `failed` and `cancelled` end a job, unless a person retries it.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for JobState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| format!("`{text}` is no job state"))
    }
}

/// A durable unit of work.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// `job_` and a ULID.
    pub id: String,
    /// What it does.
    pub kind: JobKind,
    /// For whom.
    pub tenant_id: String,
    /// The checklist that called for it, if one did.
    pub checklist_id: Option<String>,
    /// The step that called for it, if one did.
    pub step_id: Option<String>,
    /// What it works on: an import, a health check, a notification or a delivery.
    pub subject_id: Option<String>,
    /// Where it stands.
    pub state: JobState,
    /// Number of the latest claim, 0 before the first; the fence.
    pub attempt: u32,
    /// Claims allowed in all. Raised where an attempt ended through no fault of the job.
    pub max_attempts: u32,
    /// How attempts are spaced.
    pub retry: Retry,
    /// Not before.
    pub run_at: DateTime<Utc>,
    /// While running: until when the claim holds without a heartbeat.
    pub lease_until: Option<DateTime<Utc>>,
    /// Who claimed it last.
    pub worker: Option<String>,
    /// A person asked for it to stop; the worker sees this at its next heartbeat.
    pub cancel_requested: bool,
    /// What the latest failed attempt said.
    pub last_error: Option<String>,
    /// Work done, in `unit`.
    pub done: i64,
    /// Work in all, in `unit`, where known.
    pub total: Option<i64>,
    /// `rows`, `bytes`, `probes`.
    pub unit: Option<String>,
    /// Who wanted it.
    pub actor: String,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// When its first attempt began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it reached a terminal state.
    pub finished_at: Option<DateTime<Utc>>,
}

/// What is asked of a job.
#[derive(Debug, Clone, PartialEq)]
pub enum JobCommand {
    /// A worker takes it.
    Claim {
        /// Unique name of the worker.
        worker: String,
        /// How long the claim holds without a heartbeat.
        lease: Duration,
    },
    /// The worker still works.
    Heartbeat {
        /// The worker's claim.
        attempt: u32,
        /// How long the claim holds from now.
        lease: Duration,
    },
    /// The attempt finished well.
    Succeed {
        /// The worker's claim.
        attempt: u32,
    },
    /// The attempt failed.
    Fail {
        /// The worker's claim.
        attempt: u32,
        /// What went wrong, for people.
        error: String,
        /// Whether another attempt can help.
        retryable: bool,
        /// From 0 to 1, drawn by the caller.
        jitter: f64,
        /// The next attempt is not sooner than this from now, whatever the policy says.
        not_within: Option<Duration>,
    },
    /// The worker stops and hands the job back; the attempt does not count.
    Release {
        /// The worker's claim.
        attempt: u32,
    },
    /// The worker stopped because a person asked.
    AcknowledgeCancel {
        /// The worker's claim.
        attempt: u32,
    },
    /// The lease may have run out.
    ExpireLease {
        /// From 0 to 1, drawn by the caller.
        jitter: f64,
    },
    /// A person wants it stopped.
    Cancel,
    /// A person wants a dead job tried again.
    Retry,
}

/// Why a job command changed nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobRefusal {
    /// Its time has not come.
    #[error("the job is not due before {run_at}")]
    NotDue {
        /// When it is.
        run_at: DateTime<Utc>,
    },
    /// The state does not allow it.
    #[error("the job is {state}")]
    WrongState {
        /// The state.
        state: JobState,
    },
    /// Another claim has come since.
    #[error("attempt {attempt} has lost the job to attempt {current}")]
    Fenced {
        /// The caller's claim.
        attempt: u32,
        /// The latest claim.
        current: u32,
    },
    /// The lease still holds.
    #[error("the lease holds until {until}")]
    LeaseHeld {
        /// Until when.
        until: DateTime<Utc>,
    },
}

/// Decides a job command: the job as it is afterwards.
///
/// # Errors
/// A [`JobRefusal`]; the job is unchanged then.
pub fn decide(job: &Job, command: &JobCommand, now: DateTime<Utc>) -> Result<Job, JobRefusal> {
    let mut next = job.clone();
    let wrong_state = || Err(JobRefusal::WrongState { state: job.state });
    match command {
        JobCommand::Claim { worker, lease } => {
            if !matches!(job.state, JobState::Queued | JobState::Retrying) {
                return wrong_state();
            }
            if job.run_at > now {
                return Err(JobRefusal::NotDue { run_at: job.run_at });
            }
            next.state = JobState::Running;
            next.attempt += 1;
            next.worker = Some(worker.clone());
            next.lease_until = Some(now + *lease);
            next.started_at.get_or_insert(now);
        }
        JobCommand::Heartbeat { attempt, lease } => {
            fence(job, *attempt)?;
            next.lease_until = Some(now + *lease);
        }
        JobCommand::Succeed { attempt } => {
            fence(job, *attempt)?;
            end(&mut next, JobState::Succeeded, now);
            next.last_error = None;
        }
        JobCommand::Fail { attempt, error, retryable, jitter, not_within } => {
            fence(job, *attempt)?;
            next.last_error = Some(error.clone());
            fail(&mut next, *retryable, *jitter, not_within.unwrap_or_default(), now);
            give_up_if_cancelled(&mut next, now);
        }
        JobCommand::Release { attempt } => {
            fence(job, *attempt)?;
            next.state = JobState::Retrying;
            next.max_attempts += 1;
            next.run_at = now;
            next.lease_until = None;
            give_up_if_cancelled(&mut next, now);
        }
        JobCommand::AcknowledgeCancel { attempt } => {
            fence(job, *attempt)?;
            end(&mut next, JobState::Cancelled, now);
        }
        JobCommand::ExpireLease { jitter } => {
            if job.state != JobState::Running {
                return wrong_state();
            }
            if let Some(until) = job.lease_until.filter(|until| *until > now) {
                return Err(JobRefusal::LeaseHeld { until });
            }
            let worker = job.worker.as_deref().unwrap_or("unknown");
            next.last_error = Some(format!("the worker `{worker}` was lost during attempt {}", job.attempt));
            fail(&mut next, true, *jitter, Duration::ZERO, now);
            give_up_if_cancelled(&mut next, now);
        }
        JobCommand::Cancel => match job.state {
            JobState::Queued | JobState::Retrying => end(&mut next, JobState::Cancelled, now),
            JobState::Running => next.cancel_requested = true,
            JobState::Succeeded | JobState::Failed | JobState::Cancelled => return wrong_state(),
        },
        JobCommand::Retry => {
            if !matches!(job.state, JobState::Failed | JobState::Cancelled) {
                return wrong_state();
            }
            next.state = JobState::Retrying;
            next.run_at = now;
            next.finished_at = None;
            next.cancel_requested = false;
            next.max_attempts = job.attempt + job.retry.max_attempts;
        }
    }
    Ok(next)
}

/// The wait after a failed attempt: exponential, bounded, shortened by `jitter` (0 to 1) times the policy's share.
#[must_use]
pub fn backoff(retry: &Retry, attempt: u32, jitter: f64) -> Duration {
    let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
    let wait = retry.initial.as_secs_f64() * retry.factor.powi(exponent);
    let bounded = wait.min(retry.max.as_secs_f64());
    let shortened = bounded * (1.0 - retry.jitter.clamp(0.0, 1.0) * jitter.clamp(0.0, 1.0));
    Duration::try_from_secs_f64(shortened).unwrap_or(retry.max)
}

fn fence(job: &Job, attempt: u32) -> Result<(), JobRefusal> {
    if job.attempt != attempt {
        return Err(JobRefusal::Fenced { attempt, current: job.attempt });
    }
    if job.state != JobState::Running {
        return Err(JobRefusal::WrongState { state: job.state });
    }
    Ok(())
}

fn end(job: &mut Job, state: JobState, now: DateTime<Utc>) {
    job.state = state;
    job.lease_until = None;
    job.finished_at = Some(now);
}

/// However an attempt ended otherwise than well: a job that a person wants stopped is not tried again.
fn give_up_if_cancelled(job: &mut Job, now: DateTime<Utc>) {
    if job.cancel_requested {
        end(job, JobState::Cancelled, now);
    }
}

fn fail(job: &mut Job, retryable: bool, jitter: f64, not_within: Duration, now: DateTime<Utc>) {
    if retryable && job.attempt < job.max_attempts {
        // Attempts that were handed back, or were used up before a person's retry, are no reason to wait longer.
        let left = job.max_attempts - job.attempt;
        let wait = backoff(&job.retry, job.retry.max_attempts.saturating_sub(left), jitter).max(not_within);
        let wait = TimeDelta::from_std(wait).unwrap_or(TimeDelta::MAX);
        job.state = JobState::Retrying;
        job.lease_until = None;
        job.run_at = now.checked_add_signed(wait).unwrap_or(DateTime::<Utc>::MAX_UTC);
    } else {
        end(job, JobState::Failed, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000 + seconds, 0).expect("a time within range")
    }

    fn job() -> Job {
        Job {
            id: "job_1".to_owned(),
            kind: JobKind::HealthCheck,
            tenant_id: "svbf".to_owned(),
            checklist_id: None,
            step_id: None,
            subject_id: None,
            state: JobState::Queued,
            attempt: 0,
            max_attempts: 3,
            retry: Retry { max_attempts: 3, ..Retry::default() },
            run_at: at(0),
            lease_until: None,
            worker: None,
            cancel_requested: false,
            last_error: None,
            done: 0,
            total: None,
            unit: None,
            actor: "test".to_owned(),
            created_at: at(0),
            started_at: None,
            finished_at: None,
        }
    }

    fn claim() -> JobCommand {
        JobCommand::Claim { worker: "w".to_owned(), lease: Duration::from_secs(10) }
    }

    #[test]
    fn a_zombie_cannot_overwrite_its_successor() {
        let first = decide(&job(), &claim(), at(0)).expect("due");
        let expired = decide(&first, &JobCommand::ExpireLease { jitter: 0.0 }, at(10)).expect("lease is over");
        let second = decide(&expired, &claim(), at(20)).expect("due again");
        let late = decide(&second, &JobCommand::Succeed { attempt: 1 }, at(21));
        assert_eq!(late, Err(JobRefusal::Fenced { attempt: 1, current: 2 }));
        assert_eq!(
            decide(&second, &JobCommand::Succeed { attempt: 2 }, at(21)).map(|job| job.state),
            Ok(JobState::Succeeded)
        );
    }

    #[test]
    fn a_lease_in_force_is_not_expired() {
        let running = decide(&job(), &claim(), at(0)).expect("due");
        let refusal = decide(&running, &JobCommand::ExpireLease { jitter: 0.0 }, at(9));
        assert_eq!(refusal, Err(JobRefusal::LeaseHeld { until: at(10) }));
    }

    #[test]
    fn releasing_does_not_use_up_an_attempt() {
        let running = decide(&job(), &claim(), at(0)).expect("due");
        let released = decide(&running, &JobCommand::Release { attempt: 1 }, at(1)).expect("ours");
        assert_eq!(released.max_attempts - released.attempt, 3);
        assert_eq!(released.run_at, at(1));
    }

    #[test]
    fn waits_begin_anew_after_a_release_and_after_a_persons_retry() {
        let fail = |job: &Job, seconds: i64| {
            let command = JobCommand::Fail {
                attempt: job.attempt,
                error: "e".into(),
                retryable: true,
                jitter: 0.0,
                not_within: None,
            };
            decide(job, &command, at(seconds)).expect("ours")
        };
        let claim = |job: &Job, seconds: i64| {
            let command = JobCommand::Claim { worker: "w".into(), lease: Duration::from_secs(9) };
            decide(job, &command, at(seconds)).expect("it is due")
        };
        let first = claim(&job(), 0);
        let wait = fail(&first, 0).run_at - at(0);
        let released = decide(&first, &JobCommand::Release { attempt: first.attempt }, at(1)).expect("ours");
        assert_eq!(fail(&claim(&released, 1), 1).run_at - at(1), wait);
        let mut job = first;
        let mut now = 0;
        while job.state != JobState::Failed {
            job = fail(&job, now);
            now = (job.run_at - at(0)).num_seconds();
            if job.state == JobState::Retrying {
                job = claim(&job, now);
            }
        }
        let retried = decide(&job, &JobCommand::Retry, at(now)).expect("a person may");
        assert_eq!(fail(&claim(&retried, now), now).run_at - at(now), wait);
    }

    #[test]
    fn whoever_asks_for_patience_is_not_tried_sooner() {
        let running = decide(&job(), &claim(), at(0)).expect("due");
        let fail = |not_within| {
            let error = "busy".to_owned();
            let failed = JobCommand::Fail { attempt: 1, error, retryable: true, jitter: 0.0, not_within };
            decide(&running, &failed, at(0)).expect("ours").run_at
        };
        assert_eq!(fail(Some(Duration::from_secs(7000))), at(7000));
        assert_eq!(fail(Some(Duration::ZERO)), fail(None));
    }

    fn commands() -> impl Strategy<Value = (JobCommand, i64)> {
        let command = prop_oneof![
            Just(claim()),
            (0u32..6).prop_map(|attempt| JobCommand::Heartbeat { attempt, lease: Duration::from_secs(10) }),
            (0u32..6).prop_map(|attempt| JobCommand::Succeed { attempt }),
            (0u32..6, any::<bool>(), 0.0..1.0).prop_map(|(attempt, retryable, jitter)| JobCommand::Fail {
                attempt,
                error: "broken".to_owned(),
                retryable,
                jitter,
                not_within: None,
            }),
            (0u32..6).prop_map(|attempt| JobCommand::Release { attempt }),
            (0u32..6).prop_map(|attempt| JobCommand::AcknowledgeCancel { attempt }),
            (0.0..1.0).prop_map(|jitter| JobCommand::ExpireLease { jitter }),
            Just(JobCommand::Cancel),
            Just(JobCommand::Retry),
        ];
        (command, 0i64..400)
    }

    proptest! {
        #[test]
        fn no_sequence_of_commands_reaches_an_illegal_job(sequence in prop::collection::vec(commands(), 0..60)) {
            let mut job = job();
            let mut now = 0;
            for (command, wait) in sequence {
                now += wait;
                let before = job.clone();
                let Ok(after) = decide(&job, &command, at(now)) else { continue };
                prop_assert!(after.attempt >= before.attempt);
                prop_assert_eq!(after.state == JobState::Running, after.lease_until.is_some());
                prop_assert_eq!(after.state.is_terminal(), after.finished_at.is_some());
                prop_assert!(after.attempt <= after.max_attempts);
                let by_a_person = command == JobCommand::Retry;
                prop_assert!(by_a_person || !before.state.is_terminal());
                let runs_again = matches!(after.state, JobState::Queued | JobState::Retrying);
                prop_assert!(by_a_person || !(before.cancel_requested && runs_again));
                job = after;
            }
        }

        #[test]
        fn backoff_never_exceeds_its_bound(attempt in 0u32..5000, jitter in 0.0f64..1.0) {
            let retry = Retry::default();
            prop_assert!(backoff(&retry, attempt, jitter) <= retry.max);
        }
    }
}
