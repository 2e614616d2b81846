//! One cache in code, and what stands around it.

use std::time::Duration;

use cache_core::ErrorKind;
use cache_factory::{Factory, KeysInLogs};

#[tokio::test]
async fn a_cache_in_memory_takes_a_line() {
    let users = cache_factory::in_memory("users")
        .ttl(Duration::from_secs(60))
        .max_items(2)
        .build()
        .unwrap();
    users.set("key", 1).await.unwrap();
    assert_eq!(users.get::<i32>("key").await.unwrap(), Some(1));
    assert_eq!((users.name(), users.stats().max_items), ("users", Some(2)));
}

#[test]
fn the_last_of_two_settings_counts() {
    let users = cache_factory::in_memory("users")
        .max_items(2)
        .max_items(3)
        .build()
        .unwrap();
    assert_eq!(users.stats().max_items, Some(3));
}

#[test]
fn debug_prints_the_stack() {
    let bare = |users: cache_factory::Setup| {
        users.configure(|config| (config.metrics, config.tracing) = (Some(false), Some(false)))
    };
    let users = Factory::new().in_memory("users");
    let shown = |users: cache_factory::Setup| format!("{:?}", users.build().unwrap());
    assert!(
        shown(users.clone()).contains("backend: Tracing(Metrics(MemoryBackend"),
        "{}",
        shown(users)
    );
    let users = bare(Factory::new().in_memory("users"));
    assert!(
        shown(users.clone()).contains("backend: MemoryBackend"),
        "{}",
        shown(users)
    );
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let both = cache_factory::in_memory("users")
        .max_items(1)
        .configure(|config| {
            let memory = config.memory.get_or_insert_default();
            memory.max_bytes = Some(cache_factory::Size(1));
        });
    assert_eq!(both.build().unwrap_err().kind(), ErrorKind::InvalidLimit);
    let silent = cache_factory::in_memory("users").configure(|config| {
        (config.tracing, config.keys_in_logs) = (Some(false), Some(KeysInLogs::Shown));
    });
    assert_eq!(silent.build().unwrap_err().kind(), ErrorKind::InvalidConfig);
}

#[test]
fn a_name_that_no_cache_may_have_is_refused() {
    assert_eq!(
        cache_factory::in_memory("Users!").build().unwrap_err().kind(),
        ErrorKind::InvalidName
    );
}

#[test]
fn a_word_that_is_no_backend_is_an_error_and_no_cache_in_memory() {
    for word in ["", "reddis"] {
        let refused = cache_factory::cache(word, "users").build().unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidConfig, "{refused}");
    }
}

#[test]
fn an_option_of_another_backend_is_refused_with_its_path() {
    for (setup, path) in [
        (cache_factory::in_memory("users").db(3), "caches.users.redis.db"),
        (
            cache_factory::in_memory("users").address("localhost"),
            "caches.users.redis.address",
        ),
        (
            cache_factory::in_memory("users").password("canary"),
            "caches.users.redis.password",
        ),
        (
            cache_factory::in_memory("users").option("room", 3),
            "caches.users.options",
        ),
        (
            cache_factory::redis("users").max_items(5),
            "caches.users.memory.max_items",
        ),
        (
            cache_factory::redis("users").option("room", 3),
            "caches.users.options",
        ),
    ] {
        let refused = setup.build().unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidConfig, "{refused}");
        assert!(
            refused.message().starts_with(&format!("{path}: means nothing")),
            "{refused}"
        );
        assert!(!refused.to_string().contains("canary"), "{refused}");
    }
}
