//! What is believed no more, though it is signed and has not expired.

use std::time::{Duration, Instant};

use super::super::freshness::Freshness;
use super::super::revocations::{Refused, Revocations};
use super::Verifier;
use crate::clock::Timestamp;
use crate::error::ConfigError;
use crate::id::Subject;

/// How old what is known of revocations may be, unless it is said.
const FEED_WITHIN: Duration = Duration::from_secs(5);

impl Verifier {
    /// Keeps at most this many revocations (65,536 by default).
    ///
    /// Where there is one more, those of each subject become one first; when that makes no room,
    /// every token issued so far is refused: see [`Verifier::revoke_session`].
    #[must_use]
    pub fn with_revocation_capacity(self, revocations: usize) -> Self {
        Self { revocations: Revocations::new(revocations), ..self }
    }

    /// Believes a token only where everything that was revoked anywhere is known, as of at most `within` ago (1 to
    /// 300 seconds). Somebody must say so from now on: see [`Verifier::caught_up`].
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for another time.
    pub fn expect_feed(self, within: Duration) -> Result<Self, ConfigError> {
        if !(Duration::from_secs(1)..=Duration::from_secs(300)).contains(&within) {
            return Err(ConfigError::new("revocations_within", "must be 1 to 300 seconds"));
        }
        Ok(Self { freshness: Freshness::new(within).into(), ..self })
    }

    /// As [`Verifier::expect_feed`], of a verifier that is in use already: within 5 s, unless another time is set. Who
    /// makes a `service::RevocationFeed` for it need not call it.
    pub fn expect_feed_by_default(&self) {
        self.freshness.get_or_init(|| Freshness::new(FEED_WITHIN));
    }

    /// Says that all that was revoked by `at` has been told to this verifier. A service whose sessions stand in a store
    /// has a `service::RevocationFeed` say it.
    pub fn caught_up(&self, at: Instant) {
        if let Some(freshness) = self.freshness.get() {
            freshness.know(at);
        }
    }

    /// Returns how old what is known of revocations may be; `None` where that is not asked for.
    #[must_use]
    pub fn feed_expected_within(&self) -> Option<Duration> {
        self.freshness.get().map(Freshness::within)
    }

    /// Refuses the tokens of a session of `subject` from now on, in this process.
    ///
    /// `until` is when the last of its access tokens expires; afterwards the entry is dropped. When
    /// a subject has more than 32 such sessions, those revoked in seconds before `now` become one
    /// entry, which refuses every token of the subject that was issued up to then: the person's other
    /// sessions refresh. When there are more entries than [`Verifier::with_revocation_capacity`]
    /// allows, every token of everybody issued up to `now` is refused instead: clients refresh,
    /// nobody's revoked token lives on.
    ///
    /// # Security
    ///
    /// Other processes honour an access token until it expires.
    pub fn revoke_session(&self, subject: &Subject, session: &str, now: Timestamp, until: Timestamp) {
        // Its newest token may be of an issuer whose clock is ahead of the caller's.
        let issued_by = now.plus(self.ahead.saturating_sub(self.leeway));
        self.revoke_session_issued_by(subject, session, issued_by, now, until);
    }

    /// As [`Verifier::revoke_session`], where its newest token may be younger than `now`: the clock
    /// has gone back, or that of another process is ahead.
    pub(crate) fn revoke_session_issued_by(
        &self,
        subject: &Subject,
        session: &str,
        issued_by: Timestamp,
        now: Timestamp,
        until: Timestamp,
    ) {
        // Until its tokens are refused by their age, which leeway puts off; and by leeway they may
        // have been issued in what is the future here.
        let (until, latest_issue) = (until.plus(self.leeway), issued_by.max(now).plus(self.leeway));
        match self.revocations.session(subject, session, now, until, latest_issue) {
            Refused::One => self.seen.forget_session(session),
            Refused::All => self.forget_revoked(now),
        }
    }

    /// Refuses the tokens of a subject that were issued at or before `issued_by`, in this process.
    ///
    /// `until` and the bound are as in [`Verifier::revoke_session`]. Where the issuer's clock may be ahead of the one that
    /// gives `issued_by`, add by how much: at most 300 s between the replicas of one `Mfa`.
    pub fn revoke_subject(&self, subject: &Subject, issued_by: Timestamp, now: Timestamp, until: Timestamp) {
        self.revocations.subject(subject, issued_by, now, until.plus(self.leeway), now.plus(self.leeway));
        self.forget_revoked(now);
    }

    fn forget_revoked(&self, now: Timestamp) {
        self.seen.retain(|verified| !self.revocations.refuse(&verified.authentication, now));
    }
}
