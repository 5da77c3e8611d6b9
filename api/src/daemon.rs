//! Puts store, queue, workers, sandbox and server together, and takes them down again.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use chrono::{TimeDelta, Utc};
use miette::{IntoDiagnostic, Result, WrapErr, miette};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;
use workbench_engine::log::Actor;
use workbench_engine::store::{Credential, NewToken, Store, StoreError};
use workbench_jobs::{
    Bucket, Channels, Context, JobMetrics, JobSettings, ObjectError, Objects, Queue, QueueAddress, SANDBOX_URL, Status,
};
use workbench_probes::HealthProbes;
use workbench_probes::cleaned_up;
use workbench_probes::sandbox::SandboxListener;

use crate::definitions::{Definitions, Files, Held};
use crate::http::{self, Admission, App, DRAIN, Metrics, Operations, Role, hash_secret, new_secret};
use crate::sandbox_world::StoredWorld;

/// Connections per process; Postgres shares its hundred among daemons and workers.
const CONNECTIONS: u32 = 12;
/// For how long the login link on the terminal is good.
const LOGIN_LINK: TimeDelta = TimeDelta::minutes(15);
/// How often expired sessions, login links and kept answers are removed.
const PURGE_ROUND: Duration = Duration::from_hours(1);
/// Rows of a kind removed in one transaction.
const PURGE_BATCH: i64 = 500;
/// How often events written by other processes are looked for, while somebody waits for them.
const HEAD_POLL: Duration = Duration::from_millis(200);

/// Where everything is; the same for `serve`, `worker` and the tools.
#[derive(Debug, Clone)]
pub struct Places {
    /// Folder of the SQLite file, uploads and the bootstrap token.
    pub data_dir: PathBuf,
    /// `postgres://…` or `sqlite:…`; a file in `data_dir` where absent.
    pub database_url: Option<String>,
    /// `redis://…`; the embedded queue where absent.
    pub redis_url: Option<String>,
    /// Where uploads are; a folder in `data_dir` where absent.
    pub uploads: Option<Bucket>,
}

impl Places {
    /// The address of the database.
    pub(crate) fn database(&self) -> String {
        let file = || format!("sqlite:{}", self.data_dir.join("workbench.db").display());
        self.database_url.clone().unwrap_or_else(file)
    }

    fn queue(&self) -> QueueAddress {
        self.redis_url.clone().map_or(QueueAddress::Embedded, QueueAddress::Redis)
    }

    /// Makes the data folder where there is none.
    pub(crate) fn make_data_dir(&self) -> std::io::Result<()> {
        // What lies in it is for nobody else to read: members, uploads, the token. An existing folder is its owner's
        // affair.
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.data_dir)
    }

    /// Where the folder of uploads is, if they do not live in a bucket.
    pub(crate) fn uploads_folder(&self) -> PathBuf {
        self.data_dir.join("objects")
    }

    /// The uploads. A folder is made where there is none.
    pub(crate) fn objects(&self) -> Result<Objects, ObjectError> {
        match &self.uploads {
            Some(bucket) => Objects::bucket(bucket),
            None => Objects::folder(&self.uploads_folder()),
        }
    }

    /// Connects without touching the schema.
    pub(crate) async fn connect(&self) -> Result<Store, StoreError> {
        Store::connect(&self.database(), CONNECTIONS).await
    }

    /// Makes the data folder, connects and brings the schema up to date.
    pub async fn open_store(&self) -> Result<Store> {
        self.make_data_dir()
            .into_diagnostic()
            .wrap_err_with(|| format!("the data folder `{}` cannot be made", self.data_dir.display()))?;
        let store = self.connect().await.map_err(|error| miette!("{error}"))?;
        store.migrate(&self.database()).await.map_err(|error| miette!("{error}"))?;
        Ok(store)
    }

    /// Connects to a database that is there already; neither makes nor changes anything.
    pub async fn existing_store(&self) -> Result<Store> {
        Store::connect_existing(&self.database(), CONNECTIONS).await.map_err(|error| match error {
            StoreError::Missing { .. } => miette!(
                help = "Is `--data-dir` or `--database-url` right? `workbench serve` and `workbench migrate` make a new one.",
                "{error}"
            ),
            StoreError::Outdated => miette!(help = "Run `workbench migrate`, with every daemon of the same version.", "{error}"),
            error => miette!("{error}"),
        })
    }

    async fn context(&self, settings: JobSettings, probes: HealthProbes, channels: Channels) -> Result<Context> {
        let store = self.open_store().await?;
        let objects = self.objects().into_diagnostic()?;
        Ok(Context {
            store,
            objects,
            probes: Arc::new(ArcSwap::from_pointee(probes)),
            channels: Arc::new(ArcSwap::from_pointee(channels)),
            settings: Arc::new(settings),
            metrics: JobMetrics::default(),
        })
    }
}

