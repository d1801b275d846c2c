//! Access tokens and keys made by an attacker: refused, and nothing panics.

mod token_support;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use jsonwebtoken::EncodingKey;
use proptest::prelude::*;
use serde_json::{Value, json};
use token_support::*;
use tower_mfa::token::{Algorithm, KeyErrorKind, KeySet, SigningKey, TokenErrorKind, Verifier, VerifyingKey};

/// A token with this header and a signature that is somebody else's idea.
fn unsigned(header: &Value, signature: &str) -> String {
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    format!("{}.{}.{signature}", part(header), part(&claims()))
}

fn with(mut object: Value, name: &str, value: Value) -> Value {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
    object
}

// The text.

/// Rows: ASVS-9.1.1
#[test]
fn r9068_4_d_r8725_3_3_a_a_token_with_any_bit_flipped_is_refused() {
    for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
        let forge = Forge::new(algorithm);
        let verifier = forge.verifier();
        let token = forge.token(&claims());
        assert!(verify(&verifier, &token).is_ok());
        for at in 0..token.len() {
            for bit in 0..7 {
                let mut flipped = token.clone().into_bytes();
                flipped[at] ^= 1 << bit;
                let flipped = String::from_utf8(flipped).unwrap();
                assert!(verify(&verifier, &flipped).is_err(), "bit {bit} of byte {at}: {flipped}");
            }
        }
        assert_eq!(verifier.remembered(), 1, "and none of them is remembered");
    }
}

#[test]
fn cve_2026_27840_every_prefix_of_a_token_is_refused() {
    let forge = Forge::new(Algorithm::Es256);
    let verifier = forge.verifier();
    let token = forge.token(&claims());
    assert!(verify(&verifier, &token).is_ok());
    for end in 0..token.len() {
        assert!(verify(&verifier, &token[..end]).is_err(), "{end}");
        assert!(verify(&verifier, &token[end + 1..]).is_err(), "{end}");
    }
}

#[test]
fn r7515_5_2_a_r8725bis_a_only_the_one_compact_spelling_is_read() {
    let forge = Forge::new(Algorithm::EdDsa);
    let verifier = forge.verifier();
    let token = forge.token(&claims());
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!() };
    let spellings = [
        format!(" {token}"),
        format!("{token} "),
        format!("{token}\n"),
        format!("\u{feff}{token}"),
        format!("{token}="),
        format!("{token}=="),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.{signature}"),
        format!(".{payload}.{signature}"),
        format!("{header}.{payload}"),
        format!("{header}.{payload}.{}", signature.replace('_', "/").replace('-', "+") + "+"),
        format!("{header}\r\n.{payload}.{signature}"),
        format!("{header}.{payload}.{signature}%3D"),
        format!(r#"{{"protected":"{header}","payload":"{payload}","signature":"{signature}"}}"#),
        format!(r#"{{"payload":"{payload}","signatures":[{{"protected":"{header}","signature":"{signature}"}}]}}"#),
        String::new(),
        ".".into(),
        "..".into(),
        "...".into(),
        "\0.\0.\0".into(),
    ];
    for spelling in spellings {
        assert_eq!(refusal(&verifier, &spelling), TokenErrorKind::Malformed, "{spelling}");
    }
    assert_eq!(refusal(&verifier, &format!("{header}..{signature}")), TokenErrorKind::BadSignature);
    assert!(verify(&verifier, &token).is_ok());
}

#[test]
fn r7515_5_2_a_a_signed_text_in_another_base64_is_still_refused() {
    let forge = Forge::new(Algorithm::EdDsa);
    let verifier = forge.verifier();
    let header = forge.header().to_string();
    // Two bytes more or less, so that padding and trailing bits have somewhere to stand.
    for filler in ["", "x", "xx"] {
        let payload = changed("filler", json!(filler)).to_string();
        for engine in [STANDARD, URL_SAFE] {
            let message = format!("{}.{}", engine.encode(&header), engine.encode(&payload));
            if message.contains(['=', '+', '/']) {
                let token = format!("{message}.{}", forge.sign_text(&message));
                assert_eq!(refusal(&verifier, &token), TokenErrorKind::Malformed, "{token}");
            }
        }
        let mut message = format!("{}.{}", URL_SAFE_NO_PAD.encode(&header), URL_SAFE_NO_PAD.encode(&payload));
        if !payload.len().is_multiple_of(3) {
            let last = message.pop().unwrap();
            message.push(char::from(u8::try_from(last).unwrap() + 1));
            let token = format!("{message}.{}", forge.sign_text(&message));
            assert_eq!(refusal(&verifier, &token), TokenErrorKind::Malformed, "trailing bits: {token}");
        }
    }
}

#[test]
fn r8725bis_b_an_encrypted_token_is_refused() {
    let forge = Forge::new(Algorithm::EdDsa);
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"PBES2-HS256+A128KW","enc":"A256GCM","p2c":2147483647,"zip":"DEF"}"#);
    assert_eq!(refusal(&forge.verifier(), &format!("{header}.AAAA.AAAA.AAAA.AAAA")), TokenErrorKind::Malformed);
}

