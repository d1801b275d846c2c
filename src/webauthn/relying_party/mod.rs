//! For which site credentials are made, and from where they may be used.

mod builder;
mod domain;

use std::fmt;

use webauthn_rs_core::WebauthnCore;

pub use builder::RelyingPartyBuilder;

use super::attestation::Roots;
use super::models;
use super::origin::{Origin, Origins};
use crate::account::webauthn::{
    Aaguid, Asserted, Assertion, Ceremonies, CeremonyError, ExpectedAssertion, ExpectedRegistration, Registered,
    Registration, Relying,
};

/// The site that passkeys and security keys are made for: its RP id, and the origins they may be used from.
///
/// The RP id is a domain, and stays as it is: every credential is bound to it, and a change loses them
/// all. Take the registrable domain (`example.com`) where logins could move, and the exact host where
/// the domain has other owners below it.
///
/// ```
/// use tower_mfa::webauthn::RelyingParty;
///
/// let shop = RelyingParty::builder("example.com", "https://login.example.com").name("Example").build().unwrap();
/// assert_eq!(shop.id(), "example.com");
///
/// let refused = RelyingParty::builder("co.uk", "https://shop.co.uk").build().unwrap_err();
/// assert_eq!(refused.field(), "id", "every shop of the kingdom could use its credentials");
/// let refused = RelyingParty::builder("example.com", "https://example.org").build().unwrap_err();
/// assert_eq!(refused.field(), "origin");
/// ```
///
/// # Security
///
/// What makes a passkey safe from phishing is that its owner's browser writes the origin into what is
/// signed, and that it is compared here (WebAuthn §13.5.9). List the origins that show the login, and no
/// other; a page of any of them can ask for a signature.
#[derive(Clone)]
pub struct RelyingParty {
    id: Box<str>,
    id_hash: [u8; 32],
    name: Box<str>,
    origins: Origins,
    roots: Roots,
    core: WebauthnCore,
}

impl RelyingParty {
    /// Begins with the RP id, a domain (`example.com`), and the origin that shows the login
    /// (`https://login.example.com`).
    pub fn builder(id: impl Into<Box<str>>, origin: impl Into<Box<str>>) -> RelyingPartyBuilder {
        RelyingPartyBuilder::new(id.into(), origin.into())
    }

    /// Returns the RP id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the name that people are shown.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the origins that ceremonies are accepted from, those of other domains last.
    pub fn origins(&self) -> impl Iterator<Item = &str> {
        self.origins.all().map(Origin::text)
    }

    /// Returns the body of `https://{RP id}/.well-known/webauthn` (WebAuthn §5.11): the origins of other
    /// domains. Serve it as `application/json`, to anybody, and without a redirection.
    ///
    /// ```
    /// use tower_mfa::webauthn::RelyingParty;
    ///
    /// let shop = RelyingParty::builder("example.com", "https://example.com").related_origin("https://example.de");
    /// let body = shop.build().unwrap().related_origins_json();
    /// assert_eq!(body, r#"{"origins":["https://example.de"]}"#);
    /// assert!(!body.contains("example.com"), "browsers allow what is below the RP id without asking");
    /// ```
    #[must_use]
    pub fn related_origins_json(&self) -> String {
        let origins: Vec<&str> = self.origins.related.iter().map(Origin::text).collect();
        serde_json::json!({ "origins": origins }).to_string()
    }

    pub(super) const fn id_hash(&self) -> &[u8; 32] {
        &self.id_hash
    }

    pub(super) const fn expected_origins(&self) -> &Origins {
        &self.origins
    }

    pub(super) const fn roots(&self) -> &Roots {
        &self.roots
    }

    pub(super) const fn core(&self) -> &WebauthnCore {
        &self.core
    }
}

impl fmt::Debug for RelyingParty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origins: Vec<&str> = self.origins().collect();
        f.debug_struct("RelyingParty").field("id", &self.id).field("origins", &origins).finish_non_exhaustive()
    }
}

impl Ceremonies for RelyingParty {
    fn relying(&self) -> Relying<'_> {
        Relying { id: &self.id, name: &self.name }
    }

    fn register(
        &self,
        registration: &Registration,
        expected: &ExpectedRegistration,
    ) -> Result<Registered, CeremonyError> {
        super::register::register(self, registration, expected)
    }

    fn assert(&self, assertion: &Assertion, expected: &ExpectedAssertion<'_>) -> Result<Asserted, CeremonyError> {
        super::assert::assert(self, assertion, expected)
    }

    fn related_origins(&self) -> String {
        self.related_origins_json()
    }

    fn trusts_root(&self, sha256: &[u8; 32]) -> bool {
        self.roots.has(sha256)
    }

    fn model(&self, aaguid: Aaguid) -> Option<&'static str> {
        models::name(aaguid)
    }
}
