//! The processes of one pair of store and queue, each startable again where it was.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::redis::free_port;
use crate::{Client, Daemon, Postgres, Redis, eventually, workbench};

/// Short enough to see leases run out, and no shorter than what a busy machine takes for a heartbeat.
pub(super) const LEASE: Duration = Duration::from_secs(2);
/// Longer than the daemon's own patience with requests and work under way.
const STOPPING: Duration = Duration::from_secs(45);
/// How often one looks whether a process has ended.
const GLANCE: Duration = Duration::from_millis(20);

/// Which store and queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Pair {
    /// SQLite and the embedded queue: one process does everything.
    Embedded,
    /// Postgres and Redis: two daemons, three workers and a sandbox platform.
    Shared,
}

impl Pair {
    /// Its name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Shared => "shared",
        }
    }
}

/// What a process is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Answers people; in the embedded pair, does everything else, too.
    Daemon,
    /// Runs jobs.
    Worker,
    /// The platform that is probed.
    Sandbox,
}

/// A process, or the place of one.
pub struct Process {
    /// What it is there for.
    pub role: Role,
    arguments: Vec<String>,
    /// The process, unless it was ended.
    pub running: Option<Daemon>,
}

/// Store, queue and processes.
pub struct Stage {
    /// Which store and queue they have.
    pub pair: Pair,
    // Before the servers and the folder that they use.
    processes: Vec<Process>,
    /// Of the shared pair.
    pub servers: Option<(Postgres, Redis)>,
    disk: Option<Disk>,
    folder: TempDir,
}

/// A small disk of its own.
struct Disk(PathBuf);

