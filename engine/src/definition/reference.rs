//! The reference of workflow files, made from the types that they are read into.

use std::fmt::Write;

use serde_json::Value;

use super::json_schema;

/// What stands above the tables.
const HEAD: &str = "---\n\
title: { en: \"Workflow reference\", sv: \"Referens för arbetsflöden\", fr: \"Référence des workflows\" }\n\
summary:\n  \
  en: \"Every key of a workflow file, what it means and what it defaults to.\"\n  \
  sv: \"Varje nyckel i en arbetsflödesfil, vad den betyder och dess standardvärde.\"\n  \
  fr: \"Chaque clé d'un fichier de workflow, son sens et sa valeur par défaut.\"\n\
---\n\
# Workflow reference\n\n\
A workflow is a YAML file. `workbench check FILE` finds every fault in it and says where; `workbench schema` prints the same as a JSON\n\
Schema for editors. `workbench reference` prints this page.\n";

/// The reference as Markdown, with front matter.
#[must_use]
pub fn reference() -> String {
    let schema = json_schema();
    let mut page = HEAD.to_owned();
    section(&mut page, "The file", &schema);
    for (name, definition) in schema["$defs"].as_object().into_iter().flatten() {
        section(&mut page, name, definition);
    }
    page
}

fn section(page: &mut String, name: &str, schema: &Value) {
    let _ = write!(page, "\n## {name}\n\n{}\n", said(schema));
    if let Some(members) = schema["properties"].as_object() {
        page.push_str("\n| Key | Value | Meaning |\n|---|---|---|\n");
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        for (key, member) in members {
            let needed = if required.contains(&Value::from(key.as_str())) { ", required" } else { "" };
            let _ = writeln!(page, "| `{key}` | {}{needed} | {} |", kind(member), cell(member));
        }
    }
    let choices: Vec<&Value> = schema["oneOf"].as_array().into_iter().flatten().collect();
    if choices.iter().any(|choice| choice["const"].is_string()) {
        page.push_str("\n| Value | Meaning |\n|---|---|\n");
        for choice in choices {
            let _ = writeln!(page, "| `{}` | {} |", choice["const"].as_str().unwrap_or_default(), cell(choice));
        }
    }
}

fn said(schema: &Value) -> &str {
    schema["description"].as_str().unwrap_or_default()
}

/// A description and a default within a table.
fn cell(schema: &Value) -> String {
    let words = said(schema).split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
    match schema.get("default").filter(|value| !value.is_null() && !value.is_array() && !value.is_object()) {
        Some(default) => format!("{words} `{default}` where absent."),
        None => words,
    }
}

/// What a value is, with a link to what describes it.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(any) = schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array()) {
        let all: Vec<String> = any.iter().filter(|one| one["type"] != "null").map(kind).collect();
        return all.join(" or ");
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(all) => all.iter().filter_map(Value::as_str).filter(|one| *one != "null").collect(),
        _ => Vec::new(),
    };
    match types[..] {
        ["array"] => format!("list of {}", kind(&schema["items"])),
        ["string"] => "text".to_owned(),
        ["integer" | "number"] => "number".to_owned(),
        ["boolean"] => "`true` or `false`".to_owned(),
        _ => types.join(" or "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Regenerate with `workbench reference > docs/engineering/operator-manual/workflow-reference.md`.
    #[test]
    fn the_committed_reference_is_current() {
        let committed = include_str!("../../../docs/engineering/operator-manual/workflow-reference.md");
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(lines(committed), lines(&reference()));
    }
}
