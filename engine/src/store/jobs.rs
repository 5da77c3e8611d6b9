//! Jobs in SQL: written with what wants them, handed to the queue, claimed, heartbeaten, ended under the fence.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;
use ulid::Ulid;

use super::row::{Columns, micros};
use super::{Store, StoreError, Tx};
use crate::definition::Retry;
use crate::job::{self, Job, JobCommand, JobKind, JobState};
use crate::log::NewEntry;

/// A job to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    /// What it does.
    pub kind: JobKind,
    /// For whom.
    pub tenant_id: String,
    /// The checklist that calls for it.
    pub checklist_id: Option<String>,
    /// The step that calls for it.
    pub step_id: Option<String>,
    /// What it works on.
    pub subject_id: Option<String>,
    /// How attempts are spaced.
    pub retry: Retry,
    /// Not before; at once where absent.
    pub run_at: Option<DateTime<Utc>>,
    /// Whether nobody waits for it: it stands back behind jobs that somebody waits for.
    pub background: bool,
}

impl NewJob {
    /// A job for a tenant that somebody waits for, due at once.
    #[must_use]
    pub fn new(kind: JobKind, tenant_id: &str, retry: Retry) -> Self {
        Self {
            kind,
            tenant_id: tenant_id.to_owned(),
            checklist_id: None,
            step_id: None,
            subject_id: None,
            retry,
            run_at: None,
            background: false,
        }
    }
}

/// One claim of a job and how it ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// Number of the claim, from 1.
    pub attempt: u32,
    /// Who claimed.
    pub worker: String,
    /// When.
    pub started_at: DateTime<Utc>,
    /// When it ended, if it has.
    pub finished_at: Option<DateTime<Utc>>,
    /// `succeeded`, `failed`, `released`, `cancelled` or `lost`.
    pub outcome: Option<String>,
    /// What went wrong.
    pub error: Option<String>,
}

/// The jobs whose time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// How many wait for a worker.
    pub due: i64,
    /// How many of them the queue has not been given yet.
    pub behind: i64,
    /// Since when the oldest of them has been due.
    pub oldest: Option<DateTime<Utc>>,
}

/// Which jobs are wanted, newest first.
#[derive(Debug, Clone, Default)]
pub struct JobFilter {
    /// Only in this state.
    pub state: Option<JobState>,
    /// Only of this kind.
    pub kind: Option<JobKind>,
    /// Only of this tenant.
    pub tenant_id: Option<String>,
    /// Only those that work on this import, health check, notification or delivery.
    pub subject_id: Option<String>,
    /// Only before this one: creation time and id.
    pub before: Option<(DateTime<Utc>, String)>,
    /// At most so many.
    pub limit: i64,
}

fn read(row: &AnyRow) -> Result<Job, StoreError> {
    Ok(Job {
        id: row.text("id")?,
        kind: row.parsed("kind")?,
        tenant_id: row.text("tenant_id")?,
        checklist_id: row.maybe_text("checklist_id")?,
        step_id: row.maybe_text("step_id")?,
        subject_id: row.maybe_text("subject_id")?,
        state: row.parsed("state")?,
        attempt: row.count("attempt")?,
        max_attempts: row.count("max_attempts")?,
        retry: row.json("retry")?,
        run_at: row.time("run_at")?,
        lease_until: row.maybe_time("lease_until")?,
        worker: row.maybe_text("worker")?,
        cancel_requested: row.int("cancel_requested")? != 0,
        last_error: row.maybe_text("last_error")?,
        done: row.int("done")?,
        total: row.maybe_int("total")?,
        unit: row.maybe_text("unit")?,
        actor: row.text("actor")?,
        created_at: row.time("created_at")?,
        started_at: row.maybe_time("started_at")?,
        finished_at: row.maybe_time("finished_at")?,
    })
}

/// Stores progress and prolongs the lease, under the fence. Neither runs backwards: an attempt may start over, a
/// heartbeat may have come later.
pub(super) const STORE_PROGRESS: &str =
    "update jobs set done = case when done > $1 then done else $1 end, total = $2, unit = $3,
            lease_until = case when lease_until > $4 then lease_until else $4 end
     where id = $5 and attempt = $6 and state = 'running'";

impl Store {
    /// One job.
    pub async fn job(&self, id: &str) -> Result<Job, StoreError> {
        let row = sqlx::query("select * from jobs where id = $1").bind(id).fetch_optional(&self.pool).await?;
        read(&row.ok_or_else(|| StoreError::not_found("job", id))?)
    }

