//! Stored bytes that were made to do harm: nested so deep that they overflow the stack, or with lengths that nobody
//! has the memory for. Decoding them is an error.
//!
//! An overflow of the stack and a failed allocation end the process, so every case runs in a process of its own and
//! in a thread with the stack that runtimes give to theirs.
#![expect(
    clippy::unwrap_used,
    reason = "the helpers of this file fail the test that calls them"
)]

use std::collections::BTreeMap;
use std::env;
use std::fmt;
use std::process::Command;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use cache_core::{Codec, ErrorKind, Payload, TypeFingerprint};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const CHILD: &str = "CACHE_CORE_DECODE_LIMITS_CHILD";
const STACK: usize = 2 * 1024 * 1024;
const LONGEST: Duration = Duration::from_secs(30);
const MEGABYTE: usize = 1024 * 1024;

/// Runs a case in a process of its own and fails if the process does.
fn survive(test: &str, case: fn()) {
    if env::var_os(CHILD).is_some() {
        return run(case);
    }
    let child = Command::new(env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&child.stdout),
        String::from_utf8_lossy(&child.stderr),
    );
    assert!(
        out.contains("1 passed") || !child.status.success(),
        "the case {test} did not run:\n{out}"
    );
    assert!(child.status.success(), "{}:\n{out}\n{err}", child.status);
}

/// Runs a case in a thread of its own. A case that does not end is a failure too, and ends with the process.
fn run(case: fn()) {
    let (done, ended) = mpsc::channel();
    let case = move || {
        case();
        done.send(()).unwrap();
    };
    thread::Builder::new().stack_size(STACK).spawn(case).unwrap();
    match ended.recv_timeout(LONGEST) {
        Ok(()) => {}
        Err(RecvTimeoutError::Timeout) => unreachable!("decoding did not end within {LONGEST:?}"),
        Err(RecvTimeoutError::Disconnected) => unreachable!("the case failed, as it says above"),
    }
}

/// Makes each case a test that survives it.
macro_rules! survives {
    ($($(#[$meta:meta])* fn $name:ident() $case:block)*) => {
        $($(#[$meta])* #[test] fn $name() { survive(stringify!($name), || $case); })*
    };
}

/// Asserts that the bytes do not decode as a `T`, and that finding out took no memory to speak of.
fn refuses<T: DeserializeOwned + fmt::Debug>(codec: &Codec, bytes: Vec<u8>) {
    let payload = Payload {
        bytes: bytes.into(),
        codec: codec.id(),
        type_fingerprint: TypeFingerprint::of::<T>(),
    };
    let before = peak_memory();
    let error = codec.decode::<T>(&payload).unwrap_err();
    let grown = peak_memory() - before;
    assert_eq!(error.kind(), ErrorKind::Decode, "{error}");
    assert!(
        grown < 16 * MEGABYTE,
        "the memory of the process grew by {grown} bytes"
    );
}

/// Returns the most memory that this process ever had, in bytes. Elsewhere the cases show less: that the process
/// lives on.
fn peak_memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or(0, |line| {
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
    })
}

/// Nests as a list of lists.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct List(Vec<List>);

/// Nests as a field.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Chain {
    next: Option<Box<Chain>>,
}

/// Nests as a variant of an enum.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Formula {
    True,
    Not(Box<Formula>),
    Named { inner: Box<Formula> },
}

/// Nests as a map.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Folder(BTreeMap<String, Folder>);

/// Nests as the first of two.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Pair(Option<Box<Pair>>, u8);

/// Nests without an end: neither of its two layers takes a byte in JSON and MessagePack.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Layers(Option<Box<Layers>>);

/// Nests without an end in every format: no byte is needed for a pointer to itself.
#[derive(Debug, Serialize, Deserialize)]
struct Endless(Box<Endless>);

/// Does not nest, so that hostile bytes stand in a field that is not read.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Flat {
    id: u8,
}

/// Makes a value that nests so many times.
fn nested(depth: usize) -> Chain {
    (0..depth).fold(Chain { next: None }, |inner, _| Chain {
        next: Some(Box::new(inner)),
    })
}

/// Repeats bytes until there is a megabyte of them.
fn megabyte(bytes: &[u8]) -> Vec<u8> {
    bytes.repeat(MEGABYTE / bytes.len())
}

