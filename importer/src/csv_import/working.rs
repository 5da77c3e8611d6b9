//! What becomes of the lines of a piece, as far as no other line has a say in it.

use std::borrow::Cow;
use std::sync::Arc;

use chrono::NaiveDate;

use super::lines::{Line, Piece};
use super::shape_issue;
use crate::failure::ReadError;
use crate::issue::Issue;
use crate::rows::{Cleaner, FieldSpec, RowRules, Values, WeighedRows, Written, trimmed};

/// The columns of a table and the rules for its rows.
pub(super) struct RowWork {
    header: Vec<String>,
    delimiter: u8,
    /// The columns that fill a field, by their place in a row, and how their values are written.
    columns: Vec<(usize, &'static FieldSpec, Written)>,
    today: NaiveDate,
    rules: Arc<RowRules>,
}

impl RowWork {
    pub(super) const fn new(
        header: Vec<String>,
        delimiter: u8,
        columns: Vec<(usize, &'static FieldSpec, Written)>,
        today: NaiveDate,
        rules: Arc<RowRules>,
    ) -> Self {
        Self { header, delimiter, columns, today, rules }
    }

    /// Cleans and weighs the rows of a piece.
    ///
    /// # Errors
    /// As of [`Piece::each_line`].
    pub(super) fn rows(&self, piece: &Piece) -> Result<WeighedRows, ReadError> {
        let mut rows = WeighedRows::default();
        let mut cells = Vec::with_capacity(self.columns.len());
        piece.each_line(|line| self.row(line, &mut cells, &mut rows))?;
        Ok(rows)
    }

    /// Cleans and weighs a row; `cells` is room for its values.
    fn row<'t>(&self, line: Line<'_, 't>, cells: &mut Vec<Option<Cow<'t, str>>>, out: &mut WeighedRows) {
        let row = line.number;
        if line.values.iter().all(|cell| trimmed(cell).is_empty()) {
            let issue = Issue::warning("row_blank", row, "the row has no values", "Nothing to do: the row is skipped.");
            return out.settle(row, vec![issue]);
        }
        // What is plain has no line breaks, in which rows could be swallowed.
        let is_sound = line.is_plain && line.count == self.header.len();
        let values = || line.values.iter().copied();
        if !is_sound && let Some(issue) = shape_issue(line.count, values(), self.header.len(), self.delimiter, row) {
            return out.settle(row, vec![issue]);
        }
        let mut cleaner = Cleaner::of_row(row, self.today, line.is_plain);
        cells.clear();
        for (place, spec, written) in &self.columns {
            let cell = line.values.get(*place).copied().unwrap_or_default();
            let column = self.header.get(*place).map_or(spec.name, String::as_str);
            cells.push(cleaner.clean_written(column, spec.kind, *written, cell));
        }
        self.rules.weigh(row, &Values { cells, are_plain: line.is_plain }, cleaner.into_issues(), out);
    }
}
