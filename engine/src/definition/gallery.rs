//! Faulty files and what is said about them.

use proptest::prelude::*;

use super::{Known, load};

const SHIPPED: [(&str, &str); 3] = [
    ("tenant-onboarding.yaml", include_str!("../../../workflows/tenant-onboarding.yaml")),
    ("club-onboarding.yaml", include_str!("../../../workflows/club-onboarding.yaml")),
    ("guide-10.yaml", include_str!("../../../workflows/guide-10.yaml")),
];

const SOUND: &str = "name: one\nversion: 1\ntitle: One\nsteps:\n  - id: first\n    title: First\n";

/// Line, column and code.
type Expected = (u32, u32, &'static str);

/// Each text with its faults.
const GALLERY: &[(&str, &[Expected])] = &[
    ("name: [", &[(1, 7, "yaml")]),
    (
        "name: one\nversion: 1\ntitle: One\nsteps:\n  - id: a\n    title: A\nschedules:\n  - { id: x, job: health_check, cron: 30 25 * * *, zone: Europe/Stokholm }\n",
        &[(8, 39, "bad_cron"), (8, 58, "bad_time_zone")],
    ),
    (
        "name: one\nversion: 1\ntitle: One\nsteps:\n  - id: a\n    title: A\nschedules:\n  - { id: x, job: health, cron: 0 2 * * 1, catch_up: { policy: twice } }\n  - { id: x, job: health_check, crom: 1 }\n",
        &[
            (8, 19, "unknown_value"),
            (8, 64, "unknown_value"),
            (9, 5, "missing_key"),
            (9, 11, "duplicate_id"),
            (9, 33, "unknown_key"),
        ],
    ),
    ("- a\n", &[(1, 1, "wrong_type")]),
    ("name: one\nversion: 1\ntitle: One\nsteps: []\n", &[(4, 8, "no_steps")]),
    (
        "name: one\nversoin: 1\ntitle: One\nsteps:\n  - id: a\n    title: A\n",
        &[(1, 1, "missing_key"), (2, 1, "unknown_key")],
    ),
    (
        "name: One Two\nversion: 0\ntitle: One\nsteps:\n  - id: a\n    title: A\n",
        &[(1, 7, "bad_name"), (2, 10, "out_of_range")],
    ),
    ("name: one\nversion: x\ntitle: One\nsteps:\n  - id: a\n    title: A\n", &[(2, 10, "wrong_type")]),
    ("name: one\nversion: 1\ntitle: One\nsteps:\n  - id: a\n", &[(5, 5, "missing_key")]),
    (
        "name: one\nversion: 1\ntitle: One\nsteps:\n  - id: a\n    title: A\n  - id: a\n    title: B\n",
        &[(7, 9, "duplicate_id")],
    ),
    (
        "name: one\nversion: 1\ntitle: One\nsteps:\n  - id: a\n    title: A\n    needs: [b]\n",
        &[(7, 13, "unknown_step")],
    ),
    (
        "name: one\nversion: 1\ntitle: One\nsteps:\n  - id: a\n    title: A\n    needs: [b]\n  - id: b\n    title: B\n    needs: [a]\n",
        &[(7, 12, "cycle")],
    ),
    (
        "name: one\nversion: 1\ntitle: One\nsteps:\n  - id: a\n    title: A\n    kind: jbo\n",
        &[(7, 11, "unknown_value")],
    ),
    ("name: one\nversion: 1\ntitle: One\nsteps:\n  - id: a\n    title: A\n    kind: job\n", &[(5, 5, "missing_key")]),
    (
        "name: one\nversion: 1\ntitle: One\nsteps:\n  - id: a\n    title: A\n    kind: gate\n    due: { within: 1d, of: a }\n    gate: { approval: gate:aprove, conditions: [{ id: x, when: imports.open == 0, otherwise: No. }] }\n",
        &[(8, 28, "due_of_itself"), (9, 23, "unknown_approval")],
    ),
    (
        "name: one\nversion: 1\ntitle: One\nsteps:\n  - id: a\n    title: A\n    job: { name: import }\n",
        &[(7, 10, "kind_mismatch")],
    ),
    (
        "name: one\nversion: 1\ntitle: One\nsteps:\n  - id: a\n    title: A\n    kind: job\n    job: { name: import }\n",
        &[(8, 10, "import_without_file")],
    ),
    (
        "name: one\nversion: 1\ntitle: One\nsteps:\n  - { id: a, title: A, kind: job, job: { name: command, start: on_request, run: [/bin/rm] } }\n  - { id: b, title: B, kind: job, job: { name: command, run: [] } }\n  - { id: c, title: C, kind: job, job: { name: command } }\n  - { id: d, title: D, kind: job, job: { name: health_check, run: [x], timeout: 1m } }\n",
        &[
            (5, 64, "nobody_asks"),
            (5, 82, "bad_program"),
            (6, 62, "empty_text"),
            (7, 40, "missing_key"),
            (8, 67, "kind_mismatch"),
            (8, 81, "kind_mismatch"),
        ],
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
        "name: one\nversion: 1\ntitle: One\nsteps:\n  - id: a\n    title: A\n    kind: job\n    job: { name: health_check }\n    retry: { factor: 0.5, jitter: 2, max_attempts: 0 }\n",
        &[(9, 22, "out_of_range"), (9, 35, "out_of_range"), (9, 52, "out_of_range")],
    ),
    (
        "name: one\nversion: 1\ntitle: One\nsteps:\n  - id: a\n    title: A\nprobes: [sample_logn]\nlive_step: b\n",
        &[(7, 10, "unknown_probe"), (8, 12, "unknown_step")],
    ),
    (
        "name: one\nversion: 1\ntitle: One\ntitle: Two\nsteps:\n  - id: a\n    title: A\n    title: B\n    needs: a\n",
        &[(4, 1, "duplicate_key"), (8, 5, "duplicate_key"), (9, 12, "wrong_type")],
    ),
    ("name: one\nversion: 1\ntitle:\nsteps: { a: 1 }\n", &[(3, 6, "empty_text"), (4, 8, "wrong_type")]),
    (
        "name: one\nversion: 1\ntitle: One\nsteps:\n  - { id: a, title: A, needs: [a] }\n  - { id: b, title: B, needs: [c] }\n  - { id: c, title: C, needs: [b] }\n",
        &[(5, 31, "cycle"), (6, 31, "cycle")],
    ),
    (
        "name: one\nversion: 1\ntitle: One\nlive_step: first\nsteps:\n  - { id: a, title: A, due: { within: 1d, of: b }, kind: timer }\n  - { id: c, title: C, gate: { conditions: 5 } }\n",
        &[
            (4, 12, "unknown_step"),
            (6, 5, "missing_key"),
            (6, 47, "unknown_step"),
            (7, 30, "kind_mismatch"),
            (7, 44, "wrong_type"),
        ],
    ),
    (
        "name: one\nversion: 1\ntitle: One\nsteps:\n  - id: a\n    title: A\n    kind: gate\n    gate:\n      conditions:\n        - { id: Is Sound, when: healt.status == tenant.nam, otherwise: No. }\n        - { id: b, when: sound(health), otherwise: No. }\n",
        &[
            (10, 17, "bad_name"),
            (10, 33, "condition_unknown"),
            (10, 33, "condition_unknown"),
            (11, 26, "condition_unknown"),
        ],
    ),
    (
        "name: one\nversion: 1\ntitle: One\nsteps:\n  - { id: a, title: A, kind: job, job: { name: health_check }, retry: { factor: .nan, jitter: .inf } }\n",
        &[(5, 81, "out_of_range"), (5, 95, "out_of_range")],
    ),
    ("name: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", &[(1, 23, "yaml")]),
];

fn known() -> Known {
    Known { probes: vec!["sample_login".to_owned()], approvals: vec!["gate:approve".to_owned()] }
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
fn shipped_workflows_are_sound() {
    for (file, text) in SHIPPED {
        if let Err(faults) = load(file, text, &Known::default()) {
            panic!("{}", super::render(&faults));
        }
    }
}

#[test]
fn endless_nesting_is_a_fault_and_not_a_crash() {
    let block: String = (0..5000).map(|depth| " ".repeat(depth) + "a:\n").collect();
    for text in ["[".repeat(100_000), "- ".repeat(20_000), "{a: ".repeat(20_000), block] {
        let faults = load("test.yaml", &text, &known()).expect_err("no workflow is nested so deeply");
        assert!(faults.iter().all(|fault| fault.code == "yaml"));
    }
}

#[test]
fn a_reader_s_message_does_not_repeat_its_place() {
    let faults = load("test.yaml", "name: [", &known()).expect_err("the list is not closed");
    assert!(faults.iter().all(|fault| !fault.cause.contains("line 1")), "{}", super::render(&faults));
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
    fn no_arbitrary_text_panics(text in any::<String>()) {
        let _ = load("test.yaml", &text, &known());
    }

    #[test]
    fn no_cut_of_a_sound_file_panics(cut in 0usize..2000) {
        let (_, whole) = SHIPPED[0];
        let end = (0..=cut.min(whole.len())).rev().find(|end| whole.is_char_boundary(*end)).unwrap_or(0);
        let _ = load("test.yaml", &whole[..end], &known());
    }
}
