//! Finds the delimiter of a table from its first rows.

use std::collections::HashMap;

use crate::issue::{Issue, shorten};
use crate::rows::fields;

const CANDIDATES: [u8; 4] = [b';', b',', b'\t', b'|'];

/// Rows compared, the header included.
const ROWS: usize = 20;

/// How a table is delimited.
pub(crate) struct Delimiting {
    pub(crate) delimiter: u8,
    /// Whether the first line is none of the table: it announces a delimiter.
    pub(crate) is_announced: bool,
    /// What is to be said where the announcement was not followed.
    pub(crate) issue: Option<Issue>,
}

/// The delimiter of a table: the one that a first line such as `sep=;` announces, which spreadsheet programs write and
/// hide, unless the lines below contradict it; without such a line, the one that they show.
pub(crate) fn decide(head: &str) -> Delimiting {
    let Some((named, below)) = announcement(head) else {
        return Delimiting { delimiter: detect(head), is_announced: false, issue: None };
    };
    let shown = detect(below);
    let announced = match named {
        "\\t" => Some(b'\t'),
        named => named.bytes().next().filter(|byte| named.len() == 1 && CANDIDATES.contains(byte)),
    };
    match announced {
        // Of a single column, no delimiter has anything to delimit.
        Some(delimiter) if occurs(delimiter, below) || !occurs(shown, below) => {
            Delimiting { delimiter, is_announced: true, issue: None }
        }
        _ => {
            let issue = Issue::warning(
                "separator_contradicted",
                1,
                format!(
                    "the first line says that “{}” separates the values, and the lines below do not bear it out; they were \
                     read with {}",
                    shorten(named),
                    in_words(shown)
                ),
                "Look at the first records: if the columns are right, nothing is to be done; else remove the line that begins \
                 with “sep=” and export again.",
            );
            Delimiting { delimiter: shown, is_announced: true, issue: Some(issue.value(named)) }
        }
    }
}

/// What the first line announces as a delimiter, and the lines below. Programs that quote every value quote this, too, and
/// those that write as many values in each row put delimiters behind it.
fn announcement(head: &str) -> Option<(&str, &str)> {
    let text = head.trim_start_matches(['\n', '\r']);
    let (line, below) = text.split_once(['\n', '\r']).unwrap_or((text, ""));
    let quoted = line.strip_prefix('"').and_then(|rest| rest.split_once('"'));
    let (said, behind) = quoted.unwrap_or((line, ""));
    let named = said.get(..4).filter(|start| start.eq_ignore_ascii_case("sep=")).and(said.get(4..))?;
    let is_filler = |text: &str| text.bytes().all(|byte| CANDIDATES.contains(&byte) || matches!(byte, b' ' | b'"'));
    let named = if named == "\\t" { named } else { split_first(named).filter(|(_, rest)| is_filler(rest))?.0 };
    is_filler(behind).then_some((named, below))
}

/// The first character, and what is behind it.
fn split_first(text: &str) -> Option<(&str, &str)> {
    text.split_at_checked(text.chars().next()?.len_utf8())
}

/// Whether a delimiter is in one of the first lines.
fn occurs(delimiter: u8, lines: &str) -> bool {
    let first = lines.split(['\n', '\r']).filter(|line| !line.is_empty()).take(ROWS);
    first.flat_map(str::bytes).any(|byte| byte == delimiter)
}

fn in_words(delimiter: u8) -> String {
    if delimiter == b'\t' { "a tab".to_owned() } else { format!("“{}”", char::from(delimiter)) }
}

/// The candidate under which the header names most known columns; then the one that splits most rows like the header;
/// then the one that gives most columns.
pub(crate) fn detect(head: &str) -> u8 {
    let score = |delimiter: u8| {
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .flexible(true)
            .from_reader(head.as_bytes());
        let mut rows = reader.records().take(ROWS).map_while(Result::ok);
        let Some(header) = rows.next() else { return (0, 0, 0) };
        let names = |row: &csv::StringRecord| row.iter().filter(|cell| fields::is_known_name(cell)).count();
        let mut known = names(&header);
        let mut widths: HashMap<usize, usize> = HashMap::new();
        for row in rows {
            // A title may stand above the header.
            known = known.max(names(&row));
            *widths.entry(row.len()).or_default() += 1;
        }
        let alike = if header.len() > 1 { widths.get(&header.len()).copied().unwrap_or(0) } else { 0 };
        (known, alike, header.len())
    };
    // Of equal scores, `max_by_key` takes the last: the order from the end is the order of preference.
    CANDIDATES.into_iter().rev().max_by_key(|delimiter| score(*delimiter)).unwrap_or(b';')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_known_names_decide() {
        assert_eq!(detect("licence;nom;prénom\n1;Durand, Anne;A\n"), b';');
        assert_eq!(detect("licence,nom,prénom\n1,\"a;b;c;d\",A\n"), b',');
        assert_eq!(detect("a\tb\n1\t2\n"), b'\t');
        assert_eq!(detect("x|y|z\n1|2|3\n"), b'|');
        assert_eq!(detect("licence\n1\n"), b';');
        assert_eq!(detect("Medlemmar 2026\n\nLicens,Förnamn,Efternamn\n1,Anna,Ek\n"), b',', "below a title");
        assert_eq!(detect(""), b';');
    }

    /// What is decided, and whether something is said about it.
    fn decided(head: &str) -> (u8, bool, bool) {
        let Delimiting { delimiter, is_announced, issue } = decide(head);
        (delimiter, is_announced, issue.is_some())
    }

    #[test]
    fn an_announcement_is_believed() {
        for (head, delimiter) in [
            ("sep=,\na,b\n", b','),
            ("sep=,\ra,b\r", b','),
            ("\r\nSEP=\t\r\na\tb", b'\t'),
            ("sep=\\t\na\tb;c", b'\t'),
            ("\"sep=;\"\r\na;b\r\n", b';'),
            ("\"sep=;\";;\na;b;c\n", b';'),
            ("sep=;;;\na;b;c\n", b';'),
            ("sep=|\nlicence_number,x|given_name,y\n1|2\n", b'|'),
            // A single column.
            ("sep=,\nlicence\n1\n", b','),
            ("sep=,", b','),
        ] {
            assert_eq!(decided(head), (delimiter, true, false), "{head:?}");
        }
        for head in ["separator,b", "sep=,x\n1,2\n", "\"sep=;\"x;b\n", "\"sep=;\nb\";c\n", "sep=", "å"] {
            assert!(!decide(head).is_announced, "{head:?}");
        }
    }

    #[test]
    fn an_announcement_that_the_lines_contradict_is_passed_over_with_a_word() {
        for (head, delimiter) in [
            ("sep=,\na;b\n1;2\n", b';'),
            ("\"sep=|\"\na\tb\n1\t2\n", b'\t'),
            ("sep=x\nlicence,name\n1,Max\n", b','),
            ("sep=§\na;b\n1;2\n", b';'),
        ] {
            assert_eq!(decided(head), (delimiter, true, true), "{head:?}");
        }
    }
}
