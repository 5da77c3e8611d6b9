//! Prints the JSON Schema of format profiles.
//!
//! ```text
//! cargo run -p workbench-importer --example profile_schema > workflows/formats/profile.schema.json
//! ```

fn main() {
    println!("{:#}", workbench_importer::profile_schema());
}
