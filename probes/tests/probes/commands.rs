//! Probes that are programs.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use workbench_probes::declared::DeclaredProbe;
use workbench_probes::sandbox::SANDBOX_SECRET;
use workbench_probes::{Limits, Probe as _, ProbeResult, ProbeStatus};

use crate::serving::{allowing, sandbox, target};

/// Long enough for a shell to get under way, short enough to wait for in a test.
const SHORT: Duration = Duration::from_millis(700);

/// A folder with a shell script.
struct Plugin {
    folder: TempDir,
}

impl Plugin {
    fn new(script: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        std::fs::write(folder.path().join("check"), script).expect("a file can be written");
        Self { folder }
    }

    /// A probe that runs it, with these arguments and this YAML besides.
    fn probe(&self, arguments: &str, more: &str) -> DeclaredProbe {
        // By the shell and not by itself: a file that was just written may still be open in a child of another test, and
        // cannot be started then.
        let script = self.folder.path().join("check");
        declared(Path::new("/bin/sh"), &format!(", {}{arguments}", script.display()), more)
    }
}

fn declared(program: &Path, arguments: &str, more: &str) -> DeclaredProbe {
    let text = format!("name: asking\ntitle: Asking\ncommand: [{}{arguments}]\n{more}", program.display());
    DeclaredProbe::load("asking.yaml", &text).expect("the test declares a sound probe")
}

async fn run(probe: &DeclaredProbe) -> ProbeResult {
    probe.run(&target("127.0.0.1:1"), &allowing("127.0.0.1:1")).await
}

#[tokio::test]
async fn the_exit_code_is_the_verdict() {
    for (script, status, message) in [
        ("echo 'ALL FINE'", ProbeStatus::Pass, "ALL FINE"),
        ("true", ProbeStatus::Pass, "Asking: all of it works"),
        ("echo 'SLOW'; exit 1", ProbeStatus::Warn, "SLOW"),
        ("echo 'GONE'; exit 2", ProbeStatus::Fail, "GONE"),
        ("exit 2", ProbeStatus::Fail, "the command ended with 2 and said nothing"),
        ("echo 'no such option' >&2; exit 3", ProbeStatus::Error, "no such option"),
        ("echo what; exit 7", ProbeStatus::Error, "the command ended with 7, which is no verdict: what"),
        ("kill -TERM $$", ProbeStatus::Error, "the command was ended by signal 15"),
    ] {
        let plugin = Plugin::new(script);
        let result = run(&plugin.probe("", "hint: look at it")).await;
        assert_eq!((result.status, result.message.as_str()), (status, message), "{script}: {result:#?}");
        assert_eq!(result.hint.is_empty(), status == ProbeStatus::Pass, "{script}: {}", result.hint);
        assert_eq!((result.attempts, result.steps[0].status), (1, status));
    }
}

#[tokio::test]
async fn what_it_measured_is_kept() {
    let plugin = Plugin::new("echo \"OK - 3 rows|rows=3;5:;1: 'time taken'=0.25s;1;2;0;10\"; echo more");
    let result = run(&plugin.probe("", "")).await;
    assert_eq!(result.message, "OK - 3 rows");
    assert_eq!(result.steps[0].observed, "exit code 0: OK - 3 rows more");
    let measured: Vec<_> = result.measures.iter().map(|it| (it.label.as_str(), it.value, it.unit.as_str())).collect();
    assert_eq!(measured, [("rows", Some(3.0), ""), ("time taken", Some(0.25), "s")]);
    let json = serde_json::to_string(&result).expect("a result has a JSON form");
    assert_eq!(serde_json::from_str::<ProbeResult>(&json).expect("and is read from it"), result);
}

#[tokio::test]
async fn a_program_that_cannot_be_run_breaks_the_probe() {
    let result = run(&declared(Path::new("/nowhere/check"), "", "")).await;
    assert_eq!(result.status, ProbeStatus::Error);
    assert!(result.message.starts_with("`/nowhere/check` could not be started: "), "{}", result.message);
}

