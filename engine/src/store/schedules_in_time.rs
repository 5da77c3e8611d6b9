//! Schedules against a store, in time that the test tells.

use std::time::Duration;

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use chrono_tz::Europe::Stockholm;
use serde_json::Value;

use super::row::Columns as _;
use super::{EventFilter, Fire, HealthOutcome, NewJob, NewMaintenanceWindow, Opening, Schedule, Store, Tx, fixture};
use crate::checklist::{Command, StepPatch, StepStatus};
use crate::definition::{Known, Retry, load};
use crate::job::{JobCommand, JobKind};
use crate::log::Actor;

const WORKFLOW: &str = "name: one
version: 1
title: One
steps:
  - { id: check, title: Check, kind: job, job: { name: health_check } }
  - id: go
    title: Go
    kind: gate
    needs: [check]
    gate: { conditions: [{ id: passes, when: health.status == \"pass\", otherwise: It does not pass. }] }
  - { id: live, title: Live, needs: [go] }
schedules:
  - { id: nightly, job: health_check, cron: 30 2 * * *, jitter: 10m }
";

/// The first of January of the year after this one: a store never writes times that have passed.
fn new_year() -> DateTime<Utc> {
    let date = NaiveDate::from_ymd_opt(Utc::now().year() + 1, 1, 1).expect("a date that exists");
    date.and_hms_opt(0, 0, 0).expect("midnight exists").and_utc()
}

async fn begin(store: &Store, at: DateTime<Utc>) -> Tx {
    store.begin(&Actor::workbench(), at).await.expect("a transaction begins")
}

/// A store with so many Swedish tenants in onboarding, of whom nobody waits for a check.
async fn stored(folder: &tempfile::TempDir, tenants: usize) -> Store {
    let store = fixture::store(folder).await;
    let loaded = load("one.yaml", WORKFLOW, &Known::default()).expect("a sound workflow");
    let mut tx = begin(&store, Utc::now()).await;
    tx.store_workflow(&loaded).await.expect("the workflow is stored");
    for number in 0..tenants {
        let id = format!("t{number}");
        let tenant = "insert into tenants (id, name, country, kind, time_zone, language, hierarchy_depth, search_name,
                                           generation, changed_at, created_at)
                      values ($1, 'T', 'SE', 'club', 'Europe/Stockholm', 'sv', 2, 't', 1, 0, 0)";
        tx.execute(sqlx::query(tenant).bind(&id)).await.expect("a tenant is stored");
        let opening = Opening { tenant_id: &id, definition: &loaded.definition, target_go_live: None };
        tx.open_checklist(&opening).await.expect("a checklist is opened");
    }
    tx.execute(sqlx::query("update health_checks set finished_at = 0")).await.expect("checks are over");
    tx.commit().await.expect("the transaction is kept");
    store
}

async fn schedule(store: &Store) -> Schedule {
    store.schedule("one/nightly").await.expect("the schedule is there")
}

async fn tick(store: &Store, at: DateTime<Utc>) -> usize {
    let schedule = schedule(store).await;
    let zones = store.tenant_zones().await.expect("zones are read");
    let mut fired = 0;
    for zone in store.clocks_due(&schedule, &zones, at).await.expect("clocks are read") {
        let mut tx = begin(store, at).await;
        fired += tx.follow_clock(&schedule, &zone).await.expect("the clock is followed");
        tx.commit().await.expect("the transaction is kept");
    }
    fired
}

async fn fires(store: &Store) -> Vec<Fire> {
    let mut fires = store.fires("one/nightly", 10_000).await.expect("fires are read");
    fires.reverse();
    fires
}

async fn told(store: &Store, kind: &str) -> Vec<Value> {
    let filter = EventFilter { limit: 100_000, ..EventFilter::default() };
    let events = store.events(&filter).await.expect("events are read");
    events.into_iter().filter(|event| event.kind == kind).map(|event| event.payload).collect()
}

async fn serve_all(store: &Store, at: DateTime<Utc>) {
    for id in store.fires_at_work(10).await.expect("fires are read") {
        let mut more = true;
        while more {
            let mut tx = begin(store, at).await;
            more = tx.fan_out(&id, 2).await.expect("tenants are served");
            tx.commit().await.expect("the transaction is kept");
        }
    }
}

/// Ends what fires have to do, so that the next is not passed over.
async fn end_fires(store: &Store) {
    let mut tx = begin(store, Utc::now()).await;
    let end = "update schedule_fires set fanned_out_at = 1 where fanned_out_at is null";
    tx.execute(sqlx::query(end)).await.expect("fires are over");
    tx.commit().await.expect("the transaction is kept");
}

#[tokio::test]
async fn two_daemons_fire_once_on_every_night_of_a_year() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let one = stored(&folder, 1).await;
    let url = format!("sqlite:{}", folder.path().join("workbench.db").display());
    let other = Store::connect(&url, 2).await.expect("SQLite opens again");
    let first = new_year();
    tick(&one, first).await;
    for day in 0..365 {
        // 02:30 in summer, the end of the skipped hour, 02:30 in winter.
        for minutes in [30, 60, 90] {
            let at = first + TimeDelta::days(day) + TimeDelta::minutes(minutes);
            tokio::join!(tick(&one, at), tick(&other, at));
        }
        end_fires(&one).await;
    }
    let fires = fires(&one).await;
    let of_stockholm: Vec<_> = fires.iter().filter(|fire| fire.zone.as_deref() == Some("Europe/Stockholm")).collect();
    let nights: Vec<_> = of_stockholm.iter().map(|fire| fire.fire_at.with_timezone(&Stockholm)).collect();
    assert_eq!(nights.len(), 365);
    assert!(nights.windows(2).all(|two| two[1].date_naive() == two[0].date_naive() + TimeDelta::days(1)));
    let moved: Vec<_> = nights.iter().filter(|at| at.format("%H:%M").to_string() != "02:30").collect();
    assert_eq!(moved.len(), 1, "only the night of the skipped hour is moved: {moved:?}");
    assert!(of_stockholm.iter().all(|fire| fire.cause == "on_time"));
}

#[tokio::test]
async fn a_fan_out_that_is_killed_neither_loses_nor_repeats_a_tenant() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let store = stored(&folder, 7).await;
    tick(&store, new_year()).await;
    let at = new_year() + TimeDelta::minutes(90);
    assert_eq!(tick(&store, at).await, 1);
    let fire = store.fires_at_work(10).await.expect("fires are read").remove(0);
    let mut batches = 0;
    loop {
        let mut killed = begin(&store, at).await;
        killed.fan_out(&fire, 3).await.expect("tenants are served");
        drop(killed);
        let mut tx = begin(&store, at).await;
        let more = tx.fan_out(&fire, 3).await.expect("tenants are served");
        tx.commit().await.expect("the transaction is kept");
        batches += 1;
        if !more {
            break;
        }
    }
    assert_eq!(batches, 3);
    let rows =
        sqlx::query("select tenant_id, count(*) as n from health_checks where fire_id is not null group by tenant_id")
            .fetch_all(&store.pool)
            .await
            .expect("checks are counted");
    assert_eq!(rows.len(), 7);
    let fire = fires(&store).await.remove(0);
    assert_eq!((fire.tenants, fire.fanned_out_at.is_some()), (7, true));
    assert_eq!(told(&store, "schedule_fanned_out").await.len(), 1);
    let due = sqlx::query(
        "select min(run_at) as first, max(run_at) as last from jobs j join health_checks h on h.job_id = j.id where fire_id is not null",
    );
    let due = due.fetch_one(&store.pool).await.expect("jobs are read");
    let (first, last): (i64, i64) = (sqlx::Row::get(&due, "first"), sqlx::Row::get(&due, "last"));
    let most = i64::try_from(Duration::from_mins(10).as_micros()).expect("ten minutes are few");
    assert!(first >= at.timestamp_micros() && last < at.timestamp_micros() + most && first < last);
}

