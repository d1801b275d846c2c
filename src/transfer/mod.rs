//! Accounts that move from one place to another, and keys of authenticator apps from other systems.
//!
//! [`Mfa::export_accounts`](crate::service::Mfa::export_accounts) writes whole accounts as lines of JSON,
//! [`Mfa::import_accounts`](crate::service::Mfa::import_accounts) takes them in: into another store, another region,
//! under other master keys. What is secret in them is sealed by a [`TransferKey`], and every line is signed with it.
//! `docs/TRANSFER.md` has the format, and how to move without letting a code count twice.
//!
//! ```
//! use tower_mfa::account::FirstFactor;
//! use tower_mfa::clock::{Clock, SystemClock};
//! use tower_mfa::entropy::SystemEntropy;
//! use tower_mfa::id::Subject;
//! use tower_mfa::service::{Keys, Mfa};
//! use tower_mfa::store::MemoryStore;
//! use tower_mfa::transfer::{Move, TransferErrorKind, TransferKey};
//!
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! let place = || {
//!     let builder = Mfa::builder(MemoryStore::new()).issuer("https://id.example").audience("api");
//!     builder.keys(Keys::generate().unwrap()).build().unwrap()
//! };
//! let (here, there) = (place(), place());
//! let alice = FirstFactor::password_checked_by_host(Subject::new("alice").unwrap(), SystemClock.now().unwrap());
//! here.begin(alice).await.unwrap();
//!
//! let key = TransferKey::generate("move-2026-11", &SystemEntropy).unwrap();
//! let why = || Move::by("ops@example.com", "move to Frankfurt").unwrap();
//! let mut file = Vec::new();
//! let report = here.export_accounts(&mut file, &key, why()).await.unwrap();
//! assert_eq!((report.moved, report.refused), (1, 0));
//! let report = there.import_accounts(file.as_slice(), &key, why()).await.unwrap();
//! assert_eq!((report.moved, report.refused), (1, 0));
//!
//! // Once more, and nothing is taken over what is there.
//! let again = there.import_accounts(file.as_slice(), &key, why()).await.unwrap();
//! assert_eq!((again.moved, again.by_reason["already_moved"]), (0, 1));
//!
//! // A file that was cut off says so.
//! let cut = &file[..file.len() - 100];
//! let error = there.import_accounts(cut, &key, why()).await.unwrap_err();
//! assert_ne!(error.kind(), TransferErrorKind::Io);
//! # });
//! ```

mod accounts;
pub mod apps;
mod error;
mod import_apps;
mod key;
mod report;

pub use error::{TransferError, TransferErrorKind};
pub use key::TransferKey;
pub use report::{Move, MoveReport, Refused, Why};
