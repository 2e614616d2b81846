//! Properties of the envelope: what was sealed opens as it was, and nothing else opens as an entry.
#![expect(
    clippy::unwrap_used,
    reason = "the helpers of this file build values that are known to be right"
)]

use std::time::Duration;

use bytes::Bytes;
use cache_core::codec::CodecId;
use cache_core::envelope::{MAX_OVERHEAD, Opened, PEEK_LEN, Rejection, open, peek, seal, seal_compressed};
use cache_core::{
    Codec, Entry, Key, KeyFingerprint, Namespace, Payload, Tag, Timestamp, TypeFingerprint, Value,
};
use proptest::collection::vec;
use proptest::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

const HEADER_LEN: usize = 72;

/// A question for which an entry is sealed, and all that the entry says.
#[derive(Clone, Debug, PartialEq)]
struct Sample {
    namespace: String,
    key: String,
    payload: Payload,
    stamps: [u64; 3],
    load_cost_micros: u32,
}

impl Sample {
    fn fingerprint(&self) -> KeyFingerprint {
        fingerprint(&self.namespace, &self.key)
    }

    fn entry(&self) -> Entry {
        let [created, stale_at, expires_at] = self.stamps.map(Timestamp::from_millis);
        Entry::new(Value::from_payload(self.payload.clone()), created)
            .with_stale_at(stale_at)
            .with_expires_at(expires_at)
            .with_load_cost(Duration::from_micros(u64::from(self.load_cost_micros)))
    }

    fn seal(&self) -> Bytes {
        seal(&self.entry(), &self.payload, self.fingerprint()).unwrap()
    }

    /// Returns the same question with what an entry says.
    fn with_entry(&self, entry: &Entry) -> Self {
        Self {
            payload: payload(entry),
            stamps: [entry.created(), entry.stale_at(), entry.expires_at()].map(Timestamp::as_millis),
            load_cost_micros: u32::try_from(entry.load_cost().as_micros()).unwrap(),
            ..self.clone()
        }
    }
}

/// The fields of a header as a writer chooses them who follows the specification, or who does not.
#[derive(Clone, Debug)]
struct Forged {
    codec: u8,
    flags: u8,
    header_len: u16,
    payload_len: u32,
    extension: Vec<u8>,
    payload: Vec<u8>,
}

impl Forged {
    /// Makes a header that is right for an extension and a payload.
    fn new(extension: Vec<u8>, payload: Vec<u8>) -> Self {
        let header_len = u16::try_from(HEADER_LEN + extension.len()).unwrap();
        let payload_len = u32::try_from(payload.len()).unwrap();
        Self {
            codec: 1,
            flags: 0,
            header_len,
            payload_len,
            extension,
            payload,
        }
    }

    /// Writes the bytes with a checksum that is right, following the specification and not the code.
    fn write(&self, sample: &Sample) -> Vec<u8> {
        let stored_key = Namespace::new(&sample.namespace)
            .unwrap()
            .join(Key::new(&sample.key).unwrap());
        let mut out = vec![0xC1, b'G', b'C', 1, self.codec, self.flags];
        out.extend(self.header_len.to_le_bytes());
        out.extend(sample.stamps.iter().flat_map(|stamp| stamp.to_le_bytes()));
        out.extend(sample.load_cost_micros.to_le_bytes());
        out.extend(self.payload_len.to_le_bytes());
        out.extend(xxh3_64(stored_key.as_bytes()).to_le_bytes());
        out.extend([0; 16]);
        let behind = [&self.extension[..], &self.payload[..]].concat();
        let checksum = xxh3_64(&[&out[..], &behind[..]].concat());
        out.extend(checksum.to_le_bytes());
        out.extend(behind);
        out
    }
}

fn fingerprint(namespace: &str, key: &str) -> KeyFingerprint {
    KeyFingerprint::new(&Namespace::new(namespace).unwrap(), Key::new(key).unwrap())
}

fn payload(entry: &Entry) -> Payload {
    entry.value().payload(&Codec::json()).unwrap()
}

