//! Processes of the binary under test.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::signal::signal;
use crate::{Client, workbench};

/// A running `workbench serve`, `workbench worker` or `workbench sandbox`.
pub struct Daemon {
    process: Child,
    log: PathBuf,
    said: BTreeMap<String, String>,
    data_dir: PathBuf,
}

impl Daemon {
    /// Starts a process and waits until it says that it stands.
    ///
    /// # Panics
    /// Where it ends instead; its log is shown.
    #[must_use]
    pub fn start(data_dir: &Path, arguments: &[&str]) -> Self {
        Self::try_start(data_dir, arguments)
            .unwrap_or_else(|log| panic!("workbench {arguments:?} ended at once:\n{log}"))
    }

    /// As [`Daemon::start`]; the log where the process ends instead.
    ///
    /// # Errors
    /// The process' log.
    ///
    /// # Panics
    /// Where the process cannot be started at all.
    pub fn try_start(data_dir: &Path, arguments: &[&str]) -> Result<Self, String> {
        Self::try_start_with(data_dir, arguments, &[])
    }

    /// As [`Daemon::try_start`], with variables in the process' environment.
    ///
    /// # Errors
    /// The process' log.
    ///
    /// # Panics
    /// Where the process cannot be started at all.
    pub fn try_start_with(data_dir: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Result<Self, String> {
        Self::try_start_build(&workbench(), data_dir, arguments, environment)
    }

    /// As [`Daemon::try_start_with`], of another build of the binary.
    ///
    /// # Errors
    /// The process' log.
    ///
    /// # Panics
    /// Where the process cannot be started at all.
    pub fn try_start_build(
        binary: &Path,
        data_dir: &Path,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Result<Self, String> {
        std::fs::create_dir_all(data_dir).expect("the data folder can be made");
        let log = tempfile::Builder::new().suffix(".log").tempfile_in(data_dir).expect("a log file can be made");
        let (file, log) = log.keep().expect("the log file can be kept");
        let mut process = Command::new(binary)
            .args(arguments)
            .arg("--data-dir")
            .arg(data_dir)
            .env("RUST_LOG", "info,sqlx=warn")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::from(file))
            .spawn()
            .expect("the binary can be started");
        let stdout = process.stdout.take().expect("standard output is piped");
        let last = match arguments.first() {
            Some(&"worker") => "worker",
            Some(&"sandbox") => "sandbox",
            _ => "store",
        };
        let mut said = BTreeMap::new();
        for line in BufReader::new(stdout).lines() {
            let line = line.expect("standard output is text");
            if let Some((key, value)) = line.strip_prefix("  ").and_then(|line| line.split_once("  ")) {
                said.insert(key.trim().to_owned(), value.trim().to_owned());
            }
            if said.contains_key(last) {
                return Ok(Self { process, log, said, data_dir: data_dir.to_owned() });
            }
        }
        let _ = process.wait();
        Err(std::fs::read_to_string(&log).unwrap_or_default())
    }

    /// What it said under a key, without a remark behind it.
    ///
    /// # Panics
    /// Where it said nothing of the kind.
    #[must_use]
    pub fn said(&self, key: &str) -> &str {
        let value = self.said.get(key).unwrap_or_else(|| panic!("the daemon said nothing about `{key}`"));
        value.split("   ").next().unwrap_or(value)
    }

    /// A client with the token of the data folder.
    ///
    /// # Panics
    /// Where there is no token.
    #[must_use]
    pub fn client(&self) -> Client {
        let token = std::fs::read_to_string(self.data_dir.join("token")).expect("the daemon left a token");
        Client::new(self.said("console"), Some(token.trim()))
    }

    /// A client of its sandbox platform.
    #[must_use]
    pub fn sandbox(&self) -> Client {
        Client::new(self.said("sandbox"), None)
    }

    /// Sends it a signal, named without `SIG`.
    pub fn signal(&self, name: &str) {
        signal(self.process.id(), name);
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.process.try_wait().ok().flatten()
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Kills it with -9.
    pub fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Asks it to stop and waits until it has.
    ///
    /// # Panics
    /// Where it does not end well.
    pub fn stop(&mut self) {
        self.signal("TERM");
        let ended = self.process.wait().expect("the process can be waited for");
        assert!(ended.success(), "the daemon ended with {ended}:\n{}", self.log());
    }

    /// What it logged.
    #[must_use]
    pub fn log(&self) -> String {
        File::open(&self.log).and_then(std::io::read_to_string).unwrap_or_default()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- log of {:?}\n{}", self.said, self.log());
        }
    }
}
