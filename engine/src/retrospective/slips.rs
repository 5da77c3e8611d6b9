//! Which step slips: three questions with three answers.
//!
//! A step can be the longest without slipping, and slip without being the longest. Step medians are never added up: the
//! median of a sum is another number.

use std::collections::BTreeMap;

use serde::Serialize;

use super::order_statistics::quantile;
use super::times::{History, StepTimes};
use super::verdict::{Outcome, Verdict, compare};

/// Elapsed days of the steps of several onboardings.
#[derive(Debug, Clone, Default)]
pub struct StepDays {
    /// Per step, in reading order of first appearance.
    steps: Vec<(String, Vec<f64>)>,
    longest: BTreeMap<String, usize>,
    onboardings: usize,
}

/// The step with the longest median.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LongestMedian {
    /// Step id; of several alike the first in reading order.
    pub step: String,
    /// Its median, in days.
    pub median: f64,
    /// Durations behind it.
    pub n: usize,
}

/// The step that was the longest of its onboarding most often.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MostOftenLongest {
    /// Step ids: several where they were so equally often.
    pub steps: Vec<String>,
    /// In how many onboardings.
    pub onboardings: usize,
    /// Of how many.
    pub of: usize,
}

/// The step whose duration grew most.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GrewMost {
    /// Step id.
    pub step: String,
    /// How it compares.
    pub verdict: Verdict,
}

/// What slips.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Slips {
    /// Which step takes longest, as a rule.
    pub longest_median: Option<LongestMedian>,
    /// Which step holds up most onboardings.
    pub most_often_longest: Option<MostOftenLongest>,
    /// Which step became longer, against the cohort before; shown ones before those that may be luck.
    pub grew_most: Option<GrewMost>,
}

impl StepDays {
    /// Takes the steps of one more onboarding.
    pub fn take(&mut self, history: &History) {
        let done: Vec<(&str, f64)> =
            history.steps.iter().filter_map(|step| Some((step.step.as_str(), StepTimes::elapsed(step)?))).collect();
        for (step, days) in &done {
            match self.steps.iter_mut().find(|(known, _)| known == step) {
                Some((_, all)) => all.push(*days),
                None => self.steps.push(((*step).to_owned(), vec![*days])),
            }
        }
        let most = done.iter().map(|(_, days)| *days).fold(0.0, f64::max);
        if !done.is_empty() {
            self.onboardings += 1;
        }
        for (step, _) in done.iter().filter(|(_, days)| most > 0.0 && *days >= most) {
            *self.longest.entry((*step).to_owned()).or_default() += 1;
        }
    }

    /// Durations per step, in reading order of first appearance.
    #[must_use]
    pub fn steps(&self) -> &[(String, Vec<f64>)] {
        &self.steps
    }

    /// In how many onboardings a step was the longest, alone or together with others.
    #[must_use]
    pub fn longest_in(&self, step: &str) -> usize {
        self.longest.get(step).copied().unwrap_or(0)
    }

    /// The step with the longest median.
    #[must_use]
    pub fn longest_median(&self) -> Option<LongestMedian> {
        let mut longest: Option<LongestMedian> = None;
        for (step, days) in &self.steps {
            let mut sorted = days.clone();
            sorted.sort_by(f64::total_cmp);
            let Some(median) = quantile(&sorted, 0.5) else { continue };
            if longest.as_ref().is_none_or(|longest| median > longest.median) {
                longest = Some(LongestMedian { step: step.clone(), median, n: sorted.len() });
            }
        }
        longest
    }

    fn most_often_longest(&self) -> Option<MostOftenLongest> {
        let onboardings = self.longest.values().copied().max()?;
        let most = |step: &&str| self.longest_in(step) == onboardings;
        let steps = self.steps.iter().map(|(step, _)| step.as_str()).filter(most).map(str::to_owned).collect();
        Some(MostOftenLongest { steps, onboardings, of: self.onboardings })
    }

    /// What slips here, against the cohort before where there is one.
    #[must_use]
    pub fn slips(&self, before: Option<&Self>) -> Slips {
        Slips {
            longest_median: self.longest_median(),
            most_often_longest: self.most_often_longest(),
            grew_most: before.and_then(|before| self.grew_most(before)),
        }
    }

    fn grew_most(&self, before: &Self) -> Option<GrewMost> {
        let grown = self.steps.iter().filter_map(|(step, after)| {
            let (_, before) = before.steps.iter().find(|(known, _)| known == step)?;
            let verdict = compare(before, after);
            let days = verdict.shift.as_ref()?.days;
            (days > 0.0).then(|| ((verdict.outcome == Outcome::Slower, days), GrewMost { step: step.clone(), verdict }))
        });
        let most = grown.max_by(|((shown, days), _), ((other_shown, other_days), _)| {
            shown.cmp(other_shown).then(days.total_cmp(other_days))
        });
        most.map(|(_, grew)| grew)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::finished;
    use super::*;

    fn taken(all: &[[i64; 3]]) -> StepDays {
        let mut days = StepDays::default();
        for [configure, import, train] in all {
            let steps = [("configure", *configure), ("import_data", *import), ("train_admins", *train)];
            days.take(&finished("a", 0, &steps));
        }
        days
    }

    #[test]
    fn three_questions_have_three_answers() {
        let before: Vec<[i64; 3]> = (0..10).map(|at| [8 + at % 3, 10 + at % 2, 2]).collect();
        // Half of the imports are quick now and half are slow; training became slower without being long.
        let after: Vec<[i64; 3]> = (0..10).map(|at| [9, if at % 5 < 3 { 8 } else { 30 }, 7 + at % 2]).collect();
        let slips = taken(&after).slips(Some(&taken(&before)));
        assert_eq!(slips.longest_median.map(|longest| longest.step).as_deref(), Some("configure"));
        let often = slips.most_often_longest.expect("some step was the longest");
        assert_eq!((often.steps, often.onboardings, often.of), (vec!["configure".to_owned()], 6, 10));
        let grew = slips.grew_most.expect("a step became slower");
        assert_eq!((grew.step.as_str(), grew.verdict.outcome), ("train_admins", Outcome::Slower));
    }

    #[test]
    fn ties_are_all_named() {
        let often = taken(&[[5, 5, 1], [2, 2, 2]]).slips(None).most_often_longest.expect("some step was the longest");
        assert_eq!((often.steps, often.onboardings), (vec!["configure".to_owned(), "import_data".to_owned()], 2));
    }

    #[test]
    fn nothing_slips_in_nothing() {
        let slips = StepDays::default().slips(None);
        assert_eq!(slips, Slips { longest_median: None, most_often_longest: None, grew_most: None });
        assert_eq!(taken(&[[0, 0, 0]]).slips(None).most_often_longest, None);
    }
}
