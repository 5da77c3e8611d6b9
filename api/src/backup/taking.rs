//! Taking a backup: the store's rows are read in a stream and written by a thread of their own.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use chrono::Utc;
use futures::TryStreamExt;
use indicatif::ProgressBar;
use tempfile::NamedTempFile;
use tokio::sync::mpsc;
use workbench_engine::store::{NeededUpload, Snapshot, Store, StoreError};
use workbench_jobs::Objects;

use super::BackupError;
use super::manifest::{FORMAT, Manifest, MissingUpload, Opening, PIECE, PIECE_LIMIT, Table, Uploads};
use super::writer::ArchiveWriter;
use crate::daemon::Places;

/// Where a backup goes.
#[derive(Debug, Clone)]
pub struct Target {
    /// The file.
    pub path: PathBuf,
    /// Whether a file of that name is replaced.
    pub force: bool,
}

/// What the writing thread is told, in order.
enum Piece {
    Rows { table: String, number: u32, lines: Vec<u8> },
    Upload { needed: NeededUpload, file: Result<Box<dyn Read + Send>, String> },
    Finish(Box<Manifest>),
}

/// Backs up a store, as it is now, and its uploads where it is said where they are. Writers go on meanwhile.
///
/// The file has its name only once all of it is on the disk; until then it is a file beside, which is removed when something
/// goes wrong.
///
/// # Errors
/// Of the store, and of the file.
pub async fn take(
    store: &Store,
    uploads: Option<&Places>,
    target: &Target,
    progress: &ProgressBar,
) -> Result<Manifest, BackupError> {
    if !target.force && target.path.exists() {
        return Err(BackupError::Exists { path: target.path.clone() });
    }
    let taken_at = Utc::now();
    let mut snapshot = store.snapshot().await?;
    let sources = match uploads {
        Some(places) => sources(places, snapshot.uploads().await?)?,
        None => None,
    };
    let manifest = Manifest {
        format: FORMAT,
        product: env!("CARGO_PKG_VERSION").to_owned(),
        schema: store.schema_version().await?.ok_or(StoreError::Outdated)?,
        store: format!("{:?}", store.dialect()).to_lowercase(),
        taken_at,
        head: snapshot.head().await?,
        tables: Vec::new(),
        uploads: Uploads { included: uploads.is_some(), ..Uploads::default() },
        parts: Vec::new(),
    };
    let opening = Opening { format: manifest.format, product: manifest.product.clone() };
    let time = u64::try_from(taken_at.timestamp()).unwrap_or(0);
    let (pieces, received) = mpsc::channel(1);
    let to = target.clone();
    let writing = tokio::task::spawn_blocking(move || write(&to, time, &opening, received));
    let sent = send(snapshot, sources, manifest, &pieces, progress).await;
    drop(pieces);
    let written = writing.await.map_err(|error| BackupError::written(&target.path, std::io::Error::other(error)))?;
    // Where the thread has ended early, it says why.
    sent.and(written)
}

/// Where the uploads are that are needed. No folder is made: where it is missing, the wrong one was named.
fn sources(places: &Places, needed: Vec<NeededUpload>) -> Result<Option<(Objects, Vec<NeededUpload>)>, BackupError> {
    let folder = places.uploads_folder();
    match needed.len() {
        0 => Ok(None),
        count if places.uploads.is_none() && !folder.is_dir() => Err(BackupError::NoUploads { count, folder }),
        _ => Ok(Some((places.objects()?, needed))),
    }
}

