//! How long onboardings take: pure counting over what the log says.
//!
//! Durations are reported as order statistics with their `n`. The 95 % interval of a median is the exact one by
//! order statistics, which does not exist below n = 6; it is absent then rather than guessed.

use chrono::{DateTime, Datelike, Utc};
use serde::Serialize;

/// One onboarding, as far as the retrospective looks at it.
#[derive(Debug, Clone, PartialEq)]
pub struct Onboarding {
    /// The tenant's slug.
    pub tenant_id: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// Name of the workflow.
    pub workflow: String,
    /// `federation`, `club`, …
    pub kind: String,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// When the live step was done.
    pub live_at: Option<DateTime<Utc>>,
    /// When every step was closed.
    pub completed_at: Option<DateTime<Utc>>,
    /// Started and completed per step id, for steps that are closed.
    pub steps: Vec<StepSpan>,
}

/// From start to completion of one step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepSpan {
    /// Step id.
    pub step: String,
    /// When it left `pending`.
    pub started_at: DateTime<Utc>,
    /// When it was closed.
    pub completed_at: DateTime<Utc>,
}

/// What cohorts are formed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupBy {
    /// Quarter of completion, UTC.
    Quarter,
    /// Month of completion, UTC.
    Month,
    /// The tenant's country.
    Country,
    /// The workflow.
    Workflow,
    /// The tenant's kind.
    Kind,
}

impl std::str::FromStr for GroupBy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "quarter" => Ok(Self::Quarter),
            "month" => Ok(Self::Month),
            "country" => Ok(Self::Country),
            "workflow" => Ok(Self::Workflow),
            "kind" => Ok(Self::Kind),
            other => Err(format!(
                "`{other}` is nothing to group by; use `quarter`, `month`, `country`, `workflow` or `kind`"
            )),
        }
    }
}

/// Order statistics of durations in days.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Durations {
    /// How many durations.
    pub n: usize,
    /// The middle one, or the mean of the two in the middle.
    pub median: Option<f64>,
    /// First quartile, from n = 4.
    pub p25: Option<f64>,
    /// Third quartile, from n = 4.
    pub p75: Option<f64>,
    /// Exact 95 % interval of the median; none below n = 6.
    pub median_interval: Option<(f64, f64)>,
}

/// Onboardings that belong together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cohort {
    /// `2026-Q4`, `SE`, or several of these joined by ` / `.
    pub cohort: String,
    /// Completed onboardings.
    pub completed: usize,
    /// Opening to completion, in days.
    pub total_days: Durations,
    /// Opening to the live step's completion, in days.
    pub time_to_go_live: Durations,
    /// Started to completed per step, in reading order of first appearance.
    pub steps: Vec<StepDurations>,
    /// The step with the longest median, where steps were measured. Step medians do not add up to the total.
    pub longest_step: Option<String>,
    /// Whose onboardings these are.
    pub tenants: Vec<String>,
}

/// One step over a cohort.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepDurations {
    /// Step id.
    pub step: String,
    /// Elapsed days.
    pub days: Durations,
}

/// The retrospective over completed onboardings.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Retrospective {
    /// Cohorts in order of their name.
    pub cohorts: Vec<Cohort>,
    /// Onboardings that are still open and therefore in no cohort.
    pub in_flight: usize,
}

/// Counts completed onboardings into cohorts.
#[must_use]
pub fn retrospective(onboardings: &[Onboarding], group_by: &[GroupBy]) -> Retrospective {
    let mut groups: std::collections::BTreeMap<String, Vec<&Onboarding>> = std::collections::BTreeMap::new();
    let mut in_flight = 0;
    for onboarding in onboardings {
        match onboarding.completed_at {
            Some(completed_at) => groups.entry(label(onboarding, completed_at, group_by)).or_default().push(onboarding),
            None => in_flight += 1,
        }
    }
    let cohorts = groups.into_iter().map(|(label, members)| cohort(label, &members)).collect();
    Retrospective { cohorts, in_flight }
}

fn label(onboarding: &Onboarding, completed_at: DateTime<Utc>, group_by: &[GroupBy]) -> String {
    let parts: Vec<String> = group_by
        .iter()
        .map(|by| match by {
            GroupBy::Quarter => format!("{}-Q{}", completed_at.year(), completed_at.month0() / 3 + 1),
            GroupBy::Month => format!("{}-{:02}", completed_at.year(), completed_at.month()),
            GroupBy::Country => onboarding.country.clone(),
            GroupBy::Workflow => onboarding.workflow.clone(),
            GroupBy::Kind => onboarding.kind.clone(),
        })
        .collect();
    parts.join(" / ")
}

