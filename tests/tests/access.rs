//! No write is anonymous, and roles allow what they say.

use reqwest::header::SET_COOKIE;
use reqwest::{Method, Response, redirect};
use serde_json::json;
use workbench_tests::{Daemon, Setting};

/// Asks as a browser does that follows no redirect.
async fn ask(method: Method, url: &str) -> Response {
    let browser = reqwest::Client::builder().redirect(redirect::Policy::none()).build().expect("a client can be made");
    browser.request(method, url).send().await.expect("the daemon answers")
}

fn serve(folder: &std::path::Path, more: &[&str], environment: &[(&str, &str)]) -> Daemon {
    let arguments = [&["serve", "--listen", "127.0.0.1:0", "--sandbox", "off"], more].concat();
    Daemon::try_start_with(folder, &arguments, environment).unwrap_or_else(|log| panic!("the daemon ended: {log}"))
}

#[tokio::test]
async fn no_request_without_a_valid_token_is_carried_out() {
    let setting = Setting::embedded();
    let admin = setting.client();
    for token in [None, Some("wb_0000"), Some("")] {
        let stranger = admin.with_token(token);
        let body = json!({ "tenant_id": "svbf", "name": "Boule", "country": "SE" });
        let refused = stranger.post("/sys/onboarding", &body).await;
        assert_eq!(refused.headers["www-authenticate"], "Bearer");
        assert_eq!(refused.problem(401), "unauthenticated");
        assert_eq!(stranger.get("/sys/onboarding").await.problem(401), "unauthenticated");
        assert_eq!(stranger.get("/sys/events").await.problem(401), "unauthenticated");
    }
    for open in ["/healthz", "/readyz", "/openapi.json"] {
        assert!(admin.with_token(None).get(open).await.status.is_success(), "{open}");
    }
}

#[tokio::test]
async fn roles_allow_what_they_say() {
    let setting = Setting::embedded();
    let admin = setting.client();
    let body = json!({ "tenant_id": "svbf", "name": "Boule", "country": "SE" });
    admin.post("/sys/onboarding", &body).await.expect(201);
    let patch = "/sys/onboarding/svbf/steps/contract";
    let check = "/sys/onboarding/svbf/health-check";

    let viewer = admin.with_token(Some(&setting.token("viewer")));
    viewer.get("/sys/onboarding/svbf").await.expect(200);
    assert_eq!(viewer.patch(patch, &json!({ "note": "x" })).await.problem(403), "forbidden");
    assert_eq!(viewer.post(check, &json!({})).await.problem(403), "forbidden");

    let prober = admin.with_token(Some(&setting.token("probe-runner")));
    let started = prober.post(check, &json!({})).await.expect(202);
    assert_eq!(prober.patch(patch, &json!({ "note": "x" })).await.problem(403), "forbidden");

    let csm = admin.with_token(Some(&setting.token("csm")));
    csm.patch(patch, &json!({ "note": "x" })).await.expect(200);
    let job = started["job_id"].as_str().unwrap_or_default();
    assert_eq!(csm.post(&format!("/sys/jobs/{job}/cancel"), &json!({})).await.problem(403), "forbidden");

    let tenant = "/sys/tenants/svbf";
    let named = json!({ "probe_secret": "env:WORKBENCH_PROBE_SVBF" });
    let moved = json!({ "platform_url": "https://elsewhere.example" });
    csm.patch(tenant, &moved).await.expect(200);
    assert_eq!(csm.patch(tenant, &named).await.problem(403), "forbidden", "who names a secret can have it sent");
    admin.patch(tenant, &named).await.expect(200);
    assert_eq!(csm.patch(tenant, &moved).await.problem(403), "forbidden", "who says where it is sent, too");
    let opened =
        json!({ "tenant_id": "other", "name": "O", "country": "SE", "probe_secret": "env:WORKBENCH_PROBE_SVBF" });
    assert_eq!(csm.post("/sys/onboarding", &opened).await.problem(403), "forbidden");

    let actors: Vec<_> = admin
        .events("svbf")
        .await
        .into_iter()
        .filter(|event| event["kind"] == "step_noted")
        .map(|event| event["actor"].clone())
        .collect();
    assert_eq!(actors, [json!("csm")], "every write carries its actor");
}

