//! Loading a file end to end: a confirmed import of the real daemon against the database's own fastest way.

use std::error::Error;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use workbench_tests::{Client, Daemon, Postgres};

use crate::measure::{best_of_three, memory};
use crate::{Sizes, generate, ratio, seconds};

/// The table that the peers load into has the primary key of ours.
const TABLE: &str = "create table peer (tenant_id text not null default 'bench', kind text not null default 'member', \
    licence_number text not null, given_name text, family_name text, birth_date date, sex text, nationality text, \
    club text, category text, licence_type text, season text, email text, phone text, valid_to date, \
    primary key (tenant_id, kind, licence_number))";

const COLUMNS: &str = "licence_number,given_name,family_name,birth_date,sex,nationality,club,category,licence_type,\
    season,email,phone,valid_to";

/// What one import took.
struct Import {
    /// From the upload's end to the preview.
    preview: Duration,
    /// From the confirmation to the last record.
    load: Duration,
}

/// What the imports of one daemon took.
struct Imports {
    /// Of new records, the best of three tenants.
    new: Import,
    /// Of the same records with a value changed in each.
    changed: Import,
    /// Most memory of the daemon above what it held before the first upload, in KiB.
    memory: u64,
}

/// Measures and prints the table.
pub async fn run(folder: &Path, sizes: &Sizes, python: &str) -> Result<(), Box<dyn Error>> {
    let members = folder.join("members.csv");
    generate::members(&members, sizes.rows)?;
    // The harness runs Postgres' programs as a user who may not look into our folders.
    std::fs::set_permissions(folder, Permissions::from_mode(0o755))?;
    let path = members.display().to_string();

    let postgres = Postgres::start_durable().await;
    let copied = copy(&postgres, &path);
    let ours = import(&folder.join("with-postgres"), &["--database-url", &postgres.url()], &members).await?;
    drop(postgres);

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/sqlite_inserts.py").display().to_string();
    let database = folder.join("peer.db").display().to_string();
    let inserted = best_of_three(python, &[&script, &path, &database])?;
    let embedded = import(&folder.join("with-sqlite"), &[], &members).await?;

    println!("| {} members | Seconds | Against the peer | Memory above idle |", sizes.rows);
    println!("|---|---|---|---|");
    let rows =
        [("Postgres: plain `COPY`", copied, &ours), ("SQLite: prepared inserts, one transaction", inserted, &embedded)];
    for (peer, time, ours) in rows {
        println!("| {peer} | {} | 1.00 | |", seconds(time));
        println!(
            "| **ours**: load | {} | {} | {} MiB |",
            seconds(ours.new.load),
            ratio(ours.new.load, time),
            ours.memory / 1024
        );
        for (what, taken) in [
            ("preview before it", ours.new.preview),
            ("the next season's file, all records changed: load", ours.changed.load),
            ("preview before that", ours.changed.preview),
        ] {
            println!("| **ours**: {what} | {} | {} | |", seconds(taken), ratio(taken, time));
        }
    }
    println!();
    Ok(())
}

/// Copies the file into a table three times and takes the best.
fn copy(postgres: &Postgres, path: &str) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..3 {
        let _ = postgres.sql("drop table if exists peer");
        let _ = postgres.sql(TABLE);
        let _ = postgres.sql("checkpoint");
        let started = Instant::now();
        let _ = postgres.sql(&format!("\\copy peer ({COLUMNS}) from '{path}' csv header"));
        best = best.min(started.elapsed());
    }
    let _ = postgres.sql("drop table peer");
    let _ = postgres.sql("checkpoint");
    best
}

/// Three imports of three tenants, then the file of the next season for one of them.
async fn import(data: &Path, store: &[&str], file: &Path) -> Result<Imports, Box<dyn Error>> {
    let mut arguments = vec!["serve", "--listen", "127.0.0.1:0", "--sandbox", "127.0.0.1:0"];
    arguments.extend(store);
    let daemon = Daemon::start(data, &arguments);
    let client = daemon.client();
    let process = daemon.id().to_string();
    let idle = memory(&process, "VmRSS")?;
    let text = std::fs::read_to_string(file)?;
    let mut best: Option<Import> = None;
    for tenant in ["bench-1", "bench-2", "bench-3"] {
        let opened = json!({ "tenant_id": tenant, "name": tenant, "country": "SE" });
        client.post("/sys/onboarding", &opened).await.expect(201);
        let taken = one(&client, tenant, text.clone().into_bytes()).await?;
        best = Some(best.filter(|best| best.load <= taken.load).unwrap_or(taken));
    }
    let new = best.ok_or("nothing was imported")?;
    let changed = one(&client, "bench-3", text.replace(",2025/2026,", ",2026/2027,").into_bytes()).await?;
    Ok(Imports { new, changed, memory: memory(&process, "VmHWM")?.saturating_sub(idle) })
}

async fn one(client: &Client, tenant: &str, bytes: Vec<u8>) -> Result<Import, Box<dyn Error>> {
    let queued = client.upload(tenant, "members.csv", bytes, &[]).await.expect(202);
    let id = queued["id"].as_str().unwrap_or_default();
    let previewed = client.import_after(tenant, id, &["queued", "parsing"]).await;
    if previewed["state"] != "preview" {
        return Err(format!("the preview ended with {previewed:#}").into());
    }
    client.post(&format!("/sys/onboarding/{tenant}/imports/{id}/confirm"), &json!({})).await.expect(202);
    let import = client.import_after(tenant, id, &["loading"]).await;
    let at = |key: &str| time(&import, key);
    Ok(Import {
        preview: (at("previewed_at")? - at("created_at")?).to_std()?,
        load: (at("completed_at")? - at("confirmed_at")?).to_std()?,
    })
}

fn time(import: &Value, key: &str) -> Result<DateTime<Utc>, Box<dyn Error>> {
    Ok(import[key].as_str().ok_or("an import without its times")?.parse()?)
}
