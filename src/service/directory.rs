use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;

use crate::account::KnownUser;
use crate::error::BoxError;
use crate::id::Subject;

/// What a [`Directory`] returns.
pub type DirectoryFuture<'a, T> = Pin<Box<dyn Future<Output = Result<Option<T>, BoxError>> + Send + 'a>>;

/// The host's users, for sign-ins that begin with a passkey: there the host has not looked first.
///
/// Default: a name is the subject's id, and everybody may sign in without roles.
///
/// # Security
///
/// A name that nobody has must take as long to look up as one that somebody has: whoever asks is anybody.
pub trait Directory: Send + Sync + 'static {
    /// Brings a name into the one spelling that all of its spellings share. Default: each is a name of its own.
    ///
    /// # Security
    ///
    /// A name that nobody has gets a list of credentials that is made up from this. Where upper and lower case
    /// are one, and it is not said here, whoever asks with both sees two lists for nobody and one for somebody.
    fn spelling<'a>(&self, name: &'a str) -> Cow<'a, str> {
        Cow::Borrowed(name)
    }

    /// Finds whose name this is, in the spelling that was said.
    fn subject_of<'a>(&'a self, name: &'a str) -> DirectoryFuture<'a, Subject>;

    /// Says how a session of this subject begins, with which roles; `None` where it may not sign in. It is asked
    /// when the subject has answered with a key.
    fn user<'a>(&'a self, subject: &'a Subject) -> DirectoryFuture<'a, KnownUser>;
}

/// A name is the subject's id.
pub(super) struct ByName;

impl Directory for ByName {
    fn subject_of<'a>(&'a self, name: &'a str) -> DirectoryFuture<'a, Subject> {
        Box::pin(async move { Ok(Subject::new(name).ok()) })
    }

    fn user<'a>(&'a self, subject: &'a Subject) -> DirectoryFuture<'a, KnownUser> {
        Box::pin(async move { Ok(Some(KnownUser::new(subject.clone()))) })
    }
}
