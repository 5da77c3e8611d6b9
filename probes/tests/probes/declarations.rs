//! Faults in declarations, and how they are told.

use workbench_probes::Probe as _;
use workbench_probes::declared::{DeclarationError, DeclaredProbe};

const SOUND: &str = r#"
name: asking
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
    request: { method: POST, path: /members, json: { id: "{{id}}", n: 1 } }
    assert: [{ that: "body.n == 1 && vars.id != ''", severity: warn, message: it is another number }]
"#;

#[test]
fn a_sound_declaration_is_read() {
    let probe = DeclaredProbe::parse(SOUND).expect("it is sound");
    assert_eq!((probe.name(), probe.title()), ("asking", "Asking"));
    assert_ne!(probe.fingerprint(), DeclaredProbe::parse(&SOUND.replace("5s", "6s")).expect("so is it").fingerprint());
}

#[test]
fn each_fault_is_told_with_its_place() {
    for (old, new, fault) in [
        ("name: asking", "name: as king", "name: must consist of letters, digits and underscores"),
        ("timeout: 5s", "timeout: soon", "timeout: `soon` is not a span of time"),
        ("attempts: 2", "attempts: 0", "attempts: must be between 1 and 10"),
        ("attempts: 2", "attempts: 99", "attempts: must be between 1 and 10"),
        ("method: GET", "method: FETCH", "step `ask`, method: `FETCH` is not one of GET, HEAD,"),
        ("\"/members/{{user}}\"", "members", "step `ask`, path: must start with one `/`"),
        ("\"/members/{{user}}\"", "//example.org/", "step `ask`, path: must start with one `/`"),
        ("{{user}}", "{{user", "step `ask`, path: `/members/{{user` opens a variable with `{{` and does not close it"),
        ("{{user}}", "{{usr}}", "step `ask`, path: no variable `usr` at this point; there are secret, tenant_id, user"),
        ("{{user}}", "{{secret}}", "step `ask`, path: the secret must not be part of an address"),
        ("{{user}}", "{{id}}", "step `ask`, path: no variable `id` at this point"),
        ("{{tenant_id}}", "{{nobody}}", "step `ask`, header `X-Tenant`: no variable `nobody`"),
        ("X-Tenant", "Host", "step `ask`, header `Host`: is set by the connection itself"),
        ("X-Tenant", "X Tenant", "step `ask`, header `X Tenant`: is not the name of a header"),
        ("extract: { id: $.id }", "extract: { id: id }", "step `ask`, extract `id`: `id`: "),
        ("extract: { id: $.id }", "extract: { secret: $.id }", "extract `secret`: cannot be the name of a variable"),
        ("status == 200,", "status ==,", "step `ask`, assertion `status ==`: "),
        ("status == 200,", "stats == 200,", "assertion `stats == 200`: knows nothing named `stats`"),
        ("status == 200,", "status,", "assertion `status`: gives int, not a boolean"),
        ("message: it did not answer", "message: ''", "assertion `status == 200`: needs a message"),
        ("warn: 1s", "warn: 1h", "step `ask`, slow.warn: `1h` is not a span of time"),
        ("warn: 1s", "warn: 6s", "step `ask`, slow: `warn` must be shorter than `fail`"),
        ("name: ask again", "name: ask", "step `ask`: there is another step of that name"),
        ("{{id}}", "{{it}}", "step `ask again`, json: no variable `it`"),
    ] {
        let yaml = SOUND.replacen(old, new, 1);
        assert_ne!(yaml, SOUND, "the test changes something: {old}");
        let error = DeclaredProbe::parse(&yaml).expect_err(fault);
        assert!(
            matches!(&error, DeclarationError::Unsound { faults, .. } if faults.iter().any(|it| it.contains(fault))),
            "{new}: {error}"
        );
    }
}

#[test]
fn all_faults_are_told_at_once() {
    let yaml = SOUND.replace("attempts: 2", "attempts: 0").replace("method: GET", "method: FETCH");
    let error = DeclaredProbe::parse(&yaml).expect_err("it has two faults");
    let DeclarationError::Unsound { probe, faults } = &error else { panic!("{error}") };
    assert_eq!((probe.as_str(), faults.len()), ("asking", 2), "{error}");
    assert!(error.to_string().starts_with("the declaration of probe `asking` has faults: attempts: "), "{error}");
}

#[test]
fn what_is_no_declaration_is_told_with_its_line() {
    for (old, new, part) in [
        ("title: Asking", "titel: Asking", "titel"),
        ("severity: fail", "severity: bad", "bad"),
        ("steps:", "steps: {", "line"),
    ] {
        let error = DeclaredProbe::parse(&SOUND.replacen(old, new, 1)).expect_err("it cannot be read");
        assert!(matches!(&error, DeclarationError::Unreadable(text) if text.contains(part)), "{new}: {error}");
    }
}

#[test]
fn a_probe_without_steps_or_a_step_without_assertions_proves_nothing() {
    let error = DeclaredProbe::parse("name: idle\ntitle: Idle\nsteps: []").expect_err("it has no steps");
    assert!(error.to_string().contains("a probe needs at least one"), "{error}");
    let yaml = "name: idle\ntitle: Idle\nsteps: [{ name: ask, request: { method: GET, path: / }, assert: [] }]";
    let error = DeclaredProbe::parse(yaml).expect_err("it asserts nothing");
    assert!(error.to_string().contains("proves nothing"), "{error}");
}
