//! SIE types 1 to 4: lines with labels.
//!
//! The layout follows “SIE filformat”, edition 4B, of Föreningen SIE-Gruppen; what real files do differently is read
//! wherever its meaning is plain, and remarked on.

mod checksum;
mod closing;
mod identification;
mod manner;
mod tokens;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::MAX_REMEMBERED;
use super::ledger::{Attribute, Balance, LINES, Ledger, Transaction, VoucherHead, read_date, values};
use crate::decoding::DecodingNotes;
use crate::failure::ReadError;
use crate::format::Entity;
use crate::import::{Detected, Item, Options, TextStream};
use crate::issue::{Issue, shorten};
use crate::lines::LineReader;
use checksum::Checksum;
use manner::WayOfWriting;
use tokens::{Field, Line, Oddity, SieRecord, parse};

/// Every label of the format, sorted.
#[rustfmt::skip]
const LABELS: [&str; 36] = [
    "#ADRESS", "#BKOD", "#BTRANS", "#DIM", "#ENHET", "#FLAGGA", "#FNAMN", "#FNR", "#FORMAT", "#FTYP", "#GEN", "#IB",
    "#KONTO", "#KPTYP", "#KSUMMA", "#KTYP", "#OBJEKT", "#OIB", "#OMFATTN", "#ORGNR", "#OUB", "#PBUDGET", "#PROGRAM",
    "#PROSA", "#PSALDO", "#RAR", "#RES", "#RTRANS", "#SIETYP", "#SRU", "#TAXAR", "#TRANS", "#UB", "#UNDERDIM",
    "#VALUTA", "#VER",
];

/// Whether a label, in upper case and with its `#`, belongs to the format.
pub(crate) fn is_known_label(label: &str) -> bool {
    LABELS.binary_search(&label).is_ok()
}

/// A file of lines being read.
pub(crate) struct SieLines {
    lines: LineReader<TextStream>,
    notes: Arc<DecodingNotes>,
    encoding: String,
    ledger: Ledger,
    /// A record that waits until the accounts declared before it are given out.
    held: Option<(u64, SieRecord)>,
    state: State,
    /// The block of the voucher being collected has been opened by a brace.
    block_open: bool,
    checksum: Option<Checksum>,
    way_of_writing: WayOfWriting,
    labels_seen: BTreeSet<&'static str>,
    unknown_labels: HashSet<String>,
    sie_type: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    /// The lines have ended; accounts may still wait.
    Closing,
    Ended,
}

