use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::address::From;
use super::answer;
use super::body::{Json, Nothing, OptionalJson};
use super::challenges::reply;
use super::holder::EnrolmentHolder;
use super::path::Id;
use super::problems::{Refused, invalid, write};
use crate::account::{AuthenticatorView, Enrolment, Refusal};
use crate::extract::Authenticated;
use crate::id::AuthenticatorId;
use crate::middleware::problem::{Code, Problem};
use crate::otp::{Algorithm, Digits, OtpauthUri, Period};
use crate::recovery_code::RecoveryCode;
use crate::service::{Mfa, TotpEnrolment};

pub(super) async fn status(State(mfa): State<Mfa>, From(from): From, by: EnrolmentHolder) -> Result<Response, Refused> {
    let status = from.status(by.enroller()).await.map_err(Refused::by(&mfa))?;
    Ok(answer::written(StatusCode::OK, &status))
}

/// The authenticator to bind.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "EnrolAuthenticator")]
pub(super) struct EnrolBody {
    #[schemars(extend("enum" = ["totp"]))]
    r#type: String,
    /// At most 64 characters, none of them hidden.
    label: Option<Box<str>>,
    #[schemars(extend("enum" = ["SHA1", "SHA256", "SHA512", null]))]
    algorithm: Option<String>,
    /// No fewer than the policy's.
    #[schemars(range(min = 6, max = 8))]
    digits: Option<u8>,
    /// Seconds, no more than the policy's.
    #[schemars(range(min = 1, max = 120))]
    period: Option<u32>,
}

impl EnrolBody {
    fn wanted(self) -> Result<TotpEnrolment, Problem> {
        if self.r#type != "totp" {
            return Err(invalid("type", "must be totp"));
        }
        let mut wanted = TotpEnrolment::new().label(self.label.unwrap_or_default());
        if let Some(name) = self.algorithm {
            let algorithm = Algorithm::from_name(&name);
            wanted = wanted.algorithm(algorithm.ok_or_else(|| invalid("algorithm", "must be SHA1, SHA256 or SHA512"))?);
        }
        if let Some(digits) = self.digits {
            wanted = wanted.digits(Digits::new(digits).map_err(|_| invalid("digits", "must be 6, 7 or 8"))?);
        }
        if let Some(secs) = self.period {
            wanted = wanted.period(Period::new(secs).map_err(|_| invalid("period", "must be 1 to 120 seconds"))?);
        }
        Ok(wanted)
    }
}

#[derive(Serialize)]
struct Started<'a> {
    id: AuthenticatorId,
    r#type: &'static str,
    secret: &'a str,
    otpauth_uri: &'a str,
    qr_svg: &'a str,
    expires_in: u32,
}

pub(super) async fn enrol(
    State(mfa): State<Mfa>,
    From(from): From,
    by: EnrolmentHolder,
    Json(body): Json<EnrolBody>,
) -> Result<Response, Response> {
    let wanted = body.wanted().map_err(write)?;
    let started = from.enrol_totp(by.enroller(), wanted).await;
    let started = started.map_err(Refused::by(&mfa)).map_err(Refused::into_response)?;
    started_response(&started).ok_or_else(|| write(Problem::new(Code::Unavailable)))
}

fn started_response(started: &Enrolment) -> Option<Response> {
    // An issuer and an account name of the longest fit into a QR code; a host's may not.
    let qr = OtpauthUri::parse(started.otpauth_uri.expose()).ok()?.qr_svg().ok()?;
    let body = Started {
        id: started.id,
        r#type: "totp",
        secret: started.secret.expose(),
        otpauth_uri: started.otpauth_uri.expose(),
        qr_svg: qr.expose(),
        expires_in: started.expires_in,
    };
    Some(answer::written(StatusCode::CREATED, &body))
}

/// The first code of the app.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ConfirmAuthenticator")]
pub(super) struct ConfirmBody {
    /// As many digits as the app shows; spaces and hyphens between them are dropped.
    code: Box<str>,
}

