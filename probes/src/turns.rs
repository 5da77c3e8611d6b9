//! Taking turns: how many probes run at once, in all and against one host.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::target::Target;

/// How many probes a process runs at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concurrency {
    /// In all; at least one.
    pub overall: usize,
    /// Against one host, whatever the tenants whose platforms it is; at least one.
    pub per_host: usize,
}

impl Default for Concurrency {
    /// Sixteen in all, four against one host: enough to be quick, too few to be a load.
    fn default() -> Self {
        Self { overall: 16, per_host: 4 }
    }
}

/// Hands out turns in the order in which they were asked for.
#[derive(Debug)]
pub(crate) struct Turns {
    all: Arc<Semaphore>,
    per_host: usize,
    /// Only hosts that somebody has a turn at, or waits for one.
    hosts: Mutex<HashMap<String, Weak<Semaphore>>>,
}

/// A turn, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    _at_host: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl Turns {
    pub(crate) fn new(concurrency: Concurrency) -> Self {
        let permits = |number: usize| number.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            all: Arc::new(Semaphore::new(permits(concurrency.overall))),
            per_host: permits(concurrency.per_host),
            hosts: Mutex::default(),
        }
    }

    /// Waits for a turn at the target's host.
    pub(crate) async fn take(&self, target: &Target) -> Turn {
        const OPEN: &str = "these semaphores are never closed";
        // In this order, whoever waits for a slow host takes nothing from the others.
        let at_host = self.host(target).acquire_owned().await.expect(OPEN);
        let of_all = Arc::clone(&self.all).acquire_owned().await.expect(OPEN);
        Turn { _at_host: at_host, _of_all: of_all }
    }

    fn host(&self, target: &Target) -> Arc<Semaphore> {
        let host = target.base_url.host_str().unwrap_or_default().to_ascii_lowercase();
        // Nothing panics halfway through a change here.
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = hosts.get(&host).and_then(Weak::upgrade) {
            return known;
        }
        hosts.retain(|_, host| host.strong_count() > 0);
        let semaphore = Arc::new(Semaphore::new(self.per_host));
        hosts.insert(host, Arc::downgrade(&semaphore));
        semaphore
    }
}
