//! Reading an archive, on a thread that may block: once to check it, and once more to restore it.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use flate2::read::GzDecoder;
use serde::de::DeserializeOwned;

use super::BackupError;
use super::manifest::{
    FORMAT, MANIFEST, MANIFEST_LIMIT, Manifest, OPENING, Opening, PIECE_LIMIT, Part, TABLES, UPLOADS,
};
use super::seal::{Hashed, SEAL, seal};

/// The largest opening.
const OPENING_LIMIT: u64 = 64 * 1024;
const NO_MANIFEST: &str = "its manifest is missing, as where a copy broke off";

/// Reads the whole archive and makes sure that it is what was written.
///
/// # Errors
/// Says what is damaged, or why the archive cannot be used by this version.
pub fn verify(path: &Path) -> Result<Manifest, BackupError> {
    let (mut file, content) = open(path)?;
    let mut hashed = Hashed::new(BufReader::with_capacity(1 << 16, &mut file).take(content));
    let (mut opening, mut manifest, mut seen) = (None, None, Vec::new());
    walk(&mut hashed, |name, size, member| {
        match (&opening, &manifest, name) {
            (None, ..) => {
                if name != OPENING {
                    return Err(BackupError::NoBackup { path: path.to_owned() });
                }
                let read = opened(path, &bounded(name, size, OPENING_LIMIT, member)?)?;
                opening = Some(read);
            }
            (Some(_), None, MANIFEST) => manifest = Some(bounded(name, size, MANIFEST_LIMIT, member)?),
            (Some(_), None, _) => {
                let mut member = Hashed::new(member);
                let read = io::copy(&mut member, &mut io::sink()).map_err(|error| damaged(name, &error))?;
                if read != size {
                    return Err(BackupError::damaged(format!("`{name}` is cut off")));
                }
                seen.push(Part { name: name.to_owned(), size, sha256: member.hex() });
            }
            (Some(_), Some(_), _) => {
                return Err(BackupError::damaged(format!("`{name}` stands behind the manifest")));
            }
        }
        Ok(())
    })
    .map_err(|error| unless_opened(path, opening.is_some(), error))?;
    let Some(opening) = opening else { return Err(BackupError::NoBackup { path: path.to_owned() }) };
    let Some(manifest) = manifest else { return Err(BackupError::damaged(NO_MANIFEST)) };
    let manifest: Manifest = parsed(MANIFEST, &manifest)?;
    compare(&manifest.parts, &seen)?;
    // What the walk did not look at: the blocks between the members.
    io::copy(&mut hashed, &mut io::sink()).map_err(|error| BackupError::read(path, error))?;
    let wanted = seal(&hashed.hash).map_err(|error| BackupError::read(path, error))?;
    drop(hashed);
    let mut found = Vec::new();
    file.seek(SeekFrom::Start(content)).map_err(|error| BackupError::read(path, error))?;
    file.take(SEAL).read_to_end(&mut found).map_err(|error| BackupError::read(path, error))?;
    if found != wanted {
        return Err(BackupError::damaged("its bytes do not have the hash at its end"));
    }
    if (manifest.format, &manifest.product) != (opening.format, &opening.product) {
        return Err(BackupError::damaged("its manifest is that of another backup"));
    }
    Ok(manifest)
}

/// What is restored of an archive.
pub(super) trait Receiver {
    /// Rows of a table, a line each.
    fn rows(&mut self, table: &str, lines: String) -> Result<(), BackupError>;
    /// An upload; what is read of it was checked before, and is to be checked again.
    fn upload(&mut self, key: &str, part: &Part, file: &mut dyn Read) -> Result<(), BackupError>;
}

/// Reads the parts of an archive that [`verify`] has found to be whole; each is compared with the manifest once more, as
/// the file may have been changed since.
pub(super) fn read(path: &Path, manifest: &Manifest, receiver: &mut impl Receiver) -> Result<(), BackupError> {
    let (mut file, content) = open(path)?;
    let mut parts = manifest.parts.iter();
    walk(&mut BufReader::with_capacity(1 << 16, &mut file).take(content), |name, size, member| {
        if matches!(name, OPENING | MANIFEST) {
            return Ok(());
        }
        let Some(part) = parts.next().filter(|part| part.name == name && part.size == size) else {
            return Err(changed(name));
        };
        if let Some(table) = name.strip_prefix(TABLES).and_then(|rest| rest.split_once('/')).map(|(table, _)| table) {
            let mut member = Hashed::new(member);
            let packed = bounded(name, size, PIECE_LIMIT, &mut member)?;
            if member.hex() != part.sha256 {
                return Err(changed(name));
            }
            receiver.rows(table, unpacked(name, &packed)?)
        } else if let Some(key) = name.strip_prefix(UPLOADS) {
            receiver.upload(key, part, member)
        } else {
            Err(BackupError::damaged(format!("nobody knows what `{name}` is")))
        }
    })?;
    parts.next().map_or(Ok(()), |part| Err(changed(&part.name)))
}

