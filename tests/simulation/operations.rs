//! What a client does, and what it is told.

use tower_mfa::account::Refusal;
use tower_mfa::clock::Timestamp;
use tower_mfa::secret::SecretString;
use tower_mfa::service::{AnswerOutcome, Error, LoginOutcome, Mfa, Reply, Responder};

use super::world::{BEGINNING, Person, first_factor};

/// What is good once: a step of the app, or a recovery code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Proof {
    Step(u64),
    Recovery(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum With {
    /// What the app shows.
    Right,
    /// What it showed when somebody was let in last.
    Again(u64),
    Wrong,
    Recovery(usize),
}

#[derive(Debug, Clone)]
pub(crate) enum Operation {
    SignIn(With),
    Refresh(String),
    LogOut(String),
    /// The operator's.
    Unlock,
}

/// What the client was told.
#[derive(Debug, Clone)]
pub(crate) enum Told {
    /// Let in: by what, with this access and this refresh token.
    In(Proof, String, String),
    Wrong,
    /// It brought an answer, and nobody said what became of it.
    Unknown,
    /// A new refresh token for an old one.
    Refreshed(String, String),
    LoggedOut(String),
    /// Nothing that matters.
    Refused(&'static str),
}

impl Told {
    /// For the trace: without tokens, which differ from run to run by their signatures.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::In(proof, ..) => format!("in by {proof:?}"),
            Self::Wrong => "wrong".to_owned(),
            Self::Unknown => "unknown".to_owned(),
            Self::Refreshed(..) => "refreshed".to_owned(),
            Self::LoggedOut(_) => "logged out".to_owned(),
            Self::Refused(why) => format!("refused: {why}"),
        }
    }
}

pub(crate) async fn perform(mfa: Mfa, person: usize, operation: Operation) -> Told {
    let who = &BEGINNING.people[person];
    match operation {
        Operation::SignIn(with) => sign_in(&mfa, who, with).await,
        Operation::Refresh(token) => match mfa.refresh(&SecretString::new(token.as_str())).await {
            Ok(tokens) => Told::Refreshed(token, tokens.refresh_token().unwrap().expose().to_owned()),
            Err(error) => Told::Refused(name(&error)),
        },
        Operation::LogOut(token) => match mfa.authenticate(&token) {
            Ok(by) => match mfa.log_out(&by).await {
                Ok(()) => Told::LoggedOut(by.session().unwrap().to_owned()),
                Err(error) => Told::Refused(name(&error)),
            },
            Err(error) => Told::Refused(name(&error)),
        },
        Operation::Unlock => match mfa.unlock(&who.subject, "root", "asked").await {
            Ok(()) => Told::Refused("nothing, unlocked"),
            Err(error) => Told::Refused(name(&error)),
        },
    }
}

async fn sign_in(mfa: &Mfa, who: &Person, with: With) -> Told {
    let now = mfa.clock().now().unwrap();
    let asked = match mfa.begin(first_factor(&who.subject, now)).await {
        Ok(LoginOutcome::Challenge(asked)) => asked,
        Ok(_) => return Told::Refused("blocked"),
        Err(error) => return Told::Refused(name(&error)),
    };
    let now = mfa.clock().now().unwrap();
    let (reply, proof) = reply(who, with, now);
    let answer = mfa.answer(Responder::Token(&asked.token), asked.id, reply).await;
    match answer {
        Ok(AnswerOutcome::Complete(answer)) => {
            let tokens = answer.tokens;
            let refresh = tokens.refresh_token().unwrap().expose().to_owned();
            Told::In(proof, tokens.access_token().expose().to_owned(), refresh)
        }
        Ok(_) => panic!("one answer is enough"),
        Err(error) => match error.refusal() {
            Refusal::InvalidCode { .. } => Told::Wrong,
            Refusal::Unavailable { .. } => Told::Unknown,
            _ => Told::Refused(name(&error)),
        },
    }
}

fn reply(who: &Person, with: With, now: Timestamp) -> (Reply, Proof) {
    let step = match with {
        With::Again(step) => step,
        // A right code an hour ago and in an hour: nobody takes it now.
        With::Wrong => now.as_secs() / 30 + 120,
        With::Right | With::Recovery(_) => now.as_secs() / 30,
    };
    match with {
        With::Recovery(number) => (Reply::recovery_code(who.recovery_codes[number].as_str()), Proof::Recovery(number)),
        _ => (Reply::totp(who.app.code(Timestamp::from_secs(step * 30))), Proof::Step(step)),
    }
}

fn name(error: &Error) -> &'static str {
    match error.refusal() {
        Refusal::InvalidToken => "invalid token",
        Refusal::ChallengeGone => "gone",
        Refusal::Throttled { .. } => "throttled",
        Refusal::Unavailable { .. } => "unavailable",
        Refusal::NoEligibleAuthenticator { .. } => "nothing eligible",
        Refusal::AuthenticatorDisabled => "disabled",
        other => panic!("{other:?}"),
    }
}
