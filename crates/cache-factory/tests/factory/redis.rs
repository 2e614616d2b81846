//! Caches on a real Redis server, configured by words.

use std::fs;
use std::time::{Duration, Instant};

use cache_core::ErrorKind;
use cache_factory::{Health, Registry};
use cache_testkit::proxy::{RefusingAddress, SilentAddress};
use cache_testkit::servers::RedisServer;

use crate::spans::Spans;
use crate::support::{PATIENT, draft, factory, patient};

async fn open(text: &str) -> cache_core::Result<Registry> {
    factory().open(&factory().read(&draft(text))?).await
}

#[tokio::test]
async fn a_cache_on_a_server_takes_a_line() {
    let server = RedisServer::builder().start();
    let users = cache_factory::redis("users")
        .address(server.address().to_string())
        .configure(patient)
        .ttl(Duration::from_secs(60))
        .build()
        .unwrap();
    users.set("key", 1).await.unwrap();
    assert_eq!(users.get::<i32>("key").await.unwrap(), Some(1));
    assert_eq!(users.backend_kind(), "redis");
}

#[tokio::test]
async fn a_password_given_in_code_opens_the_server_and_is_never_shown() {
    let server = RedisServer::builder().password("canary").start();
    let setup = || {
        let setup = cache_factory::redis("users").address(server.address().to_string());
        setup.configure(patient).required(true)
    };
    let shown = format!("{:?}", setup().password("canary"));
    assert!(!shown.contains("canary"), "{shown}");
    let users = setup().password("canary").open().await.unwrap();
    users.set("key", 1).await.unwrap();
    assert!(!format!("{users:?}").contains("canary"), "{users:?}");
    let refused = setup().open().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Denied, "{refused}");
    assert_eq!(
        setup().password("other").open().await.unwrap_err().kind(),
        ErrorKind::Denied
    );
}

#[tokio::test]
async fn a_database_given_in_code_is_the_one_that_is_used() {
    let server = RedisServer::builder().start();
    let by_number = cache_factory::redis("one")
        .address(server.address().to_string())
        .db(3);
    let by_url = cache_factory::redis("two").url(format!("redis://{}/5", server.address()));
    for setup in [by_number, by_url] {
        let cache = setup.configure(patient).build().unwrap();
        cache.set("key", 1).await.unwrap();
    }
    let databases = server.command(["INFO", "keyspace"]).text();
    for database in ["db3:keys=1", "db5:keys=1"] {
        assert!(databases.contains(database), "{databases}");
    }
    assert!(!databases.contains("db0:"), "{databases}");
}

#[tokio::test]
async fn a_url_given_in_code_is_never_shown() {
    let setup = cache_factory::redis("users").url("redis://:canary@localhost");
    assert!(!format!("{setup:?}").contains("canary"), "{setup:?}");
    let users = setup.build().unwrap();
    assert!(!format!("{users:?}").contains("canary"), "{users:?}");
}

#[tokio::test]
async fn opening_a_required_cache_without_its_server_fails_and_of_another_does_not() {
    let nobody = RefusingAddress::new();
    let setup = || cache_factory::redis("users").address(nobody.address().to_string());
    let refused = setup().required(true).open().await.unwrap_err();
    assert_eq!(
        (refused.kind(), refused.cache()),
        (ErrorKind::Unavailable, Some("users")),
        "{refused}"
    );
    setup().open().await.unwrap();
    setup().required(false).open().await.unwrap();
}

#[tokio::test]
async fn the_layers_stand_around_the_backend_on_a_server() {
    let server = RedisServer::builder().start();
    let users = cache_factory::redis("users")
        .address(server.address().to_string())
        .build()
        .unwrap();
    assert!(
        format!("{users:?}").contains("Tracing(Metrics(RedisBackend"),
        "{users:?}"
    );
}

#[tokio::test]
async fn a_span_says_that_the_backend_is_redis_and_that_it_is_asked_as_a_client() {
    let server = RedisServer::builder().start();
    let users = cache_factory::redis("users")
        .address(server.address().to_string())
        .configure(patient)
        .build()
        .unwrap();
    let (spans, guard) = Spans::listen();
    users.get::<i32>("key").await.unwrap();
    drop(guard);
    let span = spans.of("cache.get");
    assert_eq!(
        (&*span["cache.backend"], &*span["otel.kind"]),
        ("redis", "client"),
        "{span:?}"
    );
}

#[tokio::test]
async fn two_caches_of_one_server_do_not_see_each_others_keys() {
    let server = RedisServer::builder().start();
    let text = format!(
        "defaults = {{ backend = 'redis', redis = {{ address = '{}', {PATIENT} }} }}\ncaches = {{ a = {{}}, b = {{}} }}",
        server.address()
    );
    let caches = open(&text).await.unwrap();
    caches.get("a").unwrap().set("key", 1).await.unwrap();
    assert_eq!(caches.get("b").unwrap().get::<i32>("key").await.unwrap(), None);
    caches.get("b").unwrap().clear().await.unwrap();
    assert_eq!(caches.get("a").unwrap().get::<i32>("key").await.unwrap(), Some(1));
}

