//! Histories that tests of this folder begin with.

use chrono::{DateTime, Utc};

use super::times::{Closing, Fact, History, StepFact};

/// So many days after 1 January 2026.
pub(super) fn at(day: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600 + day * 86_400, 0).expect("a time within range")
}

/// Opened on day 0 with these steps; nothing has happened since.
pub(super) fn history(steps: &[&str]) -> History {
    let mut history = History {
        checklist_id: "onb_svbf".to_owned(),
        tenant_id: "svbf".to_owned(),
        country: "SE".to_owned(),
        workflow: "tenant-onboarding".to_owned(),
        kind: "federation".to_owned(),
        opened_at: at(0),
        live_at: None,
        completed_at: None,
        cancelled_at: None,
        first_member_at: None,
        first_transaction_at: None,
        steps: Vec::new(),
    };
    history.take(at(0), Fact::Opened(steps.iter().map(|step| (*step).to_owned()).collect()), None);
    history
}

/// Opened on a day and done step after step, each in its days; `go_live` is the live step.
pub(super) fn finished(tenant: &str, opened: i64, steps: &[(&str, i64)]) -> History {
    let names: Vec<&str> = steps.iter().map(|(step, _)| *step).collect();
    let mut history =
        History { checklist_id: format!("onb_{tenant}"), tenant_id: tenant.to_owned(), ..history(&names) };
    history.opened_at = at(opened);
    let mut day = opened;
    for (step, days) in steps {
        history.take(at(day), Fact::OfStep((*step).to_owned(), StepFact::Started), Some("go_live"));
        day += days;
        let closed = StepFact::Closed(Closing::Done);
        history.take(at(day), Fact::OfStep((*step).to_owned(), closed), Some("go_live"));
    }
    history.take(at(day), Fact::Completed, Some("go_live"));
    history
}
