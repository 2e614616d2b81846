//! Which slot of a Cluster a key lives in, for keeping those together that one server answers together.

/// How many slots a Cluster has.
pub(crate) const SLOTS: u16 = 16_384;

/// Returns the slot of a stored key: CRC16 (XMODEM) of the key, or of the part between the first `{` and the next `}`
/// if there is one (Redis Cluster specification, "Key distribution model").
pub(crate) fn of(prefix: &[u8], key: &[u8]) -> u16 {
    let (whole_prefix, whole_key) = (prefix, key);
    let stored = || whole_prefix.iter().chain(whole_key).copied();
    let open = stored().position(|byte| byte == b'{');
    let tag = open.and_then(|open| {
        let length = stored().skip(open + 1).position(|byte| byte == b'}')?;
        (length > 0).then_some((open + 1, length))
    });
    let sum = match tag {
        Some((start, length)) => crc16(stored().skip(start).take(length)),
        None => crc16(stored()),
    };
    sum % SLOTS
}

fn crc16(bytes: impl Iterator<Item = u8>) -> u16 {
    bytes.fold(0, |sum, byte| {
        (0..8).fold(sum ^ (u16::from(byte) << 8), |sum, _| {
            let carried = sum & 0x8000 != 0;
            (sum << 1) ^ if carried { 0x1021 } else { 0 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values are those of `CLUSTER KEYSLOT` on a server.
    #[test]
    fn slots_are_those_of_the_server() {
        assert_eq!(of(b"", b"123456789"), 0x31C3 % SLOTS);
        assert_eq!(of(b"", b"foo"), 12_182);
        assert_eq!(of(b"fo", b"o"), 12_182);
    }

    #[test]
    fn only_a_tag_counts_if_there_is_one() {
        assert_eq!(of(b"user:", b"{foo}.following"), of(b"", b"foo"));
        assert_eq!(of(b"user:{f", b"oo}{bar}"), of(b"", b"foo"));
        assert_ne!(of(b"", b"foo{}{bar}"), of(b"", b"bar"));
    }
}
