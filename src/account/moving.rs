//! Accounts that move: packed for another place, taken in from one, and apps that another system issued.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::authenticator::{Authenticator, Credential, LABEL_MAX, Status, label};
use super::binding::no_weaker;
use super::event::{About, EventKind};
use super::operate::accountable;
use super::origin::{Origin, Trace};
use super::refusal::Refusal;
use super::throttle::Throttle;
use super::turn::Turn;
use super::{Account, Chain, ChainPlace, DocumentError, Held, Standing};
use crate::assurance::Method;
use crate::entropy::Entropy;
use crate::id::{AuthenticatorId, ExportId, Subject};
use crate::otp::{Secret, Step, Totp};
use crate::secret::constant_time_eq;
use crate::vault::{Purpose, Vault, VaultError};

/// An account on its way: what is secret in it is sealed for the journey.
pub(crate) struct Packed {
    pub(crate) document: String,
    /// Where the chain of its events ends; `None` where there is none.
    pub(crate) chain: Option<ChainPlace>,
}

/// Why an account could not be packed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PackError {
    #[error("what is sealed in the document does not open")]
    Sealed(#[from] VaultError),
    #[error("the document cannot be read or written")]
    Document(#[from] DocumentError),
}

/// Who moves an account, why, and where it comes from.
#[derive(Clone, Copy)]
pub(crate) struct Mover<'a> {
    pub(crate) actor: &'a str,
    pub(crate) reason: &'a str,
    pub(crate) from: &'a str,
    /// The export that an account is taken in from.
    pub(crate) export: Option<ExportId>,
}

/// An app that another system issued, with the key its owner's phone has.
pub(crate) struct ForeignApp<'a> {
    pub(crate) label: &'a str,
    pub(crate) params: Totp,
    pub(crate) secret: &'a Secret,
    /// The last step that was used there, where that is known.
    pub(crate) used_until: Option<Step>,
}

/// Whether something was taken in. Unless it is done, nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TakenIn {
    Done,
    /// The account has it, or the subject an account.
    AlreadyThere,
    /// The account was taken in from the same export before.
    AlreadyMoved,
    /// The subject was erased here.
    Erased,
    /// The app was imported before, and has been removed since.
    Removed,
}

impl Account {
    /// Packs the account: sealed by `to` instead of `here`. Of who was erased there is nothing to pack: a tombstone
    /// is kept from whoever read the old document here, and there nobody has.
    pub(crate) fn pack(mut self, here: &Vault, to: &Vault, entropy: &dyn Entropy) -> Result<Option<Packed>, PackError> {
        if self.standing == Standing::Erased {
            return Ok(None);
        }
        // Where its key is lost, nobody is kept from moving for the sake of the audit trail.
        let chain = self.sealed_chain().and_then(|sealed| Chain::open(here, &self.subject, sealed).ok());
        self.leave_behind();
        self.reseal_apps(here, to, entropy, |_| true)?;
        Ok(Some(Packed { document: self.write()?, chain: chain.map(|chain| chain.end) }))
    }

    /// What does not go along: sessions and pending questions belong to tokens of the old place, an operator's
    /// bypass to its policy, and the chain to its outbox.
    fn leave_behind(&mut self) {
        self.authenticators.retain(Authenticator::is_bound);
        self.challenges.clear();
        self.sessions.clear();
        self.enrolment = None;
        self.bypass = None;
        self.chain = None;
        self.is_stored = false;
        self.clock_reported = false;
    }

    /// Takes a packed account in, in place of one that has just been made.
    pub(crate) fn take_in(
        &mut self,
        turn: &mut Turn<'_>,
        packed: &Self,
        theirs: &Vault,
        by: Mover<'_>,
    ) -> Result<TakenIn, Refusal> {
        accountable(by.actor, by.reason)?;
        if self.is_stored {
            return Ok(self.instead_of(by.export));
        }
        let mut account = packed.clone();
        account.leave_behind();
        account.reseal_apps(theirs, turn.vault, turn.entropy, |_| true)?;
        for key in account.bound().filter_map(|a| a.credential.key()) {
            turn.claims.push(Held::CredentialId(key.id.as_bytes().into()));
        }
        if let Some(handle) = &account.user_handle {
            turn.claims.push(Held::UserHandle(handle.as_bytes().into()));
        }
        account.origin.export = by.export;
        *self = account;
        turn.record(EventKind::AccountImported, by.about())?;
        Ok(TakenIn::Done)
    }

    /// What to say to whoever would take one in, where this one is.
    pub(crate) fn instead_of(&self, export: Option<ExportId>) -> TakenIn {
        match self.standing {
            Standing::Erased => TakenIn::Erased,
            _ if export.is_some() && self.origin.export == export => TakenIn::AlreadyMoved,
            Standing::Normal | Standing::Suspended => TakenIn::AlreadyThere,
        }
    }

    /// Whether all that a packed account has sealed opens.
    pub(crate) fn opens(&self, theirs: &Vault, entropy: &dyn Entropy) -> bool {
        self.clone().reseal_apps(theirs, theirs, entropy, |_| true).is_ok()
    }

