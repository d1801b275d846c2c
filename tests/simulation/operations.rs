//! What a client or an operator does.

use tower_mfa::id::{AuthenticatorId, ChallengeId};
use tower_mfa::secret::SecretString;
use tower_mfa::testing::AuthenticatorApp;

use super::world::BEGINNING;

/// What is good once: a step of an app, a recovery code, an assertion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Proof {
    /// Of which app, in the order in which they were scanned.
    Step(usize, u64),
    Recovery(usize),
    /// By the number of the attempt that it was made for.
    Assertion(usize),
}

/// An answer that was sent, for whoever sends it once more.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub(crate) person: usize,
    /// The session that was to be stepped up.
    pub(crate) from: Option<usize>,
    pub(crate) is_wrong: bool,
    pub(crate) asked: Asked,
    pub(crate) answer: Answer,
    pub(crate) proof: Proof,
}

#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) challenge: ChallengeId,
    /// Its own token; `None` where a session asked for it, which answers with its access token.
    pub(crate) token: Option<SecretString>,
    pub(crate) access: Option<String>,
    /// What a key is to sign, where one may answer.
    pub(crate) options: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Code(String),
    RecoveryCode(String),
    Assertion(String),
}

/// What people have in their hands, whatever they were told.
#[derive(Debug, Default)]
pub(crate) struct Hands {
    pub(crate) attempts: Vec<Attempt>,
    /// Apps that scanned a code, by person.
    pub(crate) apps: Vec<(usize, AuthenticatorId, AuthenticatorApp)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum With {
    /// What an app shows.
    Right(usize),
    /// What it showed when somebody was let in last.
    Again(usize, u64),
    Wrong,
    Recovery(usize),
    /// One that is no recovery code, of a slot that is one.
    WrongRecovery(usize),
    /// The passkey.
    Key,
}

impl With {
    pub(crate) const fn is_wrong(self) -> bool {
        matches!(self, Self::Wrong | Self::WrongRecovery(_))
    }
}

/// A session as its client has it.
#[derive(Debug, Clone)]
pub(crate) struct Own {
    /// Its number in what clients remember.
    pub(crate) number: usize,
    pub(crate) sid: String,
    pub(crate) access: String,
    pub(crate) refresh: String,
    /// Its first refresh token, where that was replaced.
    pub(crate) replaced: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) enum Operation {
    SignIn(With),
    StepUp(Own, With),
    /// The same answer to the same challenge, by somebody who has seen both: the number of the attempt.
    SendAgain(usize),
    /// With the newest refresh token, or with the first.
    Refresh(Own, bool),
    LogOut(Own),
    /// Another app; with a right first code or a wrong one.
    Bind(Own, bool),
    Remove(Own, AuthenticatorId),
    Order(Order),
}

/// An operator's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Unlock,
    Suspend,
    Reset,
    EndSessions,
    Erase,
    GrantBypass,
    RevokeBypass,
}

/// An app of a person's: the first was scanned before the story began.
pub(crate) fn app_of(hands: &Hands, person: usize, number: usize) -> AuthenticatorApp {
    let mut later = hands.apps.iter().filter(|(of, ..)| *of == person);
    match number.checked_sub(1) {
        None => BEGINNING.people[person].app.clone(),
        Some(number) => later.nth(number).unwrap().2.clone(),
    }
}
