//! The JSON Schema of profiles, for editors.

use super::declaration::Declaration;

/// The schema of format profiles, made from the types that files are read into.
#[must_use]
pub fn profile_schema() -> serde_json::Value {
    schemars::schema_for!(Declaration).to_value()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Regenerate with `workbench schema profile > workflows/formats/profile.schema.json`.
    #[test]
    fn the_committed_schema_is_current() {
        let committed = include_str!("../../../workflows/formats/profile.schema.json");
        let committed: serde_json::Value = serde_json::from_str(committed).expect("the committed schema is JSON");
        assert_eq!(committed, profile_schema());
    }
}
