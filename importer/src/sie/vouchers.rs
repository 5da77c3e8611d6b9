//! Collects a voucher from its `#VER` record to its closing brace and judges it as a whole.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::identification::FiscalYears;
use super::tokens::{Field, SieRecord};
use super::values;
use crate::issue::Issue;

/// Transactions in a voucher at most; real ones have fewer than a few thousand.
const MAX_TRANSACTIONS: usize = 20_000;

/// Text in a voucher at most, in bytes.
const MAX_TEXT: usize = 4 * 1024 * 1024;

/// Issues kept for a voucher at most; the rest would only repeat them.
const MAX_ISSUES: usize = 100;

/// A voucher being collected.
#[derive(Debug)]
pub(super) struct Voucher {
    pub(super) row: u64,
    pub(super) series: String,
    pub(super) number: String,
    pub(super) date: Option<NaiveDate>,
    /// An opening brace has been read.
    pub(super) opened: bool,
    pub(super) issues: Vec<Issue>,
    text: String,
    registered: Option<NaiveDate>,
    sign: String,
    transactions: Vec<Value>,
    sum: Option<Decimal>,
    size: usize,
    too_large: bool,
    /// Account and amount of an `#RTRANS` that its `#TRANS` has not followed yet.
    awaited: Option<(String, String)>,
}

impl Voucher {
    /// Starts a voucher from its `#VER` record.
    pub(super) fn start(row: u64, record: &SieRecord, years: &FiscalYears, issues: Vec<Issue>) -> Self {
        let mut voucher = Self {
            row,
            series: record.text(0).to_owned(),
            // Zero stands for “number it yourself”, like an empty number.
            number: Some(record.text(1)).filter(|number| *number != "0").unwrap_or_default().to_owned(),
            date: None,
            opened: record.opens_block,
            issues,
            text: record.text(3).to_owned(),
            registered: None,
            sign: record.text(5).to_owned(),
            transactions: Vec::new(),
            sum: Some(Decimal::ZERO),
            size: 0,
            too_large: false,
            awaited: None,
        };
        let stated = record.text(2);
        if stated.is_empty() {
            voucher.add_issue(
                Issue::error("date_missing", row, "the voucher has no date", "Add the date to the #VER record.")
                    .column("#VER"),
            );
        } else {
            voucher.date = voucher.date_of(row, "#VER", stated);
        }
        if let Some(date) = voucher.date.filter(|date| years.is_outside_current(*date)) {
            voucher.outside(row, "#VER", date);
        }
        if !record.text(4).is_empty() {
            // The day of registration informs only: one that cannot be read is left out.
            voucher.registered = values::date(record.text(4)).map(|registered| registered.date);
        }
        if voucher.number.is_empty() {
            voucher.add_issue(
                Issue::warning(
                    "voucher_number_missing",
                    row,
                    "the voucher has no number",
                    "Normal in type 4I, where the receiver numbers; its place in the file identifies it.",
                )
                .column("#VER"),
            );
        }
        voucher
    }

    /// Takes a `#TRANS` record; returns account and amount to add up, when both are sound.
    pub(super) fn transaction(
        &mut self,
        row: u64,
        record: &SieRecord,
        years: &FiscalYears,
    ) -> Option<(String, Decimal)> {
        let awaited = self.awaited.take();
        let account = record.text(0).to_owned();
        // Some programs leave the empty object list out.
        let (objects, after) = match record.fields.get(1) {
            Some(Field::List(items)) => (items.as_slice(), 2),
            _ => (&[] as &[String], 1),
        };
        let amount = self.amount_of(row, record.text(after));
        if let Some((account_awaited, amount_awaited)) = awaited
            && (account_awaited != account || amount_awaited != record.text(after))
        {
            self.rtrans_alone(row);
        }
        if account.is_empty() || account.chars().count() > super::LONGEST_ACCOUNT {
            self.add_issue(
                Issue::error("account_invalid", row, "the transaction names no usable account", "Name an account.")
                    .column("#TRANS")
                    .value(&account),
            );
            return None;
        }
        let mut fields = Map::new();
        fields.insert("account".into(), Value::from(account.as_str()));
        if let Some(amount) = amount {
            fields.insert("amount".into(), Value::from(amount.to_string()));
        }
        if !objects.is_empty() {
            match objects_value(objects) {
                Some(value) => {
                    fields.insert("objects".into(), value);
                }
                None => self.add_issue(
                    Issue::warning(
                        "object_list_invalid",
                        row,
                        "the object list does not consist of pairs of dimension and object",
                        "The transaction is kept without its objects.",
                    )
                    .column("#TRANS")
                    .value(&objects.join(" ")),
                ),
            }
        }
        let stated = record.text(after + 1);
        if !stated.is_empty()
            && let Some(date) = self.date_of(row, "#TRANS", stated)
        {
            fields.insert("date".into(), Value::from(date.to_string()));
            if Some(date) != self.date && years.is_outside_current(date) {
                self.outside(row, "#TRANS", date);
            }
        }
        for (name, position) in [("text", after + 2), ("quantity", after + 3), ("sign", after + 4)] {
            let value = record.text(position);
            if !value.is_empty() {
                fields.insert(name.into(), Value::from(value));
            }
        }
        self.keep(row, fields, record);
        let amount = amount?;
        self.sum = self.sum.and_then(|sum| sum.checked_add(amount));
        Some((account, amount))
    }

