//! What is asked for about the columns of a table, and how that is kept.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Where columns are to go, and whether the first line names them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Kept", into = "Kept")]
pub struct AskedMapping {
    /// Columns by what the request calls them, each with its field; an empty field leaves the column out.
    pub columns: BTreeMap<String, String>,
    /// Whether the first line names the columns; found out where nobody says so.
    pub header: Option<bool>,
}

/// As it is written: without a word about the header as it always was. A column may be called `columns`, but then a text
/// stands behind it.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Kept {
    WithHeader { columns: BTreeMap<String, String>, header: bool },
    Columns(BTreeMap<String, String>),
}

impl From<Kept> for AskedMapping {
    fn from(kept: Kept) -> Self {
        match kept {
            Kept::WithHeader { columns, header } => Self { columns, header: Some(header) },
            Kept::Columns(columns) => columns.into(),
        }
    }
}

impl From<AskedMapping> for Kept {
    fn from(AskedMapping { columns, header }: AskedMapping) -> Self {
        match header {
            Some(header) => Self::WithHeader { columns, header },
            None => Self::Columns(columns),
        }
    }
}

impl From<BTreeMap<String, String>> for AskedMapping {
    fn from(columns: BTreeMap<String, String>) -> Self {
        Self { columns, header: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_is_read_back_and_what_was_kept_before_is_still_read() {
        let columns = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), "club".to_owned())).collect();
        for names in [&[][..], &["Klubb"], &["columns", "header"]] {
            for header in [None, Some(true), Some(false)] {
                let asked = AskedMapping { columns: columns(names), header };
                let text = serde_json::to_string(&asked).expect("an object");
                assert_eq!(serde_json::from_str::<AskedMapping>(&text).expect("the same"), asked, "{text}");
            }
        }
        let before: AskedMapping = serde_json::from_str(r#"{"Klubb":"club"}"#).expect("an object of texts");
        assert_eq!(before, AskedMapping { columns: columns(&["Klubb"]), header: None });
    }
}
