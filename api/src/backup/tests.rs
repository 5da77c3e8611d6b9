//! Archives that no `workbench backup` writes: of later versions, or with rows that no database takes.

use std::path::{Path, PathBuf};

use chrono::Utc;
use indicatif::ProgressBar;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use workbench_engine::log::hex;
use workbench_engine::store::{ChainHead, NeededUpload};

use super::manifest::Opening;
use super::writer::ArchiveWriter;
use super::{BackupError, FORMAT, Manifest, Table, Target, Uploads, restore, take, verify};
use crate::daemon::Places;

const FILE: &[u8] = b"what somebody has uploaded";
const KEY: &str = "imports/imp_1";

fn places(folder: &TempDir, name: &str) -> Places {
    Places { data_dir: folder.path().join(name), database_url: None, redis_url: None, uploads: None }
}

fn manifest() -> Manifest {
    Manifest {
        format: FORMAT,
        product: "0.1.0".to_owned(),
        // The newest, which the store is made with.
        schema: 15,
        store: "sqlite".to_owned(),
        taken_at: Utc::now(),
        head: ChainHead::default(),
        tables: Vec::new(),
        uploads: Uploads::default(),
        parts: Vec::new(),
    }
}

/// A table that has only names, and one row of it.
fn settings() -> Table {
    Table { name: "settings".to_owned(), columns: vec!["key".to_owned(), "value".to_owned()], rows: 1 }
}

/// An archive as the writer makes it, with one row of a table and one upload.
fn archive(folder: &TempDir, manifest: &Manifest, table: &str, row: &str) -> PathBuf {
    let path = folder.path().join("backup.tar");
    let file = std::fs::File::create(&path).expect("a file can be made");
    let opening = Opening { format: manifest.format, product: manifest.product.clone() };
    let mut writer = ArchiveWriter::begin(file, 0, &opening).expect("it can be written to");
    writer.rows(table, 1, format!("{row}\n").as_bytes()).expect("it can be written to");
    let upload = NeededUpload { key: KEY.to_owned(), size: FILE.len() as u64, sha256: hex(&Sha256::digest(FILE)) };
    assert_eq!(writer.upload(&upload, &mut &FILE[..]).expect("it can be written to"), None);
    writer.finish(manifest.clone()).expect("it can be written to");
    path
}

async fn restored(places: &Places, path: &Path) -> Result<(), BackupError> {
    restore(places, path, &ProgressBar::hidden()).await.map(drop)
}

#[tokio::test]
async fn archives_of_later_versions_are_refused_in_words() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let places = places(&folder, "data");
    let later = archive(&folder, &Manifest { format: FORMAT + 1, ..manifest() }, "settings", "{}");
    assert!(matches!(verify(&later), Err(BackupError::NewerFormat { .. })));
    let later = archive(&folder, &Manifest { schema: 4711, ..manifest() }, "settings", "{}");
    let refused = restored(&places, &later).await.expect_err("it is refused");
    assert!(matches!(refused, BackupError::NewerSchema { schema: 4711, .. }), "{refused}");
}

/// Each is whole, and fails at another point of the restore.
#[tokio::test]
async fn what_cannot_be_restored_leaves_an_empty_store() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let places = places(&folder, "data");
    let row = r#"{"key":"a","value":"b"}"#;
    let with = |table: Table| Manifest { tables: vec![table], ..manifest() };
    let other = |columns: &[&str]| columns.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let cases = [
        (with(Table { name: "secrets".to_owned(), ..settings() }), "secrets", row, "there is no table"),
        (with(Table { columns: other(&["key"]), ..settings() }), "settings", row, "other columns"),
        (with(settings()), "tenants", row, "does not know the table"),
        (with(settings()), "settings", r#"{"key":"a","value":null}"#, "did not carry out"),
        (with(settings()), "settings", r#"{"key":"a"#, "did not carry out"),
        (with(Table { rows: 2, ..settings() }), "settings", row, "1 rows instead of 2"),
        // There is no row that says where the chain ends.
        (with(settings()), "settings", row, "did not carry out"),
    ];
    for (manifest, table, row, why) in cases {
        let path = archive(&folder, &manifest, table, row);
        verify(&path).expect("the archive is whole");
        let refused = restored(&places, &path).await.expect_err("it is refused");
        assert!(refused.to_string().contains(why), "{why}: {refused}");
        assert!(!places.uploads_folder().join(KEY).exists(), "{why}: an upload was left behind");
    }
    // The store takes a whole backup now, so nothing was left in it.
    let source = self::places(&folder, "source");
    let store = source.open_store().await.expect("a store can be made");
    let target = Target { path: folder.path().join("whole.tar"), force: false };
    take(&store, Some(&source), &target, &ProgressBar::hidden()).await.expect("it can be backed up");
    restored(&places, &target.path).await.expect("the store is empty");
    assert!(matches!(restored(&places, &target.path).await, Err(BackupError::NotEmpty { table: "events" })));
}

/// A backup of an earlier schema goes through the migrations that have come since.
#[tokio::test]
async fn an_earlier_schema_is_brought_up_to_date() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let places = places(&folder, "data");
    let head =
        Table { name: "event_head".to_owned(), columns: ["id", "seq", "hash"].map(str::to_owned).to_vec(), rows: 1 };
    let earlier = Manifest { schema: 5, tables: vec![head], ..manifest() };
    let path = archive(&folder, &earlier, "event_head", r#"{"id":1,"seq":0,"hash":""}"#);
    let found = restore(&places, &path, &ProgressBar::hidden()).await.expect("it can be restored");
    assert_eq!((found.chain.entries, found.chain.broken, found.difference), (1, None, None));
    let store = places.existing_store().await.expect("its schema is up to date");
    assert_eq!(store.schema_version().await.expect("a version"), store.known_schemas().last().copied());
    // Restoring it into a store that is up to date already would want other columns.
    let current = self::places(&folder, "current");
    current.open_store().await.expect("a store can be made");
    assert!(matches!(restored(&current, &path).await, Err(BackupError::OtherSchema { schema: 5, .. })));
}
