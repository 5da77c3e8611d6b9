//! What a probe came to time after time: since when, how steadily, and in the format of other monitoring.

use serde_json::{Value, json};
use workbench_tests::{Client, Setting};

const LOGIN: &str = "/sys/onboarding/svbf/health/probes/sample_login";

/// Runs a check with the sandbox in this state. Gives the login's result and the check's id.
async fn check(setting: &Setting, fault: Value) -> (Value, String) {
    setting.sandbox().patch("/svbf/settings", &json!({ "fault": fault })).await.expect(200);
    let check = setting.client().post("/sys/onboarding/svbf/health-check?wait=30s", &json!({})).await.expect(200);
    (check["probes"][0].clone(), check["id"].as_str().expect("a check has an id").to_owned())
}

async fn history(client: &Client, query: &str) -> Value {
    client.get(&format!("{LOGIN}{query}")).await.expect(200)
}

async fn as_document(client: &Client) -> (u16, Value) {
    let accept = [("accept", "application/health+json")];
    let answer = client.send("GET", "/sys/onboarding/svbf/health", &accept, None).await;
    assert_eq!(answer.headers["content-type"], "application/health+json");
    (answer.status.as_u16(), answer.body)
}

async fn a_probe_has_a_history(setting: Setting) {
    let client = setting.client();
    let body = json!({ "tenant_id": "svbf", "name": "Boule", "country": "SE", "kind": "sandbox" });
    client.post("/sys/onboarding", &body).await.expect(201);
    let problem = client.get(LOGIN).await.expect(404);
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("sample_login")), "{problem:#}");
    let (status, document) = as_document(&client).await;
    assert_eq!((status, &document["status"]), (503, &json!("fail")), "{document:#}");

    let (_, first) = check(&setting, Value::Null).await;
    let (failed, second) = check(&setting, json!("login_refused")).await;
    let (_, third) = check(&setting, json!("login_refused")).await;

    let seen = history(&client, "").await;
    assert_eq!((&seen["probe"], &seen["status"]), (&json!("sample_login"), &json!("fail")), "{seen:#}");
    assert_eq!(seen["since"], failed["started_at"], "since the first of the failures: {seen:#}");
    assert_eq!(seen["is_flapping"], false, "{seen:#}");
    let told: Vec<_> = seen["items"].as_array().into_iter().flatten().map(|item| &item["check_id"]).collect();
    assert_eq!(told, [&json!(third), &json!(second), &json!(first)]);
    assert_eq!(seen["items"][0]["earlier_attempts"].as_array().map(Vec::len), Some(1), "every attempt is kept");
    assert_eq!(seen["items"][2]["status"], "pass");

    let page = history(&client, "?limit=2").await;
    let next = page["next_cursor"].as_str().expect("there is more").to_owned();
    let rest = history(&client, &format!("?limit=2&cursor={next}")).await;
    assert_eq!((&rest["items"][0]["check_id"], &rest["next_cursor"]), (&json!(first), &Value::Null), "{rest:#}");
    assert_eq!((&rest["status"], &rest["since"]), (&seen["status"], &seen["since"]), "of the probe, not of the page");
    client.get(&format!("{LOGIN}?limit=0")).await.expect(422);
    client.get(&format!("{LOGIN}?cursor=x")).await.expect(422);

    let health = client.get("/sys/onboarding/svbf/health").await.expect(200);
    assert_eq!(
        health["since"],
        client.get(&format!("/sys/onboarding/svbf/health/{second}")).await.expect(200)["checked_at"]
    );
    let (status, document) = as_document(&client).await;
    assert_eq!((status, &document["serviceId"]), (503, &json!("svbf")));
    let login = &document["checks"]["sample_login"][0];
    assert_eq!((&login["status"], &login["observedUnit"]), (&json!("fail"), &json!("ms")), "{document:#}");
    assert!(login["output"].as_str().is_some_and(|output| output.starts_with("the platform refused")), "{login:#}");

    for fault in [Value::Null, json!("login_refused")].iter().cycle().take(5) {
        check(&setting, fault.clone()).await;
    }
    let seen = history(&client, "").await;
    assert_eq!((&seen["status"], &seen["is_flapping"]), (&json!("pass"), &json!(true)), "{seen:#}");
    // Nothing has been imported and nobody collects payments: a warning, which is no reason for an alarm.
    let (status, document) = as_document(&client).await;
    assert_eq!((status, &document["status"]), (200, &json!("warn")), "{document:#}");
    assert_eq!(document["checks"]["sample_login"][0]["output"], Value::Null);
}

#[tokio::test]
async fn a_probe_has_a_history_embedded() {
    a_probe_has_a_history(Setting::embedded()).await;
}

#[tokio::test]
async fn a_probe_has_a_history_on_postgres() {
    a_probe_has_a_history(Setting::shared().await).await;
}
