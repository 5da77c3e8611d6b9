//! What a row becomes: a kind, a natural key and fields, ready to be upserted.

use std::borrow::Cow;
use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::issue::RowIdentity;
use crate::json::{write_inside, write_text};

/// The kind of a stored record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordKind {
    /// A licence holder; key: licence number.
    Member,
    /// A club; key: club number.
    Club,
    /// A ledger account; key: account number.
    Account,
    /// A dimension that objects belong to; key: dimension number.
    Dimension,
    /// A cost centre, project or other object; key: `dimension:object`.
    Object,
    /// An opening, closing or period balance; key: `label:year:[period:]account[:objects]`.
    Balance,
    /// A licence of one season; key: `licence_number:season`.
    Licence,
    /// A move to another club; key: `licence_number:effective_on:to_club`.
    Transfer,
    /// A place in a ranking; key: `ranking:period:licence_number`.
    Ranking,
    /// A voucher with its transactions; key: `fiscal-year-start:series:number`.
    Voucher,
}

impl RecordKind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Member,
        Self::Club,
        Self::Account,
        Self::Dimension,
        Self::Object,
        Self::Balance,
        Self::Voucher,
        Self::Licence,
        Self::Transfer,
        Self::Ranking,
    ];

    /// What a row of an entity becomes; a ledger has no rows of one kind.
    pub(crate) const fn of_rows(entity: crate::Entity) -> Self {
        match entity {
            crate::Entity::Members | crate::Entity::Ledger => Self::Member,
            crate::Entity::Clubs => Self::Club,
            crate::Entity::Licences => Self::Licence,
            crate::Entity::Transfers => Self::Transfer,
            crate::Entity::Rankings => Self::Ranking,
        }
    }

    /// The stable lower-case name, the same as in JSON and in stored rows.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Club => "club",
            Self::Account => "account",
            Self::Dimension => "dimension",
            Self::Object => "object",
            Self::Balance => "balance",
            Self::Voucher => "voucher",
            Self::Licence => "licence",
            Self::Transfer => "transfer",
            Self::Ranking => "ranking",
        }
    }
}

impl fmt::Display for RecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for RecordKind {
    type Err = crate::UnknownName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name).ok_or_else(|| {
            crate::UnknownName::new(
                "record kind",
                name,
                "member, club, account, dimension, object, balance, voucher, licence, transfer, ranking",
            )
        })
    }
}

/// One record to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What it is.
    pub kind: RecordKind,
    /// The natural key, unique within a tenant and a kind: importing it again replaces the record.
    pub key: String,
    /// Line in the file where the record starts, counted from 1; in a JSON array or an XML file, which may be all on one
    /// line, the number of the record.
    pub row: u64,
    /// The fields.
    pub fields: Fields,
}

impl Record {
    /// What [`crate::Issue::row_key`] is of a finding about its row.
    #[must_use]
    pub fn row_key(&self) -> i64 {
        RowIdentity::Key(&self.key).hash()
    }
}

/// The fields of a record as the text of a JSON object in canonical form: keys sorted, no spaces. Equal texts mean that
/// storing the record again changes nothing. Amounts are decimal strings, dates ISO 8601 strings; absent means not given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields(String);

impl Fields {
    /// Fields as [`RowFields::write`] wrote them.
    pub(crate) fn written(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, without a copy.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }

