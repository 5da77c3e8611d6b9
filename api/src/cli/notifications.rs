//! Notification channels of a running daemon, from the command line.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use miette::{Result, miette};
use serde_json::{Value, json};

use super::client::ClientArgs;
use super::onboarding::{list, show, text};

#[derive(Debug, Args)]
pub struct NotificationsArgs {
    #[command(subcommand)]
    command: NotificationsCommand,
}

#[derive(Debug, Subcommand)]
enum NotificationsCommand {
    /// List the channels, and what each is told
    List {
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Send one test message through a channel
    Test {
        #[command(flatten)]
        client: ClientArgs,
        /// Id of the channel
        channel: String,
    },
}

/// Lists and tests channels. Exit 1 where a test message was not accepted.
pub async fn notifications(args: &NotificationsArgs) -> Result<ExitCode> {
    match &args.command {
        NotificationsCommand::List { client } => {
            let all = client.client()?.get("/sys/notification-channels").await?;
            show(client, &all, |all| list(all, "items").iter().for_each(print_channel));
            Ok(ExitCode::SUCCESS)
        }
        NotificationsCommand::Test { client, channel } => {
            let sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
            if channel.is_empty() || !channel.chars().all(sound) {
                return Err(miette!(help = "`workbench notifications list` shows them.", "that is no id of a channel"));
            }
            let path = format!("/sys/notification-channels/{channel}/test");
            let answer = client.client()?.post(&path, &json!({})).await?;
            show(client, &answer, print_outcome);
            Ok(if answer["delivered"] == true { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}

fn print_outcome(answer: &Value) {
    println!("{}: {}", text(answer, "channel"), answer["error"].as_str().unwrap_or("accepted"));
}

fn print_channel(channel: &Value) {
    let on: Vec<&str> = list(channel, "on").iter().filter_map(Value::as_str).collect();
    let destination = channel["destination"].as_str().unwrap_or("–");
    println!("{:<20} {:<8} {destination:<32} {}", text(channel, "id"), text(channel, "kind"), on.join(", "));
}
