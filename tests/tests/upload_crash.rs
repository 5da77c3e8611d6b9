//! Daemons are killed with -9 during an upload, workers while they read one: repeated, or simply waited for, it ends as
//! if nothing had happened.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use futures::channel::mpsc;
use serde_json::{Value, json};
use workbench_tests::{Client, Setting, eventually, members};

/// Rows enough that reading them can be interrupted.
const ROWS: usize = 60_000;
/// Longer than an upload may pause.
const TWO_DAYS: Duration = Duration::from_hours(48);

async fn open(client: &Client) {
    let body = json!({ "tenant_id": "svbf", "name": "Boule", "country": "SE", "platform_url": "sandbox" });
    client.post("/sys/onboarding", &body).await.expect(201);
}

/// The files of uploads that are not whole.
fn partial(data: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(data.join("objects/imports")).into_iter().flatten().flatten();
    files.map(|file| file.path()).filter(|path| path.to_string_lossy().contains('#')).collect()
}

/// What a preview says that does not differ from one reading of the same bytes to the next.
async fn shown(client: &Client, import: &Value) -> Value {
    let id = import["id"].as_str().expect("an import has an id");
    let issues = client.get(&format!("/sys/onboarding/svbf/imports/{id}/issues?limit=200")).await.expect(200);
    let said = ["state", "counts", "detected", "sample", "issues", "size", "sha256"].map(|key| import[key].clone());
    json!([said, issues["items"]])
}

async fn kill_in_mid_upload(mut setting: Setting) {
    let client = setting.client();
    open(&client).await;
    let file = members(ROWS);
    let (sender, bytes) = mpsc::unbounded::<Result<Vec<u8>, std::io::Error>>();
    sender.unbounded_send(Ok(file[..file.len() / 2].to_vec())).expect("the upload listens");
    let cut_off = {
        let client = client.clone();
        let body = reqwest::Body::wrap_stream(bytes);
        tokio::spawn(async move { client.try_upload("svbf", "members.csv", "one", body).await })
    };
    let data = setting.data();
    let arrived = data.as_path();
    eventually("a part of the file to arrive", || async move { partial(arrived).pop() }).await;
    if let Some(mut daemon) = setting.daemon.take() {
        daemon.kill();
    }
    assert!(cut_off.await.expect("the upload ends").is_none());
    drop(sender);
    setting.start();

    let client = setting.client();
    let imports = "/sys/onboarding/svbf/imports";
    assert_eq!(client.get(imports).await.expect(200)["items"], json!([]));
    let mut ids = Vec::new();
    for _ in 0..2 {
        let answer = client.try_upload("svbf", "members.csv", "one", file.clone().into()).await;
        let import = answer.expect("the daemon answers").expect(202);
        ids.push(import["id"].as_str().expect("an import has an id").to_owned());
    }
    assert_eq!(ids[0], ids[1]);
    assert_eq!(client.get(imports).await.expect(200)["items"].as_array().map(Vec::len), Some(1));
    let preview = client.import_after("svbf", &ids[0], &["queued", "parsing"]).await;
    assert_eq!((&preview["state"], &preview["counts"]["records"]), (&json!("preview"), &json!(ROWS)));

    // What is left of the first is removed once nobody can be sending it any more.
    let left = partial(&data);
    assert_eq!(left.len(), 1, "{left:?}");
    let young = left[0].with_extension("young#7");
    std::fs::copy(&left[0], &young).expect("a file can be copied");
    let old = std::fs::File::options().write(true).open(&left[0]).expect("the file is there");
    old.set_modified(SystemTime::now() - TWO_DAYS).expect("its age can be set");
    if let Some(mut daemon) = setting.daemon.take() {
        daemon.stop();
    }
    setting.start();
    let (data, young) = (data.as_path(), &young);
    eventually("the old part to be removed", || async move { (partial(data) == [young.clone()]).then_some(()) }).await;
    assert!(data.join("objects/imports").join(&ids[0]).exists());
}

async fn kill_in_mid_preview(mut setting: Setting) {
    let client = setting.client();
    open(&client).await;
    let uploaded = client.upload("svbf", "members.csv", members(ROWS), &[]).await.expect(202);
    let id = uploaded["id"].as_str().expect("an import has an id");
    let path = format!("/sys/onboarding/svbf/imports/{id}");
    let (asking, path) = (&client, path.as_str());
    eventually("the file to be read", || async move {
        let import = asking.get(path).await.expect(200);
        assert!(import["state"] == "queued" || import["state"] == "parsing", "it was read before it was interrupted");
        (import["progress"]["done"].as_i64()? > 0).then_some(())
    })
    .await;
    setting.kill_and_restart_workers();

    let client = setting.client();
    let preview = client.import_after("svbf", id, &["queued", "parsing"]).await;
    let job = client.job_ended(uploaded["job_id"].as_str().unwrap_or_default()).await;
    let outcome = |attempt: Option<&Value>| attempt.map(|attempt| attempt["outcome"].clone());
    let attempts = job["attempts"].as_array().cloned().unwrap_or_default();
    assert_eq!(outcome(attempts.first()), Some(json!("lost")), "{job:#}");
    assert_eq!(outcome(attempts.last()), Some(json!("succeeded")), "{job:#}");

    let calm = client.upload("svbf", "again.csv", members(ROWS), &[]).await.expect(202);
    let calm = client.import_after("svbf", calm["id"].as_str().unwrap_or_default(), &["queued", "parsing"]).await;
    assert_eq!(shown(&client, &preview).await, shown(&client, &calm).await);
    let (holds, said) = setting.tool(&["audit", "verify"]);
    assert!(holds, "{said}");
}

#[tokio::test]
async fn an_upload_survives_its_daemon_embedded() {
    kill_in_mid_upload(Setting::embedded()).await;
}

#[tokio::test]
async fn an_upload_survives_its_daemon_on_postgres_and_redis() {
    kill_in_mid_upload(Setting::shared().await).await;
}

#[tokio::test]
async fn a_preview_survives_its_worker_embedded() {
    kill_in_mid_preview(Setting::embedded()).await;
}

#[tokio::test]
async fn a_preview_survives_its_worker_on_postgres_and_redis() {
    kill_in_mid_preview(Setting::shared().await).await;
}
