//! The file that comes with hardware tokens: Portable Symmetric Key Container (RFC 6030).

mod container;
mod crypto;
mod device;
mod draft;
mod envelope;
mod judge;
mod policy;
mod tags;
mod xml;

use std::collections::VecDeque;
use std::fmt;
use std::io::BufRead;

use container::Container;
pub use crypto::PskcKey;
use judge::Terms;
use xml::{Token, Xml};

use super::error::ReadError;
use super::found::Found;
use super::parts::Keys;
use crate::clock::Timestamp;

/// Reads a key container of RFC 6030, version 1.
///
/// Values are plain, or encrypted by AES-CBC under a pre-shared key or a password, each with a MAC
/// that is checked before anything is decrypted. Without a key the plain secrets are read; with one
/// those that are encrypted under it, and no other. `now` decides about keys that have a start or an
/// end. A document type, an entity, more than 32 levels, 16 KiB in one piece, 1,000 keys in a package
/// or 100,000 in all end the reading; what is refused of single keys stands in `docs/TRANSFER.md`.
///
/// ```
/// use tower_mfa::clock::Timestamp;
/// use tower_mfa::transfer::apps::{self, Found, PskcKey};
///
/// let container = |algorithm: &str| format!(
///     r#"<KeyContainer Version="1.0" xmlns="urn:ietf:params:xml:ns:keyprov:pskc"><KeyPackage>
///          <DeviceInfo><SerialNo>987654321</SerialNo></DeviceInfo>
///          <Key Id="1" Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:{algorithm}">
///            <AlgorithmParameters><ResponseFormat Length="8" Encoding="DECIMAL"/></AlgorithmParameters>
///            <Data><Secret><PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=</PlainValue></Secret></Data>
///          </Key></KeyPackage></KeyContainer>"#);
/// let read = |xml: &str| {
///     apps::pskc(xml.as_bytes(), PskcKey::none(), Timestamp::from_secs(1_800_000_000)).next().unwrap().unwrap()
/// };
///
/// let Found::Key(key) = read(&container("totp")) else { panic!("a key") };
/// assert_eq!((key.serial(), key.secret().expose()), (Some("987654321"), &b"12345678901234567890"[..]));
/// let Found::Skipped(skipped) = read(&container("hotp")) else { panic!("it counts") };
/// assert_eq!(skipped.why().code(), "counter");
/// ```
///
/// # Security
///
/// MACs protect values, not the rest: whoever can change the file gives a key to another user or
/// device. Their own key is encrypted without one: whoever knows a secret of the file besides can make
/// MACs. Signatures (`ds:Signature`) are not checked.
///
/// # Blocking
///
/// Before the first key it takes what PBKDF2 takes: up to 2,000,000 iterations, a second or two. In
/// asynchronous code it is read on a thread for that, into a list for
/// [`import_apps`](crate::service::Mfa::import_apps), which would read it on the thread of its caller:
///
/// ```
/// use tower_mfa::clock::Timestamp;
/// use tower_mfa::secret::SecretString;
/// use tower_mfa::transfer::apps::{self, PskcKey, ReadErrorKind};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let (file, now) = ("<KeyContainer/>".as_bytes(), Timestamp::from_secs(1_800_000_000));
/// let key = PskcKey::password(SecretString::new("qwerty"));
/// let list = tokio::task::spawn_blocking(move || apps::pskc(file, key, now).collect::<Vec<_>>()).await.unwrap();
/// let error = list[0].as_ref().unwrap_err();
/// assert_eq!(error.kind(), ReadErrorKind::Container, "it has no version; errors go along in the list");
/// # });
/// ```
pub fn pskc<R: BufRead>(from: R, key: PskcKey, now: Timestamp) -> Pskc<R> {
    let terms = Terms { now, keys: Keys::default(), is_keyed: key.is_given() };
    let container = Container::new(key, terms);
    Pskc { xml: Xml::new(from), container, waiting: VecDeque::new(), ended: false, leaf: false }
}

/// The reader of [`pskc()`].
#[must_use = "an iterator does nothing until it is asked"]
pub struct Pskc<R> {
    xml: Xml<R>,
    container: Container,
    /// What the last package held.
    waiting: VecDeque<Found>,
    /// Whether the last tag was a start: then the text is the whole of its element.
    leaf: bool,
    ended: bool,
}

impl<R> Pskc<R> {
    /// Takes keys from 10 bytes instead of 16.
    ///
    /// # Security
    ///
    /// See [`Secret::danger_short_from_bytes`](crate::otp::Secret::danger_short_from_bytes).
    pub fn danger_short_keys(mut self) -> Self {
        self.container.terms.keys = Keys { short: true };
        self
    }
}

impl<R> fmt::Debug for Pskc<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pskc").field("key", &self.container.given).finish_non_exhaustive()
    }
}

impl<R: BufRead> Iterator for Pskc<R> {
    type Item = Result<Found, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(found) = self.waiting.pop_front() {
            return Some(Ok(found));
        }
        if self.ended {
            return None;
        }
        let next = self
            .read()
            .map_err(|error| match self.container.place() {
                Some(place) => error.at(place),
                None => error,
            })
            .transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

impl<R: BufRead> Pskc<R> {
    fn read(&mut self) -> Result<Option<Found>, ReadError> {
        loop {
            match self.xml.next()? {
                Token::Start(tag, attributes) => {
                    self.leaf = true;
                    self.container.start(tag, self.xml.open(), attributes)?;
                }
                Token::End(tag) => {
                    let text = if self.leaf { self.xml.text() } else { "" };
                    self.leaf = false;
                    self.container.end(tag, self.xml.open(), text, &mut self.waiting)?;
                    if let Some(found) = self.waiting.pop_front() {
                        return Ok(Some(found));
                    }
                }
                Token::End0 => return Ok(None),
            }
        }
    }
}
