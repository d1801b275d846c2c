//! Keys of authenticator apps, read from what other systems export.
//!
//! Every reader is an iterator over one stream. It never holds the whole of it, states its limits,
//! and answers each entry with a [`Found`]: a key, or why it was passed over. Only what makes the
//! rest unreadable is a [`ReadError`], and ends it.
//!
//! ```
//! use tower_mfa::transfer::apps::{self, Found};
//!
//! let exported = "\
//!     otpauth://totp/Example:alice?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Example\n\
//!     otpauth://totp/Example:bob?secret=JBSWY3DPEHPK3PXP&issuer=Example\n";
//! let found: Vec<Found> = apps::otpauth(exported.as_bytes()).collect::<Result<_, _>>().unwrap();
//!
//! let Found::Key(key) = &found[0] else { panic!("a key") };
//! assert_eq!((key.issuer(), key.account()), (Some("Example"), Some("alice")));
//!
//! let Found::Skipped(skipped) = &found[1] else { panic!("ten bytes are too few") };
//! assert_eq!((skipped.place().line(), skipped.why().code()), (Some(2), "secret_short"));
//! ```
//!
//! | what is there | read it with |
//! |---|---|
//! | key URIs, one a line | [`otpauth`] |
//! | the QR codes that Google Authenticator exports | [`google_migration`] |
//! | a table | [`csv`] |
//! | the file that came with hardware tokens (RFC 6030) | [`pskc`] |
//!
//! # Security
//!
//! Whoever wrote the file chose every key in it, and knows it. Read only what came from where you
//! think it came from, and delete it afterwards.

mod csv;
mod error;
mod found;
mod lines;
mod migration;
mod otpauth;
mod parts;
mod pskc;
mod reason;

pub use csv::{Column, Columns, Csv, SecretEncoding, csv};
pub use error::{ReadError, ReadErrorKind};
pub(super) use found::prints;
pub use found::{AppKey, Found, Place, Skipped};
pub use migration::{GoogleMigration, google_migration};
pub use otpauth::{Otpauth, otpauth};
pub use pskc::{Pskc, PskcKey, pskc};
pub use reason::Reason;
