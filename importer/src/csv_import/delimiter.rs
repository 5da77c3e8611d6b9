//! Finds the delimiter of a table from its first rows.

use std::collections::HashMap;

use crate::rows::fields;

const CANDIDATES: [u8; 4] = [b';', b',', b'\t', b'|'];

/// Rows compared, the header included.
const ROWS: usize = 20;

/// The delimiter that a first line such as `sep=;` announces, which spreadsheet programs write and hide.
pub(crate) fn announced(head: &str) -> Option<u8> {
    let line = head.split(['\n', '\r']).find(|line| !line.is_empty())?;
    let rest = line.get(..4).filter(|start| start.eq_ignore_ascii_case("sep=")).and(line.get(4..))?;
    match rest.as_bytes() {
        [delimiter] if CANDIDATES.contains(delimiter) => Some(*delimiter),
        _ => None,
    }
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
        let known = header.iter().filter(|cell| fields::is_known_name(cell)).count();
        let mut widths: HashMap<usize, usize> = HashMap::new();
        for row in rows {
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
        assert_eq!(detect(""), b';');
    }

    #[test]
    fn an_announcement_is_believed() {
        assert_eq!(announced("sep=,\na,b\n"), Some(b','));
        assert_eq!(announced("sep=,\ra,b\r"), Some(b','));
        assert_eq!(announced("SEP=\t\r\na\tb"), Some(b'\t'));
        assert_eq!(announced("separator,b"), None);
        assert_eq!(announced("å"), None);
    }
}
