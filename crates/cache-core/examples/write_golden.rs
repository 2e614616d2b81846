//! Writes the golden files of the stored header, which `tests/golden.rs` reads and `docs/stored-format.md` explains.
//!
//! `cargo run -p cache-core --all-features --example write_golden`
//!
//! A golden file shows what a released version wrote, so it never changes: a file that exists is left as it is. What
//! is added to the format later gets files of its own.

use std::error::Error;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use cache_core::codec::CodecId;
use cache_core::envelope::{seal, seal_compressed};
use cache_core::{
    Codec, Entry, Key, KeyFingerprint, Namespace, Payload, Tag, Timestamp, TypeFingerprint, Value,
};

/// What is stored of the value with forty times `a` in the place of `Ada`: 51 bytes of JSON, as a length and a block of LZ4.
/// The block is written out, so that no release of a compressor has a say in what the format is: six literals, a copy of 38 bytes
/// from one byte before, seven literals.
const COMPRESSED: &[u8] = b"\x33\0\0\0\x6f[42,\"a\x01\0\x13\x70a\",1.5]";

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let namespace = Namespace::new("shop:users")?;
    let key = KeyFingerprint::new(&namespace, Key::new("user:42")?);
    let object = Value::new((42_u64, "Ada".to_owned(), Some(1.5_f64)));
    let created = Timestamp::from_millis(1_700_000_000_000);

    let codecs = [
        ("json", Codec::json()),
        ("postcard", Codec::postcard()),
        ("message-pack", Codec::message_pack()),
    ];
    for (name, codec) in codecs {
        let payload = object.payload(&codec)?;
        let endless = Entry::new(Value::from_payload(payload.clone()), created);
        write_new(
            &folder.join(format!("v1-{name}-without-expiry.bin")),
            &seal(&endless, &payload, key)?,
        )?;

        let ending = endless
            .with_stale_at(created + Duration::from_secs(30))
            .with_expires_at(created + Duration::from_secs(60))
            .with_load_cost(Duration::from_micros(1_500));
        write_new(
            &folder.join(format!("v1-{name}-with-expiry.bin")),
            &seal(&ending, &payload, key)?,
        )?;
    }
    let payload = object.payload(&Codec::json())?;
    let tagged = Entry::new(Value::from_payload(payload.clone()), created).with_tags([
        Tag::new("users", 0, 0x0123_4567_89AB_CDEF)?,
        Tag::new("team:3", 1, 42)?,
    ]);
    write_new(
        &folder.join("v1-json-with-tags.bin"),
        &seal(&tagged, &payload, key)?,
    )?;

    let compressed = Payload {
        bytes: Bytes::from_static(COMPRESSED),
        ..payload
    };
    let endless = Entry::new(Value::from_payload(compressed.clone()), created);
    write_new(
        &folder.join("v1-json-compressed.bin"),
        &seal_compressed(&endless, &compressed, key)?,
    )?;

    let nothing = Entry::new(Value::not_found(), created)
        .with_stale_at(created + Duration::from_secs(30))
        .with_expires_at(created + Duration::from_secs(60))
        .with_load_cost(Duration::from_micros(1_500));
    let payload = nothing.value().payload(&Codec::json())?;
    write_new(&folder.join("v1-not-found.bin"), &seal(&nothing, &payload, key)?)?;

    let generation = 0x0123_4567_89AB_CDEF_u64;
    let payload = Payload {
        bytes: Bytes::copy_from_slice(&generation.to_le_bytes()),
        codec: CodecId::TAG,
        type_fingerprint: TypeFingerprint::UNKNOWN,
    };
    let marker = Entry::new(Value::from_payload(payload.clone()), created);
    let tag = Tag::new("users", 0, generation)?;
    write_new(
        &folder.join("v1-tag-marker.bin"),
        &seal(&marker, &payload, KeyFingerprint::new(&namespace, tag.marker()))?,
    )?;
    Ok(())
}

/// Writes a file unless it is there.
#[expect(
    clippy::print_stdout,
    reason = "this program tells whoever runs it what it did"
)]
fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Box<dyn Error>> {
    match File::create_new(path) {
        Ok(mut file) => {
            file.write_all(bytes)?;
            println!("written: {}", path.display());
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            println!("left as it is: {}", path.display());
        }
        Err(error) => return Err(format!("{}: {error}", path.display()).into()),
    }
    Ok(())
}
