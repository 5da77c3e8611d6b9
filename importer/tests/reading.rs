//! Whole files through the public interface: what is stored, what is remarked on, what is refused.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use chrono::NaiveDate;
use proptest::prelude::*;
use workbench_importer::{
    Earlier, Entity, Format, Import, Item, OpenError, Options, ReadError, Record, RecordKind, open,
};

fn options() -> Options {
    Options {
        format: None,
        entity: None,
        file_name: None,
        mapping: BTreeMap::new(),
        header: None,
        profile: None,
        signers: std::sync::Arc::default(),
        earlier: Earlier::default(),
        today: NaiveDate::from_ymd_opt(2025, 6, 1).expect("a date"),
    }
}

fn open_bytes(bytes: impl Into<Vec<u8>>, options: &Options) -> Result<Import, OpenError> {
    open(Box::new(Cursor::new(bytes.into())), options)
}

/// Everything a file gives.
struct Reading {
    records: Vec<Record>,
    codes: Vec<&'static str>,
    rejected: usize,
}

fn read(bytes: impl Into<Vec<u8>>) -> Reading {
    let import = open_bytes(bytes, &options()).expect("a readable file");
    let mut reading = Reading { records: Vec::new(), codes: Vec::new(), rejected: 0 };
    for item in import {
        match item.expect("no failure") {
            Item::Row { records, issues, rejected, .. } => {
                assert!(!rejected || records.is_empty());
                reading.rejected += usize::from(rejected);
                reading.records.extend(records);
                reading.codes.extend(issues.iter().map(|issue| issue.code));
            }
            Item::File { issues } => {
                assert!(!issues.is_empty());
                reading.codes.extend(issues.iter().map(|issue| issue.code));
            }
        }
    }
    reading
}

fn keys(reading: &Reading, kind: RecordKind) -> Vec<&str> {
    reading.records.iter().filter(|record| record.kind == kind).map(|record| record.key.as_str()).collect()
}

fn refusal(bytes: impl Into<Vec<u8>>, options: &Options) -> &'static str {
    open_bytes(bytes, options).expect_err("a refusal").code()
}

fn failure(bytes: impl Into<Vec<u8>>) -> ReadError {
    let mut import = open_bytes(bytes, &options()).expect("a readable head");
    import.find_map(Result::err).expect("a failure")
}

#[test]
fn an_import_can_move_between_threads() {
    fn movable<T: Send>() {}
    movable::<Import>();
}

#[test]
fn a_french_spreadsheet_export_in_windows_1252_is_read() {
    let file = b"sep=;\r\nN\xb0 licence;Nom;Pr\xe9nom;N\xe9(e) le;Sexe;Couleur\r\n1001;Lef\xe8vre;Ren\xe9e;24/12/1960;F;bleu\r\n;;;;;\r\n1002;\"Du;\nBois\";Jean;1960-13-01;M;\r\n";
    let import = open_bytes(file.to_vec(), &options()).expect("readable");
    let detected = import.detected();
    assert_eq!((detected.format, detected.entity), (Format::Csv, Entity::Members));
    assert_eq!((detected.encoding.as_str(), detected.delimiter), ("Windows-1252", Some(';')));
    assert_eq!(detected.mapping.iter().filter(|column| column.field.is_some()).count(), 5);
    let reading = read(file.to_vec());
    assert_eq!(reading.codes, ["unmapped_column", "date_rewritten", "row_blank", "date_invalid"]);
    let fields = reading.records.first().expect("one member").fields.to_map();
    assert_eq!(fields.get("family_name").and_then(|name| name.as_str()), Some("Lefèvre"));
    assert_eq!(fields.get("birth_date").and_then(|date| date.as_str()), Some("1960-12-24"));
    assert_eq!((reading.records.len(), reading.rejected), (1, 1));
}

#[test]
fn rows_are_judged_one_by_one() {
    let file = "\u{feff}licence_number,given_name,family_name\n1,A,B\n1,C,D\n2,E\n3,,F\n4,G,H\n";
    let reading = read(file);
    assert_eq!(reading.codes, ["duplicate_key", "row_ragged", "value_missing"]);
    assert_eq!(keys(&reading, RecordKind::Member), ["1", "4"]);
    assert_eq!(reading.records.last().map(|record| record.row), Some(6));
}

#[test]
fn a_quotation_mark_that_is_not_closed_is_named() {
    let file = "licence_number;given_name;family_name\n1;\"Anna;Lind\n2;Bo;Ek\n3;Cia;Alm\n";
    let reading = read(file);
    assert_eq!((reading.codes, reading.rejected), (vec!["quote_unclosed"], 1));
}

