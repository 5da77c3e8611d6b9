//! Remembers which objects of a dimension (cost centres, projects) a file declares and uses.

use std::collections::{HashMap, HashSet};

use super::notation::Notation;
use crate::issue::{Issue, shorten};
use crate::key_memory::key_hash;
use crate::sie::MAX_REMEMBERED;

/// Objects remembered as declared at most.
const MAX_DECLARED: usize = 200_000;

/// Objects declared, and objects used before or without that.
#[derive(Debug, Default)]
pub(in crate::sie) struct Objects {
    declared: HashSet<u64>,
    undeclared: HashMap<(String, String), u64>,
}

impl Objects {
    /// Declares an object of a dimension.
    pub(in crate::sie) fn declare(&mut self, dimension: &str, number: &str) {
        if self.declared.len() < MAX_DECLARED {
            self.declared.insert(key_hash((dimension, number)));
        }
        self.undeclared.remove(&(dimension.to_owned(), number.to_owned()));
    }

    /// Notes that a record uses the objects of a list, given as pairs of dimension and object.
    pub(in crate::sie) fn note_use(&mut self, row: u64, items: &[String]) {
        for pair in items.chunks_exact(2) {
            let [dimension, number] = pair else { continue };
            let known = self.declared.contains(&key_hash((dimension.as_str(), number.as_str())));
            if !known && self.undeclared.len() < MAX_REMEMBERED {
                self.undeclared.entry((shorten(dimension), shorten(number))).or_insert(row);
            }
        }
    }

    /// Objects used and never declared, in order of first use; none when the file declares no object at all.
    pub(in crate::sie) fn undeclared_issues(&self, notation: &Notation) -> Vec<Issue> {
        // A memory that is full would call declared objects undeclared.
        if self.declared.is_empty() || self.declared.len() >= MAX_DECLARED {
            return Vec::new();
        }
        let mut uses: Vec<_> = self.undeclared.iter().collect();
        uses.sort_unstable_by_key(|(object, row)| (*row, *object));
        let issue = |((dimension, number), row): (&(String, String), &u64)| {
            Issue::warning(
                "object_undeclared",
                *row,
                format!("object {number} of dimension {dimension} is used and not declared"),
                format!("The amounts are kept; declare the object ({}).", notation.object),
            )
            .column(notation.object)
            .value(number)
        };
        uses.into_iter().map(issue).collect()
    }
}
