//! SIE 5: the same ledger as in lines, the same rules, the same codes; and what XML can do to a reader.

mod driver;

use driver::{Outcome, drive, drive_reader, options};
use std::io::{Cursor, Read};
use workbench_importer::{Entity, Format, OpenError, Options, RecordKind, Severity, open};

/// The ledger of a club in lines.
const LINES: &str = "#FLAGGA 0\n#PROGRAM \"Boken\" 1\n#FORMAT PC8\n#GEN 20250110\n#SIETYP 4\n#FNAMN \"Bouleklubben\"\n\
#ORGNR 556036-0793\n#RAR 0 20240101 20241231\n#RAR -1 20230101 20231231\n#DIM 1 Avdelning\n#OBJEKT 1 Nord \"Norra banan\"\n\
#KONTO 1910 Kassa\n#KTYP 1910 T\n#ENHET 1910 st\n#KONTO 2010 \"Eget kapital\"\n#KTYP 2010 S\n#KONTO 3010 Avgifter\n#KTYP 3010 I\n\
#UB -1 1910 100.00\n#IB 0 1910 100.00\n#UB 0 1910 150.00\n#OUB 0 1910 {1 Nord} 50.00\n#UB -1 2010 -100.00\n#IB 0 2010 -100.00\n\
#UB 0 2010 -100.00\n#RES 0 3010 -50.00\n#VER A 1 20240115 \"Avgift Åsa\" 20240116 Anna\n{\n\
#TRANS 1910 {1 Nord} 50.00 20240116 \"kontant\" 2 Bo\n#BTRANS 3010 {} -40.00\n#TRANS 3010 {} -50.00\n}\n";

/// The same ledger as XML.
const ELEMENTS: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<Sie xmlns="http://www.sie.se/sie5">
  <FileInfo>
    <SoftwareProduct name="Boken" version="1"/>
    <FileCreation time="2025-01-10T12:00:00Z" by="Anna"/>
    <Company organizationId="556036-0793" name="Bouleklubben"/>
    <FiscalYears>
      <FiscalYear start="2023-01" end="2023-12" closed="true"/>
      <FiscalYear start="2024-01" end="2024-12" primary="true" lastCoveredDate="2024-12-31"/>
    </FiscalYears>
    <AccountingCurrency currency="SEK"/>
  </FileInfo>
  <Accounts>
    <Account id="1910" name="Kassa" type="asset" unit="st">
      <ClosingBalance month="2023-12" amount="100.00"/>
      <OpeningBalance month="2024-01" amount="100.00"/>
      <ClosingBalance month="2024-12" amount="150.00"/>
      <ClosingBalance month="2024-12" amount="50.00"><ObjectReference dimId="1" objectId="Nord"/></ClosingBalance>
    </Account>
    <Account id="2010" name="Eget kapital" type="equity">
      <ClosingBalance month="2023-12" amount="-100.00"/>
      <OpeningBalance month="2024-01" amount="-100.00"/>
      <ClosingBalance month="2024-12" amount="-100.00"/>
    </Account>
    <Account id="3010" name="Avgifter" type="income">
      <ClosingBalance month="2024-12" amount="-50.00"/>
    </Account>
  </Accounts>
  <Dimensions>
    <Dimension id="1" name="Avdelning"><Object id="Nord" name="Norra banan"/></Dimension>
  </Dimensions>
  <Journal id="A" name="Huvudjournal">
    <JournalEntry id="1" journalDate="2024-01-15" text="Avgift &#197;sa">
      <EntryInfo date="2024-01-16" by="Anna"/>
      <LedgerEntry accountId="1910" amount="50.00" ledgerDate="2024-01-16" text="kontant" quantity="2">
        <ObjectReference dimId="1" objectId="Nord"/>
        <EntryInfo date="2024-01-17" by="Bo"/>
      </LedgerEntry>
      <LedgerEntry accountId="3010" amount="-40.00"><Overstrike date="2024-01-17" by="Bo"/></LedgerEntry>
      <LedgerEntry accountId="3010" amount="-50.00"/>
      <LockingInfo date="2024-01-18" by="Anna"/>
      <VoucherReference documentId="1"/>
    </JournalEntry>
  </Journal>
  <Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><SignatureValue>abc=</SignatureValue></Signature>
