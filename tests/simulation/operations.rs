//! What a client or an operator does.

use std::sync::{Arc, Mutex};

use tower_mfa::account::Bypass;
use tower_mfa::assurance::Authentication;
use tower_mfa::clock::Timestamp;
use tower_mfa::id::{AuthenticatorId, ChallengeId};
use tower_mfa::secret::SecretString;
use tower_mfa::service::{
    AnswerOutcome, ChallengeOutcome, ChallengeRequest, Enroller, LoginOutcome, Mfa, Reply, Responder, TotpEnrolment,
};
use tower_mfa::testing::{AuthenticatorApp, ManualClock};

use super::clocks::JUMP_AT_MOST;
use super::told::{Shown, Told, refused, refused_answer};
use super::world::{BEGINNING, ORIGIN, Person, first_factor};

/// By how many steps a wrong code is ahead: further than any clock jumps, so that nobody takes it.
const FAR: u64 = JUMP_AT_MOST / 30 + 100;

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
    asked: Asked,
    answer: Answer,
    proof: Proof,
}

#[derive(Debug, Clone)]
struct Asked {
    challenge: ChallengeId,
    /// Its own token; `None` where a session asked for it, which answers with its access token.
    token: Option<SecretString>,
    access: Option<String>,
    /// What a key is to sign, where one may answer.
    options: Option<String>,
}

#[derive(Debug, Clone)]
enum Answer {
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
    /// The passkey.
    Key,
}

/// A session as its client has it.
#[derive(Debug, Clone)]
pub(crate) struct Own {
    /// Its number in what clients remember.
    pub(crate) number: usize,
    pub(crate) access: String,
    pub(crate) refresh: String,
}

#[derive(Debug, Clone)]
pub(crate) enum Operation {
    SignIn(With),
    StepUp(Own, With),
    /// The same answer to the same challenge, by somebody who has seen both: the number of the attempt.
    SendAgain(usize),
    Refresh(Own),
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

/// Who calls: each call comes from an address of its own, by which its events are known again.
pub(crate) struct Caller {
    pub(crate) mfa: Mfa,
    pub(crate) phone: ManualClock,
    pub(crate) hands: Arc<Mutex<Hands>>,
    pub(crate) person: usize,
    /// The number of the newest call.
    pub(crate) call: Arc<Mutex<u64>>,
}

impl Caller {
    fn next(&self) -> Mfa {
        let mut call = self.call.lock().unwrap();
        *call += 1;
        self.mfa.from_address(&call.to_string())
    }

    fn who(&self) -> &'static Person {
        &BEGINNING.people[self.person]
    }

    pub(crate) async fn perform(self, operation: Operation) -> Told {
        match self.tried(operation).await {
            Ok(told) | Err(told) => told,
        }
    }

    async fn tried(&self, operation: Operation) -> Result<Told, Told> {
        match operation {
            Operation::SignIn(with) => self.sign_in(with).await,
            Operation::StepUp(own, with) => self.step_up(own, with).await,
            Operation::SendAgain(number) => {
                let attempt = self.hands.lock().unwrap().attempts[number].clone();
                self.answer(attempt).await
            }
            Operation::Refresh(own) => {
                let tokens = self.next().refresh(&SecretString::new(own.refresh.as_str())).await;
                let tokens = tokens.map_err(|error| refused(&error))?;
                Ok(Told::Refreshed { from: own.number, shown: Shown::of(&tokens) })
            }
            Operation::LogOut(own) => {
                let (mfa, by) = self.by(&own.access)?;
                mfa.log_out(&by).await.map_err(|error| refused(&error))?;
                Ok(Told::LoggedOut { from: own.number, sid: by.session().unwrap().to_owned() })
            }
            Operation::Bind(own, is_right) => self.bind(own, is_right).await,
            Operation::Remove(own, id) => {
                let (mfa, by) = self.by(&own.access)?;
                mfa.remove(&by, id).await.map_err(|error| refused(&error))?;
                Ok(Told::Removed { from: own.number })
            }
            Operation::Order(order) => self.order(order).await,
        }
    }

    fn by(&self, access: &str) -> Result<(Mfa, Authentication), Told> {
        let mfa = self.next();
        let by = mfa.authenticate(access).map_err(|error| refused(&error))?;
        Ok((mfa, by))
    }

    async fn sign_in(&self, with: With) -> Result<Told, Told> {
        let mfa = self.next();
        let now = mfa.clock().now().unwrap();
        match mfa.begin(first_factor(&self.who().subject, now)).await.map_err(|error| refused(&error))? {
            LoginOutcome::Challenge(asked) => {
                let options = asked.methods.iter().find_map(|offer| offer.public_key.as_ref());
                let options = options.map(|options| options.as_str().to_owned());
                let asked = Asked { challenge: asked.id, token: Some(asked.token), access: None, options };
                self.answer(self.attempt(with, asked, None)?).await
            }
            LoginOutcome::Complete(tokens) => Ok(Told::In { by: None, from: None, shown: Shown::of(&tokens) }),
            LoginOutcome::Blocked { .. } => Ok(Told::Refused("blocked")),
            other => panic!("{other:?}"),
        }
    }

