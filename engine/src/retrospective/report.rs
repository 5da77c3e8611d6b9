//! The retrospective: cohorts, their comparison, and what slips.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::cohorts::{CohortDate, Question};
use super::incidence::{cumulative_incidence, reached_by};
use super::order_statistics::Durations;
use super::slips::{Slips, StepDays};
use super::survival::{Curve, End, LogRank, Watched, log_rank};
use super::times::{Closing, History, Milestone, days};
use super::verdict::{Verdict, compare};

/// Reasons that are told apart per cohort and step; people write them freely, and memory has an end.
const REASONS: usize = 200;
/// Reasons that an answer names.
const REASONS_SHOWN: usize = 10;
/// What further reasons are counted as.
const OTHER_REASONS: &str = "(other reasons)";
/// Days for which the share that is live is told.
const LIVE_BY: [u32; 4] = [30, 60, 90, 180];

/// Onboardings that belong together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cohort {
    /// `2026-Q4`, `SE`, or several of these joined by ` / `.
    pub cohort: String,
    /// Completed onboardings.
    pub completed: usize,
    /// Those still open; always 0 in cohorts by completion.
    pub in_flight: usize,
    /// Those that were given up.
    pub cancelled: usize,
    /// Opening to completion, in days, of those completed.
    pub total_days: Durations,
    /// Opening to the live step's completion, in days, of those live.
    pub time_to_go_live: Durations,
    /// Opening to the tenant's first member, in days.
    pub time_to_first_member: Durations,
    /// Opening to the tenant's first transaction, in days.
    pub time_to_first_transaction: Durations,
    /// How many are live by when, those in flight included; only in cohorts by opening.
    pub go_live: Option<GoLive>,
    /// Per step, in reading order of first appearance.
    pub steps: Vec<StepFigures>,
    /// The step with the longest median, where steps were measured.
    pub longest_step: Option<String>,
    /// What slips, against the cohort before.
    pub slips: Slips,
    /// Whose onboardings these are.
    pub tenants: Vec<String>,
}

/// How many of a cohort are live by when, with those that are not yet.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GoLive {
    /// Onboardings of the cohort.
    pub n: usize,
    /// Those that are not live yet.
    pub open: usize,
    /// Median days to go-live by Kaplan–Meier; none while more than half are open.
    pub median: Option<f64>,
    /// Its 95 % interval; the upper end is absent where it is not known yet.
    pub median_interval: Option<(f64, Option<f64>)>,
    /// Share that is live by a day: a cumulative incidence, in which who was given up is never live.
    pub live_by: Vec<(u32, f64)>,
}

/// One step over a cohort.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepFigures {
    /// Step id.
    pub step: String,
    /// First start to completion, in days.
    pub days: Durations,
    /// Days in which it was open and not blocked.
    pub active_days: Durations,
    /// Days for which it was blocked, of all onboardings together.
    pub blocked_days: f64,
    /// The same per reason, longest first, the ten longest.
    pub blocked_by_reason: Vec<(String, f64)>,
    /// How often it was taken up again.
    pub reopened: usize,
    /// Onboardings that left it out.
    pub skipped: usize,
    /// Onboardings whose longest step it was, alone or together with others.
    pub longest_in: usize,
    /// Its part of all days that steps took, between 0 and 1.
    pub share: Option<f64>,
}

/// Two cohorts of which one follows the other.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// Label of the earlier.
    pub before: String,
    /// Label of the later.
    pub after: String,
    /// Opening to completion, before and after.
    pub verdict: Verdict,
    /// The log-rank test of go-live, with those in flight; only for cohorts by opening.
    pub log_rank: Option<LogRank>,
}

/// The retrospective.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Retrospective {
    /// In order of their label.
    pub cohorts: Vec<Cohort>,
    /// Each cohort with the one before it of the same country, workflow and kind; none where no part of a label is a time.
    pub comparisons: Vec<Comparison>,
    /// Onboardings still open, whatever their dates.
    pub in_flight: usize,
    /// Onboardings given up, whatever their dates.
    pub cancelled: usize,
    /// What must be known before the numbers are believed.
    pub cautions: Vec<String>,
}

