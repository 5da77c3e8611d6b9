//! One attempt at a job: claim, work under heartbeats, report under the fence.

use std::future::Future;
use std::time::{Duration, Instant};

use chrono::Utc;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use workbench_engine::checklist::Command;
use workbench_engine::job::{Job, JobCommand, JobKind, JobRefusal};
use workbench_engine::log::Actor;
use workbench_engine::store::StoreError;

use crate::{Context, announce, deliver, health_check, import_load, import_preview, import_rollback, step_command};

/// Why an attempt did not end well.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Another attempt may help.
    #[error("{0}")]
    Retryable(String),
    /// As [`Failure::Retryable`], but not sooner than this from now, where somebody asks for patience.
    #[error("{message}")]
    Postponed {
        /// What came.
        message: String,
        /// From now on.
        not_within: Option<Duration>,
    },
    /// No further attempt helps: the input is at fault.
    #[error("{message}")]
    Permanent {
        /// Stable code.
        code: String,
        /// What is wrong.
        message: String,
        /// What to do.
        hint: String,
    },
    /// The store refused or was out of reach.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Failure {
    /// Whether the job belongs to somebody else by now, or no longer needs doing.
    fn is_lost(&self) -> bool {
        match self {
            Self::Store(StoreError::JobRefused(refusal)) => {
                matches!(refusal, JobRefusal::Fenced { .. } | JobRefusal::WrongState { .. })
            }
            Self::Store(StoreError::ImportState { .. }) => true,
            _ => false,
        }
    }
}

const RETRIED: &str = "It is tried again by itself as long as attempts are left; see the job.";

/// What ended an attempt from outside.
enum Interruption {
    /// The daemon stops; the job goes back.
    Stopping,
    /// A person cancelled the job.
    Cancelled,
    /// The lease was lost: whatever was done must not count.
    Lost,
}

/// Takes a job that the queue named, if it is still there to be taken, and sees it to the end of an attempt.
pub async fn run(context: &Context, worker: &str, id: &str, stop: &CancellationToken) {
    if stop.is_cancelled() {
        return;
    }
    let job = match claim(context, worker, id).await {
        Ok(job) => job,
        // Handed over twice, cancelled meanwhile, or not due: nothing to do, and SQL knows it.
        Err(StoreError::JobRefused(refusal)) => {
            tracing::debug!(job = id, %refusal, "nothing to claim");
            return;
        }
        Err(error) => {
            tracing::warn!(job = id, %error, "a job could not be claimed; it will be handed over again");
            return;
        }
    };
    let waited = (job.started_at.unwrap_or(job.run_at).max(job.run_at) - job.run_at).to_std().unwrap_or_default();
    context.metrics.claimed(job.kind, waited);
    let span = tracing::info_span!("job", id, kind = %job.kind, tenant = job.tenant_id, attempt = job.attempt);
    tracing::Instrument::instrument(see_through(context, &job, stop), span).await;
}

async fn claim(context: &Context, worker: &str, id: &str) -> Result<Job, StoreError> {
    let mut tx = context.store.begin(&Actor::workbench(), Utc::now()).await?;
    let claim = JobCommand::Claim { worker: worker.to_owned(), lease: context.settings.lease };
    let job = tx.command_job(id, &claim).await?;
    tx.commit().await?;
    Ok(job)
}

async fn see_through(context: &Context, job: &Job, stop: &CancellationToken) {
    let began = Instant::now();
    let outcome = attempt(context, job, stop).await;
    context.metrics.ended(job.kind, outcome, began.elapsed());
}

/// How the attempt ended, in a word.
async fn attempt(context: &Context, job: &Job, stop: &CancellationToken) -> &'static str {
    let ended = tokio::select! {
        // A job that has just ended well is not then called interrupted.
        biased;
        done = work(context, job) => Ok(done),
        interruption = watch(context, job, stop) => Err(interruption),
    };
    let (outcome, report) = match ended {
        Ok(Ok(())) => {
            tracing::info!("job succeeded");
            return "succeeded";
        }
        Ok(Err(failure)) if failure.is_lost() => {
            // Cancelled under our hands, or claimed by another after our lease ran out.
            tracing::info!(%failure, "the job is no longer ours");
            ("lost", JobCommand::AcknowledgeCancel { attempt: job.attempt })
        }
        Ok(Err(failure)) => {
            tracing::warn!(%failure, "the attempt failed");
            stored(fail(context, job, &failure).await);
            return "failed";
        }
        Err(Interruption::Stopping) => ("released", JobCommand::Release { attempt: job.attempt }),
        Err(Interruption::Cancelled) => ("cancelled", JobCommand::AcknowledgeCancel { attempt: job.attempt }),
        Err(Interruption::Lost) => {
            tracing::warn!("the lease was lost; another attempt takes over");
            return "lost";
        }
    };
    stored(tell(context, job, &report).await);
    outcome
}

fn stored(end: Result<(), StoreError>) {
    if let Err(error) = end {
        tracing::warn!(%error, "the attempt's end could not be stored; its lease will run out");
    }
}

