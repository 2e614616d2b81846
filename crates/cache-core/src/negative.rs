//! The answer of a loader that there is nothing, as a value that can be stored: it is read as no value, whatever the type
//! that is asked for.

use std::sync::OnceLock;

use bytes::Bytes;
use serde::{Serialize, Serializer};

use crate::codec::CodecId;
use crate::error::{CacheError, ErrorKind};
use crate::fingerprint::TypeFingerprint;
use crate::value::Payload;

/// What stands in the place of an object. It has no encoded form of its own: [`payload`] is what is stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NotFound;

impl Serialize for NotFound {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

/// Returns the stored form.
pub(crate) fn payload() -> Payload {
    Payload {
        bytes: Bytes::new(),
        codec: CodecId::NOT_FOUND,
        type_fingerprint: TypeFingerprint::UNKNOWN,
    }
}

/// Returns what reading it gives. It is made once, so that such answers allocate nothing.
#[cold]
pub(crate) fn is_not_found() -> CacheError {
    static ERROR: OnceLock<CacheError> = OnceLock::new();
    ERROR
        .get_or_init(|| {
            CacheError::new(
                ErrorKind::NotFound,
                "a loader found nothing for this key, which is remembered for a while",
            )
        })
        .clone()
}
