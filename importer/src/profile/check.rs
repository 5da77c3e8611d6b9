//! Every fault of a profile, found on the tree before it becomes a [`super::Profile`].

use std::collections::BTreeMap;

use workbench_positions::{Faults, Member, Node, Place, Shape, Value, allowed, did_you_mean, nearest, needed};

use crate::Entity;
use crate::rows::{FieldKind, fields};

use super::compile::{Limit, kind_of, pattern};
use super::declaration::ValueType;
use super::path::{JsonRecords, json_steps, xml_record_path, xml_value_path};

/// Longest line that positions may describe, in characters.
const LONGEST_LINE: i64 = 100_000;

const FORMATS: &[&str] = &["csv", "fixed_width", "xml", "json"];
const ENTITIES: &[&str] = &["members", "clubs"];
const ENCODINGS: &[&str] = &["auto", "utf-8", "utf-16le", "utf-16be", "windows-1252", "iso-8859-1", "cp437"];
const TYPES: &[&str] = &["text", "date", "integer", "decimal", "enum", "email", "country"];
const PLAIN_TRANSFORMS: &[&str] = &["trim", "upper", "lower", "digits", "decimal_comma"];
const TRANSFORMS: &[&str] = &["trim", "upper", "lower", "digits", "decimal_comma", "date_order", "values"];
const DATE_ORDERS: &[&str] = &["dmy", "mdy", "ymd"];

const PROFILE: &[Member] = &[
    needed("name", Shape::Text),
    needed("version", Shape::Whole { from: 1, to: 1_000_000 }),
    needed("title", Shape::Text),
    needed("format", Shape::OneOf(FORMATS)),
    needed("entity", Shape::OneOf(ENTITIES)),
    needed("natural_key", Shape::Text),
    allowed("encoding", Shape::OneOf(ENCODINGS)),
    allowed("delimiter", Shape::Inner),
    allowed("header", Shape::Truth),
    allowed("skip_lines", Shape::Whole { from: 0, to: 1000 }),
    allowed("record_path", Shape::Text),
    allowed("namespaces", Shape::TextMap),
    needed("columns", Shape::List),
];

const COLUMN: &[Member] = &[
    needed("field", Shape::Text),
    allowed("source", Shape::Texts),
    allowed("position", Shape::Whole { from: 1, to: LONGEST_LINE }),
    allowed("length", Shape::Whole { from: 1, to: LONGEST_LINE }),
    allowed("type", Shape::OneOf(TYPES)),
    allowed("transforms", Shape::List),
    allowed("rules", Shape::Inner),
];

/// What a value may refer to.
const REFERENCES: &[&str] = &["clubs", "members"];

const RULES: &[Member] = &[
    allowed("required", Shape::Truth),
    allowed("unique", Shape::Truth),
    allowed("pattern", Shape::Text),
    allowed("min", Shape::Inner),
    allowed("max", Shape::Inner),
    allowed("enum", Shape::List),
    allowed("reference", Shape::OneOf(REFERENCES)),
];

/// Keys that belong to some formats only.
const KEYS_OF_FORMATS: [(&str, &[&str]); 5] = [
    ("delimiter", &["csv"]),
    ("header", &["csv"]),
    ("skip_lines", &["csv", "fixed_width"]),
    ("record_path", &["xml", "json"]),
    ("namespaces", &["xml"]),
];

/// All faults, in no particular order.
pub(super) fn check(root: &Node) -> Faults {
    let mut check = Check { found: Faults::default() };
    if check.mapping(root, "a profile", PROFILE) {
        check.profile(root);
    }
    check.found
}

struct Check {
    found: Faults,
}

impl Check {
    fn fault(&mut self, at: Place, code: &'static str, cause: impl Into<String>, suggestion: impl Into<String>) {
        self.found.add(at, code, cause, suggestion);
    }

    fn mapping(&mut self, node: &Node, what: &str, members: &[Member]) -> bool {
        self.found.mapping(node, what, members)
    }

    fn shape(&mut self, name: &str, node: &Node, shape: Shape) {
        self.found.shape(name, node, shape);
    }

