//! The JSON Schema of declarations, for editors.

use super::declaration::Declaration;

/// The schema of probe files, made from the types that they are read into.
#[must_use]
pub fn probe_schema() -> serde_json::Value {
    schemars::schema_for!(Declaration).to_value()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Regenerate with `workbench schema probe > workflows/probes/probe.schema.json`.
    #[test]
    fn the_committed_schema_is_current() {
        let committed = include_str!("../../../workflows/probes/probe.schema.json");
        let committed: serde_json::Value = serde_json::from_str(committed).expect("the committed schema is JSON");
        assert_eq!(committed, probe_schema());
    }
}
