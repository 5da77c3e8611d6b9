//! What happens in a simulation, where somebody wants to say so.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use workbench_positions::{Document, Fault, Faults, Member, Node, Shape, Value, allowed, did_you_mean};

use crate::definition::{Definition, StepDefinition, StepJobName, StepKind, duration};

/// How the work on each step goes. What is not said is drawn.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// Who is onboarded, as far as conditions ask.
    #[serde(default)]
    pub tenant: TenantScript,
    /// By step id.
    #[serde(default)]
    pub steps: BTreeMap<String, StepScript>,
}

/// Who is onboarded.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantScript {
    /// `federation`, `club`, …
    #[serde(default)]
    pub kind: String,
    /// ISO 3166-1 alpha-2.
    #[serde(default)]
    pub country: String,
}

/// How the work on one step goes.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepScript {
    /// From being enabled to its end, and from one outcome to the next where the first did not end it.
    #[serde(default, with = "duration::optional")]
    pub takes: Option<Duration>,
    /// For how long it is blocked in between; not at all for `0s`.
    #[serde(default, with = "duration::optional")]
    pub blocked: Option<Duration>,
    /// One after the other; the last repeats itself.
    #[serde(default)]
    pub outcomes: Vec<Outcome>,
}

/// How a piece of work ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A person completes the step.
    Done,
    /// A person leaves the step out.
    Skipped,
    /// The import loads every row.
    Loaded,
    /// The import loads what is sound, and rejects rows.
    Rejected,
    /// The health check passes.
    Pass,
    /// The health check warns.
    Warn,
    /// The health check fails.
    Fail,
}

const SCRIPT: &[Member] = &[allowed("tenant", Shape::Inner), allowed("steps", Shape::Inner)];

const TENANT: &[Member] = &[allowed("kind", Shape::Text), allowed("country", Shape::Text)];

const STEP: &[Member] = &[
    allowed("takes", Shape::Duration { accepts: is_duration, such_as: "2h, 3d or 1w" }),
    allowed("blocked", Shape::Duration { accepts: is_duration, such_as: "2h, 3d or 1w" }),
    allowed("outcomes", Shape::TextList),
];

/// Up to ten years: whatever takes longer is a mistake.
fn is_duration(text: &str) -> bool {
    duration::parse(text).is_ok_and(|duration| duration <= Duration::from_hours(10 * 365 * 24))
}

impl Script {
    /// Reads a script for a definition. `file` names it in messages.
    ///
    /// # Errors
    /// Every fault that can be told at once, in order of place.
    pub fn load(file: &str, text: &str, definition: &Definition) -> Result<Self, Vec<Fault>> {
        let document = Document::new(file, text, "the example in docs/simulation.md");
        let root = document.tree()?;
        let mut found = Faults::default();
        if let Some(tenant) = root.get("tenant") {
            found.mapping(tenant, "`tenant`", TENANT);
        }
        if found.mapping(&root, "a script", SCRIPT)
            && let Some(steps) = root.get("steps")
        {
            if let Value::Map(members) = &steps.value {
                let ids: Vec<&str> = definition.steps.iter().map(|step| step.id.as_str()).collect();
                for (id, at, step) in members {
                    match definition.step(id) {
                        Some(defined) => {
                            if found.mapping(step, "a step of a script", STEP) {
                                let words = words_of(defined);
                                for outcome in step.get("outcomes").map(Node::items).unwrap_or_default() {
                                    if let Some(word) = outcome.text().filter(|word| !words.contains(word)) {
                                        let cause = format!("`{id}` cannot end with `{word}`");
                                        found.add(outcome.at, "unknown_value", cause, did_you_mean(word, words));
                                    }
                                }
                            }
                        }
                        None => found.add(
                            *at,
                            "unknown_step",
                            format!("`{}` has no step `{id}`", definition.name),
                            did_you_mean(id, &ids),
                        ),
                    }
                }
            } else {
                let cause = format!("`steps` must be a mapping, not {}", steps.value.describe());
                found.add(steps.at, "wrong_type", cause, "Write each step's id, and below it how it goes.");
            }
        }
        document.sound(found)?;
        document.typed()
    }
}

/// How the work on a step can end.
fn words_of(step: &StepDefinition) -> &'static [&'static str] {
    match (step.kind, step.job.as_ref().map(|job| job.name)) {
        (StepKind::Job, Some(StepJobName::Import)) => &["loaded", "rejected", "skipped"],
        (StepKind::Job, Some(StepJobName::HealthCheck)) => &["pass", "warn", "fail", "skipped"],
        (StepKind::Timer, _) => &["skipped"],
        (StepKind::Gate, _) => &["done"],
        _ => &["done", "skipped"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::{Known, load};

    fn definition() -> Definition {
        let text = include_str!("../../../workflows/tenant-onboarding.yaml");
        load("tenant-onboarding.yaml", text, &Known::default()).expect("it ships").definition
    }

    #[test]
    fn a_script_is_read() {
        let text = "steps:\n  dry_run: { takes: 1d, outcomes: [warn, pass] }\n  contract: { blocked: 0s }\n";
        let script = Script::load("a.yaml", text, &definition()).expect("it is sound");
        assert_eq!(script.steps["dry_run"].outcomes, [Outcome::Warn, Outcome::Pass]);
        assert_eq!(script.steps["contract"].blocked, Some(Duration::ZERO));
    }

    #[test]
    fn every_fault_is_told_with_its_place() {
        let text = "steps:\n  contrat: { takes: 1d }\n  dry_run: { takes: soon, outcomes: [done] }\n  go_live: { tkaes: 1d }\n";
        let faults = Script::load("a.yaml", text, &definition()).expect_err("it is faulty");
        let told: Vec<_> = faults.iter().map(|fault| (fault.line, fault.column, fault.code)).collect();
        let expected =
            [(2, 3, "unknown_step"), (3, 21, "bad_duration"), (3, 38, "unknown_value"), (4, 14, "unknown_key")];
        assert_eq!(told, expected);
    }
}
