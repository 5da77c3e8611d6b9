//! SIE 5: XML elements, as a stream.
//!
//! The layout follows the schema of <http://www.sie.se/sie5>: what counts stands in attributes, `Sie` is the root of an
//! export and `SieEntry` that of a file of vouchers to post. A row is the line where an element starts.

mod file_info;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use super::MAX_REMEMBERED;
use super::ledger::{Attribute, Balance, ELEMENTS, Ledger, Nature, STATISTICS, Transaction, VoucherHead};
use crate::decoding::DecodingNotes;
use crate::failure::{OpenError, ReadError};
use crate::format::{Entity, Format};
use crate::import::{Detected, Item, TextStream, decoding_issue};
use crate::issue::{Issue, shorten};
use crate::xml_events::{Element, Seen, XmlEvents, blank};
use file_info::{FiscalYear, month};

pub(crate) use file_info::root_of;

/// The namespace of the format.
const NAMESPACE: &str = "http://www.sie.se/sie5";

/// The namespace of the signature.
const SIGNATURES: &str = "http://www.w3.org/2000/09/xmldsig#";

/// Objects that a balance or a transaction may refer to; more are left out. Real ones refer to a few.
const MAX_OBJECTS: usize = 200;

/// Parts of a file that hold no records of a ledger.
const SKIPPED: [&str; 8] = [
    "AccountAggregations",
    "CustomerInvoices",
    "Customers",
    "Documents",
    "FixedAssets",
    "GeneralSubdividedAccount",
    "SupplierInvoices",
    "Suppliers",
];

/// The root element of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Root {
    /// `Sie`: an export.
    Export,
    /// `SieEntry`: vouchers to post.
    Entry,
}

/// Where the reading is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    FileInfo,
    FiscalYears,
    Accounts,
    Account,
    Balance,
    Dimensions,
    Dimension,
    Journal,
    Voucher,
    Transaction,
    /// An element whose attributes say everything.
    Leaf,
    Skipped,
}

/// A file of elements being read.
pub(crate) struct SieElements {
    events: XmlEvents<TextStream>,
    notes: Arc<DecodingNotes>,
    ledger: Ledger,
    root: Root,
    places: Vec<Place>,
    years: Vec<FiscalYear>,
    /// The id of the account, dimension or journal that is open.
    account: String,
    dimension: String,
    series: String,
    /// A balance or a transaction that is open.
    stated: Stated,
    seen: BTreeSet<&'static str>,
    /// Sections that are skipped, with the line of the first of each.
    skipped: BTreeMap<&'static str, u64>,
    unknown: HashSet<String>,
    signed_on: Option<u64>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    Closing,
    Ended,
}

/// What the elements below a balance or a transaction add to its attributes.
#[derive(Default)]
struct Stated {
    row: u64,
    name: &'static str,
    account: String,
    month: String,
    amount: String,
    quantity: String,
    date: String,
    text: String,
    sign: String,
    foreign: Option<(String, String)>,
    objects: Vec<String>,
    struck_out: bool,
}

impl SieElements {
    /// Reads up to the root, and looks at the head for what the file says about itself; completes `detected`.
    pub(crate) fn open(
        stream: TextStream,
        notes: Arc<DecodingNotes>,
        head: &str,
        detected: &mut Detected,
    ) -> Result<Self, OpenError> {
        let mut events = XmlEvents::new(stream);
        let root = loop {
            if let Seen::Start(element) = events.next()? {
                break file_info::root(&element).ok_or_else(|| OpenError::Mismatch {
                    declared: Format::Sie.to_string(),
                    found: format!("XML with the root <{}>", shorten(&element.local)),
                    why: format!("the root of SIE 5 is Sie or SieEntry, in the namespace {NAMESPACE}"),
                })?;
            }
        };
        detected.entity = Entity::Ledger;
        detected.details = file_info::details(head);
        Ok(Self {
            events,
            notes,
            ledger: Ledger::new(&ELEMENTS),
            root,
            places: vec![Place::Root],
            years: Vec::new(),
            account: String::new(),
            dimension: String::new(),
            series: String::new(),
            stated: Stated::default(),
            seen: BTreeSet::new(),
            skipped: BTreeMap::new(),
            unknown: HashSet::new(),
            signed_on: None,
            state: State::Reading,
        })
    }

