//! The shapes in which tables come: delimiters and their announcement, quoting, line ends, no header, numbers and dates.

mod driver;

use std::fmt::Write;
use std::io::Cursor;

use driver::{Outcome, drive, options};
use workbench_importer::{Detected, Entity, Notation, OpenError, Options, Previewed, Profile, open};

fn detected(bytes: &[u8]) -> Detected {
    open(Box::new(Cursor::new(bytes.to_vec())), &options(None, None)).expect("a table").detected().clone()
}

fn read(bytes: impl AsRef<[u8]>) -> Outcome {
    drive(bytes.as_ref(), &options(None, None))
}

fn refusal(bytes: &str, options: &Options) -> OpenError {
    open(Box::new(Cursor::new(bytes.to_owned())), options).expect_err("a refusal")
}

/// A field of a record that has only plain texts.
fn field<'a>(record: &'a workbench_importer::Record, name: &str) -> Option<&'a str> {
    let fields: std::collections::HashMap<&str, &str> = serde_json::from_str(record.fields.as_str()).ok()?;
    fields.get(name).copied()
}

/// Key, given name and row of every record.
fn members(outcome: &Outcome) -> Vec<(&str, &str, u64)> {
    outcome
        .records()
        .into_iter()
        .filter(|record| field(record, "given_name").is_some())
        .map(|record| {
            let given = field(record, "given_name").unwrap_or_default();
            (record.key.as_str(), given, record.row)
        })
        .collect()
}

fn codes(outcome: &Outcome) -> Vec<&str> {
    outcome.issues().into_iter().map(|issue| issue.code).collect()
}

#[test]
fn every_delimiter_is_found_or_announced() {
    for delimiter in [';', ',', '\t', '|'] {
        let table =
            format!("licence_number{delimiter}given_name{delimiter}family_name\n1{delimiter}Anna{delimiter}Ek\n");
        assert_eq!(detected(table.as_bytes()).delimiter, Some(delimiter));
        for end in ["\n", "\r\n", "\r"] {
            let announced = format!("sep={delimiter}{end}{}", table.replace('\n', end));
            let outcome = read(&announced);
            assert_eq!((members(&outcome), codes(&outcome)), (vec![("1", "Anna", 3)], vec![]), "{announced:?}");
            let marked = format!("\u{feff}{announced}");
            assert_eq!(members(&read(&marked)), [("1", "Anna", 3)], "{announced:?}");
        }
    }
    // The announcement wins over what the rows look like.
    let misleading = "sep=;\nlicence_number;given_name;family_name\n1;A,B,C;D,E,F\n";
    assert_eq!(members(&read(misleading)), [("1", "A,B,C", 3)]);
    // It may be quoted, as every value is, and where no line below bears it out, the lines decide.
    let table = "licence_number;given_name;family_name\n1;Anna;Ek\n";
    for (first, said) in [("\"sep=;\"", vec![]), ("\"sep=;\";;", vec![]), ("sep=,", vec!["separator_contradicted"])] {
        let outcome = read(format!("{first}\n{table}"));
        assert_eq!((members(&outcome), codes(&outcome)), (vec![("1", "Anna", 3)], said), "{first}");
    }
}

#[test]
fn columns_without_a_name_are_left_out_by_their_places() {
    let outcome = read("licence;prenom;nom;;\n1;Anna;Ek;;\n");
    let issues = outcome.issues();
    assert_eq!((members(&outcome), issues.len()), (vec![("1", "Anna", 2)], 1));
    assert_eq!(issues[0].message, "left out, 2 of 5 columns: #4, #5");
}

#[test]
fn a_header_in_the_middle_is_no_row() {
    // Where other cells of it would be refused, too, and where they would not.
    for columns in ["licence;prenom;nom;birth_date", "licence;prenom;nom;city"] {
        let rest = if columns.ends_with("city") { "Lyon" } else { "1990-01-02" };
        let outcome =
            read(format!("{columns}\n1;Anna;Ek;{rest}\n{columns}\n2;Bo;Ek;{rest}\n{}\n;;;\n", columns.to_uppercase()));
        assert_eq!(members(&outcome), [("1", "Anna", 2), ("2", "Bo", 4)], "{columns}");
        assert_eq!(codes(&outcome), ["header_repeated", "header_repeated", "row_blank"], "{columns}");
    }
}

