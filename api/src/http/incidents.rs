//! Incidents over HTTP.

use axum::extract::{OriginalUri, Path, Query, State};
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;
use workbench_engine::store::{Delivery, Incident, IncidentFilter};

use super::access::{Caller, Capability};
use super::problem::Problem;
use super::query::bad_query;
use super::wire::{DeliveryView, IncidentPage, IncidentView};
use super::{App, cursor};

/// Filter and place among incidents.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct IncidentQuery {
    /// `open` or `all`; `open` where absent.
    status: Option<String>,
    /// Only of this tenant.
    tenant_id: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items wanted, 1 to 200; 50 where absent.
    limit: Option<i64>,
}

/// List incidents
///
/// Newest first. A tenant has at most one that is open.
#[utoipa::path(
    get, path = "/sys/incidents", tag = "notifications", params(IncidentQuery),
    responses(
        (status = 200, body = IncidentPage),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    query: Result<Query<IncidentQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    caller.require(Capability::Read)?;
    let Query(query) = query.map_err(|rejection| bad_query(&rejection))?;
    let open = match query.status.as_deref() {
        None | Some("open") => true,
        Some("all") => false,
        Some(other) => {
            let problem = Problem::invalid("filter", format!("`{other}` is no status of an incident"));
            return Err(problem.hint("Use one of open, all."));
        }
    };
    let limit = cursor::limit(query.limit)?;
    let filter = IncidentFilter {
        open,
        tenant_id: query.tenant_id,
        before: query.cursor.as_deref().map(cursor::decode).transpose()?,
        limit: limit + 1,
    };
    let mut found = app.context.store.incidents(&filter).await?;
    let next_cursor = cursor::cut(&mut found, limit, |last| cursor::encode(last.opened_at, &last.id));
    let page = IncidentPage { items: found.into_iter().map(|incident| view(incident, None)).collect(), next_cursor };
    Ok(cursor::page(&uri, page.next_cursor.as_deref(), &page))
}

/// Show an incident
///
/// With everybody who was told, and how far that is.
#[utoipa::path(
    get, path = "/sys/incidents/{incident_id}", tag = "notifications",
    params(("incident_id" = String, Path, description = "Id of the incident")),
    responses(
        (status = 200, body = IncidentView),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<axum::Json<IncidentView>, Problem> {
    caller.require(Capability::Read)?;
    let incident = app.context.store.incident(&id).await?;
    let deliveries = app.context.store.deliveries(&id).await?;
    Ok(axum::Json(view(incident, Some(deliveries.into_iter().map(delivery).collect()))))
}

fn view(incident: Incident, deliveries: Option<Vec<DeliveryView>>) -> IncidentView {
    IncidentView {
        id: incident.id,
        tenant_id: incident.tenant_id,
        opened_at: incident.opened_at,
        opened_by_check: incident.opened_by_check,
        closed_at: incident.closed_at,
        closed_by_check: incident.closed_by_check,
        deliveries,
    }
}

fn delivery(delivery: Delivery) -> DeliveryView {
    DeliveryView {
        id: delivery.id,
        kind: delivery.kind.to_string(),
        channel: delivery.channel,
        job_id: delivery.job_id,
        state: delivery.state.to_string(),
        last_error: delivery.last_error,
        delivered_at: delivery.delivered_at,
    }
}
