//! Cuts a text stream into lines of bounded length, whatever mix of line ends it uses.

use std::io::{BufRead, BufReader, Read};

use crate::MAX_RECORD_BYTES;
use crate::failure::ReadError;

/// Lines of a text stream. CR LF, LF and CR all end a line.
pub(crate) struct LineReader<R> {
    input: BufReader<R>,
    row: u64,
    /// The last line ended with CR: a following LF belongs to it.
    after_cr: bool,
    manner: Manner,
}

/// How the lines read so far were ended.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Manner {
    lf: bool,
    cr: bool,
    cr_lf: bool,
    /// The last line with a Ctrl-Z at its end.
    pub(crate) ctrl_z: Option<u64>,
}

impl Manner {
    /// Whether lines ended in more than one way.
    pub(crate) const fn is_mixed(self) -> bool {
        (self.lf as u8) + (self.cr as u8) + (self.cr_lf as u8) > 1
    }
}

impl<R: Read> LineReader<R> {
    pub(crate) fn new(input: R) -> Self {
        Self { input: BufReader::with_capacity(32 * 1024, input), row: 0, after_cr: false, manner: Manner::default() }
    }

    /// How the lines read so far were ended.
    pub(crate) const fn manner(&self) -> Manner {
        self.manner
    }

    /// The next line with its number, counted from 1, without its end, trailing white space and
    /// Ctrl-Z; `None` at the end.
    pub(crate) fn next_line(&mut self) -> Result<Option<(u64, String)>, ReadError> {
        let row = self.row + 1;
        let mut line = Vec::new();
        loop {
            let buffer = match self.input.fill_buf() {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                other => other.map_err(ReadError::from_io)?,
            };
            if buffer.is_empty() {
                if line.is_empty() {
                    return Ok(None);
                }
                break;
            }
            if std::mem::take(&mut self.after_cr) {
                if buffer.first() == Some(&b'\n') {
                    self.manner.cr_lf = true;
                    self.input.consume(1);
                    continue;
                }
                self.manner.cr = true;
            }
            let end = buffer.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let taken = end.unwrap_or(buffer.len());
            if line.len() + taken > MAX_RECORD_BYTES {
                return Err(ReadError::LineTooLong { row });
            }
            line.extend_from_slice(buffer.get(..taken).unwrap_or_default());
            let Some(end) = end else {
                self.input.consume(taken);
                continue;
            };
            self.after_cr = buffer.get(end) == Some(&b'\r');
            self.manner.lf |= !self.after_cr;
            self.input.consume(taken + 1);
            break;
        }
        self.row = row;
        while let Some(byte) = line.pop_if(|byte| *byte == 0x1a || byte.is_ascii_whitespace()) {
            if byte == 0x1a {
                self.manner.ctrl_z = Some(row);
            }
        }
        // Decoding gives valid UTF-8 and line ends never cut a character, so nothing is lost here.
        Ok(Some((row, String::from_utf8_lossy(&line).into_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> Vec<(u64, String)> {
        let mut reader = LineReader::new(text);
        std::iter::from_fn(|| reader.next_line().expect("short lines")).collect()
    }

    #[test]
    fn line_ends_may_be_mixed() {
        let expected: Vec<_> =
            [(1, "a"), (2, "b"), (3, ""), (4, "c"), (5, "d")].map(|(row, text)| (row, text.to_owned())).into();
        assert_eq!(lines(b"a\r\nb\n\nc\rd\x1a"), expected);
        let manner = |text: &'static [u8]| {
            let mut reader = LineReader::new(text);
            while reader.next_line().expect("short lines").is_some() {}
            (reader.manner().is_mixed(), reader.manner().ctrl_z)
        };
        assert_eq!(manner(b"a\r\nb\r\n\x1a"), (false, Some(3)));
        assert_eq!(manner(b"a\rb\r"), (false, None));
        assert_eq!(manner(b"a\rb\n"), (true, None));
        assert_eq!(manner(b"a\r\nb\n"), (true, None));
    }

    #[test]
    fn an_endless_line_is_refused() {
        let text = vec![b'x'; MAX_RECORD_BYTES + 1];
        let error = LineReader::new(text.as_slice()).next_line().expect_err("too long");
        assert_eq!(error.code(), "line_too_long");
    }
}
