//! How columns of tables are mapped: changed before the import is confirmed, kept when it is.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::any::AnyRow;
use ulid::Ulid;

use super::imports::Import;
use super::row::{Columns, micros};
use super::{NewJob, Store, StoreError, Tx};
use crate::definition::Retry;
use crate::import::ImportState;
use crate::job::{Job, JobKind};
use crate::log::{NewEntry, hex};

/// A mapping with longer JSON than this, in bytes, is not kept: all that a tenant has are read at once.
const LONGEST: usize = 64 * 1024;

/// Failures that another mapping may mend.
const MENDABLE: [&str; 3] = ["columns_missing", "header_missing", "mapping_invalid"];

/// A mapping that somebody confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedMapping {
    /// `map_` and a ULID.
    pub id: String,
    /// Whose tables.
    pub tenant_id: String,
    /// What their rows are.
    pub entity: String,
    /// The columns, in the order of the latest table.
    pub columns: Vec<SavedColumn>,
    /// The latest import that was confirmed with it.
    pub import_id: String,
    /// When that was.
    pub confirmed_at: DateTime<Utc>,
    /// Who confirmed it.
    pub actor: String,
}

/// A column and where it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedColumn {
    /// Its name.
    pub column: String,
    /// The field that it fills; none where it is left out.
    pub field: Option<String>,
}

fn read(row: &AnyRow) -> Result<SavedMapping, StoreError> {
    Ok(SavedMapping {
        id: row.text("id")?,
        tenant_id: row.text("tenant_id")?,
        entity: row.text("entity")?,
        columns: row.json("mapping")?,
        import_id: row.text("import_id")?,
        confirmed_at: row.time("confirmed_at")?,
        actor: row.text("actor")?,
    })
}

/// The same for tables with the same columns, whatever their order.
fn fingerprint(columns: &[SavedColumn]) -> String {
    let mut names: Vec<&str> = columns.iter().map(|column| column.column.as_str()).collect();
    names.sort_unstable();
    hex(&Sha256::digest(json!(names).to_string().as_bytes()))
}

/// The mapping of an import that may serve again: of a table, read without a profile.
fn reusable(import: &Import) -> Option<Vec<SavedColumn>> {
    let of_table = import.format.as_deref() == Some("csv") && import.profile.is_none();
    let mapping = import.detected.as_ref().filter(|_| of_table)?.get("mapping")?;
    serde_json::from_value::<Vec<SavedColumn>>(mapping.clone()).ok().filter(|columns| !columns.is_empty())
}

impl Import {
    /// Whether its file may be read again with another mapping: it waits for its confirmation, or has failed for want of
    /// one.
    #[must_use]
    pub fn can_be_mapped_again(&self) -> bool {
        let code = self.failure.as_ref().and_then(|failure| failure.get("code")).and_then(Value::as_str);
        let mendable = code.is_some_and(|code| MENDABLE.contains(&code)) && self.confirmed_at.is_none();
        self.state == ImportState::Preview || self.state == ImportState::Failed && mendable
    }
}

impl Store {
    /// A tenant's saved mappings, the latest first.
    pub async fn mappings(&self, tenant_id: &str, limit: i64) -> Result<Vec<SavedMapping>, StoreError> {
        let rows = sqlx::query(
            "select * from import_mappings where tenant_id = $1 order by confirmed_at desc, id desc limit $2",
        )
        .bind(tenant_id)
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read).collect()
    }
}

impl Tx {
    /// Keeps how the columns of a confirmed import were mapped, in place of what was kept for the same columns. Answers
    /// the id under which it is kept; none where there is nothing to keep.
    pub(super) async fn save_mapping(&mut self, import: &Import) -> Result<Option<String>, StoreError> {
        let (Some(columns), Some(entity)) = (reusable(import), import.entity.as_deref()) else { return Ok(None) };
        let mapping = json!(columns).to_string();
        if mapping.len() > LONGEST {
            return Ok(None);
        }
        // Before a row that refers to it: of two confirmations that each held the tenant for reference, none could hold it
        // for its turn.
        self.hold_tenant(&import.tenant_id).await?;
        let print = fingerprint(&columns);
        self.keep_mapping(import, entity, &print).await?;
        let (now, actor) = (self.now(), self.actor().id.clone());
        let row = self
            .maybe_row(
                sqlx::query(
                    "insert into import_mappings (id, tenant_id, entity, fingerprint, mapping, import_id, confirmed_at, actor)
                     values ($1, $2, $3, $4, $5, $6, $7, $8)
                     on conflict (tenant_id, entity, fingerprint) do update
                     set mapping = excluded.mapping, import_id = excluded.import_id,
                         confirmed_at = excluded.confirmed_at, actor = excluded.actor
                     returning id",
                )
                .bind(format!("map_{}", Ulid::from_datetime(now.into())))
                .bind(&import.tenant_id)
                .bind(entity)
                .bind(print)
                .bind(mapping)
                .bind(&import.id)
                .bind(micros(now))
                .bind(actor),
            )
            .await?;
        row.map(|row| row.text("id")).transpose()
    }

