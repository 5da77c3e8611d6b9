//! The audit of the event log, from the command line.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use miette::{IntoDiagnostic, Result};
use serde_json::json;
use workbench_engine::store::{ChainHead, StoreError};

use super::PlaceArgs;

/// `workbench audit`.
#[derive(Debug, Args)]
pub struct AuditArgs {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Check every link of the hash chain, and that replaying the events gives the stored state. Exit 0 where everything
    /// holds, 1 where something does not, 2 where it could not be checked
    Verify {
        #[command(flatten)]
        places: PlaceArgs,
        /// An event that was noted elsewhere, as of a backup, and must still be in the chain
        #[arg(long, value_parser = noted, value_name = "NUMBER:HASH")]
        noted: Option<ChainHead>,
        /// Print what was found as JSON
        #[arg(long)]
        json: bool,
    },
}

fn noted(text: &str) -> Result<ChainHead, String> {
    text.split_once(':')
        .and_then(|(seq, hash)| Some(ChainHead { seq: seq.parse().ok()?, hash: hash.to_ascii_lowercase() }))
        .filter(|head| head.seq > 0 && head.hash.len() == 64 && head.hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .ok_or_else(|| "give the event's number and its hash, as in 57:8f1c…".to_owned())
}

/// Exit 0 where the log holds, 1 where it does not, 2 where that could not be found out.
pub async fn audit(args: &AuditArgs) -> ExitCode {
    match verify(args).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(report) => {
            eprintln!("{report:?}");
            ExitCode::from(2)
        }
    }
}

async fn verify(args: &AuditArgs) -> Result<bool> {
    let AuditCommand::Verify { places, noted, json } = &args.command;
    let store = places.places().existing_store().await?;
    let noted = noted.clone().unwrap_or_default();
    let chain = store.verify_events_since(&noted).await.into_diagnostic()?;
    let difference = match &chain.broken {
        // What a broken log gives says nothing.
        Some(_) => None,
        None => match store.verify_replay().await {
            // A state that no version of the product wrote.
            Err(damaged @ StoreError::Corrupt { .. }) => Some(damaged.to_string()),
            found => found.into_diagnostic()?,
        },
    };
    let holds = chain.broken.is_none() && difference.is_none();
    if *json {
        let broken = chain.broken.as_ref().map(|(seq, why)| json!({ "event": seq, "why": why }));
        let found = json!({
            "holds": holds, "events": chain.entries, "head": chain.head, "broken": broken, "difference": difference,
        });
        println!("{found:#}");
    } else if let Some((seq, why)) = &chain.broken {
        println!("event {seq} does not hold: {why}");
    } else if let Some(difference) = &difference {
        println!("{difference}");
    } else {
        println!("{} events hold, and replaying them gives the stored state", chain.entries);
    }
    Ok(holds)
}
