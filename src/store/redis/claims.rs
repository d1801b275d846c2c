//! Claims: values that one subject alone may hold, each in a place of its own.
//!
//! The place of a claim is on another server than the document, so no script writes both. What is
//! true stands beside the document: the list of what the subject holds, written by the commit. The
//! claim itself says only whom to ask.
//!
//! 1. The commit asks for what the subject holds already. What it does not hold yet it must
//!    reserve, and gets a permit for that; whoever had one before cannot commit any more.
//! 2. Each claim is reserved where it lives, in one order for all, so that no two wait for each other.
//! 3. The commit comes again with its permit, and writes document, events and list, if the permit
//!    is still the last one that was given.
//! 4. The claim is marked as held: from now on nobody has to ask the list.
//!
//! Whoever finds somebody else's reservation waits for what becomes of it. When nothing does, the
//! process behind it may be gone, or only slow. So its permit is taken away first, in the place
//! where it would be used; then either its commit has happened, or it never will. No clock decides.

use std::time::Duration;

use ::redis::Value;
use tokio::time::Instant;

use super::failure;
use super::layout::{Partition, claim_name};
use super::script::{FENCE, SWAP};
use super::values::{self, NOT_UNDERSTOOD, Swapped};
use super::{Inner, StoreError};
use crate::id::Subject;
use crate::store::Claim;

/// How long a reservation of somebody else that may still become a commit is left alone. Too short
/// would be safe, too: its owner begins again, and finds the claim taken.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long to wait before looking again, at first and at most.
const LOOKING: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(80));

/// What stands in the place of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Standing {
    /// A commit reserved it; whether it happened is known beside the subject's document.
    Reserved { by: Subject, permit: String },
    /// The subject holds it.
    Held(Subject),
}

impl Standing {
    fn read(text: &str) -> Result<Option<Self>, StoreError> {
        let subject = |key| Subject::from_storage_key(key).map_err(StoreError::corrupt);
        if text.is_empty() {
            return Ok(None);
        }
        if let Some(key) = text.strip_prefix("held ") {
            return Ok(Some(Self::Held(subject(key)?)));
        }
        // The permit is two words: a number and a revision.
        let mut words = text.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("reserved"), Some(number), Some(revision), Some(key)) => {
                Ok(Some(Self::Reserved { by: subject(key)?, permit: format!("{number} {revision}") }))
            }
            _ => Err(StoreError::corrupt("a claim of another form")),
        }
    }

    fn write(&self) -> String {
        match self {
            Self::Reserved { by, permit } => format!("reserved {permit} {}", by.storage_key()),
            Self::Held(by) => format!("held {}", by.storage_key()),
        }
    }
}

/// How reserving ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reserved {
    Yes,
    /// It belongs to another subject.
    Foreign,
    /// A later attempt of the same subject got a permit.
    Overtaken,
}

/// What to do about what was found in the place of a claim.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    End(Reserved),
    /// It was reserved by an attempt of the same subject that cannot commit any more, if ours can.
    ReplaceOwn,
    /// Somebody else's commit may be under way.
    Wait {
        by: Subject,
        permit: String,
    },
}

fn next(found: Standing, own: &Subject, permit: &str) -> Next {
    match found {
        Standing::Held(by) if by == *own => Next::End(Reserved::Yes),
        Standing::Held(_) => Next::End(Reserved::Foreign),
        Standing::Reserved { by, permit: theirs } if by == *own && theirs == permit => Next::End(Reserved::Yes),
        Standing::Reserved { by, .. } if by == *own => Next::ReplaceOwn,
        Standing::Reserved { by, permit } => Next::Wait { by, permit },
    }
}

/// The claims one attempt needs, and its permit.
#[derive(Debug)]
pub(super) struct Attempt<'a> {
    pub(super) subject: &'a Subject,
    pub(super) permit: &'a str,
}