/// How the daemon serves.
#[derive(Debug, Clone)]
pub struct Serving {
    /// Address of API and console.
    pub listen: SocketAddr,
    /// Address of the sandbox platform, if it runs.
    pub sandbox: Option<SocketAddr>,
    /// Folder of the operator's workflows, format profiles and probes.
    pub workflows: Option<PathBuf>,
    /// Whether this process runs jobs.
    pub works: bool,
    /// Requests whose answer has not begun, at most.
    pub requests_at_once: usize,
    /// Largest upload, in bytes.
    pub upload_limit: u64,
}

/// Runs API, console, relay, reconciler and (unless told otherwise) workers until a signal.
pub async fn serve(places: &Places, settings: JobSettings, serving: &Serving, probes: HealthProbes) -> Result<()> {
    if !serving.works && places.redis_url.is_none() {
        return Err(miette!(
            help = "Give `--redis-url redis://…` and start `workbench worker`, or leave `--no-worker` out.",
            "without a worker in this process nobody would take the jobs of the embedded queue"
        ));
    }
    let stop = stop_on_signal()?;
    let hangup = on_hangup()?;
    let files = Files::new(serving.workflows.as_deref(), probes, &settings);
    let seen = files.fingerprint();
    let read = files.read()?;
    let context = places.context(settings, read.probes, read.channels).await?;
    let definitions = Definitions { workflows: read.workflows, formats: read.formats };
    definitions.adopt(&context.store, &context.probes.load()).await.map_err(|error| miette!("{error}"))?;
    let definitions = Arc::new(ArcSwap::from_pointee(definitions));
    let listener = bind(serving.listen).await?;
    let address = listener.local_addr().into_diagnostic()?;
    let mut announcement = Announcement::default();
    let public_url = context.settings.public_url.as_ref();
    let console = public_url.map_or_else(|| format!("http://{address}/"), Url::to_string);
    announcement.line("console", &console);
    let link = login_link(&context.store, "operator", Role::Admin).await?;
    announcement.line("log in", &format!("{console}login/{link}   (once, within 15 minutes)"));

    let tasks = TaskTracker::new();
    if let Some(sandbox) = serving.sandbox {
        let url = start_sandbox(&context.store, sandbox, &tasks, &stop).await?;
        announcement.line("sandbox", &url);
    }
    let token = bootstrap_token(&context.store, &places.data_dir).await?;
    announcement.line("token", &format!("{}   (role admin, for the CLI and curl)", token.display()));

    if let Some(bucket) = &places.uploads {
        announcement.line("uploads", &bucket.to_string());
    }
    let queue = Queue::new(&places.queue()).into_diagnostic()?;
    announcement
        .line("store", &format!("{:?} with the {} queue", context.store.dialect(), queue.name()).to_lowercase());
    let status = Status::default();
    start_machinery(&context, &queue, &status, serving.works, &tasks, &stop);
    watch_head(&context.store, &tasks, &stop);
    let held = Held { context: context.clone(), definitions: Some(Arc::clone(&definitions)), status: status.clone() };
    let (reload, t) = (hangup, stop.clone());
    tasks.spawn(async move { files.follow(seen, &held, reload, &t).await });

    let app = App {
        context: context.clone(),
        operations: Operations::of_daemon(&context, &queue, &status),
        definitions,
        metrics: Metrics::new(&context.metrics),
        admission: Admission::new(serving.requests_at_once),
        upload_limit: serving.upload_limit,
        looked_back: Arc::default(),
        before_and_after: Arc::default(),
        outlook: Arc::default(),
        https: public_url.is_some_and(|url| url.scheme() == "https"),
        stop: stop.clone(),
    };
    tracing::info!("serving on {address}");
    announcement.print();
    let http = axum::serve(listener, http::router(app)).with_graceful_shutdown(stop.clone().cancelled_owned());
    // Requests under way may finish, but not hold the process for ever.
    let patience = async {
        stop.cancelled().await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        ended = http.into_future() => ended.into_diagnostic()?,
        () = patience => tracing::warn!("some requests did not finish in time"),
    }
    finish(&context, &tasks).await;
    Ok(())
}

