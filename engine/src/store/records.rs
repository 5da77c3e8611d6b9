//! The tenants' records in SQL: what imports have stored, what they replaced, and the way back.
//!
//! A record that an import makes is stored under the import's id. A record that it changes is kept as it was, beside
//! the import, so that the change can be taken back.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

use sqlx::AssertSqlSafe;

use super::row::{Columns, micros};
use super::{Store, StoreError, Tx};

/// A record as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRecord {
    /// `member`, `account`, `voucher`, …
    pub kind: String,
    /// Natural key within tenant and kind.
    pub natural_key: String,
    /// The content: JSON in a canonical form, so that the same content is the same text.
    pub fields: String,
}

/// A chunk of an import being loaded.
#[derive(Debug, Clone)]
pub struct Chunk {
    /// The records, in file order.
    pub records: Arc<Vec<StoredRecord>>,
    /// Rows of the file that are done with this chunk.
    pub checkpoint: i64,
    /// Rows of the file.
    pub total: i64,
}

impl Chunk {
    /// How many records it has, as the database counts.
    pub(super) fn len(&self) -> i64 {
        i64::try_from(self.records.len()).unwrap_or(i64::MAX)
    }
}

/// What an import's records are to the ones that were stored before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Stored {
    /// Records that were not there.
    pub(super) new: i64,
    /// Records that were there with other content.
    pub(super) changed: i64,
    /// Records that were there with the same content.
    pub(super) unchanged: i64,
}

impl Stored {
    /// Nothing but records that were not there.
    pub(super) const fn only_new(new: i64) -> Self {
        Self { new, changed: 0, unchanged: 0 }
    }
}

/// A stored record under the key of an incoming one.
#[derive(Debug, Clone, Copy)]
struct Met {
    /// Whether it has the content of the incoming one.
    is_same: bool,
    author: Author,
}

/// Whose a stored record is, as an import sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Author {
    /// An earlier import's.
    Other,
    /// The import has made it: a ledger may state a record twice.
    Own,
    /// The import has changed what an earlier one had stored.
    OwnChange,
}

impl Store {
    /// How many records of a kind a tenant has.
    pub async fn record_count(&self, tenant_id: &str, kind: &str) -> Result<i64, StoreError> {
        sqlx::query("select count(*) as n from records where tenant_id = $1 and kind = $2")
            .bind(tenant_id)
            .bind(kind)
            .fetch_one(&self.pool)
            .await?
            .int("n")
    }

    /// Whether a tenant has any record.
    pub async fn has_records(&self, tenant_id: &str) -> Result<bool, StoreError> {
        let any = sqlx::query("select 1 as one from records where tenant_id = $1 limit 1").bind(tenant_id);
        Ok(any.fetch_optional(&self.pool).await?.is_some())
    }

    /// Sorts records into new, changed and unchanged against what is stored.
    pub async fn compare(&self, tenant_id: &str, records: &[StoredRecord]) -> Result<(i64, i64, i64), StoreError> {
        let keys: Vec<(&str, &str)> =
            records.iter().map(|record| (record.kind.as_str(), record.natural_key.as_str())).collect();
        let stored = self.stored_fields(tenant_id, &keys).await?;
        let (mut new, mut changed, mut unchanged) = (0, 0, 0);
        for record in records {
            match stored.get(&(record.kind.clone(), record.natural_key.clone())) {
                None => new += 1,
                Some(fields) if *fields == record.fields => unchanged += 1,
                Some(_) => changed += 1,
            }
        }
        Ok((new, changed, unchanged))
    }

