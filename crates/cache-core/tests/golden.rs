//! The golden files: bytes that version 1 of the stored header wrote, which every later version must read or miss.
//! `examples/write_golden.rs` wrote them, `docs/stored-format.md` takes one of them apart.
#![expect(
    clippy::unwrap_used,
    reason = "the helpers of this file read files that stand beside it"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cache_core::codec::CodecId;
use cache_core::envelope::{Opened, open, seal, seal_compressed};
use cache_core::{
    Cache, CacheBackend, Codec, Entry, ErrorKind, Key, KeyFingerprint, Namespace, Payload, Tag, Timestamp,
    TypeFingerprint, Value,
};
use cache_testkit::{ManualClock, MapBackend};
use xxhash_rust::xxh3::xxh3_64;

/// What every golden file holds, whatever the codec.
type Stored = (u64, String, Option<f64>);

const NAMESPACE: &str = "shop:users";
const KEY: &str = "user:42";
const CREATED: u64 = 1_700_000_000_000;

struct Golden {
    file: &'static str,
    codec: CodecId,
    payload: &'static [u8],
    stale_at: u64,
    expires_at: u64,
    load_cost_micros: u32,
    key: &'static str,
    /// The key as it is hashed.
    stored_key: &'static [u8],
    flags: u8,
    /// What the type is hashed by, nothing if it is unknown.
    type_name: Option<&'static [u8]>,
}

impl Golden {
    const fn ending(file: &'static str, codec: CodecId, payload: &'static [u8]) -> Self {
        let (stale_at, expires_at) = (CREATED + 30_000, CREATED + 60_000);
        Self {
            file,
            codec,
            payload,
            stale_at,
            expires_at,
            load_cost_micros: 1_500,
            ..Self::endless(file, codec, payload)
        }
    }

    const fn endless(file: &'static str, codec: CodecId, payload: &'static [u8]) -> Self {
        Self {
            file,
            codec,
            payload,
            stale_at: u64::MAX,
            expires_at: u64::MAX,
            load_cost_micros: 0,
            key: KEY,
            stored_key: b"shop%3Ausers:user:42",
            flags: 0,
            type_name: Some(b"(u64, alloc::string::String, core::option::Option<f64>)"),
        }
    }

    fn bytes(&self) -> Bytes {
        fs::read(folder().join(self.file)).unwrap().into()
    }

    fn entry(&self) -> Entry {
        match open(self.bytes(), fingerprint(self.key)) {
            Ok(Opened::Entry(entry)) if self.flags == 0 => entry,
            Ok(Opened::Compressed(entry)) if self.flags == 1 => entry,
            other => unreachable!("{}: {other:?}", self.file),
        }
    }

    fn payload(&self) -> Payload {
        self.entry().value().payload(&Codec::json()).unwrap()
    }
}

const JSON: &[u8] = br#"[42,"Ada",1.5]"#;
const POSTCARD: &[u8] = b"\x2a\x03Ada\x01\x00\x00\x00\x00\x00\x00\xf8\x3f";
const MESSAGE_PACK: &[u8] = b"\x93\x2a\xa3Ada\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00";

const GOLDEN: [Golden; 6] = [
    Golden::ending("v1-json-with-expiry.bin", CodecId::JSON, JSON),
    Golden::endless("v1-json-without-expiry.bin", CodecId::JSON, JSON),
    Golden::ending("v1-postcard-with-expiry.bin", CodecId::POSTCARD, POSTCARD),
    Golden::endless("v1-postcard-without-expiry.bin", CodecId::POSTCARD, POSTCARD),
    Golden::ending(
        "v1-message-pack-with-expiry.bin",
        CodecId::MESSAGE_PACK,
        MESSAGE_PACK,
    ),
    Golden::endless(
        "v1-message-pack-without-expiry.bin",
        CodecId::MESSAGE_PACK,
        MESSAGE_PACK,
    ),
];

/// The JSON of the value with forty times `a` in the place of `Ada`, 51 bytes. By the page on LZ4 blocks: a token for six literals
/// and a match of 19 bytes and 19 more, from one byte before; a token for seven literals.
const COMPRESSED: &[u8] = &[
    51, 0, 0, 0, // the length
    0x6F, b'[', b'4', b'2', b',', b'"', b'a', 1, 0, 19, // 4 + 15 + 19 times what stands one byte before
    0x70, b'a', b'"', b',', b'1', b'.', b'5', b']',
];

/// What the tag `users` of [`TAGGED`] belongs to.
const GENERATION: u64 = 0x0123_4567_89AB_CDEF;

