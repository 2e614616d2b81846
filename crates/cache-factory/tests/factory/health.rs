//! Up or down, cheaply, and without a secret.

use std::sync::Arc;
use std::time::Duration;

use cache_core::{Cache, ErrorKind, Operation};
use cache_factory::{Health, Registry};
use cache_memory::MemoryBackend;
use cache_testkit::{CountingBackend, SlowBackend};
use serde_json::json;

use crate::support::{build, draft, factory, failing};

fn memory() -> MemoryBackend {
    MemoryBackend::builder().build().unwrap()
}

#[tokio::test]
async fn a_cache_that_answers_is_up_with_its_details() {
    let caches = build("caches.users = { backend = 'memory', memory.max_items = 5 }");
    caches.get("users").unwrap().set("key", 1).await.unwrap();
    let report = Health::new(caches).check().await;
    let mut shown = serde_json::to_value(&report).unwrap();
    let latency = shown["caches"]["users"]
        .as_object_mut()
        .unwrap()
        .remove("latency_ms")
        .unwrap();
    assert!(latency.as_f64().unwrap() >= 0.0);
    let users = json!({ "status": "up", "backend": "memory", "required": false, "items": 1, "max_items": 5 });
    assert_eq!(shown, json!({ "status": "up", "caches": { "users": users } }));
}

#[tokio::test]
async fn one_cache_that_is_down_makes_the_whole_down_and_says_why() {
    let caches = build("caches.users.backend = 'memory'");
    let (broken, backend) = failing("broken");
    backend.fail(Operation::Ping, ErrorKind::Unavailable);
    caches.insert(broken).await.unwrap();
    let report = Health::new(caches).check().await;
    assert!(!report.is_up());
    assert_eq!(
        report.caches["broken"].error.as_ref().unwrap().kind,
        "unavailable"
    );
    assert!(report.caches["users"].error.is_none());
}

#[tokio::test]
async fn only_a_required_cache_makes_a_service_unready() {
    let broken = |required: bool| async move {
        let backend = Arc::new(cache_testkit::FailingBackend::new(memory()));
        let shared = Arc::clone(&backend);
        let factory = factory()
            .register("broken", move |_, _: cache_factory::NoOptions| {
                Ok(Arc::clone(&shared))
            })
            .unwrap();
        let text = format!("caches.users = {{ backend = 'broken', required = {required} }}");
        let caches = factory.open(&factory.read(&draft(&text)).unwrap()).await.unwrap();
        backend.fail(Operation::Ping, ErrorKind::Unavailable);
        Health::new(caches).check().await
    };
    let (can_do_without, cannot) = (broken(false).await, broken(true).await);
    assert_eq!((can_do_without.is_up(), can_do_without.is_ready()), (false, true));
    assert_eq!((cannot.is_up(), cannot.is_ready()), (false, false));
}

async fn registry(cache: Cache) -> Registry {
    let caches = Registry::new();
    caches.insert(cache).await.unwrap();
    caches
}

#[tokio::test]
async fn an_answer_is_kept_for_a_while() {
    let counting = Arc::new(CountingBackend::new(memory()));
    let cache = Cache::builder(Arc::clone(&counting))
        .name("users")
        .build()
        .unwrap();
    let caches = registry(cache).await;
    let health = Health::new(caches.clone()).max_age(Duration::from_secs(3_600));
    for _ in 0..10 {
        health.check().await;
    }
    assert_eq!(counting.count(Operation::Ping), 1);
    let fresh = Health::new(caches).max_age(Duration::ZERO);
    fresh.check().await;
    fresh.check().await;
    assert_eq!(counting.count(Operation::Ping), 3);
}

#[tokio::test]
async fn a_cache_that_takes_the_place_of_another_is_asked_itself() {
    let (broken, backend) = failing("users");
    backend.fail(Operation::Ping, ErrorKind::Unavailable);
    let caches = registry(broken).await;
    let health = Health::new(caches.clone()).max_age(Duration::from_secs(3_600));
    assert!(!health.check().await.is_up());
    caches
        .insert(cache_factory::in_memory("users").build().unwrap())
        .await
        .unwrap();
    assert!(health.check().await.is_up());
}

#[tokio::test]
async fn callers_at_the_same_time_share_an_answer() {
    let counting = Arc::new(CountingBackend::new(memory()));
    let slow = Arc::new(SlowBackend::new(Arc::clone(&counting)));
    let cache = Cache::builder(Arc::clone(&slow)).name("users").build().unwrap();
    let health = Health::new(registry(cache).await).max_age(Duration::from_secs(3_600));
    let release = async {
        slow.arrived(1).await;
        slow.open();
    };
    tokio::join!(health.check(), health.check(), release);
    assert_eq!(counting.count(Operation::Ping), 1);
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_hangs_is_down_after_the_timeout() {
    let slow = Arc::new(SlowBackend::new(memory()));
    let cache = Cache::builder(slow).name("users").build().unwrap();
    let health = Health::new(registry(cache).await).timeout(Duration::from_secs(5));
    let report = health.check().await;
    assert_eq!(report.caches["users"].error.as_ref().unwrap().kind, "timeout");
}

#[tokio::test]
async fn a_cache_that_is_closed_is_down() {
    let caches = build("caches.users.backend = 'memory'");
    caches.get("users").unwrap().close().await.unwrap();
    assert_eq!(
        Health::new(caches).check().await.caches["users"]
            .error
            .as_ref()
            .unwrap()
            .kind,
        "closed"
    );
}

fn slow(name: &str, counting: &Arc<CountingBackend<MemoryBackend>>) -> Cache {
    let slow = SlowBackend::new(Arc::clone(counting));
    Cache::builder(slow).name(name).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn callers_that_waited_for_a_backend_that_hangs_do_not_ask_one_after_the_other() {
    let counting = Arc::new(CountingBackend::new(memory()));
    let health = Health::new(registry(slow("users", &counting)).await);
    let begin = tokio::time::Instant::now();
    let (one, two, three) = tokio::join!(health.check(), health.check(), health.check());
    assert!(!one.is_up() && !two.is_up() && !three.is_up());
    assert_eq!(begin.elapsed(), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn several_backends_that_hang_take_no_longer_than_one() {
    let counting = Arc::new(CountingBackend::new(memory()));
    let caches = registry(slow("one", &counting)).await;
    caches.insert(slow("two", &counting)).await.unwrap();
    let begin = tokio::time::Instant::now();
    assert_eq!(Health::new(caches).check().await.caches.len(), 2);
    assert_eq!(begin.elapsed(), Duration::from_secs(1));
}
