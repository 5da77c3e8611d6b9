//! The page of an import without JavaScript.

use std::fmt::Write;

use serde_json::{Value, json};
use workbench_tests::{Client, Page, Setting};

const IMPORTS: &str = "/onboarding/svbf/imports";

async fn open(client: &Client) {
    let body = json!({ "tenant_id": "svbf", "name": "Boule", "country": "SE", "platform_url": "sandbox" });
    client.post("/sys/onboarding", &body).await.expect(201);
}

const SILENT: &str = "No;A;B;C";
const NAMED: &str = "Licens;Förnamn;Efternamn;Född";

/// A table of a few members, one of whom was born on this date.
fn table(header: &str, date: &str) -> Vec<u8> {
    let rows = ["Anna;Andersson", "Karin;Lindberg", "Lars;Lund", "Emma;Dahlgren", "Maria;Nilsson"];
    let mut text = format!("{header}\n");
    for (number, names) in rows.iter().enumerate() {
        let _ = writeln!(text, "SE-{number:04};{names};{}", if number == 2 { date } else { "1984-05-02" });
    }
    text.into_bytes()
}

fn id(import: &Value) -> String {
    import["id"].as_str().expect("an import has an id").to_owned()
}

fn shows(page: &Page, texts: &[&str]) {
    assert_eq!(page.status, 200, "{}", page.text);
    for text in texts {
        assert!(page.text.contains(text), "no `{text}` in\n{}", page.text);
    }
}

#[tokio::test]
async fn an_import_goes_from_guess_to_rollback_by_forms() {
    let setting = Setting::embedded();
    let client = setting.client();
    open(&client).await;
    let uploaded = id(&client.upload("svbf", "m.csv", table(SILENT, "24/12/1990"), &[]).await.expect(202));
    client.import_after("svbf", &uploaded, &["queued", "parsing"]).await;
    let visitor = setting.visitor().await;
    let address = format!("{IMPORTS}/{uploaded}");
    assert!(visitor.get("/onboarding/svbf").await.text.contains(&format!("href=\"{address}\"")));
    let page = visitor.get(&address).await;
    shows(
        &page,
        &[
            "5 of 5 values are numbers that occur once",
            "Guessed",
            "5 rows read",
            "5 new",
            "24/12/1990",
            "semicolon",
            "Andersson",
        ],
    );
    assert!(page.text.contains("<option value=\"licence_number\" selected>") && !page.text.contains("style="));
    let filtered = visitor.get(&format!("{address}?code=date_rewritten")).await;
    shows(&filtered, &["is stored as “1990-12-24”", "aria-current=\"true\">Date rewritten"]);
    assert!(!filtered.text.contains("which is a guess"), "{}", filtered.text);

    let names = [("column-1", "licence_number"), ("column-2", "given_name"), ("column-3", "given_name")];
    let refused = visitor.submit(&page, &format!("{address}/mapping"), &names).await;
    assert_eq!(refused.status, 422);
    assert!(
        refused.text.contains("role=\"alert\"") && refused.text.contains("both mapped to given_name"),
        "{}",
        refused.text
    );
    let names =
        [("column-1", "licence_number"), ("column-2", "given_name"), ("column-3", "family_name"), ("column-4", "")];
    let asked = visitor.submit(&page, &format!("{address}/mapping"), &names).await;
    assert_eq!((asked.status, asked.location.as_deref()), (303, Some(address.as_str())), "{}", asked.text);
    let mapped = client.import_after("svbf", &uploaded, &["queued", "parsing"]).await;
    assert_eq!((&mapped["state"], &mapped["detected"]["mapping"][3]["field"]), (&json!("preview"), &Value::Null));
    let page = visitor.get(&address).await;
    shows(&page, &["asked for", "left out, as asked for"]);

    let confirmed = visitor.submit(&page, &format!("{address}/confirm"), &[]).await;
    assert_eq!(confirmed.location.as_deref(), Some(address.as_str()), "{}", confirmed.text);
    assert_eq!(client.import_after("svbf", &uploaded, &["loading"]).await["state"], "completed");
    let page = visitor.get(&address).await;
    shows(&page, &["5 records were stored", "Roll back"]);
    let silent = visitor.submit(&page, &format!("{address}/rollback"), &[]).await;
    assert_eq!(silent.status, 422);
    let wordy = visitor.submit(&page, &format!("{address}/rollback"), &[("reason", &"why ".repeat(600))]).await;
    assert!(wordy.status == 422 && wordy.text.contains("value=\"why why"), "{}", wordy.text);
    let undone = visitor.submit(&page, &format!("{address}/rollback"), &[("reason", "the wrong file")]).await;
    assert_eq!(undone.status, 303, "{}", undone.text);
    assert_eq!(client.import_after("svbf", &uploaded, &["rolling_back"]).await["state"], "rolled_back");
}

