//! SIE types 1 to 4: accounts, dimensions, objects, balances and vouchers, with the checks a bookkeeper expects.
//!
//! The layout follows “SIE filformat”, edition 4B, of Föreningen SIE-Gruppen; what real files do differently is read
//! wherever its meaning is plain, and remarked on.

mod chart;
mod checksum;
mod closing;
mod identification;
mod objects;
mod sums;
mod tokens;
mod values;
mod vouchers;

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::sync::Arc;

use rust_decimal::Decimal;
use serde_json::{Map, Value};

use crate::decoding::DecodingNotes;
use crate::failure::ReadError;
use crate::format::Entity;
use crate::import::{Detected, Item, Options, TextStream};
use crate::issue::{Issue, shorten};
use crate::key_memory::KeyMemory;
use crate::lines::LineReader;
use crate::record::{Record, RecordKind};
use chart::{Attribute, Chart, Taken};
use checksum::Checksum;
use identification::FiscalYears;
use objects::Objects;
use sums::Sums;
use tokens::{Field, Line, Oddity, SieRecord, parse};
use values::OrganisationNumberOddity;
use vouchers::Voucher;

/// Every label of the format, sorted.
#[rustfmt::skip]
const LABELS: [&str; 36] = [
    "#ADRESS", "#BKOD", "#BTRANS", "#DIM", "#ENHET", "#FLAGGA", "#FNAMN", "#FNR", "#FORMAT", "#FTYP", "#GEN", "#IB",
    "#KONTO", "#KPTYP", "#KSUMMA", "#KTYP", "#OBJEKT", "#OIB", "#OMFATTN", "#ORGNR", "#OUB", "#PBUDGET", "#PROGRAM",
    "#PROSA", "#PSALDO", "#RAR", "#RES", "#RTRANS", "#SIETYP", "#SRU", "#TAXAR", "#TRANS", "#UB", "#UNDERDIM",
    "#VALUTA", "#VER",
];

/// Longest account number taken for one, in characters.
const LONGEST_ACCOUNT: usize = 50;

/// Unknown labels remembered, and accounts and objects listed as undeclared, at most.
const MAX_REMEMBERED: usize = 1000;

/// Whether a label, in upper case and with its `#`, belongs to the format.
pub(crate) fn is_known_label(label: &str) -> bool {
    LABELS.binary_search(&label).is_ok()
}

/// A SIE file being read.
pub(crate) struct SieImport {
    lines: LineReader<TextStream>,
    notes: Arc<DecodingNotes>,
    encoding: String,
    queue: VecDeque<Item>,
    /// A record that waits until the accounts declared before it are given out.
    held: Option<(u64, SieRecord)>,
    state: State,
    chart: Chart,
    objects: Objects,
    years: FiscalYears,
    sums: Sums,
    voucher: Option<Voucher>,
    keys: KeyMemory,
    checksum: Option<Checksum>,
    labels_seen: BTreeSet<&'static str>,
    unknown_labels: HashSet<String>,
    sie_type: String,
    /// First line with letters lost, and how many such lines there are.
    letters_lost: Option<(u64, u64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    /// The lines have ended; accounts may still wait.
    Closing,
    Ended,
}

impl SieImport {
    /// Looks at the head for what the file says about itself; completes `detected`.
    pub(crate) fn open(
        stream: TextStream,
        notes: Arc<DecodingNotes>,
        head: &str,
        options: &Options,
        detected: &mut Detected,
    ) -> Self {
        detected.entity = Entity::Ledger;
        detected.details = identification::details(head, options.file_name.as_deref());
        Self {
            lines: LineReader::new(stream),
            notes,
            encoding: detected.encoding.clone(),
            queue: VecDeque::new(),
            held: None,
            state: State::Reading,
            chart: Chart::default(),
            objects: Objects::default(),
            years: FiscalYears::default(),
            sums: Sums::default(),
            voucher: None,
            keys: KeyMemory::default(),
            checksum: None,
            labels_seen: BTreeSet::new(),
            unknown_labels: HashSet::new(),
            sie_type: String::new(),
            letters_lost: None,
        }
    }