    /// The next account, balance or voucher, or the findings about the whole file.
    pub(crate) fn next_item(&mut self) -> Option<Result<Item, ReadError>> {
        loop {
            if let Some(item) = self.ledger.queue.pop_front() {
                return Some(Ok(item));
            }
            match self.state {
                State::Ended => return None,
                State::Closing => {
                    self.state = State::Ended;
                    let issues = self.closing_issues();
                    if !issues.is_empty() {
                        return Some(Ok(Item::File { issues }));
                    }
                }
                State::Reading => {
                    if let Err(error) = self.read_event() {
                        self.state = State::Ended;
                        return Some(Err(error));
                    }
                }
            }
        }
    }

    fn read_event(&mut self) -> Result<(), ReadError> {
        match self.events.next()? {
            Seen::Start(element) => {
                let row = self.events.event_line();
                let place = self.places.last().copied().unwrap_or(Place::Skipped);
                for attribute in &element.attributes {
                    if attribute.value.contains('\0') {
                        return Err(self.events.damaged("an attribute holds a NUL character"));
                    }
                    self.ledger.note_letters(row, &attribute.value);
                }
                let inner = self.enter(place, row, &element)?;
                self.places.push(inner);
            }
            Seen::End => {
                if let Some(place) = self.places.pop() {
                    self.leave(place);
                }
            }
            Seen::Text(text) => {
                let skipped = self.places.last() == Some(&Place::Skipped);
                if !skipped && !blank(&text) {
                    let issue = Issue::warning(
                        "text_outside_record",
                        self.events.event_line(),
                        "there is text between the elements, which is skipped",
                        "In SIE 5 every value stands in an attribute.",
                    );
                    self.ledger.give(issue.row, Vec::new(), vec![issue.value(text.trim())]);
                }
            }
            Seen::Other => {}
            Seen::Eof => self.state = State::Closing,
        }
        // Enclosed documents may be larger than anything that is held.
        if self.places.last() == Some(&Place::Skipped) {
            self.events.pass_text()?;
        }
        Ok(())
    }

    /// Takes the start of an element; returns where that leads.
    fn enter(&mut self, place: Place, row: u64, element: &Element) -> Result<Place, ReadError> {
        if place == Place::Skipped {
            return Ok(Place::Skipped);
        }
        let name = element.local.as_str();
        if place == Place::Root && name == "Signature" && element.namespace.as_deref() == Some(SIGNATURES) {
            self.signed_on.get_or_insert(row);
            return Ok(Place::Skipped);
        }
        if element.namespace.as_deref() != Some(NAMESPACE) {
            return Ok(self.unknown(row, element));
        }
        Ok(match place {
            Place::Root => self.enter_section(row, element),
            Place::FileInfo => self.enter_file_info(row, element),
            Place::FiscalYears if name == "FiscalYear" => {
                self.fiscal_year(row, element);
                Place::Leaf
            }
            Place::Accounts if name == "Account" => {
                self.enter_account(row, element)?;
                Place::Account
            }
            Place::Account => self.enter_balance(row, element),
            Place::Balance | Place::Transaction => self.enter_part(row, element),
            Place::Dimensions if name == "Dimension" => {
                element.attribute("id").clone_into(&mut self.dimension);
                self.ledger.dimension(row, "Dimension", &self.dimension, element.attribute("name"), "", Vec::new());
                Place::Dimension
            }
            Place::Dimension if name == "Object" => {
                let (id, name) = (element.attribute("id"), element.attribute("name"));
                self.ledger.object(row, "Object", &self.dimension, id, name, Vec::new());
                Place::Leaf
            }
            Place::Journal if name == "JournalEntry" => {
                let head = VoucherHead {
                    row,
                    series: &self.series,
                    number: element.attribute("id"),
                    date: without_zone(element.attribute("journalDate")),
                    text: element.attribute("text"),
                    registered: "",
                    sign: "",
                    reference: element.attribute("referenceId"),
                };
                self.ledger.start_voucher(&head, Vec::new());
                Place::Voucher
            }
            Place::Voucher => self.enter_voucher_part(row, element),
            _ => self.unknown(row, element),
        })
    }

