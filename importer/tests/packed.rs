//! Packed files through the public interface: read as if they had not been packed, or refused with a reason.

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};

use chrono::NaiveDate;
use flate2::write::{DeflateEncoder, GzEncoder};
use flate2::{Compression, Crc, GzBuilder};
use proptest::prelude::*;
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
#[derive(Debug, Clone)]
struct Entry {
    name: &'static str,
    flags: u16,
    method: u16,
    crc: u32,
    packed: u32,
    unpacked: u32,
    data: Vec<u8>,
    /// Checksum, packed and unpacked size in front of the content, where they are not those above.
    in_front: Option<[u32; 3]>,
    extra_in_front: Vec<u8>,
    /// What stands behind the content.
    behind: Vec<u8>,
    /// Whether the directory says sizes and place in 64 bits.
    wide_in_directory: bool,
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("a short text")
}

/// A ZIP64 extra field.
fn zip_64(numbers: &[u32]) -> Vec<u8> {
    let numbers: Vec<u8> = numbers.iter().flat_map(|number| u64::from(*number).to_le_bytes()).collect();
    [[1, u16::try_from(numbers.len()).expect("few numbers")].map(u16::to_le_bytes).concat(), numbers].concat()
}

/// Extra fields that most archives have, and that say nothing here.
const TIMES: &[u8] = b"UT\x05\0\x01\0\0\0\0";

/// With its signature or without, and whether in 64 bits.
const DESCRIPTORS: [(bool, bool); 4] = [(true, false), (false, false), (true, true), (false, true)];

fn descriptor((signed, wide): (bool, bool), crc: u32, packed: u32, unpacked: u32) -> Vec<u8> {
    let size = |size: u32| if wide { u64::from(size).to_le_bytes().to_vec() } else { size.to_le_bytes().to_vec() };
    let signature: &[u8] = if signed { b"PK\x07\x08" } else { b"" };
    [signature, &crc.to_le_bytes(), &size(packed), &size(unpacked)].concat()
}

impl Entry {
    fn new(name: &'static str, content: &[u8], method: u16, data: Vec<u8>) -> Self {
        Self {
            name,
            flags: 0,
            method,
            crc: crc(content),
            packed: length(&data),
            unpacked: length(content),
            data,
            in_front: None,
            extra_in_front: Vec::new(),
            behind: Vec::new(),
            wide_in_directory: false,
        }
    }

    fn deflated(name: &'static str, content: &[u8]) -> Self {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).expect("memory can be written");
        Self::new(name, content, 8, encoder.finish().expect("memory can be written"))
    }

    fn stored(name: &'static str, content: &[u8]) -> Self {
        Self::new(name, content, 0, content.to_vec())
    }

    /// As a program writes it that cannot go back.
    fn streamed(self, shape: (bool, bool)) -> Self {
        let behind = descriptor(shape, self.crc, self.packed, self.unpacked);
        Self { flags: self.flags | 1 << 3, in_front: Some([0; 3]), behind, ..self }
    }

    /// Its sizes in 64 bits in front of the content.
    fn wide(self) -> Self {
        let extra_in_front = [TIMES, &zip_64(&[self.unpacked, self.packed])].concat();
        Self { in_front: Some([self.crc, u32::MAX, u32::MAX]), extra_in_front, ..self }
    }

    fn said(&self, numbers: [u32; 3], extra: &[u8]) -> Vec<u8> {
        let mut bytes = [20, self.flags, self.method, 0, 0x21].map(u16::to_le_bytes).concat();
        bytes.extend(numbers.map(u32::to_le_bytes).concat());
        let lengths = [self.name.len(), extra.len()].map(|length| u16::try_from(length).expect("short"));
        bytes.extend(lengths.map(u16::to_le_bytes).concat());
        bytes
    }

    fn header(&self) -> Vec<u8> {
        let said = self.said(self.in_front.unwrap_or([self.crc, self.packed, self.unpacked]), &self.extra_in_front);
        let parts = [self.name.as_bytes(), &self.extra_in_front, &self.data, &self.behind];
        [b"PK\x03\x04", said.as_slice(), &parts.concat()].concat()
    }

