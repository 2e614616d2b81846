//! The commands that are sent, each in one place: `docs/redis.md` lists them for the rights of a user.

use std::io::Write;

use cache_core::{Key, Namespace};
use deadpool_redis::redis::{Cmd, RedisWrite, ToRedisArgs, ToSingleRedisArg};

/// A key as it is stored, without a text made for it.
#[derive(Clone, Copy)]
pub(crate) struct StoredKey<'a> {
    namespace: &'a Namespace,
    key: Key<'a>,
}

impl<'a> StoredKey<'a> {
    pub(crate) fn new(namespace: &'a Namespace, key: Key<'a>) -> Self {
        Self { namespace, key }
    }

    fn len(self) -> usize {
        self.namespace.prefix().len() + self.key.as_str().len()
    }
}

impl ToRedisArgs for StoredKey<'_> {
    fn write_redis_args<W: RedisWrite + ?Sized>(&self, out: &mut W) {
        let mut writer = out.writer_for_next_arg();
        // Writing into the buffer of a command does not fail.
        let _ = writer.write_all(self.namespace.prefix().as_bytes());
        let _ = writer.write_all(self.key.as_str().as_bytes());
    }
}

impl ToSingleRedisArg for StoredKey<'_> {}

/// How many bytes the words of a command take at most.
const WORDS: usize = 48;

fn command(name: &str, arguments: usize, len: usize) -> Cmd {
    let mut command = Cmd::with_capacity(arguments + 1, len + WORDS);
    command.arg(name);
    command
}

pub(crate) fn get(key: StoredKey<'_>) -> Cmd {
    let mut command = command("GET", 1, key.len());
    command.arg(key);
    command
}

/// Reads the first bytes of a value.
pub(crate) fn head(key: StoredKey<'_>, len: usize) -> Cmd {
    let mut command = command("GETRANGE", 3, key.len());
    command.arg(key).arg(0).arg(len.saturating_sub(1));
    command
}

pub(crate) fn exists(key: StoredKey<'_>) -> Cmd {
    let mut command = command("EXISTS", 1, key.len());
    command.arg(key);
    command
}

/// Stores a value, for so many milliseconds if it has an end.
pub(crate) fn set(key: StoredKey<'_>, value: &[u8], millis: Option<u64>) -> Cmd {
    let mut command = command("SET", 4, key.len() + value.len());
    command.arg(key).arg(value);
    if let Some(millis) = millis {
        command.arg("PX").arg(millis);
    }
    command
}

pub(crate) fn unlink(key: StoredKey<'_>) -> Cmd {
    let mut command = command("UNLINK", 1, key.len());
    command.arg(key);
    command
}

pub(crate) fn mget<'a>(keys: impl Iterator<Item = StoredKey<'a>> + Clone) -> Cmd {
    let len = keys.clone().map(StoredKey::len).sum();
    let mut command = command("MGET", keys.clone().count(), len);
    for key in keys {
        command.arg(key);
    }
    command
}

/// Removes a key as a scan has found it.
pub(crate) fn unlink_found(key: &[u8]) -> Cmd {
    let mut command = command("UNLINK", 1, key.len());
    command.arg(key);
    command
}

/// Looks for keys that begin with the prefix, from a cursor on.
pub(crate) fn scan(cursor: u64, prefix: &str) -> Cmd {
    let mut command = command("SCAN", 5, prefix.len() * 2);
    command
        .arg(cursor)
        .arg("MATCH")
        .arg(glob(prefix))
        .arg("COUNT")
        .arg(SCAN_COUNT);
    command
}

/// How many keys a scan looks at in one step: few enough not to keep others waiting.
const SCAN_COUNT: usize = 1_000;

pub(crate) fn ping() -> Cmd {
    command("PING", 0, 0)
}

/// Asks for these words back.
pub(crate) fn ping_with(words: &str) -> Cmd {
    let mut command = command("PING", 1, words.len());
    command.arg(words);
    command
}

/// Asks a node of a Cluster who serves which slots.
#[cfg(feature = "cluster")]
pub(crate) fn cluster_slots() -> Cmd {
    let mut command = command("CLUSTER", 1, 0);
    command.arg("SLOTS");
    command
}

/// Asks a node of a Cluster for what it knows of all, and which slots it gives away or takes in itself.
#[cfg(feature = "cluster")]
pub(crate) fn cluster_nodes() -> Cmd {
    let mut command = command("CLUSTER", 1, 0);
    command.arg("NODES");
    command
}

/// Returns the pattern that matches what begins with the prefix and nothing else.
fn glob(prefix: &str) -> String {
    let mut pattern = String::with_capacity(prefix.len() + 8);
    for letter in prefix.chars() {
        if matches!(letter, '*' | '?' | '[' | ']' | '\\' | '^' | '-') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('*');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn glob_characters_are_escaped() {
        assert_eq!(glob(r"a*b?[c]\:"), r"a\*b\?\[c\]\\:*");
    }

    #[test]
    fn a_stored_key_is_one_argument() {
        let namespace = Namespace::new("a:b").unwrap();
        let command = get(StoredKey::new(&namespace, Key::new("c d\r\n").unwrap()));
        assert_eq!(
            command.get_packed_command(),
            b"*2\r\n$3\r\nGET\r\n$11\r\na%3Ab:c d\r\n\r\n"
        );
    }
}
