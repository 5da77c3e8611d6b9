//! Faults in declarations, and how they are told.

use proptest::prelude::*;
use workbench_probes::Probe as _;
use workbench_probes::declared::DeclaredProbe;

const SOUND: &str = r#"name: asking
title: Asking
timeout: 5s
attempts: 2
steps:
  - name: ask
    request: { method: GET, path: "/members/{{user}}", headers: { X-Tenant: "{{tenant_id}}" } }
    extract: { id: $.id }
    assert: [{ that: status == 200, severity: fail, message: it did not answer, hint: try again }]
    slow: { warn: 1s, fail: 5s }
  - name: ask again
    request: { method: POST, path: /members, json: { id: "{{id}}", n: 1, list: ["{{tag}}"] } }
    assert: [{ that: "body.n == 1 && vars.id != ''", severity: warn, message: it is another number }]
"#;

/// What is put in place of what, and the faults: line, column, code, and a word that the cause or the suggestion has.
type Case = (&'static str, &'static str, &'static [(u32, u32, &'static str, &'static str)]);

const GALLERY: &[Case] = &[
    ("title: Asking", "titel: Asking", &[(1, 1, "missing_key", "title"), (2, 1, "unknown_key", "`title`?")]),
    ("name: asking", "name: as king", &[(1, 7, "bad_name", "as king")]),
    ("title: Asking", "title: ''", &[(2, 8, "empty_text", "title")]),
    ("timeout: 5s", "timeout: soon", &[(3, 10, "bad_duration", "500ms")]),
    ("timeout: 5s", "timeout: 2h", &[(3, 10, "bad_duration", "60m")]),
    ("attempts: 2", "attempts: 0", &[(4, 11, "out_of_range", "from 1 to 10")]),
    ("attempts: 2", "attempts: 99", &[(4, 11, "out_of_range", "from 1 to 10")]),
    ("method: GET", "method: GTE", &[(7, 24, "unknown_value", "`GET`?")]),
    ("\"/members/{{user}}\"", "members", &[(7, 35, "bad_path", "one `/`")]),
    ("\"/members/{{user}}\"", "//example.org/", &[(7, 35, "bad_path", "one `/`")]),
    ("{{user}}", "{{user", &[(7, 35, "bad_template", "does not close it")]),
    ("{{user}}", "{{usr}}", &[(7, 35, "unknown_variable", "`user`?")]),
    ("{{user}}", "{{secret}}", &[(7, 35, "secret_in_path", "logs")]),
    ("{{user}}", "{{id}}", &[(7, 35, "unknown_variable", "`id`")]),
    ("{{tenant_id}}", "{{nobody}}", &[(7, 77, "unknown_variable", "tenant_id")]),
    ("X-Tenant", "Host", &[(7, 67, "bad_header", "connection")]),
    ("X-Tenant", "X Tenant", &[(7, 67, "bad_header", "name of a header")]),
    ("extract: { id: $.id }", "extract: { id: id }", &[(8, 20, "bad_json_path", "$.token")]),
    (
        "extract: { id: $.id }",
        "extract: { tag: $.id }",
        &[(8, 16, "bad_variable", "tag"), (12, 58, "unknown_variable", "`id`")],
    ),
    ("status == 200,", "status ==,", &[(9, 22, "assertion_syntax", "CEL")]),
    ("status == 200,", "stats == 200,", &[(9, 22, "assertion_unknown", "`status`?")]),
    ("status == 200,", "status,", &[(9, 22, "assertion_not_boolean", "int")]),
    ("severity: fail", "severity: bad", &[(9, 47, "unknown_value", "warn, fail")]),
    ("message: it did not answer", "message: ''", &[(9, 62, "empty_text", "message")]),
    ("warn: 1s", "warn: 1h", &[(10, 19, "bad_duration", "60m")]),
    ("warn: 1s", "warn: 6s", &[(10, 19, "slow_order", "shorter")]),
    ("name: ask again", "name: ask", &[(11, 11, "duplicate_name", "another name")]),
    ("{{id}}", "{{it}}", &[(12, 58, "unknown_variable", "`id`?")]),
    ("[\"{{tag}}\"]", "[a, \"{{tga}}\"]", &[(12, 84, "unknown_variable", "`tag`?")]),
    ("steps:", "steps: {", &[(6, 3, "yaml", "shipped probe")]),
];

#[test]
fn a_sound_declaration_is_read() {
    let load = |text: &str| DeclaredProbe::load("asking.yaml", text).expect("it is sound");
    let probe = load(SOUND);
    assert_eq!((probe.name(), probe.title()), ("asking", "Asking"));
    assert_ne!(probe.fingerprint(), load(&SOUND.replace("5s", "6s")).fingerprint());
}

#[test]
fn every_fault_has_its_place_and_says_what_would_be_right() {
    for (from, to, expected) in GALLERY {
        let text = SOUND.replacen(from, to, 1);
        assert_ne!(text, SOUND, "the case changes something: {from}");
        let faults = DeclaredProbe::load("asking.yaml", &text).expect_err(to);
        let found: Vec<_> = faults.iter().map(|fault| (fault.line, fault.column, fault.code)).collect();
        let wanted: Vec<_> = expected.iter().map(|(line, column, code, _)| (*line, *column, *code)).collect();
        assert_eq!(found, wanted, "{from} -> {to}: {faults:#?}");
        for (fault, (.., word)) in faults.iter().zip(*expected) {
            assert!(format!("{} {}", fault.cause, fault.suggestion).contains(word), "{fault}");
        }
    }
}

#[test]
fn all_faults_are_told_at_once() {
    let text = SOUND.replace("attempts: 2", "attempts: 0").replace("method: GET", "method: FETCH");
    let faults = DeclaredProbe::load("asking.yaml", &text).expect_err("it has two faults");
    assert_eq!(faults.iter().map(|fault| fault.line).collect::<Vec<_>>(), [4, 7]);
}

#[test]
fn a_probe_without_steps_or_a_step_without_assertions_proves_nothing() {
    for (text, code) in [
        ("name: idle\ntitle: Idle\nsteps: []", "no_steps"),
        (
            "name: idle\ntitle: Idle\nsteps: [{ name: ask, request: { method: GET, path: / }, assert: [] }]",
            "no_assertions",
        ),
    ] {
        let faults = DeclaredProbe::load("idle.yaml", text).expect_err("it proves nothing");
        assert_eq!(faults.iter().map(|fault| fault.code).collect::<Vec<_>>(), [code]);
        assert!(faults[0].cause.ends_with("proves nothing"), "{}", faults[0]);
    }
}

#[test]
fn an_assertion_that_would_exhaust_the_stack_is_a_fault() {
    for that in ["(".repeat(2000) + &")".repeat(2000), "!".repeat(2000) + "true", "[".repeat(30)] {
        let text = SOUND.replace("status == 200", &format!("'{that}'"));
        let faults = DeclaredProbe::load("asking.yaml", &text).expect_err("too large");
        assert_eq!(faults[0].code, "assertion_too_large");
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_loader_panic(text in "[ -~\n]{0,200}") {
        let _ = DeclaredProbe::load("p.yaml", &text);
    }

    #[test]
    fn no_damage_to_a_sound_probe_makes_the_loader_panic(at in 0_usize..800, put in "[ -~\n]{0,6}", take in 0_usize..12) {
        let start = at.min(SOUND.len());
        let rest: String = SOUND[start..].chars().skip(take).collect();
        let _ = DeclaredProbe::load("p.yaml", &format!("{}{put}{rest}", &SOUND[..start]));
    }
}
