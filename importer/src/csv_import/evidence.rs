//! What the values of a column say about the field that it fills, where its header does not.

use std::collections::HashSet;

use chrono::{Datelike, NaiveDate};

use super::header::shape;
use super::identity_numbers::are_identity_numbers;
use super::{countries, name_lists};
use crate::format::Entity;
use crate::rows::cleaning;
use crate::rows::dates::{self, DateOrder};
use crate::rows::fields::{self, FieldKind, FieldSpec};

/// Values alone never make surer than this, and a known name always does.
pub(super) const MOST: f64 = 0.7;

/// Values that do not fit: of ten, one may be wrong, as files are.
const FITTING: f64 = 0.9;

/// A field that a column may fill.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) field: &'static FieldSpec,
    /// Above 0, at most [`MOST`].
    pub(super) confidence: f64,
    /// In words.
    pub(super) reason: String,
}

/// The values of a column that are not empty, trimmed.
struct Values<'a> {
    filled: Vec<&'a str>,
    distinct: HashSet<&'a str>,
    /// The order that those among them which are dates show.
    order: DateOrder,
    today: NaiveDate,
}

/// A shape that the values of a column have.
struct Finding {
    /// Values that have it.
    fitting: usize,
    /// How well the shape tells its field from others, 0 to 1.
    strength: f64,
    /// The shape in words, behind "12 of 12 values are".
    what: &'static str,
}

