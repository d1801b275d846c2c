//! What an operator has ordered is so, and time goes back by an operator alone.

use serde_json::Value;
use tower_mfa::account::EventKind;

use super::{Looked, list, standing};

/// How far clocks may be apart, in seconds.
const TOLERANCE: u64 = 300;

pub(super) fn obeyed(looked: &Looked<'_>) -> Option<String> {
    let is_empty = |name: &str| list(looked.after, name).next().is_none();
    let ends = [EventKind::Suspended, EventKind::Reset, EventKind::SessionsEnded, EventKind::Erased];
    if let Some(order) = ends.into_iter().find(|order| looked.has(*order)) {
        if !is_empty("sessions") || !is_empty("challenges") {
            return Some(format!("the orders: {order:?}, and a session or a question is left"));
        }
        let clears = matches!(order, EventKind::Reset | EventKind::Erased);
        if clears && !(is_empty("authenticators") && looked.after.get("recovery").is_none()) {
            return Some(format!("the orders: {order:?}, and something bound is left"));
        }
    }
    let by_bypass = |session: &Value| session.pointer("/seed/bypass_until").is_some();
    if looked.has(EventKind::BypassEnded) && list(looked.after, "sessions").any(by_bypass) {
        return Some("the orders: a bypass ended, and a session that began by it goes on".to_owned());
    }
    let before = looked.before.map_or("normal", standing);
    let grants = [EventKind::SignedIn, EventKind::SteppedUp, EventKind::AnswerAccepted, EventKind::AuthenticatorBound];
    let granted = grants.into_iter().find(|kind| looked.has(*kind));
    // Whoever was erased may come back as somebody new, with nothing bound.
    let is_new = before == "erased" && granted == Some(EventKind::SignedIn) && is_empty("authenticators");
    if let Some(granted) = granted.filter(|_| before != "normal" && !is_new) {
        return Some(format!("the orders: {granted:?} of an account that is {before}"));
    }
    None
}

/// Time goes back by an unlock alone, and then nothing is left of the time that never was.
pub(super) fn time(looked: &Looked<'_>) -> Option<String> {
    let before = looked.before?["latest"].as_u64().unwrap();
    // One that comes back after it was erased begins anew.
    let may_go_back = looked.has(EventKind::Unlocked) || looked.before.map(standing) == Some("erased");
    if looked.latest() < before && !may_go_back {
        return Some(format!("the time: the latest was {before} and is {}", looked.latest()));
    }
    let at = |item: &Value| item["created_at"].as_u64().unwrap();
    let ahead = |name: &str| list(looked.after, name).map(at).find(|at| *at > looked.latest() + TOLERANCE);
    let ahead = ahead("sessions").or_else(|| ahead("challenges"))?;
    Some(format!("the time: something of {ahead} is left, and the latest is {}", looked.latest()))
}
