//! Reads a file to its end and holds what comes against what every reader promises. The tests and the fuzz targets both
//! include this file, so that what one of them finds the other can show.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::sync::Arc;

use chrono::NaiveDate;
use workbench_importer::{
    Earlier, Format, Issue, Item, MAX_COLUMNS, MAX_RECORD_BYTES, Options, Profile, ReadError, Record, Severity, open,
};

/// What a file gave.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    /// The items before the end.
    pub items: Vec<Item>,
    /// The code that ended the reading, or kept it from starting; `None` when the file was read whole.
    pub failure: Option<&'static str>,
}

impl Outcome {
    /// Every record, in order.
    #[allow(dead_code, reason = "the fuzz targets look at no record")]
    pub fn records(&self) -> Vec<&Record> {
        self.items
            .iter()
            .flat_map(|item| if let Item::Row { records, .. } = item { records.as_slice() } else { &[] })
            .collect()
    }

    /// Every issue, in order.
    #[allow(dead_code, reason = "the fuzz targets look at no issue")]
    pub fn issues(&self) -> Vec<&Issue> {
        self.items.iter().flat_map(issues_of).collect()
    }
}

/// What is said about a file: a declared format, a profile, nothing else.
pub fn options(format: Option<Format>, profile: Option<Arc<Profile>>) -> Options {
    Options {
        format,
        entity: None,
        file_name: None,
        mapping: BTreeMap::new(),
        header: None,
        earlier: Earlier::default(),
        profile,
        signers: Arc::default(),
        today: NaiveDate::from_ymd_opt(2025, 6, 1).expect("a date"),
    }
}

/// Reads bytes in two ways, in one piece and a few bytes at a time: both must give the same.
pub fn drive(bytes: &[u8], options: &Options) -> Outcome {
    let whole = drive_reader(Box::new(Cursor::new(bytes.to_vec())), options);
    // A few bytes at a time are slow, and where the size limit of a record stops exactly depends on the pieces.
    if bytes.len() < MAX_RECORD_BYTES / 8 {
        let pieces = drive_reader(Box::new(Drip(Cursor::new(bytes.to_vec()))), options);
        assert_eq!(whole, pieces, "the pieces in which a file comes must not matter");
    }
    whole
}

/// Reads to the end of a source, which need not have one.
pub fn drive_reader(reader: Box<dyn Read + Send>, options: &Options) -> Outcome {
    let mut import = match open(reader, options) {
        Ok(import) => import,
        Err(error) => {
            assert!(!error.to_string().is_empty() && !error.hint().is_empty() && is_code(error.code()));
            return Outcome { items: Vec::new(), failure: Some(error.code()) };
        }
    };
    // A ledger gives an account again when it learns more about it.
    let in_order = import.detected().format != Format::Sie;
    let mut items = Vec::new();
    let mut failure = None;
    let mut last_row = 0;
    for next in import.by_ref() {
        match next {
            Ok(item) => {
                check(&item);
                if let Item::Row { row, .. } = &item {
                    assert!(!in_order || *row >= last_row, "row {row} after row {last_row}");
                    last_row = *row;
                }
                items.push(item);
            }
            Err(error) => {
                assert!(failure.is_none(), "one failure ends the reading");
                check_failure(&error);
                failure = Some(error.code());
            }
        }
    }
    assert!(import.next().is_none(), "what has ended stays ended");
    Outcome { items, failure }
}

fn check_failure(error: &ReadError) {
    assert!(!error.to_string().is_empty() && !error.hint().is_empty() && is_code(error.code()));
}

fn check(item: &Item) {
    let issues = issues_of(item);
    assert!(issues.len() <= 10 * MAX_COLUMNS, "{} issues of one item", issues.len());
    for issue in issues {
        assert!(is_code(issue.code), "{}", issue.code);
        assert!(!issue.message.is_empty() && !issue.hint.is_empty(), "{}", issue.code);
        assert!(issue.value.iter().chain(&issue.column).all(|shown| shown.chars().count() <= 80), "{issue:?}");
        assert!(issue.message.len() < 16 * 1024, "{} has a message of {} bytes", issue.code, issue.message.len());
    }
    match item {
        Item::File { issues } => assert!(!issues.is_empty()),
        Item::Row { row, records, references, issues, rejected } => {
            assert!(*row > 0);
            assert_eq!(*rejected, issues.iter().any(|issue| issue.severity == Severity::Error));
            assert!(!rejected || (records.is_empty() && references.is_empty()));
            for record in records {
                assert!(record.row > 0 && !record.key.is_empty());
                let size: usize = record.fields.as_str().len();
                assert!(size <= 8 * MAX_RECORD_BYTES, "a record of {size} bytes");
            }
        }
    }
}

fn issues_of(item: &Item) -> &[Issue] {
    match item {
        Item::Row { issues, .. } | Item::File { issues } => issues,
    }
}

pub fn is_code(code: &str) -> bool {
    !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Gives seven bytes at a time, so that every structure is cut somewhere.
struct Drip(Cursor<Vec<u8>>);

impl Read for Drip {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = buffer.len().min(7);
        self.0.read(buffer.get_mut(..length).unwrap_or_default())
    }
}
