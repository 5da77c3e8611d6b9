//! The tables of the schema, as a backup sees them. A test compares them with those that there are: a table that a
//! migration adds has its place here, or the build fails.

/// What a backup keeps, each table behind those that it refers to.
pub(super) const KEPT: [&str; 31] = [
    "settings",
    "workflows",
    "tenants",
    "tokens",
    "idempotency_keys",
    "checklists",
    "steps",
    "waivers",
    "jobs",
    "job_attempts",
    "imports",
    "import_issues",
    "import_mappings",
    "replaced_mappings",
    "records",
    "record_changes",
    "health_checks",
    "probe_results",
    "incidents",
    "notifications",
    "deliveries",
    "schedule_pauses",
    "schedule_clocks",
    "schedule_fires",
    "maintenance_windows",
    "sandbox_tenants",
    "sandbox_calls",
    "process_changes",
    "course_learners",
    "events",
    EVENT_HEAD,
];

/// The one table that has a row from the start.
pub(super) const EVENT_HEAD: &str = "event_head";

/// What it leaves out. Who was logged in logs in again: a restored session might be one that had been ended since.
pub(super) const LEFT_OUT: [&str; 2] = ["sessions", "login_links"];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::store::fixture;
    use crate::store::row::Columns;

    #[tokio::test]
    async fn every_table_of_the_schema_has_its_place() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let store = fixture::store(&folder).await;
        let mut tx = fixture::begin(&store).await;
        let all = "select name from sqlite_master where type = 'table' and name not like 'sqlite_%'
                   and name <> 'workbench_migrations'";
        let rows = tx.rows(sqlx::query(all)).await.expect("the schema can be read");
        let there: BTreeSet<String> = rows.iter().map(|row| row.text("name").expect("a name")).collect();
        let known: BTreeSet<String> = KEPT.into_iter().chain(LEFT_OUT).map(str::to_owned).collect();
        assert_eq!(there, known, "a table is missing in `KEPT` or `LEFT_OUT`, or is there no more");
        assert_eq!(known.len(), KEPT.len() + LEFT_OUT.len(), "a table is listed twice");
    }

    #[tokio::test]
    async fn a_table_comes_behind_those_that_it_refers_to() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let store = fixture::store(&folder).await;
        let mut tx = fixture::begin(&store).await;
        for (place, table) in KEPT.into_iter().enumerate() {
            let parents = sqlx::query("select \"table\" as parent from pragma_foreign_key_list($1)").bind(table);
            for row in tx.rows(parents).await.expect("the schema can be read") {
                let parent = row.text("parent").expect("a name");
                assert!(KEPT[..place].contains(&parent.as_str()), "{table} stands before {parent}");
            }
        }
    }
}
