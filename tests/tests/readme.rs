//! The README's transcripts are what a reader gets: every command of a `console` block is run, and its output compared.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use regex::Regex;
use workbench_tests::{Daemon, workbench};

/// Precedes each command's output in what the shell prints.
const MARK: char = '\u{1e}';

/// A command and what the README shows below it.
struct Exchange {
    command: String,
    shown: String,
}

/// The `console` blocks, in order.
fn blocks(readme: &str) -> Vec<Vec<Exchange>> {
    let parts = readme.split("\n```console\n").skip(1);
    parts
        .map(|part| {
            let (block, _) = part.split_once("\n```").expect("a block ends");
            let mut exchanges: Vec<Exchange> = Vec::new();
            for line in block.lines() {
                match (line.strip_prefix("$ "), exchanges.last_mut()) {
                    (Some(command), _) => {
                        exchanges.push(Exchange { command: command.to_owned(), shown: String::new() });
                    }
                    (None, Some(exchange)) => exchange.shown.extend([line, "\n"]),
                    (None, None) => panic!("a block begins with a command, not with `{line}`"),
                }
            }
            exchanges
        })
        .collect()
}

/// Runs a block's commands in one shell, as a reader would.
fn run(folder: &Path, url: &str, commands: &[String]) -> Vec<String> {
    let marked = |command: &String| format!("printf '{MARK}'\n{command}\n");
    let script = commands.iter().map(marked).collect::<Vec<_>>().concat();
    let binary = workbench();
    let search = std::env::join_paths(
        std::iter::once(binary.parent().expect("the binary has a folder").to_owned())
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    )
    .expect("a search path");
    let output = Command::new("bash")
        .args(["-c", &format!("exec 2>&1\n{script}")])
        .current_dir(folder)
        .env("PATH", search)
        .env("WORKBENCH_URL", url)
        .output()
        .expect("bash can be started");
    let text = String::from_utf8(output.stdout).expect("the output is text");
    text.split(MARK).skip(1).map(str::to_owned).collect()
}

/// Hides what differs from run to run: ids, dates, counts of days and events, and which step took longest.
fn settled(text: &str) -> String {
    let hidden = [
        ("[0-9A-HJKMNP-TV-Z]{26}", "ULID"),
        ("[0-9]{4}-Q[1-4]", "QUARTER"),
        ("day [0-9]+ +", "day N "),
        ("[0-9]+ events hold", "N events hold"),
        (r"(?m)^(QUARTER .* )[a-z_]+$", "${1}STEP"),
    ];
    let text: String = text.trim_end().lines().flat_map(|line| [line.trim_end(), "\n"]).collect();
    hidden.iter().fold(text, |text, (pattern, name)| {
        Regex::new(pattern).expect("a pattern").replace_all(&text, *name).into_owned()
    })
}

/// Ids that the README shows, by the ids that were given out this time.
fn learn(ids: &mut BTreeMap<String, String>, shown: &str, came: &str) {
    let pattern = Regex::new("[0-9A-HJKMNP-TV-Z]{26}").expect("a pattern");
    let (shown, came) = (pattern.find_iter(shown), pattern.find_iter(came));
    ids.extend(shown.zip(came).map(|(shown, came)| (shown.as_str().to_owned(), came.as_str().to_owned())));
}

#[test]
fn the_transcripts_are_what_a_reader_gets() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests live in the repository");
    let readme = std::fs::read_to_string(repository.join("README.md")).expect("there is a README");
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    std::os::unix::fs::symlink(repository.join("docs"), folder.path().join("docs")).expect("a link can be made");
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--sandbox", "127.0.0.1:0"];
    let daemon = Daemon::start(&folder.path().join("workbench-data"), &arguments);
    let url = daemon.said("console").trim_end_matches('/');
    let sandbox = daemon.said("sandbox").trim_end_matches('/');

    let mut ids = BTreeMap::new();
    let blocks = blocks(&readme);
    assert!(blocks.len() > 5, "the README has lost its transcripts");
    for block in blocks {
        let here = |command: &str| {
            let command = command.replace("http://127.0.0.1:8080", url).replace("http://127.0.0.1:8081", sandbox);
            ids.iter().fold(command, |command, (shown, came): (&String, &String)| command.replace(shown, came))
        };
        let commands: Vec<String> = block.iter().map(|exchange| here(&exchange.command)).collect();
        let came = run(folder.path(), url, &commands);
        for (exchange, came) in block.iter().zip(&came) {
            assert_eq!(settled(came), settled(&exchange.shown), "$ {}\n{came}", exchange.command);
            learn(&mut ids, &exchange.shown, came);
        }
        assert_eq!(came.len(), block.len());
    }
}

/// The README's first command is `cargo run`, which names no program: there must be one to run.
#[test]
fn the_first_command_has_one_program_to_run() {
    let told = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--locked", "--format-version", "1"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .output()
        .expect("cargo can be run");
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).expect("cargo tells in JSON");
    let list = |of: &serde_json::Value| of.as_array().cloned().unwrap_or_default();
    let members = list(&told["workspace_default_members"]);
    let packages = list(&told["packages"]).into_iter().filter(|package| members.contains(&package["id"]));
    // Where one of the packages says which program is run by default, the others' are not asked about.
    let names: Vec<_> = packages.filter_map(|package| package["default_run"].as_str().map(str::to_owned)).collect();
    assert_eq!(names, ["workbench"]);
}
