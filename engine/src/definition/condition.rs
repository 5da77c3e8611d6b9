//! Conditions of gates: CEL over `health`, `steps`, `imports`, `tenant` and `now`.

use std::collections::HashMap;
use std::thread;

use cel::{Context, ExecutionError, Program, Value as CelValue};
use chrono::{DateTime, Utc};
use serde_json::Value;
use workbench_positions::is_too_large;

use super::names::{Name, names};
use crate::facts::Facts;

/// Everything a condition may name.
pub const VARIABLES: [&str; 5] = ["health", "steps", "imports", "tenant", "now"];

/// The parser and the interpreter of CEL call themselves for every bracket and operator, and running out of stack
/// ends the process. With the bounds of `is_too_large`, this is more than twice what the worst condition was seen to use.
const STACK: usize = 64 * 1024 * 1024;

/// What is wrong with a condition before any evidence is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// It is no CEL.
    Syntax(String),
    /// It is longer or more deeply nested than can be read safely.
    TooLarge,
    /// It names something that does not exist.
    Unknown {
        /// As written, for example `health.staus`.
        name: String,
        /// What there is in its place.
        known: Vec<String>,
    },
    /// It calls a function that does not exist.
    UnknownFunction(String),
    /// It gives something else than true or false.
    NotBoolean(String),
}

/// Whether each condition holds, in their order. An error says why that cannot be told; callers take it as "no".
pub fn evaluate(
    expressions: &[&str],
    variables: &Value,
    steps: &Value,
    now: DateTime<Utc>,
) -> Vec<Result<bool, String>> {
    let one = |expression: &str, context: &Context<'_, '_>| {
        if is_too_large(expression) {
            return Err("it is too large to be read".to_owned());
        }
        let program = Program::compile(expression).map_err(|error| error.to_string())?;
        match program.execute(context) {
            Ok(CelValue::Bool(holds)) => Ok(holds),
            Ok(other) => Err(format!("it gives {}, not true or false", other.type_of())),
            Err(error) => Err(error.to_string()),
        }
    };
    let all = || {
        let context = context(variables, steps, now);
        expressions.iter().map(|expression| one(expression, &context)).collect()
    };
    apart(all).unwrap_or_else(|error| vec![Err(error); expressions.len()])
}

/// Which of these conditions look at a variable.
pub fn look_at(variable: &str, expressions: &[&str]) -> Vec<bool> {
    let one = |expression: &str| {
        let Ok(program) = Program::compile(expression) else { return false };
        names(&program.expression().expr).iter().any(|name| {
            let (Name::Variable(named) | Name::Member { variable: named, .. }) = name;
            named == variable
        })
    };
    apart(|| expressions.iter().map(|expression| !is_too_large(expression) && one(expression)).collect())
        .unwrap_or_else(|_| vec![false; expressions.len()])
}

/// Examines a condition of a workflow with these steps; the answer is everything that is wrong with it.
pub fn examine(expression: &str, steps: &[&str]) -> Vec<Unfit> {
    if is_too_large(expression) {
        return vec![Unfit::TooLarge];
    }
    apart(|| examine_apart(expression, steps)).unwrap_or_else(|error| vec![Unfit::Syntax(error)])
}

fn examine_apart(expression: &str, steps: &[&str]) -> Vec<Unfit> {
    let program = match Program::compile(expression) {
        Ok(program) => program,
        Err(errors) => {
            let said = errors.errors.first().map(|error| (error.pos.1, error.msg.as_str()));
            let said = said.map_or_else(String::new, |(column, message)| format!("character {column}: {message}"));
            return vec![Unfit::Syntax(said)];
        }
    };
    let now = DateTime::<Utc>::UNIX_EPOCH;
    let variables = Facts::default().variables(now);
    let unknown: Vec<_> =
        names(&program.expression().expr).iter().filter_map(|name| unknown(name, &variables, steps)).collect();
    if !unknown.is_empty() {
        return unknown;
    }
    let open: serde_json::Map<String, Value> =
        steps.iter().map(|step| ((*step).to_owned(), serde_json::json!({ "status": "pending" }))).collect();
    match program.execute(&context(&variables, &Value::Object(open), now)) {
        // Evidence that is not there yet, such as a probe's verdict, is no fault of the condition.
        Ok(CelValue::Bool(_)) | Err(ExecutionError::NoSuchKey(_)) => vec![],
        Ok(other) => vec![Unfit::NotBoolean(format!("it gives {}", other.type_of()))],
        Err(ExecutionError::UndeclaredReference(name)) => vec![Unfit::UnknownFunction(name.to_string())],
        Err(error) => vec![Unfit::NotBoolean(error.to_string())],
    }
}

/// What is said of a name if nothing goes by it.
fn unknown(name: &Name, variables: &Value, steps: &[&str]) -> Option<Unfit> {
    let (Name::Variable(variable) | Name::Member { variable, .. }) = name;
    if !VARIABLES.contains(&variable.as_str()) {
        return Some(Unfit::Unknown { name: variable.clone(), known: VARIABLES.map(str::to_owned).to_vec() });
    }
    let Name::Member { member, .. } = name else { return None };
    let known: Vec<String> = if variable == "steps" {
        steps.iter().map(|step| (*step).to_owned()).collect()
    } else {
        variables.get(variable)?.as_object()?.keys().cloned().collect()
    };
    (!known.contains(member)).then(|| Unfit::Unknown { name: format!("{variable}.{member}"), known })
}