/// Runs jobs until a signal.
pub async fn work(
    places: &Places,
    settings: JobSettings,
    workflows: Option<&Path>,
    probes: HealthProbes,
    listen_health: Option<SocketAddr>,
) -> Result<()> {
    if places.redis_url.is_none() {
        return Err(miette!(
            help = "Give `--redis-url redis://…`; with the embedded queue `workbench serve` runs the jobs itself.",
            "a worker needs a queue that is shared with the daemon"
        ));
    }
    let stop = stop_on_signal()?;
    let hangup = on_hangup()?;
    let files = Files::new(workflows, probes, &settings);
    let seen = files.fingerprint();
    let read = files.read()?;
    let context = places.context(settings, read.probes, read.channels).await?;
    let noted = context.store.probe_set().await.map_err(|error| miette!("{error}"))?;
    if noted.is_some_and(|noted| noted != context.probes.load().set_hash()) {
        // The daemon's probes date the evidence. Results of others would look newer than what they prove.
        tracing::warn!("this worker's probes are others than the daemon's; give both the same `--workflows`");
    }
    let queue = Queue::new(&places.queue()).into_diagnostic()?;
    let (status, tasks) = (Status::default(), TaskTracker::new());
    let held = Held { context: context.clone(), definitions: None, status: status.clone() };
    let t = stop.clone();
    tasks.spawn(async move { files.follow(seen, &held, hangup, &t).await });
    let mut announcement = Announcement::default();
    if let Some(address) = listen_health {
        let operations = Operations::of_worker(&context, &queue, &status);
        let url = start_health(address, operations, Metrics::new(&context.metrics), &tasks, &stop).await?;
        announcement.line("health", &url);
    }
    start_machinery(&context, &queue, &status, true, &tasks, &stop);
    announcement.line("worker", &format!("process {}", std::process::id()));
    announcement.print();
    stop.cancelled().await;
    finish(&context, &tasks).await;
    Ok(())
}

/// Runs the sandbox platform alone.
pub async fn sandbox(places: &Places, listen: SocketAddr) -> Result<()> {
    let stop = stop_on_signal()?;
    let store = places.open_store().await?;
    let tasks = TaskTracker::new();
    let url = start_sandbox(&store, listen, &tasks, &stop).await?;
    let mut announcement = Announcement::default();
    announcement.line("sandbox", &url);
    announcement.print();
    tasks.close();
    tasks.wait().await;
    store.close().await;
    Ok(())
}

async fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.into_diagnostic().wrap_err_with(|| format!("nothing can be served on {address}"))
}

