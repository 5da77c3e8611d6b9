//! A thousand short lives of the product, or as many as one likes, in virtual time, each with other faults.
//!
//! The rules and the store are the real ones, the latter on a SQLite file in memory; the queue, the processes, their clocks
//! and the network are played, by chance that a seed determines. Once nothing goes wrong any more, everything must come to
//! rest within bounded time, and what was promised must hold: see [`verdict`] and [`ledger`].
//!
//! `SIMULATION_SEED=7` plays one seed and prints what happened. `SIMULATION_SCHEDULES=100000` plays more than usual, and
//! `SIMULATION_FIRST=5000` others.

mod content;
mod daemon;
mod dice;
mod ledger;
mod person;
mod play;
mod queue;
mod stage;
mod verdict;
mod worker;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use dice::Fault;
use play::Broken;
use stage::Stage;

/// Seeds that are played unless told otherwise.
const SCHEDULES: u64 = 1_000;
/// Plays at once: their files must find room in the 64 MiB that containers give to files in memory.
const AT_ONCE: usize = 8;
/// Actions that are shown of a play that failed.
const SHOWN: usize = 60;

type Played = (Vec<String>, Option<Broken>);

/// A number from the environment.
fn asked(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

fn play(stage: &Stage, seed: u64, faults: &[Fault]) -> Played {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
    runtime.block_on(async { play::play(stage, seed, faults).await })
}

/// Leaves out faults of a play that fails, as long as it still breaks the same promise.
fn shrink(stage: &Stage, seed: u64, broken: &Broken, played: Played) -> (Vec<Fault>, Played) {
    let (mut faults, mut smallest) = (Fault::ALL.to_vec(), played);
    for fault in Fault::ALL {
        let fewer: Vec<Fault> = faults.iter().copied().filter(|one| *one != fault).collect();
        let again = play(stage, seed, &fewer);
        if again.1.as_ref().is_some_and(|other| other.promise == broken.promise) {
            (faults, smallest) = (fewer, again);
        }
    }
    (faults, smallest)
}

fn report(stage: &Stage, seed: u64, broken: &Broken, played: Played) -> String {
    let (faults, (trace, smallest)) = shrink(stage, seed, broken, played);
    let broken = smallest.unwrap_or_else(|| broken.clone());
    let shown = trace[trace.len().saturating_sub(SHOWN)..].join("\n");
    format!(
        "seed {seed} breaks “{}”: {}\nwith no other faults than {faults:?}, after:\n{shown}\n\
         SIMULATION_SEED={seed} plays it again",
        broken.promise, broken.how
    )
}

#[test]
fn whatever_goes_wrong_what_was_promised_holds() {
    let stage = Stage::build();
    if let Some(seed) = asked("SIMULATION_SEED") {
        let played = play(&stage, seed, &Fault::ALL);
        println!("{}", played.0.join("\n"));
        if let Some(broken) = played.1.clone() {
            panic!("{}", report(&stage, seed, &broken, played));
        }
        return;
    }
    let first = asked("SIMULATION_FIRST").unwrap_or(0);
    let end = first.saturating_add(asked("SIMULATION_SCHEDULES").unwrap_or(SCHEDULES));
    let (next, failed) = (AtomicU64::new(first), AtomicBool::new(false));
    let (failure, actions) = (Mutex::new(None), AtomicU64::new(0));
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from).min(AT_ONCE) {
            scope.spawn(|| {
                while !failed.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        break;
                    }
                    let played = play(&stage, seed, &Fault::ALL);
                    actions.fetch_add(u64::try_from(played.0.len()).unwrap_or(0), Ordering::Relaxed);
                    if let Some(broken) = played.1.clone() {
                        failed.store(true, Ordering::Relaxed);
                        let mut failure = failure.lock().expect("no thread panics with it");
                        failure.get_or_insert((seed, broken, played));
                    }
                }
            });
        }
    });
    let played = next.load(Ordering::Relaxed).min(end) - first;
    println!("{played} schedules, {} told actions, {:.1?}", actions.into_inner(), begun.elapsed());
    if let Some((seed, broken, played)) = failure.into_inner().expect("no thread panics with it") {
        panic!("{}", report(&stage, seed, &broken, played));
    }
}

#[test]
fn a_seed_always_plays_the_same() {
    let stage = Stage::build();
    for seed in 0..10 {
        let (once, again) = (play(&stage, seed, &Fault::ALL), play(&stage, seed, &Fault::ALL));
        let differs = once.0.iter().zip(&again.0).find(|(one, other)| one != other);
        assert_eq!(differs, None, "seed {seed}");
        assert_eq!(once.0.len(), again.0.len(), "seed {seed}");
    }
}