async fn tell(context: &Context, job: &Job, report: &JobCommand) -> Result<(), StoreError> {
    let mut tx = context.store.begin(&Actor::workbench(), Utc::now()).await?;
    match tx.command_job(&job.id, report).await {
        Ok(_) => tx.commit().await.map(drop),
        Err(StoreError::JobRefused(refusal)) => {
            tracing::debug!(%refusal, "the job had ended already");
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// Does what the job's kind says. Each kind ends the job in the transaction that stores its effect.
async fn work(context: &Context, job: &Job) -> Result<(), Failure> {
    // Dispatch is boxed: the futures of the kinds are large and one of them runs at a time.
    let work: std::pin::Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>> = match job.kind {
        JobKind::ImportPreview => Box::pin(import_preview::run(context, job)),
        JobKind::ImportLoad => Box::pin(import_load::run(context, job)),
        JobKind::ImportRollback => Box::pin(import_rollback::run(context, job)),
        JobKind::HealthCheck => Box::pin(health_check::run(context, job)),
        JobKind::Command => Box::pin(step_command::run(context, job)),
        JobKind::Timer => Box::pin(elapse(context, job)),
        JobKind::Announce => Box::pin(announce::run(context, job)),
        JobKind::Deliver => Box::pin(deliver::run(context, job)),
    };
    work.await
}

async fn elapse(context: &Context, job: &Job) -> Result<(), Failure> {
    // Not before the job's own time, should the clock have been set back since it was claimed.
    let mut tx = context.store.begin(&Actor::workbench(), Utc::now().max(job.run_at)).await?;
    tx.command_job(&job.id, &JobCommand::Succeed { attempt: job.attempt }).await?;
    tx.decide_if_onboarding(&job.tenant_id, &Command::TimeElapsed).await?;
    tx.commit().await?;
    Ok(())
}

/// Prolongs the lease in time and looks whether somebody wants the job to end. Comes back only with a reason to
/// stop.
async fn watch(context: &Context, job: &Job, stop: &CancellationToken) -> Interruption {
    let beat = context.settings.lease / 4;
    let mut deadline = tokio::time::Instant::now() + context.settings.lease;
    loop {
        tokio::select! {
            () = stop.cancelled() => return Interruption::Stopping,
            () = tokio::time::sleep(beat.max(Duration::from_millis(50))) => {}
        }
        let asked = tokio::time::Instant::now();
        // A store that hangs is no better than one that is away.
        let Ok(beaten) = tokio::time::timeout_at(deadline, heartbeat(context, job)).await else {
            return Interruption::Lost;
        };
        match beaten {
            Ok(current) if current.cancel_requested => return Interruption::Cancelled,
            Ok(_) => deadline = asked + context.settings.lease,
            Err(StoreError::JobRefused(_)) => return Interruption::Lost,
            // The store may be away for a moment; past the lease another worker may have the job.
            Err(error) if asked < deadline => tracing::debug!(%error, "a heartbeat was missed"),
            Err(_) => return Interruption::Lost,
        }
    }
}

async fn heartbeat(context: &Context, job: &Job) -> Result<Job, StoreError> {
    let mut tx = context.store.begin(&Actor::workbench(), Utc::now()).await?;
    let beat = JobCommand::Heartbeat { attempt: job.attempt, lease: context.settings.lease };
    let current = tx.command_job(&job.id, &beat).await?;
    tx.commit().await?;
    Ok(current)
}

/// Ends a failed attempt. An import is told in the same transaction why, so that its page says more than "failed".
async fn fail(context: &Context, job: &Job, failure: &Failure) -> Result<(), StoreError> {
    let (code, message, hint) = match failure {
        Failure::Permanent { code, message, hint } => (code.as_str(), message.clone(), hint.as_str()),
        Failure::Retryable(message) | Failure::Postponed { message, .. } => {
            ("attempt_failed", message.clone(), RETRIED)
        }
        // What the database said is for the log; people cannot mend it.
        Failure::Store(_) => ("store_failed", "the database did not carry out the attempt".to_owned(), RETRIED),
    };
    let report = JobCommand::Fail {
        attempt: job.attempt,
        error: message.clone(),
        retryable: !matches!(failure, Failure::Permanent { .. }),
        jitter: rand::random(),
        not_within: match failure {
            Failure::Postponed { not_within, .. } => *not_within,
            _ => None,
        },
    };
    let mut tx = context.store.begin(&Actor::workbench(), Utc::now()).await?;
    match tx.command_job(&job.id, &report).await {
        Ok(_) => {}
        Err(StoreError::JobRefused(refusal)) => {
            tracing::debug!(%refusal, "the job had ended already");
            return Ok(());
        }
        Err(error) => return Err(error),
    }
    let import = job.subject_id.as_deref();
    if let (JobKind::ImportPreview | JobKind::ImportLoad | JobKind::ImportRollback, Some(import)) = (job.kind, import) {
        tx.note_import_failure(import, &json!({ "code": code, "message": message, "hint": hint })).await?;
    }
    tx.commit().await?;
    Ok(())
}