#[test]
fn lines_may_end_in_any_way_and_count_the_same() {
    for end in ["\n", "\r\n", "\r"] {
        let table = ["licence;prenom;nom", "1;Anna;Ek", "2;Bo;Ek", "3;Cia"].join(end);
        let outcome = read(&table);
        assert_eq!(members(&outcome), [("1", "Anna", 2), ("2", "Bo", 3)], "{end:?}");
        let ragged: Vec<u64> = outcome.issues().iter().map(|issue| issue.row).collect();
        assert_eq!((codes(&outcome), ragged), (vec!["row_ragged"], vec![4]), "{end:?}");
    }
}

#[test]
fn quotes_hold_delimiters_line_ends_and_quotes() {
    let table = "licence;prenom;nom\n1;\"An;na\";Ek\n2;\"Bo \"\"B\"\" C\";\"E\nk\"\n3;O'Neil;5\" tall\n\"4\";\"\";Ek\n";
    let outcome = read(table);
    let records = outcome.records();
    let given: Vec<_> = records.iter().filter_map(|record| record.fields.to_map().remove("given_name")).collect();
    assert_eq!(given, ["An;na", "Bo \"B\" C", "O'Neil"]);
    assert_eq!(records.iter().map(|record| record.row).collect::<Vec<_>>(), [2, 3, 5]);
    assert_eq!(codes(&outcome), ["value_missing"]);
    let open_quote = read("licence;prenom;nom\n1;\"Anna;Ek\n2;Bo;Ek\n");
    assert_eq!((codes(&open_quote), open_quote.records().len()), (vec!["quote_unclosed"], 0));
}

#[test]
fn text_behind_a_closing_quotation_mark_is_remarked_on() {
    let table = "licence;prenom;nom\n1;\"Ann\"a;Ek\n2;\"Bo\";\"Ek\"\n\n3;Cia;\"Al\"m\n4;\"D\" ;Ek\n";
    let outcome = read(table);
    let given: Vec<(&str, &str)> = members(&outcome).iter().map(|(key, given, _)| (*key, *given)).collect();
    assert_eq!(given, [("1", "Anna"), ("2", "Bo"), ("3", "Cia"), ("4", "D")]);
    assert_eq!(codes(&outcome), ["quote_stray", "quote_stray", "trimmed"]);
    let issues = outcome.issues();
    assert_eq!(
        (issues[0].row, issues[0].column.as_deref(), issues[0].value.as_deref()),
        (2, Some("prenom"), Some("\"Ann\"a"))
    );
    assert!(issues[1].message.ends_with("“\"Al\"m” is read as “Alm”"), "{}", issues[1].message);
    assert_eq!((issues[1].row, issues[2].row), (5, 6));
    // Neither a last line without an end nor a refused row keeps it from being said.
    assert_eq!(codes(&read("licence;prenom;nom\n1;Anna;\"E\"k")), ["quote_stray"]);
    assert_eq!(
        codes(&read("licence;prenom;nom\n1;\"Ann\"a;Ek;\"E\"k\n")),
        ["row_ragged", "quote_stray", "quote_stray"]
    );
    // In the header, where no row can be told, nothing is lost that the columns do not show.
    assert_eq!(members(&read("licence;\"pre\"nom;nom\n1;Anna;Ek\n")), [("1", "Anna", 2)]);
}

#[test]
fn a_quotation_mark_that_swallows_rows_is_an_error_in_whatever_column() {
    let row = |number: usize, club: &str| format!("{number};Anna;Ek;{club}");
    let header = || vec!["licence;prenom;nom;club".to_owned()];
    for end in ["", "\n"] {
        // To the end of the file.
        let open: Vec<_> = header().into_iter().chain([row(1, "Boule"), row(2, "\"Boule"), row(3, "Boule")]).collect();
        let outcome = read(open.join("\n") + end);
        assert_eq!((codes(&outcome), members(&outcome)), (vec!["quote_unclosed"], vec![("1", "Anna", 2)]), "{end:?}");
        let alone: Vec<_> = header().into_iter().chain([row(1, "Boule"), row(2, "\"Boule")]).collect();
        let outcome = read(alone.join("\n") + end);
        assert_eq!((outcome.records().len(), codes(&outcome).last()), (1, Some(&"quote_unclosed")), "{end:?}");
        // To another one further on, which closes it.
        let mut closed = header();
        closed.extend((1..=9).map(|number| match number {
            3 => row(number, "\"Boule"),
            6 => row(number, "Boule\""),
            _ => row(number, "Boule"),
        }));
        let outcome = read(closed.join("\n") + end);
        assert_eq!((codes(&outcome), outcome.records().len()), (vec!["quote_unclosed"], 5), "{end:?}");
        assert!(outcome.issues()[0].message.ends_with("swallows the 3 lines after it"), "{:?}", outcome.issues());
    }
    // An address of several lines is none.
    let outcome = read("licence;prenom;nom;club\n1;Anna;Ek;\"Boule\n12; High Street\nSkara\"\n");
    assert_eq!((codes(&outcome), outcome.records().len()), (vec![""; 0], 1));
}

