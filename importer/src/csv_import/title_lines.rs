//! Lines above a table's header, such as a title or names that stand over several columns.

use csv::StringRecord;

use super::table_reader;
use crate::rows::fields;

/// Lines looked at.
const LOOKED_AT: usize = 20;

/// Cells with a known name that make a header.
const NAMES: usize = 2;

/// The line, from 1, that looks like the header of a table more than the first one does; `head` is its beginning, with or
/// without a line that announces the delimiter.
pub(super) fn header_below(head: &str, delimiter: u8, is_announced: bool) -> Option<u64> {
    let mut reader = table_reader(delimiter, head.len(), head.as_bytes());
    let mut line = StringRecord::new();
    let mut first = None;
    for nth in 0..LOOKED_AT {
        let start = usize::try_from(reader.position().byte()).ok()?;
        if !reader.read_record(&mut line).ok()? {
            return None;
        }
        if is_announced && nth == 0 {
            continue;
        }
        let known = line.iter().filter(|cell| fields::is_known_name(cell)).count();
        let first = *first.get_or_insert(known);
        if known >= NAMES && known > first {
            return head.get(start..).map(|rest| number(head, rest));
        }
    }
    None
}

/// The number of the line that `rest` begins with, behind line ends of lines before.
fn number(head: &str, rest: &str) -> u64 {
    let rest = rest.trim_start_matches(['\n', '\r']);
    let before = head.get(..head.len() - rest.len()).unwrap_or_default();
    let ends = before.matches('\n').count().max(before.matches('\r').count());
    u64::try_from(ends).map_or(u64::MAX, |ends| ends + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_found_below_a_title() {
        let header = "Licensnummer;Förnamn;Efternamn";
        for end in ["\n", "\r\n", "\r"] {
            for (lines, at) in [
                (vec!["Medlemmar 2026", "", header, "1;Anna;Ek"], Some(3)),
                (vec!["Medlemmar;;", ";;", header, "1;Anna;Ek"], Some(3)),
                (vec!["Person;;Klubb", header, "1;Anna;Ek"], Some(2)),
                (vec!["\"two\nlines\";;", header], Some(3)),
                (vec![header, "1;Anna;Ek", header], None),
                (vec!["Förnamn;Efternamn;x", "Anna;Ek;y"], None),
            ] {
                if end == "\n" || lines.iter().all(|line| !line.contains('\n')) {
                    assert_eq!(header_below(&lines.join(end), b';', false), at, "{lines:?} {end:?}");
                    let announced = format!("sep=;{end}{}", lines.join(end));
                    assert_eq!(
                        header_below(&announced, b';', true),
                        at.map(|at| at + 1),
                        "announced {lines:?} {end:?}"
                    );
                }
            }
        }
    }
}
