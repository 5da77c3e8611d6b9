//! The rules of steps and gates: checklist, evidence, command and time in; events or a refusal out.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::event::{Event, JobRequest, OpenedStep};
use super::refusal::{Reason, Refusal};
use super::state::{Checklist, Step, StepStatus};
use super::waiver::{Waiver, WaiverProposal};
use crate::definition::{Definition, Gate, StepDefinition, StepJobName, StepJobStart, StepKind, condition};
use crate::facts::Facts;
use crate::job::JobKind;
use crate::precision::to_micros;

/// What is asked of a checklist.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// A person edits a step.
    PatchStep {
        /// Step id.
        step: String,
        /// What changes.
        patch: StepPatch,
        /// The revisions that the change was made for, any of which will do; any at all where absent.
        expected_revisions: Option<Vec<i64>>,
        /// Who edits it.
        actor: String,
        /// Capabilities of the actor.
        capabilities: Vec<String>,
    },
    /// A person asks to overlook a warning at a gate.
    ProposeWaiver(WaiverProposal),
    /// A second person agrees to a waiver.
    GrantWaiver {
        /// Step id of the gate.
        step: String,
        /// Id of the waiver.
        waiver: String,
        /// Who agrees.
        actor: String,
        /// Capabilities of the actor.
        capabilities: Vec<String>,
    },
    /// A person takes a waiver back.
    WithdrawWaiver {
        /// Step id of the gate.
        step: String,
        /// Id of the waiver.
        waiver: String,
        /// Who takes it back.
        actor: String,
        /// Why.
        reason: String,
    },
    /// The operator moves the checklist to the version of its workflow that the decision is made by.
    Migrate {
        /// Why.
        reason: String,
        /// Steps of both versions that something else completes now; see [`crate::definition::Change`].
        changed: Vec<String>,
    },
    /// What gates and jobs rest on has changed: health, imports or the tenant's configuration.
    EvidenceChanged,
    /// The time of some timer step, or the end of some waiver, may have come.
    TimeElapsed,
}

/// A JSON merge patch (RFC 7396) of a step: an absent member changes nothing, `null` clears.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepPatch {
    /// The status wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<StepStatus>,
    /// Who is responsible; empty text counts as `null`.
    #[serde(default, with = "clearable", skip_serializing_if = "Option::is_none")]
    pub assignee: Option<Option<String>>,
    /// Why the step waits; empty text counts as `null`.
    #[serde(default, with = "clearable", skip_serializing_if = "Option::is_none")]
    pub blocking_reason: Option<Option<String>>,
    /// When it should be done.
    #[serde(default, with = "clearable", skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Option<DateTime<Utc>>>,
    /// Added to the step's notes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Why a step is skipped or reopened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Tells an absent member from `null`, which serde folds into one by itself.
mod clearable {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[allow(clippy::option_option, reason = "absent, null and a value are three things in RFC 7396")]
    pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<Option<T>>, D::Error> {
        Option::<T>::deserialize(from).map(Some)
    }

    #[allow(clippy::option_option, clippy::ref_option, reason = "the signature serde asks for")]
    pub fn serialize<T: Serialize, S: Serializer>(value: &Option<Option<T>>, to: S) -> Result<S::Ok, S::Error> {
        value.as_ref().and_then(Option::as_ref).serialize(to)
    }
}

