//! Texts with `{{variables}}` in them.

use serde_json::Value;

use super::variables::Variables;

/// A text in parts: what stands there, and what is filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable(String),
}

impl Template {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((name, after)) = after.split_once("}}") else {
                return Err(format!("`{text}` opens a variable with `{{{{` and does not close it"));
            };
            let name = name.trim();
            if !is_name(name) {
                return Err(format!("`{name}` in `{text}` is not the name of a variable"));
            }
            parts.extend([Part::Text(before.to_owned()), Part::Variable(name.to_owned())]);
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self { parts })
    }

    /// Names of the variables in it.
    pub(super) fn variables(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Variable(name) => Some(name.as_str()),
        })
    }

    /// Fills the variables in, each passed through `encode`.
    pub(super) fn render(&self, variables: &Variables, encode: impl Fn(&str) -> String) -> String {
        self.parts
            .iter()
            .map(|part| match part {
                Part::Text(text) => text.clone(),
                // The check of the declaration has made sure that it is known here.
                Part::Variable(name) => variables.get(name).map(|value| encode(value)).unwrap_or_default(),
            })
            .collect()
    }

    /// Whether what it comes to begins with a variable's value.
    pub(super) fn begins_with_variable(&self) -> bool {
        self.parts
            .iter()
            .find(|part| **part != Part::Text(String::new()))
            .is_some_and(|part| matches!(part, Part::Variable(_)))
    }
}

/// JSON whose texts are templates.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum JsonTemplate {
    Plain(Value),
    Text(Template),
    Array(Vec<JsonTemplate>),
    Object(Vec<(String, JsonTemplate)>),
}

impl JsonTemplate {
    pub(super) fn parse(value: Value) -> Result<Self, String> {
        match value {
            Value::String(text) => Template::parse(&text).map(Self::Text),
            Value::Array(items) => items.into_iter().map(Self::parse).collect::<Result<_, _>>().map(Self::Array),
            Value::Object(fields) => fields
                .into_iter()
                .map(|(name, value)| Self::parse(value).map(|value| (name, value)))
                .collect::<Result<_, _>>()
                .map(Self::Object),
            plain => Ok(Self::Plain(plain)),
        }
    }

    /// Names of the variables in it.
    pub(super) fn variables(&self) -> Vec<&str> {
        match self {
            Self::Plain(_) => Vec::new(),
            Self::Text(template) => template.variables().collect(),
            Self::Array(items) => items.iter().flat_map(Self::variables).collect(),
            Self::Object(fields) => fields.iter().flat_map(|(_, value)| value.variables()).collect(),
        }
    }

    /// Fills the variables in.
    pub(super) fn render(&self, variables: &Variables) -> Value {
        match self {
            Self::Plain(value) => value.clone(),
            Self::Text(template) => Value::String(template.render(variables, str::to_owned)),
            Self::Array(items) => items.iter().map(|item| item.render(variables)).collect(),
            Self::Object(fields) => {
                Value::Object(fields.iter().map(|(name, value)| (name.clone(), value.render(variables))).collect())
            }
        }
    }
}

/// Whether a text can name a variable: a letter or underscore, then letters, digits and underscores.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A value made fit for one segment of a path or for one part of a query.
pub(super) fn percent_encode(text: &str) -> String {
    // The form encoding of a query differs from that of a path only in how it writes a blank.
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn variables() -> Variables {
        [("token".to_owned(), "a b/\"c".to_owned())].into()
    }

    #[test]
    fn variables_are_filled_in_wherever_texts_stand() {
        let template = JsonTemplate::parse(json!({"a": ["x{{ token }}y", 1, null], "b": {"c": "{{token}}"}}))
            .expect("the templates are well-formed");
        assert_eq!(template.variables(), ["token", "token"]);
        assert_eq!(template.render(&variables()), json!({"a": ["xa b/\"cy", 1, null], "b": {"c": "a b/\"c"}}));
    }

    #[test]
    fn a_value_cannot_leave_its_place_in_a_path() {
        let template = Template::parse("/members/{{token}}?x=1").expect("the template is well-formed");
        assert_eq!(template.render(&variables(), percent_encode), "/members/a%20b%2F%22c?x=1");
    }

    #[test]
    fn an_unclosed_or_nameless_variable_is_a_fault() {
        assert!(Template::parse("{{token").is_err_and(|fault| fault.contains("does not close")));
        assert!(Template::parse("{{}}").is_err());
        assert!(Template::parse("{{a b}}").is_err());
    }
}
