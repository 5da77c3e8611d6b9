//! Conditions.
use cel::{Context, Program, Value as Cel};
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::collections::HashMap;
/// Evaluates.
pub fn evaluate(expression: &str, variables: &Value, steps: &Value, now: DateTime<Utc>) -> Result<bool, String> {
    let program = Program::compile(expression).map_err(|e| e.to_string())?;
    let mut context = Context::default();
    for (k, v) in variables.as_object().into_iter().flatten() { context.add_variable_from_value(k.clone(), to_cel(v)); }
    context.add_variable_from_value("steps", to_cel(steps));
    context.add_variable_from_value("now", Cel::Timestamp(now.fixed_offset()));
    match program.execute(&context) { Ok(Cel::Bool(b)) => Ok(b), Ok(_) => Err("not a boolean".into()), Err(e) => Err(e.to_string()) }
}
fn to_cel(value: &Value) -> Cel {
    match value {
        Value::Null => Cel::Null,
        Value::Bool(b) => Cel::Bool(*b),
        Value::Number(n) => n.as_i64().map_or_else(|| Cel::Float(n.as_f64().unwrap_or_default()), Cel::Int),
        Value::String(t) => t.clone().into(),
        Value::Array(i) => i.iter().map(to_cel).collect::<Vec<_>>().into(),
        Value::Object(f) => f.iter().map(|(k, v)| (k.clone(), to_cel(v))).collect::<HashMap<_, _>>().into(),
    }
}