    fn in_directory(&self, offset: u32) -> Vec<u8> {
        let (numbers, place, extra) = if self.wide_in_directory {
            let extra = [zip_64(&[self.unpacked, self.packed, offset]), TIMES.to_vec()].concat();
            ([self.crc, u32::MAX, u32::MAX], u32::MAX, extra)
        } else {
            ([self.crc, self.packed, self.unpacked], offset, TIMES.to_vec())
        };
        let places = [[0_u8; 10].as_slice(), &place.to_le_bytes()].concat();
        [b"PK\x01\x02\x14\0", self.said(numbers, &extra).as_slice(), &places, self.name.as_bytes(), &extra].concat()
    }
}

/// The end of a directory of so many entries, which starts at `offset` and has `size` bytes.
fn end(entries: u16, offset: u32, size: u32) -> Vec<u8> {
    let numbers = [[entries; 2].map(u16::to_le_bytes).concat(), [size, offset].map(u32::to_le_bytes).concat()].concat();
    [b"PK\x05\x06\0\0\0\0".as_slice(), &numbers, &[3, 0], b"end"].concat()
}

/// The two records that stand before the end of a ZIP64 archive.
fn end_64(entries: u32, offset: u32, size: u32) -> Vec<u8> {
    let wide = |number: u32| u64::from(number).to_le_bytes();
    let numbers = [wide(entries), wide(entries), wide(size), wide(offset)].concat();
    let record = [b"PK\x06\x06".as_slice(), &wide(44), &[45, 0, 45, 0], &[0; 8], &numbers].concat();
    [record, b"PK\x06\x07\0\0\0\0".to_vec(), wide(offset + size).to_vec(), vec![1, 0, 0, 0]].concat()
}

/// An archive of what stands in front of the directory, and in it; `entries` is what its end counts.
fn archive(content: Vec<u8>, directory: Vec<u8>, entries: u16) -> Vec<u8> {
    let end = end(entries, length(&content), length(&directory));
    [content, directory, end].concat()
}

/// Content and directory of an archive.
fn parts(entries: &[Entry]) -> (Vec<u8>, Vec<u8>) {
    let (mut content, mut directory) = (Vec::new(), Vec::new());
    for entry in entries {
        directory.extend(entry.in_directory(length(&content)));
        content.extend(entry.header());
    }
    (content, directory)
}

fn zip(entries: &[Entry]) -> Vec<u8> {
    let (content, directory) = parts(entries);
    archive(content, directory, u16::try_from(entries.len()).expect("few entries"))
}

/// A ZIP64 archive whose last record leaves everything to the one before it, or repeats it.
fn large_zip(entries: &[Entry], repeats: bool) -> Vec<u8> {
    let (content, directory) = parts(entries);
    let (count, offset, size) =
        (u16::try_from(entries.len()).expect("few entries"), length(&content), length(&directory));
    let last = if repeats { end(count, offset, size) } else { end(u16::MAX, u32::MAX, u32::MAX) };
    [content, directory, end_64(count.into(), offset, size), last].concat()
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
        (zip(&[Entry { name: "-", ..table() }]), "zip", None),
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
    assert_eq!(type_of(zip(&[Entry::deflated("-", ledger.as_bytes())]), "ledger.si.zip"), plain);
    // What is too long to be shown still ends in `.si`.
    let long = GzBuilder::new().filename(format!("{}.si", "ledger".repeat(40)));
    let mut encoder = long.write(Vec::new(), Compression::default());
    encoder.write_all(ledger.as_bytes()).expect("memory can be written");
    assert_eq!(type_of(encoder.finish().expect("memory can be written"), "packed.gz"), plain);
}

