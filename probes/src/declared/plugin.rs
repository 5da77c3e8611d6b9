//! What a monitoring plugin says: a text for people and, behind a bar, what it measured.

use crate::result::Measure;

/// Measures kept of one run, and characters of one label: plugins report tens, and a stored result stays small.
const MOST_MEASURES: usize = 50;
const LONGEST_LABEL: usize = 100;

/// The first line without measures, the lines after it, and the measures of all of them.
pub(super) fn read(output: &str) -> (String, String, Vec<Measure>) {
    let mut lines = output.lines();
    let (text, behind) = split(lines.next().unwrap_or_default());
    let (mut more, mut numbers) = (Vec::new(), vec![behind]);
    let mut only_numbers = false;
    for line in lines {
        // Behind the second bar there is no more text.
        if only_numbers {
            numbers.push(line);
            continue;
        }
        let (text, behind) = split(line);
        only_numbers = line.contains('|');
        more.push(text);
        numbers.push(behind);
    }
    (text.trim().to_owned(), more.join("\n").trim().to_owned(), measures(&numbers.join(" ")))
}

fn split(line: &str) -> (&str, &str) {
    line.split_once('|').unwrap_or((line, ""))
}

/// The measures in a text such as `time=0.2s;1;2;0 'free space'=10%`. What is not one is passed over: a plugin's text
/// and exit code hold without it.
fn measures(text: &str) -> Vec<Measure> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() && found.len() < MOST_MEASURES {
        let (label, after) = label(rest);
        let Some(after) = after.strip_prefix('=') else {
            // No measure: go on behind the next blank.
            rest = rest.split_once(char::is_whitespace).map_or("", |(_, rest)| rest.trim_start());
            continue;
        };
        let (value, behind) = after.split_once(char::is_whitespace).unwrap_or((after, ""));
        if !label.is_empty() {
            found.extend(measure(&label, value));
        }
        rest = behind.trim_start();
    }
    found
}

/// The label at the start, quoted or not, and what follows it.
fn label(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('\'') else {
        let end = text.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut label = String::new();
    let mut rest = quoted;
    while let Some((before, after)) = rest.split_once('\'') {
        label.push_str(before);
        // Two quotation marks are one of the label's own.
        let Some(behind) = after.strip_prefix('\'') else { return (label, after) };
        label.push('\'');
        rest = behind;
    }
    (label, "")
}

fn measure(label: &str, text: &str) -> Option<Measure> {
    let mut parts = text.split(';');
    let value = parts.next().unwrap_or_default();
    let digits = value.find(|c: char| !matches!(c, '0'..='9' | '.' | '-' | '+' | 'e' | 'E')).unwrap_or(value.len());
    // `5E` is five with a unit of `E`, not a number cut short.
    let digits = value[..digits].trim_end_matches(['e', 'E']).len();
    let (number, unit) = value.split_at(digits);
    let (value, unit) = if value == "U" { (None, "") } else { (Some(finite(number)?), unit) };
    let mut text = || parts.next().map(str::trim).filter(|text| !text.is_empty());
    let (warn, crit, min, max) = (text(), text(), text(), text());
    Some(Measure {
        label: label.chars().take(LONGEST_LABEL).collect(),
        value,
        unit: unit.chars().take(LONGEST_LABEL).collect(),
        warn: warn.map(|range| range.chars().take(LONGEST_LABEL).collect()),
        crit: crit.map(|range| range.chars().take(LONGEST_LABEL).collect()),
        min: min.and_then(finite),
        max: max.and_then(finite),
    })
}

fn finite(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|number| number.is_finite())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> Vec<(String, Option<f64>, String)> {
        read(text).2.into_iter().map(|measure| (measure.label, measure.value, measure.unit)).collect()
    }

    fn one(label: &str, value: f64, unit: &str) -> (String, Option<f64>, String) {
        (label.to_owned(), Some(value), unit.to_owned())
    }

    #[test]
    fn text_and_measures_are_told_apart() {
        let said =
            "DISK OK - free 3326 MB | /=2643MB;5948;5958;0;5968\nfine\nall | /boot=68MB;88;93;0;98\n/home=69357MB";
        let (text, more, measures) = read(said);
        assert_eq!((text.as_str(), more.as_str()), ("DISK OK - free 3326 MB", "fine\nall"));
        assert_eq!(measures.iter().map(|measure| measure.label.as_str()).collect::<Vec<_>>(), ["/", "/boot", "/home"]);
        let first = &measures[0];
        assert_eq!((first.value, first.unit.as_str()), (Some(2643.0), "MB"));
        assert_eq!((first.warn.as_deref(), first.crit.as_deref()), (Some("5948"), Some("5958")));
        assert_eq!((first.min, first.max), (Some(0.0), Some(5968.0)));
    }

    #[test]
    fn labels_may_be_quoted_and_values_unknown() {
        assert_eq!(
            of("ok|'it''s free'=10% a=-1.5e3 b=U"),
            [one("it's free", 10.0, "%"), one("a", -1500.0, ""), ("b".to_owned(), None, String::new())]
        );
    }

    #[test]
    fn what_is_no_measure_is_passed_over() {
        assert_eq!(of("ok|nothing a=x b=1e999 'open=1 c=2"), [one("c", 2.0, "")]);
        assert_eq!(of("ok|nothing =3 c=2s d="), [one("c", 2.0, "s")]);
        assert_eq!(of(""), []);
    }

    #[test]
    fn their_number_is_bounded() {
        assert_eq!(of(&format!("ok|{}", "a=1 ".repeat(1000))).len(), MOST_MEASURES);
    }

    proptest! {
        #[test]
        fn no_output_makes_the_reader_panic(output in "[ -~\né]{0,200}") {
            let _ = read(&output);
        }
    }
}
