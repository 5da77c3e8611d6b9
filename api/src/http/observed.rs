//! What was last seen of store and queue. Whoever asks, however often, the database is asked once in a while.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use tokio::sync::Mutex;
use workbench_engine::store::{Backlog, Store};
use workbench_jobs::{Down, Queue};

/// For how long a sight is good.
const FRESH: Duration = Duration::from_secs(1);
/// A part that does not answer so soon is down.
const PATIENCE: Duration = Duration::from_secs(2);
/// Due jobs are counted up to here.
pub const MOST_COUNTED: i64 = 10_000;

/// Store and queue at a moment.
#[derive(Debug, Clone)]
pub struct Sight {
    /// The due jobs, or why the store does not say.
    pub store: Result<Backlog, Down>,
    /// Whether the queue answers.
    pub queue: Result<(), Down>,
}

/// Looks, and remembers.
#[derive(Clone)]
pub struct Observed {
    store: Store,
    queue: Queue,
    last: Arc<Mutex<Option<(Instant, Sight)>>>,
}

impl Observed {
    /// Nothing seen yet.
    pub fn new(store: &Store, queue: &Queue) -> Self {
        Self { store: store.clone(), queue: queue.clone(), last: Arc::default() }
    }

    /// The queue's name.
    pub fn queue_name(&self) -> &'static str {
        self.queue.name()
    }

    /// The present, or what was present a moment ago. Those who ask at once share one look.
    pub async fn look(&self) -> Sight {
        let mut last = self.last.lock().await;
        if let Some((at, sight)) = &*last
            && at.elapsed() < FRESH
        {
            return sight.clone();
        }
        let (store, queue) = tokio::join!(
            answered("the database", self.store.backlog(Utc::now(), MOST_COUNTED)),
            answered("the queue", self.queue.ping()),
        );
        let before = last.take().map(|(_, sight)| sight);
        let (store_before, queue_before) = before.map_or((None, None), |sight| (sight.store.err(), sight.queue.err()));
        let sight = Sight {
            store: store.map_err(|error| dated(error, store_before)),
            queue: queue.map_err(|error| dated(error, queue_before)),
        };
        *last = Some((Instant::now(), sight.clone()));
        sight
    }
}

async fn answered<T, E: std::fmt::Display>(who: &str, asked: impl Future<Output = Result<T, E>>) -> Result<T, String> {
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => {
            // What a driver says can name hosts and is for the log: this is read without a credential.
            tracing::debug!(%error, who, "did not answer properly");
            Err(format!("{who} does not answer properly; see the log"))
        }
        Err(_) => Err(format!("{who} did not answer within {PATIENCE:?}")),
    }
}

/// What was down before is so since then.
fn dated(error: String, before: Option<Down>) -> Down {
    Down { error, since: before.map_or_else(Utc::now, |before| before.since) }
}
