//! Checklists in SQL: loading, deciding under the row's lock, storing what was decided.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;
use ulid::Ulid;

use super::row::{Columns, micros};
use super::tenants::Tenant;
use super::{NewJob, Store, StoreError, Tx, waivers};
use crate::checklist::{self, Checklist, Command, Event, Step, StepStatus};
use crate::definition::{self, Change, Definition, Retry};
use crate::facts::{Facts, ImportFacts, TenantFact};
use crate::job::JobKind;
use crate::log::NewEntry;

/// What an onboarding is opened with.
#[derive(Debug, Clone)]
pub struct Opening<'a> {
    /// The tenant, which exists.
    pub tenant_id: &'a str,
    /// The definition, whose version is stored.
    pub definition: &'a Definition,
    /// The intended go-live, where it is not the definition's.
    pub target_go_live: Option<DateTime<Utc>>,
}

fn head(row: &AnyRow) -> Result<Checklist, StoreError> {
    Ok(Checklist {
        id: row.text("id")?,
        tenant_id: row.text("tenant_id")?,
        ordinal: row.int("ordinal")?,
        workflow: row.text("workflow")?,
        version: row.count("version")?,
        opened_at: row.time("opened_at")?,
        target_go_live: row.time("target_go_live")?,
        completed_at: row.maybe_time("completed_at")?,
        first_completed_at: row.maybe_time("first_completed_at")?,
        revision: row.int("revision")?,
        steps: Vec::new(),
        waivers: Vec::new(),
    })
}

pub(super) fn step(row: &AnyRow) -> Result<Step, StoreError> {
    Ok(Step {
        id: row.text("id")?,
        status: row.parsed("status")?,
        assignee: row.maybe_text("assignee")?,
        blocking_reason: row.maybe_text("blocking_reason")?,
        due_at: row.maybe_time("due_at")?,
        started_at: row.maybe_time("started_at")?,
        completed_at: row.maybe_time("completed_at")?,
        reopened_at: row.maybe_time("reopened_at")?,
        requested_at: row.maybe_time("requested_at")?,
        attempts: row.count("attempts")?,
        revision: row.int("revision")?,
    })
}

const STEPS: &str = "select * from steps where checklist_id = $1 order by position";
/// A tenant's open checklist, else its latest: of several, only the latest can be open.
const CURRENT: &str = "select * from checklists where tenant_id = $1 order by ordinal desc limit 1";

impl Store {
    /// The workflow, by name and version, that the tenant's open or else latest checklist follows.
    pub async fn workflow_of(&self, tenant_id: &str) -> Result<Option<(String, u32)>, StoreError> {
        let row = sqlx::query(CURRENT).bind(tenant_id).fetch_optional(&self.pool).await?;
        row.map(|row| Ok((row.text("workflow")?, row.count("version")?))).transpose()
    }

    /// The tenant's open checklist, or its latest where none is open.
    pub async fn checklist_of(&self, tenant_id: &str) -> Result<Checklist, StoreError> {
        // Head and steps of one moment: a writer may be at work between the two statements.
        let mut tx = self.pool.begin().await?;
        if self.dialect() == super::Dialect::Postgres {
            sqlx::query("set transaction isolation level repeatable read").execute(&mut *tx).await?;
        }
        let row = sqlx::query(CURRENT).bind(tenant_id).fetch_optional(&mut *tx).await?;
        let mut checklist = head(&row.ok_or_else(|| StoreError::not_found("onboarding of tenant", tenant_id))?)?;
        let rows = sqlx::query(STEPS).bind(&checklist.id).fetch_all(&mut *tx).await?;
        checklist.steps = rows.iter().map(step).collect::<Result<_, _>>()?;
        checklist.waivers = waivers::of_checklist(&mut tx, &checklist.id).await?;
        Ok(checklist)
    }

