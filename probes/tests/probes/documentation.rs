//! What the documentation shows is what the probes do.

use std::path::Path;

use workbench_probes::declared::DeclaredProbe;
use workbench_probes::{Probe as _, ProbeStatus};

use crate::serving::{allowing, sandbox, target};

#[path = "../../examples/own_probe.rs"]
mod own_probe;

const MANUAL: &str = include_str!("../../../docs/probes.md");

/// The YAML blocks of the manual that are whole declarations.
fn declarations() -> Vec<&'static str> {
    let blocks = MANUAL.split("```yaml\n").skip(1).filter_map(|rest| rest.split_once("```").map(|(block, _)| block));
    blocks.filter(|block| block.starts_with("name:")).collect()
}

#[tokio::test]
async fn every_declaration_of_the_manual_passes_on_a_sandbox() {
    let (authority, world) = sandbox(Some("swish"), 3, None).await;
    let mut ran = Vec::new();
    for text in declarations() {
        let probe = DeclaredProbe::load("docs/probes.md", text).expect("the manual declares sound probes");
        let result = probe.run(&target(&authority), &allowing(&authority)).await;
        // A program that the manual names may not be installed where the test runs.
        if result.message.contains("could not be started") && !Path::new("/usr/lib/nagios/plugins").exists() {
            continue;
        }
        assert_eq!(result.status, ProbeStatus::Pass, "{result:#?}");
        ran.push(result.probe);
    }
    assert!(ran.contains(&"booked_transaction".to_owned()) && ran.contains(&"queue_length".to_owned()), "{ran:?}");
    let calls = world.calls("acme");
    assert_eq!(calls.last().map(String::as_str), Some("DELETE /transactions"), "{calls:?}");
}

#[test]
fn the_example_of_a_probe_in_rust_runs() {
    own_probe::main().expect("it passes on a sandbox");
}
