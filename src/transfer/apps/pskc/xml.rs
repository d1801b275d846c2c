//! XML as a stream of tags and text, with a limit on everything that could grow.
//!
//! The attacker may have written every byte. There are no document types and no entities but the
//! five that XML itself has, so nothing expands, nothing is fetched, and nothing refers to itself.

use std::io::{self, BufRead, Read};

use quick_xml::errors::Error;
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};
use quick_xml::{NsReader, XmlVersion};
use zeroize::{Zeroize, Zeroizing};

use super::tags::{Space, Tag};
use crate::transfer::apps::error::{ReadError, ReadErrorKind};

/// Longest tag, comment or run of text, and longest text of an element, in bytes.
const TOKEN_MAX: usize = 16 * 1024;
/// Deepest nesting; a container of RFC 6030 has nine levels.
const DEPTH_MAX: usize = 32;

/// What stands next in the document.
pub(super) enum Token {
    /// An element begins.
    Start(Tag, Attributes),
    /// An element ends, whose own text is [`Xml::text`] if it has no elements inside.
    End(Tag),
    /// The document ends, and was whole.
    End0,
}

/// The attributes of an element that have no namespace, and whether there are others.
#[derive(Default)]
pub(super) struct Attributes {
    own: Vec<(Box<str>, Box<str>)>,
    has_foreign: bool,
}

impl Attributes {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.own.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Whether there are some of another namespace, whose meaning is somebody else's.
    pub(super) const fn has_foreign(&self) -> bool {
        self.has_foreign
    }

    pub(super) const fn are_none(&self) -> bool {
        self.own.is_empty() && !self.has_foreign
    }
}

pub(super) struct Xml<R> {
    reader: NsReader<Guard<R>>,
    /// Large enough that it never grows: no copy of a secret stays behind in memory that was let go.
    buffer: Zeroizing<Vec<u8>>,
    text: Zeroizing<Vec<u8>>,
    open: Vec<Tag>,
    rooted: bool,
}

impl<R: BufRead> Xml<R> {
    pub(super) fn new(from: R) -> Self {
        let mut reader = NsReader::from_reader(Guard { from, left: 0, exceeded: false });
        reader.config_mut().expand_empty_elements = true;
        Self {
            reader,
            buffer: Zeroizing::new(Vec::with_capacity(TOKEN_MAX.saturating_add(1024))),
            text: Zeroizing::new(Vec::with_capacity(TOKEN_MAX)),
            open: Vec::new(),
            rooted: false,
        }
    }

    /// Returns the elements that are open, the outermost first.
    pub(super) fn open(&self) -> &[Tag] {
        &self.open
    }

    /// Returns the text since the last tag.
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.text).unwrap_or_default()
    }

    pub(super) fn next(&mut self) -> Result<Token, ReadError> {
        loop {
            wipe(&mut self.buffer);
            self.reader.get_mut().left = TOKEN_MAX;
            let step = match self.reader.read_resolved_event_into(&mut self.buffer) {
                Ok((space, event)) => Ok(Step::of(&space, event, &mut self.text)?),
                Err(error) => Err(error),
            };
            match step.map_err(|error| self.broken(error))? {
                Step::Nothing => {}
                Step::Start(tag, attributes) => return self.start(tag, attributes),
                Step::End => return self.open.pop().map(Token::End).ok_or_else(xml),
                Step::End0 if self.open.is_empty() && self.rooted => return Ok(Token::End0),
                Step::End0 => return Err(if self.rooted { xml() } else { container() }),
            }
        }
    }

    fn broken(&mut self, error: Error) -> ReadError {
        match error {
            Error::Io(_) if self.reader.get_mut().exceeded => limit(),
            Error::Io(error) => io::Error::new(error.kind(), error).into(),
            // What the parser says may repeat what it read.
            _ => xml(),
        }
    }

    fn start(&mut self, tag: Tag, attributes: Attributes) -> Result<Token, ReadError> {
        if self.open.is_empty() && self.rooted {
            return Err(xml());
        }
        if self.open.len() >= DEPTH_MAX {
            return Err(limit());
        }
        self.rooted = true;
        wipe(&mut self.text);
        self.open.push(tag);
        Ok(Token::Start(tag, attributes))
    }
}

enum Step {
    Nothing,
    Start(Tag, Attributes),
    End,
    End0,
}

