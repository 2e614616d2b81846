//! What of a cause is shown. Texts of servers are not shown as they are: some quote the arguments of a command, passwords and
//! values included.

use std::error::Error;
use std::fmt;

use deadpool_redis::redis::{self, RedisError};

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
