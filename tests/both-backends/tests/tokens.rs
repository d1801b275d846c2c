//! jsonwebtoken asks a process-global provider, which panics when two are built in. Nothing here
//! may ask it.

use std::sync::Arc;

use tower_mfa::account::FirstFactor;
use tower_mfa::clock::{Clock as _, SystemClock};
use tower_mfa::entropy::SystemEntropy;
use tower_mfa::id::Subject;
use tower_mfa::service::{Keys, LoginOutcome, Mfa};
use tower_mfa::store::MemoryStore;
use tower_mfa::token::{Algorithm, KeySet, SigningKey, TokenErrorKind, Verifier, VerifyingKey};
use tower_mfa::vault::{LocalKeyRing, MasterKey};

const ALL: [Algorithm; 3] = [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa];

#[test]
fn with_both_backends_on_jsonwebtoken_itself_panics() {
    let key = jsonwebtoken::EncodingKey::from_secret(&[1; 32]);
    let signed = std::panic::catch_unwind(|| jsonwebtoken::encode(&jsonwebtoken::Header::default(), &"{}", &key));
    assert!(signed.is_err(), "only one backend is on, so these tests show nothing");
}

#[tokio::test]
async fn tokens_are_issued_published_and_verified_with_both_backends_on() {
    for algorithm in ALL {
        let keys = KeySet::new(SigningKey::generate(algorithm).unwrap());
        // Drawing an RSA key takes a while.
        let now = SystemClock.now().unwrap();
        let ring = LocalKeyRing::new(vec![MasterKey::generate("a", &SystemEntropy).unwrap()]).unwrap();
        let mfa = Mfa::builder(MemoryStore::new())
            .issuer("https://id.example")
            .audience("api")
            .keys(Keys::new(keys, Arc::new(ring)))
            .build()
            .unwrap();
        let alice = Subject::new("alice").unwrap();
        let login = mfa.begin(FirstFactor::password_checked_by_host(alice.clone(), now)).await.unwrap();
        let LoginOutcome::Complete(tokens) = login else { panic!("nothing is bound") };

        let published = KeySet::from_jwks(&mfa.jwks_json().unwrap()).unwrap();
        let verifier = Verifier::new("https://id.example", "api", published).unwrap();
        let token = tokens.access_token().expose();
        assert_eq!(verifier.verify(token, now.plus(1)).unwrap().subject(), &alice, "{algorithm:?}");
        let mut forged = token.to_owned();
        let end = forged.len() - 10;
        let other = if forged[end..].starts_with('A') { "B" } else { "A" };
        forged.replace_range(end..=end, other);
        assert_eq!(verifier.verify(&forged, now.plus(1)).unwrap_err().kind(), TokenErrorKind::BadSignature, "{algorithm:?}");
    }
}

#[test]
fn a_key_that_makes_the_second_backend_panic_is_refused() {
    let short = r#"{"kty":"OKP","crv":"Ed25519","x":"AAAA"}"#;
    assert!(VerifyingKey::from_jwk(short).is_err());
    let good = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    assert_eq!(VerifyingKey::from_jwk(good).unwrap().kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}
