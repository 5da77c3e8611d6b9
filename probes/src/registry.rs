//! The probes a daemon knows, and running some of them against one target.

use std::fmt::{self, Write as _};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::Utc;
use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::{FuturesUnordered, StreamExt as _};
use sha2::{Digest as _, Sha256};

use crate::declared;
use crate::result::{ProbeResult, milliseconds};
use crate::status::ProbeStatus;
use crate::target::{Limits, Target};
use crate::turns::{Concurrency, Turns};

/// What a probe has after its own time is up to say what it was waiting for; one that keeps to its limit says more
/// than the verdict given in its stead.
const GRACE: Duration = Duration::from_millis(500);

/// One thing that a tenant's platform has to be able to do.
#[async_trait]
pub trait Probe: Send + Sync {
    /// Name by which workflows and requests ask for the probe.
    fn name(&self) -> &str;

    /// Tries it. Does not fail: what went wrong is the result, with [`ProbeStatus::Error`] where the probe itself
    /// could not run. Whoever tries keeps the target's secret out of the result, and connects to no address that
    /// [`AddressPolicy::resolve`](crate::AddressPolicy::resolve) has not given. What is dropped has been given up, and
    /// leaves nothing running.
    async fn run(&self, target: &Target, limits: &Limits) -> ProbeResult;

    /// Whether it cannot be tried on a platform of which no secret is known. It is, unless the probe knows better.
    fn needs_secret(&self) -> bool {
        true
    }

    /// What changes when the probe begins to check something else, so that results can be told apart by what was
    /// checked. The name alone, unless the probe knows better.
    fn fingerprint(&self) -> String {
        self.name().to_owned()
    }
}

/// The probes that can be run, in the order in which people read them.
#[derive(Clone)]
pub struct HealthProbes {
    probes: Vec<Arc<dyn Probe>>,
    /// Shared by all copies, and so by all runs of a process.
    turns: Arc<Turns>,
}

impl Default for HealthProbes {
    /// The three shipped probes: `sample_login`, `sample_transaction` and `sample_member_report`.
    fn default() -> Self {
        let mut registry = Self { probes: Vec::new(), turns: Arc::new(Turns::new(Concurrency::default())) };
        registry.set_health_probes(
            declared::shipped().into_iter().map(|probe| Arc::new(probe) as Arc<dyn Probe>).collect(),
        );
        registry
    }
}

impl fmt::Debug for HealthProbes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HealthProbes").field(&self.names()).finish()
    }
}

impl HealthProbes {
    /// Puts `probes` in the place of those that were registered. Of two with the same name, the later one counts.
    pub fn set_health_probes(&mut self, probes: Vec<Arc<dyn Probe>>) {
        self.probes.clear();
        for probe in probes {
            self.add(probe);
        }
    }

    /// Adds a probe, in the place of the one of the same name if there is one.
    pub fn add(&mut self, probe: Arc<dyn Probe>) {
        match self.probes.iter_mut().find(|known| known.name() == probe.name()) {
            Some(known) => *known = probe,
            None => self.probes.push(probe),
        }
    }

    /// Sets how many probes run at once. Does not concern copies that were made before.
    pub fn set_concurrency(&mut self, concurrency: Concurrency) {
        self.turns = Arc::new(Turns::new(concurrency));
    }

    /// Names of the registered probes, in order.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.probes.iter().map(|probe| probe.name()).collect()
    }

    /// Runs the named probes, as many at once as [`HealthProbes::set_concurrency`] has it for all runs together, and gives
    /// their results in the order of `names`. Waiting for a turn is not counted to a probe's time.
    ///
    /// `on_result` hears of each as soon as it is known. A probe that takes longer than its limit has failed, one
    /// that nobody registered or that panics is broken; neither keeps the others from their verdict.
    pub async fn run(
        &self,
        names: &[String],
        target: &Target,
        limits: &Limits,
        mut on_result: impl FnMut(&ProbeResult),
    ) -> Vec<ProbeResult> {
        let runs: Vec<BoxFuture<'_, (usize, ProbeResult)>> = names
            .iter()
            .enumerate()
            .map(|(place, name)| self.run_one(name, target, limits).map(move |result| (place, result)).boxed())
            .collect();
        let mut running: FuturesUnordered<_> = runs.into_iter().collect();
        let mut results = Vec::with_capacity(names.len());
        while let Some((place, result)) = running.next().await {
            on_result(&result);
            results.push((place, result));
        }
        results.sort_by_key(|(place, _)| *place);
        results.into_iter().map(|(_, result)| result).collect()
    }

    async fn run_one(&self, name: &str, target: &Target, limits: &Limits) -> ProbeResult {
        let Some(probe) = self.probes.iter().find(|probe| probe.name() == name) else {
            let hint = format!("Registered probes: {}.", self.names().join(", "));
            return ProbeResult::new(name, ProbeStatus::Error, format!("unknown probe `{name}`"), hint);
        };
        if target.secret.is_none() && probe.needs_secret() {
            let message = "the tenant has no `probe_secret`, so the probe cannot log in";
            return ProbeResult::new(
                name,
                ProbeStatus::Error,
                message,
                "Set it on the tenant, then run the check again.",
            );
        }
        let _turn = self.turns.take(target).await;
        let started_at = Utc::now();
        let started = Instant::now();
        let run = AssertUnwindSafe(probe.run(target, limits)).catch_unwind();
        let result = match tokio::time::timeout(limits.timeout.saturating_add(GRACE), run).await {
            Ok(Ok(result)) => result,
            Ok(Err(_panic)) => {
                // The panic's text is left out: it may quote what the probe held, a secret included.
                let hint = "Look at the daemon's log and mend the probe.";
                ProbeResult::new(name, ProbeStatus::Error, "the probe itself crashed", hint)
            }
            Err(_elapsed) => ProbeResult::new(
                name,
                ProbeStatus::Fail,
                format!("the probe did not finish within {:?}", limits.timeout),
                "See whether the platform answers, and how fast.",
            ),
        };
        let result = if result.attempts == 0 {
            ProbeResult { started_at, duration_ms: milliseconds(started.elapsed()), ..result }
        } else {
            result
        };
        tracing::info!(
            probe = name,
            tenant = target.tenant_id,
            status = result.status.as_str(),
            duration_ms = result.duration_ms,
            "probe finished"
        );
        result
    }

    /// A hash of what all registered probes check, for telling whether two runs checked the same.
    #[must_use]
    pub fn set_hash(&self) -> String {
        let mut hash = Sha256::new();
        for probe in &self.probes {
            for part in [probe.name(), &probe.fingerprint()] {
                // Lengths keep two neighbours from being read as one.
                hash.update(part.len().to_be_bytes());
                hash.update(part);
            }
        }
        hexadecimal(&hash.finalize())
    }
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing to a String cannot fail
        text
    })
}
