//! The one error of the cache: opaque, cheap to clone because many callers may share it, and never a secret.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::key::Key;
use crate::operation::Operation;

/// The result of a cache operation.
pub type Result<T, E = CacheError> = std::result::Result<T, E>;

/// What kind of thing went wrong, for callers that decide by it and for metrics.
///
/// [`as_str`](Self::as_str) is the word that stands in metrics and logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The key is the empty string.
    EmptyKey,
    /// The key is longer than the cache allows.
    KeyTooLong,
    /// A name (of a cache, a namespace, a metric, a label) has a form that is not allowed or is taken.
    InvalidName,
    /// A time to live makes no sense where it was given.
    InvalidTtl,
    /// A limit is out of its range, or two limits contradict each other.
    InvalidLimit,
    /// No eviction policy has this name.
    UnknownPolicy,
    /// Another setting is wrong.
    InvalidConfig,
    /// The value does not encode.
    Encode,
    /// The stored bytes do not decode.
    Decode,
    /// The value was stored as another type and does not read as the one asked for.
    TypeMismatch,
    /// The value is larger than the cache allows.
    ValueTooLarge,
    /// The backend cannot be reached.
    Unavailable,
    /// The deadline of the operation passed.
    Timeout,
    /// All connections or permits are in use.
    Exhausted,
    /// The backend has no room and does not make any.
    Full,
    /// The backend refuses these credentials or this command.
    Denied,
    /// The cache is closed.
    Closed,
    /// The backend failed in another way.
    Backend,
    /// The loader failed. Its error is the cause: [`CacheError::downcast_ref`].
    Load,
    /// The loader panicked.
    Panic,
    /// The load was given up. Metrics count an operation that was dropped before its answer came as this, too.
    Cancelled,
    /// A loader waits for itself.
    Reentrant,
    /// There is nothing, and the caller has no other way to hear of it.
    NotFound,
    /// There is no runtime to load in.
    NoRuntime,
    /// A tag is none, or the cache was not built with tags.
    InvalidTag,
}

impl ErrorKind {
    /// Every kind, in the order of the declaration.
    pub const ALL: [Self; 25] = [
        Self::EmptyKey,
        Self::KeyTooLong,
        Self::InvalidName,
        Self::InvalidTtl,
        Self::InvalidLimit,
        Self::UnknownPolicy,
        Self::InvalidConfig,
        Self::Encode,
        Self::Decode,
        Self::TypeMismatch,
        Self::ValueTooLarge,
        Self::Unavailable,
        Self::Timeout,
        Self::Exhausted,
        Self::Full,
        Self::Denied,
        Self::Closed,
        Self::Backend,
        Self::Load,
        Self::Panic,
        Self::Cancelled,
        Self::Reentrant,
        Self::NotFound,
        Self::NoRuntime,
        Self::InvalidTag,
    ];

