//! Looking back: cohorts out of the log, process changes, and clear answers to impossible questions, on both stores.

use serde_json::{Value, json};
use workbench_tests::{Client, Daemon, Setting, workbench};

const WORKFLOW: &str = "
name: plain
version: 1
title: Plain
steps:
  - { id: contract, title: Contract }
  - { id: go_live, title: Go live, needs: [contract] }
";

/// A folder with a workflow of two manual steps.
fn workflows() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    std::fs::write(folder.path().join("plain.yaml"), WORKFLOW).expect("a file can be written");
    folder
}

async fn complete(client: &Client, tenant: &str, country: &str) {
    let body = json!({ "tenant_id": tenant, "name": tenant, "country": country, "workflow": "plain" });
    client.post("/sys/onboarding", &body).await.expect(201);
    let steps = format!("/sys/onboarding/{tenant}/steps");
    client.patch(&format!("{steps}/contract"), &json!({ "blocking_reason": "waits for the club" })).await.expect(200);
    let skipped = json!({ "status": "skipped", "reason": "a test" });
    client.patch(&format!("{steps}/contract"), &skipped).await.expect(200);
    client.patch(&format!("{steps}/go_live"), &json!({ "status": "done" })).await.expect(200);
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
    assert_eq!(cohorts(&client, "group_by=workflow").await, [("plain".to_owned(), 2)]);
    assert_eq!(cohorts(&client, "group_by=kind&to=2020-01-01").await, []);
    let opened = client.get("/sys/onboarding/retrospective?cohort=opened&group_by=country").await.expect(200);
    let france = &opened["cohorts"][0];
    assert_eq!((&france["cohort"], &france["in_flight"]), (&json!("FR"), &json!(1)));
    assert_eq!((&france["go_live"]["n"], &france["go_live"]["median"]), (&json!(1), &Value::Null));

    let completed = client.get("/sys/onboarding/retrospective").await.expect(200);
    let cohort = &completed["cohorts"][0];
    assert_eq!((&cohort["completed"], &completed["in_flight"]), (&json!(2), &json!(1)));
    assert_eq!((&cohort["longest_step"], &cohort["time_to_go_live"]["n"]), (&json!("go_live"), &json!(2)));
    let step = cohort["steps"].as_array().into_iter().flatten().find(|step| step["step"] == "contract");
    let step = step.expect("a step that was always skipped is there");
    assert_eq!((&step["skipped"], &step["days"]["n"]), (&json!(2), &json!(0)));
    assert_eq!(step["blocked_by_reason"][0]["reason"], "waits for the club");

    let table = client.get("/sys/onboarding/retrospective?format=csv").await;
    assert_eq!(table.headers["content-type"], "text/csv; charset=utf-8");
}

#[tokio::test]
async fn cohorts_come_out_of_the_log_embedded() {
    let folder = workflows();
    look_back(Setting::embedded_with(&["--workflows", &folder.path().display().to_string()])).await;
}

#[tokio::test]
async fn cohorts_come_out_of_the_log_on_postgres() {
    let folder = workflows();
    look_back(Setting::shared_with(&["--workflows", &folder.path().display().to_string()]).await).await;
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
    let folder = workflows();
    changes(Setting::embedded_with(&["--workflows", &folder.path().display().to_string()])).await;
}

#[tokio::test]
async fn process_changes_are_noted_compared_and_removed_on_postgres() {
    let folder = workflows();
    changes(Setting::shared_with(&["--workflows", &folder.path().display().to_string()]).await).await;
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

#[tokio::test]
async fn a_demo_is_a_real_history_with_forecasts() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let data = folder.path().join("demo");
    let place = data.display().to_string();
    let demo = ["demo", "--data-dir", &place, "--tenants", "80", "--years", "2"];
    let played = std::process::Command::new(workbench()).args(demo).output().expect("the demo can be started");
    assert!(played.status.success(), "{}", String::from_utf8_lossy(&played.stderr));
    let again = std::process::Command::new(workbench()).args(demo).output().expect("the demo can be started");
    assert!(!again.status.success(), "a second demo would mix two truths");

    let daemon = Daemon::start(&data, &["serve", "--listen", "127.0.0.1:0", "--sandbox", "off"]);
    let client = daemon.client();
    let found = client.get("/sys/onboarding/retrospective").await.expect(200);
    let cohorts = found["cohorts"].as_array().expect("there are cohorts");
    assert!((8..=9).contains(&cohorts.len()), "{}", cohorts.len());
    assert!(cohorts.iter().filter(|cohort| cohort["longest_step"] == "import_data").count() >= 6);
    let tested = client.get("/sys/onboarding/retrospective/forecasts").await.expect(200);
    let tested = tested["items"].as_array().into_iter().flatten().find(|item| item["workflow"] == "tenant-onboarding");
    assert!(tested.expect("the default workflow is there")["rests_on"].as_i64() > Some(60));
    // Known since the request before: every onboarding in flight has its dates.
    let page = client.get("/sys/onboarding?limit=200").await.expect(200);
    let rows = page["items"].as_array().expect("a page has items");
    assert!(!rows.is_empty() && rows.iter().all(|row| row["forecast"]["p85"].is_string()), "{page:#}");
    let verified = std::process::Command::new(workbench()).args(["audit", "verify", "--data-dir", &place]).output();
    assert!(verified.expect("the audit can be started").status.success());
}
