//! A client of AWS KMS, as far as it is needed: `Sign`, `Decrypt`, `GetPublicKey`. (A real one signs its requests with
//! the SDK, which is what a host takes.)

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tower_mfa::secret::SecretBytes;
use tower_mfa::token::{Sign, SignFuture, VerifyingKey};
use tower_mfa::vault::MasterKey;

use crate::http::{Service, text};
use crate::{Done, Remote, fake};

const SIGNING_KEY: &str = "alias/tower-mfa-tokens";
const WRAPPING_KEY: &str = "alias/tower-mfa-masters";

struct Kms(Service);

impl Kms {
    async fn call(&self, action: &str, body: &Value) -> Done<Value> {
        self.0.post("/", ("x-amz-target", &format!("TrentService.{action}")), body).await
    }
}

impl Sign for Kms {
    fn sign<'a>(&'a self, message: &'a [u8]) -> SignFuture<'a> {
        Box::pin(async move {
            let body = json!({"KeyId": SIGNING_KEY, "Message": STANDARD.encode(message), "MessageType": "RAW",
                "SigningAlgorithm": "ECDSA_SHA_256"});
            let answer = self.call("Sign", &body).await?;
            let signature = STANDARD.decode(text(&answer, "/Signature")?)?;
            // KMS answers in DER; a JWS wants R and S (RFC 7518 §3.4).
            Ok(fixed(&signature).ok_or("the signature is not of two numbers")?)
        })
    }
}

pub(crate) async fn open() -> Done<Remote> {
    let fake = fake::kms().await?;
    let kms = Kms(Service::at(fake.base));
    let answer = kms.call("GetPublicKey", &json!({"KeyId": SIGNING_KEY})).await?;
    let public = VerifyingKey::from_jwk(&jwk(&STANDARD.decode(text(&answer, "/PublicKey")?)?).ok_or("no P-256 key")?)?;
    let mut masters = Vec::new();
    // These stand in the host's configuration: without the service nobody can read them.
    for (id, wrapped) in fake.wrapped {
        let body = json!({"KeyId": WRAPPING_KEY, "CiphertextBlob": wrapped});
        let answer = kms.call("Decrypt", &body).await?;
        masters.push(MasterKey::new(id, SecretBytes::new(STANDARD.decode(text(&answer, "/Plaintext")?)?))?);
    }
    Ok(Remote { name: "AWS KMS", public, signer: Arc::new(kms), masters, off: fake.off })
}

/// A public key of P-256 as a JWK, from `SubjectPublicKeyInfo` (RFC 5480): its last 64 bytes are the point.
pub(crate) fn jwk(spki: &[u8]) -> Option<String> {
    let (head, point) = spki.split_last_chunk::<64>()?;
    let is_uncompressed = spki.len() == 91 && head.ends_with(&[4]);
    let (x, y) = point.split_at(32);
    is_uncompressed.then(|| {
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "x": x, "y": y}).to_string()
    })
}

/// R and S, 32 bytes each, from DER (RFC 3279 §2.2.3).
fn fixed(der: &[u8]) -> Option<Vec<u8>> {
    let [0x30, length, rest @ ..] = der else { return None };
    let (r, rest) = integer(rest.get(..usize::from(*length))?)?;
    let (s, rest) = integer(rest)?;
    rest.is_empty().then(|| [r, s].concat())
}

fn integer(der: &[u8]) -> Option<([u8; 32], &[u8])> {
    let [0x02, length, rest @ ..] = der else { return None };
    let (number, rest) = rest.split_at_checked(usize::from(*length))?;
    // A number that would look negative has a zero before it; a small one has fewer bytes.
    let number = number.strip_prefix(&[0]).unwrap_or(number);
    let mut fixed = [0; 32];
    fixed.get_mut(32_usize.checked_sub(number.len())?..)?.copy_from_slice(number);
    Some((fixed, rest))
}
