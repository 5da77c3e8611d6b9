//! Turns the bytes of a file into UTF-8 as they stream by, and notes what could not be taken as declared.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::encoding::{Decision, Encoding};
use crate::failure::ReadError;

/// Bytes taken from the source at a time.
const CHUNK: usize = 64 * 1024;

/// Counts the bytes that pass through, where the consumer of the reader cannot.
pub(crate) struct CountingReader<R> {
    inner: R,
    count: Arc<AtomicU64>,
}

impl<R> CountingReader<R> {
    pub(crate) fn new(inner: R, count: Arc<AtomicU64>) -> Self {
        Self { inner, count }
    }
}

impl<R: Read> Read for CountingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.count.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// What decoding met on the way, shared with whoever reports at the end of the file.
#[derive(Debug, Default)]
pub(crate) struct DecodingNotes {
    /// Bytes that were no valid UTF-8 and were read in the fallback encoding.
    pub(crate) foreign_bytes: AtomicU64,
    /// Where the first of them is, in bytes from the start of the file.
    pub(crate) first_foreign: AtomicU64,
}

/// A reader of UTF-8 over a reader of bytes in some encoding.
///
/// Bytes that are no UTF-8 in a UTF-8 file are read in the fallback encoding and counted: files pasted together from
/// two programs are common, and a name read right beats a name full of question marks. UTF-16 has no such second
/// reading, so a lone surrogate ends the file with an error.
pub(crate) struct DecodingReader<R> {
    source: R,
    encoding: Encoding,
    /// Characters for the bytes 0x80 to 0xFF, in the encoding itself or in the fallback of UTF-8.
    upper: [char; 128],
    notes: Arc<DecodingNotes>,
    /// Bytes read and not yet decoded: at most an incomplete character between two reads.
    pending: Vec<u8>,
    /// Position of the first pending byte in the file.
    offset: u64,
    decoded: Vec<u8>,
    given: usize,
    ended: bool,
}

impl<R: Read> DecodingReader<R> {
    /// Reads `source`, whose byte order mark has been taken off already, as `decision` says.
    pub(crate) fn new(source: R, decision: &Decision, fallback: Encoding, notes: Arc<DecodingNotes>) -> Self {
        let single = if decision.encoding == Encoding::Utf8 { fallback } else { decision.encoding };
        Self {
            source,
            encoding: decision.encoding,
            upper: upper_half(single),
            notes,
            pending: Vec::with_capacity(CHUNK),
            offset: decision.mark_bytes as u64,
            decoded: Vec::with_capacity(CHUNK * 3),
            given: 0,
            ended: false,
        }
    }

    /// Decodes at least one character, unless the source has ended.
    fn fill(&mut self) -> io::Result<()> {
        self.decoded.clear();
        self.given = 0;
        while self.decoded.is_empty() && !self.ended {
            let complete = self.pending.len();
            self.pending.resize(complete + CHUNK, 0);
            let read = self.source.read(self.pending.get_mut(complete..).unwrap_or_default());
            self.pending.truncate(complete + read.as_ref().copied().unwrap_or_default());
            let read = match read {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            };
            self.ended = read == 0;
            let pending = std::mem::take(&mut self.pending);
            let used = self.decode(&pending).map_err(io::Error::other)?;
            self.offset += used as u64;
            self.pending = pending;
            self.pending.drain(..used);
        }
        Ok(())
    }

    /// Decodes what is complete and returns how many bytes that was.
    fn decode(&mut self, bytes: &[u8]) -> Result<usize, ReadError> {
        match self.encoding {
            Encoding::Utf8 => self.decode_utf8(bytes),
            Encoding::Utf16Le => self.decode_utf16(bytes, u16::from_le_bytes),
            Encoding::Utf16Be => self.decode_utf16(bytes, u16::from_be_bytes),
            Encoding::Windows1252 | Encoding::Cp437 => {
                self.push_single(bytes);
                Ok(bytes.len())
            }
        }
    }

    fn push_single(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            let character = if byte < 0x80 {
                char::from(byte)
            } else {
                self.upper.get(usize::from(byte & 0x7f)).copied().unwrap_or(char::REPLACEMENT_CHARACTER)
            };
            let mut buffer = [0; 4];
            self.decoded.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
        }
    }

    fn decode_utf8(&mut self, bytes: &[u8]) -> Result<usize, ReadError> {
        let mut used = 0;
        loop {
            let rest = bytes.get(used..).unwrap_or_default();
            let Err(error) = simdutf8::compat::from_utf8(rest) else {
                self.decoded.extend_from_slice(rest);
                return Ok(bytes.len());
            };
            self.decoded.extend_from_slice(rest.get(..error.valid_up_to()).unwrap_or_default());
            used += error.valid_up_to();
            let foreign = match error.error_len() {
                Some(length) => length,
                None if !self.ended => return Ok(used),
                // At the end, an incomplete character means a cut file, unless the file is mixed anyway.
                None if self.notes.foreign_bytes.load(Ordering::Relaxed) == 0 => {
                    return Err(ReadError::Truncated { offset: self.offset + used as u64 });
                }
                None => bytes.len() - used,
            };
            if self.notes.foreign_bytes.fetch_add(foreign as u64, Ordering::Relaxed) == 0 {
                self.notes.first_foreign.store(self.offset + used as u64, Ordering::Relaxed);
            }
            self.push_single(bytes.get(used..used + foreign).unwrap_or_default());
            used += foreign;
        }
    }

    fn decode_utf16(&mut self, bytes: &[u8], unit_of: fn([u8; 2]) -> u16) -> Result<usize, ReadError> {
        let unit_at = |at: usize| match bytes.get(at..at + 2) {
            Some(&[first, second]) => Some(unit_of([first, second])),
            _ => None,
        };
        let mut used = 0;
        while let Some(first) = unit_at(used) {
            let second = unit_at(used + 2);
            let needs_pair = (0xd800..0xdc00).contains(&first);
            if needs_pair && second.is_none() {
                break;
            }
            let units = [first, second.unwrap_or_default()];
            let length = if needs_pair { 2 } else { 1 };
            let decoded = char::decode_utf16(units.into_iter().take(length)).next();
            let Some(Ok(character)) = decoded else {
                return Err(ReadError::Malformed { offset: self.offset + used as u64, encoding: self.encoding.name() });
            };
            let mut buffer = [0; 4];
            self.decoded.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
            used += length * 2;
        }
        if self.ended && used < bytes.len() {
            return Err(ReadError::Truncated { offset: self.offset + used as u64 });
        }
        Ok(used)
    }
}

