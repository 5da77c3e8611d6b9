//! Packed files through the public interface: read as if they had not been packed, or refused with a reason.

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};

use chrono::NaiveDate;
use flate2::write::{DeflateEncoder, GzEncoder};
use flate2::{Compression, Crc, GzBuilder};
use workbench_importer::{Earlier, Import, Item, OpenError, Options, UnpackLimits, open, open_within};

const TABLE: &str = "licence_number;given_name;family_name\nSE-1;Anna;Lind\nSE-2;Bo;Ek\n";

fn options(file_name: Option<&str>) -> Options {
    Options {
        format: None,
        entity: None,
        file_name: file_name.map(str::to_owned),
        mapping: BTreeMap::new(),
        header: None,
        earlier: Earlier::default(),
        profile: None,
        signers: std::sync::Arc::default(),
        today: NaiveDate::from_ymd_opt(2025, 6, 1).expect("a date"),
    }
}

fn opened(bytes: Vec<u8>) -> Result<Import, OpenError> {
    open(Box::new(Cursor::new(bytes)), &options(None))
}

/// Records and the code of the failure, if reading did not end well.
fn outcome(bytes: Vec<u8>) -> (usize, Option<&'static str>) {
    let import = match opened(bytes) {
        Ok(import) => import,
        Err(error) => {
            assert!(!error.hint().is_empty());
            return (0, Some(error.code()));
        }
    };
    counted(import)
}

fn counted(import: Import) -> (usize, Option<&'static str>) {
    let mut found = 0;
    for item in import {
        match item {
            Ok(Item::Row { records, .. }) => found += records.len(),
            Ok(Item::File { .. }) => {}
            Err(error) => {
                assert!(!error.hint().is_empty());
                return (found, Some(error.code()));
            }
        }
    }
    (found, None)
}

fn refusal(bytes: Vec<u8>) -> &'static str {
    outcome(bytes).1.expect("a refusal")
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).expect("memory can be written");
    encoder.finish().expect("memory can be written")
}

fn crc(content: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(content);
    crc.sum()
}

/// An entry of a ZIP archive; a test spoils what it wants spoiled.
struct Entry {
    name: &'static str,
    flags: u16,
    method: u16,
    crc: u32,
    packed: u32,
    unpacked: u32,
    data: Vec<u8>,
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("a short text")
}

impl Entry {
    fn deflated(name: &'static str, content: &[u8]) -> Self {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).expect("memory can be written");
        let data = encoder.finish().expect("memory can be written");
        let (packed, unpacked) = (length(&data), length(content));
        Self { name, flags: 0, method: 8, crc: crc(content), packed, unpacked, data }
    }

    fn stored(name: &'static str, content: &[u8]) -> Self {
        let size = length(content);
        Self { name, flags: 0, method: 0, crc: crc(content), packed: size, unpacked: size, data: content.to_vec() }
    }

    fn said(&self) -> Vec<u8> {
        let mut bytes = [20, self.flags, self.method, 0, 0x21].map(u16::to_le_bytes).concat();
        bytes.extend([self.crc, self.packed, self.unpacked].map(u32::to_le_bytes).concat());
        bytes.extend([u16::try_from(self.name.len()).expect("a short name"), 0].map(u16::to_le_bytes).concat());
        bytes
    }

    fn header(&self) -> Vec<u8> {
        [b"PK\x03\x04", self.said().as_slice(), self.name.as_bytes(), &self.data].concat()
    }

    fn in_directory(&self, offset: u32) -> Vec<u8> {
        let places = [[0_u8; 10].as_slice(), &offset.to_le_bytes()].concat();
        [b"PK\x01\x02\x14\0", self.said().as_slice(), &places, self.name.as_bytes()].concat()
    }
}

fn end(entries: u16) -> Vec<u8> {
    [b"PK\x05\x06\0\0\0\0".as_slice(), &entries.to_le_bytes(), &entries.to_le_bytes(), &[0; 8], &[3, 0], b"end"]
        .concat()
}

fn zip(entries: &[Entry]) -> Vec<u8> {
    let mut archive = Vec::new();
    let mut directory = Vec::new();
    for entry in entries {
        directory.extend(entry.in_directory(length(&archive)));
        archive.extend(entry.header());
    }
    archive.extend(directory);
    archive.extend(end(u16::try_from(entries.len()).expect("few entries")));
    archive
}

fn table() -> Entry {
    Entry::deflated("members.csv", TABLE.as_bytes())
}

