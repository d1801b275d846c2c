//! A service for `try.py`: the routes, and `POST /world`, which gives a caller everything that a
//! request can be about, of people nobody has dealt with before.
//!
//! So one request never spoils another: each logs its own person out, locks its own person's app,
//! or removes it. The clock is turned by hand, so no code is too early and nothing depends on how
//! quick the machine is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::State;
use axum::http::Method;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tower_mfa::account::{Enrolment, FirstFactor};
use tower_mfa::assurance::{Authentication, Requirement};
use tower_mfa::id::Subject;
use tower_mfa::middleware::route_policy::{RoutePolicy, Rule};
use tower_mfa::policy::{Login, Policy, PolicyBuilder, PolicySource, Who};
use tower_mfa::recovery_code::{Count, Scheme};
use tower_mfa::service::{
    AnswerOutcome, ChallengeOutcome, ChallengeRequest, Enroller, KeyRequest, Keys, LoginChallenge, LoginOutcome, Mfa,
    Reply, Responder, TotpEnrolment,
};
use tower_mfa::store::MemoryStore;
use tower_mfa::testing::{AuthenticatorApp, ManualClock, SoftAuthenticator};
use tower_mfa::webauthn::RelyingParty;

/// Where the administration is.
const ADMINISTRATION: &str = "/admin/mfa";
/// Where the pages would stand.
const ORIGIN: &str = "https://id.example";

type Wrong = Box<dyn std::error::Error + Send + Sync>;

/// A newcomer must bind an app before there is a session; nobody else has to.
struct ByName {
    newcomers: Arc<Policy>,
    others: Arc<Policy>,
}

impl PolicySource for ByName {
    fn policy(&self, who: Who<'_>) -> Arc<Policy> {
        let policy = if who.subject.id().starts_with("newcomer") { &self.newcomers } else { &self.others };
        Arc::clone(policy)
    }
}

#[derive(Clone)]
struct Service {
    mfa: Mfa,
    clock: ManualClock,
    people: Arc<AtomicU64>,
}

/// What the service is set up with for everybody; hashing recovery codes is not what is tried here.
fn policy(login: Login) -> Result<PolicyBuilder, Wrong> {
    Ok(Policy::builder()
        .login(login)
        .recovery_codes(Count::new(5)?)
        .recovery_scheme(Scheme::argon2id(7_168, 5, 1)?)
        .action("transfer_funds", Requirement::aal2().within(300))
        .disable_by_code(true))
}

impl Service {
    fn new(origin: &str) -> Result<Self, Wrong> {
        let clock = ManualClock::at(1_800_000_000);
        let newcomers = Arc::new(policy(Login::Required)?.build()?);
        let others = Arc::new(policy(Login::IfEnrolled)?.build()?);
        let mfa = Mfa::builder(MemoryStore::new())
            .issuer(origin)
            .audience("openapi")
            .keys(Keys::generate()?)
            .policy_source(ByName { newcomers, others })
            .cookies(true)
            .admin_mounted_at(ADMINISTRATION)
            .webauthn(RelyingParty::builder("id.example", ORIGIN).build()?)
            .with_clock(clock.clone())
            .build()?;
        Ok(Self { mfa, clock, people: Arc::default() })
    }

    /// Everybody is an operator, too: who may see the administration is decided by a role that no request has.
    async fn login(&self, name: &str) -> Result<LoginOutcome, Wrong> {
        let first = FirstFactor::password_checked_by_host(Subject::new(name)?, self.clock.time());
        Ok(self.mfa.begin(first.roles(["admin"])).await?)
    }

    /// A login of somebody who has an app, and is asked for a code of it.
    async fn asked(&self, name: &str) -> Result<LoginChallenge, Wrong> {
        self.clock.advance(30);
        match self.login(name).await? {
            LoginOutcome::Challenge(asked) => Ok(asked),
            other => Err(format!("no challenge but {other:?}").into()),
        }
    }

    async fn begin_to_bind(&self, by: Enroller<'_>) -> Result<(Enrolment, AuthenticatorApp), Wrong> {
        let started = self.mfa.enrol_totp(by, TotpEnrolment::new().label("phone")).await?;
        let app = AuthenticatorApp::scan(started.otpauth_uri.expose())?;
        Ok((started, app))
    }