#[test]
fn a_token_over_16_kib_is_not_even_looked_at() {
    let forge = Forge::new(Algorithm::EdDsa);
    let verifier = forge.verifier();
    let sized = |filler: usize| forge.token(&changed("filler", json!("x".repeat(filler))));
    let fits = sized(11_700);
    assert!(fits.len() <= 16 * 1024 && verify(&verifier, &fits).is_ok());
    let long = sized(12_000);
    assert!(long.len() > 16 * 1024);
    assert_eq!(refusal(&verifier, &long), TokenErrorKind::TooLong);
    assert_eq!(refusal(&verifier, &"a".repeat(10_000_000)), TokenErrorKind::TooLong);
}

#[test]
fn r8725_3_7_a_claims_in_another_encoding_are_refused() {
    let forge = Forge::new(Algorithm::EdDsa);
    let verifier = forge.verifier();
    let text = claims().to_string();
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let bom = format!("\u{feff}{text}");
    let latin1 = [text.replace("alice", "al").as_bytes(), &[0xe9]].concat();
    for payload in [utf16, bom.into_bytes(), latin1] {
        assert_eq!(refusal(&verifier, &forge.with_payload(payload)), TokenErrorKind::Malformed);
    }
    let overlong = text.replace("alice", "ALICE").into_bytes();
    let at = overlong.windows(5).position(|w| w == b"ALICE").unwrap();
    let overlong = [&overlong[..at], b"\xc0\xaf", &overlong[at + 5..]].concat();
    assert_eq!(refusal(&verifier, &forge.with_payload(overlong)), TokenErrorKind::Malformed);
}

#[test]
fn r7515_4_dup_a_member_that_stands_twice_is_refused() {
    let forge = Forge::new(Algorithm::EdDsa);
    let verifier = forge.verifier();
    let twice = |object: &Value, member: &str| format!("{{{member},{}", &object.to_string()[1..]);
    for member in [
        r#""alg":"EdDSA""#,
        r#""\u0061lg":"none""#,
        r#""typ":"at+jwt""#,
        r#""kid":"other""#,
        r#""x":1,"x":1"#,
        r#""jku":"a","\u006aku":"b""#,
    ] {
        let token = forge.sign(twice(&forge.header(), member), claims().to_string());
        assert_eq!(refusal(&verifier, &token), TokenErrorKind::Malformed, "header {member}");
    }
    for member in [
        r#""exp":1"#,
        r#""aud":"api""#,
        r#""\u0061ud":["other"]"#,
        r#""sub":"bob""#,
        r#""acr":"aal3""#,
        r#""unknown":1,"unknown":2"#,
        r#""evidence":[]"#,
    ] {
        let token = forge.with_payload(twice(&claims(), member));
        assert_eq!(refusal(&verifier, &token), TokenErrorKind::Malformed, "claims {member}");
    }
    let proof = r#""type":"pwd","type":"webauthn","at":1"#;
    let payload = changed("evidence", json!("PROOF")).to_string().replace("\"PROOF\"", &format!("[{{{proof}}}]"));
    assert_eq!(refusal(&verifier, &forge.with_payload(payload)), TokenErrorKind::Malformed);
}

