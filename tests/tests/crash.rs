//! Processes are killed with -9 in the midst of their work, Redis forgets everything: the work completes exactly once.

use serde_json::{Value, json};
use workbench_tests::{Client, Setting, eventually, members};

/// Rows enough that loading them can be interrupted.
const ROWS: usize = 60_000;

async fn open(client: &Client) {
    let body = json!({ "tenant_id": "svbf", "name": "Boule", "country": "SE", "platform_url": "sandbox" });
    client.post("/sys/onboarding", &body).await.expect(201);
}

fn count(events: &[Value], kind: &str, subject: &str) -> usize {
    let of_subject = |event: &&Value| event["payload"].to_string().contains(subject);
    events.iter().filter(|event| event["kind"] == kind).filter(of_subject).count()
}

/// The attempt of the killed worker is lost, and one later attempt, the last, has done the work. On a machine that is
/// slow enough, a lease in between may run out as well.
fn assert_taken_over(job: &Value) {
    let outcomes: Vec<_> =
        job["attempts"].as_array().into_iter().flatten().map(|attempt| attempt["outcome"].clone()).collect();
    assert_eq!((outcomes.first(), outcomes.last()), (Some(&json!("lost")), Some(&json!("succeeded"))), "{job:#}");
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == "succeeded").count(), 1, "{job:#}");
}

/// Uploads and waits for the preview.
async fn previewed(client: &Client, rows: usize) -> Value {
    let uploaded = client.upload("svbf", "members.csv", members(rows), &[]).await.expect(202);
    let id = uploaded["id"].as_str().expect("an import has an id");
    let preview = client.import_after("svbf", id, &["queued", "parsing"]).await;
    assert_eq!(preview["state"], "preview", "{preview:#}");
    preview
}

async fn kill_in_mid_import(mut setting: Setting) {
    let client = setting.client();
    open(&client).await;
    let import = previewed(&client, ROWS).await;
    let id = import["id"].as_str().expect("an import has an id");
    let confirmed = client.post(&format!("/sys/onboarding/svbf/imports/{id}/confirm"), &json!({})).await.expect(202);
    let job = confirmed["job_id"].as_str().expect("a confirmed import has a job").to_owned();

    let path = format!("/sys/onboarding/svbf/imports/{id}");
    let (asking, path) = (&client, path.as_str());
    eventually("the load to be under way", || async move {
        let import = asking.get(path).await.expect(200);
        assert_eq!(import["state"], "loading", "the load ended before it could be interrupted");
        (import["loaded"].as_i64()? > 0).then_some(())
    })
    .await;
    setting.kill_and_restart_workers();

    // The daemon may have come back on another port.
    let client = setting.client();
    let stored = client.import_after("svbf", id, &["loading"]).await;
    assert_eq!(stored["state"], "completed", "{stored:#}");
    assert_eq!((&stored["loaded"], &stored["counts"]["records_new"]), (&json!(ROWS), &json!(ROWS)));
    let job = client.job_ended(&job).await;
    assert_taken_over(&job);

    let events = client.events("svbf").await;
    assert_eq!(count(&events, "import_completed", id), 1);
    assert_eq!(count(&events, "job_succeeded", job["id"].as_str().unwrap_or_default()), 1);
    // The same file again finds every record as it was stored.
    let again = previewed(&client, ROWS).await;
    assert_eq!(again["counts"]["records_unchanged"], ROWS);
    assert_eq!(again["counts"]["records_new"], 0);
    let (holds, said) = setting.tool(&["audit", "verify"]);
    assert!(holds, "{said}");
}

async fn kill_in_mid_rollback(mut setting: Setting) {
    let client = setting.client();
    open(&client).await;
    let import = previewed(&client, ROWS).await;
    let id = import["id"].as_str().expect("an import has an id");
    client.post(&format!("/sys/onboarding/svbf/imports/{id}/confirm"), &json!({})).await.expect(202);
    assert_eq!(client.import_after("svbf", id, &["loading"]).await["state"], "completed");
    let path = format!("/sys/onboarding/svbf/imports/{id}");
    let asked = client.post(&format!("{path}/rollback"), &json!({ "reason": "the wrong file" })).await.expect(202);
    let job = asked["job_id"].as_str().expect("a rollback has a job").to_owned();
    let (asking, path) = (&client, path.as_str());
    eventually("the rollback to be under way", || async move {
        let import = asking.get(path).await.expect(200);
        assert_eq!(import["state"], "rolling_back", "it ended before it could be interrupted");
        (import["progress"]["done"].as_i64()? > 0).then_some(())
    })
    .await;
    setting.kill_and_restart_workers();

    let client = setting.client();
    assert_eq!(client.import_after("svbf", id, &["rolling_back"]).await["state"], "rolled_back");
    let job = client.job_ended(&job).await;
    assert_taken_over(&job);
    assert_eq!(count(&client.events("svbf").await, "import_rolled_back", id), 1);
    assert_eq!(previewed(&client, ROWS).await["counts"]["records_new"], ROWS);
    let (holds, said) = setting.tool(&["audit", "verify"]);
    assert!(holds, "{said}");
}

