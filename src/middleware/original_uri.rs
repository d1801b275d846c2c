//! The URI that was sent, where a router outside has shortened it.

use http::{Extensions, Uri};

/// Finds the URI that was sent among the extensions of a request.
pub(super) type OriginalUri = fn(&Extensions) -> Option<&Uri>;

/// Tells whether `own` is what a router left of `original`: routers shorten from the front, to the rest, or to "/"
/// where nothing is left. Anything else was rewritten, and what runs is not what was sent.
pub(super) fn is_shortened(own: &Uri, original: &Uri) -> bool {
    own.path() == "/" || original.path().ends_with(own.path())
}