/// The events that open a checklist: the opening itself, then whatever it enables at once.
///
/// `ordinal` is 1 for the tenant's first checklist; `target` replaces the definition's target where given.
#[must_use]
pub fn open(
    definition: &Definition,
    facts: &Facts,
    id: &str,
    ordinal: i64,
    target: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Vec<Event> {
    let opened = Event::ChecklistOpened {
        ordinal,
        workflow: definition.name.clone(),
        version: definition.version,
        target_go_live: to_micros(target.unwrap_or(now + chrono::TimeDelta::days(i64::from(definition.target_days)))),
        steps: opened_steps(definition, now),
    };
    let Some(state) = Checklist::opened(id, &facts.tenant.id, now, &opened) else {
        return Vec::new();
    };
    let mut decision = Decision { definition, facts, now, state, events: vec![opened] };
    decision.settle(false);
    decision.events
}

/// The steps of a definition in a checklist that was opened at a time.
fn opened_steps(definition: &Definition, opened_at: DateTime<Utc>) -> Vec<OpenedStep> {
    let from_opening = |step: &StepDefinition| {
        let due = step.due.as_ref().filter(|due| due.of.is_none())?;
        Some(to_micros(later(opened_at, due.within)))
    };
    let opened = |step: &StepDefinition| OpenedStep {
        id: step.id.clone(),
        assignee: step.assignee.clone(),
        due_at: from_opening(step),
    };
    definition.steps.iter().map(opened).collect()
}

/// Decides a command. `Ok` with no events means that the command asks for what already is.
///
/// `definition` is the version that the checklist is on, but for [`Command::Migrate`], where it is the one that it moves to.
///
/// Invariants, proven by the property tests beside this module: a step is `blocked` exactly when it has a
/// reason; a closed step has `completed_at`; a gate becomes `done` only with every need closed and every
/// condition true, where a warning counts as a pass if two people have waived it; the checklist is complete exactly when
/// every step is closed; folding the events gives the state that the next decision starts from.
///
/// # Errors
/// A [`Refusal`]; nothing has changed then.
pub fn decide(
    definition: &Definition,
    checklist: &Checklist,
    facts: &Facts,
    command: &Command,
    now: DateTime<Utc>,
) -> Result<Vec<Event>, Refusal> {
    let mut decision = Decision { definition, facts, now, state: checklist.clone(), events: Vec::new() };
    let mut evidence_changed = decision.expire_waivers();
    match command {
        Command::PatchStep { step, patch, expected_revisions, actor, capabilities } => {
            let seen = checklist.step(step).map_or(0, |step| step.revision);
            decision.refuse_stale(step, seen, expected_revisions.as_deref())?;
            decision.patch(step, patch, actor, capabilities)?;
        }
        Command::ProposeWaiver(proposal) => decision.propose_waiver(proposal)?,
        Command::GrantWaiver { step, waiver, actor, capabilities } => {
            decision.grant_waiver(step, waiver, actor, capabilities)?;
        }
        Command::WithdrawWaiver { step, waiver, actor, reason } => {
            evidence_changed |= decision.withdraw_waiver(step, waiver, actor, reason)?;
        }
        Command::Migrate { reason, changed } => evidence_changed |= decision.migrate(reason, changed)?,
        Command::EvidenceChanged => evidence_changed = true,
        Command::TimeElapsed => {}
    }
    decision.settle(evidence_changed);
    Ok(decision.events)
}

/// A decision in the making: each event is applied as it is found, so that the next rule sees its effect.
pub(super) struct Decision<'a> {
    definition: &'a Definition,
    pub(super) facts: &'a Facts,
    pub(super) now: DateTime<Utc>,
    pub(super) state: Checklist,
    events: Vec<Event>,
}

