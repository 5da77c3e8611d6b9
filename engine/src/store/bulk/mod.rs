//! Loading records that a tenant does not have yet, as fast as the database can take them.
//!
//! `COPY` into Postgres is several times faster than an insert that looks for each key first, and a prepared insert into
//! SQLite faster than one that travels to another thread; both fail as a whole where a key is there. The generic driver
//! offers neither. So such a chunk goes through a connection of its own, in a transaction of its own: fence, records and
//! checkpoint, or none of them.

mod postgres;
mod sqlite;

use std::path::Path;

use chrono::{TimeDelta, Utc};
use sqlx::PgPool;

use self::sqlite::Prepared;
use super::records::Chunk;
use super::{Store, StoreError};
use crate::job::Job;

/// The way into the database for [`Store::load_new`].
#[derive(Debug, Clone)]
pub(super) enum Bulk {
    Postgres(PgPool),
    Sqlite(Prepared),
}

/// What a chunk belongs to.
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

impl Store {
    /// Stores a chunk and its checkpoint like [`super::Tx::load_chunk`], if nothing of it is there. `false` means that
    /// nothing was done: a record is there already, or the job or its import is not what it was. The other way then does
    /// it, or says why not.
    pub async fn load_new(
        &self,
        job: &Job,
        import_id: &str,
        chunk: &Chunk,
        lease: TimeDelta,
    ) -> Result<bool, StoreError> {
        match &self.bulk {
            Bulk::Postgres(pool) => postgres::copy(pool, &Loading { job, import_id }, chunk, Utc::now(), lease).await,
            Bulk::Sqlite(prepared) => {
                let writer = self.hold_writer().await;
                let (prepared, job, import_id, chunk) =
                    (prepared.clone(), job.clone(), import_id.to_owned(), chunk.clone());
                let task = tokio::task::spawn_blocking(move || {
                    let loading = Loading { job: &job, import_id: &import_id };
                    let stored = prepared.insert(&loading, &chunk, Utc::now(), lease);
                    // Held for as long as the insert runs, even if nobody waits for it any more.
                    drop(writer);
                    stored
                });
                Ok(task.await.map_err(|error| sqlx::Error::Io(std::io::Error::other(error)))??)
            }
        }
    }
}
