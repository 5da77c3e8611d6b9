//! What columns a table has, as the database says.

use sqlx::{Any, AssertSqlSafe, Transaction};

use super::row::Columns;
use super::{Dialect, StoreError};

/// The columns of a table, in order.
pub(super) async fn of_table(
    tx: &mut Transaction<'static, Any>,
    dialect: Dialect,
    table: &str,
) -> Result<Vec<String>, StoreError> {
    let question = match dialect {
        Dialect::Sqlite => "select name from pragma_table_info($1) order by cid",
        Dialect::Postgres => {
            "select cast(column_name as text) as name from information_schema.columns
             where table_schema = current_schema() and table_name = $1 order by ordinal_position"
        }
    };
    let rows = sqlx::query(question).bind(table).fetch_all(&mut **tx).await?;
    rows.iter().map(|row| row.text("name")).collect()
}

/// How many rows a table has.
pub(super) async fn count(tx: &mut Transaction<'static, Any>, table: &str) -> Result<i64, StoreError> {
    let question = format!("select count(*) as n from {table}");
    sqlx::query(AssertSqlSafe(question)).fetch_one(&mut **tx).await?.int("n")
}
