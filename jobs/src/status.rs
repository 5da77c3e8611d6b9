//! How the worker pool of this process is doing, for `/readyz`.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};

/// Where the pool stands.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
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
    /// The queue threw the pool out; it comes back by itself.
    Restarting {
        /// What the queue said.
        error: String,
        /// Since when.
        since: DateTime<Utc>,
    },
}

/// The shared view of relay and pool.
#[derive(Debug, Clone)]
pub struct Status {
    pool: Arc<Mutex<PoolState>>,
    relay: Arc<Mutex<Option<String>>>,
    definitions: Arc<Mutex<Option<String>>>,
}

impl Default for Status {
    fn default() -> Self {
        Self { pool: Arc::new(Mutex::new(PoolState::Off)), relay: Arc::default(), definitions: Arc::default() }
    }
}

impl Status {
    /// The pool as it is.
    #[must_use]
    pub fn pool(&self) -> PoolState {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What keeps the relay from handing jobs over, if anything does.
    #[must_use]
    pub fn relay_problem(&self) -> Option<String> {
        self.relay.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
        *self.pool.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    pub(crate) fn set_relay_problem(&self, problem: Option<String>) {
        *self.relay.lock().unwrap_or_else(PoisonError::into_inner) = problem;
    }
}