#[test]
fn packed_files_are_read_like_others() {
    let twice = [gzip(&TABLE.as_bytes()[..50]), gzip(&TABLE.as_bytes()[50..])].concat();
    let named = {
        let builder = GzBuilder::new().filename("members.csv");
        let mut encoder = builder.write(Vec::new(), Compression::default());
        encoder.write_all(TABLE.as_bytes()).expect("memory can be written");
        encoder.finish().expect("memory can be written")
    };
    for (packed, kind, name) in [
        (gzip(TABLE.as_bytes()), "gzip", None),
        (twice, "gzip", None),
        (named, "gzip", Some("members.csv")),
        (zip(&[table()]), "zip", Some("members.csv")),
        (zip(&[Entry::stored("a/members.csv", TABLE.as_bytes())]), "zip", Some("a/members.csv")),
    ] {
        let size = packed.len() as u64;
        let mut import = opened(packed).expect("a packed file");
        let details = &import.detected().details;
        assert_eq!(details.get("packed").map(String::as_str), Some(kind));
        assert_eq!(details.get("packed_name").map(String::as_str), name);
        let rows = import.by_ref().filter(|item| matches!(item, Ok(Item::Row { rejected: false, .. }))).count();
        assert_eq!((rows, import.bytes_read()), (2, size), "{kind}");
    }
}

#[test]
fn every_format_may_be_packed() {
    let ledger = "#FLAGGA 0\n#FORMAT PC8\n#SIETYP 4\n#RAR 0 20250101 20251231\n#KONTO 1910 \"Kassa\"\n";
    let json = r#"{"licence_number":"SE-1","given_name":"Anna","family_name":"Lind"}"#;
    let xml = "<members><member><licence_number>SE-1</licence_number></member></members>";
    for plain in [ledger, json, xml] {
        let plainly = opened(plain.as_bytes().to_vec()).map(|import| (import.detected().format, counted(import)));
        let packed = opened(zip(&[Entry::deflated("x", plain.as_bytes())]));
        let packed = packed.map(|import| (import.detected().format, counted(import)));
        assert_eq!(packed.expect("readable"), plainly.expect("readable"), "{plain}");
    }
    // The name inside tells what the name outside cannot.
    let type_of = |bytes: Vec<u8>, name: &str| {
        let import = open(Box::new(Cursor::new(bytes)), &options(Some(name))).expect("a ledger");
        import.detected().details["sie_type"].clone()
    };
    let plain = type_of(ledger.as_bytes().to_vec(), "ledger.si");
    assert_ne!(plain, type_of(ledger.as_bytes().to_vec(), "ledger.se"));
    assert_eq!(type_of(gzip(ledger.as_bytes()), "ledger.si.gz"), plain);
    assert_eq!(type_of(zip(&[Entry::deflated("ledger.si", ledger.as_bytes())]), "packed.zip"), plain);
}

#[test]
fn archives_of_more_or_less_than_one_file_are_refused() {
    assert_eq!(refusal(zip(&[table(), table()])), "archive_several_files");
    assert_eq!(refusal(zip(&[Entry::stored("members/", b""), table()])), "archive_several_files");
    assert_eq!(refusal(zip(&[])), "archive_empty");
    assert_eq!(refusal(zip(&[Entry::deflated("empty.csv", b"")])), "file_empty");
    // Two in the directory, one in front of it.
    let lying = [table().header(), table().in_directory(0), table().in_directory(0), end(2)].concat();
    assert_eq!(refusal(lying), "archive_several_files");
    for first in ["[Content_Types].xml", "mimetype", "xl/workbook.xml"] {
        assert_eq!(refusal(zip(&[Entry::stored(first, b"<a/>"), table()])), "file_binary", "{first}");
    }
}

#[test]
fn archives_that_cannot_be_read_are_refused() {
    for flags in [1, 1 << 6, 1 << 13] {
        assert_eq!(refusal(zip(&[Entry { flags, ..table() }])), "archive_encrypted");
    }
    assert_eq!(refusal(zip(&[Entry { method: 99, ..table() }])), "archive_encrypted");
    assert_eq!(refusal(zip(&[Entry { method: 12, ..table() }])), "archive_unsupported");
    assert_eq!(refusal(zip(&[Entry { flags: 1 << 3, ..table() }])), "archive_unsupported");
    assert_eq!(refusal(zip(&[Entry { unpacked: u32::MAX, ..table() }])), "archive_unsupported");
    let end_64 = [table().header(), table().in_directory(0), b"PK\x06\x06".to_vec(), vec![0; 60]].concat();
    assert_eq!(refusal(end_64), "archive_unsupported");
    let (inner, packed) = (gzip(TABLE.as_bytes()), zip(&[table()]));
    for nested in [gzip(&inner), gzip(&packed), zip(&[Entry::stored("a.zip", &packed)])] {
        assert_eq!(refusal(nested), "archive_nested");
    }
    assert_eq!(refusal(gzip(b"\x89PNG\r\n\x1a\n")), "file_binary");
}

