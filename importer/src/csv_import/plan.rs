//! Decides where the columns of a table go: as asked for, as confirmed for an earlier table, by their names, and by
//! their values.

use super::assignment::assign;
use super::columns::Columns;
use super::evidence::{self, Candidate};
use super::header::Table;
use super::notation;
use super::request::find_column;
use crate::failure::OpenError;
use crate::format::Entity;
use crate::import::{Alternative, ConfirmedMapping, MappedColumn, Options};
use crate::issue::shorten;
use crate::rows::fields::{self, FieldSpec};

/// Below this a column is not proposed for a field.
const PROPOSED: f64 = 0.3;
/// Below this an other field is not worth mentioning.
const MENTIONED: f64 = 0.15;
/// Other fields mentioned at most.
const ALTERNATIVES: usize = 2;
/// Of a header that is one or two letters away from a known name.
const NEAR: [f64; 2] = [0.8, 0.7];
/// Added where the values say what the name says.
const AGREED: f64 = 0.05;
/// Of a field's own name.
const EXACT: f64 = 1.0;
/// Of a known name, and above everything that is guessed.
const ALIAS: f64 = 0.9;
/// Of a column that was confirmed in a table with other columns.
const SHARED: f64 = 0.95;
/// Confirmed mappings with the same columns that are compared with the values of a table at most.
const COMPARED: usize = 10;
/// Of a place that was confirmed in a table without a header: no name says that this is such a table again.
const SAME_PLACE: f64 = 0.85;

/// Where the columns of a table go.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) entity: Entity,
    pub(super) columns: Vec<Option<&'static FieldSpec>>,
    pub(super) mapping: Vec<MappedColumn>,
    /// Columns about which somebody has decided.
    decided: Vec<bool>,
}

/// Maps every column.
///
/// # Errors
/// [`OpenError::Mapping`] where what was asked for does not fit.
pub(super) fn plan(table: &Table, options: &Options) -> Result<Plan, OpenError> {
    let columns = &table.columns;
    if columns.iter().any(|column| column.contains('\0')) {
        return Err(OpenError::Binary { what: "the header holds a NUL character".into() });
    }
    let confirmed = |entity: Option<Entity>| {
        options
            .earlier
            .confirmed
            .iter()
            .filter(|earlier| entity.is_none_or(|entity| earlier.entity == entity) && earlier.is_of(columns))
            .take(COMPARED)
            .find(|earlier| table.is_named() || !is_contradicted(table, earlier, options))
    };
    let entity = options
        .entity
        .or_else(|| confirmed(None).filter(|_| options.mapping.is_empty()).map(|earlier| earlier.entity))
        .unwrap_or_else(|| guess_entity(columns, options));
    let mut plan = Plan {
        entity,
        columns: vec![None; columns.len()],
        mapping: columns.iter().map(|column| MappedColumn::left_out(column, "nothing tells what it holds")).collect(),
        decided: vec![false; columns.len()],
    };
    if let Some(previewed) = &options.earlier.previewed {
        plan.repeat(table, &previewed.mapping)?;
        return Ok(plan);
    }
    plan.follow_request(table, options)?;
    match confirmed(Some(entity)) {
        Some(same) => plan.follow_same(table, same),
        None if table.is_named() => {
            // A field's own name says more than what another table has taught; another known name says less.
            plan.follow_names(columns, EXACT);
            plan.follow_shared(columns, options);
        }
        None => {}
    }
    plan.follow_names(columns, ALIAS);
    plan.weigh(table, options);
    plan.note_notations(table);
    Ok(plan)
}

impl Plan {
    /// Reads the table as the preview did that a person has seen.
    fn repeat(&mut self, table: &Table, previewed: &[MappedColumn]) -> Result<(), OpenError> {
        if !previewed.iter().map(|column| &column.column).eq(&table.columns) {
            return Err(OpenError::Mapping { why: "the columns are not those of the preview".into() });
        }
        for (position, column) in previewed.iter().enumerate() {
            let spec = column.field.as_deref().map(|field| self.field(field)).transpose()?;
            self.assign(position, spec, column.confidence, &column.reason);
            if let Some(mapped) = self.mapping.get_mut(position) {
                mapped.notation = column.notation;
            }
        }
        Ok(())
    }

