//! What the parts of a SIE file become, and the rules that hold for them in either notation.

mod chart;
mod closing;
mod fiscal_years;
mod notation;
mod objects;
mod sums;
pub(in crate::sie) mod values;
mod voucher_numbers;
mod vouchers;

use std::collections::VecDeque;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::{Map, Value};

pub(in crate::sie) use chart::{Attribute, Nature, STATISTICS};
pub(in crate::sie) use notation::{ELEMENTS, LINES, Notation};
pub(in crate::sie) use vouchers::{Transaction, VoucherHead};

use crate::failure::ReadError;
use crate::import::Item;
use crate::issue::{Issue, shorten};
use crate::key_memory::KeyMemory;
use crate::record::{Record, RecordKind};
use chart::{Chart, Taken};
use fiscal_years::{CoveredPeriod, FiscalYears};
use objects::Objects;
use sums::Sums;
use values::OrganisationNumberOddity;
use voucher_numbers::VoucherNumbers;
use vouchers::Voucher;

/// A ledger being collected from a file.
pub(in crate::sie) struct Ledger {
    notation: &'static Notation,
    /// What waits to be given out.
    pub(in crate::sie) queue: VecDeque<Item>,
    pub(in crate::sie) chart: Chart,
    pub(in crate::sie) years: FiscalYears,
    pub(in crate::sie) covered: CoveredPeriod,
    pub(in crate::sie) voucher: Option<Voucher>,
    /// The file holds budgets.
    pub(in crate::sie) budgets: bool,
    objects: Objects,
    sums: Sums,
    keys: KeyMemory,
    numbers: VoucherNumbers,
    /// First line with letters lost, and how many such lines there are.
    letters_lost: Option<(u64, u64)>,
}

/// A balance as its file states it.
pub(in crate::sie) struct Balance<'a> {
    pub(in crate::sie) row: u64,
    /// The record or element that states it.
    pub(in crate::sie) place: &'a str,
    /// `IB`, `UB`, `RES`, `OIB`, `OUB` or `PSALDO`.
    pub(in crate::sie) label: &'static str,
    /// The fiscal year, relative to the current one.
    pub(in crate::sie) year: i32,
    /// YYYYMM, where the balance is not that of a whole year.
    pub(in crate::sie) period: Option<&'a str>,
    pub(in crate::sie) account: &'a str,
    /// Pairs of dimension and object, one after the other; `None` where the file has no place for them.
    pub(in crate::sie) objects: Option<&'a [String]>,
    pub(in crate::sie) amount: &'a str,
    pub(in crate::sie) quantity: &'a str,
}

impl Ledger {
    pub(in crate::sie) fn new(notation: &'static Notation) -> Self {
        Self {
            notation,
            queue: VecDeque::new(),
            chart: Chart::default(),
            years: FiscalYears::default(),
            covered: CoveredPeriod::default(),
            voucher: None,
            budgets: false,
            objects: Objects::default(),
            sums: Sums::default(),
            keys: KeyMemory::default(),
            numbers: VoucherNumbers::default(),
            letters_lost: None,
        }
    }

    /// Gives out a unit that has something to say.
    pub(in crate::sie) fn give(&mut self, row: u64, records: Vec<Record>, issues: Vec<Issue>) {
        if !records.is_empty() || !issues.is_empty() {
            self.queue.push_back(Item::row(row, records, issues));
        }
    }

    /// Notes a place with a replacement character.
    pub(in crate::sie) fn note_letters(&mut self, row: u64, text: &str) {
        if text.contains(char::REPLACEMENT_CHARACTER) {
            let (_, count) = self.letters_lost.get_or_insert((row, 0));
            *count += 1;
        }
    }

    /// Whether the file closes accounts, as an export does and a file of vouchers to post does not.
    pub(in crate::sie) fn has_year_end(&self) -> bool {
        self.sums.has_year_end()
    }

    /// Declares an account.
    pub(in crate::sie) fn account(
        &mut self,
        row: u64,
        number: &str,
        name: &str,
        mut issues: Vec<Issue>,
    ) -> Result<(), ReadError> {
        match account_issue(row, self.notation.account, number) {
            Some(issue) => issues.push(issue),
            None => issues.extend(self.chart.declare(row, number, name, self.notation)?),
        }
        self.give(row, Vec::new(), issues);
        Ok(())
    }

