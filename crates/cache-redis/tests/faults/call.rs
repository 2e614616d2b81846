//! The calls of the matrix, each with what must hold of it under every fault: it ends within its budget, and a value
//! that it returns is that of its key.

use std::time::{Duration, Instant};

use cache_core::{Cache, CacheError, ErrorKind, Result};

/// The budget of every call here.
pub(crate) const BUDGET: Duration = Duration::from_millis(200);

/// How much longer a call may take. 50 ms is what is promised; the rest is for a machine that runs other tests. Two
/// stages that add up instead of sharing one budget are above it.
pub(crate) const LATEST: Duration = BUDGET.saturating_add(Duration::from_millis(150));

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
    Set,
    DeleteAndClear,
    ManyKeys,
}

impl Column {
    /// Returns the calls that the column stands for.
    pub(crate) fn calls(self) -> &'static [Call] {
        match self {
            Self::Get => &[Call::Get, Call::Exists],
            Self::Set => &[Call::Set],
            Self::DeleteAndClear => &[Call::Delete, Call::Clear],
            Self::ManyKeys => &[Call::GetMany, Call::SetMany, Call::DeleteMany],
        }
    }
}

/// A call on the keys that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Get,
    Exists,
    Set,
    Delete,
    Clear,
    GetMany,
    SetMany,
    DeleteMany,
}

impl Call {
    /// Says whether the server may refuse it because it takes no writes.
    pub(crate) fn writes(self) -> bool {
        !matches!(self, Self::Get | Self::Exists | Self::GetMany)
    }

    /// Runs the call on [`KEYS`].
    pub(crate) async fn run(self, cache: &Cache) -> Outcome {
        self.run_on(cache, &KEYS).await
    }

    /// Runs the call on all keys if it takes several, on the first if it takes one.
    pub(crate) async fn run_on(self, cache: &Cache, keys: &[&str]) -> Outcome {
        let start = Instant::now();
        let answers = self.answers(cache, keys).await;
        let outcome = Outcome {
            call: self,
            took: start.elapsed(),
            answers,
        };
        assert!(outcome.took <= LATEST, "it takes too long: {outcome:?}");
        for error in outcome.answers.iter().filter_map(|answer| answer.as_ref().err()) {
            assert!(
                !error.to_string().is_empty() && !error.to_string().contains('\n'),
                "{error:?}"
            );
        }
        outcome
    }

    /// Returns for each key whether there was something to read or to remove; a set says yes.
    async fn answers(self, cache: &Cache, keys: &[&str]) -> Vec<Result<bool>> {
        let key = keys[0];
        match self {
            Self::Get => vec![
                cache
                    .get::<String>(key)
                    .await
                    .map(|value| is_right(key, value.as_deref())),
            ],
            Self::Exists => vec![cache.exists(key).await],
            Self::Set => vec![cache.set(key, value_of(key)).await.map(|()| true)],
            Self::Delete => vec![cache.delete(key).await],
            Self::Clear => vec![cache.clear().await.map(|()| true)],
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
            Self::DeleteMany => cache.delete_many(keys.iter().copied()).await,
        }
    }
}

/// Says whether a value was found, and panics if it is that of another key.
pub(crate) fn is_right(key: &str, value: Option<&str>) -> bool {
    if let Some(value) = value {
        assert_eq!(value, value_of(key), "this is what a get of {key:?} found");
    }
    value.is_some()
}

/// How a call ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    #[expect(dead_code, reason = "failures print it")]
    call: Call,
    pub(crate) took: Duration,
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

    /// Checks that each key failed with one of the kinds.
    #[track_caller]
    pub(crate) fn fails_with(&self, kinds: &[ErrorKind]) {
        assert_eq!(self.errors().count(), self.answers.len(), "{self:?}");
        self.fails_at_most_with(kinds);
    }

    /// Checks that what failed did so with one of the kinds.
    #[track_caller]
    pub(crate) fn fails_at_most_with(&self, kinds: &[ErrorKind]) {
        for error in self.errors() {
            assert!(kinds.contains(&error.kind()), "{self:?}");
        }
    }
}
