//! Checks and cleans single values. Every change is a warning that says from what to what.

use std::borrow::Cow;

use chrono::{Datelike, Days, NaiveDate};

use crate::issue::{Issue, shorten};

use super::dates::{DateOrder, First, other_reading, parse_date};
use super::decimals::{self, Decimals, Number};
use super::fields::{self, FieldKind};

/// What to do about a date that is not in the order that a profile declares.
const ORDER_HINT: &str = "Write dates as 2010-12-24, or correct the date order in the profile.";

/// What to do about a date that is not in the order of the other dates of its column.
const SHOWN_HINT: &str = "Write dates as 2010-12-24, or all of the column in one order.";

/// Longest number that is stored, in characters.
const LONGEST_NUMBER: usize = 28;

/// Earliest birth year taken for real.
const FIRST_BIRTH_YEAR: i32 = 1900;

/// Other spellings of the sexes, folded: English, French, Swedish. A Swedish K and a French H are common.
const SEXES: [(&str, &str); 17] = [
    ("m", "M"),
    ("male", "M"),
    ("man", "M"),
    ("h", "M"),
    ("homme", "M"),
    ("masculin", "M"),
    ("herr", "M"),
    ("f", "F"),
    ("female", "F"),
    ("woman", "F"),
    ("femme", "F"),
    ("feminin", "F"),
    ("k", "F"),
    ("kvinna", "F"),
    ("dam", "F"),
    ("x", "X"),
    ("other", "X"),
];

/// Other spellings of the licence types, folded.
const LICENCE_TYPES: [(&str, &str); 14] = [
    ("competition", "competition"),
    ("tavling", "competition"),
    ("tavlingslicens", "competition"),
    ("leisure", "leisure"),
    ("loisir", "leisure"),
    ("loisirs", "leisure"),
    ("motion", "leisure"),
    ("youth", "youth"),
    ("jeune", "youth"),
    ("jeunes", "youth"),
    ("ungdom", "youth"),
    ("discovery", "discovery"),
    ("decouverte", "discovery"),
    ("prova", "discovery"),
];

/// How the values of a column are written, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Written {
    /// The order of days, months and years.
    pub(crate) order: DateOrder,
    /// The marks in numbers with decimals; a point alone where nothing is known.
    pub(crate) decimals: Option<Decimals>,
}

/// Cleans the values of one row and collects what it finds.
#[derive(Debug)]
pub(crate) struct Cleaner {
    row: u64,
    today: NaiveDate,
    is_plain: bool,
    issues: Vec<Issue>,
}

impl Cleaner {
    pub(crate) const fn new(row: u64, today: NaiveDate) -> Self {
        Self { row, today, is_plain: false, issues: Vec::new() }
    }

    /// A cleaner for a row of which [`super::is_plain`] is known.
    pub(crate) const fn of_row(row: u64, today: NaiveDate, is_plain: bool) -> Self {
        Self { row, today, is_plain, issues: Vec::new() }
    }

    pub(crate) fn into_issues(self) -> Vec<Issue> {
        self.issues
    }

