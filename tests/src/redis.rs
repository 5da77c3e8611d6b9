//! A private Redis.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::eventually;
use crate::signal::signal;

/// A Redis without persistence: whenever it starts, it is empty.
pub struct Redis {
    folder: TempDir,
    port: u16,
    process: Option<Child>,
}

/// A port that nobody listens on right now.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
    listener.local_addr().expect("a bound listener has an address").port()
}

impl Redis {
    /// Starts a Redis.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let mut redis = Self { folder, port: free_port(), process: None };
        redis.resume().await;
        redis
    }

    /// Starts it again, empty, on the same port.
    ///
    /// # Panics
    /// Where no `redis-server` is installed.
    pub async fn resume(&mut self) {
        let process = Command::new("redis-server")
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .arg("--dir")
            .arg(self.folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("`redis-server` is installed; tests/run installs it");
        self.process = Some(process);
        let port = self.port;
        eventually("Redis to listen", || async move { tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok() })
            .await;
    }

    /// Kills it with -9.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Forgets everything, as FLUSHALL does.
    ///
    /// # Panics
    /// Where `redis-cli` cannot reach it.
    pub fn flush(&self) {
        let flushed = Command::new("redis-cli")
            .args(["-p", &self.port.to_string(), "flushall"])
            .stdout(Stdio::null())
            .status()
            .expect("`redis-cli` is installed with the server");
        assert!(flushed.success(), "Redis could not be flushed");
    }

    /// How many ids of jobs it holds that no worker has fetched.
    ///
    /// # Panics
    /// Where `redis-cli` cannot reach it.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        let script =
            "return redis.call('zcard', 'workbench:jobs:scheduled') + redis.call('llen', 'workbench:jobs:active')";
        let asked = Command::new("redis-cli")
            .args(["-p", &self.port.to_string(), "eval", script, "0"])
            .output()
            .expect("`redis-cli` is installed with the server");
        String::from_utf8_lossy(&asked.stdout).trim().parse().expect("redis-cli answers with a number")
    }

    /// Sends its process a signal, named without `SIG`.
    pub fn signal(&self, name: &str) {
        if let Some(process) = &self.process {
            signal(process.id(), name);
        }
    }

    /// Runs a command: what `redis-cli` printed.
    ///
    /// # Panics
    /// Where there is no `redis-cli`.
    #[allow(clippy::must_use_candidate, reason = "often only the effect matters")]
    pub fn command(&self, words: &[&str]) -> String {
        let asked = Command::new("redis-cli")
            .args(["-p", &self.port.to_string()])
            .args(words)
            .output()
            .expect("`redis-cli` is installed with the server");
        String::from_utf8_lossy(&asked.stdout).trim().to_owned()
    }

    /// Bytes that its keys take.
    #[must_use]
    pub fn memory(&self) -> u64 {
        let script = "local bytes = 0 for _, key in ipairs(redis.call('keys', '*')) do \
             bytes = bytes + redis.call('memory', 'usage', key) end return bytes";
        self.command(&["eval", script, "0"]).parse().unwrap_or(0)
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}
