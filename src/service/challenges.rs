use super::outcome::{Answer, AnswerOutcome, ChallengeOutcome};
use super::shell::{IfMissing, Matter};
use super::{Error, Mfa};
use crate::account::webauthn::Assertion;
use crate::account::{
    Access, Answered, Ask, Bind, ChallengeClaims, ChallengeView, Enrolling, Given, Opened, Refusal, SeedOf, Settling,
    Which,
};
use crate::assurance::{Authentication, Proof, Requirement};
use crate::id::{ChallengeId, Subject};
use crate::rate_limit::Tried;
use crate::secret::SecretString;
use crate::token::{BindError, bind_digest};

/// Longest `state` a challenge carries, in bytes of JSON.
const STATE_MAX: usize = 1024;

/// What a session asks for when it opens a challenge.
///
/// Without anything it asks for AAL2. What an action needs is the policy's word; `require` can only
/// make it stricter.
///
/// ```
/// use tower_mfa::account::Refusal;
/// use tower_mfa::assurance::Authentication;
/// use tower_mfa::service::{ChallengeOutcome, ChallengeRequest, Mfa};
///
/// // The policy says that "read_mail" needs AAL1 and "pay" AAL2. Alice has typed her password.
/// async fn example(mfa: &Mfa, alice: &Authentication) {
///     let read = ChallengeRequest::new().action("read_mail").state(r#"{"folder":"inbox"}"#);
///     let opened = mfa.open_challenge(alice, read).await.unwrap();
///     assert!(matches!(opened, ChallengeOutcome::Complete(_)), "nothing is missing");
///
///     let pay = ChallengeRequest::new().action("pay").bind([("to", "bob")]).unwrap();
///     let refused = mfa.open_challenge(alice, pay).await.unwrap_err();
///     assert!(matches!(refused.refusal(), Refusal::NoEligibleAuthenticator { .. }), "no app is bound");
///     assert!(ChallengeRequest::new().bind([("amount", 4.99)]).is_err(), "cents, please: a number is whole");
/// }
/// # mod scene { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/scene/alice.rs")); }
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// # let alice = scene::Alice::signs_in().await;
/// # example(&alice.mfa, &alice.session).await;
/// # });
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct ChallengeRequest {
    requirement: Option<Requirement>,
    max_age: Option<u32>,
    kinds: Vec<Proof>,
    action: Option<Box<str>>,
    bind: Option<Vec<(String, serde_json::Value)>>,
    state: Option<SecretString>,
}

impl Default for ChallengeRequest {
    fn default() -> Self {
        Self::new()
    }
}

impl ChallengeRequest {
    /// Asks for AAL2, as old as it may be.
    pub const fn new() -> Self {
        Self { requirement: None, max_age: None, kinds: Vec::new(), action: None, bind: None, state: None }
    }

    /// Asks for what a route wants.
    pub fn require(mut self, requirement: Requirement) -> Self {
        self.requirement = Some(requirement);
        self
    }

    /// Asks for an authentication at most `secs` seconds old.
    pub const fn max_age(mut self, secs: u32) -> Self {
        self.max_age = Some(secs);
        self
    }

    /// Asks for a proof of one of these kinds, as old as [`max_age`](Self::max_age) says: what a refusal
    /// lists as [`StepUp::kinds`](crate::assurance::StepUp::kinds).
    pub fn kinds(mut self, kinds: impl IntoIterator<Item = Proof>) -> Self {
        self.kinds = kinds.into_iter().collect();
        self
    }

    /// Asks for the approval of an action of the policy.
    pub fn action(mut self, action: impl Into<Box<str>>) -> Self {
        self.action = Some(action.into());
        self
    }

