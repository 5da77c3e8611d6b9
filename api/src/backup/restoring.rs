//! Restoring a backup into an empty store, in one transaction.

use std::io::{self, Read};
use std::path::Path;

use bytes::Bytes;
use chrono::{SecondsFormat, Utc};
use indicatif::ProgressBar;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use workbench_engine::log::Actor;
use workbench_engine::store::{Filling, Store, Tx, Verified};
use workbench_jobs::Objects;

use super::manifest::{Manifest, Part};
use super::reader::{self, Receiver};
use super::{BackupError, verify};
use crate::daemon::Places;

/// An upload travels in pieces of this size.
const BUFFER: usize = 256 * 1024;

/// What a restored store was found to be.
#[derive(Debug)]
pub struct Restored {
    /// What was restored.
    pub manifest: Manifest,
    /// What the chain of events was found to be, with the event that says that it was restored.
    pub chain: Verified,
    /// Where replaying the events does not give the stored state.
    pub difference: Option<String>,
    /// Uploads that rows refer to and that are not where uploads are: those that the backup missed or left out.
    pub missing: Vec<String>,
}

/// What the reading thread hands on, in order.
enum Piece {
    Rows { table: String, lines: String },
    Upload { key: String, part: Part, bytes: mpsc::Receiver<io::Result<Bytes>> },
}

/// Restores an archive into a store without rows, which is made where there is none. The archive is checked before anything is
/// changed, rows become visible all at once, and afterwards the store is audited.
///
/// # Errors
/// Of the archive, the store and the uploads. The store is empty then, and no upload of the archive is left, unless the answer
/// to the commit was lost.
pub async fn restore(places: &Places, path: &Path, progress: &ProgressBar) -> Result<Restored, BackupError> {
    progress.set_message("checking");
    let checked = path.to_owned();
    let checked = tokio::task::spawn_blocking(move || verify(&checked)).await;
    let manifest = checked.map_err(|error| BackupError::read(path, io::Error::other(error)))??;
    let store = store_for(places, &manifest).await?;
    let mut tx = store.begin(&Actor::workbench(), Utc::now()).await?;
    tx.begin_restore().await?;
    let objects = places.objects()?;
    let mut kept = Vec::new();
    let filled = fill(&mut tx, &objects, path, &manifest, progress, &mut kept).await;
    if let Err(error) = filled {
        drop(tx);
        for key in kept {
            if let Err(error) = objects.remove(&key).await {
                tracing::warn!(%error, key, "an upload of the backup could not be removed again");
            }
        }
        return Err(error);
    }
    progress.set_message("committing");
    // Where the commit's answer is lost, the rows may be there, and need their uploads. Uploads without rows are swept.
    tx.commit().await?;
    store.migrate(&places.database()).await?;
    progress.set_message("auditing");
    let (chain, difference) = (store.verify_events().await?, store.verify_replay().await?);
    let missing = missing(&store, &objects).await?;
    store.close().await;
    Ok(Restored { manifest, chain, difference, missing })
}

/// Connects to a store with the archive's schema, which is made where there is none.
async fn store_for(places: &Places, manifest: &Manifest) -> Result<Store, BackupError> {
    let made = places.make_data_dir();
    made.map_err(|error| BackupError::written(&places.data_dir, error))?;
    let store = places.connect().await?;
    let known = store.known_schemas();
    if !known.contains(&manifest.schema) {
        let (schema, product) = (manifest.schema, manifest.product.clone());
        return Err(BackupError::NewerSchema { schema, product, known: known.last().copied().unwrap_or(0) });
    }
    match store.schema_version().await? {
        None => store.migrate_to(&places.database(), manifest.schema).await?,
        Some(version) if version == manifest.schema => {}
        Some(version) => return Err(BackupError::OtherSchema { schema: manifest.schema, store: version }),
    }
    Ok(store)
}