#[test]
fn what_was_cut_or_changed_is_noticed() {
    for whole in [gzip(TABLE.as_bytes()), zip(&[table()]), zip(&[Entry::stored("m.csv", TABLE.as_bytes())])] {
        // A ZIP archive's last bytes are a remark whose length is announced; none may be missing.
        for cut in 4..whole.len() {
            let code = refusal(whole.get(..cut).expect("shorter").to_vec());
            assert_eq!(code, "archive_truncated", "cut at {cut}");
        }
        assert_eq!(refusal([whole.as_slice(), &[b'x'; 20]].concat()), "archive_damaged");
    }
    let mut bad_sum = gzip(TABLE.as_bytes());
    let at = bad_sum.len() - 8;
    bad_sum[at] ^= 1;
    assert_eq!(refusal(bad_sum), "archive_damaged");
    let sum = table().crc ^ 1;
    assert_eq!(refusal(zip(&[Entry { crc: sum, ..table() }])), "archive_damaged");
    for (packed, unpacked) in [(1, 0), (-1, 0), (0, 1), (0, -1)] {
        let mut entry = table();
        entry.packed = entry.packed.saturating_add_signed(packed);
        entry.unpacked = entry.unpacked.saturating_add_signed(unpacked);
        assert_eq!(refusal(zip(&[entry])), "archive_damaged", "{packed} {unpacked}");
    }
    // In a longer file the end is seen last of all, and still seen.
    let long = [TABLE.as_bytes(), &b"SE-3;Cia;Ek\n".repeat(20_000)].concat();
    let last = |archive| {
        let import = opened(archive).expect("a sound start");
        import.last().expect("an item").expect_err("a failure").code()
    };
    assert_eq!(last(zip(&[Entry { crc: 0, ..Entry::deflated("m.csv", &long) }])), "archive_damaged");
    assert_eq!(last(zip(&[Entry::deflated("m.csv", &long), table()])), "archive_several_files");
    let other = Entry { name: "other.csv", ..table() };
    assert_eq!(refusal([table().header(), other.in_directory(0), end(1)].concat()), "archive_damaged");
    assert_eq!(refusal([table().header(), end(0)].concat()), "archive_damaged");
    assert_eq!(refusal([table().header(), table().in_directory(0), end(2)].concat()), "archive_damaged");
}

/// Ten MiB of one text, packed; gzip files may be joined, and so become as large as one likes.
fn bomb(text: u8, members: usize) -> Vec<u8> {
    gzip(&vec![text; 10 * 1024 * 1024]).repeat(members)
}

#[test]
fn bombs_are_not_unpacked() {
    let zeros = bomb(0, 1024);
    assert!(zeros.len() < 16 * 1024 * 1024, "ten GiB are packed in {} bytes", zeros.len());
    assert_eq!(refusal(zeros), "file_binary");

    // A table whose second value never ends.
    let head = gzip(b"licence_number;given_name;family_name\n");
    let rows = gzip(format!("SE-1;{};Lind\n", "x".repeat(500_000)).repeat(20).as_bytes()).repeat(1024);
    let size = rows.len() as u64;
    let mut import = opened([head, rows].concat()).expect("a table");
    let last = import.by_ref().last().expect("an item").expect_err("a bomb");
    assert_eq!(last.code(), "archive_bomb");
    assert!(import.bytes_read() < size / 100, "{} of {size} bytes were read", import.bytes_read());
}

#[test]
fn limits_are_the_callers() {
    let within = |bytes, ratio| {
        let reader = Box::new(Cursor::new(gzip(TABLE.as_bytes())));
        match open_within(reader, &options(None), UnpackLimits { bytes, ratio }) {
            Ok(import) => counted(import).1,
            Err(error) => Some(error.code()),
        }
    };
    let size = TABLE.len() as u64;
    assert_eq!(within(size, 1), None, "small files may be as regular as they are");
    assert_eq!(within(size - 1, 1), Some("unpacked_too_large"));
}

#[test]
fn a_storage_that_fails_is_not_taken_for_a_damaged_file() {
    struct Failing(Cursor<Vec<u8>>);
    impl Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(std::io::Error::other("the disk is gone")),
                read => Ok(read),
            }
        }
    }
    for packed in [gzip(TABLE.as_bytes()), zip(&[table()])] {
        let cut = packed.get(..packed.len() / 2).expect("shorter").to_vec();
        let error = open(Box::new(Failing(Cursor::new(cut))), &options(None)).expect_err("a failure");
        assert!(matches!(error, OpenError::Io(_)), "{error}");
    }
}
