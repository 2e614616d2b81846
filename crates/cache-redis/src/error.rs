//! What can be wrong with the settings and with values, and what to do about it.

use std::borrow::Cow;
use std::time::Duration;

use cache_core::{CacheError, ErrorKind};
use deadpool_redis::redis::RedisError;

use crate::cause::Cause;

pub(crate) fn value_too_large(len: usize, most: usize) -> CacheError {
    let message = format!("the stored value has {len} bytes, the limit is {most}; raise max_value_len");
    CacheError::new(ErrorKind::ValueTooLarge, message)
}

pub(crate) fn no_room_for_tags() -> CacheError {
    CacheError::new(
        ErrorKind::InvalidTag,
        "raw mode stores values without a header, so there is no room for tags; leave one of the two out",
    )
}

pub(crate) fn no_runtime() -> CacheError {
    CacheError::new(
        ErrorKind::InvalidConfig,
        "there is no Tokio runtime here; call the cache from within one",
    )
}

fn config(message: impl Into<Cow<'static, str>>) -> CacheError {
    CacheError::new(ErrorKind::InvalidConfig, message)
}

pub(crate) fn bad_url() -> CacheError {
    config(
        "the URL is not that of a Redis server; give redis://user:password@host:6379/0, unix:///path?db=0, or, with the \
         feature tls, rediss://user:password@host:6380/0",
    )
}

pub(crate) fn empty_host() -> CacheError {
    config("host is empty; give the name or the address of the server, or leave it out for 127.0.0.1")
}

pub(crate) fn empty_socket() -> CacheError {
    config("unix_socket is empty; give the path of the socket")
}

pub(crate) fn insecure_url() -> CacheError {
    config(
        "the URL asks for TLS without verification, which there is not; drop #insecure and set the CA file",
    )
}

#[cfg(any(feature = "cluster", feature = "sentinel"))]
pub(crate) fn bad_node() -> CacheError {
    config("a node of cluster or sentinel has no address; give each as host:port")
}

#[cfg(any(feature = "cluster", feature = "sentinel"))]
pub(crate) fn no_nodes(of: &str) -> CacheError {
    config(format!(
        "{of} is set without an address; give at least one host:port"
    ))
}

#[cfg(feature = "sentinel")]
pub(crate) fn no_master_name() -> CacheError {
    config("sentinel is set without the name of a master; give the one of `sentinel monitor`")
}

#[cfg(feature = "sentinel")]
pub(crate) fn identity_of_sentinel() -> CacheError {
    config(
        "the URL of a Sentinel names a user, a password or a database; set user, password and db for the server, and \
         sentinel_credentials for the Sentinels",
    )
}

pub(crate) fn several_places() -> CacheError {
    config("more than one of url, host, unix_socket, cluster and sentinel is set; give one")
}

pub(crate) fn user_without_password() -> CacheError {
    config("user is set without a password; set password too, or leave both out")
}

pub(crate) fn bad_db(db: i64) -> CacheError {
    config(format!("db is {db}; give a number from 0 on"))
}

pub(crate) fn no_such_db(db: i64, highest: i64) -> CacheError {
    config(format!(
        "db is {db}; give a number up to {highest}, above which no server has one"
    ))
}

#[cfg(feature = "cluster")]
pub(crate) fn db_on_cluster() -> CacheError {
    config("db is set, but a Cluster has only database 0; leave it out and use a namespace")
}

#[cfg(feature = "tls")]
pub(crate) fn tls_on_a_socket() -> CacheError {
    config("tls is set for a unix socket, which has none; leave one of them out")
}

pub(crate) fn bad_duration(setting: &str, given: Duration) -> CacheError {
    config(format!(
        "{setting} is {given:?}; give a duration from 1 ms to 1 h"
    ))
}

pub(crate) fn bad_breaker() -> CacheError {
    config("the breaker would open without a failure; give failures_in_a_row and calls_in_window above 0")
}

pub(crate) fn limit(message: impl Into<Cow<'static, str>>) -> CacheError {
    CacheError::new(ErrorKind::InvalidLimit, message)
}

#[cfg(feature = "tls")]
pub(crate) fn bad_file(what: &str, path: &std::path::Path, cause: std::io::Error) -> CacheError {
    config(format!(
        "the {what} {} cannot be read; check the path",
        path.display()
    ))
    .with_source(cause)
}

#[cfg(feature = "tls")]
pub(crate) fn bad_pem(what: &str, path: &std::path::Path) -> CacheError {
    config(format!(
        "the {what} {} holds none in the form of PEM; give one",
        path.display()
    ))
}

#[cfg(feature = "tls")]
pub(crate) fn no_authorities() -> CacheError {
    config("the system has no authorities to trust in TLS; set the CA file, or install ca-certificates")
}

#[cfg(feature = "tls")]
pub(crate) fn bad_tls(cause: rustls::Error) -> CacheError {
    config("the client certificate and its key do not go together; give the chain and the key of one certificate")
        .with_source(cause)
}

/// Makes the error of a client that the library refuses to make.
pub(crate) fn bad_client(cause: &RedisError) -> CacheError {
    config("the client cannot be made of these settings; the cause says why").with_source(Cause::of(cause))
}
