//! `Value`: each form is made from the other at most once and only when asked for, and none of them is printed.

use std::any::type_name;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use cache_core::codec::CodecId;
use cache_core::{Codec, Entry, ErrorKind, Payload, Timestamp, TypeFingerprint, Value};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

thread_local! {
    // Each test runs in a thread of its own, so these are the counts of one test.
    static ENCODED: Cell<u32> = const { Cell::new(0) };
    static DECODED: Cell<u32> = const { Cell::new(0) };
    // The value that is read while another reader decodes it, and what that read gave.
    static FASTER: Cell<Option<Value>> = const { Cell::new(None) };
    static FIRST: Cell<Option<Arc<Overtaken>>> = const { Cell::new(None) };
}

/// Counts how often it is encoded and decoded in this thread.
#[derive(Debug, PartialEq)]
struct Counted(u32);

impl Serialize for Counted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ENCODED.set(ENCODED.get() + 1);
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        DECODED.set(DECODED.get() + 1);
        u32::deserialize(deserializer).map(Self)
    }
}

/// Is read once more while it is decoded.
#[derive(Debug, Serialize)]
struct Overtaken(u32);

impl<'de> Deserialize<'de> for Overtaken {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if let Some(value) = FASTER.take() {
            FIRST.set(value.read::<Self>(&Codec::json()).ok());
        }
        u32::deserialize(deserializer).map(Self)
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct User {
    id: u64,
    name: String,
}

fn ada() -> User {
    User {
        id: 7,
        name: "Ada".to_owned(),
    }
}

/// Makes a value of JSON, as a server would return it for an object of type `T`.
fn json<T: ?Sized>(bytes: &'static [u8]) -> Value {
    Value::from_payload(Payload {
        bytes: bytes.into(),
        codec: CodecId::JSON,
        type_fingerprint: TypeFingerprint::of::<T>(),
    })
}

#[test]
fn an_object_that_is_read_as_its_type_is_neither_encoded_nor_decoded() {
    let object = Arc::new(Counted(7));
    let read = Value::shared(Arc::clone(&object))
        .read::<Counted>(&Codec::json())
        .unwrap();
    assert!(Arc::ptr_eq(&object, &read));
    assert_eq!((ENCODED.get(), DECODED.get()), (0, 0));
}

#[test]
fn clones_of_an_encoded_value_decode_once() {
    let value = json::<Counted>(b"7");
    for _ in 0..3 {
        assert_eq!(
            *value.clone().read::<Counted>(&Codec::json()).unwrap(),
            Counted(7)
        );
    }
    assert_eq!(DECODED.get(), 1);
}

#[test]
fn clones_of_an_encoded_value_give_one_object() {
    let value = json::<User>(br#"{"id":7,"name":"Ada"}"#);
    let first = value.clone().read::<User>(&Codec::json()).unwrap();
    let second = value.read::<User>(&Codec::json()).unwrap();
    assert!(Arc::ptr_eq(&first, &second));
}

/// Two readers may decode at the same time, and both must go on with the same object. Threads would seldom meet, so
/// here the faster reader runs while the slower one is in the middle of decoding.
#[test]
fn a_reader_that_was_overtaken_gets_the_object_of_the_faster_one() {
    let value = json::<Overtaken>(b"7");
    FASTER.set(Some(value.clone()));
    let slower = value.read::<Overtaken>(&Codec::json()).unwrap();
    let faster = FIRST.take().unwrap();
    assert!(Arc::ptr_eq(&slower, &faster));
}

#[test]
fn the_encoded_value_of_an_object_encodes_once() {
    let value = Value::new(Counted(7)).encoded(&Codec::json()).unwrap();
    for _ in 0..3 {
        assert_eq!(value.payload(&Codec::json()).unwrap().bytes, &b"7"[..]);
        assert_eq!(value.encoded_len(), Some(1));
    }
    assert_eq!(ENCODED.get(), 1);
}

#[test]
fn encoding_an_encoded_value_changes_nothing() {
    let value = Value::new(Counted(7))
        .encoded(&Codec::json())
        .unwrap()
        .encoded(&Codec::json())
        .unwrap();
    assert_eq!(value.encoded_len(), Some(1));
    assert_eq!(ENCODED.get(), 1);
}

#[test]
fn the_encoded_value_of_an_object_keeps_the_object() {
    let object = Arc::new(Counted(7));
    let value = Value::shared(Arc::clone(&object))
        .encoded(&Codec::json())
        .unwrap();
    let read = value.read::<Counted>(&Codec::json()).unwrap();
    assert!(Arc::ptr_eq(&object, &read));
    assert_eq!(DECODED.get(), 0);
}

#[test]
fn an_object_has_no_encoded_length_and_is_not_encoded_to_learn_it() {
    assert_eq!(Value::new(Counted(7)).encoded_len(), None);
    assert_eq!(ENCODED.get(), 0);
}

#[test]
fn an_object_reads_as_another_type_through_its_bytes() {
    let read = Value::new(ada())
        .read::<BTreeMap<String, serde_json::Value>>(&Codec::json())
        .unwrap();
    assert_eq!(read["name"], "Ada");
}

#[test]
fn bytes_read_as_another_type_that_fits() {
    let value = json::<User>(br#"{"id":7,"name":"Ada"}"#);
    assert_eq!(
        value
            .read::<BTreeMap<String, serde_json::Value>>(&Codec::json())
            .unwrap()["id"],
        7
    );
}

#[test]
fn a_value_that_was_read_as_another_type_still_reads_as_its_own() {
    let value = json::<User>(br#"{"id":7,"name":"Ada"}"#);
    value.clone().read::<serde_json::Value>(&Codec::json()).unwrap();
    assert_eq!(*value.read::<User>(&Codec::json()).unwrap(), ada());
}

#[test]
fn a_read_that_failed_does_not_fail_the_next() {
    let value = json::<User>(br#"{"id":7,"name":"Ada"}"#);
    value.clone().read::<u32>(&Codec::json()).unwrap_err();
    assert_eq!(*value.read::<User>(&Codec::json()).unwrap(), ada());
}

/// A memory cache and a server must give one answer, and the server only has bytes.
#[test]
fn an_object_and_its_bytes_do_not_read_as_a_type_that_does_not_fit() {
    let object = Value::new(ada());
    let encoded = Value::from_payload(object.payload(&Codec::json()).unwrap());
    for value in [object, encoded] {
        assert_eq!(
            value.read::<u32>(&Codec::json()).unwrap_err().kind(),
            ErrorKind::TypeMismatch
        );
    }
}

/// An object knows the type that it was stored as; bytes only know that it was another one.
#[test]
fn a_value_of_another_type_says_which_was_asked_for_and_what_to_do() {
    let object = Value::new(ada());
    let encoded = Value::from_payload(object.payload(&Codec::json()).unwrap());
    let stored_as = format!("the value was stored as {}", type_name::<User>());
    for (value, stored) in [
        (object, stored_as.as_str()),
        (encoded, "was stored from another type"),
    ] {
        let message = value.read::<u32>(&Codec::json()).unwrap_err().to_string();
        assert!(message.contains(stored), "{message}");
        let to_do = "does not read as u32; ask for the stored type";
        assert!(message.contains(to_do), "{message}");
    }
}

#[test]
fn broken_bytes_of_the_right_type_are_a_decode_error() {
    let error = json::<User>(br#"{"id":7,"na"#)
        .read::<User>(&Codec::json())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
}

#[test]
fn an_object_that_refuses_to_encode_is_an_encode_error() {
    let keyed_by_pairs = BTreeMap::from([((1, 2), 3)]);
    let error = Value::new(keyed_by_pairs).payload(&Codec::json()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Encode);
}

#[test]
fn a_weigher_sees_the_object_in_either_form() {
    let object = Value::new(ada());
    assert_eq!(object.downcast_ref(), Some(&ada()));
    assert_eq!(
        object.encoded(&Codec::json()).unwrap().downcast_ref(),
        Some(&ada())
    );
}

#[test]
fn a_weigher_does_not_decode() {
    assert_eq!(json::<Counted>(b"7").downcast_ref::<Counted>(), None);
    assert_eq!(DECODED.get(), 0);
}

#[test]
fn debug_never_prints_the_content() {
    let object = Value::new("hunter2".to_owned());
    let encoded = object.clone().encoded(&Codec::json()).unwrap();
    let read = json::<String>(br#""hunter2""#);
    read.clone().read::<String>(&Codec::json()).unwrap();
    for value in [object, encoded, read] {
        let entry = Entry::new(value.clone(), Timestamp::from_millis(0));
        let printed = format!("{value:?} {value:#?} {entry:?}");
        assert!(!printed.contains("hunter2"), "{printed}");
    }
}
