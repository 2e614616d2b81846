//! What a clear removes, and what it must not touch.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cache_core::{Cache, CacheBackend, ErrorKind};
use cache_redis::{RedisBuilder, Tls};
use cache_testkit::servers::{RedisCluster, RedisServer};

use crate::peer::{Peer, string};
use crate::support::{PASSWORD, USER, namespace, patient, secured};

fn cache(builder: RedisBuilder) -> Cache {
    Cache::builder(builder.build().unwrap()).build().unwrap()
}

async fn fill(cache: &Cache, count: usize) {
    let keys: Vec<_> = (0..count).map(|n| format!("key {n}")).collect();
    let stored = cache.set_many(keys.iter().map(|key| (key.as_str(), 1_i64))).await;
    assert!(stored.into_iter().all(|answer| answer.is_ok()));
}

/// Counts the keys on all primaries that begin so.
fn count(servers: &[&RedisServer], prefix: &str) -> usize {
    let keys = |server: &&RedisServer| server.command(["KEYS", &format!("{prefix}*")]).items().len();
    servers.iter().map(keys).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_keys_over_a_cluster_go_and_foreign_ones_stay() {
    let cluster = RedisCluster::shared();
    let (ours, theirs) = (namespace(), namespace());
    let builder = || patient().cluster(cluster.urls());
    let (cache, neighbour) = (
        cache(builder().namespace(&ours)),
        cache(builder().namespace(&theirs)),
    );
    fill(&cache, 10_000).await;
    fill(&neighbour, 500).await;
    let primaries = cluster.primaries();
    let each: Vec<_> = primaries
        .iter()
        .map(|server| count(&[server], &format!("{ours}:")))
        .collect();
    assert!(each.iter().all(|keys| *keys > 2_000), "they are spread: {each:?}");
    cache.clear().await.unwrap();
    assert_eq!(count(&primaries, &format!("{ours}:")), 0);
    assert_eq!(count(&primaries, &format!("{theirs}:")), 500);
}

/// A name with characters that mean something in a pattern matches itself only.
#[tokio::test]
async fn glob_characters_in_a_namespace_match_only_themselves() {
    let server = RedisServer::shared();
    let base = namespace();
    for (name, look_alike) in [
        ("*", "abc"),
        ("?", "a"),
        ("[ab]", "a"),
        ("[^x]", "a"),
        ("a-z", "b"),
        (r"\*", "*"),
        (r"a\", "a"),
        ("é*", "éa"),
    ] {
        let (ours, theirs) = (format!("{base}{name}"), format!("{base}{look_alike}"));
        let builder = || patient().url(server.url());
        let (cache, neighbour) = (
            cache(builder().namespace(&ours)),
            cache(builder().namespace(&theirs)),
        );
        fill(&cache, 10).await;
        fill(&neighbour, 10).await;
        cache.clear().await.unwrap();
        assert!(!cache.exists("key 1").await.unwrap(), "{name}");
        assert!(
            neighbour.exists("key 1").await.unwrap(),
            "{name} has removed {look_alike}"
        );
        neighbour.clear().await.unwrap();
    }
}

/// A user who may only touch one prefix clears a cache below it. A key beside it is as it was.
#[tokio::test]
async fn a_confined_user_clears_its_own_and_leaves_a_foreign_key() {
    let server = secured();
    server.command(["SET", "foreign", "untouched"]);
    let tls = Tls::new().ca_file(&server.certificates().ca);
    let builder = patient().url(server.url()).tls(tls).user(USER).password(PASSWORD);
    let cache = cache(builder);
    fill(&cache, 2_000).await;
    cache.clear().await.unwrap();
    assert!(!cache.exists("key 1").await.unwrap());
    assert_eq!(server.command(["GET", "foreign"]).text(), "untouched");
}

#[tokio::test]
async fn a_closed_backend_ends_a_clear_that_runs() {
    let server = RedisServer::shared();
    let backend = Arc::new(patient().url(server.url()).build().unwrap());
    let cache = Cache::builder(Arc::clone(&backend)).build().unwrap();
    fill(&cache, 5_000).await;
    let clearing = tokio::spawn({
        let cache = cache.clone();
        async move { cache.clear().await }
    });
    tokio::task::yield_now().await;
    backend.close().await.unwrap();
    // It may have been done before; it must not go on for long and must not panic.
    drop(clearing.await.unwrap());
    assert!(cache.clear().await.is_err());
}

/// The namespace of a cache whose peer is no server.
const OURS: &str = "ours";

/// What a node of a Cluster, or the only server, says that scans so and answers a removal so.
fn scanned(keys: &[&str], removed: &'static str) -> Peer {
    let page = page(keys);
    Peer::start(move |port, words| said(port, words, &page, removed))
}

/// The last page of a scan.
fn page(keys: &[&str]) -> String {
    let keys: String = keys.iter().map(|key| string(key)).collect();
    format!("*2\r\n{}*{}\r\n{keys}", string("0"), keys.matches('$').count())
}

fn said(port: u16, words: &[String], page: &str, removed: &str) -> String {
    match (words[0].as_str(), words.get(1)) {
        ("SCAN", _) => page.to_owned(),
        ("UNLINK", _) => removed.to_owned(),
        ("CLUSTER", Some(what)) if what == "SLOTS" => {
            let node = format!("*3\r\n{}:{port}\r\n{}", string("127.0.0.1"), string("one"));
            format!("*1\r\n*3\r\n:0\r\n:16383\r\n{node}")
        }
        ("CLUSTER", _) => string(&format!(
            "one 127.0.0.1:{port}@1 myself,master - 0 0 1 connected 0-16383"
        )),
        ("PING", _) => "+PONG\r\n".to_owned(),
        _ => "+OK\r\n".to_owned(),
    }
}

/// It is not to be connected to any more when it has been scanned.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clear_without_time_for_another_pass_names_the_nodes_of_the_first() {
    let (page, scanned) = (page(&["theirs"]), AtomicBool::new(false));
    let peer = Peer::start(move |port, words| {
        scanned.fetch_or(words[0] == "SCAN", Ordering::Relaxed);
        if words[0] != "SCAN" && scanned.load(Ordering::Relaxed) {
            return String::new();
        }
        said(port, words, &page, ":1\r\n")
    });
    let node = format!("127.0.0.1:{}", peer.port);
    let builder = patient().namespace(OURS).cluster([node.clone()]);
    let cache = cache(builder.clear_budget(Duration::from_secs(1)));
    let error = cache.clear().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(
        error.to_string().contains(&format!("not cleared: {node}")),
        "{error}"
    );
}

/// Returns caches on such a peer, which takes them for what it is.
fn caches_on(peer: &Peer) -> [Cache; 2] {
    let builder = || patient().namespace(OURS);
    let node = format!("127.0.0.1:{}", peer.port);
    [cache(builder().port(peer.port)), cache(builder().cluster([node]))]
}

/// A bit that flips in the reply to a scan makes another name, and not all servers need have the same notion of patterns.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_scan_names_of_others_is_not_removed_nor_is_what_it_names_with_it() {
    for foreign in ["ourt:1", "our", "ours", "theirs:ours:1", ""] {
        let peer = scanned(&["ours:1", foreign, "ours:2"], ":1\r\n");
        for cache in caches_on(&peer) {
            let error = cache.clear().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{foreign}: {error}");
            // The next connection is asked once more.
            assert_eq!(cache.stats().connections.unwrap().connects, 2, "{foreign}");
            assert_eq!(cache.stats().connections.unwrap().open, 0, "{foreign}");
        }
        assert!(peer.heard("SCAN").len() >= 4);
        assert_eq!(peer.heard("UNLINK"), Vec::<Vec<String>>::new(), "{foreign}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_scan_names_of_the_cache_is_removed_by_its_name() {
    let peer = scanned(&["ours:1", "ours:2"], ":1\r\n");
    for cache in caches_on(&peer) {
        cache.clear().await.unwrap();
    }
    let mut removed: Vec<_> = peer.heard("UNLINK").into_iter().flatten().collect();
    removed.retain(|word| word != "UNLINK");
    assert_eq!(removed, ["ours:1", "ours:2", "ours:1", "ours:2"]);
}

/// A reply that is none to a removal is one to something else, so nobody knows what was removed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clear_whose_removals_are_answered_by_something_else_fails() {
    for other in ["+OK\r\n", ":2\r\n", "$-1\r\n", "$1\r\n1\r\n"] {
        let peer = scanned(&["ours:1"], other);
        for cache in caches_on(&peer) {
            let error = cache.clear().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{other}: {error}");
            assert_eq!(cache.stats().connections.unwrap().open, 0, "{other}");
        }
    }
}
