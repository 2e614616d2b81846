//! The codec by a word, on both backends.

use cache_core::{ErrorKind, Value};
use cache_testkit::servers::RedisServer;
use serde::{Deserialize, Serialize};

use crate::support::{PATIENT, build, draft, errors, factory};

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct User {
    name: String,
}

/// Reads as a user does, if the codec names fields.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Named {
    name: String,
    #[serde(default)]
    age: u8,
}

fn ada() -> User {
    User {
        name: "Ada".to_owned(),
    }
}

const CODECS: [(&str, &[u8]); 3] = [
    ("json", b"{\"name\":\"Ada\"}"),
    ("postcard", b"\x03Ada"),
    ("messagepack", b"\x81\xa4name\xa3Ada"),
];

#[tokio::test]
async fn a_server_holds_what_the_codec_wrote_and_gives_it_back() {
    let server = RedisServer::builder().start();
    for (codec, written) in CODECS {
        let text = format!(
            "caches.{codec} = {{ backend = 'redis', codec = '{codec}', redis = {{ address = '{}', raw = true, {PATIENT} }} }}",
            server.address()
        );
        let users = build(&text).get(codec).unwrap();
        users.set("ada", ada()).await.unwrap();
        let stored = server.command(["GET", &format!("{codec}:ada")]);
        assert_eq!(stored.into_bytes(), written, "{codec}");
        assert_eq!(users.get::<User>("ada").await.unwrap(), Some(ada()), "{codec}");
    }
}

#[tokio::test]
async fn in_memory_another_type_is_read_through_the_codec() {
    for (codec, reads_named) in [("json", true), ("messagepack", true), ("postcard", false)] {
        let users = build(&format!(
            "caches.users = {{ backend = 'memory', codec = '{codec}' }}"
        ))
        .get("users")
        .unwrap();
        users.set("ada", ada()).await.unwrap();
        assert_eq!(users.get::<User>("ada").await.unwrap(), Some(ada()), "{codec}");
        match users.get::<Named>("ada").await {
            Ok(Some(named)) => assert!(reads_named && named.name == "Ada", "{codec}"),
            other => {
                let kind = other.unwrap_err().kind();
                assert!(!reads_named && kind == ErrorKind::TypeMismatch, "{codec}: {kind}");
            }
        }
    }
}

#[tokio::test]
async fn a_limit_by_bytes_counts_what_the_codec_writes() {
    for (codec, written) in CODECS {
        let text =
            format!("caches.users = {{ backend = 'memory', codec = '{codec}', memory.max_bytes = '1KiB' }}");
        let users = build(&text).get("users").unwrap();
        users.set("ada", ada()).await.unwrap();
        assert_eq!(users.stats().weight, Some(3 + written.len() as u64), "{codec}");
    }
}

#[tokio::test]
async fn a_backend_of_the_programs_own_is_told_the_codec() {
    let factory = factory()
        .register("own", |context, _: cache_factory::NoOptions| {
            let payload = Value::new(ada());
            let written = payload.payload(&context.codec())?.bytes.to_vec();
            assert_eq!(written, CODECS[1].1);
            cache_memory::MemoryBackend::builder().build()
        })
        .unwrap();
    let config = factory
        .read(&draft("caches.users = { backend = 'own', codec = 'postcard' }"))
        .unwrap();
    factory.build(&config).unwrap();
}

#[test]
fn a_word_that_is_no_codec_lists_what_there_is() {
    let told = errors("caches.users = { backend = 'memory', codec = 'protobuf' }");
    assert_eq!(
        told,
        ["caches.users.codec: \"protobuf\" is not known; there are `json`, `postcard`, `messagepack`"]
    );
}

#[tokio::test]
async fn values_above_the_usual_limit_pass_where_the_server_may_hold_them() {
    let server = RedisServer::builder().start();
    let text = format!(
        "caches.users = {{ backend = 'redis', redis = {{ address = '{}', max_value_len = '80MiB', {PATIENT} }} }}",
        server.address()
    );
    let users = build(&text).get("users").unwrap();
    users.set("long", "x".repeat(65 << 20)).await.unwrap();
    let read: Option<String> = users.get("long").await.unwrap();
    assert_eq!(read.unwrap().len(), 65 << 20);
}
