/// What a [`SoftAuthenticator`](super::SoftAuthenticator), or the browser around it, says that is not so.
///
/// A wrong origin is no lie: the page is where it is, and the browser says so.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lie {
    /// The challenge of another question, in base64url.
    Challenge(String),
    /// The `type` of another ceremony, such as `webauthn.get`.
    Type(String),
    /// The RP id that the authenticator data are for.
    RpId(String),
    /// That the page stands in a frame of another site.
    CrossOrigin,
    /// The page around the frame.
    TopOrigin(String),
}

impl Lie {
    pub(super) fn challenge(&self) -> Option<&str> {
        if let Self::Challenge(challenge) = self { Some(challenge) } else { None }
    }

    pub(super) fn kind(&self) -> Option<&str> {
        if let Self::Type(kind) = self { Some(kind) } else { None }
    }

    pub(super) fn rp_id(&self) -> Option<&str> {
        if let Self::RpId(id) = self { Some(id) } else { None }
    }

    pub(super) fn top_origin(&self) -> Option<&str> {
        if let Self::TopOrigin(origin) = self { Some(origin) } else { None }
    }
}
