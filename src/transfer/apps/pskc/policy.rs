//! What a key's policy says. Whoever does not understand all of it must not use the key (RFC 6030 §5).

use super::tags::Tag;
use super::xml::Attributes;
use crate::transfer::apps::parts;

/// What of a policy decides, but its dates.
#[derive(Default)]
pub(super) struct Policy {
    /// It says something that is not understood or cannot be kept.
    is_broken: bool,
    /// It lists usages; a policy that lists none allows all.
    has_usages: bool,
    has_otp: bool,
}

/// The usages of §5. One that is not among them could limit the others.
const USAGES: &[&str] =
    &["OTP", "CR", "Encrypt", "Integrity", "Verify", "Unlock", "Decrypt", "KeyWrap", "Unwrap", "Derive", "Generate"];

impl Policy {
    /// The policy begins, or an element inside of it: `above` are those between the two.
    pub(super) fn start(&mut self, tag: Tag, above: &[Tag], attributes: &Attributes) {
        self.is_broken |= !match (tag, above) {
            (Tag::PinPolicy, [Tag::Policy]) => stays_on_the_device(attributes),
            (Tag::Policy, []) | (Tag::StartDate | Tag::ExpiryDate | Tag::KeyUsage, [Tag::Policy]) => {
                attributes.are_none()
            }
            // A number of transactions is understood, but nobody here would count them.
            _ => false,
        };
    }

    pub(super) fn usage(&mut self, usage: &str) {
        self.is_broken |= !USAGES.contains(&usage);
        self.has_usages = true;
        self.has_otp |= usage == "OTP";
    }

    pub(super) fn permits(&self) -> bool {
        !self.is_broken && (self.has_otp || !self.has_usages)
    }
}

/// A PIN that is checked by the device before it shows a code changes nothing for whoever checks the
/// code; one that is sent along, or goes into the code, would (`PINUsageMode`).
fn stays_on_the_device(policy: &Attributes) -> bool {
    let is_understood = |(name, value): (&str, &str)| match name {
        "PINKeyId" => true,
        "PINUsageMode" => value == "Local",
        "PINEncoding" => matches!(value, "DECIMAL" | "HEXADECIMAL" | "ALPHANUMERIC" | "BASE64" | "BINARY"),
        "MaxFailedAttempts" | "MinLength" | "MaxLength" => parts::number::<u32>(value).is_some(),
        _ => false,
    };
    !policy.has_foreign() && policy.get("PINUsageMode").is_some() && policy.iter().all(is_understood)
}
