//! The four places of the configuration, and which of them counts.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use cache_testkit::servers::RedisServer;

use crate::support::{Service, command, run};

/// A file in a folder that goes with the test.
fn file(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache.toml");
    fs::write(&path, text).unwrap();
    (folder, path)
}

/// The limit of the products, as the service says it.
fn limit(flags: &[&str], variables: &[(&str, &str)]) -> u64 {
    let service = Service::start_with(&[&["--rate", "0"], flags].concat(), variables);
    service.get("/health").json()["caches"]["products"]["max_items"]
        .as_u64()
        .unwrap()
}

#[test]
fn a_flag_counts_before_the_environment_and_that_before_the_file() {
    let (_folder, path) = file("[caches.products]\nmemory.max_items = 11\n");
    let path = path.to_str().unwrap();
    let variable = [("CACHE_EXAMPLE__CACHES__PRODUCTS__MEMORY__MAX_ITEMS", "12")];
    assert_eq!(limit(&[], &[]), 500);
    assert_eq!(limit(&["--config", path], &[]), 11);
    assert_eq!(limit(&[], &[("CACHE_EXAMPLE_CONFIG", path)]), 11);
    assert_eq!(limit(&["--config", path], &variable), 12);
    assert_eq!(limit(&["--config", path, "--max-items", "13"], &variable), 13);
    let both = [variable[0], ("CACHE_EXAMPLE_MAX_ITEMS", "14")];
    assert_eq!(limit(&["--config", path], &both), 14);
}

#[test]
fn a_flag_for_the_server_counts_before_another_kind_of_place_in_the_file() {
    let server = RedisServer::builder().start();
    let (_folder, path) = file(
        "[defaults.redis]\naddress = \"nowhere:1\"\n[caches.products.redis]\nunix_socket = \"/nowhere\"\n",
    );
    let service = Service::start_on(&server, &["--config", path.to_str().unwrap()]);
    let health = service.get("/health");
    assert_eq!(health.status, 200, "{}", health.body);
}

#[test]
fn all_that_is_wrong_with_a_file_stands_on_one_line_with_its_path() {
    let (_folder, path) = file(
        "[caches.products]\ntll = \"5m\"\nmemory.policy = \"lur\"\nmemory.time_to_idle = \"0s\"\n[caches.searches]\ncodec = \"xml\"\n",
    );
    let ended = run(command(&["--config", path.to_str().unwrap()]));
    assert_eq!(
        (ended.status.code(), ended.stderr.lines().count()),
        (Some(2), 1),
        "{}",
        ended.stderr
    );
    for part in [
        "4 settings are wrong",
        "caches.products.memory.time_to_idle: is zero",
        "caches.searches.codec",
        "caches.products.tll",
        "did you mean `ttl`?",
        "caches.products.memory.policy",
        "cache.toml",
    ] {
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
}

#[test]
fn a_file_that_is_no_toml_says_which_line() {
    let (_folder, path) = file("[caches.products]\nttl = \n");
    let ended = run(command(&["--config", path.to_str().unwrap()]));
    assert_eq!(
        (ended.status.code(), ended.stderr.lines().count()),
        (Some(2), 1),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("is no TOML: line 2"), "{}", ended.stderr);
}

#[test]
fn operations_are_logged_in_columns_or_as_json() {
    let flags = ["--rate", "0", "--log", "info,cache=debug"];
    let service = Service::start(&flags);
    service.get("/products/7");
    let line = service.wait_for_line("cache get");
    assert!(
        line.starts_with("DEBUG ") && line.contains(" MISS ") && line.contains("1 bytes #"),
        "{line}"
    );
    assert!(!line.contains('\u{1b}'), "no colours where nobody looks: {line}");

    let service = Service::start(&[&flags[..], &["--log-format", "json"]].concat());
    for (result, is_hit) in [("miss", false), ("hit", true)] {
        service.get("/products/7");
        let line = service.wait_for_line("\"cache get\"");
        let event: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            (&event["cache.result"], &event["cache.hit"], &event["cache.name"]),
            (&result.into(), &is_hit.into(), &"products".into()),
            "{line}"
        );
        assert!(
            event["elapsed_us"].is_number() && event["level"] == "DEBUG",
            "{line}"
        );
    }
}

#[test]
fn the_log_has_colours_on_a_terminal_unless_nobody_wants_them() {
    let flags = ["--rate", "0", "--log", "info,cache=debug"];
    for (variables, are_there) in [(&[][..], true), (&[("NO_COLOR", "1")], false)] {
        let service = Service::start_on_a_terminal(&flags, variables);
        service.get("/products/7");
        let line = service.wait_for_line("cache get");
        assert_eq!(line.contains('\u{1b}'), are_there, "{line:?}");
        assert_eq!(line.contains("\u{1b}[33mMISS\u{1b}[0m"), are_there, "{line:?}");
    }
}

#[test]
fn the_log_shows_the_trace_id_of_the_caller() {
    let flags = ["--rate", "0", "--log", "info,cache=debug"];
    let id = "4bf92f3577b34da6a3ce929d0e0e4736";
    let traceparent = format!("traceparent: 00-{id}-00f067aa0ba902b7-01\r\n");
    let service = Service::start(&flags);
    service.get_with("/products/7", &traceparent);
    assert!(service.wait_for_line("cache get").contains(id));

    let service = Service::start(&[&flags[..], &["--log-format", "json"]].concat());
    service.get_with("/products/7", &traceparent);
    for message in ["cache get", "cache load", "cache get_or_load"] {
        let line = service.wait_for_line(&format!("\"{message}\""));
        let event: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(event["trace_id"], id, "{line}");
        assert_eq!(line.matches("\"trace_id\"").count(), 1, "{line}");
    }
}
