//! Where the columns of a table go: guessed, changed before the import is confirmed, and remembered afterwards.

use std::fmt::Write;

use serde_json::{Value, json};
use workbench_tests::{Answer, Client, Setting, members};

async fn open(client: &Client) {
    for tenant in ["svbf", "nbf"] {
        let body = json!({ "tenant_id": tenant, "name": "Boule", "country": "SE", "platform_url": "sandbox" });
        client.post("/sys/onboarding", &body).await.expect(201);
    }
}

const PEOPLE: [(&str, &str, &str); 6] = [
    ("Anna", "Andersson", "1984-05-02"),
    ("Karin", "Lindberg", "1990-12-24"),
    ("Lars", "Lund", "1970-01-30"),
    ("Emma", "Dahlgren", "2001-03-02"),
    ("Maria", "Nilsson", "1999-10-11"),
    ("Peter", "Ek", "1949-07-23"),
];

/// A table with this header, or none: a number, a given name, a family name, a date of birth.
fn table(header: &str) -> Vec<u8> {
    let mut text = if header.is_empty() { String::new() } else { format!("{header}\n") };
    for (number, (given, family, born)) in PEOPLE.iter().enumerate() {
        let _ = writeln!(text, "SE-{number:04};{given};{family};{born}");
    }
    text.into_bytes()
}

fn id(import: &Value) -> &str {
    import["id"].as_str().expect("an import has an id")
}

fn path(import: &Value, action: &str) -> String {
    format!("/sys/onboarding/svbf/imports/{}/{action}", id(import))
}

async fn read(client: &Client, tenant: &str, name: &str, bytes: Vec<u8>, fields: &[(&str, &str)]) -> Value {
    let uploaded = client.upload(tenant, name, bytes, fields).await.expect(202);
    client.import_after(tenant, id(&uploaded), &["queued", "parsing"]).await
}

async fn stored(client: &Client, preview: &Value) -> Value {
    client.post(&path(preview, "confirm"), &json!({})).await.expect(202);
    let stored = client.import_after("svbf", id(preview), &["loading"]).await;
    assert_eq!(stored["state"], "completed", "{stored:#}");
    stored
}

async fn map(client: &Client, import: &Value, body: &Value) -> Answer {
    let headers = [("content-type", "application/json")];
    client.send("PUT", &path(import, "mapping"), &headers, Some(&body.to_string())).await
}

/// Column, field and confidence in percent.
fn mapping(import: &Value) -> Vec<(String, String, i64)> {
    let columns = import["detected"]["mapping"].as_array().expect("a table has columns");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    #[allow(clippy::cast_possible_truncation, reason = "a confidence is at most 1")]
    let percent = |value: &Value| (value.as_f64().unwrap_or(-1.0) * 100.0).round() as i64;
    columns.iter().map(|one| (text(&one["column"]), text(&one["field"]), percent(&one["confidence"]))).collect()
}

fn fields(import: &Value) -> Vec<String> {
    mapping(import).into_iter().map(|(_, field, _)| field).collect()
}

fn issues_of(import: &Value, code: &str) -> i64 {
    let groups = import["issues"].as_array().expect("an import has groups of issues");
    groups.iter().find(|group| group["code"] == code).and_then(|group| group["count"].as_i64()).unwrap_or(0)
}

const FOUND: [&str; 4] = ["licence_number", "given_name", "family_name", "birth_date"];

