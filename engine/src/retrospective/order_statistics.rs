//! Order statistics of durations: quantiles, and the exact interval of a median.

use serde::Serialize;

/// Fewest durations for quartiles.
const QUARTILES_FROM: usize = 4;
/// Fewest durations for the ninth decile.
const DECILE_FROM: usize = 10;

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
    /// Ninth decile, from n = 10.
    pub p90: Option<f64>,
    /// Exact 95 % interval of the median; none below n = 6.
    pub median_interval: Option<(f64, f64)>,
}

impl Durations {
    /// Of these durations, in any order.
    #[must_use]
    pub fn of(mut all: Vec<f64>) -> Self {
        all.sort_by(f64::total_cmp);
        let n = all.len();
        Self {
            n,
            median: quantile(&all, 0.5),
            p25: quantile(&all, 0.25).filter(|_| n >= QUARTILES_FROM),
            p75: quantile(&all, 0.75).filter(|_| n >= QUARTILES_FROM),
            p90: quantile(&all, 0.9).filter(|_| n >= DECILE_FROM),
            median_interval: median_interval(&all),
        }
    }
}

/// Linear interpolation between order statistics (Hyndman and Fan 1996, definition 7).
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the position lies between 0 and the number of durations"
)]
#[must_use]
pub fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let position = last as f64 * share;
    let below = *sorted.get(position.floor() as usize)?;
    let above = *sorted.get(position.ceil() as usize)?;
    Some(below + (above - below) * position.fract())
}

/// The narrowest symmetric pair of order statistics that covers the median with at least 95 %: the number of
/// durations below the true median is binomial with p = 1/2.
#[must_use]
pub fn median_interval(sorted: &[f64]) -> Option<(f64, f64)> {
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

/// One count by another.
#[allow(clippy::cast_precision_loss, reason = "counts of onboardings fit into 53 bits")]
pub(super) fn ratio(numerator: usize, denominator: usize) -> f64 {
    numerator as f64 / denominator as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn durations_of(n: i32) -> Durations {
        Durations::of((1..=n).map(f64::from).collect())
    }

    #[test]
    fn no_interval_below_six() {
        assert_eq!(durations_of(5).median_interval, None);
        // 1 − 2 · 2⁻⁶ = 96.9 %: the whole range.
        assert_eq!(durations_of(6).median_interval, Some((1.0, 6.0)));
        // Ranks 6 and 15 of 20 cover 95.9 %.
        assert_eq!(durations_of(20).median_interval, Some((6.0, 15.0)));
    }

    #[test]
    fn no_percentile_that_n_does_not_support() {
        let (three, nine) = (durations_of(3), durations_of(9));
        assert_eq!((three.median, three.p25, three.p75), (Some(2.0), None, None));
        assert_eq!((nine.p25, nine.p75, nine.p90), (Some(3.0), Some(7.0), None));
        assert_eq!(durations_of(11).p90, Some(10.0));
        assert_eq!(durations_of(0).median, None);
    }

    proptest! {
        #[test]
        fn statistics_are_ordered_and_within_the_range(all in prop::collection::vec(0.0..1000.0f64, 1..1500)) {
            let lowest = all.iter().copied().fold(f64::INFINITY, f64::min);
            let highest = all.iter().copied().fold(0.0, f64::max);
            let found = Durations::of(all);
            let (low, high) = found.median_interval.unwrap_or((lowest, highest));
            let middle = found.median.expect("there is a duration");
            let ordered = [lowest, low, middle, high, highest];
            prop_assert!(ordered.windows(2).all(|pair| pair[0] <= pair[1]), "{ordered:?}");
        }
    }
}
