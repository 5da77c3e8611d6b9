//! The shape of a profile's YAML. The doc comments here are what editors show, by way of the JSON Schema.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the files of one system are laid out, and what their values must be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Declaration {
    /// What an upload names it by, for example `members-json`.
    pub(crate) name: String,
    /// Raised with every change.
    pub(crate) version: u32,
    /// What people see.
    pub(crate) title: String,
    /// The layout of the files.
    pub(crate) format: ProfileFormat,
    /// What a row is.
    pub(crate) entity: ProfileEntity,
    /// The field whose value tells one record from another; importing the same value again replaces the record.
    pub(crate) natural_key: String,
    /// The character encoding; `auto` decides by mark, by declaration and by the bytes themselves.
    #[serde(default)]
    pub(crate) encoding: EncodingName,
    /// For `csv`: the character between values; found out where absent. A tab is written `"\t"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) delimiter: Option<String>,
    /// For `csv`: whether the first line names the columns; true where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) header: Option<bool>,
    /// For `csv` and `fixed_width`: lines to pass over at the start of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) skip_lines: Option<u32>,
    /// For `json`: `$` (the array, or the lines, at the root), `lines`, or a path to the array such as
    /// `$.data.members`. For `xml`: the path of the element that is a record, such as `/federation/members/member`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) record_path: Option<String>,
    /// For `xml`: prefixes used in paths, and the namespaces that they stand for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) namespaces: BTreeMap<String, String>,
    /// Where each field comes from and what it must be.
    pub(crate) columns: Vec<ColumnDeclaration>,
}

/// The layout of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ProfileFormat {
    /// Delimited text.
    Csv,
    /// One record per line, each value at fixed positions.
    FixedWidth,
    /// One element per record.
    Xml,
    /// One object per record.
    Json,
}

/// What a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ProfileEntity {
    /// A licence holder.
    Members,
    /// A club.
    Clubs,
}

/// A character encoding, or how to find it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) enum EncodingName {
    /// Found out.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// UTF-8.
    #[serde(rename = "utf-8")]
    Utf8,
    /// UTF-16, little end first.
    #[serde(rename = "utf-16le")]
    Utf16Le,
    /// UTF-16, big end first.
    #[serde(rename = "utf-16be")]
    Utf16Be,
    /// Windows-1252, which contains Latin-1's letters.
    #[serde(rename = "windows-1252")]
    Windows1252,
    /// Latin-1; read as Windows-1252, which differs from it in control characters only.
    #[serde(rename = "iso-8859-1")]
    Latin1,
    /// The first PCs' code page.
    #[serde(rename = "cp437")]
    Cp437,
}

/// A field, where it comes from, and what it must be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ColumnDeclaration {
    /// The field filled: one of the entity's, or one of your own where `type` is given.
    pub(crate) field: String,
    /// Where the value is, the first that is not empty: for `csv` headers, for `json` dotted paths such as
    /// `name.given`, for `xml` paths below the record such as `name/given`, `licence/@number` or `.`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<OneOrMore>,
    /// For `fixed_width`: the first character, from 1. For `csv` without a header: the column, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) position: Option<u32>,
    /// For `fixed_width`: how many characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) length: Option<u32>,
    /// What the value is. The entity's own fields have a type already.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub(crate) value_type: Option<ValueType>,
    /// What is done to the value before it is judged, in this order. Each change is remarked on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) transforms: Vec<Transform>,
    /// What the value must be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rules: Option<Rules>,
}

/// One text or a list of texts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum OneOrMore {
    /// One.
    One(String),
    /// The first that has a value counts.
    More(Vec<String>),
}

impl OneOrMore {
    pub(crate) fn as_slice(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::More(more) => more,
        }
    }
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ValueType {
    /// Any text.
    Text,
    /// A date, stored as 2010-12-24.
    Date,
    /// A whole number.
    Integer,
    /// A number with a decimal point, kept exactly.
    Decimal,
    /// One of the values in `rules: enum`.
    Enum,
    /// An e-mail address.
    Email,
    /// A country code of two or three letters.
    Country,
}

/// Something done to a value before it is judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Transform {
    /// Takes white space off both ends.
    Trim,
    /// Turns letters into capitals.
    Upper,
    /// Turns letters into small ones.
    Lower,
    /// Keeps the digits only.
    Digits,
    /// Reads a comma as the decimal point, and leaves out spaces between digits.
    DecimalComma,
    /// The order of day, month and year in dates.
    DateOrder(DeclaredDateOrder),
    /// Other spellings, compared without case and accents, and what they stand for.
    Values(BTreeMap<String, String>),
}

/// The order of day, month and year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DeclaredDateOrder {
    /// 24/12/2010 or 24122010.
    Dmy,
    /// 12/24/2010 or 12242010.
    Mdy,
    /// 2010/12/24 or 20101224.
    Ymd,
}

/// What a value must be.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rules {
    /// A row without a value is rejected.
    #[serde(default)]
    pub(crate) required: bool,
    /// A row whose value an earlier row has is rejected.
    #[serde(default)]
    pub(crate) unique: bool,
    /// A regular expression that the whole value must match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pattern: Option<String>,
    /// The least number, or the first date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) min: Option<Bound>,
    /// The greatest number, or the last date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max: Option<Bound>,
    /// The value is the key of a record of this kind. The preview warns of keys that are not stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reference: Option<ReferenceTarget>,
    /// The values allowed, compared without case and accents and stored as they are written here.
    #[serde(default, rename = "enum", skip_serializing_if = "Vec::is_empty")]
    pub(crate) one_of: Vec<String>,
}

/// What a value may refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReferenceTarget {
    /// A club, by its number.
    Clubs,
    /// A member, by the licence number.
    Members,
}

/// A number, or a date such as 2010-12-24.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Bound {
    /// A whole number.
    Whole(i64),
    /// A number.
    Number(f64),
    /// A date.
    Date(String),
}

impl Bound {
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Whole(number) => number.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Date(date) => date.clone(),
        }
    }
}
