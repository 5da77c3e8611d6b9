//! Opening onboardings, the dashboard, one onboarding.

use std::ops::RangeInclusive;

use axum::extract::{OriginalUri, Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use serde::Deserialize;
use utoipa::IntoParams;
use workbench_engine::store::{DashboardFilter, DashboardRow, DashboardStatus, NewTenant, Opening, Tenant};
use workbench_jobs::{SECRET_FORMS, SecretReference};

use super::access::{Caller, Capability};
use super::body::JsonBody;
use super::idempotency::{Answer, IdempotencyKey};
use super::problem::{Problem, nearest};
use super::query::bad_query;
use super::wire::{DashboardPage, Onboarding, OpenOnboarding};
use super::{App, answers, bounds, cursor, outlook};

/// Words that mean something else in the same place of an address.
const RESERVED: [&str; 4] = ["retrospective", "events", "jobs", "workflows"];
const DEFAULT_WORKFLOW: &str = "tenant-onboarding";
/// Levels of organisation that a tenant may have.
const DEPTHS: RangeInclusive<i64> = 0..=9;

/// Open an onboarding
///
/// Makes the tenant if it is new. A tenant has at most one open onboarding.
#[utoipa::path(
    post, path = "/sys/onboarding", tag = "onboarding", request_body = OpenOnboarding,
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeating the request with the same key repeats the first answer")),
    responses(
        (status = 201, body = Onboarding, headers(("Location" = String, description = "Address of the onboarding"))),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json"),
        (status = 415, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn open(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    JsonBody(body): JsonBody<OpenOnboarding>,
) -> Result<Response, Problem> {
    caller.require(Capability::OnboardingWrite)?;
    check_slug(&body.tenant_id)?;
    bounds::refuse_long_tenant(&body)?;
    bounds::refuse_far("target_go_live", body.target_go_live)?;
    check_tenant(&body)?;
    let wanted = body.workflow.as_deref().unwrap_or(DEFAULT_WORKFLOW);
    let definitions = app.definitions.load_full();
    let loaded = definitions.workflows.iter().find(|loaded| loaded.definition.name == wanted).ok_or_else(|| {
        let names = || definitions.workflows.iter().map(|loaded| loaded.definition.name.as_str());
        let problem = Problem::invalid("unknown_workflow", format!("there is no workflow `{wanted}`"));
        match nearest(wanted, names()) {
            Some(nearest) => problem.hint(format!("Did you mean `{nearest}`?")),
            None => problem.hint(format!("Workflows are {}.", names().collect::<Vec<_>>().join(", "))),
        }
    })?;
    let content = serde_json::to_vec(&body).unwrap_or_default();
    key.once(&app, &caller, &content, |mut tx| async {
        let stored = tx.tenant(&body.tenant_id).await?;
        if let Some(stored) = &stored {
            same_tenant(&body, stored)?;
        } else {
            if body.probe_secret.is_some() {
                caller.require(Capability::SecretsName)?;
            }
            tx.create_tenant(&new_tenant(&body)?).await?;
        }
        let opening =
            Opening { tenant_id: &body.tenant_id, definition: &loaded.definition, target_go_live: body.target_go_live };
        let checklist = tx.open_checklist(&opening).await?;
        let tenant = tx.tenant(&body.tenant_id).await?.ok_or_else(|| Problem::not_found("the tenant is gone"))?;
        let view = answers::onboarding(&checklist, &loaded.definition, tenant, tx.now());
        let answer = Answer::json(StatusCode::CREATED, &view)
            .header(header::LOCATION, format!("/sys/onboarding/{}", body.tenant_id))
            .header(header::ETAG, format!("\"{}\"", view.revision));
        Ok((tx, answer))
    })
    .await
}

fn check_slug(slug: &str) -> Result<(), Problem> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let fits =
        (2..=63).contains(&slug.len()) && slug.starts_with(allowed) && slug.chars().all(|c| allowed(c) || c == '-');
    if !fits {
        return Err(Problem::invalid("tenant_id", format!("`{slug}` cannot be a tenant's id"))
            .hint("Use 2 to 63 lower-case letters, digits and hyphens, beginning with a letter or digit."));
    }
    if RESERVED.contains(&slug) {
        return Err(Problem::invalid(
            "tenant_id",
            format!("`{slug}` is a word of the API and cannot be a tenant's id"),
        ));
    }
    Ok(())
}

/// What is said of a tenant must fit, whether the tenant is new or not.
pub fn check_tenant(body: &OpenOnboarding) -> Result<(), Problem> {
    if let Some(country) = &body.country
        && (country.len() != 2 || !country.chars().all(|c| c.is_ascii_uppercase()))
    {
        return Err(Problem::invalid("country", format!("`{country}` is no ISO 3166-1 alpha-2 code"))
            .hint("Use two capital letters, such as SE, FR or NO."));
    }
    if let Some(time_zone) = &body.time_zone
        && time_zone.parse::<chrono_tz::Tz>().is_err()
    {
        return Err(Problem::invalid("time_zone", format!("`{time_zone}` is no IANA time zone"))
            .hint("Use a name such as Europe/Stockholm."));
    }
    if let Some(depth) = body.hierarchy_depth
        && !DEPTHS.contains(&depth)
    {
        let (least, most) = DEPTHS.into_inner();
        let detail = format!("`hierarchy_depth` is {depth}; it must be {least} to {most}");
        return Err(Problem::invalid("hierarchy_depth", detail));
    }
    if let Some(url) = body.platform_url.as_deref().filter(|url| *url != workbench_jobs::SANDBOX) {
        // The value is not quoted back: it may hold a password.
        let url = url::Url::parse(url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| {
                Problem::invalid("platform_url", "`platform_url` is no http(s) address")
                    .hint("Use an address such as https://platform.example/svbf, or `sandbox`.")
            })?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Problem::invalid("platform_url", "`platform_url` holds a user or a password")
                .hint("Leave them out of the address; `probe_user` and `probe_secret` are for them."));
        }
    }
    if let Some(reference) = &body.probe_secret
        && SecretReference::parse(reference).is_none()
    {
        // The value is not quoted back: it may be the secret itself.
        let detail = "`probe_secret` is no reference to a secret that probes may use";
        return Err(Problem::invalid("probe_secret", detail).hint(SECRET_FORMS));
    }
    Ok(())
}

