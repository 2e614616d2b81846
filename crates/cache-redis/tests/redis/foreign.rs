//! Values that this library did not store, or not for this key: other programs', other versions', damaged ones.

use std::collections::BTreeMap;
use std::time::Duration;

use cache_core::{Cache, ErrorKind, Expiration, LoadContext, LoadOptions, Loaded, RejectReason};
use cache_redis::RedisBuilder;
use cache_testkit::servers::{RedisServer, Reply};

use crate::support::{namespace, patient};

/// A cache, and its keys as they are on the server.
struct Stage {
    server: &'static RedisServer,
    namespace: String,
    cache: Cache,
}

impl Stage {
    fn new(configure: fn(RedisBuilder) -> RedisBuilder) -> Self {
        let (server, namespace) = (RedisServer::shared(), namespace());
        let builder = patient().url(server.url()).namespace(&namespace);
        let backend = configure(builder).build().unwrap();
        Self {
            server,
            namespace,
            cache: Cache::builder(backend).build().unwrap(),
        }
    }

    /// Stores bytes as another program does.
    fn plant(&self, key: &str, bytes: &[u8]) {
        let key = format!("{}:{key}", self.namespace);
        self.server.command([b"SET", key.as_bytes(), bytes]);
    }

    fn stored(&self, key: &str) -> Vec<u8> {
        match self.server.command(["GET", &format!("{}:{key}", self.namespace)]) {
            Reply::Bytes(bytes) => bytes,
            other => panic!("{key}: {other:?}"),
        }
    }

    fn rejected(&self, reason: RejectReason) -> u64 {
        self.cache.stats().rejected.unwrap().get(reason)
    }

    /// Counts connections that were made: one for reads, one for writes, and replacements.
    fn connects(&self) -> u64 {
        self.cache.stats().connections.unwrap().connects
    }

    /// Changes what is stored for a key.
    fn damage(&self, key: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = self.stored(key);
        change(&mut bytes);
        self.plant(key, &bytes);
    }
}

