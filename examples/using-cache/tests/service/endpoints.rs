//! The service as its users see it: what it says when it starts, and what each endpoint answers.

use std::fs::File;
use std::net::TcpListener;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{PATIENCE, Service, command, run};

/// Without traffic of its own, so that the cache holds what the test asked for and nothing else.
fn quiet() -> Service {
    Service::start(&["--rate", "0", "--source-delay", "0ms", "--ttl", "1h"])
}

/// The first line is there although the server that it cannot do without has not answered a byte.
#[test]
fn it_says_what_runs_and_where_to_look_before_it_opens_its_caches() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let redis = format!("redis://{}", silent.local_addr().unwrap());
    let service = Service::spawn(&["--required", "--redis-url", &redis]);
    let first = service.wait_for_line("");
    let version = env!("CARGO_PKG_VERSION");
    let start = format!("using-cache {version} starts at http://127.0.0.1:");
    assert!(first.starts_with(&start), "{first}");
    // It comes indeed, and stands at this.
    silent.set_nonblocking(true).unwrap();
    let until = Instant::now() + PATIENCE;
    while silent.accept().is_err() {
        assert!(Instant::now() < until, "nobody connects");
        thread::sleep(Duration::from_millis(10));
    }
}

/// A pipe that is given nothing: the reader of the trace waits for its first byte.
#[test]
fn it_says_what_runs_and_where_it_will_be_before_it_reads_a_trace() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("endless.txt");
    assert!(Command::new("mkfifo").arg(&trace).status().unwrap().success());
    // With somebody at its other end, so that it can be opened.
    let _writer = File::options().read(true).write(true).open(&trace).unwrap();
    let service = Service::spawn(&["--trace", trace.to_str().unwrap()]);
    let first = service.wait_for_line("");
    let version = env!("CARGO_PKG_VERSION");
    let start = format!("using-cache {version} will be at http://127.0.0.1:");
    let (port, rest) = first.strip_prefix(&start).unwrap().split_once(' ').unwrap();
    assert!(
        rest.starts_with("and reads the trace ") && rest.ends_with("/endless.txt"),
        "{first}"
    );
    // The port is taken already, so nobody else gets what was said.
    let address = format!("127.0.0.1:{port}");
    TcpListener::bind(&address).unwrap_err();
    let late = run(command(&[
        "--listen",
        &address,
        "--trace",
        trace.to_str().unwrap(),
    ]));
    assert_eq!((late.status.code(), late.stdout), (Some(1), Vec::new()));
    assert!(
        late.stderr.contains("choose another address or port"),
        "{}",
        late.stderr
    );
}

#[test]
fn when_it_is_ready_it_says_what_runs_and_where_to_look() {
    let service = quiet();
    let url = format!("http://{}", service.address);
    assert!(
        service
            .wait_for_line("metrics")
            .ends_with(&format!("{url}/metrics"))
    );
    assert!(
        service
            .wait_for_line("health")
            .ends_with(&format!("{url}/health"))
    );
    assert!(
        service
            .wait_for_line("try")
            .contains(&format!("curl -i {url}/products/"))
    );
}

#[test]
fn a_product_is_a_miss_and_then_a_hit() {
    let service = quiet();
    let (first, second) = (service.get("/products/7"), service.get("/products/7"));
    assert_eq!((first.status, first.header("x-cache")), (200, Some("miss")));
    assert_eq!((second.status, second.header("x-cache")), (200, Some("hit")));
    assert_eq!(first.body, second.body);
    assert_eq!(first.json()["id"], 7);
}