fn text() -> impl Strategy<Value = String> {
    vec(any::<char>(), 1..20).prop_map(String::from_iter)
}

fn samples() -> impl Strategy<Value = Sample> {
    let types = [
        TypeFingerprint::UNKNOWN,
        TypeFingerprint::of::<String>(),
        TypeFingerprint::of::<Vec<u8>>(),
    ];
    let payload = (
        vec(any::<u8>(), 0..48),
        any::<u8>(),
        prop::sample::select(types.to_vec()),
    );
    let payload = payload.prop_map(|(bytes, codec, type_fingerprint)| Payload {
        bytes: bytes.into(),
        codec: CodecId(codec),
        type_fingerprint,
    });
    (text(), text(), payload, any::<[u64; 3]>(), any::<u32>()).prop_map(
        |(namespace, key, payload, stamps, load_cost_micros)| Sample {
            namespace,
            key,
            payload,
            stamps,
            load_cost_micros,
        },
    )
}

fn tags() -> impl Strategy<Value = Vec<Tag>> {
    let name = text().prop_filter("a name of a tag", |name| name != "*");
    let tag = (name, 0..Tag::SLOTS, any::<u64>());
    vec(
        tag.prop_map(|(name, slot, generation)| Tag::new(&name, slot, generation).unwrap()),
        1..=Tag::MAX_PER_ENTRY,
    )
}

/// Opens bytes that are not what was sealed and says whether they were taken for an entry.
fn is_entry(bytes: &[u8], key: KeyFingerprint) -> bool {
    matches!(open(Bytes::copy_from_slice(bytes), key), Ok(Opened::Entry(_)))
}

/// Says whether a slice lies within the input, so that it cannot have cost an allocation of its own.
fn lies_within(slice: &Bytes, input: &Bytes) -> bool {
    let (slice, input) = (slice.as_ptr_range(), input.as_ptr_range());
    input.start <= slice.start && slice.end <= input.end
}

