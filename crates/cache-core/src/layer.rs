//! Layers: what makes one backend out of another, and what they learn about the cache that they are part of.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::backend::CacheBackend;
use crate::error::{CacheError, Result};
use crate::key::Key;
use crate::loading::{Follower, LoadEvent};
use crate::operation::Operation;

/// Makes a backend out of another one, to count, to trace, to limit.
///
/// [`CacheBuilder::layer`](crate::CacheBuilder::layer) wraps what is there already, so the layer that is added last
/// is the outermost: it sees a call first and its answer last.
pub trait Layer {
    /// Wraps a backend.
    ///
    /// # Errors
    /// If the layer cannot do its work for this cache.
    fn layer(
        &self,
        inner: Arc<dyn CacheBackend>,
        context: &mut LayerContext,
    ) -> Result<Arc<dyn CacheBackend>>;
}

/// What a layer learns about its cache, and what it can ask of it.
pub struct LayerContext {
    name: Arc<str>,
    observers: Vec<Arc<dyn Observer>>,
    follower: Option<Arc<dyn Follower>>,
    idle: Option<&'static AtomicBool>,
}

impl LayerContext {
    pub(crate) fn new(name: Arc<str>) -> Self {
        Self {
            name,
            observers: Vec::new(),
            follower: None,
            idle: None,
        }
    }

    /// Returns the name of the cache.
    pub fn cache_name(&self) -> &Arc<str> {
        &self.name
    }

    /// Asks to be told of what happens above all layers.
    pub fn observe(&mut self, observer: Arc<dyn Observer>) {
        self.observers.push(observer);
    }

    /// Asks to follow the calls that load, which stand above all layers. Only one can: a layer that is added later takes the
    /// place of one before it.
    pub fn follow(&mut self, follower: Arc<dyn Follower>) {
        self.follower = Some(follower);
    }

    /// Lets a [`get`](CacheBackend::get) pass this layer by while the flag says that the layer would only hand it on, which
    /// saves the call through one more object. Only the outermost layer is passed by.
    pub fn pass_by_while(&mut self, idle: &'static AtomicBool) {
        self.idle = Some(idle);
    }

    /// Takes out when the layer that was just added may be passed by.
    pub(crate) fn take_idle(&mut self) -> Option<&'static AtomicBool> {
        self.idle.take()
    }

    /// Takes the one who follows out.
    pub(crate) fn take_follower(&mut self) -> Option<Arc<dyn Follower>> {
        self.follower.take()
    }

    pub(crate) fn into_observers(self) -> Box<[Arc<dyn Observer>]> {
        self.observers.into_boxed_slice()
    }
}

impl fmt::Debug for LayerContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LayerContext")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The way of a get around the outermost layer while that is idle.
pub(crate) struct Shortcut {
    pub(crate) idle: &'static AtomicBool,
    pub(crate) inner: Arc<dyn CacheBackend>,
}

/// Hears of what happens above all layers, in the [`Cache`](crate::Cache) that people hold.
pub trait Observer: Send + Sync {
    /// An operation failed before it came to a backend (a bad key), or after (a value that does not decode). Failures
    /// of backends are not reported: layers see them.
    fn failed(&self, operation: Operation, error: &CacheError);

    /// An operation ended with this error, wherever it arose, and a caller gets it, unless a load makes good for it. It
    /// is complete, with the operation, the cache and the key. What [`failed`](Self::failed) hears of is heard of here
    /// too. Logs are written here, so that no layer has to look at
    /// every answer for them. Nothing is done unless it is told.
    fn returned(&self, operation: Operation, error: &CacheError) {
        let _ = (operation, error);
    }

    /// So many tags were invalidated. No layer sees that. Nothing is done unless it is told.
    fn invalidated(&self, tags: usize) {
        let _ = tags;
    }

    /// Something happened to a load of a key. Who does not care for loads leaves this as it is. It is called while
    /// callers wait, so it must neither block nor panic.
    fn load(&self, key: Key<'_>, event: LoadEvent) {
        let _ = (key, event);
    }
}