#[test]
fn an_update_shows_in_the_next_read() {
    let service = quiet();
    service.get("/products/7");
    let updated = service.call("PUT", "/products/7", r#"{"price_cents":1234,"stock":9}"#);
    assert_eq!(updated.status, 200, "{}", updated.body);
    let after = service.get("/products/7");
    assert_eq!(after.header("x-cache"), Some("miss"));
    assert_eq!(after.json(), updated.json());
    assert_eq!(
        (&after.json()["price_cents"], &after.json()["stock"]),
        (&json!(1234), &json!(9))
    );
}

#[test]
fn that_there_is_no_product_is_cached_too() {
    let service = quiet();
    let (first, second) = (service.get("/products/5001"), service.get("/products/5001"));
    assert_eq!((first.status, first.header("x-cache")), (404, Some("miss")));
    assert_eq!((second.status, second.header("x-cache")), (404, Some("hit")));
    assert_eq!(second.json()["error"]["kind"], "no_such_product");
    assert_eq!(service.get("/").json()["source"]["lookups"], 1);
}

#[test]
fn several_products_come_in_order_with_one_question_to_the_source() {
    let service = quiet();
    service.get("/products/2");
    let answer = service.get("/products?ids=3,2,6000,1,3");
    assert_eq!((answer.status, answer.header("x-cache")), (200, Some("miss")));
    let body = answer.json();
    let ids: Vec<_> = body["products"]
        .as_array()
        .unwrap()
        .iter()
        .map(|product| &product["id"])
        .collect();
    assert_eq!(ids, [3, 2, 1]);
    assert_eq!(
        (&body["unknown"], &body["hits"], &body["misses"]),
        (&json!([6000]), &json!(1), &json!(3))
    );
    assert_eq!(
        service.get("/products?ids=3,2,6000,1").header("x-cache"),
        Some("hit")
    );
    assert_eq!(service.get("/").json()["source"]["lookups"], 2);
}

#[test]
fn a_search_is_cached_by_itself() {
    let service = quiet();
    let (first, second) = (service.get("/search?q=Oak%20"), service.get("/search?q=oak"));
    assert_eq!(
        (first.header("x-cache"), second.header("x-cache")),
        (Some("miss"), Some("hit"))
    );
    assert_eq!(first.json()["products"], second.json()["products"]);
    assert!(
        first.json()["products"][0]["name"]
            .as_str()
            .unwrap()
            .contains("Oak")
    );
}

#[test]
fn deleting_from_the_cache_says_whether_it_was_there() {
    let service = quiet();
    service.get("/products/7");
    assert_eq!(
        service.call("DELETE", "/cache/products/7", "").json(),
        json!({ "deleted": true })
    );
    assert_eq!(
        service.call("DELETE", "/cache/products/7", "").json(),
        json!({ "deleted": false })
    );
    assert_eq!(service.get("/products/7").header("x-cache"), Some("miss"));
}

#[test]
fn a_cleared_cache_is_empty() {
    let service = quiet();
    service.get("/products?ids=1,2,3");
    assert_eq!(service.call("DELETE", "/cache", "").status, 200);
    assert_eq!(service.get("/").json()["caches"][0]["items"], 0);
    assert_eq!(service.get("/products/1").header("x-cache"), Some("miss"));
}

#[test]
fn health_names_each_cache() {
    let service = quiet();
    let health = service.get("/health");
    let body = health.json();
    assert_eq!((health.status, &body["status"]), (200, &json!("up")));
    for (name, limit) in [("products", 500), ("searches", 500)] {
        let cache = &body["caches"][name];
        let seen = [&cache["status"], &cache["backend"], &cache["max_items"]];
        assert_eq!(seen, [&json!("up"), &json!("memory"), &json!(limit)], "{body}");
    }
}

#[test]
fn a_service_that_runs_lives_and_is_ready() {
    let service = quiet();
    assert_eq!(service.get("/health/live").status, 200);
    assert_eq!(service.get("/health/ready").status, 200);
}

#[test]
fn every_endpoint_of_the_overview_is_there() {
    let service = quiet();
    let overview = service.get("/").json();
    for endpoint in overview["endpoints"].as_array().unwrap() {
        let (method, target) = endpoint["call"].as_str().unwrap().split_once(' ').unwrap();
        let body = if method == "PUT" { r#"{"stock":1}"# } else { "" };
        let answer = service.call(method, &target.replace("{id}", "7"), body);
        assert_eq!(answer.status, 200, "{method} {target}: {}", answer.body);
    }
}

#[test]
fn bad_requests_are_told_what_to_do() {
    let service = quiet();
    let too_many = format!(
        "/products?ids={}",
        (0..=100).map(|id| id.to_string()).collect::<Vec<_>>().join(",")
    );
    let too_long = format!("/search?q={}", "a".repeat(101));
    let big = format!(r#"{{"stock":{}}}"#, "1".repeat(20_000));
    let cases = [
        ("GET", "/products/seven", "", 400, "/products/7"),
        ("GET", "/products/-1", "", 400, "/products/7"),
        ("GET", "/products/99999999999999999999", "", 400, "/products/7"),
        ("GET", "/products/%ff", "", 400, "/products/7"),
        ("GET", "/products", "", 400, "ids=1,2,3"),
        ("GET", "/products?ids=1,,2", "", 400, "ids=1,2,3"),
        ("GET", &too_many, "", 400, "at most 100"),
        ("GET", "/search", "", 400, "q=lamp"),
        ("GET", "/search?q=%20", "", 400, "q=lamp"),
        ("GET", &too_long, "", 400, "at most 100"),
        ("PUT", "/products/7", "", 400, "price_cents"),
        ("PUT", "/products/7", "{}", 400, "price_cents"),
        ("PUT", "/products/7", "[1,2]", 400, "price_cents"),
        ("PUT", "/products/7", r#"{"price":1}"#, 400, "price_cents"),
        ("PUT", "/products/7", r#"{"stock":-1}"#, 400, "price_cents"),
        ("PUT", "/products/7", &big, 413, "at most"),
        ("PUT", "/products/0", r#"{"stock":1}"#, 404, "no product 0"),
        ("GET", "/nowhere", "", 404, "GET /"),
        ("POST", "/products/7", "", 405, "GET /"),
    ];
    for (method, target, body, status, told) in cases {
        let answer = service.call(method, target, body);
        assert_eq!(answer.status, status, "{method} {target}: {}", answer.body);
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(told), "{method} {target}: {message}");
    }
    assert_eq!(
        service.call("POST", "/products/7", "").header("allow"),
        Some("GET,HEAD,PUT")
    );
}

/// The acceptance of stale values: the source goes, the service goes on, and the metrics say so.
#[test]
fn while_the_source_is_stopped_products_and_searches_are_given_stale() {
    let settings = [("CACHE_EXAMPLE__CACHES__SEARCHES__TTL", "300ms")];
    let flags = ["--rate", "0", "--source-delay", "0ms", "--ttl", "300ms"];
    let service = Service::start_with(&flags, &settings);
    assert_eq!(service.get("/products/7").header("x-cache"), Some("miss"));
    assert_eq!(service.get("/search?q=oak").header("x-cache"), Some("miss"));
    assert_eq!(service.get("/products/5001").status, 404);
    let stopped = service.call("POST", "/source/stop", "");
    assert_eq!(
        (stopped.status, stopped.body.as_str()),
        (200, r#"{"stopped":true}"#)
    );
    thread::sleep(Duration::from_millis(350));
    let stale = service.get("/products/7");
    assert_eq!((stale.status, stale.header("x-cache")), (200, Some("stale")));
    assert_eq!(service.get("/products?ids=7,7").header("x-cache"), Some("stale"));
    let search = service.get("/search?q=oak");
    assert_eq!((search.status, search.header("x-cache")), (200, Some("stale")));
    // A product that was never asked for, and that there is none, which is not known for longer than its TTL.
    for target in ["/products/8", "/products/5001"] {
        let unknown = service.get(target);
        assert_eq!(unknown.status, 503, "{}", unknown.body);
        assert!(unknown.body.contains("the source is stopped"), "{}", unknown.body);
    }
    let metrics = service.get("/metrics").body;
    let value_of = |cache: &str, start: &str, label: &str| {
        let line = metrics
            .lines()
            .find(|line| line.starts_with(start) && line.contains(cache) && line.contains(label));
        line.unwrap().rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    let value = |start: &str, label: &str| value_of("products", start, label);
    assert!(value_of("searches", "gofr_cache_stale_served_total", r#"reason="error""#) >= 1.0);
    assert!(value("gofr_cache_stale_served_total", r#"reason="error""#) >= 2.0);
    assert!(value("gofr_cache_loads_total", r#"result="error""#) >= 2.0);
    service.call("POST", "/source/start", "");
    assert_eq!(service.get("/products/8").header("x-cache"), Some("miss"));
}