/// The shapes of sound archives of one entry: with sizes behind the content, and in 64 bits wherever they may be.
fn shapes(entry: &Entry) -> Vec<(String, Vec<u8>)> {
    let mut entries = vec![("plain".to_owned(), entry.clone()), ("wide in front".to_owned(), entry.clone().wide())];
    if entry.method == 8 {
        for shape in DESCRIPTORS {
            let streamed = entry.clone().streamed(shape);
            let forced =
                Entry { in_front: Some([0, u32::MAX, u32::MAX]), extra_in_front: zip_64(&[0, 0]), ..streamed.clone() };
            let half_known = Entry { in_front: Some([0, 0, entry.unpacked]), ..streamed.clone() };
            let without_field = Entry { in_front: Some([0, u32::MAX, u32::MAX]), ..streamed.clone() };
            for (what, entry) in
                [("streamed", streamed), ("forced", forced), ("half", half_known), ("bare", without_field)]
            {
                entries.push((format!("{what} {shape:?}"), entry));
            }
        }
    } else {
        let known =
            Entry { in_front: Some([0, entry.packed, entry.unpacked]), ..entry.clone().streamed((true, false)) };
        entries.push(("streamed with its size in front".to_owned(), known));
    }
    let mut shapes = Vec::new();
    for (what, entry) in entries {
        for wide_in_directory in [false, true] {
            let entry = [Entry { wide_in_directory, ..entry.clone() }];
            let archives =
                [("", zip(&entry)), ("large", large_zip(&entry, false)), ("large, twice", large_zip(&entry, true))];
            shapes.extend(archives.map(|(end, archive)| (format!("{what} {wide_in_directory} {end}"), archive)));
        }
    }
    shapes
}

/// Gives every byte by itself, and says before each that it was interrupted.
struct Faltering {
    bytes: Cursor<Vec<u8>>,
    interrupted: bool,
}

impl Faltering {
    fn new(bytes: Vec<u8>) -> Self {
        Self { bytes: Cursor::new(bytes), interrupted: false }
    }
}

impl Read for Faltering {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.interrupted = !self.interrupted;
        if self.interrupted {
            return Err(std::io::ErrorKind::Interrupted.into());
        }
        let length = buffer.len().min(1);
        self.bytes.read(buffer.get_mut(..length).unwrap_or_default())
    }
}

/// Every item, or the code of the failure; the same however the bytes come.
fn items(bytes: &[u8]) -> Result<Vec<Item>, &'static str> {
    let read = |reader: Box<dyn Read + Send>| {
        let import = open(reader, &options(None)).map_err(|error| error.code())?;
        import.map(|item| item.map_err(|error| error.code())).collect::<Result<Vec<_>, _>>()
    };
    let whole = read(Box::new(Cursor::new(bytes.to_vec())));
    assert_eq!(read(Box::new(Faltering::new(bytes.to_vec()))), whole);
    whole
}

#[test]
fn sizes_may_stand_behind_the_content_and_have_64_bits() {
    let plain = items(TABLE.as_bytes()).expect("a table");
    for entry in [table(), Entry::stored("members.csv", TABLE.as_bytes())] {
        for (what, archive) in shapes(&entry) {
            assert_eq!(items(&archive), Ok(plain.clone()), "{what}");
            let mut import = opened(archive.clone()).expect("a sound archive");
            assert!(import.by_ref().all(|item| item.is_ok()));
            assert_eq!(import.bytes_read(), archive.len() as u64, "{what}");
            for cut in 4..archive.len() {
                let code = refusal(archive.get(..cut).expect("shorter").to_vec());
                assert_eq!(code, "archive_truncated", "{what} cut at {cut}");
            }
            assert_eq!(refusal([archive.as_slice(), b"\n"].concat()), "archive_damaged", "{what}");
        }
    }
    // A checksum that looks like the signature of what it stands in.
    let name = "LIndsTROmGrEnSUNDBErGStrAnDKvistlundholmdalforsb";
    let content = format!("licence_number;given_name;family_name\nSE-1;Anna;{name}\n");
    assert_eq!(crc(content.as_bytes()).to_le_bytes(), *b"PK\x07\x08");
    for shape in DESCRIPTORS {
        let entry = Entry::deflated("members.csv", content.as_bytes()).streamed(shape);
        assert_eq!(outcome(zip(&[entry])), (1, None), "{shape:?}");
    }
}

