//! What real programs write against the rules of SIE 4: each has its code, and the file stays usable.

mod driver;

use driver::{Outcome, drive, options};
use workbench_importer::{Options, RecordKind, Severity};

/// A year of a club: two vouchers in series A, one in series B.
const LEDGER: &str = "#FLAGGA 0
#PROGRAM Boken 1
#FORMAT PC8
#GEN 20250110
#SIETYP 4
#FNAMN \"Bouleklubben\"
#ORGNR 556036-0793
#RAR 0 20240101 20241231
#RAR -1 20230101 20231231
#OMFATTN 20241231
#DIM 1 Avdelning
#OBJEKT 1 Nord \"Norra banan\"
#KONTO 1910 Kassa
#KTYP 1910 T
#KONTO 3010 Avgifter
#UB -1 1910 100.00
#IB 0 1910 100.00
#UB 0 1910 160.00
#RES 0 3010 -60.00
#VER A 1 20240115 Avgift
{
#TRANS 1910 {1 Nord} 50.00
#TRANS 3010 {} -50.00
}
#VER A 2 20240215 Avgift
{
#TRANS 1910 {} 7.00
#TRANS 3010 {} -7.00
}
#VER B 1 20240315 Avgift
{
#TRANS 1910 {} 3.00
#TRANS 3010 {} -3.00
}
";

/// Records of the ledger without a deviation.
const RECORDS: usize = 11;

/// Vouchers to post, as type 4I has them.
const VOUCHERS: &str = "#FLAGGA 0
#PROGRAM Kassan 1
#FORMAT PC8
#GEN 20250110
#SIETYP 4
#FNAMN \"Bouleklubben\"
#VER A 1 20240115 Avgift
{
#TRANS 1910 {} 50.00
#TRANS 3010 {} -50.00
}
#VER A 5 20240116 Avgift
{
#TRANS 1910 {} 50.00
#TRANS 3010 {} -50.00
}
";

struct Deviation {
    name: &'static str,
    from: &'static str,
    to: &'static str,
    /// The code and how often it is given; nothing else may be found.
    found: &'static [(&'static str, Severity, usize)],
    /// Records that the deviation adds or takes away.
    records: isize,
}

const fn warning(code: &'static str) -> (&'static str, Severity, usize) {
    (code, Severity::Warning, 1)
}

const fn error(code: &'static str) -> (&'static str, Severity, usize) {
    (code, Severity::Error, 1)
}