impl SieLines {
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
            ledger: Ledger::new(&LINES),
            held: None,
            state: State::Reading,
            block_open: false,
            checksum: None,
            way_of_writing: WayOfWriting::default(),
            labels_seen: BTreeSet::new(),
            unknown_labels: HashSet::new(),
            sie_type: String::new(),
        }
    }

    /// The next record or voucher, or the findings about the whole file.
    pub(crate) fn next_item(&mut self) -> Option<Result<Item, ReadError>> {
        loop {
            if let Some(item) = self.ledger.queue.pop_front() {
                return Some(Ok(item));
            }
            if let Some((row, record)) = self.held.take() {
                if let Some(item) = self.ledger.chart.release(&LINES) {
                    self.held = Some((row, record));
                    return Some(Ok(item));
                }
                self.amounts(row, &record, Vec::new());
                continue;
            }
            match self.state {
                State::Ended => return None,
                State::Closing => {
                    if let Some(item) = self.ledger.chart.release(&LINES) {
                        return Some(Ok(item));
                    }
                    self.state = State::Ended;
                    let issues = self.closing_issues();
                    if !issues.is_empty() {
                        self.ledger.queue.push_back(Item::File { issues });
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
        self.ledger.note_letters(row, &text);
        match parse(&text) {
            Line::Blank => {}
            Line::Open if self.ledger.voucher.is_some() && !self.block_open => self.block_open = true,
            Line::Close if self.ledger.voucher.is_some() => self.end_voucher(row, false),
            Line::Open | Line::Close | Line::Stray => self.stray(row, &text),
            Line::Record(record) => self.record(row, record, &text)?,
        }
        Ok(())
    }

    fn record(&mut self, row: u64, record: SieRecord, text: &str) -> Result<(), ReadError> {
        let issues = line_issues(row, &record, text);
        self.way_of_writing.note(row, text);
        let Ok(position) = LABELS.binary_search(&record.label.as_str()) else {
            self.unknown_label(row, &record.label);
            return Ok(());
        };
        if let Some(label) = LABELS.get(position) {
            self.labels_seen.insert(label);
        }
        self.check_sum_record(row, &record);
        if issues.iter().any(|issue| issue.severity == crate::Severity::Error) {
            match &mut self.ledger.voucher {
                Some(voucher) if is_transaction(&record.label) => {
                    for issue in issues {
                        voucher.add_issue(issue);
                    }
                }
                _ => self.ledger.queue.push_back(Item::row(row, Vec::new(), issues)),
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
                if self.ledger.chart.has_waiting() && issues.is_empty() {
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
        let (mandatory, dates): (&[usize], &[usize]) = match record.label.as_str() {
            "#PROGRAM" => (&[0, 1], &[]),
            "#FORMAT" | "#FNAMN" => (&[0], &[]),
            "#GEN" => (&[0], &[0]),
            "#OMFATTN" => (&[], &[0]),
            "#RAR" => (&[], &[1, 2]),
            _ => (&[], &[]),
        };
        if mandatory.iter().any(|position| record.text(*position).is_empty()) {
            issues.push(remark(
                "field_missing",
                format!("the record {} lacks a field that is mandatory", record.label),
                "Nothing to do if the preview shows what was expected; the program that wrote the file is at fault.",
            ));
        }
        for stated in dates.iter().map(|position| record.text(*position)) {
            if values::date(stated).is_some_and(|found| found.iso) {
                issues.extend(read_date(row, &record.label, stated, &LINES).1);
            }
        }
        match record.label.as_str() {
            "#RAR" if !self.fiscal_year(record) => issues.push(remark(
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
            "#ORGNR" if !first.is_empty() => issues.extend(self.ledger.organisation_issues(row, first)),
            "#OMFATTN" => self.ledger.covered.until = values::date(first).map(|found| found.date),
            "#PBUDGET" => self.ledger.budgets = true,
            _ => {}
        }
        self.ledger.give(row, Vec::new(), issues);
    }

    /// Takes a `#RAR` record; `false` when it names no year.
    fn fiscal_year(&mut self, record: &SieRecord) -> bool {
        let (Ok(year), Some(start), Some(end)) =
            (record.text(0).parse(), values::date(record.text(1)), values::date(record.text(2)))
        else {
            return false;
        };
        self.ledger.years.take(year, start.date, end.date)
    }

    fn account(&mut self, row: u64, record: &SieRecord, issues: Vec<Issue>) -> Result<(), ReadError> {
        let (number, value) = (record.text(0), record.text(1));
        let attribute = match record.label.as_str() {
            "#KONTO" => return self.ledger.account(row, number, value, issues),
            "#KTYP" => Attribute::Kind(value.to_uppercase()),
            "#ENHET" => Attribute::Unit(value.to_owned()),
            _ => Attribute::Sru(value.to_owned()),
        };
        self.ledger.account_attribute(row, &record.label, number, attribute, issues)
    }

    fn dimension(&mut self, row: u64, record: &SieRecord, issues: Vec<Issue>) {
        let (first, second, third) = (record.text(0), record.text(1), record.text(2));
        match record.label.as_str() {
            "#OBJEKT" => self.ledger.object(row, &record.label, first, second, third, issues),
            "#UNDERDIM" => self.ledger.dimension(row, &record.label, first, second, third, issues),
            _ => self.ledger.dimension(row, &record.label, first, second, "", issues),
        }
    }

    /// Records that come after the chart of accounts: balances and vouchers.
    fn amounts(&mut self, row: u64, record: &SieRecord, issues: Vec<Issue>) {
        if record.label == "#VER" {
            self.block_open = record.opens_block;
            let head = VoucherHead {
                row,
                series: record.text(0),
                number: record.text(1),
                date: record.text(2),
                text: record.text(3),
                registered: record.text(4),
                sign: record.text(5),
                reference: "",
            };
            self.ledger.start_voucher(&head, issues);
        } else {
            self.balance(row, record, issues);
        }
    }

    fn balance(&mut self, row: u64, record: &SieRecord, issues: Vec<Issue>) {
        let place = record.label.as_str();
        let Ok(year) = record.text(0).parse::<i32>() else {
            let hint = "The first field is 0 for the current year, -1 for the one before.";
            self.ledger.balance_without_year(row, place, record.text(0), hint, issues);
            return;
        };
        let (label, period, account) = match place {
            "#PSALDO" => ("PSALDO", Some(record.text(1)), 2),
            "#IB" => ("IB", None, 1),
            "#UB" => ("UB", None, 1),
            "#OIB" => ("OIB", None, 1),
            "#OUB" => ("OUB", None, 1),
            _ => ("RES", None, 1),
        };
        let (objects, amount) = match record.fields.get(account + 1) {
            Some(Field::List(items)) => (Some(items.as_slice()), account + 2),
            _ => (None, account + 1),
        };
        let balance = Balance {
            row,
            place,
            label,
            year,
            period,
            account: record.text(account),
            objects,
            amount: record.text(amount),
            quantity: record.text(amount + 1),
        };
        self.ledger.balance(&balance, issues);
    }

    fn transaction(&mut self, row: u64, record: &SieRecord, issues: Vec<Issue>) {
        let Some(voucher) = &mut self.ledger.voucher else {
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
            self.ledger.queue.push_back(Item::row(row, Vec::new(), issues));
            return;
        };
        for issue in issues {
            voucher.add_issue(issue);
        }
        if !self.block_open {
            self.block_open = true;
            voucher.add_issue(Issue::warning(
                "opening_brace_missing",
                row,
                "the transactions of the voucher start without an opening brace",
                "Nothing to do if the voucher is complete in the preview.",
            ));
        }
        // Some programs leave the empty object list out.
        let (objects, after) = match record.fields.get(1) {
            Some(Field::List(items)) => (items.as_slice(), 2),
            _ => (&[] as &[String], 1),
        };
        match record.label.as_str() {
            "#RTRANS" => voucher.added_later(row, record.text(0), record.text(after)),
            // A transaction that was struck out counts nowhere.
            "#BTRANS" => {}
            _ => {
                let transaction = Transaction {
                    account: record.text(0),
                    objects,
                    amount: record.text(after),
                    date: record.text(after + 1),
                    text: record.text(after + 2),
                    quantity: record.text(after + 3),
                    sign: record.text(after + 4),
                    foreign: None,
                };
                self.ledger.transaction(row, &transaction);
            }
        }
        if record.closes_block {
            self.end_voucher(row, false);
        }
    }

    /// Gives out the voucher being collected, if there is one. `unclosed` tells that no brace ended it; `row` is the
    /// line that did, or 0 at the end of the file.
    fn end_voucher(&mut self, row: u64, unclosed: bool) {
        if let Some(voucher) = self.ledger.voucher.as_mut().filter(|_| unclosed && self.block_open) {
            let place = if row == 0 { "at the end of the file".to_owned() } else { format!("on line {row}") };
            voucher.add_issue(Issue::warning(
                "closing_brace_missing",
                voucher.row,
                format!("the voucher is not closed; it is taken to end {place}"),
                "Check that the voucher is complete, and that the file was not cut.",
            ));
        }
        self.block_open = false;
        self.ledger.end_voucher();
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
                self.ledger.queue.push_back(Item::row(row, Vec::new(), issues));
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
            self.ledger.queue.push_back(Item::row(row, Vec::new(), vec![issue]));
        }
    }

    fn stray(&mut self, row: u64, text: &str) {
        let issue = Issue::warning(
            "text_outside_record",
            row,
            "the line is no record and is skipped",
            "Records start with #; look for a line break inside a text, or a brace too many.",
        );
        self.ledger.queue.push_back(Item::row(row, Vec::new(), vec![issue.value(text.trim())]));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_sorted_for_the_search() {
        assert!(LABELS.is_sorted());
        assert!(is_known_label("#VER") && !is_known_label("#VERS"));
    }
}