impl Decision<'_> {
    pub(super) fn emit(&mut self, event: Event) {
        self.state.apply(self.now, &event);
        self.events.push(event);
    }

    pub(super) fn find(&self, id: &str) -> Result<(&Step, &StepDefinition), Refusal> {
        self.state.step(id).zip(self.definition.step(id)).ok_or_else(|| Refusal::UnknownStep {
            step: id.to_owned(),
            known: self.state.steps.iter().map(|step| step.id.clone()).collect(),
        })
    }

    /// Refuses a change that was made for another revision than the stored one.
    fn refuse_stale(&self, id: &str, stored: i64, expected: Option<&[i64]>) -> Result<(), Refusal> {
        self.find(id)?;
        match expected.filter(|expected| !expected.contains(&stored)) {
            Some(expected) => Err(Refusal::StaleRevision { expected: expected.to_vec(), actual: stored }),
            None => Ok(()),
        }
    }

    fn patch(&mut self, id: &str, patch: &StepPatch, actor: &str, capabilities: &[String]) -> Result<(), Refusal> {
        let (step, definition) = self.find(id)?;
        let (step, definition) = (step.clone(), definition.clone());
        let patch = Normalised::from(patch);
        patch.refuse_contradictions(&step)?;

        if let Some(assignee) = &patch.assignee
            && *assignee != step.assignee
        {
            self.emit(Event::StepAssigned { step: id.to_owned(), assignee: assignee.clone() });
        }
        // Naming somebody starts the step, unless the same patch leaves it out.
        let named = matches!(&patch.assignee, Some(Some(_)));
        if named && step.status == StepStatus::Pending && patch.status != Some(StepStatus::Skipped) {
            self.emit(Event::StepStarted { step: id.to_owned() });
        }
        if let Some(due_at) = patch.due_at
            && due_at != step.due_at
        {
            self.emit(Event::StepDueChanged { step: id.to_owned(), due_at });
        }
        if let Some(note) = &patch.note {
            self.emit(Event::StepNoted { step: id.to_owned(), note: note.clone() });
        }
        match &patch.blocking_reason {
            Some(Some(reason)) => self.block(id, reason)?,
            Some(None) => self.unblock(id),
            None => {}
        }
        match patch.status {
            Some(StepStatus::Done) => self.complete_by_hand(&definition, (actor, capabilities), patch.remark()),
            Some(StepStatus::Skipped) => self.skip(id, &definition, patch.reason.as_deref()),
            Some(StepStatus::InProgress) => self.resume(id, patch.reason.as_deref()),
            Some(StepStatus::Pending) => self.back_to_pending(id),
            // Blocking happened above, by its reason.
            Some(StepStatus::Blocked) | None => Ok(()),
        }
    }

    /// Whether anything was changed by it: all gates are judged by the new conditions then.
    fn migrate(&mut self, reason: &str, changed: &[String]) -> Result<bool, Refusal> {
        let (from, version) = (self.state.version, self.definition.version);
        let conflict = |code: &str, message: &str| Err(Refusal::Conflict(vec![Reason::new(code, message)]));
        if self.state.workflow != self.definition.name {
            return conflict(
                "another_workflow",
                "a checklist can be moved to another version of its own workflow only",
            );
        }
        if self.state.completed_at.is_some() {
            return conflict("checklist_complete", "a complete checklist stays on its version");
        }
        if reason.trim().is_empty() {
            return Err(Refusal::Contradiction(vec![Reason::new(
                "reason_required",
                "moving a checklist needs a `reason`",
            )]));
        }
        if from == version {
            return Ok(false);
        }
        let steps = opened_steps(self.definition, self.state.opened_at);
        let before = self.state.clone();
        let (reason, again) = (reason.trim().to_owned(), changed.to_vec());
        self.emit(Event::ChecklistMigrated { from, version, reason, again, steps });
        for definition in &self.definition.steps {
            // A gate cannot be skipped, and so none comes into being by that.
            if definition.kind == StepKind::Gate && self.status(&definition.id) == StepStatus::Skipped {
                let reason = "it was skipped, and is a gate in this version".to_owned();
                self.emit(Event::StepReopened { step: definition.id.clone(), reason });
            }
            // What a new step's due date counts from may be done already.
            let Some(due) = definition.due.as_ref().filter(|_| before.step(&definition.id).is_none()) else { continue };
            let done_at = due.of.as_deref().and_then(|of| self.state.step(of)?.completed_at);
            if let Some(done_at) = done_at {
                let due_at = Some(to_micros(later(done_at, due.within)));
                self.emit(Event::StepDueChanged { step: definition.id.clone(), due_at });
            }
        }
        Ok(true)
    }

    /// The step's status as this decision has made it so far.
    pub(super) fn status(&self, id: &str) -> StepStatus {
        self.state.step(id).map_or(StepStatus::Pending, |step| step.status)
    }

    fn block(&mut self, id: &str, reason: &str) -> Result<(), Refusal> {
        let status = self.status(id);
        if status.is_closed() {
            return Err(conflict("step_closed", id, status, "a closed step cannot be blocked; reopen it first"));
        }
        let same = self.state.step(id).and_then(|step| step.blocking_reason.as_deref()) == Some(reason);
        if !same {
            self.emit(Event::StepBlocked { step: id.to_owned(), reason: reason.to_owned() });
        }
        Ok(())
    }

    fn unblock(&mut self, id: &str) {
        if self.status(id) == StepStatus::Blocked {
            self.emit(Event::StepUnblocked { step: id.to_owned() });
        }
    }

    fn resume(&mut self, id: &str, reason: Option<&str>) -> Result<(), Refusal> {
        match self.status(id) {
            StepStatus::InProgress => {}
            StepStatus::Pending => self.emit(Event::StepStarted { step: id.to_owned() }),
            StepStatus::Blocked => {
                self.unblock(id);
                if self.status(id) == StepStatus::Pending {
                    self.emit(Event::StepStarted { step: id.to_owned() });
                }
            }
            StepStatus::Done | StepStatus::Skipped => {
                let reason = reason
                    .ok_or_else(|| contradiction("reason_required", id, "reopening a closed step needs a `reason`"))?;
                self.emit(Event::StepReopened { step: id.to_owned(), reason: reason.to_owned() });
            }
        }
        Ok(())
    }

    fn back_to_pending(&mut self, id: &str) -> Result<(), Refusal> {
        self.unblock(id);
        match self.status(id) {
            StepStatus::Pending => Ok(()),
            status => Err(conflict(
                "already_started",
                id,
                status,
                "a step that has started does not become pending again; use `in_progress`",
            )),
        }
    }

    fn skip(&mut self, id: &str, definition: &StepDefinition, reason: Option<&str>) -> Result<(), Refusal> {
        let status = self.status(id);
        if definition.kind == StepKind::Gate {
            return Err(conflict(
                "gate_cannot_be_skipped",
                id,
                status,
                "a gate is passed or not; it cannot be skipped",
            ));
        }
        match (status, reason) {
            (StepStatus::Skipped, _) => Ok(()),
            (StepStatus::Done, _) => {
                Err(conflict("step_closed", id, status, "the step is done; reopen it before skipping it"))
            }
            (_, None) => Err(contradiction("reason_required", id, "skipping a step needs a `reason`")),
            (_, Some(reason)) => {
                self.emit(Event::StepSkipped { step: id.to_owned(), reason: reason.to_owned() });
                Ok(())
            }
        }
    }

    fn complete_by_hand(
        &mut self,
        definition: &StepDefinition,
        (actor, capabilities): (&str, &[String]),
        remark: Option<&str>,
    ) -> Result<(), Refusal> {
        let id = definition.id.as_str();
        let status = self.status(id);
        match status {
            StepStatus::Done => return Ok(()),
            StepStatus::Skipped => {
                return Err(conflict(
                    "step_closed",
                    id,
                    status,
                    "the step was skipped; reopen it before completing it",
                ));
            }
            StepStatus::Pending | StepStatus::InProgress | StepStatus::Blocked => {}
        }
        let mut reasons = self.open_needs(definition);
        let mut evidence = None;
        match (definition.kind, &definition.gate) {
            (StepKind::Job, _) => reasons.push(
                Reason::new(
                    "completed_by_job",
                    "this step is completed by its job; skip it with a reason to leave it out",
                )
                .of_step(id, status),
            ),
            (StepKind::Timer, _) => reasons.push(
                Reason::new("completed_by_timer", "this step completes itself; skip it with a reason to leave it out")
                    .of_step(id, status),
            ),
            (StepKind::Gate, Some(gate)) => {
                if !capabilities.contains(&gate.approval) {
                    return Err(Refusal::Forbidden { capability: gate.approval.clone() });
                }
                reasons.extend(self.unmet(id, gate));
                let (_, waivers) = self.health_at(id);
                reasons.extend(Self::granted_by_the_same(&waivers, actor));
                evidence = Some(self.gate_evidence(gate, &waivers, remark));
            }
            (StepKind::Gate, None) | (StepKind::Manual, _) => {}
        }
        if !reasons.is_empty() {
            return Err(Refusal::Conflict(reasons));
        }
        self.complete(id, evidence);
        Ok(())
    }

    fn complete(&mut self, id: &str, evidence: Option<Value>) {
        if self.state.step(id).is_some_and(|step| step.started_at.is_none()) {
            self.emit(Event::StepStarted { step: id.to_owned() });
        }
        self.emit(Event::StepCompleted { step: id.to_owned(), evidence });
        // Due dates that count from this step begin now, where nobody has set another.
        for definition in &self.definition.steps {
            let Some(due) = definition.due.as_ref().filter(|due| due.of.as_deref() == Some(id)) else { continue };
            let open =
                self.state.step(&definition.id).is_some_and(|step| !step.status.is_closed() && step.due_at.is_none());
            if open {
                let due_at = Some(to_micros(later(self.now, due.within)));
                self.emit(Event::StepDueChanged { step: definition.id.clone(), due_at });
            }
        }
    }

    fn open_needs(&self, definition: &StepDefinition) -> Vec<Reason> {
        definition
            .needs
            .iter()
            .filter_map(|need| self.state.step(need))
            .filter(|need| !need.status.is_closed())
            .map(|need| {
                let title = self.definition.step(&need.id).map_or(need.id.as_str(), |step| step.title.as_str());
                Reason::new("needs_open", format!("“{title}” is still {}", need.status.as_str().replace('_', " ")))
                    .of_step(&need.id, need.status)
            })
            .collect()
    }

    /// The reasons for which a gate's conditions do not hold; none when they do.
    fn unmet(&self, id: &str, gate: &Gate) -> Vec<Reason> {
        let (health, _) = self.health_at(id);
        let variables = Facts { health: health.clone(), ..self.facts.clone() }.variables(self.now);
        let steps: serde_json::Map<String, Value> =
            self.state.steps.iter().map(|step| (step.id.clone(), json!({ "status": step.status }))).collect();
        let steps = Value::Object(steps);
        let health = health.as_ref();
        let mut reasons = Vec::new();
        let mut about_health = false;
        let expressions: Vec<&str> = gate.conditions.iter().map(|condition| condition.when.as_str()).collect();
        let verdicts = condition::evaluate(&expressions, &variables, &steps, self.now);
        let of_health = condition::look_at("health", &expressions);
        for ((required, verdict), of_health) in gate.conditions.iter().zip(verdicts).zip(of_health) {
            let broken = match verdict {
                Ok(true) => continue,
                Ok(false) => None,
                Err(error) => Some(error),
            };
            let unchecked = of_health && health.is_none();
            if unchecked && about_health {
                // Said once already; every condition about a check that never ran would only say the same.
                continue;
            }
            let message = match broken {
                _ if unchecked => "There has been no health check yet; run one.".to_owned(),
                None => required.otherwise.clone(),
                Some(error) => format!("{} (the condition could not be evaluated: {error})", required.otherwise),
            };
            let mut reason = Reason::new("condition_not_met", message);
            reason.condition = Some(required.id.clone());
            if of_health {
                about_health = true;
                reason.status = Some(health.map_or("none", |health| health.status.as_str()).to_owned());
                reason.checked_at = health.map(|health| health.checked_at);
                reason.age_seconds = health.map(|health| (self.now - health.checked_at).num_seconds());
            }
            reasons.push(reason);
        }
        if about_health {
            let failing = health.into_iter().flat_map(|health| {
                health.probes.iter().filter(|probe| probe.status != "pass").map(|probe| {
                    let mut reason = Reason::new("probe_not_passed", format!("{}: {}", probe.probe, probe.message));
                    reason.probe = Some(probe.probe.clone());
                    reason.status = Some(probe.status.clone());
                    reason.of_check(health, self.now)
                })
            });
            reasons.extend(failing);
            let warns = health.into_iter().flat_map(|health| &health.probes).filter(|probe| probe.status == "warn");
            let warning: Vec<&str> = warns.map(|probe| probe.probe.as_str()).collect();
            reasons.extend(self.idle_waivers(id, &warning));
        }
        reasons
    }

    fn gate_evidence(&self, gate: &Gate, waivers: &[&Waiver], remark: Option<&str>) -> Value {
        let mut evidence = json!({
            "conditions": gate.conditions.iter().map(|condition| &condition.id).collect::<Vec<_>>(),
            "health": self.facts.health,
            "remark": remark,
        });
        name_waivers(&mut evidence, waivers);
        evidence
    }

    /// Lets everything follow that follows by itself, until nothing does.
    ///
    /// Each round either emits an event or ends. A step completes here at most once per decision, since evidence
    /// from before its reopening does not count, so the loop ends; the bound is a second belt.
    fn settle(&mut self, evidence_changed: bool) {
        for _ in 0..=self.definition.steps.len() * 4 {
            let before = self.events.len();
            self.close_gates(evidence_changed);
            for step in &self.definition.steps {
                self.follow(step);
            }
            if self.events.len() == before {
                break;
            }
        }
        let all_closed = self.state.steps.iter().all(|step| step.status.is_closed());
        match (all_closed, self.state.completed_at) {
            (true, None) => self.emit(Event::ChecklistCompleted),
            (false, Some(_)) => self.emit(Event::ChecklistReopened),
            _ => {}
        }
    }

    /// Closes gates that were passed on evidence which no longer holds, as long as nothing was done behind them.
    fn close_gates(&mut self, evidence_changed: bool) {
        for definition in &self.definition.steps {
            let Some(gate) = &definition.gate else { continue };
            if self.status(&definition.id) != StepStatus::Done {
                continue;
            }
            let behind = self.definition.dependents(&definition.id).any(|step| self.status(&step.id).is_closed());
            let last = self.definition.dependents(&definition.id).next().is_none();
            if behind || last {
                continue;
            }
            let mut reasons = self.open_needs(definition);
            if evidence_changed {
                reasons.extend(self.unmet(&definition.id, gate));
            }
            if !reasons.is_empty() {
                self.emit(Event::GateClosed { step: definition.id.clone(), reasons });
            }
        }
    }

    /// What one step does by itself once its needs are closed.
    fn follow(&mut self, definition: &StepDefinition) {
        let Some(step) = self.state.step(&definition.id).cloned() else { return };
        let waits = step.status == StepStatus::Blocked || step.status.is_closed();
        if waits || !self.open_needs(definition).is_empty() {
            return;
        }
        if let Some(evidence) = self.evidence_for(definition, &step) {
            self.complete(&definition.id, Some(evidence));
            return;
        }
        let requested_at = step.requested_at.filter(|requested| *requested >= self.enabled_at(definition, &step));
        let request = match (definition.kind, &definition.job, definition.after) {
            (StepKind::Job, Some(job), _) if job.start == StepJobStart::WhenEnabled => {
                Some((JobKind::of_step(job.name), self.now))
            }
            (StepKind::Timer, _, Some(after)) => {
                if requested_at.is_some_and(|requested| later(requested, after) <= self.now) {
                    self.complete(&definition.id, None);
                    return;
                }
                Some((JobKind::Timer, later(self.now, after)))
            }
            _ => None,
        };
        if step.status == StepStatus::Pending && (request.is_some() || step.assignee.is_some()) {
            self.emit(Event::StepStarted { step: definition.id.clone() });
        }
        if let (Some((job, run_at)), None) = (request, requested_at) {
            self.emit(Event::JobRequested(JobRequest { step: definition.id.clone(), job, run_at }));
        }
    }

    /// Since when the step's needs have all been closed and the step itself was open: a job or a timer that was
    /// asked for before does not count.
    fn enabled_at(&self, definition: &StepDefinition, step: &Step) -> DateTime<Utc> {
        let needs = definition.needs.iter().filter_map(|need| self.state.step(need)?.completed_at);
        needs.chain(step.reopened_at).fold(self.state.opened_at, Ord::max)
    }

    /// What completes a job step, if it is there: evidence from before the opening or a reopening does not count.
    fn evidence_for(&self, definition: &StepDefinition, step: &Step) -> Option<Value> {
        let job = definition.job.as_ref().filter(|_| definition.kind == StepKind::Job)?;
        let opened = step.reopened_at.unwrap_or(self.state.opened_at);
        match job.name {
            StepJobName::Import => {
                let imports = &self.facts.imports;
                let at = imports.last_clean_at.filter(|at| *at > opened)?;
                Some(json!({ "import": { "completed_at": at, "completed": imports.completed } }))
            }
            StepJobName::Command => {
                let asked = self.facts.commands.get(&definition.id);
                let at = asked.filter(|at| **at >= self.enabled_at(definition, step))?;
                Some(json!({ "command": { "asked_at": at, "program": job.run.first() } }))
            }
            StepJobName::HealthCheck => {
                let health = self.facts.health.as_ref()?;
                let current = health.is_newer_than_last_change(&self.facts.tenant) && health.checked_at > opened;
                if !current {
                    return None;
                }
                let mut evidence = json!({ "health": health });
                if health.status == "pass" {
                    return Some(evidence);
                }
                // A waiver that could not reach the gate behind this step would be worth nothing.
                let gates = self.definition.dependents(&definition.id).filter(|step| step.kind == StepKind::Gate);
                let (_, waivers) = gates
                    .map(|gate| self.health_at(&gate.id))
                    .find(|(health, _)| health.as_ref().is_some_and(|health| health.status == "pass"))?;
                name_waivers(&mut evidence, &waivers);
                Some(evidence)
            }
        }
    }
}

