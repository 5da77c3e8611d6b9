//! Notices text behind a closing quotation mark, and a mark that nothing closes. The table reader joins the one to the value
//! without a word, so that `"C"z` becomes `Cz`, and takes everything to the end of the file for the other; here the text is
//! watched as it goes by.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::issue::{Issue, shorten};

/// Places noticed in a record at most.
const NOTICED: usize = 20;

/// Text of a value that is shown, in bytes.
const SHOWN: usize = 200;

/// What was noticed and not yet told.
#[derive(Debug, Clone, Default)]
pub(crate) struct StrayQuotes(Arc<Mutex<VecDeque<Stray>>>);

/// A value with text behind its closing quotation mark, or without one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stray {
    /// First line of the record.
    line: u64,
    /// From 0.
    column: usize,
    /// As it is written, from the first quotation mark on.
    written: Vec<u8>,
    /// Whether nothing closes it.
    is_open: bool,
}

impl StrayQuotes {
    /// Warnings about the row that starts on a line of what is watched, counted from 1, and is called `row`. Rows must be
    /// asked for in order.
    pub(crate) fn issues(&self, line: u64, row: u64, columns: &[String]) -> Vec<Issue> {
        // A place is added or taken whole, so that the list is sound whoever panicked.
        let mut noticed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut issues = Vec::new();
        while let Some(stray) = noticed.pop_front_if(|stray| stray.line <= line) {
            if stray.line == line {
                issues.push(stray.issue(row, columns));
            }
        }
        issues
    }
}

impl Stray {
    fn issue(&self, row: u64, columns: &[String]) -> Issue {
        let written = String::from_utf8_lossy(&self.written);
        if self.is_open {
            return unclosed(row, "everything after it").value(&written);
        }
        let mut reader = csv::ReaderBuilder::new().has_headers(false).delimiter(0).from_reader(written.as_bytes());
        let read = reader.records().next().and_then(Result::ok);
        let read = read.as_ref().and_then(|record| record.get(0)).unwrap_or_default();
        let issue = Issue::warning(
            "quote_stray",
            row,
            format!(
                "text stands behind a closing quotation mark: “{}” is read as “{}”",
                shorten(&written),
                shorten(read)
            ),
            "Check the value; inside a quoted value, write a quotation mark twice.",
        );
        match columns.get(self.column) {
            Some(column) => issue.column(column),
            None => issue,
        }
        .value(&written)
    }
}

/// What is said of a row whose quotation mark is not closed.
pub(crate) fn unclosed(row: u64, swallowed: &str) -> Issue {
    let message = format!("a quotation mark is not closed: the row swallows {swallowed}");
    Issue::error("quote_unclosed", row, message, "Close the quotation mark; inside a quoted value, write it twice.")
}

/// Where the text stands, as the table reader sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    FieldStart,
    Unquoted,
    Quoted,
    /// Behind a quotation mark that closes the value, or is the first of two.
    Closed,
    /// In what follows a closing mark.
    Behind,
}

/// Watches the text of a table, the lines of which end with LF.
#[derive(Debug)]
pub(crate) struct QuoteWatch {
    delimiter: u8,
    state: State,
    /// Of the text that comes next, from 1.
    line: u64,
    /// First line of the record.
    record: u64,
    /// Whether nothing of the record has come yet.
    is_new: bool,
    column: usize,
    written: Vec<u8>,
    /// Whether text stands behind the closing mark.
    is_stray: bool,
    in_record: usize,
    noticed: StrayQuotes,
}

impl QuoteWatch {
    pub(crate) fn new(delimiter: u8, noticed: StrayQuotes) -> Self {
        Self {
            delimiter,
            state: State::FieldStart,
            line: 1,
            record: 1,
            is_new: true,
            column: 0,
            written: Vec::new(),
            is_stray: false,
            in_record: 0,
            noticed,
        }
    }

    /// Looks at the next piece of the text.
    pub(crate) fn look(&mut self, text: &[u8]) {
        let is_outside = matches!(self.state, State::FieldStart | State::Unquoted);
        if is_outside && memchr::memchr(b'"', text).is_none() {
            return self.pass(text);
        }
        let mut rest = text;
        while let Some(byte) = rest.first() {
            let run = self.run(rest);
            if run == 0 {
                self.step(*byte);
            }
            rest = rest.get(run.max(1)..).unwrap_or_default();
        }
    }

    /// Goes over text inside a value that changes nothing; returns how long it is.
    fn run(&mut self, text: &[u8]) -> usize {
        let ends = |byte: &u8| match self.state {
            State::Quoted => *byte == b'"',
            State::Unquoted => *byte == self.delimiter || *byte == b'\n',
            State::FieldStart | State::Closed | State::Behind => true,
        };
        let run = text.iter().position(ends).unwrap_or(text.len());
        if self.state == State::Quoted {
            let over = text.get(..run).unwrap_or_default();
            self.line += line_ends(over);
            let shown = run.min(SHOWN.saturating_sub(self.written.len()));
            self.written.extend_from_slice(over.get(..shown).unwrap_or_default());
        }
        run
    }