/// Puts everything into the transaction, and uploads where they belong. `kept` has those that were not there before.
async fn fill(
    tx: &mut Tx,
    objects: &Objects,
    path: &Path,
    manifest: &Manifest,
    progress: &ProgressBar,
    kept: &mut Vec<String>,
) -> Result<(), BackupError> {
    let (pieces, mut received) = mpsc::channel(1);
    let (from, parts) = (path.to_owned(), manifest.clone());
    let reading = tokio::task::spawn_blocking(move || reader::read(&from, &parts, &mut Handing(pieces)));
    let mut fillings: Vec<(&str, Filling)> = Vec::new();
    for table in &manifest.tables {
        fillings.push((&table.name, tx.fill(&table.name, &table.columns).await?));
    }
    let mut applied = Ok(());
    while let Some(piece) = received.recv().await {
        applied = apply(tx, objects, &fillings, piece, progress, kept).await;
        if applied.is_err() {
            break;
        }
    }
    drop(received);
    let read = reading.await.map_err(|error| BackupError::read(path, io::Error::other(error)))?;
    // Where the thread was not listened to any more, it is known why.
    applied.and(read)?;
    for ((_, filling), table) in fillings.iter().zip(&manifest.tables) {
        tx.filled(filling, table.rows).await?;
    }
    let taken_at = manifest.taken_at.to_rfc3339_opts(SecondsFormat::Micros, true);
    Ok(tx.finish_restore(&manifest.head, &taken_at).await?)
}

async fn apply(
    tx: &mut Tx,
    objects: &Objects,
    fillings: &[(&str, Filling)],
    piece: Piece,
    progress: &ProgressBar,
    kept: &mut Vec<String>,
) -> Result<(), BackupError> {
    match piece {
        Piece::Rows { table, lines } => {
            progress.set_message(format!("rows of {table}"));
            let Some((_, filling)) = fillings.iter().find(|(name, _)| *name == table) else {
                return Err(BackupError::damaged(format!("the manifest does not know the table `{table}`")));
            };
            progress.inc(tx.add_rows(filling, &lines).await?);
        }
        Piece::Upload { key, part, bytes } => {
            progress.set_message(format!("upload {key}"));
            if objects.size(&key).await?.is_none() {
                kept.push(key.clone());
            }
            let stored = objects.put(&key, part.size, ReceiverStream::new(bytes)).await?;
            if (stored.size, &stored.sha256) != (part.size, &part.sha256) {
                return Err(BackupError::damaged(format!("`{}` was changed while it was being restored", part.name)));
            }
        }
    }
    Ok(())
}

/// The uploads that the store needs and that are not there.
async fn missing(store: &Store, objects: &Objects) -> Result<Vec<String>, BackupError> {
    let needed = store.snapshot().await?.uploads().await?;
    let mut missing = Vec::new();
    for upload in needed {
        if objects.size(&upload.key).await? != Some(upload.size) {
            missing.push(upload.key);
        }
    }
    Ok(missing)
}

/// Hands on what is read, from a thread that may block.
struct Handing(mpsc::Sender<Piece>);

impl Handing {
    fn hand_on(&self, piece: Piece) -> Result<(), BackupError> {
        self.0.blocking_send(piece).map_err(|_| BackupError::Interrupted)
    }
}

impl Receiver for Handing {
    fn rows(&mut self, table: &str, lines: String) -> Result<(), BackupError> {
        self.hand_on(Piece::Rows { table: table.to_owned(), lines })
    }

    fn upload(&mut self, key: &str, part: &Part, file: &mut dyn Read) -> Result<(), BackupError> {
        let (send, bytes) = mpsc::channel(2);
        self.hand_on(Piece::Upload { key: key.to_owned(), part: part.clone(), bytes })?;
        loop {
            let mut buffer = vec![0; BUFFER];
            let read = file.read(&mut buffer);
            let (ended, chunk) = match read {
                Ok(0) => return Ok(()),
                Ok(read) => {
                    buffer.truncate(read);
                    (false, Ok(Bytes::from(buffer)))
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => (true, Err(error)),
            };
            // Whoever does not take it says why.
            if send.blocking_send(chunk).is_err() || ended {
                return Ok(());
            }
        }
    }
}
