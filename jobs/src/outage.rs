//! An outage is told twice: when it begins, and when it is over. What happens in between is the same again and again.

use std::fmt::Display;
use std::time::Instant;

/// Whether a part that is tried again and again works.
#[derive(Debug)]
pub(crate) struct Outage {
    part: &'static str,
    since: Option<Instant>,
}

impl Outage {
    /// Of a part that works as far as anybody knows.
    pub(crate) fn of(part: &'static str) -> Self {
        Self { part, since: None }
    }

    /// It worked.
    pub(crate) fn over(&mut self) {
        if let Some(since) = self.since.take() {
            tracing::info!(part = self.part, after = ?since.elapsed(), "works again");
        }
    }

    /// It did not work.
    pub(crate) fn goes_on(&mut self, error: &dyn Display) {
        if self.since.is_none() {
            tracing::warn!(part = self.part, %error, "does not work; it is tried again until it does");
            self.since = Some(Instant::now());
        }
    }
}