#[test]
fn utf16_is_read_with_its_mark() {
    let text = "\u{feff}Klubbnummer\tNamn\tOrt\n7\tÖrebro Boule\tÖrebro\n";
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let reading = read(little.clone());
    assert_eq!(keys(&reading, RecordKind::Club), ["7"]);
    let cut = little.get(..little.len() - 1).expect("longer").to_vec();
    assert_eq!(failure(cut).code(), "file_truncated");
}

#[test]
fn what_cannot_be_read_is_refused_with_a_reason() {
    assert_eq!(refusal("", &options()), "file_empty");
    assert_eq!(refusal(" \r\n", &options()), "file_empty");
    assert_eq!(refusal(b"PK\x03\x04rest".to_vec(), &options()), "archive_truncated");
    assert_eq!(refusal(b"a;b\0".to_vec(), &options()), "file_binary");
    assert_eq!(refusal("{\n\"a\": 1}", &options()), "records_missing");
    assert_eq!(refusal("<a/>", &options()), "records_missing");
    assert_eq!(refusal("a;b", &Options { format: Some(Format::Json), ..options() }), "format_mismatch");
    assert_eq!(refusal("a;b", &Options { format: Some(Format::FixedWidth), ..options() }), "profile_missing");
    assert_eq!(refusal("a;b", &Options { format: Some(Format::Fipjp), ..options() }), "format_mismatch");
    assert_eq!(refusal("licence;nom", &Options { format: Some(Format::Sie), ..options() }), "format_mismatch");
    assert_eq!(refusal("#FLAGGA 0", &Options { format: Some(Format::Csv), ..options() }), "format_mismatch");
    assert_eq!(refusal("#FLAGGA 0", &Options { entity: Some(Entity::Members), ..options() }), "format_mismatch");
    assert_eq!(refusal("licence;nom", &Options { entity: Some(Entity::Ledger), ..options() }), "format_mismatch");
    assert_eq!(refusal("1001;Anna;Berg\n", &options()), "header_missing");
    assert_eq!(refusal("licence;nom\n", &options()), "columns_missing");
    assert_eq!(refusal(";".repeat(2000), &options()), "too_many_columns");
}

#[test]
fn endless_records_end_the_file_and_not_the_memory() {
    let endless = std::io::repeat(b'x').take(1 << 30);
    let table = Cursor::new(b"licence,nom,prenom\n1,A,B\n2,\"".to_vec()).chain(endless);
    let mut import = open(Box::new(table), &options()).expect("a sound head");
    assert!(matches!(import.next(), Some(Ok(Item::Row { row: 2, .. }))));
    assert!(matches!(import.next(), Some(Err(ReadError::LineTooLong { row: 3 }))));
    assert!(import.next().is_none());
    assert!(import.bytes_read() < 2 * 1024 * 1024);
    let ledger = Cursor::new(b"#FLAGGA 0\n#PROSA ".to_vec()).chain(std::io::repeat(b'x'));
    let failure = open(Box::new(ledger), &options()).expect("a sound head").find_map(Result::err);
    assert_eq!(failure.expect("too long").code(), "line_too_long");
}

/// What is read ahead of a long line does not count for it, wherever in the file the line stands.
#[test]
fn a_line_just_under_the_limit_is_read() {
    for before in [0, 500, 1500] {
        let long = format!("1,Anna,Ek,{}\n", "x".repeat(workbench_importer::MAX_RECORD_BYTES - 500));
        let table = format!(
            "licence_number,given_name,family_name,city\n{}{long}{}",
            short_rows(100_000..100_000 + before),
            short_rows(200_000..220_000),
        );
        let reading = read(table);
        assert_eq!((reading.records.len(), reading.rejected), (before + 20_001, 0), "{before} rows before it");
    }
}

fn short_rows(numbers: std::ops::Range<usize>) -> String {
    numbers.map(|number| number.to_string() + ",Bo,Ek,Ort\n").collect()
}

#[test]
fn a_failing_source_is_reported_as_such() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("the disk is gone"))
        }
    }
    let mut text = b"licence,nom,prenom\n".to_vec();
    text.resize(64 * 1024, b'\n');
    let failure =
        open(Box::new(Cursor::new(text).chain(Failing)), &options()).expect("a sound head").find_map(Result::err);
    let failure = failure.expect("an I/O failure");
    assert_eq!((failure.code(), failure.to_string().contains("disk is gone")), ("io", true));
}

