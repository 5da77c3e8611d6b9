//! The dashboard finds what people look for and shows what gates see, the same on both stores.

use serde_json::{Value, json};
use workbench_tests::{Client, Setting};

async fn open(client: &Client, tenant: &str, name: &str) {
    let body = json!({ "tenant_id": tenant, "name": name, "country": "SE", "platform_url": "sandbox" });
    client.post("/sys/onboarding", &body).await.expect(201);
}

async fn found(client: &Client, search: &str) -> Vec<Value> {
    let page = client.get(&format!("/sys/onboarding?q={search}")).await.expect(200);
    page["items"].as_array().into_iter().flatten().map(|row| row["tenant_id"].clone()).collect()
}

async fn any_case_is_found(setting: Setting) {
    let client = setting.client();
    open(&client, "ostersund", "ÖSTERSUNDS Boule").await;
    open(&client, "angers", "Élan d’Angers").await;
    open(&client, "plain", "100_Plain").await;
    for (search, tenants) in [
        ("öster", vec!["ostersund"]),
        ("ÖSTER", vec!["ostersund"]),
        ("élan", vec!["angers"]),
        ("ÉLAN", vec!["angers"]),
        ("boule", vec!["ostersund"]),
        ("ANGERS", vec!["angers"]),
        ("100_", vec!["plain"]),
        ("_", vec!["plain"]),
        ("%25", vec![]),
        ("bouleoster", vec![]),
    ] {
        assert_eq!(found(&client, search).await, tenants, "{search}");
    }
}

#[tokio::test]
async fn any_case_is_found_embedded() {
    any_case_is_found(Setting::embedded()).await;
}

#[tokio::test]
async fn any_case_is_found_on_postgres() {
    any_case_is_found(Setting::shared().await).await;
}

/// The check with the newest evidence need not be the one that was asked for last.
#[tokio::test]
async fn everybody_sees_the_same_latest_health() {
    let mut setting = Setting::shared().await;
    let client = setting.client();
    open(&client, "svbf", "Boule").await;
    // Nobody takes the first check before the second has run.
    setting.workers.clear();
    let first = client.post("/sys/onboarding/svbf/health-check", &json!({})).await.expect(202);
    let job = first["job_id"].as_str().expect("a check has a job").to_owned();
    client.post(&format!("/sys/jobs/{job}/cancel"), &json!({})).await.expect(200);
    setting.start();
    setting.sandbox().patch("/svbf/settings", &json!({ "fault": "error_500" })).await.expect(200);
    let second = client.post("/sys/onboarding/svbf/health-check?wait=60s", &json!({})).await.expect(200);
    assert_eq!(second["status"], "fail");
    setting.sandbox().patch("/svbf/settings", &json!({ "fault": null })).await.expect(200);
    client.post(&format!("/sys/jobs/{job}/retry"), &json!({})).await.expect(200);
    assert_eq!(client.job_ended(&job).await["state"], "succeeded");

    let health = client.get("/sys/onboarding/svbf/health").await.expect(200);
    assert_eq!((&health["latest"]["id"], &health["latest"]["status"]), (&first["id"], &json!("warn")), "{health:#}");
    assert_eq!(health["latest"]["probes"].as_array().map(Vec::len), Some(3));
    let dashboard = client.get("/sys/onboarding").await.expect(200);
    assert_eq!(dashboard["items"][0]["health"], "warn");
}

/// The sandbox platform keeps a log of its own.
#[tokio::test]
async fn the_sandbox_shows_who_called() {
    let setting = Setting::embedded();
    let client = setting.client();
    open(&client, "svbf", "Boule").await;
    client.post("/sys/onboarding/svbf/health-check?wait=60s", &json!({})).await.expect(200);
    let seen = setting.sandbox().get("/svbf/calls").await.expect(200);
    let calls: Vec<&str> =
        seen["calls"].as_array().into_iter().flatten().filter_map(|call| call["call"].as_str()).collect();
    for call in ["POST /login", "POST /transactions", "GET /reports/members"] {
        assert!(calls.contains(&call), "{seen:#}");
    }
    assert!(seen["calls"][0]["at"].is_string());
    assert_eq!(setting.sandbox().get("/nobody/calls").await.expect(200), json!({ "calls": [] }));
}