/// Those that are no values, or not as the codec made them.
const SPECIAL: [Golden; 3] = [
    Golden {
        flags: 1,
        ..Golden::endless("v1-json-compressed.bin", CodecId::JSON, COMPRESSED)
    },
    Golden {
        type_name: None,
        ..Golden::ending("v1-not-found.bin", CodecId::NOT_FOUND, b"")
    },
    Golden {
        key: "\u{FDD0}tag:0:users",
        stored_key: b"shop%3Ausers:\xEF\xB7\x90tag:0:users",
        type_name: None,
        ..Golden::endless(
            "v1-tag-marker.bin",
            CodecId::TAG,
            &[0xEF, 0xCD, 0xAB, 0x89, 0x67, 0x45, 0x23, 0x01],
        )
    },
];

/// Every file that has no extension.
fn plain() -> impl Iterator<Item = Golden> {
    GOLDEN.into_iter().chain(SPECIAL)
}

/// The one whose header has an extension.
const TAGGED: &str = "v1-json-with-tags.bin";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn fingerprint(key: &str) -> KeyFingerprint {
    KeyFingerprint::new(&Namespace::new(NAMESPACE).unwrap(), Key::new(key).unwrap())
}

fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    u64::from_le_bytes(bytes[offset..offset + 8].try_into().unwrap())
}

fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes(bytes[offset..offset + 4].try_into().unwrap())
}

#[test]
fn every_file_in_the_folder_is_tested() {
    let mut found: Vec<String> = fs::read_dir(folder())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    let mut tested: Vec<_> = plain().map(|golden| golden.file).collect();
    tested.push(TAGGED);
    found.sort();
    tested.sort_unstable();
    assert_eq!(found, tested);
}

#[test]
fn stamps_are_those_that_were_stored() {
    for golden in plain() {
        let entry = golden.entry();
        assert_eq!(
            entry.created(),
            Timestamp::from_millis(CREATED),
            "{}",
            golden.file
        );
        assert_eq!(
            entry.stale_at(),
            Timestamp::from_millis(golden.stale_at),
            "{}",
            golden.file
        );
        assert_eq!(
            entry.expires_at(),
            Timestamp::from_millis(golden.expires_at),
            "{}",
            golden.file
        );
        let load_cost = Duration::from_micros(u64::from(golden.load_cost_micros));
        assert_eq!(entry.load_cost(), load_cost, "{}", golden.file);
    }
}

#[test]
fn the_stamp_for_never_is_the_end_of_time() {
    for golden in plain().filter(|golden| golden.expires_at == u64::MAX) {
        assert_eq!(
            golden.entry().remaining(Timestamp::from_millis(CREATED)),
            None,
            "{}",
            golden.file
        );
    }
}

#[test]
fn payloads_are_those_that_were_stored() {
    for golden in plain() {
        let payload = golden.payload();
        assert_eq!(payload.bytes, golden.payload, "{}", golden.file);
        assert_eq!(payload.codec, golden.codec, "{}", golden.file);
    }
}

/// If this fails after an update of the compiler, it names types in another way, and values stored by the older
/// build read as a type mismatch under postcard.
#[test]
fn the_type_fingerprint_is_still_that_of_the_type() {
    for golden in plain() {
        let expected = match golden.type_name {
            Some(_) => TypeFingerprint::of::<Stored>(),
            None => TypeFingerprint::UNKNOWN,
        };
        let found = golden.payload().type_fingerprint;
        assert_eq!(found, expected, "{}", golden.file);
    }
}

#[test]
fn every_field_stands_where_the_specification_says() {
    for golden in plain() {
        let bytes = golden.bytes();
        assert_eq!(
            bytes[..4],
            [0xC1, b'G', b'C', 1],
            "{}: magic and version",
            golden.file
        );
        assert_eq!(bytes[4], golden.codec.0, "{}: codec", golden.file);
        assert_eq!(bytes[5], golden.flags, "{}: flags", golden.file);
        assert_eq!(
            bytes[6..8],
            72_u16.to_le_bytes(),
            "{}: header length",
            golden.file
        );
        assert_eq!(u64_at(&bytes, 8), CREATED, "{}: created", golden.file);
        assert_eq!(u64_at(&bytes, 16), golden.stale_at, "{}: stale", golden.file);
        assert_eq!(u64_at(&bytes, 24), golden.expires_at, "{}: expires", golden.file);
        assert_eq!(
            u32_at(&bytes, 32),
            golden.load_cost_micros,
            "{}: load cost",
            golden.file
        );
        assert_eq!(
            u32_at(&bytes, 36) as usize,
            golden.payload.len(),
            "{}: payload length",
            golden.file
        );
        assert_eq!(
            u64_at(&bytes, 40),
            xxh3_64(golden.stored_key),
            "{}: key",
            golden.file
        );
        let type_fingerprint = golden.type_name.map_or(0, xxh3_64);
        assert_eq!(u64_at(&bytes, 48), type_fingerprint, "{}: type", golden.file);
        assert_eq!(u64_at(&bytes, 56), 0, "{}: generation", golden.file);
        let covered = [&bytes[..64], &bytes[72..]].concat();
        assert_eq!(u64_at(&bytes, 64), xxh3_64(&covered), "{}: checksum", golden.file);
        assert_eq!(bytes[72..], *golden.payload, "{}: payload", golden.file);
    }
}