/// Relay, reconciler, calendar and trimming run in every process: each takes other rows, and one that dies is not missed.
fn start_machinery(
    context: &Context,
    queue: &Queue,
    status: &Status,
    works: bool,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) {
    let (store, t) = (context.store.clone(), stop.clone());
    tasks.spawn(async move { purge_hourly(&store, &t).await });
    let (c, q, s, t) = (context.clone(), queue.clone(), status.clone(), stop.clone());
    tasks.spawn(async move { workbench_jobs::relay::run(&c, &q, &s, &t).await });
    let (c, s, t) = (context.clone(), status.clone(), stop.clone());
    tasks.spawn(async move { workbench_jobs::reconcile(&c, &s, &t).await });
    let (q, t) = (queue.clone(), stop.clone());
    tasks.spawn(async move { workbench_jobs::trim(&q, &t).await });
    let (c, t) = (context.clone(), stop.clone());
    tasks.spawn(async move { workbench_jobs::sweep(&c, &t).await });
    let (c, t) = (context.clone(), stop.clone());
    tasks.spawn(async move { workbench_jobs::expire_previews(&c, &t).await });
    let (c, s, t) = (context.clone(), status.clone(), stop.clone());
    tasks.spawn(async move { workbench_jobs::follow_schedules(&c, &s, &t).await });
    if works {
        let (c, q, s, t) = (context.clone(), queue.clone(), status.clone(), stop.clone());
        tasks.spawn(async move { workbench_jobs::run_workers(&c, &q, &s, &t).await });
    }
}

/// Removes what has expired, in transactions so small that nobody waits for one.
async fn purge_hourly(store: &Store, stop: &CancellationToken) {
    loop {
        match purge(store).await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "expired sessions, login links and kept answers were removed"),
            Err(error) => tracing::warn!(%error, "what has expired could not be removed; the next round will"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PURGE_ROUND) => {}
        }
    }
}

async fn purge(store: &Store) -> Result<u64, StoreError> {
    let mut removed = 0;
    loop {
        let mut tx = store.begin(&Actor::workbench(), Utc::now()).await?;
        let some = tx.purge_expired(PURGE_BATCH).await?;
        tx.commit().await?;
        removed += some;
        if some == 0 {
            return Ok(removed);
        }
    }
}

/// Notices events that other processes write, while somebody in this one waits for events.
fn watch_head(store: &Store, tasks: &TaskTracker, stop: &CancellationToken) {
    let (store, stop) = (store.clone(), stop.clone());
    tasks.spawn(async move {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(HEAD_POLL) => {}
            }
            if store.head_watchers() > 0
                && let Err(error) = store.observe_head().await
            {
                tracing::debug!(%error, "the log's end could not be read");
            }
        }
    });
}

async fn start_sandbox(
    store: &Store,
    listen: SocketAddr,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Result<String> {
    let listener = bind(listen).await?;
    let url = format!("http://{}/", listener.local_addr().into_diagnostic()?);
    let mut tx = store.begin(&Actor::workbench(), Utc::now()).await.map_err(|error| miette!("{error}"))?;
    tx.save_setting(SANDBOX_URL, &url).await.map_err(|error| miette!("{error}"))?;
    tx.commit().await.map_err(|error| miette!("{error}"))?;
    let router = workbench_probes::sandbox::router(Arc::new(StoredWorld(store.clone())));
    let listener = SandboxListener::new(listener).into_diagnostic()?;
    let stop = stop.clone();
    tasks.spawn(async move {
        let server = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
        if let Err(error) = server.await {
            tracing::error!(%error, "the sandbox platform ended");
        }
    });
    Ok(url)
}

/// Lets others see how a process does that serves nothing else.
async fn start_health(
    listen: SocketAddr,
    operations: Operations,
    metrics: Metrics,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Result<String> {
    let listener = bind(listen).await?;
    let url = format!("http://{}/", listener.local_addr().into_diagnostic()?);
    let router = http::health_router(operations, metrics);
    let stop = stop.clone();
    tasks.spawn(async move {
        let server = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
        if let Err(error) = server.await {
            tracing::error!(%error, "nobody can see any more how this process does");
        }
    });
    Ok(url)
}

/// Lets jobs be handed back, then closes the store.
async fn finish(context: &Context, tasks: &TaskTracker) {
    tasks.close();
    if tokio::time::timeout(DRAIN, tasks.wait()).await.is_err() {
        tracing::warn!("some work did not stop in time; its leases will run out");
    }
    if tokio::time::timeout(DRAIN, cleaned_up()).await.is_err() {
        tracing::warn!("some probes could not clean up behind themselves in time");
    }
    context.store.close().await;
}

/// SIGHUP, which asks for the files to be read again and, from here on, ends no process.
fn on_hangup() -> Result<Signal> {
    signal(SignalKind::hangup()).into_diagnostic()
}

/// Cancelled by SIGINT or SIGTERM.
fn stop_on_signal() -> Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate()).into_diagnostic()?;
    let mut interrupt = signal(SignalKind::interrupt()).into_diagnostic()?;
    let stop = CancellationToken::new();
    let cancel = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        cancel.cancel();
    });
    Ok(stop)
}

