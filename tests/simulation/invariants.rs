//! What must hold after any story.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tower_mfa::account::{Event, EventKind};
use tower_mfa::id::AuthenticatorId;
use tower_mfa::service::{LoginOutcome, Mfa, Reply, Responder};
use tower_mfa::store::{Feed, Store as _};
use tower_mfa::testing::ManualClock;

use super::marks::{Marks, list};
use super::memory::{Called, Heard, Memory};
use super::operations::Hands;
use super::store::{Handle, Shared};
use super::world::{BEGINNING, NAMES, first_factor};

/// Says what is wrong, in a sentence.
pub(crate) async fn broken(
    mfa: &Mfa,
    clock: &ManualClock,
    shared: &Shared,
    memory: &Memory,
    hands: &Hands,
) -> Option<String> {
    let marks = shared.lock().state.marks.clone();
    if let Some(broken) = marks.broken.clone().or_else(|| refused(&marks, memory)).or_else(|| memory.broken.clone()) {
        return Some(broken);
    }
    if let Some(((person, proof), _)) = memory.accepted.iter().find(|(_, times)| **times > 1) {
        return Some(format!("{proof:?} of {} was accepted twice", NAMES[*person]));
    }
    for (person, name) in NAMES.iter().enumerate() {
        if let Err(broken) = of(mfa, clock, shared, memory, hands, person).await {
            return Some(format!("{name}: {broken}"));
        }
    }
    None
}

/// Who is refused has changed nothing but counters, and who is refused unchecked has written nothing.
fn refused(marks: &Marks, memory: &Memory) -> Option<String> {
    let is_refusal = |call: &Called| matches!(call.heard, Heard::Wrong | Heard::Refused);
    for (number, call) in memory.calls.iter().filter(|(_, call)| is_refusal(call)) {
        if let Some(what) = marks.changed_by(*number) {
            return Some(format!("the refusals: call {number} was refused and changed {what}"));
        }
        if let Some(what) = call.why.and_then(|why| marks.written_by(*number, call.door, why)) {
            return Some(format!(
                "the refusals: {:?}, call {number}, was refused unchecked and wrote {what}",
                call.door
            ));
        }
    }
    None
}

async fn of(
    mfa: &Mfa,
    clock: &ManualClock,
    shared: &Shared,
    memory: &Memory,
    hands: &Hands,
    person: usize,
) -> Result<(), String> {
    let who = &BEGINNING.people[person];
    let chain = mfa.verify_chain(&who.subject).await.map_err(|error| format!("the chain: {error}"))?;
    let events = events(shared, person).await;
    if chain.last != u64::try_from(events.len()).unwrap() {
        return Err(format!("the chain says {} events, there are {}", chain.last, events.len()));
    }
    let ids: BTreeSet<_> = events.iter().map(|event| event.id).collect();
    if ids.len() != events.len() {
        return Err("the chain has an event twice".to_owned());
    }
    calls(memory, person, &events)?;
    logged_out(mfa, memory, person, &events).await?;
    still_get_in(mfa, clock, shared, hands, person).await?;
    recovery(mfa, shared, person, &events).await
}

async fn events(shared: &Shared, person: usize) -> Vec<Event> {
    let store = Handle { shared: shared.clone(), replica: 0, clock: ManualClock::at(0) };
    let page = store.events(Feed::Subject(&BEGINNING.people[person].subject), None, 200).await.unwrap();
    assert!(page.next().is_none(), "a story is shorter than a page");
    page.items().iter().map(|event| serde_json::from_str(event.body()).unwrap()).collect()
}

/// The number of the call that an event is of; those of the beginning have none.
fn call_of(event: &Event) -> Option<u64> {
    event.address.as_ref()?.parse().ok()
}

/// What was told of each call is what is written of it, and of what nobody heard no more than can be.
fn calls(memory: &Memory, person: usize, events: &[Event]) -> Result<(), String> {
    let mut written: BTreeMap<u64, (usize, usize, usize)> = BTreeMap::new();
    for event in events {
        let Some(call) = call_of(event) else { continue };
        let (right, wrong, bound) = written.entry(call).or_default();
        match event.kind {
            EventKind::AnswerAccepted | EventKind::RecoveryCodeUsed => *right += 1,
            // A code is compared with each app, and counted for each.
            EventKind::AnswerRefused => *wrong = 1,
            EventKind::AuthenticatorBound => *bound += 1,
            _ => {}
        }
    }
    // Where no app is left, a code is wrong like any other, and there is nothing to count it for.
    let clears = [EventKind::AuthenticatorRemoved, EventKind::Reset, EventKind::Erased];
    let may_have_none = events.iter().any(|event| clears.contains(&event.kind));
    for (number, call) in memory.calls.iter().filter(|(_, call)| call.person == person) {
        let written = written.remove(number).unwrap_or_default();
        let fits = match call.heard {
            Heard::Right => written == (1, 0, 0),
            Heard::Bound => written == (0, 0, 1),
            Heard::Wrong => written == (0, 1, 0) || (may_have_none && written == (0, 0, 0)),
            Heard::Refused | Heard::Done => written == (0, 0, 0),
            // The right ones and the wrong ones that nobody heard of are told apart by what was sent.
            Heard::Unknown if call.may_be_right => matches!(written, (0 | 1, 0, 0) | (0, 1, 0) | (0, 0, 1)),
            Heard::Unknown => matches!(written, (0, 0 | 1, 0)),
        };
        if !fits {
            let (right, wrong, bound) = written;
            return Err(format!(
                "the calls: {number} heard {:?}, and counted are {right} right, {wrong} wrong, {bound} bound",
                call.heard
            ));
        }
    }
    // Those before the last of an operation bring no answer.
    match written.into_iter().find(|(_, written)| *written != (0, 0, 0)) {
        Some((number, _)) => Err(format!("the calls: an answer is counted for {number}, which sent none")),
        None => Ok(()),
    }
}

