//! What an error means for the caller.

use sqlx::postgres::{PgDatabaseError, PgSeverity};

use super::names::Names;
use crate::store::StoreError;

/// The classes of errors (PostgreSQL, appendix A) after which the server has undone the statement: feature not
/// supported, data, constraint, transaction state (also: read-only), serialisation, access rule, resources (also: disk
/// full), limits, object state (also: lock not available).
const UNDONE: [&str; 9] = ["0A", "22", "23", "25", "40", "42", "53", "54", "55"];

/// `query_canceled`: a time-out of the server's, or an operator.
const CANCELED: &str = "57014";

/// `statement_completion_unknown`.
const COMPLETION_UNKNOWN: &str = "40003";

/// Whether an error says for certain that nothing was committed.
///
/// PostgreSQL ends a statement with an `ERROR` only before its commit is written; what goes wrong behind that is no
/// `ERROR` but ends the connection. Of what is more than an `ERROR`, and of the codes of a connection (08, 57P…), which
/// poolers use for their own ends too, nothing follows.
fn is_undone(severity: PgSeverity, code: &str) -> bool {
    let listed = code == CANCELED || UNDONE.iter().any(|class| code.starts_with(class));
    matches!(severity, PgSeverity::Error) && listed && code != COMPLETION_UNKNOWN
}

fn of_server(error: &sqlx::Error) -> Option<&PgDatabaseError> {
    error.as_database_error()?.try_downcast_ref()
}

/// An error that a read ended with.
pub(super) fn of_read(error: sqlx::Error) -> StoreError {
    let is_corrupt = match &error {
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::ColumnIndexOutOfBounds { .. } => true,
        // `data_corrupted`, `index_corrupted`
        _ => of_server(&error).is_some_and(|error| matches!(error.code(), "XX001" | "XX002")),
    };
    if is_corrupt { StoreError::corrupt(error) } else { StoreError::unavailable(error) }
}

/// An error that a write ended with, once it may have been sent.
pub(super) fn of_write(error: sqlx::Error) -> StoreError {
    let is_certain = match &error {
        sqlx::Error::Encode(_) => true,
        _ => of_server(&error).is_some_and(|error| is_undone(error.severity(), error.code())),
    };
    if is_certain { StoreError::not_committed(error) } else { StoreError::unknown(error) }
}

/// Whether somebody else claimed the same value while this commit did.
pub(super) fn is_claimed(error: &sqlx::Error, names: &Names) -> bool {
    let error = of_server(error);
    error.is_some_and(|error| error.code() == "23505" && error.constraint() == Some(&names.bare("claim_once")))
}

/// Whether the statement lost a race that only a stricter isolation than READ COMMITTED has: `serialization_failure`,
/// after which nothing of it is there.
pub(super) fn is_serialization(error: &sqlx::Error) -> bool {
    of_server(error).is_some_and(|error| is_undone(error.severity(), error.code()) && error.code() == "40001")
}

/// Whether the connection is gone: a read may be asked again on another.
pub(super) fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) => true,
        _ => of_server(error).is_some_and(|error| error.code().starts_with("08") || error.code().starts_with("57P")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_undid_was_not_committed() {
        for code in ["40001", "40P01", "25006", "53100", "53300", "55P03", "57014", "42P01", "23505", "22P02", "0A000"]
        {
            assert!(is_undone(PgSeverity::Error, code), "{code}");
        }
    }

    #[test]
    fn what_ends_the_connection_leaves_the_outcome_open() {
        for (severity, code) in [
            (PgSeverity::Fatal, "57P01"),
            (PgSeverity::Error, "57P01"),
            (PgSeverity::Error, "08006"),
            (PgSeverity::Error, "08P01"),
            (PgSeverity::Error, "40003"),
            (PgSeverity::Fatal, "53100"),
            (PgSeverity::Panic, "XX000"),
            (PgSeverity::Error, "XX000"),
        ] {
            assert!(!is_undone(severity, code), "{code}");
        }
    }
}