    /// Takes a part of the file.
    fn enter_section(&mut self, row: u64, element: &Element) -> Place {
        let name = element.local.as_str();
        if let Some(name) = SKIPPED.into_iter().find(|skipped| *skipped == name) {
            self.skipped.entry(name).or_insert(row);
            return Place::Skipped;
        }
        let (name, place) = match name {
            "FileInfo" => ("FileInfo", Place::FileInfo),
            "Accounts" => ("Accounts", Place::Accounts),
            "Dimensions" => ("Dimensions", Place::Dimensions),
            "Journal" => {
                element.attribute("id").clone_into(&mut self.series);
                ("Journal", Place::Journal)
            }
            _ => return self.unknown(row, element),
        };
        self.seen.insert(name);
        place
    }

    fn enter_file_info(&mut self, row: u64, element: &Element) -> Place {
        let (name, place) = match element.local.as_str() {
            "SoftwareProduct" => ("SoftwareProduct", Place::Leaf),
            "FileCreation" => ("FileCreation", Place::Leaf),
            "AccountingCurrency" => ("AccountingCurrency", Place::Leaf),
            "Company" => {
                let number = element.attribute("organizationId");
                // The schema has ten zeros for organisations without a number.
                if !number.is_empty() && number != "000000-0000" {
                    let issues = self.ledger.organisation_issues(row, number);
                    self.ledger.give(row, Vec::new(), issues);
                }
                ("Company", Place::Leaf)
            }
            "FiscalYears" => ("FiscalYears", Place::FiscalYears),
            _ => return self.unknown(row, element),
        };
        self.seen.insert(name);
        place
    }

    fn fiscal_year(&mut self, row: u64, element: &Element) {
        match FiscalYear::read(row, element) {
            Some(year) => self.years.push(year),
            None => self.fiscal_year_issue(row, "the element names no fiscal year with a start and an end"),
        }
        self.years.truncate(file_info::MAX_YEARS);
    }

    fn fiscal_year_issue(&mut self, row: u64, message: &str) {
        let issue = Issue::warning(
            "fiscal_year_invalid",
            row,
            message,
            "Check in the preview which fiscal year the balances belong to.",
        );
        self.ledger.give(row, Vec::new(), vec![issue.column("FiscalYear")]);
    }

    /// Numbers the fiscal years relative to the primary one, which other notations call the current one.
    fn number_years(&mut self) {
        let mut years = std::mem::take(&mut self.years);
        years.sort_by_key(|year| year.start);
        let marked = years.iter().rposition(|year| year.primary);
        let Some(current) = marked.or_else(|| years.len().checked_sub(1)) else { return };
        if marked.is_none() {
            let row = years.get(current).map_or(0, |year| year.row);
            self.fiscal_year_issue(row, "no fiscal year is marked as the primary one; the last counts as it");
        }
        for (number, year) in (-i32::try_from(current).unwrap_or(i32::MAX)..).zip(&years) {
            if !self.ledger.years.take(number, year.start, year.end) {
                self.fiscal_year_issue(year.row, "the fiscal year ends before it starts");
            }
            if number == 0 {
                self.ledger.covered.until = year.covered_until;
            }
        }
    }

    /// Declares an account and gives it out: its attributes are all there.
    fn enter_account(&mut self, row: u64, element: &Element) -> Result<(), ReadError> {
        element.attribute("id").clone_into(&mut self.account);
        let number = self.account.as_str();
        self.ledger.account(row, number, element.attribute("name"), Vec::new())?;
        if number.is_empty() || number.chars().count() > super::LONGEST_ACCOUNT {
            return Ok(());
        }
        let stated = element.attribute("type");
        if !stated.is_empty() {
            let kind = match stated {
                "asset" => "T",
                "liability" | "equity" => "S",
                "cost" => "K",
                "income" => "I",
                "statistics" => STATISTICS,
                other => other,
            };
            let kind = Attribute::Kind(kind.to_owned());
            self.ledger.account_attribute(row, "Account", number, kind, Vec::new())?;
        }
        let unit = element.attribute("unit");
        if !unit.is_empty() {
            let unit = Attribute::Unit(unit.to_owned());
            self.ledger.account_attribute(row, "Account", number, unit, Vec::new())?;
        }
        while let Some(item) = self.ledger.chart.release(&ELEMENTS) {
            self.ledger.queue.push_back(item);
        }
        Ok(())
    }

