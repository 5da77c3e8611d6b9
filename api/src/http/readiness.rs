//! Whether the daemon lives, and whether it can do its work.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use serde_json::json;
use workbench_jobs::PoolState;

use super::App;
use super::wire::{Readiness, ReadinessPart};

/// A part that does not answer so soon is down.
const PATIENCE: Duration = Duration::from_secs(2);
/// Due jobs older than this, in seconds, mean that the workers are behind.
const BEHIND: i64 = 60;

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
/// Names each part that cannot.
#[utoipa::path(
    get, path = "/readyz", tag = "operations", security(()),
    responses((status = 200, body = Readiness), (status = 503, body = Readiness))
)]
pub async fn readyz(State(app): State<App>) -> Response {
    let parts = look(&app).await.parts;
    let any = |status: &str| parts.values().any(|part| part.status == status);
    // A warning is for people: a daemon that is behind must not be taken out of service for it.
    let (status, verdict) = match (any("fail"), any("warn")) {
        (true, _) => (StatusCode::SERVICE_UNAVAILABLE, "fail"),
        (false, true) => (StatusCode::OK, "warn"),
        (false, false) => (StatusCode::OK, "pass"),
    };
    (status, axum::Json(Readiness { status: verdict.to_owned(), parts })).into_response()
}

/// The state of each part at a moment.
pub(super) struct Look {
    /// By name.
    pub(super) parts: BTreeMap<String, ReadinessPart>,
    /// How long the oldest due job has been waiting, where one is.
    pub(super) oldest_due: Option<Duration>,
}

/// Asks each part, for no longer than two seconds.
pub(super) async fn look(app: &App) -> Look {
    let store = async {
        match tokio::time::timeout(PATIENCE, app.context.store.oldest_due(Utc::now())).await {
            Ok(Ok(oldest)) => Ok(oldest),
            Ok(Err(_)) => Err("the database does not answer properly; see the log".to_owned()),
            Err(_) => Err(format!("the database did not answer within {PATIENCE:?}")),
        }
    };
    let queue = async {
        match tokio::time::timeout(PATIENCE, app.queue.ping()).await {
            Ok(Ok(())) => Ok(app.queue.name().to_owned()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("the queue did not answer within {PATIENCE:?}")),
        }
    };
    let (store, queue) = tokio::join!(store, queue);
    let relay = match app.status.relay_problem() {
        Some(problem) => Err(problem),
        None => Ok("handing jobs over".to_owned()),
    };
    let backlog = match &store {
        Ok(Some(oldest)) if (Utc::now() - *oldest).num_seconds() > BEHIND => ReadinessPart {
            status: "warn".to_owned(),
            detail: format!("the oldest due job has been waiting since {oldest}"),
        },
        _ => part(Ok("no job waits unduly".to_owned())),
    };
    let workers = match app.status.pool() {
        PoolState::Off => Ok("this process runs no jobs".to_owned()),
        PoolState::Running { worker } => Ok(worker),
        PoolState::Starting => Err("starting".to_owned()),
        PoolState::Restarting { error, since } => Err(format!("restarting since {since}: {error}")),
    };
    let definitions = match app.status.definitions_problem() {
        // The sound ones of before are in use: people have to look, and work goes on.
        Some(problem) => ReadinessPart { status: "warn".to_owned(), detail: problem },
        None => part(Ok("as they are on disk".to_owned())),
    };
    let oldest_due = store.as_ref().ok().copied().flatten().and_then(|oldest| (Utc::now() - oldest).to_std().ok());
    let parts = BTreeMap::from([
        ("definitions".to_owned(), definitions),
        ("store".to_owned(), part(store.map(|_| format!("{:?}", app.context.store.dialect()).to_lowercase()))),
        ("queue".to_owned(), part(queue)),
        ("relay".to_owned(), part(relay)),
        ("backlog".to_owned(), backlog),
        ("workers".to_owned(), part(workers)),
    ]);
    Look { parts, oldest_due }
}

fn part(state: Result<String, String>) -> ReadinessPart {
    match state {
        Ok(detail) => ReadinessPart { status: "pass".to_owned(), detail },
        Err(detail) => ReadinessPart { status: "fail".to_owned(), detail },
    }
}