/// Makes a one-time login link's secret for somebody.
pub async fn login_link(store: &Store, name: &str, role: Role) -> Result<String> {
    let secret = new_secret("");
    let holder = Credential { actor: name.to_owned(), role: role.as_str().to_owned() };
    let now = Utc::now();
    let mut tx = store.begin(&Actor::workbench(), now).await.map_err(|error| miette!("{error}"))?;
    tx.create_login_link(&hash_secret(&secret), &holder, now + LOGIN_LINK).await.map_err(|error| miette!("{error}"))?;
    tx.commit().await.map_err(|error| miette!("{error}"))?;
    Ok(secret)
}

/// The file with the admin token of this data folder; made where there is none that the store accepts.
async fn bootstrap_token(store: &Store, data_dir: &Path) -> Result<PathBuf> {
    let path = data_dir.join("token");
    if let Ok(secret) = std::fs::read_to_string(&path)
        && store
            .token_holder(&hash_secret(secret.trim()), Utc::now())
            .await
            .map_err(|error| miette!("{error}"))?
            .is_some()
    {
        return Ok(path);
    }
    // Not refused where another data folder has a token of this name: whoever can start a daemon is the operator.
    let secret = create_token(store, "operator", Role::Admin, None, TokenName::Shared).await?;
    // Written aside and moved into place: whoever reads the file finds a whole token.
    let aside = data_dir.join(format!("token.{}", std::process::id()));
    let write = || {
        let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
        writeln!(file, "{secret}")?;
        std::fs::rename(&aside, &path)
    };
    write().into_diagnostic().wrap_err_with(|| format!("the token cannot be written to `{}`", path.display()))?;
    Ok(path)
}

/// Whether a new token may stand for whom another valid one stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenName {
    /// It may.
    Shared,
    /// It may not.
    Own,
}

/// Makes a bearer token; the secret is answered once and stored as a hash.
pub async fn create_token(
    store: &Store,
    name: &str,
    role: Role,
    lifetime: Option<TimeDelta>,
    owned: TokenName,
) -> Result<String> {
    let secret = new_secret("wb_");
    let now = Utc::now();
    let new = NewToken {
        name: name.to_owned(),
        role: role.as_str().to_owned(),
        hash: hash_secret(&secret),
        expires_at: lifetime.map(|lifetime| now + lifetime),
    };
    let mut tx = store.begin(&Actor::workbench(), now).await.map_err(|error| miette!("{error}"))?;
    if owned == TokenName::Own {
        tx.claim_token_name(name).await.map_err(|error| {
            miette!(help = "Use another name, or revoke that token first; `workbench token list` shows it.", "{error}")
        })?;
    }
    tx.create_token(&new).await.map_err(|error| miette!("{error}"))?;
    tx.commit().await.map_err(|error| miette!("{error}"))?;
    Ok(secret)
}

/// What is said on the terminal once everything stands.
#[derive(Default)]
struct Announcement(Vec<(String, String)>);

impl Announcement {
    fn line(&mut self, key: &str, value: &str) {
        self.0.push((key.to_owned(), value.to_owned()));
    }

    /// In one piece, so that whoever waits for it sees all of it or nothing.
    fn print(&self) {
        let mut text = format!("Onboarding Workbench {}\n", env!("CARGO_PKG_VERSION"));
        for (key, value) in &self.0 {
            let _ = writeln!(text, "  {key:<9} {value}");
        }
        let mut out = std::io::stdout().lock();
        // A closed terminal is no reason not to serve.
        let _ = out.write_all(text.as_bytes());
        let _ = out.flush();
    }
}
