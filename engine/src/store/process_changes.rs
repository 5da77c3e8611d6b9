//! Dated changes of how onboarding is done, as people noted them.

use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;
use ulid::Ulid;

use super::row::{Columns, micros};
use super::{Store, StoreError, Tx};
use crate::log::NewEntry;
use crate::precision::to_micros;

/// A change of how onboarding is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessChange {
    /// `pc_` and a ULID.
    pub id: String,
    /// When the process changed.
    pub changed_at: DateTime<Utc>,
    /// What was changed.
    pub title: String,
    /// Only this country's onboardings; all where absent.
    pub country: Option<String>,
    /// Only this workflow's onboardings; all where absent.
    pub workflow: Option<String>,
    /// Who noted it.
    pub noted_by: String,
    /// When it was noted.
    pub noted_at: DateTime<Utc>,
}

/// A change to be noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewProcessChange {
    /// When the process changed.
    pub changed_at: DateTime<Utc>,
    /// What was changed.
    pub title: String,
    /// Only this country's onboardings; all where absent.
    pub country: Option<String>,
    /// Only this workflow's onboardings; all where absent.
    pub workflow: Option<String>,
}

fn change(row: &AnyRow) -> Result<ProcessChange, StoreError> {
    Ok(ProcessChange {
        id: row.text("id")?,
        changed_at: row.time("changed_at")?,
        title: row.text("title")?,
        country: row.maybe_text("country")?,
        workflow: row.maybe_text("workflow")?,
        noted_by: row.text("noted_by")?,
        noted_at: row.time("noted_at")?,
    })
}

impl Store {
    /// The latest changes, newest first.
    pub async fn process_changes(&self, limit: i64) -> Result<Vec<ProcessChange>, StoreError> {
        let rows = sqlx::query("select * from process_changes order by changed_at desc, id desc limit $1")
            .bind(limit)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(change).collect()
    }
}

impl Tx {
    /// Notes a change.
    pub async fn note_process_change(&mut self, new: &NewProcessChange) -> Result<ProcessChange, StoreError> {
        let noted = ProcessChange {
            id: format!("pc_{}", Ulid::from_datetime(self.now().into())),
            changed_at: to_micros(new.changed_at),
            title: new.title.clone(),
            country: new.country.clone(),
            workflow: new.workflow.clone(),
            noted_by: self.actor().id.clone(),
            noted_at: self.now(),
        };
        self.execute(
            sqlx::query(
                "insert into process_changes (id, changed_at, title, country, workflow, noted_by, noted_at)
                 values ($1, $2, $3, $4, $5, $6, $7)",
            )
            .bind(&noted.id)
            .bind(micros(noted.changed_at))
            .bind(&noted.title)
            .bind(&noted.country)
            .bind(&noted.workflow)
            .bind(&noted.noted_by)
            .bind(micros(noted.noted_at)),
        )
        .await?;
        self.record(entry("process_change_noted", &noted));
        Ok(noted)
    }

    /// Takes a change off the list; the log keeps it.
    pub async fn remove_process_change(&mut self, id: &str) -> Result<(), StoreError> {
        let held = format!("select * from process_changes where id = $1{}", self.for_update());
        let row = self.maybe_row(sqlx::query(AssertSqlSafe(held)).bind(id)).await?;
        let removed = change(&row.ok_or_else(|| StoreError::not_found("process change", id))?)?;
        self.execute(sqlx::query("delete from process_changes where id = $1").bind(id)).await?;
        self.record(entry("process_change_removed", &removed));
        Ok(())
    }
}

fn entry(kind: &str, change: &ProcessChange) -> NewEntry {
    let payload = json!({
        "process_change": change.id, "changed_at": change.changed_at, "title": change.title,
        "country": change.country, "workflow": change.workflow,
    });
    NewEntry { kind: kind.to_owned(), tenant_id: None, checklist_id: None, payload }
}
