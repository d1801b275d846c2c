//! Login: the first step-up. The host checks the password; this says what is missing.

use std::cmp::Reverse;

use super::challenge::{Asks, Challenge, Offer, Origin};
use super::event::{About, EventKind};
use super::refusal::Refusal;
use super::sealed::{ChallengeClaims, EnrolmentClaims};
use super::session::{Grant, Seed, Session};
use super::turn::Turn;
use super::{Account, Standing, Ticket};
use crate::assurance::{Evidence, Method, Requirement};
use crate::clock::Timestamp;
use crate::id::{ChallengeId, SessionId, Subject, TokenId};
use crate::policy::Login;
use crate::secret::SecretString;
use crate::token::is_scope_token;

/// The one thing a host asserts itself: it has checked the first factor.
///
/// ```
/// use tower_mfa::account::{FirstFactor, Refusal};
/// use tower_mfa::clock::{Clock, SystemClock};
/// use tower_mfa::id::Subject;
/// use tower_mfa::service::{Keys, LoginOutcome, Mfa};
/// use tower_mfa::store::MemoryStore;
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let mfa = Mfa::builder(MemoryStore::new()).issuer("https://id.example").audience("api");
/// let mfa = mfa.keys(Keys::generate().unwrap()).build().unwrap();
///
/// let alice = Subject::new("alice").unwrap();
/// let checked = FirstFactor::password_checked_by_host(alice, SystemClock.now().unwrap()).roles(["admin"]);
/// let welcome = mfa.begin(checked.clone()).await.unwrap();
/// assert!(matches!(welcome, LoginOutcome::Complete(_)));
///
/// // The host's own table says that Bob has an authenticator, and the store has lost it.
/// let bob = Subject::new("bob").unwrap();
/// let checked = FirstFactor::password_checked_by_host(bob, SystemClock.now().unwrap()).known_enrolled(true);
/// let refused = mfa.begin(checked).await.unwrap_err();
/// assert!(matches!(refused.refusal(), Refusal::Unavailable { .. }), "not an account without a second factor");
/// # });
/// ```
///
/// # Security
///
/// It carries one knowledge factor and nothing else: no call on it can say that a second factor was
/// checked. Make one only right after the password was found right.
#[derive(Debug, Clone)]
#[must_use]
pub struct FirstFactor {
    pub(crate) subject: Subject,
    pub(crate) at: Timestamp,
    pub(crate) client_id: Option<Box<str>>,
    pub(crate) roles: Vec<Box<str>>,
    pub(crate) scopes: Vec<Box<str>>,
    pub(crate) address: Option<Box<str>>,
    pub(crate) account_name: Option<Box<str>>,
    pub(crate) known_enrolled: bool,
}

impl FirstFactor {
    /// Says that the host has checked `subject`'s password at `at`.
    pub fn password_checked_by_host(subject: Subject, at: Timestamp) -> Self {
        Self {
            subject,
            at,
            client_id: None,
            roles: Vec::new(),
            scopes: Vec::new(),
            address: None,
            account_name: None,
            known_enrolled: false,
        }
    }

    /// Names the client the session is for (`client_id`). Default: the audience.
    pub fn client(mut self, client_id: impl Into<Box<str>>) -> Self {
        self.client_id = Some(client_id.into());
        self
    }

    /// Gives the session roles; they stand in its tokens as `roles`.
    pub fn roles<R: Into<Box<str>>>(mut self, roles: impl IntoIterator<Item = R>) -> Self {
        self.roles = roles.into_iter().map(Into::into).collect();
        self
    }

    /// Gives the session scopes; they stand in its tokens as `scope`.
    pub fn scopes<S: Into<Box<str>>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Says where the request came from, for events and the list of sessions.
    pub fn address(mut self, address: impl Into<Box<str>>) -> Self {
        self.address = Some(address.into());
        self
    }

    /// Says how the subject is called in an authenticator app. Default: the subject's id.
    pub fn account_name(mut self, name: impl Into<Box<str>>) -> Self {
        self.account_name = Some(name.into());
        self
    }

    /// Says that the host knows this subject to have MFA (a flag in its own user table).
    ///
    /// With it a lost document is `503`, never an account without MFA.
    pub const fn known_enrolled(mut self, known: bool) -> Self {
        self.known_enrolled = known;
        self
    }

    /// Returns whose first factor it was.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }
}

/// What a login led to.
pub(crate) enum LoginStep {
    Complete(Box<Grant>),
    Challenge { id: ChallengeId, token: SecretString, expires_in: u32, methods: Vec<Offer> },
    EnrolmentRequired { token: SecretString, expires_in: u32, allowed: Vec<Method> },
    Blocked { throttled: Option<u32>, recovery: Vec<Method> },
}

