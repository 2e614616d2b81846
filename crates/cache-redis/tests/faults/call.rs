//! The calls of the matrix, each with what must hold of it under every fault: it ends within its budget, and a value
//! that it returns is that of its key.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use cache_core::{Cache, CacheError, ErrorKind, LoadOptions, Loaded, Result};

use crate::machine::Watch;

/// How long a call may take where nobody listens, by what was promised.
pub(crate) const AT_ONCE: Duration = Duration::from_millis(5);

/// The budget of every call here.
pub(crate) const BUDGET: Duration = Duration::from_millis(200);

/// How much longer a call may take, beside the time by which the machine is seen to hold up everybody.
pub(crate) const SLACK: Duration = Duration::from_millis(50);

/// The keys that are there before a fault begins, with [`value_of`] each.
pub(crate) const KEYS: [&str; 3] = ["a", "b", "c"];

/// Returns what is stored for a key: no other key has the same.
pub(crate) fn value_of(key: &str) -> String {
    format!("the value of {key}")
}

/// A column of the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    Get,
    GetOrLoad,
    Set,
    DeleteAndClear,
    ManyKeys,
}

impl Column {
    /// Returns the calls that the column stands for.
    pub(crate) fn calls(self) -> &'static [Call] {
        match self {
            Self::Get => &[Call::Get, Call::Exists, Call::Ping],
            Self::GetOrLoad => &[
                Call::GetOrLoad,
                Call::Load,
                Call::GetOrLoadMany,
                Call::StrictGetOrLoad,
                Call::StrictGetOrLoadMany,
                Call::TaggedGetOrLoad,
                Call::TaggedLoad,
            ],
            Self::Set => &[Call::Set, Call::TaggedSet],
            Self::DeleteAndClear => &[Call::Delete, Call::Clear, Call::InvalidateTag],
            Self::ManyKeys => &[Call::GetMany, Call::SetMany, Call::DeleteMany],
        }
    }
}

/// A call on the keys that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Get,
    Exists,
    Ping,
    Set,
    /// A set of the key with the tag [`TAG`].
    TaggedSet,
    Delete,
    Clear,
    /// An invalidation of [`TAG`].
    InvalidateTag,
    GetMany,
    SetMany,
    DeleteMany,
    GetOrLoad,
    /// A `get_or_load` of a key that is never there.
    Load,
    GetOrLoadMany,
    /// A `get_or_load` that was told to fail if the backend does.
    StrictGetOrLoad,
    /// A `get_or_load_many` that was told so.
    StrictGetOrLoadMany,
    /// A `get_or_load` with a tag, of a key that [`Bench::fill`](crate::bench::Bench::fill) loads with it.
    TaggedGetOrLoad,
    /// A `get_or_load` with a tag, of a key that is never there.
    TaggedLoad,
}

impl Call {
    /// Says whether the server may refuse it because it takes no writes.
    pub(crate) fn writes(self) -> bool {
        matches!(
            self,
            Self::Set
                | Self::TaggedSet
                | Self::Delete
                | Self::Clear
                | Self::InvalidateTag
                | Self::SetMany
                | Self::DeleteMany
        )
    }

    /// Says whether it gives a value whatever the server does.
    pub(crate) fn loads(self) -> bool {
        let tagged = matches!(self, Self::TaggedGetOrLoad | Self::TaggedLoad);
        tagged || matches!(self, Self::GetOrLoad | Self::Load | Self::GetOrLoadMany)
    }

    /// Says whether the first shard of a Cluster decides how it ends. The markers of a tag are elsewhere, and a ping is for
    /// no key.
    pub(crate) fn is_of_first_key(self) -> bool {
        !matches!(self, Self::Ping | Self::TaggedSet | Self::InvalidateTag)
    }

    /// Returns how many budgets it may take of a server whose answers all come, and late. A load has one for its look, one for
    /// what it asks before its loader, where it looks again if something changed since, and one to store. With tags those who
    /// joined it wait until the markers were asked once more.
    fn budgets(self) -> u32 {
        match self {
            Self::TaggedGetOrLoad | Self::TaggedLoad => 4,
            Self::GetOrLoad
            | Self::Load
            | Self::GetOrLoadMany
            | Self::StrictGetOrLoad
            | Self::StrictGetOrLoadMany => 3,
            _ => 1,
        }
    }

    /// Runs the call on [`KEYS`].
    pub(crate) async fn run(self, cache: &Cache) -> Outcome {
        self.run_on(cache, &KEYS).await
    }

