//! Durations as text.
use std::time::Duration;
use serde::{Deserialize, Deserializer, Serializer};

/// Reads.
pub fn parse(text: &str) -> Result<Duration, String> {
    let (mut total, mut number) = (0u64, None::<u64>);
    for c in text.chars() {
        if let Some(d) = c.to_digit(10) { number = Some(number.unwrap_or(0) * 10 + u64::from(d)); continue; }
        let unit = match c { 's' => 1, 'm' => 60, 'h' => 3600, 'd' => 86400, 'w' => 604_800, _ => return Err(format!("`{text}` is no duration")) };
        total += number.take().ok_or_else(|| format!("`{text}` is no duration"))? * unit;
    }
    if number.is_some() { return Err(format!("`{text}` is no duration")); }
    Ok(Duration::from_secs(total))
}
/// Writes.
pub fn format(d: Duration) -> String { format!("{}s", d.as_secs()) }
/// serde.
pub fn serialize<S: Serializer>(d: &Duration, s: S) -> Result<S::Ok, S::Error> { s.serialize_str(&format(*d)) }
/// serde.
pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Duration, D::Error> {
    parse(&String::deserialize(d)?).map_err(serde::de::Error::custom)
}
/// Optional.
pub mod optional {
    use super::{Deserialize, Deserializer, Duration, Serializer};
    /// serde.
    pub fn serialize<S: Serializer>(d: &Option<Duration>, s: S) -> Result<S::Ok, S::Error> {
        match d { Some(d) => super::serialize(d, s), None => s.serialize_none() }
    }
    /// serde.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Duration>, D::Error> {
        Option::<String>::deserialize(d)?.map(|t| super::parse(&t).map_err(serde::de::Error::custom)).transpose()
    }
}
