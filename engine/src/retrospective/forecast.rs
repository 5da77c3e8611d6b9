//! When an onboarding will go live: past waits of its steps, drawn again, given how long the open ones have waited.
//!
//! A step's wait runs from the moment when everything that it needs is closed to its own closing. So time before somebody
//! takes it up and time in which it is blocked are in it, and branches that run beside each other do not add up.

use std::collections::HashMap;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde::Serialize;

use super::order_statistics::quantile;
use super::times::{Closing, History, Milestone, days};

/// Fewest onboardings that went live before anything is forecast.
pub const FEWEST: usize = 10;
/// Futures that are drawn per onboarding.
const FUTURES: usize = 1000;

/// What a workflow's steps need of each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Step id and the ids that it needs, each of which comes before it.
    pub steps: Vec<(String, Vec<String>)>,
    /// The step whose completion is go-live.
    pub live_step: String,
}

impl Route {
    /// Of a definition; `None` where none of its steps is its go-live.
    #[must_use]
    pub fn of(definition: &crate::definition::Definition) -> Option<Self> {
        let live_step = definition.live_step()?.to_owned();
        let mut steps: Vec<(String, Vec<String>)> = Vec::with_capacity(definition.steps.len());
        let mut waiting: Vec<_> = definition.steps.iter().collect();
        // Reading order need not be the order of needs; a definition has no cycle, so each round places a step.
        while !waiting.is_empty() {
            let placed = |need: &String, steps: &[(String, Vec<String>)]| steps.iter().any(|(step, _)| step == need);
            let (ready, rest): (Vec<_>, Vec<_>) =
                waiting.into_iter().partition(|step| step.needs.iter().all(|need| placed(need, &steps)));
            if ready.is_empty() {
                return None;
            }
            steps.extend(ready.into_iter().map(|step| (step.id.clone(), step.needs.clone())));
            waiting = rest;
        }
        Some(Self { steps, live_step })
    }
}

/// Since when a step could be worked on: everything that it needs is closed. `None` where something is open.
fn enabled_at(history: &History, needs: &[String]) -> Option<DateTime<Utc>> {
    needs.iter().try_fold(history.opened_at, |latest, need| {
        let (_, closed_at) = history.step(need)?.closed?;
        Some(latest.max(closed_at))
    })
}

/// Past waits of a workflow's steps.
#[derive(Debug, Clone)]
pub struct Experience {
    route: Route,
    waits: HashMap<String, Vec<f64>>,
    to_go_live: Vec<f64>,
}

/// When an onboarding will probably be live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Forecast {
    /// As probably before as after it.
    pub p50: DateTime<Utc>,
    /// With a probability of 85 % not after it.
    pub p85: DateTime<Utc>,
    /// Onboardings that the forecast rests on.
    pub rests_on: usize,
}

impl Experience {
    /// None yet.
    #[must_use]
    pub fn new(route: Route) -> Self {
        Self { route, waits: HashMap::new(), to_go_live: Vec::new() }
    }

    /// Learns from an onboarding of the same workflow that went live; from any other it learns nothing.
    pub fn learn(&mut self, history: &History) {
        let Some(total) = history.days_to(Milestone::Live) else { return };
        self.to_go_live.push(total);
        for (id, needs) in &self.route.steps {
            let Some((Closing::Done, closed_at)) = history.step(id).and_then(|step| step.closed) else { continue };
            let Some(enabled_at) = enabled_at(history, needs) else { continue };
            self.waits.entry(id.clone()).or_default().push(days(enabled_at, closed_at));
        }
    }

    /// Puts what was learnt in order, for [`Experience::forecast`].
    pub fn settle(&mut self) {
        self.waits.values_mut().for_each(|waits| waits.sort_by(f64::total_cmp));
    }

    /// Onboardings that it learnt from.
    #[must_use]
    pub fn len(&self) -> usize {
        self.to_go_live.len()
    }

    /// Whether it learnt from none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.to_go_live.is_empty()
    }

    /// The mean days from opening to go-live: what a spreadsheet would forecast with.
    #[must_use]
    pub fn mean_days(&self) -> Option<f64> {
        let n = super::order_statistics::ratio(self.len(), 1);
        (n > 0.0).then(|| self.to_go_live.iter().sum::<f64>() / n)
    }

    /// Forecasts an onboarding that is not live, as of `now`. The same seed gives the same answer. `None` for one that is
    /// live or given up, and where fewer than [`FEWEST`] onboardings are known.
    #[must_use]
    pub fn forecast(&self, history: &History, now: DateTime<Utc>, seed: u64) -> Option<Forecast> {
        let ahead = history.live_at.is_none() && history.is_in_flight();
        if self.len() < FEWEST || !ahead {
            return None;
        }
        let mut dice = Dice(ChaCha8Rng::seed_from_u64(seed));
        let mut futures: Vec<f64> = (0..FUTURES).map(|_| self.future(history, now, &mut dice)).collect();
        futures.sort_by(f64::total_cmp);
        Some(Forecast {
            p50: after(now, quantile(&futures, 0.5)?),
            p85: after(now, quantile(&futures, 0.85)?),
            rests_on: self.len(),
        })
    }

    /// Days from now to go-live in one possible future.
    fn future(&self, history: &History, now: DateTime<Utc>, dice: &mut Dice) -> f64 {
        let mut ends: HashMap<&str, f64> = HashMap::with_capacity(self.route.steps.len());
        for (id, needs) in &self.route.steps {
            let closed = history.step(id).and_then(|step| step.closed);
            let end = if closed.is_some() {
                0.0
            } else if let Some(enabled_at) = enabled_at(history, needs) {
                self.rest(id, days(enabled_at, now), dice)
            } else {
                let begins = needs.iter().filter_map(|need| ends.get(need.as_str())).copied().fold(0.0, f64::max);
                begins + self.rest(id, 0.0, dice)
            };
            ends.insert(id, end);
        }
        ends.get(self.route.live_step.as_str()).copied().unwrap_or(0.0)
    }

    /// How much longer a step waits that has waited for `age` days: one of the past waits that were longer. A step that
    /// is older than any that was ever seen begins anew.
    fn rest(&self, step: &str, age: f64, dice: &mut Dice) -> f64 {
        let Some(waits) = self.waits.get(step) else { return 0.0 };
        let longer = waits.partition_point(|wait| *wait <= age);
        match waits.get(longer..).filter(|longer| !longer.is_empty()) {
            Some(longer) if age > 0.0 => dice.one_of(longer) - age,
            _ => dice.one_of(waits),
        }
    }
}