    /// Adds an attribute to a declared account; `place` is where the file states it.
    pub(in crate::sie) fn account_attribute(
        &mut self,
        row: u64,
        place: &str,
        number: &str,
        attribute: Attribute,
        mut issues: Vec<Issue>,
    ) -> Result<(), ReadError> {
        if let Some(issue) = account_issue(row, place, number) {
            issues.push(issue);
            self.give(row, Vec::new(), issues);
            return Ok(());
        }
        if let Some(kind) = attribute.unknown_kind() {
            issues.push(
                Issue::warning(
                    "account_type_unknown",
                    row,
                    if self.notation.hyphens {
                        "the account type is none of asset, liability, equity, cost, income and statistics"
                    } else {
                        "the account type is none of T, S, K and I"
                    },
                    "It is kept; checks go by the account number.",
                )
                .column(place)
                .value(kind),
            );
        }
        let (code, message) = match self.chart.attribute(row, number, attribute)? {
            Taken::InTime => ("", ""),
            Taken::Late => ("account_attribute_late", "the attribute comes after balances or vouchers"),
            Taken::Unknown => ("account_attribute_alone", "the account that the attribute belongs to is not declared"),
        };
        if !code.is_empty() {
            let hint = if code == "account_attribute_late" {
                "Nothing to do: the account is stored again with it."
            } else {
                "The attribute is left out; declare the account with #KONTO before it."
            };
            issues.push(Issue::warning(code, row, message, hint).column(place).value(number));
        }
        self.give(row, Vec::new(), issues);
        Ok(())
    }

    /// Takes a dimension.
    pub(in crate::sie) fn dimension(
        &mut self,
        row: u64,
        place: &str,
        number: &str,
        name: &str,
        parent: &str,
        issues: Vec<Issue>,
    ) {
        let fields = given([("number", number), ("name", name), ("parent", parent)]);
        let record = Record { kind: RecordKind::Dimension, key: number.to_owned(), row, fields: fields.into() };
        self.numbered(place, !number.is_empty(), record, issues);
    }

    /// Takes an object of a dimension.
    pub(in crate::sie) fn object(
        &mut self,
        row: u64,
        place: &str,
        dimension: &str,
        number: &str,
        name: &str,
        issues: Vec<Issue>,
    ) {
        self.objects.declare(dimension, number);
        let fields = given([("dimension", dimension), ("number", number), ("name", name)]);
        let record =
            Record { kind: RecordKind::Object, key: format!("{dimension}:{number}"), row, fields: fields.into() };
        self.numbered(place, !dimension.is_empty() && !number.is_empty(), record, issues);
    }

    fn numbered(&mut self, place: &str, has_number: bool, record: Record, mut issues: Vec<Issue>) {
        let row = record.row;
        if !has_number {
            issues.push(
                Issue::error("number_missing", row, "the record has no number", "Add the number of what is declared.")
                    .column(place),
            );
        }
        self.give(row, vec![record], issues);
    }

    /// Takes a balance.
    pub(in crate::sie) fn balance(&mut self, balance: &Balance<'_>, mut issues: Vec<Issue>) {
        let Balance { row, place, label, year, period, account, .. } = *balance;
        let mut fields = Map::new();
        fields.insert("label".into(), Value::from(label));
        fields.insert("year".into(), Value::from(year));
        // The start of the year keeps balances apart that files of different years both call year 0.
        let year_name = self.years.start(year).map_or_else(|| year.to_string(), |start| start.to_string());
        if let Some(start) = self.years.start(year) {
            fields.insert("fiscal_year_start".into(), Value::from(start.to_string()));
        }
        let mut key = format!("{label}:{year_name}");
        if let Some(period) = period {
            if !values::is_period(period) {
                issues.push(self.period_issue(row, place, period));
            }
            fields.insert("period".into(), Value::from(period));
            key = format!("{key}:{period}");
        }
        issues.extend(account_issue(row, place, account));
        fields.insert("account".into(), Value::from(account));
        key = format!("{key}:{account}");
        if let Some(items) = balance.objects {
            self.objects.note_use(row, items);
            if !items.is_empty() {
                fields.extend(vouchers::objects_value(items).map(|objects| ("objects".to_owned(), objects)));
                let objects: Vec<String> = items.chunks(2).map(|pair| pair.join("=")).collect();
                key = format!("{key}:{}", objects.join(","));
            }
        }
        let (amount, remark) = read_amount(row, place, balance.amount);
        issues.extend(remark);
        if let Some(amount) = amount {
            fields.insert("amount".into(), Value::from(amount.to_string()));
            if issues.iter().all(|issue| issue.severity == crate::Severity::Warning) {
                self.chart.note_use(row, account);
                if period.is_none() {
                    self.sums.balance(label, year, account, amount, row);
                }
            }
        }
        if !balance.quantity.is_empty() {
            fields.insert("quantity".into(), Value::from(balance.quantity));
        }
        if self.keys.note((label, &key)) == 2 {
            issues.push(
                Issue::warning(
                    "balance_duplicate",
                    row,
                    "the same balance is stated twice",
                    "The later amount is kept; ask the bookkeeper which one is right.",
                )
                .column(place)
                .value(&key),
            );
        }
        self.give(row, vec![Record { kind: RecordKind::Balance, key, row, fields: fields.into() }], issues);
    }

