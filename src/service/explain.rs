use std::net::IpAddr;

use http::Method;

use super::shell::{IfMissing, Matter};
use super::{Error, Mfa};
use crate::account::{Refusal, SeedOf};
use crate::assurance::{Circumstances, Known};
use crate::id::{SessionId, Subject};
use crate::middleware::route_policy::{RouteExplanation, RoutePolicy};

/// Whose request is to be explained, and where it came from.
///
/// ```
/// use tower_mfa::id::Subject;
/// use tower_mfa::service::Asking;
///
/// let alice = Subject::new("alice").unwrap();
/// let asking = Asking::subject(&alice).from_address("192.0.2.7".parse().unwrap());
/// assert_ne!(format!("{asking:?}"), format!("{:?}", Asking::nobody()));
/// ```
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct Asking<'a> {
    subject: Option<&'a Subject>,
    session: Option<SessionId>,
    address: Option<IpAddr>,
}

impl<'a> Asking<'a> {
    /// Nobody is signed in.
    pub const fn nobody() -> Self {
        Self { subject: None, session: None, address: None }
    }

    /// The subject, in the session that was used last.
    pub const fn subject(subject: &'a Subject) -> Self {
        Self { subject: Some(subject), session: None, address: None }
    }

    /// In this session of theirs.
    pub const fn session(self, session: SessionId) -> Self {
        Self { session: Some(session), ..self }
    }

    /// From this address. Default: it is not known, and lies in no network.
    pub const fn from_address(self, address: IpAddr) -> Self {
        Self { address: Some(address), ..self }
    }
}

impl Mfa {
    /// Explains what a route policy makes of a request by somebody: which rule matches, what is missing and why.
    ///
    /// It is decided by what the subject's session holds now; nothing is written, and no approval counts, for
    /// that stands in a token alone. `path` is the raw one, without the query.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] for a subject without an account, or a session that is none of theirs or is over;
    /// [`Refusal::Unavailable`] when the store does not answer.
    ///
    /// # Security
    ///
    /// This call asks for no token: whoever reaches it is told how somebody is signed in.
    ///
    /// # Cancel safety
    ///
    /// Safe: nothing is changed.
    pub async fn explain(
        &self,
        policy: &RoutePolicy,
        method: &Method,
        path: &str,
        asking: Asking<'_>,
    ) -> Result<RouteExplanation, Error> {
        let clock = self.inner.clock.now()?;
        let Some(subject) = asking.subject else {
            let at = Circumstances::at(clock).if_known_from(asking.address);
            return Ok(policy.explain_known(method, path, None, at));
        };
        let matter = Matter {
            subject,
            seed: SeedOf::Nobody,
            address: None,
            if_missing: IfMissing::NotFound,
            resets_clock: false,
        };
        let account = self.inner.look_at(matter).await?.ok_or(Refusal::NotFound)?;
        let now = clock.max(account.latest());
        let at = Circumstances::at(now).if_known_from(asking.address);
        let policy_of = |sid: &str| self.inner.policy_for(&account, Matter { seed: SeedOf::Session(sid), ..matter }).0;
        let found = account.session_known(now, asking.session, policy_of);
        if found.is_none() && asking.session.is_some() {
            return Err(Refusal::NotFound.into());
        }
        let known = found.as_ref().map(|session| Known {
            name: subject.name(),
            assurance: &session.assurance,
            roles: session.roles,
            scopes: session.scopes,
            step_up: None,
        });
        let explained = policy.explain_known(method, path, known.as_ref(), at);
        Ok(if known.is_some() { explained } else { explained.of_absent(subject.name()) })
    }
}