#[test]
fn claims_that_are_no_object_or_go_on_after_it_are_refused() {
    let forge = Forge::new(Algorithm::EdDsa);
    let verifier = forge.verifier();
    let text = claims().to_string();
    for payload in ["", "null", "[]", "\"a\"", "1", "{", &text[1..], &format!("{text}{text}")] {
        assert_eq!(refusal(&verifier, &forge.with_payload(payload)), TokenErrorKind::Malformed, "{payload}");
    }
    // As deep as 16 KiB can be: passed over without using up the stack.
    let deep = format!("{{\"a\":{}1{},{}", "[".repeat(5_000), "]".repeat(5_000), &text[1..]);
    assert!(verify(&verifier, &forge.with_payload(deep)).is_ok());
    let open = format!("{{\"iss\":{}", "[".repeat(10_000));
    assert_eq!(refusal(&verifier, &forge.with_payload(open)), TokenErrorKind::Malformed);
}

// The algorithm and the key.

/// Rows: ASVS-9.1.2
#[test]
fn r8725_3_2_a_an_unsigned_token_is_refused_in_any_spelling() {
    let forge = Forge::new(Algorithm::Rs256);
    let verifier = forge.verifier();
    let token = forge.token(&claims());
    let stolen = token.rsplit('.').next().unwrap();
    for alg in ["none", "None", "NONE", "nOnE", "none ", "", "rs256", "RS256\0", "RS256 "] {
        for signature in ["", "AAAA", stolen] {
            let token = unsigned(&with(forge.header(), "alg", json!(alg)), signature);
            assert_eq!(refusal(&verifier, &token), TokenErrorKind::WrongAlgorithm, "{alg:?}");
        }
    }
    for alg in [Value::Null, json!(1), json!(["RS256"])] {
        let token = unsigned(&with(forge.header(), "alg", alg), "");
        assert_eq!(refusal(&verifier, &token), TokenErrorKind::Malformed);
    }
    assert_eq!(refusal(&verifier, &unsigned(&forge.header(), "")), TokenErrorKind::BadSignature);
}

#[test]
fn scheb_143_a_token_whose_signature_is_missing_or_forged_is_refused() {
    let (forge, attacker) = (Forge::new(Algorithm::Rs256), Forge::new(Algorithm::EdDsa));
    let verifier = forge.verifier();
    let header = json!({"alg": "none", "kid": forge.key.kid(), "typ": "at+jwt"});
    assert_eq!(refusal(&verifier, &unsigned(&header, "")), TokenErrorKind::WrongAlgorithm);
    assert_eq!(refusal(&verifier, &unsigned(&forge.header(), "AAAA")), TokenErrorKind::BadSignature);
    assert_eq!(refusal(&verifier, &attacker.token(&claims())), TokenErrorKind::UnknownKey);
    assert_eq!(refusal(&verifier, &attacker.with_header(&forge.header())), TokenErrorKind::BadSignature);
}

#[test]
fn r8725_3_1_a_a_mac_made_with_a_public_key_is_refused() {
    for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
        let forge = Forge::new(algorithm);
        let set: Value = serde_json::from_str(&forge.keys.jwks_json(NOW)).unwrap();
        let jwk = &set["keys"][0];
        let member = if algorithm == Algorithm::Rs256 { "n" } else { "x" };
        let number = jwk[member].as_str().unwrap();
        let secrets = [
            jwk.to_string().into_bytes(),
            set.to_string().into_bytes(),
            number.as_bytes().to_vec(),
            URL_SAFE_NO_PAD.decode(number).unwrap(),
            forge.key.kid().as_bytes().to_vec(),
            Vec::new(),
        ];
        for secret in secrets {
            for name in ["HS256", "hs256", forge.key.algorithm().name()] {
                let token = unsigned(&with(forge.header(), "alg", json!(name)), "");
                let message = token.strip_suffix('.').unwrap();
                let mac = jsonwebtoken::crypto::sign(
                    message.as_bytes(),
                    &EncodingKey::from_secret(&secret),
                    jsonwebtoken::Algorithm::HS256,
                );
                assert!(verify(&forge.verifier(), &format!("{message}.{}", mac.unwrap())).is_err());
            }
        }
    }
}

