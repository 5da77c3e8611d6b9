//! The checklist of one tenant: its steps, and what is known about them.

use askama::Template;
use chrono::{DateTime, Utc};

use crate::waivers::WaiverLine;

/// What a checklist page shows.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "checklist.html")]
pub struct ChecklistView {
    /// The tenant's slug.
    pub tenant_id: String,
    /// What people call the tenant.
    pub name: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// Name of the workflow.
    pub workflow: String,
    /// The workflow's version that this checklist is on.
    pub version: u32,
    /// Calendar days since it was opened.
    pub days_open: i64,
    /// When the tenant should be live.
    pub target_go_live: Option<DateTime<Utc>>,
    /// When the checklist was completed.
    pub completed_at: Option<DateTime<Utc>>,
    /// The steps, in order.
    pub steps: Vec<StepLine>,
    /// The latest health check, if one was asked for.
    pub health: Option<HealthView>,
    /// Every waiver, oldest first.
    pub waivers: Vec<WaiverLine>,
    /// Imports, newest first.
    pub imports: Vec<ImportLine>,
    /// What happened, newest first.
    pub events: Vec<EventLine>,
    /// Whether the course is in the reader's menu.
    pub learning: bool,
    /// Who is logged in.
    pub actor: String,
    /// What a refused action said.
    pub notice: Option<String>,
    /// Token that forms hand back.
    pub csrf: String,
}

/// A step.
#[derive(Debug, Clone, Default)]
pub struct StepLine {
    /// Id in the workflow.
    pub id: String,
    /// What people call it.
    pub title: String,
    /// `manual`, `job`, `gate` or `timer`.
    pub kind: String,
    /// `pending`, `in_progress`, `blocked`, `done` or `skipped`.
    pub status: String,
    /// Who has it.
    pub assignee: Option<String>,
    /// Why it is blocked.
    pub blocking_reason: Option<String>,
    /// When it is due.
    pub due_at: Option<DateTime<Utc>>,
    /// When work began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it was done or skipped.
    pub completed_at: Option<DateTime<Utc>>,
    /// Ids of the steps that come before.
    pub needs: Vec<String>,
    /// Revision that an edit is based on.
    pub revision: i64,
}

/// A health check.
#[derive(Debug, Clone, Default)]
pub struct HealthView {
    /// The aggregate: `pass`, `warn`, `fail`; or how far the check is.
    pub status: String,
    /// When the result was known.
    pub checked_at: Option<DateTime<Utc>>,
    /// What each probe found.
    pub probes: Vec<ProbeLine>,
}

/// What a probe found.
#[derive(Debug, Clone, Default)]
pub struct ProbeLine {
    /// Name of the probe.
    pub probe: String,
    /// `pass`, `warn`, `fail` or `error`.
    pub status: String,
    /// What was seen.
    pub message: String,
    /// What to do about it; may be empty.
    pub hint: String,
}

/// An import.
#[derive(Debug, Clone, Default)]
pub struct ImportLine {
    /// Id.
    pub id: String,
    /// Name of the uploaded file.
    pub file_name: Option<String>,
    /// `queued`, `parsing`, `preview`, `loading`, `completed`, `failed`, `cancelled` or `rolled_back`.
    pub state: String,
    /// Format, once known.
    pub format: Option<String>,
    /// `members`, `clubs` or `ledger`, once known.
    pub entity: Option<String>,
    /// Rows read.
    pub rows_read: i64,
    /// Rows with a warning.
    pub rows_warned: i64,
    /// Rows rejected.
    pub rows_rejected: i64,
    /// Records to store, or stored.
    pub records: i64,
    /// Why it failed, and what to do.
    pub failure: Option<String>,
    /// Revision of its preview.
    pub revision: i64,
}

impl ImportLine {
    /// What a person can do with it: the last part of each action's address, and its name.
    fn actions(&self) -> &'static [(&'static str, &'static str)] {
        match self.state.as_str() {
            "preview" => &[("confirm", "Store it"), ("cancel", "Cancel")],
            "queued" | "parsing" | "loading" => &[("cancel", "Cancel")],
            _ => &[],
        }
    }
}

/// Something that happened.
#[derive(Debug, Clone, Default)]
pub struct EventLine {
    /// Place in the log.
    pub seq: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub actor: String,
    /// Wire name of what happened.
    pub kind: String,
    /// The rest in words; may be empty.
    pub summary: String,
}

/// What the form offers, in the order of a step's life.
const STATUSES: [&str; 5] = ["pending", "in_progress", "blocked", "done", "skipped"];

impl ChecklistView {
    fn place() -> &'static str {
        "checklist"
    }

    /// How many steps are behind.
    fn finished(&self) -> usize {
        self.steps.iter().filter(|step| step.is_finished()).count()
    }

    /// The first open step.
    fn is_current(&self, id: &str) -> bool {
        self.steps.iter().find(|step| !step.is_finished()).is_some_and(|step| step.id == id)
    }

    /// A warning, and nothing worse, can be waived.
    fn may_waive(&self) -> bool {
        self.health.as_ref().is_some_and(|health| health.status == "warn")
            && self.steps.iter().any(StepLine::is_shut_gate)
    }

    /// What people call a step.
    fn title_of<'a>(&'a self, id: &'a str) -> &'a str {
        self.steps.iter().find(|step| step.id == id).map_or(id, |step| step.title.as_str())
    }

    /// Titles of the steps that this one still waits for.
    fn waits_for(&self, step: &StepLine) -> Vec<&str> {
        let open = |id: &String| self.steps.iter().find(|other| other.id == *id && !other.is_finished());
        step.needs.iter().filter_map(open).map(|other| other.title.as_str()).collect()
    }
}