    /// Which of some keys, given as kind and natural key, a tenant has no record of. At most a few hundred at a time:
    /// they become one statement.
    pub async fn unknown_keys<'a>(
        &self,
        tenant_id: &str,
        keys: &[(&'a str, &'a str)],
    ) -> Result<BTreeSet<(&'a str, &'a str)>, StoreError> {
        let stored = self.stored_fields(tenant_id, keys).await?;
        let unknown = |key: &&(&str, &str)| !stored.contains_key(&(key.0.to_owned(), key.1.to_owned()));
        Ok(keys.iter().filter(unknown).copied().collect())
    }

    /// The content of the records that exist under some keys.
    async fn stored_fields(
        &self,
        tenant_id: &str,
        keys: &[(&str, &str)],
    ) -> Result<BTreeMap<(String, String), String>, StoreError> {
        if keys.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut statement =
            "select kind, natural_key, fields from records where tenant_id = $1 and (kind, natural_key) in (values "
                .to_owned();
        placeholders(&mut statement, keys.len(), 2, 2);
        statement.push(')');
        let mut query = sqlx::query(AssertSqlSafe(statement)).bind(tenant_id);
        for (kind, natural_key) in keys {
            query = query.bind((*kind).to_owned()).bind((*natural_key).to_owned());
        }
        let rows = query.fetch_all(&self.pool).await?;
        rows.iter().map(|row| Ok(((row.text("kind")?, row.text("natural_key")?), row.text("fields")?))).collect()
    }
}

/// A record's place in the order in which a rollback walks through a tenant's records.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecordPlace {
    kind: String,
    natural_key: String,
}

impl Tx {
    /// Whether a tenant has records that another import has stored.
    pub(super) async fn has_others_records(&mut self, tenant_id: &str, import_id: &str) -> Result<bool, StoreError> {
        let other = sqlx::query("select 1 as one from records where tenant_id = $1 and import_id <> $2 limit 1")
            .bind(tenant_id)
            .bind(import_id);
        Ok(self.maybe_row(other).await?.is_some())
    }

    /// Stores records by their natural key, and counts what they are to the ones that were stored before the import. What
    /// they change is kept first; what is stored already with the same content stays as it is, whoever stored it.
    pub(super) async fn store_records(
        &mut self,
        tenant_id: &str,
        import_id: &str,
        records: &[StoredRecord],
    ) -> Result<Stored, StoreError> {
        // One statement must not meet a key twice; the later row wins, as it would in two statements.
        let mut by_key: BTreeMap<(&str, &str), (&StoredRecord, i64)> = BTreeMap::new();
        for record in records {
            let key = (record.kind.as_str(), record.natural_key.as_str());
            let (latest, times) = by_key.entry(key).or_insert((record, 0));
            *latest = record;
            *times += 1;
        }
        let counted: Vec<_> = by_key.into_values().collect();
        let mut stored = Stored::default();
        for counted in counted.chunks(500) {
            let records: Vec<_> = counted.iter().map(|(record, _)| *record).collect();
            let met = self.met(tenant_id, import_id, &records).await?;
            let (mut kept, mut written) = (Vec::new(), Vec::new());
            for (record, times) in counted {
                let met = met.get(&(record.kind.clone(), record.natural_key.clone())).copied();
                match met.map(|met| (met.author, met.is_same)) {
                    None | Some((Author::Own, _)) => stored.new += times,
                    Some((Author::Other, true)) => stored.unchanged += times,
                    Some((Author::Other, false) | (Author::OwnChange, _)) => stored.changed += times,
                }
                if met.is_none_or(|met| !met.is_same) {
                    written.push(*record);
                }
                if met.is_some_and(|met| met.author == Author::Other && !met.is_same) {
                    kept.push(*record);
                }
            }
            self.keep_replaced(tenant_id, import_id, &kept).await?;
            self.write_records(tenant_id, import_id, &written).await?;
        }
        Ok(stored)
    }

