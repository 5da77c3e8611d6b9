//! Jobs over HTTP.

use axum::extract::{OriginalUri, Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::Utc;
use serde::Deserialize;
use utoipa::IntoParams;
use workbench_engine::job::{JobCommand, JobKind, JobState};
use workbench_engine::store::JobFilter;

use super::access::{Caller, Capability};
use super::body::OptionalJsonBody;
use super::idempotency::{Answer, IdempotencyKey};
use super::problem::{self, Problem};
use super::query::bad_query;
use super::schedules::optional_reason;
use super::wire::{JobPage, JobView, OptionalReasonBody};
use super::{App, answers, cursor};

/// Filter and place among jobs.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct JobQuery {
    /// `queued`, `running`, `succeeded`, `retrying`, `failed` or `cancelled`.
    state: Option<String>,
    /// `import_preview`, `import_load`, `import_rollback`, `health_check`, `timer`, `announce` or `deliver`.
    kind: Option<String>,
    /// Only of this tenant.
    tenant_id: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items wanted, 1 to 200; 50 where absent.
    limit: Option<i64>,
}

/// List jobs
///
/// Newest first.
#[utoipa::path(
    get, path = "/sys/jobs", tag = "jobs", params(JobQuery),
    responses(
        (status = 200, body = JobPage),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    query: Result<Query<JobQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    caller.require(Capability::Read)?;
    let Query(query) = query.map_err(|rejection| bad_query(&rejection))?;
    let found = page(&app, query).await?;
    Ok(cursor::page(&uri, found.next_cursor.as_deref(), &found))
}

/// A page of jobs, for API and console.
pub async fn page(app: &App, query: JobQuery) -> Result<JobPage, Problem> {
    let known =
        |error: String, all: &[&str]| Problem::invalid("filter", error).hint(format!("Use one of {}.", all.join(", ")));
    let states = JobState::ALL.map(JobState::as_str);
    let kinds = JobKind::ALL.map(JobKind::as_str);
    let limit = cursor::limit(query.limit)?;
    let filter = JobFilter {
        state: query.state.map(|state| state.parse().map_err(|error| known(error, &states))).transpose()?,
        kind: query.kind.map(|kind| kind.parse().map_err(|error| known(error, &kinds))).transpose()?,
        tenant_id: query.tenant_id,
        subject_id: None,
        before: query.cursor.as_deref().map(cursor::decode).transpose()?,
        limit: limit + 1,
    };
    let mut found = app.context.store.jobs(&filter).await?;
    let next_cursor = cursor::cut(&mut found, limit, |last| cursor::encode(last.created_at, &last.id));
    Ok(JobPage { items: found.into_iter().map(|job| answers::job(job, None)).collect(), next_cursor })
}

/// Show a job
///
/// With every attempt and how it ended.
#[utoipa::path(
    get, path = "/sys/jobs/{job_id}", tag = "jobs",
    params(("job_id" = String, Path, description = "Id of the job")),
    responses(
        (status = 200, body = JobView),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(job_id): Path<String>,
) -> Result<axum::Json<JobView>, Problem> {
    caller.require(Capability::Read)?;
    let job = app.context.store.job(&job_id).await?;
    let attempts = app.context.store.attempts(&job_id).await?;
    Ok(axum::Json(answers::job(job, Some(attempts))))
}

/// Retry a job
///
/// Possible where it has failed or was cancelled; it gets a fresh set of attempts.
#[utoipa::path(
    post, path = "/sys/jobs/{job_id}/retry", tag = "jobs",
    params(
        ("job_id" = String, Path, description = "Id of the job"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeating the request with the same key repeats the first answer"),
    ),
    request_body = Option<OptionalReasonBody>,
    responses(
        (status = 200, body = JobView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn retry(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    Path(job_id): Path<String>,
    OptionalJsonBody(body): OptionalJsonBody<OptionalReasonBody>,
) -> Result<Response, Problem> {
    command(&app, &caller, &key, &job_id, &JobCommand::Retry, &body).await
}

/// Cancel a job
///
/// A running job stops at its worker's next heartbeat.
#[utoipa::path(
    post, path = "/sys/jobs/{job_id}/cancel", tag = "jobs",
    params(
        ("job_id" = String, Path, description = "Id of the job"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeating the request with the same key repeats the first answer"),
    ),
    request_body = Option<OptionalReasonBody>,
    responses(
        (status = 200, body = JobView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn cancel(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    Path(job_id): Path<String>,
    OptionalJsonBody(body): OptionalJsonBody<OptionalReasonBody>,
) -> Result<Response, Problem> {
    command(&app, &caller, &key, &job_id, &JobCommand::Cancel, &body).await
}

/// Decides and stores a command, for the console.
pub async fn apply(app: &App, caller: &Caller, job_id: &str, command: &JobCommand) -> Result<(), Problem> {
    caller.require(Capability::JobsManage)?;
    problem::once_more(|| async {
        let mut tx = app.context.store.begin(&caller.actor, Utc::now()).await?;
        tx.command_job(job_id, command).await?;
        tx.commit().await?;
        Ok(())
    })
    .await
}

async fn command(
    app: &App,
    caller: &Caller,
    key: &IdempotencyKey,
    job_id: &str,
    command: &JobCommand,
    body: &OptionalReasonBody,
) -> Result<Response, Problem> {
    caller.require(Capability::JobsManage)?;
    let why = optional_reason(body)?;
    key.once(app, caller, why.as_deref().unwrap_or_default().as_bytes(), |mut tx| async {
        let job = tx.command_job_because(job_id, command, why.as_deref()).await?;
        Ok((tx, Answer::json(StatusCode::OK, &answers::job(job, None))))
    })
    .await
}
