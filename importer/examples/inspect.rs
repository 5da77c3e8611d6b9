//! Shows what the importer makes of a file: detection, records by kind, and issues by code.
//!
//! ```text
//! cargo run -p workbench-importer --example inspect -- FILE [csv|sie]
//! ```

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;

use workbench_importer::{Item, Options, open};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: inspect FILE [csv|sie]")?;
    let format = arguments.next().map(|name| name.parse()).transpose()?;
    let options = Options {
        format,
        entity: None,
        file_name: Some(path.clone()),
        mapping: BTreeMap::new(),
        header: None,
        profile: None,
        signers: std::sync::Arc::default(),
        earlier: workbench_importer::Earlier::default(),
        today: chrono::Utc::now().date_naive(),
    };
    let import = match open(Box::new(File::open(&path)?), &options) {
        Ok(import) => import,
        Err(error) => return Err(format!("{}: {error}\n{}", error.code(), error.hint()).into()),
    };
    println!("{:#?}", import.detected());

    let (mut rows, mut rejected) = (0_u64, 0_u64);
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    let mut codes: BTreeMap<&str, (u64, String)> = BTreeMap::new();
    for item in import {
        let (records, issues) = match item? {
            Item::Row { records, issues, rejected: refused, .. } => {
                rows += 1;
                rejected += u64::from(refused);
                (records, issues)
            }
            Item::File { issues } => (Vec::new(), issues),
        };
        for record in records {
            *kinds.entry(record.kind.as_str()).or_default() += 1;
        }
        for issue in issues {
            let first = || (0, format!("{:?} on line {}: {}", issue.severity, issue.row, issue.message));
            codes.entry(issue.code).or_insert_with(first).0 += 1;
        }
    }
    println!("rows {rows}, rejected {rejected}, records {kinds:?}");
    for (code, (count, first)) in codes {
        println!("{count:>6} {code:<26} {first}");
    }
    Ok(())
}