survives! {
    fn json_nested_lists_are_refused() {
        refuses::<List>(&Codec::json(), megabyte(b"["));
    }

    fn json_nested_fields_are_refused() {
        refuses::<Chain>(&Codec::json(), megabyte(br#"{"next":"#));
    }

    fn json_nested_variants_are_refused() {
        refuses::<Formula>(&Codec::json(), megabyte(br#"{"Not":"#));
    }

    fn json_nested_tuples_are_refused() {
        refuses::<Pair>(&Codec::json(), megabyte(b"["));
    }

    fn json_nested_maps_are_refused() {
        refuses::<Folder>(&Codec::json(), megabyte(br#"{"k":"#));
    }

    fn json_nested_in_any_value_is_refused() {
        refuses::<serde_json::Value>(&Codec::json(), megabyte(b"["));
    }

    fn json_nested_in_an_unknown_field_is_refused() {
        refuses::<Flat>(&Codec::json(), [&br#"{"id":1,"x":"#[..], &megabyte(b"[")].concat());
    }

    fn json_nesting_that_takes_no_bytes_is_refused() {
        refuses::<Layers>(&Codec::json(), b"1".to_vec());
        refuses::<Endless>(&Codec::json(), b"1".to_vec());
    }

    fn json_nested_less_than_the_limit_is_read() {
        reads_nested(&Codec::json());
    }
}

#[cfg(feature = "postcard")]
survives! {
    fn postcard_nested_lists_are_refused() {
        refuses::<List>(&Codec::postcard(), megabyte(&[1]));
    }

    fn postcard_nested_fields_are_refused() {
        refuses::<Chain>(&Codec::postcard(), megabyte(&[1]));
    }

    fn postcard_nested_variants_are_refused() {
        refuses::<Formula>(&Codec::postcard(), megabyte(&[1]));
    }

    fn postcard_nested_struct_variants_are_refused() {
        refuses::<Formula>(&Codec::postcard(), megabyte(&[2]));
    }

    fn postcard_nested_maps_are_refused() {
        refuses::<Folder>(&Codec::postcard(), megabyte(b"\x01\x01k"));
    }

    fn postcard_nested_tuples_are_refused() {
        refuses::<Pair>(&Codec::postcard(), megabyte(&[1]));
    }

    fn postcard_nesting_that_takes_no_bytes_is_refused() {
        refuses::<Endless>(&Codec::postcard(), Vec::new());
    }

    fn postcard_nested_less_than_the_limit_is_read() {
        reads_nested(&Codec::postcard());
    }

    fn postcard_lists_longer_than_the_bytes_are_refused() {
        refuses::<Vec<u64>>(&Codec::postcard(), TWO_TO_THE_SIXTY.to_vec());
    }

    fn postcard_lists_of_lists_longer_than_the_bytes_are_refused() {
        refuses::<Vec<Vec<Vec<u8>>>>(&Codec::postcard(), TWO_TO_THE_SIXTY.repeat(3));
    }

    fn postcard_maps_longer_than_the_bytes_are_refused() {
        refuses::<BTreeMap<u64, u64>>(&Codec::postcard(), TWO_TO_THE_SIXTY.to_vec());
    }

    fn postcard_hash_maps_longer_than_the_bytes_are_refused() {
        refuses::<std::collections::HashMap<u64, u64>>(&Codec::postcard(), TWO_TO_THE_SIXTY.to_vec());
    }

    fn postcard_lists_of_elements_that_take_no_bytes_are_refused() {
        refuses::<Vec<()>>(&Codec::postcard(), TWO_TO_THE_SIXTY.to_vec());
    }

    fn postcard_texts_longer_than_the_bytes_are_refused() {
        refuses::<String>(&Codec::postcard(), TWO_TO_THE_SIXTY.to_vec());
    }
}

/// The length 2^60 as postcard writes it: seven bits to a byte, the lowest first.
#[cfg(feature = "postcard")]
const TWO_TO_THE_SIXTY: [u8; 9] = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10];

#[cfg(feature = "message-pack")]
survives! {
    fn message_pack_nested_lists_are_refused() {
        refuses::<List>(&Codec::message_pack(), megabyte(&[0x91]));
    }

    fn message_pack_nested_fields_are_refused() {
        refuses::<Chain>(&Codec::message_pack(), megabyte(b"\x81\xa4next"));
    }

    fn message_pack_nested_fields_without_names_are_refused() {
        refuses::<Chain>(&Codec::message_pack(), megabyte(&[0x91]));
    }

    fn message_pack_nested_variants_are_refused() {
        refuses::<Formula>(&Codec::message_pack(), megabyte(b"\x81\xa3Not"));
    }

    fn message_pack_nested_struct_variants_are_refused() {
        refuses::<Formula>(&Codec::message_pack(), megabyte(b"\x81\xa5Named\x81\xa5inner"));
    }

    fn message_pack_nested_maps_are_refused() {
        refuses::<Folder>(&Codec::message_pack(), megabyte(b"\x81\xa1k"));
    }

    fn message_pack_nested_in_any_value_is_refused() {
        refuses::<serde_json::Value>(&Codec::message_pack(), megabyte(&[0x91]));
    }

    fn message_pack_nested_in_an_unknown_field_is_refused() {
        refuses::<Flat>(&Codec::message_pack(), [&b"\x82\xa2id\x01\xa1x"[..], &megabyte(&[0x91])].concat());
    }

    fn message_pack_nesting_that_takes_no_bytes_is_refused() {
        refuses::<Layers>(&Codec::message_pack(), vec![1]);
        refuses::<Endless>(&Codec::message_pack(), vec![1]);
    }

    fn message_pack_nested_less_than_the_limit_is_read() {
        reads_nested(&Codec::message_pack());
    }

    fn message_pack_lists_longer_than_the_bytes_are_refused() {
        refuses::<Vec<u64>>(&Codec::message_pack(), b"\xdd\xff\xff\xff\xff".to_vec());
    }

    fn message_pack_maps_longer_than_the_bytes_are_refused() {
        refuses::<BTreeMap<u64, u64>>(&Codec::message_pack(), b"\xdf\xff\xff\xff\xff".to_vec());
    }

    fn message_pack_texts_longer_than_the_bytes_are_refused() {
        refuses::<String>(&Codec::message_pack(), b"\xdb\xff\xff\xff\xff".to_vec());
    }

    fn message_pack_bytes_longer_than_the_bytes_are_refused() {
        refuses::<serde_json::Value>(&Codec::message_pack(), b"\xc6\xff\xff\xff\xff".to_vec());
    }

    fn message_pack_extensions_longer_than_the_bytes_are_refused() {
        refuses::<serde_json::Value>(&Codec::message_pack(), b"\xc9\xff\xff\xff\xff\x01".to_vec());
    }
}

/// Asserts that what people nest in earnest is read: the limits must not be so low that they refuse it.
fn reads_nested(codec: &Codec) {
    let payload = codec.encode(&nested(40)).unwrap();
    assert_eq!(codec.decode::<Chain>(&payload).unwrap(), nested(40));
}