#[test]
fn what_stands_behind_the_content_is_compared_with_it() {
    let why = |archive: Vec<u8>| {
        let error = opened(archive).expect_err("a refusal");
        (error.code(), error.to_string())
    };
    for shape in DESCRIPTORS {
        let sound = table().streamed(shape);
        let Entry { crc, packed, unpacked, .. } = sound;
        for (said, fault) in [
            ((crc ^ 1, packed, unpacked), "checksum"),
            ((crc, packed + 1, unpacked), "its packed size"),
            ((crc, packed, unpacked - 1), "its unpacked size"),
        ] {
            let behind = descriptor(shape, said.0, said.1, said.2);
            let (code, why) = why(zip(&[Entry { behind, ..sound.clone() }]));
            assert!(code == "archive_damaged" && why.contains(fault), "{shape:?} {fault}: {why}");
        }
        for behind in [Vec::new(), b"PK\x07\x08".to_vec(), [sound.behind.as_slice(), b"\0"].concat()] {
            assert_eq!(refusal(zip(&[Entry { behind, ..sound.clone() }])), "archive_damaged", "{shape:?}");
        }
        // What a program knew before it wrote the content holds, too.
        for in_front in [[crc ^ 1, 0, 0], [0, packed - 1, 0], [0, 0, unpacked + 1], [0, 0, 1]] {
            let entry = Entry { in_front: Some(in_front), ..sound.clone() };
            assert_eq!(refusal(zip(&[entry])), "archive_damaged", "{shape:?} {in_front:?}");
        }
        assert_eq!(refusal(zip(&[sound.clone(), sound.clone()])), "archive_several_files");
        assert_eq!(refusal(zip(&[Entry { flags: 1 | 1 << 3, ..sound.clone() }])), "archive_encrypted");
        let other = Entry { crc: crc ^ 1, ..sound.clone() };
        assert_eq!(refusal(archive(sound.header(), other.in_directory(0), 1)), "archive_damaged");
        let mut spoilt = sound.clone();
        spoilt.data.fill(0xff);
        assert_eq!(refusal(zip(&[spoilt])), "archive_damaged");
        // Deflated content that never ends swallows what stands behind it.
        let mut endless = sound.clone();
        endless.data.truncate(endless.data.len() - 2);
        assert!(["archive_damaged", "archive_truncated"].contains(&refusal(zip(&[endless]))));
    }
}

#[test]
fn sizes_of_64_bits_are_compared_with_the_content() {
    let sound = table().wide();
    let Entry { crc, packed, unpacked, .. } = sound;
    for extra_in_front in [
        Vec::new(),
        TIMES.to_vec(),
        zip_64(&[]),
        zip_64(&[unpacked]),
        zip_64(&[packed, unpacked]),
        zip_64(&[unpacked, packed + 1]),
        zip_64(&[unpacked, packed]).repeat(2),
        [1, 0, 16, 0, 0].to_vec(),
    ] {
        let entry = Entry { extra_in_front: extra_in_front.clone(), ..sound.clone() };
        assert_eq!(refusal(zip(&[entry])), "archive_damaged", "{extra_in_front:?}");
    }
    // One of the two may have been small enough, and some programs pad.
    for (in_front, extra_in_front) in [
        ([crc, u32::MAX, unpacked], zip_64(&[unpacked, packed])),
        ([crc, packed, u32::MAX], zip_64(&[unpacked, packed])),
        ([crc, u32::MAX, unpacked], zip_64(&[packed])),
        ([crc, packed, unpacked], vec![0; 3]),
        ([crc, u32::MAX, u32::MAX], [zip_64(&[unpacked, packed]), vec![0; 3]].concat()),
    ] {
        let entry = Entry { in_front: Some(in_front), extra_in_front, ..sound.clone() };
        assert_eq!(outcome(zip(&[entry])), (2, None), "{in_front:?}");
    }
    // A size that no content has.
    let huge = Entry { extra_in_front: [[1, 0, 16, 0].as_slice(), &[0xff; 16]].concat(), ..sound.clone() };
    assert_eq!(refusal(zip(&[huge])), "archive_damaged");

    let (content, directory) = parts(std::slice::from_ref(&sound));
    let (offset, size) = (length(&content), length(&directory));
    let last = end(u16::MAX, u32::MAX, u32::MAX);
    let before = [content, directory].concat();
    assert_eq!(refusal([before.as_slice(), &last].concat()), "archive_damaged", "no ZIP64 end");
    for end_64 in [end_64(2, offset, size), end_64(1, offset + 1, size), end_64(1, offset, size - 1)] {
        assert_eq!(refusal([before.as_slice(), &end_64, &last].concat()), "archive_damaged");
    }
    let sound_end = end_64(1, offset, size);
    for at in [0, 4, 11, 16, 20, 56, 60, 64, 72] {
        let mut end_64 = sound_end.clone();
        end_64[at] ^= 0x82;
        let code = refusal([before.as_slice(), &end_64, &last].concat());
        // A longer record than there is ends behind the archive.
        assert!(code == "archive_damaged" || at == 4 || at == 11, "{at}: {code}");
    }
}