const LEDGER: &str = "#FLAGGA 0\n#PROGRAM \"Boken\" 1\n#FORMAT PC8\n#GEN 20250110\n#SIETYP 4\n#FNAMN \"Bouleklubben\"\n\
#ORGNR 556036-0793\n#RAR 0 20240101 20241231\n#RAR -1 20230101 20231231\n#DIM 1 Avdelning\n#OBJEKT 1 Nord \"Norra banan\"\n\
#KONTO 1910 Kassa\n#KTYP 1910 T\n#SRU 1910 7281\n#KONTO 3010 Avgifter\n#IB 0 1910 100.00\n#UB 0 1910 150.00\n\
#RES 0 3010 -50.00\n#PSALDO 0 202401 3010 {1 Nord} -50.00\n#VER A 1 20240115 Avgift 20240116 Anna\n{\n\
#TRANS 1910 {} 50.00\n#BTRANS 3010 {} -40.00\n#RTRANS 3010 {1 Nord} -50.00\n#TRANS 3010 {1 Nord} -50.00\n}\n";

#[test]
fn a_sound_ledger_has_nothing_to_remark_on() {
    let reading = read(LEDGER);
    assert_eq!(reading.codes, Vec::<&str>::new());
    assert_eq!(keys(&reading, RecordKind::Account), ["1910", "3010"]);
    assert_eq!(keys(&reading, RecordKind::Object), ["1:Nord"]);
    assert_eq!(
        keys(&reading, RecordKind::Balance),
        ["IB:2024-01-01:1910", "UB:2024-01-01:1910", "RES:2024-01-01:3010", "PSALDO:2024-01-01:202401:3010:1=Nord"]
    );
    assert_eq!(keys(&reading, RecordKind::Voucher), ["2024-01-01:A:1"]);
    let voucher = reading.records.last().expect("the voucher");
    assert_eq!(
        serde_json::json!(voucher.fields.to_map()),
        serde_json::json!({
            "series": "A", "number": "1", "date": "2024-01-15", "text": "Avgift", "registered": "2024-01-16",
            "sign": "Anna", "fiscal_year_start": "2024-01-01",
            "transactions": [
                {"account": "1910", "amount": "50.00"},
                {"account": "3010", "amount": "-50.00", "objects": [{"dimension": "1", "object": "Nord"}]},
            ],
        })
    );
    let import = open_bytes(LEDGER, &options()).expect("readable");
    assert_eq!(import.detected().details.get("sie_type").map(String::as_str), Some("4E"));
    assert_eq!(import.detected().entity, Entity::Ledger);
}

#[test]
fn lower_case_tabs_and_other_line_ends_change_nothing() {
    let mut altered = String::new();
    for (position, line) in LEDGER.lines().enumerate() {
        let (label, rest) = line.split_once(' ').unwrap_or((line, ""));
        altered.push_str(&label.to_lowercase());
        altered.push('\t');
        altered.push_str(rest);
        altered.push_str(["\n", "\r\n", "\r"].get(position % 3).unwrap_or(&"\n"));
    }
    let (original, altered) = (read(LEDGER), read(altered));
    let contents = |reading: &Reading| reading.records.iter().map(|record| record.fields.clone()).collect::<Vec<_>>();
    assert_eq!(contents(&original), contents(&altered));
    assert_eq!(altered.codes, ["label_lower_case", "tab_separated", "line_ends_mixed"]);
}

/// A deviation, put into the sound ledger, gives its code and leaves the rest usable.
fn deviation(from: &str, to: &str, expected: &[&str]) {
    let altered = LEDGER.replacen(from, to, 1);
    assert_ne!(altered, LEDGER, "{from}");
    let reading = read(altered);
    assert_eq!(reading.codes, expected, "{from} -> {to}");
    assert!(!reading.records.is_empty());
}

