use super::RelyingParty;
use crate::service::MfaBuilder;

impl MfaBuilder {
    /// Sets up passkeys and security keys, for this relying party.
    ///
    /// ```
    /// use tower_mfa::service::{Keys, Mfa};
    /// use tower_mfa::store::MemoryStore;
    /// use tower_mfa::webauthn::RelyingParty;
    ///
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// let mfa = || {
    ///     let mfa = Mfa::builder(MemoryStore::new()).issuer("https://id.example").audience("api");
    ///     mfa.keys(Keys::generate().unwrap())
    /// };
    /// let shop = RelyingParty::builder("example.com", "https://example.com").build().unwrap();
    /// assert!(mfa().webauthn(shop).build().unwrap().start_passkey(None).await.is_ok());
    /// assert!(mfa().build().unwrap().start_passkey(None).await.is_err(), "nobody would check what a key signs");
    /// # });
    /// ```
    pub fn webauthn(self, relying_party: RelyingParty) -> Self {
        self.with_ceremonies(Box::new(relying_party))
    }
}
