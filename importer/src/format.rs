//! The names of file formats and of what a file holds, as they appear in requests, settings and stored rows.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A file format the product knows by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Delimited text with a header line.
    Csv,
    /// The Swedish accounting exchange format, types 1 to 4 and 5 (XML).
    Sie,
    /// The petanque federation submission envelope.
    Fipjp,
    /// XML by profile.
    Xml,
    /// JSON by profile.
    Json,
    /// Lines with values at fixed positions, by profile only.
    FixedWidth,
}

impl Format {
    /// Every format, in the order shown to people.
    pub const ALL: [Self; 6] = [Self::Csv, Self::Sie, Self::Fipjp, Self::Xml, Self::Json, Self::FixedWidth];

    /// The stable lower-case name, the same as in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Sie => "sie",
            Self::Fipjp => "fipjp",
            Self::Xml => "xml",
            Self::Json => "json",
            Self::FixedWidth => "fixed_width",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Format {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|format| format.as_str() == name)
            .ok_or_else(|| UnknownName::new("format", name, "csv, sie, fipjp, xml, json, fixed_width"))
    }
}

/// What a file brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entity {
    /// Licence holders.
    Members,
    /// Clubs of the federation.
    Clubs,
    /// Accounts, balances and vouchers.
    Ledger,
    /// Licences of members, season by season.
    Licences,
    /// Moves of members from club to club.
    Transfers,
    /// Places of members in rankings.
    Rankings,
}

impl Entity {
    /// Every entity, in the order shown to people.
    pub const ALL: [Self; 6] =
        [Self::Members, Self::Clubs, Self::Ledger, Self::Licences, Self::Transfers, Self::Rankings];

    /// The stable lower-case name, the same as in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Members => "members",
            Self::Clubs => "clubs",
            Self::Ledger => "ledger",
            Self::Licences => "licences",
            Self::Transfers => "transfers",
            Self::Rankings => "rankings",
        }
    }

    /// The fields that columns of a table can fill; none for a ledger, which is no table.
    #[must_use]
    pub fn field_names(self) -> Vec<&'static str> {
        crate::rows::fields::of(self).iter().map(|field| field.name).collect()
    }

    /// Those of [`Self::field_names`] without which no row can be stored.
    #[must_use]
    pub fn required_fields(self) -> Vec<&'static str> {
        crate::rows::fields::of(self).iter().filter(|field| field.required).map(|field| field.name).collect()
    }
}

impl fmt::Display for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Entity {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|entity| entity.as_str() == name)
            .ok_or_else(|| UnknownName::new("entity", name, "members, clubs, ledger, licences, transfers, rankings"))
    }
}

/// A name that is none of the known ones.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} `{name}`; known: {known}")]
pub struct UnknownName {
    what: &'static str,
    name: String,
    known: &'static str,
}

impl UnknownName {
    pub(crate) fn new(what: &'static str, name: &str, known: &'static str) -> Self {
        Self { what, name: crate::issue::shorten(name), known }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_match_json() {
        for format in Format::ALL {
            assert_eq!(format.as_str().parse::<Format>(), Ok(format));
            assert_eq!(serde_json::json!(format), serde_json::json!(format.as_str()));
        }
        for entity in Entity::ALL {
            assert_eq!(entity.as_str().parse::<Entity>(), Ok(entity));
            assert_eq!(serde_json::json!(entity), serde_json::json!(entity.as_str()));
        }
        let error = "xlsx".parse::<Format>().expect_err("not a format");
        assert_eq!(error.to_string(), "unknown format `xlsx`; known: csv, sie, fipjp, xml, json, fixed_width");
    }
}
