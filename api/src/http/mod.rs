//! The HTTP shell: decodes, asks the engine, encodes. No rule lives here.

mod access;
mod admission;
mod answers;
mod body;
mod bounds;
mod channels;
mod console;
mod course;
mod cursor;
mod events;
mod health;
mod health_document;
mod idempotency;
mod import_commands;
mod import_progress;
mod imports;
mod incidents;
mod issue_table;
mod jobs;
mod maintenance;
mod mappings;
mod metrics;
mod nul;
mod observed;
mod onboarding;
mod ongoing;
mod outlook;
mod patience;
mod precondition;
mod problem;
mod process_changes;
mod query;
mod readiness;
mod records;
mod retrospective;
mod retrospective_cache;
mod retrospective_table;
mod schedules;
mod steps;
mod tenants;
mod waivers;
mod wire;
mod workflows;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::trace::TraceLayer;
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;
use workbench_jobs::Context;

pub use access::{Capability, Role, hash_secret, new_secret};
pub use admission::Admission;
pub use metrics::Metrics;
pub use outlook::Outlook;
use problem::Problem;
pub use readiness::{Operations, health_router};
pub use retrospective_cache::{BeforeAndAfter, LookedBack};

use crate::definitions::Definitions;

/// Largest JSON body.
const JSON_LIMIT: usize = 1024 * 1024;

/// What every handler may use.
#[derive(Clone)]
pub struct App {
    /// Store, uploads, probes.
    pub context: Context,
    /// How this process does.
    pub operations: Operations,
    /// What new onboardings and uploads may name, as the files were read last.
    pub definitions: Arc<ArcSwap<Definitions>>,
    /// What is counted of requests.
    pub metrics: Metrics,
    /// How many requests are let in.
    pub admission: Admission,
    /// Largest upload, in bytes.
    pub upload_limit: u64,
    /// Whether browsers reach the console by https, so that its cookie must travel by nothing else.
    pub https: bool,
    /// Retrospectives that were counted before.
    pub looked_back: Arc<LookedBack>,
    /// What process changes made, as it was compared before.
    pub before_and_after: Arc<BeforeAndAfter>,
    /// What past onboardings taught for forecasts.
    pub outlook: Arc<Outlook>,
    /// Ends long-lived answers when the daemon stops.
    pub stop: CancellationToken,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Onboarding Workbench",
        description = "Tenant onboarding as durable workflows. Errors are RFC 9457 problem details; times are RFC 3339 in UTC.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    security(("bearer" = [])),
    modifiers(&Bearer)
)]
struct Document;

struct Bearer;

impl utoipa::Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_with(Default::default);
        components.add_security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    }
}

/// The API's routes with their description.
fn described() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(onboarding::open, onboarding::list))
        .routes(routes!(retrospective::show))
        .routes(routes!(outlook::show))
        .routes(routes!(process_changes::list, process_changes::note))
        .routes(routes!(process_changes::remove))
        .routes(routes!(onboarding::show))
        .routes(routes!(steps::patch))
        .routes(routes!(waivers::propose, waivers::list))
        .routes(routes!(waivers::grant))
        .routes(routes!(waivers::withdraw))
        .routes(routes!(tenants::show, tenants::patch))
        .merge(ongoing::twice([
            routes!(imports::upload, imports::list).layer(imports::unlimited()),
            routes!(imports::show),
            routes!(imports::issues),
            routes!(issue_table::download),
            routes!(import_progress::follow),
            routes!(import_commands::map),
            routes!(import_commands::confirm),
            routes!(import_commands::cancel),
            routes!(import_commands::roll_back),
        ]))
        .routes(routes!(mappings::list))
        .routes(routes!(mappings::delete))
        .routes(routes!(records::show))
        .routes(routes!(health::run))
        .routes(routes!(health::history))
        .routes(routes!(health::show))
        .routes(routes!(health::probe_history))
        .routes(routes!(events::of_tenant))
        .routes(routes!(events::stream))
        .routes(routes!(jobs::list))
        .routes(routes!(jobs::show))
        .routes(routes!(jobs::retry))
        .routes(routes!(jobs::cancel))
        .routes(routes!(schedules::list))
        .routes(routes!(schedules::show))
        .routes(routes!(schedules::pause))
        .routes(routes!(schedules::resume))
        .routes(routes!(schedules::run))
        .routes(routes!(maintenance::list, maintenance::open))
        .routes(routes!(maintenance::end))
        .routes(routes!(incidents::list))
        .routes(routes!(incidents::show))
        .routes(routes!(channels::list))
        .routes(routes!(channels::test))
        .routes(routes!(course::start, course::list))
        .routes(routes!(course::show))
        .routes(routes!(course::command))
        .routes(routes!(workflows::list))
        .routes(routes!(readiness::healthz))
        .routes(routes!(readiness::readyz))
}

/// The OpenAPI document, generated from the handlers.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    described().split_for_parts().1
}

/// The whole HTTP surface: API, description and console.
pub fn router(app: App) -> Router {
    let (api, document) = described().split_for_parts();
    let document = Arc::new(document);
    let answered_with = |name: &'static str, value: &'static str| {
        SetResponseHeaderLayer::if_not_present(HeaderName::from_static(name), HeaderValue::from_static(value))
    };
    Router::new()
        .merge(api)
        .route("/openapi.json", get(move || async move { axum::Json(&*document).into_response() }))
        .route("/metrics", get(metrics::show))
        .merge(console::routes())
        .fallback(no_such_address)
        .method_not_allowed_fallback(|| async {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "The address does not know this method",
                "the method is not supported here; `Allow` says which are",
            )
        })
        .layer(axum::middleware::from_fn(nul::refuse_in_address))
        .layer(axum::middleware::from_fn(patience::limit))
        .layer(DefaultBodyLimit::max(JSON_LIMIT))
        .layer(CatchPanicLayer::custom(|_| {
            Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "The daemon failed",
                "the daemon's log says why",
            )
            .into_response()
        }))
        .layer(axum::middleware::from_fn_with_state(app.clone(), admission::admit))
        .layer(axum::middleware::from_fn_with_state(app.clone(), metrics::count))
        .layer(answered_with("x-content-type-options", "nosniff"))
        .layer(answered_with("referrer-policy", "same-origin"))
        .layer(answered_with(
            "content-security-policy",
            "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
             form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ))
        .layer(TraceLayer::new_for_http().make_span_with(span))
        .with_state(app)
}

/// A browser gets a page, anything else a problem.
async fn no_such_address(headers: HeaderMap) -> Response {
    let problem = Problem::not_found("there is no such address");
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accepted.contains("text/html") { console::failed(&problem) } else { problem.into_response() }
}

/// What the log says of a request: its route and never its address, which can be a login link.
fn span(request: &Request) -> tracing::Span {
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str);
    tracing::debug_span!("request", method = %request.method(), route)
}

/// How long a daemon that stops waits for requests under way.
pub const DRAIN: Duration = Duration::from_secs(10);