/// Adds what was overlooked to what a completion rests on; nothing where nothing was.
fn name_waivers(evidence: &mut Value, waivers: &[&Waiver]) {
    if !waivers.is_empty() {
        evidence["waivers"] = waivers.iter().map(|waiver| waiver.id.as_str()).collect();
    }
}

/// A time so much later; the end of time where there is no such time.
fn later(at: DateTime<Utc>, by: std::time::Duration) -> DateTime<Utc> {
    let by = chrono::TimeDelta::from_std(by).unwrap_or(chrono::TimeDelta::MAX);
    at.checked_add_signed(by).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// A patch with trimmed text, in which emptiness is absence.
#[allow(clippy::option_option, reason = "absent, null and a value are three things in RFC 7396")]
struct Normalised {
    status: Option<StepStatus>,
    assignee: Option<Option<String>>,
    blocking_reason: Option<Option<String>>,
    due_at: Option<Option<DateTime<Utc>>>,
    note: Option<String>,
    reason: Option<String>,
}

impl From<&StepPatch> for Normalised {
    fn from(patch: &StepPatch) -> Self {
        let text =
            |text: &Option<String>| text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        Self {
            status: patch.status,
            assignee: patch.assignee.as_ref().map(text),
            blocking_reason: patch.blocking_reason.as_ref().map(text),
            due_at: patch.due_at.map(|due_at| due_at.map(to_micros)),
            note: text(&patch.note),
            reason: text(&patch.reason),
        }
    }
}

impl Normalised {
    fn remark(&self) -> Option<&str> {
        self.note.as_deref().or(self.reason.as_deref())
    }

    /// Refuses what contradicts itself whatever the state, and `blocked` that nothing gives a reason for.
    fn refuse_contradictions(&self, step: &Step) -> Result<(), Refusal> {
        let has_reason = matches!(&self.blocking_reason, Some(Some(_)));
        match self.status {
            Some(StepStatus::Blocked) if !has_reason => {
                let keeps = self.blocking_reason.is_none() && step.status == StepStatus::Blocked;
                if keeps {
                    Ok(())
                } else {
                    Err(contradiction("blocking_reason_required", &step.id, "`blocked` needs a `blocking_reason`"))
                }
            }
            Some(status) if status != StepStatus::Blocked && has_reason => Err(contradiction(
                "reason_contradicts_status",
                &step.id,
                &format!("`{status}` and a `blocking_reason` contradict each other"),
            )),
            _ => Ok(()),
        }
    }
}

pub(super) fn contradiction(code: &str, step: &str, message: &str) -> Refusal {
    Refusal::Contradiction(vec![Reason { step: Some(step.to_owned()), ..Reason::new(code, message) }])
}

pub(super) fn conflict(code: &str, step: &str, status: StepStatus, message: &str) -> Refusal {
    Refusal::Conflict(vec![Reason::new(code, message).of_step(step, status)])
}