    /// A job's claims, in order.
    pub async fn attempts(&self, job_id: &str) -> Result<Vec<Attempt>, StoreError> {
        let rows = sqlx::query("select * from job_attempts where job_id = $1 order by attempt")
            .bind(job_id)
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Attempt {
                    attempt: row.count("attempt")?,
                    worker: row.text("worker")?,
                    started_at: row.time("started_at")?,
                    finished_at: row.maybe_time("finished_at")?,
                    outcome: row.maybe_text("outcome")?,
                    error: row.maybe_text("error")?,
                })
            })
            .collect()
    }

    /// Jobs, newest first.
    pub async fn jobs(&self, filter: &JobFilter) -> Result<Vec<Job>, StoreError> {
        let (before_at, before_id) = match &filter.before {
            Some((at, id)) => (micros(*at), id.clone()),
            None => (i64::MAX, String::new()),
        };
        let rows = sqlx::query(
            "select * from jobs
             where ($1 = '' or state = $1) and ($2 = '' or kind = $2) and ($3 = '' or tenant_id = $3)
               and ($4 = '' or subject_id = $4)
               and (created_at < $5 or (created_at = $5 and id < $6))
             order by created_at desc, id desc limit $7",
        )
        .bind(filter.state.map_or("", JobState::as_str))
        .bind(filter.kind.map_or("", JobKind::as_str))
        .bind(filter.tenant_id.as_deref().unwrap_or_default())
        .bind(filter.subject_id.as_deref().unwrap_or_default())
        .bind(before_at)
        .bind(before_id)
        .bind(filter.limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read).collect()
    }

    /// How many jobs were handed over for the attempt that they wait for, and are not claimed yet.
    pub async fn handed_and_unclaimed(&self) -> Result<i64, StoreError> {
        sqlx::query(
            "select count(*) as n from jobs
             where state in ('queued', 'retrying') and handed_at is not null and handed_at >= run_at",
        )
        .fetch_one(&self.pool)
        .await?
        .int("n")
    }

    /// Running jobs whose lease ran out.
    pub async fn lost_jobs(&self, now: DateTime<Utc>, limit: i64) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query(
            "select id from jobs where state = 'running' and lease_until < $1 order by lease_until limit $2",
        )
        .bind(micros(now))
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| row.text("id")).collect()
    }

    /// Since when the oldest due job has been waiting, if one is.
    pub async fn oldest_due(&self, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, StoreError> {
        sqlx::query("select min(run_at) as oldest from jobs where state in ('queued', 'retrying') and run_at <= $1")
            .bind(micros(now))
            .fetch_one(&self.pool)
            .await?
            .maybe_time("oldest")
    }

    /// The jobs that are due. Not more than `most` are counted, so that a night's fan-out does not make the question dear.
    pub async fn backlog(&self, now: DateTime<Utc>, most: i64) -> Result<Backlog, StoreError> {
        let row = sqlx::query(
            "select count(*) as due,
                    count(case when handed_at is null or handed_at < run_at then 1 end) as behind,
                    (select min(run_at) from jobs where state in ('queued', 'retrying') and run_at <= $1) as oldest
             from (select run_at, handed_at from jobs
                   where state in ('queued', 'retrying') and run_at <= $1 limit $2) as counted",
        )
        .bind(micros(now))
        .bind(most)
        .fetch_one(&self.pool)
        .await?;
        Ok(Backlog { due: row.int("due")?, behind: row.int("behind")?, oldest: row.maybe_time("oldest")? })
    }
}

impl Tx {
    /// Writes a job; the relay hands it over after the commit.
    pub async fn create_job(&mut self, new: &NewJob) -> Result<String, StoreError> {
        let id = self.job_id();
        self.create_job_as(&id, new).await?;
        Ok(id)
    }

    /// An id for a job of this transaction.
    pub(super) fn job_id(&self) -> String {
        format!("job_{}", Ulid::from_datetime(self.now().into()))
    }

