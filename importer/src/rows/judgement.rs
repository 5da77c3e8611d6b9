//! Decides whether a row of cleaned values becomes a record.

use std::borrow::Cow;

use crate::Severity;
use crate::import::Item;
use crate::issue::{Issue, shorten};
use crate::key_memory::KeyMemory;
use crate::record::{Record, RecordKind, RowFields};

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

/// Judges the rows of one file.
#[derive(Debug)]
pub(crate) struct Judge {
    kind: RecordKind,
    columns: Vec<JudgedColumn>,
    fields: RowFields,
    /// Positions of the columns that together are the natural key.
    key: Vec<usize>,
    keys: KeyMemory,
    values: KeyMemory,
}

impl Judge {
    /// A judge of rows with these columns; `key` names the fields that together are the natural key.
    pub(crate) fn new(kind: RecordKind, columns: Vec<JudgedColumn>, key: &[&str]) -> Self {
        let names: Vec<&str> = columns.iter().map(|column| column.field.as_str()).collect();
        Self {
            kind,
            fields: RowFields::new(&names),
            key: key.iter().filter_map(|field| names.iter().position(|name| name == field)).collect(),
            columns,
            keys: KeyMemory::default(),
            values: KeyMemory::default(),
        }
    }

    /// Turns cleaned values, one per column, and what cleaning found into an item: what is required must be there,
    /// the key must be new, and so must the values of unique columns.
    pub(crate) fn judge(&mut self, row: u64, values: &Values<'_>, mut issues: Vec<Issue>) -> Item {
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
        if issues.iter().any(|issue| issue.severity == Severity::Error) {
            // A refused row leaves its key free for a later, correct one.
            return Item::row(row, Vec::new(), issues);
        }
        let key = self.key_of(values.cells);
        if self.keys.note(key.as_str()) > 1 {
            issues.push(self.duplicate(row, &key));
        } else {
            self.note_unique(row, values.cells, &mut issues);
        }
        let record = Record { kind: self.kind, key, row, fields: self.fields.write(values.cells, values.are_plain) };
        Item::row(row, vec![record], issues)
    }

    fn key_of(&self, values: &[Option<Cow<'_, str>>]) -> String {
        let part = |position: &usize| values.get(*position).and_then(Option::as_deref).unwrap_or_default();
        match self.key.as_slice() {
            [only] => part(only).to_owned(),
            several => several.iter().map(part).collect::<Vec<_>>().join(":"),
        }
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

    fn note_unique(&mut self, row: u64, values: &[Option<Cow<'_, str>>], issues: &mut Vec<Issue>) {
        for (column, value) in self.columns.iter().zip(values) {
            let Some(value) = value.as_deref().filter(|_| column.unique) else { continue };
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

fn is_refused(issues: &[Issue], column: &str) -> bool {
    issues.iter().any(|issue| issue.severity == Severity::Error && issue.column.as_deref() == Some(column))
}
