//! What the host says of a login: whose password it has checked, and what the session is to know.

use super::refusal::Refusal;
use super::session::Seed;
use crate::clock::Timestamp;
use crate::id::Subject;
use crate::token::is_scope_token;

/// The one thing a host asserts itself: it has checked the first factor.
///
/// ```
/// use tower_mfa::account::{FirstFactor, Refusal};
/// use tower_mfa::clock::{Clock, SystemClock};
/// use tower_mfa::id::Subject;
/// use tower_mfa::service::{Keys, LoginOutcome, Mfa};
/// use tower_mfa::store::MemoryStore;
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let mfa = Mfa::builder(MemoryStore::new()).issuer("https://id.example").audience("api");
/// let mfa = mfa.keys(Keys::generate().unwrap()).build().unwrap();
///
/// let alice = Subject::new("alice").unwrap();
/// let checked = FirstFactor::password_checked_by_host(alice, SystemClock.now().unwrap()).roles(["admin"]);
/// let welcome = mfa.begin(checked.clone()).await.unwrap();
/// assert!(matches!(welcome, LoginOutcome::Complete(_)));
///
/// // The host's own table says that Bob has an authenticator, and the store has lost it.
/// let bob = Subject::new("bob").unwrap();
/// let checked = FirstFactor::password_checked_by_host(bob, SystemClock.now().unwrap()).known_enrolled(true);
/// let refused = mfa.begin(checked).await.unwrap_err();
/// assert!(matches!(refused.refusal(), Refusal::Unavailable { .. }), "not an account without a second factor");
/// # });
/// ```
///
/// # Security
///
/// It carries one knowledge factor and nothing else: no call on it can say that a second factor was
/// checked. Make one only right after the password was found right.
#[derive(Debug, Clone)]
#[must_use]
pub struct FirstFactor {
    pub(crate) subject: Subject,
    pub(crate) at: Timestamp,
    pub(crate) client_id: Option<Box<str>>,
    pub(crate) roles: Vec<Box<str>>,
    pub(crate) scopes: Vec<Box<str>>,
    pub(crate) groups: Vec<Box<str>>,
    pub(crate) address: Option<Box<str>>,
    pub(crate) account_name: Option<Box<str>>,
    pub(crate) known_enrolled: bool,
}

impl FirstFactor {
    /// Says that the host has checked `subject`'s password at `at`.
    pub fn password_checked_by_host(subject: Subject, at: Timestamp) -> Self {
        Self {
            subject,
            at,
            client_id: None,
            roles: Vec::new(),
            scopes: Vec::new(),
            groups: Vec::new(),
            address: None,
            account_name: None,
            known_enrolled: false,
        }
    }

    /// Names the client the session is for (`client_id`). Default: the audience.
    pub fn client(mut self, client_id: impl Into<Box<str>>) -> Self {
        self.client_id = Some(client_id.into());
        self
    }

    /// Gives the session roles; they stand in its tokens as `roles`.
    pub fn roles<R: Into<Box<str>>>(mut self, roles: impl IntoIterator<Item = R>) -> Self {
        self.roles = roles.into_iter().map(Into::into).collect();
        self
    }

    /// Gives the session scopes; they stand in its tokens as `scope`.
    pub fn scopes<S: Into<Box<str>>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Says which groups the subject is in, for the rules of a policy; they stand in no token.
    pub fn groups<G: Into<Box<str>>>(mut self, groups: impl IntoIterator<Item = G>) -> Self {
        self.groups = groups.into_iter().map(Into::into).collect();
        self
    }

    /// Says where the request came from, for events, the list of sessions and the rules of a policy,
    /// which read it as an IP address, with or without a port.
    ///
    /// # Security
    ///
    /// What cannot be read counts as unknown: in no network a policy names, and outside of each.
    pub fn address(mut self, address: impl Into<Box<str>>) -> Self {
        self.address = Some(address.into());
        self
    }

    /// Says how the subject is called in an authenticator app. Default: the subject's id.
    pub fn account_name(mut self, name: impl Into<Box<str>>) -> Self {
        self.account_name = Some(name.into());
        self
    }

    /// Says that the host knows this subject to have MFA (a flag in its own user table).
    ///
    /// With it a lost document is `503`, never an account without MFA.
    pub const fn known_enrolled(mut self, known: bool) -> Self {
        self.known_enrolled = known;
        self
    }

    /// Returns whose first factor it was.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }
}

