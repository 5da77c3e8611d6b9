//! What happens in a demo: drawn from a seed, without a store.

use chrono::{DateTime, TimeDelta, Utc};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// How spread a step's days are: a σ of the logarithm.
const SPREAD: f64 = 0.45;
/// In which share of onboardings the import waits for the tenant's file.
const WAITS_FOR_FILE: f64 = 0.35;

/// What the drawn truth is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Scenario {
    /// Halfway, a new import template takes eleven days off the import: about 38 days become 27. The import stays longest.
    Card,
    /// Nothing changes, however much quarters differ.
    Steady,
    /// From halfway on, training takes longer from quarter to quarter; it never is the longest step.
    Slipping,
}

/// Median days of each step, by scenario and by how far into the years an onboarding is opened (0 to 1).
fn medians(scenario: Scenario, progress: f64) -> Medians {
    let usual = Medians {
        contract: 1.0,
        kickoff: 2.5,
        configure: 4.0,
        import: 25.0,
        train: 6.0,
        dry_run: 1.5,
        go: 1.0,
        live: 2.0,
    };
    match scenario {
        Scenario::Card if progress >= 0.5 => Medians { import: 14.0, ..usual },
        Scenario::Card | Scenario::Steady => usual,
        Scenario::Slipping => Medians { train: 6.0 * (1.0 + 1.6 * (progress - 0.5).max(0.0) * 2.0), ..usual },
    }
}

#[derive(Debug, Clone, Copy)]
struct Medians {
    contract: f64,
    kickoff: f64,
    configure: f64,
    import: f64,
    train: f64,
    dry_run: f64,
    go: f64,
    live: f64,
}

/// One tenant's part of the story.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The tenant's slug.
    pub tenant: String,
    /// What it is called.
    pub name: String,
    /// ISO 3166-1 alpha-2.
    pub country: &'static str,
    /// What happens, in order of time.
    pub acts: Vec<(DateTime<Utc>, Act)>,
}

/// Something that happens to an onboarding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// It is opened.
    Open,
    /// Somebody takes a step.
    Take(&'static str),
    /// A step waits for this.
    Block(&'static str, &'static str),
    /// A step no longer waits.
    Unblock(&'static str),
    /// A manual step is done.
    Finish(&'static str),
    /// A file is imported, which ends the import step.
    Import,
    /// Probes run and pass; the first time behind the import, this ends the dry run.
    Check,
    /// A gate is passed on a check of the same hour.
    Pass(&'static str),
}

/// The story of so many tenants over so many years before `now`. The same seed tells the same story.
#[must_use]
pub fn tell(scenario: Scenario, tenants: u32, years: u32, seed: u64, now: DateTime<Utc>) -> Vec<Part> {
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    let span = f64::from(years) * 365.0;
    (0..tenants)
        .map(|number| {
            let progress = (f64::from(number) + dice.random::<f64>()) / f64::from(tenants.max(1));
            let opened_at = now - days(span * (1.0 - progress));
            part(number, opened_at, medians(scenario, progress), &mut dice)
        })
        .map(|mut part| {
            part.acts.retain(|(at, _)| *at <= now);
            part
        })
        .collect()
}

fn part(number: u32, opened_at: DateTime<Utc>, medians: Medians, dice: &mut ChaCha8Rng) -> Part {
    let (country, place) = *one_of(&[("SE", "Sweden"), ("NO", "Norway"), ("FR", "France")], dice);
    let mut acts = vec![(opened_at, Act::Open)];
    let mut at = opened_at;
    for (step, median) in
        [("contract", medians.contract), ("kickoff", medians.kickoff), ("configure", medians.configure)]
    {
        acts.push((at + minutes(5), Act::Take(step)));
        at += drawn(median, dice);
        acts.push((at, Act::Finish(step)));
    }
    let imported = at + drawn(medians.import, dice);
    acts.push((at + minutes(5), Act::Take("import_data")));
    if dice.random_bool(WAITS_FOR_FILE) {
        let length = imported - at;
        acts.push((at + length / 4, Act::Block("import_data", "waits for the tenant's file")));
        acts.push((at + length / 2, Act::Unblock("import_data")));
    }
    acts.push((imported, Act::Import));
    let trained = at + drawn(medians.train, dice);
    acts.push((at + minutes(6), Act::Take("train_admins")));
    acts.push((trained, Act::Finish("train_admins")));
    let rehearsed = imported + drawn(medians.dry_run, dice);
    acts.push((rehearsed, Act::Check));
    let decided = rehearsed.max(trained) + drawn(medians.go, dice);
    acts.push((decided, Act::Pass("go_no_go")));
    acts.push((decided + drawn(medians.live, dice), Act::Pass("go_live")));
    acts.sort_by_key(|(at, _)| *at);
    Part { tenant: format!("demo-{number:05}"), name: format!("Demo {number} of {place}"), country, acts }
}

fn one_of<'a, T>(all: &'a [T; 3], dice: &mut ChaCha8Rng) -> &'a T {
    &all[dice.random_range(0..all.len())]
}

/// A lognormal duration with this median (Box and Muller), an hour at least: so that steps keep their order.
fn drawn(median: f64, dice: &mut ChaCha8Rng) -> TimeDelta {
    let (first, second) = (1.0 - dice.random::<f64>(), dice.random::<f64>());
    let normal = (-2.0 * first.ln()).sqrt() * (std::f64::consts::TAU * second).cos();
    days(median * (SPREAD * normal).exp()).max(TimeDelta::hours(1))
}

#[allow(clippy::cast_possible_truncation, reason = "seconds of some years fit into 64 bits")]
fn days(days: f64) -> TimeDelta {
    TimeDelta::seconds((days * 86_400.0).round() as i64)
}

fn minutes(minutes: i64) -> TimeDelta {
    TimeDelta::minutes(minutes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_tells_the_same_story_and_nothing_lies_in_the_future() {
        let now = DateTime::from_timestamp(1_767_225_600, 0).expect("a time within range");
        let told = tell(Scenario::Card, 50, 2, 7, now);
        assert_eq!(told, tell(Scenario::Card, 50, 2, 7, now));
        assert_ne!(told, tell(Scenario::Card, 50, 2, 8, now));
        assert!(told.iter().flat_map(|part| &part.acts).all(|(at, _)| *at <= now));
        assert!(told.iter().all(|part| part.acts.first().is_some_and(|(_, act)| *act == Act::Open)));
    }
}
