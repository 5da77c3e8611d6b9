//! Reads dates in the notations that files have, and finds out from the dates of a column which part comes first.

use chrono::NaiveDate;

/// The part that a date begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum First {
    Day,
    Month,
    Year,
}

/// What is known about the order of day, month and year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum DateOrder {
    /// Nobody has asked: year first, or day first with separators.
    #[default]
    Usual,
    /// The dates beside it do not tell: as usual, but what has another reading is remarked on.
    Unclear,
    /// A profile says so, and means eight digits without separators too.
    Declared(First),
    /// The dates beside it show it. Eight digits begin with the year all the same.
    Shown(First),
}

impl DateOrder {
    /// The part that a date with separators begins with.
    const fn first(self) -> First {
        match self {
            Self::Usual | Self::Unclear => First::Day,
            Self::Declared(first) | Self::Shown(first) => first,
        }
    }
}

/// Reads year-month-day in any common notation, and other orders with `/`, `.` or `-` between the parts. A month above 12
/// is refused rather than taken for a day: the other dates of that file would be silently wrong.
pub(crate) fn parse_date(value: &str, order: DateOrder) -> Option<NaiveDate> {
    let value = without_midnight(value);
    if value.len() == 8 && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return match order {
            DateOrder::Declared(First::Day) => date(value.get(4..)?, value.get(2..4)?, value.get(..2)?),
            DateOrder::Declared(First::Month) => date(value.get(4..)?, value.get(..2)?, value.get(2..4)?),
            _ => date(value.get(..4)?, value.get(4..6)?, value.get(6..)?),
        };
    }
    let [first, second, third] = parts(value)?;
    // Four digits in front are a year under any order: no other reading exists.
    match order.first() {
        _ if first.len() == 4 => date(first, second, third),
        First::Day => date(third, second, first),
        First::Month => date(third, first, second),
        First::Year => None,
    }
}

/// What a date also means, where the month may as well come first.
pub(crate) fn other_reading(value: &str) -> Option<NaiveDate> {
    let other = parse_date(value, DateOrder::Shown(First::Month))?;
    parse_date(value, DateOrder::Shown(First::Day)).filter(|date| *date != other).map(|_| other)
}

/// Whether a value is a date in one order or another.
pub(crate) fn is_date(value: &str) -> bool {
    let read = |first| parse_date(value, DateOrder::Shown(first)).is_some();
    read(First::Day) || read(First::Month)
}

/// Whether a value is built like a date with separators, if only with two digits for the year.
pub(crate) fn is_built_like_date(value: &str) -> bool {
    parts(without_midnight(value)).is_some_and(|parts| {
        let lengths = parts.map(str::len);
        parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
            && matches!(lengths, [1..=2, 1..=2, 2 | 4] | [4, 1..=2, 1..=2])
    })
}

/// What the dates of a column show about their order, and one that shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ShownOrder<'a> {
    /// [`DateOrder::Shown`] or [`DateOrder::Unclear`].
    pub(crate) order: DateOrder,
    /// A date that cannot be read otherwise; where the order is unclear, one that can, if there is any.
    pub(crate) example: Option<&'a str>,
}

/// Only real dates with a day above 12 show anything. Of ten, one may be wrong, as files are.
pub(crate) fn shown_order<'a>(values: impl IntoIterator<Item = &'a str>) -> ShownOrder<'a> {
    let (mut days, mut months, mut both) = ((0_usize, None), (0_usize, None), None);
    for value in values {
        let read = |first| parse_date(value, DateOrder::Shown(first));
        match (read(First::Day), read(First::Month)) {
            (Some(_), None) => days = (days.0 + 1, days.1.or(Some(value))),
            (None, Some(_)) => months = (months.0 + 1, months.1.or(Some(value))),
            (Some(day_first), Some(month_first)) if day_first != month_first => both = both.or(Some(value)),
            _ => {}
        }
    }
    let all = days.0 + months.0;
    let wins = |count: usize| count > 0 && count * 10 >= all * 9;
    if wins(days.0) {
        ShownOrder { order: DateOrder::Shown(First::Day), example: days.1 }
    } else if wins(months.0) {
        ShownOrder { order: DateOrder::Shown(First::Month), example: months.1 }
    } else {
        ShownOrder { order: DateOrder::Unclear, example: both.or(days.1) }
    }
}

/// Databases export dates with a midnight behind them.
fn without_midnight(value: &str) -> &str {
    value.strip_suffix(" 00:00:00").or_else(|| value.strip_suffix("T00:00:00")).unwrap_or(value)
}