    fn enter_balance(&mut self, row: u64, element: &Element) -> Place {
        let name = match element.local.as_str() {
            "OpeningBalance" | "OpeningBalanceMultidim" => "OpeningBalance",
            "ClosingBalance" | "ClosingBalanceMultidim" => "ClosingBalance",
            "Budget" | "BudgetMultidim" => {
                self.ledger.budgets = true;
                return Place::Skipped;
            }
            _ => return self.unknown(row, element),
        };
        self.stated = Stated {
            row,
            name,
            account: self.account.clone(),
            month: element.attribute("month").to_owned(),
            amount: element.attribute("amount").to_owned(),
            quantity: element.attribute("quantity").to_owned(),
            ..Stated::default()
        };
        Place::Balance
    }

    /// Takes a part of a balance or of a transaction.
    fn enter_part(&mut self, row: u64, element: &Element) -> Place {
        match element.local.as_str() {
            "ObjectReference" if self.stated.objects.len() < MAX_OBJECTS * 2 => {
                let pair = ["dimId", "objectId"].map(|name| element.attribute(name).to_owned());
                self.stated.objects.extend(pair);
            }
            "ForeignCurrencyAmount" => {
                let [amount, currency] = ["amount", "currency"].map(|name| element.attribute(name).to_owned());
                self.stated.foreign = Some((amount, currency));
            }
            "EntryInfo" => element.attribute("by").clone_into(&mut self.stated.sign),
            "Overstrike" => self.stated.struck_out = true,
            "ObjectReference" | "LockingInfo" | "SubdividedAccountObjectReference" => {}
            _ => return self.unknown(row, element),
        }
        Place::Leaf
    }

    fn enter_voucher_part(&mut self, row: u64, element: &Element) -> Place {
        let Some(voucher) = &mut self.ledger.voucher else { return Place::Skipped };
        match element.local.as_str() {
            "EntryInfo" | "OriginalEntryInfo" => {
                voucher.registered(without_zone(element.attribute("date")), element.attribute("by"));
            }
            "CorrectedBy" => {
                let [year, series, number] =
                    ["fiscalYearId", "journalId", "journalEntryId"].map(|name| element.attribute(name));
                voucher.corrected_by(year, series, number);
            }
            "LockingInfo" | "VoucherReference" => {}
            "LedgerEntry" => {
                self.stated = Stated {
                    row,
                    account: element.attribute("accountId").to_owned(),
                    amount: element.attribute("amount").to_owned(),
                    quantity: element.attribute("quantity").to_owned(),
                    date: without_zone(element.attribute("ledgerDate")).to_owned(),
                    text: element.attribute("text").to_owned(),
                    ..Stated::default()
                };
                return Place::Transaction;
            }
            _ => return self.unknown(row, element),
        }
        Place::Leaf
    }

    /// Takes the end of an element.
    fn leave(&mut self, place: Place) {
        match place {
            Place::FiscalYears => self.number_years(),
            Place::Balance => self.balance(),
            Place::Transaction => {
                let stated = std::mem::take(&mut self.stated);
                // A transaction that was struck out counts nowhere.
                if !stated.struck_out {
                    let foreign = stated.foreign.as_ref();
                    let transaction = Transaction {
                        account: &stated.account,
                        objects: &stated.objects,
                        amount: &stated.amount,
                        date: &stated.date,
                        text: &stated.text,
                        quantity: &stated.quantity,
                        sign: &stated.sign,
                        foreign: foreign.map(|(amount, currency)| (amount.as_str(), currency.as_str())),
                    };
                    self.ledger.transaction(stated.row, &transaction);
                }
            }
            Place::Voucher => self.ledger.end_voucher(),
            _ => {}
        }
    }

