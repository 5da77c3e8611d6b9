//! What must hold once nothing goes wrong any more.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde_json::Value;
use workbench_engine::import::ImportState;
use workbench_engine::job::{Job, JobCommand, JobKind, JobState};
use workbench_engine::log::{Actor, Entry};
use workbench_engine::store::{EventFilter, Import, StoreError, VersionFilter};

use super::content;
use super::person::{TENANTS, jobs};
use super::play::{Broken, World};

/// Whether everything is done that can be done without a person. An undoing whose job died waits for one, who comes.
pub async fn is_quiet(world: &mut World) -> Result<bool, StoreError> {
    let jobs = jobs(world).await?;
    let dead = |job: &&Job| matches!(job.state, JobState::Failed | JobState::Cancelled);
    for job in jobs.iter().filter(|job| job.kind == JobKind::ImportRollback).filter(dead) {
        let import = world.store.import(&job.tenant_id, job.subject_id.as_deref().unwrap_or_default()).await?;
        if import.state == ImportState::RollingBack {
            let mut tx = world.store.begin(&Actor::named("operator"), world.now).await?;
            tx.command_job(&job.id, &JobCommand::Retry).await?;
            tx.commit().await?;
            return Ok(false);
        }
    }
    let all_ended = jobs.iter().all(|job| job.state.is_terminal());
    Ok(all_ended && world.store.fires_at_work(1).await?.is_empty())
}

/// What is not done although it should be.
pub async fn unfinished(world: &World) -> Result<Broken, StoreError> {
    let open: Vec<String> = jobs(world)
        .await?
        .iter()
        .filter(|job| !job.state.is_terminal())
        .map(|job| format!("{} of {} is {} at attempt {}", job.kind, job.tenant_id, job.state, job.attempt))
        .collect();
    let fires = world.store.fires_at_work(10).await?.len();
    Ok(Broken::new("progress", &format!("not done: {}; {fires} fires", open.join(", "))))
}

/// Holds the world to everything that was promised.
pub async fn judge(world: &mut World) -> Result<(), Broken> {
    let verified = world.store.verify_events().await?;
    if let Some((seq, why)) = verified.broken {
        return Err(Broken::new("the chain", &format!("entry {seq}: {why}")));
    }
    if let Some(difference) = world.store.verify_replay().await? {
        return Err(Broken::new("replay", &difference));
    }
    let filter = EventFilter { limit: 100_000, ..EventFilter::default() };
    let events = world.store.events(&filter).await?;
    let jobs = jobs(world).await?;
    commands(world, &events)?;
    for job in &jobs {
        of_job(world, job, &events).await?;
    }
    let mut imports = Vec::new();
    for (tenant, _) in TENANTS {
        imports.extend(world.store.imports(tenant, None, 1000).await?);
    }
    for import in &imports {
        of_import(import)?;
    }
    records(world, &imports, &events).await?;
    schedules(world, &events).await
}

/// What people were told is done was done, and once.
fn commands(world: &World, events: &[Entry]) -> Result<(), Broken> {
    let mut moments: BTreeMap<&str, BTreeSet<DateTime<Utc>>> = BTreeMap::new();
    for event in events {
        moments.entry(event.actor.as_str()).or_default().insert(event.at);
    }
    for (command, answered) in &world.ledger.commands {
        let moments = moments.get(command.as_str()).map_or(0, BTreeSet::len);
        // Asking for what is so already is answered and is no event.
        if moments > 1 {
            return Err(Broken::new("commands once", &format!("{command} took effect {moments} times")));
        }
        if *answered && moments == 0 && !world.ledger.idle.contains(command) {
            return Err(Broken::new("commands kept", &format!("{command} was answered and has no effect")));
        }
    }
    Ok(())
}