/// The tenant that an opening describes, with its country's defaults.
fn new_tenant(body: &OpenOnboarding) -> Result<NewTenant, Problem> {
    let missing = |field: &str| Problem::invalid("missing_field", format!("a new tenant needs `{field}`"));
    let name = name_in(body).filter(|name| !name.is_empty()).ok_or_else(|| missing("name"))?;
    let country = body.country.clone().ok_or_else(|| missing("country"))?;
    let (zone, language, depth) = match country.as_str() {
        "SE" => ("Europe/Stockholm", "sv", 2),
        "NO" => ("Europe/Oslo", "nb", 0),
        "FR" => ("Europe/Paris", "fr", 3),
        _ => ("Etc/UTC", "en", 2),
    };
    let kind = body.kind.clone().unwrap_or_else(|| "federation".to_owned());
    let bound_to_sandbox = kind == "sandbox" && body.platform_url.is_none();
    Ok(NewTenant {
        id: body.tenant_id.clone(),
        name: name.to_owned(),
        country,
        kind,
        time_zone: body.time_zone.clone().unwrap_or_else(|| zone.to_owned()),
        language: body.language.clone().unwrap_or_else(|| language.to_owned()),
        hierarchy_depth: body.hierarchy_depth.unwrap_or(depth),
        platform_url: if bound_to_sandbox {
            Some(workbench_jobs::SANDBOX.to_owned())
        } else {
            body.platform_url.clone()
        },
        probe_user: body.probe_user.clone(),
        probe_secret: body.probe_secret.clone(),
    })
}

fn name_in(body: &OpenOnboarding) -> Option<&str> {
    body.name.as_deref().map(str::trim)
}

/// Refuses an opening that says something else of a tenant than what is stored: it would be ignored. What an opening
/// does not mention is as it is stored.
fn same_tenant(body: &OpenOnboarding, stored: &Tenant) -> Result<(), Problem> {
    let text = |given: Option<&str>, stored: Option<&str>| given.is_some() && given != stored;
    let differs = [
        ("name", text(name_in(body), Some(&stored.name))),
        ("country", text(body.country.as_deref(), Some(&stored.country))),
        ("kind", text(body.kind.as_deref(), Some(&stored.kind))),
        ("time_zone", text(body.time_zone.as_deref(), Some(&stored.time_zone))),
        ("language", text(body.language.as_deref(), Some(&stored.language))),
        ("hierarchy_depth", body.hierarchy_depth.is_some_and(|depth| depth != stored.hierarchy_depth)),
        ("platform_url", text(body.platform_url.as_deref(), stored.platform_url.as_deref())),
        ("probe_user", text(body.probe_user.as_deref(), stored.probe_user.as_deref())),
        ("probe_secret", text(body.probe_secret.as_deref(), stored.probe_secret.as_deref())),
    ];
    let fields: Vec<String> =
        differs.iter().filter(|(_, differs)| *differs).map(|(field, _)| format!("`{field}`")).collect();
    if fields.is_empty() {
        return Ok(());
    }
    let detail = format!("the tenant `{}` is stored with other values of {}", stored.id, fields.join(", "));
    Err(Problem::new(StatusCode::CONFLICT, "tenant_differs", "The tenant exists and differs", detail)
        .hint("Leave these fields out, or change the tenant first with PATCH /sys/tenants/{tenant_id}."))
}