    /// Notes an `#RTRANS` record: it marks the `#TRANS` that must follow as added later, and counts nothing itself.
    pub(super) fn added_later(&mut self, row: u64, record: &SieRecord) {
        if self.awaited.is_some() {
            self.rtrans_alone(row);
        }
        let amount = record.text(if matches!(record.fields.get(1), Some(Field::List(_))) { 2 } else { 1 });
        self.awaited = Some((record.text(0).to_owned(), amount.to_owned()));
    }

    fn rtrans_alone(&mut self, row: u64) {
        self.awaited = None;
        self.add_issue(
            Issue::warning(
                "rtrans_alone",
                row,
                "an #RTRANS record is not followed by the same transaction as #TRANS",
                "The #RTRANS record is not counted; check that the voucher is complete.",
            )
            .column("#RTRANS"),
        );
    }

    /// Adds an issue, up to a bound; errors are always kept until one refuses the voucher.
    pub(super) fn add_issue(&mut self, issue: Issue) {
        let decisive = issue.severity == crate::Severity::Error
            && self.issues.iter().all(|known| known.severity == crate::Severity::Warning);
        if self.issues.len() < MAX_ISSUES || decisive {
            self.issues.push(issue);
        }
    }

    /// Ends the voucher: judges its sum and returns its fields and what was found.
    pub(super) fn finish(mut self, row: u64) -> (Map<String, Value>, Vec<Issue>) {
        if self.awaited.is_some() {
            self.rtrans_alone(row);
        }
        if self.too_large {
            self.transactions.clear();
        } else if self.transactions.is_empty() {
            self.add_issue(
                Issue::warning("voucher_empty", self.row, "the voucher has no transactions", "It is kept, empty.")
                    .column("#VER"),
            );
        }
        if self.sum != Some(Decimal::ZERO) {
            let sum = self.sum.map_or_else(|| "more than can be added up".to_owned(), |sum| sum.to_string());
            let name = format!("{} {}", self.series, self.number);
            self.add_issue(
                Issue::error(
                    "voucher_unbalanced",
                    self.row,
                    format!(
                        "the transactions of voucher {} sum to {sum}, not to zero",
                        crate::issue::shorten(name.trim())
                    ),
                    "Correct the voucher in the program that wrote the file; a part of it may be missing.",
                )
                .column("#VER")
                .value(&sum),
            );
        }
        let mut fields = Map::new();
        let mut add = |name: &str, value: String| {
            if !value.is_empty() {
                fields.insert(name.to_owned(), Value::from(value));
            }
        };
        add("series", self.series);
        add("number", self.number);
        add("date", self.date.map(|date| date.to_string()).unwrap_or_default());
        add("text", self.text);
        add("registered", self.registered.map(|date| date.to_string()).unwrap_or_default());
        add("sign", self.sign);
        fields.insert("transactions".into(), Value::from(self.transactions));
        (fields, self.issues)
    }

    fn keep(&mut self, row: u64, fields: Map<String, Value>, record: &SieRecord) {
        self.size += record.fields.iter().map(field_length).sum::<usize>();
        if self.too_large {
            return;
        }
        if self.transactions.len() >= MAX_TRANSACTIONS || self.size > MAX_TEXT {
            self.too_large = true;
            self.transactions = Vec::new();
            self.add_issue(Issue::error(
                "voucher_too_large",
                row,
                "the voucher has more than 20 000 transactions or 4 MiB of text",
                "Look for a missing closing brace; otherwise split the voucher.",
            ));
            return;
        }
        self.transactions.push(Value::Object(fields));
    }

    fn amount_of(&mut self, row: u64, text: &str) -> Option<Decimal> {
        let (amount, issue) = super::read_amount(row, "#TRANS", text);
        if let Some(issue) = issue {
            self.add_issue(issue);
        }
        amount
    }

    fn date_of(&mut self, row: u64, label: &str, text: &str) -> Option<NaiveDate> {
        let Some(found) = values::date(text) else {
            self.add_issue(
                Issue::error("date_invalid", row, "this is no date", "Dates are written YYYYMMDD.")
                    .column(label)
                    .value(text),
            );
            return None;
        };
        if found.iso {
            self.add_issue(
                Issue::warning(
                    "date_iso",
                    row,
                    format!("{text} is written with hyphens"),
                    "Nothing to do: it is read; SIE prescribes YYYYMMDD.",
                )
                .column(label)
                .value(text),
            );
        }
        Some(found.date)
    }

    fn outside(&mut self, row: u64, label: &str, date: NaiveDate) {
        self.add_issue(
            Issue::warning(
                "date_outside_fiscal_year",
                row,
                format!("{date} lies outside the fiscal year of the file"),
                "Check the date, and that #RAR names the right year.",
            )
            .column(label)
            .value(&date.to_string()),
        );
    }
}

/// Bytes of a field, with what keeping it costs.
fn field_length(field: &Field) -> usize {
    match field {
        Field::Text(text) => text.len(),
        // Each pair becomes an object of two named values.
        Field::List(items) => items.iter().map(|item| item.len() + 64).sum(),
    }
}

/// Pairs of dimension and object; `None` when the list holds something else.
pub(super) fn objects_value(items: &[String]) -> Option<Value> {
    let mut pairs = items.chunks_exact(2);
    let objects = pairs.by_ref().map(|pair| serde_json::json!({"dimension": pair.first(), "object": pair.last()}));
    let objects: Vec<Value> = objects.collect();
    pairs.remainder().is_empty().then_some(Value::Array(objects))
}