    /// Returns the word for metrics and logs, in snake case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EmptyKey => "empty_key",
            Self::KeyTooLong => "key_too_long",
            Self::InvalidName => "invalid_name",
            Self::InvalidTtl => "invalid_ttl",
            Self::InvalidLimit => "invalid_limit",
            Self::UnknownPolicy => "unknown_policy",
            Self::InvalidConfig => "invalid_config",
            Self::Encode => "encode",
            Self::Decode => "decode",
            Self::TypeMismatch => "type_mismatch",
            Self::ValueTooLarge => "value_too_large",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::Exhausted => "exhausted",
            Self::Full => "full",
            Self::Denied => "denied",
            Self::Closed => "closed",
            Self::Backend => "backend",
            Self::Load => "load",
            Self::Panic => "panic",
            Self::Cancelled => "cancelled",
            Self::Reentrant => "reentrant",
            Self::NotFound => "not_found",
            Self::NoRuntime => "no_runtime",
            Self::InvalidTag => "invalid_tag",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error of the cache.
///
/// One word wide and cheap to clone: every caller that waited for the same answer gets the same error. `Display`
/// prints this level only, on one line; the causes are in [`source`](Error::source). Neither holds a password, nor
/// more of a key than a short form. The wording is not part of the interface, [`kind`](Self::kind) is.
#[derive(Clone)]
pub struct CacheError(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: Cow<'static, str>,
    operation: Option<Operation>,
    cache: Option<Arc<str>>,
    key: Option<Box<str>>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl CacheError {
    /// Makes an error from its kind and a message that says what to do about it.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Arc::new(Inner {
            kind,
            message: message.into(),
            operation: None,
            cache: None,
            key: None,
            source: None,
        }))
    }

    /// Makes the error that every operation on a closed cache returns.
    pub fn closed() -> Self {
        Self::new(ErrorKind::Closed, "the cache is closed; build a new one to go on")
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Arc::make_mut(&mut self.0).source = Some(Arc::from(source.into()));
        self
    }

    /// Adds what the caller was doing, unless an inner level has said so already.
    #[must_use]
    pub fn with_context(mut self, operation: Operation, cache: &Arc<str>, key: Option<Key<'_>>) -> Self {
        let said = &*self.0;
        if said.operation.is_some() && said.cache.is_some() && said.key.is_some() {
            // Many callers may share the error. There is nothing to add, so none gets a copy of its own.
            return self;
        }
        let inner = Arc::make_mut(&mut self.0);
        inner.operation.get_or_insert(operation);
        inner.cache.get_or_insert_with(|| Arc::clone(cache));
        if inner.key.is_none() {
            inner.key = key.map(|key| key.short().into_boxed_str());
        }
        self
    }

    /// Returns what kind of error this is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns the operation that failed, if it is known.
    pub fn operation(&self) -> Option<Operation> {
        self.0.operation
    }

    /// Returns the name of the cache, if it is known.
    pub fn cache(&self) -> Option<&str> {
        self.0.cache.as_deref()
    }

    /// Returns the message alone: what is wrong, without the operation, the cache and the key. Logs that do not show
    /// keys use it. It may have several lines.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns the cause of this type, at whatever depth, such as the error of a loader as the loader returned it.
    ///
    /// ```
    /// # use cache_core::{CacheError, ErrorKind};
    /// # use std::io;
    /// let cause = io::Error::new(io::ErrorKind::NotFound, "no such row");
    /// let error = CacheError::new(ErrorKind::Load, "the loader failed").with_source(cause);
    /// assert_eq!(error.downcast_ref::<io::Error>().unwrap().kind(), io::ErrorKind::NotFound);
    /// ```
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        let mut cause = self.source();
        while let Some(error) = cause {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            cause = error.source();
        }
        None
    }

    /// Says whether the same call may succeed later without any change by the caller.
    pub fn is_transient(&self) -> bool {
        matches!(
            self.0.kind,
            ErrorKind::Unavailable
                | ErrorKind::Timeout
                | ErrorKind::Exhausted
                | ErrorKind::Full
                | ErrorKind::Cancelled
        )
    }

    /// Says whether a value was there but could not be read as what was asked for.
    pub fn is_decode(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Decode | ErrorKind::TypeMismatch)
    }
}

impl fmt::Display for CacheError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        if let Some(operation) = inner.operation {
            write!(f, "{operation}")?;
            if let Some(cache) = &inner.cache {
                write!(f, " on cache {cache:?}")?;
            }
            if let Some(key) = &inner.key {
                write!(f, ", key {key}")?;
            }
            f.write_str(": ")?;
        }
        for (n, line) in inner.message.lines().enumerate() {
            f.write_str(if n > 0 { " " } else { "" })?;
            f.write_str(line)?;
        }
        Ok(())
    }
}

impl fmt::Debug for CacheError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheError")
            .field("kind", &self.0.kind)
            .field("message", &self.to_string())
            .field("source", &self.0.source)
            .finish()
    }
}

