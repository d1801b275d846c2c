//! Of many who write at once, exactly one wins, and nobody sees half of it.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use super::{Failure, bodies, current, event, put, race, read_all, revision, want};
use crate::clock::Timestamp;
use crate::id::Subject;
use crate::store::{Claim, Commit, Committed, EventCursor, Feed, Lease, SinkState, Store, UserHandle};

super::properties! {
    one_commit_of_a_race_wins,
    one_creation_of_a_race_wins,
    one_subject_wins_a_claim,
    one_reader_wins_a_lease,
    commits_that_are_tried_again_all_count,
    commits_to_different_subjects_do_not_lose_each_other,
    a_reader_of_the_outbox_misses_nothing_while_others_write,
    a_document_is_never_seen_before_its_events,
    a_dropped_commit_happened_whole_or_not_at_all,
}

/// How many run at once.
const RACERS: usize = 64;

/// Holds the winners of a race to one.
fn one_winner(outcomes: &[Committed], losers: Committed) -> Result<(), Failure> {
    let won = outcomes.iter().filter(|outcome| **outcome == Committed::Done).count();
    want(won, 1, "the number of commits that were done")?;
    let lost = outcomes.iter().filter(|outcome| **outcome == losers).count();
    want(lost, RACERS.saturating_sub(1), "the number of commits that were refused for the right reason")
}

/// 64 commits on one revision: one is done, its document and its event are there, no others.
///
/// # Errors
///
/// [`Failure`] when it does not hold.
pub async fn one_commit_of_a_race_wins<S: Store>(store: S) -> Result<(), Failure> {
    let (store, alice) = (Arc::new(store), Subject::new("alice")?);
    let mut expected = Some(put(&*store, &alice, None, 1, &[]).await?);
    // Several rounds: a window of a microsecond is not hit in one.
    for round in 1..=8_usize {
        expected = race_on(&store, &alice, expected).await?;
        want(read_all(&*store, Feed::All, 200).await?.len(), round, "the number of events, one for each round")?;
    }
    Ok(())
}

/// 64 creations of one document: one is done.
///
/// # Errors
///
/// [`Failure`] when it does not hold.
pub async fn one_creation_of_a_race_wins<S: Store>(store: S) -> Result<(), Failure> {
    let store = Arc::new(store);
    for round in 1..=8_usize {
        let subject = Subject::new(format!("subject {round}"))?;
        race_on(&store, &subject, None).await?;
        want(read_all(&*store, Feed::All, 200).await?.len(), round, "the number of events, one for each round")?;
    }
    Ok(())
}

/// Lets 64 tasks commit on `expected`, and returns the revision of the one that won.
async fn race_on<S: Store>(
    store: &Arc<S>,
    subject: &Subject,
    expected: Option<crate::store::Revision>,
) -> Result<Option<crate::store::Revision>, Failure> {
    let ended = race(RACERS, |number| {
        let (store, subject) = (Arc::clone(store), subject.clone());
        async move {
            let (new, text) = (revision()?, number.to_string());
            let events = [event(1, &text)?];
            let commit = Commit::new(&subject, expected.as_ref(), new, &text).with_events(&events);
            Ok((store.commit(commit).await?, new, text))
        }
    })
    .await?;
    one_winner(&ended.iter().map(|(outcome, ..)| *outcome).collect::<Vec<_>>(), Committed::Conflict)?;
    let winner = ended.into_iter().find(|(outcome, ..)| *outcome == Committed::Done);
    let winner = winner.map(|(_, new, text)| (new, text));
    want(&current(&**store, subject).await?, &winner, "the document of the winner")?;
    let events = read_all(&**store, Feed::Subject(subject), 200).await?;
    let last = events.last().map(|event| event.body().to_owned());
    want(last, winner.as_ref().map(|(_, text)| text.clone()), "the event of the winner")?;
    Ok(winner.map(|(new, _)| new))
}

