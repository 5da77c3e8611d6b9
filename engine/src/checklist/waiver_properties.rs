//! Waivers: what they let through, and that nothing else gets through.

use chrono::{DateTime, Utc};
use proptest::prelude::*;

use super::properties::{DEFAULT, Play, at, codes, health};
use super::{Checklist, Command, Event, Refusal, StepPatch, StepStatus, WaiverProposal, WaiverState};

const PEOPLE: [&str; 3] = ["anna", "bo", "Anna "];
const DAY: i64 = 86_400;

impl Play {
    fn propose(&mut self, id: &str, step: &str, actor: &str, ends_in: i64) -> Result<Vec<Event>, Refusal> {
        let expires_at = at(self.now + ends_in);
        self.run(&Command::ProposeWaiver(WaiverProposal {
            id: id.to_owned(),
            step: step.to_owned(),
            probes: Vec::new(),
            reason: "the provider signs on Monday".to_owned(),
            expires_at,
            actor: actor.to_owned(),
        }))
    }

    fn grant(&mut self, id: &str, step: &str, actor: &str) -> Result<Vec<Event>, Refusal> {
        self.run(&Command::GrantWaiver {
            step: step.to_owned(),
            waiver: id.to_owned(),
            actor: actor.to_owned(),
            capabilities: vec!["gate:approve".to_owned()],
        })
    }

    fn withdraw(&mut self, id: &str, step: &str, actor: &str) -> Result<Vec<Event>, Refusal> {
        self.run(&Command::WithdrawWaiver {
            step: step.to_owned(),
            waiver: id.to_owned(),
            actor: actor.to_owned(),
            reason: "the contract fell through".to_owned(),
        })
    }

    fn go(&mut self, step: &str, actor: &str) -> Result<Vec<Event>, Refusal> {
        self.run(&Command::PatchStep {
            step: step.to_owned(),
            patch: StepPatch { status: Some(StepStatus::Done), ..StepPatch::default() },
            expected_revisions: None,
            actor: actor.to_owned(),
            capabilities: vec!["gate:approve".to_owned()],
        })
    }

    /// A warning that two people have waived at the go/no-go, for two days.
    fn waived() -> Self {
        let mut play = Self::ready(DEFAULT);
        play.check("warn");
        play.propose("w1", "go_no_go", "anna", 2 * DAY).expect("a probe warns");
        play.grant("w1", "go_no_go", "bo").expect("a second person");
        play
    }

    fn state_of(&self, waiver: usize) -> WaiverState {
        self.state.waivers[waiver].state(at(self.now))
    }
}

fn closes(events: &[Event], gate: &str) -> bool {
    events.iter().any(|event| matches!(event, Event::GateClosed { step, .. } if step == gate))
}

#[test]
fn two_people_let_a_warning_through() {
    let mut play = Play::waived();
    assert_eq!(play.status("dry_run"), StepStatus::Done, "the waiver reaches the gate");
    let events = play.go("go_no_go", "anna").expect("the proposer may use it");
    let evidence = events.iter().find_map(|event| match event {
        Event::StepCompleted { step, evidence } if step == "go_no_go" => evidence.clone(),
        _ => None,
    });
    let evidence = evidence.expect("a gate keeps its evidence");
    assert_eq!(evidence["waivers"], serde_json::json!(["w1"]));
    assert_eq!(evidence["health"]["status"], "warn", "what was overlooked stays visible");
    let refusal = play.go("go_live", "anna").expect_err("each gate needs a waiver of its own");
    assert_eq!(codes(refusal), ["condition_not_met", "probe_not_passed"]);
}

#[test]
fn nobody_grants_a_waiver_of_their_own() {
    let mut play = Play::ready(DEFAULT);
    play.check("warn");
    play.propose("w1", "go_no_go", "anna", DAY).expect("a probe warns");
    for alone in ["anna", " Anna", "ANNA"] {
        let refusal = play.grant("w1", "go_no_go", alone).expect_err("the same person");
        assert_eq!(codes(refusal), ["second_person_needed"], "{alone}");
    }
    let refusal = play.go("go_no_go", "anna").expect_err("nobody has agreed");
    let expected = ["needs_open", "condition_not_met", "probe_not_passed", "waiver_not_granted"];
    assert_eq!(codes(refusal), expected);
}

