//! `Idempotency-Key`: a repeated POST or PATCH gets the first answer, and its effect happens once.

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use chrono::Utc;
use serde::Serialize;
use sha2::{Digest, Sha256};
use workbench_engine::log::hex;
use workbench_engine::store::{Replay, StoredAnswer, Tx};

use super::App;
use super::access::Caller;
use super::problem::{self, Problem};

/// The request's key, if it carries one. The value is a quoted string by the draft; bare text is taken, too.
#[derive(Debug, Clone)]
pub struct IdempotencyKey {
    key: Option<String>,
    route: String,
}

/// An answer that can be kept and repeated.
#[derive(Debug, Clone)]
pub struct Answer {
    status: StatusCode,
    headers: Vec<(HeaderName, String)>,
    body: String,
}

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let route = format!("{} {}", parts.method, parts.uri.path());
        let Some(value) = parts.headers.get("idempotency-key") else { return Ok(Self { key: None, route }) };
        let key = value.to_str().unwrap_or_default().trim().trim_matches('"').to_owned();
        if key.is_empty() || key.len() > 200 {
            return Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "idempotency_key",
                "The idempotency key cannot be used",
                "the key must have 1 to 200 visible ASCII characters",
            ));
        }
        Ok(Self { key: Some(key), route })
    }
}

impl IdempotencyKey {
    /// Carries out what a request asks for: its key, its effect and its answer are one transaction, which is tried once more
    /// where it lost against another. A repeated request gets the first answer and has no effect. `content` is what it must
    /// repeat. The action hands the transaction back with its answer.
    pub async fn once<F>(
        &self,
        app: &App,
        caller: &Caller,
        content: &[u8],
        act: impl Fn(Tx) -> F,
    ) -> Result<Response, Problem>
    where
        F: Future<Output = Result<(Tx, Answer), Problem>>,
    {
        problem::once_more(|| async {
            let mut tx = app.context.store.begin(&caller.actor, Utc::now()).await?;
            // Before the action looks at anything: the first request has changed what there is to see.
            if let Some(answer) = self.take(&mut tx, content).await? {
                return Ok(answer);
            }
            let (mut tx, answer) = act(tx).await?;
            self.keep(&mut tx, &answer).await?;
            tx.commit().await?;
            Ok(answer.into_response())
        })
        .await
    }

    /// Takes the key within the transaction of the effect. `Some` is the answer of the first request.
    pub async fn take(&self, tx: &mut Tx, content: &[u8]) -> Result<Option<Response>, Problem> {
        let Some(key) = &self.key else { return Ok(None) };
        let mut fingerprint = Sha256::new();
        fingerprint.update(self.route.as_bytes());
        fingerprint.update([0]);
        fingerprint.update(content);
        match tx.take_idempotency_key(key, &hex(&fingerprint.finalize())).await? {
            Replay::First => Ok(None),
            Replay::Answered(answer) => Ok(Some(Answer::restore(answer)?.into_response())),
            Replay::OtherRequest => {
                Err(Problem::invalid("idempotency_key_reused", "the idempotency key was used for another request")
                    .hint("Use a new key for every request that is not a repetition."))
            }
        }
    }

    /// Keeps the answer within the transaction of the effect.
    pub async fn keep(&self, tx: &mut Tx, answer: &Answer) -> Result<(), Problem> {
        if let Some(key) = &self.key {
            let headers: Vec<(&str, &str)> =
                answer.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let stored = StoredAnswer {
                status: answer.status.as_u16(),
                headers: serde_json::to_string(&headers).unwrap_or_default(),
                body: answer.body.clone(),
            };
            tx.keep_answer(key, &stored).await?;
        }
        Ok(())
    }
}

impl Answer {
    /// A JSON answer.
    pub fn json(status: StatusCode, body: &impl Serialize) -> Self {
        Self { status, headers: Vec::new(), body: serde_json::to_string(body).unwrap_or_default() }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn restore(stored: StoredAnswer) -> Result<Self, Problem> {
        let damaged = || {
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The daemon failed", "a kept answer is damaged")
        };
        let headers: Vec<(String, String)> = serde_json::from_str(&stored.headers).map_err(|_| damaged())?;
        let headers = headers
            .into_iter()
            .map(|(name, value)| Ok((HeaderName::try_from(name).map_err(|_| damaged())?, value)))
            .collect::<Result<_, Problem>>()?;
        Ok(Self { status: StatusCode::from_u16(stored.status).map_err(|_| damaged())?, headers, body: stored.body })
    }

    /// The answer as it is sent.
    pub fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::try_from(value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}