    /// The value to store; `None` when it is empty or refused.
    pub(crate) fn clean<'v>(&mut self, column: &str, kind: FieldKind, raw: &'v str) -> Option<Cow<'v, str>> {
        self.clean_written(column, kind, Written::default(), raw)
    }

    /// As [`Self::clean`], where something is known about the notation.
    pub(crate) fn clean_written<'v>(
        &mut self,
        column: &str,
        kind: FieldKind,
        written: Written,
        raw: &'v str,
    ) -> Option<Cow<'v, str>> {
        // One look for both: the replacement character is the only one of interest that begins with this byte.
        let odd = !self.is_plain && raw.bytes().any(|byte| byte == 0 || byte == 0xef);
        if odd && raw.contains('\0') {
            self.refuse("nul_character", column, raw, "the value holds a NUL character", "Export the file again.");
            return None;
        }
        let trimmed = trimmed(raw);
        if trimmed.is_empty() {
            return None;
        }
        if trimmed.len() != raw.len() {
            self.changed("trimmed", column, raw, trimmed);
        }
        if !self.is_plain && is_formula_error(trimmed) {
            self.refuse_formula_error(column, trimmed);
            return None;
        }
        if odd && trimmed.contains(char::REPLACEMENT_CHARACTER) {
            self.remark(
                "letters_lost",
                column,
                trimmed,
                "letters were lost before the file came here",
                "Export again with an encoding that has the letters, best UTF-8.",
            );
        }
        match kind {
            FieldKind::Text => Some(Cow::Borrowed(trimmed)),
            FieldKind::Key => self.key(column, trimmed),
            FieldKind::Date => self.date(column, written.order, trimmed).map(|(_, text)| text),
            FieldKind::BirthDate => self.birth_date(column, written.order, trimmed),
            FieldKind::Sex => self.choice(column, trimmed, &SEXES, &["M", "F", "X"]),
            FieldKind::LicenceType => {
                self.choice(column, trimmed, &LICENCE_TYPES, &["competition", "leisure", "youth", "discovery"])
            }
            FieldKind::Nationality => self.nationality(column, trimmed),
            FieldKind::Email => {
                self.judge_email(column, trimmed);
                Some(Cow::Borrowed(trimmed))
            }
            FieldKind::Integer => self.number(column, trimmed, true).map(Cow::Owned),
            FieldKind::Decimal => match written.decimals {
                None => self.number(column, trimmed, false).map(Cow::Owned),
                Some(decimals) => self.decimal(column, decimals, trimmed).map(Cow::Owned),
            },
        }
    }

    /// A number as it is written, without what adds nothing to it: a plus sign and leading zeros.
    fn number(&mut self, column: &str, value: &str, whole: bool) -> Option<String> {
        let (sign, rest) = match value.strip_prefix('-') {
            Some(rest) => ("-", rest),
            None => ("", value.strip_prefix('+').unwrap_or(value)),
        };
        let (digits, fraction) =
            rest.split_once('.').map_or((rest, None), |(digits, fraction)| (digits, Some(fraction)));
        let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !all_digits(digits)
            || !fraction.is_none_or(|fraction| !whole && all_digits(fraction))
            || rest.len() > LONGEST_NUMBER
        {
            let (code, expected, hint) = if whole {
                ("integer_invalid", "expected a whole number", "Write digits only, with a minus sign where needed.")
            } else {
                ("decimal_invalid", "expected a number", "Write digits with a decimal point and no other separator.")
            };
            self.refuse(code, column, value, expected, hint);
            return None;
        }
        let digits = match digits.trim_start_matches('0') {
            "" => "0",
            significant => significant,
        };
        let plain = fraction.map_or_else(|| format!("{sign}{digits}"), |fraction| format!("{sign}{digits}.{fraction}"));
        if plain != value {
            self.changed("number_rewritten", column, value, &plain);
        }
        Some(plain)
    }

    /// A number as the notation of its column has it.
    fn decimal(&mut self, column: &str, decimals: Decimals, value: &str) -> Option<String> {
        let number = decimals::read(value, decimals).filter(|number| number.plain.len() <= LONGEST_NUMBER);
        let Some(Number { plain, or }) = number else {
            let hint = "Write digits with a point or a comma before the decimals, and nothing else.";
            self.refuse("decimal_invalid", column, value, "expected a number", hint);
            return None;
        };
        // A plus sign or a leading nought says nothing about marks.
        let is_plain = value.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'+' | b'-'));
        match or {
            Some(other) => self.remark(
                "decimal_ambiguous",
                column,
                value,
                &format!("“{}” is stored as “{plain}”, and might be “{other}”", shorten(value)),
                "Look at other numbers of the file; write nothing between thousands.",
            ),
            None if plain == value => {}
            None if is_plain && plain.contains('.') == value.contains('.') => {
                self.changed("number_rewritten", column, value, &plain);
            }
            None => self.changed("decimal_rewritten", column, value, &plain),
        }
        Some(plain)
    }

    fn key<'v>(&mut self, column: &str, value: &'v str) -> Option<Cow<'v, str>> {
        let value = if value.starts_with('\'') {
            // A value that is an error stays one as a text.
            if is_formula_error(value.trim_start_matches(['\'', ' '])) {
                self.refuse_formula_error(column, value);
                return None;
            }
            self.without_apostrophe(column, value)
        } else {
            value
        };
        if is_scientific(value) {
            self.refuse(
                "key_rounded",
                column,
                value,
                "a spreadsheet turned the number into a rounded one",
                "Format the column as text in the spreadsheet, then export again.",
            );
            return None;
        }
        if value.len() > 100 && value.chars().count() > 100 {
            self.refuse("key_too_long", column, value, "the key is longer than 100 characters", "Check the column.");
            return None;
        }
        Some(Cow::Borrowed(value))
    }

    #[cold]
    fn refuse_formula_error(&mut self, column: &str, value: &str) {
        self.refuse(
            "formula_error",
            column,
            value,
            "a spreadsheet could not show a value here",
            "Correct the formula, or widen the column, or empty the cell, and export again.",
        );
    }

    /// A value without the apostrophe in front by which spreadsheets are told that a number is a text.
    #[cold]
    fn without_apostrophe<'v>(&mut self, column: &str, value: &'v str) -> &'v str {
        match value.strip_prefix('\'') {
            Some(rest) if !rest.trim().is_empty() => {
                let rest = rest.trim();
                self.changed("apostrophe_dropped", column, value, rest);
                rest
            }
            _ => value,
        }
    }

    fn birth_date<'v>(&mut self, column: &str, order: DateOrder, value: &'v str) -> Option<Cow<'v, str>> {
        let (date, text) = self.date(column, order, value)?;
        if date > self.today {
            self.refuse("birth_date_future", column, value, "the birth date is in the future", "Correct the date.");
            return None;
        }
        if date.year() < FIRST_BIRTH_YEAR {
            self.remark(
                "birth_date_old",
                column,
                value,
                "the birth date is before 1900",
                "Check that the date is not a placeholder.",
            );
        }
        Some(text)
    }

    fn date<'v>(&mut self, column: &str, order: DateOrder, value: &'v str) -> Option<(NaiveDate, Cow<'v, str>)> {
        if let Some(date) = iso_date(value) {
            return Some((date, Cow::Borrowed(value)));
        }
        let Some(date) = parse_date(value, order) else {
            if value.starts_with('\'') && value.len() > 1 {
                let bare = self.without_apostrophe(column, value);
                return self.date(column, order, bare);
            }
            if let Some(day) = serial_day(value) {
                let message = format!("this is the number by which a spreadsheet counts a day, maybe {day}");
                let hint = "Format the column as a date in the spreadsheet, such as 2010-12-24, and export again.";
                self.refuse("date_invalid", column, value, &message, hint);
                return None;
            }
            let (message, hint) = match order {
                DateOrder::Unclear => (
                    "this is no date: expected year-month-day, or day/month/year",
                    "Write dates as 2010-12-24. The month may come first where the dates of the column show it.",
                ),
                DateOrder::Usual => (
                    "this is no date: expected year-month-day, or day/month/year",
                    "Write dates as 2010-12-24. Month first is not read, as it cannot be told from day first.",
                ),
                DateOrder::Declared(First::Day) => ("this is no date: the profile says day, month, year", ORDER_HINT),
                DateOrder::Declared(First::Month) => ("this is no date: the profile says month, day, year", ORDER_HINT),
                DateOrder::Declared(First::Year) => ("this is no date: the profile says year, month, day", ORDER_HINT),
                DateOrder::Shown(First::Month) => {
                    ("this is no date with the month first, as the others of the column have it", SHOWN_HINT)
                }
                DateOrder::Shown(_) => {
                    ("this is no date with the day first, as the others of the column have it", SHOWN_HINT)
                }
            };
            self.refuse("date_invalid", column, value, message, hint);
            return None;
        };
        let iso = date.to_string();
        match other_reading(value).filter(|_| order == DateOrder::Unclear) {
            None => self.changed("date_rewritten", column, value, &iso),
            Some(other) => self.remark(
                "date_ambiguous",
                column,
                value,
                &format!("“{}” is stored as “{iso}”, and with the month first would be “{other}”", shorten(value)),
                "Look at other dates of the file. Where the month comes first, write dates as 2010-12-24, or read the file by a profile that says so.",
            ),
        }
        Some((date, Cow::Owned(iso)))
    }

    fn choice<'v>(
        &mut self,
        column: &str,
        value: &'v str,
        known: &[(&str, &'static str)],
        choices: &[&str],
    ) -> Option<Cow<'v, str>> {
        if choices.contains(&value) {
            return Some(Cow::Borrowed(value));
        }
        let folded = fields::fold(value);
        let Some((_, chosen)) = known.iter().find(|(spelling, _)| *spelling == folded) else {
            let (last, others) = choices.split_last().unwrap_or((&"", &[]));
            let message = format!("expected {} or {last}", others.join(", "));
            self.refuse("value_not_allowed", column, value, &message, "Correct the value.");
            return None;
        };
        let code = if chosen.eq_ignore_ascii_case(value) { "recased" } else { "value_translated" };
        self.changed(code, column, value, chosen);
        Some(Cow::Borrowed(*chosen))
    }

    fn nationality<'v>(&mut self, column: &str, value: &'v str) -> Option<Cow<'v, str>> {
        if !(2..=3).contains(&value.len()) || !value.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            self.refuse(
                "nationality_invalid",
                column,
                value,
                "expected a country code of two or three letters",
                "Write the ISO 3166 code, such as SE, SWE, FR or FRA.",
            );
            return None;
        }
        if value.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Some(Cow::Borrowed(value));
        }
        let upper = value.to_ascii_uppercase();
        self.changed("recased", column, value, &upper);
        Some(Cow::Owned(upper))
    }

    fn judge_email(&mut self, column: &str, value: &str) {
        let plausible = value.split_once('@').is_some_and(|(name, domain)| {
            !name.is_empty() && !domain.contains('@') && domain.contains('.') && !value.contains(char::is_whitespace)
        });
        if !plausible {
            self.remark(
                "email_suspicious",
                column,
                value,
                "this does not look like an e-mail address",
                "Check the address; it is kept as it is.",
            );
        }
    }

    /// Says that a value is stored otherwise than it was written.
    pub(crate) fn changed(&mut self, code: &'static str, column: &str, from: &str, to: &str) {
        self.issues.push(
            Issue::warning(
                code,
                self.row,
                format!("“{}” is stored as “{}”", shorten(from), shorten(to)),
                "Nothing to do if this is what was meant.",
            )
            .column(column)
            .value(from),
        );
    }

    fn remark(&mut self, code: &'static str, column: &str, value: &str, message: &str, hint: &str) {
        self.issues.push(Issue::warning(code, self.row, message, hint).column(column).value(value));
    }

    /// Refuses a value, and with it the row.
    pub(crate) fn refuse(&mut self, code: &'static str, column: &str, value: &str, message: &str, hint: &str) {
        self.issues.push(Issue::error(code, self.row, message, hint).column(column).value(value));
    }
}

