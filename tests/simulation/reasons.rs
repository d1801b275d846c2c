//! What a refusal must have for a reason: who decides nothing, and who takes a token for none, can be asked why.

use serde_json::Value;

use super::call::{Call, Door, Seen};
use super::marks::{Marks, list};
use super::operations::Order;
use super::told::{INVALID_TOKEN, Told};

/// How far clocks may be apart, in seconds.
pub(crate) const TOLERANCE: u64 = 300;
/// How often a lost race is run again.
const TRIES: u32 = 32;

/// What an access token says of its time.
#[derive(Debug, Clone)]
pub(crate) struct Times {
    pub(crate) sid: String,
    issued_at: u64,
    expires_at: u64,
}

impl Times {
    pub(crate) fn of(access: &str) -> Self {
        use base64::Engine as _;
        let claims = access.split('.').nth(1).unwrap();
        let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        let [issued_at, expires_at] = ["iat", "exp"].map(|name| claims[name].as_u64().unwrap());
        Self { sid: claims["sid"].as_str().unwrap().to_owned(), issued_at, expires_at }
    }

    /// Whether its time runs, by a clock that need not be the one it was issued by.
    pub(crate) const fn runs(&self, now: u64) -> bool {
        now < self.expires_at && self.issued_at <= now + TOLERANCE
    }

    pub(crate) const fn is_ahead(&self, now: u64) -> bool {
        now < self.issued_at
    }
}

/// Whether a session lives, by a document and a clock.
pub(crate) fn lives(document: &Value, sid: &str, now: u64) -> bool {
    let now = now.max(document["latest"].as_u64().unwrap());
    let is_it = |session: &&Value| session["id"] == sid;
    let session = list(document, "sessions").find(is_it);
    document.get("standing").is_none() && session.is_some_and(|session| now < session["until"].as_u64().unwrap())
}

/// What is wrong with what a call was told, by what the store has seen of it.
pub(crate) fn missing(call: &Call, seen: &Seen, marks: &Marks, told: &Told) -> Option<String> {
    let number = call.number;
    match told {
        // No line is as long as sixteen here, and no more than two hash at a time.
        Told::Unavailable => {
            let has_reason = seen.faults > 0 || seen.was_behind || seen.conflicts >= TRIES;
            (!has_reason).then(|| format!("the reasons: call {number} could not be decided, and nothing had failed"))
        }
        _ if seen.is_behind && seen.faults == 0 && call.door != Door::Order(Order::Unlock) => {
            Some(format!("the reasons: call {number} was decided by a clock that is far behind"))
        }
        Told::Refused(INVALID_TOKEN) if seen.is_alive && !marks.was_replayed(number) => {
            Some(format!("the reasons: call {number} was refused for its token, and its session lives"))
        }
        _ => None,
    }
}
