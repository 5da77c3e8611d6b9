//! Whether a process lives, and whether it can do its work.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRef, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use chrono::{TimeDelta, Utc};
use serde_json::json;
use workbench_engine::store::{Backlog, Store};
use workbench_jobs::{Context, Down, Part, PoolState, Queue, Status};

use super::App;
use super::metrics::{self, Metrics};
use super::observed::{MOST_COUNTED, Observed};
use super::wire::{Readiness, ReadinessPart};

/// When the oldest due job is older than this, workers or relay are behind.
const BEHIND: TimeDelta = TimeDelta::seconds(60);
/// When to look again, in seconds.
const LOOK_AGAIN: &str = "2";

/// What there is to say about how a process does.
#[derive(Clone)]
pub struct Operations {
    context: Context,
    status: Status,
    observed: Observed,
    /// Parts without which the process is of no use.
    needed: &'static [&'static str],
}

/// The state of each part at a moment.
pub(super) struct Look {
    /// By name.
    pub(super) parts: BTreeMap<&'static str, ReadinessPart>,
    /// How long the oldest due job has been waiting, where one is.
    pub(super) oldest_due: Option<Duration>,
}

impl Operations {
    /// Of a daemon. Without its queue it still takes requests, and what they want done waits in the database: taking it out of
    /// service would make a small failure a whole one.
    #[must_use]
    pub fn of_daemon(context: &Context, queue: &Queue, status: &Status) -> Self {
        Self::new(context, queue, status, &["store"])
    }

    /// Of a worker, which serves nothing but its queue.
    #[must_use]
    pub fn of_worker(context: &Context, queue: &Queue, status: &Status) -> Self {
        Self::new(context, queue, status, &["store", "queue", "workers"])
    }

    fn new(context: &Context, queue: &Queue, status: &Status, needed: &'static [&'static str]) -> Self {
        let observed = Observed::new(&context.store, queue);
        Self { context: context.clone(), status: status.clone(), observed, needed }
    }

    /// The store that is looked at.
    pub(super) fn store(&self) -> &Store {
        &self.context.store
    }

    /// Asks each part, for no longer than two seconds.
    pub(super) async fn look(&self) -> Look {
        let sight = self.observed.look().await;
        let dialect = format!("{:?}", self.context.store.dialect()).to_lowercase();
        let backlog = sight.store.as_ref().ok().copied();
        let oldest_due = backlog.and_then(|backlog| (Utc::now() - backlog.oldest?).to_std().ok());
        // The sound ones of before are in use: people have to look, and work goes on.
        let definitions = match self.status.definitions_problem() {
            Some(problem) => warning(problem),
            None => part(Ok("as they are on disk".to_owned())),
        };
        let parts = BTreeMap::from([
            ("store", part(sight.store.map(|_| dialect))),
            ("queue", part(sight.queue.map(|()| self.observed.queue_name().to_owned()))),
            ("backlog", waiting(backlog)),
            ("relay", self.machine(Part::Relay, || relayed(backlog))),
            ("reconciler", self.machine(Part::Reconciler, || "looks after leases".to_owned())),
            ("scheduler", self.machine(Part::Scheduler, || "follows the calendar".to_owned())),
            ("workers", self.workers()),
            ("definitions", definitions),
        ]);
        Look { parts, oldest_due }
    }

    async fn readiness(&self) -> Readiness {
        let parts = self.look().await.parts;
        let verdict = if self.needed.iter().any(|name| parts.get(name).is_some_and(|part| part.status == "fail")) {
            "fail"
        } else if parts.values().any(|part| part.status != "pass") {
            "warn"
        } else {
            "pass"
        };
        let parts = parts.into_iter().map(|(name, part)| (name.to_owned(), part)).collect();
        Readiness { status: verdict.to_owned(), parts }
    }

    fn machine(&self, which: Part, detail: impl FnOnce() -> String) -> ReadinessPart {
        part(self.status.down(which).map_or_else(|| Ok(detail()), Err))
    }

    fn workers(&self) -> ReadinessPart {
        let restarting = |down: Down| Down { error: format!("restarting: {}", down.error), ..down };
        match (self.status.down(Part::Workers).map(restarting), self.status.pool()) {
            (Some(down), _) => part(Err(down)),
            (None, PoolState::Off) => part(Ok("this process runs no jobs".to_owned())),
            (None, PoolState::Running { worker }) => part(Ok(worker)),
            (None, PoolState::Starting) => warning("starting".to_owned()),
        }
    }
}

impl FromRef<App> for Operations {
    fn from_ref(app: &App) -> Self {
        app.operations.clone()
    }
}

impl FromRef<App> for Metrics {
    fn from_ref(app: &App) -> Self {
        app.metrics.clone()
    }
}

/// What there is to see of a process that serves nothing else.
#[derive(Clone, FromRef)]
struct Seen {
    operations: Operations,
    metrics: Metrics,
}

/// What a process without an API tells about itself.
pub fn health_router(operations: Operations, metrics: Metrics) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics::show))
        .with_state(Seen { operations, metrics })
}

/// Say that the process lives
#[utoipa::path(
    get, path = "/healthz", tag = "operations", security(()),
    responses((status = 200, content_type = "application/health+json", body = String))
)]
pub async fn healthz() -> Response {
    let body = json!({ "status": "pass", "serviceId": "workbench", "version": env!("CARGO_PKG_VERSION") });
    ([(header::CONTENT_TYPE, "application/health+json")], body.to_string()).into_response()
}

/// Say whether the daemon can do its work
///
/// Names each part that cannot, and since when. 503 means that requests should go elsewhere, as without the database; without
/// the queue the daemon goes on serving, and jobs wait.
#[utoipa::path(
    get, path = "/readyz", tag = "operations", security(()),
    responses((status = 200, body = Readiness), (status = 503, body = Readiness))
)]
pub async fn readyz(State(operations): State<Operations>) -> Response {
    let readiness = operations.readiness().await;
    if readiness.status == "fail" {
        let again = [(header::RETRY_AFTER, LOOK_AGAIN)];
        return (StatusCode::SERVICE_UNAVAILABLE, again, axum::Json(readiness)).into_response();
    }
    axum::Json(readiness).into_response()
}

fn counted(n: i64) -> String {
    if n >= MOST_COUNTED { format!("{MOST_COUNTED} or more") } else { n.to_string() }
}

fn relayed(backlog: Option<Backlog>) -> String {
    match backlog {
        Some(Backlog { behind, .. }) if behind > 0 => format!("{} jobs wait to be handed over", counted(behind)),
        _ => "hands jobs over".to_owned(),
    }
}

fn waiting(backlog: Option<Backlog>) -> ReadinessPart {
    let Some(Backlog { due, oldest, .. }) = backlog else {
        return warning("not known while the database does not answer".to_owned());
    };
    match oldest {
        Some(oldest) if Utc::now() - oldest > BEHIND => ReadinessPart {
            since: Some(oldest),
            ..warning(format!("{} jobs are due, and the oldest has been waiting for over a minute", counted(due)))
        },
        _ => part(Ok(format!("{} jobs are due", counted(due)))),
    }
}

fn warning(detail: String) -> ReadinessPart {
    ReadinessPart { status: "warn".to_owned(), detail, since: None }
}

fn part(state: Result<String, Down>) -> ReadinessPart {
    match state {
        Ok(detail) => ReadinessPart { status: "pass".to_owned(), detail, since: None },
        Err(Down { error, since }) => ReadinessPart { status: "fail".to_owned(), detail: error, since: Some(since) },
    }
}
