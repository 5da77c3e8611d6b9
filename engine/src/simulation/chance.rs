//! Numbers that look random and depend on nothing but their names.

use std::time::Duration;

use sha2::{Digest, Sha256};

/// Where drawn numbers come from.
#[derive(Debug, Clone, Copy)]
pub struct Chance(pub u64);

impl Chance {
    /// A number from 0 to 1, the latter excluded. It depends on the seed and on what is drawn, not on the order of
    /// drawing: a change at one step leaves the draws of the others as they were.
    #[must_use]
    pub fn share(self, step: &str, what: &str, nth: u32) -> f64 {
        let mut digest = Sha256::new();
        for part in [&self.0.to_be_bytes()[..], step.as_bytes(), what.as_bytes(), &nth.to_be_bytes()] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        let drawn = digest.finalize().iter().take(4).fold(0u32, |number, byte| number << 8 | u32::from(*byte));
        f64::from(drawn) / (f64::from(u32::MAX) + 1.0)
    }

    /// Between half of `usual` and one and a half of it, in whole minutes and at least one.
    #[must_use]
    pub fn around(self, usual: Duration, step: &str, what: &str, nth: u32) -> Duration {
        let drawn = usual.mul_f64(0.5 + self.share(step, what, nth));
        Duration::from_mins((drawn.as_secs() / 60).max(1))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn draws_stay_in_their_bounds(seed: u64, step in "[a-z]{1,8}", nth: u32, hours in 1u64..10_000) {
            let (chance, usual) = (Chance(seed), Duration::from_hours(hours));
            let share = chance.share(&step, "x", nth);
            prop_assert!((0.0..1.0).contains(&share));
            let around = chance.around(usual, &step, "x", nth);
            prop_assert!(around + Duration::from_mins(1) >= usual / 2 && around <= usual * 3 / 2);
        }
    }

    #[test]
    fn draws_differ_by_what_is_drawn() {
        let chance = Chance(1);
        assert!((chance.share("a", "b", 0) - chance.share("ab", "", 0)).abs() > f64::EPSILON);
        assert!((chance.share("a", "b", 0) - chance.share("a", "b", 1)).abs() > f64::EPSILON);
    }
}
