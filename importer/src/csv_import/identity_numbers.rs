//! Knows a column of identity numbers of persons, which look like numbers of licences and must not pass for them.

use std::collections::HashSet;

use chrono::{Datelike, NaiveDate};

/// Whether nearly all of these values are built like the identity numbers of one country. Their dates of birth differ, as
/// those of persons do; numbers that were given out in sequence begin with the same digits.
pub(super) fn are_identity_numbers(values: &[&str], today: NaiveDate) -> bool {
    let of = |birth: fn(&str, i32) -> Option<&str>| {
        let births: Vec<&str> = values.iter().filter_map(|value| birth(value, today.year())).collect();
        let distinct: HashSet<&str> = births.iter().copied().collect();
        !values.is_empty() && births.len() * 10 >= values.len() * 9 && distinct.len() * 2 >= values.len()
    };
    of(swedish) || of(norwegian) || of(french)
}

/// The date in `8405021234`, `840502-1234` or `19840502-1234`; the day of a coordination number is 60 more.
fn swedish(value: &str, this_year: i32) -> Option<&str> {
    let (date, serial) = value.split_at_checked(value.len().checked_sub(4)?)?;
    let date = date.strip_suffix(['-', '+']).unwrap_or(date);
    if !are_digits(date) || !are_digits(serial) {
        return None;
    }
    let short = match date.len() {
        6 => date,
        8 => {
            let year: i32 = date.get(..4)?.parse().ok()?;
            date.get(2..).filter(|_| (1900..=this_year).contains(&year))?
        }
        _ => return None,
    };
    let days = number(short, 4);
    (is_month(short, 2) && (is_day(days) || is_day(days.saturating_sub(60)))).then_some(date)
}

/// The date in `02058412345`; day, month, year.
fn norwegian(value: &str, _: i32) -> Option<&str> {
    let date = value.get(..6).filter(|_| value.len() == 11 && are_digits(value))?;
    (is_day(number(date, 0)) && is_month(date, 2)).then_some(date)
}

/// Year and month in `184057512345678`, which begins with 1 or 2; the last two digits may lack.
fn french(value: &str, _: i32) -> Option<&str> {
    let is_built = matches!(value.len(), 13 | 15) && are_digits(value) && value.starts_with(['1', '2']);
    value.get(1..5).filter(|birth| is_built && is_month(birth, 2))
}

fn are_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The number of two digits at a place; 0 where there is none.
fn number(digits: &str, at: usize) -> u32 {
    digits.get(at..at + 2).and_then(|two| two.parse().ok()).unwrap_or(0)
}

fn is_month(digits: &str, at: usize) -> bool {
    (1..=12).contains(&number(digits, at))
}

const fn is_day(day: u32) -> bool {
    1 <= day && day <= 31
}

#[cfg(test)]
mod tests {
    use super::*;

    fn are(values: &[&str]) -> bool {
        are_identity_numbers(values, NaiveDate::from_ymd_opt(2026, 11, 25).expect("a date"))
    }

    #[test]
    fn identity_numbers_are_known_and_other_numbers_are_not() {
        assert!(are(&["19840502-1234", "19901224-4321", "20010302-0011"]));
        assert!(are(&["840502-1234", "901224+4321", "010362-0011"]));
        assert!(are(&["8405021234", "9012244321", "0103020011"]));
        assert!(are(&["02058412345", "24129054321", "02030100110"]));
        assert!(are(&["184057512345678", "290126912345678", "201033412345678"]));
        assert!(!are(&["1001011001", "1001011002", "1001011003"]), "numbers in sequence");
        assert!(!are(&["9999991234", "8888881234", "7777771234"]));
        assert!(!are(&["SE-00012", "SE-00013"]) && !are(&["1001", "1002"]) && !are(&[]) && !are(&["åäö12345"]));
    }
}
