//! The routes of a small bank, each with what it asks for beside it.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::http::header::{CACHE_CONTROL, HOST};
use axum::http::uri::Authority;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde_json::json;
use tower_mfa::assurance::Requirement;
use tower_mfa::error::ConfigError;
use tower_mfa::extract::Authenticated;
use tower_mfa::middleware::problem::{Code, Problem};
use tower_mfa::middleware::{Approved, RequireLayer, TransactionLayer};
use tower_mfa::service::Mfa;

use crate::body::Members;
use crate::login::login;
use crate::page;
use crate::users::Users;

/// The action a transfer is.
pub(crate) const TRANSFER: &str = "transfer_funds";
/// What of it is approved.
pub(crate) const OF_A_TRANSFER: [&str; 2] = ["to", "amount"];

const BODY_LIMIT: usize = 64 * 1024;

pub(crate) struct App {
    pub(crate) mfa: Mfa,
    pub(crate) users: Users,
    pub(crate) loopback: bool,
    pub(crate) transfer: Requirement,
}

pub(crate) fn router(app: App) -> Result<Router, ConfigError> {
    let app = Arc::new(app);
    let mut router = protected(&app)?
        .route("/public", get(async || Json(json!({ "message": "Anybody may read this." }))))
        .route("/login", post(login));
    if app.loopback {
        router = router.route("/dev/inbox", get(inbox));
    }
    let router = router
        .with_state(Arc::clone(&app))
        .nest(app.mfa.mounted_at(), app.mfa.routes())
        .merge(app.mfa.well_known())
        .merge(page::router())
        .fallback(nowhere)
        .method_not_allowed_fallback(nowhere)
        .layer(DefaultBodyLimit::max(BODY_LIMIT));
    Ok(if app.loopback { router.layer(middleware::from_fn(only_by_our_name)) } else { router })
}

/// What the layers guard. Each route says what it wants; the token is looked at once, outside.
fn protected(app: &App) -> Result<Router<Arc<App>>, ConfigError> {
    // An approval is good once, and for this recipient and amount alone.
    let transfer = TransactionLayer::builder(app.transfer.clone().for_action(TRANSFER))
        .parameters(OF_A_TRANSFER)
        .redeem(Arc::new(app.mfa.clone()))
        .body_limit(BODY_LIMIT)
        .build()?;
    // A script may send a code beside its token (`X-MFA-Token`).
    let second_step = RequireLayer::new(Requirement::aal2()).inline_codes(Arc::new(app.mfa.clone()));
    Ok(Router::new()
        .route("/profile", get(profile).route_layer(RequireLayer::new(Requirement::aal1())))
        .route("/account", get(account).route_layer(second_step))
        .route("/transfer", post(send_money).route_layer(transfer).route_layer(middleware::from_fn(legible)))
        .route("/vault", get(vault).route_layer(RequireLayer::new(Requirement::aal3().phishing_resistant())))
        .route("/admin", get(admin).route_layer(RequireLayer::new(Requirement::aal2().with_role("admin"))))
        .layer(app.mfa.authenticate_layer()))
}

async fn profile(State(app): State<Arc<App>>, who: Authenticated) -> Response {
    private(&json!({
        "subject": who.subject().id(),
        "acr": app.mfa.verifier().acr_names().of(who.assurance().level()),
        "amr": who.assurance().amr(),
        "roles": who.roles(),
    }))
}

async fn account(who: Authenticated) -> Response {
    private(&json!({ "subject": who.subject().id(), "balance": 1250, "currency": "EUR" }))
}

/// A body that makes sense as a transfer.
struct Transfer;

impl<S: Send + Sync> FromRequest<S> for Transfer {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let mut body = Members::from_request(request, state).await?;
        let (to, amount) = (body.take::<String>("to")?, body.take::<u64>("amount")?);
        body.end()?;
        let refused = |field, rule| Err(answer(Problem::new(Code::InvalidRequest).field(field).detail(rule)));
        match &*to {
            "" => refused("to", "to must name who gets the money."),
            to if to.trim() != to => refused("to", "to must not begin or end with spaces."),
            to if to.chars().count() > 64 => refused("to", "to must have at most 64 characters."),
            _ if !(1..=1_000_000).contains(&amount) => refused("amount", "amount must be 1 to 1000000."),
            _ => Ok(Self),
        }
    }
}

/// Lets through what makes sense as a transfer. It stands before the requirement, so that nobody is
/// asked for a code, and uses it up, for a slip of the finger.
async fn legible(_who: Authenticated, request: Request, next: Next) -> Result<Response, Response> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, BODY_LIMIT).await.map_err(|_| answer(Problem::new(Code::TooLarge)))?;
    let again = |body| Request::from_parts(parts.clone(), Body::from(body));
    Transfer::from_request(again(body.clone()), &()).await?;
    Ok(next.run(again(body)).await)
}

/// What is done is what was approved: the body is not read again.
async fn send_money(Extension(approved): Extension<Approved>) -> Response {
    private(&json!({
        "status": "sent",
        "from": approved.subject().id(),
        "to": approved.text("to"),
        "amount": approved.integer("amount"),
        "currency": "EUR",
    }))
}

async fn vault(who: Authenticated) -> Response {
    private(&json!({ "subject": who.subject().id(), "message": "The vault is open." }))
}

async fn admin(who: Authenticated) -> Response {
    private(
        &json!({ "subject": who.subject().id(), "message": "You are an administrator.", "users": crate::users::NAMES }),
    )
}

/// Codes that would have been sent by SMS or e-mail: nothing is sent yet, so there are none.
async fn inbox() -> Response {
    private(&json!({ "items": [], "next": null }))
}

fn private(body: &serde_json::Value) -> Response {
    ([(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

/// What is not there, by any method.
pub(crate) async fn nowhere() -> Response {
    answer(Problem::new(Code::NotFound).detail("There is nothing at this address."))
}

pub(crate) fn answer(problem: Problem) -> Response {
    problem.into_response().map(Into::into)
}

/// A page elsewhere can give its own name our address (DNS rebinding) and would then be of the same
/// origin. So on loopback a request must name this machine.
async fn only_by_our_name(request: Request, next: Next) -> Response {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let host = request.uri().authority().cloned().or_else(|| host?.parse::<Authority>().ok());
    let ours = host.is_some_and(|host| {
        let name = host.host();
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
        name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
    });
    if ours {
        return next.run(request).await;
    }
    answer(Problem::new(Code::Forbidden).detail("This service answers to localhost alone."))
}
