//! Decides where the columns of a table go, from its header and from what the sender asked for.

use crate::failure::OpenError;
use crate::format::Entity;
use crate::import::{MappedColumn, Options};
use crate::issue::{Issue, shorten};

use crate::rows::fields::{self, FieldSpec};

/// Columns and names listed in an error at most.
const LISTED: usize = 12;

/// What a header says.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) entity: Entity,
    pub(super) columns: Vec<Option<&'static FieldSpec>>,
    pub(super) mapping: Vec<MappedColumn>,
}

/// Maps every column, and refuses a header without which no row could be stored.
pub(super) fn plan(header: &[String], options: &Options) -> Result<Plan, OpenError> {
    if header.iter().any(|column| column.contains('\0')) {
        return Err(OpenError::Binary { what: "the header holds a NUL character".into() });
    }
    let entity = options.entity.unwrap_or_else(|| guess_entity(header, options));
    let mut plan = Plan {
        entity,
        columns: vec![None; header.len()],
        mapping: header
            .iter()
            .map(|column| MappedColumn { column: column.clone(), field: None, confidence: 0.0 })
            .collect(),
    };
    let decided = plan.follow_request(header, options)?;
    plan.detect(header, &decided);
    plan.require(header)?;
    Ok(plan)
}

impl Plan {
    /// Applies the mapping asked for; returns the columns that it decides.
    fn follow_request(&mut self, header: &[String], options: &Options) -> Result<Vec<bool>, OpenError> {
        let mut decided = vec![false; header.len()];
        for (column, field) in &options.mapping {
            let position = header
                .iter()
                .position(|name| name == column.trim())
                .or_else(|| header.iter().position(|name| fields::fold(name) == fields::fold(column)))
                .ok_or_else(|| OpenError::Mapping {
                    why: format!("the file has no column {}; it has {}", shorten(column), listed(header).join(", ")),
                })?;
            let spec = match field.trim() {
                "" => None,
                field => Some(fields::of(self.entity).iter().find(|spec| spec.name == field).ok_or_else(|| {
                    let known: Vec<_> = fields::of(self.entity).iter().map(|spec| spec.name).collect();
                    OpenError::Mapping {
                        why: format!("{} have no field {}; known: {}", self.entity, shorten(field), known.join(", ")),
                    }
                })?),
            };
            if let Some(spec) = spec.filter(|spec| self.has(spec)) {
                return Err(OpenError::Mapping { why: format!("two columns are mapped to {}", spec.name) });
            }
            if let Some(decided) = decided.get_mut(position) {
                *decided = true;
            }
            self.assign(position, spec, 1.0);
        }
        Ok(decided)
    }

    /// Maps the remaining columns by name: exact names first, so that they win over aliases; of two columns for one
    /// field, the first.
    fn detect(&mut self, header: &[String], decided: &[bool]) {
        for wanted in [1.0, 0.9] {
            for (position, column) in header.iter().enumerate() {
                let free = !decided.get(position).copied().unwrap_or(true)
                    && self.columns.get(position).is_some_and(Option::is_none);
                if !free {
                    continue;
                }
                if let Some((spec, confidence)) = fields::by_header(self.entity, column)
                    && confidence >= wanted
                    && !self.has(spec)
                {
                    self.assign(position, Some(spec), confidence);
                }
            }
        }
    }

    fn has(&self, spec: &FieldSpec) -> bool {
        self.columns.iter().flatten().any(|known| known.name == spec.name)
    }

    fn assign(&mut self, position: usize, spec: Option<&'static FieldSpec>, confidence: f64) {
        if let (Some(column), Some(mapped)) = (self.columns.get_mut(position), self.mapping.get_mut(position)) {
            *column = spec;
            mapped.field = spec.map(|spec| spec.name.to_owned());
            mapped.confidence = confidence;
        }
    }

    fn require(&self, header: &[String]) -> Result<(), OpenError> {
        let missing: Vec<String> = fields::of(self.entity)
            .iter()
            .filter(|spec| spec.required && !self.has(spec))
            .map(|spec| spec.name.to_owned())
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let nothing_known = self.columns.iter().all(Option::is_none);
        if nothing_known && header.iter().any(|cell| looks_like_data(cell)) {
            return Err(OpenError::NoHeader { first_line: shorten(&listed(header).join(" | ")) });
        }
        Err(OpenError::MissingColumns { entity: self.entity, missing, found: listed(header) })
    }
}

