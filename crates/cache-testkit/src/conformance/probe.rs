//! What the cases share: a short way to ask a backend, and assertions that heed the declared differences.

#![expect(clippy::unwrap_used, reason = "the suite fails by panicking")]

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use cache_core::{Cache, CacheBackend, CacheBuilder, Codec, Entry, ErrorKind, Key, Result, Timestamp, Value};

use crate::doubles::{CountingBackend, FailingBackend};
use crate::fixture::Fixture;

/// Makes a key that is known to be one.
pub(super) fn key(key: &str) -> Key<'_> {
    Key::new(key).unwrap()
}

/// Begins a cache with the codec of the fixture.
pub(super) fn builder(fixture: &dyn Fixture, backend: impl CacheBackend) -> CacheBuilder {
    Cache::builder(backend).codec(fixture.codec())
}

/// Makes a cache on the backend under test.
pub(super) fn cache(fixture: &dyn Fixture) -> Cache {
    builder(fixture, fixture.backend()).build().unwrap()
}

/// Makes a cache that counts what it asks the backend.
pub(super) fn counted(fixture: &dyn Fixture) -> (Cache, Arc<CountingBackend<Arc<dyn CacheBackend>>>) {
    let backend = Arc::new(CountingBackend::new(fixture.backend()));
    (builder(fixture, Arc::clone(&backend)).build().unwrap(), backend)
}

/// Makes a cache whose backend fails on demand.
pub(super) fn failing(fixture: &dyn Fixture) -> (Cache, Arc<FailingBackend<Arc<dyn CacheBackend>>>) {
    let backend = Arc::new(FailingBackend::new(fixture.backend()));
    (
        builder(fixture, Arc::clone(&backend))
            .name("users")
            .build()
            .unwrap(),
        backend,
    )
}

/// Returns the answers of an operation on many keys, none of which failed.
#[track_caller]
pub(super) fn all<T>(answers: Vec<Result<T>>) -> Vec<T> {
    answers.into_iter().map(Result::unwrap).collect()
}

/// Asserts that what was stored is found; where a set may be refused, that nothing else is.
#[track_caller]
#[expect(
    clippy::needless_pass_by_value,
    reason = "the calls read better without a reference"
)]
pub(super) fn assert_kept<T: PartialEq + Debug>(fixture: &dyn Fixture, found: Option<T>, stored: T) {
    if found.is_some() || fixture.keeps_every_set() {
        assert_eq!(found, Some(stored));
    }
}

/// Asserts that a value which was stored fails to be read, as this kind of error; where a set may be refused, it may
/// also be absent.
#[track_caller]
pub(super) fn assert_unreadable<T: Debug>(fixture: &dyn Fixture, answer: Result<Option<T>>, kind: ErrorKind) {
    match answer {
        Ok(None) => assert!(!fixture.keeps_every_set(), "nothing is there"),
        answer => assert_eq!(answer.unwrap_err().kind(), kind),
    }
}

/// A life that is long enough to look at an entry in the midst of it.
pub(super) fn life(fixture: &dyn Fixture) -> Duration {
    Duration::from_millis(400) + 8 * fixture.slack()
}

/// Lets time pass until just before the end of a life that has begun now.
pub(super) async fn pass_to_the_end_of(fixture: &dyn Fixture, life: Duration) {
    fixture
        .pass(life.saturating_sub(MILLISECOND + 2 * fixture.slack()))
        .await;
}

/// Goes on from just before the end to the end.
pub(super) async fn pass_the_end(fixture: &dyn Fixture) {
    fixture.pass(MILLISECOND + 4 * fixture.slack()).await;
}

const MILLISECOND: Duration = Duration::from_millis(1);

/// A backend, asked in texts.
pub(super) struct Probe<'f> {
    pub(super) fixture: &'f dyn Fixture,
    pub(super) backend: Arc<dyn CacheBackend>,
    codec: Codec,
}

impl<'f> Probe<'f> {
    /// Asks the backend under test.
    pub(super) fn new(fixture: &'f dyn Fixture) -> Self {
        Self::on(fixture, fixture.backend())
    }

