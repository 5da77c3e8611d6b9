//! One measured thing: how long it took, and how much memory its process held at most.

use std::io;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What a child process took.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    /// Wall clock, without the start of the process.
    pub time: Duration,
    /// Most memory held, in KiB.
    pub peak: u64,
}

/// Times a piece of work in this process.
pub fn timed<T>(work: impl FnOnce() -> io::Result<T>) -> io::Result<(T, Duration)> {
    let started = Instant::now();
    Ok((work()?, started.elapsed()))
}

/// The best of three runs of a command that prints its seconds as the last word of its output. The best, because what
/// else the machine does only ever makes a run slower.
pub fn best_of_three(program: &str, arguments: &[&str]) -> io::Result<Duration> {
    let mut best = Duration::MAX;
    for _ in 0..3 {
        let output = Command::new(program).args(arguments).stderr(Stdio::inherit()).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let seconds = text.split_whitespace().last().and_then(|word| word.parse().ok());
        let seconds: f64 = seconds
            .filter(|_| output.status.success())
            .ok_or_else(|| io::Error::other(format!("`{program} {}` printed no time: {text}", arguments.join(" "))))?;
        best = best.min(Duration::from_secs_f64(seconds));
    }
    Ok(best)
}

/// Runs a hidden command of this program in a process of its own, three times, and takes the best.
pub fn apart(command: &str, path: &str) -> io::Result<Taken> {
    let mut best: Option<Taken> = None;
    for _ in 0..3 {
        let output = Command::new(std::env::current_exe()?).args([command, path]).stderr(Stdio::inherit()).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let mut words = text.split_whitespace();
        let taken =
            words.next().and_then(|word| word.parse().ok()).zip(words.next().and_then(|word| word.parse().ok()));
        let (seconds, peak) = taken.ok_or_else(|| io::Error::other(format!("`{command} {path}` failed: {text}")))?;
        let taken = Taken { time: Duration::from_secs_f64(seconds), peak };
        best = Some(best.filter(|best| best.time <= taken.time).unwrap_or(taken));
    }
    best.ok_or_else(|| io::Error::other("nothing was run"))
}

/// A line of `/proc/PID/status` in KiB, such as `VmHWM`, the most memory held so far.
pub fn memory(process: &str, key: &str) -> io::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| io::Error::other(format!("the system does not tell {key}")))
}
