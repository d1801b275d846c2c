//! What is committed is read back, and only on top of what was read.

use std::collections::BTreeSet;

use super::{Failure, bodies, canonical, current, event, put, read_all, revision, want};
use crate::id::Subject;
use crate::store::{Claim, Commit, Committed, Feed, ScanCursor, Store, UserHandle};

/// What is odd to a parser of JSON, of SQL, or of both.
const ODD: &str = r#"{"v":"🔑 ‘quoted’ \u001f \\u0000 \" ' $1 {} % _ \r\n \\"}"#;

super::properties! {
    a_document_is_read_back_as_it_was_written,
    a_lost_commit_writes_nothing,
    a_second_creation_is_a_conflict,
    a_document_that_is_not_there_has_no_revision,
    the_same_commit_is_done_once,
    a_revision_that_was_replaced_never_looks_current,
    subjects_that_look_alike_are_told_apart,
    a_big_document_is_kept_whole,
    a_scan_meets_every_document_once,
}

/// Value, revision and subject come back as they were; nobody else's document does.
///
/// A store may keep the value and not its spelling: the order of members and the space between them.
///
/// # Errors
///
/// [`Failure`] when it does not hold.
pub async fn a_document_is_read_back_as_it_was_written<S: Store>(store: S) -> Result<(), Failure> {
    let alice = Subject::new("alice")?;
    want(current(&store, &alice).await?, None, "a subject that was never committed")?;
    let mut expected = None;
    for document in [r#"{"v":1}"#, ODD, "{ \"z\" : [18446744073709551615, null], \"a\":true }"] {
        let new = revision()?;
        let commit = Commit::new(&alice, expected.as_ref(), new, document);
        want(store.commit(commit).await?, Committed::Done, "a commit on the current revision")?;
        want(current(&store, &alice).await?, Some((new, canonical(document)?)), "the document")?;
        expected = Some(new);
    }
    let stored = store.load(&alice).await?.ok_or_else(|| Failure::new("the document is gone"))?;
    want(stored.subject(), &alice, "the subject of the document")?;
    want(current(&store, &Subject::new("bob")?).await?, None, "another subject's document")
}

