//! Schedules, their fires, and maintenance windows.

use chrono::{DateTime, FixedOffset, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Every schedule of the newest workflows.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ScheduleList {
    /// By id.
    pub items: Vec<ScheduleView>,
}

/// A schedule and where it stands.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ScheduleView {
    /// The workflow's name, `/`, and the schedule's name within it.
    pub id: String,
    /// The workflow.
    pub workflow: String,
    /// The workflow's version.
    pub version: u32,
    /// What is run: `health_check`.
    pub job: String,
    /// Minute, hour, day of month, month and day of week.
    pub cron: String,
    /// An IANA time zone, or `tenant` for each tenant's own.
    pub zone: String,
    /// What becomes of missed times: `skip`, `once` or `all`.
    pub catch_up: String,
    /// What happens while the time before is at work: `skip` or `allow`.
    pub overlap: String,
    /// The work of one time is spread over so many seconds.
    pub jitter_seconds: u64,
    /// Present where it was paused.
    pub paused: Option<PauseView>,
    /// The next times, whether paused or not. Those of `tenant` schedules are of the zones that tenants are in.
    pub next: Vec<NextRun>,
    /// The latest fire.
    pub last: Option<FireView>,
}

/// Who paused a schedule.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PauseView {
    /// Why.
    pub reason: String,
    /// Who.
    pub paused_by: String,
    /// When.
    pub paused_at: DateTime<Utc>,
}

/// Whether a schedule fires by itself.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ScheduleState {
    /// Its id.
    pub id: String,
    /// Present where it is paused.
    pub paused: Option<PauseView>,
}

/// A time at which a schedule will fire.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct NextRun {
    /// In UTC.
    pub at: DateTime<Utc>,
    /// As the clocks of the zone show it.
    pub local: DateTime<FixedOffset>,
    /// The zone.
    pub zone: String,
}

/// A fire of a schedule.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FireView {
    /// Its id.
    pub id: String,
    /// The time that it fired for.
    pub fire_at: DateTime<Utc>,
    /// For tenants of this zone; of every zone where absent.
    pub zone: Option<String>,
    /// `on_time`, `caught_up` or `by_hand`.
    pub cause: String,
    /// Tenants that have their job.
    pub tenants: i64,
    /// When the last of them had it.
    pub fanned_out_at: Option<DateTime<Utc>>,
}

/// Why a schedule is paused.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReasonBody {
    /// For the audit.
    pub reason: String,
}

/// Why a schedule is resumed or run, or a window ended; may be left out.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OptionalReasonBody {
    /// For the audit.
    pub reason: Option<String>,
}

/// Windows that are open or to come.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MaintenanceList {
    /// The first to end first, at most two hundred.
    pub items: Vec<MaintenanceView>,
}

/// A time in which health checks are recorded and close no gate.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MaintenanceView {
    /// Its id.
    pub id: String,
    /// For this tenant; for all where absent.
    pub tenant_id: Option<String>,
    /// From when.
    pub starts_at: DateTime<Utc>,
    /// Until when.
    pub ends_at: DateTime<Utc>,
    /// Why.
    pub reason: String,
    /// Who opened it.
    pub opened_by: String,
}

/// A maintenance window to be opened.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenMaintenance {
    /// For this tenant; for all where absent.
    pub tenant_id: Option<String>,
    /// From when; now where absent.
    pub starts_at: Option<DateTime<Utc>>,
    /// Until when: after its start, in the future, and at most thirty days after its start.
    pub ends_at: DateTime<Utc>,
    /// Why.
    pub reason: String,
}
