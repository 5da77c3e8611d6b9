//! Federation submissions: what a signature covers, and what becomes of a submission that is not as it should be.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::NaiveDate;
use ed25519_dalek::{Signer as _, SigningKey};
use proptest::prelude::*;
use serde_json::{Value, json};
use workbench_importer::{
    Earlier, Entity, Format, Import, Item, OpenError, Options, RecordKind, Signers, UnknownSigner, open,
};

/// The SHA-256 of `certificate`.
const DIGEST: &str = "03d66dd08835c1ca3f128cceacd1f31ac94163096b20f445ae84285bc0832d72";

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

/// The key set with the one key, `swe-2025`, which may sign for SWE.
fn signers(unknown: UnknownSigner) -> Arc<Signers> {
    let x = URL_SAFE_NO_PAD.encode(key().verifying_key().as_bytes());
    let set = json!({ "keys": [{ "kid": "swe-2025", "kty": "OKP", "crv": "Ed25519", "x": x, "federation": "SWE" }] });
    Arc::new(Signers::from_key_set(&set.to_string(), unknown).expect("a sound set"))
}

fn options(unknown: UnknownSigner) -> Options {
    Options {
        format: Some(Format::Fipjp),
        entity: None,
        file_name: None,
        mapping: BTreeMap::new(),
        header: None,
        profile: None,
        signers: signers(unknown),
        earlier: Earlier::default(),
        today: NaiveDate::from_ymd_opt(2025, 6, 1).expect("a date"),
    }
}

fn envelope(submission_type: &str, records: Value) -> Value {
    let mut envelope = json!({
        "format": "fipjp",
        "version": "1.0",
        "header": {
            "submission_id": "swe-2025-0042", "type": submission_type, "federation": "SWE",
            "created_at": "2025-01-10T09:00:00Z",
        },
        "body": { "submission_id": "swe-2025-0042", "type": submission_type, "federation": "SWE" },
    });
    envelope["body"]["records"] = records;
    envelope
}

/// Signs the body. Without numbers that are no small integers, what `serde_json` writes with sorted keys is the
/// canonical form.
fn sign(mut envelope: Value, protected: &Value) -> Value {
    let header = URL_SAFE_NO_PAD.encode(protected.to_string());
    let body = URL_SAFE_NO_PAD.encode(sorted(&envelope["body"]).to_string());
    let signature = key().sign(format!("{header}.{body}").as_bytes());
    envelope["signature"] = json!(format!("{header}..{}", URL_SAFE_NO_PAD.encode(signature.to_bytes())));
    envelope
}

/// Whether maps keep their order depends on the build; a tree of sorted maps does not.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let sorted: BTreeMap<&String, Value> = members.iter().map(|(key, value)| (key, sorted(value))).collect();
            sorted.into_iter().map(|(key, value)| (key.clone(), value)).collect()
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

fn by_swe() -> Value {
    json!({ "alg": "EdDSA", "kid": "swe-2025" })
}

fn players() -> Value {
    json!([
        { "licence_number": 1001, "given_name": "Åsa", "family_name": "Ek", "sex": "F", "nationality": "swe", "shoe": 38 },
        { "licence_number": "1002", "given_name": "Bo" },
    ])
}

fn try_open(submission: &Value, options: &Options) -> Result<Import, OpenError> {
    open(Box::new(Cursor::new(submission.to_string().into_bytes())), options)
}

fn refusal(submission: &Value) -> &'static str {
    try_open(submission, &options(UnknownSigner::Warn)).expect_err("a refusal").code()
}

/// Keys of the records, and codes.
fn read(submission: &Value) -> (Vec<(RecordKind, String)>, Vec<&'static str>) {
    let (mut keys, mut codes) = (Vec::new(), Vec::new());
    for item in try_open(submission, &options(UnknownSigner::Warn)).unwrap_or_else(|error| panic!("{error}")) {
        let issues = match item.expect("no failure") {
            Item::Row { records, issues, .. } => {
                keys.extend(records.into_iter().map(|record| (record.kind, record.key)));
                issues
            }
            Item::File { issues } => issues,
        };
        codes.extend(issues.iter().map(|issue| issue.code));
    }
    (keys, codes)
}

