//! Decides the character encoding of a file from its bytes, and says why: declarations lie too often to be believed.

use std::fmt;

use crate::failure::OpenError;
use crate::issue::shorten;
use crate::profile::EncodingName;

/// A character encoding this crate reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Utf8,
    Utf16Le,
    Utf16Be,
    Windows1252,
    Cp437,
}

impl Encoding {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16Le => "UTF-16LE",
            Self::Utf16Be => "UTF-16BE",
            Self::Windows1252 => "Windows-1252",
            Self::Cp437 => "CP437",
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An encoding, the length of its byte order mark, and the evidence for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) encoding: Encoding,
    pub(crate) mark_bytes: usize,
    pub(crate) reason: String,
}

impl Decision {
    fn new(encoding: Encoding, mark_bytes: usize, reason: impl Into<String>) -> Self {
        Self { encoding, mark_bytes, reason: reason.into() }
    }
}

/// The encoding that a byte order mark declares.
pub(crate) fn by_mark(head: &[u8]) -> Option<Decision> {
    match head {
        [0xef, 0xbb, 0xbf, ..] => Some(Decision::new(Encoding::Utf8, 3, "the file starts with a UTF-8 mark")),
        [0xff, 0xfe, ..] => Some(Decision::new(Encoding::Utf16Le, 2, "the file starts with a UTF-16LE mark")),
        [0xfe, 0xff, ..] => Some(Decision::new(Encoding::Utf16Be, 2, "the file starts with a UTF-16BE mark")),
        _ => None,
    }
}

/// The encoding of delimited text: a mark, else UTF-8 where the head is valid UTF-8, else Windows-1252, which is what
/// spreadsheet programs in western Europe write.
pub(crate) fn of_table(head: &[u8]) -> Decision {
    by_mark(head).unwrap_or_else(|| {
        if head.is_ascii() {
            Decision::new(Encoding::Utf8, 0, "the beginning is plain ASCII, which UTF-8 contains")
        } else if valid_utf8_start(head) {
            Decision::new(Encoding::Utf8, 0, "the beginning is valid UTF-8 with letters outside ASCII")
        } else {
            Decision::new(Encoding::Windows1252, 0, "the beginning is not valid UTF-8")
        }
    })
}

/// The encoding that a profile declares; a mark in the file is still believed first.
pub(crate) fn of_profile(declared: EncodingName, head: &[u8]) -> Decision {
    let encoding = match declared {
        EncodingName::Auto => return of_table(head),
        EncodingName::Utf8 => Encoding::Utf8,
        EncodingName::Utf16Le => Encoding::Utf16Le,
        EncodingName::Utf16Be => Encoding::Utf16Be,
        EncodingName::Windows1252 | EncodingName::Latin1 => Encoding::Windows1252,
        EncodingName::Cp437 => Encoding::Cp437,
    };
    by_mark(head).unwrap_or_else(|| Decision::new(encoding, 0, "the profile says so"))
}

/// The encoding of JSON, which is UTF-8 by its standard; a mark is believed, and other bytes are counted as foreign.
pub(crate) fn of_json(head: &[u8]) -> Decision {
    by_mark(head).unwrap_or_else(|| Decision::new(Encoding::Utf8, 0, "JSON is UTF-8 by its standard"))
}

/// The encoding of XML: a mark, else what the declaration in the first line says, else UTF-8.
pub(crate) fn of_xml(head: &[u8], text: &str) -> Result<Decision, OpenError> {
    if let Some(decision) = by_mark(head) {
        return Ok(decision);
    }
    let Some(declared) = declared_in_xml(text) else {
        return Ok(Decision::new(Encoding::Utf8, 0, "XML without a declared encoding is UTF-8"));
    };
    let encoding = match declared.to_ascii_lowercase().as_str() {
        // Two bytes per character would have been noticed by the zeros among the first bytes.
        "utf-8" | "utf8" | "us-ascii" | "ascii" | "utf-16" => Encoding::Utf8,
        "iso-8859-1" | "iso8859-1" | "latin1" | "latin-1" | "windows-1252" | "cp1252" => Encoding::Windows1252,
        "ibm437" | "cp437" => Encoding::Cp437,
        _ => return Err(OpenError::UnknownEncoding { declared: shorten(declared) }),
    };
    Ok(Decision::new(encoding, 0, format!("the XML declaration says {}", shorten(declared))))
}

