//! With the database or the queue away, requests are answered in time and in words, and everything works again by itself.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use workbench_tests::{Answer, Client, Daemon, Postgres, Redis, Setting, eventually};

/// Within this every request is answered, whatever hangs; the daemon promises eight seconds, the rest is the machine's.
const BOUND: Duration = Duration::from_secs(12);

async fn open(client: &Client) {
    let body = json!({ "tenant_id": "svbf", "name": "Boule", "country": "SE", "platform_url": "sandbox" });
    client.post("/sys/onboarding", &body).await.expect(201);
}

/// The readiness of a process, whatever its status.
async fn readiness(client: &Client) -> Answer {
    client.get("/readyz").await
}

async fn ready(client: &Client) -> Value {
    eventually("everything to be well", || async {
        let answer = readiness(client).await;
        (answer.body["status"] == "pass").then_some(answer.body)
    })
    .await
}

fn is_away(answer: Answer, asked: Instant) {
    assert!(asked.elapsed() < BOUND, "it took {:?}", asked.elapsed());
    assert!(answer.headers.contains_key("retry-after"), "{:#}", answer.body);
    let code = answer.problem(503);
    assert!(["timed_out", "store_unavailable"].contains(&code.as_str()), "{code}");
}

/// Reads and writes are refused in time, and so are pages.
async fn refuses_in_time(client: &Client) {
    let reads = ["/sys/onboarding/svbf", "/sys/jobs", "/sys/schedules", "/sys/events"];
    let asked = Instant::now();
    let answers = futures::future::join_all(reads.iter().map(|path| client.get(path))).await;
    for answer in answers {
        is_away(answer, asked);
    }
    let asked = Instant::now();
    let patched = client.patch("/sys/onboarding/svbf/steps/contract", &json!({ "note": "x" })).await;
    let said = format!("{} {}", patched.body["detail"], patched.body["hint"]);
    is_away(patched, asked);
    assert!(said.contains("may not have been carried out") && said.contains("Idempotency-Key"), "{said}");
    let asked = Instant::now();
    let checked = client.post("/sys/onboarding/svbf/health-check?wait=30s", &json!({})).await;
    is_away(checked, asked);
    let asked = Instant::now();
    is_away(client.upload("svbf", "m.csv", b"a,b\n1,2\n".to_vec(), &[]).await, asked);

    let asked = Instant::now();
    let readiness = readiness(client).await;
    assert!(asked.elapsed() < BOUND);
    assert!(readiness.headers.contains_key("retry-after"));
    let readiness = readiness.expect(503);
    assert_eq!((&readiness["status"], &readiness["parts"]["store"]["status"]), (&json!("fail"), &json!("fail")));
    assert!(readiness["parts"]["store"]["since"].is_string(), "{readiness:#}");
    client.get("/healthz").await.expect(200);
}

#[tokio::test]
async fn a_frozen_database_is_told_in_time() {
    let setting = Setting::shared().await;
    let client = setting.client();
    open(&client).await;
    let visitor = setting.visitor().await;
    assert_eq!(visitor.get("/").await.status, 200);
    ready(&client).await;

    setting.postgres().pause();
    let asked = Instant::now();
    let page = visitor.get("/").await;
    assert!(asked.elapsed() < BOUND, "it took {:?}", asked.elapsed());
    assert!(page.status == 503 && page.text.contains("<html"), "{} {}", page.status, page.text);
    refuses_in_time(&client).await;

    setting.postgres().go_on();
    ready(&client).await;
    client.patch("/sys/onboarding/svbf/steps/contract", &json!({ "assignee": "anna" })).await.expect(200);
    assert_eq!(visitor.get("/").await.status, 200);
}

#[tokio::test]
async fn a_killed_database_is_told_in_time() {
    let mut setting = Setting::shared().await;
    let client = setting.client();
    open(&client).await;
    ready(&client).await;
    setting.servers.as_mut().expect("the setting has servers").0.kill();
    refuses_in_time(&client).await;
    setting.servers.as_mut().expect("the setting has servers").0.resume().await;
    ready(&client).await;
    client.patch("/sys/onboarding/svbf/steps/contract", &json!({ "assignee": "anna" })).await.expect(200);
}

#[tokio::test]
async fn everything_is_well_embedded() {
    let setting = Setting::embedded();
    let readiness = ready(&setting.client()).await;
    let parts = readiness["parts"].as_object().expect("readiness has parts");
    let names: Vec<&str> = parts.keys().map(String::as_str).collect();
    let all = ["backlog", "definitions", "queue", "reconciler", "relay", "scheduler", "store", "workers"];
    assert_eq!(names, all, "{readiness:#}");
}

/// Times that a log says that a part works or does not.
fn said(daemon: &Daemon, what: &str, part: &str) -> usize {
    let log = daemon.log();
    log.lines().filter(|line| line.contains(what) && line.contains(&format!("\"part\":\"{part}\""))).count()
}

#[tokio::test]
async fn without_a_queue_writes_succeed_and_jobs_wait() {
    let (postgres, mut redis) = tokio::join!(Postgres::start(), Redis::start());
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let (database, queue) = (postgres.url(), redis.url());
    let places = ["--database-url", &database, "--redis-url", &queue, "--rehand-after", "1s"];
    let with = |command: &[&'static str]| [command, &places[..]].concat();
    let daemon = Daemon::start(
        folder.path(),
        &with(&["serve", "--no-worker", "--listen", "127.0.0.1:0", "--sandbox", "127.0.0.1:0"]),
    );
    let worker = Daemon::start(folder.path(), &with(&["worker", "--listen-health", "127.0.0.1:0"]));
    let (client, health) = (daemon.client(), Client::new(worker.said("health"), None));
    open(&client).await;
    ready(&client).await;
    ready(&health).await;

    redis.kill();
    let mut jobs = Vec::new();
    for _ in 0..3 {
        let started = client.post("/sys/onboarding/svbf/health-check", &json!({})).await.expect(202);
        jobs.push(started["job_id"].as_str().unwrap_or_default().to_owned());
    }
    eventually("the relay to be named", || async {
        let readiness = readiness(&client).await.expect(200);
        let parts = &readiness["parts"];
        (parts["relay"]["status"] == "fail" && parts["queue"]["status"] == "fail").then_some(())
    })
    .await;
    eventually("the workers to be named", || async {
        let readiness = readiness(&health).await;
        let named = readiness.status == 503 && readiness.body["parts"]["workers"]["status"] == "fail";
        named.then_some(())
    })
    .await;
    // Several tries go by.
    let since = readiness(&client).await.body["parts"]["relay"]["since"].clone();
    let mut looks = 0;
    eventually("further tries", || {
        looks += 1;
        let seen = looks > 60;
        async move { seen.then_some(()) }
    })
    .await;
    assert_eq!(readiness(&client).await.body["parts"]["relay"]["since"], since);

    redis.resume().await;
    for job in &jobs {
        assert_eq!(client.job_ended(job).await["state"], "succeeded");
    }
    ready(&client).await;
    ready(&health).await;
    for (process, part) in [(&daemon, "relay"), (&worker, "workers")] {
        assert_eq!(said(process, "does not work", part), 1, "{}", process.log());
        assert_eq!(said(process, "works again", part), 1, "{}", process.log());
    }
}
