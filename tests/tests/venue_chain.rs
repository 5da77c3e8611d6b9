//! A workflow for a kind of tenant that the code does not know, written from the manual alone: branches side by side, a
//! program, a timer, and a gate over two imports.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};
use workbench_tests::{Client, Setting, eventually, members};

const EXAMPLE: &str = include_str!("../../docs/examples/venue-chain.yaml");
const LEDGER: &[u8] = include_bytes!("../../docs/examples/bokforing.se");

/// Refuses once, and then leaves what it was told beside itself.
const PROGRAM: &str = "#!/bin/sh
[ \"$WORKBENCH_ATTEMPT\" -ge 2 ] || { echo 'the network is busy' >&2; exit 3; }
env > \"${0%/*}/told\"
echo \"$@\" > \"${0%/*}/asked\"
";

struct Folders {
    workflows: tempfile::TempDir,
    commands: tempfile::TempDir,
}

impl Folders {
    fn new() -> Self {
        let folder = || tempfile::tempdir().expect("a temporary folder can be made");
        let folders = Self { workflows: folder(), commands: folder() };
        let soon = EXAMPLE.replace("after: 2d", "after: 1s");
        std::fs::write(folders.workflows.path().join("venue-chain.yaml"), soon).expect("a file can be written");
        let program = folders.commands.path().join("register-venue");
        std::fs::write(&program, PROGRAM).expect("a file can be written");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("its mode can be set");
        folders
    }

    fn arguments(&self) -> [String; 4] {
        let shown = |path: &Path| path.display().to_string();
        let (workflows, commands) = (shown(self.workflows.path()), shown(self.commands.path()));
        ["--workflows".to_owned(), workflows, "--commands".to_owned(), commands]
    }

    fn said(&self, name: &str) -> String {
        std::fs::read_to_string(self.commands.path().join(name)).unwrap_or_default()
    }
}

async fn steps(client: &Client) -> Value {
    let onboarding = client.get("/sys/onboarding/oslo-chain").await.expect(200);
    let steps = onboarding["steps"].as_array().cloned().unwrap_or_default();
    steps.iter().map(|step| (step["id"].as_str().unwrap_or_default().to_owned(), step["status"].clone())).collect()
}

async fn done(client: &Client, step: &str) -> workbench_tests::Answer {
    client.patch(&format!("/sys/onboarding/oslo-chain/steps/{step}"), &json!({ "status": "done" })).await
}

async fn opens(folders: &Folders, setting: Setting) {
    let client = setting.client();
    let open = json!({ "tenant_id": "oslo-chain", "name": "Oslo Chain", "country": "NO", "kind": "venue", "workflow": "venue-chain" });
    client.post("/sys/onboarding", &open).await.expect(201);
    done(&client, "lease").await.expect(200);
    let now = steps(&client).await;
    assert_eq!((&now["staff"], &now["registration"]), (&json!("pending"), &json!("pending")), "{now:#}");

    done(&client, "fit_out").await.expect(200);
    let asking = &client;
    eventually("the program to have registered the venue, and the timer to elapse", || async move {
        let now = steps(asking).await;
        (now["registration"] == "done" && now["cooling_off"] == "done").then_some(())
    })
    .await;
    assert_eq!(folders.said("asked").trim(), "--network nordic");
    let told = folders.said("told");
    for line in
        ["WORKBENCH_TENANT=oslo-chain", "WORKBENCH_COUNTRY=NO", "WORKBENCH_STEP=registration", "WORKBENCH_ATTEMPT=2"]
    {
        assert!(told.lines().any(|said| said == line), "{line} is not in\n{told}");
    }
    assert!(!told.contains("RUST_LOG"), "the daemon's own environment is not the program's:\n{told}");
    let jobs = client.get("/sys/jobs?kind=command").await.expect(200);
    let job =
        client.get(&format!("/sys/jobs/{}", jobs["items"][0]["id"].as_str().unwrap_or_default())).await.expect(200);
    assert_eq!(job["attempts"][0]["error"], "`register-venue` ended with 3: the network is busy");
    assert_eq!(job["attempts"][1]["outcome"], "succeeded");

    let refused = done(&client, "data").await;
    assert_eq!(refused.body["reasons"][0]["condition"], "both_files", "{:#}", refused.body);
    for (name, content) in [("members.csv", members(3)), ("bokforing.se", LEDGER.to_vec())] {
        let uploaded = client.upload("oslo-chain", name, content, &[("mode", "apply")]).await.expect(202);
        let id = uploaded["id"].as_str().expect("an import has an id").to_owned();
        let import = client.import_after("oslo-chain", &id, &["queued", "parsing", "preview", "loading"]).await;
        assert_eq!(import["state"], "completed", "{import:#}");
    }
    done(&client, "data").await.expect(200);
    let refused = done(&client, "doors_open").await;
    assert_eq!(refused.problem(409), "refused");
    done(&client, "staff").await.expect(200);
    done(&client, "doors_open").await.expect(200);
    let onboarding = client.get("/sys/onboarding/oslo-chain").await.expect(200);
    assert_eq!(onboarding["status"], "completed", "{onboarding:#}");
    let (well, said) = setting.tool(&["audit", "verify"]);
    assert!(well, "{said}");
}

#[tokio::test]
async fn a_venue_opens_embedded() {
    let folders = Folders::new();
    let arguments = folders.arguments();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    opens(&folders, Setting::embedded_with(&arguments)).await;
}

#[tokio::test]
async fn a_venue_opens_shared() {
    let folders = Folders::new();
    let arguments = folders.arguments();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    opens(&folders, Setting::shared_with(&arguments).await).await;
}

#[tokio::test]
async fn without_a_folder_of_programs_none_is_run() {
    let folders = Folders::new();
    let workflows = folders.workflows.path().display().to_string();
    let setting = Setting::embedded_with(&["--workflows", &workflows]);
    let client = setting.client();
    let open = json!({ "tenant_id": "oslo-chain", "name": "Oslo Chain", "country": "NO", "kind": "venue", "workflow": "venue-chain" });
    client.post("/sys/onboarding", &open).await.expect(201);
    for step in ["lease", "fit_out"] {
        done(&client, step).await.expect(200);
    }
    let asking = &client;
    let job = eventually("the job to fail", || async move {
        let jobs = asking.get("/sys/jobs?kind=command&state=failed").await.expect(200);
        jobs["items"].as_array()?.first().cloned()
    });
    assert_eq!(job.await["last_error"], "this process runs no programs for steps");
}
