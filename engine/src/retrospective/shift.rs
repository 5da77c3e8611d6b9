//! By how much one group of durations differs from another: the Hodges–Lehmann shift with its interval, and the
//! Mann–Whitney test that it belongs to.

use serde::Serialize;

use super::normal::{Z_95, two_sided};
use super::order_statistics::ratio;

/// Up to this size of either group, and without ties, the test counts every arrangement.
const EXACT_UP_TO: usize = 40;

/// The shift from one group to another, in days: negative where the second is faster.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Shift {
    /// The median of all differences.
    pub days: f64,
    /// 95 % interval; none where the groups are too small for one.
    pub interval: Option<(f64, f64)>,
}

/// The Mann–Whitney test of two groups.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RankTest {
    /// Pairs in which the second group's duration is the longer one; ties count half.
    pub u: f64,
    /// The probability that a duration of the second group is longer than one of the first; ties count half.
    pub longer: f64,
    /// Probability of a difference at least so large by luck.
    pub p: f64,
}

/// The test; `None` where a group is empty.
#[must_use]
pub fn rank_test(before: &[f64], after: &[f64]) -> Option<RankTest> {
    if before.is_empty() || after.is_empty() {
        return None;
    }
    let (m, n) = (before.len(), after.len());
    let mut all: Vec<(f64, bool)> = before.iter().map(|days| (*days, false)).collect();
    all.extend(after.iter().map(|days| (*days, true)));
    all.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    // Twice the rank sum, so that halves of tied ranks stay whole; and Σ t³ − t over the ties.
    let (mut twice_ranks, mut correction) = (0usize, 0.0);
    let mut from = 0;
    while let Some((first, _)) = all.get(from) {
        let tied = all[from..].iter().take_while(|(days, _)| days.total_cmp(first).is_eq());
        let (together, of_after) = tied.fold((0, 0), |(all, after), (_, is)| (all + 1, after + usize::from(*is)));
        twice_ranks += of_after * (2 * from + together + 1);
        let tied = ratio(together, 1);
        correction += tied * tied * tied - tied;
        from += together;
    }
    let twice_u = twice_ranks - n * (n + 1);
    let u = ratio(twice_u, 2);
    let pairs = ratio(m, 1) * ratio(n, 1);
    let p = if correction == 0.0 && m <= EXACT_UP_TO && n <= EXACT_UP_TO {
        let smaller = (twice_u / 2).min(m * n - twice_u / 2);
        (2.0 * arrangements(m, n).iter().take(smaller + 1).sum::<f64>()).min(1.0)
    } else {
        let total = ratio(m + n, 1);
        let variance = pairs / 12.0 * (total + 1.0 - correction / (total * (total - 1.0)));
        // Half a pair for continuity; equal groups differ by nothing.
        let distance = ((u - pairs / 2.0).abs() - 0.5).max(0.0);
        if variance > 0.0 { two_sided(distance / variance.sqrt()) } else { 1.0 }
    };
    Some(RankTest { u, longer: u / pairs, p })
}

/// The shift from `before` to `after`; `None` where a group is empty.
#[must_use]
pub fn shift(before: &[f64], after: &[f64]) -> Option<Shift> {
    let (before, after) = (thousandths(before), thousandths(after));
    let pairs = before.len().checked_mul(after.len()).filter(|pairs| *pairs > 0)?;
    let at = |rank| difference_of_rank(&before, &after, rank);
    let middle = f64::midpoint(at((pairs - 1) / 2), at(pairs / 2));
    let interval = ranks_within(before.len(), after.len()).map(|outside| (at(outside), at(pairs - 1 - outside)));
    Some(Shift { days: middle, interval })
}

/// How many of the smallest differences, and of the largest, lie outside the interval; `None` where even the whole
/// range does not cover 95 %.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the rank lies between 0 and half the number of pairs"
)]
fn ranks_within(m: usize, n: usize) -> Option<usize> {
    if m <= EXACT_UP_TO && n <= EXACT_UP_TO {
        let mut below = 0.0;
        let kept = arrangements(m, n).into_iter().take_while(|probability| {
            below += probability;
            below <= 0.025
        });
        return kept.count().checked_sub(1);
    }
    let pairs = ratio(m, 1) * ratio(n, 1);
    let rank = pairs / 2.0 - Z_95 * (pairs * ratio(m + n + 1, 12)).sqrt();
    (rank >= 1.0).then(|| rank.floor() as usize - 1)
}

/// The probability of each value of U when both groups are alike: one minus the other, over every arrangement.
fn arrangements(m: usize, n: usize) -> Vec<f64> {
    // The generating function is the Gaussian binomial: multiply by 1 − x^(m+k), divide by 1 − x^k, for k = 1 … n. Each
    // round is scaled to a distribution, so that nothing grows.
    let mut ways = vec![0.0; m * n + 1];
    ways[0] = 1.0;
    for k in 1..=n {
        for at in (m + k..ways.len()).rev() {
            ways[at] -= ways[at - m - k];
        }
        for at in k..ways.len() {
            ways[at] += ways[at - k];
        }
        let scale = ratio(k, m + k);
        for way in &mut ways {
            *way *= scale;
        }
    }
    ways
}

