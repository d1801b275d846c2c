//! The administration: for people with a role, and a second factor.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRequestParts, State};
use axum::response::Response;
use axum::{Extension, Router};
use http::request::Parts;
use http::{Method, StatusCode};

use super::problems::{self, invalid, write};
use super::query::Parameters;
use super::{answer, guarded, not_found, operation, table};
use crate::assurance::Requirement;
use crate::extract::Authenticated;
use crate::id::{SessionId, Subject};
use crate::middleware::RequireLayer;
use crate::middleware::problem::{Code, Problem};
use crate::middleware::route_policy::RoutePolicySource;
use crate::service::{Asking, Mfa};

/// The routes of the administration, in the making: who may use them, and what they explain.
///
/// They carry no prefix: nest them where the host says, and tell the builder, so that they are described
/// ([`admin_mounted_at`](crate::service::MfaBuilder::admin_mounted_at)). What is asked for by default is AAL2 and
/// the role `admin`. An operator who belongs to a tenant sees subjects of that tenant alone; one without a tenant
/// sees all.
///
/// ```
/// use axum::Router;
/// use axum::body::Body;
/// use http::{Method, Request, StatusCode};
/// use tower::ServiceExt;
/// use tower_mfa::middleware::route_policy::{RoutePolicy, Rule};
/// use tower_mfa::service::{Keys, Mfa};
/// use tower_mfa::store::MemoryStore;
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let mfa = Mfa::builder(MemoryStore::new()).issuer("https://id.example").audience("api");
/// let mfa = mfa.keys(Keys::generate().unwrap()).admin_mounted_at("/admin/mfa").build().unwrap();
/// let policy = RoutePolicy::builder().rule(Rule::on("home", [Method::GET], "/").public()).build().unwrap();
///
/// let admin = mfa.admin_routes().explaining(policy).into_router();
/// assert!(mfa.openapi_json().contains("/admin/mfa/explain"));
/// let app: Router = Router::new().nest("/admin/mfa", admin);
/// let asked = Request::get("/admin/mfa/explain?method=GET&path=/").body(Body::empty()).unwrap();
/// assert_eq!(app.oneshot(asked).await.unwrap().status(), StatusCode::UNAUTHORIZED, "not for everybody");
/// # });
/// ```
#[must_use]
pub struct AdminRoutes {
    mfa: Mfa,
    level: Requirement,
    role: Option<Box<str>>,
    explaining: Option<Arc<dyn RoutePolicySource>>,
}

impl AdminRoutes {
    pub(super) fn of(mfa: &Mfa) -> Self {
        Self { mfa: mfa.clone(), level: Requirement::aal2(), role: Some("admin".into()), explaining: None }
    }

    /// Asks for another role. Default: `admin`.
    pub fn role(self, role: impl Into<Box<str>>) -> Self {
        Self { role: Some(role.into()), ..self }
    }

    /// Asks for something else than AAL2 beside the role.
    pub fn require(self, requirement: Requirement) -> Self {
        Self { level: requirement, ..self }
    }

    /// Serves `GET /explain`: what this route policy makes of a request, and why.
    pub fn explaining(self, routes: impl RoutePolicySource) -> Self {
        Self { explaining: Some(Arc::new(routes)), ..self }
    }

    /// Makes the router.
    pub fn into_router(self) -> Router {
        let required = self.role.iter().fold(self.level, |asked, role| asked.with_role(role.clone()));
        let router = match self.explaining {
            Some(routes) => operation::router(table::explaining())
                .layer(Extension(Explaining(routes)))
                .route_layer(RequireLayer::new(required)),
            None => Router::new(),
        };
        let router = router.fallback(not_found).method_not_allowed_fallback(not_found);
        guarded(router, &self.mfa).with_state(self.mfa)
    }
}

impl fmt::Debug for AdminRoutes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminRoutes").field("level", &self.level).field("role", &self.role).finish_non_exhaustive()
    }
}

/// What is explained.
#[derive(Clone)]
pub(super) struct Explaining(Arc<dyn RoutePolicySource>);

/// Which request is to be explained: of whom, and from where.
pub(super) struct Question {
    method: Method,
    path: String,
    subject: Option<Subject>,
    session: Option<SessionId>,
    address: Option<IpAddr>,
}

impl<S: Send + Sync> FromRequestParts<S> for Question {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let mut query = Parameters::from_request_parts(parts, state).await?;
        let missing = |name| move || write(invalid(name, "is missing"));
        let method = query.take("method")?.ok_or_else(missing("method"))?;
        let path = query.take("path")?.ok_or_else(missing("path"))?;
        let (tenant, subject) = (query.take("tenant")?, query.take("subject")?);
        let (sid, address) = (query.take("sid")?, query.take("address")?);
        query.end()?;
        if sid.is_some() && subject.is_none() {
            return Err(write(invalid("sid", "goes with a subject")));
        }
        let address = address.map(|text| text.parse()).transpose();
        Ok(Self {
            method: method.parse().map_err(|_| write(invalid("method", "must be a method such as GET")))?,
            // The query is no part of what is decided.
            path: path.split(['?', '#']).next().unwrap_or_default().to_owned(),
            subject: subject_of(tenant, subject)?,
            // An id that cannot be one looks like one that nobody has.
            session: sid.map(|sid| sid.parse().map_err(|_| write(Problem::new(Code::NotFound)))).transpose()?,
            address: address.map_err(|_| write(invalid("address", "must be an IP address")))?,
        })
    }
}

fn subject_of(tenant: Option<String>, subject: Option<String>) -> Result<Option<Subject>, Response> {
    let subject = match (tenant, subject) {
        (None, None) => return Ok(None),
        (Some(_), None) => return Err(write(invalid("tenant", "goes with a subject"))),
        (None, Some(id)) => Subject::new(id),
        (Some(tenant), Some(id)) => Subject::with_tenant(tenant, id),
    };
    subject.map(Some).map_err(|_| write(invalid("subject", "must be a subject of this service")))
}

/// Whether an operator may see a subject. One of a tenant sees that tenant alone, whatever its roles are called:
/// another's people look like nobody.
fn is_over(operator: &Subject, asked: &Subject) -> bool {
    operator.tenant().is_none() || operator.tenant() == asked.tenant()
}

pub(super) async fn explain(
    State(mfa): State<Mfa>,
    Extension(Explaining(routes)): Extension<Explaining>,
    operator: Authenticated,
    question: Question,
) -> Result<Response, Response> {
    let Question { method, path, subject, session, address } = question;
    if subject.as_ref().is_some_and(|asked| !is_over(operator.subject(), asked)) {
        return Err(write(Problem::new(Code::NotFound)));
    }
    let mut asking = subject.as_ref().map_or(Asking::nobody(), Asking::subject);
    asking = session.map_or(asking, |session| asking.session(session));
    asking = address.map_or(asking, |address| asking.from_address(address));
    let explained = mfa.explain(&routes.current(), &method, &path, asking).await;
    let explained = explained.map_err(|error| problems::response(&mfa, &error))?;
    Ok(answer::written(StatusCode::OK, &explained))
}
