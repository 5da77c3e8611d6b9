//! Kaplan–Meier curves: onboardings that are still open count for as long as they have been seen.

use serde::Serialize;

use super::normal::{Z_95, two_sided};
use super::order_statistics::ratio;

/// How the watch over an onboarding ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It reached what is watched for.
    Reached,
    /// It had not reached it when it was last seen.
    Open,
    /// It was given up, and will never reach it.
    Cancelled,
}

/// One onboarding under watch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Watched {
    /// Days from its opening to the end of the watch.
    pub days: f64,
    /// What the end was.
    pub end: End,
}

/// The curve's next step down.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// Days after opening.
    pub days: f64,
    /// Onboardings that were watched until then.
    pub at_risk: usize,
    /// Those of them that reached it then.
    pub reached: usize,
    /// The share that has not reached it after that.
    pub open_share: f64,
    /// Greenwood's standard error of that share.
    pub standard_error: f64,
    /// 95 % interval of the share on the log-log scale, within 0 and 1; none where the share is 0.
    pub interval: Option<(f64, f64)>,
}

/// How many reach something by when.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Curve {
    /// Onboardings under watch.
    pub n: usize,
    /// Steps down, in order of days.
    pub points: Vec<Point>,
}

impl Curve {
    /// The Kaplan–Meier estimate. Cancelled onboardings are taken out as if they could still come: where there are
    /// any, [`super::incidence::cumulative_incidence`] is the honest answer.
    #[must_use]
    pub fn of(watched: &[Watched]) -> Self {
        let mut sorted = watched.to_vec();
        sorted.sort_by(|a, b| a.days.total_cmp(&b.days));
        let (mut share, mut greenwood) = (1.0, 0.0);
        let mut points = Vec::new();
        let mut from = 0;
        while let Some(first) = sorted.get(from) {
            let at_risk = sorted.len() - from;
            let tied = sorted[from..].iter().take_while(|other| other.days <= first.days);
            let (together, reached) =
                tied.fold((0, 0), |(all, reached), one| (all + 1, reached + usize::from(one.end == End::Reached)));
            if reached > 0 {
                share *= 1.0 - ratio(reached, at_risk);
                greenwood += ratio(reached, at_risk) / ratio(at_risk - reached, 1);
                let known = share > 0.0;
                points.push(Point {
                    days: first.days,
                    at_risk,
                    reached,
                    open_share: share,
                    standard_error: if known { share * greenwood.sqrt() } else { 0.0 },
                    interval: known.then(|| log_log_interval(share, greenwood)),
                });
            }
            from += together;
        }
        Self { n: watched.len(), points }
    }

    /// The day by which half have reached it; none while more than half are open.
    #[must_use]
    pub fn median(&self) -> Option<f64> {
        self.first_below(|point| is_half(point.open_share))
    }

    /// The days at which half may have reached it, at 95 % (Brookmeyer and Crowley 1982): lower and upper end, the upper
    /// absent where the onboardings have not been watched for long enough. None below n = 6.
    #[must_use]
    pub fn median_interval(&self) -> Option<(f64, Option<f64>)> {
        if self.n < 6 {
            return None;
        }
        let low = self.first_below(|point| point.interval.is_none_or(|(low, _)| is_half(low)))?;
        Some((low, self.first_below(|point| point.interval.is_none_or(|(_, high)| is_half(high)))))
    }

    /// The share that has reached it by a day.
    #[must_use]
    pub fn reached_by(&self, day: f64) -> f64 {
        let last = self.points.iter().take_while(|point| point.days <= day).last();
        last.map_or(0.0, |point| 1.0 - point.open_share)
    }

    fn first_below(&self, below: impl Fn(&Point) -> bool) -> Option<f64> {
        self.points.iter().find(|point| below(point)).map(|point| point.days)
    }
}

/// Whether a share is a half or less. Products of fractions that come to a half exactly miss it by a rounding.
fn is_half(share: f64) -> bool {
    share <= 0.5 + 1e-9
}

/// Kalbfleisch and Prentice's interval, which stays between 0 and 1.
fn log_log_interval(share: f64, greenwood: f64) -> (f64, f64) {
    let width = Z_95 * greenwood.sqrt() / share.ln().abs();
    (share.powf(width.exp()), share.powf((-width).exp()))
}

/// The log-rank test of two groups under watch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LogRank {
    /// χ² with one degree of freedom.
    pub chi_square: f64,
    /// Probability of a difference at least so large by luck.
    pub p: f64,
    /// Whether it is the second group that reaches it sooner.
    pub sooner: bool,
}

