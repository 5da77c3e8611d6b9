//! Mappings that were confirmed and are offered to the tenant's next tables.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use chrono::Utc;
use workbench_engine::store::SavedMapping;

use super::App;
use super::access::{Caller, Capability};
use super::problem::{self, Problem};
use super::wire::{ColumnView, MappingView, MappingsView};

/// Mappings listed at most.
const LISTED: i64 = 100;

/// List a tenant's saved mappings
///
/// Each was confirmed with an import; tables with the same columns are mapped by it. Undoing the import takes it back. The
/// latest hundred, latest first.
#[utoipa::path(
    get, path = "/sys/tenants/{tenant_id}/mappings", tag = "tenants",
    params(("tenant_id" = String, Path, description = "The tenant's slug")),
    responses(
        (status = 200, body = MappingsView),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(tenant_id): Path<String>,
) -> Result<axum::Json<MappingsView>, Problem> {
    caller.require(Capability::Read)?;
    Ok(axum::Json(of_tenant(&app, &tenant_id).await?))
}

/// A tenant's saved mappings, for API and console.
pub async fn of_tenant(app: &App, tenant_id: &str) -> Result<MappingsView, Problem> {
    app.context.store.tenant(tenant_id).await?;
    let found = app.context.store.mappings(tenant_id, LISTED).await?;
    Ok(MappingsView { items: found.into_iter().map(view).collect() })
}

fn view(mapping: SavedMapping) -> MappingView {
    let column =
        |column: workbench_engine::store::SavedColumn| ColumnView { column: column.column, field: column.field };
    MappingView {
        id: mapping.id,
        entity: mapping.entity,
        columns: mapping.columns.into_iter().map(column).collect(),
        import_id: mapping.import_id,
        confirmed_at: mapping.confirmed_at,
        confirmed_by: mapping.actor,
    }
}

/// Forget a saved mapping
///
/// Imports that were mapped by it stay as they are; later tables are mapped without it.
#[utoipa::path(
    delete, path = "/sys/tenants/{tenant_id}/mappings/{mapping_id}", tag = "tenants",
    params(
        ("tenant_id" = String, Path, description = "The tenant's slug"),
        ("mapping_id" = String, Path, description = "Id of the mapping"),
    ),
    responses(
        (status = 204, description = "It is gone"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn delete(
    State(app): State<App>,
    caller: Caller,
    Path((tenant_id, mapping_id)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    forget(&app, &caller, &tenant_id, &mapping_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Forgets a saved mapping, for API and console.
pub async fn forget(app: &App, caller: &Caller, tenant_id: &str, mapping_id: &str) -> Result<(), Problem> {
    caller.require(Capability::Import)?;
    problem::once_more(|| async {
        let mut tx = app.context.store.begin(&caller.actor, Utc::now()).await?;
        tx.delete_mapping(tenant_id, mapping_id).await?;
        tx.commit().await?;
        Ok(())
    })
    .await
}
