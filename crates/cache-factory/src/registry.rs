//! The named caches of a program.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use cache_core::{Cache, CacheError, ErrorKind, Result};
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::error::CloseErrors;
use crate::nearest::{list, nearest};
use crate::together::{all, close, sign_of_life};

/// How long a required cache may take to give its first sign of life.
const START: Duration = Duration::from_secs(2);

/// How long a required cache is left alone before it is asked again: what answers for a server answers at once.
const PAUSE: Duration = Duration::from_millis(50);

/// How long the background work of a cache may take to end.
const END: Duration = Duration::from_secs(10);

/// Caches by their names. Clones are handles on the same ones.
#[derive(Clone, Default)]
pub struct Registry(Arc<RwLock<BTreeMap<String, Entry>>>);

#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) cache: Cache,
    pub(crate) required: bool,
    /// Tells one entry from another one of the same name.
    pub(crate) mark: Arc<()>,
}

impl Registry {
    /// Returns an empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the cache of a name.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidName`] if there is none, with the names that there are.
    pub fn get(&self, name: &str) -> Result<Cache> {
        let caches = self.read();
        if let Some(entry) = caches.get(name) {
            return Ok(entry.cache.clone());
        }
        let names: Vec<&str> = caches.keys().map(String::as_str).collect();
        let meant = nearest(name, names.iter().copied()).map(|name| format!("did you mean `{name}`? "));
        let message = if names.is_empty() {
            format!("no cache is named {name:?}; there is none at all")
        } else {
            format!(
                "no cache is named {name:?}; {}there are {}",
                meant.unwrap_or_default(),
                list(&names)
            )
        };
        Err(CacheError::new(ErrorKind::InvalidName, message))
    }

    /// Returns the names, in their order.
    pub fn names(&self) -> Vec<String> {
        self.read().keys().cloned().collect()
    }

    /// Puts a cache under its name. Another one that has the name already is replaced, then closed; where it is the same
    /// cache, nothing happens. The new one is required if the older one was; whether a cache is required that comes first,
    /// a configuration says.
    ///
    /// # Errors
    /// What closing the older cache reports. The new one is in its place even so.
    pub async fn insert(&self, cache: Cache) -> Result<()> {
        match self.replace(cache, false) {
            Some(older) => close(&older, END).await,
            None => Ok(()),
        }
    }

    /// Takes the cache of a name out and closes it. Says whether there was one.
    ///
    /// # Errors
    /// What closing it reports. It is out even so.
    pub async fn remove(&self, name: &str) -> Result<bool> {
        let removed = self.write().remove(name);
        match removed {
            Some(entry) => close(&entry.cache, END).await.map(|()| true),
            None => Ok(false),
        }
    }

    /// Takes all caches out and closes them, all at the same time. One that does not end within 10 s is left to itself
    /// and reported.
    ///
    /// # Errors
    /// The errors of those that did not close as they should have. The others are closed even so.
    pub async fn close_all(&self) -> std::result::Result<(), CloseErrors> {
        let caches = std::mem::take(&mut *self.write());
        let ended = all(caches.values().map(|entry| close(&entry.cache, END))).await;
        CloseErrors::check(ended.into_iter().filter_map(Result::err).collect())
    }

    /// Asks all required caches for a sign of life, and reports the first by name that gives none.
    pub(crate) async fn start(&self) -> Result<()> {
        let entries = self.entries();
        let required = entries.iter().filter(|(_, entry)| entry.required);
        let answers = all(required.map(|(_, entry)| first_sign(&entry.cache))).await;
        answers.into_iter().collect()
    }

    /// Puts a cache where there is none of its name.
    pub(crate) fn put(&self, cache: Cache, required: bool) {
        self.replace(cache, required);
    }

    pub(crate) fn entries(&self) -> Vec<(String, Entry)> {
        self.read()
            .iter()
            .map(|(name, entry)| (name.clone(), entry.clone()))
            .collect()
    }

    fn replace(&self, cache: Cache, required: bool) -> Option<Cache> {
        let name = cache.name().to_owned();
        let mut caches = self.write();
        let older = caches.get(&name);
        if older.is_some_and(|older| is_same(&older.cache, &cache)) {
            return None;
        }
        let required = required || older.is_some_and(|older| older.required);
        let mark = Arc::default();
        let entry = Entry {
            cache,
            required,
            mark,
        };
        caches.insert(name, entry).map(|older| older.cache)
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<String, Entry>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<String, Entry>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says whether two handles are on one cache. Each cache has its name in a place of its own, which its handles share.
fn is_same(one: &Cache, other: &Cache) -> bool {
    std::ptr::eq(one.name(), other.name())
}

/// Waits for a first answer. Making a connection may take longer than an operation may, so a cache that was late is asked
/// again. From some failures on a breaker may answer for the server, which tells nobody what is wrong: the first error does.
pub(crate) async fn first_sign(cache: &Cache) -> Result<()> {
    let begin = Instant::now();
    let mut late = None;
    loop {
        let left = START.saturating_sub(begin.elapsed());
        let first = match sign_of_life(cache, left).await {
            Err(error) if error.kind() == ErrorKind::Timeout || late.is_some() && error.is_transient() => {
                late.get_or_insert(error)
            }
            answer => return answer,
        };
        // Outside of a Tokio runtime nothing tells when to ask again.
        if begin.elapsed() + PAUSE >= START || Handle::try_current().is_err() {
            return Err(first.clone());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Prints the caches and the stack of each.
impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let caches = self.read();
        f.debug_map()
            .entries(caches.iter().map(|(name, entry)| (name, &entry.cache)))
            .finish()
    }
}