    fn profile(&mut self, root: &Node) {
        if let Some((node, name)) = root.text_of("name")
            && !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        {
            let suggestion = "Use small letters, digits and `-`, such as `members-json`.";
            self.fault(node.at, "bad_name", format!("`{name}` cannot be a name"), suggestion);
        }
        let format = root.text_of("format").map(|(_, format)| format).filter(|format| FORMATS.contains(format));
        if let Some(format) = format {
            self.keys_of_format(root, format);
        }
        let namespaces = namespaces_of(root);
        if let (Some(format), Some((node, path))) = (format, root.text_of("record_path")) {
            let (result, example) = match format {
                "json" => {
                    (JsonRecords::parse(path).map(|_| ()), "Write `$`, `lines`, or a path such as `$.data.members`.")
                }
                "xml" => (
                    xml_record_path(path, &|prefix| namespaces.get(prefix).cloned()).map(|_| ()),
                    "Write the elements from the root, such as `/federation/members/member`.",
                ),
                _ => (Ok(()), ""),
            };
            if let Err(error) = result {
                self.fault(node.at, "bad_record_path", format!("`{path}` is no record path: {error}"), example);
            }
        }
        self.delimiter(root);
        self.columns(root, format, &namespaces);
    }

    /// Keys that make no sense in the format, and those that it cannot do without.
    fn keys_of_format(&mut self, root: &Node, format: &str) {
        let Value::Map(written) = &root.value else { return };
        for (name, at, _) in written {
            if let Some((_, formats)) = KEYS_OF_FORMATS.iter().find(|(key, _)| key == name)
                && !formats.contains(&format)
            {
                let cause = format!("`{name}` means nothing for `{format}`");
                self.fault(
                    *at,
                    "key_not_of_format",
                    cause,
                    format!("It belongs to {}; take it out.", formats.join(", ")),
                );
            }
        }
        if matches!(format, "xml" | "json") && root.get("record_path").is_none() {
            let cause = format!("a profile for {format} needs `record_path`");
            self.fault(root.at, "missing_key", cause, "Add the path of the records.");
        }
    }

    fn delimiter(&mut self, root: &Node) {
        let Some(node) = root.get("delimiter") else { return };
        let usable = node.text().is_some_and(|text| {
            matches!(text.as_bytes(), [byte] if byte.is_ascii() && !byte.is_ascii_alphanumeric() && !b"\"\r\n ".contains(byte))
        });
        if !usable {
            let suggestion = "Write one character in quotes, such as \";\" or \"\\t\".";
            self.fault(node.at, "bad_delimiter", "the delimiter is not one character that can separate", suggestion);
        }
    }

    fn columns(&mut self, root: &Node, format: Option<&str>, namespaces: &BTreeMap<String, String>) {
        let Some(columns) = root.get("columns") else { return };
        let Value::List(items) = &columns.value else { return };
        if items.is_empty() {
            self.fault(columns.at, "no_columns", "a profile needs at least one column", "Add a `- field: …`.");
            return;
        }
        let entity = match root.text_of("entity") {
            Some((_, "clubs")) => Entity::Clubs,
            _ => Entity::Members,
        };
        let known: Vec<&str> = fields::of(entity).iter().map(|spec| spec.name).collect();
        let mut seen: Vec<&str> = Vec::new();
        let mut slices: Vec<(i64, i64, Place, &str)> = Vec::new();
        let header = !matches!(root.get("header").map(|node| &node.value), Some(Value::Bool(false)));
        for column in items {
            if !self.mapping(column, "a column", COLUMN) {
                continue;
            }
            let field = column.text_of("field");
            if let Some((node, field)) = field {
                if seen.contains(&field) {
                    let suggestion = "Give several sources to one column: `source: [first, second]`.";
                    self.fault(node.at, "duplicate_field", format!("two columns fill `{field}`"), suggestion);
                }
                seen.push(field);
                self.field(node, field, column, entity, &known);
            }
            if let Some(format) = format {
                self.source(column, format, header, namespaces);
            }
            if format == Some("fixed_width")
                && let (Some(position), Some(length)) =
                    (column.get("position").and_then(Node::whole), column.get("length").and_then(Node::whole))
            {
                slices.push((position, position.saturating_add(length), column.at, field.map_or("", |(_, name)| name)));
            }
            self.transforms(column);
        }
        self.overlaps(slices);
        for spec in fields::of(entity).iter().filter(|spec| spec.required && !seen.contains(&spec.name)) {
            let cause = format!("no column fills `{}`, without which {entity} cannot be stored", spec.name);
            self.fault(columns.at, "field_missing", cause, format!("Add a column with `field: {}`.", spec.name));
        }
        if let Some((node, key)) = root.text_of("natural_key")
            && !seen.contains(&key)
        {
            let cause = format!("the natural key `{key}` is filled by no column");
            self.fault(node.at, "natural_key_unknown", cause, did_you_mean(key, &seen));
        }
    }

    fn overlaps(&mut self, mut slices: Vec<(i64, i64, Place, &str)>) {
        slices.sort_by_key(|(from, ..)| *from);
        for pair in slices.windows(2) {
            if let [(_, end, _, before), (from, _, at, after)] = pair
                && from < end
            {
                let cause =
                    format!("`{after}` starts at character {from}, inside `{before}`, which ends at {}", end - 1);
                self.fault(*at, "columns_overlap", cause, "Correct `position` or `length` of one of them.");
            }
        }
    }

