use std::fmt;

use serde::Serialize;

use super::tokens::{Tokens, TokensBody, to_text};
use crate::account::{AuthenticatorView, ChallengeView, Offer};
use crate::assurance::Method;
use crate::id::ChallengeId;
use crate::recovery_code::RecoveryCode;
use crate::secret::SecretString;

/// What a login led to: the body of the host's own login route.
///
/// ```
/// use tower_mfa::service::LoginOutcome;
///
/// fn is_worth_waiting(outcome: &LoginOutcome) -> bool {
///     matches!(outcome, LoginOutcome::Blocked { throttled_for: Some(_), .. })
/// }
/// let disabled = LoginOutcome::Blocked { throttled_for: None, recovery: vec![] };
/// assert!(!is_worth_waiting(&disabled));
/// let throttled = LoginOutcome::Blocked { throttled_for: Some(30), recovery: vec![] };
/// assert!(is_worth_waiting(&throttled));
/// assert_eq!(throttled.into_json(), r#"{"status":"blocked","reason":"throttled","retry_after":30,"recovery":[]}"#);
/// ```
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub enum LoginOutcome {
    /// The login is complete.
    Complete(Tokens),
    /// A second factor is wanted.
    Challenge(LoginChallenge),
    /// A first authenticator has to be bound before there is a session.
    EnrolmentRequired {
        /// Opens the enrolment routes and nothing else.
        enrolment_token: SecretString,
        /// Seconds until it lapses.
        expires_in: u32,
        /// What can be bound.
        allowed: Vec<Method>,
    },
    /// Nothing usable is bound, or everything that is, is locked.
    Blocked {
        /// Seconds until a way is free again; `None` when waiting does not help.
        throttled_for: Option<u32>,
        /// Ways to recover the account.
        recovery: Vec<Method>,
    },
}

/// The question a login asks.
#[derive(Debug)]
#[non_exhaustive]
pub struct LoginChallenge {
    /// The id, which has no power of its own.
    pub id: ChallengeId,
    /// Proof that the first factor succeeded; opens this challenge and nothing else.
    pub token: SecretString,
    /// Seconds until it lapses.
    pub expires_in: u32,
    /// The ways to answer.
    pub methods: Vec<Offer>,
}

impl LoginOutcome {
    /// Gives itself up as the JSON object of the HTTP contract.
    ///
    /// # Security
    ///
    /// The text holds the tokens: send it once, with `Cache-Control: no-store`.
    #[must_use]
    pub fn into_json(self) -> String {
        self.text(true)
    }

    pub(crate) fn text(&self, in_body: bool) -> String {
        match self {
            Self::Complete(tokens) => to_text(&tokens.body(in_body)),
            Self::Challenge(c) => to_text(&LoginChallengeBody {
                status: "challenge",
                challenge_id: c.id,
                challenge_token: c.token.expose(),
                expires_in: c.expires_in,
                methods: &c.methods,
            }),
            Self::EnrolmentRequired { enrolment_token, expires_in, allowed } => {
                enrolment_text(enrolment_token, *expires_in, allowed, None)
            }
            Self::Blocked { throttled_for, recovery } => to_text(&BlockedBody {
                status: "blocked",
                reason: if throttled_for.is_some() { "throttled" } else { "disabled" },
                retry_after: *throttled_for,
                recovery,
            }),
        }
    }
}

#[derive(Serialize)]
struct LoginChallengeBody<'a> {
    status: &'static str,
    challenge_id: ChallengeId,
    challenge_token: &'a str,
    expires_in: u32,
    methods: &'a [Offer],
}

#[derive(Serialize)]
struct EnrolmentBody<'a> {
    status: &'static str,
    enrolment_token: &'a str,
    expires_in: u32,
    allowed: &'a [Method],
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_codes: Option<Vec<&'a str>>,
}

