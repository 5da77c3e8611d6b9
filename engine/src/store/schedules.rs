//! Schedules in SQL: how far each clock was followed, what fired, and whom a fire still has to serve.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::json;
use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;
use ulid::Ulid;

use super::row::{Columns, micros};
use super::{NewJob, Store, StoreError, Tx};
use crate::definition::{
    Definition, Overlap, ScheduleDefinition, ScheduledJob, StepDefinition, StepJobName, TENANT_ZONE,
};
use crate::job::JobKind;
use crate::log::NewEntry;
use crate::precision::to_micros;
use crate::schedule::{Calendar, delay, due};

/// Fire times dealt with in one transaction; after a longer absence the next transaction goes on behind them.
const FIRES: usize = 10_000;

/// A schedule of the newest version of a workflow, and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// `workflow/id`.
    pub id: String,
    /// The workflow's name.
    pub workflow: String,
    /// The workflow's version.
    pub version: u32,
    /// What the workflow says.
    pub definition: ScheduleDefinition,
    /// Why it fires by itself no longer, if it was paused.
    pub paused: Option<Pause>,
}

/// Who paused a schedule and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// Why.
    pub reason: String,
    /// Who.
    pub actor: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// One fire of a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fire {
    /// `fire_` and a ULID.
    pub id: String,
    /// The schedule.
    pub schedule_id: String,
    /// The zone whose clock showed the time; absent for a fire for tenants of every zone.
    pub zone: Option<String>,
    /// The time that it fired for.
    pub fire_at: DateTime<Utc>,
    /// `on_time`, `caught_up` or `by_hand`.
    pub cause: String,
    /// Tenants served so far.
    pub tenants: i64,
    /// Who made it fire.
    pub actor: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// When the last tenant had its job.
    pub fanned_out_at: Option<DateTime<Utc>>,
}

fn fire(row: &AnyRow) -> Result<Fire, StoreError> {
    Ok(Fire {
        id: row.text("id")?,
        schedule_id: row.text("schedule_id")?,
        zone: Some(row.text("zone")?).filter(|zone| !zone.is_empty()),
        fire_at: row.time("fire_at")?,
        cause: row.text("cause")?,
        tenants: row.int("tenants")?,
        actor: row.text("actor")?,
        created_at: row.time("created_at")?,
        fanned_out_at: row.maybe_time("fanned_out_at")?,
    })
}

fn pause(row: &AnyRow) -> Result<Pause, StoreError> {
    Ok(Pause { reason: row.text("reason")?, actor: row.text("actor")?, at: row.time("paused_at")? })
}

impl Schedule {
    /// Its calendar. A stored definition was sound when it was loaded.
    pub fn calendar(&self) -> Result<Calendar, StoreError> {
        self.definition.cron.parse().map_err(|error| StoreError::corrupt("schedules.cron", &format!("{error}")))
    }

    /// The next fire times after an instant and the zones whose clocks then show them, the earliest first. `zones` are
    /// those of the tenants.
    pub fn upcoming(
        &self,
        after: DateTime<Utc>,
        zones: &[String],
        count: usize,
    ) -> Result<Vec<(DateTime<Utc>, Tz)>, StoreError> {
        let calendar = self.calendar()?;
        let mut upcoming = Vec::new();
        for zone in self.clocks(zones) {
            let zone = known_zone(&zone)?;
            upcoming.extend(calendar.upcoming(after, zone, count).into_iter().map(|at| (at, zone)));
        }
        upcoming.sort_by_key(|(at, zone)| (*at, zone.name()));
        upcoming.truncate(count);
        Ok(upcoming)
    }

    /// The zones whose clocks it follows, of those of the tenants.
    fn clocks(&self, zones: &[String]) -> Vec<String> {
        if self.definition.zone == TENANT_ZONE { zones.to_vec() } else { vec![self.definition.zone.clone()] }
    }

    /// The zone whose tenants a fire of this clock is for; empty for every zone.
    fn served_zone<'a>(&self, clock: &'a str) -> &'a str {
        if self.definition.zone == TENANT_ZONE { clock } else { "" }
    }
}

fn known_zone(name: &str) -> Result<Tz, StoreError> {
    name.parse().map_err(|_| StoreError::corrupt("time_zone", &format!("there is no zone `{name}`")))
}

