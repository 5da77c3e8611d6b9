//! Imports in SQL: upload, preview, confirmation, chunks with their checkpoint, completion.

use std::collections::BTreeMap;
use std::fmt::Write;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;

use super::row::{Columns, micros};
use super::tenants::Milestone;
use super::{NewJob, Store, StoreError, Tx};
use crate::checklist::Command;
use crate::definition::Retry;
use crate::import::ImportState;
use crate::job::{Job, JobCommand, JobKind, JobState};
use crate::log::NewEntry;

/// An uploaded file on its way into the tenant's data.
#[derive(Debug, Clone, PartialEq)]
pub struct Import {
    /// `imp_` and a ULID.
    pub id: String,
    /// Whose data.
    pub tenant_id: String,
    /// Where it stands.
    pub state: ImportState,
    /// `preview` waits for a person; `apply` goes on by itself when no row is rejected.
    pub mode: String,
    /// The declared format, or the detected one once the file has been read.
    pub format: Option<String>,
    /// What the rows are, declared or detected.
    pub entity: Option<String>,
    /// Columns of the file by the field they fill, as declared.
    pub mapping: BTreeMap<String, String>,
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
    /// What the preview counted.
    pub counts: Counts,
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
    /// When a person confirmed.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// When it was stored.
    pub completed_at: Option<DateTime<Utc>>,
}

/// A format profile as it was when a file was uploaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedProfile {
    /// What uploads name it by.
    pub name: String,
    /// Its text.
    pub source: String,
}

/// What a preview counts.
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
    pub mapping: BTreeMap<String, String>,
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
}

/// A finding about a row or the file, to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct NewIssue {
    /// `error` or `warning`.
    pub severity: String,
    /// Stable code.
    pub code: String,
    /// Line in the file, from 1; 0 for the whole file.
    pub line: i64,
    /// Column, if the issue has one.
    pub column: Option<String>,
    /// The offending value, shortened.
    pub value: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// A stored finding.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredIssue {
    /// Place in the list, from 1.
    pub ordinal: i64,
    /// The finding.
    pub issue: NewIssue,
}

/// Which issues are wanted, in order of appearance.
#[derive(Debug, Clone, Default)]
pub struct IssueFilter {
    /// Only after this ordinal.
    pub after: i64,
    /// Only with this code.
    pub code: Option<String>,
    /// Only `error` or `warning`.
    pub severity: Option<String>,
    /// At most so many.
    pub limit: i64,
}

/// A record as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRecord {
    /// `member`, `account`, `voucher`, …
    pub kind: String,
    /// Natural key within tenant and kind.
    pub natural_key: String,
    /// The content, JSON.
    pub fields: String,
    /// SHA-256 of the content, hex.
    pub content_hash: String,
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
}

/// A chunk of an import being loaded.
#[derive(Debug, Clone)]
pub struct Chunk<'a> {
    /// The records, in file order.
    pub records: &'a [StoredRecord],
    /// Rows of the file that are done with this chunk.
    pub checkpoint: i64,
    /// Rows of the file.
    pub total: i64,
}

