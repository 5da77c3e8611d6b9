//! Onboardings and their steps.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::TenantView;

/// Opens an onboarding; makes the tenant if it is new.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenOnboarding {
    /// Slug: `[a-z0-9][a-z0-9-]{1,62}`.
    #[schema(pattern = "^[a-z0-9][a-z0-9-]{1,62}$", example = "svbf")]
    pub tenant_id: String,
    /// What people call the tenant. Needed for a new tenant.
    #[schema(example = "Svenska Bouleförbundet", max_length = 200)]
    pub name: Option<String>,
    /// ISO 3166-1 alpha-2. Needed for a new tenant.
    #[schema(pattern = "^[A-Z]{2}$", example = "SE")]
    pub country: Option<String>,
    /// `federation`, `club`, `pilot`, `sandbox`, `event`, `venue` or another; `federation` where absent.
    #[schema(max_length = 200)]
    pub kind: Option<String>,
    /// IANA zone; the country's where absent.
    pub time_zone: Option<String>,
    /// BCP 47 language; the country's where absent.
    #[schema(max_length = 200)]
    pub language: Option<String>,
    /// Levels of organisation below the federation; the country's where absent.
    #[schema(minimum = 0, maximum = 9)]
    pub hierarchy_depth: Option<i64>,
    /// Where probes go: an http(s) address, or `sandbox` for the sandbox platform of this installation.
    #[schema(max_length = 2000)]
    pub platform_url: Option<String>,
    /// Who probes log in as.
    #[schema(max_length = 200)]
    pub probe_user: Option<String>,
    /// Reference to the probes' secret: `env:WORKBENCH_PROBE_…`, or `file:NAME` in the operator's folder of secrets.
    pub probe_secret: Option<String>,
    /// Name of a workflow; `tenant-onboarding` where absent.
    pub workflow: Option<String>,
    /// The intended go-live; counted from the workflow's target where absent.
    pub target_go_live: Option<DateTime<Utc>>,
}

/// One onboarding of one tenant (`SysOnboardingChecklist`).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Onboarding {
    /// The tenant's slug.
    pub tenant_id: String,
    /// Id of the checklist.
    pub checklist_id: String,
    /// 1 for the tenant's first checklist.
    pub ordinal: i64,
    /// `active` or `completed`.
    pub status: String,
    /// Name of the workflow.
    pub workflow: String,
    /// Its version, for ever.
    pub version: u32,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// The intended go-live.
    pub target_go_live: DateTime<Utc>,
    /// When every step was closed.
    pub completed_at: Option<DateTime<Utc>>,
    /// When that was so for the first time.
    pub first_completed_at: Option<DateTime<Utc>>,
    /// Calendar days since the opening, in the tenant's zone.
    pub days_open: i64,
    /// First open step in reading order.
    pub current_step: Option<String>,
    /// Every open step.
    pub open_steps: Vec<String>,
    /// Raised by every change.
    pub revision: i64,
    /// In reading order.
    pub steps: Vec<StepView>,
    /// The tenant.
    pub tenant: TenantView,
}

/// One step.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StepView {
    /// Id from the workflow.
    pub id: String,
    /// Title from the workflow.
    pub title: String,
    /// `manual`, `job`, `gate` or `timer`.
    pub kind: String,
    /// Ids of the steps that must be closed before this one.
    pub needs: Vec<String>,
    /// `pending`, `in_progress`, `blocked`, `done` or `skipped`.
    pub status: String,
    /// Who is responsible.
    pub assignee: Option<String>,
    /// Why it waits.
    pub blocking_reason: Option<String>,
    /// When it should be done.
    pub due_at: Option<DateTime<Utc>>,
    /// When it first left `pending`.
    pub started_at: Option<DateTime<Utc>>,
    /// When it was closed.
    pub completed_at: Option<DateTime<Utc>>,
    /// How often its job was asked for.
    pub attempts: u32,
    /// Raised by every change of the step; its `ETag`.
    pub revision: i64,
}

/// A merge patch (RFC 7396) of a step: absent changes nothing, `null` clears.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StepPatchBody {
    /// The status wanted.
    #[schema(value_type = Option<StepStatusName>, nullable = false)]
    pub status: Option<String>,
    /// Who is responsible.
    #[schema(max_length = 200)]
    pub assignee: Option<String>,
    /// Why it waits; non-empty makes the step `blocked`, clearing it makes it `in_progress` again.
    #[schema(max_length = 2000)]
    pub blocking_reason: Option<String>,
    /// When it should be done.
    pub due_at: Option<DateTime<Utc>>,
    /// Added to the step's notes.
    #[schema(max_length = 20000)]
    pub note: Option<String>,
    /// Needed to skip or to reopen a step.
    #[schema(max_length = 2000)]
    pub reason: Option<String>,
}

/// Where a step stands.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepStatusName {
    /// Nobody has started it.
    Pending,
    /// Somebody is at work.
    InProgress,
    /// It waits.
    Blocked,
    /// Completed.
    Done,
    /// Left out.
    Skipped,
}
