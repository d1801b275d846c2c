//! The module for browsers: passkeys, and requests that step up.

use axum::response::{IntoResponse as _, Response};
use http::HeaderName;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};

use super::operation::SCRIPT;

/// `mfa.js`, an ES module without dependencies; what it exports is described in `js/README.md`.
///
/// It is served below where the routes are nested, to anybody; a host that bundles its scripts takes it
/// from here, or from npm.
pub const BROWSER_MODULE: &str = include_str!("mfa.js");

pub(super) async fn module() -> Response {
    let headers: [(HeaderName, &str); 3] =
        [(CONTENT_TYPE, SCRIPT), (CACHE_CONTROL, "no-store"), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (headers, BROWSER_MODULE).into_response()
}
