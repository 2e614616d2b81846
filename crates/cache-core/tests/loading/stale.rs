//! Values whose TTL has ended: when they are given, to whom, and what is loaded meanwhile.

use std::sync::Arc;
use std::time::Duration;

use cache_core::{
    Answer, Cache, CacheBackend, Entry, ErrorKind, Key, LoadContext, LoadEvent, LoadOptions, LoadResult,
    Loaded, Source, StaleReason, Value,
};
use cache_testkit::{ManualClock, MapBackend, eventually};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::support::{Bench, Down, Fixed, Gate, SECOND, just_before, settle};

/// Fresh for ten seconds, and then stale for whatever the test says.
fn options() -> LoadOptions {
    LoadOptions::new().ttl(10 * SECOND).jitter(0.0)
}

fn with(options: LoadOptions) -> Bench {
    Bench::with(|builder| builder.loading(options))
}

async fn load(cache: &Cache, answer: Result<i64, Down>) -> cache_core::Result<Answer<i64>> {
    cache
        .get_or_load("key", move || async move { answer })
        .detailed()
        .await
}

fn stale(reason: StaleReason) -> Source {
    Source::Stale(reason)
}

#[tokio::test]
async fn a_stale_value_is_given_at_once_while_it_is_renewed() {
    let bench = with(options().stale_while_revalidate(60 * SECOND));
    load(&bench.cache, Ok(1)).await.unwrap();
    bench.clock.advance(10 * SECOND);
    let old = load(&bench.cache, Ok(2)).await.unwrap();
    assert_eq!(
        (old.value, old.source, old.age),
        (1, stale(StaleReason::Revalidate), 10 * SECOND)
    );
    settle().await;
    let new = load(&bench.cache, Ok(3)).await.unwrap();
    assert_eq!((new.value, new.source), (2, Source::Hit));
    let refreshed = |event: &LoadEvent| matches!(event, LoadEvent::Ended { refresh: true, .. });
    assert_eq!(bench.ear.count(refreshed), 1);
}

#[tokio::test]
async fn of_many_callers_of_a_stale_value_one_starts_the_renewal() {
    let bench = with(options().stale_while_revalidate(60 * SECOND));
    load(&bench.cache, Ok(1)).await.unwrap();
    bench.clock.advance(10 * SECOND);
    let gate = Gate::shut();
    for _ in 0..100 {
        let run = gate.clone();
        let found: i64 = bench
            .cache
            .get_or_load("key", || async move {
                run.pass().await;
                Ok::<_, Down>(2)
            })
            .await
            .unwrap();
        assert_eq!(found, 1);
        settle().await;
    }
    assert_eq!(gate.runs(), 1);
    gate.let_all_through();
}

