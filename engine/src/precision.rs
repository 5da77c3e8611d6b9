//! Times are kept to the microsecond, everywhere.

use chrono::{DateTime, Utc};

/// Cuts a time to the precision that the store keeps. What is decided then equals what is read back, and replaying
/// events equals the stored state.
#[must_use]
pub fn to_micros(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at.timestamp_micros()).unwrap_or(at)
}