/// 64 subjects claim one credential id: one has it, the others have no document.
///
/// # Errors
///
/// [`Failure`] when it does not hold.
pub async fn one_subject_wins_a_claim<S: Store>(store: S) -> Result<(), Failure> {
    let store = Arc::new(store);
    let handle = UserHandle::new(*b"one handle")?;
    let claims = [Claim::credential_id(*b"one credential"), Claim::user_handle(&handle)];
    let ended = race(RACERS, |number| {
        let (store, claims) = (Arc::clone(&store), claims.clone());
        async move {
            let subject = Subject::new(format!("subject {number}"))?;
            let commit = Commit::new(&subject, None, revision()?, "{}").with_claims(&claims);
            Ok((store.commit(commit).await?, subject))
        }
    })
    .await?;
    one_winner(&ended.iter().map(|(outcome, _)| *outcome).collect::<Vec<_>>(), Committed::Claimed)?;
    let owner = store.subject_of(&handle).await?;
    for (outcome, subject) in &ended {
        let won = *outcome == Committed::Done;
        want(owner.as_ref() == Some(subject), won, "whether the winner owns the handle")?;
        want(current(&*store, subject).await?.is_some(), won, "whether the winner alone has a document")?;
    }
    Ok(())
}

/// 64 readers of the outbox take one lease: one has it, be it the first or a later one.
///
/// # Errors
///
/// [`Failure`] when it does not hold.
pub async fn one_reader_wins_a_lease<S: Store>(store: S) -> Result<(), Failure> {
    let store = Arc::new(store);
    for _ in 0..8 {
        let before = store.sink("audit").await?;
        let ended = race(RACERS, |_| {
            let (store, before) = (Arc::clone(&store), before.clone());
            async move {
                let lease = Lease::new(revision()?.to_string(), Timestamp::from_secs(60));
                let mine = SinkState::new(None, Some(lease));
                Ok((store.advance("audit", before.as_ref(), &mine).await?, mine))
            }
        })
        .await?;
        let winners: Vec<_> = ended.into_iter().filter(|(won, _)| *won).map(|(_, state)| state).collect();
        want(winners.len(), 1, "the number of readers that took the lease")?;
        want(store.sink("audit").await?.as_ref(), winners.first(), "the lease of the winner")?;
    }
    Ok(())
}

/// Counts one up in the subject's document, with one event, until it is done.
async fn count_up<S: Store>(store: &S, subject: &Subject) -> Result<(), Failure> {
    loop {
        let before = current(store, subject).await?;
        let (expected, count) = match &before {
            Some((revision, text)) => (Some(revision), text.parse::<u64>().unwrap_or(u64::MAX)),
            None => (None, 0),
        };
        let text = count.saturating_add(1).to_string();
        let events = [event(1, &text)?];
        let commit = Commit::new(subject, expected, revision()?, &text).with_events(&events);
        match store.commit(commit).await? {
            Committed::Done => return Ok(()),
            Committed::Conflict => tokio::task::yield_now().await,
            Committed::Claimed => return Err(Failure::new("a commit without claims was refused for a claim")),
        }
    }
}

/// Holds a subject's count to its events: 1, 2, 3 … up to the count.
async fn count_matches_events<S: Store>(store: &S, subject: &Subject, count: usize) -> Result<(), Failure> {
    let text = current(store, subject).await?.map(|(_, text)| text);
    want(text, (count > 0).then(|| count.to_string()), "the count")?;
    let wanted: Vec<String> = (1..=count).map(|number| number.to_string()).collect();
    let events = read_all(store, Feed::Subject(subject), 200).await?;
    want(bodies(&events), wanted.iter().map(String::as_str).collect(), "the events of the count")
}

/// 32 tasks count in one document, 4 times each: none of the 128 is lost.
///
/// # Errors
///
/// [`Failure`] when it does not hold.
pub async fn commits_that_are_tried_again_all_count<S: Store>(store: S) -> Result<(), Failure> {
    let (store, alice) = (Arc::new(store), Subject::new("alice")?);
    race(32, |_| {
        let (store, alice) = (Arc::clone(&store), alice.clone());
        async move {
            for _ in 0..4 {
                count_up(&*store, &alice).await?;
            }
            Ok(())
        }
    })
    .await?;
    count_matches_events(&*store, &alice, 128).await
}

/// 16 tasks, each with a subject of its own: every commit is done at the first try.
///
/// # Errors
///
/// [`Failure`] when it does not hold.
pub async fn commits_to_different_subjects_do_not_lose_each_other<S: Store>(store: S) -> Result<(), Failure> {
    let store = Arc::new(store);
    let subjects = race(16, |number| {
        let store = Arc::clone(&store);
        async move {
            let subject = Subject::with_tenant("acme", number.to_string())?;
            let mut revision = None;
            for count in 1..=8 {
                revision = Some(put(&*store, &subject, revision.as_ref(), 1, &[&count.to_string()]).await?);
            }
            Ok(subject)
        }
    })
    .await?;
    for subject in &subjects {
        want(read_all(&*store, Feed::Subject(subject), 3).await?.len(), 8, "the number of events of one subject")?;
    }
    want(read_all(&*store, Feed::All, 50).await?.len(), 128, "the number of all events")
}