/// A value without the spaces around it, and without the mark that ends old text files.
pub(crate) fn trimmed(value: &str) -> &str {
    match value.as_bytes() {
        [b'!'..=b'~'] | [b'!'..=b'~', .., b'!'..=b'~'] => value,
        _ => value.trim().trim_end_matches('\u{1a}'),
    }
}

/// A date written as it is stored, which is the same under any order.
fn iso_date(value: &str) -> Option<NaiveDate> {
    let bytes: &[u8; 10] = value.as_bytes().try_into().ok()?;
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + u32::from(digit - b'0')))
    };
    let [year @ .., b'-', _, _, b'-', _, _] = bytes else { return None };
    let [.., month, month_end, b'-', day, day_end] = bytes else { return None };
    // Year 0 marks an empty date in many systems.
    let year = number(year).filter(|year| *year > 0)?;
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, number(&[*month, *month_end])?, number(&[*day, *day_end])?)
}

/// Whether a value is one of the words for a sex.
pub(crate) fn is_sex(value: &str) -> bool {
    let folded = fields::fold(value);
    SEXES.iter().any(|(spelling, _)| *spelling == folded)
}

/// Whether a value is one of the words for a type of licence.
pub(crate) fn is_licence_type(value: &str) -> bool {
    let folded = fields::fold(value);
    LICENCE_TYPES.iter().any(|(spelling, _)| *spelling == folded)
}

