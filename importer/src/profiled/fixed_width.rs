//! One record per line, each value at fixed characters.

use super::{RawRow, RowSource};
use crate::failure::ReadError;
use crate::import::TextStream;
use crate::issue::Issue;
use crate::lines::LineReader;
use crate::profile::{Profile, Source};

/// Lines of values at fixed characters.
pub(super) struct FixedWidth {
    lines: LineReader<TextStream>,
    /// First character, from 0, and number of characters of each column.
    slices: Vec<(usize, usize)>,
    /// The first character behind the last column.
    end: usize,
}

impl FixedWidth {
    pub(super) fn open(stream: TextStream, profile: &Profile) -> Result<Self, ReadError> {
        let slices: Vec<(usize, usize)> = profile
            .columns()
            .iter()
            .map(|column| match column.source {
                Source::Characters { from, length } => (from, length),
                _ => (0, 0),
            })
            .collect();
        let end = slices.iter().map(|(from, length)| from.saturating_add(*length)).max().unwrap_or(0);
        let mut lines = LineReader::new(stream);
        for _ in 0..profile.skip_lines() {
            lines.next_line()?;
        }
        Ok(Self { lines, slices, end })
    }
}

impl RowSource for FixedWidth {
    fn next_row(&mut self) -> Result<Option<RawRow>, ReadError> {
        loop {
            let Some((row, line)) = self.lines.next_line()? else { return Ok(None) };
            if line.trim().is_empty() {
                continue;
            }
            // Padding belongs to the layout: taking it off changes no value.
            let cells = self.slices.iter().map(|(from, length)| Some(slice(&line, *from, *length).trim().to_owned()));
            let mut raw = RawRow { row, cells: cells.collect(), issues: Vec::new() };
            let beyond = slice(&line, self.end, usize::MAX);
            if !beyond.trim().is_empty() {
                raw.issues.push(
                    Issue::warning(
                        "text_beyond_columns",
                        row,
                        format!("there is text behind character {}, where the last column ends", self.end),
                        "Check that the boundaries in the profile fit this file.",
                    )
                    .value(beyond.trim()),
                );
            }
            return Ok(Some(raw));
        }
    }
}

/// Characters of a line, as far as it has them.
fn slice(line: &str, from: usize, length: usize) -> &str {
    let start = byte_of(line, from);
    let rest = line.get(start..).unwrap_or_default();
    rest.get(..byte_of(rest, length)).unwrap_or_default()
}

/// Where a character starts, or the end of the text.
fn byte_of(text: &str, character: usize) -> usize {
    if text.is_ascii() {
        return character.min(text.len());
    }
    text.char_indices().nth(character).map_or(text.len(), |(byte, _)| byte)
}

#[cfg(test)]
mod tests {
    use super::slice;

    #[test]
    fn characters_count_not_bytes() {
        assert_eq!(slice("Åsa Öberg", 4, 2), "Öb");
        assert_eq!(slice("Asa Oberg", 4, 2), "Ob");
        assert_eq!(slice("Å", 0, 10), "Å");
        assert_eq!(slice("Å", 5, 10), "");
        assert_eq!(slice("", 0, usize::MAX), "");
    }
}
