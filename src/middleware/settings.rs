use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use http::{Extensions, HeaderMap};

use super::csrf::Origins;
use super::source::{Credential, Head, find};
use super::transaction::Approved;
use super::{ClientAddress, Refusal, RefusalKind, Source, log};
use crate::assurance::{AcrNames, Authentication, Circumstances, Decision, Requirement, decide};
use crate::clock::{Clock, ClockError, SystemClock, Timestamp};
use crate::token::Verifier;

/// All that the layers and extractors need, behind one `Arc`.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) sources: Vec<Source>,
    pub(crate) trusted: Origins,
    pub(crate) realm: Box<str>,
    pub(crate) step_up_uri: Box<str>,
    pub(crate) client_address: Option<FindAddress>,
}

/// Finds out where a request comes from.
pub(crate) type FindAddress = Arc<dyn Fn(&Extensions, &HeaderMap) -> Option<IpAddr> + Send + Sync>;

impl Settings {
    pub(crate) fn new(verifier: Arc<Verifier>) -> Self {
        Self {
            verifier,
            clock: Arc::new(SystemClock),
            sources: vec![Source::BEARER],
            trusted: Origins::default(),
            realm: "api".into(),
            step_up_uri: "/mfa/challenges".into(),
            client_address: None,
        }
    }

    /// The names of the levels are the verifier's: two lists could disagree.
    pub(crate) fn names(&self) -> &AcrNames {
        self.verifier.acr_names()
    }
    /// Says who a request comes from, or why that is not known.
    pub(crate) fn authenticate(
        &self,
        head: Head<'_>,
        now: Result<Timestamp, ClockError>,
    ) -> Result<Authentication, Refusal> {
        let (token, authorization) = match find(&self.sources, &self.trusted, head) {
            Credential::Token(token) => (token, None),
            Credential::Beside { authorization, token } => (token, Some(authorization)),
            Credential::Nothing => return Err(Refusal::new(RefusalKind::Unauthenticated)),
            Credential::Malformed => return Err(Refusal::new(RefusalKind::InvalidToken)),
            Credential::TwoTokens => return Err(Refusal::new(RefusalKind::TwoTokens)),
            Credential::CrossSite => return Err(Refusal::new(RefusalKind::CrossSite)),
        };
        let now = now.map_err(|_unreadable| {
            log::no_clock();
            Refusal::new(RefusalKind::Unavailable)
        })?;
        // A host may keep its own primary token in `Authorization`; only one of ours makes two.
        if authorization.is_some_and(|beside| self.verifier.verify(beside, now).is_ok()) {
            return Err(Refusal::new(RefusalKind::TwoTokens));
        }
        Ok(self.verifier.verify(token, now)?)
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("verifier", &self.verifier)
            .field("sources", &self.sources)
            .field("trusted", &self.trusted)
            .field("realm", &self.realm)
            .field("step_up_uri", &self.step_up_uri)
            .finish_non_exhaustive()
    }
}

/// The mark of a request whose sender is not known.
#[derive(Debug, Clone)]
struct Absent {
    why: Refusal,
    settings: Arc<Settings>,
}

/// Writes into the extensions what was found out, and nothing that stood there before: no mark, no
/// authentication and no approval of an outer layer outlives this one.
pub(crate) fn record(extensions: &mut Extensions, settings: &Arc<Settings>, found: Result<Authentication, Refusal>) {
    extensions.remove::<Authentication>();
    extensions.remove::<Absent>();
    extensions.remove::<Approved>();
    match found {
        Ok(authentication) => drop(extensions.insert(authentication.handing_on(settings.clone()))),
        Err(why) => drop(extensions.insert(Absent { why, settings: settings.clone() })),
    }
}

/// The mark of a request that passed an `IntrospectLayer` before an `AuthenticateLayer`: nobody was asked whether its
/// session is still there, and nothing further inside may take it for asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NotAsked;

/// What an `AuthenticateLayer` outside has found out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Examined<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) outcome: Result<&'a Authentication, &'a Refusal>,
    address: Option<ClientAddress>,
}

impl<'a> Examined<'a> {
    /// `None` when there was no such layer, or an `IntrospectLayer` stands outside of it. An authentication that did not come through one does
    /// not count: nothing is known of the clock and the names it was made by.
    pub(crate) fn of(extensions: &'a Extensions) -> Option<Self> {
        if extensions.get::<NotAsked>().is_some() {
            return None;
        }
        let address = extensions.get().copied();
        if let Some(authentication) = extensions.get::<Authentication>() {
            return Some(Self { settings: authentication.handed_on()?, outcome: Ok(authentication), address });
        }
        let absent: &Absent = extensions.get()?;
        Some(Self { settings: &absent.settings, outcome: Err(&absent.why), address })
    }

    /// When the request is made, by the layer's clock, and from where; `None` when the clock cannot be read.
    pub(crate) fn circumstances(&self) -> Option<Circumstances> {
        let now = self.settings.clock.now().ok()?;
        Some(Circumstances::at(now).if_known_from(self.address.map(ClientAddress::ip)))
    }

    /// Decides whether that is enough for `requirement`.
    pub(crate) fn meets(&self, requirement: &Requirement) -> Result<&'a Authentication, Refusal> {
        self.decides(|authentication, at| decide(requirement, authentication, at))
    }

    /// Lets through whom `decision` allows.
    pub(crate) fn decides(
        &self,
        decision: impl FnOnce(&Authentication, Circumstances) -> Decision,
    ) -> Result<&'a Authentication, Refusal> {
        let authentication = self.outcome.map_err(Clone::clone)?;
        let Some(at) = self.circumstances() else {
            log::no_clock();
            return Err(Refusal::new(RefusalKind::Unavailable));
        };
        Refusal::of(decision(authentication, at)).map_or(Ok(authentication), Err)
    }
}

/// Decides whether a request with these extensions may pass; a refusal comes with the settings it
/// is to be worded by, where there are any.
pub(crate) fn verdict<'a>(
    requirement: &Requirement,
    extensions: &'a Extensions,
) -> Result<&'a Authentication, (Refusal, Option<&'a Settings>)> {
    let Some(examined) = Examined::of(extensions) else {
        return Err((Refusal::new(RefusalKind::NotLayered), None));
    };
    examined.meets(requirement).map_err(|refusal| (refusal, Some(examined.settings)))
}
