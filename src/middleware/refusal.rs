use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Response};

use super::problem::{Code, Problem};
use super::route_policy::PathTrick;
use super::settings::Settings;
use crate::assurance::{Decision, Forbidden, Missing, Requirement, StepUp};
use crate::token::{ElevateErrorKind, TokenError, TokenErrorKind};

/// Why a request was refused.
///
/// The layers and the extractors attach it to the extensions of their answer, so that the host can
/// log or count it. It names nothing a client sent.
///
/// ```
/// use http::{Request, Response};
/// use tower::{Layer, ServiceExt, service_fn};
/// use tower_mfa::assurance::Requirement;
/// use tower_mfa::middleware::{Refusal, RefusalKind, RequireLayer};
///
/// fn is_worth_an_alarm<B>(response: &Response<B>) -> bool {
///     response.extensions().get::<Refusal>().is_some_and(|refusal| refusal.kind() == RefusalKind::NotLayered)
/// }
/// assert!(!is_worth_an_alarm(&Response::new("sent")));
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// // Somebody has forgotten the `AuthenticateLayer`.
/// let send = service_fn(async |_: Request<()>| Ok::<_, std::convert::Infallible>(Response::new("sent")));
/// let alone = RequireLayer::new(Requirement::aal2()).layer(send);
/// assert!(is_worth_an_alarm(&alone.oneshot(Request::new(())).await.unwrap()));
/// # });
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    kind: RefusalKind,
    step_up: Option<Box<StepUp>>,
    /// The scopes that are needed, separated by spaces, where one is missing.
    scope: Option<Box<str>>,
    token_error: Option<TokenErrorKind>,
    /// The parameter that is to blame, and the rule it broke.
    broken: Option<(Box<str>, &'static str)>,
    /// The parameters that the approval of the action is to be bound to.
    bind: Vec<Box<str>>,
    /// What came of a code that was sent with the request.
    inline: Option<ElevateErrorKind>,
    /// What is wrong with the path.
    trick: Option<PathTrick>,
    /// The rule of a route policy that has refused.
    rule: Option<Arc<str>>,
}

/// The kinds of [`Refusal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusalKind {
    /// No credentials were presented.
    Unauthenticated,
    /// A token was presented and refused.
    InvalidToken,
    /// Two tokens were presented; which one is meant cannot be told.
    TwoTokens,
    /// A cookie came with an unsafe request that another site caused.
    CrossSite,
    /// The authentication is too weak or too old: the subject can do something about it.
    StepUp,
    /// A role or a scope is missing: nothing the subject proves will help.
    Scope,
    /// The request comes from none of the networks it may come from, or it is not known from where.
    Network,
    /// It is none of the hours in which the request may be made.
    Hours,
    /// Nobody may make the request.
    Never,
    /// A parameter that the approval is bound to is missing, stands twice or is of another type.
    Parameter,
    /// The body does not say how long it is, or ends before.
    Body,
    /// The body is longer than what is read of it.
    TooLarge,
    /// The body is not of the media type that is read.
    MediaType,
    /// The code that came with the request is wrong or was used before.
    InvalidCode,
    /// Too many codes were wrong; this one was not looked at.
    Throttled,
    /// The authenticator the code is of was disabled.
    AuthenticatorDisabled,
    /// The path can be read in more than one way ([`PathTrick`](super::route_policy::PathTrick)).
    BadPath,
    /// No rule of the route policy names this method and path.
    NotNamed,
    /// It could not be decided.
    Unavailable,
    /// The host's mistake: no [`AuthenticateLayer`](super::AuthenticateLayer) is outside.
    NotLayered,
    /// The host's mistake: a [`RoutePolicyLayer`](super::RoutePolicyLayer) stands where it cannot judge
    /// the request, or reads no bodies and has a rule that needs them.
    Misplaced,
}

impl RefusalKind {
    /// Returns the code it is answered with.
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Self::Unauthenticated => Code::Unauthenticated,
            Self::InvalidToken => Code::InvalidToken,
            Self::TwoTokens | Self::Parameter | Self::Body | Self::BadPath => Code::InvalidRequest,
            Self::InvalidCode => Code::InvalidCode,
            Self::Throttled => Code::Throttled,
            Self::AuthenticatorDisabled => Code::AuthenticatorDisabled,
            Self::TooLarge => Code::TooLarge,
            Self::MediaType => Code::UnsupportedMediaType,
            Self::CrossSite | Self::Network | Self::Hours | Self::Never | Self::NotNamed => Code::Forbidden,
            Self::StepUp => Code::InsufficientUserAuthentication,
            Self::Scope => Code::InsufficientScope,
            Self::Unavailable => Code::Unavailable,
            Self::NotLayered | Self::Misplaced => Code::Internal,
        }
    }
}

