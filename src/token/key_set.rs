use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::jwk;
use super::{KeyError, KeyErrorKind, SigningKey, VerifyingKey};
use crate::clock::Timestamp;

/// The keys of one issuer, changed while serving.
///
/// A cheap handle: clones are one set, so a rotation reaches every issuer and verifier that holds
/// one. There is at most one key to sign with; the others are published until their time, so that
/// tokens they have signed verify to their end.
///
/// ```
/// use tower_mfa::clock::Timestamp;
/// use tower_mfa::token::{Algorithm, KeySet, SigningKey};
///
/// let now = Timestamp::from_secs(0);
/// let keys = KeySet::new(SigningKey::generate(Algorithm::Es256).unwrap());
/// let enforcer = KeySet::from_jwks(&keys.jwks_json(now)).unwrap();
/// let kid = keys.signing_kid().unwrap();
/// assert!(enforcer.contains(&kid, now));
///
/// assert!(keys.withdraw(&kid));
/// assert!(!keys.contains(&kid, now));
/// assert!(keys.signing_kid().is_none(), "nothing is signed until the next rotation");
/// ```
#[derive(Clone)]
pub struct KeySet(Arc<Shared>);

struct Shared {
    ring: RwLock<Ring>,
    /// Moves whenever a key is taken away, so that a verifier knows it must forget.
    generation: AtomicU64,
}

#[derive(Clone)]
struct Ring {
    signing: Option<SigningKey>,
    published: Vec<Arc<Published>>,
}

/// One published key and the time it is published until. What was verified with it holds on to it
/// and sees at once when it is taken away.
pub(super) struct Published {
    key: VerifyingKey,
    /// Seconds since the epoch; 0 when withdrawn.
    until: AtomicU64,
}

const FOREVER: u64 = u64::MAX;

impl Published {
    fn new(key: VerifyingKey, until: u64) -> Arc<Self> {
        Arc::new(Self { key, until: AtomicU64::new(until) })
    }

    pub(super) fn key(&self) -> &VerifyingKey {
        &self.key
    }

    pub(super) fn is_live(&self, now: Timestamp) -> bool {
        now.as_secs() < self.until.load(Ordering::Acquire)
    }

    fn keep_until(&self, until: u64) {
        self.until.store(until, Ordering::Release);
    }

    fn is(&self, other: &VerifyingKey) -> bool {
        self.key.kid() == other.kid() && self.key.members() == other.members()
    }
}

impl KeySet {
    /// Makes the set of an issuer with one key.
    #[must_use]
    pub fn new(signing: SigningKey) -> Self {
        let published = vec![Published::new(signing.verifying_key(), FOREVER)];
        Self::of(Ring { signing: Some(signing), published })
    }

    /// Reads a set that only verifies from a JWKS (RFC 7517 §5).
    ///
    /// Keys of other kinds, curves, algorithms and uses are left out, unknown members ignored. A
    /// key without `kid` is named by its thumbprint.
    ///
    /// # Errors
    ///
    /// [`KeyError`]: not a JWKS with unique members, private members, two keys with one `kid`, no
    /// usable key, or more than 100 keys or 256 KiB.
    ///
    /// # Security
    ///
    /// Whoever can choose this text can sign every token; see [`VerifyingKey::from_jwk`].
    pub fn from_jwks(text: &str) -> Result<Self, KeyError> {
        let published = jwk::read_set(text)?.into_iter().map(|key| Published::new(key, FOREVER)).collect();
        Ok(Self::of(Ring { signing: None, published }))
    }

    fn of(ring: Ring) -> Self {
        Self(Arc::new(Shared { ring: RwLock::new(ring), generation: AtomicU64::new(0) }))
    }

    /// Publishes a key without signing with it: one of an earlier run until its tokens have expired,
    /// or the next one ahead of its rotation. `None` is for as long as it is not taken away.
    ///
    /// # Errors
    ///
    /// [`KeyError`] when another key has this `kid`.
    pub fn publish(&self, key: VerifyingKey, until: Option<Timestamp>) -> Result<(), KeyError> {
        let until = until.map_or(FOREVER, Timestamp::as_secs);
        self.write().publish(key, until)
    }

    /// Signs with `new` from now on, and keeps publishing the key so far until `keep_old_until`:
    /// at the earliest when the last token it signed expires.
    ///
    /// # Errors
    ///
    /// [`KeyError`] when `new` signs already, or another key has its `kid`; nothing has changed
    /// then.
    pub fn rotate(&self, new: SigningKey, keep_old_until: Timestamp) -> Result<(), KeyError> {
        let mut ring = self.write();
        if ring.signing.as_ref().is_some_and(|old| old.kid() == new.kid()) {
            return Err(KeyErrorKind::DuplicateId.into());
        }
        ring.publish(new.verifying_key(), FOREVER)?;
        if let Some(old) = ring.signing.replace(new)
            && let Some(published) = ring.find(old.kid())
        {
            published.keep_until(keep_old_until.as_secs());
        }
        Ok(())
    }