#[tokio::test]
async fn what_was_missed_is_told_and_what_fell_into_a_pause_was_not_missed() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let store = stored(&folder, 1).await;
    let begin_at = new_year();
    tick(&store, begin_at).await;
    // Three nights without a daemon: the last is caught up.
    let back = begin_at + TimeDelta::days(2) + TimeDelta::hours(8);
    tick(&store, back).await;
    let missed: Vec<_> = told(&store, "schedule_missed").await;
    let stockholm = missed.iter().find(|one| one["zone"] == "Europe/Stockholm").expect("something was missed");
    assert_eq!(
        (&stockholm["missed"], &stockholm["caught_up"], &stockholm["given_up"]),
        (&3.into(), &1.into(), &2.into())
    );
    assert!(fires(&store).await.iter().all(|fire| fire.cause == "caught_up"));

    // The fire before has not served anybody yet.
    assert_eq!(tick(&store, begin_at + TimeDelta::days(3) + TimeDelta::minutes(90)).await, 0);
    assert!(!told(&store, "schedule_overlapped").await.is_empty());
    serve_all(&store, begin_at + TimeDelta::days(3) + TimeDelta::hours(3)).await;

    let pause = begin_at + TimeDelta::days(3) + TimeDelta::hours(4);
    let mut tx = begin(&store, pause).await;
    tx.pause_schedule("one/nightly", "too loud").await.expect("it is paused");
    tx.commit().await.expect("the transaction is kept");
    let before = fires(&store).await.len();
    tick(&store, pause + TimeDelta::days(1)).await;
    // No daemon looked for the last nights of the pause.
    let mut tx = begin(&store, pause + TimeDelta::days(4)).await;
    tx.resume_schedule("one/nightly", None).await.expect("it is resumed");
    tx.commit().await.expect("the transaction is kept");
    tick(&store, pause + TimeDelta::days(4)).await;
    assert_eq!(fires(&store).await.len(), before);
    assert_eq!(told(&store, "schedule_missed").await.len(), missed.len());
    assert_eq!(told(&store, "schedule_paused").await[0]["reason"], "too loud");
}

