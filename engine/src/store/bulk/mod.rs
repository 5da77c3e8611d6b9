//! Loading records that a tenant does not have yet, as fast as the database can take them.
//!
//! `COPY` into Postgres is several times faster than an insert that looks for each key first, and a prepared insert into
//! SQLite faster than one that travels to another thread; both fail as a whole where a key is there. The generic driver
//! offers neither. So such chunks go through a connection of its own, one or a few in a transaction: records, checkpoint and
//! fence, or none of them.

mod postgres;
mod sqlite;

use std::path::Path;

use chrono::{TimeDelta, Utc};
use sqlx::PgPool;

use self::postgres::Copying;
use self::sqlite::Prepared;
use super::records::Chunk;
use super::{Store, StoreError};
use crate::job::Job;

/// The way into the database for [`Store::loader`].
#[derive(Debug, Clone)]
pub(super) enum Bulk {
    Postgres(PgPool),
    Sqlite(Prepared),
}

/// What chunks belong to.
struct Loading<'a> {
    job: &'a Job,
    import_id: &'a str,
}

impl Bulk {
    pub(super) fn postgres(url: &str, max_connections: u32) -> Result<Self, sqlx::Error> {
        postgres::pool(url, max_connections).map(Self::Postgres)
    }

    pub(super) fn sqlite(path: &Path) -> Self {
        Self::Sqlite(Prepared::new(path.to_owned()))
    }

    pub(super) async fn close(&self) {
        if let Self::Postgres(pool) = self {
            pool.close().await;
        }
    }
}

/// Loads the chunks of one import, in order; see [`Store::loader`].
#[derive(Debug)]
pub struct Loader<'a> {
    store: &'a Store,
    job: &'a Job,
    import_id: &'a str,
    lease: TimeDelta,
    /// Nothing more is tried here: a record was there already, or the job or its import is not what it was.
    ended: bool,
    copying: Option<Copying>,
}

impl Store {
    /// Stores chunks and their checkpoints like [`super::Tx::load_chunk`], as long as nothing of them is there: the tenant
    /// has no record but what this import has stored.
    #[must_use]
    pub const fn loader<'a>(&'a self, job: &'a Job, import_id: &'a str, lease: TimeDelta) -> Loader<'a> {
        Loader { store: self, job, import_id, lease, ended: false, copying: None }
    }
}

impl Loader<'_> {
    /// Takes the next chunk; what was taken is committed at the latest by [`Self::finish`].
    ///
    /// Gives the chunks that it did not store, in order. The usual way stores them, or says why not; from then on every
    /// chunk comes back.
    ///
    /// # Errors
    /// Of the database. What was not committed is not there.
    pub async fn add(&mut self, chunk: Chunk) -> Result<Vec<Chunk>, StoreError> {
        if self.ended {
            return Ok(vec![chunk]);
        }
        match &self.store.bulk {
            Bulk::Postgres(pool) => {
                let (job, import_id, lease) = (self.job, self.import_id, self.lease);
                let copying = self
                    .copying
                    .get_or_insert_with(|| Copying::start(pool.clone(), job.clone(), import_id.to_owned(), lease));
                match copying.add(chunk).await {
                    Ok(()) => Ok(Vec::new()),
                    Err(chunk) => {
                        self.ended = true;
                        let mut left = self.finish().await?;
                        left.push(chunk);
                        Ok(left)
                    }
                }
            }
            Bulk::Sqlite(prepared) => {
                self.ended = !self.insert(prepared.clone(), chunk.clone()).await?;
                Ok(if self.ended { vec![chunk] } else { Vec::new() })
            }
        }
    }

    async fn insert(&self, prepared: Prepared, chunk: Chunk) -> Result<bool, StoreError> {
        let writer = self.store.hold_writer().await;
        let (job, import_id, lease) = (self.job.clone(), self.import_id.to_owned(), self.lease);
        let task = tokio::task::spawn_blocking(move || {
            let loading = Loading { job: &job, import_id: &import_id };
            let stored = prepared.insert(&loading, &chunk, Utc::now(), lease);
            // Held for as long as the insert runs, even if nobody waits for it any more.
            drop(writer);
            stored
        });
        Ok(task.await.map_err(|error| sqlx::Error::Io(std::io::Error::other(error)))??)
    }

    /// Waits until everything is committed, and gives what was not stored.
    ///
    /// # Errors
    /// As of [`Self::add`].
    pub async fn finish(&mut self) -> Result<Vec<Chunk>, StoreError> {
        match self.copying.take() {
            Some(copying) => copying.finish().await,
            None => Ok(Vec::new()),
        }
    }
}
