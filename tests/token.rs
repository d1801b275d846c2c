//! Access tokens and key sets: what is accepted, until when, and with which keys.

mod token_support;

use serde_json::{Value, json};
use token_support::*;
use tower_mfa::assurance::{Aal, AcrNames, Authentication, Missing, Requirement, unmet};
use tower_mfa::clock::Timestamp;
use tower_mfa::id::Subject;
use tower_mfa::token::{Algorithm, KeyErrorKind, KeySet, SigningKey, TokenErrorKind, Verifier, VerifyingKey};

const ALL: [Algorithm; 3] = [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa];

/// What becomes of `claims()` with one claim changed.
fn with_claim(forge: &Forge, name: &str, value: Value) -> Result<Authentication, TokenErrorKind> {
    verify(&forge.verifier(), &forge.token(&changed(name, value)))
}

#[expect(clippy::unwrap_used, reason = "a helper of tests: it may fail loudly")]
fn alice() -> Subject {
    Subject::new("alice").unwrap()
}

fn at(secs: u64) -> Timestamp {
    Timestamp::from_secs(secs)
}

// Claims: RFC 9068 §2.2 and §4, RFC 7519 §4.

#[test]
fn r9068_2_1_a_tokens_another_library_signs_are_verified_with_every_algorithm() {
    for algorithm in ALL {
        let forge = Forge::new(algorithm);
        let read = verify(&forge.verifier(), &forge.token(&claims())).unwrap();
        assert_eq!(read.subject(), &Subject::new("alice").unwrap());
        assert_eq!(read.assurance().level(), Aal::Two);
        assert_eq!((read.session(), read.token_id()), (Some("a-session"), "a-token"));
    }
}

#[test]
fn r9068_2_2_a_every_required_claim_is_required() {
    let forge = Forge::new(Algorithm::EdDsa);
    for claim in ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"] {
        assert_eq!(with_claim(&forge, claim, Value::Null).unwrap_err(), TokenErrorKind::MissingClaim(claim));
        assert!(with_claim(&forge, claim, json!("")).is_err(), "an empty {claim} is none");
        assert_eq!(with_claim(&forge, claim, json!({})).unwrap_err(), TokenErrorKind::Malformed);
    }
    for claim in ["sid", "auth_time", "amr", "evidence"] {
        assert!(with_claim(&forge, claim, Value::Null).is_ok(), "{claim} may be missing");
    }
}

/// Rows: ASVS-9.2.2
#[test]
fn r9068_2_1_b_r9068_4_a_only_the_two_media_types_are_access_tokens() {
    let forge = Forge::new(Algorithm::EdDsa);
    let verifier = forge.verifier();
    let with_typ = |typ: Value| {
        let mut header = forge.header();
        header["typ"] = typ;
        verify(&verifier, &forge.with_header(&header)).map(|_| ())
    };
    for typ in ["at+jwt", "at+JWT", "AT+JWT", "application/at+jwt", "Application/AT+jwt"] {
        assert_eq!(with_typ(json!(typ)), Ok(()), "{typ}");
    }
    for typ in ["JWT", "jwt", "dpop+jwt", "id_token+jwt", "", " at+jwt", "at+jwt ", "text/at+jwt", "at+jwt\0"] {
        assert_eq!(with_typ(json!(typ)), Err(TokenErrorKind::WrongType), "{typ}");
    }
    let header = json!({"alg": "EdDSA", "kid": forge.key.kid()});
    assert_eq!(refusal(&verifier, &forge.with_header(&header)), TokenErrorKind::WrongType);
}

#[test]
fn r9068_4_b_the_issuer_is_compared_exactly() {
    let forge = Forge::new(Algorithm::EdDsa);
    for issuer in ["https://id.example/", "HTTPS://id.example", "https://id.example.evil.com", "https://id.exampl"] {
        assert_eq!(with_claim(&forge, "iss", json!(issuer)).unwrap_err(), TokenErrorKind::WrongIssuer);
    }
    assert_eq!(with_claim(&forge, "iss", json!([ISSUER])).unwrap_err(), TokenErrorKind::Malformed);
}

