//! Takes the replies of a server out of its bytes as they come. The client library has a parser too, but it collects a reply whole
//! before anybody can look at it, and a server sends up to 512 MiB for a key that another program wrote. Here a string that is
//! longer than any value may be is thrown away as it comes, and an error stands in its place: one key fails, in an array too, and
//! the connection stays in step. It is also what a read spends most of its time on, and the commands that are sent have few kinds
//! of replies.

use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use deadpool_redis::redis::{RedisResult, Value, parse_redis_value};
use tokio::io::{AsyncRead, ReadBuf};

use crate::scalar::{Kind, garbage, length, number, refusal, whole};

/// The code of the error that stands in the place of a string that is too long.
pub(crate) const TOO_LONG: &str = "CACHETOOLONG";

/// What is shorter takes no memory to speak of, and answers that are no values are not refused.
const HARMLESS: usize = 1024 * 1024;

/// So many bytes are read at a time. A line may be as long.
const ROOM: usize = 64 * 1024;

/// When so little room is left, what is there moves to the front.
const LITTLE: usize = ROOM / 4;

/// Replies are not nested deeper: a scan answers with an array in an array.
const DEEPEST: usize = 8;

/// No array that was asked for has more elements.
const MOST: usize = 1024 * 1024;

/// For so many elements of an array room is made before they have come.
const EXPECTED: usize = 1_024;

/// Where the bytes are that have come, and what they are part of.
pub(crate) struct Decoder {
    /// A string that is longer than this is thrown away.
    longest: usize,
    buffer: Box<[u8]>,
    /// What has come and is part of no piece yet.
    start: usize,
    end: usize,
    /// In how much of it there is no end of a line.
    searched: usize,
    place: Place,
    /// The arrays that are not whole yet, the outermost first.
    open: Vec<Open>,
}

/// Where the stream is.
enum Place {
    /// At the beginning of a line.
    Line,
    /// In a string of which so many bytes are missing.
    String { kind: Kind, there: Vec<u8>, left: usize },
    /// So many bytes before the end of a string that is thrown away.
    Surplus(usize),
}

/// An array that is not whole yet.
struct Open {
    elements: Vec<Value>,
    left: usize,
    /// Nobody asked for it.
    is_push: bool,
}

/// What stands at one place.
enum Piece {
    Value(Value),
    Array {
        len: usize,
        is_push: bool,
    },
    /// Nothing is known yet.
    Nothing,
}

impl Decoder {
    /// Makes one for values of so many bytes, header included.
    pub(crate) fn new(longest: usize) -> Self {
        Self {
            longest: longest.max(HARMLESS),
            buffer: vec![0; ROOM].into_boxed_slice(),
            start: 0,
            end: 0,
            searched: 0,
            place: Place::Line,
            open: Vec::new(),
        }
    }

