//! Events on their way out: what is written, what is read back, and where a reader stands.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::clock::Timestamp;
use crate::id::{EventId, Subject};

/// The text was not a cursor: 1 to 1024 characters out of `A–Z a–z 0–9 - _ . ~`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor: 1 to 1024 characters out of A-Z a-z 0-9 - _ . ~ are wanted")]
#[non_exhaustive]
pub struct InvalidCursor;

/// Longest cursor. A subject of 511 bytes in base64url fits.
const CURSOR_MAX: usize = 1024;

/// Defines a cursor: a place in a list, in words only the store understands.
macro_rules! cursor {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Its text fits into a URL unescaped. What it means is known to the store that wrote it.
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// Takes the text a store wrote, or a client sent back.
            ///
            /// # Errors
            ///
            /// [`InvalidCursor`] when it is empty, longer than 1024 characters or not URL safe.
            ///
            /// # Security
            ///
            /// The client can send any cursor. It only says where to go on; what may be read is
            /// said by whoever asks the store.
            pub fn new(text: impl Into<Box<str>>) -> Result<Self, InvalidCursor> {
                let text = text.into();
                let fits = (1..=CURSOR_MAX).contains(&text.len()) && text.bytes().all(is_unreserved);
                if fits { Ok(Self(text)) } else { Err(InvalidCursor) }
            }

            /// Returns the text.
            #[must_use]
            pub const fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidCursor;

            fn from_str(text: &str) -> Result<Self, InvalidCursor> {
                Self::new(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

cursor! {
    /// A place in the list of all documents.
    ScanCursor
}

cursor! {
    /// A place in the outbox: behind one event, before the next.
    ///
    /// ```
    /// use tower_mfa::store::EventCursor;
    ///
    /// let cursor: EventCursor = "17".parse().unwrap();
    /// assert_eq!(cursor.as_str(), "17");
    /// assert!("17 OR 1=1".parse::<EventCursor>().is_err());
    /// ```
    EventCursor
}

/// RFC 3986 §2.3: what needs no escaping anywhere in a URL.
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~')
}

/// Some items of a list, and where to go on.
#[derive(Debug, Clone)]
pub struct Page<T, C> {
    items: Vec<T>,
    next: Option<C>,
}

impl<T, C> Page<T, C> {
    /// Makes a page; `next` is `None` when nothing follows now.
    #[must_use]
    pub fn new(items: Vec<T>, next: Option<C>) -> Self {
        Self { items, next }
    }

    /// Returns the items.
    #[must_use]
    pub fn items(&self) -> &[T] {
        &self.items
    }

    /// Gives the items up.
    #[must_use]
    pub fn into_items(self) -> Vec<T> {
        self.items
    }

    /// Returns where the next page begins; `None` when nothing follows now.
    #[must_use]
    pub fn next(&self) -> Option<&C> {
        self.next.as_ref()
    }
}

/// An event to be written together with the document it tells about.
#[derive(Debug, Clone)]
pub struct NewEvent {
    id: EventId,
    at: Timestamp,
    body: Box<str>,
    revokes: Option<Box<str>>,
}

impl NewEvent {
    /// Makes an event; `body` is JSON.
    #[must_use]
    pub fn new(id: EventId, at: Timestamp, body: impl Into<Box<str>>) -> Self {
        Self { id, at, body: body.into(), revokes: None }
    }

    /// Puts the event into [`Feed::Revocations`], too: `what` says, as JSON, whose tokens are believed no longer.
    #[must_use]
    pub fn revoking(mut self, what: impl Into<Box<str>>) -> Self {
        self.revokes = Some(what.into());
        self
    }

    /// Returns its id: readers, who may meet it twice, know it again by this.
    #[must_use]
    pub const fn id(&self) -> &EventId {
        &self.id
    }

    /// Returns when it happened.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// Returns what happened, as JSON.
    #[must_use]
    pub const fn body(&self) -> &str {
        &self.body
    }

    /// Returns what it revokes; `None` if it does not stand in [`Feed::Revocations`].
    #[must_use]
    pub fn revokes(&self) -> Option<&str> {
        self.revokes.as_deref()
    }
}

/// Which events are read.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_enums, reason = "a fourth feed would be a new contract for every store")]
pub enum Feed<'a> {
    /// Those of one subject.
    Subject(&'a Subject),
    /// Those of all subjects.
    All,
    /// Those of all subjects that revoke something. Every replica reads them every second or so, so finding none
    /// behind a cursor must cost next to nothing, however many others there are.
    Revocations,
}

/// An event as it was read, with its place in the outbox.
#[derive(Debug, Clone)]
pub struct StoredEvent {
    cursor: EventCursor,
    subject: Subject,
    id: EventId,
    at: Timestamp,
    body: Box<str>,
    revokes: Option<Box<str>>,
}

impl StoredEvent {
    /// Makes what [`Store::events`](super::Store::events) returns; `cursor` stands right behind
    /// the event, in all feeds.
    #[must_use]
    pub fn new(cursor: EventCursor, subject: Subject, id: EventId, at: Timestamp, body: impl Into<Box<str>>) -> Self {
        Self { cursor, subject, id, at, body: body.into(), revokes: None }
    }

    /// Adds what the event revokes, as it was written.
    #[must_use]
    pub fn revoking(mut self, what: Option<Box<str>>) -> Self {
        self.revokes = what;
        self
    }

    /// Returns the place right behind the event.
    #[must_use]
    pub const fn cursor(&self) -> &EventCursor {
        &self.cursor
    }

    /// Returns whose event it is.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Returns its id.
    #[must_use]
    pub const fn id(&self) -> &EventId {
        &self.id
    }

    /// Returns when it happened.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// Returns what happened, as JSON.
    #[must_use]
    pub const fn body(&self) -> &str {
        &self.body
    }

    /// Returns what it revokes, as JSON; `None` if it does not stand in [`Feed::Revocations`].
    #[must_use]
    pub fn revokes(&self) -> Option<&str> {
        self.revokes.as_deref()
    }
}

/// Where a reader of the outbox stands, and who is reading just now.
///
/// ```
/// use tower_mfa::clock::Timestamp;
/// use tower_mfa::store::{Lease, SinkState};
///
/// let taken = SinkState::new(None, Some(Lease::new("worker-1", Timestamp::from_secs(90))));
/// let free = SinkState::new(None, None);
/// assert_ne!(taken, free);
/// assert_eq!(taken.lease().unwrap().holder(), "worker-1");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkState {
    position: Option<EventCursor>,
    lease: Option<Lease>,
}

impl SinkState {
    /// Makes a state; no `position` means before the first event, no `lease` that nobody reads.
    #[must_use]
    pub const fn new(position: Option<EventCursor>, lease: Option<Lease>) -> Self {
        Self { position, lease }
    }

    /// Returns the place behind the last event that was handled.
    #[must_use]
    pub const fn position(&self) -> Option<&EventCursor> {
        self.position.as_ref()
    }

    /// Returns who reads, and until when nobody else may.
    #[must_use]
    pub const fn lease(&self) -> Option<&Lease> {
        self.lease.as_ref()
    }
}

/// Who reads the outbox for a sink, and until when nobody else may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    holder: Box<str>,
    until: Timestamp,
}

impl Lease {
    /// Makes a lease; `holder` names one running reader and no other.
    #[must_use]
    pub fn new(holder: impl Into<Box<str>>, until: Timestamp) -> Self {
        Self { holder: holder.into(), until }
    }

    /// Returns the reader that holds it.
    #[must_use]
    pub const fn holder(&self) -> &str {
        &self.holder
    }

    /// Returns when it ends.
    #[must_use]
    pub const fn until(&self) -> Timestamp {
        self.until
    }
}