impl Disk {
    /// None where the tests may not mount one.
    fn mount(folder: &Path) -> Option<Self> {
        std::fs::create_dir_all(folder).ok()?;
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=256m", "tmpfs"])
            .arg(folder)
            .stderr(std::process::Stdio::null())
            .status();
        mounted.is_ok_and(|status| status.success()).then(|| Self(folder.to_owned()))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

impl Stage {
    /// Starts everything and waits until every daemon is ready.
    ///
    /// # Panics
    /// Where something does not start.
    pub async fn start(pair: Pair) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let servers = match pair {
            Pair::Embedded => None,
            Pair::Shared => Some(tokio::join!(Postgres::start(), Redis::start())),
        };
        let disk = (pair == Pair::Embedded).then(|| Disk::mount(&folder.path().join("data"))).flatten();
        let mut places = vec!["--lease".to_owned(), format!("{}s", LEASE.as_secs())];
        places.extend(["--rehand-after", "2s"].map(str::to_owned));
        let mut processes = Vec::new();
        let mut place = |role: Role, words: &[&str], more: &[String]| {
            let arguments = words.iter().map(|word| (*word).to_owned()).chain(more.iter().cloned()).collect();
            processes.push(Process { role, arguments, running: None });
        };
        let address = || format!("127.0.0.1:{}", free_port());
        match &servers {
            None => place(Role::Daemon, &["serve", "--listen", &address(), "--sandbox", &address()], &places),
            Some((postgres, redis)) => {
                let database = ["--database-url".to_owned(), postgres.url()];
                place(Role::Sandbox, &["sandbox", "--listen", &address()], &database);
                places.extend(database);
                places.extend(["--redis-url".to_owned(), redis.url()]);
                for _ in 0..2 {
                    let words = ["serve", "--no-worker", "--listen", &address(), "--sandbox", "off"];
                    place(Role::Daemon, &words, &places);
                }
                (0..3).for_each(|_| place(Role::Worker, &["worker"], &places));
            }
        }
        let mut stage = Self { pair, processes, servers, disk, folder };
        stage.start_missing().unwrap_or_else(|log| panic!("a process ended at once:\n{log}"));
        stage.ready().await;
        stage
    }

    /// Starts whatever does not run.
    ///
    /// # Errors
    /// The log of a process that ended instead.
    pub fn start_missing(&mut self) -> Result<(), String> {
        let data = self.data();
        for process in &mut self.processes {
            if process.running.as_mut().is_some_and(|daemon| daemon.ended().is_some()) {
                process.running = None;
            }
            if process.running.is_none() {
                let arguments: Vec<&str> = process.arguments.iter().map(String::as_str).collect();
                process.running = Some(Daemon::try_start(&data, &arguments)?);
            }
        }
        Ok(())
    }

    /// Every process.
    pub fn processes(&mut self) -> &mut [Process] {
        &mut self.processes
    }

    /// The processes with one of these roles that run.
    pub fn running(&mut self, roles: &[Role]) -> Vec<&mut Daemon> {
        let of_roles = self.processes.iter_mut().filter(|process| roles.contains(&process.role));
        of_roles.filter_map(|process| process.running.as_mut()).collect()
    }

    /// Starts one more process of a role, of another build and with variables in its environment.
    ///
    /// # Errors
    /// Its log, where it ends instead.
    ///
    /// # Panics
    /// Where there is no such role.
    pub fn start_another(&self, role: Role, binary: &Path, variables: &[(&str, &str)]) -> Result<Daemon, String> {
        let like = self.processes.iter().find(|process| process.role == role).expect("the stage has such a process");
        let arguments: Vec<&str> = like.arguments.iter().map(String::as_str).collect();
        Daemon::try_start_build(binary, &self.data(), &arguments, variables)
    }

    /// Waits until every daemon says that it is ready.
    pub async fn ready(&mut self) {
        for client in &self.clients() {
            eventually("the daemon to be ready", || async { is_well(client).await.then_some(()) }).await;
        }
    }

    /// Clients of the daemons.
    ///
    /// # Panics
    /// Where no daemon runs.
    pub fn clients(&mut self) -> Vec<Client> {
        self.running(&[Role::Daemon]).iter().map(|daemon| daemon.client()).collect()
    }

    /// A client of the sandbox platform.
    ///
    /// # Panics
    /// Where it does not run.
    pub fn sandbox(&mut self) -> Client {
        let roles: &[Role] = if self.pair == Pair::Shared { &[Role::Sandbox] } else { &[Role::Daemon] };
        self.running(roles).first().expect("the sandbox runs").sandbox()
    }

    /// The folder that the processes share.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Whether that folder is on a small disk of its own.
    #[must_use]
    pub fn has_own_disk(&self) -> bool {
        self.disk.is_some()
    }

    /// The database's address, for who looks into it.
    #[must_use]
    pub fn database(&self) -> String {
        match &self.servers {
            Some((postgres, _)) => postgres.url(),
            None => format!("sqlite://{}", self.data().join("workbench.db").display()),
        }
    }

    /// Runs a tool of the binary on the store: whether it went well, and what it printed.
    ///
    /// # Panics
    /// Where it cannot be started.
    #[must_use]
    pub fn tool(&self, arguments: &[&str]) -> (bool, String) {
        let mut command = std::process::Command::new(workbench());
        command.args(arguments).arg("--data-dir").arg(self.data());
        if let Some((postgres, _)) = &self.servers {
            command.args(["--database-url", &postgres.url()]);
        }
        let output = command.output().expect("the binary can be started");
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    }
}

/// Whether a daemon says that nothing is wrong.
pub(super) async fn is_well(client: &Client) -> bool {
    let answer = client.with_patience(Duration::from_secs(5)).try_get("/readyz").await;
    answer.is_some_and(|answer| answer.status == 200 && answer.body["status"] == "pass")
}

/// Asks a process to stop, and waits until it has.
///
/// # Errors
/// How it ended otherwise, with its log.
pub(super) async fn stop(daemon: &mut Daemon) -> Result<(), String> {
    daemon.signal("TERM");
    let asked = Instant::now();
    loop {
        match daemon.ended() {
            Some(status) if status.success() => return Ok(()),
            Some(status) => {
                return Err(format!("a process that was asked to stop ended with {status}:\n{}", daemon.log()));
            }
            None if asked.elapsed() > STOPPING => return Err(format!("a process did not stop:\n{}", daemon.log())),
            None => tokio::time::sleep(GLANCE).await,
        }
    }
}
