//! The JSON of the host's own routes: refused as the library's routes refuse it, by the name of the
//! member that is wrong and without repeating what stands in it.

use std::fmt;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, Request};
use axum::response::Response;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use tower_mfa::middleware::problem::{Code, Problem};

use crate::routes::answer;

/// The members of a JSON object, to be taken out by name.
pub(crate) struct Members(Vec<(String, Value)>);

impl Members {
    /// Takes a member out, which must be there once and be of this type.
    pub(crate) fn take<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, Response> {
        let Some(at) = self.0.iter().position(|(known, _)| known == name) else {
            return Err(refused(name, "is missing"));
        };
        let (_, value) = self.0.remove(at);
        if self.0.iter().any(|(other, _)| other == name) {
            return Err(refused(name, "stands twice"));
        }
        serde_json::from_value(value).map_err(|_| refused(name, "has the wrong type"))
    }

    /// Nothing that was said is passed over.
    pub(crate) fn end(self) -> Result<(), Response> {
        match self.0.first() {
            Some((name, _)) => Err(refused(&name.chars().take(64).collect::<String>(), "is unknown")),
            None => Ok(()),
        }
    }
}

fn refused(name: &str, rule: &str) -> Response {
    let problem = Problem::new(Code::InvalidRequest).detail(format!("The member {name:?} {rule}."));
    answer(problem.field(name.to_owned()))
}

impl<S: Send + Sync> FromRequest<S> for Members {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        match Json::from_request(request, state).await {
            Ok(Json(members)) => Ok(members),
            Err(rejection) => Err(answer(problem_of(&rejection))),
        }
    }
}

fn problem_of(rejection: &JsonRejection) -> Problem {
    let invalid = Problem::new(Code::InvalidRequest);
    match rejection {
        JsonRejection::JsonDataError(_) => invalid.detail("The body must be a JSON object."),
        JsonRejection::JsonSyntaxError(_) => invalid.detail("The body is not well-formed JSON."),
        JsonRejection::MissingJsonContentType(_) => Problem::new(Code::UnsupportedMediaType),
        other if other.status().as_u16() == 413 => Problem::new(Code::TooLarge),
        _ => invalid,
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}
