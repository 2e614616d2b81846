//! Makes caches of a configuration.

use std::env;
use std::fmt;
use std::sync::Arc;
#[cfg(feature = "metrics")]
use std::sync::OnceLock;

use cache_core::{Cache, CacheBackend, CacheError, Result};
#[cfg(feature = "metrics")]
use cache_metrics::Metrics;
#[cfg(feature = "tracing")]
use cache_tracing::Tracing;
use serde::de::DeserializeOwned;

use crate::builder::Setup;
use crate::check::{check, check_cache};
use crate::config::{CacheConfig, Config};
use crate::draft::Draft;
use crate::error::{ConfigError, ConfigErrors};
use crate::kind::{self, BackendContext, Kinds};
use crate::registry::Registry;
use crate::section::is_within;

/// Where variables are looked up by their names.
type Variables = dyn Fn(&str) -> Option<String> + Send + Sync;

/// What caches are made with: the kinds of backends, the metrics, the log. [`stack`](Self::stack) says what stands
/// around a backend, and in which order.
#[derive(Clone)]
#[must_use = "a factory makes nothing by itself"]
pub struct Factory {
    kinds: Kinds,
    variables: Arc<Variables>,
    #[cfg(feature = "metrics")]
    metrics: Arc<OnceLock<Metrics>>,
    #[cfg(feature = "tracing")]
    tracing: Tracing,
}

impl Default for Factory {
    fn default() -> Self {
        Self::new()
    }
}

impl Factory {
    /// Returns a factory that knows the backends that are compiled in.
    pub fn new() -> Self {
        Self {
            kinds: Kinds::built_in(),
            variables: Arc::new(|name| env::var(name).ok()),
            #[cfg(feature = "metrics")]
            metrics: Arc::default(),
            #[cfg(feature = "tracing")]
            tracing: Tracing::new(),
        }
    }

    /// Sets the metrics, those of the library with its default names unless it is told.
    #[cfg(feature = "metrics")]
    pub fn metrics(mut self, metrics: Metrics) -> Self {
        self.metrics = Arc::new(OnceLock::from(metrics));
        self
    }

    /// Sets how caches tell of themselves, with redacted keys unless it is told. A cache's own `keys_in_logs` counts
    /// before it.
    #[cfg(feature = "tracing")]
    pub fn tracing(mut self, tracing: Tracing) -> Self {
        self.tracing = tracing;
        self
    }

    /// Sets where `${NAME}` in a configuration is looked up, the environment of the process unless it is told.
    pub fn variables(mut self, lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        self.variables = Arc::new(lookup);
        self
    }

