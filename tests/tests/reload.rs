//! Workflows and probes are read again when their files change, and a bad file never replaces a good one.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use workbench_tests::{Client, Setting, eventually};

fn workflow(version: u32, title: &str) -> String {
    format!("name: mine\nversion: {version}\ntitle: {title}\nsteps:\n  - {{ id: sign, title: Sign }}\n")
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::create_dir_all(folder).expect("a folder can be made");
    std::fs::write(folder.join(name), text).expect("a file can be written");
}

/// What `/sys/workflows` says of the workflow `mine`.
async fn mine(client: &Client) -> Option<Value> {
    let all = client.get("/sys/workflows").await.expect(200);
    all["items"].as_array()?.iter().find(|workflow| workflow["name"] == "mine").cloned()
}

async fn version(client: &Client, wanted: u32) {
    eventually("the version to be read", || async move {
        mine(client).await.filter(|workflow| workflow["version"] == wanted)
    })
    .await;
}

/// What `/readyz` says of the files, once it says `status`.
async fn told(client: &Client, status: &str) -> String {
    let part = eventually("the files to be judged", || async move {
        let ready = client.get("/readyz").await.expect(200);
        Some(ready["parts"]["definitions"].clone()).filter(|part| part["status"] == status)
    });
    part.await["detail"].as_str().unwrap_or_default().to_owned()
}

async fn reloads(folder: &Path, setting: Setting) {
    let client = setting.client();
    version(&client, 1).await;

    write(folder, "mine.yaml", &workflow(2, "Second"));
    version(&client, 2).await;
    let open = json!({ "tenant_id": "svbf", "name": "Boule", "country": "SE", "workflow": "mine" });
    assert_eq!(client.post("/sys/onboarding", &open).await.expect(201)["version"], 2);

    // Another content under the same version is refused, and the sound one stays.
    write(folder, "mine.yaml", &workflow(2, "Another"));
    let detail = told(&client, "warn").await;
    assert!(detail.contains("mine") && detail.contains("version"), "{detail}");
    assert_eq!(mine(&client).await.expect("it is still there")["title"], "Second");

    // So is a file with a fault, whatever the others are like; it is told with its place.
    write(folder, "mine.yaml", &workflow(3, "Third"));
    write(folder, "other.yaml", "name: other\nversoin: 1\n");
    let detail = eventually("the fault to be told", || async {
        let detail = told(&client, "warn").await;
        detail.contains("other.yaml:2:1").then_some(detail)
    });
    assert!(detail.await.contains("version"));
    assert_eq!(mine(&client).await.expect("it is still there")["version"], 2);

    std::fs::remove_file(folder.join("other.yaml")).expect("the file is there");
    version(&client, 3).await;
    told(&client, "pass").await;

    // A probe that checks something else: what was proven with the old one proves nothing any more.
    let probe = "name: sample_login\ntitle: Look\nsteps:\n  - name: look\n    request: { method: GET, path: / }\n    assert:\n      - { that: status < 500, message: it is down }\n";
    write(&folder.join("probes"), "login.yaml", probe);
    eventually("the new probe to be in use", || async {
        let log = setting.daemon.as_ref().map(workbench_tests::Daemon::log)?;
        log.contains("the probes are others than before").then_some(())
    })
    .await;
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    write(folder.path(), "mine.yaml", &workflow(1, "First"));
    folder
}

#[tokio::test]
async fn files_that_change_are_read_again_embedded() {
    let folder = folder();
    let setting = Setting::embedded_with(&["--workflows", &folder.path().display().to_string()]);
    reloads(folder.path(), setting).await;
}

#[tokio::test]
async fn files_that_change_are_read_again_shared() {
    let folder = folder();
    let setting = Setting::shared_with(&["--workflows", &folder.path().display().to_string()]).await;
    reloads(folder.path(), setting).await;
}

#[tokio::test]
async fn a_hangup_ends_no_process() {
    let setting = Setting::shared().await;
    let client = setting.client();
    for process in setting.daemon.iter().chain(&setting.workers) {
        let sent = Command::new("kill").args(["-HUP", &process.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()));
        eventually("the files to be read again", || async { process.log().contains("were read again").then_some(()) })
            .await;
    }
    client.get("/readyz").await.expect(200);
}
