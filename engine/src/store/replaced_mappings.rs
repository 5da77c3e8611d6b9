//! What a confirmation put in the place of an earlier mapping, and the way back when its import is undone.

use serde_json::json;

use super::imports::Import;
use super::row::Columns;
use super::{StoreError, Tx};
use crate::log::NewEntry;

impl Tx {
    /// Keeps the mapping that an import is about to replace.
    pub(super) async fn keep_mapping(
        &mut self,
        import: &Import,
        entity: &str,
        fingerprint: &str,
    ) -> Result<(), StoreError> {
        self.execute(
            sqlx::query(
                "insert into replaced_mappings (import_id, mapping_id, mapping, previous_import, confirmed_at, actor)
                 select $1, id, mapping, import_id, confirmed_at, actor from import_mappings
                 where tenant_id = $2 and entity = $3 and fingerprint = $4 and import_id <> $1
                 on conflict (import_id) do nothing",
            )
            .bind(&import.id)
            .bind(&import.tenant_id)
            .bind(entity)
            .bind(fingerprint),
        )
        .await?;
        Ok(())
    }

    /// An import is undone: the mapping that was saved with it is no longer to be trusted. What it replaced is in force
    /// again, also where a later import has replaced it since and may be undone in its turn.
    pub(super) async fn take_back_mapping(&mut self, import: &Import) -> Result<(), StoreError> {
        let saved = "select id from import_mappings where tenant_id = $1 and import_id = $2";
        let saved = self.maybe_row(sqlx::query(saved).bind(&import.tenant_id).bind(&import.id)).await?;
        let saved = saved.map(|row| row.text("id")).transpose()?;
        let mut restored = 0;
        // In this order: what was restored no longer names the import, so that the rest has no predecessor.
        for (at, statement) in [
            "update import_mappings
             set mapping = r.mapping, import_id = r.previous_import, confirmed_at = r.confirmed_at, actor = r.actor
             from replaced_mappings r
             where r.import_id = $1 and import_mappings.id = r.mapping_id and import_mappings.import_id = $1",
            "delete from import_mappings where import_id = $1",
            "update replaced_mappings
             set mapping = r.mapping, previous_import = r.previous_import, confirmed_at = r.confirmed_at, actor = r.actor
             from replaced_mappings r
             where r.import_id = $1 and replaced_mappings.mapping_id = r.mapping_id
               and replaced_mappings.previous_import = $1",
            "delete from replaced_mappings where import_id = $1 or previous_import = $1",
        ]
        .into_iter()
        .enumerate()
        {
            let rows = self.execute(sqlx::query(statement).bind(&import.id)).await?;
            restored += if at == 0 { rows } else { 0 };
        }
        if let Some(mapping) = saved {
            let kind = if restored > 0 { "import_mapping_restored" } else { "import_mapping_deleted" };
            let payload = json!({ "mapping": mapping, "import": import.id });
            self.record(NewEntry::of_tenant(kind, &import.tenant_id, payload));
        }
        Ok(())
    }

    /// A mapping is forgotten: what it replaced must not come back.
    pub(super) async fn forget_replaced(&mut self, mapping_id: &str) -> Result<(), StoreError> {
        let gone = sqlx::query("delete from replaced_mappings where mapping_id = $1").bind(mapping_id);
        self.execute(gone).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use crate::store::fixture::{self, begin};

    /// A store with imports of tables that have the same columns; each one's mapping fills the field of its name.
    async fn with_tables(folder: &tempfile::TempDir, imports: &[&str]) -> Store {
        let store = fixture::store(folder).await;
        let mut tx = begin(&store).await;
        for id in imports {
            fixture::import(&mut tx, id, "preview", 0).await;
            let detected = json!({ "mapping": [{ "column": "A", "field": id }] }).to_string();
            let table = "update imports set format = 'csv', entity = 'members', detected = $1 where id = $2";
            tx.execute(sqlx::query(table).bind(detected).bind(*id)).await.expect("it is a table");
        }
        tx.commit().await.expect("the transaction is kept");
        store
    }

    async fn confirmed(store: &Store, id: &str) {
        let mut tx = begin(store).await;
        let import = tx.import(id).await.expect("the import is there");
        tx.save_mapping(&import).await.expect("its mapping is saved");
        tx.commit().await.expect("the transaction is kept");
    }

    async fn undone(store: &Store, id: &str) {
        let mut tx = begin(store).await;
        let import = tx.import(id).await.expect("the import is there");
        tx.take_back_mapping(&import).await.expect("its mapping is taken back");
        tx.commit().await.expect("the transaction is kept");
    }

    /// The import whose mapping is in force, as that and the field that it fills say.
    async fn in_force(store: &Store) -> Option<String> {
        let saved = store.mappings("svbf", 9).await.expect("the store answers").pop()?;
        assert_eq!(saved.columns.first()?.field.as_ref(), Some(&saved.import_id));
        Some(saved.import_id)
    }

    #[tokio::test]
    async fn each_undoing_brings_back_what_was_before() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let store = with_tables(&folder, &["one", "two", "three"]).await;
        for id in ["one", "two", "three"] {
            confirmed(&store, id).await;
        }
        assert_eq!(in_force(&store).await.as_deref(), Some("three"));
        for (id, left) in [("three", Some("two")), ("two", Some("one")), ("one", None)] {
            undone(&store, id).await;
            assert_eq!(in_force(&store).await.as_deref(), left, "without {id}");
        }
    }

    #[tokio::test]
    async fn what_is_undone_in_the_middle_does_not_come_back_later() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let store = with_tables(&folder, &["one", "two", "three"]).await;
        for id in ["one", "two", "three"] {
            confirmed(&store, id).await;
        }
        undone(&store, "two").await;
        assert_eq!(in_force(&store).await.as_deref(), Some("three"));
        undone(&store, "three").await;
        assert_eq!(in_force(&store).await.as_deref(), Some("one"));
    }

    #[tokio::test]
    async fn what_a_person_forgot_stays_forgotten() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let store = with_tables(&folder, &["one", "two"]).await;
        confirmed(&store, "one").await;
        confirmed(&store, "two").await;
        let mapping = store.mappings("svbf", 9).await.expect("the store answers").pop().expect("a mapping is saved");
        let mut tx = begin(&store).await;
        tx.delete_mapping("svbf", &mapping.id).await.expect("it can be forgotten");
        tx.commit().await.expect("the transaction is kept");
        undone(&store, "two").await;
        assert_eq!(in_force(&store).await, None);
    }
}
