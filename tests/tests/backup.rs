//! A backup is taken while the daemon works, and restored into a store of either kind, where everything goes on.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use workbench_tests::{Client, Daemon, Postgres, Redis, Setting, Visitor, eventually, ledger, members, workbench};

/// Rows enough that a load is still under way when the backup is taken.
const ROWS: usize = 60_000;

async fn open(client: &Client, tenant: &str) {
    let body = json!({ "tenant_id": tenant, "name": "Boule", "country": "SE", "platform_url": "sandbox" });
    client.post("/sys/onboarding", &body).await.expect(201);
}

async fn confirm(client: &Client, tenant: &str, name: &str, bytes: Vec<u8>) -> String {
    let uploaded = client.upload(tenant, name, bytes, &[]).await.expect(202);
    let id = uploaded["id"].as_str().expect("an import has an id").to_owned();
    let preview = client.import_after(tenant, &id, &["queued", "parsing"]).await;
    assert_eq!(preview["state"], "preview", "{preview:#}");
    client.post(&format!("/sys/onboarding/{tenant}/imports/{id}/confirm"), &json!({})).await.expect(202);
    id
}

/// Runs the binary: its exit code, and what it printed.
fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(workbench()).args(arguments).output().expect("the binary can be started");
    (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}

fn manifest(archive: &Path) -> Value {
    let (code, said) = run(&["backup", "verify", "--json", text(archive)]);
    assert_eq!(code, Some(0), "{said}");
    serde_json::from_str(&said).expect("a manifest")
}

/// A store that a backup is restored into, and its daemon.
struct Fresh {
    folder: TempDir,
    servers: Option<(Postgres, Redis)>,
}

impl Fresh {
    fn sqlite() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder can be made"), servers: None }
    }

    async fn postgres() -> Self {
        let (postgres, redis) = tokio::join!(Postgres::start(), Redis::start());
        Self { servers: Some((postgres, redis)), ..Self::sqlite() }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("restored")
    }

    /// Runs a tool on the store.
    fn tool(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let data = self.data();
        let mut all = [arguments, &["--data-dir", text(&data)]].concat();
        let url = self.servers.as_ref().map(|(postgres, _)| postgres.url());
        if let Some(url) = &url {
            all.extend(["--database-url", url]);
        }
        run(&all)
    }

    fn serve(&self) -> Daemon {
        let mut arguments = vec!["serve", "--listen", "127.0.0.1:0", "--sandbox", "127.0.0.1:0", "--lease", "2s"];
        let urls = self.servers.as_ref().map(|(postgres, redis)| (postgres.url(), redis.url()));
        if let Some((postgres, redis)) = &urls {
            arguments.extend(["--database-url", postgres, "--redis-url", redis]);
        }
        Daemon::start(&self.data(), &[&arguments[..], &["--rehand-after", "2s"]].concat())
    }
}

/// Takes a backup in the middle of a load, while somebody keeps writing; answers the import.
async fn backed_up_in_traffic(setting: &Setting, archive: &Path) -> String {
    let client = setting.client();
    open(&client, "svbf").await;
    for step in ["contract", "kickoff", "configure"] {
        client.patch(&format!("/sys/onboarding/svbf/steps/{step}"), &json!({ "status": "done" })).await.expect(200);
    }
    let small = confirm(&client, "svbf", "ledger.se", ledger()).await;
    assert_eq!(client.import_after("svbf", &small, &["loading"]).await["state"], "completed");
    let id = confirm(&client, "svbf", "members.csv", members(ROWS)).await;
    let path = format!("/sys/onboarding/svbf/imports/{id}");
    let (asking, path) = (&client, path.as_str());
    eventually("the load to be under way", || async move {
        let import = asking.get(path).await.expect(200);
        assert_eq!(import["state"], "loading", "the load ended before it could be backed up");
        (import["loaded"].as_i64()? > 0).then_some(())
    })
    .await;
    let stop = std::sync::atomic::AtomicBool::new(false);
    let (answer, ()) = tokio::join!(
        async {
            let taken = tokio::task::block_in_place(|| setting.tool(&["backup", text(archive)]));
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            taken
        },
        async {
            let mut written = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let assignee = json!({ "assignee": format!("anna{written}") });
                client.patch("/sys/onboarding/svbf/steps/train_admins", &assignee).await.expect(200);
                written += 1;
            }
        }
    );
    let (well, said) = answer;
    assert!(well && said.contains(" is whole"), "{said}");
    let records =
        manifest(archive)["tables"].as_array().into_iter().flatten().find(|table| table["name"] == "records").cloned();
    let rows = records.and_then(|table| table["rows"].as_u64()).expect("the manifest counts records");
    assert!(rows > 0 && rows < ROWS as u64, "the backup does not show the load under way, but {rows} records");
    id
}

