//! Running a declared probe: attempts until there is a verdict.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use tokio::time::{Instant as Deadline, sleep};

use super::exchange::Connection;
use super::verdict::Verdict;
use super::{DeclaredProbe, Manner};
use crate::result::{EarlierAttempt, ProbeResult, milliseconds};
use crate::status::ProbeStatus;
use crate::target::{Limits, Target};

/// How long a platform is left alone before it is tried again.
const PAUSE: Duration = Duration::from_millis(250);

pub(super) async fn run(probe: &DeclaredProbe, target: &Target, limits: &Limits) -> ProbeResult {
    let started_at = Utc::now();
    let started = Instant::now();
    let time = probe.timeout.min(limits.timeout);
    let kept = match &probe.manner {
        Manner::Requests(requests) => requests.kept(time),
        Manner::Command(_) => Duration::ZERO,
    };
    // Without what is kept for a clean-up.
    let deadline = Deadline::now() + time - kept;

    let mut earlier = Vec::new();
    let (verdict, message) = loop {
        let begun = Instant::now();
        let verdict = match &probe.manner {
            Manner::Requests(requests) => match Connection::open(&target.base_url, &limits.allow) {
                Err(reason) => Verdict::broken(reason),
                Ok(connection) => requests.attempt(target, Arc::new(connection), deadline, kept).await,
            },
            Manner::Command(command) => command.attempt(target, limits, deadline).await,
        };
        let message = message(probe, &verdict);
        // Only a failure may be a passing one: a warning is an answer, and a broken probe stays broken.
        let tries = earlier.len() + 1;
        let again = verdict.status() == ProbeStatus::Fail && tries < probe.attempts;
        if !again || Deadline::now() + PAUSE >= deadline {
            break (verdict, message);
        }
        earlier.push(EarlierAttempt {
            status: verdict.status(),
            message,
            duration_ms: milliseconds(begun.elapsed()),
            steps: verdict.steps,
        });
        sleep(PAUSE).await;
    };

    ProbeResult {
        probe: probe.name.clone(),
        status: verdict.status(),
        message,
        hint: verdict.finding.map(|finding| finding.hint).unwrap_or_default(),
        started_at,
        duration_ms: milliseconds(started.elapsed()),
        attempts: u32::try_from(earlier.len() + 1).unwrap_or(u32::MAX),
        steps: verdict.steps,
        measures: verdict.measures,
        earlier,
    }
}

/// What is said of an attempt.
fn message(probe: &DeclaredProbe, verdict: &Verdict) -> String {
    let finding = verdict.finding.as_ref().map(|finding| finding.message.clone());
    finding
        .or_else(|| verdict.said.clone())
        .or_else(|| probe.pass_message.clone())
        .unwrap_or_else(|| format!("{}: all of it works", probe.title))
}