#[test]
fn rows_are_called_by_their_own_lines() {
    for (quoted, ragged) in [("Ek", "3;Cia"), ("\"Ek\"", "3;Cia"), ("\"E\nk\"", "3;\"Cia\"")] {
        for end in ["", "\n"] {
            let table = format!("\n\nlicence;prenom;nom\n\n1;Anna;{quoted}\n\n\n2;Bo;Ek\n\n{ragged}{end}");
            let shift = quoted.matches('\n').count() as u64;
            let outcome = read(&table);
            let stored: Vec<u64> = outcome.records().iter().map(|record| record.row).collect();
            assert_eq!(stored, [5, 8 + shift], "{table:?}");
            let rows: Vec<u64> = outcome.issues().iter().map(|issue| issue.row).collect();
            assert_eq!(rows, [10 + shift], "{table:?}");
        }
    }
    let rows = "\n1001;Anna;Ort;1984-05-02\n1002;Karin;\"Ek\";1990-12-24\n\n1003;Lars;Lund;1970-01-30\n";
    let headerless = read(rows);
    assert!(headerless.records().iter().map(|record| record.row).eq([2, 3, 5]), "{:?}", headerless.items);
}

#[test]
fn a_row_that_the_look_at_the_head_cuts_decides_nothing() {
    let name = "x".repeat(600);
    let row = |number: usize| format!("Elo;2025;{number};1;{name};1,234\n");
    let mut table = "ranking;period;licence_number;position;remark;points\n".to_owned();
    while table.len() + row(100).len() < 64 * 1024 {
        table.push_str(&row(table.len()));
    }
    // The head ends behind `1,23`.
    let room = 64 * 1024 - table.len();
    let last = format!("Elo;2025;9;1;{};1,234\n", "y".repeat(room - "Elo;2025;9;1;;1,23".len()));
    table.push_str(&last);
    let rankings = Options { entity: Some(Entity::Rankings), ..options(None, None) };
    let opened = open(Box::new(Cursor::new(table.into_bytes())), &rankings).expect("a table");
    let points = opened.detected().mapping.last().expect("a column").clone();
    assert_eq!(points.notation, None, "{points:?}");
}

#[test]
fn letters_are_read_from_every_encoding_that_spreadsheets_write() {
    let table = "licence;prenom;nom\n1;Åsa;Lefèvre\n";
    let latin: Vec<u8> = table.chars().map(|letter| u8::try_from(letter).expect("Latin-1")).collect();
    let marked = format!("\u{feff}{table}");
    let little: Vec<u8> = marked.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = marked.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for (bytes, encoding) in [
        (table.as_bytes().to_vec(), "UTF-8"),
        (marked.into_bytes(), "UTF-8"),
        (latin, "Windows-1252"),
        (little, "UTF-16LE"),
        (big, "UTF-16BE"),
    ] {
        assert_eq!(detected(&bytes).encoding, encoding);
        assert_eq!(members(&read(&bytes)), [("1", "Åsa", 2)], "{encoding}");
    }
}

