//! Waivers in SQL: rows beside the events that they are folded from.

use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::row::{Columns, micros};
use super::{Store, StoreError, Tx};
use crate::checklist::Waiver;

fn waiver(row: &AnyRow) -> Result<Waiver, StoreError> {
    Ok(Waiver {
        id: row.text("id")?,
        step: row.text("step_id")?,
        probes: row.json("probes")?,
        reason: row.text("reason")?,
        check_id: row.text("check_id")?,
        proposed_by: row.text("proposed_by")?,
        proposed_at: row.time("proposed_at")?,
        expires_at: row.time("expires_at")?,
        granted_by: row.maybe_text("granted_by")?,
        granted_at: row.maybe_time("granted_at")?,
        withdrawn_by: row.maybe_text("withdrawn_by")?,
        withdrawn_at: row.maybe_time("withdrawn_at")?,
        withdrawal_reason: row.maybe_text("withdrawal_reason")?,
        expired_at: row.maybe_time("expired_at")?,
    })
}

/// A checklist's waivers in the order in which they were proposed.
pub(super) async fn of_checklist(
    connection: &mut AnyConnection,
    checklist_id: &str,
) -> Result<Vec<Waiver>, StoreError> {
    let rows = sqlx::query("select * from waivers where checklist_id = $1 order by position")
        .bind(checklist_id)
        .fetch_all(connection)
        .await?;
    rows.iter().map(waiver).collect()
}

impl Store {
    /// Every waiver that was ever proposed for a tenant, oldest first, each with the id of its checklist.
    pub async fn waivers(&self, tenant_id: &str) -> Result<Vec<(String, Waiver)>, StoreError> {
        let rows = sqlx::query(
            "select w.* from waivers w join checklists c on c.id = w.checklist_id
             where c.tenant_id = $1 order by c.ordinal, w.position",
        )
        .bind(tenant_id)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| Ok((row.text("checklist_id")?, waiver(row)?))).collect()
    }
}

impl Tx {
    /// Stores the waivers that a decision added or changed. None is ever taken away.
    pub(super) async fn store_waivers(
        &mut self,
        checklist_id: &str,
        before: &[Waiver],
        after: &[Waiver],
    ) -> Result<(), StoreError> {
        for (at, new) in after.iter().enumerate().filter(|(at, new)| before.get(*at) != Some(*new)) {
            let position = i64::try_from(at).unwrap_or(i64::MAX);
            self.execute(
                sqlx::query(
                    "insert into waivers (id, checklist_id, step_id, position, probes, reason, check_id, proposed_by,
                                          proposed_at, expires_at, granted_by, granted_at, withdrawn_by, withdrawn_at,
                                          withdrawal_reason, expired_at)
                     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
                     on conflict (id) do update set
                         granted_by = excluded.granted_by, granted_at = excluded.granted_at,
                         withdrawn_by = excluded.withdrawn_by, withdrawn_at = excluded.withdrawn_at,
                         withdrawal_reason = excluded.withdrawal_reason, expired_at = excluded.expired_at",
                )
                .bind(&new.id)
                .bind(checklist_id)
                .bind(&new.step)
                .bind(position)
                .bind(serde_json::json!(new.probes).to_string())
                .bind(&new.reason)
                .bind(&new.check_id)
                .bind(&new.proposed_by)
                .bind(micros(new.proposed_at))
                .bind(micros(new.expires_at))
                .bind(&new.granted_by)
                .bind(new.granted_at.map(micros))
                .bind(&new.withdrawn_by)
                .bind(new.withdrawn_at.map(micros))
                .bind(&new.withdrawal_reason)
                .bind(new.expired_at.map(micros)),
            )
            .await?;
        }
        Ok(())
    }
}
