//! Histories of onboardings out of the log, page by page, for the retrospective.

use std::collections::HashMap;

use sqlx::AssertSqlSafe;

use super::row::Columns;
use super::{Store, StoreError};
use crate::retrospective::times::{Fact, History, KINDS};

/// Checklists whose events are read in one statement: what is in memory at once.
const PAGE: i64 = 500;
/// Events of a tenant that the retrospective counts besides those of its checklists.
const MILESTONES: [&str; 2] = ["first_member_reached", "first_transaction_reached"];

/// Which histories are wanted.
#[derive(Debug, Clone, Default)]
pub struct HistoryFilter {
    /// Only of this country.
    pub country: Option<String>,
    /// Only of this workflow.
    pub workflow: Option<String>,
    /// Only of this tenant.
    pub tenant_id: Option<String>,
    /// Only checklists after this one.
    pub after: String,
}

impl Store {
    /// The next page of histories, in order of their checklists' ids; empty behind the last. All times are from the log.
    pub async fn histories(&self, filter: &HistoryFilter) -> Result<Vec<History>, StoreError> {
        let rows = sqlx::query(
            "select c.id, c.tenant_id, c.workflow, c.version, c.opened_at, t.country, t.kind, t.first_member_at,
                    t.first_transaction_at
             from checklists c join tenants t on t.id = c.tenant_id
             where c.id > $1 and ($2 = '' or t.country = $2) and ($3 = '' or c.workflow = $3)
               and ($4 = '' or c.tenant_id = $4)
             order by c.id limit $5",
        )
        .bind(&filter.after)
        .bind(filter.country.as_deref().unwrap_or_default())
        .bind(filter.workflow.as_deref().unwrap_or_default())
        .bind(filter.tenant_id.as_deref().unwrap_or_default())
        .bind(PAGE)
        .fetch_all(&self.pool)
        .await?;
        let mut page = Vec::with_capacity(rows.len());
        let mut live_steps = Vec::with_capacity(rows.len());
        let mut places = HashMap::with_capacity(rows.len());
        for row in &rows {
            let (workflow, version) = (row.text("workflow")?, row.count("version")?);
            live_steps.push(self.definition(&workflow, version).await?.live_step().map(str::to_owned));
            let checklist_id = row.text("id")?;
            places.insert(checklist_id.clone(), page.len());
            page.push(History {
                checklist_id,
                tenant_id: row.text("tenant_id")?,
                country: row.text("country")?,
                workflow,
                kind: row.text("kind")?,
                opened_at: row.time("opened_at")?,
                live_at: None,
                completed_at: None,
                cancelled_at: None,
                first_member_at: row.maybe_time("first_member_at")?,
                first_transaction_at: row.maybe_time("first_transaction_at")?,
                steps: Vec::new(),
            });
        }
        if page.is_empty() {
            return Ok(page);
        }
        let wanted: Vec<String> = (1..=page.len()).map(|number| format!("${number}")).collect();
        let statement = format!(
            "select checklist_id, at, kind, payload from events
             where checklist_id in ({}) and kind in ({}) order by checklist_id, seq",
            wanted.join(", "),
            quoted(&KINDS),
        );
        let mut query = sqlx::query(AssertSqlSafe(statement));
        for history in &page {
            query = query.bind(history.checklist_id.clone());
        }
        for row in &query.fetch_all(&self.pool).await? {
            let Some(place) = places.get(&row.text("checklist_id")?) else { continue };
            let fact = Fact::read(&row.text("kind")?, &row.text("payload")?);
            if let (Some(fact), Some(history), Some(live_step)) = (fact, page.get_mut(*place), live_steps.get(*place)) {
                history.take(row.time("at")?, fact, live_step.as_deref());
            }
        }
        Ok(page)
    }

    /// The latest event after `seq` that changes a history; `None` where there is none.
    pub async fn histories_changed_since(&self, seq: i64) -> Result<Option<i64>, StoreError> {
        let kinds = format!("{}, {}", quoted(&KINDS), quoted(&MILESTONES));
        let statement = format!("select max(seq) as seq from events where seq > $1 and kind in ({kinds})");
        sqlx::query(AssertSqlSafe(statement)).bind(seq).fetch_one(&self.pool).await?.maybe_int("seq")
    }
}

/// Our own words as a list in SQL.
fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(", ")
}