impl Attempt<'_> {
    fn reservation(&self) -> String {
        Standing::Reserved { by: self.subject.clone(), permit: self.permit.to_owned() }.write()
    }

    /// Reserves a claim, or finds out why not.
    pub(super) async fn reserve(&self, inner: &Inner, claim: &Claim) -> Result<Reserved, StoreError> {
        let mine = self.reservation();
        let mut expected = String::new();
        let mut watched: Option<(String, Instant)> = None;
        let mut pause = LOOKING.0;
        loop {
            let found = match inner.swap(claim, &expected, &mine).await? {
                Swapped::Done => return Ok(Reserved::Yes),
                Swapped::Found(found) => found,
            };
            expected.clear();
            // Somebody gave it back meanwhile.
            let Some(standing) = Standing::read(&found)? else { continue };
            match next(standing, self.subject, self.permit) {
                Next::End(end) => return Ok(end),
                Next::ReplaceOwn => {
                    if !inner.is_last_permit(self.subject, self.permit).await? {
                        return Ok(Reserved::Overtaken);
                    }
                    expected = found;
                }
                Next::Wait { by, permit } => {
                    let since = match watched.take() {
                        Some((text, since)) if text == found => since,
                        _ => Instant::now(),
                    };
                    let outlook = inner.outlook(&by, claim, &permit).await?;
                    if outlook == Outlook::Held {
                        inner.mark_held(&by, claim, &found).await;
                        return Ok(Reserved::Foreign);
                    }
                    if outlook == Outlook::Open && since.elapsed() < PATIENCE {
                        watched = Some((found, since));
                        tokio::time::sleep(pause).await;
                        pause = pause.saturating_mul(2).min(LOOKING.1);
                    } else if inner.fence(&by, claim, &permit).await? == Fenced::Held {
                        inner.mark_held(&by, claim, &found).await;
                        return Ok(Reserved::Foreign);
                    } else {
                        expected = found;
                    }
                }
            }
        }
    }

    /// Gives a reservation back. Where that fails it is taken over some time.
    pub(super) async fn give_back(&self, inner: &Inner, claim: &Claim) {
        let _ = inner.swap(claim, &self.reservation(), "").await;
    }

    /// Marks a claim as held, now that the commit has happened. Where that fails the list is asked.
    pub(super) async fn settle(&self, inner: &Inner, claim: &Claim) {
        inner.mark_held(self.subject, claim, &self.reservation()).await;
    }
}

/// What may become of a reservation.
#[derive(Debug, PartialEq, Eq)]
enum Outlook {
    /// Its commit has happened.
    Held,
    /// Its commit may still happen.
    Open,
    /// Another permit was given since.
    Dead,
}

#[derive(Debug, PartialEq, Eq)]
enum Fenced {
    /// The commit has happened.
    Held,
    /// It never will.
    Free,
}

impl Inner {
    /// Whose a claim is.
    pub(super) async fn owner_of(&self, claim: &Claim) -> Result<Option<Subject>, StoreError> {
        let partition = self.names.of_claim(claim);
        let mut get = ::redis::cmd("GET");
        get.arg(self.names.claim(partition, claim));
        let found = self.read(partition, &get).await?;
        let found = values::text_or_none(found)?.unwrap_or_default();
        match Standing::read(&found)? {
            None => Ok(None),
            Some(Standing::Held(by)) => Ok(Some(by)),
            Some(Standing::Reserved { by, .. }) if self.holds(&by, claim).await? => {
                self.mark_held(&by, claim, &found).await;
                Ok(Some(by))
            }
            Some(Standing::Reserved { .. }) => Ok(None),
        }
    }

    async fn swap(&self, claim: &Claim, from: &str, to: &str) -> Result<Swapped, StoreError> {
        let partition = self.names.of_claim(claim);
        let call = SWAP.on([self.names.claim(partition, claim)]).arg(from).arg(to);
        let swapped = call.write(&self.servers, self.places.of(partition)).await;
        values::swapped(swapped.map_err(failure::of_write)?)
    }

    async fn mark_held(&self, by: &Subject, claim: &Claim, found: &str) {
        let _ = self.swap(claim, found, &Standing::Held(by.clone()).write()).await;
    }

