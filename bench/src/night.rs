//! A night: the schedule that re-checks every tenant, against what the sandbox platform answers to a bare client.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chrono::Utc;
use clap::Args;
use reqwest::Client as Bare;
use serde_json::{Value, json};
use workbench_engine::checklist::{Command, StepPatch, StepStatus};
use workbench_engine::definition::Definition;
use workbench_engine::log::Actor;
use workbench_engine::store::{NewTenant, Opening, Store};
use workbench_probes::sandbox::{SANDBOX_SECRET, SANDBOX_USER};
use workbench_tests::{Daemon, Postgres, Redis};

use crate::measure::memory;

/// Tenants of this workflow are live after one step, and therefore checked every night.
const WORKFLOW: &str = "name: night
version: 1
title: Live at once
steps:
  - { id: go_live, title: Go live }
probes: [sample_login, sample_transaction, sample_member_report]
";

/// Tenants opened in one transaction.
const BATCH: usize = 500;
/// For how long the bare client asks.
const BARE: Duration = Duration::from_secs(20);
/// Requests that the three shipped probes make in one check.
const REQUESTS: u64 = 5;

/// How large the night is.
#[derive(Args)]
pub struct Night {
    /// Tenants that are live.
    #[arg(long, default_value_t = 100_000)]
    tenants: usize,
    /// Jobs and probes at once, and connections of the bare client.
    #[arg(long, default_value_t = 16)]
    concurrency: usize,
}

