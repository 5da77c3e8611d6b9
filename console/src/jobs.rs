//! Jobs: what the workbench does by itself, and what went wrong with it.

use askama::Template;
use chrono::{DateTime, Utc};

/// What the jobs page shows.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "jobs.html")]
pub struct JobsView {
    /// Jobs, newest first.
    pub rows: Vec<JobLine>,
    /// Why the last action was refused.
    pub notice: Option<String>,
    /// Continues the list.
    pub next: Option<String>,
    /// Whether the course is in the reader's menu.
    pub learning: bool,
    /// Who is logged in.
    pub actor: String,
    /// Token that forms hand back.
    pub csrf: String,
}

/// A job.
#[derive(Debug, Clone, Default)]
pub struct JobLine {
    /// Id.
    pub id: String,
    /// What it does, for example `health_check`.
    pub kind: String,
    /// For which tenant.
    pub tenant_id: String,
    /// `queued`, `running`, `succeeded`, `retrying`, `failed` or `cancelled`.
    pub state: String,
    /// Attempts begun.
    pub attempt: u32,
    /// Attempts allowed.
    pub max_attempts: u32,
    /// When it may run.
    pub run_at: DateTime<Utc>,
    /// What the last failed attempt said.
    pub last_error: Option<String>,
    /// How much is done.
    pub done: i64,
    /// Of how much, if known.
    pub total: Option<i64>,
    /// Of what, if anything is counted.
    pub unit: Option<String>,
}

impl JobLine {
    /// What a person can do with it: the last part of the action's address, and its name.
    fn action(&self) -> Option<(&'static str, &'static str)> {
        match self.state.as_str() {
            "failed" | "cancelled" => Some(("retry", "Try again")),
            "queued" | "running" | "retrying" => Some(("cancel", "Cancel")),
            _ => None,
        }
    }
}

impl JobsView {
    fn place() -> &'static str {
        "jobs"
    }
}

/// The page at `/jobs`.
pub fn jobs(view: &JobsView) -> Result<String, askama::Error> {
    view.render()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_job_shows_its_error_escaped() {
        let row = JobLine {
            kind: "health_check".to_owned(),
            tenant_id: "alnor".to_owned(),
            state: "failed".to_owned(),
            last_error: Some("got <html>".to_owned()),
            ..JobLine::default()
        };
        let page = jobs(&JobsView { rows: vec![row], ..JobsView::default() }).unwrap();
        assert!(page.contains("Failed") && page.contains("Health check"));
        assert!(page.contains("got &#60;html&#62;"));
    }

    #[test]
    fn a_job_offers_what_can_be_done_with_it() {
        let page = |state: &str| {
            let row = JobLine { id: "job_1".to_owned(), state: state.to_owned(), ..JobLine::default() };
            jobs(&JobsView { rows: vec![row], ..JobsView::default() }).unwrap()
        };
        assert!(page("failed").contains(r#"action="/jobs/job_1/retry""#));
        assert!(page("running").contains(r#"action="/jobs/job_1/cancel""#));
        assert!(!page("succeeded").contains("/jobs/job_1/"));
    }

    #[test]
    fn no_jobs_is_explained() {
        assert!(jobs(&JobsView::default()).unwrap().contains("No jobs yet"));
    }
}
