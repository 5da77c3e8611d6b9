//! Conditions of gates: CEL over `health`, `steps`, `imports`, `tenant` and `now`.

use std::collections::HashMap;

use cel::{Context, ExecutionError, Program, Value as CelValue};
use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::facts::Facts;

/// Everything a condition may name.
pub const VARIABLES: [&str; 5] = ["health", "steps", "imports", "tenant", "now"];

/// What is wrong with a condition before any evidence is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// It is no CEL.
    Syntax(String),
    /// It names something that does not exist.
    Unknown {
        /// As written, for example `health.staus`.
        name: String,
        /// What there is in its place.
        known: Vec<String>,
    },
    /// It gives something else than true or false.
    NotBoolean(String),
}

/// Whether the condition holds. An error says why that cannot be told; callers take it as "no".
pub fn evaluate(expression: &str, variables: &Value, steps: &Value, now: DateTime<Utc>) -> Result<bool, String> {
    let program = Program::compile(expression).map_err(|error| error.to_string())?;
    match program.execute(&context(variables, steps, now)) {
        Ok(CelValue::Bool(holds)) => Ok(holds),
        Ok(other) => Err(format!("it gives {}, not true or false", other.type_of())),
        Err(error) => Err(error.to_string()),
    }
}

/// Examines a condition of a workflow with these steps.
pub fn examine(expression: &str, steps: &[&str]) -> Result<(), Unfit> {
    let program = Program::compile(expression).map_err(|error| Unfit::Syntax(error.to_string()))?;
    let references = program.references();
    let unknown = |name: &str, known: Vec<String>| Unfit::Unknown { name: name.to_owned(), known };
    if let Some(name) = references.variables().iter().find(|name| !VARIABLES.contains(name)) {
        return Err(unknown(name, VARIABLES.map(str::to_owned).to_vec()));
    }
    let now = DateTime::<Utc>::UNIX_EPOCH;
    let variables = Facts::default().variables(now);
    for (root, member) in members(expression) {
        let known: Vec<String> = match root.as_str() {
            "steps" => steps.iter().map(|step| (*step).to_owned()).collect(),
            root => match variables.get(root).and_then(Value::as_object) {
                Some(fields) => fields.keys().cloned().collect(),
                None => continue,
            },
        };
        if !known.contains(&member) {
            return Err(unknown(&format!("{root}.{member}"), known));
        }
    }
    let open: serde_json::Map<String, Value> =
        steps.iter().map(|step| ((*step).to_owned(), serde_json::json!({ "status": "pending" }))).collect();
    match program.execute(&context(&variables, &Value::Object(open), now)) {
        // Evidence that is not there yet, such as a probe's verdict, is no fault of the condition.
        Ok(CelValue::Bool(_)) | Err(ExecutionError::NoSuchKey(_)) => Ok(()),
        Ok(other) => Err(Unfit::NotBoolean(format!("it gives {}", other.type_of()))),
        Err(error) => Err(Unfit::NotBoolean(error.to_string())),
    }
}

/// The members that an expression takes of our variables, as `(variable, member)`, outside of quoted text.
fn members(expression: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let (mut word, mut path, mut quote): (String, Vec<String>, Option<char>) = (String::new(), Vec::new(), None);
    for c in expression.chars().chain([' ']) {
        match quote {
            Some(open) => {
                if c == open {
                    quote = None;
                }
            }
            None if c.is_alphanumeric() || c == '_' => word.push(c),
            None => {
                path.push(std::mem::take(&mut word));
                if c != '.' {
                    if let [root, member, ..] = path.as_slice()
                        && VARIABLES.contains(&root.as_str())
                        && !member.is_empty()
                    {
                        found.push((root.clone(), member.clone()));
                    }
                    path.clear();
                }
                if c == '"' || c == '\'' {
                    quote = Some(c);
                }
            }
        }
    }
    found
}

fn context(variables: &Value, steps: &Value, now: DateTime<Utc>) -> Context<'static, 'static> {
    let mut context = Context::default();
    for (name, value) in variables.as_object().into_iter().flatten() {
        context.add_variable_from_value(name.clone(), to_cel(value));
    }
    context.add_variable_from_value("steps", to_cel(steps));
    context.add_variable_from_value("now", CelValue::Timestamp(now.fixed_offset()));
    context
}

/// JSON as CEL sees it. Whole numbers become `int`, as literals in an expression are.
fn to_cel(value: &Value) -> CelValue {
    match value {
        Value::Null => CelValue::Null,
        Value::Bool(value) => CelValue::Bool(*value),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => CelValue::Int(number),
            (None, Some(number)) => CelValue::Float(number),
            (None, None) => CelValue::Null,
        },
        Value::String(text) => text.clone().into(),
        Value::Array(items) => items.iter().map(to_cel).collect::<Vec<_>>().into(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), to_cel(value))).collect::<HashMap<_, _>>().into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn members_in_quotes_are_no_members() {
        assert_eq!(members(r#"health.status == "tenant.x" && steps.dry_run.status == 'a.b'"#), [
            ("health".to_owned(), "status".to_owned()),
            ("steps".to_owned(), "dry_run".to_owned()),
        ]);
    }

    #[test]
    fn conditions_are_examined_before_they_are_used() {
        let steps = ["dry_run"];
        assert_eq!(examine(r#"health.status == "pass" && steps.dry_run.status == "done""#, &steps), Ok(()));
        assert_eq!(examine(r#"health.probes.sample_login == "pass""#, &steps), Ok(()));
        assert!(matches!(examine("health.status = 1", &steps), Err(Unfit::Syntax(_))));
        assert!(matches!(examine("healt.status == 1", &steps), Err(Unfit::Unknown { .. })));
        assert!(matches!(examine("health.staus == 1", &steps), Err(Unfit::Unknown { .. })));
        assert!(matches!(examine("steps.dryrun.status == 'done'", &steps), Err(Unfit::Unknown { .. })));
        assert!(matches!(examine("imports.completed", &steps), Err(Unfit::NotBoolean(_))));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,60}") {
            let _ = examine(&text, &["dry_run"]);
        }
    }
}