/// Who was told to be logged out is.
async fn logged_out(mfa: &Mfa, memory: &Memory, person: usize, events: &[Event]) -> Result<(), String> {
    let ended: BTreeSet<_> =
        events.iter().filter(|event| event.kind == EventKind::SessionEnded).map(|e| e.sid).collect();
    for (_, sid) in memory.logged_out.iter().filter(|(of, _)| *of == person) {
        if !ended.contains(&sid.parse().ok()) {
            return Err(format!("the orders: a logout was heard of and is not written: {sid}"));
        }
    }
    for session in memory.sessions.iter().filter(|session| session.person == person) {
        let (Some(why), Ok(by)) = (session.ended, mfa.authenticate(&session.access)) else { continue };
        if mfa.sessions(&by, None, 1).await.is_ok() {
            return Err(format!("the orders: a session lives on after {why}"));
        }
    }
    Ok(())
}

/// Once an operator has lifted the locks, whoever has an app that is bound gets in by it: no story locks anybody out.
async fn still_get_in(
    mfa: &Mfa,
    clock: &ManualClock,
    shared: &Shared,
    hands: &Hands,
    person: usize,
) -> Result<(), String> {
    let who = &BEGINNING.people[person];
    let document = shared.lock().state.document(&who.subject);
    let bound = bound_apps(&document);
    let later = hands.apps.iter().filter(|(of, ..)| *of == person).map(|(_, id, app)| (*id, app));
    for (id, app) in std::iter::once((who.app_id, &who.app)).chain(later).filter(|(id, _)| bound.contains(id)) {
        // Behind every step that a clock which was ahead has used up.
        clock.advance(300);
        if !answered(mfa, person, Reply::totp(app.code(clock.time()))).await? {
            return Err(format!("the way in: somebody with a right code of {id} is locked out"));
        }
    }
    Ok(())
}

fn bound_apps(document: &Value) -> Vec<AuthenticatorId> {
    let is_bound = |one: &&Value| one.pointer("/credential/totp").is_some() && one["status"] == "active";
    let bound = list(document, "authenticators").filter(is_bound);
    bound.map(|one| one["id"].as_str().unwrap().parse().unwrap()).collect()
}

/// Of the recovery codes those work that were never used, by whomever, and no others.
async fn recovery(mfa: &Mfa, shared: &Shared, person: usize, events: &[Event]) -> Result<(), String> {
    let who = &BEGINNING.people[person];
    let count = |kind| events.iter().filter(|event| event.kind == kind).count();
    let used = count(EventKind::RecoveryCodeUsed);
    let document = shared.lock().state.document(&who.subject);
    // Those of the beginning, and no later set: of that nobody here has the codes. Without an app none is asked for.
    if used == 0
        || document.get("recovery").is_none_or(|recovery| recovery["disabled"] == true)
        || bound_apps(&document).is_empty()
        || count(EventKind::RecoveryCodesIssued) > 1
    {
        return Ok(());
    }
    let mut work = 0;
    for code in &who.recovery_codes {
        work += usize::from(answered(mfa, person, Reply::recovery_code(code.as_str())).await?);
    }
    let all = who.recovery_codes.len();
    if work + used == all {
        return Ok(());
    }
    Err(format!("{used} recovery codes were used and {work} of {all} work: one was accepted twice, or lost"))
}

async fn answered(mfa: &Mfa, person: usize, reply: Reply) -> Result<bool, String> {
    let who = &BEGINNING.people[person];
    mfa.unlock(&who.subject, "root", "to try it").await.unwrap();
    // An exception would let in without any code. There is one, or there is none.
    let _ = mfa.revoke_bypass(&who.subject, "root", "to try it").await;
    let now = mfa.clock().now().unwrap();
    match mfa.begin(first_factor(&who.subject, now)).await.unwrap() {
        LoginOutcome::Challenge(asked) => Ok(mfa.answer(Responder::Token(&asked.token), asked.id, reply).await.is_ok()),
        other => Err(format!("the way in: nothing is asked at the end: {other:?}")),
    }
}