    /// Binds the approval to parameters: strings and integers.
    ///
    /// # Errors
    ///
    /// [`BindError`] when a value is neither, or there are too many.
    pub fn bind<N: Into<String>, V: serde::Serialize>(
        mut self,
        parameters: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, BindError> {
        let value = |value: V| serde_json::to_value(value).map_err(|_| BindError::Value);
        let members: Vec<(String, serde_json::Value)> =
            parameters.into_iter().map(|(name, v)| Ok((name.into(), value(v)?))).collect::<Result<_, BindError>>()?;
        bind_digest("", members.clone())?;
        self.bind = Some(members);
        Ok(self)
    }

    /// Carries the host's state, a JSON text of at most 1 KiB; it is sealed and comes back in the
    /// answer.
    pub fn state(mut self, json: impl Into<String>) -> Self {
        self.state = Some(SecretString::new(json.into()));
        self
    }

    fn ask(self) -> Result<Ask, Refusal> {
        let action = self.action.as_deref().unwrap_or_default();
        let bound = |members: Vec<(String, serde_json::Value)>| {
            let names = members.iter().map(|(name, _)| name.as_str().into()).collect();
            Ok(Bind { names, digest: bind_digest(action, members)?.into() })
        };
        let bind = self.bind.map(bound).transpose().map_err(|e: BindError| Refusal::invalid("bind", e.rule()))?;
        if self.state.as_ref().is_some_and(|state| state.expose().len() > STATE_MAX) {
            return Err(Refusal::invalid("state", "must have at most 1 KiB"));
        }
        if self
            .state
            .as_ref()
            .is_some_and(|state| serde_json::from_str::<serde::de::IgnoredAny>(state.expose()).is_err())
        {
            return Err(Refusal::invalid("state", "must be JSON"));
        }
        // What an action needs the policy knows; without one, opening a challenge means a second factor.
        let default = if self.action.is_some() { Requirement::aal1() } else { Requirement::aal2() };
        let mut requirement = self.requirement.unwrap_or(default);
        if let Some(secs) = self.max_age {
            requirement = requirement.within(secs);
        }
        if !self.kinds.is_empty() {
            let fresh = |kind: Proof| self.max_age.map_or(kind, |secs| kind.within(secs));
            let one_of = self.kinds.iter().map(|kind| Requirement::aal1().with_proof(fresh(*kind)));
            requirement = requirement.with_any_of(one_of);
        }
        Ok(Ask { requirement, action: self.action, bind, state: self.state })
    }
}

/// Who answers a challenge.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Responder<'a> {
    /// Whoever holds the challenge's own token: the first factor of a login succeeded.
    Token(&'a SecretString),
    /// The session that opened it.
    Session(&'a Authentication),
}

/// What a challenge is answered with.
///
/// ```
/// use tower_mfa::service::Reply;
///
/// let typed = [Reply::totp("755 224"), Reply::recovery_code("3QJD-7316-GR5Z-0HTW")];
/// assert!(format!("{typed:?}").contains("[redacted]"));
/// assert!(!format!("{typed:?}").contains("755"), "a code is not printed");
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Reply(pub(super) ReplyKind);

#[derive(Debug, Clone)]
pub(super) enum ReplyKind {
    Totp { code: SecretString, which: Which },
    Recovery { code: SecretString },
    Key { credential: Box<str> },
}

impl Reply {
    /// Answers with a code of an authenticator app; it is tried on all that are bound.
    pub fn totp(code: impl Into<Box<str>>) -> Self {
        Self(ReplyKind::Totp { code: SecretString::new(code), which: Which::Any })
    }

    /// Answers with a code of one authenticator app. An id that is none of the subject's is
    /// answered like a wrong code.
    pub fn totp_of(authenticator_id: &str, code: impl Into<Box<str>>) -> Self {
        let which = authenticator_id.parse().map_or(Which::Unknown, Which::One);
        Self(ReplyKind::Totp { code: SecretString::new(code), which })
    }

    /// Answers with a passkey or security key: the browser's `AuthenticationResponseJSON`.
    pub fn webauthn(credential: impl Into<Box<str>>) -> Self {
        Self(ReplyKind::Key { credential: credential.into() })
    }

    /// Answers with a recovery code, which is used up by it.
    pub fn recovery_code(code: impl Into<Box<str>>) -> Self {
        Self(ReplyKind::Recovery { code: SecretString::new(code) })
    }

    pub(super) const fn tried(&self) -> Tried {
        match self.0 {
            ReplyKind::Totp { .. } | ReplyKind::Recovery { .. } => Tried::Code,
            ReplyKind::Key { .. } => Tried::Key,
        }
    }
}

/// An access that was opened, and whose account it names.
pub(super) struct Reach {
    pub(super) subject: Subject,
    pub(super) access: Access,
}

impl Mfa {
    /// Opens a challenge from a session: step-up, re-authentication, approval of an action.
    ///
    /// When nothing is missing the outcome is a token at once: a fresh factor satisfies an unbound
    /// action without asking again. Nothing was proved by it, so that token, and an approval in it,
    /// expires no later than the one it was asked with.
    ///
    /// # Errors
    ///
    /// [`Refusal::InvalidRequest`] for an unknown action or a bad parameter, [`Refusal::Unbound`] when
    /// the action is one of the policy's bound ones and the parameters are not those it names,
    /// [`Refusal::Forbidden`] when the action needs a role or scope the session does not have,
    /// [`Refusal::NoEligibleAuthenticator`] when nothing bound can meet it,
    /// [`Refusal::InvalidToken`] when the session has ended.
    ///
    /// # Cancel safety
    ///
    /// Safe: at worst a challenge is open that nobody answers.
    pub async fn open_challenge(
        &self,
        by: &Authentication,
        request: ChallengeRequest,
    ) -> Result<ChallengeOutcome, Error> {
        let ask = request.ask()?;
        let opened = self.inner.turn(self.session_matter(by), |account, turn| account.open(turn, by, &ask)).await?;
        Ok(match opened {
            Opened::Complete { grant, state } => {
                let tokens = self.inner.issue(*grant).await?;
                let (recovery_codes_remaining, recovery_codes) = (None, None);
                let answer = Answer { tokens, state, recovery_codes_remaining, recovery_codes };
                ChallengeOutcome::Complete(Box::new(answer))
            }
            Opened::Pending(view) => ChallengeOutcome::Pending(view),
        })
    }

    /// Shows a pending challenge to whoever may answer it.
    ///
    /// # Errors
    ///
    /// [`Refusal::ChallengeGone`] when it is expired, used or superseded, [`Refusal::NotFound`] for
    /// an id that is none of the session's, [`Refusal::InvalidToken`] for a token of another kind
    /// or another challenge.
    ///
    /// # Cancel safety
    ///
    /// Safe: it changes nothing.
    pub async fn challenge(&self, by: Responder<'_>, id: ChallengeId) -> Result<ChallengeView, Error> {
        let reach = self.reach(by, id)?;
        let matter = self.challenge_matter(&reach.subject, id);
        self.inner.turn(matter, |account, turn| account.challenge_view(turn, reach.access, id)).await
    }

    /// Answers a challenge.
    ///
    /// ```
    /// use tower_mfa::account::Refusal;
    /// use tower_mfa::service::{AnswerOutcome, LoginChallenge, Mfa, Reply, Responder};
    /// use tower_mfa::testing::AuthenticatorApp;
    ///
    /// // `asked` is what a login led to, `app` is in Alice's hand.
    /// async fn example(mfa: &Mfa, asked: &LoginChallenge, app: &AuthenticatorApp) {
    ///     let answer = |code: &str| mfa.answer(Responder::Token(&asked.token), asked.id, Reply::totp(code));
    ///     let now = mfa.clock().now().unwrap();
    ///
    ///     let late = answer(&app.code(now.minus(600))).await.unwrap_err();
    ///     assert!(matches!(late.refusal(), Refusal::InvalidCode { .. }));
    ///
    ///     let code = app.code(now);
    ///     assert!(matches!(answer(&code).await, Ok(AnswerOutcome::Complete(_))));
    ///     assert_eq!(answer(&code).await.unwrap_err().refusal(), &Refusal::ChallengeGone, "it is answered");
    /// }
    /// # mod scene { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/scene/alice.rs")); }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let mut alice = scene::Alice::signs_in().await;
    /// # let (app, _) = alice.binds_an_app().await;
    /// # example(&alice.mfa, &alice.is_asked().await, &app).await;
    /// # });
    /// ```
    ///
    /// # Errors
    ///
    /// [`Refusal::InvalidCode`] when it is wrong or was used before, [`Refusal::Throttled`] while
    /// locked or when the address has spent its budget ([`RateLimits`](crate::rate_limit::RateLimits)),
    /// [`Refusal::AuthenticatorDisabled`] at the hard limit, and those of [`Mfa::challenge`].
    ///
    /// # Security
    ///
    /// The attempt is committed before this returns, right or wrong. Of any number of parallel
    /// calls with one code exactly one succeeds.
    ///
    /// # Cancel safety
    ///
    /// Safe: a dropped attempt may have been counted, and may have used its code up. A recovery code that
    /// took its place is then known to nobody; the others are as they were.
    pub async fn answer(&self, by: Responder<'_>, id: ChallengeId, reply: Reply) -> Result<AnswerOutcome, Error> {
        // What opens nothing costs nothing: it is guessed by nobody.
        let reach = self.reach(by, id)?;
        let what = reply.tried();
        self.limited(self.address.as_deref(), what, self.answered(&reach, id, reply)).await
    }

    async fn answered(&self, reach: &Reach, id: ChallengeId, reply: Reply) -> Result<AnswerOutcome, Error> {
        let matter = self.challenge_matter(&reach.subject, id);
        let (given, new_code) = match reply.0 {
            ReplyKind::Totp { code, which } => (Given::Totp { which, code }, None),
            ReplyKind::Recovery { code } => self.derive(matter, Settling::Challenge(reach.access, id), &code).await?,
            ReplyKind::Key { credential } => (self.key_answer(matter, reach.access, id, &credential).await?, None),
        };
        let answered = self.inner.turn(matter, |account, turn| account.answer(turn, reach.access, id, &given)).await;
        let answered = self.noted(answered)?;
        let shown = |replaced: bool| new_code.filter(|_| replaced).map(|code| vec![code]);
        Ok(match answered {
            Answered::Complete { grant, state, recovery_remaining, replaced } => AnswerOutcome::Complete(Answer {
                tokens: self.inner.issue(*grant).await?,
                state,
                recovery_codes_remaining: recovery_remaining,
                recovery_codes: shown(replaced),
            }),
            Answered::More(view) => AnswerOutcome::More(view),
            Answered::EnrolmentRequired { enrolling: Enrolling { token, expires_in, allowed }, replaced } => {
                let recovery_codes = shown(replaced);
                AnswerOutcome::EnrolmentRequired { enrolment_token: token, expires_in, allowed, recovery_codes }
            }
        })
    }

    /// Checks what a key has signed, before anybody waits in a line or anything is written: a signature that
    /// fails moves no counter of the account.
    async fn key_answer(
        &self,
        matter: Matter<'_>,
        access: Access,
        id: ChallengeId,
        credential: &str,
    ) -> Result<Given, Error> {
        let assertion = Assertion::parse(credential)?;
        self.ceremonies()?;
        let asked = self.inner.look(matter, |account, turn| account.asked_key(turn, access, id, &assertion)).await;
        Ok(Given::Key(Box::new(self.proven(matter.subject, asked, &assertion)?)))
    }

    /// Opens what the responder holds; garbage, and what has outlived its challenge, is refused before
    /// the store is asked.
    fn reach(&self, by: Responder<'_>, id: ChallengeId) -> Result<Reach, Error> {
        match by {
            Responder::Token(token) => {
                let claims = ChallengeClaims::open(&self.inner.vault, token.expose());
                let claims = claims.map_err(|_| Refusal::InvalidToken)?;
                if claims.challenge != id {
                    return Err(Refusal::InvalidToken.into());
                }
                if claims.expires_at <= self.inner.clock.now()? {
                    return Err(Refusal::ChallengeGone.into());
                }
                Ok(Reach { subject: claims.subject, access: Access::Token(claims.challenge) })
            }
            Responder::Session(by) => {
                let sid = by.session().and_then(|sid| sid.parse().ok()).ok_or(Refusal::InvalidToken)?;
                Ok(Reach { subject: by.subject().clone(), access: Access::Session(sid) })
            }
        }
    }

    fn challenge_matter<'a>(&'a self, subject: &'a Subject, id: ChallengeId) -> Matter<'a> {
        Matter { seed: SeedOf::Challenge(id), ..self.matter(subject) }
    }

    pub(super) fn session_matter<'a>(&'a self, by: &'a Authentication) -> Matter<'a> {
        Matter { seed: SeedOf::Session(by.session().unwrap_or_default()), ..self.matter(by.subject()) }
    }

    pub(super) fn matter<'a>(&'a self, subject: &'a Subject) -> Matter<'a> {
        Matter {
            subject,
            seed: SeedOf::Nobody,
            address: self.address.as_deref(),
            if_missing: IfMissing::InvalidToken,
            resets_clock: false,
        }
    }
}