    /// Adds a kind of backend under a name of its own. Caches of it are configured by `backend = "<name>"` and a section
    /// `options`, and get loading, metrics, logs and spans like all others.
    ///
    /// The options are read into a type of the program's own before anything is made, so that what is wrong with them is
    /// told together with all else that is wrong. `#[serde(deny_unknown_fields)]` refuses typing errors, and a
    /// `Deserialize` of one's own what makes no sense. A backend without options takes [`NoOptions`](crate::NoOptions).
    ///
    /// ```
    /// # #[cfg(feature = "memory")]
    /// # fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use cache_factory::{Draft, Factory};
    /// use cache_memory::MemoryBackend;
    ///
    /// #[derive(serde::Deserialize)]
    /// #[serde(deny_unknown_fields)]
    /// struct ShelfOptions {
    ///     room: u64,
    /// }
    ///
    /// let factory = Factory::new().register("shelf", |_context, options: ShelfOptions| {
    ///     MemoryBackend::builder().max_items(options.room).build()
    /// })?;
    /// let draft: Draft = toml::from_str("caches.books = { backend = 'shelf', options.romo = 5 }")?;
    /// let wrong = factory.read(&draft).unwrap_err();
    /// assert!(wrong.to_string().contains("caches.books.options.romo: there is no such setting; did you mean `room`?"));
    /// # Ok(()) }
    /// # example().unwrap();
    /// ```
    ///
    /// # Errors
    /// [`InvalidName`](cache_core::ErrorKind::InvalidName) for a name that is taken, or that is not made of lower-case
    /// letters, digits, `_` and `-`.
    pub fn register<O, B>(
        mut self,
        kind: &str,
        make: impl Fn(&BackendContext<'_>, O) -> Result<B> + Send + Sync + 'static,
    ) -> Result<Self>
    where
        O: DeserializeOwned + 'static,
        B: CacheBackend,
    {
        self.kinds.register(kind, move |context, options| {
            make(context, options).map(|made| Arc::new(made) as Arc<dyn CacheBackend>)
        })?;
        Ok(self)
    }

    /// Reads a configuration. Nothing is made or connected.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its path.
    pub fn read(&self, draft: &Draft) -> Result<Config, ConfigErrors> {
        let (config, mut errors) = Config::read_all(draft, &*self.variables);
        let unread: Vec<_> = errors.iter().map(|error| error.path().to_owned()).collect();
        for error in check(&config, &self.kinds) {
            // What could not be read is not missing.
            if !unread.iter().any(|read| is_about(read, error.path())) {
                let origin = draft.origins.get(error.path()).cloned();
                errors.push(error.with_origin(origin));
            }
        }
        ConfigErrors::check(errors).map(|()| config)
    }

    /// Makes every cache of a configuration, without I/O: a server is connected when it is first asked.
    ///
    /// # Errors
    /// Everything that is wrong with it. Then none is made.
    pub fn build(&self, config: &Config) -> Result<Registry, ConfigErrors> {
        ConfigErrors::check(check(config, &self.kinds))?;
        let mut errors = Vec::new();
        let registry = Registry::new();
        for (name, own) in &config.caches {
            let filled = config.filled(own);
            match self.make(name, &filled) {
                Ok(cache) => registry.put(cache, filled.required.unwrap_or_default()),
                Err(error) => errors.push(error),
            }
        }
        ConfigErrors::check(errors).map(|()| registry)
    }

    /// Makes every cache of a configuration, and asks those that are `required` for a sign of life.
    ///
    /// # Errors
    /// As [`build`](Self::build), and the failure of the first required cache that does not answer. Then all are closed.
    pub async fn open(&self, config: &Config) -> Result<Registry> {
        let registry = self.build(config)?;
        match registry.start().await {
            Ok(()) => Ok(registry),
            Err(error) => {
                // The first error is what is to be told; caches that do not even close add nothing to it.
                let _ = registry.close_all().await;
                Err(error)
            }
        }
    }

    /// Starts to set up a cache on the backend that a word names.
    pub fn cache(&self, backend: impl Into<String>, name: impl Into<String>) -> Setup {
        Setup::new(self.clone(), backend.into(), name.into())
    }

    /// Starts to set up a cache in memory.
    #[cfg(feature = "memory")]
    pub fn in_memory(&self, name: impl Into<String>) -> Setup {
        self.cache("memory", name)
    }

    /// Starts to set up a cache on a Redis server.
    #[cfg(feature = "redis")]
    pub fn redis(&self, name: impl Into<String>) -> Setup {
        self.cache("redis", name)
    }

    /// Checks a cache by itself and makes it.
    pub(crate) fn make_alone(&self, name: &str, config: &CacheConfig) -> Result<Cache, ConfigErrors> {
        ConfigErrors::check(check_cache(name, config, config, &self.kinds))?;
        self.make(name, config).map_err(ConfigErrors::one)
    }

    fn make(&self, name: &str, config: &CacheConfig) -> Result<Cache, ConfigError> {
        let path = format!("caches.{name}");
        let word = config.backend.as_deref().unwrap_or_default();
        let kind = self
            .kinds
            .resolve(word)
            .map_err(|message| ConfigError::new(format!("{path}.backend"), message))?;
        let wrong = |path: String| move |error: CacheError| ConfigError::of(path, &error);
        let section = if kind::is_built_in(kind) {
            format!("{path}.{kind}")
        } else {
            path.clone()
        };
        let backend = self
            .kinds
            .make(kind, &BackendContext::new(name, config))
            .map_err(wrong(section))?;
        self.stack(name, backend, config).map_err(wrong(path))
    }

    /// Returns the metrics, made when they are first needed.
    #[cfg(feature = "metrics")]
    pub(crate) fn measuring(&self) -> Result<Metrics> {
        if let Some(metrics) = self.metrics.get() {
            return Ok(metrics.clone());
        }
        let metrics = Metrics::builder().build()?;
        Ok(self.metrics.get_or_init(|| metrics).clone())
    }

    #[cfg(feature = "tracing")]
    pub(crate) fn telling(&self) -> Tracing {
        self.tracing.clone()
    }
}

/// Says whether an error at one place makes one at another not worth telling: the place could not be read, or the other
/// is below it. That there is no cache is worth nothing while anything could not be read.
fn is_about(read: &str, other: &str) -> bool {
    other == "caches" || is_within(other, read)
}

impl fmt::Debug for Factory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Factory")
            .field("kinds", &self.kinds)
            .finish_non_exhaustive()
    }
}
