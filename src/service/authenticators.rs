use super::challenges::{Reply, ReplyKind};
use super::outcome::Binding;
use super::shell::Matter;
use super::{Error, Mfa, slow_hash};
use crate::account::{
    AuthenticatorView, Bindable, Binder, Confirmation, Confirmed, Enrolment, EnrolmentClaims, Given, Refusal, SeedOf,
    SetPlan, Settling, Started, StatusView,
};
use crate::assurance::Authentication;
use crate::id::{AuthenticatorId, Subject};
use crate::otp::{Algorithm, Digits, Period, Totp};
use crate::rate_limit::Tried;
use crate::recovery_code::{Draft, RecoveryCode, RecoverySet};
use crate::secret::SecretString;

/// Who binds an authenticator.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Enroller<'a> {
    /// Whoever holds the enrolment token a login gave.
    Token(&'a SecretString),
    /// A session.
    Session(&'a Authentication),
}

/// How a TOTP authenticator is to be made; what is not said is the policy's choice.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct TotpEnrolment {
    label: Box<str>,
    algorithm: Option<Algorithm>,
    digits: Option<Digits>,
    period: Option<Period>,
}

impl TotpEnrolment {
    /// Leaves everything to the policy.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the label its owner will see: at most 64 characters, none hidden and none that turns the
    /// text around.
    pub fn label(mut self, label: impl Into<Box<str>>) -> Self {
        self.label = label.into();
        self
    }

    /// Asks for an algorithm. Many apps ignore it and compute SHA-1 all the same; the confirmation
    /// finds out.
    pub const fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = Some(algorithm);
        self
    }

    /// Asks for a number of digits: as many as the policy's, or more.
    pub const fn digits(mut self, digits: Digits) -> Self {
        self.digits = Some(digits);
        self
    }

    /// Asks for a period: as long as the policy's, or shorter.
    pub const fn period(mut self, period: Period) -> Self {
        self.period = Some(period);
        self
    }

    fn params(&self, default: Totp) -> Totp {
        let params = self.algorithm.map_or(default, |a| default.with_algorithm(a));
        let params = self.digits.map_or(params, |d| params.with_digits(d));
        self.period.map_or(params, |p| params.with_period(p))
    }
}

/// An enroller whose token was opened.
pub(super) enum Opened<'a> {
    Token(EnrolmentClaims),
    Session(&'a Authentication),
}

impl Opened<'_> {
    pub(super) const fn binder(&self) -> Binder<'_> {
        match self {
            Self::Token(claims) => Binder::Enrolment(claims),
            Self::Session(by) => Binder::Session(by),
        }
    }
}

impl Mfa {
    /// Begins to bind an authenticator app. Show the outcome to its owner and confirm it with the
    /// first code.
    ///
    /// # Errors
    ///
    /// [`Refusal::Insufficient`] when the session must prove more first, [`Refusal::InvalidRequest`] for a
    /// label that hides something or a code that is weaker than the policy's, [`Refusal::Forbidden`] when
    /// policy lets nobody bind this kind here, [`Refusal::Conflict`] when the account has as many
    /// authenticators as it may, [`Refusal::InvalidToken`].
    ///
    /// # Cancel safety
    ///
    /// Safe: what is not confirmed expires.
    pub async fn enrol_totp(&self, by: Enroller<'_>, wanted: TotpEnrolment) -> Result<Enrolment, Error> {
        let opened = self.opened(by)?;
        let started = self
            .inner
            .turn(self.enrolment_matter(&opened), |account, turn| {
                let what = Bindable::Totp {
                    label: wanted.label.clone(),
                    params: wanted.params(turn.policy.totp),
                    issuer: self.inner.app_name.clone(),
                };
                account.start_binding(turn, opened.binder(), &what)
            })
            .await?;
        match started {
            Started::App(enrolment) => Ok(enrolment),
            Started::Key(_) => Err(Error::busy("an app was asked for and a key was begun")),
        }
    }

