//! A mapping that somebody asks for, checked against the columns of a table that was looked at before.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::columns::{Columns, Meant, by_number, by_place};
use crate::format::Entity;
use crate::import::Detected;
use crate::issue::shorten;
use crate::rows::fields;

/// Names listed in a hint at most.
const LISTED: usize = 20;

/// A longer name is not compared with others, in characters: it is no slip of the pen.
const COMPARED_LENGTH: usize = 100;

/// Names that a wrong one is compared with at most.
const COMPARED: usize = 200;

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
    /// Checks a mapping from columns of this table to fields; an empty field leaves a column out. Where it is now said of
    /// the first line that it names the columns, their names are not known before the file is read again, and only the
    /// fields are checked.
    ///
    /// # Errors
    /// The first fault: `unknown_column`, `ambiguous_column`, `unknown_field`, `duplicate_column` or `duplicate_field`.
    pub fn check_mapping(
        &self,
        entity: Entity,
        mapping: &BTreeMap<String, String>,
        header: Option<bool>,
    ) -> Result<(), MappingFault> {
        let names = match header {
            Some(true) if self.header.is_none() => return check_fields(entity, mapping),
            Some(false) => (1..=self.mapping.len()).map(by_place).collect(),
            _ => self.column_names(),
        };
        let columns = Columns::new(&names);
        let mut places: BTreeMap<usize, &str> = BTreeMap::new();
        for column in mapping.keys() {
            let place = find_column(&columns, column)?;
            if let Some(other) = places.insert(place, column) {
                return Err(MappingFault {
                    code: "duplicate_column",
                    message: format!("“{}” and “{}” are the same column", shorten(other), shorten(column)),
                    hint: "Map each column once.".into(),
                });
            }
        }
        check_fields(entity, mapping)
    }

    /// What calls each column in a mapping, in file order: its name, where no other column can be meant, else its place,
    /// such as `#3`.
    #[must_use]
    pub fn column_keys(&self) -> Vec<String> {
        let names = self.column_names();
        Columns::new(&names).keys().map(Cow::into_owned).collect()
    }

    fn column_names(&self) -> Vec<String> {
        self.mapping.iter().map(|column| column.column.clone()).collect()
    }
}

