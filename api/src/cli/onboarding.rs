//! Commands that ask a running daemon.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use miette::{IntoDiagnostic, Result, WrapErr};
use reqwest::Method;
use reqwest::header::IF_MATCH;
use reqwest::multipart::{Form, Part};
use serde_json::{Map, Value, json};

use super::client::{Client, ClientArgs};

/// Issues that a preview shows; the rest is a request away.
const SHOWN: u64 = 10;
/// How often progress is asked for.
const POLL: Duration = Duration::from_millis(200);

/// `workbench onboarding`.
#[derive(Debug, Args)]
pub struct OnboardingArgs {
    #[command(subcommand)]
    command: OnboardingCommand,
}

#[derive(Debug, Subcommand)]
enum OnboardingCommand {
    /// Open an onboarding; makes the tenant if it is new
    Open {
        #[command(flatten)]
        client: ClientArgs,
        /// The tenant's slug
        tenant: String,
        /// What people call the tenant
        #[arg(long)]
        name: Option<String>,
        /// ISO 3166-1 alpha-2
        #[arg(long)]
        country: Option<String>,
        /// federation, club, pilot, sandbox, event, venue or another
        #[arg(long)]
        kind: Option<String>,
        /// Name of a workflow
        #[arg(long)]
        workflow: Option<String>,
        /// Where probes go: an address, or `sandbox`
        #[arg(long, value_name = "URL")]
        platform_url: Option<String>,
    },
    /// List onboardings
    List {
        #[command(flatten)]
        client: ClientArgs,
        /// active, completed or all
        #[arg(long, default_value = "active")]
        status: String,
    },
    /// Show an onboarding
    Show {
        #[command(flatten)]
        client: ClientArgs,
        /// The tenant's slug
        tenant: String,
    },
    /// Change a step
    Step {
        #[command(flatten)]
        client: ClientArgs,
        /// The tenant's slug
        tenant: String,
        /// Id of the step
        step: String,
        /// One of pending, `in_progress`, blocked, done and skipped
        #[arg(long)]
        status: Option<String>,
        /// Who is responsible; empty for nobody
        #[arg(long)]
        assignee: Option<String>,
        /// Why it waits; empty when it no longer does
        #[arg(long)]
        blocking_reason: Option<String>,
        /// A note
        #[arg(long)]
        note: Option<String>,
        /// Why a step is skipped or reopened
        #[arg(long)]
        reason: Option<String>,
    },
}

/// Opens, lists, shows and edits onboardings.
pub async fn onboarding(args: &OnboardingArgs) -> Result<()> {
    match &args.command {
        OnboardingCommand::Open { client, tenant, name, country, kind, workflow, platform_url } => {
            let body = members([
                ("tenant_id", Some(tenant)),
                ("name", name.as_ref()),
                ("country", country.as_ref()),
                ("kind", kind.as_ref()),
                ("workflow", workflow.as_ref()),
                ("platform_url", platform_url.as_ref()),
            ]);
            let opened = client.client()?.post("/sys/onboarding", &body).await?;
            show(client, &opened, print_onboarding);
        }
        OnboardingCommand::List { client, status } => {
            let connection = client.client()?;
            let mut path = format!("/sys/onboarding?status={status}&limit=200");
            loop {
                let page = connection.get(&path).await?;
                show(client, &page, print_dashboard);
                let Some(cursor) = page["next_cursor"].as_str() else { break };
                path = format!("/sys/onboarding?status={status}&limit=200&cursor={cursor}");
            }
        }
        OnboardingCommand::Show { client, tenant } => {
            let found = client.client()?.get(&format!("/sys/onboarding/{tenant}")).await?;
            show(client, &found, print_onboarding);
        }
        OnboardingCommand::Step { client, tenant, step, status, assignee, blocking_reason, note, reason } => {
            let body = members([
                ("status", status.as_ref()),
                ("assignee", assignee.as_ref()),
                ("blocking_reason", blocking_reason.as_ref()),
                ("note", note.as_ref()),
                ("reason", reason.as_ref()),
            ]);
            let connection = client.client()?;
            let path = format!("/sys/onboarding/{tenant}/steps/{step}");
            let changed = connection.send(connection.request(Method::PATCH, &path).json(&body)).await?;
            show(client, &changed, print_step);
        }
    }
    Ok(())
}

/// The members of a JSON object that are there.
pub(super) fn members<const N: usize>(all: [(&str, Option<&String>); N]) -> Value {
    let present = all.into_iter().filter_map(|(key, value)| Some((key.to_owned(), json!(value?))));
    Value::Object(present.collect::<Map<_, _>>())
}

/// Prints an answer as text, or as JSON where that is asked for.
pub fn show(client: &ClientArgs, value: &Value, print: fn(&Value)) {
    if client.json { println!("{value:#}") } else { print(value) }
}

/// A text in an answer, empty where there is none.
pub fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or("–")
}

