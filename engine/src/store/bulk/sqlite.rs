//! Inserting a chunk into SQLite.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, ErrorCode, TransactionBehavior, params};

use super::Loading;
use crate::store::connection::SQLITE_SESSION;
use crate::store::imports::STORE_CHECKPOINT;
use crate::store::jobs::STORE_PROGRESS;
use crate::store::records::{Chunk, Stored};
use crate::store::row::micros;

/// A connection of its own, made when it is first used.
#[derive(Debug, Clone)]
pub(in crate::store) struct Prepared {
    path: PathBuf,
    connection: Arc<Mutex<Option<Connection>>>,
}

impl Prepared {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, connection: Arc::default() }
    }

    /// Inserts a chunk, or does nothing. Blocks; the caller holds the store's write lock.
    pub(super) fn insert(
        &self,
        loading: &Loading<'_>,
        chunk: &Chunk,
        now: DateTime<Utc>,
        lease: TimeDelta,
    ) -> Result<bool, rusqlite::Error> {
        let mut held = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = match &mut *held {
            Some(connection) => connection,
            none => none.insert(self.connect()?),
        };
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let fenced = tx.prepare_cached(STORE_PROGRESS)?.execute(params![
            chunk.checkpoint,
            chunk.total,
            "rows",
            micros(now + lease),
            loading.job.id,
            i64::from(loading.job.attempt),
        ])?;
        let stored = Stored::only_new(chunk.len());
        let kept = tx.prepare_cached(STORE_CHECKPOINT)?.execute(params![
            chunk.checkpoint,
            stored.new,
            stored.changed,
            stored.unchanged,
            loading.import_id
        ])?;
        if fenced != 1 || kept != 1 {
            return Ok(false);
        }
        let mut insert = tx.prepare_cached(
            "insert into records (tenant_id, kind, natural_key, fields, import_id, stored_at)
             values ($1, $2, $3, $4, $5, $6)",
        )?;
        for record in chunk.records.iter() {
            let values = params![
                loading.job.tenant_id,
                record.kind,
                record.natural_key,
                record.fields,
                loading.import_id,
                micros(now)
            ];
            match insert.execute(values) {
                Ok(_) => {}
                Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        drop(insert);
        tx.commit()?;
        Ok(true)
    }

    fn connect(&self) -> Result<Connection, rusqlite::Error> {
        let connection = Connection::open(&self.path)?;
        for statement in SQLITE_SESSION {
            connection.execute_batch(statement)?;
        }
        Ok(connection)
    }
}
