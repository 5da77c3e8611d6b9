//! One XML element per record, found by its path from the root.

use super::left_out::LeftOut;
use super::{RawRow, RowSource, first_with_value};
use crate::failure::{OpenError, ReadError};
use crate::import::TextStream;
use crate::issue::Issue;
use crate::profile::{Profile, Source, XmlName, XmlValuePath};
use crate::xml_events::{Element, Seen, XmlEvents, blank};

/// Values that a path may find in one record beyond the first, before they are no longer remarked on.
const MOST_REPEATED: usize = 20;

/// Elements of an XML file.
pub(super) struct XmlRows {
    events: XmlEvents<TextStream>,
    record_path: Vec<XmlName>,
    /// The paths of each column of the profile.
    columns: Vec<Vec<XmlValuePath>>,
    /// For each open element from the root, whether it lies on the record path.
    open: Vec<bool>,
    ended: bool,
    rows: u64,
    left_out: LeftOut,
}

/// A record being read.
struct Draft {
    row: u64,
    /// For each column and each of its paths, the value.
    values: Vec<Vec<Option<String>>>,
    /// The elements open below the record, with the columns' paths that end there.
    open: Vec<OpenElement>,
    issues: Vec<Issue>,
}

/// An element on the way through a record.
struct OpenElement {
    namespace: Option<String>,
    local: String,
    /// Column and path, as positions, that take this element's text.
    takers: Vec<(usize, usize)>,
    text: String,
}

impl XmlRows {
    /// Reads up to the root, which must be the first element of the record path.
    pub(super) fn open(stream: TextStream, profile: &Profile) -> Result<Self, OpenError> {
        let columns = profile.columns().iter().map(|column| match &column.source {
            Source::Xml(paths) => paths.clone(),
            _ => Vec::new(),
        });
        let mut rows = Self {
            events: XmlEvents::new(stream),
            record_path: profile.xml_records(),
            columns: columns.collect(),
            open: Vec::new(),
            ended: false,
            rows: 0,
            left_out: LeftOut::default(),
        };
        while rows.open.is_empty() {
            // A file without a root is refused by the events themselves.
            if let Seen::Start(element) = rows.events.next()? {
                let (namespace, local) = (element.namespace.as_deref(), element.local.as_str());
                if !rows.record_path.first().is_some_and(|name| fits(name, namespace, local)) {
                    let wanted = rows.record_path.first().map_or("", |name| name.local.as_str());
                    let why = format!("the root element is <{}>, not <{wanted}>", crate::issue::shorten(local));
                    return Err(OpenError::RecordsMissing { path: format!("/{wanted}"), why });
                }
                if rows.record_path.len() == 1 {
                    let why = "the root itself would be the only record".to_owned();
                    return Err(OpenError::RecordsMissing { path: format!("/{local}"), why });
                }
                rows.open.push(true);
            }
        }
        Ok(rows)
    }

    /// Reads the element that has just been opened.
    fn record(&mut self, row: u64, start: Element) -> Result<RawRow, ReadError> {
        let mut draft = Draft {
            row,
            values: self.columns.iter().map(|paths| vec![None; paths.len()]).collect(),
            open: Vec::new(),
            issues: Vec::new(),
        };
        self.enter(&mut draft, start);
        while !draft.open.is_empty() {
            match self.events.next_in_piece()? {
                Seen::Start(element) => self.enter(&mut draft, element),
                Seen::Text(text) => {
                    if let Some(element) = draft.open.last_mut().filter(|element| !element.takers.is_empty()) {
                        element.text.push_str(&text);
                    }
                }
                Seen::End => {
                    if let Some(element) = draft.open.pop() {
                        // What stands between child elements is indentation.
                        for (column, path) in element.takers {
                            keep(&mut draft, &self.columns, column, path, &element.text);
                        }
                    }
                }
                Seen::Other | Seen::Eof => {}
            }
        }
        let cells = draft.values.into_iter().map(|values| first_with_value(values.into_iter())).collect();
        Ok(RawRow { row, cells, issues: draft.issues })
    }

