//! `workbench check`: every fault of every file, at once.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use miette::{IntoDiagnostic, Result};
use workbench_engine::definition::{Fault, Known, load, render};
use workbench_importer::Profile;
use workbench_probes::HealthProbes;

use crate::shipped;

/// What to check and how to report it.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Workflow files and format profiles
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
}

/// Exit 0 where all files are sound, else 1.
pub fn check(args: &CheckArgs) -> Result<ExitCode> {
    let known = shipped::known(&HealthProbes::default());
    let mut faults: Vec<Fault> = Vec::new();
    let mut unreadable = false;
    for file in &args.files {
        match std::fs::read_to_string(file) {
            Ok(text) => faults.extend(examine(&file.display().to_string(), &text, &known)),
            Err(error) => {
                unreadable = true;
                eprintln!("`{}` cannot be read: {error}", file.display());
            }
        }
    }
    match args.format {
        Format::Json => println!("{}", serde_json::to_string_pretty(&faults).into_diagnostic()?),
        Format::Text if faults.is_empty() && !unreadable => println!("{} sound", files(args.files.len())),
        Format::Text => print!("{}", render(&faults)),
    }
    Ok(if faults.is_empty() && !unreadable { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The faults of a workflow or, where the text has columns and no steps, of a format profile.
fn examine(name: &str, text: &str, known: &Known) -> Vec<Fault> {
    let has = |key: &str| text.lines().any(|line| line.starts_with(key));
    if has("columns:") && !has("steps:") {
        return Profile::load(name, text).err().unwrap_or_default();
    }
    load(name, text, known).err().unwrap_or_default()
}

fn files(count: usize) -> String {
    if count == 1 { "1 file is".to_owned() } else { format!("{count} files are") }
}
