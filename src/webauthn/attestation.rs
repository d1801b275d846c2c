//! How far an attestation statement vouches for a model: the chain of its certificates, and our roots.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use webauthn_rs_core::attestation::verify_attestation_ca_chain;
use webauthn_rs_core::proto::{AttestationCaList, ParsedAttestationData};

use crate::account::webauthn::Attestation;
use crate::error::ConfigError;

/// The certificates that chains may end in.
#[derive(Debug, Clone, Default)]
pub(super) struct Roots(Vec<Root>);

#[derive(Debug, Clone)]
struct Root {
    /// The SHA-256 of its DER: its name in the document.
    digest: [u8; 32],
    /// This one alone. In a list of several the library looks at the first of a name, and authorities
    /// that renew their key keep theirs.
    list: AttestationCaList,
}

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

impl Roots {
    /// Reads certificates, each DER or PEM.
    pub(super) fn parse(certificates: &[Box<[u8]>]) -> Result<Self, ConfigError> {
        let mut roots = Vec::new();
        for certificate in certificates {
            for der in ders(certificate).ok_or_else(refused)? {
                roots.push(Root::parse(&der).ok_or_else(refused)?);
            }
        }
        Ok(Self(roots))
    }

    /// Whether a certificate with this SHA-256 is among them.
    pub(super) fn has(&self, digest: &[u8; 32]) -> bool {
        self.0.iter().any(|root| root.digest == *digest)
    }

    /// Judges a statement that has verified (§7.1 steps 23 and 24).
    pub(super) fn assess(&self, data: &ParsedAttestationData) -> Attestation {
        match data {
            ParsedAttestationData::Self_ => Attestation::Itself,
            ParsedAttestationData::Basic(_) | ParsedAttestationData::AttCa(_) | ParsedAttestationData::AnonCa(_) => {
                let root = self.0.iter().find(|root| root.ends(data));
                root.map_or(Attestation::None, |root| Attestation::Rooted(root.digest))
            }
            _ => Attestation::None,
        }
    }
}

impl Root {
    fn parse(der: &[u8]) -> Option<Self> {
        let list = AttestationCaList::try_from(pem(der).as_bytes()).ok()?;
        let digest: [u8; 32] = Sha256::digest(der).into();
        // The library names it by what it has read: the same, or something stood behind.
        let is_whole = list.cas().keys().any(|name| name.as_slice() == digest);
        is_whole.then_some(Self { digest, list })
    }

    /// Whether the chain ends in this certificate. Authenticators may send it along: as the last of the
    /// chain, where it would count as one more authority, or as the only one, which is allowed to be
    /// its own anchor.
    fn ends(&self, data: &ParsedAttestationData) -> bool {
        let (ParsedAttestationData::Basic(chain)
        | ParsedAttestationData::AttCa(chain)
        | ParsedAttestationData::AnonCa(chain)) = data
        else {
            return false;
        };
        let is_this = |certificate: &_| self.list.cas().values().any(|root| root.ca() == certificate);
        match chain.split_last() {
            Some((last, [])) if is_this(last) => true,
            Some((last, rest)) if is_this(last) => self.verifies(&ParsedAttestationData::Basic(rest.to_vec())),
            _ => self.verifies(data),
        }
    }

    fn verifies(&self, data: &ParsedAttestationData) -> bool {
        matches!(verify_attestation_ca_chain(data, &self.list, SystemTime::now()), Ok(Some(_)))
    }
}

fn refused() -> ConfigError {
    ConfigError::new("attestation_root", "must be a certificate (X.509), in DER or PEM")
}

/// The certificates in DER or PEM; at least one.
fn ders(certificate: &[u8]) -> Option<Vec<Vec<u8>>> {
    let text = match std::str::from_utf8(certificate) {
        Ok(text) if text.contains(BEGIN) => text,
        _ => return Some(vec![certificate.to_vec()]),
    };
    text.split(BEGIN)
        .skip(1)
        .map(|block| {
            let body = block.split_once(END)?.0;
            STANDARD.decode(body.split_ascii_whitespace().collect::<String>()).ok()
        })
        .collect()
}

/// The one form the library reads a root from.
fn pem(der: &[u8]) -> String {
    let mut text = format!("{BEGIN}\n");
    for line in der.chunks(48) {
        text.push_str(&STANDARD.encode(line));
        text.push('\n');
    }
    text.push_str(END);
    text.push('\n');
    text
}