/// Lets a hundred callers ask at once, in two threads, of whom each gets the older value, and looks at what is loaded.
async fn a_hundred_ask(bench: &Bench, source: Source) {
    const CALLERS: usize = 100;
    let (gate, start) = (Gate::shut(), Arc::new(Barrier::new(CALLERS)));
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let (cache, gate, start) = (bench.cache.clone(), gate.clone(), Arc::clone(&start));
        callers.spawn(async move {
            let load = || async move {
                gate.pass().await;
                Ok::<i64, Down>(2)
            };
            start.wait().await;
            cache.get_or_load("key", load).detailed().await.unwrap()
        });
    }
    for answer in callers.join_all().await {
        assert_eq!((answer.value, answer.source), (1, source));
    }
    eventually("the loader runs", || gate.runs() > 0).await;
    assert_eq!((gate.runs(), bench.cache.loads_in_flight()), (1, 1));
    gate.let_all_through();
    eventually("the load has ended", || bench.cache.loads_in_flight() == 0).await;
    assert_eq!(gate.runs(), 1);
    assert_eq!(bench.cache.get::<i64>("key").await.unwrap(), Some(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_hundred_callers_at_once_of_a_stale_value_one_starts_the_renewal() {
    for _ in 0..300 {
        let bench = with(options().stale_while_revalidate(60 * SECOND));
        load(&bench.cache, Ok(1)).await.unwrap();
        bench.clock.advance(10 * SECOND);
        a_hundred_ask(&bench, stale(StaleReason::Revalidate)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_hundred_callers_at_once_of_a_value_that_is_due_one_renews_it_ahead() {
    for _ in 0..300 {
        let certain = Arc::new(Fixed(0.999));
        let (bench, map) = Bench::keeping(
            |map: MapBackend| map,
            |builder| builder.loading(options().refresh_ahead(1.0)).random(certain),
        );
        let entry = Entry::new(Value::new(1_i64), ManualClock::START)
            .with_expires_at(ManualClock::START + 10 * SECOND)
            .with_load_cost(2 * SECOND);
        map.set(Key::new("key").unwrap(), entry).await.unwrap();
        bench.clock.advance(9 * SECOND);
        a_hundred_ask(&bench, Source::Hit).await;
    }
}

#[tokio::test]
async fn a_value_is_given_while_it_is_renewed_up_to_the_very_point() {
    let options = options()
        .stale_while_revalidate(60 * SECOND)
        .stale_if_error(100 * SECOND);
    for (age, value, source) in [
        (just_before(60 * SECOND), 1, stale(StaleReason::Revalidate)),
        (60 * SECOND, 2, Source::Loaded),
    ] {
        let bench = with(options);
        load(&bench.cache, Ok(1)).await.unwrap();
        bench.clock.advance(age);
        let answer = load(&bench.cache, Ok(2)).await.unwrap();
        assert_eq!((answer.value, answer.source), (value, source), "{age:?}");
    }
}

/// It was stored for callers who take it. What a caller takes is its own word.
#[tokio::test]
async fn a_caller_that_allows_nothing_stale_gets_none() {
    let bench = with(
        options()
            .stale_while_revalidate(60 * SECOND)
            .stale_if_error(60 * SECOND),
    );
    load(&bench.cache, Ok(1)).await.unwrap();
    bench.clock.advance(10 * SECOND);
    let (own, fails) = (options(), || async { Err::<i64, _>(Down(1)) });
    let call = bench.cache.get_or_load("key", fails).options(&own);
    assert_eq!(call.await.unwrap_err().kind(), ErrorKind::Load);
    assert_eq!(
        bench
            .ear
            .count(|event| matches!(event, LoadEvent::StaleServed(_))),
        0
    );
}

#[tokio::test]
async fn a_value_is_stale_from_the_very_point_and_over_from_the_next() {
    let bench = with(options().stale_if_error(60 * SECOND));
    load(&bench.cache, Ok(1)).await.unwrap();
    bench.clock.advance(just_before(10 * SECOND));
    assert_eq!(load(&bench.cache, Ok(2)).await.unwrap().source, Source::Hit);
    bench.clock.advance(Duration::from_millis(1));
    assert_eq!(
        load(&bench.cache, Err(Down(1))).await.unwrap().source,
        stale(StaleReason::Error)
    );
    bench.clock.advance(just_before(50 * SECOND));
    assert_eq!(
        load(&bench.cache, Err(Down(1))).await.unwrap().source,
        stale(StaleReason::Error)
    );
    bench.clock.advance(Duration::from_millis(1));
    assert_eq!(
        load(&bench.cache, Err(Down(1))).await.unwrap_err().kind(),
        ErrorKind::Load
    );
}

#[tokio::test]
async fn without_a_word_about_it_nothing_stale_is_given() {
    let bench = with(options());
    load(&bench.cache, Ok(1)).await.unwrap();
    bench.clock.advance(10 * SECOND);
    assert!(load(&bench.cache, Err(Down(1))).await.is_err());
    assert_eq!(
        bench
            .ear
            .count(|event| matches!(event, LoadEvent::StaleServed(_))),
        0
    );
}

#[tokio::test]
async fn a_plain_get_gives_nothing_stale() {
    let bench = with(options().stale_if_error(60 * SECOND));
    load(&bench.cache, Ok(1)).await.unwrap();
    bench.clock.advance(10 * SECOND);
    assert_eq!(bench.cache.get::<i64>("key").await.unwrap(), None);
    assert_eq!(
        bench.cache.get_many::<i64>(&["key"]).await[0].clone().unwrap(),
        None
    );
}

#[tokio::test]
async fn after_a_failure_the_source_is_left_alone_for_a_while() {
    let bench = with(options().stale_if_error(600 * SECOND).retry_after(4 * SECOND));
    load(&bench.cache, Ok(1)).await.unwrap();
    bench.clock.advance(10 * SECOND);
    load(&bench.cache, Err(Down(1))).await.unwrap();
    bench.clock.advance(just_before(4 * SECOND));
    assert_eq!(load(&bench.cache, Ok(2)).await.unwrap().value, 1);
    assert_eq!(bench.ear.results(), [LoadResult::Success, LoadResult::Error]);
    bench.clock.advance(Duration::from_millis(1));
    assert_eq!(load(&bench.cache, Ok(2)).await.unwrap().value, 2);
}

#[tokio::test]
async fn the_pause_after_a_failure_is_spread_by_chance() {
    let options = options().stale_if_error(600 * SECOND).retry_after(4 * SECOND);
    let bench = Bench::with(|builder| {
        builder
            .loading(options)
            .random(std::sync::Arc::new(Fixed(0.999_999)))
    });
    load(&bench.cache, Ok(1)).await.unwrap();
    bench.clock.advance(10 * SECOND);
    load(&bench.cache, Err(Down(1))).await.unwrap();
    bench.clock.advance(2 * SECOND + Duration::from_millis(1));
    assert_eq!(load(&bench.cache, Ok(2)).await.unwrap().value, 2);
}

#[tokio::test]
async fn a_renewal_that_failed_is_not_tried_again_at_once() {
    let bench = with(
        options()
            .stale_while_revalidate(600 * SECOND)
            .retry_after(4 * SECOND),
    );
    load(&bench.cache, Ok(1)).await.unwrap();
    bench.clock.advance(10 * SECOND);
    for _ in 0..5 {
        assert_eq!(load(&bench.cache, Err(Down(1))).await.unwrap().value, 1);
        settle().await;
    }
    assert_eq!(bench.ear.results(), [LoadResult::Success, LoadResult::Error]);
}

#[tokio::test]
async fn a_loader_is_given_the_stale_value_and_may_say_that_it_still_holds() {
    let bench = with(options().stale_if_error(60 * SECOND));
    load(&bench.cache, Ok(1)).await.unwrap();
    let created = cache_testkit::ManualClock::START;
    bench.clock.advance(10 * SECOND);
    let kept = bench
        .cache
        .get_or_load("key", move |context: LoadContext<i64>| async move {
            assert_eq!(context.key(), "key");
            assert_eq!(
                context.stale().map(|(value, at)| (**value, at)),
                Some((1, created))
            );
            Ok::<_, Down>(Loaded::not_modified())
        })
        .await
        .unwrap();
    assert_eq!(kept, Some(1));
    bench.clock.advance(9 * SECOND);
    let hit = load(&bench.cache, Ok(2)).await.unwrap();
    assert_eq!((hit.value, hit.source, hit.age), (1, Source::Hit, 9 * SECOND));
    assert_eq!(bench.ear.results()[1], LoadResult::NotModified);
}

#[tokio::test]
async fn not_modified_without_an_older_value_is_an_error() {
    let bench = Bench::new();
    let error = bench
        .cache
        .get_or_load("key", |_: LoadContext<i64>| async {
            Ok::<_, Down>(Loaded::not_modified())
        })
        .await
        .unwrap_err();
    assert!(error.to_string().contains("not_modified"), "{error}");
}

#[tokio::test]
async fn a_stale_value_that_is_not_found_any_more_is_removed() {
    let bench = with(options().stale_if_error(60 * SECOND).negative_ttl(None));
    load(&bench.cache, Ok(1)).await.unwrap();
    bench.clock.advance(10 * SECOND);
    let gone = bench
        .cache
        .get_or_load("key", |_: LoadContext<i64>| async {
            Ok::<_, Down>(Loaded::not_found())
        })
        .await
        .unwrap();
    assert_eq!(gone, None);
    assert!(load(&bench.cache, Err(Down(1))).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn after_the_soft_timeout_the_stale_value_is_given_and_the_load_goes_on() {
    let soft = Duration::from_millis(100);
    let bench = with(options().stale_if_error(60 * SECOND).soft_timeout(soft));
    load(&bench.cache, Ok(1)).await.unwrap();
    bench.clock.advance(10 * SECOND);
    let start = tokio::time::Instant::now();
    let slow = || async {
        tokio::time::sleep(SECOND).await;
        Ok::<i64, Down>(2)
    };
    let old = bench.cache.get_or_load("key", slow).detailed().await.unwrap();
    assert_eq!((old.value, old.source), (1, stale(StaleReason::Timeout)));
    assert_eq!(old.tier, Some("map"));
    assert_eq!(start.elapsed(), soft);
    tokio::time::sleep(SECOND).await;
    settle().await;
    assert_eq!(load(&bench.cache, Ok(3)).await.unwrap().value, 2);
}

#[tokio::test(start_paused = true)]
async fn without_a_stale_value_the_soft_timeout_does_nothing() {
    let soft = Duration::from_millis(100);
    let bench = with(options().stale_if_error(60 * SECOND).soft_timeout(soft));
    let slow = || async {
        tokio::time::sleep(SECOND).await;
        Ok::<i64, Down>(2)
    };
    assert_eq!(bench.cache.get_or_load("key", slow).await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_hard_timeout_ends_a_load_for_all_who_wait() {
    let bench = with(options().hard_timeout(SECOND));
    let start = tokio::time::Instant::now();
    let hangs = || async {
        std::future::pending::<()>().await;
        Ok::<i64, Down>(2)
    };
    let (first, second) = tokio::join!(
        bench.cache.get_or_load("key", hangs).into_future(),
        bench.cache.get_or_load("key", hangs).into_future()
    );
    for error in [first.unwrap_err(), second.unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert!(error.to_string().contains("hard_timeout"), "{error}");
    }
    assert_eq!(start.elapsed(), SECOND);
    assert_eq!(
        (bench.ear.results(), bench.cache.loads_in_flight()),
        (vec![LoadResult::Timeout], 0)
    );
}

#[tokio::test(start_paused = true)]
async fn at_the_hard_timeout_a_stale_value_is_given() {
    let bench = with(options().stale_if_error(60 * SECOND).hard_timeout(SECOND));
    load(&bench.cache, Ok(1)).await.unwrap();
    bench.clock.advance(10 * SECOND);
    let hangs = || async {
        std::future::pending::<()>().await;
        Ok::<i64, Down>(2)
    };
    let old = bench.cache.get_or_load("key", hangs).detailed().await.unwrap();
    assert_eq!((old.value, old.source), (1, stale(StaleReason::Timeout)));
}

/// A load that took two seconds is renewed with a beta of one when less than two times -ln(1 - chance) is left.
async fn renewed_with(chance: f64, left: Duration) -> bool {
    let options = options().ttl(100 * SECOND).refresh_ahead(1.0);
    let bench = Bench::with(|builder| {
        builder
            .loading(options)
            .random(std::sync::Arc::new(Fixed(chance)))
    });
    let slow = || async {
        tokio::time::sleep(2 * SECOND).await;
        Ok::<i64, Down>(1)
    };
    bench.cache.get_or_load("key", slow).await.unwrap();
    bench.clock.advance((100 * SECOND).saturating_sub(left));
    let hit = load(&bench.cache, Ok(2)).await.unwrap();
    assert_eq!((hit.value, hit.source), (1, Source::Hit));
    settle().await;
    load(&bench.cache, Ok(3)).await.unwrap().value == 2
}

#[tokio::test(start_paused = true)]
async fn a_value_is_renewed_ahead_by_chance_the_more_the_nearer_its_end_is() {
    // -ln(1 - 0.5) * 2 s is 1.386 s.
    assert!(renewed_with(0.5, Duration::from_millis(1_386)).await);
    assert!(!renewed_with(0.5, Duration::from_millis(1_387)).await);
    assert!(!renewed_with(0.0, Duration::from_millis(1)).await);
}

#[tokio::test(start_paused = true)]
async fn a_value_is_not_renewed_before_the_last_quarter_of_its_life() {
    let nearly_one = 1.0 - f64::EPSILON;
    assert!(renewed_with(nearly_one, 25 * SECOND).await);
    assert!(!renewed_with(nearly_one, 25 * SECOND + Duration::from_millis(1)).await);
}

/// They lie in the same part of the table, so the load looks again, and finds what it is to renew.
#[tokio::test(start_paused = true)]
async fn a_value_is_renewed_ahead_also_where_other_keys_were_written_since_it_was_found() {
    let certain = Arc::new(Fixed(0.999));
    let bench = Bench::with(|builder| builder.loading(options().refresh_ahead(1.0)).random(certain));
    let slow = || async {
        tokio::time::sleep(2 * SECOND).await;
        Ok::<i64, Down>(1)
    };
    bench.cache.get_or_load("key", slow).await.unwrap();
    bench.clock.advance(9 * SECOND);
    let found = bench
        .cache
        .get_or_load("key", || async { Ok::<i64, Down>(2) })
        .into_future();
    for other in 0..1_000 {
        bench.cache.set(&other.to_string(), 1_i64).await.unwrap();
    }
    assert_eq!(found.await.unwrap(), 1);
    settle().await;
    assert_eq!(bench.cache.get::<i64>("key").await.unwrap(), Some(2));
}

#[tokio::test]
async fn a_value_that_was_set_is_not_renewed_ahead() {
    let bench = with(options().refresh_ahead(100.0));
    bench.cache.set("key", 1_i64).ttl(SECOND).await.unwrap();
    bench.clock.advance(just_before(SECOND));
    load(&bench.cache, Ok(2)).await.unwrap();
    settle().await;
    assert!(bench.ear.results().is_empty());
}

#[tokio::test]
async fn what_is_set_during_a_renewal_stays() {
    let bench = with(options().stale_while_revalidate(60 * SECOND));
    load(&bench.cache, Ok(1)).await.unwrap();
    bench.clock.advance(10 * SECOND);
    let gate = Gate::shut();
    let run = gate.clone();
    let renew = || async move {
        run.pass().await;
        Ok::<i64, Down>(2)
    };
    bench.cache.get_or_load("key", renew).await.unwrap();
    gate.reached(1).await;
    bench.cache.set("key", 3_i64).await.unwrap();
    gate.let_all_through();
    settle().await;
    assert_eq!(bench.cache.get::<i64>("key").await.unwrap(), Some(3));
}

#[tokio::test]
async fn what_became_too_old_during_the_load_is_not_given() {
    let bench = with(options().stale_if_error(60 * SECOND));
    load(&bench.cache, Ok(1)).await.unwrap();
    bench.clock.advance(59 * SECOND);
    let gate = Gate::shut();
    let (cache, run) = (bench.cache.clone(), gate.clone());
    let caller = tokio::spawn(async move {
        let fails = || async move {
            run.pass().await;
            Err::<i64, _>(Down(1))
        };
        cache.get_or_load("key", fails).await
    });
    gate.reached(1).await;
    bench.clock.advance(SECOND);
    gate.let_all_through();
    assert_eq!(caller.await.unwrap().unwrap_err().kind(), ErrorKind::Load);
}
