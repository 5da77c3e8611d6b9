//! Signals to processes.

use std::process::{Command, Stdio};

/// Sends a signal, named without `SIG`, to a process that was started here or by one that was.
pub(crate) fn signal(process: u32, name: &str) {
    // One that has just ended by itself needs none.
    let _ = Command::new("kill").args([&format!("-{name}"), &process.to_string()]).stderr(Stdio::null()).status();
}
