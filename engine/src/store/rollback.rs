//! Undoing a completed import: asked for, done part by part, ended.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::imports::Import;
use super::records::RecordPlace;
use super::row::{Columns, micros};
use super::{StoreError, Tx};
use crate::import::ImportState;
use crate::job::{Job, JobCommand, JobKind};

/// Why an import cannot be undone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RollbackRefusal {
    /// Too much time has passed.
    #[error("the import completed at {completed_at}; it could be undone within {} hours", .window.num_hours())]
    TooLate {
        /// When it completed.
        completed_at: DateTime<Utc>,
        /// For how long it could be undone.
        window: TimeDelta,
    },
    /// Another import rests on what this one stored.
    #[error("the later import `{import}` builds on this one; undo that one first")]
    BuiltOn {
        /// The later import.
        import: String,
    },
}

/// Records looked at in one transaction of a rollback.
const ROLLBACK_PART: i64 = 1000;

impl Tx {
    /// A person wants a completed import undone. Asking twice is asking once.
    pub async fn request_rollback(
        &mut self,
        import_id: &str,
        window: TimeDelta,
        reason: &str,
    ) -> Result<Option<String>, StoreError> {
        let import = self.locked_import(import_id).await?;
        if import.state == ImportState::RollingBack {
            return Ok(None);
        }
        if let Some(completed_at) = import.completed_at.filter(|_| import.state == ImportState::Completed) {
            // A window past the end of time never closes.
            if completed_at.checked_add_signed(window).is_some_and(|until| until < self.now()) {
                return Err(StoreError::Rollback(RollbackRefusal::TooLate { completed_at, window }));
            }
            // Held first: a later import could complete while we look.
            self.busy_with(&import).await?;
            if let Some(later) = self.built_on(&import, completed_at).await? {
                return Err(StoreError::Rollback(RollbackRefusal::BuiltOn { import: later }));
            }
        }
        self.move_import(import_id, ImportState::RollingBack, json!({ "reason": reason })).await?;
        if import.state == ImportState::Completed {
            // At once: a table that comes while the records are being undone must not be mapped by it.
            self.take_back_mapping(&import).await?;
        }
        let now = micros(self.now());
        self.execute(sqlx::query("update imports set rollback_at = $1 where id = $2").bind(now).bind(import_id))
            .await?;
        self.take_turn(&import, JobKind::ImportRollback).await
    }

    /// A later import that rests on what this one stored: of the same entity, or having changed one of its records.
    async fn built_on(&mut self, import: &Import, completed_at: DateTime<Utc>) -> Result<Option<String>, StoreError> {
        let later = self
            .maybe_row(
                sqlx::query(
                    "select id from imports
                     where tenant_id = $1 and id <> $2
                       and ((entity = $3 and state = 'completed' and completed_at > $4)
                            or (entity = $3 and state = 'loading')
                            or exists (select 1 from record_changes c
                                       where c.import_id = imports.id and c.previous_import = $2))
                     order by created_at desc limit 1",
                )
                .bind(&import.tenant_id)
                .bind(&import.id)
                .bind(import.entity.as_deref().unwrap_or_default())
                .bind(micros(completed_at)),
            )
            .await?;
        later.map(|row| row.text("id")).transpose()
    }

    /// The import that a rollback job works on. From here on, evidence from before says nothing of the tenant's data.
    pub async fn begin_rollback(&mut self, job: &Job, import_id: &str) -> Result<Import, StoreError> {
        self.progress(job, 0, None, "records", TimeDelta::zero()).await?;
        let import = self.move_import(import_id, ImportState::RollingBack, Value::Null).await?;
        self.data_changed(&import.tenant_id).await?;
        Ok(import)
    }

    /// Undoes a part of an import, under the fence. Answers how many records were undone and where to go on; no place
    /// at the end.
    pub async fn roll_back_part(
        &mut self,
        job: &Job,
        import_id: &str,
        after: &RecordPlace,
        done: i64,
        lease: TimeDelta,
    ) -> Result<(i64, Option<RecordPlace>), StoreError> {
        self.progress(job, done, None, "records", lease).await?;
        self.undo_records(&job.tenant_id, import_id, after, ROLLBACK_PART).await
    }

    /// Ends a rollback: its job, the import, and whatever the checklist makes of it.
    pub async fn finish_rollback(&mut self, job: &Job, import_id: &str) -> Result<(), StoreError> {
        self.command_job(&job.id, &JobCommand::Succeed { attempt: job.attempt }).await?;
        self.move_import(import_id, ImportState::RolledBack, Value::Null).await?;
        let now = micros(self.now());
        self.execute(
            sqlx::query("update imports set rolled_back_at = $1, failure = null where id = $2")
                .bind(now)
                .bind(import_id),
        )
        .await?;
        Ok(())
    }
}
