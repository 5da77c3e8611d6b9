//! `workbench graph` and `workbench simulate`: a workflow seen before it is used.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chrono::{DateTime, Utc};
use clap::{Args, ValueEnum};
use miette::{IntoDiagnostic, Result, WrapErr, miette};
use serde_json::json;
use workbench_engine::definition::{Definition, dot, load, mermaid, render};
use workbench_engine::simulation::{Forecast, Moment, Played, Script, forecast, play};
use workbench_probes::HealthProbes;

use crate::shipped;

/// `workbench graph`.
#[derive(Debug, Args)]
pub struct GraphArgs {
    /// File of a workflow, or the name of a shipped one
    #[arg(value_name = "WORKFLOW")]
    workflow: PathBuf,
    /// What to draw it with
    #[arg(long, value_enum, default_value_t = Drawing::Mermaid)]
    format: Drawing,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Drawing {
    /// A flowchart of Mermaid
    Mermaid,
    /// A graph in the DOT language of Graphviz
    Dot,
}

/// Prints the drawing.
pub fn graph(args: &GraphArgs, probes: &HealthProbes) -> Result<ExitCode> {
    let definition = definition(&args.workflow, probes)?;
    let text = match args.format {
        Drawing::Mermaid => mermaid(&definition),
        Drawing::Dot => dot(&definition),
    };
    print!("{text}");
    Ok(ExitCode::SUCCESS)
}

/// `workbench simulate`.
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// File of a workflow, or the name of a shipped one
    #[arg(value_name = "WORKFLOW")]
    workflow: PathBuf,
    /// What happens at which step; the rest is drawn
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// Where drawn numbers come from: the same seed gives the same history
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Plays that the forecast rests on; none for 0
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(..=100_000))]
    runs: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Plays and forecasts. Exit 0 where the onboarding ended, else 1.
pub fn simulate(args: &SimulateArgs, probes: &HealthProbes) -> Result<ExitCode> {
    let definition = definition(&args.workflow, probes)?;
    let script = match &args.script {
        None => Script::default(),
        Some(path) => {
            let text = read(path)?;
            Script::load(&path.display().to_string(), &text, &definition)
                .map_err(|faults| miette!("the script has faults:\n{}", render(&faults)))?
        }
    };
    // Days are counted from the opening, so that the same seed prints the same text on every day.
    let start = DateTime::<Utc>::UNIX_EPOCH;
    let played = play(&definition, &script, args.seed, start);
    let forecast = (args.runs > 0).then(|| forecast(&definition, &script, args.seed, args.runs, start));
    if args.json {
        let answer = json!({
            "workflow": definition.name,
            "version": definition.version,
            "seed": args.seed,
            "history": played.history.iter().map(|moment| moment_json(moment, start)).collect::<Vec<_>>(),
            "live_after_days": played.live_at.map(|at| days(start, at)),
            "completed_after_days": played.completed_at.map(|at| days(start, at)),
            "stuck": played.stuck,
            "forecast": forecast,
        });
        println!("{}", serde_json::to_string_pretty(&answer).into_diagnostic()?);
    } else {
        print!("{}", told(&definition, &played, start));
        if let Some(forecast) = &forecast {
            print!("{}", told_forecast(&definition, forecast));
        }
    }
    Ok(if played.stuck.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A shipped workflow by its name, or one from a file.
fn definition(workflow: &Path, probes: &HealthProbes) -> Result<Definition> {
    if let Some(shipped) = workflow.to_str().and_then(shipped::workflow) {
        return Ok(load(shipped.0, shipped.1, &shipped::known(probes))
            .map_err(|faults| miette!("{}", render(&faults)))?
            .definition);
    }
    let text = read(workflow)?;
    let loaded = load(&workflow.display().to_string(), &text, &shipped::known(probes));
    Ok(loaded.map_err(|faults| miette!("the workflow has faults:\n{}", render(&faults)))?.definition)
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).into_diagnostic().wrap_err_with(|| format!("`{}` cannot be read", path.display()))
}

#[allow(clippy::cast_precision_loss, reason = "minutes of an onboarding fit into 53 bits")]
fn days(from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
    let days = (to - from).num_minutes() as f64 / 1440.0;
    (days * 100.0).round() / 100.0
}

/// `day 3 14:05`, counted from the opening.
fn when(start: DateTime<Utc>, at: DateTime<Utc>) -> String {
    let minutes = (at - start).num_minutes();
    format!("day {:>3} {:02}:{:02}", minutes / 1440, minutes / 60 % 24, minutes % 60)
}

fn moment_json(moment: &Moment, start: DateTime<Utc>) -> serde_json::Value {
    json!({
        "after_days": days(start, moment.at),
        "kind": moment.kind,
        "step": moment.step,
        "detail": moment.detail.as_deref().map(|detail| detail_of(detail, start)),
    })
}

/// A time is told as its day.
fn detail_of(detail: &str, start: DateTime<Utc>) -> String {
    match DateTime::parse_from_rfc3339(detail) {
        Ok(at) => when(start, at.to_utc()).split_whitespace().collect::<Vec<_>>().join(" "),
        Err(_) => detail.to_owned(),
    }
}

fn told(definition: &Definition, played: &Played, start: DateTime<Utc>) -> String {
    let mut text = format!("{} version {}\n\n", definition.name, definition.version);
    let widest = definition.steps.iter().map(|step| step.id.len()).max().unwrap_or(0);
    for moment in &played.history {
        let (step, kind) = (moment.step.as_deref().unwrap_or_default(), moment.kind.replace('_', " "));
        let detail = moment.detail.as_deref().map(|detail| detail_of(detail, start)).unwrap_or_default();
        let line = format!("{}  {step:<widest$}  {kind:<18}  {detail}", when(start, moment.at));
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.push('\n');
    if let Some(why) = &played.stuck {
        let _ = writeln!(text, "It did not end: {why}");
    } else if let Some(at) = played.completed_at {
        let _ = writeln!(text, "Complete after {} days.", days(start, at));
    }
    text
}

fn told_forecast(definition: &Definition, forecast: &Forecast) -> String {
    let shown = |days: Option<f64>| days.map_or_else(|| "–".to_owned(), |days| format!("{days:.1}"));
    let mut text = format!(
        "\nForecast from {} plays: half are complete within {} days, 85 of 100 within {}; the target is {}.\n",
        forecast.runs,
        shown(forecast.half_days),
        shown(forecast.most_days),
        definition.target_days
    );
    if forecast.stuck > 0 {
        let _ = writeln!(text, "{} of them did not end.", forecast.stuck);
    }
    text.push_str("Median days per step, from start to completion:\n");
    let widest = definition.steps.iter().map(|step| step.id.len()).max().unwrap_or(0);
    for step in &forecast.steps {
        let _ = writeln!(text, "  {:<widest$}  {:>6}", step.step, shown(step.median_days));
    }
    text
}
