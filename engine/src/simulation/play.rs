//! One onboarding in virtual time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::chance::Chance;
use super::script::{Outcome, Script, StepScript};
use crate::checklist::{Checklist, Command, Event, Reason, Refusal, StepPatch, StepStatus, decide, open};
use crate::definition::{Definition, StepDefinition, StepJobName, StepJobStart, StepKind};
use crate::facts::{Facts, HealthFact, ProbeFact, TenantFact};
use crate::job::JobKind;

/// Who does what people do.
const SOMEBODY: &str = "somebody";
/// How long a step takes about which neither definition nor script says anything.
const USUAL: Duration = Duration::from_hours(24);
/// How long probes run.
const CHECKING: Duration = Duration::from_mins(1);
/// How long after a refusal somebody has had a look and tries again.
const ANOTHER_LOOK: Duration = Duration::from_hours(1);
/// How often a manual step is blocked for a while.
const BLOCKED_SHARE: f64 = 0.15;
/// How often an import has no rejected row, and a health check no failure or no warning either.
const CLEAN_SHARE: f64 = 0.7;
const PASS_SHARE: f64 = 0.7;
const WARN_SHARE: f64 = 0.9;
/// More acts than any sound onboarding takes: beyond them it goes round in circles.
const MOST_ACTS: usize = 2_000;
/// After so many refusals in a row nobody tries again.
const MOST_REFUSALS: u32 = 20;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Moment {
    /// When.
    pub at: DateTime<Utc>,
    /// The kind of an event, or `import_loaded`, `import_rejected`, `health_checked`, `command_ended` or `refused`.
    pub kind: String,
    /// The step that it is about, if any.
    pub step: Option<String>,
    /// Who, why, or until when.
    pub detail: Option<String>,
}

/// A whole onboarding.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Played {
    /// When it began.
    pub opened_at: DateTime<Utc>,
    /// When the step was completed that makes a tenant live.
    pub live_at: Option<DateTime<Utc>>,
    /// When every step was closed; absent where that never came.
    pub completed_at: Option<DateTime<Utc>>,
    /// In order of time.
    pub history: Vec<Moment>,
    /// Why it did not end, where it did not.
    pub stuck: Option<String>,
    /// Where it stands at its end.
    #[serde(skip)]
    pub checklist: Option<Checklist>,
}

/// Plays an onboarding from `start` to its end, or until nothing moves it any more.
#[must_use]
pub fn play(definition: &Definition, script: &Script, seed: u64, start: DateTime<Utc>) -> Played {
    let tenant = TenantFact {
        id: "simulated".to_owned(),
        country: script.tenant.country.clone(),
        kind: script.tenant.kind.clone(),
        ..TenantFact::default()
    };
    let facts = Facts { tenant, ..Facts::default() };
    let events = open(definition, &facts, "simulated", 1, None, start);
    let opened = events.first().and_then(|event| Checklist::opened("simulated", "simulated", start, event));
    let Some(state) = opened else {
        let stuck = Some("the definition could not be opened".to_owned());
        return Played {
            opened_at: start,
            live_at: None,
            completed_at: None,
            history: Vec::new(),
            stuck,
            checklist: None,
        };
    };
    let capabilities = definition.steps.iter().filter_map(|step| Some(step.gate.as_ref()?.approval.clone())).collect();
    let mut playing = Stage {
        definition,
        script,
        chance: Chance(seed),
        capabilities,
        now: start,
        state,
        facts,
        agenda: BTreeMap::new(),
        acts: 0,
        planned: BTreeSet::new(),
        rounds: BTreeMap::new(),
        checks: 0,
        live_at: None,
        history: Vec::new(),
        refused: None,
        refusals: 0,
    };
    let mut events = events.into_iter();
    if let Some(opening) = events.next() {
        playing.remember(&opening);
    }
    for event in events {
        playing.take(&event);
    }
    playing.plan();
    playing.run()
}

/// What somebody or something is about to do.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Act {
    /// A person takes the step.
    Take(String),
    /// The step begins to wait.
    Block(String),
    /// It waits no longer.
    Unblock(String),
    /// The work on the step ends, one way or the other.
    End(String),
    /// Somebody runs the probes, since a gate asks for it.
    Check,
    /// Somebody imports a file, since a gate asks for something that is no health.
    Import,
    /// A timer's time has come.
    Elapse,
}

