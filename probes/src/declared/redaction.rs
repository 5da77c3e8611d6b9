//! Keeping secrets out of what a probe reports.

use serde_json::Value;

use super::template::percent_encode;

/// What stands where a secret stood.
const MASK: &str = "***";

/// Longest excerpt of an answer, in characters.
const EXCERPT: usize = 300;

/// An extracted text shorter than this is no secret; masking `1` everywhere would only make results unreadable.
const SHORTEST_EXTRACTED: usize = 6;

/// Parts of field names whose values are masked even where the value itself is not known to be secret, as with a
/// token that a failing step never got to extract.
const TELLING_NAMES: [&str; 8] =
    ["token", "secret", "password", "passwd", "authorization", "cookie", "api_key", "apikey"];

/// Knows the secrets of one attempt and takes them out of texts.
#[derive(Default)]
pub(super) struct Redaction {
    /// Longest first, so that a secret within another one does not leave the rest of it standing.
    secrets: Vec<String>,
}

impl Redaction {
    /// Masks `secret` from now on, also in the forms in which JSON and addresses write it.
    pub(super) fn learn(&mut self, secret: &str) {
        if secret.is_empty() {
            return;
        }
        let quoted = Value::from(secret).to_string();
        let in_json = quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(&quoted).to_owned();
        for form in [secret.to_owned(), in_json, percent_encode(secret)] {
            if !form.is_empty() && !self.secrets.contains(&form) {
                self.secrets.push(form);
            }
        }
        self.secrets.sort_by_key(|form| std::cmp::Reverse(form.len()));
    }

    /// Masks what a step extracted, unless it is too short to be a secret.
    pub(super) fn learn_extracted(&mut self, text: &str) {
        if text.chars().count() >= SHORTEST_EXTRACTED {
            self.learn(text);
        }
    }

    /// A text on one line, without secrets and not too long.
    pub(super) fn excerpt(&self, text: &str) -> String {
        let masked = self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, MASK));
        let line = masked.split_whitespace().collect::<Vec<_>>().join(" ");
        let line: String = line.chars().filter(|c| !c.is_control()).collect();
        match line.char_indices().nth(EXCERPT) {
            // The ellipsis takes the place of the last character.
            Some(_) => line.chars().take(EXCERPT - 1).chain(['…']).collect(),
            None => line,
        }
    }

    /// A JSON value as a text of the same kind, with the values of telling fields masked.
    pub(super) fn excerpt_json(&self, value: &Value) -> String {
        let mut value = value.clone();
        mask_telling_fields(&mut value);
        self.excerpt(&value.to_string())
    }
}

fn mask_telling_fields(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(mask_telling_fields),
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = name.to_lowercase();
                if TELLING_NAMES.iter().any(|telling| name.contains(telling)) {
                    *value = MASK.into();
                } else {
                    mask_telling_fields(value);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_is_masked_in_every_form_it_is_written_in() {
        let mut redaction = Redaction::default();
        redaction.learn("p\"ä ss");
        for text in ["p\"ä ss", r#"{"you sent":"p\"ä ss"}"#, "/x?p=p%22%C3%A4%20ss"] {
            let shown = redaction.excerpt(text);
            assert!(shown.contains(MASK) && !shown.contains("ss"), "{shown}");
        }
    }

    #[test]
    fn a_field_that_sounds_secret_is_masked_unknown_as_it_is() {
        let shown = Redaction::default().excerpt_json(&json!({"a": [{"access_token": "abc"}], "members": 3}));
        assert_eq!(shown, r#"{"a":[{"access_token":"***"}],"members":3}"#);
    }

    #[test]
    fn an_excerpt_is_one_short_line() {
        let shown = Redaction::default().excerpt(&"é\n\u{1b}[31m".repeat(400));
        assert_eq!(shown.chars().count(), EXCERPT);
        assert!(!shown.contains(char::is_control) && shown.ends_with('…'));
    }
}
