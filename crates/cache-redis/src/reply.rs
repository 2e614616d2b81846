//! What replies mean that carry no value.

use cache_core::{CacheError, Result};
use deadpool_redis::redis::{RedisResult, Value};

use crate::failure;
use crate::origin::Origin;
use crate::scalar::garbage;

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

/// Checks the reply to the removal of a key that a scan has found, which may be gone since.
pub(crate) fn removed(reply: Value) -> RedisResult<()> {
    match reply.extract_error()? {
        Value::Int(0 | 1) => Ok(()),
        _ => Err(garbage("a removal is answered by something else")),
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