#[tokio::test]
async fn json_of_another_program_is_read() {
    let stage = Stage::new(|builder| builder);
    stage.plant("user", br#"{"name": "Ada", "age": 36}"#);
    let found: Option<BTreeMap<String, serde_json::Value>> = stage.cache.get("user").await.unwrap();
    assert_eq!(found.unwrap()["name"], "Ada");
    assert!(stage.cache.exists("user").await.unwrap());
    assert!(stage.cache.delete("user").await.unwrap());
}

#[tokio::test]
async fn people_see_json_behind_the_header() {
    let stage = Stage::new(|builder| builder);
    stage.cache.set("key", "Ada".to_owned()).await.unwrap();
    let stored = stage.stored("key");
    assert_eq!((stored.len(), &stored[72..]), (77, &br#""Ada""#[..]));
}

#[tokio::test]
async fn raw_mode_stores_what_other_programs_read() {
    let stage = Stage::new(|builder| builder.raw(true));
    stage.cache.set("key", "Ada".to_owned()).await.unwrap();
    assert_eq!(stage.stored("key"), br#""Ada""#);
    assert_eq!(stage.cache.get::<String>("key").await.unwrap().unwrap(), "Ada");
    let ttl = stage
        .server
        .command(["PTTL", &format!("{}:key", stage.namespace)])
        .integer();
    assert!((1..=60_000).contains(&ttl), "{ttl}");
}

/// Nobody could tell that it is stale.
#[tokio::test]
async fn raw_mode_never_gives_a_value_beyond_its_ttl() {
    let stage = Stage::new(|builder| builder.raw(true));
    let options = LoadOptions::new()
        .ttl(Duration::from_secs(30))
        .stale_if_error(Duration::from_secs(600));
    let load = || async { Ok::<i64, String>(1) };
    let loaded = stage.cache.get_or_load("key", load).options(&options).await;
    assert_eq!(loaded.unwrap(), 1);
    let ttl = stage
        .server
        .command(["PTTL", &format!("{}:key", stage.namespace)])
        .integer();
    assert!((1..=30_000).contains(&ttl), "{ttl}");
}

/// Without a header no bytes stand for it that could not be a value.
#[tokio::test]
async fn raw_mode_does_not_remember_that_there_is_nothing() {
    let stage = Stage::new(|builder| builder.raw(true));
    for _ in 0..2 {
        let nothing = |_: LoadContext<i64>| async { Ok::<_, String>(Loaded::not_found()) };
        assert_eq!(stage.cache.get_or_load("key", nothing).await.unwrap(), None);
        assert_eq!(stage.cache.get::<i64>("key").await.unwrap(), None);
        assert!(!stage.cache.exists("key").await.unwrap());
    }
}

#[tokio::test]
async fn raw_mode_reads_what_was_stored_with_a_header() {
    let stage = Stage::new(|builder| builder);
    stage.cache.set("key", 42_i64).await.unwrap();
    let builder = patient()
        .url(stage.server.url())
        .namespace(&stage.namespace)
        .raw(true);
    let raw = Cache::builder(builder.build().unwrap()).build().unwrap();
    assert_eq!(raw.get::<i64>("key").await.unwrap(), Some(42));
}

#[tokio::test]
async fn text_that_is_no_json_is_an_error_of_that_key_only() {
    let stage = Stage::new(|builder| builder);
    stage.plant("bad", b"no json");
    stage.cache.set("good", 1_i64).await.unwrap();
    let answers = stage.cache.get_many::<i64>(&["good", "bad"]).await;
    assert_eq!(answers[0].as_ref().unwrap(), &Some(1));
    assert_eq!(answers[1].as_ref().unwrap_err().kind(), ErrorKind::Decode);
}

#[tokio::test]
async fn an_empty_value_of_another_program_is_a_miss() {
    let stage = Stage::new(|builder| builder);
    stage.plant("key", b"");
    assert_eq!(stage.cache.get::<String>("key").await.unwrap(), None);
    assert!(!stage.cache.exists("key").await.unwrap());
}

#[tokio::test]
async fn a_list_is_a_counted_miss_and_can_be_replaced() {
    let stage = Stage::new(|builder| builder);
    stage
        .server
        .command(["RPUSH", &format!("{}:key", stage.namespace), "element"]);
    assert_eq!(stage.cache.get::<i64>("key").await.unwrap(), None);
    assert!(!stage.cache.exists("key").await.unwrap());
    assert_eq!(stage.rejected(RejectReason::WrongType), 2);
    assert_eq!(
        stage.cache.get_many::<i64>(&["key"]).await.remove(0).unwrap(),
        None
    );
    stage.cache.set("key", 1_i64).await.unwrap();
    assert_eq!(stage.cache.get::<i64>("key").await.unwrap(), Some(1));
}

#[tokio::test]
async fn another_version_is_a_counted_miss_and_the_connection_stays() {
    let stage = Stage::new(|builder| builder);
    stage.cache.set("key", 1_i64).await.unwrap();
    stage.damage("key", |bytes| bytes[3] = 2);
    assert_eq!(stage.cache.get::<i64>("key").await.unwrap(), None);
    assert!(!stage.cache.exists("key").await.unwrap());
    assert_eq!(
        (stage.rejected(RejectReason::UnknownVersion), stage.connects()),
        (2, 2)
    );
}

#[tokio::test]
async fn a_damaged_value_is_a_counted_miss_and_the_connection_is_replaced() {
    let stage = Stage::new(|builder| builder);
    stage.cache.set("key", "value".to_owned()).await.unwrap();
    stage.damage("key", |bytes| bytes[75] ^= 1);
    assert_eq!(stage.cache.get::<String>("key").await.unwrap(), None);
    assert_eq!(stage.rejected(RejectReason::WrongChecksum), 1);
    stage.damage("key", |bytes| bytes.truncate(74));
    assert_eq!(stage.cache.get::<String>("key").await.unwrap(), None);
    assert_eq!(
        (stage.rejected(RejectReason::WrongLength), stage.connects()),
        (1, 3)
    );
}

#[tokio::test]
async fn the_value_of_another_key_is_a_counted_miss_and_the_connection_is_replaced_once() {
    let stage = Stage::new(|builder| builder);
    stage.cache.set("theirs", "theirs".to_owned()).await.unwrap();
    stage.plant("ours", &stage.stored("theirs"));
    let many = stage.cache.get_many::<String>(&["ours", "theirs"]).await;
    let many: Vec<_> = many.into_iter().map(Result::unwrap).collect();
    assert_eq!(many, [None, Some("theirs".to_owned())]);
    assert_eq!(stage.cache.get::<String>("ours").await.unwrap(), None);
    assert!(!stage.cache.exists("ours").await.unwrap());
    assert_eq!((stage.rejected(RejectReason::WrongKey), stage.connects()), (3, 3));
}

/// The server has it so: no other connection brings another value.
#[tokio::test]
async fn a_bad_value_that_is_read_again_and_again_costs_one_connection() {
    let stage = Stage::new(|builder| builder);
    stage.cache.set("theirs", "theirs".to_owned()).await.unwrap();
    stage.plant("ours", &stage.stored("theirs"));
    for _ in 0..1_000 {
        assert_eq!(stage.cache.get::<String>("ours").await.unwrap(), None);
    }
    assert!(stage.connects() <= 3, "{}", stage.connects());
    assert_eq!(stage.rejected(RejectReason::WrongKey), 1_000);
}

/// Nothing else tells a value of raw mode from a header.
#[tokio::test]
async fn raw_mode_reads_back_bytes_that_begin_like_a_header() {
    use cache_core::codec::CodecId;
    use cache_core::{CacheBackend, Entry, Key, Payload, TypeFingerprint, Value};

    let backend = patient()
        .url(RedisServer::shared().url())
        .raw(true)
        .build()
        .unwrap();
    let payload = Payload {
        bytes: b"\xC1GC and more".as_slice().into(),
        codec: CodecId::PLAIN,
        type_fingerprint: TypeFingerprint::UNKNOWN,
    };
    let entry = Entry::new(Value::from_payload(payload), backend.clock().now());
    let key = Key::new("key").unwrap();
    backend.set(key, entry).await.unwrap();
    let found = backend.get(key).await.unwrap().unwrap();
    let codec = cache_core::Codec::default();
    assert_eq!(
        found.value().payload(&codec).unwrap().bytes,
        b"\xC1GC and more".as_slice()
    );
}

/// Whatever stands there: a miss or an error, never a panic, and the key can be written again.
#[tokio::test]
async fn hostile_values_are_a_miss_or_an_error() {
    let stage = Stage::new(|builder| builder);
    stage.cache.set("key", vec![1_u64, 2, 3]).await.unwrap();
    let sealed = stage.stored("key");
    let deep = "[".repeat(500_000);
    let mut long = sealed.clone();
    long[36..40].copy_from_slice(&u32::MAX.to_le_bytes());
    let mut wide = sealed.clone();
    wide[6..8].copy_from_slice(&u16::MAX.to_le_bytes());
    let mut flagged = sealed.clone();
    flagged[5] = 1;
    for bytes in [
        &sealed[..71],
        &sealed[..3],
        &long,
        &wide,
        &flagged,
        deep.as_bytes(),
        &[0xC1; 100],
        b"\xC1GC",
    ] {
        stage.plant("key", bytes);
        let found = stage.cache.get::<Vec<u64>>("key").await;
        assert!(found.as_ref().is_ok_and(Option::is_none) || found.is_err_and(|error| error.is_decode()));
        stage.cache.exists("key").await.unwrap();
    }
    stage.cache.set("key", vec![4_u64]).await.unwrap();
    assert_eq!(stage.cache.get::<Vec<u64>>("key").await.unwrap().unwrap(), [4]);
}

#[tokio::test]
async fn the_life_that_is_sent_is_that_of_the_entry() {
    let stage = Stage::new(|builder| builder);
    let ttl = |key: &str| {
        stage
            .server
            .command(["PTTL", &format!("{}:{key}", stage.namespace)])
            .integer()
    };
    let second = Duration::from_secs(1);
    stage.cache.set("short", 1).ttl(second).await.unwrap();
    stage
        .cache
        .set("endless", 1)
        .expiration(Expiration::Never)
        .await
        .unwrap();
    assert!((1..=1_000).contains(&ttl("short")), "{}", ttl("short"));
    assert_eq!(ttl("endless"), -1);
    stage
        .cache
        .set("short", 1)
        .expiration(Expiration::Never)
        .await
        .unwrap();
    assert_eq!(ttl("short"), -1);
}

/// The one test that waits for the server itself to end a life.
#[tokio::test]
async fn the_server_ends_lives_by_itself() {
    let stage = Stage::new(|builder| builder);
    stage
        .cache
        .set("key", 1)
        .ttl(Duration::from_millis(30))
        .await
        .unwrap();
    assert!(stage.cache.exists("key").await.unwrap());
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert_eq!(
        stage.server.command(["GET", &format!("{}:key", stage.namespace)]),
        Reply::Nil
    );
    assert!(!stage.cache.delete("key").await.unwrap());
}
