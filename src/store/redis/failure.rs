//! What an error of Redis means for the caller.

use ::redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::error::BoxError;
use crate::store::StoreError;

/// Why a server gave no answer to a command.
#[derive(Debug)]
pub(super) enum Fault {
    /// It was never sent.
    Unsent(BoxError),
    /// The server said no.
    Refused(RedisError),
    /// It was sent, and no answer came, or it is not known whether the answer will last.
    Lost(BoxError),
}

impl Fault {
    pub(super) fn unsent(source: impl Into<BoxError>) -> Self {
        Self::Unsent(source.into())
    }

    pub(super) fn lost(source: impl Into<BoxError>) -> Self {
        Self::Lost(source.into())
    }

    /// What the library says a command ended with.
    pub(super) fn of(error: RedisError) -> Self {
        if error.code().is_some() { Self::Refused(error) } else { Self::lost(error) }
    }

    pub(super) fn server(&self) -> Option<ServerErrorKind> {
        match self {
            Self::Refused(error) => match error.kind() {
                ErrorKind::Server(kind) => Some(kind),
                _ => None,
            },
            _ => None,
        }
    }

    /// The server that has the key, as a cluster says it: `host:port`.
    pub(super) fn moved_to(&self) -> Option<String> {
        match self {
            Self::Refused(error) => error.redirect_node().map(|(address, _)| address.to_owned()),
            _ => None,
        }
    }

    fn into_source(self) -> BoxError {
        match self {
            Self::Unsent(source) | Self::Lost(source) => source,
            Self::Refused(error) => error.into(),
        }
    }
}

/// Codes that Redis answers with before anything of a command or script was done. A script that
/// breaks off later is not undone, and a proxy makes up codes of its own: those are not here.
///
/// The scripts of this store ask for what could fail before they write, so these codes mean the
/// same from inside of one. They cannot ask for rights: `NOPERM` may stand for their last command.
const BEFORE_ANYTHING: [&str; 16] = [
    "ASK",
    "BUSY",
    "CLUSTERDOWN",
    "CROSSSLOT",
    "LOADING",
    "MASTERDOWN",
    "MISCONF",
    "MOVED",
    "NOAUTH",
    "NOREPLICAS",
    "NOSCRIPT",
    "OOM",
    "READONLY",
    "TRYAGAIN",
    "WRONGPASS",
    "WRONGTYPE",
];

/// A read that failed.
pub(super) fn of_read(fault: Fault) -> StoreError {
    match &fault {
        Fault::Refused(error) if error.code() == Some("WRONGTYPE") => StoreError::corrupt(fault.into_source()),
        _ => StoreError::unavailable(fault.into_source()),
    }
}

/// A write that failed.
pub(super) fn of_write(fault: Fault) -> StoreError {
    match fault {
        Fault::Unsent(source) => StoreError::not_committed(source),
        Fault::Refused(error) if error.code().is_some_and(|code| BEFORE_ANYTHING.contains(&code)) => {
            StoreError::not_committed(error)
        }
        other => StoreError::unknown(other.into_source()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreErrorKind;

    fn refused(code: &str) -> Fault {
        Fault::of(::redis::make_extension_error(code.to_owned(), Some("why".to_owned())))
    }

    #[test]
    fn only_what_was_certainly_not_done_is_not_committed() {
        for code in BEFORE_ANYTHING {
            assert_eq!(of_write(refused(code)).kind(), StoreErrorKind::NotCommitted, "{code}");
        }
        for code in ["ERR", "NOPERM", "UPSTREAM", "NOREPLY", "oom"] {
            assert_eq!(of_write(refused(code)).kind(), StoreErrorKind::Unknown, "{code}");
        }
        assert_eq!(of_write(Fault::unsent("refused")).kind(), StoreErrorKind::NotCommitted);
        assert_eq!(of_write(Fault::lost("reset")).kind(), StoreErrorKind::Unknown);
        let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        assert_eq!(of_write(Fault::of(reset.into())).kind(), StoreErrorKind::Unknown);
    }

    #[test]
    fn a_read_says_whether_it_is_worth_trying_again() {
        assert_eq!(of_read(refused("WRONGTYPE")).kind(), StoreErrorKind::Corrupt);
        assert_eq!(of_read(refused("LOADING")).kind(), StoreErrorKind::Unavailable);
        assert_eq!(of_read(Fault::unsent("refused")).kind(), StoreErrorKind::Unavailable);
    }
}
