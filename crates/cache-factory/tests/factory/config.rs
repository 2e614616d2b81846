//! What a configuration says, and that everything wrong in it is told at once.

use std::time::Duration;

use cache_core::Expiration;
use cache_factory::{Config, Draft, Ttl};

use crate::support::{build, draft, errors, factory, read};

#[test]
fn caches_share_the_defaults_and_keep_their_own() {
    let text = r#"
        [defaults]
        backend = "memory"
        memory.max_items = 100

        [caches.users]
        [caches.prices]
        memory.max_items = 5
        memory.policy = "tinylfu"
    "#;
    let caches = build(text);
    let limit = |name: &str| caches.get(name).unwrap().stats().max_items;
    assert_eq!((limit("users"), limit("prices")), (Some(100), Some(5)));
    assert_eq!(caches.names(), ["prices", "users"]);
}

#[tokio::test]
async fn a_ttl_holds_for_writes_that_name_none() {
    let caches = build("caches.users = { backend = 'inmemory', ttl = 'never' }");
    let users = caches.get("users").unwrap();
    users.set("key", 1).await.unwrap();
    assert_eq!(users.get::<i32>("key").await.unwrap(), Some(1));
}

#[test]
fn zero_is_never_and_a_duration_is_itself() {
    let config =
        read("caches.a = { backend = 'memory', ttl = 0 }\ncaches.b = { backend = 'memory', ttl = '1h30m' }");
    let caches = config.unwrap().caches;
    assert_eq!(caches["a"].ttl, Some(Ttl(Expiration::Never)));
    assert_eq!(
        caches["b"].ttl,
        Some(Ttl(Expiration::After(Duration::from_secs(5_400))))
    );
}

#[test]
fn all_errors_are_told_at_once_each_with_its_path() {
    let text = r#"
        [defaults]
        ttl = "soon"

        [caches.users]
        backend = "memory"
        tll = "5m"
        memory.max_items = "many"
        memory.polcy = "lru"

        [caches.sessions]
        backend = "memroy"

        [caches.orders]
    "#;
    let paths: Vec<_> = read(text)
        .unwrap_err()
        .iter()
        .map(|error| error.path().to_owned())
        .collect();
    assert_eq!(
        paths,
        [
            "caches.users.memory.max_items",
            "caches.users.memory.polcy",
            "caches.users.tll",
            "defaults.ttl",
            "caches.orders.backend",
            "caches.sessions.backend",
        ]
    );
}

#[test]
fn several_errors_stand_on_one_line() {
    let wrong = read("caches.users = { backend = 'memory', tll = 1 }\nnonsense = 1")
        .unwrap_err()
        .to_string();
    assert!(
        wrong.starts_with("2 settings are wrong: caches.users.tll: "),
        "{wrong}"
    );
    assert_eq!(wrong.lines().count(), 1, "{wrong}");
}

#[test]
fn the_type_alone_reads_any_format() {
    let config: Config =
        serde_json::from_str(r#"{ "caches": { "users": { "backend": "memory", "ttl": "5m" } } }"#).unwrap();
    assert_eq!(config.caches.len(), 1);
    let error = serde_json::from_str::<Config>(r#"{ "caches": { "users": { "tll": "5m" } } }"#).unwrap_err();
    assert!(error.to_string().contains("did you mean `ttl`?"), "{error}");
}

#[test]
fn variables_of_the_environment_describe_caches() {
    let variables = [
        ("CACHE__DEFAULTS__BACKEND", "memory"),
        ("CACHE__CACHES__USERS__MEMORY__MAX_ITEMS", "10"),
        ("CACHE__CACHES__ORDERS__TTL", "5m"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let config = factory().read(&Draft::from_env("CACHE", variables)).unwrap();
    let caches = factory().build(&config).unwrap();
    assert_eq!(caches.names(), ["orders", "users"]);
    assert_eq!(caches.get("users").unwrap().stats().max_items, Some(10));
}

#[test]
fn a_wrong_value_says_where_it_came_from() {
    let file = draft("caches.users = { backend = 'memory', ttl = '5m' }").origin("file cache.toml");
    let variables = [("CACHE__CACHES__USERS__TTL".to_owned(), "soon".to_owned())];
    let wrong = factory()
        .read(&file.clone().overlay(Draft::from_env("CACHE", variables)))
        .unwrap_err();
    assert!(
        wrong
            .to_string()
            .ends_with("(environment variable CACHE__CACHES__USERS__TTL)"),
        "{wrong}"
    );

    let mut flags = Draft::default();
    flags.set("caches.users.memory.max_items", 5);
    flags.set("caches.users.backend", "nothing");
    let wrong = factory()
        .read(&file.overlay(flags.origin("the flags")))
        .unwrap_err();
    assert!(wrong.to_string().ends_with("(the flags)"), "{wrong}");
}

#[test]
fn a_variable_stands_for_its_value() {
    let caches = build("caches.users = { backend = 'memory', memory.max_items = '${ITEMS}' }");
    assert_eq!(caches.get("users").unwrap().stats().max_items, Some(7));
}

#[test]
fn a_value_that_came_out_of_a_variable_is_not_shown() {
    let told = errors("caches.users = { backend = 'memory', ttl = '${SECRET}' }");
    assert!(
        told[0].starts_with("caches.users.ttl: \"${SECRET}\" is no duration"),
        "{told:?}"
    );
    assert!(!told[0].contains("canary"), "{told:?}");
}

#[test]
fn a_limit_by_bytes_holds() {
    let caches = build("caches.pages = { backend = 'memory', memory.max_bytes = '1KiB' }");
    let stats = caches.get("pages").unwrap().stats();
    assert_eq!((stats.max_weight, stats.max_items), (Some(1_024), None));
}

#[tokio::test]
async fn bytes_are_those_of_the_key_and_of_the_value_as_json() {
    let caches = build("caches.pages = { backend = 'memory', memory.max_bytes = '1KiB' }");
    let pages = caches.get("pages").unwrap();
    pages.set("key", "value".to_owned()).await.unwrap();
    assert_eq!(pages.stats().weight, Some(3 + 7));
}

#[test]
fn defaults_for_a_backend_bind_only_the_caches_on_it() {
    let registered = factory()
        .register("null", |_| cache_memory::MemoryBackend::builder().build())
        .unwrap();
    let text = "defaults.memory.max_items = 5\ncaches.a.backend = 'memory'\ncaches.b.backend = 'null'";
    let config = registered.read(&draft(text)).unwrap();
    let caches = registered.build(&config).unwrap();
    assert_eq!(caches.get("a").unwrap().stats().max_items, Some(5));
}
