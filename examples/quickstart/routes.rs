//! The routes of a small bank. What each asks for stands in the policy file, `policy.toml`.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{DefaultBodyLimit, FromRequest, FromRequestParts as _, Request, State};
use axum::handler::Handler;
use axum::http::Method;
use axum::http::header::{CACHE_CONTROL, HOST};
use axum::http::uri::Authority;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{self, MethodRouter};
use axum::{Extension, Json, Router};
use serde_json::json;
use tower::Layer as _;
use tower_mfa::extract::Authenticated;
use tower_mfa::middleware::Approved;
use tower_mfa::middleware::problem::{Code, Problem};
use tower_mfa::service::{FileRoutes, Mfa};

use crate::body::Members;
use crate::login::login;
use crate::page;
use crate::terminal::Terminal;
use crate::users::Users;

/// Where the administration stands.
pub(crate) const ADMINISTRATION: &str = "/admin/mfa";
const TRANSFER: &str = "/transfer";
const BODY_LIMIT: usize = 64 * 1024;

pub(crate) struct App {
    pub(crate) mfa: Mfa,
    pub(crate) users: Users,
    pub(crate) loopback: bool,
}

/// A route of the bank's own.
struct Route {
    method: Method,
    path: &'static str,
    serve: MethodRouter<Arc<App>>,
}

fn get<T: 'static>(path: &'static str, handler: impl Handler<T, Arc<App>>) -> Route {
    Route { method: Method::GET, path, serve: routing::get(handler) }
}

fn post<T: 'static>(path: &'static str, handler: impl Handler<T, Arc<App>>) -> Route {
    Route { method: Method::POST, path, serve: routing::post(handler) }
}

/// All of the bank's own routes: the router is made of this list, and so is what `--routes` prints.
fn own() -> Vec<Route> {
    vec![
        get("/", page::index),
        get("/assets/{name}", page::asset),
        post("/login", login),
        get("/public", async || Json(json!({ "message": "Anybody may read this." }))),
        get("/profile", profile),
        get("/account", account),
        post(TRANSFER, send_money),
        get("/vault", vault),
        get("/admin", admin),
        get("/dev/inbox", inbox),
    ]
}

/// Every method and path that is served, those of the library by what they are nested under.
pub(crate) fn served(mfa: &Mfa) -> Vec<(Method, String)> {
    let own = own().into_iter().map(|route| (route.method, route.path.to_owned()));
    let below = |prefix: &str, methods: &[Method]| -> Vec<(Method, String)> {
        methods.iter().map(|method| (method.clone(), format!("{prefix}/{{*rest}}"))).collect()
    };
    own.chain(below(mfa.mounted_at(), &[Method::GET, Method::POST, Method::PATCH, Method::DELETE]))
        .chain(below(ADMINISTRATION, &[Method::GET]))
        .chain(["/.well-known/jwks.json", "/.well-known/webauthn"].map(|path| (Method::GET, path.to_owned())))
        .collect()
}

/// The whole service. A request meets, in this order: who it is of, whether it makes sense as a
/// transfer, what the policy asks of it, and the router.
pub(crate) fn service(app: App, policy: &FileRoutes, terminal: Terminal) -> Router {
    let (mfa, is_loopback) = (app.mfa.clone(), app.loopback);
    let own = own().into_iter().filter(|route| is_loopback || !route.path.starts_with("/dev/"));
    let router = own.fold(Router::new(), |router, route| router.route(route.path, route.serve));
    let router = router
        .with_state(Arc::new(app))
        .nest(mfa.mounted_at(), mfa.routes())
        .nest(ADMINISTRATION, mfa.admin_routes().explaining(policy.clone()).into_router())
        .merge(mfa.well_known())
        .fallback(nowhere)
        .method_not_allowed_fallback(nowhere)
        .layer(DefaultBodyLimit::max(BODY_LIMIT));
    // Around the router, not on its routes: what is forgotten is denied.
    let policy = mfa.route_policy_layer(policy.clone()).on_report(move |report| terminal.report(report));
    let guarded = middleware::from_fn(legible).layer(policy.layer(router));
    let service = Router::new().fallback_service(mfa.authenticate_layer().layer(guarded));
    if is_loopback { service.layer(middleware::from_fn(only_by_our_name)) } else { service }
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
#[derive(Clone)]
struct Transfer {
    to: String,
    amount: i64,
}

impl<S: Send + Sync> FromRequest<S> for Transfer {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let mut body = Members::from_request(request, state).await?;
        let (to, amount) = (body.take::<String>("to")?, body.take::<i64>("amount")?);
        body.end()?;
        let refused = |field, rule| Err(answer(Problem::new(Code::InvalidRequest).field(field).detail(rule)));
        match &*to {
            "" => refused("to", "to must name who gets the money."),
            text if text.trim() != text => refused("to", "to must not begin or end with spaces."),
            text if text.chars().count() > 64 => refused("to", "to must have at most 64 characters."),
            _ if !(1..=1_000_000).contains(&amount) => refused("amount", "amount must be 1 to 1000000."),
            _ => Ok(Self { to, amount }),
        }
    }
}

/// Lets through what makes sense as a transfer. It stands before the policy, so that nobody is asked
/// for a code, and uses it up, for a slip of the finger.
async fn legible(request: Request, next: Next) -> Result<Response, Response> {
    if request.method() != Method::POST || request.uri().path() != TRANSFER {
        return Ok(next.run(request).await);
    }
    let (mut parts, body) = request.into_parts();
    // A stranger's body is not read.
    Authenticated::from_request_parts(&mut parts, &()).await.map_err(IntoResponse::into_response)?;
    let body = to_bytes(body, BODY_LIMIT).await.map_err(|_| answer(Problem::new(Code::TooLarge)))?;
    let again = |body| Request::from_parts(parts.clone(), Body::from(body));
    let sent = Transfer::from_request(again(body.clone()), &()).await?;
    let mut request = again(body);
    request.extensions_mut().insert(sent);
    Ok(next.run(request).await)
}

/// What is done is what was approved. Where the policy asks for no approval, because its rule only
/// reports or is off, it is what was sent.
async fn send_money(
    who: Authenticated,
    approved: Option<Extension<Approved>>,
    Extension(sent): Extension<Transfer>,
) -> Response {
    let approved = approved.as_ref();
    private(&json!({
        "status": "sent",
        "from": who.subject().id(),
        "to": approved.and_then(|approved| approved.text("to")).unwrap_or(&sent.to),
        "amount": approved.and_then(|approved| approved.integer("amount")).unwrap_or(sent.amount),
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
/// origin. So on loopback a request must name this machine, or nobody at all: no browser leaves the name out, and a load
/// balancer that asks how this replica is may.
async fn only_by_our_name(request: Request, next: Next) -> Response {
    let header = request.headers().get(HOST);
    let by_header = || header?.to_str().ok()?.parse::<Authority>().ok();
    let named = request.uri().authority().cloned().or_else(by_header);
    let nobody = header.is_none() && request.uri().authority().is_none();
    let ours = named.is_some_and(|host| {
        let name = host.host();
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
        name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
    });
    if ours || nobody {
        return next.run(request).await;
    }
    answer(Problem::new(Code::Forbidden).detail("This service answers to localhost alone."))
}
