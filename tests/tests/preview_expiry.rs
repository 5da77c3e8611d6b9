//! A preview that nobody confirms does not wait for ever.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use workbench_tests::{Client, Setting, eventually, members};

/// Every preview has expired the moment after it is ready.
const AT_ONCE: [&str; 2] = ["--preview-ttl", "0s"];

async fn open(client: &Client) {
    let body = json!({ "tenant_id": "svbf", "name": "Boule", "country": "SE", "platform_url": "sandbox" });
    client.post("/sys/onboarding", &body).await.expect(201);
}

async fn uploaded(client: &Client, name: &str, fields: &[(&str, &str)]) -> String {
    let uploaded = client.upload("svbf", name, members(50), fields).await.expect(202);
    uploaded["id"].as_str().expect("an import has an id").to_owned()
}

async fn confirm(client: &Client, id: &str) -> String {
    client.post(&format!("/sys/onboarding/svbf/imports/{id}/confirm"), &json!({})).await.problem(409)
}

async fn an_expired_preview_is_swept(mut setting: Setting) {
    let client = setting.client();
    open(&client).await;
    let id = uploaded(&client, "members.csv", &[]).await;
    client.import_after("svbf", &id, &["queued", "parsing"]).await;
    assert_eq!(confirm(&client, &id).await, "preview_expired");
    // What needs no confirmation does not wait for one.
    let applied = uploaded(&client, "more.csv", &[("mode", "apply")]).await;
    let applied = client.import_after("svbf", &applied, &["queued", "parsing", "preview", "loading"]).await;
    assert_eq!(applied["state"], "completed", "{applied:#}");

    // One looks at the start, and now and then.
    if let Some(mut daemon) = setting.daemon.take() {
        daemon.stop();
    }
    setting.start();
    let client = setting.client();
    let cancelled = client.import_after("svbf", &id, &["preview"]).await;
    assert_eq!(cancelled["state"], "cancelled", "{cancelled:#}");
    assert_eq!(cancelled["failure"]["code"], "preview_expired");
    assert_eq!((&cancelled["expires_at"], &cancelled["sample"]), (&Value::Null, &json!([])));
    assert_eq!(cancelled["counts"]["rows_read"], 50, "what was counted stays");
    let (asking, import) = (&client, format!("/sys/onboarding/svbf/imports/{id}"));
    let (import, file) = (import.as_str(), setting.data().join("objects/imports").join(&id));
    let file = file.as_path();
    eventually("findings and file to be removed", || async move {
        let left = asking.get(import).await.expect(200)["issues"] != json!([]) || file.exists();
        (!left).then_some(())
    })
    .await;
    assert_eq!(confirm(&client, &id).await, "preview_expired");
    let events = client.events("svbf").await;
    let said: Vec<&Value> = events
        .iter()
        .filter(|event| event["kind"] == "import_cancelled" && event["payload"]["import"] == *id)
        .map(|event| &event["payload"]["reason"])
        .collect();
    assert_eq!(said, ["preview_expired"]);
    let applied = setting.data().join("objects/imports").join(applied["id"].as_str().unwrap_or_default());
    assert!(applied.exists(), "the files of other imports stay");
    let (holds, said) = setting.tool(&["audit", "verify"]);
    assert!(holds, "{said}");
}

#[tokio::test]
async fn an_expired_preview_is_swept_embedded() {
    an_expired_preview_is_swept(Setting::embedded_with(&AT_ONCE)).await;
}

#[tokio::test]
async fn an_expired_preview_is_swept_on_postgres_and_redis() {
    an_expired_preview_is_swept(Setting::shared_with(&AT_ONCE).await).await;
}

#[tokio::test]
async fn a_preview_has_a_month() {
    let setting = Setting::embedded();
    let client = setting.client();
    open(&client).await;
    let id = uploaded(&client, "members.csv", &[]).await;
    let preview = client.import_after("svbf", &id, &["queued", "parsing"]).await;
    let time = |key: &str| preview[key].as_str().and_then(|at| at.parse::<DateTime<Utc>>().ok()).expect("a time");
    assert_eq!(time("expires_at") - time("previewed_at"), TimeDelta::days(30));
}