#[test]
fn r8725_3_1_b_a_key_verifies_with_its_own_algorithm_alone() {
    let forge = Forge::of(rsa());
    let pem = rsa().to_pkcs8_pem().unwrap();
    let private = EncodingKey::from_rsa_pem(pem.expose().as_bytes()).unwrap();
    use jsonwebtoken::Algorithm::{PS256, PS384, RS384, RS512};
    for (name, algorithm) in [("PS256", PS256), ("PS384", PS384), ("RS384", RS384), ("RS512", RS512)] {
        for declared in [name, "RS256"] {
            let token = unsigned(&with(forge.header(), "alg", json!(declared)), "");
            let message = token.strip_suffix('.').unwrap();
            let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &private, algorithm).unwrap();
            assert!(verify(&forge.verifier(), &format!("{message}.{signature}")).is_err(), "{declared} as {name}");
        }
    }
    let set: Value = serde_json::from_str(&forge.keys.jwks_json(NOW)).unwrap();
    for alg in ["PS256", "RS512", "ES256", "HS256", "none", "RSA-OAEP", "rs256"] {
        let jwk = with(set["keys"][0].clone(), "alg", json!(alg));
        assert_eq!(VerifyingKey::from_jwk(&jwk.to_string()).unwrap_err().kind(), KeyErrorKind::Purpose, "{alg}");
    }
}

#[test]
fn r8725_3_8_a_a_key_speaks_for_its_own_issuer_alone() {
    let (ours, theirs) = (Forge::new(Algorithm::EdDsa), Forge::new(Algorithm::EdDsa));
    let ours_says = ours.token(&claims());
    assert_eq!(refusal(&theirs.verifier(), &ours_says), TokenErrorKind::UnknownKey);
    // The other issuer calls its key by our key's name.
    let collision = theirs.with_header(&with(theirs.header(), "kid", json!(ours.key.kid())));
    assert_eq!(refusal(&ours.verifier(), &collision), TokenErrorKind::BadSignature);
    // And an issuer we know may not speak for another.
    let other = Verifier::new("https://other.example", AUDIENCE, ours.keys.clone()).unwrap();
    assert_eq!(refusal(&other, &ours_says), TokenErrorKind::WrongIssuer);
}

#[test]
fn r8725_3_10_a_the_key_id_is_looked_up_and_nothing_else() {
    let forge = Forge::new(Algorithm::EdDsa);
    let verifier = forge.verifier();
    let long = "k".repeat(8_000);
    let kids = ["", "../../etc/passwd", "' OR 1=1 --", "*)(uid=*", "http://127.0.0.1/", "\0", "kid\r\nX: y", &*long];
    for kid in kids {
        let token = forge.with_header(&with(forge.header(), "kid", json!(kid)));
        assert_eq!(refusal(&verifier, &token), TokenErrorKind::UnknownKey, "{kid:?}");
    }
    let mut header = forge.header();
    header.as_object_mut().unwrap().remove("kid");
    assert_eq!(refusal(&verifier, &forge.with_header(&header)), TokenErrorKind::UnknownKey);
    let token = forge.with_header(&with(forge.header(), "kid", json!(["a"])));
    assert_eq!(refusal(&verifier, &token), TokenErrorKind::Malformed);
}

/// Rows: ASVS-9.1.3
#[test]
fn r8725_3_10_a_a_key_that_comes_with_the_token_is_not_used() {
    let (forge, attacker) = (Forge::new(Algorithm::EdDsa), Forge::new(Algorithm::EdDsa));
    let set: Value = serde_json::from_str(&attacker.keys.jwks_json(NOW)).unwrap();
    for (member, value) in [
        ("jwk", set["keys"][0].clone()),
        ("jku", json!("https://evil.example/jwks.json")),
        ("x5u", json!("https://evil.example/cert.pem")),
        ("x5c", json!(["AAAA"])),
    ] {
        let header = with(attacker.header(), member, value.clone());
        assert_eq!(refusal(&forge.verifier(), &attacker.with_header(&header)), TokenErrorKind::UnknownKey);
        let header = with(forge.header(), member, value.clone());
        assert_eq!(refusal(&forge.verifier(), &attacker.with_header(&header)), TokenErrorKind::BadSignature);
        let header = with(forge.header(), member, value);
        assert!(verify(&forge.verifier(), &forge.with_header(&header)).is_ok(), "{member} is passed over");
    }
}

