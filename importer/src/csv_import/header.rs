//! Decides whether the first line of a table names its columns.

use csv::StringRecord;

use crate::import::Options;
use crate::rows::fields;

/// A table as far as its head shows it.
#[derive(Debug)]
pub(super) struct Table {
    /// Names of the columns: the header, else `column 1`, `column 2` and so on.
    pub(super) columns: Vec<String>,
    /// Whether the first line names the columns.
    pub(super) named: bool,
    /// Some rows, without the header.
    pub(super) rows: Vec<StringRecord>,
}

impl Table {
    /// Looks whether the first line names columns; `rows` begins with it.
    pub(super) fn new(first: &StringRecord, rows: Vec<StringRecord>, options: &Options) -> Self {
        let cells: Vec<String> = first.iter().map(|cell| cell.trim().to_owned()).collect();
        let named = names_columns(&cells, options);
        let rows = rows.into_iter().skip(usize::from(named)).filter(|row| row.len() == cells.len()).collect();
        let columns = if named { cells } else { (1..=cells.len()).map(by_place).collect() };
        Self { columns, named, rows }
    }

    pub(super) fn values(&self, position: usize) -> Vec<&str> {
        self.rows.iter().filter_map(|row| row.get(position)).collect()
    }
}

/// What a column is called that has no name.
fn by_place(place: usize) -> String {
    format!("column {place}")
}

/// Whether the cells of the first line are names of columns: one of them is known or asked for, or none looks like a value.
fn names_columns(cells: &[String], options: &Options) -> bool {
    if let Some(previewed) = &options.earlier.previewed {
        return previewed.iter().map(|column| &column.column).eq(cells);
    }
    let asked = |cell: &String| options.mapping.keys().any(|name| name.trim() == cell);
    let confirmed = || options.earlier.confirmed.iter().any(|earlier| earlier.is_of(cells));
    cells.iter().any(|cell| fields::is_known_name(cell) || asked(cell))
        || confirmed()
        || !cells.iter().any(|cell| looks_like_data(cell))
}

/// Names of columns hold no e-mail addresses and do not start with a digit.
fn looks_like_data(cell: &str) -> bool {
    cell.contains('@') || cell.starts_with(|first: char| first.is_ascii_digit())
}
