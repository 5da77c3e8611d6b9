//! The fields of every entity that comes in rows, and the names that columns for members and clubs go by in English,
//! French and Swedish.

use unicode_normalization::UnicodeNormalization;

use crate::format::Entity;

use super::JudgedColumn;

/// How the values of a field are checked and cleaned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldKind {
    /// Free text.
    Text,
    /// A natural key: text that a spreadsheet must not have turned into a rounded number.
    Key,
    /// A date that is not in the future.
    BirthDate,
    /// A date.
    Date,
    /// M, F or X.
    Sex,
    /// Two or three letters of ISO 3166.
    Nationality,
    /// competition, leisure, youth or discovery.
    LicenceType,
    /// An e-mail address.
    Email,
    /// A whole number.
    Integer,
    /// A number with a decimal point, kept as exactly as it is written.
    Decimal,
}

/// A field of an entity.
#[derive(Debug)]
pub(crate) struct FieldSpec {
    pub(crate) name: &'static str,
    pub(crate) required: bool,
    pub(crate) kind: FieldKind,
    /// Further names of the column, in the folded form that [`fold`] gives.
    aliases: &'static [&'static str],
}

impl FieldSpec {
    /// As a column of a file, where it is called `column`.
    pub(crate) fn judged(&self, column: &str) -> JudgedColumn {
        JudgedColumn { field: self.name.to_owned(), column: column.to_owned(), required: self.required, unique: false }
    }
}

