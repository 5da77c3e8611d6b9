//! Reads numbers with decimals in the notations that files have, and finds out from the numbers of a column whether a
//! point or a comma stands before the decimals.

/// What stands before the decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DecimalMark {
    Point,
    Comma,
}

/// What is known about the notation of a column of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decimals {
    /// The numbers beside it show it; the other mark stands between thousands.
    Shown(DecimalMark),
    /// The numbers beside it do not tell. Where both marks may be either, decimals are more likely, but for commas in a
    /// table that is delimited by commas.
    Unclear {
        /// Whether a single comma is taken to stand between thousands.
        comma_groups: bool,
    },
}

/// A number that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Number {
    /// With a point before the decimals and nothing between thousands.
    pub(crate) plain: String,
    /// What it might be as well, where nothing decides.
    pub(crate) or: Option<String>,
}

/// Reads a number; `None` where it is none.
pub(crate) fn read(value: &str, decimals: Decimals) -> Option<Number> {
    let found = parse(value)?;
    let plain = |number: String| Number { plain: number, or: None };
    Some(match found {
        Found::Sure { number, .. } => plain(number),
        Found::Either { mark, as_decimals, as_thousands } => match decimals {
            Decimals::Shown(shown) if shown == mark => plain(as_decimals),
            Decimals::Shown(_) => plain(as_thousands),
            Decimals::Unclear { comma_groups: true } if mark == DecimalMark::Point => plain(as_decimals),
            Decimals::Unclear { comma_groups: true } => Number { plain: as_thousands, or: Some(as_decimals) },
            Decimals::Unclear { comma_groups: false } => Number { plain: as_decimals, or: Some(as_thousands) },
        },
    })
}

/// What the numbers of a column show, and one that shows it. Of ten, one may be wrong, as files are.
pub(crate) fn shown_mark<'a>(values: impl IntoIterator<Item = &'a str>) -> Option<(DecimalMark, &'a str)> {
    let (mut points, mut commas) = ((0_usize, None), (0_usize, None));
    for value in values {
        let Some(Found::Sure { shows: Some(mark), .. }) = parse(value) else { continue };
        let (count, example) = if mark == DecimalMark::Comma { &mut commas } else { &mut points };
        *count += 1;
        example.get_or_insert(value);
    }
    let all = points.0 + commas.0;
    let wins = |(count, example): (usize, Option<&'a str>)| example.filter(|_| count * 10 >= all * 9);
    let comma = wins(commas).map(|example| (DecimalMark::Comma, example));
    comma.or_else(|| wins(points).map(|example| (DecimalMark::Point, example)))
}

enum Found {
    /// One reading.
    Sure {
        number: String,
        /// What it shows about the mark before decimals.
        shows: Option<DecimalMark>,
    },
    /// `1,234`: the mark stands before three decimals or behind the thousands.
    Either { mark: DecimalMark, as_decimals: String, as_thousands: String },
}

fn parse(value: &str) -> Option<Found> {
    let (sign, body) = match value.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", value.strip_prefix('+').unwrap_or(value)),
    };
    let number = |whole: &str, fraction: Option<&str>| {
        let digits: String = whole.chars().filter(char::is_ascii_digit).collect();
        let digits = match digits.trim_start_matches('0') {
            "" => "0",
            significant => significant,
        };
        fraction.map_or_else(|| format!("{sign}{digits}"), |fraction| format!("{sign}{digits}.{fraction}"))
    };
    let sure = |number, shows| Some(Found::Sure { number, shows });
    let points = body.matches('.').count();
    let commas = body.matches(',').count();
    let (mark, sign_of_mark) = match (points, commas) {
        (0, 0) => {
            return (are_digits(body) || are_grouped(body, is_space))
                .then(|| number(body, None))
                .and_then(|n| sure(n, None));
        }
        (0, _) => (DecimalMark::Comma, ','),
        (_, 0) => (DecimalMark::Point, '.'),
        _ if body.rfind(',') > body.rfind('.') => (DecimalMark::Comma, ','),
        _ => (DecimalMark::Point, '.'),
    };
    let other = if mark == DecimalMark::Comma { DecimalMark::Point } else { DecimalMark::Comma };
    let other_sign = if other == DecimalMark::Comma { ',' } else { '.' };
    if body.matches(sign_of_mark).count() > 1 {
        // Only between thousands a mark stands twice.
        let grouped = are_grouped(body, |character| character == sign_of_mark);
        return grouped.then(|| number(body, None)).and_then(|number| sure(number, Some(other)));
    }
    let (whole, fraction) = body.split_once(sign_of_mark)?;
    if !are_digits(fraction) {
        return None;
    }
    if !are_digits(whole) {
        let grouped = are_grouped(whole, is_space) || are_grouped(whole, |character| character == other_sign);
        return grouped.then(|| number(whole, Some(fraction))).and_then(|number| sure(number, Some(mark)));
    }
    if fraction.len() == 3 && whole.len() <= 3 && !whole.starts_with('0') {
        let as_thousands = number(&format!("{whole}{fraction}"), None);
        return Some(Found::Either { mark, as_decimals: number(whole, Some(fraction)), as_thousands });
    }
    sure(number(whole, Some(fraction)), Some(mark))
}

