//! Health checks in SQL: the request, the probes' results, the latest aggregate.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe};
use ulid::Ulid;

use super::incidents::Circumstances;
use super::row::{Columns, micros};
use super::{NewJob, Store, StoreError, Tx};
use crate::checklist::{Command, Event};
use crate::facts::{HealthFact, ProbeFact};
use crate::job::{Job, JobCommand, JobState};
use crate::log::NewEntry;

/// One run of a tenant's probes.
#[derive(Debug, Clone, PartialEq)]
pub struct HealthCheck {
    /// `hc_` and a ULID.
    pub id: String,
    /// Whose health.
    pub tenant_id: String,
    /// The job that runs it.
    pub job_id: String,
    /// `pass`, `warn` or `fail`; absent while it runs for the first time, and where it was cancelled then. A check whose job
    /// died and is tried again keeps its `fail` until it comes to something else.
    pub aggregate: Option<String>,
    /// When it began.
    pub checked_at: Option<DateTime<Utc>>,
    /// When the last probe ended, or the check was given up.
    pub finished_at: Option<DateTime<Utc>>,
    /// Who asked for it.
    pub actor: String,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// In the order of the workflow's probes.
    pub probes: Vec<ProbeRow>,
}

/// One probe's stored result.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbeRow {
    /// Name of the probe.
    pub probe: String,
    /// `pass`, `warn`, `fail` or `error`.
    pub status: String,
    /// What came.
    pub message: String,
    /// What to do.
    pub hint: String,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// How long it took, in milliseconds.
    pub duration_ms: i64,
    /// Tries before the verdict.
    pub attempts: i64,
    /// What was tried, step by step.
    pub trace: Value,
    /// What was measured on the way, a list; absent where there was nothing.
    pub measures: Option<Value>,
    /// The attempts before the last, a list; absent where there was one only.
    pub earlier: Option<Value>,
}

/// What a run of the probes found, to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct HealthOutcome {
    /// `pass`, `warn` or `fail`.
    pub aggregate: String,
    /// When the run began.
    pub checked_at: DateTime<Utc>,
    /// The tenant's generation that the run saw.
    pub generation: i64,
    /// One result per probe.
    pub probes: Vec<ProbeRow>,
}

/// One run of one probe, in the history of a tenant's platform.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbeRun {
    /// The check that it was part of.
    pub check_id: String,
    /// When that check began.
    pub checked_at: DateTime<Utc>,
    /// What the probe came to.
    pub result: ProbeRow,
}

/// How one probe's status has gone on one tenant's platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeTrend {
    /// The latest status.
    pub status: String,
    /// Since when it has been that, without another in between.
    pub since: DateTime<Utc>,
    /// The latest statuses, oldest first.
    pub statuses: Vec<String>,
}

fn check(row: &AnyRow) -> Result<HealthCheck, StoreError> {
    Ok(HealthCheck {
        id: row.text("id")?,
        tenant_id: row.text("tenant_id")?,
        job_id: row.text("job_id")?,
        aggregate: row.maybe_text("aggregate")?,
        checked_at: row.maybe_time("checked_at")?,
        finished_at: row.maybe_time("finished_at")?,
        actor: row.text("actor")?,
        created_at: row.time("created_at")?,
        probes: Vec::new(),
    })
}

fn probe(row: &AnyRow) -> Result<ProbeRow, StoreError> {
    Ok(ProbeRow {
        probe: row.text("probe")?,
        status: row.text("status")?,
        message: row.text("message")?,
        hint: row.text("hint")?,
        started_at: row.time("started_at")?,
        duration_ms: row.int("duration_ms")?,
        attempts: row.int("attempts")?,
        trace: row.json("trace")?,
        measures: row.maybe_json("measures")?,
        earlier: row.maybe_json("earlier")?,
    })
}

const PROBES: &str = "select * from probe_results where check_id = $1 order by position";
/// Which of a tenant's checks speaks for its health: the one whose evidence is the newest, not the one that was asked
/// for or ended last. What follows `where tenant_id = …`.
pub(super) const LATEST: &str = "and aggregate is not null order by checked_at desc, id desc limit 1";

