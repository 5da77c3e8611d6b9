//! Paths of records and values, as profiles write them.

/// Deepest path in a profile.
const MOST_STEPS: usize = 32;

/// Where the records of a JSON file are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum JsonRecords {
    /// At the root: the elements of an array, or one object per line.
    Root,
    /// One object per line.
    Lines,
    /// In an array below the root, behind these keys.
    Below(Vec<String>),
}

impl JsonRecords {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "$" => return Ok(Self::Root),
            "lines" => return Ok(Self::Lines),
            _ => {}
        }
        let rest = text.strip_prefix("$.").ok_or("it starts with neither `$` nor `lines`")?;
        json_steps(rest).map(Self::Below)
    }
}

/// The keys of a dotted path.
pub(crate) fn json_steps(text: &str) -> Result<Vec<String>, String> {
    let steps: Vec<String> = text.split('.').map(str::to_owned).collect();
    if steps.iter().any(|step| step.trim().is_empty() || step.contains(['[', ']', '*', '$'])) {
        return Err("between the dots there must be a key each time".to_owned());
    }
    if steps.len() > MOST_STEPS {
        return Err(format!("it has more than {MOST_STEPS} steps"));
    }
    Ok(steps)
}

/// A name in an XML path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct XmlName {
    /// The namespace that the name must be in; `None` for any or none.
    pub(crate) namespace: Option<String>,
    /// The name without its prefix; `*` stands for any.
    pub(crate) local: String,
}

/// The path of a value below its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct XmlValuePath {
    pub(crate) elements: Vec<XmlName>,
    pub(crate) attribute: Option<XmlName>,
}

/// Finds the namespace of a prefix.
type Namespaces<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The path of the elements that are records, from the root.
pub(crate) fn xml_record_path(text: &str, namespaces: Namespaces<'_>) -> Result<Vec<XmlName>, String> {
    let rest = text.strip_prefix('/').ok_or("it does not start with `/`")?;
    let names = rest.split('/').map(|step| xml_name(step, namespaces)).collect::<Result<Vec<_>, _>>()?;
    if names.len() > MOST_STEPS { Err(format!("it has more than {MOST_STEPS} steps")) } else { Ok(names) }
}

/// The path of a value, from its record.
pub(crate) fn xml_value_path(text: &str, namespaces: Namespaces<'_>) -> Result<XmlValuePath, String> {
    let mut path = XmlValuePath { elements: Vec::new(), attribute: None };
    if text == "." {
        return Ok(path);
    }
    let mut steps = text.split('/').peekable();
    while let Some(step) = steps.next() {
        if let Some(name) = step.strip_prefix('@') {
            if steps.peek().is_some() {
                return Err("an attribute must come last".to_owned());
            }
            path.attribute = Some(xml_name(name, namespaces)?);
        } else {
            path.elements.push(xml_name(step, namespaces)?);
        }
    }
    if path.elements.len() > MOST_STEPS { Err(format!("it has more than {MOST_STEPS} steps")) } else { Ok(path) }
}

fn xml_name(step: &str, namespaces: Namespaces<'_>) -> Result<XmlName, String> {
    let (prefix, local) = step.split_once(':').map_or((None, step), |(prefix, local)| (Some(prefix), local));
    let named = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-' | '.');
    if local != "*" && (local.is_empty() || !local.chars().all(named)) {
        return Err(format!("`{step}` is no name"));
    }
    let namespace = match prefix {
        None => None,
        Some(prefix) => Some(namespaces(prefix).ok_or_else(|| format!("`namespaces` does not have `{prefix}`"))?),
    };
    Ok(XmlName { namespace, local: local.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_paths_have_keys() {
        assert_eq!(JsonRecords::parse("$"), Ok(JsonRecords::Root));
        assert_eq!(JsonRecords::parse("lines"), Ok(JsonRecords::Lines));
        assert_eq!(JsonRecords::parse("$.a.b c"), Ok(JsonRecords::Below(vec!["a".into(), "b c".into()])));
        for wrong in ["", "members", "$.", "$.a..b", "$.a[0]", "$a", &format!("${}", ".a".repeat(33))] {
            assert!(JsonRecords::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn xml_paths_have_names_and_end_with_an_attribute() {
        let namespaces = |prefix: &str| (prefix == "f").then(|| "urn:f".to_owned());
        let name = |namespace: Option<&str>, local: &str| XmlName {
            namespace: namespace.map(str::to_owned),
            local: local.to_owned(),
        };
        assert_eq!(xml_record_path("/f:a/*", &namespaces), Ok(vec![name(Some("urn:f"), "a"), name(None, "*")]));
        let path = xml_value_path("a/f:b/@c", &namespaces).expect("a path");
        assert_eq!(path.elements, [name(None, "a"), name(Some("urn:f"), "b")]);
        assert_eq!(path.attribute, Some(name(None, "c")));
        assert!(xml_value_path(".", &namespaces).expect("the record's own text").elements.is_empty());
        for wrong in ["", "a", "/", "//a", "/g:a", "/a b", "/a/@b"] {
            assert!(xml_record_path(wrong, &namespaces).is_err(), "{wrong}");
        }
        for wrong in ["", "/a", "@a/b", "a//b", "@"] {
            assert!(xml_value_path(wrong, &namespaces).is_err(), "{wrong}");
        }
    }
}