const fn field(name: &'static str, kind: FieldKind, aliases: &'static [&'static str]) -> FieldSpec {
    FieldSpec { name, required: false, kind, aliases }
}

const fn required(name: &'static str, kind: FieldKind, aliases: &'static [&'static str]) -> FieldSpec {
    FieldSpec { name, required: true, kind, aliases }
}

/// Fields of a member.
static MEMBERS: [FieldSpec; 15] = [
    required(
        "licence_number",
        FieldKind::Key,
        &[
            "licensenumber",
            "licenceno",
            "licenseno",
            "licencenr",
            "licence",
            "license",
            "licenceid",
            "licenseid",
            "numerolicence",
            "numerodelicence",
            "nolicence",
            "nolicense",
            "nlicence",
            "numlicence",
            "licensnummer",
            "licensnr",
            "licens",
            "membernumber",
            "memberno",
            "memberid",
            "medlemsnummer",
            "medlemsnr",
            "numeroadherent",
        ],
    ),
    required(
        "given_name",
        FieldKind::Text,
        &["givennames", "firstname", "forename", "prenom", "prenoms", "fornamn", "tilltalsnamn"],
    ),
    required("family_name", FieldKind::Text, &["lastname", "surname", "nom", "nomdefamille", "efternamn", "slaktnamn"]),
    field(
        "birth_date",
        FieldKind::BirthDate,
        &[
            "dateofbirth",
            "dob",
            "birthday",
            "born",
            "datenaissance",
            "datedenaissance",
            "neele",
            "nele",
            "fodelsedatum",
            "fodd",
            "fodelsedag",
        ],
    ),
    field("sex", FieldKind::Sex, &["gender", "sexe", "genre", "kon"]),
    field(
        "nationality",
        FieldKind::Nationality,
        &["nation", "citizenship", "nationalite", "nationalitet", "medborgarskap"],
    ),
    field(
        "club",
        FieldKind::Text,
        &[
            "clubname",
            "clubnumber",
            "clubno",
            "clubcode",
            "clubid",
            "nomclub",
            "nomduclub",
            "numeroclub",
            "association",
            "klubb",
            "klubbnamn",
            "klubbnummer",
            "forening",
            "foreningsnamn",
        ],
    ),
    field("category", FieldKind::Text, &["agecategory", "agegroup", "categorie", "kategori", "klass", "aldersklass"]),
    field(
        "licence_type",
        FieldKind::LicenceType,
        &["licensetype", "typelicence", "typedelicence", "licenstyp", "typavlicens"],
    ),
    field("season", FieldKind::Text, &["year", "saison", "annee", "sasong", "ar"]),
    field(
        "email",
        FieldKind::Email,
        &["emailaddress", "mail", "courriel", "adressemail", "adresseemail", "epost", "epostadress", "mejl"],
    ),
    field(
        "phone",
        FieldKind::Text,
        &[
            "phonenumber",
            "telephone",
            "mobile",
            "mobilephone",
            "tel",
            "portable",
            "telefon",
            "telefonnummer",
            "mobil",
            "mobiltelefon",
            "mobilnummer",
        ],
    ),
    field(
        "valid_to",
        FieldKind::Date,
        &[
            "validuntil",
            "expires",
            "expirydate",
            "expiry",
            "enddate",
            "datefin",
            "datedefin",
            "finvalidite",
            "valablejusquau",
            "giltigtill",
            "giltigtom",
            "slutdatum",
        ],
    ),
    field("city", FieldKind::Text, &["town", "ville", "commune", "ort", "postort", "stad"]),
    field("postal_code", FieldKind::Text, &["postcode", "zip", "zipcode", "codepostal", "cp", "postnummer", "postnr"]),
];

/// Fields of a club.
static CLUBS: [FieldSpec; 4] = [
    required(
        "club_number",
        FieldKind::Key,
        &[
            "clubno",
            "clubnr",
            "clubid",
            "clubcode",
            "numeroclub",
            "numeroduclub",
            "numerodeclub",
            "noclub",
            "nclub",
            "codeclub",
            "klubbnummer",
            "klubbnr",
            "foreningsnummer",
            "foreningsnr",
        ],
    ),
    required(
        "name",
        FieldKind::Text,
        &["clubname", "club", "nom", "nomclub", "nomduclub", "namn", "klubb", "klubbnamn", "forening", "foreningsnamn"],
    ),
    field("city", FieldKind::Text, &["town", "ville", "commune", "ort", "postort", "stad"]),
    field(
        "district",
        FieldKind::Text,
        &["region", "county", "departement", "comite", "ligue", "distrikt", "lan", "specialdistriktsforbund"],
    ),
];

/// Fields of a licence of one season.
static LICENCES: [FieldSpec; 9] = [
    required("licence_number", FieldKind::Key, &[]),
    required("season", FieldKind::Text, &[]),
    required("licence_type", FieldKind::LicenceType, &[]),
    field("club", FieldKind::Text, &[]),
    field("category", FieldKind::Text, &[]),
    field("issued_on", FieldKind::Date, &[]),
    field("valid_from", FieldKind::Date, &[]),
    field("valid_to", FieldKind::Date, &[]),
    field("medical_certificate_on", FieldKind::Date, &[]),
];

/// Fields of a move to another club.
static TRANSFERS: [FieldSpec; 6] = [
    required("licence_number", FieldKind::Key, &[]),
    required("effective_on", FieldKind::Date, &[]),
    required("to_club", FieldKind::Key, &[]),
    field("from_club", FieldKind::Text, &[]),
    field("season", FieldKind::Text, &[]),
    field("reason", FieldKind::Text, &[]),
];

/// Fields of a place in a ranking.
static RANKINGS: [FieldSpec; 6] = [
    required("ranking", FieldKind::Key, &[]),
    required("period", FieldKind::Text, &[]),
    required("licence_number", FieldKind::Key, &[]),
    required("position", FieldKind::Integer, &[]),
    field("points", FieldKind::Decimal, &[]),
    field("category", FieldKind::Text, &[]),
];

/// The fields of an entity. A ledger has none here, being no table.
pub(crate) fn of(entity: Entity) -> &'static [FieldSpec] {
    match entity {
        Entity::Members => &MEMBERS,
        Entity::Clubs => &CLUBS,
        Entity::Ledger => &[],
        Entity::Licences => &LICENCES,
        Entity::Transfers => &TRANSFERS,
        Entity::Rankings => &RANKINGS,
    }
}

/// The fields that together are the natural key of an entity; all of them are required.
pub(crate) const fn key_of(entity: Entity) -> &'static [&'static str] {
    match entity {
        Entity::Members => &["licence_number"],
        Entity::Clubs => &["club_number"],
        Entity::Ledger => &[],
        Entity::Licences => &["licence_number", "season"],
        Entity::Transfers => &["licence_number", "effective_on", "to_club"],
        Entity::Rankings => &["ranking", "period", "licence_number"],
    }
}

/// The field that a header names and how sure that is; `None` for an unknown name.
pub(crate) fn by_header(entity: Entity, header: &str) -> Option<(&'static FieldSpec, f64)> {
    let folded = fold(header);
    let specs = of(entity);
    let exact = specs.iter().find(|spec| fold(spec.name) == folded);
    exact
        .map(|spec| (spec, 1.0))
        .or_else(|| specs.iter().find(|spec| spec.aliases.contains(&folded.as_str())).map(|spec| (spec, 0.9)))
}

