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

/// A token of ours, made now and then for any claims that do not matter.
fn any_token(issuer: &Issuer) -> SecretString {
    let (subject, assurance) = (Subject::new("alice").unwrap(), two_factors());
    issue(issuer, &claims(&subject, session(), &assurance)).unwrap()
}

fn part(token: &SecretString, at: usize) -> serde_json::Value {
    use base64::Engine as _;
    let part = token.expose().split('.').nth(at).unwrap();
    serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[test]
fn a_token_says_what_the_contract_says_and_nothing_else() {
    let keys = keys();
    let (issuer, _) = pair(&keys);
    let (subject, sid, assurance) = (Subject::new("alice").unwrap(), session(), two_factors());
    let claims = claims(&subject, sid, &assurance);
    let token = issue(&issuer, &claims).unwrap();
    let kid = keys.signing_kid().unwrap();
    assert_eq!(part(&token, 0), serde_json::json!({"alg": "ES256", "kid": kid, "typ": "at+jwt"}));
    let wanted = serde_json::json!({
        "iss": ISSUER, "sub": "alice", "aud": AUDIENCE, "client_id": "web",
        "exp": LOGIN.plus(905), "iat": LOGIN.plus(5), "jti": claims.token_id, "sid": sid,
        "auth_time": LOGIN.plus(5), "acr": "aal2", "amr": ["pwd", "otp", "mfa", "totp"],
        "evidence": [{"type": "pwd", "at": LOGIN}, {"type": "totp", "at": LOGIN.plus(5)}],
    });
    assert_eq!(part(&token, 1), wanted);

    let grant = StepUpGrant {
        id: TokenId::generate(&SystemEntropy).unwrap(),
        action: "transfer_funds".into(),
        auth_time: LOGIN,
        expires_at: LOGIN.plus(300),
        bind: None,
    };
    let roles = ["admin".into()];
    let scopes = ["read".into(), "write".into()];
    let tenant = Subject::with_tenant("acme", "alice").unwrap();
    let more = Claims { subject: &tenant, ..claims }.with_step_up(&grant).with_roles(&roles).with_scopes(&scopes);
    let more = part(&issue(&issuer, &more).unwrap(), 1);
    assert_eq!((&more["tenant"], &more["sub"]), (&"acme".into(), &"alice".into()));
    assert_eq!((&more["roles"], &more["scope"]), (&serde_json::json!(["admin"]), &"read write".into()));
    let step_up = serde_json::json!({
        "jti": grant.id, "action": "transfer_funds", "auth_time": LOGIN, "exp": LOGIN.plus(300),
    });
    assert_eq!(more["step_up"], step_up);
}

#[test]
fn another_library_verifies_our_tokens_through_the_jwks() {
    use jsonwebtoken::jwk::JwkSet;
    for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
        let keys = KeySet::new(SigningKey::generate(algorithm).unwrap());
        let (issuer, _) = pair(&keys);
        let token = any_token(&issuer);
        let set: JwkSet = serde_json::from_str(&keys.jwks_json(LOGIN)).unwrap();
        let header = jsonwebtoken::decode_header(token.expose()).unwrap();
        let jwk = set.find(&header.kid.unwrap()).unwrap();
        let mut checks = jsonwebtoken::Validation::new(header.alg);
        checks.validate_exp = false;
        checks.set_issuer(&[ISSUER]);
        checks.set_audience(&[AUDIENCE]);
        let key = jsonwebtoken::DecodingKey::from_jwk(jwk).unwrap();
        let read = jsonwebtoken::decode::<serde_json::Value>(token.expose(), &key, &checks).unwrap();
        assert_eq!(read.claims["sub"], "alice");
        let thumbprint = jwk.thumbprint(jsonwebtoken::jwk::ThumbprintHash::SHA256).unwrap();
        assert_eq!(thumbprint, *keys.signing_kid().unwrap(), "and names the key as we do");
    }
}