    /// Notes an element of a record, and takes the attributes that columns ask for.
    fn enter(&mut self, draft: &mut Draft, element: Element) {
        let Element { namespace, local, attributes } = element;
        let depth = draft.open.len();
        let mut takers = Vec::new();
        // The record's own element is where paths start: it is no step of theirs.
        let below = depth > 0;
        draft.open.push(OpenElement { namespace, local, takers: Vec::new(), text: String::new() });
        let mut known = !below;
        let columns = std::mem::take(&mut self.columns);
        for (column, paths) in columns.iter().enumerate() {
            for (position, path) in paths.iter().enumerate() {
                let steps = draft.open.iter().skip(1);
                let on_the_way = path.elements.len() >= depth
                    && path
                        .elements
                        .iter()
                        .zip(steps)
                        .all(|(name, open)| fits(name, open.namespace.as_deref(), &open.local));
                known |= on_the_way;
                if !on_the_way || path.elements.len() != depth {
                    continue;
                }
                match &path.attribute {
                    None => takers.push((column, position)),
                    Some(name) => {
                        let found = attributes
                            .iter()
                            .find(|attribute| fits(name, attribute.namespace.as_deref(), &attribute.local));
                        if let Some(attribute) = found {
                            keep(draft, &columns, column, position, &attribute.value);
                        }
                    }
                }
            }
        }
        self.columns = columns;
        if let Some(open) = draft.open.last_mut() {
            open.takers = takers;
            if !known && depth == 1 {
                self.left_out.note(&open.local);
            }
        }
    }
}

/// Keeps a value; a second one for the same path is left out and remarked on.
fn keep(draft: &mut Draft, columns: &[Vec<XmlValuePath>], column: usize, path: usize, value: &str) {
    let Some(slot) = draft.values.get_mut(column).and_then(|values| values.get_mut(path)) else { return };
    if slot.is_none() {
        // Line ends and indentation around a value belong to the layout of the file.
        *slot = Some(value.trim_matches(|character| matches!(character, '\n' | '\r' | '\t' | ' ')).to_owned());
        return;
    }
    if draft.issues.len() < MOST_REPEATED && !blank(value) {
        let name = columns.get(column).and_then(|paths| paths.get(path)).map(shown).unwrap_or_default();
        draft.issues.push(
            Issue::warning(
                "value_repeated",
                draft.row,
                format!("{name} occurs more than once in the record"),
                "The first is kept.",
            )
            .column(&name)
            .value(value),
        );
    }
}

/// A path as profiles write it, without prefixes.
fn shown(path: &XmlValuePath) -> String {
    let elements = path.elements.iter().map(|name| name.local.clone());
    let attribute = path.attribute.iter().map(|name| format!("@{}", name.local));
    let steps: Vec<String> = elements.chain(attribute).collect();
    if steps.is_empty() { ".".to_owned() } else { steps.join("/") }
}

fn fits(wanted: &XmlName, namespace: Option<&str>, local: &str) -> bool {
    (wanted.local == "*" || wanted.local == local)
        && wanted.namespace.as_deref().is_none_or(|wanted| namespace == Some(wanted))
}

impl RowSource for XmlRows {
    fn next_row(&mut self) -> Result<Option<RawRow>, ReadError> {
        while !self.ended {
            let before = self.events.offset();
            match self.events.next()? {
                Seen::Start(element) => {
                    let depth = self.open.len();
                    let on_path = self.open.last().copied().unwrap_or(false)
                        && self
                            .record_path
                            .get(depth)
                            .is_some_and(|name| fits(name, element.namespace.as_deref(), &element.local));
                    if on_path && depth + 1 == self.record_path.len() {
                        self.rows += 1;
                        self.events.begin_piece(before);
                        return self.record(self.rows, element).map(Some);
                    }
                    self.open.push(on_path);
                }
                Seen::End => {
                    self.open.pop();
                }
                Seen::Text(_) | Seen::Other => {}
                Seen::Eof => self.ended = true,
            }
        }
        Ok(None)
    }

    fn closing_issues(&self) -> Vec<Issue> {
        self.left_out.issue().into_iter().collect()
    }
}
