//! How long a definition takes, over many plays of it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::play::play;
use super::script::Script;
use crate::definition::Definition;

/// What many plays of one definition have in common.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Forecast {
    /// Plays.
    pub runs: u32,
    /// Of these, the ones that did not end.
    pub stuck: u32,
    /// Days until half of the onboardings that ended were complete.
    pub half_days: Option<f64>,
    /// Days until 85 of 100 were.
    pub most_days: Option<f64>,
    /// In reading order. Medians of steps do not add up to that of the whole.
    pub steps: Vec<StepForecast>,
}

/// How long one step takes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepForecast {
    /// Step id.
    pub step: String,
    /// Middle of the days from start to completion; absent where it never was completed.
    pub median_days: Option<f64>,
}

/// Plays the definition `runs` times, each with the next seed.
#[must_use]
pub fn forecast(definition: &Definition, script: &Script, seed: u64, runs: u32, start: DateTime<Utc>) -> Forecast {
    let (mut whole, mut stuck) = (Vec::new(), 0);
    let mut steps: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for run in 0..runs {
        let played = play(definition, script, seed.wrapping_add(u64::from(run)), start);
        match played.completed_at {
            Some(at) => whole.push(days(start, at)),
            None => stuck += 1,
        }
        for step in played.checklist.iter().flat_map(|checklist| &checklist.steps) {
            if let (Some(from), Some(to)) = (step.started_at, step.completed_at) {
                steps.entry(step.id.clone()).or_default().push(days(from, to));
            }
        }
    }
    let median = |id: &str| steps.get(id).cloned().and_then(|mut all| within(&mut all, 50));
    let of_steps = definition.steps.iter();
    let steps = of_steps.map(|step| StepForecast { step: step.id.clone(), median_days: median(&step.id) }).collect();
    Forecast { runs, stuck, half_days: within(&mut whole, 50), most_days: within(&mut whole, 85), steps }
}

#[allow(clippy::cast_precision_loss, reason = "minutes of an onboarding fit into 53 bits")]
fn days(from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
    let days = (to - from).num_minutes() as f64 / 1440.0;
    (days * 100.0).round() / 100.0
}

/// The smallest of `all` that no more than so many of a hundred exceed.
fn within(all: &mut [f64], percent: usize) -> Option<f64> {
    all.sort_by(f64::total_cmp);
    let rank = (all.len() * percent).div_ceil(100).max(1);
    all.get(rank - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::{Known, load};

    #[test]
    fn ranks_are_the_nearest() {
        let mut all = vec![4.0, 1.0, 3.0, 2.0];
        assert_eq!((within(&mut all, 50), within(&mut all, 85)), (Some(2.0), Some(4.0)));
        assert_eq!(within(&mut [], 50), None);
    }

    #[test]
    fn a_script_that_says_all_leaves_nothing_to_chance() {
        let text = "name: one\nversion: 1\ntitle: One\nsteps:\n  - { id: a, title: A }\n  - { id: b, title: B, needs: [a], kind: timer, after: 36h }\n";
        let definition = load("one.yaml", text, &Known::default()).expect("it is sound").definition;
        let script = Script::load("s.yaml", "steps:\n  a: { takes: 12h, blocked: 0s }\n", &definition);
        let forecast = forecast(&definition, &script.expect("it is sound"), 7, 5, DateTime::<Utc>::UNIX_EPOCH);
        assert_eq!((forecast.half_days, forecast.most_days, forecast.stuck), (Some(2.0), Some(2.0), 0));
        let medians: Vec<_> = forecast.steps.iter().map(|step| step.median_days).collect();
        assert_eq!(medians, [Some(0.5), Some(1.5)]);
    }
}