impl Error for CacheError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::io;

    use super::*;

    /// What the library says of a kind.
    struct Expected {
        /// Its place in [`ErrorKind::ALL`].
        place: usize,
        transient: bool,
        decode: bool,
    }

    /// Returns what is expected of a kind. The compiler asks for a new one here.
    fn expected(kind: ErrorKind) -> Expected {
        let neither = |place| Expected {
            place,
            transient: false,
            decode: false,
        };
        let transient = |place| Expected {
            place,
            transient: true,
            decode: false,
        };
        let decode = |place| Expected {
            place,
            transient: false,
            decode: true,
        };
        match kind {
            ErrorKind::EmptyKey => neither(0),
            ErrorKind::KeyTooLong => neither(1),
            ErrorKind::InvalidName => neither(2),
            ErrorKind::InvalidTtl => neither(3),
            ErrorKind::InvalidLimit => neither(4),
            ErrorKind::UnknownPolicy => neither(5),
            ErrorKind::InvalidConfig => neither(6),
            ErrorKind::Encode => neither(7),
            ErrorKind::Decode => decode(8),
            ErrorKind::TypeMismatch => decode(9),
            ErrorKind::ValueTooLarge => neither(10),
            ErrorKind::Unavailable => transient(11),
            ErrorKind::Timeout => transient(12),
            ErrorKind::Exhausted => transient(13),
            ErrorKind::Full => transient(14),
            ErrorKind::Denied => neither(15),
            ErrorKind::Closed => neither(16),
            ErrorKind::Backend => neither(17),
            ErrorKind::Load => neither(18),
            ErrorKind::Panic => neither(19),
            ErrorKind::Cancelled => transient(20),
            ErrorKind::Reentrant => neither(21),
            ErrorKind::NotFound => neither(22),
            ErrorKind::NoRuntime => neither(23),
            ErrorKind::InvalidTag => neither(24),
        }
    }

    fn name(cache: &str) -> Arc<str> {
        Arc::from(cache)
    }

    fn refused() -> CacheError {
        let cause = io::Error::new(io::ErrorKind::ConnectionRefused, "connection refused");
        CacheError::new(ErrorKind::Unavailable, "the server does not answer; start it").with_source(cause)
    }

    #[test]
    fn all_holds_every_kind_in_its_place() {
        for (place, kind) in ErrorKind::ALL.into_iter().enumerate() {
            assert_eq!(expected(kind).place, place, "{kind:?}");
        }
        assert_eq!(expected(ErrorKind::InvalidTag).place + 1, ErrorKind::ALL.len());
    }

    #[test]
    fn no_two_kinds_share_a_word() {
        let words: HashSet<_> = ErrorKind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(words.len(), ErrorKind::ALL.len());
    }

    #[test]
    fn words_are_fit_to_be_label_values() {
        for kind in ErrorKind::ALL {
            assert!(
                kind.as_str().bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
                "{kind}"
            );
        }
    }

    #[test]
    fn what_may_pass_by_itself_is_transient() {
        for kind in ErrorKind::ALL {
            assert_eq!(
                CacheError::new(kind, "").is_transient(),
                expected(kind).transient,
                "{kind}"
            );
        }
    }

    #[test]
    fn what_could_not_be_read_is_a_decode_error() {
        for kind in ErrorKind::ALL {
            assert_eq!(
                CacheError::new(kind, "").is_decode(),
                expected(kind).decode,
                "{kind}"
            );
        }
    }

    #[test]
    fn display_prints_one_level_and_not_the_cause() {
        assert_eq!(refused().to_string(), "the server does not answer; start it");
    }

    #[test]
    fn display_begins_with_what_the_caller_was_doing() {
        let key = Key::new("user:7\n").unwrap();
        let error = refused().with_context(Operation::Get, &name("users"), Some(key));
        let expected = r#"get on cache "users", key "user:7\n": the server does not answer; start it"#;
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn the_message_says_nothing_about_the_key() {
        let error = refused().with_context(Operation::Get, &name("users"), Some(Key::new("user:7").unwrap()));
        assert_eq!(error.message(), "the server does not answer; start it");
    }

    #[test]
    fn display_without_a_key_says_nothing_about_one() {
        let error = refused().with_context(Operation::Clear, &name("users"), None);
        assert_eq!(
            error.to_string(),
            r#"clear on cache "users": the server does not answer; start it"#
        );
    }

    #[test]
    fn a_long_key_is_not_shown_whole() {
        let key = format!("{}secret", "k".repeat(32));
        let error = refused().with_context(Operation::Get, &name("users"), Some(Key::new(&key).unwrap()));
        assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
    }

    #[test]
    fn the_chain_of_causes_is_kept() {
        let error = CacheError::new(ErrorKind::Backend, "outer").with_source(refused());
        let cause = error.source().unwrap();
        assert_eq!(cause.to_string(), "the server does not answer; start it");
        assert_eq!(cause.source().unwrap().to_string(), "connection refused");
        assert!(cause.source().unwrap().is::<io::Error>());
    }

    #[test]
    fn context_keeps_the_cause_and_the_kind() {
        let error = refused().with_context(Operation::Get, &name("users"), None);
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert_eq!(error.source().unwrap().to_string(), "connection refused");
    }

    #[test]
    fn the_inner_level_has_said_what_the_caller_was_doing() {
        let (inner, outer) = (Key::new("inner").unwrap(), Key::new("outer").unwrap());
        let error = refused()
            .with_context(Operation::Get, &name("near"), Some(inner))
            .with_context(Operation::Set, &name("far"), Some(outer));
        assert_eq!(
            (error.operation(), error.cache()),
            (Some(Operation::Get), Some("near"))
        );
        assert!(error.to_string().contains(r#"key "inner""#), "{error}");
    }

    #[test]
    fn an_outer_level_adds_what_the_inner_did_not_know() {
        let error = refused()
            .with_context(Operation::Get, &name("near"), None)
            .with_context(Operation::Set, &name("far"), Some(Key::new("outer").unwrap()));
        assert_eq!(error.operation(), Some(Operation::Get));
        assert!(error.to_string().contains(r#"key "outer""#), "{error}");
    }

    #[test]
    fn a_clone_shares_the_error() {
        let error = refused();
        assert!(Arc::ptr_eq(&error.0, &error.clone().0));
    }

    #[test]
    fn context_of_a_clone_is_not_that_of_the_others() {
        let error = refused();
        let clone = error.clone().with_context(Operation::Get, &name("users"), None);
        assert_eq!(
            (error.operation(), clone.operation()),
            (None, Some(Operation::Get))
        );
    }

    #[test]
    fn the_error_of_a_closed_cache_says_so() {
        assert_eq!(CacheError::closed().kind(), ErrorKind::Closed);
    }
}
