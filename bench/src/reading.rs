//! Reading files: parse, map, validate, with keys that must be unique.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use workbench_importer::{Earlier, Item, Options, open};

use crate::measure::{apart, best_of_three, memory, timed};
use crate::{Sizes, generate, ratio, seconds};

/// Reads a file by the importer to its end; prints seconds and KiB.
pub fn by_importer(path: &Path) -> Result<(), Box<dyn Error>> {
    let options = Options {
        format: None,
        entity: None,
        file_name: Some(path.display().to_string()),
        mapping: BTreeMap::new(),
        header: None,
        earlier: Earlier::default(),
        profile: None,
        signers: Arc::default(),
        today: chrono::Utc::now().date_naive(),
    };
    let idle = memory("self", "VmRSS")?;
    let (found, time) = timed(|| {
        let import = open(Box::new(File::open(path)?), &options).map_err(io::Error::other)?;
        let mut found = 0_usize;
        for item in import {
            match item.map_err(io::Error::other)? {
                Item::Row { issues, .. } | Item::File { issues } => found += issues.len(),
            }
        }
        Ok(found)
    })?;
    if found > 0 {
        return Err(format!("a clean file gave {found} issues").into());
    }
    println!("{} {}", time.as_secs_f64(), memory("self", "VmHWM")?.saturating_sub(idle));
    Ok(())
}

/// Cuts a file into values by the bare csv crate; prints seconds and KiB.
pub fn by_csv_crate(path: &Path) -> Result<(), Box<dyn Error>> {
    let delimiter = if path.extension().is_some_and(|extension| extension == "csv") { b',' } else { b' ' };
    let (_, time) = timed(|| {
        let mut reader =
            csv::ReaderBuilder::new().flexible(true).delimiter(delimiter).has_headers(false).from_path(path)?;
        let mut record = csv::ByteRecord::new();
        let mut values = 0;
        while reader.read_byte_record(&mut record)? {
            values += record.len();
        }
        Ok(values)
    })?;
    println!("{} {}", time.as_secs_f64(), memory("self", "VmHWM")?);
    Ok(())
}

/// Measures and prints the table.
pub fn run(folder: &Path, sizes: &Sizes, python: &str) -> Result<(), Box<dyn Error>> {
    let members = folder.join("members.csv");
    let large = folder.join("members-10.csv");
    let ledger = folder.join("ledger.se");
    generate::members(&members, sizes.rows)?;
    generate::members(&large, sizes.rows * 10)?;
    generate::ledger(&ledger, sizes.transactions)?;
    let text = |path: &Path| path.display().to_string();
    let script = text(&Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/polars_members.py"));
    let path = text(&members);

    let ours = apart("read-by-importer", &path)?;
    let bare = apart("read-by-csv-crate", &path)?;
    let polars = best_of_three(python, &[&script, &path])?;
    let ten = apart("read-by-importer", &text(&large))?;
    let sie = apart("read-by-importer", &text(&ledger))?;
    let sie_bare = apart("read-by-csv-crate", &text(&ledger))?;

    println!("| Reading | Seconds | Against ours | Memory above idle |");
    println!("|---|---|---|---|");
    let row = |what: String, time: Duration, against: Duration, memory: String| {
        println!("| {what} | {} | {} | {memory} |", seconds(time), ratio(time, against));
    };
    let mib = |kib: u64| format!("{} MiB", kib / 1024);
    row(format!("{} members: **ours**", sizes.rows), ours.time, ours.time, mib(ours.peak));
    row("the same: polars, three checks".to_owned(), polars, ours.time, String::new());
    row("the same: csv crate, no checks".to_owned(), bare.time, ours.time, String::new());
    row(format!("{} members: **ours**", sizes.rows * 10), ten.time, ours.time, mib(ten.peak));
    row(format!("{} SIE transactions: **ours**", sizes.transactions), sie.time, sie.time, mib(sie.peak));
    row("the same: csv crate, cut at spaces".to_owned(), sie_bare.time, sie.time, String::new());
    println!();
    Ok(())
}
