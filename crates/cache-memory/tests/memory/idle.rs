//! Time to idle: entries end that nobody uses.

use std::time::Duration;

use cache_testkit::eventually;

use crate::support::{evictions, held, setup, setup_without_thread};

const IDLE: Duration = Duration::from_secs(10);
/// A millisecond less.
const NOT_YET: Duration = Duration::from_millis(9_999);

#[tokio::test]
async fn an_entry_that_nobody_uses_ends() {
    let setup = setup_without_thread(|builder| builder.time_to_idle(IDLE));
    setup.cache.set("key", 1).await.unwrap();
    setup.clock.advance(IDLE);
    assert_eq!(setup.cache.get::<i32>("key").await.unwrap(), None);
}

#[tokio::test]
async fn a_get_keeps_it_alive() {
    let setup = setup_without_thread(|builder| builder.time_to_idle(IDLE));
    setup.cache.set("key", 1).await.unwrap();
    for _ in 0..5 {
        setup.clock.advance(NOT_YET);
        assert_eq!(setup.cache.get::<i32>("key").await.unwrap(), Some(1));
    }
}

#[tokio::test]
async fn asking_whether_it_exists_does_not() {
    let setup = setup_without_thread(|builder| builder.time_to_idle(IDLE));
    setup.cache.set("key", 1).await.unwrap();
    setup.clock.advance(NOT_YET);
    assert!(setup.cache.exists("key").await.unwrap());
    setup.clock.advance(Duration::from_millis(1));
    assert!(!setup.cache.exists("key").await.unwrap());
}

#[tokio::test]
async fn use_does_not_outlast_the_ttl() {
    let setup = setup_without_thread(|builder| builder.time_to_idle(IDLE));
    setup
        .cache
        .set("key", 1)
        .ttl(Duration::from_secs(15))
        .await
        .unwrap();
    setup.clock.advance(Duration::from_secs(9));
    assert_eq!(setup.cache.get::<i32>("key").await.unwrap(), Some(1));
    setup.clock.advance(Duration::from_secs(6));
    assert_eq!(setup.cache.get::<i32>("key").await.unwrap(), None);
}

#[tokio::test]
async fn idle_entries_are_freed_without_traffic_and_used_ones_stay() {
    let setup = setup(|builder| builder.time_to_idle(IDLE));
    setup.cache.set("idle", 1).await.unwrap();
    setup.cache.set("used", 1).await.unwrap();
    setup.clock.advance(IDLE / 2);
    setup.cache.get::<i32>("used").await.unwrap();
    setup.clock.advance(IDLE / 2 + Duration::from_secs(1));
    eventually("the idle entry is freed", || setup.cache.stats().items == Some(1)).await;
    assert!(setup.cache.exists("used").await.unwrap());
    assert_eq!(setup.cache.stats().expirations, Some(1));
}

/// Those that were used meanwhile are due as well, and there are more of them than a write frees at once.
#[tokio::test]
async fn an_entry_that_is_over_goes_before_live_ones_however_many_were_used_meanwhile() {
    let setup = setup_without_thread(|builder| builder.time_to_idle(IDLE).max_items(34));
    let used: Vec<String> = (0..33).map(|n| format!("used-{n}")).collect();
    for key in &used {
        setup.cache.set(key, 1).await.unwrap();
    }
    setup.clock.advance(Duration::from_millis(8_900));
    for key in &used {
        assert!(setup.cache.get::<i32>(key).await.unwrap().is_some());
    }
    setup.clock.advance(Duration::from_millis(100));
    let brief = Duration::from_millis(1_500);
    setup.cache.set("over", 1).ttl(brief).await.unwrap();
    setup.clock.advance(Duration::from_secs(2));
    setup.cache.set("new", 1).await.unwrap();
    let used: Vec<&str> = used.iter().map(String::as_str).collect();
    assert_eq!(held(&setup.cache, &used).await, used);
    assert_eq!(
        (evictions(&setup.cache), setup.cache.stats().expirations),
        ([0, 0, 0], Some(1))
    );
}
