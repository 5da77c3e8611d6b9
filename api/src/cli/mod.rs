//! The command line.

mod audit;
mod backup;
mod check;
mod client;
mod closed_pipe;
mod configuration;
mod course;
mod definitions;
mod demo;
mod health_check;
mod jobs;
mod migrate_checklists;
mod notifications;
mod onboarding;
mod retrospective;
mod sarif;
mod schedules;
mod shell;
mod tools;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use miette::{IntoDiagnostic, Result, WrapErr, miette};
use tracing_subscriber::EnvFilter;
use url::Url;
use workbench_engine::definition::duration;
use workbench_importer::{Signers, UnknownSigner, UnpackLimits};
use workbench_jobs::{Bucket, JobSettings};
use workbench_probes::{Concurrency, HealthProbes, Probe};

use self::configuration::Configuration;
use crate::daemon::{self, Places, Serving};

/// Tenant onboarding as durable workflows.
#[derive(Debug, Parser)]
#[command(name = "workbench", version, propagate_version = true)]
struct Cli {
    /// File with settings, in YAML, under the names of the flags; flags and environment come before it
    #[arg(long, env = "WORKBENCH_CONFIG", global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run API, console and jobs; with nothing configured: one SQLite file, embedded queue, sandbox platform
    Serve(ServeArgs),
    /// Run jobs for daemons that share a Postgres and a Redis
    Worker(WorkerArgs),
    /// Run the sandbox platform alone
    Sandbox(SandboxArgs),
    /// Print what the settings are, and where each comes from
    Config(configuration::ConfigArgs),
    /// Print completions for a shell
    Completions(shell::CompletionsArgs),
    /// Write manual pages for man(1)
    Manpages(shell::ManpagesArgs),
    /// Find every fault in files of workflows, format profiles, probes and notification channels
    Check(check::CheckArgs),
    /// Print a workflow as a drawing
    Graph(definitions::GraphArgs),
    /// Play a workflow in virtual time, and forecast how long it takes
    Simulate(definitions::SimulateArgs),
    /// Print the JSON Schema of workflow files, format profiles, probes or notification channels
    Schema(tools::SchemaArgs),
    /// Print the step rules as a Markdown table
    Rules,
    /// Print the OpenAPI document
    Openapi,
    /// Bring the database's schema up to date
    Migrate(PlaceArgs),
    /// Move open checklists to another version of their workflow
    MigrateChecklists(migrate_checklists::MigrateChecklistsArgs),
    /// Make, list and revoke bearer tokens
    Token(tools::TokenArgs),
    /// Print a link that logs somebody in to the console, once, within 15 minutes
    LoginLink(tools::LoginLinkArgs),
    /// Copy the whole store into one file while the daemon runs, or check such a file
    Backup(backup::BackupArgs),
    /// Fill an empty store, of either kind, from a backup
    Restore(backup::RestoreArgs),
    /// Check that the event log was not tampered with and gives the stored state
    Audit(audit::AuditArgs),
    /// Open, list, show and edit onboardings of a running daemon
    Onboarding(onboarding::OnboardingArgs),
    /// Import a file through a running daemon, with preview and progress
    Import(onboarding::ImportArgs),
    /// Run a tenant's probes through a running daemon
    HealthCheck(health_check::HealthCheckArgs),
    /// Show how long onboardings took
    Retrospective(retrospective::RetrospectiveArgs),
    /// Fill a store with made-up histories, for trying the retrospective out
    Demo(demo::DemoArgs),
    /// List, show, retry and cancel jobs
    Jobs(jobs::JobsArgs),
    /// List, show, pause, resume and run schedules
    Schedules(schedules::SchedulesArgs),
    /// Start the course, show progress, write its practice files
    Course(course::CourseArgs),
    /// List and test notification channels
    Notifications(notifications::NotificationsArgs),
}

