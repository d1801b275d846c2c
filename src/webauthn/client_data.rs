//! The client data: what the browser says it was asked, and by which page (§5.8.1).

use std::borrow::Cow;

use serde::Deserialize;

use super::ceremony::{Ceremony, Step};
use super::origin::Origins;
use crate::account::webauthn::{CeremonyError, Challenge};

/// Written by the browser, and by whoever calls the API without one. Unknown members are passed over,
/// known ones twice are refused (WA-REG-6).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClientData<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    challenge: Cow<'a, str>,
    #[serde(borrow)]
    origin: Cow<'a, str>,
    #[serde(default)]
    cross_origin: Option<bool>,
    #[serde(borrow, default)]
    top_origin: Option<Cow<'a, str>>,
}

/// The mark some write before UTF-8. It is no part of the JSON, and it is part of what is hashed
/// (WA-REG-5, WA-REG-12).
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

impl<'a> ClientData<'a> {
    /// Reads the client data and checks all that it says (§7.1 steps 5 to 11, §7.2 steps 8 to 14).
    pub(super) fn check(
        bytes: &'a [u8],
        ceremony: Ceremony,
        challenge: Challenge,
        origins: &Origins,
    ) -> Result<Self, CeremonyError> {
        let said = Self::read(bytes, ceremony)?;
        ceremony.check(Step::Type, said.kind == ceremony.kind())?;
        // As text: a challenge in another alphabet, or padded, is another text (WA-REG-8). It was
        // drawn for this one question, so nothing is learnt from how long the comparison takes.
        ceremony.check(Step::Challenge, *said.challenge == challenge.to_text())?;
        ceremony.check(Step::Origin, origins.expects(&said.origin))?;
        ceremony.check(Step::CrossOrigin, said.cross_origin != Some(true) || origins.expect_frames())?;
        if let Some(top) = &said.top_origin {
            ceremony.check(Step::TopOrigin, origins.expects_top(top))?;
        }
        Ok(said)
    }

    fn read(bytes: &'a [u8], ceremony: Ceremony) -> Result<Self, CeremonyError> {
        let json = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        let json = std::str::from_utf8(json).map_err(|source| ceremony.failed(Step::ClientData, source))?;
        serde_json::from_str(json).map_err(|source| ceremony.failed(Step::ClientData, source))
    }

    pub(super) fn origin(&self) -> &str {
        &self.origin
    }
}
