//! Imports one after another: corrected, undone, one at a time.

use std::fmt::Write;

use serde_json::{Value, json};
use workbench_tests::{Client, Setting, members};

async fn open(client: &Client) {
    let body = json!({ "tenant_id": "svbf", "name": "Boule", "country": "SE", "platform_url": "sandbox" });
    client.post("/sys/onboarding", &body).await.expect(201);
}

/// A members file; each row a number and a family name.
fn table(rows: impl IntoIterator<Item = (usize, &'static str)>) -> Vec<u8> {
    let mut text = "licence_number;given_name;family_name\n".to_owned();
    for (number, name) in rows {
        let _ = writeln!(text, "SE-{number:05};Anna;{name}");
    }
    text.into_bytes()
}

async fn previewed(client: &Client, name: &str, bytes: Vec<u8>) -> Value {
    let uploaded = client.upload("svbf", name, bytes, &[]).await.expect(202);
    let preview = client.import_after("svbf", id(&uploaded), &["queued", "parsing"]).await;
    assert_eq!(preview["state"], "preview", "{preview:#}");
    preview
}

async fn stored(client: &Client, name: &str, bytes: Vec<u8>) -> Value {
    let preview = previewed(client, name, bytes).await;
    client.post(&path(&preview, "confirm"), &json!({})).await.expect(202);
    let stored = client.import_after("svbf", id(&preview), &["loading"]).await;
    assert_eq!(stored["state"], "completed", "{stored:#}");
    stored
}

fn id(import: &Value) -> &str {
    import["id"].as_str().expect("an import has an id")
}

fn path(import: &Value, action: &str) -> String {
    format!("/sys/onboarding/svbf/imports/{}/{action}", id(import))
}

/// New, changed and unchanged records of a file, against what is stored.
async fn against_stored(client: &Client, bytes: Vec<u8>) -> (i64, i64, i64) {
    counted(&previewed(client, "compare.csv", bytes).await)
}

fn counted(import: &Value) -> (i64, i64, i64) {
    let counts = &import["counts"];
    let count = |key: &str| counts[key].as_i64().unwrap_or(-1);
    (count("records_new"), count("records_changed"), count("records_unchanged"))
}

async fn undone(client: &Client, import: &Value) {
    let asked = client.post(&path(import, "rollback"), &json!({ "reason": "the wrong file" })).await.expect(202);
    assert_eq!(asked["state"], "rolling_back");
    let undone = client.import_after("svbf", id(import), &["rolling_back"]).await;
    assert_eq!(undone["state"], "rolled_back", "{undone:#}");
    assert!(undone["rolled_back_at"].is_string());
}

async fn rollback_restores_what_was_replaced(setting: Setting) {
    let client = setting.client();
    open(&client).await;
    let first = || table((0..1500).map(|number| (number, "Lind")));
    // Every third renamed, and some more.
    let second = || table((0..1600).map(|number| (number, if number % 3 == 0 { "Ek" } else { "Lind" })));
    let one = stored(&client, "one.csv", first()).await;
    let two = stored(&client, "two.csv", second()).await;
    assert_eq!(against_stored(&client, second()).await, (0, 0, 1600));

    let early = client.post(&path(&one, "rollback"), &json!({ "reason": "x" })).await;
    assert!(early.body["detail"].as_str().is_some_and(|detail| detail.contains(id(&two))), "{:#}", early.body);
    assert_eq!(early.problem(409), "rollback_refused");
    assert_eq!(client.post(&path(&two, "rollback"), &json!({ "reason": " " })).await.problem(422), "reason_required");
    let preview = previewed(&client, "three.csv", first()).await;
    assert_eq!(client.post(&path(&preview, "rollback"), &json!({ "reason": "x" })).await.problem(409), "import_state");

    assert_eq!(counted(&two), (100, 500, 1000));
    let late = previewed(&client, "late.csv", second()).await;
    assert_eq!(counted(&late), (0, 0, 1600));
    undone(&client, &two).await;
    client.post(&path(&late, "confirm"), &json!({})).await.expect(202);
    let late = client.import_after("svbf", id(&late), &["loading"]).await;
    assert_eq!((counted(&late), &late["loaded"]), ((100, 500, 1000), &json!(1600)), "an import was undone in between");
    undone(&client, &late).await;
    assert_eq!(against_stored(&client, first()).await, (0, 0, 1500));
    assert_eq!(against_stored(&client, second()).await, (100, 500, 1000));
    undone(&client, &one).await;
    assert_eq!(against_stored(&client, first()).await, (1500, 0, 0));
    let events = client.events("svbf").await;
    let reasons: Vec<_> = events
        .iter()
        .filter(|event| event["kind"] == "import_rolling_back")
        .map(|event| event["payload"]["reason"].clone())
        .collect();
    assert_eq!(reasons, ["the wrong file"; 3]);
    let (holds, said) = setting.tool(&["audit", "verify"]);
    assert!(holds, "{said}");
}

/// Two imports that are confirmed at once are stored one after the other.
async fn one_at_a_time(setting: Setting) {
    let client = setting.client();
    open(&client).await;
    let (one, two) =
        (previewed(&client, "a.csv", members(4_000)).await, previewed(&client, "b.csv", members(4_000)).await);
    let confirm = |import: &Value| {
        let (client, path) = (client.clone(), path(import, "confirm"));
        async move { client.post(&path, &json!({})).await.expect(202) }
    };
    tokio::join!(confirm(&one), confirm(&two));
    let (mut spans, mut compared) = (Vec::new(), Vec::new());
    for import in [&one, &two] {
        assert_eq!(import["counts"]["records_new"], 4_000, "nothing is stored at the time of the preview");
        let stored = client.import_after("svbf", id(import), &["loading"]).await;
        assert_eq!(
            (&stored["state"], &stored["loaded"], &stored["waits"]),
            (&json!("completed"), &json!(4_000), &json!(false))
        );
        compared
            .push(["records_new", "records_changed", "records_unchanged"].map(|key| stored["counts"][key].as_i64()));
        let job = client.get(&format!("/sys/jobs/{}", stored["job_id"].as_str().unwrap_or_default())).await.expect(200);
        let time = |key: &str| job[key].as_str().unwrap_or_default().to_owned();
        spans.push((time("started_at"), time("finished_at")));
    }
    spans.sort();
    assert!(spans[0].1 <= spans[1].0, "they overlap: {spans:?}");
    compared.sort_unstable();
    assert_eq!(compared, [[Some(0), Some(0), Some(4_000)], [Some(4_000), Some(0), Some(0)]], "what loading found");
}

#[tokio::test]
async fn a_rollback_restores_what_was_replaced_embedded() {
    rollback_restores_what_was_replaced(Setting::embedded()).await;
}

#[tokio::test]
async fn a_rollback_restores_what_was_replaced_on_postgres_and_redis() {
    rollback_restores_what_was_replaced(Setting::shared().await).await;
}

#[tokio::test]
async fn imports_of_a_tenant_are_stored_one_at_a_time_embedded() {
    one_at_a_time(Setting::embedded()).await;
}

#[tokio::test]
async fn imports_of_a_tenant_are_stored_one_at_a_time_on_postgres_and_redis() {
    one_at_a_time(Setting::shared().await).await;
}

#[tokio::test]
async fn a_corrected_file_shows_what_became_of_its_predecessors_issues() {
    let setting = Setting::embedded();
    let client = setting.client();
    open(&client).await;
    let faulty = "licence_number;given_name;family_name;birth_date\n1; Anna;Lind;1990-02-31\n2;Bo ;Ek;1985-01-01\n";
    let first = previewed(&client, "members.csv", faulty.as_bytes().to_vec()).await;
    assert_eq!(first["supersedes"], Value::Null);
    let corrected = "licence_number;given_name;family_name;birth_date\n1; Anna;Lind;1990-02-28\n2;Bo;Ek;1/1/1985\n";
    let second = previewed(&client, "members.csv", corrected.as_bytes().to_vec()).await;
    assert_eq!(second["supersedes"], first["id"]);
    assert_eq!(
        second["difference"],
        json!([
            { "code": "date_invalid", "resolved": 1, "remaining": 0, "new": 0 },
            { "code": "date_rewritten", "resolved": 0, "remaining": 0, "new": 1 },
            { "code": "trimmed", "resolved": 1, "remaining": 1, "new": 0 },
        ])
    );
    let earlier = client.get(&format!("/sys/onboarding/svbf/imports/{}", id(&first))).await.expect(200);
    assert_eq!(earlier["state"], "cancelled", "its preview is of no more use");
    assert_eq!((&earlier["superseded_by"], &second["superseded_by"]), (&second["id"], &Value::Null));
    let visitor = setting.visitor().await;
    let page = visitor.get(&format!("/onboarding/svbf/imports/{}", id(&first))).await.text;
    assert!(page.contains(&format!("href=\"/onboarding/svbf/imports/{}\"", id(&second))), "{page}");

    let table = visitor.get(&format!("/sys/onboarding/svbf/imports/{}/issues.csv", id(&second))).await.text;
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines[0], "row,column,value,severity,code,message,hint");
    assert_eq!(lines.len(), 3, "{table}");
    assert!(lines[1].starts_with("2,given_name,"), "{table}");

    let unknown = client.upload("svbf", "x.csv", members(1), &[("supersedes", "imp_none")]).await;
    assert_eq!(unknown.problem(422), "unknown_import");
    let named = client.upload("svbf", "other.csv", members(1), &[("supersedes", id(&second))]).await.expect(202);
    let named = client.import_after("svbf", id(&named), &["queued", "parsing"]).await;
    assert_eq!(named["supersedes"], second["id"]);
}