/// Where store and uploads are.
#[derive(Debug, Clone, Args)]
pub struct PlaceArgs {
    /// Folder of the SQLite file, uploads and the bootstrap token
    #[arg(long, env = "WORKBENCH_DATA_DIR", default_value = "workbench-data", value_name = "DIR")]
    data_dir: PathBuf,
    /// postgres://… or sqlite:PATH; a file in the data folder where absent
    #[arg(long, env = "WORKBENCH_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    database_url: Option<String>,
}

impl PlaceArgs {
    fn places(&self) -> Places {
        Places {
            data_dir: self.data_dir.clone(),
            database_url: self.database_url.clone(),
            redis_url: None,
            uploads: None,
        }
    }
}

/// Where uploads are, for the processes that write and read them.
#[derive(Debug, Clone, Args)]
struct UploadArgs {
    /// Bucket of an S3-compatible store for uploads; a folder in the data folder where absent. Keys are taken from
    /// `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`
    #[arg(long, env = "WORKBENCH_UPLOADS", value_parser = bucket, value_name = "s3://BUCKET/FOLDER")]
    uploads: Option<Bucket>,
    /// Address of the S3-compatible store, where it is not Amazon's
    #[arg(long, env = "WORKBENCH_UPLOADS_ENDPOINT", value_parser = endpoint, requires = "uploads", value_name = "URL")]
    uploads_endpoint: Option<Url>,
    /// Region of the bucket
    #[arg(long, env = "WORKBENCH_UPLOADS_REGION", requires = "uploads", value_name = "REGION")]
    uploads_region: Option<String>,
    /// Reach the store by http, where nobody else listens
    #[arg(long, env = "WORKBENCH_UPLOADS_ALLOW_HTTP", requires = "uploads")]
    uploads_allow_http: bool,
}

impl UploadArgs {
    fn bucket(&self) -> Option<Bucket> {
        let mut bucket = self.uploads.clone()?;
        bucket.endpoint.clone_from(&self.uploads_endpoint);
        bucket.region.clone_from(&self.uploads_region);
        bucket.allow_http = self.uploads_allow_http;
        Some(bucket)
    }
}

