//! Who asks: user, password, database and protocol, checked and put to an address.

use cache_core::Result;
use deadpool_redis::redis::{ConnectionInfo, ProtocolVersion, RedisConnectionInfo};

use crate::config::RedisBuilder;
use crate::error;

/// How many databases a server has is an `int` of C.
const HIGHEST_DB: i64 = i32::MAX as i64 - 1;

/// Adds user, password, database and protocol.
pub(crate) fn with_identity(builder: &RedisBuilder, info: ConnectionInfo) -> Result<ConnectionInfo> {
    let redis = identity(builder, info.redis_settings().clone())?;
    Ok(info.set_redis_settings(redis))
}

pub(crate) fn identity(
    builder: &RedisBuilder,
    mut redis: RedisConnectionInfo,
) -> Result<RedisConnectionInfo> {
    if let Some(user) = &builder.user {
        redis = redis.set_username(user);
    }
    if let Some(password) = &builder.password {
        redis = redis.set_password(password.expose());
    }
    if let Some(db) = builder.db {
        redis = redis.set_db(db);
    }
    if builder.resp3 {
        redis = redis.set_protocol(ProtocolVersion::RESP3);
    }
    if redis.username().is_some() && redis.password().is_none() {
        return Err(error::user_without_password());
    }
    if redis.db() < 0 {
        return Err(error::bad_db(redis.db()));
    }
    if redis.db() > HIGHEST_DB {
        return Err(error::no_such_db(redis.db(), HIGHEST_DB));
    }
    Ok(redis.set_lib_name("cache-redis", env!("CARGO_PKG_VERSION")))
}
