//! A mapping that somebody asks for, checked against the columns of a table that was looked at before.

use std::collections::BTreeMap;

use crate::format::Entity;
use crate::import::Detected;
use crate::issue::shorten;
use crate::rows::fields;

/// Names listed in a hint at most.
const LISTED: usize = 20;

/// What does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct MappingFault {
    /// Stable name of the kind of fault, in `snake_case`.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub hint: String,
}

impl Detected {
    /// Checks a mapping from columns of this table to fields; an empty field leaves a column out.
    ///
    /// # Errors
    /// The first fault: `unknown_column`, `unknown_field`, `duplicate_column` or `duplicate_field`.
    pub fn check_mapping(&self, entity: Entity, mapping: &BTreeMap<String, String>) -> Result<(), MappingFault> {
        let columns: Vec<String> = self.mapping.iter().map(|column| column.column.clone()).collect();
        let known = entity.field_names();
        let mut places: BTreeMap<usize, &str> = BTreeMap::new();
        let mut taken: BTreeMap<&str, &str> = BTreeMap::new();
        for (column, field) in mapping {
            let place = find_column(&columns, column).ok_or_else(|| MappingFault {
                code: "unknown_column",
                message: format!("the table has no column “{}”", shorten(column)),
                hint: suggestion(column, columns.iter().map(String::as_str)),
            })?;
            if let Some(other) = places.insert(place, column) {
                return Err(MappingFault {
                    code: "duplicate_column",
                    message: format!("“{}” and “{}” are the same column", shorten(other), shorten(column)),
                    hint: "Map each column once.".into(),
                });
            }
            let field = field.trim();
            if field.is_empty() {
                continue;
            }
            if !known.contains(&field) {
                return Err(MappingFault {
                    code: "unknown_field",
                    message: format!("{entity} have no field “{}”", shorten(field)),
                    hint: suggestion(field, known.iter().copied()),
                });
            }
            if let Some(other) = taken.insert(field, column) {
                return Err(MappingFault {
                    code: "duplicate_field",
                    message: format!("“{}” and “{}” are both mapped to {field}", shorten(other), shorten(column)),
                    hint: "Choose one of them, and map the other to an empty field.".into(),
                });
            }
        }
        Ok(())
    }
}

/// The column that a name means: as written, else folded, else by its place (`column 3`).
pub(super) fn find_column(columns: &[String], name: &str) -> Option<usize> {
    let place = || name.trim().strip_prefix("column ").and_then(|place| place.parse::<usize>().ok());
    columns
        .iter()
        .position(|column| column == name.trim())
        .or_else(|| columns.iter().position(|column| fields::fold(column) == fields::fold(name)))
        .or_else(|| place().filter(|place| (1..=columns.len()).contains(place)).map(|place| place - 1))
}

fn suggestion<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let near = known
        .clone()
        .map(|known| (strsim::damerau_levenshtein(&fields::fold(name), &fields::fold(known)), known))
        .min()
        .filter(|(distance, _)| *distance <= 1 + name.chars().count() / 4)
        // Two names of one letter each are one letter apart, and mean nothing to each other.
        .filter(|(distance, known)| *distance < fields::fold(known).chars().count());
    if let Some((_, known)) = near {
        return format!("Did you mean “{}”?", shorten(known));
    }
    let listed: Vec<String> = known.take(LISTED).map(shorten).collect();
    format!("Known are {}.", listed.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Format;
    use crate::import::MappedColumn;

    fn check(mapping: &[(&str, &str)]) -> Result<(), (&'static str, String)> {
        let detected = Detected {
            format: Format::Csv,
            entity: Entity::Members,
            encoding: "UTF-8".into(),
            encoding_reason: String::new(),
            delimiter: Some(';'),
            header: None,
            mapping: ["Licens", "Namn", "Född", "0"].map(|name| MappedColumn::left_out(name, "")).into(),
            details: BTreeMap::new(),
        };
        let mapping = mapping.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
        detected.check_mapping(Entity::Members, &mapping).map_err(|fault| (fault.code, fault.hint))
    }

    #[test]
    fn what_does_not_fit_is_named_with_what_would() {
        assert_eq!(check(&[("Licens", "licence_number"), ("fodd", "birth_date"), ("column 2", "")]), Ok(()));
        assert_eq!(check(&[("Licenz", "club")]), Err(("unknown_column", "Did you mean “Licens”?".into())));
        assert_eq!(check(&[("Licens", "birthdate")]), Err(("unknown_field", "Did you mean “birth_date”?".into())));
        let known = "Known are Licens, Namn, Född, 0.";
        assert_eq!(check(&[("x", "club")]), Err(("unknown_column", known.into())));
        assert_eq!(check(&[("column 9", "club")]).map_err(|fault| fault.0), Err("unknown_column"));
        assert_eq!(check(&[("Namn", "club"), ("Född", "club")]).map_err(|fault| fault.0), Err("duplicate_field"));
        assert_eq!(check(&[("Namn", "club"), ("column 2", "")]).map_err(|fault| fault.0), Err("duplicate_column"));
    }
}
