//! What an onboarding's times are: the fold of its events.
//!
//! | Time | From its events |
//! |---|---|
//! | opened | `checklist_opened` |
//! | live | the latest completion of the workflow's live step, unless it was reopened since |
//! | completed | the latest `checklist_completed`, unless it was reopened since |
//! | first member, first transaction | the tenant's first of each, where it is not before the opening |
//! | elapsed of a step | its first start to its latest completion |
//! | active of a step | the stretches in which it was open, without those in which it was blocked |
//! | blocked of a step | from a reason to its end, by reason; also before the step was started |

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;

/// One checklist's history.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// `onb_` and a ULID.
    pub checklist_id: String,
    /// The tenant's slug.
    pub tenant_id: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// Name of the workflow.
    pub workflow: String,
    /// `federation`, `club`, …
    pub kind: String,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// When the live step was done.
    pub live_at: Option<DateTime<Utc>>,
    /// When every step was closed.
    pub completed_at: Option<DateTime<Utc>>,
    /// When it was given up.
    pub cancelled_at: Option<DateTime<Utc>>,
    /// When the tenant's first member was stored.
    pub first_member_at: Option<DateTime<Utc>>,
    /// When the tenant's first transaction was stored.
    pub first_transaction_at: Option<DateTime<Utc>>,
    /// In reading order.
    pub steps: Vec<StepTimes>,
}

/// A point that an onboarding reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Milestone {
    /// The first member is stored.
    FirstMember,
    /// The first transaction is stored.
    FirstTransaction,
    /// The live step is done.
    Live,
    /// Every step is closed.
    Completed,
}

/// From one moment to another; the end is absent while it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// Its beginning.
    pub from: DateTime<Utc>,
    /// Its end.
    pub to: Option<DateTime<Utc>>,
}

/// What a step waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    /// The blocking reason, as it was written.
    pub reason: String,
    /// From the reason to its end.
    pub stretch: Stretch,
}

/// How a step was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// Its work was done.
    Done,
    /// It was left out: it took nobody's time and is in no duration.
    Skipped,
}

/// One step's times.
#[derive(Debug, Clone, PartialEq)]
pub struct StepTimes {
    /// Step id.
    pub step: String,
    /// How and when it was closed, unless it was reopened since.
    pub closed: Option<(Closing, DateTime<Utc>)>,
    /// The stretches in which it was open, oldest first.
    pub open: Vec<Stretch>,
    /// The stretches in which it waited, oldest first.
    pub blocked: Vec<Blocked>,
    /// How often it was taken up again after it had been closed.
    pub reopened: usize,
}

impl StepTimes {
    fn new(step: &str) -> Self {
        Self { step: step.to_owned(), closed: None, open: Vec::new(), blocked: Vec::new(), reopened: 0 }
    }

    /// When it was first started.
    #[must_use]
    pub fn started_at(&self) -> Option<DateTime<Utc>> {
        self.open.first().map(|stretch| stretch.from)
    }

    /// When it was done; absent for a step that is open or was skipped.
    #[must_use]
    pub fn done_at(&self) -> Option<DateTime<Utc>> {
        self.closed.filter(|(closing, _)| *closing == Closing::Done).map(|(_, at)| at)
    }

    /// First start to completion, in days; absent for a step that is open or was skipped.
    #[must_use]
    pub fn elapsed(&self) -> Option<f64> {
        Some(days(self.started_at()?, self.done_at()?))
    }

    /// The days in which it was open and not blocked; absent for a step that is open or was skipped.
    #[must_use]
    pub fn active(&self) -> Option<f64> {
        let done_at = self.done_at()?;
        let open: f64 = self.open.iter().map(|stretch| stretch.days(done_at)).sum();
        let waited: f64 = self
            .open
            .iter()
            .flat_map(|open| self.blocked.iter().map(move |blocked| open.shared_days(blocked.stretch, done_at)))
            .sum();
        Some(rounded((open - waited).max(0.0)))
    }

    /// The days for which it was blocked, per reason, until `now` where it still is.
    #[must_use]
    pub fn blocked_by_reason(&self, now: DateTime<Utc>) -> BTreeMap<&str, f64> {
        let mut all = BTreeMap::new();
        for blocked in &self.blocked {
            *all.entry(blocked.reason.as_str()).or_insert(0.0) += blocked.stretch.days(now);
        }
        all
    }

    fn start(&mut self, at: DateTime<Utc>) {
        if self.open.last().is_none_or(|stretch| stretch.to.is_some()) {
            self.open.push(Stretch { from: at, to: None });
        }
    }

