//! What a client does, and what it is told.

use std::sync::{Arc, Mutex};

use tower_mfa::account::Refusal;
use tower_mfa::clock::Timestamp;
use tower_mfa::id::ChallengeId;
use tower_mfa::secret::SecretString;
use tower_mfa::service::{AnswerOutcome, Error, LoginChallenge, LoginOutcome, Mfa, Reply, Responder};

use super::world::{BEGINNING, ORIGIN, Person, first_factor};

/// What is good once: a step of the app, a recovery code, an assertion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Proof {
    Step(u64),
    Recovery(usize),
    /// By the number of the attempt that it was made for.
    Assertion(usize),
}

/// An answer that was sent, for whoever sends it once more.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub(crate) person: usize,
    token: SecretString,
    challenge: ChallengeId,
    answer: Answer,
    proof: Proof,
}

pub(crate) type Attempts = Arc<Mutex<Vec<Attempt>>>;

#[derive(Debug, Clone)]
enum Answer {
    Code(String),
    RecoveryCode(String),
    Assertion(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum With {
    /// What the app shows.
    Right,
    /// What it showed when somebody was let in last.
    Again(u64),
    Wrong,
    Recovery(usize),
    /// The passkey.
    Key,
}

#[derive(Debug, Clone)]
pub(crate) enum Operation {
    SignIn(With),
    /// The same answer to the same challenge, by somebody who has seen both: the number of the attempt.
    SendAgain(usize),
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
    /// What nobody expected: the story is broken.
    Panicked(String),
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
            Self::Panicked(how) => format!("panicked: {how}"),
        }
    }
}

pub(crate) async fn perform(mfa: Mfa, person: usize, operation: Operation, attempts: Attempts) -> Told {
    let who = &BEGINNING.people[person];
    match operation {
        Operation::SignIn(with) => match attempt(&mfa, person, with, &attempts).await {
            Ok(attempt) => answer(&mfa, attempt).await,
            Err(told) => told,
        },
        Operation::SendAgain(number) => {
            let attempt = attempts.lock().unwrap()[number].clone();
            answer(&mfa, attempt).await
        }
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

/// Begins a login and makes an answer for it.
async fn attempt(mfa: &Mfa, person: usize, with: With, attempts: &Attempts) -> Result<Attempt, Told> {
    let who = &BEGINNING.people[person];
    let now = mfa.clock().now().unwrap();
    let asked = match mfa.begin(first_factor(&who.subject, now)).await {
        Ok(LoginOutcome::Challenge(asked)) => asked,
        Ok(_) => return Err(Told::Refused("blocked")),
        Err(error) => return Err(Told::Refused(name(&error))),
    };
    let mut attempts = attempts.lock().unwrap();
    let (answer, proof) = made(who, with, mfa.clock().now().unwrap(), &asked, attempts.len());
    let attempt = Attempt { person, token: asked.token, challenge: asked.id, answer, proof };
    attempts.push(attempt.clone());
    Ok(attempt)
}

async fn answer(mfa: &Mfa, attempt: Attempt) -> Told {
    let reply = match attempt.answer {
        Answer::Code(code) => Reply::totp(code),
        Answer::RecoveryCode(code) => Reply::recovery_code(code),
        Answer::Assertion(credential) => Reply::webauthn(credential),
    };
    match mfa.answer(Responder::Token(&attempt.token), attempt.challenge, reply).await {
        Ok(AnswerOutcome::Complete(answer)) => {
            let tokens = answer.tokens;
            let refresh = tokens.refresh_token().unwrap().expose().to_owned();
            Told::In(attempt.proof, tokens.access_token().expose().to_owned(), refresh)
        }
        Ok(_) => panic!("one answer is enough"),
        Err(error) => match error.refusal() {
            Refusal::InvalidCode { .. } => Told::Wrong,
            Refusal::Unavailable { .. } => Told::Unknown,
            _ => Told::Refused(name(&error)),
        },
    }
}

fn made(who: &Person, with: With, now: Timestamp, asked: &LoginChallenge, number: usize) -> (Answer, Proof) {
    let step = match with {
        With::Again(step) => step,
        // A right code in an hour: nobody takes it now.
        With::Wrong => now.as_secs() / 30 + 120,
        _ => now.as_secs() / 30,
    };
    match with {
        With::Recovery(code) => (Answer::RecoveryCode(who.recovery_codes[code].clone()), Proof::Recovery(code)),
        With::Key => {
            let options = asked.methods.iter().find_map(|offer| offer.public_key.as_ref()).unwrap();
            let assertion = who.key.lock().unwrap().assert(options.as_str(), ORIGIN).unwrap();
            (Answer::Assertion(assertion), Proof::Assertion(number))
        }
        _ => (Answer::Code(who.app.code(Timestamp::from_secs(step * 30))), Proof::Step(step)),
    }
}

fn name(error: &Error) -> &'static str {
    match error.refusal() {
        Refusal::InvalidToken => "invalid token",
        Refusal::InvalidCredential => "invalid credential",
        Refusal::ChallengeGone => "gone",
        Refusal::Throttled { .. } => "throttled",
        Refusal::Unavailable { .. } => "unavailable",
        Refusal::NoEligibleAuthenticator { .. } => "nothing eligible",
        Refusal::AuthenticatorDisabled => "disabled",
        other => panic!("{other:?}"),
    }
}