/// Runs a health check of `t0` that ends in `aggregate`.
async fn check(store: &Store, at: DateTime<Utc>, aggregate: &str) {
    let mut tx = begin(store, at).await;
    let job = NewJob::new(JobKind::HealthCheck, "t0", Retry::default());
    let (check_id, job_id) = tx.request_health_check(job).await.expect("a check is asked for");
    let claim = JobCommand::Claim { worker: "w".to_owned(), lease: Duration::from_mins(1) };
    let job = tx.command_job(&job_id, &claim).await.expect("the job is claimed");
    let outcome =
        HealthOutcome { aggregate: aggregate.to_owned(), checked_at: tx.now(), generation: 1, probes: Vec::new() };
    tx.finish_health_check(&job, &check_id, &outcome).await.expect("the check ends");
    tx.commit().await.expect("the transaction is kept");
}

async fn gate(store: &Store) -> StepStatus {
    let checklist = store.checklist_of("t0").await.expect("the checklist is there");
    checklist.step("go").expect("the gate is there").status
}

#[tokio::test]
async fn a_failure_closes_a_gate_unless_it_was_expected() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let store = stored(&folder, 1).await;
    let at = new_year();
    check(&store, at, "pass").await;
    let mut tx = begin(&store, at).await;
    let pass = Command::PatchStep {
        step: "go".to_owned(),
        patch: StepPatch { status: Some(StepStatus::Done), ..StepPatch::default() },
        expected_revisions: None,
        actor: "Petra".to_owned(),
        capabilities: vec!["gate:approve".to_owned()],
    };
    tx.decide("t0", &pass).await.expect("the gate opens");
    tx.commit().await.expect("the transaction is kept");

    for tenant_id in [Some("t0".to_owned()), None] {
        let mut tx = begin(&store, at).await;
        let new = NewMaintenanceWindow {
            tenant_id,
            starts_at: at,
            ends_at: at + TimeDelta::hours(1),
            reason: "the platform moves".to_owned(),
        };
        let window = tx.open_maintenance(&new).await.expect("a window is opened");
        tx.commit().await.expect("the transaction is kept");
        check(&store, at + TimeDelta::minutes(1), "fail").await;
        assert_eq!(gate(&store).await, StepStatus::Done);
        let latest = store.latest_health_check("t0").await.expect("checks are read").expect("there is one");
        assert_eq!(latest.aggregate.as_deref(), Some("fail"), "the result is recorded");
        let mut tx = begin(&store, at + TimeDelta::minutes(2)).await;
        tx.end_maintenance(&window.id, None).await.expect("the window is ended");
        tx.commit().await.expect("the transaction is kept");
    }
    check(&store, at + TimeDelta::minutes(2), "fail").await;
    assert_eq!(gate(&store).await, StepStatus::InProgress);
}

