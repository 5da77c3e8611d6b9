//! Faults.
/// A fault.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Fault { /// f
 pub file: String, /// l
 pub line: u32, /// c
 pub column: u32, /// e
 pub excerpt: String, /// c
 pub code: &'static str, /// c
 pub cause: String, /// s
 pub suggestion: String }
/// As text.
pub fn render(faults: &[Fault]) -> String { faults.iter().map(|f| format!("{}:{}:{}: {}\n", f.file, f.line, f.column, f.cause)).collect() }
