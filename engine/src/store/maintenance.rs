//! Maintenance windows: while one is open, a health check's result is recorded and closes no gate.

use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;
use ulid::Ulid;

use super::row::{Columns, micros};
use super::{Store, StoreError, Tx};
use crate::log::NewEntry;
use crate::precision::to_micros;

/// A time in which bad health is expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaintenanceWindow {
    /// `mw_` and a ULID.
    pub id: String,
    /// For this tenant; for all where absent.
    pub tenant_id: Option<String>,
    /// From when.
    pub starts_at: DateTime<Utc>,
    /// Until when; this instant is outside.
    pub ends_at: DateTime<Utc>,
    /// Why.
    pub reason: String,
    /// Who opened it.
    pub actor: String,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
}

/// A window to be opened. `ends_at` is after `starts_at`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMaintenanceWindow {
    /// For this tenant; for all where absent.
    pub tenant_id: Option<String>,
    /// From when.
    pub starts_at: DateTime<Utc>,
    /// Until when.
    pub ends_at: DateTime<Utc>,
    /// Why.
    pub reason: String,
}

fn window(row: &AnyRow) -> Result<MaintenanceWindow, StoreError> {
    Ok(MaintenanceWindow {
        id: row.text("id")?,
        tenant_id: row.maybe_text("tenant_id")?,
        starts_at: row.time("starts_at")?,
        ends_at: row.time("ends_at")?,
        reason: row.text("reason")?,
        actor: row.text("actor")?,
        created_at: row.time("created_at")?,
    })
}

impl Store {
    /// Windows that are open at `now` or will be, the first to end first.
    pub async fn maintenance_windows(
        &self,
        now: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<MaintenanceWindow>, StoreError> {
        let rows = sqlx::query("select * from maintenance_windows where ends_at > $1 order by ends_at, id limit $2")
            .bind(micros(now))
            .bind(limit)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(window).collect()
    }
}

impl Tx {
    /// Opens a window, now or later.
    pub async fn open_maintenance(&mut self, new: &NewMaintenanceWindow) -> Result<MaintenanceWindow, StoreError> {
        let opened = MaintenanceWindow {
            id: format!("mw_{}", Ulid::from_datetime(self.now().into())),
            tenant_id: new.tenant_id.clone(),
            starts_at: to_micros(new.starts_at),
            ends_at: to_micros(new.ends_at),
            reason: new.reason.clone(),
            actor: self.actor().id.clone(),
            created_at: self.now(),
        };
        self.execute(
            sqlx::query(
                "insert into maintenance_windows (id, tenant_id, starts_at, ends_at, reason, actor, created_at)
                 values ($1, $2, $3, $4, $5, $6, $7)",
            )
            .bind(&opened.id)
            .bind(&opened.tenant_id)
            .bind(micros(opened.starts_at))
            .bind(micros(opened.ends_at))
            .bind(&opened.reason)
            .bind(&opened.actor)
            .bind(micros(opened.created_at)),
        )
        .await?;
        let payload = json!({
            "window": opened.id, "starts_at": opened.starts_at, "ends_at": opened.ends_at, "reason": opened.reason,
        });
        self.record(of_window("maintenance_opened", &opened, payload));
        Ok(opened)
    }

    /// Ends a window now, or calls off one that was to come. One that is over stays as it is.
    pub async fn end_maintenance(&mut self, id: &str, reason: Option<&str>) -> Result<MaintenanceWindow, StoreError> {
        let held = format!("select * from maintenance_windows where id = $1{}", self.for_update());
        let row = self.maybe_row(sqlx::query(AssertSqlSafe(held)).bind(id)).await?;
        let mut ended = window(&row.ok_or_else(|| StoreError::not_found("maintenance window", id))?)?;
        if ended.ends_at <= self.now() {
            return Ok(ended);
        }
        ended.ends_at = self.now();
        let update = sqlx::query("update maintenance_windows set ends_at = $1 where id = $2");
        self.execute(update.bind(micros(ended.ends_at)).bind(id)).await?;
        self.record(of_window("maintenance_ended", &ended, json!({ "window": id, "reason": reason })));
        Ok(ended)
    }

    /// Whether a window was open for a tenant at some time from `since` to now.
    pub(super) async fn in_maintenance_since(
        &mut self,
        tenant_id: &str,
        since: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let open = sqlx::query(
            "select id from maintenance_windows
             where (tenant_id is null or tenant_id = $1) and starts_at <= $2 and ends_at > $3 limit 1",
        )
        .bind(tenant_id)
        .bind(micros(self.now()))
        .bind(micros(since.min(self.now())));
        Ok(self.maybe_row(open).await?.is_some())
    }
}

fn of_window(kind: &str, window: &MaintenanceWindow, payload: serde_json::Value) -> NewEntry {
    NewEntry { kind: kind.to_owned(), tenant_id: window.tenant_id.clone(), checklist_id: None, payload }
}
