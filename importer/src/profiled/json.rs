//! One JSON object per record: in an array, at the root or below it, or one per line.

use super::left_out::LeftOut;
use super::{RawRow, RowSource, first_with_value};
use crate::failure::{OpenError, ReadError};
use crate::import::TextStream;
use crate::issue::Issue;
use crate::json::{JsonFault, JsonValue, Scanner, parse};
use crate::profile::{JsonRecords, Profile, Source};

/// Objects of a JSON file.
pub(super) struct JsonRows {
    scanner: Scanner<TextStream>,
    /// The paths of each column of the profile.
    columns: Vec<Vec<Vec<String>>>,
    state: State,
    /// The keys that led to the array, from the root.
    keys: Vec<String>,
    rows: u64,
    left_out: LeftOut,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Lines,
    List,
    Ended,
}

impl JsonRows {
    /// Finds the way to the first record.
    pub(super) fn open(stream: TextStream, head: &str, profile: &Profile) -> Result<Self, OpenError> {
        let columns = profile.columns().iter().map(|column| match &column.source {
            Source::Json(paths) => paths.clone(),
            _ => Vec::new(),
        });
        let mut rows = Self {
            scanner: Scanner::new(stream),
            columns: columns.collect(),
            state: State::List,
            keys: Vec::new(),
            rows: 0,
            left_out: LeftOut::default(),
        };
        match profile.json_records() {
            JsonRecords::Lines => rows.state = State::Lines,
            JsonRecords::Root if rows.scanner.peek_value()? == Some(b'{') => {
                // An object at the root may be the first of many lines, or hold the array somewhere inside.
                let first = head.trim_start().lines().next().unwrap_or_default();
                let cut = parse(first).is_err_and(|fault| fault.unfinished);
                if cut && head.trim_start().contains('\n') {
                    return Err(OpenError::RecordsMissing {
                        path: "$".to_owned(),
                        why: "the root is an object over several lines, not an array".to_owned(),
                    });
                }
                rows.state = State::Lines;
            }
            JsonRecords::Root => rows.enter("$")?,
            JsonRecords::Below(keys) => {
                for key in &keys {
                    rows.descend(key)?;
                }
                rows.enter(&format!("$.{}", keys.join(".")))?;
            }
        }
        Ok(rows)
    }

    /// Goes to the value of a key in the object that comes next.
    fn descend(&mut self, key: &str) -> Result<(), OpenError> {
        let missing = |rows: &Self, why: String| OpenError::RecordsMissing {
            path: format!("$.{}", [rows.keys.as_slice(), &[key.to_owned()]].concat().join(".")),
            why,
        };
        match self.scanner.peek_value()? {
            Some(b'{') => self.scanner.expect(b'{', "an object comes")?,
            _ => return Err(missing(self, format!("there is no object that could have the key `{key}`"))),
        }
        let mut first = true;
        while self.scanner.goes_on(first, b'}')? {
            first = false;
            if self.scanner.key()? == key {
                self.keys.push(key.to_owned());
                return Ok(());
            }
            self.scanner.skip()?;
        }
        Err(missing(self, format!("the object that should have it has no key `{key}`")))
    }

    /// Enters the array.
    fn enter(&mut self, path: &str) -> Result<(), OpenError> {
        match self.scanner.peek_value()? {
            Some(b'[') => Ok(self.scanner.expect(b'[', "an array comes")?),
            Some(_) => Err(OpenError::RecordsMissing { path: path.to_owned(), why: "this is no array".to_owned() }),
            None => Err(ReadError::Unfinished { line: self.scanner.line(), missing: "an array comes" }.into()),
        }
    }

    /// Closes what was opened on the way to the array, and makes sure that nothing follows.
    fn leave(&mut self) -> Result<(), ReadError> {
        self.state = State::Ended;
        while let Some(key) = self.keys.pop() {
            while self.scanner.goes_on(false, b'}')? {
                if self.scanner.key()? == key {
                    return Err(self.scanner.damaged(format!("the key `{key}` stands twice in one object")));
                }
                self.scanner.skip()?;
            }
        }
        self.scanner.end()
    }

