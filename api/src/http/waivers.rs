//! Waivers: one person asks to overlook a warning at a gate, another agrees.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use ulid::Ulid;
use workbench_engine::checklist::{Checklist, Command, Refusal, Waiver, WaiverProposal};
use workbench_engine::store::{StoreError, Tx};

use super::access::{Caller, Capability};
use super::body::JsonBody;
use super::idempotency::{Answer, IdempotencyKey};
use super::problem::{self, Problem};
use super::wire::{WaiverBody, WaiverView, WaiversView, WithdrawalBody};
use super::{App, bounds};

/// Probes that one waiver names at most.
const PROBES: usize = 50;

/// List a gate's waivers
///
/// Every one that was ever proposed, in earlier onboardings too, oldest first.
#[utoipa::path(
    get, path = "/sys/onboarding/{tenant_id}/steps/{step_id}/waivers", tag = "onboarding",
    params(
        ("tenant_id" = String, Path, description = "The tenant's slug"),
        ("step_id" = String, Path, description = "Id of the gate"),
    ),
    responses(
        (status = 200, body = WaiversView),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Path((tenant_id, step_id)): Path<(String, String)>,
) -> Result<axum::Json<WaiversView>, Problem> {
    caller.require(Capability::Read)?;
    let checklist = app.context.store.checklist_of(&tenant_id).await?;
    if checklist.step(&step_id).is_none() {
        let known = checklist.steps.into_iter().map(|step| step.id).collect();
        return Err(Problem::from(StoreError::Refused(Refusal::UnknownStep { step: step_id, known })));
    }
    let (waivers, now) = (app.context.store.waivers(&tenant_id).await?, Utc::now());
    let of_gate = waivers.iter().filter(|(_, waiver)| waiver.step == step_id);
    let items = of_gate.map(|(of, waiver)| WaiverView { current: *of == checklist.id, ..view(waiver, now) }).collect();
    Ok(axum::Json(WaiversView { items }))
}

/// The waivers of a tenant's present onboarding, for the console.
pub async fn of_tenant(app: &App, tenant_id: &str) -> Result<Vec<WaiverView>, Problem> {
    let (checklist, now) = (app.context.store.checklist_of(tenant_id).await?, Utc::now());
    Ok(checklist.waivers.iter().map(|waiver| view(waiver, now)).collect())
}

fn view(waiver: &Waiver, now: DateTime<Utc>) -> WaiverView {
    WaiverView {
        id: waiver.id.clone(),
        current: true,
        step_id: waiver.step.clone(),
        state: waiver.state(now).as_str().to_owned(),
        probes: waiver.probes.clone(),
        reason: waiver.reason.clone(),
        check_id: waiver.check_id.clone(),
        proposed_by: waiver.proposed_by.clone(),
        proposed_at: waiver.proposed_at,
        expires_at: waiver.expires_at,
        granted_by: waiver.granted_by.clone(),
        granted_at: waiver.granted_at,
        withdrawn_by: waiver.withdrawn_by.clone(),
        withdrawn_at: waiver.withdrawn_at,
        withdrawal_reason: waiver.withdrawal_reason.clone(),
    }
}

