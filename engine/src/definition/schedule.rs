//! What a workflow does by the calendar.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duration;

/// Value of a schedule's `zone` under which every tenant is served by its own time zone.
pub const TENANT_ZONE: &str = "tenant";

/// A job that is run by the calendar, for every tenant of the workflow that is live or has reached its health check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleDefinition {
    /// Name within the workflow, for example `nightly_health`.
    pub id: String,
    /// What is run.
    pub job: ScheduledJob,
    /// Minute, hour, day of month, month and day of week, as in a crontab; Sunday is 0 or 7.
    pub cron: String,
    /// An IANA time zone, or `tenant` for each tenant's own.
    #[serde(default = "default_zone")]
    pub zone: String,
    /// What becomes of times at which no daemon ran.
    #[serde(default)]
    pub catch_up: CatchUp,
    /// What happens at a time at which the one before is still at work.
    #[serde(default)]
    pub overlap: Overlap,
    /// The work of one time is spread over so long.
    #[serde(default, with = "duration")]
    #[schemars(with = "String")]
    pub jitter: Duration,
}

/// What a schedule can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScheduledJob {
    /// The tenant's probes.
    HealthCheck,
}

/// What becomes of fire times at which no daemon ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CatchUp {
    /// Which of them are run later.
    #[serde(default)]
    pub policy: CatchUpPolicy,
    /// None that is older is run.
    #[serde(default = "default_window", with = "duration")]
    #[schemars(with = "String")]
    pub window: Duration,
    /// For `all`: no more are run.
    #[serde(default = "default_cap")]
    pub cap: u32,
}

/// Which missed fire times are run later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CatchUpPolicy {
    /// None.
    Skip,
    /// The latest.
    #[default]
    Once,
    /// Each, the latest `cap` of them.
    All,
}

/// What happens at a fire time at which the one before is still at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// It is passed over.
    #[default]
    Skip,
    /// It is run beside the other.
    Allow,
}

impl Default for CatchUp {
    fn default() -> Self {
        Self { policy: CatchUpPolicy::default(), window: default_window(), cap: default_cap() }
    }
}

/// The nightly re-check, for workflows that say nothing else.
pub(super) fn default_schedules() -> Vec<ScheduleDefinition> {
    vec![ScheduleDefinition {
        id: "nightly_health".to_owned(),
        job: ScheduledJob::HealthCheck,
        cron: "30 2 * * *".to_owned(),
        zone: default_zone(),
        catch_up: CatchUp::default(),
        overlap: Overlap::default(),
        jitter: Duration::from_mins(30),
    }]
}

fn default_zone() -> String {
    TENANT_ZONE.to_owned()
}

fn default_window() -> Duration {
    Duration::from_hours(12)
}

fn default_cap() -> u32 {
    10
}
