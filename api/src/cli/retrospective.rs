//! `workbench retrospective`.

use clap::Args;
use miette::Result;
use reqwest::Method;
use serde_json::Value;

use super::client::ClientArgs;
use super::onboarding::{list, show, text};

/// From the least to the most.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// `workbench retrospective`.
#[derive(Debug, Args)]
pub struct RetrospectiveArgs {
    #[command(flatten)]
    client: ClientArgs,
    /// quarter, month, country, workflow, kind, or several with commas
    #[arg(long, default_value = "quarter")]
    group_by: String,
    /// Date that puts an onboarding into a cohort: completed, or opened, which counts those in flight, too
    #[arg(long, default_value = "completed")]
    cohort: String,
    /// Only from this day on, for example 2026-01-01
    #[arg(long, value_name = "DAY")]
    from: Option<String>,
    /// Only up to this day, itself included
    #[arg(long, value_name = "DAY")]
    to: Option<String>,
    /// Only this country, as ISO 3166-1 alpha-2
    #[arg(long)]
    country: Option<String>,
    /// Only this workflow
    #[arg(long)]
    workflow: Option<String>,
    /// Only this kind of tenant
    #[arg(long)]
    kind: Option<String>,
    /// IANA zone in which quarters and months begin; UTC where absent
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// Print CSV instead of text: one line per cohort and duration
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

/// Prints cohorts, what changed, and which step slips.
pub async fn retrospective(args: &RetrospectiveArgs) -> Result<()> {
    let client = args.client.client()?;
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("group_by", &args.group_by).append_pair("cohort", &args.cohort);
    let given = [
        ("from", &args.from),
        ("to", &args.to),
        ("country", &args.country),
        ("workflow", &args.workflow),
        ("kind", &args.kind),
        ("time_zone", &args.time_zone),
    ];
    query.extend_pairs(given.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))));
    if args.csv {
        query.append_pair("format", "csv");
    }
    let request = client.request(Method::GET, &format!("/sys/onboarding/retrospective?{}", query.finish()));
    if args.csv {
        print!("{}", client.text(request).await?);
    } else {
        show(&args.client, &client.send(request).await?, print);
    }
    Ok(())
}

fn print(found: &Value) {
    println!("{:<14} {:>4}  {:>14}  {:>14}  longest step", "cohort", "n", "days to live", "days in all");
    let cohorts = list(found, "cohorts");
    for cohort in cohorts {
        println!(
            "{:<14} {:>4}  {:>14}  {:>14}  {}",
            text(cohort, "cohort"),
            cohort["completed"],
            days(&cohort["time_to_go_live"]),
            days(&cohort["total_days"]),
            text(cohort, "longest_step"),
        );
    }
    println!("{} in flight", found["in_flight"]);
    let medians: Vec<Option<f64>> = cohorts.iter().map(|cohort| cohort["total_days"]["median"].as_f64()).collect();
    if medians.len() > 1 {
        println!("days in all    {}", sparkline(&medians));
    }
    for comparison in list(found, "comparisons") {
        let words = text(&comparison["verdict"], "words");
        println!("{} to {}: {words}", text(comparison, "before"), text(comparison, "after"));
    }
    if let Some(latest) = cohorts.last().filter(|_| !list(found, "comparisons").is_empty()) {
        print_slips(latest);
    }
    for caution in list(found, "cautions") {
        println!("note: {}", caution.as_str().unwrap_or_default());
    }
}

fn print_slips(cohort: &Value) {
    let slips = &cohort["slips"];
    println!("slips in {}:", text(cohort, "cohort"));
    let longest = &slips["longest_median"];
    if longest.is_object() {
        println!(
            "  longest median       {} ({:.1} days)",
            text(longest, "step"),
            longest["median"].as_f64().unwrap_or(0.0)
        );
    }
    let often = &slips["most_often_longest"];
    if often.is_object() {
        let steps: Vec<&str> = list(often, "steps").iter().filter_map(Value::as_str).collect();
        println!("  most often longest   {} ({} of {})", steps.join(", "), often["onboardings"], often["of"]);
    }
    let grew = &slips["grew_most"];
    if grew.is_object() {
        println!("  grew most            {} ({})", text(grew, "step"), text(&grew["verdict"], "words"));
    }
}

fn days(durations: &Value) -> String {
    durations["median"].as_f64().map_or("–".to_owned(), |days| format!("{days:.1}"))
}

/// One bar per value, from 0 to the greatest; a space where there is none.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the number of bars")]
fn sparkline(values: &[Option<f64>]) -> String {
    let most = values.iter().flatten().copied().fold(0.0, f64::max);
    let bar = |value: f64| {
        let height = if most > 0.0 { (value / most * 7.0).round() as usize } else { 0 };
        BARS.get(height).copied().unwrap_or('█')
    };
    values.iter().map(|value| value.map_or(' ', bar)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_grow_with_their_values() {
        assert_eq!(sparkline(&[Some(38.0), None, Some(27.0), Some(0.0)]), "█ ▆▁");
        assert_eq!(sparkline(&[Some(0.0)]), "▁");
    }
}
