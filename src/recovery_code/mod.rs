//! Recovery codes: the way in when the phone is lost.
//!
//! A set of codes `XXXX-XXXX-XXXX-XXXX` in Crockford's base 32. The first symbol names the code's
//! slot in the set, so that one attempt costs one slow hash and not one for every code; the other
//! fifteen are random (75 bits). Each code is good once, is stored as a salted password hash, and
//! is shown when it is made and never again.
//!
//! The slow steps stand apart, so that the caller can take them off an async runtime:
//! [`Draft::hash`] when a set is made, [`derive()`] once per attempt. Everything else is quick.
//!
//! ```
//! use tower_mfa::clock::Timestamp;
//! use tower_mfa::entropy::SystemEntropy;
//! use tower_mfa::recovery_code::{Count, Draft, Format, Mismatch, Scheme, Typed, derive};
//!
//! let now = Timestamp::from_secs(1_800_000_000);
//! let draft = Draft::generate(Count::new(2).unwrap(), Format::default(), Scheme::default(), &SystemEntropy).unwrap();
//! let (mut set, codes) = draft.hash(now).unwrap(); // slow: store the set, show the codes
//!
//! // The person types the second code, in lower case and without hyphens.
//! let typed = codes[1].expose().to_lowercase().replace('-', " ");
//! let typed = Typed::parse(&typed, set.format()).unwrap();
//!
//! let preimage = set.prepare(typed.slot());
//! let digest = derive(&typed, &preimage).unwrap(); // slow, and the same for every slot
//! assert_eq!(set.settle(&digest, now), Ok(()));
//! assert_eq!(set.remaining(), 1);
//! assert_eq!(set.settle(&digest, now), Err(Mismatch::Replayed), "a code is good once");
//! ```
//!
//! Sources: NIST SP 800-63B-4 §3.1.2 and §4.2.1.1, OWASP ASVS 5 §6.5.

mod code;
mod format;
mod scheme;
mod set;
mod successor;

pub use code::{InvalidRecoveryCode, RecoveryCode, Typed};
pub use format::{Count, Format, Slot};
pub use scheme::{DeriveError, Digest, Preimage, Scheme, derive};
pub use set::{Draft, Mismatch, RecoverySet};
pub use successor::{Spare, Successor};