/// Rows: ASVS-9.2.3
#[test]
fn r9068_4_c_r7519_4_1_3_the_audience_is_a_string_or_an_array_with_ours_in_it() {
    let forge = Forge::new(Algorithm::EdDsa);
    for audience in [json!("api"), json!(["api"]), json!(["other", "api"])] {
        assert!(with_claim(&forge, "aud", audience).is_ok());
    }
    for audience in [json!("ap"), json!("API"), json!("api "), json!([]), json!(["other"]), json!("api other")] {
        assert_eq!(with_claim(&forge, "aud", audience).unwrap_err(), TokenErrorKind::WrongAudience);
    }
    assert_eq!(with_claim(&forge, "aud", json!(["api", 1])).unwrap_err(), TokenErrorKind::Malformed);
}

/// Rows: ASVS-9.2.4
#[test]
fn r8725_3_9_a_a_token_without_an_audience_is_for_nobody() {
    let forge = Forge::new(Algorithm::EdDsa);
    assert_eq!(with_claim(&forge, "aud", Value::Null).unwrap_err(), TokenErrorKind::MissingClaim("aud"));
}

/// Rows: ASVS-9.2.1
#[test]
fn r9068_4_e_a_token_ends_at_exp_and_leeway_is_bounded() {
    let forge = Forge::new(Algorithm::EdDsa);
    let token = forge.token(&claims());
    for (leeway, last) in [(0, EXP - 1), (30, EXP + 29), (300, EXP + 299)] {
        let verifier = forge.verifier().leeway(leeway).unwrap();
        assert!(verifier.verify(&token, at(last)).is_ok(), "leeway {leeway}");
        assert!(verifier.verify(&token, at(last)).is_ok(), "and from memory");
        assert_eq!(verifier.verify(&token, at(last + 1)).unwrap_err().kind(), TokenErrorKind::Expired);
    }
    let refused = forge.verifier().leeway(301).unwrap_err();
    assert_eq!(refused.field(), "leeway");
}

#[test]
fn r7519_4_1_4_5_times_are_numbers_of_any_size() {
    let forge = Forge::new(Algorithm::EdDsa);
    for claim in ["exp", "iat", "nbf", "auth_time"] {
        for value in [json!("1800000900"), json!([1]), json!(true)] {
            assert_eq!(with_claim(&forge, claim, value).unwrap_err(), TokenErrorKind::Malformed, "{claim}");
        }
    }
    let verifier = forge.verifier();
    let with = |name: &str, number: &str| {
        let payload = changed(name, json!("NUMBER")).to_string().replace("\"NUMBER\"", number);
        verify(&verifier, &forge.with_payload(payload)).map(|read| (read.issued_at(), read.expires_at()))
    };
    assert_eq!(with("exp", "1800000900.9"), Ok((at(IAT), at(EXP))), "a fraction does not lengthen a life");
    for huge in ["18446744073709551615", "18446744073709551616", "1e300"] {
        assert_eq!(with("exp", huge), Ok((at(IAT), at(u64::MAX))), "{huge}");
        for claim in ["iat", "nbf", "auth_time"] {
            assert_eq!(with(claim, huge), Err(TokenErrorKind::NotYetValid), "{claim} {huge}");
        }
    }
    for past in ["-1", "-1e300", "0", "-9223372036854775808", "-0.5"] {
        assert_eq!(with("exp", past), Err(TokenErrorKind::Expired), "{past}");
        assert!(with("nbf", past).is_ok(), "{past}");
    }
    assert_eq!(with("exp", "1e999"), Err(TokenErrorKind::Malformed));
    assert_eq!(with("exp", "NaN"), Err(TokenErrorKind::Malformed));
}