#[test]
fn signatures_of_the_standards_verify_and_with_a_bit_flipped_do_not() {
    use base64::Engine as _;
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../../tests/vectors/jws_signatures.json")).unwrap();
    let vectors = vectors.as_array().unwrap();
    assert_eq!(vectors.len(), 3);
    for vector in vectors {
        let key = VerifyingKey::from_jwk(&vector["jwk"].to_string()).unwrap();
        let (message, signature) = vector["jws"].as_str().unwrap().rsplit_once('.').unwrap();
        let signature = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(signature).unwrap();
        assert!(key.verifies(message.as_bytes(), &signature), "{}", vector["source"]);
        for at in 0..signature.len() {
            let mut flipped = signature.clone();
            flipped[at] ^= 1;
            assert!(!key.verifies(message.as_bytes(), &flipped), "{} byte {at}", vector["source"]);
        }
    }
}

#[test]
fn r9068_2_2_1_a_r9470_6_1_a_a_renewed_token_keeps_the_time_of_the_authentication() {
    let (issuer, verifier) = pair(&keys());
    let (subject, sid, assurance) = (Subject::new("alice").unwrap(), session(), two_factors());
    let first = claims(&subject, sid, &assurance);
    let renewed = Claims { valid: LOGIN.plus(800)..LOGIN.plus(1_700), ..first.clone() };
    let read = |claims, now| verifier.verify(issue(&issuer, claims).unwrap().expose(), now).unwrap();
    let (first, renewed) = (read(&first, LOGIN.plus(10)), read(&renewed, LOGIN.plus(810)));
    assert_eq!(first.assurance(), renewed.assurance());
    assert_eq!(renewed.assurance().auth_time(), Some(LOGIN.plus(5)));
}

#[test]
fn the_host_and_issuer_may_call_the_levels_by_other_names() {
    let names = crate::assurance::AcrNames::default().with_levels("urn:x:1", "urn:x:2", "urn:x:3").unwrap();
    let (issuer, verifier) = pair(&keys());
    let token = any_token(&issuer.with_acr_names(names.clone()));
    assert_eq!(part(&token, 1)["acr"], "urn:x:2");
    assert_eq!(verifier.verify(token.expose(), LOGIN.plus(6)).unwrap().assurance().level(), Aal::One);
    let verifier = verifier.with_acr_names(names);
    assert_eq!(
        verifier.with_cache_capacity(10).verify(token.expose(), LOGIN.plus(6)).unwrap().assurance().level(),
        Aal::Two
    );
}

#[test]
fn claims_that_a_verifier_would_misread_are_not_issued() {
    let (issuer, _) = pair(&keys());
    let (subject, assurance) = (Subject::new("alice").unwrap(), two_factors());
    let good = claims(&subject, session(), &assurance);
    let kind = |claims: &Claims<'_>| issue(&issuer, claims).map(|_| ()).map_err(|e| e.kind());
    assert_eq!(kind(&good), Ok(()));
    for scope in ["read write", "", "a\"b", "a\\b", "caf\u{e9}", "a\nb"] {
        let scopes = [scope.into()];
        assert_eq!(kind(&good.clone().with_scopes(&scopes)), Err(IssueErrorKind::Claims), "{scope:?}");
    }
    assert_eq!(kind(&Claims { valid: LOGIN..LOGIN, ..good.clone() }), Err(IssueErrorKind::Claims));
    assert_eq!(kind(&Claims { client_id: "", ..good.clone() }), Err(IssueErrorKind::Claims));
    let roles = vec![Box::from("a role"); 2_000];
    assert_eq!(kind(&good.with_roles(&roles)), Err(IssueErrorKind::TooLong));
}

#[test]
fn after_a_withdrawal_nothing_is_issued_until_the_next_rotation() {
    let keys = keys();
    let (issuer, verifier) = pair(&keys);
    assert!(keys.withdraw(&keys.signing_kid().unwrap()));
    let (subject, assurance) = (Subject::new("alice").unwrap(), two_factors());
    let claims = claims(&subject, session(), &assurance);
    assert_eq!(issue(&issuer, &claims).unwrap_err().kind(), IssueErrorKind::NoKey);
    keys.rotate(SigningKey::generate(Algorithm::EdDsa).unwrap(), LOGIN).unwrap();
    assert!(verifier.verify(issue(&issuer, &claims).unwrap().expose(), LOGIN.plus(6)).is_ok());
}

