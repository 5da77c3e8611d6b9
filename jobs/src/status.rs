//! How the machinery of this process is doing, for `/readyz`, the metrics and the log.
//!
//! What is down is logged when it goes down and when it is up again, and not once per try.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};

/// A part of the machinery that goes round by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Hands jobs to the queue.
    Relay,
    /// Takes jobs back from lost workers.
    Reconciler,
    /// Follows the calendar.
    Scheduler,
    /// Takes and runs jobs.
    Workers,
}

impl Part {
    /// Every part.
    pub const ALL: [Self; 4] = [Self::Relay, Self::Reconciler, Self::Scheduler, Self::Workers];

    /// Its name, as `/readyz` has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::Reconciler => "reconciler",
            Self::Scheduler => "scheduler",
            Self::Workers => "workers",
        }
    }
}

/// Why a part does not do its work, and since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Down {
    /// What keeps it, as of the last try.
    pub error: String,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// Where the worker pool stands while nothing keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PoolState {
    /// This process runs no jobs.
    Off,
    /// Not connected yet.
    Starting,
    /// Taking jobs.
    Running {
        /// Name under which it registered.
        worker: String,
    },
}

/// The shared view of the parts.
#[derive(Debug, Clone)]
pub struct Status {
    pool: Arc<Mutex<PoolState>>,
    down: Arc<Mutex<BTreeMap<Part, Down>>>,
    definitions: Arc<Mutex<Option<String>>>,
}

impl Default for Status {
    fn default() -> Self {
        Self { pool: Arc::new(Mutex::new(PoolState::Off)), down: Arc::default(), definitions: Arc::default() }
    }
}

impl Status {
    /// The pool as it is.
    #[must_use]
    pub fn pool(&self) -> PoolState {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What keeps a part from its work, if anything does.
    #[must_use]
    pub fn down(&self, part: Part) -> Option<Down> {
        self.down.lock().unwrap_or_else(PoisonError::into_inner).get(&part).cloned()
    }

    /// Why the definitions as they are on disk are not used, where they are not.
    #[must_use]
    pub fn definitions_problem(&self) -> Option<String> {
        self.definitions.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says whether the definitions on disk can be used.
    pub fn set_definitions_problem(&self, problem: Option<String>) {
        *self.definitions.lock().unwrap_or_else(PoisonError::into_inner) = problem;
    }

    pub(crate) fn set_pool(&self, state: PoolState) {
        if matches!(state, PoolState::Running { .. }) {
            self.works(Part::Workers);
        }
        *self.pool.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// A part has done a round.
    pub(crate) fn works(&self, part: Part) {
        if let Some(down) = self.down.lock().unwrap_or_else(PoisonError::into_inner).remove(&part) {
            let seconds = (Utc::now() - down.since).num_seconds();
            tracing::info!(part = part.as_str(), seconds, "works again");
        }
    }

    /// A part could not do a round; it goes on trying.
    pub(crate) fn fails(&self, part: Part, error: &dyn std::fmt::Display) {
        let error = error.to_string();
        let mut all = self.down.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(down) = all.get_mut(&part) {
            tracing::debug!(part = part.as_str(), error, "still does not work");
            down.error = error;
        } else {
            tracing::warn!(part = part.as_str(), error, "does not work; it is tried again until it does");
            all.insert(part, Down { error, since: Utc::now() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_dates_and_the_last_explains() {
        let status = Status::default();
        status.fails(Part::Relay, &"gone");
        let since = status.down(Part::Relay).expect("it is down").since;
        status.fails(Part::Relay, &"refused");
        assert_eq!(status.down(Part::Relay), Some(Down { error: "refused".to_owned(), since }));
        assert_eq!(status.down(Part::Scheduler), None);
        status.works(Part::Relay);
        assert_eq!(status.down(Part::Relay), None);
    }

    #[test]
    fn a_pool_that_runs_is_up_again() {
        let status = Status::default();
        status.fails(Part::Workers, &"thrown out");
        status.set_pool(PoolState::Starting);
        assert!(status.down(Part::Workers).is_some());
        status.set_pool(PoolState::Running { worker: "w".to_owned() });
        assert_eq!(status.down(Part::Workers), None);
    }
}
