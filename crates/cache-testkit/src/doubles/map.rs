//! The suite's own reference: the contract at its plainest, so that the cases can be trusted and layers can be
//! tested without a real backend.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cache_core::{
    BackendStats, CacheBackend, CacheError, CacheFuture, Clock, Codec, Entry, Key, Result, Timestamp,
};

use super::form::{Form, Formed};

/// A map behind a mutex that keeps every line of the contract. Every answer is [`CacheFuture::Ready`].
///
/// It keeps objects, or with [`encoding`](Self::encoding) bytes. It drops nothing for room and lets entries idle,
/// unless it is told otherwise.
pub struct MapBackend {
    clock: Arc<dyn Clock>,
    form: Form,
    max_items: Option<usize>,
    time_to_idle: Option<Duration>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    entries: BTreeMap<String, Stored>,
    /// How many uses there were, which orders them where the clock stands still.
    uses: u64,
    closed: bool,
}

struct Stored {
    formed: Formed,
    expires_at: Timestamp,
    used_at: Timestamp,
    last_use: u64,
}

impl MapBackend {
    /// Makes a backend whose entries live by this clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            form: Form::Objects,
            max_items: None,
            time_to_idle: None,
            state: Mutex::default(),
        }
    }

    /// Keeps the stored form of each entry instead of the entry, as a server does: a value is encoded at the write,
    /// and decoded by each reader.
    #[must_use]
    pub fn encoding(mut self, codec: Codec) -> Self {
        self.form = Form::encoded(codec);
        self
    }

    /// Keeps at most so many items: the one whose last use is the longest ago goes for room.
    #[must_use]
    pub fn max_items(mut self, items: usize) -> Self {
        self.max_items = Some(items);
        self
    }

    /// Ends entries that were not used for so long, before their life ends.
    #[must_use]
    pub fn time_to_idle(mut self, idle: Duration) -> Self {
        self.time_to_idle = Some(idle);
        self
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer<T>(&self, act: impl FnOnce(&mut State) -> Result<T>) -> CacheFuture<'_, T> {
        let mut state = self.state();
        CacheFuture::ready(if state.closed {
            Err(CacheError::closed())
        } else {
            act(&mut state)
        })
    }

    fn is_over(&self, stored: &Stored, now: Timestamp) -> bool {
        now >= stored.expires_at || self.time_to_idle.is_some_and(|idle| now >= stored.used_at + idle)
    }

    /// Finds what is there, and frees it if it is over. Everything that must agree with a get goes this way, a
    /// delete too, and by the same clock.
    fn find<'s>(&self, state: &'s mut State, key: Key<'_>) -> Option<&'s mut Stored> {
        let now = self.clock.coarse();
        if state
            .entries
            .get(key.as_str())
            .is_some_and(|stored| self.is_over(stored, now))
        {
            state.entries.remove(key.as_str());
        }
        state.entries.get_mut(key.as_str())
    }

    fn read(&self, state: &mut State, key: Key<'_>) -> Result<Option<Entry>> {
        state.uses += 1;
        let last_use = state.uses;
        let Some(stored) = self.find(state, key) else {
            return Ok(None);
        };
        stored.used_at = self.clock.now();
        stored.last_use = last_use;
        stored.formed.entry().map(Some)
    }

    fn write(&self, state: &mut State, key: Key<'_>, entry: Entry) -> Result<()> {
        let now = self.clock.now();
        let expires_at = entry.expires_at();
        let formed = self.form.form(key, entry)?;
        state.uses += 1;
        let stored = Stored {
            formed,
            expires_at,
            used_at: now,
            last_use: state.uses,
        };
        state.entries.insert(key.as_str().to_owned(), stored);
        let Some(max_items) = self.max_items else {
            return Ok(());
        };
        if state.entries.len() > max_items {
            state.entries.retain(|_, stored| !self.is_over(stored, now));
        }
        while state.entries.len() > max_items {
            let victim = state
                .entries
                .iter()
                .min_by_key(|(_, stored)| stored.last_use)
                .map(|(key, _)| key.clone());
            victim.and_then(|key| state.entries.remove(&key));
        }
        Ok(())
    }

    fn remove(&self, state: &mut State, key: Key<'_>) -> bool {
        self.find(state, key).is_some() && state.entries.remove(key.as_str()).is_some()
    }
}

impl CacheBackend for MapBackend {
    fn kind(&self) -> &'static str {
        "map"
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    fn get<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, Option<Entry>> {
        self.answer(|state| self.read(state, key))
    }

    fn set<'a>(&'a self, key: Key<'a>, entry: Entry) -> CacheFuture<'a, ()> {
        self.answer(|state| self.write(state, key, entry))
    }

    fn delete<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, bool> {
        self.answer(|state| Ok(self.remove(state, key)))
    }

    fn exists<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, bool> {
        self.answer(|state| Ok(self.find(state, key).is_some()))
    }

    fn get_many<'a>(&'a self, keys: Vec<Key<'a>>) -> CacheFuture<'a, Vec<Result<Option<Entry>>>> {
        self.answer(|state| Ok(keys.into_iter().map(|key| self.read(state, key)).collect()))
    }

    fn set_many<'a>(&'a self, entries: Vec<(Key<'a>, Entry)>) -> CacheFuture<'a, Vec<Result<()>>> {
        self.answer(|state| {
            Ok(entries
                .into_iter()
                .map(|(key, entry)| self.write(state, key, entry))
                .collect())
        })
    }

    fn delete_many<'a>(&'a self, keys: Vec<Key<'a>>) -> CacheFuture<'a, Vec<Result<bool>>> {
        self.answer(|state| Ok(keys.into_iter().map(|key| Ok(self.remove(state, key))).collect()))
    }

    fn clear(&self) -> CacheFuture<'_, ()> {
        self.answer(|state| {
            state.entries.clear();
            Ok(())
        })
    }

    fn stats(&self) -> BackendStats {
        let mut stats = BackendStats::default();
        stats.items = Some(self.state().entries.len() as u64);
        stats.max_items = self.max_items.map(|items| items as u64);
        stats
    }

    fn ping(&self) -> CacheFuture<'_, ()> {
        self.answer(|_| Ok(()))
    }

    fn close(&self) -> CacheFuture<'_, ()> {
        *self.state() = State {
            closed: true,
            ..State::default()
        };
        CacheFuture::ready(Ok(()))
    }
}

/// Prints the settings, not the entries: they may be secrets of a program that tests with this backend.
impl fmt::Debug for MapBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapBackend")
            .field("form", &self.form)
            .finish_non_exhaustive()
    }
}