/// Sends everything, as long as somebody takes it.
async fn send(
    mut snapshot: Snapshot,
    uploads: Option<(Objects, Vec<NeededUpload>)>,
    mut manifest: Manifest,
    pieces: &mpsc::Sender<Piece>,
    progress: &ProgressBar,
) -> Result<(), BackupError> {
    for table in Snapshot::tables() {
        progress.set_message(format!("rows of {table}"));
        let columns = snapshot.columns(table).await?;
        let Some(rows) = send_rows(&mut snapshot, table, &columns, pieces, progress).await? else { return Ok(()) };
        manifest.tables.push(Table { name: (*table).to_owned(), columns, rows });
    }
    // The store may clear away what the snapshot still sees.
    drop(snapshot);
    if let Some((objects, needed)) = uploads {
        for upload in needed {
            progress.set_message(format!("upload {}", upload.key));
            let file = objects.open(&upload.key).await.map_err(|error| error.to_string());
            if pieces.send(Piece::Upload { needed: upload, file }).await.is_err() {
                return Ok(());
            }
        }
    }
    progress.set_message("end of the archive");
    // Refused only where the thread has ended, which then says why.
    let _ = pieces.send(Piece::Finish(Box::new(manifest))).await;
    Ok(())
}

/// Sends the rows of a table; how many there were. `None` where nobody takes them any more.
async fn send_rows(
    snapshot: &mut Snapshot,
    table: &str,
    columns: &[String],
    pieces: &mpsc::Sender<Piece>,
    progress: &ProgressBar,
) -> Result<Option<i64>, BackupError> {
    let mut rows = snapshot.rows(table, columns);
    let (mut count, mut number, mut lines) = (0, 0, Vec::new());
    loop {
        let row = rows.try_next().await?;
        if let Some(row) = &row {
            if row.len() as u64 > PIECE_LIMIT - PIECE as u64 - 1 {
                let cause = "a row is too long for a backup".to_owned();
                return Err(StoreError::Corrupt { column: table.to_owned(), cause }.into());
            }
            lines.extend_from_slice(row.as_bytes());
            lines.push(b'\n');
            count += 1;
            progress.inc(1);
        }
        if lines.len() >= PIECE || row.is_none() && !lines.is_empty() {
            number += 1;
            let piece = Piece::Rows { table: table.to_owned(), number, lines: std::mem::take(&mut lines) };
            if pieces.send(piece).await.is_err() {
                return Ok(None);
            }
        }
        if row.is_none() {
            return Ok(Some(count));
        }
    }
}

/// Writes what comes. Where it breaks off before its end, nothing is kept.
fn write(
    target: &Target,
    time: u64,
    opening: &Opening,
    mut pieces: mpsc::Receiver<Piece>,
) -> Result<Manifest, BackupError> {
    let failed = |error| BackupError::written(&target.path, error);
    let folder = target.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Only its owner may read it: there are people's birth dates in it.
    let aside = NamedTempFile::with_prefix_in(".workbench-backup-", folder).map_err(failed)?;
    let file = aside.as_file().try_clone().map_err(failed)?;
    let mut archive = ArchiveWriter::begin(file, time, opening).map_err(failed)?;
    let mut uploads = Uploads::default();
    while let Some(piece) = pieces.blocking_recv() {
        match piece {
            Piece::Rows { table, number, lines } => archive.rows(&table, number, &lines).map_err(failed)?,
            Piece::Upload { needed, file } => {
                let missing = match file {
                    Ok(mut file) => archive.upload(&needed, &mut file).map_err(failed)?,
                    Err(why) => Some(why),
                };
                if let Some(why) = missing {
                    uploads.missing.push(MissingUpload { key: needed.key, why });
                } else {
                    uploads.files += 1;
                    uploads.bytes += needed.size;
                }
            }
            Piece::Finish(mut manifest) => {
                uploads.included = manifest.uploads.included;
                manifest.uploads = uploads;
                let manifest = archive.finish(*manifest).map_err(failed)?;
                let kept =
                    if target.force { aside.persist(&target.path) } else { aside.persist_noclobber(&target.path) };
                kept.map_err(|error| failed(error.error))?;
                // The name, too, survives a power cut.
                File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
                return Ok(manifest);
            }
        }
    }
    Err(BackupError::Interrupted)
}
