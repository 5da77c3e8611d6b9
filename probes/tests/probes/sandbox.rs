//! The sandbox's own manners.

use std::sync::Arc;

use async_trait::async_trait;
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use workbench_probes::sandbox::{self, Call, Fault, Settings, World, WorldError};

use crate::serving::{TENANT, serve};

/// A client of one sandbox.
struct Visitor {
    client: Client,
    authority: String,
}

impl Visitor {
    async fn of_a_fresh_sandbox() -> Self {
        Self::of(&crate::serving::sandbox(None, 0, None).await.0)
    }

    fn of(authority: &str) -> Self {
        Self { client: Client::new(), authority: authority.to_owned() }
    }

    async fn ask(&self, method: Method, path: &str, token: &str, body: Option<Value>) -> Response {
        let request = self.client.request(method, format!("http://{}{path}", self.authority)).bearer_auth(token);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        request.send().await.expect("the sandbox answers")
    }

    async fn token(&self, tenant: &str) -> String {
        let login = json!({"user": sandbox::SANDBOX_USER, "password": sandbox::SANDBOX_SECRET});
        let answer = json_of(self.ask(Method::POST, &format!("/{tenant}/login"), "", Some(login)).await).await;
        answer["token"].as_str().expect("the login gives a token").to_owned()
    }
}

async fn json_of(response: Response) -> Value {
    response.json().await.expect("the sandbox answers in JSON")
}

async fn problem(response: Response, status: StatusCode, detail: &str) {
    assert_eq!(response.status(), status);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let body = json_of(response).await;
    assert_eq!(body["status"], status.as_u16());
    assert!(body["detail"].as_str().is_some_and(|text| text.contains(detail)), "{body}");
}

#[tokio::test]
async fn it_says_what_it_is() {
    let answer = json_of(Visitor::of_a_fresh_sandbox().await.ask(Method::GET, "/", "", None).await).await;
    assert_eq!(answer["service"], "Onboarding Workbench sandbox platform");
}

#[tokio::test]
async fn settings_are_read_and_patched_without_a_login() {
    let visitor = Visitor::of_a_fresh_sandbox().await;
    let settings = json_of(visitor.ask(Method::GET, "/acme/settings", "", None).await).await;
    assert_eq!(settings, json!({"payment_provider": null, "fault": null}));

    let patch = json!({"payment_provider": "swish"});
    let settings = json_of(visitor.ask(Method::PATCH, "/acme/settings", "", Some(patch)).await).await;
    assert_eq!(settings, json!({"payment_provider": "swish", "fault": null}));

    let patch = json!({"fault": {"slow": {"ms": 5}}});
    let settings = json_of(visitor.ask(Method::PATCH, "/acme/settings", "", Some(patch)).await).await;
    assert_eq!(settings, json!({"payment_provider": "swish", "fault": {"slow": {"ms": 5}}}));
    assert_eq!(json_of(visitor.ask(Method::GET, "/other/settings", "", None).await).await["fault"], Value::Null);
}

#[tokio::test]
async fn a_misspelt_setting_is_refused_with_a_suggestion() {
    let visitor = Visitor::of_a_fresh_sandbox().await;
    let answer = visitor.ask(Method::PATCH, "/acme/settings", "", Some(json!({"paymentProvider": "swish"}))).await;
    problem(answer, StatusCode::BAD_REQUEST, "did you mean `payment_provider`?").await;
}

