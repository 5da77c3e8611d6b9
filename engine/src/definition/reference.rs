//! The language of workflow files as tables for people, made from their JSON Schema.

use std::collections::VecDeque;
use std::fmt::Write as _;

use serde_json::Value;

use super::schema::json_schema;

/// The tables, in Markdown: the workflow itself, then whatever it is made of, in the order in which it is met.
#[must_use]
pub fn reference() -> String {
    let schema = json_schema();
    let mut text = String::new();
    let mut met: Vec<String> = Vec::new();
    let mut waiting = VecDeque::from([("Workflow".to_owned(), schema.clone())]);
    while let Some((title, described)) = waiting.pop_front() {
        let _ = writeln!(text, "### {title}\n\n{}\n", one_line(&described["description"]));
        match described["oneOf"].as_array() {
            Some(words) => table_of_words(&mut text, words),
            None => table_of_keys(&mut text, &described),
        }
        text.push('\n');
        let properties = described["properties"].as_object();
        for name in properties.into_iter().flat_map(|keys| keys.values()).filter_map(referred) {
            if !met.iter().any(|known| known == name) {
                met.push(name.to_owned());
                waiting.push_back((heading(name), schema["$defs"][name].clone()));
            }
        }
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn table_of_words(text: &mut String, words: &[Value]) {
    text.push_str("| Word | Means |\n|---|---|\n");
    for word in words {
        let _ = writeln!(text, "| {} | {} |", code(&word["const"]), one_line(&word["description"]));
    }
}

fn table_of_keys(text: &mut String, described: &Value) {
    let needed: Vec<&str> = described["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    text.push_str("| Key | Is | If absent | Means |\n|---|---|---|---|\n");
    let keys = described["properties"].as_object();
    let keys = || keys.into_iter().flatten();
    let is_needed = |name: &str| needed.contains(&name);
    for (name, key) in keys().filter(|(name, _)| is_needed(name)).chain(keys().filter(|(name, _)| !is_needed(name))) {
        let absent = match &key["default"] {
            _ if is_needed(name) => "a fault".to_owned(),
            Value::Null => String::new(),
            // What a table cannot hold is told in words beside it.
            Value::Array(items) if items.iter().any(Value::is_object) => "see there".to_owned(),
            Value::Object(_) => "see there".to_owned(),
            Value::Array(items) => items.iter().map(code).collect::<Vec<_>>().join(", "),
            default => code(default),
        };
        let _ = writeln!(text, "| `{name}` | {} | {absent} | {} |", kind(key), one_line(&key["description"]));
    }
}

/// The definition that a key's values follow, if any.
fn referred(key: &Value) -> Option<&str> {
    let of_option = || key["anyOf"].as_array()?.iter().find_map(|one| one["$ref"].as_str());
    let path = key["$ref"].as_str().or_else(|| key["items"]["$ref"].as_str()).or_else(of_option)?;
    path.rsplit('/').next()
}

fn kind(key: &Value) -> String {
    let listed = key["type"] == "array";
    let one = match referred(key) {
        Some(name) => {
            format!("[{}](#{})", heading(name).to_lowercase(), heading(name).to_lowercase().replace(' ', "-"))
        }
        None if listed => plain(&key["items"]["type"]).to_owned(),
        None => plain(&key["type"]).to_owned(),
    };
    if listed { format!("list of {one}") } else { one }
}

fn plain(kind: &Value) -> &'static str {
    let name = kind.as_str().or_else(|| kind.as_array()?.iter().filter_map(Value::as_str).find(|name| *name != "null"));
    match name {
        Some("integer") => "whole number",
        Some("number") => "number",
        _ => "text",
    }
}

/// `StepJobName` is told as "Step job name", `StepDefinition` as "Step".
fn heading(name: &str) -> String {
    let mut text = String::new();
    for c in name.trim_end_matches("Definition").chars() {
        if c.is_uppercase() && !text.is_empty() {
            text.push(' ');
            text.extend(c.to_lowercase());
        } else {
            text.push(c);
        }
    }
    text
}

fn code(value: &Value) -> String {
    format!("`{}`", value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// A cell has no line breaks and no bars.
fn one_line(text: &Value) -> String {
    text.as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::{Known, load, render};

    const MANUAL: &str = include_str!("../../../docs/workflows.md");

    /// Replace the tables in the manual with what `workbench schema --markdown` prints.
    #[test]
    fn the_manual_carries_the_tables() {
        assert!(MANUAL.contains(&reference()), "{}", reference());
    }

    #[test]
    fn the_examples_of_the_manual_are_sound() {
        let examples: Vec<&str> =
            MANUAL.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
        assert!(examples.len() >= 3);
        for example in examples.into_iter().filter(|example| example.starts_with("name:")) {
            if let Err(faults) = load("the manual", example, &Known::default()) {
                panic!("{}", render(&faults));
            }
        }
    }
}