#[test]
fn every_deviation_has_its_code() {
    deviation("#SIETYP 4\n", "", &["sie_type_missing"]);
    deviation("#GEN 20250110\n", "", &["record_missing"]);
    deviation("#FLAGGA 0", "#FLAGGA 1", &["already_read"]);
    deviation("556036-0793", "556036-0794", &["org_number_check_digit"]);
    deviation("556036-0793", "16556036-0793", &["org_number_twelve_digits"]);
    deviation("#DIM", "#DIMENSION 9\n#DIMENSION 8\n#DIM", &["label_unknown"]);
    deviation("}\n", "", &["closing_brace_missing"]);
    deviation("{\n", "", &["opening_brace_missing"]);
    deviation("{} 50.00", "{} 50,00", &["decimal_comma"]);
    deviation("#VER A 1 20240115", "#VER A 1 2024-01-15", &["date_iso"]);
    deviation("#VER A 1 20240115", "#VER A 1 20250115", &["date_outside_fiscal_year"]);
    deviation("#VER A 1 20240115", "#VER A 1 20241315", &["date_invalid"]);
    deviation("#VER A 1", "#VER A \"\"", &["voucher_number_missing"]);
    deviation("{} 50.00", "{} femtio", &["amount_invalid", "voucher_unbalanced", "balance_mismatch"]);
    deviation("{} 50.00", "{} 51.00", &["voucher_unbalanced", "balance_mismatch"]);
    deviation("#UB 0 1910 150.00", "#UB 0 1910 150.01", &["balance_mismatch"]);
    deviation("#RES 0 3010 -50.00", "#RES 0 3010 -50.01", &["result_mismatch"]);
    deviation("#IB 0", "#UB -1 1910 99.00\n#IB 0", &["opening_mismatch"]);
    deviation("#IB 0", "#IB 0 1910 99.00\n#IB 0", &["balance_duplicate"]);
    deviation("#IB 0 1910", "#IB noll 1910", &["year_invalid", "balance_mismatch"]);
    deviation("#KONTO 3010 Avgifter\n", "", &["account_undeclared"]);
    deviation("#KONTO 3010", "#KONTO 1910 Kassan\n#KONTO 3010", &["account_duplicate"]);
    deviation("#RES 0", "#KTYP 3010 I\n#RES 0", &["account_attribute_late"]);
    deviation("{1 Nord} -50.00\n}", "{1 Syd} -50.00\n}", &["object_undeclared"]);
    deviation("#RTRANS 3010 {1 Nord} -50.00\n", "#RTRANS 3010 {} 1\n", &["rtrans_alone"]);
    deviation("#VER", "#TRANS 1910 {} 5\n#VER", &["transaction_outside_voucher"]);
    deviation("#VER", "#VER A 2 20240115\n{\n}\n#VER", &["voucher_empty"]);
    deviation("#VER", "#VER A 1 20240115\n{\n}\n#VER", &["voucher_empty", "voucher_number_duplicate"]);
    deviation("#FNAMN \"Bouleklubben\"", "#FNAMN \"Bouleklubben", &["quote_unclosed"]);
    deviation("#DIM", "some text\n#DIM", &["text_outside_record"]);
    deviation("#GEN", "#KSUMMA\n#GEN", &["ksumma_unclosed"]);
    deviation("#GEN", "#KSUMMA\n#KSUMMA 1\n#GEN", &["ksumma_mismatch"]);
    deviation("Bouleklubben", "Bouleklubben Åsa", &["encoding_differs"]);
}

/// Members as a system exports them that writes no header.
const HEADERLESS: &str = "1001;Anna;Andersson;1984-05-02\n1002;Karin;Lindberg;1990-12-24\n1003;Lars;Lund;1970-01-30\n\
    1004;Emma;Dahlgren;2001-03-02\n1005;Maria;Nilsson;1999-10-11\n";

#[test]
fn a_table_without_a_header_loses_no_row() {
    let import = open_bytes(HEADERLESS, &options()).expect("readable");
    assert_eq!(import.detected().header, None);
    let columns: Vec<_> = import.detected().mapping.iter().map(|column| column.column.as_str()).collect();
    assert_eq!(columns, ["column 1", "column 2", "column 3", "column 4"]);
    let reading = read(HEADERLESS);
    assert_eq!(keys(&reading, RecordKind::Member), ["1001", "1002", "1003", "1004", "1005"]);
    assert_eq!(reading.codes, ["column_guessed"; 4]);
    assert_eq!(reading.records[0].row, 1);
    let announced = read(format!("sep=;\n{HEADERLESS}"));
    assert_eq!((announced.records.len(), announced.records[0].row), (5, 2));
}

#[test]
fn a_table_that_cannot_be_mapped_still_shows_its_columns() {
    let error = open_bytes("licence;nom\n1;Ek\n", &options()).expect_err("no given names");
    let OpenError::Unmapped { cause, detected } = &error else { panic!("{error:?}") };
    assert_eq!((cause.code(), error.code()), ("columns_missing", "columns_missing"));
    let columns: Vec<_> =
        detected.mapping.iter().map(|column| (column.column.as_str(), column.field.as_deref())).collect();
    assert_eq!(columns, [("licence", Some("licence_number")), ("nom", Some("family_name"))]);
    let asked = Options { mapping: BTreeMap::from([("x".into(), "club".into())]), ..options() };
    let error = open_bytes("licence;nom\n1;Ek\n", &asked).expect_err("no such column");
    assert!(matches!(&error, OpenError::Unmapped { detected, .. } if detected.mapping.len() == 2), "{error:?}");
}

