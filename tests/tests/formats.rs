//! Files that are read by a format profile: shipped ones and the operator's own.

use serde_json::{Value, json};
use workbench_tests::{Client, Daemon, Postgres, Redis};

const OWN: &str = "name: county-clubs
version: 1
title: Clubs of the county
format: csv
entity: clubs
natural_key: club_number
header: false
columns:
  - { field: club_number, position: 1 }
  - { field: name, position: 2, transforms: [upper] }
";

const REFERRING: &str = "name: county-members
version: 1
title: Members of the county
format: csv
entity: members
natural_key: licence_number
columns:
  - { field: licence_number, source: nr }
  - { field: given_name, source: given }
  - { field: family_name, source: family }
  - { field: club, source: Klubb, rules: { reference: clubs } }
";

async fn preview(client: &Client, name: &str, text: &str, fields: &[(&str, &str)]) -> Value {
    let uploaded = client.upload("svbf", name, text.as_bytes().to_vec(), fields).await.expect(202);
    let id = uploaded["id"].as_str().expect("an import has an id");
    let preview = client.import_after("svbf", id, &["queued", "parsing"]).await;
    assert_eq!(preview["state"], "preview", "{preview:#}");
    preview
}

#[tokio::test]
async fn files_are_read_by_the_profile_that_the_upload_names() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let workflows = folder.path().join("workflows");
    std::fs::create_dir_all(workflows.join("formats")).expect("a folder can be made");
    let own = workflows.join("formats/county-clubs.yaml");
    std::fs::write(&own, OWN).expect("a file can be written");
    let path = workflows.to_str().expect("a plain path");
    let serve = ["serve", "--listen", "127.0.0.1:0", "--sandbox", "off", "--workflows", path];
    let mut daemon = Daemon::start(folder.path(), &serve);
    let client = daemon.client();
    let body = json!({ "tenant_id": "svbf", "name": "Boule", "country": "SE" });
    client.post("/sys/onboarding", &body).await.expect(201);

    let lines = "{\"licence_number\":1,\"name\":{\"given\":\"Åsa\",\"family\":\"Ek\"}}\n{\"licence_number\":2}\n";
    let read = preview(&client, "members.json", lines, &[]).await;
    assert_eq!(
        (read["format"].as_str(), read["detected"]["details"]["profile"].as_str()),
        (Some("json"), Some("members-json"))
    );
    assert_eq!((&read["counts"]["records_new"], &read["counts"]["rows_rejected"]), (&json!(1), &json!(1)));

    let xml =
        "<members><member licence='1'><given_name>Bo</given_name><family_name>Ek</family_name></member></members>";
    let read = preview(&client, "members.xml", xml, &[("format", "xml")]).await;
    assert_eq!(read["sample"][0]["fields"]["given_name"], "Bo", "{read:#}");

    let read = preview(&client, "clubs.txt", "7,Nord\n8,Syd\n", &[("profile", "county-clubs")]).await;
    assert_eq!(read["profile"], "county-clubs");
    assert_eq!(read["detected"]["details"]["profile_version"], "1");
    assert_eq!(read["counts"]["records_new"], 2);

    // The import keeps the profile that it was previewed by, whatever becomes of the file.
    let changed = OWN.replace("[upper]", "[lower]").replace("version: 1", "version: 2");
    std::fs::write(&own, changed).expect("a file can be written");
    daemon.stop();
    let daemon = Daemon::start(folder.path(), &serve);
    let client = daemon.client();
    let confirm = format!("/sys/onboarding/svbf/imports/{}/confirm", read["id"].as_str().unwrap_or_default());
    client.post(&confirm, &json!({})).await.expect(202);
    let stored = client.import_after("svbf", read["id"].as_str().unwrap_or_default(), &["loading", "preview"]).await;
    assert_eq!((&stored["state"], &stored["sample"][0]["fields"]["name"]), (&json!("completed"), &json!("NORD")));
    let again = preview(&client, "clubs.txt", "7,Nord\n8,Syd\n", &[("profile", "county-clubs")]).await;
    assert_eq!(again["counts"]["records_changed"], 2, "the new version reads otherwise");

    let unknown = client.upload("svbf", "c.txt", b"7,Nord\n".to_vec(), &[("profile", "county-club")]).await;
    assert_eq!(unknown.body["hint"], "Did you mean `county-clubs`?");
    assert_eq!(unknown.problem(422), "unknown_profile");
}

