//! What of a cause is shown. Texts of servers are not shown as they are: some quote the arguments of a command, passwords and
//! values included.

use std::error::Error;
use std::fmt;

use deadpool_redis::redis::{self, RedisError};

#[cfg(feature = "cluster")]
use crate::failure::{TOO_MANY_CLIENTS, is_turned_away};

/// The words of a cause that may be shown.
pub(crate) struct Cause(String);

/// How much of a text is shown.
const LONGEST_CAUSE: usize = 160;

impl Cause {
    pub(crate) fn of(cause: &RedisError) -> Self {
        let text = match cause.kind() {
            // Only the code: the text of a server may quote what it was sent.
            redis::ErrorKind::Server(_) | redis::ErrorKind::Extension => cause
                .code()
                .map_or_else(|| "error".to_owned(), |code| format!("the server says {code}")),
            redis::ErrorKind::AuthenticationFailed => "authentication failed".to_owned(),
            // What the system says, and not what the client library adds: on a Cluster that is the text of a server.
            redis::ErrorKind::Io => cause
                .source()
                .map_or_else(|| cause.category().to_owned(), ToString::to_string),
            _ => cause.category().to_owned(),
        };
        let printable = |letter: char| if letter.is_control() { ' ' } else { letter };
        Self(text.chars().take(LONGEST_CAUSE).map(printable).collect())
    }
}

/// Takes out of a failure to connect to a node of a Cluster what the node says, which may quote a password: the client library logs
/// the failure, and puts it into the text of its own. The code stays, and what [`failure::of`](crate::failure::of) looks for.
#[cfg(feature = "cluster")]
pub(crate) fn without_words(cause: RedisError) -> RedisError {
    use redis::ErrorKind as Kind;

    const REFUSED: &str = "the node refused the connection";
    let detail = cause.detail().unwrap_or_default();
    match cause.kind() {
        Kind::Io if is_turned_away(&cause) => (Kind::Io, REFUSED, TOO_MANY_CLIENTS.to_owned()).into(),
        Kind::Server(_) if detail.starts_with("unknown command") && detail.contains("HELLO") => {
            (Kind::RESP3NotSupported, REFUSED).into()
        }
        Kind::Extension => redis::make_extension_error(cause.code().unwrap_or_default().to_owned(), None),
        kind @ Kind::Server(_) => (kind, REFUSED, cause.code().unwrap_or_default().to_owned()).into(),
        Kind::Io => cause,
        kind => (kind, REFUSED).into(),
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

impl Error for Cause {}
