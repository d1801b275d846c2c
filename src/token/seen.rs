use std::ops::Range;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::key_set::Published;
use crate::assurance::Authentication;
use crate::clock::Timestamp;

/// The name under which a token is remembered. The token itself is not kept: a dump of the memory
/// holds nothing to sign in with.
pub(super) type Name = [u8; 16];

/// Names tokens: AES-256-GCM-SIV of nothing, with the token as associated data, under a key drawn at
/// start-up.
///
/// Whoever could make a second token with the name of a remembered one would skip the signature, so
/// this must be a cryptographic function. Under a fixed nonce GCM-SIV is one of the whole token
/// (RFC 8452 §9): without the key two names agree by chance alone. It takes a quarter of a
/// microsecond, where SHA-256 takes 0.7 to 5 depending on the processor.
struct Namer(LessSafeKey);

impl Namer {
    fn new() -> Result<Self, Unspecified> {
        let mut key = [0; 32];
        aws_lc_rs::rand::fill(&mut key)?;
        UnboundKey::new(&AES_256_GCM_SIV, &key).map(|key| Self(LessSafeKey::new(key)))
    }

    fn name(&self, token: &str) -> Option<Name> {
        let nonce = Nonce::assume_unique_for_key([0; NONCE_LEN]);
        let tag = self.0.seal_in_place_separate_tag(nonce, Aad::from(token), &mut []).ok()?;
        tag.as_ref().try_into().ok()
    }
}

/// Room is set aside when the verifier is built, so a slip of the finger must not ask for all of it.
const MOST: usize = 1_000_000;

/// What a verified token said, and what it still hangs on.
pub(super) struct Verified {
    pub(super) authentication: Authentication,
    pub(super) key: Arc<Published>,
    /// When it is believed: from the latest of `nbf`, `iat` and `auth_time` to `exp`, leeway
    /// included, so that a remembered token and a fresh look give one answer at any time.
    pub(super) believed: Range<Timestamp>,
    /// Its length in KiB, rounded up.
    pub(super) weight: u64,
}

/// The tokens verified lately, bounded.
pub(super) struct Seen {
    namer: Namer,
    cache: Option<Cache<Name, Arc<Verified>, BySize>>,
}

/// A token that carries more weighs more, so that the bound is one on memory.
#[derive(Clone)]
struct BySize;

impl Weighter<Name, Arc<Verified>> for BySize {
    fn weight(&self, _: &Name, verified: &Arc<Verified>) -> u64 {
        verified.weight
    }
}

impl Seen {
    pub(super) fn new(capacity: usize) -> Result<Self, Unspecified> {
        Namer::new().map(|namer| Self { namer, cache: None }.with_capacity(capacity))
    }

    pub(super) fn with_capacity(self, capacity: usize) -> Self {
        let capacity = capacity.min(MOST);
        let weight = u64::try_from(capacity).unwrap_or(u64::MAX);
        let cache = (capacity > 0).then(|| Cache::with_weighter(capacity, weight, BySize));
        Self { cache, ..self }
    }

    /// Names a token; `None` where nothing is remembered.
    pub(super) fn name(&self, token: &str) -> Option<Name> {
        self.cache.as_ref().and_then(|_| self.namer.name(token))
    }

    pub(super) fn get(&self, name: &Name) -> Option<Arc<Verified>> {
        self.cache.as_ref()?.get(name)
    }

    pub(super) fn insert(&self, name: Name, verified: Verified) {
        if let Some(cache) = &self.cache {
            cache.insert(name, Arc::new(verified));
        }
    }

    pub(super) fn remove(&self, name: &Name) {
        if let Some(cache) = &self.cache {
            cache.remove(name);
        }
    }

    pub(super) fn retain(&self, keep: impl Fn(&Verified) -> bool) {
        if let Some(cache) = &self.cache {
            cache.retain(|_, verified| keep(verified));
        }
    }

    pub(super) fn len(&self) -> usize {
        self.cache.as_ref().map_or(0, Cache::len)
    }
}