#[test]
fn a_table_without_a_header_is_read_by_its_values_or_by_position_or_refused_with_a_way_out() {
    let table = "1001;Anna;Ek\n1002;Bo;Ek\n";
    let guessed = read(table);
    assert_eq!(members(&guessed), [("1001", "Anna", 1), ("1002", "Bo", 2)]);
    assert_eq!(codes(&guessed), ["column_guessed"; 3]);
    let error = refusal("1001;q7;z9\n1002;q8;z8\n", &options(None, None));
    assert_eq!(error.code(), "header_missing");
    assert!(error.to_string().contains("3 columns") && error.hint().contains("licence_number;given_name;family_name"));
    let profile = "name: positions\nversion: 1\ntitle: By position\nformat: csv\nentity: members\n\
        natural_key: licence_number\nheader: false\ncolumns:\n  - { field: licence_number, position: 1 }\n  \
        - { field: given_name, position: 2 }\n  - { field: family_name, position: 3 }\n";
    let profile = std::sync::Arc::new(Profile::load("positions.yaml", profile).expect("a sound profile"));
    let outcome = drive(table.as_bytes(), &options(None, Some(profile.clone())));
    assert_eq!(members(&outcome), [("1001", "Anna", 1), ("1002", "Bo", 2)]);
    let otherwise = Options { header: Some(true), ..options(None, Some(profile)) };
    assert_eq!(refusal(table, &otherwise).code(), "mapping_invalid");
}

#[test]
fn a_first_row_with_a_familiar_word_is_not_lost_and_a_header_of_a_year_is_none() {
    let rows = "1001;Anna;Ort;1984-05-02\n1002;Karin;Ek;1990-12-24\n1003;Lars;Lund;1970-01-30\n";
    let outcome = read(rows);
    assert_eq!(members(&outcome), [("1001", "Anna", 1), ("1002", "Karin", 2), ("1003", "Lars", 3)]);
    let heading = detected(rows.as_bytes()).heading.expect("a table has one or not");
    assert_eq!((heading.named, heading.inferred, heading.guessed), (false, true, false));
    let years = "Nr;Fn;Ln;2024\n1001;Anna;Ek;ja\n1002;Karin;Lindberg;nej\n1003;Lars;Dahlgren;ja\n";
    assert_eq!(detected(years.as_bytes()).header.map(|header| header.join(";")).as_deref(), Some("Nr;Fn;Ln;2024"));
}

#[test]
fn what_is_said_about_the_first_line_is_done_and_a_guess_is_a_warning() {
    let table = "Red;Round\nBlue;Square\n";
    let mapping = [("#1", "licence_number"), ("#2", "given_name"), ("#3", "family_name")];
    let called = |place: &str| mapping.map(|(from, to)| (from.replace('#', place), to.to_owned())).into();
    let table = format!("{}{}", "A;B;C\n", table.replace('\n', ";x\n"));
    for (header, place, rows, first) in
        [(Some(true), "#", 2, "Red"), (Some(false), "#", 3, "A"), (None, "column ", 3, "A")]
    {
        let outcome = drive(table.as_bytes(), &Options { header, mapping: called(place), ..options(None, None) });
        assert_eq!((outcome.records().len(), members(&outcome)[0].0), (rows, first), "{header:?}");
        assert_eq!(codes(&outcome), [""; 0]);
    }
    // `#1` is said of columns with names, too, and tells nothing of the header.
    let by_place = drive(table.as_bytes(), &Options { mapping: called("#"), ..options(None, None) });
    assert_eq!((by_place.records().len(), codes(&by_place)), (2, vec!["header_guessed"]));
    let unsure = read("Licens;Förnamn;Slutnamn\nx;y;z\n");
    assert_eq!(unsure.failure, Some("columns_missing"));
    let slipped = "Licensnumer;Fornman;Efternman\na;b;c\n";
    let guess = read(slipped);
    let issues = guess.issues();
    assert_eq!((issues[0].code, issues[0].row), ("header_guessed", 1));
    assert!(issues[0].hint.contains("`header: false` (`--header no`)"), "{}", issues[0].hint);
    let said = drive(slipped.as_bytes(), &Options { header: Some(true), ..options(None, None) });
    assert!(!codes(&said).contains(&"header_guessed"));
}

#[test]
fn a_refusal_names_the_number_of_columns_and_no_value() {
    let named = Options { header: Some(true), ..options(None, None) };
    let asked = Options { mapping: [("x".to_owned(), "club".to_owned())].into(), ..options(None, None) };
    for (options, code) in
        [(&options(None, None), "header_missing"), (&named, "columns_missing"), (&asked, "mapping_invalid")]
    {
        let error = refusal("19840502-1234;Zebulon;z9\n19901224-4321;q8;z8\n", options);
        let said = format!("{error} {}", error.hint());
        assert_eq!(error.code(), code);
        assert!(!said.contains("Zebulon") && !said.contains("1984"), "{said}");
        assert!(code == "mapping_invalid" || said.contains("3 "), "{said}");
    }
}

