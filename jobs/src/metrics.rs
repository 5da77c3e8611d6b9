//! What a process counts of its jobs, for Prometheus. `docs/metrics.md` says what each metric means.
//!
//! Labels have few values each: kinds, outcomes, verdicts; never a tenant, an id or an address.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use workbench_engine::job::JobKind;

/// Upper bounds of durations of jobs, in seconds: a notification takes milliseconds, an import may take half an hour.
const BOUNDS: [f64; 12] = [0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 1800.0, 3600.0];

/// What is counted of jobs. Copies count into the same.
#[derive(Debug, Clone)]
pub struct JobMetrics {
    attempts: Family<Attempt, Counter>,
    waits: Family<OfKind, Histogram, fn() -> Histogram>,
    runs: Family<OfKind, Histogram, fn() -> Histogram>,
    handed_over: Counter,
    leases_lost: Counter,
    probes: Family<OfVerdict, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Attempt {
    kind: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfKind {
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfVerdict {
    verdict: &'static str,
}

impl Default for JobMetrics {
    fn default() -> Self {
        let seconds: fn() -> Histogram = || Histogram::new(BOUNDS);
        Self {
            attempts: Family::default(),
            waits: Family::new_with_constructor(seconds),
            runs: Family::new_with_constructor(seconds),
            handed_over: Counter::default(),
            leases_lost: Counter::default(),
            probes: Family::default(),
        }
    }
}

impl JobMetrics {
    /// Puts everything into a registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("job_attempts", "Attempts at jobs that ended in this process", self.attempts.clone());
        let waits = "From the time that a job was due to its claim by this process";
        registry.register_with_unit("job_wait", waits, Unit::Seconds, self.waits.clone());
        let runs = "From the claim of a job to the end of the attempt";
        registry.register_with_unit("job_run", runs, Unit::Seconds, self.runs.clone());
        let handed_over = "Ids of jobs that the relay of this process gave to the queue";
        registry.register("jobs_handed_over", handed_over, self.handed_over.clone());
        let leases_lost = "Jobs that this process took back from workers that were lost";
        registry.register("leases_lost", leases_lost, self.leases_lost.clone());
        registry.register("probe_results", "Verdicts of probes that this process ran", self.probes.clone());
    }

    pub(crate) fn claimed(&self, kind: JobKind, waited: Duration) {
        self.waits.get_or_create(&OfKind { kind: kind.as_str() }).observe(waited.as_secs_f64());
    }

    pub(crate) fn ended(&self, kind: JobKind, outcome: &'static str, ran: Duration) {
        let kind = kind.as_str();
        self.attempts.get_or_create(&Attempt { kind, outcome }).inc();
        self.runs.get_or_create(&OfKind { kind }).observe(ran.as_secs_f64());
    }

    pub(crate) fn handed_over(&self, ids: i64) {
        self.handed_over.inc_by(u64::try_from(ids).unwrap_or_default());
    }

    pub(crate) fn lease_lost(&self) {
        self.leases_lost.inc();
    }

    pub(crate) fn probed(&self, verdict: &'static str) {
        self.probes.get_or_create(&OfVerdict { verdict }).inc();
    }
}
