//! The dashboard: one row per onboarding.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::AssertSqlSafe;

use super::health::LATEST;
use super::row::{Columns, micros};
use super::tenants::fold;
use super::{Store, StoreError};
use crate::checklist::Step;

/// Which onboardings are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DashboardStatus {
    /// With an open step.
    #[default]
    Active,
    /// With every step closed.
    Completed,
    /// Both.
    All,
}

/// Filter and place of a dashboard page, newest opening first.
#[derive(Debug, Clone, Default)]
pub struct DashboardFilter {
    /// Active, completed or all.
    pub status: DashboardStatus,
    /// Part of the tenant's name or slug, in any case.
    pub search: Option<String>,
    /// Only this country.
    pub country: Option<String>,
    /// Only this workflow.
    pub workflow: Option<String>,
    /// Only before this one: opening time and checklist id.
    pub before: Option<(DateTime<Utc>, String)>,
    /// At most so many.
    pub limit: i64,
}

/// One onboarding at a glance.
#[derive(Debug, Clone, PartialEq)]
pub struct DashboardRow {
    /// The checklist.
    pub checklist_id: String,
    /// The tenant's slug.
    pub tenant_id: String,
    /// The tenant's name.
    pub name: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// `federation`, `club`, …
    pub kind: String,
    /// IANA zone in which days are counted.
    pub time_zone: String,
    /// Name of the workflow.
    pub workflow: String,
    /// Its version.
    pub version: u32,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// The intended go-live.
    pub target_go_live: DateTime<Utc>,
    /// When every step was closed.
    pub completed_at: Option<DateTime<Utc>>,
    /// When it went live, by this onboarding.
    pub live_at: Option<DateTime<Utc>>,
    /// Latest aggregate, if there was a check.
    pub health: Option<String>,
    /// Every step, in reading order.
    pub steps: Vec<Step>,
}

impl Store {
    /// A page of the dashboard.
    pub async fn dashboard(&self, filter: &DashboardFilter) -> Result<Vec<DashboardRow>, StoreError> {
        let status = match filter.status {
            DashboardStatus::Active => "c.completed_at is null",
            DashboardStatus::Completed => "c.completed_at is not null",
            DashboardStatus::All => "1 = 1",
        };
        let (before_at, before_id) = match &filter.before {
            Some((at, id)) => (micros(*at), id.clone()),
            None => (i64::MAX, String::new()),
        };
        let statement = format!(
            "select c.id, c.tenant_id, c.workflow, c.version, c.opened_at, c.target_go_live, c.completed_at,
                    c.live_at, t.name, t.country, t.kind, t.time_zone,
                    (select aggregate from health_checks h where h.tenant_id = c.tenant_id {LATEST}) as health
             from checklists c join tenants t on t.id = c.tenant_id
             where {status}
               and ($1 = '' or t.search_name like $1 escape '\\')
               and ($2 = '' or t.country = $2) and ($3 = '' or c.workflow = $3)
               and (c.opened_at < $4 or (c.opened_at = $4 and c.id < $5))
             order by c.opened_at desc, c.id desc limit $6"
        );
        let search = filter.search.as_deref().map(like_pattern).unwrap_or_default();
        let rows = sqlx::query(AssertSqlSafe(statement))
            .bind(search)
            .bind(filter.country.as_deref().unwrap_or_default())
            .bind(filter.workflow.as_deref().unwrap_or_default())
            .bind(before_at)
            .bind(before_id)
            .bind(filter.limit)
            .fetch_all(&self.pool)
            .await?;
        let mut page = Vec::with_capacity(rows.len());
        for row in &rows {
            page.push(DashboardRow {
                checklist_id: row.text("id")?,
                tenant_id: row.text("tenant_id")?,
                name: row.text("name")?,
                country: row.text("country")?,
                kind: row.text("kind")?,
                time_zone: row.text("time_zone")?,
                workflow: row.text("workflow")?,
                version: row.count("version")?,
                opened_at: row.time("opened_at")?,
                target_go_live: row.time("target_go_live")?,
                completed_at: row.maybe_time("completed_at")?,
                live_at: row.maybe_time("live_at")?,
                health: row.maybe_text("health")?,
                steps: Vec::new(),
            });
        }
        self.add_steps(&mut page).await?;
        Ok(page)
    }

    /// Reads the steps of a whole page in one statement.
    async fn add_steps(&self, page: &mut [DashboardRow]) -> Result<(), StoreError> {
        if page.is_empty() {
            return Ok(());
        }
        let places: Vec<String> = (1..=page.len()).map(|number| format!("${number}")).collect();
        let statement = format!(
            "select * from steps where checklist_id in ({}) order by checklist_id, position",
            places.join(", ")
        );
        let mut query = sqlx::query(AssertSqlSafe(statement));
        for row in page.iter() {
            query = query.bind(&row.checklist_id);
        }
        let mut steps: HashMap<String, Vec<Step>> = HashMap::new();
        for row in &query.fetch_all(&self.pool).await? {
            steps.entry(row.text("checklist_id")?).or_default().push(super::checklists::step(row)?);
        }
        for row in page.iter_mut() {
            row.steps = steps.remove(&row.checklist_id).unwrap_or_default();
        }
        Ok(())
    }
}

/// A `like` pattern for "contains", with the text's own wildcards taken literally.
fn like_pattern(text: &str) -> String {
    let escaped = fold(text).replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
}
