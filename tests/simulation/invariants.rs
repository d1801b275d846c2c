//! What must hold after any story.

use std::collections::{BTreeMap, BTreeSet};

use tower_mfa::account::{Event, EventKind};
use tower_mfa::assurance::Method;
use tower_mfa::clock::Timestamp;
use tower_mfa::service::{LoginOutcome, Mfa, Reply, Responder};
use tower_mfa::store::{Feed, Store as _};
use tower_mfa::testing::ManualClock;

use super::memory::Memory;
use super::store::{Handle, Shared};
use super::world::{BEGINNING, NAMES, first_factor};

/// How many wrong answers there are in how many seconds, by default.
const BUDGET: usize = 3;
const WITHIN: u64 = 300;

/// Says what is wrong, in a sentence.
pub(crate) async fn broken(mfa: &Mfa, clock: &ManualClock, shared: &Shared, memory: &Memory) -> Option<String> {
    if let Some(((person, proof), _)) = memory.accepted.iter().find(|(_, times)| **times > 1) {
        return Some(format!("{proof:?} of {} was accepted twice", NAMES[*person]));
    }
    let marked = shared.lock().state.marks.broken.clone();
    if marked.is_some() {
        return marked;
    }
    for (person, name) in NAMES.iter().enumerate() {
        if let Err(broken) = of(mfa, clock, shared, memory, person).await {
            return Some(format!("{name}: {broken}"));
        }
    }
    None
}

async fn of(mfa: &Mfa, clock: &ManualClock, shared: &Shared, memory: &Memory, person: usize) -> Result<(), String> {
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
    told(memory, person, &events)?;
    within_budget(&events)?;
    sessions(mfa, memory, person, &events).await?;
    still_get_in(mfa, clock, person).await?;
    recovery(mfa, person, &events).await
}

async fn events(shared: &Shared, person: usize) -> Vec<Event> {
    let store = Handle { shared: shared.clone(), replica: 0 };
    let page = store.events(Feed::Subject(&BEGINNING.people[person].subject), None, 200).await.unwrap();
    assert!(page.next().is_none(), "a story is shorter than a page");
    page.items().iter().map(|event| serde_json::from_str(event.body()).unwrap()).collect()
}

/// What was told is written, and what is written was told or asked in vain.
fn told(memory: &Memory, person: usize, events: &[Event]) -> Result<(), String> {
    let count = |kind| events.iter().filter(|event| event.kind == kind).count();
    let unknown = memory.unknown[person];
    for (what, heard, written) in [
        ("let in", memory.let_in(person), count(EventKind::AnswerAccepted) + count(EventKind::RecoveryCodeUsed)),
        ("wrong", memory.wrong[person], count(EventKind::AnswerRefused)),
    ] {
        if written < heard || written > heard + unknown {
            return Err(format!("{heard} heard that they were {what}, {unknown} heard nothing, {written} are counted"));
        }
    }
    Ok(())
}

/// No more guesses of one app are compared than the budget has, and none while it is locked.
fn within_budget(events: &[Event]) -> Result<(), String> {
    let (mut recent, mut locked_until): (Vec<Timestamp>, _) = (Vec::new(), Timestamp::EPOCH);
    for event in events {
        match (event.kind, event.method) {
            (EventKind::AnswerAccepted | EventKind::AnswerRefused, Some(Method::Totp)) if event.at < locked_until => {
                return Err(format!("the budget: an answer at {} though locked until {locked_until}", event.at));
            }
            (EventKind::AnswerAccepted, Some(Method::Totp)) | (EventKind::Unlocked, _) => {
                (recent, locked_until) = (Vec::new(), Timestamp::EPOCH);
            }
            (EventKind::AnswerRefused, Some(Method::Totp)) => {
                recent.retain(|at| event.at.since(*at) < WITHIN);
                recent.push(event.at);
                if recent.len() > BUDGET {
                    return Err(format!("the budget: {} wrong answers in five minutes", recent.len()));
                }
            }
            (EventKind::Locked, Some(Method::Totp)) => {
                (recent, locked_until) = (Vec::new(), event.until.unwrap());
            }
            _ => {}
        }
    }
    Ok(())
}

/// Nobody is signed in above what was proved, and who was told to be logged out is.
async fn sessions(mfa: &Mfa, memory: &Memory, person: usize, events: &[Event]) -> Result<(), String> {
    // Each session at the second level began with one right answer, of whoever asked.
    let began = events.iter().filter(|event| event.kind == EventKind::SignedIn).count();
    let is_proof = |event: &&Event| matches!(event.kind, EventKind::AnswerAccepted | EventKind::RecoveryCodeUsed);
    let proved = events.iter().filter(is_proof).count();
    // The one of the beginning had bound the app.
    if began > proved + 1 {
        return Err(format!("{began} sessions began by {proved} right answers"));
    }
    let ended: BTreeMap<_, _> =
        events.iter().filter(|event| event.kind == EventKind::SessionEnded).map(|e| (e.sid, e.at)).collect();
    for (_, sid) in memory.logged_out.iter().filter(|(of, _)| *of == person) {
        if !ended.contains_key(&sid.parse().ok()) {
            return Err(format!("a logout was heard of and is not written: {sid}"));
        }
        for (_, access, _) in memory.sessions.iter().filter(|(of, ..)| *of == person) {
            let Ok(by) = mfa.authenticate(access) else { continue };
            if by.session() == Some(sid) && mfa.sessions(&by, None, 1).await.is_ok() {
                return Err(format!("a session lives on after its logout: {sid}"));
            }
        }
    }
    Ok(())
}

/// Once an operator has lifted the locks, whoever has the app gets in: no story locks anybody out.
async fn still_get_in(mfa: &Mfa, clock: &ManualClock, person: usize) -> Result<(), String> {
    // Behind every step that a clock which was ahead has used up.
    clock.advance(300);
    let code = BEGINNING.people[person].app.code(clock.time());
    match answered(mfa, person, Reply::totp(code)).await? {
        true => Ok(()),
        false => Err("somebody with a right code is locked out".to_owned()),
    }
}

/// Of the recovery codes those work that were never used, by whomever, and no others.
async fn recovery(mfa: &Mfa, person: usize, events: &[Event]) -> Result<(), String> {
    let codes = &BEGINNING.people[person].recovery_codes;
    let used = events.iter().filter(|event| event.kind == EventKind::RecoveryCodeUsed).count();
    if used == 0 {
        return Ok(());
    }
    let mut work = 0;
    for code in codes {
        work += usize::from(answered(mfa, person, Reply::recovery_code(code.as_str())).await?);
    }
    if work + used == codes.len() {
        return Ok(());
    }
    Err(format!("{used} recovery codes were used and {work} of {} work: one was accepted twice, or lost", codes.len()))
}

async fn answered(mfa: &Mfa, person: usize, reply: Reply) -> Result<bool, String> {
    let who = &BEGINNING.people[person];
    mfa.unlock(&who.subject, "root", "to try it").await.unwrap();
    let now = mfa.clock().now().unwrap();
    match mfa.begin(first_factor(&who.subject, now)).await.unwrap() {
        LoginOutcome::Challenge(asked) => Ok(mfa.answer(Responder::Token(&asked.token), asked.id, reply).await.is_ok()),
        other => Err(format!("nothing is asked at the end: {other:?}")),
    }
}
