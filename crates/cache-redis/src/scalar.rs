//! What a single piece of a reply says: a string, a refusal, a number. `decode.rs` finds where it begins and ends.

use deadpool_redis::redis::{ErrorKind, RedisError, RedisResult, Value, parse_redis_value};

/// What a string is.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Value,
    /// One that says in its first letters what it is.
    Text,
    Refusal,
}

/// What stands before the words of a text: three letters and a colon.
const WHAT_IT_IS: usize = 4;

/// Makes a value of a string and what stands behind it.
pub(crate) fn whole(kind: Kind, string: Vec<u8>, end: [u8; 2]) -> RedisResult<Value> {
    if end != *b"\r\n" {
        return Err(garbage("a string does not end where it must"));
    }
    match kind {
        Kind::Value => Ok(Value::BulkString(string)),
        Kind::Text => match string.get(WHAT_IT_IS..) {
            Some(words) => Ok(Value::BulkString(words.to_vec())),
            None => Err(garbage("a text does not say what it is")),
        },
        Kind::Refusal => refusal(&string),
    }
}

/// Makes an error of what a server says. It quotes what it was asked, and may cut that off in the middle of a letter.
pub(crate) fn refusal(text: &[u8]) -> RedisResult<Value> {
    let text = String::from_utf8_lossy(text).replace(['\r', '\n'], " ");
    parse_redis_value(format!("-{text}\r\n").as_bytes())
}

pub(crate) fn length(text: &[u8]) -> RedisResult<usize> {
    number(text).and_then(|len| usize::try_from(len).map_err(|_| garbage("a length is none")))
}

pub(crate) fn number(text: &[u8]) -> RedisResult<i64> {
    let text = std::str::from_utf8(text).ok();
    text.and_then(|text| text.parse().ok())
        .ok_or_else(|| garbage("a number is none"))
}

pub(crate) fn garbage(what: &'static str) -> RedisError {
    RedisError::from((ErrorKind::Parse, what))
}