    /// The field, its type and its rules, which must fit each other.
    fn field(&mut self, node: &Node, field: &str, column: &Node, entity: Entity, known: &[&str]) {
        let declared = column.text_of("type");
        let value_type = declared.and_then(|(_, name)| value_type(name));
        let own = !known.contains(&field);
        if own && column.get("type").is_none() {
            let suggestion = match nearest(field, known) {
                Some(near) => format!("Did you mean `{near}`? A field of your own needs a `type`."),
                None => format!("Use one of {}, or give the field a `type` to make it your own.", known.join(", ")),
            };
            self.fault(node.at, "unknown_field", format!("{entity} have no field `{field}`"), suggestion);
        }
        let allowed_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if own && !(field.bytes().all(allowed_name) && field.len() <= 64) {
            let suggestion = "Use at most 64 small letters, digits and `_`.";
            self.fault(node.at, "bad_name", format!("`{field}` cannot be the name of a field"), suggestion);
        }
        let kind = match kind_of(entity, field, value_type) {
            Ok(kind) => kind,
            Err(takes) => {
                let at = declared.map_or(node.at, |(node, _)| node.at);
                self.fault(
                    at,
                    "type_conflict",
                    format!("`{field}` is {takes}"),
                    "Leave `type` out; the field has its own.",
                );
                return;
            }
        };
        let Some(rules) = column.get("rules") else {
            if value_type == Some(ValueType::Enum) && own {
                self.fault(
                    column.at,
                    "missing_key",
                    "type `enum` needs `rules: enum`",
                    "Add `rules: { enum: [one, two] }`.",
                );
            }
            return;
        };
        if self.mapping(rules, "`rules`", RULES) {
            self.rules(rules, kind, value_type == Some(ValueType::Enum) && own);
            self.reference(rules, kind, entity);
        }
    }

    /// A reference leads to records of another kind: those of the same file are not known before the file has ended.
    fn reference(&mut self, rules: &Node, kind: FieldKind, entity: Entity) {
        let Some((node, target)) = rules.text_of("reference").filter(|(_, target)| REFERENCES.contains(target)) else {
            return;
        };
        if target == entity.as_str() {
            let cause = format!("{entity} cannot refer to {target}: the rows of a file are stored together");
            self.fault(node.at, "bad_reference", cause, "Refer to records that are imported before, such as clubs.");
        } else if !matches!(kind, FieldKind::Text | FieldKind::Key) {
            let cause = "a key is a text, and this field is of another type";
            self.fault(node.at, "bad_reference", cause, "Leave `reference` out, or make it a field of type `text`.");
        }
    }

    fn rules(&mut self, rules: &Node, kind: FieldKind, needs_enum: bool) {
        if let Some((node, text)) = rules.text_of("pattern")
            && let Err(error) = pattern(text)
        {
            let suggestion = "See the syntax of regular expressions of the Rust crate `regex`.";
            self.fault(node.at, "bad_pattern", format!("`{text}` is no regular expression: {error}"), suggestion);
        }
        if needs_enum && rules.get("enum").is_none() {
            self.fault(rules.at, "missing_key", "type `enum` needs `enum`", "Add `enum: [one, two]`.");
        }
        let mut folded: Vec<String> = Vec::new();
        if let Some(values) = rules.get("enum") {
            for item in values.items() {
                let Some(text) = item.text().filter(|text| !fields::fold(text).is_empty()) else {
                    self.fault(item.at, "wrong_type", "a value allowed must be a text", "Put it in quotes.");
                    continue;
                };
                if folded.contains(&fields::fold(text)) {
                    let cause = format!("`{text}` differs from another value in nothing that is compared");
                    self.fault(item.at, "duplicate_value", cause, "Keep one of them.");
                }
                folded.push(fields::fold(text));
            }
            if matches!(&values.value, Value::List(items) if items.is_empty()) {
                self.fault(values.at, "empty_list", "`enum` allows nothing", "List the values allowed.");
            }
        }
        let mut bounds = Vec::new();
        for name in ["min", "max"] {
            let Some(node) = rules.get(name) else { continue };
            let text = match &node.value {
                Value::Integer(number) => number.to_string(),
                Value::Float(number) => number.to_string(),
                Value::Text(text) => text.clone(),
                _ => String::new(),
            };
            match Limit::parse(kind, &text) {
                Ok(limit) => bounds.push((node.at, limit)),
                Err(expected) => {
                    let cause = format!("`{name}` cannot be {}", if text.is_empty() { "this" } else { &text });
                    self.fault(node.at, "bad_bound", cause, expected);
                }
            }
        }
        if let [(_, least), (at, greatest)] = bounds.as_slice()
            && least.exceeds(greatest)
        {
            self.fault(*at, "bad_bound", "`max` is less than `min`", "Exchange the two.");
        }
    }