    /// Notes for every column how its values are written.
    fn note_notations(&mut self, table: &Table) {
        for (position, (spec, mapped)) in self.columns.iter().zip(&mut self.mapping).enumerate() {
            let Some(spec) = spec else { continue };
            let shown = notation::shown(spec.kind, &table.values(position));
            mapped.notation = shown.notation;
            if let Some(words) = shown.words {
                mapped.reason = format!("{}; {words}", mapped.reason);
            }
        }
    }

    /// Applies the mapping asked for.
    fn follow_request(&mut self, table: &Table, options: &Options) -> Result<(), OpenError> {
        let columns = Columns::new(&table.columns);
        for (column, field) in &options.mapping {
            let position = find_column(&columns, column).map_err(|fault| OpenError::Mapping { why: fault.message })?;
            if self.is_decided(position) {
                let why = format!("“{}” is the column that another name of the mapping means", shorten(column));
                return Err(OpenError::Mapping { why });
            }
            let spec = match field.trim() {
                "" => None,
                field => Some(self.field(field)?),
            };
            if let Some(spec) = spec.filter(|spec| self.has(spec)) {
                return Err(OpenError::Mapping { why: format!("two columns are mapped to {}", spec.name) });
            }
            self.decide(position, spec, 1.0, if spec.is_some() { "asked for" } else { "left out, as asked for" });
        }
        Ok(())
    }

    /// Applies what was confirmed for a table with the same columns.
    fn follow_same(&mut self, table: &Table, same: &ConfirmedMapping) {
        // Of columns that share a name, the first is the first again.
        let mut left: Vec<_> = same.columns.iter().collect();
        for (position, name) in table.columns.iter().enumerate() {
            let Some(place) = left.iter().position(|(column, _)| column == name) else { continue };
            let (_, field) = left.remove(place);
            let confidence = if table.is_named() { 1.0 } else { SAME_PLACE };
            self.confirm(position, field.as_deref(), confidence, &same.origin);
        }
    }

    /// Applies what was confirmed for single columns of the same name in tables with other columns.
    fn follow_shared(&mut self, columns: &[String], options: &Options) {
        let earlier = || options.earlier.confirmed.iter().filter(|earlier| earlier.entity == self.entity);
        let known: Vec<_> = columns
            .iter()
            .map(|name| {
                earlier().find_map(|earlier| {
                    let of_name = |(column, field): &&(String, Option<String>)| column == name && field.is_some();
                    earlier.columns.iter().find(of_name).map(|(_, field)| (field.clone(), earlier.origin.clone()))
                })
            })
            .collect();
        for (position, found) in known.into_iter().enumerate() {
            if let Some((field, origin)) = found {
                self.confirm(position, field.as_deref(), SHARED, &format!("{origin}, in a table with other columns"));
            }
        }
    }

    fn confirm(&mut self, position: usize, field: Option<&str>, confidence: f64, origin: &str) {
        if !self.is_free(position) {
            return;
        }
        match field.map(|field| self.field(field)) {
            None => self.decide(position, None, 0.0, &format!("left out, {origin}")),
            Some(Ok(spec)) if !self.has(spec) => self.decide(position, Some(spec), confidence, origin),
            // Taken by a request, or a field that is no more.
            Some(_) => {}
        }
    }

    /// Maps the remaining columns by names that are at least so sure; of two columns for one field, the first.
    fn follow_names(&mut self, columns: &[String], wanted: f64) {
        for (position, column) in columns.iter().enumerate() {
            let Some((spec, confidence)) = fields::by_header(self.entity, column) else { continue };
            if confidence < wanted || !self.is_free(position) {
                continue;
            }
            if self.has(spec) {
                self.explain(position, &format!("another column fills {}", spec.name));
            } else {
                let reason = if confidence >= EXACT { "the name of the field" } else { "a known name of the field" };
                self.assign(position, Some(spec), confidence, reason);
            }
        }
    }

