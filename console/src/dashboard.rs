//! The dashboard: every onboarding, and what it waits for.

use askama::Template;
use chrono::{DateTime, Utc};

/// What the dashboard shows.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "dashboard.html")]
pub struct DashboardView {
    /// One page of onboardings.
    pub rows: Vec<DashboardLine>,
    /// Which are wanted: `active`, `completed` or `all`.
    pub status: String,
    /// What was searched for; empty for everything.
    pub query: String,
    /// Cursor of the next page, if there is one.
    pub next: Option<String>,
    /// Whether the course is in the reader's menu.
    pub learning: bool,
    /// Who is logged in.
    pub actor: String,
    /// Token that forms hand back.
    pub csrf: String,
}

/// An onboarding on the dashboard.
#[derive(Debug, Clone, Default)]
pub struct DashboardLine {
    /// The tenant's slug.
    pub tenant_id: String,
    /// What people call the tenant.
    pub name: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// Name of the workflow.
    pub workflow: String,
    /// Calendar days since it was opened.
    pub days_open: i64,
    /// The first open step, in order.
    pub current_step: Option<String>,
    /// All open steps.
    pub open_steps: Vec<String>,
    /// Who has the current step.
    pub assignee: Option<String>,
    /// Why the current step is blocked.
    pub blocking_reason: Option<String>,
    /// Latest health: `pass`, `warn`, `fail`.
    pub health: Option<String>,
    /// Whether the target date is in danger.
    pub at_risk: bool,
    /// When the next step is due.
    pub next_due: Option<DateTime<Utc>>,
    /// When it will probably be live: as probably before as after the first, with 85 % by the second.
    pub forecast: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// When the checklist was completed.
    pub completed_at: Option<DateTime<Utc>>,
}

impl DashboardView {
    fn place() -> &'static str {
        "dashboard"
    }
}

impl DashboardLine {
    /// How many steps are open besides the current one.
    fn more_open(&self) -> usize {
        self.open_steps.len().saturating_sub(1)
    }
}

/// The page at `/`.
pub fn dashboard(view: &DashboardView) -> Result<String, askama::Error> {
    view.render()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(rows: Vec<DashboardLine>) -> DashboardView {
        DashboardView { rows, status: "active".to_owned(), actor: "eva".to_owned(), ..DashboardView::default() }
    }

    #[test]
    fn an_empty_dashboard_says_what_to_do_first() {
        let page = dashboard(&view(Vec::new())).unwrap();
        assert!(page.contains("workbench onboarding open"));
        assert!(!page.contains("<table"));
    }

    #[test]
    fn a_search_without_result_is_not_an_empty_dashboard() {
        let page = dashboard(&DashboardView { query: "oslo".to_owned(), ..view(Vec::new()) }).unwrap();
        assert!(!page.contains("workbench onboarding open"));
        assert!(page.contains("oslo"));
        assert!(page.contains("href=\"/?status=active\""));
    }

    #[test]
    fn links_keep_the_filters() {
        let shown = DashboardView {
            query: "a&b c".to_owned(),
            next: Some("x/1=".to_owned()),
            ..view(vec![DashboardLine { tenant_id: "alnor".to_owned(), ..DashboardLine::default() }])
        };
        let page = dashboard(&shown).unwrap();
        for status in ["active", "completed", "all"] {
            assert!(page.contains(&format!("href=\"/?status={status}&amp;q=a%26b%20c\"")), "{status}");
        }
        assert!(page.contains("href=\"/?status=active&amp;q=a%26b%20c&amp;cursor=x%2F1%3D\""));
        assert!(page.contains("name=\"status\" value=\"active\""));
    }

    #[test]
    fn hostile_text_is_escaped() {
        let hostile = "\"><script>alert(1)</script>'".to_owned();
        let line = DashboardLine {
            tenant_id: hostile.clone(),
            name: hostile.clone(),
            country: hostile.clone(),
            workflow: hostile.clone(),
            current_step: Some(hostile.clone()),
            assignee: Some(hostile.clone()),
            blocking_reason: Some(hostile.clone()),
            health: Some(hostile.clone()),
            ..DashboardLine::default()
        };
        let shown = DashboardView {
            learning: false,
            rows: vec![line],
            status: hostile.clone(),
            query: hostile.clone(),
            next: Some(hostile.clone()),
            actor: hostile.clone(),
            csrf: hostile,
        };
        let page = dashboard(&shown).unwrap();
        assert!(!page.contains("<script>"));
        assert!(!page.contains("\"><script"));
    }

    #[test]
    fn nothing_is_inline() {
        let page = dashboard(&view(vec![DashboardLine::default()])).unwrap();
        assert!(!page.contains("style=") && !page.contains("<style") && !page.contains(" onclick"));
        assert_eq!(page.matches("<script").count(), page.matches("<script type=\"module\" src=\"/assets/").count());
    }
}
