//! The console's pages, over the same calls as the API.
//!
//! A session comes from a one-time login link; forms prove themselves by a value that only pages of the session
//! carry. What a rule refuses is shown on the page that asked.

mod course;
mod help;
mod import;
mod mapping_form;
mod mappings;
mod record;
mod retrospective;
mod waivers;

use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, FromRequest, FromRequestParts, Path, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use chrono::{TimeDelta, Utc};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use workbench_console as pages;
use workbench_engine::checklist::StepPatch;
use workbench_engine::job::JobCommand;
use workbench_engine::log::Actor;
use workbench_engine::store::EventFilter;

use super::access::{Caller, SESSION_COOKIE, hash_secret, new_secret, session_of};
use super::idempotency::IdempotencyKey;
use super::onboarding::ListQuery;
use super::problem::Problem;
use super::query::{bad_form, bad_query};
use super::wire::StepView;
use super::{App, answers, health, imports, jobs, nul, onboarding, steps};

/// How long a session lasts; the working day of whoever opens the console every morning.
const SESSION: TimeDelta = TimeDelta::hours(12);
/// Events shown on a checklist's page.
const EVENTS: usize = 30;

/// The console's routes.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/", get(dashboard))
        .route("/onboarding/{tenant_id}", get(checklist))
        .route("/onboarding/{tenant_id}/steps/{step_id}", post(edit_step))
        .route("/onboarding/{tenant_id}/steps/{step_id}/waivers", post(waivers::propose))
        .route("/onboarding/{tenant_id}/steps/{step_id}/waivers/{waiver_id}/{action}", post(waivers::act))
        .route("/onboarding/{tenant_id}/health-check", post(run_health_check))
        .route("/onboarding/{tenant_id}/imports", post(import::upload).get(import::to_list).layer(imports::unlimited()))
        .route("/onboarding/{tenant_id}/imports/{import_id}", get(import::show))
        .route("/onboarding/{tenant_id}/imports/{import_id}/{action}", post(import::act).get(import::back))
        .route("/onboarding/{tenant_id}/mappings", get(mappings::show))
        .route("/onboarding/{tenant_id}/mappings/{mapping_id}/forget", post(mappings::forget))
        .route("/onboarding/{tenant_id}/records/{kind}/{key}", get(record::show))
        .route("/jobs", get(job_list))
        .route("/jobs/{job_id}/{action}", post(act_on_job))
        .route("/retrospective", get(retrospective::show))
        .route("/help", get(help::index))
        .route("/help/{slug}", get(help::show))
        .route("/onboarding-progress", get(course::own))
        .route("/onboarding-progress/start", post(course::start))
        .route("/onboarding-progress/learners", get(course::learners))
        .route("/onboarding-progress/learners/{learner}", get(course::of_learner))
        .route("/onboarding-progress/learners/{learner}/{action}/{subject}", post(course::act))
        .route("/login", get(login_page))
        // Whoever only asks whether the link is there does not use it up.
        .route("/login/{secret}", get(log_in).head(|| async { StatusCode::NO_CONTENT }))
        .route("/logout", post(log_out))
        .route("/assets/console.css", get(|| async { asset(pages::STYLESHEET, "text/css; charset=utf-8") }))
        .route("/assets/console.js", get(|| async { asset(pages::SCRIPT, "text/javascript; charset=utf-8") }))
        .route("/assets/progress.js", get(|| async { asset(pages::PROGRESS_SCRIPT, "text/javascript; charset=utf-8") }))
}

fn asset(text: &'static str, content_type: &'static str) -> Response {
    ([(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, "no-cache")], text).into_response()
}

/// Whoever has a session. Without one, the answer is the page that says how to get one.
struct Visitor {
    caller: Caller,
    csrf: String,
    /// Whether the course is in their menu.
    learning: bool,
}

impl FromRequestParts<App> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let caller = match Caller::from_request_parts(parts, app).await {
            Ok(caller) => caller,
            Err(problem) if problem.status == StatusCode::UNAUTHORIZED.as_u16() => {
                return Err(Redirect::to("/login").into_response());
            }
            Err(problem) => return Err(failed(&problem)),
        };
        // Bearer tokens are for the API; a page needs the session that its forms are bound to.
        let Some(csrf) = caller.csrf.clone() else { return Err(Redirect::to("/login").into_response()) };
        let autonomous = app.context.store.is_autonomous(&caller.actor.id).await;
        let learning = !autonomous.map_err(|error| failed(&error.into()))?;
        Ok(Self { caller, csrf, learning })
    }
}

