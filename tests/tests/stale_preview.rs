//! Whoever confirms or maps an import says which preview was seen; one that is no longer there decides nothing.

use serde_json::{Value, json};
use workbench_tests::{Answer, Client, Page, Setting, Visitor};

const IMPORTS: &str = "/onboarding/svbf/imports";

fn table() -> Vec<u8> {
    b"No;A;B;C\nSE-1;Anna;Lind;1984-05-02\nSE-2;Karin;Ek;1990-12-24\nSE-3;Lars;Lund;1970-01-30\n".to_vec()
}

fn id(import: &Value) -> &str {
    import["id"].as_str().expect("an import has an id")
}

fn path(import: &Value, action: &str) -> String {
    format!("/sys{IMPORTS}/{}{action}", id(import))
}

async fn read(client: &Client, import: &Value) -> Value {
    client.import_after("svbf", id(import), &["queued", "parsing"]).await
}

/// A tenant, and the preview of its first file.
async fn previewed(setting: &Setting) -> (Client, Value) {
    let client = setting.client();
    let body = json!({ "tenant_id": "svbf", "name": "Boule", "country": "SE", "platform_url": "sandbox" });
    client.post("/sys/onboarding", &body).await.expect(201);
    let uploaded = client.upload("svbf", "m.csv", table(), &[]).await.expect(202);
    let preview = read(&client, &uploaded).await;
    assert_eq!(preview["state"], "preview", "{preview:#}");
    (client, preview)
}

/// A preview that somebody looks at in the console.
struct Looked {
    client: Client,
    preview: Value,
    visitor: Visitor,
    address: String,
    page: Page,
}

async fn looked(setting: &Setting) -> Looked {
    let (client, preview) = previewed(setting).await;
    let visitor = setting.visitor().await;
    let address = format!("{IMPORTS}/{}", id(&preview));
    let page = visitor.get(&address).await;
    Looked { client, preview, visitor, address, page }
}

/// Sends a command under the condition that a preview is the current one.
async fn told(client: &Client, import: &Value, action: &str, seen: &str, body: &Value) -> Answer {
    let method = if action == "mapping" { "PUT" } else { "POST" };
    let headers = [("content-type", "application/json"), ("if-match", seen)];
    client.send(method, &path(import, &format!("/{action}")), &headers, Some(&body.to_string())).await
}

fn tag(answer: &Answer) -> String {
    answer.headers.get("etag").and_then(|tag| tag.to_str().ok()).expect("an import has a tag").to_owned()
}

fn swapped() -> Value {
    json!({ "mapping": { "A": "family_name", "B": "given_name" } })
}

async fn what_was_not_seen_is_not_confirmed(setting: Setting) {
    let (client, preview) = previewed(&setting).await;
    let shown = client.get(&path(&preview, "")).await;
    let seen = tag(&shown);
    assert_eq!(seen, format!("\"{}\"", shown.expect(200)["preview_revision"]));

    // Somebody else maps it otherwise: neither the preview that is being made nor the new one was seen here.
    let mapped = told(&client, &preview, "mapping", &seen, &swapped()).await;
    assert_ne!(tag(&mapped), seen);
    mapped.expect(202);
    let again = read(&client, &preview).await;
    assert!(again["preview_revision"].as_i64() > preview["preview_revision"].as_i64(), "{again:#}");
    let stale = told(&client, &preview, "confirm", &seen, &json!({})).await;
    assert!(stale.body["hint"].as_str().is_some_and(|hint| hint.contains("ETag")), "{:#}", stale.body);
    assert_eq!(stale.problem(412), "stale_preview");
    assert_eq!(told(&client, &preview, "mapping", &seen, &swapped()).await.problem(412), "stale_preview");
    assert_eq!(told(&client, &preview, "confirm", "preview 1", &json!({})).await.problem(400), "if_match");
    assert_eq!(read(&client, &preview).await["state"], "preview", "nothing of that was carried out");

    let seen = format!("\"{}\"", again["preview_revision"]);
    let confirmed = told(&client, &preview, "confirm", &seen, &json!({})).await;
    assert_eq!((tag(&confirmed), confirmed.expect(202)["state"].clone()), (seen.clone(), json!("loading")));
    let stored = client.import_after("svbf", id(&preview), &["loading"]).await;
    assert_eq!((&stored["state"], &stored["loaded"]), (&json!("completed"), &json!(3)));
    told(&client, &preview, "confirm", &seen, &json!({})).await.expect(202);
    assert_eq!(told(&client, &preview, "confirm", "\"0\"", &json!({})).await.problem(412), "stale_preview");
}

