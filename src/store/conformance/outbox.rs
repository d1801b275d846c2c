//! Events are neither lost, nor doubled, nor skipped, nor put into another order.

use super::{Failure, bodies, put, read_all, want};
use crate::clock::Timestamp;
use crate::id::Subject;
use crate::store::{Commit, Committed, EventCursor, Feed, NewEvent, Store};

super::properties! {
    an_event_is_read_back_as_it_was_written,
    events_keep_the_order_of_their_commits,
    a_page_goes_on_where_the_last_one_ended,
    a_cursor_of_the_whole_outbox_serves_one_subject,
    old_events_are_pruned_and_nothing_else,
    a_reader_behind_pruned_events_misses_none,
    what_revokes_has_a_feed_of_its_own,
}

/// Id, time, subject and text, quotes and all.
///
/// # Errors
///
/// [`Failure`] when it does not hold.
pub async fn an_event_is_read_back_as_it_was_written<S: Store>(store: S) -> Result<(), Failure> {
    let acme = Subject::with_tenant("acme", "alice")?;
    let body = "{\"kind\":\"locked\",\"note\":\"\u{1F512} \\\"'%\\u0000\\n\"}";
    let written = super::event(1_790_000_000, body)?;
    let events = [written.clone()];
    let commit = Commit::new(&acme, None, super::revision()?, "{}").with_events(&events);
    want(store.commit(commit).await?, Committed::Done, "a creation with an event")?;
    let read = read_all(&store, Feed::All, 10).await?;
    let [event] = read.as_slice() else { return Err(Failure::new("one event was written, another number read")) };
    want(event.id(), written.id(), "the id of the event")?;
    want(event.at(), written.at(), "the time of the event")?;
    want(event.body(), body, "the text of the event")?;
    want(event.subject(), &acme, "the subject of the event")
}