async fn findings_stay_with_their_rows(setting: Setting) {
    let client = setting.client();
    open(&client).await;
    let header = "licence_number;given_name;family_name;birth_date";
    let file = |rows: &[&str]| format!("{header}\n{}\n", rows.join("\n")).into_bytes();
    let faulty = file(&[
        "9;Ada;Ask;1980-01-01",
        "1;Anna;;1990-02-03",
        ";Bo;Ek;1985-01-01",
        "3;Cia;Berg;1977-07-07",
        "4;Dan; Lund;",
    ]);
    previewed(&client, "members.csv", faulty).await;
    // A row is gone, the rest is sorted otherwise, one empty value is filled in, and another row has lost the same one.
    let corrected = file(&["4;Dan; Lundh;", "3;Cia;;1977-07-07", ";Bo;Ek;1985-01-01", "1;Anna;Lind;1990-02-03"]);
    let second = previewed(&client, "members.csv", corrected).await;
    assert_eq!(
        second["difference"],
        json!([
            { "code": "trimmed", "resolved": 0, "remaining": 1, "new": 0 },
            { "code": "value_missing", "resolved": 1, "remaining": 1, "new": 1 },
        ])
    );
}

#[tokio::test]
async fn findings_stay_with_their_rows_embedded() {
    findings_stay_with_their_rows(Setting::embedded()).await;
}

