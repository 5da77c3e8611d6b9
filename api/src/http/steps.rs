//! PATCH of a step: the one way in which people flip steps.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use workbench_engine::checklist::{Command, Refusal, StepPatch};
use workbench_engine::store::StoreError;

use super::access::{Caller, Capability};
use super::body::JsonBody;
use super::problem::Problem;
use super::wire::{StepPatchBody, StepView};
use super::{App, answers};

/// Change a step
///
/// A JSON merge patch (RFC 7396). The rules decide what else follows: who is assigned has started, who has a
/// blocking reason is blocked, what is done enables the next.
#[utoipa::path(
    patch, path = "/sys/onboarding/{tenant_id}/steps/{step_id}", tag = "onboarding",
    params(
        ("tenant_id" = String, Path, description = "The tenant's slug"),
        ("step_id" = String, Path, description = "Id of the step"),
        ("If-Match" = Option<String>, Header, description = "Revision of the step that the change was made for"),
    ),
    request_body(content((StepPatchBody = "application/json"), (StepPatchBody = "application/merge-patch+json"))),
    responses(
        (status = 200, body = StepView, headers(("ETag" = String, description = "Revision of the step"))),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json"),
        (status = 412, body = Problem, content_type = "application/problem+json"),
        (status = 415, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn patch(
    State(app): State<App>,
    caller: Caller,
    Path((tenant_id, step_id)): Path<(String, String)>,
    headers: HeaderMap,
    JsonBody(patch): JsonBody<StepPatch>,
) -> Result<Response, Problem> {
    let expected_revision = if_match(&headers)?;
    let step = apply(&app, &caller, &tenant_id, &step_id, patch, expected_revision).await?;
    let etag = format!("\"{}\"", step.revision);
    Ok(([(header::ETAG, etag)], axum::Json(step)).into_response())
}

/// Decides and stores a patch, for API and console.
pub async fn apply(
    app: &App,
    caller: &Caller,
    tenant_id: &str,
    step_id: &str,
    patch: StepPatch,
    expected_revision: Option<i64>,
) -> Result<StepView, Problem> {
    caller.require(Capability::OnboardingWrite)?;
    let command =
        Command::PatchStep { step: step_id.to_owned(), patch, expected_revision, capabilities: caller.capabilities() };
    let mut tx = app.context.store.begin(&caller.actor, Utc::now()).await?;
    let (checklist, _) = tx.decide(tenant_id, &command).await?;
    tx.commit().await?;
    let definition = app.context.store.definition(&checklist.workflow, checklist.version).await?;
    let step = checklist.step(step_id).ok_or_else(|| {
        let known = checklist.steps.iter().map(|step| step.id.clone()).collect();
        Problem::from(StoreError::Refused(Refusal::UnknownStep { step: step_id.to_owned(), known }))
    })?;
    Ok(answers::step(step, &definition))
}

/// The revision in `If-Match`; none where the header is absent or `*`.
fn if_match(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let revision = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).and_then(|text| text.parse().ok());
    revision.map(Some).ok_or_else(|| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "if_match",
            "The precondition cannot be read",
            "`If-Match` is no ETag of ours",
        )
        .hint("Send the `ETag` of the step back, unchanged.")
    })
}