    /// Folds the events of every checklist and compares the result with what is stored. Answers the first difference.
    pub async fn verify_replay(&self) -> Result<Option<String>, StoreError> {
        let mut after = String::new();
        loop {
            let row = sqlx::query("select * from checklists where id > $1 order by id limit 1")
                .bind(&after)
                .fetch_optional(&self.pool)
                .await?;
            let Some(row) = row else { return self.checklist_without_state().await };
            after = row.text("id")?;
            // State and events of one moment: a writer may be at work.
            let mut tx = self.pool.begin().await?;
            if self.dialect() == super::Dialect::Postgres {
                sqlx::query("set transaction isolation level repeatable read").execute(&mut *tx).await?;
            }
            let row = sqlx::query("select * from checklists where id = $1").bind(&after).fetch_one(&mut *tx).await?;
            let mut stored = head(&row)?;
            let rows = sqlx::query(STEPS).bind(&after).fetch_all(&mut *tx).await?;
            stored.steps = rows.iter().map(step).collect::<Result<_, _>>()?;
            stored.waivers = waivers::of_checklist(&mut tx, &after).await?;
            let rows = sqlx::query("select at, kind, payload from events where checklist_id = $1 order by seq")
                .bind(&after)
                .fetch_all(&mut *tx)
                .await?;
            let mut replayed: Option<Checklist> = None;
            for row in &rows {
                let (at, kind) = (row.time("at")?, row.text("kind")?);
                let Some(event) = Event::from_log(&kind, &row.json("payload")?) else {
                    return Ok(Some(format!("{after}: the event `{kind}` cannot be read")));
                };
                match &mut replayed {
                    None => replayed = Checklist::opened(&after, &stored.tenant_id, at, &event),
                    Some(state) => state.apply(at, &event),
                }
            }
            if replayed.as_ref() != Some(&stored) {
                return Ok(Some(format!("{after}: replaying its events does not give its stored state")));
            }
        }
    }

    /// The first checklist that events tell of and that is not stored. None is ever removed.
    async fn checklist_without_state(&self) -> Result<Option<String>, StoreError> {
        let lost = "select checklist_id from events where checklist_id is not null
                    and not exists (select 1 from checklists where checklists.id = events.checklist_id)
                    order by seq limit 1";
        let row = sqlx::query(lost).fetch_optional(&self.pool).await?;
        row.map(|row| Ok(format!("{}: there are events, and no stored state", row.text("checklist_id")?))).transpose()
    }

    /// The definition that a checklist is pinned to.
    pub async fn definition(&self, name: &str, version: u32) -> Result<Arc<Definition>, StoreError> {
        if let Some(known) = self.known_definition(name, version) {
            return Ok(known);
        }
        let stored = self.workflow_version(name, version).await?;
        let read = definition::read_stored(&stored.source);
        Ok(self.remember_definition(read.map_err(|error| StoreError::corrupt("workflows.source", &error))?))
    }
}

impl Tx {
    /// Opens a checklist. Refused where the tenant has an open one.
    pub async fn open_checklist(&mut self, opening: &Opening<'_>) -> Result<Checklist, StoreError> {
        let Opening { tenant_id, definition, target_go_live } = opening;
        // The latest checklist could be reopened meanwhile; where there is none, two could be opened at once.
        self.lock_checklist(tenant_id).await?;
        let lock = format!("select * from tenants where id = $1{}", self.for_update());
        let tenant = self.maybe_row(sqlx::query(AssertSqlSafe(lock)).bind(*tenant_id)).await?;
        let tenant = super::tenants::tenant(&tenant.ok_or_else(|| StoreError::not_found("tenant", tenant_id))?)?;
        let latest = self.maybe_row(sqlx::query(CURRENT).bind(*tenant_id)).await?.as_ref().map(head).transpose()?;
        self.fix_time(tenant.created_at);
        if let Some(open) = latest.as_ref().filter(|latest| latest.completed_at.is_none()) {
            return Err(StoreError::Exists { what: "open onboarding", id: open.id.clone() });
        }
        let ordinal = latest.map_or(1, |latest| latest.ordinal + 1);
        let facts = self.facts(&tenant).await?;
        let id = format!("onb_{}", Ulid::from_datetime(self.now().into()));
        let events = checklist::open(definition, &facts, &id, ordinal, *target_go_live, self.now());
        let opened = events.first().and_then(|event| Checklist::opened(&id, tenant_id, self.now(), event));
        let Some(mut state) = opened else {
            return Err(StoreError::corrupt("checklists", "opening answered no opening event"));
        };
        for event in events.iter().skip(1) {
            state.apply(self.now(), event);
        }
        self.execute(
            sqlx::query(
                "insert into checklists (id, tenant_id, ordinal, workflow, version, opened_at, target_go_live, revision)
                 values ($1, $2, $3, $4, $5, $6, $7, $8)",
            )
            .bind(&state.id)
            .bind(*tenant_id)
            .bind(state.ordinal)
            .bind(&state.workflow)
            .bind(i64::from(state.version))
            .bind(micros(state.opened_at))
            .bind(micros(state.target_go_live))
            .bind(state.revision),
        )
        .await?;
        for (position, step) in (0..).zip(&state.steps) {
            self.insert_step(&state.id, position, step).await?;
        }
        self.carry_out(&state, definition, &events).await?;
        Ok(state)
    }

