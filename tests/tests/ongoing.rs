//! A tenant imports under its own address, with an onboarding under way and without.

use serde_json::json;
use workbench_tests::{Client, Setting, members};

const BEFORE_THE_DRY_RUN: [&str; 5] = ["contract", "kickoff", "configure", "import_data", "train_admins"];

/// Uploads, confirms and undoes, all where `Location` leads.
async fn imported(client: &Client) {
    let imports = "/sys/tenants/svbf/imports";
    let uploaded = client.upload_to(imports, "members.csv", members(20), &[]).await;
    let location = uploaded.headers["location"].to_str().expect("an address").to_owned();
    let import = uploaded.expect(202);
    let id = import["id"].as_str().expect("an import has an id");
    assert_eq!(location, format!("{imports}/{id}"));
    assert_eq!(client.import_after("svbf", id, &["queued", "parsing"]).await["state"], "preview");
    let shown = client.get(&location).await.expect(200);
    assert_eq!(shown, client.get(&format!("/sys/onboarding/svbf/imports/{id}")).await.expect(200));
    assert_eq!(client.get(imports).await.expect(200)["items"][0]["id"], id);
    assert_ne!(client.get(&format!("{location}/issues")).await.expect(200)["items"], json!([]));

    client.post(&format!("{location}/confirm"), &json!({})).await.expect(202);
    assert_eq!(client.import_after("svbf", id, &["loading"]).await["state"], "completed");
    client.post(&format!("{location}/rollback"), &json!({ "reason": "a trial" })).await.expect(202);
    assert_eq!(client.import_after("svbf", id, &["rolling_back"]).await["state"], "rolled_back");
}

async fn a_tenant_goes_on_importing(setting: Setting) {
    let client = setting.client();
    let body = json!({ "tenant_id": "svbf", "name": "Boule", "country": "SE", "platform_url": "sandbox" });
    client.post("/sys/onboarding", &body).await.expect(201);
    imported(&client).await;
    for step in BEFORE_THE_DRY_RUN {
        let skip = json!({ "status": "skipped", "reason": "done elsewhere" });
        client.patch(&format!("/sys/onboarding/svbf/steps/{step}"), &skip).await.expect(200);
    }
    let kept = client.upload_to("/sys/tenants/svbf/imports", "kept.csv", members(20), &[("mode", "apply")]).await;
    let kept = kept.expect(202)["id"].as_str().expect("an import has an id").to_owned();
    let kept = client.import_after("svbf", &kept, &["queued", "parsing", "preview", "loading"]).await;
    assert_eq!(kept["state"], "completed", "{kept:#}");
    setting.sandbox().patch("/svbf/settings", &json!({ "payment_provider": "swish" })).await.expect(200);
    client.post("/sys/onboarding/svbf/health-check?wait=30s", &json!({})).await;
    for step in ["go_no_go", "go_live"] {
        client.patch(&format!("/sys/onboarding/svbf/steps/{step}"), &json!({ "status": "done" })).await.expect(200);
    }
    assert_eq!(client.get("/sys/onboarding/svbf").await.expect(200)["status"], "completed");
    imported(&client).await;
    let nobody = client.upload_to("/sys/tenants/nobody/imports", "members.csv", members(2), &[]).await;
    assert_eq!(nobody.problem(404), "not_found");
    let reader = client.with_token(Some(&setting.token("viewer")));
    let forbidden = reader.upload_to("/sys/tenants/svbf/imports", "members.csv", members(2), &[]).await;
    assert_eq!(forbidden.status.as_u16(), 403);
    let (holds, said) = setting.tool(&["audit", "verify"]);
    assert!(holds, "{said}");

    let document = client.get("/openapi.json").await.expect(200);
    for (path, methods) in document["paths"].as_object().expect("a document has paths") {
        if let Some(rest) = path.strip_prefix("/sys/onboarding/{tenant_id}/imports") {
            let again = &document["paths"][format!("/sys/tenants/{{tenant_id}}/imports{rest}")];
            let names =
                |item: &serde_json::Value| item.as_object().map(|item| item.keys().cloned().collect::<Vec<_>>());
            assert_eq!(names(again), names(methods), "{path}");
        }
    }
}

#[tokio::test]
async fn a_tenant_goes_on_importing_embedded() {
    a_tenant_goes_on_importing(Setting::embedded()).await;
}

#[tokio::test]
async fn a_tenant_goes_on_importing_on_postgres_and_redis() {
    a_tenant_goes_on_importing(Setting::shared().await).await;
}
