//! What holds for any file: no bytes harm a parser, and what is written in a notation is read back as it was meant.

mod driver;
#[path = "driver/targets.rs"]
mod targets;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use driver::{Outcome, drive, options};
use proptest::prelude::*;
use serde_json::{Value, json};
use targets::{TARGETS, run};
use workbench_importer::RecordKind;

/// The files of the corpus that are small enough to be damaged quickly.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(target);
    let files = fs::read_dir(folder).expect("every target has a folder");
    let read = |entry: std::io::Result<fs::DirEntry>| fs::read(entry.expect("an entry").path()).expect("a file");
    files.map(read).filter(|bytes| bytes.len() < 8 * 1024).collect()
}

/// A file of the corpus with a piece of it replaced by other bytes.
fn damaged() -> impl Strategy<Value = (&'static str, Vec<u8>)> {
    let places = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<prop::sample::Index>());
    (prop::sample::select(TARGETS.to_vec()), places, 0_usize..40, prop::collection::vec(any::<u8>(), 0..12)).prop_map(
        |(target, (file, start, other), removed, put)| {
            let files = corpus(target);
            let mut bytes = file.get(&files).clone();
            let from = start.index(bytes.len() + 1);
            let to = (from + removed).min(bytes.len());
            // Half of the time, what comes in is a piece of another file of the same kind.
            let piece = match put.len() % 2 {
                0 => put,
                _ => other.get(&files).iter().skip(from).take(removed).copied().collect(),
            };
            bytes.splice(from..to, piece);
            (target, bytes)
        },
    )
}

#[derive(Debug, Clone)]
struct Voucher {
    series: String,
    number: u32,
    day: u32,
    text: String,
    /// Account, amount in hundredths, and text.
    transactions: Vec<(u32, i64, String)>,
}

impl Voucher {
    fn date(&self) -> String {
        format!("2024-{:02}-{:02}", self.day / 28 + 1, self.day % 28 + 1)
    }

    /// As it is stored.
    fn fields(&self) -> Value {
        let transaction = |(account, amount, text): &(u32, i64, String)| {
            let mut fields = json!({ "account": account.to_string(), "amount": decimal(*amount) });
            if !text.is_empty() {
                fields["text"] = json!(text);
            }
            fields
        };
        let mut fields = json!({
            "series": self.series, "number": self.number.to_string(), "date": self.date(), "fiscal_year_start": "2024-01-01",
            "transactions": self.transactions.iter().map(transaction).collect::<Vec<_>>(),
        });
        if !self.text.is_empty() {
            fields["text"] = json!(self.text);
        }
        fields
    }
}

fn decimal(hundredths: i64) -> String {
    let sign = if hundredths < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", hundredths.abs() / 100, hundredths.abs() % 100)
}

fn lines(vouchers: &[Voucher]) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\\\""));
    let mut file = String::from("#FLAGGA 0\n#RAR 0 20240101 20241231\n");
    for voucher in vouchers {
        let date = voucher.date().replace('-', "");
        let text = quoted(&voucher.text);
        writeln!(file, "#VER {} {} {date} {text}\n{{", quoted(&voucher.series), voucher.number).expect("to memory");
        for (account, amount, text) in &voucher.transactions {
            writeln!(file, "#TRANS {account} {{}} {} \"\" {}", decimal(*amount), quoted(text)).expect("to memory");
        }
        file.push_str("}\n");
    }
    file
}

fn elements(vouchers: &[Voucher]) -> String {
    let quoted = |text: &str| {
        let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
        format!("\"{escaped}\"")
    };
    let mut file = String::from(
        "<Sie xmlns=\"http://www.sie.se/sie5\"><FileInfo><FiscalYears>\
         <FiscalYear start=\"2024-01\" end=\"2024-12\" primary=\"true\"/></FiscalYears></FileInfo>",
    );
    for voucher in vouchers {
        let (series, text) = (quoted(&voucher.series), quoted(&voucher.text));
        let (number, date) = (voucher.number, voucher.date());
        write!(file, "<Journal id={series}><JournalEntry id=\"{number}\" journalDate=\"{date}\" text={text}>")
            .expect("to memory");
        for (account, amount, text) in &voucher.transactions {
            let (amount, text) = (decimal(*amount), quoted(text));
            write!(file, "<LedgerEntry accountId=\"{account}\" amount=\"{amount}\" text={text}/>").expect("to memory");
        }
        file.push_str("</JournalEntry></Journal>");
    }
    file + "</Sie>"
}

fn vouchers_of(outcome: &Outcome) -> Vec<Value> {
    let vouchers = outcome.records().into_iter().filter(|record| record.kind == RecordKind::Voucher);
    vouchers.map(|record| json!(record.fields.to_map())).collect()
}

/// Text without space around it, which both notations take off.
fn text() -> impl Strategy<Value = String> {
    "([!-\\[\\]-~åäöÅÄÖé]([ -\\[\\]-~åäö]{0,20}[!-\\[\\]-~åäö])?)?"
}

fn voucher() -> impl Strategy<Value = Voucher> {
    let transactions = prop::collection::vec((1000_u32..9999, -99_999_999_i64..99_999_999, text()), 1..8);
    ("[A-Z]{1,3}", 1_u32..99_999, 0_u32..336, text(), transactions).prop_map(
        |(series, number, day, text, mut transactions)| {
            let rest: i64 = transactions.iter().map(|(_, amount, _)| amount).sum();
            transactions.push((1910, -rest, String::new()));
            Voucher { series, number, day, text, transactions }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_bytes_harm_any_parser(target in prop::sample::select(TARGETS.to_vec()), bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        run(target, &bytes);
    }

    #[test]
    fn no_damage_to_a_file_harms_its_parser((target, bytes) in damaged()) {
        run(target, &bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn vouchers_round_trip_in_both_notations(vouchers in prop::collection::vec(voucher(), 1..6)) {
        let mut vouchers = vouchers;
        // A number that occurs twice would be remarked on.
        vouchers.sort_by(|a, b| (&a.series, a.number).cmp(&(&b.series, b.number)));
        vouchers.dedup_by(|a, b| (&a.series, a.number) == (&b.series, b.number));
        let expected: Vec<Value> = vouchers.iter().map(Voucher::fields).collect();
        for text in [lines(&vouchers), elements(&vouchers)] {
            let outcome = drive(text.as_bytes(), &options(None, None));
            prop_assert_eq!(&vouchers_of(&outcome), &expected, "{}", text);
        }
    }
}
