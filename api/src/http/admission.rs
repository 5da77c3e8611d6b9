//! How many requests are let in, and how long one may take: a daemon that cannot keep up says so at once.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use super::problem::Problem;
use super::{App, console};

/// A request that has no answer by then will have none: the database gives up on a lock, and the pool on a connection, long before.
const PATIENCE: Duration = Duration::from_secs(20);

/// The places for requests whose answer has not begun.
#[derive(Debug, Clone)]
pub struct Admission {
    places: Arc<Semaphore>,
}

impl Admission {
    /// At most so many at once.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(most.clamp(1, Semaphore::MAX_PERMITS))) }
    }
}

/// Lets a request in where there is a place, and sees to it that it is answered. Whoever watches over the daemon is always let
/// in. An answer that has begun, such as a stream of events, holds no place.
pub async fn admit(State(app): State<App>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str).to_owned();
    if matches!(route.as_str(), "/healthz" | "/readyz" | "/metrics") {
        return next.run(request).await;
    }
    let wants_page = wants_page(request.headers());
    let refuse = |problem: Problem| if wants_page { console::failed(&problem) } else { problem.into_response() };
    let Ok(_place) = app.admission.places.try_acquire() else {
        app.metrics.shed();
        return refuse(too_many());
    };
    let _counted = Counted::new(app.metrics.in_flight().clone());
    if takes_its_time(request.method(), &route) {
        return next.run(request).await;
    }
    match tokio::time::timeout(PATIENCE, next.run(request)).await {
        Ok(response) => response,
        Err(_) => refuse(too_slow()),
    }
}

/// Uploads last as long as the line is slow, and some requests wait for what they have started.
fn takes_its_time(method: &Method, route: &str) -> bool {
    method == Method::POST && ["/imports", "/health-check", "/test"].iter().any(|end| route.ends_with(end))
}

fn wants_page(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|accept| accept.contains("text/html"))
}

fn too_many() -> Problem {
    let title = "The daemon has too much to do";
    let detail = "as many requests as it takes at once are waiting for their answer; this one was not begun";
    let mut problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", title, detail);
    problem.retry_after = Some(1);
    problem
}

fn too_slow() -> Problem {
    let detail = format!("there was no answer within {PATIENCE:?}; the request may have been carried out");
    let title = "The database does not answer";
    let mut problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", title, detail);
    problem.retry_after = Some(5);
    problem.hint("Repeat it with the same `Idempotency-Key`: then it is carried out once.")
}

/// One more in flight for as long as it lives, also where the caller goes away.
struct Counted(prometheus_client::metrics::gauge::Gauge);

impl Counted {
    fn new(gauge: prometheus_client::metrics::gauge::Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}