/// The check that speaks for a tenant's health, with its probes and the generation of the tenant that it saw.
async fn latest(connection: &mut AnyConnection, tenant_id: &str) -> Result<Option<(HealthCheck, i64)>, StoreError> {
    let statement = format!("select * from health_checks where tenant_id = $1 {LATEST}");
    let row = sqlx::query(AssertSqlSafe(statement)).bind(tenant_id).fetch_optional(&mut *connection).await?;
    let Some(row) = row else { return Ok(None) };
    let (mut found, generation) = (check(&row)?, row.maybe_int("generation")?.unwrap_or(0));
    let rows = sqlx::query(PROBES).bind(&found.id).fetch_all(&mut *connection).await?;
    found.probes = rows.iter().map(probe).collect::<Result<_, _>>()?;
    Ok(Some((found, generation)))
}

impl Store {
    /// A health check with its probes.
    pub async fn health_check(&self, tenant_id: &str, id: &str) -> Result<HealthCheck, StoreError> {
        let row = sqlx::query("select * from health_checks where id = $1 and tenant_id = $2")
            .bind(id)
            .bind(tenant_id)
            .fetch_optional(&self.pool)
            .await?;
        let mut found = check(&row.ok_or_else(|| StoreError::not_found("health check", id))?)?;
        let rows = sqlx::query(PROBES).bind(id).fetch_all(&self.pool).await?;
        found.probes = rows.iter().map(probe).collect::<Result<_, _>>()?;
        Ok(found)
    }

    /// The finished check that speaks for a tenant's health, with its probes; the one that gates look at.
    pub async fn latest_health_check(&self, tenant_id: &str) -> Result<Option<HealthCheck>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        Ok(latest(&mut connection, tenant_id).await?.map(|(found, _)| found))
    }

    /// What one probe came to on a tenant's platform, newest evidence first; `before` is the beginning and the id of the
    /// last check of the page before.
    pub async fn probe_history(
        &self,
        tenant_id: &str,
        name: &str,
        before: Option<(DateTime<Utc>, String)>,
        limit: i64,
    ) -> Result<Vec<ProbeRun>, StoreError> {
        let (before_at, before_id) = before.map_or((i64::MAX, String::new()), |(at, id)| (micros(at), id));
        let rows = sqlx::query(
            "select r.*, c.checked_at from probe_results r join health_checks c on c.id = r.check_id
             where c.tenant_id = $1 and r.probe = $2 and (c.checked_at < $3 or (c.checked_at = $3 and c.id < $4))
             order by c.checked_at desc, c.id desc limit $5",
        )
        .bind(tenant_id)
        .bind(name)
        .bind(before_at)
        .bind(before_id)
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        let run = |row: &AnyRow| {
            Ok(ProbeRun { check_id: row.text("check_id")?, checked_at: row.time("checked_at")?, result: probe(row)? })
        };
        rows.iter().map(run).collect()
    }

    /// How one probe's status has gone on a tenant's platform, by at most `limit` of its latest results.
    ///
    /// # Errors
    /// The probe was never run there.
    pub async fn probe_trend(&self, tenant_id: &str, name: &str, limit: i64) -> Result<ProbeTrend, StoreError> {
        let rows = sqlx::query(
            "select r.status, r.started_at from probe_results r join health_checks c on c.id = r.check_id
             where c.tenant_id = $1 and r.probe = $2 and c.checked_at is not null
             order by c.checked_at desc, c.id desc limit $3",
        )
        .bind(tenant_id)
        .bind(name)
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        let Some(latest) = rows.first() else { return Err(StoreError::not_found("result of the probe", name)) };
        let (status, started_at) = (latest.text("status")?, latest.time("started_at")?);
        let row = sqlx::query(
            "select min(r.started_at) as since from probe_results r join health_checks c on c.id = r.check_id
             where c.tenant_id = $1 and r.probe = $2 and r.status = $3 and c.checked_at > coalesce(
                 (select max(o.checked_at) from probe_results p join health_checks o on o.id = p.check_id
                  where o.tenant_id = $1 and p.probe = $2 and p.status <> $3), -1)",
        )
        .bind(tenant_id)
        .bind(name)
        .bind(&status)
        .fetch_one(&self.pool)
        .await?;
        // Two checks may have begun in the same microsecond and differ.
        let since = row.maybe_time("since")?.unwrap_or(started_at);
        let statuses = rows.iter().rev().map(|row| row.text("status")).collect::<Result<_, _>>()?;
        Ok(ProbeTrend { status, since, statuses })
    }

    /// Since when a tenant's health has come to the aggregate `status`, without another in between; none where it has
    /// not.
    pub async fn health_since(&self, tenant_id: &str, status: &str) -> Result<Option<DateTime<Utc>>, StoreError> {
        let row = sqlx::query(
            "select min(checked_at) as since from health_checks
             where tenant_id = $1 and aggregate = $2 and checked_at > coalesce(
                 (select max(checked_at) from health_checks where tenant_id = $1 and aggregate <> $2), -1)",
        )
        .bind(tenant_id)
        .bind(status)
        .fetch_one(&self.pool)
        .await?;
        row.maybe_time("since")
    }

    /// A tenant's health checks, newest first, without their probes.
    pub async fn health_checks(&self, tenant_id: &str, limit: i64) -> Result<Vec<HealthCheck>, StoreError> {
        let rows =
            sqlx::query("select * from health_checks where tenant_id = $1 order by created_at desc, id desc limit $2")
                .bind(tenant_id)
                .bind(limit)
                .fetch_all(&self.pool)
                .await?;
        rows.iter().map(check).collect()
    }
}