pub(super) async fn confirm(
    State(mfa): State<Mfa>,
    From(from): From,
    headers: HeaderMap,
    by: EnrolmentHolder,
    Id(id): Id,
    Json(body): Json<ConfirmBody>,
) -> Result<Response, Refused> {
    let id = authenticator_id(&id, &mfa)?;
    let binding = from.confirm(by.enroller(), id, body.code).await.map_err(Refused::by(&mfa))?;
    Ok(answer::bound(&mfa, &headers, &binding))
}

/// The new label.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RenameAuthenticator")]
pub(super) struct RenameBody {
    /// At most 64 characters, none of them hidden.
    label: String,
}

#[derive(Serialize)]
struct Renamed {
    authenticator: AuthenticatorView,
}

pub(super) async fn rename(
    State(mfa): State<Mfa>,
    From(from): From,
    by: Authenticated,
    Id(id): Id,
    Json(body): Json<RenameBody>,
) -> Result<Response, Refused> {
    let id = authenticator_id(&id, &mfa)?;
    let authenticator = from.rename(&by, id, &body.label).await.map_err(Refused::by(&mfa))?;
    Ok(answer::written(StatusCode::OK, &Renamed { authenticator }))
}

pub(super) async fn remove(
    State(mfa): State<Mfa>,
    From(from): From,
    by: Authenticated,
    Id(id): Id,
) -> Result<StatusCode, Refused> {
    let id = authenticator_id(&id, &mfa)?;
    from.remove(&by, id).await.map_err(Refused::by(&mfa))?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Serialize)]
struct Codes<'a> {
    recovery_codes: Vec<&'a str>,
}

pub(super) async fn regenerate(
    State(mfa): State<Mfa>,
    From(from): From,
    by: Authenticated,
    OptionalJson(Nothing {}): OptionalJson<Nothing>,
) -> Result<Response, Refused> {
    let codes = from.regenerate_recovery_codes(&by).await.map_err(Refused::by(&mfa))?;
    let recovery_codes = codes.iter().map(RecoveryCode::expose).collect();
    Ok(answer::written(StatusCode::OK, &Codes { recovery_codes }))
}

/// Nothing, where the session proves enough; else an answer as to a challenge.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Disable", extend("dependentRequired" = {"code": ["type"], "type": ["code"]}))]
pub(super) struct DisableBody {
    #[schemars(extend("enum" = ["totp", "recovery_code", null]))]
    r#type: Option<String>,
    code: Option<Box<str>>,
    /// The one to remove; all of them without it. Does not go with a recovery code.
    authenticator_id: Option<String>,
}

pub(super) async fn disable(
    State(mfa): State<Mfa>,
    From(from): From,
    by: Authenticated,
    Json(body): Json<DisableBody>,
) -> Result<StatusCode, Response> {
    let named = body.authenticator_id.as_deref();
    let given = match (&body.r#type, body.code) {
        (None, None) => None,
        (None, Some(_)) => return Err(write(invalid("type", "is missing"))),
        (Some(kind), code) => Some(reply(kind, code, named).map_err(write)?),
    };
    let refused = |refusal: Refusal| Refused::by(&mfa)(refusal.into()).into_response();
    // With a code, an id that is none of the subject's is a wrong answer, like any other.
    let only = match (named.map(str::parse), &given) {
        (None, _) => None,
        (Some(Ok(id)), _) => Some(id),
        (Some(Err(_)), Some(_)) => None,
        (Some(Err(_)), None) => return Err(refused(Refusal::NotFound)),
    };
    from.disable(&by, given, only).await.map_err(Refused::by(&mfa)).map_err(Refused::into_response)?;
    Ok(StatusCode::NO_CONTENT)
}

/// An id that is none looks like a stranger's.
fn authenticator_id(text: &str, mfa: &Mfa) -> Result<AuthenticatorId, Refused> {
    text.parse().map_err(|_| Refused::by(mfa)(Refusal::NotFound.into()))
}