    /// The next record or voucher, or the findings about the whole file.
    pub(crate) fn next_item(&mut self) -> Option<Result<Item, ReadError>> {
        loop {
            if let Some(item) = self.queue.pop_front() {
                return Some(Ok(item));
            }
            if let Some((row, record)) = self.held.take() {
                if let Some(item) = self.chart.release() {
                    self.held = Some((row, record));
                    return Some(Ok(item));
                }
                self.amounts(row, &record, Vec::new());
                continue;
            }
            match self.state {
                State::Ended => return None,
                State::Closing => {
                    if let Some(item) = self.chart.release() {
                        return Some(Ok(item));
                    }
                    self.state = State::Ended;
                    let issues = self.closing_issues();
                    if !issues.is_empty() {
                        self.queue.push_back(Item::File { issues });
                    }
                }
                State::Reading => {
                    if let Err(error) = self.read_line() {
                        self.state = State::Ended;
                        return Some(Err(error));
                    }
                }
            }
        }
    }

    fn read_line(&mut self) -> Result<(), ReadError> {
        let Some((row, text)) = self.lines.next_line()? else {
            self.end_voucher(0, true);
            self.state = State::Closing;
            return Ok(());
        };
        if text.contains(char::REPLACEMENT_CHARACTER) {
            let (_, count) = self.letters_lost.get_or_insert((row, 0));
            *count += 1;
        }
        match parse(&text) {
            Line::Blank => {}
            Line::Open => match &mut self.voucher {
                Some(voucher) if !voucher.opened => voucher.opened = true,
                _ => self.stray(row, &text),
            },
            Line::Close if self.voucher.is_some() => self.end_voucher(row, false),
            Line::Close | Line::Stray => self.stray(row, &text),
            Line::Record(record) => self.record(row, record, &text)?,
        }
        Ok(())
    }

    fn record(&mut self, row: u64, record: SieRecord, text: &str) -> Result<(), ReadError> {
        let issues = line_issues(row, &record, text);
        let Ok(position) = LABELS.binary_search(&record.label.as_str()) else {
            self.unknown_label(row, &record.label);
            return Ok(());
        };
        if let Some(label) = LABELS.get(position) {
            self.labels_seen.insert(label);
        }
        self.check_sum_record(row, &record);
        if issues.iter().any(|issue| issue.severity == crate::Severity::Error) {
            match &mut self.voucher {
                Some(voucher) if is_transaction(&record.label) => {
                    for issue in issues {
                        voucher.add_issue(issue);
                    }
                }
                _ => self.queue.push_back(Item::row(row, Vec::new(), issues)),
            }
            return Ok(());
        }
        if is_transaction(&record.label) {
            self.transaction(row, &record, issues);
            return Ok(());
        }
        // Any other record means that the voucher before it is over, brace or no brace.
        self.end_voucher(row, true);
        match record.label.as_str() {
            "#KONTO" | "#KTYP" | "#ENHET" | "#SRU" => self.account(row, &record, issues)?,
            "#DIM" | "#UNDERDIM" | "#OBJEKT" => self.dimension(row, &record, issues),
            "#VER" | "#IB" | "#UB" | "#OIB" | "#OUB" | "#RES" | "#PSALDO" => {
                if self.chart.has_waiting() && issues.is_empty() {
                    self.held = Some((row, record));
                } else {
                    self.amounts(row, &record, issues);
                }
            }
            _ => self.identification(row, &record, issues),
        }
        Ok(())
    }

    /// Records that say something about the file itself.
    fn identification(&mut self, row: u64, record: &SieRecord, mut issues: Vec<Issue>) {
        let first = record.text(0);
        let remark = |code, message: String, hint: &str| {
            Issue::warning(code, row, message, hint).column(&record.label).value(first)
        };
        match record.label.as_str() {
            "#RAR" if !self.years.take(record) => issues.push(remark(
                "fiscal_year_invalid",
                "the record names no fiscal year with a start and an end".into(),
                "Dates are not compared with a fiscal year; type 4I files may leave it out.",
            )),
            "#SIETYP" => {
                first.clone_into(&mut self.sie_type);
                if !matches!(first, "1" | "2" | "3" | "4") {
                    issues.push(remark(
                        "sie_type_unknown",
                        format!("SIE type {} is none of 1, 2, 3 and 4", shorten(first)),
                        "The records are read as far as they are known.",
                    ));
                }
            }
            "#FLAGGA" if first == "1" => issues.push(remark(
                "already_read",
                "the flag says that the file has been read by another program before".into(),
                "Make sure that it is not imported twice.",
            )),
            "#FORMAT" if self.encoding != crate::encoding::Encoding::Cp437.name() => issues.push(remark(
                "encoding_differs",
                format!("the file declares {}, but its letters are {}", shorten(first), self.encoding),
                "Nothing to do if names look right in the preview.",
            )),
            "#ORGNR" if !first.is_empty() => {
                for oddity in values::organisation_number_oddities(first) {
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
                    issues.push(remark(code, message.into(), "Check that the file belongs to this federation."));
                }
            }
            _ => {}
        }
        self.give(row, Vec::new(), issues);
    }

