use bytes::Bytes;
use http::Response;

use crate::middleware::refusal::Form;
use crate::middleware::settings::Settings;
use crate::middleware::{Refusal, RefusalKind, log};

/// Says no, in the form the client reads, and says why to the log.
pub(crate) fn refuse(refusal: &Refusal, settings: Option<&Settings>, form: Form) -> Response<Bytes> {
    match refusal.kind() {
        RefusalKind::NotLayered => log::not_layered(),
        RefusalKind::Misplaced => log::misplaced(refusal),
        _ => log::refused(refusal),
    }
    form.write(refusal.problem(settings))
}
