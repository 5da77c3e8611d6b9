//! Somebody who wants things done, repeats what was not answered under the same key, and gives up in the end.

use chrono::TimeDelta;
use workbench_engine::checklist::{Command, StepPatch, StepStatus};
use workbench_engine::definition::Retry;
use workbench_engine::import::ImportState;
use workbench_engine::job::{Job, JobCommand, JobKind, JobState};
use workbench_engine::log::Actor;
use workbench_engine::store::{
    AskedMapping, JobFilter, NewImport, NewJob, NewTenant, Opening, Replay, StoreError, StoredAnswer, TenantChange, Tx,
};

use super::content;
use super::daemon::outcome;
use super::play::{Rest, World};

/// The tenants of a play and their time zones.
pub const TENANTS: [(&str, &str); 2] = [("north", "Europe/Stockholm"), ("south", "Europe/Paris")];
const STEPS: [&str; 6] = ["sign", "load", "cool", "check", "go", "live"];

/// A person, served by one of the daemons.
pub struct Person {
    daemon: usize,
    wish: Option<Wish>,
    wishes: u64,
}

struct Wish {
    /// The name under which only this wish acts.
    actor: String,
    what: What,
    tries: u32,
}

#[derive(Debug, Clone)]
enum What {
    Open(usize),
    Patch { tenant: usize, step: &'static str, patch: StepPatch },
    Check(usize),
    Upload { tenant: usize, number: u64, mode: &'static str },
    Confirm(String),
    CancelImport(String),
    Undo(String),
    OfJob(String, JobCommand),
    Configure(usize, u64),
    RunSchedule,
}

impl Person {
    /// A person.
    pub fn new(daemon: usize) -> Self {
        Self { daemon, wish: None, wishes: 0 }
    }

    /// The next action.
    pub async fn step(&mut self, world: &mut World) -> Rest {
        let Some(mut wish) = self.wish.take() else {
            if !world.is_calm {
                self.wish = self.think(world).await?;
            }
            return Ok(world.dice.between(500, 5_000));
        };
        wish.tries += 1;
        let who = format!("person-{}", self.daemon + 1);
        let told = describe(world, &wish.what);
        let actor = Actor::named(&wish.actor);
        let again = world.dice.between(500, 4_000);
        if world.serves(self.daemon) {
            let tx = world.begin(self.daemon, &actor).await?;
            match carry_out(tx, world, &wish).await {
                Ok(Some(tx)) => {
                    let end = world.commit(tx).await?;
                    if end.kept && end.entries == 0 {
                        world.ledger.idle.insert(wish.actor.clone());
                    }
                    world.tell_as(&who, &format!("{told}{}", outcome(end.kept, end.answered)));
                    let answered = world.ledger.commands.entry(wish.actor.clone()).or_default();
                    *answered |= end.answered;
                    if end.answered {
                        return Ok(again);
                    }
                }
                Ok(None) => {
                    world.tell_as(&who, &format!("{told}: was done already"));
                    world.ledger.commands.insert(wish.actor.clone(), true);
                    return Ok(again);
                }
                Err(error) if is_refusal(&error) => {
                    world.tell_as(&who, &format!("may not {told}"));
                    return Ok(again);
                }
                Err(error) => return Err(error.into()),
            }
        } else {
            world.tell_as(&who, &format!("finds nobody to {told}"));
        }
        if wish.tries < 6 || world.is_calm && wish.tries < 60 {
            self.wish = Some(wish);
        } else {
            world.tell_as(&who, "gives up");
        }
        Ok(again)
    }

    async fn think(&mut self, world: &mut World) -> Result<Option<Wish>, StoreError> {
        self.wishes += 1;
        let tenant = world.dice.below(TENANTS.len());
        let first = (self.wishes == 1).then_some(What::Open(self.daemon));
        let kind = world.dice.below(20);
        let what = match (first, kind) {
            (Some(open), _) => Some(open),
            (None, 0) => Some(What::Open(tenant)),
            (None, 1..=6) => Some(patch(world, tenant)),
            (None, 7 | 8) => Some(What::Check(tenant)),
            (None, 9..=11) => {
                let number = self.wishes * 2 + u64::from(self.daemon == 1);
                let mode = if world.dice.happens(0.7) { "apply" } else { "preview" };
                Some(What::Upload { tenant, number, mode })
            }
            (None, 12) => Some(What::Configure(tenant, self.wishes)),
            (None, 13) => Some(What::RunSchedule),
            (None, 14..=16) => import_wish(world, tenant).await?,
            (None, _) => job_wish(world).await?,
        };
        let actor = format!("person-{}-wish-{}", self.daemon + 1, self.wishes);
        Ok(what.map(|what| Wish { actor, what, tries: 0 }))
    }
}

fn patch(world: &mut World, tenant: usize) -> What {
    let step = STEPS[world.dice.below(STEPS.len())];
    let mut patch = StepPatch { note: Some("noted".to_owned()), ..StepPatch::default() };
    match world.dice.below(8) {
        0 => patch.assignee = Some(Some("anna".to_owned())),
        1 => patch.blocking_reason = Some(Some("waits for the board".to_owned())),
        2 => patch.blocking_reason = Some(None),
        3 => {
            patch.status = Some(StepStatus::InProgress);
            patch.reason = Some("something was forgotten".to_owned());
        }
        4 => {
            patch.status = Some(StepStatus::Skipped);
            patch.reason = Some("not needed here".to_owned());
        }
        _ => patch.status = Some(StepStatus::Done),
    }
    What::Patch { tenant, step, patch }
}

async fn import_wish(world: &mut World, tenant: usize) -> Result<Option<What>, StoreError> {
    let mut imports = world.store.imports(TENANTS[tenant].0, None, 50).await?;
    imports.sort_by_key(|import| import.created_at);
    let kind = world.dice.below(6);
    let wanted = |state: ImportState| match kind {
        0 | 1 => state == ImportState::Preview,
        2 | 3 => state == ImportState::Completed,
        4 => matches!(state, ImportState::Queued | ImportState::Parsing | ImportState::Preview | ImportState::Loading),
        _ => true,
    };
    let ids: Vec<String> = imports.into_iter().filter(|import| wanted(import.state)).map(|import| import.id).collect();
    let Some(id) = world.dice.pick(&ids).cloned() else { return Ok(None) };
    Ok(Some(match kind {
        0 | 1 => What::Confirm(id),
        2 | 3 => What::Undo(id),
        _ => What::CancelImport(id),
    }))
}

async fn job_wish(world: &mut World) -> Result<Option<What>, StoreError> {
    let jobs = jobs(world).await?;
    let dead = |job: &&Job| matches!(job.state, JobState::Failed | JobState::Cancelled);
    let (command, jobs): (_, Vec<&Job>) = if world.dice.happens(0.7) {
        (JobCommand::Retry, jobs.iter().filter(dead).collect())
    } else {
        (JobCommand::Cancel, jobs.iter().filter(|job| !job.state.is_terminal()).collect())
    };
    Ok(world.dice.pick(&jobs).map(|job| What::OfJob(job.id.clone(), command)))
}

/// Every job, in an order that ids, which are drawn at random, have no part in.
pub async fn jobs(world: &World) -> Result<Vec<Job>, StoreError> {
    let mut jobs = world.store.jobs(&JobFilter { limit: 10_000, ..JobFilter::default() }).await?;
    jobs.sort_by(|one, other| {
        let order = |job: &Job| (job.created_at, job.tenant_id.clone(), job.kind.as_str());
        order(one).cmp(&order(other))
    });
    Ok(jobs)
}

/// Does what is wished within a transaction, which is handed back; none where it was done before.
async fn carry_out(mut tx: Tx, world: &World, wish: &Wish) -> Result<Option<Tx>, StoreError> {
    match tx.take_idempotency_key("wish", "the same").await? {
        Replay::First => {}
        Replay::Answered(_) | Replay::OtherRequest => return Ok(None),
    }
    match &wish.what {
        What::Open(tenant) => open(&mut tx, world, *tenant).await?,
        What::Patch { tenant, step, patch } => {
            let command = Command::PatchStep {
                step: (*step).to_owned(),
                patch: patch.clone(),
                expected_revisions: None,
                actor: wish.actor.clone(),
                capabilities: vec!["gate:approve".to_owned()],
            };
            tx.decide(TENANTS[*tenant].0, &command).await?;
        }
        What::Check(tenant) => {
            let id = TENANTS[*tenant].0;
            if tx.tenant(id).await?.is_none() {
                return Err(no_tenant(id));
            }
            tx.request_health_check(NewJob::new(JobKind::HealthCheck, id, Retry::default())).await?;
        }
        What::Upload { tenant, number, mode } => {
            let id = TENANTS[*tenant].0;
            if tx.tenant(id).await?.is_none() {
                return Err(no_tenant(id));
            }
            let new = NewImport {
                id: format!("imp_{number}"),
                tenant_id: id.to_owned(),
                mode: (*mode).to_owned(),
                format: None,
                entity: None,
                mapping: AskedMapping::default(),
                profile: None,
                file_name: Some(format!("members-{}.csv", number % 4)),
                object_key: content::object_key(*number),
                size: 100,
                sha256: String::new(),
                supersedes: None,
            };
            tx.create_import(&new).await?;
        }
        What::Confirm(import) => drop(tx.confirm_import(import, None).await?),
        What::CancelImport(import) => tx.cancel_import(import).await?,
        What::Undo(import) => drop(tx.request_rollback(import, TimeDelta::days(7), "it was the wrong file").await?),
        What::OfJob(job, command) => drop(tx.command_job(job, command).await?),
        What::Configure(tenant, number) => {
            let change = TenantChange { name: Some(format!("Name {number}")), ..TenantChange::default() };
            tx.change_tenant(TENANTS[*tenant].0, &change).await?;
        }
        What::RunSchedule => {
            tx.run_schedule(&world.schedule, Some("somebody wants to see it")).await?;
        }
    }
    tx.keep_answer("wish", &StoredAnswer { status: 200, headers: "[]".to_owned(), body: String::new() }).await?;
    Ok(Some(tx))
}

async fn open(tx: &mut Tx, world: &World, tenant: usize) -> Result<(), StoreError> {
    let (id, zone) = TENANTS[tenant];
    if tx.tenant(id).await?.is_none() {
        let new = NewTenant {
            id: id.to_owned(),
            name: id.to_owned(),
            country: "SE".to_owned(),
            kind: "club".to_owned(),
            time_zone: zone.to_owned(),
            language: "sv".to_owned(),
            hierarchy_depth: 2,
            platform_url: None,
            probe_user: None,
            probe_secret: None,
        };
        tx.create_tenant(&new).await?;
    }
    let opening = Opening { tenant_id: id, definition: &world.definition, target_go_live: None };
    tx.open_checklist(&opening).await.map(drop)
}

fn no_tenant(id: &str) -> StoreError {
    StoreError::NotFound { what: "tenant", id: id.to_owned() }
}

/// What people are told in the ordinary course of things.
fn is_refusal(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::NotFound { .. }
            | StoreError::Exists { .. }
            | StoreError::Refused(_)
            | StoreError::JobRefused(_)
            | StoreError::ImportState { .. }
            | StoreError::Rollback(_)
            | StoreError::ImportBusy { .. }
            | StoreError::ImportOvertaken { .. }
    )
}

fn describe(world: &mut World, what: &What) -> String {
    let of = |tenant: &usize| TENANTS[*tenant].0;
    match what {
        What::Open(tenant) => format!("open {}", of(tenant)),
        What::Patch { tenant, step, patch } => {
            let status = patch.status.map_or("no status", StepStatus::as_str);
            format!("patch {}/{step} with {status}", of(tenant))
        }
        What::Check(tenant) => format!("have {} checked", of(tenant)),
        What::Upload { tenant, number, mode } => format!("upload imp_{number} for {} to {mode}", of(tenant)),
        What::Confirm(import) => format!("confirm {import}"),
        What::CancelImport(import) => format!("cancel {import}"),
        What::Undo(import) => format!("undo {import}"),
        What::OfJob(job, JobCommand::Retry) => format!("retry {}", world.short(job)),
        What::OfJob(job, _) => format!("cancel {}", world.short(job)),
        What::Configure(tenant, _) => format!("rename {}", of(tenant)),
        What::RunSchedule => "run the schedule by hand".to_owned(),
    }
}
