//! One XML element per record, found by its path from the root.
//!
//! Nothing in the file is ever fetched or expanded: a document type declaration ends the reading, and of references
//! only the five that every XML file has and characters by number are known.

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quick_xml::errors::{Error, IllFormedError};
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};
use quick_xml::{NsReader, XmlVersion};

use super::left_out::LeftOut;
use super::{MAX_DEPTH, RawRow, RowSource, first_with_value};
use crate::failure::{OpenError, ReadError};
use crate::format::Format;
use crate::import::TextStream;
use crate::issue::Issue;
use crate::profile::{Profile, Source, XmlName, XmlValuePath};
use crate::record_limit::RecordLimit;

/// Bytes read at a time.
const CHUNK: usize = 32 * 1024;

/// Values that a path may find in one record beyond the first, before they are no longer remarked on.
const MOST_REPEATED: usize = 20;

/// Elements of an XML file.
pub(super) struct XmlRows {
    reader: NsReader<LineCounter<BufReader<RecordLimit<TextStream>>>>,
    /// Where the limited piece starts: the record being read, or else the event.
    piece_start: Arc<AtomicU64>,
    buffer: Vec<u8>,
    record_path: Vec<XmlName>,
    /// The paths of each column of the profile.
    columns: Vec<Vec<XmlValuePath>>,
    /// For each open element from the root, whether it lies on the record path.
    open: Vec<bool>,
    root_seen: bool,
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
        let piece_start = Arc::new(AtomicU64::new(0));
        let limited = RecordLimit::new(stream, piece_start.clone());
        let mut reader = NsReader::from_reader(LineCounter::new(BufReader::with_capacity(CHUNK, limited)));
        // One kind of element less to think of.
        reader.config_mut().expand_empty_elements = true;
        let columns = profile.columns().iter().map(|column| match &column.source {
            Source::Xml(paths) => paths.clone(),
            _ => Vec::new(),
        });
        let mut rows = Self {
            reader,
            piece_start,
            buffer: Vec::new(),
            record_path: profile.xml_records(),
            columns: columns.collect(),
            open: Vec::new(),
            root_seen: false,
            ended: false,
            rows: 0,
            left_out: LeftOut::default(),
        };
        while !rows.root_seen {
            match rows.next_event()? {
                Seen::Start(element) => {
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
                    rows.root_seen = true;
                    rows.open.push(true);
                }
                Seen::Eof => {
                    let line = rows.reader.get_ref().line;
                    return Err(ReadError::Unfinished { line, missing: "an element comes" }.into());
                }
                Seen::Text(text) if !blank(&text) => {
                    return Err(rows.damaged("there is text before the root element").into());
                }
                Seen::End | Seen::Text(_) | Seen::Other => {}
            }
        }
        Ok(rows)
    }

    fn damaged(&self, why: impl Into<String>) -> ReadError {
        ReadError::Damaged {
            format: Format::Xml,
            line: self.reader.get_ref().line,
            offset: self.reader.buffer_position(),
            why: why.into(),
        }
    }

    /// The next event. Between records each event is a piece of its own for the size limit.
    fn next_event(&mut self) -> Result<Seen, ReadError> {
        self.piece_start.store(self.reader.buffer_position(), Ordering::Relaxed);
        self.event_of_record()
    }

    /// The next event, within a record whose start the size limit knows.
    fn event_of_record(&mut self) -> Result<Seen, ReadError> {
        self.buffer.clear();
        let line = self.reader.get_ref().line;
        let result = self.reader.read_event_into(&mut self.buffer);
        let seen = match result {
            Ok(Event::Start(start)) => seen_start(&self.reader, &start),
            Ok(Event::End(_)) => Ok(Seen::End),
            Ok(Event::Text(text)) => Ok(Seen::Text(text.xml10_content().into_owned())),
            Ok(Event::CData(text)) => Ok(Seen::Text(text.xml10_content().into_owned())),
            Ok(Event::GeneralRef(reference)) => match reference.resolve_char_ref() {
                Ok(Some(character)) => Ok(Seen::Text(character.to_string())),
                Ok(None) => {
                    let name = reference.xml10_content();
                    resolve_predefined_entity(&name)
                        .map(|text| Seen::Text(text.to_owned()))
                        .ok_or_else(|| Unsound(format!("the entity &{}; is not known", crate::issue::shorten(&name))))
                }
                Err(error) => Err(Unsound(error.to_string())),
            },
            Ok(Event::DocType(_)) => return Err(ReadError::Doctype { line }),
            Ok(Event::Eof) => Ok(Seen::Eof),
            Ok(Event::Comment(_) | Event::PI(_) | Event::Decl(_) | Event::Empty(_)) => Ok(Seen::Other),
            Err(error) => return Err(self.failure(error)),
        };
        seen.map_err(|Unsound(why)| self.damaged(why))
    }

    fn failure(&self, error: Error) -> ReadError {
        let line = self.reader.get_ref().line;
        match error {
            Error::Io(error) => match Arc::try_unwrap(error) {
                Ok(error) => match ReadError::from_io(error) {
                    ReadError::LineTooLong { .. } => ReadError::LineTooLong { row: line },
                    other => other,
                },
                Err(shared) => ReadError::Io(io::Error::new(shared.kind(), shared.to_string())),
            },
            // The reader finds markup that is not closed at the end of the file only.
            Error::Syntax(_) | Error::IllFormed(IllFormedError::UnclosedReference) if self.at_end() => {
                ReadError::Unfinished { line, missing: "an element is complete" }
            }
            other => self.damaged(other.to_string()),
        }
    }

    fn at_end(&self) -> bool {
        self.reader.get_ref().ended
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
            match self.event_of_record()? {
                Seen::Start(element) => {
                    if self.open.len() + draft.open.len() >= MAX_DEPTH {
                        return Err(ReadError::TooDeep { line: self.reader.get_ref().line });
                    }
                    self.enter(&mut draft, element);
                }
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
                Seen::Other => {}
                Seen::Eof => {
                    let line = self.reader.get_ref().line;
                    return Err(ReadError::Unfinished { line, missing: "every element is closed" });
                }
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

fn blank(text: &str) -> bool {
    text.chars().all(|character| character.is_whitespace() || character == '\u{1a}')
}

fn fits(wanted: &XmlName, namespace: Option<&str>, local: &str) -> bool {
    (wanted.local == "*" || wanted.local == local)
        && wanted.namespace.as_deref().is_none_or(|wanted| namespace == Some(wanted))
}

impl RowSource for XmlRows {
    fn next_row(&mut self) -> Result<Option<RawRow>, ReadError> {
        while !self.ended {
            let before = self.reader.buffer_position();
            match self.next_event()? {
                Seen::Start(_) if self.open.is_empty() => {
                    return Err(ReadError::Trailing { line: self.reader.get_ref().line });
                }
                Seen::Start(element) => {
                    if self.open.len() >= MAX_DEPTH {
                        return Err(ReadError::TooDeep { line: self.reader.get_ref().line });
                    }
                    let depth = self.open.len();
                    let on_path = self.open.last().copied().unwrap_or(false)
                        && self
                            .record_path
                            .get(depth)
                            .is_some_and(|name| fits(name, element.namespace.as_deref(), &element.local));
                    if on_path && depth + 1 == self.record_path.len() {
                        self.rows += 1;
                        self.piece_start.store(before, Ordering::Relaxed);
                        return self.record(self.rows, element).map(Some);
                    }
                    self.open.push(on_path);
                }
                Seen::End => {
                    self.open.pop();
                }
                Seen::Text(text) if self.open.is_empty() && !blank(&text) => {
                    return Err(ReadError::Trailing { line: self.reader.get_ref().line });
                }
                Seen::Text(_) | Seen::Other => {}
                Seen::Eof if self.open.is_empty() => self.ended = true,
                Seen::Eof => {
                    let line = self.reader.get_ref().line;
                    return Err(ReadError::Unfinished { line, missing: "every element is closed" });
                }
            }
        }
        Ok(None)
    }

    fn closing_issues(&self) -> Vec<Issue> {
        self.left_out.issue().into_iter().collect()
    }
}

/// What the reader met, taken out of its buffer.
enum Seen {
    Start(Element),
    End,
    Text(String),
    Other,
    Eof,
}

/// A name or an attribute with its namespace.
struct Element {
    namespace: Option<String>,
    local: String,
    attributes: Vec<Attribute>,
}

struct Attribute {
    namespace: Option<String>,
    local: String,
    value: String,
}

/// Why an event cannot be used.
struct Unsound(String);

fn seen_start<R>(reader: &NsReader<R>, start: &BytesStart<'_>) -> Result<Seen, Unsound> {
    let (namespace, local) = reader.resolver().resolve_element(start.name());
    let namespace = bound(namespace)?;
    let local = local.into_inner().to_owned();
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| Unsound(error.to_string()))?;
        if attribute.key.as_namespace_binding().is_some() {
            continue;
        }
        let (namespace, local) = reader.resolver().resolve_attribute(attribute.key);
        let value: Cow<'_, str> =
            attribute.normalized_value(XmlVersion::Explicit1_0).map_err(|error| Unsound(error.to_string()))?;
        attributes.push(Attribute {
            namespace: bound(namespace)?,
            local: local.into_inner().to_owned(),
            value: value.into_owned(),
        });
    }
    Ok(Seen::Start(Element { namespace, local, attributes }))
}