    /// Where the value comes from, which each format says in its own way.
    fn source(&mut self, column: &Node, format: &str, header: bool, namespaces: &BTreeMap<String, String>) {
        let by_position = format == "fixed_width" || (format == "csv" && !header);
        let (wanted, unwanted): (&[&str], &[&str]) = match format {
            "fixed_width" => (&["position", "length"], &["source"]),
            "csv" if by_position => (&["position"], &["source", "length"]),
            _ => (&["source"], &["position", "length"]),
        };
        for name in wanted.iter().filter(|name| column.get(name).is_none()) {
            let cause = format!("a column of such a file needs `{name}`");
            self.fault(column.at, "missing_key", cause, format!("Add `{name}: …`."));
        }
        for name in unwanted {
            if let Some(node) = column.get(name) {
                let suggestion = format!("Use {} instead.", wanted.join(" and "));
                self.fault(node.at, "key_not_of_format", format!("`{name}` means nothing here"), suggestion);
            }
        }
        let Some(source) = column.get("source").filter(|_| !by_position) else { return };
        for node in std::iter::once(source).chain(source.items()) {
            let Some(text) = node.text().filter(|text| !text.trim().is_empty()) else { continue };
            let result = match format {
                "json" => json_steps(text).map(|_| ()),
                "xml" => xml_value_path(text, &|prefix| namespaces.get(prefix).cloned()).map(|_| ()),
                _ if fields::fold(text).is_empty() => Err("a header needs a letter or a digit".to_owned()),
                _ => Ok(()),
            };
            if let Err(error) = result {
                let suggestion = match format {
                    "json" => "Write keys with dots between them, such as `name.given`.",
                    "xml" => "Write elements below the record, such as `name/given`, `licence/@number` or `.`.",
                    _ => "Write the header as the file has it.",
                };
                self.fault(node.at, "bad_source", format!("`{text}` is no source: {error}"), suggestion);
            }
        }
    }

    fn transforms(&mut self, column: &Node) {
        let Some(transforms) = column.get("transforms") else { return };
        for item in transforms.items() {
            match &item.value {
                Value::Text(name) if PLAIN_TRANSFORMS.contains(&name.as_str()) => {}
                Value::Text(name) => {
                    self.fault(
                        item.at,
                        "unknown_value",
                        format!("there is no transform `{name}`"),
                        did_you_mean(name, TRANSFORMS),
                    );
                }
                Value::Map(members) => match members.as_slice() {
                    [(name, _, value)] if name == "date_order" => self.shape(name, value, Shape::OneOf(DATE_ORDERS)),
                    [(name, _, value)] if name == "values" => self.values(name, value),
                    _ => self.fault(
                        item.at,
                        "unknown_value",
                        "this is no transform",
                        "Write `date_order: dmy`, or `values: { H: M }`.",
                    ),
                },
                other => {
                    let cause = format!("a transform is a word or a mapping, not {}", other.describe());
                    self.fault(item.at, "wrong_type", cause, format!("Use {}.", TRANSFORMS.join(", ")));
                }
            }
        }
    }

    fn values(&mut self, name: &str, node: &Node) {
        self.shape(name, node, Shape::TextMap);
        let Value::Map(members) = &node.value else { return };
        let mut seen: Vec<String> = Vec::new();
        for (key, at, _) in members {
            let folded = fields::fold(key);
            let exact = members.iter().filter(|(other, ..)| other == key).count() > 1;
            if seen.contains(&folded) && !exact {
                let cause = format!("`{key}` differs from another spelling in nothing that is compared");
                self.fault(*at, "duplicate_value", cause, "Keep one of them.");
            }
            seen.push(folded);
        }
    }
}

fn namespaces_of(root: &Node) -> BTreeMap<String, String> {
    match root.get("namespaces").map(|node| &node.value) {
        Some(Value::Map(members)) => {
            members.iter().filter_map(|(prefix, _, node)| Some((prefix.clone(), node.text()?.to_owned()))).collect()
        }
        _ => BTreeMap::new(),
    }
}

fn value_type(name: &str) -> Option<ValueType> {
    Some(match name {
        "text" => ValueType::Text,
        "date" => ValueType::Date,
        "integer" => ValueType::Integer,
        "decimal" => ValueType::Decimal,
        "enum" => ValueType::Enum,
        "email" => ValueType::Email,
        "country" => ValueType::Country,
        _ => return None,
    })
}
