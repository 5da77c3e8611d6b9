//! Jobs and how far they are.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

/// How far a piece of work is. Never runs backwards within one job.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Progress {
    /// Done, in `unit`.
    pub done: i64,
    /// In all, where known.
    pub total: Option<i64>,
    /// `bytes` or `rows`.
    pub unit: Option<String>,
}

/// A job.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct JobView {
    /// Its id.
    pub id: String,
    /// What it does.
    pub kind: String,
    /// For whom.
    pub tenant_id: String,
    /// The step that called for it.
    pub step_id: Option<String>,
    /// The import, health check, notification or delivery it works on.
    pub subject_id: Option<String>,
    /// `queued`, `running`, `succeeded`, `retrying`, `failed` or `cancelled`.
    pub state: String,
    /// Number of the latest claim.
    pub attempt: u32,
    /// Claims allowed.
    pub max_attempts: u32,
    /// Not before.
    pub run_at: DateTime<Utc>,
    /// While running: until when the claim holds without a heartbeat.
    pub lease_until: Option<DateTime<Utc>>,
    /// Who claimed it last.
    pub worker: Option<String>,
    /// What the latest failed attempt said.
    pub last_error: Option<String>,
    /// How far it is.
    pub progress: Progress,
    /// Who wanted it.
    pub requested_by: String,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// When its first attempt began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Every claim and how it ended; only on a single job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<Vec<AttemptView>>,
}

/// One claim of a job.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AttemptView {
    /// From 1.
    pub attempt: u32,
    /// Who claimed.
    pub worker: String,
    /// When.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// `succeeded`, `failed`, `released`, `cancelled` or `lost`.
    pub outcome: Option<String>,
    /// What went wrong.
    pub error: Option<String>,
}

/// A page of jobs.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct JobPage {
    /// Newest first.
    pub items: Vec<JobView>,
    /// Continues the list, if there is more.
    pub next_cursor: Option<String>,
}
