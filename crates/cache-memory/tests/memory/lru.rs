//! Who goes when room is needed: under one caller the least recently used live entry, in a large cache to a 16th.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use cache_memory::EvictionPolicy;
use cache_testkit::eventually;
use proptest::prelude::*;
use tokio::sync::Barrier;

use crate::support::{evictions, held, setup, setup_without_thread};

#[tokio::test]
async fn at_the_limit_a_new_key_evicts_the_oldest() {
    let cache = setup_without_thread(|builder| builder.max_items(2)).cache;
    for key in ["a", "b", "c"] {
        cache.set(key, 1).await.unwrap();
    }
    assert_eq!(held(&cache, &["a", "b", "c"]).await, ["b", "c"]);
    assert_eq!(evictions(&cache), [1, 0, 0]);
}

#[tokio::test]
async fn a_get_counts_as_a_use() {
    let cache = setup_without_thread(|builder| builder.max_items(2)).cache;
    cache.set("a", 1).await.unwrap();
    cache.set("b", 1).await.unwrap();
    cache.get::<i32>("a").await.unwrap();
    cache.set("c", 1).await.unwrap();
    assert_eq!(held(&cache, &["a", "b", "c"]).await, ["a", "c"]);
}

#[tokio::test]
async fn a_set_of_an_old_key_counts_as_a_use_and_evicts_nothing() {
    let cache = setup_without_thread(|builder| builder.max_items(2)).cache;
    for key in ["a", "b", "a"] {
        cache.set(key, 1).await.unwrap();
    }
    assert_eq!(evictions(&cache), [0, 0, 0]);
    cache.set("c", 1).await.unwrap();
    assert_eq!(held(&cache, &["a", "b", "c"]).await, ["a", "c"]);
}

#[tokio::test]
async fn asking_whether_a_key_exists_is_no_use() {
    let cache = setup_without_thread(|builder| builder.max_items(2)).cache;
    cache.set("a", 1).await.unwrap();
    cache.set("b", 1).await.unwrap();
    assert!(cache.exists("a").await.unwrap());
    cache.set("c", 1).await.unwrap();
    assert_eq!(held(&cache, &["a", "b", "c"]).await, ["b", "c"]);
}

#[tokio::test]
async fn a_cache_of_one_holds_the_latest() {
    let cache = setup_without_thread(|builder| builder.max_items(1)).cache;
    for key in ["a", "b", "c"] {
        cache.set(key, key.to_owned()).await.unwrap();
        assert_eq!(held(&cache, &["a", "b", "c"]).await, [key]);
    }
}

#[tokio::test]
async fn no_limit_evicts_nothing() {
    let cache = setup_without_thread(|builder| builder.max_items(0)).cache;
    for n in 0..5_000 {
        cache.set(&n.to_string(), n).await.unwrap();
    }
    assert_eq!((cache.stats().items, evictions(&cache)), (Some(5_000), [0, 0, 0]));
}

#[tokio::test]
async fn the_frequency_policy_keeps_what_is_used_often() {
    let cache = setup_without_thread(|builder| builder.max_items(100).policy(EvictionPolicy::TinyLfu)).cache;
    for _ in 0..20 {
        for n in 0..50 {
            let key = format!("hot-{n}");
            if cache.get::<i32>(&key).await.unwrap().is_none() {
                cache.set(&key, n).await.unwrap();
            }
        }
    }
    for n in 0..1_000 {
        cache.set(&format!("once-{n}"), n).await.unwrap();
    }
    let mut kept = 0;
    for n in 0..50 {
        kept += i32::from(cache.exists(&format!("hot-{n}")).await.unwrap());
    }
    assert!(
        kept >= 45,
        "a scan left only {kept} of 50 entries that are used often"
    );
}

#[tokio::test]
async fn a_new_entry_that_the_frequency_policy_refuses_counts_as_evicted() {
    let cache = setup_without_thread(|builder| builder.max_items(2).policy(EvictionPolicy::TinyLfu)).cache;
    for key in ["a", "b"] {
        cache.set(key, 1).await.unwrap();
        for _ in 0..10 {
            cache.get::<i32>(key).await.unwrap();
        }
    }
    cache.set("new", 1).await.unwrap();
    assert_eq!(held(&cache, &["a", "b", "new"]).await, ["a", "b"]);
    assert_eq!(evictions(&cache), [1, 0, 0]);
}

