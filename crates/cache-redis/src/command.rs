//! The commands that are sent, each in one place: `docs/redis.md` lists them for the rights of a user. They are put down as what they
//! consist of and made into bytes once, when they are sent.

use bytes::Bytes;
use cache_core::{Key, Namespace};
#[cfg(feature = "cluster")]
use deadpool_redis::redis::{Cmd, Pipeline};

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

    fn parts(&self) -> [&[u8]; 2] {
        [self.namespace.prefix().as_bytes(), self.key.as_str().as_bytes()]
    }
}

/// A command with its arguments.
pub(crate) struct Command<'a> {
    /// The words that it begins with.
    words: &'static [&'static str],
    /// The keys that it is about.
    keys: Keys<'a>,
    /// What follows.
    rest: [Option<Argument>; MOST],
}

/// So many arguments follow at most: those of a scan.
const MOST: usize = 5;

/// The keys that a command is about.
enum Keys<'a> {
    None,
    One(StoredKey<'a>),
    Many(Vec<StoredKey<'a>>),
}

/// An argument of a command that is no key.
enum Argument {
    Word(&'static str),
    Number(u64),
    Bytes(Bytes),
}

impl<'a> Command<'a> {
    const fn new(words: &'static [&'static str], keys: Keys<'a>) -> Self {
        let rest = [const { None }; MOST];
        Self { words, keys, rest }
    }

    /// Adds an argument. There are not more than there is room for.
    fn arg(mut self, argument: Argument) -> Self {
        if let Some(free) = self.rest.iter_mut().find(|rest| rest.is_none()) {
            *free = Some(argument);
        }
        self
    }

    fn keys(&self) -> &[StoredKey<'a>] {
        match &self.keys {
            Keys::None => &[],
            Keys::One(key) => std::slice::from_ref(key),
            Keys::Many(keys) => keys,
        }
    }

    /// Shows each argument, in the parts that it consists of.
    fn each(&self, mut see: impl FnMut([&[u8]; 2])) {
        for word in self.words {
            see([word.as_bytes(), &[]]);
        }
        for key in self.keys() {
            see(key.parts());
        }
        for argument in self.rest.iter().flatten() {
            match argument {
                Argument::Word(word) => see([word.as_bytes(), &[]]),
                Argument::Bytes(bytes) => see([bytes, &[]]),
                Argument::Number(number) => see([Digits::of(*number).as_bytes(), &[]]),
            }
        }
    }

    /// Returns the bytes that go over the wire.
    pub(crate) fn packed(&self) -> Vec<u8> {
        let mut packed = Vec::with_capacity(self.len());
        self.pack(&mut packed);
        packed
    }

    /// Returns about how many bytes go over the wire, and not less.
    fn len(&self) -> usize {
        let mut len = LONGEST_LENGTH;
        self.each(|[first, second]| len += first.len() + second.len() + LONGEST_LENGTH);
        len
    }

    fn pack(&self, out: &mut Vec<u8>) {
        let arguments = self.words.len() + self.keys().len() + self.rest.iter().flatten().count();
        announce(out, b'*', arguments);
        self.each(|[first, second]| {
            announce(out, b'$', first.len() + second.len());
            out.extend_from_slice(first);
            out.extend_from_slice(second);
            out.extend_from_slice(b"\r\n");
        });
    }

    /// Returns what the client library sends to a Cluster: it looks for the key, whose slot decides where that goes.
    #[cfg(feature = "cluster")]
    pub(crate) fn routed(&self) -> Cmd {
        let mut command = Cmd::new();
        self.each(|parts| {
            command.arg(parts.concat());
        });
        command
    }
}

/// Commands that are sent together.
#[derive(Default)]
pub(crate) struct Commands<'a>(Vec<Command<'a>>);

impl<'a> FromIterator<Command<'a>> for Commands<'a> {
    fn from_iter<I: IntoIterator<Item = Command<'a>>>(commands: I) -> Self {
        Self(commands.into_iter().collect())
    }
}

impl<'a> Extend<Command<'a>> for Commands<'a> {
    fn extend<I: IntoIterator<Item = Command<'a>>>(&mut self, commands: I) {
        self.0.extend(commands);
    }
}

impl Commands<'_> {
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Returns the bytes that go over the wire.
    pub(crate) fn packed(&self) -> Vec<u8> {
        let mut packed = Vec::with_capacity(self.0.iter().map(Command::len).sum());
        for command in &self.0 {
            command.pack(&mut packed);
        }
        packed
    }

    /// As [`Command::routed`].
    #[cfg(feature = "cluster")]
    pub(crate) fn routed(&self) -> Pipeline {
        let mut pipeline = Pipeline::with_capacity(self.count());
        for command in &self.0 {
            pipeline.add_command(command.routed());
        }
        pipeline
    }
}

/// How long a number and what stands around an argument are at most.
const LONGEST_LENGTH: usize = 25;

