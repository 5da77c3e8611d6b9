//! Characters that a store cannot hold are refused on every way in, the same on both stores.

use serde_json::{Value, json};
use workbench_tests::{Client, Setting, members};

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

async fn nul_is_refused(setting: &Setting) {
    let client = setting.client();
    let body = json!({ "tenant_id": "svbf", "name": "Boule", "country": "SE" });
    client.post("/sys/onboarding", &body).await.expect(201);
    let events = client.events("svbf").await.len();

    let contract = "/sys/onboarding/svbf/steps/contract";
    for (field, patch) in [("note", json!({ "note": "a\0b" })), ("assignee", json!({ "assignee": "\0" }))] {
        let refused = client.patch(contract, &patch).await;
        assert!(refused.body["detail"].as_str().is_some_and(|detail| detail.contains(field)), "{:#}", refused.body);
        assert_eq!(refused.problem(422), "nul_character");
    }
    let opening = json!({ "tenant_id": "ffb", "name": "Bo\0ule", "country": "FR" });
    assert_eq!(client.post("/sys/onboarding", &opening).await.problem(422), "nul_character");

    for path in [
        "/sys/onboarding?q=a%00b",
        "/sys/onboarding/sv%00bf",
        "/sys/onboarding/svbf/imports/%00",
        "/sys/onboarding/svbf/health/%00",
        "/sys/jobs?tenant_id=%00",
        "/sys/jobs/%00",
        "/sys/events?tenant_id=%00",
    ] {
        assert_eq!(client.get(path).await.problem(400), "nul_character", "{path}");
    }

    for field in [("mode", "app\0ly"), ("entity", "\0"), ("mapping", r#"{"a\u0000": "given_name"}"#)] {
        let refused = client.upload("svbf", "m.csv", members(3), &[field]).await;
        assert_eq!(refused.problem(422), "nul_character", "{field:?}");
    }
    // In the header of a part it is no HTTP at all.
    assert_eq!(client.upload("svbf", "m\0.csv", members(3), &[]).await.problem(400), "multipart");
    let listed = client.get("/sys/onboarding/svbf/imports").await.expect(200);
    assert_eq!(listed["items"], json!([]));
    assert_eq!(client.events("svbf").await.len(), events, "a refusal leaves no event");
}

/// A value with NUL, far behind what is looked at to tell text from other files.
async fn a_value_with_nul_is_an_issue(client: &Client) {
    let mut file = members(5000);
    file.extend_from_slice("SE-9999999;Bj\0rn;Lind;1984-05-02;F;Boule Syd;x@example.se\n".as_bytes());
    let uploaded = client.upload("svbf", "m.csv", file, &[]).await.expect(202);
    let id = uploaded["id"].as_str().expect("an import has an id");
    let preview = client.import_after("svbf", id, &["queued", "parsing"]).await;
    assert_eq!(preview["state"], "preview", "{preview:#}");
    let issues = client.get(&format!("/sys/onboarding/svbf/imports/{id}/issues?code=nul_character")).await.expect(200);
    let shown: Vec<&Value> = issues["items"].as_array().into_iter().flatten().map(|issue| &issue["value"]).collect();
    assert_eq!(shown, ["Bj␀rn"]);
}

/// Half a character is no text, whether it is written as an escape or as bytes.
async fn half_a_character_is_refused(setting: &Setting) {
    let (client, token) = (setting.client(), setting.token("csm"));
    let contract = "/sys/onboarding/svbf/steps/contract";
    for body in [r#"{"note": "\ud800"}"#, r#"{"note": "\udc00\ud800"}"#] {
        let refused = client.send("PATCH", contract, &JSON, Some(body)).await;
        assert_eq!(refused.problem(400), "malformed_json", "{body}");
    }
    let request = reqwest::Client::new().patch(format!("{}{contract}", client.url)).bearer_auth(token);
    let request = request.header("content-type", "application/json").body(b"{\"note\": \"\xff\xfe\"}".to_vec());
    let refused = request.send().await.expect("the daemon answers");
    assert_eq!(refused.status(), 400);
    let problem: Value = refused.json().await.expect("a problem is JSON");
    assert_eq!(problem["code"], "malformed_json");
}

async fn all(setting: Setting) {
    nul_is_refused(&setting).await;
    a_value_with_nul_is_an_issue(&setting.client()).await;
    half_a_character_is_refused(&setting).await;
}

#[tokio::test]
async fn no_store_meets_a_character_it_cannot_hold_embedded() {
    all(Setting::embedded()).await;
}

#[tokio::test]
async fn no_store_meets_a_character_it_cannot_hold_on_postgres() {
    all(Setting::shared().await).await;
}
