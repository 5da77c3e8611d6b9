//! The whole store at one moment, while others write.
//!
//! The database itself makes a JSON object of each row, so that no type is lost on the way and neither database's rows
//! differ from the other's: there are whole numbers, text and nulls, and nothing else.

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use sqlx::{Any, AssertSqlSafe, Executor, Transaction};

use super::events::{self, ChainHead};
use super::row::Columns;
use super::tables::KEPT;
use super::{Dialect, Store, StoreError, columns};

/// A transaction that reads, and sees nothing of what was written since it began.
pub struct Snapshot {
    inner: Transaction<'static, Any>,
    dialect: Dialect,
}

/// A file that an import was uploaded as, and that something may still want to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeededUpload {
    /// Where its bytes are.
    pub key: String,
    /// How many they are.
    pub size: u64,
    /// Their SHA-256, hex.
    pub sha256: String,
}

impl Store {
    /// Begins to read the store as it is now. Nobody waits for it; SQLite's write-ahead log cannot be cut back, and Postgres
    /// cannot clear away old rows, before it has ended.
    pub async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let dialect = self.dialect();
        let begin = match dialect {
            Dialect::Sqlite => "begin",
            Dialect::Postgres => "begin isolation level repeatable read, read only",
        };
        let mut inner = self.pool.begin_with(begin).await?;
        if dialect == Dialect::Postgres {
            // It holds no lock that anybody waits for, and a slow disk may let the server wait.
            for patience in ["set local idle_in_transaction_session_timeout = 0", "set local tcp_user_timeout = 0"] {
                inner.execute(patience).await?;
            }
        }
        let mut snapshot = Snapshot { inner, dialect };
        // SQLite's moment is that of the first read.
        snapshot.head().await?;
        Ok(snapshot)
    }
}

impl Snapshot {
    /// The tables that there are rows of, each behind those that it refers to.
    #[must_use]
    pub const fn tables() -> &'static [&'static str] {
        &KEPT
    }

    /// Where the chain of events ends.
    pub async fn head(&mut self) -> Result<ChainHead, StoreError> {
        events::head(&mut *self.inner).await
    }

    /// The columns of a table.
    pub async fn columns(&mut self, table: &str) -> Result<Vec<String>, StoreError> {
        columns::of_table(&mut self.inner, self.dialect, table).await
    }

    /// The rows of a table with these columns in a stream, each a JSON object on one line.
    pub fn rows(&mut self, table: &str, columns: &[String]) -> BoxStream<'_, Result<String, StoreError>> {
        let row = match self.dialect {
            Dialect::Sqlite => {
                let members: Vec<String> = columns.iter().map(|name| format!("'{name}', \"{name}\"")).collect();
                format!("json_object({})", members.join(", "))
            }
            Dialect::Postgres => format!("cast(row_to_json({table}) as text)"),
        };
        let statement = format!("select {row} as line from {table}");
        let rows = sqlx::query(AssertSqlSafe(statement)).fetch(&mut *self.inner);
        rows.map(|row| row?.text("line")).boxed()
    }

    /// The uploads that imports have; those of expired previews are gone.
    pub async fn uploads(&mut self) -> Result<Vec<NeededUpload>, StoreError> {
        let needed = "select distinct object_key, size, sha256 from imports where swept_at is null order by object_key";
        let mut rows = sqlx::query(needed).fetch(&mut *self.inner);
        let mut uploads = Vec::new();
        while let Some(row) = rows.try_next().await? {
            uploads.push(NeededUpload {
                key: row.text("object_key")?,
                size: u64::try_from(row.int("size")?).map_err(|_| StoreError::corrupt("size", "a negative size"))?,
                sha256: row.text("sha256")?,
            });
        }
        Ok(uploads)
    }
}
