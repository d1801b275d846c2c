//! The scan cursor of the stores that sort by [`Subject::storage_key`].

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::id::Subject;
use crate::store::{ScanCursor, StoreError};

pub(super) fn write(last: &Subject) -> Result<ScanCursor, StoreError> {
    ScanCursor::new(URL_SAFE_NO_PAD.encode(last.storage_key())).map_err(StoreError::corrupt)
}

/// The storage key to go on behind.
pub(super) fn read(cursor: &ScanCursor) -> Result<String, StoreError> {
    let key = URL_SAFE_NO_PAD.decode(cursor.as_str()).map_err(StoreError::cursor)?;
    String::from_utf8(key).map_err(StoreError::cursor)
}
