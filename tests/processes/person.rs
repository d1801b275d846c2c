//! Somebody with an app, recovery codes and perhaps a passkey, and a login that asks for one of them.

use tower_mfa::account::{FirstFactor, OptionsJson};
use tower_mfa::assurance::Authentication;
use tower_mfa::clock::{Clock as _, Timestamp};
use tower_mfa::id::Subject;
use tower_mfa::service::{Enroller, KeyRequest, LoginChallenge, LoginOutcome, Tokens, TotpEnrolment};
use tower_mfa::testing::{AuthenticatorApp, SoftAuthenticator};

use super::engine::{ORIGIN, Service};
use super::job::{Reply, What};

/// How far the codes of an app are apart, in seconds.
const STEP: u64 = 30;

pub(crate) struct Person {
    pub(crate) subject: Subject,
    pub(crate) app: AuthenticatorApp,
    pub(crate) recovery_code: String,
    pub(crate) by: Authentication,
    pub(crate) tokens: Tokens,
}

impl Service {
    async fn log_in(&self, subject: &Subject) -> LoginOutcome {
        let first = FirstFactor::password_checked_by_host(subject.clone(), self.clock.now().unwrap());
        self.mfa.begin(first).await.unwrap()
    }

    pub(crate) async fn enrolled(&self, name: &str) -> Person {
        let subject = Subject::new(name).unwrap();
        let LoginOutcome::Complete(tokens) = self.log_in(&subject).await else { panic!("{name} is enrolled already") };
        let by = self.mfa.authenticate(tokens.access_token().expose()).unwrap();
        let started = self.mfa.enrol_totp(Enroller::Session(&by), TotpEnrolment::new()).await.unwrap();
        let app = AuthenticatorApp::scan(started.otpauth_uri.expose()).unwrap();
        let code = app.code(self.clock.time());
        let bound = self.mfa.confirm(Enroller::Session(&by), started.id, code).await.unwrap();
        let by = self.mfa.authenticate(bound.tokens.access_token().expose()).unwrap();
        let recovery_code = bound.recovery_codes.unwrap()[0].expose().to_owned();
        Person { subject, app, recovery_code, by, tokens: bound.tokens }
    }

    pub(crate) async fn with_passkey(&self, person: &mut Person) -> SoftAuthenticator {
        let mut key = SoftAuthenticator::passkey();
        let started = self.mfa.enrol_key(Enroller::Session(&person.by), KeyRequest::passkey()).await.unwrap();
        let credential = key.register(started.public_key.as_str(), ORIGIN).unwrap();
        let bound = self.mfa.confirm_key(Enroller::Session(&person.by), started.id, &credential).await.unwrap();
        person.by = self.mfa.authenticate(bound.tokens.access_token().expose()).unwrap();
        person.tokens = bound.tokens;
        key
    }

    pub(crate) async fn asked(&self, person: &Person) -> LoginChallenge {
        let LoginOutcome::Challenge(asked) = self.log_in(&person.subject).await else { panic!("nothing was asked") };
        asked
    }
}

impl Person {
    /// A code that is none of those that are good now.
    pub(crate) fn wrong_code(&self, now: Timestamp) -> String {
        let good = [now.minus(STEP), now, now.plus(STEP)].map(|at| self.app.code(at));
        // One of four is none of three.
        let all = ["000000", "111111", "222222", "333333"];
        all.into_iter().find(|code| good.iter().all(|good| good != code)).unwrap().to_owned()
    }
}

pub(crate) fn answer(asked: &LoginChallenge, reply: Reply) -> What {
    What::Answer { token: asked.token.expose().to_owned(), challenge: asked.id.to_string(), reply }
}

/// What a browser hands to the authenticator.
pub(crate) fn options(asked: &LoginChallenge) -> OptionsJson {
    asked.methods.iter().find_map(|offer| offer.public_key.clone()).unwrap()
}
