//! Decides whether a row of cleaned values becomes a record.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use crate::Severity;
use crate::import::Item;
use crate::issue::{Issue, RowIdentity, shorten, tell_row};
use crate::key_memory::{KeyMemory, key_hash};
use crate::record::{Fields, Record, RecordKind, RowFields};

/// A field and the column that it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JudgedColumn {
    pub(crate) field: String,
    /// What the file calls the column.
    pub(crate) column: String,
    /// Whether every row must have a value here.
    pub(crate) required: bool,
    /// Whether no two rows may have the same value here.
    pub(crate) unique: bool,
}

/// The cleaned values of a row, one per column; `None` where there is none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Values<'a> {
    pub(crate) cells: &'a [Option<Cow<'a, str>>],
    /// Whether [`super::is_plain`] of all of them is known.
    pub(crate) are_plain: bool,
}

impl<'a> Values<'a> {
    pub(crate) const fn of(cells: &'a [Option<Cow<'a, str>>]) -> Self {
        Self { cells, are_plain: false }
    }
}

/// Rows of which everything is said but whether their keys were used before. What they say is in one text: rows are
/// weighed and admitted on different threads, and many small texts would make these wait for each other's memory.
#[derive(Debug, Default)]
pub(crate) struct WeighedRows {
    pub(crate) text: String,
    pub(crate) rows: Vec<Weighed>,
}

impl WeighedRows {
    /// Adds a row that nothing else decides about.
    pub(crate) fn settle(&mut self, row: u64, issues: Vec<Issue>) {
        self.rows.push(Weighed { row, issues, draft: None, unique: Vec::new(), seen: 0 });
    }
}

/// One row among them.
#[derive(Debug)]
pub(crate) struct Weighed {
    row: u64,
    issues: Vec<Issue>,
    /// None where the row is refused, or blank.
    draft: Option<Draft>,
    /// Values that no other row may have, each with the position of its column.
    unique: Vec<(usize, String)>,
    /// How often the key has been seen; see [`Judge::count`].
    seen: u32,
}

/// Where a record is in the text.
#[derive(Debug)]
struct Draft {
    key: Range<usize>,
    key_hash: u64,
    fields: Range<usize>,
}

/// The rules of a file for a single row.
#[derive(Debug)]
pub(crate) struct RowRules {
    kind: RecordKind,
    columns: Vec<JudgedColumn>,
    fields: RowFields,
    /// Positions of the columns that together are the natural key.
    key: Vec<usize>,
    /// The key of a row that says what the columns are called.
    heading: String,
}

impl RowRules {
    fn new(kind: RecordKind, columns: Vec<JudgedColumn>, key: &[&str]) -> Self {
        let names: Vec<&str> = columns.iter().map(|column| column.field.as_str()).collect();
        let key: Vec<usize> = key.iter().filter_map(|field| names.iter().position(|name| name == field)).collect();
        let heading: Vec<&str> =
            key.iter().filter_map(|position| columns.get(*position)).map(|column| column.column.trim()).collect();
        let heading = heading.join(":");
        Self { kind, fields: RowFields::new(&names), key, heading, columns }
    }

    /// Drafts a record of cleaned values, one per column, and what cleaning found: what is required must be there.
    pub(crate) fn weigh(&self, row: u64, values: &Values<'_>, mut issues: Vec<Issue>, out: &mut WeighedRows) {
        for (column, value) in self.columns.iter().zip(values.cells) {
            if column.required && value.is_none() && !is_refused(&issues, &column.column) {
                issues.push(
                    Issue::error(
                        "value_missing",
                        row,
                        format!("{} is required and empty", column.field),
                        "Fill in the value in the source and export again.",
                    )
                    .column(&column.column),
                );
            }
        }
        if is_rejected(&issues) {
            // A refused row leaves its key free for a later, correct one.
            match self.key_of(values) {
                Some(key) if key.eq_ignore_ascii_case(&self.heading) => issues = vec![header_repeated(row, &key)],
                Some(key) => tell_row(&mut issues, RowIdentity::Key(&key)),
                None => tell_row(&mut issues, RowIdentity::Content(&content(values))),
            }
            out.settle(row, issues);
            return;
        }
        let start = out.text.len();
        for (place, position) in self.key.iter().enumerate() {
            out.text.push_str(if place > 0 { ":" } else { "" });
            out.text.push_str(values.cells.get(*position).and_then(Option::as_deref).unwrap_or_default());
        }
        let key = start..out.text.len();
        let of_row = out.text.get(key.clone()).unwrap_or_default();
        let key_hash = key_hash(of_row);
        let is_heading = of_row.len() == self.heading.len() && of_row.eq_ignore_ascii_case(&self.heading);
        if is_heading && !self.key.is_empty() {
            out.text.truncate(start);
            out.settle(row, vec![header_repeated(row, &self.heading)]);
            return;
        }
        self.fields.write(values.cells, values.are_plain, &mut out.text);
        let draft = Draft { fields: key.end..out.text.len(), key, key_hash };
        let values_of = self.columns.iter().zip(values.cells).enumerate();
        let unique = values_of
            .filter(|(_, (column, _))| column.unique)
            .filter_map(|(position, (_, value))| Some((position, value.as_deref()?.to_owned())))
            .collect();
        out.rows.push(Weighed { row, issues, draft: Some(draft), unique, seen: 0 });
    }

