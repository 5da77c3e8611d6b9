//! Histories of onboardings out of the log, page by page, for the retrospective.

use std::collections::HashMap;

use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;

use super::row::Columns;
use super::{Store, StoreError};
use crate::retrospective::times::{Fact, History, KINDS};

/// Checklists whose events are read in one statement: what is in memory at once.
const PAGE: i64 = 500;
/// Events of a tenant that the retrospective counts besides those of its checklists.
const MILESTONES: [&str; 2] = ["first_member_reached", "first_transaction_reached"];

/// What a history begins with.
const HEADS: &str =
    "select c.id, c.tenant_id, c.workflow, c.version, c.opened_at, t.country, t.kind, t.first_member_at,
                            t.first_transaction_at
                     from checklists c join tenants t on t.id = c.tenant_id";

/// Which histories are wanted.
#[derive(Debug, Clone, Default)]
pub struct HistoryFilter {
    /// Only of this country.
    pub country: Option<String>,
    /// Only of this workflow.
    pub workflow: Option<String>,
    /// Only checklists after this one.
    pub after: String,
}

impl Store {
    /// The next page of histories, in order of their checklists' ids, which is that of their openings; empty behind the
    /// last. All times are from the log.
    pub async fn histories(&self, filter: &HistoryFilter) -> Result<Vec<History>, StoreError> {
        let statement = format!(
            "{HEADS} where c.id > $1 and ($2 = '' or t.country = $2) and ($3 = '' or c.workflow = $3)
             order by c.id limit $4"
        );
        let rows = sqlx::query(AssertSqlSafe(statement))
            .bind(&filter.after)
            .bind(filter.country.as_deref().unwrap_or_default())
            .bind(filter.workflow.as_deref().unwrap_or_default())
            .bind(PAGE)
            .fetch_all(&self.pool)
            .await?;
        self.told(&rows).await
    }

    /// The histories of these checklists, of which there are few, in no order.
    pub async fn histories_of(&self, checklists: &[String]) -> Result<Vec<History>, StoreError> {
        if checklists.is_empty() {
            return Ok(Vec::new());
        }
        let statement = format!("{HEADS} where c.id in ({})", places(checklists.len()));
        let mut query = sqlx::query(AssertSqlSafe(statement));
        for checklist in checklists {
            query = query.bind(checklist);
        }
        let rows = query.fetch_all(&self.pool).await?;
        self.told(&rows).await
    }

    /// Reads the events of a whole page in one statement.
    async fn told(&self, rows: &[AnyRow]) -> Result<Vec<History>, StoreError> {
        let mut page = Vec::with_capacity(rows.len());
        let mut live_steps = Vec::with_capacity(rows.len());
        let mut at = HashMap::with_capacity(rows.len());
        for row in rows {
            let (workflow, version) = (row.text("workflow")?, row.count("version")?);
            live_steps.push(self.definition(&workflow, version).await?.live_step().map(str::to_owned));
            let checklist_id = row.text("id")?;
            at.insert(checklist_id.clone(), page.len());
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
        let statement = format!(
            "select checklist_id, at, kind, payload from events
             where checklist_id in ({}) and kind in ({}) order by checklist_id, seq",
            places(page.len()),
            quoted(&KINDS),
        );
        let mut query = sqlx::query(AssertSqlSafe(statement));
        for history in &page {
            query = query.bind(history.checklist_id.clone());
        }
        for row in &query.fetch_all(&self.pool).await? {
            let Some(place) = at.get(&row.text("checklist_id")?) else { continue };
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

/// So many placeholders.
fn places(count: usize) -> String {
    (1..=count).map(|number| format!("${number}")).collect::<Vec<_>>().join(", ")
}

/// Our own words as a list in SQL.
fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(", ")
}
