//! What a workflow definition says, once it has been read and found sound.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duration;
use super::schedule::{ScheduleDefinition, default_schedules};

/// One version of one workflow, as written in `workflows/*.yaml`.
///
/// In a sound one, ids are unique, `needs` name steps that exist and form no cycle, and every condition parses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// Slug that checklists refer to, for example `tenant-onboarding`.
    pub name: String,
    /// Raised with every change; a loaded version never changes.
    pub version: u32,
    /// What people see.
    pub title: String,
    /// Days from opening to the intended go-live.
    #[serde(default = "default_target_days")]
    pub target_days: u32,
    /// The step whose completion means that the tenant is live. Defaults to `go_live` where a step of that id
    /// exists, else to the last step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live_step: Option<String>,
    /// The steps in the order in which people read them.
    pub steps: Vec<StepDefinition>,
    /// Names of the probes whose aggregate is this workflow's health.
    #[serde(default = "default_probes")]
    pub probes: Vec<String>,
    /// What is run by the calendar: a nightly health check where nothing is said, nothing at all for an empty list.
    #[serde(default = "default_schedules")]
    pub schedules: Vec<ScheduleDefinition>,
}

/// One line of the checklist.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepDefinition {
    /// Wire name, for example `go_no_go`.
    pub id: String,
    /// What people see.
    pub title: String,
    /// Who completes the step: a person, a job, a gate or the passing of time.
    #[serde(default)]
    pub kind: StepKind,
    /// Ids of the steps that must be `done` or `skipped` before this one can be `done`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// Who gets the step when nobody is named; setting it starts the step as soon as it is enabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// When the step should be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Due>,
    /// For `kind: job`: which job completes the step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<StepJob>,
    /// For `kind: gate`: what must hold, and whose word it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<Gate>,
    /// For `kind: timer`: how long after being enabled the step completes itself.
    #[serde(default, with = "duration::optional", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub after: Option<Duration>,
    /// How the step's job is retried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
}

/// Who completes a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// A person.
    #[default]
    Manual,
    /// A durable job.
    Job,
    /// A person, once its conditions hold.
    Gate,
    /// The passing of time.
    Timer,
}

/// The job behind a step of kind `job`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepJob {
    /// What the job does.
    pub name: StepJobName,
    /// Whether the job starts by itself as soon as the step is enabled, or waits until a person asks for it.
    #[serde(default)]
    pub start: StepJobStart,
    /// For `command`: a program of the folder that daemon and workers are given with `--commands`, and its arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub run: Vec<String>,
    /// For `command`: the program is killed after so long.
    #[serde(default, with = "duration::optional", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub timeout: Option<Duration>,
}

impl StepJob {
    /// After how long a program is killed.
    #[must_use]
    pub fn program_timeout(&self) -> Duration {
        self.timeout.unwrap_or(Duration::from_mins(10))
    }
}

/// Jobs that a step can be completed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepJobName {
    /// An import that completes without errors.
    Import,
    /// A health check whose aggregate is `pass`.
    HealthCheck,
    /// A program that ends with 0.
    Command,
}

/// When a step's job starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepJobStart {
    /// As soon as everything that the step needs is closed.
    #[default]
    WhenEnabled,
    /// When a person asks: an upload, a health check started by hand.
    OnRequest,
}

/// What opens a gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// All must hold; each that does not is one reason of the refusal.
    pub conditions: Vec<Condition>,
    /// Capability that a person needs to open the gate.
    #[serde(default = "default_approval")]
    pub approval: String,
}

/// One named condition of a gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Stable name that refusals carry.
    pub id: String,
    /// A CEL expression over `health`, `steps`, `imports`, `tenant` and `now` that gives a boolean.
    pub when: String,
    /// What a person reads when it does not hold.
    pub otherwise: String,
}

/// When a step should be done, counted from the opening or from the completion of a needed step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Due {
    /// How long after the reference point.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub within: Duration,
    /// A step id; absent means the opening of the checklist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
}

/// How failed attempts of a job are repeated: exponential backoff with jitter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// Attempts in all, the first included.
    #[serde(default = "default_max_attempts")]
    pub max_attempts: u32,
    /// Wait after the first failure.
    #[serde(default = "default_initial", with = "duration")]
    #[schemars(with = "String")]
    pub initial: Duration,
    /// What each further wait is multiplied by.
    #[serde(default = "default_factor")]
    pub factor: f64,
    /// No wait is longer.
    #[serde(default = "default_max", with = "duration")]
    #[schemars(with = "String")]
    pub max: Duration,
    /// Share of the wait that is taken off at random, from 0 to 1, so that many jobs do not return at once.
    #[serde(default = "default_jitter")]
    pub jitter: f64,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            max_attempts: default_max_attempts(),
            initial: default_initial(),
            factor: default_factor(),
            max: default_max(),
            jitter: default_jitter(),
        }
    }
}

impl Definition {
    /// The step of this id, with its place in reading order.
    #[must_use]
    pub fn step(&self, id: &str) -> Option<&StepDefinition> {
        self.steps.iter().find(|step| step.id == id)
    }

    /// The id of the step whose completion means that the tenant is live.
    #[must_use]
    pub fn live_step(&self) -> Option<&str> {
        self.live_step
            .as_deref()
            .or_else(|| self.step("go_live").map(|step| step.id.as_str()))
            .or_else(|| self.steps.last().map(|step| step.id.as_str()))
    }

    /// Whether a step is completed by a program.
    #[must_use]
    pub fn has_commands(&self) -> bool {
        self.steps.iter().any(|step| step.job.as_ref().is_some_and(|job| job.name == StepJobName::Command))
    }

    /// The steps that name `id` among their needs.
    pub fn dependents<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a StepDefinition> {
        self.steps.iter().filter(move |step| step.needs.iter().any(|need| need == id))
    }
}

fn default_target_days() -> u32 {
    28
}

fn default_probes() -> Vec<String> {
    ["sample_login", "sample_transaction", "sample_member_report"].map(str::to_owned).to_vec()
}

fn default_approval() -> String {
    "gate:approve".to_owned()
}

fn default_max_attempts() -> u32 {
    5
}

fn default_initial() -> Duration {
    Duration::from_secs(1)
}

fn default_factor() -> f64 {
    2.0
}

fn default_max() -> Duration {
    Duration::from_mins(5)
}

fn default_jitter() -> f64 {
    0.2
}