/// Measures and prints the table.
pub async fn run(folder: &Path, night: &Night) -> Result<(), Box<dyn Error>> {
    let (postgres, redis) = (Postgres::start_durable().await, Redis::start().await);
    let workflows = folder.join("workflows");
    std::fs::create_dir(&workflows)?;
    std::fs::write(workflows.join("night.yaml"), WORKFLOW)?;
    let (workflows, at_once) = (workflows.display().to_string(), night.concurrency.to_string());
    let (database, queue) = (postgres.url(), redis.url());
    let arguments = [
        ["--listen", "127.0.0.1:0"],
        ["--sandbox", "127.0.0.1:0"],
        ["--database-url", &database],
        ["--redis-url", &queue],
        ["--workflows", &workflows],
        ["--concurrency", &at_once],
        ["--probe-concurrency", &at_once],
        ["--probe-host-concurrency", &at_once],
    ];
    let arguments: Vec<&str> = ["serve"].into_iter().chain(arguments.into_iter().flatten()).collect();
    let daemon = Daemon::start(&folder.join("data"), &arguments);
    let store = Store::connect(&database, 4).await?;
    open_all(&store, night.tenants).await?;
    let _ = postgres.sql("analyze");
    let _ = postgres.sql("checkpoint");

    let bare = ask(daemon.said("sandbox").trim_end_matches('/'), night).await?;
    let client = daemon.client();
    let process = daemon.id().to_string();
    let idle = memory(&process, "VmRSS")?;
    let started = Instant::now();
    client.post("/sys/schedules/night/nightly_health/run", &json!({})).await.expect(202);
    // Most memory held in each tenth of the night: flat means that the last is like the second.
    let (mut held, mut fanned_out) = ([0; 10], None);
    let checks = loop {
        if fanned_out.is_none() {
            let schedule = client.get("/sys/schedules/night/nightly_health").await.expect(200);
            fanned_out = (!schedule["last"]["fanned_out_at"].is_null()).then(|| started.elapsed());
        }
        let done: usize = postgres.sql("select count(*) from health_checks where finished_at is not null").parse()?;
        let tenth = (done * held.len() / night.tenants).min(held.len() - 1);
        held[tenth] = held[tenth].max(memory(&process, "VmRSS")?);
        if done >= night.tenants {
            break started.elapsed();
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    };
    let failed = postgres.sql("select count(*) from health_checks where aggregate is null or aggregate = 'fail'");
    if failed != "0" {
        return Err(format!("{failed} checks of sound platforms did not pass").into());
    }

    #[allow(clippy::cast_precision_loss, reason = "counts far below the limit of exactness")]
    let per_second = night.tenants as f64 / checks.as_secs_f64();
    #[allow(clippy::cast_precision_loss, reason = "counts far below the limit of exactness")]
    let asked = per_second * REQUESTS as f64;
    println!("| A night of {} tenants | Requests per second | Against bare | Memory above idle |", night.tenants);
    println!("|---|---|---|---|");
    println!("| bare client, {} at once | {bare:.0} | 1.00 | |", night.concurrency);
    println!(
        "| **ours**: {per_second:.0} checks per second | {asked:.0} | {:.2} | {} MiB |",
        asked / bare,
        (memory(&process, "VmHWM")?.saturating_sub(idle)) / 1024
    );
    println!();
    let held: Vec<String> = held.iter().map(|kib| (kib / 1024).to_string()).collect();
    println!(
        "All jobs were given out after {:.0} s, all checks done after {:.0} s. MiB held in each tenth: {}.",
        fanned_out.unwrap_or(checks).as_secs_f64(),
        checks.as_secs_f64(),
        held.join(", ")
    );
    println!();
    Ok(())
}

/// Opens so many onboardings and lets them go live, through the engine as the daemon does.
async fn open_all(store: &Store, tenants: usize) -> Result<(), Box<dyn Error>> {
    let definition = store.definition("night", 1).await?;
    let numbers: Vec<usize> = (0..tenants).collect();
    for batch in numbers.chunks(BATCH) {
        open(store, &definition, batch).await?;
    }
    Ok(())
}

async fn open(store: &Store, definition: &Definition, numbers: &[usize]) -> Result<(), Box<dyn Error>> {
    let live = Command::PatchStep {
        step: "go_live".to_owned(),
        patch: StepPatch { status: Some(StepStatus::Done), ..StepPatch::default() },
        expected_revisions: None,
        actor: "bench".to_owned(),
        capabilities: Vec::new(),
    };
    let mut tx = store.begin(&Actor::workbench(), Utc::now()).await?;
    for number in numbers {
        let id = tenant(*number);
        let new = NewTenant {
            name: id.clone(),
            id: id.clone(),
            country: "SE".to_owned(),
            kind: "sandbox".to_owned(),
            time_zone: "Europe/Stockholm".to_owned(),
            language: "sv".to_owned(),
            hierarchy_depth: 2,
            platform_url: Some("sandbox".to_owned()),
            probe_user: None,
            probe_secret: None,
        };
        tx.create_tenant(&new).await?;
        tx.open_checklist(&Opening { tenant_id: &id, definition, target_go_live: None }).await?;
        tx.decide(&id, &live).await?;
    }
    tx.commit().await?;
    Ok(())
}

fn tenant(number: usize) -> String {
    format!("tenant-{number:06}")
}

/// Requests per second of a client that asks what a check asks and looks at nothing.
async fn ask(sandbox: &str, night: &Night) -> Result<f64, Box<dyn Error>> {
    let (answered, next) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let client = Bare::builder().build()?;
    let started = Instant::now();
    let mut askers = tokio::task::JoinSet::new();
    for _ in 0..night.concurrency {
        let (client, answered, next) = (client.clone(), Arc::clone(&answered), Arc::clone(&next));
        let (sandbox, tenants) = (sandbox.to_owned(), u64::try_from(night.tenants)?);
        askers.spawn(async move {
            while started.elapsed() < BARE {
                let number = next.fetch_add(1, Ordering::Relaxed) % tenants;
                let platform = format!("{sandbox}/{}", tenant(usize::try_from(number).unwrap_or_default()));
                check(&client, &platform).await?;
                answered.fetch_add(REQUESTS, Ordering::Relaxed);
            }
            Ok::<(), reqwest::Error>(())
        });
    }
    while let Some(ended) = askers.join_next().await {
        ended??;
    }
    #[allow(clippy::cast_precision_loss, reason = "a count far below the limit of exactness")]
    let answered = answered.load(Ordering::Relaxed) as f64;
    Ok(answered / started.elapsed().as_secs_f64())
}

/// What the three shipped probes ask.
async fn check(client: &Bare, platform: &str) -> reqwest::Result<()> {
    let mut token = String::new();
    for _ in 0..3 {
        let login = json!({ "user": SANDBOX_USER, "password": SANDBOX_SECRET });
        let answer = client.post(format!("{platform}/login")).json(&login).send().await?.error_for_status()?;
        answer.json::<Value>().await?["token"].as_str().unwrap_or_default().clone_into(&mut token);
    }
    let transaction = json!({ "amount": "1.00", "currency": "SEK", "tag": "bench", "dry_run": true });
    let transact = client.post(format!("{platform}/transactions")).bearer_auth(&token).json(&transaction);
    transact.send().await?.error_for_status()?.bytes().await?;
    let report = client.get(format!("{platform}/reports/members")).bearer_auth(&token);
    report.send().await?.error_for_status()?.bytes().await?;
    Ok(())
}