    /// What is stored under the keys of a few hundred records.
    async fn met(
        &mut self,
        tenant_id: &str,
        import_id: &str,
        records: &[&StoredRecord],
    ) -> Result<BTreeMap<(String, String), Met>, StoreError> {
        let mut statement = "with incoming (kind, natural_key, fields) as (values ".to_owned();
        placeholders(&mut statement, records.len(), 3, 3);
        statement.push_str(
            ") select r.kind, r.natural_key,
                      cast(case when r.fields = i.fields then 1 else 0 end as bigint) as same,
                      cast(case when r.import_id <> $1 then 0 when c.import_id is null then 1 else 2 end as bigint)
                        as author
             from incoming i join records r
               on r.tenant_id = $2 and r.kind = i.kind and r.natural_key = i.natural_key
             left join record_changes c
               on r.import_id = $1 and c.import_id = $1 and c.kind = r.kind and c.natural_key = r.natural_key",
        );
        let mut query = sqlx::query(AssertSqlSafe(statement)).bind(import_id).bind(tenant_id);
        for record in records {
            query = query.bind(&record.kind).bind(&record.natural_key).bind(&record.fields);
        }
        let rows = self.rows(query).await?;
        rows.iter()
            .map(|row| {
                let author = match row.int("author")? {
                    0 => Author::Other,
                    1 => Author::Own,
                    _ => Author::OwnChange,
                };
                let met = Met { is_same: row.int("same")? == 1, author };
                Ok(((row.text("kind")?, row.text("natural_key")?), met))
            })
            .collect()
    }

    /// Writes records, over those that are there with other content.
    async fn write_records(
        &mut self,
        tenant_id: &str,
        import_id: &str,
        records: &[&StoredRecord],
    ) -> Result<(), StoreError> {
        if records.is_empty() {
            return Ok(());
        }
        let now = micros(self.now());
        let mut statement =
            "insert into records (tenant_id, kind, natural_key, fields, import_id, stored_at) values ".to_owned();
        placeholders(&mut statement, records.len(), 6, 1);
        statement.push_str(
            " on conflict (tenant_id, kind, natural_key) do update
              set fields = excluded.fields, import_id = excluded.import_id, stored_at = excluded.stored_at
              where records.fields <> excluded.fields",
        );
        let mut query = sqlx::query(AssertSqlSafe(statement));
        for record in records {
            query = query
                .bind(tenant_id)
                .bind(&record.kind)
                .bind(&record.natural_key)
                .bind(&record.fields)
                .bind(import_id)
                .bind(now);
        }
        self.execute(query).await?;
        Ok(())
    }

    /// Keeps the records that are about to change as they are. Where an import changes a record twice, what was there
    /// before the import is what is kept.
    async fn keep_replaced(
        &mut self,
        tenant_id: &str,
        import_id: &str,
        records: &[&StoredRecord],
    ) -> Result<(), StoreError> {
        if records.is_empty() {
            return Ok(());
        }
        let mut statement = "with incoming (kind, natural_key, fields) as (values ".to_owned();
        placeholders(&mut statement, records.len(), 3, 3);
        statement.push_str(
            ") insert into record_changes (import_id, kind, natural_key, fields, previous_import, stored_at)
             select $1, r.kind, r.natural_key, r.fields, r.import_id, r.stored_at
             from incoming i join records r
               on r.tenant_id = $2 and r.kind = i.kind and r.natural_key = i.natural_key
             where r.fields <> i.fields and r.import_id <> $1
             on conflict (import_id, kind, natural_key) do nothing",
        );
        let mut query = sqlx::query(AssertSqlSafe(statement)).bind(import_id).bind(tenant_id);
        for record in records {
            query = query.bind(&record.kind).bind(&record.natural_key).bind(&record.fields);
        }
        self.execute(query).await?;
        Ok(())
    }

