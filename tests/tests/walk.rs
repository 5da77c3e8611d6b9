//! One onboarding from the contract to the retrospective, the same in both settings.

use serde_json::{Value, json};
use workbench_tests::{Client, Setting, WALK_LIMIT, ledger, members};

#[tokio::test]
async fn an_onboarding_goes_live_embedded() {
    let setting = Setting::embedded();
    tokio::time::timeout(WALK_LIMIT, walk(&setting)).await.expect("the walk does not hang");
}

#[tokio::test]
async fn an_onboarding_goes_live_on_postgres_and_redis() {
    let setting = Setting::shared().await;
    tokio::time::timeout(WALK_LIMIT, walk(&setting)).await.expect("the walk does not hang");
}

async fn step(client: &Client, step: &str, patch: Value) -> Value {
    client.patch(&format!("/sys/onboarding/svbf/steps/{step}"), &patch).await.expect(200)
}

async fn status(client: &Client, id: &str) -> String {
    let onboarding = client.get("/sys/onboarding/svbf").await.expect(200);
    let steps = onboarding["steps"].as_array().expect("an onboarding has steps");
    let found = steps.iter().find(|step| step["id"] == id).expect("the step exists");
    found["status"].as_str().unwrap_or_default().to_owned()
}

/// Uploads, looks at the preview, confirms, waits.
async fn import(client: &Client, name: &str, bytes: Vec<u8>) -> (Value, Value) {
    let answer = client.upload("svbf", name, bytes, &[("format", "auto")]).await;
    let location = answer.headers["location"].to_str().expect("an address").to_owned();
    let uploaded = answer.expect(202);
    let id = uploaded["id"].as_str().expect("an import has an id");
    assert!(location.ends_with(id));
    let preview = client.import_after("svbf", id, &["queued", "parsing"]).await;
    assert_eq!(preview["state"], "preview", "{preview:#}");
    client.post(&format!("{location}/confirm"), &json!({})).await.expect(202);
    let stored = client.import_after("svbf", id, &["loading"]).await;
    assert_eq!(stored["state"], "completed", "{stored:#}");
    (preview, stored)
}

async fn check(client: &Client) -> Value {
    client.post("/sys/onboarding/svbf/health-check?wait=60s", &json!({})).await.expect(200)
}

fn verdicts(check: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let probes = check["probes"].as_array().expect("a check has probes");
    probes.iter().map(|probe| (text(&probe["probe"]), text(&probe["status"]))).collect()
}

async fn walk(setting: &Setting) {
    let client = setting.client();
    client
        .post(
            "/sys/onboarding",
            &json!({ "tenant_id": "svbf", "name": "Svenska Bouleförbundet", "country": "SE", "platform_url": "sandbox" }),
        )
        .await
        .expect(201);

    for id in ["contract", "kickoff", "configure"] {
        let started = step(&client, id, json!({ "assignee": "anna" })).await;
        assert_eq!(started["status"], "in_progress");
        let done = step(&client, id, json!({ "status": "done" })).await;
        assert_eq!(done["status"], "done");
        assert!(done["completed_at"].is_string());
    }

    let (preview, _) = import(&client, "bok.se", ledger()).await;
    assert_eq!((preview["format"].as_str(), preview["entity"].as_str()), (Some("sie"), Some("ledger")));
    assert_eq!(preview["detected"]["encoding"], "CP437");
    assert!(preview["counts"]["records_new"].as_i64() > Some(0), "{preview:#}");
    let codes: Vec<_> = preview["issues"].as_array().into_iter().flatten().map(|group| &group["code"]).collect();
    assert!(codes.contains(&&json!("account_undeclared")), "{preview:#}");
    assert_eq!(status(&client, "import_data").await, "done");

    let (preview, stored) = import(&client, "medlemmar.csv", members(1200)).await;
    assert_eq!(preview["counts"]["rows_read"], 1200);
    assert_eq!(preview["counts"]["rows_warned"], 1);
    assert_eq!(preview["counts"]["records_new"], 1200);
    assert_eq!(stored["loaded"], 1200);
    assert_eq!(stored["progress"], json!({ "done": 1200, "total": 1200, "unit": "rows" }));

    step(&client, "train_admins", json!({ "status": "done" })).await;

    let warned = check(&client).await;
    assert_eq!(warned["status"], "warn", "{warned:#}");
    let expected = [("sample_login", "pass"), ("sample_transaction", "warn"), ("sample_member_report", "pass")];
    assert_eq!(verdicts(&warned), expected.map(|(probe, status)| (probe.to_owned(), status.to_owned())));

    let refused = client.patch("/sys/onboarding/svbf/steps/go_no_go", &json!({ "status": "done" })).await;
    let reasons = refused.body["reasons"].clone();
    assert_eq!(refused.problem(409), "refused");
    let reasons = reasons.as_array().expect("a refusal has reasons");
    let probe = reasons.iter().find(|reason| reason["code"] == "probe_not_passed").expect("the probe is named");
    assert_eq!((probe["probe"].as_str(), probe["status"].as_str()), (Some("sample_transaction"), Some("warn")));
    assert!(probe["age_seconds"].is_i64());
    assert!(reasons.iter().any(|reason| reason["code"] == "needs_open" && reason["step"] == "dry_run"));

    setting.sandbox().patch("/svbf/settings", &json!({ "payment_provider": "swish" })).await.expect(200);
    assert_eq!(check(&client).await["status"], "pass");
    assert_eq!(status(&client, "dry_run").await, "done");

    step(&client, "go_no_go", json!({ "status": "done", "note": "all green" })).await;
    step(&client, "go_live", json!({ "status": "done" })).await;

    let listed = |status: &'static str| {
        let client = client.clone();
        async move {
            let page = client.get(&format!("/sys/onboarding?status={status}")).await.expect(200);
            page["items"].as_array().expect("a page has items").iter().any(|row| row["tenant_id"] == "svbf")
        }
    };
    assert!(!listed("active").await);
    assert!(listed("completed").await);

    let retrospective = client.get("/sys/onboarding/retrospective?group_by=quarter").await.expect(200);
    let cohort = &retrospective["cohorts"][0];
    assert_eq!((&cohort["completed"], &cohort["tenants"]), (&json!(1), &json!(["svbf"])));
    assert_eq!(cohort["total_days"]["n"], 1);
    assert!(cohort["total_days"]["median_interval"].is_null());

    let (holds, said) = setting.tool(&["audit", "verify"]);
    assert!(holds, "{said}");
    let kinds: Vec<_> = client.events("svbf").await.iter().map(|event| event["kind"].clone()).collect();
    for kind in ["tenant_created", "checklist_opened", "first_member_reached", "health_checked", "checklist_completed"]
    {
        assert_eq!(
            kinds.iter().filter(|found| **found == kind).count(),
            if kind == "health_checked" { 3 } else { 1 },
            "{kind}"
        );
    }
}
