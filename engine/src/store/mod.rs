//! The only place that speaks SQL: one function per question, one text for SQLite and Postgres.
//!
//! A [`Tx`] collects what is to be logged and appends it to the chain when it commits, so that state, audit
//! event and job intent are one transaction and the chain's end is locked only for its last statements.
//!
//! Rows are locked in one order, so that no two transactions wait for each other: schedule, job, import, checklist, tenant,
//! the chain's end.

mod access;
mod asked_mapping;
mod bulk;
mod checklists;
mod connection;
mod dashboard;
mod events;
mod expiry;
#[cfg(test)]
mod fixture;
mod health;
mod idempotency;
mod import_issues;
mod import_mappings;
mod import_turns;
mod imports;
mod incidents;
mod jobs;
mod maintenance;
mod notifications;
mod preview_expiry;
mod record_history;
mod records;
mod replaced_mappings;
mod rollback;
mod row;
mod sandbox;
mod schedules;
#[cfg(test)]
mod schedules_in_time;
mod tenants;
mod waivers;
mod workflows;

pub use access::{Credential, NewToken, Token};
pub use asked_mapping::AskedMapping;
pub use checklists::Opening;
pub use connection::{Dialect, Store, StoreError, Tx};
pub use dashboard::{DashboardFilter, DashboardRow, DashboardStatus};
pub use events::{EventFilter, Verified};
pub use health::{HealthCheck, HealthOutcome, ProbeRow, ProbeRun, ProbeTrend};
pub use idempotency::{Replay, StoredAnswer};
pub use import_issues::{Difference, IssueFilter, NewIssue, StoredIssue};
pub use import_mappings::{SavedColumn, SavedMapping};
pub use imports::{Compared, Counts, Import, NewImport, PinnedProfile, PreviewResult};
pub use incidents::{Incident, IncidentFilter};
pub use jobs::{Attempt, Backlog, JobFilter, NewJob};
pub use maintenance::{MaintenanceWindow, NewMaintenanceWindow};
pub use notifications::{Delivery, Notification, NotificationKind, Recipient};
pub use record_history::{RecordVersion, VersionFilter};
pub use records::{Chunk, RecordPlace, StoredRecord};
pub use rollback::RollbackRefusal;
pub use sandbox::SandboxCall;
pub use schedules::{Fire, Pause, Schedule};
pub use tenants::{NewTenant, Tenant, TenantChange};
pub use workflows::WorkflowVersion;