    /// Maps what then remains by names that are nearly known and by values, so that the whole fits best.
    fn weigh(&mut self, table: &Table, options: &Options) {
        let open: Vec<usize> = (0..table.columns.len()).filter(|position| self.is_free(*position)).collect();
        let free: Vec<&'static FieldSpec> = fields::of(self.entity).iter().filter(|spec| !self.has(spec)).collect();
        if open.is_empty() || free.is_empty() {
            return;
        }
        let candidates: Vec<Vec<Candidate>> = open
            .iter()
            .map(|position| {
                let mut found = self.candidates(table, *position, options);
                found.retain(|candidate| free.iter().any(|spec| spec.name == candidate.field.name));
                found
            })
            .collect();
        let score = |spec: &FieldSpec, of: &[Candidate]| {
            let candidate = of.iter().find(|candidate| candidate.field.name == spec.name);
            candidate.filter(|candidate| candidate.confidence >= PROPOSED).map_or(0, |candidate| {
                // A confidence is at most 1: hundredths fit.
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                let hundredths = (candidate.confidence * 100.0).round() as u32;
                hundredths
            })
        };
        let scores: Vec<Vec<u32>> =
            free.iter().map(|spec| candidates.iter().map(|of| score(spec, of)).collect()).collect();
        for (spec, column) in free.iter().zip(assign(&scores)) {
            let Some((position, of)) = column.and_then(|at| Some((*open.get(at)?, candidates.get(at)?))) else {
                continue;
            };
            if let Some(chosen) = of.iter().find(|candidate| candidate.field.name == spec.name) {
                self.assign(position, Some(chosen.field), chosen.confidence, &chosen.reason);
            }
        }
        for (position, of) in open.iter().zip(&candidates) {
            let Some(mapped) = self.mapping.get_mut(*position) else { continue };
            mapped.alternatives = of
                .iter()
                .filter(|other| other.confidence >= MENTIONED && mapped.field.as_deref() != Some(other.field.name))
                .take(ALTERNATIVES)
                .map(|other| Alternative { field: other.field.name.to_owned(), confidence: other.confidence })
                .collect();
        }
    }

    /// What a column may be, best first, by its values and by a name that is nearly known.
    fn candidates(&self, table: &Table, position: usize, options: &Options) -> Vec<Candidate> {
        let mut found = evidence::judge(self.entity, &table.values(position), options.today);
        let name = table.columns.get(position).filter(|_| table.is_named());
        let near = name.and_then(|name| fields::near_header(self.entity, name));
        if let Some((field, meant, distance)) = near {
            let confidence = NEAR.get(distance.saturating_sub(1)).copied().unwrap_or(PROPOSED);
            let reason = format!("spelt almost like “{meant}”, a known name");
            match found.iter_mut().find(|candidate| candidate.field.name == field.name) {
                Some(agreeing) => {
                    agreeing.confidence = confidence + AGREED;
                    agreeing.reason = format!("{reason}, and {}", agreeing.reason);
                }
                None => found.push(Candidate { field, confidence, reason }),
            }
            found.sort_by(|one, two| two.confidence.total_cmp(&one.confidence));
        }
        found
    }