/// How jobs are run.
#[derive(Debug, Clone, Args)]
struct JobArgs {
    /// redis://…; the embedded queue where absent
    #[arg(long, env = "WORKBENCH_REDIS_URL", value_name = "URL", hide_env_values = true)]
    redis_url: Option<String>,
    /// Jobs run at once
    #[arg(long, env = "WORKBENCH_CONCURRENCY", default_value_t = 4, value_name = "N")]
    concurrency: usize,
    /// How long a claim holds without a heartbeat
    #[arg(long, env = "WORKBENCH_LEASE", default_value = "15s", value_parser = duration::parse, value_name = "DURATION")]
    lease: Duration,
    /// After how long a job that nobody claimed is handed to the queue again
    #[arg(long, env = "WORKBENCH_REHAND_AFTER", default_value = "10s", value_parser = duration::parse, value_name = "DURATION")]
    rehand_after: Duration,
    /// For how long a preview can be confirmed; then the import is cancelled and its file removed
    #[arg(long, env = "WORKBENCH_PREVIEW_TTL", default_value = "30d", value_parser = duration::parse, value_name = "DURATION")]
    preview_ttl: Duration,
    /// For how long a completed import can be undone
    #[arg(long, env = "WORKBENCH_ROLLBACK_WINDOW", default_value = "7d", value_parser = duration::parse, value_name = "DURATION")]
    rollback_window: Duration,
    /// How long one probe may take
    #[arg(long, env = "WORKBENCH_PROBE_TIMEOUT", default_value = "30s", value_parser = duration::parse, value_name = "DURATION")]
    probe_timeout: Duration,
    /// Probes that this process runs at once, in all
    #[arg(long, env = "WORKBENCH_PROBE_CONCURRENCY", default_value_t = Concurrency::default().overall, value_name = "N")]
    probe_concurrency: usize,
    /// Probes that this process runs at once against one host
    #[arg(long, env = "WORKBENCH_PROBE_HOST_CONCURRENCY", default_value_t = Concurrency::default().per_host, value_name = "N")]
    probe_host_concurrency: usize,
    /// Private address that probes may reach; may be repeated
    #[arg(long, env = "WORKBENCH_PROBE_ALLOW", value_delimiter = ',', value_name = "HOST:PORT")]
    probe_allow: Vec<String>,
    /// Folder of the files that a tenant's `probe_secret` may name; none where absent
    #[arg(long, env = "WORKBENCH_PROBE_SECRETS", value_name = "DIR")]
    probe_secrets: Option<PathBuf>,
    /// Folder of the programs that steps of workflows may run; none where absent
    #[arg(long, env = "WORKBENCH_COMMANDS", value_name = "DIR")]
    commands: Option<PathBuf>,
    /// Folder of the files that a notification channel may name as its secret; none where absent
    #[arg(long, env = "WORKBENCH_NOTIFY_SECRETS", value_name = "DIR")]
    notify_secrets: Option<PathBuf>,
    /// Address under which people reach the console, for links; with https its cookie is only sent by https
    #[arg(long, env = "WORKBENCH_PUBLIC_URL", value_parser = public_url, value_name = "URL")]
    public_url: Option<Url>,
    /// JSON Web Key Set of those who may sign federation submissions
    #[arg(long, env = "WORKBENCH_SIGNERS", value_name = "FILE")]
    signers: Option<PathBuf>,
    /// What becomes of a submission that is signed by nobody known
    #[arg(long, env = "WORKBENCH_UNKNOWN_SIGNER", value_enum, default_value_t = Unknown::Warn)]
    unknown_signer: Unknown,
    /// Largest content of a packed upload (gzip, ZIP), in MiB
    #[arg(long, env = "WORKBENCH_UNPACKED_LIMIT", default_value_t = 4096, value_name = "MIB")]
    unpacked_limit: u64,
    /// How many bytes each byte of a packed upload may unpack to, beyond the first 16 MiB
    #[arg(long, env = "WORKBENCH_UNPACK_RATIO", default_value_t = 100, value_name = "N")]
    unpack_ratio: u64,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Unknown {
    /// It is read, with a warning
    Warn,
    /// It is refused
    Refuse,
}

impl JobArgs {
    fn settings(&self) -> Result<JobSettings> {
        let unknown = match self.unknown_signer {
            Unknown::Warn => UnknownSigner::Warn,
            Unknown::Refuse => UnknownSigner::Refuse,
        };
        let keys = match &self.signers {
            None => r#"{"keys":[]}"#.to_owned(),
            Some(path) => std::fs::read_to_string(path)
                .into_diagnostic()
                .wrap_err_with(|| format!("`{}` cannot be read", path.display()))?,
        };
        let signers = Signers::from_key_set(&keys, unknown)
            .map_err(|error| miette!("the signers' keys cannot be used: {error}"))?;
        Ok(JobSettings {
            lease: self.lease,
            rehand_after: self.rehand_after,
            concurrency: self.concurrency.max(1),
            preview_ttl: self.preview_ttl,
            rollback_window: self.rollback_window,
            probe_timeout: self.probe_timeout,
            probe_concurrency: Concurrency { overall: self.probe_concurrency, per_host: self.probe_host_concurrency },
            probe_allow: self.probe_allow.clone(),
            probe_secrets: self.probe_secrets.clone(),
            // Programs run elsewhere, so a folder is not named from where we are.
            commands: self.commands.as_deref().map(std::path::absolute).transpose().into_diagnostic()?,
            notify_secrets: self.notify_secrets.clone(),
            public_url: self.public_url.clone(),
            signers: Arc::new(signers),
            unpack: UnpackLimits {
                bytes: self.unpacked_limit.saturating_mul(1024 * 1024),
                ratio: self.unpack_ratio.max(1),
            },
            ..JobSettings::default()
        })
    }
}

#[derive(Debug, Args)]
struct ServeArgs {
    #[command(flatten)]
    places: PlaceArgs,
    #[command(flatten)]
    jobs: JobArgs,
    #[command(flatten)]
    uploads: UploadArgs,
    /// Address of API and console
    #[arg(long, env = "WORKBENCH_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Address of the sandbox platform, or `off`
    #[arg(long, env = "WORKBENCH_SANDBOX", default_value = "127.0.0.1:8081", value_parser = address_or_off, value_name = "ADDRESS")]
    sandbox: SandboxAddress,
    /// Folder of your own workflows, with format profiles in its folder `formats`, probes in its folder `probes` and
    /// notification channels in `notifications.yaml`; they replace shipped ones of the same name
    #[arg(long, env = "WORKBENCH_WORKFLOWS", value_name = "DIR")]
    workflows: Option<PathBuf>,
    /// Leave jobs to `workbench worker`
    #[arg(long, env = "WORKBENCH_NO_WORKER")]
    no_worker: bool,
    /// Requests answered at once; more are refused with 503 and `Retry-After`
    #[arg(long, env = "WORKBENCH_REQUESTS_AT_ONCE", default_value_t = 256, value_name = "N")]
    requests_at_once: usize,
    /// Largest upload, in MiB
    #[arg(long, env = "WORKBENCH_UPLOAD_LIMIT", default_value_t = 2048, value_name = "MIB")]
    upload_limit: u64,
}

#[derive(Debug, Args)]
struct WorkerArgs {
    #[command(flatten)]
    places: PlaceArgs,
    #[command(flatten)]
    jobs: JobArgs,
    #[command(flatten)]
    uploads: UploadArgs,
    /// Folder of your own workflows, the same as the daemon's; its folder `probes` has the probes that are run, its
    /// `notifications.yaml` says who is told
    #[arg(long, env = "WORKBENCH_WORKFLOWS", value_name = "DIR")]
    workflows: Option<PathBuf>,
    /// Address on which /healthz, /readyz and /metrics tell how this worker does; nothing listens where absent
    #[arg(long, env = "WORKBENCH_LISTEN_HEALTH", value_name = "ADDRESS")]
    listen_health: Option<SocketAddr>,
}

#[derive(Debug, Args)]
struct SandboxArgs {
    #[command(flatten)]
    places: PlaceArgs,
    /// Address to serve on
    #[arg(long, env = "WORKBENCH_SANDBOX", default_value = "127.0.0.1:8081", value_name = "ADDRESS")]
    listen: SocketAddr,
}

#[derive(Debug, Clone, Copy)]
struct SandboxAddress(Option<SocketAddr>);

fn address_or_off(text: &str) -> Result<SandboxAddress, String> {
    if text == "off" {
        return Ok(SandboxAddress(None));
    }
    text.parse()
        .map(|address| SandboxAddress(Some(address)))
        .map_err(|_| format!("`{text}` is no address; use one such as 127.0.0.1:8081, or `off`"))
}

fn bucket(text: &str) -> Result<Bucket, String> {
    Bucket::parse(text).map_err(|error| error.to_string())
}

fn endpoint(text: &str) -> Result<Url, String> {
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .filter(|url| url.query().is_none() && url.fragment().is_none())
        .filter(|url| url.username().is_empty() && url.password().is_none())
        .ok_or_else(|| "the address of a store is wanted, such as https://s3.example:9000".to_owned())
}

fn public_url(text: &str) -> Result<Url, String> {
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .filter(|url| url.path() == "/" && url.query().is_none() && url.fragment().is_none())
        .filter(|url| url.username().is_empty() && url.password().is_none())
        .ok_or_else(|| "the address of a host is wanted, such as https://onboarding.example".to_owned())
}

/// Runs what the command line asks for.
#[must_use]
pub fn run() -> ExitCode {
    run_with(&[])
}

/// As [`run`], with probes written in Rust besides those that ship. They replace shipped ones of the same name, and are
/// replaced by those that operators declare in files.
#[must_use]
pub fn run_with(own: &[Arc<dyn Probe>]) -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let configuration = match Configuration::read(&arguments, &Cli::command()) {
        Ok(configuration) => configuration,
        Err(report) => {
            eprintln!("{report:?}");
            return ExitCode::FAILURE;
        }
    };
    let commands = configuration.apply(Cli::command());
    let matches = commands.clone().get_matches_from(arguments);
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let mut probes = HealthProbes::default();
    for probe in own {
        probes.add(Arc::clone(probe));
    }
    let daemon = matches!(cli.command, Command::Serve(_) | Command::Worker(_) | Command::Sandbox(_));
    if !daemon {
        closed_pipe::end_quietly();
    }
    start_logging(daemon);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("the runtime could not start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(dispatch(cli.command, probes, &commands, &configuration)) {
        Ok(code) => code,
        Err(report) => {
            eprintln!("{report:?}");
            ExitCode::FAILURE
        }
    }
}