    fn unblock(&mut self, at: DateTime<Utc>) {
        if let Some(blocked) = self.blocked.last_mut() {
            blocked.stretch.to.get_or_insert(at);
        }
    }

    fn close(&mut self, closing: Closing, at: DateTime<Utc>) {
        self.unblock(at);
        if let Some(stretch) = self.open.last_mut() {
            stretch.to.get_or_insert(at);
        }
        self.closed = Some((closing, at));
    }

    fn seen_at(&self, moment: DateTime<Utc>) -> Self {
        let open: Vec<_> = self.open.iter().filter_map(|stretch| stretch.seen_at(moment)).collect();
        let blocked = self.blocked.iter().filter_map(|blocked| {
            Some(Blocked { reason: blocked.reason.clone(), stretch: blocked.stretch.seen_at(moment)? })
        });
        // Only closing ends the last stretch; how a closing that was undone since was made is not kept.
        let undone = open.last().and_then(|stretch| stretch.to).map(|at| (Closing::Done, at));
        Self {
            step: self.step.clone(),
            closed: self.closed.filter(|(_, at)| *at <= moment).or(undone),
            blocked: blocked.collect(),
            // Each stretch but the first began with a reopening.
            reopened: self.reopened.min(open.len().saturating_sub(1)),
            open,
        }
    }
}

impl Stretch {
    fn days(self, now: DateTime<Utc>) -> f64 {
        days(self.from, self.to.unwrap_or(now))
    }

    fn shared_days(self, other: Self, now: DateTime<Utc>) -> f64 {
        days(self.from.max(other.from), self.to.unwrap_or(now).min(other.to.unwrap_or(now)))
    }

    fn seen_at(self, moment: DateTime<Utc>) -> Option<Self> {
        (self.from <= moment).then(|| Self { from: self.from, to: self.to.filter(|to| *to <= moment) })
    }
}

/// A line of the log, as far as times depend on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// The checklist began with these steps.
    Opened(Vec<String>),
    /// The checklist moved to another version of its workflow, which has these steps.
    Migrated(Vec<String>),
    /// Something happened to the step of this id.
    OfStep(String, StepFact),
    /// Every step is closed.
    Completed,
    /// One is open again.
    Reopened,
}

/// What happened to a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepFact {
    /// It left `pending`.
    Started,
    /// It waits, for this reason.
    Blocked(String),
    /// It no longer waits.
    Unblocked,
    /// It is closed.
    Closed(Closing),
    /// It is open again.
    Reopened,
}

/// The kinds of event that [`Fact::read`] understands: no other changes a time.
pub const KINDS: [&str; 11] = [
    "checklist_opened",
    "checklist_migrated",
    "step_started",
    "step_blocked",
    "step_unblocked",
    "step_completed",
    "step_skipped",
    "step_reopened",
    "gate_closed",
    "checklist_completed",
    "checklist_reopened",
];

#[derive(Deserialize)]
struct OfStep<'a> {
    #[serde(borrow)]
    step: Cow<'a, str>,
    // A blocking reason is text, and so is that of a skipped step; the reasons of a closed gate have another name.
    #[serde(borrow, default)]
    reason: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Opening<'a> {
    #[serde(borrow)]
    steps: Vec<OpeningStep<'a>>,
}

#[derive(Deserialize)]
struct OpeningStep<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
}

impl Fact {
    /// Reads a line of the log; `None` where it changes no time or cannot be read.
    #[must_use]
    pub fn read(kind: &str, payload: &str) -> Option<Self> {
        let of_step = |fact: fn(Option<Cow<'_, str>>) -> StepFact| {
            let read: OfStep<'_> = serde_json::from_str(payload).ok()?;
            Some(Self::OfStep(read.step.into_owned(), fact(read.reason)))
        };
        match kind {
            "checklist_opened" => {
                let read: Opening<'_> = serde_json::from_str(payload).ok()?;
                Some(Self::Opened(read.steps.into_iter().map(|step| step.id.into_owned()).collect()))
            }
            "checklist_migrated" => {
                let read: Opening<'_> = serde_json::from_str(payload).ok()?;
                Some(Self::Migrated(read.steps.into_iter().map(|step| step.id.into_owned()).collect()))
            }
            "step_started" => of_step(|_| StepFact::Started),
            "step_blocked" => of_step(|reason| StepFact::Blocked(reason.unwrap_or_default().trim().to_owned())),
            "step_unblocked" => of_step(|_| StepFact::Unblocked),
            "step_completed" => of_step(|_| StepFact::Closed(Closing::Done)),
            "step_skipped" => of_step(|_| StepFact::Closed(Closing::Skipped)),
            "step_reopened" | "gate_closed" => of_step(|_| StepFact::Reopened),
            "checklist_completed" => Some(Self::Completed),
            "checklist_reopened" => Some(Self::Reopened),
            _ => None,
        }
    }
}

