//! Imports in SQL: upload, preview, confirmation, chunks with their checkpoint, completion.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe};

use super::asked_mapping::AskedMapping;
use super::import_issues::{Difference, issue_difference};
use super::preview_expiry::expiry;
use super::records::Chunk;
use super::row::{Columns, micros};
use super::tenants::Milestone;
use super::{NewJob, Store, StoreError, Tx};
use crate::checklist::Command;
use crate::definition::Retry;
use crate::import::ImportState;
use crate::job::{Job, JobCommand, JobKind, JobState};
use crate::log::NewEntry;

/// Stores a chunk's checkpoint and what its records were, new, changed and unchanged, as long as the import is being
/// loaded.
pub(super) const STORE_CHECKPOINT: &str = "update imports
     set checkpoint = $1, loaded = loaded + $2 + $3 + $4, loaded_new = loaded_new + $2,
         loaded_changed = loaded_changed + $3, loaded_unchanged = loaded_unchanged + $4
     where id = $5 and state = 'loading'";

/// An uploaded file on its way into the tenant's data.
#[derive(Debug, Clone, PartialEq)]
pub struct Import {
    /// `imp_` and a ULID.
    pub id: String,
    /// Whose data.
    pub tenant_id: String,
    /// Where it stands.
    pub state: ImportState,
    /// `preview` waits for a person; `apply` goes on by itself when no row is rejected and nothing about its columns is a guess.
    pub mode: String,
    /// The declared format, or the detected one once the file has been read.
    pub format: Option<String>,
    /// What the rows are, declared or detected.
    pub entity: Option<String>,
    /// Columns of the file and the fields that they fill, as declared.
    pub mapping: AskedMapping,
    /// The format profile to read by, if declared.
    pub profile: Option<PinnedProfile>,
    /// The name it was uploaded under.
    pub file_name: Option<String>,
    /// Where its bytes are.
    pub object_key: String,
    /// Bytes.
    pub size: i64,
    /// SHA-256 of the bytes, hex.
    pub sha256: String,
    /// What reading found out about the file.
    pub detected: Option<Value>,
    /// The first records as they would be stored.
    pub sample: Option<Value>,
    /// What the preview counted, and loading in the end.
    pub counts: Counts,
    /// Raised when a preview is stored, and when it is given up for another mapping.
    pub preview_revision: i64,
    /// Rows whose records are stored for good.
    pub checkpoint: i64,
    /// Records stored.
    pub loaded: i64,
    /// Why it failed: `code`, `message`, `hint`.
    pub failure: Option<Value>,
    /// Who uploaded it.
    pub actor: String,
    /// When it was uploaded.
    pub created_at: DateTime<Utc>,
    /// When the preview was ready.
    pub previewed_at: Option<DateTime<Utc>>,
    /// Until when the preview can be confirmed; none where for ever.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was cancelled because nobody had confirmed it in time.
    pub expired_at: Option<DateTime<Utc>>,
    /// When a person confirmed.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// When it was stored.
    pub completed_at: Option<DateTime<Utc>>,
    /// When it was undone.
    pub rolled_back_at: Option<DateTime<Utc>>,
    /// The import that this one corrects.
    pub supersedes: Option<String>,
    /// What became of that one's issues, by code.
    pub difference: Option<Vec<Difference>>,
    /// The newer import whose preview took the place of this one's.
    pub superseded_by: Option<String>,
}

/// A format profile as it was when a file was uploaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedProfile {
    /// What uploads name it by.
    pub name: String,
    /// Its text.
    pub source: String,
}

/// What a preview counts. Of a completed import, the records are compared with what was stored when it was loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
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
    /// Of these, not stored yet.
    pub records_new: i64,
    /// Stored with other content.
    pub records_changed: i64,
    /// Stored with the same content.
    pub records_unchanged: i64,
}

/// An upload that has arrived whole.
#[derive(Debug, Clone, PartialEq)]
pub struct NewImport {
    /// The id under which its bytes were stored.
    pub id: String,
    /// Whose data.
    pub tenant_id: String,
    /// `preview` or `apply`.
    pub mode: String,
    /// Declared format, if declared.
    pub format: Option<String>,
    /// Declared entity, if declared.
    pub entity: Option<String>,
    /// Declared mapping.
    pub mapping: AskedMapping,
    /// Declared format profile, as it is now.
    pub profile: Option<PinnedProfile>,
    /// The name it was uploaded under.
    pub file_name: Option<String>,
    /// Where its bytes are.
    pub object_key: String,
    /// Bytes.
    pub size: i64,
    /// SHA-256 of the bytes, hex.
    pub sha256: String,
    /// The import that it corrects, where the uploader says so.
    pub supersedes: Option<String>,
}

