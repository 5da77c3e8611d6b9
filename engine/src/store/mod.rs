//! The only place that speaks SQL: one function per question, one text for SQLite and Postgres.
//!
//! A [`Tx`] collects what is to be logged and appends it to the chain when it commits, so that state, audit
//! event and job intent are one transaction and the chain's end is locked only for its last statements.
//!
//! Rows are locked in one order, so that no two transactions wait for each other: schedule, job, import, checklist, tenant,
//! learner of the course, the chain's end.

mod access;
mod asked_mapping;
mod bulk;
mod checklists;
mod columns;
mod connection;
mod course;
mod dashboard;
mod events;
mod expiry;
#[cfg(test)]
mod fixture;
mod health;
mod histories;
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
mod process_changes;
mod record_history;
mod records;
mod replaced_mappings;
mod restore;
mod rollback;
mod row;
mod sandbox;
mod schedules;
#[cfg(test)]
mod schedules_in_time;
mod snapshot;
mod tables;
mod tenants;
mod waivers;
mod workflows;

pub use access::{Credential, NewToken, Token};
pub use asked_mapping::AskedMapping;
pub use checklists::Opening;
pub use connection::{Dialect, Store, StoreError, Tx};
pub use course::StoredLearner;
pub use dashboard::{DashboardFilter, DashboardRow, DashboardStatus};
pub use events::{ChainHead, EventFilter, Verified};
pub use health::{HealthCheck, HealthOutcome, ProbeRow, ProbeRun, ProbeTrend};
pub use histories::HistoryFilter;
pub use idempotency::{Replay, StoredAnswer};
pub use import_issues::{Difference, IssueFilter, NewIssue, StoredIssue};
pub use import_mappings::{SavedColumn, SavedMapping};
pub use imports::{Compared, Counts, Import, NewImport, PinnedProfile, PreviewResult};
pub use incidents::{Incident, IncidentFilter};
pub use jobs::{Attempt, Backlog, JobFilter, NewJob};
pub use maintenance::{MaintenanceWindow, NewMaintenanceWindow};
pub use notifications::{Delivery, Notification, NotificationKind, Recipient};
pub use process_changes::{NewProcessChange, ProcessChange};
pub use record_history::{RecordVersion, VersionFilter};
pub use records::{Chunk, RecordPlace, StoredRecord};
pub use restore::{Filling, RestoreError};
pub use rollback::RollbackRefusal;
pub use sandbox::SandboxCall;
pub use schedules::{Fire, Pause, Schedule};
pub use snapshot::{NeededUpload, Snapshot};
pub use tenants::{NewTenant, Tenant, TenantChange};
pub use workflows::WorkflowVersion;