/// Compares how fast two groups reach something, with those that have not yet. None where nobody has in either group, or
/// where nothing can be compared.
#[must_use]
pub fn log_rank(before: &[Watched], after: &[Watched]) -> Option<LogRank> {
    let mut all: Vec<(Watched, bool)> = before.iter().map(|one| (*one, false)).collect();
    all.extend(after.iter().map(|one| (*one, true)));
    all.sort_by(|(a, _), (b, _)| a.days.total_cmp(&b.days));
    let mut after_at_risk = after.len();
    let (mut surplus, mut variance) = (0.0, 0.0);
    let mut from = 0;
    while let Some((first, _)) = all.get(from) {
        let at_risk = all.len() - from;
        let tied: Vec<_> = all[from..].iter().take_while(|(other, _)| other.days <= first.days).collect();
        let reached = tied.iter().filter(|(one, _)| one.end == End::Reached).count();
        let of_after = tied.iter().filter(|(one, after)| *after && one.end == End::Reached).count();
        let share = ratio(after_at_risk, at_risk);
        surplus += ratio(of_after, 1) - ratio(reached, 1) * share;
        if at_risk > 1 {
            let spread = ratio(reached, 1) * ratio(at_risk - reached, at_risk - 1);
            variance += share * (1.0 - share) * spread;
        }
        after_at_risk -= tied.iter().filter(|(_, after)| *after).count();
        from += tied.len();
    }
    (variance > 0.0).then(|| {
        let chi_square = surplus * surplus / variance;
        LogRank { chi_square, p: two_sided(chi_square.sqrt()), sooner: surplus > 0.0 }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn watched(reached: &[i32], open: &[i32]) -> Vec<Watched> {
        let of = |end| move |days: &i32| Watched { days: f64::from(*days), end };
        reached.iter().map(of(End::Reached)).chain(open.iter().map(of(End::Open))).collect()
    }

    /// Weeks of remission with 6-mercaptopurine and with a placebo (Freireich et al. 1963), the example of most textbooks,
    /// for instance Kleinbaum and Klein, Survival Analysis, chapters 1 and 2.
    fn leukaemia() -> (Vec<Watched>, Vec<Watched>) {
        let treated = watched(&[6, 6, 6, 7, 10, 13, 16, 22, 23], &[6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]);
        let placebo = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23];
        (treated, watched(&placebo, &[]))
    }

    #[test]
    fn kaplan_meier_and_greenwood_of_the_textbook() {
        let curve = Curve::of(&leukaemia().0);
        let expected = [
            (6.0, 21, 3, 0.8571, 0.0764),
            (7.0, 17, 1, 0.8067, 0.0869),
            (10.0, 15, 1, 0.7529, 0.0963),
            (13.0, 12, 1, 0.6902, 0.1068),
            (16.0, 11, 1, 0.6275, 0.1141),
            (22.0, 7, 1, 0.5378, 0.1282),
            (23.0, 6, 1, 0.4482, 0.1346),
        ];
        assert_eq!(curve.points.len(), expected.len());
        for (point, (days, at_risk, reached, share, error)) in curve.points.iter().zip(expected) {
            assert_eq!((point.days, point.at_risk, point.reached), (days, at_risk, reached));
            assert!((point.open_share - share).abs() < 5e-5, "{point:?}");
            assert!((point.standard_error - error).abs() < 5e-5, "{point:?}");
        }
        assert_eq!(curve.median(), Some(23.0));
        // As Stata's `sts list` and SAS's `proc lifetest` print it for week 6.
        let (low, high) = curve.points[0].interval.expect("the share is not 0");
        assert!((low - 0.6197).abs() < 5e-5 && (high - 0.9516).abs() < 5e-5, "{low} {high}");
        assert_eq!(curve.median_interval(), Some((13.0, None)));
        assert!((curve.reached_by(9.0) - 0.1933).abs() < 5e-5);
    }

    #[test]
    fn log_rank_of_the_textbook() {
        let (treated, placebo) = leukaemia();
        let found = log_rank(&placebo, &treated).expect("there are events");
        assert!((found.chi_square - 16.79).abs() < 5e-3, "{found:?}");
        assert!(found.p < 0.0001);
        assert!(!found.sooner, "the treated stay longer in remission");
    }

    #[test]
    fn nothing_to_compare_is_no_number() {
        assert_eq!(log_rank(&[], &[]), None);
        assert_eq!(log_rank(&watched(&[], &[3, 4]), &watched(&[], &[5])), None);
        assert_eq!(log_rank(&watched(&[1], &[]), &[]), None);
        let nobody = Curve::of(&[]);
        assert_eq!((nobody.median(), nobody.median_interval(), nobody.reached_by(9.0)), (None, None, 0.0));
    }

    proptest! {
        #[test]
        fn with_nobody_open_the_curve_is_the_plain_share(all in prop::collection::vec(0..60, 1..80), day in 0..60) {
            let curve = Curve::of(&watched(&all, &[]));
            let plain = ratio(all.iter().filter(|days| **days <= day).count(), all.len());
            prop_assert!((curve.reached_by(f64::from(day)) - plain).abs() < 1e-9);
        }

        #[test]
        fn every_number_is_one(
            reached in prop::collection::vec(0..40, 0..40), open in prop::collection::vec(0..40, 0..40),
        ) {
            for point in Curve::of(&watched(&reached, &open)).points {
                prop_assert!((0.0..=1.0).contains(&point.open_share) && point.standard_error.is_finite());
                if let Some((low, high)) = point.interval {
                    prop_assert!(0.0 <= low && low <= point.open_share && point.open_share <= high && high <= 1.0);
                }
            }
            if let Some(found) = log_rank(&watched(&reached, &[]), &watched(&open, &[])) {
                prop_assert!((0.0..=1.0).contains(&found.p));
            }
        }
    }
}