impl Account {
    /// Takes a first factor the host has checked.
    pub(crate) fn begin(
        &mut self,
        turn: &mut Turn<'_>,
        first: &FirstFactor,
        audience: &str,
    ) -> Result<LoginStep, Refusal> {
        first.check()?;
        if self.standing == Standing::Erased {
            if first.known_enrolled {
                // The host says there is MFA and the account says there is nobody: that is no "no MFA".
                return Err(Refusal::unavailable());
            }
            *self = Self::new(self.subject.clone(), turn.now);
        }
        if self.standing == Standing::Suspended {
            turn.record(EventKind::LoginBlocked, About { detail: Some("suspended".into()), ..About::default() })?;
            return Ok(LoginStep::Blocked { throttled: None, recovery: Vec::new() });
        }
        let seed = first.seed(audience, turn.now);
        let evidence = vec![Evidence::new(Method::Password, first.at.min(turn.now))];
        match turn.policy.login {
            Login::Optional => self.complete_login(turn, seed, evidence),
            Login::IfEnrolled if !self.has_bound() => self.complete_login(turn, seed, evidence),
            Login::Required if !self.has_bound() => self.offer_enrolment(turn, seed, evidence),
            Login::IfEnrolled | Login::Required => self.challenge_login(turn, seed, evidence),
        }
    }

    fn complete_login(
        &mut self,
        turn: &mut Turn<'_>,
        seed: Seed,
        evidence: Vec<Evidence>,
    ) -> Result<LoginStep, Refusal> {
        let grant = self.open_session(turn, seed, evidence, None)?;
        let about = About { client_id: Some(grant.seed.client_id.clone()), ..About::session(grant.session) };
        turn.record(EventKind::SignedIn, about)?;
        Ok(LoginStep::Complete(Box::new(grant)))
    }

    fn offer_enrolment(
        &mut self,
        turn: &mut Turn<'_>,
        seed: Seed,
        evidence: Vec<Evidence>,
    ) -> Result<LoginStep, Refusal> {
        if let Some(step) = self.login_by_bypass(turn, &seed, &evidence)? {
            return Ok(step);
        }
        let expires_in = turn.policy.enrolment_ttl;
        let id = TokenId::generate(turn.entropy)?;
        let expires_at = turn.now.plus(u64::from(expires_in));
        let token = EnrolmentClaims { subject: self.subject.clone(), ticket: id, expires_at }.seal(turn)?;
        // Only the newest counts: replacing the ticket voids the token before it.
        self.enrolment = Some(Ticket { id, expires_at, seed, evidence });
        turn.record(EventKind::EnrolmentRequired, About::default())?;
        Ok(LoginStep::EnrolmentRequired { token, expires_in, allowed: vec![Method::Totp] })
    }

    fn challenge_login(
        &mut self,
        turn: &mut Turn<'_>,
        seed: Seed,
        evidence: Vec<Evidence>,
    ) -> Result<LoginStep, Refusal> {
        if let Some(step) = self.login_by_bypass(turn, &seed, &evidence)? {
            return Ok(step);
        }
        let asks = Requirement::aal2();
        let methods = self.offers(turn, &evidence, &asks);
        if methods.is_empty() {
            turn.record(EventKind::LoginBlocked, About { detail: Some("disabled".into()), ..About::default() })?;
            return Ok(LoginStep::Blocked { throttled: None, recovery: Vec::new() });
        }
        if let Some(retry_after) = self.wide_lock(turn).or_else(|| self.all_locked_for(turn.now, &methods)) {
            // Nothing is opened and nothing is written: a flood of logins is no amplifier.
            return Ok(LoginStep::Blocked { throttled: Some(retry_after), recovery: Vec::new() });
        }
        let expires_in = turn.policy.challenge_ttl;
        let id = ChallengeId::generate(turn.entropy)?;
        let expires_at = turn.now.plus(u64::from(expires_in));
        let token = ChallengeClaims { subject: self.subject.clone(), challenge: id, expires_at }.seal(turn)?;
        self.push_challenge(
            turn,
            Challenge {
                id,
                created_at: turn.now,
                expires_at,
                asks: Asks::of(&asks),
                origin: Origin::Login(seed),
                evidence,
                approval: None,
            },
        );
        turn.record(EventKind::LoginChallenged, About::default())?;
        Ok(LoginStep::Challenge { id, token, expires_in, methods })
    }

    /// The wait until the first of the offered ways is free again, when all of them are locked.
    fn all_locked_for(&self, now: Timestamp, methods: &[Offer]) -> Option<u32> {
        let waits = methods.iter().map(|offer| match offer.authenticator_id {
            Some(id) => self.authenticators.iter().find(|a| a.id == id).and_then(|a| a.throttle.locked_for(now)),
            None => self.recovery_throttle.locked_for(now),
        });
        waits.collect::<Option<Vec<u32>>>()?.into_iter().min()
    }

    /// Adds a challenge; the ninth supersedes an older one.
    pub(super) fn push_challenge(&mut self, turn: &Turn<'_>, challenge: Challenge) {
        while self.challenges.len() >= turn.policy.pending_challenges {
            self.challenges.remove(self.superseded(turn.now, challenge.session()));
        }
        self.challenges.push(challenge);
    }

