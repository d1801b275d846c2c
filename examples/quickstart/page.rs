//! The page: a few files, built into the program.

use axum::extract::Path;
use axum::http::HeaderName;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{IntoResponse, Response};

use crate::routes::nowhere;

/// Nothing from elsewhere, nothing inline: a script somebody smuggles in does not run. The QR code
/// is a picture made of a `data:` URL.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What the page may use of the browser: passkeys and security keys, and nothing that watches.
const PERMISSIONS: &str = "camera=(), microphone=(), geolocation=(), publickey-credentials-get=(self), \
    publickey-credentials-create=(self)";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

const FILES: [(&str, &str, &str); 12] = [
    ("style.css", CSS, include_str!("page/style.css")),
    ("icon.svg", SVG, include_str!("page/icon.svg")),
    ("app.js", JS, include_str!("page/app.js")),
    ("api.js", JS, include_str!("page/api.js")),
    ("dom.js", JS, include_str!("page/dom.js")),
    ("words.js", JS, include_str!("page/words.js")),
    ("keys.js", JS, include_str!("page/keys.js")),
    ("pause.js", JS, include_str!("page/pause.js")),
    ("answer.js", JS, include_str!("page/answer.js")),
    ("enrol.js", JS, include_str!("page/enrol.js")),
    ("account.js", JS, include_str!("page/account.js")),
    ("why.js", JS, include_str!("page/why.js")),
];

pub(crate) async fn index() -> Response {
    file(HTML, include_str!("page/index.html"))
}

pub(crate) async fn asset(Path(name): Path<String>) -> Response {
    match FILES.iter().find(|(file, ..)| *file == name) {
        Some((_, kind, text)) => file(kind, text),
        None => nowhere().await,
    }
}

fn file(kind: &'static str, text: &'static str) -> Response {
    let headers = [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), PERMISSIONS),
        // What is shown belongs to whoever is signed in: the back button must not bring it back.
        (CACHE_CONTROL, "no-store"),
    ];
    (headers, text).into_response()
}