    /// A balance that does not say which fiscal year it belongs to.
    pub(in crate::sie) fn balance_without_year(
        &mut self,
        row: u64,
        place: &str,
        stated: &str,
        hint: &str,
        mut issues: Vec<Issue>,
    ) {
        let message = "the balance does not say which fiscal year it belongs to";
        issues.push(Issue::error("year_invalid", row, message, hint).column(place).value(stated));
        self.give(row, Vec::new(), issues);
    }

    /// An error about something that should be a month.
    pub(in crate::sie) fn period_issue(&self, row: u64, place: &str, stated: &str) -> Issue {
        let form = if self.notation.hyphens { "YYYY-MM" } else { "YYYYMM" };
        Issue::error("period_invalid", row, "this is no period", format!("Periods are written {form}."))
            .column(place)
            .value(stated)
    }

    /// Starts a voucher; one that is still open must have been ended before.
    pub(in crate::sie) fn start_voucher(&mut self, head: &VoucherHead<'_>, issues: Vec<Issue>) {
        self.voucher = Some(Voucher::start(head, self.notation, &self.years, issues));
    }

    /// Takes a transaction of the voucher being collected.
    pub(in crate::sie) fn transaction(&mut self, row: u64, transaction: &Transaction<'_>) {
        let Some(voucher) = &mut self.voucher else { return };
        if let Some((account, amount, date)) = voucher.transaction(row, transaction, &self.years) {
            self.chart.note_use(row, &account);
            // What was posted in another year changes nothing between the balances of this one.
            let elsewhere = self.notation.vouchers_of_any_year
                && date.and_then(|date| self.years.year_of(date)).is_some_and(|year| year != 0);
            if !elsewhere {
                self.sums.movement(&account, amount);
            }
        }
        self.objects.note_use(row, transaction.objects);
    }

    /// Gives out the voucher being collected, if there is one.
    pub(in crate::sie) fn end_voucher(&mut self) {
        let Some(mut voucher) = self.voucher.take() else { return };
        let of_date = voucher.date.filter(|_| self.notation.vouchers_of_any_year);
        let year = of_date.and_then(|date| self.years.year_of(date)).unwrap_or(0);
        let start = self.years.start(year).map(|start| start.to_string());
        let start = start.or_else(|| voucher.date.map(|date| date.format("%Y-01-01").to_string())).unwrap_or_default();
        if let Some(date) = voucher.date.filter(|_| year == 0) {
            self.covered.note(voucher.row, date);
        }
        if !voucher.number.is_empty() {
            let series = &voucher.series;
            let name = if year == 0 { series.clone() } else { format!("{series} ({start})") };
            self.numbers.note(&name, &voucher.number);
        }
        let key = self.voucher_key(&start, &mut voucher);
        let row = voucher.row;
        let (mut fields, issues) = voucher.finish();
        fields.insert("fiscal_year_start".into(), Value::from(start));
        let record = Record { kind: RecordKind::Voucher, key, row, fields: fields.into() };
        self.queue.push_back(Item::row(row, vec![record], issues));
    }

