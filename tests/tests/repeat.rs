//! A request that is repeated with its key has one effect, whatever became of the first answer.

use serde_json::{Value, json};
use workbench_tests::{Answer, Client, Setting, members};

async fn open(client: &Client) {
    let body = json!({ "tenant_id": "svbf", "name": "Boule", "country": "SE", "platform_url": "sandbox" });
    client.post("/sys/onboarding", &body).await.expect(201);
}

async fn with_key(client: &Client, method: &str, path: &str, key: &str, body: Option<&str>) -> Answer {
    let headers = [("content-type", "application/json"), ("idempotency-key", key), ("if-match", "\"1\"")];
    client.send(method, path, &headers, body).await
}

async fn a_patch_is_repeated(client: &Client) {
    let path = "/sys/onboarding/svbf/steps/contract";
    let body = Some(r#"{"assignee": "anna", "note": "once"}"#);
    let first = with_key(client, "PATCH", path, "patch-1", body).await;
    let events = client.events("svbf").await.len();
    // The first has raised the revision: the answer comes before the precondition.
    let second = with_key(client, "PATCH", path, "patch-1", body).await;
    assert_eq!(first.headers["etag"], second.headers["etag"]);
    assert_eq!(first.expect(200), second.expect(200));
    assert_eq!(client.events("svbf").await.len(), events);
    let other = with_key(client, "PATCH", path, "patch-1", Some(r#"{"assignee": "bo"}"#)).await;
    assert_eq!(other.problem(422), "idempotency_key_reused");

    let body = Some(r#"{"note": "at the same time"}"#);
    let headers = [("content-type", "application/json"), ("idempotency-key", "patch-2")];
    let send = || client.send("PATCH", path, &headers, body);
    let all = tokio::join!(send(), send(), send());
    assert_eq!(all.0.expect(200), all.1.expect(200));
    all.2.expect(200);
    let noted = |event: &&Value| event["kind"] == "step_noted" && event["payload"]["note"] == "at the same time";
    assert_eq!(client.events("svbf").await.iter().filter(noted).count(), 1);
}

async fn a_cancelled_import_is_repeated(client: &Client) {
    let uploaded = client.upload("svbf", "m.csv", members(3), &[]).await.expect(202);
    let id = uploaded["id"].as_str().expect("an import has an id");
    client.import_after("svbf", id, &["queued", "parsing"]).await;
    let path = format!("/sys/onboarding/svbf/imports/{id}/cancel");
    let first = with_key(client, "POST", &path, "cancel-1", None).await.expect(200);
    assert_eq!(first["state"], "cancelled");
    assert_eq!(with_key(client, "POST", &path, "cancel-1", None).await.expect(200), first);
}

#[tokio::test]
async fn a_key_is_honoured_embedded() {
    let setting = Setting::embedded();
    let client = setting.client();
    open(&client).await;
    a_patch_is_repeated(&client).await;
    a_cancelled_import_is_repeated(&client).await;
}

#[tokio::test]
async fn a_key_is_honoured_on_postgres() {
    let mut setting = Setting::shared().await;
    let client = setting.client();
    open(&client).await;
    a_patch_is_repeated(&client).await;
    a_cancelled_import_is_repeated(&client).await;

    // A job that nobody takes can be cancelled and taken up again.
    setting.workers.clear();
    let check = client.post("/sys/onboarding/svbf/health-check", &json!({})).await.expect(202);
    let job = format!("/sys/jobs/{}", check["job_id"].as_str().expect("a check has a job"));
    for (command, state) in [("cancel", "cancelled"), ("retry", "retrying")] {
        let path = format!("{job}/{command}");
        let first = with_key(&client, "POST", &path, command, None).await.expect(200);
        assert_eq!(first["state"], state);
        assert_eq!(with_key(&client, "POST", &path, command, None).await.expect(200), first);
        assert_eq!(with_key(&client, "POST", &path, "another", None).await.problem(409), "job_state");
    }
}

/// Lets transactions that change a table fail as they commit, as one does that lost against another.
fn lose(table: &str, condition: &str) -> String {
    format!(
        "create sequence lost_{table};
         create function lose_{table}() returns trigger language plpgsql as
         $$ begin if {condition} then raise exception 'lost' using errcode = '40001'; end if; return null; end $$;
         create constraint trigger lose after insert or update on {table}
         deferrable initially deferred for each row execute function lose_{table}();"
    )
}

#[tokio::test]
async fn a_transaction_that_lost_is_tried_again_and_then_told() {
    let mut setting = Setting::shared().await;
    let client = setting.client();
    open(&client).await;
    let _ = setting.postgres().sql(&lose("steps", "nextval('lost_steps') = 1"));
    let patched = client.patch("/sys/onboarding/svbf/steps/contract", &json!({ "assignee": "anna" })).await;
    assert_eq!(patched.expect(200)["assignee"], "anna");
    let assigned = client.events("svbf").await.iter().filter(|event| event["kind"] == "step_assigned").count();
    assert_eq!(assigned, 1);

    let _ = setting.postgres().sql(&lose("imports", "true"));
    let refused = client.upload("svbf", "m.csv", members(3), &[]).await;
    assert!(refused.headers.contains_key("retry-after"));
    assert_eq!(refused.problem(503), "store_busy");
    // From here, a commit that failed cannot be told from one whose answer was lost.
    let files = std::fs::read_dir(setting.data().join("objects/imports")).expect("uploads have a folder");
    assert_eq!(files.count(), 1, "the file stays, as an import may refer to it");

    setting.servers.as_mut().expect("the setting has servers").0.kill();
    let unreachable = client.patch("/sys/onboarding/svbf/steps/contract", &json!({ "note": "x" })).await;
    let said = format!("{} {}", unreachable.body["detail"], unreachable.body["hint"]);
    assert_eq!(unreachable.problem(503), "store_unavailable");
    assert!(said.contains("may not have been carried out") && said.contains("Idempotency-Key"), "{said}");
}
