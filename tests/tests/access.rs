//! No write is anonymous, and roles allow what they say.

use serde_json::json;
use workbench_tests::Setting;

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
