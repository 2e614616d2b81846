//! A canary: the password is nowhere but on the wire.

use std::error::Error;
use std::fmt::Write as _;
use std::sync::Mutex;

use cache_core::{Cache, CacheBackend, LoadOptions, Loaded};
use cache_redis::{RedisBackend, RedisBuilder};
use cache_testkit::servers::{RedisCluster, RedisSentinel, RedisServer};

use crate::support::{patient, secured};

const CANARY: &str = "canary-4711";

/// Everything that anybody has logged in this process, at every level.
static LOGGED: Mutex<String> = Mutex::new(String::new());

struct Keep;

impl log::Log for Keep {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let _ = writeln!(LOGGED.lock().unwrap(), "{} {}", record.target(), record.args());
    }

    fn flush(&self) {}
}

/// Returns all that an error says, down to its first cause.
fn said(error: &dyn Error) -> String {
    let mut text = String::new();
    let mut level = Some(error);
    while let Some(error) = level {
        let _ = writeln!(text, "{error} {error:?}");
        level = error.source();
    }
    text
}

/// What a loader brings for one of several keys.
type Found = (String, Result<Loaded<String>, String>);

/// Uses a backend in every way, well or not, and returns all that it says.
async fn everything(builder: RedisBuilder) -> String {
    let mut text = format!("{builder:?}");
    if let Err(error) = builder.clone().connect().await {
        text += &said(&error);
    }
    let backend = match builder.build() {
        Ok(backend) => backend,
        Err(error) => return text + &said(&error),
    };
    let _ = write!(text, "{backend:?} {:?}", backend.stats());
    let cache = Cache::builder(backend).tags(true).build().unwrap();
    let _ = write!(text, "{cache:?}");
    let mut errors = Vec::new();
    for _ in 0..10 {
        errors.extend(cache.get::<String>("key").await.err());
        errors.extend(cache.set("key", 1).await.err());
        errors.extend(cache.delete("key").await.err());
        errors.extend(cache.exists("key").await.err());
        errors.extend(
            cache
                .get_many::<String>(&["a", "b"])
                .await
                .into_iter()
                .filter_map(Result::err),
        );
        let stored = cache.set_many([("a", 1), ("b", 2)]).await;
        errors.extend(stored.into_iter().filter_map(Result::err));
        let deleted = cache.delete_many(&["a", "b"]).await;
        errors.extend(deleted.into_iter().filter_map(Result::err));
        errors.extend(cache.set("tagged", 1).tags(&["tag"]).await.err());
        errors.extend(cache.invalidate_tag("tag").await.err());
        let strict = LoadOptions::new().strict(true);
        let load = || async { Ok::<_, String>("loaded".to_owned()) };
        errors.extend(cache.get_or_load("key", load).options(&strict).await.err());
        let load_many = |_: Vec<String>| async { Ok::<Vec<Found>, String>(Vec::new()) };
        let call = cache.get_or_load_many::<String, _>(&["a", "b"], load_many);
        errors.extend(call.options(&strict).await.into_iter().filter_map(Result::err));
        errors.extend(cache.clear().await.err());
        errors.extend(cache.ping().await.err());
    }
    for error in errors {
        text += &said(&error);
    }
    let _ = write!(text, "{:?}", cache.stats());
    text
}

/// A server that quotes what it was sent, as old ones do with commands that they do not know.
async fn parrot(words: &'static str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut heard = vec![0; 4_096];
                while let Ok(len @ 1..) = socket.read(&mut heard).await {
                    let heard = String::from_utf8_lossy(&heard[..len]).replace("\r\n", " ");
                    let reply = format!("-{words}, with args beginning with: {heard}\r\n").repeat(8);
                    if socket.write_all(reply.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_password_is_neither_in_errors_nor_in_logs_nor_in_debug() {
    log::set_logger(&Keep).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    let protected = RedisServer::builder().password("another").start();
    let right = RedisServer::builder().password(CANARY).start();
    let with = |place: &str| RedisBackend::builder().url(place.replace("://", &format!("://user:{CANARY}@")));
    let single = patient().read_budget(std::time::Duration::from_millis(500));
    let mut text = String::new();
    for builder in [
        patient().url(right.url()).password(CANARY),
        with(&protected.url()),
        with(&protected.url()).resp3(true),
        with("redis://127.0.0.1:1"),
        with("redis://localhost:port"),
        with("redis://localhost/database"),
        with(&secured().url()),
        single.clone().password(CANARY).cluster(["127.0.0.1:1"]),
        single
            .clone()
            .password(CANARY)
            .cluster(RedisCluster::shared().urls()),
        single
            .clone()
            .cluster([format!("redis://user:{CANARY}@localhost:port")]),
        single.clone().cluster([format!("user:{CANARY}@localhost")]),
        single
            .password(CANARY)
            .sentinel(RedisSentinel::SERVICE, RedisSentinel::shared().urls()),
        RedisBackend::builder()
            .sentinel("main", ["127.0.0.1:1"])
            .sentinel_credentials("user", CANARY),
    ] {
        text += &everything(builder).await;
    }
    for words in [
        "ERR unknown command",
        "ERR unknown command 'HELLO'",
        "WRONGPASS",
        "ECHO",
    ] {
        let parrot = parrot(words).await;
        let asks = || patient().user("user").password(CANARY);
        for builder in [
            with(&format!("redis://{parrot}")),
            asks().cluster([&parrot]),
            asks()
                .sentinel("main", [&parrot])
                .sentinel_credentials("user", CANARY),
        ] {
            text += &everything(builder.clone()).await;
            text += &everything(builder.resp3(true)).await;
        }
    }
    assert!(
        text.len() > 1_000 && text.contains("refuses these credentials"),
        "{text}"
    );
    assert!(!text.contains(CANARY), "{}", around(&text));
    let logged = LOGGED.lock().unwrap();
    // The client library logs that of the nodes of a Cluster: had nobody listened, there were nothing to find.
    assert!(logged.contains("the node refused the connection"), "{logged}");
    assert!(!logged.contains(CANARY), "{}", around(&logged));
}

/// Returns the line that holds the canary.
fn around(text: &str) -> &str {
    text.lines()
        .find(|line| line.contains(CANARY))
        .unwrap_or_default()
}