fn check_fields(entity: Entity, mapping: &BTreeMap<String, String>) -> Result<(), MappingFault> {
    let known = entity.field_names();
    let mut taken: BTreeMap<&str, &str> = BTreeMap::new();
    for (column, field) in mapping {
        let field = field.trim();
        if field.is_empty() {
            continue;
        }
        if !known.contains(&field) {
            return Err(MappingFault {
                code: "unknown_field",
                message: format!("{entity} have no field “{}”", shorten(field)),
                hint: suggestion(field, &known, &format!("The fields of {entity} are")),
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

/// The position of the column that a name means.
///
/// # Errors
/// `unknown_column` or `ambiguous_column`.
pub(super) fn find_column(columns: &Columns<'_>, name: &str) -> Result<usize, MappingFault> {
    match columns.find(name) {
        Meant::Column(position) => Ok(position),
        Meant::Nothing => {
            let keys: Vec<_> = columns.keys().take(COMPARED).collect();
            let keys: Vec<&str> = keys.iter().map(AsRef::as_ref).collect();
            Err(MappingFault {
                code: "unknown_column",
                message: format!("the table has no column “{}”", shorten(name)),
                hint: suggestion(name, &keys, "The columns of the table are"),
            })
        }
        Meant::Several(positions) => {
            let places: Vec<String> = positions.iter().take(LISTED).map(|position| by_number(*position)).collect();
            Err(MappingFault {
                code: "ambiguous_column",
                message: format!("{} columns are called “{}”", positions.len(), shorten(name)),
                hint: format!("Say which by its place: {}.", places.join(", ")),
            })
        }
    }
}

/// The known name that a wrong one is near to, else what is known, behind `intro`.
fn suggestion(name: &str, known: &[&str], intro: &str) -> String {
    nearest(name, known).map_or_else(
        || {
            let listed: Vec<String> = known.iter().take(LISTED).map(|known| shorten(known)).collect();
            let more = known.len().saturating_sub(LISTED);
            let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("{intro}: {}{rest}.", listed.join(", "))
        },
        |known| format!("Did you mean “{}”?", shorten(known)),
    )
}

fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let length = name.chars().take(COMPARED_LENGTH + 1).count();
    if length > COMPARED_LENGTH {
        return None;
    }
    let folded = fields::fold(name);
    let letters = folded.chars().count();
    let most = 1 + length / 4;
    known
        .iter()
        .filter(|known| known.len() <= 4 * COMPARED_LENGTH)
        .map(|known| (fields::fold(known), *known))
        .filter(|(other, _)| other.chars().count().abs_diff(letters) <= most)
        .map(|(other, known)| (strsim::damerau_levenshtein(&folded, &other), known))
        .min()
        // Where every letter differs, nothing is near.
        .filter(|(distance, _)| *distance <= most && *distance < letters)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Format;
    use crate::import::MappedColumn;

    fn check(mapping: &[(&str, &str)]) -> Result<(), (&'static str, String)> {
        check_in(&["Licens", "Namn", "Född", "0"], mapping)
    }

    fn check_in(columns: &[&str], mapping: &[(&str, &str)]) -> Result<(), (&'static str, String)> {
        let mapping = mapping.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
        detected(columns).check_mapping(Entity::Members, &mapping, None).map_err(|fault| (fault.code, fault.hint))
    }

    fn detected(columns: &[&str]) -> Detected {
        Detected {
            format: Format::Csv,
            entity: Entity::Members,
            encoding: "UTF-8".into(),
            encoding_reason: String::new(),
            delimiter: Some(';'),
            header: None,
            heading: None,
            mapping: columns.iter().map(|name| MappedColumn::left_out(name, "")).collect(),
            details: BTreeMap::new(),
        }
    }

    #[test]
    fn what_does_not_fit_is_named_with_what_would() {
        assert_eq!(check(&[("Licens", "licence_number"), ("fodd", "birth_date"), ("column 2", "")]), Ok(()));
        assert_eq!(check(&[("Licenz", "club")]), Err(("unknown_column", "Did you mean “Licens”?".into())));
        assert_eq!(check(&[("Licens", "birthdate")]), Err(("unknown_field", "Did you mean “birth_date”?".into())));
        let known = "The columns of the table are: Licens, Namn, Född, 0.";
        assert_eq!(check(&[("x", "club")]), Err(("unknown_column", known.into())));
        assert_eq!(check(&[("column 9", "club")]).map_err(|fault| fault.0), Err("unknown_column"));
        assert_eq!(check(&[("Namn", "club"), ("Född", "club")]).map_err(|fault| fault.0), Err("duplicate_field"));
        assert_eq!(check(&[("Namn", "club"), ("column 2", "")]).map_err(|fault| fault.0), Err("duplicate_column"));
        assert_eq!(check(&[("Namn", "club"), ("#2", "")]).map_err(|fault| fault.0), Err("duplicate_column"));
    }

    #[test]
    fn a_name_that_two_columns_share_is_no_choice_and_their_places_are() {
        let twice = ["No", "Namn", "Namn", ""];
        assert_eq!(
            check_in(&twice, &[("Namn", "club")]),
            Err(("ambiguous_column", "Say which by its place: #2, #3.".into()))
        );
        assert_eq!(check_in(&twice, &[("#3", "given_name"), ("#4", "club")]), Ok(()));
        let known = check_in(&twice, &[("Ort", "city")]);
        assert_eq!(known, Err(("unknown_column", "The columns of the table are: No, #2, #3, #4.".into())));
        assert_eq!(detected(&twice).column_keys(), ["No", "#2", "#3", "#4"]);
    }

    #[test]
    fn names_are_checked_as_the_table_will_be_read() {
        let mut table = detected(&["Anna", "Ek"]);
        let mapping = |column: &str, field: &str| [(column.to_owned(), field.to_owned())].into();
        let check = |table: &Detected, column: &str, field: &str, header| {
            table.check_mapping(Entity::Members, &mapping(column, field), header).map_err(|fault| fault.code)
        };
        table.header = Some(vec!["Anna".into(), "Ek".into()]);
        assert_eq!(check(&table, "Anna", "club", Some(true)), Ok(()));
        assert_eq!(check(&table, "Anna", "club", Some(false)), Err("unknown_column"));
        assert_eq!(check(&table, "column 1", "club", Some(false)), Ok(()));
        table.header = None;
        assert_eq!(check(&table, "Namn", "club", Some(true)), Ok(()));
        assert_eq!(check(&table, "Namn", "clubb", Some(true)), Err("unknown_field"));
    }

    #[test]
    fn a_name_of_any_length_is_refused_without_a_comparison() {
        let columns: Vec<String> = (0..crate::MAX_COLUMNS).map(|at| format!("{at}{}", "x".repeat(500))).collect();
        let names: Vec<&str> = columns.iter().map(String::as_str).collect();
        let long = "y".repeat(12_000);
        assert_eq!(nearest(&long, &names), None);
        assert_eq!(nearest(&"x".repeat(COMPARED_LENGTH + 1), &["x".repeat(COMPARED_LENGTH).as_str()]), None);
        assert!(check_in(&names, &[(&long, "club")]).is_err_and(|(code, _)| code == "unknown_column"));
    }
}
