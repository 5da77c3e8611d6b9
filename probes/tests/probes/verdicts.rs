//! What the shipped probes make of a sandbox platform in each of its states.

use std::sync::Arc;
use std::time::Duration;

use workbench_probes::ProbeStatus::{Fail, Pass, Warn};
use workbench_probes::sandbox::Fault;
use workbench_probes::{Aggregate, HealthProbes, Limits, ProbeResult, ProbeStatus, aggregate};

use crate::serving::{allowing, one_step, run_shipped, sandbox, target};

const LOGIN: &str = "sample_login";
const TRANSACTION: &str = "sample_transaction";
const REPORT: &str = "sample_member_report";

async fn run_all(provider: Option<&str>, members: u64, fault: Option<Fault>) -> Vec<ProbeResult> {
    let (authority, _) = sandbox(provider, members, fault).await;
    let probes = HealthProbes::default();
    let names: Vec<String> = probes.names().into_iter().map(str::to_owned).collect();
    probes.run(&names, &target(&authority), &allowing(&authority), |_| ()).await
}

fn statuses(results: &[ProbeResult]) -> Vec<ProbeStatus> {
    results.iter().map(|result| result.status).collect()
}

#[tokio::test]
async fn a_platform_with_provider_and_members_passes() {
    let results = run_all(Some("swish"), 3, None).await;
    assert_eq!(statuses(&results), [Pass, Pass, Pass], "{results:#?}");
    assert_eq!(aggregate(statuses(&results)), Aggregate::Pass);
    assert_eq!(results[0].message, "the probe account logged in");
    assert!(results.iter().all(|result| result.hint.is_empty() && result.attempts == 1));
}

#[tokio::test]
async fn a_fresh_platform_warns_of_what_is_missing() {
    let results = run_all(None, 0, None).await;
    assert_eq!(statuses(&results), [Pass, Warn, Warn], "{results:#?}");
    assert_eq!(aggregate(statuses(&results)), Aggregate::Warn);
    assert_eq!(results[1].message, "the transaction was recorded, but no payment provider is configured");
    assert!(results[1].hint.contains(r#"{"payment_provider":"swish"}"#));
    assert_eq!(results[2].message, "the report is empty: nothing has been imported");
    assert_eq!(results[1].attempts, 1, "a warning is an answer and not tried again");
}

#[tokio::test]
async fn every_fault_has_its_verdict() {
    for (fault, verdicts, message) in [
        (Fault::Slow { ms: 1 }, [Pass, Pass, Pass], "the probe account logged in"),
        (
            Fault::Error500,
            [Fail, Fail, Fail],
            "the platform failed while logging in (POST /login was answered with 500",
        ),
        (
            Fault::WrongBody,
            [Fail, Fail, Fail],
            "the platform accepted the login but gave no token (POST /login was answered with 200",
        ),
        (Fault::LoginRefused, [Fail, Fail, Fail], "the platform refused the probe account (POST /login was answered"),
    ] {
        let results = run_all(Some("swish"), 3, Some(fault.clone())).await;
        assert_eq!(statuses(&results), verdicts, "{fault:?}: {results:#?}");
        assert!(results[0].message.starts_with(message), "{fault:?}: {}", results[0].message);
        let hints = results.iter().filter(|result| result.status == Fail).all(|result| !result.hint.is_empty());
        assert!(hints, "{fault:?}: a failure comes with something to do about it");
    }
}

#[tokio::test]
async fn a_platform_that_is_too_slow_fails_every_probe() {
    let (authority, _) = sandbox(Some("swish"), 3, Some(Fault::Slow { ms: 60_000 })).await;
    let limits = Limits { timeout: Duration::from_millis(300), ..allowing(&authority) };
    for probe in [LOGIN, TRANSACTION, REPORT] {
        let result = run_shipped(probe, &target(&authority), &limits).await;
        assert_eq!(result.status, Fail, "{result:#?}");
        assert_eq!(result.message, "POST /login was not answered within the probe's time");
    }
}

#[tokio::test]
async fn a_bad_certificate_fails_every_probe() {
    let (authority, world) = sandbox(Some("swish"), 3, Some(Fault::BadCertificate)).await;
    let mut target = target(&authority);
    target.base_url.set_scheme("https").expect("http can become https");
    for probe in [LOGIN, TRANSACTION, REPORT] {
        let result = run_shipped(probe, &target, &allowing(&authority)).await;
        assert_eq!((result.status, result.attempts), (Fail, 2), "{result:#?}");
        assert!(result.message.starts_with("no secure connection"), "{}", result.message);
    }
    assert!(world.calls("acme").is_empty(), "nothing was said before the certificate was judged");
}

#[tokio::test]
async fn a_wrong_secret_fails_the_login() {
    let (authority, _) = sandbox(None, 0, None).await;
    let mut target = target(&authority);
    target.secret = Some("of last year".into());
    let result = run_shipped(LOGIN, &target, &allowing(&authority)).await;
    assert_eq!(result.status, Fail);
    assert!(result.message.starts_with("the platform refused the probe account"), "{}", result.message);
}

#[tokio::test]
async fn only_a_probe_that_uses_the_secret_needs_one() {
    let (authority, _) = sandbox(None, 0, None).await;
    let mut target = target(&authority);
    target.secret = None;
    let asking = one_step(
        "timeout: 5s",
        "request: { method: GET, path: /calls }\nassert: [{ that: status == 200, message: it did not answer }]",
    );
    let mut probes = HealthProbes::default();
    probes.set_health_probes(vec![Arc::new(asking)]);
    let asked = probes.run(&["asking".to_owned()], &target, &allowing(&authority), |_| ()).await.remove(0);
    assert_eq!(asked.status, Pass, "{asked:#?}");
    let login = run_shipped(LOGIN, &target, &allowing(&authority)).await;
    assert_eq!(login.status, ProbeStatus::Error);
    assert!(login.message.contains("no `probe_secret`"), "{}", login.message);
}

#[tokio::test]
async fn a_result_shows_its_steps_and_no_secret() {
    let (authority, world) = sandbox(None, 0, None).await;
    let result = run_shipped(TRANSACTION, &target(&authority), &allowing(&authority)).await;

    let steps: Vec<_> =
        result.steps.iter().map(|step| (step.name.as_str(), step.request.as_str(), step.status)).collect();
    assert_eq!(steps, [("log in", "POST /login", Pass), ("make a transaction", "POST /transactions", Warn)]);
    assert_eq!(result.steps[0].expected, "status == 200");
    assert_eq!(result.steps[0].observed, r#"200 {"token":"***"}"#);
    assert!(result.steps[1].observed.contains("recorded_without_payment"), "{}", result.steps[1].observed);
    assert_eq!(world.calls("acme"), ["POST /login", "POST /transactions"]);

    let json = serde_json::to_string(&result).expect("a result has a JSON form");
    assert!(json.contains(r#""status":"warn""#));
    assert_eq!(serde_json::from_str::<ProbeResult>(&json).expect("and is read from it"), result);
}

#[tokio::test]
async fn an_empty_report_and_a_full_one_differ() {
    for (members, status) in [(0, Warn), (1, Pass)] {
        let (authority, _) = sandbox(None, members, None).await;
        let result = run_shipped(REPORT, &target(&authority), &allowing(&authority)).await;
        assert_eq!(result.status, status, "{members} members: {result:#?}");
    }
}
