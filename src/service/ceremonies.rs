//! Where the room `webauthn` hands in who checks what authenticators sign.

#![cfg_attr(not(feature = "webauthn"), expect(dead_code, reason = "called by the room webauthn"))]

use super::MfaBuilder;
use crate::account::webauthn::Ceremonies;

impl MfaBuilder {
    pub(crate) fn with_ceremonies(mut self, ceremonies: Box<dyn Ceremonies>) -> Self {
        self.ceremonies = Some(ceremonies);
        self
    }
}
