//! Waivers: how a warning is overlooked at a gate, by two people, for a stated time.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::StepStatus;
use super::decide::{Decision, conflict, contradiction};
use super::event::Event;
use super::refusal::{Reason, Refusal};
use crate::definition::{Gate, StepKind};
use crate::facts::HealthFact;
use crate::precision::to_micros;

/// A waiver ends after so long at the latest. Whoever still needs it then asks two people again.
pub const LONGEST: TimeDelta = TimeDelta::days(30);

/// A warning of probes that a gate overlooks, from its grant to its end. It is never removed, so that it can be
/// shown for ever. Nothing but a warning can be waived.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Waiver {
    /// `wvr_` and a ULID.
    pub id: String,
    /// The gate.
    pub step: String,
    /// The probes whose warnings it covers: sorted, at least one.
    pub probes: Vec<String>,
    /// Why the warning may be overlooked.
    pub reason: String,
    /// The health check whose warnings the proposer saw.
    pub check_id: String,
    /// Who proposed it.
    pub proposed_by: String,
    /// When.
    pub proposed_at: DateTime<Utc>,
    /// When it ends, granted or not; to the microsecond.
    pub expires_at: DateTime<Utc>,
    /// Who granted it; never the proposer.
    pub granted_by: Option<String>,
    /// When it was granted.
    pub granted_at: Option<DateTime<Utc>>,
    /// Who took it back.
    pub withdrawn_by: Option<String>,
    /// When it was taken back.
    pub withdrawn_at: Option<DateTime<Utc>>,
    /// Why it was taken back.
    pub withdrawal_reason: Option<String>,
    /// When its end was noted, which may be some time after `expires_at`.
    pub expired_at: Option<DateTime<Utc>>,
}

/// Where a waiver stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaiverState {
    /// It waits for a second person.
    Proposed,
    /// It is in force.
    Granted,
    /// Its time is over.
    Expired,
    /// It was taken back.
    Withdrawn,
}

impl WaiverState {
    /// The wire name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Granted => "granted",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
        }
    }
}

impl Waiver {
    /// Where it stands at a time. The clock decides over its end, whether or not that was noted.
    #[must_use]
    pub fn state(&self, now: DateTime<Utc>) -> WaiverState {
        if self.withdrawn_at.is_some() {
            WaiverState::Withdrawn
        } else if self.expired_at.is_some() || self.expires_at <= now {
            WaiverState::Expired
        } else if self.granted_at.is_some() {
            WaiverState::Granted
        } else {
            WaiverState::Proposed
        }
    }

    fn is_open(&self, now: DateTime<Utc>) -> bool {
        matches!(self.state(now), WaiverState::Proposed | WaiverState::Granted)
    }

    /// When it last changed.
    pub(super) fn last_change(&self) -> DateTime<Utc> {
        let later = [self.granted_at, self.withdrawn_at, self.expired_at];
        later.into_iter().flatten().fold(self.proposed_at, Ord::max)
    }
}

/// What is asked for with a waiver.
#[derive(Debug, Clone, PartialEq)]
pub struct WaiverProposal {
    /// Id of the waiver to be.
    pub id: String,
    /// The gate.
    pub step: String,
    /// The probes to overlook; every one that warns where empty.
    pub probes: Vec<String>,
    /// Why.
    pub reason: String,
    /// When it shall end.
    pub expires_at: DateTime<Utc>,
    /// Who asks.
    pub actor: String,
}

/// Names stand for people: one person who writes a name in two ways is still one.
#[must_use]
pub fn is_same_person(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

/// The health as seen through waivers in force, and the ones it took. A warning counts as a pass where it is covered;
/// where anything failed or a probe broke, nothing is overlooked.
fn overlook<'a>(health: &HealthFact, waivers: &[&'a Waiver]) -> (HealthFact, Vec<&'a Waiver>) {
    let mut seen = health.clone();
    let only_warns = health.probes.iter().all(|probe| matches!(probe.status.as_str(), "pass" | "warn"));
    if health.status != "warn" || !only_warns {
        return (seen, Vec::new());
    }
    let mut used: Vec<&Waiver> = Vec::new();
    for probe in seen.probes.iter_mut().filter(|probe| probe.status == "warn") {
        let covering = waivers.iter().find(|waiver| waiver.probes.contains(&probe.probe));
        let Some(covering) = covering else { continue };
        "pass".clone_into(&mut probe.status);
        if !used.iter().any(|waiver| waiver.id == covering.id) {
            used.push(covering);
        }
    }
    if !used.is_empty() && seen.probes.iter().all(|probe| probe.status == "pass") {
        "pass".clone_into(&mut seen.status);
    }
    (seen, used)
}

