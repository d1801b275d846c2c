//! Why an entry was passed over: in words for a person, by a code for a program.

use crate::otp::{InvalidSecret, InvalidUri};

/// Why an entry was passed over. There is never anything of the entry in it.
///
/// It prints as a sentence for the operator; [`Reason::code`] is for programs and stays as it is.
///
/// ```
/// use tower_mfa::transfer::apps::Reason;
///
/// assert_eq!(Reason::Counter.code(), "counter");
/// assert!(Reason::Counter.to_string().contains("HOTP"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// A line or record is over its limit.
    #[error("the entry is longer than is read")]
    TooLong,
    /// Bytes that are no UTF-8.
    #[error("the entry is not text in UTF-8")]
    NotText,
    /// Not the form the reader reads.
    #[error("the entry is not of the form that is read here")]
    Syntax,
    /// A row has another number of fields than the header.
    #[error("the row has more or fewer fields than the header; a quotation mark that does not close does that, too")]
    Fields,
    /// What may stand there once stands there twice.
    #[error("something stands there twice that may stand there once")]
    Duplicate,
    /// HOTP.
    #[error("the key counts (HOTP), and only keys that go by the time (TOTP) can be bound: bind another one")]
    Counter,
    /// Neither TOTP nor HOTP.
    #[error("the key is of no kind that can be bound: neither TOTP nor HOTP")]
    Kind,
    /// None of SHA-1, SHA-256 and SHA-512.
    #[error("the algorithm is none of SHA1, SHA256 and SHA512")]
    Algorithm,
    /// Not 6, 7 or 8 digits.
    #[error("the codes do not have 6, 7 or 8 digits")]
    Digits,
    /// Not 1 to 120 seconds.
    #[error("the period is not 1 to 120 seconds")]
    Period,
    /// Codes that are not plain decimal digits.
    #[error("the codes are not plain decimal digits")]
    CodeFormat,
    /// A subject, an account or an issuer that is no name.
    #[error("a name is longer than 255 bytes, has control characters, or label and issuer contradict each other")]
    Name,
    /// No secret.
    #[error("there is no secret")]
    SecretMissing,
    /// A secret that cannot be decoded.
    #[error("the secret is not in the encoding that is read here")]
    SecretEncoding,
    /// Under 16 bytes (RFC 4226 R6), or under 10 where short keys are taken.
    #[error("the secret is shorter than is taken: 16 bytes (RFC 4226 R6), or 10 where short ones are let in")]
    SecretShort,
    /// Over 128 bytes.
    #[error("the secret is longer than 128 bytes")]
    SecretLong,
    /// Not encrypted, though a key or password was given.
    #[error(
        "the secret is not protected by the container's key, so anybody could have put it there: read the file without \
         a key if you trust it"
    )]
    SecretPlain,
    /// Part of an export that was read before.
    #[error("this part of the export was read before")]
    PartRepeated,
    /// An export whose parts do not fit, or of which parts are missing at the end.
    #[error("parts of the export are missing, or do not fit together: scan every one of its codes")]
    Parts,
    /// Encrypted, and no key or password was given.
    #[error("the value is encrypted, and no key or password for it was given")]
    Encrypted,
    /// An encryption that is not read here.
    #[error(
        "the value is wrapped (kw-aes), encrypted for a certificate, or by another method than AES-CBC: have it \
         exported with a pre-shared key or a password"
    )]
    Encryption,
    /// Encrypted without a MAC.
    #[error("the value is encrypted and has no MAC, so anybody could have changed it")]
    MacMissing,
    /// The MAC is wrong.
    #[error("the MAC of the value is wrong: it was changed, or the key or password is another one")]
    MacWrong,
    /// A MAC without an encrypted value.
    #[error("a MAC stands there without the encrypted value that it is of, which somebody may have taken away")]
    MacPlain,
    /// The key of the MACs was agreed on beforehand.
    #[error(
        "the MAC is made with a key that was agreed on beforehand (MACKeyReference), which cannot be given here: have \
         the container exported with its MAC key in it"
    )]
    MacReference,
    /// The MAC is right and decryption fails all the same.
    #[error("the value cannot be decrypted with the given key")]
    Undecryptable,
    /// Before its start or after its end.
    #[error("the key's own dates say that it is not to be used now")]
    Dates,
    /// A date that is none.
    #[error("a date is not of the form 2006-05-31T00:00:00Z")]
    DateForm,
    /// A policy that is not understood, or cannot be kept.
    #[error("the key's policy says something that is not kept here, so it must not be used (RFC 6030 §5)")]
    Policy,
    /// A clock that is off.
    #[error(
        "the device's clock is off by more than one interval (TimeDrift), so its codes would not fit: bind another one"
    )]
    Drift,
    /// A number that is none, or lies in the future.
    #[error("a number of the key is unreadable, or the time it was last used lies in the future")]
    Number,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 31] = [
        Self::TooLong,
        Self::NotText,
        Self::Syntax,
        Self::Fields,
        Self::Duplicate,
        Self::Counter,
        Self::Kind,
        Self::Algorithm,
        Self::Digits,
        Self::Period,
        Self::CodeFormat,
        Self::Name,
        Self::SecretMissing,
        Self::SecretEncoding,
        Self::SecretShort,
        Self::SecretLong,
        Self::SecretPlain,
        Self::PartRepeated,
        Self::Parts,
        Self::Encrypted,
        Self::Encryption,
        Self::MacMissing,
        Self::MacWrong,
        Self::MacPlain,
        Self::MacReference,
        Self::Undecryptable,
        Self::Dates,
        Self::DateForm,
        Self::Policy,
        Self::Drift,
        Self::Number,
    ];

    /// Returns the code: lower case, stable.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::NotText => "not_text",
            Self::Syntax => "syntax",
            Self::Fields => "fields",
            Self::Duplicate => "duplicate",
            Self::Counter => "counter",
            Self::Kind => "kind",
            Self::Algorithm => "algorithm",
            Self::Digits => "digits",
            Self::Period => "period",
            Self::CodeFormat => "code_format",
            Self::Name => "name",
            Self::SecretMissing => "secret_missing",
            Self::SecretEncoding => "secret_encoding",
            Self::SecretShort => "secret_short",
            Self::SecretLong => "secret_long",
            Self::SecretPlain => "secret_plain",
            Self::PartRepeated => "part_repeated",
            Self::Parts => "parts",
            Self::Encrypted => "encrypted",
            Self::Encryption => "encryption",
            Self::MacMissing => "mac_missing",
            Self::MacWrong => "mac_wrong",
            Self::MacPlain => "mac_plain",
            Self::MacReference => "mac_reference",
            Self::Undecryptable => "undecryptable",
            Self::Dates => "dates",
            Self::DateForm => "date_form",
            Self::Policy => "policy",
            Self::Drift => "drift",
            Self::Number => "number",
        }
    }
}

impl From<InvalidSecret> for Reason {
    fn from(why: InvalidSecret) -> Self {
        match why {
            InvalidSecret::NotBase32 => Self::SecretEncoding,
            InvalidSecret::TooShort => Self::SecretShort,
            InvalidSecret::TooLong => Self::SecretLong,
        }
    }
}

impl From<InvalidUri> for Reason {
    fn from(why: InvalidUri) -> Self {
        match why {
            InvalidUri::Syntax => Self::Syntax,
            InvalidUri::Type => Self::Kind,
            InvalidUri::Label | InvalidUri::Issuer => Self::Name,
            // The reader knows more of a secret that was refused.
            InvalidUri::Secret => Self::SecretMissing,
            InvalidUri::Algorithm => Self::Algorithm,
            InvalidUri::Digits => Self::Digits,
            InvalidUri::Period => Self::Period,
            InvalidUri::Counter => Self::Counter,
            InvalidUri::Duplicate => Self::Duplicate,
        }
    }
}
