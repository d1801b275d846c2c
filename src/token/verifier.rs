mod revoking;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::freshness::Freshness;
use super::key_set::Published;
use super::read::{Terms, authentication};
use super::revocations::Revocations;
use super::seen::{Seen, Verified};
use super::wire::{Header, Payload};
use super::{KeySet, MAX_TOKEN, TokenError, TokenErrorKind};
use crate::assurance::{AcrNames, Authentication};
use crate::clock::Timestamp;
use crate::error::ConfigError;

/// Tokens remembered by default.
const REMEMBERED: usize = 10_000;

/// Revocations kept by default: some 30 MiB when each is of another subject.
const REVOCATIONS: usize = 65_536;

/// RFC 9068 §4: leeway is "no more than a few minutes".
const MAX_LEEWAY: u64 = 300;

/// Verifies access tokens (RFC 9068 §4) of one issuer for one audience.
///
/// A token that was verified is remembered, by a name that is worked out of all of it under a key of
/// this verifier, until it expires, its key is taken away or it is revoked. Looking it up again
/// costs less than a microsecond and does not allocate.
///
/// ```
/// use tower_mfa::assurance::Aal;
/// use tower_mfa::clock::Timestamp;
/// use tower_mfa::token::{KeySet, TokenErrorKind, Verifier};
///
/// // The issuer has published `jwks`. `token` is good for 900 seconds from 1,800,000,000 on.
/// fn example(jwks: &str, token: &str) {
///     let verifier = Verifier::new("https://id.example", "api", KeySet::from_jwks(jwks).unwrap()).unwrap();
///
///     let who = verifier.verify(token, Timestamp::from_secs(1_800_000_100)).unwrap();
///     assert_eq!(who.subject().id(), "alice");
///     assert_eq!(who.assurance().level(), Aal::Two);
///
///     let late = verifier.verify(token, Timestamp::from_secs(1_800_000_900)).unwrap_err();
///     assert_eq!(late.kind(), TokenErrorKind::Expired);
/// }
/// # mod scene { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/scene/token.rs")); }
/// # example(scene::JWKS, scene::TOKEN);
/// ```
///
/// # Security
///
/// Signature, issuer, audience and every claim of RFC 9068 §2.2 are checked before anything is
/// believed; there is no way to leave one out. Of the header, an attacker's text, only `alg`, `kid`
/// and `typ` are read, and `crit` and `b64` refused: `kid` is looked up in the key set by
/// comparison, `alg` must be that key's own, and `jku`, `x5u`, `jwk` and `x5c` are ignored.
pub struct Verifier {
    issuer: Box<str>,
    audience: Box<str>,
    keys: KeySet,
    names: AcrNames,
    leeway: u64,
    /// By how much the issuer's clock may be ahead; at least the leeway.
    ahead: u64,
    seen: Seen,
    /// The generation of the key set whose loss the memory has followed.
    followed: AtomicU64,
    revocations: Revocations,
    /// As of when it is known what others revoked, where that is asked for.
    freshness: OnceLock<Freshness>,
}

impl Verifier {
    /// Makes the verifier of what `issuer` issues for `audience`, with no leeway.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when `issuer` or `audience` is empty, longer than 1024 bytes or has control
    /// characters, or when the operating system gives no random bytes.
    pub fn new(issuer: impl Into<Box<str>>, audience: impl Into<Box<str>>, keys: KeySet) -> Result<Self, ConfigError> {
        Ok(Self {
            issuer: name("issuer", issuer.into())?,
            audience: name("audience", audience.into())?,
            followed: AtomicU64::new(keys.generation()),
            keys,
            names: AcrNames::default(),
            leeway: 0,
            ahead: 0,
            seen: Seen::new(REMEMBERED)
                .map_err(|_| ConfigError::new("verifier", "the source of random bytes failed"))?,
            revocations: Revocations::new(REVOCATIONS),
            freshness: OnceLock::new(),
        })
    }

