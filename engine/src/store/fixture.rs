//! What tests of the store begin with.

use chrono::Utc;

use super::{Store, Tx};
use crate::log::Actor;

/// A new SQLite store in a folder, with the tenant `svbf`.
pub(super) async fn store(folder: &tempfile::TempDir) -> Store {
    let url = format!("sqlite:{}", folder.path().join("workbench.db").display());
    let store = Store::connect(&url, 2).await.expect("SQLite opens");
    store.migrate(&url).await.expect("the schema is made");
    let mut tx = begin(&store).await;
    let tenant = "insert into tenants (id, name, country, kind, time_zone, language, hierarchy_depth, search_name,
                                       generation, changed_at, created_at)
                  values ('svbf', 'Boule', 'SE', 'federation', 'UTC', 'sv', 2, 'boule svbf', 1, 0, 0)";
    tx.execute(sqlx::query(tenant)).await.expect("a tenant is stored");
    tx.commit().await.expect("the transaction is kept");
    store
}

pub(super) async fn begin(store: &Store) -> Tx {
    store.begin(&Actor::workbench(), Utc::now()).await.expect("a transaction begins")
}

/// An import of the tenant in a state, with so many rows stored.
pub(super) async fn import(tx: &mut Tx, id: &str, state: &str, checkpoint: i64) {
    let import = "insert into imports (id, tenant_id, state, mode, mapping, object_key, size, sha256, rows_read,
                                       rows_valid, rows_warned, rows_rejected, records, records_new, records_changed,
                                       records_unchanged, checkpoint, loaded, actor, created_at, sample)
                  values ($1, 'svbf', $2, 'preview', '{}', $1, 1, '', 9, 9, 0, 0, 9, 9, 0, 0, $3, $3, 'anna', 0, '[]')";
    let import = sqlx::query(import).bind(id).bind(state).bind(checkpoint);
    tx.execute(import).await.expect("an import is stored");
}