    /// `fiscal-year-start:series:number`. A voucher without a number is told apart by its date and its place among
    /// such vouchers of the same series and date; a repeated number by how often it has occurred.
    fn voucher_key(&mut self, year: &str, voucher: &mut Voucher) -> String {
        let series = &voucher.series;
        if voucher.number.is_empty() {
            let date = voucher.date.map(|date| date.to_string()).unwrap_or_default();
            let place = self.keys.note(("unnumbered", series, &date));
            return format!("{year}:{series}:~{date}~{place}");
        }
        let key = format!("{year}:{series}:{}", voucher.number);
        let occurrence = self.keys.note(("voucher", &key));
        if occurrence == 1 {
            return key;
        }
        let name = format!("{series} {}", voucher.number);
        voucher.add_issue(
            Issue::warning(
                "voucher_number_duplicate",
                voucher.row,
                format!("voucher number {} occurs {occurrence} times so far", shorten(name.trim())),
                "All of them are kept; ask the bookkeeper whether one was exported twice.",
            )
            .column(self.notation.voucher)
            .value(&name),
        );
        format!("{key}~{occurrence}")
    }

    /// What is odd about the organisation number of a file.
    pub(in crate::sie) fn organisation_issues(&self, row: u64, number: &str) -> Vec<Issue> {
        let issue = |oddity| {
            let (code, message) = match oddity {
                OrganisationNumberOddity::TwelveDigits => {
                    ("org_number_twelve_digits", "the organisation number has twelve digits instead of ten")
                }
                OrganisationNumberOddity::Length => {
                    ("org_number_invalid", "the organisation number does not have ten digits")
                }
                OrganisationNumberOddity::CheckDigit => {
                    ("org_number_check_digit", "the last digit of the organisation number is wrong")
                }
            };
            Issue::warning(code, row, message, "Check that the file belongs to this federation.")
                .column(self.notation.organisation)
                .value(number)
        };
        values::organisation_number_oddities(number).into_iter().map(issue).collect()
    }
}

/// The values that are not empty.
fn given<const N: usize>(values: [(&str, &str); N]) -> Map<String, Value> {
    values
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), Value::from(value)))
        .collect()
}

fn account_issue(row: u64, place: &str, number: &str) -> Option<Issue> {
    (number.is_empty() || number.chars().count() > super::LONGEST_ACCOUNT).then(|| {
        Issue::error(
            "account_invalid",
            row,
            "the record names no usable account",
            "An account number has 1 to 50 characters.",
        )
        .column(place)
        .value(number)
    })
}

/// Reads an amount, with an error when it is none and a remark when it is written against the rules.
fn read_amount(row: u64, place: &str, text: &str) -> (Option<Decimal>, Option<Issue>) {
    let issue = match values::amount(text) {
        Some(amount) if !amount.comma => return (Some(amount.value), None),
        Some(amount) => Issue::warning(
            "decimal_comma",
            row,
            format!("“{text}” is stored as “{}”", amount.value),
            "Nothing to do: SIE prescribes a decimal point, but the meaning is plain.",
        ),
        None => Issue::error(
            "amount_invalid",
            row,
            "this is no amount",
            "Amounts are written like -1234.50, without spaces, with at most 18 digits and 6 decimals.",
        ),
    };
    (values::amount(text).map(|amount| amount.value), Some(issue.column(place).value(text)))
}

/// Reads a date, with an error when it is none and a remark when it is written in the way of the other notation.
pub(in crate::sie) fn read_date(
    row: u64,
    place: &str,
    text: &str,
    notation: &Notation,
) -> (Option<NaiveDate>, Option<Issue>) {
    let (prescribed, code, how) = if notation.hyphens {
        ("YYYY-MM-DD", "date_compact", "without hyphens")
    } else {
        ("YYYYMMDD", "date_iso", "with hyphens")
    };
    let Some(found) = values::date(text) else {
        let hint = format!("Dates are written {prescribed}.");
        return (None, Some(Issue::error("date_invalid", row, "this is no date", hint).column(place).value(text)));
    };
    let remark = (found.iso != notation.hyphens).then(|| {
        let hint = format!("Nothing to do: it is read; SIE prescribes {prescribed}.");
        Issue::warning(code, row, format!("{text} is written {how}"), hint).column(place).value(text)
    });
    (Some(found.date), remark)
}
