//! The members of a gzip file, which are read as one content.

use std::io::{self, BufRead, Read};
use std::mem;

use flate2::bufread::GzDecoder;

use super::fault::PackedFault;
use super::{GZIP, refused};

/// The content of every member, one after the other.
///
/// `flate2` can read them, too, and takes whatever follows a member for the start of another: a line break behind the
/// last one would be a file that was cut.
pub(super) struct Members(GzDecoder<Box<dyn BufRead + Send>>);

impl Members {
    /// Reads the header of the first member; what is wrong with it is said by the first read.
    pub(super) fn open(source: impl BufRead + Send + 'static) -> Self {
        Self(GzDecoder::new(Box::new(source)))
    }

    /// The name in the header of the first member; asked for before anything is read.
    pub(super) fn name(&self) -> Option<String> {
        // It is Latin-1, whose bytes are the first characters of Unicode.
        let name = self.0.header()?.filename()?;
        Some(name.iter().map(|byte| char::from(*byte)).collect())
    }
}

impl Read for Members {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.0.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            match self.0.get_mut().fill_buf()?.first() {
                None => return Ok(0),
                Some(first) if GZIP.starts_with(&[*first]) => {
                    let source = mem::replace(self.0.get_mut(), Box::new(io::empty()));
                    self.0.reset(source);
                }
                Some(0) => return self.pass_padding().map(|()| 0),
                Some(_) => return Err(follows()),
            }
        }
    }
}

impl Members {
    /// Reads past the zeros with which tapes and block devices fill their last block; nothing may follow them.
    fn pass_padding(&mut self) -> io::Result<()> {
        loop {
            let padding = self.0.get_mut().fill_buf()?;
            let length = padding.len();
            if length == 0 {
                return Ok(());
            }
            if padding.iter().any(|byte| *byte != 0) {
                return Err(follows());
            }
            self.0.get_mut().consume(length);
        }
    }
}

fn follows() -> io::Error {
    refused(PackedFault::damaged("something follows its end"))
}
