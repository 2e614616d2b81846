//! What a server can answer, and what to do about it.

use std::error::Error;

use cache_core::{CacheError, ErrorKind};
use deadpool_redis::redis::{self, RedisError, ServerErrorKind};

use crate::cause::Cause;
use crate::decode::TOO_LONG;

/// What a failed request means for the connection that it ran on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Damage {
    /// None: the server answered.
    None,
    /// It did not answer in time. The connection may be well.
    Silent,
    /// None: it goes to many nodes, and one of them cannot be reached.
    #[cfg(feature = "cluster")]
    Away,
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

/// Says what a failure means for a connection to a Cluster. It makes and replaces those to its nodes by itself, and has
/// tried to before it fails, so it is given up only if it has none left or its own task has ended.
#[cfg(feature = "cluster")]
pub(crate) fn damage_to_cluster(cause: &RedisError) -> Damage {
    let ended =
        |text: &str| text.starts_with("redis_cluster: Unable") || text.starts_with("Cluster connection task");
    let none_left = |text: &str| text.starts_with("Failed to create initial connections");
    match damage(cause) {
        Damage::Broken if cause.is_io_error() => {
            let text = cause.to_string();
            if ended(&text) || none_left(&text) {
                Damage::Broken
            } else {
                Damage::Away
            }
        }
        damage => damage,
    }
}

/// Makes the error that callers see of what the client library reports.
pub(crate) fn of(cause: &RedisError) -> CacheError {
    use redis::ErrorKind as Kind;
    let (kind, message) = match cause.kind() {
        _ if cause.is_timeout() => return too_late(),
        Kind::Io if no_node_for(cause, &["AuthenticationFailed", "WRONGPASS", "NOAUTH"]) => {
            (ErrorKind::Denied, BAD_CREDENTIALS)
        }
        Kind::Io
            if no_node_for(
                cause,
                &["RESP3NotSupported", "unknown command 'HELLO'", "NOPROTO"],
            ) =>
        {
            (ErrorKind::Backend, NO_RESP3)
        }
        Kind::Io if is_turned_away(cause) || no_node_for(cause, &[TOO_MANY_CLIENTS]) => {
            (ErrorKind::Exhausted, NO_CLIENT_MORE)
        }
        Kind::Io => (
            ErrorKind::Unavailable,
            "the server cannot be reached; see whether it runs and whether host, port and TLS settings are right",
        ),
        Kind::AuthenticationFailed => (ErrorKind::Denied, BAD_CREDENTIALS),
        Kind::RESP3NotSupported => (ErrorKind::Backend, NO_RESP3),
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
            "the answer is not what a Redis server says, or names keys of others; see whether the address is that of one",
        ),
        Kind::Server(server) => return of_server(server, cause),
        Kind::Extension => return of_code(cause),
        _ => (ErrorKind::Backend, "the request failed; the cause says how"),
    };
    CacheError::new(kind, message).with_source(Cause::of(cause))
}

const NO_RESP3: &str = "the server does not speak RESP3, or not to this user; leave resp3 off";

const BAD_CREDENTIALS: &str = "the server refuses these credentials; check user and password";

/// What a server says that has as many clients as it takes.
pub(crate) const TOO_MANY_CLIENTS: &str = "max number of clients";
const NO_CLIENT_MORE: &str =
    "the server has as many clients as it takes; raise its maxclients or use fewer connections";

/// Says whether the stream of the connection ended with that word of the server.
pub(crate) fn is_turned_away(cause: &RedisError) -> bool {
    cause
        .source()
        .is_some_and(|word| word.to_string() == TOO_MANY_CLIENTS)
}