#[tokio::test]
async fn a_patch_must_say_that_it_is_json() {
    let visitor = Visitor::of_a_fresh_sandbox().await;
    let address = format!("http://{}/acme/settings", visitor.authority);
    let send = |media_type| visitor.client.patch(&address).header("content-type", media_type).body("{}").send();
    let answer = send("text/plain").await.expect("the sandbox answers");
    problem(answer, StatusCode::UNSUPPORTED_MEDIA_TYPE, "application/merge-patch+json").await;
    let answer = send("application/merge-patch+json; charset=utf-8").await.expect("the sandbox answers");
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_token_is_good_for_its_own_tenant() {
    let visitor = Visitor::of_a_fresh_sandbox().await;
    let token = visitor.token(TENANT).await;
    assert_eq!(visitor.ask(Method::GET, "/acme/reports/members", &token, None).await.status(), StatusCode::OK);
    for (path, token) in [("/other/reports/members", token.as_str()), ("/acme/reports/members", "made up")] {
        problem(visitor.ask(Method::GET, path, token, None).await, StatusCode::UNAUTHORIZED, "log in first").await;
    }
    let elsewhere = Visitor::of_a_fresh_sandbox().await;
    let answer = elsewhere.ask(Method::GET, "/acme/reports/members", &token, None).await;
    problem(answer, StatusCode::UNAUTHORIZED, "log in first").await;
}

#[tokio::test]
async fn bad_requests_are_refused_with_a_reason() {
    let visitor = Visitor::of_a_fresh_sandbox().await;
    let token = visitor.token(TENANT).await;
    for (method, path, body, status, detail) in [
        (Method::POST, "/acme/login", json!({"user": "probe"}), 400, "missing field `password`"),
        (Method::POST, "/acme/login", json!({"user": "probe", "password": "x"}), 401, "is wrong"),
        (Method::POST, "/acme/transactions", json!({"amount": "1,00", "currency": "SEK"}), 400, "`amount`"),
        (Method::POST, "/acme/transactions", json!({"amount": "0.00", "currency": "SEK"}), 400, "`amount`"),
        (Method::POST, "/acme/transactions", json!({"amount": "1.00", "currency": "kr"}), 400, "`currency`"),
        (Method::POST, "/acme/transactions", json!("x".repeat(100_000)), 413, "length limit"),
        (Method::POST, "/acme/nothing", json!({}), 404, "nothing at /acme/nothing"),
        (Method::PATCH, "/%ff/settings", json!({}), 400, "UTF-8"),
        (Method::PATCH, "/%20/settings", json!({}), 400, "not the id of a tenant"),
    ] {
        let answer = visitor.ask(method, path, &token, Some(body)).await;
        problem(answer, StatusCode::from_u16(status).expect("a status"), detail).await;
    }
    let answer = visitor.ask(Method::DELETE, "/acme/settings", "", None).await;
    assert!(answer.headers().contains_key("allow"));
    problem(answer, StatusCode::METHOD_NOT_ALLOWED, "/acme/settings cannot be asked with DELETE").await;
}

/// A world that knows nobody.
struct EmptyWorld;

#[async_trait]
impl World for EmptyWorld {
    async fn settings(&self, tenant: &str) -> Result<Settings, WorldError> {
        Err(WorldError(format!("there is no tenant `{tenant}`")))
    }

    async fn save_settings(&self, _: &str, _: &Settings) -> Result<(), WorldError> {
        Ok(())
    }

    async fn member_count(&self, _: &str) -> Result<u64, WorldError> {
        Ok(0)
    }

    async fn record_call(&self, _: &str, _: &str) -> Result<(), WorldError> {
        Ok(())
    }

    async fn latest_calls(&self, _: &str, _: usize) -> Result<Vec<Call>, WorldError> {
        Ok(Vec::new())
    }
}

#[tokio::test]
async fn what_the_world_cannot_say_is_passed_on() {
    let visitor = Visitor::of(&serve(sandbox::router(Arc::new(EmptyWorld))).await);
    let answer = visitor.ask(Method::GET, "/acme/settings", "", None).await;
    problem(answer, StatusCode::INTERNAL_SERVER_ERROR, "there is no tenant `acme`").await;
}

#[test]
fn faults_are_written_as_documented() {
    for (fault, json) in [
        (Fault::Slow { ms: 3000 }, json!({"slow": {"ms": 3000}})),
        (Fault::Error500, json!("error_500")),
        (Fault::WrongBody, json!("wrong_body")),
        (Fault::LoginRefused, json!("login_refused")),
        (Fault::BadCertificate, json!("bad_certificate")),
    ] {
        assert_eq!(serde_json::to_value(&fault).expect("a fault has a JSON form"), json);
    }
    assert!(serde_json::from_value::<Settings>(json!({"payment_provider": "swish", "colour": "red"})).is_err());
}
