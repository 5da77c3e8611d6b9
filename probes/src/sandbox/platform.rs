//! What a sandbox platform does: logins, transactions, the member report.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use chrono::Utc;
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::Problem;
use super::world::{Fault, Settings};
use super::{SANDBOX_SECRET, SANDBOX_USER, Sandbox, Tenant};

/// What a proxy shows in front of a platform that is down.
const WRONG_BODY: &str = "<!doctype html><title>Maintenance</title><p>We will be back soon.";

/// Requests shown by the platform's log.
const SHOWN_CALLS: usize = 100;

/// Longest tag of a transaction that is repeated in the answer, in characters.
const LONGEST_TAG: usize = 100;

pub(super) async fn about() -> Json<Value> {
    Json(json!({
        "service": "Onboarding Workbench sandbox platform",
        "purpose": "something for health probes to run against; holds no real data",
        "routes": [
            "POST /{tenant}/login",
            "POST /{tenant}/transactions",
            "DELETE /{tenant}/transactions/{id}",
            "GET /{tenant}/reports/members",
            "GET /{tenant}/calls",
            "GET /{tenant}/settings",
            "PATCH /{tenant}/settings",
        ],
    }))
}

#[derive(Deserialize)]
struct Login {
    user: String,
    password: String,
}

pub(super) async fn log_in(
    State(sandbox): State<Sandbox>,
    Tenant(tenant): Tenant,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let settings = enter(&sandbox, &tenant, "POST /login").await?;
    if let Some(answer) = faulty_answer(&settings).await {
        return Ok(answer);
    }
    let login: Login = read(&body?)?;
    let refused = settings.fault == Some(Fault::LoginRefused);
    if refused || login.user != SANDBOX_USER || login.password != SANDBOX_SECRET {
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "the user or the password is wrong"));
    }
    Ok(Json(json!({ "token": sandbox.token(&tenant) })).into_response())
}

#[derive(Deserialize)]
struct Transaction {
    amount: String,
    currency: String,
    #[serde(default)]
    tag: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

pub(super) async fn transact(
    State(sandbox): State<Sandbox>,
    Tenant(tenant): Tenant,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let settings = enter(&sandbox, &tenant, "POST /transactions").await?;
    if let Some(answer) = faulty_answer(&settings).await {
        return Ok(answer);
    }
    authorise(&sandbox, &tenant, &headers)?;
    let transaction: Transaction = read(&body?)?;
    if !is_amount(&transaction.amount) {
        return Err(Problem::bad_request("`amount` must be a positive decimal number as a text, such as \"1.00\""));
    }
    if transaction.currency.len() != 3 || !transaction.currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(Problem::bad_request("`currency` must be a code of three capital letters, such as \"SEK\""));
    }
    let status = if settings.payment_provider.is_some() { "accepted" } else { "recorded_without_payment" };
    Ok(Json(json!({
        "id": format!("txn_{:016x}", rand::random::<u64>()),
        "status": status,
        "payment_provider": settings.payment_provider,
        "amount": transaction.amount,
        "currency": transaction.currency,
        "tag": transaction.tag.map(|tag| tag.chars().take(LONGEST_TAG).collect::<String>()),
        "dry_run": transaction.dry_run,
    }))
    .into_response())
}

/// Takes a transaction back. Nothing is kept of transactions, so that there is nothing of any id afterwards.
pub(super) async fn take_back(
    State(sandbox): State<Sandbox>,
    Tenant(tenant): Tenant,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let settings = enter(&sandbox, &tenant, "DELETE /transactions").await?;
    if let Some(answer) = faulty_answer(&settings).await {
        return Ok(answer);
    }
    authorise(&sandbox, &tenant, &headers)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(super) async fn report_members(
    State(sandbox): State<Sandbox>,
    Tenant(tenant): Tenant,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let settings = enter(&sandbox, &tenant, "GET /reports/members").await?;
    if let Some(answer) = faulty_answer(&settings).await {
        return Ok(answer);
    }
    authorise(&sandbox, &tenant, &headers)?;
    let members = sandbox.world.member_count(&tenant).await?;
    Ok(Json(json!({ "members": members, "generated_at": Utc::now() })).into_response())
}

/// The platform's own log, faulty or not. Looking at it leaves no trace in it.
pub(super) async fn list_calls(State(sandbox): State<Sandbox>, Tenant(tenant): Tenant) -> Result<Json<Value>, Problem> {
    let calls = sandbox.world.latest_calls(&tenant, SHOWN_CALLS).await?;
    Ok(Json(json!({ "calls": calls })))
}

/// Takes note of the request and looks up how the platform is set.
async fn enter(sandbox: &Sandbox, tenant: &str, call: &str) -> Result<Settings, Problem> {
    sandbox.world.record_call(tenant, call).await?;
    Ok(sandbox.world.settings(tenant).await?)
}

/// What the platform answers instead because of its fault, if that changes this answer; holds it back if it is slow.
async fn faulty_answer(settings: &Settings) -> Option<Response> {
    match settings.fault {
        Some(Fault::Slow { ms }) => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            None
        }
        Some(Fault::Error500) => {
            let detail = "the sandbox was told to fail: its settings have the fault `error_500`";
            Some(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail).into_response())
        }
        Some(Fault::WrongBody) => Some(Html(WRONG_BODY).into_response()),
        // A bad certificate keeps probes from coming this far; whoever comes without TLS is answered.
        Some(Fault::LoginRefused | Fault::BadCertificate) | None => None,
    }
}

fn authorise(sandbox: &Sandbox, tenant: &str, headers: &HeaderMap) -> Result<(), Problem> {
    let token = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    if token == Some(sandbox.token(tenant).as_str()) {
        Ok(())
    } else {
        Err(Problem::new(StatusCode::UNAUTHORIZED, "log in first and send the token as `Authorization: Bearer …`"))
    }
}

fn read<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| Problem::bad_request(format!("the body does not fit: {error}")))
}

/// Whether a text is a positive decimal number of reasonable length.
fn is_amount(text: &str) -> bool {
    let (whole, cents) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    text.len() <= 20 && digits(whole) && digits(cents) && text.contains(|c: char| matches!(c, '1'..='9'))
}
