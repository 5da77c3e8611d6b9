//! Refuses NUL, the one character that Postgres cannot store in a text, on every way in.
//!
//! SQLite would take it, and a store that was moved to Postgres later would break.

use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::problem::Problem;

const CODE: &str = "nul_character";

/// Refuses an address that holds NUL in its path or query, or a path that is no UTF-8.
pub async fn refuse_in_address(request: Request, next: Next) -> Response {
    // Nothing but this escape can bring a NUL into an address.
    let holds = |text: &str| text.contains("%00");
    let (path, query) = (request.uri().path(), request.uri().query());
    let (code, detail) = if holds(path) || query.is_some_and(holds) {
        (CODE, "the address holds the character NUL (`%00`)")
    } else if percent_decode_str(path).decode_utf8().is_err() {
        ("address_encoding", "the address' path is not UTF-8")
    } else {
        return next.run(request).await;
    };
    Problem::new(StatusCode::BAD_REQUEST, code, "The address cannot be used", detail).into_response()
}

/// Refuses a text that holds NUL.
pub fn refuse_in_text(field: &str, text: &str) -> Result<(), Problem> {
    if text.contains('\0') { Err(held_by(field)) } else { Ok(()) }
}

/// Refuses a JSON body that holds NUL in any text. What is no JSON is for the caller to refuse.
pub fn refuse_in_json(body: &[u8]) -> Result<(), Problem> {
    // In JSON it can only be written as this escape, which hardly any body holds.
    if !body.windows(6).any(|bytes| bytes == br"\u0000") {
        return Ok(());
    }
    match serde_json::from_slice(body).ok().and_then(|value| find(&value, "")) {
        Some(field) => Err(held_by(&field)),
        None => Ok(()),
    }
}

fn held_by(field: &str) -> Problem {
    Problem::invalid(CODE, format!("`{}` holds the character NUL", field.replace('\0', "␀")))
        .hint("Leave the character out; no text may hold it.")
}

/// The path of the first text with NUL.
fn find(value: &Value, path: &str) -> Option<String> {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::String(text) => text.contains('\0').then(|| path.to_owned()),
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(place, item)| find(item, &below(&place.to_string())))
        }
        Value::Object(members) => {
            members.iter().find_map(
                |(name, member)| {
                    if name.contains('\0') { Some(below(name)) } else { find(member, &below(name)) }
                },
            )
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_is_named() {
        let refused = |body: &str| refuse_in_json(body.as_bytes()).err().map(|problem| problem.detail);
        assert_eq!(refused(r#"{"a": {"b": ["x", "\u0000"]}}"#).as_deref(), Some("`a.b.1` holds the character NUL"));
        assert_eq!(refused(r#"{"a\u0000": 1}"#).as_deref(), Some("`a␀` holds the character NUL"));
        // An escaped backslash, and then four digits.
        assert_eq!(refused(r#"{"a": "\\u0000"}"#), None);
        assert_eq!(refused(r#"{"a": "\u0000"#), None);
    }
}
