//! Health checks over HTTP.

use std::time::Duration;

use axum::extract::{OriginalUri, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use serde::Deserialize;
use utoipa::IntoParams;
use workbench_engine::definition::{Retry, duration};
use workbench_engine::job::JobKind;
use workbench_engine::store::{HealthCheck, NewJob};
use workbench_probes::flapping;

use super::access::{Caller, Capability};
use super::body::OptionalJsonBody;
use super::health_document::{self, HealthDocument};
use super::idempotency::{Answer, IdempotencyKey};
use super::patience;
use super::problem::Problem;
use super::query::bad_query;
use super::wire::{HealthCheckView, HealthHistory, ProbeHistoryView, ProbeRunView};
use super::{App, answers, cursor};

/// Longest wait for a result.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// Results by which flapping is judged: the rule looks at 21, and from farther back it learns what calmed down.
const TREND: i64 = 100;

/// How to answer.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RunQuery {
    /// Wait so long for the result, for example `30s`; at most `60s`.
    wait: Option<String>,
}

/// A check takes no options in its body yet.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// Run a health check
///
/// The tenant's probes run as a job. With `wait`, the answer is the result if it comes in time.
#[utoipa::path(
    post, path = "/sys/onboarding/{tenant_id}/health-check", tag = "health",
    params(
        ("tenant_id" = String, Path, description = "The tenant's slug"), RunQuery,
        ("Idempotency-Key" = Option<String>, Header, description = "Repeating the request with the same key repeats the first answer"),
    ),
    responses(
        (status = 200, body = HealthCheckView, description = "The result came within `wait`"),
        (status = 202, body = HealthCheckView, description = "The check runs", headers(("Location" = String, description = "Address of the check"))),
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
    Path(tenant_id): Path<String>,
    query: Result<Query<RunQuery>, axum::extract::rejection::QueryRejection>,
    OptionalJsonBody(Nothing {}): OptionalJsonBody<Nothing>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|rejection| bad_query(&rejection))?;
    let wait = query
        .wait
        .as_deref()
        .map(|text| duration::parse(text).map_err(|error| Problem::invalid("wait", error)))
        .transpose()?
        .map(|wait| wait.min(LONGEST_WAIT));
    let (started, check_id) = patience::within(start(&app, &caller, &key, &tenant_id)).await?;
    if let (Some(wait), Some(check_id)) = (wait, check_id)
        && let Some(check) = finished(&app, &tenant_id, &check_id, wait).await?
    {
        return Ok(Answer::json(StatusCode::OK, &answers::health_check(check)).into_response());
    }
    Ok(started)
}

/// Writes the check and its job. No id where the answer is a replay.
pub async fn start(
    app: &App,
    caller: &Caller,
    key: &IdempotencyKey,
    tenant_id: &str,
) -> Result<(Response, Option<String>), Problem> {
    caller.require(Capability::HealthRun)?;
    app.context.store.tenant(tenant_id).await?;
    let mut tx = app.context.store.begin(&caller.actor, Utc::now()).await?;
    if let Some(answer) = key.take(&mut tx, b"").await? {
        return Ok((answer, None));
    }
    let job = NewJob::new(JobKind::HealthCheck, tenant_id, Retry::default());
    let (check_id, job_id) = tx.request_health_check(job).await?;
    let view = answers::health_check(HealthCheck {
        id: check_id.clone(),
        tenant_id: tenant_id.to_owned(),
        job_id,
        aggregate: None,
        checked_at: None,
        finished_at: None,
        actor: caller.actor.id.clone(),
        created_at: tx.now(),
        probes: Vec::new(),
    });
    let answer = Answer::json(StatusCode::ACCEPTED, &view)
        .header(header::LOCATION, format!("/sys/onboarding/{tenant_id}/health/{check_id}"));
    key.keep(&mut tx, &answer).await?;
    tx.commit().await?;
    Ok((answer.into_response(), Some(check_id)))
}

/// The check once it has finished, if it does within `wait`.
async fn finished(app: &App, tenant_id: &str, check_id: &str, wait: Duration) -> Result<Option<HealthCheck>, Problem> {
    let mut head = app.context.store.watch_head();
    let deadline = tokio::time::Instant::now() + wait;
    loop {
        // Seen before the question is asked, so that no change falls in between.
        head.mark_unchanged();
        let check = patience::within(async { Ok(app.context.store.health_check(tenant_id, check_id).await?) }).await?;
        if check.finished_at.is_some() {
            return Ok(Some(check));
        }
        tokio::select! {
            changed = head.changed() => if changed.is_err() { return Ok(None) },
            () = tokio::time::sleep_until(deadline) => return Ok(None),
            () = app.stop.cancelled() => return Ok(None),
        }
    }
}