/// A look at a column, and the fields that it may speak for: the first that the entity has.
type Look = (&'static [&'static str], fn(&Values<'_>) -> Option<Finding>);

const LOOKS: [Look; 14] = [
    (&["licence_number", "club_number"], numbers),
    (&["email"], emails),
    (&["birth_date"], birth_dates),
    (&["valid_to"], coming_dates),
    (&["phone"], phones),
    (&["sex"], sexes),
    (&["nationality"], nationalities),
    (&["season"], seasons),
    (&["licence_type"], licence_types),
    (&["category"], categories),
    (&["postal_code"], postal_codes),
    (&["given_name"], given_names),
    (&["family_name"], family_names),
    (&["club", "name"], clubs),
];

/// The fields that a column may fill, judged by its values, best first.
pub(super) fn judge(entity: Entity, values: &[&str], today: NaiveDate) -> Vec<Candidate> {
    let values = Values::new(values, today);
    if values.filled.is_empty() {
        return Vec::new();
    }
    let known = fields::of(entity);
    let mut candidates: Vec<Candidate> = LOOKS
        .iter()
        .filter_map(|(names, look)| {
            let field = names.iter().find_map(|name| known.iter().find(|field| field.name == *name))?;
            let finding = look(&values)?;
            let (fitting, all) = (as_number(finding.fitting), as_number(values.filled.len()));
            // A few values prove little: three of three are not a hundred of a hundred.
            let confidence = MOST * finding.strength * (fitting / all) * (all / (all + 2.0));
            let reason = format!("{} of {} values are {}", finding.fitting, values.filled.len(), finding.what);
            let confidence = (confidence * 100.0).round() / 100.0;
            (confidence > 0.0).then_some(Candidate { field, confidence, reason })
        })
        .collect();
    candidates.sort_by(|one, two| two.confidence.total_cmp(&one.confidence));
    candidates
}

/// Whether the values of a column speak against a field: most are not of its kind, or they speak for another field with
/// at least this confidence and not for this one.
pub(super) fn contradict(entity: Entity, field: &FieldSpec, values: &[&str], today: NaiveDate, least: f64) -> bool {
    let looked_at = Values::new(values, today);
    let fitting = looked_at.count(|value| match field.kind {
        FieldKind::Date | FieldKind::BirthDate => dates::is_date(value),
        FieldKind::Sex => cleaning::is_sex(value),
        FieldKind::LicenceType => cleaning::is_licence_type(value),
        FieldKind::Nationality => matches!(value.len(), 2 | 3) && value.chars().all(|one| one.is_ascii_alphabetic()),
        FieldKind::Email => value.contains('@'),
        FieldKind::Integer | FieldKind::Decimal => digits(value) > 0,
        FieldKind::Text | FieldKind::Key => true,
    });
    if fitting * 2 < looked_at.filled.len() {
        return true;
    }
    let candidates = judge(entity, values, today);
    matches!(field.kind, FieldKind::Text | FieldKind::Key)
        && candidates.first().is_some_and(|best| best.confidence >= least)
        && candidates.iter().all(|candidate| candidate.field.name != field.name)
}

/// Exact for anything that fits into the head of a file.
fn as_number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

impl<'a> Values<'a> {
    fn new(values: &[&'a str], today: NaiveDate) -> Self {
        let filled: Vec<&str> = values.iter().map(|value| value.trim()).filter(|value| !value.is_empty()).collect();
        let order = dates::shown_order(filled.iter().copied()).order;
        Self { distinct: filled.iter().copied().collect(), filled, order, today }
    }

    fn date(&self, value: &str) -> Option<NaiveDate> {
        dates::parse_date(value, self.order)
    }

    fn count(&self, fits: impl Fn(&str) -> bool) -> usize {
        self.filled.iter().filter(|value| fits(value)).count()
    }

    /// A finding where enough values fit.
    fn mostly(&self, strength: f64, what: &'static str, fits: impl Fn(&str) -> bool) -> Option<Finding> {
        let fitting = self.count(fits);
        (as_number(fitting) >= FITTING * as_number(self.filled.len())).then_some(Finding { fitting, strength, what })
    }

    /// Whether hardly any value stands twice.
    fn are_unique(&self) -> bool {
        as_number(self.distinct.len()) >= 0.98 * as_number(self.filled.len())
    }

    /// Whether values repeat as those of a choice do.
    fn are_few(&self) -> bool {
        self.distinct.len() <= 2 || self.distinct.len() * 4 <= self.filled.len()
    }
}

fn digits(value: &str) -> usize {
    value.bytes().filter(u8::is_ascii_digit).count()
}

/// Numbers of licences or clubs: every one another, all of one make, and none of what else is written in digits.
fn numbers(values: &Values<'_>) -> Option<Finding> {
    let fits = |value: &str| {
        (3..=20).contains(&value.len())
            && digits(value) > 0
            && value.chars().all(|character| character.is_ascii_alphanumeric() || matches!(character, '-' | '/' | '.'))
            && !dates::is_date(value)
            && !dates::is_built_like_date(value)
            && !is_telephone_number(value)
            && !is_decimal(value)
    };
    if !values.are_unique() || are_identity_numbers(&values.filled, values.today) {
        return None;
    }
    let shapes: HashSet<String> = values.filled.iter().map(|value| shape(value)).collect();
    let strength = match (shapes.len() <= 2, values.filled.iter().any(|value| digits(value) < value.len())) {
        (true, true) => 1.0,
        (true, false) => 0.9,
        (false, _) => 0.7,
    };
    values.mostly(strength, "numbers that occur once", fits)
}

fn emails(values: &Values<'_>) -> Option<Finding> {
    values.mostly(1.0, "e-mail addresses", |value| {
        value.split_once('@').is_some_and(|(name, domain)| !name.is_empty() && domain.contains('.'))
            && !value.contains(char::is_whitespace)
    })
}

/// Dates on which somebody who plays may have been born.
fn birth_dates(values: &Values<'_>) -> Option<Finding> {
    let latest = values.today.year() - 3;
    values.mostly(0.95, "dates in the past, as of birth", |value| {
        values.date(value).is_some_and(|date| (1900..=latest).contains(&date.year()))
    })
}

fn coming_dates(values: &Values<'_>) -> Option<Finding> {
    let earliest = values.today.year() - 2;
    let ahead = values.count(|value| values.date(value).is_some_and(|date| date > values.today));
    if ahead * 2 < values.filled.len() {
        return None;
    }
    values.mostly(0.85, "dates, most of them still to come", |value| {
        values.date(value).is_some_and(|date| date.year() >= earliest)
    })
}

fn phones(values: &Values<'_>) -> Option<Finding> {
    if are_identity_numbers(&values.filled, values.today) {
        return None;
    }
    values.mostly(0.9, "telephone numbers", is_telephone_number)
}

/// Digits alone are a telephone number from nine on: licences of eight digits begin with a nought as well.
fn is_telephone_number(value: &str) -> bool {
    let count = digits(value);
    value.starts_with(['+', '0', '('])
        && !value.starts_with("000")
        && (8..=15).contains(&count)
        && (count > 8 || count < value.len())
        && value
            .chars()
            .all(|character| character.is_ascii_digit() || matches!(character, '+' | ' ' | '-' | '(' | ')' | '.' | '/'))
        && !dates::is_date(value)
}

/// An amount or a share: digits around one point.
fn is_decimal(value: &str) -> bool {
    value.split_once('.').is_some_and(|(whole, fraction)| {
        digits(whole) == whole.len() && digits(fraction) == fraction.len() && !whole.is_empty() && !fraction.is_empty()
    })
}

fn sexes(values: &Values<'_>) -> Option<Finding> {
    // One letter alone may stand for anything.
    let strength = if values.distinct.len() > 1 { 0.9 } else { 0.6 };
    if !values.are_few() && values.filled.len() > 8 {
        return None;
    }
    values.mostly(strength, "words for a sex", cleaning::is_sex)
}

fn nationalities(values: &Values<'_>) -> Option<Finding> {
    values.mostly(0.8, "codes of countries", countries::is_code)
}

fn seasons(values: &Values<'_>) -> Option<Finding> {
    let year = values.today.year();
    let near =
        |text: &str| text.len() == 4 && text.parse::<i32>().is_ok_and(|found| (year - 5..=year + 2).contains(&found));
    let span = |value: &str| {
        value.split_once(['/', '-']).is_some_and(|(from, to)| {
            near(from) && matches!(to.len(), 2 | 4) && to.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    values.mostly(0.95, "seasons of two years", span).or_else(|| {
        let few = values.are_few();
        values.mostly(0.7, "years of about now", near).filter(|_| few)
    })
}

fn licence_types(values: &Values<'_>) -> Option<Finding> {
    values.mostly(0.95, "types of licence", cleaning::is_licence_type)
}

fn categories(values: &Values<'_>) -> Option<Finding> {
    const WORDS: [&str; 16] = [
        "adult",
        "benjamin",
        "cadet",
        "espoir",
        "junior",
        "juniors",
        "juniorer",
        "minime",
        "senior",
        "seniors",
        "seniorer",
        "veteran",
        "veterans",
        "veteraner",
        "vuxen",
        "youth",
    ];
    values.mostly(0.85, "classes of age", |value| {
        let folded = fields::fold(value);
        let under = folded.strip_prefix('u').is_some_and(|age| matches!(age.len(), 1 | 2) && digits(age) == age.len());
        under || WORDS.contains(&folded.as_str())
    })
}

fn postal_codes(values: &Values<'_>) -> Option<Finding> {
    let strength = if values.are_unique() { 0.5 } else { 0.7 };
    values.mostly(strength, "like postal codes", |value| match value.split_once(' ') {
        None => value.len() == 5 && digits(value) == 5,
        Some((start, end)) => start.len() == 3 && end.len() == 2 && digits(start) + digits(end) == 5,
    })
}

fn is_name(value: &str) -> bool {
    value.len() <= 60
        && value.chars().next().is_some_and(char::is_alphabetic)
        && value.chars().all(|character| character.is_alphabetic() || matches!(character, ' ' | '-' | '\'' | '’' | '.'))
}

/// A column of names, if enough of them are known to be of one kind: the more are, the stronger.
fn names(values: &Values<'_>, what: &'static str, known: fn(&str) -> bool, other: fn(&str) -> bool) -> Option<Finding> {
    let (hits, others) = (values.count(known), values.count(other));
    if hits * 5 < values.filled.len() || hits <= others {
        return None;
    }
    let share = as_number(hits) / as_number(values.filled.len());
    values.mostly(0.6 + 0.4 * share, what, is_name)
}

fn given_names(values: &Values<'_>) -> Option<Finding> {
    names(values, "words like given names", name_lists::is_given, name_lists::is_family)
}

fn family_names(values: &Values<'_>) -> Option<Finding> {
    names(values, "words like family names", name_lists::is_family, name_lists::is_given).or_else(|| {
        // French lists write family names, and nothing else of a person, in capitals.
        let capitals = |value: &str| is_name(value) && value.len() > 3 && !value.chars().any(char::is_lowercase);
        let several = values.distinct.len() * 3 > values.filled.len();
        values.mostly(0.7, "words in capitals, as family names are written", capitals).filter(|_| several)
    })
}

fn clubs(values: &Values<'_>) -> Option<Finding> {
    let hits = values.count(name_lists::is_club);
    (hits * 2 >= values.filled.len()).then_some(Finding { fitting: hits, strength: 0.85, what: "like names of clubs" })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn today() -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 1, 10).expect("a date")
    }

    fn best(values: &[&str]) -> Option<&'static str> {
        judge(Entity::Members, values, today()).first().map(|candidate| candidate.field.name)
    }

    #[test]
    fn every_kind_of_column_is_known_by_its_values() {
        for (field, values) in [
            ("licence_number", ["SE-00012", "SE-00013", "SE-00414", "SE-00017", "SE-09001"]),
            ("licence_number", ["100012", "100013", "100414", "100017", "109001"]),
            ("email", ["a@b.se", "c.d@e.example", "f@g.fr", "h@i.no", "k@l.com"]),
            ("birth_date", ["1984-05-02", "24/12/1990", "1970-01-01", "02.03.2001", "19610707"]),
            ("valid_to", ["2026-12-31", "2026-12-31", "31/12/2026", "2026-12-31", "2025-12-31"]),
            ("phone", ["+46 70 123 45 67", "070-123 45 68", "08-123 456 78", "+33612345678", "0701234569"]),
            ("sex", ["F", "M", "m", "F", "K"]),
            ("nationality", ["SE", "SE", "NO", "SE", "FR"]),
            ("nationality", ["SWE", "SWE", "FRA", "SWE", "NOR"]),
            ("season", ["2025/26", "2025/26", "2025/2026", "2024/25", "2025-26"]),
            ("season", ["2025", "2025", "2026", "2025", "2025"]),
            ("licence_type", ["Tävling", "motion", "competition", "Jeune", "tävling"]),
            ("category", ["U18", "Senior", "Vétéran", "Junior", "u12"]),
            ("postal_code", ["112 34", "112 34", "75011", "75011", "416 64"]),
            ("given_name", ["Anna", "Björn", "Jean-Pierre", "Kerstin", "Tuva"]),
            ("family_name", ["Andersson", "Lindberg", "Öberg", "Hansen", "Okafor"]),
            ("family_name", ["TREMBLAY", "OUELLET", "GAGNON", "CÔTÉ-ROY", "LAVOIE"]),
            ("club", ["Boule Syd", "Sollentuna BK", "Boule Syd", "Pétanque Club", "Solna"]),
        ] {
            assert_eq!(best(&values), Some(field), "{values:?}");
        }
    }

    #[test]
    fn what_says_nothing_is_not_guessed() {
        for values in [
            ["blue", "red", "green", "blue", "red"],
            ["1", "2", "3", "4", "5"],
            ["Solna", "Lund", "Umeå", "Lund", "Solna"],
            ["2025-11-01", "2025-10-01", "2025-09-12", "2025-08-02", "2025-07-09"],
            ["", " ", "", "", ""],
        ] {
            assert_eq!(best(&values), None, "{values:?}");
        }
    }

    #[test]
    fn other_things_in_digits_are_no_numbers_of_licences() {
        for (field, values) in [
            (Some("phone"), ["0701234567", "0702345678", "0703456789", "0704567890", "0705678901"]),
            (Some("phone"), ["06.12.34.56.78", "06.12.34.56.79", "06.12.34.56.80", "06.12.34.56.81", "06.12.34.56.82"]),
            (None, ["12.50", "13.75", "9.5", "112.25", "0.125"]),
            (None, ["19840502-1234", "19901224-4321", "19700130-0011", "20010302-2211", "19991011-3344"]),
            (None, ["8405021234", "9012244321", "7001300011", "0103022211", "9910113344"]),
            (Some("birth_date"), ["05/22/1984", "12/24/1990", "01/30/1970", "03/02/2001", "10/11/1999"]),
            (None, ["22/05/84", "24/12/90", "30/01/70", "02/03/01", "11/10/99"]),
            (Some("licence_number"), ["01234567", "01234568", "01234570", "01234599", "01234601"]),
            (Some("licence_number"), ["0000012345", "0000012346", "0000012350", "0000012399", "0000012401"]),
        ] {
            assert_eq!(best(&values), field, "{values:?}");
        }
    }

    #[test]
    fn values_of_another_kind_contradict_a_field() {
        let against = |name: &str, values: &[&str]| {
            let field = fields::of(Entity::Members).iter().find(|field| field.name == name).expect("a field");
            contradict(Entity::Members, field, values, today(), 0.3)
        };
        let (given, family) = (["Anna", "Björn", "Kerstin", "Tuva"], ["Andersson", "Lindberg", "Öberg", "Hansen"]);
        let dates = ["1984-05-02", "24/12/1990", "1970-01-01", "02.03.2001"];
        assert!(!against("given_name", &given) && !against("family_name", &family) && !against("birth_date", &dates));
        assert!(against("given_name", &family) && against("family_name", &given));
        for field in ["given_name", "licence_number", "email", "sex", "phone"] {
            assert!(against(field, &dates), "{field}");
        }
        assert!(against("birth_date", &given) && against("nationality", &dates));
        // Nothing is said by nothing, or by what says nothing.
        assert!(!against("birth_date", &["", " "]) && !against("city", &["Solna", "Lund", "Umeå", "Lund"]));
    }

    #[test]
    fn more_values_make_surer_and_strays_less_sure() {
        let sure =
            |values: &[&str]| judge(Entity::Members, values, today()).first().map_or(0.0, |best| best.confidence);
        let few = ["a@b.se"; 3];
        let many = ["a@b.se"; 60];
        let mut strays = many;
        strays[..4].fill("none");
        assert!(0.0 < sure(&few) && sure(&few) < sure(&strays) && sure(&strays) < sure(&many));
        assert!(sure(&many) <= MOST);
        assert_eq!(judge(Entity::Members, &few, today())[0].reason, "3 of 3 values are e-mail addresses");
    }

    #[test]
    fn an_entity_has_its_own_fields() {
        let values = ["K-101", "K-102", "K-103", "K-104"];
        let of = |entity| judge(entity, &values, today()).first().map(|candidate| candidate.field.name);
        assert_eq!((of(Entity::Members), of(Entity::Clubs)), (Some("licence_number"), Some("club_number")));
    }

    proptest! {
        #[test]
        fn any_values_are_survived_and_never_certain(values in proptest::collection::vec("\\PC{0,20}", 0..30)) {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            for candidate in judge(Entity::Members, &values, today()) {
                prop_assert!(candidate.confidence > 0.0 && candidate.confidence <= MOST);
                prop_assert!(!candidate.reason.is_empty());
            }
        }
    }
}