struct Stage<'a> {
    definition: &'a Definition,
    script: &'a Script,
    chance: Chance,
    capabilities: Vec<String>,
    now: DateTime<Utc>,
    state: Checklist,
    facts: Facts,
    /// What is to come; the number keeps acts of one time in the order in which they were planned.
    agenda: BTreeMap<(DateTime<Utc>, usize), Act>,
    /// Acts that were ever planned.
    acts: usize,
    /// Steps whose end is on the agenda.
    planned: BTreeSet<String>,
    /// How often the work on a step has been planned.
    rounds: BTreeMap<String, u32>,
    checks: u32,
    live_at: Option<DateTime<Utc>>,
    history: Vec<Moment>,
    refused: Option<Vec<Reason>>,
    /// Refusals since a step was last closed.
    refusals: u32,
}

impl Stage<'_> {
    fn run(mut self) -> Played {
        let opened_at = self.state.opened_at;
        while let Some(((at, _), act)) = self.agenda.pop_first() {
            self.now = at;
            self.carry_out(&act);
            self.plan();
            if self.acts > MOST_ACTS || self.refusals > MOST_REFUSALS || self.state.completed_at.is_some() {
                break;
            }
        }
        let stuck = self.state.completed_at.is_none().then(|| self.why_stuck());
        Played {
            opened_at,
            live_at: self.live_at,
            completed_at: self.state.completed_at,
            history: self.history,
            stuck,
            checklist: Some(self.state),
        }
    }

    fn why_stuck(&self) -> String {
        let step = self.state.current_step().map_or("no step", |step| step.id.as_str());
        match self.refused.as_ref().and_then(|reasons| reasons.first()) {
            Some(reason) => format!("`{step}` does not end: {}", reason.message),
            None => format!("`{step}` does not end: its work is repeated again and again with the same outcome"),
        }
    }

    fn later(&mut self, by: Duration, act: Act) {
        let by = TimeDelta::from_std(by).unwrap_or(TimeDelta::MAX);
        let at = self.now.checked_add_signed(by).unwrap_or(DateTime::<Utc>::MAX_UTC);
        self.agenda.insert((at, self.acts), act);
        self.acts += 1;
    }

    /// Puts on the agenda what can be worked on and is not yet.
    fn plan(&mut self) {
        let definition = self.definition;
        for step in &definition.steps {
            // A timer ends by itself, unless it is left out.
            let by_itself = step.kind == StepKind::Timer && !self.said(&step.id).outcomes.contains(&Outcome::Skipped);
            if !by_itself && !self.planned.contains(&step.id) && self.is_workable(step) {
                self.plan_step(step);
            }
        }
    }

    fn is_workable(&self, step: &StepDefinition) -> bool {
        let closed = |id: &str| self.state.step(id).is_some_and(|step| step.status.is_closed());
        !closed(&step.id) && step.needs.iter().all(|need| closed(need))
    }

    fn said(&self, step: &str) -> StepScript {
        self.script.steps.get(step).cloned().unwrap_or_default()
    }

    fn plan_step(&mut self, step: &StepDefinition) {
        let nth = {
            let rounds = self.rounds.entry(step.id.clone()).or_default();
            *rounds += 1;
            *rounds - 1
        };
        let said = self.said(&step.id);
        let usual = usual(self.definition, step);
        let by_itself = step.job.as_ref().is_some_and(|job| job.start == StepJobStart::WhenEnabled);
        let takes = match said.takes {
            Some(takes) => takes.max(CHECKING),
            None if by_itself && nth == 0 => CHECKING,
            None if step.kind == StepKind::Gate && nth > 0 => ANOTHER_LOOK,
            None => self.chance.around(usual, &step.id, "takes", nth),
        };
        let blocked = match said.blocked {
            Some(blocked) => blocked,
            None if self.chance.share(&step.id, "blocked", nth) < BLOCKED_SHARE => {
                self.chance.around(usual / 2, &step.id, "blocked_for", nth)
            }
            None => Duration::ZERO,
        };
        let waits = step.kind == StepKind::Manual && nth == 0 && !blocked.is_zero();
        self.planned.insert(step.id.clone());
        if !by_itself && step.kind != StepKind::Timer {
            self.later(Duration::ZERO, Act::Take(step.id.clone()));
        }
        if waits {
            self.later(takes / 2, Act::Block(step.id.clone()));
            self.later(takes / 2 + blocked, Act::Unblock(step.id.clone()));
        }
        self.later(if waits { takes + blocked } else { takes }, Act::End(step.id.clone()));
    }

    fn carry_out(&mut self, act: &Act) {
        match act {
            Act::Take(step) => {
                let untaken = self.state.step(step).is_some_and(|step| step.assignee.is_none());
                if untaken {
                    let assignee = Some(Some(SOMEBODY.to_owned()));
                    self.patch(step, StepPatch { assignee, ..StepPatch::default() });
                }
            }
            Act::Block(step) => {
                let blocking_reason = Some(Some("waiting for an answer".to_owned()));
                self.patch(step, StepPatch { blocking_reason, ..StepPatch::default() });
            }
            Act::Unblock(step) => {
                self.patch(step, StepPatch { blocking_reason: Some(None), ..StepPatch::default() });
            }
            Act::End(step) => self.end(step),
            Act::Check => {
                let step = self.definition.steps.iter().find(|step| is_check(step));
                let outcome = match step {
                    Some(step) => self.outcome(step),
                    None => self.drawn_check("check", self.checks),
                };
                self.check(None, outcome);
            }
            Act::Import => self.import(None, true),
            Act::Elapse => self.decide(&Command::TimeElapsed, None),
        }
    }

    fn end(&mut self, id: &str) {
        self.planned.remove(id);
        let Some(step) = self.definition.step(id) else { return };
        let open = self.state.step(id).is_some_and(|step| !step.status.is_closed());
        if !open {
            return;
        }
        match self.outcome(step) {
            Outcome::Skipped => {
                let reason = Some("left out by the script".to_owned());
                self.patch(id, StepPatch { status: Some(StepStatus::Skipped), reason, ..StepPatch::default() });
            }
            Outcome::Done if step.kind == StepKind::Job => {
                self.facts.commands.insert(id.to_owned(), self.now);
                self.note("command_ended", Some(id), None);
                self.decide(&Command::EvidenceChanged, Some(id));
            }
            Outcome::Done => {
                self.patch(id, StepPatch { status: Some(StepStatus::Done), ..StepPatch::default() });
            }
            outcome @ (Outcome::Loaded | Outcome::Rejected) => {
                self.import(Some(id), outcome == Outcome::Loaded);
            }
            outcome @ (Outcome::Pass | Outcome::Warn | Outcome::Fail) => self.check(Some(id), outcome),
        }
    }

    /// How this round of work on a step ends.
    fn outcome(&self, step: &StepDefinition) -> Outcome {
        let nth = self.rounds.get(&step.id).map_or(0, |rounds| rounds.saturating_sub(1));
        let said = self.said(&step.id).outcomes;
        let index = usize::try_from(nth).unwrap_or(usize::MAX);
        if let Some(outcome) = said.get(index).or(said.last()) {
            return *outcome;
        }
        match (step.kind, step.job.as_ref().map(|job| job.name)) {
            (StepKind::Job, Some(StepJobName::Import)) => {
                let clean = self.chance.share(&step.id, "outcome", nth) < CLEAN_SHARE;
                if clean { Outcome::Loaded } else { Outcome::Rejected }
            }
            (StepKind::Job, Some(StepJobName::HealthCheck)) => self.drawn_check(&step.id, self.checks),
            _ => Outcome::Done,
        }
    }

    fn drawn_check(&self, step: &str, nth: u32) -> Outcome {
        let share = self.chance.share(step, "check", nth);
        if share < PASS_SHARE {
            Outcome::Pass
        } else if share < WARN_SHARE {
            Outcome::Warn
        } else {
            Outcome::Fail
        }
    }

    fn import(&mut self, step: Option<&str>, clean: bool) {
        let imports = &mut self.facts.imports;
        imports.completed += 1;
        if clean {
            imports.clean += 1;
            imports.last_clean_at = Some(self.now);
        }
        self.facts.tenant.generation += 1;
        self.note(if clean { "import_loaded" } else { "import_rejected" }, step, None);
        self.decide(&Command::EvidenceChanged, step);
    }

    fn check(&mut self, step: Option<&str>, outcome: Outcome) {
        self.checks += 1;
        let status = match outcome {
            Outcome::Warn => "warn",
            Outcome::Fail => "fail",
            _ => "pass",
        };
        // The first probe is the one that complains.
        let probes = self.definition.probes.iter().enumerate().map(|(place, probe)| ProbeFact {
            probe: probe.clone(),
            status: if place == 0 { status } else { "pass" }.to_owned(),
            message: "simulated".to_owned(),
        });
        self.facts.health = Some(HealthFact {
            check_id: format!("check {}", self.checks),
            status: status.to_owned(),
            checked_at: self.now,
            generation: self.facts.tenant.generation,
            probes: probes.collect(),
        });
        self.note("health_checked", step, Some(status.to_owned()));
        self.decide(&Command::EvidenceChanged, step);
    }

    fn patch(&mut self, step: &str, patch: StepPatch) {
        let command = Command::PatchStep {
            step: step.to_owned(),
            patch,
            expected_revisions: None,
            actor: SOMEBODY.to_owned(),
            capabilities: self.capabilities.clone(),
        };
        self.decide(&command, Some(step));
    }

    fn decide(&mut self, command: &Command, step: Option<&str>) {
        match decide(self.definition, &self.state, &self.facts, command, self.now) {
            Ok(events) => {
                self.refused = None;
                for event in &events {
                    self.take(event);
                }
            }
            Err(refusal) => self.refuse(step, refusal),
        }
    }

    /// A person who is refused sees to what is missing: the probes are run, and then it is tried again. A step that has to
    /// wait for others again is left until its time comes.
    fn refuse(&mut self, step: Option<&str>, refusal: Refusal) {
        let told = refusal.to_string();
        let reasons = match refusal {
            Refusal::Contradiction(reasons) | Refusal::Conflict(reasons) => reasons,
            _ => Vec::new(),
        };
        let detail = if reasons.is_empty() {
            told
        } else {
            reasons.iter().map(|reason| reason.message.as_str()).collect::<Vec<_>>().join(" ")
        };
        self.note("refused", step, Some(detail));
        // A condition that says nothing of health is about imports: those are the evidence that people bring.
        let wants_import = reasons.iter().any(|reason| reason.code == "condition_not_met" && reason.status.is_none());
        self.refused = Some(reasons);
        self.refusals += 1;
        let again = step.filter(|id| self.definition.step(id).is_some_and(|step| self.is_workable(step)));
        if let Some(step) = again {
            self.later(ANOTHER_LOOK, if wants_import { Act::Import } else { Act::Check });
            self.planned.insert(step.to_owned());
            self.later(ANOTHER_LOOK + CHECKING, Act::End(step.to_owned()));
        }
    }

    fn take(&mut self, event: &Event) {
        self.state.apply(self.now, event);
        self.remember(event);
        match event {
            Event::JobRequested(request) if request.job == JobKind::Timer => {
                let wait = (request.run_at - self.now).to_std().unwrap_or_default();
                self.later(wait, Act::Elapse);
            }
            Event::StepCompleted { step, .. } => {
                self.refusals = 0;
                if Some(step.as_str()) == self.definition.live_step() {
                    self.live_at = Some(self.now);
                }
            }
            _ => {}
        }
    }

    fn remember(&mut self, event: &Event) {
        let payload = event.payload();
        let text = |name: &str| payload.get(name).and_then(|value| value.as_str()).map(str::to_owned);
        let reasons = match event {
            Event::GateClosed { reasons, .. } => reasons.first().map(|reason| reason.message.clone()),
            _ => None,
        };
        let detail = ["reason", "assignee", "due_at", "target_go_live", "job"].into_iter().find_map(text).or(reasons);
        let (kind, step) = (event.kind(), text("step"));
        self.note(kind, step.as_deref(), detail);
    }

    fn note(&mut self, kind: &str, step: Option<&str>, detail: Option<String>) {
        let (kind, step) = (kind.to_owned(), step.map(str::to_owned));
        self.history.push(Moment { at: self.now, kind, step, detail });
    }
}

