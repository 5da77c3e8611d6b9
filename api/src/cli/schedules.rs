//! Schedules of a running daemon, from the command line.

use clap::{Args, Subcommand};
use miette::{Result, miette};
use serde_json::{Value, json};

use super::client::ClientArgs;
use super::onboarding::{list, members, show, text};

#[derive(Debug, Args)]
pub struct SchedulesArgs {
    #[command(subcommand)]
    command: SchedulesCommand,
}

#[derive(Debug, Subcommand)]
enum SchedulesCommand {
    /// List schedules, each with its next time
    List {
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Show the next five times of a schedule
    Next {
        #[command(flatten)]
        client: ClientArgs,
        /// Such as tenant-onboarding/nightly_health
        schedule: String,
    },
    /// Let a schedule no longer fire by itself
    Pause {
        #[command(flatten)]
        client: ClientArgs,
        /// Such as tenant-onboarding/nightly_health
        schedule: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Let a paused schedule fire again, from now on
    Resume {
        #[command(flatten)]
        client: ClientArgs,
        /// Such as tenant-onboarding/nightly_health
        schedule: String,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
    /// Let a schedule fire now
    Run {
        #[command(flatten)]
        client: ClientArgs,
        /// Such as tenant-onboarding/nightly_health
        schedule: String,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
}

/// Lists, shows, pauses, resumes and runs schedules.
pub async fn schedules(args: &SchedulesArgs) -> Result<()> {
    match &args.command {
        SchedulesCommand::List { client } => {
            let all = client.client()?.get("/sys/schedules").await?;
            show(client, &all, |all| list(all, "items").iter().for_each(print_schedule));
        }
        SchedulesCommand::Next { client, schedule } => {
            let found = client.client()?.get(&path(schedule)?).await?;
            show(client, &found, print_next);
        }
        SchedulesCommand::Pause { client, schedule, reason } => {
            let body = json!({ "reason": reason });
            let answer = client.client()?.post(&format!("{}/pause", path(schedule)?), &body).await?;
            show(client, &answer, print_state);
        }
        SchedulesCommand::Resume { client, schedule, reason } => {
            let body = members([("reason", reason.as_ref())]);
            let answer = client.client()?.post(&format!("{}/resume", path(schedule)?), &body).await?;
            show(client, &answer, print_state);
        }
        SchedulesCommand::Run { client, schedule, reason } => {
            let body = members([("reason", reason.as_ref())]);
            let answer = client.client()?.post(&format!("{}/run", path(schedule)?), &body).await?;
            show(client, &answer, |fire| println!("{} fires", text(fire, "id")));
        }
    }
    Ok(())
}

/// The address of a schedule; its name goes into the address only where it is one.
fn path(schedule: &str) -> Result<String> {
    let sound =
        |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    match schedule.split_once('/') {
        Some((workflow, name)) if sound(workflow) && sound(name) => Ok(format!("/sys/schedules/{workflow}/{name}")),
        _ => Err(miette!(
            help = "`workbench schedules list` shows them.",
            "a schedule is named by its workflow and its own name, such as tenant-onboarding/nightly_health"
        )),
    }
}

fn print_schedule(schedule: &Value) {
    let next = list(schedule, "next").first();
    let next = match (schedule["paused"]["reason"].as_str(), next) {
        (Some(reason), _) => format!("paused: {reason}"),
        (None, Some(next)) => format!("next {} {}", text(next, "local"), text(next, "zone")),
        (None, None) => "no tenant yet".to_owned(),
    };
    println!("{:<36} {:<14} {:<18} {next}", text(schedule, "id"), text(schedule, "cron"), text(schedule, "zone"));
}

fn print_next(schedule: &Value) {
    print_state(schedule);
    for next in list(schedule, "next") {
        println!("  {}  {}", text(next, "local"), text(next, "zone"));
    }
}

fn print_state(schedule: &Value) {
    match schedule["paused"]["reason"].as_str() {
        Some(reason) => println!("{}  paused: {reason}", text(schedule, "id")),
        None => println!("{}  fires by itself", text(schedule, "id")),
    }
}