fn cohort(label: String, members: &[&Onboarding]) -> Cohort {
    let mut steps: Vec<(String, Vec<f64>)> = Vec::new();
    for span in members.iter().flat_map(|member| &member.steps) {
        let elapsed = days(span.started_at, span.completed_at);
        match steps.iter_mut().find(|(step, _)| *step == span.step) {
            Some((_, all)) => all.push(elapsed),
            None => steps.push((span.step.clone(), vec![elapsed])),
        }
    }
    let steps: Vec<StepDurations> =
        steps.into_iter().map(|(step, all)| StepDurations { step, days: durations(all) }).collect();
    let longest_step = steps
        .iter()
        .filter_map(|step| step.days.median.map(|median| (median, &step.step)))
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, step)| step.clone());
    let until = |end: fn(&Onboarding) -> Option<DateTime<Utc>>| {
        durations(members.iter().filter_map(|member| end(member).map(|end| days(member.opened_at, end))).collect())
    };
    Cohort {
        cohort: label,
        completed: members.len(),
        total_days: until(|member| member.completed_at),
        time_to_go_live: until(|member| member.live_at),
        steps,
        longest_step,
        tenants: members.iter().map(|member| member.tenant_id.clone()).collect(),
    }
}

#[allow(clippy::cast_precision_loss, reason = "milliseconds of an onboarding fit into 53 bits")]
fn days(from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
    let days = (to - from).num_milliseconds() as f64 / 86_400_000.0;
    (days * 1000.0).round() / 1000.0
}

fn durations(mut all: Vec<f64>) -> Durations {
    all.sort_by(f64::total_cmp);
    let n = all.len();
    let quartiles = n >= 4;
    Durations {
        n,
        median: quantile(&all, 0.5),
        p25: quantile(&all, 0.25).filter(|_| quartiles),
        p75: quantile(&all, 0.75).filter(|_| quartiles),
        median_interval: median_interval(&all),
    }
}

/// Linear interpolation between order statistics (Hyndman and Fan 1996, definition 7).
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the position lies between 0 and the number of durations"
)]
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let position = last as f64 * share;
    let below = *sorted.get(position.floor() as usize)?;
    let above = *sorted.get(position.ceil() as usize)?;
    Some(below + (above - below) * position.fract())
}

/// The narrowest symmetric pair of order statistics that covers the median with at least 95 %: the number of
/// durations below the true median is binomial with p = 1/2.
fn median_interval(sorted: &[f64]) -> Option<(f64, f64)> {
    let n = sorted.len();
    // 2⁻ⁿ leaves the range of a double beyond 1,000; the normal approximation is within one rank there.
    if n > 1000 {
        return normal_interval(sorted);
    }
    let mut probability = 0.5f64.powi(i32::try_from(n).ok()?);
    let mut below = 0.0;
    let mut best = None;
    for rank in 0..n / 2 {
        below += probability;
        if 2.0 * below > 0.05 {
            break;
        }
        best = sorted.get(rank).copied().zip(sorted.get(n - 1 - rank).copied());
        probability *= ratio(n - rank, rank + 1);
    }
    best
}

#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the rank lies between 0 and half the number of durations"
)]
fn normal_interval(sorted: &[f64]) -> Option<(f64, f64)> {
    let n = sorted.len();
    let rank = (n as f64 / 2.0 - 0.98 * (n as f64).sqrt()).floor() as usize;
    sorted.get(rank.saturating_sub(1)).copied().zip(sorted.get(n - rank).copied())
}

#[allow(clippy::cast_precision_loss, reason = "counts of onboardings fit into 53 bits")]
fn ratio(numerator: usize, denominator: usize) -> f64 {
    numerator as f64 / denominator as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_767_225_600 + day * 86_400, 0).expect("a time within range")
    }

    fn onboarding(tenant: &str, opened: i64, completed: Option<i64>) -> Onboarding {
        Onboarding {
            tenant_id: tenant.to_owned(),
            country: "SE".to_owned(),
            workflow: "tenant-onboarding".to_owned(),
            kind: "federation".to_owned(),
            opened_at: at(opened),
            live_at: completed.map(at),
            completed_at: completed.map(at),
            steps: vec![StepSpan {
                step: "import_data".to_owned(),
                started_at: at(opened),
                completed_at: at(opened + 3),
            }],
        }
    }

    #[test]
    fn quarters_are_of_completion() {
        let found = retrospective(
            &[onboarding("a", 0, Some(38)), onboarding("b", 70, Some(97)), onboarding("c", 80, None)],
            &[GroupBy::Quarter],
        );
        let labels: Vec<_> = found.cohorts.iter().map(|cohort| cohort.cohort.as_str()).collect();
        assert_eq!(labels, ["2026-Q1", "2026-Q2"]);
        assert_eq!(found.in_flight, 1);
        let first = &found.cohorts[0];
        assert_eq!(first.total_days.median, Some(38.0));
        assert_eq!(first.longest_step.as_deref(), Some("import_data"));
    }

    #[test]
    fn no_interval_below_six() {
        let durations_of = |n: i32| durations((1..=n).map(f64::from).collect());
        assert_eq!(durations_of(5).median_interval, None);
        // 1 − 2 · 2⁻⁶ = 96.9 %: the whole range.
        assert_eq!(durations_of(6).median_interval, Some((1.0, 6.0)));
        // Ranks 6 and 15 of 20 cover 95.9 %.
        assert_eq!(durations_of(20).median_interval, Some((6.0, 15.0)));
    }
}