#[test]
fn folders_and_what_macos_adds_are_passed_over() {
    let folder = || Entry::stored("__MACOSX/", b"");
    let double = |size: usize| Entry::deflated("__MACOSX/._members.csv", &vec![5; size]);
    let finder = [table().streamed((true, false)), double(300).streamed((true, false))];
    for sound in [
        zip(&finder),
        zip(&[table(), folder(), double(300)]),
        zip(&[table(), folder().streamed((true, false)), double(1024 * 1024)]),
        zip(&[folder(), double(300).streamed((true, false)), table()]),
        zip(&[
            Entry::stored("a/", b""),
            Entry::deflated("a/.DS_Store", &[0; 6148]),
            Entry { name: "a/m.csv", ..table() },
        ]),
        zip(&[table(), Entry::stored("__MACOSX/a/", b""), Entry::stored("b/", b""), Entry::stored(".DS_Store", b"x")]),
        large_zip(&finder, false),
    ] {
        assert_eq!(outcome(sound.clone()), (2, None));
        for cut in 4..sound.len() {
            assert_eq!(refusal(sound.get(..cut).expect("shorter").to_vec()), "archive_truncated", "cut at {cut}");
        }
    }
    for several in [
        zip(&[table(), double(300), table()]),
        zip(&[folder(), table(), table()]),
        zip(&[double(1024 * 1024 + 1), table()]),
        zip(&[Entry::stored("a/", b"x"), table()]),
        zip(&[table(), Entry::deflated("a/", TABLE.as_bytes())]),
        zip(&[Entry::stored("DS_Store", b""), table()]),
        zip(&[table(), double(1024 * 1024 + 1)]),
        zip(&[table(), double(1024 * 1024 + 1).streamed((true, false))]),
        zip(&[vec![table()], vec![double(1); 17]].concat()),
        zip(&[vec![double(1); 17], vec![table()]].concat()),
        zip(&[vec![double(1); 9], vec![table()], vec![double(1); 8]].concat()),
        zip(&[table(), Entry::deflated("__MACOSX", b"")]),
    ] {
        assert_eq!(refusal(several), "archive_several_files");
    }
    assert_eq!(outcome(zip(&[vec![double(1); 8], vec![table()], vec![double(1); 8]].concat())), (2, None));
    for nothing in [vec![folder()], vec![folder(), double(300), Entry::stored("a/", b"")]] {
        assert_eq!(refusal(zip(&nothing)), "archive_empty");
    }
    // They are checked like the file.
    let wrong = Entry { crc: 0, ..double(300) };
    assert_eq!(refusal(zip(&[table(), wrong.clone()])), "archive_damaged");
    assert_eq!(refusal(zip(&[wrong, table()])), "archive_damaged");
    let moved = Entry { name: "__MACOSX/._others.csv", ..double(300) };
    let contradicting = [moved.in_directory(0), table().in_directory(length(&parts(&[double(300)]).0))].concat();
    assert_eq!(refusal(archive(parts(&[double(300), table()]).0, contradicting, 2)), "archive_damaged");
    assert_eq!(refusal(zip(&[table(), Entry { flags: 1, ..double(300) }])), "archive_encrypted");
    let (content, directory) = parts(&finder);
    let unlisted = finder[0].in_directory(0);
    assert_eq!(refusal(archive(content.clone(), unlisted, 1)), "archive_damaged");
    assert_eq!(refusal(archive(content, directory, 1)), "archive_damaged");
}

