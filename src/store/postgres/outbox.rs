//! The outbox, read so that no event is skipped.
//!
//! Every commit with events draws one number from a sequence. Numbers are drawn before the commit, so a reader may meet
//! number 8 while the transaction that drew 7 still runs, and if it went on behind 8, it would never see 7. Waiting for
//! all transactions that are older than 8 (`pg_snapshot_xmin`) is safe and stalls with any transaction of the host's
//! that stays open. So a commit tells its place first: before it draws, it takes an advisory lock, shared and until the
//! end of the transaction, whose key is this outbox and the last number drawn so far. A reader asks in this order:
//!
//! 1. *h*, the last number drawn;
//! 2. *b*, the least place held by a lock;
//! 3. in a later statement, and so in a later snapshot, the events up to *min(h, b)*.
//!
//! **Nothing up to there is still to come.** Let a commit have drawn *n* and its events not be seen in step 3. Numbers
//! grow, so its place *p* is less than *n*. If it drew after step 1, then *n > h*. If it drew before, it held its lock
//! before step 2. Either it still held it in step 2: then *b ≤ p < n*. Or it had ended by then: locks are released
//! after the end of a transaction is seen by new snapshots, so that step 3 does see its events, or it was undone and
//! there are none. In each case *n* is beyond *min(h, b)*. ∎
//!
//! Only commits of this store are waited for, each from when it has its row and its claims to its end: it has one
//! statement, so the client cannot leave it open.
//!
//! The key has 32 bits for the place. A place is told from *h* by the difference, with its sign, so the numbers may
//! have any size as long as no commit runs while two thousand million others do.
//!
//! A subject's own events need no bound: its commits wait for each other on the row of its document, so their numbers
//! grow in the order in which they are seen. For the other feed its cursors carry the bound along, where the event is
//! beyond: who goes on there with such a cursor meets some events again, and skips none.
//!
//! **Whoever reads what was revoked must know that it has read all of it**: an empty page below the bound says nothing
//! of a revocation beyond, which was answered while an earlier number still waits for its end. So such a reader waits
//! until the bound reaches the last number that was drawn when it asked, and not for any later one: under load there is
//! always a commit between its number and its end. Where the bound does not get there, it is told what there is up to
//! the bound and that it is not all; and where there is nothing, that the store cannot be read.

use std::time::Duration;

use sqlx::postgres::PgRow;
use tokio::time::{Instant, sleep};

use super::connections::Connections;
use super::rows;
use super::statement::Value;
use crate::store::{EventCursor, Feed, Page, StoreError, StoredEvent, page_size};

/// For how long a reader of what was revoked waits for commits that are under way.
const WAIT: Duration = Duration::from_secs(2);
/// How soon it asks again; twice as late each time, up to the other.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LAST_PAUSE: Duration = Duration::from_millis(200);

/// Steps 1 and 2, and the last number drawn. The subquery with the locks refers to `drawn`, so it is asked behind it.
const BOUND: &str = "
SELECT least(drawn.number, (
           SELECT min(drawn.number - CASE WHEN behind < 2147483648 THEN behind ELSE behind - 4294967296 END)
           FROM (SELECT (drawn.number - objid::bigint) & 4294967295 AS behind
                 FROM pg_locks
                 WHERE locktype = 'advisory' AND objsubid = 1 AND mode = 'ShareLock'
                   AND classid = '{event}'::regclass::oid
                   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) AS held)),
       drawn.number
FROM (SELECT last_value - (NOT is_called)::int AS number FROM {event_number} OFFSET 0) AS drawn";

const ALL: &str = "
SELECT number, part, subject, id, at, body, revokes FROM {event}
WHERE (number, part) > ($1::bigint, $2::bigint) AND number <= $3::bigint
ORDER BY number, part LIMIT $4::bigint";

const REVOCATIONS: &str = "
SELECT number, part, subject, id, at, body, revokes FROM {event}
WHERE revokes IS NOT NULL AND (number, part) > ($1::bigint, $2::bigint) AND number <= $3::bigint
ORDER BY number, part LIMIT $4::bigint";

const OF_SUBJECT: &str = "
SELECT number, part, subject, id, at, body, revokes FROM {event}
WHERE subject = $3::text AND (number, part) > ($1::bigint, $2::bigint)
ORDER BY number, part LIMIT $4::bigint";

/// Reads a page in the three steps.
pub(super) async fn page(
    connections: &Connections,
    of: Feed<'_>,
    after: Option<&EventCursor>,
    limit: usize,
) -> Result<Page<StoredEvent, EventCursor>, StoreError> {
    let after = after.map(Place::of).transpose()?.unwrap_or(Place::START);
    let bound = Bound::ask(connections).await?;
    if after.number > bound.drawn {
        return Err(StoreError::cursor("beyond the last event: of another database, or of one that has lost some"));
    }
    let bound = if matches!(of, Feed::Revocations) { bound.reach_drawn(connections).await? } else { bound };
    let key = match of {
        Feed::Subject(subject) => subject.storage_key(),
        Feed::All | Feed::Revocations => String::new(),
    };
    let (query, values) = read(of, &key, after, bound.number, one_more(limit));
    let found = connections.read(query, &values).await?;
    let wanted = found.iter().take(page_size(limit));
    let items = wanted.map(|row| event(row, bound.number)).collect::<Result<Vec<_>, _>>()?;
    let ends_early = matches!(of, Feed::Revocations) && bound.number < bound.drawn;
    if ends_early && items.is_empty() {
        return Err(StoreError::unavailable(
            "a commit is under way, and what was revoked behind it cannot be told yet",
        ));
    }
    let next = items.last().filter(|_| ends_early || found.len() > items.len()).map(|last| last.cursor().clone());
    Ok(Page::new(items, next))
}