impl Decision<'_> {
    /// The health as a gate sees it, and the waivers that this rests on.
    pub(super) fn health_at(&self, gate: &str) -> (Option<HealthFact>, Vec<&Waiver>) {
        let in_force: Vec<&Waiver> = self
            .state
            .waivers
            .iter()
            .filter(|waiver| waiver.step == gate && waiver.state(self.now) == WaiverState::Granted)
            .collect();
        match self.facts.health.as_ref().map(|health| overlook(health, &in_force)) {
            Some((health, used)) => (Some(health), used),
            None => (None, Vec::new()),
        }
    }

    /// What the latest warnings have to do with a gate's waivers that are not in force.
    pub(super) fn idle_waivers(&self, gate: &str, warning: &[&str]) -> Vec<Reason> {
        let of_gate = self.state.waivers.iter().filter(|waiver| waiver.step == gate);
        let concerned: Vec<&Waiver> =
            of_gate.filter(|waiver| waiver.probes.iter().any(|probe| warning.contains(&probe.as_str()))).collect();
        let newest_first = concerned.iter().rev();
        let Some(latest) = newest_first
            .clone()
            .find(|waiver| waiver.state(self.now) == WaiverState::Proposed)
            .or_else(|| newest_first.clone().next().filter(|waiver| waiver.state(self.now) == WaiverState::Expired))
        else {
            return Vec::new();
        };
        let (code, message) = match latest.state(self.now) {
            WaiverState::Expired => ("waiver_expired", "the waiver has expired; a new one needs two people again"),
            _ => ("waiver_not_granted", "the waiver waits for a second person"),
        };
        let mut reason = Reason::new(code, format!("{}: {message}", latest.probes.join(", ")));
        reason.waiver = Some(latest.id.clone());
        vec![reason]
    }

    /// Why this person may not say go on these waivers; whoever grants an exception does not use it.
    pub(super) fn granted_by_the_same(waivers: &[&Waiver], actor: &str) -> Vec<Reason> {
        let own =
            waivers.iter().filter(|waiver| waiver.granted_by.as_deref().is_some_and(|by| is_same_person(by, actor)));
        own.map(|waiver| second_person(waiver, "whoever granted the waiver cannot say go on it; another person can"))
            .collect()
    }

    /// Notes the end of waivers whose time is over; answers whether a gate may have rested on one of them.
    pub(super) fn expire_waivers(&mut self) -> bool {
        let over = |waiver: &&Waiver| {
            waiver.withdrawn_at.is_none() && waiver.expired_at.is_none() && waiver.expires_at <= self.now
        };
        let ended: Vec<Waiver> = self.state.waivers.iter().filter(over).cloned().collect();
        for waiver in &ended {
            self.emit(Event::WaiverExpired { step: waiver.step.clone(), waiver: waiver.id.clone() });
        }
        ended.iter().any(|waiver| self.may_rest_on(waiver))
    }

    /// Whether a gate may have been opened on a waiver that ends now: it was granted, and what it covers still warns.
    fn may_rest_on(&self, waiver: &Waiver) -> bool {
        let mut probes = self.facts.health.iter().flat_map(|health| &health.probes);
        waiver.granted_at.is_some()
            && probes.any(|probe| probe.status == "warn" && waiver.probes.contains(&probe.probe))
    }

    /// The open gate that a waiver is about.
    fn gate(&self, id: &str) -> Result<&Gate, Refusal> {
        let (step, definition) = self.find(id)?;
        match &definition.gate {
            Some(gate) if definition.kind == StepKind::Gate => Ok(gate),
            _ => Err(conflict("not_a_gate", id, step.status, "only a gate overlooks warnings, and this step is none")),
        }
    }

    pub(super) fn propose_waiver(&mut self, proposal: &WaiverProposal) -> Result<(), Refusal> {
        let step = proposal.step.as_str();
        self.gate(step)?;
        let reason = proposal.reason.trim();
        if reason.is_empty() {
            return Err(contradiction("reason_required", step, "a waiver needs a `reason`"));
        }
        let expires_at = to_micros(proposal.expires_at);
        if expires_at <= self.now || expires_at > self.now + LONGEST {
            let message = format!("a waiver ends in the future, and after {} days at the latest", LONGEST.num_days());
            return Err(contradiction("waiver_expiry", step, &message));
        }
        if self.status(step) == StepStatus::Done {
            return Err(conflict(
                "step_closed",
                step,
                StepStatus::Done,
                "the gate is open; nothing needs to be waived",
            ));
        }
        let Some(health) = self.facts.health.as_ref() else {
            return Err(Refusal::Conflict(vec![Reason::new(
                "nothing_to_waive",
                "There has been no health check yet; run one.",
            )]));
        };
        let mut probes = proposal.probes.clone();
        if probes.is_empty() {
            probes =
                health.probes.iter().filter(|probe| probe.status == "warn").map(|probe| probe.probe.clone()).collect();
        }
        probes.sort();
        probes.dedup();
        if probes.is_empty() {
            let mut reason = Reason::new("nothing_to_waive", "no probe of the latest health check warns");
            reason.status = Some(health.status.clone());
            return Err(Refusal::Conflict(vec![reason.of_check(health, self.now)]));
        }
        let unfit = |name: &String| {
            let found = health.probes.iter().find(|probe| probe.probe == *name);
            let message = match found.map(|probe| probe.status.as_str()) {
                Some("warn") => return None,
                Some(status) => format!("{name}: the latest result is `{status}`; only a warning can be waived"),
                None => format!("{name}: the latest health check has no such probe"),
            };
            let mut reason = Reason::new("probe_not_waivable", message);
            reason.probe = Some(name.clone());
            reason.status = found.map(|probe| probe.status.clone());
            Some(reason.of_check(health, self.now))
        };
        let mut reasons: Vec<Reason> = probes.iter().filter_map(unfit).collect();
        let open = self.state.waivers.iter().filter(|waiver| waiver.step == step && waiver.is_open(self.now));
        reasons.extend(open.filter(|waiver| waiver.probes.iter().any(|probe| probes.contains(probe))).map(|waiver| {
            let mut reason = Reason::new("waiver_open", "there is a waiver for this already; withdraw it first");
            reason.waiver = Some(waiver.id.clone());
            reason
        }));
        if !reasons.is_empty() {
            return Err(Refusal::Conflict(reasons));
        }
        let check_id = health.check_id.clone();
        self.emit(Event::WaiverProposed {
            step: step.to_owned(),
            waiver: proposal.id.clone(),
            probes,
            reason: reason.to_owned(),
            check_id,
            proposed_by: proposal.actor.clone(),
            expires_at,
        });
        Ok(())
    }

    fn waiver(&self, step: &str, id: &str) -> Result<Waiver, Refusal> {
        self.find(step)?;
        let found = self.state.waivers.iter().find(|waiver| waiver.step == step && waiver.id == id);
        found.cloned().ok_or_else(|| Refusal::UnknownWaiver { waiver: id.to_owned() })
    }

    pub(super) fn grant_waiver(
        &mut self,
        step: &str,
        id: &str,
        actor: &str,
        capabilities: &[String],
    ) -> Result<(), Refusal> {
        let waiver = self.waiver(step, id)?;
        let approval = &self.gate(step)?.approval;
        if !capabilities.contains(approval) {
            return Err(Refusal::Forbidden { capability: approval.clone() });
        }
        if is_same_person(&waiver.proposed_by, actor) {
            let reason = second_person(&waiver, "nobody grants a waiver of their own; another person has to");
            return Err(Refusal::Conflict(vec![reason]));
        }
        match waiver.state(self.now) {
            WaiverState::Granted => Ok(()),
            WaiverState::Proposed => {
                self.emit(Event::WaiverGranted {
                    step: step.to_owned(),
                    waiver: id.to_owned(),
                    granted_by: actor.to_owned(),
                });
                Ok(())
            }
            state => Err(ended(&waiver, state)),
        }
    }

    /// Takes a waiver back; answers whether a gate may have rested on it.
    pub(super) fn withdraw_waiver(&mut self, step: &str, id: &str, actor: &str, reason: &str) -> Result<bool, Refusal> {
        let waiver = self.waiver(step, id)?;
        let reason = reason.trim();
        if reason.is_empty() {
            return Err(contradiction("reason_required", step, "withdrawing a waiver needs a `reason`"));
        }
        match waiver.state(self.now) {
            WaiverState::Withdrawn => Ok(false),
            state @ WaiverState::Expired => Err(ended(&waiver, state)),
            WaiverState::Proposed | WaiverState::Granted => {
                self.emit(Event::WaiverWithdrawn {
                    step: step.to_owned(),
                    waiver: id.to_owned(),
                    withdrawn_by: actor.to_owned(),
                    reason: reason.to_owned(),
                });
                Ok(self.may_rest_on(&waiver))
            }
        }
    }
}

fn second_person(waiver: &Waiver, message: &str) -> Reason {
    let mut reason = Reason::new("second_person_needed", message);
    reason.step = Some(waiver.step.clone());
    reason.waiver = Some(waiver.id.clone());
    reason
}

fn ended(waiver: &Waiver, state: WaiverState) -> Refusal {
    let message = format!("the waiver is {} and stays so; propose a new one", state.as_str());
    let mut reason = Reason::new("waiver_ended", message);
    reason.step = Some(waiver.step.clone());
    reason.waiver = Some(waiver.id.clone());
    reason.status = Some(state.as_str().to_owned());
    Refusal::Conflict(vec![reason])
}
