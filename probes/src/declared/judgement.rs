//! Judging an answer by assertions in CEL.

use std::collections::HashMap;

use cel::{Context, ExecutionError, Program, Value as CelValue};
use reqwest::StatusCode;
use serde_json::Value;

use super::check::SECRET;
use super::declaration::{self, Severity};
use super::exchange::Answer;
use super::template::Variables;
use crate::result::milliseconds;

/// A compiled assertion.
#[derive(Debug)]
pub(super) struct Assertion {
    pub(super) that: String,
    program: Program,
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
    AssertionUnfit(String),
}

impl Assertion {
    pub(super) fn compile(assertion: declaration::Assertion) -> Result<Self, String> {
        let program = Program::compile(&assertion.that).map_err(|errors| {
            // The parser draws a picture over several lines; a fault is one line.
            errors.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
        })?;
        let compiled = Self {
            that: assertion.that,
            program,
            severity: assertion.severity,
            message: assertion.message,
            hint: assertion.hint,
        };
        // An evaluation against an answer like any other brings most unknown names to light. Those that it steps
        // over turn up when the probe runs.
        match compiled.evaluate(&context(StatusCode::OK, &Value::Null, HashMap::new(), 0, &Variables::new())) {
            Judgement::AssertionUnfit(reason) => Err(reason),
            _ => Ok(compiled),
        }
    }

    pub(super) fn judge(&self, answer: &Answer, variables: &Variables) -> Judgement {
        let headers = answer.headers.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
        self.evaluate(&context(answer.status, &answer.body, headers, milliseconds(answer.latency), variables))
    }

    fn evaluate(&self, context: &Context<'_, '_>) -> Judgement {
        match self.program.execute(context) {
            Ok(CelValue::Bool(true)) => Judgement::Holds,
            Ok(CelValue::Bool(false)) => Judgement::DoesNotHold,
            Ok(other) => Judgement::AssertionUnfit(format!("gives {}, not a boolean", other.type_of())),
            Err(ExecutionError::UndeclaredReference(name)) => {
                Judgement::AssertionUnfit(format!("knows nothing named `{name}`"))
            }
            Err(ExecutionError::NoSuchKey(name)) => Judgement::AnswerUnfit(format!("it has no `{name}`")),
            // Other errors quote the values they met, which may be secret.
            Err(_) => Judgement::AnswerUnfit("it is of another shape".to_owned()),
        }
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
        assertion.evaluate(&context(StatusCode::OK, body, HashMap::new(), 12, &variables))
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
        assert_eq!(judge(that, &json!(1)), Judgement::AssertionUnfit("knows nothing named `unknown`".to_owned()));
    }

    #[test]
    fn a_text_body_has_no_fields() {
        assert!(matches!(judge("has(body.token)", &json!("<html>")), Judgement::AnswerUnfit(_)));
    }
}