    fn account(&mut self, row: u64, record: &SieRecord, mut issues: Vec<Issue>) -> Result<(), ReadError> {
        let number = record.text(0);
        if let Some(issue) = account_issue(row, &record.label, number) {
            issues.push(issue);
            self.give(row, Vec::new(), issues);
            return Ok(());
        }
        let value = record.text(1);
        let attribute = match record.label.as_str() {
            "#KONTO" => {
                issues.extend(self.chart.declare(row, number, value)?);
                self.give(row, Vec::new(), issues);
                return Ok(());
            }
            "#KTYP" => {
                let kind = value.to_uppercase();
                if !matches!(kind.as_str(), "T" | "S" | "K" | "I") {
                    issues.push(
                        Issue::warning(
                            "account_type_unknown",
                            row,
                            "the account type is none of T, S, K and I",
                            "It is kept; checks go by the account number.",
                        )
                        .column("#KTYP")
                        .value(value),
                    );
                }
                Attribute::Kind(kind)
            }
            "#ENHET" => Attribute::Unit(value.to_owned()),
            _ => Attribute::Sru(value.to_owned()),
        };
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
            issues.push(Issue::warning(code, row, message, hint).column(&record.label).value(number));
        }
        self.give(row, Vec::new(), issues);
        Ok(())
    }

    fn dimension(&mut self, row: u64, record: &SieRecord, mut issues: Vec<Issue>) {
        let mut fields = Map::new();
        let mut add = |name: &str, position: usize| {
            let value = record.text(position);
            if !value.is_empty() {
                fields.insert(name.to_owned(), Value::from(value));
            }
        };
        let (kind, key) = if record.label == "#OBJEKT" {
            add("dimension", 0);
            add("number", 1);
            add("name", 2);
            self.objects.declare(record.text(0), record.text(1));
            (RecordKind::Object, format!("{}:{}", record.text(0), record.text(1)))
        } else {
            add("number", 0);
            add("name", 1);
            if record.label == "#UNDERDIM" {
                add("parent", 2);
            }
            (RecordKind::Dimension, record.text(0).to_owned())
        };
        if record.text(0).is_empty() || (kind == RecordKind::Object && record.text(1).is_empty()) {
            issues.push(
                Issue::error("number_missing", row, "the record has no number", "Add the number of what is declared.")
                    .column(&record.label),
            );
        }
        self.give(row, vec![Record { kind, key, row, fields: fields.into() }], issues);
    }

    /// Records that come after the chart of accounts: balances and vouchers.
    fn amounts(&mut self, row: u64, record: &SieRecord, issues: Vec<Issue>) {
        if record.label == "#VER" {
            self.voucher = Some(Voucher::start(row, record, &self.years, issues));
        } else {
            self.balance(row, record, issues);
        }
    }