    /// Whether it has keys that answer one relying party alone.
    pub(crate) fn has_keys(&self) -> bool {
        self.bound().any(|a| a.credential.key().is_some())
    }

    /// Binds an app that another system issued. Its owner answered there; here, the word of an operator stands for it.
    pub(crate) fn import_app(
        &mut self,
        turn: &mut Turn<'_>,
        app: &ForeignApp<'_>,
        by: Mover<'_>,
    ) -> Result<TakenIn, Refusal> {
        accountable(by.actor, by.reason)?;
        match self.standing {
            Standing::Normal => {}
            Standing::Suspended => return Err(Refusal::Conflict("the account is suspended")),
            Standing::Erased => return Ok(TakenIn::Erased),
        }
        if self.has_app(turn, app.secret)? {
            return Ok(TakenIn::AlreadyThere);
        }
        let trace = Trace::of(&self.subject, app.secret)?;
        if self.origin.knows(&trace) {
            return Ok(TakenIn::Removed);
        }
        self.may_add(turn, Method::Totp)?;
        no_weaker(app.params, turn.policy.totp)?;
        let label = label_like(app.label);
        let id = AuthenticatorId::generate(turn.entropy)?;
        let expose = app.secret.expose();
        let sealed = turn.vault.seal(Purpose::OtpSecret, &self.subject, id.as_bytes(), expose, turn.entropy)?;
        let last_step = last_acceptable(app.params, turn).max(app.used_until);
        let validity = turn.policy.totp_valid_for;
        self.authenticators.push(Authenticator {
            id,
            label,
            created_at: turn.now,
            last_used_at: None,
            expires_at: validity.map(|secs| turn.now.plus(u64::from(secs))),
            expiry_warned: false,
            status: Status::Active,
            owner: None,
            credential: Credential::Totp { params: app.params, sealed, last_step },
            throttle: Throttle::default(),
        });
        self.origin.remember(trace);
        // As after any change of factors: what was begun without this one is over.
        self.end_all(turn)?;
        self.challenges.clear();
        self.enrolment = None;
        self.end_grace(turn);
        let about = About { authenticator: Some(id), method: Some(Method::Totp), ..by.about() };
        turn.record(EventKind::AuthenticatorImported, about)?;
        Ok(TakenIn::Done)
    }

    /// Whether the account has an app with this key, in whatever state.
    fn has_app(&self, turn: &Turn<'_>, secret: &Secret) -> Result<bool, Refusal> {
        let apps = self.bound().filter(|a| matches!(a.credential, Credential::Totp { .. }));
        for app in apps {
            // Whether it is this one cannot be known, and the same app twice would let one code count twice.
            let unreadable = Refusal::Conflict("an app of the account does not open: its master key is missing");
            let own = app.open_secret(turn, &self.subject).map_err(|_| unreadable)?;
            if constant_time_eq(own.expose(), secret.expose()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Notes that the accounts are about to be handed out.
    pub(crate) fn note_export(&mut self, turn: &mut Turn<'_>, by: Mover<'_>) -> Result<(), Refusal> {
        accountable(by.actor, by.reason)?;
        turn.record(EventKind::AccountsExported, by.about())
    }
}

impl Mover<'_> {
    fn about(&self) -> About {
        About {
            actor: Some(self.actor.into()),
            reason: Some(self.reason.into()),
            detail: Some(self.from.into()),
            ..About::default()
        }
    }
}

/// What comes closest to what another system called an app: a name is no reason to leave somebody without it.
fn label_like(text: &str) -> Box<str> {
    let cut = || text.trim().chars().take(LABEL_MAX).collect::<String>();
    label(text).or_else(|_| label(&cut())).unwrap_or_default()
}

/// Most traces that are kept; the oldest goes first. No account has as many apps.
const TRACES_MAX: usize = 16;

impl Origin {
    fn knows(&self, app: &Trace) -> bool {
        self.apps.contains(app)
    }

    fn remember(&mut self, app: Trace) {
        if self.apps.len() >= TRACES_MAX {
            self.apps.remove(0);
        }
        self.apps.push(app);
    }
}

impl Trace {
    /// The trace of a key in one account: in another, the same key leaves another one.
    fn of(subject: &Subject, secret: &Secret) -> Result<Self, Refusal> {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose()).map_err(|_| Refusal::unavailable())?;
        mac.update(b"tower-mfa imported app\x1f");
        mac.update(subject.storage_key().as_bytes());
        let hash = mac.finalize().into_bytes();
        let half = hash.get(..16).ok_or_else(Refusal::unavailable)?;
        Ok(Self(URL_SAFE_NO_PAD.encode(half).into()))
    }
}

/// The newest step whose code would be taken now. The other system may have taken it, and the last steps' codes:
/// used there, they are used (RFC 6238 §5.2).
fn last_acceptable(params: Totp, turn: &Turn<'_>) -> Option<Step> {
    let step = params.step_at(turn.clock)?;
    Some(Step::new(step.get().saturating_add(u64::from(turn.policy.totp_window.future()))))
}