impl Tx {
    /// Writes a health check and the job that runs it. Answers the check's and the job's id.
    pub async fn request_health_check(&mut self, job: NewJob) -> Result<(String, String), StoreError> {
        let (id, job_id) = (self.check_id(), self.job_id());
        self.write_check(&id, job, &job_id, None).await?;
        Ok((id, job_id))
    }

    /// Writes the health check that a fire of a schedule wants of a tenant, unless another fire's still waits or runs.
    pub(super) async fn request_scheduled_check(&mut self, job: NewJob, fire_id: &str) -> Result<(), StoreError> {
        let (id, job_id) = (self.check_id(), self.job_id());
        self.write_check(&id, job, &job_id, Some(fire_id)).await
    }

    fn check_id(&self) -> String {
        format!("hc_{}", Ulid::from_datetime(self.now().into()))
    }

    async fn write_check(
        &mut self,
        id: &str,
        mut job: NewJob,
        job_id: &str,
        fire_id: Option<&str>,
    ) -> Result<(), StoreError> {
        let (now, actor) = (micros(self.now()), self.actor().id.clone());
        let written = self
            .execute(
                sqlx::query(
                    "insert into health_checks (id, tenant_id, job_id, fire_id, actor, created_at)
                     values ($1, $2, $3, $4, $5, $6)
                     on conflict (tenant_id) where fire_id is not null and finished_at is null do nothing",
                )
                .bind(id)
                .bind(&job.tenant_id)
                .bind(job_id)
                .bind(fire_id)
                .bind(actor)
                .bind(now),
            )
            .await?;
        if written == 0 {
            return Ok(());
        }
        job.subject_id = Some(id.to_owned());
        self.create_job_as(job_id, &job).await
    }

