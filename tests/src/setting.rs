//! The two settings in which everything must work the same.

use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;

use crate::{Client, Daemon, Postgres, Redis, Visitor, workbench};

/// After this long a walk hangs.
pub const WALK_LIMIT: Duration = Duration::from_mins(5);

/// Leases short enough to see one run out.
const TIMES: [&str; 4] = ["--lease", "2s", "--rehand-after", "2s"];

/// Store, queue and processes.
pub struct Setting {
    folder: TempDir,
    /// What daemon and workers are told besides.
    more: Vec<String>,
    /// Behind the shared setting: the servers.
    pub servers: Option<(Postgres, Redis)>,
    /// The daemon.
    pub daemon: Option<Daemon>,
    /// The processes that run jobs besides the daemon.
    pub workers: Vec<Daemon>,
}

impl Setting {
    /// SQLite and the embedded queue in one process.
    #[must_use]
    pub fn embedded() -> Self {
        Self::embedded_with(&[])
    }

    /// As [`Setting::embedded`], with further arguments.
    #[must_use]
    pub fn embedded_with(arguments: &[&str]) -> Self {
        Self::new(None, arguments)
    }

    /// Postgres and Redis, one daemon that runs no jobs, two workers.
    pub async fn shared() -> Self {
        Self::shared_with(&[]).await
    }

    /// As [`Setting::shared`], with further arguments for daemon and workers.
    pub async fn shared_with(arguments: &[&str]) -> Self {
        let (postgres, redis) = tokio::join!(Postgres::start(), Redis::start());
        Self::new(Some((postgres, redis)), arguments)
    }

    fn new(servers: Option<(Postgres, Redis)>, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let more = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let mut setting = Self { folder, more, servers, daemon: None, workers: Vec::new() };
        setting.start();
        setting
    }

    fn places(&self) -> Vec<String> {
        match &self.servers {
            None => Vec::new(),
            Some((postgres, redis)) => {
                vec!["--database-url".to_owned(), postgres.url(), "--redis-url".to_owned(), redis.url()]
            }
        }
    }

    /// Starts whatever does not run.
    pub fn start(&mut self) {
        let places = self.places();
        let with = |command: &[&'static str]| {
            let mut all: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
            all.extend(TIMES.map(str::to_owned));
            all.extend(places.iter().chain(&self.more).cloned());
            all
        };
        let start = |arguments: Vec<String>| {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            Daemon::start(&self.folder.path().join("data"), &arguments)
        };
        if self.daemon.is_none() {
            let mut arguments = with(&["serve", "--listen", "127.0.0.1:0", "--sandbox", "127.0.0.1:0"]);
            if self.servers.is_some() {
                arguments.push("--no-worker".to_owned());
            }
            self.daemon = Some(start(arguments));
        }
        while self.servers.is_some() && self.workers.len() < 2 {
            self.workers.push(start(with(&["worker"])));
        }
    }

    /// Kills every process that runs jobs with -9, and starts them again.
    pub fn kill_and_restart_workers(&mut self) {
        if self.servers.is_some() {
            self.workers.iter_mut().for_each(Daemon::kill);
            self.workers.clear();
        } else if let Some(mut daemon) = self.daemon.take() {
            daemon.kill();
        }
        self.start();
    }

    fn serving(&self) -> &Daemon {
        self.daemon.as_ref().expect("the daemon runs")
    }

    /// The data folder that its processes share.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The Postgres of the shared setting.
    ///
    /// # Panics
    /// In the embedded one.
    #[must_use]
    pub fn postgres(&self) -> &Postgres {
        &self.servers.as_ref().expect("the setting has servers").0
    }

    /// A client with the admin token.
    #[must_use]
    pub fn client(&self) -> Client {
        self.serving().client()
    }

    /// Logs in to the console by the link that the daemon printed.
    pub async fn visitor(&self) -> Visitor {
        Visitor::log_in(self.serving().said("console"), self.serving().said("log in")).await
    }

    /// The path of that link.
    ///
    /// # Panics
    /// Where the daemon printed none.
    #[must_use]
    pub fn login_path(&self) -> String {
        let link = self.serving().said("log in");
        format!("/{}", link.splitn(4, '/').nth(3).expect("a link has a path"))
    }

    /// A client of the sandbox platform.
    #[must_use]
    pub fn sandbox(&self) -> Client {
        self.serving().sandbox()
    }

    /// Runs a tool of the binary on the same store: whether it went well, and what it printed.
    ///
    /// # Panics
    /// Where it cannot be started.
    #[must_use]
    pub fn tool(&self, arguments: &[&str]) -> (bool, String) {
        let mut command = std::process::Command::new(workbench());
        command.args(arguments).arg("--data-dir").arg(self.folder.path().join("data"));
        if let Some((postgres, _)) = &self.servers {
            command.args(["--database-url", &postgres.url()]);
        }
        let output = command.output().expect("the binary can be started");
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    }

    /// Makes a bearer token of a role.
    ///
    /// # Panics
    /// Where it cannot be made.
    #[must_use]
    pub fn token(&self, role: &str) -> String {
        let (made, text) = self.tool(&["token", "create", "--name", role, "--role", role]);
        assert!(made, "{text}");
        text.lines().last().unwrap_or_default().trim().to_owned()
    }
}
