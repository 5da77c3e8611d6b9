//! No request waits for ever: one that was not answered in time gets a 503, whatever hangs behind it.
//!
//! A database that is frozen, or behind a network that swallows packets, says nothing at all, and no timeout of the driver
//! covers a statement under way. So the time is taken here, once for all routes. Dropping what the request did so far rolls
//! its transaction back, unless it was committing already: then nobody knows, and the answer says so.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::{MatchedPath, Request};
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};
use tokio::time::Instant;

use super::console;
use super::problem::Problem;

/// How long the daemon may take for a request, not counting the time in which it waits for the body.
pub const PATIENCE: Duration = Duration::from_secs(8);
/// The same for what depends on others: a bucket may repeat an upload's part for a while, a receiver be slow to take a message.
const OTHERS: Duration = Duration::from_mins(1);
/// The same where the client asked to wait for a result.
const ASKED_TO_WAIT: Duration = Duration::from_secs(68);

/// When the request last moved on; absent while it waits for its client.
#[derive(Clone)]
struct Pace(Arc<Mutex<Option<Instant>>>);

impl Pace {
    fn moved(&self, waits_for_client: bool) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (!waits_for_client).then(Instant::now);
    }

    fn since(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A body that is being read. Whoever has read enough of it no longer waits for the client.
struct Reading(Pace);

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.moved(false);
    }
}

/// Answers a request that takes too long with a 503.
pub async fn limit(request: Request, next: Next) -> Response {
    let patience = patience_with(&request);
    answered_within(patience, request, next).await
}

async fn answered_within(patience: Duration, request: Request, next: Next) -> Response {
    let (method, for_people) = (request.method().clone(), is_page(&request));
    let pace = Pace(Arc::new(Mutex::new(Some(Instant::now()))));
    let watched = pace.clone();
    let mut answer = std::pin::pin!(next.run(request.map(|body| watch(body, watched))));
    loop {
        let until = pace.since().unwrap_or_else(Instant::now) + patience;
        tokio::select! {
            biased;
            response = &mut answer => return response,
            () = tokio::time::sleep_until(until) => {
                if pace.since().is_some_and(|since| since.elapsed() >= patience) {
                    break;
                }
            }
        }
    }
    let problem = overdue(&method);
    tracing::debug!(?patience, "a request was not answered in time");
    if for_people { console::failed(&problem) } else { problem.into_response() }
}

/// Bounds a part of a request that may take longer as a whole.
pub async fn within<T>(work: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| Err(overdue(&Method::POST)))
}

fn patience_with(request: &Request) -> Duration {
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let waits = request.uri().query().is_some_and(|query| query.contains("wait="));
    if waits && route.ends_with("/health-check") {
        ASKED_TO_WAIT
    } else if content_type.is_some_and(|value| value.starts_with("multipart/")) || route.ends_with("/test") {
        OTHERS
    } else {
        PATIENCE
    }
}

/// Whether a person waits for a page, rather than a program for JSON.
pub fn is_page(request: &Request) -> bool {
    let path = request.uri().path();
    let for_programs = ["/healthz", "/readyz", "/metrics", "/openapi.json"];
    !path.starts_with("/sys/") && !for_programs.contains(&path)
}

fn watch(body: Body, pace: Pace) -> Body {
    // A body without content stays one that is known to have none.
    if body.is_end_stream() {
        return body;
    }
    let (mut data, reading) = (body.into_data_stream(), Reading(pace));
    Body::from_stream(stream::poll_fn(move |context| {
        let polled = data.poll_next_unpin(context);
        reading.0.moved(polled.is_pending());
        polled
    }))
}

fn overdue(method: &Method) -> Problem {
    let reads = matches!(*method, Method::GET | Method::HEAD);
    let detail = if reads {
        "the request was not answered in time, most likely because the database does not answer"
    } else {
        "the request was not answered in time and may not have been carried out"
    };
    let mut problem =
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "timed_out", "The daemon did not answer in time", detail);
    problem.retry_after = Some(2);
    if reads {
        problem.hint("Ask again in a moment; `/readyz` says what is the matter.")
    } else {
        problem.hint(
            "Repeat it with the same `Idempotency-Key`: then it is carried out once. In the console, load the page \
             again first.",
        )
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::middleware::from_fn;
    use axum::routing::{get, post};
    use tower::ServiceExt;

    use super::*;

    const SHORT: Duration = Duration::from_millis(50);

    fn hanging() -> Router {
        Router::new()
            .route("/sys/hang", get(std::future::pending::<String>).post(std::future::pending::<String>))
            .route("/sys/read", post(|body: axum::body::Bytes| async move { body.len().to_string() }))
            .layer(from_fn(|request, next| answered_within(SHORT, request, next)))
    }

    fn request(method: &str, path: &str, body: Body) -> Request {
        Request::builder().method(method).uri(path).body(body).expect("a request")
    }

    #[tokio::test]
    async fn a_request_that_hangs_is_told_so() {
        for method in ["GET", "POST"] {
            let response = hanging().oneshot(request(method, "/sys/hang", Body::empty())).await.expect("an answer");
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert!(response.headers().contains_key(header::RETRY_AFTER));
        }
    }

    #[tokio::test]
    async fn a_slow_client_is_waited_for() {
        let chunks = stream::unfold(0, |sent| async move {
            tokio::time::sleep(SHORT * 3).await;
            (sent < 3).then(|| (Ok::<_, std::io::Error>("a"), sent + 1))
        });
        let response =
            hanging().oneshot(request("POST", "/sys/read", Body::from_stream(chunks))).await.expect("an answer");
        assert_eq!(response.status(), StatusCode::OK);
    }
}
