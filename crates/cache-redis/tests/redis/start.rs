//! The verified start: it names the cause.

use std::time::{Duration, Instant};

use cache_core::{Cache, CacheBackend, CacheError, ErrorKind};
use cache_redis::{RedisBuilder, Tls};
use cache_testkit::proxy::SilentAddress;
use cache_testkit::servers::{RedisCluster, RedisSentinel, RedisServer};

use crate::peer::Peer;
use crate::support::{PASSWORD, USER, namespace, patient, secured};

async fn failure(builder: RedisBuilder) -> CacheError {
    builder.connect().await.unwrap_err()
}

#[tokio::test]
async fn every_kind_of_server_starts() {
    let tls = Tls::new().ca_file(&secured().certificates().ca);
    for builder in [
        patient().url(RedisServer::shared().url()),
        patient().url(RedisServer::shared().unix_url()),
        patient().port(RedisServer::shared().port()).db(3),
        patient()
            .url(secured().url())
            .tls(tls)
            .user(USER)
            .password(PASSWORD),
        patient().cluster(RedisCluster::shared().urls()),
        patient().sentinel(RedisSentinel::SERVICE, RedisSentinel::shared().urls()),
    ] {
        builder.connect().await.unwrap().ping().await.unwrap();
    }
}

#[tokio::test]
async fn every_kind_of_server_speaks_the_newer_protocol() {
    let tls = Tls::new().ca_file(&secured().certificates().ca);
    for builder in [
        patient().url(secured().url()).tls(tls).password("of-the-admin"),
        patient().cluster(RedisCluster::shared().urls()),
        patient().sentinel(RedisSentinel::SERVICE, RedisSentinel::shared().urls()),
    ] {
        let backend = builder.resp3(true).connect().await.unwrap();
        let cache = Cache::builder(backend).build().unwrap();
        cache.set("key", 1_i64).await.unwrap();
        assert_eq!(cache.get::<i64>("key").await.unwrap(), Some(1));
        let many = cache.get_many::<i64>(&["key", "none"]).await;
        assert!(matches!(many[..], [Ok(Some(1)), Ok(None)]), "{many:?}");
        cache.clear().await.unwrap();
        assert!(!cache.exists("key").await.unwrap());
    }
}

/// Servers before Redis 6, proxies, and servers where the command was renamed say so in different words, and quote what they
/// were sent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_the_newer_protocol_says_what_to_change() {
    for says in [
        "ERR unknown command 'HELLO'",
        "ERR unknown command `HELLO`, with args beginning with: `3`, `AUTH`, `user`, `canary`, ",
        "ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'user' 'canary' ",
        "NOPROTO unsupported protocol version",
    ] {
        let peer = Peer::start(move |_, words| match words[0].as_str() {
            "HELLO" => format!("-{says}\r\n"),
            _ => "+PONG\r\n".to_owned(),
        });
        let builder = || patient().user("user").password("canary").resp3(true);
        let error = failure(builder().port(peer.port)).await;
        assert!(error.to_string().ends_with("leave resp3 off"), "{says}: {error}");
        assert!(
            !error.is_transient() && !format!("{error:?}").contains("canary"),
            "{error:?}"
        );
        let error = failure(builder().cluster([format!("127.0.0.1:{}", peer.port)])).await;
        assert!(error.to_string().ends_with("leave resp3 off"), "{says}: {error}");
        assert!(
            !error.is_transient() && !format!("{error:?}").contains("canary"),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn nobody_listens() {
    let error = failure(patient().port(1)).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("refused"), "{cause}");
}

#[tokio::test]
async fn a_host_that_does_not_answer_is_given_up_in_time() {
    let silence = SilentAddress::new().await;
    let url = format!("redis://{}", silence.address());
    let start = Instant::now();
    let limit = Duration::from_millis(200);
    let error = failure(patient().url(url).connect_timeout(limit).read_budget(limit)).await;
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

#[tokio::test]
async fn wrong_credentials_are_denied() {
    let server = RedisServer::builder().password("right").start();
    for builder in [
        patient().url(server.url()),
        patient().url(server.url()).password("wrong"),
        patient().url(server.url()).user("nobody").password("right"),
        patient().url(server.url()).password("wrong").resp3(true),
    ] {
        let error = failure(builder).await;
        assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
        assert!(!error.is_transient());
    }
}

#[tokio::test]
async fn a_user_without_rights_is_denied_what_it_may_not_do() {
    let server = RedisServer::builder()
        .user("reader on >pass ~* -@all +ping +get")
        .start();
    let backend = patient()
        .url(server.url())
        .user("reader")
        .password("pass")
        .connect()
        .await
        .unwrap();
    let cache = cache_core::Cache::builder(backend).build().unwrap();
    assert_eq!(cache.get::<i64>("key").await.unwrap(), None);
    let error = cache.set("key", 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.to_string().contains("docs/redis.md"), "{error}");
    // The server answers, so the breaker stays closed.
    for _ in 0..20 {
        assert_eq!(cache.set("key", 1).await.unwrap_err().kind(), ErrorKind::Denied);
    }
    assert!(!cache.stats().connections.unwrap().breaker_open);
}

#[tokio::test]
async fn an_authority_that_did_not_sign_is_refused() {
    let certificates = secured().certificates();
    let tls = Tls::new().ca_file(&certificates.other_ca);
    let error = failure(patient().url(secured().url()).tls(tls)).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("certificate"), "{cause}");
}

#[tokio::test]
async fn a_host_name_that_the_certificate_does_not_have_is_refused() {
    let server = RedisServer::builder().tls_for("elsewhere.example").start();
    let tls = Tls::new().ca_file(&server.certificates().ca);
    let error = failure(patient().url(server.url()).tls(tls)).await;
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("certificate"), "{cause}");
}

#[tokio::test]
async fn a_server_that_asks_for_a_certificate_gets_one() {
    let server = RedisServer::builder().tls_with_client_certificates().start();
    let files = server.certificates();
    let tls = Tls::new().ca_file(&files.ca);
    failure(patient().url(server.url()).tls(tls.clone())).await;
    let tls = tls.client_certificate(&files.client, &files.client_key);
    patient().url(server.url()).tls(tls).connect().await.unwrap();
}

#[tokio::test]
async fn a_database_that_is_not_there_is_named() {
    let error = failure(patient().url(RedisServer::shared().url()).db(99)).await;
    assert!(
        error
            .to_string()
            .contains("the server has no database of this number; check db"),
        "{error}"
    );
}

#[tokio::test]
async fn a_master_that_no_sentinel_knows_is_named() {
    let error = failure(patient().sentinel("unknown", RedisSentinel::shared().urls())).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("Sentinel"), "{error}");
}

#[tokio::test]
async fn a_node_of_a_cluster_taken_for_a_single_server_says_so() {
    let url = RedisCluster::shared().urls().remove(0);
    let backend = patient().url(url).namespace(namespace()).connect().await.unwrap();
    let cache = cache_core::Cache::builder(backend).build().unwrap();
    let mut told = false;
    for n in 0..20 {
        if let Err(error) = cache.get::<i64>(&format!("key {n}")).await {
            told |= error.to_string().contains("set cluster");
        }
    }
    assert!(told);
}