    fn row(&mut self, row: u64, text: &str, parsed: Result<JsonValue, JsonFault>) -> RawRow {
        let record = match parsed {
            Ok(record @ JsonValue::Object(_)) => record,
            Ok(_) => {
                let issue = Issue::error(
                    "record_not_object",
                    row,
                    "the record is no object",
                    "Each record must be an object with keys and values.",
                );
                return RawRow::refused(row, issue.value(text));
            }
            Err(fault) => {
                let message = format!("{}, at byte {} of the record", fault.why, fault.at);
                let hint = "Correct the program that writes the file, then export again.";
                return RawRow::refused(row, Issue::error(fault.code, row, message, hint).value(near(text, fault.at)));
            }
        };
        let mut raw = RawRow { row, ..RawRow::default() };
        for paths in &self.columns {
            let mut cell = None;
            // A name may be an object in one file and a text in the next: the first path that gives a value counts,
            // and a list or object is remarked on only where no path gives one.
            let mut compound = None;
            for path in paths {
                match record.follow(path) {
                    Some(JsonValue::List(items)) if !items.is_empty() => compound = Some((path, "a list")),
                    Some(JsonValue::Object(members)) if !members.is_empty() => compound = Some((path, "an object")),
                    found => cell = first_with_value([cell, found.and_then(scalar)].into_iter()),
                }
            }
            if let Some((path, what)) = compound.filter(|_| cell.is_none()) {
                let issue = Issue::error(
                    "value_not_scalar",
                    row,
                    format!("there is {what} where a single value belongs"),
                    "Name the value inside it in the profile, such as `name.given` or `emails.0`.",
                );
                raw.issues.push(issue.column(&path.join(".")));
            }
            raw.cells.push(cell);
        }
        if let JsonValue::Object(members) = &record {
            for (name, _) in members {
                let known = self.columns.iter().flatten().any(|path| path.first() == Some(name));
                if !known {
                    self.left_out.note(name);
                }
            }
        }
        raw
    }
}

/// A value that is none of objects and lists, as text.
fn scalar(value: &JsonValue) -> Option<String> {
    match value {
        JsonValue::Text(text) | JsonValue::Number(text) => Some(text.clone()),
        JsonValue::Truth(truth) => Some(truth.to_string()),
        JsonValue::Null | JsonValue::List(_) | JsonValue::Object(_) => None,
    }
}

/// The text around a fault.
fn near(text: &str, at: usize) -> &str {
    let start = (at.saturating_sub(30)..=at).find(|start| text.is_char_boundary(*start)).unwrap_or(0);
    text.get(start..).unwrap_or_default()
}

impl RowSource for JsonRows {
    fn next_row(&mut self) -> Result<Option<RawRow>, ReadError> {
        match self.state {
            State::Ended => Ok(None),
            State::Lines => {
                let Some((row, text, ended)) = self.scanner.text_line()? else {
                    self.state = State::Ended;
                    return Ok(None);
                };
                let parsed = parse(&text);
                // A last line without its end that stops in the middle of a value was cut.
                if parsed.as_ref().is_err_and(|fault| fault.unfinished) && !ended {
                    return Err(ReadError::Unfinished { line: row, missing: "the last record is complete" });
                }
                Ok(Some(self.row(row, &text, parsed)))
            }
            State::List => {
                if !self.scanner.goes_on(self.rows == 0, b']')? {
                    self.leave()?;
                    return Ok(None);
                }
                self.rows += 1;
                let text = self.scanner.value()?;
                Ok(Some(self.row(self.rows, &text, parse(&text))))
            }
        }
    }

    fn closing_issues(&self) -> Vec<Issue> {
        self.left_out.issue().into_iter().collect()
    }
}