/// Known clubs are known, unknown ones are warned of in the preview, and once they are imported they are known too.
async fn references_are_looked_up(places: &[&str]) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let workflows = folder.path().join("workflows");
    std::fs::create_dir_all(workflows.join("formats")).expect("a folder can be made");
    std::fs::write(workflows.join("formats/county-members.yaml"), REFERRING).expect("a file can be written");
    let path = workflows.to_str().expect("a plain path");
    let serve = [&["serve", "--listen", "127.0.0.1:0", "--sandbox", "off", "--workflows", path], places].concat();
    let daemon = Daemon::start(folder.path(), &serve);
    let client = daemon.client();
    let body = json!({ "tenant_id": "svbf", "name": "Boule", "country": "SE" });
    client.post("/sys/onboarding", &body).await.expect(201);
    let clubs = async |text: &str| {
        let fields = [("entity", "clubs"), ("mode", "apply")];
        let uploaded = client.upload("svbf", "clubs.csv", text.as_bytes().to_vec(), &fields).await.expect(202);
        let id = uploaded["id"].as_str().expect("an import has an id");
        let import = client.import_after("svbf", id, &["queued", "parsing", "preview", "loading"]).await;
        assert_eq!(import["state"], "completed", "{import:#}");
    };
    clubs("club_number,name\n17,Nord\n").await;

    let members = "nr,given,family,Klubb\n1,Anna,Ek,17\n2,Bo,Ek,18\n3,Cia,Ek, 18\n4,Di,Ek,\n";
    let read = preview(&client, "members.csv", members, &[("profile", "county-members")]).await;
    let counted = ["rows_valid", "rows_warned", "rows_rejected", "records"].map(|name| read["counts"][name].as_i64());
    assert_eq!(counted, [Some(2), Some(2), Some(0), Some(4)], "{read:#}");
    let id = read["id"].as_str().expect("an import has an id");
    let issues = client.get(&format!("/sys/onboarding/svbf/imports/{id}/issues")).await.expect(200);
    let found: Vec<(Option<i64>, Option<&str>, Option<&str>)> = issues["items"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|issue| (issue["row"].as_i64(), issue["code"].as_str(), issue["value"].as_str()))
        .collect();
    let unknown = |line| (Some(line), Some("reference_unknown"), Some("18"));
    assert_eq!(found, [unknown(3), (Some(4), Some("trimmed"), Some(" 18")), unknown(4)]);

    clubs("club_number,name\n18,Syd\n").await;
    let again = preview(&client, "members.csv", members, &[("profile", "county-members")]).await;
    assert_eq!(again["counts"]["rows_warned"], 1, "{again:#}");
}

#[tokio::test]
async fn references_are_looked_up_embedded() {
    references_are_looked_up(&[]).await;
}

#[tokio::test]
async fn references_are_looked_up_on_postgres() {
    let (postgres, redis) = tokio::join!(Postgres::start(), Redis::start());
    references_are_looked_up(&["--database-url", &postgres.url(), "--redis-url", &redis.url()]).await;
}

#[test]
fn a_faulty_profile_keeps_the_daemon_from_starting_and_says_where_it_is_wrong() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let formats = folder.path().join("formats");
    std::fs::create_dir_all(&formats).expect("a folder can be made");
    std::fs::write(formats.join("own.yaml"), OWN.replace("natural_key", "natural_kye")).expect("a file can be written");
    let path = folder.path().to_str().expect("a plain path");
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--sandbox", "off", "--workflows", path];
    let said = Daemon::try_start(folder.path(), &arguments).err().expect("the daemon does not start");
    assert!(said.contains("own.yaml:6:1") && said.contains("Did you mean `natural_key`?"), "{said}");
}
