use axum::extract::OriginalUri;
use http::{Extensions, Uri};

/// Returns the URI that the client has sent, where axum's `nest` has shortened the request's own.
///
/// For [`RoutePolicyLayer::original_uri`](crate::middleware::RoutePolicyLayer::original_uri), which then
/// judges the whole path wherever it stands, and for a
/// [`TransactionLayer`](crate::middleware::TransactionLayer) of whole requests, which then binds it.
///
/// ```
/// use axum::{Router, body::Body, routing};
/// use http::{Method, Request, StatusCode};
/// use tower::ServiceExt;
/// use tower_mfa::extract::original_uri;
/// use tower_mfa::middleware::RoutePolicyLayer;
/// use tower_mfa::middleware::route_policy::{RoutePolicy, Rule};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let policy = RoutePolicy::builder().rule(Rule::on("users", [Method::GET], "/users").public()).build().unwrap();
/// let layer = RoutePolicyLayer::new(policy).original_uri(original_uri);
/// let users = Router::new().route("/users", routing::get(async || "users")).layer(layer);
/// let app = Router::new().merge(users.clone()).nest("/admin", users);
///
/// let status = async |path: &str| {
///     let request = Request::get(path).body(Body::empty()).unwrap();
///     app.clone().oneshot(request).await.unwrap().status()
/// };
/// assert_eq!(status("/users").await, StatusCode::OK);
/// assert_eq!(status("/admin/users").await, StatusCode::FORBIDDEN, "another address, and no rule names it");
/// # });
/// ```
#[must_use]
pub fn original_uri(extensions: &Extensions) -> Option<&Uri> {
    extensions.get::<OriginalUri>().map(|original| &original.0)
}
