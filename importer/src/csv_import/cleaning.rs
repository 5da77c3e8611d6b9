//! Checks and cleans the values of a table. Every change is a warning that says from what to what.

use chrono::{Datelike, NaiveDate};

use crate::issue::{Issue, shorten};

use super::fields::{self, FieldKind, FieldSpec};

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

/// Cleans the values of one row and collects what it finds.
#[derive(Debug)]
pub(super) struct Cleaner {
    row: u64,
    today: NaiveDate,
    issues: Vec<Issue>,
}

impl Cleaner {
    pub(super) const fn new(row: u64, today: NaiveDate) -> Self {
        Self { row, today, issues: Vec::new() }
    }

    pub(super) fn into_issues(self) -> Vec<Issue> {
        self.issues
    }

    /// The value to store; `None` when it is empty or refused.
    pub(super) fn clean(&mut self, column: &str, spec: &FieldSpec, raw: &str) -> Option<String> {
        if raw.contains('\0') {
            self.refuse("nul_character", column, raw, "the value holds a NUL character", "Export the file again.");
            return None;
        }
        let trimmed = raw.trim().trim_end_matches('\u{1a}');
        if trimmed.is_empty() {
            return None;
        }
        if trimmed.len() != raw.len() {
            self.changed("trimmed", column, raw, trimmed);
        }
        if trimmed.contains(char::REPLACEMENT_CHARACTER) {
            self.remark(
                "letters_lost",
                column,
                trimmed,
                "letters were lost before the file came here",
                "Export again with an encoding that has the letters, best UTF-8.",
            );
        }
        match spec.kind {
            FieldKind::Text => Some(trimmed.to_owned()),
            FieldKind::Key => self.key(column, trimmed),
            FieldKind::Date => self.date(column, trimmed).map(|date| date.to_string()),
            FieldKind::BirthDate => self.birth_date(column, trimmed),
            FieldKind::Sex => self.choice(column, trimmed, &SEXES, "M, F or X"),
            FieldKind::LicenceType => {
                self.choice(column, trimmed, &LICENCE_TYPES, "competition, leisure, youth or discovery")
            }
            FieldKind::Nationality => self.nationality(column, trimmed),
            FieldKind::Email => {
                self.judge_email(column, trimmed);
                Some(trimmed.to_owned())
            }
        }
    }

    fn key(&mut self, column: &str, value: &str) -> Option<String> {
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
        if value.chars().count() > 100 {
            self.refuse("key_too_long", column, value, "the key is longer than 100 characters", "Check the column.");
            return None;
        }
        Some(value.to_owned())
    }

    fn birth_date(&mut self, column: &str, value: &str) -> Option<String> {
        let date = self.date(column, value)?;
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
        Some(date.to_string())
    }

    fn date(&mut self, column: &str, value: &str) -> Option<NaiveDate> {
        let Some(date) = parse_date(value) else {
            self.refuse(
                "date_invalid",
                column,
                value,
                "this is no date: expected year-month-day, or day/month/year",
                "Write dates as 2010-12-24. Month first is not read, as it cannot be told from day first.",
            );
            return None;
        };
        let iso = date.to_string();
        if iso != value {
            self.changed("date_rewritten", column, value, &iso);
        }
        Some(date)
    }

    fn choice(&mut self, column: &str, value: &str, known: &[(&str, &str)], allowed: &str) -> Option<String> {
        let folded = fields::fold(value);
        let Some((_, chosen)) = known.iter().find(|(spelling, _)| *spelling == folded) else {
            self.refuse("value_not_allowed", column, value, &format!("expected {allowed}"), "Correct the value.");
            return None;
        };
        if *chosen != value {
            let code = if chosen.eq_ignore_ascii_case(value) { "recased" } else { "value_translated" };
            self.changed(code, column, value, chosen);
        }
        Some((*chosen).to_owned())
    }

    fn nationality(&mut self, column: &str, value: &str) -> Option<String> {
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
        let upper = value.to_ascii_uppercase();
        if upper != value {
            self.changed("recased", column, value, &upper);
        }
        Some(upper)
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

    fn changed(&mut self, code: &'static str, column: &str, from: &str, to: &str) {
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

    fn refuse(&mut self, code: &'static str, column: &str, value: &str, message: &str, hint: &str) {
        self.issues.push(Issue::error(code, self.row, message, hint).column(column).value(value));
    }
}

/// Numbers such as `1,23E+11` or `1.2e5`: digits are gone for good.
fn is_scientific(value: &str) -> bool {
    let Some((mantissa, exponent)) = value.split_once(['e', 'E']) else { return false };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some((whole, fraction)) = mantissa.split_once([',', '.']) else {
        // `12E45` may be a real licence number; with a sign it is not.
        return digits(mantissa) && exponent.strip_prefix(['+', '-']).is_some_and(digits);
    };
    digits(whole) && digits(fraction) && digits(exponent.trim_start_matches(['+', '-']))
}

/// Reads year-month-day in any common notation, and day-month-year with `/`, `.` or `-`. A month above 12 is refused
/// rather than taken for a day: the other dates of that file would be silently wrong.
fn parse_date(value: &str) -> Option<NaiveDate> {
    // Databases export dates with a midnight behind them.
    let value = value.strip_suffix(" 00:00:00").or_else(|| value.strip_suffix("T00:00:00")).unwrap_or(value);
    if value.len() == 8 && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return ymd(value.get(..4)?, value.get(4..6)?, value.get(6..)?);
    }
    let separator = value.chars().find(|character| !character.is_ascii_digit())?;
    if !matches!(separator, '-' | '/' | '.') {
        return None;
    }
    let mut parts = value.split(separator);
    let (first, second, third) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    if first.len() == 4 { ymd(first, second, third) } else { ymd(third, second, first) }
}

fn ymd(year: &str, month: &str, day: &str) -> Option<NaiveDate> {
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
    use crate::format::Entity;

    fn clean(field: &str, value: &str) -> (Option<String>, Vec<&'static str>) {
        let today = NaiveDate::from_ymd_opt(2025, 6, 1).expect("a date");
        let mut cleaner = Cleaner::new(2, today);
        let spec = fields::of(Entity::Members).iter().find(|spec| spec.name == field).expect("a field");
        let stored = cleaner.clean("column", spec, value);
        (stored, cleaner.into_issues().into_iter().map(|issue| issue.code).collect())
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
    }

    #[test]
    fn the_message_says_from_what_to_what() {
        let mut cleaner = Cleaner::new(7, NaiveDate::default());
        let spec = fields::of(Entity::Members).iter().find(|spec| spec.name == "valid_to").expect("a field");
        cleaner.clean("Giltig till", spec, "24/12/2010");
        let issue = cleaner.into_issues().remove(0);
        assert_eq!(issue.message, "“24/12/2010” is stored as “2010-12-24”");
        assert_eq!((issue.row, issue.column.as_deref()), (7, Some("Giltig till")));
    }

    proptest! {
        #[test]
        fn dates_are_read_back_from_every_notation(days in 0_i64..60_000) {
            let date = NaiveDate::from_ymd_opt(1900, 1, 1).expect("a date") + chrono::Duration::days(days);
            for notation in ["%Y-%m-%d", "%Y%m%d", "%Y/%m/%d", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y"] {
                prop_assert_eq!(parse_date(&date.format(notation).to_string()), Some(date));
            }
        }

        #[test]
        fn any_value_is_survived(value in ".{0,40}") {
            for spec in fields::of(Entity::Members) {
                Cleaner::new(1, NaiveDate::default()).clean("column", spec, &value);
            }
        }
    }
}
