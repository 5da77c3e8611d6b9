//! Small files of every kind of trouble, read by what the fuzz targets read with, and what is too large to be kept.
//!
//! A file is named for what it is, a dot, and the code that it must give: `ok` stands for reading it whole without an
//! error. A find of a fuzz target is added here under the code that it should have.

mod driver;
#[path = "driver/targets.rs"]
mod targets;

use std::fs;
use std::io::{Cursor, Read};
use std::path::Path;

use driver::{Outcome, drive_reader};
use targets::{TARGETS, options_of, run};
use workbench_importer::Severity;

fn has(outcome: &Outcome, code: &str) -> bool {
    let issues = outcome.issues();
    match code {
        "ok" => outcome.failure.is_none() && issues.iter().all(|issue| issue.severity == Severity::Warning),
        code => outcome.failure == Some(code) || issues.iter().any(|issue| issue.code == code),
    }
}

#[test]
fn every_file_gives_the_code_in_its_name() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut wrong = Vec::new();
    for target in TARGETS {
        let mut files = 0;
        for entry in fs::read_dir(corpus.join(target)).expect("every target has a folder") {
            let path = entry.expect("an entry").path();
            let code = path.extension().and_then(|code| code.to_str()).expect("a code behind the dot");
            let outcome = run(target, &fs::read(&path).expect("a file"));
            files += 1;
            if !has(&outcome, code) {
                let codes: Vec<&str> = outcome.issues().iter().map(|issue| issue.code).collect();
                wrong.push(format!("{}: {:?} {codes:?}", path.display(), outcome.failure));
            }
        }
        assert!(files >= 7, "{target} has {files} files");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Reads a start and then one piece over and over, a gigabyte of it in all.
fn endless(target: &str, start: &str, piece: &'static str) -> Outcome {
    struct Over {
        piece: &'static [u8],
        at: usize,
    }
    impl Read for Over {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            for byte in buffer.iter_mut() {
                *byte = self.piece.get(self.at).copied().unwrap_or(b' ');
                self.at = (self.at + 1) % self.piece.len();
            }
            Ok(buffer.len())
        }
    }
    let source = Cursor::new(start.to_owned()).chain(Over { piece: piece.as_bytes(), at: 0 }.take(1 << 30));
    drive_reader(Box::new(source), &options_of(target))
}

#[test]
fn a_gigabyte_without_an_end_of_the_record_ends_early() {
    let table = "licence_number;given_name;family_name\n";
    for (target, start, piece) in [
        ("csv", format!("{table}1;"), "x"),
        ("csv", format!("{table}1;\"A"), "\n"),
        ("csv", table.to_owned(), ";"),
        ("delimited", "Licensnr;Efternamn;Tilltalsnamn\n1001;\"".to_owned(), "\r\n"),
        ("fixed_width", "MEMBERS\n".to_owned(), " "),
        ("json", "[{\"licence_number\": \"".to_owned(), "x"),
        ("json", "[{\"licence_number\": \"1\", \"more\": [".to_owned(), "7,"),
        ("json", "[{\"licence_number\": ".to_owned(), "1"),
        ("xml", "<members><member><name>".to_owned(), "x"),
        ("xml", "<members><member a=\"".to_owned(), "x"),
        ("xml", "<members><member>".to_owned(), "<a/>"),
        ("xml", "<members><!--".to_owned(), "-"),
        ("sie4", "#FLAGGA 0\n#PROSA ".to_owned(), "x"),
        ("sie4", "#FLAGGA 0\n#VER A 1 20240101 {\n#TRANS 1910 {".to_owned(), "1 "),
        ("sie5", "<Sie xmlns=\"http://www.sie.se/sie5\" a=\"".to_owned(), "x"),
        ("sie5", "<Sie xmlns=\"http://www.sie.se/sie5\"><FileInfo>".to_owned(), "x"),
        ("sie5", "<Sie xmlns=\"http://www.sie.se/sie5\"><Documents><!--".to_owned(), "-"),
    ] {
        let outcome = endless(target, &start, piece);
        assert!(matches!(outcome.failure, Some("line_too_long")), "{target} {start}: {:?}", outcome.failure);
    }
    let envelope = endless("fipjp", "{\"format\": \"fipjp\", \"x\": \"", "x");
    assert_eq!(envelope.failure, Some("submission_too_large"));
}

#[test]
fn a_hundred_thousand_levels_are_too_deep() {
    const LEVELS: usize = 100_000;
    for (target, text) in [
        ("json", format!("[{}", "[".repeat(LEVELS))),
        ("json", format!("[{{\"a\": {}", "{\"a\":".repeat(LEVELS))),
        ("json", "{\"a\":".repeat(LEVELS)),
        ("fipjp", format!("{{\"format\": \"fipjp\", \"a\": {}", "[".repeat(LEVELS))),
        ("xml", format!("<members>{}", "<member>".repeat(LEVELS))),
        ("sie5", format!("<Sie xmlns=\"http://www.sie.se/sie5\">{}", "<Accounts>".repeat(LEVELS))),
    ] {
        let outcome = run(target, text.as_bytes());
        assert!(has(&outcome, "nesting_too_deep"), "{target}: {:?}", outcome.failure);
    }
    assert!(run("profile", "[".repeat(LEVELS).as_bytes()).failure.is_some());
}