/// Members when a column names a licence number, else clubs when one names a club number, else members.
fn guess_entity(header: &[String], options: &Options) -> Entity {
    let names = |entity: Entity| {
        let key = fields::of(entity).first().map_or("", |spec| spec.name);
        header.iter().any(|column| fields::by_header(entity, column).is_some_and(|(spec, _)| spec.name == key))
            || options.mapping.values().any(|field| field == key)
    };
    if !names(Entity::Members) && names(Entity::Clubs) { Entity::Clubs } else { Entity::Members }
}

/// Names of columns hold no e-mail addresses and do not start with a digit.
fn looks_like_data(cell: &str) -> bool {
    cell.contains('@') || cell.starts_with(|first: char| first.is_ascii_digit())
}

fn listed(header: &[String]) -> Vec<String> {
    header.iter().take(LISTED).map(|column| shorten(column)).collect()
}

/// One warning for all columns that go nowhere.
pub(crate) fn unmapped_issue(mapping: &[MappedColumn], row: u64) -> Option<Issue> {
    let unmapped: Vec<String> =
        mapping.iter().filter(|column| column.field.is_none()).map(|column| column.column.clone()).collect();
    (!unmapped.is_empty()).then(|| {
        let more = unmapped.len().saturating_sub(LISTED);
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        Issue::warning(
            "unmapped_column",
            row,
            format!(
                "{} of {} columns are left out: {}{rest}",
                unmapped.len(),
                mapping.len(),
                listed(&unmapped).join(", ")
            ),
            "Map the columns that matter to a field; the others need no action.",
        )
        .value(&unmapped.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use chrono::NaiveDate;

    use super::*;

    fn options(mapping: &[(&str, &str)]) -> Options {
        Options {
            format: None,
            entity: None,
            file_name: None,
            mapping: mapping
                .iter()
                .map(|(from, to)| ((*from).to_owned(), (*to).to_owned()))
                .collect::<BTreeMap<_, _>>(),
            profile: None,
            signers: std::sync::Arc::default(),
            today: NaiveDate::default(),
        }
    }

    fn header(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_request_wins_over_detection() {
        let names = header(&["Licence", "Nom", "Prénom", "Nom usuel"]);
        let plan = plan(&names, &options(&[("nom usuel", "family_name"), ("Nom", "")])).expect("complete");
        let to: Vec<_> = plan.mapping.iter().map(|column| column.field.as_deref()).collect();
        assert_eq!(to, [Some("licence_number"), None, Some("given_name"), Some("family_name")]);
        assert_eq!(unmapped_issue(&plan.mapping, 1).expect("one column").value.as_deref(), Some("Nom"));
    }

    #[test]
    fn a_request_that_fits_nothing_is_refused() {
        let names = header(&["Licence", "Nom", "Prénom"]);
        for mapping in [[("Namn", "club")], [("Nom", "colour")]] {
            assert_eq!(plan(&names, &options(&mapping)).expect_err("unknown").code(), "mapping_invalid");
        }
    }

    #[test]
    fn clubs_are_recognised_by_their_number() {
        let clubs = plan(&header(&["Klubbnummer", "Namn", "Ort"]), &options(&[])).expect("complete");
        assert_eq!(clubs.entity, Entity::Clubs);
        let members = plan(&header(&["Licensnr", "Förnamn", "Efternamn", "Klubbnummer"]), &options(&[]));
        assert_eq!(members.expect("complete").entity, Entity::Members);
    }

    #[test]
    fn data_in_place_of_a_header_is_told_apart_from_a_poor_header() {
        let data = plan(&header(&["1001", "Anna", "Berg"]), &options(&[])).expect_err("data");
        assert_eq!(data.code(), "header_missing");
        let poor = plan(&header(&["licence", "Namn"]), &options(&[])).expect_err("incomplete");
        assert_eq!(poor.code(), "columns_missing");
        assert!(poor.hint().contains("given_name, family_name"));
    }
}
