//! A tenant's health fails and recovers, and the operator's channels are told: once, signed, in spite of receivers that
//! stumble and workers that are killed.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use workbench_tests::{Client, Daemon, Received, Receiver, Reply, Setting, eventually, members, workbench};

const OLD: &[u8] = b"the key that is going away!!";
const NEW: &[u8] = b"the key that has come for it";

/// A folder of workflows with channels, and one of secrets.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(channels: &str, secrets: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().expect("a temporary folder can be made"));
        for name in ["workflows", "secrets"] {
            std::fs::create_dir(folder.0.path().join(name)).expect("a folder can be made");
        }
        folder.declare(channels);
        for (name, secret) in secrets {
            std::fs::write(folder.0.path().join("secrets").join(name), secret).expect("a file can be written");
        }
        folder
    }

    fn declare(&self, channels: &str) {
        std::fs::write(self.file(), channels).expect("a file can be written");
    }

    fn file(&self) -> std::path::PathBuf {
        self.0.path().join("workflows/notifications.yaml")
    }

    fn arguments(&self) -> Vec<String> {
        let inside = |name: &str| self.0.path().join(name).display().to_string();
        vec!["--workflows".to_owned(), inside("workflows"), "--notify-secrets".to_owned(), inside("secrets")]
    }
}

async fn setting(folder: &Folder, shared: bool) -> Setting {
    let arguments = folder.arguments();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if shared { Setting::shared_with(&arguments).await } else { Setting::embedded_with(&arguments) }
}

fn secret(key: &[u8]) -> String {
    format!("whsec_{}", STANDARD.encode(key))
}

fn header<'a>(received: &'a Received, name: &str) -> &'a str {
    received.headers.get(name).map_or("", String::as_str)
}

/// Checks a webhook as its receiver would; its body.
fn verified(received: &Received, keys: &[&[u8]]) -> Value {
    let (id, timestamp) = (header(received, "webhook-id"), header(received, "webhook-timestamp"));
    let age = chrono::Utc::now().timestamp() - timestamp.parse::<i64>().expect("seconds since the epoch");
    assert!((0..300).contains(&age), "{age} s old");
    let signed = format!("{id}.{timestamp}.{}", received.body);
    let signatures = keys.iter().map(|key| {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
        mac.update(signed.as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    });
    let expected: Vec<_> = signatures.collect();
    assert_eq!(header(received, "webhook-signature").split(' ').collect::<Vec<_>>(), expected);
    serde_json::from_str(&received.body).expect("the body is JSON")
}

async fn open(client: &Client) {
    let body = json!({ "tenant_id": "svbf", "name": "Boule & Co", "country": "SE", "platform_url": "sandbox" });
    client.post("/sys/onboarding", &body).await.expect(201);
}

/// Brings the onboarding to an open gate.
async fn say_go(setting: &Setting) {
    let client = setting.client();
    for step in ["contract", "kickoff", "configure", "import_data", "train_admins"] {
        let skip = json!({ "status": "skipped", "reason": "done elsewhere" });
        client.patch(&format!("/sys/onboarding/svbf/steps/{step}"), &skip).await.expect(200);
    }
    let uploaded = client.upload("svbf", "m.csv", members(3), &[("mode", "apply")]).await.expect(202);
    let import = uploaded["id"].as_str().unwrap_or_default();
    client.import_after("svbf", import, &["queued", "parsing", "preview", "loading"]).await;
    setting.sandbox().patch("/svbf/settings", &json!({ "payment_provider": "swish" })).await.expect(200);
    checked(&client, "pass").await;
    client.patch("/sys/onboarding/svbf/steps/go_no_go", &json!({ "status": "done" })).await.expect(200);
}

async fn break_platform(setting: &Setting, broken: bool) {
    let fault = if broken { json!("login_refused") } else { Value::Null };
    setting.sandbox().patch("/svbf/settings", &json!({ "fault": fault })).await.expect(200);
}

async fn checked(client: &Client, status: &str) {
    let check = client.post("/sys/onboarding/svbf/health-check?wait=60s", &json!({})).await.expect(200);
    assert_eq!(check["status"], status, "{check:#}");
}

async fn incidents(client: &Client, status: &str) -> Vec<Value> {
    let found = client.get(&format!("/sys/incidents?status={status}&tenant_id=svbf")).await.expect(200);
    found["items"].as_array().cloned().unwrap_or_default()
}

/// An incident once everything about it was delivered.
async fn told(client: &Client, id: &str, deliveries: usize) -> Value {
    let path = format!("/sys/incidents/{id}");
    let (client, path) = (client, path.as_str());
    eventually("every delivery to arrive", || async move {
        let incident = client.get(path).await.expect(200);
        let done = |delivery: &&Value| delivery["state"] == "succeeded" && delivery["delivered_at"].is_string();
        let arrived = incident["deliveries"].as_array()?.iter().filter(done).count();
        (arrived == deliveries).then_some(incident)
    })
    .await
}

/// A mail server of one command after the other, and what it was given.
struct MailServer {
    port: u16,
    mails: Arc<Mutex<Vec<String>>>,
}

impl MailServer {
    /// It first answers to so many mails that it is busy.
    async fn start(busy: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
        let port = listener.local_addr().expect("a bound listener has an address").port();
        let mails = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&mails);
        tokio::spawn(async move {
            let mut busy = busy;
            while let Ok((socket, _)) = listener.accept().await {
                let refuse = busy > 0;
                busy = busy.saturating_sub(1);
                if let Ok(Some(mail)) = take_mail(socket, refuse).await {
                    shared.lock().unwrap_or_else(PoisonError::into_inner).push(mail);
                }
            }
        });
        Self { port, mails }
    }

    async fn after(&self, count: usize) -> Vec<String> {
        eventually("e-mail", || async {
            let mails = self.mails.lock().unwrap_or_else(PoisonError::into_inner).clone();
            Some(mails).filter(|mails| mails.len() >= count)
        })
        .await
    }
}

