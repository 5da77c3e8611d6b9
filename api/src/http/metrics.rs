//! `/metrics`: what this process counts, for Prometheus. `docs/metrics.md` says what each metric means.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::App;
use super::readiness::Operations;

/// Upper bounds of the durations of requests, in seconds.
const BOUNDS: [f64; 10] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 30.0];

/// What is counted of requests, and where everything is gathered.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    requests: Family<Answered, Counter>,
    durations: Family<OfRoute, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
    shed: Counter,
    up: Family<OfPart, Gauge>,
    due: Gauge<f64, AtomicU64>,
    connections: Family<OfUse, Gauge>,
    memory: Gauge<i64, AtomicI64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    method: String,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRoute {
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfPart {
    part: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfUse {
    state: &'static str,
}

impl Metrics {
    /// Gathers what the process counts of requests and of `jobs`.
    #[must_use]
    pub fn new(jobs: &workbench_jobs::JobMetrics) -> Self {
        let mut registry = Registry::with_prefix("workbench");
        let seconds: fn() -> Histogram = || Histogram::new(BOUNDS);
        let (requests, durations) = (Family::default(), Family::new_with_constructor(seconds));
        let (in_flight, shed, up) = (Gauge::default(), Counter::default(), Family::default());
        let (due, connections, memory) = (Gauge::default(), Family::default(), Gauge::default());
        registry.register("build", "Version of the program", Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]));
        registry.register("http_requests", "Requests that were answered", requests.clone());
        let described = "From a request to the head of its answer";
        registry.register_with_unit("http_request", described, Unit::Seconds, durations.clone());
        registry.register("http_in_flight", "Requests whose answer has not begun", in_flight.clone());
        registry.register("http_shed", "Requests that were refused because too many were in flight", shed.clone());
        registry.register("part_up", "Whether a part works: 1 where it does, else 0", up.clone());
        let described = "For how long the oldest due job has been waiting, 0 where none waits";
        registry.register_with_unit("oldest_due", described, Unit::Seconds, due.clone());
        registry.register("store_connections", "Connections to the database", connections.clone());
        registry.register_with_unit("resident_memory", "Memory of the process", Unit::Bytes, memory.clone());
        jobs.register(&mut registry);
        let registry = Arc::new(registry);
        Self { registry, requests, durations, in_flight, shed, up, due, connections, memory }
    }

    /// A request was refused because too many were in flight.
    pub fn shed(&self) {
        self.shed.inc();
    }

    /// How many requests are in flight.
    #[must_use]
    pub fn in_flight(&self) -> &Gauge {
        &self.in_flight
    }

    /// Brings up to date what is looked at and not counted.
    async fn look(&self, operations: &Operations) {
        let ready = operations.look().await;
        for (part, state) in &ready.parts {
            self.up.get_or_create(&OfPart { part: (*part).to_owned() }).set(i64::from(state.status == "pass"));
        }
        self.due.set(ready.oldest_due.map_or(0.0, |waiting| waiting.as_secs_f64()));
        let (open, idle) = operations.store().connections();
        self.connections.get_or_create(&OfUse { state: "idle" }).set(i64::from(idle));
        self.connections.get_or_create(&OfUse { state: "in_use" }).set(i64::from(open.saturating_sub(idle)));
        self.memory.set(resident_memory().unwrap_or_default());
    }
}

/// Answer the metrics
pub async fn show(State(operations): State<Operations>, State(metrics): State<Metrics>) -> Response {
    metrics.look(&operations).await;
    let mut text = String::new();
    if encode(&mut text, &metrics.registry).is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response()
}

/// Counts a request and its answer by the route, never by the address.
pub async fn count(State(app): State<App>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let method = request.method().as_str();
    // Whoever sends methods of his own invention does not fill our memory with them.
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].contains(&method);
    let method = if known { method.to_owned() } else { "other".to_owned() };
    let began = Instant::now();
    let response = next.run(request).await;
    app.metrics.durations.get_or_create(&OfRoute { route: route.clone() }).observe(seconds(began.elapsed()));
    let status = response.status().as_u16();
    app.metrics.requests.get_or_create(&Answered { method, route, status }).inc();
    response
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

/// In bytes, as Linux tells it.
fn resident_memory() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<i64>().ok()? * 1024)
}
