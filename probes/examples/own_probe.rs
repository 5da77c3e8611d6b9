//! A probe written in Rust, for what no declaration can say: does the platform's clock agree with ours?
//!
//! Signed requests and licences that are valid from a certain day fail on a platform whose clock is wrong, and nothing
//! in its answers says why. `cargo run -p workbench-probes --example own_probe` runs the probe against a sandbox; a
//! daemon that has it is a binary of its own whose `main` is
//! `workbench_api::cli::run_with(&[Arc::new(PlatformClock)])`.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::DATE;
use reqwest::{Client, redirect};
use tokio::net::TcpListener;
use url::Url;
use workbench_probes::sandbox::{self, MemoryWorld, SANDBOX_SECRET, SANDBOX_USER};
use workbench_probes::{
    AddressPolicy, HealthProbes, Limits, NotResolved, Probe, ProbeResult, ProbeStatus, Target, aggregate,
};

/// A difference that nobody notices, and one with which signatures are refused.
const TOLERATED: TimeDelta = TimeDelta::seconds(5);
const HARMFUL: TimeDelta = TimeDelta::minutes(1);

/// Compares the date of an answer with the time at which it came.
struct PlatformClock;

#[async_trait]
impl Probe for PlatformClock {
    fn name(&self) -> &'static str {
        "platform_clock"
    }

    async fn run(&self, target: &Target, limits: &Limits) -> ProbeResult {
        let told = |status, message: String, hint: &str| ProbeResult::new(self.name(), status, message, hint);
        let ahead = match ahead(target, limits).await {
            Ok(ahead) => ahead,
            // Nothing has been learnt of the platform: it is the probe that needs mending.
            Err(error) if matches!(error.downcast_ref(), Some(NotResolved::Refused(_))) => {
                return told(ProbeStatus::Error, error.to_string(), "Allow the platform's host and port for probes.");
            }
            Err(error) => {
                return told(
                    ProbeStatus::Fail,
                    format!("the platform tells no time: {error}"),
                    "See whether it is up.",
                );
            }
        };
        let hint = "Let the platform's machine set its clock by NTP.";
        let message = format!("the platform's clock is {} s off", ahead.num_seconds());
        match ahead.abs() {
            off if off > HARMFUL => told(ProbeStatus::Fail, message, hint),
            off if off > TOLERATED => told(ProbeStatus::Warn, message, hint),
            _ => told(ProbeStatus::Pass, "the platform's clock agrees with ours".to_owned(), ""),
        }
    }

    /// Changes with what is checked, so that results of other bounds do not pass for results of these.
    fn fingerprint(&self) -> String {
        format!("platform_clock {TOLERATED} {HARMFUL}")
    }
}

/// How far the platform's clock is ahead of ours.
async fn ahead(target: &Target, limits: &Limits) -> Result<TimeDelta, Box<dyn Error + Send + Sync>> {
    let host = target.base_url.host_str().ok_or("its address has no host")?;
    let port = target.base_url.port_or_known_default().ok_or("its address has no port")?;
    // Connects to the address that was found allowed, whatever the name stands for a moment later; and asks nobody
    // whom a redirect or a proxy would name.
    let address = limits.allow.resolve(&target.base_url).await?;
    let client = Client::builder()
        .resolve(host, SocketAddr::new(address, port))
        .redirect(redirect::Policy::none())
        .no_proxy()
        .timeout(limits.timeout)
        .build()?;
    let answer = client.head(target.base_url.clone()).send().await?;
    let date = answer.headers().get(DATE).ok_or("its answer has no date")?.to_str()?;
    Ok(DateTime::parse_from_rfc2822(date)?.to_utc() - Utc::now())
}

/// Runs the probe beside the shipped ones.
#[tokio::main]
pub async fn main() -> Result<(), Box<dyn Error>> {
    let mut probes = HealthProbes::default();
    probes.add(Arc::new(PlatformClock));

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let authority = listener.local_addr()?.to_string();
    let world = Arc::new(MemoryWorld::new());
    tokio::spawn(async move { axum::serve(listener, sandbox::router(world)).await });

    let target = Target {
        tenant_id: "acme".to_owned(),
        base_url: Url::parse(&format!("http://{authority}/acme"))?,
        user: SANDBOX_USER.to_owned(),
        secret: Some(SANDBOX_SECRET.into()),
    };
    let limits = Limits { allow: AddressPolicy::public().allowing(&authority), ..Limits::default() };
    let names: Vec<String> = probes.names().into_iter().map(str::to_owned).collect();
    let results = probes.run(&names, &target, &limits, |_| ()).await;
    for result in &results {
        println!("{}  {}: {}", result.status, result.probe, result.message);
    }
    println!("together: {}", aggregate(results.iter().map(|result| result.status)));
    match results.last() {
        Some(own) if own.status == ProbeStatus::Pass => Ok(()),
        _ => Err("the probe's own verdict is not the one expected of a sandbox".into()),
    }
}