async fn kill_in_mid_health_check(mut setting: Setting) {
    let client = setting.client();
    open(&client).await;
    setting.sandbox().patch("/svbf/settings", &json!({ "fault": { "slow": { "ms": 20_000 } } })).await.expect(200);
    let started = client.post("/sys/onboarding/svbf/health-check", &json!({})).await.expect(202);
    let (check, job) = (started["id"].as_str().unwrap_or_default(), started["job_id"].as_str().unwrap_or_default());
    let path = format!("/sys/jobs/{job}");
    let (asking, path) = (&client, path.as_str());
    eventually("the check to run", || async move {
        let job = asking.get(path).await.expect(200);
        (job["state"] == "running").then_some(())
    })
    .await;
    setting.kill_and_restart_workers();
    setting.sandbox().patch("/svbf/settings", &json!({ "fault": null })).await.expect(200);

    let client = setting.client();
    let job = client.job_ended(job).await;
    assert_eq!(job["state"], "succeeded", "{job:#}");
    let events = client.events("svbf").await;
    assert_eq!(count(&events, "health_checked", check), 1);
    let found = client.get(&format!("/sys/onboarding/svbf/health/{check}")).await.expect(200);
    assert_eq!(found["probes"].as_array().map(Vec::len), Some(3), "{found:#}");
    let (holds, said) = setting.tool(&["audit", "verify"]);
    assert!(holds, "{said}");
}

#[tokio::test]
async fn an_import_survives_its_worker_embedded() {
    kill_in_mid_import(Setting::embedded()).await;
}

#[tokio::test]
async fn an_import_survives_its_worker_on_postgres_and_redis() {
    kill_in_mid_import(Setting::shared().await).await;
}

#[tokio::test]
async fn a_rollback_survives_its_worker_embedded() {
    kill_in_mid_rollback(Setting::embedded()).await;
}

#[tokio::test]
async fn a_rollback_survives_its_worker_on_postgres_and_redis() {
    kill_in_mid_rollback(Setting::shared().await).await;
}

#[tokio::test]
async fn a_health_check_survives_its_worker_embedded() {
    kill_in_mid_health_check(Setting::embedded()).await;
}

#[tokio::test]
async fn a_health_check_survives_its_worker_on_postgres_and_redis() {
    kill_in_mid_health_check(Setting::shared().await).await;
}

#[tokio::test]
async fn jobs_survive_a_redis_that_forgets_everything() {
    let mut setting = Setting::shared().await;
    let client = setting.client();
    open(&client).await;
    let check = || async {
        let started = client.post("/sys/onboarding/svbf/health-check", &json!({})).await.expect(202);
        started["job_id"].as_str().unwrap_or_default().to_owned()
    };
    let before = check().await;
    if let Some((_, redis)) = &setting.servers {
        redis.flush();
    }
    let after_flush = check().await;
    for job in [before, after_flush] {
        assert_eq!(client.job_ended(&job).await["state"], "succeeded");
    }
    if let Some((_, redis)) = &mut setting.servers {
        redis.kill();
    }
    let while_down = check().await;
    if let Some((_, redis)) = &mut setting.servers {
        redis.resume().await;
    }
    let after_restart = check().await;
    for job in [while_down, after_restart] {
        assert_eq!(client.job_ended(&job).await["state"], "succeeded");
    }
}

#[tokio::test]
async fn a_daemon_that_is_asked_to_stop_hands_its_jobs_back() {
    let mut setting = Setting::embedded();
    let client = setting.client();
    open(&client).await;
    setting.sandbox().patch("/svbf/settings", &json!({ "fault": { "slow": { "ms": 20_000 } } })).await.expect(200);
    let started = client.post("/sys/onboarding/svbf/health-check", &json!({})).await.expect(202);
    let path = format!("/sys/jobs/{}", started["job_id"].as_str().unwrap_or_default());
    let (asking, path) = (&client, path.as_str());
    eventually("the check to run", || async move {
        (asking.get(path).await.expect(200)["state"] == "running").then_some(())
    })
    .await;
    if let Some(mut daemon) = setting.daemon.take() {
        daemon.stop();
    }
    setting.start();
    setting.sandbox().patch("/svbf/settings", &json!({ "fault": null })).await.expect(200);
    let job = setting.client().job_ended(started["job_id"].as_str().unwrap_or_default()).await;
    let outcomes: Vec<_> =
        job["attempts"].as_array().into_iter().flatten().map(|attempt| &attempt["outcome"]).collect();
    assert_eq!(outcomes, [&json!("released"), &json!("succeeded")], "{job:#}");
}
