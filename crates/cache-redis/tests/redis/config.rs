//! Settings that make no sense: each is found before anything is connected, as one typed error that says what to do.

use std::time::Duration;

use cache_core::ErrorKind;
use cache_redis::{BreakerSettings, RedisBackend, RedisBuilder, Tls};

#[track_caller]
fn assert_refused(builder: RedisBuilder, kind: ErrorKind, word: &str) {
    let error = builder.build().unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(word), "{error}");
}

fn builder() -> RedisBuilder {
    RedisBackend::builder()
}

#[test]
fn the_default_needs_no_word() {
    builder().build().unwrap();
}

#[test]
fn urls_of_every_kind_are_taken() {
    for url in [
        "redis://localhost",
        "redis://:pass@localhost:6379/2",
        "redis://user:pass@localhost",
        "redis://localhost?protocol=resp3",
        "unix:///tmp/socket?db=1",
        "redis+unix:///tmp/socket",
        "valkey://localhost",
        "rediss://localhost:6380",
    ] {
        builder()
            .url(url)
            .build()
            .unwrap_or_else(|error| panic!("{url}: {error}"));
    }
}

#[test]
fn a_url_that_is_none_is_refused() {
    for url in [
        "",
        "localhost",
        "http://localhost",
        "redis://",
        "redis://localhost/name",
        "redis://localhost:99999",
    ] {
        assert_refused(builder().url(url), ErrorKind::InvalidConfig, "redis://");
    }
}

#[test]
fn tls_without_verification_is_refused() {
    assert_refused(
        builder().url("rediss://localhost/#insecure"),
        ErrorKind::InvalidConfig,
        "#insecure",
    );
}

#[test]
fn two_places_are_refused() {
    for both in [
        builder().url("redis://localhost").port(1),
        builder().unix_socket("/tmp/socket").host("localhost"),
        builder().cluster(["localhost:1"]).url("redis://localhost"),
        builder()
            .sentinel("main", ["localhost:1"])
            .cluster(["localhost:1"]),
    ] {
        assert_refused(both, ErrorKind::InvalidConfig, "give one");
    }
}

#[test]
fn a_server_has_an_address() {
    assert_refused(builder().host(""), ErrorKind::InvalidConfig, "host is empty");
    assert_refused(
        builder().unix_socket(""),
        ErrorKind::InvalidConfig,
        "unix_socket is empty",
    );
    for url in ["unix://", "redis+unix://", "unix://?db=1"] {
        assert_refused(builder().url(url), ErrorKind::InvalidConfig, "redis://");
    }
}

#[test]
fn nodes_need_an_address() {
    assert_refused(
        builder().cluster(Vec::<String>::new()),
        ErrorKind::InvalidConfig,
        "cluster",
    );
    assert_refused(
        builder().sentinel("main", Vec::<String>::new()),
        ErrorKind::InvalidConfig,
        "sentinel",
    );
    assert_refused(
        builder().sentinel("", ["localhost:1"]),
        ErrorKind::InvalidConfig,
        "name",
    );
    for node in ["localhost", "localhost:", ":1", "localhost:x"] {
        assert_refused(builder().cluster([node]), ErrorKind::InvalidConfig, "host:port");
    }
    builder()
        .cluster(["localhost:1", "[::1]:2", "redis://localhost:3"])
        .build()
        .unwrap();
}

#[test]
fn an_identity_is_whole() {
    assert_refused(builder().user("app"), ErrorKind::InvalidConfig, "password");
    assert_refused(builder().db(-1), ErrorKind::InvalidConfig, "db");
    // No server can have so many databases.
    let highest = i64::from(i32::MAX) - 1;
    builder().db(highest).build().unwrap();
    for more in [highest + 1, i64::MAX] {
        assert_refused(builder().db(more), ErrorKind::InvalidConfig, "db");
        let url = format!("redis://localhost/{more}");
        assert_refused(builder().url(url), ErrorKind::InvalidConfig, "db");
        let behind = builder().sentinel("main", ["localhost:1"]).db(more);
        assert_refused(behind, ErrorKind::InvalidConfig, "db");
    }
    assert_refused(
        builder().cluster(["localhost:1"]).db(1),
        ErrorKind::InvalidConfig,
        "db",
    );
}