    /// Asks another backend of the fixture.
    pub(super) fn on(fixture: &'f dyn Fixture, backend: Arc<dyn CacheBackend>) -> Self {
        Self {
            fixture,
            backend,
            codec: fixture.codec(),
        }
    }

    /// Makes an entry without an end.
    pub(super) fn entry(&self, text: &str) -> Entry {
        Entry::new(Value::new(text.to_owned()), self.backend.clock().now())
    }

    /// Makes an entry with an end.
    pub(super) fn entry_for(&self, text: &str, life: Duration) -> Entry {
        let entry = self.entry(text);
        let end = entry.created() + life;
        entry.with_expires_at(end)
    }

    /// Returns ends that have come: this very moment, and a second before.
    pub(super) fn past_ends(&self) -> [Timestamp; 2] {
        let now = self.backend.clock().now();
        [now, Timestamp::from_millis(now.as_millis() - 1_000)]
    }

    pub(super) async fn set(&self, name: &str, text: &str) {
        self.backend.set(key(name), self.entry(text)).await.unwrap();
    }

    pub(super) async fn set_for(&self, name: &str, text: &str, life: Duration) {
        self.backend
            .set(key(name), self.entry_for(text, life))
            .await
            .unwrap();
    }

    pub(super) async fn entry_of(&self, name: &str) -> Option<Entry> {
        self.backend.get(key(name)).await.unwrap()
    }

    /// Returns how long the entry of a key lives, from when it was made to its end.
    pub(super) async fn life_of(&self, name: &str) -> Option<Duration> {
        let entry = self.entry_of(name).await;
        entry.map(|entry| entry.expires_at().since(entry.created()))
    }

    pub(super) async fn get(&self, name: &str) -> Option<String> {
        self.entry_of(name).await.map(|entry| self.text(entry))
    }

    pub(super) async fn exists(&self, name: &str) -> bool {
        self.backend.exists(key(name)).await.unwrap()
    }

    pub(super) async fn delete(&self, name: &str) -> bool {
        self.backend.delete(key(name)).await.unwrap()
    }

    pub(super) async fn get_many(&self, names: &[&str]) -> Vec<Option<String>> {
        let keys = names.iter().map(|name| key(name)).collect();
        let answers = all(self.backend.get_many(keys).await.unwrap());
        answers
            .into_iter()
            .map(|answer| answer.map(|entry| self.text(entry)))
            .collect()
    }

    pub(super) async fn set_many(&self, entries: &[(&str, &str)]) {
        let entries = entries.iter().map(|(name, text)| (key(name), self.entry(text)));
        all(self.backend.set_many(entries.collect()).await.unwrap());
    }

    pub(super) async fn delete_many(&self, names: &[&str]) -> Vec<bool> {
        let keys = names.iter().map(|name| key(name)).collect();
        all(self.backend.delete_many(keys).await.unwrap())
    }

    /// Reads the text of an entry.
    pub(super) fn text(&self, entry: Entry) -> String {
        String::clone(&entry.into_value().read(&self.codec).unwrap())
    }

    /// Asserts that the key holds this text.
    pub(super) async fn assert_holds(&self, name: &str, text: &str) {
        assert_kept(self.fixture, self.get(name).await.as_deref(), text);
        assert_kept(self.fixture, self.exists(name).await.then_some(()), ());
    }

    /// Asserts that the key is a miss for every method that reads.
    pub(super) async fn assert_absent(&self, name: &str) {
        // A get may free what is over, so the others come first.
        assert!(!self.exists(name).await, "exists of {name:?}");
        assert_eq!(self.get_many(&[name]).await, [None], "get_many of {name:?}");
        assert_eq!(self.get(name).await, None, "get of {name:?}");
    }

    /// Asserts that an entry went, which one must have that was stored before.
    #[track_caller]
    pub(super) fn assert_went(&self, went: bool) {
        assert_kept(self.fixture, went.then_some(()), ());
    }
}
