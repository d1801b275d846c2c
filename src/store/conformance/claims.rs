//! A claimed value belongs to one subject alone.

use super::{Failure, current, event, put, read_all, revision, want};
use crate::id::Subject;
use crate::store::{Claim, Commit, Committed, Feed, Store, UserHandle};

super::properties! {
    a_claim_of_another_subject_refuses_the_whole_commit,
    a_subject_keeps_what_it_claimed,
    a_user_handle_leads_to_its_subject,
    a_conflict_is_not_taken_for_a_foreign_claim,
}

/// One foreign claim among several: document, events and the other claims are not written either.
///
/// # Errors
///
/// [`Failure`] when it does not hold.
pub async fn a_claim_of_another_subject_refuses_the_whole_commit<S: Store>(store: S) -> Result<(), Failure> {
    let (alice, bob) = (Subject::new("alice")?, Subject::new("bob")?);
    let free = UserHandle::new(*b"free")?;
    let (taken, unclaimed) = (Claim::credential_id([7; 1023]), Claim::user_handle(&free));
    let of_alice = [taken.clone()];
    let commit = Commit::new(&alice, None, revision()?, "{}").with_claims(&of_alice);
    want(store.commit(commit).await?, Committed::Done, "the first claim")?;

    let events = [event(1, "lost")?];
    let of_bob = [unclaimed, taken];
    let creation = Commit::new(&bob, None, revision()?, r#""lost""#).with_events(&events).with_claims(&of_bob);
    want(store.commit(creation).await?, Committed::Claimed, "a creation with a foreign claim")?;
    want(current(&store, &bob).await?, None, "the document of a refused creation")?;
    let first = put(&store, &bob, None, 1, &[]).await?;
    let update = Commit::new(&bob, Some(&first), revision()?, r#""lost""#).with_events(&events).with_claims(&of_bob);
    want(store.commit(update).await?, Committed::Claimed, "an update with a foreign claim")?;
    want(current(&store, &bob).await?, Some((first, "{}".to_owned())), "the document of a refused update")?;
    want(read_all(&store, Feed::All, 10).await?.len(), 0, "the number of events")?;
    want(store.subject_of(&free).await?, None, "the owner of the other claim of a refused commit")
}

/// Claiming again what one holds is no conflict, and values of two kinds do not meet.
///
/// # Errors
///
/// [`Failure`] when it does not hold.
pub async fn a_subject_keeps_what_it_claimed<S: Store>(store: S) -> Result<(), Failure> {
    let (alice, bob) = (Subject::new("alice")?, Subject::new("bob")?);
    let handle = UserHandle::new([0, 255, 39, 0])?;
    let of_alice = [Claim::credential_id([0]), Claim::user_handle(&handle), Claim::user_handle(&handle)];
    let first = revision()?;
    let create = Commit::new(&alice, None, first, "{}").with_claims(&of_alice);
    want(store.commit(create).await?, Committed::Done, "the first claim")?;
    let update = Commit::new(&alice, Some(&first), revision()?, "{}").with_claims(&of_alice);
    want(store.commit(update).await?, Committed::Done, "the same claims again")?;
    want(store.subject_of(&handle).await?, Some(alice), "the owner of a handle")?;
    let of_bob = [Claim::credential_id(handle.as_bytes()), Claim::credential_id([0, 0])];
    let other = Commit::new(&bob, None, revision()?, "{}").with_claims(&of_bob);
    want(store.commit(other).await?, Committed::Done, "a claim of another kind with the same value")?;
    let theirs = store.subject_of(&UserHandle::new([0, 0])?).await?;
    want(theirs, None, "the owner of a handle that was only claimed as a credential id")
}

/// To the byte, with its tenant, and to nobody when it was never claimed.
///
/// # Errors
///
/// [`Failure`] when it does not hold.
pub async fn a_user_handle_leads_to_its_subject<S: Store>(store: S) -> Result<(), Failure> {
    let subjects = [Subject::new("alice")?, Subject::with_tenant("acme", "alice")?, Subject::new("ålice")?];
    for (number, subject) in (1_u8..).zip(&subjects) {
        let claims = [Claim::user_handle(&UserHandle::new([number; 64])?)];
        let commit = Commit::new(subject, None, revision()?, "{}").with_claims(&claims);
        want(store.commit(commit).await?, Committed::Done, "a claim")?;
    }
    for (number, subject) in (1_u8..).zip(&subjects) {
        let found = store.subject_of(&UserHandle::new([number; 64])?).await?;
        want(found.as_ref(), Some(subject), "the owner of a handle")?;
        let shorter = store.subject_of(&UserHandle::new([number; 63])?).await?;
        want(shorter, None, "the owner of the beginning of a handle")?;
    }
    Ok(())
}

/// A commit on an old revision is a conflict, whatever it claims: it must be tried again.
///
/// # Errors
///
/// [`Failure`] when it does not hold.
pub async fn a_conflict_is_not_taken_for_a_foreign_claim<S: Store>(store: S) -> Result<(), Failure> {
    let (alice, bob) = (Subject::new("alice")?, Subject::new("bob")?);
    let claims = [Claim::credential_id([1])];
    let create = Commit::new(&alice, None, revision()?, "{}").with_claims(&claims);
    want(store.commit(create).await?, Committed::Done, "the first claim")?;
    put(&store, &bob, None, 1, &[]).await?;
    let late = Commit::new(&bob, None, revision()?, "{}").with_claims(&claims);
    want(store.commit(late).await?, Committed::Conflict, "a lost commit with a foreign claim")?;
    let old = revision()?;
    let free = [Claim::credential_id([2])];
    let late = Commit::new(&alice, Some(&old), revision()?, "{}").with_claims(&free);
    want(store.commit(late).await?, Committed::Conflict, "a lost commit with a free claim")
}
