//! Every operation there is, one row each.
//!
//! To add one, write its handler, describe what it answers in `openapi/answers/`, and add a row.

use http::StatusCode;

use super::body::Nothing;
use super::openapi::answers::{
    Authenticator, Begun, Bound, Codes, Document, Events, Explanation, Id, JwkSet, Login, Met, Opened, PasskeyStarted,
    Pending, RelatedOrigins, Sessions, Status, Tokens, Verified,
};
use super::openapi::queries::{Address, MethodName, Name};
use super::operation::{Caller, Operation};
use super::{admin, authenticators, browser, challenges, openapi, passkeys, sessions};
use crate::middleware::problem::Code;

const CHALLENGES: &str = "Challenges";
const AUTHENTICATORS: &str = "Authenticators";
const SESSIONS: &str = "Sessions";
const DISCOVERY: &str = "Discovery";
const ADMINISTRATION: &str = "Administration";

/// The sections there can be in the document, in order, with what they are about.
pub(super) const TAGS: [(&str, &str); 5] = [
    (CHALLENGES, "Questions to the holder of an account: the second step of a login, and every step-up."),
    (AUTHENTICATORS, "What is bound to an account: authenticator apps, passkeys, security keys and recovery codes."),
    (SESSIONS, "Who is signed in where, and what happened to the account."),
    (DISCOVERY, "What anybody may know: the public keys, and this document."),
    (ADMINISTRATION, "For operators: people with a role and a second factor."),
];

/// What [`Mfa::routes`](crate::service::Mfa::routes) serves, below where it is nested.
pub(super) fn api() -> Vec<Operation> {
    [challenges(), authenticators(), account(), sessions(), discovery()].into_iter().flatten().collect()
}

/// What [`Mfa::well_known`](crate::service::Mfa::well_known) serves, at the root.
pub(super) fn well_known() -> Vec<Operation> {
    vec![
        Operation::get("/.well-known/jwks.json", sessions::jwks)
            .named("jwks", DISCOVERY, "The public keys that access tokens are verified with (RFC 7517).")
            .by(Caller::Anybody)
            .answers::<JwkSet>(StatusCode::OK, "The keys; old ones until their last token is gone.")
            .refuses(&[Code::Unavailable]),
        Operation::get("/.well-known/webauthn", passkeys::related_origins)
            .named("relatedOrigins", DISCOVERY, "From which other origins passkeys may be used (WebAuthn §5.11).")
            .by(Caller::Anybody)
            .answers::<RelatedOrigins>(StatusCode::OK, "The origins; what is below the RP id is allowed anyway.")
            .refuses(&[Code::NotFound]),
    ]
}

/// What [`AdminRoutes`](super::AdminRoutes) serves, below where it is nested.
pub(super) fn admin() -> Vec<Operation> {
    explaining()
}

/// What of it is served where there is a route policy to explain.
pub(super) fn explaining() -> Vec<Operation> {
    vec![
        Operation::get("/explain", admin::explain)
            .named("explain", ADMINISTRATION, "Explains what the route policy makes of a request, and why.")
            .by(Caller::Operator)
            .asks::<MethodName>("method", "The method of the request.")
            .asks::<String>("path", "Its path as it is sent, percent-encoded; a query is no part of it.")
            .may_ask::<Name>("subject", "Whose request it is: nobody's, if left out.")
            .may_ask::<Name>("tenant", "The tenant of the subject.")
            .may_ask::<Id>("sid", "In which session of the subject: in the one used last, if left out.")
            .may_ask::<Address>("address", "Where it comes from: nobody knows, if left out.")
            .answers::<Explanation>(StatusCode::OK, "What becomes of it, as data and in sentences.")
            .refuses(&[Code::NotFound, Code::Unavailable]),
    ]
}