fn opens_within(stored: &Bytes, key: KeyFingerprint) -> Result<(), TestCaseError> {
    match open(stored.clone(), key) {
        Ok(Opened::Entry(entry) | Opened::Compressed(entry)) => {
            prop_assert!(lies_within(&payload(&entry).bytes, stored));
        }
        Ok(Opened::Plain(plain)) => prop_assert!(plain == *stored && lies_within(&plain, stored)),
        Err(_) => {}
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    #[test]
    fn what_was_sealed_opens_as_it_was(sample in samples()) {
        let Ok(Opened::Entry(entry)) = open(sample.seal(), sample.fingerprint()) else { panic!("{sample:?}") };
        prop_assert_eq!(sample.with_entry(&entry), sample);
    }

    #[test]
    fn the_payload_is_a_slice_of_what_was_stored(sample in samples()) {
        let stored = sample.seal();
        let Ok(Opened::Entry(entry)) = open(stored.clone(), sample.fingerprint()) else { panic!("{sample:?}") };
        prop_assert!(lies_within(&payload(&entry).bytes, &stored));
    }

    #[test]
    fn a_seal_costs_seventy_two_bytes(sample in samples()) {
        prop_assert_eq!(sample.seal().len(), HEADER_LEN + sample.payload.bytes.len());
    }

    #[test]
    fn a_flipped_bit_is_rejected_unless_it_hits_the_magic(sample in samples()) {
        let (sealed, key) = (sample.seal(), sample.fingerprint());
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            match open(flipped.into(), key) {
                Ok(Opened::Plain(_)) => prop_assert!(bit < 3 * 8, "bit {} made it plain", bit),
                Ok(Opened::Entry(_) | Opened::Compressed(_)) => {
                    prop_assert!(false, "bit {} went unnoticed", bit);
                }
                Err(_) => prop_assert!(bit >= 3 * 8, "bit {} is of the magic", bit),
            }
        }
    }

    #[test]
    fn a_truncated_value_is_rejected_unless_the_magic_is_cut(sample in samples()) {
        let (sealed, key) = (sample.seal(), sample.fingerprint());
        for len in 0..sealed.len() {
            match open(sealed.slice(..len), key) {
                Ok(Opened::Plain(_)) => prop_assert!(len < 3, "{} bytes are plain", len),
                Ok(Opened::Entry(_) | Opened::Compressed(_)) => {
                    prop_assert!(false, "{} bytes are an entry", len);
                }
                Err(rejection) => prop_assert_eq!(rejection, Rejection::WrongLength),
            }
        }
    }

    #[test]
    fn appended_bytes_are_a_wrong_length(sample in samples(), tail in vec(any::<u8>(), 1..100)) {
        let longer = [&sample.seal()[..], &tail].concat();
        prop_assert_eq!(open(longer.into(), sample.fingerprint()).unwrap_err(), Rejection::WrongLength);
    }

    #[test]
    fn a_part_of_another_sealed_value_is_never_an_entry(
        sample in samples(),
        other in samples(),
        cut in any::<prop::sample::Index>(),
    ) {
        let (mut spliced, other) = (sample.seal().to_vec(), other.seal());
        let at = cut.index(spliced.len().min(other.len()));
        spliced.truncate(at);
        spliced.extend(&other[at..]);
        prop_assume!(spliced != sample.seal());
        prop_assert!(!is_entry(&spliced, sample.fingerprint()));
    }

    #[test]
    fn any_bytes_open_within_themselves(bytes in vec(any::<u8>(), 0..300)) {
        opens_within(&bytes.into(), fingerprint("n", "k"))?;
    }

    #[test]
    fn any_bytes_behind_the_magic_open_within_themselves(rest in vec(any::<u8>(), 0..300)) {
        let stored = [&[0xC1, b'G', b'C', 1], &rest[..]].concat();
        opens_within(&stored.into(), fingerprint("n", "k"))?;
    }

    #[test]
    fn any_lengths_under_a_right_checksum_open_within_the_input(
        sample in samples(),
        header_len in prop_oneof![any::<u16>(), 0_u16..200],
        payload_len in prop_oneof![any::<u32>(), 0_u32..200],
        behind in vec(any::<u8>(), 0..200),
    ) {
        let forged = Forged { header_len, payload_len, ..Forged::new(Vec::new(), behind) };
        opens_within(&forged.write(&sample).into(), sample.fingerprint())?;
    }

    #[test]
    fn a_header_that_claims_to_be_shorter_is_a_wrong_length(sample in samples(), header_len in 0_u16..72) {
        let payload: Vec<u8> = vec![7; 100];
        let payload_len = u32::try_from(HEADER_LEN + payload.len()).unwrap() - u32::from(header_len);
        let forged = Forged { header_len, payload_len, ..Forged::new(Vec::new(), payload) };
        let opened = open(forged.write(&sample).into(), sample.fingerprint());
        prop_assert_eq!(opened.unwrap_err(), Rejection::WrongLength);
    }

    #[test]
    fn the_value_of_another_key_is_rejected(sample in samples(), other in text()) {
        prop_assume!(other != sample.key);
        let asked = fingerprint(&sample.namespace, &other);
        prop_assert_eq!(open(sample.seal(), asked).unwrap_err(), Rejection::WrongKey);
    }

    #[test]
    fn the_value_of_another_namespace_is_rejected(sample in samples(), other in text()) {
        prop_assume!(other != sample.namespace);
        let asked = fingerprint(&other, &sample.key);
        prop_assert_eq!(open(sample.seal(), asked).unwrap_err(), Rejection::WrongKey);
    }

    #[test]
    fn every_other_version_is_unknown(sample in samples()) {
        for version in (0..=u8::MAX).filter(|version| *version != 1) {
            let mut sealed = sample.seal().to_vec();
            sealed[3] = version;
            let opened = open(sealed.into(), sample.fingerprint());
            prop_assert_eq!(opened.unwrap_err(), Rejection::UnknownVersion(version));
        }
    }

    #[test]
    fn flags_that_were_written_are_unknown(sample in samples(), flags in 4_u8..) {
        let forged = Forged { flags, ..Forged::new(Vec::new(), vec![1, 2, 3]) };
        let opened = open(forged.write(&sample).into(), sample.fingerprint());
        prop_assert_eq!(opened.unwrap_err(), Rejection::UnknownFlags(flags));
    }

    #[test]
    fn a_compressed_payload_is_marked_and_comes_back_as_it_was(sample in samples()) {
        let (entry, payload) = (sample.entry(), sample.payload.clone());
        let sealed = seal_compressed(&entry, &payload, sample.fingerprint()).unwrap();
        let Ok(Opened::Compressed(opened)) = open(sealed.clone(), sample.fingerprint()) else { panic!("{sample:?}") };
        prop_assert_eq!(opened.value().payload(&Codec::json()).unwrap(), payload);
        prop_assert_eq!(opened.expires_at(), entry.expires_at());
        prop_assert_eq!(sealed[5], 1);
    }

    #[test]
    fn tags_are_marked_and_come_back_as_they_were(sample in samples(), tags in tags()) {
        let (entry, key) = (sample.entry().with_tags(tags.clone()), sample.fingerprint());
        let sealed = seal(&entry, &sample.payload, key).unwrap();
        let compressed = seal_compressed(&entry, &sample.payload, key).unwrap();
        prop_assert_eq!((sealed[5], compressed[5]), (2, 3));
        prop_assert!(sealed.len() <= MAX_OVERHEAD + sample.payload.bytes.len());
        for stored in [sealed, compressed] {
            let Ok(Opened::Entry(opened) | Opened::Compressed(opened)) = open(stored.clone(), key) else {
                panic!("{sample:?}")
            };
            prop_assert_eq!(opened.tags(), &tags[..]);
            prop_assert!(lies_within(&payload(&opened).bytes, &stored));
            prop_assert_eq!(sample.with_entry(&opened), sample.clone());
        }
    }

    #[test]
    fn any_bytes_in_the_place_of_tags_open_or_are_wrong_tags(
        sample in samples(),
        extension in vec(any::<u8>(), 0..400),
    ) {
        let stored = Forged { flags: 2, ..Forged::new(extension, vec![1, 2, 3]) }.write(&sample);
        match open(stored.into(), sample.fingerprint()) {
            Ok(Opened::Entry(entry)) => prop_assert!((1..=Tag::MAX_PER_ENTRY).contains(&entry.tags().len())),
            other => prop_assert_eq!(other.unwrap_err(), Rejection::WrongTags),
        }
    }

    #[test]
    fn the_head_alone_says_when_the_entry_ends(sample in samples()) {
        let sealed = sample.seal();
        let end = sample.entry().expires_at();
        prop_assert_eq!(peek(&sealed[..PEEK_LEN], sample.fingerprint()), Ok(Some(end)));
        prop_assert_eq!(peek(&sealed[..PEEK_LEN - 1], sample.fingerprint()), Err(Rejection::WrongLength));
    }

    #[test]
    fn the_head_of_what_would_be_rejected_is_rejected(sample in samples()) {
        let mut head = sample.seal()[..PEEK_LEN].to_vec();
        head[3] = 9;
        prop_assert_eq!(peek(&head, sample.fingerprint()), Err(Rejection::UnknownVersion(9)));
        (head[3], head[5]) = (1, 4);
        prop_assert_eq!(peek(&head, sample.fingerprint()), Err(Rejection::UnknownFlags(4)));
        (head[5], head[40]) = (0, !head[40]);
        prop_assert_eq!(peek(&head, sample.fingerprint()), Err(Rejection::WrongKey));
        head[0] = b'{';
        prop_assert_eq!(peek(&head, sample.fingerprint()), Ok(None));
    }

    #[test]
    fn flags_that_appeared_on_the_way_are_a_wrong_checksum(sample in samples(), flags in 1_u8..) {
        let mut sealed = sample.seal().to_vec();
        sealed[5] = flags;
        let opened = open(sealed.into(), sample.fingerprint());
        prop_assert_eq!(opened.unwrap_err(), Rejection::WrongChecksum);
    }

    #[test]
    fn an_extension_is_skipped(
        sample in samples(),
        extension in vec(any::<u8>(), 1..200),
        bytes in vec(any::<u8>(), 0..100),
    ) {
        let stored = Forged::new(extension, bytes.clone()).write(&sample);
        let Ok(Opened::Entry(entry)) = open(stored.into(), sample.fingerprint()) else { panic!("{sample:?}") };
        let payload = Payload {
            bytes: bytes.into(),
            codec: CodecId::JSON,
            type_fingerprint: TypeFingerprint::UNKNOWN,
        };
        prop_assert_eq!(sample.with_entry(&entry), Sample { payload, ..sample });
    }

    #[test]
    fn a_flipped_bit_of_an_extension_is_a_wrong_checksum(
        sample in samples(),
        extension in vec(any::<u8>(), 1..50),
        bit in 0_usize..8,
    ) {
        for at in 0..extension.len() {
            let mut stored = Forged::new(extension.clone(), vec![1, 2, 3]).write(&sample);
            stored[HEADER_LEN + at] ^= 1 << bit;
            let opened = open(stored.into(), sample.fingerprint());
            prop_assert_eq!(opened.unwrap_err(), Rejection::WrongChecksum);
        }
    }
}