#[test]
fn r7519_4_1_5_not_before_means_not_one_second_before() {
    let forge = Forge::new(Algorithm::EdDsa);
    let token = forge.token(&changed("nbf", json!(IAT + 10)));
    let later = forge.token(&changed("nbf", json!(1_800_000_010.5)));
    let verifier = forge.verifier();
    assert!(verifier.verify(&token, at(IAT + 9)).is_err());
    assert!(verifier.verify(&token, at(IAT + 10)).is_ok());
    assert!(verifier.verify(&later, at(IAT + 10)).is_err(), "a fraction is not cut off to the good");
    assert!(verifier.verify(&later, at(IAT + 11)).is_ok());
    assert!(verifier.verify(&token, at(IAT + 9)).is_err(), "what is remembered is not believed earlier");
    assert!(forge.verifier().leeway(1).unwrap().verify(&token, at(IAT + 9)).is_ok());
}

#[test]
fn r9470_x_age_what_happened_in_the_future_is_not_believed() {
    let forge = Forge::new(Algorithm::EdDsa);
    let future = NOW.as_secs() + 1;
    for claim in ["iat", "auth_time"] {
        assert_eq!(with_claim(&forge, claim, json!(future)).unwrap_err(), TokenErrorKind::NotYetValid);
        let token = forge.token(&changed(claim, json!(future)));
        assert!(forge.verifier().leeway(1).unwrap().verify(&token, NOW).is_ok());
    }
    let grant = json!({"jti": "AAAAAAAAAAAAAAAAAAAAAA", "action": "a", "auth_time": future, "exp": EXP});
    assert_eq!(with_claim(&forge, "step_up", grant).unwrap_err(), TokenErrorKind::NotYetValid);
}

#[test]
fn r9470_x_age_without_auth_time_nothing_is_fresh() {
    let forge = Forge::new(Algorithm::EdDsa);
    let read = with_claim(&forge, "auth_time", Value::Null).unwrap();
    assert_eq!(read.assurance().auth_time(), None);
    let fresh = Requirement::aal2().within(u32::MAX);
    assert_eq!(unmet(&fresh, read.assurance(), NOW), [Missing::Freshness]);
    let read = with_claim(&forge, "auth_time", json!(IAT)).unwrap();
    assert_eq!(unmet(&fresh, read.assurance(), NOW), []);
}

#[test]
fn asvs_6_8_4_without_acr_the_weakest_is_assumed_and_nothing_else_believed() {
    let forge = Forge::new(Algorithm::EdDsa);
    let mut claims = changed("evidence", json!([{"type": "webauthn", "at": IAT, "phr": true, "uv": true, "hw": true}]));
    claims["acr"] = json!("aal3");
    let verifier = forge.verifier();
    let strong = verify(&verifier, &forge.token(&claims)).unwrap();
    assert!(strong.assurance().is_hardware() && strong.assurance().level() == Aal::Three);

    claims.as_object_mut().unwrap().remove("acr");
    let weak = verify(&verifier, &forge.token(&claims)).unwrap();
    let weak = weak.assurance();
    assert_eq!(weak.level(), Aal::One);
    assert_eq!((weak.auth_time(), weak.amr().len(), weak.evidence().len()), (None, 0, 0));
    assert!(!weak.is_phishing_resistant() && !weak.is_hardware());
}

#[test]
fn an_unknown_class_is_aal1_and_known_ones_are_what_the_host_says() {
    let forge = Forge::new(Algorithm::EdDsa);
    for acr in ["aal4", "AAL2", "0", "", "urn:mace:incommon:iap:silver"] {
        assert_eq!(with_claim(&forge, "acr", json!(acr)).unwrap().assurance().level(), Aal::One, "{acr}");
    }
    let names = AcrNames::default().with_levels("urn:x:1", "urn:x:2", "urn:x:3").unwrap();
    let verifier = forge.verifier().with_acr_names(names);
    let level = |acr: &str| verify(&verifier, &forge.token(&changed("acr", json!(acr)))).unwrap().assurance().level();
    assert_eq!((level("urn:x:3"), level("urn:x:2"), level("aal3")), (Aal::Three, Aal::Two, Aal::One));
}

