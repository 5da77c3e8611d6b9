//! Takes a SIE line apart: a label, fields that may be quoted, and object lists in braces.

use crate::MAX_COLUMNS;

/// A field of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Field {
    Text(String),
    /// The contents of `{ … }`.
    List(Vec<String>),
}

/// A line that starts with a label.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct SieRecord {
    /// The label in upper case, with its `#`.
    pub(super) label: String,
    pub(super) fields: Vec<Field>,
    /// The line ends with `{`: a block starts.
    pub(super) opens_block: bool,
    /// The line ends with a `}` too many: a block ends.
    pub(super) closes_block: bool,
    /// What is odd about the line, without repetition.
    pub(super) oddities: Vec<Oddity>,
}

/// What can be odd about the form of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Oddity {
    QuoteUnclosed,
    ListUnclosed,
    TooManyFields,
}

impl SieRecord {
    /// The text of a field; empty when the field is absent or a list.
    pub(super) fn text(&self, position: usize) -> &str {
        match self.fields.get(position) {
            Some(Field::Text(text)) => text.trim(),
            _ => "",
        }
    }
}

/// What a line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    Blank,
    Record(SieRecord),
    Open,
    Close,
    /// Text that belongs to no record.
    Stray,
}

/// Takes a line apart. Never fails: what is odd is marked in the result.
pub(super) fn parse(line: &str) -> Line {
    let text = line.trim();
    match text {
        "" => return Line::Blank,
        "{" => return Line::Open,
        "}" => return Line::Close,
        _ if !text.starts_with('#') => return Line::Stray,
        _ => {}
    }
    let mut rest = text;
    let mut record = SieRecord { label: take_bare(&mut rest).to_uppercase(), ..SieRecord::default() };
    let mut list: Option<Vec<String>> = None;
    let mut count = 0;
    loop {
        rest = rest.trim_start();
        let Some(first) = rest.chars().next() else { break };
        count += 1;
        if count > MAX_COLUMNS {
            record.oddities.push(Oddity::TooManyFields);
            break;
        }
        let token = match first {
            '{' => {
                rest = rest.get(1..).unwrap_or_default();
                // A list in a list has no meaning; its contents join the outer one.
                list.get_or_insert_default();
                continue;
            }
            '}' => {
                rest = rest.get(1..).unwrap_or_default();
                match list.take() {
                    Some(items) => record.fields.push(Field::List(items)),
                    None => record.closes_block = true,
                }
                continue;
            }
            '"' => {
                let (token, closed) = take_quoted(&mut rest);
                if !closed {
                    record.oddities.push(Oddity::QuoteUnclosed);
                }
                token
            }
            _ => take_bare(&mut rest).to_owned(),
        };
        match &mut list {
            Some(items) => items.push(token),
            None => record.fields.push(Field::Text(token)),
        }
    }
    match list {
        Some(items) if items.is_empty() => record.opens_block = true,
        Some(items) => {
            record.oddities.push(Oddity::ListUnclosed);
            record.fields.push(Field::List(items));
        }
        None => {}
    }
    Line::Record(record)
}

/// Takes an unquoted token, which ends at white space or a brace.
fn take_bare<'a>(rest: &mut &'a str) -> &'a str {
    let end = rest.find(|character: char| character.is_whitespace() || matches!(character, '{' | '}'));
    let (token, after) = rest.split_at(end.unwrap_or(rest.len()));
    *rest = after;
    token
}

/// Takes a quoted token and tells whether its closing quote was there. Only `\"` is an escape: a path such as
/// `"C:\Bokslut"` keeps its backslashes.
fn take_quoted(rest: &mut &str) -> (String, bool) {
    let mut token = String::new();
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' if characters.peek().is_some_and(|(_, next)| *next == '"') => {
                token.push('"');
                characters.next();
            }
            '"' => {
                *rest = rest.get(at + 1..).unwrap_or_default();
                return (token, true);
            }
            _ => token.push(character),
        }
    }
    *rest = "";
    (token, false)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(line: &str) -> SieRecord {
        match parse(line) {
            Line::Record(record) => record,
            other => panic!("{other:?}"),
        }
    }

    fn text(value: &str) -> Field {
        Field::Text(value.to_owned())
    }

    #[test]
    fn fields_are_bare_quoted_or_lists() {
        let trans = record("\t#trans\t1910 {1 \"Nord\" 6 0001}  -195.00 \"\" \"Say \\\"hej\\\" C:\\x\"");
        assert_eq!(trans.label, "#TRANS");
        let list = ["1", "Nord", "6", "0001"].map(str::to_owned).to_vec();
        let fields = [text("1910"), Field::List(list), text("-195.00"), text(""), text("Say \"hej\" C:\\x")];
        assert_eq!(trans.fields, fields);
        assert_eq!(record("#TRANS 1910{}5").fields, [text("1910"), Field::List(vec![]), text("5")]);
    }

    #[test]
    fn oddities_are_marked() {
        assert!(record("#VER A 1 20240101 {").opens_block);
        assert!(record("#TRANS 1 {} 2 }").closes_block);
        assert_eq!(record("#FNAMN \"AB").oddities, [Oddity::QuoteUnclosed]);
        assert_eq!(record("#TRANS 1 {1 2 3.00").oddities, [Oddity::ListUnclosed]);
        assert_eq!(record(&format!("#X{}", " 1".repeat(2000))).oddities, [Oddity::TooManyFields]);
        assert_eq!(
            (parse(" { "), parse("}"), parse(" "), parse("x")),
            (Line::Open, Line::Close, Line::Blank, Line::Stray)
        );
    }

    proptest! {
        #[test]
        fn any_line_is_survived(line in "#?[a-z{}\"\\\\ åé\t0-9-]{0,60}") {
            parse(&line);
        }

        #[test]
        fn quoted_text_round_trips(value in "[^\\\\\r\n]{0,40}") {
            let line = format!("#PROSA \"{}\"", value.replace('"', "\\\""));
            prop_assert_eq!(record(&line).fields, vec![text(&value)]);
        }
    }
}
