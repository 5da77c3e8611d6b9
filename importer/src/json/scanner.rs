//! Finds its way through a stream of JSON without holding more than one record.

use std::io::Read;

use super::MAX_DEPTH;
use crate::MAX_RECORD_BYTES;
use crate::failure::ReadError;
use crate::format::Format;

/// Bytes read at a time.
const CHUNK: usize = 32 * 1024;

/// Longest key outside records, in bytes.
const LONGEST_KEY: usize = 64 * 1024;

/// A place in a stream of JSON.
pub(crate) struct Scanner<R> {
    input: R,
    buffer: Vec<u8>,
    at: usize,
    /// Bytes taken before the buffer.
    before: u64,
    line: u64,
}

impl<R: Read> Scanner<R> {
    pub(crate) fn new(input: R) -> Self {
        Self { input, buffer: Vec::new(), at: 0, before: 0, line: 1 }
    }

    /// The line being read, from 1.
    pub(crate) const fn line(&self) -> u64 {
        self.line
    }

    /// What is wrong at this place.
    pub(crate) fn damaged(&self, why: impl Into<String>) -> ReadError {
        ReadError::Damaged {
            format: Format::Json,
            line: self.line,
            offset: self.before.saturating_add(self.at as u64),
            why: why.into(),
        }
    }

    fn unfinished(&self, missing: &'static str) -> ReadError {
        ReadError::Unfinished { line: self.line, missing }
    }

    /// The next byte, which stays; `None` at the end.
    pub(crate) fn peek(&mut self) -> Result<Option<u8>, ReadError> {
        while self.at >= self.buffer.len() {
            self.before += self.buffer.len() as u64;
            self.buffer.resize(CHUNK, 0);
            self.at = 0;
            match self.input.read(&mut self.buffer) {
                Ok(read) => self.buffer.truncate(read),
                Err(error) => {
                    self.buffer.clear();
                    if error.kind() != std::io::ErrorKind::Interrupted {
                        return Err(ReadError::from_io(error));
                    }
                    continue;
                }
            }
            if self.buffer.is_empty() {
                return Ok(None);
            }
        }
        Ok(self.buffer.get(self.at).copied())
    }

    fn next(&mut self) -> Result<Option<u8>, ReadError> {
        let byte = self.peek()?;
        if let Some(byte) = byte {
            self.at += 1;
            self.line += u64::from(byte == b'\n');
        }
        Ok(byte)
    }

