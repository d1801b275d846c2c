//! What an operation answers, and what it refuses.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::schemas::Schemas;
use crate::middleware::problem::Code;
use crate::routes::operation::{Answers, Operation};

/// The refusals that were described, by the name other places call them.
pub(super) struct Responses {
    cookies: bool,
    named: BTreeMap<String, Value>,
}

impl Responses {
    pub(super) const fn new(cookies: bool) -> Self {
        Self { cookies, named: BTreeMap::new() }
    }

    /// Describes every answer of an operation, by its status.
    pub(super) fn of(&mut self, operation: &Operation, schemas: &mut Schemas) -> Value {
        let sets_cookies = operation.sets_cookies && self.cookies;
        let mut found = Map::new();
        for answer in &operation.answers {
            found.insert(answer.status.as_str().to_owned(), answered(answer, sets_cookies, schemas));
        }
        for (status, codes) in operation.refusals(self.cookies) {
            let name = codes.iter().map(|code| code.name()).collect::<Vec<_>>().join(".");
            let reference = json!({"$ref": format!("#/components/responses/{name}")});
            self.named.entry(name).or_insert_with(|| refused(status, &codes));
            found.insert(status.to_string(), reference);
        }
        Value::Object(found)
    }

    pub(super) fn finish(self) -> Value {
        self.named.into_iter().collect::<Map<_, _>>().into()
    }
}

fn answered(answer: &Answers, sets_cookies: bool, schemas: &mut Schemas) -> Value {
    let mut response = json!({"description": answer.says});
    let Some(members) = response.as_object_mut() else { return response };
    if let Some(schema) = answer.schema {
        let schema = schemas.answered(schema);
        members.insert("content".to_owned(), json!({answer.media_type: {"schema": schema}}));
    }
    // What is only begun gives no tokens yet.
    if sets_cookies && answer.status != StatusCode::CREATED {
        let says = "In a browser: the tokens, or that they are to be forgotten.";
        let header = json!({"description": says, "schema": {"type": "string"}});
        members.insert("headers".to_owned(), json!({"Set-Cookie": header}));
    }
    response
}

fn refused(status: u16, codes: &[Code]) -> Value {
    let says: Vec<String> = codes.iter().map(|code| format!("`{}`: {}", code.name(), code.detail())).collect();
    let names: Vec<&str> = codes.iter().map(|code| code.name()).collect();
    let narrowed = json!({"properties": {"status": {"const": status}, "code": {"enum": names}}});
    let schema = json!({"allOf": [{"$ref": "#/components/schemas/Problem"}, narrowed]});
    json!({
        "description": says.join(" "),
        "headers": headers(status, codes),
        "content": {"application/problem+json": {"schema": schema}},
    })
}

fn headers(status: u16, codes: &[Code]) -> Value {
    let wait = |required: bool| {
        let schema = json!({"type": "integer", "minimum": 0});
        json!({"Retry-After": {"description": "Seconds to wait.", "required": required, "schema": schema}})
    };
    let wanted = |required: bool| {
        let says = "What is wanted: RFC 6750, and for a step-up RFC 9470.";
        json!({"WWW-Authenticate": {"description": says, "required": required, "schema": {"type": "string"}}})
    };
    match StatusCode::from_u16(status) {
        Ok(StatusCode::UNAUTHORIZED) => wanted(true),
        Ok(StatusCode::FORBIDDEN) if codes.contains(&Code::InsufficientScope) => {
            wanted(codes.iter().all(|code| *code == Code::InsufficientScope))
        }
        Ok(StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) => wait(true),
        Ok(StatusCode::UNPROCESSABLE_ENTITY) => wait(false),
        _ => json!({}),
    }
}
