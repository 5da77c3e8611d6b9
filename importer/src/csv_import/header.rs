//! Decides whether the first line of a table names its columns: as somebody says, else by how its cells compare with
//! the values below them.

use chrono::NaiveDate;
use csv::StringRecord;

use super::columns::{Columns, by_place, is_nameless};
use super::{countries, name_lists};
use crate::import::{Heading, Options};
use crate::rows::{cleaning, dates, fields};

/// A table as far as its head shows it.
#[derive(Debug)]
pub(super) struct Table {
    /// Names of the columns: the header, else `column 1`, `column 2` and so on.
    pub(super) columns: Vec<String>,
    /// Whether the first line names the columns, and how that is known.
    pub(super) heading: Heading,
    /// Some rows, without the header.
    rows: Vec<StringRecord>,
}

impl Table {
    /// Looks whether the first line names columns; `rows` begins with it.
    pub(super) fn new(first: &StringRecord, rows: Vec<StringRecord>, options: &Options) -> Self {
        let cells: Vec<String> = first.iter().map(|cell| cell.trim().to_owned()).collect();
        let alike = rows.into_iter().filter(|row| row.len() == cells.len());
        // A header that stands in the middle of the file again says nothing of the values.
        let mut rows: Vec<StringRecord> =
            alike.enumerate().filter(|(place, row)| *place == 0 || row != first).map(|(_, row)| row).collect();
        let below = rows.get(1..).unwrap_or_default();
        let heading = decided(&cells, below, options).unwrap_or_else(|| inferred(&cells, below));
        if heading.named && !rows.is_empty() {
            rows.remove(0);
        }
        let columns = if heading.named { cells } else { (1..=cells.len()).map(by_place).collect() };
        Self { columns, heading, rows }
    }

    /// Whether the first line names the columns.
    pub(super) const fn is_named(&self) -> bool {
        self.heading.named
    }

    /// The values of a column, as far as they are looked at.
    pub(super) fn values(&self, position: usize) -> Vec<&str> {
        self.rows.iter().filter_map(|row| row.get(position)).collect()
    }
}

/// What somebody has decided about the first line, now or earlier.
fn decided(cells: &[String], below: &[StringRecord], options: &Options) -> Option<Heading> {
    let heading =
        |named, inferred, reason: &str| Some(Heading { named, inferred, guessed: false, reason: reason.to_owned() });
    if let Some(previewed) = &options.earlier.previewed {
        return heading(previewed.named, true, "as in the preview");
    }
    if let Some(named) = options.header {
        return heading(named, false, "somebody said so");
    }
    if !options.mapping.is_empty() {
        let columns = Columns::new(cells);
        if options.mapping.keys().any(|key| columns.has_name(key)) {
            return heading(true, true, "the mapping asked for calls columns by its cells");
        }
        // People who see names in the file use them; but then a table that names its fields is none of theirs. `#2` is said of
        // named columns, too, where two have one name.
        let known = cells.iter().filter(|cell| fields::is_known_name(cell)).count();
        if known < 2 && options.mapping.keys().all(|key| is_nameless(key)) {
            let reason = "the mapping asked for calls columns as those without a name are called".to_owned();
            // Against what the values clearly say, a person should look.
            let evidence = inferred(cells, below);
            let guessed = evidence.named && !evidence.guessed;
            return Some(Heading { named: false, inferred: true, guessed, reason });
        }
    }
    let is_confirmed = options.earlier.confirmed.iter().any(|earlier| earlier.is_of(cells));
    is_confirmed.then(|| heading(true, true, "a table with these columns was confirmed before")).flatten()
}

/// What speaks for a header, and what for a row.
#[derive(Debug, Default)]
struct Votes {
    header: u32,
    row: u32,
    /// Cells that are unlike the values below them.
    unlike: usize,
    /// Cells that are like the values below them.
    alike: usize,
    /// Cells that are known names of fields.
    known: usize,
}

/// The decision by evidence. It is a guess where little speaks for it, or something against it.
fn inferred(cells: &[String], below: &[StringRecord]) -> Heading {
    let mut votes = Votes::default();
    for (position, cell) in cells.iter().enumerate().filter(|(_, cell)| !cell.is_empty()) {
        let values = below.iter().filter_map(|row| row.get(position)).map(str::trim);
        let values: Vec<&str> = values.filter(|value| !value.is_empty()).collect();
        votes.look(cell, &values);
    }
    let named = match votes.header.cmp(&votes.row) {
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Equal => votes.known > 0 || !cells.iter().any(|cell| looks_like_value(cell)),
    };
    let (won, lost) = if named { (votes.header, votes.row) } else { (votes.row, votes.header) };
    let filled = cells.iter().filter(|cell| !cell.is_empty()).count();
    let reason = match (named, won) {
        (_, 0) => "nothing tells it from the lines below".to_owned(),
        (true, _) => format!(
            "of its cells, {} of {filled} look unlike the values below, and {} of {filled} say a known name",
            votes.unlike, votes.known
        ),
        (false, _) if below.is_empty() => "some of its cells look like values".to_owned(),
        (false, _) => format!("of its cells, {} of {filled} look like the values below", votes.alike),
    };
    Heading { named, inferred: true, guessed: won < 2 || won < 2 * lost, reason }
}

