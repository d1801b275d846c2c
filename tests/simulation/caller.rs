//! Who does it: a client or an operator, and what each was told.

use std::future::Future;
use std::sync::{Arc, Mutex};

use tower_mfa::account::Bypass;
use tower_mfa::assurance::Authentication;
use tower_mfa::clock::Timestamp;
use tower_mfa::secret::SecretString;
use tower_mfa::service::{
    AnswerOutcome, ChallengeOutcome, ChallengeRequest, Enroller, Error, LoginOutcome, Mfa, Reply, Responder,
    TotpEnrolment,
};
use tower_mfa::testing::{AuthenticatorApp, ManualClock};

use super::call::{Call, Door};
use super::clocks::JUMP_AT_MOST;
use super::operations::{Answer, Asked, Attempt, Hands, Operation, Order, Own, Proof, With, app_of};
use super::reasons::{Times, lives};
use super::store::Shared;
use super::told::{BLOCKED, INVALID_TOKEN, Shown, Told, refused, refused_answer};
use super::world::{BEGINNING, ORIGIN, Person, first_factor};

/// By how many steps a wrong code is ahead: further than any clock jumps, so that nobody takes it.
const FAR: u64 = JUMP_AT_MOST / 30 + 100;

/// Who calls. Events say by the address which call they are of, and what is written without one is known by [`Call`].
pub(crate) struct Caller {
    pub(crate) mfa: Mfa,
    pub(crate) shared: Shared,
    pub(crate) replica: usize,
    pub(crate) phone: ManualClock,
    pub(crate) hands: Arc<Mutex<Hands>>,
    pub(crate) person: usize,
    /// The newest call.
    pub(crate) call: Arc<Mutex<Call>>,
}

impl Caller {
    fn next(&self, door: Door) -> Mfa {
        let mut call = self.call.lock().unwrap();
        *call = Call { number: call.number + 1, door, sid: None };
        self.mfa.from_address(&call.number.to_string())
    }