/// The field that an unknown header is a misspelt name of: the field, the name that was meant, folded, and how many
/// letters differ. None where two fields are equally near. A number in a header tells columns apart (`phone2`), so it is
/// never a slip.
pub(crate) fn near_header(entity: Entity, header: &str) -> Option<(&'static FieldSpec, String, usize)> {
    let folded = fold(header);
    let length = folded.chars().count();
    if length < 5 || folded.chars().any(char::is_numeric) {
        return None;
    }
    // Short words have many neighbours that are other words.
    let most = if length < 10 { 1 } else { 2 };
    let mut near: Vec<(usize, &'static FieldSpec, String)> = of(entity)
        .iter()
        .filter_map(|spec| {
            let names = std::iter::once(fold(spec.name)).chain(spec.aliases.iter().map(|alias| (*alias).to_owned()));
            // Folded names of fields are ASCII. Of a name of another length nothing is compared, however long it is.
            let near = names.filter(|name| name.len() > 4 && name.len().abs_diff(length) <= most);
            let distances = near.map(|name| (strsim::damerau_levenshtein(&folded, &name), name));
            distances.min().map(|(distance, name)| (distance, spec, name))
        })
        .filter(|(distance, _, _)| *distance <= most)
        .collect();
    near.sort_by_key(|(distance, _, _)| *distance);
    match near.as_slice() {
        [(first, _, _), (second, _, _), ..] if first == second => None,
        [(distance, spec, name), ..] => Some((spec, name.clone(), *distance)),
        [] => None,
    }
}

/// Whether any entity has a field of this name.
pub(crate) fn is_known_name(header: &str) -> bool {
    by_header(Entity::Members, header).or_else(|| by_header(Entity::Clubs, header)).is_some()
}

/// Folds a header for comparison: lower case, without diacritics, punctuation and spaces.
pub(crate) fn fold(header: &str) -> String {
    header
        .nfkd()
        .filter(|character| character.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .map(|character| if character == 'ø' { 'o' } else { character })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member_field(header: &str) -> Option<&'static str> {
        by_header(Entity::Members, header).map(|(spec, _)| spec.name)
    }

    #[test]
    fn headers_are_known_in_three_languages() {
        for (header, field) in [
            ("Licence Number", "licence_number"),
            ("Numéro de licence", "licence_number"),
            ("N° licence", "licence_number"),
            ("Licensnummer", "licence_number"),
            ("Förnamn", "given_name"),
            ("fornamn", "given_name"),
            ("PRÉNOM", "given_name"),
            ("Nom", "family_name"),
            ("Efternamn", "family_name"),
            ("Födelsedatum", "birth_date"),
            ("Né(e) le", "birth_date"),
            ("E-post", "email"),
            ("e-mail", "email"),
            ("Klubb", "club"),
            ("Kön", "sex"),
            ("Säsong", "season"),
            ("Code postal", "postal_code"),
            ("Giltig t.o.m.", "valid_to"),
        ] {
            assert_eq!(member_field(header), Some(field), "{header}");
        }
        assert_eq!(member_field("Favourite colour"), None);
        assert_eq!(by_header(Entity::Members, "given-name").map(|(_, sure)| sure), Some(1.0));
    }

    #[test]
    fn slips_of_the_pen_are_near_and_other_words_are_not() {
        let near = |header: &str| near_header(Entity::Members, header).map(|(spec, _, distance)| (spec.name, distance));
        assert_eq!(near("Licensnumer"), Some(("licence_number", 1)));
        assert_eq!(near("Föddelsedatum"), Some(("birth_date", 1)));
        assert_eq!(near("Efternman"), Some(("family_name", 1)));
        assert_eq!(near(&"x".repeat(1_000_000)), None);
        for other in ["Telefax", "Phone 2", "E-post2", "Anteckning", "Colour", "Mai", "", "Nom usuel"] {
            assert_eq!(near(other), None, "{other}");
        }
    }

    #[test]
    fn keys_are_required_fields() {
        for entity in Entity::ALL {
            for key in key_of(entity) {
                assert!(of(entity).iter().any(|spec| spec.name == *key && spec.required), "{entity} {key}");
            }
        }
    }

    #[test]
    fn aliases_are_stored_folded_and_no_alias_is_ambiguous() {
        for entity in [Entity::Members, Entity::Clubs] {
            let mut seen = std::collections::HashSet::new();
            for alias in of(entity).iter().flat_map(|spec| spec.aliases) {
                assert_eq!(&fold(alias), alias);
                assert!(seen.insert(*alias), "{alias} twice");
            }
        }
    }
}