/// However often those were used that are there: a policy that counts uses refuses nothing before.
#[tokio::test]
async fn until_it_is_full_every_entry_is_stored_with_either_policy() {
    for policy in [EvictionPolicy::Lru, EvictionPolicy::TinyLfu] {
        let cache = setup_without_thread(|builder| builder.max_items(100).policy(policy)).cache;
        let keys: Vec<String> = (0..100).map(|n| format!("key-{n}")).collect();
        for key in &keys {
            cache.set(key, 1).await.unwrap();
            for _ in 0..10 {
                cache.get::<i32>("key-0").await.unwrap();
            }
        }
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        assert_eq!(held(&cache, &keys).await, keys, "{policy:?}");
        assert_eq!(evictions(&cache), [0, 0, 0], "{policy:?}");
    }
}

#[tokio::test]
async fn only_want_of_room_is_an_eviction() {
    let cache = setup_without_thread(|builder| builder.max_items(10)).cache;
    for key in ["a", "b", "c", "a"] {
        cache.set(key, 1).await.unwrap();
    }
    cache.delete("a").await.unwrap();
    cache.clear().await.unwrap();
    cache.set("d", 1).await.unwrap();
    cache.close().await.unwrap();
    assert_eq!(cache.stats().items, Some(0));
    assert_eq!(evictions(&cache), [0, 0, 0]);
}

