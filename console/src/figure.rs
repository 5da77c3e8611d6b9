//! Numbers and names as people read them.

/// Days with at most one decimal: `27`, `27.5`.
pub(crate) fn days(days: f64) -> String {
    let text = format!("{days:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// A wire name as words: `import_data` is `Import data`.
pub fn words(name: &str) -> String {
    let spaced = name.replace('_', " ");
    let mut letters = spaced.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Digits in groups of three: `12 480`, with spaces that do not break.
pub(crate) fn count(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = if number < 0 { String::from("−") } else { String::new() };
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_well() {
        assert_eq!([days(27.0), days(27.46), days(0.04)], ["27", "27.5", "0"]);
        assert_eq!([words("import_data"), words(""), words("go")], ["Import data", "", "Go"]);
        assert_eq!([count(0), count(999), count(-1_234_567)], ["0", "999", "−1\u{202f}234\u{202f}567"]);
    }
}
