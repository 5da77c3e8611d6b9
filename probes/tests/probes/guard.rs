//! Addresses that probes do not connect to, and secrets that they do not tell.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Redirect;
use axum::routing::{get, post};
use tokio::net::TcpListener;
use url::Url;
use workbench_probes::declared::DeclaredProbe;
use workbench_probes::{Limits, Probe as _, ProbeStatus};

use crate::serving::{TENANT, allowing, one_step, run_one_step, run_shipped, sandbox, serve, target};

const ASK: &str = r"
request: { method: GET, path: /ask }
assert: [{ that: status == 200, message: it did not answer }]";

#[tokio::test]
async fn a_loopback_address_is_refused_unless_allowed() {
    let (authority, world) = sandbox(None, 0, None).await;
    let result = run_shipped("sample_login", &target(&authority), &Limits::default()).await;
    assert_eq!(result.status, ProbeStatus::Error);
    assert_eq!(result.message, "the probe was not allowed to connect to a loopback address");
    assert!(result.hint.contains("allow its host and port"));
    assert!(world.calls(TENANT).is_empty(), "nothing was sent");
}

#[tokio::test]
async fn a_name_is_judged_by_what_it_resolves_to() {
    let (authority, world) = sandbox(None, 0, None).await;
    let by_name = authority.replace("127.0.0.1", "localhost");

    // What is allowed is this spelling of the authority, not everything that leads to the same place.
    let result = run_shipped("sample_login", &target(&by_name), &allowing(&authority)).await;
    assert_eq!(result.status, ProbeStatus::Error, "{result:#?}");
    assert_eq!(result.message, "the probe was not allowed to connect to a loopback address");
    assert!(world.calls(TENANT).is_empty(), "nothing was sent");

    let result = run_shipped("sample_login", &target(&by_name), &allowing(&by_name)).await;
    assert_eq!(result.status, ProbeStatus::Pass, "{result:#?}");
}

#[tokio::test]
async fn a_redirect_is_shown_and_not_followed() {
    let followed = Arc::new(AtomicUsize::new(0));
    let counter = followed.clone();
    let router = Router::new()
        .route("/acme/ask", get(|| async { Redirect::to("/acme/elsewhere?ticket=abc") }))
        .route("/acme/elsewhere", get(move || async move { counter.fetch_add(1, Ordering::Relaxed).to_string() }));
    let result = run_one_step(&serve(router).await, "", ASK).await;
    assert_eq!(result.status, ProbeStatus::Fail);
    assert_eq!(result.steps[0].observed, "303, a redirect to /acme/elsewhere, which was not followed");
    assert_eq!(followed.load(Ordering::Relaxed), 0);
}

const FOLLOW: &str = r"
request: { method: GET, path: /ask, headers: { Authorization: 'Bearer {{secret}}' }, redirects: 2 }
assert: [{ that: status == 200, message: it did not answer }]";

/// A platform that redirects from `/acme/ask` to `place`.
async fn redirecting(place: String) -> String {
    let router = Router::new()
        .route("/acme/ask", get(|| async move { Redirect::to(&place) }))
        .route("/acme/there", get(|headers: HeaderMap| async move { has_token(&headers) }))
        .route("/acme/round", get(|| async { Redirect::to("/acme/round") }));
    serve(router).await
}

fn has_token(headers: &HeaderMap) -> StatusCode {
    if headers.contains_key("authorization") { StatusCode::OK } else { StatusCode::FORBIDDEN }
}

#[tokio::test]
async fn a_redirect_is_followed_where_that_is_declared() {
    let result = run_one_step(&redirecting("/acme/there".to_owned()).await, "", FOLLOW).await;
    assert_eq!(result.status, ProbeStatus::Pass, "{result:#?}");
    let result = run_one_step(&redirecting("/acme/round".to_owned()).await, "", FOLLOW).await;
    assert_eq!(result.steps[0].observed, "303, a redirect to /acme/round, which was not followed");
    for place in ["ftp://127.0.0.1/", "http://probe:x@127.0.0.1/", "http://[/"] {
        let result = run_one_step(&redirecting(place.to_owned()).await, "", FOLLOW).await;
        assert_eq!(result.status, ProbeStatus::Fail, "{place}: {result:#?}");
        assert!(result.steps[0].observed.starts_with("303, a redirect to "), "{}", result.steps[0].observed);
    }
}