const DEVIATIONS: &[Deviation] = &[
    Deviation {
        name: "no closing brace before the next voucher",
        from: "-50.00\n}",
        to: "-50.00",
        found: &[warning("closing_brace_missing")],
        records: 0,
    },
    Deviation {
        name: "no closing brace at the end",
        from: "-3.00\n}",
        to: "-3.00",
        found: &[warning("closing_brace_missing")],
        records: 0,
    },
    Deviation {
        name: "no opening brace",
        from: "Avgift\n{\n#TRANS 1910 {1",
        to: "Avgift\n#TRANS 1910 {1",
        found: &[warning("opening_brace_missing")],
        records: 0,
    },
    Deviation {
        name: "braces on the lines of records",
        from: "Avgift\n{\n#TRANS 1910 {} 7.00\n#TRANS 3010 {} -7.00\n}",
        to: "Avgift {\n#TRANS 1910 {} 7.00\n#TRANS 3010 {} -7.00 }",
        found: &[],
        records: 0,
    },
    Deviation { name: "no type", from: "#SIETYP 4\n", to: "", found: &[warning("sie_type_missing")], records: 0 },
    Deviation {
        name: "a type that does not exist",
        from: "#SIETYP 4",
        to: "#SIETYP 7",
        found: &[warning("sie_type_unknown")],
        records: 0,
    },
    Deviation {
        name: "no version",
        from: "#PROGRAM Boken 1",
        to: "#PROGRAM Boken",
        found: &[warning("field_missing")],
        records: 0,
    },
    Deviation {
        name: "no mandatory record",
        from: "#GEN 20250110\n",
        to: "",
        found: &[warning("record_missing")],
        records: 0,
    },
    Deviation {
        name: "no name in its record",
        from: "#FNAMN \"Bouleklubben\"",
        to: "#FNAMN",
        found: &[warning("field_missing")],
        records: 0,
    },
    Deviation {
        name: "an empty voucher number",
        from: "#VER B 1",
        to: "#VER B \"\"",
        found: &[warning("voucher_number_missing")],
        records: 0,
    },
    Deviation {
        name: "a date with hyphens",
        from: "#VER B 1 20240315",
        to: "#VER B 1 2024-03-15",
        found: &[warning("date_iso")],
        records: 0,
    },
    Deviation {
        name: "dates with hyphens in the fiscal year",
        from: "#RAR 0 20240101 20241231",
        to: "#RAR 0 2024-01-01 2024-12-31",
        found: &[("date_iso", Severity::Warning, 2)],
        records: 0,
    },
    Deviation {
        name: "an organisation number of twelve digits",
        from: "556036-0793",
        to: "165560360793",
        found: &[warning("org_number_twelve_digits")],
        records: 0,
    },
    Deviation {
        name: "an organisation number with a wrong check digit",
        from: "556036-0793",
        to: "556036-0794",
        found: &[warning("org_number_check_digit")],
        records: 0,
    },
    Deviation {
        name: "an organisation number that is none",
        from: "556036-0793",
        to: "SE556",
        found: &[warning("org_number_invalid")],
        records: 0,
    },
    Deviation {
        name: "tabs",
        from: "#DIM 1 Avdelning",
        to: "#DIM\t1\tAvdelning",
        found: &[warning("tab_separated")],
        records: 0,
    },
    Deviation { name: "small letters", from: "#DIM", to: "#dim", found: &[warning("label_lower_case")], records: 0 },
    Deviation {
        name: "Ctrl-Z at the end",
        from: "-3.00\n}\n",
        to: "-3.00\n}\n\u{1a}",
        found: &[warning("ctrl_z")],
        records: 0,
    },
    Deviation {
        name: "mixed line ends",
        from: "#DIM 1 Avdelning\n",
        to: "#DIM 1 Avdelning\r\n",
        found: &[warning("line_ends_mixed")],
        records: 0,
    },
    Deviation {
        name: "a decimal comma",
        from: "#TRANS 1910 {} 7.00",
        to: "#TRANS 1910 {} 7,00",
        found: &[warning("decimal_comma")],
        records: 0,
    },
    Deviation {
        name: "a thousands separator",
        from: "#RES 0 3010 -60.00",
        to: "#RES 0 3010 -1.060,00",
        found: &[error("amount_invalid")],
        records: -1,
    },
    Deviation {
        name: "an empty voucher",
        from: "#VER B 1",
        to: "#VER B 2 20240301 Tom\n{\n}\n#VER B 1",
        found: &[warning("voucher_empty")],
        records: 1,
    },
    Deviation {
        name: "an account used before it is declared",
        from: "#KONTO 3010 Avgifter\n#UB -1 1910 100.00",
        to: "#UB -1 1910 100.00\n#RES -1 3010 0.00\n#KONTO 3010 Avgifter",
        found: &[warning("account_declared_late")],
        records: 1,
    },
    Deviation {
        name: "an account never declared",
        from: "#KONTO 3010 Avgifter\n",
        to: "",
        found: &[warning("account_undeclared")],
        records: -1,
    },
    Deviation {
        name: "an account declared twice",
        from: "#UB -1",
        to: "#KONTO 3010 Avgift\n#UB -1",
        found: &[warning("account_duplicate")],
        records: 0,
    },
    Deviation {
        name: "an account that is no number",
        from: "#UB -1",
        to: "#KONTO DIFF Diff\n#UB -1",
        found: &[warning("account_not_numeric")],
        records: 1,
    },
    Deviation {
        name: "an account type that does not exist",
        from: "#KTYP 1910 T",
        to: "#KTYP 1910 X",
        found: &[warning("account_type_unknown")],
        records: 0,
    },
    Deviation {
        name: "an object never declared",
        from: "#OBJEKT 1 Nord",
        to: "#OBJEKT 1 Syd",
        found: &[warning("object_undeclared")],
        records: 0,
    },
    Deviation {
        name: "a voucher number twice",
        from: "#VER A 2",
        to: "#VER A 1",
        found: &[warning("voucher_number_duplicate")],
        records: 0,
    },
    Deviation {
        name: "a voucher number left out",
        from: "#VER A 2",
        to: "#VER A 3",
        found: &[warning("voucher_number_gap")],
        records: 0,
    },
    Deviation {
        name: "last year closes otherwise than this one opens",
        from: "#UB -1 1910 100.00",
        to: "#UB -1 1910 99.00",
        found: &[warning("opening_mismatch")],
        records: 0,
    },
    Deviation {
        name: "a closing balance that does not follow",
        from: "#UB 0 1910 160.00",
        to: "#UB 0 1910 161.00",
        found: &[warning("balance_mismatch")],
        records: 0,
    },
    Deviation {
        name: "a result that does not follow",
        from: "#RES 0 3010 -60.00",
        to: "#RES 0 3010 -61.00",
        found: &[warning("result_mismatch")],
        records: 0,
    },
    Deviation {
        name: "a balance stated twice",
        from: "#IB 0",
        to: "#IB 0 1910 100.00\n#IB 0",
        found: &[warning("balance_duplicate")],
        records: 1,
    },
    Deviation {
        name: "a wrong checksum",
        from: "#GEN",
        to: "#KSUMMA\n#KSUMMA 1\n#GEN",
        found: &[warning("ksumma_mismatch")],
        records: 0,
    },
    Deviation {
        name: "a checksum never stated",
        from: "#GEN",
        to: "#KSUMMA\n#GEN",
        found: &[warning("ksumma_unclosed")],
        records: 0,
    },
    Deviation {
        name: "vouchers after the covered period",
        from: "#OMFATTN 20241231",
        to: "#OMFATTN 20240201",
        found: &[warning("voucher_after_covered_period")],
        records: 0,
    },
    Deviation {
        name: "a date outside the fiscal year",
        from: "#VER A 2 20240215",
        to: "#VER A 2 20230215",
        found: &[warning("date_outside_fiscal_year")],
        records: 0,
    },
    Deviation {
        name: "no fiscal year",
        from: "#RAR 0 20240101 20241231",
        to: "#RAR 0",
        found: &[warning("fiscal_year_invalid")],
        records: 0,
    },
    Deviation {
        name: "an unknown label",
        from: "#DIM",
        to: "#HITTEPÅ 1\n#DIM",
        found: &[warning("label_unknown"), warning("encoding_differs")],
        records: 0,
    },
    Deviation {
        name: "a line without a label",
        from: "#DIM",
        to: "och mera\n#DIM",
        found: &[warning("text_outside_record")],
        records: 0,
    },
    Deviation {
        name: "a quotation mark never closed",
        from: "#OBJEKT 1 Nord \"Norra banan\"",
        to: "#OBJEKT 1 Nord \"Norra banan",
        found: &[warning("quote_unclosed")],
        records: 0,
    },
    Deviation {
        name: "an object list never closed",
        from: "{1 Nord} 50.00",
        to: "{1 Nord 50.00",
        found: &[
            warning("list_unclosed"),
            warning("object_list_invalid"),
            error("amount_invalid"),
            error("voucher_unbalanced"),
            warning("balance_mismatch"),
        ],
        records: -1,
    },
    Deviation {
        name: "a list that is not made of pairs",
        from: "{1 Nord}",
        to: "{1}",
        found: &[warning("object_list_invalid")],
        records: 0,
    },
    Deviation { name: "no list at all", from: "#TRANS 1910 {} 7.00", to: "#TRANS 1910 7.00", found: &[], records: 0 },
    Deviation {
        name: "the flag of a file that was read",
        from: "#FLAGGA 0",
        to: "#FLAGGA 1",
        found: &[warning("already_read")],
        records: 0,
    },
    Deviation {
        name: "UTF-8 under PC8",
        from: "Norra",
        to: "Nörra",
        found: &[warning("encoding_differs")],
        records: 0,
    },
    Deviation {
        name: "letters lost before",
        from: "Norra",
        to: "N\u{fffd}rra",
        found: &[warning("encoding_differs"), warning("letters_lost")],
        records: 0,
    },
    Deviation {
        name: "a voucher that does not balance",
        from: "{} -7.00",
        to: "{} -6.00",
        found: &[error("voucher_unbalanced"), warning("result_mismatch")],
        records: -1,
    },
    Deviation {
        name: "a voucher without a date",
        from: "#VER A 2 20240215",
        to: "#VER A 2 \"\"",
        found: &[error("date_missing")],
        records: -1,
    },
    Deviation {
        name: "a voucher with a date that is none",
        from: "#VER A 2 20240215",
        to: "#VER A 2 20240230",
        found: &[error("date_invalid")],
        records: -1,
    },
    Deviation {
        name: "a transaction before any voucher",
        from: "#VER A 1",
        to: "#TRANS 1910 {} 1.00\n#VER A 1",
        found: &[error("transaction_outside_voucher")],
        records: 0,
    },
    Deviation {
        name: "an added transaction without its twin",
        from: "#TRANS 1910 {} 7.00",
        to: "#RTRANS 1910 {} 9.00\n#TRANS 1910 {} 7.00",
        found: &[warning("rtrans_alone")],
        records: 0,
    },
    Deviation {
        name: "budgets",
        from: "#VER A 1",
        to: "#PBUDGET 0 202401 3010 {} 5.00\n#VER A 1",
        found: &[warning("budget_skipped")],
        records: 0,
    },
];

