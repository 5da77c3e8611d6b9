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
        // A tab is as wide under the excerpt as in it.
        let before = usize::try_from(self.column.saturating_sub(1)).unwrap_or(0);
        let tabs = self.excerpt.chars().map(|c| if c == '\t' { '\t' } else { ' ' });
        let indent: String = tabs.chain(std::iter::repeat(' ')).take(before).collect();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_under_the_place() {
        let fault = Fault {
            file: "a.yaml".to_owned(),
            line: 12,
            column: 7,
            excerpt: "name:\tOne".to_owned(),
            code: "bad_name",
            cause: "`One` cannot be a name".to_owned(),
            suggestion: "Write `name: one`.".to_owned(),
        };
        let expected = "a.yaml:12:7: `One` cannot be a name [bad_name]\n   |\n12 | name:\tOne\n   |      \t^\n   = Write `name: one`.\n";
        assert_eq!(fault.to_string(), expected);
        assert_eq!(render(&[fault.clone(), fault]), format!("{expected}\n{expected}"));
    }
}
