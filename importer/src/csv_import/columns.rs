//! What a column of a table is called by those who ask for a mapping: by its name, or by its place.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::rows::fields;

/// The columns of a table, found by name or place.
#[derive(Debug)]
pub(super) struct Columns<'a> {
    names: &'a [String],
    exact: HashMap<&'a str, Vec<usize>>,
    folded: HashMap<String, Vec<usize>>,
}

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meant {
    /// The column at this position, from 0.
    Column(usize),
    /// No column.
    Nothing,
    /// The columns at these positions, so that none of them can be chosen.
    Several(Vec<usize>),
}

impl<'a> Columns<'a> {
    pub(super) fn new(names: &'a [String]) -> Self {
        let mut columns = Self { names, exact: HashMap::new(), folded: HashMap::new() };
        for (position, name) in names.iter().enumerate() {
            columns.exact.entry(name.trim()).or_default().push(position);
            // Of a name that is punctuation alone nothing is left to compare.
            let folded = fields::fold(name);
            if !folded.is_empty() {
                columns.folded.entry(folded).or_default().push(position);
            }
        }
        columns
    }

    /// The column that a name means: by a number sign its place and nothing else, then a name as written, then folded,
    /// then `column 3`. A name that several columns have means none of them.
    pub(super) fn find(&self, name: &str) -> Meant {
        let name = name.trim();
        if let Some(place) = numbered(name) {
            return self.at(Some(place));
        }
        let by_name = self.exact.get(name).or_else(|| self.folded.get(&fields::fold(name)));
        match by_name.map(Vec::as_slice) {
            Some([only]) => Meant::Column(*only),
            Some(several) => Meant::Several(several.to_vec()),
            None => self.at(name.strip_prefix(PLACE).and_then(|place| place.parse().ok())),
        }
    }

    /// Whether a column is called so, apart from its place.
    pub(super) fn has_name(&self, name: &str) -> bool {
        let name = name.trim();
        numbered(name).is_none() && (self.exact.contains_key(name) || self.folded.contains_key(&fields::fold(name)))
    }

    /// The shortest way to call a column so that no other one is meant.
    pub(super) fn key(&self, position: usize) -> Cow<'a, str> {
        let name = self.names.get(position).map_or("", |name| name.trim());
        if !name.is_empty() && self.find(name) == Meant::Column(position) {
            return Cow::Borrowed(name);
        }
        Cow::Owned(by_number(position))
    }

    /// [`Self::key`] of every column.
    pub(super) fn keys(&self) -> impl Iterator<Item = Cow<'a, str>> {
        (0..self.names.len()).map(|position| self.key(position))
    }

    fn at(&self, place: Option<usize>) -> Meant {
        let in_range = place.filter(|place| (1..=self.names.len()).contains(place));
        in_range.map_or(Meant::Nothing, |place| Meant::Column(place - 1))
    }
}

/// In front of the number of a column that has no name.
const PLACE: &str = "column ";

/// What a column is called that has no name; places count from 1.
pub(super) fn by_place(place: usize) -> String {
    format!("{PLACE}{place}")
}

/// The place of the column at a position, in the notation that no name can take.
pub(super) fn by_number(position: usize) -> String {
    format!("#{}", position + 1)
}

/// Whether a name is one that a column has where no header gives it another.
pub(super) fn is_nameless(name: &str) -> bool {
    name.trim().strip_prefix(PLACE).is_some_and(|place| place.parse::<usize>().is_ok())
}

/// The place in `#3`.
fn numbered(name: &str) -> Option<usize> {
    let digits = name.strip_prefix('#').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(names: &[&str], name: &str) -> Meant {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        Columns::new(&names).find(name)
    }

    #[test]
    fn a_name_wins_over_a_place_and_a_number_sign_over_both() {
        let names = ["column 2", "column 1", "Namn", "#1", "3"];
        assert_eq!(find(&names, "column 2"), Meant::Column(0));
        assert_eq!(find(&names, "column 3"), Meant::Column(2));
        assert_eq!(find(&names, "namn"), Meant::Column(2));
        assert_eq!(find(&names, "#1"), Meant::Column(0));
        assert_eq!(find(&names, "#3"), Meant::Column(2));
        assert_eq!(find(&names, "3"), Meant::Column(4));
        for other in ["#0", "#6", "#99999999999999999999", "column 0", "column 6", "", "&"] {
            assert_eq!(find(&names, other), Meant::Nothing, "{other}");
        }
    }

    #[test]
    fn a_name_of_several_columns_means_none_of_them() {
        let names = ["a", "a", "Namn", "namn", "column 1", "Column 1"];
        assert_eq!(find(&names, "a"), Meant::Several(vec![0, 1]));
        assert_eq!(find(&names, "Namn"), Meant::Column(2));
        assert_eq!(find(&names, "NAMN"), Meant::Several(vec![2, 3]));
        assert_eq!(find(&names, "COLUMN 1"), Meant::Several(vec![4, 5]));
    }

    #[test]
    fn every_column_has_a_key_that_means_it_alone() {
        let names: Vec<String> =
            ["a", "a", "", " ", "#1", "column 1", "column 9", "A"].map(str::to_owned).into_iter().collect();
        let columns = Columns::new(&names);
        for position in 0..names.len() {
            assert_eq!(columns.find(&columns.key(position)), Meant::Column(position), "{position}");
        }
        assert_eq!(columns.key(5), "column 1");
        assert_eq!(columns.key(0), "#1");
    }
}