#[test]
fn a_proof_of_an_unknown_kind_proves_nothing_and_nine_are_too_many() {
    let forge = Forge::new(Algorithm::EdDsa);
    let foreign = json!([{"type": "quantum", "at": IAT, "phr": true, "hw": true}, {"type": "totp", "at": IAT}]);
    let read = with_claim(&forge, "evidence", foreign).unwrap();
    assert_eq!(read.assurance().evidence().len(), 1);
    assert!(!read.assurance().is_phishing_resistant());
    let proof = json!({"type": "totp", "at": IAT});
    assert!(with_claim(&forge, "evidence", json!(vec![&proof; 8])).is_ok());
    assert_eq!(with_claim(&forge, "evidence", json!(vec![&proof; 9])).unwrap_err(), TokenErrorKind::Malformed);
}

#[test]
fn a_subject_that_could_be_taken_for_another_is_refused() {
    let forge = Forge::new(Algorithm::EdDsa);
    for sub in ["alice\n", " alice", "al\u{1f}ice", "alice\u{a0}"] {
        assert_eq!(with_claim(&forge, "sub", json!(sub)).unwrap_err(), TokenErrorKind::Malformed, "{sub:?}");
    }
    let read = with_claim(&forge, "tenant", json!("acme")).unwrap();
    assert_eq!(read.subject(), &Subject::with_tenant("acme", "alice").unwrap());
    assert_eq!(with_claim(&forge, "tenant", json!("")).unwrap_err(), TokenErrorKind::Malformed);
}

#[test]
fn scopes_are_separated_by_spaces_and_roles_are_not() {
    let forge = Forge::new(Algorithm::EdDsa);
    let read = with_claim(&forge, "scope", json!("read  write")).unwrap();
    assert_eq!(read.scopes(), [Box::from("read"), Box::from("write")]);
    let read = with_claim(&forge, "roles", json!(["a b"])).unwrap();
    assert_eq!(read.roles(), [Box::from("a b")]);
}

// Keys: RFC 7517, RFC 7638.

#[test]
fn r7638_3_a_thumbprints_are_those_of_the_standards() {
    let vectors: Value = serde_json::from_str(include_str!("vectors/jwk_thumbprints.json")).unwrap();
    let vectors = vectors.as_array().unwrap();
    assert_eq!(vectors.len(), 3);
    for vector in vectors {
        let key = VerifyingKey::from_jwk(&vector["jwk"].to_string()).unwrap();
        assert_eq!(*key.thumbprint(), *vector["thumbprint"].as_str().unwrap(), "{}", vector["source"]);
        assert_eq!(key.kid(), vector["jwk"]["kid"].as_str().unwrap_or(&key.thumbprint()));
    }
}

#[test]
fn r7638_3_2_1_a_private_key_has_the_name_of_its_public_key() {
    for algorithm in ALL {
        let key = Forge::new(algorithm).key;
        assert_eq!(key.kid(), &*key.verifying_key().thumbprint());
        let again = SigningKey::from_pkcs8_pem(key.to_pkcs8_pem().unwrap().expose()).unwrap();
        assert_eq!(again.kid(), key.kid());
        assert_eq!(again.algorithm(), algorithm);
    }
}