    /// Reads what has come. Says no at the end of the stream.
    pub(crate) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        stream: Pin<&mut (impl AsyncRead + ?Sized)>,
    ) -> Poll<io::Result<bool>> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.start > 0 && self.buffer.len() - self.end < LITTLE {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        let mut room = ReadBuf::new(&mut self.buffer[self.end..]);
        ready!(stream.poll_read(cx, &mut room))?;
        let came = room.filled().len();
        self.end += came;
        Poll::Ready(Ok(came > 0))
    }

    /// Returns the next reply, if it is whole.
    ///
    /// # Errors
    /// If this is not what a server says.
    pub(crate) fn next(&mut self) -> RedisResult<Option<Value>> {
        loop {
            let mut value = match self.piece()? {
                Piece::Nothing => return Ok(None),
                Piece::Value(value) => value,
                Piece::Array { len, is_push } => {
                    if self.open.len() == DEEPEST {
                        return Err(garbage("replies are nested deeper than any that was asked for"));
                    }
                    self.open.push(Open {
                        elements: Vec::with_capacity(len.min(EXPECTED)),
                        left: len,
                        is_push,
                    });
                    if len > 0 {
                        continue;
                    }
                    match self.close() {
                        Some(value) => value,
                        None => continue,
                    }
                }
            };
            // What is whole may be the last element of an array, which is whole then too.
            loop {
                let Some(open) = self.open.last_mut() else {
                    return Ok(Some(value));
                };
                open.elements.push(value);
                open.left -= 1;
                if open.left > 0 {
                    break;
                }
                match self.close() {
                    Some(array) => value = array,
                    None => break,
                }
            }
        }
    }

    /// Takes the innermost array, which is whole, unless nobody asked for it.
    fn close(&mut self) -> Option<Value> {
        let open = self.open.pop()?;
        (!open.is_push).then_some(Value::Array(open.elements))
    }

    /// Takes what stands next.
    #[inline]
    fn piece(&mut self) -> RedisResult<Piece> {
        match &mut self.place {
            Place::Line => self.line(),
            Place::String { .. } => self.string(),
            Place::Surplus(left) => {
                let some = (*left).min(self.end - self.start);
                self.start += some;
                *left -= some;
                if *left > 0 {
                    return Ok(Piece::Nothing);
                }
                self.place = Place::Line;
                // The error that stands in its place was given when it began.
                self.line()
            }
        }
    }

    fn line(&mut self) -> RedisResult<Piece> {
        let came = &self.buffer[self.start..self.end];
        let Some(end) = came[self.searched..].iter().position(|byte| *byte == b'\n') else {
            let is_one = came.first().is_none_or(|first| b"$:+-*_>!,#(%=".contains(first));
            if !is_one || came.len() == self.buffer.len() {
                return Err(garbage("this is not what a Redis server says"));
            }
            self.searched = came.len();
            return Ok(Piece::Nothing);
        };
        let end = mem::take(&mut self.searched) + end;
        let whole = &came[..=end];
        let [kind, text @ .., b'\r', b'\n'] = whole else {
            return Err(garbage("a line does not end as those of a Redis server"));
        };
        let piece = match kind {
            b'$' | b'!' | b'*' if text == b"-1" => Piece::Value(Value::Nil),
            b'$' | b'!' | b'=' => {
                let len = length(text)?;
                let kind = match kind {
                    b'$' => Kind::Value,
                    b'=' => Kind::Text,
                    _ => Kind::Refusal,
                };
                self.start += end + 1;
                return self.begin(kind, len);
            }
            // A map is read as its keys and values in turn: nothing that is asked of one needs more.
            b'*' | b'>' | b'%' => {
                let len = length(text)?.saturating_mul(if *kind == b'%' { 2 } else { 1 });
                if len > MOST {
                    return Err(garbage("an array is longer than any that was asked for"));
                }
                Piece::Array {
                    len,
                    is_push: *kind == b'>',
                }
            }
            b':' => Piece::Value(Value::Int(number(text)?)),
            b'_' => Piece::Value(Value::Nil),
            b'+' if text == b"OK" => Piece::Value(Value::Okay),
            b'-' => Piece::Value(refusal(text)?),
            b'+' | b',' | b'#' | b'(' => Piece::Value(parse_redis_value(whole)?),
            _ => return Err(garbage("this is not an answer to what was asked")),
        };
        self.start += end + 1;
        Ok(piece)
    }

    /// Begins a string of so many bytes.
    fn begin(&mut self, kind: Kind, len: usize) -> RedisResult<Piece> {
        if len > self.longest {
            self.place = Place::Surplus(len.saturating_add(2));
            let refusal = format!("-{TOO_LONG} {len}\r\n");
            return parse_redis_value(refusal.as_bytes()).map(Piece::Value);
        }
        let came = &self.buffer[self.start..self.end];
        if let Some((string, rest)) = came.split_at_checked(len)
            && let Some(end) = rest.first_chunk()
        {
            let value = whole(kind, string.to_vec(), *end)?;
            self.start += len + 2;
            return Ok(Piece::Value(value));
        }
        self.place = Place::String {
            kind,
            there: Vec::new(),
            left: len,
        };
        self.string()
    }

    /// Takes what has come of a string.
    fn string(&mut self) -> RedisResult<Piece> {
        let Place::String { kind, there, left } = &mut self.place else {
            return Ok(Piece::Nothing);
        };
        let came = &self.buffer[self.start..self.end];
        let some = (*left).min(came.len());
        if there.capacity() - there.len() < some {
            // Twice as much each time, but not more than is announced, and only what has come is believed.
            there.reserve_exact((*left).min(there.len().max(ROOM)));
        }
        there.extend_from_slice(&came[..some]);
        self.start += some;
        *left -= some;
        if *left > 0 {
            return Ok(Piece::Nothing);
        }
        let Some(end) = came[some..].first_chunk() else {
            return Ok(Piece::Nothing);
        };
        let value = whole(*kind, mem::take(there), *end)?;
        self.start += end.len();
        self.place = Place::Line;
        Ok(Piece::Value(value))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    /// Returns the replies in bytes that come in pieces, or what is wrong with them.
    async fn replies(longest: usize, bytes: &[u8], piece: usize) -> RedisResult<Vec<Value>> {
        let mut decoder = Decoder::new(longest);
        let mut replies = Vec::new();
        for mut bytes in bytes.chunks(piece) {
            while !bytes.is_empty() {
                let filled = poll_fn(|cx| decoder.poll_fill(cx, Pin::new(&mut bytes))).await;
                assert!(filled.unwrap());
                while let Some(reply) = decoder.next()? {
                    replies.push(reply);
                }
            }
        }
        Ok(replies)
    }

    fn string(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    fn refusal(text: &str) -> Value {
        crate::scalar::refusal(text.as_bytes()).unwrap()
    }

    /// Replies of every kind that a command of ours has; the third is a string with what looks like replies in it.
    const REPLIES: &[u8] = b"+OK\r\n:1\r\n$12\r\n$99999999\r\n:\r\n$-1\r\n*2\r\n$0\r\n\r\n*1\r\n-ERR no\r\n\
        *-1\r\n*0\r\n>2\r\n+a\r\n*1\r\n:2\r\n_\r\n!4\r\nNO a\r\n$5\r\nabcde\r\n:-7\r\n+PONG\r\n>0\r\n*2\r\n*0\r\n*-1\r\n\
        %1\r\n+a\r\n:1\r\n=7\r\ntxt:a b\r\n";

    fn meant() -> Vec<Value> {
        vec![
            Value::Okay,
            Value::Int(1),
            string("$99999999\r\n:"),
            Value::Nil,
            Value::Array(vec![string(""), Value::Array(vec![refusal("ERR no")])]),
            Value::Nil,
            Value::Array(Vec::new()),
            Value::Nil,
            refusal("NO a"),
            string("abcde"),
            Value::Int(-7),
            Value::SimpleString("PONG".to_owned()),
            Value::Array(vec![Value::Array(Vec::new()), Value::Nil]),
            Value::Array(vec![Value::SimpleString("a".to_owned()), Value::Int(1)]),
            string("a b"),
        ]
    }

    #[tokio::test]
    async fn replies_are_what_they_are_in_whatever_pieces_they_come() {
        for piece in 1..=REPLIES.len() {
            let replies = replies(0, REPLIES, piece).await.unwrap();
            assert_eq!(replies, meant(), "pieces of {piece}");
        }
    }

    #[tokio::test]
    async fn what_is_too_long_becomes_an_error_and_what_follows_is_in_step() {
        let len = HARMLESS + 1;
        let long = [format!("${len}\r\n").as_bytes(), &vec![b'$'; len], b"\r\n"].concat();
        let bytes = [
            REPLIES,
            b"*3\r\n$1\r\na\r\n",
            &long,
            b"$1\r\nb\r\n",
            &long,
            REPLIES,
        ]
        .concat();
        let error = refusal(&format!("{TOO_LONG} {len}"));
        let mut expected = meant();
        expected.push(Value::Array(vec![string("a"), error.clone(), string("b")]));
        expected.push(error);
        expected.extend(meant());
        for piece in (1..200)
            .step_by(23)
            .chain([4_096, 8_191, ROOM - 1, ROOM + 1, bytes.len()])
        {
            assert_eq!(
                replies(0, &bytes, piece).await.unwrap(),
                expected,
                "pieces of {piece}"
            );
        }
    }

    #[tokio::test]
    async fn what_is_as_long_as_it_may_be_comes_whole_and_takes_no_more_room() {
        let text = "x".repeat(3 * HARMLESS);
        let bytes = format!("${}\r\n{text}\r\n:1\r\n", text.len());
        for piece in [1_000, ROOM, 5 * ROOM, bytes.len()] {
            let replies = replies(text.len(), bytes.as_bytes(), piece).await.unwrap();
            let [Value::BulkString(came), Value::Int(1)] = &replies[..] else {
                panic!("pieces of {piece}: {} replies", replies.len());
            };
            assert!(
                came == text.as_bytes() && came.capacity() == came.len(),
                "pieces of {piece}"
            );
        }
    }

    /// A length is believed only as far as the bytes have come.
    #[tokio::test]
    async fn what_is_announced_takes_no_memory() {
        let mut decoder = Decoder::new(usize::MAX);
        let mut bytes = &b"*999999\r\n$4294967296\r\nabc"[..];
        poll_fn(|cx| decoder.poll_fill(cx, Pin::new(&mut bytes)))
            .await
            .unwrap();
        assert_eq!(decoder.next().unwrap(), None);
        let Place::String { there, .. } = &decoder.place else {
            panic!("it is in a string");
        };
        assert!(there.capacity() <= ROOM && decoder.open[0].elements.capacity() <= EXPECTED);
    }

    /// One that comes byte by byte would be searched as often as it has bytes.
    #[tokio::test]
    async fn the_beginning_of_a_line_is_searched_once() {
        let mut decoder = Decoder::new(0);
        let mut bytes = &b"+abc"[..];
        poll_fn(|cx| decoder.poll_fill(cx, Pin::new(&mut bytes)))
            .await
            .unwrap();
        assert_eq!(decoder.next().unwrap(), None);
        assert_eq!(decoder.searched, 4);
    }

    #[tokio::test]
    async fn what_no_server_says_is_an_error() {
        let deep = b"*1\r\n".repeat(DEEPEST + 1);
        let endless = [b"+".as_slice(), &vec![b'a'; ROOM]].concat();
        let wrong: &[&[u8]] = &[
            b"HTTP/1.1 400",
            b"\r\n",
            b"$3\r\nabcd\r\n",
            b"$-2\r\n",
            b"*-2\r\n",
            b"*1048577\r\n",
            b"$a\r\n",
            b"$\r\n",
            b":1.5\r\n",
            b"+OK\n",
            b"%-1\r\n",
            b"%524289\r\n",
            &deep,
            &endless,
        ];
        for bytes in wrong {
            for piece in [1, bytes.len()] {
                let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(20)]);
                assert!(
                    replies(0, bytes, piece).await.is_err(),
                    "{shown:?} in pieces of {piece}"
                );
            }
        }
    }

    #[tokio::test]
    async fn a_refusal_that_is_cut_off_in_a_letter_is_one() {
        let replies = replies(0, b"-NO \xc3\r\n:1\r\n", 30).await.unwrap();
        assert_eq!(replies, [refusal("NO \u{fffd}"), Value::Int(1)]);
    }

    /// An error of a server that spans lines would be more than one reply.
    #[tokio::test]
    async fn a_long_refusal_is_one_reply() {
        let replies = replies(0, b"!7\r\nNO a\r\nb\r\n:1\r\n", 3).await.unwrap();
        assert_eq!(replies, [refusal("NO a  b"), Value::Int(1)]);
    }
}