</Sie>
"#;

fn auto() -> Options {
    options(None, None)
}

fn codes(outcome: &Outcome) -> Vec<&str> {
    outcome.issues().into_iter().map(|issue| issue.code).collect()
}

fn keys(outcome: &Outcome, kind: RecordKind) -> Vec<&str> {
    outcome.records().into_iter().filter(|record| record.kind == kind).map(|record| record.key.as_str()).collect()
}

#[test]
fn both_notations_give_the_same_records() {
    let by_kind_and_key = |outcome: &Outcome| {
        let mut found: Vec<_> = outcome
            .records()
            .into_iter()
            .map(|record| (record.kind, record.key.clone(), serde_json::json!(record.fields.to_map())))
            .collect();
        found.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        found
    };
    let (lines, elements) = (drive(LINES.as_bytes(), &auto()), drive(ELEMENTS.as_bytes(), &auto()));
    assert_eq!(codes(&elements), ["signature_unverified"]);
    assert_eq!(codes(&lines), ["encoding_differs"]);
    assert_eq!(by_kind_and_key(&elements), by_kind_and_key(&lines));
    assert_eq!(elements.records().len(), 14);
}

#[test]
fn it_is_found_by_its_root_and_told_in_the_preview() {
    for format in [None, Some(Format::Sie)] {
        let import = open(Box::new(Cursor::new(ELEMENTS)), &options(format, None)).expect("a SIE 5 file");
        let detected = import.detected();
        assert_eq!(
            (detected.format, detected.entity, detected.encoding.as_str()),
            (Format::Sie, Entity::Ledger, "UTF-8")
        );
        let details: Vec<(&str, &str)> =
            detected.details.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let expected = [
            ("company", "Bouleklubben"),
            ("covers_until", "2024-12-31"),
            ("currency", "SEK"),
            ("fiscal_year", "2024-01-01/2024-12-31"),
            ("fiscal_year -1", "2023-01-01/2023-12-31"),
            ("organisation_number", "556036-0793"),
            ("program", "Boken 1"),
            ("sie_type", "5"),
            ("written_on", "2025-01-10"),
        ];
        assert_eq!(details, expected);
    }
    let prefixed = ELEMENTS
        .replace("<Sie xmlns=", "<s:Sie xmlns:s=")
        .replace("</Sie>", "</s:Sie>")
        .replace("<Signature", "<d:Signature xmlns:d=\"http://www.w3.org/2000/09/xmldsig#\"")
        .replace("</Signature", "</d:Signature");
    // Without a default namespace, the elements below belong to none.
    assert!(codes(&drive(prefixed.as_bytes(), &auto())).contains(&"label_unknown"));
    let refused = |text: &str, options: &Options| match open(Box::new(Cursor::new(text.to_owned())), options) {
        Err(error) => error,
        Ok(_) => panic!("{text} is read"),
    };
    let other = refused("<Sie/>", &options(Some(Format::Sie), None));
    assert!(
        matches!(other, OpenError::Mismatch { .. }) && other.to_string().contains("http://www.sie.se/sie5"),
        "{other}"
    );
    assert_eq!(refused(ELEMENTS, &options(Some(Format::Xml), None)).code(), "format_mismatch");
    assert_eq!(refused(ELEMENTS, &Options { entity: Some(Entity::Members), ..auto() }).code(), "format_mismatch");
}

/// A change to the sound ledger gives its codes besides the one about the signature, and leaves the rest usable.
fn deviation(from: &str, to: &str, expected: &[&str]) {
    let altered = ELEMENTS.replacen(from, to, 1);
    assert_ne!(altered, ELEMENTS, "{from}");
    let outcome = drive(altered.as_bytes(), &auto());
    let found: Vec<&str> = codes(&outcome).into_iter().filter(|code| *code != "signature_unverified").collect();
    assert_eq!((found.as_slice(), outcome.failure), (expected, None), "{from} -> {to}");
    assert!(outcome.records().len() > 9, "{from} -> {to}: {}", outcome.records().len());
}

