//! A private Postgres.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::eventually;
use crate::redis::free_port;
use crate::signal::signal;

/// The user that Postgres runs as where the tests run as root, which it refuses.
const UNPRIVILEGED: &str = "nobody";

/// A Postgres cluster of its own.
pub struct Postgres {
    folder: TempDir,
    port: u16,
    process: Option<Child>,
    fsync: &'static str,
}

impl Postgres {
    /// Makes a cluster and starts it. It does not wait for the disk: processes are killed here, machines are not.
    ///
    /// # Panics
    /// Where no Postgres server is installed.
    pub async fn start() -> Self {
        Self::start_with("off").await
    }

    /// As [`Postgres::start`], waiting for the disk as a server does unless told otherwise.
    ///
    /// # Panics
    /// Where no Postgres server is installed.
    pub async fn start_durable() -> Self {
        Self::start_with("on").await
    }

    async fn start_with(fsync: &'static str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        if is_root() {
            let owned = Command::new("chown").arg(UNPRIVILEGED).arg(folder.path()).status();
            assert!(owned.is_ok_and(|status| status.success()), "the folder could not be given to {UNPRIVILEGED}");
        }
        let made = run("initdb", folder.path())
            .args(["--auth=trust", "--username=workbench", "--encoding=UTF8", "--no-sync", "--pgdata"])
            .arg(folder.path().join("data"))
            .stdout(Stdio::null())
            .status()
            .expect("`initdb` is installed; tests/run installs it");
        assert!(made.success(), "the cluster could not be made");
        let mut postgres = Self { folder, port: free_port(), process: None, fsync };
        postgres.resume().await;
        postgres
    }

    /// Starts it again after a kill.
    ///
    /// # Panics
    /// Where it cannot be started.
    pub async fn resume(&mut self) {
        let process = run("postgres", self.folder.path())
            .arg("-D")
            .arg(self.folder.path().join("data"))
            .args([
                "-p",
                &self.port.to_string(),
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                &format!("fsync={}", self.fsync),
            ])
            .arg("-k")
            .arg(self.folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("`postgres` is installed; tests/run installs it");
        self.process = Some(process);
        eventually("Postgres to answer", || async {
            let asked = run("pg_isready", self.folder.path())
                .args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()])
                .status()
                .ok()?;
            asked.success().then_some(())
        })
        .await;
    }

    /// Kills the whole cluster at once.
    pub fn kill(&mut self) {
        // SIGQUIT is Postgres' immediate shutdown: no checkpoint, as after a crash, but its children go, too.
        self.end("QUIT");
    }

    /// Ends it as an administrator does: whoever is connected is thrown out.
    pub fn shut_down(&mut self) {
        self.end("INT");
    }

    fn end(&mut self, name: &str) {
        // What stands still hears nothing.
        self.go_on();
        if let Some(mut process) = self.process.take() {
            signal(process.id(), name);
            let _ = process.wait();
        }
    }

    /// Lets the server and all its sessions stand still.
    pub fn pause(&self) {
        self.signal_all("STOP");
    }

    /// Ends a pause.
    pub fn go_on(&self) {
        self.signal_all("CONT");
    }

    /// The server first: while it stands still, no further session begins.
    fn signal_all(&self, name: &str) {
        if let Some(server) = self.process.as_ref().map(Child::id) {
            signal(server, name);
            for session in children(server) {
                signal(session, name);
            }
        }
    }

    /// Runs statements in its database, in one transaction: what they printed.
    ///
    /// # Panics
    /// Where they fail.
    #[must_use]
    pub fn sql(&self, statements: &str) -> String {
        let output = run("psql", self.folder.path())
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statements, &self.url()])
            .output()
            .expect("`psql` is installed with the server");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// The address of its database.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://workbench@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The processes that a process has started.
fn children(parent: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|process| {
            let id = process.file_name().to_str()?.parse().ok()?;
            let said = std::fs::read_to_string(process.path().join("stat")).ok()?;
            // The name stands in brackets and may itself have some.
            let mut behind = said.rsplit_once(')')?.1.split_whitespace().skip(1);
            (behind.next()?.parse() == Ok(parent)).then_some(id)
        })
        .collect()
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| std::os::unix::fs::MetadataExt::uid(&process) == 0)
}

/// A Postgres program, run without root's rights. `exec`'d by setpriv, so that a signal reaches it.
fn run(program: &str, folder: &Path) -> Command {
    let program = installed(program);
    let mut command = if is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", UNPRIVILEGED, "--regid", "nogroup", "--clear-groups"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    // The tests' own folder may be closed to that user.
    command.current_dir(folder);
    command
}

/// Debian keeps the server's programs out of the path.
fn installed(program: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> =
        versions.map(|version| version.path().join("bin").join(program)).filter(|path| path.exists()).collect();
    found.sort();
    found.pop().unwrap_or_else(|| PathBuf::from(program))
}