    /// Forgets a saved mapping. Imports that were mapped by it stay as they are.
    pub async fn delete_mapping(&mut self, tenant_id: &str, id: &str) -> Result<(), StoreError> {
        let gone = self
            .execute(
                sqlx::query("delete from import_mappings where id = $1 and tenant_id = $2").bind(id).bind(tenant_id),
            )
            .await?;
        if gone == 0 {
            return Err(StoreError::not_found("mapping", id));
        }
        self.forget_replaced(id).await?;
        self.record(NewEntry::of_tenant("import_mapping_deleted", tenant_id, json!({ "mapping": id })));
        Ok(())
    }

    /// Notes what reading has found out so far, so that it is known even if the file then cannot be read.
    pub async fn note_detected(
        &mut self,
        job: &Job,
        import_id: &str,
        detected: &Value,
        size: i64,
        lease: TimeDelta,
    ) -> Result<(), StoreError> {
        self.progress(job, 0, Some(size), "bytes", lease).await?;
        self.execute(
            sqlx::query("update imports set detected = $1 where id = $2 and state = 'parsing'")
                .bind(detected.to_string())
                .bind(import_id),
        )
        .await?;
        Ok(())
    }

    /// Reads an import's file again with another mapping, and as another entity where one is given. See
    /// [`Import::can_be_mapped_again`]; afterwards it always waits for a person. `seen` is as of [`Tx::confirm_import`]. Answers
    /// the job.
    pub async fn map_again(
        &mut self,
        import_id: &str,
        mapping: &BTreeMap<String, String>,
        entity: Option<&str>,
        seen: Option<&[i64]>,
    ) -> Result<String, StoreError> {
        let import = self.locked_import(import_id).await?;
        import.must_be_seen(seen)?;
        if !import.can_be_mapped_again() {
            return Err(StoreError::ImportState { from: import.state, to: ImportState::Queued });
        }
        self.execute(
            sqlx::query(
                "update imports set mapping = $1, entity = coalesce($2, entity), mode = 'preview', failure = null, expires_at = null,
                        sample = null, rows_read = 0, rows_valid = 0, rows_warned = 0, rows_rejected = 0, records = 0,
                        records_new = 0, records_changed = 0, records_unchanged = 0, previewed_at = null,
                        preview_revision = preview_revision + 1
                 where id = $3",
            )
            .bind(json!(mapping).to_string())
            .bind(entity)
            .bind(import_id),
        )
        .await?;
        self.execute(sqlx::query("delete from import_issues where import_id = $1").bind(import_id)).await?;
        let payload = json!({ "mapping": mapping, "entity": entity.or(import.entity.as_deref()) });
        self.set_import_state(&import, ImportState::Queued, payload).await?;
        let mut job = NewJob::new(JobKind::ImportPreview, &import.tenant_id, Retry::default());
        job.subject_id = Some(import.id);
        self.create_job(&job).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(names: &[&str]) -> Vec<SavedColumn> {
        names.iter().map(|name| SavedColumn { column: (*name).to_owned(), field: None }).collect()
    }

    #[test]
    fn the_order_of_columns_does_not_matter_and_everything_else_does() {
        let print = |names: &[&str]| fingerprint(&columns(names));
        assert_eq!(print(&["a", "b", "b"]), print(&["b", "a", "b"]));
        for other in [&["a", "b"][..], &["a", "b", "B"], &["a,b", "b"], &["a\",\"b", "b"]] {
            assert_ne!(print(&["a", "b", "b"]), print(other));
        }
    }
}
