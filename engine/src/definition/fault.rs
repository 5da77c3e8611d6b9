//! What is wrong with a file, said to the person who wrote it.

use std::fmt;

use serde::Serialize;

/// One fault of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
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

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        let indent = " ".repeat(usize::try_from(self.column.saturating_sub(1)).unwrap_or(0));
        writeln!(f, "{}:{}:{}: {} [{}]", self.file, self.line, self.column, self.cause, self.code)?;
        writeln!(f, "{margin} |")?;
        writeln!(f, "{number} | {}", self.excerpt)?;
        writeln!(f, "{margin} | {indent}^")?;
        writeln!(f, "{margin} = {}", self.suggestion)
    }
}

/// Every fault, one after the other.
#[must_use]
pub fn render(faults: &[Fault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
