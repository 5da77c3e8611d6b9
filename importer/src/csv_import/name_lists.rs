//! Names by which columns of names are told from other columns of words. They need not be complete: a column is judged
//! by how many of its values are known, and most lists of members hold some of these.

use crate::rows::fields::fold;

/// Given names that are frequent in Sweden, Norway, France and Britain, folded; sorted.
const GIVEN: [&str; 138] = [
    "agneta",
    "alain",
    "albin",
    "alexander",
    "alexandre",
    "alice",
    "amelie",
    "anders",
    "andre",
    "andreas",
    "anita",
    "anna",
    "anne",
    "antoine",
    "arthur",
    "arvid",
    "astrid",
    "axel",
    "barbro",
    "bengt",
    "benoit",
    "berit",
    "bernard",
    "birgitta",
    "bjorn",
    "bo",
    "camille",
    "carina",
    "carl",
    "caroline",
    "catherine",
    "cecilia",
    "chantal",
    "charlotte",
    "chloe",
    "christian",
    "christine",
    "christophe",
    "claire",
    "claude",
    "daniel",
    "david",
    "denis",
    "dominique",
    "ebba",
    "elin",
    "elisabeth",
    "elizabeth",
    "ella",
    "elsa",
    "emil",
    "emilie",
    "emily",
    "emma",
    "eric",
    "erik",
    "eva",
    "evelyne",
    "francois",
    "francoise",
    "frederic",
    "fredrik",
    "gerard",
    "gilles",
    "goran",
    "gunilla",
    "gunnar",
    "gustav",
    "hanna",
    "hans",
    "helena",
    "helene",
    "henri",
    "henrik",
    "hugo",
    "inger",
    "ingrid",
    "isabelle",
    "jacqueline",
    "jacques",
    "james",
    "jan",
    "jean",
    "jeanne",
    "jennifer",
    "jenny",
    "johan",
    "john",
    "jonas",
    "julie",
    "julien",
    "karin",
    "karl",
    "kerstin",
    "kjell",
    "lars",
    "laurent",
    "lena",
    "lennart",
    "leo",
    "linda",
    "lisa",
    "louise",
    "lucas",
    "magnus",
    "malin",
    "marc",
    "marcel",
    "margareta",
    "maria",
    "marie",
    "mary",
    "mats",
    "maurice",
    "michael",
    "michel",
    "mikael",
    "monique",
    "nathalie",
    "nicolas",
    "nils",
    "olivier",
    "olof",
    "oscar",
    "pascal",
    "patrick",
    "paul",
    "per",
    "peter",
    "philippe",
    "pierre",
    "rolf",
    "sara",
    "sofia",
    "stefan",
    "sven",
    "thomas",
    "ulf",
];

/// Family names that are frequent there, folded; sorted. Most others are known by their ends.
const FAMILY: [&str; 58] = [
    "ahlgren",
    "allen",
    "bernard",
    "bertrand",
    "blanc",
    "bonnet",
    "boyer",
    "brown",
    "chevalier",
    "clark",
    "clement",
    "davies",
    "davis",
    "david",
    "dubois",
    "dufour",
    "dupont",
    "durand",
    "ek",
    "evans",
    "faure",
    "fontaine",
    "fournier",
    "francois",
    "garcia",
    "garnier",
    "gauthier",
    "girard",
    "holm",
    "hughes",
    "jones",
    "lambert",
    "laurent",
    "lefebvre",
    "legrand",
    "leroy",
    "lind",
    "lopez",
    "martin",
    "martinez",
    "mercier",
    "michel",
    "moreau",
    "morel",
    "muller",
    "perrin",
    "petit",
    "rask",
    "robert",
    "rousseau",
    "roux",
    "roy",
    "simon",
    "smith",
    "taylor",
    "thomas",
    "vincent",
    "wood",
];

/// Ends of family names, folded. Ones of given names or towns would mislead.
const FAMILY_ENDS: [&str; 16] = [
    "sson", "ssen", "nsen", "rsen", "lsen", "berg", "strom", "gren", "qvist", "kvist", "lund", "dahl", "lof", "blad",
    "stedt", "mark",
];

/// Words in the names of clubs, folded.
const CLUB_WORDS: [&str; 20] = [
    "as",
    "association",
    "bc",
    "bk",
    "boule",
    "bouleklubb",
    "bouleforening",
    "boulesallskap",
    "boules",
    "club",
    "entente",
    "forening",
    "idrottsforening",
    "if",
    "ik",
    "klubb",
    "petanque",
    "sk",
    "union",
    "us",
];

/// Whether a text is a frequent given name, or two of them.
pub(super) fn is_given(text: &str) -> bool {
    let mut words = text.split([' ', '-']).filter(|word| !word.is_empty()).peekable();
    words.peek().is_some() && words.all(|word| GIVEN.contains(&fold(word).as_str()))
}

/// Whether a text is a frequent family name, or ends like one.
pub(super) fn is_family(text: &str) -> bool {
    let folded = fold(text.rsplit([' ', '-']).next().unwrap_or(text));
    FAMILY.contains(&folded.as_str())
        || FAMILY_ENDS.iter().any(|end| folded.len() > end.len() + 1 && folded.ends_with(end))
}

/// Whether a text reads like the name of a club.
pub(super) fn is_club(text: &str) -> bool {
    // An address in a club's domain is no club.
    !text.contains('@')
        && text.split(|character: char| !character.is_alphanumeric()).any(|word| {
            let folded = fold(word);
            CLUB_WORDS.contains(&folded.as_str()) || folded.ends_with("klubb") || folded.ends_with("klubben")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart() {
        for given in ["Anna", "KARIN", "Jean-Pierre", "Björn", "Anna Maria"] {
            assert!(is_given(given), "{given}");
        }
        for family in ["Andersson", "DURAND", "af Lindberg", "Hansen", "Björkström", "Lind"] {
            assert!(is_family(family), "{family}");
        }
        for other in ["Solna", "Anna Andersson", "12", "", "-"] {
            assert!(!is_given(other), "{other}");
        }
        for other in ["Solna", "Berg", "Anna", ""] {
            assert!(!is_family(other), "{other}");
        }
        assert!(is_club("Boule Syd") && is_club("Sollentuna BK") && is_club("A.S. Pétanque Lyon"));
        assert!(!is_club("Solna") && !is_club("anna@boule.example"));
    }

    #[test]
    fn lists_are_folded_and_sorted() {
        let ordered = |list: &[&str]| list.iter().zip(list.iter().skip(1)).all(|(one, two)| one < two);
        assert!(ordered(&GIVEN) && GIVEN.iter().all(|name| fold(name) == *name));
        assert!(FAMILY.iter().chain(&FAMILY_ENDS).chain(&CLUB_WORDS).all(|name| fold(name) == *name));
    }
}