fn is_check(step: &StepDefinition) -> bool {
    step.job.as_ref().is_some_and(|job| job.name == StepJobName::HealthCheck)
}

/// The time that a step's due date leaves for it beyond those of the steps that it needs.
fn usual(definition: &Definition, step: &StepDefinition) -> Duration {
    let Some(due) = &step.due else { return USUAL };
    if due.of.is_some() {
        return due.within;
    }
    let from_opening = |id: &String| {
        let due = definition.step(id)?.due.as_ref()?;
        due.of.is_none().then_some(due.within)
    };
    let before = step.needs.iter().filter_map(from_opening).max().unwrap_or_default();
    due.within.saturating_sub(before).max(Duration::from_hours(1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::definition::{Known, load};

    const START: DateTime<Utc> = DateTime::<Utc>::UNIX_EPOCH;

    fn shipped() -> Definition {
        let text = include_str!("../../../workflows/tenant-onboarding.yaml");
        load("tenant-onboarding.yaml", text, &Known::default()).expect("it ships").definition
    }

    fn script(text: &str) -> Script {
        Script::load("a.yaml", text, &shipped()).expect("it is sound")
    }

    fn kinds(played: &Played, step: &str) -> Vec<String> {
        let of_step = played.history.iter().filter(|moment| moment.step.as_deref() == Some(step));
        of_step.map(|moment| moment.kind.clone()).collect()
    }

    #[test]
    fn a_warning_is_looked_into_before_the_dry_run_is_done() {
        let script = script(
            "steps:\n  contract: { takes: 1d, blocked: 2d }\n  import_data: { takes: 3d, outcomes: [rejected, loaded] }\n  dry_run: { takes: 1d, outcomes: [warn, pass] }\n  go_live: { takes: 3d }\n",
        );
        let played = play(&shipped(), &script, 1, START);
        assert_eq!(played.stuck, None);
        assert_eq!(
            kinds(&played, "contract"),
            ["step_assigned", "step_started", "step_blocked", "step_unblocked", "step_completed"]
        );
        let checked: Vec<_> = kinds(&played, "dry_run").into_iter().filter(|kind| kind.starts_with("health")).collect();
        assert_eq!(checked.len(), 2, "{:#?}", played.history);
        let imported = kinds(&played, "import_data");
        assert!(imported.contains(&"import_rejected".to_owned()) && imported.contains(&"import_loaded".to_owned()));
        // Three days after the check the evidence is too old for going live.
        assert!(kinds(&played, "go_live").contains(&"refused".to_owned()), "{:#?}", played.history);
        assert_eq!(played.live_at, played.completed_at);
    }

    #[test]
    fn what_cannot_end_is_said_to_be_stuck() {
        let played = play(&shipped(), &script("steps:\n  dry_run: { outcomes: [fail] }\n"), 1, START);
        assert_eq!(played.completed_at, None);
        assert!(played.stuck.is_some_and(|why| why.contains("dry_run")));
    }

    #[test]
    fn a_gate_over_imports_gets_them() {
        let text = include_str!("../../../docs/examples/venue-chain.yaml");
        let definition = load("venue-chain.yaml", text, &Known::default()).expect("it is sound").definition;
        let script = Script::load("a.yaml", "tenant: { kind: venue }\n", &definition).expect("it is sound");
        let played = play(&definition, &script, 3, START);
        assert!(played.history.iter().filter(|moment| moment.kind == "import_loaded").count() >= 2);
        assert!(kinds(&played, "data").contains(&"step_completed".to_owned()), "{:#?}", played.history);
        assert_eq!(played.stuck, None);
        // Its last gate asks for a venue, and a simulated tenant is of no kind unless somebody says so.
        let played = play(&definition, &Script::default(), 3, START);
        assert!(played.stuck.is_some_and(|why| why.contains("doors_open")));
    }

    #[test]
    fn a_step_can_be_left_out() {
        let played = play(&shipped(), &script("steps:\n  train_admins: { outcomes: [skipped] }\n"), 5, START);
        assert!(kinds(&played, "train_admins").contains(&"step_skipped".to_owned()));
        assert_eq!(played.stuck, None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn every_seed_plays_to_the_end_and_plays_the_same(seed: u64) {
            let played = play(&shipped(), &Script::default(), seed, START);
            prop_assert_eq!(&played.stuck, &None);
            prop_assert!(played.history.is_sorted_by_key(|moment| moment.at));
            prop_assert_eq!(&played, &play(&shipped(), &Script::default(), seed, START));
        }
    }
}