impl Votes {
    fn look(&mut self, cell: &str, below: &[&str]) {
        let known = fields::is_known_name(cell);
        if known {
            self.known += 1;
            self.header += 2;
        }
        let make = Make::of(cell);
        if below.is_empty() {
            self.row += match make {
                Make::Address | Make::Date => 3,
                Make::Number | Make::Code => u32::from(!is_year(cell)),
                Make::Words => 0,
            };
        } else if let Some(common) = Make::common(below) {
            self.compare(cell, make, common, below, known);
        } else if below.contains(&cell) {
            self.alike(2);
        }
    }

    /// Compares a cell with values that are nearly all of one make.
    fn compare(&mut self, cell: &str, make: Make, common: Make, below: &[&str], known: bool) {
        match (make, common) {
            // What many systems write where they have no value.
            (Make::Words, _) if !cell.contains(char::is_alphabetic) => {}
            (Make::Words, Make::Words) => {
                if below.contains(&cell) || !known && is_of_a_kind(cell, below) {
                    self.alike(2);
                }
            }
            (Make::Address, Make::Address) | (Make::Date, Make::Date) => self.alike(3),
            (one, other) if one == other => {
                if below.iter().any(|value| shape(value) == shape(cell)) {
                    self.alike(2);
                } else if has_few_shapes(below) {
                    self.unlike(1);
                } else {
                    self.alike(1);
                }
            }
            // Words above values that hold digits.
            (Make::Words, _) => self.unlike(3),
            _ => self.unlike(1),
        }
    }

    fn alike(&mut self, weight: u32) {
        self.alike += 1;
        self.row += weight;
    }

    fn unlike(&mut self, weight: u32) {
        self.unlike += 1;
        self.header += weight;
    }
}

/// What a value is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Make {
    /// An e-mail address.
    Address,
    Date,
    /// Digits and what stands between digits.
    Number,
    /// Letters and digits.
    Code,
    /// No digits.
    Words,
}

impl Make {
    const ALL: [Self; 5] = [Self::Address, Self::Date, Self::Number, Self::Code, Self::Words];

    fn of(value: &str) -> Self {
        if value.contains('@') {
            Self::Address
        } else if !value.contains(|character: char| character.is_ascii_digit()) {
            Self::Words
        } else if dates::is_date(value) {
            Self::Date
        } else if value.contains(char::is_alphabetic) {
            Self::Code
        } else {
            Self::Number
        }
    }

    /// What nine of ten values are made of.
    fn common(values: &[&str]) -> Option<Self> {
        let makes: Vec<Self> = values.iter().map(|value| Self::of(value)).collect();
        let most = |make: &Self| makes.iter().filter(|other| *other == make).count() * 10 >= makes.len() * 9;
        Self::ALL.into_iter().find(most)
    }
}

/// A year may head a column of fees or of attendance.
fn is_year(cell: &str) -> bool {
    cell.parse::<i32>().ok().and_then(|year| NaiveDate::from_ymd_opt(year, 1, 1)).is_some()
        && matches!(cell.as_bytes(), [b'1', b'9', _, _] | [b'2', b'0', _, _])
}

/// Whether a word is one of the names, choices or codes that the words below it are.
fn is_of_a_kind(cell: &str, below: &[&str]) -> bool {
    let share = |fits: fn(&str) -> bool, of_ten: usize| {
        fits(cell) && below.iter().filter(|value| fits(value)).count() * 10 >= below.len() * of_ten
    };
    share(name_lists::is_given, 2)
        || share(name_lists::is_family, 2)
        || share(name_lists::is_club, 5)
        || share(cleaning::is_sex, 9)
        || share(cleaning::is_licence_type, 9)
        || share(countries::is_code, 9)
}

/// Whether values are written in one way or two.
fn has_few_shapes(values: &[&str]) -> bool {
    let mut shapes: Vec<String> = values.iter().map(|value| shape(value)).collect();
    shapes.sort_unstable();
    shapes.dedup();
    shapes.len() <= 2
}

/// Letters become `a`, digits `0`, the rest stays: `SE-0042` is `aa-0000`.
pub(super) fn shape(value: &str) -> String {
    value
        .chars()
        .map(|character| match character {
            _ if character.is_ascii_digit() => '0',
            _ if character.is_alphabetic() => 'a',
            other => other,
        })
        .collect()
}