    /// Takes a key away at once, with everything it has signed; `false` if there is none.
    ///
    /// For a key that leaked: withdraw it at its issuer first, or the next JWKS fetched brings it
    /// back. If it was the one that signs, nothing is issued until the next
    /// [`KeySet::rotate`].
    #[must_use = "`false` means that there was no such key"]
    pub fn withdraw(&self, kid: &str) -> bool {
        let mut ring = self.write();
        let Some(published) = ring.find(kid).cloned() else { return false };
        published.keep_until(0);
        ring.published.retain(|p| p.key.kid() != kid);
        if ring.signing.as_ref().is_some_and(|signing| signing.kid() == kid) {
            ring.signing = None;
        }
        self.took_keys_away();
        true
    }

    /// Drops the keys whose time is over. They verify nothing since that time in any case.
    pub fn prune(&self, now: Timestamp) {
        let mut ring = self.write();
        let before = ring.published.len();
        ring.published.retain(|p| p.is_live(now));
        if ring.published.len() < before {
            self.took_keys_away();
        }
    }

    /// Puts the keys of `with` in place of all there are: for a JWKS that was fetched again.
    ///
    /// The key that signs is replaced too, by none if `with` has none.
    /// What was verified with a key that stays is still remembered; a key that is gone is withdrawn.
    pub fn replace(&self, with: &Self) {
        let mut new = with.read().clone();
        let mut ring = self.write();
        for slot in &mut new.published {
            match ring.published.iter().find(|old| old.is(&slot.key)) {
                Some(old) => {
                    old.keep_until(slot.until.load(Ordering::Acquire));
                    *slot = Arc::clone(old);
                }
                // A slot of its own, so that the two sets do not withdraw each other's keys.
                None => *slot = Published::new(slot.key.clone(), slot.until.load(Ordering::Acquire)),
            }
        }
        for old in &ring.published {
            if !new.published.iter().any(|slot| Arc::ptr_eq(slot, old)) {
                old.keep_until(0);
            }
        }
        *ring = new;
        self.took_keys_away();
    }

    /// Writes the public keys as a JWKS (RFC 7517 §5): the key that signs first.
    ///
    /// Serve it as `application/jwk-set+json`. Each key has `kty`, its public numbers, `kid`, `alg`
    /// and `use`.
    #[must_use]
    pub fn jwks_json(&self, now: Timestamp) -> String {
        let ring = self.read();
        let signing = ring.signing.as_ref().map(SigningKey::kid);
        let live = || ring.published.iter().filter(|p| p.is_live(now)).map(|p| &p.key);
        let (first, rest) = (live(), live());
        jwk::write_set(first.filter(|k| Some(k.kid()) == signing).chain(rest.filter(|k| Some(k.kid()) != signing)))
    }

    /// Returns the name of the key that signs.
    #[must_use]
    pub fn signing_kid(&self) -> Option<Box<str>> {
        self.read().signing.as_ref().map(|key| key.kid().into())
    }

    /// Tells whether tokens with this `kid` can be verified at `now`.
    #[must_use]
    pub fn contains(&self, kid: &str, now: Timestamp) -> bool {
        self.find(kid, now).is_some()
    }

    pub(super) fn signing(&self) -> Option<SigningKey> {
        self.read().signing.clone()
    }

    /// R8725-3.10-a: the name comes from the attacker; it is compared and nothing else.
    pub(super) fn find(&self, kid: &str, now: Timestamp) -> Option<Arc<Published>> {
        self.read().find(kid).filter(|published| published.is_live(now)).cloned()
    }

    pub(super) fn generation(&self) -> u64 {
        self.0.generation.load(Ordering::Acquire)
    }

    fn took_keys_away(&self) {
        self.0.generation.fetch_add(1, Ordering::AcqRel);
    }

    // A writer that panicked has left a whole ring: every change is one assignment or one push.
    fn read(&self) -> RwLockReadGuard<'_, Ring> {
        self.0.ring.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Ring> {
        self.0.ring.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ring {
    fn find(&self, kid: &str) -> Option<&Arc<Published>> {
        self.published.iter().find(|published| published.key.kid() == kid)
    }

    fn publish(&mut self, key: VerifyingKey, until: u64) -> Result<(), KeyError> {
        match self.find(key.kid()) {
            Some(same) if same.is(&key) => same.keep_until(until),
            Some(_) => return Err(KeyErrorKind::DuplicateId.into()),
            None => self.published.push(Published::new(key, until)),
        }
        Ok(())
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ring = self.read();
        let published: Vec<&VerifyingKey> = ring.published.iter().map(|p| &p.key).collect();
        f.debug_struct("KeySet")
            .field("signing", &ring.signing.as_ref().map(SigningKey::kid))
            .field("published", &published)
            .finish()
    }
}
