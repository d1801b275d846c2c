//! What an error of SQLite means for the caller.

use crate::store::{Committed, StoreError};

/// SQLite's primary result codes, as far as they are told apart (<https://www.sqlite.org/rescode.html>).
const ERROR: u8 = 1;
const PERM: u8 = 3;
const BUSY: u8 = 5;
const LOCKED: u8 = 6;
const READONLY: u8 = 8;
const CORRUPT: u8 = 11;
const CANTOPEN: u8 = 14;
const TOOBIG: u8 = 18;
const CONSTRAINT: u8 = 19;
const MISMATCH: u8 = 20;
const AUTH: u8 = 23;
const NOTADB: u8 = 26;

/// The primary result code; `None` when the error is not SQLite's own.
fn primary_code(error: &sqlx::Error) -> Option<u8> {
    let code: u32 = error.as_database_error()?.code()?.parse().ok()?;
    // The low byte of an extended code is its primary one.
    u8::try_from(code & 0xff).ok()
}

pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    matches!(primary_code(error), Some(BUSY | LOCKED))
}

/// What `commit.sql` says when it refuses a commit.
pub(super) fn refusal(error: &sqlx::Error) -> Option<Committed> {
    match error.as_database_error()?.message() {
        "tower_mfa: conflict" => Some(Committed::Conflict),
        "tower_mfa: claimed" => Some(Committed::Claimed),
        _ => None,
    }
}

/// An error that a read ended with.
pub(super) fn of_read(error: sqlx::Error) -> StoreError {
    match (primary_code(&error), &error) {
        (Some(CORRUPT | NOTADB), _)
        | (_, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::ColumnIndexOutOfBounds { .. }) => {
            StoreError::corrupt(error)
        }
        _ => StoreError::unavailable(error),
    }
}

/// An error that a write ended with.
///
/// The codes listed are met before anything of the transaction is in the log. A full disk or a
/// failed fsync may have left the whole of it there, to be found when the log is next recovered.
pub(super) fn of_write(error: sqlx::Error) -> StoreError {
    match primary_code(&error) {
        Some(ERROR | PERM | BUSY | LOCKED | READONLY | CANTOPEN | TOOBIG | CONSTRAINT | MISMATCH | AUTH | NOTADB) => {
            StoreError::not_committed(error)
        }
        _ => StoreError::unknown(error),
    }
}