/// Filter and place in the dashboard.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// `active` (default), `completed` or `all`.
    pub status: Option<String>,
    /// Part of the tenant's name or slug.
    pub q: Option<String>,
    /// ISO 3166-1 alpha-2.
    country: Option<String>,
    /// Name of a workflow.
    workflow: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items wanted, 1 to 200; 50 where absent.
    limit: Option<i64>,
}

impl ListQuery {
    /// What the store is asked.
    pub fn filter(self) -> Result<DashboardFilter, Problem> {
        let status = match self.status.as_deref() {
            None | Some("active") => DashboardStatus::Active,
            Some("completed") => DashboardStatus::Completed,
            Some("all") => DashboardStatus::All,
            Some(other) => {
                return Err(Problem::invalid("status", format!("`{other}` is no status of an onboarding"))
                    .hint("Use `active`, `completed` or `all`."));
            }
        };
        Ok(DashboardFilter {
            status,
            search: self.q.filter(|q| !q.is_empty()),
            country: self.country,
            workflow: self.workflow,
            before: self.cursor.as_deref().map(cursor::decode).transpose()?,
            limit: cursor::limit(self.limit)?,
        })
    }
}

/// List onboardings
///
/// The dashboard: one row per onboarding, newest opening first.
#[utoipa::path(
    get, path = "/sys/onboarding", tag = "onboarding", params(ListQuery),
    responses(
        (status = 200, body = DashboardPage),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    query: Result<Query<ListQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    caller.require(Capability::Read)?;
    let Query(query) = query.map_err(|rejection| bad_query(&rejection))?;
    let found = page(&app, &query.filter()?).await?;
    Ok(cursor::page(&uri, found.next_cursor.as_deref(), &found))
}

/// A page of the dashboard, for API and console.
pub async fn page(app: &App, filter: &DashboardFilter) -> Result<DashboardPage, Problem> {
    let read = DashboardFilter { limit: filter.limit + 1, ..filter.clone() };
    let mut rows = app.context.store.dashboard(&read).await?;
    let next_cursor = cursor::cut(&mut rows, filter.limit, |last| cursor::encode(last.opened_at, &last.checklist_id));
    let now = Utc::now();
    let ahead = rows.iter().filter(|row| row.live_at.is_none() && row.completed_at.is_none());
    let ahead: Vec<String> = ahead.map(|row| row.checklist_id.clone()).collect();
    let forecasts = outlook::forecasts(app, &ahead, now).await?;
    let item = |row: DashboardRow| {
        let forecast = forecasts.get(&row.checklist_id);
        answers::dashboard_item(row, forecast, now)
    };
    Ok(DashboardPage { items: rows.into_iter().map(item).collect(), next_cursor })
}

/// Show an onboarding
///
/// The tenant's open onboarding, or its latest.
#[utoipa::path(
    get, path = "/sys/onboarding/{tenant_id}", tag = "onboarding",
    params(("tenant_id" = String, Path, description = "The tenant's slug")),
    responses(
        (status = 200, body = Onboarding, headers(("ETag" = String, description = "Revision of the checklist"))),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn show(State(app): State<App>, caller: Caller, Path(tenant_id): Path<String>) -> Result<Response, Problem> {
    caller.require(Capability::Read)?;
    let view = view(&app, &tenant_id).await?;
    let etag = format!("\"{}\"", view.revision);
    Ok(([(header::ETAG, etag)], axum::Json(view)).into_response())
}

/// An onboarding, for API and console.
pub async fn view(app: &App, tenant_id: &str) -> Result<Onboarding, Problem> {
    let store = &app.context.store;
    let tenant = store.tenant(tenant_id).await?;
    let checklist = store.checklist_of(tenant_id).await?;
    let definition = store.definition(&checklist.workflow, checklist.version).await?;
    Ok(answers::onboarding(&checklist, &definition, tenant, Utc::now()))
}
