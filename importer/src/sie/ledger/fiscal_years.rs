//! The fiscal years of a file, and how far the current one is covered.

use std::collections::BTreeMap;

use chrono::NaiveDate;

/// Fiscal years kept at most; files carry two, seldom more than five.
const MAX_YEARS: usize = 100;

/// Start and end of the fiscal years, by their number relative to the current one (0, -1, …).
#[derive(Debug, Default)]
pub(in crate::sie) struct FiscalYears {
    years: BTreeMap<i32, (NaiveDate, NaiveDate)>,
}

impl FiscalYears {
    /// Takes a year; `false` when it ends before it starts.
    pub(in crate::sie) fn take(&mut self, year: i32, start: NaiveDate, end: NaiveDate) -> bool {
        if start > end {
            return false;
        }
        if self.years.len() < MAX_YEARS {
            self.years.insert(year, (start, end));
        }
        true
    }

    pub(in crate::sie) fn is_empty(&self) -> bool {
        self.years.is_empty()
    }

    pub(in crate::sie) fn start(&self, year: i32) -> Option<NaiveDate> {
        self.years.get(&year).map(|(start, _)| *start)
    }

    pub(in crate::sie) fn end(&self, year: i32) -> Option<NaiveDate> {
        self.years.get(&year).map(|(_, end)| *end)
    }

    /// The declared year that a date lies in.
    pub(in crate::sie) fn year_of(&self, date: NaiveDate) -> Option<i32> {
        self.years.iter().find(|(_, (start, end))| (*start..=*end).contains(&date)).map(|(year, _)| *year)
    }

    /// Whether a date lies outside the year that vouchers may belong to: the current one, or any. Never when no such
    /// year is declared.
    pub(in crate::sie) fn is_outside(&self, date: NaiveDate, any_year: bool) -> bool {
        if any_year {
            return !self.is_empty() && self.year_of(date).is_none();
        }
        self.years.get(&0).is_some_and(|(start, end)| date < *start || date > *end)
    }
}

/// The last day that a file covers, and the vouchers dated after it.
#[derive(Debug, Default)]
pub(in crate::sie) struct CoveredPeriod {
    pub(in crate::sie) until: Option<NaiveDate>,
    /// Vouchers of the current year, with the line of the first, that come after the end.
    pub(in crate::sie) later: Option<(u64, u64)>,
}

impl CoveredPeriod {
    /// Notes the date of a voucher.
    pub(in crate::sie) fn note(&mut self, row: u64, date: NaiveDate) {
        if self.until.is_some_and(|until| date > until) {
            let (_, count) = self.later.get_or_insert((row, 0));
            *count += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_belong_to_years() {
        let day = |text: &str| text.parse::<NaiveDate>().expect("a date");
        let mut years = FiscalYears::default();
        assert!(!years.is_outside(day("2030-01-01"), true));
        assert!(!years.take(0, day("2024-12-31"), day("2024-01-01")));
        assert!(years.take(0, day("2024-01-01"), day("2024-12-31")));
        assert!(years.take(-1, day("2023-01-01"), day("2023-12-31")));
        assert_eq!((years.year_of(day("2023-12-31")), years.year_of(day("2022-12-31"))), (Some(-1), None));
        assert!(years.is_outside(day("2023-06-01"), false) && !years.is_outside(day("2023-06-01"), true));
    }
}