#[test]
fn whoever_granted_it_does_not_say_go_on_it() {
    let mut play = Play::waived();
    assert_eq!(codes(play.go("go_no_go", "bo").expect_err("the granter")), ["second_person_needed"]);
    // On a pass there is no exception to use.
    play.check("pass");
    play.go("go_no_go", "bo").expect("nothing is overlooked");
}

#[test]
fn a_grant_needs_the_capability() {
    let mut play = Play::ready(DEFAULT);
    play.check("warn");
    play.propose("w1", "go_no_go", "anna", DAY).expect("a probe warns");
    let grant = Command::GrantWaiver {
        step: "go_no_go".to_owned(),
        waiver: "w1".to_owned(),
        actor: "bo".to_owned(),
        capabilities: vec!["onboarding:write".to_owned()],
    };
    assert_eq!(play.run(&grant), Err(Refusal::Forbidden { capability: "gate:approve".to_owned() }));
}

#[test]
fn failures_broken_probes_and_passes_are_not_waived() {
    for (status, code) in [("fail", "nothing_to_waive"), ("pass", "nothing_to_waive")] {
        let mut play = Play::ready(DEFAULT);
        play.check(status);
        let refusal = play.propose("w1", "go_no_go", "anna", DAY).expect_err("nothing warns");
        assert_eq!(codes(refusal), [code], "{status}");
    }
    let mut play = Play::ready(DEFAULT);
    play.check("fail");
    let named = WaiverProposal {
        id: "w1".to_owned(),
        step: "go_no_go".to_owned(),
        probes: ["sample_transaction", "sample_login", "no_such_probe"].map(str::to_owned).to_vec(),
        reason: "because".to_owned(),
        expires_at: at(play.now + DAY),
        actor: "anna".to_owned(),
    };
    let Err(Refusal::Conflict(reasons)) = play.run(&Command::ProposeWaiver(named)) else { panic!("nothing warns") };
    let told: Vec<_> = reasons.iter().map(|reason| (reason.probe.as_deref(), reason.status.as_deref())).collect();
    let expected = [
        (Some("no_such_probe"), None),
        (Some("sample_login"), Some("pass")),
        (Some("sample_transaction"), Some("fail")),
    ];
    assert_eq!(told, expected);
    assert!(reasons[2].age_seconds.is_some());
}

#[test]
fn a_waiver_says_why_and_how_long() {
    let mut play = Play::ready(DEFAULT);
    play.check("warn");
    for ends_in in [-DAY, 0, 31 * DAY] {
        let refusal = play.propose("w1", "go_no_go", "anna", ends_in).expect_err("no sensible end");
        assert_eq!(codes(refusal), ["waiver_expiry"], "{ends_in}");
    }
    assert_eq!(codes(play.propose("w1", "contract", "anna", DAY).expect_err("no gate")), ["not_a_gate"]);
    play.propose("w1", "go_no_go", "anna", DAY).expect("a probe warns");
    assert_eq!(codes(play.propose("w2", "go_no_go", "bo", DAY).expect_err("there is one")), ["waiver_open"]);
    assert!(matches!(play.grant("w2", "go_no_go", "bo"), Err(Refusal::UnknownWaiver { .. })));
}

#[test]
fn its_end_closes_the_gate_and_is_noted() {
    let mut play = Play::waived();
    play.go("go_no_go", "anna").expect("two people agreed");
    play.now += 2 * DAY;
    assert_eq!(play.state_of(0), WaiverState::Expired, "the clock decides before anybody has noted it");
    let events = play.run(&Command::TimeElapsed).expect("never refused");
    assert!(closes(&events, "go_no_go"), "{events:?}");
    assert_eq!(play.state_of(0), WaiverState::Expired);
    let refusal = play.go("go_no_go", "anna").expect_err("its time is over");
    assert_eq!(codes(refusal), ["condition_not_met", "probe_not_passed", "waiver_expired"]);
    assert_eq!(codes(play.grant("w1", "go_no_go", "bo").expect_err("its time is over")), ["waiver_ended"]);
    play.propose("w2", "go_no_go", "anna", DAY).expect("the old one is shown and in nobody's way");
    assert_eq!(play.state.waivers.len(), 2);
}

