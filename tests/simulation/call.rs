//! Which call of a client's something belongs to: that goes along with the call itself, so that what is written without
//! an event is known again, too.

use std::future::Future;

use super::operations::Order;

tokio::task_local! {
    static CURRENT: Call;
}

/// What is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    Begin,
    Open,
    /// With a code of an app, or an assertion.
    Answer,
    /// With a recovery code.
    Recover,
    Enrol,
    Confirm,
    Refresh,
    LogOut,
    Remove,
    Order(Order),
}

#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) number: u64,
    pub(crate) door: Door,
    /// The session that it is made from, where it is made from one.
    pub(crate) sid: Option<String>,
}

impl Call {
    /// The call that whoever runs now belongs to. What a call spawns does not have it: a commit without one is found.
    pub(crate) fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    pub(crate) async fn within<T>(self, work: impl Future<Output = T>) -> T {
        CURRENT.scope(self, work).await
    }
}

/// What the store has seen of a call.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// How many of its calls to the store failed, or were done and nobody heard of it.
    pub(crate) faults: u32,
    /// How many races it has lost.
    pub(crate) conflicts: u32,
    /// Whether its clock stood too far behind what the document had seen that it read last, or ever.
    pub(crate) is_behind: bool,
    pub(crate) was_behind: bool,
    /// Whether the session that it is made from lived in the document that it read last.
    pub(crate) is_alive: bool,
}
