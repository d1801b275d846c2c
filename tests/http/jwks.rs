//! The public keys, as somebody else's verifier takes them.

use std::collections::BTreeSet;

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};
use tower_mfa::policy::Login;

use crate::client::Service;

#[tokio::test]
async fn r7517_5_the_key_set_has_public_members_alone_and_is_not_stored() {
    let s = Service::new(Login::IfEnrolled);
    let answer = s.ask("GET /.well-known/jwks.json", &[], None).await.is(200);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.body.as_object().unwrap().keys().collect::<Vec<_>>(), ["keys"]);
    for key in answer.body["keys"].as_array().unwrap() {
        let members: BTreeSet<&str> = key.as_object().unwrap().keys().map(String::as_str).collect();
        let public = BTreeSet::from(["kty", "kid", "alg", "use", "key_ops", "n", "e", "crv", "x", "y"]);
        assert!(members.is_subset(&public), "{members:?}");
        assert_eq!(key["use"], "sig");
    }
}

#[tokio::test]
async fn r9068_4_b_another_verifier_takes_a_token_by_the_published_keys() {
    let s = Service::new(Login::IfEnrolled);
    let alice = s.person("alice").await;
    let keys: JwkSet = serde_json::from_value(s.ask("GET /.well-known/jwks.json", &[], None).await.body).unwrap();
    let header = decode_header(&alice.access).unwrap();
    assert_eq!((header.alg, header.typ.as_deref()), (Algorithm::RS256, Some("at+jwt")));
    let key = DecodingKey::from_jwk(keys.find(&header.kid.unwrap()).unwrap()).unwrap();
    let mut rules = Validation::new(Algorithm::RS256);
    rules.set_audience(&["api"]);
    rules.set_issuer(&["https://id.example"]);
    let claims = decode::<Value>(&alice.access, &key, &rules).unwrap().claims;
    let members: BTreeSet<&str> = claims.as_object().unwrap().keys().map(String::as_str).collect();
    let documented = "iss sub aud client_id exp iat jti sid auth_time acr amr evidence";
    assert_eq!(members, documented.split(' ').collect());
    assert_eq!(
        (&claims["sub"], &claims["acr"], &claims["client_id"]),
        (&json!("alice"), &json!("aal2"), &json!("api"))
    );
    let kinds: Vec<&Value> = claims["evidence"].as_array().unwrap().iter().map(|proof| &proof["type"]).collect();
    assert_eq!(kinds, ["pwd", "totp"]);
    rules.set_audience(&["another"]);
    assert!(decode::<Value>(&alice.access, &key, &rules).is_err());
}
