//! Measures what README and documentation claim, as ratios to named peers, in one run on one machine.
//!
//! Nothing here is a test: a ratio that is too high fails nobody, it is a reason to look.

mod generate;
mod loading;
mod measure;
mod night;
mod reading;

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

/// Speeds as ratios to named peers, measured in one run.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Read files: parse, map, validate.
    Read(Sizes),
    /// Load a file end to end into Postgres and SQLite.
    Load(Sizes),
    /// Re-check all tenants as the nightly schedule does.
    Night(night::Night),
    /// Read one file by the importer, for `read`.
    #[command(hide = true)]
    ReadByImporter {
        /// The file.
        path: PathBuf,
    },
    /// Read one file by the csv crate, for `read`.
    #[command(hide = true)]
    ReadByCsvCrate {
        /// The file.
        path: PathBuf,
    },
}

/// How large the files are.
#[derive(Args)]
struct Sizes {
    /// Rows of the members table.
    #[arg(long, default_value_t = 1_000_000)]
    rows: u64,
    /// Transactions of the ledger.
    #[arg(long, default_value_t = 500_000)]
    transactions: u64,
    /// The Python that has what `bench/peers/requirements.txt` names.
    #[arg(long, default_value = "python3")]
    python: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    match Arguments::parse().command {
        Command::Read(sizes) => reading::run(folder.path(), &sizes, &sizes.python),
        Command::Load(sizes) => loading::run(folder.path(), &sizes, &sizes.python).await,
        Command::Night(size) => night::run(folder.path(), &size).await,
        Command::ReadByImporter { path } => reading::by_importer(&path),
        Command::ReadByCsvCrate { path } => reading::by_csv_crate(&path),
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64())
}

fn ratio(time: Duration, against: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() / against.as_secs_f64())
}
