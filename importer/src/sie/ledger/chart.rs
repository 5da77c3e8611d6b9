//! The chart of accounts: accounts wait here until their attributes are complete, and uses of accounts that no record
//! declares are remembered.

use std::collections::{HashMap, VecDeque};

use serde_json::{Map, Value};

use super::notation::Notation;
use crate::failure::ReadError;
use crate::import::Item;
use crate::issue::Issue;
use crate::record::{Record, RecordKind};

/// Accounts held at most.
const MAX_ACCOUNTS: usize = 100_000;

/// Text held for accounts at most, in bytes.
const MAX_TEXT: usize = 8 * 1024 * 1024;

/// Tax codes kept per account at most; real accounts have one or two.
const MAX_SRU_CODES: usize = 20;

/// Undeclared accounts remembered at most.
const MAX_UNDECLARED: usize = 10_000;

#[derive(Debug, Default)]
struct Account {
    number: String,
    row: u64,
    name: String,
    kind: Option<String>,
    unit: Option<String>,
    sru: Vec<String>,
    /// In the queue of accounts to release.
    waiting: bool,
}

/// What is said about an account besides its name.
#[derive(Debug)]
pub(in crate::sie) enum Attribute {
    Kind(String),
    Unit(String),
    Sru(String),
}

/// What an account counts that holds no money: SIE 5 has a type for it.
pub(in crate::sie) const STATISTICS: &str = "statistics";

impl Attribute {
    /// The type, if it is none that is known.
    pub(super) fn unknown_kind(&self) -> Option<&str> {
        match self {
            Self::Kind(kind) if !matches!(kind.as_str(), "T" | "S" | "K" | "I" | STATISTICS) => Some(kind),
            _ => None,
        }
    }
}

/// How an attribute was taken.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::sie) enum Taken {
    InTime,
    /// The account had been given out and is given out again.
    Late,
    /// No such account.
    Unknown,
}

/// Whether an account carries a balance over the year's end or a result of the year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sie) enum Nature {
    Balance,
    Result,
}

/// The accounts of a file.
#[derive(Debug, Default)]
pub(in crate::sie) struct Chart {
    accounts: Vec<Account>,
    by_number: HashMap<String, usize>,
    waiting: VecDeque<usize>,
    text: usize,
    undeclared: HashMap<String, u64>,
}

impl Chart {
    /// Declares an account; a second declaration changes the name. Returns what is odd about it.
    pub(in crate::sie) fn declare(
        &mut self,
        row: u64,
        number: &str,
        name: &str,
        notation: &Notation,
    ) -> Result<Vec<Issue>, ReadError> {
        self.grow(row, number.len() + name.len())?;
        let mut issues = Vec::new();
        if let Some(&position) = self.by_number.get(number) {
            if let Some(account) = self.accounts.get_mut(position) {
                name.clone_into(&mut account.name);
            }
            self.enqueue(position);
            issues.push(
                Issue::warning(
                    "account_duplicate",
                    row,
                    format!("account {number} is declared twice"),
                    "The later name is kept; remove one of the two.",
                )
                .column(notation.account)
                .value(number),
            );
            return Ok(issues);
        }
        if self.accounts.len() >= MAX_ACCOUNTS {
            return Err(ReadError::ChartTooLarge { row, limit: "100 000 accounts" });
        }
        if let Some(first_use) = self.undeclared.remove(number) {
            issues.push(
                Issue::warning(
                    "account_declared_late",
                    row,
                    format!("account {number} is used on line {first_use}, before it is declared"),
                    "Nothing to do; the account is known in the end.",
                )
                .column(notation.account)
                .value(number),
            );
        }
        let position = self.accounts.len();
        self.by_number.insert(number.to_owned(), position);
        self.accounts.push(Account { number: number.to_owned(), row, name: name.to_owned(), ..Account::default() });
        self.enqueue(position);
        Ok(issues)
    }

    /// Adds an attribute to a declared account.
    pub(in crate::sie) fn attribute(
        &mut self,
        row: u64,
        number: &str,
        attribute: Attribute,
    ) -> Result<Taken, ReadError> {
        let Some(&position) = self.by_number.get(number) else { return Ok(Taken::Unknown) };
        let length = match &attribute {
            Attribute::Kind(text) | Attribute::Unit(text) | Attribute::Sru(text) => text.len(),
        };
        self.grow(row, length + size_of::<String>())?;
        let Some(account) = self.accounts.get_mut(position) else { return Ok(Taken::Unknown) };
        let late = !account.waiting;
        match attribute {
            Attribute::Kind(kind) => account.kind = Some(kind),
            Attribute::Unit(unit) => account.unit = Some(unit),
            Attribute::Sru(code) if account.sru.len() >= MAX_SRU_CODES || account.sru.contains(&code) => {}
            Attribute::Sru(code) => account.sru.push(code),
        }
        self.enqueue(position);
        Ok(if late { Taken::Late } else { Taken::InTime })
    }