    async fn step_up(&self, own: Own, with: With) -> Result<Told, Told> {
        let (mfa, by) = self.by(&own.access)?;
        // So that it is asked again, whatever was proved before.
        let wanted = ChallengeRequest::new().max_age(1);
        match mfa.open_challenge(&by, wanted).await.map_err(|error| refused(&error))? {
            ChallengeOutcome::Pending(asked) => {
                let options = asked.methods.iter().find_map(|offer| offer.public_key.as_ref());
                let options = options.map(|options| options.as_str().to_owned());
                let asked = Asked { challenge: asked.id, token: None, access: Some(own.access), options };
                self.answer(self.attempt(with, asked, Some(own.number))?).await
            }
            ChallengeOutcome::Complete(answer) => {
                Ok(Told::Enough { from: own.number, shown: Shown::of(&answer.tokens) })
            }
            other => panic!("{other:?}"),
        }
    }

    /// Makes an answer, and keeps it for whoever sends it again.
    fn attempt(&self, with: With, asked: Asked, from: Option<usize>) -> Result<Attempt, Told> {
        let mut hands = self.hands.lock().unwrap();
        let (answer, proof) = self.made(with, &asked, &hands).ok_or(Told::Left)?;
        let attempt = Attempt { person: self.person, from, is_wrong: with == With::Wrong, asked, answer, proof };
        hands.attempts.push(attempt.clone());
        Ok(attempt)
    }

    fn made(&self, with: With, asked: &Asked, hands: &Hands) -> Option<(Answer, Proof)> {
        let now = self.phone.time();
        Some(match with {
            With::Recovery(code) => {
                (Answer::RecoveryCode(self.who().recovery_codes[code].clone()), Proof::Recovery(code))
            }
            With::Key => {
                let assertion = self.who().key.lock().unwrap().assert(asked.options.as_ref()?, ORIGIN).unwrap();
                (Answer::Assertion(assertion), Proof::Assertion(hands.attempts.len()))
            }
            With::Right(app) => self.code(hands, app, now.as_secs() / 30),
            With::Again(app, step) => self.code(hands, app, step),
            With::Wrong => self.code(hands, 0, now.as_secs() / 30 + FAR),
        })
    }

    fn code(&self, hands: &Hands, app: usize, step: u64) -> (Answer, Proof) {
        let code = app_of(hands, self.person, app).code(Timestamp::from_secs(step * 30));
        (Answer::Code(code), Proof::Step(app, step))
    }

    async fn answer(&self, attempt: Attempt) -> Result<Told, Told> {
        let reply = match attempt.answer {
            Answer::Code(code) => Reply::totp(code),
            Answer::RecoveryCode(code) => Reply::recovery_code(code),
            Answer::Assertion(credential) => Reply::webauthn(credential),
        };
        let (mfa, by) = match &attempt.asked.access {
            Some(access) => self.by(access).map(|(mfa, by)| (mfa, Some(by)))?,
            None => (self.next(), None),
        };
        let responder = match (&by, &attempt.asked.token) {
            (Some(by), _) => Responder::Session(by),
            (None, Some(token)) => Responder::Token(token),
            (None, None) => panic!("nobody to answer"),
        };
        match mfa.answer(responder, attempt.asked.challenge, reply).await {
            Ok(AnswerOutcome::Complete(answer)) => {
                Ok(Told::In { by: Some(attempt.proof), from: attempt.from, shown: Shown::of(&answer.tokens) })
            }
            Ok(other) => panic!("one answer is enough: {other:?}"),
            Err(error) => Err(refused_answer(&error)),
        }
    }

    async fn bind(&self, own: Own, is_right: bool) -> Result<Told, Told> {
        let (mfa, by) = self.by(&own.access)?;
        let started = mfa.enrol_totp(Enroller::Session(&by), TotpEnrolment::new()).await.map_err(|e| refused(&e))?;
        let app = AuthenticatorApp::scan(started.otpauth_uri.expose()).unwrap();
        let number = {
            let mut hands = self.hands.lock().unwrap();
            hands.apps.push((self.person, started.id, app.clone()));
            // The first one is from before the story.
            hands.apps.iter().filter(|(of, ..)| *of == self.person).count()
        };
        let (mfa, by) = self.by(&own.access)?;
        let step = self.phone.time().as_secs() / 30 + if is_right { 0 } else { FAR };
        let code = app.code(Timestamp::from_secs(step * 30));
        let bound = mfa.confirm(Enroller::Session(&by), started.id, code).await;
        let bound = bound.map_err(|error| refused_answer(&error))?;
        let (from, app, shown) = (own.number, (number, started.id), Shown::of(&bound.tokens));
        Ok(Told::Bound { from, app, step, shown })
    }

    async fn order(&self, order: Order) -> Result<Told, Told> {
        let (mfa, who) = (self.next(), &self.who().subject);
        let obeyed = match order {
            Order::Unlock => mfa.unlock(who, "root", "asked").await,
            Order::Suspend => mfa.suspend(who, "root", "asked").await,
            Order::Reset => mfa.reset(who, "root", "asked").await,
            Order::EndSessions => mfa.end_sessions(who, "root", "asked").await,
            Order::Erase => mfa.erase(who, "root", "asked").await,
            Order::RevokeBypass => mfa.revoke_bypass(who, "root", "asked").await,
            Order::GrantBypass => {
                let until = mfa.clock().now().unwrap().plus(120);
                mfa.grant_bypass(who, Bypass::new("root", "asked").until(until).approved_by("ciso")).await
            }
        };
        obeyed.map_err(|error| refused(&error))?;
        Ok(Told::Obeyed(order))
    }
}

/// An app of a person's: the first was scanned before the story began.
pub(crate) fn app_of(hands: &Hands, person: usize, number: usize) -> AuthenticatorApp {
    let mut later = hands.apps.iter().filter(|(of, ..)| *of == person);
    match number.checked_sub(1) {
        None => BEGINNING.people[person].app.clone(),
        Some(number) => later.nth(number).unwrap().2.clone(),
    }
}
