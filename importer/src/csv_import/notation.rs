//! Finds out how the values of a column are written, where they can be read in two ways. What a preview found out is kept
//! with the mapping, so that loading reads the same.

use crate::import::Notation;
use crate::issue::shorten;
use crate::rows::dates::{self, DateOrder, First};
use crate::rows::decimals::{self, DecimalMark, Decimals};
use crate::rows::{FieldKind, Written};

/// What the values of a column show.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) notation: Option<Notation>,
    /// In words, where a person should know.
    pub(super) words: Option<String>,
}

/// Looks at the values of a column of this kind.
pub(super) fn shown(kind: FieldKind, values: &[&str]) -> Shown {
    let values = values.iter().map(|value| value.trim());
    match kind {
        FieldKind::Date | FieldKind::BirthDate => of_dates(values),
        FieldKind::Decimal => of_numbers(values),
        _ => Shown::default(),
    }
}

fn of_dates<'a>(values: impl Iterator<Item = &'a str>) -> Shown {
    let shown = dates::shown_order(values);
    let notation = match shown.order {
        DateOrder::Shown(First::Day) => Some(Notation::DayFirst),
        DateOrder::Shown(First::Month) => Some(Notation::MonthFirst),
        _ => None,
    };
    let words = shown.example.map(|example| match notation {
        Some(Notation::MonthFirst) => format!("months come first, as in {}", shorten(example)),
        Some(_) => format!("days come first, as in {}", shorten(example)),
        None => "whether days or months come first is not clear, and days are assumed".to_owned(),
    });
    Shown { notation, words }
}

fn of_numbers<'a>(values: impl Iterator<Item = &'a str>) -> Shown {
    match decimals::shown_mark(values) {
        Some((DecimalMark::Comma, example)) => Shown {
            notation: Some(Notation::DecimalComma),
            words: Some(format!("a comma stands before decimals, as in {}", shorten(example))),
        },
        Some((DecimalMark::Point, _)) => Shown { notation: Some(Notation::DecimalPoint), words: None },
        None => Shown::default(),
    }
}

/// How the values of a column are read. Where a table is delimited by commas, a comma that had to be quoted is more likely
/// to stand between thousands.
pub(super) fn written(notation: Option<Notation>, delimiter: u8) -> Written {
    let order = match notation {
        Some(Notation::DayFirst) => DateOrder::Shown(First::Day),
        Some(Notation::MonthFirst) => DateOrder::Shown(First::Month),
        _ => DateOrder::Unclear,
    };
    let decimals = match notation {
        Some(Notation::DecimalPoint) => Decimals::Shown(DecimalMark::Point),
        Some(Notation::DecimalComma) => Decimals::Shown(DecimalMark::Comma),
        _ => Decimals::Unclear { comma_groups: delimiter == b',' },
    };
    Written { order, decimals: Some(decimals) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_read_as_its_values_show() {
        let of = |kind, values: &[&str]| {
            let shown = shown(kind, values);
            (shown.notation, shown.words.unwrap_or_default())
        };
        let dates = of(FieldKind::Date, &[" 03/04/2010", "12/24/2010 ", ""]);
        assert_eq!(dates, (Some(Notation::MonthFirst), "months come first, as in 12/24/2010".to_owned()));
        assert_eq!(of(FieldKind::BirthDate, &["24.12.2010"]).0, Some(Notation::DayFirst));
        assert!(of(FieldKind::Date, &["03/04/2010"]).1.ends_with("days are assumed"));
        assert_eq!(of(FieldKind::Date, &["2010-12-24", "20101224"]), (None, String::new()));
        assert_eq!(of(FieldKind::Decimal, &["12,50"]).0, Some(Notation::DecimalComma));
        assert_eq!(of(FieldKind::Decimal, &["12.50"]), (Some(Notation::DecimalPoint), String::new()));
        assert_eq!(of(FieldKind::Text, &["12/24/2010", "12,50"]), (None, String::new()));
    }
}
