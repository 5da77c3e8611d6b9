//! Clean-up steps, tags, and attempts before a verdict.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{delete, get, post};
use tokio::sync::mpsc;
use workbench_probes::declared::DeclaredProbe;
use workbench_probes::{Limits, Probe as _, ProbeStatus};

use crate::serving::{allowing, serve, target};

const CREATING: &str = r#"
name: creating
title: Creating
attempts: 3
steps:
  - name: create
    request: { method: POST, path: /things, json: { name: "{{tag}}" } }
    extract: { id: $.id }
    assert: [{ that: status == 201, message: nothing was created }]
  - name: use
    request: { method: GET, path: "/things/{{id}}" }
    assert: [{ that: status == 200, message: it is of no use }]
cleanup:
  - name: remove
    request: { method: DELETE, path: "/things/{{id}}" }
    assert: [{ that: status == 204, severity: warn, message: the thing stays behind, hint: remove it by hand }]
  - name: say goodbye
    request: { method: POST, path: /goodbye }
    assert: [{ that: status == 204, severity: warn, message: no goodbye }]
"#;

/// What a platform does, and what it was asked.
#[derive(Clone)]
struct Platform {
    creates: bool,
    works: StatusCode,
    removes: bool,
    asked: Arc<Mutex<Vec<String>>>,
    calls: mpsc::UnboundedSender<String>,
}

impl Platform {
    fn note(&self, asked: String, headers: &HeaderMap) {
        let tag = headers["workbench-probe"].to_str().expect("a tag is a text").to_owned();
        assert!(tag.starts_with("workbench-probe-") && tag.len() == 32, "{tag}");
        self.asked.lock().expect("nobody panics").push(asked.clone());
        // Most tests do not listen.
        let _ = self.calls.send(asked);
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("nobody panics").clone()
    }
}

fn platform(creates: bool, works: StatusCode, removes: bool) -> (Platform, mpsc::UnboundedReceiver<String>) {
    let (calls, listener) = mpsc::unbounded_channel();
    (Platform { creates, works, removes, asked: Arc::default(), calls }, listener)
}

async fn create(State(platform): State<Platform>, headers: HeaderMap, body: String) -> (StatusCode, &'static str) {
    let tag = headers["workbench-probe"].to_str().expect("a tag is a text");
    assert_eq!(body, format!("{{\"name\":\"{tag}\"}}"), "what is created bears the attempt's tag");
    platform.note("create".to_owned(), &headers);
    if platform.creates { (StatusCode::CREATED, "{\"id\":7}") } else { (StatusCode::CONFLICT, "{}") }
}

async fn using(State(platform): State<Platform>, headers: HeaderMap, Path(id): Path<String>) -> StatusCode {
    platform.note(format!("use {id}"), &headers);
    if platform.works == StatusCode::PROCESSING {
        std::future::pending::<()>().await;
    }
    platform.works
}

async fn remove(State(platform): State<Platform>, headers: HeaderMap, Path(id): Path<String>) -> StatusCode {
    platform.note(format!("remove {id}"), &headers);
    if platform.removes { StatusCode::NO_CONTENT } else { StatusCode::LOCKED }
}

async fn goodbye(State(platform): State<Platform>, headers: HeaderMap) -> StatusCode {
    platform.note("goodbye".to_owned(), &headers);
    StatusCode::NO_CONTENT
}

async fn serve_platform(platform: Platform) -> String {
    let router = Router::new()
        .route("/acme/things", post(create))
        .route("/acme/things/{id}", get(using).merge(delete(remove)))
        .route("/acme/goodbye", post(goodbye))
        .with_state(platform);
    serve(router).await
}

fn creating() -> DeclaredProbe {
    DeclaredProbe::load("creating.yaml", CREATING).expect("it is sound")
}