async fn take_mail(socket: TcpStream, refuse: bool) -> std::io::Result<Option<String>> {
    let mut socket = BufReader::new(socket);
    let mut mail = None;
    socket.write_all(b"220 mail.example\r\n").await?;
    let mut line = String::new();
    while {
        line.clear();
        socket.read_line(&mut line).await? > 0
    } {
        let answer: &[u8] = match line.split_whitespace().next().unwrap_or_default() {
            "EHLO" => b"250-mail.example\r\n250 8BITMIME\r\n",
            "MAIL" if refuse => b"451 busy\r\n",
            "MAIL" | "RCPT" => b"250 fine\r\n",
            "DATA" => {
                socket.write_all(b"354 go on\r\n").await?;
                let mut text = String::new();
                while !text.ends_with("\r\n.\r\n") && socket.read_line(&mut text).await? > 0 {}
                mail = Some(text);
                b"250 taken\r\n"
            }
            _ => b"221 bye\r\n",
        };
        socket.write_all(answer).await?;
        if answer.starts_with(b"221") {
            break;
        }
    }
    Ok(mail)
}

async fn a_night_of_failures_is_told_once(shared: bool) {
    let ops = Receiver::start(&[Reply::Status(500), Reply::Status(302), Reply::Status(204)]).await;
    let (team, mail) = (Receiver::start(&[]).await, MailServer::start(1).await);
    let channels = format!(
        "smtp: {{ url: file:smtp, from: Onboarding <onboarding@example.org> }}
channels:
  - id: ops
    kind: webhook
    url: {}
    secret: [file:old, file:new]
    retry: {{ initial: 1s, factor: 1 }}
  - {{ id: team, kind: slack, url: file:team, tenants: [svbf], countries: [SE] }}
  - {{ id: board, kind: email, to: [anna@example.org, Bo <bo@example.org>], retry: {{ initial: 1s }} }}
  - {{ id: norway, kind: slack, url: file:team, countries: [\"NO\"] }}
",
        ops.url()
    );
    let smtp = format!("smtp://127.0.0.1:{}", mail.port);
    let (old, new) = (secret(OLD), secret(NEW));
    let secrets = [("old", old.as_str()), ("new", new.as_str()), ("team", &team.url()), ("smtp", &smtp)];
    let folder = Folder::new(&channels, &secrets);
    let setting = setting(&folder, shared).await;
    let client = setting.client();
    open(&client).await;
    checked(&client, "warn").await;
    assert!(incidents(&client, "all").await.is_empty(), "a warning is no incident");
    say_go(&setting).await;
    break_platform(&setting, true).await;
    for _ in 0..3 {
        checked(&client, "fail").await;
    }
    let open = incidents(&client, "open").await;
    assert_eq!(open.len(), 1, "{open:#?}");
    let id = open[0]["id"].as_str().expect("an incident has an id");
    told(&client, id, 3).await;
    let mended = json!({ "fault": null, "payment_provider": null });
    setting.sandbox().patch("/svbf/settings", &mended).await.expect(200);
    checked(&client, "warn").await;
    checked(&client, "warn").await;
    assert!(incidents(&client, "open").await.is_empty());
    let incident = told(&client, id, 6).await;
    assert!(incident["closed_at"].as_str() > incident["opened_at"].as_str(), "{incident:#}");

    let received = ops.after(4).await;
    let ids: Vec<_> = received.iter().map(|one| header(one, "webhook-id")).collect();
    assert_eq!((ids.len(), ids[0]), (4, ids[2]), "a refusal and a redirect are tried again under the same id");
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 2, "one message each way: {ids:?}");
    let events: Vec<_> = received.iter().map(|one| verified(one, &[OLD, NEW])).collect();
    assert_eq!((&events[0], &events[3]["type"]), (&events[2], &json!("tenant.health.recovered")));
    assert_eq!(events[0]["type"], "tenant.health.failed");
    for event in &events {
        assert_eq!((&event["subject"], &event["data"]["incident"]), (&json!("svbf"), &json!(id)));
        assert_eq!(event["time"], event["timestamp"]);
    }
    let failed = &events[0]["data"]["probes"][0];
    assert_eq!((&failed["probe"], &failed["status"]), (&json!("sample_login"), &json!("fail")), "{}", events[0]);
    assert!(failed["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{failed}");
    assert_eq!(events[0]["data"]["closed_gates"], json!(["go_no_go"]));
    assert_eq!(events[3]["data"]["status"], "warn");
    let opened = client.events("svbf").await.into_iter().find(|event| event["kind"] == "incident_opened");
    let payload = opened.map(|event| event["payload"].clone()).unwrap_or_default();
    assert_eq!((&payload["incident"], &payload["closed_gates"]), (&json!(id), &json!(["go_no_go"])), "{payload:#}");
    assert_eq!(payload["probes"], events[0]["data"]["probes"]);

    let texts: Vec<_> = team.after(2).await.into_iter().map(|one| one.body).collect();
    assert_eq!(texts.len(), 2, "a channel for other countries is not told: {texts:?}");
    assert!(texts[0].contains("*Boule &amp; Co (svbf): the health check fails*"), "{}", texts[0]);
    assert!(texts[1].contains("but still warns"), "{}", texts[1]);
    let mails = mail.after(2).await;
    assert_eq!(mails.len(), 2);
    assert!(mails[0].contains("Subject: Boule & Co (svbf): the health check fails"), "{}", mails[0]);
    let of_mail = incident["deliveries"].as_array().into_iter().flatten().find(|one| one["channel"] == "board");
    let message_id = of_mail.and_then(|one| one["id"].as_str()).map(|id| format!("Message-ID: <{id}@example.org>"));
    assert!(message_id.is_some_and(|line| mails[0].contains(&line)), "{}", mails[0]);

    let soon = (chrono::Utc::now() + chrono::TimeDelta::hours(1)).to_rfc3339();
    let window = json!({ "tenant_id": "svbf", "ends_at": soon, "reason": "it moves" });
    let window = client.post("/sys/maintenance-windows", &window).await.expect(201);
    break_platform(&setting, true).await;
    checked(&client, "fail").await;
    assert_eq!(incidents(&client, "all").await.len(), 1, "failures in a window are expected");
    let end = format!("/sys/maintenance-windows/{}/end", window["id"].as_str().unwrap_or_default());
    client.post(&end, &json!({})).await.expect(200);
    checked(&client, "fail").await;
    let open = incidents(&client, "open").await;
    assert_eq!(open.len(), 1, "the first check after it tells");
    told(&client, open[0]["id"].as_str().unwrap_or_default(), 3).await;
    let (holds, said) = setting.tool(&["audit", "verify"]);
    assert!(holds, "{said}");
}

#[tokio::test]
async fn a_night_of_failures_is_told_once_embedded() {
    a_night_of_failures_is_told_once(false).await;
}

#[tokio::test]
async fn a_night_of_failures_is_told_once_on_postgres_and_redis() {
    a_night_of_failures_is_told_once(true).await;
}

fn webhook(receiver: &Receiver) -> String {
    format!(
        "channels: [{{ id: ops, kind: webhook, url: {}, secret: file:ops, retry: {{ initial: 1s, factor: 1 }} }}]\n",
        receiver.url()
    )
}

async fn a_delivery_survives_its_worker(shared: bool) {
    let ops = Receiver::start(&[Reply::Silence]).await;
    let folder = Folder::new(&webhook(&ops), &[("ops", &secret(NEW))]);
    let mut setting = setting(&folder, shared).await;
    let client = setting.client();
    open(&client).await;
    break_platform(&setting, true).await;
    checked(&client, "fail").await;
    ops.after(1).await;
    setting.kill_and_restart_workers();

    let client = setting.client();
    let id = incidents(&client, "open").await[0]["id"].as_str().unwrap_or_default().to_owned();
    let incident = told(&client, &id, 1).await;
    let received = ops.after(2).await;
    let ids: BTreeSet<_> = received.iter().map(|one| header(one, "webhook-id")).collect();
    assert_eq!(ids, BTreeSet::from([incident["deliveries"][0]["id"].as_str().unwrap_or_default()]));
    let job = client.job_ended(incident["deliveries"][0]["job_id"].as_str().unwrap_or_default()).await;
    assert_eq!(job["attempts"][0]["outcome"], "lost", "{job:#}");
}

#[tokio::test]
async fn a_delivery_survives_its_worker_embedded() {
    a_delivery_survives_its_worker(false).await;
}

#[tokio::test]
async fn a_delivery_survives_its_worker_on_postgres_and_redis() {
    a_delivery_survives_its_worker(true).await;
}

#[tokio::test]
async fn refusals_for_good_and_channels_that_are_gone_end_a_delivery() {
    let ops = Receiver::start(&[Reply::Status(410), Reply::Status(503)]).await;
    let folder = Folder::new(&webhook(&ops), &[("ops", &secret(NEW))]);
    let mut setting = setting(&folder, false).await;
    let client = setting.client();
    open(&client).await;
    break_platform(&setting, true).await;
    checked(&client, "fail").await;
    let job_of = async |client: &Client, position: usize| {
        let id = incidents(client, "all").await[0]["id"].as_str().unwrap_or_default().to_owned();
        let path = format!("/sys/incidents/{id}");
        let path = path.as_str();
        eventually("a delivery", || async move {
            let incident = client.get(path).await.expect(200);
            incident["deliveries"][position]["job_id"].as_str().map(str::to_owned)
        })
        .await
    };
    let refused = client.job_ended(&job_of(&client, 0).await).await;
    assert_eq!((&refused["state"], &refused["attempt"]), (&json!("failed"), &json!(1)), "{refused:#}");
    assert!(refused["last_error"].as_str().is_some_and(|error| error.contains("410")), "{refused:#}");

    break_platform(&setting, false).await;
    checked(&client, "warn").await;
    ops.after(2).await;
    folder.declare("channels: []\n");
    setting.kill_and_restart_workers();
    let client = setting.client();
    let gone = client.job_ended(&job_of(&client, 1).await).await;
    assert_eq!(gone["state"], "failed");
    assert_eq!(gone["last_error"], "there is no channel `ops` any more");
}

// The receiver must answer while a command is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn channels_are_shown_without_secrets_and_can_be_tried() {
    let ops = Receiver::start(&[Reply::Status(204), Reply::Status(403)]).await;
    let folder = Folder::new(&webhook(&ops), &[("ops", &secret(NEW))]);
    let setting = setting(&folder, false).await;
    let client = setting.client();
    let viewer = client.with_token(Some(&setting.token("viewer")));
    let channels = viewer.get("/sys/notification-channels").await.expect(200);
    let kinds = json!(["tenant.health.failed", "tenant.health.recovered"]);
    let expected = json!({ "id": "ops", "kind": "webhook", "on": kinds, "tenants": [], "countries": [],
                           "destination": "127.0.0.1" });
    assert_eq!(channels["items"], json!([expected]));

    let test = "/sys/notification-channels/ops/test";
    assert_eq!(viewer.post(test, &json!({})).await.problem(403), "forbidden");
    assert_eq!(client.post("/sys/notification-channels/opps/test", &json!({})).await.problem(404), "not_found");
    let tried = client.post(test, &json!({})).await.expect(200);
    assert_eq!(tried, json!({ "channel": "ops", "delivered": true, "error": null }));
    assert_eq!(verified(&ops.received()[0], &[NEW])["type"], "workbench.test");
    let refused = client.post(test, &json!({})).await.expect(200);
    assert!(refused["error"].as_str().is_some_and(|error| error.contains("403")), "{refused}");
    let admin = setting.token("admin");
    let cli = |arguments: &[&str]| {
        let mut command = Command::new(workbench());
        command.arg("notifications").args(arguments).args(["--url", &client.url, "--token", &admin]);
        let output = command.output().expect("the binary can be started");
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (went, said) = cli(&["list"]);
    assert!(went && said.contains("ops") && said.contains("tenant.health.recovered"), "{said}");
    assert_eq!(cli(&["test", "ops"]), (true, "ops: accepted\n".to_owned()));
    assert_eq!(client.get("/sys/incidents?status=closed").await.problem(422), "filter");
    assert_eq!(client.get("/sys/incidents/inc_none").await.problem(404), "not_found");
}

fn check(file: &Path) -> (bool, String) {
    let output = Command::new(workbench()).arg("check").arg(file).output().expect("the binary can be started");
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

#[test]
fn faults_of_channels_and_secrets_are_told_and_secrets_are_not() {
    let folder = Folder::new(
        "channels:\n  - { id: ops, kind: webhook, url: 'https://ops.example', secret: whsec_hunter2 }\n  - { id: a, kind: slak }\n",
        &[("ops", "whsec_hunter2")],
    );
    let (sound, said) = check(&folder.file());
    assert!(!sound && said.contains("[bad_reference]") && said.contains("Did you mean `slack`?"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");

    folder.declare("channels: [{ id: ops, kind: webhook, url: 'https://ops.example', secret: whsec_hunter2\n");
    let (sound, said) = check(&folder.file());
    assert!(!sound && !said.contains("hunter2"), "{said}");
    folder.declare("channels: [{ id: ops, kind: webhook, url: 'https://ops.example', secret: file:ops }]\n");
    let (sound, said) = check(&folder.file());
    assert!(sound, "{said}");
    let mut arguments = vec!["serve".to_owned(), "--listen".to_owned(), "127.0.0.1:0".to_owned()];
    arguments.extend(folder.arguments());
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let Err(log) = Daemon::try_start(&folder.0.path().join("data"), &arguments) else {
        panic!("a daemon started with a secret that is none");
    };
    assert!(log.contains("channel `ops`") && !log.contains("hunter2"), "{log}");
}