#[test]
fn r7515_4_1_11_a_an_extension_is_refused_whatever_it_is() {
    let forge = Forge::new(Algorithm::EdDsa);
    for crit in [json!([]), json!(["exp"]), json!(["b64"]), json!(["alg"]), json!("x"), Value::Null, json!({})] {
        let header = with(with(forge.header(), "crit", crit.clone()), "exp", json!(1));
        assert_eq!(refusal(&forge.verifier(), &forge.with_header(&header)), TokenErrorKind::Extension, "{crit}");
    }
    for b64 in [json!(false), json!(true)] {
        let header = with(forge.header(), "b64", b64);
        assert_eq!(refusal(&forge.verifier(), &forge.with_header(&header)), TokenErrorKind::Extension);
    }
}

#[test]
fn r8725_3_12_a_r8725_3_11_a_tokens_of_other_kinds_are_no_access_tokens() {
    let forge = Forge::new(Algorithm::EdDsa);
    for typ in ["mfa-challenge+jwt", "mfa-enrolment+jwt", "logout+jwt", "secevent+jwt", "JOSE", "rt+jwt"] {
        let token = forge.with_header(&with(forge.header(), "typ", json!(typ)));
        assert_eq!(refusal(&forge.verifier(), &token), TokenErrorKind::WrongType, "{typ}");
    }
}

#[test]
fn r7518_3_4_a_an_es256_signature_has_exactly_64_octets() {
    let forge = Forge::new(Algorithm::Es256);
    let verifier = forge.verifier();
    let token = forge.token(&claims());
    let (message, signature) = token.rsplit_once('.').unwrap();
    let raw = URL_SAFE_NO_PAD.decode(signature).unwrap();
    assert_eq!(raw.len(), 64);
    let integer = |number: &[u8]| {
        let trimmed: Vec<u8> = number.iter().copied().skip_while(|byte| *byte == 0).collect();
        let sign = if trimmed.first().is_some_and(|byte| *byte >= 0x80) { vec![0] } else { vec![] };
        let body = [sign, trimmed].concat();
        [&[2, u8::try_from(body.len()).unwrap()], &*body].concat()
    };
    let pair = [integer(&raw[..32]), integer(&raw[32..])].concat();
    let der = [&[0x30, u8::try_from(pair.len()).unwrap()], &*pair].concat();
    let (zero, r, s) = ([0; 32], &raw[..32], &raw[32..]);
    for forged in [
        der,
        raw[..63].to_vec(),
        [&raw[..], &[0]].concat(),
        [&[0], &raw[..]].concat(),
        Vec::new(),
        vec![0; 64],
        vec![0xff; 64],
        [&zero, s].concat(),
        [r, &zero].concat(),
        [s, r].concat(),
    ] {
        let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(&forged));
        assert_eq!(refusal(&verifier, &token), TokenErrorKind::BadSignature, "{} bytes", forged.len());
    }
}

// Keys.

#[test]
fn r7518_3_3_a_rsa_below_2048_bits_is_refused_private_and_public() {
    let refused = SigningKey::from_pkcs8_pem(include_str!("vectors/rsa_1024_pkcs8.pem")).unwrap_err();
    assert!(matches!(refused.kind(), KeyErrorKind::Malformed | KeyErrorKind::Size), "{refused}");
    for (bytes, fits) in [(128, false), (255, false), (256, true), (1024, true), (1025, false), (100_000, false)] {
        let n = URL_SAFE_NO_PAD.encode(vec![0xff; bytes]);
        let key = VerifyingKey::from_jwk(&json!({"kty": "RSA", "n": n, "e": "AQAB"}).to_string());
        assert_eq!(key.map_err(|e| e.kind()).err(), (!fits).then_some(KeyErrorKind::Size), "{bytes} bytes");
    }
}

#[test]
fn r8725_3_4_a_a_point_off_the_curve_is_no_key() {
    let forge = Forge::new(Algorithm::Es256);
    let set: Value = serde_json::from_str(&forge.keys.jwks_json(NOW)).unwrap();
    let jwk = &set["keys"][0];
    assert!(VerifyingKey::from_jwk(&jwk.to_string()).is_ok());
    let mut y = URL_SAFE_NO_PAD.decode(jwk["y"].as_str().unwrap()).unwrap();
    y[31] ^= 1;
    for y in [y, vec![0; 32], vec![0xff; 32], vec![1; 31], vec![1; 33], vec![]] {
        let off = with(jwk.clone(), "y", json!(URL_SAFE_NO_PAD.encode(y)));
        assert_eq!(VerifyingKey::from_jwk(&off.to_string()).unwrap_err().kind(), KeyErrorKind::Malformed);
    }
}

