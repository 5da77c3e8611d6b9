//! What the values of a mapping must be, and the faults of those that are not.

use crate::suggestion::did_you_mean;
use crate::tree::{Node, Place, Value};

/// A fault and where it is; the file is added by [`crate::Document`].
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) at: Place,
    pub(crate) code: &'static str,
    pub(crate) cause: String,
    pub(crate) suggestion: String,
}

/// What a member of a mapping must be.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// A text that is not blank.
    Text,
    /// `true` or `false`.
    Truth,
    /// A whole number between two others, both included.
    Whole {
        /// The smallest.
        from: i64,
        /// The largest.
        to: i64,
    },
    /// Any number between two others, both included.
    Number {
        /// The smallest.
        from: f64,
        /// The largest.
        to: f64,
    },
    /// A span of time.
    Duration {
        /// Whether a text is one.
        accepts: fn(&str) -> bool,
        /// Examples for people.
        such_as: &'static str,
    },
    /// One of some words.
    OneOf(&'static [&'static str]),
    /// A list of texts.
    TextList,
    /// A text or a list of at least one.
    Texts,
    /// A mapping from texts to texts.
    TextMap,
    /// A list whose elements are checked where they are used.
    List,
    /// Checked where it is used.
    Inner,
}

/// A member that a mapping may have.
#[derive(Debug, Clone, Copy)]
pub struct Member {
    name: &'static str,
    required: bool,
    shape: Shape,
}

/// A member that a mapping must have.
#[must_use]
pub const fn needed(name: &'static str, shape: Shape) -> Member {
    Member { name, required: true, shape }
}

/// A member that a mapping may have.
#[must_use]
pub const fn allowed(name: &'static str, shape: Shape) -> Member {
    Member { name, required: false, shape }
}

/// The faults of a text, as they are found.
#[derive(Debug, Default)]
pub struct Faults {
    found: Vec<Found>,
}

