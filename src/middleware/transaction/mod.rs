//! What you see is what you sign: an approval is bound to the data of one request.
//!
//! A [`RequireLayer`](crate::middleware::RequireLayer) asks for an approval of an action. A
//! [`TransactionLayer`] asks for the approval of *this* request: it reads the parameters that matter
//! from the body, digests them ([`bind_digest`](crate::token::bind_digest)), and lets the request through
//! only with a step-up that was bound to the same. It spends the approval before the request runs, so
//! that it is good once, and hands what it has read to the handler as [`Approved`]: what was approved
//! and what is done are one reading.
//!
//! ```text
//! POST /transfer {"to":"bob","amount":100}
//!   └▶ 401 insufficient_user_authentication, "action":"transfer_funds", "bind":["to","amount"]
//! POST /mfa/challenges {"action":"transfer_funds","bind":{"to":"bob","amount":100}}   … answered
//! POST /transfer {"to":"bob","amount":101}  └▶ 401: another amount, another approval
//! POST /transfer {"to":"bob","amount":100}  └▶ your handler, once
//! ```
//!
//! Where the data are no few members of a JSON body, [`TransactionLayerBuilder::whole_request`] binds the
//! request as a whole: method, path with query, and the digest of the body, byte for byte.
//!
//! Whoever is not allowed hears so before a byte of the body is read. The body is passed on byte for
//! byte; trailers are not. It must say how long it is and, where parameters are read from it, be JSON in
//! UTF-8, not compressed. An answer of
//! `503` may have spent the approval, and so has one that a handler refuses: the next try needs another.
//!
//! A service behind a proxy reads the body a second time, perhaps by other rules. Send it what [`Approved`]
//! says, not what the client sent.

mod future;
mod layer;
mod parameters;
mod service;
mod whole_request;

pub use future::ResponseFuture;
pub use layer::{TransactionLayer, TransactionLayerBuilder};
pub use service::Transaction;

use std::fmt;
use std::sync::Arc;

use http::Uri;

use crate::id::{Subject, TokenId};
use parameters::Values;

/// The URI that a route policy has judged, for a transaction that is one of its rules.
#[derive(Debug, Clone)]
pub(in crate::middleware) struct SentUri(pub(in crate::middleware) Uri);

/// What the subject has approved, in the extensions of the request that may run for it.
///
/// Take the parameters from here and not from a second reading of the body. Of a whole request the
/// parameters are `method`, `path` (with its query) and `body`, the digest of the bytes that the handler
/// gets.
///
/// # Security
///
/// Only a [`TransactionLayer`] makes one: its parameters are those of the request it stands in, and
/// those the subject has approved.
#[derive(Clone)]
pub struct Approved {
    subject: Subject,
    values: Arc<Values>,
    whole_request: bool,
    step_up: TokenId,
}

impl Approved {
    /// Returns who has approved it.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Tells whether the request as a whole was approved, and not parameters of it.
    #[must_use]
    pub const fn is_whole_request(&self) -> bool {
        self.whole_request
    }

    /// Returns a parameter that is a string.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name)?.as_str()
    }

    /// Returns a parameter that is an integer, at most 2^53 − 1 either way.
    #[must_use]
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.values.get(name)?.as_i64()
    }

    /// Returns the id of the approval (`step_up.jti`), for the host's own records.
    #[must_use]
    pub const fn step_up(&self) -> TokenId {
        self.step_up
    }
}

/// Amounts and accounts do not belong in a log.
impl fmt::Debug for Approved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Approved").field("step_up", &self.step_up).finish_non_exhaustive()
    }
}