#[test]
fn vouchers_without_numbers_stay_apart() {
    let file = "#FLAGGA 0\n#SIETYP 4\n#VER B \"\" 20240115\n{\n#TRANS 1 {} 1\n#TRANS 2 {} -1\n}\n#VER B 0 20240115 {\n#TRANS 1 {} 2\n#TRANS 2 {} -2 }\n";
    assert_eq!(keys(&read(file), RecordKind::Voucher), ["2024-01-01:B:~2024-01-15~1", "2024-01-01:B:~2024-01-15~2"]);
}

#[test]
fn a_huge_voucher_is_refused_and_the_next_one_read() {
    let mut file = String::from("#FLAGGA 0\n#SIETYP 4\n#VER A 1 20240101\n{\n");
    file.push_str(&"#TRANS 1910 {} 0\n".repeat(25_000));
    file.push_str("}\n#VER A 2 20240101\n{\n#TRANS 1910 {} 0\n}\n");
    let reading = read(file);
    assert_eq!(keys(&reading, RecordKind::Voucher), ["2024-01-01:A:2"]);
    assert!(reading.codes.contains(&"voucher_too_large"));
}

/// Reads to the end, whatever comes, and tells what came.
fn outcome(bytes: &[u8], options: &Options) -> String {
    match open_bytes(bytes, options) {
        Err(error) => format!("{} {error} {}", error.code(), error.hint()),
        Ok(import) => format!("{:?}", import.collect::<Vec<_>>()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_bytes_are_survived_and_read_the_same_twice(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        start in prop_oneof![
            Just(Vec::new()), Just(b"#FLAGGA 0\n".to_vec()), Just(b"licence;nom;prenom\n".to_vec()),
            Just(b"\xff\xfe".to_vec()), Just(b"\xef\xbb\xbf".to_vec()),
        ],
    ) {
        let bytes = [start, bytes].concat();
        prop_assert_eq!(outcome(&bytes, &options()), outcome(&bytes, &options()));
    }

    #[test]
    fn any_mix_of_sie_fragments_is_survived(
        fragments in proptest::collection::vec(
            prop_oneof![
                Just("#VER A 1 20240101 x"), Just("#VER"), Just("{"), Just("}"), Just("#TRANS 1910 {} 5"), Just("#TRANS"),
                Just("#TRANS 1910 {1 2} -5 }"), Just("#RTRANS 1910 {} 5"), Just("#BTRANS"), Just("#KONTO 1910 Kassa"),
                Just("#KTYP 1910 T"), Just("#SRU 1 2"), Just("#IB 0 1910 5"), Just("#RAR 0 20240101 20241231"),
                Just("#KSUMMA"), Just("#PSALDO 0 202401 1910 {1 2} 5"), Just("#OBJEKT 1 2 x"), Just("\"{#}"), Just("#"),
            ],
            0..60,
        ),
    ) {
        let text = format!("#FLAGGA 0\n{}", fragments.join("\n"));
        let import = open_bytes(text, &options()).expect("SIE by its first line");
        for item in import {
            prop_assert!(item.is_ok());
        }
    }

    #[test]
    fn generated_tables_round_trip(
        rows in proptest::collection::vec(("[a-zåé]([a-zåé ,;\"\n]{0,12}[a-zåé])?", "[A-Z'-]{1,12}"), 1..20),
        delimiter in prop_oneof![Just(b';'), Just(b','), Just(b'\t'), Just(b'|')],
    ) {
        // A whole row inside a value is taken for one that an open quotation mark has swallowed.
        let delimiters = |line: &str| line.matches(char::from(delimiter)).count();
        prop_assume!(!rows.iter().any(|(given, _)| given.split('\n').skip(1).any(|line| delimiters(line) == 2)));
        let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
        writer.write_record(["licence_number", "given_name", "family_name"]).expect("to memory");
        for (number, (given, family)) in rows.iter().enumerate() {
            writer.write_record([number.to_string().as_str(), given, family]).expect("to memory");
        }
        let reading = read(writer.into_inner().expect("to memory"));
        prop_assert!(reading.codes.is_empty(), "{:?}", reading.codes);
        let text = |record: &Record, field: &str| record.fields.to_map().get(field).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
        for (record, (given, family)) in reading.records.iter().zip(&rows) {
            prop_assert_eq!(&text(record, "given_name"), given);
            prop_assert_eq!(&text(record, "family_name"), family);
        }
        prop_assert_eq!(reading.records.len(), rows.len());
    }
}
