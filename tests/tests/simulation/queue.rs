//! A queue that is trusted with nothing: it loses, repeats, delays, reorders and refuses.

use chrono::{DateTime, Utc};

use super::dice::{Dice, Fault};

/// Ids that were sent and not fetched.
#[derive(Default)]
pub struct Queue {
    held: Vec<(DateTime<Utc>, String)>,
}

/// The queue did not say that it took what it was sent.
pub struct Refused;

impl Queue {
    /// How many ids it holds, those that nobody can fetch yet among them.
    pub fn waiting(&self) -> i64 {
        i64::try_from(self.held.len()).unwrap_or(i64::MAX)
    }

    /// Takes ids. Where it refuses, some may have arrived.
    pub fn send(&mut self, ids: &[String], now: DateTime<Utc>, dice: &mut Dice) -> Result<(), Refused> {
        let refuses = dice.strikes(Fault::QueueRefusal, 0.05);
        let arrive = if refuses { dice.below(ids.len() + 1) } else { ids.len() };
        for id in &ids[..arrive] {
            let late = dice.between(500, 20_000);
            let at = if dice.strikes(Fault::QueueDelay, 0.1) { now + late } else { now };
            self.held.push((at, id.clone()));
            if dice.strikes(Fault::QueueCopy, 0.05) {
                self.held.push((at + late, id.clone()));
            }
        }
        if refuses { Err(Refused) } else { Ok(()) }
    }

    /// Gives one of the ids that can be fetched: the one sent first, or any where the order is lost.
    pub fn fetch(&mut self, now: DateTime<Utc>, dice: &mut Dice) -> Option<String> {
        let ready: Vec<usize> =
            self.held.iter().enumerate().filter(|(_, (at, _))| *at <= now).map(|(place, _)| place).collect();
        let first = ready.first().copied()?;
        let any = dice.pick(&ready).copied().unwrap_or(first);
        let place = if dice.strikes(Fault::QueueDelay, 0.3) { any } else { first };
        Some(self.held.remove(place).1)
    }

    /// Comes back empty.
    pub fn lose(&mut self) {
        self.held.clear();
    }

    /// Delivers everything once more.
    pub fn repeat(&mut self) {
        self.held.extend_from_within(..);
    }
}
