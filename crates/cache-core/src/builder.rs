//! Building a cache: where its settings are checked, before anything runs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::backend::CacheBackend;
use crate::cache::{Cache, Shared};
use crate::codec::Codec;
use crate::error::{CacheError, ErrorKind, Result};
use crate::expiration::{DefaultExpiration, Expiration};
use crate::key::Key;
use crate::layer::{Layer, LayerContext, Shortcut};
use crate::loading::{LoadOptions, LoadSettings, Random};
use crate::operation::Operation;
use crate::tags::TaggedBackend;

/// The settings of a cache. Of a setting that is given twice the last counts.
#[must_use = "a builder does nothing until build is called"]
pub struct CacheBuilder {
    backend: Arc<dyn CacheBackend>,
    name: String,
    expiration: Expiration,
    codec: Codec,
    max_key_len: usize,
    layers: Vec<Box<dyn Layer>>,
    loading: LoadSettings,
    tags: bool,
}

impl CacheBuilder {
    pub(crate) fn new(backend: Arc<dyn CacheBackend>) -> Self {
        Self {
            backend,
            name: "default".to_owned(),
            expiration: Expiration::Default,
            codec: Codec::default(),
            max_key_len: Key::DEFAULT_MAX_LEN,
            layers: Vec::new(),
            loading: LoadSettings::default(),
            tags: false,
        }
    }

    /// Names the cache, `default` unless it is told. The name stands in metrics, logs and errors: a lower-case letter,
    /// then at most 62 lower-case letters, digits, `_` and `-`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets how long values live that are stored without a word about it: a duration above zero, or
    /// [`Expiration::Never`]. One minute unless it is told.
    pub fn ttl(mut self, expiration: impl Into<Expiration>) -> Self {
        self.expiration = expiration.into();
        self
    }

    /// Sets the codec, JSON unless it is told. A backend that stores objects uses it only to read a value as
    /// another type.
    pub fn codec(mut self, codec: Codec) -> Self {
        self.codec = codec;
        self
    }

    /// Sets the longest key in bytes, [`Key::DEFAULT_MAX_LEN`] unless it is told.
    pub fn max_key_len(mut self, bytes: usize) -> Self {
        self.max_key_len = bytes;
        self
    }

    /// Sets how [`get_or_load`](Cache::get_or_load) loads values, unless a call says otherwise.
    pub fn loading(mut self, options: LoadOptions) -> Self {
        self.loading.options = options;
        self
    }

    /// Lets at most so many loads run at the same time, which protects the source when the cache is empty or its
    /// backend is down. A batch counts as one. No limit unless it is told.
    ///
    /// Callers over the limit get a stale value where that is allowed. Others wait, up to
    /// [`load_wait`](Self::load_wait), and fail then with [`ErrorKind::Exhausted`].
    pub fn max_concurrent_loads(mut self, most: usize) -> Self {
        self.loading.most = Some(most);
        self
    }

    /// Sets how long a load waits for others to end where there is a limit: 1 s unless it is told. Zero does not wait.
    pub fn load_wait(mut self, wait: Duration) -> Self {
        self.loading.wait = wait;
        self
    }

    /// Sets where jitter and refreshing ahead take their chance from: a generator of the library unless it is told.
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.loading.random = Some(random);
        self
    }

    /// Lets values carry [tags](Cache::invalidate_tag). Off unless it is told, since whoever needs none does not pay for
    /// them: a hit passes through one more layer, and `exists` reads the value, which counts as a use. All processes that
    /// share what is stored have to agree on it; a value with tags does not read where they are off.
    pub fn tags(mut self, on: bool) -> Self {
        self.tags = on;
        self
    }

    /// Wraps a layer around the backend and the layers added before: the last one is the outermost.
    pub fn layer(mut self, layer: impl Layer + 'static) -> Self {
        self.layers.push(Box::new(layer));
        self
    }

    /// Checks the settings and builds the cache.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidName`], [`ErrorKind::InvalidTtl`] for a default of zero, [`ErrorKind::InvalidLimit`] for a
    /// key limit of zero, both for load options that are zero or contradict each other, and what a layer reports.
    pub fn build(self) -> Result<Cache> {
        let name: Arc<str> = Arc::from(self.name.as_str());
        // A bad name may be of any length, and the error shows it.
        let shown: Arc<str> = name.chars().take(LONGEST_NAME + 1).collect::<String>().into();
        self.build_named(name)
            .map_err(|error| error.with_context(Operation::Build, &shown, None))
    }

    fn build_named(self, name: Arc<str>) -> Result<Cache> {
        check_name(&name)?;
        let expiration = DefaultExpiration::try_from(self.expiration)?;
        if self.max_key_len == 0 {
            let message = "max_key_len is 0, so no key would be short enough; give the longest key in bytes";
            return Err(CacheError::new(ErrorKind::InvalidLimit, message));
        }
        self.loading.options.check(expiration)?;
        let loads = self.loading.build()?;
        let mut context = LayerContext::new(Arc::clone(&name));
        let mut backend = self.backend;
        let tagged = self
            .tags
            .then(|| Arc::new(TaggedBackend::new(Arc::clone(&backend))));
        if let Some(tagged) = &tagged {
            backend = Arc::<TaggedBackend>::clone(tagged);
        }
        let mut shortcut = None;
        for layer in &self.layers {
            let inner = Arc::clone(&backend);
            backend = layer.layer(backend, &mut context)?;
            shortcut = context.take_idle().map(|idle| Shortcut { idle, inner });
        }
        Ok(Cache::from_shared(Shared {
            clock: backend.clock(),
            backend,
            shortcut,
            name,
            expiration,
            codec: self.codec,
            max_key_len: self.max_key_len,
            follower: context.take_follower(),
            observers: context.into_observers(),
            loads,
            tagged,
        }))
    }
}

const LONGEST_NAME: usize = 63;

/// Keeps names fit to be label values: short, bounded, never user input.
pub(crate) fn check_name(name: &str) -> Result<()> {
    let mut letters = name.bytes();
    let begins = letters.next().is_some_and(|first| first.is_ascii_lowercase());
    let goes_on = letters.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'));
    if begins && goes_on && name.len() <= LONGEST_NAME {
        return Ok(());
    }
    Err(CacheError::new(
        ErrorKind::InvalidName,
        "the name must be a lower-case letter and then at most 62 lower-case letters, digits, `_` or `-`",
    ))
}

impl fmt::Debug for CacheBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheBuilder")
            .field("backend", &self.backend)
            .field("name", &self.name)
            .field("expiration", &self.expiration)
            .field("codec", &self.codec)
            .field("max_key_len", &self.max_key_len)
            .field("layers", &self.layers.len())
            .field("loading", &self.loading)
            .field("tags", &self.tags)
            .finish()
    }
}
