//! What is to be said about the columns of a table as a whole.

use super::columns::by_number;
use crate::import::{Heading, MappedColumn};
use crate::issue::{Issue, shorten};

/// Columns and names listed in an error at most.
const LISTED: usize = 12;

/// One warning for all columns that go nowhere.
pub(crate) fn unmapped_issue(mapping: &[MappedColumn], row: u64) -> Option<Issue> {
    let unmapped: Vec<String> = mapping
        .iter()
        .enumerate()
        .filter(|(_, column)| column.field.is_none())
        .map(|(position, column)| match column.column.trim() {
            "" => by_number(position),
            name => name.to_owned(),
        })
        .collect();
    (!unmapped.is_empty()).then(|| {
        let more = unmapped.len().saturating_sub(LISTED);
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        Issue::warning(
            "unmapped_column",
            row,
            format!(
                "left out, {} of {} columns: {}{rest}",
                unmapped.len(),
                mapping.len(),
                listed(&unmapped).join(", ")
            ),
            "Map the columns that matter to a field; the others need no action.",
        )
        .value(&unmapped.join(", "))
    })
}

/// A warning for each column that was guessed: somebody should look before it is stored.
pub(super) fn guess_issues(mapping: &[MappedColumn], row: u64) -> Vec<Issue> {
    let guessed = mapping.iter().filter(|column| column.is_guessed());
    guessed
        .filter_map(|column| {
            let field = column.field.as_deref()?;
            let message = format!(
                "the column is taken for {field}, which is a guess (confidence {:.2}): {}",
                column.confidence, column.reason
            );
            let hint = "Look at the first records; change the mapping before confirming where it is wrong.";
            Some(Issue::warning("column_guessed", row, message, hint).column(&column.column))
        })
        .collect()
}

/// A warning where little tells whether the first line is a header: somebody should look before it is stored, or lost.
pub(super) fn heading_issue(heading: &Heading, row: u64) -> Option<Issue> {
    let (taken, otherwise) = if heading.named {
        ("for the names of the columns, and not for a row", "is a row, say `header: false` (`--header no`)")
    } else {
        ("for a row, and not for the names of the columns", "names columns, say `header: true` (`--header yes`)")
    };
    heading.guessed.then(|| {
        Issue::warning(
            "header_guessed",
            row,
            format!("the first line is taken {taken}, which is a guess: {}", heading.reason),
            format!("Look at the first line of the file. If it {otherwise} with the upload or the mapping."),
        )
    })
}

/// Names of columns, the first few, shortened.
fn listed(header: &[String]) -> Vec<String> {
    header.iter().take(LISTED).map(|column| shorten(column)).collect()
}
