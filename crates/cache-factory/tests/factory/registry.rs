//! Caches by their names: found, absent, replaced, closed.

use cache_core::{ErrorKind, Operation};
use cache_factory::Registry;

use crate::support::{build, draft, factory, failing};

fn in_memory(name: &str) -> cache_core::Cache {
    cache_factory::in_memory(name).build().unwrap()
}

#[tokio::test]
async fn a_name_finds_its_cache_and_an_absent_one_lists_what_there_is() {
    let caches = build("caches.users.backend = 'memory'\ncaches.orders.backend = 'memory'");
    assert_eq!(caches.get("users").unwrap().name(), "users");
    let absent = caches.get("user").unwrap_err();
    assert_eq!(absent.kind(), ErrorKind::InvalidName);
    let expected = r#"no cache is named "user"; did you mean `users`? there are `orders`, `users`"#;
    assert_eq!(absent.to_string(), expected);
    assert!(
        Registry::new()
            .get("users")
            .unwrap_err()
            .to_string()
            .contains("none at all")
    );
}

#[tokio::test]
async fn a_cache_that_is_replaced_is_closed() {
    let caches = Registry::new();
    let (older, newer) = (in_memory("users"), in_memory("users"));
    caches.insert(older.clone()).await.unwrap();
    caches.insert(newer).await.unwrap();
    assert_eq!(older.ping().await.unwrap_err().kind(), ErrorKind::Closed);
    caches.get("users").unwrap().ping().await.unwrap();
}

#[tokio::test]
async fn a_cache_that_is_put_in_again_stays_open() {
    let caches = Registry::new();
    let users = in_memory("users");
    caches.insert(users.clone()).await.unwrap();
    caches.insert(users.clone()).await.unwrap();
    caches.insert(caches.get("users").unwrap()).await.unwrap();
    users.ping().await.unwrap();
    assert_eq!(caches.names(), ["users"]);
}

#[tokio::test]
async fn a_cache_that_is_removed_is_closed() {
    let caches = Registry::new();
    let users = in_memory("users");
    caches.insert(users.clone()).await.unwrap();
    assert!(caches.remove("users").await.unwrap());
    assert_eq!(users.ping().await.unwrap_err().kind(), ErrorKind::Closed);
    assert!(!caches.remove("users").await.unwrap());
}

#[tokio::test]
async fn closing_all_reports_each_error_and_closes_the_rest() {
    let caches = Registry::new();
    let well = in_memory("well");
    caches.insert(well.clone()).await.unwrap();
    for name in ["one", "two"] {
        let (cache, backend) = failing(name);
        backend.fail(Operation::Close, ErrorKind::Backend);
        caches.insert(cache).await.unwrap();
    }
    let errors = caches.close_all().await.unwrap_err();
    let names: Vec<_> = errors.iter().map(|error| error.cache().unwrap()).collect();
    assert_eq!(names, ["one", "two"]);
    assert_eq!(well.ping().await.unwrap_err().kind(), ErrorKind::Closed);
    assert!(caches.names().is_empty());
}

#[tokio::test]
async fn several_caches_of_one_kind_stand_beside_each_other() {
    let caches = build("caches.a.backend = 'memory'\ncaches.b.backend = 'memory'");
    caches.get("a").unwrap().set("key", 1).await.unwrap();
    assert_eq!(caches.get("b").unwrap().get::<i32>("key").await.unwrap(), None);
}

#[tokio::test]
async fn a_required_cache_that_does_not_answer_stops_the_start() {
    let factory = factory()
        .register("broken", |_, _: cache_factory::NoOptions| {
            let broken = cache_testkit::FailingBackend::new(cache_memory::MemoryBackend::builder().build()?);
            broken.fail(Operation::Ping, ErrorKind::Unavailable);
            Ok(broken)
        })
        .unwrap();
    let open = async |text: &str| factory.open(&factory.read(&draft(text)).unwrap()).await;
    let refused = open("caches.users = { backend = 'broken', required = true }")
        .await
        .unwrap_err();
    assert_eq!(
        (refused.kind(), refused.cache()),
        (ErrorKind::Unavailable, Some("users"))
    );
    open("caches.users = { backend = 'broken' }").await.unwrap();
}

#[tokio::test]
async fn debug_prints_each_stack() {
    let caches = build("caches.users.backend = 'memory'");
    assert!(
        format!("{caches:?}").contains("Tracing(Metrics(MemoryBackend"),
        "{caches:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_required_cache_that_hangs_ends_the_start_with_an_error_that_names_it() {
    let factory = factory()
        .register("hangs", |_, _: cache_factory::NoOptions| {
            Ok(cache_testkit::SlowBackend::new(
                cache_memory::MemoryBackend::builder().build()?,
            ))
        })
        .unwrap();
    let text = "defaults = { backend = 'hangs', required = true }\ncaches = { one = {}, two = {} }";
    let refused = factory
        .open(&factory.read(&draft(text)).unwrap())
        .await
        .unwrap_err();
    assert_eq!(
        (refused.kind(), refused.cache()),
        (ErrorKind::Timeout, Some("one"))
    );
}

#[tokio::test(start_paused = true)]
async fn caches_that_do_not_end_are_left_to_themselves_after_a_while() {
    let caches = Registry::new();
    let hanging = || cache_testkit::SlowBackend::new(cache_memory::MemoryBackend::builder().build().unwrap());
    for name in ["one", "two"] {
        caches
            .insert(cache_core::Cache::builder(hanging()).name(name).build().unwrap())
            .await
            .unwrap();
    }
    let begin = tokio::time::Instant::now();
    let errors = caches.close_all().await.unwrap_err();
    let kinds: Vec<_> = errors
        .iter()
        .map(|error| (error.kind(), error.cache().unwrap()))
        .collect();
    assert_eq!(kinds, [(ErrorKind::Timeout, "one"), (ErrorKind::Timeout, "two")]);
    assert_eq!(begin.elapsed(), std::time::Duration::from_secs(10));
}
