//! Whose turn it is: at most one import of a tenant writes its records at a time, so that each one's history is its own.
//!
//! Whoever has to wait has no job yet; the transaction that ends the one before it writes the job. Nothing polls.

use serde_json::Value;
use sqlx::AssertSqlSafe;

use super::imports::{Import, read};
use super::row::{Columns, micros};
use super::{NewJob, StoreError, Tx};
use crate::definition::Retry;
use crate::import::ImportState;
use crate::job::{Job, JobKind};

impl Tx {
    /// Which other import of the tenant is at work on its records, if one is. The tenant is held until the commit, so
    /// that of two imports one sees the other.
    ///
    /// A rollback that began is at work until it is done, even if its job has died: what is half undone must not be
    /// built on. Retrying the job ends the wait.
    pub(super) async fn busy_with(&mut self, import: &Import) -> Result<Option<String>, StoreError> {
        self.hold_tenant(&import.tenant_id).await?;
        let other = self
            .maybe_row(
                sqlx::query(
                    "select i.id from imports i
                     where i.tenant_id = $1 and i.id <> $2
                       and (i.state = 'loading'
                            and exists (select 1 from jobs j where j.subject_id = i.id and j.kind = 'import_load'
                                        and j.state in ('queued', 'retrying', 'running'))
                            or i.state = 'rolling_back'
                            and exists (select 1 from jobs j where j.subject_id = i.id and j.kind = 'import_rollback'))
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
                       and not exists (select 1 from jobs j where j.subject_id = i.id
                                       and j.kind in ('import_load', 'import_rollback')
                                       and j.state in ('queued', 'retrying', 'running'))
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

    /// Gives a dead job's import its life back, or says why that cannot be: the job is not the import's latest, another
    /// import is at work, or has been at work since this one stopped in the middle.
    pub(super) async fn revive_import(&mut self, dead: &Job, import_id: &str) -> Result<(), StoreError> {
        let to = if dead.kind == JobKind::ImportLoad { ImportState::Loading } else { ImportState::Queued };
        let import = self.locked_import(import_id).await?;
        if !import.state.may_be_revived() || self.has_later_job(dead, import_id).await? {
            return Err(StoreError::ImportState { from: import.state, to });
        }
        if to == ImportState::Loading {
            if let Some(other) = self.busy_with(&import).await? {
                return Err(StoreError::ImportBusy { import: other });
            }
            if import.checkpoint > 0
                && let Some(other) = self.written_since(dead, import_id).await?
            {
                return Err(StoreError::ImportOvertaken { import: other });
            }
        }
        self.execute(sqlx::query("update imports set failure = null where id = $1").bind(import_id)).await?;
        self.set_import_state(&import, to, Value::Null).await
    }

    async fn has_later_job(&mut self, job: &Job, import_id: &str) -> Result<bool, StoreError> {
        let later = sqlx::query(
            "select 1 as one from jobs
             where subject_id = $1 and (created_at > $2 or (created_at = $2 and id > $3)) limit 1",
        )
        .bind(import_id)
        .bind(micros(job.created_at))
        .bind(&job.id);
        Ok(self.maybe_row(later).await?.is_some())
    }

    /// Another import of the tenant whose job was at work after this one had ended. What lies before the checkpoint may
    /// not be there any more, and what was there at the beginning is another.
    async fn written_since(&mut self, dead: &Job, import_id: &str) -> Result<Option<String>, StoreError> {
        let ended = dead.finished_at.unwrap_or(dead.created_at);
        let other = sqlx::query(
            "select subject_id from jobs
             where tenant_id = $1 and subject_id <> $2 and kind in ('import_load', 'import_rollback')
               and started_at is not null and (finished_at is null or finished_at > $3)
             order by created_at desc limit 1",
        )
        .bind(&dead.tenant_id)
        .bind(import_id)
        .bind(micros(ended));
        self.maybe_row(other).await?.map(|row| row.text("subject_id")).transpose()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::job::{JobCommand, JobState};
    use crate::store::Store;
    use crate::store::fixture::{self, begin};

    /// A store with the tenant's imports, each in a state and with the rows it has stored.
    async fn with_imports(folder: &tempfile::TempDir, imports: &[(&str, &str, i64)]) -> Store {
        let store = fixture::store(folder).await;
        let mut tx = begin(&store).await;
        for (id, state, checkpoint) in imports {
            fixture::import(&mut tx, id, state, *checkpoint).await;
        }
        tx.commit().await.expect("the transaction is kept");
        store
    }

    fn claim() -> JobCommand {
        JobCommand::Claim { worker: "w".to_owned(), lease: Duration::from_mins(1) }
    }

    /// A job of an import that has been claimed, and has ended as the last command says.
    async fn job(store: &Store, import: &str, kind: JobKind, end: Option<JobCommand>) -> String {
        let mut tx = begin(store).await;
        let mut new = NewJob::new(kind, "svbf", Retry::default());
        new.subject_id = Some(import.to_owned());
        let id = tx.create_job(&new).await.expect("a job is stored");
        tx.commit().await.expect("the transaction is kept");
        for command in [Some(claim()), end].into_iter().flatten() {
            told(store, &id, &command).await.expect("the job may be told so");
        }
        id
    }

    async fn told(store: &Store, id: &str, command: &JobCommand) -> Result<Job, StoreError> {
        let mut tx = begin(store).await;
        let job = tx.command_job(id, command).await?;
        tx.commit().await.map(|_| job)
    }

    fn dies() -> JobCommand {
        JobCommand::Fail { attempt: 1, error: "gone".to_owned(), retryable: false, jitter: 0.0, not_within: None }
    }

    async fn turn(store: &Store, import: &str, kind: JobKind) -> Option<String> {
        let mut tx = begin(store).await;
        let import = tx.import(import).await.expect("the import is there");
        let job = tx.take_turn(&import, kind).await.expect("the store answers");
        tx.commit().await.expect("the transaction is kept");
        job
    }

    #[tokio::test]
    async fn nobody_writes_beside_a_rollback_that_is_half_done() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let store = with_imports(&folder, &[("undone", "rolling_back", 9), ("next", "loading", 0)]).await;
        let rollback = job(&store, "undone", JobKind::ImportRollback, Some(dies())).await;
        assert_eq!(turn(&store, "next", JobKind::ImportLoad).await, None);

        told(&store, &rollback, &JobCommand::Retry).await.expect("a dead rollback can be retried");
        let running = told(&store, &rollback, &claim()).await.expect("it is due");
        let mut tx = begin(&store).await;
        tx.finish_rollback(&running, "undone").await.expect("it ends");
        tx.commit().await.expect("the transaction is kept");
        assert_eq!(store.import("svbf", "undone").await.expect("it is there").state, ImportState::RolledBack);
        let mut tx = begin(&store).await;
        let loads =
            tx.maybe_row(sqlx::query("select 1 as one from jobs where subject_id = 'next' and state = 'queued'"));
        assert!(loads.await.expect("the store answers").is_some());
    }

    #[tokio::test]
    async fn an_import_whose_earlier_load_died_gets_its_turn_again() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let store = with_imports(&folder, &[("again", "loading", 0), ("other", "failed", 0)]).await;
        job(&store, "again", JobKind::ImportLoad, Some(dies())).await;
        let mut tx = begin(&store).await;
        tx.execute(sqlx::query("update imports set state = 'loading' where id = 'again'")).await.expect("it waits");
        let other = tx.import("other").await.expect("the import is there");
        tx.start_next(&other).await.expect("the store answers");
        let waiting =
            tx.maybe_row(sqlx::query("select 1 as one from jobs where subject_id = 'again' and state = 'queued'"));
        assert!(waiting.await.expect("the store answers").is_some());
    }

    #[tokio::test]
    async fn a_load_that_stopped_in_the_middle_does_not_go_on_behind_another_one() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let imports = [("half", "loading", 4), ("untouched", "loading", 0), ("other", "loading", 0)];
        let store = with_imports(&folder, &imports).await;
        let half = job(&store, "half", JobKind::ImportLoad, Some(dies())).await;
        let untouched = job(&store, "untouched", JobKind::ImportLoad, Some(dies())).await;
        let other = job(&store, "other", JobKind::ImportLoad, None).await;
        let busy = told(&store, &half, &JobCommand::Retry).await;
        assert!(matches!(busy, Err(StoreError::ImportBusy { import }) if import == "other"));

        told(&store, &other, &dies()).await.expect("it ends");
        let overtaken = told(&store, &half, &JobCommand::Retry).await;
        assert!(matches!(overtaken, Err(StoreError::ImportOvertaken { import }) if import == "other"));
        let revived = told(&store, &untouched, &JobCommand::Retry).await.expect("it has nothing to lose");
        assert_eq!(revived.state, JobState::Retrying);
    }

    #[tokio::test]
    async fn only_the_latest_job_of_an_import_can_be_revived() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let store = with_imports(&folder, &[("mapped", "parsing", 0)]).await;
        let first = job(&store, "mapped", JobKind::ImportPreview, Some(dies())).await;
        let mut tx = begin(&store).await;
        tx.execute(sqlx::query("update imports set state = 'parsing' where id = 'mapped'"))
            .await
            .expect("mapped again");
        tx.commit().await.expect("the transaction is kept");
        let second = job(&store, "mapped", JobKind::ImportPreview, Some(dies())).await;
        let refused = told(&store, &first, &JobCommand::Retry).await;
        assert!(matches!(refused, Err(StoreError::ImportState { .. })), "{refused:?}");
        told(&store, &second, &JobCommand::Retry).await.expect("the latest can be revived");
    }
}
