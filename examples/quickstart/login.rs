//! `POST /login`: the host checks the password, then hands over.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, State};
use axum::http::HeaderMap;
use axum::response::Response;
use tower_mfa::account::FirstFactor;
use tower_mfa::clock::{Clock as _, SystemClock};
use tower_mfa::id::Subject;
use tower_mfa::middleware::problem::{Code, Problem};

use crate::body::Members;
use crate::routes::{App, answer};
use crate::users::Checked;

pub(crate) async fn login(
    State(app): State<Arc<App>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    mut body: Members,
) -> Result<Response, Response> {
    app.mfa.login_allowed(&headers)?;
    let (username, password): (String, String) = (body.take("username")?, body.take("password")?);
    body.end()?;
    let address = from.ip().to_canonical();
    Ok(match app.users.check(&username, &password, address).await {
        Checked::Right(user) => begin(&app, user, &address.to_string(), &headers).await,
        Checked::Wrong => answer(wrong(&app)),
        Checked::Throttled(wait) => {
            // Rounded up: a moment too early is refused again.
            let secs = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
            answer(Problem::new(Code::Throttled).retry_after(secs))
        }
    })
}

fn wrong(app: &App) -> Problem {
    let problem = Problem::new(Code::Unauthenticated).realm(app.mfa.realm().to_owned());
    problem.detail("The user name or the password is wrong.")
}

/// The password was right: what is still missing is for the library to say.
async fn begin(app: &App, user: &crate::users::User, address: &str, headers: &HeaderMap) -> Response {
    let (Ok(subject), Ok(now)) = (Subject::new(user.name), SystemClock.now()) else {
        return answer(Problem::new(Code::Unavailable));
    };
    let first = FirstFactor::password_checked_by_host(subject, now)
        .client("quickstart")
        .roles(user.roles.iter().copied())
        .address(address);
    match app.mfa.begin(first).await {
        Ok(outcome) => app.mfa.login_response(headers, outcome),
        Err(error) => app.mfa.error_response(&error),
    }
}
