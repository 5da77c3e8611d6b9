//! The step rules as a published table; `workbench rules` prints it and `docs/step-rules.md` carries it.

/// One rule, as people read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Rule {
    /// What is asked or happens.
    pub when: &'static str,
    /// In which state.
    pub state: &'static str,
    /// What follows.
    pub then: &'static str,
    /// The code of the refusal, where it is one.
    pub refusal: Option<&'static str>,
}

const fn flips(when: &'static str, state: &'static str, then: &'static str) -> Rule {
    Rule { when, state, then, refusal: None }
}

const fn refuses(when: &'static str, state: &'static str, status: &'static str, code: &'static str) -> Rule {
    Rule { when, state, then: status, refusal: Some(code) }
}

/// The table, written beside the rules of [`super::decide`]; the tests there play the flips and the refusals.
pub const RULES: &[Rule] = &[
    flips("`assignee` set", "pending", "in_progress, `started_at` stamped"),
    flips("`assignee` set or cleared", "any other", "only the assignee changes"),
    flips("non-empty `blocking_reason`", "pending, in_progress, blocked", "blocked"),
    flips("`blocking_reason` cleared", "blocked", "in_progress, or pending if it never started"),
    flips("`status: in_progress`", "pending, blocked", "in_progress, the reason cleared"),
    flips("`status: in_progress` with `reason`", "done, skipped", "reopened: in_progress, `completed_at` cleared"),
    flips(
        "`status: done`",
        "open, needs closed",
        "done, `completed_at` stamped, reason cleared, what it enables starts",
    ),
    flips("`status: skipped` with `reason`", "open, no gate", "skipped, `completed_at` stamped"),
    flips("last open step closed", "any", "the checklist's `completed_at` is stamped"),
    flips("step of a complete checklist reopened", "any", "`completed_at` cleared, `first_completed_at` kept"),
    flips("clean import completes", "job step `import`, needs closed", "done"),
    flips("health check passes", "job step `health_check`, needs closed", "done"),
    flips(
        "health check warns, every warning waived at a gate behind",
        "job step `health_check`, needs closed",
        "done, the evidence names the waivers",
    ),
    flips("time of a timer step elapses", "timer step, needs closed, not blocked", "done"),
    flips("evidence no longer holds", "gate done, steps behind it and all of them open", "gate closed: in_progress"),
    flips(
        "moved to another version",
        "checklist not complete",
        "steps of the same id stay, others go, new ones are pending; gates are judged anew",
    ),
    flips("waiver withdrawn or expired", "gate done on it, steps behind it open", "gate closed: in_progress"),
    refuses("`status: done` with a `blocking_reason`", "any", "422", "reason_contradicts_status"),
    refuses("`status: blocked` without a reason", "not blocked", "422", "blocking_reason_required"),
    refuses("skipped or reopened without `reason`", "any", "422", "reason_required"),
    refuses("`status: done`", "a need is open", "409", "needs_open"),
    refuses("`status: done`", "a condition of the gate does not hold", "409", "condition_not_met"),
    refuses("`status: done`", "a probe warns and its waiver is not granted", "409", "waiver_not_granted"),
    refuses("`status: done`", "a probe warns and its waiver has expired", "409", "waiver_expired"),
    refuses("`status: done` by who granted the waiver", "gate that needs the waiver", "409", "second_person_needed"),
    refuses("waiver granted by who proposed it", "gate", "409", "second_person_needed"),
    refuses("waiver proposed", "no gate", "409", "not_a_gate"),
    refuses("waiver proposed", "gate done", "409", "step_closed"),
    refuses("waiver proposed", "no probe warns", "409", "nothing_to_waive"),
    refuses("waiver proposed for a probe", "it passed, failed, broke or is not there", "409", "probe_not_waivable"),
    refuses("waiver proposed for a probe", "it has an open waiver", "409", "waiver_open"),
    refuses("waiver granted or withdrawn", "it has ended", "409", "waiver_ended"),
    refuses("waiver that ends now, before, or after more than 30 days", "any", "422", "waiver_expiry"),
    refuses("waiver proposed or withdrawn without `reason`", "any", "422", "reason_required"),
    refuses("`status: done`", "job step", "409", "completed_by_job"),
    refuses("`status: done`", "timer step", "409", "completed_by_timer"),
    refuses("`status: skipped`", "gate", "409", "gate_cannot_be_skipped"),
    refuses("`blocking_reason`", "done, skipped", "409", "step_closed"),
    refuses("`status: skipped`", "done", "409", "step_closed"),
    refuses("`status: done`", "skipped", "409", "step_closed"),
    refuses("`status: done` without the approval's capability", "gate", "403", "forbidden"),
    refuses("`If-Match` without the step's revision", "any", "412", "stale_revision"),
    refuses("moved to another version", "checklist complete", "409", "checklist_complete"),
    refuses("a step that does not exist", "any", "404", "not_found"),
    refuses("`status: pending`", "started or closed", "409", "already_started"),
];

/// The table as Markdown.
#[must_use]
pub fn table() -> String {
    let rows = RULES.iter().map(|rule| {
        format!("| {} | {} | {} | {} |\n", rule.when, rule.state, rule.then, rule.refusal.unwrap_or_default())
    });
    format!("| asked or happens | state | follows | refusal |\n|---|---|---|---|\n{}", rows.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Replace the table in the manual with what `workbench rules` prints.
    #[test]
    fn the_manual_carries_the_table() {
        let manual = include_str!("../../../docs/step-rules.md");
        assert!(manual.contains(&table()), "{}", table());
    }
}