#[tokio::test]
async fn a_revoked_token_is_worth_nothing() {
    let setting = Setting::embedded();
    let token = setting.token("viewer");
    let viewer = setting.client().with_token(Some(&token));
    viewer.get("/sys/onboarding").await.expect(200);
    let (_, listed) = setting.tool(&["token", "list"]);
    let id = listed.lines().find(|line| line.contains("viewer")).and_then(|line| line.split_whitespace().next());
    let (revoked, said) = setting.tool(&["token", "revoke", id.expect("the token is listed")]);
    assert!(revoked, "{said}");
    assert!(!listed.contains(&token), "a listing shows no secret");
    assert_eq!(viewer.get("/sys/onboarding").await.problem(401), "unauthenticated");
}

#[tokio::test]
async fn a_login_link_is_used_up_by_logging_in_and_by_nothing_else() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let daemon = serve(folder.path(), &[], &[("RUST_LOG", "debug")]);
    let link = daemon.said("log in").to_owned();
    assert_eq!(ask(Method::HEAD, &link).await.status(), 204);
    let session = ask(Method::GET, &link).await;
    assert_eq!(session.status(), 303);
    let cookie = session.headers()[SET_COOKIE].to_str().expect("a cookie").to_owned();
    assert!(cookie.contains("HttpOnly; SameSite=Strict") && !cookie.contains("Secure"), "{cookie}");
    assert_eq!(ask(Method::GET, &link).await.status(), 403);

    let secret = link.rsplit('/').next().unwrap_or_default();
    assert!(daemon.log().contains("/login/{secret}"), "requests are logged by their route");
    assert!(!daemon.log().contains(secret), "a log that tells everything still tells no secret");
}

#[tokio::test]
async fn behind_https_the_cookie_travels_by_https_only() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let with = |url| ["--public-url", url];
    let daemon = serve(folder.path(), &with("https://onboarding.example"), &[]);
    let link = daemon.said("log in").strip_prefix("https://onboarding.example/login/").expect("the public address");
    // The tests stand where the proxy would.
    let port = daemon.log().split("serving on ").nth(1).and_then(|rest| rest.split('"').next().map(str::to_owned));
    let session = ask(Method::GET, &format!("http://{}/login/{link}", port.expect("the log says where"))).await;
    let cookie = session.headers()[SET_COOKIE].to_str().expect("a cookie").to_owned();
    assert!(cookie.ends_with("; Secure"), "{cookie}");

    for wrong in ["onboarding.example", "https://u:p@onboarding.example", "https://onboarding.example/console"] {
        let arguments = [&["serve", "--listen", "127.0.0.1:0", "--sandbox", "off"][..], &with(wrong)].concat();
        assert!(Daemon::try_start(folder.path(), &arguments).is_err(), "{wrong}");
    }
}

fn names_are_not_shared(setting: &Setting) {
    let create = || setting.tool(&["token", "create", "--name", "anna", "--role", "csm"]);
    let (made, said) = create();
    assert!(made, "{said}");
    let (again, said) = create();
    assert!(!again && said.contains("`anna` exists already"), "{said}");
    let (_, listed) = setting.tool(&["token", "list"]);
    let id = listed.lines().find(|line| line.contains("anna")).and_then(|line| line.split_whitespace().next());
    assert!(setting.tool(&["token", "revoke", id.expect("the token is listed")]).0);
    let (made, said) = create();
    assert!(made, "the name is free once its token is revoked: {said}");
}

#[tokio::test]
async fn one_name_stands_for_one_valid_token_embedded() {
    names_are_not_shared(&Setting::embedded());
}

#[tokio::test]
async fn one_name_stands_for_one_valid_token_on_postgres() {
    names_are_not_shared(&Setting::shared().await);
}
