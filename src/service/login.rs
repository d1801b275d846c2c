use super::outcome::{LoginChallenge, LoginOutcome};
use super::shell::{IfMissing, Matter};
use super::{Error, Mfa};
use crate::account::{Described, Enrolling, FirstFactor, LoginStep, SeedOf};

impl Mfa {
    /// Takes a first factor the host has checked, and says what is missing.
    ///
    /// Answer the login request with the outcome's [`into_json`](LoginOutcome::into_json), or, with
    /// cookies, with the routes' own response.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unavailable`](crate::account::Refusal::Unavailable): the store does not answer, or
    /// the host knows the subject to have MFA ([`FirstFactor::known_enrolled`]) and the account is
    /// not there. [`Refusal::InvalidRequest`](crate::account::Refusal::InvalidRequest): what describes
    /// the login is too long, or the client has no name.
    ///
    /// # Security
    ///
    /// Call it only right after the password was found right: whoever can reach this call is
    /// believed to have given one.
    ///
    /// # Cancel safety
    ///
    /// Safe: at worst a session or challenge was made that nobody holds a token of.
    pub async fn begin(&self, first: FirstFactor) -> Result<LoginOutcome, Error> {
        let audience = self.inner.issuer.audience();
        let from = || self.address.as_deref().map(Into::into);
        let first = FirstFactor { address: first.address.or_else(from), ..first };
        let client_id = first.client_id.as_deref().unwrap_or(audience);
        let matter = Matter {
            subject: &first.subject,
            seed: SeedOf::Given(Described { client_id, roles: &first.roles, groups: &first.groups }),
            address: first.address.as_deref(),
            if_missing: if first.known_enrolled { IfMissing::Unavailable } else { IfMissing::Create },
            resets_clock: false,
        };
        let step = self.inner.turn(matter, |account, turn| account.begin(turn, &first, audience)).await?;
        self.login_outcome(step).await
    }

    pub(super) async fn login_outcome(&self, step: LoginStep) -> Result<LoginOutcome, Error> {
        Ok(match step {
            LoginStep::Complete(grant) => LoginOutcome::Complete(self.inner.issue(*grant).await?),
            LoginStep::Challenge { id, token, expires_in, methods } => {
                LoginOutcome::Challenge(LoginChallenge { id, token, expires_in, methods })
            }
            LoginStep::EnrolmentRequired(Enrolling { token, expires_in, allowed }) => {
                LoginOutcome::EnrolmentRequired { enrolment_token: token, expires_in, allowed }
            }
            LoginStep::Blocked { throttled, recovery } => LoginOutcome::Blocked { throttled_for: throttled, recovery },
        })
    }
}
