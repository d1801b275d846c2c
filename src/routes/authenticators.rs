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
use crate::account::{AuthenticatorView, Enrolment, KeyEnrolment, OptionsJson, Refusal};
use crate::extract::Authenticated;
use crate::id::AuthenticatorId;
use crate::middleware::problem::{Code, Problem};
use crate::otp::{Algorithm, Digits, OtpauthUri, Period};
use crate::recovery_code::RecoveryCode;
use crate::service::{KeyRequest, Mfa, TotpEnrolment};

pub(super) async fn status(State(mfa): State<Mfa>, From(from): From, by: EnrolmentHolder) -> Result<Response, Refused> {
    let status = from.status(by.enroller()).await.map_err(Refused::by(&mfa))?;
    Ok(answer::written(StatusCode::OK, &status))
}

/// The authenticator to bind.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "EnrolAuthenticator")]
pub(super) struct EnrolBody {
    #[schemars(extend("enum" = ["totp", "webauthn"]))]
    r#type: String,
    /// Of a `webauthn` authenticator, and then it must be said; nothing else goes with it but a label.
    #[schemars(extend("enum" = ["passkey", "security_key", null]))]
    kind: Option<String>,
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

/// What of it is to be bound.
enum Wanted {
    App(TotpEnrolment),
    Key(KeyRequest),
}

impl EnrolBody {
    fn wanted(self) -> Result<Wanted, Problem> {
        match &*self.r#type {
            "totp" => self.app().map(Wanted::App),
            "webauthn" => self.key().map(Wanted::Key),
            _ => Err(invalid("type", "must be totp or webauthn")),
        }
    }

    fn key(self) -> Result<KeyRequest, Problem> {
        if self.algorithm.is_some() || self.digits.is_some() || self.period.is_some() {
            return Err(invalid("type", "webauthn has no algorithm, digits or period"));
        }
        let request = match self.kind.as_deref() {
            Some("passkey") => KeyRequest::passkey(),
            Some("security_key") => KeyRequest::security_key(),
            _ => return Err(invalid("kind", "must be passkey or security_key")),
        };
        Ok(request.label(self.label.unwrap_or_default()))
    }

    fn app(self) -> Result<TotpEnrolment, Problem> {
        if self.kind.is_some() {
            return Err(invalid("kind", "goes with webauthn"));
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
    let refused = |error| Refused::by(&mfa)(error).into_response();
    match wanted {
        Wanted::App(wanted) => {
            let started = from.enrol_totp(by.enroller(), wanted).await.map_err(refused)?;
            started_response(&started).ok_or_else(|| write(Problem::new(Code::Unavailable)))
        }
        Wanted::Key(wanted) => {
            let KeyEnrolment { id, public_key, expires_in } =
                from.enrol_key(by.enroller(), wanted).await.map_err(refused)?;
            let body = StartedKey { id, r#type: "webauthn", public_key: &public_key, expires_in };
            Ok(answer::written(StatusCode::CREATED, &body))
        }
    }
}

#[derive(Serialize)]
struct StartedKey<'a> {
    id: AuthenticatorId,
    r#type: &'static str,
    public_key: &'a OptionsJson,
    expires_in: u32,
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

/// The first code of the app, or what the browser gave for a key.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(
    rename = "ConfirmAuthenticator",
    extend("oneOf" = [{"required": ["code"]}, {"required": ["credential"]}])
)]
pub(super) struct ConfirmBody {
    /// As many digits as the app shows; spaces and hyphens between them are dropped.
    code: Option<Box<str>>,
    /// `RegistrationResponseJSON`.
    credential: Option<serde_json::Map<String, serde_json::Value>>,
}

pub(super) async fn confirm(
    State(mfa): State<Mfa>,
    From(from): From,
    headers: HeaderMap,
    by: EnrolmentHolder,
    Id(id): Id,
    Json(body): Json<ConfirmBody>,
) -> Result<Response, Response> {
    let refused = |error| Refused::by(&mfa)(error).into_response();
    let id = authenticator_id(&id, &mfa).map_err(Refused::into_response)?;
    let binding = match (body.code, body.credential) {
        (Some(code), None) => from.confirm(by.enroller(), id, code).await,
        (None, Some(credential)) => {
            let credential = serde_json::Value::Object(credential).to_string();
            from.confirm_key(by.enroller(), id, &credential).await
        }
        _ => return Err(write(invalid("code", "or credential must be given, one of the two"))),
    };
    Ok(answer::bound(&mfa, &headers, &binding.map_err(refused)?))
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