#[tokio::test]
async fn it_sees_the_variables_that_are_declared_and_no_others() {
    let plugin = Plugin::new("echo \"$1 $2 $PROBE_SECRET|\"; env | grep -c WORKBENCH >/dev/null && exit 2; exit 0");
    let probe = plugin.probe(", \"{{tenant_id}}\", \"x{{user}}\"", "environment: { PROBE_SECRET: \"{{secret}}\" }");
    let result = run(&probe).await;
    assert_eq!((result.status, result.message.as_str()), (ProbeStatus::Pass, "acme xprobe ***"), "{result:#?}");
    assert!(!serde_json::to_string(&result).expect("a result has a JSON form").contains(SANDBOX_SECRET));

    // The test's own environment has what cargo sets.
    let plugin = Plugin::new("echo \"[$CARGO_PKG_NAME][$CARGO_PKG_VERSION]\"");
    let result = run(&plugin.probe("", "inherit: [CARGO_PKG_NAME]")).await;
    assert_eq!(result.message, "[workbench-probes][]");
}

#[tokio::test]
async fn it_is_told_an_address_that_probes_may_go_to() {
    let plugin = Plugin::new("echo \"$1 $2 $3 $4\"");
    let probe = plugin.probe(", \"{{url}}\", \"{{host}}\", \"{{port}}\", \"{{address}}\"", "");
    let (authority, _) = sandbox(None, 0, None).await;
    let by_name = authority.replace("127.0.0.1", "localhost");
    let port = authority.rsplit(':').next().expect("an authority has a port");

    let result = probe.run(&target(&authority), &allowing(&authority)).await;
    assert_eq!(result.message, format!("http://{authority}/acme 127.0.0.1 {port} 127.0.0.1"));
    for refused in [&authority, &by_name] {
        let result = probe.run(&target(refused), &Limits::default()).await;
        assert_eq!(result.status, ProbeStatus::Error, "{result:#?}");
        assert_eq!(result.message, "the probe was not allowed to connect to a loopback address");
    }
}

#[tokio::test]
async fn a_value_does_not_become_an_option() {
    let plugin = Plugin::new("echo \"$1\"");
    let mut target = target("127.0.0.1:1");
    target.user = "--config=/etc/passwd".to_owned();
    let result = plugin.probe(", \"{{user}}\"", "").run(&target, &Limits::default()).await;
    assert_eq!(result.status, ProbeStatus::Error, "{result:#?}");
    assert!(result.message.contains("begin with `-`"), "{}", result.message);
}

#[tokio::test]
async fn endless_output_is_kept_to_its_limit() {
    let plugin = Plugin::new(
        "while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done",
    );
    let limits = Limits { timeout: SHORT, ..Limits::default() };
    let result = plugin.probe("", "").run(&target("127.0.0.1:1"), &limits).await;
    assert_eq!(result.status, ProbeStatus::Fail);
    assert_eq!(result.message, "the command did not end within the probe's time");
    assert!(result.steps[0].observed.chars().count() <= 300);
}

/// A pipe that a program and all that it starts hold open.
fn pipe(plugin: &Plugin) -> PathBuf {
    let path = plugin.folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&path).status().expect("mkfifo can be run");
    assert!(made.success());
    path
}

/// Ends once nobody holds the pipe open any more.
fn read_to_the_end(pipe: &Path) -> String {
    let mut text = String::new();
    std::fs::File::open(pipe).and_then(|mut file| file.read_to_string(&mut text)).expect("the pipe can be read");
    text
}

const WITH_A_CHILD: &str = "exec 3>\"$1\"; echo begun >&3; /bin/sleep 1000 & /bin/sleep 1000";

#[tokio::test]
async fn one_that_is_late_ends_with_everything_it_started() {
    let plugin = Plugin::new(WITH_A_CHILD);
    let pipe = pipe(&plugin);
    let reading = tokio::task::spawn_blocking({
        let pipe = pipe.clone();
        move || read_to_the_end(&pipe)
    });
    let limits = Limits { timeout: SHORT, ..Limits::default() };
    let result = plugin.probe(&format!(", {}", pipe.display()), "").run(&target("127.0.0.1:1"), &limits).await;
    assert_eq!(result.message, "the command did not end within the probe's time");
    assert_eq!(reading.await.expect("the reader ends"), "begun\n");
}

