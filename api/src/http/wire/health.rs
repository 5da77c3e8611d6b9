//! Health checks.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A health check.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct HealthCheckView {
    /// Its id.
    pub id: String,
    /// The job that runs it.
    pub job_id: String,
    /// Whose health.
    pub tenant_id: String,
    /// `running`, then the worst of the probes: `pass`, `warn` or `fail`.
    pub status: String,
    /// When the first probe started.
    pub checked_at: Option<DateTime<Utc>>,
    /// When the last probe ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Who asked for it.
    pub requested_by: String,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// One entry per probe.
    pub probes: Vec<ProbeView>,
}

/// One probe's result.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ProbeView {
    /// Name of the probe.
    pub probe: String,
    /// `pass`, `warn`, `fail`, or `error` where the probe itself could not run.
    pub status: String,
    /// What came.
    pub message: String,
    /// What to do.
    pub hint: String,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// How long it took.
    pub duration_ms: i64,
    /// Tries before the verdict.
    pub attempts: i64,
    /// What was tried, step by step.
    #[schema(value_type = Vec<Object>)]
    pub steps: Value,
}

/// A tenant's health checks.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct HealthHistory {
    /// The finished check with the newest evidence; the one that gates look at.
    pub latest: Option<HealthCheckView>,
    /// Newest first, without probes.
    pub history: Vec<HealthCheckView>,
}