/// The encoding in `<?xml version="1.0" encoding="…"?>`.
fn declared_in_xml(text: &str) -> Option<&str> {
    let (declaration, _) = text.trim_start().strip_prefix("<?xml")?.split_once("?>")?;
    let (_, rest) = declaration.split_once("encoding")?;
    let rest = rest.trim_start().strip_prefix('=')?.trim_start();
    let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let (name, _) = rest.get(1..)?.split_once(quote)?;
    Some(name.trim())
}

/// The encoding of a SIE file. Every SIE file declares PC8 (CP437); real ones hold Windows-1252 or UTF-8 under the
/// same declaration, so the bytes of the Swedish letters decide.
pub(crate) fn of_sie(head: &[u8]) -> Decision {
    if let Some(decision) = by_mark(head) {
        return decision;
    }
    if head.is_ascii() {
        return Decision::new(Encoding::Cp437, 0, "the beginning is plain ASCII; CP437 is what SIE prescribes");
    }
    if valid_utf8_start(head) {
        return Decision::new(Encoding::Utf8, 0, "the letters outside ASCII form valid UTF-8, whatever #FORMAT says");
    }
    // å ä ö Å Ä Ö é ü, in this order.
    let cp437 = count(head, &[0x86, 0x84, 0x94, 0x8f, 0x8e, 0x99, 0x82, 0x81]);
    let latin = count(head, &[0xe5, 0xe4, 0xf6, 0xc5, 0xc4, 0xd6, 0xe9, 0xfc]);
    let evidence = format!("{cp437} bytes are Swedish letters in CP437 and {latin} are in Windows-1252");
    if latin > cp437 {
        Decision::new(Encoding::Windows1252, 0, evidence)
    } else {
        Decision::new(Encoding::Cp437, 0, evidence)
    }
}

fn count(head: &[u8], letters: &[u8]) -> usize {
    head.iter().filter(|byte| letters.contains(byte)).count()
}

/// Valid UTF-8, up to a character that the end of the head may have cut.
fn valid_utf8_start(head: &[u8]) -> bool {
    match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none() && error.valid_up_to() > 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swedish_letters_decide_for_sie() {
        assert_eq!(of_sie(b"#FNAMN \"\x99vningsf\x94retaget\"").encoding, Encoding::Cp437);
        assert_eq!(of_sie(b"#FNAMN \"\xd6vningsf\xf6retaget\"").encoding, Encoding::Windows1252);
        assert_eq!(of_sie("#FNAMN \"Övning\"".as_bytes()).encoding, Encoding::Utf8);
        assert_eq!(of_sie(b"#FNAMN AB").encoding, Encoding::Cp437);
        assert!(of_sie(b"\x94\x94\xf6").reason.starts_with("2 bytes"));
    }

    #[test]
    fn tables_prefer_utf8() {
        assert_eq!(of_table(b"\xef\xbb\xbfa").mark_bytes, 3);
        assert_eq!(of_table(b"\xff\xfea\0").encoding, Encoding::Utf16Le);
        assert_eq!(of_table(b"\xfe\xff\0a").encoding, Encoding::Utf16Be);
        assert_eq!(of_table("é".as_bytes()).encoding, Encoding::Utf8);
        assert_eq!(of_table(b"pr\xe9nom").encoding, Encoding::Windows1252);
        assert_eq!(of_table("aé".as_bytes().get(..2).unwrap_or_default()).encoding, Encoding::Utf8);
    }
}
