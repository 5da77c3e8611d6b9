//! Property tests: no sequence of commands reaches an illegal state.

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::{Checklist, Command, Event, Reason, Refusal, StepPatch, StepStatus, decide, open};
use crate::definition::{self, Definition, Known, StepKind, condition};
use crate::facts::{Facts, HealthFact, ImportFacts, ProbeFact, TenantFact};
use crate::precision::to_micros;

pub(super) const DEFAULT: &str = include_str!("../../../workflows/tenant-onboarding.yaml");
const CLUB: &str = include_str!("../../../workflows/club-onboarding.yaml");

fn load(source: &str) -> Definition {
    match definition::load("test.yaml", source, &Known::default()) {
        Ok(loaded) => loaded.definition,
        Err(faults) => panic!("{}", definition::render(&faults)),
    }
}

pub(super) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_770_000_000 + seconds, 0).expect("a time within range")
}

fn facts() -> Facts {
    Facts {
        tenant: TenantFact {
            id: "svbf".to_owned(),
            country: "SE".to_owned(),
            kind: "federation".to_owned(),
            generation: 1,
        },
        ..Facts::default()
    }
}

pub(super) fn health(status: &str, checked: i64, generation: i64) -> HealthFact {
    HealthFact {
        check_id: "hc_1".to_owned(),
        status: status.to_owned(),
        checked_at: at(checked),
        generation,
        probes: vec![
            ProbeFact { probe: "sample_login".to_owned(), status: "pass".to_owned(), message: String::new() },
            ProbeFact {
                probe: "sample_transaction".to_owned(),
                status: status.to_owned(),
                message: "no payment provider is configured".to_owned(),
            },
        ],
    }
}

fn opened(definition: &Definition, facts: &Facts) -> Checklist {
    let events = open(definition, facts, "onb_1", 1, None, at(0));
    let mut state = Checklist::opened("onb_1", "svbf", at(0), &events[0]).expect("the first event opens");
    for event in &events[1..] {
        state.apply(at(0), event);
    }
    state
}

/// A checklist played by hand.
pub(super) struct Play {
    pub(super) definition: Definition,
    pub(super) facts: Facts,
    pub(super) state: Checklist,
    pub(super) now: i64,
}

impl Play {
    fn new(source: &str) -> Self {
        let definition = load(source);
        let facts = facts();
        let state = opened(&definition, &facts);
        Self { definition, facts, state, now: 0 }
    }

    pub(super) fn run(&mut self, command: &Command) -> Result<Vec<Event>, Refusal> {
        self.now += 60;
        let events = decide(&self.definition, &self.state, &self.facts, command, at(self.now))?;
        for event in &events {
            self.state.apply(at(self.now), event);
        }
        Ok(events)
    }

    fn patch(&mut self, step: &str, patch: StepPatch) -> Result<Vec<Event>, Refusal> {
        self.run(&Command::PatchStep {
            step: step.to_owned(),
            patch,
            expected_revisions: None,
            actor: "anna".to_owned(),
            capabilities: vec!["gate:approve".to_owned()],
        })
    }

    pub(super) fn done(&mut self, step: &str) -> Result<Vec<Event>, Refusal> {
        self.patch(step, StepPatch { status: Some(StepStatus::Done), ..StepPatch::default() })
    }

    fn import(&mut self) {
        self.now += 60;
        self.facts.imports =
            ImportFacts { completed: 1, clean: 1, last_clean_at: Some(at(self.now)), ..ImportFacts::default() };
        self.facts.tenant.generation += 1;
        self.run(&Command::EvidenceChanged).expect("evidence is never refused");
    }

    pub(super) fn check(&mut self, status: &str) -> Vec<Event> {
        self.now += 60;
        self.facts.health = Some(health(status, self.now, self.facts.tenant.generation));
        self.run(&Command::EvidenceChanged).expect("evidence is never refused")
    }

    pub(super) fn status(&self, step: &str) -> StepStatus {
        self.state.step(step).expect("the step exists").status
    }

    /// Everything before the go/no-go.
    pub(super) fn ready(source: &str) -> Self {
        let mut play = Self::new(source);
        for step in ["contract", "kickoff", "configure", "train_admins"] {
            if play.state.step(step).is_some() {
                play.done(step).expect("its needs are closed");
            }
        }
        play.import();
        play
    }
}