/// A list in an answer, empty where there is none.
pub fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn print_onboarding(onboarding: &Value) {
    println!(
        "{} ({}), {} v{}, {}, day {}",
        text(&onboarding["tenant"], "name"),
        text(onboarding, "tenant_id"),
        text(onboarding, "workflow"),
        onboarding["version"],
        text(onboarding, "status"),
        onboarding["days_open"],
    );
    list(onboarding, "steps").iter().for_each(print_step);
}

fn print_step(step: &Value) {
    let mark = match text(step, "status") {
        "done" => "✓",
        "skipped" => "–",
        "blocked" => "!",
        "in_progress" => "▸",
        _ => "·",
    };
    let reason = step["blocking_reason"].as_str().map(|reason| format!("  ({reason})")).unwrap_or_default();
    let assignee = step["assignee"].as_str().map(|assignee| format!("  {assignee}")).unwrap_or_default();
    let line = format!("  {mark} {:<14} {:<12}{assignee}{reason}", text(step, "id"), text(step, "status"));
    println!("{}", line.trim_end());
}

fn print_dashboard(page: &Value) {
    for row in list(page, "items") {
        println!(
            "{:<20} {:<3} {:<10} day {:<4} {:<14} {:<12} {}",
            text(row, "tenant_id"),
            text(row, "country"),
            text(row, "status"),
            row["days_open"].to_string(),
            text(row, "current_step"),
            text(row, "assignee"),
            text(row, "health"),
        );
    }
}

/// `workbench import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    #[command(flatten)]
    client: ClientArgs,
    /// The file
    #[arg(required_unless_present_any = ["confirm", "undo"], conflicts_with_all = ["confirm", "undo"])]
    file: Option<PathBuf>,
    /// The tenant's slug
    #[arg(long)]
    tenant: String,
    /// csv, sie, fipjp, xml, json or auto
    #[arg(long, default_value = "auto")]
    format: String,
    /// members, clubs, ledger, licences, transfers or rankings; found out where absent
    #[arg(long)]
    entity: Option<String>,
    /// Name of the format profile to read by
    #[arg(long)]
    profile: Option<String>,
    /// Whether the first line of a table names its columns; found out where absent
    #[arg(long)]
    header: Option<Header>,
    /// Store it without asking, unless a row is rejected, or a column or the header guessed
    #[arg(long)]
    yes: bool,
    /// Stop after the preview
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Store an import whose preview you have seen
    #[arg(long, value_name = "IMPORT", conflicts_with_all = ["format", "entity", "profile", "header", "yes", "dry_run"])]
    confirm: Option<String>,
    /// Undo a completed import; needs --reason
    #[arg(long, value_name = "IMPORT", requires = "reason", conflicts_with_all = ["format", "entity", "header", "yes", "dry_run", "confirm"])]
    undo: Option<String>,
    /// Why an import is undone
    #[arg(long, requires = "undo")]
    reason: Option<String>,
}

/// Whether a table has a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Header {
    /// The first line names the columns.
    Yes,
    /// The first line is a row.
    No,
}

/// Uploads, shows the preview, confirms, follows the progress. Exit 0 where the file was stored (or previewed),
/// 1 where it failed, 2 where it waits for a confirmation.
pub async fn import(args: &ImportArgs) -> Result<ExitCode> {
    let client = args.client.client()?;
    let imports = format!("/sys/onboarding/{}/imports", args.tenant);
    if let Some(id) = &args.confirm {
        return confirm(args, &client, &format!("{imports}/{id}"), None).await;
    }
    if let Some(id) = &args.undo {
        let path = format!("{imports}/{id}");
        client.post(&format!("{path}/rollback"), &json!({ "reason": args.reason })).await?;
        return Ok(finish(&args.client, &follow(&client, &path, &["rolling_back"], "undoing").await?));
    }
    let Some(file) = &args.file else { return Ok(ExitCode::FAILURE) };
    let uploaded = upload(args, &client, &imports, file).await?;
    let id = text(&uploaded, "id");
    let path = format!("{imports}/{id}");
    let read = follow(&client, &path, &["queued", "parsing"], "reading").await?;
    if text(&read, "state") == "preview" && !args.client.json {
        print_preview(&read);
        print_issues(&client.get(&format!("{path}/issues?limit={SHOWN}")).await?, &read, &path);
    }
    let rejected = read["counts"]["rows_rejected"].as_i64().unwrap_or(0);
    let doubts = ["column_guessed", "header_guessed"];
    let guessed = list(&read, "issues").iter().any(|group| doubts.contains(&text(group, "code")));
    if text(&read, "state") == "preview" && args.yes && rejected == 0 && !guessed {
        return confirm(args, &client, &path, Some(&read)).await;
    }
    if text(&read, "state") == "preview" && !args.dry_run {
        if args.client.json {
            println!("{read:#}");
        } else {
            let tenant = &args.tenant;
            println!("Nothing is stored yet. To store it:\n  workbench import --tenant {tenant} --confirm {id}");
        }
        return Ok(ExitCode::from(2));
    }
    Ok(finish(&args.client, &read))
}