impl History {
    /// Takes the next line of the log. Total: what names an unknown step changes nothing.
    pub fn take(&mut self, at: DateTime<Utc>, fact: Fact, live_step: Option<&str>) {
        let (step, fact) = match fact {
            Fact::Opened(steps) => {
                self.opened_at = at;
                self.steps = steps.iter().map(|step| StepTimes::new(step)).collect();
                return;
            }
            Fact::Migrated(steps) => {
                let mut known = std::mem::take(&mut self.steps);
                let kept = |step: &String| known.iter().position(|known| known.step == *step);
                let steps: Vec<_> = steps.iter().map(|step| (step, kept(step))).collect();
                let mut times = |place: Option<usize>, step: &str| match place.and_then(|place| known.get_mut(place)) {
                    Some(known) => std::mem::replace(known, StepTimes::new(step)),
                    None => StepTimes::new(step),
                };
                self.steps = steps.into_iter().map(|(step, place)| times(place, step)).collect();
                // The live step of the version that it moved to may have been done before.
                let live = self.steps.iter().find(|step| live_step == Some(step.step.as_str()));
                self.live_at = live.and_then(StepTimes::done_at);
                return;
            }
            Fact::Completed => return self.completed_at = Some(at),
            Fact::Reopened => return self.completed_at = None,
            Fact::OfStep(step, fact) => (step, fact),
        };
        let lives = live_step == Some(step.as_str());
        let Some(step) = self.steps.iter_mut().find(|known| known.step == step) else { return };
        match fact {
            StepFact::Started => step.start(at),
            StepFact::Blocked(reason) => {
                step.unblock(at);
                step.blocked.push(Blocked { reason, stretch: Stretch { from: at, to: None } });
            }
            StepFact::Unblocked => step.unblock(at),
            StepFact::Closed(closing) => {
                step.close(closing, at);
                if lives && closing == Closing::Done {
                    self.live_at = Some(at);
                }
            }
            StepFact::Reopened => {
                step.closed = None;
                step.reopened += 1;
                step.start(at);
                if lives {
                    self.live_at = None;
                }
            }
        }
    }

    /// When it reached a milestone. What the tenant reached before the opening is not this onboarding's.
    #[must_use]
    pub fn reached(&self, milestone: Milestone) -> Option<DateTime<Utc>> {
        let at = match milestone {
            Milestone::FirstMember => self.first_member_at,
            Milestone::FirstTransaction => self.first_transaction_at,
            Milestone::Live => self.live_at,
            Milestone::Completed => self.completed_at,
        };
        at.filter(|at| *at >= self.opened_at)
    }

    /// Opening to a milestone, in days.
    #[must_use]
    pub fn days_to(&self, milestone: Milestone) -> Option<f64> {
        self.reached(milestone).map(|at| days(self.opened_at, at))
    }

    /// Whether work on it goes on.
    #[must_use]
    pub fn is_in_flight(&self) -> bool {
        self.completed_at.is_none() && self.cancelled_at.is_none()
    }

    /// The step of this id.
    #[must_use]
    pub fn step(&self, id: &str) -> Option<&StepTimes> {
        self.steps.iter().find(|step| step.step == id)
    }

    /// The history as it was known at an earlier moment, for forecasts that are checked against what came. Whether it
    /// was live or complete then is only known where that was not undone since.
    #[must_use]
    pub fn seen_at(&self, moment: DateTime<Utc>) -> Self {
        let known = |at: Option<DateTime<Utc>>| at.filter(|at| *at <= moment);
        Self {
            live_at: known(self.live_at),
            completed_at: known(self.completed_at),
            cancelled_at: known(self.cancelled_at),
            first_member_at: known(self.first_member_at),
            first_transaction_at: known(self.first_transaction_at),
            steps: self.steps.iter().map(|step| step.seen_at(moment)).collect(),
            ..self.clone()
        }
    }
}

/// Days between two moments, to a thousandth; 0 where the second is earlier.
#[allow(clippy::cast_precision_loss, reason = "milliseconds of an onboarding fit into 53 bits")]
#[must_use]
pub fn days(from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
    rounded((to - from).num_milliseconds().max(0) as f64 / 86_400_000.0)
}

