//! A record and what its imports have changed about it.

use serde_json::{Value, json};
use workbench_tests::{Client, Setting};

async fn open(client: &Client) {
    for tenant in ["svbf", "nbf"] {
        let body = json!({ "tenant_id": tenant, "name": "Boule", "country": "SE", "platform_url": "sandbox" });
        client.post("/sys/onboarding", &body).await.expect(201);
    }
}

/// One member, whose number needs to be written with escapes in an address.
fn member(family: &str, club: &str) -> Vec<u8> {
    format!("licence_number;given_name;family_name;club\nSE/1 ö;Anna;{family};{club}\n").into_bytes()
}

const ADDRESS: &str = "/records/member/SE%2F1%20%C3%B6";

async fn stored(client: &Client, name: &str, bytes: Vec<u8>) -> String {
    let uploaded = client.upload("svbf", name, bytes, &[("mode", "apply")]).await.expect(202);
    let id = uploaded["id"].as_str().expect("an import has an id").to_owned();
    let stored = client.import_after("svbf", &id, &["queued", "parsing", "loading"]).await;
    assert_eq!(stored["state"], "completed", "{stored:#}");
    id
}

async fn record(client: &Client, query: &str) -> Value {
    client.get(&format!("/sys/tenants/svbf{ADDRESS}{query}")).await.expect(200)
}

/// Import, action, and the fields with what they were and are.
fn told(record: &Value) -> Vec<(String, String, Value)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let changes = record["changes"].as_array().expect("a record has changes");
    let fields = |change: &Value| {
        let fields = change["fields"].as_array().expect("a change has fields").iter();
        fields.map(|one| json!([one["field"], one["from"], one["to"]])).collect::<Value>()
    };
    changes.iter().map(|change| (text(&change["import_id"]), text(&change["action"]), fields(change))).collect()
}

async fn each_change_is_told_and_an_undone_one_is_not(setting: Setting) {
    let client = setting.client();
    open(&client).await;
    let first = stored(&client, "one.csv", member("Lind", "")).await;
    stored(&client, "same.csv", member("Lind", "")).await;
    let second = stored(&client, "two.csv", member("Ek", "")).await;
    let third = stored(&client, "three.csv", member("Ek", "Nordvik")).await;

    let whole = record(&client, "").await;
    assert_eq!((&whole["fields"]["family_name"], &whole["fields"]["club"]), (&json!("Ek"), &json!("Nordvik")));
    let changes = told(&whole);
    let joined = (third.clone(), "changed".to_owned(), json!([["club", null, "Nordvik"]]));
    let renamed = (second.clone(), "changed".to_owned(), json!([["family_name", "Lind", "Ek"]]));
    assert_eq!(changes[..2], [joined.clone(), renamed.clone()]);
    assert_eq!((changes.len(), &changes[2].0, changes[2].1.as_str()), (3, &first, "created"), "{whole:#}");
    assert!(changes[2].2.as_array().is_some_and(|fields| fields.contains(&json!(["family_name", null, "Lind"]))));
    let latest = &whole["changes"][0];
    assert_eq!((&latest["file_name"], &latest["uploaded_by"]), (&json!("three.csv"), &json!("operator")));

    let mut paged = Vec::new();
    let mut query = "?limit=2".to_owned();
    loop {
        let page = record(&client, &query).await;
        assert_eq!(page["fields"], whole["fields"]);
        paged.extend(told(&page));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        query = format!("?limit=2&cursor={cursor}");
    }
    assert_eq!(paged, changes);
    let of_two = record(&client, "?limit=3").await;
    assert_eq!((told(&of_two).len(), &of_two["next_cursor"]), (3, &Value::Null));

    let undo = format!("/sys/onboarding/svbf/imports/{third}/rollback");
    client.post(&undo, &json!({ "reason": "the wrong club" })).await.expect(202);
    client.import_after("svbf", &third, &["rolling_back"]).await;
    let restored = record(&client, "").await;
    assert_eq!((restored["fields"].get("club"), &told(&restored)[0]), (None, &renamed));

    let viewer = client.with_token(Some(&setting.token("viewer")));
    assert_eq!(record(&viewer, "").await, restored);
    for (address, status, code) in [
        (format!("/sys/tenants/nbf{ADDRESS}"), 404, "not_found"),
        (format!("/sys/tenants/nobody{ADDRESS}"), 404, "not_found"),
        ("/sys/tenants/svbf/records/member/SE".to_owned(), 404, "not_found"),
        (format!("/sys/tenants/svbf{ADDRESS}?limit=21"), 422, "limit"),
        (format!("/sys/tenants/svbf{ADDRESS}?cursor=nonsense"), 422, "cursor"),
        (format!("/sys/tenants/svbf{ADDRESS}?cursor={third}"), 422, "cursor"),
        ("/sys/tenants/svbf/records/nope/SE-1".to_owned(), 404, "not_found"),
        (format!("/sys/tenants/svbf{ADDRESS}?page=2"), 400, "query"),
    ] {
        assert_eq!(client.get(&address).await.problem(status), code, "{address}");
    }
}

#[tokio::test]
async fn each_change_is_told_and_an_undone_one_is_not_embedded() {
    each_change_is_told_and_an_undone_one_is_not(Setting::embedded()).await;
}

#[tokio::test]
async fn each_change_is_told_and_an_undone_one_is_not_on_postgres_and_redis() {
    each_change_is_told_and_an_undone_one_is_not(Setting::shared().await).await;
}

#[tokio::test]
async fn the_page_of_a_record_is_reached_from_the_import() {
    let setting = Setting::embedded();
    let client = setting.client();
    open(&client).await;
    stored(&client, "one.csv", member("<b>Lind", "")).await;
    let second = stored(&client, "two.csv", member("Ek", "")).await;
    let visitor = setting.visitor().await;
    let import = visitor.get(&format!("/onboarding/svbf/imports/{second}")).await;
    let address = format!("/onboarding/svbf{ADDRESS}");
    assert!(import.text.contains(&format!("href=\"{address}\"")), "{}", import.text);
    let page = visitor.get(&address).await;
    for text in ["SE/1 ö", "two.csv", "one.csv", "Family name", "Changed", "Created"] {
        assert!(page.status == 200 && page.text.contains(text), "no `{text}` in\n{}", page.text);
    }
    assert!(!page.text.contains("<b>Lind"), "{}", page.text);
    for missing in ["/onboarding/svbf/records/member/SE", "/onboarding/nobody/records/member/SE"] {
        let page = visitor.get(missing).await;
        assert!(page.status == 404 && page.text.contains("<!doctype html>"), "{}", page.text);
    }
    assert_eq!(visitor.get(&format!("{address}?limit=abc")).await.status, 400);
}