#[tokio::test]
async fn a_redirect_to_where_probes_may_not_go_is_refused() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let inside =
        serve(Router::new().fallback(move || async move { counter.fetch_add(1, Ordering::Relaxed).to_string() }));
    let inside = inside.await;
    for place in
        [inside.clone(), inside.replace("127.0.0.1", "localhost"), inside.replace("127.0.0.1", "[::ffff:127.0.0.1]")]
    {
        let result = run_one_step(&redirecting(format!("http://{place}/latest/meta-data")).await, "", FOLLOW).await;
        assert_eq!(result.status, ProbeStatus::Error, "{place}: {result:#?}");
        let (begins, ends) =
            ("the platform redirects to ", ": the probe was not allowed to connect to a loopback address");
        assert!(result.message.starts_with(begins) && result.message.ends_with(ends), "{}", result.message);
        assert!(!result.hint.contains("administrator"), "nobody is talked into allowing it: {}", result.hint);
    }
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn what_was_meant_for_the_platform_is_not_sent_elsewhere() {
    let elsewhere = serve(Router::new().fallback(|headers: HeaderMap| async move { has_token(&headers) })).await;
    let platform = redirecting(format!("http://{elsewhere}/")).await;
    let limits = Limits { allow: allowing(&platform).allow.allowing(&elsewhere), ..allowing(&platform) };
    let result = one_step("", FOLLOW).run(&target(&platform), &limits).await;
    assert_eq!(result.steps[0].observed, "403 with an empty body", "{result:#?}");

    let moved = format!("http://{elsewhere}/");
    let router = Router::new().route("/acme/ask", post(|| async move { Redirect::temporary(&moved) }));
    let platform = serve(router).await;
    let limits = Limits { allow: allowing(&platform).allow.allowing(&elsewhere), ..allowing(&platform) };
    let posting = FOLLOW.replace("method: GET", "method: POST, json: { password: '{{secret}}' }");
    let result = one_step("", &posting).run(&target(&platform), &limits).await;
    assert_eq!(result.steps[0].observed, format!("307, a redirect to http://{elsewhere}/, which was not followed"));
}

#[tokio::test]
async fn trouble_with_tls_is_told_as_such() {
    let (with_bad_certificate, _) = sandbox(None, 0, None).await;
    let without_tls = serve(Router::new()).await;
    for (authority, why) in [
        (with_bad_certificate, "invalid peer certificate: UnknownIssuer"),
        (without_tls, "received corrupt message of type InvalidContentType"),
    ] {
        let mut target = target(&authority);
        target.base_url = Url::parse(&format!("https://{authority}/acme")).expect("a valid address");
        let result = run_shipped("sample_login", &target, &allowing(&authority)).await;
        assert_eq!(result.status, ProbeStatus::Fail);
        assert_eq!(result.message, format!("no secure connection to the platform: {why}"));
        assert!(result.hint.contains("certificate"), "{}", result.hint);
    }
}

#[tokio::test]
async fn a_platform_that_does_not_listen_fails() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let authority = listener.local_addr().expect("a bound socket has an address").to_string();
    drop(listener);
    let result = run_one_step(&authority, "", ASK).await;
    assert_eq!(result.status, ProbeStatus::Fail);
    assert!(result.message.starts_with("no connection to the platform: "), "{}", result.message);
    assert!(!result.message.contains("http://"), "{}", result.message);
    assert_eq!(result.steps.len(), 1);
}

#[tokio::test]
async fn addresses_that_cannot_be_a_platform_break_the_probe() {
    for (address, message) in [
        ("ftp://example.org/", "not an http or https address"),
        ("https://user:hunter2@example.org/", "carries credentials"),
    ] {
        let mut target = target("127.0.0.1:1");
        target.base_url = Url::parse(address).expect("a valid address");
        let result = one_step("", ASK).run(&target, &Limits::default()).await;
        assert_eq!(result.status, ProbeStatus::Error);
        assert!(result.message.contains(message) && !result.message.contains("hunter2"), "{}", result.message);
    }
}

#[tokio::test]
async fn an_extracted_value_cannot_climb_out_of_the_tenants_platform() {
    let router = Router::new().route("/acme/ask", get(|| async { r#"{"id":".."}"# }));
    let authority = serve(router).await;
    let probe = DeclaredProbe::load(
        "asking.yaml",
        r"
name: climbing
title: Climbing
steps:
  - name: ask
    request: { method: GET, path: /ask }
    extract: { id: $.id }
    assert: [{ that: status == 200, message: it did not answer }]
  - name: climb
    request: { method: GET, path: '/{{id}}/other' }
    assert: [{ that: status == 200, message: it did not answer }]",
    )
    .expect("the declaration is sound");
    let result = probe.run(&target(&authority), &allowing(&authority)).await;
    assert_eq!(result.status, ProbeStatus::Error, "{result:#?}");
    assert_eq!(result.message, "GET /{{id}}/other leads out of the tenant's platform");
}

#[tokio::test]
async fn what_a_platform_echoes_does_not_betray_secrets() {
    async fn echo(headers: HeaderMap) -> (StatusCode, [(axum::http::HeaderName, String); 1], String) {
        let sent = headers["x-key"].to_str().expect("the probe sends text").to_owned();
        (StatusCode::FOUND, [(LOCATION, format!("/{sent}"))], format!("you sent {sent}"))
    }
    async fn echo_plainly(headers: HeaderMap) -> (StatusCode, String) {
        let (_, _, body) = echo(headers).await;
        (StatusCode::BAD_REQUEST, body)
    }
    let router = Router::new().route("/acme/ask", get(echo)).route("/acme/plain", get(echo_plainly));
    let authority = serve(router).await;
    for (path, observed) in
        [("/ask", "302, a redirect to /***, which was not followed"), ("/plain", "400 you sent ***")]
    {
        let step = format!(
            "request: {{ method: GET, path: {path}, headers: {{ X-Key: '{{{{secret}}}}' }} }}\n\
             assert: [{{ that: status == 200, message: it did not answer }}]"
        );
        let result = run_one_step(&authority, "", &step).await;
        assert_eq!(result.steps[0].observed, observed);
        let json = serde_json::to_string(&result).expect("a result has a JSON form");
        assert!(!json.contains(workbench_probes::sandbox::SANDBOX_SECRET), "{json}");
    }
}
