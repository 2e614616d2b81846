//! What replies mean that carry no value.

use cache_core::{CacheError, Result};
use deadpool_redis::redis::Value;

use crate::failure;
use crate::origin::Origin;

/// Says what a reply to a set means.
pub(crate) fn stored(reply: Value, origin: &Origin<'_>) -> Result<()> {
    match reply {
        Value::Okay => Ok(()),
        other => Err(out_of_step(other, origin)),
    }
}

/// Says what a reply to a removal means.
pub(crate) fn went(reply: Value, origin: &Origin<'_>) -> Result<bool> {
    match reply {
        Value::Int(0) => Ok(false),
        Value::Int(1) => Ok(true),
        other => Err(out_of_step(other, origin)),
    }
}

/// Makes the error of a reply that does not fit its command. Unless it is a refusal, it comes from a connection that is
/// out of step.
pub(crate) fn out_of_step(reply: Value, origin: &Origin<'_>) -> CacheError {
    if let Err(refusal) = reply.extract_error() {
        return failure::of(&refusal);
    }
    origin.distrust();
    failure::unexpected_reply()
}