/// A cache at its limit goes on working under many writers: what each of them has stored in a round is there when the round
/// is over, since 100 entries are more than the 50 of a round.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_writers_at_the_limit_find_their_last_entries_and_never_pass_it_when_they_are_done() {
    let cache = setup(|builder| builder.max_items(100)).cache;
    let round = Arc::new(Barrier::new(50));
    let writers: Vec<_> = (0..50)
        .map(|writer| {
            let (cache, round) = (cache.clone(), Arc::clone(&round));
            tokio::spawn(async move {
                for n in 0..200 {
                    let key = format!("{writer}-{n}");
                    cache.set(&key, n).await.unwrap();
                    round.wait().await;
                    assert!(cache.exists(&key).await.unwrap(), "{key} is gone");
                    round.wait().await;
                    let items = cache.stats().items.unwrap();
                    assert!(
                        items <= 100 + 50,
                        "{items} entries with 50 writers at a limit of 100"
                    );
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(cache.stats().items, Some(100));
    assert_eq!(evictions(&cache), [50 * 200 - 100, 0, 0]);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Get(u8),
    Set(u8),
    Delete(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..12_u8).prop_map(Step::Get),
        3 => (0..12_u8).prop_map(Step::Set),
        1 => (0..12_u8).prop_map(Step::Delete),
    ]
}

/// Least recently used first, written down as simply as can be.
#[derive(Default)]
struct Model(VecDeque<u8>);

impl Model {
    fn forget(&mut self, key: u8) -> bool {
        let before = self.0.len();
        self.0.retain(|held| *held != key);
        self.0.len() < before
    }

    fn apply(&mut self, step: Step, limit: usize) {
        match step {
            Step::Get(key) => {
                if self.forget(key) {
                    self.0.push_back(key);
                }
            }
            Step::Set(key) => {
                self.forget(key);
                self.0.push_back(key);
                if self.0.len() > limit {
                    self.0.pop_front();
                }
            }
            Step::Delete(key) => {
                self.forget(key);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// One caller at a time sees exactly the least recently used entries go, whatever it does.
    #[test]
    fn one_caller_sees_exact_lru(limit in 1..8_usize, steps in prop::collection::vec(step(), 1..200)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let cache = setup_without_thread(|builder| builder.max_items(limit as u64)).cache;
            let mut model = Model::default();
            for step in steps {
                match step {
                    Step::Get(key) => { cache.get::<u8>(&key.to_string()).shared().await.unwrap(); }
                    Step::Set(key) => cache.set(&key.to_string(), key).await.unwrap(),
                    Step::Delete(key) => { cache.delete(&key.to_string()).await.unwrap(); }
                }
                model.apply(step, limit);
                for key in 0..12_u8 {
                    let ours = cache.exists(&key.to_string()).await.unwrap();
                    assert_eq!(ours, model.0.contains(&key), "key {key} after {step:?}");
                }
            }
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// In a large cache a thread tells the policy of a use late, but not after more than a 16th of the limit of others: of
    /// the entries that were used before the one that goes no more than that stay.
    #[test]
    fn a_large_cache_is_exact_to_a_16th(
        limit in prop::sample::select(vec![64_usize, 256, 640]),
        seed in any::<u64>(),
    ) {
        let most = limit / 16;
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let cache = setup_without_thread(|builder| builder.max_items(limit as u64)).cache;
            let mut random = Random(seed);
            let mut uses: HashMap<u32, usize> = HashMap::new();
            for now in 0..4_000 {
                // The smaller the number the more often it is chosen, so that some keys are read again and again.
                let widest = random.below(3 * u32::try_from(limit).unwrap());
                let wide = random.below(1 + widest);
                let key = random.below(1 + wide);
                let name = key.to_string();
                if random.below(4) > 0 {
                    let found = cache.get::<u32>(&name).await.unwrap();
                    assert_eq!(found.is_some(), uses.contains_key(&key), "key {key}");
                    uses.entry(key).and_modify(|used| *used = now);
                    continue;
                }
                let evictions = cache.stats().evictions;
                cache.set(&name, key).await.unwrap();
                uses.insert(key, now);
                if cache.stats().evictions == evictions {
                    continue;
                }
                let mut gone = Vec::new();
                for key in uses.keys() {
                    if !cache.exists(&key.to_string()).await.unwrap() {
                        gone.push(*key);
                    }
                }
                for key in gone {
                    let used = uses.remove(&key).unwrap();
                    let older = uses.values().filter(|kept| **kept < used).count();
                    assert!(older < most, "{key} went and {older} stayed that were used before it");
                }
            }
        });
    }
}

/// Whether an entry is one that the clear has hidden only the entry tells, and moka shows it only as a use.
#[tokio::test]
async fn asking_whether_a_key_exists_is_no_use_once_a_large_clear_is_freed() {
    let cache = setup(|builder| builder.max_items(2_000)).cache;
    for n in 0..2_000 {
        cache.set(&format!("old-{n}"), n).await.unwrap();
    }
    cache.clear().await.unwrap();
    assert!(!cache.exists("old-1999").await.unwrap());
    eventually("the clear is freed", || cache.stats().items == Some(0)).await;
    for n in 0..2_000 {
        cache.set(&format!("new-{n}"), n).await.unwrap();
    }
    assert!(cache.exists("new-0").await.unwrap());
    cache.set("newest", 1).await.unwrap();
    assert_eq!(held(&cache, &["new-0", "new-1"]).await, ["new-1"]);
}

/// A small generator of numbers, so that a failure can be run again.
struct Random(u64);

impl Random {
    fn below(&mut self, most: u32) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(self.0 >> 33).unwrap() % most
    }
}

/// Moka counts the writes over an entry in 16 bits and never evicts one that was written over more often.
#[tokio::test]
async fn a_key_that_is_rewritten_without_end_can_still_be_evicted() {
    let cache = setup_without_thread(|builder| builder.max_items(2)).cache;
    for n in 0..66_000 {
        cache.set("hot", n).await.unwrap();
    }
    for key in ["a", "b"] {
        cache.set(key, 1).await.unwrap();
    }
    assert_eq!(held(&cache, &["hot", "a", "b"]).await, ["a", "b"]);
}

#[test]
fn a_key_that_is_written_over_is_there_at_every_moment() {
    let cache = setup_without_thread(|builder| builder.max_items(10)).cache;
    let answer = |future: cache_core::CacheFuture<'_, bool>| future.into_ready().unwrap().unwrap();
    let set = |value: u32| std::future::IntoFuture::into_future(cache.set("key", value));
    drop(set(0).into_ready());
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| (0..50_000).for_each(|value| drop(set(value).into_ready())));
        while !writer.is_finished() {
            assert!(answer(cache.exists("key")));
        }
    });
}
