//! Schedules are listed, paused and run, and a failure by schedule closes a gate unless it was expected.

use std::process::Command;

use serde_json::{Value, json};
use workbench_tests::{Client, Setting, eventually, workbench};

const NIGHTLY: &str = "/sys/schedules/tenant-onboarding/nightly_health";

async fn gate(client: &Client) -> Value {
    let onboarding = client.get("/sys/onboarding/svbf").await.expect(200);
    let steps = onboarding["steps"].as_array().into_iter().flatten();
    steps.clone().find(|step| step["id"] == "go_no_go").map(|step| step["status"].clone()).unwrap_or_default()
}

/// Runs the schedule and waits until the tenant's check of this fire is over.
async fn run(client: &Client) {
    let checked = || async {
        let events = client.events("svbf").await;
        events.iter().filter(|event| event["kind"] == "health_checked").count()
    };
    let before = checked().await;
    let fire = client.post(&format!("{NIGHTLY}/run"), &json!({ "reason": "to see" })).await.expect(202);
    assert_eq!(fire["cause"], "by_hand");
    eventually("the check is over", || async { (checked().await > before).then_some(()) }).await;
    let last = client.get(NIGHTLY).await.expect(200)["last"].clone();
    assert_eq!((&last["id"], &last["tenants"]), (&fire["id"], &json!(1)));
    assert!(last["fanned_out_at"].is_string());
}

fn cli(client: &Client, token: &str, arguments: &[&str]) -> String {
    let output = Command::new(workbench())
        .arg("schedules")
        .args(arguments)
        .args(["--url", &client.url, "--token", token])
        .output()
        .expect("the binary can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

async fn schedules(setting: Setting) {
    let client = setting.client();
    let body = json!({ "tenant_id": "svbf", "name": "Boule", "country": "SE", "platform_url": "sandbox" });
    client.post("/sys/onboarding", &body).await.expect(201);
    // Not yet at its dry run, so not served.
    client.post("/sys/onboarding", &json!({ "tenant_id": "nbf", "name": "Boule", "country": "NO" })).await.expect(201);
    let all = client.get("/sys/schedules").await.expect(200);
    let ids: Vec<_> = all["items"].as_array().into_iter().flatten().map(|one| one["id"].clone()).collect();
    assert_eq!(ids, ["club-onboarding/nightly_health", "guide-10/nightly_health", "tenant-onboarding/nightly_health"]);
    let next = all["items"][1]["next"].as_array().expect("there are next times").clone();
    assert_eq!(next.len(), 5);
    assert!(next.iter().any(|one| one["zone"] == "Europe/Stockholm"), "{next:#?}");

    for step in ["contract", "kickoff", "configure", "import_data", "train_admins"] {
        let skip = json!({ "status": "skipped", "reason": "done elsewhere" });
        client.patch(&format!("/sys/onboarding/svbf/steps/{step}"), &skip).await.expect(200);
    }
    let uploaded = client.upload("svbf", "m.csv", workbench_tests::members(3), &[("mode", "apply")]).await.expect(202);
    let id = uploaded["id"].as_str().unwrap_or_default();
    client.import_after("svbf", id, &["queued", "parsing", "preview", "loading"]).await;
    let sandbox = setting.sandbox();
    sandbox.patch("/svbf/settings", &json!({ "payment_provider": "swish" })).await.expect(200);
    let check = client.post("/sys/onboarding/svbf/health-check?wait=30s", &json!({})).await.expect(200);
    assert_eq!(check["status"], "pass", "{check:#}");
    client.patch("/sys/onboarding/svbf/steps/go_no_go", &json!({ "status": "done" })).await.expect(200);
    run(&client).await;
    assert_eq!(gate(&client).await, "done");

    let ends_at = "2999-01-01T00:00:00Z";
    let windows = "/sys/maintenance-windows";
    let endless = client.post(windows, &json!({ "ends_at": ends_at, "reason": "for ever" })).await;
    assert_eq!(endless.problem(422), "window_times");
    let soon = (chrono::Utc::now() + chrono::TimeDelta::hours(1)).to_rfc3339();
    let nobody = json!({ "tenant_id": "nobody", "ends_at": soon, "reason": "it moves" });
    assert_eq!(client.post(windows, &nobody).await.problem(404), "not_found");
    let window = client.post(windows, &json!({ "ends_at": soon, "reason": "it moves" })).await.expect(201);
    assert_eq!(client.get(windows).await.expect(200)["items"][0], window);
    sandbox.patch("/svbf/settings", &json!({ "payment_provider": null })).await.expect(200);
    run(&client).await;
    assert_eq!(gate(&client).await, "done", "it was expected");
    let end = format!("{windows}/{}/end", window["id"].as_str().unwrap_or_default());
    client.post(&end, &json!({})).await.expect(200);
    assert_eq!(client.get(windows).await.expect(200)["items"], json!([]));
    run(&client).await;
    assert_eq!(gate(&client).await, "in_progress");

    assert_eq!(
        client.post(&format!("{NIGHTLY}/pause"), &json!({ "reason": " " })).await.problem(422),
        "reason_required"
    );
    assert_eq!(client.post("/sys/schedules/a/b/run", &json!({})).await.problem(404), "not_found");
    let reader = client.with_token(Some(&setting.token("viewer")));
    assert_eq!(reader.post(&format!("{NIGHTLY}/run"), &json!({})).await.status.as_u16(), 403);
    let admin = setting.token("admin");
    let name = "tenant-onboarding/nightly_health";
    assert!(cli(&client, &admin, &["pause", name, "--reason", "too loud"]).contains("paused: too loud"));
    assert_eq!(client.get(NIGHTLY).await.expect(200)["paused"]["reason"], "too loud");
    assert!(cli(&client, &admin, &["list"]).contains("paused: too loud"));
    assert!(cli(&client, &admin, &["resume", name]).contains("fires by itself"));
    assert_eq!(cli(&client, &admin, &["next", name]).lines().count(), 6);
    let (holds, said) = setting.tool(&["audit", "verify"]);
    assert!(holds, "{said}");
}

#[tokio::test]
async fn schedules_embedded() {
    schedules(Setting::embedded()).await;
}

#[tokio::test]
async fn schedules_on_postgres_and_redis() {
    schedules(Setting::shared().await).await;
}
