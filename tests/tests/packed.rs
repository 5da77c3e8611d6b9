//! Packed uploads become imports like others; what unpacks to too much fails with a reason.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use workbench_tests::{Client, Setting, members, workbench};

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).expect("memory can be written");
    encoder.finish().expect("memory can be written")
}

async fn opened(setting: &Setting) -> Client {
    let client = setting.client();
    let body = json!({ "tenant_id": "svbf", "name": "Boule", "country": "SE", "platform_url": "sandbox" });
    client.post("/sys/onboarding", &body).await.expect(201);
    client
}

async fn a_packed_file_is_stored_and_a_bomb_is_not(setting: Setting) {
    let client = opened(&setting).await;
    let packed = gzip(&members(3000));
    let size = packed.len();
    let uploaded = client.upload("svbf", "members.csv.gz", packed, &[]).await.expect(202);
    let id = uploaded["id"].as_str().expect("an import has an id");
    let preview = client.import_after("svbf", id, &["queued", "parsing"]).await;
    assert_eq!(preview["detected"]["details"]["packed"], "gzip", "{preview:#}");
    assert_eq!(preview["progress"], json!({ "done": size, "total": size, "unit": "bytes" }));
    client.post(&format!("/sys/onboarding/svbf/imports/{id}/confirm"), &json!({})).await.expect(202);
    let stored = client.import_after("svbf", id, &["loading"]).await;
    assert_eq!((&stored["state"], &stored["loaded"]), (&json!("completed"), &json!(3000)), "{stored:#}");

    let head = gzip(b"licence_number;given_name;family_name\n");
    // Ten GB in some megabytes.
    let rows = gzip(format!("SE-1;{};Lind\n", "x".repeat(500_000)).repeat(20).as_bytes()).repeat(1000);
    let uploaded = client.upload("svbf", "bomb.csv.gz", [head, rows].concat(), &[]).await.expect(202);
    let id = uploaded["id"].as_str().expect("an import has an id");
    let failed = client.import_after("svbf", id, &["queued", "parsing"]).await;
    assert_eq!(
        (&failed["state"], &failed["failure"]["code"]),
        (&json!("failed"), &json!("archive_bomb")),
        "{failed:#}"
    );
}

#[tokio::test]
async fn a_packed_file_is_stored_and_a_bomb_is_not_embedded() {
    a_packed_file_is_stored_and_a_bomb_is_not(Setting::embedded()).await;
}

#[tokio::test]
async fn a_packed_file_is_stored_and_a_bomb_is_not_on_postgres_and_redis() {
    a_packed_file_is_stored_and_a_bomb_is_not(Setting::shared().await).await;
}

#[tokio::test]
async fn the_command_line_says_that_a_file_was_packed() {
    let setting = Setting::embedded();
    let client = opened(&setting).await;
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = folder.path().join("members.csv.gz");
    std::fs::write(&file, gzip(&members(20))).expect("a file can be written");
    let output = std::process::Command::new(workbench())
        .args(["import", "--tenant", "svbf", "--yes", "--url", &client.url, "--token-file"])
        .args([setting.data().join("token"), file])
        .output()
        .expect("the binary can be started");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.starts_with("members.csv.gz: csv with members, UTF-8, packed as gzip\n"), "{said}");
    assert!(output.status.success() && said.ends_with("20 records stored\n"), "{said}");
}