fn read(row: &AnyRow) -> Result<Import, StoreError> {
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
        checkpoint: row.int("checkpoint")?,
        loaded: row.int("loaded")?,
        failure: row.maybe_json("failure")?,
        actor: row.text("actor")?,
        created_at: row.time("created_at")?,
        previewed_at: row.maybe_time("previewed_at")?,
        confirmed_at: row.maybe_time("confirmed_at")?,
        completed_at: row.maybe_time("completed_at")?,
    })
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

    /// A tenant's imports, newest first.
    pub async fn imports(&self, tenant_id: &str, limit: i64) -> Result<Vec<Import>, StoreError> {
        let rows = sqlx::query("select * from imports where tenant_id = $1 order by created_at desc, id desc limit $2")
            .bind(tenant_id)
            .bind(limit)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(read).collect()
    }

    /// An import's issues, in order of appearance.
    pub async fn issues(&self, import_id: &str, filter: &IssueFilter) -> Result<Vec<StoredIssue>, StoreError> {
        let rows = sqlx::query(
            "select * from import_issues
             where import_id = $1 and ordinal > $2 and ($3 = '' or code = $3) and ($4 = '' or severity = $4)
             order by ordinal limit $5",
        )
        .bind(import_id)
        .bind(filter.after)
        .bind(filter.code.as_deref().unwrap_or_default())
        .bind(filter.severity.as_deref().unwrap_or_default())
        .bind(filter.limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(StoredIssue {
                    ordinal: row.int("ordinal")?,
                    issue: NewIssue {
                        severity: row.text("severity")?,
                        code: row.text("code")?,
                        line: row.int("line")?,
                        column: row.maybe_text("column_name")?,
                        value: row.maybe_text("value")?,
                        message: row.text("message")?,
                        hint: row.text("hint")?,
                    },
                })
            })
            .collect()
    }

    /// How often each code occurs: severity, code, count, most frequent first.
    pub async fn issue_groups(&self, import_id: &str) -> Result<Vec<(String, String, i64)>, StoreError> {
        let rows = sqlx::query(
            "select severity, code, count(*) as n from import_issues where import_id = $1
             group by severity, code order by severity, n desc, code",
        )
        .bind(import_id)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| Ok((row.text("severity")?, row.text("code")?, row.int("n")?))).collect()
    }

    /// How many records of a kind a tenant has.
    pub async fn record_count(&self, tenant_id: &str, kind: &str) -> Result<i64, StoreError> {
        sqlx::query("select count(*) as n from records where tenant_id = $1 and kind = $2")
            .bind(tenant_id)
            .bind(kind)
            .fetch_one(&self.pool)
            .await?
            .int("n")
    }

    /// Sorts records into new, changed and unchanged against what is stored.
    pub async fn compare(&self, tenant_id: &str, records: &[StoredRecord]) -> Result<(i64, i64, i64), StoreError> {
        if records.is_empty() {
            return Ok((0, 0, 0));
        }
        let mut statement =
            "select kind, natural_key, content_hash from records where tenant_id = $1 and (kind, natural_key) in (values ".to_owned();
        placeholders(&mut statement, records.len(), 2, 2);
        statement.push(')');
        let mut query = sqlx::query(AssertSqlSafe(statement)).bind(tenant_id);
        for record in records {
            query = query.bind(&record.kind).bind(&record.natural_key);
        }
        let rows = query.fetch_all(&self.pool).await?;
        let stored = rows
            .iter()
            .map(|row| Ok(((row.text("kind")?, row.text("natural_key")?), row.text("content_hash")?)))
            .collect::<Result<BTreeMap<_, _>, StoreError>>()?;
        let (mut new, mut changed, mut unchanged) = (0, 0, 0);
        for record in records {
            match stored.get(&(record.kind.clone(), record.natural_key.clone())) {
                None => new += 1,
                Some(hash) if *hash == record.content_hash => unchanged += 1,
                Some(_) => changed += 1,
            }
        }
        Ok((new, changed, unchanged))
    }
}

/// Appends `rows` groups of `width` numbered placeholders, the first numbered `first`.
fn placeholders(statement: &mut String, rows: usize, width: usize, first: usize) {
    for row in 0..rows {
        statement.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..width {
            let number = first + row * width + column;
            let _ = write!(statement, "{}${number}", if column == 0 { "" } else { ", " });
        }
        statement.push(')');
    }
}

impl Tx {
    /// An import as this transaction sees it.
    pub async fn import(&mut self, id: &str) -> Result<Import, StoreError> {
        let row = self.maybe_row(sqlx::query("select * from imports where id = $1").bind(id)).await?;
        read(&row.ok_or_else(|| StoreError::not_found("import", id))?)
    }

    async fn locked_import(&mut self, id: &str) -> Result<Import, StoreError> {
        let lock = format!("select * from imports where id = $1{}", self.for_update());
        let row = self.maybe_row(sqlx::query(AssertSqlSafe(lock)).bind(id)).await?;
        read(&row.ok_or_else(|| StoreError::not_found("import", id))?)
    }

