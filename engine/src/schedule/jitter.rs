//! Delays that spread the work of one fire time, the same on every daemon and every attempt.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

/// The delay of one tenant's part of a fire, below `most` and in whole milliseconds. Its seed is the schedule, the fire
/// time and the tenant: the same three always give the same delay.
#[must_use]
pub fn delay(schedule: &str, fire_at: DateTime<Utc>, tenant_id: &str, most: Duration) -> Duration {
    let mut digest = Sha256::new();
    for part in [schedule, &fire_at.timestamp_micros().to_string(), tenant_id] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    let drawn = digest.finalize().iter().take(8).fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(if most == 0 { 0 } else { drawn % most })
}
