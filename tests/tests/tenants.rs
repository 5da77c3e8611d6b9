//! A tenant's configuration changes, and evidence from before says nothing of it any more.

use serde_json::{Value, json};
use workbench_tests::{Client, Setting, Visitor, members};

async fn step(client: &Client, id: &str) -> Value {
    let onboarding = client.get("/sys/onboarding/svbf").await.expect(200);
    onboarding["steps"].as_array().into_iter().flatten().find(|step| step["id"] == id).cloned().unwrap_or_default()
}

async fn done(client: &Client, step: &str) {
    client.patch(&format!("/sys/onboarding/svbf/steps/{step}"), &json!({ "status": "done" })).await.expect(200);
}

async fn check(client: &Client) -> Value {
    client.post("/sys/onboarding/svbf/health-check?wait=60s", &json!({})).await.expect(200)["status"].clone()
}

/// How often the tenant has changed.
async fn changes(client: &Client) -> usize {
    client.events("svbf").await.iter().filter(|event| event["kind"] == "tenant_changed").count()
}

async fn a_change_closes_the_gate(setting: Setting) {
    let client = setting.client();
    client.post("/sys/onboarding", &json!({ "tenant_id": "svbf", "name": "Boule", "country": "SE" })).await.expect(201);
    for id in ["contract", "kickoff", "configure"] {
        done(&client, id).await;
    }
    let uploaded = client.upload("svbf", "m.csv", members(3), &[("mode", "apply")]).await.expect(202);
    let id = uploaded["id"].as_str().unwrap_or_default();
    client.import_after("svbf", id, &["queued", "parsing", "preview", "loading"]).await;
    done(&client, "train_admins").await;
    assert_eq!(check(&client).await, "fail", "there is nowhere to look");

    let tenant = "/sys/tenants/svbf";
    let changed = client.patch(tenant, &json!({ "platform_url": "sandbox" })).await.expect(200);
    assert_eq!(changed["platform_url"], "sandbox");
    setting.sandbox().patch("/svbf/settings", &json!({ "payment_provider": "swish" })).await.expect(200);
    assert_eq!(check(&client).await, "pass");
    done(&client, "go_no_go").await;

    let times = changes(&client).await;
    client.patch(tenant, &json!({ "platform_url": "sandbox" })).await.expect(200);
    assert_eq!(changes(&client).await, times, "what is so already is no change");
    client.patch(tenant, &json!({ "name": "Svenska Bouleförbundet", "probe_user": "prober" })).await.expect(200);
    assert_eq!(step(&client, "go_no_go").await["status"], "in_progress");
    let refused = client.patch("/sys/onboarding/svbf/steps/go_no_go", &json!({ "status": "done" })).await;
    let conditions: Vec<_> =
        refused.body["reasons"].as_array().into_iter().flatten().map(|r| r["condition"].clone()).collect();
    assert!(conditions.contains(&json!("health_newer_than_last_change")), "{:#}", refused.body);
    assert_eq!(check(&client).await, "pass");
    done(&client, "go_no_go").await;
    assert_eq!(client.get("/sys/onboarding?q=bouleförb").await.expect(200)["items"][0]["tenant_id"], "svbf");
    let (holds, said) = setting.tool(&["audit", "verify"]);
    assert!(holds, "{said}");
}

#[tokio::test]
async fn a_change_closes_the_gate_embedded() {
    a_change_closes_the_gate(Setting::embedded()).await;
}

#[tokio::test]
async fn a_change_closes_the_gate_on_postgres_and_redis() {
    a_change_closes_the_gate(Setting::shared().await).await;
}

#[tokio::test]
async fn what_does_not_fit_a_tenant_changes_nothing() {
    let setting = Setting::embedded();
    let client = setting.client();
    client.post("/sys/onboarding", &json!({ "tenant_id": "svbf", "name": "Boule", "country": "SE" })).await.expect(201);
    let before = client.get("/sys/tenants/svbf").await.expect(200);
    for (body, code) in [
        (json!({ "platform_url": "ftp://x" }), "platform_url"),
        (json!({ "probe_secret": "hunter2" }), "probe_secret"),
        (json!({ "name": " " }), "missing_field"),
        (json!({ "time_zone": "Stockholm" }), "time_zone"),
        (json!({ "hierarchy_depth": 12 }), "hierarchy_depth"),
        (json!({ "country": "NO" }), "invalid_body"),
    ] {
        let refused = client.patch("/sys/tenants/svbf", &body).await;
        assert!(!refused.body.to_string().contains("hunter2"));
        assert_eq!(refused.problem(422), code, "{body}");
    }
    assert_eq!(client.patch("/sys/tenants/nobody", &json!({ "name": "X" })).await.problem(404), "not_found");
    let viewer = client.with_token(Some(&setting.token("viewer")));
    assert_eq!(viewer.patch("/sys/tenants/svbf", &json!({ "name": "X" })).await.problem(403), "forbidden");
    assert_eq!(client.get("/sys/tenants/svbf").await.expect(200), before);
}

#[tokio::test]
async fn a_login_link_is_somebodys_own() {
    let setting = Setting::embedded();
    let client = setting.client();
    client.post("/sys/onboarding", &json!({ "tenant_id": "svbf", "name": "Boule", "country": "SE" })).await.expect(201);
    let (made, said) = setting.tool(&["login-link", "--name", "anna", "--role", "csm", "--url", &client.url]);
    assert!(made, "{said}");
    let visitor = Visitor::log_in(&client.url, said.trim()).await;
    let page = visitor.get("/onboarding/svbf").await;
    visitor.submit(&page, "/onboarding/svbf/steps/contract", &[("note", "mine")]).await;
    let events = client.events("svbf").await;
    let noted = events.iter().find(|event| event["kind"] == "step_noted").expect("the note is logged");
    assert_eq!(noted["actor"], "anna");
}