#[test]
fn the_longest_extension_is_skipped() {
    let sample = Sample {
        namespace: "n".to_owned(),
        key: "k".to_owned(),
        payload: Payload {
            bytes: Bytes::from_static(b"unused"),
            codec: CodecId::JSON,
            type_fingerprint: TypeFingerprint::UNKNOWN,
        },
        stamps: [1, 2, 3],
        load_cost_micros: 4,
    };
    let stored = Forged::new(vec![9; usize::from(u16::MAX) - HEADER_LEN], b"42".to_vec()).write(&sample);
    let Ok(Opened::Entry(entry)) = open(stored.into(), sample.fingerprint()) else {
        panic!("rejected")
    };
    assert_eq!(payload(&entry).bytes, &b"42"[..]);
}

#[test]
fn text_of_another_program_is_plain() {
    for text in ["", "42", "{\"id\":1}", "GC\u{1}", "\u{C1}GC\u{1}"] {
        let opened = open(Bytes::copy_from_slice(text.as_bytes()), fingerprint("n", "k"));
        assert!(
            matches!(&opened, Ok(Opened::Plain(plain)) if plain == text),
            "{text:?}: {opened:?}"
        );
    }
}

/// What another writer may rightly have stored says nothing about the connection; the rest does.
#[test]
fn rejections_that_a_right_answer_cannot_give_drop_the_connection() {
    let drop = [
        Rejection::WrongLength,
        Rejection::WrongChecksum,
        Rejection::WrongKey,
    ];
    let keep = [
        Rejection::UnknownVersion(2),
        Rejection::UnknownFlags(1),
        Rejection::WrongTags,
    ];
    assert!(drop.into_iter().all(Rejection::is_desync));
    assert!(!keep.into_iter().any(Rejection::is_desync));
}

/// The words stand in metrics and in the specification, so they do not change.
#[test]
fn rejections_are_counted_under_the_words_of_the_specification() {
    assert_eq!(Rejection::UnknownVersion(2).as_str(), "unknown_version");
    assert_eq!(Rejection::UnknownFlags(1).as_str(), "unknown_flags");
    assert_eq!(Rejection::WrongLength.as_str(), "wrong_length");
    assert_eq!(Rejection::WrongChecksum.as_str(), "wrong_checksum");
    assert_eq!(Rejection::WrongKey.as_str(), "wrong_key");
    assert_eq!(Rejection::WrongTags.as_str(), "wrong_tags");
}
