//! A file read by the words of `docs/TRANSFER.md` and nothing of the crate.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::{hkdf, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::places::here;

fn bytes(text: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text.as_str().unwrap()).unwrap()
}

/// HKDF-SHA-256 without a salt.
fn derive(secret: &[u8], info: &[u8]) -> [u8; 32] {
    let (prk, mut out) = (hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(secret), [0; 32]);
    prk.expand(&[info], hkdf::HKDF_SHA256).unwrap().fill(&mut out).unwrap();
    out
}

/// The MAC that a line must have.
fn mac(key: &[u8; 32], n: u64, member: &str, value: &str) -> Vec<u8> {
    let message = [&n.to_be_bytes(), member.as_bytes(), b":", value.as_bytes()].concat();
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), &message).as_ref().to_vec()
}

#[tokio::test]
async fn a_file_is_read_by_the_words_of_its_documentation() {
    let here = here();
    let by = here.signed_in("alice").await;
    let started = here.start(&by).await.unwrap();
    let app = crate::scene::scan(&started);
    let enroller = tower_mfa::service::Enroller::Session(&by);
    here.mfa.confirm(enroller, started.id, app.code(here.now())).await.unwrap();
    let file = String::from_utf8(here.export().await).unwrap();
    let lines: Vec<std::collections::BTreeMap<&str, &RawValue>> =
        file.lines().map(|line| serde_json::from_str(line).unwrap()).collect();

    let head: Value = serde_json::from_str(lines[0]["head"].get()).unwrap();
    let transfer_key = [7_u8; 32];
    let info = |what: &str| [b"tower-mfa transfer ", what.as_bytes(), &bytes(&head["export"])].concat();
    let (sealing, signing) = (derive(&transfer_key, &info("seal")), derive(&transfer_key, &info("sign")));
    for (n, (line, member)) in lines.iter().zip(["head", "account", "end"]).enumerate() {
        let n = u64::try_from(n).unwrap();
        assert_eq!(line["n"].get(), n.to_string());
        let written: Value = serde_json::from_str(line["mac"].get()).unwrap();
        assert_eq!(bytes(&written), mac(&signing, n, member, line[member].get()), "{member}");
    }
    assert_eq!(lines[2]["end"].get(), r#"{"accounts":1}"#);

    let account: Value = serde_json::from_str(lines[1]["account"].get()).unwrap();
    assert_eq!((&account["subject"], &head["key"]), (&Value::from("alice"), &Value::from("move")));
    let authenticator = &account["document"]["authenticators"][0];
    let sealed = authenticator["credential"]["totp"]["sealed"].as_str().unwrap();
    let mut sealed = URL_SAFE_NO_PAD.decode(sealed.strip_prefix("move.").unwrap()).unwrap();
    let key = derive(&sealing, b"tower-mfa at-rest otp-secret\x1falice");
    let aad = [b"\x01otp-secret\x1ealice\x1e".to_vec(), bytes(&authenticator["id"])].concat();
    let nonce = Nonce::try_assume_unique_for_key(&sealed[1..13]).unwrap();
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).unwrap());
    let (version, ciphertext) = (sealed[0], &mut sealed[13..]);
    let secret = key.open_in_place(nonce, Aad::from(aad), ciphertext).unwrap();
    let shown = tower_mfa::otp::Secret::from_base32(started.secret.expose()).unwrap();
    assert_eq!((version, &*secret), (1, shown.expose()));
}
