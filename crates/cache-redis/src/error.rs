//! What can be wrong with the settings and what a server can answer, and what to do about it. Texts of servers are not
//! shown as they are: some quote the arguments of a command, passwords and values included.

use std::fmt;
use std::time::Duration;

use cache_core::{CacheError, ErrorKind};
use deadpool_redis::redis::{self, RedisError, ServerErrorKind};

/// What a failed request means for the connection that it ran on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Damage {
    /// None: the server answered.
    None,
    /// It did not answer in time. The connection may be well.
    Silent,
    /// It must be replaced.
    Broken,
}

/// Says what a failure means for its connection.
pub(crate) fn damage(cause: &RedisError) -> Damage {
    if cause.is_timeout() {
        Damage::Silent
    } else if cause.kind() == redis::ErrorKind::Server(ServerErrorKind::ReadOnly)
        || cause.is_unrecoverable_error()
        || cause.is_io_error()
    {
        // A replica that was a master: connecting again finds the new one.
        Damage::Broken
    } else {
        Damage::None
    }
}

/// Makes the error that callers see of what the client library reports.
pub(crate) fn of(cause: &RedisError) -> CacheError {
    use redis::ErrorKind as Kind;
    let (kind, message) = match cause.kind() {
        _ if cause.is_timeout() => return too_late(),
        Kind::Io => (
            ErrorKind::Unavailable,
            "the server cannot be reached; see whether it runs and whether host, port and TLS settings are right",
        ),
        Kind::AuthenticationFailed => (ErrorKind::Denied, BAD_CREDENTIALS),
        Kind::RESP3NotSupported => (
            ErrorKind::Backend,
            "the server does not speak RESP3, or not to this user; leave resp3 off",
        ),
        Kind::MasterNameNotFoundBySentinel | Kind::NoValidReplicasFoundBySentinel => (
            ErrorKind::Unavailable,
            "no Sentinel knows a master of this name that is well; check the name and the Sentinels",
        ),
        Kind::ClusterConnectionNotFound => (
            ErrorKind::Unavailable,
            "no node of the Cluster that holds this key can be reached; see whether its shard is well",
        ),
        Kind::Parse | Kind::UnexpectedReturnType => (
            ErrorKind::Unavailable,
            "the answer is not what a Redis server says; see whether the address is that of one",
        ),
        Kind::Server(server) => return of_server(server, cause),
        Kind::Extension => return of_code(cause),
        _ => (ErrorKind::Backend, "the request failed; the cause says how"),
    };
    CacheError::new(kind, message).with_source(Cause::of(cause))
}

const BAD_CREDENTIALS: &str = "the server refuses these credentials; check user and password";

fn of_server(kind: ServerErrorKind, cause: &RedisError) -> CacheError {
    let (kind, message) = match kind {
        ServerErrorKind::BusyLoading => (
            ErrorKind::Unavailable,
            "the server is loading its data; it answers when it is done",
        ),
        ServerErrorKind::MasterDown | ServerErrorKind::ClusterDown | ServerErrorKind::TryAgain => (
            ErrorKind::Unavailable,
            "the part of the servers that holds this key is not ready; it answers when it is",
        ),
        ServerErrorKind::ReadOnly => (
            ErrorKind::Unavailable,
            "the server is a replica and takes no writes; give the address of the master, or use Sentinel",
        ),
        ServerErrorKind::NoPerm => (
            ErrorKind::Denied,
            "the user may not do this; docs/redis.md lists the commands and keys that it needs",
        ),
        ServerErrorKind::Moved | ServerErrorKind::Ask => (
            ErrorKind::Backend,
            "the server is a node of a Cluster; set cluster instead of a single address",
        ),
        ServerErrorKind::ResponseError => return of_text(cause),
        _ => (
            ErrorKind::Backend,
            "the server refuses the command; the cause says why",
        ),
    };
    CacheError::new(kind, message).with_source(Cause::of(cause))
}

/// Makes an error of an answer whose code the client library does not know.
fn of_code(cause: &RedisError) -> CacheError {
    let (kind, message) = match cause.code().unwrap_or_default() {
        "OOM" => (
            ErrorKind::Full,
            "the server has no memory left and may evict nothing; raise maxmemory or set an eviction policy",
        ),
        "WRONGTYPE" => (
            ErrorKind::Decode,
            "the key holds another kind of value, such as a list; another program uses this namespace",
        ),
        "NOAUTH" | "WRONGPASS" => (ErrorKind::Denied, BAD_CREDENTIALS),
        "BUSY" => (
            ErrorKind::Unavailable,
            "the server runs a script that does not end; it answers when it has",
        ),
        "MISCONF" | "NOREPLICAS" | "NOGOODSLAVE" | "UNKILLABLE" => (
            ErrorKind::Unavailable,
            "the server takes no writes now; its log says why",
        ),
        _ => (
            ErrorKind::Backend,
            "the server refuses the command; the cause says why",
        ),
    };
    CacheError::new(kind, message).with_source(Cause::of(cause))
}

