//! Values to columns and back. What does not read back as what it was is [`StoreError::corrupt`].

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::failure;
use crate::clock::Timestamp;
use crate::id::Subject;
use crate::store::{EventCursor, Lease, Revision, SinkState, StoreError, Stored, StoredEvent};

/// From columns `revision`, `document`.
pub(super) fn document(subject: Subject, row: &SqliteRow) -> Result<Stored, StoreError> {
    let revision: Vec<u8> = row.try_get(0).map_err(failure::of_read)?;
    let document: String = row.try_get(1).map_err(failure::of_read)?;
    let revision = revision.try_into().map_err(|_| StoreError::corrupt("a revision that is not 16 bytes long"))?;
    Ok(Stored::new(subject, Revision::from_bytes(revision), document))
}

pub(super) fn subject(row: &SqliteRow, column: usize) -> Result<Subject, StoreError> {
    let key: String = row.try_get(column).map_err(failure::of_read)?;
    Subject::from_storage_key(&key).map_err(StoreError::corrupt)
}

/// From columns `number`, `subject`, `id`, `at`, `body`, `revokes`.
pub(super) fn event(row: &SqliteRow) -> Result<StoredEvent, StoreError> {
    let cursor = EventCursor::new(number(row)?.to_string()).map_err(StoreError::corrupt)?;
    let id: String = row.try_get(2).map_err(failure::of_read)?;
    let id = id.parse().map_err(StoreError::corrupt)?;
    let at = timestamp(row.try_get(3).map_err(failure::of_read)?)?;
    let body: String = row.try_get(4).map_err(failure::of_read)?;
    let revokes: Option<String> = row.try_get(5).map_err(failure::of_read)?;
    Ok(StoredEvent::new(cursor, subject(row, 1)?, id, at, body).revoking(revokes.map(Into::into)))
}

/// From columns `position`, `holder`, `until`.
pub(super) fn sink(row: &SqliteRow) -> Result<SinkState, StoreError> {
    let position: Option<String> = row.try_get(0).map_err(failure::of_read)?;
    let holder: Option<String> = row.try_get(1).map_err(failure::of_read)?;
    let until: Option<i64> = row.try_get(2).map_err(failure::of_read)?;
    let position = position.map(EventCursor::new).transpose().map_err(StoreError::corrupt)?;
    let lease = match (holder, until) {
        (Some(holder), Some(until)) => Some(Lease::new(holder, timestamp(until)?)),
        (None, None) => None,
        _ => return Err(StoreError::corrupt("half a lease")),
    };
    Ok(SinkState::new(position, lease))
}

/// To columns `position`, `holder`, `until`.
pub(super) fn sink_columns(state: &SinkState) -> (Option<String>, Option<String>, Option<i64>) {
    let position = state.position().map(ToString::to_string);
    let holder = state.lease().map(|lease| lease.holder().to_owned());
    (position, holder, state.lease().map(|lease| seconds(lease.until())))
}

pub(super) fn number(row: &SqliteRow) -> Result<i64, StoreError> {
    row.try_get(0).map_err(failure::of_read)
}

/// SQLite's integers have a sign; the last second it knows is far enough.
pub(super) fn seconds(at: Timestamp) -> i64 {
    i64::try_from(at.as_secs()).unwrap_or(i64::MAX)
}

fn timestamp(seconds: i64) -> Result<Timestamp, StoreError> {
    u64::try_from(seconds).map(Timestamp::from_secs).map_err(StoreError::corrupt)
}

pub(super) fn read_event_cursor(cursor: &EventCursor) -> Result<i64, StoreError> {
    cursor.as_str().parse().map_err(StoreError::cursor)
}
