//! Whoever changes the log or the state behind the product's back is found out, on both stores.

use serde_json::{Value, json};
use workbench_tests::{Setting, workbench};

/// What somebody does to the database, how it is put right again, and what the audit says in between.
const TAMPERING: [(&str, &str, Option<i64>, &str); 6] = [
    (
        "update events set payload = payload || ' ' where seq = 3",
        "update events set payload = rtrim(payload) where seq = 3",
        Some(3),
        "its content was changed after it was written",
    ),
    (
        "update events set actor = 'nobody' where seq = 1",
        "update events set actor = 'workbench' where seq = 1",
        Some(1),
        "its content was changed after it was written",
    ),
    (
        "create table taken as select * from events where seq = 4; delete from events where seq = 4",
        "insert into events select * from taken; drop table taken",
        Some(4),
        "it is missing",
    ),
    (
        "update events set seq = -2 where seq = 2; update events set seq = 2 where seq = 3; update events set seq = 3 where seq = -2",
        "update events set seq = -2 where seq = 2; update events set seq = 2 where seq = 3; update events set seq = 3 where seq = -2",
        Some(2),
        "it does not name its predecessor's hash",
    ),
    (
        "create table taken as select * from events where seq > 5; delete from events where seq > 5",
        "insert into events select * from taken; drop table taken",
        Some(6),
        "it and all that followed are missing",
    ),
    (
        "update steps set assignee = 'nobody' where id = 'kickoff'",
        "update steps set assignee = null where id = 'kickoff'",
        None,
        "replaying its events does not give its stored state",
    ),
];

/// Runs statements on the setting's database.
fn sql(setting: &Setting, statements: &str) {
    if setting.servers.is_some() {
        let _ = setting.postgres().sql(statements);
    } else {
        let database = rusqlite::Connection::open(setting.data().join("workbench.db")).expect("the file is there");
        database.execute_batch(statements).expect("the statements are carried out");
    }
}

/// What `audit verify --json` finds, and its exit code.
fn audit(setting: &Setting, more: &[&str]) -> (Option<i32>, Value) {
    let mut command = std::process::Command::new(workbench());
    command.args(["audit", "verify", "--json"]).args(more).arg("--data-dir").arg(setting.data());
    if setting.servers.is_some() {
        command.args(["--database-url", &setting.postgres().url()]);
    }
    let output = command.output().expect("the binary can be started");
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_default())
}

async fn tampering_shows(setting: Setting) {
    let client = setting.client();
    let body = json!({ "tenant_id": "svbf", "name": "Boule", "country": "SE", "platform_url": "sandbox" });
    client.post("/sys/onboarding", &body).await.expect(201);
    client.patch("/sys/onboarding/svbf/steps/contract", &json!({ "assignee": "anna" })).await.expect(200);
    client.patch("/sys/onboarding/svbf/steps/contract", &json!({ "status": "done" })).await.expect(200);
    for name in ["anna", "bea", "cecilia"] {
        client.patch("/sys/onboarding/svbf/steps/train_admins", &json!({ "assignee": name })).await.expect(200);
    }
    let (code, found) = audit(&setting, &[]);
    assert_eq!((code, &found["holds"]), (Some(0), &json!(true)), "{found:#}");
    let head = &found["head"];
    assert!(head["seq"].as_i64() > Some(6), "there are too few events to play with: {found:#}");
    let noted = format!("{}:{}", head["seq"], head["hash"].as_str().unwrap_or_default());

    for (breaking, mending, event, why) in TAMPERING {
        sql(&setting, breaking);
        let (code, found) = audit(&setting, &[]);
        assert_eq!(code, Some(1), "{breaking}: {found:#}");
        assert_eq!(found["broken"]["event"].as_i64(), event, "{breaking}: {found:#}");
        let said = if event.is_some() { &found["broken"]["why"] } else { &found["difference"] };
        assert!(said.as_str().is_some_and(|said| said.contains(why)), "{breaking}: {found:#}");
        sql(&setting, mending);
        assert_eq!(audit(&setting, &["--noted", &noted]).0, Some(0), "{mending} did not put it right");
    }

    // Only what was noted elsewhere tells of a log whose stored end was moved back, too.
    sql(
        &setting,
        "delete from events where seq > 5;
         update event_head set seq = 5, hash = (select hash from events where seq = 5);
         delete from waivers; delete from steps; delete from checklists",
    );
    let (code, found) = audit(&setting, &["--noted", &noted]);
    assert_eq!((code, &found["broken"]["event"]), (Some(1), &json!(6)), "{found:#}");
    assert_eq!(audit(&setting, &["--noted", "5:abc"]).0, Some(2), "that is no hash");
}

#[tokio::test]
async fn tampering_shows_on_sqlite() {
    tampering_shows(Setting::embedded()).await;
}

#[tokio::test]
async fn tampering_shows_on_postgres() {
    tampering_shows(Setting::shared().await).await;
}

#[test]
fn what_cannot_be_audited_is_neither_good_nor_bad() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let mut command = std::process::Command::new(workbench());
    command.args(["audit", "verify", "--data-dir"]).arg(folder.path());
    assert_eq!(command.output().expect("the binary can be started").status.code(), Some(2));
}
