//! How large an expression in a definition may be, whatever it means.

/// Longest expression, in characters.
pub const LONGEST_EXPRESSION: usize = 1000;

/// Deepest nesting of brackets in an expression.
pub const DEEPEST_NESTING: usize = 24;

/// Loops within loops: each multiplies the time of an evaluation by the length of a list.
const DEEPEST_LOOPS: usize = 2;

/// What CEL calls its loops over lists.
const LOOPS: [&str; 5] = ["all", "exists", "exists_one", "filter", "map"];

/// Whether an expression is too long, nested too deeply or looping too deeply to be read and evaluated safely: CEL's
/// parser and interpreter call themselves for every bracket and operator.
///
/// Brackets in quoted text count too: the bounds are far from what anybody writes.
#[must_use]
pub fn is_too_large(expression: &str) -> bool {
    let mut open = Vec::new();
    let mut deepest = (0, 0);
    for (at, c) in expression.char_indices() {
        match c {
            '(' | '[' | '{' => open.push(c == '(' && is_loop(&expression[..at])),
            ')' | ']' | '}' => drop(open.pop()),
            _ => continue,
        }
        let loops = open.iter().filter(|is_loop| **is_loop).count();
        deepest = (deepest.0.max(open.len()), deepest.1.max(loops));
    }
    deepest.0 > DEEPEST_NESTING || deepest.1 > DEEPEST_LOOPS || expression.chars().count() > LONGEST_EXPRESSION
}

fn is_loop(before: &str) -> bool {
    let before = before.trim_end();
    let called = before.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default();
    LOOPS.contains(&called)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_in_loops_in_loops_are_too_large() {
        assert!(!is_too_large("body.rows.all(row, row.cells.exists(cell, cell > 0))"));
        assert!(!is_too_large("a.all(x, x > 0) && b.all(x, x > 0) && c.all(x, x > 0)"));
        assert!(is_too_large("a.all(x, b.all(y, c.exists (z, x > y + z)))"));
        assert!(is_too_large(&"(".repeat(DEEPEST_NESTING + 1)));
        assert!(is_too_large(&"é".repeat(LONGEST_EXPRESSION + 1)));
        assert!(!is_too_large(&"é".repeat(LONGEST_EXPRESSION)));
    }
}
