//! A log that cannot be written, as on a full disk, must not stop the work.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::json;
use workbench_tests::{Client, workbench};

#[tokio::test]
async fn a_log_that_cannot_be_written_stops_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let full = File::options().write(true).open("/dev/full").expect("the system has a device that is always full");
    let mut daemon = Command::new(workbench())
        .args(["serve", "--listen", "127.0.0.1:0", "--sandbox", "127.0.0.1:0", "--data-dir"])
        .arg(folder.path())
        .env("RUST_LOG", "debug")
        .stdout(Stdio::piped())
        .stderr(full)
        .spawn()
        .expect("the binary can be started");
    let lines = BufReader::new(daemon.stdout.take().expect("standard output is piped")).lines();
    let url = lines.map_while(Result::ok).find_map(|line| Some(line.strip_prefix("  console")?.trim().to_owned()));
    let token = std::fs::read_to_string(folder.path().join("token")).expect("the daemon left a token");
    let client = Client::new(&url.expect("the daemon says where it is"), Some(token.trim()));
    let body = json!({ "tenant_id": "svbf", "name": "Boule", "country": "SE", "platform_url": "sandbox" });
    client.post("/sys/onboarding", &body).await.expect(201);
    let check = client.post("/sys/onboarding/svbf/health-check", &json!({})).await.expect(202);
    let job = client.job_ended(check["job_id"].as_str().unwrap_or_default()).await;
    let _ = daemon.kill();
    let _ = daemon.wait();
    assert_eq!(job["state"], "succeeded", "{job:#}");
}
