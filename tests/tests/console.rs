//! The console without JavaScript: pages are read, forms are sent.

use serde_json::{Value, json};
use workbench_tests::{Client, Setting, eventually};

async fn open(client: &Client, name: &str) {
    let body = json!({ "tenant_id": "svbf", "name": name, "country": "SE", "platform_url": "sandbox" });
    client.post("/sys/onboarding", &body).await.expect(201);
}

async fn contract(client: &Client) -> Value {
    client.get("/sys/onboarding/svbf").await.expect(200)["steps"][0].clone()
}

const CONTRACT: &str = "/onboarding/svbf/steps/contract";

#[tokio::test]
async fn a_step_is_edited_by_its_form() {
    let setting = Setting::embedded();
    let client = setting.client();
    open(&client, "Boule").await;
    let visitor = setting.visitor().await;
    let page = visitor.get("/onboarding/svbf").await;
    let saved = visitor.submit(&page, CONTRACT, &[("assignee", "anna"), ("note", "sent by post")]).await;
    assert_eq!((saved.status, saved.location.as_deref()), (303, Some("/onboarding/svbf")), "{}", saved.text);
    let step = contract(&client).await;
    assert_eq!((&step["assignee"], &step["status"]), (&json!("anna"), &json!("in_progress")));

    // The first page is stale by now; what it asks for is not done, and the page says why.
    let stale = visitor.submit(&page, CONTRACT, &[("status", "done")]).await;
    assert_eq!(stale.status, 412);
    assert!(stale.text.contains(r#"role="alert""#), "{}", stale.text);
    assert_eq!(contract(&client).await["status"], "in_progress");

    let page = visitor.get("/onboarding/svbf").await;
    visitor.submit(&page, CONTRACT, &[("blocking_reason", "waiting for the board")]).await;
    assert_eq!(contract(&client).await["status"], "blocked");
    let page = visitor.get("/onboarding/svbf").await;
    visitor.submit(&page, CONTRACT, &[("status", "done"), ("blocking_reason", "")]).await;
    assert_eq!(contract(&client).await["status"], "done");

    let page = visitor.get("/onboarding/svbf").await;
    let refused = visitor.submit(&page, "/onboarding/svbf/steps/go_no_go", &[("status", "done")]).await;
    assert_eq!(refused.status, 409);
    assert!(refused.text.contains("There has been no health check yet"), "{}", refused.text);
    let actors: Vec<Value> = client.events("svbf").await.into_iter().map(|event| event["actor"].clone()).collect();
    assert!(!actors.contains(&Value::Null));
}

#[tokio::test]
async fn a_form_that_is_not_ours_changes_nothing() {
    let setting = Setting::embedded();
    let client = setting.client();
    open(&client, "Boule").await;
    let visitor = setting.visitor().await;
    let page = visitor.get("/onboarding/svbf").await;
    let forged = visitor.submit(&page, CONTRACT, &[("assignee", "mallory"), ("csrf", "0000")]).await;
    assert_eq!(forged.status, 403);
    assert_eq!(contract(&client).await["assignee"], Value::Null);
}

#[tokio::test]
async fn what_people_typed_is_shown_and_not_obeyed() {
    let setting = Setting::embedded();
    let client = setting.client();
    open(&client, "<script>alert(1)</script>\"'&").await;
    let visitor = setting.visitor().await;
    for path in ["/", "/onboarding/svbf"] {
        let page = visitor.get(path).await;
        assert_eq!(page.status, 200);
        assert!(!page.text.contains("<script>alert"), "{path}");
        assert!(
            page.text.contains("&#60;script&#62;alert(1)") || page.text.contains("&lt;script&gt;alert(1)"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_health_check_is_run_by_its_form() {
    let setting = Setting::embedded();
    let client = setting.client();
    open(&client, "Boule").await;
    let visitor = setting.visitor().await;
    let page = visitor.get("/onboarding/svbf").await;
    let started = visitor.submit(&page, "/onboarding/svbf/health-check", &[]).await;
    assert_eq!(started.status, 303, "{}", started.text);
    let asking = &client;
    eventually("the check to end", || async move {
        let health = asking.get("/sys/onboarding/svbf/health").await.expect(200);
        health["latest"]["status"].as_str().map(str::to_owned)
    })
    .await;
    let page = visitor.get("/onboarding/svbf").await;
    assert!(page.text.contains("no payment provider is configured"), "{}", page.text);
    assert!(visitor.get("/jobs").await.text.contains("svbf"));
}

#[tokio::test]
async fn a_login_link_works_once_and_a_session_can_be_ended() {
    let setting = Setting::embedded();
    let visitor = setting.visitor().await;
    let again = visitor.get(&setting.login_path()).await;
    assert_eq!(again.status, 403, "{}", again.text);
    let page = visitor.get("/").await;
    assert_eq!(page.status, 200);
    let left = visitor.submit(&page, "/logout", &[]).await;
    assert_eq!((left.status, left.location.as_deref()), (303, Some("/login")));
    assert_eq!(visitor.get("/").await.location.as_deref(), Some("/login"));
}

#[tokio::test]
async fn a_job_is_cancelled_and_tried_again_by_its_form() {
    let setting = Setting::embedded();
    let client = setting.client();
    open(&client, "Boule").await;
    let visitor = setting.visitor().await;
    setting.sandbox().patch("/svbf/settings", &json!({ "fault": { "slow": { "ms": 20_000 } } })).await.expect(200);
    let started = client.post("/sys/onboarding/svbf/health-check", &json!({})).await.expect(202);
    let job = started["job_id"].as_str().unwrap_or_default().to_owned();
    let page = visitor.get("/jobs").await;
    let cancelled = visitor.submit(&page, &format!("/jobs/{job}/cancel"), &[]).await;
    assert_eq!(cancelled.status, 303, "{}", cancelled.text);
    assert_eq!(client.job_ended(&job).await["state"], "cancelled");
    let check = format!("/sys/onboarding/svbf/health/{}", started["id"].as_str().unwrap_or_default());
    assert_eq!(client.get(&check).await.expect(200)["status"], "cancelled");

    setting.sandbox().patch("/svbf/settings", &json!({ "fault": null })).await.expect(200);
    let page = visitor.get("/jobs").await;
    visitor.submit(&page, &format!("/jobs/{job}/retry"), &[]).await;
    assert_eq!(client.job_ended(&job).await["state"], "succeeded");
    assert_eq!(client.get(&check).await.expect(200)["status"], "warn");
}

#[tokio::test]
async fn what_does_not_exist_is_said_on_a_page() {
    let setting = Setting::embedded();
    let visitor = setting.visitor().await;
    let page = visitor.get("/onboarding/nobody").await;
    assert_eq!(page.status, 404);
    assert!(page.text.contains("nobody") && !page.text.contains("Log in"), "{}", page.text);
}

#[tokio::test]
async fn an_import_is_confirmed_by_its_form() {
    let setting = Setting::embedded();
    let client = setting.client();
    open(&client, "Boule").await;
    let uploaded = client.upload("svbf", "m.csv", workbench_tests::members(3), &[]).await.expect(202);
    let id = uploaded["id"].as_str().unwrap_or_default();
    client.import_after("svbf", id, &["queued", "parsing"]).await;
    let visitor = setting.visitor().await;
    let page = visitor.get("/onboarding/svbf").await;
    let confirmed = visitor.submit(&page, &format!("/onboarding/svbf/imports/{id}/confirm"), &[]).await;
    assert_eq!(confirmed.status, 303, "{}", confirmed.text);
    assert_eq!(client.import_after("svbf", id, &["loading"]).await["state"], "completed");

    let broken = client.upload("svbf", "m.csv", b"\x00\x01\x02".to_vec(), &[]).await.expect(202);
    client.import_after("svbf", broken["id"].as_str().unwrap_or_default(), &["queued", "parsing"]).await;
    let page = visitor.get("/onboarding/svbf").await;
    let failure =
        client.get("/sys/onboarding/svbf/imports").await.expect(200)["items"][0]["failure"]["message"].clone();
    assert!(page.text.contains(failure.as_str().expect("a failed import says why")), "{}", page.text);
}
