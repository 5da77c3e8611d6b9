//! A warning is waived at a gate by two people, the same in both settings.

use serde_json::{Value, json};
use workbench_tests::{Client, Setting, WALK_LIMIT, eventually, ledger};

const GATE: &str = "/sys/onboarding/svbf/steps/go_no_go";
const WAIVERS: &str = "/sys/onboarding/svbf/steps/go_no_go/waivers";

#[tokio::test]
async fn two_people_waive_a_warning_embedded() {
    let setting = Setting::embedded();
    tokio::time::timeout(WALK_LIMIT, waive(&setting)).await.expect("the walk does not hang");
}

#[tokio::test]
async fn two_people_waive_a_warning_on_postgres_and_redis() {
    let setting = Setting::shared().await;
    tokio::time::timeout(WALK_LIMIT, waive(&setting)).await.expect("the walk does not hang");
}

/// Everything before the dry run.
async fn prepare(client: &Client) {
    let body = json!({ "tenant_id": "svbf", "name": "Boule", "country": "SE", "platform_url": "sandbox" });
    client.post("/sys/onboarding", &body).await.expect(201);
    for step in ["contract", "kickoff", "configure", "train_admins"] {
        let done = json!({ "status": "done" });
        client.patch(&format!("/sys/onboarding/svbf/steps/{step}"), &done).await.expect(200);
    }
    let import = client.upload("svbf", "bok.se", ledger(), &[("mode", "apply")]).await.expect(202);
    let id = import["id"].as_str().expect("an import has an id").to_owned();
    let stored = client.import_after("svbf", &id, &["queued", "parsing", "preview", "loading"]).await;
    assert_eq!(stored["state"], "completed", "{stored:#}");
}

async fn status(client: &Client, id: &str) -> Value {
    let onboarding = client.get("/sys/onboarding/svbf").await.expect(200);
    let steps = onboarding["steps"].as_array().expect("an onboarding has steps");
    steps.iter().find(|step| step["id"] == id).expect("the step exists")["status"].clone()
}

async fn check(client: &Client, expected: &str) {
    let check = client.post("/sys/onboarding/svbf/health-check?wait=60s", &json!({})).await.expect(200);
    assert_eq!(check["status"], expected, "{check:#}");
}

async fn go(client: &Client) -> workbench_tests::Answer {
    client.patch(GATE, &json!({ "status": "done" })).await
}

fn codes(problem: &Value) -> Vec<&str> {
    problem["reasons"].as_array().into_iter().flatten().filter_map(|reason| reason["code"].as_str()).collect()
}

fn id(waiver: &Value) -> String {
    waiver["id"].as_str().expect("a waiver has an id").to_owned()
}

fn after(time: chrono::TimeDelta) -> String {
    (chrono::Utc::now() + time).to_rfc3339()
}