    fn field(&self, name: &str) -> Result<&'static FieldSpec, OpenError> {
        fields::of(self.entity).iter().find(|spec| spec.name == name).ok_or_else(|| OpenError::Mapping {
            why: format!(
                "{} have no field {}; known: {}",
                self.entity,
                shorten(name),
                self.entity.field_names().join(", ")
            ),
        })
    }

    fn has(&self, spec: &FieldSpec) -> bool {
        self.columns.iter().flatten().any(|known| known.name == spec.name)
    }

    fn is_decided(&self, position: usize) -> bool {
        self.decided.get(position).copied().unwrap_or(true)
    }

    fn is_free(&self, position: usize) -> bool {
        !self.is_decided(position) && self.columns.get(position).is_some_and(Option::is_none)
    }

    fn decide(&mut self, position: usize, spec: Option<&'static FieldSpec>, confidence: f64, reason: &str) {
        if let Some(decided) = self.decided.get_mut(position) {
            *decided = true;
        }
        self.assign(position, spec, confidence, reason);
    }

    fn assign(&mut self, position: usize, spec: Option<&'static FieldSpec>, confidence: f64, reason: &str) {
        if let (Some(column), Some(mapped)) = (self.columns.get_mut(position), self.mapping.get_mut(position)) {
            *column = spec;
            mapped.field = spec.map(|spec| spec.name.to_owned());
            mapped.confidence = if spec.is_some() { confidence } else { 0.0 };
            reason.clone_into(&mut mapped.reason);
        }
    }

    fn explain(&mut self, position: usize, reason: &str) {
        if let Some(mapped) = self.mapping.get_mut(position) {
            reason.clone_into(&mut mapped.reason);
        }
    }

    /// Refuses a table of which no row could be stored.
    pub(super) fn require(&self, table: &Table, header_below: impl FnOnce() -> Option<u64>) -> Result<(), OpenError> {
        let missing: Vec<String> = fields::of(self.entity)
            .iter()
            .filter(|spec| spec.required && !self.has(spec))
            .map(|spec| spec.name.to_owned())
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let (columns, header_below) = (table.columns.len(), header_below());
        if !table.is_named() {
            return Err(OpenError::NoHeader { columns, header_below });
        }
        Err(OpenError::MissingColumns { entity: self.entity, missing, columns, header_below })
    }
}