#[test]
fn days_come_first_unless_the_year_does_and_a_month_above_twelve_is_refused() {
    let table = "licence;prenom;nom;birth_date\n1;A;B;24/12/2010\n2;A;B;2010-12-24\n3;A;B;24.12.2010\n4;A;B;20101224\n\
        5;A;B;03/04/2010\n6;A;B;12/24/2010\n7;A;B;31/02/2010\n";
    let outcome = read(table);
    let dates: Vec<&str> = outcome.records().iter().filter_map(|record| field(record, "birth_date")).collect();
    assert_eq!(dates, ["2010-12-24", "2010-12-24", "2010-12-24", "2010-12-24", "2010-04-03"]);
    let refused: Vec<(u64, &str)> = outcome
        .issues()
        .iter()
        .filter(|issue| issue.code == "date_invalid")
        .map(|issue| (issue.row, issue.hint.as_str()))
        .collect();
    assert_eq!(refused.iter().map(|(row, _)| *row).collect::<Vec<_>>(), [7, 8]);
    assert!(refused.iter().all(|(_, hint)| hint.contains("2010-12-24")), "{refused:?}");
}

#[test]
fn a_declared_order_of_days_and_months_decides() {
    for (order, text, stored) in [
        ("dmy", "03/04/2010", Some("2010-04-03")),
        ("mdy", "03/04/2010", Some("2010-03-04")),
        ("mdy", "12/24/2010", Some("2010-12-24")),
        ("dmy", "12/24/2010", None),
    ] {
        let profile = format!(
            "name: dates\nversion: 1\ntitle: Dates\nformat: csv\nentity: members\nnatural_key: licence_number\ncolumns:\n  \
            - {{ field: licence_number, source: licence }}\n  - {{ field: given_name, source: prenom }}\n  \
            - {{ field: family_name, source: nom }}\n  - field: birth_date\n    source: ne\n    transforms: [{{ date_order: {order} }}]\n"
        );
        let profile = std::sync::Arc::new(Profile::load("dates.yaml", &profile).expect("a sound profile"));
        let outcome = drive(format!("licence;prenom;nom;ne\n1;A;B;{text}\n").as_bytes(), &options(None, Some(profile)));
        let records = outcome.records();
        let found = records.first().and_then(|record| field(record, "birth_date"));
        assert_eq!(found, stored, "{order} {text}");
    }
}

/// A table of members with these dates of birth.
fn born(dates: &[&str]) -> String {
    let mut table = "licence;prenom;nom;birth_date\n".to_owned();
    for (at, date) in dates.iter().enumerate() {
        let _ = writeln!(table, "{};A;B;{date}", at + 1);
    }
    table
}

fn dates(outcome: &Outcome) -> Vec<&str> {
    outcome.records().into_iter().filter_map(|record| field(record, "birth_date")).collect()
}

#[test]
fn the_dates_of_a_column_show_their_order() {
    let american = born(&["03/04/2001", "12/24/2010", "20101224", "2010-12-24"]);
    let outcome = read(&american);
    assert_eq!(dates(&outcome), ["2001-03-04", "2010-12-24", "2010-12-24", "2010-12-24"]);
    let rewritten = "date_rewritten";
    // One date of two contradicts the other: nothing is shown, and days come first.
    let torn = read(born(&["03/04/2001", "12/24/2010", "24/12/2010"]));
    assert_eq!(
        (dates(&torn), codes(&torn)),
        (vec!["2001-04-03", "2010-12-24"], vec!["date_ambiguous", "date_invalid", rewritten])
    );
    let sure = [vec!["03/04/2001"], vec!["12/24/2010"; 9], vec!["24/12/2010"]].concat();
    let sure = read(born(&sure));
    assert_eq!((dates(&sure)[0], dates(&sure).len()), ("2001-03-04", 10));
    let refused: Vec<_> = sure.issues().into_iter().filter(|issue| issue.code == "date_invalid").collect();
    assert_eq!((refused.len(), refused[0].row), (1, 12));
    assert!(refused[0].message.contains("month first"), "{}", refused[0].message);
    let column = detected(born(&["03/04/2001", "12/24/2010"]).as_bytes()).mapping.remove(3);
    assert_eq!(column.notation, Some(Notation::MonthFirst));
    assert_eq!(column.reason, "the name of the field; months come first, as in 12/24/2010");
}

