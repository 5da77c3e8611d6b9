//! Whose turn it is: at most one import of a tenant writes its records at a time, so that each one's history is its own.
//!
//! Whoever has to wait has no job yet; the transaction that ends the one before it writes the job. Nothing polls.

use sqlx::AssertSqlSafe;

use super::imports::{Import, read};
use super::row::Columns;
use super::{NewJob, StoreError, Tx};
use crate::definition::Retry;
use crate::import::ImportState;
use crate::job::JobKind;

impl Tx {
    /// Which other import of the tenant is at work on its records, if one is. The tenant is held until the commit, so
    /// that of two imports one sees the other.
    pub(super) async fn busy_with(&mut self, import: &Import) -> Result<Option<String>, StoreError> {
        self.hold_tenant(&import.tenant_id).await?;
        let other = self
            .maybe_row(
                sqlx::query(
                    "select i.id from imports i
                     where i.tenant_id = $1 and i.id <> $2 and i.state in ('loading', 'rolling_back')
                       and exists (select 1 from jobs j where j.subject_id = i.id
                                   and j.kind in ('import_load', 'import_rollback')
                                   and j.state in ('queued', 'retrying', 'running'))
                     limit 1",
                )
                .bind(&import.tenant_id)
                .bind(&import.id),
            )
            .await?;
        other.map(|row| row.text("id")).transpose()
    }

    /// Holds the tenant until the commit.
    pub(super) async fn hold_tenant(&mut self, tenant_id: &str) -> Result<(), StoreError> {
        let lock = format!("select id from tenants where id = $1{}", self.for_update());
        self.maybe_row(sqlx::query(AssertSqlSafe(lock)).bind(tenant_id)).await?;
        Ok(())
    }

    /// The import is about to write the tenant's records: now, or when the one that is at it has ended. One at a
    /// time, so that each one's history is its own.
    pub(super) async fn take_turn(&mut self, import: &Import, kind: JobKind) -> Result<Option<String>, StoreError> {
        if self.busy_with(import).await?.is_some() {
            return Ok(None);
        }
        let mut job = NewJob::new(kind, &import.tenant_id, Retry::default());
        job.subject_id = Some(import.id.clone());
        Ok(Some(self.create_job(&job).await?))
    }

    /// Gives the turn to whoever has waited longest, now that an import no longer writes.
    pub(super) async fn start_next(&mut self, ended: &Import) -> Result<(), StoreError> {
        if self.busy_with(ended).await?.is_some() {
            return Ok(());
        }
        let next = self
            .maybe_row(
                sqlx::query(
                    "select i.* from imports i
                     where i.tenant_id = $1 and i.id <> $2 and i.state in ('loading', 'rolling_back')
                       and not exists (select 1 from jobs j where j.subject_id = i.id and j.kind =
                                       case i.state when 'loading' then 'import_load' else 'import_rollback' end)
                     order by coalesce(i.rollback_at, i.confirmed_at), i.id limit 1",
                )
                .bind(&ended.tenant_id)
                .bind(&ended.id),
            )
            .await?;
        let Some(next) = next.as_ref().map(read).transpose()? else { return Ok(()) };
        let loads = next.state == ImportState::Loading;
        self.take_turn(&next, if loads { JobKind::ImportLoad } else { JobKind::ImportRollback }).await?;
        Ok(())
    }
}
