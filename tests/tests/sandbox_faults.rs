//! What the shipped probes make of the sandbox platform's faults, through the whole of the product.

use serde_json::{Value, json};
use workbench_tests::Setting;

/// Settings of the platform, the check's status, and what the login's probe says.
fn table() -> Vec<(Value, &'static str, &'static str)> {
    vec![
        (json!({ "payment_provider": "swish" }), "warn", "the probe account logged in"),
        (
            json!({ "fault": "error_500" }),
            "fail",
            "the platform failed while logging in (POST /login was answered with 500 Internal Server Error)",
        ),
        (
            json!({ "fault": "wrong_body" }),
            "fail",
            "the platform accepted the login but gave no token (POST /login was answered with 200 OK)",
        ),
        (
            json!({ "fault": "login_refused" }),
            "fail",
            "the platform refused the probe account (POST /login was answered with 401 Unauthorized)",
        ),
        (
            json!({ "fault": "bad_certificate" }),
            "fail",
            "no secure connection to the platform: invalid peer certificate: UnknownIssuer",
        ),
        (
            json!({ "fault": { "slow": { "ms": 60_000 } } }),
            "fail",
            "POST /login was not answered within the probe's time",
        ),
        (json!({ "fault": null, "payment_provider": null }), "warn", "the probe account logged in"),
    ]
}

async fn every_fault_has_its_verdict(setting: Setting) {
    let (client, sandbox) = (setting.client(), setting.sandbox());
    let body = json!({ "tenant_id": "svbf", "name": "Boule", "country": "SE", "kind": "sandbox" });
    client.post("/sys/onboarding", &body).await.expect(201);
    for (settings, status, message) in table() {
        sandbox.patch("/svbf/settings", &settings).await.expect(200);
        let check = client.post("/sys/onboarding/svbf/health-check?wait=30s", &json!({})).await.expect(200);
        assert_eq!((&check["status"], &check["probes"][0]["message"]), (&json!(status), &json!(message)), "{check:#}");
        let no_hint = check["probes"][0]["hint"] == "";
        assert_eq!(no_hint, check["probes"][0]["status"] == "pass", "{check:#}");
    }
}

#[tokio::test]
async fn every_fault_has_its_verdict_embedded() {
    every_fault_has_its_verdict(Setting::embedded_with(&["--probe-timeout", "2s"])).await;
}

#[tokio::test]
async fn every_fault_has_its_verdict_with_workers() {
    every_fault_has_its_verdict(Setting::shared_with(&["--probe-timeout", "2s"]).await).await;
}