impl Store {
    /// The schedules of every workflow's newest version, by id.
    pub async fn schedules(&self) -> Result<Vec<Schedule>, StoreError> {
        let newest = sqlx::query("select name, max(version) as version from workflows group by name order by name")
            .fetch_all(&self.pool)
            .await?;
        let rows = sqlx::query("select * from schedule_pauses").fetch_all(&self.pool).await?;
        let mut paused = BTreeMap::new();
        for row in &rows {
            paused.insert(row.text("schedule_id")?, pause(row)?);
        }
        let mut schedules = Vec::new();
        for row in &newest {
            let (workflow, version) = (row.text("name")?, row.count("version")?);
            for definition in &self.definition(&workflow, version).await?.schedules {
                let id = format!("{workflow}/{}", definition.id);
                schedules.push(Schedule {
                    paused: paused.get(&id).cloned(),
                    id,
                    workflow: workflow.clone(),
                    version,
                    definition: definition.clone(),
                });
            }
        }
        Ok(schedules)
    }

    /// One schedule.
    pub async fn schedule(&self, id: &str) -> Result<Schedule, StoreError> {
        let all = self.schedules().await?;
        all.into_iter().find(|one| one.id == id).ok_or_else(|| StoreError::not_found("schedule", id))
    }

    /// The time zones of the tenants, each once.
    pub async fn tenant_zones(&self) -> Result<Vec<String>, StoreError> {
        let rows =
            sqlx::query("select distinct time_zone from tenants order by time_zone").fetch_all(&self.pool).await?;
        rows.iter().map(|row| row.text("time_zone")).collect()
    }

    /// The latest fires of a schedule, newest first.
    pub async fn fires(&self, schedule_id: &str, limit: i64) -> Result<Vec<Fire>, StoreError> {
        let rows = sqlx::query(
            "select * from schedule_fires where schedule_id = $1 order by created_at desc, id desc limit $2",
        )
        .bind(schedule_id)
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(fire).collect()
    }

    /// Fires that still have tenants to serve, the oldest first.
    pub async fn fires_at_work(&self, limit: i64) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query(
            "select id from schedule_fires where fanned_out_at is null order by created_at, fire_at, id limit $1",
        )
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| row.text("id")).collect()
    }

    /// The clocks of a schedule whose next time has come at `now`, or that are not followed yet.
    pub async fn clocks_due(
        &self,
        schedule: &Schedule,
        zones: &[String],
        now: DateTime<Utc>,
    ) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query("select zone, followed_until from schedule_clocks where schedule_id = $1 and cron = $2")
            .bind(schedule.id.as_str())
            .bind(schedule.definition.cron.as_str())
            .fetch_all(&self.pool)
            .await?;
        let mut followed = BTreeMap::new();
        for row in &rows {
            followed.insert(row.text("zone")?, row.time("followed_until")?);
        }
        let calendar = schedule.calendar()?;
        let mut due = Vec::new();
        for zone in schedule.clocks(zones) {
            let tz = known_zone(&zone)?;
            let has_come =
                |until: &DateTime<Utc>| calendar.next_after(*until, tz).is_some_and(|fire| to_micros(fire) <= now);
            if followed.get(&zone).is_none_or(has_come) {
                due.push(zone);
            }
        }
        Ok(due)
    }
}

impl Tx {
    /// Lets a schedule fire for the times that one clock has shown since it was last looked at. A clock that was never
    /// looked at, or for other times than the schedule has now, begins now: what a schedule did not have, it did not
    /// miss. Answers how many times it fired.
    ///
    /// The clock's row is held, so that one process at a time follows it, and every fire time is one row.
    pub async fn follow_clock(&mut self, schedule: &Schedule, zone: &str) -> Result<usize, StoreError> {
        let (calendar, tz, now) = (schedule.calendar()?, known_zone(zone)?, self.now());
        let begin = "insert into schedule_clocks (schedule_id, zone, cron, followed_until) values ($1, $2, $3, $4)
                     on conflict (schedule_id, zone) do update set cron = excluded.cron,
                         followed_until = excluded.followed_until
                     where schedule_clocks.cron <> excluded.cron";
        let begin = sqlx::query(begin).bind(schedule.id.as_str()).bind(zone).bind(schedule.definition.cron.as_str());
        self.execute(begin.bind(micros(now))).await?;
        let held = format!(
            "select followed_until from schedule_clocks where schedule_id = $1 and zone = $2{}",
            self.for_update()
        );
        let held = self.maybe_row(sqlx::query(AssertSqlSafe(held)).bind(schedule.id.as_str()).bind(zone)).await?;
        let followed_until =
            held.ok_or_else(|| StoreError::not_found("clock", &schedule.id))?.time("followed_until")?;
        let come = calendar.between(followed_until, now, tz, FIRES);
        let Some(last) = come.last() else { return Ok(0) };
        let until = if come.len() == FIRES { *last } else { now };
        self.execute(
            sqlx::query("update schedule_clocks set followed_until = $1 where schedule_id = $2 and zone = $3")
                .bind(micros(until))
                .bind(schedule.id.as_str())
                .bind(zone),
        )
        .await?;
        if self.pause_of(&schedule.id).await?.is_some() {
            return Ok(0);
        }
        let due = due(&come, now, &schedule.definition.catch_up);
        let served = schedule.served_zone(zone);
        let overlaps = schedule.definition.overlap == Overlap::Skip
            && !due.run.is_empty()
            && self.is_at_work(&schedule.id, served).await?;
        if due.caught_up + due.given_up > 0 {
            let caught_up = if overlaps { 0 } else { due.caught_up };
            let missed = json!({
                "schedule": schedule.id, "zone": zone, "missed": due.caught_up + due.given_up,
                "caught_up": caught_up, "given_up": due.given_up,
            });
            self.record(of_schedule("schedule_missed", missed));
        }
        if overlaps {
            let passed = json!({ "schedule": schedule.id, "zone": zone, "passed_over": due.run.len() });
            self.record(of_schedule("schedule_overlapped", passed));
            return Ok(0);
        }
        for (nth, at) in due.run.iter().enumerate() {
            let cause = if nth < due.caught_up { "caught_up" } else { "on_time" };
            self.fire(schedule, served, *at, cause, None).await?;
        }
        Ok(due.run.len())
    }