fn enrolment_text(token: &SecretString, expires_in: u32, allowed: &[Method], codes: Option<&[RecoveryCode]>) -> String {
    let (enrolment_token, recovery_codes) = (token.expose(), exposed(codes));
    to_text(&EnrolmentBody { status: "enrolment_required", enrolment_token, expires_in, allowed, recovery_codes })
}

fn exposed(codes: Option<&[RecoveryCode]>) -> Option<Vec<&str>> {
    codes.map(|codes| codes.iter().map(RecoveryCode::expose).collect())
}

#[derive(Serialize)]
struct BlockedBody<'a> {
    status: &'static str,
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u32>,
    recovery: &'a [Method],
}

/// What opening a challenge led to.
///
/// ```
/// use tower_mfa::assurance::Authentication;
/// use tower_mfa::service::{ChallengeOutcome, ChallengeRequest, Mfa};
///
/// // The policy says that "pay" needs a code. Alice has just typed one.
/// async fn example(mfa: &Mfa, alice: &Authentication) {
///     let pay = || ChallengeRequest::new().action("pay");
///
///     let opened = mfa.open_challenge(alice, pay()).await.unwrap();
///     let ChallengeOutcome::Complete(answer) = opened else { panic!("the code is fresh") };
///     assert_eq!(answer.tokens.step_up().unwrap().action(), "pay");
///
///     let opened = mfa.open_challenge(alice, pay().bind([("to", "bob")]).unwrap()).await.unwrap();
///     assert!(matches!(opened, ChallengeOutcome::Pending(_)), "not without asking: Bob was not spoken of");
/// }
/// # mod scene { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/scene/alice.rs")); }
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// # let mut alice = scene::Alice::signs_in().await;
/// # alice.binds_an_app().await;
/// # example(&alice.mfa, &alice.session).await;
/// # });
/// ```
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub enum ChallengeOutcome {
    /// Nothing was missing: a token from the session's present evidence, without a refresh token.
    Complete(Box<Answer>),
    /// A question to answer.
    Pending(ChallengeView),
}

/// What a right answer led to. A wrong one is an [`Error`](super::Error).
///
/// ```
/// use tower_mfa::service::{AnswerOutcome, LoginChallenge, Mfa, Reply, Responder};
///
/// // `asked` is what a login led to; `spare` is the last recovery code on Alice's list.
/// async fn example(mfa: &Mfa, asked: &LoginChallenge, spare: &str) {
///     let answer = |code: &str| mfa.answer(Responder::Token(&asked.token), asked.id, Reply::recovery_code(code));
///
///     assert!(answer("0000-0000-0000-0000").await.is_err(), "a wrong answer leads nowhere");
///
///     match answer(spare).await.unwrap() {
///         AnswerOutcome::Complete(answer) => assert_eq!(answer.recovery_codes_remaining, Some(0)),
///         more => panic!("one answer is enough, and not {more:?}"),
///     }
/// }
/// # mod scene { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/scene/alice.rs")); }
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// # let mut alice = scene::Alice::signs_in().await;
/// # let (_, spare) = alice.binds_an_app().await;
/// # example(&alice.mfa, &alice.is_asked().await, spare.expose()).await;
/// # });
/// ```
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub enum AnswerOutcome {
    /// The challenge is met.
    Complete(Answer),
    /// Something is still missing: another answer is wanted, as where a requirement takes two
    /// authenticators. With a password before it, one code or one recovery code always completes.
    More(ChallengeView),
    /// A login was answered, and too few authenticators are bound: no session before they are.
    EnrolmentRequired {
        /// Opens the enrolment routes and nothing else.
        enrolment_token: SecretString,
        /// Seconds until it lapses.
        expires_in: u32,
        /// What can be bound.
        allowed: Vec<Method>,
        /// As [`Answer::recovery_codes`].
        recovery_codes: Option<Vec<RecoveryCode>>,
    },
}

