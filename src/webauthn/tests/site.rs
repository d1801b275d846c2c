//! What a relying party can be, and from where its ceremonies are accepted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::scene::{ORIGIN, bind, register, registration, rule, site};
use crate::testing::{SoftAttestationCa, SoftAuthenticator};
use crate::webauthn::RelyingParty;

fn field(id: &str, origin: &str) -> &'static str {
    RelyingParty::builder(id, origin).build().map_or_else(|refused| refused.field(), |_| "none")
}

/// Rows: N63B-3.2.5-b
#[test]
fn an_rp_id_is_a_domain_of_somebodys_own() {
    for (id, origin) in [
        ("co.uk", "https://shop.co.uk"),
        ("com", "https://example.com"),
        ("github.io", "https://shop.github.io"),
        ("internal", "https://internal"),
        ("127.0.0.1", "https://127.0.0.1"),
        ("0x7f.1", "https://127.0.0.1"),
        ("[::1]", "https://[::1]"),
        ("Example.com", ORIGIN),
        ("example.com.", ORIGIN),
        ("bücher.example", "https://bücher.example"),
        ("https://example.com", ORIGIN),
        ("example.com:443", ORIGIN),
        ("exa mple.com", ORIGIN),
        (".example.com", ORIGIN),
        ("", ORIGIN),
    ] {
        assert_eq!(field(id, origin), "id", "{id}");
    }
    for (id, origin) in [
        ("example.com", ORIGIN),
        ("example.com", "https://login.example.com:8443"),
        ("login.example.com", "https://login.example.com"),
        ("shop.co.uk", "https://shop.co.uk"),
        ("shop.github.io", "https://shop.github.io"),
        ("mfa.internal", "https://mfa.internal"),
        ("xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "https://bücher.example"),
    ] {
        assert_eq!(field(id, origin), "none", "{id}");
    }
}

#[test]
fn an_origin_is_https_and_on_the_rp_id_or_below_it() {
    for origin in [
        "http://example.com",
        "http://localhost",
        "https://localhost",
        "https://example.org",
        "https://badexample.com",
        "https://com",
        "https://example.com.evil.example",
        "https://example.com/login",
        "https://example.com?x",
        "https://example.com#x",
        "https://user@example.com",
        "https://user:pass@example.com",
        "https://127.0.0.1",
        "https://[::1]",
        "ftp://example.com",
        "android:apk-key-hash:AAAA",
        "example.com",
        "null",
        "",
    ] {
        assert_eq!(field("example.com", origin), "origin", "{origin}");
    }
}

#[test]
fn localhost_is_for_itself_alone() {
    for origin in ["http://localhost", "http://localhost:3000", "https://localhost:8443"] {
        assert_eq!(field("localhost", origin), "none", "{origin}");
    }
    for origin in ["http://app.localhost:3000", "http://127.0.0.1", "https://example.com", "http://example.com"] {
        assert_eq!(field("localhost", origin), "origin", "{origin}");
    }
    let related = RelyingParty::builder("localhost", "http://localhost").related_origin("https://example.com");
    assert_eq!(related.build().unwrap_err().field(), "related_origin");
}

#[test]
fn a_name_can_be_shown() {
    assert_eq!(site().build().unwrap().name(), "example.com");
    assert_eq!(site().name("Bücher").build().unwrap().name(), "Bücher");
    for name in [String::new(), "a".repeat(65), "a\nb".into()] {
        assert_eq!(site().name(name).build().unwrap_err().field(), "name");
    }
}

#[test]
fn wa_13_5_8_a_subdomains_are_accepted_only_where_that_is_said() {
    let at = |party: &RelyingParty, origin: &str| {
        rule(register(party, &registration(&mut SoftAuthenticator::passkey(), origin)))
    };
    let (exact, wide) = (site().build().unwrap(), site().allow_subdomains(true).build().unwrap());
    for below in ["https://login.example.com", "https://a.b.example.com"] {
        assert_eq!((at(&exact, below), at(&wide, below)), ("WA-REG-9 origin", "none"), "{below}");
    }
    for wrong in [
        "https://evilexample.com",
        "https://.example.com",
        "https://login.example.com:8443",
        "http://login.example.com",
        "https://login.example.com/",
        "https://LOGIN.example.com",
        "https://login.example.com.evil.example",
        "https://evil.example/.example.com",
        "https://evil.example?.example.com",
        "https://x@login.example.com",
    ] {
        assert_eq!(at(&wide, wrong), "WA-REG-9 origin", "{wrong}");
    }
    // Below a related origin is somebody else's house.
    let related = site().allow_subdomains(true).related_origin("https://example.de").build().unwrap();
    assert_eq!(at(&related, "https://example.de"), "none");
    assert_eq!(at(&related, "https://login.example.de"), "WA-REG-9 origin");
}

/// Rows: WA-5.11-c
#[test]
fn wa_5_11_a_what_is_published_is_what_is_accepted() {
    let party =
        site().related_origin("https://example.de").related_origin("https://shop.example:8443").build().unwrap();
    assert_eq!(party.related_origins_json(), r#"{"origins":["https://example.de","https://shop.example:8443"]}"#);
    let mut bound = bind(SoftAuthenticator::passkey());
    for origin in ["https://example.de", "https://shop.example:8443", ORIGIN] {
        let assertion = bound.assertion(origin);
        assert_eq!(rule(bound.check(&party, &assertion)), "none");
    }
    let assertion = bound.assertion("https://shop.example");
    assert_eq!(rule(bound.check(&party, &assertion)), "WA-AUTH-12 origin");
    assert_eq!(site().related_origin("https://a.example.com").build().unwrap_err().field(), "related_origin");
    assert_eq!(site().related_origin("http://example.de").build().unwrap_err().field(), "related_origin");
}

#[test]
fn wa_5_11_b_more_labels_than_every_browser_looks_at_draw_a_warning() {
    let of = |hosts: &[&str]| {
        let party = hosts.iter().fold(site(), |site, host| site.related_origin(format!("https://{host}")));
        Warnings::during(|| assert_eq!(party.build().unwrap().origins().count(), hosts.len().saturating_add(1)))
    };
    assert_eq!(of(&["a.de", "b.de", "c.de", "d.de", "e.de"]), 0);
    assert_eq!(of(&["a.de", "b.de", "c.de", "d.de", "e.de", "f.de"]), 1);
    // One name in many countries is one label.
    assert_eq!(of(&["a.de", "a.fr", "a.co.uk", "shop.a.it", "a.es", "a.nl", "a.be"]), 0);
}

/// Counts the warnings of one thread.
#[derive(Clone, Default)]
struct Warnings(Arc<AtomicUsize>);

impl Warnings {
    fn during(run: impl FnOnce()) -> usize {
        let warnings = Self::default();
        tracing::subscriber::with_default(warnings.clone(), run);
        warnings.0.load(Ordering::SeqCst)
    }
}

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN && metadata.target().starts_with("tower_mfa")
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, _: &tracing::Event<'_>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
fn a_page_around_a_frame_is_an_origin() {
    for top in ["http://example.org", "https://example.org/x", "*", ""] {
        assert_eq!(site().allow_cross_origin_from([top]).build().unwrap_err().field(), "allow_cross_origin_from");
    }
}

#[test]
fn a_root_is_a_certificate_in_either_form() {
    let (one, other) = (SoftAttestationCa::generate().unwrap(), SoftAttestationCa::generate().unwrap());
    let with = |root: Vec<u8>| site().attestation_root(root).build();
    let bundle = format!("# ours\n{}\n# theirs\n{}", one.root_pem(), other.root_pem());
    let party = with(bundle.into_bytes()).unwrap();
    for maker in [&one, &other] {
        let answer = registration(&mut SoftAuthenticator::security_key().attested_by(maker), ORIGIN);
        let found = register(&party, &answer).unwrap().attestation;
        assert!(matches!(found, crate::account::webauthn::Attestation::Rooted(_)));
    }
    let cut = one.root_der();
    for wrong in [
        vec![],
        b"no certificate".to_vec(),
        cut[..cut.len() - 1].to_vec(),
        [cut.as_slice(), b"\0"].concat(),
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----".to_vec(),
        b"-----BEGIN CERTIFICATE-----\nAAAA".to_vec(),
    ] {
        assert_eq!(with(wrong).unwrap_err().field(), "attestation_root");
    }
}