#[test]
fn gzip_members_are_checked_one_by_one() {
    let sound = gzip(TABLE.as_bytes());
    let empty = gzip(b"");
    assert_eq!(outcome([empty.as_slice(), &sound, &empty.repeat(100)].concat()), (2, None));
    for padding in [1, 512, 100_000] {
        assert_eq!(outcome([sound.as_slice(), &vec![0; padding]].concat()), (2, None), "{padding} zeros");
    }
    let behind_zeros = [&[0; 512], sound.as_slice()].concat();
    for garbage in [b"\n".as_slice(), b"\0\n", &behind_zeros, b"PK\x03\x04", b"\x1f\x8c and eight more"] {
        assert_eq!(refusal([sound.as_slice(), garbage].concat()), "archive_damaged", "{garbage:?}");
    }
    // The start of another member.
    for cut in 1..sound.len() {
        let more = sound.get(..cut).expect("shorter");
        assert_eq!(refusal([sound.as_slice(), more].concat()), "archive_truncated", "cut at {cut}");
    }
    let with_flags = |flags: u8, behind: &[u8]| {
        let (start, rest) = sound.split_at(10);
        let mut start = start.to_vec();
        start[3] = flags;
        [start.as_slice(), behind, rest].concat()
    };
    let head_sum = crc(with_flags(2, b"").get(..10).expect("a header")).to_le_bytes();
    assert_eq!(outcome(with_flags(2, &head_sum[..2])), (2, None));
    assert_eq!(refusal(with_flags(2, &[head_sum[0] ^ 1, head_sum[1]])), "archive_damaged");
    for reserved in [1 << 5, 1 << 6, 1 << 7] {
        assert_eq!(refusal(with_flags(reserved, b"")), "archive_damaged");
    }
    assert_eq!(refusal(with_flags(8, &vec![b'x'; 70_000])), "archive_damaged", "a name without an end");
}

#[test]
fn names_inside_are_only_shown() {
    for (name, shown) in [
        ("../../etc/passwd", "../../etc/passwd"),
        ("C:\\members.csv", "C:\\members.csv"),
        ("/members\0.csv", "/members␀.csv"),
        ("a\x1b[2J.csv", "a␛[2J.csv"),
    ] {
        let import = opened(zip(&[Entry { name, ..table() }])).expect("a table");
        assert_eq!(import.detected().details["packed_name"], shown);
    }
}

#[test]
fn archives_of_more_or_less_than_one_file_are_refused() {
    assert_eq!(refusal(zip(&[table(), table()])), "archive_several_files");
    assert_eq!(refusal(zip(&[])), "archive_empty");
    assert_eq!(refusal(zip(&[Entry::deflated("empty.csv", b"")])), "file_empty");
    // Two in the directory, one in front of it.
    let twice = table().in_directory(0).repeat(2);
    assert_eq!(refusal(archive(table().header(), twice, 2)), "archive_several_files");
    for first in ["[Content_Types].xml", "mimetype", "xl/workbook.xml"] {
        assert_eq!(refusal(zip(&[Entry::stored(first, b"<a/>"), table()])), "file_binary", "{first}");
        let in_folders = [Entry::stored("a/", b""), Entry::stored(first, b"<a/>"), table()];
        assert_eq!(refusal(zip(&in_folders)), "file_binary", "{first}");
    }
}

#[test]
fn archives_that_cannot_be_read_are_refused() {
    for flags in [1, 1 << 6, 1 << 13] {
        assert_eq!(refusal(zip(&[Entry { flags, ..table() }])), "archive_encrypted");
    }
    assert_eq!(refusal(zip(&[Entry { method: 99, ..table() }])), "archive_encrypted");
    assert_eq!(refusal(zip(&[Entry { method: 12, ..table() }])), "archive_unsupported");
    // Where stored content ends can only be guessed.
    for shape in DESCRIPTORS {
        let stored = Entry::stored("members.csv", TABLE.as_bytes()).streamed(shape);
        assert_eq!(refusal(zip(&[stored])), "archive_unsupported");
    }
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
        assert_eq!(items(&zip(&[entry])), Err("archive_damaged"), "{packed} {unpacked}");
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
    let directories =
        [(other.in_directory(0), 1), (table().in_directory(1), 1), (Vec::new(), 0), (table().in_directory(0), 2)];
    for (directory, entries) in directories {
        assert_eq!(refusal(archive(table().header(), directory, entries)), "archive_damaged");
    }
    // Another reader, which starts at the end, would find another directory.
    let (content, directory) = parts(&[table()]);
    for (offset, size) in [(1, 0), (-1, 0), (0, 1), (0, -1)] {
        let offset = length(&content).saturating_add_signed(offset);
        let size = length(&directory).saturating_add_signed(size);
        let archive = [content.as_slice(), &directory, &end(1, offset, size)].concat();
        assert_eq!(refusal(archive), "archive_damaged", "{offset} {size}");
    }
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
    // Nothing in front of the content says how much there is.
    let rows = format!("{TABLE}{}", format!("SE-1;{};Lind\n", "x".repeat(500_000)).repeat(60));
    for shape in DESCRIPTORS {
        let import = opened(zip(&[Entry::deflated("members.csv", rows.as_bytes()).streamed(shape)])).expect("a table");
        assert_eq!(counted(import).1, Some("archive_bomb"));
    }
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
    assert_eq!(within(size, 0), None);
}

