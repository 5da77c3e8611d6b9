//! The JSON Schema of workflow files, for editors.

use super::model::Definition;

/// The schema, made from the types that files are read into.
#[must_use]
pub fn json_schema() -> serde_json::Value {
    schemars::schema_for!(Definition).to_value()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Regenerate with `workbench schema > workflows/workflow.schema.json`.
    #[test]
    fn the_committed_schema_is_current() {
        let committed = include_str!("../../../workflows/workflow.schema.json");
        let committed: serde_json::Value = serde_json::from_str(committed).expect("the committed schema is JSON");
        assert_eq!(committed, json_schema());
    }
}