fn read(text: &str) -> Outcome {
    drive(text.as_bytes(), &options(None, None))
}

#[test]
fn the_ledger_itself_has_nothing_to_remark_on() {
    let outcome = read(LEDGER);
    assert_eq!((outcome.issues(), outcome.records().len(), outcome.failure), (vec![], RECORDS, None));
}

#[test]
fn each_deviation_has_a_code_a_severity_and_a_hint_and_leaves_the_rest() {
    for Deviation { name, from, to, found, records } in DEVIATIONS {
        let altered = LEDGER.replacen(from, to, 1);
        assert_ne!(altered, LEDGER, "{name}");
        let outcome = read(&altered);
        assert_eq!(outcome.failure, None, "{name}");
        let mut counted: Vec<(&str, Severity, usize)> = Vec::new();
        for issue in outcome.issues() {
            match counted.iter_mut().find(|(code, ..)| *code == issue.code) {
                Some((.., count)) => *count += 1,
                None => counted.push((issue.code, issue.severity, 1)),
            }
        }
        counted.sort_unstable_by_key(|(code, ..)| *code);
        let mut expected = found.to_vec();
        expected.sort_unstable_by_key(|(code, ..)| *code);
        assert_eq!(counted, expected, "{name}");
        assert_eq!(Some(outcome.records().len()), RECORDS.checked_add_signed(*records), "{name}");
    }
}