    /// Asks the list of a subject.
    async fn holds(&self, subject: &Subject, claim: &Claim) -> Result<bool, StoreError> {
        let (partition, key) = self.claims_of(subject);
        let mut exists = ::redis::cmd("HEXISTS");
        exists.arg(key).arg(claim_name(claim));
        match self.read(partition, &exists).await? {
            Value::Int(held) => Ok(held == 1),
            _ => Err(StoreError::corrupt(NOT_UNDERSTOOD)),
        }
    }

    async fn outlook(&self, subject: &Subject, claim: &Claim, permit: &str) -> Result<Outlook, StoreError> {
        let (partition, key) = self.claims_of(subject);
        let mut get = ::redis::cmd("HMGET");
        get.arg(key).arg(claim_name(claim)).arg(".permit");
        let mut both = values::list(self.read(partition, &get).await?)?.into_iter().map(values::text_or_none);
        match (both.next().transpose()?.flatten(), both.next().transpose()?.flatten()) {
            (Some(_), _) => Ok(Outlook::Held),
            (None, Some(last)) if last == permit => Ok(Outlook::Open),
            (None, _) => Ok(Outlook::Dead),
        }
    }

    async fn is_last_permit(&self, subject: &Subject, permit: &str) -> Result<bool, StoreError> {
        let (partition, key) = self.claims_of(subject);
        let mut get = ::redis::cmd("HGET");
        get.arg(key).arg(".permit");
        let last = values::text_or_none(self.read(partition, &get).await?)?;
        Ok(last.as_deref() == Some(permit))
    }

    async fn fence(&self, subject: &Subject, claim: &Claim, permit: &str) -> Result<Fenced, StoreError> {
        let (partition, key) = self.claims_of(subject);
        let call = FENCE.on([key]).arg(claim_name(claim)).arg(permit);
        let said = call.write(&self.servers, self.places.of(partition)).await.map_err(failure::of_write)?;
        match values::text(said)?.as_str() {
            "held" => Ok(Fenced::Held),
            "free" => Ok(Fenced::Free),
            _ => Err(StoreError::corrupt(NOT_UNDERSTOOD)),
        }
    }

    fn claims_of(&self, subject: &Subject) -> (Partition, String) {
        let partition = self.names.of_subject(subject);
        (partition, self.names.claims(partition, &subject.storage_key()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(id: &str) -> Subject {
        Subject::with_tenant("a c", id).unwrap()
    }

    #[test]
    fn what_stands_in_the_place_of_a_claim_is_read_back_as_it_was_written() {
        let reserved = Standing::Reserved { by: subject("alice b"), permit: "7 AAAAAAAAAAAAAAAAAAAAAA".to_owned() };
        for standing in [reserved, Standing::Held(subject("reserved 7"))] {
            assert_eq!(Standing::read(&standing.write()).unwrap(), Some(standing));
        }
        assert_eq!(Standing::read("").unwrap(), None);
        for bad in ["held", "held ", "reserved 7 A", "alice"] {
            assert!(Standing::read(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn only_another_subject_is_waited_for() {
        let (own, other) = (subject("alice"), subject("bob"));
        let reserved = |by: &Subject, permit: &str| Standing::Reserved { by: by.clone(), permit: permit.to_owned() };
        assert_eq!(next(Standing::Held(own.clone()), &own, "2 B"), Next::End(Reserved::Yes));
        assert_eq!(next(Standing::Held(other.clone()), &own, "2 B"), Next::End(Reserved::Foreign));
        assert_eq!(next(reserved(&own, "2 B"), &own, "2 B"), Next::End(Reserved::Yes));
        assert_eq!(next(reserved(&own, "1 A"), &own, "2 B"), Next::ReplaceOwn);
        let wait = Next::Wait { by: other.clone(), permit: "2 B".to_owned() };
        assert_eq!(next(reserved(&other, "2 B"), &own, "2 B"), wait);
    }
}