    /// Confirms a binding with the first code, which is used up by it.
    ///
    /// With the first authenticator come recovery codes, shown once. Other sessions end.
    ///
    /// # Errors
    ///
    /// [`Refusal::InvalidCode`] when it is wrong, [`Refusal::NotFound`] when there is no such
    /// pending binding of this caller, [`Refusal::Throttled`], [`Refusal::InvalidToken`], and those of
    /// policy as at [`enrol_totp`](Self::enrol_totp), when it has changed since.
    ///
    /// # Cancel safety
    ///
    /// Safe: it is confirmed or not. If it was and the answer is lost, new recovery codes can be
    /// made after signing in.
    pub async fn confirm(
        &self,
        by: Enroller<'_>,
        id: AuthenticatorId,
        code: impl Into<Box<str>>,
    ) -> Result<Binding, Error> {
        let opened = self.opened(by)?;
        let code = Confirmation::Code(SecretString::new(code));
        self.limited(self.address.as_deref(), Tried::Code, self.confirmed(&opened, id, code)).await
    }

    /// Confirms, and makes recovery codes on the way where they are needed.
    pub(super) async fn confirmed(
        &self,
        by: &Opened<'_>,
        id: AuthenticatorId,
        given: Confirmation,
    ) -> Result<Binding, Error> {
        let matter = self.enrolment_matter(by);
        let mut codes: Option<(RecoverySet, Vec<RecoveryCode>)> = None;
        loop {
            let set = codes.as_ref().map(|(set, _)| set);
            let confirmed = self
                .inner
                .turn(matter, |account, turn| account.confirm_binding(turn, by.binder(), id, &given, set))
                .await?;
            match confirmed {
                Confirmed::NeedsRecoveryCodes(plan) if codes.is_none() => {
                    codes = Some(self.make_codes(matter.subject, true, plan).await?);
                }
                Confirmed::NeedsRecoveryCodes(_) => return Err(Error::busy("recovery codes were refused")),
                Confirmed::Bound { authenticator, grant, issued_codes } => {
                    let recovery_codes = codes.filter(|_| issued_codes).map(|(_, plain)| plain);
                    let tokens = self.inner.issue(*grant).await?;
                    return Ok(Binding { authenticator, recovery_codes, tokens });
                }
            }
        }
    }

    /// Makes a new set of recovery codes; the old one is void.
    ///
    /// # Errors
    ///
    /// [`Refusal::Insufficient`] when the session must prove more first, [`Refusal::Conflict`]
    /// without an active authenticator, [`Refusal::Unavailable`] when too many are being made.
    ///
    /// # Cancel safety
    ///
    /// Safe: the set was replaced or not. If the answer is lost, make another.
    pub async fn regenerate_recovery_codes(&self, by: &Authentication) -> Result<Vec<RecoveryCode>, Error> {
        let matter = self.session_matter(by);
        // Asked first, so that nobody without the right makes the machine hash.
        let plan = self.inner.turn(matter, |account, turn| account.may_regenerate(turn, by)).await?;
        let (set, plain) = self.make_codes(by.subject(), false, plan).await?;
        self.inner.turn(matter, |account, turn| account.regenerate(turn, by, set.clone())).await?;
        Ok(plain)
    }

    async fn make_codes(
        &self,
        of: &Subject,
        is_first: bool,
        plan: SetPlan,
    ) -> Result<(RecoverySet, Vec<RecoveryCode>), Error> {
        let place = self.inner.slow_hash.admit_set(of, is_first)?;
        let SetPlan { count, format, scheme } = plan;
        let draft = Draft::generate(count, format, scheme, &*self.inner.entropy).map_err(Error::unavailable)?;
        let now = self.inner.clock.now()?;
        slow_hash::run(place, move || draft.hash(now)).await?.map_err(Error::unavailable)
    }

