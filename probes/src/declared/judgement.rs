//! Judging an answer by assertions in CEL.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;

use cel::{Context, ExecutionError, Program, Value as CelValue};
use reqwest::StatusCode;
use serde_json::Value;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant as Deadline, timeout_at};
use workbench_positions::is_too_large;

use super::declaration::{self, Severity};
use super::exchange::Answer;
use super::variables::{SECRET, Variables};
use crate::result::milliseconds;

/// A compiled assertion.
#[derive(Debug)]
pub(super) struct Assertion {
    pub(super) that: String,
    program: Arc<Program>,
    pub(super) severity: Severity,
    pub(super) message: String,
    pub(super) hint: String,
}

/// Whether an assertion holds for an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    Holds,
    DoesNotHold,
    /// The answer lacks something that the assertion asks for; says what.
    AnswerUnfit(String),
    /// The assertion makes no sense, whatever the answer; says why.
    AssertionUnfit(UnfitExpression),
}

impl Judgement {
    /// Whether the step has failed with it.
    fn decides(&self, severity: Severity) -> bool {
        match self {
            Self::Holds => false,
            Self::DoesNotHold => severity == Severity::Fail,
            Self::AnswerUnfit(_) | Self::AssertionUnfit(_) => true,
        }
    }
}

/// What assertions can name.
pub(super) const NAMES: [&str; 5] = ["status", "body", "headers", "latency_ms", "vars"];

/// The parser and the interpreter of CEL call themselves for every bracket and operator, and running out of stack ends
/// the process. The bounds of `is_too_large` need less than half of this.
const STACK: usize = 64 * 1024 * 1024;

/// Threads that judge answers at once. One that does not come to an end keeps its place: a platform that answers what
/// takes for ever to judge stops other probes from judging rather than the machine from working.
const AT_ONCE: usize = 64;

static PLACES: Semaphore = Semaphore::const_new(AT_ONCE);

/// Why an expression can be no assertion.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum UnfitExpression {
    #[error("is no CEL: {0}")]
    Syntax(String),
    #[error("is too long, nested too deeply or loops within loops within loops")]
    TooLarge,
    #[error("knows nothing named `{0}`")]
    Unknown(String),
    #[error("gives {0}, not true or false")]
    NotBoolean(String),
    #[error("could not be evaluated: {0}")]
    Unevaluated(String),
}

/// Compiles an expression and finds what is wrong with it whatever the answer.
pub(super) fn compile(that: &str) -> Result<Program, UnfitExpression> {
    if is_too_large(that) {
        return Err(UnfitExpression::TooLarge);
    }
    apart(|| {
        let program = Program::compile(that).map_err(|errors| {
            let said = errors.errors.first().map(|error| format!("character {}: {}", error.pos.1, error.msg));
            let said = said.unwrap_or_default();
            UnfitExpression::Syntax(said.split_whitespace().collect::<Vec<_>>().join(" "))
        })?;
        // An evaluation against an answer like any other brings most unknown names to light. Those that it steps
        // over turn up when the probe runs.
        match evaluate(&program, &context(StatusCode::OK, &Value::Null, HashMap::new(), 0, &Variables::new())) {
            Judgement::AssertionUnfit(reason) => Err(reason),
            _ => Ok(program),
        }
    })
    .unwrap_or_else(|| Err(UnfitExpression::Syntax("it cannot be read".to_owned())))
}

/// Runs CEL on a thread of its own, whose stack is known to suffice whoever calls, and where a defect of the library
/// ends in an answer; none where it did.
fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    thread::scope(|scope| stack().spawn_scoped(scope, work).ok()?.join().ok())
}

/// A thread for CEL.
fn stack() -> thread::Builder {
    thread::Builder::new().name("assertion".to_owned()).stack_size(STACK)
}

impl Assertion {
    pub(super) fn compile(assertion: declaration::Assertion) -> Result<Self, String> {
        let program = compile(&assertion.that).map_err(|unfit| format!("`{}` {unfit}", assertion.that))?;
        Ok(Self {
            that: assertion.that,
            program: Arc::new(program),
            severity: assertion.severity,
            message: assertion.message,
            hint: assertion.hint,
        })
    }
}

/// Judges an answer by assertions in their order, until `deadline`: neither a long evaluation nor what follows it may
/// wait for the other. Ends with the first that decides, as those after it build on it.
pub(super) async fn judge(
    assertions: &[Assertion],
    answer: &Arc<Answer>,
    variables: &Variables,
    deadline: Deadline,
) -> Vec<Judgement> {
    let programs: Vec<_> =
        assertions.iter().map(|assertion| (Arc::clone(&assertion.program), assertion.severity)).collect();
    let (answer, variables) = (Arc::clone(answer), variables.clone());
    let unfit = |why: &str| Judgement::AssertionUnfit(UnfitExpression::Unevaluated(why.to_owned()));
    let Ok(Ok(place)) = timeout_at(deadline, PLACES.acquire()).await else {
        return vec![unfit("too many others take too long")];
    };
    let (told, mut hears) = mpsc::unbounded_channel();
    // One thread for all of a step's assertions: to start one takes longer than most evaluations.
    let thread = stack().spawn(move || {
        let _place = place;
        let headers = answer.headers.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
        let context = context(answer.status, &answer.body, headers, milliseconds(answer.latency), &variables);
        for (program, severity) in programs {
            let judgement = evaluate(&program, &context);
            let decides = judgement.decides(severity);
            // Nobody hears it once the time is over.
            if told.send(judgement).is_err() || decides {
                break;
            }
        }
    });
    if thread.is_err() {
        return vec![unfit("there was no thread for it")];
    }
    let mut judged = Vec::new();
    for assertion in assertions {
        let judgement = match timeout_at(deadline, hears.recv()).await {
            Ok(Some(judgement)) => judgement,
            // The library gave up on it.
            Ok(None) => Judgement::AnswerUnfit("it is of another shape".to_owned()),
            Err(_) => unfit("it takes too long"),
        };
        let decides = judgement.decides(assertion.severity);
        judged.push(judgement);
        if decides {
            break;
        }
    }
    judged
}

