//! The kinds of backends that a factory makes: those that are compiled in, and those that the program registers.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use cache_core::{CacheBackend, CacheError, ErrorKind, Result};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::config::CacheConfig;
use crate::nearest::{list, nearest};

/// What a backend is made from.
#[derive(Debug)]
pub struct BackendContext<'a> {
    name: &'a str,
    config: &'a CacheConfig,
}

impl<'a> BackendContext<'a> {
    pub(crate) fn new(name: &'a str, config: &'a CacheConfig) -> Self {
        Self { name, config }
    }

    /// Returns the name of the cache.
    pub fn cache_name(&self) -> &'a str {
        self.name
    }

    /// Returns the configuration of the cache, with the defaults in their places.
    pub fn config(&self) -> &'a CacheConfig {
        self.config
    }

    /// Reads the section `options` of the cache. A type with `#[serde(deny_unknown_fields)]` refuses typing errors.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] if the section does not read as a `T`.
    pub fn options<T: DeserializeOwned>(&self) -> Result<T> {
        let options = self.config.options.clone().unwrap_or_default();
        serde_json::from_value(Value::Object(options.values)).map_err(|error| {
            let message = if options.is_secret {
                "options do not read as this backend's; the reason may hold a secret and is not shown"
                    .to_owned()
            } else {
                format!("options: {error}")
            };
            CacheError::new(ErrorKind::InvalidConfig, message)
        })
    }
}

type Make = dyn Fn(&BackendContext<'_>) -> Result<Arc<dyn CacheBackend>> + Send + Sync;

/// One kind of backend.
#[derive(Clone)]
struct Kind {
    make: Arc<Make>,
    /// Checks the settings without making anything, as far as that can be done.
    check: fn(&BackendContext<'_>) -> Result<()>,
}

/// Kinds by their names.
#[derive(Clone)]
pub(crate) struct Kinds(BTreeMap<String, Kind>);

/// Other words for a kind.
const ALIASES: [(&str, &str); 1] = [("inmemory", "memory")];

/// Kinds that a feature of this crate brings, which has the same name.
const BUILT_IN: [&str; 2] = ["memory", "redis"];

/// Says whether a kind has a section of its own name.
pub(crate) fn is_built_in(kind: &str) -> bool {
    BUILT_IN.contains(&kind)
}

/// The features that this crate was compiled with.
const FEATURES: &[&str] = &[
    #[cfg(feature = "memory")]
    "memory",
    #[cfg(feature = "redis")]
    "redis",
    #[cfg(feature = "metrics")]
    "metrics",
    #[cfg(feature = "tracing")]
    "tracing",
];

impl Kinds {
    pub(crate) fn built_in() -> Self {
        #[cfg_attr(
            not(any(feature = "memory", feature = "redis")),
            expect(unused_mut, reason = "no kind is compiled in")
        )]
        let mut kinds = Self(BTreeMap::new());
        #[cfg(feature = "memory")]
        kinds.0.insert(
            "memory".to_owned(),
            Kind {
                make: Arc::new(crate::memory::make),
                check: crate::memory::check,
            },
        );
        #[cfg(feature = "redis")]
        kinds.0.insert(
            "redis".to_owned(),
            Kind {
                make: Arc::new(crate::redis::make),
                check: crate::redis::check,
            },
        );
        kinds
    }

    /// Adds a kind.
    pub(crate) fn register(&mut self, kind: &str, make: Arc<Make>) -> Result<()> {
        let is_word = kind
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'));
        if kind.is_empty() || !is_word {
            let message =
                format!("{kind:?} is no name for a backend; use lower-case letters, digits, `_` or `-`");
            return Err(CacheError::new(ErrorKind::InvalidName, message));
        }
        let is_alias = ALIASES.iter().any(|(alias, _)| *alias == kind);
        if is_alias || BUILT_IN.contains(&kind) || self.0.contains_key(kind) {
            let message = format!("a backend is named {kind:?} already; choose another name");
            return Err(CacheError::new(ErrorKind::InvalidName, message));
        }
        let check = |_: &BackendContext<'_>| Ok(());
        self.0.insert(kind.to_owned(), Kind { make, check });
        Ok(())
    }

    /// Finds a kind by a word of the configuration.
    ///
    /// # Errors
    /// A message that lists what there is. It does not show the word, which may have come out of a variable.
    pub(crate) fn resolve(&self, word: &str) -> Result<&str, String> {
        let word = word.trim().to_ascii_lowercase();
        let alias = ALIASES.iter().find(|(alias, _)| *alias == word);
        let kind = alias.map_or(word.as_str(), |(_, kind)| *kind);
        if let Some((known, _)) = self.0.get_key_value(kind) {
            return Ok(known);
        }
        let built = format!("this build has the features {}", list(FEATURES));
        if BUILT_IN.contains(&kind) {
            return Err(format!(
                "`{kind}` needs the feature `{kind}` of cache-factory; {built}"
            ));
        }
        let known: Vec<&str> = self.0.keys().map(String::as_str).collect();
        let every = known
            .iter()
            .copied()
            .chain(BUILT_IN)
            .chain(ALIASES.iter().map(|(alias, _)| *alias));
        let meant = nearest(&word, every).map(|name| format!("did you mean `{name}`? "));
        let there_are = list(&known);
        Err(format!(
            "no such backend; {}there are {there_are}; {built}",
            meant.unwrap_or_default()
        ))
    }

    /// Checks the settings of a kind that was found.
    pub(crate) fn check(&self, kind: &str, context: &BackendContext<'_>) -> Result<()> {
        self.0.get(kind).map_or(Ok(()), |kind| (kind.check)(context))
    }

    /// Makes a backend of a kind that was found.
    pub(crate) fn make(&self, kind: &str, context: &BackendContext<'_>) -> Result<Arc<dyn CacheBackend>> {
        match self.0.get(kind) {
            Some(kind) => (kind.make)(context),
            None => Err(CacheError::new(
                ErrorKind::InvalidConfig,
                format!("no backend is named {kind:?}"),
            )),
        }
    }
}

impl fmt::Debug for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