/// Show a tenant's health
///
/// Asked for as `application/health+json`, the answer has the latest check alone in that format, and the status 503 where it
/// is no better than `fail` or there is none.
#[utoipa::path(
    get, path = "/sys/onboarding/{tenant_id}/health", tag = "health",
    params(("tenant_id" = String, Path, description = "The tenant's slug")),
    responses(
        (status = 200, description = "The tenant's health", content(
            (HealthHistory = "application/json"), (HealthDocument = "application/health+json"),
        )),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 503, body = HealthDocument, content_type = "application/health+json", description = "The tenant's health is `fail`; only in this format"),
    )
)]
pub async fn history(
    State(app): State<App>,
    caller: Caller,
    Path(tenant_id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(Capability::Read)?;
    app.context.store.tenant(&tenant_id).await?;
    if health_document::is_wanted(&headers) {
        let latest = app.context.store.latest_health_check(&tenant_id).await?;
        return Ok(health_document::answer(&tenant_id, latest));
    }
    Ok(axum::Json(of_tenant(&app, &tenant_id).await?).into_response())
}

/// A tenant's health, for API and console.
pub async fn of_tenant(app: &App, tenant_id: &str) -> Result<HealthHistory, Problem> {
    let store = &app.context.store;
    let history = store.health_checks(tenant_id, 50).await?;
    let latest = store.latest_health_check(tenant_id).await?;
    let since = match latest.as_ref().and_then(|latest| latest.aggregate.as_deref()) {
        Some(status) => store.health_since(tenant_id, status).await?,
        None => None,
    };
    Ok(HealthHistory {
        since,
        latest: latest.map(answers::health_check),
        history: history.into_iter().map(answers::health_check).collect(),
    })
}

/// Place in a probe's history.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ProbeHistoryQuery {
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items wanted, 1 to 200; 50 where absent.
    limit: Option<i64>,
}

/// Show the history of a probe
///
/// What the probe came to on the tenant's platform, newest first, since when, and whether that can be relied on.
#[utoipa::path(
    get, path = "/sys/onboarding/{tenant_id}/health/probes/{probe}", tag = "health",
    params(
        ("tenant_id" = String, Path, description = "The tenant's slug"),
        ("probe" = String, Path, description = "Name of the probe"),
        ProbeHistoryQuery,
    ),
    responses(
        (status = 200, body = ProbeHistoryView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "There is no such tenant, or the probe was never run for it"),
        (status = 422, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn probe_history(
    State(app): State<App>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    Path((tenant_id, probe)): Path<(String, String)>,
    query: Result<Query<ProbeHistoryQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    caller.require(Capability::Read)?;
    let Query(query) = query.map_err(|rejection| bad_query(&rejection))?;
    let limit = cursor::limit(query.limit)?;
    let before = query.cursor.as_deref().map(cursor::decode).transpose()?;
    let store = &app.context.store;
    store.tenant(&tenant_id).await?;
    let trend = store.probe_trend(&tenant_id, &probe, TREND).await?;
    let found = store.probe_history(&tenant_id, &probe, before, limit).await?;
    let full = i64::try_from(found.len()).is_ok_and(|found| found == limit);
    let next_cursor = found.last().filter(|_| full).map(|last| cursor::encode(last.checked_at, &last.check_id));
    let flapping = flapping(&trend.statuses);
    let view = ProbeHistoryView {
        probe,
        status: trend.status,
        since: trend.since,
        is_flapping: flapping.is_flapping,
        change_percent: flapping.change_percent,
        items: found
            .into_iter()
            .map(|run| ProbeRunView {
                check_id: run.check_id,
                checked_at: run.checked_at,
                result: answers::probe(run.result),
            })
            .collect(),
        next_cursor,
    };
    Ok(cursor::page(&uri, view.next_cursor.as_deref(), &view))
}

/// Show a health check
#[utoipa::path(
    get, path = "/sys/onboarding/{tenant_id}/health/{check_id}", tag = "health",
    params(
        ("tenant_id" = String, Path, description = "The tenant's slug"),
        ("check_id" = String, Path, description = "Id of the health check"),
    ),
    responses(
        (status = 200, body = HealthCheckView),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    Path((tenant_id, check_id)): Path<(String, String)>,
) -> Result<axum::Json<HealthCheckView>, Problem> {
    caller.require(Capability::Read)?;
    let check = app.context.store.health_check(&tenant_id, &check_id).await?;
    Ok(axum::Json(answers::health_check(check)))
}