async fn a_guess_waits_and_can_be_put_right(setting: Setting) {
    let client = setting.client();
    open(&client).await;
    let guessed = read(&client, "svbf", "a.csv", table(""), &[("mode", "apply")]).await;
    assert_eq!((&guessed["state"], &guessed["counts"]["records_new"]), (&json!("preview"), &json!(6)), "{guessed:#}");
    assert_eq!(fields(&guessed), FOUND);
    assert_eq!(issues_of(&guessed, "column_guessed"), 4);
    assert_eq!(guessed["detected"]["mapping"][3]["reason"], "6 of 6 values are dates in the past, as of birth");

    for (body, code, hint) in [
        (json!({ "mapping": { "colum 2": "club" } }), "unknown_column", "Did you mean “column 2”?"),
        (json!({ "mapping": { "column 2": "familyname" } }), "unknown_field", "Did you mean “family_name”?"),
        (json!({ "mapping": { "column 1": "club", "column 2": "club" } }), "duplicate_field", "Choose one"),
        (json!({ "mapping": {}, "entity": "ledger" }), "unknown_entity", "Use members"),
        (json!({ "mappings": {} }), "invalid_body", "Did you mean `mapping`?"),
        (json!({ "mapping": { "Zebra": null } }), "unknown_column", "The columns of the table are: column 1,"),
    ] {
        let refused = map(&client, &guessed, &body).await;
        assert!(refused.body["hint"].as_str().is_some_and(|said| said.starts_with(hint)), "{:#}", refused.body);
        assert_eq!(refused.problem(422), code);
    }

    let body =
        json!({ "mapping": { "column 2": "family_name", "column 3": "given_name", "column 4": null } }).to_string();
    let headers = [("content-type", "application/json"), ("idempotency-key", "map-1")];
    let address = path(&guessed, "mapping");
    let send = || client.send("PUT", &address, &headers, Some(&body));
    let first = send().await.expect(202);
    assert_eq!((&first["state"], &first["mode"]), (&json!("queued"), &json!("preview")));
    let again = client.import_after("svbf", id(&guessed), &["queued", "parsing"]).await;
    assert_eq!(send().await.expect(202), first, "a repeated request gets the first answer");
    let now = client.get(&format!("/sys/onboarding/svbf/imports/{}", id(&guessed))).await.expect(200);
    assert_eq!(now["job_id"], first["job_id"], "and has no effect");
    assert_eq!(again["state"], "preview", "nothing is stored by itself");
    assert_eq!(fields(&again), ["licence_number", "family_name", "given_name", ""]);
    assert_eq!(issues_of(&again, "column_guessed"), 1, "former issues are gone: {:#}", again["issues"]);
    assert_eq!(again["sample"][0]["fields"]["family_name"], "Anna");
    let events = client.events("svbf").await;
    let asked = events.iter().rfind(|event| event["kind"] == "import_queued").expect("an event");
    assert_eq!(asked["payload"]["mapping"]["column 2"], "family_name");

    let done = stored(&client, &again).await;
    assert_eq!(done["loaded"], 6);
    assert_eq!(map(&client, &done, &json!({ "mapping": {} })).await.problem(409), "import_state");
    let ledger = read(&client, "svbf", "b.se", workbench_tests::ledger(), &[]).await;
    assert_eq!(map(&client, &ledger, &json!({ "mapping": {} })).await.problem(409), "mapping_fixed");
    let (holds, said) = setting.tool(&["audit", "verify"]);
    assert!(holds, "{said}");
}

