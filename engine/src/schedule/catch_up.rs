//! What of the fire times that have come is run, and what is only counted.

use chrono::{DateTime, TimeDelta, Utc};

use crate::definition::{CatchUp, CatchUpPolicy};

/// A fire time seen within so long is on time, and no matter of catching up.
pub const ON_TIME: TimeDelta = TimeDelta::minutes(2);

/// What is run of the fire times that have come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Due {
    /// To be run, the earliest first.
    pub run: Vec<DateTime<Utc>>,
    /// How many of these are caught up.
    pub caught_up: usize,
    /// How many are given up.
    pub given_up: usize,
}

/// Decides about fire times that have come, the earliest first.
///
/// What is on time is run. Of what was missed, `once` runs the latest, `all` the latest `cap`, and neither runs what
/// is older than `window`; the rest is given up.
#[must_use]
pub fn due(come: &[DateTime<Utc>], now: DateTime<Utc>, catch_up: &CatchUp) -> Due {
    let window = TimeDelta::from_std(catch_up.window).unwrap_or(TimeDelta::MAX);
    let first_on_time = come.partition_point(|fire| now - *fire > ON_TIME);
    let (missed, on_time) = come.split_at(first_on_time);
    let most = match catch_up.policy {
        CatchUpPolicy::Skip => 0,
        CatchUpPolicy::Once => 1,
        CatchUpPolicy::All => usize::try_from(catch_up.cap).unwrap_or(usize::MAX),
    };
    let first_in_window = missed.partition_point(|fire| now - *fire > window);
    let first = first_in_window.max(missed.len().saturating_sub(most));
    let caught_up = missed.len() - first;
    Due { run: missed[first..].iter().chain(on_time).copied().collect(), caught_up, given_up: first }
}
