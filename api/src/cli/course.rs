//! The course, from the command line.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use miette::{IntoDiagnostic, Result, WrapErr};
use serde_json::{Value, json};

use super::client::ClientArgs;
use super::onboarding::{list, members, show, text};
use crate::manual::PRACTICE_FILES;

/// `workbench course`.
#[derive(Debug, Args)]
pub struct CourseArgs {
    #[command(subcommand)]
    command: CourseCommand,
}

#[derive(Debug, Subcommand)]
enum CourseCommand {
    /// Start the course for yourself
    Start {
        #[command(flatten)]
        client: ClientArgs,
        /// Who accompanies you
        #[arg(long)]
        mentor: Option<String>,
    },
    /// Show somebody's progress: your own, or as a mentor anybody's
    Show {
        #[command(flatten)]
        client: ClientArgs,
        /// The learner's name in the audit
        learner: String,
    },
    /// Write the practice files to a folder
    Files {
        /// The folder; it is made where it is missing
        folder: PathBuf,
    },
    /// Tick a task of yours by hand
    Declare {
        #[command(flatten)]
        client: ClientArgs,
        /// Your name in the audit
        learner: String,
        /// Id of the task
        task: String,
    },
}

/// Starts and shows the course, and writes its files.
pub async fn course(args: &CourseArgs) -> Result<()> {
    match &args.command {
        CourseCommand::Start { client, mentor } => {
            let started =
                client.client()?.post("/sys/course/learners", &members([("mentor", mentor.as_ref())])).await?;
            show(client, &started, |progress| {
                print_line(progress);
                println!("your sandbox is the tenant {}", text(progress, "sandbox"));
            });
        }
        CourseCommand::Show { client, learner } => {
            let found = client.client()?.get(&path(learner)).await?;
            show(client, &found, print);
        }
        CourseCommand::Files { folder } => {
            let cannot = |what: &str| format!("`{what}` cannot be written");
            std::fs::create_dir_all(folder)
                .into_diagnostic()
                .wrap_err_with(|| cannot(&folder.display().to_string()))?;
            for (name, content) in PRACTICE_FILES {
                std::fs::write(folder.join(name), content).into_diagnostic().wrap_err_with(|| cannot(name))?;
                println!("{}", folder.join(name).display());
            }
        }
        CourseCommand::Declare { client, learner, task } => {
            let body = json!({ "command": "declare", "task": task });
            let changed = client.client()?.post(&format!("{}/commands", path(learner)), &body).await?;
            show(client, &changed, print_line);
        }
    }
    Ok(())
}

fn path(learner: &str) -> String {
    let name = percent_encoding::utf8_percent_encode(learner, percent_encoding::NON_ALPHANUMERIC);
    format!("/sys/course/learners/{name}")
}

fn print_line(progress: &Value) {
    let done = list(progress, "tasks").iter().filter(|task| text(task, "state") != "open").count();
    let signed = list(progress, "checkpoints").iter().filter(|one| one["signed"] == true).count();
    println!(
        "day {} of 30, {done} of {} tasks, {signed} of {} checkpoints",
        progress["day"],
        list(progress, "tasks").len(),
        list(progress, "checkpoints").len(),
    );
}

fn print(progress: &Value) {
    print_line(progress);
    for task in list(progress, "tasks") {
        println!("  {:<14} {:<24} {}", text(task, "state"), text(task, "id"), text(task, "title"));
        for missing in list(task, "missing") {
            println!("                 {}", missing.as_str().unwrap_or_default());
        }
    }
}
