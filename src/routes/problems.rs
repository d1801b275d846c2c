//! Refusals as problem documents: one row of the error table each.

use axum::body::Body;
use axum::response::{IntoResponse, Response};

use crate::account::Refusal;
use crate::middleware::problem::{Code, Problem};
use crate::service::{Error, Mfa};

/// An operation's refusal, with the service whose names and addresses the answer uses.
pub(super) struct Refused {
    mfa: Mfa,
    error: Error,
}

impl Refused {
    pub(super) fn by(mfa: &Mfa) -> impl FnOnce(Error) -> Self {
        let mfa = mfa.clone();
        move |error| Self { mfa, error }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        response(&self.mfa, &self.error)
    }
}

pub(super) fn response(mfa: &Mfa, error: &Error) -> Response {
    write(problem(mfa, error.refusal()).realm(mfa.realm().to_owned()))
}

pub(super) fn write(problem: Problem) -> Response {
    problem.into_response().map(Body::from)
}

/// A request that makes no sense, named by the member that is wrong.
pub(super) fn invalid(field: &'static str, rule: &'static str) -> Problem {
    Problem::new(Code::InvalidRequest).field(field).detail(format!("{field} {rule}."))
}

fn problem(mfa: &Mfa, refusal: &Refusal) -> Problem {
    match refusal {
        Refusal::InvalidRequest { field, rule } => invalid(field, rule),
        Refusal::Unbound { names } => {
            let problem = Problem::new(Code::InvalidRequest).field("bind").bind(names.iter().cloned());
            problem.detail(format!("bind must have these members and no others: {}.", names.join(", ")))
        }
        Refusal::InvalidToken => Problem::new(Code::InvalidToken),
        Refusal::Insufficient(step_up) => Problem::step_up(step_up, mfa.verifier().acr_names(), &mfa.step_up_uri()),
        Refusal::Forbidden(why) => Problem::new(Code::Forbidden).detail(format!("Not allowed: {why}.")),
        Refusal::NotFound => Problem::new(Code::NotFound),
        Refusal::Conflict(why) => Problem::new(Code::Conflict).detail(format!("Not now: {why}.")),
        Refusal::NoEligibleAuthenticator { allowed } => {
            Problem::new(Code::NoEligibleAuthenticator).allowed(allowed.iter().map(|method| method.name()))
        }
        Refusal::ChallengeGone => Problem::new(Code::ChallengeGone),
        Refusal::InvalidCode { attempts_remaining, retry_after } => {
            let problem = Problem::new(Code::InvalidCode).attempts_remaining(*attempts_remaining);
            match retry_after {
                Some(secs) => problem.retry_after(u64::from(*secs)),
                None => problem,
            }
        }
        Refusal::InvalidCredential => Problem::new(Code::InvalidCode),
        Refusal::AuthenticatorDisabled => Problem::new(Code::AuthenticatorDisabled),
        Refusal::Throttled { retry_after } => Problem::new(Code::Throttled).retry_after(u64::from(*retry_after)),
        Refusal::Unavailable { retry_after } => Problem::new(Code::Unavailable).retry_after(u64::from(*retry_after)),
    }
}
