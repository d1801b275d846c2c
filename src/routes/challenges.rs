use std::collections::BTreeMap;
use std::fmt;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use schemars::JsonSchema;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::address::From;
use super::answer;
use super::body::Json;
use super::holder::ChallengeHolder;
use super::path::Id;
use super::problems::{Refused, invalid, write};
use crate::account::{Offer, Refusal};
use crate::assurance::Proof;
use crate::extract::Authenticated;
use crate::id::ChallengeId;
use crate::middleware::problem::Problem;
use crate::service::{ChallengeRequest, Mfa, Reply};

/// What a client asks for. Of what an action needs it can only ask for more.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "OpenChallenge", extend("dependentRequired" = {"bind": ["action"]}))]
pub(super) struct OpenBody {
    /// A class of this service, one of `acr_values`.
    acr: Option<String>,
    /// How old the proof may be, in seconds.
    #[schemars(range(max = 4_294_967_295_u32))]
    max_age: Option<u32>,
    /// Kinds of proof of which one is wanted, as a refusal lists them.
    #[schemars(length(min = 1, max = 16))]
    kinds: Option<Vec<String>>,
    /// An action of this service, to be approved.
    action: Option<String>,
    /// What the approval of the action is bound to.
    bind: Option<Members>,
    /// Comes back with the answer; at most 1 KiB.
    state: Option<serde_json::Map<String, serde_json::Value>>,
}

/// The members of an object, none of them twice.
///
/// RFC 8785 §3.1 digests I-JSON alone: of two amounts under one name the person would see one and
/// approve the other.
#[derive(JsonSchema)]
#[schemars(
    rename = "BoundParameters",
    description = "The parameters an approval is bound to: no name twice, at most 1024 bytes each.",
    extend("maxProperties" = 16)
)]
struct Members(#[schemars(with = "BTreeMap<String, Parameter>")] BTreeMap<String, serde_json::Value>);

/// A text, or an integer that every JSON reader keeps as it is (RFC 7493 §2.2).
#[derive(JsonSchema)]
#[schemars(untagged, inline)]
#[expect(dead_code, reason = "it describes what `token::bind_digest` takes")]
enum Parameter {
    Text(#[schemars(length(max = 1024))] String),
    Integer(#[schemars(range(min = -9_007_199_254_740_991_i64, max = 9_007_199_254_740_991_i64))] i64),
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Distinct)
    }
}

struct Distinct;

impl<'de> Visitor<'de> for Distinct {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = BTreeMap::new();
        while let Some((name, value)) = map.next_entry::<String, _>()? {
            if members.insert(name, value).is_some() {
                return Err(A::Error::duplicate_field("bind"));
            }
        }
        Ok(Members(members))
    }
}

impl OpenBody {
    fn request(self, mfa: &Mfa) -> Result<ChallengeRequest, Problem> {
        let verifier = mfa.verifier();
        let named = |acr: String| {
            verifier
                .acr_names()
                .requirement_of(&acr)
                .ok_or_else(|| invalid("acr", "must be one of this service's classes"))
        };
        let mut request = ChallengeRequest::new();
        if let Some(asked) = self.acr.map(named).transpose()? {
            request = request.require(asked);
        }
        if let Some(secs) = self.max_age {
            request = request.max_age(secs);
        }
        if let Some(kinds) = self.kinds {
            request = request.kinds(proofs(&kinds)?);
        }
        if let Some(action) = self.action {
            request = request.action(action);
        }
        if let Some(bind) = self.bind {
            request = request.bind(bind.0).map_err(|error| invalid("bind", error.rule()))?;
        }
        Ok(match self.state {
            Some(state) => request.state(serde_json::Value::Object(state).to_string()),
            None => request,
        })
    }
}

/// Most kinds a client lists.
const KINDS_MAX: usize = 16;

/// The kinds of `missing` `kind`, as a refusal lists them.
fn proofs(names: &[String]) -> Result<Vec<Proof>, Problem> {
    if names.is_empty() || names.len() > KINDS_MAX {
        return Err(invalid("kinds", "must list 1 to 16 kinds"));
    }
    let known = |name: &String| Proof::from_name(name).ok_or_else(|| invalid("kinds", "must be kinds of proof"));
    names.iter().map(known).collect()
}