/// Everything that a backup promises of a restored store.
async fn goes_on(fresh: &Fresh, archive: &Path, import: &str) {
    let (code, said) = fresh.tool(&["restore", text(archive)]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("events hold, and replaying them gives the stored state"), "{said}");
    let (code, said) = fresh.tool(&["restore", text(archive)]);
    assert!(code == Some(1) && said.contains("the store is not empty"), "a store was filled twice: {said}");

    let daemon = fresh.serve();
    let client = daemon.client();
    // The load that was under way is taken back when its lease has run out, and goes on behind its checkpoint.
    let stored = client.import_after("svbf", import, &["loading"]).await;
    assert_eq!((&stored["state"], &stored["loaded"]), (&json!("completed"), &json!(ROWS)), "{stored:#}");
    let again = client.upload("svbf", "members.csv", members(ROWS), &[]).await.expect(202);
    let again = client.import_after("svbf", again["id"].as_str().unwrap_or_default(), &["queued", "parsing"]).await;
    assert_eq!(again["counts"]["records_unchanged"], ROWS, "{again:#}");

    // The onboarding goes to its end, through a gate that asks for a health check.
    client.patch("/sys/onboarding/svbf/steps/train_admins", &json!({ "status": "done" })).await.expect(200);
    daemon.sandbox().patch("/svbf/settings", &json!({ "payment_provider": "swish" })).await.expect(200);
    let checked = client.post("/sys/onboarding/svbf/health-check?wait=30s", &json!({})).await.expect(200);
    assert_eq!(checked["status"], "pass", "{checked:#}");
    for step in ["go_no_go", "go_live"] {
        client.patch(&format!("/sys/onboarding/svbf/steps/{step}"), &json!({ "status": "done" })).await.expect(200);
    }
    let visitor = Visitor::log_in(daemon.said("console"), daemon.said("log in")).await;
    assert_eq!(visitor.get("/onboarding/svbf").await.status, 200, "the console does not open");
    let (code, said) = fresh.tool(&["audit", "verify"]);
    assert_eq!(code, Some(0), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_sqlite_to_either_kind() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let archive = folder.path().join("backup.tar");
    let setting = Setting::embedded();
    let import = backed_up_in_traffic(&setting, &archive).await;
    let mode = std::fs::metadata(&archive).expect("the backup is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "others may read it");
    drop(setting);
    goes_on(&Fresh::sqlite(), &archive, &import).await;
    goes_on(&Fresh::postgres().await, &archive, &import).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_postgres_to_either_kind() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let archive = folder.path().join("backup.tar");
    let mut setting = Setting::shared().await;
    let import = backed_up_in_traffic(&setting, &archive).await;
    // Redis keeps ids of jobs that the backup knows, and that of one that it does not.
    setting.workers.clear();
    setting.client().post("/sys/onboarding/svbf/health-check", &json!({})).await.expect(202);
    let waiting = setting.client().get("/sys/jobs?state=queued").await.expect(200);
    assert!(!waiting["items"].as_array().expect("a page has items").is_empty(), "{waiting:#}");
    setting.daemon = None;
    let (_, redis) = setting.servers.take().expect("the setting has servers");
    let fresh = Fresh { servers: Some((Postgres::start().await, redis)), ..Fresh::sqlite() };
    goes_on(&fresh, &archive, &import).await;
    goes_on(&Fresh::sqlite(), &archive, &import).await;
}

/// A small store with one upload, and its backup.
async fn small(folder: &Path) -> (Setting, PathBuf) {
    let setting = Setting::embedded();
    let client = setting.client();
    open(&client, "svbf").await;
    let id = confirm(&client, "svbf", "ledger.se", ledger()).await;
    assert_eq!(client.import_after("svbf", &id, &["loading"]).await["state"], "completed");
    let archive = folder.join("small.tar");
    let (well, said) = setting.tool(&["backup", text(&archive)]);
    assert!(well, "{said}");
    (setting, archive)
}

#[tokio::test]
async fn whatever_byte_is_changed_is_noticed() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let (_setting, archive) = small(folder.path()).await;
    let whole = std::fs::read(&archive).expect("the backup can be read");
    let broken = folder.path().join("broken.tar");
    // Every kind of place: headers, contents, the blocks between them, the manifest, the seal. 397 is prime to 512.
    let places =
        (0..whole.len()).step_by(397 * (1 + whole.len() / 60_000)).chain(whole.len() - 3000..whole.len() - 2990);
    for place in places.chain([0, 511, 512, whole.len() - 2048, whole.len() - 1500, whole.len() - 1]) {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x20;
        std::fs::write(&broken, &bytes).expect("a file can be written");
        let (code, said) = run(&["backup", "verify", text(&broken)]);
        assert_eq!(code, Some(1), "nobody noticed the change at {place}: {said}");
        assert!(said.contains("damaged") || said.contains("no backup of workbench"), "at {place}: {said}");
    }
    for length in [0, 100, 512, 2048, whole.len() / 2, whole.len() - 2048, whole.len() - 1] {
        std::fs::write(&broken, &whole[..length]).expect("a file can be written");
        let (code, said) = run(&["backup", "verify", text(&broken)]);
        assert_eq!(code, Some(1), "nobody noticed that only {length} bytes are left: {said}");
    }
    // Nothing is made of it either.
    let fresh = Fresh::sqlite();
    let (code, said) = fresh.tool(&["restore", text(&broken)]);
    assert!(code == Some(1) && !fresh.data().exists(), "{said}");
}

#[tokio::test]
async fn what_cannot_be_is_told() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let (setting, archive) = small(folder.path()).await;
    let (well, said) = setting.tool(&["backup", text(&archive)]);
    assert!(!well && said.contains("--force"), "{said}");
    let (well, said) = setting.tool(&["backup", "--force", text(&archive)]);
    assert!(well, "{said}");
    let (well, said) = setting.tool(&["backup", text(folder.path())]);
    assert!(well && said.contains("workbench-2"), "a folder takes backups by their time: {said}");
    let (well, said) = setting.tool(&["backup", text(&folder.path().join("nowhere/backup.tar"))]);
    assert!(!well && said.contains("cannot be written"), "{said}");
    let (well, said) = setting.tool(&["restore", text(&archive)]);
    assert!(!well && said.contains("the store is not empty"), "{said}");
    let (code, said) = run(&["backup", "verify", "/dev/null"]);
    assert!(code == Some(1) && said.contains("is no file"), "{said}");
    let (code, said) = run(&["backup", "verify", text(&folder.path().join("missing.tar"))]);
    assert!(code == Some(1) && said.contains("cannot be read"), "{said}");
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .expect("the folder can be read")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with('.'))
        .collect();
    assert_eq!(left, Vec::<String>::new(), "files were left behind");
}