/// Says whether no node of a Cluster took the connection, and one for a reason of these words. The client library puts
/// the reason into the text of its own error.
fn no_node_for(cause: &RedisError, words: &[&str]) -> bool {
    let detail = cause.detail().unwrap_or_default();
    words.iter().any(|word| detail.contains(word))
}

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
            ErrorKind::Unavailable,
            "the node does not serve this key and nobody else does now; see whether all shards are well, and set \
             cluster if a single address is given",
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
        TOO_LONG => (
            ErrorKind::ValueTooLarge,
            "the stored value is longer than max_value_len and was not read; raise it, or see who wrote the value",
        ),
        "WRONGTYPE" => (
            ErrorKind::Decode,
            "the key holds another kind of value, such as a list; another program uses this namespace",
        ),
        "NOAUTH" | "WRONGPASS" => (ErrorKind::Denied, BAD_CREDENTIALS),
        "NOPROTO" => (ErrorKind::Backend, NO_RESP3),
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

/// Says whether a server does not know the command that asks for RESP3. It quotes the command in its own way, and arguments
/// after it.
fn says_no_hello(detail: &str) -> bool {
    let name = detail.strip_prefix("unknown command").map(|rest| {
        let is_quote = |letter: char| !letter.is_ascii_alphabetic();
        rest.trim_start_matches(is_quote)
    });
    name.is_some_and(|name| {
        let end = name
            .find(|letter: char| !letter.is_ascii_alphabetic())
            .unwrap_or(name.len());
        name[..end].eq_ignore_ascii_case("HELLO")
    })
}

/// Makes an error of an answer that has no code of its own but `ERR`.
fn of_text(cause: &RedisError) -> CacheError {
    let detail = cause.detail().unwrap_or_default();
    let (kind, message) = if detail.contains("DB index") {
        (
            ErrorKind::Backend,
            "the server has no database of this number; check db",
        )
    } else if says_no_hello(detail) {
        // Some servers spell that in another way than the client library knows.
        (ErrorKind::Backend, NO_RESP3)
    } else {
        (
            ErrorKind::Backend,
            "the server refuses the command; the cause says why",
        )
    };
    CacheError::new(kind, message).with_source(Cause::of(cause))
}

/// Adds which nodes were not cleared.
#[cfg(feature = "cluster")]
pub(crate) fn not_cleared(nodes: &[String], cause: &RedisError) -> CacheError {
    let error = of(cause);
    let message = format!(
        "{error}; not cleared: {}; clear again when all nodes are well",
        nodes.join(", ")
    );
    CacheError::new(error.kind(), message).with_source(Cause::of(cause))
}

#[cfg(feature = "cluster")]
pub(crate) fn slots_kept_moving() -> CacheError {
    CacheError::new(
        ErrorKind::Unavailable,
        "slots of the Cluster kept moving until the budget had passed, so keys may be left; clear again when they rest",
    )
}

pub(crate) fn too_late() -> CacheError {
    CacheError::new(
        ErrorKind::Timeout,
        "the server did not answer within the budget; see whether it is slow, or raise the budget",
    )
}

/// Says that the keys are not counted while a breaker is open.
pub(crate) fn not_counted() -> CacheError {
    CacheError::new(
        ErrorKind::Unavailable,
        "the breaker is open, so the keys are not counted",
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

pub(crate) fn connect_panicked() -> CacheError {
    CacheError::new(
        ErrorKind::Unavailable,
        "the client library panicked while it connected; the output of the program says where",
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The client library makes one of what a server said, which may be what it was sent.
    #[test]
    fn an_error_of_a_cluster_does_not_show_what_a_node_said() {
        let said = "unknown command 'AUTH', with args beginning with: 'canary'".to_owned();
        let cause = RedisError::from((redis::ErrorKind::Io, "Failed to create initial connections", said));
        let error = of(&cause);
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(
            !format!("{error:?} {}", Cause::of(&cause)).contains("canary"),
            "{error:?}"
        );
    }

    #[test]
    fn what_the_system_says_is_shown() {
        let cause = RedisError::from(std::io::Error::other("no route"));
        assert_eq!(Cause::of(&cause).to_string(), "no route");
    }
}
