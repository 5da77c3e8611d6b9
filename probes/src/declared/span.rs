//! Spans of time as declarations write them: `500ms`, `2s`, `1m`.

use std::time::Duration;

/// Longer than anybody waits for a probe; keeps sums of spans far from overflowing.
const LONGEST: Duration = Duration::from_hours(1);

/// Reads a span; says what is wrong with it otherwise.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let milliseconds_per_unit = match unit {
        "ms" => Some(1),
        "s" => Some(1000),
        "m" => Some(60_000),
        _ => None,
    };
    number
        .parse::<u64>()
        .ok()
        .zip(milliseconds_per_unit)
        .and_then(|(number, factor)| number.checked_mul(factor))
        .map(Duration::from_millis)
        .filter(|span| !span.is_zero() && *span <= LONGEST)
        .ok_or_else(|| format!("`{text}` is not a span of time between 1ms and 60m, such as `500ms`, `2s` or `1m`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_a_number_and_a_unit() {
        assert_eq!(parse("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse("2s"), Ok(Duration::from_secs(2)));
        assert_eq!(parse("1m"), Ok(Duration::from_mins(1)));
        for wrong in ["", "5", "s", "0s", "-1s", "1.5s", "2h", "99999999999999999999s", "18446744073709551615m", "é"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