/// Names of columns hold no e-mail addresses and do not start with a digit, unless they are years.
fn looks_like_value(cell: &str) -> bool {
    cell.contains('@') || cell.starts_with(|first: char| first.is_ascii_digit()) && !is_year(cell)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(lines: &[&str]) -> Vec<StringRecord> {
        lines.iter().map(|line| line.split(';').collect()).collect()
    }

    fn heading(lines: &[&str], options: &Options) -> Heading {
        let rows = rows(lines);
        Table::new(&rows[0].clone(), rows, options).heading
    }

    fn found(lines: &[&str]) -> (bool, bool) {
        let heading = heading(lines, &Options::of_test(&[]));
        assert!(heading.inferred && !heading.reason.is_empty());
        (heading.named, heading.guessed)
    }

    const HEADER: (bool, bool) = (true, false);
    const ROW: (bool, bool) = (false, false);
    const HEADER_PERHAPS: (bool, bool) = (true, true);
    const ROW_PERHAPS: (bool, bool) = (false, true);

    #[test]
    fn a_first_line_is_compared_with_the_lines_below() {
        for (lines, expected) in [
            // A cell that happens to be a known name is still a value among values.
            (&["SE-1;Anna;Ort;1984-05-02", "SE-2;Bo;Lund;1990-12-24", "SE-3;Eva;Ek;1970-01-30"][..], ROW),
            (&["1001;Mail;Ek;a@b.se", "1002;Bo;Ek;c@d.se", "1003;Eva;Lund;e@f.se"], ROW),
            (&["Anna;Nom;F;SE", "Karin;Lindberg;F;SE", "Lars;Lund;M;SE"], ROW),
            (&["1001;Anna;Ek", "1002;Bo;Ek"], ROW),
            (&["1001;q7;z9", "1002;q8;z8"], ROW),
            (&["1001;Anna;Ek;saknas", "1002;Bo;Ek;1984-05-02", "1003;Eva;Ek;1990-12-24"], ROW),
            (&["Boule Syd;Lund", "Solna BK;Solna", "Nacka Boule;Nacka"], ROW),
            // Names of columns may be unknown, and years.
            (&["Nr;Fn;Ln;2024", "1;Anna;Ek;350", "2;Bo;Lund;350"], HEADER),
            (&["Nr;Fn;Ln;2024", "1;Anna;Ek;2019", "2;Bo;Lund;2021"], HEADER_PERHAPS),
            (&["No;A;B;C", "SE-0000;Anna;Ek;1984-05-02", "SE-0001;Bo;Lund;1990-12-24"], HEADER),
            (&["Licens;Förnamn;Efternamn;2024-01-07;2024-01-14", "1;Anna;Ek;x;", "2;Bo;Lund;x;x"], HEADER),
            (&["Licens;Tilltal;Slutnamn", "1;x;y", "2;x;y"], HEADER),
            (&["Namn;Klubb;Ort", "Anna;Boule Syd;Lund", "Bo;Solna BK;Solna"], HEADER),
            // Nothing below, or nothing to compare.
            (&["licence;prenom;nom"], HEADER),
            (&["1001;Anna;Berg"], ROW_PERHAPS),
            (&["1001;Anna;Berg;a@b.se"], ROW),
            (&["Nr;Fn;Ln;2024"], HEADER_PERHAPS),
            (&["Red;Round", "Blue;Square", "Green;Flat"], HEADER_PERHAPS),
            (&[";;", "1;2;3"], HEADER_PERHAPS),
        ] {
            assert_eq!(found(lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn what_somebody_says_decides() {
        let people = ["licence;prenom;nom", "1;Anna;Ek"];
        for named in [true, false] {
            let said = heading(&people, &Options { header: Some(named), ..Options::of_test(&[]) });
            assert_eq!((said.named, said.inferred, said.guessed), (named, false, false));
        }
        let asked = |lines: &[&str], key: &str| heading(lines, &Options::of_test(&[(key, "club")])).named;
        assert!(asked(&["1;Anna;Ek", "2;Bo;Ek"], "anna"));
        assert!(!asked(&["A;B;C", "D;E;F"], "column 2"));
        assert!(asked(&["Nr;Namn2;Namn2;2024", "1;Anna;Ek;5"], "#2"), "as without a mapping");
        let clear = ["Lic;First;Last", "SE-1;Anna;Lind", "SE-2;Per;Berg", "SE-3;Eva;Ek"];
        assert!(!heading(&clear, &Options::of_test(&[])).guessed);
        let against = heading(&clear, &Options::of_test(&[("column 1", "licence_number")]));
        assert_eq!((against.named, against.guessed), (false, true));
        assert!(asked(&["A;B;C", "D;E;F"], "B") && asked(&["column 2;B", "D;E"], "column 2"));
        assert!(asked(&people, "#2"), "two names of fields are no row");
    }

    #[test]
    fn a_row_is_looked_at_and_a_header_is_not() {
        let lines = ["licence;prenom", "1;Anna", "2"];
        let rows = rows(&lines);
        let table = |header| {
            let options = Options { header: Some(header), ..Options::of_test(&[]) };
            Table::new(&rows[0].clone(), rows.clone(), &options)
        };
        assert_eq!((table(true).values(0), table(true).columns), (vec!["1"], vec!["licence".into(), "prenom".into()]));
        assert_eq!((table(false).values(0).len(), table(false).columns[1].as_str()), (2, "column 2"));
    }
}