#[tokio::test]
async fn uploads_that_are_not_there_are_named() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let (setting, archive) = small(folder.path()).await;
    let manifest = manifest(&archive);
    assert_eq!((&manifest["uploads"]["files"], &manifest["uploads"]["missing"]), (&json!(1), &json!([])));
    let mut upload = manifest["parts"].as_array().into_iter().flatten().filter_map(|part| part["name"].as_str());
    let key = upload.find_map(|name| name.strip_prefix("uploads/")).expect("the upload is a part").to_owned();

    let without = folder.path().join("without.tar");
    let (well, said) = setting.tool(&["backup", "--without-uploads", text(&without)]);
    assert!(well && said.contains("left out"), "{said}");
    let fresh = Fresh::sqlite();
    let (code, said) = fresh.tool(&["restore", text(&without)]);
    assert!(code == Some(2) && said.contains(&format!("missing   {key}")), "{said}");

    // One that is not what was uploaded is no part of a backup, and everything else is.
    let upload = setting.data().join("objects").join(&key);
    let bytes = std::fs::read(&upload).expect("the upload is in its folder");
    let gaps = folder.path().join("gaps.tar");
    for changed in [bytes[1..].to_vec(), [&bytes[..], b"!"].concat(), [&bytes[1..], b"!"].concat()] {
        std::fs::write(&upload, changed).expect("the upload can be changed");
        let (_, said) = setting.tool(&["backup", "--force", text(&gaps)]);
        assert!(said.contains(&format!("missing   {key}: it is ")), "{said}");
        let (code, said) = run(&["backup", "verify", text(&gaps)]);
        assert_eq!(code, Some(2), "{said}");
    }
    std::fs::remove_dir_all(setting.data().join("objects")).expect("the folder can be removed");
    let (well, said) = setting.tool(&["backup", "--force", text(&gaps)]);
    assert!(!well && said.contains("--without-uploads"), "{said}");
}
