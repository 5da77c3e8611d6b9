//! What every job needs to do its work.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use chrono::TimeDelta;
use url::Url;
use workbench_engine::store::Store;
use workbench_importer::{Signers, UnpackLimits};
use workbench_probes::{Concurrency, HealthProbes};

use crate::{Channels, JobMetrics, Objects};

/// How jobs are run. The defaults suit production; tests shorten the times.
#[derive(Debug, Clone)]
pub struct JobSettings {
    /// How long a claim holds without a heartbeat.
    pub lease: Duration,
    /// After how long a job that was handed over and not claimed is handed over again.
    pub rehand_after: Duration,
    /// Jobs that one process runs at once.
    pub concurrency: usize,
    /// Ids that may wait in the queue. Far below the 8,000 at which Redis' Lua would fail for good on moving them.
    pub outstanding: i64,
    /// For how long a preview can be confirmed.
    pub preview_ttl: Duration,
    /// For how long a completed import can be undone.
    pub rollback_window: Duration,
    /// How long one probe may take.
    pub probe_timeout: Duration,
    /// How many probes one process runs at once.
    pub probe_concurrency: Concurrency,
    /// `host:port` of addresses inside the operator's network that probes may reach.
    pub probe_allow: Vec<String>,
    /// Folder of the files that `file:NAME` may name as a probes' secret; none may be named where absent.
    pub probe_secrets: Option<PathBuf>,
    /// Folder of the programs that steps may run; none are run where absent.
    pub commands: Option<PathBuf>,
    /// Folder of the files that `file:NAME` may name as a channel's secret; none may be named where absent.
    pub notify_secrets: Option<PathBuf>,
    /// Address under which people reach the console, for links in messages.
    pub public_url: Option<Url>,
    /// Whose signatures on federation submissions are known.
    pub signers: Arc<Signers>,
    /// How much a packed upload may unpack to.
    pub unpack: UnpackLimits,
}

impl Default for JobSettings {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(15),
            rehand_after: Duration::from_secs(10),
            concurrency: 4,
            outstanding: 1000,
            preview_ttl: Duration::from_hours(30 * 24),
            rollback_window: Duration::from_hours(7 * 24),
            probe_timeout: Duration::from_secs(30),
            probe_concurrency: Concurrency::default(),
            probe_allow: Vec::new(),
            probe_secrets: None,
            commands: None,
            notify_secrets: None,
            public_url: None,
            signers: Arc::default(),
            unpack: UnpackLimits::default(),
        }
    }
}

impl JobSettings {
    /// For how long a preview can be confirmed, as the store counts it.
    #[must_use]
    pub fn preview_window(&self) -> TimeDelta {
        TimeDelta::from_std(self.preview_ttl).unwrap_or(TimeDelta::MAX)
    }

    /// The lease as the store counts it.
    #[must_use]
    pub fn lease_delta(&self) -> TimeDelta {
        TimeDelta::from_std(self.lease).unwrap_or(TimeDelta::seconds(15))
    }
}

/// What every job needs; cheap to clone.
#[derive(Debug, Clone)]
pub struct Context {
    /// The truth.
    pub store: Store,
    /// Uploaded files.
    pub objects: Objects,
    /// The probes that can be run, as their files were read last. A job that begins with some ends with them.
    pub probes: Arc<ArcSwap<HealthProbes>>,
    /// Where notifications go, as the file was read last.
    pub channels: Arc<ArcSwap<Channels>>,
    /// How jobs are run.
    pub settings: Arc<JobSettings>,
    /// What is counted of them.
    pub metrics: JobMetrics,
}