fn are_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether digits stand in threes with the same separator between them, the first group possibly shorter.
fn are_grouped(text: &str, is_separator: impl Fn(char) -> bool) -> bool {
    let Some(separator) = text.chars().find(|character| !character.is_ascii_digit()) else { return false };
    let mut groups = text.split(separator);
    is_separator(separator)
        && groups.next().is_some_and(|first| are_digits(first) && first.len() <= 3)
        && groups.all(|group| are_digits(group) && group.len() == 3)
}

/// What stands between thousands in French, Swedish and Swiss numbers.
fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\u{a0}' | '\u{202f}' | '\'' | '’')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const UNCLEAR: Decimals = Decimals::Unclear { comma_groups: false };

    fn plain(value: &str) -> Option<String> {
        read(value, UNCLEAR).map(|number| number.plain)
    }

    #[test]
    fn numbers_that_have_one_reading_are_read_whatever_is_known() {
        for (value, expected) in [
            ("12,50", "12.50"),
            ("12.5", "12.5"),
            ("1.234,50", "1234.50"),
            ("1,234.50", "1234.50"),
            ("1.234.567", "1234567"),
            ("1,234,567.8", "1234567.8"),
            ("1 234,50", "1234.50"),
            ("-1\u{202f}234\u{202f}567", "-1234567"),
            ("1’234.5", "1234.5"),
            ("0,125", "0.125"),
            ("1234,567", "1234.567"),
            ("+007", "7"),
        ] {
            for decimals in [UNCLEAR, Decimals::Shown(DecimalMark::Comma), Decimals::Shown(DecimalMark::Point)] {
                let number = read(value, decimals).unwrap_or_else(|| panic!("{value} is no number"));
                assert_eq!((number.plain.as_str(), number.or), (expected, None), "{value} {decimals:?}");
            }
        }
        for value in
            ["", "-", ",", "12,", ",5", "1,2,3", "1.23,456.7", "12 34", "1 234 5", "1e5", "12.5.", "١٢", "1,2.3,4"]
        {
            assert_eq!(plain(value), None, "{value}");
        }
    }

    #[test]
    fn one_mark_before_three_digits_is_read_as_the_others_show() {
        let of = |value: &str, decimals| read(value, decimals).map(|number| (number.plain, number.or));
        let (decimal, thousands) = ("1.234".to_owned(), "1234".to_owned());
        let (comma, point) = (Decimals::Shown(DecimalMark::Comma), Decimals::Shown(DecimalMark::Point));
        assert_eq!(of("1,234", comma), Some((decimal.clone(), None)));
        assert_eq!(of("1,234", point), Some((thousands.clone(), None)));
        assert_eq!(of("1.234", comma), Some((thousands.clone(), None)));
        assert_eq!(of("1,234", UNCLEAR), Some((decimal.clone(), Some(thousands.clone()))));
        assert_eq!(of("1.234", UNCLEAR), Some((decimal.clone(), Some(thousands.clone()))));
        let english = Decimals::Unclear { comma_groups: true };
        assert_eq!(of("1,234", english), Some((thousands, Some(decimal.clone()))));
        assert_eq!(of("1.234", english), Some((decimal, None)));
    }

    #[test]
    fn a_column_shows_its_mark() {
        let shown = |values: &[&'static str]| shown_mark(values.iter().copied());
        assert_eq!(shown(&["7", "1,234", "12,50"]), Some((DecimalMark::Comma, "12,50")));
        assert_eq!(shown(&["1,234", "1,234.50"]), Some((DecimalMark::Point, "1,234.50")));
        assert_eq!(shown(&["1.234.567"]), Some((DecimalMark::Comma, "1.234.567")));
        assert_eq!(shown(&["12,50", "12.50"]), None);
        assert_eq!(shown(&["7", "1,234", "1.234", "x", ""]), None);
    }

    proptest! {
        #[test]
        fn what_is_read_is_a_plain_number(value in "[-+]?[0-9., ]{0,12}|.{0,20}") {
            if let Some(number) = read(&value, UNCLEAR) {
                for plain in [Some(number.plain), number.or].into_iter().flatten() {
                    let again = read(&plain, Decimals::Shown(DecimalMark::Point));
                    prop_assert_eq!(again.map(|number| number.plain), Some(plain));
                }
            }
            shown_mark([value.as_str()]);
        }
    }
}