#[test]
fn a_date_that_can_be_read_in_two_ways_is_a_warning_where_nothing_tells() {
    let outcome = read(born(&["03/04/2001", "05.05.2005", "2001-03-04"]));
    assert_eq!(dates(&outcome), ["2001-04-03", "2005-05-05", "2001-03-04"]);
    assert_eq!(codes(&outcome), ["date_ambiguous", "date_rewritten"]);
    let issue = outcome.issues()[0];
    assert_eq!(issue.message, "“03/04/2001” is stored as “2001-04-03”, and with the month first would be “2001-03-04”");
    let column = detected(born(&["03/04/2001"]).as_bytes()).mapping.remove(3);
    assert_eq!(column.notation, None);
    assert!(column.reason.contains("is not clear"), "{}", column.reason);
    // Dates that have one reading are not talked about.
    assert_eq!(
        detected(born(&["2001-03-04", "20010304"]).as_bytes()).mapping.remove(3).reason,
        "the name of the field"
    );
}

#[test]
fn what_a_preview_showed_about_the_notation_is_read_again() {
    let table = born(&["03/04/2001"]);
    let mut seen = detected(table.as_bytes()).mapping;
    for (notation, stored) in [(Some(Notation::MonthFirst), "2001-03-04"), (None, "2001-04-03")] {
        seen[3].notation = notation;
        let mut options = options(None, None);
        options.earlier.previewed = Some(Previewed { named: true, mapping: seen.clone() });
        assert_eq!(dates(&drive(table.as_bytes(), &options)), [stored]);
        let again = open(Box::new(Cursor::new(table.clone())), &options).expect("a table");
        assert_eq!(again.detected().mapping, seen, "and the reason is the one that was seen");
    }
}

/// What becomes of these points, and the codes of the warnings.
fn points(delimiter: char, values: &[&str]) -> (Vec<String>, Vec<&'static str>) {
    let rankings = Options { entity: Some(Entity::Rankings), ..options(None, None) };
    let mut table = "ranking;period;licence_number;position;points\n".to_owned();
    for (at, value) in values.iter().enumerate() {
        let quoted = if value.contains(delimiter) { format!("\"{value}\"") } else { (*value).to_owned() };
        let _ = writeln!(table, "open;2025-03;{at};{at};{quoted}");
    }
    let table = table.replace(';', &delimiter.to_string());
    let outcome = drive(table.as_bytes(), &rankings);
    let stored =
        outcome.records().into_iter().filter_map(|record| field(record, "points")).map(str::to_owned).collect();
    (stored, outcome.issues().into_iter().map(|issue| issue.code).collect())
}

#[test]
fn the_numbers_of_a_column_show_their_decimal_mark() {
    let rewritten = "decimal_rewritten";
    for (delimiter, values, stored, found) in [
        (';', &["12.50", "12,50", "7"][..], &["12.50", "12.50", "7"][..], &[rewritten][..]),
        (';', &["12,50", "1,234", "1.234,50"], &["12.50", "1.234", "1234.50"], &[rewritten; 3]),
        (',', &["1,234.50", "1,234", "9.5"], &["1234.50", "1234", "9.5"], &[rewritten; 2]),
        ('\t', &["12,50", "1.234", "1\u{a0}234"], &["12.50", "1234", "1234"], &[rewritten; 3]),
        (';', &["1,234", "1.234"], &["1.234", "1.234"], &["decimal_ambiguous"; 2]),
        (',', &["1,234", "1.234"], &["1234", "1.234"], &["decimal_ambiguous"]),
        (
            ';',
            &["12,50", "+07,5", "x", "1e5"],
            &["12.50", "7.5"],
            &[rewritten, rewritten, "decimal_invalid", "decimal_invalid"],
        ),
        (';', &["+07.5", "12.5"], &["7.5", "12.5"], &["number_rewritten"]),
    ] {
        let (numbers, codes) = points(delimiter, values);
        assert_eq!(
            (numbers, codes.as_slice()),
            (stored.iter().map(|one| (*one).to_owned()).collect(), found),
            "{values:?}"
        );
    }
}
