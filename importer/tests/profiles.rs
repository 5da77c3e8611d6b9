//! Files read by a profile: fixed width, delimited, JSON and XML, sound and hostile.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::sync::Arc;

use chrono::NaiveDate;
use proptest::prelude::*;
use workbench_importer::{
    Earlier, Format, Import, Item, OpenError, Options, Profile, ReadError, Record, RecordKind, open,
};

fn options(profile: Option<&str>) -> Options {
    Options {
        format: None,
        entity: None,
        file_name: None,
        mapping: BTreeMap::new(),
        header: None,
        profile: profile.map(load),
        signers: Arc::default(),
        earlier: Earlier::default(),
        today: NaiveDate::from_ymd_opt(2025, 6, 1).expect("a date"),
    }
}

/// A shipped profile by its name, or a profile by its text.
fn load(text: &str) -> Arc<Profile> {
    let shipped = Profile::shipped().iter().find(|profile| profile.name() == text);
    shipped
        .cloned()
        .unwrap_or_else(|| Arc::new(Profile::load("test.yaml", text).unwrap_or_else(|faults| panic!("{faults:#?}"))))
}

/// Everything a file gives.
#[derive(Debug, Default)]
struct Reading {
    records: Vec<Record>,
    /// Row and code of every issue.
    issues: Vec<(u64, &'static str)>,
    failure: Option<ReadError>,
}

impl Reading {
    fn codes(&self) -> Vec<&'static str> {
        self.issues.iter().map(|(_, code)| *code).collect()
    }

    fn keys(&self) -> Vec<&str> {
        self.records.iter().map(|record| record.key.as_str()).collect()
    }

    /// A field of a record that has only plain texts.
    fn text(&self, record: usize, field: &str) -> Option<&str> {
        let fields: BTreeMap<&str, &str> = serde_json::from_str(self.records.get(record)?.fields.as_str()).ok()?;
        fields.get(field).copied()
    }

    fn failure(&self) -> &'static str {
        self.failure.as_ref().map_or("", ReadError::code)
    }
}

fn try_open(bytes: impl Into<Vec<u8>>, profile: Option<&str>) -> Result<Import, OpenError> {
    open(Box::new(Cursor::new(bytes.into())), &options(profile))
}

fn read(bytes: impl Into<Vec<u8>>, profile: Option<&str>) -> Reading {
    gather(try_open(bytes, profile).unwrap_or_else(|error| panic!("{error}")))
}

fn gather(import: Import) -> Reading {
    let mut reading = Reading::default();
    for item in import {
        match item {
            Ok(Item::Row { records, issues, rejected, .. }) => {
                assert!(!rejected || records.is_empty());
                reading.records.extend(records);
                reading.issues.extend(issues.iter().map(|issue| (issue.row, issue.code)));
            }
            Ok(Item::File { issues }) => reading.issues.extend(issues.iter().map(|issue| (issue.row, issue.code))),
            Err(error) => reading.failure = Some(error),
        }
    }
    reading
}

fn refusal(bytes: impl Into<Vec<u8>>, profile: Option<&str>) -> &'static str {
    try_open(bytes, profile).expect_err("a refusal").code()
}

const FIXED: Option<&str> = Some("legacy-members-fixed");

/// A line of the legacy layout.
fn line(fields: [&str; 11]) -> String {
    let widths = [8, 24, 20, 8, 1, 3, 6, 1, 4, 9, 1];
    fields.iter().zip(widths).map(|(text, width)| format!("{text:<width$}")).collect::<Vec<_>>().concat()
}

