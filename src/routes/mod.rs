//! The JSON API, on axum: extract, call, answer. The contract is `docs/HTTP.md`; a service says
//! what of it it serves at `GET {mounted_at}/openapi.json` ([`Mfa::openapi_json`]).
//!
//! [`Mfa::routes`] carries no prefix: nest it where the builder says
//! ([`mounted_at`](crate::service::MfaBuilder::mounted_at)). [`Mfa::well_known`] is merged at the
//! root. The host's own login route answers with [`Mfa::login_response`].
//!
//! ```
//! use axum::Router;
//! use axum::body::Body;
//! use http::{Request, StatusCode};
//! use tower::ServiceExt;
//! use tower_mfa::service::{Keys, Mfa};
//! use tower_mfa::store::MemoryStore;
//!
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! let mfa = Mfa::builder(MemoryStore::new())
//!     .issuer("https://id.example")
//!     .audience("api")
//!     .keys(Keys::generate().unwrap())
//!     .build()
//!     .unwrap();
//! let app: Router = Router::new().nest("/mfa", mfa.routes()).merge(mfa.well_known());
//!
//! let get = |path: &str| Request::get(path).body(Body::empty()).unwrap();
//! let keys = app.clone().oneshot(get("/.well-known/jwks.json")).await.unwrap();
//! assert_eq!(keys.status(), StatusCode::OK);
//! let status = app.oneshot(get("/mfa/status")).await.unwrap();
//! assert_eq!(status.status(), StatusCode::UNAUTHORIZED, "no token, no status");
//! # });
//! ```

mod address;
mod admin;
mod answer;
mod authenticators;
mod body;
mod browser;
mod challenges;
mod cookies;
mod holder;
mod openapi;
mod operation;
mod page;
mod passkeys;
mod path;
mod problems;
mod query;
mod sessions;
mod table;

use axum::extract::{DefaultBodyLimit, Request};
use axum::response::Response;
use axum::{Extension, Router};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};

use crate::extract::original_uri;
use crate::middleware::problem::{Code, Problem};
use crate::middleware::refusal::Form;
use crate::middleware::route_policy::{Read, RoutePolicySource};
use crate::middleware::{AuthenticateLayer, RoutePolicyLayer, Source};
use crate::service::{Error, LoginOutcome, Mfa};
pub use admin::AdminRoutes;
pub use browser::BROWSER_MODULE;
use cookies::CookieNames;

/// Longest body of a request, in bytes (`HTTP.md`).
const BODY_MAX: usize = 64 * 1024;

impl Mfa {
    /// Returns the layer that finds out who a request to this service comes from.
    ///
    /// It takes tokens from `Authorization: Bearer`, from the session cookie where cookies are on,
    /// and from `X-Session-Token` where that is on. The peer is axum's `ConnectInfo<SocketAddr>`, or
    /// what a trusted proxy says of it. Put it around everything that has a
    /// [`RequireLayer`](crate::middleware::RequireLayer) or an extractor inside.
    pub fn authenticate_layer(&self) -> AuthenticateLayer {
        let mut sources = vec![Source::BEARER];
        if self.uses_cookies() {
            sources.push(CookieNames::of(self).source());
        }
        if self.uses_session_token_header() {
            sources.push(Source::SESSION_TOKEN);
        }
        let mfa = self.clone();
        let layer = AuthenticateLayer::new(self.verifier())
            .client_address(move |extensions, headers| address::find(extensions, headers, mfa.trusted_proxies()))
            .sources(sources)
            .with_clock(self.clock())
            .trusted_origins(self.trusted_origins().clone())
            .step_up_uri(self.step_up_uri());
        // The builder has checked the realm by the same rule.
        layer.clone().realm(self.realm()).unwrap_or(layer)
    }

    /// Returns the layer that holds a whole axum service to a policy.
    ///
    /// It knows the URI before `nest` and reads bodies for the rules that are transactions. Put it inside
    /// of [`authenticate_layer`](Self::authenticate_layer), and both around the whole router. The routes of
    /// this `Mfa` decide for themselves: name them `guarded_elsewhere`.
    pub fn route_policy_layer(&self, source: impl RoutePolicySource) -> RoutePolicyLayer<Read> {
        RoutePolicyLayer::new(source).original_uri(original_uri).with_clock(self.clock()).with_bodies()
    }

    /// Returns the JSON API, without a prefix.
    pub fn routes(&self) -> Router {
        let router = operation::router(table::api()).fallback(not_found).method_not_allowed_fallback(not_found);
        guarded(router, self).layer(Extension(openapi::Served::of(self))).with_state(self.clone())
    }

    /// Begins the routes of the administration, for operators: nest what they make where the host says.
    pub fn admin_routes(&self) -> AdminRoutes {
        AdminRoutes::of(self)
    }

    /// Returns what is served below `/.well-known`: the public keys, and related origins.
    pub fn well_known(&self) -> Router {
        // No fallback for other addresses: those at the root are the host's.
        operation::router(table::well_known())
            .method_not_allowed_fallback(not_found)
            .layer(axum::middleware::map_response(no_store))
            .with_state(self.clone())
    }