    /// Which challenge makes room: an expired one, else the oldest of whoever has opened the most,
    /// all logins being one. So whoever has the password and signs in again and again supersedes
    /// other logins, and not the step-up of a session.
    fn superseded(&self, now: Timestamp, by: Option<SessionId>) -> usize {
        let crowd = |c: &Challenge| self.challenges.iter().filter(|other| other.session() == c.session()).count();
        let expired = self.challenges.iter().position(|c| !c.is_live(now));
        let most =
            || self.challenges.iter().enumerate().max_by_key(|(at, c)| (crowd(c), c.session() == by, Reverse(*at)));
        expired.or_else(|| most().map(|(at, _)| at)).unwrap_or_default()
    }

    /// Begins a session; one more than the policy allows ends, of those at the lowest level, the one
    /// unused for longest.
    pub(super) fn open_session(
        &mut self,
        turn: &mut Turn<'_>,
        seed: Seed,
        evidence: Vec<Evidence>,
        step_up: Option<crate::assurance::StepUpGrant>,
    ) -> Result<Grant, Refusal> {
        self.sessions.retain(|s| turn.now < s.until);
        while self.sessions.len() >= turn.policy.max_sessions
            // Whoever has the password alone makes sessions at will: they go before those that took more.
            && let Some(oldest) = self.sessions.iter().min_by_key(|s| (s.level(turn.policy), s.last_seen)).map(|s| s.id)
        {
            self.drop_session(turn, oldest)?;
        }
        let (mut session, refresh_token) = Session::begin(turn, &self.subject, seed, evidence)?;
        let grant = session.grant(turn, &self.subject)?;
        self.sessions.push(session);
        Ok(grant.with_step_up(step_up).with_refresh_token(refresh_token))
    }

    /// Ends a session, and what it had opened, with an event.
    pub(super) fn drop_session(&mut self, turn: &mut Turn<'_>, id: SessionId) -> Result<(), Refusal> {
        self.replace_session(turn, id);
        turn.record(EventKind::SessionEnded, About::session(id))
    }

    /// Ends a session because another follows it.
    pub(super) fn replace_session(&mut self, turn: &mut Turn<'_>, id: SessionId) {
        turn.ended.extend(self.sessions.iter().filter(|s| s.id == id).map(|s| (s.id, s.tokens_until())));
        self.sessions.retain(|s| s.id != id);
        self.challenges.retain(|c| c.session() != Some(id));
    }
}

/// Most roles or scopes of a session, longest text among what the host says of it, and all roles and
/// scopes together, in bytes: they stand in every token, and a token of 16 KiB is refused.
const LIST_MAX: usize = 64;
const TEXT_MAX: usize = 255;
const ALL_MAX: usize = 4096;

impl FirstFactor {
    /// Every list in the document has a maximum, and so has every text.
    fn check(&self) -> Result<(), Refusal> {
        let fits = |list: &[Box<str>]| list.len() <= LIST_MAX && list.iter().all(|text| text.len() <= TEXT_MAX);
        let all: usize = self.roles.iter().chain(&self.scopes).map(|text| text.len()).sum();
        if !fits(&self.roles) || !fits(&self.scopes) || all > ALL_MAX {
            return Err(Refusal::invalid("roles", "and scopes must be at most 64 of at most 255 bytes, 4 KiB in all"));
        }
        // What no token and no key URI can say is refused before anything is committed.
        if !self.scopes.iter().all(|scope| is_scope_token(scope)) {
            return Err(Refusal::invalid("scopes", "must be scope tokens (RFC 6749 §3.3): no spaces, no quotes"));
        }
        let has_control = |text: &str| text.chars().any(char::is_control);
        if self.roles.iter().any(|role| has_control(role)) {
            return Err(Refusal::invalid("roles", "must not have control characters"));
        }
        for (field, text) in
            [("client", &self.client_id), ("address", &self.address), ("account_name", &self.account_name)]
        {
            if text.as_ref().is_some_and(|text| text.len() > TEXT_MAX || has_control(text)) {
                return Err(Refusal::invalid(field, "must be at most 255 bytes without control characters"));
            }
        }
        if self.account_name.as_ref().is_some_and(|name| name.is_empty() || name.trim() != &**name) {
            return Err(Refusal::invalid("account_name", "must not be empty, nor begin or end with whitespace"));
        }
        if self.client_id.as_deref() == Some("") {
            // RFC 9068 §2.2: a token without a client is none, and would be refused by everybody.
            return Err(Refusal::invalid("client", "must not be empty"));
        }
        Ok(())
    }

    fn seed(&self, audience: &str, now: Timestamp) -> Seed {
        Seed {
            client_id: self.client_id.clone().unwrap_or_else(|| audience.into()),
            roles: self.roles.clone(),
            scopes: self.scopes.clone(),
            address: self.address.clone(),
            account_name: self.account_name.clone(),
            // An old password check is no new login: the window of a first binding runs from it.
            login_at: self.at.min(now),
            bypass_until: None,
        }
    }
}
