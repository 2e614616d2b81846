//! What gauges stand at. Caches share one when they have the same name and backend, and when they only differ in the
//! subsystem, which the aliases leave out; they may belong to different handles that go to one recorder. A gauge knows only
//! the last value that it was set to, so what each cache says is kept here, for the whole process.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use metrics::{Key, Recorder};

use crate::keys::{Keys, register_gauge};

/// How the values of caches that share a gauge make one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Together {
    /// All of it, up to the largest number.
    Sum,
    /// 1 if each says so.
    All,
    /// 1 if one says so.
    Any,
}

/// A cache that says what gauges stand at, as long as it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Speaker(usize);

/// Where a recorder lies. It outlives the caches that speak to it, but for one that is set for a piece of code only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place(usize);

#[derive(Debug)]
struct Shared {
    together: Together,
    values: BTreeMap<Speaker, u64>,
}

static GAUGES: Mutex<BTreeMap<(Place, Key), Shared>> = Mutex::new(BTreeMap::new());

/// Sets a gauge and its alias to what all caches that share it say, of which one says something new.
pub(crate) fn set(recorder: &dyn Recorder, speaker: Speaker, keys: &Keys, together: Together, value: u64) {
    let mut gauges = gauges();
    for key in keys.each() {
        let shared = gauges
            .entry((Place::of(recorder), key.clone()))
            .or_insert_with(|| Shared::new(together));
        shared.values.insert(speaker, value);
        shared.send(recorder, key);
    }
}

/// Takes back what a cache said to a recorder. A gauge that nobody speaks for any more would stand for ever at what was
/// said last, so it is set to nothing.
pub(crate) fn take_back(recorder: &dyn Recorder, speaker: Speaker) {
    gauges().retain(|(place, key), shared| {
        if *place == Place::of(recorder) && shared.values.remove(&speaker).is_some() {
            shared.send(recorder, key);
        }
        !shared.values.is_empty()
    });
}

/// Forgets a cache, also for recorders that are gone.
pub(crate) fn forget(speaker: Speaker) {
    gauges().retain(|_, shared| {
        shared.values.remove(&speaker);
        !shared.values.is_empty()
    });
}

impl Speaker {
    /// Returns the speaker that lies there. No two lie at one place at a time.
    pub(crate) fn of<T>(cache: &T) -> Self {
        Self(std::ptr::from_ref(cache).addr())
    }
}

impl Place {
    fn of(recorder: &dyn Recorder) -> Self {
        Self(std::ptr::from_ref(recorder).addr())
    }
}

impl Shared {
    fn new(together: Together) -> Self {
        Self {
            together,
            values: BTreeMap::new(),
        }
    }

    fn send(&self, recorder: &dyn Recorder, key: &Key) {
        let mut values = self.values.values();
        let value = match self.together {
            Together::Sum => values.fold(0, |sum: u64, value| sum.saturating_add(*value)),
            Together::All => u64::from(values.len() > 0 && values.all(|value| *value > 0)),
            Together::Any => u64::from(values.any(|value| *value > 0)),
        };
        register_gauge(recorder, key).set(value as f64);
    }
}

/// The table is consistent between any two calls, so a recorder that panicked does no harm to others.
fn gauges() -> MutexGuard<'static, BTreeMap<(Place, Key), Shared>> {
    GAUGES.lock().unwrap_or_else(PoisonError::into_inner)
}