/// Thousandths of a day, sorted: what durations are rounded to.
#[allow(clippy::cast_possible_truncation, reason = "durations of onboardings are far from the ends of 64 bits")]
fn thousandths(days: &[f64]) -> Vec<i64> {
    let mut all: Vec<i64> = days.iter().map(|days| (days * 1000.0).round() as i64).collect();
    all.sort_unstable();
    all
}

/// The difference `after − before` of this rank among all pairs, in days. Halves the range instead of listing the pairs:
/// there can be thousands of millions of them.
#[allow(clippy::cast_precision_loss, reason = "thousandths of days of an onboarding fit into 53 bits")]
fn difference_of_rank(before: &[i64], after: &[i64], rank: usize) -> f64 {
    let ends = (before.first().zip(before.last())).zip(after.first().zip(after.last()));
    let Some(((first_before, last_before), (first_after, last_after))) = ends else { return 0.0 };
    let (mut low, mut high) = (first_after - last_before, last_after - first_before);
    while low < high {
        let middle = low + (high - low).div_euclid(2);
        // Pairs with after − before ≤ middle: as `after` grows, fewer of `before` are small enough to be left out.
        let mut left_out = 0;
        let mut count = 0;
        for later in after {
            while before.get(left_out).is_some_and(|earlier| later - earlier > middle) {
                left_out += 1;
            }
            count += before.len() - left_out;
        }
        if count > rank { high = middle } else { low = middle + 1 }
    }
    low as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Permeability of the chorioamnion at term and at 12 to 26 weeks (Hollander and Wolfe, Nonparametric Statistical
    /// Methods, tables 4.1 and following; also the example of R's `wilcox.test`).
    const AT_TERM: [f64; 10] = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46];
    const EARLIER: [f64; 5] = [1.15, 0.88, 0.90, 0.74, 1.21];

    #[test]
    fn rank_test_and_shift_of_the_textbook() {
        let test = rank_test(&EARLIER, &AT_TERM).expect("there are durations");
        assert!((test.u - 35.0).abs() < 1e-12);
        assert!((test.p - 2.0 * 0.127_206).abs() < 1e-5, "{test:?}");
        let found = shift(&EARLIER, &AT_TERM).expect("there are durations");
        assert!((found.days - 0.305).abs() < 1e-9, "{found:?}");
        let (low, high) = found.interval.expect("5 and 10 are enough");
        assert!((low + 0.15).abs() < 1e-9 && (high - 0.76).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn the_arrangements_are_all_of_them() {
        // U of 2 and 2: 0, 1, 2 (twice), 3, 4 of 6.
        let expected = [1.0, 1.0, 2.0, 1.0, 1.0].map(|ways| ways / 6.0);
        let found = arrangements(2, 2);
        assert!(found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-12), "{found:?}");
        assert!((arrangements(40, 40).iter().sum::<f64>() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn three_against_three_have_no_interval() {
        let found = shift(&[38.0, 39.0, 40.0], &[26.0, 27.0, 28.0]).expect("there are durations");
        assert_eq!(found, Shift { days: -12.0, interval: None });
        // 2 of 20 arrangements are as extreme.
        let test = rank_test(&[38.0, 39.0, 40.0], &[26.0, 27.0, 28.0]).expect("there are durations");
        assert!((test.p - 0.1).abs() < 1e-12);
    }

    #[test]
    fn nothing_against_something_is_no_number() {
        assert_eq!((shift(&[], &[1.0]), rank_test(&[1.0], &[])), (None, None));
        let alike = rank_test(&[5.0; 50], &[5.0; 50]).expect("there are durations");
        assert!((alike.p - 1.0).abs() < 1e-12 && (alike.longer - 0.5).abs() < 1e-12);
    }

    fn group(most: usize) -> impl Strategy<Value = Vec<f64>> {
        prop::collection::vec((0..90_000i32).prop_map(|thousandths| f64::from(thousandths) / 1000.0), 1..most)
    }

    proptest! {
        #[test]
        fn the_shift_is_the_median_of_all_differences(before in group(30), after in group(30)) {
            let mut all: Vec<f64> =
                before.iter().flat_map(|earlier| after.iter().map(move |later| later - earlier)).collect();
            all.sort_by(f64::total_cmp);
            let plain = f64::midpoint(all[(all.len() - 1) / 2], all[all.len() / 2]);
            let found = shift(&before, &after).expect("there are durations");
            prop_assert!((found.days - plain).abs() < 1e-6);
            if let Some((low, high)) = found.interval {
                prop_assert!(low <= found.days && found.days <= high);
            }
        }

        #[test]
        fn exchanging_the_groups_turns_the_shift(before in group(60), after in group(60)) {
            let (there, back) = (shift(&before, &after).expect("durations"), shift(&after, &before).expect("durations"));
            prop_assert!((there.days + back.days).abs() < 1e-9);
            let (there, back) = (rank_test(&before, &after).expect("some"), rank_test(&after, &before).expect("some"));
            prop_assert!((there.p - back.p).abs() < 1e-9 && (there.longer + back.longer - 1.0).abs() < 1e-9);
            prop_assert!((0.0..=1.0).contains(&there.p));
        }
    }
}