pub(super) async fn open(
    State(mfa): State<Mfa>,
    From(from): From,
    headers: HeaderMap,
    by: Authenticated,
    Json(body): Json<OpenBody>,
) -> Result<Response, Response> {
    let request = body.request(&mfa).map_err(write)?;
    let outcome = from.open_challenge(&by, request).await.map_err(Refused::by(&mfa)).map_err(Refused::into_response)?;
    Ok(answer::opened(&mfa, &headers, &outcome))
}

#[derive(Serialize)]
struct Pending {
    status: &'static str,
    expires_in: u64,
    methods: Vec<Offer>,
}

pub(super) async fn show(
    State(mfa): State<Mfa>,
    From(from): From,
    by: ChallengeHolder,
    Id(id): Id,
) -> Result<Response, Refused> {
    let id = challenge_id(&id, &mfa, &by)?;
    let view = from.challenge(by.responder(), id).await.map_err(Refused::by(&mfa))?;
    let pending = Pending { status: "pending", expires_in: view.expires_in, methods: view.methods };
    Ok(answer::written(StatusCode::OK, &pending))
}

/// What a challenge is answered with. Members of kinds that are not built yet are unknown.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(
    rename = "AnswerChallenge",
    description = "The answer to a challenge: a code or a credential.",
    extend("oneOf" = [{"required": ["code"]}, {"required": ["credential"]}])
)]
pub(super) struct VerifyBody {
    #[schemars(extend("enum" = ["totp", "recovery_code", "webauthn"]))]
    r#type: String,
    /// The code of an app, or a recovery code.
    code: Option<Box<str>>,
    /// Of a passkey or security key: `AuthenticationResponseJSON`.
    credential: Option<serde_json::Map<String, serde_json::Value>>,
    /// Which app the code is from; all are tried without it. Goes with nothing else.
    authenticator_id: Option<String>,
    /// Remembers this device where policy allows it; none does yet, so asking changes nothing.
    #[serde(rename = "trust_device")]
    _trust_device: Option<bool>,
}

/// Reads an answer: a kind, a code and, for some, an authenticator.
pub(super) fn reply(kind: &str, code: Option<Box<str>>, authenticator_id: Option<&str>) -> Result<Reply, Problem> {
    let code = code.ok_or_else(|| invalid("code", "is missing"));
    match (kind, authenticator_id) {
        ("totp", Some(id)) => Ok(Reply::totp_of(id, code?)),
        ("totp", None) => Ok(Reply::totp(code?)),
        ("recovery_code", None) => Ok(Reply::recovery_code(code?)),
        ("recovery_code", Some(_)) => Err(invalid("authenticator_id", "does not go with a recovery code")),
        _ => Err(invalid("type", "must be totp, recovery_code or, to a challenge, webauthn")),
    }
}

pub(super) async fn verify(
    State(mfa): State<Mfa>,
    From(from): From,
    headers: HeaderMap,
    by: ChallengeHolder,
    Id(id): Id,
    Json(body): Json<VerifyBody>,
) -> Result<Response, Response> {
    let id = challenge_id(&id, &mfa, &by).map_err(Refused::into_response)?;
    let reply = match (&*body.r#type, body.credential, body.code) {
        ("webauthn", Some(credential), None) => Ok(Reply::webauthn(serde_json::Value::Object(credential).to_string())),
        ("webauthn", None, _) => Err(invalid("credential", "is missing")),
        (_, Some(_), _) => Err(invalid("credential", "goes with webauthn, and no code beside it")),
        (kind, None, code) => reply(kind, code, body.authenticator_id.as_deref()),
    };
    let reply = reply.map_err(write)?;
    let outcome = from.answer(by.responder(), id, reply).await;
    let outcome = outcome.map_err(Refused::by(&mfa)).map_err(Refused::into_response)?;
    Ok(answer::answered(&mfa, &headers, &outcome))
}

/// An id that is none looks like a stranger's: to a session it is not found, and a challenge token
/// is worthless anywhere but at its own.
fn challenge_id(text: &str, mfa: &Mfa, by: &ChallengeHolder) -> Result<ChallengeId, Refused> {
    let refusal = match by.responder() {
        crate::service::Responder::Token(_) => Refusal::InvalidToken,
        crate::service::Responder::Session(_) => Refusal::NotFound,
    };
    text.parse().map_err(|_| Refused::by(mfa)(refusal.into()))
}
