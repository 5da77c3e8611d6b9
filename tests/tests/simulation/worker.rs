//! A worker: fetches an id, claims the job, works under heartbeats, reports under the fence.
//!
//! Every transaction of an attempt is a step of its own. As in the `jobs` crate, what is due of the work goes before what is
//! due of the heartbeats, and whoever finds the lease lost drops the work where it is.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use workbench_engine::checklist::Command;
use workbench_engine::definition::Retry;
use workbench_engine::job::{Job, JobCommand, JobKind, JobRefusal, JobState};
use workbench_engine::log::Actor;
use workbench_engine::store::{
    Chunk, Counts, HealthOutcome, Import, NewIssue, PreviewResult, ProbeRow, Recipient, RecordPlace, StoreError, Tx,
};

use super::content;
use super::daemon::outcome;
use super::dice::Fault;
use super::play::{Broken, End, LEASE, Rest, World};

/// One of the jobs that a process may run at once.
#[derive(Default)]
pub struct Slot {
    doing: Doing,
}

#[derive(Default)]
enum Doing {
    #[default]
    Nothing,
    Claiming(String),
    Attempt(Box<Attempt>),
}

struct Attempt {
    job: Job,
    work: Work,
    work_at: DateTime<Utc>,
    beat_at: DateTime<Utc>,
    /// By true time, as a process counts it without a clock on the wall.
    lost_at: DateTime<Utc>,
}

/// What the attempt does next.
enum Work {
    Begin,
    Probe { checked_at: DateTime<Utc>, generation: i64 },
    Detect(Box<Import>),
    Find(Box<Import>),
    Preview(Box<Import>),
    Load { import: Box<Import>, is_first: bool, done: usize },
    Undo { import: String, place: RecordPlace, done: i64 },
    Undone(String),
    Report(JobCommand),
}

