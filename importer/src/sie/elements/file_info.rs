//! What the first elements say about the file itself: its root, its program, its company and its fiscal years.

use std::collections::BTreeMap;

use chrono::{Months, NaiveDate};

use super::super::ledger::values;
use super::{NAMESPACE, Root, without_zone};
use crate::issue::shorten;
use crate::xml_events::{Element, Seen, XmlEvents};

/// Fiscal years kept at most; files carry two, seldom more than five.
pub(super) const MAX_YEARS: usize = 100;

/// A fiscal year as its element states it.
#[derive(Debug)]
pub(super) struct FiscalYear {
    pub(super) row: u64,
    pub(super) start: NaiveDate,
    pub(super) end: NaiveDate,
    pub(super) primary: bool,
    pub(super) covered_until: Option<NaiveDate>,
}

impl FiscalYear {
    /// Takes the element; `None` when it has no start or no end.
    pub(super) fn read(row: u64, element: &Element) -> Option<Self> {
        Some(Self {
            row,
            start: month(element.attribute("start"))?.0,
            end: month(element.attribute("end"))?.1,
            primary: matches!(element.attribute("primary"), "true" | "1"),
            covered_until: values::date(without_zone(element.attribute("lastCoveredDate"))).map(|found| found.date),
        })
    }
}

/// First and last day of a month, written YYYY-MM; a day or a time zone behind it is passed over.
pub(super) fn month(text: &str) -> Option<(NaiveDate, NaiveDate)> {
    let rest = text.get(7..)?;
    if !(rest.is_empty() || rest.starts_with(['Z', '+', '-'])) {
        return None;
    }
    let first = values::date(&format!("{}-01", text.get(..7)?))?.date;
    Some((first, first.checked_add_months(Months::new(1))?.pred_opt()?))
}

/// What an element is the root of, if it is one of SIE 5.
pub(super) fn root(element: &Element) -> Option<Root> {
    match (element.namespace.as_deref(), element.local.as_str()) {
        (Some(NAMESPACE), "Sie") => Some(Root::Export),
        (Some(NAMESPACE), "SieEntry") => Some(Root::Entry),
        _ => None,
    }
}

/// The root that the start of a text shows, if it is one of SIE 5.
pub(crate) fn root_of(head: &str) -> Option<Root> {
    let mut events = XmlEvents::new(head.as_bytes());
    loop {
        match events.next().ok()? {
            Seen::Start(element) => return root(&element),
            Seen::Eof => return None,
            _ => {}
        }
    }
}

/// Finds the details to show in a preview in the head of a file.
pub(super) fn details(head: &str) -> BTreeMap<String, String> {
    let mut details = BTreeMap::new();
    let mut years: Vec<FiscalYear> = Vec::new();
    let mut events = XmlEvents::new(head.as_bytes());
    // The head may be cut anywhere: what follows the cut is an error here and nowhere else.
    while let Ok(seen) = events.next() {
        let element = match seen {
            Seen::Start(element) => element,
            Seen::Eof => break,
            _ => continue,
        };
        let mut add = |name: &str, value: &str| {
            if !value.is_empty() {
                details.entry(name.to_owned()).or_insert_with(|| shorten(value));
            }
        };
        match element.local.as_str() {
            "Sie" => add("sie_type", "5"),
            "SieEntry" => add("sie_type", "5 (SieEntry)"),
            "SoftwareProduct" => {
                add("program", format!("{} {}", element.attribute("name"), element.attribute("version")).trim());
            }
            "FileCreation" => {
                let time = element.attribute("time");
                add("written_on", time.split('T').next().unwrap_or(time));
            }
            "Company" => {
                add("company", element.attribute("name"));
                add("organisation_number", element.attribute("organizationId"));
            }
            "FiscalYear" if years.len() < MAX_YEARS => years.extend(FiscalYear::read(0, &element)),
            "AccountingCurrency" => add("currency", element.attribute("currency")),
            "Accounts" | "Dimensions" | "Journal" => break,
            _ => {}
        }
    }
    years.sort_by_key(|year| year.start);
    if let Some(current) = years.iter().rposition(|year| year.primary).or_else(|| years.len().checked_sub(1)) {
        for (position, year) in years.iter().enumerate() {
            let name = match position.checked_sub(current) {
                Some(0) => "fiscal_year".to_owned(),
                Some(later) => format!("fiscal_year {later}"),
                None => format!("fiscal_year -{}", current - position),
            };
            details.insert(name, format!("{}/{}", year.start, year.end));
            if let Some(until) = year.covered_until.filter(|_| position == current) {
                details.insert("covers_until".to_owned(), until.to_string());
            }
        }
    }
    details
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_have_a_first_and_a_last_day() {
        let shown = |text: &str| month(text).map(|(first, last)| format!("{first} {last}"));
        assert_eq!(shown("2024-02").as_deref(), Some("2024-02-01 2024-02-29"));
        assert_eq!(shown("2024-12Z").as_deref(), Some("2024-12-01 2024-12-31"));
        assert_eq!(shown("2024-12-24").as_deref(), Some("2024-12-01 2024-12-31"));
        for text in ["", "2024", "202402", "2024-13", "2024-02x", "åååå-02"] {
            assert_eq!(shown(text), None, "{text}");
        }
    }

    #[test]
    fn the_namespace_makes_the_root() {
        assert_eq!(
            root_of("<?xml version=\"1.0\"?><!-- x -->\n<Sie xmlns=\"http://www.sie.se/sie5\">"),
            Some(Root::Export)
        );
        assert_eq!(root_of("<s:SieEntry xmlns:s=\"http://www.sie.se/sie5\"/>"), Some(Root::Entry));
        for text in ["<Sie>", "<Sie xmlns=\"urn:x\">", "<a xmlns=\"http://www.sie.se/sie5\">", "", "<Sie xmlns=\"http"]
        {
            assert_eq!(root_of(text), None, "{text}");
        }
    }
}
