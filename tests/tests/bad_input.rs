//! Bad input gets a clear, typed error and changes nothing.

use serde_json::{Value, json};
use workbench_tests::{Client, Daemon, Setting, members};

async fn opened() -> (Setting, Client) {
    let setting = Setting::embedded();
    let client = setting.client();
    let body = json!({ "tenant_id": "svbf", "name": "Boule", "country": "SE", "platform_url": "sandbox" });
    client.post("/sys/onboarding", &body).await.expect(201);
    (setting, client)
}

#[tokio::test]
async fn a_patch_that_does_not_fit_is_refused_in_words() {
    let (_setting, client) = opened().await;
    let before = client.get("/sys/onboarding/svbf").await.expect(200);
    let events = client.events("svbf").await.len();
    let json = [("content-type", "application/json")];
    let contract = "/sys/onboarding/svbf/steps/contract";
    let patch = |path: &'static str, body: &'static str| {
        let client = client.clone();
        async move { client.send("PATCH", path, &json, Some(body)).await }
    };
    for (path, body, status, code) in [
        (contract, r#"{"status": "#, 400, "malformed_json"),
        (contract, r#"["status"]"#, 422, "invalid_body"),
        (contract, r#"{"status": "doen"}"#, 422, "invalid_body"),
        (contract, r#"{"asignee": "anna"}"#, 422, "invalid_body"),
        (contract, r#"{"due_at": "tomorrow"}"#, 422, "invalid_body"),
        (contract, r#"{"status": "done", "blocking_reason": "waiting"}"#, 422, "contradiction"),
        (contract, r#"{"status": "blocked"}"#, 422, "contradiction"),
        (contract, r#"{"status": "skipped"}"#, 422, "contradiction"),
        ("/sys/onboarding/svbf/steps/kickoff", r#"{"status": "done"}"#, 409, "refused"),
        ("/sys/onboarding/svbf/steps/go_no_go", r#"{"status": "done"}"#, 409, "refused"),
        ("/sys/onboarding/svbf/steps/contrakt", r#"{"status": "done"}"#, 404, "not_found"),
        ("/sys/onboarding/nobody/steps/contract", r#"{"status": "done"}"#, 404, "not_found"),
    ] {
        assert_eq!(patch(path, body).await.problem(status), code, "{path} {body}");
    }
    assert_eq!(patch(contract, r#"{"asignee": "anna"}"#).await.body["hint"], "Did you mean `assignee`?");
    let unknown = patch("/sys/onboarding/svbf/steps/contrakt", r#"{"status": "done"}"#).await;
    assert_eq!(unknown.body["hint"], "Did you mean `contract`?");
    let plain = client.send("PATCH", contract, &[("content-type", "text/plain")], Some("done")).await;
    assert_eq!(plain.problem(415), "content_type");
    let wrong = client.send("DELETE", contract, &[], None).await;
    assert!(wrong.headers.contains_key("allow"));
    assert_eq!(wrong.problem(405), "method_not_allowed");

    let after = client.get("/sys/onboarding/svbf").await.expect(200);
    assert_eq!(before, after);
    assert_eq!(client.events("svbf").await.len(), events, "a refusal leaves no event");
}

#[tokio::test]
async fn a_stale_revision_is_told_and_a_fresh_one_taken() {
    let (_setting, client) = opened().await;
    let path = "/sys/onboarding/svbf/steps/contract";
    let change = |etag: &'static str| {
        let client = client.clone();
        async move {
            let headers = [("content-type", "application/merge-patch+json"), ("if-match", etag)];
            client.send("PATCH", path, &headers, Some(r#"{"assignee": "anna"}"#)).await
        }
    };
    assert_eq!(change("\"7\"").await.problem(412), "stale_revision");
    assert_eq!(change("seven").await.problem(400), "if_match");
    let fresh = change("\"1\"").await;
    assert_eq!(fresh.headers["etag"], "\"3\"", "assigned and started");
    assert_eq!(fresh.expect(200)["status"], "in_progress");
    assert_eq!(change("\"1\"").await.problem(412), "stale_revision");
}

#[tokio::test]
async fn an_opening_that_does_not_fit_is_refused_in_words() {
    let (_setting, client) = opened().await;
    for (body, status, code) in [
        (json!({ "tenant_id": "svbf" }), 409, "exists"),
        (json!({ "tenant_id": "retrospective", "name": "R", "country": "SE" }), 422, "tenant_id"),
        (json!({ "tenant_id": "Svenska Boule", "name": "R", "country": "SE" }), 422, "tenant_id"),
        (json!({ "tenant_id": "new", "country": "SE" }), 422, "missing_field"),
        (json!({ "tenant_id": "new", "name": "New", "country": "Sweden" }), 422, "country"),
        (json!({ "tenant_id": "new", "name": "New", "country": "SE", "time_zone": "Stockholm" }), 422, "time_zone"),
        (
            json!({ "tenant_id": "new", "name": "New", "country": "SE", "workflow": "tenant-onbording" }),
            422,
            "unknown_workflow",
        ),
        (json!({ "tenant_id": "new", "name": "New", "country": "SE", "platform_url": "ftp://x" }), 422, "platform_url"),
        (json!({ "tenant_id": "new", "name": "New", "country": "SE", "probe_secret": "hunter2" }), 422, "probe_secret"),
        (json!({ "tenant_id": "new", "name": "New", "country": "SE", "hierarchy_depth": 10 }), 422, "hierarchy_depth"),
        (json!({ "tenant_id": "new", "name": "New", "country": "SE", "hierarchy_depth": -1 }), 422, "hierarchy_depth"),
        (json!({ "tenant_id": "new", "nam": "New" }), 422, "invalid_body"),
    ] {
        let answer = client.post("/sys/onboarding", &body).await;
        assert!(!answer.body.to_string().contains("hunter2"), "a secret was quoted back");
        assert_eq!(answer.problem(status), code, "{body}");
    }
    assert_eq!(client.get("/sys/onboarding/new").await.problem(404), "not_found");
}

#[tokio::test]
async fn an_opening_that_contradicts_the_stored_tenant_is_refused() {
    let (_setting, client) = opened().await;
    let body = json!({ "tenant_id": "svbf", "name": "Pétanque", "country": "SE", "hierarchy_depth": 7 });
    let refused = client.post("/sys/onboarding", &body).await;
    let detail = refused.body["detail"].as_str().unwrap_or_default().to_owned();
    assert_eq!(refused.problem(409), "tenant_differs");
    assert!(detail.contains("`name`") && detail.contains("`hierarchy_depth`"), "{detail}");
    assert!(!detail.contains("`country`"), "what agrees is not named: {detail}");
    let same = json!({ "tenant_id": "svbf", "name": "Boule", "country": "SE", "platform_url": "sandbox" });
    assert_eq!(client.post("/sys/onboarding", &same).await.problem(409), "exists");
}

#[tokio::test]
async fn an_upload_that_is_not_what_it_says_is_refused_in_words() {
    let (_setting, client) = opened().await;
    let csv = || members(3);
    assert_eq!(client.upload("nobody", "m.csv", csv(), &[]).await.problem(404), "not_found");
    assert_eq!(client.upload("svbf", "m.csv", csv(), &[("format", "xls")]).await.problem(422), "unknown_format");
    assert_eq!(client.upload("svbf", "m.csv", csv(), &[("entity", "people")]).await.problem(422), "unknown_entity");
    assert_eq!(client.upload("svbf", "m.csv", csv(), &[("mode", "now")]).await.problem(422), "unknown_mode");
    assert_eq!(client.upload("svbf", "m.csv", csv(), &[("fromat", "csv")]).await.problem(422), "unknown_field");
    let path = "/sys/onboarding/svbf/imports";
    assert_eq!(client.post(path, &json!({})).await.problem(415), "content_type");

    for (name, bytes, format) in [
        ("members.csv", csv(), "sie"),
        ("empty.csv", Vec::new(), "auto"),
        ("picture.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec(), "auto"),
        ("archive.csv", b"PK\x03\x04\0\0\0\0".to_vec(), "csv"),
    ] {
        let uploaded = client.upload("svbf", name, bytes, &[("format", format)]).await.expect(202);
        let id = uploaded["id"].as_str().expect("an import has an id");
        let failed = client.import_after("svbf", id, &["queued", "parsing"]).await;
        assert_eq!(failed["state"], "failed", "{name}: {failed:#}");
        for member in ["code", "message", "hint"] {
            assert!(failed["failure"][member].as_str().is_some_and(|text| !text.is_empty()), "{name}: {failed:#}");
        }
        let confirm = client.post(&format!("{path}/{id}/confirm"), &json!({})).await;
        // A failed import is not stored by confirming it.
        assert_eq!(confirm.problem(409), "import_state", "{name}");
    }
}

#[tokio::test]
async fn a_row_that_does_not_fit_is_left_out_and_named() {
    let (_setting, client) = opened().await;
    let file = "licence_number;given_name;family_name;birth_date\nSE-1;Anna;Lind;1984-05-02\nSE-2;Bo;Ek;1984-13-45\nSE-1;Cia;Ås;2001-01-01\n";
    let uploaded = client.upload("svbf", "m.csv", file.as_bytes().to_vec(), &[("mode", "apply")]).await.expect(202);
    let id = uploaded["id"].as_str().expect("an import has an id");
    let preview = client.import_after("svbf", id, &["queued", "parsing"]).await;
    assert_eq!(preview["state"], "preview", "rejected rows keep `apply` from going on by itself");
    assert_eq!((&preview["counts"]["rows_read"], &preview["counts"]["rows_rejected"]), (&json!(3), &json!(2)));
    let issues = client.get(&format!("/sys/onboarding/svbf/imports/{id}/issues?severity=error")).await.expect(200);
    for (query, code) in [("severity=nope", "filter"), ("cursor=-1", "cursor"), ("cursor=x", "cursor")] {
        let refused = client.get(&format!("/sys/onboarding/svbf/imports/{id}/issues?{query}")).await;
        assert_eq!(refused.problem(422), code, "{query}");
    }
    let found: Vec<(i64, &str)> = issues["items"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|issue| (issue["row"].as_i64().unwrap_or(0), issue["code"].as_str().unwrap_or_default()))
        .collect();
    assert_eq!(found, [(3, "date_invalid"), (4, "duplicate_key")]);
}

#[tokio::test]
async fn a_repeated_request_with_a_key_has_one_effect() {
    let (_setting, client) = opened().await;
    let headers = [("content-type", "application/json"), ("idempotency-key", "\"abc\"")];
    let body = r#"{"tenant_id": "ffb", "name": "Boule", "country": "FR"}"#;
    let first = client.send("POST", "/sys/onboarding", &headers, Some(body)).await;
    let second = client.send("POST", "/sys/onboarding", &headers, Some(body)).await;
    assert_eq!(first.headers["location"], second.headers["location"]);
    assert_eq!(first.expect(201), second.expect(201));
    let other = r#"{"tenant_id": "other", "name": "Boule", "country": "FR"}"#;
    let reused = client.send("POST", "/sys/onboarding", &headers, Some(other)).await;
    assert_eq!(reused.problem(422), "idempotency_key_reused");

    let path = "/sys/onboarding/ffb/health-check";
    let headers = [("idempotency-key", "check-1")];
    let both = tokio::join!(client.send("POST", path, &headers, None), client.send("POST", path, &headers, None));
    assert_eq!(both.0.expect(202)["id"], both.1.expect(202)["id"]);
    let requested = client.events("ffb").await.iter().filter(|event| event["kind"] == "job_queued").count();
    assert_eq!(requested, 1);
}

#[tokio::test]
async fn concurrent_patches_are_all_kept() {
    let (_setting, client) = opened().await;
    let answers = futures::future::join_all((0..20).map(|number| {
        let client = client.clone();
        async move {
            let note = json!({ "note": format!("note {number}") });
            client.patch("/sys/onboarding/svbf/steps/contract", &note).await.expect(200)
        }
    }))
    .await;
    assert_eq!(answers.len(), 20);
    let noted: Vec<Value> =
        client.events("svbf").await.into_iter().filter(|event| event["kind"] == "step_noted").collect();
    assert_eq!(noted.len(), 20);
}

#[test]
fn a_faulty_workflow_is_refused_with_its_place_and_nothing_starts() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let workflows = folder.path().join("workflows");
    std::fs::create_dir(&workflows).expect("a folder can be made");
    let faulty = "name: mine\nversion: 1\ntitle: Mine\nsteps:\n  - id: a\n    titel: A\n    needs: [b]\n";
    std::fs::write(workflows.join("mine.yaml"), faulty).expect("a file can be written");
    let path = workflows.display().to_string();
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--sandbox", "off", "--workflows", &path];
    let Err(log) = Daemon::try_start(&folder.path().join("data"), &arguments) else {
        panic!("a daemon started with a faulty workflow");
    };
    for said in ["mine.yaml:6:5", "Did you mean `title`?", "mine.yaml:7:13"] {
        assert!(log.contains(said), "{log}");
    }
}

#[tokio::test]
async fn what_no_request_may_hold() {
    let (_setting, client) = opened().await;
    let step = "/sys/onboarding/svbf/steps/contract";
    let json = [("content-type", "application/json")];
    let send = |body: &'static str| client.send("PATCH", step, &json, Some(body));
    assert_eq!(send(r#"["done"]"#).await.problem(422), "invalid_body");
    assert_eq!(send("[").await.problem(400), "malformed_json");
    assert_eq!(send(r#"{"due_at": "+262142-12-31T00:00:00Z"}"#).await.problem(422), "time_out_of_range");
    assert_eq!(send(r#"{"due_at": "-0001-12-31T00:00:00Z"}"#).await.problem(422), "time_out_of_range");
    for (field, length) in [("assignee", 201), ("blocking_reason", 2001), ("reason", 2001), ("note", 20_001)] {
        let long = client.patch(step, &json!({ field: "å".repeat(length) })).await;
        assert_eq!(long.problem(422), "too_long", "{field}");
    }
    client.patch(step, &json!({ "assignee": "å".repeat(200) })).await.expect(200);
    assert_eq!(client.get("/sys/onboarding/%ff").await.problem(400), "address_encoding");
    for (query, said) in [("limti=1", "`limti`"), ("limit=many", "`limit`"), ("limit=1&limit=1", "`limit`")] {
        for list in ["/sys/onboarding/svbf/imports", "/sys/jobs", "/sys/onboarding"] {
            let refused = client.get(&format!("{list}?{query}")).await;
            let detail = refused.body["detail"].as_str().unwrap_or_default().to_owned();
            assert_eq!(refused.problem(400), "query");
            assert!(detail.contains(said) && !detail.contains("deserialize"), "{detail}");
        }
    }

    let check = "/sys/onboarding/svbf/health-check";
    for (body, status, code) in
        [("{", 400, "malformed_json"), ("[]", 422, "invalid_body"), (r#"{"x":1}"#, 422, "invalid_body")]
    {
        assert_eq!(client.send("POST", check, &json, Some(body)).await.problem(status), code, "{body}");
    }
    let upload =
        client.send("POST", "/sys/onboarding/svbf/imports", &[("content-type", "text/plain")], Some("x")).await;
    assert_eq!(upload.problem(415), "content_type");
    let stream = client.send("GET", "/sys/events", &[("last-event-id", "abc")], None).await;
    assert_eq!(stream.problem(400), "last_event_id");
}

#[tokio::test]
async fn preconditions_are_compared_strongly() {
    let (_setting, client) = opened().await;
    let step = "/sys/onboarding/svbf/steps/contract";
    let note = |tag: &'static str| {
        let headers = [("content-type", "application/json"), ("if-match", tag)];
        let client = client.clone();
        async move { client.send("PATCH", step, &headers, Some(r#"{"note":"x"}"#)).await }
    };
    assert_eq!(note("W/\"1\"").await.problem(412), "stale_revision");
    assert_eq!(note("\"7\", \"8\"").await.problem(412), "stale_revision");
    note("\"7\", \"1\"").await.expect(200);
    assert_eq!(note("\"1\"").await.problem(412), "stale_revision");
}

#[tokio::test]
async fn a_list_goes_on_by_its_link() {
    let (_setting, client) = opened().await;
    for number in 0..5 {
        client.upload("svbf", &format!("{number}.csv"), workbench_tests::members(1), &[]).await.expect(202);
    }
    let mut path = "/sys/onboarding/svbf/imports?limit=2".to_owned();
    let mut names = Vec::new();
    loop {
        let page = client.get(&path).await;
        let link = page.headers.get("link").and_then(|link| link.to_str().ok()).map(str::to_owned);
        let body = page.expect(200);
        names.extend(body["items"].as_array().into_iter().flatten().map(|import| import["file_name"].clone()));
        assert_eq!(link.is_some(), body["next_cursor"].is_string());
        let Some(link) = link else { break };
        path = link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\"")).expect("a link").to_owned();
    }
    assert_eq!(names, ["4.csv", "3.csv", "2.csv", "1.csv", "0.csv"]);
}
