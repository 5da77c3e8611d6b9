//! JSON bodies, refused in words where they do not fit.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use serde::de::{DeserializeOwned, IgnoredAny};

use super::nul;
use super::problem::{Problem, suggestion};

/// A JSON body (`application/json`, and `application/merge-patch+json` for PATCH).
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence =
            content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if essence != "application/json" && essence != "application/merge-patch+json" {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "content_type",
                "The body is not JSON",
                format!("the content type is `{essence}`"),
            )
            .hint("Send `Content-Type: application/json`."));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| unread(&rejection))?;
        read(&bytes).map(Self)
    }
}

/// A body that may be left out; what is there must fit all the same.
pub struct OptionalJsonBody<T>(pub T);

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for OptionalJsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| unread(&rejection))?;
        if bytes.is_empty() { Ok(Self(T::default())) } else { read(&bytes).map(Self) }
    }
}

/// A body that did not arrive whole.
fn unread(rejection: &BytesRejection) -> Problem {
    let detail = match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => "the body is longer than anything that is asked for here",
        _ => "the body broke off before its end",
    };
    Problem::new(rejection.status(), "body", "The body could not be read", detail)
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    nul::refuse_in_json(bytes)?;
    // Serde would take an array for the fields in their order.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        let whole = serde_json::from_slice::<IgnoredAny>(bytes);
        return Err(whole.map_or_else(
            |error| unfit(&error),
            |_| Problem::invalid("invalid_body", "the body is an array; it must be an object"),
        ));
    }
    serde_json::from_slice(bytes).map_err(|error| unfit(&error))
}

/// Tells a text that is no JSON (400) from JSON that does not fit (422).
fn unfit(error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    if !error.is_data() {
        return Problem::new(StatusCode::BAD_REQUEST, "malformed_json", "The body is not JSON", text);
    }
    let problem = Problem::invalid("invalid_body", text.clone());
    let mut quoted = text.split('`').skip(1).step_by(2);
    match (text.starts_with("unknown "), quoted.next()) {
        (true, Some(word)) => {
            let known: Vec<&str> = quoted.collect();
            problem.hint(suggestion(word, &known))
        }
        _ => problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use workbench_engine::checklist::StepPatch;

    fn refused(body: &str) -> Problem {
        unfit(&serde_json::from_str::<StepPatch>(body).expect_err("the body does not fit"))
    }

    #[test]
    fn a_misspelt_field_gets_a_suggestion() {
        let problem = refused(r#"{"asignee": "anna"}"#);
        assert_eq!((problem.status, problem.hint.as_deref()), (422, Some("Did you mean `assignee`?")));
    }

    #[test]
    fn a_misspelt_status_gets_a_suggestion() {
        let problem = refused(r#"{"status": "doen"}"#);
        assert_eq!((problem.status, problem.hint.as_deref()), (422, Some("Did you mean `done`?")));
    }

    #[test]
    fn a_broken_text_is_a_bad_request() {
        assert_eq!(refused(r#"{"status": "#).status, 400);
    }
}