#[test]
fn vouchers_to_post_may_lack_numbers_and_have_gaps() {
    let outcome = read(VOUCHERS);
    assert_eq!((outcome.issues(), outcome.records().len()), (vec![], 2));
    let unnumbered = VOUCHERS.replace("#VER A 1", "#VER A \"\"").replace("#VER A 5", "#VER \"\" \"\"");
    let outcome = read(&unnumbered);
    let codes: Vec<&str> = outcome.issues().iter().map(|issue| issue.code).collect();
    assert_eq!(codes, ["voucher_number_missing", "voucher_number_missing"]);
    let keys: Vec<&str> = outcome.records().iter().map(|record| record.key.as_str()).collect();
    assert_eq!(keys, ["2024-01-01:A:~2024-01-15~1", "2024-01-01::~2024-01-16~1"]);
}

#[test]
fn the_same_letters_are_read_from_every_encoding_under_the_same_declaration() {
    let text = LEDGER.replace("Bouleklubben", "Övningsföretaget Å");
    let in_cp437: Vec<u8> = text
        .chars()
        .map(|letter| match letter {
            'Ö' => 0x99,
            'ö' => 0x94,
            'Å' => 0x8f,
            ascii => u8::try_from(ascii).expect("ASCII"),
        })
        .collect();
    let in_latin: Vec<u8> = text.chars().map(|letter| u8::try_from(letter).expect("Latin-1")).collect();
    let with_mark = [b"\xef\xbb\xbf".as_slice(), text.as_bytes()].concat();
    for (bytes, encoding) in
        [(in_cp437, "CP437"), (in_latin, "Windows-1252"), (text.clone().into_bytes(), "UTF-8"), (with_mark, "UTF-8")]
    {
        let options: Options = options(None, None);
        let import =
            workbench_importer::open(Box::new(std::io::Cursor::new(bytes.clone())), &options).expect("a ledger");
        let detected = import.detected();
        assert_eq!(detected.encoding, encoding);
        assert!(!detected.encoding_reason.is_empty());
        assert_eq!(detected.details.get("company").map(String::as_str), Some("Övningsföretaget Å"), "{encoding}");
        let codes: Vec<&str> = drive(&bytes, &options).issues().iter().map(|issue| issue.code).collect();
        assert_eq!(codes, if encoding == "CP437" { vec![] } else { vec!["encoding_differs"] });
    }
}

#[test]
fn every_mandatory_record_of_its_type_is_asked_for() {
    let missing = |text: &str| -> Vec<String> {
        let outcome = read(text);
        let issues = outcome.issues().into_iter().filter(|issue| issue.code == "record_missing");
        issues.filter_map(|issue| issue.column.clone()).collect()
    };
    assert_eq!(
        missing("#FLAGGA 0\n#SIETYP 1\n"),
        ["#PROGRAM", "#FORMAT", "#GEN", "#FNAMN", "#RAR", "#KONTO", "#UB", "#RES"]
    );
    assert_eq!(missing(&LEDGER.replace("#SIETYP 4", "#SIETYP 2")), ["#PSALDO"]);
    let without_vouchers = LEDGER.split("#VER").next().expect("a start");
    assert_eq!(missing(without_vouchers), ["#VER"]);
    assert_eq!(missing("#FLAGGA 0\n#SIETYP 4\n"), ["#PROGRAM", "#FORMAT", "#GEN", "#FNAMN", "#VER"]);
    let kinds: Vec<RecordKind> = read(without_vouchers).records().iter().map(|record| record.kind).collect();
    assert_eq!(kinds.len(), RECORDS - 3);
}