    /// Goes over text without a quotation mark: only its last line matters.
    fn pass(&mut self, text: &[u8]) {
        let Some(last) = memchr::memrchr(b'\n', text) else {
            for byte in text {
                self.step(*byte);
            }
            return;
        };
        // The lines that end before the last one are stepped over; it and the empty ones before it are not.
        let (before, rest) = text.split_at(last);
        let kept = before.iter().rposition(|byte| *byte != b'\n').map_or(0, |at| at + 1);
        let (over, ends) = before.split_at(kept);
        if !over.is_empty() {
            self.line += line_ends(over);
            (self.is_new, self.state) = (false, State::Unquoted);
        }
        for byte in ends.iter().chain(rest) {
            self.step(*byte);
        }
    }

    fn step(&mut self, byte: u8) {
        let ends_value = byte == self.delimiter || byte == b'\n';
        if self.is_new && byte != b'\n' {
            (self.is_new, self.record) = (false, self.line);
        }
        self.state = match (self.state, byte) {
            (State::FieldStart, b'"') => {
                self.written.clear();
                self.is_stray = false;
                State::Quoted
            }
            (State::Quoted, b'"') => State::Closed,
            (State::Closed, b'"') | (State::Quoted, _) => State::Quoted,
            (State::Behind, _) if ends_value => {
                self.notice(false);
                State::FieldStart
            }
            (State::Closed | State::Behind, _) if !ends_value => {
                // Spaces behind a value are trimmed, which is a remark of its own.
                self.is_stray |= !byte.is_ascii_whitespace();
                State::Behind
            }
            (State::FieldStart | State::Unquoted, _) if !ends_value => State::Unquoted,
            _ => State::FieldStart,
        };
        if matches!(self.state, State::Quoted | State::Closed | State::Behind) && self.written.len() < SHOWN {
            self.written.push(byte);
        }
        self.line += u64::from(byte == b'\n');
        if self.state == State::FieldStart {
            if byte == b'\n' {
                self.end_record();
            } else {
                self.column += 1;
            }
        }
    }

    /// The text has ended.
    pub(crate) fn end(&mut self) {
        match self.state {
            State::Behind => self.notice(false),
            State::Quoted => self.notice(true),
            State::FieldStart | State::Unquoted | State::Closed => {}
        }
        self.state = State::FieldStart;
    }

    fn end_record(&mut self) {
        (self.is_new, self.column, self.in_record) = (true, 0, 0);
    }

    fn notice(&mut self, is_open: bool) {
        if !is_open && (self.in_record == NOTICED || !self.is_stray) {
            return;
        }
        self.in_record += 1;
        let stray =
            Stray { line: self.record, column: self.column, written: std::mem::take(&mut self.written), is_open };
        self.noticed.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(stray);
    }
}

fn line_ends(text: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', text).count() as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn noticed(text: &str, at_once: usize) -> Vec<(u64, usize, String)> {
        let quotes = StrayQuotes::default();
        let mut watch = QuoteWatch::new(b';', quotes.clone());
        for piece in text.as_bytes().chunks(at_once) {
            watch.look(piece);
        }
        watch.end();
        watch.end();
        let list = quotes.0.lock().expect("nobody panics");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        list.iter().map(|stray| (stray.line, stray.column, text(&stray.written))).collect()
    }

    #[test]
    fn text_behind_a_closing_mark_is_noticed_and_nothing_else() {
        for (text, expected) in [
            ("a;b\n1;\"C\"z\n", vec![(2, 1, "\"C\"z")]),
            ("a;b\n1;\"C\"z", vec![(2, 1, "\"C\"z")]),
            ("\"a\"b\";c\n", vec![(1, 0, "\"a\"b\"")]),
            ("a\n\n\n\"x\ny\"z\n\"b\"c\n", vec![(4, 0, "\"x\ny\"z"), (6, 0, "\"b\"c")]),
            ("\"a\"\"b\";\"\";\"c;\nd\"\n5\" tall;O\"N\n", vec![]),
            ("\"a\" ;\"b\"\t\n", vec![]),
            ("\"open;b\nc\n", vec![(1, 0, "\"open;b\nc\n")]),
        ] {
            let expected: Vec<_> =
                expected.into_iter().map(|(line, column, text)| (line, column, text.to_owned())).collect();
            for at_once in [1, 2, 3, 5, 1000] {
                assert_eq!(noticed(text, at_once), expected, "{text:?}");
            }
        }
    }

    #[test]
    fn rows_are_told_what_concerns_them() {
        let quotes = StrayQuotes::default();
        let mut watch = QuoteWatch::new(b',', quotes.clone());
        watch.look(b"No,Name\n1,\"A\"b\n2,C\n\n\n3,\"D\"e\n");
        let columns = ["No".to_owned(), "Name".to_owned()];
        let told = |row| quotes.issues(row, row, &columns);
        let issue = told(2).remove(0);
        assert_eq!((issue.code, issue.row, issue.column.as_deref()), ("quote_stray", 2, Some("Name")));
        assert_eq!(issue.message, "text stands behind a closing quotation mark: “\"A\"b” is read as “Ab”");
        assert!(told(3).is_empty());
        assert!(told(4).is_empty() && told(5).is_empty());
        assert_eq!(told(6).len(), 1);
    }

    #[test]
    fn a_record_of_them_takes_little_room() {
        assert_eq!(noticed(&"\"a\"b;".repeat(1000), 64).len(), NOTICED);
        let long = format!("\"{}\"b;", "x".repeat(100_000));
        assert!(noticed(&long, 1000).iter().all(|stray| stray.2.len() == SHOWN));
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(text in "[a;\"\n ]{0,40}", at_once in 1_usize..9) {
            prop_assert_eq!(noticed(&text, at_once), noticed(&text, 1));
        }
    }
}