#[test]
fn r7517_4_5_a_rotated_key_verifies_until_its_overlap_ends() {
    let forge = Forge::new(Algorithm::Es256);
    let verifier = forge.verifier();
    let token = forge.token(&changed("exp", json!(EXP + 10_000)));
    assert!(verifier.verify(&token, NOW).is_ok());

    let next = Forge::new(Algorithm::EdDsa);
    forge.keys.rotate(next.key.clone(), at(EXP)).unwrap();
    assert_eq!(forge.keys.signing_kid().unwrap(), Box::from(next.key.kid()));
    let kids = |now| {
        let set: Value = serde_json::from_str(&forge.keys.jwks_json(now)).unwrap();
        let kids = set["keys"].as_array().unwrap().iter().map(|k| k["kid"].as_str().unwrap().to_owned());
        kids.collect::<Vec<_>>()
    };
    assert_eq!(kids(NOW), [next.key.kid(), forge.key.kid()], "the key that signs stands first");
    assert_eq!(kids(at(EXP)), [next.key.kid()]);

    assert!(verifier.verify(&next.token(&claims()), NOW).is_ok(), "the new key verifies at once");
    assert!(verifier.verify(&token, at(EXP - 1)).is_ok(), "the old one to the last second");
    assert_eq!(verifier.verify(&token, at(EXP)).unwrap_err().kind(), TokenErrorKind::UnknownKey);
    forge.keys.prune(at(EXP));
    assert_eq!(verifier.verify(&token, NOW).unwrap_err().kind(), TokenErrorKind::UnknownKey, "pruned is gone");
}

#[test]
fn a_key_can_be_published_before_it_signs_and_after_a_restart() {
    let (old, new) = (Forge::new(Algorithm::EdDsa), Forge::new(Algorithm::EdDsa));
    old.keys.publish(new.key.verifying_key(), Some(at(EXP))).unwrap();
    assert_ne!(old.keys.signing_kid().unwrap(), Box::from(new.key.kid()));
    assert!(verify(&old.verifier(), &new.token(&claims())).is_ok());
    old.keys.rotate(new.key.clone(), NOW).unwrap();
    assert!(old.keys.contains(new.key.kid(), at(EXP + 1)), "a key that signs has no end");
    assert_eq!(old.keys.rotate(new.key.clone(), NOW).unwrap_err().kind(), KeyErrorKind::DuplicateId);
}

#[test]
fn tokens_verify_throughout_a_rotation_and_not_at_all_after_a_withdrawal() {
    let forge = Forge::new(Algorithm::EdDsa);
    let verifier = forge.verifier();
    let tokens: Vec<String> = (0..50).map(|n| forge.token(&changed("jti", json!(n.to_string())))).collect();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| tokens.iter().for_each(|token| assert!(verify(&verifier, token).is_ok())));
        }
        for _ in 0..20 {
            forge.keys.rotate(SigningKey::generate(Algorithm::EdDsa).unwrap(), at(EXP)).unwrap();
            forge.keys.prune(NOW);
        }
    });
    assert!(forge.keys.withdraw(forge.key.kid()));
    for token in &tokens {
        assert_eq!(refusal(&verifier, token), TokenErrorKind::UnknownKey);
    }
}

