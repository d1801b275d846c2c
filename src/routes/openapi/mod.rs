//! The OpenAPI 3.1 document, made from the rows the router is made of.

pub(super) mod answers;
pub(super) mod queries;
mod responses;
mod schemas;

use axum::Extension;
use axum::body::Bytes;
use axum::response::Response;
use http::StatusCode;
use serde_json::{Map, Value, json};

use self::responses::Responses;
use self::schemas::Schemas;
use super::cookies::CookieNames;
use super::operation::{Asks, Caller, Operation};
use super::{answer, table};
use crate::service::Mfa;

const DESCRIPTION: &str = "Multi-factor authentication: challenges, authenticators, sessions. Times are Unix seconds, \
    durations whole seconds. Members that are not listed are refused in a request and to be ignored in an answer. \
    What is at another address, or by another method, is 404. No answer may be stored by a cache.";

/// The document as it is served: written once, when the router is built.
#[derive(Clone)]
pub(super) struct Served(Bytes);

impl Served {
    pub(super) fn of(mfa: &Mfa) -> Self {
        Self(mfa.openapi_json().into())
    }
}

pub(super) async fn serve(Extension(Served(text)): Extension<Served>) -> Response {
    answer::json(StatusCode::OK, text)
}

/// Rows that are mounted together.
pub(super) struct Area<'a> {
    /// Where, as clients see it; empty at the root.
    pub(super) mounted_at: &'a str,
    pub(super) rows: Vec<Operation>,
}

/// Writes the document of an area and of what stands elsewhere: `/events` of one is not that of
/// another, so the paths of the others are written in full.
pub(super) fn document(mfa: &Mfa, main: &Area<'_>, elsewhere: &[Area<'_>]) -> Value {
    let (mut schemas, mut responses) = (Schemas::new(mfa), Responses::new(mfa.uses_cookies()));
    let mut paths = Map::new();
    let rows = main.rows.iter().map(|row| (row, row.path.to_owned(), None));
    let others = elsewhere
        .iter()
        .flat_map(|area| area.rows.iter().map(|row| (row, format!("{}{}", area.mounted_at, row.path), Some("/"))));
    for (operation, path, server) in rows.chain(others) {
        let item = paths.entry(path).or_insert_with(|| item(operation, server));
        let described = described(operation, mfa, &mut schemas, &mut responses);
        if let Some(item) = item.as_object_mut() {
            item.insert(operation.method.as_str().to_ascii_lowercase(), described);
        }
    }
    let described =
        |tag: &str| main.rows.iter().chain(elsewhere.iter().flat_map(|area| &area.rows)).any(|row| row.tag == tag);
    let tags = table::TAGS.iter().filter(|(name, _)| described(name));
    let tags: Vec<Value> = tags.map(|(name, says)| json!({"name": name, "description": says})).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Multi-factor authentication",
            "version": env!("CARGO_PKG_VERSION"),
            "description": DESCRIPTION,
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": main.mounted_at}],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": schemas.finish(),
            "responses": responses.finish(),
            "securitySchemes": security_schemes(mfa),
        },
    })
}

fn item(operation: &Operation, server: Option<&str>) -> Value {
    let mut item = Map::new();
    if let Some(server) = server {
        item.insert("servers".to_owned(), json!([{"url": server}]));
    }
    let names = operation.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let parameters: Vec<Value> = names.map(parameter).collect();
    if !parameters.is_empty() {
        item.insert("parameters".to_owned(), parameters.into());
    }
    Value::Object(item)
}

/// What stands in a path is an id of ours, but for a subject's, which is the host's.
fn parameter(name: &str) -> Value {
    let schema = match name {
        "subject" => json!({"type": "string", "minLength": 1}),
        _ => json!({"$ref": "#/components/schemas/Id"}),
    };
    json!({"name": name, "in": "path", "required": true, "schema": schema})
}

fn described(operation: &Operation, mfa: &Mfa, schemas: &mut Schemas, responses: &mut Responses) -> Value {
    let mut described = json!({
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "security": security(operation.caller, mfa),
        "responses": responses.of(operation, schemas),
    });
    let members = described.as_object_mut();
    let Some(members) = members else { return described };
    if let Some(reads) = &operation.reads {
        let schema = schemas.read(reads.schema);
        let content = json!({"application/json": {"schema": schema}});
        // Without cookies there is no other place for a refresh token.
        let is_required = !reads.is_optional || operation.caller == Caller::Refreshing && !mfa.uses_cookies();
        members.insert("requestBody".to_owned(), json!({"required": is_required, "content": content}));
    }
    let parameters: Vec<Value> = operation.asks.iter().map(|asks| asked(asks, schemas)).collect();
    if !parameters.is_empty() {
        members.insert("parameters".to_owned(), parameters.into());
    }
    described
}

fn asked(asks: &Asks, schemas: &mut Schemas) -> Value {
    json!({
        "name": asks.name,
        "in": "query",
        "description": asks.says,
        "required": asks.is_required,
        "schema": schemas.read(asks.schema),
    })
}

/// The credentials of which a request shows one.
fn security(caller: Caller, mfa: &Mfa) -> Value {
    let mut names = match caller {
        Caller::Anybody => vec![],
        Caller::Session | Caller::Operator => vec!["session"],
        Caller::Challenged => vec!["challenge", "session"],
        Caller::Enrolling => vec!["enrolment", "session"],
        // In the body; in a browser it is a cookie.
        Caller::Refreshing if mfa.uses_cookies() => return json!([{}, {"refreshCookie": []}]),
        Caller::Refreshing => vec![],
    };
    if names.contains(&"session") && mfa.uses_cookies() {
        names.push("sessionCookie");
    }
    if names.contains(&"session") && mfa.uses_session_token_header() {
        names.push("sessionHeader");
    }
    names.into_iter().map(|name| json!({name: []})).collect()
}

fn security_schemes(mfa: &Mfa) -> Value {
    let bearer = |format: &str, says: &str| json!({"type": "http", "scheme": "bearer", "bearerFormat": format, "description": says});
    let mut schemes = json!({
        "session": bearer("JWT", "The `access_token` of a completed login, answer or refresh."),
        "challenge": bearer("mfac_…", "The `challenge_token` of a login; worthless anywhere but at its own challenge."),
        "enrolment": bearer("mfae_…", "The `enrolment_token` of a login; void as soon as something is bound."),
    });
    let Some(members) = schemes.as_object_mut() else { return schemes };
    if mfa.uses_cookies() {
        let (names, says) =
            (CookieNames::of(mfa), "Set where a browser asks; counts when our own page caused the request.");
        let cookie = |name: &str| json!({"type": "apiKey", "in": "cookie", "name": name, "description": says});
        members.insert("sessionCookie".to_owned(), cookie(names.access()));
        members.insert("refreshCookie".to_owned(), cookie(names.refresh()));
    }
    if mfa.uses_session_token_header() {
        let says = "The access token, where `Authorization` is taken.";
        let header = json!({"type": "apiKey", "in": "header", "name": "X-Session-Token", "description": says});
        members.insert("sessionHeader".to_owned(), header);
    }
    schemes
}