#[test]
fn ratios_count_from_16_mib_on() {
    let free = 16 * 1024 * 1024;
    let rows = format!("SE-1;{};Lind\n", "x".repeat(53)).repeat(free / 64 + 1);
    // So much of a table, packed to 64 KiB; the name makes up what is missing.
    let packed = |size: usize| {
        let content = format!("licence_number;given_name;family_name\n{rows}");
        let pack = |name: usize| {
            let mut encoder = GzBuilder::new().filename("x".repeat(name)).write(Vec::new(), Compression::default());
            encoder.write_all(content.as_bytes().get(..size).expect("longer")).expect("memory can be written");
            encoder.finish().expect("memory can be written")
        };
        let packed = pack(64 * 1024 - pack(0).len());
        assert_eq!(packed.len(), 64 * 1024);
        packed
    };
    let read = |packed: Vec<u8>, ratio: u64| {
        let limits = UnpackLimits { ratio, ..UnpackLimits::default() };
        let import = open_within(Box::new(Cursor::new(packed)), &options(None), limits).expect("a table");
        counted(import).1
    };
    assert_eq!(read(packed(free), 1), None);
    // One byte more than 256 for each of the packed ones.
    assert_eq!(read(packed(free + 1), 256), Some("archive_bomb"));
    assert_eq!(read(packed(free + 1), 257), None);
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// However a table was packed, it is the same table; and a change to the archive fails, or changes nothing.
    #[test]
    fn a_packed_table_is_read_as_it_was_or_not_at_all(
        names in prop::collection::vec("[A-Za-z]{1,12}", 1..12),
        stored in any::<bool>(),
        shape in any::<prop::sample::Index>(),
        changes in prop::collection::vec(
            (any::<prop::sample::Index>(), 0..6_usize, prop::collection::vec(any::<u8>(), 0..6)),
            8,
        ),
    ) {
        let rows = names.iter().enumerate().map(|(row, name)| format!("SE-{row};{name};Lind\n"));
        let content = format!("licence_number;given_name;family_name\n{}", rows.collect::<String>());
        let plain = items(content.as_bytes());
        prop_assert!(plain.is_ok());
        let make = if stored { Entry::stored } else { Entry::deflated };
        let entry = make("members.csv", content.as_bytes());
        let companion = Entry::deflated("__MACOSX/._members.csv", names.concat().as_bytes()).streamed((true, false));
        let mut archives: Vec<_> = shapes(&entry).into_iter().map(|(_, archive)| archive).collect();
        archives.extend([zip(&[entry, companion]), gzip(content.as_bytes())]);
        let archive = shape.get(&archives);
        prop_assert_eq!(&items(archive), &plain);
        for (place, removed, put) in changes {
            let from = place.index(archive.len());
            let mut changed = archive.clone();
            changed.splice(from..(from + removed).min(archive.len()), put);
            let read = items(&changed);
            prop_assert!(read == plain || read.is_err(), "changed at {}: {:?}", from, read);
        }
    }

    /// Whatever follows the mark of a packed file: no byte harms, and none is taken for a table.
    #[test]
    fn no_bytes_behind_a_mark_are_read(kind in 0..3_usize, bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mark = [b"PK\x03\x04\x14\0\x08\0\x08\0".as_slice(), b"PK\x03\x04", b"\x1f\x8b\x08"][kind];
        prop_assert!(items(&[mark, &bytes].concat()).is_err());
    }
}
