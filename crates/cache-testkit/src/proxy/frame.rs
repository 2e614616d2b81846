//! Where a message of the Redis protocol ends.

/// The bytes that a message of the protocol begins with, versions 2 and 3.
const KINDS: &[u8] = b"+-:$*_#,(!=%~>|";

/// Says whether bytes may be the beginning of a message.
pub(super) fn is_beginning(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| KINDS.contains(first))
}

/// Returns the length of the first message, or nothing if its end has not come yet.
pub(super) fn len(bytes: &[u8]) -> Option<usize> {
    let (mut at, mut parts) = (0, 1_usize);
    while parts > 0 {
        let rest = bytes.get(at..)?;
        let line = rest.windows(2).position(|pair| pair == b"\r\n")?;
        let number = std::str::from_utf8(&rest[1..line.max(1)]).ok();
        // What has no length, or -1 for one, has no further parts.
        let number: usize = number.and_then(|text| text.parse().ok()).unwrap_or(0);
        let is_nil = rest[..line].ends_with(b"-1");
        at += line + 2;
        parts -= 1;
        match rest[0] {
            b'$' | b'!' | b'=' if !is_nil => at += number + 2,
            b'*' | b'~' | b'>' => parts += number,
            b'%' => parts += 2 * number,
            b'|' => parts += 2 * number + 1,
            _ => {}
        }
    }
    (at <= bytes.len()).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_message_has_an_end_and_no_part_of_it_has() {
        let messages: [&[u8]; 14] = [
            b"+OK\r\n",
            b"-ERR no\r\n",
            b":-12\r\n",
            b"$5\r\na\r\nbc\r\n",
            b"$0\r\n\r\n",
            b"$-1\r\n",
            b"*0\r\n",
            b"*-1\r\n",
            b"*2\r\n$1\r\na\r\n*1\r\n:1\r\n",
            b"%1\r\n+a\r\n:1\r\n",
            b"~2\r\n:1\r\n:2\r\n",
            b"_\r\n",
            b"=6\r\ntxt:ab\r\n",
            b"|1\r\n+a\r\n:1\r\n+value\r\n",
        ];
        for message in messages {
            assert!(is_beginning(message));
            for end in 0..message.len() {
                assert_eq!(
                    len(&message[..end]),
                    None,
                    "{:?}",
                    message[..end].escape_ascii().to_string()
                );
            }
            let two = [message, b"+NEXT\r\n"].concat();
            assert_eq!(
                len(&two),
                Some(message.len()),
                "{:?}",
                message.escape_ascii().to_string()
            );
        }
    }
}