/// Propose a waiver
///
/// Asks to overlook warnings of the latest health check at a gate. It has no effect until a second person grants it; a
/// failure or a broken probe cannot be waived.
#[utoipa::path(
    post, path = "/sys/onboarding/{tenant_id}/steps/{step_id}/waivers", tag = "onboarding",
    params(
        ("tenant_id" = String, Path, description = "The tenant's slug"),
        ("step_id" = String, Path, description = "Id of the gate"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeating the request with the same key repeats the first answer"),
    ),
    request_body = WaiverBody,
    responses(
        (status = 201, body = WaiverView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json"),
        (status = 415, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn propose(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    Path((tenant_id, step_id)): Path<(String, String)>,
    JsonBody(body): JsonBody<WaiverBody>,
) -> Result<Response, Problem> {
    let content = serde_json::to_vec(&body).unwrap_or_default();
    let (command, waiver_id) = proposal(&caller, &step_id, body)?;
    answer(&app, &caller, &key, &content, (&tenant_id, &waiver_id), (StatusCode::CREATED, &command)).await
}

/// Grant a waiver
///
/// Puts it in force until its end. Whoever proposed it cannot grant it, and whoever granted it cannot say go on it.
#[utoipa::path(
    post, path = "/sys/onboarding/{tenant_id}/steps/{step_id}/waivers/{waiver_id}/grant", tag = "onboarding",
    params(
        ("tenant_id" = String, Path, description = "The tenant's slug"),
        ("step_id" = String, Path, description = "Id of the gate"),
        ("waiver_id" = String, Path, description = "Id of the waiver"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeating the request with the same key repeats the first answer"),
    ),
    responses(
        (status = 200, body = WaiverView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn grant(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    Path((tenant_id, step_id, waiver_id)): Path<(String, String, String)>,
) -> Result<Response, Problem> {
    let command = approval(&caller, &step_id, &waiver_id)?;
    answer(&app, &caller, &key, &[], (&tenant_id, &waiver_id), (StatusCode::OK, &command)).await
}

/// Withdraw a waiver
///
/// Ends it at once. A gate that was passed on it closes again, if nothing behind it is done.
#[utoipa::path(
    post, path = "/sys/onboarding/{tenant_id}/steps/{step_id}/waivers/{waiver_id}/withdraw", tag = "onboarding",
    params(
        ("tenant_id" = String, Path, description = "The tenant's slug"),
        ("step_id" = String, Path, description = "Id of the gate"),
        ("waiver_id" = String, Path, description = "Id of the waiver"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeating the request with the same key repeats the first answer"),
    ),
    request_body = WithdrawalBody,
    responses(
        (status = 200, body = WaiverView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json"),
        (status = 415, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn withdraw(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    Path((tenant_id, step_id, waiver_id)): Path<(String, String, String)>,
    JsonBody(body): JsonBody<WithdrawalBody>,
) -> Result<Response, Problem> {
    let content = serde_json::to_vec(&body).unwrap_or_default();
    let command = withdrawal(&caller, &step_id, &waiver_id, body.reason)?;
    answer(&app, &caller, &key, &content, (&tenant_id, &waiver_id), (StatusCode::OK, &command)).await
}

/// The command that proposes a waiver, and the id that it will have.
pub fn proposal(caller: &Caller, step_id: &str, body: WaiverBody) -> Result<(Command, String), Problem> {
    caller.require(Capability::OnboardingWrite)?;
    bounds::refuse_long(&[("reason", Some(&body.reason), bounds::REASON)])?;
    bounds::refuse_far("expires_at", Some(body.expires_at))?;
    if body.probes.len() > PROBES {
        return Err(Problem::invalid("too_many", format!("`probes` names more than {PROBES} probes")));
    }
    for probe in &body.probes {
        bounds::refuse_long(&[("probes", Some(probe), bounds::NAME)])?;
    }
    let id = format!("wvr_{}", Ulid::from_datetime(Utc::now().into()));
    let proposal = WaiverProposal {
        id: id.clone(),
        step: step_id.to_owned(),
        probes: body.probes,
        reason: body.reason,
        expires_at: body.expires_at,
        actor: caller.actor.id.clone(),
    };
    Ok((Command::ProposeWaiver(proposal), id))
}

/// The command that grants a waiver; the gate says which capability that takes besides.
pub fn approval(caller: &Caller, step_id: &str, waiver_id: &str) -> Result<Command, Problem> {
    caller.require(Capability::OnboardingWrite)?;
    Ok(Command::GrantWaiver {
        step: step_id.to_owned(),
        waiver: waiver_id.to_owned(),
        actor: caller.actor.id.clone(),
        capabilities: caller.capabilities(),
    })
}

/// The command that withdraws a waiver. It only ever keeps a gate shut, so that anybody who edits steps may.
pub fn withdrawal(caller: &Caller, step_id: &str, waiver_id: &str, reason: String) -> Result<Command, Problem> {
    caller.require(Capability::OnboardingWrite)?;
    bounds::refuse_long(&[("reason", Some(&reason), bounds::REASON)])?;
    Ok(Command::WithdrawWaiver {
        step: step_id.to_owned(),
        waiver: waiver_id.to_owned(),
        actor: caller.actor.id.clone(),
        reason,
    })
}

/// Decides and stores a command about a waiver, for the console.
pub async fn apply(app: &App, caller: &Caller, tenant_id: &str, command: &Command) -> Result<(), Problem> {
    problem::once_more(|| async {
        let mut tx = app.context.store.begin(&caller.actor, Utc::now()).await?;
        tx.decide(tenant_id, command).await?;
        tx.commit().await?;
        Ok(())
    })
    .await
}

async fn answer(
    app: &App,
    caller: &Caller,
    key: &IdempotencyKey,
    content: &[u8],
    (tenant_id, waiver_id): (&str, &str),
    (status, command): (StatusCode, &Command),
) -> Result<Response, Problem> {
    key.once(app, caller, content, |mut tx| async {
        let (checklist, _) = tx.decide(tenant_id, command).await?;
        let waiver = found(&tx, &checklist, waiver_id)?;
        Ok((tx, Answer::json(status, &waiver)))
    })
    .await
}

fn found(tx: &Tx, checklist: &Checklist, waiver_id: &str) -> Result<WaiverView, Problem> {
    let waiver = checklist.waivers.iter().find(|waiver| waiver.id == waiver_id);
    let waiver = waiver.ok_or_else(|| Problem::from(Refusal::UnknownWaiver { waiver: waiver_id.to_owned() }))?;
    Ok(view(waiver, tx.now()))
}