impl<R: Read> Read for DecodingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.decoded.len() {
            self.fill()?;
        }
        let ready = self.decoded.get(self.given..).unwrap_or_default();
        let length = ready.len().min(buffer.len());
        if let (Some(target), Some(source)) = (buffer.get_mut(..length), ready.get(..length)) {
            target.copy_from_slice(source);
        }
        self.given += length;
        Ok(length)
    }
}

/// The characters of the bytes 0x80 to 0xFF.
fn upper_half(encoding: Encoding) -> [char; 128] {
    if encoding == Encoding::Cp437 {
        return oem_cp::code_table::DECODING_TABLE_CP437;
    }
    let bytes: Vec<u8> = (0x80..=0xff).collect();
    // Windows-1252 gives every byte exactly one character.
    let (text, _) = encoding_rs::WINDOWS_1252.decode_without_bom_handling(&bytes);
    let mut table = [char::REPLACEMENT_CHARACTER; 128];
    for (slot, character) in table.iter_mut().zip(text.chars()) {
        *slot = character;
    }
    table
}

/// Decodes the head of a file for a first look; what cannot be decoded is left out.
pub(crate) fn decode_head(head: &[u8], decision: &Decision, fallback: Encoding) -> String {
    let body = head.get(decision.mark_bytes..).unwrap_or_default();
    let mut reader = DecodingReader::new(body, decision, fallback, Arc::default());
    let mut text = Vec::new();
    let mut buffer = [0_u8; 4096];
    // A character cut at the end of the head is an error here and nowhere else: the look simply ends before it.
    while let Ok(read @ 1..) = reader.read(&mut buffer) {
        text.extend_from_slice(buffer.get(..read).unwrap_or_default());
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::of_table;

    /// Gives one byte at a time, so that every character is cut.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.0.len().min(1);
            self.0.read(buffer.get_mut(..length).unwrap_or_default())
        }
    }

    fn decode(bytes: &[u8], encoding: Encoding) -> Result<(String, u64), ReadError> {
        let decision = Decision { encoding, mark_bytes: 0, reason: String::new() };
        let notes = Arc::new(DecodingNotes::default());
        let mut reader = DecodingReader::new(Drip(bytes), &decision, Encoding::Windows1252, notes.clone());
        let mut text = String::new();
        reader.read_to_string(&mut text).map_err(ReadError::from_io)?;
        Ok((text, notes.foreign_bytes.load(Ordering::Relaxed)))
    }

    fn utf16(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_be_bytes).collect()
    }

    #[test]
    fn every_encoding_survives_cuts_between_any_two_bytes() {
        let text = "Åsa Öberg 😀 œuvre";
        assert_eq!(decode(text.as_bytes(), Encoding::Utf8).expect("valid"), (text.into(), 0));
        assert_eq!(decode(&utf16(text), Encoding::Utf16Be).expect("valid"), (text.into(), 0));
        assert_eq!(decode(b"\x8fsa \x99berg", Encoding::Cp437).expect("valid"), ("Åsa Öberg".into(), 0));
        assert_eq!(decode(b"\xc5sa \x80", Encoding::Windows1252).expect("valid"), ("Åsa €".into(), 0));
    }

    #[test]
    fn foreign_bytes_are_read_and_counted() {
        assert_eq!(decode(b"\xc3\xa9 \xe9 x", Encoding::Utf8).expect("usable"), ("é é x".into(), 1));
    }

    #[test]
    fn cut_and_malformed_text_is_an_error() {
        assert_eq!(decode(b"ab\xc3", Encoding::Utf8).expect_err("cut").code(), "file_truncated");
        assert_eq!(decode(b"\0a\0", Encoding::Utf16Be).expect_err("cut").code(), "file_truncated");
        assert_eq!(decode(b"\xdc\x00\0a", Encoding::Utf16Be).expect_err("lone").code(), "text_malformed");
        assert_eq!(decode(b"\xd8\x00\0a", Encoding::Utf16Be).expect_err("lone").code(), "text_malformed");
    }

    #[test]
    fn the_head_is_decoded_without_its_mark() {
        let head = "\u{feff}é".as_bytes();
        assert_eq!(decode_head(head, &of_table(head), Encoding::Windows1252), "é");
    }
}
