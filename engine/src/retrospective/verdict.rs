//! What a comparison of durations says, in words that need no statistics.

use serde::Serialize;

use super::normal::{Z_95, Z_POWER};
use super::shift::{RankTest, Shift, rank_test, shift};
use super::survival::LogRank;

/// A difference this unlikely by luck counts as shown.
const SHOWN: f64 = 0.05;

/// More onboardings per side than anybody waits for.
const TOO_MANY: f64 = 1000.0;

/// Which way it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Faster, and not by luck: the whole interval lies below 0.
    Improved,
    /// Slower, and not by luck.
    Slower,
    /// The interval contains 0: what is seen may be luck.
    NoEvidence,
    /// Too few onboardings for any interval.
    TooFew,
}

/// A comparison of two groups of durations.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// Which way it went.
    pub outcome: Outcome,
    /// By how many days, negative where it became faster.
    pub shift: Option<Shift>,
    /// Probability of a difference at least so large by luck.
    pub p: Option<f64>,
    /// Onboardings before.
    pub n_before: usize,
    /// Onboardings after.
    pub n_after: usize,
    /// About how many per side would show a difference such as is seen, in four of five tries; none where it is shown,
    /// or where more than a thousand would be needed.
    pub needed_per_side: Option<usize>,
    /// All of this in words.
    pub words: String,
}

/// Compares durations before and after something.
#[must_use]
pub fn compare(before: &[f64], after: &[f64]) -> Verdict {
    let (n_before, n_after) = (before.len(), after.len());
    let (test, shift) = (rank_test(before, after), shift(before, after));
    let found = shift.and_then(|shift| shift.interval.map(|interval| (shift.days, interval)));
    let needed_per_side = test.and_then(|test| needed_per_side(&test));
    let empty = n_before == 0 || n_after == 0;
    let (outcome, words) = match found {
        None if empty => (Outcome::TooFew, format!("nothing to compare with, n = {n_before}/{n_after}")),
        None => (Outcome::TooFew, format!("too few to tell, n = {n_before}/{n_after}; {}", wanted(needed_per_side))),
        Some((days, (low, high))) if high < 0.0 => (
            Outcome::Improved,
            format!("improved by {} ({} to {}), n = {n_before}/{n_after}", in_days(-days), number(-high), number(-low)),
        ),
        Some((days, (low, high))) if low > 0.0 => (
            Outcome::Slower,
            format!("slower by {} ({} to {}), n = {n_before}/{n_after}", in_days(days), number(low), number(high)),
        ),
        Some(_) => {
            (Outcome::NoEvidence, format!("no evidence yet; {}, n = {n_before}/{n_after}", wanted(needed_per_side)))
        }
    };
    let shown = matches!(outcome, Outcome::Improved | Outcome::Slower);
    Verdict {
        outcome,
        shift,
        p: test.map(|test| test.p),
        n_before,
        n_after,
        needed_per_side: needed_per_side.filter(|_| !shown),
        words,
    }
}

impl Verdict {
    /// An improvement among the completed counts only where those in flight do not speak against it: the quick ones of the newer
    /// side are completed first, and `log_rank` looks at both.
    #[must_use]
    pub fn held_against(mut self, in_flight: usize, log_rank: Option<&LogRank>) -> Self {
        let agrees = log_rank.is_some_and(|test| test.sooner && test.p < SHOWN);
        if self.outcome == Outcome::Improved && in_flight > 0 && !agrees {
            self.outcome = Outcome::NoEvidence;
            let n = format!("n = {}/{}", self.n_before, self.n_after);
            self.words = format!("no evidence yet; the {in_flight} still in flight could undo it, {n}");
        }
        self
    }
}

fn wanted(needed: Option<usize>) -> String {
    match needed {
        Some(needed) => format!("about {needed} per side would be needed"),
        None => "more than 1000 per side would be needed".to_owned(),
    }
}

/// Noether's formula (1987) for two groups of one size, two-sided at 5 % with 80 % power, rounded up to tens.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 10 and a thousand")]
fn needed_per_side(test: &RankTest) -> Option<usize> {
    let distance = test.longer - 0.5;
    let needed = (Z_95 + Z_POWER).powi(2) / (6.0 * distance * distance);
    (needed <= TOO_MANY).then(|| ((needed / 10.0).ceil() * 10.0) as usize)
}

/// Whole days; tenths below two days, where they matter.
fn number(days: f64) -> String {
    if days < 1.95 && (days - days.round()).abs() >= 0.05 { format!("{days:.1}") } else { format!("{days:.0}") }
}

fn in_days(days: f64) -> String {
    let number = number(days);
    if number == "1" { "1 day".to_owned() } else { format!("{number} days") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spread(middle: f64, n: u32) -> Vec<f64> {
        (0..n).map(|at| middle + f64::from(at) - f64::from(n - 1) / 2.0).collect()
    }

    #[test]
    fn words_for_every_outcome() {
        let words = |before: &[f64], after: &[f64]| compare(before, after).words;
        assert_eq!(words(&spread(38.0, 18), &spread(27.0, 21)), "improved by 11 days (6 to 16), n = 18/21");
        assert_eq!(words(&spread(27.0, 21), &spread(38.0, 18)), "slower by 11 days (6 to 16), n = 21/18");
        assert_eq!(
            words(&[38.0, 41.0, 52.0, 29.0], &[27.0, 44.0, 31.0, 36.0]),
            "no evidence yet; about 40 per side would be needed, n = 4/4"
        );
        assert_eq!(words(&[38.0], &[27.0]), "too few to tell, n = 1/1; about 10 per side would be needed");
        assert_eq!(words(&[], &[27.0]), "nothing to compare with, n = 0/1");
        assert_eq!(words(&[5.0; 8], &[5.0; 8]), "no evidence yet; more than 1000 per side would be needed, n = 8/8");
    }

    #[test]
    fn noether_of_38_to_27_days() {
        // Lognormal with σ = 0.5: the second is longer with probability 1 − Φ(ln(38/27) / (0.5 √2)) = 0.3144.
        let test = RankTest { u: 0.0, longer: 0.3144, p: 0.0 };
        assert_eq!(needed_per_side(&test), Some(40));
    }

    proptest! {
        #[test]
        fn words_and_numbers_agree(
            before in prop::collection::vec(0.0..90.0f64, 0..60), after in prop::collection::vec(0.0..90.0f64, 0..60),
        ) {
            let verdict = compare(&before, &after);
            prop_assert!(!verdict.words.contains("NaN") && !verdict.words.contains("inf"));
            match (verdict.outcome, verdict.shift.and_then(|shift| shift.interval)) {
                (Outcome::TooFew, interval) => prop_assert!(interval.is_none()),
                (Outcome::Improved, Some((_, high))) => prop_assert!(high < 0.0),
                (Outcome::Slower, Some((low, _))) => prop_assert!(low > 0.0),
                (Outcome::NoEvidence, Some((low, high))) => prop_assert!(low <= 0.0 && high >= 0.0),
                other => prop_assert!(false, "{other:?}"),
            }
        }
    }
}
