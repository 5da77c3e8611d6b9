//! Copying chunks into Postgres.

use chrono::{TimeDelta, Utc};
use sqlx::postgres::PgPoolOptions;
use sqlx::{Executor, PgPool};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::Loading;
use crate::job::Job;
use crate::store::StoreError;
use crate::store::connection::{CONNECT_TIMEOUT, POSTGRES_SESSION};
use crate::store::imports::STORE_CHECKPOINT;
use crate::store::jobs::STORE_PROGRESS;
use crate::store::records::{Chunk, Stored, StoredRecord};
use crate::store::row::micros;

/// Not to wait for the disk with every chunk. A crash of the server may take back the latest chunks, each with its
/// checkpoint; the commit that ends the import waits, and with it everything before is safe.
const NO_WAIT: &str = "set synchronous_commit = off";

/// Records sent at a time, so that the server works on some while the next ones are written.
const PIECE: usize = 256;

/// Chunks in a transaction at most; they are held in memory until it is committed.
const MOST_CHUNKS: usize = 4;

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

/// A task that copies chunks as they come.
///
/// A transaction takes what has come by the time the chunk before it has been sent: many chunks where the reader is
/// quicker than the database, so that the few answers that a transaction waits for do not slow it down, and one where the
/// database is quicker.
#[derive(Debug)]
pub(super) struct Copying {
    chunks: mpsc::Sender<Chunk>,
    /// Ends with the chunks that were not stored.
    task: JoinSet<Result<Vec<Chunk>, StoreError>>,
}

impl Copying {
    pub(super) fn start(pool: PgPool, job: Job, import_id: String, lease: TimeDelta) -> Self {
        let (chunks, received) = mpsc::channel(1);
        let mut task = JoinSet::new();
        task.spawn(async move { copy(&pool, &Loading { job: &job, import_id: &import_id }, lease, received).await });
        Self { chunks, task }
    }

    /// Takes a chunk on, or gives it back: the task has ended, and [`Self::finish`] says how.
    pub(super) async fn add(&self, chunk: Chunk) -> Result<(), Chunk> {
        self.chunks.send(chunk).await.map_err(|refused| refused.0)
    }

    /// Waits until everything is committed, and gives what was not stored.
    pub(super) async fn finish(self) -> Result<Vec<Chunk>, StoreError> {
        let Self { chunks, mut task } = self;
        drop(chunks);
        let ended = task.join_next().await.transpose();
        ended.map_err(|error| sqlx::Error::Io(std::io::Error::other(error)))?.unwrap_or_else(|| Ok(Vec::new()))
    }
}

/// Copies everything that comes, or as much as can be stored this way; returns the rest.
async fn copy(
    pool: &PgPool,
    loading: &Loading<'_>,
    lease: TimeDelta,
    mut chunks: mpsc::Receiver<Chunk>,
) -> Result<Vec<Chunk>, StoreError> {
    while let Some(first) = chunks.recv().await {
        let mut taken = vec![first];
        if !copy_some(pool, loading, lease, &mut chunks, &mut taken).await? {
            chunks.close();
            while let Some(chunk) = chunks.recv().await {
                taken.push(chunk);
            }
            return Ok(taken);
        }
    }
    Ok(Vec::new())
}

/// Copies the chunk that was taken, and those that come in time, in one transaction. `false` means that nothing of them
/// was stored: a record is there already, or the job or its import is not what it was.
async fn copy_some(
    pool: &PgPool,
    loading: &Loading<'_>,
    lease: TimeDelta,
    chunks: &mut mpsc::Receiver<Chunk>,
    taken: &mut Vec<Chunk>,
) -> Result<bool, StoreError> {
    let now = Utc::now();
    let mut tx = pool.begin().await?;
    let mut copy =
        tx.copy_in_raw("copy records (tenant_id, kind, natural_key, fields, import_id, stored_at) from stdin").await?;
    let mut next = taken.first().cloned();
    while let Some(chunk) = next {
        for records in chunk.records.chunks(PIECE) {
            copy.send(rows(&loading.job.tenant_id, loading.import_id, micros(now), records)).await?;
        }
        next = if taken.len() < MOST_CHUNKS { chunks.try_recv().ok() } else { None };
        taken.extend(next.clone());
    }
    match copy.finish().await {
        Ok(_) => {}
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    let Some(last) = taken.last() else { return Ok(true) };
    // The fence comes last, so that nobody waits for the rows of job and import while records travel.
    let fenced = sqlx::query(STORE_PROGRESS)
        .bind(last.checkpoint)
        .bind(last.total)
        .bind("rows")
        .bind(micros(Utc::now() + lease))
        .bind(&loading.job.id)
        .bind(i64::from(loading.job.attempt))
        .execute(&mut *tx)
        .await?;
    let stored = Stored::only_new(taken.iter().map(Chunk::len).sum());
    let held = sqlx::query(STORE_CHECKPOINT)
        .bind(last.checkpoint)
        .bind(stored.new)
        .bind(stored.changed)
        .bind(stored.unchanged)
        .bind(loading.import_id)
        .execute(&mut *tx)
        .await?;
    if fenced.rows_affected() != 1 || held.rows_affected() != 1 {
        return Ok(false);
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