impl Refusal {
    pub(crate) const fn new(kind: RefusalKind) -> Self {
        Self {
            kind,
            step_up: None,
            scope: None,
            token_error: None,
            broken: None,
            bind: Vec::new(),
            inline: None,
            trick: None,
            rule: None,
        }
    }

    pub(crate) fn parameter(name: &str, rule: &'static str) -> Self {
        Self { broken: Some((name.into(), rule)), ..Self::new(RefusalKind::Parameter) }
    }

    pub(crate) fn bound_to(self, names: &[Box<str>]) -> Self {
        Self { bind: names.to_vec(), ..self }
    }

    pub(crate) fn bad_path(trick: PathTrick) -> Self {
        let kind = if matches!(trick, PathTrick::Rewritten) { RefusalKind::Misplaced } else { RefusalKind::BadPath };
        Self { trick: Some(trick), ..Self::new(kind) }
    }

    pub(crate) fn by_rule(self, name: Arc<str>) -> Self {
        Self { rule: Some(name), ..self }
    }

    /// What a code that came with the request led to; `None` where a challenge has to be opened.
    pub(crate) fn inline(kind: ElevateErrorKind) -> Option<Self> {
        use ElevateErrorKind as Kind;
        let refused = |refusal: RefusalKind| Self { inline: Some(kind), ..Self::new(refusal) };
        Some(match kind {
            Kind::Insufficient => return None,
            Kind::Malformed => Self::parameter("X-MFA-Token", "must be a code of an authenticator app"),
            Kind::InvalidCode { .. } => refused(RefusalKind::InvalidCode),
            Kind::Throttled { .. } => refused(RefusalKind::Throttled),
            Kind::Disabled => refused(RefusalKind::AuthenticatorDisabled),
            Kind::InvalidToken => refused(RefusalKind::InvalidToken),
            Kind::Unavailable => refused(RefusalKind::Unavailable),
        })
    }

    /// The approval is missing, is of something else, or was used before.
    pub(crate) fn not_approved(requirement: &Requirement) -> Self {
        Self { step_up: Some(Box::new(StepUp::approval_of(requirement))), ..Self::new(RefusalKind::StepUp) }
    }

    /// Turns a decision into a refusal; `None` where it allows.
    pub(crate) fn of(decision: Decision) -> Option<Self> {
        match decision {
            Decision::Allow => None,
            Decision::StepUp(step_up) => {
                Some(Self { step_up: Some(Box::new(step_up)), ..Self::new(RefusalKind::StepUp) })
            }
            Decision::Forbid(Forbidden::Role(_)) => Some(Self::new(RefusalKind::Scope)),
            Decision::Forbid(Forbidden::Scope(needed)) => {
                Some(Self { scope: Some(needed), ..Self::new(RefusalKind::Scope) })
            }
            Decision::Forbid(Forbidden::Network) => Some(Self::new(RefusalKind::Network)),
            Decision::Forbid(Forbidden::Hours) => Some(Self::new(RefusalKind::Hours)),
            Decision::Forbid(Forbidden::Never) => Some(Self::new(RefusalKind::Never)),
            Decision::Unavailable => Some(Self::new(RefusalKind::Unavailable)),
        }
    }

    /// Returns which kind it is.
    #[must_use]
    pub const fn kind(&self) -> RefusalKind {
        self.kind
    }

    /// Returns what a step-up has to bring; empty for every other kind.
    #[must_use]
    pub fn missing(&self) -> &[Missing] {
        self.step_up.as_deref().map(StepUp::missing).unwrap_or_default()
    }

    /// Returns the nearest way to enough, where proving more would help.
    #[must_use]
    pub fn step_up(&self) -> Option<&StepUp> {
        self.step_up.as_deref()
    }

    /// Returns why the token was refused, for the log; the client is not told.
    #[must_use]
    pub const fn token_error(&self) -> Option<TokenErrorKind> {
        self.token_error
    }

    /// Returns the name of the route policy's rule that has refused, for the log; the client is not told.
    #[must_use]
    pub fn rule(&self) -> Option<&str> {
        self.rule.as_deref()
    }

    /// Returns what is wrong with the path; `None` for every other kind.
    #[must_use]
    pub const fn path_trick(&self) -> Option<PathTrick> {
        self.trick
    }