/// A first line of words above words may be either; a person says which.
async fn a_first_line_is_what_somebody_says(setting: Setting) {
    let client = setting.client();
    open(&client).await;
    let words = b"Licensnumer;Fornman;Efternman\na;b;c\nd;e;f\n".to_vec();
    let guessed = read(&client, "svbf", "a.csv", words.clone(), &[("mode", "apply")]).await;
    assert_eq!((&guessed["state"], &guessed["counts"]["rows_read"]), (&json!("preview"), &json!(2)), "{guessed:#}");
    assert_eq!(issues_of(&guessed, "header_guessed"), 1);
    let heading = &guessed["detected"]["heading"];
    assert_eq!(
        (&heading["named"], &heading["inferred"], &heading["guessed"]),
        (&json!(true), &json!(true), &json!(true))
    );

    let by_place = json!({ "#1": "licence_number", "#2": "given_name", "#3": "family_name" });
    let named = map(&client, &guessed, &json!({ "mapping": { "Efternman": "club" }, "header": false })).await;
    assert_eq!(named.problem(422), "unknown_column");
    map(&client, &guessed, &json!({ "mapping": by_place, "header": false })).await.expect(202);
    let rows = client.import_after("svbf", id(&guessed), &["queued", "parsing"]).await;
    assert_eq!((&rows["counts"]["records"], &rows["detected"]["header"]), (&json!(3), &Value::Null), "{rows:#}");
    assert_eq!(rows["detected"]["heading"]["inferred"], false);
    // What was said holds for the next mapping, which says nothing about it.
    let swapped = json!({ "#1": "licence_number", "#3": "given_name", "#2": "family_name" });
    map(&client, &guessed, &json!({ "mapping": swapped })).await.expect(202);
    let again = client.import_after("svbf", id(&guessed), &["queued", "parsing"]).await;
    assert_eq!((&again["counts"]["records"], &again["detected"]["heading"]["named"]), (&json!(3), &json!(false)));
    let asked = client.events("svbf").await;
    let asked = asked.iter().rfind(|event| event["kind"] == "import_queued").expect("an event");
    assert_eq!((&asked["payload"]["header"], &asked["payload"]["mapping"]), (&json!(false), &swapped));
    assert_eq!(stored(&client, &again).await["loaded"], 3);

    let said = [("mode", "apply"), ("header", "true"), ("mapping", r##"{"#1":"licence_number"}"##)];
    let said = read(&client, "svbf", "b.csv", table("No;A;B;C"), &said).await;
    assert_eq!((&said["counts"]["rows_read"], &said["detected"]["header"][0]), (&json!(6), &json!("No")), "{said:#}");
    let refused = client.upload("svbf", "c.csv", words, &[("header", "perhaps")]).await;
    assert_eq!(refused.problem(422), "header");
}

async fn a_table_that_failed_for_its_columns_is_mapped(setting: Setting) {
    let client = setting.client();
    open(&client).await;
    let bytes = b"Licens;Tilltal;Slutnamn\n1;x;y\n2;x;y\n".to_vec();
    let failed = read(&client, "svbf", "a.csv", bytes, &[]).await;
    assert_eq!((&failed["state"], &failed["failure"]["code"]), (&json!("failed"), &json!("columns_missing")));
    assert_eq!(fields(&failed), ["licence_number", "", ""]);
    let names = json!({ "mapping": { "tilltal": "given_name", "Slutnamn": "family_name" } });
    map(&client, &failed, &names).await.expect(202);
    let read_again = client.import_after("svbf", id(&failed), &["queued", "parsing"]).await;
    assert_eq!((&read_again["state"], &read_again["failure"]), (&json!("preview"), &Value::Null), "{read_again:#}");
    assert_eq!(stored(&client, &read_again).await["loaded"], 2);

    let binary = read(&client, "svbf", "b.csv", b"PK\x03\x04".to_vec(), &[]).await;
    assert_eq!(map(&client, &binary, &json!({ "mapping": {} })).await.problem(409), "import_state");
}

async fn a_confirmed_mapping_is_remembered(setting: Setting) {
    let client = setting.client();
    open(&client).await;
    let asked = json!({ "No": "licence_number", "A": "given_name", "B": "family_name", "C": null }).to_string();
    let first = read(&client, "svbf", "a.csv", table("No;A;B;C"), &[("mapping", &asked)]).await;
    // An import that was not confirmed teaches nothing.
    let before = client.get("/sys/tenants/svbf/mappings").await.expect(200);
    assert_eq!(before["items"], json!([]));
    stored(&client, &first).await;

    let saved = client.get("/sys/tenants/svbf/mappings").await.expect(200);
    assert_eq!((saved["items"].as_array().map(Vec::len), &saved["items"][0]["import_id"]), (Some(1), &first["id"]));
    assert_eq!(saved["items"][0]["columns"][3], json!({ "column": "C", "field": null }));
    let same = read(&client, "svbf", "b.csv", table("No;A;B;C"), &[("mode", "apply")]).await;
    let same = client.import_after("svbf", id(&same), &["preview", "loading"]).await;
    assert_eq!(same["state"], "completed", "nothing is a guess any more: {same:#}");
    assert_eq!(mapping(&same)[1], ("A".to_owned(), "given_name".to_owned(), 100));
    let reason = same["detected"]["mapping"][1]["reason"].as_str().expect("a reason");
    assert!(reason.starts_with(&format!("as confirmed in {} on 20", id(&first))), "{reason}");
    assert_eq!(fields(&same)[3], "", "what was left out is left out");

    let other = read(&client, "svbf", "c.csv", table("No;A;B;Born"), &[]).await;
    assert_eq!(mapping(&other)[2], ("B".to_owned(), "family_name".to_owned(), 95));
    assert_eq!((fields(&other)[3].as_str(), issues_of(&other, "column_guessed")), ("birth_date", 0));
    let told = json!({ "A": "family_name", "B": "given_name" }).to_string();
    let told = read(&client, "svbf", "d.csv", table("No;A;B;C"), &[("mapping", &told)]).await;
    assert_eq!(fields(&told)[..3], ["licence_number", "family_name", "given_name"]);
    let elsewhere = read(&client, "nbf", "a.csv", table("No;A;B;C"), &[]).await;
    assert_eq!(issues_of(&elsewhere, "column_guessed"), 4, "tenants do not learn from each other");

    let address = |id: &Value| format!("/sys/tenants/svbf/mappings/{}", id.as_str().unwrap_or_default());
    let saved = client.get("/sys/tenants/svbf/mappings").await.expect(200)["items"][0]["id"].clone();
    let viewer = client.with_token(Some(&setting.token("viewer")));
    viewer.get("/sys/tenants/svbf/mappings").await.expect(200);
    assert_eq!(viewer.send("DELETE", &address(&saved), &[], None).await.problem(403), "forbidden");
    let foreign = address(&saved).replace("svbf", "nbf");
    assert_eq!(client.send("DELETE", &foreign, &[], None).await.problem(404), "not_found");
    client.send("DELETE", &address(&saved), &[], None).await.expect(204);
    assert_eq!(client.send("DELETE", &address(&saved), &[], None).await.problem(404), "not_found");
    let forgotten = read(&client, "svbf", "e.csv", table("No;A;B;C"), &[]).await;
    assert_eq!(issues_of(&forgotten, "column_guessed"), 4);
    assert!(client.events("svbf").await.iter().any(|event| event["kind"] == "import_mapping_deleted"));
}

/// Nobody stands by the mapping of an import that was undone: what was confirmed before it is in force again.
async fn an_undone_import_teaches_nothing(setting: Setting) {
    let client = setting.client();
    open(&client).await;
    let confirmed = |name: &'static str, mapping: Value| {
        let client = client.clone();
        async move {
            let mapping = mapping.to_string();
            let preview = read(&client, "svbf", name, table("No;A;B;C"), &[("mapping", &mapping)]).await;
            stored(&client, &preview).await
        }
    };
    let undone = |import: Value| {
        let client = client.clone();
        async move {
            let why = json!({ "reason": "the names are the wrong way round" });
            client.post(&path(&import, "rollback"), &why).await.expect(202);
            let undone = client.import_after("svbf", id(&import), &["rolling_back"]).await;
            assert_eq!(undone["state"], "rolled_back", "{undone:#}");
        }
    };
    let saved = || async { client.get("/sys/tenants/svbf/mappings").await.expect(200)["items"].clone() };

    let first = confirmed("a.csv", json!({ "A": "given_name", "B": "family_name" })).await;
    let before = saved().await;
    let second = confirmed("b.csv", json!({ "A": "family_name", "B": "given_name" })).await;
    assert_eq!(saved().await[0]["import_id"], second["id"]);
    undone(second).await;
    assert_eq!(saved().await, before);
    let same = read(&client, "svbf", "c.csv", table("No;A;B;C"), &[]).await;
    assert_eq!(mapping(&same)[1], ("A".to_owned(), "given_name".to_owned(), 100));
    undone(first).await;
    assert_eq!(saved().await, json!([]));
    let forgotten = read(&client, "svbf", "d.csv", table("No;A;B;C"), &[]).await;
    assert_eq!(issues_of(&forgotten, "column_guessed"), 4);
    let kinds: Vec<_> = client.events("svbf").await.into_iter().map(|event| event["kind"].clone()).collect();
    assert!(kinds.contains(&json!("import_mapping_restored")) && kinds.contains(&json!("import_mapping_deleted")));
}

/// What a person saw is what is stored, whatever was learnt in between.
async fn loading_repeats_the_preview(setting: Setting) {
    let client = setting.client();
    open(&client).await;
    let seen = read(&client, "svbf", "seen.csv", table("No;A;B;C"), &[]).await;
    let swapped = json!({ "A": "family_name", "B": "given_name" }).to_string();
    let other = read(&client, "svbf", "other.csv", table("No;A;B;C"), &[("mapping", &swapped)]).await;
    stored(&client, &other).await;
    stored(&client, &seen).await;
    let as_seen = json!({ "A": "given_name", "B": "family_name", "C": "birth_date" }).to_string();
    let check = read(&client, "svbf", "check.csv", table("No;A;B;C"), &[("mapping", &as_seen)]).await;
    assert_eq!(check["counts"]["records_unchanged"], 6, "{:#}", check["counts"]);
}

/// The order of days and months that the preview showed is the one that is stored, and the next file shows its own.
async fn dates_are_stored_as_the_preview_read_them(setting: Setting) {
    let client = setting.client();
    open(&client).await;
    let table = |dates: [&str; 3]| {
        let mut text = "Licens;Förnamn;Efternamn;Född\n".to_owned();
        for (number, ((given, family, _), date)) in PEOPLE.iter().zip(dates).enumerate() {
            let _ = writeln!(text, "SE-{number:04};{given};{family};{date}");
        }
        text.into_bytes()
    };
    let american = read(&client, "svbf", "a.csv", table(["03/04/2001", "12/24/1990", "01/30/1970"]), &[]).await;
    assert_eq!(american["detected"]["mapping"][3]["notation"], "month_first", "{american:#}");
    assert_eq!(american["sample"][0]["fields"]["birth_date"], "2001-03-04");
    stored(&client, &american).await;
    let iso = read(&client, "svbf", "b.csv", table(["2001-03-04", "1990-12-24", "1970-01-30"]), &[]).await;
    assert_eq!(iso["counts"]["records_unchanged"], 3, "{:#}", iso["counts"]);
    let unclear = read(&client, "svbf", "c.csv", table(["03/04/2001", "1990-12-24", "1970-01-30"]), &[]).await;
    assert_eq!((issues_of(&unclear, "date_ambiguous"), &unclear["counts"]["records_changed"]), (1, &json!(1)));
}

/// Killed right after the answer: the job is handed over again, and the file is read by the new mapping.
async fn a_killed_worker_reads_again(mut setting: Setting) {
    let client = setting.client();
    open(&client).await;
    let preview = read(&client, "svbf", "m.csv", members(20_000), &[]).await;
    map(&client, &preview, &json!({ "mapping": { "Klubb": "", "E-post": "" } })).await.expect(202);
    setting.kill_and_restart_workers();
    let client = setting.client();
    let again = client.import_after("svbf", id(&preview), &["queued", "parsing"]).await;
    assert_eq!((&again["state"], &again["counts"]["rows_read"]), (&json!("preview"), &json!(20_000)));
    assert_eq!(fields(&again)[5..], ["", ""]);
    assert_eq!(issues_of(&again, "unmapped_column"), 1);
}

/// The `progress` events of a stream, which ends by itself.
fn progress(stream: &str) -> Vec<Value> {
    let mut events = Vec::new();
    for event in stream.split("\n\n").filter(|event| event.contains("event: progress")) {
        let data = event.lines().find_map(|line| line.strip_prefix("data: ")).expect("an event has data");
        events.push(serde_json::from_str(data).expect("data is JSON"));
    }
    events
}

async fn progress_is_followed_to_its_end(setting: Setting) {
    let client = setting.client();
    open(&client).await;
    let visitor = setting.visitor().await;
    let preview = read(&client, "svbf", "m.csv", members(8_000), &[]).await;
    let address = path(&preview, "events");
    let (stream, _) = tokio::join!(visitor.get(&address), async {
        client.post(&path(&preview, "confirm"), &json!({})).await.expect(202)
    });
    assert_eq!(stream.status, 200);
    let events = progress(&stream.text);
    let states: Vec<&str> = events.iter().filter_map(|event| event["state"].as_str()).collect();
    assert!(
        states.is_sorted_by_key(|state| ["preview", "loading", "completed"].iter().position(|known| known == state))
    );
    let last = events.last().expect("a stream has events");
    assert_eq!(
        (&last["state"], &last["done"], &last["total"], &last["unit"], &last["loaded"]),
        (&json!("completed"), &json!(8_000), &json!(8_000), &json!("rows"), &json!(8_000))
    );
    let rows: Vec<i64> =
        events.iter().filter(|event| event["unit"] == "rows").filter_map(|event| event["done"].as_i64()).collect();
    assert!(rows.is_sorted(), "{rows:?}");

    // Of an import that has ended there is one thing to say.
    let ended = visitor.get(&path(&preview, "events")).await;
    assert_eq!(progress(&ended.text).len(), 1, "{}", ended.text);
    assert_eq!(client.get("/sys/onboarding/svbf/imports/imp_none/events").await.problem(404), "not_found");
}

#[tokio::test]
async fn a_guess_waits_and_can_be_put_right_embedded() {
    a_guess_waits_and_can_be_put_right(Setting::embedded()).await;
}

#[tokio::test]
async fn a_guess_waits_and_can_be_put_right_on_postgres_and_redis() {
    a_guess_waits_and_can_be_put_right(Setting::shared().await).await;
}

#[tokio::test]
async fn a_first_line_is_what_somebody_says_embedded() {
    a_first_line_is_what_somebody_says(Setting::embedded()).await;
}

#[tokio::test]
async fn a_first_line_is_what_somebody_says_on_postgres_and_redis() {
    a_first_line_is_what_somebody_says(Setting::shared().await).await;
}

#[tokio::test]
async fn a_table_that_failed_for_its_columns_is_mapped_embedded() {
    a_table_that_failed_for_its_columns_is_mapped(Setting::embedded()).await;
}

#[tokio::test]
async fn a_table_that_failed_for_its_columns_is_mapped_on_postgres_and_redis() {
    a_table_that_failed_for_its_columns_is_mapped(Setting::shared().await).await;
}

#[tokio::test]
async fn a_confirmed_mapping_is_remembered_embedded() {
    a_confirmed_mapping_is_remembered(Setting::embedded()).await;
}

#[tokio::test]
async fn a_confirmed_mapping_is_remembered_on_postgres_and_redis() {
    a_confirmed_mapping_is_remembered(Setting::shared().await).await;
}

#[tokio::test]
async fn an_undone_import_teaches_nothing_embedded() {
    an_undone_import_teaches_nothing(Setting::embedded()).await;
}

#[tokio::test]
async fn an_undone_import_teaches_nothing_on_postgres_and_redis() {
    an_undone_import_teaches_nothing(Setting::shared().await).await;
}

#[tokio::test]
async fn loading_repeats_the_preview_embedded() {
    loading_repeats_the_preview(Setting::embedded()).await;
}

#[tokio::test]
async fn loading_repeats_the_preview_on_postgres_and_redis() {
    loading_repeats_the_preview(Setting::shared().await).await;
}

#[tokio::test]
async fn dates_are_stored_as_the_preview_read_them_embedded() {
    dates_are_stored_as_the_preview_read_them(Setting::embedded()).await;
}

#[tokio::test]
async fn dates_are_stored_as_the_preview_read_them_on_postgres_and_redis() {
    dates_are_stored_as_the_preview_read_them(Setting::shared().await).await;
}

#[tokio::test]
async fn a_killed_worker_reads_again_embedded() {
    a_killed_worker_reads_again(Setting::embedded()).await;
}

#[tokio::test]
async fn a_killed_worker_reads_again_on_postgres_and_redis() {
    a_killed_worker_reads_again(Setting::shared().await).await;
}

#[tokio::test]
async fn progress_is_followed_to_its_end_embedded() {
    progress_is_followed_to_its_end(Setting::embedded()).await;
}

#[tokio::test]
async fn progress_is_followed_to_its_end_on_postgres_and_redis() {
    progress_is_followed_to_its_end(Setting::shared().await).await;
}