/// Why a step of the work did not end well.
enum Failure {
    /// The transaction was taken back, or nobody knows.
    Unanswered,
    Store(StoreError),
    Broken(Broken),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Broken> for Failure {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

fn lease() -> TimeDelta {
    TimeDelta::from_std(LEASE).unwrap_or(TimeDelta::MAX)
}

impl Slot {
    /// The next action.
    pub async fn step(&mut self, world: &mut World, process: usize) -> Rest {
        match std::mem::take(&mut self.doing) {
            Doing::Nothing => {
                if !world.stopping(process) {
                    let fetched = world.queue.fetch(world.now, &mut world.dice);
                    if let Some(id) = fetched {
                        self.doing = Doing::Claiming(id);
                        return Ok(world.dice.between(1, 200));
                    }
                }
                Ok(world.dice.between(50, 1_500))
            }
            Doing::Claiming(id) => self.claim(world, process, &id).await,
            Doing::Attempt(attempt) => self.go_on(world, process, *attempt).await,
        }
    }

    async fn claim(&mut self, world: &mut World, process: usize, id: &str) -> Rest {
        if world.stopping(process) || world.is_away() {
            return Ok(world.dice.between(50, 500));
        }
        let name = world.short(id);
        let worker = format!("worker-{process}");
        let mut tx = world.begin(process, &Actor::workbench()).await?;
        match tx.command_job(id, &JobCommand::Claim { worker, lease: LEASE }).await {
            Ok(job) => {
                let end = world.commit(tx).await?;
                world.tell(
                    process,
                    &format!("claims {name}, {} attempt {}{}", job.kind, job.attempt, outcome(end.kept, end.answered)),
                );
                if end.kept {
                    world.ledger.claimed(&job)?;
                }
                if end.answered {
                    let beat = lease() / 4;
                    let work_at = world.now + world.dice.between(5, 500);
                    self.doing = Doing::Attempt(Box::new(Attempt {
                        job,
                        work: Work::Begin,
                        work_at,
                        beat_at: world.now + beat,
                        lost_at: world.now + lease(),
                    }));
                }
            }
            Err(StoreError::JobRefused(refusal)) => world.tell(process, &format!("does not get {name}: {refusal}")),
            Err(error) => return Err(error.into()),
        }
        Ok(world.dice.between(5, 50))
    }

    async fn go_on(&mut self, world: &mut World, process: usize, mut attempt: Attempt) -> Rest {
        let reports = matches!(attempt.work, Work::Report(_));
        if !reports && world.stopping(process) {
            attempt.work = Work::Report(JobCommand::Release { attempt: attempt.job.attempt });
        } else if attempt.work_at <= world.now {
            if !attempt.work(world, process).await? {
                return Ok(world.dice.between(5, 50));
            }
        } else if attempt.beat_at <= world.now && !attempt.beat(world, process).await? {
            return Ok(world.dice.between(5, 50));
        }
        let rest = attempt.work_at.min(attempt.beat_at) - world.now;
        self.doing = Doing::Attempt(Box::new(attempt));
        Ok(rest.max(TimeDelta::milliseconds(1)))
    }
}

impl Attempt {
    /// Prolongs the lease. Whether the attempt goes on.
    async fn beat(&mut self, world: &mut World, process: usize) -> Result<bool, Broken> {
        let asked = world.now;
        self.beat_at = asked + lease() / 4;
        if matches!(self.work, Work::Report(_)) {
            return Ok(true);
        }
        let name = world.short(&self.job.id);
        let too_late = asked >= self.lost_at && world.dice.happens(0.5);
        if too_late || world.is_away() {
            if asked >= self.lost_at {
                world.tell(process, &format!("gives {name} up, its lease is over"));
            }
            return Ok(asked < self.lost_at);
        }
        let mut tx = world.begin(process, &Actor::workbench()).await?;
        let beat = JobCommand::Heartbeat { attempt: self.job.attempt, lease: LEASE };
        match tx.command_job(&self.job.id, &beat).await {
            Ok(current) => {
                let end = world.commit(tx).await?;
                if end.kept {
                    world.ledger.beat(&self.job, current.lease_until)?;
                }
                if end.answered {
                    self.lost_at = asked + lease();
                    if current.cancel_requested {
                        world.tell(process, &format!("sees that {name} is to end"));
                        self.report_with(world, JobCommand::AcknowledgeCancel { attempt: self.job.attempt });
                    }
                }
                Ok(end.answered || asked < self.lost_at)
            }
            Err(StoreError::JobRefused(refusal)) => {
                world.tell(process, &format!("has lost {name}: {refusal}"));
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Does what is due of the work. Whether the attempt goes on.
    async fn work(&mut self, world: &mut World, process: usize) -> Result<bool, Broken> {
        self.work_at = world.now + world.dice.between(10, 900);
        let name = world.short(&self.job.id);
        if let Work::Report(command) = &self.work {
            let command = command.clone();
            return self.report(world, process, &command).await.map(|()| false);
        }
        if world.dice.strikes(Fault::WorkFails, world.moodiness) {
            let retryable = world.dice.happens(0.9);
            world.tell(process, &format!("fails at {name}, retryable: {retryable}"));
            self.fail(world, "the platform was in a bad mood", retryable);
            return Ok(true);
        }
        let did = if world.is_away() { Err(Failure::Unanswered) } else { self.act(world, process).await };
        match did {
            Ok(Some(next)) => self.work = next,
            Ok(None) => return Ok(false),
            Err(Failure::Broken(broken)) => return Err(broken),
            Err(Failure::Unanswered) => self.fail(world, "the database did not carry out the attempt", true),
            Err(Failure::Store(
                error @ (StoreError::JobRefused(JobRefusal::Fenced { .. } | JobRefusal::WrongState { .. })
                | StoreError::ImportState { .. }),
            )) => {
                world.tell(process, &format!("no longer has {name}: {error}"));
                self.report_with(world, JobCommand::AcknowledgeCancel { attempt: self.job.attempt });
            }
            Err(Failure::Store(error)) => return Err(error.into()),
        }
        Ok(true)
    }

    fn fail(&mut self, world: &mut World, error: &str, retryable: bool) {
        let (attempt, jitter) = (self.job.attempt, world.dice.share());
        self.report_with(
            world,
            JobCommand::Fail { attempt, error: error.to_owned(), retryable, jitter, not_within: None },
        );
    }

    fn report_with(&mut self, world: &mut World, command: JobCommand) {
        self.work = Work::Report(command);
        self.work_at = world.now + world.dice.between(1, 100);
    }

    /// Tells the store how the attempt ended; one that cannot be told is left to its lease.
    async fn report(&mut self, world: &mut World, process: usize, command: &JobCommand) -> Result<(), Broken> {
        if world.is_away() {
            return Ok(());
        }
        let name = world.short(&self.job.id);
        let mut tx = world.begin(process, &Actor::workbench()).await?;
        let after = match tx.command_job(&self.job.id, command).await {
            Ok(after) => after,
            Err(StoreError::JobRefused(refusal)) => {
                world.tell(process, &format!("need not report {name}: {refusal}"));
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let of_import = matches!(self.job.kind, JobKind::ImportPreview | JobKind::ImportLoad | JobKind::ImportRollback);
        if let (JobCommand::Fail { error, .. }, Some(import), true) = (command, &self.job.subject_id, of_import) {
            tx.note_import_failure(import, &json!({ "code": "attempt_failed", "message": error })).await?;
        }
        let end = world.commit(tx).await?;
        world.tell(process, &format!("reports {name} {}{}", after.state, outcome(end.kept, end.answered)));
        if end.kept {
            world.ledger.ended(&self.job, after.state)?;
        }
        Ok(())
    }

    /// One transaction of the work; what comes next, or nothing once the job has ended well.
    async fn act(&mut self, world: &mut World, process: usize) -> Result<Option<Work>, Failure> {
        let subject = self.job.subject_id.clone().unwrap_or_default();
        let begun = matches!(self.work, Work::Begin).then_some(self.job.kind);
        if begun == Some(JobKind::HealthCheck) {
            let checked_at = world.clock(process);
            let tenant = world.store.tenant(&self.job.tenant_id).await?;
            let (quick, slow) = (world.dice.between(100, 5_000), world.dice.between(5_000, 25_000));
            self.work_at = world.now + if world.dice.happens(0.2) { slow } else { quick };
            return Ok(Some(Work::Probe { checked_at, generation: tenant.generation }));
        }
        let clock = world.clock(process);
        // As for a timer in the product: not before its own time, should the clock have been set back.
        let at = if begun == Some(JobKind::Timer) { clock.max(self.job.run_at) } else { clock };
        if let Work::Load { import, is_first: true, done } = &self.work
            && let Some(chunk) = chunk(import, *done)
        {
            let (import, checkpoint) = (import.clone(), chunk.checkpoint);
            let mut loader = world.store.loader(&self.job, &import.id, lease());
            if loader.add(chunk).await?.is_empty() {
                world.ledger.wrote(&self.job, None)?;
                let done = usize::try_from(checkpoint).unwrap_or(usize::MAX);
                let answered = !world.dice.strikes(Fault::Unanswered, 0.03);
                let kept = End { kept: true, answered, entries: 0 };
                self.tell(world, process, "stores a first chunk", kept);
                let next = Work::Load { import, is_first: true, done };
                return if kept.answered { Ok(Some(next)) } else { Err(Failure::Unanswered) };
            }
        }
        let mut tx = world.store.begin(&Actor::workbench(), at).await?;
        let (deed, next) = self.write(&mut tx, world, &subject).await?;
        let until = tx.now() + lease();
        let end = world.commit(tx).await?;
        self.tell(world, process, deed, end);
        if end.kept && next.is_none() {
            world.ledger.ended(&self.job, JobState::Succeeded)?;
        } else if end.kept {
            let prolongs = !matches!(self.work, Work::Begin);
            world.ledger.wrote(&self.job, prolongs.then_some(until))?;
        }
        if end.answered { Ok(next) } else { Err(Failure::Unanswered) }
    }

    fn tell(&self, world: &mut World, process: usize, deed: &str, end: End) {
        let name = world.short(&self.job.id);
        world.tell(process, &format!("{deed} for {name}{}", outcome(end.kept, end.answered)));
    }

    /// What the work writes next, within a transaction: what it is, and what follows.
    async fn write(
        &self,
        tx: &mut Tx,
        world: &mut World,
        subject: &str,
    ) -> Result<(&'static str, Option<Work>), StoreError> {
        let job = &self.job;
        Ok(match &self.work {
            Work::Begin => match job.kind {
                JobKind::ImportPreview => {
                    let import = tx.begin_preview(job, subject).await?;
                    tx.remove_issues(subject, 10).await?;
                    ("begins to read", Some(Work::Detect(Box::new(import))))
                }
                JobKind::ImportLoad => {
                    let (import, is_first) = tx.begin_loading(job, subject).await?;
                    ("begins to load", Some(Work::Load { import: Box::new(import), is_first, done: 0 }))
                }
                JobKind::ImportRollback => {
                    tx.begin_rollback(job, subject).await?;
                    let (import, place) = (subject.to_owned(), RecordPlace::default());
                    ("begins to undo", Some(Work::Undo { import, place, done: job.done }))
                }
                JobKind::Announce => {
                    let retry = Retry::default();
                    tx.announce(job, &[Recipient { channel: "desk".to_owned(), retry }]).await?;
                    ("announces", None)
                }
                JobKind::Deliver => {
                    tx.finish_delivery(job, subject).await?;
                    ("delivers", None)
                }
                // No workflow of the simulation has programs.
                JobKind::Timer | JobKind::HealthCheck | JobKind::Command => {
                    tx.command_job(&job.id, &JobCommand::Succeed { attempt: job.attempt }).await?;
                    tx.decide_if_onboarding(&job.tenant_id, &Command::TimeElapsed).await?;
                    ("lets time elapse", None)
                }
            },
            Work::Probe { checked_at, generation } => {
                let outcome = verdict_of_probes(world, *checked_at, *generation);
                tx.finish_health_check(job, subject, &outcome).await?;
                ("stores what probes found", None)
            }
            Work::Detect(import) => {
                tx.note_detected(job, subject, &json!({ "format": "csv" }), import.size, lease()).await?;
                ("notes what the file is", Some(Work::Find(import.clone())))
            }
            Work::Find(import) => {
                tx.progress(job, 1, Some(import.size), "bytes", lease()).await?;
                tx.add_issues(subject, 1, &[finding()]).await?;
                ("stores findings", Some(Work::Preview(import.clone())))
            }
            Work::Preview(import) => {
                tx.finish_preview(job, subject, &preview(import), TimeDelta::days(30)).await?;
                ("stores a preview", None)
            }
            Work::Load { import, is_first, done } => {
                // What lies before the checkpoint is passed over.
                let stored = usize::try_from(import.checkpoint).unwrap_or_default().max(*done);
                let Some(chunk) = chunk(import, stored) else {
                    tx.complete_import(job, subject).await?;
                    return Ok(("completes an import", None));
                };
                let done = usize::try_from(chunk.checkpoint).unwrap_or(usize::MAX);
                tx.load_chunk(job, subject, &chunk, lease()).await?;
                ("stores a chunk", Some(Work::Load { import: import.clone(), is_first: *is_first, done }))
            }
            Work::Undo { import, place, done } => {
                let (undone, rest) = tx.roll_back_part(job, import, place, *done, lease()).await?;
                let import = import.clone();
                let next = match rest {
                    Some(place) => Work::Undo { import, place, done: done + undone },
                    None => Work::Undone(import),
                };
                ("undoes a part", Some(next))
            }
            Work::Undone(import) => {
                tx.finish_rollback(job, import).await?;
                ("has undone an import", None)
            }
            Work::Report(_) => ("reports", None),
        })
    }
}

/// The chunk behind so many rows of an import, if there is one.
fn chunk(import: &Import, done: usize) -> Option<Chunk> {
    let rows = content::rows(content::number(&import.object_key));
    let done = usize::try_from(import.checkpoint).unwrap_or_default().max(done);
    let records: Vec<_> = rows.iter().skip(done).take(content::CHUNK).cloned().collect();
    if records.is_empty() {
        return None;
    }
    let count = |rows: usize| i64::try_from(rows).unwrap_or(i64::MAX);
    let checkpoint = count(done + records.len());
    Some(Chunk { records: Arc::new(records), checkpoint, total: count(rows.len()) })
}

fn preview(import: &Import) -> PreviewResult {
    let rows = i64::try_from(content::rows(content::number(&import.object_key)).len()).unwrap_or(i64::MAX);
    PreviewResult {
        format: "csv".to_owned(),
        entity: "members".to_owned(),
        detected: json!({ "format": "csv" }),
        sample: json!([]),
        counts: Counts { rows_read: rows, rows_valid: rows, records: rows, records_new: rows, ..Counts::default() },
        guessed: false,
        compared: None,
    }
}

fn finding() -> NewIssue {
    NewIssue {
        severity: "warning".to_owned(),
        code: "trimmed".to_owned(),
        line: 1,
        column: None,
        value: None,
        message: "something was trimmed".to_owned(),
        hint: String::new(),
        row_key: None,
    }
}

fn verdict_of_probes(world: &mut World, checked_at: DateTime<Utc>, generation: i64) -> HealthOutcome {
    let drawn = world.dice.below(10);
    let status = ["fail", "warn"].get(drawn).copied().unwrap_or("pass").to_owned();
    let probe = ProbeRow {
        probe: "sample_login".to_owned(),
        status: status.clone(),
        message: String::new(),
        hint: String::new(),
        started_at: checked_at,
        duration_ms: 1,
        attempts: 1,
        trace: Value::Null,
        measures: None,
        earlier: None,
    };
    HealthOutcome { aggregate: status, checked_at, generation, probes: vec![probe] }
}
