//! Filling an empty store with the rows of a [`super::Snapshot`], in one transaction.

use serde_json::json;
use sqlx::{AssertSqlSafe, Executor};

use super::events::{self, ChainHead};
use super::tables::{EVENT_HEAD, KEPT, LEFT_OUT};
use super::{Dialect, StoreError, Tx, columns};
use crate::log::NewEntry;

/// Why a store cannot be filled.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The database did not do its part, or did not take a row.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is something in it.
    #[error("the store is not empty: there are rows in `{table}`")]
    NotEmpty {
        /// The first table with rows.
        table: &'static str,
    },
    /// The rows are of a table that this version does not know.
    #[error("there is no table `{table}`")]
    NoTable {
        /// The table.
        table: String,
    },
    /// The rows have other columns than the table.
    #[error("the rows of `{table}` have other columns than the table")]
    OtherColumns {
        /// The table.
        table: &'static str,
    },
    /// There are not as many rows as there were to be.
    #[error("`{table}` has {found} rows instead of {wanted}")]
    OtherCount {
        /// The table.
        table: &'static str,
        /// Rows that are there.
        found: i64,
        /// Rows that there should be.
        wanted: i64,
    },
    /// The chain of events ends elsewhere.
    #[error("the chain of events ends at {} instead of {}", .found.seq, .wanted.seq)]
    OtherHead {
        /// Its end.
        found: ChainHead,
        /// The end that it should have.
        wanted: ChainHead,
    },
}

impl From<sqlx::Error> for RestoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// A table that is being filled.
#[derive(Debug, Clone)]
pub struct Filling {
    table: &'static str,
    statement: String,
}

impl Tx {
    /// Makes sure that the store is empty, and that nobody else begins to fill it.
    pub async fn begin_restore(&mut self) -> Result<(), RestoreError> {
        let dialect = self.store().dialect();
        if dialect == Dialect::Postgres {
            // Whoever writes an event waits here, and a slow upload may let the server wait.
            for statement in
                ["set local idle_in_transaction_session_timeout = 0", "lock table event_head in exclusive mode"]
            {
                self.inner.execute(statement).await?;
            }
        }
        for table in KEPT.into_iter().chain(LEFT_OUT) {
            // An earlier schema has not all of them.
            if columns::of_table(&mut self.inner, dialect, table).await?.is_empty() {
                continue;
            }
            let question = match table {
                EVENT_HEAD => "select 1 as one from event_head where seq <> 0 limit 1".to_owned(),
                _ => format!("select 1 as one from {table} limit 1"),
            };
            if self.maybe_row(sqlx::query(AssertSqlSafe(question))).await?.is_some() {
                return Err(RestoreError::NotEmpty { table });
            }
        }
        self.execute(sqlx::query("delete from event_head")).await?;
        Ok(())
    }

    /// Begins with a table, whose rows have these columns.
    pub async fn fill(&mut self, table: &str, of: &[String]) -> Result<Filling, RestoreError> {
        let Some(table) = KEPT.into_iter().find(|known| *known == table) else {
            return Err(RestoreError::NoTable { table: table.to_owned() });
        };
        let dialect = self.store().dialect();
        let there = columns::of_table(&mut self.inner, dialect, table).await?;
        let sorted = |names: &[String]| {
            let mut names = names.to_vec();
            names.sort();
            names
        };
        if there.is_empty() || sorted(&there) != sorted(of) {
            return Err(RestoreError::OtherColumns { table });
        }
        let quoted: Vec<String> = there.iter().map(|name| format!("\"{name}\"")).collect();
        let into = quoted.join(", ");
        // Each database takes a JSON array apart by itself, and gives every value the type of its column.
        let statement = match dialect {
            Dialect::Sqlite => {
                let values: Vec<String> = there.iter().map(|name| format!("json_extract(value, '$.{name}')")).collect();
                format!("insert into {table} ({into}) select {} from json_each($1)", values.join(", "))
            }
            Dialect::Postgres => format!(
                "insert into {table} ({into}) select {into} from json_populate_recordset(null::{table}, cast($1 as json))"
            ),
        };
        Ok(Filling { table, statement })
    }

    /// Adds rows: JSON objects, a line each.
    pub async fn add_rows(&mut self, filling: &Filling, lines: &str) -> Result<u64, RestoreError> {
        let lines: Vec<&str> = lines.lines().collect();
        let array = format!("[{}]", lines.join(","));
        Ok(self.execute(sqlx::query(AssertSqlSafe(filling.statement.clone())).bind(array)).await?)
    }

    /// Makes sure that a table has so many rows.
    pub async fn filled(&mut self, filling: &Filling, wanted: i64) -> Result<(), RestoreError> {
        let found = columns::count(&mut self.inner, filling.table).await?;
        if found == wanted { Ok(()) } else { Err(RestoreError::OtherCount { table: filling.table, found, wanted }) }
    }

    /// Makes sure that the chain of events ends where it should, and logs that it goes on in another store.
    pub async fn finish_restore(&mut self, wanted: &ChainHead, taken_at: &str) -> Result<(), RestoreError> {
        let found = events::head(&mut *self.inner).await?;
        if found != *wanted {
            return Err(RestoreError::OtherHead { found, wanted: wanted.clone() });
        }
        self.record(NewEntry {
            kind: "store_restored".to_owned(),
            tenant_id: None,
            checklist_id: None,
            payload: json!({ "backup_taken_at": taken_at, "events": wanted.seq, "head": wanted.hash }),
        });
        self.want_jobs();
        Ok(())
    }
}
