//! What small numbers, unfinished and given-up onboardings do to statistics: the reasons why the retrospective is as it is,
//! as simulations with a seed.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::incidence::{cumulative_incidence, reached_by};
use super::order_statistics::{median_interval, quantile, ratio};
use super::survival::{Curve, End, Watched};
use super::verdict::{Outcome, compare};

/// How spread durations are: a σ of the logarithm.
const SPREAD: f64 = 0.5;

struct World(ChaCha8Rng);

impl World {
    fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Above 0 and at most 1.
    fn unit(&mut self) -> f64 {
        (f64::from(self.0.next_u32()) + 1.0) / 4_294_967_296.0
    }

    /// A lognormal duration with this median (Box and Muller).
    fn days(&mut self, median: f64) -> f64 {
        let normal = (-2.0 * self.unit().ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos();
        median * (SPREAD * normal).exp()
    }

    fn cohort(&mut self, median: f64, n: usize) -> Vec<f64> {
        (0..n).map(|_| self.days(median)).collect()
    }
}

fn median(all: &[f64]) -> f64 {
    let mut sorted = all.to_vec();
    sorted.sort_by(f64::total_cmp);
    quantile(&sorted, 0.5).expect("there are durations")
}

/// In which share of so many tries something happens.
fn share(tries: usize, mut happens: impl FnMut() -> bool) -> f64 {
    ratio((0..tries).filter(|_| happens()).count(), tries)
}

#[test]
fn the_exact_interval_covers_what_it_says() {
    let mut world = World::new(1);
    for n in [6, 8, 10, 20, 30] {
        let covered = share(4000, || {
            let mut cohort = world.cohort(38.0, n);
            cohort.sort_by(f64::total_cmp);
            median_interval(&cohort).is_some_and(|(low, high)| low <= 38.0 && 38.0 <= high)
        });
        assert!((0.94..0.996).contains(&covered), "n = {n}: {covered}");
    }
}

#[test]
fn a_drop_from_38_to_27_days_comes_by_luck_and_is_no_verdict() {
    let mut world = World::new(2);
    for (n, by_luck) in [(4, 0.24), (8, 0.16), (20, 0.075)] {
        let mut improved = 0;
        let drops = share(4000, || {
            let (before, after) = (world.cohort(38.0, n), world.cohort(38.0, n));
            improved += usize::from(compare(&before, &after).outcome == Outcome::Improved);
            median(&before) - median(&after) >= 11.0
        });
        assert!((drops - by_luck).abs() < 0.025, "n = {n}: {drops}");
        assert!(ratio(improved, 4000) <= 0.032, "n = {n}: {improved} false verdicts");
    }
}

#[test]
fn about_forty_per_side_show_a_true_improvement() {
    let mut world = World::new(3);
    for (n, power) in [(8, 0.20), (20, 0.55), (40, 0.82)] {
        let shown =
            share(1000, || compare(&world.cohort(38.0, n), &world.cohort(27.0, n)).outcome == Outcome::Improved);
        assert!((shown - power).abs() < 0.05, "n = {n}: {shown}");
    }
}

#[test]
fn completed_ones_alone_flatter() {
    let mut world = World::new(4);
    let watched: Vec<Watched> = (0..20_000)
        .map(|_| {
            let (age, days) = (90.0 * world.unit(), world.days(38.0));
            if days <= age { Watched { days, end: End::Reached } } else { Watched { days: age, end: End::Open } }
        })
        .collect();
    let completed: Vec<f64> = watched.iter().filter(|one| one.end == End::Reached).map(|one| one.days).collect();
    let all = Curve::of(&watched).median().expect("half are reached");
    assert!((median(&completed) - 32.0).abs() < 1.5, "{}", median(&completed));
    assert!((all - 38.0).abs() < 1.0, "{all}");
}

#[test]
fn given_up_onboardings_are_never_live() {
    let mut world = World::new(5);
    let watched: Vec<Watched> = (0..20_000)
        .map(|_| {
            let (live, given_up) = (world.days(38.0), -75.0 * world.unit().ln());
            let end = if live <= given_up { End::Reached } else { End::Cancelled };
            Watched { days: live.min(given_up), end }
        })
        .collect();
    let truth = ratio(watched.iter().filter(|one| one.end == End::Reached && one.days <= 60.0).count(), watched.len());
    let honest = reached_by(&cumulative_incidence(&watched), 60.0);
    let promised = Curve::of(&watched).reached_by(60.0);
    assert!((honest - truth).abs() < 1e-9);
    assert!(promised - truth > 0.15, "promised {promised}, true {truth}");
}

#[test]
fn step_medians_do_not_add_up() {
    let mut world = World::new(6);
    let totals: Vec<f64> = (0..20_000).map(|_| (0..8).map(|_| world.days(4.0)).sum()).collect();
    // Eight medians of four days are not a median of 32.
    assert!(median(&totals) > 34.0, "{}", median(&totals));
}