/// To a thousandth of a day: what is finer is noise, and equal durations shall compare as equal.
pub(super) fn rounded(days: f64) -> f64 {
    (days * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{at, history};
    use super::*;

    fn of(step: &str, fact: StepFact) -> Fact {
        Fact::OfStep(step.to_owned(), fact)
    }

    #[test]
    fn a_reopened_and_blocked_step_has_elapsed_active_and_blocked_days() {
        let mut told = history(&["import_data", "go_live"]);
        let facts = [
            (1, of("import_data", StepFact::Started)),
            (2, of("import_data", StepFact::Blocked("no file".to_owned()))),
            (4, of("import_data", StepFact::Blocked("no mapping".to_owned()))),
            (5, of("import_data", StepFact::Unblocked)),
            (6, of("import_data", StepFact::Closed(Closing::Done))),
            (8, of("import_data", StepFact::Reopened)),
            (9, of("import_data", StepFact::Closed(Closing::Done))),
        ];
        for (day, fact) in facts {
            told.take(at(day), fact, Some("go_live"));
        }
        let step = told.step("import_data").expect("the step was opened");
        // Open for days 1 to 6 and 8 to 9, blocked for 2 to 5.
        assert_eq!((step.elapsed(), step.active(), step.reopened), (Some(8.0), Some(3.0), 1));
        assert_eq!(step.blocked_by_reason(at(9)), BTreeMap::from([("no file", 2.0), ("no mapping", 1.0)]));
    }

    #[test]
    fn going_live_and_completing_are_two_things_and_both_can_be_undone() {
        let mut told = history(&["go_live", "survey"]);
        told.take(at(27), of("go_live", StepFact::Started), Some("go_live"));
        told.take(at(27), of("go_live", StepFact::Closed(Closing::Done)), Some("go_live"));
        told.take(at(30), of("survey", StepFact::Closed(Closing::Skipped)), Some("go_live"));
        told.take(at(30), Fact::Completed, Some("go_live"));
        assert_eq!(told.days_to(Milestone::Live), Some(27.0));
        assert_eq!(told.days_to(Milestone::Completed), Some(30.0));
        assert_eq!(told.step("survey").and_then(StepTimes::elapsed), None, "a skipped step took nobody's time");
        told.take(at(31), of("go_live", StepFact::Reopened), Some("go_live"));
        told.take(at(31), Fact::Reopened, Some("go_live"));
        assert_eq!((told.live_at, told.completed_at), (None, None));
        assert!(told.is_in_flight());
    }

    #[test]
    fn what_the_tenant_reached_earlier_is_not_this_onboardings() {
        let told = History { first_member_at: Some(at(-3)), first_transaction_at: Some(at(3)), ..history(&[]) };
        assert_eq!(told.days_to(Milestone::FirstMember), None);
        assert_eq!(told.days_to(Milestone::FirstTransaction), Some(3.0));
    }

    #[test]
    fn the_log_is_read_as_the_checklist_writes_it() {
        use crate::checklist::Event;
        let step = || "kickoff".to_owned();
        for (event, fact) in [
            (Event::StepStarted { step: step() }, StepFact::Started),
            (
                Event::StepBlocked { step: step(), reason: "a \"quoted\" reason".to_owned() },
                StepFact::Blocked("a \"quoted\" reason".to_owned()),
            ),
            (Event::StepUnblocked { step: step() }, StepFact::Unblocked),
            (Event::StepCompleted { step: step(), evidence: None }, StepFact::Closed(Closing::Done)),
            (Event::StepSkipped { step: step(), reason: "none".to_owned() }, StepFact::Closed(Closing::Skipped)),
            (Event::StepReopened { step: step(), reason: "again".to_owned() }, StepFact::Reopened),
            (Event::GateClosed { step: step(), reasons: Vec::new() }, StepFact::Reopened),
        ] {
            assert!(KINDS.contains(&event.kind()));
            assert_eq!(Fact::read(event.kind(), &event.payload().to_string()), Some(of("kickoff", fact)));
        }
        assert_eq!(Fact::read(Event::ChecklistCompleted.kind(), "null"), Some(Fact::Completed));
        assert_eq!(Fact::read("step_completed", "{"), None);
        assert_eq!(Fact::read("step_noted", "{}"), None);
    }

    #[test]
    fn an_earlier_view_knows_nothing_of_what_came() {
        let mut told = history(&["go_live"]);
        told.take(at(2), of("go_live", StepFact::Started), Some("go_live"));
        told.take(at(5), of("go_live", StepFact::Closed(Closing::Done)), Some("go_live"));
        told.take(at(5), Fact::Completed, Some("go_live"));
        let earlier = told.seen_at(at(3));
        assert!(earlier.is_in_flight());
        assert_eq!(earlier.steps[0].open, [Stretch { from: at(2), to: None }]);
        assert_eq!(told.seen_at(at(5)), told);
    }
}
