//! Schedules over HTTP: what fires next, and holding it, letting it go on, running it now.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{Offset, Utc};
use workbench_engine::definition::{CatchUpPolicy, Overlap, ScheduledJob};
use workbench_engine::store::{Fire, Pause, Schedule};

use super::App;
use super::access::{Caller, Capability};
use super::body::{JsonBody, OptionalJsonBody};
use super::bounds::REASON;
use super::idempotency::{Answer, IdempotencyKey};
use super::problem::Problem;
use super::wire::{
    FireView, NextRun, OptionalReasonBody, PauseView, ReasonBody, ScheduleList, ScheduleState, ScheduleView,
};

/// Next times shown of each schedule.
const NEXT: usize = 5;

/// List schedules
///
/// Those of every workflow's newest version, each with its next five times. In the hour that summer time skips, a daily
/// time is kept when the clock has jumped; in the hour that is repeated, the first time only.
#[utoipa::path(
    get, path = "/sys/schedules", tag = "schedules",
    responses(
        (status = 200, body = ScheduleList),
        (status = 401, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(State(app): State<App>, caller: Caller) -> Result<axum::Json<ScheduleList>, Problem> {
    caller.require(Capability::Read)?;
    let zones = app.context.store.tenant_zones().await?;
    let mut items = Vec::new();
    for schedule in app.context.store.schedules().await? {
        items.push(view(&app, schedule, &zones).await?);
    }
    Ok(axum::Json(ScheduleList { items }))
}

/// Show a schedule
#[utoipa::path(
    get, path = "/sys/schedules/{workflow}/{schedule}", tag = "schedules",
    params(
        ("workflow" = String, Path, description = "The workflow's name"),
        ("schedule" = String, Path, description = "The schedule's name within it"),
    ),
    responses(
        (status = 200, body = ScheduleView),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    Path((workflow, name)): Path<(String, String)>,
) -> Result<axum::Json<ScheduleView>, Problem> {
    caller.require(Capability::Read)?;
    let schedule = app.context.store.schedule(&format!("{workflow}/{name}")).await?;
    let zones = app.context.store.tenant_zones().await?;
    Ok(axum::Json(view(&app, schedule, &zones).await?))
}

async fn view(app: &App, schedule: Schedule, zones: &[String]) -> Result<ScheduleView, Problem> {
    let next = schedule.upcoming(Utc::now(), zones, NEXT)?.into_iter().map(|(at, zone)| {
        let local = at.with_timezone(&zone);
        NextRun { at, local: local.with_timezone(&local.offset().fix()), zone: zone.name().to_owned() }
    });
    let next = next.collect();
    let last = app.context.store.fires(&schedule.id, 1).await?.into_iter().next();
    let Schedule { id, workflow, version, definition, paused } = schedule;
    Ok(ScheduleView {
        id,
        workflow,
        version,
        job: match definition.job {
            ScheduledJob::HealthCheck => "health_check",
        }
        .to_owned(),
        cron: definition.cron,
        zone: definition.zone,
        catch_up: match definition.catch_up.policy {
            CatchUpPolicy::Skip => "skip",
            CatchUpPolicy::Once => "once",
            CatchUpPolicy::All => "all",
        }
        .to_owned(),
        overlap: match definition.overlap {
            Overlap::Skip => "skip",
            Overlap::Allow => "allow",
        }
        .to_owned(),
        jitter_seconds: definition.jitter.as_secs(),
        paused: paused.map(pause_view),
        next,
        last: last.map(fire),
    })
}

fn pause_view(pause: Pause) -> PauseView {
    PauseView { reason: pause.reason, paused_by: pause.actor, paused_at: pause.at }
}

fn fire(fire: Fire) -> FireView {
    FireView {
        id: fire.id,
        fire_at: fire.fire_at,
        zone: fire.zone,
        cause: fire.cause,
        tenants: fire.tenants,
        fanned_out_at: fire.fanned_out_at,
    }
}

/// A reason without the space around it; refused where it says nothing or too much.
pub fn reason(text: &str) -> Result<String, Problem> {
    let text = text.trim();
    match text.chars().count() {
        0 => Err(Problem::invalid("reason_required", "a `reason` is needed").hint("Say why, for the audit.")),
        1..=REASON => Ok(text.to_owned()),
        _ => Err(Problem::invalid("too_long", format!("the `reason` is longer than {REASON} characters"))),
    }
}

/// As [`reason`], where it may be left out.
pub fn optional_reason(body: &OptionalReasonBody) -> Result<Option<String>, Problem> {
    body.reason.as_deref().filter(|text| !text.trim().is_empty()).map(reason).transpose()
}

/// Pause a schedule
///
/// It fires by itself no longer. What falls into the pause is not caught up.
#[utoipa::path(
    post, path = "/sys/schedules/{workflow}/{schedule}/pause", tag = "schedules",
    params(
        ("workflow" = String, Path, description = "The workflow's name"),
        ("schedule" = String, Path, description = "The schedule's name within it"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeating the request with the same key repeats the first answer"),
    ),
    request_body = ReasonBody,
    responses(
        (status = 200, body = ScheduleState),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 415, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn pause(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    Path((workflow, name)): Path<(String, String)>,
    JsonBody(body): JsonBody<ReasonBody>,
) -> Result<Response, Problem> {
    caller.require(Capability::JobsManage)?;
    let schedule = app.context.store.schedule(&format!("{workflow}/{name}")).await?;
    let why = reason(&body.reason)?;
    let content = serde_json::to_vec(&body).unwrap_or_default();
    key.once(&app, &caller, &content, |mut tx| async {
        tx.pause_schedule(&schedule.id, &why).await?;
        let paused = tx.pause_of(&schedule.id).await?.map(pause_view);
        Ok((tx, Answer::json(StatusCode::OK, &ScheduleState { id: schedule.id.clone(), paused })))
    })
    .await
}

/// Resume a schedule
///
/// It fires again from now on.
#[utoipa::path(
    post, path = "/sys/schedules/{workflow}/{schedule}/resume", tag = "schedules",
    params(
        ("workflow" = String, Path, description = "The workflow's name"),
        ("schedule" = String, Path, description = "The schedule's name within it"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeating the request with the same key repeats the first answer"),
    ),
    request_body = Option<OptionalReasonBody>,
    responses(
        (status = 200, body = ScheduleState),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn resume(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    Path((workflow, name)): Path<(String, String)>,
    OptionalJsonBody(body): OptionalJsonBody<OptionalReasonBody>,
) -> Result<Response, Problem> {
    caller.require(Capability::JobsManage)?;
    let schedule = app.context.store.schedule(&format!("{workflow}/{name}")).await?;
    let why = optional_reason(&body)?;
    let content = serde_json::to_vec(&body).unwrap_or_default();
    key.once(&app, &caller, &content, |mut tx| async {
        tx.resume_schedule(&schedule.id, why.as_deref()).await?;
        Ok((tx, Answer::json(StatusCode::OK, &ScheduleState { id: schedule.id.clone(), paused: None })))
    })
    .await
}

/// Run a schedule now
///
/// For tenants of every zone, paused or not. A tenant whose health check still waits or runs gets no second one.
#[utoipa::path(
    post, path = "/sys/schedules/{workflow}/{schedule}/run", tag = "schedules",
    params(
        ("workflow" = String, Path, description = "The workflow's name"),
        ("schedule" = String, Path, description = "The schedule's name within it"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeating the request with the same key repeats the first answer"),
    ),
    request_body = Option<OptionalReasonBody>,
    responses(
        (status = 202, body = FireView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn run(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    Path((workflow, name)): Path<(String, String)>,
    OptionalJsonBody(body): OptionalJsonBody<OptionalReasonBody>,
) -> Result<Response, Problem> {
    caller.require(Capability::JobsManage)?;
    let schedule = app.context.store.schedule(&format!("{workflow}/{name}")).await?;
    let why = optional_reason(&body)?;
    let content = serde_json::to_vec(&body).unwrap_or_default();
    key.once(&app, &caller, &content, |mut tx| async {
        let fired = tx.run_schedule(&schedule, why.as_deref()).await?;
        Ok((tx, Answer::json(StatusCode::ACCEPTED, &fire(fired))))
    })
    .await
}