    /// Runs the call on all keys if it takes several, on the first if it takes one. It may take one budget: after a request that
    /// failed no caller waits for another one.
    pub(crate) async fn run_on(self, cache: &Cache, keys: &[&str]) -> Outcome {
        self.timed(BUDGET, BUDGET, cache, keys).await
    }

    /// Runs the call on a cache with such budgets, whose server's answers come late, but come.
    pub(crate) async fn run_slowly(self, budget: Duration, cache: &Cache, keys: &[&str]) -> Outcome {
        let budgets = self.budgets();
        let before_loader = budgets.min(2);
        self.timed(budgets * budget, before_loader * budget, cache, keys)
            .await
    }

    /// Runs the call, which may take so long, and its loader if there is one has to begin in time.
    async fn timed(self, limit: Duration, loads_by: Duration, cache: &Cache, keys: &[&str]) -> Outcome {
        let began = Began::default();
        let (start, watch) = (Instant::now(), Watch::start());
        let answers = self.answers(cache, keys, &began).await;
        let outcome = Outcome {
            call: self,
            took: start.elapsed(),
            held_up: watch.held_up(),
            loads_after: began.get().map(|began| began.duration_since(start)),
            answers,
        };
        let slack = SLACK + outcome.held_up;
        assert!(
            outcome.took <= limit + slack,
            "it takes longer than {limit:?} and {slack:?}: {outcome:?}"
        );
        assert!(
            outcome.loads_after.is_none_or(|after| after <= loads_by + slack),
            "the loader begins later than after {loads_by:?} and {slack:?}: {outcome:?}"
        );
        for error in outcome.answers.iter().filter_map(|answer| answer.as_ref().err()) {
            assert!(
                !error.to_string().is_empty() && !error.to_string().contains('\n'),
                "{error:?}"
            );
        }
        outcome
    }

    /// Returns for each key whether there was something to read or to remove; a set says yes.
    async fn answers(self, cache: &Cache, keys: &[&str], began: &Began) -> Vec<Result<bool>> {
        let key = keys[0];
        match self {
            Self::Get => vec![
                cache
                    .get::<String>(key)
                    .await
                    .map(|value| is_right(key, value.as_deref())),
            ],
            Self::Exists => vec![cache.exists(key).await],
            Self::Ping => vec![cache.ping().await.map(|()| true)],
            Self::Set => vec![cache.set(key, value_of(key)).await.map(|()| true)],
            Self::TaggedSet => {
                let set = cache.set(key, value_of(key)).tags(&[TAG]);
                vec![set.await.map(|()| true)]
            }
            Self::Delete => vec![cache.delete(key).await],
            Self::Clear => vec![cache.clear().await.map(|()| true)],
            Self::InvalidateTag => vec![cache.invalidate_tag(TAG).await.map(|()| true)],
            Self::GetMany => {
                let answers = cache.get_many::<String>(keys.iter().copied()).await.into_iter();
                let answers = answers.zip(keys);
                answers
                    .map(|(answer, key)| answer.map(|value| is_right(key, value.as_deref())))
                    .collect()
            }
            Self::SetMany => {
                let values = keys.iter().map(|key| (*key, value_of(key)));
                let answers = cache.set_many(values).await.into_iter();
                answers.map(|answer| answer.map(|()| true)).collect()
            }
            Self::GetOrLoad => vec![load(cache, key, false, began).await],
            Self::Load => vec![load(cache, &fresh_key(), false, began).await],
            Self::StrictGetOrLoad => vec![load(cache, key, true, began).await],
            Self::GetOrLoadMany => {
                let fresh = fresh_key();
                let keys: Vec<_> = keys.iter().copied().chain([&*fresh]).collect();
                load_all(cache, &keys, false, began).await
            }
            Self::StrictGetOrLoadMany => load_all(cache, keys, true, began).await,
            Self::TaggedGetOrLoad => vec![load_tagged(cache, &tagged_key(key), began).await],
            Self::TaggedLoad => vec![load_tagged(cache, &fresh_key(), began).await],
            Self::DeleteMany => cache.delete_many(keys.iter().copied()).await,
        }
    }
}

/// When the loader of a call began to run, if it did.
type Began = Arc<OnceLock<Instant>>;

/// Makes a loader of a key that notes when it begins.
fn loader(key: &str, began: &Began) -> impl FnOnce() -> std::future::Ready<std::io::Result<String>> + use<> {
    let (value, began) = (value_of(key), Arc::clone(began));
    move || {
        began.get_or_init(Instant::now);
        std::future::ready(Ok(value))
    }
}

