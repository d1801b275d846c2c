//! Columns to values. What does not read back as what it was is [`StoreError::corrupt`].

use sqlx::postgres::{PgRow, Postgres};
use sqlx::{Decode, Row as _, Type, ValueRef as _};

use super::failure;
use crate::clock::Timestamp;
use crate::id::Subject;
use crate::store::{EventCursor, Lease, Revision, SinkState, StoreError, Stored};

fn column<'r, T: Decode<'r, Postgres> + Type<Postgres>>(row: &'r PgRow, column: usize) -> Result<T, StoreError> {
    row.try_get(column).map_err(failure::of_read)
}

pub(super) fn text(row: &PgRow, at: usize) -> Result<String, StoreError> {
    column(row, at)
}

pub(super) fn optional_text(row: &PgRow, at: usize) -> Result<Option<String>, StoreError> {
    column(row, at)
}

pub(super) fn number(row: &PgRow, at: usize) -> Result<i64, StoreError> {
    column(row, at)
}

pub(super) fn optional_number(row: &PgRow, at: usize) -> Result<Option<i64>, StoreError> {
    column(row, at)
}

pub(super) fn truth(row: &PgRow, at: usize) -> Result<bool, StoreError> {
    column(row, at)
}

pub(super) fn is_null(row: &PgRow, at: usize) -> Result<bool, StoreError> {
    row.try_get_raw(at).map(|value| value.is_null()).map_err(failure::of_read)
}

/// From columns `revision` and `document`, which begin at `at`.
pub(super) fn document(subject: Subject, row: &PgRow, at: usize) -> Result<Stored, StoreError> {
    let revision = text(row, at)?;
    Ok(Stored::new(subject, read_revision(&revision)?, text(row, at.saturating_add(1))?))
}

pub(super) fn subject(row: &PgRow, at: usize) -> Result<Subject, StoreError> {
    Subject::from_storage_key(&text(row, at)?).map_err(StoreError::corrupt)
}

/// From columns `position`, `holder`, `until`, which begin at 2.
pub(super) fn sink(row: &PgRow) -> Result<SinkState, StoreError> {
    let position = optional_text(row, 2)?.map(EventCursor::new).transpose().map_err(StoreError::corrupt)?;
    let lease = match (optional_text(row, 3)?, optional_number(row, 4)?) {
        (Some(holder), Some(until)) => Some(Lease::new(holder, timestamp(until)?)),
        (None, None) => None,
        _ => return Err(StoreError::corrupt("half a lease")),
    };
    Ok(SinkState::new(position, lease))
}

/// PostgreSQL's integers have a sign; the last second it knows is far enough.
pub(super) fn seconds(at: Timestamp) -> i64 {
    i64::try_from(at.as_secs()).unwrap_or(i64::MAX)
}

pub(super) fn timestamp(seconds: i64) -> Result<Timestamp, StoreError> {
    u64::try_from(seconds).map(Timestamp::from_secs).map_err(StoreError::corrupt)
}

/// As a UUID, which is how PostgreSQL keeps 128 bits.
pub(super) fn revision(revision: &Revision) -> String {
    format!("{:032x}", u128::from_be_bytes(*revision.as_bytes()))
}

fn read_revision(text: &str) -> Result<Revision, StoreError> {
    let hex: String = text.chars().filter(|c| *c != '-').collect();
    let bits = u128::from_str_radix(&hex, 16).map_err(StoreError::corrupt)?;
    Ok(Revision::from_bytes(bits.to_be_bytes()))
}
