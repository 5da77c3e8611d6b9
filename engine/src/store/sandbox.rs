//! The sandbox platform's memory, and what daemons that share a store must agree on.

use chrono::{DateTime, Utc};
use serde_json::json;
use ulid::Ulid;

use super::row::{Columns, micros};
use super::{Store, StoreError, Tx};
use crate::log::NewEntry;

/// A request that reached the sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxCall {
    /// When.
    pub at: DateTime<Utc>,
    /// For example `POST /login`.
    pub call: String,
}

/// Shared setting with the hash of the probes that this installation runs.
const PROBE_SET: &str = "probe_set";

impl Store {
    /// The latest requests to a tenant's sandbox, newest first.
    pub async fn sandbox_calls(&self, tenant_id: &str, limit: i64) -> Result<Vec<SandboxCall>, StoreError> {
        let rows =
            sqlx::query("select at, call from sandbox_calls where tenant_id = $1 order by at desc, id desc limit $2")
                .bind(tenant_id)
                .bind(limit)
                .fetch_all(&self.pool)
                .await?;
        rows.iter().map(|row| Ok(SandboxCall { at: row.time("at")?, call: row.text("call")? })).collect()
    }

    /// The sandbox's settings for a tenant, JSON, if any were made.
    pub async fn sandbox_settings(&self, tenant_id: &str) -> Result<Option<String>, StoreError> {
        let row = sqlx::query("select settings from sandbox_tenants where tenant_id = $1")
            .bind(tenant_id)
            .fetch_optional(&self.pool)
            .await?;
        row.map(|row| row.text("settings")).transpose()
    }

    /// The hash of the probes that this installation runs, as the latest daemon to start has noted it.
    pub async fn probe_set(&self) -> Result<Option<String>, StoreError> {
        self.setting(PROBE_SET).await
    }

    /// A shared setting.
    pub async fn setting(&self, key: &str) -> Result<Option<String>, StoreError> {
        let row = sqlx::query("select value from settings where key = $1").bind(key).fetch_optional(&self.pool).await?;
        row.map(|row| row.text("value")).transpose()
    }
}

impl Tx {
    /// Replaces the sandbox's settings for a tenant.
    pub async fn save_sandbox_settings(&mut self, tenant_id: &str, settings: &str) -> Result<(), StoreError> {
        self.execute(
            sqlx::query(
                "insert into sandbox_tenants (tenant_id, settings) values ($1, $2)
                 on conflict (tenant_id) do update set settings = excluded.settings",
            )
            .bind(tenant_id)
            .bind(settings),
        )
        .await?;
        Ok(())
    }

    /// Notes a call that reached the sandbox.
    pub async fn record_sandbox_call(&mut self, tenant_id: &str, call: &str) -> Result<(), StoreError> {
        let now = micros(self.now());
        self.execute(
            sqlx::query("insert into sandbox_calls (id, tenant_id, call, at) values ($1, $2, $3, $4)")
                .bind(Ulid::new().to_string())
                .bind(tenant_id)
                .bind(call)
                .bind(now),
        )
        .await?;
        Ok(())
    }

    /// Notes which probes this installation runs. Where they are others than before, evidence from before says nothing
    /// of any tenant. Answers whether they are.
    pub async fn note_probe_set(&mut self, hash: &str) -> Result<bool, StoreError> {
        let known = self.maybe_row(sqlx::query("select value from settings where key = $1").bind(PROBE_SET)).await?;
        let known = known.map(|row| row.text("value")).transpose()?;
        if known.as_deref() == Some(hash) {
            return Ok(false);
        }
        self.save_setting(PROBE_SET, hash).await?;
        if known.is_none() {
            return Ok(false);
        }
        let now = micros(self.now());
        self.execute(sqlx::query("update tenants set generation = generation + 1, changed_at = $1").bind(now)).await?;
        self.record(NewEntry {
            kind: "probe_set_changed".to_owned(),
            tenant_id: None,
            checklist_id: None,
            payload: json!({ "probe_set": hash }),
        });
        Ok(true)
    }

    /// Replaces a shared setting.
    pub async fn save_setting(&mut self, key: &str, value: &str) -> Result<(), StoreError> {
        self.execute(
            sqlx::query(
                "insert into settings (key, value) values ($1, $2)
                 on conflict (key) do update set value = excluded.value",
            )
            .bind(key)
            .bind(value),
        )
        .await?;
        Ok(())
    }
}