/// Reads a value or loads it.
async fn load(cache: &Cache, key: &str, strict: bool, began: &Began) -> Result<bool> {
    let options = LoadOptions::new().strict(strict);
    let call = cache.get_or_load(key, loader(key, began));
    let value: String = call.options(&options).await?;
    Ok(is_right(key, Some(&value)))
}

/// The tag of all that is loaded with one.
pub(crate) const TAG: &str = "loaded";

/// Returns the key that is loaded with a tag, which on a Cluster is where this one is.
pub(crate) fn tagged_key(key: &str) -> String {
    format!("{key}-tagged")
}

/// Reads a value with a tag or loads it.
async fn load_tagged(cache: &Cache, key: &str, began: &Began) -> Result<bool> {
    let call = cache.get_or_load(key, loader(key, began));
    let value: String = call.tags(&[TAG]).await?;
    Ok(is_right(key, Some(&value)))
}

/// Reads the values of keys or loads them.
async fn load_all(cache: &Cache, keys: &[&str], strict: bool, began: &Began) -> Vec<Result<bool>> {
    let options = LoadOptions::new().strict(strict);
    let began = Arc::clone(began);
    let loader = move |keys| {
        began.get_or_init(Instant::now);
        load_many(keys)
    };
    let call = cache.get_or_load_many::<String, _>(keys.iter().copied(), loader);
    let answers = call.options(&options).await.into_iter().zip(keys);
    answers
        .map(|(answer, key)| answer.map(|value| is_right(key, value.as_deref())))
        .collect()
}

/// Loads the values of keys.
pub(crate) async fn load_many(
    keys: Vec<String>,
) -> std::io::Result<Vec<(String, std::io::Result<Loaded<String>>)>> {
    let loaded = keys.into_iter().map(|key| {
        let value = value_of(&key);
        (key, Ok(Loaded::store(value)))
    });
    Ok(loaded.collect())
}

/// Returns a key that was not used before.
fn fresh_key() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("fresh-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Says whether a value was found, and panics if it is that of another key.
pub(crate) fn is_right(key: &str, value: Option<&str>) -> bool {
    if let Some(value) = value {
        assert_eq!(value, value_of(key), "this is what a get of {key:?} found");
    }
    value.is_some()
}

/// Runs a call that may take so long, and panics if it takes longer.
pub(crate) async fn in_time<T>(budget: Duration, call: impl IntoFuture<Output = T>) -> T {
    let (start, watch) = (Instant::now(), Watch::start());
    let ended = call.await;
    let (took, latest) = (start.elapsed(), budget + SLACK + watch.held_up());
    assert!(
        took <= latest,
        "it takes {took:?}, which is longer than {latest:?}"
    );
    ended
}

/// How a call ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    call: Call,
    pub(crate) took: Duration,
    /// For how long the machine held up everybody meanwhile.
    pub(crate) held_up: Duration,
    /// When the loader began, if it ran.
    loads_after: Option<Duration>,
    pub(crate) answers: Vec<Result<bool>>,
}

impl Outcome {
    /// Returns the errors.
    pub(crate) fn errors(&self) -> impl Iterator<Item = &CacheError> {
        self.answers.iter().filter_map(|answer| answer.as_ref().err())
    }

    /// Checks that everything was done, and that what is read or removed was there.
    #[track_caller]
    pub(crate) fn is_well(&self) {
        assert!(
            self.answers.iter().all(|answer| matches!(answer, Ok(true))),
            "{self:?}"
        );
    }

    /// Checks that nothing failed, whether or not there was something to read.
    #[track_caller]
    pub(crate) fn has_no_error(&self) {
        assert!(self.errors().next().is_none(), "{self:?}");
    }

    /// Checks that each key failed with one of the kinds, or that a load brought all the same what was asked for.
    #[track_caller]
    pub(crate) fn fails_with(&self, kinds: &[ErrorKind]) {
        if self.call.loads() {
            return self.is_well();
        }
        assert_eq!(self.errors().count(), self.answers.len(), "{self:?}");
        self.fails_at_most_with(kinds);
    }

    /// Checks that what failed did so with one of the kinds. Loads do not fail.
    #[track_caller]
    pub(crate) fn fails_at_most_with(&self, kinds: &[ErrorKind]) {
        if self.call.loads() {
            return self.is_well();
        }
        for error in self.errors() {
            assert!(kinds.contains(&error.kind()), "{self:?}");
        }
    }
}