/// What a preview ends with.
#[derive(Debug, Clone, PartialEq)]
pub struct PreviewResult {
    /// Detected format.
    pub format: String,
    /// Detected entity.
    pub entity: String,
    /// All that reading found out.
    pub detected: Value,
    /// First records.
    pub sample: Value,
    /// Counts.
    pub counts: Counts,
    /// The header, or where a column goes, is a guess, which a person has to see.
    pub guessed: bool,
    /// What became of the issues of the import that it corrects, as far as that was looked at before.
    pub compared: Option<Compared>,
}

/// What became of an earlier import's issues in the one that corrects it.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// The earlier import.
    pub earlier: String,
    /// By code.
    pub difference: Vec<Difference>,
}

pub(super) fn read(row: &AnyRow) -> Result<Import, StoreError> {
    Ok(Import {
        id: row.text("id")?,
        tenant_id: row.text("tenant_id")?,
        state: row.parsed("state")?,
        mode: row.text("mode")?,
        format: row.maybe_text("format")?,
        entity: row.maybe_text("entity")?,
        mapping: row.json("mapping")?,
        profile: match (row.maybe_text("profile")?, row.maybe_text("profile_source")?) {
            (Some(name), Some(source)) => Some(PinnedProfile { name, source }),
            _ => None,
        },
        file_name: row.maybe_text("file_name")?,
        object_key: row.text("object_key")?,
        size: row.int("size")?,
        sha256: row.text("sha256")?,
        detected: row.maybe_json("detected")?,
        sample: row.maybe_json("sample")?,
        counts: Counts {
            rows_read: row.int("rows_read")?,
            rows_valid: row.int("rows_valid")?,
            rows_warned: row.int("rows_warned")?,
            rows_rejected: row.int("rows_rejected")?,
            records: row.int("records")?,
            records_new: row.int("records_new")?,
            records_changed: row.int("records_changed")?,
            records_unchanged: row.int("records_unchanged")?,
        },
        preview_revision: row.int("preview_revision")?,
        checkpoint: row.int("checkpoint")?,
        loaded: row.int("loaded")?,
        failure: row.maybe_json("failure")?,
        actor: row.text("actor")?,
        created_at: row.time("created_at")?,
        previewed_at: row.maybe_time("previewed_at")?,
        expires_at: row.maybe_time("expires_at")?,
        expired_at: row.maybe_time("expired_at")?,
        confirmed_at: row.maybe_time("confirmed_at")?,
        completed_at: row.maybe_time("completed_at")?,
        rolled_back_at: row.maybe_time("rolled_back_at")?,
        supersedes: row.maybe_text("supersedes")?,
        difference: row.maybe_json("difference")?,
        superseded_by: row.maybe_text("superseded_by")?,
    })
}

impl Import {
    /// Refuses what was decided about another preview than the current one.
    ///
    /// # Errors
    /// [`StoreError::StalePreview`].
    pub fn must_be_seen(&self, seen: Option<&[i64]>) -> Result<(), StoreError> {
        match seen {
            Some(seen) if !seen.contains(&self.preview_revision) => Err(StoreError::StalePreview),
            _ => Ok(()),
        }
    }
}

impl Store {
    /// One import of a tenant.
    pub async fn import(&self, tenant_id: &str, id: &str) -> Result<Import, StoreError> {
        let row = sqlx::query("select * from imports where id = $1 and tenant_id = $2")
            .bind(id)
            .bind(tenant_id)
            .fetch_optional(&self.pool)
            .await?;
        read(&row.ok_or_else(|| StoreError::not_found("import", id))?)
    }

    /// Whether an import refers to a stored file.
    pub async fn is_object_used(&self, key: &str) -> Result<bool, StoreError> {
        let row = sqlx::query("select 1 as one from imports where object_key = $1 limit 1").bind(key);
        Ok(row.fetch_optional(&self.pool).await?.is_some())
    }