    /// The fields one by one.
    #[must_use]
    pub fn to_map(&self) -> Map<String, Value> {
        // The text was written here, as an object.
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

impl From<Map<String, Value>> for Fields {
    fn from(map: Map<String, Value>) -> Self {
        let mut text = String::new();
        write_canonical_map(&map, &mut text);
        Self(text)
    }
}

/// Writes the fields of rows that all have the same columns.
#[derive(Debug)]
pub(crate) struct RowFields {
    /// Positions of the columns in ascending order of their fields, each with what comes between the values before and
    /// after it: `","club":"`.
    order: Vec<(usize, String)>,
    /// Bytes of all that is not a value.
    frame: usize,
}

impl RowFields {
    pub(crate) fn new(fields: &[&str]) -> Self {
        let mut order: Vec<(usize, String)> = fields.iter().map(|field| (*field).to_owned()).enumerate().collect();
        order.sort_by(|(_, one), (_, two)| one.cmp(two));
        for (_, field) in &mut order {
            let mut between = String::from("\",");
            write_text(field, &mut between);
            between.push_str(":\"");
            *field = between;
        }
        let frame = order.iter().map(|(_, between)| between.len()).sum::<usize>() + 2;
        Self { order, frame }
    }

    /// Writes one value per column; `None` is left out. Plain values, of which [`crate::rows::is_plain`] is true, are
    /// written as they are.
    pub(crate) fn write(&self, values: &[Option<Cow<'_, str>>], are_plain: bool, out: &mut String) {
        out.reserve(self.frame + values.iter().flatten().map(|value| value.len()).sum::<usize>());
        let mut is_first = true;
        for (position, between) in &self.order {
            if let Some(Some(value)) = values.get(*position) {
                if is_first {
                    out.push('{');
                    out.push_str(between.get(2..).unwrap_or_default());
                    is_first = false;
                } else {
                    out.push_str(between);
                }
                if are_plain {
                    out.push_str(value);
                } else {
                    write_inside(value, out);
                }
            }
        }
        out.push_str(if is_first { "{}" } else { "\"}" });
    }
}

/// Bytes in lower-case hex.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The map type may or may not keep insertion order, as another crate in the build decides; the text must not care.
fn write_canonical_map(map: &Map<String, Value>, out: &mut String) {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_unstable_by_key(|(key, _)| *key);
    out.push('{');
    for (position, (key, value)) in entries.into_iter().enumerate() {
        if position > 0 {
            out.push(',');
        }
        write_text(key, out);
        out.push(':');
        write_canonical(value, out);
    }
    out.push('}');
}

fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => write_canonical_map(map, out),
        Value::String(text) => write_text(text, out),
        Value::Array(values) => {
            out.push('[');
            for (position, value) in values.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                write_canonical(value, out);
            }
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn fields(value: Value) -> Fields {
        let Value::Object(fields) = value else { panic!("fixture is an object") };
        fields.into()
    }

    #[test]
    fn the_text_depends_on_content_not_on_order() {
        let first = fields(json!({"a": "1", "b": [{"x": 1, "y": null}]}));
        assert_eq!(first.as_str(), r#"{"a":"1","b":[{"x":1,"y":null}]}"#);
        assert_eq!(first, fields(json!({"b": [{"y": null, "x": 1}], "a": "1"})));
        assert_ne!(first, fields(json!({"a": "2"})));
        assert_eq!(fields(json!({})).as_str(), "{}");
    }

    #[test]
    fn kinds_round_trip() {
        for kind in RecordKind::ALL {
            assert_eq!(kind.as_str().parse::<RecordKind>(), Ok(kind));
            assert_eq!(json!(kind), json!(kind.as_str()));
        }
    }

    proptest! {
        #[test]
        fn a_row_is_written_like_the_map_of_its_values(
            values in prop::collection::vec(prop::option::of("[\\x00-\\x7fåé😀]{0,12}"), 4),
        ) {
            let names = ["zone", "a\"b", "licence", "b"];
            let cells: Vec<_> = values.iter().map(|value| value.as_deref().map(Cow::Borrowed)).collect();
            let mut map = Map::new();
            for (name, value) in names.iter().zip(&values) {
                if let Some(value) = value {
                    map.insert((*name).to_owned(), Value::from(value.as_str()));
                }
            }
            let are_plain = values.iter().flatten().all(|value| crate::rows::is_plain(value));
            let mut written = String::new();
            RowFields::new(&names).write(&cells, are_plain, &mut written);
            let written = Fields::written(&written);
            prop_assert_eq!(written.to_map(), map.clone());
            prop_assert_eq!(written, Fields::from(map));
        }
    }
}
