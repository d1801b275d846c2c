//! What is stored, to and from text.

use ::redis::Value;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::cursor::Place;
use crate::clock::Timestamp;
use crate::id::{EventId, Subject};
use crate::store::{EventCursor, Lease, Revision, SinkState, StoreError, Stored};

/// Characters of a revision.
const REVISION: usize = 22;

/// A document as it is stored: its revision, a line break, its text.
pub(super) fn document(subject: Subject, value: Value) -> Result<Option<Stored>, StoreError> {
    let bytes = match value {
        Value::Nil => return Ok(None),
        Value::BulkString(bytes) => bytes,
        _ => return Err(StoreError::corrupt(NOT_UNDERSTOOD)),
    };
    let text = String::from_utf8(bytes).map_err(StoreError::corrupt)?;
    let parts = text.split_at_checked(REVISION).and_then(|(revision, rest)| Some((revision, rest.strip_prefix('\n')?)));
    let (revision, document) = parts.ok_or_else(|| StoreError::corrupt("a document without a revision"))?;
    let revision = URL_SAFE_NO_PAD.decode(revision).map_err(StoreError::corrupt)?;
    let revision: [u8; 16] = revision.try_into().map_err(|_| StoreError::corrupt("a revision of another length"))?;
    Ok(Some(Stored::new(subject, Revision::from_bytes(revision), document)))
}

/// An entry of a stream.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) place: Place,
    pub(super) subject: Subject,
    pub(super) id: EventId,
    pub(super) at: Timestamp,
    pub(super) body: String,
    pub(super) revokes: Option<Box<str>>,
}

/// Reads `[id, [name, value, …]]` as `commit.lua` wrote it.
pub(super) fn entry(value: Value) -> Result<Entry, StoreError> {
    let wrong = || StoreError::corrupt("an event of another form");
    let [id, fields] = <[Value; 2]>::try_from(list(value)?).map_err(|_| wrong())?;
    let fields = list(fields)?.into_iter().map(text).collect::<Result<Vec<_>, _>>()?;
    let [s, subject, i, event, a, at, b, body, r, revokes] = <[String; 10]>::try_from(fields).map_err(|_| wrong())?;
    if [s, i, a, b, r] != ["s", "i", "a", "b", "r"] {
        return Err(wrong());
    }
    Ok(Entry {
        place: Place::read(&text(id)?).ok_or_else(wrong)?,
        subject: Subject::from_storage_key(&subject).map_err(StoreError::corrupt)?,
        id: event.parse().map_err(StoreError::corrupt)?,
        at: Timestamp::from_secs(at.parse().map_err(StoreError::corrupt)?),
        body,
        revokes: Some(revokes).filter(|what| !what.is_empty()).map(Into::into),
    })
}

/// What a server says to `TIME`: its seconds; `None` where it refuses.
pub(super) fn time(value: Value) -> Option<i64> {
    text(list(value).ok()?.into_iter().next()?).ok()?.parse().ok()
}

pub(super) fn list(value: Value) -> Result<Vec<Value>, StoreError> {
    match value {
        Value::Array(values) => Ok(values),
        _ => Err(StoreError::corrupt(NOT_UNDERSTOOD)),
    }
}

pub(super) fn text(value: Value) -> Result<String, StoreError> {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes).map_err(StoreError::corrupt),
        Value::SimpleString(text) => Ok(text),
        _ => Err(StoreError::corrupt(NOT_UNDERSTOOD)),
    }
}

pub(super) fn text_or_none(value: Value) -> Result<Option<String>, StoreError> {
    match value {
        Value::Nil => Ok(None),
        value => text(value).map(Some),
    }
}

/// What `swap.lua` says: whether it was done, and what is there if not.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Swapped {
    Done,
    /// Empty for nothing.
    Found(String),
}

pub(super) fn swapped(value: Value) -> Result<Swapped, StoreError> {
    let mut parts = list(value)?.into_iter();
    match (parts.next(), parts.next()) {
        (Some(Value::Int(1)), None) => Ok(Swapped::Done),
        (Some(Value::Int(0)), Some(found)) => text(found).map(Swapped::Found),
        _ => Err(StoreError::corrupt(NOT_UNDERSTOOD)),
    }
}

/// Where a reader stands, as text: one state, one spelling, so that texts are compared.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sink<'a> {
    position: Option<&'a str>,
    holder: Option<std::borrow::Cow<'a, str>>,
    until: Option<u64>,
}

pub(super) fn sink_text(state: &SinkState) -> Result<String, StoreError> {
    let sink = Sink {
        position: state.position().map(EventCursor::as_str),
        holder: state.lease().map(|lease| lease.holder().into()),
        until: state.lease().map(|lease| lease.until().as_secs()),
    };
    serde_json::to_string(&sink).map_err(StoreError::not_committed)
}

pub(super) fn sink(text: &str) -> Result<SinkState, StoreError> {
    let sink: Sink<'_> = serde_json::from_str(text).map_err(StoreError::corrupt)?;
    let position = sink.position.map(EventCursor::new).transpose().map_err(StoreError::corrupt)?;
    let lease = match (sink.holder, sink.until) {
        (Some(holder), Some(until)) => Some(Lease::new(&*holder, Timestamp::from_secs(until))),
        (None, None) => None,
        _ => return Err(StoreError::corrupt("half a lease")),
    };
    Ok(SinkState::new(position, lease))
}

pub(super) const NOT_UNDERSTOOD: &str = "what the server says is not understood";
