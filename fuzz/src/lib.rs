//! What several fuzz targets share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use tower_mfa::assurance::Requirement;
use tower_mfa::clock::{Clock, ClockError, Timestamp};
use tower_mfa::entropy::{Entropy, EntropyError};
use tower_mfa::id::Subject;
use tower_mfa::policy::Policy;
use tower_mfa::secret::SecretBytes;
use tower_mfa::service::{Keys, Mfa};
use tower_mfa::store::{
    Commit, Committed, EventCursor, Feed, Page, ScanCursor, SinkState, Store, StoreError, Stored, StoredEvent,
    UserHandle,
};
use tower_mfa::token::{Algorithm, KeySet, SigningKey};
use tower_mfa::transfer::apps::{Found, ReadError};
use tower_mfa::vault::{LocalKeyRing, MasterKey};

/// Runs a future that never waits for anything outside this process.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    }
    RUNTIME.with(|runtime| runtime.block_on(future))
}

/// Polls once what must be ready at once.
pub fn now_or_never<T>(future: impl Future<Output = T>) -> Option<T> {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    }
}

/// Base64url without padding.
pub fn b64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let n = chunk.iter().fold(0_u32, |n, byte| n << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            text.push(char::from(ALPHABET[(n >> (18 - 6 * place)) as usize & 63]));
        }
    }
    text
}

/// An issuer that signs whatever it is told to.
pub struct Forge {
    key: SigningKey,
}

impl Forge {
    #[expect(clippy::new_without_default, reason = "it draws a key")]
    pub fn new() -> Self {
        Self { key: SigningKey::generate(Algorithm::EdDsa).expect("a key") }
    }

    pub fn keys(&self) -> KeySet {
        KeySet::new(self.key.clone())
    }

    /// Signs any payload under a header as it should be.
    pub fn signed(&self, payload: &[u8]) -> String {
        let header = format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{}"}}"#, self.key.kid());
        let message = format!("{}.{}", b64(header.as_bytes()), b64(payload));
        let signature = self.sign(message.as_bytes());
        format!("{message}.{}", b64(&signature))
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        use aws_lc_rs::signature::Ed25519KeyPair;
        let pem = self.key.to_pkcs8_pem().expect("a local key");
        let body: String = pem.expose().lines().filter(|line| !line.starts_with('-')).collect();
        let pair = Ed25519KeyPair::from_pkcs8(&unb64(&body)).expect("our own key");
        pair.sign(message).as_ref().to_vec()
    }
}

/// Bytes in base 64, of the standard's alphabet; what is none of it is passed over.
pub fn unb64(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut held, mut bits) = (Vec::new(), 0_u32, 0);
    for value in text.bytes().filter_map(|c| ALPHABET.iter().position(|known| *known == c)) {
        held = held << 6 | value as u32;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits & 255) as u8);
        }
    }
    bytes
}

/// A store with one document, whoever asks, that takes every commit.
#[derive(Clone)]
pub struct OneDocument(pub Arc<str>);

impl Store for OneDocument {
    async fn load(&self, subject: &Subject) -> Result<Option<Stored>, StoreError> {
        let revision = tower_mfa::store::Revision::from_bytes([1; 16]);
        Ok(Some(Stored::new(subject.clone(), revision, &*self.0)))
    }

    async fn subject_of(&self, _: &UserHandle) -> Result<Option<Subject>, StoreError> {
        Ok(None)
    }

    async fn commit(&self, _: Commit<'_>) -> Result<Committed, StoreError> {
        Ok(Committed::Done)
    }

    async fn scan(&self, _: Option<&ScanCursor>, _: usize) -> Result<Page<Stored, ScanCursor>, StoreError> {
        Ok(Page::new(Vec::new(), None))
    }

    async fn count(&self) -> Result<u64, StoreError> {
        Ok(1)
    }

    async fn events(
        &self,
        _: Feed<'_>,
        _: Option<&EventCursor>,
        _: usize,
    ) -> Result<Page<StoredEvent, EventCursor>, StoreError> {
        Ok(Page::new(Vec::new(), None))
    }

    async fn sink(&self, _: &str) -> Result<Option<SinkState>, StoreError> {
        Ok(None)
    }

    async fn advance(&self, _: &str, _: Option<&SinkState>, _: &SinkState) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn prune(&self, _: Timestamp) -> Result<u64, StoreError> {
        Ok(0)
    }
}

/// A clock that stands still.
pub struct Still(pub u64);

impl Clock for Still {
    fn now(&self) -> Result<Timestamp, ClockError> {
        Ok(Timestamp::from_secs(self.0))
    }
}

/// Random bytes that are the same in every run, so that a find can be run again.
pub struct Repeating(AtomicU64);

impl Repeating {
    pub const fn new() -> Self {
        Self(AtomicU64::new(1))
    }
}

impl Default for Repeating {
    fn default() -> Self {
        Self::new()
    }
}

impl Entropy for Repeating {
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyError> {
        for byte in out {
            // SplitMix64, of which one byte is taken.
            let n = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
            let n = (n ^ n >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            *byte = (n >> 56) as u8;
        }
        Ok(())
    }
}

pub const ISSUER: &str = "https://id.example";
pub const AUDIENCE: &str = "api";
pub const NOW: u64 = 1_800_000_060;

/// The keys every seed was made with.
pub fn keys(signing: KeySet) -> Keys {
    let master = MasterKey::new("fuzz", SecretBytes::new(vec![7; 32])).expect("32 bytes");
    Keys::new(signing, Arc::new(LocalKeyRing::new(vec![master]).expect("one key")))
}

/// The service over a store, at a standing time.
pub fn service(store: impl Store, signing: KeySet) -> Mfa {
    let policy = Policy::builder().action("transfer", Requirement::aal2().within(300)).build().expect("a policy");
    Mfa::builder(store)
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .keys(keys(signing))
        .policy(policy)
        .with_clock(Still(NOW))
        .with_entropy(Repeating::new())
        .build()
        .expect("four things were given")
}

/// The claims of a session of alice's.
pub fn claims(sid: &str) -> String {
    serde_json::json!({
        "iss": ISSUER, "sub": "alice", "aud": AUDIENCE, "client_id": AUDIENCE, "exp": NOW + 900, "iat": NOW - 10,
        "jti": "a-token", "sid": sid, "auth_time": NOW - 10, "acr": "aal2", "amr": ["pwd", "otp", "mfa"],
        "evidence": [{"type": "pwd", "at": NOW - 10}, {"type": "totp", "at": NOW - 10}],
    })
    .to_string()
}

/// Reads everything: what is skipped prints on one line, and nothing of a key is printed.
pub fn no_word_of(items: impl Iterator<Item = Result<Found, ReadError>>, input: &[u8]) {
    for item in items {
        match item {
            Ok(Found::Key(key)) => {
                let printed = format!("{key:?}");
                assert!(!printed.contains(key.secret().to_base32().expose()), "{printed}");
                assert!(key.secret().expose().len() >= 16);
            }
            Ok(Found::Skipped(skipped)) => {
                let printed = skipped.to_string();
                assert!(!printed.contains(char::is_control) && printed.len() < 1_000, "{printed:?} of {input:?}");
            }
            Err(error) => assert!(!error.to_string().contains(char::is_control), "{error:?}"),
        }
    }
}
