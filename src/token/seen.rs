use std::ops::Range;
use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::key_set::Published;
use crate::assurance::Authentication;
use crate::clock::Timestamp;

/// SHA-256 of a token. The token itself is not kept: a dump of the memory holds nothing to sign in
/// with.
pub(super) type Digest = [u8; 32];

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
pub(super) struct Seen(Option<Cache<Digest, Arc<Verified>, BySize>>);

/// A token that carries more weighs more, so that the bound is one on memory.
#[derive(Clone)]
struct BySize;

impl Weighter<Digest, Arc<Verified>> for BySize {
    fn weight(&self, _: &Digest, verified: &Arc<Verified>) -> u64 {
        verified.weight
    }
}

impl Seen {
    pub(super) fn new(capacity: usize) -> Self {
        let capacity = capacity.min(MOST);
        let weight = u64::try_from(capacity).unwrap_or(u64::MAX);
        Self((capacity > 0).then(|| Cache::with_weighter(capacity, weight, BySize)))
    }

    pub(super) fn get(&self, digest: &Digest) -> Option<Arc<Verified>> {
        self.0.as_ref()?.get(digest)
    }

    pub(super) fn insert(&self, digest: Digest, verified: Verified) {
        if let Some(cache) = &self.0 {
            cache.insert(digest, Arc::new(verified));
        }
    }

    pub(super) fn remove(&self, digest: &Digest) {
        if let Some(cache) = &self.0 {
            cache.remove(digest);
        }
    }

    pub(super) fn retain(&self, keep: impl Fn(&Verified) -> bool) {
        if let Some(cache) = &self.0 {
            cache.retain(|_, verified| keep(verified));
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, Cache::len)
    }
}
