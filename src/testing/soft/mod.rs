//! An authenticator in the process: it makes credentials and signs, and lies when told to.

mod answer;
mod authority;
mod cbor;
mod der;
mod key;
mod lie;

use std::fmt;

use sha2::{Digest as _, Sha256};

use answer::Asked;
pub use authority::SoftAttestationCa;
use cbor::{bytes, int, map, text};
pub use key::KeyType;
use key::SigningPair;
pub use lie::Lie;

/// A passkey or a security key, together with the browser it is used in.
///
/// It answers what a server asks as `navigator.credentials` would, in the JSON of
/// `PublicKeyCredential.toJSON()`, for any origin it is told: a phishing page is a test of one line.
///
/// ```
/// use tower_mfa::testing::SoftAuthenticator;
///
/// // What the server sends, cut down to what an authenticator looks at.
/// let create = r#"{"rp":{"id":"example.com"},"user":{"id":"YWxpY2U"},"challenge":"AAAA"}"#;
/// let get = r#"{"rpId":"example.com","challenge":"BBBB","allowCredentials":[]}"#;
///
/// let mut phone = SoftAuthenticator::passkey();
/// assert!(phone.assert(get, "https://example.com").is_err(), "nothing is registered yet");
/// let registration = phone.register(create, "https://example.com").unwrap();
/// assert!(registration.contains("attestationObject"));
/// assert!(phone.assert(get, "https://example.com").unwrap().contains("signature"));
///
/// // A security key keeps no list: it must be told which credentials it could have.
/// let mut stick = SoftAuthenticator::security_key();
/// stick.register(create, "https://example.com").unwrap();
/// assert!(stick.assert(get, "https://example.com").is_err());
/// ```
///
/// # Security
///
/// It signs whatever it is asked to. For tests alone.
#[derive(Debug)]
pub struct SoftAuthenticator {
    credentials: Vec<Credential>,
    discoverable: bool,
    user_present: bool,
    user_verified: bool,
    backup: (bool, bool),
    counter: u32,
    aaguid: [u8; 16],
    key_type: KeyType,
    id_length: usize,
    statement: Statement,
    user_handle: Option<Option<Vec<u8>>>,
    lies: Vec<Lie>,
}

struct Credential {
    id: Vec<u8>,
    rp_id: String,
    user_handle: Vec<u8>,
    pair: SigningPair,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("rp_id", &self.rp_id).finish_non_exhaustive()
    }
}

/// What is said of a new credential.
#[derive(Debug)]
enum Statement {
    Nothing,
    Itself,
    By(SoftAttestationCa),
}

/// Why an authenticator does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SoftAuthenticatorError {
    /// The options are not the JSON that `navigator.credentials` is given.
    #[error("the options are not what a browser is given")]
    Options,
    /// A credential of this authenticator is among those to exclude.
    #[error("a credential is here already")]
    Excluded,
    /// No credential of this authenticator is asked for.
    #[error("no credential here is asked for")]
    NotFound,
    /// No key could be made, or not signed with.
    #[error("the key failed")]
    Key,
}

impl SoftAuthenticator {
    /// A passkey in a phone or a password manager: discoverable, synchronised, verifies its user, counts
    /// nothing, says nothing about its model.
    #[must_use]
    pub fn passkey() -> Self {
        Self {
            credentials: Vec::new(),
            discoverable: true,
            user_present: true,
            user_verified: true,
            backup: (true, true),
            counter: 0,
            aaguid: [0; 16],
            key_type: KeyType::Es256,
            id_length: 32,
            statement: Statement::Nothing,
            user_handle: None,
            lies: Vec::new(),
        }
    }

    /// A security key without a PIN: not discoverable, in one place, only presence is tested, counts
    /// its signatures, attests itself.
    #[must_use]
    pub fn security_key() -> Self {
        let (backup, statement) = ((false, false), Statement::Itself);
        Self { discoverable: false, user_verified: false, backup, counter: 1, statement, ..Self::passkey() }
    }

