//! The commands that a user needs are those of the documentation, and no more.

use std::collections::BTreeSet;
use std::sync::Arc;

use cache_core::{Cache, CacheError, ErrorKind, Operation};
use cache_redis::RedisBuilder;
use cache_testkit::servers::{RedisCluster, RedisSentinel, RedisServer};

use crate::support::{RIGHTS, namespace, patient};

const DOCUMENTATION: &str = include_str!("../../../../docs/redis.md");

/// Makes a user on servers who may do only this below one namespace, and returns the settings for it.
fn confined(servers: &[&RedisServer], rights: &str) -> RedisBuilder {
    let name = namespace();
    for server in servers {
        let rules = format!("on >pass ~{name}:* -@all {rights}");
        let words = ["ACL", "SETUSER", &name].into_iter().chain(rules.split(' '));
        assert_eq!(server.command(words).text(), "OK");
    }
    patient().namespace(&name).user(&name).password("pass")
}

/// Does everything that a cache can.
async fn works(builder: RedisBuilder) {
    let cache = Cache::builder(builder.connect().await.unwrap()).build().unwrap();
    cache.set("key", 1_i64).await.unwrap();
    assert_eq!(cache.get::<i64>("key").await.unwrap(), Some(1));
    assert!(cache.exists("key").await.unwrap());
    assert!(
        cache
            .set_many([("a", 1_i64), ("b", 2)])
            .await
            .iter()
            .all(Result::is_ok)
    );
    assert!(cache.get_many::<i64>(&["a", "b"]).await.iter().all(Result::is_ok));
    assert!(cache.delete("key").await.unwrap());
    assert!(cache.delete_many(&["a"]).await.iter().all(Result::is_ok));
    cache.clear().await.unwrap();
    assert!(!cache.exists("b").await.unwrap());
    cache.ping().await.unwrap();
    cache.close().await.unwrap();
}

#[test]
fn the_documentation_lists_the_rights_of_the_tests() {
    let line = DOCUMENTATION
        .lines()
        .find(|line| line.contains("ACL SETUSER"))
        .unwrap();
    let listed: BTreeSet<_> = line
        .split_whitespace()
        .filter(|word| word.starts_with('+'))
        .collect();
    assert_eq!(listed, RIGHTS.split(' ').collect());
    for further in ["+exists", "+select", "+cluster|slots +cluster|nodes", "+role"] {
        assert!(DOCUMENTATION.contains(&format!("`{further}`")), "{further}");
    }
}

#[tokio::test]
async fn they_suffice_on_a_single_server() {
    let server = RedisServer::shared();
    works(confined(&[server], RIGHTS).url(server.url())).await;
}

/// What is refused to a user who lacks a right. Everything else is not.
const REFUSED: [(&str, &[Operation]); 7] = [
    ("+ping", &[Operation::Ping]),
    ("+get", &[Operation::Get]),
    ("+getrange", &[Operation::Exists]),
    ("+mget", &[Operation::GetMany]),
    ("+set", &[Operation::Set, Operation::SetMany]),
    (
        "+unlink",
        &[
            Operation::Delete,
            Operation::DeleteMany,
            Operation::InvalidateTags,
            Operation::Clear,
        ],
    ),
    ("+scan", &[Operation::Clear]),
];

/// Does everything that a cache can, and returns what was refused. A clear comes last, when there is something to remove.
async fn refused(builder: RedisBuilder) -> Vec<Operation> {
    let backend = Arc::new(builder.build().unwrap());
    let cache = Cache::builder(Arc::clone(&backend)).build().unwrap();
    let tagged = Cache::builder(backend).tags(true).build().unwrap();
    let answers = [
        (Operation::Ping, kinds([cache.ping().await])),
        (Operation::Set, kinds([cache.set("key", 1_i64).await])),
        (
            Operation::SetMany,
            kinds(cache.set_many([("a", 1_i64), ("b", 2)]).await),
        ),
        (Operation::Get, kinds([cache.get::<i64>("key").await])),
        (
            Operation::GetMany,
            kinds(cache.get_many::<i64>(&["a", "b"]).await),
        ),
        (Operation::Exists, kinds([cache.exists("key").await])),
        (Operation::Delete, kinds([cache.delete("key").await])),
        (
            Operation::DeleteMany,
            kinds(cache.delete_many(&["a", "absent"]).await),
        ),
        (
            Operation::InvalidateTags,
            kinds([tagged.invalidate_tag("tag").await]),
        ),
        (Operation::Clear, kinds([cache.clear().await])),
    ];
    let mut refused = Vec::new();
    for (operation, kinds) in answers {
        if kinds.iter().any(Option::is_some) {
            let all = vec![Some(ErrorKind::Denied); kinds.len()];
            assert_eq!(kinds, all, "{operation}");
            refused.push(operation);
        }
    }
    refused
}

