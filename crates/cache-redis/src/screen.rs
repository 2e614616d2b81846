//! A screen in the stream of replies that lets no string through which is longer than any value may be. The client library
//! collects a reply whole before anybody can look at it, and a server sends up to 512 MiB for a key that another program
//! wrote. What is too long is thrown away as it comes, and an error stands in its place: one key fails, in an array too, and
//! the connection stays in step.

use tokio::io::ReadBuf;

/// The code of the error that stands in the place of a string that is too long.
pub(crate) const TOO_LONG: &str = "CACHETOOLONG";

/// What is shorter takes no memory to speak of, and answers that are no values are not refused.
const HARMLESS: usize = 1024 * 1024;

/// A line that announces a string is no longer than this.
const LONGEST_LINE: usize = 32;

/// Where the stream is. Arrays need no place of their own: their elements stand one after the other, and so they are read.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// At the beginning of a line.
    Start,
    /// In a line that is not looked into.
    Line,
    /// In the line that announces a string, which is held back until it is whole.
    Header,
    /// So many bytes before the end of a string.
    String(u64),
    /// So many bytes before the end of a string that is thrown away.
    Surplus(u64),
}

/// What looks at the replies of a connection.
#[derive(Debug)]
pub(crate) struct Screen {
    longest: u64,
    place: Place,
    /// The beginning of a line that announces a string.
    held: Vec<u8>,
    /// What goes on to the reader.
    out: Vec<u8>,
    given: usize,
}

impl Screen {
    /// Makes one for values of so many bytes, header included.
    pub(crate) fn new(longest: usize) -> Self {
        Self {
            longest: longest.max(HARMLESS) as u64,
            place: Place::Start,
            held: Vec::new(),
            out: Vec::new(),
            given: 0,
        }
    }

    /// Says whether all of these bytes may be read as they are. If so they count as read.
    #[inline]
    pub(crate) fn passes(&mut self, mut bytes: &[u8]) -> bool {
        let mut place = self.place;
        loop {
            place = match place {
                Place::Start => match bytes.first() {
                    None => break,
                    Some(b'$' | b'=' | b'!') => {
                        let Some((line, rest)) = split_line(bytes) else {
                            return false;
                        };
                        bytes = rest;
                        match announced(line) {
                            Some(len) if len > self.longest => return false,
                            Some(len) => Place::String(len + 2),
                            None => Place::Start,
                        }
                    }
                    Some(_) => Place::Line,
                },
                Place::Line => match split_line(bytes) {
                    Some((_, rest)) => {
                        bytes = rest;
                        Place::Start
                    }
                    None => break,
                },
                Place::String(left) => match rest_of_string(&mut bytes, left) {
                    0 => Place::Start,
                    left => {
                        place = Place::String(left);
                        break;
                    }
                },
                Place::Header | Place::Surplus(_) => return false,
            };
        }
        self.place = place;
        true
    }

    /// Takes bytes that do not [pass](Self::passes), and keeps of them what may be read.
    #[cold]
    pub(crate) fn take(&mut self, mut bytes: &[u8]) {
        while let Some(first) = bytes.first() {
            self.place = match self.place {
                Place::Start if matches!(first, b'$' | b'=' | b'!') => Place::Header,
                Place::Start => Place::Line,
                Place::Line => {
                    let (line, rest, place) = match split_line(bytes) {
                        Some((line, rest)) => (line, rest, Place::Start),
                        None => (bytes, &[][..], Place::Line),
                    };
                    self.out.extend_from_slice(line);
                    bytes = rest;
                    place
                }
                Place::Header => {
                    let (line, rest) = split_line(bytes).unwrap_or((bytes, &[]));
                    self.held.extend_from_slice(line);
                    bytes = rest;
                    self.header()
                }
                Place::String(left) => {
                    let all = bytes;
                    let left = rest_of_string(&mut bytes, left);
                    self.out.extend_from_slice(&all[..all.len() - bytes.len()]);
                    if left == 0 {
                        Place::Start
                    } else {
                        Place::String(left)
                    }
                }
                Place::Surplus(left) => match rest_of_string(&mut bytes, left) {
                    0 => Place::Start,
                    left => Place::Surplus(left),
                },
            };
        }
    }