    fn balance(&mut self, row: u64, record: &SieRecord, mut issues: Vec<Issue>) {
        let label = record.label.trim_start_matches('#');
        let mut fields = Map::new();
        fields.insert("label".into(), Value::from(label));
        let Ok(year) = record.text(0).parse::<i32>() else {
            let issue = Issue::error(
                "year_invalid",
                row,
                "the balance does not say which fiscal year it belongs to",
                "The first field is 0 for the current year, -1 for the one before.",
            );
            issues.push(issue.column(&record.label).value(record.text(0)));
            self.give(row, Vec::new(), issues);
            return;
        };
        fields.insert("year".into(), Value::from(year));
        // The start of the year keeps balances apart that files of different years both call year 0.
        let year_name = self.years.start(year).map_or_else(|| year.to_string(), |start| start.to_string());
        if let Some(start) = self.years.start(year) {
            fields.insert("fiscal_year_start".into(), Value::from(start.to_string()));
        }
        let mut key = format!("{label}:{year_name}");
        let mut next = 1;
        if label == "PSALDO" {
            let period = record.text(next);
            if !values::is_period(period) {
                let issue = Issue::error("period_invalid", row, "this is no period", "Periods are written YYYYMM.");
                issues.push(issue.column(&record.label).value(period));
            }
            fields.insert("period".into(), Value::from(period));
            key = format!("{key}:{period}");
            next += 1;
        }
        let account = record.text(next);
        next += 1;
        issues.extend(account_issue(row, &record.label, account));
        fields.insert("account".into(), Value::from(account));
        key = format!("{key}:{account}");
        if let Some(Field::List(items)) = record.fields.get(next) {
            next += 1;
            self.objects.note_use(row, items);
            if !items.is_empty() {
                fields.extend(vouchers::objects_value(items).map(|objects| ("objects".to_owned(), objects)));
                let objects: Vec<String> = items.chunks(2).map(|pair| pair.join("=")).collect();
                key = format!("{key}:{}", objects.join(","));
            }
        }
        let (amount, remark) = read_amount(row, &record.label, record.text(next));
        issues.extend(remark);
        if let Some(amount) = amount {
            fields.insert("amount".into(), Value::from(amount.to_string()));
            if issues.iter().all(|issue| issue.severity == crate::Severity::Warning) {
                self.chart.note_use(row, account);
                self.sums.balance(&record.label, year, account, amount, row);
            }
        }
        let quantity = record.text(next + 1);
        if !quantity.is_empty() {
            fields.insert("quantity".into(), Value::from(quantity));
        }
        if self.keys.note((label, &key)) == 2 {
            issues.push(
                Issue::warning(
                    "balance_duplicate",
                    row,
                    "the same balance is stated twice",
                    "The later amount is kept; ask the bookkeeper which one is right.",
                )
                .column(&record.label)
                .value(&key),
            );
        }
        self.give(row, vec![Record { kind: RecordKind::Balance, key, row, fields: fields.into() }], issues);
    }

    fn transaction(&mut self, row: u64, record: &SieRecord, issues: Vec<Issue>) {
        let Some(voucher) = &mut self.voucher else {
            let mut issues = issues;
            issues.push(
                Issue::error(
                    "transaction_outside_voucher",
                    row,
                    "the transaction belongs to no voucher",
                    "Look for a #VER record that is missing, or a brace too many, on the lines before.",
                )
                .column(&record.label),
            );
            self.queue.push_back(Item::row(row, Vec::new(), issues));
            return;
        };
        for issue in issues {
            voucher.add_issue(issue);
        }
        if !voucher.opened {
            voucher.opened = true;
            voucher.add_issue(Issue::warning(
                "opening_brace_missing",
                row,
                "the transactions of the voucher start without an opening brace",
                "Nothing to do if the voucher is complete in the preview.",
            ));
        }
        match record.label.as_str() {
            "#RTRANS" => voucher.added_later(row, record),
            // A transaction that was struck out counts nowhere.
            "#BTRANS" => {}
            _ => {
                if let Some((account, amount)) = voucher.transaction(row, record, &self.years) {
                    self.chart.note_use(row, &account);
                    self.sums.movement(&account, amount);
                }
                if let Some(Field::List(items)) = record.fields.get(1) {
                    self.objects.note_use(row, items);
                }
            }
        }
        if record.closes_block {
            self.end_voucher(row, false);
        }
    }

