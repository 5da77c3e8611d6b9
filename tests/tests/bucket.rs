//! Uploads in an S3-compatible store: daemon and worker share it, a database and a Redis, and no folder.

use std::fmt::Write;

use serde_json::json;
use tempfile::TempDir;
use workbench_tests::{Bucket, Daemon, Postgres, Redis};

const ROWS: usize = 4000;

/// A members file of several MiB, which a store takes in parts.
fn large() -> Vec<u8> {
    let mut text = "licence_number;given_name;family_name;remark\n".to_owned();
    let remark = "x".repeat(2000);
    for row in 0..ROWS {
        let _ = writeln!(text, "SE-{row:05};Anna;Lind;{remark}");
    }
    text.into_bytes()
}

#[tokio::test]
async fn an_import_goes_through_a_bucket() {
    let (postgres, redis, bucket) = tokio::join!(Postgres::start(), Redis::start(), Bucket::start());
    let (database, queue, endpoint) = (postgres.url(), redis.url(), bucket.endpoint());
    let uploads = bucket.uploads("club/files");
    let start = |folder: &TempDir, command: &[&str]| {
        let places = ["--database-url", &database, "--redis-url", &queue, "--uploads", &uploads];
        let store = ["--uploads-endpoint", &endpoint, "--uploads-region", "eu-north-1", "--uploads-allow-http"];
        let arguments = [command, &places, &store].concat();
        Daemon::try_start_with(folder.path(), &arguments, &bucket.keys()).expect("it starts")
    };
    let folder = || tempfile::tempdir().expect("a temporary folder can be made");
    let folders = [folder(), folder()];
    let daemon = start(&folders[0], &["serve", "--listen", "127.0.0.1:0", "--sandbox", "off", "--no-worker"]);
    let worker = start(&folders[1], &["worker"]);
    assert_eq!(daemon.said("uploads"), "s3://uploads/club/files");

    let client = daemon.client();
    let body = json!({ "tenant_id": "svbf", "name": "Boule", "country": "SE", "platform_url": "sandbox" });
    client.post("/sys/onboarding", &body).await.expect(201);
    let file = large();
    let uploaded = client.upload("svbf", "members.csv", file.clone(), &[]).await.expect(202);
    let id = uploaded["id"].as_str().expect("an import has an id");
    let object = bucket.object(&format!("club/files/imports/{id}"));
    assert!(std::fs::read(&object).is_ok_and(|stored| stored == file), "the file is in the bucket");
    let preview = client.import_after("svbf", id, &["queued", "parsing"]).await;
    assert_eq!(preview["state"], "preview", "{preview:#}");
    client.post(&format!("/sys/onboarding/svbf/imports/{id}/confirm"), &json!({})).await.expect(202);
    let stored = client.import_after("svbf", id, &["loading"]).await;
    assert_eq!((&stored["state"], &stored["loaded"]), (&json!("completed"), &json!(ROWS)), "{stored:#}");

    let empty = client.upload("svbf", "empty.csv", Vec::new(), &[]).await.expect(202);
    let empty = client.import_after("svbf", empty["id"].as_str().unwrap_or_default(), &["queued", "parsing"]).await;
    assert_eq!(empty["failure"]["code"], "file_empty", "{empty:#}");

    // An upload that is refused leaves nothing behind.
    let refused = client.upload("svbf", "members.csv", file, &[("mode", "now")]).await;
    assert_eq!(refused.problem(422), "unknown_mode");
    let left = std::fs::read_dir(bucket.object("club/files/imports")).expect("the folder is there").count();
    assert_eq!(left, 2, "two imports have files");
    for (process, folder) in [(&daemon, &folders[0]), (&worker, &folders[1])] {
        assert!(!folder.path().join("objects").exists(), "no upload is in a folder");
        assert!(!process.log().contains(bucket.secret()), "{}", process.log());
    }
}

#[tokio::test]
async fn a_bucket_by_http_must_be_allowed() {
    let bucket = Bucket::start().await;
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let (uploads, endpoint) = (bucket.uploads("files"), bucket.endpoint());
    let serve = ["serve", "--listen", "127.0.0.1:0", "--sandbox", "off"];
    let arguments = [&serve[..], &["--uploads", &uploads, "--uploads-endpoint", &endpoint]].concat();
    let said = Daemon::try_start_with(folder.path(), &arguments, &bucket.keys()).err().expect("it is refused");
    assert!(said.contains("--uploads-allow-http") && !said.contains(bucket.secret()), "{said}");
    let said = Daemon::try_start_with(folder.path(), &[&serve[..], &["--uploads", "files"]].concat(), &[]);
    assert!(said.err().expect("it is refused").contains("s3://bucket/folder"));
}
