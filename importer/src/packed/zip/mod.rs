//! A ZIP archive of one file, read from front to back.
//!
//! The directory at the end of an archive and the headers in front of its content say the same things twice, and
//! archives made to deceive say different things. Read in a stream, an archive is sound only as a whole: one header,
//! its content, a directory that says the same and stands where it says, and nothing else.

mod descriptor;
mod directory;
mod entry;
mod fields;

use std::io::{self, BufRead, Read};

use super::fault::PackedFault;
use super::{failure, refused};
use crate::failure::OpenError;
use entry::{Body, Entry, Header};
use fields::{Counted, LOCAL, signature};

/// The folder in which macOS keeps what its file system knows of a file besides its content.
const COMPANIONS: &[u8] = b"__MACOSX/";
/// Entries in that folder: itself and one for the file are usual.
const MAX_COMPANIONS: usize = 4;
/// Unpacked bytes of one of them: 1 MiB. Finder's colours and tags are some hundred, an icon of its own is more.
const COMPANION_BYTES: u64 = 1024 * 1024;

/// The one file of an archive.
pub(super) struct OnlyFile<R> {
    name: Vec<u8>,
    /// None once it has been read to its end.
    body: Option<Body<R>>,
}

impl<R: BufRead> OnlyFile<R> {
    /// Reads the header of the first entry.
    pub(super) fn open(source: R) -> Result<Self, OpenError> {
        let mut source = Counted::new(source);
        let opening = |error| OpenError::from_io(failure(error));
        // The caller has seen what it is.
        signature(&mut source).map_err(opening)?;
        let header = Header::read(&mut source, 0).map_err(opening)?;
        let name = header.name.clone();
        if let Some(what) = document(&name) {
            return Err(OpenError::Binary { what: format!("it looks like {what}") });
        }
        let body = Body::open(header, source)?;
        if name.ends_with(b"/") || name.starts_with(COMPANIONS) {
            return Err(PackedFault::SeveralFiles.into());
        }
        Ok(Self { name, body: Some(body) })
    }

    /// The name of the entry, if it was packed under one. Old programs write other encodings than UTF-8 and do not say
    /// which.
    pub(super) fn name(&self) -> Option<String> {
        // What is packed from a pipe is called `-`.
        (self.name != b"-").then(|| String::from_utf8_lossy(&self.name).into_owned())
    }
}

impl<R: BufRead> Read for OnlyFile<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(body) = self.body.as_mut().filter(|_| !buffer.is_empty()) else { return Ok(0) };
        let read = body.read(buffer)?;
        if read == 0 {
            self.body.take().map_or(Ok(()), close)?;
        }
        Ok(read)
    }
}

/// The content has ended: looks whether it is what was announced, and whether the archive ends with it.
fn close<R: BufRead>(body: Body<R>) -> io::Result<()> {
    let (entry, mut next, mut source) = body.finish()?;
    let mut entries = vec![entry];
    while next == LOCAL {
        if entries.len() > MAX_COMPANIONS {
            return Err(refused(PackedFault::SeveralFiles));
        }
        let companion;
        (companion, next, source) = pass_companion(source)?;
        entries.push(companion);
    }
    directory::read(&mut source, next, &entries)
}

/// Reads past an entry that macOS adds, from behind its signature; any other is a second file.
fn pass_companion<R: BufRead>(mut source: Counted<R>) -> io::Result<(Entry, [u8; 4], Counted<R>)> {
    let start = source.at() - LOCAL.len() as u64;
    let header = Header::read(&mut source, start)?;
    if !header.name.starts_with(COMPANIONS) {
        return Err(refused(PackedFault::SeveralFiles));
    }
    let mut body = Body::open(header, source).map_err(refused)?;
    if io::copy(&mut body.by_ref().take(COMPANION_BYTES + 1), &mut io::sink())? > COMPANION_BYTES {
        return Err(refused(PackedFault::SeveralFiles));
    }
    body.finish()
}

/// Documents that are ZIP archives, told by the name of their first entry.
fn document(name: &[u8]) -> Option<&'static str> {
    match name {
        b"mimetype" => Some("an OpenDocument file or an e-book (ods, odt, epub)"),
        b"[Content_Types].xml" | b"_rels/.rels" => Some("an Office document (xlsx, docx)"),
        name if [b"xl/".as_slice(), b"docProps/", b"_rels/"].iter().any(|folder| name.starts_with(folder)) => {
            Some("an Office document (xlsx, docx)")
        }
        name if name.starts_with(b"META-INF/") => Some("a Java archive"),
        _ => None,
    }
}
