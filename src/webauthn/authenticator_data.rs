//! Authenticator data: what the authenticator itself says, and signs (§6.1).

use super::cbor::Item;
use super::ceremony::{Ceremony, Step};
use crate::account::webauthn::{Aaguid, CeremonyError};

#[derive(Debug)]
pub(super) struct AuthenticatorData<'a> {
    rp_id_hash: &'a [u8; 32],
    pub(super) flags: Flags,
    pub(super) counter: u32,
    /// There when a credential is made.
    pub(super) credential: Option<AttestedCredential<'a>>,
}

/// A new credential (§6.5.2).
#[derive(Debug)]
pub(super) struct AttestedCredential<'a> {
    pub(super) aaguid: Aaguid,
    pub(super) id: &'a [u8],
    pub(super) key: Item<'a>,
}

/// The flags. The two that are reserved may be set: they mean something to later readers, and nothing
/// to this one (WA-6.1-RFU).
#[derive(Debug, Clone, Copy)]
pub(super) struct Flags(u8);

impl Flags {
    const fn has(self, bit: u8) -> bool {
        self.0 & (1 << bit) != 0
    }

    const fn user_present(self) -> bool {
        self.has(0)
    }

    pub(super) const fn user_verified(self) -> bool {
        self.has(2)
    }

    pub(super) const fn backup_eligible(self) -> bool {
        self.has(3)
    }

    pub(super) const fn backed_up(self) -> bool {
        self.has(4)
    }

    const fn has_credential(self) -> bool {
        self.has(6)
    }

    const fn has_extensions(self) -> bool {
        self.has(7)
    }
}

impl<'a> AuthenticatorData<'a> {
    /// Reads the data to its last byte: what stands behind it would be signed and seen by nobody.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (rp_id_hash, rest) = bytes.split_first_chunk::<32>()?;
        let (&[flags], rest) = rest.split_first_chunk::<1>()?;
        let (counter, rest) = rest.split_first_chunk::<4>()?;
        let flags = Flags(flags);
        let (credential, rest) = if flags.has_credential() {
            let (credential, rest) = AttestedCredential::read(rest)?;
            (Some(credential), rest)
        } else {
            (None, rest)
        };
        // WA-REG-28: whatever extensions answer, nothing here follows from it.
        let rest = if flags.has_extensions() {
            let (extensions, rest) = Item::read_first(rest)?;
            extensions.is_map().then_some(rest)?
        } else {
            rest
        };
        let data = Self { rp_id_hash, flags, counter: u32::from_be_bytes(*counter), credential };
        rest.is_empty().then_some(data)
    }

    /// Checks what both ceremonies ask of it (§7.1 steps 14 to 17, §7.2 steps 15 to 18).
    pub(super) fn check(
        &self,
        ceremony: Ceremony,
        rp_id_hash: &[u8; 32],
        user_verification: bool,
    ) -> Result<(), CeremonyError> {
        ceremony.check(Step::RpIdHash, self.rp_id_hash == rp_id_hash)?;
        ceremony.check(Step::UserPresent, self.flags.user_present())?;
        ceremony.check(Step::UserVerified, self.flags.user_verified() || !user_verification)?;
        ceremony.check(Step::BackupState, self.flags.backup_eligible() || !self.flags.backed_up())
    }
}

impl<'a> AttestedCredential<'a> {
    fn read(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (aaguid, rest) = bytes.split_first_chunk::<16>()?;
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let (id, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        let (key, rest) = Item::read_first(rest)?;
        Some((Self { aaguid: Aaguid::from_bytes(*aaguid), id, key }, rest))
    }
}
