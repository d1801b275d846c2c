//! A reader's position moves by compare-and-swap.

use super::{Failure, put, want};
use crate::clock::Timestamp;
use crate::id::Subject;
use crate::store::{EventCursor, Feed, Lease, SinkState, Store};

super::properties! {
    a_position_is_read_back_as_it_was_moved,
    a_position_that_was_moved_is_not_moved_again,
    sinks_do_not_share_a_position,
}

fn lease(holder: &str, until: u64) -> Lease {
    Lease::new(holder, Timestamp::from_secs(until))
}

async fn first_cursor<S: Store>(store: &S) -> Result<EventCursor, Failure> {
    put(store, &Subject::new("alice")?, None, 1, &["first"]).await?;
    let page = store.events(Feed::All, None, 1).await?;
    page.items().first().map(|event| event.cursor().clone()).ok_or_else(|| Failure::new("the event is gone"))
}

/// With and without position, with and without lease.
///
/// # Errors
///
/// [`Failure`] when it does not hold.
pub async fn a_position_is_read_back_as_it_was_moved<S: Store>(store: S) -> Result<(), Failure> {
    let cursor = first_cursor(&store).await?;
    want(store.sink("audit").await?, None, "the state of a sink that never read")?;
    let mut expected = None;
    for state in [
        SinkState::new(None, None),
        SinkState::new(None, Some(lease("worker 1", 60))),
        SinkState::new(Some(cursor.clone()), Some(lease("worker ‘2’", 90))),
        SinkState::new(Some(cursor), None),
    ] {
        want(store.advance("audit", expected.as_ref(), &state).await?, true, "whether a sink moved")?;
        want(store.sink("audit").await?.as_ref(), Some(&state), "the state of a sink")?;
        expected = Some(state);
    }
    Ok(())
}

/// Any difference counts: position, holder, end of the lease, or that there is no state yet.
///
/// # Errors
///
/// [`Failure`] when it does not hold.
pub async fn a_position_that_was_moved_is_not_moved_again<S: Store>(store: S) -> Result<(), Failure> {
    let cursor = first_cursor(&store).await?;
    let state = SinkState::new(Some(cursor.clone()), Some(lease("worker 1", 60)));
    let stolen = SinkState::new(None, Some(lease("thief", 99)));
    want(store.advance("audit", Some(&state), &stolen).await?, false, "whether a sink without a state moved")?;
    want(store.sink("audit").await?, None, "the state of a sink that never moved")?;
    want(store.advance("audit", None, &state).await?, true, "whether a new sink moved")?;
    let others = [
        None,
        Some(SinkState::new(None, Some(lease("worker 1", 60)))),
        Some(SinkState::new(Some(cursor.clone()), None)),
        Some(SinkState::new(Some(cursor.clone()), Some(lease("worker 2", 60)))),
        Some(SinkState::new(Some(cursor), Some(lease("worker 1", 61)))),
    ];
    for other in &others {
        let moved = store.advance("audit", other.as_ref(), &stolen).await?;
        want(moved, false, "whether a sink moved from a state it is not in")?;
    }
    want(store.sink("audit").await?, Some(state), "the state of the sink")
}

/// Names are compared byte by byte.
///
/// # Errors
///
/// [`Failure`] when it does not hold.
pub async fn sinks_do_not_share_a_position<S: Store>(store: S) -> Result<(), Failure> {
    for (number, name) in (1_u64..).zip(["audit", "Audit", "audit ", "àudit", "webhook:https://example.com/?a=b"]) {
        let state = SinkState::new(None, Some(lease(name, number)));
        want(store.advance(name, None, &state).await?, true, "whether a new sink moved")?;
        want(store.sink(name).await?, Some(state), "the state of a sink")?;
    }
    Ok(())
}
