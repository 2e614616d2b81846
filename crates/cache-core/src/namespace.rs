//! Namespaces, which keep the keys of caches apart that share one server. Joining cannot be ambiguous.

use std::fmt;

use crate::error::{CacheError, ErrorKind, Result};
use crate::key::Key;

/// The space that the keys of one cache live in.
///
/// A stored key is `namespace:key`. Inside the namespace `:` is written `%3A` and `%` is written `%25`, so that the
/// first `:` always ends it: no two pairs of namespace and key give the same stored key, and people still read it.
///
/// ```
/// # use cache_core::{Key, Namespace};
/// let users = Namespace::new("shop:users")?;
/// assert_eq!(users.join(Key::new("7")?), "shop%3Ausers:7");
/// assert_ne!(Namespace::new("a:b")?.join(Key::new("c")?), Namespace::new("a")?.join(Key::new("b:c")?));
/// # Ok::<_, cache_core::CacheError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Namespace {
    /// The escaped name with the `:` behind it.
    prefix: Box<str>,
}

impl Namespace {
    /// Makes a namespace from its name.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidName`] for the empty name, which would put the cache among everybody's keys.
    pub fn new(name: &str) -> Result<Self> {
        if name.is_empty() {
            return Err(CacheError::new(
                ErrorKind::InvalidName,
                "the namespace is empty; name one so that no foreign key is touched",
            ));
        }
        let prefix = name.replace('%', "%25").replace(':', "%3A") + ":";
        Ok(Self {
            prefix: prefix.into_boxed_str(),
        })
    }

    /// Returns what each stored key of this namespace begins with.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Returns the stored form of a key.
    pub fn join(&self, key: Key<'_>) -> String {
        let mut stored = String::with_capacity(self.prefix.len() + key.as_str().len());
        stored.push_str(&self.prefix);
        stored.push_str(key.as_str());
        stored
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Namespace").field(&self.prefix).finish()
    }
}
