//! The named caches of a program.

use std::collections::BTreeMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::task::Poll;
use std::time::{Duration, Instant};

use cache_core::{Cache, CacheError, CacheFuture, ErrorKind, Result};

use crate::error::CloseErrors;
use crate::nearest::{list, nearest};

/// How long a required cache may take to give its first sign of life.
const START: Duration = Duration::from_secs(2);

/// Caches by their names. Clones are handles on the same ones.
#[derive(Clone, Default)]
pub struct Registry(Arc<RwLock<BTreeMap<String, Entry>>>);

#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) cache: Cache,
    pub(crate) required: bool,
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

    /// Puts a cache under its name. One that has the name already is replaced, then closed.
    ///
    /// # Errors
    /// What closing the older cache reports. The new one is in its place even so.
    pub async fn insert(&self, cache: Cache) -> Result<()> {
        match self.replace(cache, false) {
            Some(older) => older.close().await,
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
            Some(entry) => entry.cache.close().await.map(|()| true),
            None => Ok(false),
        }
    }

    /// Takes all caches out and closes them, all at the same time.
    ///
    /// # Errors
    /// The errors of those that did not close as they should have. The others are closed even so.
    pub async fn close_all(&self) -> std::result::Result<(), CloseErrors> {
        let caches = std::mem::take(&mut *self.write());
        let closing = caches.values().map(|entry| entry.cache.close()).collect();
        let ended = all(closing).await;
        CloseErrors::check(ended.into_iter().filter_map(Result::err).collect())
    }

    /// Asks each required cache for a sign of life.
    pub(crate) async fn start(&self) -> Result<()> {
        for (_, entry) in self.entries() {
            if entry.required {
                first_sign(&entry.cache).await?;
            }
        }
        Ok(())
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
        let required = required || caches.get(&name).is_some_and(|older| older.required);
        caches
            .insert(name, Entry { cache, required })
            .map(|older| older.cache)
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<String, Entry>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<String, Entry>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for a first answer. Making a connection may take longer than an operation may, so a timeout is asked again.
pub(crate) async fn first_sign(cache: &Cache) -> Result<()> {
    let begin = Instant::now();
    loop {
        match cache.ping().await {
            Err(error) if error.kind() == ErrorKind::Timeout && begin.elapsed() < START => {}
            answer => return answer,
        }
    }
}

/// Waits for all at the same time.
async fn all(mut waiting: Vec<CacheFuture<'_, ()>>) -> Vec<Result<()>> {
    let mut answers = Vec::with_capacity(waiting.len());
    poll_fn(|context| {
        waiting.retain_mut(|future| match Pin::new(future).poll(context) {
            Poll::Ready(answer) => {
                answers.push(answer);
                false
            }
            Poll::Pending => true,
        });
        if waiting.is_empty() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    answers
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
