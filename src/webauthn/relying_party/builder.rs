use std::collections::BTreeSet;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use webauthn_rs_core::WebauthnCore;

use super::super::attestation::Roots;
use super::super::origin::{Origin, Origins, is_below, is_loopback};
use super::RelyingParty;
use super::domain::{check_id, registrable_label};
use crate::error::ConfigError;

/// Builds a [`RelyingParty`].
///
/// ```
/// use tower_mfa::webauthn::RelyingParty;
///
/// let shop = || RelyingParty::builder("example.com", "https://login.example.com").related_origin("https://example.de");
/// assert_eq!(shop().build().unwrap().origins().count(), 2);
///
/// let refused = shop().origin("http://example.com").build().unwrap_err();
/// assert_eq!((refused.field(), refused.item()), ("origin", Some("http://example.com")));
/// ```
#[derive(Debug, Clone)]
#[must_use = "it does nothing until it is built"]
pub struct RelyingPartyBuilder {
    id: Box<str>,
    name: Option<Box<str>>,
    origins: Vec<Box<str>>,
    related: Vec<Box<str>>,
    tops: Vec<Box<str>>,
    subdomains: bool,
    roots: Vec<Box<[u8]>>,
}

/// Longest name, in bytes: authenticators may cut what is above 64.
const NAME_MAX: usize = 64;

/// As many labels of other domains as every browser looks at (WA-5.11-b).
const LABELS: usize = 5;

impl RelyingPartyBuilder {
    pub(super) fn new(id: Box<str>, origin: Box<str>) -> Self {
        let (related, tops, roots) = (Vec::new(), Vec::new(), Vec::new());
        Self { id, name: None, origins: vec![origin], related, tops, subdomains: false, roots }
    }

    /// The name that browsers and authenticators show, 1 to 64 bytes. The RP id by default.
    pub fn name(self, name: impl Into<Box<str>>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// A further origin, on the RP id or below it.
    pub fn origin(mut self, origin: impl Into<Box<str>>) -> Self {
        self.origins.push(origin.into());
        self
    }

    /// An origin of another domain that uses the same credentials (WebAuthn §5.11). Serve
    /// [`RelyingParty::related_origins_json`], or browsers refuse. With domains of more than five names
    /// in all, some browsers leave the last ones out; that is logged as a warning when it is built.
    pub fn related_origin(mut self, origin: impl Into<Box<str>>) -> Self {
        self.related.push(origin.into());
        self
    }

    /// Whether origins below the listed ones are accepted too, on the same port; off by default.
    ///
    /// # Security
    ///
    /// Then whoever can show a page on any subdomain can ask for signatures: user content, forgotten
    /// hosts, a name that points to somebody else's cloud (WebAuthn §13.5.8).
    pub fn allow_subdomains(self, allow: bool) -> Self {
        Self { subdomains: allow, ..self }
    }

    /// The origins of pages that may show ours in a frame of theirs; none by default, and then every
    /// ceremony in a foreign frame is refused.
    ///
    /// # Security
    ///
    /// The page around the frame decides what people see. Some browsers say only that there is one, and
    /// not which (no `topOrigin`): with an origin listed here these are believed. Say `frame-ancestors`
    /// in the Content-Security-Policy besides.
    pub fn allow_cross_origin_from<T: Into<Box<str>>>(mut self, origins: impl IntoIterator<Item = T>) -> Self {
        self.tops.extend(origins.into_iter().map(Into::into));
        self
    }

    /// A certificate that attestations may lead to, DER or PEM; several in one PEM text are several.
    /// None by default, and then no model of an authenticator is vouched for.
    ///
    /// # Security
    ///
    /// Whoever holds the key of one of these can pass anything off as any model.
    pub fn attestation_root(mut self, certificate: impl Into<Box<[u8]>>) -> Self {
        self.roots.push(certificate.into());
        self
    }

    /// Checks everything.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with the field `id` for an RP id that is an IP address, a public suffix or no
    /// domain; `origin`, `related_origin` or `allow_cross_origin_from` for an origin that is not https
    /// (http is for `localhost` with the RP id `localhost`), that has a path, or that does not belong to
    /// the RP id; `name`; `attestation_root` for what is no certificate.
    pub fn build(self) -> Result<RelyingParty, ConfigError> {
        check_id(&self.id)?;
        let name = self.name.unwrap_or_else(|| self.id.clone());
        if !(1..=NAME_MAX).contains(&name.len()) || name.chars().any(char::is_control) {
            return Err(ConfigError::new("name", "must have 1 to 64 bytes, and no control characters").of(name));
        }
        let parse = |field, texts: &[Box<str>]| -> Result<Vec<Origin>, ConfigError> {
            texts.iter().map(|text| Origin::parse(field, text)).collect()
        };
        let origins = Origins {
            own: parse("origin", &self.origins)?,
            related: parse("related_origin", &self.related)?,
            tops: parse("allow_cross_origin_from", &self.tops)?,
            subdomains: self.subdomains,
        };
        origins.own.iter().try_for_each(|origin| check_own(&self.id, origin))?;
        origins.related.iter().try_for_each(|origin| check_related(&self.id, origin))?;
        warn_of_labels(&self.id, &origins.related);
        let roots = Roots::parse(&self.roots)?;
        let urls = origins.all().map(|origin| origin.url().clone()).collect();
        let subdomains = Some(self.subdomains);
        let core =
            WebauthnCore::new_unsafe_experts_only(&name, &self.id, urls, Duration::ZERO, subdomains, Some(false));
        let id_hash = Sha256::digest(self.id.as_bytes()).into();
        Ok(RelyingParty { id: self.id, id_hash, name, origins, roots, core })
    }
}

/// An origin that the RP id is good for (WebAuthn §5.1.3): on its host or below.
fn check_own(id: &str, origin: &Origin) -> Result<(), ConfigError> {
    if origin.host() == id || (is_below(origin.host(), id) && !is_loopback(id)) {
        return Ok(());
    }
    let rule = format!("must be on {id} or below it; list it as a related origin where it is another domain of yours");
    Err(ConfigError::new("origin", rule).of(origin.text()))
}

fn check_related(id: &str, origin: &Origin) -> Result<(), ConfigError> {
    let refused = |rule: &'static str| Err(ConfigError::new("related_origin", rule).of(origin.text()));
    if is_loopback(id) || is_loopback(origin.host()) {
        return refused("localhost has no related origins: nobody could fetch the list");
    }
    if origin.host() == id || is_below(origin.host(), id) {
        return refused("is on the RP id or below it: list it as an origin");
    }
    Ok(())
}

/// Browsers stop at five labels; from the sixth on an origin works here and nowhere else.
fn warn_of_labels(id: &str, related: &[Origin]) {
    let labels: BTreeSet<&str> = related.iter().filter_map(|origin| registrable_label(origin.host())).collect();
    if labels.len() > LABELS {
        tracing::warn!(rp_id = id, labels = labels.len(), "more related domains than every browser looks at (five)");
    }
}