/// Takes histories one after the other and keeps only numbers and names.
#[derive(Debug, Clone)]
pub struct Counting {
    question: Question,
    now: DateTime<Utc>,
    groups: BTreeMap<String, Group>,
    in_flight: usize,
    cancelled: usize,
}

#[derive(Debug, Clone, Default)]
struct Group {
    completed: usize,
    in_flight: usize,
    cancelled: usize,
    total: Vec<f64>,
    live: Vec<f64>,
    first_member: Vec<f64>,
    first_transaction: Vec<f64>,
    watched: Vec<Watched>,
    step_days: StepDays,
    steps: BTreeMap<String, StepCount>,
    tenants: Vec<String>,
}

#[derive(Debug, Clone, Default)]
struct StepCount {
    active: Vec<f64>,
    blocked: BTreeMap<String, f64>,
    reopened: usize,
    skipped: usize,
}

impl Counting {
    /// Begins with nothing. Watches of onboardings in flight end at `now`.
    #[must_use]
    pub fn new(question: Question, now: DateTime<Utc>) -> Self {
        Self { question, now, groups: BTreeMap::new(), in_flight: 0, cancelled: 0 }
    }

    /// Counts one more onboarding.
    pub fn take(&mut self, history: &History) {
        if !self.question.is_about(history) {
            return;
        }
        self.in_flight += usize::from(history.is_in_flight());
        self.cancelled += usize::from(history.cancelled_at.is_some());
        if let Some(label) = self.question.cohort_of(history) {
            self.groups.entry(label).or_default().take(history, self.now);
        }
    }

    /// The answer.
    #[must_use]
    pub fn finish(self) -> Retrospective {
        let opened = self.question.date == CohortDate::Opened;
        let of_time = self.question.group_by.iter().position(|by| by.is_of_time());
        let mut comparisons = Vec::new();
        let mut cohorts = Vec::new();
        // Labels that differ in their time only come in the order of that time.
        let mut latest: HashMap<String, (&String, &Group)> = HashMap::new();
        for (label, group) in &self.groups {
            let before = of_time.and_then(|part| latest.insert(without(label, part), (label, group)));
            if let Some((earlier, before)) = before {
                let log_rank = opened.then(|| log_rank(&before.watched, &group.watched)).flatten();
                let in_flight = if opened { group.in_flight } else { 0 };
                comparisons.push(Comparison {
                    before: earlier.clone(),
                    after: label.clone(),
                    verdict: compare(&before.total, &group.total).held_against(in_flight, log_rank.as_ref()),
                    log_rank,
                });
            }
            cohorts.push(group.cohort(label, before.map(|(_, before)| before), opened));
        }
        Retrospective {
            cautions: self.cautions(),
            cohorts,
            comparisons,
            in_flight: self.in_flight,
            cancelled: self.cancelled,
        }
    }

    fn cautions(&self) -> Vec<String> {
        let mut all = Vec::new();
        let completed = self.question.date == CohortDate::Completed;
        if self.groups.is_empty() {
            all.push("No onboarding is in any cohort of this view.".to_owned());
        }
        if completed && self.in_flight > 0 {
            all.push(format!(
                "{} in flight {} not counted: the quick ones are completed first. Cohorts by opening count them.",
                self.in_flight,
                if self.in_flight == 1 { "is" } else { "are" },
            ));
        }
        if self.groups.values().any(|group| (1..6).contains(&group.completed)) {
            all.push("Cohorts below six have no 95 % interval of their median: they differ by luck.".to_owned());
        }
        if !completed && self.groups.values().any(|group| group.in_flight > 0) {
            all.push("Durations of a cohort with onboardings in flight are those of its quick ones; its Kaplan–Meier median counts all.".to_owned());
        }
        all
    }
}

