//! How many requests are let in: a daemon that cannot keep up says so at once.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use super::problem::Problem;
use super::{App, console, patience};

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

/// Lets a request in where there is a place. Whoever watches over the daemon is always let in. An answer that has begun,
/// such as a stream of events, holds no place.
pub async fn admit(State(app): State<App>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str).to_owned();
    if matches!(route.as_str(), "/healthz" | "/readyz" | "/metrics") {
        return next.run(request).await;
    }
    let Ok(_place) = app.admission.places.try_acquire() else {
        app.metrics.shed();
        let problem = too_many();
        return if patience::is_page(&request) { console::failed(&problem) } else { problem.into_response() };
    };
    let _counted = Counted::new(app.metrics.in_flight().clone());
    next.run(request).await
}

fn too_many() -> Problem {
    let title = "The daemon has too much to do";
    let detail = "as many requests as it takes at once are waiting for their answer; this one was not begun";
    let mut problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", title, detail);
    problem.retry_after = Some(1);
    problem
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
