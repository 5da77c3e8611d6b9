//! Running a program with everything that it starts, within bounds of time and output.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::task::spawn_blocking;
use tokio::time::{Instant as Deadline, timeout, timeout_at};

/// How much of what a program says is kept; the rest is read and thrown away, so that it does not hang in saying it.
const MOST_BYTES: usize = 16 * 1024;

/// How long is waited for the last of its output, and for its end, once it was killed.
const AFTERWARDS: Duration = Duration::from_millis(500);

/// How a program ended, and what it said until then.
#[derive(Debug)]
pub struct Ended {
    /// How.
    pub how: How,
    /// The beginning of its output, up to 16 KiB.
    pub stdout: Vec<u8>,
    /// The beginning of what it said of errors, up to 16 KiB.
    pub stderr: Vec<u8>,
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// By itself, with this code.
    Code(i32),
    /// By a signal that somebody sent it.
    Signal(i32),
    /// It ran out of time and was killed.
    Late,
}

/// Runs it to its end, or until `deadline`. Whatever it started ends with it, also where this future is dropped.
///
/// # Errors
/// It could not be started.
pub async fn run(mut command: Command, deadline: Deadline) -> io::Result<Ended> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A group of its own can be killed as a whole.
        .process_group(0)
        .kill_on_drop(true);
    let mut child = command.spawn()?;
    let mut group = Group::of(&child);
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let pipes = (child.stdout.take(), child.stderr.take());
    let in_time = {
        let reading = async { tokio::join!(keep(pipes.0, &mut stdout), keep(pipes.1, &mut stderr)) };
        tokio::pin!(reading);
        let mut ending = spawn_blocking({
            let leader = group.leader;
            move || ended(leader)
        });
        let mut silent = false;
        let in_time = loop {
            tokio::select! {
                _ = &mut reading, if !silent => silent = true,
                ended = timeout_at(deadline, &mut ending) => break ended.is_ok(),
            }
        };
        // Before the program itself is reaped: until then its group's number cannot be somebody else's.
        group.kill();
        if !silent {
            // Something that left the group may hold the pipes open.
            let _ = timeout(AFTERWARDS, reading).await;
        }
        in_time
    };
    let status = timeout(AFTERWARDS, child.wait()).await;
    group.is_over = true;
    let how = match status {
        Ok(status) if in_time => how(status?),
        _ => How::Late,
    };
    Ok(Ended { how, stdout, stderr })
}

fn how(status: ExitStatus) -> How {
    match (status.code(), status.signal()) {
        (Some(code), _) => How::Code(code),
        (None, signal) => How::Signal(signal.unwrap_or_default()),
    }
}

/// A program and what it started.
struct Group {
    leader: Pid,
    /// Whether the program was reaped, after which its number may be given to another.
    is_over: bool,
}

impl Group {
    fn of(child: &Child) -> Self {
        // A child has an id until it is waited for. Should it not fit, there is nothing that a signal could reach.
        let leader = child.id().and_then(|id| i32::try_from(id).ok());
        Self { leader: Pid::from_raw(leader.unwrap_or_default()), is_over: leader.is_none() }
    }

    fn kill(&self) {
        if !self.is_over {
            // It fails where nobody is left to be killed.
            let _ = killpg(self.leader, Signal::SIGKILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits until a program has ended, and leaves it to be reaped.
fn ended(leader: Pid) {
    // It fails where there is nothing to wait for, which is as well.
    let _ = waitid(Id::Pid(leader), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT);
}

/// Reads to the end and keeps the beginning.
async fn keep(pipe: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let Some(mut pipe) = pipe else { return };
    let mut some = [0; 4096];
    while let Ok(length @ 1..) = pipe.read(&mut some).await {
        let room = MOST_BYTES.saturating_sub(kept.len());
        kept.extend_from_slice(&some[..length.min(room)]);
    }
}