/// Makes an error of an answer that has no code of its own but `ERR`.
fn of_text(cause: &RedisError) -> CacheError {
    let detail = cause.detail().unwrap_or_default();
    let (kind, message) = if detail.contains("max number of clients") {
        (
            ErrorKind::Exhausted,
            "the server has as many clients as it takes; raise its maxclients or use fewer connections",
        )
    } else if detail.contains("DB index") {
        (
            ErrorKind::Backend,
            "the server has no database of this number; check db",
        )
    } else {
        (
            ErrorKind::Backend,
            "the server refuses the command; the cause says why",
        )
    };
    CacheError::new(kind, message).with_source(Cause::of(cause))
}

/// The words of a cause that may be shown.
struct Cause(String);

/// How much of a text is shown.
const LONGEST_CAUSE: usize = 160;

impl Cause {
    fn of(cause: &RedisError) -> Self {
        let text = match cause.kind() {
            // Only the code: the text of a server may quote what it was sent.
            redis::ErrorKind::Server(_) | redis::ErrorKind::Extension => cause
                .code()
                .map_or_else(|| "error".to_owned(), |code| format!("the server says {code}")),
            redis::ErrorKind::AuthenticationFailed => "authentication failed".to_owned(),
            redis::ErrorKind::Io => cause.to_string(),
            _ => cause.category().to_owned(),
        };
        let printable = |letter: char| if letter.is_control() { ' ' } else { letter };
        Self(text.chars().take(LONGEST_CAUSE).map(printable).collect())
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Cause {}

pub(crate) fn too_late() -> CacheError {
    CacheError::new(
        ErrorKind::Timeout,
        "the server did not answer within the budget; see whether it is slow, or raise the budget",
    )
}

pub(crate) fn no_connection_in_time() -> CacheError {
    CacheError::new(
        ErrorKind::Timeout,
        "no connection was ready within the budget; see whether the server is reachable, or raise the budget",
    )
}

pub(crate) fn no_connection_free() -> CacheError {
    CacheError::new(
        ErrorKind::Exhausted,
        "all connections were in use until the budget had passed; raise max_connections",
    )
}

pub(crate) fn breaker_open() -> CacheError {
    CacheError::new(
        ErrorKind::Unavailable,
        "the last calls failed, so this one did not ask the server; calls go on when one of them succeeds",
    )
}

pub(crate) fn unexpected_reply() -> CacheError {
    CacheError::new(
        ErrorKind::Backend,
        "the answer does not fit the command; see whether the address is that of a Redis server",
    )
}

pub(crate) fn value_too_large(len: usize, most: usize) -> CacheError {
    let message = format!("the stored value has {len} bytes, the limit is {most}; raise max_value_len");
    CacheError::new(ErrorKind::ValueTooLarge, message)
}

pub(crate) fn no_runtime() -> CacheError {
    CacheError::new(
        ErrorKind::InvalidConfig,
        "there is no Tokio runtime here; call the cache from within one",
    )
}

fn config(message: impl Into<std::borrow::Cow<'static, str>>) -> CacheError {
    CacheError::new(ErrorKind::InvalidConfig, message)
}

pub(crate) fn bad_url() -> CacheError {
    config(
        "the URL is not that of a Redis server; give redis://user:password@host:6379/0, unix:///path?db=0, or, with the \
         feature tls, rediss://user:password@host:6380/0",
    )
}

pub(crate) fn insecure_url() -> CacheError {
    config(
        "the URL asks for TLS without verification, which there is not; drop #insecure and set the CA file",
    )
}

pub(crate) fn bad_node() -> CacheError {
    config("a node of cluster or sentinel has no address; give each as host:port")
}

pub(crate) fn no_nodes(of: &str) -> CacheError {
    config(format!(
        "{of} is set without an address; give at least one host:port"
    ))
}

pub(crate) fn no_master_name() -> CacheError {
    config("sentinel is set without the name of a master; give the one of `sentinel monitor`")
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

pub(crate) fn db_on_cluster() -> CacheError {
    config("db is set, but a Cluster has only database 0; leave it out and use a namespace")
}

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

pub(crate) fn limit(message: impl Into<std::borrow::Cow<'static, str>>) -> CacheError {
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

/// Makes the error of a client that the library refuses to make.
pub(crate) fn bad_client(cause: &RedisError) -> CacheError {
    config("the client cannot be made of these settings; the cause says why").with_source(Cause::of(cause))
}