    /// Words it as a problem. Without settings (there was no layer) no name and no place is known.
    pub(crate) fn problem(&self, settings: Option<&Settings>) -> Problem {
        let problem = match (self.kind, &self.step_up, settings) {
            (RefusalKind::StepUp, Some(step_up), Some(settings)) => {
                let problem = Problem::step_up(step_up, settings.names(), &settings.step_up_uri);
                if self.bind.is_empty() { problem } else { problem.bind(self.bind.iter().cloned()) }
            }
            (RefusalKind::Scope, ..) => {
                let problem = Problem::new(Code::InsufficientScope);
                if let Some(needed) = &self.scope { problem.scope(&**needed) } else { problem }
            }
            (RefusalKind::Network, ..) => {
                Problem::new(Code::Forbidden).detail("The request comes from a network that may not make it.")
            }
            (RefusalKind::Hours, ..) => {
                Problem::new(Code::Forbidden).detail("The request may not be made at this time.")
            }
            (RefusalKind::TwoTokens, ..) => {
                Problem::new(Code::InvalidRequest).detail("The request carries more than one token.")
            }
            (RefusalKind::CrossSite, ..) => {
                Problem::new(Code::Forbidden).detail("The request was caused by another site.")
            }
            (RefusalKind::Body, ..) => {
                Problem::new(Code::InvalidRequest).detail("The body must say how long it is, and be whole.")
            }
            (RefusalKind::NotNamed, ..) => {
                Problem::new(Code::Forbidden).detail("No rule of the policy names this address.")
            }
            (kind @ (RefusalKind::InvalidCode | RefusalKind::Throttled), ..) => self.counted(Problem::new(kind.code())),
            (kind, ..) => match &self.broken {
                Some((name, rule)) => {
                    Problem::new(kind.code()).field(String::from(&**name)).detail(format!("{name} {rule}"))
                }
                None => match self.trick.filter(|_| kind == RefusalKind::BadPath) {
                    Some(trick) => Problem::new(kind.code()).detail(trick.detail()),
                    None => Problem::new(kind.code()),
                },
            },
        };
        match settings {
            Some(settings) => problem.realm(String::from(&*settings.realm)),
            None => problem,
        }
    }
}

impl Refusal {
    /// Says how many attempts are left and how long to wait.
    fn counted(&self, problem: Problem) -> Problem {
        match self.inline {
            Some(ElevateErrorKind::InvalidCode { attempts_remaining, retry_after }) => {
                let problem = problem.attempts_remaining(attempts_remaining);
                retry_after.map_or(problem.clone(), |secs| problem.retry_after(u64::from(secs)))
            }
            Some(ElevateErrorKind::Throttled { retry_after }) => problem.retry_after(u64::from(retry_after)),
            _ => problem,
        }
    }
}

impl From<TokenError> for Refusal {
    fn from(error: TokenError) -> Self {
        let kind = match error.kind() {
            TokenErrorKind::NotKnown => RefusalKind::Unavailable,
            _ => RefusalKind::InvalidToken,
        };
        Self { token_error: Some(error.kind()), ..Self::new(kind) }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            RefusalKind::Unauthenticated => "no credentials were presented",
            RefusalKind::InvalidToken => "the token was refused",
            RefusalKind::TwoTokens => "more than one token was presented",
            RefusalKind::CrossSite => "a cookie came with an unsafe request of another site",
            RefusalKind::StepUp => "the authentication is too weak or too old",
            RefusalKind::Scope => "a role or a scope is missing",
            RefusalKind::Network => "the request comes from another network, or it is not known from where",
            RefusalKind::Hours => "the request may not be made at this time",
            RefusalKind::Never => "nobody may make the request",
            RefusalKind::InvalidCode => "the code that came with the request was refused",
            RefusalKind::Throttled => "too many codes were wrong; this one was not looked at",
            RefusalKind::AuthenticatorDisabled => "the authenticator the code is of was disabled",
            RefusalKind::Parameter => "a parameter of the action is missing or malformed",
            RefusalKind::Body => "the body does not say how long it is, or is not whole",
            RefusalKind::TooLarge => "the body is too large",
            RefusalKind::MediaType => "the body is not of the media type that is read",
            RefusalKind::BadPath => "the path can be read in more than one way",
            RefusalKind::NotNamed => "no rule of the route policy names the address",
            RefusalKind::Misplaced => "the RoutePolicyLayer stands where it cannot judge the request",
            RefusalKind::Unavailable => "it could not be decided",
            RefusalKind::NotLayered => "there is no AuthenticateLayer outside",
        })
    }
}

impl std::error::Error for Refusal {}

/// In which form a client reads an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Problem,
    /// To HEAD: the same headers, and no body.
    Head,
    Grpc,
}

impl Form {
    pub(crate) fn of(method: &Method, headers: &HeaderMap) -> Self {
        let grpc = headers.get(CONTENT_TYPE).and_then(|value| value.as_bytes().get(..16));
        if grpc.is_some_and(|start| start.eq_ignore_ascii_case(b"application/grpc")) {
            Self::Grpc
        } else if method == Method::HEAD {
            Self::Head
        } else {
            Self::Problem
        }
    }

    pub(crate) fn write(self, problem: Problem) -> Response<Bytes> {
        match self {
            Self::Problem | Self::Head => self.bare(problem.into_response()),
            Self::Grpc => problem.into_grpc_response(),
        }
    }

    /// Takes the body off an answer to HEAD.
    pub(crate) fn bare(self, answer: Response<Bytes>) -> Response<Bytes> {
        if self == Self::Head { answer.map(|_| Bytes::new()) } else { answer }
    }
}
