//! What travels: requests and answers as clients see them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

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

/// A tenant. Secrets are references and are not shown.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TenantView {
    /// The slug.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// `federation`, `club`, …
    pub kind: String,
    /// IANA zone.
    pub time_zone: String,
    /// BCP 47 language.
    pub language: String,
    /// Levels of organisation.
    pub hierarchy_depth: i64,
    /// Where probes go.
    pub platform_url: Option<String>,
    /// First imported member.
    pub first_member_at: Option<DateTime<Utc>>,
    /// First imported transaction.
    pub first_transaction_at: Option<DateTime<Utc>>,
    /// When it went live.
    pub live_at: Option<DateTime<Utc>>,
}

/// A merge patch (RFC 7396) of a tenant: absent changes nothing, `null` clears.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(clippy::option_option, reason = "absent, null and a value are three things in RFC 7396")]
pub struct TenantPatchBody {
    /// What people call it.
    #[schema(min_length = 1, max_length = 200, nullable = false)]
    pub name: Option<String>,
    /// IANA zone.
    #[schema(nullable = false)]
    pub time_zone: Option<String>,
    /// BCP 47 language.
    #[schema(max_length = 200, nullable = false)]
    pub language: Option<String>,
    /// Levels of organisation.
    #[schema(minimum = 0, maximum = 9, nullable = false)]
    pub hierarchy_depth: Option<i64>,
    /// Where probes go: an http(s) address, or `sandbox`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 2000)]
    pub platform_url: Option<Option<String>>,
    /// Who probes log in as.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 200)]
    pub probe_user: Option<Option<String>>,
    /// Reference to the probes' secret.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub probe_secret: Option<Option<String>>,
}

/// Tells an absent member from `null`, which serde folds into one by itself.
#[allow(clippy::option_option, reason = "absent, null and a value are three things in RFC 7396")]
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(from).map(Some)
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
    /// An open step is overdue, or the intended go-live has passed.
    pub at_risk: bool,
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

/// An upload, as `multipart/form-data`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[allow(dead_code, reason = "describes a form that is read in a stream")]
pub struct UploadForm {
    /// The file.
    #[schema(value_type = String, format = Binary)]
    pub file: Vec<u8>,
    /// `csv`, `sie`, `fipjp`, `xml`, `json`, `fixed_width` or `auto`.
    pub format: Option<String>,
    /// `members`, `clubs`, `ledger`, `licences`, `transfers` or `rankings`; found out where absent.
    pub entity: Option<String>,
    /// Name of the format profile to read by.
    pub profile: Option<String>,
    /// JSON object from the file's columns to fields.
    pub mapping: Option<String>,
    /// `preview` waits for a person; `apply` goes on by itself when no row is rejected and no column guessed.
    pub mode: Option<String>,
    /// Id of the earlier import that this file corrects; the latest of the same name and entity where absent.
    pub supersedes: Option<String>,
}

/// An import (`SysOnboardingImport`).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ImportView {
    /// Its id.
    pub id: String,
    /// Whose data.
    pub tenant_id: String,
    /// `queued`, `parsing`, `preview`, `loading`, `completed`, `failed`, `cancelled`, `rolling_back` or `rolled_back`.
    pub state: String,
    /// `preview` or `apply`.
    pub mode: String,
    /// Declared or detected format.
    pub format: Option<String>,
    /// Declared or detected entity.
    pub entity: Option<String>,
    /// The format profile declared for it.
    pub profile: Option<String>,
    /// The name it was uploaded under.
    pub file_name: Option<String>,
    /// Bytes.
    pub size: i64,
    /// SHA-256 of the bytes, hex.
    pub sha256: String,
    /// What reading found out: encoding and why, delimiter, header; for each column the field that it fills, with
    /// confidence, reason and alternatives.
    #[schema(value_type = Option<Object>)]
    pub detected: Option<Value>,
    /// What the preview counted.
    pub counts: CountsView,
    /// Issues by code.
    pub issues: Vec<IssueGroup>,
    /// First records as they would be stored.
    #[schema(value_type = Vec<Object>)]
    pub sample: Value,
    /// How far the current work is.
    pub progress: Progress,
    /// Records stored.
    pub loaded: i64,
    /// Why it failed, or why it was cancelled by nobody.
    #[schema(value_type = Option<ImportFailure>)]
    pub failure: Option<Value>,
    /// The latest job at work on it.
    pub job_id: Option<String>,
    /// Who uploaded it.
    pub uploaded_by: String,
    /// When it was uploaded.
    pub created_at: DateTime<Utc>,
    /// When the preview was ready.
    pub previewed_at: Option<DateTime<Utc>>,
    /// While it waits in preview: until when it can be confirmed. After that it is cancelled and its file removed.
    pub expires_at: Option<DateTime<Utc>>,
    /// When a person confirmed.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// When it was stored.
    pub completed_at: Option<DateTime<Utc>>,
    /// When it was undone.
    pub rolled_back_at: Option<DateTime<Utc>>,
    /// Another import of the tenant is being stored or undone; this one follows.
    pub waits: bool,
    /// The earlier import that this one corrects.
    pub supersedes: Option<String>,
    /// What became of that one's issues, by code.
    pub difference: Vec<DifferenceView>,
}

