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
const MACOS: &[u8] = b"__MACOSX/";
/// What Finder keeps of a folder that was looked at.
const FINDER: &[u8] = b".DS_Store";
/// Entries besides the file: folders down to it, and for each of them what macOS adds.
const MAX_COMPANIONS: usize = 16;
/// Unpacked bytes of one of them: 1 MiB. Finder's colours and tags are some hundred, an icon of its own is more.
const COMPANION_BYTES: u64 = 1024 * 1024;

/// The one file of an archive.
pub(super) struct OnlyFile<R> {
    name: Vec<u8>,
    /// The entries in front of it.
    passed: Vec<Entry>,
    /// None once it has been read to its end.
    body: Option<Body<R>>,
}

impl<R: BufRead> OnlyFile<R> {
    /// Reads the header of the first entry that is a file.
    pub(super) fn open(source: R) -> Result<Self, OpenError> {
        let mut source = Counted::new(source);
        let opening = |error| OpenError::from_io(failure(error));
        // The caller has seen what it is.
        let mut next = signature(&mut source).map_err(opening)?;
        let mut passed = Vec::new();
        while next == LOCAL {
            let header = header(&mut source).map_err(opening)?;
            if let Some(what) = document(&header.name) {
                return Err(OpenError::Binary { what: format!("it looks like {what}") });
            }
            if !is_companion(&header.name) {
                let name = header.name.clone();
                return Ok(Self { name, passed, body: Some(Body::open(header, source)?) });
            }
            if passed.len() == MAX_COMPANIONS {
                return Err(PackedFault::SeveralFiles.into());
            }
            let companion;
            (companion, next, source) = pass(header, source).map_err(opening)?;
            passed.push(companion);
        }
        Err(PackedFault::Empty.into())
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
            let passed = std::mem::take(&mut self.passed);
            self.body.take().map_or(Ok(()), |body| close(body, passed))?;
        }
        Ok(read)
    }
}

/// The content has ended: looks whether it is what was announced, and whether the archive ends with it.
fn close<R: BufRead>(body: Body<R>, mut entries: Vec<Entry>) -> io::Result<()> {
    let (entry, mut next, mut source) = body.finish()?;
    entries.push(entry);
    while next == LOCAL {
        let header = header(&mut source)?;
        if !is_companion(&header.name) || entries.len() > MAX_COMPANIONS {
            return Err(refused(PackedFault::SeveralFiles));
        }
        let companion;
        (companion, next, source) = pass(header, source)?;
        entries.push(companion);
    }
    directory::read(&mut source, next, &entries)
}

/// Reads the header of an entry, from behind its signature.
fn header<R: BufRead>(source: &mut Counted<R>) -> io::Result<Header> {
    let start = source.at() - LOCAL.len() as u64;
    Header::read(source, start)
}

/// Whether an entry of this name is no file that anybody has packed by choice: a folder, or what macOS adds.
fn is_companion(name: &[u8]) -> bool {
    let file = name.rsplit(|byte| *byte == b'/').next();
    name.ends_with(b"/") || name.starts_with(MACOS) || file == Some(FINDER)
}

/// Reads past an entry, from behind its header. One that is larger than such entries are is a file in disguise, and so is
/// a folder with content.
fn pass<R: BufRead>(header: Header, source: Counted<R>) -> io::Result<(Entry, [u8; 4], Counted<R>)> {
    let mut body = Body::open(header, source).map_err(refused)?;
    if io::copy(&mut body.by_ref().take(COMPANION_BYTES + 1), &mut io::sink())? > COMPANION_BYTES {
        return Err(refused(PackedFault::SeveralFiles));
    }
    let (entry, next, source) = body.finish()?;
    if entry.name.ends_with(b"/") && entry.unpacked > 0 {
        return Err(refused(PackedFault::SeveralFiles));
    }
    Ok((entry, next, source))
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
