//! Passkeys and security keys: for which site they are made, and who signs in with one.

use std::fs;

use tower_mfa::account::KnownUser;
use tower_mfa::id::Subject;
use tower_mfa::service::{Directory, DirectoryFuture};
use tower_mfa::webauthn::RelyingParty;

use crate::args::Args;
use crate::chain;
use crate::users::Users;

/// The site that keys are made for. Browsers make none for an address in numbers, so there is none then.
pub(crate) fn relying_party(args: &Args, origin: &str) -> Result<Option<RelyingParty>, String> {
    if origin.strip_prefix("http://localhost").is_none_or(|port| !port.is_empty() && !port.starts_with(':')) {
        let trust = if args.trusted_models.is_empty() { "--attestation-root" } else { "--trust-aaguid" };
        let is_asked_for = !args.trusted_models.is_empty() || !args.attestation_roots.is_empty();
        return if is_asked_for {
            Err(format!("{trust} goes with localhost: elsewhere there are no keys"))
        } else {
            Ok(None)
        };
    }
    let mut site = RelyingParty::builder("localhost", origin).name("tower-mfa quickstart");
    for file in &args.attestation_roots {
        let certificate = fs::read(file).map_err(|e| format!("--attestation-root {}: {e}", file.display()))?;
        site = site.attestation_root(certificate);
    }
    site.build().map(Some).map_err(|e| chain(&e))
}

/// Who signs in with a passkey alone is found here, as the login by password finds them in `users.rs`.
pub(crate) struct Bank;

impl Directory for Bank {
    fn subject_of<'a>(&'a self, name: &'a str) -> DirectoryFuture<'a, Subject> {
        Box::pin(async move { Ok(Users::roles_of(name).and_then(|_| Subject::new(name).ok())) })
    }

    fn user<'a>(&'a self, subject: &'a Subject) -> DirectoryFuture<'a, KnownUser> {
        Box::pin(async move {
            let roles = Users::roles_of(subject.id());
            Ok(roles.map(|roles| KnownUser::new(subject.clone()).client("quickstart").roles(roles.iter().copied())))
        })
    }
}
