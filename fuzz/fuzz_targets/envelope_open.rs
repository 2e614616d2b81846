//! Opens arbitrary bytes as a stored value: as they are, and once more as a writer would store them who uses all the
//! room of the format, since no fuzzer guesses a checksum.
#![no_main]

use bytes::Bytes;
use cache_core::envelope::{Opened, Rejection, open, peek, seal, seal_compressed};
use cache_core::{Codec, Key, KeyFingerprint, Namespace};
use libfuzzer_sys::fuzz_target;
use xxhash_rust::xxh3::xxh3_64;

const HEADER_LEN: usize = 72;
const CHECKSUM: std::ops::Range<usize> = 64..72;

fuzz_target!(|data: &[u8]| {
    let namespace = Namespace::new("fuzz").expect("the name is right");
    let key = Key::new("key").expect("the key is right");
    let fingerprint = KeyFingerprint::new(&namespace, key);

    check(Bytes::copy_from_slice(data), fingerprint);
    if data.len() >= HEADER_LEN {
        let stored_key = namespace.join(key);
        let mut stored = data.to_vec();
        stored[..4].copy_from_slice(b"\xc1GC\x01");
        check(with_checksum(stored.clone()), fingerprint);
        stored[5] = 0;
        stored[40..48].copy_from_slice(&xxh3_64(stored_key.as_bytes()).to_le_bytes());
        check(with_checksum(stored.clone()), fingerprint);

        // Right lengths at last: the fuzzer chooses how much of what follows the header is the extension.
        let behind = stored.len() - HEADER_LEN;
        let extension = usize::from(u16::from_le_bytes([stored[6], stored[7]])) % (behind + 1);
        let header_len = u16::try_from(HEADER_LEN + extension).unwrap_or(72);
        let payload_len = u32::try_from(stored.len() - usize::from(header_len)).expect("inputs are small");
        stored[6..8].copy_from_slice(&header_len.to_le_bytes());
        stored[36..40].copy_from_slice(&payload_len.to_le_bytes());
        assert!(
            check(with_checksum(stored), fingerprint),
            "what follows the specification is an entry"
        );
    }
});

fn with_checksum(mut stored: Vec<u8>) -> Bytes {
    let covered = [&stored[..CHECKSUM.start], &stored[CHECKSUM.end..]].concat();
    stored[CHECKSUM].copy_from_slice(&xxh3_64(&covered).to_le_bytes());
    stored.into()
}

/// Opens bytes, checks that what comes out lies within them, and says whether they were an entry.
fn check(stored: Bytes, fingerprint: KeyFingerprint) -> bool {
    let input = stored.as_ptr_range();
    // What the head promises may be broken by the rest, never the other way round.
    let promised = peek(&stored, fingerprint);
    match open(stored.clone(), fingerprint) {
        Ok(opened @ (Opened::Entry(_) | Opened::Compressed(_))) => {
            let (entry, compressed) = match opened {
                Opened::Compressed(entry) => (entry, true),
                Opened::Entry(entry) => (entry, false),
                Opened::Plain(_) => unreachable!(),
            };
            let payload = entry
                .value()
                .payload(&Codec::json())
                .expect("the bytes are there");
            let slice = payload.bytes.as_ptr_range();
            assert!(input.start <= slice.start && slice.end == input.end);
            let again = if compressed { seal_compressed } else { seal };
            assert_eq!(promised, Ok(Some(entry.expires_at())));
            let resealed = again(&entry, &payload, fingerprint).expect("inputs are small");
            assert!(matches!(open(resealed, fingerprint), Ok(Opened::Entry(_) | Opened::Compressed(_))));
            true
        }
        Ok(Opened::Plain(plain)) => {
            assert!(plain == stored && !stored.starts_with(b"\xc1GC"));
            false
        }
        Err(Rejection::UnknownVersion(version)) => {
            assert!(version != 1 && stored[3] == version);
            false
        }
        Err(_) => false,
    }
}