    /// Gives an authenticator another label, by the rule of [`TotpEnrolment::label`].
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] for an id that is none of the subject's, [`Refusal::Insufficient`],
    /// [`Refusal::InvalidRequest`], [`Refusal::InvalidToken`].
    ///
    /// # Cancel safety
    ///
    /// Safe: it was renamed or not.
    pub async fn rename(
        &self,
        by: &Authentication,
        id: AuthenticatorId,
        label: &str,
    ) -> Result<AuthenticatorView, Error> {
        self.inner.turn(self.session_matter(by), |account, turn| account.rename(turn, by, id, label)).await
    }

    /// Removes an authenticator. Other sessions end; with the last one the recovery codes go.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`], [`Refusal::Insufficient`], [`Refusal::InvalidToken`], and
    /// [`Refusal::Conflict`] for an authenticator of an account that must have as many as it has.
    ///
    /// # Cancel safety
    ///
    /// Safe: it was removed or not.
    pub async fn remove(&self, by: &Authentication, id: AuthenticatorId) -> Result<(), Error> {
        self.inner.turn(self.session_matter(by), |account, turn| account.remove(turn, by, id)).await
    }

    /// Switches MFA off, or removes one authenticator.
    ///
    /// The session's evidence must reach the account's highest level, freshly; where the policy
    /// allows it, `reply` may help it there.
    ///
    /// # Errors
    ///
    /// [`Refusal::Forbidden`] where MFA is required or codes are not allowed here,
    /// [`Refusal::Insufficient`], and those of [`Mfa::answer`].
    ///
    /// # Cancel safety
    ///
    /// Safe: it was switched off or not; a dropped attempt may have been counted.
    pub async fn disable(
        &self,
        by: &Authentication,
        reply: Option<Reply>,
        only: Option<AuthenticatorId>,
    ) -> Result<(), Error> {
        match reply {
            None => self.disabled(by, None, only).await,
            Some(reply) => {
                let what = reply.tried();
                self.limited(self.address.as_deref(), what, self.disabled(by, Some(reply), only)).await
            }
        }
    }

    async fn disabled(
        &self,
        by: &Authentication,
        reply: Option<Reply>,
        only: Option<AuthenticatorId>,
    ) -> Result<(), Error> {
        let matter = self.session_matter(by);
        let given = match reply.map(|reply| reply.0) {
            None => None,
            Some(ReplyKind::Totp { code, which }) => Some(Given::Totp { which, code }),
            // What a key signs stands in a challenge: whoever has one steps up first.
            Some(ReplyKind::Key { .. }) => return Err(Refusal::invalid("type", "must be totp or recovery_code").into()),
            Some(ReplyKind::Recovery { code }) => {
                self.inner.turn(matter, |account, turn| account.may_disable_by_code(turn, by)).await?;
                Some(self.derive(matter, Settling::Session(by), &code).await?.0)
            }
        };
        self.inner.turn(matter, |account, turn| account.disable(turn, by, given.as_ref(), only)).await
    }

    /// Tells how the caller and the account stand.
    ///
    /// # Errors
    ///
    /// [`Refusal::InvalidToken`] when the session or the enrolment has ended.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn status(&self, by: Enroller<'_>) -> Result<StatusView, Error> {
        let opened = self.opened(by)?;
        let names = self.inner.verifier.acr_names();
        self.inner
            .turn(self.enrolment_matter(&opened), |account, turn| match &opened {
                Opened::Token(claims) => account.enrolment_status(turn, claims, names),
                Opened::Session(by) => account.status(turn, by, names),
            })
            .await
    }

    pub(super) fn opened<'a>(&self, by: Enroller<'a>) -> Result<Opened<'a>, Error> {
        match by {
            Enroller::Token(token) => {
                let claims = EnrolmentClaims::open(&self.inner.vault, token.expose());
                let claims = claims.map_err(|_| Refusal::InvalidToken)?;
                if claims.expires_at <= self.inner.clock.now()? {
                    return Err(Refusal::InvalidToken.into());
                }
                Ok(Opened::Token(claims))
            }
            Enroller::Session(by) => Ok(Opened::Session(by)),
        }
    }

    pub(super) fn enrolment_matter<'a>(&'a self, by: &'a Opened<'_>) -> Matter<'a> {
        match by {
            Opened::Token(claims) => Matter { seed: SeedOf::Ticket(claims.ticket), ..self.matter(&claims.subject) },
            Opened::Session(by) => self.session_matter(by),
        }
    }
}