impl Step {
    fn of(space: &ResolveResult<'_>, event: Event<'_>, text: &mut Vec<u8>) -> Result<Self, ReadError> {
        match event {
            Event::Start(start) => {
                let space = match space {
                    ResolveResult::Unbound => Space::None,
                    ResolveResult::Bound(Namespace(name)) => Space::named(name),
                    ResolveResult::Unknown(_) => return Err(xml()),
                };
                let attributes = attributes(&start)?;
                return Ok(Self::Start(Tag::of(space, start.local_name().into_inner()), attributes));
            }
            Event::End(_) => return Ok(Self::End),
            Event::Eof => return Ok(Self::End0),
            Event::Text(part) => push(text, &part.into_inner())?,
            Event::CData(part) => push(text, &part.into_inner())?,
            Event::GeneralRef(entity) => push(text, resolve(&entity)?.encode_utf8(&mut [0; 4]))?,
            Event::DocType(_) => return Err(ReadError::new(ReadErrorKind::Doctype)),
            Event::Decl(declared) => encoding(&declared)?,
            // Empty elements are expanded; comments and instructions say nothing.
            Event::Empty(_) | Event::Comment(_) | Event::PI(_) => {}
        }
        Ok(Self::Nothing)
    }
}

/// Wipes what was used; `zeroize` of the whole would go over all that never was.
fn wipe(bytes: &mut Vec<u8>) {
    bytes.as_mut_slice().zeroize();
    bytes.clear();
}

fn push(text: &mut Vec<u8>, part: &str) -> Result<(), ReadError> {
    if text.len().saturating_add(part.len()) > TOKEN_MAX {
        return Err(limit());
    }
    text.extend_from_slice(part.as_bytes());
    Ok(())
}

/// The five entities of XML itself, and characters by number. All others need a document type.
fn resolve(entity: &BytesRef<'_>) -> Result<char, ReadError> {
    if let Some(c) = entity.resolve_char_ref().map_err(|_| xml())? {
        return Ok(c);
    }
    match &**entity {
        "amp" => Ok('&'),
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        _ => Err(ReadError::new(ReadErrorKind::Doctype)),
    }
}

fn encoding(declared: &BytesDecl<'_>) -> Result<(), ReadError> {
    match declared.encoding() {
        None => Ok(()),
        Some(Ok(name)) if name.eq_ignore_ascii_case("utf-8") || name.eq_ignore_ascii_case("us-ascii") => Ok(()),
        Some(_) => Err(xml()),
    }
}

/// Attributes of this format hold no secrets; those with a prefix are somebody else's, and are not kept.
fn attributes(start: &BytesStart<'_>) -> Result<Attributes, ReadError> {
    let mut attributes = Attributes::default();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|_| xml())?;
        let name = attribute.key;
        if name.as_namespace_binding().is_some() {
            continue;
        }
        if name.prefix().is_some() {
            attributes.has_foreign = true;
            continue;
        }
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|_| xml())?;
        attributes.own.push((name.into_inner().into(), value.trim().into()));
    }
    Ok(attributes)
}

fn xml() -> ReadError {
    ReadError::new(ReadErrorKind::Xml)
}

pub(super) fn limit() -> ReadError {
    ReadError::new(ReadErrorKind::Limit)
}

pub(super) fn container() -> ReadError {
    ReadError::new(ReadErrorKind::Container)
}

/// Lets so many bytes through for each token; the parser would collect one of any length.
struct Guard<R> {
    from: R,
    left: usize,
    exceeded: bool,
}

impl<R: BufRead> BufRead for Guard<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let chunk = self.from.fill_buf()?;
        if self.left == 0 && !chunk.is_empty() {
            self.exceeded = true;
            return Err(io::Error::other("a token is too long"));
        }
        Ok(chunk.get(..self.left.min(chunk.len())).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.left = self.left.saturating_sub(amount);
        self.from.consume(amount);
    }
}

impl<R: BufRead> Read for Guard<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let chunk = self.fill_buf()?;
        let len = chunk.len().min(into.len());
        if let (Some(into), Some(chunk)) = (into.get_mut(..len), chunk.get(..len)) {
            into.copy_from_slice(chunk);
        }
        self.consume(len);
        Ok(len)
    }
}