/// Within a commit and from commit to commit, even where their times go back.
///
/// # Errors
///
/// [`Failure`] when it does not hold.
pub async fn events_keep_the_order_of_their_commits<S: Store>(store: S) -> Result<(), Failure> {
    let (alice, bob) = (Subject::new("alice")?, Subject::new("bob")?);
    let many: Vec<String> = (0..40).map(|number| format!("{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let first = put(&store, &alice, None, 100, &many).await?;
    put(&store, &bob, None, 50, &["b"]).await?;
    put(&store, &alice, Some(&first), 10, &["z", "y", "x"]).await?;
    let of_alice = [many.as_slice(), &["z", "y", "x"]].concat();
    for limit in [1, 3, 7, 200] {
        let read = read_all(&store, Feed::Subject(&alice), limit).await?;
        want(bodies(&read), of_alice.clone(), "the events of one subject")?;
        let read = read_all(&store, Feed::All, limit).await?;
        want(read.len(), of_alice.len().saturating_add(1), "the number of all events")?;
        let own: Vec<_> = read.into_iter().filter(|event| *event.subject() == alice).collect();
        want(bodies(&own), of_alice.clone(), "the events of one subject in the whole outbox")?;
    }
    Ok(())
}

/// At every event, through the text of its cursor, and after the end was reached.
///
/// # Errors
///
/// [`Failure`] when it does not hold.
pub async fn a_page_goes_on_where_the_last_one_ended<S: Store>(store: S) -> Result<(), Failure> {
    let alice = Subject::new("alice")?;
    let revision = put(&store, &alice, None, 1, &["a", "b", "c"]).await?;
    for feed in [Feed::All, Feed::Subject(&alice)] {
        let page = store.events(feed, None, 200).await?;
        want(page.next().is_none(), true, "whether the last page says that it is the last")?;
        for (seen, event) in (1..).zip(page.items()) {
            let cursor: EventCursor = event.cursor().as_str().parse()?;
            let rest = store.events(feed, Some(&cursor), 200).await?;
            let wanted = bodies(page.items()).split_off(seen);
            want(bodies(rest.items()), wanted, "the events behind a cursor")?;
        }
    }
    let last = store.events(Feed::All, None, 200).await?.items().last().map(|event| event.cursor().clone());
    put(&store, &alice, Some(&revision), 1, &["d"]).await?;
    let news = store.events(Feed::All, last.as_ref(), 200).await?;
    want(bodies(news.items()), vec!["d"], "the events behind what was the end")?;
    want(store.events(Feed::All, None, 0).await?.items().len(), 1, "the events of a page of size 0")
}

/// `cursor()` stands right behind its event in both feeds.
///
/// # Errors
///
/// [`Failure`] when it does not hold.
pub async fn a_cursor_of_the_whole_outbox_serves_one_subject<S: Store>(store: S) -> Result<(), Failure> {
    let (alice, bob) = (Subject::new("alice")?, Subject::new("bob")?);
    let first = put(&store, &alice, None, 1, &["a1"]).await?;
    put(&store, &bob, None, 1, &["b1"]).await?;
    put(&store, &alice, Some(&first), 1, &["a2"]).await?;
    let all = read_all(&store, Feed::All, 200).await?;
    let a1 = all.iter().find(|event| event.body() == "a1").ok_or_else(|| Failure::new("an event is gone"))?;
    let rest = store.events(Feed::Subject(&alice), Some(a1.cursor()), 200).await?;
    want(bodies(rest.items()), vec!["a2"], "the subject's events behind a cursor of the whole outbox")
}

/// By the time of the event, the bound itself kept; documents and later events stay.
///
/// # Errors
///
/// [`Failure`] when it does not hold.
pub async fn old_events_are_pruned_and_nothing_else<S: Store>(store: S) -> Result<(), Failure> {
    let alice = Subject::new("alice")?;
    let first = put(&store, &alice, None, 100, &["late"]).await?;
    let second = put(&store, &alice, Some(&first), 10, &["early", "early too"]).await?;
    let third = put(&store, &alice, Some(&second), 50, &["bound"]).await?;
    want(store.prune(Timestamp::from_secs(10)).await?, 0, "the number of events before the first")?;
    want(store.prune(Timestamp::from_secs(50)).await?, 2, "the number of events pruned")?;
    want(store.prune(Timestamp::from_secs(50)).await?, 0, "the number of events pruned again")?;
    for feed in [Feed::All, Feed::Subject(&alice)] {
        want(bodies(&read_all(&store, feed, 1).await?), vec!["late", "bound"], "the events that stay")?;
    }
    want(super::current(&store, &alice).await?, Some((third, "{}".to_owned())), "the document after pruning")
}

/// Even when the newest event is gone: its place is not given again.
///
/// # Errors
///
/// [`Failure`] when it does not hold.
pub async fn a_reader_behind_pruned_events_misses_none<S: Store>(store: S) -> Result<(), Failure> {
    let alice = Subject::new("alice")?;
    let events: Vec<NewEvent> = ["a", "b"].into_iter().map(|body| super::event(1, body)).collect::<Result<_, _>>()?;
    let first = super::revision()?;
    let create = Commit::new(&alice, None, first, "{}").with_events(&events);
    want(store.commit(create).await?, Committed::Done, "a creation with events")?;
    let read = read_all(&store, Feed::All, 200).await?;
    want(store.prune(Timestamp::from_secs(2)).await?, 2, "the number of events pruned")?;
    put(&store, &alice, Some(&first), 3, &["c"]).await?;
    for old in &read {
        for feed in [Feed::All, Feed::Subject(&alice)] {
            let news = store.events(feed, Some(old.cursor()), 200).await?;
            want(bodies(news.items()), vec!["c"], "the events behind a pruned one")?;
        }
    }
    Ok(())
}

/// Only what revokes, in order, with what it says; under cursors that are good in every feed; and pruned like all.
///
/// # Errors
///
/// [`Failure`] when it does not hold.
pub async fn what_revokes_has_a_feed_of_its_own<S: Store>(store: S) -> Result<(), Failure> {
    let (alice, bob) = (Subject::new("alice")?, Subject::new("bob")?);
    let said = "[\"a session\", \"'%\\u0000\"]";
    let events = [super::event(1, "a")?, super::event(1, "b")?.revoking(said), super::event(1, "c")?];
    let first = super::revision()?;
    let create = Commit::new(&alice, None, first, "{}").with_events(&events);
    want(store.commit(create).await?, Committed::Done, "a creation with events")?;
    put(&store, &bob, None, 1, &["d"]).await?;
    let late = [super::event(5, "e")?.revoking("{}")];
    let commit = Commit::new(&alice, Some(&first), super::revision()?, "{}").with_events(&late);
    want(store.commit(commit).await?, Committed::Done, "a commit with an event that revokes")?;
    for limit in [1, 200] {
        let read = read_all(&store, Feed::Revocations, limit).await?;
        want(bodies(&read), vec!["b", "e"], "the events that revoke")?;
        let what: Vec<_> = read.iter().map(|event| event.revokes()).collect();
        want(what, vec![Some(said), Some("{}")], "what they revoke")?;
    }
    let all = read_all(&store, Feed::All, 200).await?;
    for (number, event) in (0..).zip(&all) {
        let rest = store.events(Feed::Revocations, Some(event.cursor()), 200).await?;
        let wanted = all.iter().skip(number).skip(1).filter(|event| event.revokes().is_some());
        want(bodies(rest.items()), bodies(&wanted.cloned().collect::<Vec<_>>()), "what revokes behind a cursor")?;
    }
    store.prune(Timestamp::from_secs(2)).await?;
    want(bodies(&read_all(&store, Feed::Revocations, 200).await?), vec!["e"], "the events that revoke and stay")
}