    /// Says whether a login may be tried at all; ask it before the password is looked at.
    ///
    /// `headers` are those of the login request. [`Mfa::login_response`] refuses the same again, but by
    /// then a session was begun, which counts among the subject's and stands in the trail.
    ///
    /// ```
    /// use http::{HeaderMap, HeaderValue, StatusCode};
    /// use tower_mfa::service::{Keys, Mfa};
    /// use tower_mfa::store::MemoryStore;
    ///
    /// let mfa = Mfa::builder(MemoryStore::new()).issuer("https://id.example").audience("api").cookies(true);
    /// let mfa = mfa.keys(Keys::generate().unwrap()).build().unwrap();
    /// let from = |site| HeaderMap::from_iter([("sec-fetch-site".parse().unwrap(), HeaderValue::from_static(site))]);
    /// assert!(mfa.login_allowed(&from("same-origin")).is_ok());
    /// assert_eq!(mfa.login_allowed(&from("cross-site")).unwrap_err().status(), StatusCode::FORBIDDEN);
    /// ```
    ///
    /// # Errors
    ///
    /// The answer to give, `403 forbidden`: with cookies on, a page of another site caused the request.
    pub fn login_allowed(&self, headers: &HeaderMap) -> Result<(), Response> {
        answer::login_allowed(self, headers)
    }

    /// Returns the OpenAPI 3.1 document of [`Mfa::routes`] and [`Mfa::well_known`], and of the administration
    /// where the builder says where it is ([`admin_mounted_at`](crate::service::MfaBuilder::admin_mounted_at)), a
    /// JSON text.
    ///
    /// It is made of the same table as the routers, with the names, cookies and addresses of this
    /// service, and is what `GET {mounted_at}/openapi.json` serves to anybody: it says nothing that is
    /// secret. Its schema `LoginOutcome` is what [`Mfa::login_response`] answers, for the document of
    /// the host's own routes.
    ///
    /// ```
    /// use tower_mfa::service::{Keys, Mfa};
    /// use tower_mfa::store::MemoryStore;
    ///
    /// let mfa = Mfa::builder(MemoryStore::new())
    ///     .issuer("https://id.example")
    ///     .audience("api")
    ///     .keys(Keys::generate().unwrap())
    ///     .mounted_at("/account/mfa")
    ///     .build()
    ///     .unwrap();
    /// let document: serde_json::Value = serde_json::from_str(&mfa.openapi_json()).unwrap();
    /// assert_eq!(document["openapi"], "3.1.0");
    /// assert_eq!(document["servers"][0]["url"], "/account/mfa");
    /// assert!(document["paths"]["/status"]["get"].is_object());
    /// assert!(document["paths"].get("/login").is_none(), "the login route is the host's");
    /// ```
    #[must_use]
    pub fn openapi_json(&self) -> String {
        let api = openapi::Area { mounted_at: self.mounted_at(), rows: table::api() };
        let well_known = openapi::Area { mounted_at: "", rows: table::well_known() };
        let admin = self.admin_mounted_at().map(|path| openapi::Area { mounted_at: path, rows: table::admin() });
        let elsewhere: Vec<openapi::Area<'_>> = [well_known].into_iter().chain(admin).collect();
        openapi::document(self, &api, &elsewhere).to_string()
    }

    /// Answers the host's login route: the outcome as JSON, its tokens in cookies where the request
    /// comes from a browser and cookies are on.
    ///
    /// `headers` are those of the login request.
    ///
    /// # Security
    ///
    /// With cookies on, a login that a page of another site caused is answered `403` and sets none:
    /// else a stranger could sign a person in as somebody else, and read what she then enters. Ask
    /// [`Mfa::login_allowed`] first, before the password.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "an outcome is answered once: it holds the tokens")]
    pub fn login_response(&self, headers: &HeaderMap, outcome: LoginOutcome) -> Response {
        answer::login(self, headers, &outcome)
    }

    /// Answers a refusal of a directly called operation as the routes do.
    #[must_use]
    pub fn error_response(&self, error: &Error) -> Response {
        problems::response(self, error)
    }
}

/// What goes around all of our routes: who it is, how long a body may be, and that nothing is kept.
fn guarded<S: Clone + Send + Sync + 'static>(router: Router<S>, mfa: &Mfa) -> Router<S> {
    router
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(mfa.authenticate_layer())
        .layer(axum::middleware::map_request(never_grpc))
        .layer(axum::middleware::map_response(no_store))
}

/// What is not there, by any method, is a problem like any other.
async fn not_found() -> Response {
    problems::write(Problem::new(Code::NotFound).detail("There is nothing at this address."))
}

/// There is no gRPC here. The extractors would answer a request that says so in its form, HTTP 200
/// with the refusal behind it; without the header it is a request of no media type we read.
async fn never_grpc(mut request: Request) -> Request {
    if Form::of(request.method(), request.headers()) == Form::Grpc {
        request.headers_mut().remove(CONTENT_TYPE);
    }
    request
}

async fn no_store(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