    /// Stores what the probes found, ends the job, and lets the checklist make of it what follows.
    pub async fn finish_health_check(
        &mut self,
        job: &Job,
        check_id: &str,
        outcome: &HealthOutcome,
    ) -> Result<(), StoreError> {
        let HealthOutcome { aggregate, checked_at, generation, probes } = outcome;
        self.command_job(&job.id, &JobCommand::Succeed { attempt: job.attempt }).await?;
        let now = micros(self.now());
        self.execute(
            sqlx::query(
                "update health_checks set aggregate = $1, checked_at = $2, generation = $3, finished_at = $4 where id = $5",
            )
            .bind(aggregate)
            .bind(micros(*checked_at))
            .bind(generation)
            .bind(now)
            .bind(check_id),
        )
        .await?;
        for (position, probe) in (0i64..).zip(probes) {
            self.execute(
                sqlx::query(
                    "insert into probe_results (check_id, position, probe, status, message, hint, started_at,
                                                duration_ms, attempts, trace, measures, earlier)
                     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
                )
                .bind(check_id)
                .bind(position)
                .bind(&probe.probe)
                .bind(&probe.status)
                .bind(&probe.message)
                .bind(&probe.hint)
                .bind(micros(probe.started_at))
                .bind(probe.duration_ms)
                .bind(probe.attempts)
                .bind(probe.trace.to_string())
                .bind(probe.measures.as_ref().map(Value::to_string))
                .bind(probe.earlier.as_ref().map(Value::to_string)),
            )
            .await?;
        }
        let verdicts: serde_json::Map<String, Value> =
            probes.iter().map(|probe| (probe.probe.clone(), json!(probe.status))).collect();
        self.record(NewEntry::of_tenant(
            "health_checked",
            &job.tenant_id,
            json!({ "check": check_id, "aggregate": aggregate, "probes": verdicts }),
        ));
        self.follow_health(&job.tenant_id, check_id, *checked_at, None).await
    }

    /// Lets checklist and incident make of a new result what follows. What was seen in a maintenance window, in part or
    /// whole, may complete a step or end an incident, and closes no gate and opens no incident. `error` says why a check
    /// came to no result.
    async fn follow_health(
        &mut self,
        tenant_id: &str,
        check_id: &str,
        checked_at: DateTime<Utc>,
        error: Option<&str>,
    ) -> Result<(), StoreError> {
        let expected = self.in_maintenance_since(tenant_id, checked_at).await?;
        let command = if expected { Command::TimeElapsed } else { Command::EvidenceChanged };
        let events = self.decide_if_onboarding(tenant_id, &command).await?;
        let closed = events.into_iter().filter_map(|event| match event {
            Event::GateClosed { step, .. } => Some(step),
            _ => None,
        });
        let closed_gates = closed.collect();
        // After the checklist, as the order of locks has it: of two checks that end at once, the second sees the first.
        let Some(tenant) = self.lock_tenant(tenant_id).await? else { return Ok(()) };
        let Some((newest, _)) = latest(&mut self.inner, tenant_id).await? else { return Ok(()) };
        let circumstances = Circumstances { newest: newest.id == check_id, expected, closed_gates, error };
        self.follow_incident(&tenant, &newest, &circumstances).await
    }

    /// Keeps a health check in step with its job where the job ended otherwise than well, or was revived. A check
    /// whose job died has proven nothing: it counts as failed, and gates must see it. One that was cancelled says
    /// nothing besides.
    pub(super) async fn follow_health_job(&mut self, before: &Job, after: &Job) -> Result<(), StoreError> {
        let Some(check_id) = after.subject_id.as_deref() else { return Ok(()) };
        let now = micros(self.now());
        // A check that was begun since and came to something knows better.
        let began = after.started_at.unwrap_or_else(|| self.now());
        let aggregate = match (before.state, after.state) {
            (_, JobState::Failed) => "fail",
            (_, JobState::Cancelled) => {
                let give_up = "update health_checks set finished_at = $1 where id = $2";
                self.execute(sqlx::query(give_up).bind(now).bind(check_id)).await?;
                return Ok(());
            }
            (JobState::Failed | JobState::Cancelled, JobState::Retrying) => {
                // What it came to stands until it comes to something else: a failure cannot be retried away. It is no
                // longer the schedule's, which may have asked for another one meanwhile.
                let revive = "update health_checks set finished_at = null, fire_id = null where id = $1";
                self.execute(sqlx::query(revive).bind(check_id)).await?;
                return Ok(());
            }
            _ => return Ok(()),
        };
        self.execute(
            sqlx::query("update health_checks set aggregate = $1, checked_at = $2, finished_at = $3 where id = $4")
                .bind(aggregate)
                .bind(micros(began))
                .bind(now)
                .bind(check_id),
        )
        .await?;
        self.record(NewEntry::of_tenant(
            "health_checked",
            &after.tenant_id,
            json!({ "check": check_id, "aggregate": aggregate, "error": after.last_error }),
        ));
        self.follow_health(&after.tenant_id, check_id, began, after.last_error.as_deref()).await
    }

    /// The latest finished health check, as gates see it: by when its evidence was taken, not when it ended.
    pub(super) async fn latest_health(&mut self, tenant_id: &str) -> Result<Option<HealthFact>, StoreError> {
        let Some((found, generation)) = latest(&mut self.inner, tenant_id).await? else { return Ok(None) };
        let probes = found
            .probes
            .into_iter()
            .map(|probe| ProbeFact { probe: probe.probe, status: probe.status, message: probe.message })
            .collect();
        Ok(found.aggregate.zip(found.checked_at).map(|(status, checked_at)| HealthFact {
            check_id: found.id,
            status,
            checked_at,
            generation,
            probes,
        }))
    }
}
