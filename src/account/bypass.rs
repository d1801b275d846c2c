//! A dated exception: logins that complete with the first factor alone (PCI DSS 4.0.1, 8.5.1).

use serde::{Deserialize, Serialize};

use super::event::{About, EventKind};
use super::login::LoginStep;
use super::operate::said;
use super::refusal::Refusal;
use super::session::Seed;
use super::turn::Turn;
use super::{Account, Standing};
use crate::assurance::Evidence;
use crate::clock::Timestamp;
use crate::id::{SessionId, Subject};

/// An exception that an operator asks for: until when, why, and who approved it.
///
/// ```
/// use tower_mfa::account::{Bypass, FirstFactor, Refusal};
/// use tower_mfa::clock::{Clock, SystemClock};
/// use tower_mfa::id::Subject;
/// use tower_mfa::policy::presets;
/// use tower_mfa::service::{Keys, LoginOutcome, Mfa};
/// use tower_mfa::store::MemoryStore;
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let mfa = Mfa::builder(MemoryStore::new()).issuer("https://id.example").audience("api");
/// let mfa = mfa.keys(Keys::generate().unwrap()).policy(presets::pci_dss_4().build().unwrap()).build().unwrap();
/// let now = SystemClock.now().unwrap();
/// let alice = Subject::new("alice").unwrap();
/// let login = || mfa.begin(FirstFactor::password_checked_by_host(alice.clone(), now));
/// assert!(matches!(login().await.unwrap(), LoginOutcome::EnrolmentRequired { .. }));
///
/// let asked = Bypass::new("ops-7", "the phone is being repaired").until(now.plus(3600));
/// let refused = mfa.grant_bypass(&alice, asked.clone()).await.unwrap_err();
/// assert!(matches!(refused.refusal(), Refusal::InvalidRequest { field: "approved_by", .. }));
///
/// mfa.grant_bypass(&alice, asked.approved_by("ciso")).await.unwrap();
/// let LoginOutcome::Complete(tokens) = login().await.unwrap() else { panic!("it was granted") };
/// assert_eq!(tokens.acr(), "aal1", "what was not proved is not claimed");
/// # });
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Bypass {
    operator: Box<str>,
    reason: Box<str>,
    until: Option<Timestamp>,
    approved_by: Option<Box<str>>,
}

impl Bypass {
    /// Says who asks for it, and why. When it ends and who approved it must follow.
    pub fn new(operator: impl Into<Box<str>>, reason: impl Into<Box<str>>) -> Self {
        Self { operator: operator.into(), reason: reason.into(), until: None, approved_by: None }
    }

    /// Says when it ends: within what the policy allows
    /// ([`bypass_at_most`](crate::policy::PolicyBuilder::bypass_at_most)).
    pub const fn until(mut self, end: Timestamp) -> Self {
        self.until = Some(end);
        self
    }

    /// Says who approved it: somebody else than who asks, and than the one it is for. Names that differ in
    /// upper and lower case alone are one.
    pub fn approved_by(mut self, name: impl Into<Box<str>>) -> Self {
        self.approved_by = Some(name.into());
        self
    }

    fn checked(&self, turn: &Turn<'_>, subject: &Subject) -> Result<(Timestamp, &str), Refusal> {
        let Some(most) = turn.policy.bypass_at_most else {
            return Err(Refusal::Forbidden("the policy lets nobody go round the second factor"));
        };
        if !said(&self.operator) {
            return Err(Refusal::invalid("operator", "must be named, in at most 1024 bytes"));
        }
        if !said(&self.reason) {
            return Err(Refusal::invalid("reason", "must be given, in at most 1024 bytes"));
        }
        let is_one = |a: &str, b: &str| a.trim().to_lowercase() == b.trim().to_lowercase();
        let is_another = |name: &str| !is_one(name, &self.operator) && !is_one(name, subject.id());
        let approver = self.approved_by.as_deref().filter(|name| said(name) && is_another(name));
        let approver = approver.ok_or(Refusal::invalid(
            "approved_by",
            "must name somebody else than the operator and than whom it is for",
        ))?;
        let until = self.until.ok_or(Refusal::invalid("until", "must be given: a bypass has an end"))?;
        if until <= turn.now || until.since(turn.now) > u64::from(most) {
            return Err(Refusal::invalid("until", "must lie ahead, and no further than the policy allows"));
        }
        Ok((until, approver))
    }
}

/// A bypass that was granted, as the document keeps it. Why and by whom is in the trail.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Granted {
    until: Timestamp,
    granted_at: Timestamp,
}

