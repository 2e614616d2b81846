//! Many keys with one call of the loader.

use std::sync::{Arc, Mutex};

use cache_core::{
    Abandon, Cache, CacheBackend, Entry, ErrorKind, Key, LoadOptions, LoadResult, Loaded, Operation, Source,
    StaleReason, Value,
};
use cache_testkit::{FailingBackend, ManualClock, MapBackend, SlowBackend};

use crate::support::{Bench, Down, Fixed, Gate, SECOND, settle};

type Pairs = Vec<(String, Result<Loaded<String>, Down>)>;

/// Brings for each key its name in capitals, nothing for `absent`, and a failure for `bad`.
fn capitals(keys: &[String]) -> Pairs {
    let one = |key: &String| match key.as_str() {
        "bad" => Err(Down(1)),
        key => Ok(Loaded::store(key.to_uppercase())),
    };
    let there = keys.iter().filter(|key| *key != "absent");
    there.map(|key| (key.clone(), one(key))).collect()
}

/// What the loader was asked for, one list for each call.
type Asked = Arc<Mutex<Vec<Vec<String>>>>;

async fn load(cache: &Cache, asked: &Asked, keys: &[&str]) -> Vec<cache_core::Result<Option<String>>> {
    let asked = Arc::clone(asked);
    let load = |keys: Vec<String>| async move {
        asked.lock().unwrap().push(keys.clone());
        Ok::<_, Down>(capitals(&keys))
    };
    cache.get_or_load_many(keys, load).await
}

fn texts(answers: Vec<cache_core::Result<Option<String>>>) -> Vec<Option<String>> {
    answers.into_iter().map(Result::unwrap).collect()
}

#[tokio::test]
async fn what_is_absent_is_loaded_with_one_call_and_order_is_kept() {
    let bench = Bench::new();
    bench.cache.set("b", "set".to_owned()).await.unwrap();
    let asked = Asked::default();
    let found = texts(load(&bench.cache, &asked, &["c", "b", "a"]).await);
    assert_eq!(
        found,
        [Some("C".to_owned()), Some("set".to_owned()), Some("A".to_owned())]
    );
    assert_eq!(*asked.lock().unwrap(), [["c", "a"]]);
    assert_eq!(bench.cache.get::<String>("a").await.unwrap().unwrap(), "A");
    assert_eq!(bench.ear.results(), [LoadResult::Success]);
}

#[tokio::test]
async fn what_is_given_twice_is_loaded_once() {
    let bench = Bench::new();
    let asked = Asked::default();
    let found = texts(load(&bench.cache, &asked, &["a", "a", "b", "a"]).await);
    assert_eq!(found.into_iter().flatten().collect::<String>(), "AABA");
    assert_eq!(*asked.lock().unwrap(), [["a", "b"]]);
}

