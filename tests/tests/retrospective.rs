//! Looking back: cohorts out of the log, process changes, and clear answers to impossible questions, on both stores.

use serde_json::{Value, json};
use workbench_tests::{Client, Setting};

async fn complete(client: &Client, tenant: &str, country: &str) {
    let body = json!({ "tenant_id": tenant, "name": tenant, "country": country, "workflow": "club-onboarding" });
    client.post("/sys/onboarding", &body).await.expect(201);
    let opened = client.get(&format!("/sys/onboarding/{tenant}")).await.expect(200);
    for step in opened["steps"].as_array().expect("an onboarding has steps") {
        let path = format!("/sys/onboarding/{tenant}/steps/{}", step["id"].as_str().expect("a step has an id"));
        client.patch(&path, &json!({ "blocking_reason": "waits for the club" })).await.expect(200);
        client.patch(&path, &json!({ "status": "skipped", "reason": "a test" })).await.expect(200);
    }
}

async fn cohorts(client: &Client, query: &str) -> Vec<(String, i64)> {
    let found = client.get(&format!("/sys/onboarding/retrospective?{query}")).await.expect(200);
    let cohorts = found["cohorts"].as_array().expect("there are cohorts").iter();
    let named = |cohort: &Value| {
        (cohort["cohort"].as_str().unwrap_or_default().to_owned(), cohort["completed"].as_i64().unwrap_or_default())
    };
    cohorts.map(named).collect()
}

async fn look_back(setting: Setting) {
    let client = setting.client();
    let empty = client.get("/sys/onboarding/retrospective").await.expect(200);
    assert_eq!((&empty["cohorts"], &empty["in_flight"]), (&json!([]), &json!(0)));
    assert_eq!(empty["cautions"][0], "No onboarding is in any cohort of this view.");

    complete(&client, "svbf", "SE").await;
    complete(&client, "nbf", "NO").await;
    let body = json!({ "tenant_id": "ffpjp", "name": "France", "country": "FR" });
    client.post("/sys/onboarding", &body).await.expect(201);

    // What is kept of the empty answer does not outlive the events.
    assert_eq!(cohorts(&client, "group_by=country").await, [("NO".to_owned(), 1), ("SE".to_owned(), 1)]);
    assert_eq!(cohorts(&client, "group_by=country&country=se").await, [("SE".to_owned(), 1)]);
    assert_eq!(cohorts(&client, "group_by=workflow").await, [("club-onboarding".to_owned(), 2)]);
    assert_eq!(cohorts(&client, "group_by=kind&to=2020-01-01").await, []);
    let opened = client.get("/sys/onboarding/retrospective?cohort=opened&group_by=country").await.expect(200);
    let france = &opened["cohorts"][0];
    assert_eq!((&france["cohort"], &france["in_flight"]), (&json!("FR"), &json!(1)));
    assert_eq!((&france["go_live"]["n"], &france["go_live"]["median"]), (&json!(1), &Value::Null));

    let completed = client.get("/sys/onboarding/retrospective").await.expect(200);
    let cohort = &completed["cohorts"][0];
    assert_eq!((&cohort["completed"], &completed["in_flight"]), (&json!(2), &json!(1)));
    let step = &cohort["steps"][0];
    assert_eq!((&step["skipped"], &step["days"]["n"]), (&json!(2), &json!(0)));
    assert_eq!(step["blocked_by_reason"][0]["reason"], "waits for the club");

    let table = client.get("/sys/onboarding/retrospective?format=csv").await;
    assert_eq!(table.headers["content-type"], "text/csv; charset=utf-8");
}

#[tokio::test]
async fn cohorts_come_out_of_the_log_embedded() {
    look_back(Setting::embedded()).await;
}

#[tokio::test]
async fn cohorts_come_out_of_the_log_on_postgres() {
    look_back(Setting::shared().await).await;
}

async fn changes(setting: Setting) {
    let client = setting.client();
    complete(&client, "svbf", "SE").await;
    let body = json!({ "title": "Import template", "changed_at": "2026-01-01T00:00:00Z", "country": "se" });
    let noted = client.post("/sys/process-changes", &body).await.expect(201);
    assert_eq!((&noted["title"], &noted["country"]), (&json!("Import template"), &json!("SE")));
    let listed = client.get("/sys/process-changes").await.expect(200);
    let found = &listed["items"][0];
    assert_eq!(found["id"], noted["id"]);
    let verdict = &found["before_after"]["verdict"];
    assert_eq!((&verdict["outcome"], &verdict["n_after"]), (&json!("too_few"), &json!(1)), "{found:#}");

    let path = format!("/sys/process-changes/{}", noted["id"].as_str().expect("it has an id"));
    assert_eq!(client.send("DELETE", &path, &[], None).await.status, 204);
    assert_eq!(client.send("DELETE", &path, &[], None).await.problem(404), "not_found");
    assert_eq!(client.get("/sys/process-changes").await.expect(200)["items"], json!([]));
    assert_eq!(
        client
            .post("/sys/process-changes", &json!({ "title": "", "changed_at": "2026-01-01T00:00:00Z" }))
            .await
            .problem(422),
        "title"
    );
    let (holds, said) = setting.tool(&["audit", "verify"]);
    assert!(holds, "{said}");
}

#[tokio::test]
async fn process_changes_are_noted_compared_and_removed_embedded() {
    changes(Setting::embedded()).await;
}

#[tokio::test]
async fn process_changes_are_noted_compared_and_removed_on_postgres() {
    changes(Setting::shared().await).await;
}

#[tokio::test]
async fn impossible_questions_are_refused() {
    let setting = Setting::embedded();
    let client = setting.client();
    for (query, status, code) in [
        ("group_by=week", 422, "group_by"),
        ("group_by=quarter,quarter", 422, "group_by"),
        ("group_by=", 422, "group_by"),
        ("cohort=closed", 422, "cohort"),
        ("from=2026-02-30", 422, "from"),
        ("from=2026-02-01&to=2026-01-01", 422, "range"),
        ("time_zone=Mars/Base", 422, "time_zone"),
        ("format=xml", 400, "query"),
        ("cohrot=opened", 400, "query"),
    ] {
        let answer = client.get(&format!("/sys/onboarding/retrospective?{query}")).await;
        assert_eq!(answer.problem(status), code, "{query}");
    }
}
