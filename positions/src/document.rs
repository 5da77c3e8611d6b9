//! A text, by the name under which people know it.

use serde::de::DeserializeOwned;
use serde_saphyr::{MessageFormatter, UserMessageFormatter};

use crate::fault::Fault;
use crate::shape::Faults;
use crate::tree::{self, Node, Place};

/// A text to be read, and how faults name it.
#[derive(Debug, Clone, Copy)]
pub struct Document<'a> {
    file: &'a str,
    text: &'a str,
    example: &'a str,
}

impl<'a> Document<'a> {
    /// `file` names the text in messages; `example` says what to compare a text with that cannot be read at all, for
    /// example `a shipped workflow`.
    #[must_use]
    pub const fn new(file: &'a str, text: &'a str, example: &'a str) -> Self {
        Self { file, text, example }
    }

    /// The text as a tree. What a check can say better, such as a key that stands twice, is let through.
    ///
    /// # Errors
    /// The one fault that kept it from being YAML.
    pub fn tree(&self) -> Result<Node, Vec<Fault>> {
        tree::read(self.text).map_err(|error| vec![self.unreadable(&error, "yaml")])
    }

    /// The text as the types of its language, once its tree was found sound.
    ///
    /// # Errors
    /// The one value that those types do not accept.
    pub fn typed<T: DeserializeOwned>(&self) -> Result<T, Vec<Fault>> {
        serde_saphyr::from_str(self.text).map_err(|error| vec![self.unreadable(&error, "invalid_value")])
    }

    /// A fault at a place of the text.
    #[must_use]
    pub fn fault(&self, at: Place, code: &'static str, cause: String, suggestion: String) -> Fault {
        let index = usize::try_from(at.line.saturating_sub(1)).unwrap_or(usize::MAX);
        let excerpt = self.text.lines().nth(index).unwrap_or_default().to_owned();
        Fault { file: self.file.to_owned(), line: at.line, column: at.column, excerpt, code, cause, suggestion }
    }

    /// What a check found, in order of place.
    ///
    /// # Errors
    /// The faults, where there are any.
    pub fn sound(&self, found: Faults) -> Result<(), Vec<Fault>> {
        let faults = found.into_ordered();
        if faults.is_empty() {
            return Ok(());
        }
        Err(faults.into_iter().map(|one| self.fault(one.at, one.code, one.cause, one.suggestion)).collect())
    }

    fn unreadable(&self, error: &serde_saphyr::Error, code: &'static str) -> Fault {
        let location = error.location();
        let from_one = |number: Option<u64>| number.and_then(|number| u32::try_from(number).ok()).unwrap_or(1).max(1);
        let at = Place {
            line: from_one(location.map(|location| location.line())),
            column: from_one(location.map(|location| location.column())),
        };
        // The place is told beside the message, so the message must not repeat it.
        let cause = UserMessageFormatter.format_message(error.without_snippet());
        let cause = cause.lines().next().unwrap_or("the text cannot be read").to_owned();
        self.fault(at, code, cause, format!("Compare with {}.", self.example))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn document(text: &str) -> Document<'_> {
        Document::new("a.yaml", text, "a shipped workflow")
    }

    #[test]
    fn what_is_no_yaml_has_one_fault_with_its_place() {
        let faults = document("one: 1\ntwo: [").tree().expect_err("no end");
        assert_eq!((faults.len(), faults[0].line, faults[0].code), (1, 2, "yaml"));
        assert_eq!(faults[0].suggestion, "Compare with a shipped workflow.");
    }

    #[test]
    fn depth_is_bounded() {
        let deep = "[".repeat(10_000) + &"]".repeat(10_000);
        assert_eq!(document(&deep).tree().expect_err("far too deep")[0].code, "yaml");
    }

    #[test]
    fn every_value_and_key_has_its_place() {
        let root = document("one: [1, yes]\ntwo:\n  three: x\n").tree().expect("it is YAML");
        let (name, at, two) = &root.members()[1];
        assert_eq!((name.as_str(), *at), ("two", Place { line: 2, column: 1 }));
        assert_eq!(
            two.text_of("three").map(|(node, text)| (node.at, text)),
            Some((Place { line: 3, column: 10 }, "x"))
        );
        assert_eq!(root.get("one").map(|one| one.items()[0].at), Some(Place { line: 1, column: 7 }));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "[ -~\n]{0,200}") {
            let _ = document(&text).tree();
        }
    }
}