#[tokio::test]
async fn the_first_line_is_said_on_the_page() {
    let setting = Setting::embedded();
    let client = setting.client();
    open(&client).await;
    let words = b"Licensnumer;Fornman;Efternman\na;b;c\n".to_vec();
    let uploaded = id(&client.upload("svbf", "m.csv", words, &[]).await.expect(202));
    client.import_after("svbf", &uploaded, &["queued", "parsing"]).await;
    let visitor = setting.visitor().await;
    let address = format!("{IMPORTS}/{uploaded}");
    let page = visitor.get(&address).await;
    shows(&page, &["<option value=\"true\" selected>names the columns", "which is a guess"]);
    // The names of the columns are no names any more: what the form says about them is not asked for.
    let choices = [("column-1", "licence_number"), ("entity", "members"), ("header", "false")];
    let asked = visitor.submit(&page, &format!("{address}/mapping"), &choices).await;
    assert_eq!(asked.status, 303, "{}", asked.text);
    let read = client.import_after("svbf", &uploaded, &["queued", "parsing"]).await;
    assert_eq!((&read["failure"]["code"], &read["detected"]["header"]), (&json!("header_missing"), &Value::Null));
    let page = visitor.get(&address).await;
    shows(&page, &["<option value=\"false\" selected>is a row", "column 3"]);
    let choices = [
        ("column-1", "licence_number"),
        ("column-2", "given_name"),
        ("column-3", "family_name"),
        ("entity", "members"),
        ("header", "false"),
    ];
    assert_eq!(visitor.submit(&page, &format!("{address}/mapping"), &choices).await.status, 303);
    let read = client.import_after("svbf", &uploaded, &["queued", "parsing"]).await;
    assert_eq!((&read["state"], &read["counts"]["records"]), (&json!("preview"), &json!(2)), "{read:#}");
}

#[tokio::test]
async fn a_corrected_file_is_sent_from_the_page() {
    let setting = Setting::embedded();
    let client = setting.client();
    open(&client).await;
    let faulty = id(&client.upload("svbf", "m.csv", table(NAMED, "1990-02-31"), &[]).await.expect(202));
    client.import_after("svbf", &faulty, &["queued", "parsing"]).await;
    let visitor = setting.visitor().await;
    let page = visitor.get(&format!("{IMPORTS}/{faulty}")).await;
    shows(&page, &["1 rejected, which will not be stored", "this is no date", "Download all as CSV"]);
    let forged = visitor.upload(&page, IMPORTS, &[("csrf", "0000")], "m.csv", table(NAMED, "1990-02-28")).await;
    assert_eq!(forged.status, 403);
    let nothing = visitor.upload(&page, IMPORTS, &[], "", Vec::new()).await;
    assert_eq!(nothing.status, 422);
    for text in ["no file was chosen. Choose a file, then send it.", "Upload corrected file", &faulty] {
        assert!(nothing.text.contains(text), "no `{text}` in\n{}", nothing.text);
    }
    assert_eq!(visitor.get(IMPORTS).await.location.as_deref(), Some("/onboarding/svbf"));
    let sent = visitor.upload(&page, IMPORTS, &[], "m.csv", table(NAMED, "1990-02-28")).await;
    assert_eq!(sent.status, 303, "{}", sent.text);
    let address = sent.location.expect("a redirect leads somewhere");
    let corrected = address.rsplit('/').next().expect("an id").to_owned();
    let read = client.import_after("svbf", &corrected, &["queued", "parsing"]).await;
    assert_eq!(read["supersedes"], json!(faulty));
    shows(&visitor.get(&address).await, &["Compared with the file before", "Date invalid", &faulty]);
    let imports = client.get("/sys/onboarding/svbf/imports").await.expect(200);
    assert_eq!(imports["items"].as_array().map(Vec::len), Some(2), "the forged one is not among them");
}

#[tokio::test]
async fn a_failed_table_offers_its_columns_and_other_failures_do_not() {
    let setting = Setting::embedded();
    let client = setting.client();
    open(&client).await;
    let visitor = setting.visitor().await;
    let poor = id(&client.upload("svbf", "p.csv", b"Licens;X\n1;<b>\n".to_vec(), &[]).await.expect(202));
    client.import_after("svbf", &poor, &["queued", "parsing"]).await;
    let page = visitor.get(&format!("{IMPORTS}/{poor}")).await;
    shows(&page, &["Read again with this mapping", "given_name, family_name"]);
    let broken = id(&client.upload("svbf", "b.csv", b"%PDF-1.7".to_vec(), &[]).await.expect(202));
    client.import_after("svbf", &broken, &["queued", "parsing"]).await;
    let page = visitor.get(&format!("{IMPORTS}/{broken}")).await;
    shows(&page, &["PDF", "Upload corrected file"]);
    assert!(!page.text.contains("Read again with this mapping"), "{}", page.text);
    assert_eq!(visitor.get(&format!("{IMPORTS}/imp_none")).await.status, 404);
}