/// The tag is no part of what a repeated request must repeat: the first one has raised it.
async fn a_repeated_mapping_gets_its_first_answer(setting: Setting) {
    let (client, preview) = previewed(&setting).await;
    let seen = format!("\"{}\"", preview["preview_revision"]);
    let headers = [("content-type", "application/json"), ("if-match", seen.as_str()), ("idempotency-key", "m-1")];
    let (address, body) = (path(&preview, "/mapping"), swapped().to_string());
    let send = || client.send("PUT", &address, &headers, Some(&body));
    let first = send().await;
    let again = send().await;
    let (seen_tag, first) = (tag(&first), first.expect(202));
    assert_eq!((tag(&again), again.expect(202)), (seen_tag, first.clone()));

    // Also when the mapping would no longer fit what the import has become.
    read(&client, &preview).await;
    let clubs = json!({ "mapping": { "No": "club_number", "A": "name" }, "entity": "clubs" });
    told(&client, &preview, "mapping", "*", &clubs).await.expect(202);
    read(&client, &preview).await;
    assert_eq!(send().await.expect(202), first);
}

#[tokio::test]
async fn what_was_not_seen_is_not_confirmed_embedded() {
    what_was_not_seen_is_not_confirmed(Setting::embedded()).await;
}

#[tokio::test]
async fn what_was_not_seen_is_not_confirmed_on_postgres_and_redis() {
    what_was_not_seen_is_not_confirmed(Setting::shared().await).await;
}

#[tokio::test]
async fn a_repeated_mapping_gets_its_first_answer_embedded() {
    a_repeated_mapping_gets_its_first_answer(Setting::embedded()).await;
}

fn shows(page: &Page, texts: &[&str]) {
    for text in texts {
        assert!(page.text.contains(text), "no `{text}` in\n{}", page.text);
    }
}

const OTHERWISE: &str = "somebody had it read again";

#[tokio::test]
async fn a_page_that_is_out_of_date_confirms_nothing_and_keeps_what_was_chosen() {
    let setting = Setting::embedded();
    let Looked { client, preview, visitor, address, page: old } = looked(&setting).await;
    client
        .send("PUT", &path(&preview, "/mapping"), &[("content-type", "application/json")], Some(&swapped().to_string()))
        .await
        .expect(202);
    read(&client, &preview).await;

    let refused = visitor.submit(&old, &format!("{address}/confirm"), &[]).await;
    assert_eq!(refused.status, 412);
    shows(&refused, &[OTHERWISE, "role=\"alert\"", "Confirm and store"]);
    let chosen = [("column-1", "licence_number"), ("column-2", ""), ("column-3", "given_name"), ("column-4", "club")];
    let refused = visitor.submit(&old, &format!("{address}/mapping"), &chosen).await;
    assert_eq!(refused.status, 412);
    shows(&refused, &[OTHERWISE]);
    let fields = refused.fields(&format!("{address}/mapping"));
    let kept = |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone());
    for (name, field) in chosen {
        assert_eq!(kept(name).as_deref(), Some(field), "{name}");
    }

    // The page that says so has seen the new preview: sent again, its choices are taken.
    let taken = visitor.submit(&refused, &format!("{address}/mapping"), &[]).await;
    assert_eq!(taken.status, 303, "{}", taken.text);
    let mapped = read(&client, &preview).await;
    let fields: Vec<_> =
        mapped["detected"]["mapping"].as_array().expect("columns").iter().map(|one| &one["field"]).collect();
    assert_eq!(json!(fields[1..]), json!([null, "given_name", "club"]));
}