#[tokio::test]
async fn one_that_leaves_something_behind_takes_it_along() {
    let plugin = Plugin::new("exec 3>\"$1\"; echo begun >&3; /bin/sleep 1000 & echo fine");
    let pipe = pipe(&plugin);
    let reading = tokio::task::spawn_blocking({
        let pipe = pipe.clone();
        move || read_to_the_end(&pipe)
    });
    let result = run(&plugin.probe(&format!(", {}", pipe.display()), "")).await;
    assert_eq!((result.status, result.message.as_str()), (ProbeStatus::Pass, "fine"));
    assert_eq!(reading.await.expect("the reader ends"), "begun\n");
}

#[tokio::test]
async fn a_run_that_is_given_up_ends_its_program() {
    let plugin = Plugin::new(WITH_A_CHILD);
    let pipe = pipe(&plugin);
    let probe = plugin.probe(&format!(", {}", pipe.display()), "");
    let running = tokio::spawn(async move { run(&probe).await });
    let file = tokio::task::spawn_blocking(move || {
        // Opens once the program has opened the other end.
        let mut file = std::fs::File::open(pipe).expect("the pipe can be opened");
        let mut begun = [0; 6];
        file.read_exact(&mut begun).expect("the program says that it has begun");
        file
    });
    let mut file = file.await.expect("the reader ends");
    running.abort();
    let rest = tokio::task::spawn_blocking(move || {
        let mut rest = String::new();
        file.read_to_string(&mut rest).expect("the pipe can be read");
        rest
    });
    assert_eq!(rest.await.expect("the pipe is closed by all"), "");
}

#[test]
fn faults_of_commands_are_told_with_their_place() {
    const SOUND: &str = "name: disk
title: Disk
command: [/bin/check, -H, \"{{host}}\"]
environment: { SECRET: \"{{secret}}\" }
inherit: [PATH]
hint: look
";
    for (from, to, line, column, code) in [
        ("/bin/check", "check", 3, 11, "bad_command"),
        ("[/bin/check, -H, \"{{host}}\"]", "[]", 3, 10, "bad_command"),
        ("[/bin/check, -H, \"{{host}}\"]", "/bin/check", 3, 10, "wrong_type"),
        ("{{host}}", "{{hots}}", 3, 27, "unknown_variable"),
        ("{{host}}", "{{secret}}", 3, 27, "secret_in_argument"),
        ("{ SECRET:", "{ SEC-RET:", 4, 16, "bad_environment"),
        ("{{secret}}", "{{secrt}}", 4, 24, "unknown_variable"),
        ("[PATH]", "[\"\"]", 5, 11, "bad_environment"),
        ("[PATH]", "[WORKBENCH_DATABASE_URL]", 5, 11, "bad_environment"),
        ("hint: look", "hint: look\nsteps: []", 7, 1, "key_mismatch"),
        ("hint: look", "hint: look\ncleanup: []", 7, 1, "key_mismatch"),
        (
            "command: [/bin/check, -H, \"{{host}}\"]\nenvironment: { SECRET: \"{{secret}}\" }\ninherit: [PATH]\n",
            "",
            1,
            1,
            "no_steps",
        ),
    ] {
        let text = SOUND.replacen(from, to, 1);
        assert_ne!(text, SOUND, "the case changes something: {from}");
        let faults = DeclaredProbe::load("disk.yaml", &text).expect_err(to);
        let fault = &faults[0];
        assert_eq!((fault.line, fault.column, fault.code), (line, column, code), "{to}: {faults:#?}");
    }
    assert!(DeclaredProbe::load("disk.yaml", SOUND).is_ok());
    assert!(DeclaredProbe::load("disk.yaml", &SOUND.replace("PATH", "WORKBENCH_PROBE_KEY")).is_ok());
}
