//! The service on Redis, and what it does while there is none.

use cache_testkit::proxy::RefusingAddress;
use cache_testkit::servers::RedisServer;
use serde_json::json;

use crate::support::{Service, command, run};

#[test]
fn one_flag_puts_the_caches_on_redis() {
    let server = RedisServer::builder().start();
    let service = Service::start_on(&server, &[]);
    let answers = [(); 2].map(|()| service.get("/products/7").header("x-cache").map(str::to_owned));
    assert_eq!(answers, [Some("miss".to_owned()), Some("hit".to_owned())]);
    let health = service.get("/health").json();
    assert_eq!(
        health["caches"]["products"]["backend"],
        json!("redis"),
        "{health}"
    );
    assert_eq!(server.command(["EXISTS", "products:7"]).integer(), 1);
}

#[test]
fn the_backend_and_its_server_may_both_be_named() {
    let server = RedisServer::builder().start();
    let service = Service::start_on(&server, &["--backend", "redis"]);
    assert_eq!(service.get("/products/7").status, 200);
    assert_eq!(
        service.get("/health").json()["caches"]["searches"]["backend"],
        "redis"
    );
    assert_eq!(server.command(["EXISTS", "products:7"]).integer(), 1);
}

#[test]
fn without_its_server_it_starts_says_so_and_is_ready() {
    let nobody = RefusingAddress::new();
    let url = format!("redis://{}", nobody.address());
    let service = Service::start(&["--rate", "0", "--redis-url", &url]);
    for cache in ["products", "searches"] {
        let told = |line: &&String| {
            line.contains(&format!("cache=\"{cache}\"")) || line.contains(&format!("cache={cache}"))
        };
        let line = service
            .first_lines
            .iter()
            .filter(|line| line.contains("starts without a cache"))
            .find(told);
        assert!(
            line.is_some_and(|line| line.starts_with("WARN ")),
            "{cache}: {:?}",
            service.first_lines
        );
    }
    let product = service.get("/products/7");
    assert_eq!(product.status, 200, "{}", product.body);
    let health = service.get("/health");
    assert_eq!(
        (health.status, &health.json()["caches"]["products"]["status"]),
        (503, &json!("down"))
    );
    assert_eq!(
        [
            service.get("/health/live").status,
            service.get("/health/ready").status
        ],
        [200, 200]
    );
}

#[test]
fn required_caches_without_their_server_stop_it_with_one_line() {
    let nobody = RefusingAddress::new();
    let ended = run(command(&[
        "--listen",
        "127.0.0.1:0",
        "--rate",
        "0",
        "--redis-url",
        &format!("redis://{}", nobody.address()),
        "--required",
    ]));
    assert_eq!(
        (ended.status.code(), ended.stderr.lines().count()),
        (Some(1), 1),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("cache \"products\""), "{}", ended.stderr);
}

#[test]
fn a_required_cache_that_goes_down_makes_it_unready_and_comes_back() {
    let server = RedisServer::builder().start();
    let service = Service::start_on(&server, &["--required"]);
    assert_eq!(service.get("/health/ready").status, 200);
    server.kill();
    server.wait_until("it is unready", |_| service.get("/health/ready").status == 503);
    assert_eq!(service.get("/health/live").status, 200);
    server.start();
    server.wait_until("it is ready again", |_| {
        service.get("/health/ready").status == 200
    });
}

#[test]
fn a_password_is_in_no_line() {
    let server = RedisServer::builder().password("canary").start();
    let url = format!("redis://:wrong-canary@{}", server.address());
    let service = Service::start(&["--rate", "20", "--log", "trace", "--redis-url", &url]);
    service.get("/products/7");
    let health = service.get("/health");
    assert!(!health.body.contains("canary"), "{}", health.body);
    let metrics = service.get("/metrics");
    assert!(
        metrics.body.contains("gofr_cache_errors_total"),
        "{}",
        metrics.body
    );
    assert!(!metrics.body.contains("canary"), "{}", metrics.body);
    let ended = service.stop();
    let told = ended.stdout.join("\n") + &ended.stderr;
    assert!(!told.contains("canary"), "{told}");
}
