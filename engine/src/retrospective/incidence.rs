//! Cumulative incidence: the share that reaches something although others are given up.
//!
//! One minus Kaplan–Meier treats a cancelled onboarding as one that could still go live, and so promises too much.

use serde::Serialize;

use super::order_statistics::ratio;
use super::survival::{End, Watched};

/// The shares after a day on which something happened.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Share {
    /// Days after opening.
    pub days: f64,
    /// Has reached it by then.
    pub reached: f64,
    /// Was given up by then.
    pub cancelled: f64,
}

/// The Aalen–Johansen estimate with two ends that exclude each other.
#[must_use]
pub fn cumulative_incidence(watched: &[Watched]) -> Vec<Share> {
    let mut sorted = watched.to_vec();
    sorted.sort_by(|a, b| a.days.total_cmp(&b.days));
    let mut shares: Vec<Share> = Vec::new();
    let (mut open, mut reached, mut cancelled) = (1.0, 0.0, 0.0);
    let mut from = 0;
    while let Some(first) = sorted.get(from) {
        let at_risk = sorted.len() - from;
        let tied: Vec<_> = sorted[from..].iter().take_while(|other| other.days <= first.days).collect();
        let count = |end| tied.iter().filter(|one| one.end == end).count();
        let (now_reached, now_cancelled) = (count(End::Reached), count(End::Cancelled));
        if now_reached + now_cancelled > 0 {
            reached += open * ratio(now_reached, at_risk);
            cancelled += open * ratio(now_cancelled, at_risk);
            open *= 1.0 - ratio(now_reached + now_cancelled, at_risk);
            shares.push(Share { days: first.days, reached, cancelled });
        }
        from += tied.len();
    }
    shares
}

/// The share that has reached it by a day.
#[must_use]
pub fn reached_by(shares: &[Share], day: f64) -> f64 {
    shares.iter().take_while(|share| share.days <= day).last().map_or(0.0, |share| share.reached)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::survival::Curve;
    use super::*;

    fn one(days: i32, end: End) -> Watched {
        Watched { days: f64::from(days), end }
    }

    /// Worked by hand: four onboardings, of which one is given up and one is still open.
    #[test]
    fn a_small_example_by_hand() {
        let shares = cumulative_incidence(&[
            one(10, End::Reached),
            one(20, End::Cancelled),
            one(25, End::Open),
            one(30, End::Reached),
        ]);
        // 1/4; then 3/4 · 1/3 given up; then 1/2 · 1/1.
        assert_eq!(shares[0], Share { days: 10.0, reached: 0.25, cancelled: 0.0 });
        assert!((shares[1].cancelled - 0.25).abs() < 1e-12);
        assert!((reached_by(&shares, 30.0) - 0.75).abs() < 1e-12);
        assert!((reached_by(&shares, 9.0)).abs() < 1e-12);
    }

    fn end() -> impl Strategy<Value = End> {
        prop_oneof![Just(End::Reached), Just(End::Open), Just(End::Cancelled)]
    }

    proptest! {
        #[test]
        fn it_promises_no_more_than_kaplan_meier(all in prop::collection::vec((0..50, end()), 0..80), day in 0..50) {
            let watched: Vec<_> = all.iter().map(|(days, end)| one(*days, *end)).collect();
            let shares = cumulative_incidence(&watched);
            let promised = Curve::of(&watched).reached_by(f64::from(day));
            prop_assert!(reached_by(&shares, f64::from(day)) <= promised + 1e-9);
            prop_assert!(shares.iter().all(|share| share.reached + share.cancelled <= 1.0 + 1e-9));
        }

        #[test]
        fn without_cancellations_it_is_kaplan_meier(all in prop::collection::vec((0..50, any::<bool>()), 0..80)) {
            let end = |reached| if reached { End::Reached } else { End::Open };
            let watched: Vec<_> = all.iter().map(|(days, reached)| one(*days, end(*reached))).collect();
            let (shares, curve) = (cumulative_incidence(&watched), Curve::of(&watched));
            for day in 0..50 {
                let day = f64::from(day);
                prop_assert!((reached_by(&shares, day) - curve.reached_by(day)).abs() < 1e-9);
            }
        }
    }
}