/// The three parts of a date, with one kind of separator between them.
fn parts(value: &str) -> Option<[&str; 3]> {
    let separator = value.chars().find(|character| !character.is_ascii_digit())?;
    if !matches!(separator, '-' | '/' | '.') {
        return None;
    }
    let mut parts = value.split(separator);
    let three = [parts.next()?, parts.next()?, parts.next()?];
    parts.next().is_none().then_some(three)
}

fn date(year: &str, month: &str, day: &str) -> Option<NaiveDate> {
    let number = |text: &str, lengths: std::ops::RangeInclusive<usize>| {
        (lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| text.parse::<u32>().ok())
            .flatten()
    };
    let year = i32::try_from(number(year, 4..=4)?).ok()?;
    // Year 0 marks an empty date in many systems.
    (year > 0).then(|| NaiveDate::from_ymd_opt(year, number(month, 1..=2)?, number(day, 1..=2)?)).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_declared_order_is_followed() {
        let read = |value: &str, first| parse_date(value, DateOrder::Declared(first)).map(|date| date.to_string());
        let christmas = Some("2010-12-24".to_owned());
        assert_eq!(read("12/24/2010", First::Month), christmas);
        assert_eq!(read("24122010", First::Day), christmas);
        assert_eq!(read("12242010", First::Month), christmas);
        assert_eq!(read("2010-12-24", First::Month), christmas);
        assert_eq!(read("24/12/2010", First::Month), None);
        assert_eq!(read("24/12/2010", First::Year), None);
    }

    #[test]
    fn an_order_that_is_shown_says_nothing_of_eight_digits() {
        let read = |value: &str, order| parse_date(value, order).map(|date| date.to_string());
        for order in [DateOrder::Usual, DateOrder::Unclear, DateOrder::Shown(First::Month)] {
            assert_eq!(read("20101224", order).as_deref(), Some("2010-12-24"));
            assert_eq!(read("24122010", order), None);
        }
        assert_eq!(read("03/04/2010", DateOrder::Shown(First::Month)).as_deref(), Some("2010-03-04"));
        assert_eq!(read("03/04/2010", DateOrder::Unclear).as_deref(), Some("2010-04-03"));
    }

    #[test]
    fn days_above_twelve_show_the_order() {
        let shown = |values: &[&'static str]| {
            let ShownOrder { order, example } = shown_order(values.iter().copied());
            (order, example)
        };
        let (day, month) = (DateOrder::Shown(First::Day), DateOrder::Shown(First::Month));
        assert_eq!(shown(&["03/04/2010", "24/12/2010"]), (day, Some("24/12/2010")));
        assert_eq!(shown(&["03/04/2010", "12/24/2010"]), (month, Some("12/24/2010")));
        assert_eq!(shown(&["03/04/2010", "05.06.2010"]), (DateOrder::Unclear, Some("03/04/2010")));
        assert_eq!(shown(&["24/12/2010", "12/24/2010"]).0, DateOrder::Unclear);
        // No date at all, the same either way, or no doubt about the order.
        assert_eq!(shown(&["31/02/2010", "24/12/10", "04/04/2010", "2010-12-24", "20101224", ""]).1, None);
        let mut many = vec!["12/24/2010"; 9];
        many.push("24/12/2010");
        assert_eq!(shown(&many).0, month);
    }

    #[test]
    fn what_is_built_like_a_date_is_seen() {
        for value in ["24/12/90", "1.2.1990", "1990-2-1", "99/99/9999", "24/12/1990 00:00:00"] {
            assert!(is_built_like_date(value), "{value}");
        }
        for value in ["1/2", "070-123-45", "a/b/cd", "1990/91", "20101224", "1-2-3"] {
            assert!(!is_built_like_date(value), "{value}");
        }
    }

    proptest! {
        #[test]
        fn dates_are_read_back_from_every_notation(days in 0_i64..60_000) {
            let date = NaiveDate::from_ymd_opt(1900, 1, 1).expect("a date") + chrono::Duration::days(days);
            for notation in ["%Y-%m-%d", "%Y%m%d", "%Y/%m/%d", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y"] {
                prop_assert_eq!(parse_date(&date.format(notation).to_string(), DateOrder::Usual), Some(date));
            }
            let month_first = date.format("%m/%d/%Y").to_string();
            prop_assert_eq!(parse_date(&month_first, DateOrder::Shown(First::Month)), Some(date));
        }

        #[test]
        fn any_value_is_survived(value in "[0-9/. -]{0,12}|.{0,20}") {
            let other = other_reading(&value);
            prop_assert!(other.is_none() || is_date(&value));
            shown_order([value.as_str()]);
        }
    }
}