/// Rows: R7518-3.2-a
#[test]
fn r8725_3_5_a_a_symmetric_key_is_no_key_here() {
    let jwk = json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode([7; 64]), "alg": "HS256"}).to_string();
    assert_eq!(VerifyingKey::from_jwk(&jwk).unwrap_err().kind(), KeyErrorKind::Unsupported);
    let set = format!(r#"{{"keys":[{jwk}]}}"#);
    assert_eq!(KeySet::from_jwks(&set).unwrap_err().kind(), KeyErrorKind::Empty);
}

#[test]
fn a_hostile_jwk_is_refused_for_what_is_wrong_with_it() {
    let ed = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    let rsa: Value = serde_json::from_str(&KeySet::new(rsa()).jwks_json(NOW)).unwrap();
    let rsa = rsa["keys"][0].clone();
    let n = rsa["n"].as_str().unwrap();
    let leading_zero = URL_SAFE_NO_PAD.encode([&[0], &*URL_SAFE_NO_PAD.decode(n).unwrap()].concat());
    use KeyErrorKind::{Malformed, Private, Purpose, Unsupported};
    for (jwk, kind) in [
        (with(ed.clone(), "x", json!("")), Malformed),
        (with(ed.clone(), "x", json!("11qYAYKxCrfVS_7TyWQHOg")), Malformed),
        (with(ed.clone(), "x", json!(URL_SAFE_NO_PAD.encode([1; 33]))), Malformed),
        (with(ed.clone(), "x", json!("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo=")), Malformed),
        (with(ed.clone(), "x", json!("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURp")), Malformed),
        (with(ed.clone(), "x", json!("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo")), Malformed),
        (with(ed.clone(), "kty", json!("EC")), Unsupported),
        (with(ed.clone(), "crv", json!("X25519")), Unsupported),
        (with(ed.clone(), "crv", json!("P-256")), Unsupported),
        (with(ed.clone(), "use", json!("enc")), Purpose),
        (with(ed.clone(), "use", json!("SIG")), Purpose),
        (with(ed.clone(), "key_ops", json!(["sign"])), Purpose),
        (with(ed.clone(), "key_ops", json!([])), Purpose),
        (with(ed.clone(), "alg", json!("ES256")), Purpose),
        (with(ed.clone(), "kid", json!(7)), Malformed),
        (with(ed.clone(), "d", json!("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")), Private),
        (with(rsa.clone(), "d", json!("AQ")), Private),
        (with(rsa.clone(), "oth", json!([])), Private),
        (with(rsa.clone(), "n", json!(leading_zero)), Malformed),
        (with(rsa.clone(), "e", json!("AQ")), Malformed),
        (with(rsa.clone(), "e", json!("Ag")), Malformed),
        (with(rsa.clone(), "e", json!("")), Malformed),
        (with(rsa.clone(), "e", json!("AAEAAQ")), Malformed),
        (with(rsa.clone(), "e", json!("_____w8")), Malformed),
        (with(rsa.clone(), "e", json!(65537)), Unsupported),
        (with(rsa.clone(), "kty", json!("rsa")), Unsupported),
        (with(rsa, "kty", json!(null)), Unsupported),
        (json!({}), Unsupported),
        (json!([]), Malformed),
        (json!("RSA"), Malformed),
    ] {
        let refused = VerifyingKey::from_jwk(&jwk.to_string()).map(|key| format!("{key:?}"));
        assert_eq!(refused.map_err(|e| e.kind()), Err(kind), "{jwk}");
    }
}

