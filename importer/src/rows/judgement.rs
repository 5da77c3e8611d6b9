//! Decides whether a row of cleaned values becomes a record.

use serde_json::{Map, Value};

use crate::Severity;
use crate::import::Item;
use crate::issue::{Issue, shorten};
use crate::key_memory::KeyMemory;
use crate::record::{Record, RecordKind};

/// A field and the column that it comes from, as the file names it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Need<'a> {
    pub(crate) field: &'a str,
    pub(crate) column: &'a str,
}

/// Judges the rows of one file.
#[derive(Debug)]
pub(crate) struct Judge {
    kind: RecordKind,
    keys: KeyMemory,
    values: KeyMemory,
}

impl Judge {
    pub(crate) fn new(kind: RecordKind) -> Self {
        Self { kind, keys: KeyMemory::default(), values: KeyMemory::default() }
    }

    /// Turns cleaned values and what cleaning found into an item: what is required must be there, the key must be
    /// new, and so must the values of `unique` fields.
    pub(crate) fn judge<'a>(
        &mut self,
        row: u64,
        values: Map<String, Value>,
        mut issues: Vec<Issue>,
        required: impl Iterator<Item = Need<'a>>,
        unique: impl Iterator<Item = Need<'a>>,
        key: &[Need<'_>],
    ) -> Item {
        for Need { field, column } in required {
            let refused =
                issues.iter().any(|issue| issue.severity == Severity::Error && issue.column.as_deref() == Some(column));
            if !values.contains_key(field) && !refused {
                issues.push(
                    Issue::error(
                        "value_missing",
                        row,
                        format!("{field} is required and empty"),
                        "Fill in the value in the source and export again.",
                    )
                    .column(column),
                );
            }
        }
        let record_key = key.iter().map(|part| text_of(&values, part.field)).collect::<Vec<_>>().join(":");
        let usable = issues.iter().all(|issue| issue.severity == Severity::Warning);
        // A refused row leaves its key free for a later, correct one.
        if usable && self.keys.note(&record_key) > 1 {
            issues.push(
                Issue::error(
                    "duplicate_key",
                    row,
                    format!("{} {} occurs on an earlier row", names(key), shorten(&record_key)),
                    "Keep one of the rows; the earlier one is imported.",
                )
                .column(key.first().map_or("", |part| part.column))
                .value(&record_key),
            );
        } else if usable {
            for Need { field, column } in unique {
                let value = text_of(&values, field);
                if !value.is_empty() && self.values.note((field, value)) > 1 {
                    issues.push(
                        Issue::error(
                            "value_not_unique",
                            row,
                            format!("{field} {} occurs on an earlier row", shorten(value)),
                            "No two rows may have the same value here; correct one of them.",
                        )
                        .column(column)
                        .value(value),
                    );
                }
            }
        }
        Item::row(row, vec![Record { kind: self.kind, key: record_key, row, fields: values }], issues)
    }

    /// As [`Self::closing_issue`], once.
    pub(crate) fn take_closing_issue(&mut self) -> Option<Issue> {
        let issue = self.closing_issue();
        (self.keys, self.values) = (KeyMemory::default(), KeyMemory::default());
        issue
    }

    /// A finding where more keys came than are remembered.
    pub(crate) fn closing_issue(&self) -> Option<Issue> {
        (self.keys.overflowed() || self.values.overflowed()).then(|| {
            Issue::warning(
                "duplicate_check_limited",
                0,
                "the table has more keys than are remembered; late duplicates were not looked for",
                "Of two rows with the same key, the later one is kept.",
            )
        })
    }
}

/// The fields of a key, in words.
fn names(key: &[Need<'_>]) -> String {
    key.iter().map(|part| part.field).collect::<Vec<_>>().join(":")
}

fn text_of<'a>(values: &'a Map<String, Value>, field: &str) -> &'a str {
    values.get(field).and_then(Value::as_str).unwrap_or_default()
}