#[test]
fn every_rule_of_the_lines_holds_here() {
    deviation("556036-0793", "556036-0794", &["org_number_check_digit"]);
    deviation("556036-0793", "16556036-0793", &["org_number_twelve_digits"]);
    deviation("556036-0793", "000000-0000", &[]);
    deviation("<SoftwareProduct name=\"Boken\" version=\"1\"/>", "", &["record_missing"]);
    deviation("primary=\"true\"", "", &["fiscal_year_invalid"]);
    deviation("start=\"2023-01\"", "start=\"2023\"", &["fiscal_year_invalid", "year_invalid", "year_invalid"]);
    deviation("start=\"2023-01\"", "start=\"2023-13\"", &["fiscal_year_invalid", "year_invalid", "year_invalid"]);
    deviation("lastCoveredDate=\"2024-12-31\"", "lastCoveredDate=\"2024-01-10\"", &["voucher_after_covered_period"]);
    deviation("type=\"asset\"", "type=\"tillgång\"", &["account_type_unknown"]);
    deviation(
        "<Account id=\"3010\"",
        "<Account id=\"1910\" name=\"Kassan\" type=\"asset\"/><Account id=\"3010\"",
        &["account_duplicate"],
    );
    deviation(
        "accountId=\"3010\" amount=\"-50.00\"",
        "accountId=\"FEL\" amount=\"-50.00\"",
        &["account_undeclared", "result_mismatch", "result_mismatch"],
    );
    deviation(
        "<Account id=\"2010\"",
        "<Account id=\"DIFF\" name=\"x\" type=\"cost\"/><Account id=\"2010\"",
        &["account_not_numeric"],
    );
    deviation("<Account id=\"2010\"", "<Account name=\"x\"/><Account id=\"2010\"", &["account_invalid"]);
    deviation("month=\"2024-12\" amount=\"150.00\"", "month=\"2024-12\" amount=\"151.00\"", &["balance_mismatch"]);
    deviation("month=\"2024-12\" amount=\"-50.00\"", "month=\"2024-12\" amount=\"-51.00\"", &["result_mismatch"]);
    deviation("month=\"2023-12\" amount=\"100.00\"", "month=\"2023-12\" amount=\"99.00\"", &["opening_mismatch"]);
    deviation("month=\"2023-12\" amount=\"100.00\"", "month=\"2023-12\" amount=\"100,00\"", &["decimal_comma"]);
    deviation("month=\"2023-12\" amount=\"100.00\"", "month=\"2023-12\" amount=\"1e2\"", &["amount_invalid"]);
    deviation("month=\"2023-12\" amount=\"100.00\"", "month=\"december\" amount=\"100.00\"", &["period_invalid"]);
    deviation("month=\"2023-12\" amount=\"100.00\"", "month=\"2019-12\" amount=\"100.00\"", &["year_invalid"]);
    deviation(
        "<ClosingBalance month=\"2023-12\"",
        "<Budget month=\"2024-01\" amount=\"1\"><ObjectReference dimId=\"1\" objectId=\"x\"/></Budget><ClosingBalance month=\"2023-12\"",
        &["budget_skipped"],
    );
    deviation(
        "<OpeningBalance month=\"2024-01\" amount=\"100.00\"/>",
        "<OpeningBalance month=\"2024-01\" amount=\"100.00\"/><OpeningBalance month=\"2024-01\" amount=\"100.00\"/>",
        &["balance_duplicate"],
    );
    deviation("<Dimension id=\"1\"", "<Dimension name=\"x\"/><Dimension id=\"1\"", &["number_missing"]);
    deviation(
        "amount=\"50.00\" ledgerDate=\"2024-01-16\"",
        "amount=\"51.00\"",
        &["voucher_unbalanced", "balance_mismatch"],
    );
    deviation("journalDate=\"2024-01-15\"", "journalDate=\"2022-01-15\"", &["date_outside_fiscal_year"]);
    deviation("journalDate=\"2024-01-15\"", "journalDate=\"20240115\"", &["date_compact"]);
    deviation("journalDate=\"2024-01-15\"", "journalDate=\"2024-01-15+01:00\"", &[]);
    deviation("journalDate=\"2024-01-15\"", "journalDate=\"15/1\"", &["date_invalid"]);
    deviation("journalDate=\"2024-01-15\"", "", &["date_missing"]);
    deviation("<JournalEntry id=\"1\"", "<JournalEntry", &["voucher_number_missing"]);
    deviation(
        "<JournalEntry id=\"1\"",
        "<JournalEntry id=\"1\" journalDate=\"2024-01-02\"/><JournalEntry id=\"1\"",
        &["voucher_empty", "voucher_number_duplicate"],
    );
    deviation(
        "<JournalEntry id=\"1\"",
        "<JournalEntry id=\"4\" journalDate=\"2024-01-02\"/><JournalEntry id=\"1\"",
        &["voucher_empty", "voucher_number_gap"],
    );
    deviation(
        "<Object id=\"Nord\" name=\"Norra banan\"/>",
        "<Object id=\"Syd\" name=\"Norra banan\"/>",
        &["object_undeclared"],
    );
    deviation("<Dimensions>", "some text<Dimensions>", &["text_outside_record"]);
    deviation("<Dimensions>", "<Tillägg a=\"1\"><b/></Tillägg><Tillägg/><Dimensions>", &["label_unknown"]);
    deviation("<Dimensions>", "<x:y xmlns:x=\"urn:x\">text</x:y><Dimensions>", &["label_unknown"]);
    let invoices =
        "<CustomerInvoices primaryAccountId=\"1510\"><CustomerInvoice id=\"1\" customerId=\"7\"/></CustomerInvoices>";
    deviation(
        "<Journal",
        &format!("{invoices}{invoices}<SupplierInvoices/><Journal"),
        &["section_skipped", "section_skipped"],
    );
}

