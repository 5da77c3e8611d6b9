//! What the first bytes of a file say it is, whatever its name and its sender claim.

use crate::failure::OpenError;
use crate::format::Format;

/// Starts of files that people send by mistake, with their names.
const MAGIC: [(&[u8], &str); 8] = [
    (b"%PDF", "a PDF document"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document (xls, doc)"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"\x89PNG", "a PNG image"),
    (b"SQLite format 3\x00", "an SQLite database"),
];

/// Refuses documents, archives that are not unpacked here, and other binary files.
///
/// `utf16` tells that a byte order mark declares UTF-16, where NUL bytes are normal.
pub(crate) fn refuse_binary(head: &[u8], utf16: bool) -> Result<(), OpenError> {
    if let Some((_, what)) = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Err(OpenError::Binary { what: format!("it looks like {what}") });
    }
    if utf16 {
        return Ok(());
    }
    if let Some(at) = head.iter().position(|byte| *byte == 0) {
        let what = if head.iter().skip(at & 1).step_by(2).take(64).filter(|byte| **byte == 0).count() >= 16 {
            "it looks like UTF-16 without a byte order mark".to_owned()
        } else {
            format!("byte {at} is NUL")
        };
        return Err(OpenError::Binary { what });
    }
    // Ctrl-Z ends old text files and form feeds separate pages; other control characters do not occur in text.
    let strange = head.iter().filter(|byte| **byte < 0x20 && !b"\t\n\r\x0b\x0c\x1a".contains(byte)).count();
    if strange * 20 > head.len() {
        return Err(OpenError::Binary { what: "it is full of control characters".into() });
    }
    Ok(())
}

/// The format that the start of a text shows, with the evidence. CSV is what nothing else claims.
pub(crate) fn recognise(head: &str) -> (Format, String) {
    let text = head.trim_start();
    if let Some(label) = text.lines().take(5).find_map(sie_label) {
        return (Format::Sie, format!("a line starts with {label}"));
    }
    if is_submission(text) {
        return (Format::Fipjp, "its member `format` says fipjp".into());
    }
    match text.chars().next() {
        Some('<') if crate::sie::root_of(text).is_some() => (Format::Sie, "its root element is one of SIE 5".into()),
        Some('<') => (Format::Xml, "it starts with <".into()),
        Some(start @ ('{' | '[')) => (Format::Json, format!("it starts with {start}")),
        _ => (Format::Csv, "it is text without the marks of another format".into()),
    }
}

/// Whether an object begins with, or soon has, the member by which submissions tell what they are.
fn is_submission(text: &str) -> bool {
    let value = text.strip_prefix('{').and_then(|rest| rest.split_once("\"format\"")).map(|(_, rest)| rest);
    value
        .and_then(|rest| rest.trim_start().strip_prefix(':'))
        .is_some_and(|rest| rest.trim_start().starts_with("\"fipjp\""))
}

fn sie_label(line: &str) -> Option<String> {
    let label = line.split_whitespace().next()?.to_ascii_uppercase();
    crate::sie::is_known_label(&label).then_some(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_and_nuls_are_refused() {
        for (magic, _) in MAGIC {
            assert!(refuse_binary(magic, false).is_err());
        }
        assert!(refuse_binary(b"a;b\n1;\0\n", false).is_err());
        let without_mark: Vec<u8> =
            "licence;given_name;family_name".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let error = refuse_binary(&without_mark, false).expect_err("NULs");
        assert!(error.to_string().contains("UTF-16"), "{error}");
        assert!(refuse_binary(b"a;b\r\n1;2\r\n\x1a", false).is_ok());
    }

    #[test]
    fn formats_are_told_apart() {
        assert_eq!(recognise("\n#flagga\t0\n").0, Format::Sie);
        assert_eq!(recognise("#;name\n1;x\n").0, Format::Csv);
        assert_eq!(recognise("  <a/>").0, Format::Xml);
        assert_eq!(recognise("\n<Sie xmlns='http://www.sie.se/sie5'>").0, Format::Sie);
        assert_eq!(recognise("[1]").0, Format::Json);
        assert_eq!(recognise("{\"version\": \"1\", \"format\" : \"fipjp\"").0, Format::Fipjp);
        assert_eq!(recognise("{\"format\": \"other\"").0, Format::Json);
        assert_eq!(recognise("a,b").0, Format::Csv);
    }
}
