//! What a record has been: read along what its imports have replaced.
//!
//! An import that changes a record keeps it as it was, with the import that had stored it. So each version leads to the
//! one before, and no list of versions has to be written. What was undone is no longer among them.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::row::Columns;
use super::{Store, StoreError};

/// A record's content, and the import that stored it.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordVersion {
    /// The content: an object.
    pub fields: Value,
    /// The import that stored it.
    pub import_id: String,
    /// The name that the import's file was uploaded under.
    pub file_name: Option<String>,
    /// Who uploaded it.
    pub actor: Option<String>,
    /// When it was stored.
    pub stored_at: DateTime<Utc>,
}

/// Which versions of which record are wanted.
#[derive(Debug, Clone, Copy)]
pub struct VersionFilter<'a> {
    /// Whose record.
    pub tenant_id: &'a str,
    /// `member`, `account`, `voucher`, …
    pub kind: &'a str,
    /// Its natural key.
    pub natural_key: &'a str,
    /// Only the versions that this import's and later ones have replaced.
    pub before_import: Option<&'a str>,
    /// At most so many, at least 1.
    pub limit: i64,
}

impl Store {
    /// A record's versions, the current one first; none where there is no such record.
    pub async fn record_versions(&self, filter: &VersionFilter<'_>) -> Result<Vec<RecordVersion>, StoreError> {
        let rows = sqlx::query(
            "with recursive versions (fields, import_id, stored_at, place) as (
                 select fields, import_id, stored_at, cast(1 as bigint) from records
                 where tenant_id = $1 and kind = $2 and natural_key = $3 and $4 = ''
                 union all
                 select c.fields, c.previous_import, c.stored_at, cast(1 as bigint)
                 from record_changes c join imports i on i.id = c.import_id and i.tenant_id = $1
                 where c.import_id = $4 and c.kind = $2 and c.natural_key = $3
                 union all
                 select c.fields, c.previous_import, c.stored_at, v.place + 1
                 from versions v join record_changes c
                   on c.import_id = v.import_id and c.kind = $2 and c.natural_key = $3
                 where v.place < $5
             )
             select v.fields, v.import_id, v.stored_at, i.file_name, i.actor
             from versions v left join imports i on i.id = v.import_id order by v.place",
        )
        .bind(filter.tenant_id)
        .bind(filter.kind)
        .bind(filter.natural_key)
        .bind(filter.before_import.unwrap_or_default())
        .bind(filter.limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(RecordVersion {
                    fields: row.json("fields")?,
                    import_id: row.text("import_id")?,
                    file_name: row.maybe_text("file_name")?,
                    actor: row.maybe_text("actor")?,
                    stored_at: row.time("stored_at")?,
                })
            })
            .collect()
    }
}
