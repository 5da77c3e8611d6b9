//! Probes that operators declare in files beside their workflows.

use std::io::Read as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use workbench_tests::{Daemon, Setting, workbench};

const WORKFLOW: &str = "name: members-first
version: 1
title: Members first
steps:
  - id: dry_run
    title: Dry run
    kind: job
    job: { name: health_check }
probes: [sample_login, members_known, counted, knocking]
";

const PROBE: &str = r#"name: members_known
title: Members known
pass_message: the report can be read
steps:
  - name: log in
    request: { method: POST, path: /login, json: { user: "{{user}}", password: "{{secret}}" } }
    extract: { token: $.token }
    assert: [{ that: status == 200, message: no login }]
  - name: read the report
    request: { method: GET, path: /reports/members, headers: { Authorization: "Bearer {{token}}" } }
    assert: [{ that: status == 200, message: no report }]
"#;

const COMMAND: &str = r#"name: counted
title: Counted
command: [/bin/sh, -c, "echo \"WARNING - few for $1|rows=3;5:\"; test -n \"$SECRET\" && exit 1", sh, "{{tenant_id}}"]
environment: { SECRET: "{{secret}}" }
hint: add some
"#;

const KNOCKING: &str = "name: knocking
title: Knocking
attempts: 2
steps:
  - name: knock
    request: { method: GET, path: /nowhere }
    assert: [{ that: status == 200, message: nobody is in }]
";

/// A workflow with the probes that it names.
const FILES: [(&str, &str); 4] = [
    ("members-first.yaml", WORKFLOW),
    ("probes/members_known.yaml", PROBE),
    ("probes/counted.yaml", COMMAND),
    ("probes/knocking.yaml", KNOCKING),
];

/// A folder of workflows with these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    std::fs::create_dir(folder.path().join("probes")).expect("a folder can be made");
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("a file can be written");
    }
    folder
}

fn path(folder: &tempfile::TempDir) -> &str {
    folder.path().to_str().expect("a plain path")
}

/// Runs `workbench check`: whether it was content, and what it said.
fn check(folder: &Path, files: &[&str]) -> (bool, String) {
    let output = Command::new(workbench()).arg("check").args(files).current_dir(folder).output();
    let output = output.expect("the binary can be started");
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

async fn checked(setting: &Setting) -> Value {
    let client = setting.client();
    let body = json!({ "tenant_id": "svbf", "name": "Boule", "country": "SE", "workflow": "members-first",
                       "platform_url": "sandbox" });
    client.post("/sys/onboarding", &body).await.expect(201);
    client.post("/sys/onboarding/svbf/health-check?wait=30s", &json!({})).await.expect(200)
}

async fn probes_of_the_operators_are_run(setting: Setting) {
    let check = checked(&setting).await;
    let probes: Vec<_> = check["probes"].as_array().into_iter().flatten().collect();
    let told: Vec<_> = probes.iter().map(|probe| (&probe["status"], &probe["message"])).collect();
    let (pass, warn, fail) = (&json!("pass"), &json!("warn"), &json!("fail"));
    assert_eq!(
        told,
        [
            (pass, &json!("the probe account logged in")),
            (pass, &json!("the report can be read")),
            (warn, &json!("WARNING - few for svbf")),
            (fail, &json!("nobody is in (GET /nowhere was answered with 404 Not Found)")),
        ],
        "{check:#}"
    );
    assert_eq!(check["status"], "fail");
    assert_eq!(probes[2]["measures"], json!([{ "label": "rows", "value": 3.0, "warn": "5:" }]));
    assert_eq!((&probes[0]["measures"], &probes[0]["earlier_attempts"]), (&Value::Null, &Value::Null));
    let earlier = &probes[3]["earlier_attempts"];
    assert_eq!(earlier.as_array().map(Vec::len), Some(1), "{check:#}");
    assert_eq!((&earlier[0]["status"], &earlier[0]["steps"][0]["request"]), (fail, &json!("GET /nowhere")));
}

#[tokio::test]
async fn probes_of_the_operators_are_run_embedded() {
    let files = folder(&FILES);
    probes_of_the_operators_are_run(Setting::embedded_with(&["--workflows", path(&files)])).await;
}

#[tokio::test]
async fn probes_of_the_operators_are_run_by_workers() {
    let files = folder(&FILES);
    probes_of_the_operators_are_run(Setting::shared_with(&["--workflows", path(&files)]).await).await;
}

const LINGERING: &str = r#"name: lingering
title: Lingering
timeout: 60s
command: [/bin/sh, -c, 'exec 3>"$0"; echo begun >&3; /bin/sleep 1000 & /bin/sleep 1000', PIPE]
"#;

/// Cancels a check while its program runs, and sees everything that the program started end.
async fn a_cancelled_check_ends_its_program(start: impl AsyncFnOnce(&str) -> Setting) {
    // Without a step that would begin a check of its own.
    let workflow = "name: members-first\nversion: 1\ntitle: Members first\nprobes: [lingering]\n\
                    steps: [{ id: contract, title: Contract }]\n";
    let files = folder(&[("members-first.yaml", workflow)]);
    let pipe = files.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo can be run").success());
    let probe = LINGERING.replace("PIPE", pipe.to_str().expect("a plain path"));
    std::fs::write(files.path().join("probes/lingering.yaml"), probe).expect("a file can be written");
    let setting = start(path(&files)).await;
    let client = setting.client();
    let body = json!({ "tenant_id": "svbf", "name": "Boule", "country": "SE", "workflow": "members-first",
                       "platform_url": "sandbox" });
    client.post("/sys/onboarding", &body).await.expect(201);
    let check = client.post("/sys/onboarding/svbf/health-check", &json!({})).await.expect(202);
    let mut open = tokio::task::spawn_blocking(move || {
        // Opens once the program has opened the other end.
        let mut file = std::fs::File::open(pipe).expect("the pipe can be opened");
        file.read_exact(&mut [0; 6]).expect("the program says that it has begun");
        file
    })
    .await
    .expect("the reader ends");
    let job = check["job_id"].as_str().expect("a check has a job");
    client.post(&format!("/sys/jobs/{job}/cancel"), &json!({})).await.expect(200);
    assert_eq!(client.job_ended(job).await["state"], "cancelled");
    let rest = tokio::task::spawn_blocking(move || open.read_to_end(&mut Vec::new()).expect("the pipe can be read"));
    assert_eq!(rest.await.expect("nobody holds the pipe any more"), 0);
}

#[tokio::test]
async fn a_cancelled_check_ends_its_program_embedded() {
    a_cancelled_check_ends_its_program(async |path| Setting::embedded_with(&["--workflows", path])).await;
}

#[tokio::test]
async fn a_cancelled_check_ends_its_program_at_a_worker() {
    a_cancelled_check_ends_its_program(async |path| Setting::shared_with(&["--workflows", path]).await).await;
}

#[test]
fn a_check_without_a_daemon_is_unknown_to_monitoring() {
    let mut command = Command::new(workbench());
    command.args(["health-check", "svbf", "--plugin", "--url", "http://127.0.0.1:1", "--token", "none"]);
    let output = command.output().expect("the binary can be started");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.code() == Some(3) && said.starts_with("svbf UNKNOWN - "), "{:?}: {said}", output.status);
}

