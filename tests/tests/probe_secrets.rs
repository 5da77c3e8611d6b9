//! A tenant names the secret and the address that it is sent to: it can name nothing but what the operator has set
//! aside for probes.

use serde_json::{Value, json};
use workbench_tests::{Client, Daemon, Setting};

#[tokio::test]
async fn nothing_else_can_be_named() {
    let setting = Setting::embedded();
    let client = setting.client();
    let open = |field: &'static str, value: &'static str| {
        let client = client.clone();
        async move {
            let mut body = json!({ "tenant_id": "new", "name": "New", "country": "SE" });
            body[field] = json!(value);
            let answer = client.post("/sys/onboarding", &body).await;
            assert!(!answer.body["detail"].to_string().contains(value), "quoted back: {:#}", answer.body);
            answer.problem(422)
        }
    };
    for reference in [
        "file:workbench-data/token",
        "file:/etc/passwd",
        "file:../token",
        "file:.token",
        "file:..",
        "file:",
        "env:HOME",
        "env:WORKBENCH_DATABASE_URL",
        "env:WORKBENCH_PROBE_ALLOW",
        "env:WORKBENCH_PROBE_",
        "hunter2",
    ] {
        assert_eq!(open("probe_secret", reference).await, "probe_secret", "{reference}");
    }
    for address in ["https://probe:hunter2@platform.example", "https://probe@platform.example", "ftp://u:hunter2@x"] {
        assert_eq!(open("platform_url", address).await, "platform_url", "{address}");
    }
    assert_eq!(client.get("/sys/onboarding/new").await.problem(404), "not_found");
}

/// The status and message of the login probe of a tenant whose secret is behind a reference.
async fn login(client: &Client, tenant: &str, platform: &str, reference: &str) -> (String, String) {
    let body = json!({
        "tenant_id": tenant, "name": "New", "country": "SE",
        "platform_url": format!("{platform}/{tenant}"), "probe_secret": reference,
    });
    client.post("/sys/onboarding", &body).await.expect(201);
    let path = format!("/sys/onboarding/{tenant}/health-check?wait=60s");
    let check = client.post(&path, &json!({})).await.expect(200);
    let probes = check["probes"].as_array().expect("a check has probes");
    let probe = probes.iter().find(|probe| probe["probe"] == "sample_login").expect("the login is probed");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&probe["status"]), text(&probe["message"]))
}

#[tokio::test]
async fn what_is_set_aside_is_found_and_a_link_out_of_the_folder_is_not_followed() {
    let elsewhere = Setting::embedded();
    let platform = elsewhere.sandbox().url;
    let (status, message) = login(&elsewhere.client(), "homeless", &platform, "file:svbf").await;
    assert!(status == "error" && message.contains("--probe-secrets"), "{status}: {message}");

    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let secrets = folder.path().join("secrets");
    std::fs::create_dir(&secrets).expect("a folder can be made");
    std::fs::write(secrets.join("svbf"), "sandbox\n").expect("a file can be written");
    std::fs::write(folder.path().join("token"), "sandbox\n").expect("a file can be written");
    std::os::unix::fs::symlink("svbf", secrets.join("inside")).expect("a link can be made");
    std::os::unix::fs::symlink("../token", secrets.join("outside")).expect("a link can be made");
    let allowed = platform.trim_start_matches("http://");
    let path = secrets.display().to_string();
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--sandbox", "off"];
    let arguments = [&arguments[..], &["--probe-allow", allowed, "--probe-secrets", &path]].concat();
    let environment = [("WORKBENCH_PROBE_SVBF", "sandbox")];
    let daemon = Daemon::try_start_with(&folder.path().join("data"), &arguments, &environment).expect("it starts");
    let client = daemon.client();
    for (tenant, reference, status, said) in [
        ("by-file", "file:svbf", "pass", ""),
        ("by-link", "file:inside", "pass", ""),
        ("by-variable", "env:WORKBENCH_PROBE_SVBF", "pass", ""),
        ("leaving", "file:outside", "error", "leaves the folder"),
        ("missing", "file:nothing", "error", "could not be read"),
        ("unset", "env:WORKBENCH_PROBE_UNSET", "error", "is not set"),
    ] {
        let found = login(&client, tenant, &platform, reference).await;
        assert!(found.0 == status && found.1.contains(said), "{reference}: {found:?}");
    }
}