/// What became of the issues of one code when a file was imported again.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DifferenceView {
    /// The code.
    pub code: String,
    /// There before, and not any more.
    pub resolved: i64,
    /// There before, and still.
    pub remaining: i64,
    /// Not there before.
    pub new: i64,
}

/// How an import's columns are to be mapped.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MappingBody {
    /// From columns of the file to fields; an empty field leaves the column out. `column 3` is the third column. Columns
    /// that are not named are detected.
    pub mapping: BTreeMap<String, String>,
    /// `members`, `clubs`, `licences`, `transfers` or `rankings`; as before where absent.
    pub entity: Option<String>,
}

/// A mapping that was confirmed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MappingView {
    /// Its id.
    pub id: String,
    /// What the rows are.
    pub entity: String,
    /// The columns, in the order of the latest table.
    pub columns: Vec<ColumnView>,
    /// The latest import that was confirmed with it.
    pub import_id: String,
    /// When that was.
    pub confirmed_at: DateTime<Utc>,
    /// Who confirmed it.
    pub confirmed_by: String,
}

/// A column of a saved mapping.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ColumnView {
    /// Its name in the file.
    pub column: String,
    /// The field that it fills; none where it is left out.
    pub field: Option<String>,
}

/// A tenant's saved mappings.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MappingsView {
    /// The latest first.
    pub items: Vec<MappingView>,
}

/// Why an import is undone.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackBody {
    /// Kept in the audit.
    #[schema(min_length = 1, max_length = 2000)]
    pub reason: String,
}

/// Why an import failed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ImportFailure {
    /// Stable code.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// Counts of a preview.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CountsView {
    /// Rows read.
    pub rows_read: i64,
    /// Rows without an issue.
    pub rows_valid: i64,
    /// Rows with warnings only.
    pub rows_warned: i64,
    /// Rows with an error, which are left out.
    pub rows_rejected: i64,
    /// Records that the rows give.
    pub records: i64,
    /// Not stored yet.
    pub records_new: i64,
    /// Stored with other content.
    pub records_changed: i64,
    /// Stored with the same content.
    pub records_unchanged: i64,
}

/// How often a finding occurs.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct IssueGroup {
    /// `error` or `warning`.
    pub severity: String,
    /// Stable code.
    pub code: String,
    /// How often.
    pub count: i64,
}

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

/// How far an import is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ImportProgress {
    /// The import's state.
    pub state: String,
    /// Done by its latest job, in `unit`.
    pub done: i64,
    /// In all, where known.
    pub total: Option<i64>,
    /// `bytes` or `rows`.
    pub unit: Option<String>,
    /// Records stored.
    pub loaded: i64,
}

/// A tenant's imports.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ImportPage {
    /// Newest first.
    pub items: Vec<ImportView>,
    /// Continues the list, if there is more.
    pub next_cursor: Option<String>,
}

/// A finding about a row or the file.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct IssueView {
    /// Line in the file, from 1; 0 for the whole file.
    pub row: i64,
    /// Column.
    pub column: Option<String>,
    /// The offending value, shortened.
    pub value: Option<String>,
    /// `error` or `warning`.
    pub severity: String,
    /// Stable code.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// A page of issues.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct IssuePage {
    /// In order of appearance.
    pub items: Vec<IssueView>,
    /// Continues the list, if there is more.
    pub next_cursor: Option<String>,
}

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
    /// The import or health check it works on.
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

/// An event.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EventView {
    /// From 1, without a gap.
    pub seq: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub actor: String,
    /// For whom, if for somebody else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acting_as: Option<String>,
    /// What, for example `step_completed`.
    pub kind: String,
    /// Which tenant.
    pub tenant_id: Option<String>,
    /// Which checklist.
    pub checklist_id: Option<String>,
    /// The rest; its shape depends on the kind.
    pub payload: Value,
    /// Chains the event to its predecessor.
    pub hash: String,
}

/// A page of events.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EventPage {
    /// In order.
    pub items: Vec<EventView>,
    /// Continues the list, if there is more.
    pub next_cursor: Option<String>,
}

/// A workflow.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WorkflowView {
    /// Its name.
    pub name: String,
    /// The newest version.
    pub version: u32,
    /// What people see.
    pub title: String,
    /// SHA-256 of its source.
    pub content_hash: String,
    /// Step ids in reading order.
    pub steps: Vec<String>,
    /// Names of its probes.
    pub probes: Vec<String>,
}

/// Every workflow.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WorkflowList {
    /// By name.
    pub items: Vec<WorkflowView>,
}

/// Whether the daemon can do its work, part by part.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Readiness {
    /// `pass`, `warn` or `fail`; only `fail` means that requests should go elsewhere.
    pub status: String,
    /// By name: `store`, `queue`, `workers`, `relay`, `backlog`.
    pub parts: BTreeMap<String, ReadinessPart>,
}

/// One part of the daemon.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ReadinessPart {
    /// `pass`, `warn` or `fail`.
    pub status: String,
    /// What is the matter.
    pub detail: String,
}