#[test]
fn the_end_of_a_waiver_that_nothing_rests_on_closes_nothing() {
    let mut play = Play::waived();
    play.check("pass");
    play.go("go_no_go", "bo").expect("a pass");
    play.now += 20 * DAY;
    let events = play.run(&Command::TimeElapsed).expect("never refused");
    assert!(matches!(&events[..], [Event::WaiverExpired { .. }]), "{events:?}");
}

#[test]
fn taking_back_what_nothing_rests_on_closes_nothing() {
    let mut play = Play::ready(DEFAULT);
    play.check("warn");
    play.propose("w1", "go_live", "anna", 20 * DAY).expect("a probe warns");
    play.check("pass");
    play.go("go_no_go", "bo").expect("on a real pass");
    // It has grown too old for a new go, and nobody has looked since.
    play.now += 9 * DAY;
    let events = play.withdraw("w1", "go_live", "anna").expect("it was proposed");
    assert!(!closes(&events, "go_no_go"), "{events:?}");
}

#[test]
fn taking_it_back_closes_the_gate() {
    let mut play = Play::waived();
    play.go("go_no_go", "anna").expect("two people agreed");
    let events = play.withdraw("w1", "go_no_go", "bo").expect("it is in force");
    assert!(closes(&events, "go_no_go"), "{events:?}");
    assert_eq!(play.state_of(0), WaiverState::Withdrawn);
    assert_eq!(play.withdraw("w1", "go_no_go", "anna"), Ok(Vec::new()), "it is so already");
}

#[test]
fn a_waived_gate_closes_on_a_failure_and_not_on_the_same_warning() {
    let mut play = Play::waived();
    play.go("go_no_go", "anna").expect("two people agreed");
    assert_eq!(play.check("warn"), []);
    let events = play.check("fail");
    assert!(closes(&events, "go_no_go"), "{events:?}");
}

#[test]
fn beside_a_broken_probe_nothing_is_overlooked() {
    let mut play = Play::waived();
    let mut broken = health("warn", play.now, play.facts.tenant.generation);
    "fail".clone_into(&mut broken.status);
    "error".clone_into(&mut broken.probes[0].status);
    play.facts.health = Some(broken);
    let Err(Refusal::Conflict(reasons)) = play.go("go_no_go", "anna") else { panic!("a probe broke") };
    let told: Vec<_> =
        reasons.iter().filter_map(|reason| reason.probe.as_deref().zip(reason.status.as_deref())).collect();
    assert_eq!(told, [("sample_login", "error"), ("sample_transaction", "warn")]);
}

#[test]
fn stale_evidence_is_not_waived() {
    let mut play = Play::waived();
    play.facts.tenant.generation += 1;
    let refusal = play.go("go_no_go", "anna").expect_err("the tenant was changed");
    let Refusal::Conflict(reasons) = refusal else { panic!("a conflict") };
    let conditions: Vec<_> = reasons.iter().filter_map(|reason| reason.condition.as_deref()).collect();
    assert_eq!(conditions, ["health_newer_than_last_change"]);
    assert_eq!(reasons.len(), 1, "what is waived stands in nobody's way: {reasons:?}");
}

#[derive(Debug, Clone)]
enum Move {
    Check(&'static str),
    Broken,
    Reconfigure,
    Propose(bool, usize, i64),
    Grant(bool, usize),
    Withdraw(bool, usize),
    Go(bool, usize),
    Elapse,
    Wait(i64),
}

fn moves() -> impl Strategy<Value = Move> {
    let who = 0..PEOPLE.len();
    prop_oneof![
        4 => prop_oneof![2 => Just("warn"), 1 => Just("pass"), 1 => Just("fail")].prop_map(Move::Check),
        1 => Just(Move::Broken),
        1 => Just(Move::Reconfigure),
        4 => (any::<bool>(), who.clone(), 1i64..3 * DAY).prop_map(|(live, who, ends)| Move::Propose(live, who, ends)),
        5 => (any::<bool>(), who.clone()).prop_map(|(live, who)| Move::Grant(live, who)),
        1 => (any::<bool>(), who.clone()).prop_map(|(live, who)| Move::Withdraw(live, who)),
        5 => (any::<bool>(), who).prop_map(|(live, who)| Move::Go(live, who)),
        1 => Just(Move::Elapse),
        2 => (1i64..2 * DAY).prop_map(Move::Wait),
    ]
}

fn gate(live: bool) -> &'static str {
    if live { "go_live" } else { "go_no_go" }
}