    /// Allows the clocks to differ by `secs` seconds: 0 (the default) where the issuer is this
    /// program, 30 is usual for somebody else's. The verifier of an `Mfa` believes what was
    /// issued up to 300 seconds ahead of its clock, whatever stands here: of several replicas one is always ahead.
    /// Nothing is believed any longer for it.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] above 300.
    pub fn leeway(self, secs: u64) -> Result<Self, ConfigError> {
        if secs > MAX_LEEWAY {
            return Err(ConfigError::new("leeway", "must be at most 300 seconds (RFC 9068 §4)"));
        }
        Ok(Self { leeway: secs, ahead: self.ahead.max(secs), ..self })
    }

    /// Believes what was issued up to `secs` seconds ahead of the clock here, and no token any longer than its `exp`:
    /// for what issues the same tokens on several machines, of which one is always ahead.
    pub(crate) fn issued_ahead(self, secs: u64) -> Self {
        Self { ahead: self.ahead.max(secs), ..self }
    }

    /// Reads the levels by other names (`acr`). A name that is not among them is AAL1.
    #[must_use]
    pub fn with_acr_names(self, names: AcrNames) -> Self {
        Self { names, ..self }
    }

    /// Remembers about this many tokens of up to 1 KiB (10,000 by default, at most a million; 0 is
    /// none). A longer one takes the place of several.
    #[must_use]
    pub fn with_cache_capacity(self, tokens: usize) -> Self {
        Self { seen: self.seen.with_capacity(tokens), ..self }
    }

    /// Returns the keys.
    #[must_use]
    pub fn keys(&self) -> &KeySet {
        &self.keys
    }

    /// Returns the names of the levels.
    #[must_use]
    pub fn acr_names(&self) -> &AcrNames {
        &self.names
    }

    /// Returns the issuer whose tokens are taken (`iss`).
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Returns the audience the tokens must be for (`aud`).
    #[must_use]
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// Verifies `token` at `now`.
    ///
    /// Without `acr` the token proves one factor and nothing more (OWASP ASVS 5 §6.8.4); without
    /// `auth_time` it is never fresh.
    ///
    /// # Errors
    ///
    /// [`TokenError`]. Answer `401` with `invalid_token` (RFC 6750 §3.1) whatever its kind, but `503` for
    /// [`NotKnown`](TokenErrorKind::NotKnown).
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Authentication, TokenError> {
        self.verify_by(token, now, Instant::now)
    }

    /// As [`Verifier::verify`], by the given watch.
    pub(crate) fn verify_by(
        &self,
        token: &str,
        now: Timestamp,
        watch: impl FnOnce() -> Instant,
    ) -> Result<Authentication, TokenError> {
        // Before anything is worked out: the length is the attacker's.
        if token.len() > MAX_TOKEN {
            return Err(TokenErrorKind::TooLong.into());
        }
        // Looked at first and said last, so that what is bad anyway is still called bad: news that come after what was
        // revoked has been looked at say nothing about that look.
        let known = self.knows_what_was_revoked(watch);
        self.forget_withdrawn(now);
        let name = self.seen.name(token);
        if let Some(name) = &name
            && let Some(verified) = self.seen.get(name)
        {
            if self.believes(&verified, now) {
                known?;
                return Ok(verified.authentication.clone());
            }
            self.seen.remove(name);
        }
        let verified = self.read(token, now)?;
        if self.revocations.refuse(&verified.authentication, now) {
            return Err(TokenErrorKind::Revoked.into());
        }
        known?;
        let authentication = verified.authentication.clone();
        if let Some(name) = name {
            self.seen.insert(name, verified);
        }
        Ok(authentication)
    }

    fn knows_what_was_revoked(&self, watch: impl FnOnce() -> Instant) -> Result<(), TokenErrorKind> {
        let is_stale = self.freshness.get().is_some_and(|freshness| freshness.is_stale(watch()));
        if is_stale { Err(TokenErrorKind::NotKnown) } else { Ok(()) }
    }

    /// Whether what was verified once still holds. Asked at every request, so that a revocation
    /// that runs beside a first verification is not outlived by what that one remembers.
    fn believes(&self, verified: &Verified, now: Timestamp) -> bool {
        verified.believed.contains(&now)
            && verified.key.is_live(now)
            && !self.revocations.refuse(&verified.authentication, now)
    }

