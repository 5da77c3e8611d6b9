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
    /// How long all attempts took together.
    pub duration_ms: i64,
    /// Tries before the verdict.
    pub attempts: i64,
    /// What was tried in the last attempt, step by step, and its clean-up.
    #[schema(value_type = Vec<Object>)]
    pub steps: Value,
    /// What was measured on the way: `label`, `value`, and where there are such `unit`, `warn`, `crit`, `min`, `max`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    pub measures: Option<Value>,
    /// The attempts before the last: `status`, `message`, `duration_ms` and `steps` of each.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    pub earlier_attempts: Option<Value>,
}

/// A tenant's health checks.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct HealthHistory {
    /// The finished check with the newest evidence; the one that gates look at.
    pub latest: Option<HealthCheckView>,
    /// Since when checks have come to that status, without another in between.
    pub since: Option<DateTime<Utc>>,
    /// Newest first, without probes.
    pub history: Vec<HealthCheckView>,
}

/// What one probe came to on a tenant's platform, time after time.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ProbeHistoryView {
    /// Name of the probe.
    pub probe: String,
    /// What it came to last: `pass`, `warn`, `fail` or `error`.
    pub status: String,
    /// Since when it has come to that, without another in between.
    pub since: DateTime<Utc>,
    /// Whether its status changes so often that one change of it means little.
    pub is_flapping: bool,
    /// Weighted share of changes among its latest 21 results, in percent.
    pub change_percent: f64,
    /// Newest first.
    pub items: Vec<ProbeRunView>,
    /// Continues the list.
    pub next_cursor: Option<String>,
}

/// One run of a probe.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ProbeRunView {
    /// The check that it was part of.
    pub check_id: String,
    /// When that check began.
    pub checked_at: DateTime<Utc>,
    /// What the probe came to.
    #[serde(flatten)]
    pub result: ProbeView,
}
