//! Faulty profiles and what is said about them.

use proptest::prelude::*;

use super::{Profile, SHIPPED};

const SOUND: &str = "name: one
version: 1
title: One
format: json
entity: clubs
natural_key: club_number
record_path: $.data
columns:
  - field: club_number
    source: number
  - field: name
    source: [name, title]
  - field: courts
    source: courts
    type: integer
    rules: { min: 0, max: 99 }
";

/// What is put in place of what, and the faults: line, column, code, and a word that the cause or the suggestion has.
type Case = (&'static str, &'static str, &'static [(u32, u32, &'static str, &'static str)]);

const GALLERY: &[Case] = &[
    ("version: 1", "versoin: 1", &[(1, 1, "missing_key", "version"), (2, 1, "unknown_key", "`version`?")]),
    ("name: one", "name: One", &[(1, 7, "bad_name", "One")]),
    ("format: json", "format: jsno", &[(4, 9, "unknown_value", "`json`?")]),
    ("natural_key: club_number\n", "", &[(1, 1, "missing_key", "natural_key")]),
    ("natural_key: club_number", "natural_key: club_numer", &[(6, 14, "natural_key_unknown", "`club_number`?")]),
    ("record_path: $.data\n", "", &[(1, 1, "missing_key", "record_path")]),
    ("record_path: $.data", "record_path: $.data[0]", &[(7, 14, "bad_record_path", "between the dots")]),
    ("record_path: $.data", "record_path: $.data\ndelimiter: \";\"", &[(8, 1, "key_not_of_format", "csv")]),
    ("field: name", "field: nmae", &[(9, 3, "field_missing", "`name`"), (11, 12, "unknown_field", "`name`?")]),
    ("field: courts", "field: name", &[(13, 12, "duplicate_field", "`name`")]),
    ("source: number", "source: number\n    source: nr", &[(11, 5, "duplicate_key", "source")]),
    ("source: number", "source: 7", &[(10, 13, "wrong_type", "quotes")]),
    ("source: number", "source: a..b", &[(10, 13, "bad_source", "dots")]),
    ("    source: number\n", "", &[(9, 5, "missing_key", "source")]),
    ("source: number", "source: number\n    position: 3", &[(11, 15, "key_not_of_format", "source")]),
    ("source: number", "source: number\n    type: date", &[(11, 11, "type_conflict", "a key")]),
    ("source: number", "source: number\n    transforms: [triim]", &[(11, 18, "unknown_value", "`trim`?")]),
    ("source: number", "source: number\n    transforms: [{ date_order: dym }]", &[(11, 32, "unknown_value", "`dmy`?")]),
    ("source: number", "source: number\n    rules: { pattern: \"(\" }", &[(11, 23, "bad_pattern", "unclosed group")]),
    (
        "source: number",
        "source: number\n    rules: { pattern: \"a)(b\" }",
        &[(11, 23, "bad_pattern", "unopened group")],
    ),
    (
        "source: courts",
        "source: courts\n    rules: { reference: club }",
        &[(15, 25, "unknown_value", "`clubs`?"), (17, 5, "duplicate_key", "rules")],
    ),
    ("type: integer", "type: text", &[(16, 19, "bad_bound", "pattern"), (16, 27, "bad_bound", "pattern")]),
    ("min: 0", "reference: clubs", &[(16, 25, "bad_reference", "imported before")]),
    ("min: 0", "reference: members", &[(16, 25, "bad_reference", "`text`")]),
    ("source: number", "source: number\n    rules: { requird: true }", &[(11, 14, "unknown_key", "`required`?")]),
    (
        "type: integer",
        "type: enum",
        &[(16, 12, "missing_key", "enum"), (16, 19, "bad_bound", "pattern"), (16, 27, "bad_bound", "")],
    ),
    ("min: 0", "min: 100", &[(16, 29, "bad_bound", "less")]),
    ("min: 0", "min: low", &[(16, 19, "bad_bound", "number")]),
    ("min: 0", "enum: [a, A]", &[(16, 24, "duplicate_value", "A")]),
    (
        "format: json",
        "format: fixed_width",
        &[
            (7, 1, "key_not_of_format", "json"),
            (9, 5, "missing_key", "position"),
            (9, 5, "missing_key", "length"),
            (10, 13, "key_not_of_format", "position"),
            (11, 5, "missing_key", "position"),
            (11, 5, "missing_key", "length"),
            (12, 13, "key_not_of_format", "position"),
            (13, 5, "missing_key", "position"),
            (13, 5, "missing_key", "length"),
            (14, 13, "key_not_of_format", "position"),
        ],
    ),
    ("format: json", "format: xml", &[(7, 14, "bad_record_path", "start with `/`")]),
];

#[test]
fn every_fault_has_its_place_and_says_what_would_be_right() {
    assert!(Profile::load("p.yaml", SOUND).is_ok());
    for (from, to, expected) in GALLERY {
        let text = SOUND.replacen(from, to, 1);
        let faults = Profile::load("p.yaml", &text).expect_err("faulty");
        let found: Vec<_> = faults.iter().map(|fault| (fault.line, fault.column, fault.code)).collect();
        let wanted: Vec<_> = expected.iter().map(|(line, column, code, _)| (*line, *column, *code)).collect();
        assert_eq!(found, wanted, "{from} -> {to}: {faults:#?}");
        for (fault, (.., word)) in faults.iter().zip(*expected) {
            assert!(format!("{} {}", fault.cause, fault.suggestion).contains(word), "{fault}");
        }
    }
}

#[test]
fn what_is_no_profile_at_all_has_a_fault_too() {
    for (text, code) in [("", "wrong_type"), ("- a", "wrong_type"), ("name: [", "yaml"), ("columns: []", "missing_key")]
    {
        let faults = Profile::load("p.yaml", text).expect_err("no profile");
        assert!(faults.iter().any(|fault| fault.code == code), "{text}: {faults:#?}");
    }
}

#[test]
fn boundaries_that_overlap_are_named() {
    let (file, text) = SHIPPED.iter().find(|(file, _)| *file == "legacy-members-fixed.yaml").expect("it ships");
    let faults = Profile::load(file, &text.replacen("position: 33", "position: 32", 1)).expect_err("overlapping");
    let fault = faults.first().expect("one fault");
    assert_eq!((fault.code, fault.excerpt.trim()), ("columns_overlap", "- field: given_name"));
    assert!(fault.cause.contains("`family_name`, which ends at 32"), "{}", fault.cause);
}

#[test]
fn an_unknown_prefix_is_named() {
    let (file, text) = SHIPPED[1];
    let faults = Profile::load(file, &text.replacen("/members/member", "/f:members/f:member", 1)).expect_err("no `f`");
    assert!(faults.iter().any(|fault| fault.code == "bad_record_path" && fault.cause.contains("does not have `f`")));
}

#[test]
fn the_shipped_profiles_are_sound_and_bear_the_name_of_their_file() {
    for ((file, _), profile) in SHIPPED.iter().zip(Profile::shipped()) {
        assert_eq!(format!("{}.yaml", profile.name()), *file);
        assert!(profile.natural_key().is_some());
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_loader_panic(text in "[ -~\n]{0,200}") {
        let _ = Profile::load("p.yaml", &text);
    }

    #[test]
    fn no_damage_to_a_sound_profile_makes_the_loader_panic(at in 0_usize..400, put in "[ -~\n]{0,6}", take in 0_usize..12) {
        for (file, text) in SHIPPED {
            let start = text.char_indices().nth(at).map_or(text.len(), |(index, _)| index);
            let rest: String = text[start..].chars().skip(take).collect();
            let _ = Profile::load(file, &format!("{}{put}{rest}", &text[..start]));
        }
    }
}
