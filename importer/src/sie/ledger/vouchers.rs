//! Collects a voucher and judges it as a whole.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::fiscal_years::FiscalYears;
use super::notation::Notation;
use super::{read_amount, read_date, values};
use crate::issue::Issue;
use crate::sie::LONGEST_ACCOUNT;

/// Transactions in a voucher at most; real ones have fewer than a few thousand.
const MAX_TRANSACTIONS: usize = 20_000;

/// Text in a voucher at most, in bytes.
const MAX_TEXT: usize = 4 * 1024 * 1024;

/// Issues kept for a voucher at most; the rest would only repeat them.
const MAX_ISSUES: usize = 100;

/// What a file says about a voucher before its transactions.
#[derive(Debug, Default)]
pub(in crate::sie) struct VoucherHead<'a> {
    pub(in crate::sie) row: u64,
    pub(in crate::sie) series: &'a str,
    pub(in crate::sie) number: &'a str,
    pub(in crate::sie) date: &'a str,
    pub(in crate::sie) text: &'a str,
    /// The day of registration.
    pub(in crate::sie) registered: &'a str,
    pub(in crate::sie) sign: &'a str,
    /// What the file calls the voucher elsewhere.
    pub(in crate::sie) reference: &'a str,
}

/// A transaction as its file states it.
#[derive(Debug, Default)]
pub(in crate::sie) struct Transaction<'a> {
    pub(in crate::sie) account: &'a str,
    /// Pairs of dimension and object, one after the other.
    pub(in crate::sie) objects: &'a [String],
    pub(in crate::sie) amount: &'a str,
    pub(in crate::sie) date: &'a str,
    pub(in crate::sie) text: &'a str,
    pub(in crate::sie) quantity: &'a str,
    pub(in crate::sie) sign: &'a str,
    /// The same amount in another currency, and that currency.
    pub(in crate::sie) foreign: Option<(&'a str, &'a str)>,
}

/// A voucher being collected.
#[derive(Debug)]
pub(in crate::sie) struct Voucher {
    notation: &'static Notation,
    pub(in crate::sie) row: u64,
    pub(in crate::sie) series: String,
    pub(in crate::sie) number: String,
    pub(in crate::sie) date: Option<NaiveDate>,
    pub(in crate::sie) issues: Vec<Issue>,
    text: String,
    registered: Option<NaiveDate>,
    sign: String,
    reference: String,
    corrected_by: Vec<Value>,
    transactions: Vec<Value>,
    sum: Option<Decimal>,
    size: usize,
    too_large: bool,
    /// Account and amount of an `#RTRANS` that its `#TRANS` has not followed yet.
    awaited: Option<(String, String)>,
}

impl Voucher {
    /// Starts a voucher.
    pub(super) fn start(
        head: &VoucherHead<'_>,
        notation: &'static Notation,
        years: &FiscalYears,
        issues: Vec<Issue>,
    ) -> Self {
        let row = head.row;
        let mut voucher = Self {
            notation,
            row,
            series: head.series.to_owned(),
            // Zero stands for “number it yourself”, like an empty number.
            number: Some(head.number).filter(|number| *number != "0").unwrap_or_default().to_owned(),
            date: None,
            issues,
            text: head.text.to_owned(),
            registered: None,
            sign: head.sign.to_owned(),
            reference: head.reference.to_owned(),
            corrected_by: Vec::new(),
            transactions: Vec::new(),
            sum: Some(Decimal::ZERO),
            size: head.text.len() + head.reference.len() + head.sign.len(),
            too_large: false,
            awaited: None,
        };
        if head.date.is_empty() {
            let hint = format!("Add the date to the voucher ({}).", notation.voucher);
            voucher
                .add_issue(Issue::error("date_missing", row, "the voucher has no date", hint).column(notation.voucher));
        } else {
            voucher.date = voucher.date_of(row, notation.voucher, head.date);
        }
        if let Some(date) = voucher.date.filter(|date| years.is_outside(*date, notation.vouchers_of_any_year)) {
            voucher.outside(row, notation.voucher, date);
        }
        voucher.registered(head.registered, "");
        if voucher.number.is_empty() {
            voucher.add_issue(
                Issue::warning(
                    "voucher_number_missing",
                    row,
                    "the voucher has no number",
                    "Normal in files of vouchers to post, where the receiver numbers; its place in the file identifies it.",
                )
                .column(notation.voucher),
            );
        }
        voucher
    }

    /// Notes when and by whom the voucher was registered, where that is not known yet.
    pub(in crate::sie) fn registered(&mut self, date: &str, sign: &str) {
        // The day of registration informs only: one that cannot be read is left out.
        self.registered = self.registered.or_else(|| values::date(date).map(|found| found.date));
        if self.sign.is_empty() {
            sign.clone_into(&mut self.sign);
        }
    }

    /// Notes a voucher that corrects this one.
    pub(in crate::sie) fn corrected_by(&mut self, fiscal_year: &str, series: &str, number: &str) {
        self.size += fiscal_year.len() + series.len() + number.len() + 64;
        if self.size <= MAX_TEXT {
            let fields = super::given([("fiscal_year", fiscal_year), ("series", series), ("number", number)]);
            self.corrected_by.push(Value::Object(fields));
        }
    }

