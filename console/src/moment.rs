//! Times as people and machines read them, always in UTC.

use chrono::{DateTime, SecondsFormat, Utc};

/// For the `datetime` attribute.
pub(crate) fn machine(at: &DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// With weekday and second, for the `title` attribute.
pub(crate) fn full(at: &DateTime<Utc>) -> String {
    at.format("%A %-d %B %Y, %H:%M:%S UTC").to_string()
}

/// To the minute.
pub(crate) fn minute(at: &DateTime<Utc>) -> String {
    at.format("%-d %b %Y, %H:%M UTC").to_string()
}

/// The day alone, for due dates.
pub(crate) fn day(at: &DateTime<Utc>) -> String {
    at.format("%-d %b %Y").to_string()
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;

    #[test]
    fn reads_well() {
        let at = Utc.with_ymd_and_hms(2026, 3, 4, 9, 5, 7).unwrap();
        assert_eq!(machine(&at), "2026-03-04T09:05:07Z");
        assert_eq!(full(&at), "Wednesday 4 March 2026, 09:05:07 UTC");
        assert_eq!(minute(&at), "4 Mar 2026, 09:05 UTC");
        assert_eq!(day(&at), "4 Mar 2026");
    }
}
