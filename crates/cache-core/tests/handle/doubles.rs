//! A backend that writes down what it is asked and answers as it was told. `cache-testkit` has richer ones, but it
//! depends on this crate.

use std::sync::{Arc, Mutex};

use cache_core::{
    BackendStats, CacheBackend, CacheError, CacheFuture, Clock, Entry, ErrorKind, Key, Result, SystemClock,
    Value,
};

/// What the backend answers to operations on many keys.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answers {
    /// One for each key.
    All,
    /// No more than so many, which breaks the contract.
    Only(usize),
    /// One more than there are keys, which breaks it too.
    OneMore,
    /// None, and an error for the whole call.
    Failure,
    /// An error for each key that begins with `bad`.
    BadKeysFail,
}

#[derive(Debug)]
pub(crate) struct Scripted {
    answers: Answers,
    asked: Mutex<Vec<String>>,
}

impl Scripted {
    pub(crate) fn new(answers: Answers) -> Arc<Self> {
        Arc::new(Self {
            answers,
            asked: Mutex::new(Vec::new()),
        })
    }

    /// Returns what it was asked, one line for each call.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn write_down(&self, operation: &str, keys: &[Key<'_>]) {
        let keys = keys.iter().map(|key| format!(" {}", key.as_str()));
        let line = keys.fold(operation.to_owned(), |line, key| line + &key);
        self.asked.lock().unwrap().push(line);
    }

    fn many<'a, T: Send + 'a>(
        &self,
        operation: &str,
        keys: Vec<Key<'a>>,
        answer: impl Fn(Key<'a>) -> T,
    ) -> CacheFuture<'a, Vec<Result<T>>> {
        self.write_down(operation, &keys);
        let one = |key: Key<'a>| match self.answers {
            Answers::BadKeysFail if key.as_str().starts_with("bad") => Err(failure()),
            _ => Ok(answer(key)),
        };
        let last = keys.last().copied();
        let mut answers: Vec<Result<T>> = keys.into_iter().map(one).collect();
        match self.answers {
            Answers::Only(most) => answers.truncate(most),
            Answers::OneMore => answers.extend(last.map(one)),
            Answers::Failure => return CacheFuture::ready(Err(failure())),
            Answers::All | Answers::BadKeysFail => {}
        }
        CacheFuture::ready(Ok(answers))
    }
}

fn failure() -> CacheError {
    CacheError::new(ErrorKind::Unavailable, "the test said so")
}

/// Every entry that is read holds its own key, so that an answer in a wrong place shows.
fn entry(key: Key<'_>) -> Entry {
    Entry::new(Value::new(key.as_str().to_owned()), SystemClock.now())
}

#[deny(clippy::missing_trait_methods)]
impl CacheBackend for Scripted {
    fn kind(&self) -> &'static str {
        "scripted"
    }

    fn clock(&self) -> Arc<dyn Clock> {
        SystemClock::shared()
    }

    fn get<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, Option<Entry>> {
        self.write_down("get", &[key]);
        CacheFuture::ready(Ok(Some(entry(key))))
    }

    fn set<'a>(&'a self, key: Key<'a>, _: Entry) -> CacheFuture<'a, ()> {
        self.write_down("set", &[key]);
        CacheFuture::ready(Ok(()))
    }

    fn delete<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, bool> {
        self.write_down("delete", &[key]);
        CacheFuture::ready(Ok(true))
    }

    fn exists<'a>(&'a self, _: Key<'a>) -> CacheFuture<'a, bool> {
        CacheFuture::ready(Ok(true))
    }

    fn get_many<'a>(&'a self, keys: Vec<Key<'a>>) -> CacheFuture<'a, Vec<Result<Option<Entry>>>> {
        self.many("get_many", keys, |key| Some(entry(key)))
    }

    fn set_many<'a>(&'a self, entries: Vec<(Key<'a>, Entry)>) -> CacheFuture<'a, Vec<Result<()>>> {
        for (key, entry) in &entries {
            // The value says which key it was given for.
            assert_eq!(entry.value().downcast_ref::<String>().unwrap(), key.as_str());
        }
        self.many(
            "set_many",
            entries.into_iter().map(|(key, _)| key).collect(),
            |_| (),
        )
    }

    /// Says that an entry went for keys that begin with `there`.
    fn delete_many<'a>(&'a self, keys: Vec<Key<'a>>) -> CacheFuture<'a, Vec<Result<bool>>> {
        self.many("delete_many", keys, |key| key.as_str().starts_with("there"))
    }

    fn clear(&self) -> CacheFuture<'_, ()> {
        CacheFuture::ready(Ok(()))
    }

    fn stats(&self) -> BackendStats {
        BackendStats::default()
    }

    fn ping(&self) -> CacheFuture<'_, ()> {
        CacheFuture::ready(Ok(()))
    }

    fn close(&self) -> CacheFuture<'_, ()> {
        CacheFuture::ready(Ok(()))
    }
}
