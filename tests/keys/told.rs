//! What an operator is told of a ceremony that fails, and the client is not.

use std::cell::RefCell;
use std::fmt::{Debug, Write as _};

use tower_mfa::service::{Enroller, KeyRequest, Reply, Responder};
use tower_mfa::testing::{Lie, SoftAuthenticator};
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber, span};

use crate::bank::{ORIGIN, bank, is_wrong, options, with_the_id_of};
use crate::scene::{answered, challenged};

thread_local! {
    static LINES: RefCell<String> = const { RefCell::new(String::new()) };
}

/// What is logged on this thread.
struct Log;

impl Log {
    fn begin() {
        static ONCE: std::sync::Once = std::sync::Once::new();
        ONCE.call_once(|| tracing::subscriber::set_global_default(Self).unwrap());
        Self::take();
    }

    fn take() -> String {
        LINES.take()
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "tower_mfa::webauthn"
    }

    fn new_span(&self, _span: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _span: &span::Id, _values: &span::Record<'_>) {}

    fn record_follows_from(&self, _span: &span::Id, _follows: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Self);
    }

    fn enter(&self, _span: &span::Id) {}

    fn exit(&self, _span: &span::Id) {}
}

impl Visit for Log {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        LINES.with_borrow_mut(|lines| write!(lines, " {field}={value:?}").unwrap());
    }
}

/// The client hears one answer for all, the operator which check it was and from where.
#[tokio::test]
async fn which_check_failed_is_told_to_the_operator_alone() {
    Log::begin();
    let s = bank();
    let mut key = SoftAuthenticator::passkey();
    s.keyed("alice", &mut key).await;
    let asked = challenged(s.begin("alice").await);
    let from = s.mfa.from_address("192.0.2.7");
    let answer = async |credential: String| {
        from.answer(Responder::Token(&asked.token), asked.id, Reply::webauthn(credential)).await
    };
    for (lie, rule) in [
        (Lie::Type("webauthn.create".into()), "WA-AUTH-10"),
        (Lie::Challenge("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".into()), "WA-AUTH-11"),
        (Lie::CrossOrigin, "WA-AUTH-13"),
        (Lie::RpId("evil.example".into()), "WA-AUTH-15"),
    ] {
        key = key.lying(lie);
        let credential = key.assert(options(&asked.methods).as_str(), ORIGIN).unwrap();
        is_wrong(answer(credential).await);
        let line = Log::take();
        assert!(line.contains(rule) && line.contains("192.0.2.7") && line.contains("alice"), "{rule}: {line}");
        key = key.honest();
    }
    let good = key.assert(options(&asked.methods).as_str(), ORIGIN).unwrap();
    answered(answer(good).await.unwrap());
    assert_eq!(Log::take(), "", "what succeeds has its event");
}

/// WA-REG-26: whoever binds another's credential is up to something.
#[tokio::test]
async fn another_subjects_credential_is_told_to_the_operator() {
    Log::begin();
    let s = bank();
    let (hers, his) = (s.signed_in("alice").await, s.signed_in("bob").await);
    let (for_her, for_him) =
        (s.start_key(&hers, KeyRequest::passkey()).await, s.start_key(&his, KeyRequest::passkey()).await);
    let make = |options: &str| SoftAuthenticator::passkey().unattested().register(options, ORIGIN).unwrap();
    let own = make(for_her.public_key.as_str());
    let stolen = with_the_id_of(&make(for_him.public_key.as_str()), &own);
    s.mfa.confirm_key(Enroller::Session(&hers), for_her.id, &own).await.unwrap();
    assert_eq!(Log::take(), "");
    is_wrong(s.mfa.confirm_key(Enroller::Session(&his), for_him.id, &stolen).await);
    let line = Log::take();
    assert!(line.contains("WA-REG-26") && line.contains("bob"), "{line}");
}