/// On another revision than the stored one, neither document nor events nor claims are written.
///
/// # Errors
///
/// [`Failure`] when it does not hold.
pub async fn a_lost_commit_writes_nothing<S: Store>(store: S) -> Result<(), Failure> {
    let alice = Subject::new("alice")?;
    let first = put(&store, &alice, None, 1, &["created"]).await?;
    let handle = UserHandle::new(*b"handle")?;
    let (events, claims) = ([event(2, "lost")?], [Claim::user_handle(&handle)]);
    let never_stored = revision()?;
    let late =
        Commit::new(&alice, Some(&never_stored), revision()?, r#""lost""#).with_events(&events).with_claims(&claims);
    want(store.commit(late).await?, Committed::Conflict, "a commit on a revision that is not stored")?;
    want(current(&store, &alice).await?, Some((first, "{}".to_owned())), "the document after a lost commit")?;
    want(bodies(&read_all(&store, Feed::All, 10).await?), vec!["created"], "the events after a lost commit")?;
    want(store.subject_of(&handle).await?, None, "the owner of a claim of a lost commit")
}

/// Where a document is, none is created.
///
/// # Errors
///
/// [`Failure`] when it does not hold.
pub async fn a_second_creation_is_a_conflict<S: Store>(store: S) -> Result<(), Failure> {
    let alice = Subject::new("alice")?;
    let first = put(&store, &alice, None, 1, &[]).await?;
    let again = Commit::new(&alice, None, revision()?, r#""again""#);
    want(store.commit(again).await?, Committed::Conflict, "a second creation")?;
    want(current(&store, &alice).await?, Some((first, "{}".to_owned())), "the document after a second creation")
}

/// Where no document is, none is replaced: a lost document must not come back as an empty one.
///
/// # Errors
///
/// [`Failure`] when it does not hold.
pub async fn a_document_that_is_not_there_has_no_revision<S: Store>(store: S) -> Result<(), Failure> {
    let alice = Subject::new("alice")?;
    let wanted = revision()?;
    let events = [event(1, "lost")?];
    let commit = Commit::new(&alice, Some(&wanted), revision()?, "{}").with_events(&events);
    want(store.commit(commit).await?, Committed::Conflict, "a commit on a document that is not there")?;
    want(current(&store, &alice).await?, None, "a document that was never created")?;
    want(read_all(&store, Feed::All, 10).await?.len(), 0, "the number of events")
}

/// Sent twice, as after an unknown outcome, a commit counts once and its events are not doubled.
///
/// # Errors
///
/// [`Failure`] when it does not hold.
pub async fn the_same_commit_is_done_once<S: Store>(store: S) -> Result<(), Failure> {
    let alice = Subject::new("alice")?;
    let events = [event(1, "once")?];
    let first = revision()?;
    let create = Commit::new(&alice, None, first, "{}").with_events(&events);
    want(store.commit(create).await?, Committed::Done, "a creation")?;
    want(store.commit(create).await?, Committed::Conflict, "the same creation again")?;
    let events = [event(1, "twice")?];
    let update = Commit::new(&alice, Some(&first), revision()?, "{}").with_events(&events);
    want(store.commit(update).await?, Committed::Done, "an update")?;
    want(store.commit(update).await?, Committed::Conflict, "the same update again")?;
    want(bodies(&read_all(&store, Feed::All, 10).await?), vec!["once", "twice"], "the events")
}

/// Not even when the same text is stored again, over a tombstone or not.
///
/// # Errors
///
/// [`Failure`] when it does not hold.
pub async fn a_revision_that_was_replaced_never_looks_current<S: Store>(store: S) -> Result<(), Failure> {
    let alice = Subject::new("alice")?;
    let first = put(&store, &alice, None, 1, &[]).await?;
    let erased = revision()?;
    let tombstone = Commit::new(&alice, Some(&first), erased, r#"{"erased":true}"#);
    want(store.commit(tombstone).await?, Committed::Done, "a tombstone")?;
    want(store.commit(Commit::new(&alice, None, revision()?, "{}")).await?, Committed::Conflict, "a creation on it")?;
    let again = put(&store, &alice, Some(&erased), 1, &[]).await?;
    for old in [first, erased] {
        let late = Commit::new(&alice, Some(&old), revision()?, r#""late""#);
        want(store.commit(late).await?, Committed::Conflict, "a commit on a revision that was replaced")?;
    }
    want(current(&store, &alice).await?, Some((again, "{}".to_owned())), "the document")
}

/// Case, accents, code points, tenants: what differs in a byte is another subject.
///
/// # Errors
///
/// [`Failure`] when it does not hold.
pub async fn subjects_that_look_alike_are_told_apart<S: Store>(store: S) -> Result<(), Failure> {
    let long = "x".repeat(255);
    let mut subjects = vec![Subject::with_tenant(long.clone(), long.clone())?];
    for id in
        ["alice", "Alice", "ALICE", "álice", "a\u{301}lice", "ａlice", "a%", "a_", "a*", "1", "01", "1.0", "'", &long]
    {
        subjects.push(Subject::new(id)?);
        subjects.push(Subject::with_tenant("acme", id)?);
        subjects.push(Subject::with_tenant("Acme", id)?);
    }
    subjects.push(Subject::new("acme alice")?);
    subjects.push(Subject::new("acme/alice")?);
    for subject in &subjects {
        let body = subject.storage_key();
        put(&store, subject, None, 1, &[&body]).await?;
    }
    for subject in &subjects {
        let own = read_all(&store, Feed::Subject(subject), 10).await?;
        want(bodies(&own), vec![subject.storage_key().as_str()], "the events of one subject")?;
        want(own.iter().all(|event| event.subject() == subject), true, "whether the events are its own")?;
    }
    want(scan(&store, 7).await?, subjects.into_iter().collect(), "the subjects of a scan")
}

/// A document of a megabyte, and an event of a hundred kilobytes.
///
/// # Errors
///
/// [`Failure`] when it does not hold.
pub async fn a_big_document_is_kept_whole<S: Store>(store: S) -> Result<(), Failure> {
    let alice = Subject::new("alice")?;
    let document = format!("{{\"v\":\"{}\"}}", "ä".repeat(500_000));
    let body = format!("\"{}\"", "e".repeat(100_000));
    let (new, events) = (revision()?, [event(1, &body)?]);
    let commit = Commit::new(&alice, None, new, &document).with_events(&events);
    want(store.commit(commit).await?, Committed::Done, "a big commit")?;
    want(current(&store, &alice).await? == Some((new, document)), true, "whether a big document came back whole")?;
    want(bodies(&read_all(&store, Feed::All, 10).await?) == [body], true, "whether a big event came back whole")
}

/// Page by page, whatever their size; and what is created meanwhile hides nothing.
///
/// # Errors
///
/// [`Failure`] when it does not hold.
pub async fn a_scan_meets_every_document_once<S: Store>(store: S) -> Result<(), Failure> {
    want(scan(&store, 10).await?.len(), 0, "the documents of an empty store")?;
    let mut all = BTreeSet::new();
    for number in 0..450 {
        let subject = Subject::new(format!("subject {number}"))?;
        put(&store, &subject, None, 1, &[]).await?;
        all.insert(subject);
    }
    for limit in [1, 150, 200] {
        want(scan(&store, limit).await? == all, true, "whether a scan met every document")?;
    }
    want(store.scan(None, 0).await?.items().len(), 1, "the documents of a page of size 0")?;
    let count = store.count().await?;
    want((225..=900).contains(&count), true, "whether the estimate of 450 documents is one of 225 to 900")?;
    let first = store.scan(None, usize::MAX).await?;
    want(first.items().len(), 200, "the documents of a page without a limit")?;
    put(&store, &Subject::new("a newcomer")?, None, 1, &[]).await?;
    let mut met: BTreeSet<_> = first.items().iter().map(|stored| stored.subject().clone()).collect();
    met.extend(scan_from(&store, first.next().cloned(), 100).await?);
    want(all.is_subset(&met), true, "whether a scan met every document while one was created")
}

async fn scan<S: Store>(store: &S, limit: usize) -> Result<BTreeSet<Subject>, Failure> {
    let met = scan_from(store, None, limit).await?;
    let distinct: BTreeSet<_> = met.iter().cloned().collect();
    want(distinct.len(), met.len(), "the number of distinct documents in a scan")?;
    Ok(distinct)
}

async fn scan_from<S: Store>(store: &S, mut after: Option<ScanCursor>, limit: usize) -> Result<Vec<Subject>, Failure> {
    let mut met = Vec::new();
    loop {
        let page = store.scan(after.as_ref(), limit).await?;
        met.extend(page.items().iter().map(|stored| stored.subject().clone()));
        if met.len() > 10_000 {
            return Err(Failure::new("a scan does not end"));
        }
        match page.next() {
            Some(next) => after = Some(next.to_string().parse()?),
            None => return Ok(met),
        }
    }
}