fn challenges() -> Vec<Operation> {
    vec![
        Operation::post("/challenges", challenges::open)
            .named("openChallenge", CHALLENGES, "Asks to prove more: opens a challenge from a session.")
            .reads::<challenges::OpenBody>()
            .sets_cookies()
            .answers::<Opened>(StatusCode::CREATED, "The question, with the ways to answer it.")
            .answers::<Met>(StatusCode::OK, "Nothing is missing: a token made from what was proved already.")
            .refuses(&[Code::Forbidden, Code::NoEligibleAuthenticator, Code::Unavailable]),
        Operation::get("/challenges/{id}", challenges::show)
            .named("showChallenge", CHALLENGES, "Shows a pending challenge.")
            .by(Caller::Challenged)
            .answers::<Pending>(StatusCode::OK, "It waits for an answer.")
            .refuses(&[Code::ChallengeGone, Code::Unavailable]),
        Operation::post("/challenges/{id}/verify", challenges::verify)
            .named("answerChallenge", CHALLENGES, "Answers a challenge.")
            .by(Caller::Challenged)
            .reads::<challenges::VerifyBody>()
            .sets_cookies()
            .answers::<Verified>(
                StatusCode::OK,
                "The answer is right: tokens, another question, or what is to be bound first.",
            )
            .refuses(&[
                Code::ChallengeGone,
                Code::InvalidCode,
                Code::Forbidden,
                Code::AuthenticatorDisabled,
                Code::Throttled,
                Code::Unavailable,
            ]),
        Operation::post("/passkeys/start", passkeys::start)
            .named("startPasskey", CHALLENGES, "Begins a sign-in with a passkey, with or without a name.")
            .by(Caller::Anybody)
            .may_read::<passkeys::StartBody>()
            .answers::<PasskeyStarted>(
                StatusCode::OK,
                "What to ask the browser for; the same for a name that nobody has.",
            )
            .refuses(&[Code::Forbidden, Code::Unavailable]),
        Operation::post("/passkeys/finish", passkeys::finish)
            .named("finishPasskey", CHALLENGES, "Completes a sign-in with a passkey.")
            .by(Caller::Anybody)
            .reads::<passkeys::FinishBody>()
            .sets_cookies()
            .answers::<Login>(StatusCode::OK, "What the sign-in led to.")
            .refuses(&[
                Code::InvalidToken,
                Code::Forbidden,
                Code::ChallengeGone,
                Code::InvalidCode,
                Code::Throttled,
                Code::Unavailable,
            ]),
    ]
}

fn authenticators() -> Vec<Operation> {
    vec![
        Operation::post("/authenticators", authenticators::enrol)
            .named("enrolAuthenticator", AUTHENTICATORS, "Begins to bind an authenticator.")
            .by(Caller::Enrolling)
            .reads::<authenticators::EnrolBody>()
            .answers::<Begun>(StatusCode::CREATED, "What to confirm it with. An app's key is shown once.")
            .refuses(&[Code::InsufficientUserAuthentication, Code::Forbidden, Code::Conflict, Code::Unavailable]),
        Operation::post("/authenticators/{id}/confirm", authenticators::confirm)
            .named(
                "confirmAuthenticator",
                AUTHENTICATORS,
                "Ends a binding with the first code of the app, or the credential of the key.",
            )
            .by(Caller::Enrolling)
            .reads::<authenticators::ConfirmBody>()
            .sets_cookies()
            .answers::<Bound>(StatusCode::OK, "It is bound; recovery codes come once, with the first.")
            .refuses(&[
                Code::InsufficientUserAuthentication,
                Code::Forbidden,
                Code::Conflict,
                Code::InvalidCode,
                Code::Throttled,
                Code::Unavailable,
            ]),
        Operation::patch("/authenticators/{id}", authenticators::rename)
            .named("renameAuthenticator", AUTHENTICATORS, "Gives an authenticator another label.")
            .reads::<authenticators::RenameBody>()
            .answers::<Authenticator>(StatusCode::OK, "The authenticator as it is now.")
            .refuses(&[Code::InsufficientUserAuthentication, Code::Unavailable]),
        Operation::delete("/authenticators/{id}", authenticators::remove)
            .named("removeAuthenticator", AUTHENTICATORS, "Removes an authenticator.")
            .answers_nothing("It is gone, and so are the other sessions.")
            .refuses(&[Code::InsufficientUserAuthentication, Code::Conflict, Code::Unavailable]),
    ]
}

