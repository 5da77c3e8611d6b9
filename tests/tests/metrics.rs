//! What a daemon counts: all of it documented, and alerts and dashboard over nothing else.

use std::collections::BTreeSet;

use regex::Regex;
use serde_json::json;
use workbench_tests::{Setting, eventually};

const MANUAL: &str = include_str!("../../docs/metrics.md");
const ALERTS: &str = include_str!("../../deploy/alerts.yaml");
const DASHBOARD: &str = include_str!("../../deploy/dashboard.json");

/// Names of metrics in a text, without what their kind puts behind them.
fn names(text: &str) -> BTreeSet<String> {
    let name = Regex::new(r"workbench_[a-z_]+").expect("a pattern");
    let suffix = Regex::new(r"_(total|bucket|sum|count|info)$").expect("a pattern");
    name.find_iter(text).map(|found| suffix.replace(found.as_str(), "").into_owned()).collect()
}

async fn counts(setting: Setting) {
    let client = setting.client();
    let open = json!({ "tenant_id": "svbf", "name": "Boule", "country": "SE", "platform_url": "sandbox" });
    client.post("/sys/onboarding", &open).await.expect(201);
    client.post("/sys/onboarding/svbf/health-check?wait=60s", &json!({})).await;
    client.get("/sys/onboarding/nobody").await.expect(404);
    let text = client.with_token(None).text("/metrics").await;
    let told: BTreeSet<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .collect();
    let table: String = MANUAL.lines().filter(|line| line.starts_with("| `")).collect();
    let documented = names(&table);
    // A daemon that runs no jobs has none of their metrics to tell.
    if setting.servers.is_none() {
        assert_eq!(told, documented, "the manual and /metrics must tell the same");
    }
    assert!(told.is_subset(&documented), "{:?} are not in the manual", told.difference(&documented));
    for (what, text) in [("alerts", ALERTS), ("dashboard", DASHBOARD)] {
        let unknown: Vec<_> = names(text).into_iter().filter(|name| !documented.contains(name)).collect();
        assert!(unknown.is_empty(), "{what} use {unknown:?}");
    }
    assert!(text.ends_with("# EOF\n"), "OpenMetrics ends with a mark");
    let line = r#"workbench_http_requests_total{method="GET",route="/sys/onboarding/{tenant_id}",status="404"} 1"#;
    assert!(text.contains(line), "{text}");
    assert!(text.contains(r#"workbench_part_up{part="store"} 1"#), "{text}");
    assert!(!text.contains("svbf"), "no tenant is told:\n{text}");
    if setting.servers.is_none() {
        let asking = &client;
        eventually("the job to be counted", || async move {
            asking
                .text("/metrics")
                .await
                .contains(r#"workbench_job_attempts_total{kind="health_check",outcome="succeeded"} 1"#)
                .then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn what_is_counted_is_documented_embedded() {
    counts(Setting::embedded()).await;
}

#[tokio::test]
async fn what_is_counted_is_documented_shared() {
    counts(Setting::shared().await).await;
}

#[tokio::test]
async fn a_full_daemon_says_so_at_once() {
    let setting = Setting::embedded_with(&["--requests-at-once", "1", "--probe-timeout", "10s"]);
    let client = setting.client();
    let open = json!({ "tenant_id": "svbf", "name": "Boule", "country": "SE", "platform_url": "sandbox" });
    client.post("/sys/onboarding", &open).await.expect(201);
    setting.sandbox().patch("/svbf/settings", &json!({ "fault": { "slow": { "ms": 60_000 } } })).await.expect(200);
    // Holds the only place for as long as the probes take.
    let waiting = client.clone();
    let waits =
        tokio::spawn(async move { waiting.post("/sys/onboarding/svbf/health-check?wait=30s", &json!({})).await });
    let asking = &client;
    eventually("the place to be taken", || async move {
        asking.text("/metrics").await.contains("workbench_http_in_flight 1").then_some(())
    })
    .await;
    let refused = client.get("/sys/jobs").await;
    assert_eq!(refused.headers.get("retry-after").and_then(|value| value.to_str().ok()), Some("1"));
    assert_eq!(refused.problem(503), "overloaded");
    client.get("/healthz").await.expect(200);
    client.get("/readyz").await.expect(200);
    let text = client.text("/metrics").await;
    assert!(text.contains("workbench_http_shed_total 1"), "{text}");
    waits.await.expect("the waiting request is answered");
    eventually("a place to be free", || async { (client.get("/sys/jobs").await.status.as_u16() == 200).then_some(()) })
        .await;
}