pub(super) fn codes(refusal: Refusal) -> Vec<String> {
    match refusal {
        Refusal::Conflict(reasons) | Refusal::Contradiction(reasons) => {
            reasons.into_iter().map(|Reason { code, .. }| code).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_walk_of_the_feature_card() {
    let mut play = Play::ready(DEFAULT);
    assert_eq!(play.status("import_data"), StepStatus::Done);
    assert_eq!(play.status("dry_run"), StepStatus::InProgress, "its job starts by itself");
    assert_eq!(play.state.step("dry_run").map(|step| step.attempts), Some(1));

    play.check("warn");
    assert_eq!(play.status("dry_run"), StepStatus::InProgress, "a warning completes nothing");
    let refusal = play.done("go_no_go").expect_err("the dry run is open");
    assert_eq!(codes(refusal), ["needs_open", "condition_not_met", "probe_not_passed"]);

    play.check("pass");
    assert_eq!(play.status("dry_run"), StepStatus::Done);
    play.done("go_no_go").expect("a pass and a person's go");
    play.done("go_live").expect("fresh evidence");
    assert!(play.state.completed_at.is_some());
}

#[test]
fn a_failing_night_closes_the_gate_again() {
    let mut play = Play::ready(DEFAULT);
    play.check("pass");
    play.done("go_no_go").expect("a pass and a person's go");
    let events = play.check("fail");
    assert!(events.iter().any(|event| matches!(event, Event::GateClosed { step, .. } if step == "go_no_go")));
    assert!(!play.status("go_no_go").is_closed());
}

#[test]
fn a_failing_night_after_go_live_reopens_nothing() {
    let mut play = Play::ready(DEFAULT);
    play.check("pass");
    play.done("go_no_go").expect("a pass and a person's go");
    play.done("go_live").expect("fresh evidence");
    assert_eq!(play.check("fail"), []);
}

#[test]
fn a_check_that_never_ran_is_said_once() {
    let mut play = Play::ready(DEFAULT);
    let Err(Refusal::Conflict(reasons)) = play.done("go_no_go") else { panic!("nothing was checked") };
    let messages: Vec<_> = reasons.iter().filter(|reason| reason.code == "condition_not_met").collect();
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].message, "There has been no health check yet; run one.");
}

#[test]
fn stale_evidence_keeps_the_gate_shut() {
    let mut play = Play::ready(DEFAULT);
    play.check("pass");
    play.now += 8 * 86_400;
    let refusal = play.done("go_no_go").expect_err("the evidence is eight days old");
    assert_eq!(codes(refusal), ["condition_not_met"]);
}

#[test]
fn an_import_after_the_check_makes_it_stale() {
    let mut play = Play::ready(DEFAULT);
    play.check("pass");
    play.import();
    let refusal = play.done("go_no_go").expect_err("the data is newer than the check");
    assert_eq!(codes(refusal), ["condition_not_met"]);
}

#[test]
fn evidence_from_before_the_opening_completes_nothing() {
    let mut play = Play::new(DEFAULT);
    play.facts.imports = ImportFacts { completed: 1, clean: 1, last_clean_at: Some(at(-60)), ..ImportFacts::default() };
    play.facts.health = Some(health("pass", -30, play.facts.tenant.generation));
    for step in ["contract", "kickoff", "configure"] {
        play.done(step).expect("its needs are closed");
    }
    assert_eq!(play.status("import_data"), StepStatus::Pending);
    play.import();
    assert_eq!((play.status("import_data"), play.status("dry_run")), (StepStatus::Done, StepStatus::InProgress));
}

const TIMER: &str = "name: timer\nversion: 1\ntitle: Timer\nsteps:\n  - id: sign\n    title: Sign\n\
                     \x20 - id: cool_down\n    title: Cool down\n    kind: timer\n    needs: [sign]\n    after: 1d\n";
const DAY: i64 = 86_400;

/// When the timer step asked to be woken, by the last event that did.
fn woken_at(events: &[Event]) -> Option<DateTime<Utc>> {
    events.iter().rev().find_map(|event| match event {
        Event::JobRequested(request) => Some(request.run_at),
        _ => None,
    })
}

#[test]
fn a_timer_elapses_at_its_time_and_not_before() {
    let mut play = Play::new(TIMER);
    let events = play.done("sign").expect("it needs nothing");
    assert_eq!(woken_at(&events), Some(at(play.now + DAY)));
    assert_eq!(play.run(&Command::TimeElapsed), Ok(Vec::new()), "a job of an earlier request comes early");
    play.now += DAY;
    play.run(&Command::TimeElapsed).expect("never refused");
    assert_eq!(play.status("cool_down"), StepStatus::Done);
}

#[test]
fn a_timer_starts_anew_when_what_it_needs_was_taken_up_again() {
    let mut play = Play::new(TIMER);
    play.done("sign").expect("it needs nothing");
    let reopen = StepPatch {
        status: Some(StepStatus::InProgress),
        reason: Some("the wrong person signed".to_owned()),
        ..StepPatch::default()
    };
    play.patch("sign", reopen).expect("a reason was given");
    play.now += DAY;
    assert_eq!(play.run(&Command::TimeElapsed), Ok(Vec::new()), "its need is open");
    let events = play.done("sign").expect("it needs nothing");
    assert_eq!(woken_at(&events), Some(at(play.now + DAY)));
    assert_eq!(play.status("cool_down"), StepStatus::InProgress);
}

#[test]
fn a_blocked_timer_waits_for_its_reason_to_go() {
    let mut play = Play::new(TIMER);
    play.done("sign").expect("it needs nothing");
    let block =
        |reason: Option<&str>| StepPatch { blocking_reason: Some(reason.map(str::to_owned)), ..StepPatch::default() };
    play.patch("cool_down", block(Some("the lawyers"))).expect("open");
    play.now += DAY;
    play.run(&Command::TimeElapsed).expect("never refused");
    assert_eq!(play.status("cool_down"), StepStatus::Blocked);
    play.patch("cool_down", block(None)).expect("open");
    assert_eq!(play.status("cool_down"), StepStatus::Done);
}

#[test]
fn a_gate_needs_the_capability() {
    let mut play = Play::ready(DEFAULT);
    play.check("pass");
    let command = Command::PatchStep {
        step: "go_no_go".to_owned(),
        patch: StepPatch { status: Some(StepStatus::Done), ..StepPatch::default() },
        expected_revisions: None,
        actor: "anna".to_owned(),
        capabilities: vec!["onboarding:write".to_owned()],
    };
    assert_eq!(play.run(&command), Err(Refusal::Forbidden { capability: "gate:approve".to_owned() }));
}

#[test]
fn reopening_clears_completion_and_keeps_the_first() {
    let mut play = Play::ready(CLUB);
    play.check("pass");
    play.done("go_live").expect("a pass and a person's go");
    let first = play.state.first_completed_at;
    assert!(first.is_some());
    let reopen = |reason: Option<&str>| StepPatch {
        status: Some(StepStatus::InProgress),
        reason: reason.map(str::to_owned),
        ..StepPatch::default()
    };
    assert_eq!(codes(play.patch("contract", reopen(None)).expect_err("no reason")), ["reason_required"]);
    play.patch("contract", reopen(Some("signed by the wrong person"))).expect("a reason was given");
    assert_eq!((play.state.completed_at, play.state.first_completed_at), (None, first));
    play.done("contract").expect("it needs nothing");
    assert!(play.state.completed_at.is_some());
    assert_eq!(play.state.first_completed_at, first);
}

#[test]
fn the_refusals_of_the_published_table() {
    let mut play = Play::new(DEFAULT);
    let patch = |status: Option<StepStatus>, reason: Option<&str>| StepPatch {
        status,
        blocking_reason: reason.map(|reason| Some(reason.to_owned())),
        ..StepPatch::default()
    };
    let mut refused = |step: &str, patch: StepPatch| codes(play.patch(step, patch).expect_err("refused"));
    assert_eq!(refused("contract", patch(Some(StepStatus::Done), Some("x"))), ["reason_contradicts_status"]);
    assert_eq!(refused("contract", patch(Some(StepStatus::Blocked), None)), ["blocking_reason_required"]);
    assert_eq!(refused("contract", patch(Some(StepStatus::Blocked), Some("  "))), ["blocking_reason_required"]);
    assert_eq!(refused("contract", patch(Some(StepStatus::Skipped), None)), ["reason_required"]);
    assert_eq!(refused("kickoff", patch(Some(StepStatus::Done), None)), ["needs_open"]);
    assert_eq!(refused("import_data", patch(Some(StepStatus::Done), None)), ["needs_open", "completed_by_job"]);
    assert_eq!(refused("go_no_go", patch(Some(StepStatus::Skipped), None)), ["gate_cannot_be_skipped"]);
    play.done("contract").expect("it needs nothing");
    let mut refused = |patch: StepPatch| codes(play.patch("contract", patch).expect_err("refused"));
    assert_eq!(refused(patch(None, Some("x"))), ["step_closed"]);
    assert_eq!(refused(patch(Some(StepStatus::Pending), None)), ["already_started"]);
}

#[test]
fn the_flips_of_the_published_table() {
    let mut play = Play::new(DEFAULT);
    let assign = StepPatch { assignee: Some(Some("anna".to_owned())), ..StepPatch::default() };
    play.patch("kickoff", assign.clone()).expect("assigning is always allowed");
    assert_eq!(play.status("kickoff"), StepStatus::InProgress);
    assert_eq!(play.patch("kickoff", assign).expect("nothing new"), []);
    let reason =
        |reason: Option<&str>| StepPatch { blocking_reason: Some(reason.map(str::to_owned)), ..StepPatch::default() };
    play.patch("kickoff", reason(Some("waiting for the board"))).expect("open");
    assert_eq!(play.status("kickoff"), StepStatus::Blocked);
    play.patch("kickoff", reason(None)).expect("open");
    assert_eq!(play.status("kickoff"), StepStatus::InProgress);
    play.patch("configure", reason(Some("waiting"))).expect("open");
    play.patch("configure", reason(None)).expect("open");
    assert_eq!(play.status("configure"), StepStatus::Pending, "it never started");
}

#[test]
fn a_stale_revision_changes_nothing() {
    let mut play = Play::new(DEFAULT);
    let command = Command::PatchStep {
        step: "contract".to_owned(),
        patch: StepPatch { note: Some("hello".to_owned()), ..StepPatch::default() },
        expected_revisions: Some(vec![7]),
        actor: "anna".to_owned(),
        capabilities: Vec::new(),
    };
    assert_eq!(play.run(&command), Err(Refusal::StaleRevision { expected: vec![7], actual: 1 }));
}

#[derive(Debug, Clone)]
enum Move {
    Patch(usize, StepPatch, bool),
    Import,
    Check(&'static str),
    Reconfigure,
    Elapse,
    Wait(i64),
}

fn text() -> impl Strategy<Value = Option<Option<String>>> {
    prop_oneof![
        3 => Just(None),
        1 => Just(Some(None)),
        1 => Just(Some(Some(String::new()))),
        2 => Just(Some(Some("somebody".to_owned()))),
    ]
}

fn moves() -> impl Strategy<Value = Move> {
    let status = prop_oneof![
        2 => Just(None),
        4 => Just(Some(StepStatus::Done)),
        1 => Just(Some(StepStatus::InProgress)),
        1 => Just(Some(StepStatus::Pending)),
        1 => Just(Some(StepStatus::Blocked)),
        1 => Just(Some(StepStatus::Skipped)),
    ];
    // Clients send nanoseconds, too.
    let due = prop::option::of(prop::option::of(0u32..1_000_000_000))
        .prop_map(|due| due.map(|nanos| nanos.and_then(|nanos| DateTime::from_timestamp(1_780_000_000, nanos))));
    let patch = (status, text(), text(), due, prop::option::of(Just("because".to_owned()))).prop_map(
        |(status, assignee, blocking_reason, due_at, reason)| StepPatch {
            status,
            assignee,
            blocking_reason,
            due_at,
            note: None,
            reason,
        },
    );
    prop_oneof![
        8 => (0usize..8, patch, any::<bool>()).prop_map(|(step, patch, approver)| Move::Patch(step, patch, approver)),
        2 => Just(Move::Import),
        3 => prop_oneof![Just("pass"), Just("warn"), Just("fail")].prop_map(Move::Check),
        1 => Just(Move::Reconfigure),
        1 => Just(Move::Elapse),
        1 => (1i64..700_000).prop_map(Move::Wait),
    ]
}

/// What must hold whatever has happened.
fn assert_legal(play: &Play) -> Result<(), TestCaseError> {
    let all_closed = play.state.steps.iter().all(|step| step.status.is_closed());
    prop_assert_eq!(all_closed, play.state.completed_at.is_some());
    prop_assert!(play.state.completed_at.is_none() || play.state.first_completed_at.is_some());
    for step in &play.state.steps {
        prop_assert_eq!(step.status == StepStatus::Blocked, step.blocking_reason.is_some(), "{:?}", step);
        prop_assert_eq!(step.status.is_closed(), step.completed_at.is_some(), "{:?}", step);
        prop_assert_eq!(step.due_at.map(to_micros), step.due_at, "the store keeps microseconds");
        if matches!(step.status, StepStatus::InProgress | StepStatus::Done) {
            prop_assert!(step.started_at.is_some(), "{:?}", step);
        }
        if step.status == StepStatus::Pending {
            prop_assert!(step.started_at.is_none(), "{:?}", step);
        }
    }
    Ok(())
}

/// A gate that has just been passed rests on closed needs and true conditions.
fn assert_gates_earned(play: &Play, events: &[Event]) -> Result<(), TestCaseError> {
    for event in events {
        let Event::StepCompleted { step, .. } = event else { continue };
        let definition = play.definition.step(step).expect("events name steps of the definition");
        if definition.kind != StepKind::Gate {
            continue;
        }
        for need in &definition.needs {
            prop_assert!(play.status(need).is_closed(), "{} passed while {} is open", step, need);
        }
        let variables = play.facts.variables(at(play.now));
        for required in definition.gate.iter().flat_map(|gate| &gate.conditions) {
            let holds = condition::evaluate(&[&required.when], &variables, &serde_json::json!({}), at(play.now));
            prop_assert_eq!(holds, [Ok(true)], "{} passed without {}", step, &required.id);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_sequence_reaches_an_illegal_state(source in prop::sample::select(vec![DEFAULT, CLUB, TIMER]), sequence in prop::collection::vec(moves(), 1..80)) {
        let mut play = Play::new(source);
        let mut log: Vec<(DateTime<Utc>, Event)> =
            open(&play.definition, &play.facts, "onb_1", 1, None, at(0)).into_iter().map(|event| (at(0), event)).collect();
        for step in sequence {
            let command = match step {
                Move::Patch(index, patch, approver) => {
                    let steps = &play.definition.steps;
                    Command::PatchStep {
                        step: steps[index % steps.len()].id.clone(),
                        patch,
                        expected_revisions: None,
                        actor: "anna".to_owned(),
                        capabilities: if approver { vec!["gate:approve".to_owned()] } else { Vec::new() },
                    }
                }
                Move::Import => {
                    play.facts.imports.completed += 1;
                    play.facts.imports.last_clean_at = Some(at(play.now) + TimeDelta::seconds(60));
                    play.facts.tenant.generation += 1;
                    Command::EvidenceChanged
                }
                Move::Check(status) => {
                    play.facts.health = Some(health(status, play.now + 30, play.facts.tenant.generation));
                    Command::EvidenceChanged
                }
                Move::Reconfigure => {
                    play.facts.tenant.generation += 1;
                    Command::EvidenceChanged
                }
                Move::Elapse => Command::TimeElapsed,
                Move::Wait(seconds) => {
                    play.now += seconds;
                    continue;
                }
            };
            let before = play.state.clone();
            match play.run(&command) {
                Ok(events) => {
                    assert_gates_earned(&play, &events)?;
                    log.extend(events.into_iter().map(|event| (at(play.now), event)));
                }
                Err(refusal) => {
                    prop_assert!(matches!(command, Command::PatchStep { .. }), "evidence was refused: {:?}", refusal);
                    prop_assert_eq!(&before, &play.state);
                }
            }
            assert_legal(&play)?;
        }
        // Replaying what was logged, through its stored form, gives the state.
        let mut replayed = Checklist::opened("onb_1", "svbf", log[0].0, &log[0].1).expect("the first event opens");
        for (time, event) in &log[1..] {
            let stored = Event::from_log(event.kind(), &event.payload());
            prop_assert_eq!(stored.as_ref(), Some(event));
            replayed.apply(*time, event);
        }
        prop_assert_eq!(replayed, play.state);
    }
}