#[tokio::test]
async fn what_was_created_is_removed() {
    let (platform, _listener) = platform(true, StatusCode::OK, true);
    let authority = serve_platform(platform.clone()).await;
    let result = creating().run(&target(&authority), &allowing(&authority)).await;
    assert_eq!(result.status, ProbeStatus::Pass, "{result:#?}");
    assert_eq!(platform.asked(), ["create", "use 7", "remove 7", "goodbye"]);
    let names: Vec<_> = result.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["create", "use", "remove", "say goodbye"]);
    assert!(result.earlier.is_empty());
}

#[tokio::test]
async fn every_attempt_is_cleaned_up_behind_and_kept() {
    let (platform, _listener) = platform(true, StatusCode::BAD_GATEWAY, true);
    let authority = serve_platform(platform.clone()).await;
    let result = creating().run(&target(&authority), &allowing(&authority)).await;
    assert_eq!((result.status, result.attempts), (ProbeStatus::Fail, 3), "{result:#?}");
    assert_eq!(platform.asked(), ["create", "use 7", "remove 7", "goodbye"].repeat(3));
    assert_eq!(result.earlier.len(), 2);
    for earlier in &result.earlier {
        assert_eq!(earlier.status, ProbeStatus::Fail);
        assert!(earlier.message.starts_with("it is of no use"), "{}", earlier.message);
        assert_eq!(earlier.steps[1].observed, "502 with an empty body");
    }
    let json = serde_json::to_string(&result).expect("a result has a JSON form");
    assert!(json.contains("\"earlier\":[{\"status\":\"fail\""), "{json}");
}

#[tokio::test]
async fn what_was_not_created_needs_no_removing() {
    let (platform, _listener) = platform(false, StatusCode::OK, true);
    let authority = serve_platform(platform.clone()).await;
    let limits = Limits { timeout: Duration::from_millis(200), ..allowing(&authority) };
    let result = creating().run(&target(&authority), &limits).await;
    assert_eq!(result.status, ProbeStatus::Fail);
    assert_eq!(platform.asked(), ["create", "goodbye"]);
    assert_eq!(result.steps[1].observed, "not needed: no step came by `id`");
    assert_eq!(result.steps[1].status, ProbeStatus::Pass);
}

#[tokio::test]
async fn a_clean_up_that_does_not_work_has_the_severity_it_declares() {
    let (platform, _listener) = platform(true, StatusCode::OK, false);
    let authority = serve_platform(platform.clone()).await;
    let result = creating().run(&target(&authority), &allowing(&authority)).await;
    assert_eq!((result.status, result.message.as_str()), (ProbeStatus::Warn, "the thing stays behind"));
    assert_eq!(result.hint, "remove it by hand");
    assert_eq!(platform.asked().last().map(String::as_str), Some("goodbye"), "the rest is done all the same");
}

#[tokio::test]
async fn a_step_that_takes_all_the_time_leaves_some_for_the_clean_up() {
    let (platform, _listener) = platform(true, StatusCode::PROCESSING, true);
    let authority = serve_platform(platform.clone()).await;
    let limits = Limits { timeout: Duration::from_secs(2), ..allowing(&authority) };
    let result = creating().run(&target(&authority), &limits).await;
    assert_eq!(result.message, "GET /things/{{id}} was not answered within the probe's time");
    assert_eq!(platform.asked(), ["create", "use 7", "remove 7", "goodbye"]);
    assert!(result.duration_ms < 2000, "{}", result.duration_ms);
}

#[tokio::test]
async fn a_run_that_is_given_up_is_cleaned_up_behind() {
    let (platform, mut listener) = platform(true, StatusCode::PROCESSING, true);
    let authority = serve_platform(platform.clone()).await;
    let running = tokio::spawn(async move { creating().run(&target(&authority), &allowing(&authority)).await });
    let mut taken = Vec::new();
    while let Some(asked) = listener.recv().await {
        if asked == "use 7" {
            running.abort();
        }
        let last = asked == "goodbye";
        taken.push(asked);
        if last {
            break;
        }
    }
    assert_eq!(taken, ["create", "use 7", "remove 7", "goodbye"]);
}