async fn waive(setting: &Setting) {
    let admin = setting.client();
    prepare(&admin).await;
    let anna = admin.with_token(Some(&setting.token("csm")));
    let viewer = admin.with_token(Some(&setting.token("viewer")));
    check(&admin, "warn").await;

    let body = json!({ "reason": "the provider signs on Monday", "expires_at": after(chrono::TimeDelta::days(3)) });
    assert_eq!(viewer.post(WAIVERS, &body).await.problem(403), "forbidden");
    let silent = json!({ "reason": " ", "expires_at": body["expires_at"] });
    assert_eq!(codes(&anna.post(WAIVERS, &silent).await.expect(422)), ["reason_required"]);
    let endless = json!({ "reason": "x", "expires_at": after(chrono::TimeDelta::days(300)) });
    assert_eq!(codes(&anna.post(WAIVERS, &endless).await.expect(422)), ["waiver_expiry"]);
    let misplaced = anna.post("/sys/onboarding/svbf/steps/contract/waivers", &body).await.expect(409);
    assert_eq!(codes(&misplaced), ["not_a_gate"]);

    let keyed = [("idempotency-key", "once"), ("content-type", "application/json")];
    let first = anna.send("POST", WAIVERS, &keyed, Some(&body.to_string())).await.expect(201);
    let again = anna.send("POST", WAIVERS, &keyed, Some(&body.to_string())).await.expect(201);
    assert_eq!(first, again);
    // No members were imported, so that their report warns besides.
    let warning = json!(["sample_member_report", "sample_transaction"]);
    assert_eq!(first["probes"], warning, "{first:#}");
    assert_eq!((&first["state"], &first["proposed_by"]), (&json!("proposed"), &json!("csm")));

    let waiting = go(&anna).await.expect(409);
    assert_eq!(
        codes(&waiting),
        ["needs_open", "condition_not_met", "probe_not_passed", "probe_not_passed", "waiver_not_granted"]
    );
    assert_eq!(waiting["reasons"][4]["waiver"], first["id"]);

    let grant = format!("{WAIVERS}/{}/grant", id(&first));
    assert_eq!(codes(&anna.post(&grant, &json!({})).await.expect(409)), ["second_person_needed"]);
    assert_eq!(viewer.post(&grant, &json!({})).await.problem(403), "forbidden");
    assert_eq!(anna.post(&format!("{WAIVERS}/wvr_none/grant"), &json!({})).await.problem(404), "not_found");
    let granted = admin.post(&grant, &json!({})).await.expect(200);
    assert_eq!((&granted["state"], &granted["granted_by"]), (&json!("granted"), &json!("operator")));
    assert_eq!(status(&admin, "dry_run").await, "done");

    assert_eq!(codes(&go(&admin).await.expect(409)), ["second_person_needed"]);
    assert_eq!(go(&anna).await.expect(200)["status"], "done");

    // A change of the tenant makes the evidence stale, whatever was waived; a new check brings the warning back.
    admin.patch("/sys/tenants/svbf", &json!({ "probe_user": "prober" })).await.expect(200);
    assert_eq!(status(&admin, "go_no_go").await, "in_progress");
    let stale = go(&anna).await.expect(409);
    assert_eq!(stale["reasons"][0]["condition"], "health_newer_than_last_change", "{stale:#}");
    check(&admin, "warn").await;
    go(&anna).await.expect(200);

    // A broken platform is not what anybody has waived.
    set_sandbox(setting, &json!({ "fault": "error_500" })).await;
    let failed = admin.post("/sys/onboarding/svbf/health-check?wait=60s", &json!({})).await.expect(200);
    assert_eq!(failed["status"], "fail", "{failed:#}");
    assert_eq!(status(&admin, "go_no_go").await, "in_progress");
    assert_eq!(go(&anna).await.problem(409), "refused");
    set_sandbox(setting, &json!({ "fault": null })).await;
    check(&admin, "warn").await;
    go(&anna).await.expect(200);

    let withdraw = format!("{WAIVERS}/{}/withdraw", id(&first));
    assert_eq!(codes(&anna.post(&withdraw, &json!({ "reason": "" })).await.expect(422)), ["reason_required"]);
    anna.post(&withdraw, &json!({ "reason": "they signed elsewhere" })).await.expect(200);
    assert_eq!(status(&admin, "go_no_go").await, "in_progress", "the gate rested on it");
    assert_eq!(codes(&admin.post(&grant, &json!({})).await.expect(409)), ["waiver_ended"]);

    // Its end comes by itself.
    let soon = json!({ "reason": "for a moment", "expires_at": after(chrono::TimeDelta::seconds(15)) });
    let short = admin.post(WAIVERS, &soon).await.expect(201);
    anna.post(&format!("{WAIVERS}/{}/grant", id(&short)), &json!({})).await.expect(200);
    go(&admin).await.expect(200);
    let client = &admin;
    eventually("the gate to close with the waiver's end", || async move {
        (status(client, "go_no_go").await == "in_progress").then_some(())
    })
    .await;
    assert!(codes(&go(&admin).await.expect(409)).contains(&"waiver_expired"));

    let listed = viewer.get(WAIVERS).await.expect(200);
    let states: Vec<_> = listed["items"].as_array().into_iter().flatten().map(|waiver| &waiver["state"]).collect();
    assert_eq!(states, ["withdrawn", "expired"], "waivers are shown for ever");
    let kinds: Vec<Value> = admin.events("svbf").await.iter().map(|event| event["kind"].clone()).collect();
    for kind in ["waiver_proposed", "waiver_granted", "waiver_withdrawn", "waiver_expired"] {
        assert!(kinds.contains(&json!(kind)), "{kind}");
    }
    let (holds, said) = setting.tool(&["audit", "verify"]);
    assert!(holds, "{said}");
}

async fn set_sandbox(setting: &Setting, settings: &Value) {
    setting.sandbox().patch("/svbf/settings", settings).await.expect(200);
}

#[tokio::test]
async fn a_waiver_is_proposed_and_granted_by_forms() {
    let setting = Setting::embedded();
    let admin = setting.client();
    prepare(&admin).await;
    check(&admin, "warn").await;
    let anna = admin.with_token(Some(&setting.token("csm")));
    let body = json!({ "reason": "<b>Monday</b>", "expires_at": after(chrono::TimeDelta::days(3)) });
    let of_anna = anna.post(WAIVERS, &body).await.expect(201);

    let visitor = setting.visitor().await;
    let page = visitor.get("/onboarding/svbf").await;
    assert!(page.text.contains("Proposed by csm") && !page.text.contains("<b>Monday"), "{}", page.text);
    let grant = format!("/onboarding/svbf/steps/go_no_go/waivers/{}/grant", id(&of_anna));
    assert_eq!(visitor.submit(&page, &grant, &[("csrf", "0000")]).await.status, 403);
    assert_eq!(visitor.submit(&page, &grant, &[]).await.status, 303);
    assert_eq!(anna.get(WAIVERS).await.expect(200)["items"][0]["state"], "granted");

    let propose = "/onboarding/svbf/steps/go_live/waivers";
    let page = visitor.get("/onboarding/svbf").await;
    let refused = visitor.submit(&page, propose, &[("reason", "x"), ("days", "31")]).await;
    assert_eq!(refused.status, 422);
    assert!(refused.text.contains(r#"role="alert""#), "{}", refused.text);
    let proposed = visitor.submit(&page, propose, &[("reason", "until Monday"), ("days", "2")]).await;
    assert_eq!(proposed.status, 303, "{}", proposed.text);
    let page = visitor.get("/onboarding/svbf").await;
    assert!(page.text.contains("until Monday") && page.text.contains("Waits for a second person"), "{}", page.text);
}
