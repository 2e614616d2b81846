//! What can be wrong with a configuration, and with closing caches. All of it is told at once.

use std::error::Error;
use std::fmt;

use cache_core::{CacheError, ErrorKind};

use crate::units::in_units;

/// One setting that is wrong: where it stands, and what to do about it. It never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    path: String,
    message: String,
    origin: Option<String>,
    kind: ErrorKind,
}

impl ConfigError {
    pub(crate) fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            message: message.into(),
            origin: None,
            kind: ErrorKind::InvalidConfig,
        }
    }

    /// Makes one of an error of the cache.
    pub(crate) fn of(path: String, error: &CacheError) -> Self {
        Self {
            kind: error.kind(),
            ..Self::new(path, in_units(error.message()))
        }
    }

    pub(crate) fn with_message(mut self, message: &str) -> Self {
        self.message = in_units(message);
        self
    }

    pub(crate) fn with_origin(mut self, origin: Option<String>) -> Self {
        self.origin = origin;
        self
    }

    /// Returns where the setting stands, such as `caches.users.ttl`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns what is wrong with it and what to do.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns where the value came from, such as `environment variable CACHE__CACHES__USERS__TTL`, if that is known.
    pub fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }

    /// Returns the kind that an error of the cache has for it.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)?;
        match &self.origin {
            Some(origin) => write!(f, " ({origin})"),
            None => Ok(()),
        }
    }
}

impl Error for ConfigError {}

/// Everything that is wrong with a configuration. There is at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(Vec<ConfigError>);

impl ConfigErrors {
    pub(crate) fn one(error: ConfigError) -> Self {
        Self(vec![error])
    }

    /// Returns the errors, unless there are none.
    pub(crate) fn check(errors: Vec<ConfigError>) -> Result<(), Self> {
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Self(errors))
        }
    }

    /// Returns each error.
    pub fn iter(&self) -> impl Iterator<Item = &ConfigError> {
        self.0.iter()
    }
}

/// Prints all of them on one line.
impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [one] = self.0.as_slice() {
            return one.fmt(f);
        }
        write!(f, "{} settings are wrong:", self.0.len())?;
        // They are numbered, since what is said of one may have several parts itself.
        for (error, number) in self.0.iter().zip(1..) {
            write!(f, " ({number}) {error}")?;
        }
        Ok(())
    }
}

impl Error for ConfigErrors {}

impl From<ConfigErrors> for CacheError {
    fn from(errors: ConfigErrors) -> Self {
        let kind = match errors.0.as_slice() {
            [one] => one.kind,
            _ => ErrorKind::InvalidConfig,
        };
        Self::new(kind, errors.to_string())
    }
}

/// The caches that did not close as they should have. The others are closed.
#[derive(Clone, Debug)]
pub struct CloseErrors(Vec<CacheError>);

impl CloseErrors {
    pub(crate) fn check(errors: Vec<CacheError>) -> Result<(), Self> {
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Self(errors))
        }
    }

    /// Returns each error; it names its cache.
    pub fn iter(&self) -> impl Iterator<Item = &CacheError> {
        self.0.iter()
    }
}

/// Prints all of them on one line.
impl fmt::Display for CloseErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, error) in self.0.iter().enumerate() {
            f.write_str(if n > 0 { "; " } else { "" })?;
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl Error for CloseErrors {}

impl From<CloseErrors> for CacheError {
    fn from(errors: CloseErrors) -> Self {
        let kind = errors.0.first().map_or(ErrorKind::Backend, CacheError::kind);
        Self::new(kind, errors.to_string())
    }
}
