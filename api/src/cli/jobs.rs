//! Jobs of a running daemon, from the command line.

use clap::{Args, Subcommand};
use miette::{Result, miette};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use workbench_engine::job::{JobKind, JobState};

use super::client::ClientArgs;
use super::onboarding::{list, members, show, text};

/// `workbench jobs`.
#[derive(Debug, Args)]
pub struct JobsArgs {
    #[command(subcommand)]
    command: JobsCommand,
}

#[derive(Debug, Subcommand)]
enum JobsCommand {
    /// List jobs, newest first
    List {
        #[command(flatten)]
        client: ClientArgs,
        #[command(flatten)]
        filter: FilterArgs,
    },
    /// Show a job with every attempt
    Show {
        #[command(flatten)]
        client: ClientArgs,
        /// Id of the job
        id: String,
    },
    /// Try a failed or cancelled job again
    Retry {
        #[command(flatten)]
        client: ClientArgs,
        /// Id of the job
        id: String,
        /// Why, for the audit
        #[arg(long)]
        reason: Option<String>,
    },
    /// Stop a job
    Cancel {
        #[command(flatten)]
        client: ClientArgs,
        /// Id of the job
        id: String,
        /// Why, for the audit
        #[arg(long)]
        reason: Option<String>,
    },
}

#[derive(Debug, Args)]
struct FilterArgs {
    /// queued, running, succeeded, retrying, failed or cancelled
    #[arg(long, value_parser = state)]
    state: Option<JobState>,
    /// Only those that have used up their attempts, or that no attempt could help
    #[arg(long, conflicts_with = "state")]
    dead: bool,
    /// `import_preview`, `import_load`, `import_rollback`, `health_check`, `timer`, `command`, `announce` or `deliver`
    #[arg(long, value_parser = kind)]
    kind: Option<JobKind>,
    /// Only of this tenant
    #[arg(long)]
    tenant: Option<String>,
    /// How many, 1 to 200
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u8).range(1..=200), value_name = "N")]
    limit: u8,
    /// Where the page before ended, as it said
    #[arg(long)]
    cursor: Option<String>,
}

fn state(text: &str) -> Result<JobState, String> {
    text.parse().map_err(|_| format!("use one of {}", JobState::ALL.map(JobState::as_str).join(", ")))
}

fn kind(text: &str) -> Result<JobKind, String> {
    text.parse().map_err(|_| format!("use one of {}", JobKind::ALL.map(JobKind::as_str).join(", ")))
}

impl FilterArgs {
    fn path(&self) -> String {
        let state = if self.dead { Some(JobState::Failed) } else { self.state };
        let filters = [
            ("state", state.map(JobState::as_str)),
            ("kind", self.kind.map(JobKind::as_str)),
            ("tenant_id", self.tenant.as_deref()),
            ("cursor", self.cursor.as_deref()),
        ];
        let mut path = format!("/sys/jobs?limit={}", self.limit);
        for (name, value) in filters {
            let Some(value) = value else { continue };
            path.extend(["&", name, "="]);
            path.extend(utf8_percent_encode(value, NON_ALPHANUMERIC));
        }
        path
    }
}

/// Lists, shows, retries and cancels jobs.
pub async fn jobs(args: &JobsArgs) -> Result<()> {
    match &args.command {
        JobsCommand::List { client, filter } => {
            let page = client.client()?.get(&filter.path()).await?;
            show(client, &page, print_page);
        }
        JobsCommand::Show { client, id } => {
            let job = client.client()?.get(&path(id)?).await?;
            show(client, &job, print_whole);
        }
        JobsCommand::Retry { client, id, reason } => {
            let body = members([("reason", reason.as_ref())]);
            show(client, &client.client()?.post(&format!("{}/retry", path(id)?), &body).await?, print_job);
        }
        JobsCommand::Cancel { client, id, reason } => {
            let body = members([("reason", reason.as_ref())]);
            show(client, &client.client()?.post(&format!("{}/cancel", path(id)?), &body).await?, print_job);
        }
    }
    Ok(())
}

/// The address of a job; its id goes into the address only where it is one.
fn path(id: &str) -> Result<String> {
    if !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        Ok(format!("/sys/jobs/{id}"))
    } else {
        Err(miette!(help = "`workbench jobs list` shows them.", "that is no id of a job"))
    }
}

fn print_page(page: &Value) {
    list(page, "items").iter().for_each(print_job);
    if let Some(cursor) = page["next_cursor"].as_str() {
        println!("More with --cursor {cursor}");
    }
}

fn print_job(job: &Value) {
    println!(
        "{}  {:<15} {:<16} {:<10} attempt {} of {}",
        text(job, "id"),
        text(job, "kind"),
        text(job, "tenant_id"),
        text(job, "state"),
        job["attempt"],
        job["max_attempts"],
    );
    if let Some(error) = job["last_error"].as_str() {
        println!("    {error}");
    }
}

fn print_whole(job: &Value) {
    print_job(job);
    for (key, name) in [("subject_id", "about"), ("requested_by", "by"), ("created_at", "created"), ("run_at", "due")] {
        if let Some(value) = job[key].as_str() {
            println!("  {name:<8} {value}");
        }
    }
    for attempt in list(job, "attempts") {
        let ended = attempt["finished_at"].as_str().unwrap_or("still running");
        let outcome = attempt["outcome"].as_str().unwrap_or("running");
        println!(
            "  {:>2}. {outcome:<10} {} – {ended}  {}",
            attempt["attempt"].to_string(),
            text(attempt, "started_at"),
            text(attempt, "worker"),
        );
        if let Some(error) = attempt["error"].as_str() {
            println!("      {error}");
        }
    }
}
