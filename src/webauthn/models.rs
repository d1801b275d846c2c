//! Names of well-known models.

use crate::account::webauthn::Aaguid;

/// The name of a model, for whoever has several authenticators to tell apart. Without an attestation the
/// AAGUID is what the client says, so nothing is decided by it.
pub(super) fn name(aaguid: Aaguid) -> Option<&'static str> {
    let key = u128::from_be_bytes(*aaguid.as_bytes());
    let at = MODELS.binary_search_by_key(&key, |(aaguid, _)| *aaguid).ok()?;
    MODELS.get(at).map(|(_, name)| *name)
}

/// In the order of their ids.
const MODELS: &[(u128, &str)] = &[(0x08987058_cadc_4b81_b6e1_30de50dcbe96, "Windows Hello")];