    /// Gives out the voucher being collected, if there is one. `unclosed` tells that no brace ended it; `row` is the
    /// line that did, or 0 at the end of the file.
    fn end_voucher(&mut self, row: u64, unclosed: bool) {
        let Some(mut voucher) = self.voucher.take() else { return };
        if unclosed && voucher.opened {
            let place = if row == 0 { "at the end of the file".to_owned() } else { format!("on line {row}") };
            voucher.add_issue(Issue::warning(
                "closing_brace_missing",
                voucher.row,
                format!("the voucher is not closed; it is taken to end {place}"),
                "Check that the voucher is complete, and that the file was not cut.",
            ));
        }
        let start = self.years.start(0).map(|start| start.to_string());
        let year = start.or_else(|| voucher.date.map(|date| date.format("%Y-01-01").to_string())).unwrap_or_default();
        let key = self.voucher_key(&year, &mut voucher);
        let voucher_row = voucher.row;
        let (mut fields, issues) = voucher.finish(if row == 0 { voucher_row } else { row });
        fields.insert("fiscal_year_start".into(), Value::from(year));
        let record = Record { kind: RecordKind::Voucher, key, row: voucher_row, fields: fields.into() };
        self.queue.push_back(Item::row(voucher_row, vec![record], issues));
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
            .column("#VER")
            .value(&name),
        );
        format!("{key}~{occurrence}")
    }

    fn check_sum_record(&mut self, row: u64, record: &SieRecord) {
        if record.label != "#KSUMMA" {
            if let Some(checksum) = &mut self.checksum {
                checksum.add(record);
            }
            return;
        }
        match (self.checksum.take(), record.text(0)) {
            (None, _) => self.checksum = Some(Checksum::start()),
            (Some(checksum), stated) if !checksum.is(stated) => {
                let issue = Issue::warning(
                    "ksumma_mismatch",
                    row,
                    "the checksum does not fit the records before it",
                    "The file was changed after it was written, or its program computes the sum in another way.",
                );
                let issues = vec![issue.column("#KSUMMA").value(stated)];
                self.queue.push_back(Item::row(row, Vec::new(), issues));
            }
            (Some(_), _) => {}
        }
    }

    fn unknown_label(&mut self, row: u64, label: &str) {
        let label = shorten(label);
        if self.unknown_labels.len() < MAX_REMEMBERED && self.unknown_labels.insert(label.clone()) {
            let issue = Issue::warning(
                "label_unknown",
                row,
                format!("records {label} are not part of the format; they are skipped"),
                "Nothing to do, unless the label is misspelled.",
            )
            .column(&label);
            self.queue.push_back(Item::row(row, Vec::new(), vec![issue]));
        }
    }

    fn stray(&mut self, row: u64, text: &str) {
        let issue = Issue::warning(
            "text_outside_record",
            row,
            "the line is no record and is skipped",
            "Records start with #; look for a line break inside a text, or a brace too many.",
        );
        self.queue.push_back(Item::row(row, Vec::new(), vec![issue.value(text.trim())]));
    }

    /// Gives out a unit that has something to say.
    fn give(&mut self, row: u64, records: Vec<Record>, issues: Vec<Issue>) {
        if !records.is_empty() || !issues.is_empty() {
            self.queue.push_back(Item::row(row, records, issues));
        }
    }
}

fn is_transaction(label: &str) -> bool {
    matches!(label, "#TRANS" | "#RTRANS" | "#BTRANS")
}

/// What is odd about a line before its meaning is looked at.
fn line_issues(row: u64, record: &SieRecord, text: &str) -> Vec<Issue> {
    let mut issues = Vec::new();
    if text.contains('\0') {
        issues.push(Issue::error("nul_character", row, "the line holds a NUL character", "Export the file again."));
    }
    issues.extend(record.oddities.iter().map(|oddity| match oddity {
        Oddity::TooManyFields => Issue::error(
            "too_many_fields",
            row,
            "the record has more than 1000 fields",
            "Look for a missing line break.",
        ),
        Oddity::QuoteUnclosed => Issue::warning(
            "quote_unclosed",
            row,
            "a quotation mark is opened and not closed on the line",
            "The text is taken to end with the line.",
        ),
        Oddity::ListUnclosed => Issue::warning(
            "list_unclosed",
            row,
            "an object list is opened and not closed on the line",
            "The list is taken to end with the line.",
        ),
    }));
    issues.into_iter().map(|issue| issue.column(&record.label).value(text.trim())).collect()
}

fn account_issue(row: u64, label: &str, number: &str) -> Option<Issue> {
    (number.is_empty() || number.chars().count() > LONGEST_ACCOUNT).then(|| {
        Issue::error(
            "account_invalid",
            row,
            "the record names no usable account",
            "An account number has 1 to 50 characters.",
        )
        .column(label)
        .value(number)
    })
}

/// Reads an amount, with an error when it is none and a remark when it is written against the rules.
fn read_amount(row: u64, label: &str, text: &str) -> (Option<Decimal>, Option<Issue>) {
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
    (values::amount(text).map(|amount| amount.value), Some(issue.column(label).value(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_sorted_for_the_search() {
        assert!(LABELS.is_sorted());
        assert!(is_known_label("#VER") && !is_known_label("#VERS"));
    }
}