#[test]
fn a_file_without_a_signature_lacks_something() {
    let (start, rest) = ELEMENTS.split_once("  <Signature").expect("a signature");
    let end = rest.split_once("</Signature>").expect("its end").1;
    assert_eq!(codes(&drive(format!("{start}{end}").as_bytes(), &auto())), ["record_missing"]);
}

#[test]
fn balances_within_a_year_have_a_period_and_vouchers_their_own_year() {
    let more = "<ClosingBalance month=\"2024-06\" amount=\"7.00\"/><ClosingBalance month=\"2023-12\"";
    let text = ELEMENTS.replacen("<ClosingBalance month=\"2023-12\"", more, 1).replacen(
        "<JournalEntry id=\"1\"",
        "<JournalEntry id=\"1\" journalDate=\"2023-06-01\"><LedgerEntry accountId=\"1910\" amount=\"5\"/><LedgerEntry accountId=\"3010\" amount=\"-5\"/><CorrectedBy fiscalYearId=\"2024-01\" journalId=\"A\" journalEntryId=\"1\"/></JournalEntry><JournalEntry id=\"1\"",
        1,
    );
    let outcome = drive(text.as_bytes(), &auto());
    assert_eq!(codes(&outcome), ["signature_unverified"]);
    assert_eq!(keys(&outcome, RecordKind::Voucher), ["2023-01-01:A:1", "2024-01-01:A:1"]);
    assert!(keys(&outcome, RecordKind::Balance).contains(&"UB:2024-01-01:202406:1910"));
    let corrected = outcome.records().into_iter().find(|record| record.key == "2023-01-01:A:1").expect("the voucher");
    let by = serde_json::json!([{"fiscal_year": "2024-01", "series": "A", "number": "1"}]);
    assert_eq!(corrected.fields.to_map().get("corrected_by"), Some(&by));
}