#[test]
fn r8725_3_2_b_es256_signatures_are_hedged_and_eddsa_ones_are_the_same_each_time() {
    let (subject, sid, assurance) = (Subject::new("alice").unwrap(), session(), two_factors());
    let claims = claims(&subject, sid, &assurance);
    for (algorithm, same) in [(Algorithm::Es256, false), (Algorithm::EdDsa, true)] {
        let issuer = Issuer::new(ISSUER, AUDIENCE, KeySet::new(SigningKey::generate(algorithm).unwrap())).unwrap();
        let (a, b) = (issue(&issuer, &claims).unwrap(), issue(&issuer, &claims).unwrap());
        assert_eq!(a.expose() == b.expose(), same, "{algorithm}");
    }
}

/// A signer that waits once, and may answer in another form.
struct Remote(SigningKey, fn(Vec<u8>) -> Option<Vec<u8>>);

impl Sign for Remote {
    fn sign<'a>(&'a self, message: &'a [u8]) -> SignFuture<'a> {
        Box::pin(async move {
            let mut waited = false;
            std::future::poll_fn(|context| {
                context.waker().wake_by_ref();
                if std::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            let signature = self.0.sign(message).await.map_err(Box::new)?;
            self.1(signature).ok_or_else(|| "the service is down".into())
        })
    }
}

#[test]
fn a_remote_signer_signs_and_one_that_errs_or_lies_issues_nothing() {
    use std::error::Error as _;
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let (subject, assurance) = (Subject::new("alice").unwrap(), two_factors());
    let claims = claims(&subject, session(), &assurance);
    let signed_by = |change: fn(Vec<u8>) -> Option<Vec<u8>>| {
        let remote = SigningKey::remote(key.verifying_key(), std::sync::Arc::new(Remote(key.clone(), change)));
        assert!(remote.to_pkcs8_pem().is_none());
        let issuer = Issuer::new(ISSUER, AUDIENCE, KeySet::new(remote)).unwrap();
        let mut issuing = pin!(issuer.issue(&claims));
        let mut context = Context::from_waker(Waker::noop());
        assert!(issuing.as_mut().poll(&mut context).is_pending());
        let Poll::Ready(token) = issuing.poll(&mut context) else { panic!("it waits once") };
        token
    };
    let (_, verifier) = pair(&KeySet::new(key.clone()));
    let token = signed_by(Some).unwrap();
    assert!(verifier.verify(token.expose(), LOGIN.plus(6)).is_ok());
    let lie = signed_by(|mut signature| {
        signature[0] ^= 1;
        Some(signature)
    });
    assert_eq!(lie.unwrap_err().kind(), IssueErrorKind::Signer);
    let down = signed_by(|_| None).unwrap_err();
    assert_eq!(down.kind(), IssueErrorKind::Signer);
    assert_eq!(down.source().unwrap().to_string(), "the service is down");
}

#[test]
fn what_is_remembered_and_what_is_read_afresh_agree_at_every_second() {
    let keys = keys();
    let (issuer, remembering) = pair(&keys);
    let forgetful = Verifier::new(ISSUER, AUDIENCE, keys).unwrap().with_cache_capacity(0);
    let token = any_token(&issuer);
    assert!(remembering.verify(token.expose(), LOGIN.plus(100)).is_ok());
    for second in (0..12).chain(890..920) {
        let now = LOGIN.plus(second);
        let answer = |verifier: &Verifier| verifier.verify(token.expose(), now).map(|_| ()).map_err(|e| e.kind());
        assert_eq!(answer(&remembering), answer(&forgetful), "{second}");
        let _ = remembering.verify(token.expose(), LOGIN.plus(100));
    }
}

#[test]
fn the_name_of_a_remembered_token_depends_on_all_of_it_and_on_the_verifier() {
    let (here, there) = (seen::Seen::new(10).unwrap(), seen::Seen::new(10).unwrap());
    let token = "a".repeat(900);
    let name = here.name(&token).unwrap();
    assert_eq!(here.name(&token), Some(name));
    assert_ne!(there.name(&token), Some(name), "nobody can work it out beforehand");
    for at in 0..token.len() {
        let mut other = token.clone();
        other.replace_range(at..=at, "b");
        assert_ne!(here.name(&other), Some(name), "{at}");
    }
    assert_ne!(here.name(&token[1..]), Some(name));
    assert_ne!(here.name(&format!("{token}\0")), Some(name));
    assert_eq!(here.with_capacity(0).name(&token), None);
}
