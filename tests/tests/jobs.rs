//! Jobs from the command line, and a reader that stops reading.

use std::process::Command;

use serde_json::json;
use workbench_tests::{Client, Setting, workbench};

/// A command that talks to the setting's daemon.
fn command(setting: &Setting, arguments: &[&str]) -> Command {
    let mut command = Command::new(workbench());
    command
        .args(arguments)
        .env("WORKBENCH_URL", setting.client().url)
        .env("WORKBENCH_TOKEN_FILE", setting.data().join("token"));
    command
}

fn said(setting: &Setting, arguments: &[&str]) -> String {
    let output = command(setting, arguments).output().expect("the binary can be started");
    let text = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{arguments:?}: {text}");
    text
}

/// Uploads what cannot be read; the job that gave up on it.
async fn dead_job(client: &Client) -> String {
    let fields = [("format", "sie")];
    let uploaded =
        client.upload("svbf", "no.se", b"nothing that a bookkeeper has seen".to_vec(), &fields).await.expect(202);
    let id = uploaded["id"].as_str().unwrap_or_default();
    let failed = client.import_after("svbf", id, &["queued", "parsing"]).await;
    assert_eq!(failed["state"], "failed", "{failed:#}");
    failed["job_id"].as_str().or(uploaded["job_id"].as_str()).expect("an import has a job").to_owned()
}

async fn dead_jobs_are_seen(setting: Setting) {
    let client = setting.client();
    for tenant in ["svbf", "nbf"] {
        let body = json!({ "tenant_id": tenant, "name": "Boule", "country": "SE", "platform_url": "sandbox" });
        client.post("/sys/onboarding", &body).await.expect(201);
    }
    let dead = dead_job(&client).await;
    client.post("/sys/onboarding/nbf/health-check?wait=60s", &json!({})).await.expect(200);

    let listed = said(&setting, &["jobs", "list", "--dead"]);
    assert!(listed.contains(&dead) && !listed.contains("nbf"), "{listed}");
    let others = said(&setting, &["jobs", "list", "--kind", "health_check", "--tenant", "nbf"]);
    assert!(others.contains("succeeded") && !others.contains(&dead), "{others}");
    let none = said(&setting, &["jobs", "list", "--tenant", "a&state=failed"]);
    assert_eq!(none, "", "a tenant's name is no further filter");
    // Page by page, every job comes once.
    let first = said(&setting, &["jobs", "list", "--limit", "1"]);
    let cursor = first.lines().find_map(|line| line.strip_prefix("More with --cursor ")).expect("there is more");
    let second = said(&setting, &["jobs", "list", "--limit", "1", "--cursor", cursor]);
    assert_ne!(first.lines().next(), second.lines().next());

    let shown = said(&setting, &["jobs", "show", &dead]);
    assert!(shown.contains("failed") && shown.contains("   1. failed"), "{shown}");
    let job = client.get(&format!("/sys/jobs/{dead}")).await.expect(200);
    let worker = job["attempts"][0]["worker"].as_str().expect("an attempt has a worker");
    assert!(shown.contains(worker) && shown.contains(job["last_error"].as_str().expect("an error")), "{shown}");
    let refused = command(&setting, &["jobs", "cancel", &dead]).output().expect("the binary can be started");
    assert!(!refused.status.success(), "what has ended cannot be cancelled");

    let retried = said(&setting, &["jobs", "retry", &dead, "--reason", "The bookkeeper was asked"]);
    assert!(retried.contains(&dead), "{retried}");
    let events = client.events("svbf").await;
    let event = events.iter().find(|event| event["kind"] == "job_retried").expect("it is an event");
    assert_eq!(event["payload"]["reason"], "The bookkeeper was asked");
}

#[tokio::test]
async fn dead_jobs_are_seen_embedded() {
    dead_jobs_are_seen(Setting::embedded()).await;
}

#[tokio::test]
async fn dead_jobs_are_seen_shared() {
    dead_jobs_are_seen(Setting::shared().await).await;
}

/// As behind `| head` that has seen enough.
#[test]
fn a_reader_that_goes_away_is_no_panic() {
    for word in ["schema", "openapi", "rules"] {
        let (reader, writer) = std::io::pipe().expect("a pipe can be made");
        drop(reader);
        let output = Command::new(workbench()).arg(word).stdout(writer).output().expect("the binary can be started");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), &*complaint), (Some(141), ""), "{word}");
    }
}