fn kinds<T>(answers: impl IntoIterator<Item = Result<T, CacheError>>) -> Vec<Option<ErrorKind>> {
    let kind = |answer: Result<T, CacheError>| answer.err().map(|error| error.kind());
    answers.into_iter().map(kind).collect()
}

#[tokio::test]
async fn each_of_them_is_needed_for_what_the_table_says_and_for_nothing_else() {
    let server = RedisServer::shared();
    assert_eq!(REFUSED.map(|(right, _)| right).join(" "), RIGHTS);
    for (missing, expected) in REFUSED {
        let rights: Vec<_> = RIGHTS.split(' ').filter(|right| *right != missing).collect();
        let builder = confined(&[server], &rights.join(" ")).url(server.url());
        assert_eq!(refused(builder).await, expected, "without {missing}");
    }
}

#[tokio::test]
async fn nobody_connects_who_may_not_ping() {
    let server = RedisServer::shared();
    let rights: Vec<_> = RIGHTS.split(' ').filter(|right| *right != "+ping").collect();
    let builder = confined(&[server], &rights.join(" ")).url(server.url());
    assert_eq!(builder.connect().await.unwrap_err().kind(), ErrorKind::Denied);
}

#[tokio::test]
async fn raw_mode_and_databases_need_one_more_each() {
    let server = RedisServer::shared();
    let with = |right: &str| confined(&[server], &format!("{RIGHTS} {right}")).url(server.url());
    works(with("+exists").raw(true)).await;
    works(with("+select").db(5)).await;
}

/// Everybody may say hello, as everybody may log in.
#[tokio::test]
async fn resp3_needs_no_more() {
    let server = RedisServer::shared();
    works(confined(&[server], RIGHTS).url(server.url()).resp3(true)).await;
}

#[tokio::test]
async fn without_that_one_they_are_refused() {
    let server = RedisServer::shared();
    let without = || confined(&[server], RIGHTS).url(server.url());
    let raw = Cache::builder(without().raw(true).connect().await.unwrap())
        .build()
        .unwrap();
    let error = raw.exists("key").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "+exists");
    assert!(without().db(5).connect().await.is_err(), "+select is not needed");
}

#[tokio::test]
async fn a_cluster_needs_its_slots_and_for_a_clear_its_nodes() {
    let cluster = RedisCluster::shared();
    let nodes: Vec<_> = cluster.nodes().iter().collect();
    let with = |rights: &str| confined(&nodes, &format!("{RIGHTS} {rights}")).cluster(cluster.urls());
    works(with("+cluster|slots +cluster|nodes")).await;
    assert!(
        with("+cluster|nodes").connect().await.is_err(),
        "slots are not needed"
    );
    let cache = Cache::builder(with("+cluster|slots").connect().await.unwrap())
        .build()
        .unwrap();
    assert_eq!(cache.clear().await.unwrap_err().kind(), ErrorKind::Denied);
}

#[tokio::test]
async fn a_master_behind_sentinels_needs_its_role() {
    let all = RedisSentinel::shared();
    let nodes: Vec<_> = all.nodes().iter().collect();
    let with = |rights: &str| confined(&nodes, rights).sentinel(RedisSentinel::SERVICE, all.urls());
    works(with(&format!("{RIGHTS} +role"))).await;
    assert!(with(RIGHTS).connect().await.is_err(), "+role is not needed");
}

/// Makes a user of all Sentinels who may do only this, and returns the settings of a cache that asks as that one.
fn watched_by(all: &RedisSentinel, user: &str, rights: &str) -> RedisBuilder {
    for sentinel in all.sentinels() {
        let rules = format!("reset on >watch -@all {rights}");
        let words = ["ACL", "SETUSER", user].into_iter().chain(rules.split(' '));
        assert_eq!(
            sentinel.command(words.filter(|word| !word.is_empty())).text(),
            "OK"
        );
    }
    patient()
        .sentinel(RedisSentinel::SERVICE, all.urls())
        .sentinel_credentials(user, "watch")
}

#[tokio::test]
async fn sentinels_need_what_the_page_says() {
    const NEEDED: [&str; 2] = ["+role", "+sentinel|masters"];
    let all = RedisSentinel::shared();
    assert!(DOCUMENTATION.contains(&format!("`{}`", NEEDED.join(" "))));
    works(watched_by(all, "watcher", &NEEDED.join(" "))).await;
    for missing in NEEDED {
        let rest = NEEDED.into_iter().find(|right| *right != missing).unwrap();
        let error = watched_by(all, "watcher-of-less", rest).connect().await;
        assert!(error.is_err(), "{missing} is not needed");
    }
}

#[tokio::test]
async fn sentinels_refuse_a_wrong_password_by_name() {
    let all = RedisSentinel::shared();
    let right = watched_by(all, "watcher-with-a-password", "+role +sentinel|masters");
    let wrong = right.sentinel_credentials("watcher-with-a-password", "canary");
    let error = wrong.connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    assert!(!format!("{error:?}").contains("canary"), "{error:?}");
}
