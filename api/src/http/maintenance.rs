//! Maintenance windows over HTTP.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{TimeDelta, Utc};
use workbench_engine::store::{MaintenanceWindow, NewMaintenanceWindow};

use super::App;
use super::access::{Caller, Capability};
use super::body::{JsonBody, OptionalJsonBody};
use super::idempotency::{Answer, IdempotencyKey};
use super::problem::Problem;
use super::schedules::{optional_reason, reason};
use super::wire::{MaintenanceList, MaintenanceView, OpenMaintenance, OptionalReasonBody};

/// Windows listed at most.
const LISTED: i64 = 200;
/// Longest window: what is longer is no maintenance, and would hide failures.
const LONGEST: TimeDelta = TimeDelta::days(30);

/// List maintenance windows
///
/// Those that are open or to come.
#[utoipa::path(
    get, path = "/sys/maintenance-windows", tag = "schedules",
    responses(
        (status = 200, body = MaintenanceList),
        (status = 401, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(State(app): State<App>, caller: Caller) -> Result<axum::Json<MaintenanceList>, Problem> {
    caller.require(Capability::Read)?;
    let found = app.context.store.maintenance_windows(Utc::now(), LISTED).await?;
    Ok(axum::Json(MaintenanceList { items: found.into_iter().map(view).collect() }))
}

fn view(window: MaintenanceWindow) -> MaintenanceView {
    MaintenanceView {
        id: window.id,
        tenant_id: window.tenant_id,
        starts_at: window.starts_at,
        ends_at: window.ends_at,
        reason: window.reason,
        opened_by: window.actor,
    }
}

/// Open a maintenance window
///
/// For one tenant or for all. While it is open, health checks run and are recorded, and close no gate.
#[utoipa::path(
    post, path = "/sys/maintenance-windows", tag = "schedules",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "Repeating the request with the same key repeats the first answer"),
    ),
    request_body = OpenMaintenance,
    responses(
        (status = 201, body = MaintenanceView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 415, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn open(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    JsonBody(body): JsonBody<OpenMaintenance>,
) -> Result<Response, Problem> {
    caller.require(Capability::JobsManage)?;
    let why = reason(&body.reason)?;
    let content = serde_json::to_vec(&body).unwrap_or_default();
    if let Some(tenant) = &body.tenant_id {
        app.context.store.tenant(tenant).await?;
    }
    key.once(&app, &caller, &content, |mut tx| async {
        let starts_at = body.starts_at.unwrap_or_else(|| tx.now());
        let long = body.ends_at.signed_duration_since(starts_at);
        if long <= TimeDelta::zero() || body.ends_at <= tx.now() || long > LONGEST {
            return Err(Problem::invalid("window_times", "the window's times do not fit")
                .hint("Let `ends_at` be in the future, after `starts_at`, and at most 30 days after it."));
        }
        let new = NewMaintenanceWindow {
            tenant_id: body.tenant_id.clone(),
            starts_at,
            ends_at: body.ends_at,
            reason: why.clone(),
        };
        let opened = tx.open_maintenance(&new).await?;
        Ok((tx, Answer::json(StatusCode::CREATED, &view(opened))))
    })
    .await
}

/// End a maintenance window
///
/// Now, or before it begins. One that is over stays as it was.
#[utoipa::path(
    post, path = "/sys/maintenance-windows/{window_id}/end", tag = "schedules",
    params(
        ("window_id" = String, Path, description = "Id of the window"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeating the request with the same key repeats the first answer"),
    ),
    request_body = Option<OptionalReasonBody>,
    responses(
        (status = 200, body = MaintenanceView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn end(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    Path(window_id): Path<String>,
    OptionalJsonBody(body): OptionalJsonBody<OptionalReasonBody>,
) -> Result<Response, Problem> {
    caller.require(Capability::JobsManage)?;
    let why = optional_reason(&body)?;
    let content = serde_json::to_vec(&body).unwrap_or_default();
    key.once(&app, &caller, &content, |mut tx| async {
        let ended = tx.end_maintenance(&window_id, why.as_deref()).await?;
        Ok((tx, Answer::json(StatusCode::OK, &view(ended))))
    })
    .await
}
