//! The dashboard.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::ForecastView;

/// A row of the dashboard.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DashboardItem {
    /// The tenant's slug.
    pub tenant_id: String,
    /// What people call it.
    pub name: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// `federation`, `club`, …
    pub kind: String,
    /// Id of the checklist.
    pub checklist_id: String,
    /// Name of the workflow.
    pub workflow: String,
    /// Its version.
    pub version: u32,
    /// `active` or `completed`.
    pub status: String,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// The intended go-live.
    pub target_go_live: DateTime<Utc>,
    /// When every step was closed.
    pub completed_at: Option<DateTime<Utc>>,
    /// When the tenant went live.
    pub live_at: Option<DateTime<Utc>>,
    /// Calendar days since the opening, in the tenant's zone.
    pub days_open: i64,
    /// First open step in reading order.
    pub current_step: Option<String>,
    /// Every open step.
    pub open_steps: Vec<String>,
    /// Who is responsible for the current step.
    pub assignee: Option<String>,
    /// Why the current step waits.
    pub blocking_reason: Option<String>,
    /// The nearest due date of an open step.
    pub next_due: Option<DateTime<Utc>>,
    /// An open step is overdue, the intended go-live has passed, or it lies before the forecast's 50 % date.
    pub at_risk: bool,
    /// When it will probably be live; none where it is, or where fewer than ten are known. Past onboardings are looked at
    /// once an hour: after a start, the first answers are without.
    pub forecast: Option<ForecastView>,
    /// Latest aggregate of the tenant's probes.
    pub health: Option<String>,
}

/// A page of the dashboard.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DashboardPage {
    /// The rows, newest opening first.
    pub items: Vec<DashboardItem>,
    /// Continues the list, if there is more.
    pub next_cursor: Option<String>,
}