impl Group {
    fn take(&mut self, history: &History, now: DateTime<Utc>) {
        self.completed += usize::from(history.completed_at.is_some());
        self.in_flight += usize::from(history.is_in_flight());
        self.cancelled += usize::from(history.cancelled_at.is_some());
        self.total.extend(history.days_to(Milestone::Completed));
        self.live.extend(history.days_to(Milestone::Live));
        self.first_member.extend(history.days_to(Milestone::FirstMember));
        self.first_transaction.extend(history.days_to(Milestone::FirstTransaction));
        self.watched.push(watched(history, now));
        self.step_days.take(history);
        for step in &history.steps {
            let count = self.steps.entry(step.step.clone()).or_default();
            count.active.extend(step.active());
            count.reopened += step.reopened;
            count.skipped += usize::from(step.closed.is_some_and(|(closing, _)| closing == Closing::Skipped));
            for (reason, days) in step.blocked_by_reason(now) {
                let known = count.blocked.contains_key(reason) || count.blocked.len() < REASONS;
                *count.blocked.entry(if known { reason } else { OTHER_REASONS }.to_owned()).or_insert(0.0) += days;
            }
        }
        self.tenants.push(history.tenant_id.clone());
    }

    fn cohort(&self, label: &str, before: Option<&Self>, opened: bool) -> Cohort {
        let slips = self.step_days.slips(before.map(|before| &before.step_days));
        Cohort {
            cohort: label.to_owned(),
            completed: self.completed,
            in_flight: self.in_flight,
            cancelled: self.cancelled,
            total_days: Durations::of(self.total.clone()),
            time_to_go_live: Durations::of(self.live.clone()),
            time_to_first_member: Durations::of(self.first_member.clone()),
            time_to_first_transaction: Durations::of(self.first_transaction.clone()),
            go_live: opened.then(|| self.go_live()),
            steps: self.steps(),
            longest_step: slips.longest_median.as_ref().map(|longest| longest.step.clone()),
            slips,
            tenants: self.tenants.clone(),
        }
    }

    fn go_live(&self) -> GoLive {
        let curve = Curve::of(&self.watched);
        let shares = cumulative_incidence(&self.watched);
        GoLive {
            n: curve.n,
            open: self.watched.iter().filter(|one| one.end == End::Open).count(),
            median: curve.median(),
            median_interval: curve.median_interval(),
            live_by: LIVE_BY.iter().map(|day| (*day, whole(reached_by(&shares, f64::from(*day))))).collect(),
        }
    }

    fn steps(&self) -> Vec<StepFigures> {
        let measured = self.step_days.steps();
        let all: f64 = measured.iter().flat_map(|(_, days)| days).sum();
        let empty = StepCount::default();
        let figures = |step: &str, days: &[f64]| {
            let count = self.steps.get(step).unwrap_or(&empty);
            let mut reasons: Vec<_> = count.blocked.iter().map(|(reason, days)| (reason.clone(), *days)).collect();
            reasons.sort_by(|(_, a), (_, b)| b.total_cmp(a));
            reasons.truncate(REASONS_SHOWN);
            StepFigures {
                step: step.to_owned(),
                days: Durations::of(days.to_vec()),
                active_days: Durations::of(count.active.clone()),
                blocked_days: count.blocked.values().fold(0.0, |all, days| all + days),
                blocked_by_reason: reasons,
                reopened: count.reopened,
                skipped: count.skipped,
                longest_in: self.step_days.longest_in(step),
                share: (all > 0.0).then(|| days.iter().sum::<f64>() / all),
            }
        };
        let never_done = self.steps.keys().filter(|step| measured.iter().all(|(known, _)| known != *step));
        let done = measured.iter().map(|(step, days)| figures(step, days));
        done.chain(never_done.map(|step| figures(step, &[]))).collect()
    }
}

/// A label without one of its parts.
fn without(label: &str, part: usize) -> String {
    label.split(" / ").enumerate().filter(|(at, _)| *at != part).map(|(_, part)| part).collect::<Vec<_>>().join(" / ")
}

/// The watch over an onboarding's go-live. A checklist that was completed without its live step will not go live.
fn watched(history: &History, now: DateTime<Utc>) -> Watched {
    let (until, end) = match (history.reached(Milestone::Live), history.cancelled_at, history.completed_at) {
        (Some(live_at), ..) => (live_at, End::Reached),
        (None, Some(cancelled_at), _) => (cancelled_at, End::Cancelled),
        (None, None, Some(completed_at)) => (completed_at, End::Cancelled),
        (None, None, None) => (now, End::Open),
    };
    Watched { days: days(history.opened_at, until), end }
}