/// Whether the values of a column speak against what was confirmed for its place: then the table is of another kind, which
/// happens to have as many columns.
fn is_contradicted(table: &Table, earlier: &ConfirmedMapping, options: &Options) -> bool {
    earlier.columns.iter().any(|(name, field)| {
        let position = table.columns.iter().position(|column| column == name);
        let spec = field.as_deref().and_then(|field| fields::of(earlier.entity).iter().find(|spec| spec.name == field));
        position.zip(spec).is_some_and(|(position, spec)| {
            evidence::contradict(earlier.entity, spec, &table.values(position), options.today, PROPOSED)
        })
    })
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use csv::StringRecord;
    use proptest::prelude::*;

    use super::super::findings::{guess_issues, unmapped_issue};
    use super::*;
    use crate::import::{ConfirmedMapping, Previewed};

    fn options(mapping: &[(&str, &str)]) -> Options {
        Options::of_test(mapping)
    }

    fn table(lines: &[&str], options: &Options) -> Table {
        let rows: Vec<StringRecord> = lines.iter().map(|line| line.split(';').collect()).collect();
        Table::new(&rows[0].clone(), rows, options)
    }

    fn planned(lines: &[&str], options: &Options) -> Result<Plan, OpenError> {
        let table = table(lines, options);
        let plan = plan(&table, options)?;
        plan.require(&table, || None)?;
        Ok(plan)
    }

    fn to(plan: &Plan) -> Vec<Option<&str>> {
        plan.mapping.iter().map(|column| column.field.as_deref()).collect()
    }

    const PEOPLE: [&str; 6] = [
        "SE-001;Anna;Andersson;1984-05-02;anna@boule.example;2027-12-31",
        "SE-002;Björn;Lindberg;24/12/1990;b.l@boule.example;2027-12-31",
        "SE-003;Kerstin;Lund;1970-01-30;kerstin@lund.example;2027-12-31",
        "SE-004;Lars;Öberg;2001-03-02;lars@oberg.example;2027-12-31",
        "SE-005;Tuva;Dahlgren;1999-10-11;tuva@boule.example;2027-12-31",
        "SE-006;Karin;Ek;1949-07-23;karin@boule.example;2027-12-31",
    ];
    const FIELDS: [Option<&str>; 6] = [
        Some("licence_number"),
        Some("given_name"),
        Some("family_name"),
        Some("birth_date"),
        Some("email"),
        Some("valid_to"),
    ];

    #[test]
    fn a_request_wins_over_detection() {
        let options = options(&[("nom usuel", "family_name"), ("Nom", "")]);
        let plan = planned(&["Licence;Nom;Prénom;Nom usuel"], &options).expect("complete");
        assert_eq!(to(&plan), [Some("licence_number"), None, Some("given_name"), Some("family_name")]);
        assert_eq!(unmapped_issue(&plan.mapping, 1).expect("one column").value.as_deref(), Some("Nom"));
        assert!(guess_issues(&plan.mapping, 1).is_empty());
    }

    #[test]
    fn a_request_that_fits_nothing_is_refused() {
        for mapping in [[("Namn", "club")], [("Nom", "colour")], [("column 4", "club")]] {
            let refused = planned(&["Licence;Nom;Prénom"], &options(&mapping));
            assert_eq!(refused.expect_err("unknown").code(), "mapping_invalid");
        }
    }

    #[test]
    fn clubs_are_recognised_by_their_number() {
        let clubs = planned(&["Klubbnummer;Namn;Ort"], &options(&[])).expect("complete");
        assert_eq!(clubs.entity, Entity::Clubs);
        let members = planned(&["Licensnr;Förnamn;Efternamn;Klubbnummer"], &options(&[]));
        assert_eq!(members.expect("complete").entity, Entity::Members);
    }

    #[test]
    fn data_in_place_of_a_header_is_told_apart_from_a_poor_header() {
        let data = planned(&["1001;Anna;Berg"], &options(&[])).expect_err("data");
        assert_eq!(data.code(), "header_missing");
        let poor = planned(&["licence;Namn"], &options(&[])).expect_err("incomplete");
        assert_eq!(poor.code(), "columns_missing");
        assert!(poor.hint().contains("given_name, family_name"));
    }

    #[test]
    fn unknown_headers_are_mapped_by_what_stands_below_them() {
        let lines = [&["Id;Fn;Ln;D1;Adr;D2"], &PEOPLE[..]].concat();
        let plan = planned(&lines, &options(&[])).expect("complete");
        assert_eq!(to(&plan), FIELDS);
        assert!(plan.mapping.iter().all(|column| (PROPOSED..=evidence::MOST).contains(&column.confidence)));
        assert_eq!(
            plan.mapping[3].reason,
            "6 of 6 values are dates in the past, as of birth; days come first, as in 24/12/1990"
        );
        let issues = guess_issues(&plan.mapping, 1);
        assert_eq!(issues.len(), 6);
        assert_eq!((issues[0].code, issues[0].column.as_deref()), ("column_guessed", Some("Id")));
    }

    #[test]
    fn a_table_without_a_header_is_mapped_by_its_values_or_by_place() {
        let shown = table(&PEOPLE, &options(&[]));
        assert!(!shown.is_named());
        assert_eq!((shown.columns[0].as_str(), shown.values(0).len()), ("column 1", 6));
        assert_eq!(to(&planned(&PEOPLE, &options(&[])).expect("complete")), FIELDS);
        let asked = options(&[("column 5", ""), ("column 2", "family_name"), ("column 3", "given_name")]);
        let plan = planned(&PEOPLE, &asked).expect("complete");
        assert_eq!(to(&plan)[1..5], [Some("family_name"), Some("given_name"), Some("birth_date"), None]);
    }

    #[test]
    fn a_slip_in_a_header_is_no_certainty() {
        let names = "Licensnumer;Förnamn;Efternamn";
        let plan = planned(&[names], &options(&[])).expect("complete");
        assert_eq!(plan.mapping[0].field.as_deref(), Some("licence_number"));
        assert!(plan.mapping[0].is_guessed() && !plan.mapping[1].is_guessed());
        assert!(plan.mapping[0].reason.contains("licensnummer"));
        let with_values = planned(&[names, "SE-1;A;B", "SE-2;A;B", "SE-3;A;B"], &options(&[])).expect("complete");
        assert!(with_values.mapping[0].confidence > plan.mapping[0].confidence && with_values.mapping[0].is_guessed());
    }

    #[test]
    fn a_known_name_is_not_overruled_by_values() {
        let lines = ["Licens;Förnamn;Efternamn;Telefon", "1;A;B;a@b.se", "2;A;B;c@d.se", "3;A;B;e@f.se"];
        let plan = planned(&lines, &options(&[])).expect("complete");
        assert_eq!(plan.mapping[3].field.as_deref(), Some("phone"));
    }

    fn confirmed(columns: &[(&str, Option<&str>)]) -> ConfirmedMapping {
        ConfirmedMapping {
            entity: Entity::Members,
            columns: columns.iter().map(|(name, to)| ((*name).to_owned(), to.map(str::to_owned))).collect(),
            origin: "as confirmed in imp_1 on 2026-01-02".to_owned(),
        }
    }

    #[test]
    fn what_was_confirmed_is_done_again() {
        let mut options = options(&[]);
        options.earlier.confirmed = vec![confirmed(&[
            ("No", Some("licence_number")),
            ("A", Some("given_name")),
            ("B", Some("family_name")),
            ("Klubb", None),
        ])];
        // The order of the columns does not matter.
        let same = planned(&["B;A;No;Klubb"], &options).expect("complete");
        assert_eq!(to(&same), [Some("family_name"), Some("given_name"), Some("licence_number"), None]);
        assert!(same.mapping[..3].iter().all(|column| column.confidence >= 1.0 && column.reason.contains("imp_1")));
        let other = planned(&["B;A;No;Klubb;E-post"], &options).expect("complete");
        assert_eq!(to(&other)[3..], [Some("club"), Some("email")]);
        assert!(other.mapping[0].confidence < 1.0 && !other.mapping[0].is_guessed());
        options.mapping =
            BTreeMap::from([("A".to_owned(), String::new()), ("Klubb".to_owned(), "given_name".to_owned())]);
        let asked = planned(&["B;A;No;Klubb"], &options).expect("complete");
        assert_eq!(to(&asked)[1..], [None, Some("licence_number"), Some("given_name")]);
    }

    #[test]
    fn the_name_of_a_field_wins_over_what_another_table_has_taught() {
        let mut options = options(&[]);
        options.earlier.confirmed =
            vec![confirmed(&[("Mail", Some("licence_number")), ("Born", Some("email")), ("E-post", Some("phone"))])];
        let plan = planned(&["licence_number;Förnamn;Efternamn;email;Mail;Born;E-post"], &options).expect("complete");
        let fields = [Some("licence_number"), Some("given_name"), Some("family_name"), Some("email")];
        assert_eq!(to(&plan)[..4], fields);
        assert_eq!(to(&plan)[4..], [None, Some("birth_date"), Some("phone")]);
        assert!(plan.mapping[..4].iter().all(|column| !column.reason.contains("imp_1")));
    }

    #[test]
    fn columns_that_share_a_name_or_bear_that_of_a_place_are_mapped_by_their_places() {
        let header = ["column 2;column 1;Namn;Namn"];
        let asked =
            options(&[("#1", "licence_number"), ("#3", "given_name"), ("#4", "family_name"), ("column 1", "club")]);
        let plan = planned(&header, &asked).expect("complete");
        assert_eq!(to(&plan), [Some("licence_number"), Some("club"), Some("given_name"), Some("family_name")]);
        for mapping in [[("Namn", "club"), ("#1", "")], [("#2", "club"), ("column 1", "")]] {
            assert_eq!(planned(&header, &options(&mapping)).expect_err("unclear").code(), "mapping_invalid");
        }
    }

    #[test]
    fn places_that_were_confirmed_stay_a_guess() {
        let mut options = options(&[]);
        let places =
            [("column 1", Some("licence_number")), ("column 2", Some("family_name")), ("column 3", Some("given_name"))];
        options.earlier.confirmed = vec![confirmed(&places)];
        let plan = planned(&["1;x;y", "2;x;y"], &options).expect("complete");
        assert!(plan.mapping.iter().all(MappedColumn::is_guessed));
    }

    #[test]
    fn places_that_were_confirmed_yield_to_values_of_another_kind() {
        let mut options = options(&[]);
        let places = |second, third| {
            confirmed(&[("column 1", Some("licence_number")), ("column 2", Some(second)), ("column 3", Some(third))])
        };
        let people = ["1001;Anna;Andersson", "1002;Karin;Lindberg", "1003;Lars;Dahlgren", "1004;Emma;Nilsson"];
        let wanted = [Some("licence_number"), Some("given_name"), Some("family_name")];
        options.earlier.confirmed = vec![places("family_name", "given_name")];
        let plan = planned(&people, &options).expect("complete");
        assert_eq!(to(&plan), wanted);
        assert!(plan.mapping.iter().all(|column| !column.reason.contains("imp_1")), "{:?}", plan.mapping);
        // An earlier one that fits is followed.
        options.earlier.confirmed.push(places("given_name", "family_name"));
        let plan = planned(&people, &options).expect("complete");
        assert_eq!(to(&plan), wanted);
        assert!(plan.mapping.iter().all(|column| column.reason.contains("imp_1")), "{:?}", plan.mapping);
    }

    proptest! {
        #[test]
        fn no_field_is_filled_twice_and_guesses_are_known_for_such(
            header in proptest::collection::vec(
                prop_oneof![
                    Just("Licens"), Just("Licensnr"), Just("Licensnumer"), Just("Namn"), Just("Förnamn"), Just("Epost"),
                    Just("E-post"), Just("x"), Just("D"), Just("2025"), Just(""), Just("column 2"),
                ],
                1..8,
            ),
            cells in proptest::collection::vec(
                prop_oneof![
                    Just("SE-001"), Just("SE-002"), Just("Anna"), Just("Lindberg"), Just("a@b.se"), Just("1984-05-02"),
                    Just("2027-12-31"), Just("F"), Just("SE"), Just("2025/26"), Just(""), Just("070-123 45 67"),
                ],
                0..80,
            ),
            entity in prop_oneof![Just(None), Just(Some(Entity::Members)), Just(Some(Entity::Clubs))],
        ) {
            let mut rows: Vec<StringRecord> = vec![header.iter().collect()];
            rows.extend(cells.chunks_exact(header.len()).map(|row| row.iter().collect()));
            let options = Options { entity, ..options(&[]) };
            let table = Table::new(&rows[0].clone(), rows, &options);
            let plan = plan(&table, &options).expect("nothing was asked for");
            prop_assert_eq!(plan.mapping.len(), header.len());
            let mut filled: Vec<_> = plan.mapping.iter().filter_map(|column| column.field.as_deref()).collect();
            let all = filled.len();
            filled.sort_unstable();
            filled.dedup();
            prop_assert_eq!(filled.len(), all);
            for column in &plan.mapping {
                let named = fields::by_header(plan.entity, &column.column).is_some();
                prop_assert!(named || column.field.is_none() || column.is_guessed());
                prop_assert!((0.0..=1.0).contains(&column.confidence) && !column.reason.is_empty());
            }
        }
    }

    #[test]
    fn loading_repeats_the_preview() {
        let mut seen = planned(&PEOPLE, &options(&[])).expect("complete").mapping;
        seen[4].field = None;
        let mut options = options(&[]);
        options.earlier.previewed = Some(Previewed { named: false, mapping: seen.clone() });
        let again = planned(&PEOPLE, &options).expect("complete");
        assert_eq!(again.mapping[4].field, None);
        let other = planned(&["a;b", "1;2"], &options).expect_err("another table");
        assert_eq!(other.code(), "mapping_invalid");
    }
}