struct Dice(ChaCha8Rng);

impl Dice {
    #[allow(clippy::cast_possible_truncation, reason = "the product's upper half lies below the length")]
    fn one_of(&mut self, all: &[f64]) -> f64 {
        let at = (u128::from(self.0.next_u64()) * all.len() as u128) >> 64;
        all.get(at as usize).copied().unwrap_or(0.0)
    }
}

#[allow(clippy::cast_possible_truncation, reason = "milliseconds of an onboarding fit into 64 bits")]
fn after(now: DateTime<Utc>, days: f64) -> DateTime<Utc> {
    let later = TimeDelta::milliseconds((days * 86_400_000.0).round() as i64);
    // A date whose seconds are told would promise too much as it is.
    now.checked_add_signed(later).map_or(DateTime::<Utc>::MAX_UTC, |at| at.trunc_subsecs(0))
}

/// A seed that is the onboarding's own, so that its forecast changes only when something else does.
#[must_use]
pub fn seed_of(checklist: &str) -> u64 {
    // FNV-1a: any spread will do, and it must be the same in every process and release.
    checklist.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{at, finished, history};
    use super::super::times::{Fact, StepFact};
    use super::*;

    fn route() -> Route {
        let step = |id: &str, needs: &[&str]| (id.to_owned(), needs.iter().map(|need| (*need).to_owned()).collect());
        Route {
            steps: vec![
                step("configure", &[]),
                step("import_data", &["configure"]),
                step("train_admins", &["configure"]),
                step("go_live", &["import_data", "train_admins"]),
            ],
            live_step: "go_live".to_owned(),
        }
    }

    /// Configured in 5 days; imported and trained side by side in 10 or 20 and in 8; live 2 days later.
    fn known() -> Experience {
        let mut experience = Experience::new(route());
        for tenant in 0..20 {
            let mut told = history(&["configure", "import_data", "train_admins", "go_live"]);
            let import = if tenant % 2 == 0 { 10 } else { 20 };
            let ends = [("configure", 5), ("train_admins", 13), ("import_data", 5 + import), ("go_live", 7 + import)];
            for (step, day) in ends {
                let closed = StepFact::Closed(Closing::Done);
                told.take(at(day), Fact::OfStep(step.to_owned(), closed), Some("go_live"));
            }
            experience.learn(&told);
        }
        experience.settle();
        experience
    }

    #[test]
    fn branches_beside_each_other_do_not_add_up() {
        let found = known().forecast(&history(&["configure", "import_data", "train_admins", "go_live"]), at(0), 1);
        let found = found.expect("twenty are known");
        // 5 + 10 + 2 or 5 + 20 + 2, never with the 8 of the training on top.
        assert!([at(17), at(27)].contains(&found.p50), "{found:?}");
        assert_eq!((found.p85, found.rests_on), (at(27), 20));
    }

    #[test]
    fn who_has_waited_for_long_is_not_among_the_quick_ones() {
        let mut told = history(&["configure", "import_data", "train_admins", "go_live"]);
        for (step, day) in [("configure", 5), ("train_admins", 13)] {
            told.take(at(day), Fact::OfStep(step.to_owned(), StepFact::Closed(Closing::Done)), Some("go_live"));
        }
        let found = known().forecast(&told, at(18), 1).expect("twenty are known");
        assert_eq!((found.p50, found.p85), (at(27), at(27)));
    }

    #[test]
    fn older_than_any_begins_anew_and_is_never_in_the_past() {
        let mut told = history(&["configure", "import_data", "train_admins", "go_live"]);
        told.take(at(5), Fact::OfStep("configure".to_owned(), StepFact::Closed(Closing::Done)), Some("go_live"));
        let found = known().forecast(&told, at(400), 1).expect("twenty are known");
        assert!(found.p50 >= at(400) && found.p50 <= found.p85);
    }

    #[test]
    fn too_few_and_live_ones_have_no_forecast() {
        let experience = known();
        assert_eq!(experience.forecast(&finished("a", 0, &[("go_live", 3)]), at(9), 1), None);
        assert_eq!(Experience::new(route()).forecast(&history(&["go_live"]), at(9), 1), None);
    }

    #[test]
    fn the_same_seed_is_the_same_forecast() {
        let told = history(&["configure", "import_data", "train_admins", "go_live"]);
        let forecast = |seed| known().forecast(&told, at(0), seed);
        assert_eq!(forecast(seed_of("onb_1")), forecast(seed_of("onb_1")));
    }
}