    /// Whether the user is verified from now on: by a PIN, a finger, a face.
    #[must_use]
    pub fn user_verified(self, user_verified: bool) -> Self {
        Self { user_verified, ..self }
    }

    /// Whether somebody is there from now on. An authenticator that is none may say otherwise.
    #[must_use]
    pub fn user_present(self, user_present: bool) -> Self {
        Self { user_present, ..self }
    }

    /// The backup flags from now on: whether credentials may be synchronised, and whether they are.
    #[must_use]
    pub fn backup(self, eligible: bool, backed_up: bool) -> Self {
        Self { backup: (eligible, backed_up), ..self }
    }

    /// The counter of the next answer; it counts up from there, unless it is 0.
    #[must_use]
    pub fn counter(self, counter: u32) -> Self {
        Self { counter, ..self }
    }

    /// The model.
    #[must_use]
    pub fn aaguid(self, aaguid: [u8; 16]) -> Self {
        Self { aaguid, ..self }
    }

    /// The kind of key that is made from now on.
    #[must_use]
    pub fn key_type(self, key_type: KeyType) -> Self {
        Self { key_type, ..self }
    }

    /// How many bytes the ids of new credentials have; 32 by default.
    #[must_use]
    pub fn id_length(self, id_length: usize) -> Self {
        Self { id_length, ..self }
    }

    /// Says nothing of new credentials: attestation `none`.
    #[must_use]
    pub fn unattested(self) -> Self {
        Self { statement: Statement::Nothing, ..self }
    }

    /// Signs for new credentials with themselves: attestation `packed`, self.
    #[must_use]
    pub fn self_attested(self) -> Self {
        Self { statement: Statement::Itself, ..self }
    }

    /// Vouches for new credentials with a certificate of `authority`: attestation `packed`, with a chain.
    #[must_use]
    pub fn attested_by(self, authority: &SoftAttestationCa) -> Self {
        Self { statement: Statement::By(authority.clone()), ..self }
    }

    /// The user handle in assertions from now on, or that there is none. By default a discoverable
    /// credential returns the one it was made for, and another none.
    #[must_use]
    pub fn user_handle(self, handle: Option<&[u8]>) -> Self {
        Self { user_handle: Some(handle.map(<[u8]>::to_vec)), ..self }
    }

    /// Lies from now on, beside the lies it tells already.
    #[must_use]
    pub fn lying(mut self, lie: Lie) -> Self {
        self.lies.push(lie);
        self
    }

    /// Tells the truth from now on.
    #[must_use]
    pub fn honest(self) -> Self {
        Self { lies: Vec::new(), ..self }
    }

    /// Makes a credential, as `navigator.credentials.create()` does on a page of `origin`. The options are
    /// `PublicKeyCredentialCreationOptionsJSON`, with or without `publicKey` around them.
    ///
    /// # Errors
    ///
    /// [`SoftAuthenticatorError`]: the options cannot be read, or a credential is excluded.
    pub fn register(&mut self, creation_options_json: &str, origin: &str) -> Result<String, SoftAuthenticatorError> {
        let asked = Asked::read(creation_options_json).ok_or(SoftAuthenticatorError::Options)?;
        let rp_id = asked.rp_id().ok_or(SoftAuthenticatorError::Options)?;
        let user_handle = asked.user_handle().ok_or(SoftAuthenticatorError::Options)?;
        if self.credentials.iter().any(|held| held.rp_id == rp_id && asked.excludes(&held.id)) {
            return Err(SoftAuthenticatorError::Excluded);
        }
        let mut id = vec![0; self.id_length];
        aws_lc_rs::rand::fill(&mut id).map_err(|_| SoftAuthenticatorError::Key)?;
        let pair = SigningPair::generate(self.key_type).ok_or(SoftAuthenticatorError::Key)?;
        let client_data = asked.client_data("webauthn.create", origin, &self.lies);

        let mut data = self.authenticator_data(&rp_id, 0x40);
        data.extend(self.aaguid);
        data.extend(u16::try_from(id.len()).unwrap_or(u16::MAX).to_be_bytes());
        data.extend(&id);
        data.extend(pair.cose());
        let statement = self.attest(&pair, &data, &client_data).ok_or(SoftAuthenticatorError::Key)?;
        let (format, statement) = statement;
        let object = map([(text("fmt"), text(format)), (text("attStmt"), statement), (text("authData"), bytes(&data))]);
        let answer = answer::registration(&id, &client_data, &object, self.discoverable);
        self.credentials.push(Credential { id, rp_id, user_handle, pair });
        Ok(answer.to_string())
    }

