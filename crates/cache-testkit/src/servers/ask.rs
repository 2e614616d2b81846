//! What tests ask a server from outside, past any proxy.

use std::collections::BTreeMap;
use std::io;

use crate::servers::reply::{Pending, Reply};
use crate::servers::server::RedisServer;

impl RedisServer {
    /// Sends a command and returns the reply, which may be an error of the server.
    ///
    /// Panics if the server cannot be asked, with the end of its log.
    #[track_caller]
    pub fn command<W: AsRef<[u8]>>(&self, words: impl IntoIterator<Item = W>) -> Reply {
        match self.try_command(words) {
            Ok(reply) => reply,
            Err(error) => panic!("{}", self.failure(&error.to_string())),
        }
    }

    /// Sends a command and returns the reply, which may be an error of the server.
    ///
    /// # Errors
    /// The server is not there, or does not answer for ten seconds.
    pub fn try_command<W: AsRef<[u8]>>(&self, words: impl IntoIterator<Item = W>) -> io::Result<Reply> {
        self.send(words)?.reply()
    }

    /// Sends a command and does not wait for the reply.
    ///
    /// # Errors
    /// The server is not there.
    pub fn send<W: AsRef<[u8]>>(&self, words: impl IntoIterator<Item = W>) -> io::Result<Pending> {
        let command: Vec<_> = words.into_iter().map(|word| word.as_ref().to_vec()).collect();
        Pending::send(&self.socket(), self.admin_password(), &command)
    }

    /// Says whether the server is a primary now. A server that cannot be asked is none: it may be dead, or just have
    /// closed all connections because its role changes.
    pub fn is_primary(&self) -> bool {
        let role = self.try_command(["ROLE"]);
        role.is_ok_and(
            |role| matches!(&role, Reply::Array(items) if items[0] == Reply::Bytes(b"master".into())),
        )
    }

    /// Returns the fields of a section of `INFO`.
    #[track_caller]
    pub fn info(&self, section: &str) -> BTreeMap<String, String> {
        let text = self.command(["INFO", section]).text();
        let fields = text.lines().filter_map(|line| line.split_once(':'));
        fields
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    /// Returns how often each command was called since the start or [`reset_calls`](Self::reset_calls), by its name
    /// in lower case. Those of this type count too, `INFO` and `AUTH` for one.
    #[track_caller]
    pub fn calls(&self) -> BTreeMap<String, u64> {
        let calls = |(name, value): (String, String)| {
            let name = name.strip_prefix("cmdstat_")?.to_owned();
            let (calls, _) = value.strip_prefix("calls=")?.split_once(',')?;
            Some((name, calls.parse().ok()?))
        };
        self.info("commandstats").into_iter().filter_map(calls).collect()
    }

    /// Lets [`calls`](Self::calls) start at nothing.
    #[track_caller]
    pub fn reset_calls(&self) {
        self.command(["CONFIG", "RESETSTAT"]);
    }
}
