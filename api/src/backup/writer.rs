//! Writing an archive, on a thread that may block.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use sha2::{Digest, Sha256};
use workbench_engine::log::hex;
use workbench_engine::store::NeededUpload;

use super::manifest::{MANIFEST, Manifest, OPENING, Opening, Part, TABLES, UPLOADS};
use super::seal::{Hashed, header, seal};

/// An archive that is being written.
pub(super) struct ArchiveWriter {
    builder: tar::Builder<Hashed<BufWriter<File>>>,
    /// When, in seconds since the epoch; every member has this time.
    time: u64,
    parts: Vec<Part>,
}

impl ArchiveWriter {
    pub fn begin(file: File, time: u64, opening: &Opening) -> io::Result<Self> {
        let builder = tar::Builder::new(Hashed::new(BufWriter::new(file)));
        let mut archive = Self { builder, time, parts: Vec::new() };
        archive.member(OPENING, &json(opening)?)?;
        Ok(archive)
    }

    fn member(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.builder.append(&header(name, bytes.len() as u64, self.time)?, bytes)
    }

    /// Adds rows of a table.
    pub fn rows(&mut self, table: &str, number: u32, lines: &[u8]) -> io::Result<()> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(lines)?;
        let packed = packed.finish()?;
        let name = format!("{TABLES}{table}/{number:06}.ndjson.gz");
        self.member(&name, &packed)?;
        self.parts.push(Part { name, size: packed.len() as u64, sha256: hex(&Sha256::digest(&packed)) });
        Ok(())
    }

    /// Adds an upload, if it can be read and is what was uploaded; else says why it is not added.
    pub fn upload(&mut self, needed: &NeededUpload, file: &mut dyn Read) -> io::Result<Option<String>> {
        let name = format!("{UPLOADS}{}", needed.key);
        let (begun, hash) = (self.builder.get_ref().bytes, self.builder.get_ref().hash.clone());
        let mut source = Source { file: Hashed::new(file), left: needed.size, failure: None };
        let appended = self.builder.append(&header(&name, needed.size, self.time)?, &mut source);
        let why = match (appended, source.failure.take()) {
            (_, Some(failure)) => failure,
            (Err(error), None) => return Err(error),
            (Ok(()), None) if source.left > 0 => "it is shorter than what was uploaded".to_owned(),
            (Ok(()), None) if !source.is_at_end() => "it is longer than what was uploaded".to_owned(),
            (Ok(()), None) if source.file.hex() != needed.sha256 => "it is not what was uploaded".to_owned(),
            (Ok(()), None) => {
                self.parts.push(Part { name, size: needed.size, sha256: needed.sha256.clone() });
                return Ok(None);
            }
        };
        // As if it had not been begun.
        let out = self.builder.get_mut();
        out.flush()?;
        let file = out.inner.get_mut();
        file.set_len(begun)?;
        file.seek(SeekFrom::Start(begun))?;
        (out.bytes, out.hash) = (begun, hash);
        Ok(Some(why))
    }

    /// Adds manifest and seal; everything is on the disk then. Answers the manifest, with the parts that were written.
    pub fn finish(mut self, mut manifest: Manifest) -> io::Result<Manifest> {
        manifest.parts = std::mem::take(&mut self.parts);
        self.member(MANIFEST, &json(&manifest)?)?;
        let out = self.builder.get_mut();
        let seal = seal(&out.hash)?;
        // The builder writes the two empty blocks behind it.
        out.write_all(seal.get(..1024).unwrap_or_default())?;
        let file = self.builder.into_inner()?.inner.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        Ok(manifest)
    }
}

fn json(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    Ok(text)
}

/// A file that is added. What goes wrong with it is told from what goes wrong with the archive.
struct Source<'a> {
    file: Hashed<&'a mut dyn Read>,
    /// Bytes that are still to come.
    left: u64,
    failure: Option<String>,
}

impl Source<'_> {
    fn is_at_end(&mut self) -> bool {
        matches!(self.file.inner.read(&mut [0]), Ok(0))
    }
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.file.read(buffer.get_mut(..wanted).unwrap_or_default());
        match &read {
            Ok(read) => self.left -= *read as u64,
            Err(error) if error.kind() != io::ErrorKind::Interrupted => self.failure = Some(error.to_string()),
            Err(_) => {}
        }
        read
    }
}
