//! Tags of what is loaded: an invalidation wins over loads, fresh and stale values alike.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "the suite fails by panicking"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cache_core::{LoadContext, LoadOptions, Loaded};
use tokio::sync::Notify;

use super::probe::{all, assert_kept, builder, life};
use super::tags::{assert_absent, cache, get};
use crate::fixture::Fixture;

/// A loaded value carries the tags of the call, and those that its loader gives.
pub async fn a_loaded_value_carries_tags(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    for tag in ["of the call", "of the loader"] {
        let load = |_: LoadContext<u64>| async { Ok::<_, String>(Loaded::store(1).tags(["of the loader"])) };
        let loaded = cache.get_or_load("key", load).tags(&["of the call"]).await;
        assert_eq!(loaded.unwrap(), Some(1));
        assert_kept(fixture, get(&cache, "key").await, 1);
        cache.invalidate_tag(tag).await.unwrap();
        assert_absent(&cache, "key").await;
    }
}

/// An invalidation that comes during a load wins: the value is given to who asked before, and not kept.
pub async fn an_invalidation_during_a_load_wins(fixture: &dyn Fixture) {
    for (of_call, of_loader) in [("a", "b"), ("b", "a")] {
        let cache = cache(fixture);
        let (began, goes_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let caller = tokio::spawn({
            let (cache, began, goes_on) = (cache.clone(), Arc::clone(&began), Arc::clone(&goes_on));
            async move {
                let load = move |_: LoadContext<u64>| async move {
                    began.notify_one();
                    goes_on.notified().await;
                    Ok::<_, String>(Loaded::store(1).tags([of_loader]))
                };
                cache.get_or_load("key", load).tags(&[of_call]).await
            }
        });
        began.notified().await;
        cache.invalidate_tag("a").await.unwrap();
        goes_on.notify_one();
        assert_eq!(caller.await.unwrap().unwrap(), Some(1));
        assert_absent(&cache, "key").await;
    }
}

/// That there is nothing is remembered with tags, and forgotten with them.
pub async fn a_remembered_nothing_can_be_invalidated(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    let runs = Arc::new(AtomicUsize::new(0));
    for _ in 0..2 {
        let runs = Arc::clone(&runs);
        let nothing = |_: LoadContext<u64>| async move {
            runs.fetch_add(1, Ordering::SeqCst);
            Ok::<_, String>(Loaded::not_found())
        };
        assert_eq!(
            cache.get_or_load("key", nothing).tags(&["a"]).await.unwrap(),
            None
        );
    }
    assert!(runs.load(Ordering::SeqCst) == 1 || !fixture.keeps_every_set());
    cache.invalidate_tag("a").await.unwrap();
    let something = |_: LoadContext<u64>| async { Ok::<_, String>(Loaded::store(7)) };
    assert_eq!(cache.get_or_load("key", something).await.unwrap(), Some(7));
}

/// A stale value whose tag was invalidated is not given, whatever becomes of the load.
pub async fn an_invalidated_stale_value_is_not_given(fixture: &dyn Fixture) {
    let life = life(fixture);
    let options = LoadOptions::new()
        .ttl(life)
        .stale_while_revalidate(100 * life)
        .stale_if_error(100 * life)
        .jitter(0.0);
    let cache = builder(fixture, fixture.backend())
        .tags(true)
        .loading(options)
        .build()
        .unwrap();
    let load = || async { Ok::<u64, &str>(1) };
    assert_eq!(cache.get_or_load("key", load).tags(&["a"]).await.unwrap(), 1);
    fixture.pass(life + 4 * fixture.slack()).await;
    cache.invalidate_tag("a").await.unwrap();
    let fails = || async { Err::<u64, _>("a test says so") };
    assert!(cache.get_or_load("key", fails).tags(&["a"]).await.is_err());
}

/// Values that are loaded for many keys carry the tags of the call, and each those of its own.
pub async fn many_loaded_values_carry_tags(fixture: &dyn Fixture) {
    let cache = cache(fixture);
    let load = |keys: Vec<String>| async move {
        let pairs = keys.into_iter().map(|key| {
            let answer = Loaded::store(1_u64).tags([key.as_str()]);
            (key, Ok(answer))
        });
        Ok::<Vec<_>, &str>(pairs.collect())
    };
    all(cache
        .get_or_load_many(&["x", "y", "z"], load)
        .tags(&["all"])
        .await);
    assert_kept(fixture, get(&cache, "y").await, 1);
    cache.invalidate_tag("x").await.unwrap();
    assert_absent(&cache, "x").await;
    assert_kept(fixture, get(&cache, "y").await, 1);
    cache.invalidate_tag("all").await.unwrap();
    assert_absent(&cache, "y").await;
    assert_absent(&cache, "z").await;
}
