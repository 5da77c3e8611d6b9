//! Copying a chunk into Postgres.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::postgres::PgPoolOptions;
use sqlx::{Executor, PgPool};

use super::Loading;
use crate::store::StoreError;
use crate::store::connection::{CONNECT_TIMEOUT, POSTGRES_SESSION};
use crate::store::imports::STORE_CHECKPOINT;
use crate::store::jobs::STORE_PROGRESS;
use crate::store::records::{Chunk, StoredRecord};
use crate::store::row::micros;

/// Not to wait for the disk with every chunk. A crash of the server may take back the latest chunks, each with its
/// checkpoint; the commit that ends the import waits, and with it everything before is safe.
const NO_WAIT: &str = "set synchronous_commit = off";

/// Records sent at a time, so that the server works on some while the next ones are written.
const PIECE: usize = 256;

/// Connects when it is first used, and closes what nobody uses for some time.
pub(super) fn pool(url: &str, max_connections: u32) -> Result<PgPool, sqlx::Error> {
    PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(CONNECT_TIMEOUT)
        .after_connect(|connection, _| {
            Box::pin(async move {
                for statement in POSTGRES_SESSION.into_iter().chain([NO_WAIT]) {
                    connection.execute(statement).await?;
                }
                Ok(())
            })
        })
        .connect_lazy(url)
}

/// Copies a chunk, or does nothing.
pub(super) async fn copy(
    pool: &PgPool,
    loading: &Loading<'_>,
    chunk: &Chunk,
    now: DateTime<Utc>,
    lease: TimeDelta,
) -> Result<bool, StoreError> {
    let mut tx = pool.begin().await?;
    let fenced = sqlx::query(STORE_PROGRESS)
        .bind(chunk.checkpoint)
        .bind(chunk.total)
        .bind("rows")
        .bind(micros(now + lease))
        .bind(&loading.job.id)
        .bind(i64::from(loading.job.attempt))
        .execute(&mut *tx)
        .await?;
    let held = sqlx::query(STORE_CHECKPOINT)
        .bind(chunk.checkpoint)
        .bind(chunk.len())
        .bind(loading.import_id)
        .execute(&mut *tx)
        .await?;
    if fenced.rows_affected() != 1 || held.rows_affected() != 1 {
        return Ok(false);
    }
    let mut copy =
        tx.copy_in_raw("copy records (tenant_id, kind, natural_key, fields, import_id, stored_at) from stdin").await?;
    for records in chunk.records.chunks(PIECE) {
        copy.send(rows(&loading.job.tenant_id, loading.import_id, micros(now), records)).await?;
    }
    match copy.finish().await {
        Ok(_) => {}
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    tx.commit().await?;
    Ok(true)
}

/// The records in the text format of `COPY`: tabs between values, a line each.
fn rows(tenant_id: &str, import_id: &str, now: i64, records: &[StoredRecord]) -> Vec<u8> {
    let size = records.iter().map(|record| record.natural_key.len() + record.fields.len() + 100).sum();
    let mut out = Vec::with_capacity(size);
    let now = now.to_string();
    for record in records {
        let values = [tenant_id, &record.kind, &record.natural_key, &record.fields, import_id, &now];
        for (position, value) in values.into_iter().enumerate() {
            if position > 0 {
                out.push(b'\t');
            }
            escape(value, &mut out);
        }
        out.push(b'\n');
    }
    out
}

fn escape(value: &str, out: &mut Vec<u8>) {
    let mut rest = value.as_bytes();
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'\\' | b'\t' | b'\n' | b'\r')) {
        let (plain, special) = rest.split_at(at);
        out.extend_from_slice(plain);
        out.push(b'\\');
        out.push(match special.first() {
            Some(b'\t') => b't',
            Some(b'\n') => b'n',
            Some(b'\r') => b'r',
            _ => b'\\',
        });
        rest = special.get(1..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_separates_values_and_lines_is_escaped() {
        let record = StoredRecord {
            kind: "member".to_owned(),
            natural_key: "a\tb\n\\.".to_owned(),
            fields: r#"{"name":"a\"b"}"#.to_owned(),
        };
        let text = String::from_utf8(rows("svbf", "imp_1", 7, &[record])).expect("UTF-8");
        assert_eq!(text, "svbf\tmember\ta\\tb\\n\\\\.\t{\"name\":\"a\\\\\"b\"}\timp_1\t7\n");
    }
}