#[test]
fn the_delimited_legacy_layout_is_read_under_its_swedish_and_its_french_header() {
    let profile = Some("legacy-members-delimited");
    let swedish = include_bytes!("corpus/delimited/swedish.decimal_rewritten");
    let import = try_open(swedish.to_vec(), profile).expect("readable");
    let detected = import.detected();
    assert_eq!((detected.encoding.as_str(), detected.delimiter), ("Windows-1252", Some(';')));
    let left_out: Vec<&str> =
        detected.mapping.iter().filter(|column| column.field.is_none()).map(|column| column.column.as_str()).collect();
    assert_eq!(left_out, ["Ombud"]);
    let reading = gather(import);
    assert_eq!(reading.keys(), ["100200", "100201"]);
    for (record, field, value) in [
        (0, "family_name", "Öberg"),
        (0, "birth_date", "2010-12-24"),
        (0, "sex", "F"),
        (0, "licence_type", "competition"),
        (0, "valid_to", "2025-12-31"),
        (0, "fee", "1250.50"),
        (0, "status", "active"),
        // Day before month, though it could be read either way.
        (1, "birth_date", "1980-04-03"),
        (1, "licence_type", "youth"),
        (1, "status", "dormant"),
    ] {
        assert_eq!(reading.text(record, field), Some(value), "{field}");
    }
    let french = read(include_bytes!("corpus/delimited/french.value_translated").to_vec(), profile);
    assert_eq!(french.keys(), ["0042"]);
    for (field, value) in [
        ("given_name", "Renée"),
        ("birth_date", "1960-02-01"),
        ("licence_type", "discovery"),
        ("club", "C7"),
        ("fee", "12.5"),
        ("status", "suspended"),
    ] {
        assert_eq!(french.text(0, field), Some(value), "{field}");
    }
    // A mark in the file is believed before the profile.
    let marked = read("\u{feff}Licensnr;Efternamn;Förnamn\n1001;Ek;Åsa\n", profile);
    assert_eq!((marked.keys(), marked.text(0, "given_name")), (vec!["1001"], Some("Åsa")));
}

#[test]
fn a_row_tells_which_records_of_other_kinds_it_refers_to() {
    let profile = "name: refer\nversion: 1\ntitle: Refer\nformat: csv\nentity: members\nnatural_key: licence_number\ncolumns:\n  \
        - { field: licence_number, source: nr }\n  - { field: given_name, source: given }\n  \
        - { field: family_name, source: family }\n  - { field: club, source: Klubb, rules: { reference: clubs } }\n";
    let text = "nr;given;family;Klubb\n1;A;B;17\n2;A;B;\n3;;B;17\n";
    let referred: Vec<Vec<(RecordKind, String, String)>> = try_open(text, Some(profile))
        .expect("readable")
        .filter_map(|item| match item.expect("no failure") {
            Item::Row { references, .. } => Some(references),
            Item::File { .. } => None,
        })
        .map(|references| references.into_iter().map(|found| (found.kind, found.key, found.column)).collect())
        .collect();
    assert_eq!(referred, [vec![(RecordKind::Club, "17".to_owned(), "Klubb".to_owned())], vec![], vec![]]);
}

