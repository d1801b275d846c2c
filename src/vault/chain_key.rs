use aws_lc_rs::hmac;

use crate::secret::{SecretBytes, constant_time_eq};

/// Bytes of a MAC: two stand in every event, and 128 bits are more than anybody forges.
pub(crate) const CHAIN_MAC: usize = 16;
pub(crate) type ChainMac = [u8; CHAIN_MAC];

/// The key of the chain of one subject's events.
pub(crate) struct ChainKey {
    secret: SecretBytes,
    key: hmac::Key,
}

impl ChainKey {
    pub(crate) fn new(secret: &[u8]) -> Self {
        Self { secret: SecretBytes::new(secret), key: hmac::Key::new(hmac::HMAC_SHA256, secret) }
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        constant_time_eq(self.secret.expose(), other.secret.expose())
    }

    /// To be sealed.
    pub(crate) fn expose(&self) -> &[u8] {
        self.secret.expose()
    }

    /// The first half of HMAC-SHA-256 (RFC 2104 §5) of `parts`, all but the last of which always have one length.
    pub(crate) fn mac(&self, parts: &[&[u8]]) -> ChainMac {
        let mut mac = hmac::Context::with_key(&self.key);
        parts.iter().for_each(|part| mac.update(part));
        let mut bytes = [0; CHAIN_MAC];
        bytes.iter_mut().zip(mac.sign().as_ref()).for_each(|(to, from)| *to = *from);
        bytes
    }
}
