//! The events of an XML stream, in bounded memory, whatever the stream holds.
//!
//! Nothing in the file is ever fetched or expanded: a document type declaration ends the reading, and of references
//! only the five that every XML file has and characters by number are known.

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;

use quick_xml::errors::{Error, IllFormedError};
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};
use quick_xml::{NsReader, XmlVersion};

use crate::failure::ReadError;
use crate::format::Format;
use crate::record_limit::{RecordLimit, RecordPlace};

/// Bytes read at a time.
const CHUNK: usize = 32 * 1024;

/// Elements open at once at most.
const MAX_DEPTH: usize = 64;

/// What the reader met, taken out of its buffer.
pub(crate) enum Seen {
    Start(Element),
    End,
    /// Text in an element.
    Text(String),
    /// A comment, an instruction, or white space around the root.
    Other,
    /// The end of a file whose every element is closed.
    Eof,
}

/// The start of an element.
pub(crate) struct Element {
    pub(crate) namespace: Option<String>,
    /// The name without its prefix.
    pub(crate) local: String,
    pub(crate) attributes: Vec<Attribute>,
}

impl Element {
    /// The value of an attribute that is in no namespace; empty when it is absent.
    pub(crate) fn attribute(&self, local: &str) -> &str {
        let found = self.attributes.iter().find(|found| found.namespace.is_none() && found.local == local);
        found.map_or("", |attribute| attribute.value.trim())
    }
}

/// An attribute with its namespace.
pub(crate) struct Attribute {
    pub(crate) namespace: Option<String>,
    pub(crate) local: String,
    pub(crate) value: String,
}

/// A reader of events.
pub(crate) struct XmlEvents<R> {
    reader: NsReader<LineCounter<BufReader<RecordLimit<R>>>>,
    /// Where the limited piece starts: the record being read, or else the event.
    piece: Arc<RecordPlace>,
    buffer: Vec<u8>,
    /// Elements open now.
    depth: usize,
    root_seen: bool,
    /// Bytes passed over without the event reader's knowledge.
    passed: u64,
    /// Where the last event starts.
    event_line: u64,
}

impl<R: Read> XmlEvents<R> {
    pub(crate) fn new(stream: R) -> Self {
        let piece = Arc::new(RecordPlace::default());
        let limited = RecordLimit::with_line_ends(stream, piece.clone());
        let mut reader = NsReader::from_reader(LineCounter::new(BufReader::with_capacity(CHUNK, limited)));
        // One kind of element less to think of.
        reader.config_mut().expand_empty_elements = true;
        Self { reader, piece, buffer: Vec::new(), depth: 0, root_seen: false, passed: 0, event_line: 1 }
    }

    /// The line read last, from 1.
    pub(crate) fn line(&self) -> u64 {
        self.reader.get_ref().line
    }

    /// The line where the last event starts, from 1.
    pub(crate) const fn event_line(&self) -> u64 {
        self.event_line
    }

    /// Bytes of text before the next event.
    pub(crate) fn offset(&self) -> u64 {
        self.reader.buffer_position() + self.passed
    }

    /// What ends the reading at the place read last.
    pub(crate) fn damaged(&self, why: impl Into<String>) -> ReadError {
        ReadError::Damaged { format: Format::Xml, line: self.line(), offset: self.offset(), why: why.into() }
    }

    /// Lets the piece that the size limit counts start at an offset taken before.
    pub(crate) fn begin_piece(&self, offset: u64) {
        self.piece.starts_at(offset);
    }

    /// The next event, as a piece of its own for the size limit.
    pub(crate) fn next(&mut self) -> Result<Seen, ReadError> {
        self.begin_piece(self.offset());
        self.next_in_piece()
    }

    /// The next event, within the piece begun last.
    pub(crate) fn next_in_piece(&mut self) -> Result<Seen, ReadError> {
        let seen = self.event()?;
        let line = self.line();
        match &seen {
            Seen::Start(_) if self.depth == 0 && self.root_seen => return Err(ReadError::Trailing { line }),
            Seen::Start(_) if self.depth >= MAX_DEPTH => return Err(ReadError::TooDeep { line }),
            Seen::Start(_) => {
                self.root_seen = true;
                self.depth += 1;
            }
            Seen::End => self.depth = self.depth.saturating_sub(1),
            Seen::Text(text) if self.depth == 0 => {
                return match (blank(text), self.root_seen) {
                    (true, _) => Ok(Seen::Other),
                    (false, true) => Err(ReadError::Trailing { line }),
                    (false, false) => Err(self.damaged("there is text before the root element")),
                };
            }
            Seen::Eof if !self.root_seen => return Err(ReadError::Unfinished { line, missing: "an element comes" }),
            Seen::Eof if self.depth > 0 => {
                return Err(ReadError::Unfinished { line, missing: "every element is closed" });
            }
            Seen::Text(_) | Seen::Other | Seen::Eof => {}
        }
        Ok(seen)
    }

    /// Passes over text up to the next markup, of any length: it is never held.
    pub(crate) fn pass_text(&mut self) -> Result<(), ReadError> {
        loop {
            self.begin_piece(self.offset());
            let input = self.reader.get_mut();
            let ready = match input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other.map_err(ReadError::from_io)?,
            };
            let length = ready.iter().position(|byte| *byte == b'<').unwrap_or(ready.len());
            let over = ready.is_empty() || length < ready.len();
            input.consume(length);
            self.passed += length as u64;
            if over {
                return Ok(());
            }
        }
    }

    fn event(&mut self) -> Result<Seen, ReadError> {
        self.buffer.clear();
        let line = self.line();
        self.event_line = line;
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
        let line = self.line();
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
}

/// Whether a text is nothing but layout; Ctrl-Z may end a file.
pub(crate) fn blank(text: &str) -> bool {
    text.chars().all(|character| character.is_whitespace() || character == '\u{1a}')
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
