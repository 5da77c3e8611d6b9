//! Telling a platform that goes to and fro from one that has changed.
//!
//! One change of a verdict is news, many of them in a short time are one piece of news: nothing can be relied on. The
//! rule is the one that operators know from other monitoring: the latest results count, changes weigh more the newer
//! they are, and what has begun to flap must have calmed down well below the share at which it began.

/// Results that are looked at.
const WINDOW: usize = 21;

/// Weight of a change at the old end of the window and at the new one; between them it rises evenly.
const OLDEST: f64 = 0.8;
const NEWEST: f64 = 1.2;

/// From this share of changes on, in percent, it flaps.
const BEGINS: f64 = 30.0;

/// Below this share, in percent, it has calmed down.
const ENDS: f64 = 20.0;

/// How much the verdicts of one probe change.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Flapping {
    /// Weighted share of changes among the latest twenty that there could be, in percent, 0 to 100.
    pub change_percent: f64,
    /// Whether they change too much for one of them to mean anything.
    pub is_flapping: bool,
}

/// Judges verdicts in the order in which they came, oldest first. The more of them there are, the surer is the end of a
/// flapping that began earlier.
#[must_use]
pub fn flapping<T: PartialEq>(verdicts: &[T]) -> Flapping {
    let mut judged = Flapping::default();
    for end in 1..=verdicts.len() {
        judged.change_percent = change_percent(&verdicts[end.saturating_sub(WINDOW)..end]);
        judged.is_flapping = judged.change_percent >= if judged.is_flapping { ENDS } else { BEGINS };
    }
    judged
}

fn change_percent<T: PartialEq>(window: &[T]) -> f64 {
    // Newest first, so that a short history ends where a long one does.
    let steps_taken = window.iter().rev().zip(window.iter().rev().skip(1)).map(|(later, earlier)| later != earlier);
    let steps = WINDOW - 2;
    let weights = (0..=steps).map(|age| {
        #[allow(clippy::cast_precision_loss, reason = "both are at most 20")]
        let age = age as f64 / steps as f64;
        NEWEST - (NEWEST - OLDEST) * age
    });
    let all: f64 = weights.clone().sum();
    let changed: f64 = steps_taken.zip(weights).filter(|(changed, _)| *changed).map(|(_, weight)| weight).sum();
    (100.0 * changed / all).clamp(0.0, 100.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::status::ProbeStatus;

    fn status() -> impl Strategy<Value = ProbeStatus> {
        prop::sample::select(vec![ProbeStatus::Pass, ProbeStatus::Warn, ProbeStatus::Fail, ProbeStatus::Error])
    }

    /// `n` verdicts of which each differs from the one before.
    fn to_and_fro(n: usize) -> Vec<bool> {
        (0..n).map(|place| place % 2 == 0).collect()
    }

    #[test]
    fn one_change_is_no_flapping() {
        let judged = flapping(&[vec![true; 30], vec![false; 3]].concat());
        assert!(!judged.is_flapping && judged.change_percent > 0.0, "{judged:?}");
        assert_eq!(flapping::<bool>(&[]), Flapping::default());
    }

    #[test]
    fn six_changes_in_a_row_are() {
        assert!(!flapping(&to_and_fro(6)).is_flapping);
        assert!(flapping(&to_and_fro(7)).is_flapping);
        let judged = flapping(&to_and_fro(50));
        assert!(judged.is_flapping && (judged.change_percent - 100.0).abs() < 1e-9, "{judged:?}");
    }

    #[test]
    fn it_takes_calm_to_end_it() {
        let calmed = |calm: usize| flapping(&[to_and_fro(21), vec![true; calm]].concat()).is_flapping;
        let first = (0..60).find(|calm| !calmed(*calm)).expect("it ends");
        assert!((12..=20).contains(&first), "{first}");
        // At a share between the two bounds, it matters from where one comes.
        let share = flapping(&[to_and_fro(21), vec![true; first - 1]].concat()).change_percent;
        assert!((ENDS..BEGINS).contains(&share), "{share}");
    }

    #[test]
    fn a_newer_change_weighs_more() {
        let one_change_before_the_end =
            |calm: usize| flapping(&[vec![true; 21 - calm], vec![false; calm]].concat()).change_percent;
        assert!(one_change_before_the_end(1) > one_change_before_the_end(10));
    }

    proptest! {
        #[test]
        fn the_share_is_a_share(verdicts in prop::collection::vec(status(), 0..60)) {
            let judged = flapping(&verdicts);
            prop_assert!((0.0..=100.0).contains(&judged.change_percent));
            let least = if judged.is_flapping { ENDS } else { 0.0 };
            prop_assert!(judged.change_percent >= least);
            prop_assert!(judged.is_flapping || judged.change_percent < BEGINS);
        }

        #[test]
        fn the_same_verdict_again_never_begins_it(verdicts in prop::collection::vec(status(), 1..60)) {
            let mut again = verdicts.clone();
            again.extend(verdicts.last().copied());
            prop_assert!(flapping(&verdicts).is_flapping || !flapping(&again).is_flapping);
        }

        #[test]
        fn what_never_changes_never_flaps(status in status(), n in 0_usize..60) {
            prop_assert_eq!(flapping(&vec![status; n]), Flapping::default());
        }
    }
}
