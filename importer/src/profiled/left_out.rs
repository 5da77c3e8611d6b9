//! Remembers what a file has and its profile does not ask for, so that a name spelled wrong does not lose its values in
//! silence.

use std::collections::BTreeSet;

use crate::issue::{Issue, shorten};

/// Names remembered at most.
const MOST: usize = 200;

/// Names that go nowhere.
#[derive(Debug, Default)]
pub(super) struct LeftOut {
    names: BTreeSet<String>,
}

impl LeftOut {
    pub(super) fn note(&mut self, name: &str) {
        if self.names.len() < MOST && !self.names.contains(name) {
            self.names.insert(shorten(name));
        }
    }

    /// One warning for all of them.
    pub(super) fn issue(&self) -> Option<Issue> {
        let listed: Vec<&str> = self.names.iter().take(12).map(String::as_str).collect();
        let more = self.names.len().saturating_sub(listed.len());
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        (!self.names.is_empty()).then(|| {
            Issue::warning(
                "unmapped_column",
                0,
                format!("the profile has no column for {}{rest}", listed.join(", ")),
                "Add columns to the profile for those that matter; the others need no action.",
            )
            .value(&listed.join(", "))
        })
    }
}