#[test]
fn the_legacy_layout_goes_through_the_same_cleaning_as_a_table() {
    let good = line(["100200", "Öberg", "Åsa", "24122010", "2", "SWE", "000017", "C", "2025", "  120,50", "J"]);
    let bad = line(["12", "Ek", "Bo", "12242010", "7", "SWE", "000017", "X", "1200", "gratis", "?"]);
    let text = format!("MEMBERS 2025\r\n{good}\r\n\r\n{bad}\r\n{good} X\r\n\u{1a}");
    let bytes: Vec<u8> = text
        .chars()
        .map(|character| match character {
            'Å' => 0x8f,
            'Ö' => 0x99,
            other => u8::try_from(other).expect("ASCII"),
        })
        .collect();
    let import = try_open(bytes.clone(), FIXED).expect("readable");
    assert_eq!((import.detected().format, import.detected().encoding.as_str()), (Format::FixedWidth, "CP437"));
    assert_eq!(import.detected().details.get("profile").map(String::as_str), FIXED);
    let reading = gather(import);
    assert_eq!(reading.keys(), ["100200"]);
    for (field, value) in [
        ("family_name", "Öberg"),
        ("given_name", "Åsa"),
        ("birth_date", "2010-12-24"),
        ("sex", "F"),
        ("licence_type", "competition"),
        ("fee", "120.50"),
        ("medical_certificate", "yes"),
        ("club", "000017"),
    ] {
        assert_eq!(reading.text(0, field), Some(value), "{field}");
    }
    let of_row =
        |row| reading.issues.iter().filter(move |(at, _)| *at == row).map(|(_, code)| *code).collect::<Vec<_>>();
    assert_eq!(
        of_row(2),
        ["value_translated", "value_translated", "decimal_rewritten", "value_translated"]
            .iter()
            .enumerate()
            .flat_map(|(position, code)| if position == 0 { vec!["date_rewritten", *code] } else { vec![*code] })
            .collect::<Vec<_>>()
    );
    assert_eq!(
        of_row(4),
        [
            "pattern_mismatch",
            "date_invalid",
            "value_not_allowed",
            "value_not_allowed",
            "value_out_of_range",
            "decimal_invalid",
            "value_not_allowed"
        ]
    );
    assert!(of_row(5).contains(&"text_beyond_columns") && of_row(5).contains(&"duplicate_key"));
}

const TABLE: &str =
    "name: t\nversion: 1\ntitle: T\nformat: csv\nentity: clubs\nnatural_key: club_number\ndelimiter: \"|\"
skip_lines: 2\ncolumns:
  - { field: club_number, source: [Nr, Nummer], rules: { pattern: '\\d+' } }
  - { field: name, source: Bezeichnung, transforms: [upper] }
  - { field: district, source: Kreis, rules: { unique: true } }
  - { field: courts, source: Plätze, type: integer, rules: { max: 99 } }\n";

#[test]
fn a_table_by_profile_has_its_own_headers() {
    let text = "Export\n\"unclosed\nNUMMER|Bezeichnung|plaetze|Kreis\n1|Nord|x|A\n2|Süd|y|A\n3|Ost|z|B|c\n|West||\n";
    let import = try_open(text, Some(TABLE)).expect("readable");
    assert_eq!(import.detected().delimiter, Some('|'));
    let reading = gather(import);
    assert_eq!(reading.keys(), ["1"]);
    assert_eq!(reading.text(0, "name"), Some("NORD"));
    assert_eq!(
        reading.issues,
        [
            (3, "unmapped_column"),
            (4, "recased"),
            (5, "recased"),
            (5, "value_not_unique"),
            (6, "row_ragged"),
            (7, "recased"),
            (7, "value_missing"),
        ]
    );
    assert_eq!(refusal("a\nb\nBezeichnung|Kreis\n", Some(TABLE)), "columns_missing");
    assert_eq!(refusal("[1]", Some(TABLE)), "format_mismatch");
}

#[test]
fn a_table_without_a_header_goes_by_numbers() {
    let profile = "name: t\nversion: 1\ntitle: T\nformat: csv\nentity: clubs\nnatural_key: club_number\nheader: false
columns:\n  - { field: club_number, position: 2 }\n  - { field: name, position: 1 }\n";
    let reading = read("Nord;1;more\nSüd;2\nOst\n", Some(profile));
    assert_eq!((reading.keys(), reading.codes()), (vec!["1", "2"], vec!["row_ragged"]));
}

#[test]
fn json_is_read_as_an_array_and_as_lines() {
    let one = r#"{"licence_number": 1001, "name": {"given": "Åsa", "family": "\u00d6berg"}, "sex": "k", "shoe": 38}"#;
    let two =
        r#"{"licence": {"number": "1002", "type": "ungdom"}, "given_name": "Bo", "family_name": "Ek", "city": null}"#;
    for text in [format!("[{one},\n{two}]\n"), format!("{one}\n\n{two}"), format!("\u{feff}[ {one} , {two} ] \u{1a}")] {
        let import = try_open(text, None).expect("readable");
        assert_eq!((import.detected().format, import.detected().encoding.as_str()), (Format::Json, "UTF-8"));
        let reading = gather(import);
        assert_eq!(reading.keys(), ["1001", "1002"]);
        assert_eq!((reading.text(0, "family_name"), reading.text(1, "licence_type")), (Some("Öberg"), Some("youth")));
        assert_eq!(reading.codes(), ["value_translated", "value_translated", "unmapped_column"]);
        assert!(reading.failure.is_none());
    }
    assert_eq!(read("[]", None).codes(), ["no_rows"]);
}

