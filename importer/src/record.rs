//! What a row becomes: a kind, a natural key and fields, ready to be upserted.

use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// What it is.
    pub kind: RecordKind,
    /// The natural key, unique within a tenant and a kind: importing it again replaces the record.
    pub key: String,
    /// Line in the file where the record starts, counted from 1; in a JSON array or an XML file, which may be all on one
    /// line, the number of the record.
    pub row: u64,
    /// The fields. Amounts are decimal strings, dates ISO 8601 strings; absent means not given.
    pub fields: Map<String, Value>,
}

impl Record {
    /// SHA-256 of the fields as canonical JSON (keys sorted, no spaces), in lower-case hex: equal hashes mean that
    /// storing the record again changes nothing. The row is left out, so moving a line is no change.
    #[must_use]
    pub fn content_hash(&self) -> String {
        let mut text = String::new();
        write_canonical_map(&self.fields, &mut text);
        hexadecimal(&Sha256::digest(text.as_bytes()))
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

/// The map type may or may not keep insertion order, as another crate in the build decides; the hash must not care.
fn write_canonical_map(map: &Map<String, Value>, out: &mut String) {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_unstable_by_key(|(key, _)| *key);
    out.push('{');
    for (position, (key, value)) in entries.into_iter().enumerate() {
        if position > 0 {
            out.push(',');
        }
        out.push_str(&Value::from(key.as_str()).to_string());
        out.push(':');
        write_canonical(value, out);
    }
    out.push('}');
}

fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => write_canonical_map(map, out),
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
    use serde_json::json;

    use super::*;

    fn record(fields: Value) -> Record {
        let Value::Object(fields) = fields else { panic!("fixture is an object") };
        Record { kind: RecordKind::Member, key: "1".into(), row: 1, fields }
    }

    #[test]
    fn the_hash_depends_on_content_not_on_order_or_row() {
        let first = record(json!({"a": "1", "b": [{"x": 1, "y": 2}]}));
        let mut second = record(json!({"b": [{"y": 2, "x": 1}], "a": "1"}));
        second.row = 7;
        assert_eq!(first.content_hash(), second.content_hash());
        assert_ne!(first.content_hash(), record(json!({"a": "2"})).content_hash());
        assert_eq!(
            record(json!({})).content_hash(),
            "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
        );
    }

    #[test]
    fn kinds_round_trip() {
        for kind in RecordKind::ALL {
            assert_eq!(kind.as_str().parse::<RecordKind>(), Ok(kind));
            assert_eq!(json!(kind), json!(kind.as_str()));
        }
    }
}