/// Numbers such as `1,23E+11` or `1.2e5`: digits are gone for good.
/// The day that spreadsheets count as this number, where the number is of this age: 1927 to 2064.
fn serial_day(value: &str) -> Option<NaiveDate> {
    let days: u64 = value.parse().ok().filter(|days| (10_000..60_000).contains(days))?;
    NaiveDate::from_ymd_opt(1899, 12, 30)?.checked_add_days(Days::new(days))
}

/// What a spreadsheet shows where a formula gives no value, in any of its languages, or where a column is too narrow:
/// `#REF!`, `#N/A`, `#NAMN?`, `####`.
fn is_formula_error(value: &str) -> bool {
    let Some(name) = value.strip_prefix('#') else { return false };
    let is_word = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_uppercase() || c == '/' || c == '0');
    matches!(name, "N/A" | "I/T")
        || name.strip_suffix(['!', '?']).is_some_and(is_word)
        || name.len() > 1 && name.bytes().all(|byte| byte == b'#')
}

fn is_scientific(value: &str) -> bool {
    let Some((mantissa, exponent)) = value.split_once(['e', 'E']) else { return false };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some((whole, fraction)) = mantissa.split_once([',', '.']) else {
        // `12E45` may be a real licence number; with a sign it is not.
        return digits(mantissa) && exponent.strip_prefix(['+', '-']).is_some_and(digits);
    };
    digits(whole) && digits(fraction) && digits(exponent.trim_start_matches(['+', '-']))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::format::Entity;

    fn clean(field: &str, value: &str) -> (Option<String>, Vec<&'static str>) {
        let today = NaiveDate::from_ymd_opt(2025, 6, 1).expect("a date");
        let mut cleaner = Cleaner::new(2, today);
        let spec = fields::of(Entity::Members).iter().find(|spec| spec.name == field).expect("a field");
        let stored = cleaner.clean("column", spec.kind, value);
        (stored.map(Cow::into_owned), cleaner.into_issues().into_iter().map(|issue| issue.code).collect())
    }

    fn gives(field: &str, from: &str, to: &str, codes: &[&str]) {
        assert_eq!(clean(field, from), (Some(to.to_owned()), codes.to_vec()), "{field} {from}");
    }

    fn refuses(field: &str, value: &str, code: &'static str) {
        assert_eq!(clean(field, value), (None, vec![code]), "{field} {value}");
    }

    #[test]
    fn every_change_is_announced() {
        gives("given_name", " Åsa\u{a0}", "Åsa", &["trimmed"]);
        gives("birth_date", "2010-12-24", "2010-12-24", &[]);
        gives("birth_date", "24/12/2010", "2010-12-24", &["date_rewritten"]);
        gives("birth_date", "24.12.2010", "2010-12-24", &["date_rewritten"]);
        gives("birth_date", "20101224", "2010-12-24", &["date_rewritten"]);
        gives("birth_date", "3/4/2010 ", "2010-04-03", &["trimmed", "date_rewritten"]);
        gives("valid_to", "2099-12-31 00:00:00", "2099-12-31", &["date_rewritten"]);
        gives("sex", "k", "F", &["value_translated"]);
        gives("sex", "m", "M", &["recased"]);
        gives("nationality", "swe", "SWE", &["recased"]);
        gives("licence_type", "Compétition", "competition", &["value_translated"]);
        gives("licence_type", "Youth", "youth", &["recased"]);
        gives("email", "anna at example", "anna at example", &["email_suspicious"]);
        gives("city", "Malm\u{fffd}", "Malm\u{fffd}", &["letters_lost"]);
    }

    #[test]
    fn what_cannot_be_right_is_refused() {
        refuses("birth_date", "12/24/2010", "date_invalid");
        refuses("birth_date", "2010-02-30", "date_invalid");
        refuses("birth_date", "24/12/10", "date_invalid");
        refuses("birth_date", "0000-00-00", "date_invalid");
        refuses("birth_date", "2025-06-02", "birth_date_future");
        refuses("sex", "?", "value_not_allowed");
        refuses("nationality", "Sverige", "nationality_invalid");
        refuses("licence_number", "1,23E+11", "key_rounded");
        refuses("given_name", "A\0", "nul_character");
        gives("licence_number", "12E45", "12E45", &[]);
        refuses("licence_number", "1.23E+05", "key_rounded");
        for error in ["#REF!", "#N/A", "#DIV/0!", "#VÄRDEFEL!", "#NAMN?", "######"] {
            refuses("given_name", error, "formula_error");
            refuses("birth_date", error, "formula_error");
        }
        for text in ["#1", "#", "##", "Boule #REF!", "#Ref!", "#!"] {
            gives("given_name", text, text, &[]);
        }
        refuses("birth_date", "45123", "date_invalid");
        let mut cleaner = Cleaner::new(2, NaiveDate::default());
        assert_eq!(cleaner.clean("Född", FieldKind::BirthDate, "32874"), None);
        assert!(cleaner.into_issues().remove(0).message.ends_with("maybe 1990-01-01"));
    }

    #[test]
    fn the_apostrophe_of_a_text_in_a_spreadsheet_is_dropped_where_no_value_has_one() {
        gives("licence_number", "'00123", "00123", &["apostrophe_dropped"]);
        gives("licence_number", "' 00123", "00123", &["apostrophe_dropped"]);
        refuses("licence_number", "'#REF!", "formula_error");
        gives("birth_date", "'1990-01-01", "1990-01-01", &["apostrophe_dropped"]);
        gives("birth_date", "'24/12/1990", "1990-12-24", &["apostrophe_dropped", "date_rewritten"]);
        gives("licence_number", "'", "'", &[]);
        gives("family_name", "'t Hooft", "'t Hooft", &[]);
    }

    #[test]
    fn numbers_stay_exact() {
        let number = |kind, value: &str| {
            let mut cleaner = Cleaner::new(1, NaiveDate::default());
            let stored = cleaner.clean("column", kind, value);
            (stored.map(Cow::into_owned), cleaner.into_issues().first().map(|issue| issue.code))
        };
        assert_eq!(number(FieldKind::Integer, "42"), (Some("42".into()), None));
        assert_eq!(number(FieldKind::Integer, "+007"), (Some("7".into()), Some("number_rewritten")));
        assert_eq!(number(FieldKind::Integer, "4.0"), (None, Some("integer_invalid")));
        assert_eq!(number(FieldKind::Decimal, "-0.10"), (Some("-0.10".into()), None));
        assert_eq!(number(FieldKind::Decimal, "1,5"), (None, Some("decimal_invalid")));
        assert_eq!(number(FieldKind::Decimal, "1."), (None, Some("decimal_invalid")));
        assert_eq!(number(FieldKind::Decimal, "1e5"), (None, Some("decimal_invalid")));
    }

    #[test]
    fn the_message_says_from_what_to_what() {
        let mut cleaner = Cleaner::new(7, NaiveDate::default());
        let spec = fields::of(Entity::Members).iter().find(|spec| spec.name == "valid_to").expect("a field");
        cleaner.clean("Giltig till", spec.kind, "24/12/2010");
        let issue = cleaner.into_issues().remove(0);
        assert_eq!(issue.message, "“24/12/2010” is stored as “2010-12-24”");
        assert_eq!((issue.row, issue.column.as_deref()), (7, Some("Giltig till")));
    }

    proptest! {
        #[test]
        fn any_value_is_survived(value in ".{0,40}") {
            for spec in fields::of(Entity::Members) {
                Cleaner::new(1, NaiveDate::default()).clean("column", spec.kind, &value);
            }
        }
    }
}
