//! The least client that tests need to look at a server from outside: one command, one reply.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How long a reply may take. Tests ask frozen servers too, and must not hang.
const PATIENCE: Duration = Duration::from_secs(10);

/// The reply of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reply {
    /// Nothing is there.
    Nil,
    /// A number.
    Integer(i64),
    /// A status or a string.
    Bytes(Vec<u8>),
    /// Several replies.
    Array(Vec<Reply>),
    /// The server refuses. The first word says why.
    Error(String),
}

impl Reply {
    /// Returns a string as text. Panics if it is anything else, with what it is.
    #[track_caller]
    pub fn text(&self) -> String {
        match self {
            Self::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            other => panic!("the reply is no text: {other:?}"),
        }
    }

    /// Returns a string as it is. Panics if it is anything else, with what it is.
    #[track_caller]
    pub fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes,
            other => panic!("the reply is no text: {other:?}"),
        }
    }

    /// Returns a number. Panics if it is anything else, with what it is.
    #[track_caller]
    pub fn integer(&self) -> i64 {
        match self {
            Self::Integer(number) => *number,
            other => panic!("the reply is no number: {other:?}"),
        }
    }

    /// Returns the replies of an array. Panics if it is anything else, with what it is.
    #[track_caller]
    pub fn items(&self) -> &[Self] {
        match self {
            Self::Array(items) => items,
            other => panic!("the reply is no array: {other:?}"),
        }
    }
}

/// A command whose reply was not read yet, for those that keep the server busy. Dropping it closes the connection.
#[derive(Debug)]
pub struct Pending(BufReader<UnixStream>);

impl Pending {
    /// Waits for the reply.
    ///
    /// # Errors
    /// The connection ends, or nothing comes for ten seconds.
    pub fn reply(mut self) -> io::Result<Reply> {
        read(&mut self.0)
    }

    /// Connects to a unix socket, logs in if there is a password, and sends a command.
    pub(super) fn send(socket: &Path, password: Option<&str>, command: &[Vec<u8>]) -> io::Result<Self> {
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut bytes = Vec::new();
        if let Some(password) = password {
            encode(&[b"AUTH".to_vec(), password.into()], &mut bytes);
        }
        encode(command, &mut bytes);
        stream.write_all(&bytes)?;
        let mut pending = Self(BufReader::new(stream));
        if password.is_some() {
            read(&mut pending.0)?;
        }
        Ok(pending)
    }
}

fn encode(command: &[Vec<u8>], out: &mut Vec<u8>) {
    out.extend(format!("*{}\r\n", command.len()).bytes());
    for word in command {
        out.extend(format!("${}\r\n", word.len()).bytes());
        out.extend(word);
        out.extend(b"\r\n");
    }
}

fn read(from: &mut BufReader<UnixStream>) -> io::Result<Reply> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    let (kind, rest) = line
        .trim_end()
        .split_at_checked(1)
        .ok_or(io::ErrorKind::UnexpectedEof)?;
    let number = || rest.parse().map_err(io::Error::other);
    Ok(match kind {
        "+" => Reply::Bytes(rest.into()),
        "-" => Reply::Error(rest.to_owned()),
        ":" => Reply::Integer(number()?),
        "$" => match usize::try_from(number()?) {
            Ok(len) => {
                let mut bytes = vec![0; len + 2];
                from.read_exact(&mut bytes)?;
                bytes.truncate(len);
                Reply::Bytes(bytes)
            }
            Err(_) => Reply::Nil,
        },
        "*" => match number()? {
            -1 => Reply::Nil,
            len => Reply::Array((0..len).map(|_| read(from)).collect::<io::Result<_>>()?),
        },
        _ => return Err(io::Error::other(format!("this is no reply: {line:?}"))),
    })
}
