//! What the first lines say about the file itself: its type, its program, its company and its fiscal years.

use std::collections::BTreeMap;

use super::tokens::{Line, parse};
use super::values;
use crate::issue::shorten;

/// Finds the details to show in a preview in the head of a file.
pub(super) fn details(head: &str, file_name: Option<&str>) -> BTreeMap<String, String> {
    let mut details = BTreeMap::new();
    let mut balances = false;
    let mut add = |name: &str, value: String| {
        if !value.is_empty() {
            details.entry(name.to_owned()).or_insert_with(|| shorten(&value));
        }
    };
    for line in head.split(['\n', '\r']) {
        let Line::Record(record) = parse(line) else { continue };
        let first = record.text(0).to_owned();
        match record.label.as_str() {
            "#SIETYP" => add("sie_type", first),
            "#PROGRAM" => add("program", format!("{first} {}", record.text(1)).trim().to_owned()),
            "#FNAMN" => add("company", first),
            "#ORGNR" => add("organisation_number", first),
            "#VALUTA" => add("currency", first),
            "#KPTYP" => add("chart_of_accounts", first),
            "#GEN" => add("written_on", values::date(&first).map_or(first, |written| written.date.to_string())),
            "#OMFATTN" => add("covers_until", values::date(&first).map_or(first, |until| until.date.to_string())),
            "#RAR" => {
                if let (Some(start), Some(end)) = (values::date(record.text(1)), values::date(record.text(2))) {
                    let name =
                        if first == "0" { "fiscal_year".to_owned() } else { shorten(&format!("fiscal_year {first}")) };
                    add(&name, format!("{}/{}", start.date, end.date));
                }
            }
            "#IB" | "#UB" | "#RES" => balances = true,
            _ => {}
        }
    }
    // Type 4 has two flavours under one number: E exports a year, I brings vouchers to post.
    if details.get("sie_type").is_some_and(|kind| kind == "4") {
        let import_name = file_name.is_some_and(|name| name.to_ascii_lowercase().ends_with(".si"));
        let flavour = match (balances, import_name) {
            (true, _) => "4E",
            (false, true) => "4I",
            (false, false) => "4",
        };
        details.insert("sie_type".into(), flavour.into());
    }
    details.entry("sie_type".into()).or_insert_with(|| "1 (not stated)".into());
    details
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_tells_what_the_file_is() {
        let head = "#SIETYP 4\n#PROGRAM \"Boken\" 1.0\n#FNAMN \"Föreningen\"\n#RAR 0 20240101 20241231\n#IB 0 1910 5\n";
        let found = details(head, None);
        assert_eq!(found.get("sie_type").map(String::as_str), Some("4E"));
        assert_eq!(found.get("program").map(String::as_str), Some("Boken 1.0"));
        assert_eq!(found.get("fiscal_year").map(String::as_str), Some("2024-01-01/2024-12-31"));
        assert_eq!(details("#SIETYP 4", Some("x.SI")).get("sie_type").map(String::as_str), Some("4I"));
        assert_eq!(details("#FLAGGA 0", None).get("sie_type").map(String::as_str), Some("1 (not stated)"));
    }
}