#[tokio::test]
async fn one_word_changes_the_backend() {
    let server = RedisServer::builder().start();
    for backend in ["memory", "redis"] {
        let text = format!(
            "defaults = {{ backend = '{backend}', memory.max_items = 9, redis = {{ address = '{}', {PATIENT} }} }}\ncaches.users = {{}}",
            server.address()
        );
        let users = open(&text).await.unwrap().get("users").unwrap();
        users.set("key", 1).await.unwrap();
        assert_eq!(
            (users.backend_kind(), users.get::<i32>("key").await.unwrap()),
            (backend, Some(1))
        );
    }
}

#[tokio::test]
async fn a_password_comes_out_of_a_file_or_a_variable_and_is_never_shown() {
    let server = RedisServer::builder().password("canary").start();
    let path = std::env::temp_dir().join(format!("cache-factory-password-{}", std::process::id()));
    fs::write(&path, "canary\n").unwrap();
    for password in [
        format!("password_file = '{}'", path.display()),
        "password = '${SECRET}'".to_owned(),
    ] {
        let text = format!(
            "caches.users = {{ backend = 'redis', required = true, redis = {{ address = '{}', {password}, {PATIENT} }} }}",
            server.address()
        );
        let config = factory().read(&draft(&text)).unwrap();
        let caches = factory().open(&config).await.unwrap();
        let report = Health::new(caches.clone()).check().await;
        let shown = format!("{config:?} {caches:?} {report:?} {:?}", factory());
        assert!(report.is_up() && !shown.contains("canary"), "{shown}");
    }
    fs::remove_file(&path).unwrap();
}

#[tokio::test]
async fn a_wrong_password_is_a_clear_line_without_it() {
    let server = RedisServer::builder().password("another").start();
    let text = format!(
        "caches.users = {{ backend = 'redis', required = true, redis = {{ address = '{}', password = '${{SECRET}}', {PATIENT} }} }}",
        server.address()
    );
    let refused = open(&text).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Denied, "{refused}");
    assert!(
        !format!("{refused} {refused:?}").contains("canary"),
        "{refused:?}"
    );
    assert_eq!(refused.to_string().lines().count(), 1);
}

#[tokio::test]
async fn without_its_server_a_required_cache_does_not_start_and_another_does() {
    let text = |required: bool, address: &str| {
        format!("caches.users = {{ backend = 'redis', required = {required}, redis.address = '{address}' }}")
    };
    let nobody = RefusingAddress::new();
    let address = nobody.address().to_string();
    let refused = open(&text(true, &address)).await.unwrap_err();
    assert_eq!(
        (refused.kind(), refused.cache()),
        (ErrorKind::Unavailable, Some("users")),
        "{refused}"
    );

    let caches = open(&text(false, &address)).await.unwrap();
    let health = Health::new(caches).max_age(Duration::ZERO);
    let report = health.check().await;
    assert_eq!((report.is_up(), report.is_ready()), (false, true));
}

#[tokio::test]
async fn a_required_cache_whose_server_is_silent_gives_up_after_two_seconds_and_says_that_it_was_silent() {
    let silent = SilentAddress::new().await;
    let begin = Instant::now();
    let refused = cache_factory::redis("users")
        .address(silent.address().to_string())
        .required(true)
        .open()
        .await
        .unwrap_err();
    let (kind, waited) = (refused.kind(), begin.elapsed());
    assert_eq!((kind, refused.cache()), (ErrorKind::Timeout, Some("users")));
    assert!(!refused.to_string().contains("did not ask"), "{refused}");
    assert!(waited > Duration::from_millis(1_900), "{waited:?}");
    assert!(waited < Duration::from_secs(3), "{waited:?}");
}

/// By then a breaker is open, so most of what a start asks is answered without the server.
#[tokio::test]
async fn a_required_cache_whose_server_answers_after_a_second_starts() {
    let server = RedisServer::builder().start();
    server.freeze();
    let thaw = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        server.thaw();
    };
    let setup = cache_factory::redis("users").address(server.address().to_string());
    let (opened, ()) = tokio::join!(setup.required(true).open(), thaw);
    opened.unwrap();
}

/// A first answer that is late does not make a refusal wait.
#[tokio::test]
async fn a_required_cache_that_was_late_and_is_refused_for_good_says_why() {
    let server = RedisServer::builder().password("another").start();
    server.freeze();
    let thaw = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        server.thaw();
    };
    let setup = cache_factory::redis("users").address(server.address().to_string());
    let (opened, ()) = tokio::join!(setup.required(true).open(), thaw);
    assert_eq!(opened.unwrap_err().kind(), ErrorKind::Denied);
}

#[tokio::test]
async fn a_cache_that_started_without_its_server_finds_it_later() {
    let server = RedisServer::builder().start();
    let address = server.address();
    server.kill();
    let text = format!("caches.users = {{ backend = 'redis', redis.address = '{address}' }}");
    let health = Health::new(open(&text).await.unwrap()).max_age(Duration::ZERO);
    assert!(!health.check().await.is_up());
    server.start();
    let found = async {
        while !health.check().await.is_up() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), found)
        .await
        .unwrap();
}
