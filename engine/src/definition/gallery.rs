//! Faulty files and what is said about them.

use proptest::prelude::*;

use super::{Known, load};

const SOUND: &str = "name: one\nversion: 1\ntitle: One\nsteps:\n  - id: first\n    title: First\n";

/// Text, and per expected fault its line, column and code.
const GALLERY: &[(&str, &[(u32, u32, &str)])] = &[
    ("name: [", &[(1, 7, "yaml")]),
    ("- a\n", &[(1, 1, "wrong_type")]),
    ("name: one\nversion: 1\ntitle: One\nsteps: []\n", &[(4, 8, "no_steps")]),
    (
        "name: one\nversoin: 1\ntitle: One\nsteps:\n  - id: a\n    title: A\n",
        &[(1, 1, "missing_key"), (2, 1, "unknown_key")],
    ),
    ("name: One Two\nversion: 0\ntitle: One\nsteps:\n  - id: a\n    title: A\n", &[(1, 7, "bad_name"), (2, 10, "out_of_range")]),
    ("name: one\nversion: x\ntitle: One\nsteps:\n  - id: a\n    title: A\n", &[(2, 10, "wrong_type")]),
    ("name: one\nversion: 1\ntitle: One\nsteps:\n  - id: a\n", &[(5, 5, "missing_key")]),
    (
        "name: one\nversion: 1\ntitle: One\nsteps:\n  - id: a\n    title: A\n  - id: a\n    title: B\n",
        &[(7, 9, "duplicate_id")],
    ),
    ("name: one\nversion: 1\ntitle: One\nsteps:\n  - id: a\n    title: A\n    needs: [b]\n", &[(7, 13, "unknown_step")]),
    (
        "name: one\nversion: 1\ntitle: One\nsteps:\n  - id: a\n    title: A\n    needs: [b]\n  - id: b\n    title: B\n    needs: [a]\n",
        &[(7, 12, "cycle")],
    ),
    ("name: one\nversion: 1\ntitle: One\nsteps:\n  - id: a\n    title: A\n    kind: jbo\n", &[(7, 11, "unknown_value")]),
    ("name: one\nversion: 1\ntitle: One\nsteps:\n  - id: a\n    title: A\n    kind: job\n", &[(5, 5, "missing_key")]),
    (
        "name: one\nversion: 1\ntitle: One\nsteps:\n  - id: a\n    title: A\n    job: { name: import }\n",
        &[(7, 10, "kind_mismatch")],
    ),
    (
        "name: one\nversion: 1\ntitle: One\nsteps:\n  - id: a\n    title: A\n    due: { within: soon }\n",
        &[(7, 20, "bad_duration")],
    ),
    (
        "name: one\nversion: 1\ntitle: One\nsteps:\n  - id: a\n    title: A\n    kind: gate\n    gate:\n      conditions:\n        - { id: x, when: health.staus == \"pass\", otherwise: No. }\n",
        &[(10, 26, "condition_unknown")],
    ),
    (
        "name: one\nversion: 1\ntitle: One\nsteps:\n  - id: a\n    title: A\n    kind: gate\n    gate:\n      conditions:\n        - { id: x, when: health.status =, otherwise: No. }\n",
        &[(10, 26, "condition_syntax")],
    ),
    (
        "name: one\nversion: 1\ntitle: One\nsteps:\n  - id: a\n    title: A\n    kind: gate\n    gate:\n      conditions:\n        - { id: x, when: imports.completed, otherwise: No. }\n",
        &[(10, 26, "condition_not_boolean")],
    ),
    (
        "name: one\nversion: 1\ntitle: One\nsteps:\n  - id: a\n    title: A\n    kind: job\n    job: { name: import }\n    retry: { factor: 0.5, jitter: 2, max_attempts: 0 }\n",
        &[(9, 22, "out_of_range"), (9, 35, "out_of_range"), (9, 52, "out_of_range")],
    ),
    (
        "name: one\nversion: 1\ntitle: One\nsteps:\n  - id: a\n    title: A\nprobes: [sample_logn]\nlive_step: b\n",
        &[(7, 10, "unknown_probe"), (8, 12, "unknown_step")],
    ),
];

fn known() -> Known {
    Known { probes: vec!["sample_login".to_owned()] }
}

#[test]
fn every_fault_is_found_at_its_place() {
    for (text, expected) in GALLERY {
        let faults = load("test.yaml", text, &known()).expect_err(text);
        let found: Vec<_> = faults.iter().map(|fault| (fault.line, fault.column, fault.code)).collect();
        assert_eq!(found, *expected, "\n{text}\n{}", super::render(&faults));
        assert!(faults.iter().all(|fault| !fault.suggestion.is_empty() && !fault.cause.is_empty()));
    }
}

#[test]
fn a_sound_file_loads_and_its_text_is_its_version() {
    let loaded = load("test.yaml", SOUND, &known()).expect("the file is sound");
    let other = load("test.yaml", &format!("{SOUND}# changed\n"), &known()).expect("the file is sound");
    assert_eq!(loaded.definition, other.definition);
    assert_ne!(loaded.content_hash, other.content_hash);
}

#[test]
fn a_misspelling_is_answered_with_the_word_that_was_meant() {
    let text = SOUND.replace("title: First", "titel: First");
    let faults = load("test.yaml", &text, &known()).expect_err("`titel` is unknown");
    assert!(faults.iter().any(|fault| fault.suggestion == "Did you mean `title`?"), "{}", super::render(&faults));
}

proptest! {
    #[test]
    fn no_text_panics(text in "[a-z:\\[\\]{}\\- \n\"'&*!|>#0-9.]{0,200}") {
        let _ = load("test.yaml", &text, &known());
    }

    #[test]
    fn no_cut_of_a_sound_file_panics(cut in 0usize..2000) {
        let whole = include_str!("../../../workflows/tenant-onboarding.yaml");
        let end = (0..=cut.min(whole.len())).rev().find(|end| whole.is_char_boundary(*end)).unwrap_or(0);
        let _ = load("test.yaml", &whole[..end], &known());
    }
}
