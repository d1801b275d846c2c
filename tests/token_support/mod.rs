//! Makes tokens with jsonwebtoken, and tokens nobody should make with its signatures alone.
#![expect(clippy::unwrap_used, reason = "a helper of tests: it may fail loudly")]

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::EncodingKey;
use serde_json::{Value, json};
use tower_mfa::assurance::Authentication;
use tower_mfa::clock::Timestamp;
use tower_mfa::token::{Algorithm, KeySet, SigningKey, TokenErrorKind, Verifier};

pub(crate) const ISSUER: &str = "https://id.example";
pub(crate) const AUDIENCE: &str = "api";
pub(crate) const IAT: u64 = 1_800_000_000;
pub(crate) const EXP: u64 = IAT + 900;
pub(crate) const NOW: Timestamp = Timestamp::from_secs(IAT + 60);

/// An issuer that signs whatever it is told to.
pub(crate) struct Forge {
    pub(crate) key: SigningKey,
    pub(crate) keys: KeySet,
    private: EncodingKey,
    algorithm: jsonwebtoken::Algorithm,
}

impl Forge {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        Self::of(if algorithm == Algorithm::Rs256 { rsa() } else { SigningKey::generate(algorithm).unwrap() })
    }

    pub(crate) fn of(key: SigningKey) -> Self {
        let pem = key.to_pkcs8_pem().unwrap();
        let pem = pem.expose().as_bytes();
        let (private, algorithm) = match key.algorithm() {
            Algorithm::Rs256 => (EncodingKey::from_rsa_pem(pem), jsonwebtoken::Algorithm::RS256),
            Algorithm::Es256 => (EncodingKey::from_ec_pem(pem), jsonwebtoken::Algorithm::ES256),
            _ => (EncodingKey::from_ed_pem(pem), jsonwebtoken::Algorithm::EdDSA),
        };
        Self { keys: KeySet::new(key.clone()), private: private.unwrap(), algorithm, key }
    }

    pub(crate) fn verifier(&self) -> Verifier {
        Verifier::new(ISSUER, AUDIENCE, self.keys.clone()).unwrap()
    }

    pub(crate) fn header(&self) -> Value {
        json!({"alg": self.key.algorithm().name(), "kid": self.key.kid(), "typ": "at+jwt"})
    }

    /// A token as jsonwebtoken writes it.
    pub(crate) fn token(&self, claims: &Value) -> String {
        let mut header = jsonwebtoken::Header::new(self.algorithm);
        header.kid = Some(self.key.kid().to_owned());
        header.typ = Some("at+jwt".to_owned());
        jsonwebtoken::encode(&header, claims, &self.private).unwrap()
    }

    /// Signs any header and any payload.
    pub(crate) fn sign(&self, header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let signature = self.sign_text(&message);
        format!("{message}.{signature}")
    }

    pub(crate) fn sign_text(&self, message: &str) -> String {
        jsonwebtoken::crypto::sign(message.as_bytes(), &self.private, self.algorithm).unwrap()
    }

    pub(crate) fn with_header(&self, header: &Value) -> String {
        self.sign(header.to_string(), claims().to_string())
    }

    pub(crate) fn with_payload(&self, payload: impl AsRef<[u8]>) -> String {
        self.sign(self.header().to_string(), payload)
    }
}

pub(crate) fn verify(verifier: &Verifier, token: &str) -> Result<Authentication, TokenErrorKind> {
    verifier.verify(token, NOW).map_err(|refused| refused.kind())
}

pub(crate) fn refusal(verifier: &Verifier, token: &str) -> TokenErrorKind {
    verify(verifier, token).map(|_| "accepted").unwrap_err()
}

pub(crate) fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "alice", "aud": AUDIENCE, "client_id": "web",
        "exp": EXP, "iat": IAT, "jti": "a-token", "sid": "a-session",
        "auth_time": IAT, "acr": "aal2", "amr": ["pwd", "otp", "mfa"],
        "evidence": [{"type": "pwd", "at": IAT}, {"type": "totp", "at": IAT}],
    })
}

/// `claims()` with one claim put in, or taken out by `null`.
pub(crate) fn changed(name: &str, value: Value) -> Value {
    let mut claims = claims();
    let members = claims.as_object_mut().unwrap();
    members.remove(name);
    if !value.is_null() {
        members.insert(name.to_owned(), value);
    }
    claims
}

/// Drawing an RSA key is slow: one for all.
pub(crate) fn rsa() -> SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| SigningKey::generate(Algorithm::Rs256).unwrap()).clone()
}