#[tokio::test]
async fn times_that_a_schedule_did_not_have_are_not_missed() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let store = stored(&folder, 1).await;
    let first = new_year();
    tick(&store, first).await;
    let changed = WORKFLOW.replace("version: 1", "version: 2").replace("30 2 * * *", "0 8 * * *");
    let loaded = load("one.yaml", &changed, &Known::default()).expect("a sound workflow");
    let mut tx = begin(&store, first).await;
    tx.store_workflow(&loaded).await.expect("the workflow is stored");
    tx.commit().await.expect("the transaction is kept");

    let afternoon = first + TimeDelta::hours(14);
    assert_eq!(tick(&store, afternoon).await, 0, "eight o'clock is past, and was not a time of the schedule then");
    assert!(told(&store, "schedule_missed").await.is_empty());
    assert_eq!(tick(&store, first + TimeDelta::hours(31)).await, 1, "it is one on the next morning");
}

#[tokio::test]
async fn fires_that_are_served_side_by_side_check_a_tenant_once() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let store = stored(&folder, 5).await;
    let schedule = schedule(&store).await;
    for second in 0..3 {
        let mut tx = begin(&store, new_year() + TimeDelta::seconds(second)).await;
        tx.run_schedule(&schedule, None).await.expect("it runs");
        tx.commit().await.expect("the transaction is kept");
    }
    serve_all(&store, new_year() + TimeDelta::minutes(1)).await;
    let mut tx = begin(&store, new_year()).await;
    let open = "select count(*) as n from health_checks where finished_at is null";
    let row = tx.maybe_row(sqlx::query(open)).await.expect("checks are counted").expect("a count");
    assert_eq!(row.int("n").expect("a number"), 5);
    // What the second of two processes finds, whose look at open checks was too early.
    let job = NewJob::new(JobKind::HealthCheck, "t0", Retry::default());
    tx.request_scheduled_check(job, "fire_other").await.expect("it is not asked for");
    let row = tx.maybe_row(sqlx::query(open)).await.expect("checks are counted").expect("a count");
    assert_eq!(row.int("n").expect("a number"), 5);
}

#[tokio::test]
async fn a_failure_cannot_be_retried_away() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let store = stored(&folder, 1).await;
    let at = new_year();
    check(&store, at, "pass").await;
    let mut tx = begin(&store, at + TimeDelta::minutes(1)).await;
    let once = Retry { max_attempts: 1, ..Retry::default() };
    let (_, job_id) =
        tx.request_health_check(NewJob::new(JobKind::HealthCheck, "t0", once)).await.expect("a check is asked for");
    let claim = JobCommand::Claim { worker: "w".to_owned(), lease: Duration::from_mins(1) };
    let attempt = tx.command_job(&job_id, &claim).await.expect("the job is claimed").attempt;
    let fail =
        JobCommand::Fail { attempt, error: "it broke".to_owned(), retryable: true, jitter: 0.5, not_within: None };
    tx.command_job(&job_id, &fail).await.expect("the job dies");
    for command in [JobCommand::Retry, JobCommand::Cancel] {
        tx.command_job(&job_id, &command).await.expect("a person may do that");
        let latest = tx.latest_health("t0").await.expect("checks are read").expect("there is one");
        assert_eq!(latest.status, "fail", "after {command:?}");
    }
}

#[tokio::test]
async fn a_check_that_somebody_waits_for_overtakes_a_night() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let store = stored(&folder, 5).await;
    let first = new_year();
    tick(&store, first).await;
    let night = first + TimeDelta::minutes(90);
    assert_eq!(tick(&store, night).await, 1);
    serve_all(&store, night).await;

    let morning = night + TimeDelta::hours(1);
    let mut tx = begin(&store, morning).await;
    let asked = NewJob::new(JobKind::HealthCheck, "t3", Retry::default());
    let (_, job_id) = tx.request_health_check(asked).await.expect("a check is asked for");
    // What openings have asked for is done.
    let done = "update jobs set state = 'succeeded' where background = 0 and id <> $1";
    tx.execute(sqlx::query(done).bind(&job_id)).await.expect("jobs are over");
    let handed = tx.hand_over(10, 2).await.expect("ids are handed over");
    assert_eq!((handed.first(), handed.len()), (Some(&job_id), 3), "and of the night's no more than there is room for");
    assert_eq!(tx.hand_over(10, 0).await.expect("ids are handed over").len(), 0);
    assert_eq!(tx.hand_over(10, 10).await.expect("ids are handed over").len(), 3);
}