async fn dispatch(
    command: Command,
    probes: HealthProbes,
    commands: &clap::Command,
    configuration: &Configuration,
) -> Result<ExitCode> {
    match command {
        Command::Config(args) => return configuration::show(&args, commands, configuration),
        Command::Completions(args) => shell::completions(&args, commands),
        Command::Manpages(args) => shell::manpages(&args, commands)?,
        Command::Serve(args) => {
            let places = Places {
                redis_url: args.jobs.redis_url.clone(),
                uploads: args.uploads.bucket(),
                ..args.places.places()
            };
            let serving = Serving {
                listen: args.listen,
                sandbox: args.sandbox.0,
                workflows: args.workflows,
                works: !args.no_worker,
                requests_at_once: args.requests_at_once,
                upload_limit: args.upload_limit.saturating_mul(1024 * 1024),
            };
            daemon::serve(&places, args.jobs.settings()?, &serving, probes).await?;
        }
        Command::Worker(args) => {
            let places = Places {
                redis_url: args.jobs.redis_url.clone(),
                uploads: args.uploads.bucket(),
                ..args.places.places()
            };
            daemon::work(&places, args.jobs.settings()?, args.workflows.as_deref(), probes, args.listen_health).await?;
        }
        Command::Sandbox(args) => daemon::sandbox(&args.places.places(), args.listen).await?,
        Command::Check(args) => return check::check(&args, &probes),
        Command::Graph(args) => return definitions::graph(&args, &probes),
        Command::Simulate(args) => return definitions::simulate(&args, &probes),
        Command::Schema(args) => return tools::schema(&args),
        Command::Rules => tools::rules(),
        Command::Openapi => return tools::openapi(),
        Command::Migrate(args) => tools::migrate(&args).await?,
        Command::MigrateChecklists(args) => return migrate_checklists::migrate_checklists(&args).await,
        Command::Token(args) => tools::token(&args).await?,
        Command::LoginLink(args) => tools::login_link(&args).await?,
        Command::Backup(args) => return backup::backup(&args).await,
        Command::Restore(args) => return backup::restore(&args).await,
        Command::Audit(args) => return Ok(audit::audit(&args).await),
        Command::Onboarding(args) => onboarding::onboarding(&args).await?,
        Command::Import(args) => return onboarding::import(&args).await,
        Command::HealthCheck(args) => return Ok(health_check::health_check(&args).await),
        Command::Retrospective(args) => retrospective::retrospective(&args).await?,
        Command::Demo(args) => demo::demo(&args).await?,
        Command::Jobs(args) => jobs::jobs(&args).await?,
        Command::Notifications(args) => return notifications::notifications(&args).await,
        Command::Course(args) => course::course(&args).await?,
        Command::Schedules(args) => schedules::schedules(&args).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Daemons log to standard error: for people on a terminal, as JSON otherwise. `RUST_LOG` says how much.
fn start_logging(daemon: bool) {
    // A command may read a whole table in one statement, which is no slow one for that.
    let level = if daemon { "info,sqlx=warn,apalis=warn,apalis_core=warn" } else { "warn,sqlx=error" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // It would be told on the same stderr, and a process whose log cannot be written would panic over it.
        .log_internal_errors(false);
    if std::io::IsTerminal::is_terminal(&std::io::stderr()) {
        builder.with_target(false).init();
    } else {
        builder.json().init();
    }
}