#[test]
fn r7515_4_dup_a_jwk_with_two_members_of_one_name_is_refused() {
    let x = r#""x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#;
    for twice in [x, r#""kid":"a","kid":"b""#, r#""a":1,"a":1"#, r#""a":{"b":1,"b":1}"#] {
        let jwk = format!(r#"{{"kty":"OKP","crv":"Ed25519",{x},{twice}}}"#);
        assert_eq!(VerifyingKey::from_jwk(&jwk).unwrap_err().kind(), KeyErrorKind::Malformed, "{twice}");
    }
}

#[test]
fn a_hostile_key_set_is_refused() {
    let jwk = r#"{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let private = jwk.replace("\"kid\"", "\"d\":\"AA\",\"kid\"");
    let set = |keys: &[&str]| format!(r#"{{"keys":[{}]}}"#, keys.join(","));
    use KeyErrorKind::{DuplicateId, Empty, Malformed, Private, TooMany};
    for (text, kind) in [
        (String::new(), Malformed),
        ("[]".into(), Malformed),
        ("{}".into(), Malformed),
        (r#"{"keys":{}}"#.into(), Malformed),
        (format!(r#"{{"keys":[],"keys":[{jwk}]}}"#), Malformed),
        (set(&[]), Empty),
        (set(&[jwk, jwk]), DuplicateId),
        (set(&[jwk, &private]), Private),
        (set(&["{}"; 101]), TooMany),
        (" ".repeat(300_000), TooMany),
        ("[".repeat(200_000), Malformed),
    ] {
        assert_eq!(KeySet::from_jwks(&text).unwrap_err().kind(), kind, "{:.60}", text);
    }
    assert!(KeySet::from_jwks(&set(&[jwk])).is_ok());
}

#[test]
fn a_private_key_that_is_none_is_refused() {
    let pem = rsa().to_pkcs8_pem().unwrap();
    let pem = pem.expose();
    assert!(SigningKey::from_pkcs8_pem(&pem.replace('\n', "\r\n")).is_ok());
    for text in [
        "",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY----------END PRIVATE KEY-----",
        &pem.replace("PRIVATE", "RSA PRIVATE"),
        &pem.replace("PRIVATE", "ENCRYPTED PRIVATE"),
        &format!("{pem}{pem}"),
        &pem[..pem.len() / 2],
        include_str!("vectors/p384_pkcs8.pem"),
    ] {
        assert_eq!(SigningKey::from_pkcs8_pem(text).unwrap_err().kind(), KeyErrorKind::Malformed);
    }
    assert!(SigningKey::from_pkcs8_der(&[]).is_err());
}

#[test]
fn no_key_and_no_error_prints_a_secret() {
    for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
        let forge = Forge::new(algorithm);
        let pem = forge.key.to_pkcs8_pem().unwrap();
        let dump = format!("{:?} {:?} {:?} {pem:?}", forge.key, forge.keys, forge.verifier());
        for line in pem.expose().lines().filter(|line| !line.starts_with('-')) {
            assert!(!dump.contains(line));
        }
        assert!(dump.contains("[redacted]"));
    }
}

proptest! {
    #[test]
    fn r7519_7_2_no_text_is_accepted_and_none_panics(text in ".{0,200}", dotted in "[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,90}") {
        let forge = forge();
        prop_assert!(forge.verifier().verify(&text, NOW).is_err());
        prop_assert!(forge.verifier().verify(&dotted, NOW).is_err());
    }

    #[test]
    fn r7519_7_2_no_signed_claims_panic(at in 0_usize..400, junk in prop::collection::vec(any::<u8>(), 0..8)) {
        let mut payload = claims().to_string().into_bytes();
        let at = at.min(payload.len());
        let end = at.saturating_add(junk.len()).min(payload.len());
        payload.splice(at..end, junk);
        let _ = forge().verifier().verify(&forge().with_payload(payload), NOW);
    }

    #[test]
    fn no_jwk_panics(
        kty in "RSA|EC|OKP|oct|", crv in "P-256|Ed25519|P-384|", n in "[A-Za-z0-9_=-]{0,50}",
        x in prop::collection::vec(any::<u8>(), 0..70), alg in prop::option::of("RS256|ES256|EdDSA|none"),
    ) {
        let x = URL_SAFE_NO_PAD.encode(x);
        let mut jwk = json!({"kty": kty, "crv": crv, "n": n, "e": n, "x": x, "y": x});
        if let Some(alg) = alg {
            jwk["alg"] = json!(alg);
        }
        if let Ok(key) = VerifyingKey::from_jwk(&jwk.to_string()) {
            prop_assert_eq!(key.kid(), &*key.thumbprint());
        }
    }
}

fn forge() -> &'static Forge {
    static FORGE: std::sync::OnceLock<Forge> = std::sync::OnceLock::new();
    FORGE.get_or_init(|| Forge::new(Algorithm::EdDsa))
}
