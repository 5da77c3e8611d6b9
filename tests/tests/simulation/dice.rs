//! Chance by seed, and the faults that it brings.

use chrono::TimeDelta;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// What goes wrong in a play.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A process dies between two of its actions, with all that it held in memory.
    Kill,
    /// A process stands still, for longer than a lease at times.
    Stall,
    /// For minutes, no process does anything.
    Night,
    /// A process hands its jobs back and starts anew.
    Stop,
    /// A process's clock jumps.
    ClockJump,
    /// The queue comes back empty.
    QueueLoss,
    /// The queue delivers what it has twice.
    QueueCopy,
    /// The queue delivers late and in another order.
    QueueDelay,
    /// The queue refuses ids, or takes some and says that it did not.
    QueueRefusal,
    /// A transaction is taken back.
    Abort,
    /// A transaction is kept and nobody is told.
    Unanswered,
    /// The store is away for a while.
    Outage,
    /// An attempt fails for reasons of its own.
    WorkFails,
}

impl Fault {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::Kill,
        Self::Stall,
        Self::Night,
        Self::Stop,
        Self::ClockJump,
        Self::QueueLoss,
        Self::QueueCopy,
        Self::QueueDelay,
        Self::QueueRefusal,
        Self::Abort,
        Self::Unanswered,
        Self::Outage,
        Self::WorkFails,
    ];
}

/// Chance, the same for the same seed.
pub struct Dice {
    numbers: StdRng,
    faults: Vec<Fault>,
}

impl Dice {
    /// Chance from a seed, with these faults.
    pub fn new(seed: u64, faults: &[Fault]) -> Self {
        Self { numbers: StdRng::seed_from_u64(seed), faults: faults.to_vec() }
    }

    /// From now on nothing goes wrong any more.
    pub fn spare(&mut self) {
        self.faults.clear();
    }

    /// Whether a fault strikes. Drawn whether it may or not, so that a play without it goes as alike as can be.
    pub fn strikes(&mut self, fault: Fault, probability: f64) -> bool {
        let drawn = self.numbers.random_bool(probability);
        drawn && self.faults.contains(&fault)
    }

    /// Whether something happens that is no fault.
    pub fn happens(&mut self, probability: f64) -> bool {
        self.numbers.random_bool(probability)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        self.numbers.random_range(0..end)
    }

    /// From 0 to 1.
    pub fn share(&mut self) -> f64 {
        self.numbers.random_range(0.0..=1.0)
    }

    /// A time between two, in milliseconds, and so many microseconds more that no two things happen at once.
    pub fn between(&mut self, least: i64, most: i64) -> TimeDelta {
        TimeDelta::microseconds(self.numbers.random_range(least * 1000..=most * 1000))
    }

    /// One of several.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        if from.is_empty() { None } else { from.get(self.numbers.random_range(0..from.len())) }
    }
}