#[tokio::test]
async fn if_all_is_there_the_loader_is_not_called() {
    let bench = Bench::new();
    let asked = Asked::default();
    load(&bench.cache, &asked, &["a", "b"]).await;
    load(&bench.cache, &asked, &["b", "a"]).await;
    assert!(load(&bench.cache, &asked, &[]).await.is_empty());
    assert_eq!(asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_key_that_fails_fails_alone_and_is_loaded_again() {
    let bench = Bench::new();
    let asked = Asked::default();
    for _ in 0..2 {
        let found = load(&bench.cache, &asked, &["a", "bad"]).await;
        assert_eq!(found[0].clone().unwrap().unwrap(), "A");
        assert_eq!(
            found[1].clone().unwrap_err().downcast_ref::<Down>(),
            Some(&Down(1))
        );
    }
    assert_eq!(*asked.lock().unwrap(), [vec!["a", "bad"], vec!["bad"]]);
}

#[tokio::test]
async fn a_key_without_an_answer_was_not_found_and_that_is_remembered() {
    let bench = Bench::new();
    let asked = Asked::default();
    assert_eq!(texts(load(&bench.cache, &asked, &["absent", "a"]).await)[0], None);
    assert_eq!(texts(load(&bench.cache, &asked, &["absent"]).await), [None]);
    assert_eq!(asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_bad_key_fails_alone() {
    let bench = Bench::new();
    let asked = Asked::default();
    let found = load(&bench.cache, &asked, &["", "a"]).await;
    assert_eq!(found[0].clone().unwrap_err().kind(), ErrorKind::EmptyKey);
    assert_eq!(found[1].clone().unwrap().unwrap(), "A");
}

#[tokio::test]
async fn a_loader_that_fails_or_panics_fails_all_its_keys_and_no_hit() {
    let bench = Bench::new();
    bench.cache.set("b", "set".to_owned()).await.unwrap();
    let fails = |_: Vec<String>| async { Err::<Pairs, _>(Down(2)) };
    let found = bench
        .cache
        .get_or_load_many::<String, _>(&["a", "b"], fails)
        .await;
    assert_eq!(
        found[0].clone().unwrap_err().downcast_ref::<Down>(),
        Some(&Down(2))
    );
    assert_eq!(found[1].clone().unwrap().unwrap(), "set");
    let panics = |keys: Vec<String>| async move {
        assert!(keys.is_empty(), "a test says so");
        Ok::<Pairs, Down>(Vec::new())
    };
    let found = bench.cache.get_or_load_many::<String, _>(&["a"], panics).await;
    assert_eq!(found[0].clone().unwrap_err().kind(), ErrorKind::Panic);
    assert_eq!(bench.cache.loads_in_flight(), 0);
}

/// Starts a batch whose loader waits at the gate.
fn ask(
    cache: &Cache,
    gate: &Gate,
    asked: &Asked,
    keys: &'static [&'static str],
) -> tokio::task::JoinHandle<Vec<Option<String>>> {
    let (cache, gate, asked) = (cache.clone(), gate.clone(), Arc::clone(asked));
    tokio::spawn(async move {
        let load = |keys: Vec<String>| async move {
            asked.lock().unwrap().push(keys.clone());
            gate.pass().await;
            Ok::<_, Down>(capitals(&keys))
        };
        texts(cache.get_or_load_many(keys, load).await)
    })
}

#[tokio::test]
async fn batches_and_single_callers_join_each_other() {
    let bench = Bench::new();
    let (gate, asked) = (Gate::shut(), Asked::default());
    let first = ask(&bench.cache, &gate, &asked, &["a", "b"]);
    gate.reached(1).await;
    let second = ask(&bench.cache, &gate, &asked, &["b", "c"]);
    gate.reached(2).await;
    let cache = bench.cache.clone();
    let single = tokio::spawn(async move {
        let load = || async { Ok::<_, Down>("never".to_owned()) };
        cache.get_or_load("c", load).detailed().await.unwrap()
    });
    settle().await;
    gate.let_all_through();
    assert_eq!(
        first.await.unwrap().into_iter().flatten().collect::<String>(),
        "AB"
    );
    assert_eq!(
        second.await.unwrap().into_iter().flatten().collect::<String>(),
        "BC"
    );
    let single = single.await.unwrap();
    assert_eq!((single.value.as_str(), single.source), ("C", Source::Coalesced));
    assert_eq!(*asked.lock().unwrap(), [vec!["a", "b"], vec!["c"]]);
}

#[tokio::test]
async fn a_write_during_a_batch_wins_for_its_key_only() {
    let bench = Bench::new();
    let (gate, asked) = (Gate::shut(), Asked::default());
    let caller = ask(&bench.cache, &gate, &asked, &["a", "b"]);
    gate.reached(1).await;
    bench.cache.delete("a").await.unwrap();
    gate.let_all_through();
    assert_eq!(
        caller.await.unwrap().into_iter().flatten().collect::<String>(),
        "AB"
    );
    assert_eq!(bench.cache.get::<String>("a").await.unwrap(), None);
    assert_eq!(bench.cache.get::<String>("b").await.unwrap().unwrap(), "B");
}

#[tokio::test]
async fn a_batch_is_given_up_when_nobody_waits_for_any_of_its_keys() {
    let bench = Bench::new();
    let (gate, asked) = (Gate::shut(), Asked::default());
    let leader = ask(&bench.cache, &gate, &asked, &["a", "b"]);
    gate.reached(1).await;
    let other = ask(&bench.cache, &gate, &asked, &["b"]);
    settle().await;
    leader.abort();
    settle().await;
    assert!(bench.ear.results().is_empty(), "one key is still wanted");
    other.abort();
    settle().await;
    assert_eq!(
        (bench.ear.results(), bench.cache.loads_in_flight()),
        (vec![LoadResult::Cancelled], 0)
    );
}

#[tokio::test]
async fn stale_values_are_given_while_the_batch_renews_them() {
    let options = LoadOptions::new()
        .ttl(10 * SECOND)
        .stale_while_revalidate(60 * SECOND);
    let bench = Bench::with(|builder| builder.loading(options));
    let asked = Asked::default();
    load(&bench.cache, &asked, &["a", "b"]).await;
    bench.clock.advance(10 * SECOND);
    let again = |keys: Vec<String>| async move {
        let pairs = keys
            .into_iter()
            .map(|key| (key, Ok(Loaded::store("new".to_owned()))));
        Ok::<Pairs, Down>(pairs.collect())
    };
    let old = bench.cache.get_or_load_many(&["a", "b"], again).detailed().await;
    for answer in old {
        assert_eq!(
            answer.unwrap().unwrap().source,
            Source::Stale(StaleReason::Revalidate)
        );
    }
    settle().await;
    assert_eq!(bench.cache.get::<String>("a").await.unwrap().unwrap(), "new");
    assert_eq!(bench.ear.results().len(), 2);
}

#[tokio::test]
async fn a_key_may_keep_its_value_and_another_be_given_without_being_stored() {
    let bench = Bench::with(|builder| builder.loading(lenient()));
    load(&bench.cache, &Asked::default(), &["a", "b"]).await;
    bench.clock.advance(10 * SECOND);
    let choose = |keys: Vec<String>| async move {
        let one = |key: String| match key.as_str() {
            "a" => (key, Ok(Loaded::not_modified())),
            _ => (key, Ok(Loaded::do_not_store("given".to_owned()))),
        };
        Ok::<Pairs, Down>(keys.into_iter().map(one).collect())
    };
    let found = texts(bench.cache.get_or_load_many(&["a", "b"], choose).await);
    assert_eq!(found, [Some("A".to_owned()), Some("given".to_owned())]);
    // What was kept is fresh again.
    assert_eq!(bench.cache.get::<String>("a").await.unwrap().unwrap(), "A");
    assert_eq!(bench.cache.get::<String>("b").await.unwrap(), None);
}

#[tokio::test]
async fn a_key_without_a_value_that_is_not_modified_is_an_error() {
    let bench = Bench::new();
    let keep = |keys: Vec<String>| async move {
        let keep = |key| (key, Ok(Loaded::not_modified()));
        Ok::<Pairs, Down>(keys.into_iter().map(keep).collect())
    };
    let found = bench
        .cache
        .get_or_load_many::<String, _>(&["a"], keep)
        .await
        .remove(0);
    assert_eq!(found.unwrap_err().kind(), ErrorKind::Load);
}

#[tokio::test]
async fn keys_that_are_due_are_given_while_one_call_renews_them_ahead() {
    let certain = Arc::new(Fixed(0.999));
    let options = LoadOptions::new().ttl(10 * SECOND).refresh_ahead(1.0).jitter(0.0);
    let (bench, map) = Bench::keeping(
        |map: MapBackend| map,
        |builder| builder.loading(options).random(certain),
    );
    for key in ["a", "b"] {
        let entry = Entry::new(Value::new("old".to_owned()), ManualClock::START)
            .with_expires_at(ManualClock::START + 10 * SECOND)
            .with_load_cost(2 * SECOND);
        map.set(Key::new(key).unwrap(), entry).await.unwrap();
    }
    bench.clock.advance(9 * SECOND);
    let asked = Asked::default();
    let found = texts(load(&bench.cache, &asked, &["a", "b"]).await);
    assert_eq!(found, [Some("old".to_owned()), Some("old".to_owned())]);
    settle().await;
    assert_eq!(*asked.lock().unwrap(), [["a", "b"]]);
    assert_eq!(bench.cache.get::<String>("b").await.unwrap().unwrap(), "B");
}

#[tokio::test]
async fn a_batch_that_was_told_to_is_finished_when_all_have_gone() {
    let options = LoadOptions::new().on_abandon(Abandon::Finish);
    let bench = Bench::with(|builder| builder.loading(options));
    let (gate, asked) = (Gate::shut(), Asked::default());
    let caller = ask(&bench.cache, &gate, &asked, &["a", "b"]);
    gate.reached(1).await;
    caller.abort();
    settle().await;
    gate.let_all_through();
    settle().await;
    assert_eq!(bench.cache.get::<String>("a").await.unwrap().unwrap(), "A");
}

/// Calls a write that is given up before it is done, of a key of each part of the table.
fn touch_all(cache: &Cache) {
    for other in 0..1_000 {
        let key = other.to_string();
        let write = cache.delete(&key);
        drop(write);
    }
}

/// Other keys were written since the caller looked, so the batch looks again.
#[tokio::test]
async fn a_backend_that_fails_the_second_look_of_a_batch_is_an_error_to_who_is_strict() {
    let options = LoadOptions::new().strict(true);
    let mut failing = None;
    let (bench, slow) = Bench::keeping(
        |map| {
            let backend = failing.insert(Arc::new(FailingBackend::new(map)));
            SlowBackend::holding(Arc::clone(backend), Operation::GetMany)
        },
        |builder| builder.loading(options),
    );
    let (cache, asked) = (bench.cache.clone(), Asked::default());
    let told = Arc::clone(&asked);
    let caller = tokio::spawn(async move { load(&cache, &told, &["a", "b"]).await });
    slow.arrived(1).await;
    touch_all(&bench.cache);
    slow.release(1);
    slow.arrived(2).await;
    failing.unwrap().fail_all(ErrorKind::Unavailable);
    slow.open();
    for answer in caller.await.unwrap() {
        assert_eq!(answer.unwrap_err().kind(), ErrorKind::Unavailable);
    }
    assert!(asked.lock().unwrap().is_empty());
    assert_eq!(bench.cache.loads_in_flight(), 0);
}

#[tokio::test]
async fn a_closed_cache_fails_each_key() {
    let bench = Bench::new();
    bench.cache.close().await.unwrap();
    for answer in load(&bench.cache, &Asked::default(), &["a", "b"]).await {
        assert_eq!(answer.unwrap_err().kind(), ErrorKind::Closed);
    }
}

#[tokio::test]
async fn a_batch_that_asks_for_one_of_its_keys_gets_an_error() {
    let bench = Bench::new();
    let cache = bench.cache.clone();
    let load = |_: Vec<String>| async move {
        let again = || async { Ok::<_, Down>("never".to_owned()) };
        let found: String = cache.get_or_load("b", again).await?;
        Ok::<Vec<(String, Result<Loaded<String>, cache_core::CacheError>)>, cache_core::CacheError>(vec![(
            "a".to_owned(),
            Ok(Loaded::store(found)),
        )])
    };
    for answer in bench.cache.get_or_load_many::<String, _>(&["a", "b"], load).await {
        let error = answer.unwrap_err();
        let inner = error.downcast_ref::<cache_core::CacheError>().unwrap();
        assert_eq!(inner.kind(), ErrorKind::Reentrant);
    }
}

/// Fresh for ten seconds, and for a minute good enough for a load that fails.
fn lenient() -> LoadOptions {
    LoadOptions::new()
        .ttl(10 * SECOND)
        .stale_if_error(60 * SECOND)
        .jitter(0.0)
}

/// Waits until so many calls have come to the backend. The time of the runtime is paused, so if they do not come, it fails.
async fn arrive(slow: &SlowBackend<MapBackend>, calls: usize) {
    let arrived = tokio::time::timeout(SECOND, slow.arrived(calls)).await;
    assert!(arrived.is_ok(), "{calls} calls do not come at the same time");
}

#[tokio::test(start_paused = true)]
async fn what_is_stored_and_what_is_removed_goes_to_the_backend_at_the_same_time() {
    let options = lenient().negative_ttl(None);
    let (bench, slow) = Bench::keeping(SlowBackend::new, |builder| builder.loading(options));
    slow.release(2);
    let both = |keys: Vec<String>| async move {
        let pairs = keys
            .into_iter()
            .map(|key| (key, Ok(Loaded::store("old".to_owned()))));
        Ok::<Pairs, Down>(pairs.collect())
    };
    let keys = ["a", "absent"];
    texts(bench.cache.get_or_load_many(&keys, both).await);
    bench.clock.advance(10 * SECOND);
    slow.release(1);
    let cache = bench.cache.clone();
    let caller = tokio::spawn(async move { texts(load(&cache, &Asked::default(), &["a", "absent"]).await) });
    // The look, and then both, of which none has been let through.
    arrive(&slow, 2 + 1 + 2).await;
    slow.open();
    assert_eq!(caller.await.unwrap(), [Some("A".to_owned()), None]);
    assert_eq!(bench.cache.get::<String>("a").await.unwrap().unwrap(), "A");
    assert!(!bench.cache.exists("absent").await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn the_backend_is_asked_for_all_stale_keys_at_the_same_time_whether_they_still_stand() {
    const KEYS: [&str; 20] = [
        "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "t",
    ];
    let (bench, slow) = Bench::keeping(SlowBackend::new, |builder| builder.loading(lenient()));
    slow.release(2);
    texts(load(&bench.cache, &Asked::default(), &KEYS).await);
    bench.clock.advance(10 * SECOND);
    slow.release(1);
    let gate = Gate::shut();
    let (cache, held) = (bench.cache.clone(), gate.clone());
    let caller = tokio::spawn(async move {
        let fails = |_: Vec<String>| async move {
            held.pass().await;
            Err::<Pairs, _>(Down(1))
        };
        cache.get_or_load_many::<String, _>(&KEYS, fails).await
    });
    gate.reached(1).await;
    slow.release(1);
    bench.cache.clear().await.unwrap();
    gate.let_all_through();
    // What came before: a look and a store, a look, the clear.
    arrive(&slow, 4 + KEYS.len()).await;
    slow.open();
    let answers = caller.await.unwrap();
    assert_eq!(answers.len(), KEYS.len());
    for answer in answers {
        assert_eq!(answer.unwrap_err().kind(), ErrorKind::Load);
    }
}

#[tokio::test]
async fn stale_values_are_given_for_keys_that_fail_and_for_a_batch_that_fails() {
    let bench = Bench::with(|builder| builder.loading(lenient().retry_after(SECOND)));
    let asked = Asked::default();
    load(&bench.cache, &asked, &["a", "b"]).await;
    bench.clock.advance(10 * SECOND);
    let b_fails = |keys: Vec<String>| async move {
        let pairs = keys.into_iter().map(|key| {
            let answer = if key == "b" {
                Err(Down(1))
            } else {
                Ok(Loaded::store("new".to_owned()))
            };
            (key, answer)
        });
        Ok::<Pairs, Down>(pairs.collect())
    };
    let sources = |answers: Vec<cache_core::Result<Option<cache_core::Answer<String>>>>| {
        let one = |answer: cache_core::Result<Option<cache_core::Answer<String>>>| {
            let answer = answer.unwrap().unwrap();
            (answer.value, answer.source)
        };
        answers.into_iter().map(one).collect::<Vec<_>>()
    };
    let call = bench.cache.get_or_load_many(&["a", "b"], b_fails);
    let stale = ("B".to_owned(), Source::Stale(StaleReason::Error));
    assert_eq!(
        sources(call.detailed().await),
        [("new".to_owned(), Source::Loaded), stale.clone()]
    );
    bench.clock.advance(10 * SECOND);
    let all_fail = |_: Vec<String>| async { Err::<Pairs, _>(Down(1)) };
    let call = bench.cache.get_or_load_many(&["a", "b", "c"], all_fail);
    let mut answers = call.detailed().await;
    assert_eq!(answers.pop().unwrap().unwrap_err().kind(), ErrorKind::Load);
    let older = ("new".to_owned(), Source::Stale(StaleReason::Error));
    assert_eq!(sources(answers), [older, stale]);
}

#[tokio::test]
async fn a_batch_that_allows_nothing_stale_gets_none() {
    let options = lenient().stale_while_revalidate(60 * SECOND);
    let bench = Bench::with(|builder| builder.loading(options));
    load(&bench.cache, &Asked::default(), &["a"]).await;
    bench.clock.advance(10 * SECOND);
    let strict = LoadOptions::new().ttl(10 * SECOND);
    let fails = |_: Vec<String>| async { Err::<Pairs, _>(Down(1)) };
    let call = bench.cache.get_or_load_many::<String, _>(&["a"], fails);
    let answer = call.options(&strict).await.remove(0);
    assert_eq!(answer.unwrap_err().kind(), ErrorKind::Load);
}