    /// Takes a transaction; returns account, amount and date to add up, when account and amount are sound.
    pub(super) fn transaction(
        &mut self,
        row: u64,
        transaction: &Transaction<'_>,
        years: &FiscalYears,
    ) -> Option<(String, Decimal, Option<NaiveDate>)> {
        let place = self.notation.transaction;
        let awaited = self.awaited.take();
        let account = transaction.account.to_owned();
        let (amount, issue) = read_amount(row, place, transaction.amount);
        if let Some(issue) = issue {
            self.add_issue(issue);
        }
        if let Some((account_awaited, amount_awaited)) = awaited
            && (account_awaited != account || amount_awaited != transaction.amount)
        {
            self.rtrans_alone(row);
        }
        if account.is_empty() || account.chars().count() > LONGEST_ACCOUNT {
            self.add_issue(
                Issue::error("account_invalid", row, "the transaction names no usable account", "Name an account.")
                    .column(place)
                    .value(&account),
            );
            return None;
        }
        let mut fields = Map::new();
        fields.insert("account".into(), Value::from(account.as_str()));
        if let Some(amount) = amount {
            fields.insert("amount".into(), Value::from(amount.to_string()));
        }
        if !transaction.objects.is_empty() {
            match objects_value(transaction.objects) {
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
                    .column(place)
                    .value(&transaction.objects.join(" ")),
                ),
            }
        }
        let mut date = self.date;
        if !transaction.date.is_empty()
            && let Some(own) = self.date_of(row, place, transaction.date)
        {
            fields.insert("date".into(), Value::from(own.to_string()));
            if Some(own) != date && years.is_outside(own, self.notation.vouchers_of_any_year) {
                self.outside(row, place, own);
            }
            date = Some(own);
        }
        let (foreign_amount, currency) = transaction.foreign.unwrap_or_default();
        fields.extend(super::given([
            ("text", transaction.text),
            ("quantity", transaction.quantity),
            ("sign", transaction.sign),
            ("foreign_amount", foreign_amount),
            ("currency", currency),
        ]));
        self.keep(row, fields, transaction);
        let amount = amount?;
        self.sum = self.sum.and_then(|sum| sum.checked_add(amount));
        Some((account, amount, date))
    }

    /// Notes an `#RTRANS` record: it marks the `#TRANS` that must follow as added later, and counts nothing itself.
    pub(in crate::sie) fn added_later(&mut self, row: u64, account: &str, amount: &str) {
        if self.awaited.is_some() {
            self.rtrans_alone(row);
        }
        self.awaited = Some((account.to_owned(), amount.to_owned()));
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
    pub(in crate::sie) fn add_issue(&mut self, issue: Issue) {
        let decisive = issue.severity == crate::Severity::Error
            && self.issues.iter().all(|known| known.severity == crate::Severity::Warning);
        if self.issues.len() < MAX_ISSUES || decisive {
            self.issues.push(issue);
        }
    }

    /// Ends the voucher: judges its sum and returns its fields and what was found.
    pub(super) fn finish(mut self) -> (Map<String, Value>, Vec<Issue>) {
        if self.awaited.is_some() {
            self.rtrans_alone(self.row);
        }
        if self.too_large {
            self.transactions.clear();
        } else if self.transactions.is_empty() {
            self.add_issue(
                Issue::warning("voucher_empty", self.row, "the voucher has no transactions", "It is kept, empty.")
                    .column(self.notation.voucher),
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
                .column(self.notation.voucher)
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
        add("reference", self.reference);
        if !self.corrected_by.is_empty() {
            fields.insert("corrected_by".into(), Value::from(self.corrected_by));
        }
        fields.insert("transactions".into(), Value::from(self.transactions));
        (fields, self.issues)
    }

    fn keep(&mut self, row: u64, fields: Map<String, Value>, transaction: &Transaction<'_>) {
        let Transaction { account, objects, amount, date, text, quantity, sign, foreign } = transaction;
        // Each pair becomes an object of two named values.
        self.size += objects.iter().map(|item| item.len() + 64).sum::<usize>();
        self.size += [account, amount, date, text, quantity, sign].iter().map(|value| value.len()).sum::<usize>();
        self.size += foreign.map_or(0, |(amount, currency)| amount.len() + currency.len());
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
                "Look for a missing end of the voucher; otherwise split it.",
            ));
            return;
        }
        self.transactions.push(Value::Object(fields));
    }

    fn date_of(&mut self, row: u64, place: &str, text: &str) -> Option<NaiveDate> {
        let (date, issue) = read_date(row, place, text, self.notation);
        if let Some(issue) = issue {
            self.add_issue(issue);
        }
        date
    }

    fn outside(&mut self, row: u64, place: &str, date: NaiveDate) {
        self.add_issue(
            Issue::warning(
                "date_outside_fiscal_year",
                row,
                format!("{date} lies outside the fiscal year of the file"),
                format!("Check the date, and that {} names the right year.", self.notation.fiscal_year),
            )
            .column(place)
            .value(&date.to_string()),
        );
    }
}

/// Pairs of dimension and object; `None` when the list holds something else.
pub(in crate::sie) fn objects_value(items: &[String]) -> Option<Value> {
    let mut pairs = items.chunks_exact(2);
    let objects = pairs.by_ref().map(|pair| serde_json::json!({"dimension": pair.first(), "object": pair.last()}));
    let objects: Vec<Value> = objects.collect();
    pairs.remainder().is_empty().then_some(Value::Array(objects))
}