/// What the host says of a user who signs in with a passkey alone: no password was typed, and nothing here
/// says that one was.
#[derive(Debug, Clone)]
#[must_use]
pub struct KnownUser(FirstFactor);

impl KnownUser {
    /// Says that `subject` may sign in.
    pub fn new(subject: Subject) -> Self {
        Self(FirstFactor::password_checked_by_host(subject, Timestamp::from_secs(u64::MAX)))
    }

    /// As [`FirstFactor::client`].
    pub fn client(self, client_id: impl Into<Box<str>>) -> Self {
        Self(self.0.client(client_id))
    }

    /// As [`FirstFactor::roles`].
    pub fn roles<R: Into<Box<str>>>(self, roles: impl IntoIterator<Item = R>) -> Self {
        Self(self.0.roles(roles))
    }

    /// As [`FirstFactor::scopes`].
    pub fn scopes<S: Into<Box<str>>>(self, scopes: impl IntoIterator<Item = S>) -> Self {
        Self(self.0.scopes(scopes))
    }

    /// As [`FirstFactor::groups`].
    pub fn groups<G: Into<Box<str>>>(self, groups: impl IntoIterator<Item = G>) -> Self {
        Self(self.0.groups(groups))
    }

    /// As [`FirstFactor::account_name`].
    pub fn account_name(self, name: impl Into<Box<str>>) -> Self {
        Self(self.0.account_name(name))
    }

    /// What the session begins with; that it speaks of a password is not looked at.
    pub(crate) fn into_first_factor(self) -> FirstFactor {
        self.0
    }
}

/// Most roles or scopes of a session, longest text among what the host says of it, and all roles and
/// scopes together, in bytes: they stand in every token, and a token of 16 KiB is refused.
const LIST_MAX: usize = 64;
const TEXT_MAX: usize = 255;
const ALL_MAX: usize = 4096;

impl FirstFactor {
    /// Every list in the document has a maximum, and so has every text.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        let fits = |list: &[Box<str>]| list.len() <= LIST_MAX && list.iter().all(|text| text.len() <= TEXT_MAX);
        if !fits(&self.groups) || self.groups.iter().map(|text| text.len()).sum::<usize>() > ALL_MAX {
            return Err(Refusal::invalid("groups", "must be at most 64 of at most 255 bytes, 4 KiB in all"));
        }
        let all: usize = self.roles.iter().chain(&self.scopes).map(|text| text.len()).sum();
        if !fits(&self.roles) || !fits(&self.scopes) || all > ALL_MAX {
            return Err(Refusal::invalid("roles", "and scopes must be at most 64 of at most 255 bytes, 4 KiB in all"));
        }
        // What no token and no key URI can say is refused before anything is committed.
        if !self.scopes.iter().all(|scope| is_scope_token(scope)) {
            return Err(Refusal::invalid("scopes", "must be scope tokens (RFC 6749 §3.3): no spaces, no quotes"));
        }
        let has_control = |text: &str| text.chars().any(char::is_control);
        if self.roles.iter().any(|role| has_control(role)) {
            return Err(Refusal::invalid("roles", "must not have control characters"));
        }
        if self.groups.iter().any(|group| has_control(group)) {
            return Err(Refusal::invalid("groups", "must not have control characters"));
        }
        for (field, text) in
            [("client", &self.client_id), ("address", &self.address), ("account_name", &self.account_name)]
        {
            if text.as_ref().is_some_and(|text| text.len() > TEXT_MAX || has_control(text)) {
                return Err(Refusal::invalid(field, "must be at most 255 bytes without control characters"));
            }
        }
        if self.account_name.as_ref().is_some_and(|name| name.is_empty() || name.trim() != &**name) {
            return Err(Refusal::invalid("account_name", "must not be empty, nor begin or end with whitespace"));
        }
        if self.client_id.as_deref() == Some("") {
            // RFC 9068 §2.2: a token without a client is none, and would be refused by everybody.
            return Err(Refusal::invalid("client", "must not be empty"));
        }
        Ok(())
    }

    pub(super) fn seed(&self, audience: &str, now: Timestamp) -> Seed {
        Seed {
            client_id: self.client_id.clone().unwrap_or_else(|| audience.into()),
            roles: self.roles.clone(),
            scopes: self.scopes.clone(),
            groups: self.groups.clone(),
            address: self.address.clone(),
            account_name: self.account_name.clone(),
            // An old password check is no new login: the window of a first binding runs from it.
            login_at: self.at.min(now),
            bypass_until: None,
        }
    }
}
