//! What is wrong with a profile, said to the person who wrote it.

use std::fmt;

use serde::Serialize;

/// One fault of a profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProfileFault {
    /// The file, as it was named.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
    /// The line's text.
    pub excerpt: String,
    /// Stable code, for example `unknown_key`.
    pub code: &'static str,
    /// What is wrong.
    pub cause: String,
    /// What would be right.
    pub suggestion: String,
}

impl fmt::Display for ProfileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, code, cause, suggestion, .. } = self;
        write!(f, "{file}:{line}:{column}: {cause} [{code}]. {suggestion}")
    }
}
