//! Work that nobody takes must not pile up in the queue beyond what there is to do.

use serde_json::json;
use workbench_tests::{Daemon, Postgres, Redis, eventually};

const CHECKS: u64 = 150;
/// Enough looks for many rounds of the relay and of its handing over again.
const LOOKS: usize = 60;

#[tokio::test]
async fn the_queue_holds_each_waiting_job_once() {
    let (postgres, redis) = tokio::join!(Postgres::start(), Redis::start());
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let (database, queue) = (postgres.url(), redis.url());
    let places = ["--database-url", &database, "--redis-url", &queue, "--rehand-after", "1s"];
    let with = |command: &[&'static str]| [command, &places[..]].concat();
    let daemon = Daemon::start(
        folder.path(),
        &with(&["serve", "--no-worker", "--listen", "127.0.0.1:0", "--sandbox", "127.0.0.1:0"]),
    );
    let client = daemon.client();
    let body = json!({ "tenant_id": "svbf", "name": "Boule", "country": "SE", "platform_url": "sandbox" });
    client.post("/sys/onboarding", &body).await.expect(201);
    let mut jobs = Vec::new();
    for _ in 0..CHECKS {
        let started = client.post("/sys/onboarding/svbf/health-check", &json!({})).await.expect(202);
        jobs.push(started["job_id"].as_str().unwrap_or_default().to_owned());
    }
    let all_wait = || eventually("every job to wait", || async { (redis.waiting() == CHECKS).then_some(()) });
    all_wait().await;
    let mut looks = Vec::new();
    eventually("many rounds to pass", || {
        looks.push(redis.waiting());
        let seen = looks.len() >= LOOKS;
        async move { seen.then_some(()) }
    })
    .await;
    assert!(looks.iter().all(|waiting| *waiting == CHECKS), "{looks:?}");

    redis.flush();
    all_wait().await;
    let _worker = Daemon::start(folder.path(), &with(&["worker"]));
    for job in &jobs {
        assert_eq!(client.job_ended(job).await["state"], "succeeded");
    }
}