/// Writes how many there are of what follows.
fn announce(out: &mut Vec<u8>, what: u8, count: usize) {
    out.push(what);
    out.extend_from_slice(Digits::of(count as u64).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// A number in decimal digits, for which nothing is allocated.
struct Digits {
    digits: [u8; 20],
    start: usize,
}

impl Digits {
    fn of(mut number: u64) -> Self {
        let (mut digits, mut start) = ([b'0'; 20], 20);
        loop {
            start -= 1;
            // The rest of a division by ten is a digit.
            digits[start] += (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return Self { digits, start };
            }
        }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.digits[self.start..]
    }
}

pub(crate) fn get(key: StoredKey<'_>) -> Command<'_> {
    Command::new(&["GET"], Keys::One(key))
}

/// Reads the first bytes of a value.
pub(crate) fn head(key: StoredKey<'_>, len: usize) -> Command<'_> {
    Command::new(&["GETRANGE"], Keys::One(key))
        .arg(Argument::Number(0))
        .arg(Argument::Number(len.saturating_sub(1) as u64))
}

pub(crate) fn exists(key: StoredKey<'_>) -> Command<'_> {
    Command::new(&["EXISTS"], Keys::One(key))
}

/// Stores a value, for so many milliseconds if it has an end.
pub(crate) fn set(key: StoredKey<'_>, value: Bytes, millis: Option<u64>) -> Command<'_> {
    let command = Command::new(&["SET"], Keys::One(key)).arg(Argument::Bytes(value));
    match millis {
        Some(millis) => command.arg(Argument::Word("PX")).arg(Argument::Number(millis)),
        None => command,
    }
}

pub(crate) fn unlink(key: StoredKey<'_>) -> Command<'_> {
    Command::new(&["UNLINK"], Keys::One(key))
}

pub(crate) fn mget<'a>(keys: impl Iterator<Item = StoredKey<'a>>) -> Command<'a> {
    Command::new(&["MGET"], Keys::Many(keys.collect()))
}

/// Removes a key as a scan has found it.
pub(crate) fn unlink_found(key: Vec<u8>) -> Command<'static> {
    Command::new(&["UNLINK"], Keys::None).arg(Argument::Bytes(key.into()))
}

/// Looks for keys that begin with the prefix, from a cursor on.
pub(crate) fn scan(cursor: u64, prefix: &str) -> Command<'static> {
    Command::new(&["SCAN"], Keys::None)
        .arg(Argument::Number(cursor))
        .arg(Argument::Word("MATCH"))
        .arg(Argument::Bytes(glob(prefix).into()))
        .arg(Argument::Word("COUNT"))
        .arg(Argument::Number(SCAN_COUNT))
}

/// How many keys a scan looks at in one step: few enough not to keep others waiting.
const SCAN_COUNT: u64 = 1_000;

pub(crate) fn ping() -> Command<'static> {
    Command::new(&["PING"], Keys::None)
}

/// Asks for these words back.
pub(crate) fn ping_with(words: String) -> Command<'static> {
    Command::new(&["PING"], Keys::None).arg(Argument::Bytes(words.into()))
}

/// Asks a node of a Cluster who serves which slots.
#[cfg(feature = "cluster")]
pub(crate) fn cluster_slots() -> Command<'static> {
    Command::new(&["CLUSTER", "SLOTS"], Keys::None)
}

/// Asks a node of a Cluster for what it knows of all, and which slots it gives away or takes in itself.
#[cfg(feature = "cluster")]
pub(crate) fn cluster_nodes() -> Command<'static> {
    Command::new(&["CLUSTER", "NODES"], Keys::None)
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
        assert_eq!(command.packed(), b"*2\r\n$3\r\nGET\r\n$11\r\na%3Ab:c d\r\n\r\n");
    }

    /// The client library knows how commands are written too.
    #[cfg(feature = "cluster")]
    #[test]
    fn every_command_is_written_as_the_client_library_would() {
        let namespace = Namespace::new("a").unwrap();
        let key = |key| StoredKey::new(&namespace, Key::new(key).unwrap());
        let commands = || {
            [
                get(key("b")),
                head(key("b"), 64),
                exists(key("b")),
                set(key("b"), Bytes::from(vec![0; 1_234]), Some(u64::MAX)),
                set(key("b"), Bytes::new(), None),
                unlink(key("b")),
                mget(["b", "cd", "e"].map(key).into_iter()),
                unlink_found(b"a:b".to_vec()),
                scan(10, "a:"),
                ping(),
                ping_with("word".to_owned()),
                cluster_slots(),
                cluster_nodes(),
            ]
        };
        for command in commands() {
            let packed = command.packed();
            assert_eq!(packed, command.routed().get_packed_command());
            assert!(packed.len() <= command.len());
        }
        let together = commands().into_iter().collect::<Commands<'_>>();
        assert_eq!(together.packed(), together.routed().get_packed_pipeline());
    }
}
