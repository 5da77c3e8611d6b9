//! `workbench migrate-checklists`: onboardings under way move to another version of their workflow.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::ExitCode;

use chrono::Utc;
use clap::Args;
use miette::{Result, miette};
use serde_json::json;
use workbench_engine::definition::Change;
use workbench_engine::log::Actor;
use workbench_engine::store::{Store, StoreError};

use super::PlaceArgs;

/// Tenants read at once.
const PAGE: i64 = 500;

/// What to move, and where to.
#[derive(Debug, Args)]
pub struct MigrateChecklistsArgs {
    #[command(flatten)]
    places: PlaceArgs,
    /// Name of the workflow
    workflow: String,
    /// Version to move to; the newest that a daemon has loaded where absent
    #[arg(long, value_name = "VERSION")]
    to: Option<u32>,
    /// Only this tenant's checklist; may be repeated
    #[arg(long, value_name = "TENANT")]
    tenant: Vec<String>,
    /// Why; it stands in the history of each
    #[arg(long, required_unless_present = "dry_run", value_name = "TEXT")]
    reason: Option<String>,
    /// Only print the plan
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Prints the plan and, unless it is a dry run, carries it out. Exit 1 where some checklists could not be moved.
pub async fn migrate_checklists(args: &MigrateChecklistsArgs) -> Result<ExitCode> {
    let store = args.places.places().existing_store().await?;
    let told = |error: StoreError| miette!("{error}");
    let versions = store.workflow_versions().await.map_err(told)?;
    let known: Vec<u32> =
        versions.iter().filter(|stored| stored.name == args.workflow).map(|stored| stored.version).collect();
    let Some(newest) = known.iter().max().copied() else {
        return Err(miette!(
            help = "A daemon stores the workflows that it loads; `GET /sys/workflows` names them.",
            "there is no workflow `{}`",
            args.workflow
        ));
    };
    let to = args.to.unwrap_or(newest);
    if !known.contains(&to) {
        let known: Vec<String> = known.iter().rev().map(ToString::to_string).collect();
        return Err(miette!(
            help = format!("Loaded versions: {}.", known.join(", ")),
            "`{}` has no version {to}",
            args.workflow
        ));
    }
    let new = store.definition(&args.workflow, to).await.map_err(told)?;
    let mut found = Found::default();
    found.read(&store, &args.workflow, to, &args.tenant).await.map_err(told)?;
    let is_found = |tenant: &&String| found.by_version.values().any(|tenants| tenants.contains(tenant));
    if let Some(missing) = args.tenant.iter().find(|tenant| !is_found(tenant)) {
        return Err(miette!(
            help = "`workbench onboarding show` says which workflow and version it is on.",
            "`{missing}` has no open checklist on another version of `{}` than {to}",
            args.workflow
        ));
    }
    let mut plan = Vec::new();
    for (from, tenants) in &found.by_version {
        let old = store.definition(&args.workflow, *from).await.map_err(told)?;
        plan.push((*from, Change::between(&old, &new), tenants.as_slice()));
    }
    if !args.json {
        print!("{}", told_plan(&args.workflow, to, &plan));
    }
    let (mut moved, mut refused) = (0, BTreeMap::new());
    if let Some(reason) = args.reason.as_deref().filter(|_| !args.dry_run) {
        for tenant in plan.iter().flat_map(|(.., tenants)| *tenants) {
            match move_one(&store, tenant, to, reason).await {
                Ok(()) => moved += 1,
                // One that was completed meanwhile keeps none of the others from moving.
                Err(error) => {
                    refused.insert(tenant.clone(), error.to_string());
                }
            }
        }
    }
    if args.json {
        let plan =
            plan.iter().map(|(from, change, tenants)| json!({ "from": from, "steps": change, "tenants": tenants }));
        let answer = json!({
            "workflow": args.workflow,
            "to": to,
            "plan": plan.collect::<Vec<_>>(),
            "dry_run": args.dry_run,
            "moved": moved,
            "refused": refused,
        });
        println!("{answer:#}");
    } else if args.dry_run {
        println!("Nothing was changed.");
    } else {
        println!("{moved} moved");
        for (tenant, why) in &refused {
            println!("{tenant} was not moved: {why}");
        }
    }
    Ok(if refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The tenants to move, by the version that they are on.
#[derive(Default)]
struct Found {
    by_version: BTreeMap<u32, Vec<String>>,
}

impl Found {
    async fn read(&mut self, store: &Store, workflow: &str, to: u32, only: &[String]) -> Result<(), StoreError> {
        let mut after = String::new();
        loop {
            let page = store.open_on_other_versions(workflow, to, &after, PAGE).await?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after.clone_from(last);
            for (tenant, version) in page {
                if only.is_empty() || only.contains(&tenant) {
                    self.by_version.entry(version).or_default().push(tenant);
                }
            }
        }
    }
}

async fn move_one(store: &Store, tenant: &str, to: u32, reason: &str) -> Result<(), StoreError> {
    let mut tx = store.begin(&Actor::workbench(), Utc::now()).await?;
    tx.migrate_checklist(tenant, to, reason).await?;
    tx.commit().await?;
    Ok(())
}

fn told_plan(workflow: &str, to: u32, plan: &[(u32, Change, &[String])]) -> String {
    if plan.is_empty() {
        return format!("No open checklist is on another version of {workflow} than {to}.\n");
    }
    let mut text = String::new();
    for (from, change, tenants) in plan {
        let list = |ids: &[String]| if ids.is_empty() { "none".to_owned() } else { ids.join(", ") };
        let _ = writeln!(text, "{workflow} v{from} → v{to}, {} of them: {}", tenants.len(), shortened(tenants));
        let _ = writeln!(text, "  kept     {}", list(&change.kept));
        if !change.changed.is_empty() {
            let _ = writeln!(text, "  changed  {}", list(&change.changed));
        }
        let _ = writeln!(text, "  added    {}", list(&change.added));
        let _ = writeln!(text, "  removed  {}", list(&change.removed));
    }
    text
}

/// The first few names.
fn shortened(tenants: &[String]) -> String {
    const SHOWN: usize = 8;
    let first: Vec<&str> = tenants.iter().take(SHOWN).map(String::as_str).collect();
    let more = if tenants.len() > SHOWN { ", …" } else { "" };
    format!("{}{more}", first.join(", "))
}
