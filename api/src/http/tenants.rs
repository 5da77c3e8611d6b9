//! Tenants over HTTP: who is onboarded, and where their probes go.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use workbench_engine::store::TenantChange;

use super::access::{Caller, Capability};
use super::body::JsonBody;
use super::idempotency::{Answer, IdempotencyKey};
use super::onboarding::check_tenant;
use super::problem::Problem;
use super::wire::{OpenOnboarding, TenantPatchBody, TenantView};
use super::{App, answers, bounds};

/// Show a tenant
#[utoipa::path(
    get, path = "/sys/tenants/{tenant_id}", tag = "tenants",
    params(("tenant_id" = String, Path, description = "The tenant's slug")),
    responses(
        (status = 200, body = TenantView),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(tenant_id): Path<String>,
) -> Result<axum::Json<TenantView>, Problem> {
    caller.require(Capability::Read)?;
    Ok(axum::Json(answers::tenant(app.context.store.tenant(&tenant_id).await?)))
}

/// Change a tenant
///
/// Health checks from before say nothing of the tenant afterwards: a gate that rests on one closes again.
#[utoipa::path(
    patch, path = "/sys/tenants/{tenant_id}", tag = "tenants",
    params(
        ("tenant_id" = String, Path, description = "The tenant's slug"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeating the request with the same key repeats the first answer"),
    ),
    request_body(content((TenantPatchBody = "application/json"), (TenantPatchBody = "application/merge-patch+json"))),
    responses(
        (status = 200, body = TenantView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 415, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn patch(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    Path(tenant_id): Path<String>,
    JsonBody(body): JsonBody<TenantPatchBody>,
) -> Result<Response, Problem> {
    caller.require(Capability::OnboardingWrite)?;
    let change = checked(&body)?;
    let content = serde_json::to_vec(&body).unwrap_or_default();
    key.once(&app, &caller, &content, |mut tx| async {
        let stored = tx.tenant(&tenant_id).await?.and_then(|tenant| tenant.probe_secret);
        if sends_secret(&change, stored.as_deref()) {
            caller.require(Capability::SecretsName)?;
        }
        let (tenant, _) = tx.change_tenant(&tenant_id, &change).await?;
        Ok((tx, Answer::json(StatusCode::OK, &answers::tenant(tenant))))
    })
    .await
}

/// Whether a change decides which secret is sent where. Whoever could name both at will could have any secret sent to
/// themselves.
fn sends_secret(change: &TenantChange, stored: Option<&str>) -> bool {
    match &change.probe_secret {
        Some(Some(_)) => true,
        Some(None) => false,
        None => change.platform_url.is_some() && stored.is_some(),
    }
}

/// What the body changes, if what it says fits a tenant: by the rules that an opening obeys.
fn checked(body: &TenantPatchBody) -> Result<TenantChange, Problem> {
    let described = OpenOnboarding {
        name: body.name.clone(),
        time_zone: body.time_zone.clone(),
        language: body.language.clone(),
        hierarchy_depth: body.hierarchy_depth,
        platform_url: body.platform_url.clone().flatten(),
        probe_user: body.probe_user.clone().flatten(),
        probe_secret: body.probe_secret.clone().flatten(),
        ..OpenOnboarding::default()
    };
    bounds::refuse_long_tenant(&described)?;
    check_tenant(&described)?;
    let name = body.name.as_deref().map(str::trim);
    if name == Some("") {
        return Err(Problem::invalid("missing_field", "a tenant needs a `name`"));
    }
    Ok(TenantChange {
        name: name.map(str::to_owned),
        time_zone: body.time_zone.clone(),
        language: body.language.clone(),
        hierarchy_depth: body.hierarchy_depth,
        platform_url: body.platform_url.clone(),
        probe_user: body.probe_user.clone(),
        probe_secret: body.probe_secret.clone(),
    })
}
