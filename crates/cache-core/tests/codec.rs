//! Codecs: a value reads as the type that was stored, or rightly as another, or not at all; and limits hold before
//! anything is decoded.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::error::Error;

use bytes::Bytes;
use cache_core::codec::{CodecId, CustomCodec, Decodable, Encodable};
use cache_core::{Codec, ErrorKind, Payload, TypeFingerprint};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct User {
    id: u64,
    currency: String,
}

/// Has the layout of [`User`] and another meaning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Price {
    amount: u64,
    currency: String,
}

/// Means what [`User`] means, and was given a field later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct LaterUser {
    id: u64,
    currency: String,
    #[serde(default)]
    country: Option<String>,
}

/// Fails the test if a decoder is asked for it.
#[derive(Debug, Serialize)]
struct NeverDecoded(&'static str);

impl<'de> Deserialize<'de> for NeverDecoded {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        unreachable!("the limit is checked before anything is decoded")
    }
}

/// A codec that was numbered like none of the library and writes nothing of its own.
#[derive(Debug)]
struct Positional;

impl CustomCodec for Positional {
    fn id(&self) -> CodecId {
        CodecId(200)
    }

    fn describes_itself(&self) -> bool {
        false
    }

    fn encode(&self, value: Encodable<'_>) -> Result<Bytes, Box<dyn std::error::Error + Send + Sync>> {
        Ok(serde_json::to_vec(&value)?.into())
    }

    fn decode(
        &self,
        bytes: &[u8],
        target: Decodable<'_>,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        // An empty input is one that this codec forgets to decode.
        if bytes.is_empty() {
            return Ok(());
        }
        Ok(target.deserialize(&mut serde_json::Deserializer::from_slice(bytes))?)
    }
}

fn codecs() -> Vec<Codec> {
    vec![
        Codec::json(),
        #[cfg(feature = "postcard")]
        Codec::postcard(),
        #[cfg(feature = "message-pack")]
        Codec::message_pack(),
        Codec::custom(Positional).unwrap(),
    ]
}

fn user() -> User {
    User {
        id: 4242,
        currency: "EUR".to_owned(),
    }
}

/// Bytes that carry the name of a type, as they come from a server.
fn payload<T>(codec: &Codec, bytes: &[u8]) -> Payload {
    Payload {
        bytes: Bytes::copy_from_slice(bytes),
        codec: codec.id(),
        type_fingerprint: TypeFingerprint::of::<T>(),
    }
}

fn kind<T: DeserializeOwned>(codec: &Codec, payload: &Payload) -> Option<ErrorKind> {
    codec.decode::<T>(payload).err().map(|error| error.kind())
}

#[test]
fn every_codec_reads_what_it_wrote() {
    for codec in codecs() {
        let payload = codec.encode(&user()).unwrap();
        assert_eq!(codec.decode::<User>(&payload).unwrap(), user(), "{codec:?}");
    }
}

#[test]
fn a_payload_names_its_codec_and_its_type() {
    for codec in codecs() {
        let payload = codec.encode(&user()).unwrap();
        assert_eq!(
            (payload.codec, payload.type_fingerprint),
            (codec.id(), TypeFingerprint::of::<User>())
        );
    }
}

#[test]
fn a_type_of_the_same_layout_is_a_type_mismatch() {
    for codec in codecs() {
        let payload = codec.encode(&user()).unwrap();
        assert_eq!(
            kind::<Price>(&codec, &payload),
            Some(ErrorKind::TypeMismatch),
            "{codec:?}"
        );
    }
}

/// Without this the test above would prove nothing about codecs that store fields by position.
#[cfg(feature = "postcard")]
#[test]
fn types_of_the_same_layout_have_the_same_bytes_in_postcard() {
    let price = Price {
        amount: 4242,
        currency: "EUR".to_owned(),
    };
    let codec = Codec::postcard();
    assert_eq!(
        codec.encode(&user()).unwrap().bytes,
        codec.encode(&price).unwrap().bytes
    );
}

