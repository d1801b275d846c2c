use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::SoftAuthenticatorError;
use super::der::{
    BOOLEAN, GENERALIZED_TIME, INTEGER, OCTET_STRING, PRINTABLE_STRING, SET, UTC_TIME, UTF8_STRING, bits, oid,
    sequence, tlv,
};
use super::key::{KeyType, SigningPair};

/// A maker of authenticators: the root certificate that its models are attested by.
///
/// ```
/// use tower_mfa::testing::SoftAttestationCa;
/// use tower_mfa::webauthn::RelyingParty;
///
/// let maker = SoftAttestationCa::generate().unwrap();
/// let shop = |root: String| {
///     RelyingParty::builder("example.com", "https://example.com").attestation_root(root.into_bytes()).build()
/// };
/// assert!(shop(maker.root_pem()).is_ok());
/// assert!(shop("no certificate".into()).is_err());
/// ```
#[derive(Clone)]
pub struct SoftAttestationCa {
    pair: Arc<SigningPair>,
    root: Vec<u8>,
}

impl fmt::Debug for SoftAttestationCa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SoftAttestationCa").finish_non_exhaustive()
    }
}

/// Object identifiers, encoded.
mod id {
    pub(super) const COUNTRY: &[u8] = &[0x55, 4, 6];
    pub(super) const ORGANISATION: &[u8] = &[0x55, 4, 10];
    pub(super) const UNIT: &[u8] = &[0x55, 4, 11];
    pub(super) const COMMON_NAME: &[u8] = &[0x55, 4, 3];
    pub(super) const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
    pub(super) const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
    /// id-fido-gen-ce-aaguid, 1.3.6.1.4.1.45724.1.1.4.
    pub(super) const AAGUID: &[u8] = &[0x2b, 6, 1, 4, 1, 0x82, 0xe5, 0x1c, 1, 1, 4];
    pub(super) const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
    pub(super) const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
    pub(super) const ECDSA_WITH_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
}

impl SoftAttestationCa {
    /// Makes a root, valid to the end of 2099.
    ///
    /// # Errors
    ///
    /// [`SoftAuthenticatorError::Key`] where no key can be made.
    pub fn generate() -> Result<Self, SoftAuthenticatorError> {
        let pair = SigningPair::generate(KeyType::Es256).ok_or(SoftAuthenticatorError::Key)?;
        // An authority, which signs certificates and nothing else.
        let authority = extension(id::BASIC_CONSTRAINTS, true, &sequence(&[tlv(BOOLEAN, &[0xff])]));
        let signs_certificates = extension(id::KEY_USAGE, true, &tlv(0x03, &[2, 0x04]));
        let name = name("Root CA", "Soft Root");
        let root = certificate(&pair, &pair, &name, &name, &[authority, signs_certificates].concat());
        let root = root.ok_or(SoftAuthenticatorError::Key)?;
        Ok(Self { pair: Arc::new(pair), root })
    }

    /// Returns the root certificate, in DER.
    #[must_use]
    pub fn root_der(&self) -> Vec<u8> {
        self.root.clone()
    }

    /// Returns the root certificate, in PEM.
    #[must_use]
    pub fn root_pem(&self) -> String {
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(&self.root))
    }

    /// Makes a key that attests for a model, and its certificate (§8.2.1).
    pub(super) fn issue(&self, aaguid: [u8; 16]) -> Option<(SigningPair, Vec<u8>)> {
        let pair = SigningPair::generate(KeyType::Es256)?;
        let no_authority = extension(id::BASIC_CONSTRAINTS, true, &sequence(&[]));
        let model = extension(id::AAGUID, false, &tlv(OCTET_STRING, &aaguid));
        let (issuer, subject) = (name("Root CA", "Soft Root"), name("Authenticator Attestation", "Soft Key"));
        let certificate = certificate(&self.pair, &pair, &issuer, &subject, &[no_authority, model].concat())?;
        Some((pair, certificate))
    }
}

/// A certificate (RFC 5280 §4.1), signed by `issuer`.
fn certificate(
    issuer: &SigningPair,
    subject: &SigningPair,
    issuer_name: &[u8],
    subject_name: &[u8],
    extensions: &[u8],
) -> Option<Vec<u8>> {
    let algorithm = sequence(&[oid(id::ECDSA_WITH_SHA256)]);
    let mut serial = [0; 8];
    aws_lc_rs::rand::fill(&mut serial).ok()?;
    let [first, ..] = &mut serial;
    // Positive, and without a leading zero.
    *first = (*first & 0x7f) | 0x40;
    let key = sequence(&[sequence(&[oid(id::EC_PUBLIC_KEY), oid(id::P256)]), bits(subject.p256_point()?)]);
    let to_sign = sequence(&[
        tlv(0xa0, &tlv(INTEGER, &[2])),
        tlv(INTEGER, &serial),
        algorithm.clone(),
        issuer_name.to_vec(),
        sequence(&[tlv(UTC_TIME, b"200101000000Z"), tlv(GENERALIZED_TIME, b"20991231235959Z")]),
        subject_name.to_vec(),
        key,
        tlv(0xa3, &sequence(&[extensions.to_vec()])),
    ]);
    let signature = issuer.sign(&to_sign)?;
    Some(sequence(&[to_sign, algorithm, bits(&signature)]))
}

fn name(unit: &str, common_name: &str) -> Vec<u8> {
    let part = |kind: &[u8], tag: u8, value: &str| tlv(SET, &sequence(&[oid(kind), tlv(tag, value.as_bytes())]));
    sequence(&[
        part(id::COUNTRY, PRINTABLE_STRING, "AA"),
        part(id::ORGANISATION, UTF8_STRING, "Soft Authenticators"),
        part(id::UNIT, UTF8_STRING, unit),
        part(id::COMMON_NAME, UTF8_STRING, common_name),
    ])
}

fn extension(kind: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let value = tlv(OCTET_STRING, value);
    if critical { sequence(&[oid(kind), tlv(BOOLEAN, &[0xff]), value]) } else { sequence(&[oid(kind), value]) }
}