fn bound(namespace: ResolveResult<'_>) -> Result<Option<String>, Unsound> {
    match namespace {
        ResolveResult::Bound(Namespace(namespace)) => Ok(Some(namespace.to_owned())),
        ResolveResult::Unbound => Ok(None),
        ResolveResult::Unknown(prefix) => Err(Unsound(format!("the prefix {prefix} stands for no namespace"))),
    }
}

/// Counts the lines of what is taken from a buffer, so that a fault can be told with its line.
struct LineCounter<R> {
    inner: R,
    line: u64,
    /// Whether the input has ended.
    ended: bool,
}

impl<R> LineCounter<R> {
    const fn new(inner: R) -> Self {
        Self { inner, line: 1, ended: false }
    }
}

impl<R: BufRead> Read for LineCounter<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let ready = self.fill_buf()?;
        let length = ready.len().min(buffer.len());
        for (target, source) in buffer.iter_mut().zip(ready) {
            *target = *source;
        }
        self.consume(length);
        Ok(length)
    }
}

impl<R: BufRead> BufRead for LineCounter<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let ready = self.inner.fill_buf()?;
        self.ended = ready.is_empty();
        Ok(ready)
    }

    fn consume(&mut self, amount: usize) {
        // What is being consumed is in the buffer: filling it again reads nothing.
        if let Ok(ready) = self.inner.fill_buf() {
            let lines = ready.iter().take(amount).filter(|byte| **byte == b'\n').count();
            self.line += lines as u64;
        }
        self.inner.consume(amount);
    }
}