#[test]
fn a_signed_submission_of_players_becomes_members() {
    let signed = sign(envelope("player", players()), &by_swe());
    let detecting = Options { format: None, ..options(UnknownSigner::Refuse) };
    let import = try_open(&signed, &detecting).expect("verified");
    assert_eq!((import.detected().format, import.detected().entity), (Format::Fipjp, Entity::Members));
    let details = &import.detected().details;
    assert_eq!(details.get("signature").map(String::as_str), Some("verified, by swe-2025"));
    assert_eq!(details.get("submission_id").map(String::as_str), Some("swe-2025-0042"));
    let as_json = Options { format: Some(Format::Json), ..options(UnknownSigner::Refuse) };
    assert_eq!(try_open(&signed, &as_json).expect_err("a way around the signature").code(), "format_mismatch");
    let (keys, codes) = read(&signed);
    assert_eq!(keys, [(RecordKind::Member, "1001".to_owned())]);
    assert_eq!(codes, ["recased", "value_missing", "unmapped_column"]);
}

#[test]
fn every_type_has_its_records() {
    let licence =
        json!([{ "licence_number": "1001", "season": 2025, "licence_type": "competition", "valid_to": "2025-12-31" }]);
    let (keys, codes) = read(&sign(envelope("license", licence), &by_swe()));
    assert_eq!((keys, codes), (vec![(RecordKind::Licence, "1001:2025".to_owned())], vec![]));
    let transfer =
        json!([{ "licence_number": "1001", "effective_on": "2025-03-01", "from_club": "7", "to_club": "8" }]);
    let (keys, _) = read(&sign(envelope("transfer", transfer), &by_swe()));
    assert_eq!(keys, [(RecordKind::Transfer, "1001:2025-03-01:8".to_owned())]);
    let place =
        json!({ "ranking": "open", "period": "2025-03", "licence_number": "1001", "position": 3, "points": "12.50" });
    let (keys, codes) = read(&sign(envelope("ranking", json!([place, place])), &by_swe()));
    assert_eq!((keys, codes), (vec![(RecordKind::Ranking, "open:2025-03:1001".to_owned())], vec!["duplicate_key"]));
}

#[test]
fn the_signature_holds_however_the_file_is_written() {
    let signed = sign(envelope("player", players()), &by_swe());
    let pretty =
        serde_json::to_string_pretty(&signed).expect("JSON").replace('Å', "\\u00c5").replace("1001", "1.001e3");
    let import = open(
        Box::new(Cursor::new(format!("\u{feff}{pretty}\r\n\u{1a}").into_bytes())),
        &options(UnknownSigner::Refuse),
    );
    assert!(import.is_ok(), "{:?}", import.err());
}

#[test]
fn a_bad_signature_refuses_the_submission_whatever_the_options() {
    let signed = sign(envelope("player", players()), &by_swe());
    let mut altered = signed.clone();
    altered["body"]["records"][0]["given_name"] = json!("Eva");
    assert_eq!(refusal(&altered), "signature_invalid");
    for (header, code) in [
        (json!({ "alg": "none", "kid": "swe-2025" }), "signature_malformed"),
        (json!({ "alg": "HS256", "kid": "swe-2025" }), "signature_malformed"),
        (json!({ "alg": "EdDSA" }), "signature_malformed"),
        (json!({ "alg": "EdDSA", "kid": "swe-2025", "crit": ["b64"], "b64": false }), "signature_malformed"),
    ] {
        assert_eq!(refusal(&sign(envelope("player", players()), &header)), code, "{header}");
    }
    for jws in ["", "a.b.c", "..", "x..y"] {
        let mut malformed = signed.clone();
        malformed["signature"] = json!(jws);
        assert_eq!(refusal(&malformed), "signature_malformed", "{jws}");
    }
    let mut other = envelope("player", players());
    other["header"]["federation"] = json!("FRA");
    other["body"]["federation"] = json!("FRA");
    assert_eq!(refusal(&sign(other, &by_swe())), "signer_not_entitled");
}

#[test]
fn an_unknown_signer_is_a_warning_or_a_refusal_by_option() {
    let unknown = sign(envelope("player", players()), &json!({ "alg": "EdDSA", "kid": "fra-2025" }));
    let unsigned = envelope("player", players());
    for (submission, code) in [(unknown, "signer_unknown"), (unsigned, "signature_missing")] {
        assert_eq!(read(&submission).1.first(), Some(&code));
        let refused = try_open(&submission, &options(UnknownSigner::Refuse)).expect_err("refused");
        assert_eq!(refused.code(), code);
    }
}

