//! PATCH of a step: the one way in which people flip steps.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use chrono::Utc;
use workbench_engine::checklist::{Command, Refusal, StepPatch};
use workbench_engine::store::{StoreError, Tx};

use super::access::{Caller, Capability};
use super::body::JsonBody;
use super::idempotency::{Answer, IdempotencyKey};
use super::precondition::if_match;
use super::problem::{self, Problem};
use super::wire::{StepPatchBody, StepView};
use super::{App, answers, bounds};

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
        ("Idempotency-Key" = Option<String>, Header, description = "Repeating the request with the same key repeats the first answer"),
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
    key: IdempotencyKey,
    Path((tenant_id, step_id)): Path<(String, String)>,
    headers: HeaderMap,
    JsonBody(patch): JsonBody<StepPatch>,
) -> Result<Response, Problem> {
    let expected_revisions = if_match(&headers)?;
    let content = serde_json::to_vec(&patch).unwrap_or_default();
    let command = command(&caller, &step_id, patch, expected_revisions)?;
    key.once(&app, &caller, &content, |mut tx| async {
        let step = decide(&app, &mut tx, &tenant_id, &step_id, &command).await?;
        let tag = format!("\"{}\"", step.revision);
        Ok((tx, Answer::json(StatusCode::OK, &step).header(header::ETAG, tag)))
    })
    .await
}

/// Decides and stores a patch, for the console.
pub async fn apply(
    app: &App,
    caller: &Caller,
    tenant_id: &str,
    step_id: &str,
    patch: StepPatch,
    expected_revisions: Option<Vec<i64>>,
) -> Result<StepView, Problem> {
    let command = command(caller, step_id, patch, expected_revisions)?;
    problem::once_more(|| async {
        let mut tx = app.context.store.begin(&caller.actor, Utc::now()).await?;
        let step = decide(app, &mut tx, tenant_id, step_id, &command).await?;
        tx.commit().await?;
        Ok(step)
    })
    .await
}

fn command(
    caller: &Caller,
    step_id: &str,
    patch: StepPatch,
    expected_revisions: Option<Vec<i64>>,
) -> Result<Command, Problem> {
    caller.require(Capability::OnboardingWrite)?;
    let (assignee, blocking_reason) =
        (patch.assignee.iter().flatten().next(), patch.blocking_reason.iter().flatten().next());
    bounds::refuse_long(&[
        ("assignee", assignee.map(String::as_str), bounds::NAME),
        ("blocking_reason", blocking_reason.map(String::as_str), bounds::REASON),
        ("reason", patch.reason.as_deref(), bounds::REASON),
        ("note", patch.note.as_deref(), bounds::NOTE),
    ])?;
    bounds::refuse_far("due_at", patch.due_at.flatten())?;
    let (actor, capabilities) = (caller.actor.id.clone(), caller.capabilities());
    Ok(Command::PatchStep { step: step_id.to_owned(), patch, expected_revisions, actor, capabilities })
}

/// The step after the command, within its transaction.
async fn decide(
    app: &App,
    tx: &mut Tx,
    tenant_id: &str,
    step_id: &str,
    command: &Command,
) -> Result<StepView, Problem> {
    let (checklist, _) = tx.decide(tenant_id, command).await?;
    // Deciding has read the definition, so that this waits for no second connection.
    let definition = app.context.store.definition(&checklist.workflow, checklist.version).await?;
    let step = checklist.step(step_id).ok_or_else(|| {
        let known = checklist.steps.iter().map(|step| step.id.clone()).collect();
        Problem::from(StoreError::Refused(Refusal::UnknownStep { step: step_id.to_owned(), known }))
    })?;
    Ok(answers::step(step, &definition))
}
