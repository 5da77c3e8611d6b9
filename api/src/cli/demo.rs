//! `workbench demo`.

use chrono::Utc;
use clap::Args;
use miette::{IntoDiagnostic, Result, miette};
use workbench_engine::log::Actor;
use workbench_probes::HealthProbes;

use super::PlaceArgs;
use crate::demo::play::play;
use crate::demo::story::{Scenario, tell};
use crate::shipped;

/// The workflow that the demo's tenants follow.
const WORKFLOW: &str = "tenant-onboarding";

/// `workbench demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    #[command(flatten)]
    places: PlaceArgs,
    /// Onboardings
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..=100_000), value_name = "N")]
    tenants: u32,
    /// Years before now over which they are opened
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20), value_name = "Y")]
    years: u32,
    /// What the truth is
    #[arg(long, value_enum, default_value_t = Scenario::Card)]
    scenario: Scenario,
    /// The same seed tells the same story
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
}

/// Fills a store without a running daemon with made-up histories.
pub async fn demo(args: &DemoArgs) -> Result<()> {
    let store = args.places.places().open_store().await?;
    let known = shipped::known(&HealthProbes::default());
    let workflows = shipped::workflows(None, &known)?;
    let workflow = workflows.iter().find(|loaded| loaded.definition.name == WORKFLOW);
    let workflow = workflow.ok_or_else(|| miette!("the workflow `{WORKFLOW}` does not ship with this version"))?;
    let mut tx = store.begin(&Actor::workbench(), Utc::now()).await.into_diagnostic()?;
    tx.store_workflow(workflow).await.map_err(|error| miette!("{error}"))?;
    tx.commit().await.map_err(|error| miette!("{error}"))?;
    let parts = tell(args.scenario, args.tenants, args.years, args.seed, Utc::now());
    let acts = play(&store, workflow, &parts).await.map_err(|error| {
        miette!(
            help = "Stop the daemon, and give a data folder without a demo: `--data-dir demo-data`.",
            "the story could not be played: {error}"
        )
    })?;
    println!(
        "{} onboardings, {acts} acts; look at them with `workbench serve` and `workbench retrospective`",
        parts.len()
    );
    Ok(())
}