/// Sends the file in a stream; the import that it becomes.
async fn upload(args: &ImportArgs, client: &Client, imports: &str, path: &Path) -> Result<Value> {
    let file = tokio::fs::File::open(path)
        .await
        .into_diagnostic()
        .wrap_err_with(|| format!("`{}` cannot be read", path.display()))?;
    let length = file.metadata().await.into_diagnostic()?.len();
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let part = Part::stream_with_length(reqwest::Body::wrap_stream(tokio_util::io::ReaderStream::new(file)), length);
    let mut form = Form::new().part("file", part.file_name(name)).text("format", args.format.clone());
    if let Some(entity) = &args.entity {
        form = form.text("entity", entity.clone());
    }
    if let Some(profile) = &args.profile {
        form = form.text("profile", profile.clone());
    }
    if let Some(header) = args.header {
        form = form.text("header", (header == Header::Yes).to_string());
    }
    client.send(client.request(Method::POST, imports).multipart(form)).await
}

/// Says that the preview was seen, and which one if it was shown here, and follows the loading.
async fn confirm(args: &ImportArgs, client: &Client, path: &str, shown: Option<&Value>) -> Result<ExitCode> {
    let mut request = client.request(Method::POST, &format!("{path}/confirm")).json(&json!({}));
    if let Some(shown) = shown {
        request = request.header(IF_MATCH, format!("\"{}\"", shown["preview_revision"]));
    }
    client.send(request).await?;
    let stored = follow(client, path, &["loading"], "storing").await?;
    Ok(finish(&args.client, &stored))
}

fn finish(client: &ClientArgs, import: &Value) -> ExitCode {
    let state = text(import, "state");
    if client.json {
        println!("{import:#}");
    } else {
        match state {
            "completed" if import["loaded"] == 1 => println!("1 record stored"),
            "completed" => println!("{} records stored", import["loaded"]),
            "rolled_back" => println!("undone: the records are as they were before"),
            "failed" => {
                let failure = &import["failure"];
                println!("failed: {}\n  {}", text(failure, "message"), text(failure, "hint"));
            }
            other => println!("{other}"),
        }
    }
    if matches!(state, "completed" | "preview" | "rolled_back") { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Shows progress while the import is in one of these states; answers it as it is afterwards.
async fn follow(client: &Client, path: &str, while_in: &[&str], verb: &'static str) -> Result<Value> {
    // Drawn on a terminal only.
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{msg:>8} [{bar:30}] {percent:>3} %  {elapsed}") {
        bar.set_style(style);
    }
    bar.set_message(verb);
    loop {
        let import = client.get(path).await?;
        if !while_in.contains(&text(&import, "state")) {
            bar.finish_and_clear();
            return Ok(import);
        }
        bar.set_length(import["progress"]["total"].as_u64().unwrap_or(0));
        bar.set_position(import["progress"]["done"].as_u64().unwrap_or(0));
        tokio::time::sleep(POLL).await;
    }
}

fn print_preview(import: &Value) {
    let counts = &import["counts"];
    let detected = &import["detected"];
    let packed = detected["details"]["packed"].as_str().map(|kind| format!(", packed as {kind}")).unwrap_or_default();
    println!(
        "{}: {} with {}, {}{packed}",
        text(import, "file_name"),
        text(import, "format"),
        text(import, "entity"),
        text(detected, "encoding"),
    );
    println!(
        "  rows     {} read, {} valid, {} with warnings, {} rejected",
        counts["rows_read"], counts["rows_valid"], counts["rows_warned"], counts["rows_rejected"],
    );
    println!(
        "  records  {}: {} new, {} changed, {} unchanged",
        counts["records"], counts["records_new"], counts["records_changed"], counts["records_unchanged"],
    );
    if let Some(earlier) = import["supersedes"].as_str() {
        let sum = |key: &str| list(import, "difference").iter().filter_map(|code| code[key].as_i64()).sum::<i64>();
        let (resolved, remaining, new) = (sum("resolved"), sum("remaining"), sum("new"));
        println!("  against  {earlier}: {resolved} issues resolved, {remaining} remaining, {new} new");
    }
    for group in list(import, "issues") {
        println!("  {:<8} {} × {}", text(group, "severity"), group["count"], text(group, "code"));
    }
}

/// The first issues, and where the others are.
fn print_issues(page: &Value, import: &Value, path: &str) {
    let issues = list(page, "items");
    if !issues.is_empty() {
        println!();
    }
    for issue in issues {
        let column = issue["column"].as_str().map(|column| format!(", {column}")).unwrap_or_default();
        let place = match issue["row"].as_u64() {
            Some(0) | None => "file".to_owned(),
            Some(row) => format!("row {row}"),
        };
        println!("  {place}{column}: {} [{}]", text(issue, "message"), text(issue, "code"));
    }
    let all = list(import, "issues").iter().filter_map(|group| group["count"].as_u64()).sum::<u64>();
    let rest = all.saturating_sub(u64::try_from(issues.len()).unwrap_or(0));
    if rest > 0 {
        println!("  … and {rest} more: GET {path}/issues");
    }
    println!();
}
