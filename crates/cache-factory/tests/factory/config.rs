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
        wrong.starts_with("2 settings are wrong: (1) caches.users.tll: "),
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

#[tokio::test]
async fn tags_are_on_where_the_configuration_says_so() {
    let caches = build(
        "defaults.backend = 'memory'\ncaches.pages = { tags = true, memory.max_bytes = '1KiB' }\ncaches.users = {}",
    );
    let pages = caches.get("pages").unwrap();
    pages.set("key", 1_i64).tags(&["a"]).await.unwrap();
    assert_eq!(pages.get("key").await.unwrap(), Some(1_i64));
    pages.invalidate_tag("a").await.unwrap();
    assert_eq!(pages.get::<i64>("key").await.unwrap(), None);
    let users = caches.get("users").unwrap();
    let refused = users.set("key", 1_i64).tags(&["a"]).await.unwrap_err();
    assert!(refused.to_string().contains("`tags = true`"), "{refused}");
}

#[test]
fn defaults_for_a_backend_bind_only_the_caches_on_it() {
    let registered = factory()
        .register("null", |_, _: cache_factory::NoOptions| {
            cache_memory::MemoryBackend::builder().build()
        })
        .unwrap();
    let text = "defaults.memory.max_items = 5\ncaches.a.backend = 'memory'\ncaches.b.backend = 'null'";
    let config = registered.read(&draft(text)).unwrap();
    let caches = registered.build(&config).unwrap();
    assert_eq!(caches.get("a").unwrap().stats().max_items, Some(5));
}

#[test]
fn a_section_tells_everything_that_is_wrong_with_it_at_once() {
    let text = r#"
        [caches.users]
        backend = "memory"
        memory = { max_items = 4294967296, time_to_idle = "0s", maintenance_interval = "2h" }
        loading = { jitter = 2, refresh_ahead = -1, stale_if_error = "1s", soft_timeout = "2m", hard_timeout = "1m" }

        [caches.pages]
        backend = "redis"
        [caches.pages.redis]
        address = "host:port"
        db = -1
        user = "ada"
        connections = 0
        read_budget = "0s"
        write_budget = "0s"
        breaker = { failures_in_a_row = 0, calls_in_window = 0 }
        tls = { ca = "/nowhere", key = "/nowhere" }
        password_file = "/nowhere"
    "#;
    let mut paths: Vec<_> = read(text)
        .unwrap_err()
        .iter()
        .map(|error| error.path().to_owned())
        .collect();
    paths.sort_unstable();
    let pages = [
        "address",
        "breaker.calls_in_window",
        "breaker.failures_in_a_row",
        "connections",
        "db",
        "password_file",
        "read_budget",
        "tls.ca",
        "tls.key",
        "user",
        "write_budget",
    ];
    let users = [
        "loading",
        "loading.jitter",
        "loading.refresh_ahead",
        "loading.stale_if_error",
        "memory.maintenance_interval",
        "memory.max_items",
        "memory.time_to_idle",
    ];
    let pages = pages.map(|setting| format!("caches.pages.redis.{setting}"));
    let users = users.map(|setting| format!("caches.users.{setting}"));
    assert_eq!(paths, [&pages[..], &users[..]].concat());
}

#[test]
fn a_setting_with_a_limit_says_where_it_came_from() {
    let file =
        draft("caches.users = { backend = 'memory', memory.time_to_idle = '0s' }").origin("file cache.toml");
    let wrong = factory().read(&file).unwrap_err().to_string();
    assert!(wrong.ends_with("(file cache.toml)"), "{wrong}");
}

#[test]
fn what_is_wrong_with_the_defaults_is_told_once_and_there() {
    let text = "defaults = { backend = 'memory', memory.max_bytes = 0, max_key_len = 0 }\ncaches = { a = {}, b = {} }";
    let told = errors(text);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("defaults.memory.max_bytes: is 0"), "{told:?}");
    assert!(told[1].starts_with("defaults.max_key_len: is 0"), "{told:?}");
    assert_eq!(
        errors("defaults.backend = 'memroy'\ncaches = { a = {}, b = {} }").len(),
        1
    );
}

#[test]
fn a_cache_that_chooses_another_limit_or_place_does_without_that_of_the_defaults() {
    let text = r#"
        [defaults]
        backend = "memory"
        memory.max_items = 5
        redis = { url = "redis://localhost", password_file = "/nowhere" }
        [caches]
        pages = { memory.max_bytes = "1KiB" }
        users = { backend = "redis", redis = { address = "localhost", password = "canary" } }
    "#;
    let caches = build(text);
    let pages = caches.get("pages").unwrap().stats();
    assert_eq!((pages.max_items, pages.max_weight), (None, Some(1_024)));
}

#[test]
fn a_text_in_the_place_of_a_section_is_not_shown() {
    for text in [
        "caches.users = { backend = 'redis', redis = 'redis://:canary@host' }",
        "caches.users = { backend = 'redis', redis.sentinel = 'redis://:canary@host' }",
        "caches.users = { backend = 'memory', options = 'canary' }",
        "caches = 'canary'",
        "defaults = 'canary'",
    ] {
        let told = errors(text).join("; ");
        assert!(
            told.contains("is a text and no section") && !told.contains("canary"),
            "{told}"
        );
    }
}