    /// Makes the newest call.
    async fn make<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let current = self.call.lock().unwrap().clone();
        current.within(call).await
    }

    async fn told<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Told> {
        self.make(call).await.map_err(|error| refused(&error))
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
            Operation::Refresh(own, is_newest) => {
                let mfa = self.next(Door::Refresh);
                self.call.lock().unwrap().sid = Some(own.sid);
                let token = own.replaced.filter(|_| !is_newest).unwrap_or(own.refresh);
                let tokens = self.told(mfa.refresh(&SecretString::new(token))).await?;
                Ok(Told::Refreshed { from: own.number, shown: Shown::of(&tokens) })
            }
            Operation::LogOut(own) => {
                let (mfa, by) = self.by(Door::LogOut, &own.access)?;
                self.told(mfa.log_out(&by)).await?;
                Ok(Told::LoggedOut { from: own.number, sid: own.sid })
            }
            Operation::Bind(own, is_right) => self.bind(own, is_right).await,
            Operation::Remove(own, id) => {
                let (mfa, by) = self.by(Door::Remove, &own.access)?;
                self.told(mfa.remove(&by, id)).await?;
                Ok(Told::Removed { from: own.number })
            }
            Operation::Order(order) => self.order(order).await,
        }
    }

    fn by(&self, door: Door, access: &str) -> Result<(Mfa, Authentication), Told> {
        let mfa = self.next(door);
        match mfa.authenticate(access) {
            Ok(by) => {
                self.call.lock().unwrap().sid = by.session().map(ToOwned::to_owned);
                let is_ahead = Times::of(access).is_ahead(mfa.clock().now().unwrap().as_secs());
                self.shared.lock().ahead += u64::from(is_ahead);
                Ok((mfa, by))
            }
            Err(error) => Err(match refused(&error) {
                Told::Refused(INVALID_TOKEN) => self.invalid(&mfa, access),
                told => told,
            }),
        }
    }

    /// An access token is none when its time is over, its session has ended, or whether it has is not known here.
    fn invalid(&self, mfa: &Mfa, access: &str) -> Told {
        let (times, now) = (Times::of(access), mfa.clock().now().unwrap().as_secs());
        let inner = self.shared.lock();
        let is_doubted = inner.doubts.contains(&(self.replica, self.person));
        if is_doubted || !times.runs(now) || !lives(&inner.state.document(&self.who().subject), &times.sid, now) {
            return Told::Refused(INVALID_TOKEN);
        }
        Told::Broken(format!("the reasons: {times:?} is no access token at {now}, and its session lives"))
    }

    async fn sign_in(&self, with: With) -> Result<Told, Told> {
        let mfa = self.next(Door::Begin);
        let now = mfa.clock().now().unwrap();
        match self.told(mfa.begin(first_factor(&self.who().subject, now))).await? {
            LoginOutcome::Challenge(asked) => {
                let options = asked.methods.iter().find_map(|offer| offer.public_key.as_ref());
                let options = options.map(|options| options.as_str().to_owned());
                let asked = Asked { challenge: asked.id, token: Some(asked.token), access: None, options };
                self.answer(self.attempt(with, asked, None)?).await
            }
            LoginOutcome::Complete(tokens) => Ok(Told::In { by: None, from: None, shown: Shown::of(&tokens) }),
            LoginOutcome::Blocked { throttled_for: Some(_), .. } => Ok(Told::Refused("throttled")),
            LoginOutcome::Blocked { .. } => Ok(Told::Refused(BLOCKED)),
            other => panic!("{other:?}"),
        }
    }

    async fn step_up(&self, own: Own, with: With) -> Result<Told, Told> {
        let (mfa, by) = self.by(Door::Open, &own.access)?;
        // So that it is asked again, whatever was proved before.
        let wanted = ChallengeRequest::new().max_age(1);
        match self.told(mfa.open_challenge(&by, wanted)).await? {
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
        let attempt = Attempt { person: self.person, from, is_wrong: with.is_wrong(), asked, answer, proof };
        hands.attempts.push(attempt.clone());
        Ok(attempt)
    }

    fn made(&self, with: With, asked: &Asked, hands: &Hands) -> Option<(Answer, Proof)> {
        let now = self.phone.time();
        Some(match with {
            With::Recovery(code) => {
                (Answer::RecoveryCode(self.who().recovery_codes[code].clone()), Proof::Recovery(code))
            }
            With::WrongRecovery(slot) => {
                let code = wrong(&self.who().recovery_codes[slot]);
                (Answer::RecoveryCode(code), Proof::Recovery(slot))
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
        let (door, reply) = match attempt.answer {
            Answer::Code(code) => (Door::Answer, Reply::totp(code)),
            Answer::RecoveryCode(code) => (Door::Recover, Reply::recovery_code(code)),
            Answer::Assertion(credential) => (Door::Answer, Reply::webauthn(credential)),
        };
        let (mfa, by) = match &attempt.asked.access {
            Some(access) => self.by(door, access).map(|(mfa, by)| (mfa, Some(by)))?,
            None => (self.next(door), None),
        };
        let responder = match (&by, &attempt.asked.token) {
            (Some(by), _) => Responder::Session(by),
            (None, Some(token)) => Responder::Token(token),
            (None, None) => panic!("nobody to answer"),
        };
        match self.make(mfa.answer(responder, attempt.asked.challenge, reply)).await {
            Ok(AnswerOutcome::Complete(answer)) => {
                Ok(Told::In { by: Some(attempt.proof), from: attempt.from, shown: Shown::of(&answer.tokens) })
            }
            Ok(other) => panic!("one answer is enough: {other:?}"),
            Err(error) => Err(refused_answer(&error)),
        }
    }

    async fn bind(&self, own: Own, is_right: bool) -> Result<Told, Told> {
        let (mfa, by) = self.by(Door::Enrol, &own.access)?;
        let started = self.told(mfa.enrol_totp(Enroller::Session(&by), TotpEnrolment::new())).await?;
        let app = AuthenticatorApp::scan(started.otpauth_uri.expose()).unwrap();
        let number = {
            let mut hands = self.hands.lock().unwrap();
            hands.apps.push((self.person, started.id, app.clone()));
            // The first one is from before the story.
            hands.apps.iter().filter(|(of, ..)| *of == self.person).count()
        };
        let (mfa, by) = self.by(Door::Confirm, &own.access)?;
        let step = self.phone.time().as_secs() / 30 + if is_right { 0 } else { FAR };
        let code = app.code(Timestamp::from_secs(step * 30));
        let bound = self.make(mfa.confirm(Enroller::Session(&by), started.id, code)).await;
        let bound = bound.map_err(|error| refused_answer(&error))?;
        let (from, app, shown) = (own.number, (number, started.id), Shown::of(&bound.tokens));
        Ok(Told::Bound { from, app, step, shown })
    }

    async fn order(&self, order: Order) -> Result<Told, Told> {
        let (mfa, who) = (self.next(Door::Order(order)), &self.who().subject);
        let obey = async {
            match order {
                Order::Unlock => mfa.unlock(who, "root", "asked").await,
                Order::Suspend => mfa.suspend(who, "root", "asked").await,
                Order::Reset => mfa.reset(who, "root", "asked").await,
                Order::EndSessions => mfa.end_sessions(who, "root", "asked").await,
                Order::Erase => mfa.erase(who, "root", "asked").await,
                Order::RevokeBypass => mfa.revoke_bypass(who, "root", "asked").await,
                Order::GrantBypass => {
                    let until = mfa.clock().now()?.plus(120);
                    mfa.grant_bypass(who, Bypass::new("root", "asked").until(until).approved_by("ciso")).await
                }
            }
        };
        self.told(obey).await?;
        Ok(Told::Obeyed(order))
    }
}

/// A recovery code whose last symbol is another.
fn wrong(code: &str) -> String {
    let (rest, last) = code.split_at(code.len() - 1);
    format!("{rest}{}", if last == "0" { "2" } else { "0" })
}
