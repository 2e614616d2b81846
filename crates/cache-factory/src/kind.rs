//! The kinds of backends that a factory makes: those that are compiled in, and those that the program registers.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use cache_core::{CacheBackend, CacheError, Codec, ErrorKind, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::blame::{Fault, faults};
use crate::codec::codec;
use crate::config::CacheConfig;
use crate::nearest::{list, nearest};
use crate::options;
use crate::section::join;
use crate::setting::Options;

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

    /// Returns the codec of the cache, for a backend that stores bytes.
    pub fn codec(&self) -> Codec {
        // A codec that is not compiled in was refused before anything is made.
        codec(self.config).unwrap_or_default()
    }
}

/// The options of a backend that has none.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoOptions {}

type Make = dyn Fn(&BackendContext<'_>) -> Result<Arc<dyn CacheBackend>> + Send + Sync;

/// One kind of backend.
#[derive(Clone)]
struct Kind {
    make: Arc<Make>,
    check: Check,
}

/// How the settings of a kind are checked without making anything.
#[derive(Clone, Copy)]
enum Check {
    /// A section of the name of the kind.
    #[cfg_attr(
        not(any(feature = "memory", feature = "redis")),
        expect(dead_code, reason = "no kind is compiled in")
    )]
    Section(fn(&BackendContext<'_>) -> Result<()>),
    /// The section `options`: the path of each setting that is wrong, and what is wrong.
    Options(fn(&Options) -> Vec<(String, String)>),
}

/// Kinds by their names.
#[derive(Clone)]
pub(crate) struct Kinds(BTreeMap<String, Kind>);

/// Other words for a kind.
const ALIASES: [(&str, &str); 1] = [("inmemory", "memory")];

/// Kinds that a feature of this crate brings, which has the same name.
const BUILT_IN: [&str; 2] = ["memory", "redis"];

/// Every word for a kind that a feature brings.
#[cfg(feature = "schema")]
pub(crate) const WORDS: [&str; 3] = [BUILT_IN[0], ALIASES[0].0, BUILT_IN[1]];

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
    #[cfg(feature = "postcard")]
    "postcard",
    #[cfg(feature = "message-pack")]
    "message-pack",
];

/// Says that a word of the configuration needs a feature that is not compiled in.
pub(crate) fn needs(word: &str, feature: &str) -> String {
    format!(
        "`{word}` needs the feature `{feature}` of cache-factory; {}",
        this_build()
    )
}

fn this_build() -> String {
    if FEATURES.is_empty() {
        return "this build has no features".to_owned();
    }
    format!("this build has the features {}", list(FEATURES))
}

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
                check: Check::Section(crate::memory::check),
            },
        );
        #[cfg(feature = "redis")]
        kinds.0.insert(
            "redis".to_owned(),
            Kind {
                make: Arc::new(crate::redis::make),
                check: Check::Section(crate::redis::check),
            },
        );
        kinds
    }

    /// Adds a kind whose options are of a type of its own.
    pub(crate) fn register<O: DeserializeOwned + 'static>(
        &mut self,
        kind: &str,
        make: impl Fn(&BackendContext<'_>, O) -> Result<Arc<dyn CacheBackend>> + Send + Sync + 'static,
    ) -> Result<()> {
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
        let check = |given: &Options| options::read::<O>(given).err().unwrap_or_default();
        let make = move |context: &BackendContext<'_>| {
            let given = context.config.options.clone().unwrap_or_default();
            let read = options::read(&given)
                .map_err(|_| CacheError::new(ErrorKind::InvalidConfig, "the options were not checked"))?;
            make(context, read)
        };
        let (make, check) = (Arc::new(make), Check::Options(check));
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
        let built = this_build();
        if BUILT_IN.contains(&kind) {
            return Err(needs(kind, kind));
        }
        let aliases = ALIASES.iter().filter(|(_, kind)| self.0.contains_key(*kind));
        let mut known: Vec<&str> = self.0.keys().map(String::as_str).collect();
        known.extend(aliases.map(|(alias, _)| *alias));
        known.sort_unstable();
        let there_are = match known.as_slice() {
            [] => "there are none".to_owned(),
            known => format!("there are {}", list(known)),
        };
        // A number or an empty text is no typing error of a name.
        if !word.starts_with(|first: char| first.is_ascii_alphabetic()) {
            return Err(format!("must be a word; {there_are}; {built}"));
        }
        let every = known.iter().copied().chain(BUILT_IN);
        let meant = nearest(&word, every).map(|name| format!("did you mean `{name}`? "));
        Err(format!(
            "no such backend; {}{there_are}; {built}",
            meant.unwrap_or_default()
        ))
    }

    /// Checks the settings of a kind that was found, and says everything that is wrong.
    pub(crate) fn check(&self, kind: &str, name: &str, config: &CacheConfig) -> Vec<Fault> {
        match self.0.get(kind).map(|kind| kind.check) {
            None => Vec::new(),
            Some(Check::Section(check)) => {
                faults(config, kind, |config| check(&BackendContext::new(name, config)))
            }
            Some(Check::Options(check)) => {
                let given = config.options.clone().unwrap_or_default();
                let wrong = check(&given).into_iter();
                wrong
                    .map(|(path, message)| Fault {
                        settings: vec![join("options", &path)],
                        error: CacheError::new(ErrorKind::InvalidConfig, message),
                    })
                    .collect()
            }
        }
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