    /// A tenant's imports, newest first; only before one, by its creation time and id.
    pub async fn imports(
        &self,
        tenant_id: &str,
        before: Option<(DateTime<Utc>, String)>,
        limit: i64,
    ) -> Result<Vec<Import>, StoreError> {
        let (before_at, before_id) = before.map_or((i64::MAX, String::new()), |(at, id)| (micros(at), id));
        let rows = sqlx::query(
            "select * from imports
             where tenant_id = $1 and (created_at < $2 or (created_at = $2 and id < $3))
             order by created_at desc, id desc limit $4",
        )
        .bind(tenant_id)
        .bind(before_at)
        .bind(before_id)
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read).collect()
    }
}

/// The import that another one corrects: named when it was uploaded, or the tenant's latest of the same name and entity.
async fn predecessor(
    connection: &mut AnyConnection,
    import: &Import,
    entity: &str,
) -> Result<Option<Import>, StoreError> {
    let earlier = sqlx::query(
        "select * from imports
         where tenant_id = $1 and id <> $2
           and (state in ('preview', 'completed', 'rolled_back')
                or state = 'cancelled' and id = $3 and previewed_at is not null and expired_at is null)
           and (id = $3 or ($3 = '' and file_name = $4 and entity = $5 and created_at < $6))
         order by created_at desc, id desc limit 1",
    )
    .bind(&import.tenant_id)
    .bind(&import.id)
    .bind(import.supersedes.as_deref().unwrap_or_default())
    .bind(import.file_name.as_deref().unwrap_or_default())
    .bind(entity)
    .bind(micros(import.created_at))
    .fetch_optional(connection)
    .await?;
    earlier.as_ref().map(read).transpose()
}

impl Store {
    /// Compares the issues of an import whose file was read with those of the import that it corrects, if it corrects one.
    /// That may take as long as there are issues, and is therefore done before the transaction that ends the preview.
    pub async fn compare_findings(&self, import: &Import, entity: &str) -> Result<Option<Compared>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        let Some(earlier) = predecessor(&mut connection, import, entity).await? else { return Ok(None) };
        let difference = issue_difference(&mut connection, &earlier.id, &import.id).await?;
        Ok(Some(Compared { earlier: earlier.id, difference }))
    }
}

impl Tx {
    /// An import as this transaction sees it.
    pub async fn import(&mut self, id: &str) -> Result<Import, StoreError> {
        let row = self.maybe_row(sqlx::query("select * from imports where id = $1").bind(id)).await?;
        read(&row.ok_or_else(|| StoreError::not_found("import", id))?)
    }

    pub(super) async fn locked_import(&mut self, id: &str) -> Result<Import, StoreError> {
        let lock = format!("select * from imports where id = $1{}", self.for_update());
        let row = self.maybe_row(sqlx::query(AssertSqlSafe(lock)).bind(id)).await?;
        read(&row.ok_or_else(|| StoreError::not_found("import", id))?)
    }

    /// Moves an import to a state, if its life allows it, and logs the move.
    pub(super) async fn move_import(
        &mut self,
        id: &str,
        to: ImportState,
        payload: Value,
    ) -> Result<Import, StoreError> {
        let import = self.locked_import(id).await?;
        if !import.state.may_become(to) {
            return Err(StoreError::ImportState { from: import.state, to });
        }
        self.set_import_state(&import, to, payload).await?;
        if import.state.writes() && !to.writes() {
            self.lock_checklist(&import.tenant_id).await?;
            if to != ImportState::Completed && import.loaded > 0 {
                // What its chunks have stored stays, or has just been undone.
                self.data_changed(&import.tenant_id).await?;
            }
            self.start_next(&import).await?;
        }
        Ok(import)
    }

    /// The tenant's data is another than before: evidence from before says nothing of it.
    pub(super) async fn data_changed(&mut self, tenant_id: &str) -> Result<(), StoreError> {
        self.lock_checklist(tenant_id).await?;
        self.touch_tenant(tenant_id).await?;
        self.decide_if_onboarding(tenant_id, &Command::EvidenceChanged).await.map(drop)
    }

