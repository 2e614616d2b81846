//! Decodes arbitrary bytes with each codec as types that nest, that are long and that are picky. What decodes must
//! encode again and then read as the same.
#![no_main]

use std::collections::BTreeMap;
use std::fmt::Debug;

use bytes::Bytes;
use cache_core::codec::CodecId;
use cache_core::{Codec, Payload, TypeFingerprint};
use libfuzzer_sys::fuzz_target;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Every way to nest that serde knows.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Tree {
    Leaf,
    Newtype(Box<Tree>),
    Tuple(u8, Box<Tree>),
    Struct {
        left: Box<Tree>,
        right: Option<Box<Tree>>,
    },
    List(Vec<Tree>),
    Map(BTreeMap<String, Tree>),
    Wrapped(Wrapper),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Wrapper(Option<Box<Tree>>);

/// What a service may store.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    id: u64,
    customer: Option<String>,
    lines: Vec<(String, i32)>,
    tags: BTreeMap<String, Vec<u8>>,
    status: Status,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Status {
    Open,
    Paid { at: u64 },
    Cancelled(String),
}

fuzz_target!(|data: &[u8]| {
    let [choice, bytes @ ..] = data else { return };
    let codec = match choice % 3 {
        0 => Codec::json(),
        1 => Codec::postcard(),
        _ => Codec::message_pack(),
    };
    match choice / 3 % 6 {
        0 => decode::<Tree>(&codec, bytes),
        1 => decode::<Order>(&codec, bytes),
        2 => decode::<Vec<Vec<u64>>>(&codec, bytes),
        3 => decode::<BTreeMap<String, String>>(&codec, bytes),
        4 => decode::<(bool, i8, u128, char, [u16; 3])>(&codec, bytes),
        // Any value of the format. It may hold fractions, which need not read as the same, so it is only decoded.
        _ => drop(codec.decode::<serde_json::Value>(&payload::<serde_json::Value>(codec.id(), bytes))),
    }
});

fn payload<T>(codec: CodecId, bytes: &[u8]) -> Payload {
    Payload {
        bytes: Bytes::copy_from_slice(bytes),
        codec,
        type_fingerprint: TypeFingerprint::of::<T>(),
    }
}

fn decode<T: DeserializeOwned + Serialize + PartialEq + Debug>(codec: &Codec, bytes: &[u8]) {
    let Ok(value) = codec.decode::<T>(&payload::<T>(codec.id(), bytes)) else {
        return;
    };
    let again = codec.encode(&value).expect("what was decoded encodes");
    assert_eq!(
        codec.decode::<T>(&again).expect("what was encoded decodes"),
        value
    );
}