    fn grow(&mut self, row: u64, length: usize) -> Result<(), ReadError> {
        self.text += length;
        if self.text > MAX_TEXT { Err(ReadError::ChartTooLarge { row, limit: "8 MiB of text" }) } else { Ok(()) }
    }

    fn enqueue(&mut self, position: usize) {
        if let Some(account) = self.accounts.get_mut(position)
            && !account.waiting
        {
            account.waiting = true;
            self.waiting.push_back(position);
        }
    }

    /// Notes that a record uses an account.
    pub(in crate::sie) fn note_use(&mut self, row: u64, number: &str) {
        if !self.by_number.contains_key(number)
            && !self.undeclared.contains_key(number)
            && self.undeclared.len() < MAX_UNDECLARED
        {
            self.undeclared.insert(number.to_owned(), row);
        }
    }

    pub(in crate::sie) fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }

    /// Whether accounts wait to be given out.
    pub(in crate::sie) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Gives out the next waiting account.
    pub(in crate::sie) fn release(&mut self, notation: &Notation) -> Option<Item> {
        let position = self.waiting.pop_front()?;
        let account = self.accounts.get_mut(position)?;
        account.waiting = false;
        let mut fields = Map::new();
        fields.insert("number".into(), Value::from(account.number.as_str()));
        fields.insert("name".into(), Value::from(account.name.as_str()));
        if let Some(kind) = &account.kind {
            fields.insert("type".into(), Value::from(kind.as_str()));
        }
        if let Some(unit) = &account.unit {
            fields.insert("unit".into(), Value::from(unit.as_str()));
        }
        if !account.sru.is_empty() {
            fields.insert("sru".into(), Value::from(account.sru.clone()));
        }
        let mut issues = Vec::new();
        if !account.number.bytes().all(|byte| byte.is_ascii_digit()) {
            issues.push(
                Issue::warning(
                    "account_not_numeric",
                    account.row,
                    format!("account number {} is not a number", account.number),
                    "Check that this is an account of the chart and not a leftover of a failed posting.",
                )
                .column(notation.account)
                .value(&account.number),
            );
        }
        let record =
            Record { kind: RecordKind::Account, key: account.number.clone(), row: account.row, fields: fields.into() };
        Some(Item::row(account.row, vec![record], issues))
    }

    /// Accounts used and never declared, with the line of their first use, in order of that line.
    pub(in crate::sie) fn undeclared(&self) -> Vec<(&str, u64)> {
        let mut uses: Vec<_> = self.undeclared.iter().map(|(number, row)| (number.as_str(), *row)).collect();
        uses.sort_unstable_by_key(|(number, row)| (*row, *number));
        uses
    }

    /// The nature of an account: by its type, else by its first digit as in the BAS charts.
    pub(in crate::sie) fn nature(&self, number: &str) -> Nature {
        let kind = self.by_number.get(number).and_then(|position| self.accounts.get(*position));
        match kind.and_then(|account| account.kind.as_deref()) {
            Some("T" | "S") => Nature::Balance,
            Some("K" | "I") => Nature::Result,
            _ if number.starts_with(['1', '2']) => Nature::Balance,
            _ => Nature::Result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::notation::LINES;
    use super::*;

    #[test]
    fn accounts_leave_with_their_attributes_and_again_when_those_change() {
        let mut chart = Chart::default();
        chart.note_use(1, "1910");
        assert_eq!(
            chart.declare(2, "1910", "Kassa", &LINES).expect("room").first().map(|issue| issue.code),
            Some("account_declared_late")
        );
        let kind = Attribute::Kind("T".into());
        assert_eq!(chart.attribute(3, "1910", kind).expect("room"), Taken::InTime);
        let Some(Item::Row { records, .. }) = chart.release(&LINES) else { panic!("an account") };
        let fields = serde_json::json!(records.first().expect("one record").fields.to_map());
        assert_eq!(fields, serde_json::json!({"number": "1910", "name": "Kassa", "type": "T"}));
        assert!(!chart.has_waiting());
        assert_eq!(chart.attribute(4, "1910", Attribute::Sru("7281".into())).expect("room"), Taken::Late);
        assert!(chart.has_waiting());
        assert_eq!(chart.attribute(4, "1911", Attribute::Unit("st".into())).expect("room"), Taken::Unknown);
        assert!(chart.undeclared().is_empty());
    }

    #[test]
    fn the_chart_is_bounded() {
        let mut chart = Chart::default();
        let name = "x".repeat(1024 * 1024);
        let error = (0..20).find_map(|number| chart.declare(number, &number.to_string(), &name, &LINES).err());
        assert_eq!(error.expect("too much text").code(), "chart_too_large");
    }
}