    pub(super) async fn set_import_state(
        &mut self,
        import: &Import,
        to: ImportState,
        payload: Value,
    ) -> Result<(), StoreError> {
        let id = import.id.as_str();
        self.execute(sqlx::query("update imports set state = $1 where id = $2").bind(to.as_str()).bind(id)).await?;
        if import.state != to {
            let mut whole = json!({ "import": id, "file_name": import.file_name });
            if let (Value::Object(whole), Value::Object(more)) = (&mut whole, payload) {
                whole.extend(more);
            }
            self.record(NewEntry::of_tenant(&format!("import_{to}"), &import.tenant_id, whole));
        }
        Ok(())
    }

    /// Stores an upload and the job that reads it.
    pub async fn create_import(&mut self, new: &NewImport) -> Result<String, StoreError> {
        let mapping = json!(new.mapping).to_string();
        let (now, actor) = (micros(self.now()), self.actor().id.clone());
        self.execute(
            sqlx::query(
                "insert into imports (id, tenant_id, state, mode, format, entity, mapping, file_name, object_key, size,
                                      sha256, rows_read, rows_valid, rows_warned, rows_rejected, records, records_new,
                                      records_changed, records_unchanged, checkpoint, loaded, actor, created_at,
                                      supersedes, profile, profile_source)
                 values ($1, $2, 'queued', $3, $4, $5, $6, $7, $8, $9, $10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, $11, $12,
                         $13, $14, $15)",
            )
            .bind(&new.id)
            .bind(&new.tenant_id)
            .bind(&new.mode)
            .bind(&new.format)
            .bind(&new.entity)
            .bind(mapping)
            .bind(&new.file_name)
            .bind(&new.object_key)
            .bind(new.size)
            .bind(&new.sha256)
            .bind(actor)
            .bind(now)
            .bind(&new.supersedes)
            .bind(new.profile.as_ref().map(|profile| &profile.name))
            .bind(new.profile.as_ref().map(|profile| &profile.source)),
        )
        .await?;
        self.record(NewEntry::of_tenant(
            "import_queued",
            &new.tenant_id,
            json!({ "import": new.id, "file_name": new.file_name, "size": new.size, "sha256": new.sha256 }),
        ));
        let mut job = NewJob::new(JobKind::ImportPreview, &new.tenant_id, Retry::default());
        job.subject_id = Some(new.id.clone());
        self.create_job(&job).await
    }

    /// Begins, or begins again, to read an import. What an earlier attempt stored of the preview is the caller's to remove,
    /// in steps: see [`Tx::remove_issues`].
    pub async fn begin_preview(&mut self, job: &Job, import_id: &str) -> Result<Import, StoreError> {
        self.progress(job, 0, None, "bytes", TimeDelta::zero()).await?;
        self.move_import(import_id, ImportState::Parsing, Value::Null).await
    }

    /// Ends the preview, which can be confirmed for some time. In mode `apply` an import without rejected rows and guesses about its
    /// columns goes on to be loaded.
    pub async fn finish_preview(
        &mut self,
        job: &Job,
        import_id: &str,
        result: &PreviewResult,
        kept_for: TimeDelta,
    ) -> Result<(), StoreError> {
        self.command_job(&job.id, &JobCommand::Succeed { attempt: job.attempt }).await?;
        let counts = &result.counts;
        let import = self.move_import(import_id, ImportState::Preview, json!({ "counts": counts })).await?;
        let (now, expires_at) = (micros(self.now()), expiry(self.now(), kept_for).map(micros));
        self.execute(
            sqlx::query(
                "update imports set format = $1, entity = $2, detected = $3, sample = $4, rows_read = $5, rows_valid = $6,
                        rows_warned = $7, rows_rejected = $8, records = $9, records_new = $10, records_changed = $11,
                        records_unchanged = $12, previewed_at = $13, expires_at = $14, failure = null,
                        preview_revision = preview_revision + 1
                 where id = $15",
            )
            .bind(&result.format)
            .bind(&result.entity)
            .bind(result.detected.to_string())
            .bind(result.sample.to_string())
            .bind(counts.rows_read)
            .bind(counts.rows_valid)
            .bind(counts.rows_warned)
            .bind(counts.rows_rejected)
            .bind(counts.records)
            .bind(counts.records_new)
            .bind(counts.records_changed)
            .bind(counts.records_unchanged)
            .bind(now)
            .bind(expires_at)
            .bind(import_id),
        )
        .await?;
        self.compare_with_predecessor(&import, result).await?;
        if import.mode == "apply" && counts.rows_rejected == 0 && !result.guessed {
            self.confirm_import(import_id, None).await?;
        }
        Ok(())
    }

    /// A corrected file takes the place of the one that it corrects. What became of that one's issues is kept; its
    /// preview is of no more use.
    async fn compare_with_predecessor(&mut self, import: &Import, result: &PreviewResult) -> Result<(), StoreError> {
        let Some(earlier) = predecessor(&mut self.inner, import, &result.entity).await? else { return Ok(()) };
        let compared = result.compared.as_ref().filter(|compared| compared.earlier == earlier.id);
        let difference = match compared {
            Some(compared) => compared.difference.clone(),
            None => issue_difference(&mut self.inner, &earlier.id, &import.id).await?,
        };
        self.execute(
            sqlx::query("update imports set supersedes = $1, difference = $2 where id = $3")
                .bind(&earlier.id)
                .bind(json!(difference).to_string())
                .bind(&import.id),
        )
        .await?;
        // It may have been confirmed, cancelled or expired since it was looked at.
        if self.locked_import(&earlier.id).await?.state == ImportState::Preview {
            self.move_import(&earlier.id, ImportState::Cancelled, json!({ "superseded_by": import.id })).await?;
            let superseded = sqlx::query("update imports set superseded_by = $1 where id = $2");
            self.execute(superseded.bind(&import.id).bind(&earlier.id)).await?;
        }
        Ok(())
    }

    /// A person has seen the preview and wants it stored. Confirming twice is confirming once. `seen` are the revisions of
    /// the preview of which one must be the current one, where that matters.
    pub async fn confirm_import(
        &mut self,
        import_id: &str,
        seen: Option<&[i64]>,
    ) -> Result<Option<String>, StoreError> {
        let import = self.locked_import(import_id).await?;
        import.must_be_seen(seen)?;
        if matches!(import.state, ImportState::Loading | ImportState::Completed) {
            return Ok(None);
        }
        if let Some(until) = import.expired(self.now()) {
            return Err(StoreError::PreviewExpired { until });
        }
        let saved = if import.state == ImportState::Preview { self.save_mapping(&import).await? } else { None };
        let payload = saved.map_or(Value::Null, |mapping| json!({ "mapping": mapping }));
        let import = self.move_import(import_id, ImportState::Loading, payload).await?;
        let now = micros(self.now());
        self.execute(sqlx::query("update imports set confirmed_at = $1 where id = $2").bind(now).bind(import_id))
            .await?;
        self.take_turn(&import, JobKind::ImportLoad).await
    }

    /// Stops an import that has not been stored whole, and its job with it. What chunks have stored stays.
    pub async fn cancel_import(&mut self, import_id: &str) -> Result<(), StoreError> {
        // Jobs are locked before their import. One that is written in between finds the import cancelled.
        let jobs = self
            .rows(
                sqlx::query(
                    "select id from jobs where subject_id = $1 and state in ('queued', 'retrying', 'running') order by id",
                )
                .bind(import_id),
            )
            .await?;
        for row in &jobs {
            match self.command_job(&row.text("id")?, &JobCommand::Cancel).await {
                // It has ended since; the import tells what that means.
                Ok(_) | Err(StoreError::JobRefused(_)) => {}
                Err(error) => return Err(error),
            }
        }
        match self.move_import(import_id, ImportState::Cancelled, Value::Null).await {
            // Cancelling a job that was waiting has cancelled its import.
            Err(StoreError::ImportState { from: ImportState::Cancelled, .. }) if !jobs.is_empty() => Ok(()),
            other => other.map(drop),
        }
    }

    /// The import that a load job works on, if it may still be loaded, and whether the tenant has nothing but what it
    /// has stored. From here on, evidence from before says nothing of the tenant's data.
    pub async fn begin_loading(&mut self, job: &Job, import_id: &str) -> Result<(Import, bool), StoreError> {
        self.progress(job, 0, None, "rows", TimeDelta::zero()).await?;
        let import = self.move_import(import_id, ImportState::Loading, Value::Null).await?;
        self.data_changed(&import.tenant_id).await?;
        let is_first = !self.has_others_records(&import.tenant_id, import_id).await?;
        Ok((import, is_first))
    }

    /// Stores a chunk and its checkpoint, or neither. A worker that has lost its job is refused by the fence.
    pub async fn load_chunk(
        &mut self,
        job: &Job,
        import_id: &str,
        chunk: &Chunk,
        lease: TimeDelta,
    ) -> Result<(), StoreError> {
        self.progress(job, chunk.checkpoint, Some(chunk.total), "rows", lease).await?;
        let stored = self.store_records(&job.tenant_id, import_id, &chunk.records).await?;
        let held = sqlx::query(STORE_CHECKPOINT)
            .bind(chunk.checkpoint)
            .bind(stored.new)
            .bind(stored.changed)
            .bind(stored.unchanged)
            .bind(import_id);
        if self.execute(held).await? == 1 {
            Ok(())
        } else {
            let from = self.locked_import(import_id).await?.state;
            Err(StoreError::ImportState { from, to: ImportState::Loading })
        }
    }

    /// Ends an import: its job, its state, the tenant's milestones, and whatever the checklist makes of it.
    pub async fn complete_import(&mut self, job: &Job, import_id: &str) -> Result<(), StoreError> {
        self.command_job(&job.id, &JobCommand::Succeed { attempt: job.attempt }).await?;
        let import = self.move_import(import_id, ImportState::Completed, Value::Null).await?;
        // Held before the time is written: a step that is reopened meanwhile is reopened before this.
        self.lock_checklist(&import.tenant_id).await?;
        let now = micros(self.now());
        self.execute(
            sqlx::query("update imports set completed_at = $1, failure = null where id = $2").bind(now).bind(import_id),
        )
        .await?;
        // The preview compared with what was stored then. An import that began to load under an earlier version has not
        // counted all of its records, and keeps what the preview said.
        let stored = "update imports set records_new = loaded_new, records_changed = loaded_changed,
                             records_unchanged = loaded_unchanged
                      where id = $1 and loaded_new + loaded_changed + loaded_unchanged = loaded";
        self.execute(sqlx::query(stored).bind(import_id)).await?;
        self.touch_tenant(&import.tenant_id).await?;
        for (kind, milestone) in [("member", Milestone::FirstMember), ("voucher", Milestone::FirstTransaction)] {
            let some = self
                .maybe_row(
                    sqlx::query("select 1 as one from records where tenant_id = $1 and kind = $2 limit 1")
                        .bind(&import.tenant_id)
                        .bind(kind),
                )
                .await?;
            if some.is_some() {
                self.reach_milestone(&import.tenant_id, milestone).await?;
            }
        }
        self.decide_if_onboarding(&import.tenant_id, &Command::EvidenceChanged).await.map(drop)
    }

    /// Notes why the attempt that has just been ended in this transaction went wrong; shown while it is retried, too.
    pub async fn note_import_failure(&mut self, import_id: &str, failure: &Value) -> Result<(), StoreError> {
        self.execute(
            sqlx::query("update imports set failure = $1 where id = $2").bind(failure.to_string()).bind(import_id),
        )
        .await?;
        Ok(())
    }

    /// Keeps an import in step with its job where the job ended otherwise than well, or was revived.
    pub(super) async fn follow_import_job(&mut self, before: &Job, after: &Job) -> Result<(), StoreError> {
        let Some(import_id) = after.subject_id.as_deref() else { return Ok(()) };
        let revived = before.state.is_terminal() && after.state == JobState::Retrying;
        if after.kind == JobKind::ImportRollback {
            // A rollback that died stays half-done until its job is tried again; nothing else may end it.
            return Ok(());
        }
        if revived {
            return self.revive_import(before, import_id).await;
        }
        let to = match after.state {
            JobState::Failed => ImportState::Failed,
            JobState::Cancelled => ImportState::Cancelled,
            _ => return Ok(()),
        };
        if to == ImportState::Failed {
            // An attempt that could still report says more than this afterwards.
            let failure = json!({
                "code": "attempts_exhausted",
                "message": after.last_error,
                "hint": "Retry its job, or upload the file again.",
            });
            self.note_import_failure(import_id, &failure).await?;
        }
        match self.move_import(import_id, to, json!({ "error": after.last_error })).await {
            // Cancelling an import cancels its job, which comes back here.
            Err(StoreError::ImportState { from, to }) if from == to => Ok(()),
            other => other.map(drop),
        }
    }
}