impl Faults {
    /// Adds one.
    pub fn add(&mut self, at: Place, code: &'static str, cause: impl Into<String>, suggestion: impl Into<String>) {
        self.found.push(Found { at, code, cause: cause.into(), suggestion: suggestion.into() });
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// In order of place; of one place, as they were found.
    pub(crate) fn into_ordered(mut self) -> Vec<Found> {
        self.found.sort_by_key(|found| (found.at.line, found.at.column));
        self.found
    }

    /// Checks keys and the shape of simple values. Whether it is a mapping at all.
    pub fn mapping(&mut self, node: &Node, what: &str, members: &[Member]) -> bool {
        let names: Vec<&str> = members.iter().map(|member| member.name).collect();
        let Value::Map(written) = &node.value else {
            let required: Vec<&str> =
                members.iter().filter(|member| member.required).map(|member| member.name).collect();
            let shown = if required.is_empty() { names } else { required };
            self.add(
                node.at,
                "wrong_type",
                format!("{what} must be a mapping, not {}", node.value.describe()),
                format!("Write it with the keys {}.", shown.join(", ")),
            );
            return false;
        };
        self.repeated(written);
        for (name, at, value) in written {
            match members.iter().find(|member| member.name == name) {
                Some(member) => self.shape(name, value, member.shape),
                None => self.add(*at, "unknown_key", format!("{what} has no `{name}`"), did_you_mean(name, &names)),
            }
        }
        let is_written = |member: &Member| written.iter().any(|(name, ..)| name == member.name);
        for member in members.iter().filter(|member| member.required && !is_written(member)) {
            let cause = format!("{what} needs `{}`", member.name);
            self.add(node.at, "missing_key", cause, format!("Add `{}: …`.", member.name));
        }
        true
    }

    fn repeated(&mut self, members: &[(String, Place, Node)]) {
        for (position, (name, at, _)) in members.iter().enumerate() {
            if members.iter().take(position).any(|(other, ..)| other == name) {
                self.add(*at, "duplicate_key", format!("`{name}` stands here twice"), "Keep one of them.");
            }
        }
    }

    /// Checks the shape of the value of the member `name`.
    pub fn shape(&mut self, name: &str, node: &Node, shape: Shape) {
        let wrong = |expected: &str| format!("`{name}` must be {expected}, not {}", node.value.describe());
        match (shape, &node.value) {
            (Shape::Inner, _) | (Shape::List, Value::List(_)) | (Shape::Truth, Value::Bool(_)) => {}
            (Shape::Text | Shape::Texts, Value::Text(text)) if !text.trim().is_empty() => {}
            (Shape::Text | Shape::Texts, Value::Text(_) | Value::Null) => {
                self.add(node.at, "empty_text", format!("`{name}` is empty"), format!("Write a text for `{name}`."));
            }
            (Shape::Texts | Shape::TextList, Value::List(items)) => {
                let blank = matches!(shape, Shape::Texts);
                for item in items.iter().filter(|item| item.text().is_none_or(|text| blank && text.trim().is_empty())) {
                    let cause = format!("`{name}` lists texts, not {}", item.value.describe());
                    self.add(item.at, "wrong_type", cause, "Write a text, in quotes where it looks like a number.");
                }
                if blank && items.is_empty() {
                    self.add(node.at, "empty_text", format!("`{name}` is empty"), "Write at least one text.");
                }
            }
            (Shape::Text, _) => {
                self.add(node.at, "wrong_type", wrong("a text"), format!("Put the value of `{name}` in quotes."));
            }
            (Shape::Texts, _) => {
                self.add(node.at, "wrong_type", wrong("a text or a list of texts"), "Put the value in quotes.");
            }
            (Shape::TextList, _) => {
                self.add(node.at, "wrong_type", wrong("a list"), format!("Write `{name}: [one, another]`."));
            }
            (Shape::TextMap, Value::Map(members)) => {
                for (key, _, value) in members.iter().filter(|(.., value)| value.text().is_none()) {
                    let cause = format!("`{key}` must stand for a text, not {}", value.value.describe());
                    self.add(value.at, "wrong_type", cause, "Put the value in quotes.");
                }
                self.repeated(members);
            }
            (Shape::TextMap, _) => {
                self.add(node.at, "wrong_type", wrong("a mapping"), format!("Write `{name}: {{ one: two }}`."));
            }
            (Shape::Truth, _) => {
                self.add(node.at, "wrong_type", wrong("true or false"), "Write true or false, without quotes.");
            }
            (Shape::List, _) => {
                let suggestion = format!("Write `{name}:` and below it each element after a dash.");
                self.add(node.at, "wrong_type", wrong("a list"), suggestion);
            }
            (Shape::Whole { from, to }, value) => {
                let fits = match value {
                    Value::Integer(number) => Some((from..=to).contains(number)),
                    _ => None,
                };
                self.number(name, node, "a whole number", fits, &format!("from {from} to {to}"));
            }
            (Shape::Number { from, to }, value) => {
                let fits = match value {
                    #[allow(clippy::cast_precision_loss, reason = "only compared with small bounds")]
                    Value::Integer(number) => Some((from..=to).contains(&(*number as f64))),
                    Value::Float(number) => Some((from..=to).contains(number)),
                    _ => None,
                };
                self.number(name, node, "a number", fits, &format!("from {from} to {to}"));
            }
            (Shape::Duration { accepts, .. }, Value::Text(text)) if accepts(text) => {}
            (Shape::Duration { such_as, .. }, Value::Text(text)) => {
                let suggestion = format!("Write one such as {such_as}.");
                self.add(node.at, "bad_duration", format!("`{text}` is no duration"), suggestion);
            }
            (Shape::Duration { such_as, .. }, _) => {
                let suggestion = format!("Write a number with its unit: {such_as}.");
                self.add(node.at, "bad_duration", wrong("a duration"), suggestion);
            }
            (Shape::OneOf(words), Value::Text(text)) if words.contains(&text.as_str()) => {}
            (Shape::OneOf(words), Value::Text(text)) => {
                self.add(node.at, "unknown_value", format!("`{name}` cannot be `{text}`"), did_you_mean(text, words));
            }
            (Shape::OneOf(words), _) => {
                self.add(node.at, "wrong_type", wrong("a word"), format!("Use one of {}.", words.join(", ")));
            }
        }
    }

    /// `fits` is absent where the value is not of the kind.
    fn number(&mut self, name: &str, node: &Node, kind: &str, fits: Option<bool>, range: &str) {
        let suggestion = format!("Use {kind} {range}.");
        match (fits, &node.value) {
            (Some(true), _) => {}
            (Some(false), Value::Integer(number)) => {
                self.add(node.at, "out_of_range", format!("`{name}` is {number}"), suggestion);
            }
            (Some(false), Value::Float(number)) => {
                self.add(node.at, "out_of_range", format!("`{name}` is {number}"), suggestion);
            }
            (_, value) => {
                let cause = format!("`{name}` must be {kind}, not {}", value.describe());
                self.add(node.at, "wrong_type", cause, suggestion);
            }
        }
    }
}