    /// The next byte behind white space, which stays.
    pub(crate) fn peek_value(&mut self) -> Result<Option<u8>, ReadError> {
        while let Some(byte) = self.peek()? {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Ok(Some(byte));
            }
            self.next()?;
        }
        Ok(None)
    }

    /// Takes a certain byte behind white space.
    pub(crate) fn expect(&mut self, wanted: u8, missing: &'static str) -> Result<(), ReadError> {
        match self.peek_value()? {
            Some(byte) if byte == wanted => self.next().map(|_| ()),
            Some(_) => Err(self.damaged(format!("expected `{}`", char::from(wanted)))),
            None => Err(self.unfinished(missing)),
        }
    }

    /// Whether the list or object goes on: takes the comma, or the end that `closer` is.
    pub(crate) fn goes_on(&mut self, first: bool, closer: u8) -> Result<bool, ReadError> {
        match self.peek_value()? {
            Some(byte) if byte == closer => self.next().map(|_| false),
            Some(_) if first => Ok(true),
            Some(b',') => self.next().map(|_| true),
            Some(_) => Err(self.damaged(format!("expected `,` or `{}`", char::from(closer)))),
            None => Err(self.unfinished("a list or an object is closed")),
        }
    }

    /// A member's key, with the colon behind it.
    pub(crate) fn key(&mut self) -> Result<String, ReadError> {
        if self.peek_value()?.is_some_and(|byte| byte != b'"') {
            return Err(self.damaged("expected a key in quotes"));
        }
        let mut raw = Vec::new();
        self.cut(&mut raw, LONGEST_KEY)?;
        let key = match super::parse(&String::from_utf8_lossy(&raw)) {
            Ok(super::JsonValue::Text(key)) => key,
            Ok(_) => return Err(self.damaged("expected a key in quotes")),
            Err(fault) => return Err(self.damaged(fault.why)),
        };
        self.expect(b':', "a member has its value")?;
        Ok(key)
    }

    /// Cuts out the next value, which must not be longer than a record may be.
    pub(crate) fn value(&mut self) -> Result<String, ReadError> {
        let mut raw = Vec::new();
        self.cut(&mut raw, MAX_RECORD_BYTES)?;
        // The decoded stream is UTF-8, and a value begins and ends with ASCII.
        Ok(String::from_utf8_lossy(&raw).into_owned())
    }

    /// Passes over the next value, however long.
    pub(crate) fn skip(&mut self) -> Result<(), ReadError> {
        self.walk(|_| true)
    }

    /// Makes sure that nothing but white space follows.
    pub(crate) fn end(&mut self) -> Result<(), ReadError> {
        loop {
            match self.peek_value()? {
                None => return Ok(()),
                // Ctrl-Z ends old text files.
                Some(0x1a) => self.next().map(|_| ())?,
                Some(_) => return Err(ReadError::Trailing { line: self.line }),
            }
        }
    }

    /// The next line that is not blank, with its number and whether it has its line end.
    pub(crate) fn text_line(&mut self) -> Result<Option<(u64, String, bool)>, ReadError> {
        loop {
            let row = self.line;
            let mut raw = Vec::new();
            let mut ended = false;
            while let Some(byte) = self.next()? {
                if byte == b'\n' {
                    ended = true;
                    break;
                }
                if raw.len() >= MAX_RECORD_BYTES {
                    return Err(ReadError::LineTooLong { row });
                }
                raw.push(byte);
            }
            let text = String::from_utf8_lossy(&raw);
            let text = text.trim_matches(|character: char| character.is_ascii_whitespace() || character == '\u{1a}');
            if !text.is_empty() {
                return Ok(Some((row, text.to_owned(), ended)));
            }
            if !ended {
                return Ok(None);
            }
        }
    }

    fn cut(&mut self, raw: &mut Vec<u8>, limit: usize) -> Result<(), ReadError> {
        self.peek_value()?;
        let row = self.line;
        let mut too_long = false;
        let walked = self.walk(|byte| {
            raw.push(byte);
            too_long = raw.len() > limit;
            !too_long
        });
        if too_long { Err(ReadError::LineTooLong { row }) } else { walked }
    }

    /// Goes through one value and shows each of its bytes, until `wanted` says no.
    fn walk(&mut self, mut wanted: impl FnMut(u8) -> bool) -> Result<(), ReadError> {
        let mut closers = Vec::new();
        let mut in_text = false;
        match self.peek_value()? {
            None => return Err(self.unfinished("a value comes")),
            Some(b'"' | b'{' | b'[') => {}
            Some(byte) if byte == b'-' || byte.is_ascii_alphanumeric() => return self.walk_word(wanted),
            Some(_) => return Err(self.damaged("expected a value")),
        }
        loop {
            let Some(byte) = self.next()? else {
                return Err(self.unfinished(if in_text {
                    "a text is closed"
                } else {
                    "a list or an object is closed"
                }));
            };
            if !wanted(byte) {
                return Ok(());
            }
            match byte {
                b'"' => in_text = !in_text,
                b'\\' if in_text => {
                    let escaped = self.next()?.ok_or_else(|| self.unfinished("a text is closed"))?;
                    if !wanted(escaped) {
                        return Ok(());
                    }
                }
                _ if in_text => {}
                b'{' | b'[' => {
                    if closers.len() >= MAX_DEPTH {
                        return Err(ReadError::TooDeep { line: self.line });
                    }
                    closers.push(if byte == b'{' { b'}' } else { b']' });
                }
                b'}' | b']' if closers.pop() != Some(byte) => {
                    return Err(self.damaged(format!("`{}` closes nothing that is open", char::from(byte))));
                }
                _ => {}
            }
            if closers.is_empty() && !in_text {
                return Ok(());
            }
        }
    }

    /// Goes through a number, `true`, `false` or `null`.
    fn walk_word(&mut self, mut wanted: impl FnMut(u8) -> bool) -> Result<(), ReadError> {
        while let Some(byte) = self.peek()? {
            if !byte.is_ascii_alphanumeric() && !matches!(byte, b'-' | b'+' | b'.') {
                break;
            }
            self.next()?;
            if !wanted(byte) {
                break;
            }
        }
        Ok(())
    }
}