#[test]
fn what_the_header_says_must_be_what_was_signed() {
    for (member, value) in [("type", "license"), ("submission_id", "other"), ("federation", "FRA")] {
        let mut altered = sign(envelope("player", players()), &by_swe());
        altered["header"][member] = json!(value);
        assert_eq!(refusal(&altered), "header_differs", "{member}");
    }
}

#[test]
fn an_envelope_that_lacks_something_says_what() {
    type Change = fn(&mut Value);
    let cases: [(Change, &str); 8] = [
        (|envelope| envelope["version"] = json!("9.0"), "submission_version"),
        (|envelope| envelope["header"] = json!([]), "submission_malformed"),
        (|envelope| envelope["header"]["created_at"] = json!("yesterday"), "submission_malformed"),
        (|envelope| envelope["header"]["federation"] = json!("Sweden"), "submission_malformed"),
        (|envelope| envelope["header"]["type"] = json!("licence"), "submission_type_unknown"),
        (|envelope| envelope["body"] = Value::Null, "submission_malformed"),
        (|envelope| envelope["body"]["records"] = json!({}), "submission_malformed"),
        (|envelope| envelope["signature"] = json!(1), "signature_malformed"),
    ];
    for (change, code) in cases {
        let mut submission = envelope("player", players());
        change(&mut submission);
        assert_eq!(refusal(&submission), code, "{submission}");
    }
    let text = envelope("player", players()).to_string();
    let refused = |text: String| {
        open(Box::new(Cursor::new(text.into_bytes())), &options(UnknownSigner::Warn)).expect_err("refused")
    };
    assert_eq!(refused(text.strip_suffix('}').expect("closed").to_owned()).code(), "file_truncated");
    assert_eq!(refused(format!("{text}x")).code(), "json_malformed");
    assert_eq!(refused(text.replacen('{', "{\"version\":\"1.0\",", 1)).code(), "json_key_duplicate");
    assert_eq!(refused(text.replace("Åsa", "\\ud800")).code(), "surrogate_lone");
    assert_eq!(refused(text.replace("Bo", &"x".repeat(5 << 20))).code(), "submission_too_large");
    assert_eq!(refused(text.replace("38", &format!("[{}1]", "1,".repeat(500_000)))).code(), "too_many_values");
}

#[test]
fn attachments_must_be_those_that_were_signed() {
    let with = |digest: &str, attachments: Value| {
        let mut submission = envelope("player", players());
        submission["body"]["attachments"] = json!([{ "name": "certificate.pdf", "sha256": digest }]);
        submission["attachments"] = attachments;
        sign(submission, &by_swe())
    };
    let enclosed = json!([{ "name": "certificate.pdf", "content": STANDARD.encode("certificate") }]);
    assert!(!read(&with(DIGEST, enclosed.clone())).1.contains(&"attachment_absent"));
    assert!(read(&with(DIGEST, json!([]))).1.contains(&"attachment_absent"));
    assert_eq!(refusal(&with(&"0".repeat(64), enclosed.clone())), "attachment_altered");
    assert_eq!(refusal(&with("abc", enclosed)), "submission_malformed");
    assert_eq!(refusal(&with(DIGEST, json!([{ "name": "other.pdf", "content": "" }]))), "attachment_unlisted");
    assert_eq!(refusal(&with(DIGEST, json!([{ "name": "certificate.pdf", "content": "?" }]))), "submission_malformed");
}

proptest! {
    #[test]
    fn no_damage_to_a_submission_makes_the_reader_panic(at in 0_usize..700, put in "[ -~]{0,4}", take in 0_usize..9) {
        let text = sign(envelope("player", players()), &by_swe()).to_string();
        let characters: Vec<char> = text.chars().collect();
        let at = at.min(characters.len());
        let (before, rest) = characters.split_at(at);
        let damaged: String = before.iter().copied().chain(put.chars()).chain(rest.iter().skip(take).copied()).collect();
        // Whatever is changed in the text: either it means the same, or no record comes out.
        if let Ok(import) = open(Box::new(Cursor::new(damaged.clone().into_bytes())), &options(UnknownSigner::Refuse)) {
            let body = |text: &str| serde_json::from_str::<Value>(text).map(|envelope| sorted(&envelope["body"])).ok();
            prop_assert_eq!(body(&damaged), body(&text));
            prop_assert!(import.count() > 0);
        }
    }
}
