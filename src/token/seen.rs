use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use quick_cache::sync::Cache;
use quick_cache::{DefaultHashBuilder, Lifecycle, Weighter};

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
    memory: Option<Memory>,
}

/// A token that carries more weighs more, so that the bound is one on memory.
#[derive(Clone)]
struct BySize;

impl Weighter<Name, Arc<Verified>> for BySize {
    fn weight(&self, _: &Name, verified: &Arc<Verified>) -> u64 {
        verified.weight
    }
}

/// Which remembered tokens a session has: sessions end all the time, and looking through the whole
/// memory for each would be the better part of the work.
///
/// Where a token is removed and verified anew at one time, the list may miss it. Nothing is granted by
/// that: the verifier asks for revocations at every look, and the memory drops it like any other.
#[derive(Clone, Default)]
struct Sessions(Arc<Mutex<HashMap<Box<str>, Vec<Name>>>>);

impl Sessions {
    fn list(&self, session: &str, name: Name) {
        let mut listed = self.lock();
        match listed.get_mut(session) {
            Some(names) if names.contains(&name) => {}
            Some(names) => names.push(name),
            None => drop(listed.insert(session.into(), vec![name])),
        }
    }

    fn unlist(&self, name: &Name, verified: &Verified) {
        let Some(session) = verified.authentication.session() else { return };
        let mut listed = self.lock();
        let Some(names) = listed.get_mut(session) else { return };
        names.retain(|known| known != name);
        if names.is_empty() {
            listed.remove(session);
        }
    }

    fn take(&self, session: &str) -> Vec<Name> {
        self.lock().remove(session).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Vec<Name>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes what makes room for others off the list. It is called while a part of the cache is locked,
/// so nothing may touch the cache while the list is.
#[derive(Clone)]
struct Unlist(Sessions);

impl Lifecycle<Name, Arc<Verified>> for Unlist {
    type RequestState = ();

    fn on_evict(&self, (): &mut (), name: Name, verified: Arc<Verified>) {
        self.0.unlist(&name, &verified);
    }
}

struct Memory {
    tokens: Cache<Name, Arc<Verified>, BySize, DefaultHashBuilder, Unlist>,
    sessions: Sessions,
}

impl Memory {
    fn new(capacity: usize) -> Self {
        let weight = u64::try_from(capacity).unwrap_or(u64::MAX);
        let sessions = Sessions::default();
        let unlist = Unlist(sessions.clone());
        Self { tokens: Cache::with(capacity, weight, BySize, DefaultHashBuilder::default(), unlist), sessions }
    }

    fn insert(&self, name: Name, verified: Verified) {
        // Listed first: between the two a session that ends finds nothing to remove, and the
        // verifier asks for revocations at every look.
        if let Some(session) = verified.authentication.session() {
            self.sessions.list(session, name);
        }
        self.tokens.insert(name, Arc::new(verified));
    }

    fn remove(&self, name: &Name) {
        if let Some((name, verified)) = self.tokens.remove(name) {
            self.sessions.unlist(&name, &verified);
        }
    }
}

impl Seen {
    pub(super) fn new(capacity: usize) -> Result<Self, Unspecified> {
        Namer::new().map(|namer| Self { namer, memory: None }.with_capacity(capacity))
    }

    pub(super) fn with_capacity(self, capacity: usize) -> Self {
        let capacity = capacity.min(MOST);
        Self { memory: (capacity > 0).then(|| Memory::new(capacity)), ..self }
    }

    /// Names a token; `None` where nothing is remembered.
    pub(super) fn name(&self, token: &str) -> Option<Name> {
        self.memory.as_ref().and_then(|_| self.namer.name(token))
    }

    pub(super) fn get(&self, name: &Name) -> Option<Arc<Verified>> {
        self.memory.as_ref()?.tokens.get(name)
    }

    pub(super) fn insert(&self, name: Name, verified: Verified) {
        if let Some(memory) = &self.memory {
            memory.insert(name, verified);
        }
    }

    pub(super) fn remove(&self, name: &Name) {
        if let Some(memory) = &self.memory {
            memory.remove(name);
        }
    }

    /// Forgets the tokens of one session, without a look at the others.
    pub(super) fn forget_session(&self, session: &str) {
        if let Some(memory) = &self.memory {
            for name in memory.sessions.take(session) {
                memory.tokens.remove(&name);
            }
        }
    }

    /// Looks at every token there is.
    pub(super) fn retain(&self, keep: impl Fn(&Verified) -> bool) {
        if let Some(memory) = &self.memory {
            memory.tokens.retain(|name, verified| {
                let kept = keep(verified);
                if !kept {
                    memory.sessions.unlist(name, verified);
                }
                kept
            });
        }
    }

    pub(super) fn len(&self) -> usize {
        self.memory.as_ref().map_or(0, |memory| memory.tokens.len())
    }

    #[cfg(test)]
    fn listed(&self) -> usize {
        self.memory.as_ref().map_or(0, |memory| memory.sessions.lock().values().map(Vec::len).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Algorithm, KeySet, SigningKey, Verifier};
    use crate::assurance::{Aal, Assurance, AuthenticationParts};
    use crate::id::Subject;

    use super::*;

    fn verified(session: &str) -> Verified {
        let keys = KeySet::new(SigningKey::generate(Algorithm::EdDsa).unwrap());
        let key = keys.find(&keys.signing_kid().unwrap(), Timestamp::EPOCH).unwrap();
        let assurance = Assurance {
            level: Aal::One,
            auth_time: None,
            phishing_resistant: false,
            hardware: false,
            amr: Vec::new(),
            evidence: Vec::new(),
        };
        let authentication = Authentication::from_parts(AuthenticationParts {
            subject: Subject::new("alice").unwrap(),
            session: Some(session.into()),
            client_id: "web".into(),
            token_id: "a-token".into(),
            issued_at: Timestamp::EPOCH,
            expires_at: Timestamp::EPOCH,
            assurance,
            step_up: None,
            roles: Vec::new(),
            scopes: Vec::new(),
        });
        Verified { authentication, key, believed: Timestamp::EPOCH..Timestamp::EPOCH, weight: 1 }
    }

    fn name(n: u16) -> Name {
        u128::from(n).to_be_bytes()
    }

    #[test]
    fn what_is_listed_is_what_is_remembered_whatever_made_it_go() {
        let seen = Seen::new(64).unwrap();
        for n in 0..1_000 {
            seen.insert(name(n), verified(&format!("session {}", n % 7)));
            assert_eq!(seen.listed(), seen.len());
        }
        seen.forget_session("session 3");
        assert_eq!(seen.listed(), seen.len());
        assert!(seen.len() > 0, "other sessions are still there");
        seen.retain(|v| v.authentication.session() != Some("session 4"));
        assert_eq!(seen.listed(), seen.len());
        (0..1_000).for_each(|n| seen.remove(&name(n)));
        assert_eq!((seen.listed(), seen.len()), (0, 0));
    }

    #[test]
    fn a_verifier_without_a_memory_lists_nothing() {
        let keys = KeySet::new(SigningKey::generate(Algorithm::EdDsa).unwrap());
        let verifier = Verifier::new("https://id.example", "api", keys).unwrap().with_cache_capacity(0);
        verifier.revoke_session(&Subject::new("alice").unwrap(), "a", Timestamp::EPOCH, Timestamp::EPOCH);
        assert_eq!(verifier.remembered(), 0);
    }
}
