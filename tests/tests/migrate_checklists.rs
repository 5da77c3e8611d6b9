//! Onboardings under way move to another version of their workflow, and only when they are told to.

use std::path::Path;

use serde_json::{Value, json};
use workbench_tests::{Client, Setting, eventually};

const FIRST: &str = "name: mine
version: 1
title: Mine
steps:
  - { id: sign, title: Sign }
  - { id: old, title: Old, needs: [sign] }
  - { id: live, title: Live, needs: [old] }
live_step: live
";

const SECOND: &str = "name: mine
version: 2
title: Mine
steps:
  - { id: sign, title: Sign }
  - { id: wait, title: Wait, kind: timer, after: 1s, needs: [sign] }
  - { id: train, title: Train, needs: [sign], assignee: anna }
  - { id: live, title: Live, needs: [wait, train] }
live_step: live
";

fn write(folder: &Path, text: &str) {
    std::fs::write(folder.join("mine.yaml"), text).expect("a file can be written");
}

async fn step(client: &Client, tenant: &str, id: &str) -> Value {
    let onboarding = client.get(&format!("/sys/onboarding/{tenant}")).await.expect(200);
    let steps = onboarding["steps"].as_array().cloned().unwrap_or_default();
    steps.into_iter().find(|step| step["id"] == id).unwrap_or(Value::Null)
}

async fn moves(folder: &Path, setting: Setting) {
    let client = setting.client();
    for tenant in ["aaa", "bbb", "ccc"] {
        let open = json!({ "tenant_id": tenant, "name": "Boule", "country": "SE", "workflow": "mine" });
        client.post("/sys/onboarding", &open).await.expect(201);
    }
    let done = json!({ "status": "done" });
    client.patch("/sys/onboarding/aaa/steps/sign", &done).await.expect(200);
    for id in ["sign", "old", "live"] {
        client.patch(&format!("/sys/onboarding/ccc/steps/{id}"), &done).await.expect(200);
    }
    write(folder, SECOND);
    let asking = &client;
    eventually("the second version to be loaded", || async move {
        let all = asking.get("/sys/workflows").await.expect(200);
        all["items"].as_array()?.iter().any(|one| one["name"] == "mine" && one["version"] == 2).then_some(())
    })
    .await;
    assert!(step(&client, "aaa", "old").await.is_object(), "a checklist under way stays on its version");

    let (well, plan) = setting.tool(&["migrate-checklists", "mine", "--dry-run"]);
    assert!(well, "{plan}");
    for line in ["v1 → v2, 2 of them: aaa, bbb", "kept     sign, live", "added    wait, train", "removed  old"] {
        assert!(plan.contains(line), "{line} is not in\n{plan}");
    }
    assert!(step(&client, "aaa", "old").await.is_object(), "a dry run changes nothing");
    let (well, said) = setting.tool(&["migrate-checklists", "mine"]);
    assert!(!well && said.contains("--reason"), "{said}");
    let (well, said) = setting.tool(&["migrate-checklists", "mnie", "--dry-run"]);
    assert!(!well && said.contains("there is no workflow"), "{said}");

    let (well, said) = setting.tool(&["migrate-checklists", "mine", "--reason", "the old step is gone"]);
    assert!(well && said.contains("2 moved"), "{said}");
    assert!(step(&client, "aaa", "old").await.is_null());
    assert_eq!(step(&client, "aaa", "sign").await["status"], "done", "what is in both versions stays as it was");
    let train = step(&client, "aaa", "train").await;
    assert_eq!((&train["status"], &train["assignee"]), (&json!("in_progress"), &json!("anna")));
    assert_eq!(step(&client, "bbb", "train").await["status"], "pending");
    assert!(step(&client, "ccc", "old").await.is_object(), "a complete checklist stays on its version");
    eventually("the new timer to run", || async move {
        (step(asking, "aaa", "wait").await["status"] == "done").then_some(())
    })
    .await;
    client.patch("/sys/onboarding/aaa/steps/train", &done).await.expect(200);
    client.patch("/sys/onboarding/aaa/steps/live", &done).await.expect(200);
    let onboarding = client.get("/sys/onboarding/aaa").await.expect(200);
    assert_eq!((&onboarding["version"], &onboarding["status"]), (&json!(2), &json!("completed")));

    let events = client.events("aaa").await;
    let migrated = events.iter().find(|event| event["kind"] == "checklist_migrated").expect("it is in the log");
    assert_eq!(migrated["payload"]["reason"], "the old step is gone");
    let (well, said) = setting.tool(&["audit", "verify"]);
    assert!(well, "{said}");
    let (well, said) = setting.tool(&["migrate-checklists", "mine", "--reason", "again", "--json"]);
    assert!(well && said.contains("\"moved\": 0"), "{said}");
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    write(folder.path(), FIRST);
    folder
}

#[tokio::test]
async fn checklists_move_when_told_embedded() {
    let folder = folder();
    let setting = Setting::embedded_with(&["--workflows", &folder.path().display().to_string()]);
    moves(folder.path(), setting).await;
}

#[tokio::test]
async fn checklists_move_when_told_shared() {
    let folder = folder();
    let setting = Setting::shared_with(&["--workflows", &folder.path().display().to_string()]).await;
    moves(folder.path(), setting).await;
}