    /// Writes a fire, unless its time has fired before.
    async fn fire(
        &mut self,
        schedule: &Schedule,
        zone: &str,
        at: DateTime<Utc>,
        cause: &str,
        reason: Option<&str>,
    ) -> Result<String, StoreError> {
        let id = format!("fire_{}", Ulid::from_datetime(self.now().into()));
        let (now, actor) = (micros(self.now()), self.actor().id.clone());
        let written = self
            .execute(
                sqlx::query(
                    "insert into schedule_fires (id, schedule_id, zone, fire_at, version, cause, cursor, tenants, actor,
                                                 created_at)
                     values ($1, $2, $3, $4, $5, $6, '', 0, $7, $8)
                     on conflict (schedule_id, zone, fire_at) do nothing",
                )
                .bind(&id)
                .bind(schedule.id.as_str())
                .bind(zone)
                .bind(micros(at))
                .bind(i64::from(schedule.version))
                .bind(cause)
                .bind(actor)
                .bind(now),
            )
            .await?;
        if written == 1 {
            let fired = json!({
                "schedule": schedule.id, "fire": id, "zone": zone, "fire_at": at, "cause": cause, "reason": reason,
            });
            self.record(of_schedule("schedule_fired", fired));
        }
        Ok(id)
    }

    /// Who paused a schedule, if it is paused.
    pub async fn pause_of(&mut self, id: &str) -> Result<Option<Pause>, StoreError> {
        let row = self.maybe_row(sqlx::query("select * from schedule_pauses where schedule_id = $1").bind(id)).await?;
        row.as_ref().map(pause).transpose()
    }

    /// Whether an earlier fire for the same tenants still has some to serve, or waits for their checks.
    async fn is_at_work(&mut self, schedule_id: &str, zone: &str) -> Result<bool, StoreError> {
        let at_work = "select f.id from schedule_fires f
                       where f.fanned_out_at is null and f.schedule_id = $1 and f.zone = $2
                       union all
                       select f.id from health_checks h join schedule_fires f on f.id = h.fire_id
                       where h.finished_at is null and h.fire_id is not null and f.schedule_id = $1 and f.zone = $2
                       limit 1";
        Ok(self.maybe_row(sqlx::query(at_work).bind(schedule_id).bind(zone)).await?.is_some())
    }

    /// Gives the next tenants of a fire their jobs, at most `batch`, and moves the fire's cursor behind them. Answers
    /// whether there may be more. A fire that another process serves, or that has none left, is left alone.
    ///
    /// A tenant whose health check still waits or runs gets no second one.
    pub async fn fan_out(&mut self, fire_id: &str, batch: i64) -> Result<bool, StoreError> {
        let held =
            format!("select * from schedule_fires where id = $1 and fanned_out_at is null{}", self.skip_locked());
        let Some(row) = self.maybe_row(sqlx::query(AssertSqlSafe(held)).bind(fire_id)).await? else {
            return Ok(false);
        };
        let (found, cursor, version) = (fire(&row)?, row.text("cursor")?, row.count("version")?);
        let (workflow, id) = found.schedule_id.split_once('/').unwrap_or_default();
        let definition = self.stored_definition(workflow, version).await?;
        let schedule = definition.schedules.iter().find(|one| one.id == id);
        let schedule = schedule.ok_or_else(|| StoreError::not_found("schedule", &found.schedule_id))?;
        let ScheduledJob::HealthCheck = schedule.job;
        let due = "select t.id from tenants t join checklists c on c.tenant_id = t.id
                   where t.id > $1 and ($2 = '' or t.time_zone = $2) and c.workflow = $3
                     and c.ordinal = (select max(ordinal) from checklists where tenant_id = t.id)
                     and (t.live_at is not null
                          or exists (select 1 from health_checks h
                                     where h.tenant_id = t.id and h.created_at >= c.opened_at))
                     and not exists (select 1 from health_checks h where h.tenant_id = t.id and h.finished_at is null)
                   order by t.id limit $4";
        let due =
            sqlx::query(due).bind(&cursor).bind(found.zone.as_deref().unwrap_or_default()).bind(workflow).bind(batch);
        let tenants = self.rows(due).await?.iter().map(|row| row.text("id")).collect::<Result<Vec<_>, _>>()?;
        let retry = health_step(&definition).and_then(|step| step.retry.clone()).unwrap_or_default();
        // Who runs it by hand wants to see it now.
        let spread = if found.cause == "by_hand" { Duration::ZERO } else { schedule.jitter };
        for tenant in &tenants {
            let mut job = NewJob::new(JobKind::HealthCheck, tenant, retry.clone());
            job.run_at = Some(self.now() + delay(&found.schedule_id, found.fire_at, tenant, spread));
            job.background = found.cause != "by_hand";
            self.request_scheduled_check(job, fire_id).await?;
        }
        let served = i64::try_from(tenants.len()).unwrap_or(batch);
        let more = served == batch;
        let now = micros(self.now());
        self.execute(
            sqlx::query(
                "update schedule_fires set cursor = $1, tenants = tenants + $2, fanned_out_at = $3 where id = $4",
            )
            .bind(tenants.last().unwrap_or(&cursor))
            .bind(served)
            .bind((!more).then_some(now))
            .bind(fire_id),
        )
        .await?;
        if !more {
            let all = json!({ "schedule": found.schedule_id, "fire": fire_id, "tenants": found.tenants + served });
            self.record(of_schedule("schedule_fanned_out", all));
        }
        Ok(more)
    }

    /// Lets a schedule no longer fire by itself. Pausing a paused one changes nothing.
    pub async fn pause_schedule(&mut self, id: &str, reason: &str) -> Result<(), StoreError> {
        let (now, actor) = (micros(self.now()), self.actor().id.clone());
        let written = self
            .execute(
                sqlx::query(
                    "insert into schedule_pauses (schedule_id, reason, actor, paused_at) values ($1, $2, $3, $4)
                     on conflict (schedule_id) do nothing",
                )
                .bind(id)
                .bind(reason)
                .bind(actor)
                .bind(now),
            )
            .await?;
        if written == 1 {
            self.record(of_schedule("schedule_paused", json!({ "schedule": id, "reason": reason })));
        }
        Ok(())
    }

    /// Lets a paused schedule fire again, from now on: what fell into the pause was not missed. Resuming one that is
    /// not paused changes nothing.
    pub async fn resume_schedule(&mut self, id: &str, reason: Option<&str>) -> Result<(), StoreError> {
        let now = micros(self.now());
        let forward = "update schedule_clocks set followed_until = $1 where schedule_id = $2 and followed_until < $1
                       and exists (select 1 from schedule_pauses p where p.schedule_id = $2)";
        self.execute(sqlx::query(forward).bind(now).bind(id)).await?;
        let removed = self.execute(sqlx::query("delete from schedule_pauses where schedule_id = $1").bind(id)).await?;
        if removed == 1 {
            self.record(of_schedule("schedule_resumed", json!({ "schedule": id, "reason": reason })));
        }
        Ok(())
    }

    /// Lets a schedule fire now, for tenants of every zone, paused or not. Answers the fire.
    pub async fn run_schedule(&mut self, schedule: &Schedule, reason: Option<&str>) -> Result<Fire, StoreError> {
        let now = self.now();
        let id = self.fire(schedule, "", now, "by_hand", reason).await?;
        let row = self.maybe_row(sqlx::query("select * from schedule_fires where id = $1").bind(&id)).await?;
        fire(&row.ok_or_else(|| StoreError::not_found("fire", &id))?)
    }
}

/// The step that a workflow's health check completes.
fn health_step(definition: &Definition) -> Option<&StepDefinition> {
    definition.steps.iter().find(|step| step.job.as_ref().is_some_and(|job| job.name == StepJobName::HealthCheck))
}

fn of_schedule(kind: &str, payload: serde_json::Value) -> NewEntry {
    NewEntry { kind: kind.to_owned(), tenant_id: None, checklist_id: None, payload }
}