    /// Somebody with an app, a session, another session elsewhere, and two open challenges; and a
    /// newcomer who has begun to bind an app.
    async fn world(&self) -> Result<Value, Wrong> {
        let number = self.people.fetch_add(1, Ordering::Relaxed);
        let name = format!("person-{number}");
        let LoginOutcome::Complete(tokens) = self.login(&name).await? else { return Err("nothing is bound".into()) };
        let first = self.mfa.authenticate(tokens.access_token().expose())?;
        let (started, app) = self.begin_to_bind(Enroller::Session(&first)).await?;
        let bound = self.mfa.confirm(Enroller::Session(&first), started.id, app.code(self.clock.time())).await?;
        let session = self.mfa.authenticate(bound.tokens.access_token().expose())?;

        let asked = self.asked(&name).await?;
        let reply = Reply::totp(app.code(self.clock.time()));
        let elsewhere = match self.mfa.answer(Responder::Token(&asked.token), asked.id, reply).await? {
            AnswerOutcome::Complete(answer) => self.mfa.authenticate(answer.tokens.access_token().expose())?,
            more => return Err(format!("one code is not enough: {more:?}").into()),
        };
        let asked = self.asked(&name).await?;
        let newcomer = self.newcomer(number).await?;
        let (registration, passkey) = self.passkey(number).await?;
        let codes = bound.recovery_codes.unwrap_or_default();
        Ok(json!({
            "subject": name,
            "session": bound.tokens.access_token().expose(),
            "refresh": bound.tokens.refresh_token().map(|token| token.expose()),
            "authenticator": started.id,
            "elsewhere": elsewhere.session(),
            "code": app.code(self.clock.time()),
            "recovery_code": codes.first().map(|code| code.expose()),
            "step_up": self.step_up(&session).await?,
            "challenge": asked.id,
            "challenge_token": asked.token.expose(),
            "newcomer": newcomer,
            "passkey": passkey,
            "registration": registration,
        }))
    }

    /// A challenge that a session has opened.
    async fn step_up(&self, session: &Authentication) -> Result<Value, Wrong> {
        let transfer = ChallengeRequest::new().action("transfer_funds").bind([("to", "bob")])?;
        match self.mfa.open_challenge(session, transfer).await? {
            ChallengeOutcome::Pending(view) => Ok(json!(view.id)),
            other => Err(format!("a bound action always asks: {other:?}").into()),
        }
    }

    /// What a passkey was bound with, and its answer to a sign-in that has begun.
    async fn passkey(&self, number: u64) -> Result<(Value, Value), Wrong> {
        let outcome = self.login(&format!("keyholder-{number}")).await?;
        let LoginOutcome::Complete(tokens) = outcome else { return Err("nothing is bound".into()) };
        let by = self.mfa.authenticate(tokens.access_token().expose())?;
        let started = self.mfa.enrol_key(Enroller::Session(&by), KeyRequest::passkey()).await?;
        let mut key = SoftAuthenticator::passkey();
        let made = key.register(started.public_key.as_str(), ORIGIN)?;
        drop(self.mfa.confirm_key(Enroller::Session(&by), started.id, &made).await?);
        let asked = self.mfa.start_passkey(None).await?;
        let credential: Value = serde_json::from_str(&key.assert(asked.public_key.as_str(), ORIGIN)?)?;
        let finish = json!({
            "challenge_id": asked.id,
            "challenge_token": asked.token.expose(),
            "credential": credential,
        });
        Ok((serde_json::from_str(&made)?, finish))
    }

    async fn newcomer(&self, number: u64) -> Result<Value, Wrong> {
        let outcome = self.login(&format!("newcomer-{number}")).await?;
        let LoginOutcome::EnrolmentRequired { enrolment_token, .. } = outcome else {
            return Err("a newcomer has to enrol".into());
        };
        let (started, app) = self.begin_to_bind(Enroller::Token(&enrolment_token)).await?;
        Ok(json!({
            "token": enrolment_token.expose(),
            "authenticator": started.id,
            "code": app.code(self.clock.time()),
        }))
    }
}

/// What is there to be explained.
fn routes() -> Result<RoutePolicy, Wrong> {
    let account = Rule::on_any_method("account", "/account").require(Requirement::aal2());
    let vault = Rule::on("vault", [Method::GET], "/vault/{*rest}").require(Requirement::aal3().within(300));
    Ok(RoutePolicy::builder().rule(account).rule(vault).build()?)
}

async fn world(State(service): State<Service>) -> Result<Json<Value>, String> {
    service.world().await.map(Json).map_err(|wrong| wrong.to_string())
}

#[tokio::main]
async fn main() -> Result<(), Wrong> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let origin = format!("http://{}", listener.local_addr()?);
    let service = Service::new(&origin)?;
    let mfa = service.mfa.clone();
    let app = Router::new()
        .route("/world", post(world))
        .with_state(service)
        .nest("/mfa", mfa.routes())
        .nest(ADMINISTRATION, mfa.admin_routes().explaining(routes()?).into_router())
        .merge(mfa.well_known());
    println!("{origin}");
    axum::serve(listener, app).await?;
    Ok(())
}
