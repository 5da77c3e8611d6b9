//! Faults for code scanning: SARIF 2.1.0, as OASIS has it.

use std::collections::BTreeSet;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::{Value, json};
use workbench_engine::definition::Fault;

/// What a path may not hold when it stands in a URI reference (RFC 3986, section 3.3).
const NOT_IN_PATHS: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'<').add(b'>').add(b'?').add(b'`').add(b'{').add(b'}');

/// One run of the check with all that it found.
pub fn report(faults: &[Fault]) -> Value {
    let rules: BTreeSet<&str> = faults.iter().map(|fault| fault.code).collect();
    let rules: Vec<Value> = rules.into_iter().map(|code| json!({ "id": code })).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "workbench", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "columnKind": "unicodeCodePoints",
            "results": faults.iter().map(result).collect::<Vec<_>>(),
        }],
    })
}

fn result(fault: &Fault) -> Value {
    json!({
        "ruleId": fault.code,
        "level": "error",
        "message": { "text": format!("{}. {}", fault.cause, fault.suggestion) },
        "locations": [{
            "physicalLocation": {
                "artifactLocation": { "uri": utf8_percent_encode(&fault.file, NOT_IN_PATHS).to_string() },
                "region": {
                    "startLine": fault.line,
                    "startColumn": fault.column,
                    "snippet": { "text": fault.excerpt },
                },
            },
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_a_result_at_its_place() {
        let fault = Fault {
            file: "my flows/a#1.yaml".to_owned(),
            line: 3,
            column: 5,
            excerpt: "  titel: One".to_owned(),
            code: "unknown_key",
            cause: "a step has no `titel`".to_owned(),
            suggestion: "Did you mean `title`?".to_owned(),
        };
        let report = report(&[fault.clone(), fault]);
        let run = &report["runs"][0];
        assert_eq!(run["tool"]["driver"]["rules"], json!([{ "id": "unknown_key" }]));
        assert_eq!(run["results"].as_array().map(Vec::len), Some(2));
        let place = &run["results"][0]["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "my%20flows/a%231.yaml");
        assert_eq!((&place["region"]["startLine"], &place["region"]["startColumn"]), (&json!(3), &json!(5)));
    }
}
