//! The Redis clients that are compared, each used as its documentation shows.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a benchmark ends when a server does not answer"
)]

use std::future::Future;
use std::sync::Arc;

use bb8_redis::RedisConnectionManager;
use bytes::Bytes;
use cache_core::codec::CodecId;
use cache_core::{CacheBackend, Entry, Key, Payload, TypeFingerprint, Value};
use cache_redis::RedisBackend;
use deadpool_redis::redis::aio::{ConnectionLike, ConnectionManager, MultiplexedConnection};
use deadpool_redis::redis::io::tcp::TcpSettings;
use deadpool_redis::redis::{self, Client as RedisClient};
use fred::prelude::{ClientLike, KeysInterface};

use crate::ours::HOUR;

/// A client that reads and writes bytes.
pub trait Client: Clone + Send + Sync + 'static {
    /// Reads a value and returns its length.
    fn get(&self, key: &str) -> impl Future<Output = usize> + Send;
    /// Stores a value.
    fn set(&self, key: &str, value: &Bytes) -> impl Future<Output = ()> + Send;
}

async fn read(connection: &mut (impl ConnectionLike + Send), key: &str) -> usize {
    let value: Option<Bytes> = redis::cmd("GET")
        .arg(key)
        .query_async(connection)
        .await
        .expect("the server answers");
    value.map_or(0, |value| value.len())
}

async fn write(connection: &mut (impl ConnectionLike + Send), key: &str, value: &Bytes) {
    let () = redis::cmd("SET")
        .arg(key)
        .arg(&value[..])
        .arg("PX")
        .arg(3_600_000)
        .query_async(connection)
        .await
        .expect("the server answers");
}

/// This project's backend, through `dyn` as caches hold it.
#[derive(Clone, Debug)]
pub struct Ours(pub Arc<dyn CacheBackend>);

impl Ours {
    /// Connects.
    pub async fn connect(url: &str) -> Self {
        let builder = RedisBackend::builder().url(url).namespace("ours");
        Self(Arc::new(builder.connect().await.expect("the server answers")))
    }
}

impl Client for Ours {
    async fn get(&self, key: &str) -> usize {
        let entry = self.0.get(Key::new(key).expect("keys are not empty")).await;
        let entry = entry.expect("the server answers");
        entry
            .and_then(|entry| entry.value().encoded_len())
            .unwrap_or_default()
    }

    async fn set(&self, key: &str, value: &Bytes) {
        let now = self.0.clock().now();
        let payload = Payload {
            bytes: value.clone(),
            codec: CodecId(200),
            type_fingerprint: TypeFingerprint::UNKNOWN,
        };
        let end = now + HOUR;
        let entry = Entry::new(Value::from_payload(payload), now).with_expires_at(end);
        let key = Key::new(key).expect("keys are not empty");
        self.0.set(key, entry).await.expect("the server answers");
    }
}

/// One multiplexed connection of redis-rs, cloned for each call.
#[derive(Clone, Debug)]
pub struct Raw(MultiplexedConnection);

impl Raw {
    /// Connects.
    pub async fn connect(url: &str) -> Self {
        let client = RedisClient::open(url).expect("the URL is right");
        let connection = client.get_multiplexed_async_connection().await;
        Self(connection.expect("the server answers"))
    }

    /// Connects with `TCP_NODELAY`, as we do. Without it the kernel collects small requests while others are under way:
    /// more throughput on a loopback, and waits for acknowledgements on a network.
    pub async fn connect_undelayed(url: &str) -> Self {
        let client = RedisClient::open(url).expect("the URL is right");
        let settings = TcpSettings::default().set_nodelay(true);
        let info = client.get_connection_info().clone().set_tcp_settings(settings);
        let client = RedisClient::open(info).expect("the settings are right");
        let connection = client.get_multiplexed_async_connection().await;
        Self(connection.expect("the server answers"))
    }
}

impl Client for Raw {
    async fn get(&self, key: &str) -> usize {
        read(&mut self.0.clone(), key).await
    }

    async fn set(&self, key: &str, value: &Bytes) {
        write(&mut self.0.clone(), key, value).await;
    }
}

/// The connection manager of redis-rs, cloned for each call.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "the client has none")]
pub struct Managed(ConnectionManager);

impl Managed {
    /// Connects.
    pub async fn connect(url: &str) -> Self {
        let client = RedisClient::open(url).expect("the URL is right");
        Self(client.get_connection_manager().await.expect("the server answers"))
    }
}

impl Client for Managed {
    async fn get(&self, key: &str) -> usize {
        read(&mut self.0.clone(), key).await
    }

    async fn set(&self, key: &str, value: &Bytes) {
        write(&mut self.0.clone(), key, value).await;
    }
}

/// The pool of deadpool-redis as it comes.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "the pool prints its password")]
pub struct Deadpool(deadpool_redis::Pool);

impl Deadpool {
    /// Makes a pool of so many connections.
    pub fn new(url: &str, size: usize) -> Self {
        let mut config = deadpool_redis::Config::from_url(url);
        config.pool = Some(deadpool_redis::PoolConfig::new(size));
        let pool = config.create_pool(Some(deadpool_redis::Runtime::Tokio1));
        Self(pool.expect("the URL is right"))
    }
}

impl Client for Deadpool {
    async fn get(&self, key: &str) -> usize {
        read(&mut self.0.get().await.expect("the server answers"), key).await
    }

    async fn set(&self, key: &str, value: &Bytes) {
        write(&mut self.0.get().await.expect("the server answers"), key, value).await;
    }
}

/// The pool of bb8 as it comes.
#[derive(Clone, Debug)]
pub struct Bb8(bb8_redis::bb8::Pool<RedisConnectionManager>);

impl Bb8 {
    /// Makes a pool of so many connections.
    pub async fn connect(url: &str, size: u32) -> Self {
        let manager = RedisConnectionManager::new(url).expect("the URL is right");
        let pool = bb8_redis::bb8::Pool::builder()
            .max_size(size)
            .build(manager)
            .await;
        Self(pool.expect("the server answers"))
    }
}

impl Client for Bb8 {
    async fn get(&self, key: &str) -> usize {
        read(&mut *self.0.get().await.expect("the server answers"), key).await
    }

    async fn set(&self, key: &str, value: &Bytes) {
        write(&mut *self.0.get().await.expect("the server answers"), key, value).await;
    }
}

/// One client of fred.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "the client has none")]
pub struct Fred(fred::clients::Client);

impl Fred {
    /// Connects.
    pub async fn connect(url: &str) -> Self {
        let config = fred::types::config::Config::from_url(url).expect("the URL is right");
        let client = fred::types::Builder::from_config(config)
            .build()
            .expect("the settings are right");
        // The task of the connection runs on by itself.
        drop(client.init().await.expect("the server answers"));
        Self(client)
    }
}

impl Client for Fred {
    async fn get(&self, key: &str) -> usize {
        let value: Option<Bytes> = self.0.get(key).await.expect("the server answers");
        value.map_or(0, |value| value.len())
    }

    async fn set(&self, key: &str, value: &Bytes) {
        let end = fred::types::Expiration::PX(3_600_000);
        let stored = self.0.set(key, value.clone(), Some(end), None, false).await;
        let () = stored.expect("the server answers");
    }
}