    /// Gives out the balance that has ended. One at the border of a fiscal year is the year's, as in other notations;
    /// one between has its month as its period.
    fn balance(&mut self) {
        let stated = std::mem::take(&mut self.stated);
        let (row, place) = (stated.row, stated.name);
        let Some((first, last)) = month(&stated.month) else {
            let issue = self.ledger.period_issue(row, place, &stated.month);
            self.ledger.give(row, Vec::new(), vec![issue]);
            return;
        };
        let opening = place == ELEMENTS.opening;
        let years = &self.ledger.years;
        let found = years.year_of(if opening { first } else { last });
        let Some(year) = found.or_else(|| years.is_empty().then_some(0)) else {
            let hint = "Its month lies in none of the fiscal years of the file.";
            self.ledger.balance_without_year(row, place, &stated.month, hint, Vec::new());
            return;
        };
        let covered = self.ledger.covered.until.filter(|_| year == 0);
        let of_year = years.is_empty()
            || if opening {
                years.start(year) == Some(first)
            } else {
                years.end(year) == Some(last) || covered.is_some_and(|until| (first..=last).contains(&until))
            };
        let period = first.format("%Y%m").to_string();
        let label = match (opening, stated.objects.is_empty()) {
            (true, true) => "IB",
            (true, false) => "OIB",
            (false, false) => "OUB",
            (false, true) if self.ledger.chart.nature(&stated.account) == Nature::Result => "RES",
            (false, true) => "UB",
        };
        let balance = Balance {
            row,
            place,
            label,
            year,
            period: (!of_year).then_some(period.as_str()),
            account: &stated.account,
            objects: Some(&stated.objects),
            amount: &stated.amount,
            quantity: &stated.quantity,
        };
        self.ledger.balance(&balance, Vec::new());
    }

    fn unknown(&mut self, row: u64, element: &Element) -> Place {
        let name = shorten(&element.local);
        if self.unknown.len() < MAX_REMEMBERED && self.unknown.insert(name.clone()) {
            let issue = Issue::warning(
                "label_unknown",
                row,
                format!("elements {name} are not part of the format at this place; they are skipped"),
                "Nothing to do, unless the name is misspelled.",
            );
            self.ledger.give(row, Vec::new(), vec![issue.column(&name)]);
        }
        Place::Skipped
    }

    fn closing_issues(&self) -> Vec<Issue> {
        let mut issues = Vec::new();
        let mandatory: &[&str] = match self.root {
            Root::Export => {
                &["SoftwareProduct", "FileCreation", "Company", "FiscalYears", "AccountingCurrency", "Accounts"]
            }
            Root::Entry => &["SoftwareProduct", "FileCreation", "Company", "Journal"],
        };
        let unsigned = self.root == Root::Export && self.signed_on.is_none();
        let missing = mandatory.iter().filter(|name| !self.seen.contains(*name));
        issues.extend(missing.chain(unsigned.then_some(&"Signature")).map(|name| {
            let hint =
                "Nothing to do if the preview shows what was expected; the program that wrote the file is at fault.";
            Issue::warning("record_missing", 0, format!("the mandatory element {name} is missing"), hint).column(name)
        }));
        issues.extend(self.skipped.iter().map(|(name, row)| {
            let message = format!("the part {name} is not imported: it holds no accounts, balances or vouchers");
            Issue::warning("section_skipped", *row, message, "Nothing to do.").column(name)
        }));
        if let Some(row) = self.signed_on {
            issues.push(
                Issue::warning(
                    "signature_unverified",
                    row,
                    "the file is signed; the signature is not verified",
                    "Verify it where it was made if it matters who sent the file.",
                )
                .column("Signature"),
            );
        }
        issues.extend(self.ledger.closing_issues());
        issues.extend(decoding_issue(&self.notes, "UTF-8", ELEMENTS.fallback));
        issues
    }
}

/// A date without the time zone that the notation allows behind it.
fn without_zone(text: &str) -> &str {
    let zone = text.get(10..).unwrap_or_default();
    let known = zone == "Z" || (zone.len() == 6 && zone.starts_with(['+', '-']));
    if known { text.get(..10).unwrap_or(text) } else { text }
}
