//! How long markers live, and what becomes of values whose markers are lost.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use cache_core::{CacheBackend, Expiration, Tag};
use cache_testkit::{ManualClock, MapBackend, SlowBackend};
use tokio::time::Instant;

use crate::support::{cache_on, map};

const MINUTE: Duration = Duration::from_secs(60);

fn marker(tag: &str, slot: u8) -> Tag {
    Tag::new(tag, slot, 0).unwrap()
}

async fn life_of_marker(map: &MapBackend, clock: &ManualClock, slot: u8) -> Option<Option<Duration>> {
    let tag = marker("a", slot);
    let entry = map.get(tag.marker()).await.unwrap()?;
    Some(entry.remaining(cache_core::Clock::now(clock)))
}

/// A tag that nobody uses any more leaves nothing behind.
#[tokio::test]
async fn a_marker_lives_three_times_as_long_as_what_it_was_made_for() {
    let (map, clock) = map();
    let cache = cache_on(Arc::clone(&map));
    cache.set("key", 1_u64).ttl(MINUTE).tags(&["a"]).await.unwrap();
    assert_eq!(life_of_marker(&map, &clock, 0).await, Some(Some(3 * MINUTE)));
    clock.advance(3 * MINUTE);
    assert_eq!(life_of_marker(&map, &clock, 0).await, None);
}

#[tokio::test]
async fn a_marker_of_what_has_no_end_has_none() {
    let (map, clock) = map();
    let cache = cache_on(Arc::clone(&map));
    cache
        .set("key", 1_u64)
        .expiration(Expiration::Never)
        .tags(&["a"])
        .await
        .unwrap();
    assert_eq!(life_of_marker(&map, &clock, 0).await, Some(None));
    clock.advance(Duration::from_secs(3_600 * 24 * 365));
    assert_eq!(cache.get("key").await.unwrap(), Some(1_u64));
}

/// A tag in steady use goes on for ever, and every value is there to its very end.
#[tokio::test]
async fn values_are_there_to_their_end_while_markers_are_made_anew() {
    let (map, clock) = map();
    let cache = cache_on(map);
    let step = Duration::from_secs(7);
    let mut stored = std::collections::VecDeque::new();
    for number in 0..2_000_u64 {
        let key = number.to_string();
        cache.set(&key, number).ttl(MINUTE).tags(&["a"]).await.unwrap();
        stored.push_back((key, number));
        clock.advance(step);
        // Eight steps are 56 s, the ninth is past the end.
        if stored.len() > 8 {
            stored.pop_front();
        }
        let (key, number) = &stored[0];
        assert_eq!(cache.get(key).await.unwrap(), Some(*number));
    }
    cache.invalidate_tag("a").await.unwrap();
    for (key, _) in &stored {
        assert_eq!(cache.get::<u64>(key).await.unwrap(), None);
    }
}

/// An eviction, an operator, a server that lost its memory: values are lost with their markers and do not come back.
#[tokio::test]
async fn values_without_their_marker_are_misses_for_good() {
    let (map, _) = map();
    let cache = cache_on(Arc::clone(&map));
    cache.set("one", 1_u64).tags(&["a"]).await.unwrap();
    let tag = marker("a", 0);
    map.delete(tag.marker()).await.unwrap();
    assert_eq!(cache.get::<u64>("one").await.unwrap(), None);
    cache.set("two", 2_u64).tags(&["a"]).await.unwrap();
    assert_eq!(cache.get::<u64>("one").await.unwrap(), None);
    assert_eq!(cache.get("two").await.unwrap(), Some(2_u64));
}

/// Both markers go, so that what goes by either is a miss.
#[tokio::test]
async fn an_invalidation_removes_both_markers() {
    let (map, clock) = map();
    let cache = cache_on(Arc::clone(&map));
    cache.set("short", 1_u64).ttl(MINUTE).tags(&["a"]).await.unwrap();
    cache
        .set("long", 2_u64)
        .ttl(100 * MINUTE)
        .tags(&["a"])
        .await
        .unwrap();
    assert!(life_of_marker(&map, &clock, 1).await.is_some());
    cache.invalidate_tag("a").await.unwrap();
    assert_eq!(life_of_marker(&map, &clock, 0).await, None);
    assert_eq!(life_of_marker(&map, &clock, 1).await, None);
    for key in ["short", "long"] {
        assert_eq!(cache.get::<u64>(key).await.unwrap(), None);
    }
}

/// Nobody drives it, so nobody may wait for it for ever, nor so long that a server would be too slow for the rest.
#[tokio::test(start_paused = true)]
async fn a_write_that_stands_still_stops_no_other() {
    let slow = Arc::new(SlowBackend::new(map().0));
    let cache = cache_on(Arc::clone(&slow));
    let mut stalled = cache.set("one", 1_u64).tags(&["a"]).into_future();
    // Two questions and it makes the marker: there it stays.
    slow.release(2);
    for _ in 0..20 {
        let poll =
            std::future::poll_fn(|context| std::task::Poll::Ready(Pin::new(&mut stalled).poll(context)));
        assert!(poll.await.is_pending());
        tokio::task::yield_now().await;
    }
    slow.open();
    let start = Instant::now();
    cache.set("two", 2_u64).tags(&["a"]).await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_millis(100));
    assert_eq!(cache.get("two").await.unwrap(), Some(2_u64));
}