/// Both of one file: what the columns were chosen for is said by the form, whatever the import has become.
#[tokio::test]
async fn choices_made_for_another_entity_are_kept_with_its_fields() {
    let setting = Setting::embedded();
    let Looked { client, preview, visitor, address, page: old } = looked(&setting).await;
    let clubs = json!({ "mapping": { "No": "club_number", "A": "name" }, "entity": "clubs" });
    told(&client, &preview, "mapping", "*", &clubs).await.expect(202);
    assert_eq!(read(&client, &preview).await["entity"], "clubs");

    let mapping = format!("{address}/mapping");
    let refused = visitor.submit(&old, &mapping, &[("column-2", "family_name"), ("column-3", "given_name")]).await;
    assert_eq!(refused.status, 412);
    shows(&refused, &["<option value=\"members\" selected>", "Given name (needed)"]);
    assert_eq!(visitor.submit(&refused, &mapping, &[]).await.status, 303);
    let mapped = read(&client, &preview).await;
    assert_eq!(
        (&mapped["entity"], &mapped["detected"]["mapping"][1]["field"]),
        (&json!("members"), &json!("family_name"))
    );

    // Whoever chooses another entity wants the columns mapped anew.
    let page = visitor.get(&address).await;
    assert_eq!(visitor.submit(&page, &mapping, &[("entity", "clubs"), ("column-2", "")]).await.status, 303);
    let anew = read(&client, &preview).await;
    let reasons = anew["detected"]["mapping"].as_array().expect("columns").iter().map(|one| one["reason"].clone());
    assert!(reasons.into_iter().all(|reason| reason != "asked for"), "{anew:#}");
}

#[tokio::test]
async fn a_refused_mapping_is_shown_with_its_choices_and_leads_back_to_the_import() {
    let setting = Setting::embedded();
    let Looked { visitor, address, page, .. } = looked(&setting).await;
    let mapping = format!("{address}/mapping");
    let refused = visitor.submit(&page, &mapping, &[("column-2", "club"), ("column-3", "club")]).await;
    assert_eq!(refused.status, 422);
    shows(&refused, &["both mapped to club", &format!("data-address=\"{address}\""), "id=\"mapping\" data-kept"]);
    let kept = refused.fields(&mapping);
    for name in ["column-2", "column-3"] {
        assert!(kept.contains(&(name.to_owned(), "club".to_owned())), "{kept:?}");
    }
    assert!(!page.text.contains("data-kept"));
    let back = visitor.get(&mapping).await;
    assert_eq!((back.status, back.location.as_deref()), (303, Some(address.as_str())));
}

/// No worker reads the file again here, so that the page is asked while it waits.
#[tokio::test]
async fn choices_wait_while_the_file_is_read_again() {
    let mut setting = Setting::shared().await;
    let Looked { client, preview, visitor, address, page: old } = looked(&setting).await;
    let mapping = format!("{address}/mapping");
    setting.workers.clear();
    told(&client, &preview, "mapping", "*", &swapped()).await.expect(202);
    let waiting = visitor.get(&address).await;
    assert!(waiting.text.contains("<div id=\"mapping\">") && !waiting.text.contains("Read again"), "{}", waiting.text);

    let refused = visitor.submit(&old, &mapping, &[("column-4", "club")]).await;
    assert_eq!(refused.status, 412);
    let early = visitor.submit(&refused, &mapping, &[]).await;
    assert_eq!(early.status, 409);
    shows(&early, &["the import has not been read yet; it cannot be read again now. Try again when that has ended."]);
    assert!(early.fields(&mapping).contains(&("column-4".to_owned(), "club".to_owned())), "{}", early.text);
}