    /// Lets go of the line that is held back if it is whole, or is none that announces a string.
    fn header(&mut self) -> Place {
        let is_whole = self.held.ends_with(b"\n");
        if !is_whole && self.held.len() <= LONGEST_LINE {
            return Place::Header;
        }
        let len = if is_whole { announced(&self.held) } else { None };
        let place = match len {
            Some(len) if len > self.longest => {
                self.out
                    .extend_from_slice(format!("-{TOO_LONG} {len}\r\n").as_bytes());
                self.held.clear();
                return Place::Surplus(len.saturating_add(2));
            }
            Some(len) => Place::String(len + 2),
            None if is_whole => Place::Start,
            None => Place::Line,
        };
        self.out.append(&mut self.held);
        place
    }

    /// Puts what may be read into a buffer, as much as there is room for. Says no if there is nothing.
    pub(crate) fn give(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        let left = &self.out[self.given..];
        if left.is_empty() {
            return false;
        }
        let some = left.len().min(buffer.remaining());
        buffer.put_slice(&left[..some]);
        self.given += some;
        if self.given == self.out.len() {
            // It happens seldom, and may have been much.
            self.out = Vec::new();
            self.given = 0;
        }
        true
    }
}

/// Returns the first line with its end, and what follows.
fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    Some(bytes.split_at(end + 1))
}

/// Returns the length that a line announces, if it is one.
fn announced(line: &[u8]) -> Option<u64> {
    let digits = line.get(1..line.len().checked_sub(2)?)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Skips what is there of a string, and returns how many of its bytes have not come yet.
fn rest_of_string(bytes: &mut &[u8], left: u64) -> u64 {
    let there = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
    *bytes = &bytes[there..];
    left - there as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns what a reader with a buffer of some bytes sees of replies that come in pieces.
    fn seen(replies: &[u8], piece: usize, room: usize) -> Vec<u8> {
        let mut screen = Screen::new(0);
        let mut seen = Vec::new();
        for bytes in replies.chunks(piece) {
            if screen.passes(bytes) {
                seen.extend_from_slice(bytes);
                continue;
            }
            screen.take(bytes);
            loop {
                let mut room = vec![0; room];
                let mut buffer = ReadBuf::new(&mut room);
                if !screen.give(&mut buffer) {
                    break;
                }
                seen.extend_from_slice(buffer.filled());
            }
        }
        seen
    }

    /// Replies of every kind; the third is a string with what looks like replies in it.
    const REPLIES: &[u8] = b"+OK\r\n:1\r\n$12\r\n$99999999\r\n:\r\n$-1\r\n*2\r\n$0\r\n\r\n*1\r\n-ERR no\r\n\
        %1\r\n+a\r\n=6\r\ntxt:ab\r\n_\r\n$5\r\nabcde\r\n";

    #[test]
    fn what_is_short_enough_passes_in_whatever_pieces_it_comes() {
        assert!(Screen::new(0).passes(REPLIES));
        for piece in 1..=REPLIES.len() {
            for room in [1, 7, 4_096] {
                assert_eq!(seen(REPLIES, piece, room), REPLIES, "pieces of {piece}");
            }
        }
    }

    #[test]
    fn what_is_too_long_becomes_an_error_and_what_follows_is_in_step() {
        let len = HARMLESS + 1;
        let long = [format!("${len}\r\n").as_bytes(), &vec![b'$'; len], b"\r\n"].concat();
        let replies = [
            REPLIES,
            b"*3\r\n$1\r\na\r\n",
            &long,
            b"$1\r\nb\r\n",
            &long,
            REPLIES,
        ]
        .concat();
        let error = format!("-{TOO_LONG} {len}\r\n");
        let error = error.as_bytes();
        let expected = [
            REPLIES,
            b"*3\r\n$1\r\na\r\n",
            error,
            b"$1\r\nb\r\n",
            error,
            REPLIES,
        ]
        .concat();
        for piece in (1..200).chain([4_096, 8_191, replies.len()]) {
            assert_eq!(seen(&replies, piece, 64), expected, "pieces of {piece}");
        }
    }

    #[test]
    fn what_is_too_long_takes_no_memory() {
        let mut screen = Screen::new(0);
        let announcement = format!("${}\r\n", u64::MAX);
        assert!(!screen.passes(announcement.as_bytes()));
        screen.take(announcement.as_bytes());
        let before = screen.out.capacity();
        for _ in 0..1_000 {
            screen.take(&[0; 8_192]);
        }
        assert_eq!((screen.out.capacity(), screen.held.len()), (before, 0));
    }

    #[test]
    fn lines_without_an_end_are_not_held_back() {
        let mut screen = Screen::new(0);
        screen.take(&[b"$", &[b'1'; 64][..]].concat());
        assert!(screen.held.is_empty() && screen.out.len() == 65);
    }
}
