//! A server that says hello to whoever may hear it, for `benches/wrk`: `hello plain`, `hello identity`,
//! `hello layers`, `hello by-hand` or `hello axum-login`.
//!
//! It prints where it listens and the header to send; all get a request of the same size but
//! the last, whose cookie is shorter than a token.

use std::future::ready;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use axum_login::{AuthManagerLayerBuilder, AuthSession, AuthUser, AuthnBackend, UserId, login_required};
use http::StatusCode;
use tower::ServiceExt as _;
use tower::layer::util::Identity;
use tower_mfa::assurance::Requirement;
use tower_mfa::clock::{Clock as _, SystemClock};
use tower_mfa::middleware::{AuthenticateLayer, RequireLayer};
use tower_mfa::store::MemoryStore;
use tower_mfa::token::Algorithm;
use tower_mfa_benches::Turned;
use tower_mfa_benches::peer::HandWritten;
use tower_mfa_benches::scene::{AUDIENCE, ISSUER, SUBJECT, Scene};
use tower_sessions::{MemoryStore as Sessions, SessionManagerLayer};

#[tokio::main]
async fn main() {
    let kind = std::env::args().nth(1).unwrap_or_default();
    let now = SystemClock.now().unwrap().as_secs();
    let scene = Scene::set(MemoryStore::new(), Algorithm::Rs256, Turned::at(now - 60)).await;
    let bearer = format!("authorization: Bearer {}", scene.sign_in().await.access_token().expose());
    let hello = Router::new().route("/", get(|| ready("hello")));
    let (app, header) = match &*kind {
        "plain" => (hello, bearer),
        // What axum itself takes for a layer, and no layer can be without.
        "identity" => (hello.layer(Identity::new()), bearer),
        "layers" => {
            let requirement = RequireLayer::new(Requirement::aal2().within(300));
            // Both in one: axum boxes what every call of `layer` puts around a route.
            (hello.layer((AuthenticateLayer::new(scene.mfa.verifier()), requirement)), bearer)
        }
        "by-hand" => (by_hand(hello, &scene), bearer),
        "axum-login" => signed_in(with_axum_login(hello)).await,
        _ => panic!("hello plain|identity|layers|by-hand|axum-login"),
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("http://{}/\n{header}", listener.local_addr().unwrap());
    axum::serve(listener, app).await.unwrap();
}

/// What a host writes by hand: each token is verified anew.
fn by_hand(hello: Router, scene: &Scene) -> Router {
    let checker = HandWritten::new((), &scene.mfa.jwks_json().unwrap(), ISSUER, AUDIENCE);
    hello.layer(from_fn(move |mut request: Request, next: Next| {
        let claims = checker.check(&request);
        async move {
            let Some(claims) = claims else { return StatusCode::UNAUTHORIZED.into_response() };
            request.extensions_mut().insert(std::sync::Arc::new(claims));
            next.run(request).await
        }
    }))
}

/// One user, who needs no password here: what is timed is finding her again.
#[derive(Debug, Clone)]
struct Users;

#[derive(Debug, Clone)]
struct User;

impl AuthUser for User {
    type Id = String;

    fn id(&self) -> String {
        SUBJECT.to_owned()
    }

    fn session_auth_hash(&self) -> &[u8] {
        b"the hash of a password"
    }
}

impl AuthnBackend for Users {
    type User = User;
    type Credentials = ();
    type Error = std::convert::Infallible;

    async fn authenticate(&self, (): ()) -> Result<Option<User>, Self::Error> {
        Ok(Some(User))
    }

    async fn get_user(&self, _: &UserId<Self>) -> Result<Option<User>, Self::Error> {
        Ok(Some(User))
    }
}

fn with_axum_login(hello: Router) -> Router {
    let sessions = SessionManagerLayer::new(Sessions::default()).with_secure(false);
    let login = post(|mut session: AuthSession<Users>| async move {
        session.login(&User).await.unwrap();
    });
    hello
        .route_layer(login_required!(Users))
        .route("/login", login)
        .layer(AuthManagerLayerBuilder::new(Users, sessions).build())
}

async fn signed_in(app: Router) -> (Router, String) {
    let request = Request::post("/login").body(Body::empty()).unwrap();
    let answer = app.clone().oneshot(request).await.unwrap();
    let cookie = answer.headers()["set-cookie"].to_str().unwrap();
    let header = format!("cookie: {}", cookie.split(';').next().unwrap());
    (app, header)
}