/// Counts all at once.
#[must_use]
pub fn retrospective(histories: &[History], question: &Question, now: DateTime<Utc>) -> Retrospective {
    let mut counting = Counting::new(question.clone(), now);
    for history in histories {
        counting.take(history);
    }
    counting.finish()
}

/// A share without the last digits of its sum, so that all are all.
fn whole(share: f64) -> f64 {
    (share * 1e9).round() / 1e9
}

#[cfg(test)]
mod tests {
    use super::super::cohorts::GroupBy;
    use super::super::fixture::{at, finished, history};
    use super::super::verdict::Outcome;
    use super::*;

    fn story() -> Vec<History> {
        let mut all = vec![history(&["go_live"])];
        for tenant in 0..8 {
            let days = [("configure", 8), ("import_data", 20 + tenant), ("go_live", 6)];
            all.push(finished(&format!("first-{tenant}"), 10, &days));
            let days = [("configure", 8), ("import_data", 9 + tenant), ("go_live", 6)];
            all.push(finished(&format!("second-{tenant}"), 90, &days));
        }
        all
    }

    #[test]
    fn the_card_s_view() {
        let found = retrospective(&story(), &Question::default(), at(200));
        let [first, second] = found.cohorts.as_slice() else { panic!("two quarters: {found:?}") };
        assert_eq!((first.cohort.as_str(), second.cohort.as_str()), ("2026-Q1", "2026-Q2"));
        assert_eq!((first.completed, first.total_days.median), (8, Some(37.5)));
        assert_eq!(second.total_days.median, Some(26.5));
        assert_eq!(second.longest_step.as_deref(), Some("import_data"));
        assert_eq!(second.go_live, None);
        let share = second.steps.iter().find(|step| step.step == "import_data").and_then(|step| step.share);
        assert!(share.is_some_and(|share| (share - 12.5 / 26.5).abs() < 1e-9), "{share:?}");
        let [comparison] = found.comparisons.as_slice() else { panic!("one pair: {found:?}") };
        assert_eq!(comparison.verdict.outcome, Outcome::Improved);
        assert_eq!(found.in_flight, 1);
        assert!(found.cautions[0].contains("1 in flight is not counted"));
    }

    #[test]
    fn cohorts_by_opening_count_those_in_flight() {
        let question = Question { date: CohortDate::Opened, ..Question::default() };
        let found = retrospective(&story(), &question, at(60));
        let first = &found.cohorts[0];
        assert_eq!((first.completed, first.in_flight), (8, 1));
        let live = first.go_live.as_ref().expect("cohorts by opening have it");
        assert_eq!((live.n, live.open), (9, 1));
        assert_eq!(live.median, Some(38.0));
        assert!(found.comparisons[0].log_rank.is_some());
    }

    #[test]
    fn each_country_is_compared_with_itself() {
        let mut all = story();
        all.iter_mut().filter(|one| one.tenant_id.ends_with('7')).for_each(|one| one.country = "FR".to_owned());
        for group_by in [[GroupBy::Country, GroupBy::Quarter], [GroupBy::Quarter, GroupBy::Country]] {
            let question = Question { group_by: group_by.to_vec(), ..Question::default() };
            let found = retrospective(&all, &question, at(200));
            let pairs: Vec<_> =
                found.comparisons.iter().map(|pair| (&pair.verdict.n_before, &pair.verdict.n_after)).collect();
            assert_eq!(pairs.len(), 2);
            assert!(pairs.contains(&(&1, &1)) && pairs.contains(&(&7, &7)), "{pairs:?}");
        }
        let question = Question { group_by: vec![GroupBy::Country], ..Question::default() };
        assert!(retrospective(&all, &question, at(200)).comparisons.is_empty());
    }

    #[test]
    fn an_empty_view_says_so() {
        let found = retrospective(&[], &Question::default(), at(0));
        assert_eq!(found.cautions, ["No onboarding is in any cohort of this view."]);
    }
}
