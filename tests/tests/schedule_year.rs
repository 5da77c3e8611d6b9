//! Two daemons' stores on one Postgres, in time that the test tells: each night of a year fires once.

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use workbench_engine::definition::{Known, load};
use workbench_engine::log::Actor;
use workbench_engine::store::Store;
use workbench_tests::Postgres;

const WORKFLOW: &str = "name: one
version: 1
title: One
steps:
  - { id: first, title: First }
schedules:
  - { id: nightly, job: health_check, cron: 30 2 * * *, zone: Europe/Stockholm }
";

async fn tick(store: &Store, at: DateTime<Utc>) -> usize {
    let schedule = store.schedule("one/nightly").await.expect("the schedule is there");
    let mut fired = 0;
    for zone in store.clocks_due(&schedule, &[], at).await.expect("clocks are read") {
        let mut tx = store.begin(&Actor::workbench(), at).await.expect("a transaction begins");
        fired += tx.follow_clock(&schedule, &zone).await.expect("the clock is followed");
        tx.commit().await.expect("the transaction is kept");
    }
    for fire in store.fires_at_work(10).await.expect("fires are read") {
        let mut tx = store.begin(&Actor::workbench(), at).await.expect("a transaction begins");
        tx.fan_out(&fire, 100).await.expect("tenants are served");
        tx.commit().await.expect("the transaction is kept");
    }
    fired
}

#[tokio::test]
async fn two_daemons_on_one_postgres_fire_once_on_every_night_of_a_year() {
    let postgres = Postgres::start().await;
    let url = postgres.url();
    let (one, other) = tokio::join!(Store::connect(&url, 2), Store::connect(&url, 2));
    let (one, other) = (one.expect("Postgres is there"), other.expect("Postgres is there"));
    one.migrate(&url).await.expect("the schema is made");
    let mut tx = one.begin(&Actor::workbench(), Utc::now()).await.expect("a transaction begins");
    let loaded = load("one.yaml", WORKFLOW, &Known::default()).expect("a sound workflow");
    tx.store_workflow(&loaded).await.expect("the workflow is stored");
    tx.commit().await.expect("the transaction is kept");

    // A store never writes times that have passed.
    let first = NaiveDate::from_ymd_opt(Utc::now().year() + 1, 1, 1).expect("a date that exists");
    let first = first.and_hms_opt(0, 0, 0).expect("midnight exists").and_utc();
    tokio::join!(tick(&one, first), tick(&other, first));
    let mut counted = 0;
    for day in 0..365 {
        // 02:30 in summer, the end of the skipped hour, 02:30 in winter.
        for minutes in [30, 60, 90] {
            let at = first + TimeDelta::days(day) + TimeDelta::minutes(minutes);
            let (here, there) = tokio::join!(tick(&one, at), tick(&other, at));
            assert!(here + there <= 1, "twice at {at}");
            counted += here + there;
        }
    }
    assert_eq!(counted, 365);
    let fires = one.fires("one/nightly", 1000).await.expect("fires are read");
    assert_eq!(fires.len(), 365);
    // In UTC; the end of the skipped hour is 01:00.
    let hours: Vec<_> = fires.iter().map(|fire| fire.fire_at.format("%H:%M").to_string()).collect();
    assert_eq!(hours.iter().filter(|hour| *hour == "01:00").count(), 1);
    assert!(hours.iter().all(|hour| ["00:30", "01:00", "01:30"].contains(&hour.as_str())));
}
