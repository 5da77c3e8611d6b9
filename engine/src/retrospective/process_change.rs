//! Before and after a dated change of how onboarding is done, over all onboardings instead of two quarters.
//!
//! An onboarding belongs to the side on which it was opened. Whoever was under way at the change counts as before, and so
//! makes the difference look smaller rather than larger.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::survival::{End, LogRank, Watched, log_rank};
use super::times::{History, Milestone, days};
use super::verdict::{Verdict, compare};

/// As much of an onboarding as the comparison needs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Course {
    opened_at: DateTime<Utc>,
    completion: Watched,
}

impl Course {
    /// Of an onboarding; one in flight is watched until `now`.
    #[must_use]
    pub fn of(history: &History, now: DateTime<Utc>) -> Self {
        let (until, end) = match (history.reached(Milestone::Completed), history.cancelled_at) {
            (Some(completed_at), _) => (completed_at, End::Reached),
            (None, Some(cancelled_at)) => (cancelled_at, End::Cancelled),
            (None, None) => (now, End::Open),
        };
        Self { opened_at: history.opened_at, completion: Watched { days: days(history.opened_at, until), end } }
    }
}

/// What a change made of the days from opening to completion.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BeforeAfter {
    /// Of those completed. Improved only where the log-rank test, which counts those in flight, agrees.
    pub verdict: Verdict,
    /// The test with those in flight; none where nothing can be compared.
    pub log_rank: Option<LogRank>,
    /// Opened before, and not completed.
    pub open_before: usize,
    /// Opened after, and not completed.
    pub open_after: usize,
}

/// Compares what was opened before `at` with what was opened at it or later.
#[must_use]
pub fn before_after(courses: &[Course], at: DateTime<Utc>) -> BeforeAfter {
    let (before, after): (Vec<Course>, Vec<Course>) = courses.iter().partition(|course| course.opened_at < at);
    let watched = |side: &[Course]| side.iter().map(|course| course.completion).collect::<Vec<_>>();
    let (before, after) = (watched(&before), watched(&after));
    let completed = |side: &[Watched]| {
        let reached = side.iter().filter(|one| one.end == End::Reached);
        reached.map(|one| one.days).collect::<Vec<_>>()
    };
    let open = |side: &[Watched]| side.iter().filter(|one| one.end == End::Open).count();
    let log_rank = log_rank(&before, &after);
    let (open_before, open_after) = (open(&before), open(&after));
    let verdict = compare(&completed(&before), &completed(&after)).held_against(open_after, log_rank.as_ref());
    BeforeAfter { verdict, log_rank, open_before, open_after }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{at, finished, history};
    use super::*;
    use crate::retrospective::verdict::Outcome;

    fn courses(all: &[History]) -> Vec<Course> {
        all.iter().map(|history| Course::of(history, at(400))).collect()
    }

    fn told(opened: i64, days: i64) -> History {
        finished(&format!("t{opened}"), opened, &[("import_data", days - 5), ("go_live", 5)])
    }

    #[test]
    fn a_change_that_helped_is_found_over_all_data() {
        let before = (0..18).map(|at| told(at * 10, 30 + at));
        let after = (0..21).map(|at| told(200 + at * 5, 17 + at));
        let all: Vec<History> = before.chain(after).collect();
        let found = before_after(&courses(&all), at(200));
        assert_eq!(found.verdict.outcome, Outcome::Improved);
        assert_eq!((found.verdict.n_before, found.verdict.n_after), (18, 21));
        assert!(found.verdict.words.starts_with("improved by 1"), "{}", found.verdict.words);
        assert!(found.log_rank.is_some_and(|test| test.p < 0.001));
    }

    #[test]
    fn quick_ones_alone_prove_nothing_while_the_others_are_open() {
        let mut all: Vec<History> = (0..20).map(|at| told(at * 10, 30 + at)).collect();
        all.extend((0..7).map(|at| told(360 + at, 20 + at)));
        all.extend((0..30).map(|_| History { opened_at: at(340), ..history(&["go_live"]) }));
        let found = before_after(&courses(&all), at(300));
        assert_eq!(found.verdict.outcome, Outcome::NoEvidence, "{found:?}");
        assert!(found.verdict.words.contains("30 still in flight"));
        assert_eq!(found.open_after, 30);
    }

    #[test]
    fn a_change_before_or_behind_everything_has_one_empty_side() {
        let all: Vec<History> = (0..9).map(|at| told(at, 30)).collect();
        for moment in [-5, 300] {
            let found = before_after(&courses(&all), at(moment));
            assert_eq!((found.verdict.outcome, found.log_rank), (Outcome::TooFew, None));
        }
    }
}
