//! Amounts, dates and organisation numbers as SIE files write them, and as they write them against the rules.

use chrono::NaiveDate;
use rust_decimal::Decimal;

/// An exact amount, in the ledger's currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sie) struct Amount {
    pub(in crate::sie) value: Decimal,
    /// It was written with a decimal comma.
    pub(in crate::sie) comma: bool,
}

/// Reads an amount: a sign, up to 18 digits, and up to 6 decimals after a point or a comma. The limits keep every sum
/// of amounts exact.
pub(in crate::sie) fn amount(text: &str) -> Option<Amount> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let comma = digits.contains(',');
    let (whole, decimals) = digits.split_once([',', '.']).unwrap_or((digits, ""));
    let numeric = |part: &str, longest: usize| part.len() <= longest && part.bytes().all(|byte| byte.is_ascii_digit());
    if !numeric(whole, 18) || !numeric(decimals, 6) || (whole.is_empty() && decimals.is_empty()) {
        return None;
    }
    let scale = u32::try_from(decimals.len()).ok()?;
    let units: i128 = format!("0{whole}{decimals}").parse().ok()?;
    let value = Decimal::try_from_i128_with_scale(if negative { -units } else { units }, scale).ok()?;
    Some(Amount { value, comma })
}

/// A date and how it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sie) struct SieDate {
    pub(in crate::sie) date: NaiveDate,
    /// It was written with hyphens.
    pub(in crate::sie) iso: bool,
}

/// Reads YYYYMMDD, or YYYY-MM-DD.
pub(in crate::sie) fn date(text: &str) -> Option<SieDate> {
    let iso = text.len() == 10;
    let (year, month, day) = match text.as_bytes() {
        [_, _, _, _, b'-', _, _, b'-', _, _] => (text.get(..4)?, text.get(5..7)?, text.get(8..)?),
        [_, _, _, _, _, _, _, _] => (text.get(..4)?, text.get(4..6)?, text.get(6..)?),
        _ => return None,
    };
    let number =
        |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse::<u32>().ok()).flatten();
    let year = i32::try_from(number(year)?).ok().filter(|year| *year > 0)?;
    Some(SieDate { date: NaiveDate::from_ymd_opt(year, number(month)?, number(day)?)?, iso })
}

/// Whether a text is a period, YYYYMM.
pub(in crate::sie) fn is_period(text: &str) -> bool {
    text.len() == 6
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && text.get(4..).is_some_and(|month| ("01"..="12").contains(&month))
}

/// What is odd about an organisation number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sie) enum OrganisationNumberOddity {
    /// Twelve digits, with a century in front, instead of ten.
    TwelveDigits,
    /// Neither ten nor twelve digits.
    Length,
    /// The last digit does not follow from the others (Luhn).
    CheckDigit,
}

/// Checks an organisation number, with or without its hyphen. A number may be odd in two ways.
pub(in crate::sie) fn organisation_number_oddities(text: &str) -> Vec<OrganisationNumberOddity> {
    let digits: Vec<u32> =
        text.chars().filter(|character| !matches!(character, '-' | ' ')).map_while(|c| c.to_digit(10)).collect();
    let complete = text.chars().all(|character| character.is_ascii_digit() || matches!(character, '-' | ' '));
    let mut oddities = Vec::new();
    let significant = match digits.len() {
        10 if complete => digits.as_slice(),
        12 if complete => {
            oddities.push(OrganisationNumberOddity::TwelveDigits);
            digits.get(2..).unwrap_or_default()
        }
        _ => return vec![OrganisationNumberOddity::Length],
    };
    let sum: u32 = significant
        .iter()
        .enumerate()
        .map(|(position, digit)| {
            let weighted = digit * if position % 2 == 0 { 2 } else { 1 };
            weighted / 10 + weighted % 10
        })
        .sum();
    if !sum.is_multiple_of(10) {
        oddities.push(OrganisationNumberOddity::CheckDigit);
    }
    oddities
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Option<String> {
        amount(text).map(|amount| amount.value.to_string())
    }

    #[test]
    fn amounts_are_exact() {
        assert_eq!(read("-195.00").as_deref(), Some("-195.00"));
        assert_eq!(read("+12").as_deref(), Some("12"));
        assert_eq!(read(".5").as_deref(), Some("0.5"));
        assert_eq!(read("-0.00").as_deref(), Some("0.00"));
        assert_eq!(read("10,5").as_deref(), Some("10.5"));
        assert!(amount("10,5").expect("an amount").comma);
        for text in ["", "-", ".", "1 000", "1.000,00", "1e5", "0x1", "ett", "1_000", "١", "1234567890123456789"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn dates_have_two_notations() {
        let expected = NaiveDate::from_ymd_opt(2024, 2, 29).expect("a date");
        assert_eq!(date("20240229"), Some(SieDate { date: expected, iso: false }));
        assert_eq!(date("2024-02-29"), Some(SieDate { date: expected, iso: true }));
        for text in ["", "20230229", "2024-2-9", "+2024-1-1", "000000000", "2024年1月"] {
            assert_eq!(date(text), None, "{text}");
        }
        assert!(is_period("202412") && !is_period("202413") && !is_period("2024"));
    }

    #[test]
    fn organisation_numbers_carry_a_check_digit() {
        use OrganisationNumberOddity::{CheckDigit, Length, TwelveDigits};
        assert_eq!(organisation_number_oddities("556036-0793"), []);
        assert_eq!(organisation_number_oddities("165560360793"), [TwelveDigits]);
        assert_eq!(organisation_number_oddities("556036-0794"), [CheckDigit]);
        assert_eq!(organisation_number_oddities("55603"), [Length]);
        assert_eq!(organisation_number_oddities("556036-079X"), [Length]);
    }

    proptest! {
        #[test]
        fn amounts_round_trip(cents in -999_999_999_999_i64..999_999_999_999) {
            let value = Decimal::new(cents, 2);
            prop_assert_eq!(amount(&value.to_string()).map(|amount| amount.value), Some(value));
        }

        #[test]
        fn any_text_is_survived(text in ".{0,14}") {
            amount(&text);
            date(&text);
            organisation_number_oddities(&text);
        }
    }
}