fn of(event: &Entry, field: &str) -> String {
    event.payload.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A job ended, within its attempts, at most once well, and its attempts tell the same.
async fn of_job(world: &World, job: &Job, events: &[Entry]) -> Result<(), Broken> {
    let who = format!("the {} of {} ({})", job.kind, job.tenant_id, job.state);
    if !job.state.is_terminal() || job.lease_until.is_some() {
        return Err(Broken::new("leases", &format!("{who} is not over")));
    }
    if job.attempt > job.max_attempts {
        return Err(Broken::new("attempts", &format!("{who} had {} of {}", job.attempt, job.max_attempts)));
    }
    let attempts = world.store.attempts(&job.id).await?;
    let numbers: Vec<u32> = attempts.iter().map(|attempt| attempt.attempt).collect();
    if numbers != (1..=job.attempt).collect::<Vec<_>>() {
        return Err(Broken::new("attempts", &format!("{who} has the attempts {numbers:?} of {}", job.attempt)));
    }
    if let Some(open) = attempts.iter().find(|attempt| attempt.outcome.is_none()) {
        return Err(Broken::new("attempts", &format!("attempt {} of {who} never ended", open.attempt)));
    }
    let released = attempts.iter().filter(|attempt| attempt.outcome.as_deref() == Some("released")).count();
    let taken_up = events.iter().any(|event| event.kind == "job_retried" && of(event, "job") == job.id);
    if !taken_up && usize::try_from(job.max_attempts - job.retry.max_attempts) != Ok(released) {
        return Err(Broken::new("attempts", &format!("{who} was handed back and lost an attempt by it")));
    }
    let well: Vec<u32> = attempts
        .iter()
        .filter(|attempt| attempt.outcome.as_deref() == Some("succeeded"))
        .map(|attempt| attempt.attempt)
        .collect();
    let told = events.iter().filter(|event| event.kind == "job_succeeded" && of(event, "job") == job.id).count();
    let seen = world.ledger.successes.get(&job.id).copied().unwrap_or(0);
    let wanted = usize::from(job.state == JobState::Succeeded);
    if well.len() != wanted || told != wanted || usize::try_from(seen) != Ok(wanted) {
        return Err(Broken::new("outcomes once", &format!("{who} ended well {} times", well.len().max(told))));
    }
    if job.kind == JobKind::HealthCheck {
        let id = job.subject_id.clone().unwrap_or_default();
        let check = world.store.health_check(&job.tenant_id, &id).await?;
        let results = events.iter().filter(|event| event.kind == "health_checked" && of(event, "check") == id);
        let results = results.filter(|event| event.payload.get("probes").is_some()).count();
        if check.finished_at.is_none() || results != wanted || check.probes.len() != wanted {
            return Err(Broken::new("outcomes once", &format!("{who} has {results} results")));
        }
    }
    Ok(())
}

/// An import waits for nobody but people.
fn of_import(import: &Import) -> Result<(), Broken> {
    if !import.state.is_terminal() && import.state != ImportState::Preview {
        return Err(Broken::new("imports end", &format!("{} is {}", import.id, import.state)));
    }
    let rows = i64::try_from(content::rows(content::number(&import.object_key)).len()).unwrap_or(i64::MAX);
    if import.state == ImportState::Completed && (import.checkpoint != rows || import.loaded != rows) {
        let how = format!("{} stored {} of {rows} rows up to {}", import.id, import.loaded, import.checkpoint);
        return Err(Broken::new("records once", &how));
    }
    Ok(())
}

type Records = BTreeMap<(String, String), (String, String)>;

/// The tenants' records are what the imports, one after the other, make of them.
async fn records(world: &World, imports: &[Import], events: &[Entry]) -> Result<(), Broken> {
    let mut records = Records::new();
    // By import, tenant and key: what was there before.
    let mut replaced: BTreeMap<(String, String), (String, String)> = BTreeMap::new();
    for (place, event) in events.iter().enumerate() {
        let id = of(event, "import");
        let Some(import) = imports.iter().find(|import| import.id == id) else { continue };
        let rows = content::rows(content::number(&import.object_key));
        let is_last = !events[place + 1..].iter().any(|later| later.kind == event.kind && of(later, "import") == id);
        let stored = match event.kind.as_str() {
            "import_completed" => rows.len(),
            // What was stored of an import that was given up stays; if it is taken up again, nobody was there in between.
            "import_failed" | "import_cancelled" if is_last && event.kind == format!("import_{}", import.state) => {
                usize::try_from(import.checkpoint).unwrap_or_default()
            }
            "import_rolled_back" => {
                undo(&mut records, &mut replaced, import);
                0
            }
            _ => 0,
        };
        // The later row of a chunk wins, and chunks come one after the other.
        for chunk in rows[..stored].chunks(content::CHUNK) {
            let by_key: BTreeMap<&str, &str> =
                chunk.iter().map(|row| (row.natural_key.as_str(), row.fields.as_str())).collect();
            for (key, fields) in by_key {
                let place = (import.tenant_id.clone(), key.to_owned());
                match records.get(&place) {
                    Some((before, _)) if before == fields => continue,
                    Some((_, from)) if *from == import.id => {}
                    Some(before) => {
                        replaced.entry((import.id.clone(), key.to_owned())).or_insert_with(|| before.clone());
                    }
                    None => {}
                }
                records.insert(place, (fields.to_owned(), import.id.clone()));
            }
        }
    }
    let mut stored = Records::new();
    for (tenant, _) in TENANTS {
        for number in 0..content::KEYS {
            let key = content::key(number);
            let filter = VersionFilter {
                tenant_id: tenant,
                kind: content::KIND,
                natural_key: &key,
                before_import: None,
                limit: 1,
            };
            if let Some(version) = world.store.record_versions(&filter).await?.into_iter().next() {
                stored.insert((tenant.to_owned(), key), (version.fields.to_string(), version.import_id));
            }
        }
    }
    if stored == records {
        return Ok(());
    }
    let differs = |key: &&(String, String)| stored.get(*key) != records.get(*key);
    let at = records.keys().chain(stored.keys()).find(differs);
    let how = at.map(|at| format!("{at:?}: stored {:?}, and should be {:?}", stored.get(at), records.get(at)));
    Err(Broken::new("records once", &how.unwrap_or_default()))
}

fn undo(records: &mut Records, replaced: &mut BTreeMap<(String, String), (String, String)>, import: &Import) {
    let mine: Vec<(String, String)> = records
        .iter()
        .filter(|((tenant, _), (_, from))| *tenant == import.tenant_id && *from == import.id)
        .map(|(place, _)| place.clone())
        .collect();
    for place in mine {
        match replaced.get(&(import.id.clone(), place.1.clone())) {
            Some(before) => records.insert(place, before.clone()),
            None => records.remove(&place),
        };
    }
    replaced.retain(|(of, _), _| *of != import.id);
}

/// Every time that a clock showed was dealt with once: fired, given up or passed over.
async fn schedules(world: &World, events: &[Entry]) -> Result<(), Broken> {
    for schedule in world.store.schedules().await? {
        let calendar = schedule.calendar()?;
        let fires = world.store.fires(&schedule.id, 10_000).await?;
        for ((_, clock), (from, to)) in world.ledger.followed.iter().filter(|((id, _), _)| *id == schedule.id) {
            let zone = clock.parse::<chrono_tz::Tz>().map_err(|error| Broken::new("schedules", &error.to_string()))?;
            let come = calendar.between(*from, *to, zone, 10_000);
            let served = if schedule.definition.zone == "tenant" { clock.as_str() } else { "" };
            let by_clock = fires.iter().filter(|fire| fire.zone.as_deref().unwrap_or_default() == served);
            let by_clock = by_clock.filter(|fire| fire.cause != "by_hand");
            let times: BTreeSet<DateTime<Utc>> = by_clock.clone().map(|fire| fire.fire_at).collect();
            let about = |kind: &str, field: &str| -> u64 {
                let of_clock = |event: &&Entry| {
                    event.kind == kind && of(event, "schedule") == schedule.id && of(event, "zone") == *clock
                };
                events.iter().filter(of_clock).filter_map(|event| event.payload[field].as_u64()).sum()
            };
            let dealt = u64::try_from(times.len()).unwrap_or(u64::MAX)
                + about("schedule_missed", "given_up")
                + about("schedule_overlapped", "passed_over");
            if times.len() != by_clock.count() || Ok(dealt) != u64::try_from(come.len()) {
                let how = format!("{} in {clock} dealt with {dealt} of {} times", schedule.id, come.len());
                return Err(Broken::new("schedules fire once", &how));
            }
        }
        for fire in &fires {
            let done =
                events.iter().filter(|event| event.kind == "schedule_fanned_out" && of(event, "fire") == fire.id);
            if fire.fanned_out_at.is_none() || done.count() != 1 {
                return Err(Broken::new("fires are carried out once", &fire.id));
            }
        }
    }
    Ok(())
}