#[tokio::test]
async fn a_saved_mapping_is_forgotten_by_its_form() {
    let setting = Setting::embedded();
    let client = setting.client();
    open(&client).await;
    let stored =
        id(&client.upload("svbf", "m.csv", table(NAMED, "1990-12-24"), &[("mode", "apply")]).await.expect(202));
    client.import_after("svbf", &stored, &["queued", "parsing", "loading"]).await;
    let visitor = setting.visitor().await;
    let page = visitor.get(&format!("{IMPORTS}/{stored}")).await;
    shows(&page, &["href=\"/onboarding/svbf/mappings\""]);
    let page = visitor.get("/onboarding/svbf/mappings").await;
    shows(&page, &["Förnamn → Given name", &format!("{IMPORTS}/{stored}")]);
    let saved = client.get("/sys/tenants/svbf/mappings").await.expect(200)["items"][0].clone();
    let forget = format!("/onboarding/svbf/mappings/{}/forget", id(&saved));
    let forgotten = visitor.submit(&page, &forget, &[]).await;
    assert_eq!((forgotten.status, forgotten.location.as_deref()), (303, Some("/onboarding/svbf/mappings")));
    shows(&visitor.get("/onboarding/svbf/mappings").await, &["None yet"]);
    let again = visitor.submit(&page, &forget, &[]).await;
    assert!(again.status == 404 && again.text.contains("role=\"alert\""), "{}", again.text);
    assert_eq!(visitor.get("/onboarding/nobody/mappings").await.status, 404);
}

/// Members, each with a warning: a space before the name.
fn warned(rows: usize) -> Vec<u8> {
    let mut text = format!("{NAMED}\n");
    for number in 0..rows {
        let _ = writeln!(text, "SE-{number:04}; Anna;Lind;1984-05-02");
    }
    text.into_bytes()
}

#[tokio::test]
async fn issues_go_on_only_where_there_are_more() {
    let setting = Setting::embedded();
    let client = setting.client();
    open(&client).await;
    let visitor = setting.visitor().await;
    for (rows, goes_on) in [(50, false), (51, true)] {
        let import = id(&client.upload("svbf", &format!("{rows}.csv"), warned(rows), &[]).await.expect(202));
        client.import_after("svbf", &import, &["queued", "parsing"]).await;
        let page = visitor.get(&format!("{IMPORTS}/{import}")).await;
        shows(&page, &["is stored as “Anna”"]);
        assert_eq!(page.text.contains("More issues"), goes_on, "{rows} issues");
        let listed = client.get(&format!("/sys{IMPORTS}/{import}/issues")).await.expect(200);
        assert_eq!((listed["items"].as_array().map(Vec::len), listed["next_cursor"].is_string()), (Some(50), goes_on));
    }
}

#[tokio::test]
async fn an_address_that_cannot_be_read_is_answered_with_a_page() {
    let setting = Setting::embedded();
    let client = setting.client();
    open(&client).await;
    let import = id(&client.upload("svbf", "m.csv", warned(1), &[]).await.expect(202));
    client.import_after("svbf", &import, &["queued", "parsing"]).await;
    let visitor = setting.visitor().await;
    let page = visitor.get(&format!("{IMPORTS}/{import}?cursor=abc")).await;
    assert!(page.status == 422 && page.text.contains("the cursor was not made here"), "{}", page.text);
    assert!(page.text.contains("<!doctype html>"), "{}", page.text);
    for address in ["/?limit=abc", "/jobs?limit=abc", &format!("{IMPORTS}/{import}?code=a&code=b")] {
        let page = visitor.get(address).await;
        assert!(page.status == 400 && page.text.contains("<!doctype html>"), "{address}: {}", page.text);
    }
    let listed = client.get(&format!("/sys{IMPORTS}/{import}/issues?cursor=abc")).await;
    assert!(listed.body["hint"].is_string(), "{:#}", listed.body);
    assert_eq!(listed.problem(422), "cursor");
}

#[tokio::test]
async fn what_has_no_name_is_named_by_its_place_and_one_is_not_many() {
    let setting = Setting::embedded();
    let client = setting.client();
    open(&client).await;
    let rows = b"Licens;;Efternamn\nSE-1;Anna;Lind\n".to_vec();
    let import = id(&client.upload("svbf", "m.csv", rows, &[]).await.expect(202));
    client.import_after("svbf", &import, &["queued", "parsing"]).await;
    let visitor = setting.visitor().await;
    let address = format!("{IMPORTS}/{import}");
    let page = visitor.get(&address).await;
    shows(&page, &["Column 2, without a name"]);
    let asked = visitor.submit(&page, &format!("{address}/mapping"), &[("column-2", "given_name")]).await;
    assert_eq!(asked.status, 303, "{}", asked.text);
    client.import_after("svbf", &import, &["queued", "parsing"]).await;
    let page = visitor.get(&address).await;
    let early = visitor.submit(&page, &format!("{address}/confirm"), &[]).await;
    assert_eq!(early.status, 303, "{}", early.text);
    client.import_after("svbf", &import, &["loading"]).await;
    shows(&visitor.get(&address).await, &["1 record was stored: 1 new, 0 changed, 0 unchanged."]);
    shows(&visitor.get("/onboarding/svbf/mappings").await, &["Column 2, without a name → Given name"]);
    let late = client
        .send(
            "PUT",
            &format!("/sys{address}/mapping"),
            &[("content-type", "application/json")],
            Some(r#"{"mapping":{}}"#),
        )
        .await;
    assert_eq!(late.body["detail"], "the import is stored; it cannot be read again now");
}
