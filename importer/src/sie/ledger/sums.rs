//! Adds up what a file says about each account, and compares at the end: opening balance and movements must give the
//! closing balance, movements must give the result, and last year's closing must be this year's opening.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::chart::{Chart, Nature};
use super::notation::Notation;
use crate::issue::Issue;

/// Accounts added up at most.
const MAX_ACCOUNTS: usize = 100_000;

/// Differences listed at most, of each kind.
const LISTED: usize = 500;

#[derive(Debug, Default)]
struct AccountSums {
    opening: Option<Decimal>,
    closing: Option<Decimal>,
    result: Option<Decimal>,
    previous_closing: Option<Decimal>,
    movements: Decimal,
    /// Line of the closing balance or result; 0 when there is none.
    row: u64,
}

/// Sums by account.
#[derive(Debug, Default)]
pub(in crate::sie) struct Sums {
    accounts: BTreeMap<String, AccountSums>,
    has_movements: bool,
    /// A sum left the range of exact numbers, or there are too many accounts: comparing would mislead.
    incomplete: bool,
}

impl Sums {
    fn account(&mut self, number: &str) -> Option<&mut AccountSums> {
        if self.accounts.len() >= MAX_ACCOUNTS && !self.accounts.contains_key(number) {
            self.incomplete = true;
            return None;
        }
        Some(self.accounts.entry(number.to_owned()).or_default())
    }

    /// Notes an opening (`IB`) or closing (`UB`) balance or a result (`RES`); years before the last one are not compared.
    pub(in crate::sie) fn balance(&mut self, label: &str, year: i32, number: &str, amount: Decimal, row: u64) {
        let Some(account) = self.account(number) else { return };
        match (label, year) {
            ("IB", 0) => account.opening = Some(amount),
            ("UB", 0) => {
                account.closing = Some(amount);
                account.row = row;
            }
            ("UB", -1) => account.previous_closing = Some(amount),
            ("RES", 0) => {
                account.result = Some(amount);
                account.row = row;
            }
            _ => {}
        }
    }

    /// Adds a transaction of the current year.
    pub(in crate::sie) fn movement(&mut self, number: &str, amount: Decimal) {
        self.has_movements = true;
        let Some(account) = self.account(number) else { return };
        match account.movements.checked_add(amount) {
            Some(sum) => account.movements = sum,
            None => self.incomplete = true,
        }
    }

    /// Whether the file closes accounts, as an export does and a file of vouchers to post does not.
    pub(in crate::sie) fn has_year_end(&self) -> bool {
        self.accounts.values().any(|account| account.closing.is_some() || account.result.is_some())
    }

    /// What does not add up.
    pub(in crate::sie) fn differences(&self, chart: &Chart, notation: &Notation) -> Vec<Issue> {
        if self.incomplete {
            return vec![Issue::warning(
                "sums_not_compared",
                0,
                "balances and movements were not compared: too many accounts or too large sums",
                "Compare the balances with the program that wrote the file.",
            )];
        }
        let mut issues = Vec::new();
        let mut add = |found: Vec<Issue>| {
            let more = found.len().saturating_sub(LISTED);
            let code = found.first().map(|issue| issue.code);
            issues.extend(found.into_iter().take(LISTED));
            if let Some(code) = code.filter(|_| more > 0) {
                issues.push(Issue::warning(
                    code,
                    0,
                    format!("{more} more accounts differ in the same way"),
                    "Look at the first ones; the rest often has the same cause.",
                ));
            }
        };
        add(self.collect(|number, account| opening_difference(number, account, notation)));
        // Without vouchers (types 1 to 3) balances stand for themselves.
        if self.has_movements {
            if self.accounts.values().any(|account| account.closing.is_some()) {
                add(self.collect(|number, account| closing_difference(number, account, chart, notation)));
            }
            if self.accounts.values().any(|account| account.result.is_some()) {
                add(self.collect(|number, account| result_difference(number, account, chart, notation)));
            }
        }
        issues
    }

    fn collect(&self, difference: impl Fn(&str, &AccountSums) -> Option<Issue>) -> Vec<Issue> {
        self.accounts.iter().filter_map(|(number, account)| difference(number, account)).collect()
    }
}

fn closing_difference(number: &str, account: &AccountSums, chart: &Chart, notation: &Notation) -> Option<Issue> {
    let carries_balance =
        account.closing.is_some() || (account.result.is_none() && chart.nature(number) == Nature::Balance);
    if !carries_balance {
        return None;
    }
    let opening = account.opening.unwrap_or_default();
    let expected = opening.checked_add(account.movements)?;
    let closing = account.closing.unwrap_or_default();
    (expected != closing).then(|| {
        Issue::warning(
            "balance_mismatch",
            account.row,
            format!(
                "account {number}: opening {opening} and movements {} give {expected}, the file says {closing}",
                account.movements
            ),
            "Check that the export holds every voucher of the year.",
        )
        .column(notation.closing)
        .value(&closing.to_string())
    })
}

fn result_difference(number: &str, account: &AccountSums, chart: &Chart, notation: &Notation) -> Option<Issue> {
    let carries_result = account.result.is_some()
        || (account.closing.is_none() && account.opening.is_none() && chart.nature(number) == Nature::Result);
    let result = account.result.unwrap_or_default();
    (carries_result && account.movements != result).then(|| {
        Issue::warning(
            "result_mismatch",
            account.row,
            format!("account {number}: movements give {}, the file says {result}", account.movements),
            "Check that the export holds every voucher of the year.",
        )
        .column(notation.result)
        .value(&result.to_string())
    })
}

fn opening_difference(number: &str, account: &AccountSums, notation: &Notation) -> Option<Issue> {
    let (previous, opening) = (account.previous_closing?, account.opening?);
    (previous != opening).then(|| {
        Issue::warning(
            "opening_mismatch",
            account.row,
            format!("account {number}: last year closes with {previous}, this year opens with {opening}"),
            "Normal when last year's result was moved between the years; otherwise ask the bookkeeper.",
        )
        .column(notation.opening)
        .value(&opening.to_string())
    })
}

#[cfg(test)]
mod tests {
    use super::super::notation::LINES;
    use super::*;

    fn codes(sums: &Sums) -> Vec<&'static str> {
        sums.differences(&Chart::default(), &LINES).into_iter().map(|issue| issue.code).collect()
    }

    fn sums(movement: i64) -> Sums {
        let mut sums = Sums::default();
        sums.balance("UB", -1, "1910", Decimal::new(100, 0), 1);
        sums.balance("IB", 0, "1910", Decimal::new(10000, 2), 2);
        sums.balance("UB", 0, "1910", Decimal::new(70, 0), 3);
        sums.balance("RES", 0, "5010", Decimal::new(30, 0), 4);
        sums.movement("1910", Decimal::new(-movement, 0));
        sums.movement("5010", Decimal::new(movement, 0));
        sums
    }

    #[test]
    fn a_sound_ledger_adds_up() {
        assert_eq!(codes(&sums(30)), Vec::<&str>::new());
    }

    #[test]
    fn differences_are_named() {
        assert_eq!(codes(&sums(31)), ["balance_mismatch", "result_mismatch"]);
        let mut carried = sums(30);
        carried.balance("UB", -1, "1910", Decimal::new(99, 0), 1);
        assert_eq!(codes(&carried), ["opening_mismatch"]);
        let mut unclosed = sums(30);
        unclosed.movement("1920", Decimal::ONE);
        unclosed.movement("6010", Decimal::NEGATIVE_ONE);
        assert_eq!(codes(&unclosed), ["balance_mismatch", "result_mismatch"]);
    }
}
