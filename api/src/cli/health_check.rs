//! `workbench health-check`, which is a monitoring plugin itself.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;
use miette::Result;
use reqwest::Method;
use serde_json::Value;

use super::client::ClientArgs;
use super::onboarding::{list, show, text};

/// What a monitoring plugin ends with that could not find out anything.
const UNKNOWN: u8 = 3;

/// `workbench health-check`.
#[derive(Debug, Args)]
pub struct HealthCheckArgs {
    #[command(flatten)]
    client: ClientArgs,
    /// The tenant's slug
    tenant: String,
    /// Print one line with what was measured, as monitoring plugins do
    #[arg(long, conflicts_with = "json")]
    plugin: bool,
}

/// Runs the tenant's probes. Exit 0 on pass, 1 on warn, 2 on fail, 3 where there is no result, after the convention of
/// monitoring plugins.
pub async fn health_check(args: &HealthCheckArgs) -> ExitCode {
    let check = match run(args).await {
        Ok(check) => check,
        Err(report) => {
            // Other commands end with 1 here, which would be a warning.
            if args.plugin {
                let said = one_line(&report.to_string());
                println!("{} UNKNOWN - {said}", args.tenant);
            } else {
                eprintln!("{report:?}");
            }
            return ExitCode::from(UNKNOWN);
        }
    };
    if args.plugin {
        println!("{}", plugin_line(&args.tenant, &check));
    } else {
        show(&args.client, &check, print_health);
    }
    ExitCode::from(match text(&check, "status") {
        "pass" => 0,
        "warn" => 1,
        "fail" => 2,
        _ => UNKNOWN,
    })
}

async fn run(args: &HealthCheckArgs) -> Result<Value> {
    let client = args.client.client()?;
    let path = format!("/sys/onboarding/{}/health-check?wait=60s", args.tenant);
    client.send(client.request(Method::POST, &path)).await
}

fn print_health(check: &Value) {
    println!("{}", text(check, "status"));
    for probe in list(check, "probes") {
        println!("  {:<5} {:<21} {}", text(probe, "status"), text(probe, "probe"), text(probe, "message"));
        if text(probe, "status") != "pass" {
            println!("        → {}", text(probe, "hint"));
        }
    }
}

/// A text as monitoring takes it: of several lines it reads the first, and a bar ends the text.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "/")
}

/// The worst of what the probes say, and behind a bar how long each took.
fn plugin_line(tenant: &str, check: &Value) -> String {
    let word = match text(check, "status") {
        "pass" => "OK",
        "warn" => "WARNING",
        "fail" => "CRITICAL",
        _ => "UNKNOWN",
    };
    let said = |probe: &Value| one_line(&format!("{}: {}", text(probe, "probe"), text(probe, "message")));
    let problems: Vec<String> =
        list(check, "probes").iter().filter(|probe| text(probe, "status") != "pass").map(said).collect();
    let summary = match (word, problems.is_empty()) {
        ("OK", _) => "every probe passed".to_owned(),
        ("UNKNOWN", true) => "there is no result yet".to_owned(),
        (_, true) => "the check came to no result; see its job".to_owned(),
        (_, false) => problems.join("; "),
    };
    let mut line = format!("{tenant} {word} - {summary}");
    let mut separator = '|';
    for probe in list(check, "probes") {
        let _ = write!(line, "{separator}{}={}ms", text(probe, "probe"), probe["duration_ms"]); // a String takes all
        separator = ' ';
    }
    line
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_has_the_problems_and_the_durations() {
        let probe =
            |status: &str, ms: u32| json!({ "probe": "login", "status": status, "message": "a|b", "duration_ms": ms });
        for (check, line) in [
            (json!({ "status": "pass", "probes": [probe("pass", 3)] }), "svbf OK - every probe passed|login=3ms"),
            (
                json!({ "status": "fail", "probes": [probe("pass", 3), probe("error", 0), probe("warn", 5)] }),
                "svbf CRITICAL - login: a/b; login: a/b|login=3ms login=0ms login=5ms",
            ),
            (json!({ "status": "running", "probes": [] }), "svbf UNKNOWN - there is no result yet"),
        ] {
            assert_eq!(plugin_line("svbf", &check), line);
        }
    }
}