    /// Undoes what an import did to the next `limit` records of the tenant: what it changed is as it was before, what
    /// it made is gone. Answers how many were undone and where to go on; no place at the end. Doing it again changes
    /// nothing.
    pub(super) async fn undo_records(
        &mut self,
        tenant_id: &str,
        import_id: &str,
        after: &RecordPlace,
        limit: i64,
    ) -> Result<(i64, Option<RecordPlace>), StoreError> {
        let rows = self
            .rows(
                sqlx::query(
                    "select kind, natural_key from records
                     where tenant_id = $1 and (kind, natural_key) > ($2, $3) order by kind, natural_key limit $4",
                )
                .bind(tenant_id)
                .bind(&after.kind)
                .bind(&after.natural_key)
                .bind(limit),
            )
            .await?;
        let Some(last) = rows.last() else { return Ok((0, None)) };
        let last = RecordPlace { kind: last.text("kind")?, natural_key: last.text("natural_key")? };
        let mut undone = 0;
        // In this order: what was restored no longer bears the import's id, so that the rest is what it made.
        for (statement, counts) in [
            (
                "update records set fields = c.fields, import_id = c.previous_import,
                        stored_at = c.stored_at
                 from record_changes c
                 where records.tenant_id = $1 and records.import_id = $2
                   and c.import_id = $2 and c.kind = records.kind and c.natural_key = records.natural_key
                   and (c.kind, c.natural_key) > ($3, $4) and (c.kind, c.natural_key) <= ($5, $6)",
                true,
            ),
            (
                "delete from records where tenant_id = $1 and import_id = $2
                   and (kind, natural_key) > ($3, $4) and (kind, natural_key) <= ($5, $6)",
                true,
            ),
            (
                "delete from record_changes
                 where import_id = $2 and (kind, natural_key) > ($3, $4) and (kind, natural_key) <= ($5, $6) and $1 <> ''",
                false,
            ),
        ] {
            let query = sqlx::query(statement)
                .bind(tenant_id)
                .bind(import_id)
                .bind(&after.kind)
                .bind(&after.natural_key)
                .bind(&last.kind)
                .bind(&last.natural_key);
            let rows = self.execute(query).await?;
            undone += if counts { i64::try_from(rows).unwrap_or(0) } else { 0 };
        }
        let whole = i64::try_from(rows.len()).is_ok_and(|rows| rows == limit);
        Ok((undone, whole.then_some(last)))
    }
}

/// Appends `rows` groups of `width` numbered placeholders, the first numbered `first`.
pub(super) fn placeholders(statement: &mut String, rows: usize, width: usize, first: usize) {
    for row in 0..rows {
        statement.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..width {
            let number = first + row * width + column;
            let _ = write!(statement, "{}${number}", if column == 0 { "" } else { ", " });
        }
        statement.push(')');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fixture::{self, begin};

    fn records(said: &[(&str, &str)]) -> Vec<StoredRecord> {
        let record = |(key, fields): &(&str, &str)| StoredRecord {
            kind: "account".to_owned(),
            natural_key: (*key).to_owned(),
            fields: (*fields).to_owned(),
        };
        said.iter().map(record).collect()
    }

    /// New, changed and unchanged.
    async fn stored(tx: &mut Tx, import: &str, said: &[(&str, &str)]) -> (i64, i64, i64) {
        let stored = tx.store_records("svbf", import, &records(said)).await.expect("records are stored");
        (stored.new, stored.changed, stored.unchanged)
    }

    #[tokio::test]
    async fn records_are_counted_against_what_was_there_before_their_import() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let store = fixture::store(&folder).await;
        let mut tx = begin(&store).await;
        for id in ["one", "two"] {
            fixture::import(&mut tx, id, "loading", 0).await;
        }
        assert_eq!(stored(&mut tx, "one", &[("1", "a"), ("2", "a"), ("3", "a")]).await, (3, 0, 0));
        assert_eq!(stored(&mut tx, "two", &[("1", "a"), ("2", "b"), ("4", "a")]).await, (1, 1, 1));
        // A record that an import states again, in a chunk or a later one, is what it was the first time.
        assert_eq!(
            stored(&mut tx, "two", &[("4", "b"), ("4", "c"), ("2", "c"), ("2", "c"), ("1", "a")]).await,
            (2, 2, 1)
        );
        let now = tx.rows(sqlx::query("select fields from records order by natural_key")).await.expect("an answer");
        let now: Vec<_> = now.iter().map(|row| row.text("fields").expect("fields")).collect();
        assert_eq!(now, ["a", "c", "a", "c"]);
        let kept = tx.rows(sqlx::query("select natural_key, fields, import_id from record_changes"));
        let kept = kept.await.expect("an answer");
        let [kept] = kept.as_slice() else { panic!("one record was replaced") };
        assert_eq!(
            (kept.text("natural_key").expect("a key"), kept.text("fields").expect("fields")),
            ("2".into(), "a".into())
        );
    }
}
