//! The page of a tenant's saved mappings.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use workbench_console as pages;

use super::import::named;
use super::{BareForm, Filled, Visitor, failed, page};
use crate::http::problem::Problem;
use crate::http::{App, mappings};

pub(super) async fn show(State(app): State<App>, visitor: Visitor, Path(tenant_id): Path<String>) -> Response {
    render(&app, &visitor, &tenant_id, None).await
}

pub(super) async fn forget(
    State(app): State<App>,
    visitor: Visitor,
    Path((tenant_id, mapping_id)): Path<(String, String)>,
    Filled(form): Filled<BareForm>,
) -> Response {
    if let Err(refused) = visitor.prove(&form.csrf) {
        return refused;
    }
    match mappings::forget(&app, &visitor.caller, &tenant_id, &mapping_id).await {
        Ok(()) => Redirect::to(&format!("/onboarding/{tenant_id}/mappings")).into_response(),
        Err(problem) => render(&app, &visitor, &tenant_id, Some(problem)).await,
    }
}

/// The page, with what a refused action said.
async fn render(app: &App, visitor: &Visitor, tenant_id: &str, refused: Option<Problem>) -> Response {
    let found = async {
        let tenant = app.context.store.tenant(tenant_id).await?;
        Ok::<_, Problem>((tenant, mappings::of_tenant(app, tenant_id).await?))
    };
    let (tenant, found) = match found.await {
        Ok(found) => found,
        Err(problem) => return failed(&problem),
    };
    let status = refused.as_ref().map_or(Ok(StatusCode::OK), |problem| StatusCode::from_u16(problem.status));
    let rows = found
        .items
        .into_iter()
        .map(|saved| pages::SavedLine {
            id: saved.id,
            entity: saved.entity,
            columns: saved
                .columns
                .into_iter()
                .enumerate()
                .map(|(at, one)| (named(at, &one.column), one.field.unwrap_or_default()))
                .collect(),
            import_id: saved.import_id,
            confirmed_at: saved.confirmed_at,
            confirmed_by: saved.confirmed_by,
        })
        .collect();
    let view = pages::MappingsPage {
        tenant_id: tenant.id,
        name: tenant.name,
        rows,
        learning: visitor.learning,
        actor: visitor.caller.actor.id.clone(),
        notice: refused.map(|problem| problem.detail),
        csrf: visitor.csrf.clone(),
    };
    page(pages::mappings(&view), status.unwrap_or(StatusCode::CONFLICT))
}