fn evaluate(program: &Program, context: &Context<'_, '_>) -> Judgement {
    match program.execute(context) {
        Ok(CelValue::Bool(true)) => Judgement::Holds,
        Ok(CelValue::Bool(false)) => Judgement::DoesNotHold,
        Ok(other) => Judgement::AssertionUnfit(UnfitExpression::NotBoolean(other.type_of().to_string())),
        Err(ExecutionError::UndeclaredReference(name)) => {
            Judgement::AssertionUnfit(UnfitExpression::Unknown(name.to_string()))
        }
        Err(ExecutionError::NoSuchKey(name)) => Judgement::AnswerUnfit(format!("it has no `{name}`")),
        // Other errors quote the values they met, which may be secret.
        Err(_) => Judgement::AnswerUnfit("it is of another shape".to_owned()),
    }
}

fn context(
    status: StatusCode,
    body: &Value,
    headers: HashMap<String, CelValue>,
    latency_ms: u64,
    variables: &Variables,
) -> Context<'static, 'static> {
    let vars: HashMap<String, CelValue> = variables
        .iter()
        .filter(|(name, _)| *name != SECRET)
        .map(|(name, value)| (name.clone(), value.clone().into()))
        .collect();
    let mut context = Context::default();
    context.add_variable_from_value("status", i64::from(status.as_u16()));
    context.add_variable_from_value("body", to_cel(body));
    context.add_variable_from_value("headers", headers);
    context.add_variable_from_value("latency_ms", i64::try_from(latency_ms).unwrap_or(i64::MAX));
    context.add_variable_from_value("vars", vars);
    context
}

/// JSON as CEL sees it. Whole numbers become `int`, which is what a literal in an expression is; the conversion
/// that CEL's library offers makes `uint` of them, and `body.members + 1` an error.
fn to_cel(value: &Value) -> CelValue {
    match value {
        Value::Null => CelValue::Null,
        Value::Bool(value) => CelValue::Bool(*value),
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(number), ..) => CelValue::Int(number),
            (_, Some(number), _) => CelValue::UInt(number),
            (.., Some(number)) => CelValue::Float(number),
            _ => CelValue::Null,
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
    use serde_json::json;

    use super::*;

    fn judge(that: &str, body: &Value) -> Judgement {
        let assertion = declaration::Assertion {
            that: that.to_owned(),
            severity: Severity::Fail,
            message: "it does not".to_owned(),
            hint: String::new(),
        };
        let assertion = Assertion::compile(assertion).expect("the assertion compiles");
        let variables: Variables =
            [("token".to_owned(), "abc".to_owned()), (SECRET.to_owned(), "hunter2".to_owned())].into();
        evaluate(&assertion.program, &context(StatusCode::OK, body, HashMap::new(), 12, &variables))
    }

    #[test]
    fn answers_are_judged_by_status_body_latency_and_variables() {
        let body = json!({"members": 3, "provider": null, "rows": [{"n": 1}, {"n": 2}], "share": 0.5, "name": "x"});
        for (that, judgement) in [
            ("status == 200 && latency_ms < 1000", Judgement::Holds),
            ("body.members + 1 == 4", Judgement::Holds),
            ("type(body.members) == int", Judgement::Holds),
            ("type(body.name) == int", Judgement::DoesNotHold),
            ("body.provider != null", Judgement::DoesNotHold),
            ("body.name != null", Judgement::Holds),
            ("body.rows.all(row, row.n > 0)", Judgement::Holds),
            ("body.share < 1.0", Judgement::Holds),
            ("vars.token == 'abc'", Judgement::Holds),
            ("has(body.token)", Judgement::DoesNotHold),
            ("has(vars.secret)", Judgement::DoesNotHold),
            ("body.count > 0", Judgement::AnswerUnfit("it has no `count`".to_owned())),
            ("body.name > 0", Judgement::AnswerUnfit("it is of another shape".to_owned())),
        ] {
            assert_eq!(judge(that, &body), judgement, "{that}");
        }
    }

    #[test]
    fn a_name_that_only_some_answers_lead_to_is_found_then() {
        let that = "body == null || unknown == 1";
        assert_eq!(judge(that, &json!(1)), Judgement::AssertionUnfit(UnfitExpression::Unknown("unknown".to_owned())));
    }

    #[test]
    fn a_text_body_has_no_fields() {
        assert!(matches!(judge("has(body.token)", &json!("<html>")), Judgement::AnswerUnfit(_)));
    }
}
