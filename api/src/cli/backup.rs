//! Backups, from the command line.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chrono::{SecondsFormat, Utc};
use clap::{Args, Subcommand};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use miette::{IntoDiagnostic, Result};

use super::{PlaceArgs, UploadArgs};
use crate::backup::{self, BackupError, Manifest, Restored, Target};
use crate::daemon::Places;

/// `workbench backup`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct BackupArgs {
    #[command(subcommand)]
    command: Option<BackupCommand>,
    #[command(flatten)]
    places: PlaceArgs,
    #[command(flatten)]
    uploads: UploadArgs,
    /// The file to write, or a folder, where it is named by the time
    #[arg(required = true, value_name = "FILE|FOLDER")]
    path: Option<PathBuf>,
    /// Replace a file of that name
    #[arg(long)]
    force: bool,
    /// Leave uploads out, where they are backed up by themselves
    #[arg(long)]
    without_uploads: bool,
    /// Print the manifest as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum BackupCommand {
    /// Check that a backup is whole and that this version can restore it
    Verify {
        /// The file
        file: PathBuf,
        /// Print the manifest as JSON
        #[arg(long)]
        json: bool,
    },
}

/// `workbench restore`.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    #[command(flatten)]
    places: PlaceArgs,
    #[command(flatten)]
    uploads: UploadArgs,
    /// The backup
    file: PathBuf,
}

/// Takes or checks a backup. Exit 0 where everything is in it, 2 where an upload was not to be had, else 1.
pub async fn backup(args: &BackupArgs) -> Result<ExitCode> {
    if let Some(BackupCommand::Verify { file, json }) = &args.command {
        let bar = spinner();
        bar.set_message("checking");
        let checked = file.clone();
        let manifest = tokio::task::spawn_blocking(move || backup::verify(&checked)).await.into_diagnostic()??;
        bar.finish_and_clear();
        return print(file, &manifest, *json);
    }
    let Some(path) = &args.path else { return Ok(ExitCode::FAILURE) };
    let places = Places { uploads: args.uploads.bucket(), ..args.places.places() };
    let target = Target { path: named(path), force: args.force };
    let store = places.existing_store().await?;
    let uploads = if args.without_uploads { None } else { Some(&places) };
    let bar = spinner();
    let taken = tokio::select! {
        taken = backup::take(&store, uploads, &target, &bar) => taken,
        // The file beside it is removed on the way out.
        _ = tokio::signal::ctrl_c() => Err(BackupError::Interrupted),
    };
    bar.finish_and_clear();
    let manifest = taken?;
    store.close().await;
    print(&target.path, &manifest, args.json)
}

/// A folder gets a file that is named by the time.
fn named(path: &Path) -> PathBuf {
    if path.is_dir() {
        path.join(format!("workbench-{}.tar", Utc::now().format("%Y%m%dT%H%M%SZ")))
    } else {
        path.to_owned()
    }
}

/// Restores a backup. Exit 0 where everything is as it was, 2 where an upload is missing, else 1.
pub async fn restore(args: &RestoreArgs) -> Result<ExitCode> {
    let places = Places { uploads: args.uploads.bucket(), ..args.places.places() };
    let bar = spinner();
    let restored = backup::restore(&places, &args.file, &bar).await;
    bar.finish_and_clear();
    let Restored { manifest, chain, difference, missing } = restored?;
    println!("{} is restored, as it was at {}", args.file.display(), time(&manifest));
    println!("  rows      {} in {} tables", manifest.rows(), manifest.tables.len());
    println!("  uploads   {}", manifest.uploads.files);
    for key in &missing {
        println!("  missing   {key}");
    }
    let broken = chain.broken.map(|(seq, why)| format!("event {seq} does not hold: {why}")).or(difference);
    if let Some(broken) = broken {
        println!("  audit     {broken}");
        println!("The backup is whole: the store that it was taken from was like that already.");
        return Ok(ExitCode::FAILURE);
    }
    println!("  audit     {} events hold, and replaying them gives the stored state", chain.entries);
    Ok(if missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(2) })
}

fn print(file: &Path, manifest: &Manifest, json: bool) -> Result<ExitCode> {
    let missing = &manifest.uploads.missing;
    if json {
        println!("{}", serde_json::to_string_pretty(manifest).into_diagnostic()?);
    } else {
        println!("{} is whole", file.display());
        println!("  taken     {}, by workbench {}", time(manifest), manifest.product);
        println!("  store     {}, schema {}", manifest.store, manifest.schema);
        println!("  rows      {} in {} tables", manifest.rows(), manifest.tables.len());
        if manifest.uploads.included {
            println!("  uploads   {}, {}", manifest.uploads.files, HumanBytes(manifest.uploads.bytes));
        } else {
            println!("  uploads   left out");
        }
        println!("  events    {}, the last has hash {}", manifest.head.seq, manifest.head.hash);
        for upload in missing {
            println!("  missing   {}: {}", upload.key, upload.why);
        }
    }
    Ok(if missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(2) })
}

fn time(manifest: &Manifest) -> String {
    manifest.taken_at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Drawn on a terminal only.
fn spinner() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {human_pos} rows  {msg}  {elapsed}") {
        bar.set_style(style);
    }
    bar
}
