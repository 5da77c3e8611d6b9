//! Durations as people write them: `30s`, `5m`, `2h`, `7d`, `1w`, `1h30m`.

use std::fmt::Write;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer};

/// Units from large to small, in seconds.
const UNITS: [(char, u64); 5] = [('w', 604_800), ('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// Reads a duration.
///
/// # Errors
/// A sentence that says what is wrong and what would be right.
pub fn parse(text: &str) -> Result<Duration, String> {
    let refuse = || format!("`{text}` is no duration; write one such as 30s, 5m, 2h, 7d, 1w or 1h30m");
    let mut total: u64 = 0;
    let mut number: Option<u64> = None;
    for c in text.chars() {
        if let Some(digit) = c.to_digit(10) {
            let shifted = number.unwrap_or(0).checked_mul(10).and_then(|n| n.checked_add(u64::from(digit)));
            number = Some(shifted.ok_or_else(refuse)?);
        } else {
            let (_, seconds) = UNITS.iter().find(|(unit, _)| *unit == c).ok_or_else(refuse)?;
            let part = number.take().and_then(|n| n.checked_mul(*seconds)).ok_or_else(refuse)?;
            total = total.checked_add(part).ok_or_else(refuse)?;
        }
    }
    if text.is_empty() || number.is_some() { Err(refuse()) } else { Ok(Duration::from_secs(total)) }
}

/// Writes a duration so that [`parse`] reads it back; parts of a second are left out.
#[must_use]
pub fn format(duration: Duration) -> String {
    let mut rest = duration.as_secs();
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, seconds) in UNITS {
        let count = rest / seconds;
        rest %= seconds;
        if count > 0 {
            let _ = write!(text, "{count}{unit}");
        }
    }
    text
}

/// For `#[serde(with = …)]`.
pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format(*duration))
}

/// For `#[serde(with = …)]`.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

/// As the module itself, for a duration that may be absent.
pub mod optional {
    use super::{Deserialize, Deserializer, Duration, Serializer};

    /// For `#[serde(with = …)]`.
    #[allow(clippy::ref_option, reason = "the signature that serde asks for")]
    pub fn serialize<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => super::serialize(duration, serializer),
            None => serializer.serialize_none(),
        }
    }

    /// For `#[serde(with = …)]`.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| super::parse(&text).map_err(serde::de::Error::custom)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["", "5", "m", "5x", "-5m", "5 m", "99999999999999999999s", "99999999999999w"] {
            assert!(parse(text).is_err_and(|error| error.contains("1h30m")), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(seconds in 0u64..10_000_000_000) {
            let duration = Duration::from_secs(seconds);
            prop_assert_eq!(parse(&format(duration)), Ok(duration));
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = parse(&text);
        }
    }
}
