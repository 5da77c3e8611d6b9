//! One way to read for each parser, by its name: what the fuzz targets run is what the tests run.

use std::sync::Arc;

use workbench_importer::{Format, Options, Profile, Signers, UnknownSigner};

use crate::driver::{Outcome, drive, is_code, options};

/// The public key of RFC 8037, appendix A.2, under the name that the submissions of the corpus give their signer.
const KEY_SET: &str = r#"{"keys": [{"kid": "swe-2025", "kty": "OKP", "crv": "Ed25519",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "federation": "SWE"}]}"#;

/// Every parser.
#[allow(dead_code, reason = "a fuzz target names its own")]
pub const TARGETS: [&str; 9] = ["csv", "delimited", "fipjp", "fixed_width", "json", "profile", "sie4", "sie5", "xml"];

/// How the files of a target are opened; nothing for `profile`, whose files are declarations.
pub fn options_of(target: &str) -> Options {
    let shipped = |name: &str| {
        let found = Profile::shipped().iter().find(|profile| profile.name() == name);
        Some(found.expect("it ships").clone())
    };
    match target {
        "csv" => options(Some(Format::Csv), None),
        "delimited" => options(None, shipped("legacy-members-delimited")),
        "fipjp" => {
            let signers = Signers::from_key_set(KEY_SET, UnknownSigner::Warn).expect("a sound key set");
            Options { signers: Arc::new(signers), ..options(Some(Format::Fipjp), None) }
        }
        "fixed_width" => options(Some(Format::FixedWidth), shipped("legacy-members-fixed")),
        "json" => options(Some(Format::Json), None),
        "sie4" | "sie5" => options(Some(Format::Sie), None),
        "xml" => options(Some(Format::Xml), None),
        _ => panic!("{target} is no target"),
    }
}

/// Runs a target. For `profile`, the outcome's failure is the code of the first fault.
pub fn run(target: &str, bytes: &[u8]) -> Outcome {
    if target == "profile" { declaration(bytes) } else { drive(bytes, &options_of(target)) }
}

/// Loads a declaration; one that is sound must be able to read.
fn declaration(bytes: &[u8]) -> Outcome {
    let text = String::from_utf8_lossy(bytes);
    let profile = match Profile::load("profile.yaml", &text) {
        Err(faults) => {
            for fault in &faults {
                assert!(fault.line > 0 && fault.column > 0 && is_code(fault.code), "{fault:?}");
                assert!(!fault.cause.is_empty() && !fault.suggestion.is_empty(), "{fault:?}");
            }
            let first = faults.first().expect("what is refused has a fault");
            return Outcome { items: Vec::new(), failure: Some(first.code) };
        }
        Ok(profile) => profile,
    };
    let again = Profile::load("profile.yaml", profile.source()).expect("its own text is sound");
    assert_eq!(again.content_hash(), profile.content_hash());
    let sample: &[u8] = match profile.format() {
        Format::Json => b"[{\"licence_number\": \"1\", \"name\": {\"given\": \"A\", \"family\": \"B\"}}, 7]",
        Format::Xml => b"<members><member><licence number=\"1\"/>x</member></members>",
        _ => b"licence_number;given_name;family_name\n1001;Anna;Berg\n\"2;x\n",
    };
    drive(sample, &options(None, Some(Arc::new(profile))));
    Outcome { items: Vec::new(), failure: None }
}
