//! What needs evidence, which nobody outside the crate can make; the rest is in `tests/token*.rs`.

use std::future::Future as _;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::*;
use crate::assurance::{Aal, Assurance, Evidence, Method, Properties, StepUpGrant, assess};
use crate::clock::Timestamp;
use crate::entropy::SystemEntropy;
use crate::id::{SessionId, Subject, TokenId};
use crate::secret::SecretString;

const ISSUER: &str = "https://id.example";
const AUDIENCE: &str = "api";
const LOGIN: Timestamp = Timestamp::from_secs(1_800_000_000);

fn issue(issuer: &Issuer, claims: &Claims<'_>) -> Result<SecretString, IssueError> {
    match pin!(issuer.issue(claims)).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(token) => token,
        Poll::Pending => panic!("a local key never waits"),
    }
}

fn keys() -> KeySet {
    KeySet::new(SigningKey::generate(Algorithm::Es256).unwrap())
}

fn pair(keys: &KeySet) -> (Issuer, Verifier) {
    let issuer = Issuer::new(ISSUER, AUDIENCE, keys.clone()).unwrap();
    (issuer, Verifier::new(ISSUER, AUDIENCE, keys.clone()).unwrap())
}

fn two_factors() -> Assurance {
    assess(&[Evidence::new(Method::Password, LOGIN), Evidence::new(Method::Totp, LOGIN.plus(5))], false).unwrap()
}

fn session() -> SessionId {
    SessionId::generate(&SystemEntropy).unwrap()
}

fn claims<'a>(subject: &'a Subject, session: SessionId, assurance: &'a Assurance) -> Claims<'a> {
    let token_id = TokenId::generate(&SystemEntropy).unwrap();
    Claims::new(subject, "web", session, token_id, assurance, LOGIN.plus(5)..LOGIN.plus(905))
}

#[test]
fn what_was_issued_is_what_is_read() {
    let (issuer, verifier) = pair(&keys());
    let subject = Subject::with_tenant("acme", "alice").unwrap();
    let (sid, assurance) = (session(), two_factors());
    let grant = StepUpGrant {
        id: TokenId::generate(&SystemEntropy).unwrap(),
        action: "transfer_funds".into(),
        auth_time: LOGIN.plus(5),
        expires_at: LOGIN.plus(305),
        bind: Some("sha-256:abc".into()),
    };
    let (roles, scopes) = (["admin".into(), "a b".into()], ["read".into(), "write".into()]);
    let claims = claims(&subject, sid, &assurance).with_step_up(&grant).with_roles(&roles).with_scopes(&scopes);
    let token = issue(&issuer, &claims).unwrap();

    let read = verifier.verify(token.expose(), LOGIN.plus(6)).unwrap();
    assert_eq!(read.subject(), &subject);
    assert_eq!(read.session(), Some(&*sid.to_string()));
    assert_eq!(read.client_id(), "web");
    assert_eq!(read.token_id(), claims.token_id.to_string());
    assert_eq!((read.issued_at(), read.expires_at()), (LOGIN.plus(5), LOGIN.plus(905)));
    assert_eq!(read.assurance(), &assurance);
    assert_eq!(read.step_up(), Some(&grant));
    assert_eq!(read.roles(), &roles);
    assert_eq!(read.scopes(), &scopes);
}

#[test]
fn properties_of_a_hardware_key_travel_in_the_evidence() {
    let (issuer, verifier) = pair(&keys());
    let subject = Subject::new("alice").unwrap();
    let key = Properties { phishing_resistant: true, user_verified: true, hardware: true, ..Properties::default() };
    for (key, level, hardware) in [
        (key, Aal::Three, true),
        (Properties { hardware: false, ..key }, Aal::Two, false),
        (Properties { synced: true, ..key }, Aal::Two, false),
    ] {
        let assurance = assess(&[Evidence::new(Method::WebAuthn, LOGIN).with(key)], false).unwrap();
        let token = issue(&issuer, &claims(&subject, session(), &assurance)).unwrap();
        let read = verifier.verify(token.expose(), LOGIN.plus(6)).unwrap();
        assert_eq!(read.assurance().level(), level);
        assert_eq!(read.assurance().is_hardware(), hardware);
        assert!(read.assurance().is_phishing_resistant());
        assert!(read.assurance().evidence()[0].is_user_verified());
    }
}