#[test]
fn a_withdrawn_key_takes_everything_it_signed_with_it() {
    let forge = Forge::new(Algorithm::Es256);
    let verifier = forge.verifier();
    let token = forge.token(&claims());
    assert!(verifier.verify(&token, NOW).is_ok());
    assert_eq!(verifier.remembered(), 1);
    assert!(forge.keys.withdraw(forge.key.kid()));
    assert_eq!(verifier.verify(&token, NOW).unwrap_err().kind(), TokenErrorKind::UnknownKey);
    assert_eq!(verifier.remembered(), 0);
    assert!(!forge.keys.withdraw(forge.key.kid()));
    assert_eq!(forge.keys.jwks_json(NOW), r#"{"keys":[]}"#);
}

#[test]
fn a_fetched_key_set_is_swapped_in_while_serving() {
    let (kept, gone, new) = (Forge::new(Algorithm::EdDsa), Forge::new(Algorithm::EdDsa), Forge::new(Algorithm::Es256));
    let set = |forges: [&Forge; 2]| {
        let keys = KeySet::new(forges[0].key.clone());
        keys.publish(forges[1].key.verifying_key(), None).unwrap();
        KeySet::from_jwks(&keys.jwks_json(NOW)).unwrap()
    };
    let keys = set([&kept, &gone]);
    let verifier = Verifier::new(ISSUER, AUDIENCE, keys.clone()).unwrap();
    for forge in [&kept, &gone] {
        assert!(verify(&verifier, &forge.token(&claims())).is_ok());
    }
    let fetched = set([&kept, &new]);
    keys.replace(&fetched);
    keys.replace(&keys.clone());
    assert!(verify(&verifier, &kept.token(&claims())).is_ok());
    assert_eq!(verifier.remembered(), 1, "what the kept key signed is still remembered, the rest is not");
    assert!(verify(&verifier, &new.token(&claims())).is_ok());
    assert_eq!(refusal(&verifier, &gone.token(&claims())), TokenErrorKind::UnknownKey);
    assert!(fetched.withdraw(new.key.kid()));
    assert!(keys.contains(new.key.kid(), NOW), "two sets are two sets");
}

#[test]
fn r7517_4_3_r7517_5_a_jwks_has_public_members_and_use_alone() {
    let keys = KeySet::new(rsa());
    keys.publish(SigningKey::generate(Algorithm::Es256).unwrap().verifying_key(), None).unwrap();
    keys.publish(SigningKey::generate(Algorithm::EdDsa).unwrap().verifying_key(), None).unwrap();
    let set: Value = serde_json::from_str(&keys.jwks_json(NOW)).unwrap();
    let members: Vec<Vec<&str>> = set["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key.as_object().unwrap().keys().map(String::as_str).collect())
        .collect();
    let sorted = |list: &[&'static str]| {
        let mut list = list.to_vec();
        list.sort_unstable();
        list
    };
    for (found, wanted) in members.iter().zip([
        sorted(&["alg", "e", "kid", "kty", "n", "use"]),
        sorted(&["alg", "crv", "kid", "kty", "use", "x", "y"]),
        sorted(&["alg", "crv", "kid", "kty", "use", "x"]),
    ]) {
        let mut found = found.clone();
        found.sort_unstable();
        assert_eq!(found, wanted);
    }
    assert!(set["keys"].as_array().unwrap().iter().all(|key| key["use"] == "sig"));
}

#[test]
fn r7517_4_1_unknown_kinds_and_members_are_ignored() {
    let forge = Forge::new(Algorithm::Es256);
    let mut set: Value = serde_json::from_str(&forge.keys.jwks_json(NOW)).unwrap();
    let keys = set["keys"].as_array_mut().unwrap();
    keys[0]["x5t#future"] = json!({"a": [1]});
    keys.extend([
        json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA"}),
        json!({"kty": "oct", "k": "AAAA"}),
        json!({"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA"}),
        json!({"kty": "RSA", "use": "enc", "n": "AQAB", "e": "AQAB"}),
        json!({"no": "kty"}),
        json!("not an object"),
    ]);
    set["more"] = json!(1);
    let keys = KeySet::from_jwks(&set.to_string()).unwrap();
    let verifier = Verifier::new(ISSUER, AUDIENCE, keys).unwrap();
    assert!(verify(&verifier, &forge.token(&claims())).is_ok());
}

// What a verifier remembers and what it must forget.

#[test]
fn a_token_seen_before_is_remembered_and_no_text_of_it_is_kept() {
    let forge = Forge::new(Algorithm::EdDsa);
    let verifier = forge.verifier();
    let token = forge.token(&claims());
    for _ in 0..3 {
        assert!(verify(&verifier, &token).is_ok());
    }
    assert_eq!(verifier.remembered(), 1);
    let dump = format!("{verifier:?} {:?}", verifier.verify(&token, NOW));
    for part in token.split('.') {
        assert!(!dump.contains(part));
    }
    verifier.prune(at(EXP));
    assert_eq!(verifier.remembered(), 0);
}

#[test]
fn memory_is_bounded_and_can_be_switched_off() {
    let forge = Forge::new(Algorithm::EdDsa);
    let small = forge.verifier().with_cache_capacity(32);
    let none = forge.verifier().with_cache_capacity(0);
    for n in 0..200 {
        let token = forge.token(&changed("jti", json!(n.to_string())));
        assert!(verify(&small, &token).is_ok() && verify(&small, &token).is_ok());
        assert!(verify(&none, &token).is_ok());
    }
    assert!((1..=32).contains(&small.remembered()));
    assert_eq!(none.remembered(), 0);
}

#[test]
fn a_revoked_session_is_refused_and_forgotten_and_others_are_not() {
    let forge = Forge::new(Algorithm::EdDsa);
    let verifier = forge.verifier();
    let (token, other) = (forge.token(&claims()), forge.token(&changed("sid", json!("another"))));
    assert!(verify(&verifier, &token).is_ok() && verify(&verifier, &other).is_ok());
    verifier.revoke_session(&alice(), "a-session", NOW, at(EXP));
    assert_eq!(verifier.remembered(), 1, "it is really gone");
    assert_eq!(refusal(&verifier, &token), TokenErrorKind::Revoked);
    assert_eq!(verifier.remembered(), 1, "and does not come back");
    assert!(verify(&verifier, &other).is_ok());
}

#[test]
fn leeway_does_not_bring_a_revoked_token_back() {
    let forge = Forge::new(Algorithm::EdDsa);
    let verifier = forge.verifier().leeway(30).unwrap();
    let token = forge.token(&claims());
    verifier.revoke_session(&alice(), "a-session", NOW, at(EXP));
    for second in [EXP - 1, EXP, EXP + 29] {
        assert_eq!(verifier.verify(&token, at(second)).unwrap_err().kind(), TokenErrorKind::Revoked);
    }
}

#[test]
fn a_revoked_subject_comes_back_with_a_newer_token() {
    let forge = Forge::new(Algorithm::EdDsa);
    let verifier = forge.verifier();
    let old = forge.token(&claims());
    let new = forge.token(&changed("iat", json!(IAT + 1)));
    let tenant = forge.token(&changed("tenant", json!("acme")));
    assert!(verify(&verifier, &old).is_ok());
    verifier.revoke_subject(&alice(), at(IAT), NOW, at(EXP));
    assert_eq!(refusal(&verifier, &old), TokenErrorKind::Revoked);
    assert!(verify(&verifier, &new).is_ok());
    assert!(verify(&verifier, &tenant).is_ok(), "the alice of a tenant is somebody else");
}

/// A token of `subject`, for a session, issued at a second.
fn token_of(forge: &Forge, subject: &str, sid: &str, iat: u64) -> String {
    forge.token(&json!({
        "iss": ISSUER, "sub": subject, "aud": AUDIENCE, "client_id": "web",
        "exp": at(iat).plus(900), "iat": iat, "jti": "a-token", "sid": sid,
    }))
}

#[test]
fn the_33rd_session_that_ended_makes_one_cutoff_of_those_before_and_of_nothing_issued_later() {
    let forge = Forge::new(Algorithm::EdDsa);
    let verifier = forge.verifier();
    let is_good = |token: &str, now: u64| verifier.verify(token, at(now)).is_ok();
    let (old, last) = (token_of(&forge, "alice", "old", IAT + 31), token_of(&forge, "alice", "last", IAT + 32));
    let bob = token_of(&forge, "bob", "old", IAT);
    for n in 0..32 {
        verifier.revoke_session(&alice(), &n.to_string(), at(IAT + n), at(IAT + n + 900));
    }
    assert!(is_good(&old, IAT + 32), "thirty-two are remembered one by one");
    verifier.revoke_session(&alice(), "32", at(IAT + 32), at(IAT + 932));
    for n in 0..=32 {
        let ended = token_of(&forge, "alice", &n.to_string(), IAT + n);
        for now in [IAT + 32, IAT + n + 899] {
            assert_eq!(verifier.verify(&ended, at(now)).unwrap_err().kind(), TokenErrorKind::Revoked, "{n} at {now}");
        }
    }
    assert!(!is_good(&old, IAT + 32), "issued no later than the newest of the thirty-two was revoked");
    assert!(is_good(&last, IAT + 32) && is_good(&last, IAT + 931), "issued in the second of the thirty-third");
    assert!(is_good(&bob, IAT + 899), "and nobody else has anything to do with it");
}

#[test]
fn a_flood_within_one_second_leaves_a_token_of_that_second_good() {
    let forge = Forge::new(Algorithm::EdDsa);
    let verifier = forge.verifier();
    let now = NOW.as_secs();
    let (mine, bob) = (token_of(&forge, "alice", "mine", now), token_of(&forge, "bob", "his", IAT));
    for n in 0..10_100 {
        verifier.revoke_session(&alice(), &n.to_string(), NOW, NOW.plus(900));
    }
    assert!(verify(&verifier, &mine).is_ok() && verify(&verifier, &bob).is_ok());
    for n in [0, 31, 32, 33, 5_000, 10_099] {
        assert_eq!(refusal(&verifier, &token_of(&forge, "alice", &n.to_string(), now)), TokenErrorKind::Revoked, "{n}");
    }
    verifier.revoke_session(&alice(), "later", NOW.plus(1), NOW.plus(901));
    for n in [0, 5_000, 10_099] {
        let ended = token_of(&forge, "alice", &n.to_string(), now);
        assert_eq!(verifier.verify(&ended, NOW.plus(899)).unwrap_err().kind(), TokenErrorKind::Revoked, "{n}");
    }
    assert!(verifier.verify(&bob, NOW.plus(1)).is_ok());
}

/// With leeway a session may have had a token from what is the future here.
#[test]
fn leeway_brings_back_no_token_of_a_session_that_became_part_of_a_cutoff() {
    let forge = Forge::new(Algorithm::EdDsa);
    let verifier = forge.verifier().leeway(30).unwrap();
    let ahead = token_of(&forge, "alice", "0", IAT + 30);
    assert!(verifier.verify(&ahead, at(IAT)).is_ok());
    for n in 0..100 {
        verifier.revoke_session(&alice(), &n.to_string(), at(IAT + n), at(IAT + 30 + 900));
    }
    for now in [IAT + 99, IAT + 930, IAT + 959] {
        assert_eq!(verifier.verify(&ahead, at(now)).unwrap_err().kind(), TokenErrorKind::Revoked, "{now}");
    }
}

#[test]
fn when_there_are_too_many_revocations_everybody_signs_in_again_and_nobody_slips_through() {
    let forge = Forge::new(Algorithm::EdDsa);
    let verifier = forge.verifier().with_revocation_capacity(10);
    let token = |sid: &str, iat: u64| {
        let mut claims = changed("sid", json!(sid));
        claims["iat"] = json!(iat);
        forge.token(&claims)
    };
    let innocent = token("innocent", IAT);
    assert!(verify(&verifier, &innocent).is_ok());
    for n in 0..10 {
        verifier.revoke_session(&alice(), &n.to_string(), NOW, at(EXP));
    }
    assert!(verify(&verifier, &innocent).is_ok());
    verifier.revoke_session(&alice(), "10", NOW, at(EXP));
    for n in 0..=10 {
        assert_eq!(refusal(&verifier, &token(&n.to_string(), IAT)), TokenErrorKind::Revoked, "{n}");
    }
    assert_eq!(refusal(&verifier, &innocent), TokenErrorKind::Revoked, "closed rather than open");
    assert_eq!(verifier.remembered(), 0);
    let refreshed = token("innocent", NOW.as_secs() + 1);
    assert!(verifier.verify(&refreshed, NOW.plus(1)).is_ok());
}

#[test]
fn revocations_that_have_lapsed_make_room() {
    let forge = Forge::new(Algorithm::EdDsa);
    let verifier = forge.verifier().with_revocation_capacity(10);
    for n in 0..10 {
        verifier.revoke_session(&alice(), &n.to_string(), at(IAT - 1_000), at(IAT - 100));
    }
    verifier.revoke_session(&alice(), "another", NOW, at(EXP));
    assert!(verify(&verifier, &forge.token(&claims())).is_ok(), "nobody had to be refused for want of room");
}