fn person(name: &str) -> String {
    name.trim().to_lowercase()
}

/// Judges an opened gate by the evidence itself, without the code that opened it.
fn assert_earned(play: &Play, before: &Checklist, gate: &str, actor: &str) -> Result<(), TestCaseError> {
    let now = at(play.now);
    let health = play.facts.health.as_ref().expect("a gate opens on a health check");
    prop_assert_eq!(health.generation, play.facts.tenant.generation, "stale");
    let most = if gate == "go_live" { DAY } else { 7 * DAY };
    prop_assert!((now - health.checked_at).num_seconds() <= most, "too old");
    for probe in &health.probes {
        match probe.status.as_str() {
            "pass" => {}
            "warn" => {
                let covers = |waiver: &&super::Waiver| {
                    let granter = waiver.granted_by.as_deref().map(person);
                    waiver.step == gate
                        && waiver.probes.contains(&probe.probe)
                        && waiver.withdrawn_at.is_none()
                        && waiver.expires_at > now
                        && granter
                            .as_ref()
                            .is_some_and(|granter| *granter != person(&waiver.proposed_by) && *granter != person(actor))
                };
                prop_assert!(before.waivers.iter().any(|waiver| covers(&waiver)), "{} opened alone", gate);
            }
            other => prop_assert!(false, "{} opened on {}", gate, other),
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_sequence_opens_a_gate_that_was_not_earned(sequence in prop::collection::vec(moves(), 1..60)) {
        let mut play = Play::ready(DEFAULT);
        for (place, step) in sequence.into_iter().enumerate() {
            let before = play.state.clone();
            let newest = |live: bool| {
                let of_gate = before.waivers.iter().rev().find(|waiver| waiver.step == gate(live));
                of_gate.map_or_else(|| "none".to_owned(), |waiver| waiver.id.clone())
            };
            let mut actor = "";
            let outcome = match step {
                Move::Check(status) => Ok(play.check(status)),
                Move::Broken => {
                    let mut broken = health("fail", play.now + 30, play.facts.tenant.generation);
                    "error".clone_into(&mut broken.probes[1].status);
                    play.facts.health = Some(broken);
                    play.run(&Command::EvidenceChanged)
                }
                Move::Reconfigure => {
                    play.facts.tenant.generation += 1;
                    play.run(&Command::EvidenceChanged)
                }
                Move::Propose(live, who, ends) => play.propose(&format!("w{place}"), gate(live), PEOPLE[who], ends),
                Move::Grant(live, who) => play.grant(&newest(live), gate(live), PEOPLE[who]),
                Move::Withdraw(live, who) => play.withdraw(&newest(live), gate(live), PEOPLE[who]),
                Move::Go(live, who) => {
                    actor = PEOPLE[who];
                    play.go(gate(live), actor)
                }
                Move::Elapse => play.run(&Command::TimeElapsed),
                Move::Wait(seconds) => {
                    play.now += seconds;
                    continue;
                }
            };
            let Ok(events) = outcome else {
                prop_assert_eq!(&before, &play.state, "a refusal changes nothing");
                continue;
            };
            for event in &events {
                if let Event::StepCompleted { step, .. } = event
                    && ["go_no_go", "go_live"].contains(&step.as_str())
                {
                    assert_earned(&play, &before, step, actor)?;
                }
                let stored = Event::from_log(event.kind(), &event.payload());
                prop_assert_eq!(stored.as_ref(), Some(event));
            }
            prop_assert!(play.state.waivers.len() >= before.waivers.len(), "waivers are shown for ever");
            let ended: Option<DateTime<Utc>> = play.state.waivers.iter().filter_map(|waiver| waiver.expired_at).max();
            prop_assert!(ended.is_none_or(|ended| ended <= at(play.now)));
        }
    }
}