    /// Moves an import to a state, if its life allows it, and logs the move.
    async fn move_import(&mut self, id: &str, to: ImportState, payload: Value) -> Result<Import, StoreError> {
        let import = self.locked_import(id).await?;
        if !import.state.may_become(to) {
            return Err(StoreError::ImportState { from: import.state, to });
        }
        self.set_import_state(&import, to, payload).await?;
        let given_up = matches!(to, ImportState::Failed | ImportState::Cancelled);
        if import.state == ImportState::Loading && given_up {
            // What its chunks have stored stays.
            self.data_changed(&import.tenant_id).await?;
        }
        Ok(import)
    }

    /// The tenant's data is another than before: evidence from before says nothing of it.
    async fn data_changed(&mut self, tenant_id: &str) -> Result<(), StoreError> {
        self.lock_checklist(tenant_id).await?;
        self.touch_tenant(tenant_id).await?;
        self.decide_if_onboarding(tenant_id, &Command::EvidenceChanged).await
    }

    async fn set_import_state(&mut self, import: &Import, to: ImportState, payload: Value) -> Result<(), StoreError> {
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
                                      profile, profile_source)
                 values ($1, $2, 'queued', $3, $4, $5, $6, $7, $8, $9, $10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, $11, $12,
                         $13, $14)",
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

    /// Begins, or begins again, to read an import: what an earlier attempt stored of the preview goes.
    pub async fn begin_preview(&mut self, job: &Job, import_id: &str) -> Result<Import, StoreError> {
        self.progress(job, 0, None, "bytes", TimeDelta::zero()).await?;
        let import = self.move_import(import_id, ImportState::Parsing, Value::Null).await?;
        self.execute(sqlx::query("delete from import_issues where import_id = $1").bind(import_id)).await?;
        Ok(import)
    }

    /// Stores a batch of issues; `first` is the ordinal of the first.
    pub async fn add_issues(&mut self, import_id: &str, first: i64, issues: &[NewIssue]) -> Result<(), StoreError> {
        // Nine values an issue; both databases take several thousand placeholders.
        for (batch, issues) in issues.chunks(200).enumerate() {
            let mut statement = "insert into import_issues (import_id, ordinal, severity, code, line, column_name, value, message, hint) values ".to_owned();
            placeholders(&mut statement, issues.len(), 9, 1);
            let mut query = sqlx::query(AssertSqlSafe(statement));
            for (ordinal, issue) in (first + i64::try_from(batch * 200).unwrap_or(0)..).zip(issues) {
                query = query
                    .bind(import_id)
                    .bind(ordinal)
                    .bind(&issue.severity)
                    .bind(&issue.code)
                    .bind(issue.line)
                    .bind(&issue.column)
                    .bind(&issue.value)
                    .bind(&issue.message)
                    .bind(&issue.hint);
            }
            self.execute(query).await?;
        }
        Ok(())
    }