#[tokio::test]
async fn findings_stay_with_their_rows_on_postgres_and_redis() {
    findings_stay_with_their_rows(Setting::shared().await).await;
}

/// Its job is stopped before a worker takes it, so that nothing here depends on who is faster.
#[tokio::test]
async fn a_rollback_that_was_stopped_is_finished_before_anything_else_is_stored() {
    let mut setting = Setting::shared().await;
    let client = setting.client();
    open(&client).await;
    let first = stored(&client, "first.csv", table([(1, "Lind"), (2, "Ek")])).await;
    let second = previewed(&client, "second.csv", table([(2, "Berg"), (3, "Alm")])).await;
    setting.workers.clear();
    let asked = client.post(&path(&first, "rollback"), &json!({ "reason": "the wrong file" })).await.expect(202);
    let job = asked["job_id"].as_str().expect("nobody else is at work").to_owned();
    client.post(&format!("/sys/jobs/{job}/cancel"), &json!({})).await.expect(200);

    let confirmed = client.post(&path(&second, "confirm"), &json!({})).await.expect(202);
    assert_eq!((&confirmed["state"], &confirmed["job_id"]), (&json!("loading"), &Value::Null));
    setting.start();
    client.post(&format!("/sys/jobs/{job}/retry"), &json!({})).await.expect(200);
    let undone = client.import_after("svbf", id(&first), &["rolling_back"]).await;
    assert_eq!(undone["state"], "rolled_back", "{undone:#}");
    let stored = client.import_after("svbf", id(&second), &["loading"]).await;
    assert_eq!(stored["state"], "completed", "{stored:#}");
    let rows = table([(1, "Lind"), (2, "Berg"), (3, "Alm")]);
    assert_eq!(against_stored(&client, rows).await, (1, 0, 2));
}
