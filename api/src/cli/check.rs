//! `workbench check`: every fault of every file, at once.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use miette::{IntoDiagnostic, Result};
use workbench_engine::definition::{Fault, Known, load, render};
use workbench_importer::Profile;
use workbench_jobs::Channels;
use workbench_positions::{Document, Node};
use workbench_probes::HealthProbes;
use workbench_probes::declared::DeclaredProbe;

use super::sarif;
use crate::shipped;

/// What to check and how to report it.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Files of workflows, format profiles, probes and notification channels
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How to report
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For machines
    Json,
    /// For code scanning (SARIF 2.1.0)
    Sarif,
}

/// Exit 0 where all files are sound, else 1.
pub fn check(args: &CheckArgs, probes: &HealthProbes) -> Result<ExitCode> {
    let (mut texts, mut faults) = (Vec::new(), Vec::new());
    for file in &args.files {
        match std::fs::read_to_string(file) {
            Ok(text) => texts.push((file, text)),
            Err(error) => faults.push(unreadable(file, &error)),
        }
    }
    let known = known(&texts, probes);
    faults.extend(texts.iter().flat_map(|(file, text)| examine(&file.display().to_string(), text, &known)));
    match args.format {
        Format::Json => println!("{}", serde_json::to_string_pretty(&faults).into_diagnostic()?),
        Format::Sarif => println!("{}", serde_json::to_string_pretty(&sarif::report(&faults)).into_diagnostic()?),
        Format::Text if faults.is_empty() => println!("{} sound", files(args.files.len())),
        Format::Text => print!("{}", render(&faults)),
    }
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn unreadable(file: &Path, error: &std::io::Error) -> Fault {
    Fault {
        file: file.display().to_string(),
        line: 1,
        column: 1,
        excerpt: String::new(),
        code: "unreadable",
        cause: format!("the file cannot be read: {error}"),
        suggestion: "Name a text file in UTF-8 that you may read.".to_owned(),
    }
}

/// What workflows may refer to: what the binary has, the probes among the files, and those that the daemon would load beside
/// them.
fn known(texts: &[(&PathBuf, String)], probes: &HealthProbes) -> Known {
    let mut known = shipped::known(probes);
    let folders: BTreeSet<&Path> = texts.iter().filter_map(|(file, _)| file.parent()).collect();
    // A folder that cannot be read is the daemon's to complain of; here it only adds no names.
    let beside = folders.into_iter().flat_map(|folder| shipped::probe_files(folder).unwrap_or_default());
    let given = texts.iter().map(|(_, text)| text.clone()).filter(|text| Language::of(text) == Language::Probe);
    for text in given.chain(beside.map(|(_, text)| text)) {
        if let Ok(tree) = Document::new("", &text, "").tree()
            && let Some((_, name)) = tree.text_of("name")
            && !known.probes.iter().any(|probe| probe == name)
        {
            known.probes.push(name.to_owned());
        }
    }
    known
}

/// What a file is, by the keys that only one language has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    Workflow,
    Profile,
    Probe,
    Channels,
}

impl Language {
    /// What cannot be read at all is taken for a workflow.
    fn of(text: &str) -> Self {
        let Ok(root) = Document::new("", text, "").tree() else { return Self::Workflow };
        let has = |keys: &[&str]| keys.iter().any(|key| root.get(key).is_some());
        let steps = root.get("steps").map(Node::items).unwrap_or_default();
        if steps.iter().any(|step| step.get("request").is_some() || step.get("assert").is_some())
            || has(&["command", "cleanup", "pass_message", "attempts", "timeout"])
        {
            Self::Probe
        } else if has(&["columns"]) && !has(&["steps"]) {
            Self::Profile
        } else if has(&["channels", "smtp"]) && !has(&["steps"]) {
            Self::Channels
        } else {
            Self::Workflow
        }
    }
}

/// The faults of a file.
fn examine(name: &str, text: &str, known: &Known) -> Vec<Fault> {
    // By its name, too: what cannot be read at all must be shown without its secrets.
    let language = if shipped::is_of_channels(name) { Language::Channels } else { Language::of(text) };
    match language {
        Language::Workflow => load(name, text, known).err(),
        Language::Profile => Profile::load(name, text).err(),
        Language::Probe => DeclaredProbe::load(name, text).err(),
        Language::Channels => Channels::load(name, text).err(),
    }
    .unwrap_or_default()
}

fn files(count: usize) -> String {
    if count == 1 { "1 file is".to_owned() } else { format!("{count} files are") }
}
