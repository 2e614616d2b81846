//! TLS that must not be trusted, and bits that flip under TLS.

use std::env;
use std::path::Path;
use std::process::Command;

use cache_core::ErrorKind;
use cache_redis::{RedisBuilder, Tls};
use cache_testkit::proxy::{Direction, Fault, FaultProxy, When};
use cache_testkit::servers::{RedisCluster, RedisServer};

use crate::bench::{Bench, cache_of, ends_clean_on, settings, tasks};
use crate::call::{BUDGET, Call, Column, KEYS, value_of};

row!(a_certificate_of_another_authority, wrong_authority);
row!(a_certificate_for_another_host, wrong_host);
row!(a_server_that_wants_a_client_certificate, no_client_certificate);
row!(tls_towards_a_plain_server, plain_server);

fn trusting(file: &Path) -> Tls {
    Tls::new().ca_file(file)
}

/// A handshake is work for the processor, without optimization much of it. So calls that have to succeed have longer.
fn patient(settings: RedisBuilder) -> RedisBuilder {
    let budget = BUDGET * 5;
    settings
        .read_budget(budget)
        .write_budget(budget)
        .clear_budget(budget)
        .connect_timeout(budget)
}

async fn wrong_authority(column: Column) {
    let server = RedisServer::builder().tls().start();
    let tls = trusting(&server.certificates().other_ca);
    untrusted(column, Bench::unconnected(server, |settings| settings.tls(tls))).await;
}

async fn wrong_host(column: Column) {
    let server = RedisServer::builder().tls_for("elsewhere.example").start();
    let tls = trusting(&server.certificates().ca);
    untrusted(column, Bench::unconnected(server, |settings| settings.tls(tls))).await;
}

async fn no_client_certificate(column: Column) {
    let server = RedisServer::builder().tls_with_client_certificates().start();
    let tls = trusting(&server.certificates().ca);
    untrusted(column, Bench::unconnected(server, |settings| settings.tls(tls))).await;
}

async fn plain_server(column: Column) {
    let server = RedisServer::builder().start();
    untrusted(
        column,
        Bench::unconnected(server, |settings| settings.tls(Tls::new())),
    )
    .await;
}

/// No command reaches a server that is not the one that was meant.
async fn untrusted(column: Column, bench: Bench) {
    for call in column.calls() {
        bench
            .fails(*call, &[ErrorKind::Unavailable, ErrorKind::Timeout])
            .await;
    }
    let calls = bench.server.calls();
    assert!(
        !calls.contains_key("get") && !calls.contains_key("set"),
        "{calls:?}"
    );
    bench.ends_unwell().await;
}

#[test]
fn a_server_with_the_right_certificate_is_trusted() {
    crate::cell::run(async {
        let server = RedisServer::builder().tls_with_client_certificates().start();
        let files = server.certificates().clone();
        let tls = trusting(&files.ca).client_certificate(&files.client, &files.client_key);
        let bench = Bench::on(server, |settings| patient(settings).tls(tls)).await;
        bench.ask(Call::Get).await.is_well();
        bench.server.restart();
        bench.recovers().await;
        bench.ends_clean().await;
    });
}

/// A program that trusts the authorities of the system, which an environment variable names here, has one of its own. It
/// connects once for writes and once for reads, and between them the file goes.
#[test]
fn the_authorities_of_the_system_are_read_once() {
    const URLS: &str = "CACHE_TEST_URLS";
    if let Ok(urls) = env::var(URLS) {
        return crate::cell::run(async move {
            let settings = patient(settings());
            let cache = cache_of(match urls.split_once(' ') {
                Some(_) => settings.cluster(urls.split(' ')),
                None => settings.url(urls),
            });
            while cache.set(KEYS[0], value_of(KEYS[0])).await.is_err() {}
            std::fs::remove_file(env::var("SSL_CERT_FILE").unwrap()).unwrap();
            crate::bench::recovers(&cache, 10 * crate::bench::RECOVERY).await;
            cache.close().await.unwrap();
        });
    }
    let server = RedisServer::builder().tls().start();
    let cluster = RedisCluster::start_with_tls(&["localhost", "127.0.0.1"]);
    for (urls, files) in [
        (server.url(), server.certificates()),
        (cluster.urls().join(" "), cluster.nodes()[0].certificates()),
    ] {
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "tls::the_authorities_of_the_system_are_read_once"])
            .env(URLS, &urls)
            .env("SSL_CERT_FILE", &files.ca)
            .env_remove("SSL_CERT_DIR")
            .output()
            .unwrap();
        assert!(
            child.status.success(),
            "{urls}: {}",
            String::from_utf8_lossy(&child.stdout)
        );
        assert!(!files.ca.exists(), "the program did not run");
    }
}

/// TLS finds what no checksum of a plain connection would: the damage is a broken connection.
#[test]
fn bits_that_flip_under_tls_break_the_connection_and_change_no_value() {
    crate::cell::run(async {
        let server = RedisServer::builder().tls().start();
        let proxy = FaultProxy::start(server.address(), 7).await;
        let url = format!("rediss://localhost:{}", proxy.address().port());
        let tasks = tasks();
        let cache = cache_of(
            patient(settings())
                .url(url)
                .tls(trusting(&server.certificates().ca)),
        );
        cache.set(KEYS[0], value_of(KEYS[0])).await.unwrap();
        let accepted = proxy.accepted();
        proxy.harm(Direction::Replies, Fault::Flip, When::OneIn(5));
        proxy.harm(Direction::Requests, Fault::Flip, When::OneIn(5));
        for _ in 0..50 {
            Call::Get
                .run(&cache)
                .await
                .fails_at_most_with(&[ErrorKind::Unavailable, ErrorKind::Timeout]);
        }
        assert!(proxy.accepted() > accepted, "no connection was given up");
        proxy.heal();
        crate::bench::recovers(&cache, crate::bench::RECOVERY).await;
        ends_clean_on(cache, std::slice::from_ref(&server), tasks).await;
    });
}