    /// Decides a command about a tenant's checklist under its lock and stores what was decided: state, events and
    /// the jobs they call for. Answers the checklist afterwards and the events.
    pub async fn decide(&mut self, tenant_id: &str, command: &Command) -> Result<(Checklist, Vec<Event>), StoreError> {
        let before = self.lock_checklist(tenant_id).await?;
        let before = before.ok_or_else(|| StoreError::not_found("onboarding of tenant", tenant_id))?;
        let definition = self.definition_of(&before).await?;
        self.decide_by(before, &definition, command).await
    }

    /// Moves a tenant's checklist to a stored version of its workflow. Answers the checklist afterwards and the events.
    pub async fn migrate_checklist(
        &mut self,
        tenant_id: &str,
        version: u32,
        reason: &str,
    ) -> Result<(Checklist, Vec<Event>), StoreError> {
        let before = self.lock_checklist(tenant_id).await?;
        let before = before.ok_or_else(|| StoreError::not_found("onboarding of tenant", tenant_id))?;
        let old = self.definition_of(&before).await?;
        let definition = self.stored_definition(&before.workflow, version).await?;
        let changed = Change::between(&old, &definition).changed;
        if old.probes != definition.probes {
            // What was proven by other probes opens no gate of this version.
            self.touch_tenant(tenant_id).await?;
        }
        self.decide_by(before, &definition, &Command::Migrate { reason: reason.to_owned(), changed }).await
    }

    /// Decides about a checklist whose lock is held, by a definition.
    async fn decide_by(
        &mut self,
        before: Checklist,
        definition: &Definition,
        command: &Command,
    ) -> Result<(Checklist, Vec<Event>), StoreError> {
        let tenant_id = &before.tenant_id;
        let tenant = self.tenant(tenant_id).await?.ok_or_else(|| StoreError::not_found("tenant", tenant_id))?;
        let mut facts = self.facts(&tenant).await?;
        if definition.has_commands() {
            facts.commands = self.ended_commands(&before.id).await?;
        }
        let events = checklist::decide(definition, &before, &facts, command, self.now())?;
        if events.is_empty() {
            return Ok((before, events));
        }
        let mut after = before.clone();
        for event in &events {
            after.apply(self.now(), event);
        }
        self.store_changes(&before, &after).await?;
        self.carry_out(&after, definition, &events).await?;
        Ok((after, events))
    }

    /// Holds the tenant's current checklist, if there is one, until the commit. Whoever also writes the tenant holds
    /// the checklist first (see the order of locks in [`super`]).
    pub(super) async fn lock_checklist(&mut self, tenant_id: &str) -> Result<Option<Checklist>, StoreError> {
        let lock = format!("{CURRENT}{}", self.for_update());
        let row = self.maybe_row(sqlx::query(AssertSqlSafe(lock)).bind(tenant_id)).await?;
        let Some(row) = row else { return Ok(None) };
        let mut checklist = head(&row)?;
        checklist.steps =
            self.rows(sqlx::query(STEPS).bind(&checklist.id)).await?.iter().map(step).collect::<Result<_, _>>()?;
        checklist.waivers = waivers::of_checklist(&mut self.inner, &checklist.id).await?;
        self.fix_time(checklist.last_change());
        Ok(Some(checklist))
    }