impl Visitor {
    fn prove(&self, csrf: &str) -> Result<(), Response> {
        if csrf == self.csrf {
            return Ok(());
        }
        let problem = Problem::new(
            StatusCode::FORBIDDEN,
            "csrf",
            "The form is not ours",
            "the page was left open over a login; load it again",
        );
        Err(failed(&problem))
    }
}

fn page(rendered: Result<String, impl std::fmt::Display>, status: StatusCode) -> Response {
    match rendered {
        Ok(text) => (status, [(header::CACHE_CONTROL, "no-store")], Html(text)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A problem where there is no page to show it on.
pub fn failed(problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let view =
        pages::ProblemView { title: problem.title.clone(), detail: problem.detail.clone(), hint: problem.hint.clone() };
    let mut response = page(pages::problem(&view), status);
    if let Some(seconds) = problem.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

async fn dashboard(State(app): State<App>, visitor: Visitor, Asked(query): Asked<ListQuery>) -> Response {
    let (status, search) = (query.status.clone().unwrap_or_else(|| "active".to_owned()), query.q.clone());
    let found = async { onboarding::page(&app, &query.filter()?).await }.await;
    let found = match found {
        Ok(found) => found,
        Err(problem) => return failed(&problem),
    };
    let rows = found
        .items
        .into_iter()
        .map(|row| pages::DashboardLine {
            tenant_id: row.tenant_id,
            name: row.name,
            country: row.country,
            workflow: row.workflow,
            days_open: row.days_open,
            current_step: row.current_step,
            open_steps: row.open_steps,
            assignee: row.assignee,
            blocking_reason: row.blocking_reason,
            health: row.health,
            at_risk: row.at_risk,
            next_due: row.next_due,
            forecast: row.forecast.map(|forecast| (forecast.p50, forecast.p85)),
            completed_at: row.completed_at,
        })
        .collect();
    let view = pages::DashboardView {
        rows,
        status,
        query: search.unwrap_or_default(),
        next: found.next_cursor,
        learning: visitor.learning,
        actor: visitor.caller.actor.id,
        csrf: visitor.csrf,
    };
    page(pages::dashboard(&view), StatusCode::OK)
}

async fn checklist(State(app): State<App>, visitor: Visitor, Path(tenant_id): Path<String>) -> Response {
    show_checklist(&app, &visitor, &tenant_id, None).await
}

/// The checklist's page, with what a refused action said.
async fn show_checklist(app: &App, visitor: &Visitor, tenant_id: &str, refused: Option<Problem>) -> Response {
    match checklist_view(app, visitor, tenant_id).await {
        Ok(mut view) => {
            let status = refused
                .as_ref()
                .map_or(StatusCode::OK, |problem| StatusCode::from_u16(problem.status).unwrap_or(StatusCode::CONFLICT));
            view.notice = refused.map(|problem| match problem.hint {
                Some(hint) => format!("{}. {hint}", problem.detail),
                None => problem.detail,
            });
            page(pages::checklist(&view), status)
        }
        Err(problem) => failed(&problem),
    }
}

async fn checklist_view(app: &App, visitor: &Visitor, tenant_id: &str) -> Result<pages::ChecklistView, Problem> {
    let found = onboarding::view(app, tenant_id).await?;
    let health = health::of_tenant(app, tenant_id).await?.latest.map(|check| pages::HealthView {
        status: check.status,
        checked_at: check.checked_at,
        probes: check
            .probes
            .into_iter()
            .map(|probe| pages::ProbeLine {
                probe: probe.probe,
                status: probe.status,
                message: probe.message,
                hint: probe.hint,
            })
            .collect(),
    });
    let imports = app.context.store.imports(tenant_id, None, 20).await?;
    let imports = imports
        .into_iter()
        .map(|import| pages::ImportLine {
            id: import.id,
            file_name: import.file_name,
            state: import.state.to_string(),
            format: import.format,
            entity: import.entity,
            rows_read: import.counts.rows_read,
            rows_warned: import.counts.rows_warned,
            rows_rejected: import.counts.rows_rejected,
            records: import.counts.records,
            failure: import.failure.as_ref().and_then(failure_words),
            revision: import.preview_revision,
        })
        .collect();
    Ok(pages::ChecklistView {
        tenant_id: found.tenant_id,
        name: found.tenant.name,
        country: found.tenant.country,
        workflow: found.workflow,
        version: found.version,
        days_open: found.days_open,
        target_go_live: Some(found.target_go_live),
        completed_at: found.completed_at,
        steps: found.steps.into_iter().map(step_line).collect(),
        health,
        waivers: waivers::lines(app, tenant_id, &visitor.caller.actor.id).await?,
        imports,
        events: latest_events(app, tenant_id).await?,
        learning: visitor.learning,
        actor: visitor.caller.actor.id.clone(),
        notice: None,
        csrf: visitor.csrf.clone(),
    })
}

/// Why an import failed and what to do about it.
fn failure_words(failure: &serde_json::Value) -> Option<String> {
    let text = |key: &str| failure.get(key).and_then(serde_json::Value::as_str);
    Some(format!("{}. {}", text("message")?.trim_end_matches('.'), text("hint").unwrap_or_default()))
}

fn step_line(step: StepView) -> pages::StepLine {
    pages::StepLine {
        id: step.id,
        title: step.title,
        kind: step.kind,
        status: step.status,
        assignee: step.assignee,
        blocking_reason: step.blocking_reason,
        due_at: step.due_at,
        started_at: step.started_at,
        completed_at: step.completed_at,
        needs: step.needs,
        revision: step.revision,
    }
}

async fn latest_events(app: &App, tenant_id: &str) -> Result<Vec<pages::EventLine>, Problem> {
    let limit = i64::try_from(EVENTS).unwrap_or(i64::MAX);
    let found = app
        .context
        .store
        .latest_events(&EventFilter { after: 0, tenant_id: Some(tenant_id.to_owned()), limit })
        .await?;
    Ok(found
        .into_iter()
        .map(|entry| pages::EventLine {
            seq: entry.seq,
            at: entry.at,
            summary: answers::particulars(&entry.payload),
            actor: entry.actor,
            kind: entry.kind,
        })
        .collect())
}

#[derive(Debug, Deserialize)]
struct StepForm {
    status: String,
    assignee: String,
    blocking_reason: String,
    note: String,
    reason: String,
    revision: i64,
    csrf: String,
}

impl StepForm {
    /// What the person changed: a form sends every field, a patch only says what is different.
    fn patch(self, step: &StepView) -> Result<StepPatch, Problem> {
        for (field, text) in [
            ("assignee", &self.assignee),
            ("blocking_reason", &self.blocking_reason),
            ("note", &self.note),
            ("reason", &self.reason),
        ] {
            nul::refuse_in_text(field, text)?;
        }
        let differs = |new: &str, old: Option<&String>| new.trim() != old.map_or("", String::as_str);
        let status = if self.status.is_empty() || self.status == step.status {
            None
        } else {
            Some(self.status.parse().map_err(|error: String| Problem::invalid("status", error))?)
        };
        Ok(StepPatch {
            status,
            assignee: differs(&self.assignee, step.assignee.as_ref()).then_some(Some(self.assignee)),
            blocking_reason: differs(&self.blocking_reason, step.blocking_reason.as_ref())
                .then_some(Some(self.blocking_reason)),
            due_at: None,
            note: Some(self.note),
            reason: Some(self.reason),
        })
    }
}

async fn edit_step(
    State(app): State<App>,
    visitor: Visitor,
    Path((tenant_id, step_id)): Path<(String, String)>,
    Filled(form): Filled<StepForm>,
) -> Response {
    if let Err(refused) = visitor.prove(&form.csrf) {
        return refused;
    }
    let edited = async {
        let found = onboarding::view(&app, &tenant_id).await?;
        let step = found
            .steps
            .iter()
            .find(|step| step.id == step_id)
            .ok_or_else(|| Problem::not_found("there is no such step"))?;
        let revision = form.revision;
        let patch = form.patch(step)?;
        steps::apply(&app, &visitor.caller, &tenant_id, &step_id, patch, Some(vec![revision])).await
    };
    match edited.await {
        Ok(_) => Redirect::to(&format!("/onboarding/{tenant_id}")).into_response(),
        Err(problem) => show_checklist(&app, &visitor, &tenant_id, Some(problem)).await,
    }
}

#[derive(Debug, Deserialize)]
struct BareForm {
    csrf: String,
}

async fn run_health_check(
    State(app): State<App>,
    visitor: Visitor,
    Path(tenant_id): Path<String>,
    key: IdempotencyKey,
    Filled(form): Filled<BareForm>,
) -> Response {
    if let Err(refused) = visitor.prove(&form.csrf) {
        return refused;
    }
    match health::start(&app, &visitor.caller, &key, &tenant_id).await {
        Ok(_) => Redirect::to(&format!("/onboarding/{tenant_id}")).into_response(),
        Err(problem) => show_checklist(&app, &visitor, &tenant_id, Some(problem)).await,
    }
}

async fn job_list(State(app): State<App>, visitor: Visitor, Asked(query): Asked<jobs::JobQuery>) -> Response {
    show_jobs(&app, visitor, query, None).await
}

async fn act_on_job(
    State(app): State<App>,
    visitor: Visitor,
    Path((job_id, action)): Path<(String, String)>,
    Filled(form): Filled<BareForm>,
) -> Response {
    if let Err(refused) = visitor.prove(&form.csrf) {
        return refused;
    }
    let command = match action.as_str() {
        "retry" => JobCommand::Retry,
        "cancel" => JobCommand::Cancel,
        _ => return failed(&Problem::not_found("there is no such action")),
    };
    match jobs::apply(&app, &visitor.caller, &job_id, &command).await {
        Ok(()) => Redirect::to("/jobs").into_response(),
        Err(problem) => show_jobs(&app, visitor, jobs::JobQuery::default(), Some(problem)).await,
    }
}

/// The jobs' page, with what a refused action said.
async fn show_jobs(app: &App, visitor: Visitor, query: jobs::JobQuery, refused: Option<Problem>) -> Response {
    let found = match jobs::page(app, query).await {
        Ok(found) => found,
        Err(problem) => return failed(&problem),
    };
    let rows = found
        .items
        .into_iter()
        .map(|job| pages::JobLine {
            id: job.id,
            kind: job.kind,
            tenant_id: job.tenant_id,
            state: job.state,
            attempt: job.attempt,
            max_attempts: job.max_attempts,
            run_at: job.run_at,
            last_error: job.last_error,
            done: job.progress.done,
            total: job.progress.total,
            unit: job.progress.unit,
        })
        .collect();
    let status = refused.as_ref().map_or(Ok(StatusCode::OK), |problem| StatusCode::from_u16(problem.status));
    let view = pages::JobsView {
        rows,
        notice: refused.map(|problem| problem.detail),
        next: found.next_cursor,
        learning: visitor.learning,
        actor: visitor.caller.actor.id,
        csrf: visitor.csrf,
    };
    page(pages::jobs(&view), status.unwrap_or(StatusCode::CONFLICT))
}

async fn login_page() -> Response {
    page(pages::login(&pages::LoginView::default()), StatusCode::OK)
}

/// Uses up a one-time link and begins a session.
async fn log_in(State(app): State<App>, Path(secret): Path<String>) -> Response {
    let session = new_secret("");
    let begun = async {
        let now = Utc::now();
        let mut tx = app.context.store.begin(&Actor::workbench(), now).await?;
        let Some(holder) = tx.use_login_link(&hash_secret(&secret)).await? else { return Ok(None) };
        tx.act_as(Actor::named(&holder.actor));
        tx.create_session(&hash_secret(&session), &holder, now + SESSION).await?;
        tx.commit().await?;
        Ok::<_, Problem>(Some(holder))
    };
    match begun.await {
        Ok(Some(_)) => {
            let cookie = format!(
                "{SESSION_COOKIE}={session}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}{}",
                SESSION.num_seconds(),
                if app.https { "; Secure" } else { "" },
            );
            let mut response = Redirect::to("/").into_response();
            if let Ok(value) = HeaderValue::try_from(cookie) {
                response.headers_mut().insert(header::SET_COOKIE, value);
            }
            response
        }
        Ok(None) => {
            let problem = "The link was used before or has expired; `workbench login-link` makes a new one.";
            page(pages::login(&pages::LoginView { problem: Some(problem.to_owned()) }), StatusCode::FORBIDDEN)
        }
        Err(problem) => failed(&problem),
    }
}

async fn log_out(
    State(app): State<App>,
    visitor: Visitor,
    session: Session,
    Filled(form): Filled<BareForm>,
) -> Response {
    if let Err(refused) = visitor.prove(&form.csrf) {
        return refused;
    }
    let ended = async {
        let mut tx = app.context.store.begin(&visitor.caller.actor, Utc::now()).await?;
        tx.end_session(&hash_secret(&session.0)).await?;
        tx.commit().await?;
        Ok::<_, Problem>(())
    };
    match ended.await {
        Ok(()) => Redirect::to("/login").into_response(),
        Err(problem) => failed(&problem),
    }
}

/// What the address of a page asks for. One that cannot be read is answered with a page, too.
struct Asked<T>(T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let read = Query::from_request_parts(parts, state).await;
        read.map(|Query(query)| Self(query)).map_err(|rejection| failed(&bad_query(&rejection)))
    }
}

/// A form as our pages send it. One that does not fit was not sent by them.
struct Filled<T>(T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Filled<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let read = Form::from_request(request, state).await;
        read.map(|Form(form)| Self(form)).map_err(|rejection: FormRejection| failed(&bad_form(&rejection)))
    }
}

/// The secret of the request's session.
struct Session(String);

impl<S: Send + Sync> FromRequestParts<S> for Session {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        match session_of(parts) {
            Some(session) => Ok(Self(session.to_owned())),
            None => Err(Redirect::to("/login").into_response()),
        }
    }
}