/// Runs CEL on a thread of its own, whose stack is known to suffice whoever calls, and where a defect of the
/// library ends in an answer.
fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, String> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("condition".to_owned()).stack_size(STACK).spawn_scoped(scope, work);
        let thread = thread.map_err(|error| format!("no thread to read it on: {error}"))?;
        thread.join().map_err(|_| "it cannot be read".to_owned())
    })
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
    use workbench_positions::{DEEPEST_NESTING, LONGEST_EXPRESSION};

    use super::*;
    use proptest::prelude::*;

    const STEPS: [&str; 1] = ["dry_run"];

    fn unknown_names(expression: &str) -> Vec<String> {
        let name = |unfit| match unfit {
            Unfit::Unknown { name, .. } | Unfit::UnknownFunction(name) => Some(name),
            _ => None,
        };
        examine(expression, &STEPS).into_iter().filter_map(name).collect()
    }

    #[test]
    fn sound_conditions_pass() {
        for expression in [
            r#"health.status == "pass" && steps.dry_run.status == "done""#,
            r#"health.probes.sample_login == "pass""#,
            "['dry_run'].all(step, steps[step].status == 'done')",
            "now - timestamp('2020-01-01T00:00:00Z') > duration('24h')",
            r#"tenant.kind == "tenant.x""#,
        ] {
            assert_eq!(examine(expression, &STEPS), [], "{expression}");
        }
    }

    #[test]
    fn every_unknown_name_is_told() {
        assert_eq!(unknown_names("healt.status == 'pass' || imports.clear > 0"), ["healt", "imports.clear"]);
        assert_eq!(unknown_names("health['staus'] == 'pass'"), ["health.staus"]);
        assert_eq!(unknown_names("steps.dryrun.status == 'done'"), ["steps.dryrun"]);
        assert_eq!(unknown_names("sizeof(health.status) == 1"), ["sizeof"]);
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        assert!(matches!(examine("health.status = 1", &STEPS)[..], [Unfit::Syntax(_)]));
        assert!(matches!(examine("imports.completed", &STEPS)[..], [Unfit::NotBoolean(_)]));
        assert_eq!(examine(&"x".repeat(LONGEST_EXPRESSION + 1), &STEPS), [Unfit::TooLarge]);
    }

    #[test]
    fn conditions_know_what_they_look_at() {
        let expressions = [r#"health["status"] == "pass""#, r#"tenant.kind == "health.x""#, "health."];
        assert_eq!(look_at("health", &expressions), [true, false, false]);
    }

    #[test]
    fn evidence_decides() {
        let now = DateTime::<Utc>::UNIX_EPOCH;
        let variables = serde_json::json!({ "health": { "status": "pass", "age_seconds": 60 } });
        let steps = serde_json::json!({ "dry_run": { "status": "done" } });
        let holds = |expression: &str| evaluate(&[expression], &variables, &steps, now).remove(0);
        assert_eq!(holds(r#"health.status == "pass" && steps.dry_run.status == "done""#), Ok(true));
        assert_eq!(holds("health.age_seconds <= 7 * 86400"), Ok(true));
        assert_eq!(holds("health.age_seconds > 60"), Ok(false));
        assert!(holds("health.age_seconds").is_err());
        assert!(holds("health.probes.sample_login == 'pass'").is_err());
        assert!(holds("imports.completed > 0").is_err());
    }

    #[test]
    fn the_largest_conditions_fit_the_stack() {
        let nested = |open: &str, close: &str| {
            format!("{}1{} == 1", open.repeat(DEEPEST_NESTING), close.repeat(DEEPEST_NESTING))
        };
        let chained = |link: &str| {
            let links = (LONGEST_EXPRESSION - "now".len()) / link.len();
            format!("now{}", link.repeat(links))
        };
        for expression in [
            nested("(", ")"),
            nested("[", "]"),
            nested("{1:", "}"),
            nested("size(", ")"),
            nested("[1].map(x, ", ")"),
            nested("- -[1+", "]"),
            format!("{}1{}{}", "[1].map(x, ".repeat(DEEPEST_NESTING), "+1".repeat(300), ")".repeat(DEEPEST_NESTING)),
            chained("+1"),
            chained("[0]"),
            chained(".a"),
            chained(".f()"),
            chained("==1"),
            chained("?1:1"),
            "-".repeat(LONGEST_EXPRESSION),
            "- ".repeat(LONGEST_EXPRESSION / 2),
            "(".repeat(DEEPEST_NESTING),
            "(".repeat(LONGEST_EXPRESSION),
        ] {
            let _ = examine(&expression, &STEPS);
            let _ = evaluate(&[&expression], &Value::Null, &Value::Null, DateTime::<Utc>::UNIX_EPOCH);
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,60}") {
            let _ = examine(&text, &STEPS);
            let _ = evaluate(&[&text], &Value::Null, &Value::Null, DateTime::<Utc>::UNIX_EPOCH);
        }
    }
}