/// Up to where the outbox can be read.
#[derive(Debug, Clone, Copy)]
struct Bound {
    number: i64,
    /// The last number drawn by then.
    drawn: i64,
}

impl Bound {
    async fn ask(connections: &Connections) -> Result<Self, StoreError> {
        let found = connections.read(BOUND, &[]).await?;
        let row = found.first().ok_or_else(|| StoreError::unavailable("no answer"))?;
        Ok(Self { number: rows::number(row, 1)?, drawn: rows::number(row, 2)? })
    }

    /// Waits until all that were drawn have ended, and no longer than [`WAIT`].
    async fn reach_drawn(self, connections: &Connections) -> Result<Self, StoreError> {
        let (Self { mut number, drawn }, begun, mut pause) = (self, Instant::now(), FIRST_PAUSE);
        while number < drawn && begun.elapsed() < WAIT {
            sleep(pause).await;
            pause = pause.saturating_mul(2).min(LAST_PAUSE);
            number = Self::ask(connections).await?.number;
        }
        Ok(Self { number, drawn })
    }
}

/// One row more than a page holds tells whether another page follows.
pub(super) fn one_more(limit: usize) -> i64 {
    i64::try_from(page_size(limit)).unwrap_or(i64::MAX).saturating_add(1)
}

/// Step 3: the statement and its values.
fn read<'a>(of: Feed<'_>, key: &'a str, after: Place, bound: i64, limit: i64) -> (&'static str, [Value<'a>; 4]) {
    let limit = Value::Number(Some(limit));
    match of {
        Feed::All | Feed::Revocations => {
            let query = if matches!(of, Feed::All) { ALL } else { REVOCATIONS };
            let (number, part) = after.in_whole_outbox();
            let bound = Value::Number(Some(bound));
            (query, [Value::Number(Some(number)), Value::Number(Some(part)), bound, limit])
        }
        Feed::Subject(_) => {
            let (number, part) = (Value::Number(Some(after.number)), Value::Number(Some(after.part)));
            (OF_SUBJECT, [number, part, Value::Text(Some(key)), limit])
        }
    }
}

/// From columns `number`, `part`, `subject`, `id`, `at`, `body`, `revokes`, which begin at 1.
fn event(row: &PgRow, bound: i64) -> Result<StoredEvent, StoreError> {
    let (number, part) = (rows::number(row, 1)?, rows::number(row, 2)?);
    let cursor = Place { number, part, bound: Some(bound).filter(|bound| *bound < number) }.cursor()?;
    let id = rows::text(row, 4)?.parse().map_err(StoreError::corrupt)?;
    let at = rows::timestamp(rows::number(row, 5)?)?;
    let event = StoredEvent::new(cursor, rows::subject(row, 3)?, id, at, rows::text(row, 6)?);
    Ok(event.revoking(rows::optional_text(row, 7)?.map(Into::into)))
}

/// Where a cursor stands: behind a commit's event. As text `number.part`, or `number.part~bound`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    number: i64,
    part: i64,
    /// Up to where the whole outbox could be read, if that was not up to here.
    bound: Option<i64>,
}

impl Place {
    const START: Self = Self { number: i64::MIN, part: 0, bound: None };

    fn in_whole_outbox(self) -> (i64, i64) {
        self.bound.map_or((self.number, self.part), |bound| (bound, i64::MAX))
    }

    fn cursor(self) -> Result<EventCursor, StoreError> {
        let Self { number, part, bound } = self;
        let text = match bound {
            Some(bound) => format!("{number}.{part}~{bound}"),
            None => format!("{number}.{part}"),
        };
        EventCursor::new(text).map_err(StoreError::corrupt)
    }

    fn of(cursor: &EventCursor) -> Result<Self, StoreError> {
        let (place, bound) = cursor.as_str().split_once('~').map_or((cursor.as_str(), None), |(at, b)| (at, Some(b)));
        let (number, part) = place.split_once('.').ok_or_else(|| StoreError::cursor("no number.part"))?;
        let parse = |text: &str| text.parse::<i64>().map_err(StoreError::cursor);
        Ok(Self { number: parse(number)?, part: parse(part)?, bound: bound.map(parse).transpose()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_as_it_was_written() {
        for (place, text) in [
            (Place { number: 17, part: 2, bound: None }, "17.2"),
            (Place { number: 17, part: 2, bound: Some(15) }, "17.2~15"),
            (Place { number: 1, part: 1, bound: Some(-1) }, "1.1~-1"),
        ] {
            let cursor = place.cursor().expect("a cursor");
            assert_eq!(cursor.as_str(), text);
            assert_eq!(Place::of(&cursor).expect("a place"), place);
        }
        for text in ["17", "x.1", "1.x", "1.1~", "1.1~x", "1.1.1", ".", "99999999999999999999.1"] {
            assert!(Place::of(&text.parse().expect("a cursor")).is_err(), "{text}");
        }
    }

    #[test]
    fn a_place_beyond_the_bound_goes_on_behind_the_bound_in_the_whole_outbox() {
        assert_eq!(Place { number: 9, part: 2, bound: None }.in_whole_outbox(), (9, 2));
        assert_eq!(Place { number: 9, part: 2, bound: Some(5) }.in_whole_outbox(), (5, i64::MAX));
    }
}