    /// The natural key of a row that may be refused, if all of it is there.
    fn key_of(&self, values: &Values<'_>) -> Option<String> {
        let value = |position: &usize| values.cells.get(*position)?.as_deref();
        let key: Option<Vec<&str>> = self.key.iter().map(value).collect();
        key.filter(|key| !key.is_empty()).map(|key| key.join(":"))
    }

    fn duplicate(&self, row: u64, key: &str) -> Issue {
        let columns: Vec<_> = self.key.iter().filter_map(|position| self.columns.get(*position)).collect();
        let names = columns.iter().map(|column| column.field.as_str()).collect::<Vec<_>>().join(":");
        Issue::error(
            "duplicate_key",
            row,
            format!("{names} {} occurs on an earlier row", shorten(key)),
            "Keep one of the rows; the earlier one is imported.",
        )
        .column(columns.first().map_or("", |column| &column.column))
        .value(key)
    }
}

/// Judges the rows of one file, in their order.
#[derive(Debug)]
pub(crate) struct Judge {
    rules: Arc<RowRules>,
    keys: KeyMemory,
    values: KeyMemory,
}

impl Judge {
    /// A judge of rows with these columns; `key` names the fields that together are the natural key.
    pub(crate) fn new(kind: RecordKind, columns: Vec<JudgedColumn>, key: &[&str]) -> Self {
        let rules = Arc::new(RowRules::new(kind, columns, key));
        Self { rules, keys: KeyMemory::default(), values: KeyMemory::default() }
    }

    /// What can be said about a row without the others, by whoever has the time.
    pub(crate) fn rules(&self) -> Arc<RowRules> {
        self.rules.clone()
    }

    /// Turns cleaned values, one per column, and what cleaning found into an item: what is required must be there,
    /// the key must be new, and so must the values of unique columns.
    pub(crate) fn judge(&mut self, row: u64, values: &Values<'_>, issues: Vec<Issue>) -> Item {
        let mut weighed = WeighedRows::default();
        self.rules.weigh(row, values, issues, &mut weighed);
        self.count(&mut weighed.rows);
        let WeighedRows { text, rows } = weighed;
        let judged = rows.into_iter().next().map(|row| self.admit(row, &text));
        judged.unwrap_or_else(|| Item::row(row, Vec::new(), Vec::new()))
    }

    /// Counts the keys of rows, which [`Self::admit`] asks for. Of many rows at once it is quicker, as one question to the
    /// memory need not wait for the answer to another.
    pub(crate) fn count(&mut self, rows: &mut [Weighed]) {
        for weighed in rows {
            weighed.seen = weighed.draft.as_ref().map_or(0, |draft| self.keys.note_hash(draft.key_hash));
        }
    }

    /// The last word about a row whose key has been counted; `text` is that of [`WeighedRows`].
    pub(crate) fn admit(&mut self, weighed: Weighed, text: &str) -> Item {
        let Weighed { row, mut issues, draft, unique, seen } = weighed;
        let Some(draft) = draft else { return Item::row(row, Vec::new(), issues) };
        let key = text.get(draft.key).unwrap_or_default();
        if seen > 1 {
            issues.push(self.rules.duplicate(row, key));
        } else {
            self.note_unique(row, &unique, &mut issues);
        }
        if is_rejected(&issues) {
            tell_row(&mut issues, RowIdentity::Key(key));
            return Item::row(row, Vec::new(), issues);
        }
        let fields = Fields::written(text.get(draft.fields).unwrap_or_default());
        Item::row(row, vec![Record { kind: self.rules.kind, key: key.to_owned(), row, fields }], issues)
    }

    fn note_unique(&mut self, row: u64, unique: &[(usize, String)], issues: &mut Vec<Issue>) {
        for (position, value) in unique {
            let Some(column) = self.rules.columns.get(*position) else { continue };
            if self.values.note((column.field.as_str(), value)) > 1 {
                issues.push(
                    Issue::error(
                        "value_not_unique",
                        row,
                        format!("{} {} occurs on an earlier row", column.field, shorten(value)),
                        "No two rows may have the same value here; correct one of them.",
                    )
                    .column(&column.column)
                    .value(value),
                );
            }
        }
    }

    /// As [`Self::closing_issue`], once.
    pub(crate) fn take_closing_issue(&mut self) -> Option<Issue> {
        let issue = self.closing_issue();
        (self.keys, self.values) = (KeyMemory::default(), KeyMemory::default());
        issue
    }

    /// A finding where more keys came than could be remembered.
    pub(crate) fn closing_issue(&self) -> Option<Issue> {
        (self.keys.overflowed() || self.values.overflowed()).then(|| {
            Issue::warning(
                "duplicate_check_limited",
                0,
                "not every key could be remembered; some late duplicates were not looked for",
                "Of two rows with the same key, the later one is kept. Look for room in the folder of temporary files.",
            )
        })
    }
}

/// All that a row says.
fn content(values: &Values<'_>) -> String {
    let all: Vec<&str> = values.cells.iter().map(|cell| cell.as_deref().unwrap_or_default()).collect();
    all.join("\0")
}

/// Files that were joined have their header in the middle, too.
fn header_repeated(row: u64, key: &str) -> Issue {
    let hint = "Nothing to do: the row is skipped. If files were joined, look whether all have the same columns.";
    Issue::warning("header_repeated", row, "the row says what the columns are called", hint).value(key)
}

fn is_rejected(issues: &[Issue]) -> bool {
    issues.iter().any(|issue| issue.severity == Severity::Error)
}

fn is_refused(issues: &[Issue], column: &str) -> bool {
    issues.iter().any(|issue| issue.severity == Severity::Error && issue.column.as_deref() == Some(column))
}