const NESTED: &str = "name: t\nversion: 1\ntitle: T\nformat: json\nentity: clubs\nnatural_key: club_number
record_path: $.data.clubs\ncolumns:\n  - { field: club_number, source: id }\n  - { field: name, source: name }\n";

#[test]
fn json_below_the_root_is_found_and_what_surrounds_it_is_checked() {
    let inner = r#"[{"id": 1, "name": "Nord"}, {"id": 2, "name": "S\u00fcd"}]"#;
    let text = format!(
        r#"{{"meta": {{"deep": [[{{}}]], "x": "]"}}, "data": {{"n": 2, "clubs": {inner}, "z": []}}, "end": 1}}"#
    );
    let reading = read(text.clone(), Some(NESTED));
    assert_eq!((reading.keys(), reading.codes(), reading.failure()), (vec!["1", "2"], vec![], ""));
    assert_eq!(read(text.replace("\"end\"", "\"data\""), Some(NESTED)).failure(), "json_malformed");
    assert_eq!(read(format!("{text} x"), Some(NESTED)).failure(), "trailing_content");
    assert_eq!(read(text.strip_suffix('}').expect("closed"), Some(NESTED)).failure(), "file_truncated");
    assert_eq!(refusal(text.replace("\"clubs\"", "\"club\""), Some(NESTED)), "records_missing");
    assert_eq!(refusal(r#"{"data": 1}"#, Some(NESTED)), "records_missing");
    assert_eq!(refusal(r#"{"data": {"clubs": {}}}"#, Some(NESTED)), "records_missing");
}

#[test]
fn a_faulty_json_record_is_rejected_and_the_next_one_read() {
    let cases = [
        (r#"{"id": 1, "id": 2, "name": "x"}"#, "json_key_duplicate"),
        (r#"{"id": "\ud800", "name": "x"}"#, "surrogate_lone"),
        (r#"{"id": "a\u0000b", "name": "x"}"#, "nul_character"),
        (r#"{"id": 01, "name": "x"}"#, "json_malformed"),
        (r#"{"id": [1], "name": "x"}"#, "value_not_scalar"),
        (r#"{"id": 1.5e30, "name": "x"}"#, "key_rounded"),
        ("7", "record_not_object"),
        ("\"text\"", "record_not_object"),
    ];
    for (record, code) in cases {
        let text = format!(r#"{{"data": {{"clubs": [{record}, {{"id": 9, "name": "y"}}]}}}}"#);
        let reading = read(text, Some(NESTED));
        assert_eq!((reading.keys(), reading.issues.first()), (vec!["9"], Some(&(1, code))), "{record}");
    }
}

#[test]
fn a_json_file_that_cannot_be_followed_fails_where_it_breaks() {
    let sound = r#"[{"licence_number":1,"given_name":"A","family_name":"B"}"#;
    for (rest, code) in [
        ("", "file_truncated"),
        (",", "file_truncated"),
        (",{\"a\":\"", "file_truncated"),
        ("]]", "trailing_content"),
        ("][]", "trailing_content"),
        ("}", "json_malformed"),
        (",{]", "json_malformed"),
        (",]", "json_malformed"),
        (" {}]", "json_malformed"),
    ] {
        let reading = read(format!("{sound}{rest}"), None);
        assert_eq!((reading.keys(), reading.failure()), (vec!["1"], code), "{rest}");
    }
    let deep = format!("{sound},{}", "[".repeat(100_000));
    assert_eq!(read(deep, None).failure(), "nesting_too_deep");
    let cut = "{\"licence_number\":1,\"given_name\":\"A\",\"family_name\":\"B\"}\n{\"licence_number\":2,\"given";
    assert_eq!(read(cut, None).failure(), "file_truncated");
}

#[test]
fn an_endless_json_record_ends_the_file_and_not_the_memory() {
    for start in ["[{\"a\":\"", "[1,\"", "{\"a\":\"", "[1,1"] {
        let endless = Cursor::new(start.as_bytes().to_vec()).chain(std::io::repeat(b'1').take(1 << 30));
        let import = open(Box::new(endless), &options(None)).expect("a sound head");
        assert_eq!(gather(import).failure(), "line_too_long", "{start}");
    }
    // What is passed over on the way to the records is not held: it may be as long as it likes.
    let long = Cursor::new(b"{\"x\":\"".to_vec()).chain(std::io::repeat(b'x').take(8 << 20));
    let text = Box::new(long.chain(Cursor::new(b"\",\"data\":{\"clubs\":[{\"id\":1,\"name\":\"A\"}]}}".to_vec())));
    assert_eq!(gather(open(text, &options(Some(NESTED))).expect("readable")).keys(), ["1"]);
}

const MEMBERS_XML: &str = "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<!-- export --><members>\n  <member>
    <licence number=\"1001\" type=\"youth\"/>\n    <name><given>\u{c5}sa &amp; Bo</given><family><![CDATA[<Ek>]]></family></name>
    <shoe>38</shoe>\n  </member>\n  <member licence=\"1002\">\n    <given_name> Bo </given_name><family_name>&#214;berg</family_name>
    <email>a@b.se</email><email>c@d.se</email>\n  </member>\n</members>\n";

/// The text in Latin-1.
fn latin(text: &str) -> Vec<u8> {
    text.chars().map(|character| u8::try_from(u32::from(character)).expect("Latin-1")).collect()
}

#[test]
fn xml_is_read_in_its_declared_encoding() {
    let import = try_open(latin(MEMBERS_XML), None).expect("readable");
    assert_eq!((import.detected().format, import.detected().encoding.as_str()), (Format::Xml, "Windows-1252"));
    let reading = gather(import);
    assert_eq!(reading.keys(), ["1001", "1002"]);
    assert_eq!(reading.text(0, "given_name"), Some("Åsa & Bo"));
    assert_eq!(reading.text(0, "family_name"), Some("<Ek>"));
    assert_eq!(reading.text(1, "family_name"), Some("Öberg"));
    assert_eq!(reading.text(1, "email"), Some("a@b.se"));
    assert_eq!(reading.issues, [(2, "value_repeated"), (0, "unmapped_column")]);
    let little: Vec<u8> = format!("\u{feff}{MEMBERS_XML}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(read(little, None).keys(), ["1001", "1002"]);
    assert_eq!(refusal(MEMBERS_XML.replace("ISO-8859-1", "EBCDIC-X"), None), "encoding_unknown");
}

const SPACED: &str = "name: t\nversion: 1\ntitle: T\nformat: xml\nentity: clubs\nnatural_key: club_number
namespaces: { f: 'urn:example:federation', x: 'urn:example:extra' }
record_path: /f:federation/*/f:club\ncolumns:\n  - { field: club_number, source: '@x:id' }
  - { field: name, source: . }\n  - { field: city, source: f:address/f:city }\n";

#[test]
fn xml_names_are_told_apart_by_their_namespace() {
    let text = "<federation xmlns='urn:example:federation' xmlns:y='urn:example:extra'><clubs>
<club y:id='1' id='9'>Nord<address><city>Nora</city></address></club><y:club y:id='2'>No</y:club>
<club xmlns:z='urn:example:extra' z:id='3'>Syd<address><y:city>No</y:city></address></club></clubs>
<other><club y:id='4'>Ost</club></other></federation>";
    let reading = read(text, Some(SPACED));
    assert_eq!((reading.keys(), reading.failure()), (vec!["1", "3", "4"], ""));
    assert_eq!(
        (reading.text(0, "name"), reading.text(0, "city"), reading.text(1, "city")),
        (Some("Nord"), Some("Nora"), None)
    );
    assert_eq!(refusal(text.replace("urn:example:federation", "urn:other"), Some(SPACED)), "records_missing");
    assert_eq!(read(text.replace("<y:city>No</y:city>", "<w:city/>"), Some(SPACED)).failure(), "xml_malformed");
}

#[test]
fn hostile_xml_is_refused() {
    let bomb =
        "<?xml version=\"1.0\"?><!DOCTYPE m [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><members><member/></members>";
    assert_eq!(refusal(bomb, None), "doctype_refused");
    let external = "<!DOCTYPE members SYSTEM \"http://192.0.2.1/x.dtd\"><members/>";
    assert_eq!(refusal(external, None), "doctype_refused");
    let member = "<members><member licence='1'><given_name>A</given_name><family_name>B</family_name></member>";
    for (rest, code) in [
        ("", "file_truncated"),
        ("<member", "file_truncated"),
        ("<member><given_name>A", "file_truncated"),
        ("<!-- ", "file_truncated"),
        ("<![CDATA[", "file_truncated"),
        ("<member></membre></members>", "xml_malformed"),
        ("<member a='1' a='2'/></members>", "xml_malformed"),
        ("<member>&secret;</member></members>", "xml_malformed"),
        ("<member>&#xd800;</member></members>", "xml_malformed"),
        ("<member><city>&secret;</city></member></members>", "xml_malformed"),
        ("<member licence='&secret;'/></members>", "xml_malformed"),
        ("</members><members/>", "trailing_content"),
        ("</members>text", "trailing_content"),
    ] {
        let reading = read(format!("{member}{rest}"), None);
        assert_eq!((reading.keys(), reading.failure()), (vec!["1"], code), "{rest}");
    }
    assert_eq!(read(format!("{member}{}", "<a>".repeat(100_000)), None).failure(), "nesting_too_deep");
    assert_eq!(read(format!("{member}<member>{}", "<a>".repeat(100_000)), None).failure(), "nesting_too_deep");
    let broken = read(format!("{member}\n\n<member></a>"), None);
    assert!(matches!(broken.failure, Some(ReadError::Damaged { line: 3, .. })), "{broken:?}");
}

#[test]
fn an_endless_xml_piece_ends_the_file_and_not_the_memory() {
    for start in ["", "<member>", "<member><city>", "<!--", "<member licence='", "<member><city/><![CDATA["] {
        let endless = std::io::repeat(b'x').take(1 << 30);
        let file = Cursor::new(format!("<members>{start}").into_bytes()).chain(endless);
        let import = open(Box::new(file), &options(None)).expect("a sound head");
        assert_eq!(gather(import).failure(), "line_too_long", "{start}");
    }
    // Many small pieces in one record count together.
    let small = b"<given_name>x</given_name>".repeat(60_000);
    let file = Cursor::new(b"<members><member>".to_vec()).chain(Cursor::new(small));
    assert_eq!(gather(open(Box::new(file), &options(None)).expect("a sound head")).failure(), "line_too_long");
}

#[test]
fn a_profile_and_a_request_must_agree() {
    let refused = |options: Options| open(Box::new(Cursor::new(b"[]".to_vec())), &options).expect_err("refused").code();
    let of_json = options(Some("members-json"));
    assert_eq!(refused(Options { format: Some(Format::Xml), ..of_json.clone() }), "format_mismatch");
    assert_eq!(
        refused(Options { entity: Some(workbench_importer::Entity::Clubs), ..of_json.clone() }),
        "format_mismatch"
    );
    assert_eq!(refused(Options { mapping: [("a".into(), "b".into())].into(), ..of_json }), "mapping_invalid");
    assert_eq!(refused(options(Some("members-xml"))), "format_mismatch");
    assert_eq!(read("[{\"licence_number\":\"1\"}]", None).records.len(), 0);
    assert!(read("[]", None).records.iter().all(|record| record.kind == RecordKind::Member));
}

/// Reads to the end, whatever comes, and tells what came.
fn outcome(bytes: &[u8], options: &Options) -> String {
    match open(Box::new(Cursor::new(bytes.to_vec())), options) {
        Err(error) => format!("{} {error} {}", error.code(), error.hint()),
        Ok(import) => format!("{:?}", import.collect::<Vec<_>>()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_bytes_are_survived_and_read_the_same_twice(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        start in proptest::sample::select(vec![
            "", "[", "[{", "{\"data\":{\"clubs\":[", "<members>", "<members><member>", "\u{feff}[", "title\n1001",
        ]),
    ) {
        let bytes = [start.as_bytes(), &bytes].concat();
        for options in [None, FIXED, Some(NESTED), Some(SPACED), Some(TABLE)].map(options) {
            prop_assert_eq!(outcome(&bytes, &options), outcome(&bytes, &options));
        }
    }

    #[test]
    fn any_mix_of_json_fragments_is_survived(
        fragments in proptest::collection::vec(
            prop_oneof![
                Just("["), Just("]"), Just("{"), Just("}"), Just(","), Just(":"), Just("\"licence_number\""), Just("\"\\ud800\""),
                Just("\"given_name\":\"A\""), Just("1"), Just("-1.5e3"), Just("null"), Just("\n"), Just("\"a\\"), Just("true"),
            ],
            0..40,
        ),
    ) {
        let text = fragments.concat();
        outcome(format!("[{text}").as_bytes(), &options(None));
        outcome(format!("{{{text}").as_bytes(), &options(Some(NESTED)));
    }

    #[test]
    fn any_mix_of_xml_fragments_is_survived(
        fragments in proptest::collection::vec(
            prop_oneof![
                Just("<member>"), Just("</member>"), Just("<members>"), Just("</members>"), Just("<licence number='1'/>"),
                Just("<name>"), Just("</name>"), Just("<given>A</given>"), Just("&amp;"), Just("&x;"), Just("&#0;"), Just("<!--"),
                Just("-->"), Just("<![CDATA["), Just("]]>"), Just("<?pi ?>"), Just("<a:b xmlns:a='u'>"), Just("<"), Just("x='"),
            ],
            0..40,
        ),
    ) {
        outcome(format!("<members>{}", fragments.concat()).as_bytes(), &options(None));
    }

    #[test]
    fn what_is_written_as_json_and_xml_is_read_back(
        names in proptest::collection::vec("[a-zåé<&>\"'\\\\/]([a-zåé <&>\"'\\\\/]{0,12}[a-zåé<&>])?", 1..20),
    ) {
        let objects: Vec<_> = names
            .iter()
            .enumerate()
            .map(|(number, name)| serde_json::json!({ "licence_number": number, "given_name": name, "family_name": "B" }))
            .collect();
        let escaped = |name: &str| name.replace('&', "&amp;").replace('<', "&lt;");
        let elements: Vec<_> = names
            .iter()
            .enumerate()
            .map(|(number, name)| {
                let name = escaped(name);
                format!("<member licence='{number}'><given_name>{name}</given_name><family_name>B</family_name></member>")
            })
            .collect();
        for text in [
            serde_json::json!(objects).to_string(),
            objects.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
            format!("<members>{}</members>", elements.concat()),
        ] {
            let reading = read(text, None);
            prop_assert!(reading.issues.is_empty() && reading.failure.is_none(), "{:?}", reading);
            let read_names: Vec<_> =
                reading.records.iter().map(|record| record.fields.to_map().remove("given_name").unwrap_or_default()).collect();
            prop_assert_eq!(read_names, names.iter().map(|name| serde_json::json!(name)).collect::<Vec<_>>());
        }
    }
}