    /// Signs, as `navigator.credentials.get()` does on a page of `origin`. The options are
    /// `PublicKeyCredentialRequestOptionsJSON`, with or without `publicKey` around them; the newest
    /// credential they ask for is used.
    ///
    /// # Errors
    ///
    /// [`SoftAuthenticatorError`]: the options cannot be read, or ask for nothing that is here.
    pub fn assert(&mut self, request_options_json: &str, origin: &str) -> Result<String, SoftAuthenticatorError> {
        let asked = Asked::read(request_options_json).ok_or(SoftAuthenticatorError::Options)?;
        let rp_id = asked.rp_id().ok_or(SoftAuthenticatorError::Options)?;
        let allowed = asked.allowed();
        let is_asked = |held: &&Credential| {
            held.rp_id == rp_id && if allowed.is_empty() { self.discoverable } else { allowed.contains(&held.id) }
        };
        let at = self.credentials.iter().rev().find(is_asked).map(|held| held.id.clone());
        let id = at.ok_or(SoftAuthenticatorError::NotFound)?;
        let client_data = asked.client_data("webauthn.get", origin, &self.lies);
        let data = self.authenticator_data(&rp_id, 0);
        let held = self.credentials.iter().find(|held| held.id == id).ok_or(SoftAuthenticatorError::NotFound)?;
        let signature = held.pair.sign(&signed(&data, &client_data)).ok_or(SoftAuthenticatorError::Key)?;
        let own = self.discoverable.then(|| held.user_handle.clone());
        let handle = self.user_handle.clone().unwrap_or(own);
        Ok(answer::assertion(&id, &client_data, &data, &signature, handle.as_deref()).to_string())
    }

    /// What both answers begin with; the counter goes on.
    fn authenticator_data(&mut self, rp_id: &str, more: u8) -> Vec<u8> {
        let rp_id = self.lies.iter().find_map(Lie::rp_id).unwrap_or(rp_id);
        let bit = |set: bool, bit: u8| u8::from(set) << bit;
        let flags = bit(self.user_present, 0)
            | bit(self.user_verified, 2)
            | bit(self.backup.0, 3)
            | bit(self.backup.1, 4)
            | more;
        let mut data = Sha256::digest(rp_id.as_bytes()).to_vec();
        data.push(flags);
        data.extend(self.counter.to_be_bytes());
        if self.counter > 0 {
            self.counter = self.counter.saturating_add(1);
        }
        data
    }

    /// The format and the statement about a new credential.
    fn attest(&self, pair: &SigningPair, data: &[u8], client_data: &[u8]) -> Option<(&'static str, Vec<u8>)> {
        let message = signed(data, client_data);
        let (alg, signature, chain) = match &self.statement {
            Statement::Nothing => return Some(("none", map([]))),
            Statement::Itself => (pair.algorithm(), pair.sign(&message)?, None),
            Statement::By(authority) => {
                let (leaf, certificate) = authority.issue(self.aaguid)?;
                (leaf.algorithm(), leaf.sign(&message)?, Some(certificate))
            }
        };
        let mut members = vec![(text("alg"), int(alg)), (text("sig"), bytes(&signature))];
        members.extend(chain.map(|certificate| (text("x5c"), cbor::list(&[bytes(&certificate)]))));
        Some(("packed", map(members)))
    }
}

/// What is signed: authenticator data and the hash of the client data (§6.3.3).
fn signed(data: &[u8], client_data: &[u8]) -> Vec<u8> {
    let mut message = data.to_vec();
    message.extend(Sha256::digest(client_data));
    message
}