#[test]
fn sealing_again_gives_the_same_bytes() {
    for golden in plain() {
        let seal = if golden.flags == 0 { seal } else { seal_compressed };
        let sealed = seal(&golden.entry(), &golden.payload(), fingerprint(golden.key)).unwrap();
        assert_eq!(sealed, golden.bytes(), "{}", golden.file);
    }
}

#[test]
fn tags_stand_in_the_extension_as_the_specification_says() {
    let bytes = Bytes::from(fs::read(folder().join(TAGGED)).unwrap());
    let extension = [
        &[2_u8][..],
        &GENERATION.to_le_bytes(),
        &[0, 5, 0],
        b"users",
        &42_u64.to_le_bytes(),
        &[1, 6, 0],
        b"team:3",
    ]
    .concat();
    let header_len = 72 + extension.len();
    assert_eq!(bytes[5], 2, "flags");
    assert_eq!(usize::from(u16::from_le_bytes([bytes[6], bytes[7]])), header_len);
    assert_eq!(bytes[72..header_len], *extension);
    assert_eq!(bytes[header_len..], *JSON);
    assert_eq!(
        u64_at(&bytes, 64),
        xxh3_64(&[&bytes[..64], &bytes[72..]].concat()),
        "checksum"
    );

    let Ok(Opened::Entry(entry)) = open(bytes.clone(), fingerprint(KEY)) else {
        unreachable!("rejected")
    };
    let tags = [
        Tag::new("users", 0, GENERATION).unwrap(),
        Tag::new("team:3", 1, 42).unwrap(),
    ];
    assert_eq!(entry.tags(), tags);
    let payload = entry.value().payload(&Codec::json()).unwrap();
    assert_eq!(seal(&entry, &payload, fingerprint(KEY)).unwrap(), bytes);
}

#[test]
fn that_there_is_nothing_is_read_as_that_and_is_what_is_written() {
    let golden = &SPECIAL[1];
    let value = golden.entry().into_value();
    let read = value.read::<Stored>(&Codec::json()).unwrap_err();
    assert_eq!(read.kind(), ErrorKind::NotFound);
    let written = Value::not_found().payload(&Codec::json()).unwrap();
    assert_eq!(written, golden.payload());
}

/// With the marker that was stored, a value with the tag is there; with any other one it is a miss.
#[test]
fn a_marker_is_read_as_the_generation_of_its_tag() {
    let golden = &SPECIAL[2];
    let tag = |generation| Tag::new("users", 0, generation).unwrap();
    assert_eq!(tag(0).marker(), Key::new(golden.key).unwrap());
    cache_testkit::run(async {
        let map = Arc::new(MapBackend::new(ManualClock::new()));
        map.set(tag(0).marker(), golden.entry()).await.unwrap();
        let now = map.clock().now();
        for (key, generation) in [("current", GENERATION), ("other", GENERATION + 1)] {
            let entry = Entry::new(Value::new(7_u64), now).with_tags([tag(generation)]);
            map.set(Key::new(key).unwrap(), entry).await.unwrap();
        }
        let cache = Cache::builder(map).tags(true).build().unwrap();
        assert_eq!(cache.get::<u64>("current").await.unwrap(), Some(7));
        assert_eq!(cache.get::<u64>("other").await.unwrap(), None);
    });
}

/// Checks the codec of one kind of golden file both ways.
fn check_codec(codec: &Codec) {
    let stored: Stored = (42, "Ada".to_owned(), Some(1.5));
    for golden in GOLDEN.iter().filter(|golden| golden.codec == codec.id()) {
        assert_eq!(
            *golden.entry().into_value().read::<Stored>(codec).unwrap(),
            stored,
            "{}",
            golden.file
        );
        assert_eq!(
            codec.encode(&stored).unwrap(),
            golden.payload(),
            "{}",
            golden.file
        );
    }
}

#[test]
fn json_reads_and_writes_the_value_as_it_did() {
    check_codec(&Codec::json());
}

#[cfg(feature = "postcard")]
#[test]
fn postcard_reads_and_writes_the_value_as_it_did() {
    check_codec(&Codec::postcard());
}

#[cfg(feature = "message-pack")]
#[test]
fn message_pack_reads_and_writes_the_value_as_it_did() {
    check_codec(&Codec::message_pack());
}

/// The dump in the specification is what authors of other readers check theirs against.
#[test]
fn the_specification_shows_the_bytes_of_its_golden_file() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/stored-format.md");
    let page = fs::read_to_string(page).unwrap();
    let dump = page
        .split("```dump\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let is_byte = |word: &&str| word.len() == 2 && word.bytes().all(|digit| digit.is_ascii_hexdigit());
    let shown: Vec<u8> = dump
        .lines()
        .flat_map(|line| line.split_whitespace().skip(1).take_while(is_byte))
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect();
    assert_eq!(shown, GOLDEN[0].bytes());
}