    async fn definition_of(&mut self, checklist: &Checklist) -> Result<Arc<Definition>, StoreError> {
        self.stored_definition(&checklist.workflow, checklist.version).await
    }

    /// One version of a workflow, read once per process.
    pub(super) async fn stored_definition(&mut self, name: &str, version: u32) -> Result<Arc<Definition>, StoreError> {
        if let Some(known) = self.store().known_definition(name, version) {
            return Ok(known);
        }
        let source = self
            .maybe_row(
                sqlx::query("select source from workflows where name = $1 and version = $2")
                    .bind(name)
                    .bind(i64::from(version)),
            )
            .await?
            .ok_or_else(|| StoreError::not_found("workflow version", name))?
            .text("source")?;
        let read = definition::read_stored(&source);
        Ok(self.store().remember_definition(read.map_err(|error| StoreError::corrupt("workflows.source", &error))?))
    }

    /// As [`Tx::decide`] for a tenant that may have no checklist: evidence can change without one. Answers the events.
    pub async fn decide_if_onboarding(&mut self, tenant_id: &str, command: &Command) -> Result<Vec<Event>, StoreError> {
        match self.decide(tenant_id, command).await {
            Ok((_, events)) => Ok(events),
            Err(StoreError::NotFound { what: "onboarding of tenant", .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    async fn store_changes(&mut self, before: &Checklist, after: &Checklist) -> Result<(), StoreError> {
        self.execute(
            sqlx::query(
                "update checklists set target_go_live = $1, completed_at = $2, first_completed_at = $3, revision = $4,
                        version = $5
                 where id = $6",
            )
            .bind(micros(after.target_go_live))
            .bind(after.completed_at.map(micros))
            .bind(after.first_completed_at.map(micros))
            .bind(after.revision)
            .bind(i64::from(after.version))
            .bind(&after.id),
        )
        .await?;
        self.store_waivers(&after.id, &before.waivers, &after.waivers).await?;
        for gone in before.steps.iter().filter(|old| after.step(&old.id).is_none()) {
            let delete = sqlx::query("delete from steps where checklist_id = $1 and id = $2");
            self.execute(delete.bind(&after.id).bind(&gone.id)).await?;
        }
        let moved = before.version != after.version;
        for (position, new) in (0i64..).zip(&after.steps) {
            match before.step(&new.id) {
                None => {
                    self.insert_step(&after.id, position, new).await?;
                    continue;
                }
                Some(old) if old == new && !moved => continue,
                Some(_) => {}
            }
            self.execute(
                sqlx::query(
                    "update steps set status = $1, assignee = $2, blocking_reason = $3, due_at = $4, started_at = $5,
                            completed_at = $6, reopened_at = $7, requested_at = $8, attempts = $9, revision = $10,
                            position = $11
                     where checklist_id = $12 and id = $13",
                )
                .bind(new.status.as_str())
                .bind(&new.assignee)
                .bind(&new.blocking_reason)
                .bind(new.due_at.map(micros))
                .bind(new.started_at.map(micros))
                .bind(new.completed_at.map(micros))
                .bind(new.reopened_at.map(micros))
                .bind(new.requested_at.map(micros))
                .bind(i64::from(new.attempts))
                .bind(new.revision)
                .bind(position)
                .bind(&after.id)
                .bind(&new.id),
            )
            .await?;
        }
        Ok(())
    }

    async fn insert_step(&mut self, checklist_id: &str, position: i64, step: &Step) -> Result<(), StoreError> {
        self.execute(
            sqlx::query(
                "insert into steps (checklist_id, id, position, status, assignee, blocking_reason, due_at, started_at,
                                    completed_at, reopened_at, requested_at, attempts, revision)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
            )
            .bind(checklist_id)
            .bind(&step.id)
            .bind(position)
            .bind(step.status.as_str())
            .bind(&step.assignee)
            .bind(&step.blocking_reason)
            .bind(step.due_at.map(micros))
            .bind(step.started_at.map(micros))
            .bind(step.completed_at.map(micros))
            .bind(step.reopened_at.map(micros))
            .bind(step.requested_at.map(micros))
            .bind(i64::from(step.attempts))
            .bind(step.revision),
        )
        .await?;
        Ok(())
    }

    /// Logs events, writes the jobs they call for, and keeps the tenant's go-live beside the live step.
    async fn carry_out(
        &mut self,
        checklist: &Checklist,
        definition: &Definition,
        events: &[Event],
    ) -> Result<(), StoreError> {
        let live_step = definition.live_step();
        for event in events {
            self.record(NewEntry {
                kind: event.kind().to_owned(),
                tenant_id: Some(checklist.tenant_id.clone()),
                checklist_id: Some(checklist.id.clone()),
                payload: event.payload(),
            });
            match event {
                Event::StepCompleted { step, .. } if live_step == Some(step) => {
                    self.set_live(checklist, Some(self.now())).await?;
                }
                Event::ChecklistMigrated { .. } => {
                    let live = live_step.and_then(|live| checklist.step(live));
                    let done = live.filter(|step| step.status == StepStatus::Done);
                    self.set_live(checklist, done.and_then(|step| step.completed_at)).await?;
                }
                Event::StepReopened { step, .. } if live_step == Some(step) => {
                    self.set_live(checklist, None).await?;
                }
                // Granted or not, its end is noted when it comes; a gate that rests on it closes then.
                Event::WaiverProposed { step, expires_at, .. } => {
                    let mut job = NewJob::new(JobKind::Timer, &checklist.tenant_id, Retry::default());
                    job.checklist_id = Some(checklist.id.clone());
                    job.step_id = Some(step.clone());
                    job.run_at = Some(*expires_at);
                    self.create_job(&job).await?;
                }
                Event::JobRequested(request) => {
                    let retry = definition.step(&request.step).and_then(|step| step.retry.clone()).unwrap_or_default();
                    let mut job = NewJob::new(request.job, &checklist.tenant_id, retry);
                    job.checklist_id = Some(checklist.id.clone());
                    job.step_id = Some(request.step.clone());
                    job.run_at = Some(request.run_at);
                    match request.job {
                        JobKind::HealthCheck => {
                            self.request_health_check(job).await?;
                        }
                        JobKind::Timer
                        | JobKind::Command
                        | JobKind::ImportPreview
                        | JobKind::ImportLoad
                        | JobKind::ImportRollback
                        | JobKind::Announce
                        | JobKind::Deliver => {
                            self.create_job(&job).await?;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The evidence that gates look at, as it is in this transaction.
    async fn facts(&mut self, tenant: &Tenant) -> Result<Facts, StoreError> {
        let imports = self
            .maybe_row(
                sqlx::query(
                    "select count(case when state = 'completed' then 1 end) as completed,
                            count(case when state = 'completed' and rows_rejected = 0 then 1 end) as clean,
                            max(case when state = 'completed' and rows_rejected = 0 then completed_at end) as last_clean_at,
                            count(case when state in ('queued', 'parsing', 'preview', 'loading') then 1 end) as open,
                            count(case when state = 'failed' then 1 end) as failed
                     from imports where tenant_id = $1",
                )
                .bind(&tenant.id),
            )
            .await?;
        let imports = match imports {
            Some(row) => ImportFacts {
                completed: row.int("completed")?,
                clean: row.int("clean")?,
                last_clean_at: row.maybe_time("last_clean_at")?,
                open: row.int("open")?,
                failed: row.int("failed")?,
            },
            None => ImportFacts::default(),
        };
        Ok(Facts {
            health: self.latest_health(&tenant.id).await?,
            imports,
            // Asked for where the definition has some; see `decide_by`.
            commands: BTreeMap::new(),
            tenant: TenantFact {
                id: tenant.id.clone(),
                country: tenant.country.clone(),
                kind: tenant.kind.clone(),
                generation: tenant.generation,
            },
        })
    }
}