impl StepLine {
    fn is_finished(&self) -> bool {
        matches!(self.status.as_str(), "done" | "skipped")
    }

    fn is_shut_gate(&self) -> bool {
        self.kind == "gate" && !self.is_finished()
    }

    /// The other statuses a person may ask for.
    fn choices(&self) -> impl Iterator<Item = &'static str> {
        STATUSES.into_iter().filter(|status| *status != self.status)
    }
}

/// The page at `/onboarding/{tenant}`.
pub fn checklist(view: &ChecklistView) -> Result<String, askama::Error> {
    view.render()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(id: &str, status: &str, needs: &[&str]) -> StepLine {
        StepLine {
            id: id.to_owned(),
            title: format!("Step {id}"),
            kind: "manual".to_owned(),
            status: status.to_owned(),
            needs: needs.iter().map(|&id| id.to_owned()).collect(),
            revision: 7,
            ..StepLine::default()
        }
    }

    fn view() -> ChecklistView {
        ChecklistView {
            tenant_id: "alnor".to_owned(),
            name: "Alnor".to_owned(),
            steps: vec![
                step("contract", "done", &[]),
                step("kickoff", "in_progress", &["contract"]),
                step("configure", "pending", &["contract", "kickoff"]),
            ],
            csrf: "token-1".to_owned(),
            ..ChecklistView::default()
        }
    }

    #[test]
    fn every_step_has_a_form_that_works_without_script() {
        let page = checklist(&view()).unwrap();
        for id in ["contract", "kickoff", "configure"] {
            assert!(page.contains(&format!("action=\"/onboarding/alnor/steps/{id}\"")), "{id}");
        }
        for field in ["status", "assignee", "blocking_reason", "note", "reason", "revision", "csrf"] {
            assert!(page.matches(&format!("name=\"{field}\"")).count() >= 3, "{field}");
        }
        assert!(page.contains("name=\"revision\" value=\"7\""));
        assert!(page.contains("name=\"csrf\" value=\"token-1\""));
        assert!(page.contains("action=\"/onboarding/alnor/health-check\""));
    }

    #[test]
    fn what_a_step_waits_for_is_named() {
        let view = view();
        assert_eq!(view.waits_for(&view.steps[2]), ["Step kickoff"]);
        assert!(view.waits_for(&view.steps[1]).is_empty());
        assert!(view.is_current("kickoff") && !view.is_current("configure"));
        assert_eq!(view.finished(), 1);
    }

    #[test]
    fn hostile_text_is_escaped() {
        let hostile = "\"><script>alert(1)</script>'".to_owned();
        let mut shown = view();
        shown.name.clone_from(&hostile);
        shown.tenant_id.clone_from(&hostile);
        shown.notice = Some(hostile.clone());
        shown.steps[0] = StepLine {
            id: hostile.clone(),
            title: hostile.clone(),
            kind: hostile.clone(),
            status: hostile.clone(),
            assignee: Some(hostile.clone()),
            blocking_reason: Some(hostile.clone()),
            ..StepLine::default()
        };
        let probe = ProbeLine {
            probe: hostile.clone(),
            status: hostile.clone(),
            message: hostile.clone(),
            hint: hostile.clone(),
        };
        shown.health = Some(HealthView { status: hostile.clone(), checked_at: None, probes: vec![probe] });
        shown.waivers = vec![WaiverLine {
            id: hostile.clone(),
            step: hostile.clone(),
            state: "proposed".to_owned(),
            probes: vec![hostile.clone()],
            reason: hostile.clone(),
            proposed_by: hostile.clone(),
            granted_by: Some(hostile.clone()),
            withdrawn: Some((hostile.clone(), hostile.clone())),
            ..WaiverLine::default()
        }];
        shown.imports = vec![ImportLine { file_name: Some(hostile.clone()), ..ImportLine::default() }];
        shown.events = vec![EventLine { summary: hostile.clone(), actor: hostile, ..EventLine::default() }];
        assert!(!checklist(&shown).unwrap().contains("<script>"));
    }

    #[test]
    fn a_warning_can_be_waived_by_another_person_and_nothing_else_can() {
        let grant = "action=\"/onboarding/alnor/steps/go/waivers/w1/grant\"";
        let propose = "action=\"/onboarding/alnor/steps/go/waivers\"";
        let gate = StepLine { kind: "gate".to_owned(), ..step("go", "pending", &[]) };
        let waiver = WaiverLine {
            id: "w1".to_owned(),
            step: "go".to_owned(),
            state: "proposed".to_owned(),
            proposed_by: "Anna".to_owned(),
            ..WaiverLine::default()
        };
        let health = |status: &str| Some(HealthView { status: status.to_owned(), ..HealthView::default() });
        let shown = |own: bool, status: &str| {
            let (steps, waivers) = (vec![gate.clone()], vec![WaiverLine { own, ..waiver.clone() }]);
            checklist(&ChecklistView { steps, waivers, health: health(status), ..view() }).unwrap()
        };
        assert!(shown(false, "warn").contains(grant) && !shown(true, "warn").contains(grant));
        assert!(shown(true, "warn").contains(propose));
        for status in ["pass", "fail"] {
            let page = shown(true, status);
            assert!(!page.contains(propose) && page.contains("Proposed by Anna"), "{status}: shown for ever");
        }
    }

    #[test]
    fn a_refusal_is_announced() {
        let page = checklist(&ChecklistView { notice: Some("Kick-off is open.".to_owned()), ..view() }).unwrap();
        assert!(page.contains("role=\"alert\"") && page.contains("Kick-off is open."));
    }
}