#[test]
fn a_namespace_has_a_name() {
    assert_refused(builder().namespace(""), ErrorKind::InvalidName, "namespace");
}

#[test]
fn limits_do_not_contradict_each_other() {
    assert_refused(builder().connections(0), ErrorKind::InvalidLimit, "connections");
    assert_refused(
        builder().connections(4).max_connections(5),
        ErrorKind::InvalidLimit,
        "max_connections",
    );
    let enough = builder().connections(4).max_connections(6);
    enough.clone().build().unwrap();
    assert_refused(
        enough.count_interval(Duration::from_secs(1)),
        ErrorKind::InvalidLimit,
        "for counts",
    );
    assert_refused(
        builder().max_value_len(0),
        ErrorKind::InvalidLimit,
        "max_value_len",
    );
}

#[test]
fn durations_are_neither_nothing_nor_for_ever() {
    for wrong in [Duration::ZERO, Duration::from_micros(999), Duration::MAX] {
        assert_refused(
            builder().read_budget(wrong),
            ErrorKind::InvalidConfig,
            "read_budget",
        );
        assert_refused(
            builder().write_budget(wrong),
            ErrorKind::InvalidConfig,
            "write_budget",
        );
        assert_refused(
            builder().clear_budget(wrong),
            ErrorKind::InvalidConfig,
            "clear_budget",
        );
        assert_refused(
            builder().count_interval(wrong),
            ErrorKind::InvalidConfig,
            "count_interval",
        );
        assert_refused(
            builder().connect_timeout(wrong),
            ErrorKind::InvalidConfig,
            "connect_timeout",
        );
        let breaker = BreakerSettings::default().probe_interval(wrong);
        assert_refused(
            builder().breaker(breaker),
            ErrorKind::InvalidConfig,
            "probe_interval",
        );
    }
}

#[test]
fn a_breaker_opens_after_something() {
    for breaker in [
        BreakerSettings::default().failures_in_a_row(0),
        BreakerSettings::default().calls_in_window(0),
    ] {
        assert_refused(builder().breaker(breaker), ErrorKind::InvalidConfig, "breaker");
    }
    builder().breaker(BreakerSettings::off()).build().unwrap();
}

#[test]
fn files_of_tls_are_read_when_the_backend_is_built() {
    let folder = std::env::temp_dir();
    let missing = folder.join("is-not-there.pem");
    let tls = Tls::new().ca_file(&missing);
    assert_refused(builder().tls(tls), ErrorKind::InvalidConfig, "is-not-there.pem");
    let empty = folder.join(format!("cache-redis-{}-no.pem", std::process::id()));
    std::fs::write(&empty, "nothing").unwrap();
    let tls = Tls::new().ca_file(&empty);
    assert_refused(builder().tls(tls), ErrorKind::InvalidConfig, "PEM");
    let tls = Tls::new().client_certificate(&empty, &empty);
    assert_refused(builder().tls(tls), ErrorKind::InvalidConfig, "PEM");
    std::fs::remove_file(empty).unwrap();
    assert_refused(
        builder().unix_socket("/tmp/socket").tls(Tls::new()),
        ErrorKind::InvalidConfig,
        "unix socket",
    );
}

#[test]
fn sentinels_with_tls_are_taken_by_their_addresses_and_by_their_urls() {
    let tls = || builder().tls(Tls::new());
    tls().sentinel("main", ["127.0.0.1:26379"]).build().unwrap();
    tls()
        .sentinel("main", ["redis://127.0.0.1:26379"])
        .build()
        .unwrap();
    tls()
        .sentinel("main", ["rediss://127.0.0.1:26379"])
        .build()
        .unwrap();
    builder()
        .sentinel("main", ["127.0.0.1:26379", "rediss://127.0.0.1:26380"])
        .build()
        .unwrap();
}

#[test]
fn an_identity_in_the_url_of_a_sentinel_is_refused() {
    for url in [
        "redis://:canary@host:1",
        "redis://canary:canary@host:1",
        "redis://host:1/2",
    ] {
        let refused = builder().sentinel("main", [url]);
        assert_refused(refused, ErrorKind::InvalidConfig, "sentinel_credentials");
    }
}