    fn read(&self, token: &str, now: Timestamp) -> Result<Verified, TokenErrorKind> {
        let (message, signature) = token.rsplit_once('.').ok_or(TokenErrorKind::Malformed)?;
        let (header, claims) = message.split_once('.').ok_or(TokenErrorKind::Malformed)?;
        // R7515-5.2-a: exactly two periods. A JWE has four.
        if claims.contains('.') {
            return Err(TokenErrorKind::Malformed);
        }
        let header = decode(header)?;
        let key = self.key(&serde_json::from_slice(&header).map_err(|_| TokenErrorKind::Malformed)?, now)?;
        let signature = decode(signature)?;
        if !key.key().verifies(message.as_bytes(), &signature) {
            return Err(TokenErrorKind::BadSignature);
        }
        // Only now is the content worth reading: it is the issuer's.
        let claims = decode(claims)?;
        let claims: Payload<'_> = serde_json::from_slice(&claims).map_err(|_| TokenErrorKind::Malformed)?;
        let terms = Terms {
            issuer: &self.issuer,
            audience: &self.audience,
            names: &self.names,
            leeway: self.leeway,
            ahead: self.ahead,
        };
        let (authentication, believed) = authentication(claims, &terms, now)?;
        let weight = u64::try_from(token.len().div_ceil(1024)).unwrap_or(u64::MAX);
        Ok(Verified { authentication, key, believed, weight })
    }

    fn key(&self, header: &Header<'_>, now: Timestamp) -> Result<Arc<Published>, TokenErrorKind> {
        let typ = header.typ.as_ref().ok_or(TokenErrorKind::WrongType)?;
        // R9068-4-a, X12: a media type, so in any case; `application/` may be left out.
        if !["at+jwt", "application/at+jwt"].iter().any(|ours| typ.0.eq_ignore_ascii_case(ours)) {
            return Err(TokenErrorKind::WrongType);
        }
        // R7515-4.1.11-a: no extension is understood here, so any `crit` is refused, the empty one
        // too. `b64` without it must be ignored by the letter, but nobody honest sends that.
        if header.crit.is_some() || header.b64.is_some() {
            return Err(TokenErrorKind::Extension);
        }
        let kid = header.kid.as_ref().ok_or(TokenErrorKind::UnknownKey)?;
        let key = self.keys.find(&kid.0, now).ok_or(TokenErrorKind::UnknownKey)?;
        // R8725-3.1-a: the key says which algorithm; the header may only agree.
        match &header.alg {
            Some(alg) if alg.0 == key.key().algorithm().name() => Ok(key),
            _ => Err(TokenErrorKind::WrongAlgorithm),
        }
    }

    /// Drops what was verified with keys that have been taken away since.
    fn forget_withdrawn(&self, now: Timestamp) {
        let generation = self.keys.generation();
        if self.followed.load(Ordering::Acquire) != generation {
            self.followed.store(generation, Ordering::Release);
            self.seen.retain(|verified| verified.key.is_live(now));
        }
    }

    /// Drops what has expired from the memory of verified tokens. It makes room by itself; this is
    /// for whoever wants it small.
    pub fn prune(&self, now: Timestamp) {
        self.seen.retain(|verified| self.believes(verified, now));
    }

    /// Returns how many verified tokens are remembered.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.seen.len()
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .field("keys", &self.keys)
            .field("leeway", &self.leeway)
            .field("remembered", &self.seen.len())
            .field("revocations", &self.revocations.len())
            .finish_non_exhaustive()
    }
}

/// R7515-5.2-a: no padding, no whitespace, no non-zero trailing bits, so a token has one spelling.
fn decode(part: &str) -> Result<Vec<u8>, TokenErrorKind> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenErrorKind::Malformed)
}

/// Checks the name of an issuer or an audience.
pub(super) fn name(field: &'static str, text: Box<str>) -> Result<Box<str>, ConfigError> {
    if text.is_empty() || text.len() > 1024 || text.chars().any(char::is_control) {
        return Err(ConfigError::new(field, "must be 1 to 1024 bytes without control characters"));
    }
    Ok(text)
}