fn account() -> Vec<Operation> {
    vec![
        Operation::get("/status", authenticators::status)
            .named("status", AUTHENTICATORS, "How the caller stands, and what is bound.")
            .by(Caller::Enrolling)
            .answers::<Status>(StatusCode::OK, "The account as its owner sees it.")
            .refuses(&[Code::Unavailable]),
        Operation::post("/recovery-codes", authenticators::regenerate)
            .named("regenerateRecoveryCodes", AUTHENTICATORS, "Makes a new set of recovery codes.")
            .may_read::<Nothing>()
            .answers::<Codes>(StatusCode::OK, "The new codes; the old ones are void. They are shown once.")
            .refuses(&[Code::InsufficientUserAuthentication, Code::Conflict, Code::Unavailable]),
        Operation::post("/disable", authenticators::disable)
            .named("disable", AUTHENTICATORS, "Removes all authenticators, or one of them.")
            .reads::<authenticators::DisableBody>()
            .answers_nothing("They are gone, and so are the other sessions.")
            .refuses(&[
                Code::InsufficientUserAuthentication,
                Code::Forbidden,
                Code::NotFound,
                Code::Conflict,
                Code::InvalidCode,
                Code::AuthenticatorDisabled,
                Code::Throttled,
                Code::Unavailable,
            ]),
    ]
}

fn sessions() -> Vec<Operation> {
    vec![
        Operation::post("/token/refresh", sessions::refresh)
            .named("refresh", SESSIONS, "Gives new tokens for a refresh token.")
            .by(Caller::Refreshing)
            .may_read::<sessions::RefreshBody>()
            .sets_cookies()
            .answers::<Tokens>(StatusCode::OK, "New tokens, of the same level as before.")
            .refuses(&[Code::Unavailable]),
        Operation::post("/logout", sessions::log_out)
            .named("logOut", SESSIONS, "Ends the session that asks.")
            .may_read::<Nothing>()
            .sets_cookies()
            .answers_nothing("It is over.")
            .refuses(&[Code::Unavailable]),
        Operation::get("/sessions", sessions::list)
            .named("listSessions", SESSIONS, "Lists the sessions.")
            .in_pages()
            .answers::<Sessions>(StatusCode::OK, "A page of them.")
            .refuses(&[Code::Unavailable]),
        Operation::delete("/sessions", sessions::end_others)
            .named("endOtherSessions", SESSIONS, "Ends every session but the one that asks.")
            .answers_nothing("They are over.")
            .refuses(&[Code::Unavailable]),
        Operation::delete("/sessions/{sid}", sessions::end)
            .named("endSession", SESSIONS, "Ends one session.")
            .answers_nothing("It is over.")
            .refuses(&[Code::Unavailable]),
        Operation::get("/events", sessions::events)
            .named("listEvents", SESSIONS, "Lists what happened to the account, the oldest first.")
            .in_pages()
            .answers::<Events>(StatusCode::OK, "A page of them.")
            .refuses(&[Code::Unavailable]),
    ]
}

fn discovery() -> Vec<Operation> {
    vec![
        Operation::get("/openapi.json", openapi::serve)
            .named("openapi", DISCOVERY, "This document.")
            .by(Caller::Anybody)
            .answers::<Document>(StatusCode::OK, "OpenAPI 3.1."),
        Operation::get("/mfa.js", browser::module)
            .named("browserModule", DISCOVERY, "A module for browsers: passkeys, and requests that step up.")
            .by(Caller::Anybody)
            .answers_a_script("An ES module without dependencies."),
    ]
}