fn changed(name: &str) -> BackupError {
    BackupError::damaged(format!("`{name}` was changed while it was being restored"))
}

/// The file, and how many bytes of it come before the seal.
fn open(path: &Path) -> Result<(File, u64), BackupError> {
    let file = File::open(path).map_err(|error| BackupError::read(path, error))?;
    let about = file.metadata().map_err(|error| BackupError::read(path, error))?;
    if !about.is_file() {
        return Err(BackupError::NoFile { path: path.to_owned() });
    }
    Ok((file, about.len().saturating_sub(SEAL)))
}

/// Shows every member, in order.
fn walk(
    archive: &mut impl Read,
    mut visit: impl FnMut(&str, u64, &mut dyn Read) -> Result<(), BackupError>,
) -> Result<(), BackupError> {
    let mut archive = tar::Archive::new(archive);
    let broken = |error: io::Error| BackupError::damaged(error.to_string());
    for member in archive.entries().map_err(broken)? {
        let mut member = member.map_err(broken)?;
        let name = String::from_utf8_lossy(&member.path_bytes()).into_owned();
        if !member.header().entry_type().is_file() {
            return Err(BackupError::damaged(format!("`{name}` is no file")));
        }
        let size = member.size();
        visit(&name, size, &mut member)?;
    }
    Ok(())
}

/// What does not even begin like a backup is none.
fn unless_opened(path: &Path, opened: bool, error: BackupError) -> BackupError {
    match error {
        BackupError::Damaged { .. } if !opened => BackupError::NoBackup { path: path.to_owned() },
        error => error,
    }
}

fn opened(path: &Path, text: &[u8]) -> Result<Opening, BackupError> {
    let no_backup = |_| BackupError::NoBackup { path: path.to_owned() };
    let opening: Opening = serde_json::from_slice(text).map_err(no_backup)?;
    if opening.format > FORMAT {
        return Err(BackupError::NewerFormat { format: opening.format, product: opening.product, known: FORMAT });
    }
    Ok(opening)
}

fn parsed<T: DeserializeOwned>(name: &str, text: &[u8]) -> Result<T, BackupError> {
    serde_json::from_slice(text).map_err(|error| BackupError::damaged(format!("`{name}` cannot be read: {error}")))
}

fn damaged(name: &str, error: &io::Error) -> BackupError {
    BackupError::damaged(format!("`{name}` cannot be read: {error}"))
}

/// A member that is held in memory.
fn bounded(name: &str, size: u64, limit: u64, member: &mut dyn Read) -> Result<Vec<u8>, BackupError> {
    let mut bytes = Vec::new();
    let read = member.take(limit).read_to_end(&mut bytes).map_err(|error| damaged(name, &error))?;
    if read as u64 == size {
        Ok(bytes)
    } else {
        Err(BackupError::damaged(format!("`{name}` has {size} bytes, of which {read} could be read")))
    }
}

fn unpacked(name: &str, packed: &[u8]) -> Result<String, BackupError> {
    let mut lines = String::new();
    let mut decoder = GzDecoder::new(packed).take(PIECE_LIMIT + 1);
    let read = decoder.read_to_string(&mut lines).map_err(|error| damaged(name, &error))?;
    if read as u64 > PIECE_LIMIT {
        return Err(BackupError::damaged(format!("`{name}` unpacks to more than {PIECE_LIMIT} bytes")));
    }
    Ok(lines)
}

fn compare(wanted: &[Part], found: &[Part]) -> Result<(), BackupError> {
    if let Some((part, _)) = wanted.iter().zip(found).find(|(wanted, found)| wanted != found) {
        return Err(BackupError::damaged(format!("`{}` is not what was written", part.name)));
    }
    match (wanted.get(found.len()), found.get(wanted.len())) {
        (Some(part), _) => Err(BackupError::damaged(format!("`{}` is missing", part.name))),
        (_, Some(part)) => Err(BackupError::damaged(format!("the manifest does not know `{}`", part.name))),
        (None, None) => Ok(()),
    }
}