#[test]
fn a_codec_that_describes_itself_reads_a_type_that_fits() {
    let named = [CodecId::JSON, CodecId::MESSAGE_PACK];
    for codec in codecs().into_iter().filter(|codec| named.contains(&codec.id())) {
        let payload = codec.encode(&user()).unwrap();
        let later = LaterUser {
            id: 4242,
            currency: "EUR".to_owned(),
            country: None,
        };
        assert_eq!(codec.decode::<LaterUser>(&payload).unwrap(), later, "{codec:?}");
    }
}

#[cfg(feature = "message-pack")]
#[test]
fn message_pack_writes_the_names_of_fields() {
    let bytes = Codec::message_pack().encode(&user()).unwrap().bytes;
    assert_eq!(bytes, &b"\x82\xa2id\xcd\x10\x92\xa8currency\xa3EUR"[..]);
}

#[test]
fn bytes_of_another_program_are_read_by_the_codec_of_the_cache() {
    let bytes = br#"{"currency":"EUR","id":4242}"#;
    let plain = Payload {
        bytes: bytes[..].into(),
        codec: CodecId::PLAIN,
        type_fingerprint: TypeFingerprint::UNKNOWN,
    };
    assert_eq!(Codec::json().decode::<User>(&plain).unwrap(), user());
}

#[test]
fn bytes_of_another_codec_are_read_by_that_codec() {
    for (writer, reader) in codecs().into_iter().zip(codecs().into_iter().cycle().skip(1)) {
        if writer.id() == CodecId(200) {
            continue; // Only a cache that has it can read it.
        }
        let payload = writer.encode(&user()).unwrap();
        assert_eq!(
            reader.decode::<User>(&payload).unwrap(),
            user(),
            "{writer:?} read by {reader:?}"
        );
    }
}

#[test]
fn bytes_of_an_unknown_codec_are_a_decode_error_that_names_it() {
    let payload = Codec::custom(Positional).unwrap().encode(&user()).unwrap();
    let error = Codec::json().decode::<User>(&payload).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert!(error.to_string().contains("codec 200"), "{error}");
}

#[test]
fn what_does_not_encode_or_decode_is_told_with_what_to_do() {
    let keys_are_no_text = std::collections::BTreeMap::from([((1, 2), 3)]);
    let error = Codec::json().encode(&keys_are_no_text).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Encode);
    assert!(error.to_string().contains("; change the type"), "{error}");
    let cut = payload::<User>(&Codec::json(), b"{");
    let error = Codec::json().decode::<User>(&cut).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert!(
        error.to_string().contains("; delete the key or store it again"),
        "{error}"
    );
}

#[test]
fn a_custom_codec_that_decodes_nothing_is_a_decode_error() {
    let codec = Codec::custom(Positional).unwrap();
    assert_eq!(
        kind::<User>(&codec, &payload::<User>(&codec, b"")),
        Some(ErrorKind::Decode)
    );
}

#[test]
fn a_value_above_the_limit_is_refused_before_it_is_decoded() {
    for codec in codecs() {
        let codec = codec.with_max_len(9);
        let payload = payload::<NeverDecoded>(&codec, &[0; 10]);
        assert_eq!(
            kind::<NeverDecoded>(&codec, &payload),
            Some(ErrorKind::ValueTooLarge),
            "{codec:?}"
        );
    }
}

#[test]
fn a_value_at_the_limit_is_read_and_written() {
    for codec in codecs() {
        let len = codec.encode(&user()).unwrap().bytes.len();
        let codec = codec.with_max_len(len);
        let payload = codec.encode(&user()).unwrap();
        assert_eq!(codec.decode::<User>(&payload).unwrap(), user(), "{codec:?}");
    }
}

#[test]
fn a_value_above_the_limit_is_not_written() {
    for codec in codecs() {
        let len = codec.encode(&user()).unwrap().bytes.len();
        let error = codec.with_max_len(len - 1).encode(&user()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ValueTooLarge);
    }
}

