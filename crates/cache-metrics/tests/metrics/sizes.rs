//! The histogram of the sizes of stored values, as a backend that keeps bytes tells them.

use cache_core::ValueSizes;
use cache_testkit::ManualClock;

use crate::server::Server;
use crate::support::{Watched, memory};

fn watched() -> (Watched, Server) {
    let server = Server::new();
    server.say(|stats, _| stats.value_sizes = Some(ValueSizes::default()));
    (Watched::new(|builder| builder), server)
}

fn store(server: &Server, lens: impl IntoIterator<Item = usize>) {
    server.say(|stats, _| {
        let sizes = stats.value_sizes.as_mut().unwrap();
        lens.into_iter().for_each(|len| sizes.note(len));
    });
}

fn up_to(watched: &Watched, bound: &str) -> f64 {
    let bucket = watched.value("gofr_cache_value_bytes_bucket", &[("le", bound)]);
    bucket.unwrap()
}

/// How many values there were, how many bytes, and how many values of at most 256 B and 1 MiB.
fn sizes(watched: &Watched) -> [f64; 4] {
    let (count, sum) = (
        watched.users("value_bytes_count"),
        watched.users("value_bytes_sum"),
    );
    [count, sum, up_to(watched, "256"), up_to(watched, "1048576")]
}

#[test]
fn sizes_of_values_are_a_histogram_that_starts_at_zero_and_grows_by_what_is_new() {
    let (watched, server) = watched();
    let _cache = watched.cache(server.clone());
    assert_eq!(sizes(&watched), [0.0; 4]);
    store(&server, [100, 256, 257]);
    assert_eq!(sizes(&watched), [3.0, 613.0, 2.0, 3.0]);
    store(&server, [2_000_000]);
    assert_eq!(sizes(&watched), [4.0, 2_000_613.0, 2.0, 3.0]);
    assert_eq!(sizes(&watched), [4.0, 2_000_613.0, 2.0, 3.0]);
}

#[test]
fn values_as_long_as_a_bound_stay_in_its_bucket_however_many() {
    for bound in ValueSizes::BOUNDS {
        let (watched, server) = watched();
        let _cache = watched.cache(server.clone());
        store(&server, [usize::try_from(bound).unwrap(); 113]);
        assert_eq!(up_to(&watched, &bound.to_string()), 113.0, "{bound}");
    }
}

/// What was stored while there was nobody to tell is told in its buckets, as all else is.
#[test]
fn sizes_from_before_the_first_look_are_not_lost() {
    let (watched, server) = watched();
    store(&server, [100, 2_000_000]);
    let _cache = watched.cache(server.clone());
    assert_eq!(sizes(&watched), [2.0, 2_000_100.0, 1.0, 1.0]);
}

/// It keeps the object; to encode it for the sake of a number would cost every write.
#[tokio::test]
async fn a_memory_has_no_sizes() {
    let watched = Watched::new(|builder| builder);
    let cache = watched.cache(memory(&ManualClock::new()).build().unwrap());
    cache.set("key", "a value").await.unwrap();
    let many = [("one", 1), ("other", 2)];
    let stored = cache.set_many(many).await;
    assert!(stored.into_iter().all(|answer| answer.is_ok()));
    assert!(!watched.render().contains("value_bytes{"));
    assert!(!watched.render().contains("value_bytes_count"));
}
