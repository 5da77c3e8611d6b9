//! Loaded workflow versions: immutable once stored.

use sqlx::any::AnyRow;

use super::row::{Columns, micros};
use super::{Store, StoreError, Tx};
use crate::definition::Loaded;

/// A stored version of a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowVersion {
    /// The workflow's name.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// SHA-256 of the source, hex.
    pub content_hash: String,
    /// The YAML as it was loaded.
    pub source: String,
}

fn version(row: &AnyRow) -> Result<WorkflowVersion, StoreError> {
    Ok(WorkflowVersion {
        name: row.text("name")?,
        version: row.count("version")?,
        content_hash: row.text("content_hash")?,
        source: row.text("source")?,
    })
}

impl Store {
    /// Every stored version, newest first within a name.
    pub async fn workflow_versions(&self) -> Result<Vec<WorkflowVersion>, StoreError> {
        let rows = sqlx::query("select * from workflows order by name, version desc").fetch_all(&self.pool).await?;
        rows.iter().map(version).collect()
    }

    /// Tenants whose open checklist follows another version of the workflow, with that version; in order of tenant, after
    /// `after`, at most `limit`.
    pub async fn open_on_other_versions(
        &self,
        workflow: &str,
        version: u32,
        after: &str,
        limit: i64,
    ) -> Result<Vec<(String, u32)>, StoreError> {
        let rows = sqlx::query(
            "select tenant_id, version from checklists
             where workflow = $1 and version <> $2 and completed_at is null and tenant_id > $3
             order by tenant_id limit $4",
        )
        .bind(workflow)
        .bind(i64::from(version))
        .bind(after)
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| Ok((row.text("tenant_id")?, row.count("version")?))).collect()
    }

    /// One stored version.
    pub async fn workflow_version(&self, name: &str, wanted: u32) -> Result<WorkflowVersion, StoreError> {
        let row = sqlx::query("select * from workflows where name = $1 and version = $2")
            .bind(name)
            .bind(i64::from(wanted))
            .fetch_optional(&self.pool)
            .await?;
        version(&row.ok_or_else(|| StoreError::not_found("workflow version", &format!("{name} v{wanted}")))?)
    }
}

impl Tx {
    /// Stores a version, or finds it stored already. Other content under the same version is refused.
    pub async fn store_workflow(&mut self, loaded: &Loaded) -> Result<(), StoreError> {
        let (name, number) = (&loaded.definition.name, loaded.definition.version);
        let now = micros(self.now());
        self.execute(
            sqlx::query(
                "insert into workflows (name, version, content_hash, source, loaded_at) values ($1, $2, $3, $4, $5)
                 on conflict (name, version) do nothing",
            )
            .bind(name)
            .bind(i64::from(number))
            .bind(&loaded.content_hash)
            .bind(&loaded.source)
            .bind(now),
        )
        .await?;
        let stored = self
            .maybe_row(
                sqlx::query("select * from workflows where name = $1 and version = $2")
                    .bind(name)
                    .bind(i64::from(number)),
            )
            .await?
            .ok_or_else(|| StoreError::not_found("workflow version", name))?;
        if version(&stored)?.content_hash == loaded.content_hash {
            Ok(())
        } else {
            Err(StoreError::VersionChanged { name: name.to_owned(), version: number })
        }
    }
}