/// A reader that goes on from its last cursor meets each of 512 events once, in the order of
/// its subject, while 16 tasks write them.
///
/// # Errors
///
/// [`Failure`] when it does not hold.
pub async fn a_reader_of_the_outbox_misses_nothing_while_others_write<S: Store>(store: S) -> Result<(), Failure> {
    let store = Arc::new(store);
    let writers = race(16, |number| {
        let store = Arc::clone(&store);
        async move {
            let subject = Subject::new(number.to_string())?;
            for _ in 0..32 {
                count_up(&*store, &subject).await?;
            }
            Ok(())
        }
    });
    let reader = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { follow(&*store, 512).await })
    };
    let written = writers.await;
    let mut met = reader.await??;
    written?;
    met.sort_unstable();
    let each = (0..16).flat_map(|subject| (1..=32).map(move |count| (subject, count)));
    let mut wanted: Vec<(String, u64)> = each.map(|(subject, count)| (subject.to_string(), count)).collect();
    wanted.sort_unstable();
    want(met == wanted, true, "whether each event was met once")
}

/// Reads the whole outbox as it grows, until `wanted` events were met or nothing new comes.
async fn follow<S: Store>(store: &S, wanted: usize) -> Result<Vec<(String, u64)>, Failure> {
    let mut met: Vec<(String, u64)> = Vec::new();
    let mut last: Option<EventCursor> = None;
    let mut idle = 0_u32;
    while met.len() < wanted {
        let page = store.events(Feed::All, last.as_ref(), 10).await?;
        if page.items().is_empty() {
            idle = idle.saturating_add(1);
            if idle > 2_000 {
                return Err(Failure::new(format!("{} events of {wanted} were met, and no more come", met.len())));
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            continue;
        }
        idle = 0;
        for event in page.items() {
            let (subject, count) = (event.subject().id().to_owned(), event.body().parse().unwrap_or(u64::MAX));
            let before = met.iter().filter(|(other, _)| *other == subject).map(|(_, count)| *count).max();
            want(count, before.unwrap_or(0).saturating_add(1), "the next event of a subject")?;
            met.push((subject, count));
            last = Some(event.cursor().clone());
        }
    }
    Ok(met)
}

/// Whoever loads the document finds the events that led to it.
///
/// # Errors
///
/// [`Failure`] when it does not hold.
pub async fn a_document_is_never_seen_before_its_events<S: Store>(store: S) -> Result<(), Failure> {
    let (store, alice) = (Arc::new(store), Subject::new("alice")?);
    race(4, |number| {
        let (store, alice) = (Arc::clone(&store), alice.clone());
        async move {
            for _ in 0..40 {
                // A store that never waits would let one task run to its end before the next begins.
                tokio::task::yield_now().await;
                if number == 0 {
                    count_up(&*store, &alice).await?;
                    continue;
                }
                let count = current(&*store, &alice).await?.map_or(0, |(_, text)| text.parse().unwrap_or(usize::MAX));
                let events = read_all(&*store, Feed::Subject(&alice), 200).await?.len();
                want(events >= count, true, "whether a document's events can be read")?;
            }
            Ok(())
        }
    })
    .await?;
    count_matches_events(&*store, &alice, 40).await
}

/// The caller goes away after the first poll; whatever became of the commit, the store goes on,
/// and its document and its events agree.
///
/// # Errors
///
/// [`Failure`] when it does not hold.
pub async fn a_dropped_commit_happened_whole_or_not_at_all<S: Store>(store: S) -> Result<(), Failure> {
    let alice = Subject::new("alice")?;
    for polls in 0..48_u32 {
        let mut left = polls % 6;
        let mut counting = pin!(count_up(&store, &alice));
        poll_fn(|context| match counting.as_mut().poll(context) {
            Poll::Pending if left > 0 => {
                left = left.saturating_sub(1);
                Poll::Pending
            }
            _ => Poll::Ready(()),
        })
        .await;
    }
    count_up(&store, &alice).await?;
    let count = current(&store, &alice).await?.and_then(|(_, text)| text.parse().ok()).unwrap_or(0);
    count_matches_events(&store, &alice, count).await
}