impl AnswerOutcome {
    /// Gives itself up as the JSON object of the HTTP contract.
    ///
    /// # Security
    ///
    /// As [`LoginOutcome::into_json`].
    #[must_use]
    pub fn into_json(self) -> String {
        self.text(true)
    }

    pub(crate) fn text(&self, in_body: bool) -> String {
        match self {
            Self::Complete(answer) => answer.text(in_body),
            Self::More(view) => to_text(&MoreBody {
                status: "challenge",
                challenge_id: view.id,
                expires_in: view.expires_in,
                methods: &view.methods,
            }),
            Self::EnrolmentRequired { enrolment_token, expires_in, allowed, recovery_codes } => {
                enrolment_text(enrolment_token, *expires_in, allowed, recovery_codes.as_deref())
            }
        }
    }
}

#[derive(Serialize)]
struct MoreBody<'a> {
    status: &'static str,
    challenge_id: ChallengeId,
    expires_in: u64,
    methods: &'a [Offer],
}

/// A challenge that is met.
#[non_exhaustive]
pub struct Answer {
    /// The tokens of the session that follows.
    pub tokens: Tokens,
    /// The host's state, as JSON text, where the challenge was opened with one.
    pub state: Option<String>,
    /// How many recovery codes are left, when one was used.
    pub recovery_codes_remaining: Option<usize>,
    /// The recovery code in the place of the one that was used, where the policy issues one. It is shown
    /// once and kept nowhere.
    pub recovery_codes: Option<Vec<RecoveryCode>>,
}

/// The host's state is sealed at rest, so it is not printed either.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("tokens", &self.tokens)
            .field("state", &self.state.as_ref().map(|_| format_args!("[redacted]")))
            .field("recovery_codes_remaining", &self.recovery_codes_remaining)
            .field("recovery_codes", &self.recovery_codes)
            .finish()
    }
}

impl Answer {
    /// Gives itself up as the JSON object of the HTTP contract.
    ///
    /// # Security
    ///
    /// As [`LoginOutcome::into_json`].
    #[must_use]
    pub fn into_json(self) -> String {
        self.text(true)
    }

    pub(crate) fn text(&self, in_body: bool) -> String {
        to_text(&AnswerBody {
            tokens: self.tokens.body(in_body),
            recovery_codes_remaining: self.recovery_codes_remaining,
            recovery_codes: exposed(self.recovery_codes.as_deref()),
            state: self.state.as_deref().and_then(|state| serde_json::from_str(state).ok()),
        })
    }
}

#[derive(Serialize)]
struct AnswerBody<'a> {
    #[serde(flatten)]
    tokens: TokensBody<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_codes_remaining: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_codes: Option<Vec<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<serde_json::Value>,
}

/// An authenticator that was just bound.
#[derive(Debug)]
#[non_exhaustive]
pub struct Binding {
    /// The authenticator.
    pub authenticator: AuthenticatorView,
    /// Recovery codes, with the first authenticator. They are shown once and kept nowhere.
    pub recovery_codes: Option<Vec<RecoveryCode>>,
    /// The new session's tokens.
    pub tokens: Tokens,
}

impl Binding {
    /// Gives itself up as the JSON object of the HTTP contract, recovery codes included.
    ///
    /// # Security
    ///
    /// As [`LoginOutcome::into_json`].
    #[must_use]
    pub fn into_json(self) -> String {
        self.text(true)
    }

    pub(crate) fn text(&self, in_body: bool) -> String {
        to_text(&BindingBody {
            tokens: self.tokens.body(in_body),
            authenticator: &self.authenticator,
            recovery_codes: exposed(self.recovery_codes.as_deref()),
        })
    }
}

#[derive(Serialize)]
struct BindingBody<'a> {
    #[serde(flatten)]
    tokens: TokensBody<'a>,
    authenticator: &'a AuthenticatorView,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_codes: Option<Vec<&'a str>>,
}