    /// As [`Tx::create_job`], by an id that something else has been told already.
    pub(super) async fn create_job_as(&mut self, id: &str, new: &NewJob) -> Result<(), StoreError> {
        let retry =
            serde_json::to_string(&new.retry).map_err(|error| StoreError::corrupt("retry", &error.to_string()))?;
        let (now, actor) = (micros(self.now()), self.actor().id.clone());
        self.execute(
            sqlx::query(
                "insert into jobs (id, kind, tenant_id, checklist_id, step_id, subject_id, state, attempt, max_attempts,
                                   retry, run_at, cancel_requested, done, actor, created_at, background)
                 values ($1, $2, $3, $4, $5, $6, 'queued', 0, $7, $8, $9, 0, 0, $10, $11, $12)",
            )
            .bind(id)
            .bind(new.kind.as_str())
            .bind(&new.tenant_id)
            .bind(&new.checklist_id)
            .bind(&new.step_id)
            .bind(&new.subject_id)
            .bind(i64::from(new.retry.max_attempts))
            .bind(retry)
            .bind(new.run_at.map_or(now, micros))
            .bind(actor)
            .bind(now)
            .bind(i64::from(new.background)),
        )
        .await?;
        self.record(NewEntry {
            kind: "job_queued".to_owned(),
            tenant_id: Some(new.tenant_id.clone()),
            checklist_id: None,
            payload: json!({ "job": id, "job_kind": new.kind, "step": new.step_id, "subject": new.subject_id }),
        });
        self.want_jobs();
        Ok(())
    }

    /// Takes due jobs that were not handed over yet and marks them as handed over: at most `limit`, first those that
    /// somebody waits for, then at most `background` of the others; of each the oldest first.
    pub async fn hand_over(&mut self, limit: i64, background: i64) -> Result<Vec<String>, StoreError> {
        let mut ids = self.hand_over_of(0, limit).await?;
        let left = limit - i64::try_from(ids.len()).unwrap_or(limit);
        if left.min(background) > 0 {
            ids.extend(self.hand_over_of(1, left.min(background)).await?);
        }
        Ok(ids)
    }

    async fn hand_over_of(&mut self, background: u8, limit: i64) -> Result<Vec<String>, StoreError> {
        let now = micros(self.now());
        // Not bound but written, so that the index of these jobs serves.
        let due = format!(
            "select id from jobs
             where background = {background} and state in ('queued', 'retrying') and run_at <= $1
               and (handed_at is null or handed_at < run_at)
             order by run_at limit $2{}",
            self.skip_locked()
        );
        let rows = self.rows(sqlx::query(AssertSqlSafe(due)).bind(now).bind(limit)).await?;
        self.mark_handed(&rows).await
    }

    /// Takes jobs that were handed over before `before` and are still unclaimed, the longest waiting first: the queue
    /// may have lost them.
    pub async fn hand_over_again(&mut self, before: DateTime<Utc>, limit: i64) -> Result<Vec<String>, StoreError> {
        let lost = format!(
            "select id from jobs
             where state in ('queued', 'retrying') and handed_at is not null and handed_at >= run_at and handed_at < $1
             order by handed_at limit $2{}",
            self.skip_locked()
        );
        let rows = self.rows(sqlx::query(AssertSqlSafe(lost)).bind(micros(before)).bind(limit)).await?;
        self.mark_handed(&rows).await
    }

    async fn mark_handed(&mut self, rows: &[AnyRow]) -> Result<Vec<String>, StoreError> {
        let now = micros(self.now());
        let ids = rows.iter().map(|row| row.text("id")).collect::<Result<Vec<_>, _>>()?;
        for id in &ids {
            self.execute(sqlx::query("update jobs set handed_at = $1 where id = $2").bind(now).bind(id)).await?;
        }
        Ok(ids)
    }

    async fn locked_job(&mut self, id: &str) -> Result<Job, StoreError> {
        let lock = format!("select * from jobs where id = $1{}", self.for_update());
        let row = self.maybe_row(sqlx::query(AssertSqlSafe(lock)).bind(id)).await?;
        read(&row.ok_or_else(|| StoreError::not_found("job", id))?)
    }

    /// Decides a command about a job under its lock and stores the outcome, with its event.
    pub async fn command_job(&mut self, id: &str, command: &JobCommand) -> Result<Job, StoreError> {
        self.command_job_because(id, command, None).await
    }

    /// As [`Tx::command_job`], for a reason that its event tells.
    pub async fn command_job_because(
        &mut self,
        id: &str,
        command: &JobCommand,
        reason: Option<&str>,
    ) -> Result<Job, StoreError> {
        let before = self.locked_job(id).await?;
        let after = job::decide(&before, command, self.now())?;
        self.execute(
            sqlx::query(
                "update jobs set state = $1, attempt = $2, max_attempts = $3, run_at = $4, lease_until = $5, worker = $6,
                        cancel_requested = $7, last_error = $8, started_at = $9, finished_at = $10
                 where id = $11",
            )
            .bind(after.state.as_str())
            .bind(i64::from(after.attempt))
            .bind(i64::from(after.max_attempts))
            .bind(micros(after.run_at))
            .bind(after.lease_until.map(micros))
            .bind(&after.worker)
            .bind(i64::from(after.cancel_requested))
            .bind(&after.last_error)
            .bind(after.started_at.map(micros))
            .bind(after.finished_at.map(micros))
            .bind(id),
        )
        .await?;
        let now = micros(self.now());
        match command {
            JobCommand::Claim { worker, .. } => {
                self.execute(
                    sqlx::query(
                        "insert into job_attempts (job_id, attempt, worker, started_at) values ($1, $2, $3, $4)",
                    )
                    .bind(id)
                    .bind(i64::from(after.attempt))
                    .bind(worker)
                    .bind(now),
                )
                .await?;
            }
            JobCommand::Succeed { .. } => self.end_attempt(&after, "succeeded", None).await?,
            JobCommand::Fail { .. } => self.end_attempt(&after, "failed", after.last_error.as_deref()).await?,
            JobCommand::Release { .. } => self.end_attempt(&after, "released", None).await?,
            JobCommand::AcknowledgeCancel { .. } => self.end_attempt(&after, "cancelled", None).await?,
            JobCommand::ExpireLease { .. } => self.end_attempt(&after, "lost", after.last_error.as_deref()).await?,
            JobCommand::Heartbeat { .. } | JobCommand::Cancel | JobCommand::Retry => {}
        }
        match after.kind {
            JobKind::ImportPreview | JobKind::ImportLoad | JobKind::ImportRollback => {
                self.follow_import_job(&before, &after).await?;
            }
            JobKind::HealthCheck => self.follow_health_job(&before, &after).await?,
            JobKind::Timer | JobKind::Command | JobKind::Announce | JobKind::Deliver => {}
        }
        if let Some(kind) = logged_as(&before, &after) {
            let mut payload = json!({
                "job": after.id,
                "job_kind": after.kind,
                "step": after.step_id,
                "subject": after.subject_id,
                "attempt": after.attempt,
                "error": after.last_error,
            });
            if let Some(reason) = reason {
                payload["reason"] = reason.into();
            }
            self.record(NewEntry {
                kind: kind.to_owned(),
                tenant_id: Some(after.tenant_id.clone()),
                checklist_id: None,
                payload,
            });
        }
        if matches!(after.state, JobState::Queued | JobState::Retrying) {
            self.want_jobs();
        }
        Ok(after)
    }

    /// When the programs of a checklist's steps that ended well were asked for last, by step id. One that was asked for
    /// before something was reopened proves nothing about what came after.
    pub(super) async fn ended_commands(
        &mut self,
        checklist_id: &str,
    ) -> Result<BTreeMap<String, DateTime<Utc>>, StoreError> {
        // Written, not bound, so that the index of these jobs serves.
        let ended = sqlx::query(
            "select step_id, max(created_at) as asked_at from jobs
             where checklist_id = $1 and kind = 'command' and state = 'succeeded' group by step_id",
        );
        let rows = self.rows(ended.bind(checklist_id)).await?;
        rows.iter().map(|row| Ok((row.text("step_id")?, row.time("asked_at")?))).collect()
    }

    async fn end_attempt(&mut self, job: &Job, outcome: &str, error: Option<&str>) -> Result<(), StoreError> {
        let now = micros(self.now());
        self.execute(
            sqlx::query(
                "update job_attempts set finished_at = $1, outcome = $2, error = $3 where job_id = $4 and attempt = $5",
            )
            .bind(now)
            .bind(outcome)
            .bind(error)
            .bind(&job.id)
            .bind(i64::from(job.attempt)),
        )
        .await?;
        Ok(())
    }

    /// Stores progress and prolongs the lease to `lease` from now, under the fence: a worker that has lost the job gets a refusal and
    /// must not commit what it did.
    pub async fn progress(
        &mut self,
        job: &Job,
        done: i64,
        total: Option<i64>,
        unit: &str,
        lease: TimeDelta,
    ) -> Result<(), StoreError> {
        let kept = self
            .execute(
                sqlx::query(STORE_PROGRESS)
                    .bind(done)
                    .bind(total)
                    .bind(unit)
                    .bind(micros(self.now() + lease))
                    .bind(&job.id)
                    .bind(i64::from(job.attempt)),
            )
            .await?;
        if kept == 1 {
            return Ok(());
        }
        let current = self.locked_job(&job.id).await?;
        Err(crate::job::JobRefusal::Fenced { attempt: job.attempt, current: current.attempt }.into())
    }
}

/// Which changes of a job are events. Claims and heartbeats are not: the attempts tell them.
fn logged_as(before: &Job, after: &Job) -> Option<&'static str> {
    if after.cancel_requested && !before.cancel_requested {
        return Some("job_cancel_requested");
    }
    match (before.state, after.state) {
        (from, to) if from == to => None,
        (JobState::Failed | JobState::Cancelled, JobState::Retrying) => Some("job_retried"),
        (_, JobState::Retrying) => Some("job_retrying"),
        (_, JobState::Succeeded) => Some("job_succeeded"),
        (_, JobState::Failed) => Some("job_failed"),
        (_, JobState::Cancelled) => Some("job_cancelled"),
        (_, JobState::Queued | JobState::Running) => None,
    }
}