    /// Ends the preview. In mode `apply` an import without rejected rows goes on to be loaded.
    pub async fn finish_preview(
        &mut self,
        job: &Job,
        import_id: &str,
        result: &PreviewResult,
    ) -> Result<(), StoreError> {
        self.command_job(&job.id, &JobCommand::Succeed { attempt: job.attempt }).await?;
        let counts = &result.counts;
        let import = self.move_import(import_id, ImportState::Preview, json!({ "counts": counts })).await?;
        let now = micros(self.now());
        self.execute(
            sqlx::query(
                "update imports set format = $1, entity = $2, detected = $3, sample = $4, rows_read = $5, rows_valid = $6,
                        rows_warned = $7, rows_rejected = $8, records = $9, records_new = $10, records_changed = $11,
                        records_unchanged = $12, previewed_at = $13
                 where id = $14",
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
            .bind(import_id),
        )
        .await?;
        if import.mode == "apply" && counts.rows_rejected == 0 {
            self.confirm_import(import_id).await?;
        }
        Ok(())
    }

    /// A person has seen the preview and wants it stored. Confirming twice is confirming once.
    pub async fn confirm_import(&mut self, import_id: &str) -> Result<Option<String>, StoreError> {
        if matches!(self.locked_import(import_id).await?.state, ImportState::Loading | ImportState::Completed) {
            return Ok(None);
        }
        let import = self.move_import(import_id, ImportState::Loading, Value::Null).await?;
        let now = micros(self.now());
        self.execute(sqlx::query("update imports set confirmed_at = $1 where id = $2").bind(now).bind(import_id))
            .await?;
        let mut job = NewJob::new(JobKind::ImportLoad, &import.tenant_id, Retry::default());
        job.subject_id = Some(import_id.to_owned());
        Ok(Some(self.create_job(&job).await?))
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

    /// The import that a load job works on, if it may still be loaded. From here on, evidence from before says
    /// nothing of the tenant's data.
    pub async fn begin_loading(&mut self, job: &Job, import_id: &str) -> Result<Import, StoreError> {
        self.progress(job, 0, None, "rows", TimeDelta::zero()).await?;
        let import = self.move_import(import_id, ImportState::Loading, Value::Null).await?;
        self.data_changed(&import.tenant_id).await?;
        Ok(import)
    }

    /// Stores a chunk and its checkpoint, or neither. A worker that has lost its job is refused by the fence.
    pub async fn load_chunk(
        &mut self,
        job: &Job,
        import_id: &str,
        chunk: &Chunk<'_>,
        lease: TimeDelta,
    ) -> Result<(), StoreError> {
        self.progress(job, chunk.checkpoint, Some(chunk.total), "rows", lease).await?;
        // One statement must not meet a key twice; the later row wins, as it would in two statements.
        let by_key: BTreeMap<(&str, &str), &StoredRecord> =
            chunk.records.iter().map(|record| ((record.kind.as_str(), record.natural_key.as_str()), record)).collect();
        let records: Vec<_> = by_key.into_values().collect();
        let now = micros(self.now());
        for records in records.chunks(500) {
            let mut statement = "insert into records (tenant_id, kind, natural_key, fields, content_hash, import_id, stored_at) values ".to_owned();
            placeholders(&mut statement, records.len(), 7, 1);
            statement.push_str(
                " on conflict (tenant_id, kind, natural_key) do update
                  set fields = excluded.fields, content_hash = excluded.content_hash,
                      import_id = excluded.import_id, stored_at = excluded.stored_at
                  where records.content_hash <> excluded.content_hash",
            );
            let mut query = sqlx::query(AssertSqlSafe(statement));
            for record in records {
                query = query
                    .bind(&job.tenant_id)
                    .bind(&record.kind)
                    .bind(&record.natural_key)
                    .bind(&record.fields)
                    .bind(&record.content_hash)
                    .bind(import_id)
                    .bind(now);
            }
            self.execute(query).await?;
        }
        let stored = self
            .execute(
                sqlx::query(
                    "update imports set checkpoint = $1, loaded = loaded + $2 where id = $3 and state = 'loading'",
                )
                .bind(chunk.checkpoint)
                .bind(i64::try_from(chunk.records.len()).unwrap_or(i64::MAX))
                .bind(import_id),
            )
            .await?;
        if stored == 1 {
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
        self.execute(sqlx::query("update imports set completed_at = $1 where id = $2").bind(now).bind(import_id))
            .await?;
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
        self.decide_if_onboarding(&import.tenant_id, &Command::EvidenceChanged).await
    }

    /// Notes why the current attempt to read or load an import went wrong; shown while it is retried, too.
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
        if revived {
            let to = if after.kind == JobKind::ImportLoad { ImportState::Loading } else { ImportState::Queued };
            let import = self.locked_import(import_id).await?;
            if !import.state.may_be_revived() {
                return Err(StoreError::ImportState { from: import.state, to });
            }
            return self.set_import_state(&import, to, Value::Null).await;
        }
        let to = match after.state {
            JobState::Failed => ImportState::Failed,
            JobState::Cancelled => ImportState::Cancelled,
            _ => return Ok(()),
        };
        match self.move_import(import_id, to, json!({ "error": after.last_error })).await {
            // Cancelling an import cancels its job, which comes back here.
            Err(StoreError::ImportState { from, to }) if from == to => Ok(()),
            other => other.map(drop),
        }
    }
}