#[test]
fn faults_of_probes_are_told_with_their_place() {
    let faulty = PROBE.replace("path: /reports", "pth: /reports").replace("{{user}}", "{{usr}}");
    let files = folder(&[("members-first.yaml", WORKFLOW), ("probes/members_known.yaml", &faulty)]);
    let (sound, said) = check(files.path(), &["probes/members_known.yaml"]);
    assert!(!sound, "{said}");
    for told in [
        "probes/members_known.yaml:6:58: there is no variable `usr` at this point [unknown_variable]",
        "Did you mean `user`?",
        "probes/members_known.yaml:10:29: `request` has no `pth` [unknown_key]",
        "Did you mean `path`?",
    ] {
        assert!(said.contains(told), "{told}: {said}");
    }
    let data = files.path().join("data");
    let Err(log) = Daemon::try_start(&data, &["serve", "--listen", "127.0.0.1:0", "--workflows", path(&files)]) else {
        panic!("a daemon started with a faulty probe");
    };
    assert!(log.contains("the probes have faults") && log.contains("unknown_variable"), "{log}");
}

#[test]
fn a_workflow_may_name_the_probes_beside_it() {
    let files = folder(&FILES);
    let (sound, said) = check(files.path(), &["./members-first.yaml", "probes/members_known.yaml"]);
    assert!(sound, "{said}");
    std::fs::remove_file(files.path().join("probes/members_known.yaml")).expect("the file can be removed");
    let (sound, said) = check(files.path(), &["./members-first.yaml"]);
    assert!(!sound && said.contains("members-first.yaml:9:24: there is no probe `members_known`"), "{said}");
}

#[test]
fn two_files_that_declare_one_probe_are_refused() {
    let files = folder(&[("probes/a.yaml", PROBE), ("probes/b.yaml", PROBE)]);
    let data = files.path().join("data");
    let Err(log) = Daemon::try_start(&data, &["serve", "--listen", "127.0.0.1:0", "--workflows", path(&files)]) else {
        panic!("a daemon started with two probes of one name");
    };
    assert!(log.contains("the probe `members_known` is declared in"), "{log}");
}