impl Account {
    /// Grants a bypass in place of whatever one there was.
    pub(crate) fn grant_bypass(&mut self, turn: &mut Turn<'_>, bypass: &Bypass) -> Result<(), Refusal> {
        if self.standing == Standing::Erased {
            return Err(Refusal::NotFound);
        }
        let (until, approver) = bypass.checked(turn, &self.subject)?;
        self.end_bypass(turn, About { detail: Some("another takes its place".into()), ..About::default() })?;
        self.bypass = Some(Granted { until, granted_at: turn.now });
        let about = About {
            until: Some(until),
            actor: Some(bypass.operator.clone()),
            reason: Some(bypass.reason.clone()),
            detail: Some(format!("approved by {approver}").into()),
            ..About::default()
        };
        turn.record(EventKind::BypassGranted, about)
    }

    /// Ends a bypass, and the sessions that began by it.
    pub(crate) fn revoke_bypass(&mut self, turn: &mut Turn<'_>, operator: &str, reason: &str) -> Result<(), Refusal> {
        super::operate::accountable(operator, reason)?;
        let (actor, reason) = (Some(operator.into()), Some(reason.into()));
        if self.end_bypass(turn, About { actor, reason, ..About::default() })? {
            return Ok(());
        }
        Err(Refusal::NotFound)
    }

    /// Ends a bypass when what is bound was changed in this turn: what it was granted for is no more.
    ///
    /// Asked once for every turn, so that no transition can forget it.
    pub(super) fn end_bypass_after(&mut self, turn: &mut Turn<'_>) -> Result<(), Refusal> {
        use EventKind as Kind;
        let ends = |kind: Kind| {
            matches!(
                kind,
                Kind::AuthenticatorBound
                    | Kind::AuthenticatorRemoved
                    | Kind::MfaDisabled
                    | Kind::Reset
                    | Kind::Suspended
                    | Kind::Erased
            )
        };
        if let Some(by) = turn.events.iter().map(|event| event.kind).find(|kind| ends(*kind)) {
            let why = if by == Kind::Suspended { "the account was suspended" } else { "what is bound was changed" };
            self.end_bypass(turn, About { detail: Some(why.into()), ..About::default() })?;
        }
        if self.bypass.as_ref().is_some_and(|granted| granted.until <= turn.now) {
            self.bypass = None;
        }
        Ok(())
    }

    pub(super) fn end_bypass(&mut self, turn: &mut Turn<'_>, about: About) -> Result<bool, Refusal> {
        let Some(granted) = self.bypass.take() else { return Ok(false) };
        turn.record(EventKind::BypassEnded, About { until: Some(granted.until), ..about })?;
        let by_it: Vec<SessionId> =
            self.sessions.iter().filter(|s| s.seed.bypass_until.is_some()).map(|s| s.id).collect();
        by_it.into_iter().try_for_each(|id| self.drop_session(turn, id))?;
        Ok(true)
    }

    /// Until when a bypass lasts, if there is one.
    pub(crate) fn bypass_in_force(&self, turn: &Turn<'_>) -> Option<Timestamp> {
        // A policy that allows none any more honours none that was granted.
        let most = u64::from(turn.policy.bypass_at_most?);
        let granted = self.bypass.as_ref()?;
        Some(granted.until.min(granted.granted_at.plus(most))).filter(|until| *until > turn.now)
    }

    /// Completes a login that would be asked for more, while a bypass lasts. Its session proves no more than
    /// its first factor, and ends with it.
    pub(super) fn login_by_bypass(
        &mut self,
        turn: &mut Turn<'_>,
        seed: &Seed,
        evidence: &[Evidence],
    ) -> Result<Option<LoginStep>, Refusal> {
        // PCI-8.3.4: who is locked out is locked out.
        if self.wide_lock(turn).is_some() {
            return Ok(None);
        }
        let Some(until) = self.bypass_in_force(turn) else { return Ok(None) };
        let seed = Seed { bypass_until: Some(until), ..seed.clone() };
        let grant = self.open_session(turn, seed, evidence.to_vec(), None)?;
        let client_id = Some(grant.seed.client_id.clone());
        let about = || About { client_id: client_id.clone(), ..About::session(grant.session) };
        turn.record(EventKind::BypassUsed, About { until: Some(until), ..about() })?;
        turn.record(EventKind::SignedIn, about())?;
        Ok(Some(LoginStep::Complete(Box::new(grant))))
    }
}
