//! Settings from flags, environment and a file, in this order, and where each came from.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use workbench_tests::workbench;

fn run(file: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> (bool, String) {
    let output = Command::new(workbench())
        .args(arguments)
        .env("WORKBENCH_CONFIG", file)
        .envs(environment.iter().copied())
        .output()
        .expect("the binary can be started");
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

#[test]
fn a_flag_comes_before_the_environment_before_the_file() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = folder.path().join("workbench.yaml");
    let text =
        "lease: 20s\nconcurrency: 7\nno-worker: true\nprobe-allow: [a:1, b:2]\ndatabase-url: postgres://u:secret@h/d\n";
    std::fs::write(&file, text).expect("a file can be written");
    let environment = [("WORKBENCH_CONCURRENCY", "8"), ("WORKBENCH_REHAND_AFTER", "4s")];
    let (well, said) = run(&file, &["config", "--json", "serve", "--rehand-after", "5s"], &environment);
    assert!(well, "{said}");
    let all: Value = serde_json::from_str(&said).expect("it is JSON");
    let expected = [
        ("rehand-after", "5s", "flag"),
        ("concurrency", "8", "WORKBENCH_CONCURRENCY"),
        ("lease", "20s", file.to_str().unwrap_or_default()),
        ("no-worker", "true", file.to_str().unwrap_or_default()),
        ("probe-allow", "a:1,b:2", file.to_str().unwrap_or_default()),
        ("database-url", "(hidden)", file.to_str().unwrap_or_default()),
        ("requests-at-once", "256", "default"),
    ];
    for (name, value, source) in expected {
        assert_eq!((all[name]["value"].as_str(), all[name]["source"].as_str()), (Some(value), Some(source)), "{name}");
    }
    assert!(!said.contains("secret@"), "{said}");
    assert!(all["lease"]["means"].as_str().is_some_and(|means| means.contains("heartbeat")), "{said}");
    let (well, said) = run(&file, &["config"], &[]);
    assert!(well && said.contains("no-worker"), "{said}");
    assert!(!said.contains("secret@"), "{said}");
}

#[test]
fn a_faulty_file_is_told_with_its_place() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = folder.path().join("workbench.yaml");
    std::fs::write(&file, "lisen: 127.0.0.1:0\n").expect("a file can be written");
    let (well, said) = run(&file, &["config"], &[]);
    assert!(!well && said.contains(":1:1") && said.contains("Did you mean `listen`?"), "{said}");
    std::fs::write(&file, "lease: soon\n").expect("a file can be written");
    let (well, said) = run(&file, &["serve"], &[]);
    assert!(!well && said.contains("soon") && said.contains("--lease"), "{said}");
}

#[test]
fn completions_and_manual_pages_are_made() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let none = folder.path().join("none.yaml");
    std::fs::write(&none, "").expect("a file can be written");
    for shell in ["bash", "zsh", "fish"] {
        let (well, said) = run(&none, &["completions", shell], &[]);
        assert!(well && said.contains("migrate-checklists"), "{said}");
    }
    let pages = folder.path().join("man");
    let (well, said) = run(&none, &["manpages", &pages.display().to_string()], &[]);
    assert!(well && pages.join("workbench-serve.1").is_file(), "{said}");
}