#[test]
fn vouchers_to_post_need_no_chart_and_no_numbers() {
    let entry = r#"<SieEntry xmlns="http://www.sie.se/sie5">
<FileInfo><SoftwareProduct name="Kassan" version="2"/><FileCreation time="2024-03-01T08:00:00Z" by="x"/><Company organizationId="556036-0793"/></FileInfo>
<Journal id="K">
<JournalEntry journalDate="2024-03-01" referenceId="Z-77"><OriginalEntryInfo date="2024-03-02" by="Cia"/>
<LedgerEntry accountId="1910" amount="10.5"><ForeignCurrencyAmount amount="0.95" currency="EUR"/></LedgerEntry><LedgerEntry accountId="3010" amount="-10.5"/></JournalEntry>
<JournalEntry id="0" journalDate="2024-03-01"><OriginalEntryInfo date="2024-03-02" by="Cia"/><LedgerEntry accountId="1910" amount="1"/></JournalEntry>
</Journal></SieEntry>"#;
    let outcome = drive(entry.as_bytes(), &auto());
    assert_eq!(codes(&outcome), ["voucher_number_missing", "voucher_number_missing", "voucher_unbalanced"]);
    let records = outcome.records();
    assert_eq!(records.len(), 1);
    let voucher = records.first().expect("one voucher");
    assert_eq!((voucher.key.as_str(), voucher.row), ("2024-01-01:K:~2024-03-01~1", 4));
    assert_eq!(
        serde_json::json!(voucher.fields.to_map()),
        serde_json::json!({
            "series": "K", "date": "2024-03-01", "registered": "2024-03-02", "sign": "Cia", "reference": "Z-77",
            "fiscal_year_start": "2024-01-01", "transactions": [
                {"account": "1910", "amount": "10.5", "foreign_amount": "0.95", "currency": "EUR"},
                {"account": "3010", "amount": "-10.5"},
            ],
        })
    );
    assert!(outcome.issues().iter().any(|issue| issue.severity == Severity::Error && issue.row == 6));
}

#[test]
fn enclosed_documents_of_any_size_are_passed_over() {
    let (start, end) = ELEMENTS.split_once("  <Signature").expect("a signature");
    let document = std::io::repeat(b'A').take(64 * 1024 * 1024);
    let start = format!("{start}<Documents><EmbeddedFile id=\"1\" fileName=\"a.pdf\">");
    let end = format!("</EmbeddedFile><FileReference id=\"2\" URI=\"b\"/></Documents><Signature{end}");
    let file = Cursor::new(start).chain(document).chain(Cursor::new(end));
    let outcome = drive_reader(Box::new(file), &auto());
    assert_eq!(
        (codes(&outcome).as_slice(), outcome.failure),
        (["section_skipped", "signature_unverified"].as_slice(), None)
    );
}

#[test]
fn hostile_files_end_with_a_code() {
    let failure = |text: &str| drive(text.as_bytes(), &options(Some(Format::Sie), None)).failure;
    let laughs = "<!DOCTYPE Sie [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;\">]>";
    assert_eq!(failure(&format!("<?xml version=\"1.0\"?>{laughs}{ELEMENTS}")), Some("doctype_refused"));
    let external = "<!DOCTYPE Sie SYSTEM \"file:///etc/passwd\">";
    assert_eq!(failure(&format!("{external}{ELEMENTS}")), Some("doctype_refused"));
    assert_eq!(failure(&ELEMENTS.replace("Kassa", "&xxe;")), Some("xml_malformed"));
    assert_eq!(failure(&ELEMENTS.replace("Kassa", "&#0;")), Some("xml_malformed"));
    assert_eq!(failure(&ELEMENTS.replace("Kassa", "&#xd800;")), Some("xml_malformed"));
    assert_eq!(failure(&ELEMENTS.replace("</Account>", "")), Some("xml_malformed"));
    assert_eq!(failure(ELEMENTS.split_once("<Journal").expect("a journal").0), Some("file_truncated"));
    assert_eq!(failure(&format!("{ELEMENTS}{ELEMENTS}")), Some("trailing_content"));
    assert_eq!(failure(&format!("{ELEMENTS}<a/>")), Some("trailing_content"));
    assert_eq!(failure(&ELEMENTS.replace("<Dimensions>", &"<a>".repeat(100_000))), Some("nesting_too_deep"));
    let endless = Cursor::new(ELEMENTS.split_once("Kassa").expect("a name").0).chain(std::io::repeat(b'x'));
    assert_eq!(drive_reader(Box::new(endless), &auto()).failure, Some("line_too_long"));
    let entries = "<LedgerEntry accountId=\"1910\" amount=\"0\"/>".repeat(25_000);
    let outcome =
        drive(ELEMENTS.replace("<VoucherReference", &format!("{entries}<VoucherReference")).as_bytes(), &auto());
    assert!(codes(&outcome).contains(&"voucher_too_large") && outcome.failure.is_none());
}