#[test]
fn the_limit_holds_for_bytes_of_another_codec() {
    let payload = Codec::custom(Positional).unwrap().encode(&user()).unwrap();
    assert_eq!(
        kind::<User>(&Codec::json().with_max_len(1), &payload),
        Some(ErrorKind::ValueTooLarge)
    );
}

/// A custom codec sees to it itself.
#[test]
fn bytes_left_over_behind_the_value_are_refused() {
    for codec in codecs().into_iter().filter(|codec| codec.id() != CodecId(200)) {
        let whole = codec.encode(&user()).unwrap().bytes;
        for tail in [&b"\x00"[..], b"\xc0", b"1", b"{}", &whole] {
            let payload = payload::<User>(&codec, &[&whole, tail].concat());
            assert_eq!(
                kind::<User>(&codec, &payload),
                Some(ErrorKind::Decode),
                "{codec:?} and {tail:?}"
            );
        }
    }
}

#[test]
fn bytes_that_end_early_are_refused() {
    for codec in codecs() {
        let whole = codec.encode(&user()).unwrap().bytes;
        for len in 0..whole.len() {
            let payload = payload::<User>(&codec, &whole[..len]);
            assert_eq!(
                kind::<User>(&codec, &payload),
                Some(ErrorKind::Decode),
                "{codec:?} and {len} bytes"
            );
        }
    }
}

#[test]
fn a_custom_codec_cannot_take_a_number_of_ours() {
    #[derive(Debug)]
    struct Impostor;

    impl CustomCodec for Impostor {
        fn id(&self) -> CodecId {
            CodecId::JSON
        }
        fn describes_itself(&self) -> bool {
            true
        }
        fn encode(&self, _: Encodable<'_>) -> Result<Bytes, Box<dyn Error + Send + Sync>> {
            Ok(Bytes::new())
        }
        fn decode(&self, _: &[u8], _: Decodable<'_>) -> Result<(), Box<dyn Error + Send + Sync>> {
            Ok(())
        }
    }

    let error = Codec::custom(Impostor).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(error.to_string().contains("from 128 on"), "{error}");
}

/// The words of serde quote the value, and an error goes into logs.
#[test]
fn no_decode_error_quotes_the_value() {
    for codec in codecs().into_iter().filter(|codec| codec.id() != CodecId(200)) {
        let mut payload = codec.encode(&"hunter2-canary".to_owned()).unwrap();
        payload.type_fingerprint = cache_core::TypeFingerprint::UNKNOWN;
        if let Err(error) = codec.decode::<Vec<u64>>(&payload) {
            let mut said = format!("{error:?} {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                said = format!("{said} {error} {error:?}");
                cause = error.source();
            }
            assert!(!said.contains("canary"), "{said}");
        }
        assert!(!format!("{payload:?}").contains("canary"));
    }
}

/// Nine bytes that claim 2^60 elements, each of no bytes.
#[cfg(feature = "postcard")]
#[test]
fn elements_of_no_bytes_cannot_claim_any_number() {
    use std::collections::BTreeSet;

    let claim = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10];
    let codec = Codec::postcard();
    assert!(kind::<Vec<()>>(&codec, &payload::<Vec<()>>(&codec, &claim)).is_some());
    assert!(kind::<Vec<Box<()>>>(&codec, &payload::<Vec<Box<()>>>(&codec, &claim)).is_some());
    assert!(kind::<BTreeSet<()>>(&codec, &payload::<BTreeSet<()>>(&codec, &claim)).is_some());
    let nested: Vec<u8> = std::iter::repeat_n([0xFF, 0xFF, 0x03], 20_000)
        .flatten()
        .collect();
    let nested = [&[0xA0, 0x9C, 0x01][..], &nested].concat();
    assert!(kind::<Vec<Vec<()>>>(&codec, &payload::<Vec<Vec<()>>>(&codec, &nested)).is_some());
}

#[cfg(feature = "postcard")]
#[test]
fn some_elements_of_no_bytes_are_fine() {
    let codec = Codec::postcard();
    let units = vec![(); 60_000];
    assert_eq!(
        codec.decode::<Vec<()>>(&codec.encode(&units).unwrap()).unwrap(),
        units
    );
}
